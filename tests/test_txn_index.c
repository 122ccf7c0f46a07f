/* Aborted transactions: what the index holds, what a reader is told, and what survives stops, crashes and damage. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"

#include "storage/log_internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define FIRST_INDEX "/data/t-0/00000000000000000000.txnindex"
#define NAMED_MAX   64

struct txn_test {
    struct memory_io *memory;
    struct log_fixture f;
    int32_t sequences[10]; /* next of each producer id */
    struct {
        int64_t producer_id, first_offset;
    } named[NAMED_MAX]; /* by the last call of named() */
    int named_count, named_stop;
};

static int setup(void **state)
{
    struct txn_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    log_fixture_init(&test->f, memory_io_files(test->memory), "/data");
    test->f.config.index_interval_bytes = 300;
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct txn_test *test = *state;
    log_fixture_crash(&test->f);
    memory_io_free(test->memory);
    free(test);
    return 0;
}

/* One transactional batch of one record. */
static void add_data(struct txn_test *test, int64_t producer_id)
{
    struct batch_spec spec = {.producer_id = producer_id,
                              .value_bytes = 100,
                              .base_sequence = test->sequences[producer_id]++,
                              .attributes = BATCH_TRANSACTIONAL};
    assert_int_equal(log_fixture_append(&test->f, spec, NULL), 0);
}

static void end(struct txn_test *test, int64_t producer_id, bool commit)
{
    assert_int_equal(log_fixture_append_marker(&test->f, producer_id, 0, commit), 0);
}

static bool name(void *context, int64_t producer_id, int64_t first_offset)
{
    struct txn_test *test = context;
    assert_in_range(test->named_count, 0, NAMED_MAX - 1);
    test->named[test->named_count].producer_id = producer_id;
    test->named[test->named_count++].first_offset = first_offset;
    return test->named_count != test->named_stop;
}

/* Have test->named of what a read of committed records at `offset` is told. Returns how many. */
static int named(struct txn_test *test, int64_t offset, int32_t max_bytes)
{
    struct log_slice slice;
    test->named_count = 0;
    assert_int_equal(log_read(test->f.log, offset, max_bytes, true, ISOLATION_READ_COMMITTED, &slice, NULL), 0);
    assert_non_null(slice.segment);
    assert_int_equal(log_slice_aborted(test->f.log, offset, &slice, name, test, NULL), 0);
    log_slice_release(&slice);
    return test->named_count;
}

static void assert_named(const struct txn_test *test, int number, int64_t producer_id, int64_t first_offset)
{
    assert_in_range(number, 0, test->named_count - 1);
    assert_int_equal(test->named[number].producer_id, producer_id);
    assert_int_equal(test->named[number].first_offset, first_offset);
}

/* ---- what is written ------------------------------------------------------------------------------------------- */

/* Format of Kafka's AbortedTxn. */
static void abort_marker_leaves_an_entry(void **state)
{
    static const uint8_t expected[TXN_INDEX_ENTRY_BYTES] = {
        0, 0,                   /* version */
        0, 0, 0, 0, 0, 0, 0, 7, /* producer id */
        0, 0, 0, 0, 0, 0, 0, 1, /* first offset */
        0, 0, 0, 0, 0, 0, 0, 4, /* last offset: the marker */
        0, 0, 0, 0, 0, 0, 0, 3, /* last stable offset: producer 8 */
    };
    struct txn_test *test = *state;
    assert_int_equal(log_fixture_append(&test->f, (struct batch_spec){0}, NULL), 0);
    add_data(test, 7);
    add_data(test, 7);
    add_data(test, 8);
    end(test, 7, false);
    size_t size;
    const uint8_t *bytes = memory_io_bytes(test->memory, FIRST_INDEX, &size);
    assert_non_null(bytes);
    assert_int_equal(size, sizeof expected);
    assert_memory_equal(bytes, expected, size);
}

static void commit_marker_leaves_nothing(void **state)
{
    struct txn_test *test = *state;
    add_data(test, 7);
    end(test, 7, true);
    assert_false(memory_io_exists(test->memory, FIRST_INDEX));
    assert_int_equal(named(test, 0, INT32_MAX), 0);
}

static void abort_of_an_empty_transaction_leaves_nothing(void **state)
{
    struct txn_test *test = *state;
    end(test, 7, false);
    assert_false(memory_io_exists(test->memory, FIRST_INDEX));
}

