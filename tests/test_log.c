/* What a log does while nothing goes wrong: append, read, roll, timestamps, epochs, flush. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"

#include "storage/log_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

struct log_test {
    struct memory_io *memory;
    struct log_fixture f;
};

static int setup(void **state)
{
    struct log_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    log_fixture_init(&test->f, memory_io_files(test->memory), "/data");
    *state = test;
    return log_fixture_open(&test->f, true);
}

static int teardown(void **state)
{
    struct log_test *test = *state;
    log_fixture_crash(&test->f);
    memory_io_free(test->memory);
    free(test);
    return 0;
}

/* Append batches of `records` records, `count` times. */
static void append_many(struct log_fixture *f, int count, int32_t records, int32_t value_bytes)
{
    for (int i = 0; i < count; i++) {
        f->now_ms += 1000;
        assert_int_equal(
            log_fixture_append(f, (struct batch_spec){.records = records, .value_bytes = value_bytes}, NULL), 0);
    }
}

/* ---- append ---------------------------------------------------------------------------------------------------- */

static void append_gives_consecutive_offsets(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    struct log_append append;
    assert_int_equal(log_fixture_append(f, (struct batch_spec){.records = 3}, &append), 0);
    assert_int_equal(append.base_offset, 0);
    assert_int_equal(append.last_offset, 2);
    assert_int_equal(append.append_time_ms, -1);
    assert_int_equal(log_fixture_append(f, (struct batch_spec){.records = 2}, &append), 0);
    assert_int_equal(append.base_offset, 3);
    assert_int_equal(log_end_offset(f->log), 5);
    assert_int_equal(log_high_watermark(f->log), 5);
    assert_int_equal(log_start_offset(f->log), 0);
}

/* A partition that nobody wrote to has no folder: ten thousand of them cost nothing. */
static void folder_appears_with_the_first_append(void **state)
{
    struct log_test *test = *state;
    struct log_slice slice;
    assert_int_equal(log_end_offset(test->f.log), 0);
    assert_int_equal(log_read(test->f.log, 0, 100, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL), 0);
    assert_null(slice.segment);
    assert_false(memory_io_exists(test->memory, "/data/t-0"));
    append_many(&test->f, 1, 1, 10);
    size_t size;
    const uint8_t *text = memory_io_bytes(test->memory, "/data/t-0/partition.metadata", &size);
    assert_int_equal(size, 43); /* as Kafka's, without a newline at the end */
    assert_memory_equal(text, "version: 0\ntopic_id: AQIDBAUGBwgJCgsMDQ4PEA", size);
    assert_int_equal(memory_io_size(test->memory, "/data/t-0/00000000000000000000.index"), 0);
}

static int refuse_folder(void *context)
{
    ++*(int *)context;
    return STORAGE_IO;
}

/* What the folder depends on must be on the disk first; so who keeps that may refuse. */
static void append_asks_before_it_makes_the_folder(void **state)
{
    struct log_test *test = *state;
    int asked = 0;
    log_fixture_crash(&test->f);
    test->f.options.before_folder = refuse_folder;
    test->f.options.before_folder_context = &asked;
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    assert_int_equal(log_fixture_append(&test->f, (struct batch_spec){0}, NULL), STORAGE_IO);
    assert_int_equal(asked, 1);
    assert_false(memory_io_exists(test->memory, "/data/t-0"));
}

static void append_refuses_a_damaged_batch(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    size_t size;
    uint8_t *bytes = log_fixture_batch(f, (struct batch_spec){.records = 2}, &size);
    bytes[size - 1] ^= 1;
    struct log_append append = {.bytes = bytes, .size_bytes = size, .zstd_allowed = true, .now_ms = f->now_ms};
    assert_int_equal(log_append(f->log, &append, NULL), STORAGE_BATCH_CORRUPT);
    assert_int_equal(log_end_offset(f->log), 0);
    free(bytes);
}

/* RECORD_LIST_TOO_LARGE: a batch that no segment can hold. */
static void append_refuses_a_batch_larger_than_a_segment(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    f->config.segment_bytes = 1000;
    assert_int_equal(log_fixture_append(f, (struct batch_spec){.value_bytes = 1000}, NULL),
                     STORAGE_BATCH_EXCEEDS_SEGMENT);
    assert_int_equal(log_fixture_append(f, (struct batch_spec){.value_bytes = 900}, NULL), 0);
}

