/* What is measured of the loop's turns. */
#include "broker/turn_times.h"
#include "protocol/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int64_t cpu_ns;
static int cpu_asked;

static int64_t cpu_clock(void)
{
    cpu_asked++;
    return cpu_ns;
}

static int begin(void **state)
{
    static struct turn_times times;
    cpu_ns = 5000;
    cpu_asked = 0;
    turn_times_begin(&times, 1000, cpu_ns);
    *state = &times;
    return 0;
}

static void longest_turn_is_named_by_its_longest_piece(void **state)
{
    struct turn_times *times = *state;
    turn_times_did(times, 1100, "a");
    turn_times_did(times, 1400, "b");
    turn_times_did(times, 1500, "c");
    turn_times_end(times, 1550, cpu_clock);
    turn_times_did(times, 1750, "d");
    turn_times_end(times, 1800, cpu_clock);
    assert_int_equal(times->longest.took_ns, 550);
    assert_string_equal(times->longest.piece, "b");
    assert_int_equal(times->longest.piece_ns, 300);
    assert_int_equal(cpu_asked, 0); /* it costs a system call */
}

static void what_nobody_named_is_other_work(void **state)
{
    struct turn_times *times = *state;
    turn_times_did(times, 1100, "a");
    turn_times_end(times, 1900, cpu_clock);
    assert_string_equal(times->longest.piece, "other work");
    assert_int_equal(times->longest.piece_ns, 800);
}

static void waiting_is_told_from_working(void **state)
{
    struct turn_times *times = *state;
    turn_times_did(times, 1000 + 5 * LONG_TURN_NS, "waited");
    cpu_ns += 300;
    turn_times_end(times, 1000 + 5 * LONG_TURN_NS, cpu_clock);
    turn_times_did(times, 1000 + 8 * LONG_TURN_NS, "worked");
    cpu_ns += 3 * LONG_TURN_NS;
    turn_times_end(times, 1000 + 8 * LONG_TURN_NS, cpu_clock);
    assert_string_equal(times->longest.piece, "waited");
    assert_int_equal(times->longest.cpu_ns, 300);
    assert_string_equal(times->longest_cpu.piece, "worked");
    assert_int_equal(times->longest_cpu.cpu_ns, 3 * LONG_TURN_NS);
    assert_int_equal(times->long_count, 2);
}

static void a_wait_that_the_clock_did_not_see_can_be_left_out(void **state)
{
    struct turn_times *times = *state;
    turn_times_did(times, 1100, "a");
    turn_times_restart(times, 1000 + 5 * LONG_TURN_NS);
    turn_times_did(times, 1000 + 5 * LONG_TURN_NS + 50, "b");
    turn_times_end(times, 1000 + 5 * LONG_TURN_NS + 60, cpu_clock);
    assert_int_equal(times->longest.took_ns, 60);
    assert_string_equal(times->longest.piece, "b");
}

static void parts_get_their_share_of_each_turn(void **state)
{
    struct turn_times *times = *state;
    assert_true(turn_times_left(times, 1000 + TURN_PARTS_NS - 1));
    assert_false(turn_times_left(times, 1000 + TURN_PARTS_NS));
    turn_times_end(times, 1000 + TURN_PARTS_NS, cpu_clock);
    assert_true(turn_times_left(times, 1000 + TURN_PARTS_NS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(longest_turn_is_named_by_its_longest_piece, begin),
        cmocka_unit_test_setup(what_nobody_named_is_other_work, begin),
        cmocka_unit_test_setup(waiting_is_told_from_working, begin),
        cmocka_unit_test_setup(a_wait_that_the_clock_did_not_see_can_be_left_out, begin),
        cmocka_unit_test_setup(parts_get_their_share_of_each_turn, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
