/* The pool of threads, in a test: jobs wait until the test says that they run, all or one by one, in order. */
#ifndef DOHLE_TESTS_TEST_POOL_H
#define DOHLE_TESTS_TEST_POOL_H

#include "protocol/base.h"
#include "storage/executor.h"

#include <stdbool.h>

struct test_pool {
    struct executor executor;
    struct list jobs; /* struct job, submitted and not yet run */
};

/* A pool must not move while jobs wait in it. */
void test_pool_init(struct test_pool *pool);
/* Run the jobs that wait, and those that these submit. Returns how many. */
int test_pool_run(struct test_pool *pool);
/* Run the job that was submitted first, and nothing that comes of it. False: there is none. */
bool test_pool_run_first(struct test_pool *pool);
/* Take that job away, for a test in which something happens between its work() and its done(). NULL: there is none. */
struct job *test_pool_take(struct test_pool *pool);
/* How many jobs of a kind wait. */
int test_pool_count(const struct test_pool *pool, enum job_kind kind);
/* Tell the owners of the jobs that wait that these are canceled. */
void test_pool_cancel(struct test_pool *pool);

#endif
