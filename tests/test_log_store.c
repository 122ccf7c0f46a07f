/* The store: many logs with few descriptors, several data folders, checkpoints, deletion, retention. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"

#include "storage/log_internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

struct store_test {
    struct memory_io *memory;
    struct log_fixture f;
};

static int setup(void **state)
{
    struct store_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    log_fixture_init(&test->f, memory_io_files(test->memory), "/data");
    *state = test;
    return log_fixture_open(&test->f, true);
}

static int teardown(void **state)
{
    struct store_test *test = *state;
    log_fixture_crash(&test->f);
    memory_io_free(test->memory);
    free(test);
    return 0;
}

/* Append one record to another log than the fixture's. */
static int append_to(struct store_test *test, struct log *log, int32_t value_bytes)
{
    struct log *own = test->f.log;
    test->f.log = log;
    int error = log_fixture_append(&test->f, (struct batch_spec){.value_bytes = value_bytes}, NULL);
    test->f.log = own;
    return error;
}

/* The text of a small file, in a buffer that the next call uses again. */
static const char *text_of(struct store_test *test, const char *path)
{
    static char text[4096];
    size_t size;
    const uint8_t *bytes = memory_io_bytes(test->memory, path, &size);
    if (bytes == NULL)
        return "(none)";
    assert_in_range(size, 0, sizeof text - 1);
    memcpy(text, bytes, size);
    text[size] = '\0';
    return text;
}

static void pass_time(struct store_test *test, int64_t ms)
{
    test->f.now_ms += ms;
    while (log_store_tick(test->f.store, test->f.now_ms) <= test->f.now_ms + 100)
        test->f.now_ms += 100;
    (void)test_pool_run(&test->f.pool);
}

/* ---- descriptors ----------------------------------------------------------------------------------------------- */

static void many_logs_work_with_few_descriptors(void **state)
{
    struct store_test *test = *state;
    struct log *logs[300];
    test->f.store->cache.open_max = 16;
    test->f.config.index_interval_bytes = 0;
    for (int32_t i = 0; i < (int32_t)COUNT_OF(logs); i++)
        logs[i] = log_new(test->f.store, "many", i, (struct kp_uuid){{1}}, &test->f.config);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT_OF(logs); i++) {
            assert_int_equal(append_to(test, logs[i], 10), 0);
            assert_in_range(memory_io_open_count(test->memory), 0, 17); /* and one small file at a time */
        }
    }
    for (size_t i = 0; i < COUNT_OF(logs); i++) {
        struct log *own = test->f.log;
        test->f.log = logs[i];
        assert_int_equal(log_fixture_count_records(&test->f, 1), 3);
        test->f.log = own;
    }
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_int_equal(memory_io_open_count(test->memory), 0);
}

/* Pinned descriptors stay open, so that a number given to sendfile() stays good. */
static void pinned_slices_keep_their_descriptors(void **state)
{
    struct store_test *test = *state;
    struct log_slice slices[20];
    test->f.store->cache.open_max = 16;
    test->f.config.segment_bytes = 150;
    for (size_t i = 0; i < COUNT_OF(slices); i++)
        assert_int_equal(append_to(test, test->f.log, 50), 0); /* a segment each */
    (void)test_pool_run(&test->f.pool);
    for (size_t i = 0; i < COUNT_OF(slices); i++) {
        assert_int_equal(log_read(test->f.log, (int64_t)i, 1, true, ISOLATION_READ_UNCOMMITTED, &slices[i], NULL), 0);
        assert_int_equal(log_slice_descriptor(&slices[i]), -1); /* in memory there is none, but it is pinned */
    }
    for (size_t i = 0; i < COUNT_OF(slices); i++) {
        assert_non_null(slices[i].segment->log.file);
        log_slice_release(&slices[i]);
    }
    assert_int_equal(append_to(test, test->f.log, 50), 0);
    assert_in_range(memory_io_open_count(test->memory), 1, 16);
}

