/* A batch without some of its records: what is kept of its header, how its records are written again, what is refused.
 */
#include "protocol/record_filter.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#define BASE_TIMESTAMP_MS INT64_C(1700000000000)
#define HORIZON_MS        INT64_C(1800000000000)

struct filter_test {
    struct record_filter filter;
    struct record_walk walk;
    struct batch_builder builder;
    struct record_batch batch;
    const char *kept; /* a 1 for each record that stays, else a 0 */
    struct filtered_batch filtered;
    struct record_batch result;
};

static bool keep(void *context, const struct record_batch *batch, const struct record *record)
{
    const struct filter_test *test = context;
    return test->kept[record->offset - batch->base_offset] == '1';
}

static int setup(void **state)
{
    struct filter_test *test = xcalloc(1, sizeof *test);
    record_walk_init(&test->walk);
    test->filter = (struct record_filter){
        .keep = keep, .context = test, .horizon_ms = HORIZON_MS, .record_bytes_max = 1000000, .walk = &test->walk};
    batch_builder_init(&test->builder, BASE_TIMESTAMP_MS);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct filter_test *test = *state;
    record_filter_release(&test->filter);
    record_walk_release(&test->walk);
    batch_builder_release(&test->builder);
    free(test);
    return 0;
}

static struct kp_bytes bytes_of(const char *text)
{
    return (struct kp_bytes){(const uint8_t *)text, text == NULL ? -1 : (int32_t)strlen(text)};
}

/* Add a record 10 ms after the one before. */
static void add(struct filter_test *test, const char *key, const char *value)
{
    const uint8_t header[] = {2, 'h', 2, 'v'}; /* one header: h=v */
    batch_builder_add(&test->builder, BASE_TIMESTAMP_MS + 10 * test->builder.record_count, bytes_of(key),
                      bytes_of(value), (struct kp_bytes){header, sizeof header}, 1);
}

static void finish(struct filter_test *test, enum codec codec, int16_t attributes)
{
    const struct batch_header header = {.base_offset = 100,
                                        .leader_epoch = 3,
                                        .attributes = attributes,
                                        .producer_id = 7,
                                        .producer_epoch = 2,
                                        .base_sequence = 40,
                                        .codec = codec,
                                        .level = codec_level_default(codec)};
    assert_true(batch_builder_finish(&test->builder, &header));
    assert_int_equal(record_batch_view(&test->batch, test->builder.bytes, test->builder.size_bytes), BATCH_OK);
}

static void filter(struct filter_test *test, const char *kept, bool empty_transaction, bool keep_empty)
{
    test->kept = kept;
    assert_int_equal(record_filter_batch(&test->filter, &test->batch, empty_transaction, keep_empty, &test->filtered),
                     BATCH_OK);
    if (test->filtered.size_bytes > 0) {
        assert_int_equal(record_batch_view(&test->result, test->filtered.bytes, (size_t)test->filtered.size_bytes),
                         BATCH_OK);
        assert_int_equal(test->result.size_bytes, test->filtered.size_bytes);
        assert_true(record_batch_crc_ok(&test->result));
    }
}

/* The records of the result as "OFFSET:KEY@MS after the first one ". */
static const char *records_of(struct filter_test *test, char text[200])
{
    struct record_iterator iterator;
    struct record record;
    size_t length = 0;
    text[0] = '\0';
    record_iterator_init(&iterator, &test->result, 1000000, NULL);
    while (record_iterator_next(&iterator, &record)) {
        length += (size_t)snprintf(text + length, 200 - length, "%d:%.*s@%d ", (int)record.offset, record.key.size,
                                   record.key.data, (int)(record.timestamp_ms - BASE_TIMESTAMP_MS));
        assert_int_equal(record.header_count, 1);
        assert_memory_equal(record.headers.data, "\2h\2v", 4);
    }
    assert_int_equal(iterator.error, BATCH_OK);
    record_iterator_release(&iterator);
    return text;
}

static void a_batch_that_keeps_all_is_the_same_bytes(void **state)
{
    struct filter_test *test = *state;
    add(test, "a", "1");
    add(test, "b", "1");
    finish(test, CODEC_SNAPPY, 0);
    filter(test, "11", false, false);
    assert_ptr_equal(test->filtered.bytes, test->batch.bytes);
    assert_int_equal(test->filtered.size_bytes, test->batch.size_bytes);
}

static void records_go_and_the_header_still_spans_their_offsets(void **state)
{
    struct filter_test *test = *state;
    char text[200];
    for (int i = 0; i < 5; i++)
        add(test, (const char *[]){"a", "b", "c", "d", "e"}[i], "1");
    for (int codec = CODEC_NONE; codec < CODEC_COUNT; codec++) {
        struct batch_builder plain = test->builder;
        test->builder.bytes = xmalloc(plain.size_bytes);
        memcpy(test->builder.bytes, plain.bytes, plain.size_bytes);
        test->builder.capacity_bytes = plain.size_bytes;
        finish(test, (enum codec)codec, 0);
        filter(test, "01010", false, false);
        assert_string_equal(records_of(test, text), "101:b@10 103:d@30 ");
        assert_int_equal(record_batch_codec(&test->result), codec);
        assert_int_equal(test->result.base_offset, 100);
        assert_int_equal(test->result.last_offset_delta, 4);
        assert_int_equal(test->result.leader_epoch, 3);
        assert_int_equal(test->result.producer_id, 7);
        assert_int_equal(test->result.producer_epoch, 2);
        assert_int_equal(test->result.base_sequence, 40);
        assert_int_equal(test->result.base_timestamp_ms, BASE_TIMESTAMP_MS + 10);
        assert_int_equal(test->result.max_timestamp_ms, BASE_TIMESTAMP_MS + 30);
        assert_int_equal(test->filtered.records_read, 5);
        assert_int_equal(test->filtered.records_kept, 2);
        free(test->builder.bytes);
        test->builder = plain;
    }
}

