/* Batches from and to values. The writer is independent of protocol/record_batch.c, so that it can be wrong on request
 * and does not repeat a mistake of the code under test; only codecs and checksum are shared. Reading goes through the
 * record batch view, which the fetching side of the project uses as well. */
#include "batch_value.h"

#include "../../protocol/crc32c.h"
#include "../../protocol/record_batch.h"

#include <string.h>

#define VALUE_BYTES_SHOWN 200 /* longer keys and values are told by size and checksum */

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* Bytes that grow; freed by the arena. */
struct byte_buffer {
    struct arena *arena;
    uint8_t *bytes;
    size_t size, capacity;
};

static uint8_t *buffer_reserve(struct byte_buffer *buffer, size_t size)
{
    if (buffer->capacity - buffer->size < size) {
        buffer->capacity = 2 * (buffer->size + size) + 256;
        uint8_t *grown = value_alloc(buffer->arena, buffer->capacity);
        if (buffer->size)
            memcpy(grown, buffer->bytes, buffer->size);
        buffer->bytes = grown;
    }
    return buffer->bytes + buffer->size;
}

static void buffer_put(struct byte_buffer *buffer, const void *bytes, size_t size)
{
    uint8_t *at = buffer_reserve(buffer, size);
    if (size)
        memcpy(at, bytes, size);
    buffer->size += size;
}

static void buffer_put_varint(struct byte_buffer *buffer, int64_t number)
{
    buffer->size += uvarlong_store(buffer_reserve(buffer, VARLONG_BYTES_MAX), zigzag64(number));
}

/* A varint length and the bytes; null is -1. */
static void buffer_put_sized(struct byte_buffer *buffer, const struct value *value)
{
    if (!value || value->type == VALUE_NULL) {
        buffer_put_varint(buffer, -1);
        return;
    }
    buffer_put_varint(buffer, value->text.size);
    buffer_put(buffer, value->text.data, (size_t)value->text.size);
}

static int64_t number_of(const struct value *object, const char *key, int64_t otherwise)
{
    const struct value *value = value_get(object, key);
    return value ? value->number : otherwise;
}

/* A value of `size` bytes that compresses a little and differs by position. */
static struct value *filled_value(struct arena *arena, int64_t size)
{
    char *text = value_alloc(arena, (size_t)size + 1);
    for (int64_t i = 0; i < size; i++)
        text[i] = (char)('a' + (i * i + i / 7) % 26);
    return value_string(arena, (struct kp_string){text, (int32_t)size});
}

struct batch_times {
    int64_t base, max;
};

static void put_record(struct byte_buffer *records, const struct value *record, int64_t offset_delta,
                       struct batch_times *times)
{
    struct arena *arena = records->arena;
    struct byte_buffer body = {.arena = arena};
    int64_t timestamp = number_of(record, "timestamp", times->base);
    if (timestamp > times->max)
        times->max = timestamp;
    uint8_t attributes = (uint8_t)number_of(record, "attributes", 0);
    buffer_put(&body, &attributes, 1);
    buffer_put_varint(&body, timestamp - times->base);
    buffer_put_varint(&body, number_of(record, "offset_delta", offset_delta));
    const struct value *value = record, *headers = NULL;
    if (record->type == VALUE_OBJECT) {
        headers = value_get(record, "headers");
        value = value_get(record, "value");
        if (value_get(record, "size"))
            value = filled_value(arena, number_of(record, "size", 0));
    }
    buffer_put_sized(&body, value_get(record, "key"));
    buffer_put_sized(&body, value);
    buffer_put_varint(&body, headers ? value_count(headers) : 0);
    for (const struct value *header = headers ? headers->first : NULL; header; header = header->next) {
        buffer_put_sized(&body, value_get(header, "key"));
        buffer_put_sized(&body, value_get(header, "value"));
    }
    buffer_put_varint(records, (int64_t)body.size);
    buffer_put(records, body.bytes, body.size);
}

static int codec_of(const struct value *batch)
{
    const struct value *named = value_get(batch, "codec");
    if (!named)
        return CODEC_NONE;
    for (int codec = 0; codec < CODEC_COUNT; codec++)
        if (kp_string_is(named->text, codec_name(codec)))
            return codec;
    return -1;
}

