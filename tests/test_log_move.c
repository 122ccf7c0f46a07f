/* Several data folders: where new logs go, and how a log moves from one to another under appends, retention, failing
 * calls and power cuts. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"

#include "storage/log_internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

struct move_test {
    struct memory_io *memory;
    struct log_fixture f;
};

static int open_both(struct move_test *test, bool clean)
{
    test->f.options.directories_count = 2;
    test->f.directories[1] = "/more";
    return log_fixture_open(&test->f, clean);
}

static int setup(void **state)
{
    struct move_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    struct file_io *io = memory_io_files(test->memory);
    assert_int_equal(io->mkdir(io, "/more"), 0);
    assert_int_equal(io->sync_directory(io, "/"), 0);
    log_fixture_init(&test->f, io, "/data");
    *state = test;
    return open_both(test, true);
}

static int teardown(void **state)
{
    struct move_test *test = *state;
    log_fixture_crash(&test->f);
    memory_io_free(test->memory);
    free(test);
    return 0;
}

static void append(struct move_test *test, int32_t batches, int32_t value_bytes)
{
    for (int32_t i = 0; i < batches; i++) {
        struct batch_spec spec = {.records = 3, .value_bytes = value_bytes};
        assert_int_equal(log_fixture_append(&test->f, spec, NULL), 0);
    }
}

/* The ticks and jobs of a while, until nothing moves. */
static void settle(struct move_test *test)
{
    for (int i = 0; i < 20; i++) {
        test->f.now_ms += 10;
        (void)log_store_tick(test->f.store, test->f.now_ms);
        (void)test_pool_run(&test->f.pool);
    }
}

static int directory_of(struct log *log)
{
    struct log_place place;
    assert_int_equal(log_find_place(log, &place), 0);
    return place.directory;
}

static struct log *new_log(struct move_test *test, const char *topic, int32_t partition)
{
    return log_new(test->f.store, topic, partition, (struct kp_uuid){{9}}, &test->f.config);
}

/* What was deleted goes, and readers that were waited for have gone. */
static void pass_the_delay(struct move_test *test)
{
    for (int i = 0; i < 3; i++) {
        test->f.now_ms += test->f.config.file_delete_delay_ms;
        settle(test);
    }
}

/* The folders in `directory` whose name begins with "t-0". */
static void note_folder(void *context, const char *name, bool is_directory)
{
    char *names = context;
    if (is_directory && strncmp(name, "t-0", 3) == 0)
        snprintf(names + strlen(names), 256 - strlen(names), "%s%s ", strchr(name, '.') != NULL ? "*" : "",
                 strchr(name, '.') != NULL ? strrchr(name, '-') : name);
}

static const char *folders_in(struct move_test *test, const char *directory)
{
    static char names[256];
    names[0] = '\0';
    assert_int_equal(test->f.files->list(test->f.files, directory, note_folder, names), 0);
    return names;
}

/* ---- where logs go --------------------------------------------------------------------------------------------- */

static void a_new_log_goes_where_the_fewest_are(void **state)
{
    struct move_test *test = *state;
    assert_int_equal(directory_of(test->f.log), 0);
    assert_int_equal(directory_of(new_log(test, "u", 0)), 1);
    assert_int_equal(directory_of(new_log(test, "u", 1)), 0);
    assert_int_equal(directory_of(new_log(test, "u", 2)), 1);
}

static void a_directory_that_was_told_is_the_one_that_the_first_append_takes(void **state)
{
    struct move_test *test = *state;
    struct log *other = new_log(test, "u", 0);
    assert_int_equal(directory_of(other), 0);
    assert_int_equal(directory_of(test->f.log), 1);
    append(test, 1, 10);
    assert_string_equal(folders_in(test, "/more"), "t-0 ");
}

static void a_log_without_a_folder_moves_by_being_made_elsewhere(void **state)
{
    struct move_test *test = *state;
    assert_int_equal(directory_of(test->f.log), 0);
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    append(test, 1, 10);
    assert_string_equal(folders_in(test, "/more"), "t-0 ");
    assert_string_equal(folders_in(test, "/data"), "");
}

static void a_directory_is_remembered_for_a_log_that_does_not_exist(void **state)
{
    struct move_test *test = *state;
    log_store_wish_directory(test->f.store, "u", 3, 0);
    log_store_wish_directory(test->f.store, "u", 3, 1);
    assert_int_equal(directory_of(new_log(test, "u", 3)), 1);
    assert_int_equal(directory_of(new_log(test, "u", 3)), 0); /* a wish is granted once */
}

