/* See test_pool.h. */
#include "test_pool.h"

static void submit(struct executor *executor, struct job *job)
{
    struct test_pool *pool = CONTAINER_OF(executor, struct test_pool, executor);
    list_init(&job->queue);
    list_append(&pool->jobs, &job->queue);
}

void test_pool_init(struct test_pool *pool)
{
    pool->executor.submit = submit;
    list_init(&pool->jobs);
}

struct job *test_pool_take(struct test_pool *pool)
{
    if (list_empty(&pool->jobs))
        return NULL;
    struct job *job = CONTAINER_OF(pool->jobs.next, struct job, queue);
    list_remove(&job->queue);
    return job;
}

bool test_pool_run_first(struct test_pool *pool)
{
    struct job *job = test_pool_take(pool);
    if (job == NULL)
        return false;
    job->work(job);
    job->done(job, false);
    return true;
}

int test_pool_run(struct test_pool *pool)
{
    int count = 0;
    while (test_pool_run_first(pool))
        count++;
    return count;
}

int test_pool_count(const struct test_pool *pool, enum job_kind kind)
{
    int count = 0;
    list_for_each (&pool->jobs, node)
        count += CONTAINER_OF(node, struct job, queue)->kind == kind;
    return count;
}

void test_pool_cancel(struct test_pool *pool)
{
    for (struct job *job; (job = test_pool_take(pool)) != NULL;)
        job->done(job, true);
}
