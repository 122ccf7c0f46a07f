/* Plays scenarios against a broker and keeps its answers in their comparable form. */
#ifndef DOHLE_TESTS_LIB_PLAYER_H
#define DOHLE_TESTS_LIB_PLAYER_H

#include "names.h"
#include "scenario.h"

#include "messages.h"

#define PLAYER_VERSIONS_MAX 32 /* no API has as many */

/* The broker's process, for steps that end it, start it, and look at its files. */
struct player_process {
    /* False: it did not end, or start, well. */
    bool (*stop)(struct player_process *process, bool kill);
    /* `settings`: an object of names and texts or numbers, for this start alone; NULL: none. */
    bool (*start)(struct player_process *process, const struct value *settings);
    const char *data_folder;
    /* Milliseconds that its wall clock and its monotonic clock are ahead of ours, for us to set: then what waits takes
     * no time. NULL: its clocks are its own. */
    volatile int64_t *ahead_ms;
};

struct player {
    const char *host;
    int32_t port;
    /* The broker is Apache Kafka: its broker side learns of changes after its controller has answered, so `until` and
     * `topic` may ask again; and differences on purpose do not apply. */
    bool kafka;
    struct player_process *process; /* NULL: it cannot be stopped; the owner may set it */
    struct names names;             /* $host, $port, $cluster_id */
    struct arena arena;             /* of those names */
    uint64_t run;                   /* in every $unique, so that a broker can be played against again */
    bool gone;                      /* no connection can be made any more */
    int32_t answer_timeout_ms;      /* what takes longer fails; the owner may set it */
    int32_t correlation_id;
    struct kp_versions advertised[KP_APIS_COUNT];       /* by ApiVersions, by position in kp_apis; none: first > last */
    int32_t played[KP_APIS_COUNT][PLAYER_VERSIONS_MAX]; /* requests of scenarios by position in kp_apis and version */
};

/* Of one scenario in one version: it may hold some answers of a megabyte, as text. */
#define PLAYER_ARENA_BYTES (256 << 20)

/* Instead of an API's name, of a step that looks at files. */
#define PLAYER_FILES           "files"
#define PLAYER_GROUP_LOG       "group_log"
#define PLAYER_TRANSACTION_LOG "transaction_log"

/* What one step brought. */
struct outcome {
    const struct step *step;
    int32_t number;       /* of the step in its scenario, from 1 */
    const char *api;      /* or PLAYER_FILES, PLAYER_GROUP_LOG, PLAYER_TRANSACTION_LOG */
    int16_t version;      /* of the API */
    struct value *answer; /* NULL: the connection was closed */
    struct outcome *next;
};

struct play {
    struct outcome *outcomes;
    const char *error; /* why it was not played to its end; NULL: it was */
    int32_t error_line;
};

/* Ask the broker who it is. False: *error. */
bool player_init(struct player *player, const char *host, int32_t port, bool kafka, const char **error);
void player_release(struct player *player);

/* Play `scenario` in `version` (-1: it is for no API). What is in *play is from `arena`. */
void player_play(struct player *player, const struct scenario *scenario, int32_t version, struct arena *arena,
                 struct play *play);

/* The API of that name, NULL when there is none. */
const struct kp_api *player_api(const char *name);

#endif
