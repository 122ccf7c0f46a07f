/* Record batches: the header, the records inside, and what is built. Validation has its own file. */
#include "protocol/record_batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define NULL_BYTES ((struct kp_bytes){NULL, -1})

static const enum codec all_codecs[] = {CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD};

static struct kp_bytes text(const char *string)
{
    return (struct kp_bytes){(const uint8_t *)string, (int32_t)strlen(string)};
}

/* Three records: key and value; null key and two headers, one with null value; empty key, null value. */
static void build_three(struct batch_builder *builder, enum codec codec)
{
    static const uint8_t headers[] = {4, 'h', '1', 2, 'x', 4, 'h', '2', 1};
    batch_builder_init(builder, 1000);
    batch_builder_add(builder, 1000, text("key"), text("value"), NULL_BYTES, 0);
    batch_builder_add(builder, 1500, NULL_BYTES, text("second"), (struct kp_bytes){headers, sizeof headers}, 2);
    batch_builder_add(builder, 900, text(""), NULL_BYTES, NULL_BYTES, 0);
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.base_offset = 40;
    header.leader_epoch = 3;
    header.codec = codec;
    header.level = codec_level_default(codec);
    assert_true(batch_builder_finish(builder, &header));
}

static void the_header_of_a_built_batch_reads_back(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct record_batch batch;
    build_three(&builder, CODEC_NONE);
    assert_int_equal(record_batch_view(&batch, builder.bytes, builder.size_bytes), BATCH_OK);
    assert_int_equal(batch.size_bytes, builder.size_bytes);
    assert_int_equal(batch.base_offset, 40);
    assert_int_equal(record_batch_last_offset(&batch), 42);
    assert_int_equal(batch.leader_epoch, 3);
    assert_int_equal(batch.base_timestamp_ms, 1000);
    assert_int_equal(batch.max_timestamp_ms, 1500);
    assert_int_equal(batch.record_count, 3);
    assert_int_equal(batch.producer_id, -1);
    assert_true(record_batch_crc_ok(&batch));
    batch_builder_release(&builder);
}

static void base_offset_and_leader_epoch_change_without_the_checksum(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct record_batch batch;
    build_three(&builder, CODEC_ZSTD);
    record_batch_set_base_offset(builder.bytes, INT64_C(1) << 40);
    record_batch_set_leader_epoch(builder.bytes, 77);
    assert_int_equal(record_batch_view(&batch, builder.bytes, builder.size_bytes), BATCH_OK);
    assert_int_equal(batch.base_offset, INT64_C(1) << 40);
    assert_int_equal(batch.leader_epoch, 77);
    assert_true(record_batch_crc_ok(&batch));
    batch_builder_release(&builder);
}

static void timestamps_change_with_the_checksum(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct record_batch batch;
    build_three(&builder, CODEC_NONE);
    record_batch_set_timestamps(builder.bytes, BATCH_LOG_APPEND_TIME, 5000);
    assert_int_equal(record_batch_view(&batch, builder.bytes, builder.size_bytes), BATCH_OK);
    assert_int_equal(batch.attributes, BATCH_LOG_APPEND_TIME);
    assert_int_equal(batch.max_timestamp_ms, 5000);
    assert_true(record_batch_crc_ok(&batch));
    batch_builder_release(&builder);
}

static void a_changed_bit_behind_the_checksum_is_noticed(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct record_batch batch;
    build_three(&builder, CODEC_NONE);
    for (size_t at = BATCH_CRC_START; at < builder.size_bytes; at++) {
        builder.bytes[at] ^= 4;
        assert_int_equal(record_batch_view(&batch, builder.bytes, builder.size_bytes), BATCH_OK);
        assert_false(record_batch_crc_ok(&batch));
        builder.bytes[at] ^= 4;
    }
    store_be32(builder.bytes + BATCH_CRC_START - 4, 0); /* none is no checksum either */
    assert_int_equal(record_batch_view(&batch, builder.bytes, builder.size_bytes), BATCH_OK);
    assert_false(record_batch_crc_ok(&batch));
    batch_builder_release(&builder);
}

