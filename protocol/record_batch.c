/* Record batch, magic 2: the header, read and changed in place.
 *
 *      0  base offset          int64          27  base timestamp       int64   (the delete horizon with bit 6)
 *      8  batch length         int32          35  max timestamp        int64
 *     12  leader epoch         int32          43  producer id          int64   -1: none
 *     16  magic                int8           51  producer epoch       int16   -1: none
 *     17  CRC-32C              uint32         53  base sequence        int32   -1: none
 *     21  attributes           int16          57  record count         int32
 *     23  last offset delta    int32          61  records, compressed as one block when the attributes say so
 *
 * The batch length counts from byte 12 on, the CRC covers byte 21 to the end: so the broker writes base offset and
 * leader epoch into a batch without touching the rest. Compaction removes records but leaves base offset, last offset
 * delta and base sequence: the count may be lower than the offsets tell, down to 0.
 *
 * Format as in Apache Kafka's DefaultRecordBatch. record_iterator.c reads the records, record_validate.c checks what
 * clients send, batch_builder.c writes batches. */
#include "record_batch.h"

#include "crc32c.h"

#include <limits.h>

enum batch_field {
    AT_BASE_OFFSET = 0,
    AT_LENGTH = 8,
    AT_LEADER_EPOCH = 12,
    AT_MAGIC = 16,
    AT_CRC = 17,
    AT_ATTRIBUTES = 21,
    AT_LAST_OFFSET_DELTA = 23,
    AT_BASE_TIMESTAMP = 27,
    AT_MAX_TIMESTAMP = 35,
    AT_PRODUCER_ID = 43,
    AT_PRODUCER_EPOCH = 51,
    AT_BASE_SEQUENCE = 53,
    AT_RECORD_COUNT = 57,
};

_Static_assert(AT_ATTRIBUTES == BATCH_CRC_START && AT_LEADER_EPOCH == BATCH_LENGTH_OFFSET, "one layout");
_Static_assert(AT_RECORD_COUNT + 4 == BATCH_HEADER_BYTES, "one layout");

enum batch_error record_batch_view_header(struct record_batch *batch, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    *batch = (struct record_batch){.bytes = at};
    if (size < BATCH_LENGTH_OFFSET)
        return BATCH_SHORT;
    batch->length = (int32_t)load_be32(at + AT_LENGTH);
    if (batch->length < BATCH_HEADER_BYTES - BATCH_LENGTH_OFFSET || batch->length > INT32_MAX - BATCH_LENGTH_OFFSET)
        return BATCH_MALFORMED;
    batch->size_bytes = batch->length + BATCH_LENGTH_OFFSET;
    if (size <= AT_MAGIC)
        return BATCH_SHORT;
    batch->magic = (int8_t)at[AT_MAGIC];
    if (batch->magic != BATCH_MAGIC)
        return BATCH_MALFORMED;
    if (size < BATCH_HEADER_BYTES)
        return BATCH_SHORT;
    batch->base_offset = (int64_t)load_be64(at + AT_BASE_OFFSET);
    batch->leader_epoch = (int32_t)load_be32(at + AT_LEADER_EPOCH);
    batch->crc = load_be32(at + AT_CRC);
    batch->attributes = (int16_t)load_be16(at + AT_ATTRIBUTES);
    batch->last_offset_delta = (int32_t)load_be32(at + AT_LAST_OFFSET_DELTA);
    batch->base_timestamp_ms = (int64_t)load_be64(at + AT_BASE_TIMESTAMP);
    batch->max_timestamp_ms = (int64_t)load_be64(at + AT_MAX_TIMESTAMP);
    batch->producer_id = (int64_t)load_be64(at + AT_PRODUCER_ID);
    batch->producer_epoch = (int16_t)load_be16(at + AT_PRODUCER_EPOCH);
    batch->base_sequence = (int32_t)load_be32(at + AT_BASE_SEQUENCE);
    batch->record_count = (int32_t)load_be32(at + AT_RECORD_COUNT);
    return BATCH_OK;
}

enum batch_error record_batch_view(struct record_batch *batch, const void *bytes, size_t size)
{
    enum batch_error error = record_batch_view_header(batch, bytes, size);
    if (error == BATCH_OK && (size_t)batch->size_bytes > size)
        return BATCH_SHORT;
    return error;
}

static uint32_t computed_crc(const uint8_t *bytes, int32_t size_bytes)
{
    return crc32c(0, bytes + BATCH_CRC_START, (size_t)size_bytes - BATCH_CRC_START);
}

bool record_batch_crc_ok(const struct record_batch *batch)
{
    return computed_crc(batch->bytes, batch->size_bytes) == batch->crc;
}

int32_t sequence_add(int32_t sequence, int32_t delta)
{
    return (int32_t)(((uint32_t)sequence + (uint32_t)delta) & INT32_MAX);
}

int32_t record_batch_last_sequence(const struct record_batch *batch)
{
    return batch->base_sequence < 0 ? -1 : sequence_add(batch->base_sequence, batch->last_offset_delta);
}

void record_batch_set_base_offset(uint8_t *batch, int64_t base_offset)
{
    store_be64(batch + AT_BASE_OFFSET, (uint64_t)base_offset);
}

void record_batch_set_leader_epoch(uint8_t *batch, int32_t leader_epoch)
{
    store_be32(batch + AT_LEADER_EPOCH, (uint32_t)leader_epoch);
}

static void seal(uint8_t *batch)
{
    int32_t size_bytes = (int32_t)load_be32(batch + AT_LENGTH) + BATCH_LENGTH_OFFSET;
    store_be32(batch + AT_CRC, computed_crc(batch, size_bytes));
}

void record_batch_set_timestamps(uint8_t *batch, int16_t attributes, int64_t max_timestamp_ms)
{
    store_be16(batch + AT_ATTRIBUTES, (uint16_t)attributes);
    store_be64(batch + AT_MAX_TIMESTAMP, (uint64_t)max_timestamp_ms);
    seal(batch);
}

void record_batch_write_header(uint8_t *bytes, const struct record_batch *batch)
{
    store_be64(bytes + AT_BASE_OFFSET, (uint64_t)batch->base_offset);
    store_be32(bytes + AT_LENGTH, (uint32_t)(batch->size_bytes - BATCH_LENGTH_OFFSET));
    store_be32(bytes + AT_LEADER_EPOCH, (uint32_t)batch->leader_epoch);
    bytes[AT_MAGIC] = BATCH_MAGIC;
    store_be16(bytes + AT_ATTRIBUTES, (uint16_t)batch->attributes);
    store_be32(bytes + AT_LAST_OFFSET_DELTA, (uint32_t)batch->last_offset_delta);
    store_be64(bytes + AT_BASE_TIMESTAMP, (uint64_t)batch->base_timestamp_ms);
    store_be64(bytes + AT_MAX_TIMESTAMP, (uint64_t)batch->max_timestamp_ms);
    store_be64(bytes + AT_PRODUCER_ID, (uint64_t)batch->producer_id);
    store_be16(bytes + AT_PRODUCER_EPOCH, (uint16_t)batch->producer_epoch);
    store_be32(bytes + AT_BASE_SEQUENCE, (uint32_t)batch->base_sequence);
    store_be32(bytes + AT_RECORD_COUNT, (uint32_t)batch->record_count);
    seal(bytes);
}