static void wishes_are_forgotten_when_they_are_too_many(void **state)
{
    struct move_test *test = *state;
    for (int32_t i = 0; i < 1001; i++)
        log_store_wish_directory(test->f.store, "u", i, 1);
    assert_int_equal(directory_of(new_log(test, "u", 0)), 0);
    assert_int_equal(directory_of(new_log(test, "u", 1)), 1);
}

static void the_size_of_a_log_is_known_before_it_is_loaded(void **state)
{
    struct move_test *test = *state;
    struct log_place place;
    append(test, 2, 100);
    int64_t size_bytes = log_size_bytes(test->f.log);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_int_equal(open_both(test, true), 0);
    assert_int_equal(log_find_place(test->f.log, &place), 0);
    assert_int_equal(place.size_bytes, size_bytes);
    assert_int_equal(test->f.log->state, LOG_UNLOADED);
}

static void a_directory_that_takes_no_folder_is_left_for_another(void **state)
{
    struct move_test *test = *state;
    assert_int_equal(directory_of(test->f.log), 0);
    memory_io_fail(test->memory, CALL_MKDIR, 1, EIO, false);
    append(test, 1, 10);
    assert_string_equal(folders_in(test, "/more"), "t-0 ");
    assert_non_null(strstr(test->f.reports, "A data folder is offline until a restart"));
    assert_true(log_store_directory_offline(test->f.store, 0));
    assert_int_equal(directory_of(new_log(test, "u", 0)), 1);
    assert_int_equal(log_move(test->f.log, 0, NULL), STORAGE_OFFLINE);
}

static void the_last_directory_is_not_given_up(void **state)
{
    struct move_test *test = *state;
    struct batch_spec spec = {.records = 1};
    memory_io_fail(test->memory, CALL_MKDIR, 1, EIO, true);
    assert_int_equal(log_fixture_append(&test->f, spec, NULL), STORAGE_IO);
    memory_io_fail(test->memory, 0, 0, 0, false);
    test->f.log = new_log(test, "u", 0);
    assert_int_equal(log_fixture_append(&test->f, spec, NULL), 0);
}

/* ---- moving ---------------------------------------------------------------------------------------------------- */

static void a_log_moves_with_all_its_records(void **state)
{
    struct move_test *test = *state;
    test->f.config.segment_bytes = 1000;
    test->f.config.index_interval_bytes = 100;
    append(test, 20, 100);
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    settle(test);
    assert_int_equal(directory_of(test->f.log), 1);
    assert_string_equal(folders_in(test, "/more"), "t-0 ");
    assert_int_equal(log_fixture_count_records(&test->f, 500), 60);
    append(test, 5, 100);
    assert_int_equal(log_fixture_count_records(&test->f, 500), 75);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_int_equal(open_both(test, true), 0);
    assert_int_equal(log_fixture_count_records(&test->f, 500), 75);
    assert_int_equal(directory_of(test->f.log), 1);
}

static void the_folder_that_was_left_goes_after_the_delay(void **state)
{
    struct move_test *test = *state;
    append(test, 1, 100);
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    settle(test);
    assert_string_equal(folders_in(test, "/data"), "*-delete ");
    pass_the_delay(test);
    assert_string_equal(folders_in(test, "/data"), "");
}

static void appends_go_on_while_a_log_moves(void **state)
{
    struct move_test *test = *state;
    test->f.config.segment_bytes = 100000;
    append(test, 100, 1000);
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    int32_t rounds = 0;
    for (; directory_of(test->f.log) == 0 && rounds < 1000; rounds++) {
        append(test, 1, 1000);
        struct job *job = test_pool_take(&test->f.pool);
        if (job != NULL) {
            job->work(job);
            append(test, 1, 1000); /* before the owner hears of it */
            job->done(job, false);
        }
        (void)log_store_tick(test->f.store, test->f.now_ms += 10);
    }
    assert_in_range(rounds, 2, 999);
    assert_int_equal(log_fixture_count_records(&test->f, 5000), log_end_offset(test->f.log));
}

static void a_large_active_segment_is_rolled_before_the_swap(void **state)
{
    struct move_test *test = *state;
    append(test, 30, 100000); /* 9 MB */
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    settle(test);
    assert_int_equal(directory_of(test->f.log), 1);
    assert_int_equal(test->f.log->segments_count, 2);
    assert_int_equal(log_fixture_count_records(&test->f, 1 << 20), 90);
}