static void append_answers_a_duplicate_with_the_first_offsets(void **state)
{
    struct log_test *test = *state;
    struct log_append append;
    struct batch_spec spec = {.records = 4, .producer_id = 5, .base_sequence = 0};
    append_many(&test->f, 1, 2, 10);
    assert_int_equal(log_fixture_append(&test->f, spec, NULL), 0);
    int64_t size = memory_io_size(test->memory, "/data/t-0/00000000000000000000.log");
    assert_int_equal(log_fixture_append(&test->f, spec, &append), 0);
    assert_true(append.duplicate);
    assert_int_equal(append.base_offset, 2);
    assert_int_equal(append.last_offset, 5);
    assert_int_equal(memory_io_size(test->memory, "/data/t-0/00000000000000000000.log"), size);
    assert_int_equal(log_end_offset(test->f.log), 6);
}

static void append_stamps_with_log_append_time(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    struct log_append append;
    struct log_found found;
    f->config.rules.timestamp_type = TIMESTAMP_LOG_APPEND_TIME;
    assert_int_equal(log_fixture_append(f, (struct batch_spec){.timestamp_ms = 1, .records = 3}, &append), 0);
    assert_int_equal(append.append_time_ms, f->now_ms);
    assert_int_equal(log_find_max_timestamp(f->log, NULL, &found, NULL), 0);
    assert_int_equal(found.timestamp_ms, f->now_ms);
}

/* ---- roll ------------------------------------------------------------------------------------------------------ */

static void roll_begins_when_the_next_batch_would_pass_segment_bytes(void **state)
{
    struct log_test *test = *state;
    size_t batch_bytes;
    free(log_fixture_batch(&test->f, (struct batch_spec){.value_bytes = 100}, &batch_bytes));
    test->f.config.segment_bytes = (int32_t)(3 * batch_bytes);
    append_many(&test->f, 3, 1, 100);
    assert_int_equal(test->f.log->segments_count, 1);
    append_many(&test->f, 1, 1, 100);
    assert_int_equal(test->f.log->segments_count, 2);
    assert_int_equal(log_active(test->f.log)->base_offset, 3);
    assert_int_equal(memory_io_size(test->memory, "/data/t-0/00000000000000000003.snapshot"), 10);
    assert_int_equal(log_fixture_count_records(&test->f, 1), 4);
}

/* The time that counts is the batches' own; the first batch's against the new one's. */
static void roll_begins_when_the_first_batch_is_segment_ms_old(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    f->config.segment_ms = 10000;
    assert_int_equal(log_fixture_append(f, (struct batch_spec){.timestamp_ms = 50000}, NULL), 0);
    assert_int_equal(log_fixture_append(f, (struct batch_spec){.timestamp_ms = 60000}, NULL), 0);
    assert_int_equal(f->log->segments_count, 1);
    assert_int_equal(log_fixture_append(f, (struct batch_spec){.timestamp_ms = 60001}, NULL), 0);
    assert_int_equal(f->log->segments_count, 2);
}

static void roll_begins_when_an_index_is_full(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    f->config.index_interval_bytes = 0;
    f->config.segment_index_bytes = 80; /* ten offsets, but only five timestamps beside the one for the end */
    append_many(f, 6, 1, 10);           /* the first one has no entry */
    assert_int_equal(f->log->segments_count, 1);
    append_many(f, 1, 1, 10);
    assert_int_equal(f->log->segments_count, 2);
}

/* An index entry holds the offset relative to the base offset in 31 bits. */
static void roll_begins_when_an_offset_does_not_fit_the_index(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    append_many(f, 1, 1, 10);
    f->log->end_offset = INT64_C(0x7fffffff);
    append_many(f, 1, 1, 10);
    assert_int_equal(f->log->segments_count, 1);
    append_many(f, 1, 1, 10);
    assert_int_equal(f->log->segments_count, 2);
    assert_int_equal(log_active(f->log)->base_offset, INT64_C(0x80000000));
}

