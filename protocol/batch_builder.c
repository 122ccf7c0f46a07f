/* Writing record batches: the encoding of one record, and a batch built in memory.
 *
 * A builder holds the batch as it will be, without codec, behind room for the header:
 *
 *     bytes: | 61 bytes of header, filled in last | record | record | ... size_bytes | free ... capacity_bytes |
 *
 * A codec compresses the records at the end. Batches built here are our own (metadata log, coordinators, tests), so
 * running out of memory or past 2 GiB is our mistake and ends the process. */
#include "record_batch.h"

#include <string.h>

#define BUILDER_BYTES_MIN ((size_t)512)

static size_t varlong_put(uint8_t *to, int64_t value)
{
    return uvarlong_store(to, zigzag64(value));
}

void record_encode(struct record_encoding *encoding, int64_t timestamp_delta_ms, int32_t offset_delta,
                   const struct record *record)
{
    size_t key_size = record->key.size > 0 ? (size_t)record->key.size : 0;
    size_t value_size = record->value.size > 0 ? (size_t)record->value.size : 0;
    size_t headers_size = record->header_count > 0 ? (size_t)record->headers.size : 0;
    uint8_t *value_length = encoding->value_length, *header_count = encoding->header_count;
    size_t value_length_size = varlong_put(value_length, record->value.size < 0 ? -1 : record->value.size);
    size_t header_count_size = varlong_put(header_count, record->header_count);

    /* the length comes first and counts what follows: all of the head but itself is written aside */
    uint8_t start[1 + VARLONG_BYTES_MAX + 2 * VARINT_BYTES_MAX];
    size_t start_size = 0;
    start[start_size++] = 0; /* attributes */
    start_size += varlong_put(start + start_size, timestamp_delta_ms);
    start_size += varlong_put(start + start_size, offset_delta);
    start_size += varlong_put(start + start_size, record->key.size < 0 ? -1 : record->key.size);
    size_t length = start_size + key_size + value_length_size + value_size + header_count_size + headers_size;
    size_t head_size = varlong_put(encoding->head, (int64_t)length);
    memcpy(encoding->head + head_size, start, start_size);
    head_size += start_size;

    struct record_piece pieces[RECORD_PIECES] = {
        {encoding->head,       head_size        },
        {record->key.data,     key_size         },
        {value_length,         value_length_size},
        {record->value.data,   value_size       },
        {header_count,         header_count_size},
        {record->headers.data, headers_size     },
    };
    memcpy(encoding->pieces, pieces, sizeof pieces);
    encoding->size_bytes = head_size - start_size + length;
}

void batch_builder_init(struct batch_builder *builder, int64_t base_timestamp_ms)
{
    *builder = (struct batch_builder){.base_timestamp_ms = base_timestamp_ms, .max_timestamp_ms = -1};
    builder->size_bytes = BATCH_HEADER_BYTES;
}

void batch_builder_add(struct batch_builder *builder, int64_t timestamp_ms, struct kp_bytes key, struct kp_bytes value,
                       struct kp_bytes headers, int32_t header_count)
{
    struct record record = {.key = key, .value = value, .headers = headers, .header_count = header_count};
    struct record_encoding encoding;
    record_encode(&encoding, timestamp_ms - builder->base_timestamp_ms, builder->record_count, &record);
    ASSERT(encoding.size_bytes <= INT32_MAX - builder->size_bytes);
    size_t size = builder->size_bytes + encoding.size_bytes;
    if (size > builder->capacity_bytes) {
        size_t doubled = 2 * builder->capacity_bytes;
        builder->capacity_bytes = size < doubled ? doubled : size < BUILDER_BYTES_MIN ? BUILDER_BYTES_MIN : size;
        builder->bytes = xrealloc(builder->bytes, builder->capacity_bytes);
    }
    uint8_t *to = builder->bytes + builder->size_bytes;
    for (int i = 0; i < RECORD_PIECES; i++) {
        if (encoding.pieces[i].size > 0)
            memcpy(to, encoding.pieces[i].bytes, encoding.pieces[i].size);
        to += encoding.pieces[i].size;
    }
    builder->size_bytes = size;
    builder->record_count++;
    if (timestamp_ms > builder->max_timestamp_ms)
        builder->max_timestamp_ms = timestamp_ms;
}

static bool compress_records(struct batch_builder *builder, enum codec codec, int level)
{
    struct compressor *compressor = compressor_new(codec, level, BATCH_HEADER_BYTES, INT32_MAX);
    if (compressor == NULL)
        return false;
    compressor_write(compressor, builder->bytes + BATCH_HEADER_BYTES, builder->size_bytes - BATCH_HEADER_BYTES);
    size_t size = 0;
    uint8_t *bytes = compressor_finish(compressor, &size);
    compressor_free(compressor);
    if (bytes == NULL)
        return false;
    free(builder->bytes);
    builder->bytes = bytes;
    builder->size_bytes = builder->capacity_bytes = size;
    return true;
}

bool batch_builder_finish(struct batch_builder *builder, const struct batch_header *header)
{
    if (builder->bytes == NULL) {
        builder->bytes = xmalloc(BATCH_HEADER_BYTES);
        builder->capacity_bytes = BATCH_HEADER_BYTES;
    }
    if (header->codec != CODEC_NONE && !compress_records(builder, header->codec, header->level))
        return false;
    struct record_batch batch = {
        .base_offset = header->base_offset,
        .size_bytes = (int32_t)builder->size_bytes,
        .leader_epoch = header->leader_epoch,
        .attributes = (int16_t)(header->attributes | (int16_t)header->codec),
        .last_offset_delta = builder->record_count > 0 ? builder->record_count - 1 : 0,
        .base_timestamp_ms = builder->base_timestamp_ms,
        .max_timestamp_ms = builder->max_timestamp_ms,
        .producer_id = header->producer_id,
        .producer_epoch = header->producer_epoch,
        .base_sequence = header->base_sequence,
        .record_count = builder->record_count,
    };
    record_batch_write_header(builder->bytes, &batch);
    return true;
}

void batch_builder_release(struct batch_builder *builder)
{
    free(builder->bytes);
    batch_builder_init(builder, 0);
}