static void how_far_a_copy_is_behind_is_told(void **state)
{
    struct move_test *test = *state;
    struct log_place place;
    append(test, 4, 100);
    assert_false(log_future_place(test->f.log, &place));
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    assert_true(log_future_place(test->f.log, &place));
    assert_int_equal(place.directory, 1);
    assert_int_equal(place.offset_lag, 12);
    assert_int_equal(place.size_bytes, 0);
    settle(test);
    assert_false(log_future_place(test->f.log, &place));
}

static void a_slice_of_the_old_folder_stays_readable(void **state)
{
    struct move_test *test = *state;
    struct log_slice slice;
    uint8_t byte;
    append(test, 1, 100);
    assert_int_equal(log_read(test->f.log, 0, 1000, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL), 0);
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    settle(test);
    pass_the_delay(test);
    assert_int_equal(log_slice_read(&slice, 0, &byte, 1), 0);
    log_slice_release(&slice);
}

static void retention_goes_on_while_a_log_moves(void **state)
{
    struct move_test *test = *state;
    test->f.config.segment_bytes = 1000;
    append(test, 20, 100);
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    for (int i = 0; i < 4; i++) /* some segments are copied */
        assert_true(test_pool_run_first(&test->f.pool));
    assert_int_equal(log_raise_start(test->f.log, 40, NULL), 0);
    assert_true(log_apply_retention(test->f.log, INT32_MAX, test->f.now_ms, NULL) > 0);
    int64_t first = test->f.log->segments[0]->base_offset;
    assert_true(first > 0);
    settle(test);
    assert_int_equal(directory_of(test->f.log), 1);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_int_equal(open_both(test, true), 0);
    assert_int_equal(log_start_offset(test->f.log), 40);
    assert_int_equal(test->f.log->segments[0]->base_offset, first);
}

static void a_deleted_log_takes_its_copy_with_it(void **state)
{
    struct move_test *test = *state;
    append(test, 4, 100);
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    log_delete(test->f.log, test->f.now_ms);
    pass_the_delay(test);
    assert_string_equal(folders_in(test, "/data"), "");
    assert_string_equal(folders_in(test, "/more"), "");
}

static void a_move_back_ends_the_move(void **state)
{
    struct move_test *test = *state;
    append(test, 4, 100);
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    assert_int_equal(log_move(test->f.log, 0, NULL), 0);
    settle(test);
    assert_int_equal(directory_of(test->f.log), 0);
    assert_string_equal(folders_in(test, "/more"), "");
}

static void a_log_moves_there_and_back(void **state)
{
    struct move_test *test = *state;
    append(test, 4, 100);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(log_move(test->f.log, (i + 1) % 2, NULL), 0);
        settle(test);
        assert_int_equal(directory_of(test->f.log), (i + 1) % 2);
    }
    assert_int_equal(log_fixture_count_records(&test->f, 1000), 12);
}

static void an_emptied_log_moves_with_its_offsets(void **state)
{
    struct move_test *test = *state;
    append(test, 4, 100);
    assert_int_equal(log_raise_start(test->f.log, 12, NULL), 0);
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    settle(test);
    log_fixture_crash(&test->f);
    assert_int_equal(open_both(test, false), 0);
    assert_int_equal(log_start_offset(test->f.log), 12);
    assert_int_equal(log_end_offset(test->f.log), 12);
}

/* Compaction leaves segments without a batch. */
static void empty_segments_move_with_their_files(void **state)
{
    struct move_test *test = *state;
    test->f.config.segment_bytes = 500;
    append(test, 4, 100); /* one in each segment */
    assert_int_equal(segment_truncate(test->f.log->segments[1], 0, false), 0);
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    settle(test);
    assert_true(memory_io_exists(test->memory, "/more/t-0/00000000000000000003.log"));
    assert_int_equal(log_fixture_count_records(&test->f, 1000), 9);
}

static void a_stop_in_the_middle_begins_the_move_again(void **state)
{
    struct move_test *test = *state;
    test->f.config.segment_bytes = 1000;
    append(test, 20, 100);
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    log_fixture_crash(&test->f);
    assert_string_equal(folders_in(test, "/data"), "t-0 ");
    assert_int_equal(open_both(test, false), 0);
    settle(test);
    assert_int_equal(directory_of(test->f.log), 0); /* nothing was copied before the crash, not even the folder made */
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    assert_true(test_pool_run_first(&test->f.pool));
    log_fixture_crash(&test->f);
    assert_string_equal(folders_in(test, "/more"), "*-future ");
    assert_int_equal(open_both(test, false), 0);
    settle(test);
    assert_int_equal(directory_of(test->f.log), 1);
    assert_string_equal(folders_in(test, "/more"), "t-0 ");
    assert_int_equal(log_fixture_count_records(&test->f, 1000), 60);
}

