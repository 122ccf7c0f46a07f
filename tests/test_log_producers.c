/* What a log knows of its producers: after stops and crashes, after retention, and for how long. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"

#include "storage/log_internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define ID    77
#define OTHER 88

struct producers_test {
    struct memory_io *memory;
    struct log_fixture f;
};

static int setup(void **state)
{
    struct producers_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    log_fixture_init(&test->f, memory_io_files(test->memory), "/data");
    test->f.config.segment_bytes = 2000;
    test->f.config.index_interval_bytes = 500;
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct producers_test *test = *state;
    log_fixture_crash(&test->f);
    memory_io_free(test->memory);
    free(test);
    return 0;
}

static int produce(struct producers_test *test, int64_t producer_id, int32_t sequence, struct log_append *append)
{
    struct batch_spec spec = {.records = 2, .value_bytes = 100, .producer_id = producer_id, .base_sequence = sequence};
    int error = log_fixture_append(&test->f, spec, append);
    (void)test_pool_run(&test->f.pool);
    return error;
}

/* Ten batches of two records of each of two producers in turn: sequences 0 to 19, ID's at offsets 0, 4, 8, ... 36. */
static void fill(struct producers_test *test)
{
    for (int32_t sequence = 0; sequence < 20; sequence += 2) {
        assert_int_equal(produce(test, ID, sequence, NULL), 0);
        assert_int_equal(produce(test, OTHER, sequence, NULL), 0);
    }
    assert_true(test->f.log->segments_count >= 3);
}

static void assert_duplicate(struct producers_test *test, int64_t producer_id, int32_t sequence, int64_t offset)
{
    struct log_append append;
    assert_int_equal(produce(test, producer_id, sequence, &append), 0);
    assert_true(append.duplicate);
    assert_int_equal(append.base_offset, offset);
}

/* Each of the last five is answered with its offset, the sixth is refused, and the next one is taken. */
static void assert_window(struct producers_test *test)
{
    for (int32_t sequence = 10; sequence < 20; sequence += 2)
        assert_duplicate(test, ID, sequence, sequence * 2);
    assert_int_equal(produce(test, ID, 8, NULL), STORAGE_SEQUENCE_OUT_OF_ORDER);
    assert_duplicate(test, OTHER, 10, 22);
    assert_int_equal(produce(test, ID, 20, NULL), 0);
    assert_int_equal(produce(test, OTHER, 20, NULL), 0);
}

static void clean_stop_keeps_the_last_five_batches(void **state)
{
    struct producers_test *test = *state;
    fill(test);
    log_fixture_reload(&test->f, true);
    assert_window(test);
}

static void crash_keeps_the_last_five_batches(void **state)
{
    struct producers_test *test = *state;
    fill(test);
    log_fixture_reload(&test->f, false);
    assert_window(test);
}

/* A roll's snapshot holds one batch; those behind it are replayed, those before it are looked for. */
static void crash_behind_a_roll_keeps_the_last_five_batches(void **state)
{
    struct producers_test *test = *state;
    fill(test);
    assert_int_equal(log_roll(test->f.log, test->f.now_ms, NULL), 0);
    assert_int_equal(log_flush_now(test->f.log, NULL), 0);
    (void)log_store_tick(test->f.store, test->f.now_ms + 1000000);
    (void)test_pool_run(&test->f.pool);
    log_fixture_reload(&test->f, false);
    assert_window(test);
}

/* Who goes on where it was costs nothing. */
static void clean_start_looks_for_no_batches_until_one_is_repeated(void **state)
{
    struct producers_test *test = *state;
    fill(test);
    log_fixture_reload(&test->f, true);
    assert_int_equal(produce(test, ID, 20, NULL), 0);
    int64_t reads = memory_io_calls(test->memory, CALL_PREAD);
    assert_int_equal(produce(test, ID, 22, NULL), 0);
    assert_duplicate(test, OTHER, 18, 38);
    assert_int_equal(memory_io_calls(test->memory, CALL_PREAD), reads);
    assert_duplicate(test, OTHER, 12, 26);
    assert_true(memory_io_calls(test->memory, CALL_PREAD) > reads);
}

static void batches_are_looked_for_once(void **state)
{
    struct producers_test *test = *state;
    fill(test);
    log_fixture_reload(&test->f, true);
    assert_int_equal(produce(test, ID, 4, NULL), STORAGE_SEQUENCE_OUT_OF_ORDER);
    int64_t reads = memory_io_calls(test->memory, CALL_PREAD);
    assert_int_equal(produce(test, ID, 4, NULL), STORAGE_SEQUENCE_OUT_OF_ORDER);
    assert_duplicate(test, OTHER, 10, 22);
    assert_int_equal(memory_io_calls(test->memory, CALL_PREAD), reads);
}

