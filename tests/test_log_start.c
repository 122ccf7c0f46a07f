/* The log start: what DeleteRecords makes of a log, its files and its checkpoint. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"

#include "storage/log_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

struct start_test {
    struct memory_io *memory;
    struct log_fixture f;
};

static int setup(void **state)
{
    struct start_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    log_fixture_init(&test->f, memory_io_files(test->memory), "/data");
    *state = test;
    return log_fixture_open(&test->f, true);
}

static int teardown(void **state)
{
    struct start_test *test = *state;
    log_fixture_crash(&test->f);
    memory_io_free(test->memory);
    free(test);
    return 0;
}

/* `count` batches of three records, each in a leader epoch of its own. */
static void append_batches(struct start_test *test, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        struct batch_spec spec = {.records = 3, .value_bytes = 100, .leader_epoch = i};
        assert_int_equal(log_fixture_append(&test->f, spec, NULL), 0);
    }
}

static int raise_start(struct start_test *test, int64_t offset)
{
    return log_raise_start(test->f.log, offset, NULL);
}

static void pass_time(struct start_test *test, int64_t ms)
{
    test->f.now_ms += ms;
    (void)log_store_tick(test->f.store, test->f.now_ms);
    (void)test_pool_run(&test->f.pool);
}

static void assert_text(struct start_test *test, const char *path, const char *expected)
{
    char text[256];
    size_t size;
    const uint8_t *bytes = memory_io_bytes(test->memory, path, &size);
    assert_non_null(bytes);
    assert_in_range(size, 0, sizeof text - 1);
    memcpy(text, bytes, size);
    text[size] = '\0';
    assert_string_equal(text, expected);
}

static void what_lies_below_the_log_start_is_not_read(void **state)
{
    struct start_test *test = *state;
    int64_t first, next;
    append_batches(test, 3);
    assert_int_equal(raise_start(test, 4), 0);
    assert_int_equal(log_start_offset(test->f.log), 4);
    assert_int_equal(log_fixture_read(&test->f, 3, 1 << 20, &first, &next), STORAGE_OFFSET_OUT_OF_RANGE);
    assert_int_equal(log_fixture_read(&test->f, 4, 1 << 20, &first, &next), 6);
    assert_int_equal(first, 3); /* the batch that holds offset 4 comes whole */
}

static void the_log_start_never_goes_down(void **state)
{
    struct start_test *test = *state;
    append_batches(test, 2);
    assert_int_equal(raise_start(test, 5), 0);
    assert_int_equal(raise_start(test, 2), 0);
    assert_int_equal(log_start_offset(test->f.log), 5);
}

static void a_log_start_outside_the_log_is_refused(void **state)
{
    struct start_test *test = *state;
    append_batches(test, 2);
    assert_int_equal(raise_start(test, 7), STORAGE_OFFSET_OUT_OF_RANGE);
    assert_int_equal(raise_start(test, -1), STORAGE_OFFSET_OUT_OF_RANGE);
    assert_int_equal(log_start_offset(test->f.log), 0);
    assert_int_equal(raise_start(test, 6), 0);
}

static void an_emptied_log_goes_on_at_its_end(void **state)
{
    struct start_test *test = *state;
    append_batches(test, 2);
    assert_int_equal(raise_start(test, 6), 0);
    append_batches(test, 1);
    assert_int_equal(log_end_offset(test->f.log), 9);
    assert_int_equal(log_fixture_count_records(&test->f, 1 << 20), 3);
}

static void leader_epochs_begin_at_the_log_start(void **state)
{
    struct start_test *test = *state;
    append_batches(test, 3);
    assert_int_equal(raise_start(test, 4), 0);
    assert_text(test, "/data/t-0/leader-epoch-checkpoint", "0\n2\n1 4\n2 6\n");
}

static void the_log_start_is_found_again_after_a_clean_stop(void **state)
{
    struct start_test *test = *state;
    append_batches(test, 2);
    assert_int_equal(raise_start(test, 4), 0);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_text(test, "/data/log-start-offset-checkpoint", "0\n1\nt 0 4\n");
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    assert_int_equal(log_start_offset(test->f.log), 4);
    assert_int_equal(log_end_offset(test->f.log), 6);
}

static void the_log_start_is_found_again_after_a_crash_behind_its_checkpoint(void **state)
{
    struct start_test *test = *state;
    append_batches(test, 2);
    assert_int_equal(raise_start(test, 4), 0);
    pass_time(test, test->f.options.start_offset_interval_ms);
    log_fixture_crash(&test->f);
    memory_io_power_cut(test->memory, 0);
    assert_int_equal(log_fixture_open(&test->f, false), 0);
    assert_int_equal(log_start_offset(test->f.log), 4);
}

static void segments_below_the_log_start_go_with_the_next_retention(void **state)
{
    struct start_test *test = *state;
    test->f.config.segment_bytes = 500;
    append_batches(test, 4); /* one in each segment */
    assert_int_equal(raise_start(test, 7), 0);
    assert_true(memory_io_exists(test->memory, "/data/t-0/00000000000000000000.log"));
    pass_time(test, test->f.options.retention_check_interval_ms);
    assert_false(memory_io_exists(test->memory, "/data/t-0/00000000000000000000.log"));
    assert_false(memory_io_exists(test->memory, "/data/t-0/00000000000000000003.log"));
    assert_true(memory_io_exists(test->memory, "/data/t-0/00000000000000000006.log"));
    assert_int_equal(log_start_offset(test->f.log), 7);
}

/* Kafka keeps them until they expire, so that a duplicate is still known. */
static void producers_are_known_behind_the_log_start(void **state)
{
    struct start_test *test = *state;
    struct log_append append = {0};
    struct batch_spec spec = {.records = 2, .producer_id = 7};
    assert_int_equal(log_fixture_append(&test->f, spec, NULL), 0);
    assert_int_equal(raise_start(test, 2), 0);
    assert_int_equal(log_fixture_append(&test->f, spec, &append), 0);
    assert_true(append.duplicate);
    assert_int_equal(append.base_offset, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_lies_below_the_log_start_is_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(the_log_start_never_goes_down, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_start_outside_the_log_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(an_emptied_log_goes_on_at_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(leader_epochs_begin_at_the_log_start, setup, teardown),
        cmocka_unit_test_setup_teardown(the_log_start_is_found_again_after_a_clean_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(the_log_start_is_found_again_after_a_crash_behind_its_checkpoint, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(segments_below_the_log_start_go_with_the_next_retention, setup, teardown),
        cmocka_unit_test_setup_teardown(producers_are_known_behind_the_log_start, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