/* Who waits for a socket that takes nothing lets go of the descriptor, and reads on all the same. */
static void slices_that_let_go_of_their_descriptors_can_be_read(void **state)
{
    struct store_test *test = *state;
    struct log_slice slices[20];
    uint8_t byte;
    test->f.store->cache.open_max = 16;
    test->f.config.segment_bytes = 150;
    for (size_t i = 0; i < COUNT_OF(slices); i++)
        assert_int_equal(append_to(test, test->f.log, 50), 0); /* a segment each */
    (void)test_pool_run(&test->f.pool);
    for (size_t i = 0; i < COUNT_OF(slices); i++) {
        assert_int_equal(log_read(test->f.log, (int64_t)i, 1, true, ISOLATION_READ_UNCOMMITTED, &slices[i], NULL), 0);
        assert_int_equal(log_slice_descriptor(&slices[i]), -1);
        log_slice_unpin(&slices[i]);
    }
    assert_in_range(memory_io_open_count(test->memory), 1, 16);
    for (size_t i = 0; i < COUNT_OF(slices); i++) {
        assert_int_equal(log_slice_read(&slices[i], 0, &byte, 1), 0);
        log_slice_release(&slices[i]);
    }
}

/* ---- checkpoints ----------------------------------------------------------------------------------------------- */

static void checkpoints_are_written_when_their_interval_has_passed(void **state)
{
    struct store_test *test = *state;
    assert_int_equal(append_to(test, test->f.log, 10), 0);
    pass_time(test, 4000);
    assert_string_equal(text_of(test, "/data/replication-offset-checkpoint"), "(none)");
    pass_time(test, 1000);
    assert_string_equal(text_of(test, "/data/replication-offset-checkpoint"), "0\n1\nt 0 1\n");
    assert_string_equal(text_of(test, "/data/recovery-point-offset-checkpoint"), "(none)");
    assert_int_equal(log_flush_now(test->f.log, NULL), 0);
    pass_time(test, 56000);
    assert_string_equal(text_of(test, "/data/recovery-point-offset-checkpoint"), "0\n1\nt 0 1\n");
}

/* What changes while a checkpoint is being written is not left for another interval. */
static void a_checkpoint_that_changed_while_it_was_written_is_written_again(void **state)
{
    struct store_test *test = *state;
    assert_int_equal(append_to(test, test->f.log, 10), 0);
    test->f.now_ms += 5000;
    (void)log_store_tick(test->f.store, test->f.now_ms); /* submitted */
    assert_int_equal(append_to(test, test->f.log, 10), 0);
    test->f.now_ms += 5000;
    (void)log_store_tick(test->f.store, test->f.now_ms); /* the disk is slow */
    (void)test_pool_run(&test->f.pool);
    assert_string_equal(text_of(test, "/data/replication-offset-checkpoint"), "0\n1\nt 0 1\n");
    pass_time(test, 1000);
    assert_string_equal(text_of(test, "/data/replication-offset-checkpoint"), "0\n1\nt 0 2\n");
}

/* Whatever the interval of the checkpoint, a crash leaves no more to read than the active segment. */
static void sealed_segments_on_the_disk_are_told_within_a_second(void **state)
{
    struct store_test *test = *state;
    test->f.config.segment_bytes = 150;
    for (int i = 0; i < 10; i++)
        assert_int_equal(append_to(test, test->f.log, 50), 0); /* a segment each */
    int64_t segment_bytes = log_size_bytes(test->f.log) / 10;
    (void)test_pool_run(&test->f.pool);
    assert_true(log_store_next_ms(test->f.store) <= test->f.now_ms + 1000);
    pass_time(test, 1000);
    log_fixture_crash(&test->f);
    assert_int_equal(log_fixture_open(&test->f, false), 0);
    assert_int_equal(log_recovery_bytes(test->f.log), segment_bytes);
}