/* Entries come per batch, when strictly more than the interval was appended since the last one; none for the first. */
static void index_has_an_entry_after_each_interval(void **state)
{
    struct log_test *test = *state;
    size_t batch_bytes, size;
    free(log_fixture_batch(&test->f, (struct batch_spec){.value_bytes = 100}, &batch_bytes));
    test->f.config.index_interval_bytes = (int32_t)(2 * batch_bytes);
    append_many(&test->f, 9, 1, 100);
    segment_write_indexes(log_active(test->f.log));
    const uint8_t *index = memory_io_bytes(test->memory, "/data/t-0/00000000000000000000.index", &size);
    assert_int_equal(size, 2 * 8); /* before batch 3 three batches had been counted, before batch 6 again */
    assert_int_equal(load_be32(index), 3);
    assert_int_equal(load_be32(index + 4), 3 * batch_bytes);
    assert_int_equal(load_be32(index + 8), 6);
    const uint8_t *times = memory_io_bytes(test->memory, "/data/t-0/00000000000000000000.timeindex", &size);
    assert_int_equal(size, 2 * 12);
    assert_int_equal(load_be64(times + 12), LOG_FIXTURE_NOW_MS + 7000);
    assert_int_equal(load_be32(times + 20), 6);
}

static void time_index_ends_with_the_largest_timestamp_of_a_rolled_segment(void **state)
{
    struct log_test *test = *state;
    size_t size;
    test->f.config.segment_bytes = 400;
    assert_int_equal(log_fixture_append(&test->f, (struct batch_spec){.timestamp_ms = 9000, .value_bytes = 100}, NULL),
                     0);
    assert_int_equal(log_fixture_append(&test->f, (struct batch_spec){.timestamp_ms = 8000, .value_bytes = 100}, NULL),
                     0);
    assert_int_equal(log_fixture_append(&test->f, (struct batch_spec){.timestamp_ms = 8500, .value_bytes = 100}, NULL),
                     0);
    const uint8_t *times = memory_io_bytes(test->memory, "/data/t-0/00000000000000000000.timeindex", &size);
    assert_int_equal(size, 12);
    assert_int_equal(load_be64(times), 9000);
    assert_int_equal(load_be32(times + 8), 0);
}

/* ---- read ------------------------------------------------------------------------------------------------------ */

/* Whatever the limits, every record is read once, over index entries and segments. */
static void reads_of_any_size_cover_the_log(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    f->config.segment_bytes = 6000;
    f->config.index_interval_bytes = 500;
    append_many(f, 60, 3, 70);
    assert_true(f->log->segments_count > 2);
    for (int32_t max_bytes = 0; max_bytes < 7000; max_bytes += 131)
        assert_int_equal(log_fixture_count_records(f, max_bytes), 180);
}

static void read_begins_with_the_batch_that_holds_the_offset(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    int64_t first, next;
    f->config.index_interval_bytes = 300;
    append_many(f, 20, 5, 50);
    for (int64_t offset = 0; offset < 100; offset++) {
        assert_int_equal(log_fixture_read(f, offset, 1, &first, &next), 5);
        assert_int_equal(first, offset - offset % 5);
    }
}

/* KIP-74: a batch larger than the limit is given all the same, but only to who asks for at least one. */
static void read_gives_a_batch_above_the_limit_only_when_asked(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    struct log_slice slice;
    append_many(f, 2, 1, 500);
    assert_int_equal(log_read(f->log, 0, 100, false, ISOLATION_READ_UNCOMMITTED, &slice, NULL), 0);
    assert_null(slice.segment);
    assert_int_equal(log_read(f->log, 0, 100, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL), 0);
    assert_non_null(slice.segment);
    assert_true(slice.size_bytes > 500 && slice.size_bytes < 1000);
    log_slice_release(&slice);
}

static void read_outside_of_the_log_is_out_of_range(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    struct log_slice slice;
    append_many(f, 2, 1, 10);
    assert_int_equal(log_read(f->log, 3, 100, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL),
                     STORAGE_OFFSET_OUT_OF_RANGE);
    assert_int_equal(log_read(f->log, -1, 100, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL),
                     STORAGE_OFFSET_OUT_OF_RANGE);
    assert_int_equal(log_read(f->log, 2, 100, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL), 0);
    assert_null(slice.segment);
}

