/* Retention: what goes and what stays, for loaded logs and for those that nobody uses; the store's round over all logs;
 * clocks that are set. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"

#include "storage/log_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define SECOND_MS INT64_C(1000)
#define HOUR_MS   (3600 * SECOND_MS)
#define SEGMENTS  10 /* that fill() makes, of one record each */

struct retention_test {
    struct memory_io *memory;
    struct log_fixture f;
};

static int setup(void **state)
{
    struct retention_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    log_fixture_init(&test->f, memory_io_files(test->memory), "/data");
    test->f.config.segment_bytes = 200;
    *state = test;
    return log_fixture_open(&test->f, true);
}

static int teardown(void **state)
{
    struct retention_test *test = *state;
    log_fixture_crash(&test->f);
    memory_io_free(test->memory);
    free(test);
    return 0;
}

/* Append `count` segments of one record, each a second after the one before. */
static void fill(struct retention_test *test, int count)
{
    for (int i = 0; i < count; i++) {
        test->f.now_ms += SECOND_MS;
        assert_int_equal(log_fixture_append(&test->f, (struct batch_spec){.value_bytes = 100}, NULL), 0);
    }
    (void)test_pool_run(&test->f.pool);
}

/* Let time pass as the broker does: the store is called when it wishes. */
static void pass_time(struct retention_test *test, int64_t ms)
{
    int64_t end_ms = test->f.now_ms + ms, next_ms;
    while ((next_ms = log_store_tick(test->f.store, test->f.now_ms)) <= end_ms) {
        test->f.now_ms = next_ms > test->f.now_ms ? next_ms : test->f.now_ms + 1;
        (void)test_pool_run(&test->f.pool);
    }
    test->f.now_ms = end_ms;
    (void)test_pool_run(&test->f.pool);
}

static void restart(struct retention_test *test)
{
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
}

/* ---- logs that nobody uses ------------------------------------------------------------------------------------- */

static void log_with_nothing_to_delete_is_not_loaded(void **state)
{
    struct retention_test *test = *state;
    fill(test, SEGMENTS);
    test->f.config.retention_ms = 24 * HOUR_MS;
    test->f.config.retention_bytes = 1 << 20;
    restart(test);
    pass_time(test, HOUR_MS);
    assert_int_equal(test->f.log->state, LOG_UNLOADED);
    assert_int_equal(log_start_offset(test->f.log), 0);
}

static void log_that_is_not_loaded_is_looked_into_once(void **state)
{
    struct retention_test *test = *state;
    fill(test, SEGMENTS);
    restart(test);
    pass_time(test, 31 * SECOND_MS);
    int64_t calls = memory_io_calls(test->memory, CALL_LIST) + memory_io_calls(test->memory, CALL_STAT);
    pass_time(test, HOUR_MS);
    assert_int_equal(memory_io_calls(test->memory, CALL_LIST) + memory_io_calls(test->memory, CALL_STAT), calls);
}

static void log_that_is_not_loaded_loses_what_is_too_old(void **state)
{
    struct retention_test *test = *state;
    fill(test, SEGMENTS);
    test->f.config.retention_ms = HOUR_MS - 5 * SECOND_MS;
    restart(test);
    pass_time(test, 30 * SECOND_MS);
    assert_int_equal(test->f.log->state, LOG_UNLOADED);
    pass_time(test, HOUR_MS + 300 * SECOND_MS);
    assert_int_equal(test->f.log->state, LOG_READY);
    assert_in_range(log_start_offset(test->f.log), 1, SEGMENTS);
}

static void log_that_is_not_loaded_loses_what_is_too_much(void **state)
{
    struct retention_test *test = *state;
    fill(test, SEGMENTS);
    int64_t half = log_size_bytes(test->f.log) / 2;
    test->f.config.retention_bytes = half;
    restart(test);
    pass_time(test, 31 * SECOND_MS);
    assert_int_equal(test->f.log->state, LOG_READY);
    assert_int_equal(log_start_offset(test->f.log), SEGMENTS / 2);
}