static void checkpoints_are_not_written_when_nothing_changed(void **state)
{
    struct store_test *test = *state;
    assert_int_equal(append_to(test, test->f.log, 10), 0);
    pass_time(test, 5000);
    int64_t calls = memory_io_calls(test->memory, CALL_PWRITE);
    pass_time(test, 20000);
    assert_int_equal(memory_io_calls(test->memory, CALL_PWRITE), calls);
}

/* Most logs are not loaded in a run; what the last one said about them stays. */
static void checkpoints_keep_the_lines_of_logs_that_were_not_loaded(void **state)
{
    struct store_test *test = *state;
    assert_int_equal(log_fixture_close(&test->f), 0);
    const char *text = "0\n2\nother 3 17\nt 0 5\n";
    memory_io_put(test->memory, "/data/recovery-point-offset-checkpoint", text, strlen(text));
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_string_equal(text_of(test, "/data/recovery-point-offset-checkpoint"), text);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    assert_int_equal(append_to(test, test->f.log, 10), 0);
    (void)log_store_tick(test->f.store, test->f.now_ms);
    (void)test_pool_run(&test->f.pool);
    log_fixture_crash(&test->f);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    assert_int_equal(log_end_offset(test->f.log), 1); /* loaded: its old line is replaced */
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_string_equal(text_of(test, "/data/recovery-point-offset-checkpoint"), "0\n2\nother 3 17\nt 0 1\n");
    assert_int_equal(log_fixture_open(&test->f, true), 0);
}

static void damaged_checkpoint_is_reported_and_taken_as_empty(void **state)
{
    static const char *const damaged[] = {"0\n1\n",
                                          "1\n0\n",
                                          "0\n1\nt 0\n",
                                          "0\n1\nt x 5\n",
                                          "0\n2\nt 0 5\n",
                                          "0\n0\nt 0 5\n",
                                          "0\n1\nt 0 99999999999999999999\n",
                                          "0\n1\n 0 5\n",
                                          "garbage"};
    struct store_test *test = *state;
    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        log_fixture_crash(&test->f);
        memory_io_put(test->memory, "/data/recovery-point-offset-checkpoint", damaged[i], strlen(damaged[i]));
        assert_int_equal(log_fixture_open(&test->f, true), 0);
        if (strstr(test->f.reports, "1 A checkpoint cannot be read") == NULL)
            fail_msg("not reported: %s", damaged[i]);
        assert_int_equal(test->f.store->dirs[0].tables[CHECKPOINT_RECOVERY_POINT].count, 0);
    }
}

/* ---- stopping -------------------------------------------------------------------------------------------------- */

static void stop_recovers_what_nobody_used_since_a_crash(void **state)
{
    struct store_test *test = *state;
    assert_int_equal(append_to(test, test->f.log, 10), 0);
    log_fixture_crash(&test->f);
    assert_int_equal(log_fixture_open(&test->f, false), 0);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_string_equal(text_of(test, "/data/recovery-point-offset-checkpoint"), "0\n1\nt 0 1\n");
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    assert_int_equal(log_end_offset(test->f.log), 1);
}

static void stop_is_not_clean_when_a_log_cannot_be_recovered(void **state)
{
    struct store_test *test = *state;
    assert_int_equal(append_to(test, test->f.log, 10), 0);
    log_fixture_crash(&test->f);
    assert_int_equal(log_fixture_open(&test->f, false), 0);
    memory_io_fail(test->memory, CALL_PREAD, 1, EIO, true);
    assert_int_equal(log_fixture_close(&test->f), STORAGE_IO);
    memory_io_fail(test->memory, CALL_PREAD, 0, EIO, true);
    assert_int_equal(log_fixture_open(&test->f, false), 0);
}

static void stop_with_a_topic_without_a_folder_is_clean(void **state)
{
    struct store_test *test = *state;
    log_fixture_crash(&test->f);
    assert_int_equal(log_fixture_open(&test->f, false), 0);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
}

