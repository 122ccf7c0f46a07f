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
    assert_int_equal(batch.size_bytes, builder.size_bytes);
    assert_int_equal(record_batch_view_header(&batch, builder.bytes, BATCH_HEADER_BYTES), BATCH_OK);
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

/* ---- records
 * ---------------------------------------------------------------------------------------------------------- */

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