static void changed_setting_is_seen_in_a_log_that_is_not_loaded(void **state)
{
    struct retention_test *test = *state;
    fill(test, SEGMENTS);
    restart(test);
    pass_time(test, 31 * SECOND_MS);
    assert_int_equal(test->f.log->state, LOG_UNLOADED);
    test->f.config.retention_ms = SECOND_MS;
    pass_time(test, 301 * SECOND_MS);
    assert_int_equal(test->f.log->state, LOG_READY);
    assert_int_equal(log_start_offset(test->f.log), SEGMENTS);
}

/* Kafka's DeleteRecords moved the log start over whole segments, and the broker stopped before they went. */
static void log_that_is_not_loaded_loses_what_lies_below_its_start(void **state)
{
    struct retention_test *test = *state;
    fill(test, SEGMENTS);
    assert_int_equal(log_fixture_close(&test->f), 0);
    const char *starts = "0\n1\nt 0 4\n";
    memory_io_put(test->memory, "/data/log-start-offset-checkpoint", starts, strlen(starts));
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    pass_time(test, 31 * SECOND_MS);
    assert_int_equal(test->f.log->state, LOG_READY);
    assert_false(memory_io_exists(test->memory, "/data/t-0/00000000000000000003.log"));
    assert_true(memory_io_exists(test->memory, "/data/t-0/00000000000000000004.log"));
}

static void deleted_files_that_a_stop_left_go_after_the_restart(void **state)
{
    struct retention_test *test = *state;
    fill(test, SEGMENTS);
    test->f.config.retention_bytes = 500;
    pass_time(test, 31 * SECOND_MS);
    assert_true(memory_io_exists(test->memory, "/data/t-0/00000000000000000000.log.deleted"));
    restart(test);
    pass_time(test, 31 * SECOND_MS);
    assert_false(memory_io_exists(test->memory, "/data/t-0/00000000000000000000.log.deleted"));
}

/* An index that tells nothing decides nothing: the log is loaded, and goes by the time of the file. */
static void empty_time_index_deletes_nothing(void **state)
{
    struct retention_test *test = *state;
    fill(test, SEGMENTS);
    test->f.config.retention_ms = HOUR_MS;
    assert_int_equal(log_fixture_close(&test->f), 0);
    const char *path = "/data/t-0/00000000000000000000.timeindex";
    memory_io_put(test->memory, path, "", 0);
    memory_io_set_modified(test->memory, "/data/t-0/00000000000000000000.log", test->f.now_ms);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    pass_time(test, 31 * SECOND_MS);
    assert_int_equal(test->f.log->state, LOG_READY);
    assert_int_equal(log_start_offset(test->f.log), 0);
}

/* ---- rounds ---------------------------------------------------------------------------------------------------- */

static void much_to_delete_goes_in_parts(void **state)
{
    struct retention_test *test = *state;
    fill(test, 100);
    test->f.config.retention_ms = 0;
    int64_t renames = memory_io_calls(test->memory, CALL_RENAME);
    test->f.now_ms += HOUR_MS;
    (void)log_store_tick(test->f.store, test->f.now_ms);
    assert_in_range(memory_io_calls(test->memory, CALL_RENAME) - renames, 1, 25 * FILE_KINDS);
    assert_int_equal(log_end_offset(test->f.log), 100);
    pass_time(test, SECOND_MS);
    assert_int_equal(log_start_offset(test->f.log), 100);
    assert_int_equal(test->f.log->segments_count, 1);
}

static void round_comes_to_every_log(void **state)
{
    struct retention_test *test = *state;
    struct log *own = test->f.log, *logs[500];
    test->f.config.retention_ms = HOUR_MS;
    for (int32_t i = 0; i < (int32_t)COUNT_OF(logs); i++) {
        test->f.log = logs[i] = log_new(test->f.store, "many", i, (struct kp_uuid){{1}}, &test->f.config);
        fill(test, 1);
    }
    test->f.log = own;
    pass_time(test, 2 * HOUR_MS);
    for (size_t i = 0; i < COUNT_OF(logs); i++)
        assert_int_equal(log_start_offset(logs[i]), 1);
}

