/* Timers: due ones are called in order, stopped ones never. */
#include "broker/timers.h"

#include "protocol/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define MANY 1000

struct probe {
    struct timer timer;
    struct run *run;
    int calls;
};

struct run {
    struct timers timers;
    struct probe probes[MANY];
    int64_t last_ms;
    int calls;
};

static void probe_expired(struct timer *timer)
{
    struct probe *probe = CONTAINER_OF(timer, struct probe, timer);
    assert_true(timer->deadline_ms >= probe->run->last_ms);
    probe->run->last_ms = timer->deadline_ms;
    probe->run->calls++;
    probe->calls++;
}

static int setup(void **state)
{
    struct run *run = xcalloc(1, sizeof *run);
    timers_init(&run->timers);
    for (int i = 0; i < MANY; i++) {
        run->probes[i].run = run;
        run->probes[i].timer.expired = probe_expired;
    }
    *state = run;
    return 0;
}

static int teardown(void **state)
{
    struct run *run = *state;
    for (int i = 0; i < MANY; i++)
        timer_stop(&run->timers, &run->probes[i].timer);
    timers_release(&run->timers);
    free(run);
    return 0;
}

/* Deadlines in no order: each a different multiple of 7 modulo a prime. */
static void start_all(struct run *run)
{
    for (int i = 0; i < MANY; i++)
        timer_start(&run->timers, &run->probes[i].timer, (i * 7) % 1009);
}

static void due_timers_are_called_by_deadline(void **state)
{
    struct run *run = *state;
    start_all(run);
    timers_run(&run->timers, 2000, NULL);
    assert_int_equal(run->calls, MANY);
    assert_int_equal(timers_next(&run->timers), INT64_MAX);
}

static void timers_after_now_wait(void **state)
{
    struct run *run = *state;
    start_all(run);
    timers_run(&run->timers, 500, NULL);
    int early = run->calls;
    assert_true(early > 0 && early < MANY);
    assert_true(timers_next(&run->timers) > 500);
    timers_run(&run->timers, 2000, NULL);
    assert_int_equal(run->calls, MANY);
}

static void stopped_timers_are_not_called(void **state)
{
    struct run *run = *state;
    start_all(run);
    for (int i = 0; i < MANY; i += 3)
        timer_stop(&run->timers, &run->probes[i].timer);
    timers_run(&run->timers, 2000, NULL);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(run->probes[i].calls, i % 3 == 0 ? 0 : 1);
}

static void a_timer_that_is_started_again_has_the_new_deadline(void **state)
{
    struct run *run = *state;
    start_all(run);
    timer_start(&run->timers, &run->probes[5].timer, 5000);
    timers_run(&run->timers, 2000, NULL);
    assert_int_equal(run->probes[5].calls, 0);
    assert_int_equal(timers_next(&run->timers), 5000);
    timers_run(&run->timers, 5000, NULL);
    assert_int_equal(run->probes[5].calls, 1);
}

static bool no_time(struct turn *turn)
{
    (void)turn;
    return false;
}

static void a_turn_without_time_calls_one(void **state)
{
    struct run *run = *state;
    struct turn turn = {.has_time = no_time};
    start_all(run);
    for (int i = 1; i <= MANY; i++) {
        timers_run(&run->timers, 2000, &turn);
        assert_int_equal(run->calls, i);
    }
    assert_int_equal(timers_next(&run->timers), INT64_MAX);
}

static void start_again(struct timer *timer)
{
    struct probe *probe = CONTAINER_OF(timer, struct probe, timer);
    probe->calls++;
    timer_start(&probe->run->timers, timer, timer->deadline_ms);
}

static void one_that_starts_itself_anew_waits_for_the_next_millisecond(void **state)
{
    struct run *run = *state;
    struct probe *probe = &run->probes[0];
    probe->timer.expired = start_again;
    timer_start(&run->timers, &probe->timer, 5);
    timers_run(&run->timers, 10, NULL);
    assert_int_equal(probe->calls, 1);
    assert_int_equal(timers_next(&run->timers), 11);
    timers_run(&run->timers, 11, NULL);
    assert_int_equal(probe->calls, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(due_timers_are_called_by_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(timers_after_now_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(stopped_timers_are_not_called, setup, teardown),
        cmocka_unit_test_setup_teardown(a_timer_that_is_started_again_has_the_new_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(a_turn_without_time_calls_one, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_starts_itself_anew_waits_for_the_next_millisecond, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
