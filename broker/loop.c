/* The event loop: one thread that owns all state, and a small pool for what may block.
 *
 * A turn of libuv's loop is: timers, prepare, wait for events and call back, check. All callbacks gather; the prepare
 * handle, which comes after timers and after the events of the turn before, acts: the broker wakes what waits for what
 * was appended, then the connections write what was answered. So appends of a turn wake their waiters once, and answers
 * of a turn leave in one write. Then comes what goes in parts; nobody's answer waits for that, and its own leave too.
 *
 * Turns are measured, without what the loop waits in them: it is what a client may have to wait for others.
 *
 * The pool. Each job kind has its share of threads; a job that finds none free waits in its kind's queue. Completion
 * comes back through libuv on the loop's thread. What cleans up has a thread of its own, which gives way to all others.
 */
#include "loop.h"

#include "broker.h"
#include "thread_priority.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static int64_t clock_ms(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int64_t env_nanoseconds(struct env *env)
{
    (void)env;
    return (int64_t)uv_hrtime();
}

static struct now env_now(struct env *env)
{
    (void)env;
    return (struct now){.wall_ms = clock_ms(CLOCK_REALTIME), .mono_ms = clock_ms(CLOCK_MONOTONIC)};
}

static void env_random(struct env *env, void *bytes, size_t size)
{
    (void)env;
    for (size_t filled = 0; filled < size;) {
        size_t left = size - filled;
        /* at most 256 bytes a call: so much getentropy() gives at once */
        size_t part = left < 256 ? left : 256;
        ASSERT(getentropy((char *)bytes + filled, part) == 0);
        filled += part;
    }
}

/* ---- jobs ----------------------------------------------------------------------------------------------------------- */

static void start_jobs(struct loop *loop, enum job_kind kind);
static void loop_did(struct turn *turn, const char *what);

static void worker_done(struct loop_worker *worker, bool canceled)
{
    struct job *job = worker->job;
    worker->job = NULL;
    worker->loop->busy_workers--;
    const char *name = job->name;
    job->done(job, canceled);
    loop_did(&worker->loop->turn, name);
    start_jobs(worker->loop, worker->kind);
}

/* The pool's threads inherit from the loop's, which comes first. */
static void pool_work(uv_work_t *work)
{
    static _Thread_local bool begun;
    if (!begun)
        thread_priority_set(THREAD_USUAL);
    begun = true;
    struct job *job = CONTAINER_OF(work, struct loop_worker, work)->job;
    job->work(job);
}

static void pool_done(uv_work_t *work, int status)
{
    worker_done(CONTAINER_OF(work, struct loop_worker, work), status == UV_ECANCELED);
}

static void quiet_work(void *context)
{
    struct loop_worker *worker = context;
    worker->job->work(worker->job);
    uv_async_send(&worker->loop->quiet_done);
}

static void quiet_done(uv_async_t *async)
{
    struct loop *loop = CONTAINER_OF(async, struct loop, quiet_done);
    uv_unref((uv_handle_t *)async);
    worker_done(loop->quiet_worker, false);
}

static void work_quietly(struct loop_worker *worker)
{
    struct loop *loop = worker->loop;
    loop->quiet_worker = worker;
    uv_ref((uv_handle_t *)&loop->quiet_done);
    quiet_thread_do(&loop->quiet, quiet_work, worker);
}

static void start_jobs(struct loop *loop, enum job_kind kind)
{
    for (int i = 0; i < LOOP_THREADS && !list_empty(&loop->waiting[kind]); i++) {
        struct loop_worker *worker = &loop->workers[i];
        if (worker->kind != kind || worker->job != NULL)
            continue;
        struct job *job = CONTAINER_OF(loop->waiting[kind].next, struct job, queue);
        list_remove(&job->queue);
        worker->job = job;
        loop->busy_workers++;
        if (kind == JOB_CLEANUP)
            work_quietly(worker);
        else
            ASSERT(uv_queue_work(&loop->uv, &worker->work, pool_work, pool_done) == 0);
    }
}

static void executor_submit(struct executor *executor, struct job *job)
{
    struct loop *loop = CONTAINER_OF(executor, struct loop, executor);
    list_init(&job->queue);
    list_append(&loop->waiting[job->kind], &job->queue);
    start_jobs(loop, job->kind);
}

void loop_cancel_jobs(struct loop *loop, enum job_kind kind)
{
    while (!list_empty(&loop->waiting[kind])) {
        struct job *job = CONTAINER_OF(loop->waiting[kind].next, struct job, queue);
        list_remove(&job->queue);
        job->done(job, true);
    }
}

/* ---- turns ---------------------------------------------------------------------------------------------------------- */

static void wake_cb(uv_timer_t *timer)
{
    struct loop *loop = CONTAINER_OF(timer, struct loop, wake);
    loop->wake_ms = INT64_MAX;
    loop_did(&loop->turn, "events");
    if (loop->broker != NULL)
        broker_tick(loop->broker);
}