static void round_recovers_what_nobody_used_after_a_crash(void **state)
{
    struct retention_test *test = *state;
    fill(test, SEGMENTS);
    log_fixture_crash(&test->f);
    assert_int_equal(log_fixture_open(&test->f, false), 0);
    assert_true(log_recovery_bytes(test->f.log) > 0);
    pass_time(test, SECOND_MS);
    assert_int_equal(test->f.log->state, LOG_READY);
    assert_int_equal(log_recovery_bytes(test->f.log), 0);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
}

static void recovery_bytes_are_those_from_the_recovery_point_on(void **state)
{
    struct retention_test *test = *state;
    fill(test, SEGMENTS);
    int64_t segment_bytes = log_size_bytes(test->f.log) / SEGMENTS;
    log_fixture_crash(&test->f);
    const char *points = "0\n1\nt 0 7\n";
    memory_io_put(test->memory, "/data/recovery-point-offset-checkpoint", points, strlen(points));
    assert_int_equal(log_fixture_open(&test->f, false), 0);
    assert_int_equal(log_recovery_bytes(test->f.log), 3 * segment_bytes);
    log_fixture_crash(&test->f);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    assert_int_equal(log_recovery_bytes(test->f.log), 0);
}

/* ---- what counts as old ---------------------------------------------------------------------------------------- */

static void records_of_the_future_stay(void **state)
{
    struct retention_test *test = *state;
    struct batch_spec future = {.value_bytes = 100, .timestamp_ms = test->f.now_ms + 100 * HOUR_MS};
    assert_int_equal(log_fixture_append(&test->f, future, NULL), 0);
    fill(test, SEGMENTS);
    test->f.config.retention_ms = HOUR_MS;
    pass_time(test, 99 * HOUR_MS);
    assert_int_equal(log_start_offset(test->f.log), 0);
    pass_time(test, 3 * HOUR_MS);
    assert_int_equal(log_start_offset(test->f.log), SEGMENTS + 1);
}

static void records_without_time_go_by_the_time_of_the_file(void **state)
{
    struct retention_test *test = *state;
    struct batch_spec timeless = {.value_bytes = 100, .timestamp_ms = -1};
    assert_int_equal(log_fixture_append(&test->f, timeless, NULL), 0);
    fill(test, 1);
    test->f.config.retention_ms = HOUR_MS;
    memory_io_set_modified(test->memory, "/data/t-0/00000000000000000000.log", test->f.now_ms);
    pass_time(test, HOUR_MS - 10 * SECOND_MS);
    assert_int_equal(log_start_offset(test->f.log), 0);
    memory_io_set_modified(test->memory, "/data/t-0/00000000000000000000.log", test->f.now_ms - 2 * HOUR_MS);
    pass_time(test, 301 * SECOND_MS);
    assert_true(log_start_offset(test->f.log) >= 1);
}

/* ---- readers --------------------------------------------------------------------------------------------------- */

static void reader_of_a_deleted_segment_goes_on(void **state)
{
    struct retention_test *test = *state;
    struct log_slice slice;
    uint8_t byte;
    fill(test, SEGMENTS);
    assert_int_equal(log_read(test->f.log, 0, 1, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL), 0);
    test->f.config.retention_bytes = 500;
    test->f.config.file_delete_delay_ms = SECOND_MS;
    pass_time(test, HOUR_MS);
    assert_true(log_start_offset(test->f.log) > 0);
    assert_true(memory_io_exists(test->memory, "/data/t-0/00000000000000000000.log.deleted"));
    assert_false(memory_io_exists(test->memory, "/data/t-0/00000000000000000001.log.deleted"));
    assert_int_equal(log_slice_read(&slice, 0, &byte, 1), 0);
    log_slice_release(&slice);
    pass_time(test, 2 * SECOND_MS);
    assert_false(memory_io_exists(test->memory, "/data/t-0/00000000000000000000.log.deleted"));
}

/* ---- clocks ---------------------------------------------------------------------------------------------------- */