/* A log that cannot be loaded answers so, keeps its checkpoints, and the others go on. */
static void log_that_cannot_be_loaded_is_offline_alone(void **state)
{
    struct store_test *test = *state;
    assert_int_equal(append_to(test, test->f.log, 10), 0);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    struct log *other = log_new(test->f.store, "other", 0, (struct kp_uuid){{2}}, &test->f.config);
    memory_io_fail(test->memory, CALL_LIST, 1, EIO, false);
    assert_int_equal(log_end_offset(test->f.log), 0);
    assert_true(log_is_offline(test->f.log));
    assert_int_equal(append_to(test, test->f.log, 10), STORAGE_OFFLINE);
    assert_int_equal(append_to(test, other, 10), 0);
    assert_int_equal(log_fixture_close(&test->f), STORAGE_OFFLINE);
    assert_string_equal(text_of(test, "/data/recovery-point-offset-checkpoint"), "0\n2\nt 0 1\nother 0 1\n");
    assert_int_equal(log_fixture_open(&test->f, false), 0);
}

/* ---- folders --------------------------------------------------------------------------------------------------- */

static void new_logs_go_to_the_folder_with_the_fewest_partitions(void **state)
{
    struct store_test *test = *state;
    struct file_io *io = memory_io_files(test->memory);
    log_fixture_crash(&test->f);
    assert_int_equal(io->mkdir(io, "/more"), 0);
    assert_int_equal(io->mkdir(io, "/more/x-0"), 0);
    assert_int_equal(io->mkdir(io, "/more/x-1.0123456789abcdef0123456789abcdef-stray"), 0);
    test->f.options.directories_count = 2;
    test->f.directories[1] = "/more";
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    for (int32_t i = 0; i < 4; i++) {
        struct log *log = log_new(test->f.store, "p", i, (struct kp_uuid){{2}}, &test->f.config);
        assert_int_equal(append_to(test, log, 10), 0);
    }
    assert_true(memory_io_exists(test->memory, "/data/p-0"));
    assert_true(memory_io_exists(test->memory, "/data/p-1"));
    assert_true(memory_io_exists(test->memory, "/more/p-2"));
    assert_true(memory_io_exists(test->memory, "/data/p-3"));
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_string_equal(text_of(test, "/more/recovery-point-offset-checkpoint"), "0\n1\np 2 1\n");
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    struct log *found = log_new(test->f.store, "p", 2, (struct kp_uuid){{2}}, &test->f.config);
    assert_int_equal(log_end_offset(found), 1);
}

static void deleted_log_frees_its_name_at_once_and_its_files_later(void **state)
{
    struct store_test *test = *state;
    const char *aside = "/data/t-0.0102030405060708090a0b0c0d0e0f10-delete";
    assert_int_equal(append_to(test, test->f.log, 10), 0);
    log_delete(test->f.log, test->f.now_ms);
    assert_int_equal(test->f.store->dirs[0].partitions, 0);
    assert_false(memory_io_exists(test->memory, "/data/t-0"));
    assert_true(memory_io_exists(test->memory, aside));
    test->f.log = log_new(test->f.store, "t", 0, (struct kp_uuid){{3}}, &test->f.config);
    assert_int_equal(append_to(test, test->f.log, 10), 0);
    assert_int_equal(log_end_offset(test->f.log), 1);
    pass_time(test, 59000);
    assert_true(memory_io_exists(test->memory, aside));
    pass_time(test, 1000);
    assert_false(memory_io_exists(test->memory, aside));
    assert_true(memory_io_exists(test->memory, "/data/t-0"));
}

/* A topic whose log is broken can be deleted all the same. */
static void deleted_log_that_could_not_be_loaded_frees_its_name(void **state)
{
    struct store_test *test = *state;
    assert_int_equal(append_to(test, test->f.log, 10), 0);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    memory_io_fail(test->memory, CALL_LIST, 1, EIO, false);
    assert_int_equal(log_load(test->f.log, NULL), STORAGE_IO);
    log_delete(test->f.log, test->f.now_ms);
    assert_false(memory_io_exists(test->memory, "/data/t-0"));
}

