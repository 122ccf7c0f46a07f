/* The text form of a batch: one line of header fields, one line for each record.
 *
 *     header BASE_OFFSET LAST_OFFSET LEADER_EPOCH CODEC create|append[,transactional][,control] MAX_TIMESTAMP
 * PRODUCER_ID PRODUCER_EPOCH LAST_SEQUENCE COUNT record OFFSET TIMESTAMP KEY VALUE [HEADER=VALUE ...]
 *
 * Bytes are null, 'HEX up to 64 of them, or SIZE#CRC32C. tests/golden/batches/Batches.java writes the same. */
#include "batch_text.h"

#include "protocol/crc32c.h"

#include <inttypes.h>

static void bytes_text(FILE *out, struct kp_bytes bytes)
{
    if (bytes.size < 0) {
        fputs("null", out);
    } else if (bytes.size > 64) {
        fprintf(out, "%" PRId32 "#%08" PRIx32, bytes.size, crc32c(0, bytes.data, (size_t)bytes.size));
    } else {
        fputc('\'', out);
        for (int32_t i = 0; i < bytes.size; i++)
            fprintf(out, "%02x", bytes.data[i]);
    }
}

static void record_text(FILE *out, struct record *record)
{
    struct record_header header;
    fprintf(out, "record %" PRId64 " %" PRId64 " ", record->offset, record->timestamp_ms);
    bytes_text(out, record->key);
    fputc(' ', out);
    bytes_text(out, record->value);
    while (record_header_next(&record->headers, &header)) {
        fputc(' ', out);
        bytes_text(out, header.key);
        fputc('=', out);
        bytes_text(out, header.value);
    }
    fputc('\n', out);
}

void batch_text(FILE *out, const struct record_batch *batch)
{
    const char *codec = codec_name(record_batch_codec(batch));
    fprintf(out, "header %" PRId64 " %" PRId64 " %" PRId32 " %s ", batch->base_offset, record_batch_last_offset(batch),
            batch->leader_epoch, codec == NULL ? "unknown" : codec);
    fprintf(out, "%s%s%s ", batch->attributes & BATCH_LOG_APPEND_TIME ? "append" : "create",
            batch->attributes & BATCH_TRANSACTIONAL ? ",transactional" : "",
            batch->attributes & BATCH_CONTROL ? ",control" : "");
    fprintf(out, "%" PRId64 " %" PRId64 " %" PRId16 " %" PRId32 " %" PRId32 "\n", batch->max_timestamp_ms,
            batch->producer_id, batch->producer_epoch, record_batch_last_sequence(batch), batch->record_count);
    struct record_iterator iterator;
    struct record record;
    record_iterator_init(&iterator, batch, INT32_MAX, NULL);
    while (record_iterator_next(&iterator, &record))
        record_text(out, &record);
    if (iterator.error != BATCH_OK)
        fprintf(out, "error %d\n", iterator.error);
    record_iterator_release(&iterator);
}