/* However much is left to be copied. */
static void a_stop_does_not_wait_for_a_move(void **state)
{
    struct move_test *test = *state;
    struct log_place place;
    test->f.config.segment_bytes = 1000;
    append(test, 20, 100);
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    log_store_stop(test->f.store);
    (void)test_pool_run(&test->f.pool);
    assert_true(log_future_place(test->f.log, &place));
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_int_equal(open_both(test, true), 0);
    settle(test);
    assert_int_equal(directory_of(test->f.log), 1);
    assert_int_equal(log_fixture_count_records(&test->f, 1000), 60);
}

/* ---- trouble --------------------------------------------------------------------------------------------------- */

static void a_full_disk_leaves_the_log_where_it_is(void **state)
{
    struct move_test *test = *state;
    append(test, 4, 100);
    assert_int_equal(log_move(test->f.log, 1, NULL), 0);
    memory_io_fail(test->memory, CALL_PWRITE, 1, ENOSPC, true);
    settle(test);
    memory_io_fail(test->memory, 0, 0, 0, false);
    assert_non_null(strstr(test->f.reports, "A log could not be moved"));
    assert_int_equal(directory_of(test->f.log), 0);
    append(test, 1, 100);
    settle(test);
    assert_string_equal(folders_in(test, "/more"), "");
}

/* Every call of a move fails once, or for good; then the power goes. What was synced is there, in one whole log. */
static void any_call_of_a_move_may_fail_and_the_power_may_go(void **state)
{
    struct move_test *test = *state;
    for (int for_good = 0; for_good < 2; for_good++) {
        bool fired = true;
        for (int k = 1; fired; k++) {
            (void)teardown(state);
            assert_int_equal(setup(state), 0);
            test = *state;
            test->f.config.segment_bytes = 1000;
            append(test, 8, 100);
            settle(test);
            assert_int_equal(log_flush_now(test->f.log, NULL), 0);
            memory_io_fail(test->memory, CALL_ANY, k, EIO, for_good);
            int begun = log_move(test->f.log, 1, NULL);
            assert_true(begun == 0 || memory_io_fault_fired(test->memory));
            settle(test);
            fired = memory_io_fault_fired(test->memory);
            memory_io_fail(test->memory, 0, 0, 0, false);
            log_fixture_crash(&test->f);
            memory_io_power_cut(test->memory, (uint64_t)k);
            assert_int_equal(open_both(test, false), 0);
            settle(test);
            if (log_fixture_count_records(&test->f, 1000) != 24)
                fail_msg("call %d, for good %d: %s", k, for_good, test->f.reports);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_log_goes_where_the_fewest_are, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_that_was_told_is_the_one_that_the_first_append_takes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_log_without_a_folder_moves_by_being_made_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_is_remembered_for_a_log_that_does_not_exist, setup, teardown),
        cmocka_unit_test_setup_teardown(wishes_are_forgotten_when_they_are_too_many, setup, teardown),
        cmocka_unit_test_setup_teardown(the_size_of_a_log_is_known_before_it_is_loaded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_that_takes_no_folder_is_left_for_another, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_directory_is_not_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_moves_with_all_its_records, setup, teardown),
        cmocka_unit_test_setup_teardown(the_folder_that_was_left_goes_after_the_delay, setup, teardown),
        cmocka_unit_test_setup_teardown(appends_go_on_while_a_log_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_active_segment_is_rolled_before_the_swap, setup, teardown),
        cmocka_unit_test_setup_teardown(how_far_a_copy_is_behind_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slice_of_the_old_folder_stays_readable, setup, teardown),
        cmocka_unit_test_setup_teardown(retention_goes_on_while_a_log_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deleted_log_takes_its_copy_with_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_move_back_ends_the_move, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_moves_there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(an_emptied_log_moves_with_its_offsets, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_segments_move_with_their_files, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_in_the_middle_begins_the_move_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_does_not_wait_for_a_move, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_log_where_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(any_call_of_a_move_may_fail_and_the_power_may_go, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