/* The entry comes before the marker, so none of them without the other. */
static void marker_whose_entry_cannot_be_written_is_refused(void **state)
{
    struct txn_test *test = *state;
    add_data(test, 7);
    memory_io_fail(test->memory, CALL_PWRITE, 1, ENOSPC, false);
    assert_int_equal(log_fixture_append_marker(&test->f, 7, 0, false), STORAGE_NO_SPACE);
    assert_true(memory_io_fault_fired(test->memory));
    assert_int_equal(log_end_offset(test->f.log), 1);
    assert_int_equal(log_last_stable_offset(test->f.log), 0);
    end(test, 7, false);
    assert_int_equal(named(test, 0, INT32_MAX), 1);
    assert_int_equal(memory_io_size(test->memory, FIRST_INDEX), TXN_INDEX_ENTRY_BYTES);
}

static void entry_of_a_marker_that_cannot_be_written_is_taken_back(void **state)
{
    struct txn_test *test = *state;
    add_data(test, 7);
    memory_io_fail(test->memory, CALL_PWRITE, 2, ENOSPC, false);
    assert_int_equal(log_fixture_append_marker(&test->f, 7, 0, false), STORAGE_NO_SPACE);
    assert_true(memory_io_fault_fired(test->memory));
    end(test, 7, true);
    assert_int_equal(named(test, 0, INT32_MAX), 0);
    log_fixture_reload(&test->f, true);
    assert_int_equal(memory_io_size(test->memory, FIRST_INDEX), 0);
    assert_int_equal(named(test, 0, INT32_MAX), 0);
    assert_string_equal(test->f.reports, "");
}

/* ---- what is read ---------------------------------------------------------------------------------------------- */

static void last_stable_offset_is_the_first_open_transaction(void **state)
{
    struct txn_test *test = *state;
    add_data(test, 7);
    add_data(test, 8);
    add_data(test, 9);
    assert_int_equal(log_last_stable_offset(test->f.log), 0);
    end(test, 8, true);
    assert_int_equal(log_last_stable_offset(test->f.log), 0);
    end(test, 7, false);
    assert_int_equal(log_last_stable_offset(test->f.log), 2);
    add_data(test, 7);
    end(test, 9, true);
    assert_int_equal(log_last_stable_offset(test->f.log), 5);
    end(test, 7, true);
    assert_int_equal(log_last_stable_offset(test->f.log), 8);
}

/* DeleteRecords may take the beginning of an open transaction. */
static void last_stable_offset_is_never_below_the_log_start(void **state)
{
    struct txn_test *test = *state;
    for (int i = 0; i < 3; i++)
        add_data(test, 7);
    assert_int_equal(log_raise_start(test->f.log, 2, NULL), 0);
    assert_int_equal(log_last_stable_offset(test->f.log), 2);
    end(test, 7, false);
    assert_int_equal(log_last_stable_offset(test->f.log), 4);
    assert_int_equal(named(test, 2, INT32_MAX), 1);
    assert_named(test, 0, 7, 0);
}

static void reader_is_told_what_overlaps_its_slice(void **state)
{
    struct txn_test *test = *state;
    for (int i = 0; i < 3; i++) {
        add_data(test, 7);
        end(test, 7, false);
    }
    assert_int_equal(named(test, 0, INT32_MAX), 3);
    assert_named(test, 0, 7, 0);
    assert_named(test, 1, 7, 2);
    assert_named(test, 2, 7, 4);
    assert_int_equal(named(test, 3, INT32_MAX), 2); /* the second one's marker lies there */
    assert_named(test, 0, 7, 2);
    assert_int_equal(named(test, 4, INT32_MAX), 1);
    assert_named(test, 0, 7, 4);
}

/* The slice ends, as Kafka has it, at the first index entry behind it. */
static void reader_is_not_told_what_begins_behind_its_slice(void **state)
{
    struct txn_test *test = *state;
    for (int i = 0; i < 10; i++) {
        add_data(test, 7);
        end(test, 7, false);
    }
    assert_in_range(named(test, 0, 1), 1, 4);
    assert_named(test, 0, 7, 0);
}

/* The marker of what is read may lie segments later. */
static void search_goes_on_through_later_segments(void **state)
{
    struct txn_test *test = *state;
    test->f.config.segment_bytes = 500;
    add_data(test, 7);
    for (int i = 0; i < 12; i++)
        add_data(test, 8);
    end(test, 7, false);
    end(test, 8, false);
    assert_true(test->f.log->segments_count >= 4);
    assert_false(memory_io_exists(test->memory, FIRST_INDEX));
    assert_int_equal(named(test, 0, INT32_MAX), 2);
    assert_named(test, 0, 7, 0);
    assert_named(test, 1, 8, 1);
}