static void an_empty_batch_is_dropped_or_kept_as_a_header(void **state)
{
    struct filter_test *test = *state;
    add(test, "a", "1");
    add(test, "b", "1");
    finish(test, CODEC_ZSTD, BATCH_TRANSACTIONAL);
    filter(test, "00", false, false);
    assert_int_equal(test->filtered.size_bytes, 0);
    filter(test, "00", false, true);
    assert_int_equal(test->result.size_bytes, BATCH_HEADER_BYTES);
    assert_int_equal(test->result.record_count, 0);
    assert_int_equal(test->result.attributes, BATCH_TRANSACTIONAL);
    assert_int_equal(test->result.base_offset, 100);
    assert_int_equal(test->result.last_offset_delta, 1);
    assert_int_equal(test->result.base_sequence, 40);
    assert_int_equal(test->result.base_timestamp_ms, -1);
    assert_int_equal(test->result.max_timestamp_ms, test->batch.max_timestamp_ms);
}

static void a_batch_with_a_tombstone_gets_a_delete_horizon_once(void **state)
{
    struct filter_test *test = *state;
    char text[200];
    add(test, "a", NULL);
    add(test, "b", "1");
    finish(test, CODEC_NONE, 0);
    filter(test, "11", false, false);
    assert_true(test->result.attributes & BATCH_DELETE_HORIZON);
    assert_int_equal(test->result.base_timestamp_ms, HORIZON_MS);
    assert_string_equal(records_of(test, text), "100:a@0 101:b@10 ");

    uint8_t *copy = xmalloc((size_t)test->result.size_bytes);
    memcpy(copy, test->filtered.bytes, (size_t)test->result.size_bytes);
    assert_int_equal(record_batch_view(&test->batch, copy, (size_t)test->result.size_bytes), BATCH_OK);
    test->filter.horizon_ms = HORIZON_MS + 1;
    filter(test, "11", false, false);
    assert_ptr_equal(test->filtered.bytes, copy);
    filter(test, "01", false, false); /* what is left of it keeps the horizon */
    assert_int_equal(test->result.base_timestamp_ms, HORIZON_MS);
    assert_string_equal(records_of(test, text), "101:b@10 ");
    free(copy);
}

static void a_tombstone_that_goes_gives_no_horizon(void **state)
{
    struct filter_test *test = *state;
    add(test, "a", NULL);
    add(test, "b", "1");
    finish(test, CODEC_NONE, 0);
    filter(test, "01", false, false);
    assert_false(test->result.attributes & BATCH_DELETE_HORIZON);
}

static void a_marker_of_an_empty_transaction_gets_a_horizon(void **state)
{
    struct filter_test *test = *state;
    add(test, "\0\0\0\1", "marker");
    finish(test, CODEC_NONE, BATCH_TRANSACTIONAL | BATCH_CONTROL);
    filter(test, "1", false, false);
    assert_ptr_equal(test->filtered.bytes, test->batch.bytes);
    filter(test, "1", true, false);
    assert_int_equal(test->result.attributes, BATCH_TRANSACTIONAL | BATCH_CONTROL | BATCH_DELETE_HORIZON);
    assert_int_equal(test->result.base_timestamp_ms, HORIZON_MS);
}

/* With log-append time all records have the batch's. */
static void log_append_time_stays(void **state)
{
    struct filter_test *test = *state;
    char text[200];
    add(test, "a", "1");
    add(test, "b", "1");
    finish(test, CODEC_NONE, BATCH_LOG_APPEND_TIME);
    filter(test, "10", false, false);
    assert_int_equal(test->result.max_timestamp_ms, test->batch.max_timestamp_ms);
    assert_string_equal(records_of(test, text), "100:a@10 ");
}

static void records_that_cannot_be_read_are_an_error(void **state)
{
    struct filter_test *test = *state;
    add(test, "a", "1");
    finish(test, CODEC_NONE, 0);
    test->builder.bytes[BATCH_HEADER_BYTES] += 2; /* one byte more than there is */
    test->kept = "1";
    assert_int_equal(record_filter_batch(&test->filter, &test->batch, false, false, &test->filtered), BATCH_RECORDS);
    test->batch.attributes = CODEC_GZIP;
    assert_int_equal(record_filter_batch(&test->filter, &test->batch, false, false, &test->filtered), BATCH_CODEC);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_batch_that_keeps_all_is_the_same_bytes),
        TEST(records_go_and_the_header_still_spans_their_offsets),
        TEST(an_empty_batch_is_dropped_or_kept_as_a_header),
        TEST(a_batch_with_a_tombstone_gets_a_delete_horizon_once),
        TEST(a_tombstone_that_goes_gives_no_horizon),
        TEST(a_marker_of_an_empty_transaction_gets_a_horizon),
        TEST(log_append_time_stays),
        TEST(records_that_cannot_be_read_are_an_error),
    };
    return cmocka_run_group_tests_name("record_filter", tests, NULL, NULL);
}
