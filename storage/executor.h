/* Work that may block, done elsewhere: the seam between the code that owns state and the pool of threads.
 *
 * A job is embedded in the struct of its owner and touches, while it runs, only what that struct holds. Completion is
 * told on the thread that submitted it, never from inside submit(). Tests put in an executor that runs jobs when, and
 * in the order that, the test says. */
#ifndef DOHLE_STORAGE_EXECUTOR_H
#define DOHLE_STORAGE_EXECUTOR_H

#include "../protocol/list.h"

#include <stdbool.h>

/* Each kind has its own share of the pool, so that slow work of one kind never keeps another waiting. */
enum job_kind {
    JOB_FLUSH,      /* fsync of logs and of the metadata log */
    JOB_READ,       /* cold reads */
    JOB_CLEANUP,    /* removing files, compaction, retention */
    JOB_CHECK,      /* validation of batches, up to a bound of work */
    JOB_CHECK_LONG, /* and of those above it */
    JOB_MAKE,       /* folders of new logs, one after the other */
    JOB_KINDS
};

struct job {
    enum job_kind kind;
    const char *name;              /* what its owner does in done(), for whoever measures it; a constant */
    void (*work)(struct job *job); /* on a thread of the pool */
    void (*done)(struct job *job, bool canceled); /* on the submitting thread; canceled: work() was not called */
    struct list queue;                            /* the executor's */
};

struct executor {
    /* The job and what it touches must live until done(). */
    void (*submit)(struct executor *executor, struct job *job);
};

#endif
