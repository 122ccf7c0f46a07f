/* An environment that the test drives: its clock stands until the test moves it, jobs run when the test says, and
 * chance is a counter from a seed. Files are whatever the test puts in. */
#ifndef DOHLE_TESTS_TEST_ENV_H
#define DOHLE_TESTS_TEST_ENV_H

#include "broker/env.h"
#include "test_pool.h"

struct test_env {
    struct env env;
    struct test_pool pool;
    struct now now;
    int64_t nanoseconds;
    int64_t work_ns; /* what passes between two looks at env->nanoseconds(); 0 until the test sets it */
    uint64_t seed;
    struct turn turn; /* without time */
    int64_t wake_ms;  /* the earliest wake that was wished for since the test last set it; INT64_MAX: none */
};

/* The clock begins at wall 1,700,000,000,000 ms and mono 1,000,000 ms. */
void test_env_init(struct test_env *env, struct file_io *files);
/* From now on no turn has time for work in parts, which so does one part at each turn's end. Else all is done at once.
 */
void test_env_short_turns(struct test_env *env);
/* Move both clocks. */
void test_env_advance(struct test_env *env, int64_t ms);

#endif