static bool put_batch(struct byte_buffer *out, const struct value *batch, int64_t timestamp_ms, const char **error)
{
    static const char *const known[] = {
        "codec",      "timestamp",         "records",       "base_offset",    "leader_epoch",  "magic",
        "attributes", "last_offset_delta", "max_timestamp", "record_count",   "length_delta",  "crc_delta",
        "cut",        "payload",           "producer_id",   "producer_epoch", "base_sequence",
    };
    for (const struct value *item = batch->first; item; item = item->next) {
        size_t i = 0;
        while (i < COUNT_OF(known) && strcmp(known[i], item->key) != 0)
            i++;
        if (i == COUNT_OF(known)) {
            *error = value_printf(out->arena, "a batch has no '%s'", item->key);
            return false;
        }
    }
    int codec = codec_of(batch);
    if (codec < 0) {
        *error = "codec is none, gzip, snappy, lz4 or zstd";
        return false;
    }
    struct batch_times times = {.base = number_of(batch, "timestamp", timestamp_ms), .max = INT64_MIN};
    struct byte_buffer records = {.arena = out->arena};
    int64_t record_count = 0;
    const struct value *list = value_get(batch, "records");
    for (const struct value *record = list ? list->first : NULL; record; record = record->next)
        for (int64_t i = number_of(record, "count", 1); i > 0; i--)
            put_record(&records, record, record_count++, &times);
    if (!record_count)
        times.max = times.base;

    const struct value *payload = value_get(batch, "payload");
    if (payload) {
        records.size = 0;
        buffer_put(&records, payload->text.data, (size_t)payload->text.size);
    } else if (codec != CODEC_NONE) {
        size_t size;
        uint8_t *compressed =
            compress_all((enum codec)codec, codec_level_default((enum codec)codec), records.bytes, records.size, &size);
        if (!compressed) {
            *error = "the codec failed";
            return false;
        }
        records.size = 0;
        buffer_put(&records, compressed, size);
        free(compressed);
    }

    size_t start = out->size;
    size_t size = BATCH_HEADER_BYTES + records.size;
    uint8_t *at = buffer_reserve(out, size);
    store_be64(at, (uint64_t)number_of(batch, "base_offset", 0));
    store_be32(at + 8, (uint32_t)((int64_t)size - BATCH_LENGTH_OFFSET + number_of(batch, "length_delta", 0)));
    store_be32(at + 12, (uint32_t)number_of(batch, "leader_epoch", -1));
    at[16] = (uint8_t)number_of(batch, "magic", BATCH_MAGIC);
    store_be16(at + 21, (uint16_t)(number_of(batch, "attributes", 0) | codec));
    store_be32(at + 23, (uint32_t)number_of(batch, "last_offset_delta", record_count - 1));
    store_be64(at + 27, (uint64_t)times.base);
    store_be64(at + 35, (uint64_t)number_of(batch, "max_timestamp", times.max));
    store_be64(at + 43, (uint64_t)number_of(batch, "producer_id", -1));
    store_be16(at + 51, (uint16_t)number_of(batch, "producer_epoch", -1));
    store_be32(at + 53, (uint32_t)number_of(batch, "base_sequence", -1));
    store_be32(at + 57, (uint32_t)number_of(batch, "record_count", record_count));
    out->size += BATCH_HEADER_BYTES;
    buffer_put(out, records.bytes, records.size);
    at = out->bytes + start;
    store_be32(at + 17,
               crc32c(0, at + BATCH_CRC_START, size - BATCH_CRC_START) + (uint32_t)number_of(batch, "crc_delta", 0));
    int64_t cut = number_of(batch, "cut", 0);
    out->size -= cut > 0 && (size_t)cut < size ? (size_t)cut : 0;
    return true;
}