/* ID writes six batches, OTHER as many bytes behind them. */
static void fill_behind(struct producers_test *test, int32_t bytes)
{
    struct batch_spec spec = {.value_bytes = 1000 * 1000, .producer_id = OTHER};
    test->f.config.segment_bytes = 5 * 1000 * 1000;
    for (int32_t sequence = 0; sequence < 12; sequence += 2)
        assert_int_equal(produce(test, ID, sequence, NULL), 0);
    for (; bytes > 0; bytes -= spec.value_bytes, spec.base_sequence++)
        assert_int_equal(log_fixture_append(&test->f, spec, NULL), 0);
    log_fixture_reload(&test->f, true);
}

static void batches_far_behind_are_found(void **state)
{
    struct producers_test *test = *state;
    fill_behind(test, 12 * 1000 * 1000);
    for (int32_t sequence = 2; sequence < 12; sequence += 2)
        assert_duplicate(test, ID, sequence, sequence);
}

/* The bound of what is looked through; Kafka knows the last batch alone. */
static void batches_too_far_behind_are_out_of_order(void **state)
{
    struct producers_test *test = *state;
    fill_behind(test, 17 * 1000 * 1000);
    assert_int_equal(produce(test, ID, 8, NULL), STORAGE_SEQUENCE_OUT_OF_ORDER);
    assert_duplicate(test, ID, 10, 10);
    assert_int_equal(produce(test, ID, 12, NULL), 0);
}

/* A file that cannot be read says nothing about the batch. */
static void failed_look_for_batches_is_no_gap(void **state)
{
    struct producers_test *test = *state;
    fill(test);
    log_fixture_reload(&test->f, true);
    memory_io_fail(test->memory, CALL_PREAD, 1, EIO, true);
    assert_int_equal(produce(test, ID, 12, NULL), STORAGE_IO);
    assert_true(log_is_offline(test->f.log));
}

/* A batch of another epoch is not in the window. */
static void batches_of_an_older_epoch_do_not_come_back(void **state)
{
    struct producers_test *test = *state;
    fill(test);
    struct batch_spec spec = {
        .records = 2, .value_bytes = 100, .producer_id = ID, .producer_epoch = 1, .base_sequence = 0};
    assert_int_equal(log_fixture_append(&test->f, spec, NULL), 0);
    log_fixture_reload(&test->f, true);
    spec.base_sequence = 18;
    assert_int_equal(log_fixture_append(&test->f, spec, NULL), STORAGE_SEQUENCE_OUT_OF_ORDER);
    assert_int_equal(produce(test, ID, 18, NULL), STORAGE_PRODUCER_EPOCH_STALE);
}

/* Sequences go from 2^31-1 to 0, also within a batch and over a restart. */
static void duplicates_are_known_around_the_largest_sequence(void **state)
{
    struct producers_test *test = *state;
    static const int32_t sequences[] = {INT32_MAX - 4, INT32_MAX - 2, INT32_MAX, 1, 3};
    for (size_t i = 0; i < COUNT_OF(sequences); i++)
        assert_int_equal(produce(test, ID, sequences[i], NULL), 0);
    for (int clean = 0; clean < 2; clean++) {
        for (size_t i = 0; i < COUNT_OF(sequences); i++)
            assert_duplicate(test, ID, sequences[i], (int64_t)i * 2);
        log_fixture_reload(&test->f, clean == 0);
    }
    assert_int_equal(produce(test, ID, INT32_MAX - 5, NULL), STORAGE_SEQUENCE_OUT_OF_ORDER);
    assert_int_equal(produce(test, ID, 5, NULL), 0);
}

/* ---- how long -------------------------------------------------------------------------------------------------- */

/* In Kafka too it is time alone that makes a producer forgotten. */
static void producers_outlive_their_records(void **state)
{
    struct producers_test *test = *state;
    fill(test);
    test->f.config.retention_ms = 1;
    test->f.now_ms += 60 * 1000;
    for (int round = 0; round < 2; round++) { /* the last one goes when the segment behind it is on the disk */
        (void)test_pool_run(&test->f.pool);
        assert_true(log_apply_retention(test->f.log, INT32_MAX, test->f.now_ms, NULL) > 0);
    }
    assert_int_equal(log_start_offset(test->f.log), 40);
    assert_duplicate(test, ID, 12, 24);
    log_fixture_reload(&test->f, true);
    assert_duplicate(test, ID, 18, 36);
    assert_int_equal(produce(test, ID, 22, NULL), STORAGE_SEQUENCE_OUT_OF_ORDER);
    assert_int_equal(produce(test, ID, 20, NULL), 0);
}

