/* Scenarios of the conformance suite as parsed from their text. The language is told in tests/conformance/README.md. */
#ifndef DOHLE_TESTS_LIB_SCENARIO_H
#define DOHLE_TESTS_LIB_SCENARIO_H

#include "value.h"

enum step_kind {
    STEP_LET,             /* give a value a name */
    STEP_TOPIC,           /* create a topic and wait until it is led: the answer is not recorded */
    STEP_GROUP,           /* name a group and wait until it is coordinated: nothing is recorded */
    STEP_TRANSACTION,     /* name a transactional id and wait until it is coordinated: nothing is recorded */
    STEP_REQUEST,         /* send, and receive the answer */
    STEP_SEND,            /* send only */
    STEP_RECEIVE,         /* receive the answer of the oldest request that was only sent */
    STEP_FRAME,           /* send bytes as one frame, that is, behind their length */
    STEP_RAW,             /* send bytes */
    STEP_WAITING,         /* the broker has not answered what was sent, nor closed */
    STEP_CLOSE,           /* close our side */
    STEP_CLIENT,          /* the connection's further requests name this client id */
    STEP_PASS,            /* let time pass */
    STEP_STOP,            /* the broker ends, properly; all connections end with it */
    STEP_KILL,            /* the broker's process is killed */
    STEP_START,           /* the broker starts again, at the same address */
    STEP_RESTART,         /* STEP_STOP, STEP_START */
    STEP_FILES,           /* the files of a partition: compared as an answer is */
    STEP_GROUP_LOG,       /* what __consumer_offsets holds of a group: compared as an answer is */
    STEP_TRANSACTION_LOG, /* what __transaction_state holds of a transactional id: compared as an answer is */
};

/* One condition or change on a place of an answer, or a binding: what follows a step on its own lines. */
struct step_note {
    enum {
        NOTE_EXPECT,     /* the place has the value */
        NOTE_UNTIL,      /* ask again until it has the value: Kafka's caches follow its controller later */
        NOTE_EVENTUALLY, /* ask again until it has the value, whichever broker: something goes on behind the answers */
        NOTE_BIND,       /* from now on `name` stands for the value at the place */
        NOTE_PICK, /* of the list at the place, only items whose `name` begins with the text, or is in the list, `value`
                    */
        NOTE_DIFFERS, /* dohle's answer has this value there, on purpose; `why` says it. No value: nothing is there */
    } kind;
    const char *path, *name, *why;
    struct value *value;
    struct step_note *next;
};

struct step {
    enum step_kind kind;
    int32_t line;
    const char *connection; /* "main" when none was named */
    const char *api;        /* such as "Fetch" */
    int32_t version;        /* -1: the scenario's when it is for this API, else the newest */
    const char *name;    /* STEP_LET, STEP_TOPIC, STEP_GROUP, STEP_TRANSACTION; of steps that look: as these named it */
    struct value *value; /* request body; value; topic's configs; settings of a start; bytes; client id */
    int64_t number;      /* milliseconds; partitions of a topic; the partition */
    int64_t at_least_ms; /* the answer may not come sooner; 0: any time */
    bool expect_closed;  /* the connection is closed instead of an answer */
    bool unanswered;     /* of a request that was only sent: no answer will come (Produce with acks 0) */
    struct step_note *notes;
    struct step *next;
};

struct scenario {
    const char *name;
    int32_t line;
    const char *api; /* repeated for versions of this API; NULL: played once */
    int32_t version_min, version_max;
    struct step *steps;
    struct scenario *next;
};

/* Parse a file's text. NULL on an error, which *error tells with its line. All memory is from `arena`. */
struct scenario *scenario_parse(const char *text, size_t size, struct arena *arena, const char **error);

#endif