static void clock_that_is_set_back_delays_no_retention(void **state)
{
    struct retention_test *test = *state;
    fill(test, SEGMENTS);
    pass_time(test, 60 * SECOND_MS);
    test->f.now_ms -= 24 * HOUR_MS;
    test->f.config.retention_bytes = 500;
    pass_time(test, 301 * SECOND_MS);
    assert_true(log_start_offset(test->f.log) > 0);
}

static void clock_that_is_set_back_delays_no_flush(void **state)
{
    struct retention_test *test = *state;
    test->f.config.flush_ms = 10 * SECOND_MS;
    test->f.config.segment_bytes = 1 << 20;
    pass_time(test, SECOND_MS);
    fill(test, 1);
    assert_int_equal(test->f.log->recovery_point, 0);
    test->f.now_ms -= 24 * HOUR_MS;
    pass_time(test, 11 * SECOND_MS);
    assert_int_equal(test->f.log->recovery_point, 1);
}

static void clock_that_is_set_back_delays_no_checkpoint(void **state)
{
    struct retention_test *test = *state;
    fill(test, SEGMENTS);
    test->f.now_ms -= 24 * HOUR_MS;
    pass_time(test, 6 * SECOND_MS);
    assert_true(memory_io_exists(test->memory, "/data/replication-offset-checkpoint"));
}

static void clock_that_is_set_back_delays_no_removal(void **state)
{
    struct retention_test *test = *state;
    fill(test, SEGMENTS);
    test->f.config.retention_bytes = 500;
    pass_time(test, 21 * SECOND_MS);
    assert_true(memory_io_exists(test->memory, "/data/t-0/00000000000000000000.log.deleted"));
    test->f.now_ms -= 24 * HOUR_MS;
    pass_time(test, 61 * SECOND_MS);
    assert_false(memory_io_exists(test->memory, "/data/t-0/00000000000000000000.log.deleted"));
}

static void clock_that_is_set_ahead_keeps_nothing_waiting(void **state)
{
    struct retention_test *test = *state;
    fill(test, SEGMENTS);
    test->f.config.retention_ms = HOUR_MS;
    pass_time(test, 31 * SECOND_MS);
    assert_int_equal(log_start_offset(test->f.log), 0);
    test->f.now_ms += 24 * HOUR_MS;
    pass_time(test, 0);
    assert_int_equal(log_start_offset(test->f.log), SEGMENTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(log_with_nothing_to_delete_is_not_loaded, setup, teardown),
        cmocka_unit_test_setup_teardown(log_that_is_not_loaded_is_looked_into_once, setup, teardown),
        cmocka_unit_test_setup_teardown(log_that_is_not_loaded_loses_what_is_too_old, setup, teardown),
        cmocka_unit_test_setup_teardown(log_that_is_not_loaded_loses_what_is_too_much, setup, teardown),
        cmocka_unit_test_setup_teardown(changed_setting_is_seen_in_a_log_that_is_not_loaded, setup, teardown),
        cmocka_unit_test_setup_teardown(log_that_is_not_loaded_loses_what_lies_below_its_start, setup, teardown),
        cmocka_unit_test_setup_teardown(deleted_files_that_a_stop_left_go_after_the_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_time_index_deletes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(much_to_delete_goes_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(round_comes_to_every_log, setup, teardown),
        cmocka_unit_test_setup_teardown(round_recovers_what_nobody_used_after_a_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_bytes_are_those_from_the_recovery_point_on, setup, teardown),
        cmocka_unit_test_setup_teardown(records_of_the_future_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(records_without_time_go_by_the_time_of_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(reader_of_a_deleted_segment_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(clock_that_is_set_back_delays_no_retention, setup, teardown),
        cmocka_unit_test_setup_teardown(clock_that_is_set_back_delays_no_flush, setup, teardown),
        cmocka_unit_test_setup_teardown(clock_that_is_set_back_delays_no_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(clock_that_is_set_back_delays_no_removal, setup, teardown),
        cmocka_unit_test_setup_teardown(clock_that_is_set_ahead_keeps_nothing_waiting, setup, teardown),
    };
    return cmocka_run_group_tests_name("retention", tests, NULL, NULL);
}