/* Once an entry says that nothing below the end of what is read was open, later ones are not looked at. */
static void search_ends_at_a_stable_entry(void **state)
{
    struct txn_test *test = *state;
    test->f.config.segment_bytes = 500;
    for (int i = 0; i < 12; i++) {
        add_data(test, 7);
        end(test, 7, false);
    }
    int64_t reads_before = memory_io_calls(test->memory, CALL_PREAD);
    int all = named(test, 0, INT32_MAX);
    assert_in_range(all, 1, 3);
    assert_in_range(memory_io_calls(test->memory, CALL_PREAD) - reads_before, 1, 8);
}

/* librdkafka's consumers always ask for committed records: it costs them nothing where nothing was aborted behind. */
static void search_is_spared_where_nothing_was_aborted(void **state)
{
    struct txn_test *test = *state;
    add_data(test, 7);
    end(test, 7, false);
    for (int i = 0; i < 20; i++)
        add_data(test, 8);
    end(test, 8, true);
    log_fixture_reload(&test->f, true);
    struct log_slice slice;
    assert_int_equal(log_read(test->f.log, 2, 500, true, ISOLATION_READ_COMMITTED, &slice, NULL), 0);
    int64_t reads_before = memory_io_calls(test->memory, CALL_PREAD);
    assert_int_equal(log_slice_aborted(test->f.log, 2, &slice, name, test, NULL), 0);
    assert_int_equal(memory_io_calls(test->memory, CALL_PREAD), reads_before);
    log_slice_release(&slice);
    assert_int_equal(named(test, 1, 500), 1);
}

static void search_ends_when_the_reader_wants_no_more(void **state)
{
    struct txn_test *test = *state;
    struct log_slice slice;
    for (int i = 0; i < 3; i++) {
        add_data(test, 7);
        end(test, 7, false);
    }
    test->named_stop = 2;
    assert_int_equal(log_read(test->f.log, 0, INT32_MAX, true, ISOLATION_READ_COMMITTED, &slice, NULL), 0);
    assert_int_equal(log_slice_aborted(test->f.log, 0, &slice, name, test, NULL), STORAGE_CANCELED);
    log_slice_release(&slice);
    assert_int_equal(test->named_count, 2);
}

/* ---- what survives --------------------------------------------------------------------------------------------- */

/* Three aborted, two committed and one open transaction over several segments. */
static void fill(struct txn_test *test)
{
    test->f.config.segment_bytes = 600;
    for (int i = 0; i < 5; i++) {
        add_data(test, 7);
        add_data(test, 8);
        end(test, 7, i % 2 != 0);
        (void)test_pool_run(&test->f.pool);
    }
    end(test, 8, true);
    add_data(test, 9);
    assert_true(test->f.log->segments_count >= 4);
}

static void assert_filled(struct txn_test *test)
{
    int count = 0;
    int64_t firsts[NAMED_MAX];
    assert_int_equal(log_last_stable_offset(test->f.log), 16);
    for (int64_t offset = 0; offset < 16; offset++) {
        (void)named(test, offset, 1);
        for (int i = 0; i < test->named_count; i++)
            if (count == 0 || firsts[count - 1] < test->named[i].first_offset)
                firsts[count++] = test->named[i].first_offset;
    }
    assert_int_equal(count, 3);
    assert_int_equal(firsts[0], 0);
    assert_int_equal(firsts[1], 6);
    assert_int_equal(firsts[2], 12);
}

static void clean_stop_keeps_the_index(void **state)
{
    struct txn_test *test = *state;
    fill(test);
    assert_filled(test);
    log_fixture_reload(&test->f, true);
    assert_string_equal(test->f.reports, "");
    assert_filled(test);
}

/* What a crash left of the index counts for nothing. */
static void recovery_makes_the_index_again(void **state)
{
    struct txn_test *test = *state;
    fill(test);
    log_fixture_crash(&test->f);
    uint8_t extra[TXN_INDEX_ENTRY_BYTES * 2 + 5] = {0};
    assert_true(memory_io_exists(test->memory, FIRST_INDEX));
    memory_io_put(test->memory, FIRST_INDEX, extra, sizeof extra);
    memory_io_put(test->memory, "/data/recovery-point-offset-checkpoint", "0\n0\n", 4);
    assert_int_equal(log_fixture_open(&test->f, false), 0);
    assert_int_equal(log_load(test->f.log, NULL), 0);
    assert_filled(test);
}

