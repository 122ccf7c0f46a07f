/* See timestamp_search.h. */
#include "timestamp_search.h"

#include "limits.h"

static void submit(struct timestamp_search *search, enum job_kind kind, size_t work_bytes);

/* On a thread of the pool. */
static void search_work(struct job *job)
{
    struct timestamp_search *search = CONTAINER_OF(job, struct timestamp_search, job);
    search->status = log_lookup_batch(&search->lookup, &search->walk, &search->found);
    record_walk_release(&search->walk);
}

static void search_done(struct job *job, bool canceled)
{
    struct timestamp_search *search = CONTAINER_OF(job, struct timestamp_search, job);
    if (!canceled && search->status == STORAGE_BATCH_UNDECIDED)
        submit(search, JOB_CHECK_LONG, SIZE_MAX);
    else
        search->done(search, canceled);
}

static void submit(struct timestamp_search *search, enum job_kind kind, size_t work_bytes)
{
    search->job =
        (struct job){.kind = kind, .name = "search for a timestamp", .work = search_work, .done = search_done};
    record_walk_init(&search->walk);
    search->walk.work_bytes = work_bytes;
    search->executor->submit(search->executor, &search->job);
}

void timestamp_search_begin(struct timestamp_search *search, struct executor *executor)
{
    search->executor = executor;
    submit(search, JOB_CHECK, CHECK_WORK_BYTES);
}