static void read_committed_ends_before_an_open_transaction(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    struct log_slice slice;
    append_many(f, 2, 1, 10);
    struct batch_spec spec = {.value_bytes = 10, .producer_id = 9, .attributes = BATCH_TRANSACTIONAL};
    assert_int_equal(log_fixture_append(f, spec, NULL), 0);
    append_many(f, 1, 1, 10);
    assert_int_equal(log_last_stable_offset(f->log), 2);
    assert_int_equal(log_read(f->log, 0, 10000, true, ISOLATION_READ_COMMITTED, &slice, NULL), 0);
    int32_t committed_bytes = slice.size_bytes;
    log_slice_release(&slice);
    assert_int_equal(log_read(f->log, 0, 10000, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL), 0);
    assert_int_equal(slice.size_bytes, 2 * committed_bytes);
    log_slice_release(&slice);
    assert_int_equal(log_read(f->log, 2, 10000, true, ISOLATION_READ_COMMITTED, &slice, NULL), 0);
    assert_null(slice.segment);
    struct log_found found;
    assert_int_equal(log_find_timestamp(f->log, f->now_ms, ISOLATION_READ_COMMITTED, NULL, &found, NULL), 0);
    assert_int_equal(found.offset, -1);
    assert_int_equal(log_find_timestamp(f->log, f->now_ms, ISOLATION_READ_UNCOMMITTED, NULL, &found, NULL), 0);
    assert_int_equal(found.offset, 3);
    assert_int_equal(log_fixture_append_marker(f, 9, 0, true), 0);
    assert_int_equal(log_last_stable_offset(f->log), 5);
}

/* For the wait of a fetch: what a read would give, 0 at the end. */
static void bytes_from_an_offset_are_what_a_read_gives(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    f->config.segment_bytes = 2000;
    f->config.index_interval_bytes = 300;
    append_many(f, 30, 1, 100);
    struct log_position from;
    int64_t ends_at = -1; /* the first offset whose read reaches the end of the log */
    for (int64_t offset = 0; offset < 30; offset++) {
        struct log_slice slice;
        assert_int_equal(log_find_position(f->log, offset, &from, NULL), 0);
        assert_int_equal(log_read(f->log, offset, INT32_MAX, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL), 0);
        int64_t bytes = log_bytes_from(f->log, offset, &from, ISOLATION_READ_UNCOMMITTED);
        if (bytes != INT64_MAX && ends_at < 0)
            ends_at = offset;
        assert_true(bytes == (ends_at < 0 ? INT64_MAX : slice.size_bytes));
        log_slice_release(&slice);
    }
    assert_in_range(ends_at, 1, 29);
    assert_int_equal(log_find_position(f->log, 30, &from, NULL), 0);
    assert_int_equal(log_bytes_from(f->log, 30, &from, ISOLATION_READ_UNCOMMITTED), 0);
    append_many(f, 1, 1, 100);
    assert_in_range(log_bytes_from(f->log, 30, &from, ISOLATION_READ_UNCOMMITTED), 100, 200);
    append_many(f, 20, 1, 100); /* into the next segment */
    assert_int_equal(log_bytes_from(f->log, 30, &from, ISOLATION_READ_UNCOMMITTED), INT64_MAX);
}

/* A slice on its way to a socket keeps its segment, whatever happens to the log. */
static void slice_outlives_the_deletion_of_its_topic(void **state)
{
    struct log_test *test = *state;
    const char *aside = "/data/t-0.0102030405060708090a0b0c0d0e0f10-delete";
    struct log_slice slice, copy;
    uint8_t head[8];
    append_many(&test->f, 2, 1, 100);
    assert_int_equal(log_read(test->f.log, 1, 1000, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL), 0);
    copy = slice;
    log_slice_ref(&copy);
    log_slice_release(&slice);
    log_delete(test->f.log, test->f.now_ms);
    test->f.now_ms += 100000;
    (void)log_store_tick(test->f.store, test->f.now_ms);
    (void)test_pool_run(&test->f.pool);
    assert_true(memory_io_exists(test->memory, aside)); /* its descriptor may be closed at any time */
    assert_int_equal(log_slice_read(&copy, 0, head, sizeof head), 0);
    assert_int_equal(load_be64(head), 1);
    log_slice_release(&copy);
    test->f.now_ms += 2000;
    (void)log_store_tick(test->f.store, test->f.now_ms);
    (void)test_pool_run(&test->f.pool);
    assert_false(memory_io_exists(test->memory, aside));
}

/* ---- timestamps and epochs ------------------------------------------------------------------------------------- */

struct timestamp_row {
    int64_t asked_ms, offset, found_ms;
};

