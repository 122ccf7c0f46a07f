/* See batch_check.h. */
#include "batch_check.h"

#include "limits.h"

static void submit(struct batch_check *check, enum job_kind kind, size_t work_bytes);

/* On a thread of the pool. */
static void check_work(struct job *job)
{
    struct batch_check *check = CONTAINER_OF(job, struct batch_check, job);
    batch_validate(&check->verdict, check->bytes, check->size_bytes, &check->rules, check->zstd_allowed, check->now_ms,
                   check->arena, &check->walk);
    record_walk_release(&check->walk);
}

static void check_done(struct job *job, bool canceled)
{
    struct batch_check *check = CONTAINER_OF(job, struct batch_check, job);
    if (!canceled && check->verdict.refusal == BATCH_UNDECIDED)
        submit(check, JOB_CHECK_LONG, SIZE_MAX);
    else
        check->done(check, canceled);
}

static void submit(struct batch_check *check, enum job_kind kind, size_t work_bytes)
{
    check->job = (struct job){.kind = kind, .name = "batch validated", .work = check_work, .done = check_done};
    check->verdict = (struct batch_verdict){.refusal = BATCH_UNDECIDED};
    record_walk_init(&check->walk);
    check->walk.work_bytes = work_bytes;
    check->executor->submit(check->executor, &check->job);
}

void batch_check_begin(struct batch_check *check, struct executor *executor)
{
    check->executor = executor;
    submit(check, JOB_CHECK, CHECK_WORK_BYTES);
}
