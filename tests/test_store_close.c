/* The clean stop: few syncs for many logs, and nothing called clean that is not on the disk. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"

#include "storage/log_internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define MANY 40

struct close_test {
    struct memory_io *memory;
    struct log_fixture f;
    struct log *logs[MANY];
};

static void open_logs(struct close_test *test)
{
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    for (int32_t i = 0; i < MANY; i++)
        test->logs[i] = log_new(test->f.store, "many", i, (struct kp_uuid){{1}}, &test->f.config);
}

static void append_to_all(struct close_test *test)
{
    struct log *own = test->f.log;
    for (int i = 0; i < MANY; i++) {
        test->f.log = test->logs[i];
        assert_int_equal(log_fixture_append(&test->f, (struct batch_spec){.records = 3}, NULL), 0);
    }
    test->f.log = own;
    test_pool_run(&test->f.pool);
}

static int setup(void **state)
{
    struct close_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    log_fixture_init(&test->f, memory_io_files(test->memory), "/data");
    open_logs(test);
    append_to_all(test);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct close_test *test = *state;
    memory_io_free(test->memory);
    free(test);
    return 0;
}

/* All records are there without a recovery, after a power cut that followed the stop. */
static void check_clean(struct close_test *test)
{
    memory_io_power_cut(test->memory, 0);
    open_logs(test);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(log_end_offset(test->logs[i]), 3);
    assert_string_equal(test->f.reports, "");
    assert_int_equal(log_fixture_close(&test->f), 0);
}

static void many_logs_are_synced_as_a_file_system(void **state)
{
    struct close_test *test = *state;
    int64_t syncs = memory_io_calls(test->memory, CALL_SYNC);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_in_range(memory_io_calls(test->memory, CALL_SYNC) - syncs, 1, MANY / 2);
    check_clean(test);
}

static void each_log_is_synced_where_the_system_cannot_sync_all(void **state)
{
    struct close_test *test = *state;
    int64_t syncs = memory_io_calls(test->memory, CALL_SYNC);
    memory_io_fail(test->memory, CALL_SYNC, 1, ENOSYS, false);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_true(memory_io_calls(test->memory, CALL_SYNC) - syncs > MANY);
    check_clean(test);
}

/* The next sync of the file that was not written tells so. */
static void each_log_is_synced_when_the_sync_of_all_fails(void **state)
{
    struct close_test *test = *state;
    struct storage_fault fault = {0};
    memory_io_fail(test->memory, CALL_SYNC, 1, EIO, true);
    assert_int_equal(log_store_close(test->f.store, test->f.now_ms, &fault), STORAGE_IO);
    assert_string_equal(fault.operation, "sync");
    memory_io_fail(test->memory, 0, 0, 0, false);
}

static void what_was_not_touched_is_not_synced(void **state)
{
    struct close_test *test = *state;
    assert_int_equal(log_fixture_close(&test->f), 0);
    open_logs(test);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(log_load(test->logs[i], NULL), 0);
    int64_t syncs = memory_io_calls(test->memory, CALL_SYNC);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_in_range(memory_io_calls(test->memory, CALL_SYNC) - syncs, 0, 2 * CHECKPOINT_KINDS);
}

/* A log whose last entries do not fit is left as it is: the next start recovers it. */
static void a_stop_on_a_full_disk_is_not_clean(void **state)
{
    struct close_test *test = *state;
    struct storage_fault fault = {0};
    memory_io_set_capacity(test->memory, 0);
    assert_int_equal(log_store_close(test->f.store, test->f.now_ms, &fault), STORAGE_NO_SPACE);
    memory_io_set_capacity(test->memory, -1);
    test->f.reports[0] = '\0';
    assert_int_equal(log_fixture_open(&test->f, false), 0);
    struct log *log = log_new(test->f.store, "many", 7, (struct kp_uuid){{1}}, &test->f.config);
    assert_int_equal(log_end_offset(log), 3);
    log_fixture_crash(&test->f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_logs_are_synced_as_a_file_system, setup, teardown),
        cmocka_unit_test_setup_teardown(each_log_is_synced_where_the_system_cannot_sync_all, setup, teardown),
        cmocka_unit_test_setup_teardown(each_log_is_synced_when_the_sync_of_all_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_not_touched_is_not_synced, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_on_a_full_disk_is_not_clean, setup, teardown),
    };
    return cmocka_run_group_tests_name("store_close", tests, NULL, NULL);
}