static void a_view_tells_short_from_malformed(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct record_batch batch;
    build_three(&builder, CODEC_NONE);
    for (size_t size = 0; size < builder.size_bytes; size++)
        assert_int_equal(record_batch_view(&batch, builder.bytes, size), BATCH_SHORT);
    for (size_t size = 0; size < BATCH_HEADER_BYTES; size++)
        assert_int_equal(record_batch_view_header(&batch, builder.bytes, size), BATCH_SHORT);
    assert_int_equal(record_batch_view_header(&batch, builder.bytes, BATCH_HEADER_BYTES), BATCH_OK);
    assert_int_equal(batch.size_bytes, builder.size_bytes);
    builder.bytes[16] = 1;
    assert_int_equal(record_batch_view(&batch, builder.bytes, builder.size_bytes), BATCH_MALFORMED);
    builder.bytes[16] = 2;
    store_be32(builder.bytes + 8, 48);
    assert_int_equal(record_batch_view(&batch, builder.bytes, builder.size_bytes), BATCH_MALFORMED);
    store_be32(builder.bytes + 8, 0x7ffffff8);
    assert_int_equal(record_batch_view(&batch, builder.bytes, builder.size_bytes), BATCH_MALFORMED);
    batch_builder_release(&builder);
}

static void sequences_wrap_to_zero(void **state)
{
    (void)state;
    assert_int_equal(sequence_add(5, 3), 8);
    assert_int_equal(sequence_add(INT32_MAX, 1), 0);
    assert_int_equal(sequence_add(INT32_MAX - 1, 4), 2);
    struct record_batch batch = {.base_sequence = INT32_MAX, .last_offset_delta = 2};
    assert_int_equal(record_batch_last_sequence(&batch), 1);
    batch.base_sequence = -1;
    assert_int_equal(record_batch_last_sequence(&batch), -1);
}

/* ---- records --------------------------------------------------------------------------------------------------- */

static void assert_bytes(struct kp_bytes bytes, const char *expected)
{
    if (expected == NULL) {
        assert_int_equal(bytes.size, -1);
        return;
    }
    assert_int_equal(bytes.size, strlen(expected));
    assert_memory_equal(bytes.data, expected, strlen(expected));
}

static void records_read_back_with_every_codec(void **state)
{
    (void)state;
    struct record_walk walk;
    record_walk_init(&walk);
    for (size_t i = 0; i < COUNT_OF(all_codecs); i++) {
        struct batch_builder builder;
        struct record_batch batch;
        struct record_iterator iterator;
        struct record record;
        struct record_header header;
        build_three(&builder, all_codecs[i]);
        assert_int_equal(record_batch_view(&batch, builder.bytes, builder.size_bytes), BATCH_OK);
        assert_int_equal(record_batch_codec(&batch), all_codecs[i]);
        record_iterator_init(&iterator, &batch, INT32_MAX, i % 2 == 0 ? &walk : NULL);
        assert_true(record_iterator_next(&iterator, &record));
        assert_int_equal(record.offset, 40);
        assert_int_equal(record.timestamp_ms, 1000);
        assert_bytes(record.key, "key");
        assert_bytes(record.value, "value");
        assert_int_equal(record.header_count, 0);
        assert_true(record_iterator_next(&iterator, &record));
        assert_int_equal(record.offset, 41);
        assert_int_equal(record.timestamp_ms, 1500);
        assert_bytes(record.key, NULL);
        assert_bytes(record.value, "second");
        assert_int_equal(record.header_count, 2);
        assert_true(record_header_next(&record.headers, &header));
        assert_bytes(header.key, "h1");
        assert_bytes(header.value, "x");
        assert_true(record_header_next(&record.headers, &header));
        assert_bytes(header.key, "h2");
        assert_bytes(header.value, NULL);
        assert_false(record_header_next(&record.headers, &header));
        assert_true(record_iterator_next(&iterator, &record));
        assert_int_equal(record.timestamp_ms, 900);
        assert_bytes(record.key, "");
        assert_bytes(record.value, NULL);
        assert_false(record_iterator_next(&iterator, &record));
        assert_int_equal(iterator.error, BATCH_OK);
        record_iterator_release(&iterator);
        batch_builder_release(&builder);
    }
    record_walk_release(&walk);
}