static void folders_left_to_be_deleted_go_at_the_next_start(void **state)
{
    struct store_test *test = *state;
    assert_int_equal(append_to(test, test->f.log, 10), 0);
    log_delete(test->f.log, test->f.now_ms);
    log_fixture_crash(&test->f);
    assert_int_equal(log_fixture_open(&test->f, false), 0);
    pass_time(test, 0);
    assert_false(memory_io_exists(test->memory, "/data/t-0.0102030405060708090a0b0c0d0e0f10-delete"));
}

/* A name of the greatest length still fits when the id and "-delete" come behind it. */
static void deleted_folder_of_a_long_name_fits_the_file_system(void **state)
{
    struct store_test *test = *state;
    char topic[TOPIC_NAME_MAX + 1], name[256];
    memset(topic, 'a', TOPIC_NAME_MAX);
    topic[TOPIC_NAME_MAX] = '\0';
    folder_name_aside(topic, 2147483647, (struct kp_uuid){{1}}, "-delete", name);
    assert_int_equal(strlen(name), 255);
    assert_int_equal(folder_name_kind(name), FOLDER_DELETE);
    struct log *log = log_new(test->f.store, topic, 2147483647, (struct kp_uuid){{1}}, &test->f.config);
    assert_int_equal(append_to(test, log, 10), 0);
    log_delete(log, test->f.now_ms);
    pass_time(test, 60000);
}

struct folder_row {
    const char *name;
    enum folder_kind kind;
};

