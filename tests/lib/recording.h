/* Recorded answers of a scenario file: Apache Kafka's, kept as text beside it.
 *
 *     scenario fetch-an-empty-log
 *     3 Fetch 4-18 {throttle_time_ms: 0, error_code: NONE, session_id: 0, responses: []}
 *     4 Fetch 4-18 closed
 *     5 files {files: [...], checkpoints: [...]}
 *
 * The number is the step's in its scenario. An answer stands once for consecutive versions whose fields have the same
 * values: it then has the fields of all these versions, and that of one version is found by leaving out what the
 * version lacks. */
#ifndef DOHLE_TESTS_LIB_RECORDING_H
#define DOHLE_TESTS_LIB_RECORDING_H

#include "player.h"

struct recorded {
    const char *scenario;
    int32_t step_number;
    const char *api;
    int32_t version_min, version_max; /* -1: of a scenario that is for no API */
    struct value *answer;             /* NULL: the connection is closed */
    struct recorded *next;
};

/* Parse a file's text. False: *error. All memory is from `arena`. */
bool recording_parse(const char *text, size_t size, struct arena *arena, struct recorded **recording,
                     const char **error);

/* The answer to a step, NULL when none was recorded. */
const struct recorded *recording_find(const struct recorded *recording, const char *scenario, int32_t step_number,
                                      int32_t version);
/* Leave out of an answer, a copy of the recorded one, what a version of the API lacks. */
void recorded_narrow(const struct recorded *recorded, struct value *answer, int16_t version);
/* Answers that a play of the scenario in this version brings. */
int32_t recording_count(const struct recorded *recording, const char *scenario, int32_t version);

/* Write the answers of a scenario that was played in `count` versions from `version_min` on. */
void recording_write(FILE *file, const struct scenario *scenario, const struct play *plays, int32_t version_min,
                     int32_t count, struct arena *arena);

#endif