/* Batches of `count` records with `value_size` bytes of value each. */
static void build_large(struct batch_builder *builder, enum codec codec, int32_t count, int32_t value_size)
{
    uint8_t *value = xmalloc((size_t)value_size);
    for (int32_t i = 0; i < value_size; i++)
        value[i] = (uint8_t)(i % 251 + i / 9973);
    batch_builder_init(builder, 0);
    for (int32_t i = 0; i < count; i++)
        batch_builder_add(builder, i, NULL_BYTES, (struct kp_bytes){value, value_size}, NULL_BYTES, 0);
    free(value);
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.codec = codec;
    header.level = codec_level_default(codec);
    assert_true(batch_builder_finish(builder, &header));
}

static void records_of_any_size_cross_the_window(void **state)
{
    (void)state;
    static const int32_t sizes[] = {10, 1000, 65000, 65536, 70000, 1000000};
    struct record_walk walk;
    record_walk_init(&walk);
    for (size_t c = 0; c < COUNT_OF(all_codecs); c++) {
        for (size_t i = 0; i < 2 * COUNT_OF(sizes); i++) {
            int32_t size = sizes[i / 2], count = 2000000 / size > 500 ? 500 : 2000000 / size;
            struct batch_builder builder;
            struct record_batch batch;
            struct record_iterator iterator;
            struct record record;
            build_large(&builder, all_codecs[c], count, size);
            assert_int_equal(record_batch_view(&batch, builder.bytes, builder.size_bytes), BATCH_OK);
            record_iterator_init(&iterator, &batch, INT32_MAX, &walk);
            iterator.skim = i % 2 == 1;
            for (int32_t n = 0; n < count; n++) {
                assert_true(record_iterator_next(&iterator, &record));
                assert_int_equal(record.offset, n);
                assert_int_equal(record.value.size, size);
                if (iterator.skim)
                    assert_null(record.value.data);
                else
                    assert_int_equal(record.value.data[size - 1], (uint8_t)((size - 1) % 251 + (size - 1) / 9973));
            }
            assert_false(record_iterator_next(&iterator, &record));
            assert_int_equal(iterator.error, BATCH_OK);
            record_iterator_release(&iterator);
            batch_builder_release(&builder);
        }
    }
    record_walk_release(&walk);
}

/* Walk all records; the error that ends it. */
static enum batch_error walk_all(const struct record_batch *batch, int32_t record_bytes_max, bool skim,
                                 struct record_walk *walk)
{
    struct record_iterator iterator;
    struct record record;
    record_iterator_init(&iterator, batch, record_bytes_max, walk);
    iterator.skim = skim;
    while (record_iterator_next(&iterator, &record))
        ;
    enum batch_error error = iterator.error;
    record_iterator_release(&iterator);
    return error;
}

static void a_decompressed_record_is_bounded(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct record_batch batch;
    build_large(&builder, CODEC_LZ4, 1, 1000);
    assert_int_equal(record_batch_view(&batch, builder.bytes, builder.size_bytes), BATCH_OK);
    int32_t length = 1000 + 7; /* attributes, two deltas, key, two bytes of value size, header count */
    assert_int_equal(walk_all(&batch, length, false, NULL), BATCH_OK);
    assert_int_equal(walk_all(&batch, length - 1, false, NULL), BATCH_LIMIT);
    batch_builder_release(&builder);
}

/* A header for `bytes` behind it. */
static uint8_t *wrap(struct record_batch *batch, enum codec codec, int32_t count, const uint8_t *bytes, size_t size)
{
    uint8_t *whole = xmalloc(BATCH_HEADER_BYTES + size);
    memcpy(whole + BATCH_HEADER_BYTES, bytes, size);
    struct record_batch header = {.size_bytes = (int32_t)(BATCH_HEADER_BYTES + size),
                                  .attributes = (int16_t)codec,
                                  .record_count = count,
                                  .last_offset_delta = count - 1,
                                  .producer_id = -1};
    record_batch_write_header(whole, &header);
    assert_int_equal(record_batch_view(batch, whole, BATCH_HEADER_BYTES + size), BATCH_OK);
    return whole;
}