bool batches_from_value(const struct value *list, int64_t timestamp_ms, struct arena *arena, struct kp_string *bytes,
                        const char **error)
{
    struct byte_buffer out = {.arena = arena};
    buffer_reserve(&out, 1);
    for (const struct value *batch = list->first; batch; batch = batch->next) {
        if (batch->type == VALUE_BYTES) {
            buffer_put(&out, batch->text.data, (size_t)batch->text.size);
        } else if (batch->type != VALUE_OBJECT) {
            *error = "a batch is an object or x\"...\"";
            return false;
        } else if (!put_batch(&out, batch, timestamp_ms, error)) {
            return false;
        }
    }
    *bytes = (struct kp_string){(const char *)out.bytes, (int32_t)out.size};
    return true;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static struct value *bytes_to_value(struct kp_bytes bytes, struct arena *arena)
{
    if (bytes.size < 0)
        return value_new(arena, VALUE_NULL);
    if (bytes.size > VALUE_BYTES_SHOWN)
        return value_text(arena, value_printf(arena, "%d bytes with checksum %08x", bytes.size,
                                              crc32c(0, bytes.data, (size_t)bytes.size)));
    char *copy = value_alloc(arena, (size_t)bytes.size + 1);
    if (bytes.size)
        memcpy(copy, bytes.data, (size_t)bytes.size);
    return value_string(arena, (struct kp_string){copy, bytes.size});
}

static struct value *record_to_value(const struct record *record, int64_t base_timestamp_ms, struct arena *arena)
{
    struct value *value = value_new(arena, VALUE_OBJECT);
    value_set(value, "offset", value_int(arena, record->offset));
    if (record->timestamp_ms != base_timestamp_ms)
        value_set(value, "timestamp", value_int(arena, record->timestamp_ms));
    value_set(value, "key", bytes_to_value(record->key, arena));
    value_set(value, "value", bytes_to_value(record->value, arena));
    if (record->header_count) {
        struct value *headers = value_new(arena, VALUE_LIST);
        struct kp_bytes left = record->headers;
        struct record_header header;
        while (record_header_next(&left, &header)) {
            struct value *item = value_new(arena, VALUE_OBJECT);
            value_set(item, "key", bytes_to_value(header.key, arena));
            value_set(item, "value", bytes_to_value(header.value, arena));
            value_append(headers, item);
        }
        value_set(value, "headers", headers);
    }
    return value;
}

/* Equal records in a row differ in their offset alone: many are told as the first one with a count. */
static bool record_repeats(const struct value *previous, const struct value *record)
{
    const struct value *a = previous->first->next, *b = record->first->next;
    for (; a && b && strcmp(a->key, "count") != 0; a = a->next, b = b->next)
        if (strcmp(a->key, b->key) != 0 || !value_equal(a, b))
            return false;
    return !b && (!a || strcmp(a->key, "count") == 0);
}

static struct value *records_to_value(const struct record_batch *batch, struct arena *arena)
{
    struct value *list = value_new(arena, VALUE_LIST);
    struct record_iterator iterator;
    struct record record;
    int64_t next_offset = batch->base_offset;
    record_iterator_init(&iterator, batch, INT32_MAX, NULL);
    while (record_iterator_next(&iterator, &record)) {
        struct value *value = record_to_value(&record, batch->base_timestamp_ms, arena);
        if (list->last && record.offset == next_offset && record_repeats(list->last, value)) {
            struct value *count = value_get(list->last, "count");
            if (count)
                count->number++;
            else
                value_set(list->last, "count", value_int(arena, 2));
        } else {
            value_append(list, value);
        }
        next_offset = record.offset + 1;
    }
    if (iterator.error != BATCH_OK)
        value_append(list, value_text(arena, "the rest cannot be read"));
    record_iterator_release(&iterator);
    return list;
}

static struct value *batch_to_value(const struct record_batch *batch, struct arena *arena)
{
    struct value *value = value_new(arena, VALUE_OBJECT);
    value_set(value, "base_offset", value_int(arena, batch->base_offset));
    value_set(value, "leader_epoch", value_int(arena, batch->leader_epoch));
    value_set(value, "attributes", value_int(arena, batch->attributes));
    value_set(value, "last_offset_delta", value_int(arena, batch->last_offset_delta));
    value_set(value, "base_timestamp", value_int(arena, batch->base_timestamp_ms));
    value_set(value, "max_timestamp", value_int(arena, batch->max_timestamp_ms));
    value_set(value, "record_count", value_int(arena, batch->record_count));
    if (batch->producer_id != -1 || batch->producer_epoch != -1 || batch->base_sequence != -1) {
        value_set(value, "producer_id", value_int(arena, batch->producer_id));
        value_set(value, "producer_epoch", value_int(arena, batch->producer_epoch));
        value_set(value, "base_sequence", value_int(arena, batch->base_sequence));
    }
    if (!record_batch_crc_ok(batch))
        value_set(value, "crc", value_text(arena, "wrong"));
    value_set(value, "records", records_to_value(batch, arena));
    return value;
}

struct value *batches_to_value(struct kp_string bytes, struct arena *arena)
{
    struct value *list = value_new(arena, VALUE_LIST);
    const char *at = bytes.data;
    size_t left = (size_t)bytes.size;
    while (left) {
        struct record_batch *batch = value_alloc(arena, sizeof *batch);
        enum batch_error error = record_batch_view(batch, at, left);
        if (error != BATCH_OK) {
            const char *text = error == BATCH_SHORT ? "a batch without its end" : "no batch";
            value_append(list, value_text(arena, text));
            break;
        }
        value_append(list, batch_to_value(batch, arena));
        at += batch->size_bytes;
        left -= (size_t)batch->size_bytes;
    }
    return list;
}