/* Timestamps out of order, compressed, over segments: the answer is the first record at or after, not the batch. */
static void find_timestamp_gives_the_first_record_at_or_after(void **state)
{
    static const struct timestamp_row rows[] = {
        {0,    0,  1000},
        {1000, 0,  1000},
        {1001, 1,  1001},
        {1002, 2,  1002},
        {1003, 3,  5000},
        {5002, 5,  5002},
        {5003, 9,  7000},
        {7001, 10, 7001},
        {7002, 11, 7002},
        {7003, -1, -1  },
    };
    struct log_fixture *f = &((struct log_test *)*state)->f;
    const int64_t timestamps_ms[] = {1000, 5000, 2000, 7000};
    f->config.segment_bytes = 450;
    f->config.index_interval_bytes = 0;
    for (size_t i = 0; i < COUNT_OF(timestamps_ms); i++) {
        struct batch_spec spec = {.records = 3,
                                  .value_bytes = 300,
                                  .timestamp_ms = timestamps_ms[i],
                                  .codec = i % 2 ? CODEC_GZIP : CODEC_NONE};
        f->config.segment_bytes = i == 0 ? 5000 : 1100;
        assert_int_equal(log_fixture_append(f, spec, NULL), 0);
    }
    assert_true(f->log->segments_count > 1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct log_found found;
        assert_int_equal(log_find_timestamp(f->log, rows[i].asked_ms, ISOLATION_READ_UNCOMMITTED, NULL, &found, NULL),
                         0);
        assert_int_equal(found.offset, rows[i].offset);
        assert_int_equal(found.timestamp_ms, rows[i].found_ms);
    }
}

static void find_max_timestamp_gives_the_first_record_that_has_it(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    struct log_found found;
    f->config.index_interval_bytes = 0;
    assert_int_equal(log_find_max_timestamp(f->log, NULL, &found, NULL), 0);
    assert_int_equal(found.offset, -1);
    assert_int_equal(log_fixture_append(f, (struct batch_spec){.records = 3, .timestamp_ms = 1000}, NULL), 0);
    assert_int_equal(
        log_fixture_append(f, (struct batch_spec){.records = 3, .timestamp_ms = 9000, .leader_epoch = 4}, NULL), 0);
    assert_int_equal(
        log_fixture_append(f, (struct batch_spec){.records = 1, .timestamp_ms = 9002, .leader_epoch = 4}, NULL), 0);
    assert_int_equal(log_find_max_timestamp(f->log, NULL, &found, NULL), 0);
    assert_int_equal(found.offset, 5);
    assert_int_equal(found.timestamp_ms, 9002);
    assert_int_equal(found.leader_epoch, 4);
}

static void epochs_are_noted_at_their_first_append(void **state)
{
    struct log_test *test = *state;
    int32_t epoch;
    int64_t end;
    size_t size;
    const int32_t epochs[] = {2, 2, 5, 7};
    for (size_t i = 0; i < COUNT_OF(epochs); i++)
        assert_int_equal(
            log_fixture_append(&test->f, (struct batch_spec){.records = 10, .leader_epoch = epochs[i]}, NULL), 0);
    assert_int_equal(log_latest_epoch(test->f.log), 7);
    assert_int_equal(log_epoch_at(test->f.log, 25), 5);
    assert_true(log_epoch_end(test->f.log, 2, &epoch, &end));
    assert_int_equal(end, 20);
    const uint8_t *text = memory_io_bytes(test->memory, "/data/t-0/leader-epoch-checkpoint", &size);
    assert_int_equal(size, strlen("0\n3\n2 0\n5 20\n7 30\n"));
    assert_memory_equal(text, "0\n3\n2 0\n5 20\n7 30\n", size);
}

/* ---- flush ----------------------------------------------------------------------------------------------------- */

struct waiter {
    struct log_flush flush;
    int calls, status;
};

static void waiter_done(struct log_flush *flush, int status)
{
    struct waiter *waiter = CONTAINER_OF(flush, struct waiter, flush);
    waiter->calls++;
    waiter->status = status;
}