/* The length of a record is a claim: memory is taken for what arrives. */
static void a_record_that_claims_a_gigabyte_gets_no_memory(void **state)
{
    (void)state;
    uint8_t bytes[20] = {0};
    size_t length_size = uvarlong_store(bytes, zigzag64(1 << 30)), packed_size;
    uint8_t *packed = compress_all(CODEC_ZSTD, ZSTD_LEVEL_DEFAULT, bytes, length_size + 10, &packed_size);
    struct record_batch batch;
    struct record_iterator iterator;
    struct record record;
    struct record_walk walk;
    uint8_t *whole = wrap(&batch, CODEC_ZSTD, 1, packed, packed_size);
    record_walk_init(&walk);
    record_iterator_init(&iterator, &batch, INT32_MAX, &walk);
    assert_false(record_iterator_next(&iterator, &record));
    assert_int_equal(iterator.error, BATCH_RECORDS);
    assert_true(walk.window_bytes <= 128 * 1024);
    record_iterator_release(&iterator);
    record_walk_release(&walk);
    free(whole);
    free(packed);
}

/* Of 64 MiB of zeros in one record, only sizes are wanted: the window stays as it was. */
static void skimming_a_bomb_takes_no_memory(void **state)
{
    (void)state;
    enum { ZEROS = 64 * 1024 * 1024 };
    struct compressor *compressor = compressor_new(CODEC_ZSTD, ZSTD_LEVEL_DEFAULT, 0, SIZE_MAX / 4);
    uint8_t *zeros = xcalloc(1, 1 << 20), head[30] = {0};
    size_t packed_size = 0, head_size = uvarlong_store(head, zigzag64(ZEROS + 9));
    head_size += 3;                                                 /* attributes and two deltas */
    head[head_size++] = 1;                                          /* null key */
    head_size += uvarlong_store(head + head_size, zigzag64(ZEROS)); /* four bytes */
    compressor_write(compressor, head, head_size);
    for (int i = 0; i < ZEROS >> 20; i++)
        compressor_write(compressor, zeros, 1 << 20);
    compressor_write(compressor, zeros, 1); /* no headers */
    uint8_t *packed = compressor_finish(compressor, &packed_size);
    assert_non_null(packed);
    assert_true(packed_size < 16384);

    struct record_batch batch;
    struct record_iterator iterator;
    struct record record;
    struct record_walk walk;
    uint8_t *whole = wrap(&batch, CODEC_ZSTD, 1, packed, packed_size);
    record_walk_init(&walk);
    record_iterator_init(&iterator, &batch, INT32_MAX, &walk);
    iterator.skim = true;
    assert_true(record_iterator_next(&iterator, &record));
    assert_int_equal(record.value.size, ZEROS);
    assert_true(walk.window_bytes <= 64 * 1024);
    assert_false(record_iterator_next(&iterator, &record));
    assert_int_equal(iterator.error, BATCH_OK);
    record_iterator_release(&iterator);
    record_walk_release(&walk);
    compressor_free(compressor);
    free(whole);
    free(packed);
    free(zeros);
}

/* Every cut of the records, and one byte more, is an error with every codec; so is a count that does not agree. */
static void records_must_fill_the_batch_exactly(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct record_batch batch;
    struct record_walk walk;
    record_walk_init(&walk);
    build_three(&builder, CODEC_NONE);
    const uint8_t *records = builder.bytes + BATCH_HEADER_BYTES;
    size_t size = builder.size_bytes - BATCH_HEADER_BYTES;
    uint8_t *longer = xcalloc(1, size + 1);
    memcpy(longer, records, size);
    for (size_t c = 0; c < COUNT_OF(all_codecs); c++) {
        for (size_t cut = 0; cut <= size + 1; cut++) {
            size_t packed_size = 0;
            struct compressor *compressor =
                compressor_new(all_codecs[c], codec_level_default(all_codecs[c]), 0, SIZE_MAX / 4);
            compressor_write(compressor, longer, cut);
            uint8_t *packed = compressor_finish(compressor, &packed_size);
            uint8_t *whole = wrap(&batch, all_codecs[c], 3, packed, packed_size);
            for (int skim = 0; skim < 2; skim++)
                assert_int_equal(walk_all(&batch, INT32_MAX, skim, &walk), cut == size ? BATCH_OK : BATCH_RECORDS);
            batch.record_count = 2;
            if (cut == size)
                assert_int_equal(walk_all(&batch, INT32_MAX, false, &walk), BATCH_RECORDS);
            compressor_free(compressor);
            free(whole);
            free(packed);
        }
    }
    free(longer);
    record_walk_release(&walk);
    batch_builder_release(&builder);
}

