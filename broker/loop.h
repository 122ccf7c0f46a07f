/* The event loop and what the broker's environment is made of: time, threads, chance. One of the four files with libuv.
 * See loop.c. */
#ifndef DOHLE_BROKER_LOOP_H
#define DOHLE_BROKER_LOOP_H

#include "env.h"
#include "quiet_thread.h"
#include "turn_times.h"

#include <uv.h>

struct broker;
struct loop;

/* Threads of the pool by job kind: syncs, cold reads and validations go on side by side; cleaning up, and validations
 * that take long, never keep them waiting. */
#define LOOP_FLUSH_THREADS   2
#define LOOP_READ_THREADS    2
#define LOOP_CLEANUP_THREADS 1 /* the quiet one */
#define LOOP_CHECK_THREADS   2
#define LOOP_LONG_THREADS    1
#define LOOP_MAKE_THREADS    1 /* their order counts */
#define LOOP_THREADS                                                                                                   \
    (LOOP_FLUSH_THREADS + LOOP_READ_THREADS + LOOP_CLEANUP_THREADS + LOOP_CHECK_THREADS + LOOP_LONG_THREADS +          \
     LOOP_MAKE_THREADS)

/* One thread's worth of work in the pool. */
struct loop_worker {
    uv_work_t work;
    struct loop *loop;
    struct job *job; /* NULL: free */
    enum job_kind kind;
};

struct loop {
    uv_loop_t uv;
    struct env env;
    struct executor executor;
    struct list waiting[JOB_KINDS]; /* struct job */
    struct loop_worker workers[LOOP_THREADS];
    int busy_workers;
    struct quiet_thread quiet;
    uv_async_t quiet_done;
    struct loop_worker *quiet_worker; /* whose job it does, or did last */
    uv_timer_t wake;
    int64_t wake_ms; /* monotonic; INT64_MAX: not wanted */
    uv_prepare_t turn_end;
    uv_idle_t again;  /* active: the loop does not wait, a connection has more to send */
    int64_t turns;    /* how many there were, this one included */
    struct turn turn; /* env.turn */
    struct turn_times times;
    struct thread_clock thread_clock;
    struct broker *broker;                   /* NULL until it is open */
    void (*flush_output)(struct loop *loop); /* whenever the broker has woken who waited; may be NULL */
    void *server;                            /* of flush_output's owner */
};

/* Ready for uv_run(); the environment is loop->env. Ends the process when the system refuses even that. */
void loop_init(struct loop *loop);

/* Cancel the jobs of a kind that have not begun; the others end in their time, and the loop goes on until then. */
void loop_cancel_jobs(struct loop *loop, enum job_kind kind);

/* Serve: the first turn begins, for `broker`. */
void loop_begin(struct loop *loop, struct broker *broker);

/* A signal has come, which ends the wait for events: libuv forgets how long that had been when it is interrupted, and
 * the turn would be measured with it. */
void loop_signaled(struct loop *loop);

/* Have another turn without waiting for events. */
void loop_run_again(struct loop *loop);

/* Close the loop's own handles and run until all handles are closed and all jobs have ended. */
void loop_close(struct loop *loop);

#endif