/* The transaction's beginning lies below the recovery point, its marker above. */
static void recovery_knows_transactions_that_began_before_it(void **state)
{
    struct txn_test *test = *state;
    add_data(test, 7);
    assert_int_equal(log_flush_now(test->f.log, NULL), 0);
    assert_int_equal(log_roll(test->f.log, test->f.now_ms, NULL), 0);
    (void)test_pool_run(&test->f.pool);
    assert_int_equal(log_flush_now(test->f.log, NULL), 0);
    end(test, 7, false);
    log_fixture_crash(&test->f);
    memory_io_put(test->memory, "/data/recovery-point-offset-checkpoint", "0\n1\nt 0 1\n", 10);
    memory_io_put(test->memory, "/data/t-0/00000000000000000001.txnindex", "", 0);
    assert_int_equal(log_fixture_open(&test->f, false), 0);
    assert_int_equal(log_load(test->f.log, NULL), 0);
    assert_int_equal(named(test, 0, INT32_MAX), 1);
    assert_named(test, 0, 7, 0);
}

static void damaged_index_of_a_sealed_segment_is_made_again(void **state)
{
    struct txn_test *test = *state;
    fill(test);
    assert_int_equal(log_fixture_close(&test->f), 0);
    size_t size;
    uint8_t *bytes = memory_io_bytes(test->memory, FIRST_INDEX, &size);
    bytes[1] = 9; /* a version that nobody knows */
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    assert_int_equal(log_load(test->f.log, NULL), 0);
    assert_non_null(strstr(test->f.reports, "Made indexes again"));
    assert_filled(test);
    log_fixture_reload(&test->f, true);
    assert_string_equal(test->f.reports, "");
    assert_filled(test);
}

static void damaged_index_of_the_active_segment_is_made_again(void **state)
{
    struct txn_test *test = *state;
    add_data(test, 7);
    end(test, 7, false);
    assert_int_equal(log_fixture_close(&test->f), 0);
    size_t size;
    uint8_t *bytes = memory_io_bytes(test->memory, FIRST_INDEX, &size);
    bytes[25] = 200; /* a marker far behind the log end */
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    assert_int_equal(log_load(test->f.log, NULL), 0);
    assert_non_null(strstr(test->f.reports, "does not add up"));
    assert_int_equal(named(test, 0, INT32_MAX), 1);
}

static void index_goes_with_its_segment(void **state)
{
    struct txn_test *test = *state;
    fill(test);
    test->f.config.retention_bytes = 0;
    assert_true(memory_io_exists(test->memory, FIRST_INDEX));
    assert_int_equal(log_apply_retention(test->f.log, 1, test->f.now_ms, NULL), 1);
    assert_false(memory_io_exists(test->memory, FIRST_INDEX));
    assert_true(memory_io_exists(test->memory, FIRST_INDEX ".deleted"));
    (void)log_store_tick(test->f.store, test->f.now_ms + test->f.config.file_delete_delay_ms);
    (void)test_pool_run(&test->f.pool);
    assert_false(memory_io_exists(test->memory, FIRST_INDEX ".deleted"));
}

/* With the power what was not synced goes, but a clean stop has synced it all. */
static void clean_stop_syncs_the_index(void **state)
{
    struct txn_test *test = *state;
    fill(test);
    assert_int_equal(log_fixture_close(&test->f), 0);
    memory_io_power_cut(test->memory, 0);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    assert_int_equal(log_load(test->f.log, NULL), 0);
    assert_string_equal(test->f.reports, "");
    assert_filled(test);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(abort_marker_leaves_an_entry),
        TEST(commit_marker_leaves_nothing),
        TEST(abort_of_an_empty_transaction_leaves_nothing),
        TEST(marker_whose_entry_cannot_be_written_is_refused),
        TEST(entry_of_a_marker_that_cannot_be_written_is_taken_back),
        TEST(last_stable_offset_is_the_first_open_transaction),
        TEST(last_stable_offset_is_never_below_the_log_start),
        TEST(reader_is_told_what_overlaps_its_slice),
        TEST(reader_is_not_told_what_begins_behind_its_slice),
        TEST(search_goes_on_through_later_segments),
        TEST(search_ends_at_a_stable_entry),
        TEST(search_is_spared_where_nothing_was_aborted),
        TEST(search_ends_when_the_reader_wants_no_more),
        TEST(clean_stop_keeps_the_index),
        TEST(recovery_makes_the_index_again),
        TEST(recovery_knows_transactions_that_began_before_it),
        TEST(damaged_index_of_a_sealed_segment_is_made_again),
        TEST(damaged_index_of_the_active_segment_is_made_again),
        TEST(index_goes_with_its_segment),
        TEST(clean_stop_syncs_the_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