/* Compaction leaves the header of a batch that lost all its records. */
static void a_batch_without_records_is_empty(void **state)
{
    (void)state;
    struct record_batch batch;
    uint8_t *whole = wrap(&batch, CODEC_NONE, 0, (const uint8_t *)"", 0);
    assert_int_equal(walk_all(&batch, INT32_MAX, false, NULL), BATCH_OK);
    free(whole);
}

static void a_negative_record_count_has_no_records(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct record_batch batch;
    struct record_iterator iterator;
    struct record record;
    build_three(&builder, CODEC_NONE);
    assert_int_equal(record_batch_view(&batch, builder.bytes, builder.size_bytes), BATCH_OK);
    batch.record_count = -1;
    record_iterator_init(&iterator, &batch, INT32_MAX, NULL);
    assert_false(record_iterator_next(&iterator, &record));
    assert_int_equal(iterator.error, BATCH_RECORDS);
    record_iterator_release(&iterator);
    batch_builder_release(&builder);
}

/* Two records, of which the first is damaged; the good row proves that the others fail for their own reason. */
#define GOOD_RECORD "\x10\0\0\2\2k\2v\0"

static const struct {
    const char *name;
    const char *bytes;
    size_t size;
    enum batch_error error;
} damaged[] = {
#define ROW(name, bytes, error)                                                                                        \
    {                                                                                                                  \
        name, bytes GOOD_RECORD, sizeof(bytes GOOD_RECORD) - 1, error                                                  \
    }
    ROW("good", "\x10\0\0\0\2k\2v\0", BATCH_OK),
    ROW("good, null key and value", "\x0c\0\0\0\1\1\0", BATCH_OK),
    ROW("good, size -2 is null too", "\x0c\0\0\0\3\3\0", BATCH_OK),
    ROW("good, a header", "\x18\0\0\0\2k\2v\2\2h\2x", BATCH_OK),
    ROW("length covers the next record too", "\x22\0\0\0\2k\2v\0", BATCH_RECORDS),
    ROW("length ends within the value", "\x0e\0\0\0\2k\2v\0", BATCH_RECORDS),
    ROW("length 0", "\0", BATCH_RECORDS),
    ROW("length negative", "\1\0\0\0\2k\2v\0", BATCH_RECORDS),
    ROW("length of six bytes", "\x90\x80\x80\x80\x80\0\0\0\0\2k\2v\0", BATCH_RECORDS),
    ROW("key size above 32 bits", "\x18\0\0\0\x82\x80\x80\x80\x20k\2v\0", BATCH_RECORDS),
    ROW("offset delta above 32 bits", "\x18\0\0\x80\x80\x80\x80\x20\2k\2v\0", BATCH_RECORDS),
    ROW("timestamp delta of eleven bytes", "\x24\0\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\0\0\2k\2v\0", BATCH_RECORDS),
    ROW("key reaches into the next record", "\x10\0\0\0\x10k\2v\0", BATCH_RECORDS),
    ROW("value reaches into the next record", "\x10\0\0\0\2k\x08v\0", BATCH_RECORDS),
    ROW("negative header count", "\x10\0\0\0\2k\2v\1", BATCH_RECORDS),
    ROW("a header that is not there", "\x10\0\0\0\2k\2v\2", BATCH_RECORDS),
    ROW("a header without key", "\x16\0\0\0\2k\2v\2\1\2x", BATCH_RECORDS),
    ROW("a byte behind the headers", "\x12\0\0\0\2k\2v\0x", BATCH_RECORDS),
#undef ROW
};

static void damaged_records_are_told_with_every_codec(void **state)
{
    (void)state;
    struct record_walk walk;
    record_walk_init(&walk);
    for (size_t c = 0; c < COUNT_OF(all_codecs); c++) {
        for (size_t i = 0; i < COUNT_OF(damaged); i++) {
            struct record_batch batch;
            size_t size;
            uint8_t *packed = compress_all(all_codecs[c], codec_level_default(all_codecs[c]), damaged[i].bytes,
                                           damaged[i].size, &size);
            uint8_t *whole = wrap(&batch, all_codecs[c], 2, packed, size);
            for (int skim = 0; skim < 2; skim++) {
                enum batch_error error = walk_all(&batch, INT32_MAX, skim, &walk);
                if (error != damaged[i].error)
                    fail_msg("%s, %s: error %d, expected %d", damaged[i].name, codec_name((int)all_codecs[c]), error,
                             damaged[i].error);
            }
            free(whole);
            free(packed);
        }
    }
    record_walk_release(&walk);
}

