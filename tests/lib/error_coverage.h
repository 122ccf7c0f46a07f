/* Which errors the recorded answers show of each API, and whether these are all that they should show.
 *
 * tests/conformance/errors.reachable says what each API may answer:
 *
 *     reason alone "a node that is alone leads all its partitions"
 *
 *     api Fetch
 *       shown OFFSET_OUT_OF_RANGE UNKNOWN_TOPIC_ID
 *       beyond alone NOT_LEADER_OR_FOLLOWER
 *
 * `shown`: some recorded answer of the API has it. `beyond`: one node cannot be brought to answer it, for that reason.
 * Blanks and ends of lines only separate; # begins a comment. */
#ifndef DOHLE_TESTS_LIB_ERROR_COVERAGE_H
#define DOHLE_TESTS_LIB_ERROR_COVERAGE_H

#include "recording.h"

#include "messages.h"

struct error_reason {
    const char *name, *text;
    struct error_reason *next;
};

/* One error of one API. */
struct error_named {
    const char *error;
    const struct error_reason *beyond; /* NULL: it is to be shown */
    int32_t line;
    bool seen; /* in a recorded answer */
    struct error_named *next;
};

struct error_coverage {
    struct arena *arena;
    struct error_reason *reasons;
    struct {
        bool listed;
        struct error_named *errors; /* in the order of the file */
        struct error_named *others; /* recorded, and not in the file */
    } apis[KP_APIS_COUNT];
};

/* Parse the file's text. False: *error. Everything is from `arena`, and texts stay where they are. */
bool error_coverage_parse(struct error_coverage *coverage, const char *text, size_t size, struct arena *arena,
                          const char **error);
/* Note the errors of these answers. */
void error_coverage_note(struct error_coverage *coverage, const struct recorded *recording);
/* Say on standard output what is wrong with the APIs that are advertised, and how many errors are shown. Returns how
 * much is wrong. */
int32_t error_coverage_check(const struct error_coverage *coverage, const struct kp_versions advertised[KP_APIS_COUNT]);

#endif