static void folder_names_are_told_apart(void **state)
{
    static const struct folder_row rows[] = {
        {"t-0",                                         FOLDER_PARTITION},
        {"a-b-12",                                      FOLDER_PARTITION},
        {"t",                                           FOLDER_OTHER    },
        {"-1",                                          FOLDER_OTHER    },
        {"t-",                                          FOLDER_OTHER    },
        {"t-x",                                         FOLDER_OTHER    },
        {"t-0.0123456789abcdef0123456789abcdef-delete", FOLDER_DELETE   },
        {"t-0.0123456789abcdef0123456789abcdef-stray",  FOLDER_STRAY    },
        {"t-0.0123456789abcdef0123456789abcdef-future", FOLDER_FUTURE   },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (folder_name_kind(rows[i].name) != rows[i].kind)
            fail_msg("%s", rows[i].name);
}

/* ---- retention ------------------------------------------------------------------------------------------------- */

/* Ten segments of one record, a second apart. */
static void fill_segments(struct store_test *test)
{
    test->f.config.segment_bytes = 200;
    for (int i = 0; i < 10; i++) {
        test->f.now_ms += 1000;
        assert_int_equal(append_to(test, test->f.log, 100), 0);
    }
    assert_int_equal(test->f.log->segments_count, 10);
    (void)test_pool_run(&test->f.pool);
}

static void retention_by_time_deletes_the_old_segments(void **state)
{
    struct store_test *test = *state;
    fill_segments(test);
    test->f.config.retention_ms = 24000; /* retention first runs 30 s after the start, 20 s from here */
    pass_time(test, 20000);
    assert_int_equal(log_start_offset(test->f.log), 5);
    assert_int_equal(test->f.log->segments_count, 5);
    assert_int_equal(test->f.log->epochs.entries[0].start_offset, 5);
    assert_false(memory_io_exists(test->memory, "/data/t-0/00000000000000000004.log"));
    assert_true(memory_io_exists(test->memory, "/data/t-0/00000000000000000004.log.deleted"));
    assert_true(memory_io_exists(test->memory, "/data/t-0/00000000000000000005.snapshot"));
    assert_int_equal(log_fixture_count_records(&test->f, 1000), 5);
    pass_time(test, 60000);
    assert_false(memory_io_exists(test->memory, "/data/t-0/00000000000000000004.log.deleted"));
}

static void retention_survives_a_clean_stop_and_a_power_cut(void **state)
{
    struct store_test *test = *state;
    fill_segments(test);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    assert_int_equal(log_end_offset(test->f.log), 10);
    test->f.config.retention_bytes = 500;
    pass_time(test, 31000);
    int64_t start = log_start_offset(test->f.log);
    assert_true(start > 0);
    assert_int_equal(log_fixture_close(&test->f), 0);
    memory_io_power_cut(test->memory, 0);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    assert_int_equal(log_start_offset(test->f.log), start);
}

/* The offsets never go back: the last segment gives way to an empty one at the log end. */
static void retention_may_empty_the_log(void **state)
{
    struct store_test *test = *state;
    fill_segments(test);
    test->f.config.retention_ms = 1000;
    pass_time(test, 21000);
    assert_int_equal(log_start_offset(test->f.log), 10);
    assert_int_equal(log_end_offset(test->f.log), 10);
    assert_int_equal(test->f.log->segments_count, 1);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    assert_int_equal(log_start_offset(test->f.log), 10);
    assert_int_equal(append_to(test, test->f.log, 10), 0);
    assert_int_equal(log_end_offset(test->f.log), 11);
}

static void retention_by_size_keeps_at_least_the_bytes(void **state)
{
    struct store_test *test = *state;
    fill_segments(test);
    test->f.config.retention_bytes = log_size_bytes(test->f.log) / 2;
    pass_time(test, 21000);
    assert_int_equal(test->f.log->segments_count, 5);
    assert_true(log_size_bytes(test->f.log) >= test->f.config.retention_bytes);
}

static void retention_spares_a_compacted_log(void **state)
{
    struct store_test *test = *state;
    fill_segments(test);
    test->f.config.cleanup_delete = false;
    test->f.config.retention_ms = 1;
    test->f.config.retention_bytes = 1;
    pass_time(test, 21000);
    assert_int_equal(test->f.log->segments_count, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_logs_work_with_few_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(pinned_slices_keep_their_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(slices_that_let_go_of_their_descriptors_can_be_read, setup, teardown),
        cmocka_unit_test_setup_teardown(checkpoints_are_written_when_their_interval_has_passed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_checkpoint_that_changed_while_it_was_written_is_written_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(sealed_segments_on_the_disk_are_told_within_a_second, setup, teardown),
        cmocka_unit_test_setup_teardown(checkpoints_are_not_written_when_nothing_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(checkpoints_keep_the_lines_of_logs_that_were_not_loaded, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_checkpoint_is_reported_and_taken_as_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_recovers_what_nobody_used_since_a_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_is_not_clean_when_a_log_cannot_be_recovered, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_with_a_topic_without_a_folder_is_clean, setup, teardown),
        cmocka_unit_test_setup_teardown(log_that_cannot_be_loaded_is_offline_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(new_logs_go_to_the_folder_with_the_fewest_partitions, setup, teardown),
        cmocka_unit_test_setup_teardown(deleted_log_frees_its_name_at_once_and_its_files_later, setup, teardown),
        cmocka_unit_test_setup_teardown(deleted_log_that_could_not_be_loaded_frees_its_name, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_left_to_be_deleted_go_at_the_next_start, setup, teardown),
        cmocka_unit_test_setup_teardown(deleted_folder_of_a_long_name_fits_the_file_system, setup, teardown),
        cmocka_unit_test_setup_teardown(folder_names_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(retention_by_time_deletes_the_old_segments, setup, teardown),
        cmocka_unit_test_setup_teardown(retention_survives_a_clean_stop_and_a_power_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(retention_may_empty_the_log, setup, teardown),
        cmocka_unit_test_setup_teardown(retention_by_size_keeps_at_least_the_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(retention_spares_a_compacted_log, setup, teardown),
    };
    return cmocka_run_group_tests_name("log_store", tests, NULL, NULL);
}