/* What decompresses to more than an uncompressed batch could hold is refused, in the time of that much and no more. */
static void a_batch_decompresses_to_two_gigabytes_at_most(void **state)
{
    (void)state;
    enum { FRAME = 128 * 1024 * 1024, FRAMES = 17 };
    uint8_t *zeros = xcalloc(1, FRAME), head[20] = {0};
    size_t head_size = uvarlong_store(head, zigzag64(INT32_MAX)), first_size, frame_size;
    head_size += 3;        /* attributes and two deltas */
    head[head_size++] = 1; /* null key */
    head_size += uvarlong_store(head + head_size, zigzag64(INT32_MAX - 10));
    uint8_t *first = compress_all(CODEC_ZSTD, 1, head, head_size, &first_size);
    uint8_t *frame = compress_all(CODEC_ZSTD, 1, zeros, FRAME, &frame_size);
    uint8_t *packed = xmalloc(first_size + FRAMES * frame_size);
    memcpy(packed, first, first_size);
    for (int i = 0; i < FRAMES; i++)
        memcpy(packed + first_size + (size_t)i * frame_size, frame, frame_size);
    struct record_batch batch;
    uint8_t *whole = wrap(&batch, CODEC_ZSTD, 1, packed, first_size + FRAMES * frame_size);
    assert_int_equal(walk_all(&batch, INT32_MAX, true, NULL), BATCH_LIMIT);
    free(whole);
    free(packed);
    free(frame);
    free(first);
    free(zeros);
}

/* With log-append time every record has the batch's max timestamp. */
static void log_append_time_is_that_of_the_batch(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct record_batch batch;
    struct record_iterator iterator;
    struct record record;
    build_three(&builder, CODEC_GZIP);
    record_batch_set_timestamps(builder.bytes, BATCH_LOG_APPEND_TIME | CODEC_GZIP, 7777);
    assert_int_equal(record_batch_view(&batch, builder.bytes, builder.size_bytes), BATCH_OK);
    record_iterator_init(&iterator, &batch, INT32_MAX, NULL);
    while (record_iterator_next(&iterator, &record))
        assert_int_equal(record.timestamp_ms, 7777);
    assert_int_equal(iterator.index, 3);
    record_iterator_release(&iterator);
    batch_builder_release(&builder);
}

static void a_codec_that_does_not_exist_is_an_error(void **state)
{
    (void)state;
    struct record_batch batch;
    uint8_t *whole = wrap(&batch, (enum codec)6, 1, (const uint8_t *)"abc", 3);
    assert_int_equal(walk_all(&batch, INT32_MAX, false, NULL), BATCH_CODEC);
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_of_a_built_batch_reads_back),
        cmocka_unit_test(base_offset_and_leader_epoch_change_without_the_checksum),
        cmocka_unit_test(timestamps_change_with_the_checksum),
        cmocka_unit_test(a_changed_bit_behind_the_checksum_is_noticed),
        cmocka_unit_test(a_view_tells_short_from_malformed),
        cmocka_unit_test(sequences_wrap_to_zero),
        cmocka_unit_test(records_read_back_with_every_codec),
        cmocka_unit_test(records_of_any_size_cross_the_window),
        cmocka_unit_test(a_decompressed_record_is_bounded),
        cmocka_unit_test(a_record_that_claims_a_gigabyte_gets_no_memory),
        cmocka_unit_test(skimming_a_bomb_takes_no_memory),
        cmocka_unit_test(records_must_fill_the_batch_exactly),
        cmocka_unit_test(a_batch_without_records_is_empty),
        cmocka_unit_test(a_negative_record_count_has_no_records),
        cmocka_unit_test(damaged_records_are_told_with_every_codec),
        cmocka_unit_test(a_batch_decompresses_to_two_gigabytes_at_most),
        cmocka_unit_test(log_append_time_is_that_of_the_batch),
        cmocka_unit_test(a_codec_that_does_not_exist_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
