/* Fuzzing of produced batches: view, check, iterate, rebuild, with every codec.
 *
 * The input is three bytes of choices and a batch. A fuzzer does not find a CRC by itself, so one of the choices puts
 * right what guards the inside: base offset, length, magic, CRC. What is accepted must then hold what the log relies
 * on. */
#include "protocol/record_batch.h"

#include <string.h>

#define RECORD_BYTES_MAX  (256 * 1024)
#define MESSAGE_BYTES_MAX (1024 * 1024)
#define NOW_MS            INT64_C(1700000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_right(uint8_t *bytes, size_t size)
{
    record_batch_set_base_offset(bytes, 0);
    store_be32(bytes + 8, (uint32_t)(size - BATCH_LENGTH_OFFSET));
    bytes[16] = BATCH_MAGIC;
    record_batch_set_timestamps(bytes, (int16_t)load_be16(bytes + BATCH_CRC_START), (int64_t)load_be64(bytes + 35));
}

/* Walk all records in full; how many there were. */
static int32_t count_records(const struct record_batch *batch, struct record_walk *walk, enum batch_error *error)
{
    struct record_iterator iterator;
    struct record record;
    struct record_header header;
    record_iterator_init(&iterator, batch, RECORD_BYTES_MAX, walk);
    int32_t count = 0;
    for (; record_iterator_next(&iterator, &record); count++) {
        for (int32_t i = 0; i < record.header_count; i++)
            ASSERT(record_header_next(&record.headers, &header));
        ASSERT(record.headers.size == 0 || record.header_count == 0);
    }
    *error = iterator.error;
    record_iterator_release(&iterator);
    return count;
}

static void check_accepted(const struct batch_verdict *verdict, uint8_t *bytes, const struct batch_rules *rules,
                           bool log_append_sent, struct record_walk *walk)
{
    uint8_t *stored = verdict->rebuilt != NULL ? verdict->rebuilt : bytes;
    size_t size = verdict->rebuilt != NULL ? verdict->rebuilt_size_bytes : (size_t)verdict->size_bytes;
    struct record_batch batch;
    enum batch_error error;
    ASSERT(record_batch_view(&batch, stored, size) == BATCH_OK);
    ASSERT((size_t)batch.size_bytes == size && batch.size_bytes <= rules->max_message_bytes);
    ASSERT(record_batch_crc_ok(&batch));
    ASSERT(batch.record_count == verdict->record_count && batch.last_offset_delta == batch.record_count - 1);
    ASSERT(batch.max_timestamp_ms == verdict->max_timestamp_ms);
    ASSERT(rules->codec == CODEC_PRODUCER || record_batch_codec(&batch) == rules->codec);
    ASSERT(count_records(&batch, walk, &error) == batch.record_count && error == BATCH_OK);

    /* What was put right once is right. A log-append bit is beside that: while it stood, it hid the records' own times.
     */
    if (log_append_sent || batch.attributes & BATCH_LOG_APPEND_TIME)
        return;
    struct batch_rules again = *rules;
    struct batch_verdict second;
    again.timestamp_before_max_ms = again.timestamp_after_max_ms = INT64_MAX;
    batch_validate(&second, stored, size, &again, true, NOW_MS, NULL, walk);
    ASSERT(second.refusal == BATCH_ACCEPTED && second.rebuilt == NULL && load_be32(stored + 17) == batch.crc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    struct batch_rules rules = {
        .max_message_bytes = MESSAGE_BYTES_MAX,
        .max_decompressed_message_bytes = RECORD_BYTES_MAX,
        .timestamp_type = data[0] & 1 ? TIMESTAMP_LOG_APPEND_TIME : TIMESTAMP_CREATE_TIME,
        .timestamp_before_max_ms = data[0] & 2 ? 3600000 : INT64_MAX,
        .timestamp_after_max_ms = data[0] & 4 ? 3600000 : INT64_MAX,
        .keys_required = data[0] & 8,
        .codec = data[1] % 6 == 5 ? CODEC_PRODUCER : (enum codec)(data[1] % 6),
        .gzip_level = 1,
        .lz4_level = LZ4_LEVEL_DEFAULT,
        .zstd_level = 1,
    };
    bool right = data[2] & 1, zstd_allowed = !(data[2] & 2);
    size -= 3;
    uint8_t *bytes = xmalloc(size + 1);
    memcpy(bytes, data + 3, size);
    if (right && size >= BATCH_HEADER_BYTES)
        put_right(bytes, size);

    struct record_walk walk;
    struct record_batch batch;
    struct batch_verdict verdict;
    struct arena arena;
    enum batch_error error;
    record_walk_init(&walk);
    arena_init(&arena, 64 * 1024);
    if (record_batch_view(&batch, bytes, size) == BATCH_OK) {
        record_batch_crc_ok(&batch);
        count_records(&batch, &walk, &error);
        ASSERT(walk.window_bytes <= 4 * RECORD_BYTES_MAX);
    }
    bool log_append_sent = size > BATCH_HEADER_BYTES && bytes[BATCH_CRC_START + 1] & BATCH_LOG_APPEND_TIME;
    batch_validate(&verdict, bytes, size, &rules, zstd_allowed, NOW_MS, &arena, &walk);
    if (verdict.refusal == BATCH_ACCEPTED)
        check_accepted(&verdict, bytes, &rules, log_append_sent, &walk);
    else
        ASSERT(verdict.message != NULL && verdict.rebuilt == NULL);
    free(verdict.rebuilt);
    arena_release(&arena);
    record_walk_release(&walk);
    free(bytes);
    return 0;
}
