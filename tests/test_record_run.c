/* Runs of usual records against the same records one by one: random batches, most of them damaged, with and without
 * compression. */
#include "protocol/record_batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define BATCHES        20000
#define RECORDS_MAX    40
#define VALUE_BYTES    9000 /* a size of three bytes is among them */
#define BASE_MS        INT64_C(1700000000000)
#define COMPRESSED_ONE 4 /* in so many batches */

static uint32_t seed = 1;

static uint32_t below(uint32_t bound)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)seed * bound >> 32);
}

/* Mostly short; null sometimes. */
static struct kp_bytes some_bytes(const uint8_t *from)
{
    static const int32_t sizes[] = {-1, 0, 1, 5, 20, 63, 64, 100, 200, 8191, 8192, VALUE_BYTES};
    int32_t size = sizes[below(below(8) == 0 ? COUNT_OF(sizes) : 8)];
    return (struct kp_bytes){size < 0 ? NULL : from, size};
}

static int64_t some_timestamp(void)
{
    static const int64_t spans_ms[] = {1, 10, 1000, 1 << 21, INT64_C(1) << 40};
    int64_t span_ms = spans_ms[below(below(8) == 0 ? COUNT_OF(spans_ms) : 3)];
    return BASE_MS + (int64_t)below(1000) * span_ms / 1000 * (below(4) == 0 ? -1 : 1);
}

/* Records as a client may send them, or may not: the caller frees their bytes. */
static uint8_t *some_records(int32_t *count, size_t *size)
{
    static const uint8_t headers[] = {4, 'h', '1', 2, 'x', 4, 'h', '2', 1}, without_key[] = {1, 2, 'x'};
    static uint8_t value[VALUE_BYTES];
    struct batch_builder builder;
    batch_builder_init(&builder, BASE_MS);
    *count = 1 + (int32_t)below(RECORDS_MAX);
    for (int32_t i = 0; i < *count; i++) {
        int32_t headers_count = below(4) == 0 ? 1 + (int32_t)below(2) : 0;
        struct kp_bytes some_headers = {headers, headers_count == 1 ? 5 : headers_count == 2 ? sizeof headers : 0};
        if (headers_count == 1 && below(32) == 0)
            some_headers = (struct kp_bytes){without_key, sizeof without_key};
        batch_builder_add(&builder, some_timestamp(), some_bytes(value), some_bytes(value), some_headers,
                          headers_count);
    }
    *size = builder.size_bytes - BATCH_HEADER_BYTES;
    uint8_t *records = xmalloc(*size);
    memcpy(records, builder.bytes + BATCH_HEADER_BYTES, *size);
    batch_builder_release(&builder);
    for (uint32_t damages = below(4); damages > 0; damages--) {
        uint8_t *byte = &records[below((uint32_t)*size)];
        const uint8_t damaged[] = {(uint8_t)below(256), (uint8_t)below(4), *byte ^ 1, (uint8_t)(*byte + 2)};
        *byte = damaged[below(COUNT_OF(damaged))];
    }
    *count += below(8) == 0 ? (int32_t)below(3) - 1 : 0;
    *size -= below(8) == 0 ? below(3) % *size : 0;
    return records;
}

static void assert_run_is(const struct record_run *run, struct record_iterator *single)
{
    int64_t min_ms = INT64_MAX, max_ms = INT64_MIN;
    int32_t max_index = -1;
    bool keys_missing = false;
    for (int32_t i = 0; i < run->count; i++) {
        struct record record;
        assert_true(record_iterator_next(single, &record));
        int32_t index = single->index - 1;
        assert_int_equal(record.offset, index);
        keys_missing |= record.key.size < 0;
        min_ms = record.timestamp_ms < min_ms ? record.timestamp_ms : min_ms;
        if (record.timestamp_ms > max_ms) {
            max_ms = record.timestamp_ms;
            max_index = index;
        }
    }
    assert_int_equal(min_ms, BASE_MS + run->timestamp_delta_min);
    assert_int_equal(max_ms, BASE_MS + run->timestamp_delta_max);
    assert_int_equal(max_index, run->timestamp_delta_max_index);
    assert_int_equal(keys_missing, run->keys_missing);
}

/* Walk in runs and, where there is none, by single records; beside it by single ones alone. Returns the records that
 * were in runs. */
static int32_t compare_walks(const struct record_batch *batch, struct record_walk walks[2], int32_t record_bytes_max)
{
    struct record_iterator runs, single;
    struct record_run run;
    struct record one, other;
    int32_t in_runs = 0;
    bool more = true;
    record_iterator_init(&runs, batch, record_bytes_max, &walks[0]);
    record_iterator_init(&single, batch, record_bytes_max, &walks[1]);
    runs.skim = single.skim = true;
    while (more) {
        if (record_iterator_run(&runs, &run)) {
            assert_run_is(&run, &single);
            in_runs += run.count;
        }
        assert_int_equal(runs.index, single.index);
        more = record_iterator_next(&runs, &one);
        assert_int_equal(record_iterator_next(&single, &other), more);
        if (more) {
            assert_int_equal(one.offset, other.offset);
            assert_int_equal(one.timestamp_ms, other.timestamp_ms);
        }
    }
    assert_int_equal(runs.error, single.error);
    record_iterator_release(&runs);
    record_iterator_release(&single);
    return in_runs;
}

static void a_run_tells_what_its_records_tell(void **state)
{
    (void)state;
    struct record_walk walks[2];
    record_walk_init(&walks[0]);
    record_walk_init(&walks[1]);
    int64_t records_count = 0, in_runs = 0;
    for (int i = 0; i < BATCHES; i++) {
        int32_t count;
        size_t size;
        uint8_t *records = some_records(&count, &size);
        enum codec codec = i % COMPRESSED_ONE == 0 ? CODEC_LZ4 : CODEC_NONE;
        if (codec != CODEC_NONE) {
            size_t packed_size;
            uint8_t *packed = compress_all(codec, codec_level_default(codec), records, size, &packed_size);
            free(records);
            records = packed;
            size = packed_size;
        }
        uint8_t *bytes = xmalloc(BATCH_HEADER_BYTES + size);
        memcpy(bytes + BATCH_HEADER_BYTES, records, size);
        struct record_batch batch = {.size_bytes = (int32_t)(BATCH_HEADER_BYTES + size),
                                     .attributes = (int16_t)codec,
                                     .record_count = count,
                                     .base_timestamp_ms = BASE_MS};
        record_batch_write_header(bytes, &batch);
        assert_int_equal(record_batch_view(&batch, bytes, BATCH_HEADER_BYTES + size), BATCH_OK);
        in_runs += compare_walks(&batch, walks, below(8) == 0 ? 1000 : INT32_MAX);
        records_count += count;
        free(records);
        free(bytes);
    }
    record_walk_release(&walks[0]);
    record_walk_release(&walks[1]);
    assert_true(in_runs > records_count / 4 && in_runs < records_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_tells_what_its_records_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
