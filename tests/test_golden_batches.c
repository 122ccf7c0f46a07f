/* Batches that Apache Kafka's own classes wrote (tests/golden/batches/java.txt): read to equal records, and built to
 * equal bytes where no codec is between. */
#include "protocol/record_batch.h"
#include "tests/lib/batch_text.h"
#include "tests/lib/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

struct golden_batch {
    char name[64];
    char *text; /* its header and record lines */
    uint8_t *bytes;
    size_t size;
};

/* The next batch of the file. */
static bool read_batch(struct golden *golden, struct golden_batch *batch)
{
    size_t text_size;
    *batch = (struct golden_batch){.name = ""};
    FILE *text = open_memstream(&batch->text, &text_size);
    while (golden_next(golden) && (golden->word[0] != '\0' || batch->bytes == NULL)) {
        if (strcmp(golden->word, "batch") == 0)
            snprintf(batch->name, sizeof batch->name, "%s", golden->rest);
        else if (strcmp(golden->word, "bytes") == 0)
            batch->bytes = golden_bytes(golden->rest, &batch->size);
        else if (golden->word[0] != '\0')
            fprintf(text, "%s %s\n", golden->word, golden->rest);
    }
    fclose(text);
    return batch->bytes != NULL;
}

static void batch_release(struct golden_batch *batch)
{
    free(batch->text);
    free(batch->bytes);
}

static void every_batch_of_kafka_reads_back(void **state)
{
    (void)state;
    struct golden golden;
    struct golden_batch expected;
    int count = 0;
    golden_open(&golden, "batches/java.txt");
    for (; read_batch(&golden, &expected); count++) {
        struct record_batch batch;
        char *text;
        size_t text_size;
        assert_int_equal(record_batch_view(&batch, expected.bytes, expected.size), BATCH_OK);
        assert_true(record_batch_crc_ok(&batch));
        FILE *out = open_memstream(&text, &text_size);
        batch_text(out, &batch);
        fclose(out);
        if (strcmp(text, expected.text) != 0)
            fail_msg("%s reads as\n%sexpected\n%s", expected.name, text, expected.text);
        free(text);
        batch_release(&expected);
    }
    batch_release(&expected);
    golden_close(&golden);
    assert_true(count > 30);
}

/* Build the batch again from its records. */
static void build_again(struct batch_builder *builder, const struct record_batch *batch)
{
    struct record_iterator iterator;
    struct record record;
    struct record_batch create_time = *batch; /* log-append time hides what the records hold */
    create_time.attributes &= (int16_t)~BATCH_LOG_APPEND_TIME;
    batch_builder_init(builder, batch->base_timestamp_ms);
    record_iterator_init(&iterator, &create_time, INT32_MAX, NULL);
    while (record_iterator_next(&iterator, &record))
        batch_builder_add(builder, record.timestamp_ms, record.key, record.value, record.headers, record.header_count);
    record_iterator_release(&iterator);
    struct batch_header header = {
        .base_offset = batch->base_offset,
        .leader_epoch = batch->leader_epoch,
        .attributes = (int16_t)(batch->attributes & ~BATCH_CODEC_MASK),
        .producer_id = batch->producer_id,
        .producer_epoch = batch->producer_epoch,
        .base_sequence = batch->base_sequence,
        .codec = record_batch_codec(batch),
        .level = codec_level_default(record_batch_codec(batch)),
    };
    assert_true(batch_builder_finish(builder, &header));
    if (batch->attributes & BATCH_LOG_APPEND_TIME)
        record_batch_set_timestamps(builder->bytes, batch->attributes, batch->max_timestamp_ms);
}

static void batches_without_codec_are_built_to_the_same_bytes(void **state)
{
    (void)state;
    struct golden golden;
    struct golden_batch expected;
    int count = 0;
    golden_open(&golden, "batches/java.txt");
    while (read_batch(&golden, &expected)) {
        struct record_batch batch;
        struct batch_builder builder;
        assert_int_equal(record_batch_view(&batch, expected.bytes, expected.size), BATCH_OK);
        if (record_batch_codec(&batch) == CODEC_NONE) {
            build_again(&builder, &batch);
            if (builder.size_bytes != expected.size || memcmp(builder.bytes, expected.bytes, expected.size) != 0)
                fail_msg("%s is built otherwise than Kafka builds it", expected.name);
            batch_builder_release(&builder);
            count++;
        }
        batch_release(&expected);
    }
    batch_release(&expected);
    golden_close(&golden);
    assert_int_equal(count, 7);
}

/* With lz4 and snappy of the same versions even the compressed bytes often agree; what must agree is the framing around
 * them, so that every client reads it. */
static void compressed_batches_begin_like_those_of_kafka(void **state)
{
    (void)state;
    static const size_t framing_bytes[CODEC_COUNT] = {
        [CODEC_GZIP] = 4, [CODEC_SNAPPY] = 16, [CODEC_LZ4] = 7, [CODEC_ZSTD] = 5};
    struct golden golden;
    struct golden_batch expected;
    golden_open(&golden, "batches/java.txt");
    while (read_batch(&golden, &expected)) {
        struct record_batch batch;
        struct batch_builder builder;
        assert_int_equal(record_batch_view(&batch, expected.bytes, expected.size), BATCH_OK);
        enum codec codec = record_batch_codec(&batch);
        if (codec != CODEC_NONE && strstr(expected.name, "level") == NULL) {
            build_again(&builder, &batch);
            if (memcmp(builder.bytes + BATCH_HEADER_BYTES, expected.bytes + BATCH_HEADER_BYTES, framing_bytes[codec]) !=
                0)
                fail_msg("%s is framed otherwise than Kafka frames it", expected.name);
            batch_builder_release(&builder);
        }
        batch_release(&expected);
    }
    batch_release(&expected);
    golden_close(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_batch_of_kafka_reads_back),
        cmocka_unit_test(batches_without_codec_are_built_to_the_same_bytes),
        cmocka_unit_test(compressed_batches_begin_like_those_of_kafka),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
