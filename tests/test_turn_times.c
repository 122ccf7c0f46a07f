/* What is measured of the loop's turns. */
#include "broker/turn_times.h"
#include "protocol/base.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct thread_time thread;
static int asked;

static struct thread_time thread_now(const struct thread_clock *clock)
{
    (void)clock;
    asked++;
    return thread;
}

static void end(struct turn_times *times, int64_t busy_ns)
{
    turn_times_end(times, busy_ns, thread_now, NULL);
}

static int begin(void **state)
{
    static struct turn_times times;
    thread = (struct thread_time){5000, 700};
    asked = 0;
    turn_times_begin(&times, 1000, thread);
    *state = &times;
    return 0;
}

static void longest_turn_is_named_by_its_longest_piece(void **state)
{
    struct turn_times *times = *state;
    turn_times_did(times, 1100, "a");
    turn_times_did(times, 1400, "b");
    turn_times_did(times, 1500, "c");
    end(times, 1550);
    turn_times_did(times, 1750, "d");
    end(times, 1800);
    assert_int_equal(times->longest.took_ns, 550);
    assert_string_equal(times->longest.piece, "b");
    assert_int_equal(times->longest.piece_ns, 300);
    assert_int_equal(asked, 0); /* it costs a system call */
}

static void what_nobody_named_is_other_work(void **state)
{
    struct turn_times *times = *state;
    turn_times_did(times, 1100, "a");
    end(times, 1900);
    assert_string_equal(times->longest.piece, "other work");
    assert_int_equal(times->longest.piece_ns, 800);
}

static void waiting_is_told_from_working(void **state)
{
    struct turn_times *times = *state;
    turn_times_did(times, 1000 + 5 * LONG_TURN_NS, "waited");
    thread.ran_ns += 300;
    end(times, 1000 + 5 * LONG_TURN_NS);
    turn_times_did(times, 1000 + 8 * LONG_TURN_NS, "worked");
    thread.ran_ns += 3 * LONG_TURN_NS;
    end(times, 1000 + 8 * LONG_TURN_NS);
    assert_string_equal(times->longest.piece, "waited");
    assert_int_equal(times->longest.cpu_ns, 300);
    assert_string_equal(times->longest_cpu.piece, "worked");
    assert_int_equal(times->longest_cpu.cpu_ns, 3 * LONG_TURN_NS);
    assert_int_equal(times->long_count, 2);
}

/* That is the machine's matter, and no turn is long for it. */
static void what_others_had_the_cpus_in_is_left_out(void **state)
{
    struct turn_times *times = *state;
    thread.ran_ns += 400;
    thread.ready_ns += 5 * LONG_TURN_NS - 1000;
    end(times, 1000 + 5 * LONG_TURN_NS);
    assert_int_equal(times->long_count, 0);
    thread.ran_ns += 100;
    end(times, 1000 + 7 * LONG_TURN_NS);
    assert_int_equal(times->long_count, 1);
    assert_int_equal(times->longest.took_ns, 2 * LONG_TURN_NS);
    assert_int_equal(times->longest.ready_ns, 0);
}

/* What Linux tells of this thread: for how long others had the CPUs. -1: it does not. */
static int64_t told_ready_ns(void)
{
    int64_t ready_ns = -1;
    FILE *file = fopen("/proc/thread-self/schedstat", "r");
    if (file == NULL)
        return -1;
    if (fscanf(file, "%*s %" SCNd64, &ready_ns) != 1)
        ready_ns = -1;
    fclose(file);
    return ready_ns;
}

static void what_the_system_tells_is_taken(void **state)
{
    (void)state;
    struct thread_clock clock;
    struct thread_time now;
    int64_t told_ns;
    thread_clock_open(&clock);
    do { /* until nobody came in between */
        told_ns = told_ready_ns();
        now = thread_clock_now(&clock);
    } while (told_ns != told_ready_ns());
    thread_clock_close(&clock);
    assert_int_equal(now.ready_ns, told_ns < 0 ? 0 : told_ns);
}

static void the_threads_time_goes_on(void **state)
{
    (void)state;
    struct thread_clock clock;
    thread_clock_open(&clock);
    struct thread_time before = thread_clock_now(&clock), after;
    do
        after = thread_clock_now(&clock);
    while (after.ran_ns - before.ran_ns < 1000000);
    assert_true(after.ready_ns >= before.ready_ns);
    thread_clock_close(&clock);
    assert_int_equal(thread_clock_now(&clock).ready_ns, 0);
}

static void a_wait_that_the_clock_did_not_see_can_be_left_out(void **state)
{
    struct turn_times *times = *state;
    turn_times_did(times, 1100, "a");
    turn_times_restart(times, 1000 + 5 * LONG_TURN_NS);
    turn_times_did(times, 1000 + 5 * LONG_TURN_NS + 50, "b");
    end(times, 1000 + 5 * LONG_TURN_NS + 60);
    assert_int_equal(times->longest.took_ns, 60);
    assert_string_equal(times->longest.piece, "b");
}

static void parts_get_their_share_of_each_turn(void **state)
{
    struct turn_times *times = *state;
    assert_true(turn_times_left(times, 1000 + TURN_PARTS_NS - 1));
    assert_false(turn_times_left(times, 1000 + TURN_PARTS_NS));
    end(times, 1000 + TURN_PARTS_NS);
    assert_true(turn_times_left(times, 1000 + TURN_PARTS_NS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(longest_turn_is_named_by_its_longest_piece, begin),
        cmocka_unit_test_setup(what_nobody_named_is_other_work, begin),
        cmocka_unit_test_setup(waiting_is_told_from_working, begin),
        cmocka_unit_test_setup(what_others_had_the_cpus_in_is_left_out, begin),
        cmocka_unit_test(what_the_system_tells_is_taken),
        cmocka_unit_test(the_threads_time_goes_on),
        cmocka_unit_test_setup(a_wait_that_the_clock_did_not_see_can_be_left_out, begin),
        cmocka_unit_test_setup(parts_get_their_share_of_each_turn, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
