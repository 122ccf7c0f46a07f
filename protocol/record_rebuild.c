/* A batch written anew, because the topic stores another codec than the client used.
 *
 *     iterator over the client's batch ── record ── record_encode() ── compressor of the topic's codec ── new batch
 *
 * One way for all codecs, none on either side included. It runs record by record: memory is one record, a window and
 * the output, which never passes max.message.bytes. The new batch numbers its records 0, 1, 2, ... and takes the first
 * record's timestamp as its base, as Kafka's MemoryRecordsBuilder does; like that one it refuses a negative timestamp
 * other than -1 and a producer id without epoch. */
#include "record_batch.h"

#define NO_TIMESTAMP (-1)

static int level_of(const struct batch_rules *rules)
{
    switch (rules->codec) {
    case CODEC_GZIP:
        return rules->gzip_level;
    case CODEC_LZ4:
        return rules->lz4_level;
    case CODEC_ZSTD:
        return rules->zstd_level;
    default:
        return 0;
    }
}

/* Would Kafka's builder refuse the producer fields? */
static bool producer_refused(const struct record_batch *batch)
{
    bool transactional = batch->attributes & BATCH_TRANSACTIONAL;
    return batch->producer_id == -1 ? transactional : batch->producer_epoch == -1;
}

/* Write one record; the header's fields that depend on it are kept in *to. */
static enum batch_error write_record(struct compressor *compressor, struct record_batch *to,
                                     const struct record *record)
{
    if (record->timestamp_ms < NO_TIMESTAMP)
        return BATCH_CODEC;
    if (to->record_count == 0)
        to->base_timestamp_ms = record->timestamp_ms;
    if (record->timestamp_ms > to->max_timestamp_ms)
        to->max_timestamp_ms = record->timestamp_ms;
    struct record_encoding encoding;
    record_encode(&encoding, record->timestamp_ms - to->base_timestamp_ms, to->record_count, record);
    to->last_offset_delta = to->record_count++;
    for (int i = 0; i < RECORD_PIECES; i++) {
        if (!compressor_write(compressor, encoding.pieces[i].bytes, encoding.pieces[i].size))
            return compressor_limit_reached(compressor) ? BATCH_TOO_LARGE : BATCH_MEMORY;
    }
    return BATCH_OK;
}

static enum batch_error write_records(struct compressor *compressor, struct record_batch *to,
                                      const struct record_batch *from, int32_t record_bytes_max,
                                      struct record_walk *walk)
{
    struct record_iterator iterator;
    struct record record;
    enum batch_error error = BATCH_OK;
    record_iterator_init(&iterator, from, record_bytes_max, walk);
    while (error == BATCH_OK && record_iterator_next(&iterator, &record))
        error = write_record(compressor, to, &record);
    error = error == BATCH_OK ? iterator.error : error;
    record_iterator_release(&iterator);
    return error;
}

enum batch_error record_batch_rebuild(struct record_batch *rebuilt, uint8_t **bytes, const struct record_batch *from,
                                      const struct batch_rules *rules, int64_t now_ms, struct record_walk *walk)
{
    if (producer_refused(from))
        return BATCH_CODEC;
    struct compressor *compressor =
        compressor_new(rules->codec, level_of(rules), BATCH_HEADER_BYTES, (size_t)rules->max_message_bytes);
    if (compressor == NULL)
        return BATCH_CODEC;
    *rebuilt = *from;
    rebuilt->record_count = 0;
    rebuilt->max_timestamp_ms = NO_TIMESTAMP;
    rebuilt->attributes = (int16_t)((from->attributes & BATCH_TRANSACTIONAL) | (int16_t)rules->codec);
    int32_t record_bytes_max = rules->max_decompressed_message_bytes;
    record_bytes_max = record_bytes_max < REBUILT_RECORD_BYTES_MAX ? record_bytes_max : REBUILT_RECORD_BYTES_MAX;
    enum batch_error error = write_records(compressor, rebuilt, from, record_bytes_max, walk);
    size_t size = 0;
    *bytes = error == BATCH_OK ? compressor_finish(compressor, &size) : NULL;
    if (error == BATCH_OK && *bytes == NULL)
        error = compressor_limit_reached(compressor) ? BATCH_TOO_LARGE : BATCH_MEMORY;
    compressor_free(compressor);
    if (error != BATCH_OK)
        return error;
    if (rules->timestamp_type == TIMESTAMP_LOG_APPEND_TIME) {
        rebuilt->attributes |= BATCH_LOG_APPEND_TIME;
        rebuilt->max_timestamp_ms = now_ms;
    }
    rebuilt->bytes = *bytes;
    rebuilt->size_bytes = (int32_t)size;
    record_batch_write_header(*bytes, rebuilt);
    return BATCH_OK;
}