static void env_wake_at(struct env *env, int64_t mono_ms)
{
    struct loop *loop = CONTAINER_OF(env, struct loop, env);
    if (mono_ms >= loop->wake_ms)
        return;
    loop->wake_ms = mono_ms;
    /* libuv counts from the time of its turn, which may be a little old: a wake may come early, and is then wished for
     * again */
    uv_update_time(&loop->uv);
    int64_t wait = mono_ms - env->now(env).mono_ms;
    uv_timer_start(&loop->wake, wake_cb, wait > 0 ? (uint64_t)wait : 0, 0);
}

static void again_cb(uv_idle_t *again)
{
    uv_idle_stop(again);
}

void loop_run_again(struct loop *loop)
{
    uv_idle_start(&loop->again, again_cb);
}

/* The clock that stands while the loop waits for events. */
static int64_t busy_ns(struct loop *loop)
{
    return (int64_t)(uv_hrtime() - uv_metrics_idle_time(&loop->uv));
}

static bool loop_has_time(struct turn *turn)
{
    struct loop *loop = CONTAINER_OF(turn, struct loop, turn);
    return loop->broker == NULL || turn_times_left(&loop->times, busy_ns(loop));
}

static void loop_did(struct turn *turn, const char *what)
{
    struct loop *loop = CONTAINER_OF(turn, struct loop, turn);
    turn_times_did(&loop->times, busy_ns(loop), what);
}

static void answer(struct loop *loop)
{
    if (loop->broker != NULL)
        broker_wake_waiting(loop->broker);
    if (loop->flush_output != NULL)
        loop->flush_output(loop);
    loop_did(&loop->turn, "sending answers");
}

static void turn_end_cb(uv_prepare_t *prepare)
{
    struct loop *loop = CONTAINER_OF(prepare, struct loop, turn_end);
    loop_did(&loop->turn, "events");
    answer(loop);
    if (loop->broker != NULL && broker_turn_end(loop->broker))
        answer(loop);
    turn_times_end(&loop->times, busy_ns(loop), thread_clock_now, &loop->thread_clock);
    loop->turns++;
}

void loop_signaled(struct loop *loop)
{
    turn_times_restart(&loop->times, busy_ns(loop));
}

void loop_begin(struct loop *loop, struct broker *broker)
{
    loop->broker = broker;
    thread_priority_set(THREAD_FIRST);
    turn_times_begin(&loop->times, busy_ns(loop), thread_clock_now(&loop->thread_clock));
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

void loop_init(struct loop *loop)
{
    *loop = (struct loop){
        .wake_ms = INT64_MAX,
        .turns = 1,
        .executor.submit = executor_submit,
        .env = {.files = file_io_posix(),
                .executor = &loop->executor,
                .now = env_now,
                .random = env_random,
                .nanoseconds = env_nanoseconds,
                .wake_at = env_wake_at,
                .turn = &loop->turn},
        .turn = {.has_time = loop_has_time,     .did = loop_did},
    };
    char threads[12];
    snprintf(threads, sizeof threads, "%d", LOOP_THREADS - LOOP_CLEANUP_THREADS);
    thread_clock_open(&loop->thread_clock);
    setenv("UV_THREADPOOL_SIZE", threads, 1);
    ASSERT(uv_loop_init(&loop->uv) == 0);
    ASSERT(uv_loop_configure(&loop->uv, UV_METRICS_IDLE_TIME) == 0);
    for (int kind = 0; kind < JOB_KINDS; kind++)
        list_init(&loop->waiting[kind]);
    static const int threads_of[JOB_KINDS] = {
        [JOB_FLUSH] = LOOP_FLUSH_THREADS, [JOB_READ] = LOOP_READ_THREADS,       [JOB_CLEANUP] = LOOP_CLEANUP_THREADS,
        [JOB_CHECK] = LOOP_CHECK_THREADS, [JOB_CHECK_LONG] = LOOP_LONG_THREADS, [JOB_MAKE] = LOOP_MAKE_THREADS};
    struct loop_worker *worker = loop->workers;
    for (int kind = 0; kind < JOB_KINDS; kind++) {
        for (int i = 0; i < threads_of[kind]; i++, worker++) {
            worker->loop = loop;
            worker->kind = (enum job_kind)kind;
        }
    }
    quiet_thread_init(&loop->quiet);
    ASSERT(uv_async_init(&loop->uv, &loop->quiet_done, quiet_done) == 0);
    uv_timer_init(&loop->uv, &loop->wake);
    uv_idle_init(&loop->uv, &loop->again);
    uv_prepare_init(&loop->uv, &loop->turn_end);
    uv_prepare_start(&loop->turn_end, turn_end_cb);
    /* sockets and jobs keep the loop going, not these */
    uv_unref((uv_handle_t *)&loop->wake);
    uv_unref((uv_handle_t *)&loop->turn_end);
    uv_unref((uv_handle_t *)&loop->quiet_done);
}

void loop_close(struct loop *loop)
{
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->again, NULL);
    uv_close((uv_handle_t *)&loop->turn_end, NULL);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0)
        ;
    ASSERT(loop->busy_workers == 0);
    quiet_thread_close(&loop->quiet);
    uv_close((uv_handle_t *)&loop->quiet_done, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    ASSERT(uv_loop_close(&loop->uv) == 0);
    thread_clock_close(&loop->thread_clock);
}