/* Who asks while a sync is under way shares the next one. */
static void flushes_share_one_sync(void **state)
{
    struct log_test *test = *state;
    struct waiter waiters[10] = {{.status = 1}};
    append_many(&test->f, 1, 1, 10);
    assert_int_equal(log_flush_now(test->f.log, NULL), 0); /* names and epochs */
    append_many(&test->f, 1, 1, 10);
    int64_t before = memory_io_calls(test->memory, CALL_SYNC);
    for (size_t i = 0; i < COUNT_OF(waiters); i++) {
        waiters[i].flush.done = waiter_done;
        log_flush(test->f.log, &waiters[i].flush);
        append_many(&test->f, 1, 1, 10);
    }
    assert_int_equal(test_pool_run(&test->f.pool), 2); /* the first one's, and one for all others */
    assert_int_equal(memory_io_calls(test->memory, CALL_SYNC) - before, 2);
    for (size_t i = 0; i < COUNT_OF(waiters); i++) {
        assert_int_equal(waiters[i].calls, 1);
        assert_int_equal(waiters[i].status, 0);
    }
    assert_int_equal(test->f.log->recovery_point, log_end_offset(test->f.log));
}

static void flush_of_a_deleted_log_is_canceled(void **state)
{
    struct log_test *test = *state;
    struct waiter first = {.flush.done = waiter_done}, second = {.flush.done = waiter_done};
    append_many(&test->f, 1, 1, 10);
    log_flush(test->f.log, &first.flush);
    log_flush(test->f.log, &second.flush);
    log_delete(test->f.log, test->f.now_ms);
    assert_int_equal(first.calls + second.calls, 0);
    (void)test_pool_run(&test->f.pool);
    assert_int_equal(first.calls, 1);
    assert_int_equal(first.status, STORAGE_CANCELED);
    assert_int_equal(second.calls, 1);
    assert_int_equal(second.status, STORAGE_CANCELED);
}

static void flush_without_sync_touches_no_disk(void **state)
{
    struct log_test *test = *state;
    struct waiter waiter = {.flush.done = waiter_done, .status = 1};
    log_fixture_crash(&test->f);
    test->f.options.sync = false;
    test->f.config.flush_messages = 1;
    test->f.config.segment_bytes = 500;
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    int64_t before = memory_io_calls(test->memory, CALL_SYNC);
    append_many(&test->f, 10, 1, 100);
    assert_false(log_wants_flush(test->f.log));
    log_flush(test->f.log, &waiter.flush);
    assert_int_equal(waiter.calls, 0);
    (void)test_pool_run(&test->f.pool);
    assert_int_equal(waiter.status, 0);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_int_equal(memory_io_calls(test->memory, CALL_SYNC), before);
}

static void flush_messages_counts_from_the_recovery_point(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    f->config.flush_messages = 3;
    append_many(f, 1, 2, 10);
    assert_false(log_wants_flush(f->log));
    append_many(f, 1, 1, 10);
    assert_true(log_wants_flush(f->log));
    assert_int_equal(log_flush_now(f->log, NULL), 0);
    assert_false(log_wants_flush(f->log));
}

static void flush_ms_syncs_what_is_older(void **state)
{
    struct log_fixture *f = &((struct log_test *)*state)->f;
    f->config.flush_ms = 700;
    append_many(f, 1, 1, 10);
    assert_true(log_store_next_ms(f->store) <= f->now_ms + 700);
    assert_true(log_store_tick(f->store, f->now_ms + 699) == f->now_ms + 700);
    assert_int_equal(test_pool_run(&f->pool), 0);
    (void)log_store_tick(f->store, f->now_ms + 700);
    (void)test_pool_run(&f->pool);
    assert_int_equal(f->log->recovery_point, 1);
}

/* In the steady state an append does no more than write: one call for the batch, rarely some for the indexes, and at
 * most once a second a look at the file's place. */
static void append_writes_once(void **state)
{
    struct log_test *test = *state;
    append_many(&test->f, 1, 1, 10);
    int64_t before = memory_io_calls(test->memory, CALL_ANY);
    int64_t looks = memory_io_calls(test->memory, CALL_STAT);
    append_many(&test->f, 20, 1, 10);
    looks = memory_io_calls(test->memory, CALL_STAT) - looks;
    assert_int_equal(memory_io_calls(test->memory, CALL_ANY) - before, 20 + looks);
    assert_in_range(looks, 0, 20);
    test->f.now_ms += 1000;
    looks = memory_io_calls(test->memory, CALL_STAT);
    for (int i = 0; i < 20; i++)
        assert_int_equal(log_fixture_append(&test->f, (struct batch_spec){0}, NULL), 0);
    assert_int_equal(memory_io_calls(test->memory, CALL_STAT) - looks, 1);
}