static void producers_outlive_delete_records(void **state)
{
    struct producers_test *test = *state;
    fill(test);
    assert_int_equal(log_raise_start(test->f.log, 40, NULL), 0);
    assert_int_equal(produce(test, ID, 22, NULL), STORAGE_SEQUENCE_OUT_OF_ORDER);
    log_fixture_reload(&test->f, true);
    assert_int_equal(produce(test, ID, 22, NULL), STORAGE_SEQUENCE_OUT_OF_ORDER);
    assert_duplicate(test, ID, 18, 36);
}

static void idle_producers_are_forgotten_as_time_passes(void **state)
{
    struct producers_test *test = *state;
    fill(test);
    int64_t interval_ms = test->f.options.producer_check_interval_ms;
    test->f.producer_expiration_ms = (int32_t)interval_ms * 2 + 1;
    (void)log_store_tick(test->f.store, test->f.now_ms + interval_ms * 2);
    assert_int_equal(test->f.log->producers.count, 2);
    (void)log_store_tick(test->f.store, test->f.now_ms + interval_ms * 3 - 1);
    assert_int_equal(test->f.log->producers.count, 2);
    (void)log_store_tick(test->f.store, test->f.now_ms + interval_ms * 3);
    assert_int_equal(test->f.log->producers.count, 0);
    assert_int_equal(produce(test, ID, 4711, NULL), 0); /* a stranger may begin anywhere (KIP-360) */
}

/* producer.id.expiration.ms may change while the broker runs. */
static void changed_expiration_counts_at_the_next_check(void **state)
{
    struct producers_test *test = *state;
    fill(test);
    int64_t interval_ms = test->f.options.producer_check_interval_ms;
    test->f.producer_expiration_ms = 1000;
    (void)log_store_tick(test->f.store, test->f.now_ms + interval_ms);
    assert_int_equal(test->f.log->producers.count, 0);
}

static void open_transactions_keep_their_producer(void **state)
{
    struct producers_test *test = *state;
    struct batch_spec spec = {.producer_id = ID, .attributes = BATCH_TRANSACTIONAL};
    assert_int_equal(log_fixture_append(&test->f, spec, NULL), 0);
    test->f.producer_expiration_ms = 1;
    test->f.now_ms += 3600 * 1000;
    (void)log_store_tick(test->f.store, test->f.now_ms);
    assert_int_equal(test->f.log->producers.count, 1);
    log_fixture_reload(&test->f, true);
    assert_int_equal(test->f.log->producers.count, 1);
    assert_int_equal(log_last_stable_offset(test->f.log), 0);
}

/* As DescribeProducers tells it; a log that nobody has asked for is loaded. */
static void producers_are_told_with_their_open_transactions(void **state)
{
    struct producers_test *test = *state;
    struct batch_spec open = {
        .records = 2, .producer_id = OTHER, .base_sequence = 5, .attributes = BATCH_TRANSACTIONAL};
    int32_t count;
    assert_int_equal(produce(test, ID, 7, NULL), 0);
    assert_int_equal(log_fixture_append(&test->f, open, NULL), 0);
    log_fixture_reload(&test->f, true);
    assert_int_equal(log_producers_count(test->f.log, &count, NULL), 0);
    assert_int_equal(count, 2);
    struct log_producer one = log_producer_at(test->f.log, 0), other = log_producer_at(test->f.log, 1);
    assert_int_equal(one.id, ID);
    assert_int_equal(one.last_sequence, 8);
    assert_int_equal(one.txn_first_offset, -1);
    assert_int_equal(one.coordinator_epoch, -1);
    assert_int_equal(other.id, OTHER);
    assert_int_equal(other.last_sequence, 6);
    assert_int_equal(other.txn_first_offset, 2);

    assert_int_equal(log_fixture_append_marker(&test->f, OTHER, 1, true), 0);
    other = log_producer_at(test->f.log, 1);
    assert_int_equal(other.epoch, 1);
    assert_int_equal(other.last_sequence, -1); /* of the new epoch there is only a marker */
    assert_int_equal(other.txn_first_offset, -1);
    assert_true(other.coordinator_epoch >= 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(clean_stop_keeps_the_last_five_batches),
        TEST(crash_keeps_the_last_five_batches),
        TEST(crash_behind_a_roll_keeps_the_last_five_batches),
        TEST(clean_start_looks_for_no_batches_until_one_is_repeated),
        TEST(batches_are_looked_for_once),
        TEST(batches_far_behind_are_found),
        TEST(batches_too_far_behind_are_out_of_order),
        TEST(failed_look_for_batches_is_no_gap),
        TEST(batches_of_an_older_epoch_do_not_come_back),
        TEST(duplicates_are_known_around_the_largest_sequence),
        TEST(producers_outlive_their_records),
        TEST(producers_outlive_delete_records),
        TEST(idle_producers_are_forgotten_as_time_passes),
        TEST(changed_expiration_counts_at_the_next_check),
        TEST(open_transactions_keep_their_producer),
        TEST(producers_are_told_with_their_open_transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
