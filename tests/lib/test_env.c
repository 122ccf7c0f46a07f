/* See test_env.h. */
#include "test_env.h"

#include "protocol/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct now test_now(struct env *env)
{
    return CONTAINER_OF(env, struct test_env, env)->now;
}

static int64_t test_nanoseconds(struct env *env)
{
    struct test_env *test = CONTAINER_OF(env, struct test_env, env);
    return test->nanoseconds += test->work_ns;
}

/* xorshift64*: the same bytes for the same seed. */
static void test_random(struct env *env, void *bytes, size_t size)
{
    struct test_env *test = CONTAINER_OF(env, struct test_env, env);
    for (size_t i = 0; i < size; i++) {
        test->seed ^= test->seed >> 12;
        test->seed ^= test->seed << 25;
        test->seed ^= test->seed >> 27;
        ((unsigned char *)bytes)[i] = (unsigned char)((test->seed * UINT64_C(0x2545f4914f6cdd1d)) >> 56);
    }
}

static void test_wake_at(struct env *env, int64_t mono_ms)
{
    struct test_env *test = CONTAINER_OF(env, struct test_env, env);
    if (mono_ms < test->wake_ms)
        test->wake_ms = mono_ms;
}

static bool test_has_time(struct turn *turn)
{
    (void)turn;
    return false;
}

static void test_did(struct turn *turn, const char *what)
{
    (void)turn;
    assert_non_null(what);
}

void test_env_short_turns(struct test_env *env)
{
    env->turn = (struct turn){.has_time = test_has_time, .did = test_did};
    env->env.turn = &env->turn;
}

void test_env_init(struct test_env *env, struct file_io *files)
{
    *env = (struct test_env){
        .now = {.wall_ms = 1700000000000, .mono_ms = 1000000},
        .seed = 1,
        .wake_ms = INT64_MAX,
    };
    env->env = (struct env){.files = files,
                            .executor = &env->pool.executor,
                            .now = test_now,
                            .nanoseconds = test_nanoseconds,
                            .random = test_random,
                            .wake_at = test_wake_at};
    test_pool_init(&env->pool);
}

void test_env_advance(struct test_env *env, int64_t ms)
{
    env->now.wall_ms += ms;
    env->now.mono_ms += ms;
}