/* What is written to files without a name nobody will ever find. */
static void append_notices_that_its_files_were_moved_away(void **state)
{
    struct log_test *test = *state;
    struct log_fixture *f = &test->f;
    append_many(f, 3, 1, 10);
    assert_int_equal(f->files->rename(f->files, "/data/t-0", "/data/elsewhere"), 0);
    f->now_ms += 1000;
    assert_int_equal(log_fixture_append(f, (struct batch_spec){0}, NULL), STORAGE_IO);
    assert_true(log_is_offline(f->log));
    assert_non_null(strstr(f->reports, "2 Log is offline"));
}

static void append_notices_that_another_file_lies_in_the_place_of_its_own(void **state)
{
    struct log_test *test = *state;
    struct log_fixture *f = &test->f;
    struct file *file;
    append_many(f, 3, 1, 10);
    const char *path = "/data/t-0/00000000000000000000.log";
    assert_int_equal(f->files->unlink(f->files, path), 0);
    assert_int_equal(f->files->open(f->files, path, FILE_WRITE | FILE_CREATE, &file), 0);
    f->files->close(f->files, file);
    f->now_ms += 1000;
    assert_int_equal(log_fixture_append(f, (struct batch_spec){0}, NULL), STORAGE_IO);
    assert_true(log_is_offline(f->log));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(append_gives_consecutive_offsets, setup, teardown),
        cmocka_unit_test_setup_teardown(folder_appears_with_the_first_append, setup, teardown),
        cmocka_unit_test_setup_teardown(append_asks_before_it_makes_the_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(append_refuses_a_damaged_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(append_refuses_a_batch_larger_than_a_segment, setup, teardown),
        cmocka_unit_test_setup_teardown(append_answers_a_duplicate_with_the_first_offsets, setup, teardown),
        cmocka_unit_test_setup_teardown(append_stamps_with_log_append_time, setup, teardown),
        cmocka_unit_test_setup_teardown(append_writes_once, setup, teardown),
        cmocka_unit_test_setup_teardown(roll_begins_when_the_next_batch_would_pass_segment_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(roll_begins_when_the_first_batch_is_segment_ms_old, setup, teardown),
        cmocka_unit_test_setup_teardown(roll_begins_when_an_index_is_full, setup, teardown),
        cmocka_unit_test_setup_teardown(roll_begins_when_an_offset_does_not_fit_the_index, setup, teardown),
        cmocka_unit_test_setup_teardown(index_has_an_entry_after_each_interval, setup, teardown),
        cmocka_unit_test_setup_teardown(time_index_ends_with_the_largest_timestamp_of_a_rolled_segment, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(reads_of_any_size_cover_the_log, setup, teardown),
        cmocka_unit_test_setup_teardown(read_begins_with_the_batch_that_holds_the_offset, setup, teardown),
        cmocka_unit_test_setup_teardown(read_gives_a_batch_above_the_limit_only_when_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(read_outside_of_the_log_is_out_of_range, setup, teardown),
        cmocka_unit_test_setup_teardown(read_committed_ends_before_an_open_transaction, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_from_an_offset_are_what_a_read_gives, setup, teardown),
        cmocka_unit_test_setup_teardown(slice_outlives_the_deletion_of_its_topic, setup, teardown),
        cmocka_unit_test_setup_teardown(find_timestamp_gives_the_first_record_at_or_after, setup, teardown),
        cmocka_unit_test_setup_teardown(find_max_timestamp_gives_the_first_record_that_has_it, setup, teardown),
        cmocka_unit_test_setup_teardown(epochs_are_noted_at_their_first_append, setup, teardown),
        cmocka_unit_test_setup_teardown(flushes_share_one_sync, setup, teardown),
        cmocka_unit_test_setup_teardown(flush_of_a_deleted_log_is_canceled, setup, teardown),
        cmocka_unit_test_setup_teardown(flush_without_sync_touches_no_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(flush_messages_counts_from_the_recovery_point, setup, teardown),
        cmocka_unit_test_setup_teardown(flush_ms_syncs_what_is_older, setup, teardown),
        cmocka_unit_test_setup_teardown(append_notices_that_its_files_were_moved_away, setup, teardown),
        cmocka_unit_test_setup_teardown(append_notices_that_another_file_lies_in_the_place_of_its_own, setup, teardown),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
