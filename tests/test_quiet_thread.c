/* Priorities of threads, and the one that gives way. */
#include "broker/quiet_thread.h"
#include "broker/thread_priority.h"
#include "protocol/base.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

struct told {
    atomic_int count;
    int priority, policy;
};

static void tell(void *context)
{
    struct told *told = context;
#ifdef __linux__
    told->priority = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
    told->policy = sched_getscheduler(0);
#endif
    atomic_fetch_add(&told->count, 1);
}

static void what_is_given_is_done_before_the_end(void **state)
{
    (void)state;
    struct quiet_thread quiet;
    struct told told = {0};
    quiet_thread_init(&quiet);
    for (int given = 1; given <= 100; given++) {
        quiet_thread_do(&quiet, tell, &told);
        while (given < 100 && atomic_load(&told.count) < given)
            ;
    }
    quiet_thread_close(&quiet);
    assert_int_equal(told.count, 100);
}

static void it_asks_for_less_than_others_and_later(void **state)
{
    (void)state;
#ifdef __linux__
    struct quiet_thread quiet;
    struct told told = {0};
    int ours = getpriority(PRIO_PROCESS, 0), our_policy = sched_getscheduler(0);
    quiet_thread_init(&quiet);
    quiet_thread_do(&quiet, tell, &told);
    quiet_thread_close(&quiet);
    assert_int_equal(told.priority, ours > 10 ? ours : 10);
    assert_int_equal(told.policy, our_policy == SCHED_OTHER ? SCHED_BATCH : our_policy);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), ours);
    assert_int_equal(sched_getscheduler(0), our_policy);
#else
    skip();
#endif
}

/* Without privileges nobody comes first. */
static void what_one_has_for_coming_first_is_taken_back(void **state)
{
    (void)state;
#ifdef __linux__
    if (getpriority(PRIO_PROCESS, 0) != 0)
        skip();
    thread_priority_set(THREAD_FIRST);
    int first = getpriority(PRIO_PROCESS, 0);
    assert_true(first == 0 || first == -5);
    thread_priority_set(THREAD_USUAL);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), 0);
#else
    skip();
#endif
}

static void it_need_not_begin(void **state)
{
    (void)state;
    struct quiet_thread quiet;
    quiet_thread_init(&quiet);
    assert_false(quiet.started);
    quiet_thread_close(&quiet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_given_is_done_before_the_end),
        cmocka_unit_test(it_asks_for_less_than_others_and_later),
        cmocka_unit_test(what_one_has_for_coming_first_is_taken_back),
        cmocka_unit_test(it_need_not_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
