/* See metadata_record.h. */
#include "metadata_record.h"

#define FRAME_VERSION       1
#define FRAME_BYTES_MAX     (3 * VARINT_BYTES_MAX)
#define CONTROL_KEY_BYTES   4
#define CONTROL_KEY_VERSION 0

bool metadata_record_parse(struct metadata_record *record, struct kp_bytes value)
{
    struct kp_reader reader;
    if (value.size < 0)
        return false;
    kp_reader_init(&reader, value.data, (size_t)value.size);
    uint32_t frame = kp_read_uvarint(&reader);
    uint32_t type = kp_read_uvarint(&reader);
    uint32_t version = kp_read_uvarint(&reader);
    if (reader.error || frame != FRAME_VERSION || type > INT16_MAX || version > INT16_MAX)
        return false;
    const struct kp_record_type *known = kp_record_type_find(KP_RECORD_METADATA, (int16_t)type);
    *record = (struct metadata_record){
        .type = (int16_t)type,
        .version = (int16_t)version,
        .schema = known ? known->schema : NULL,
        .value = value,
        .body = {.data = reader.at, .size = (int32_t)kp_reader_left(&reader)},
    };
    return true;
}

bool metadata_record_decode(const struct metadata_record *record, void *message, struct arena *arena)
{
    struct kp_reader reader;
    ASSERT(record->schema);
    kp_reader_init(&reader, record->body.data, (size_t)record->body.size);
    return kp_decode(record->schema, message, &reader, record->version, arena);
}

/* Write frame and body into `size` bytes at `to`, which is enough room. */
static struct kp_bytes write_value(uint8_t *to, size_t size, const struct kp_schema *schema, int16_t version,
                                   const void *message)
{
    struct kp_writer writer;
    kp_writer_init(&writer, to, size);
    kp_write_uvarint(&writer, FRAME_VERSION);
    kp_write_uvarint(&writer, (uint32_t)kp_record_type_number(KP_RECORD_METADATA, schema));
    kp_write_uvarint(&writer, (uint32_t)version);
    kp_encode(schema, message, &writer, version);
    return (struct kp_bytes){to, (int32_t)(writer.at - writer.start)};
}

struct kp_bytes metadata_record_encode(const struct kp_schema *schema, int16_t version, const void *message,
                                       struct arena *arena)
{
    size_t body_bytes = kp_encoded_size(schema, message, version);
    uint8_t *bytes = body_bytes == KP_UNENCODABLE ? NULL : arena_alloc(arena, FRAME_BYTES_MAX + body_bytes);
    if (!bytes)
        return (struct kp_bytes){NULL, -1};
    return write_value(bytes, FRAME_BYTES_MAX + body_bytes, schema, version, message);
}

void metadata_batch_init(struct metadata_batch *batch, int64_t timestamp_ms)
{
    *batch = (struct metadata_batch){.timestamp_ms = timestamp_ms};
    batch_builder_init(&batch->builder, timestamp_ms);
}

void metadata_batch_release(struct metadata_batch *batch)
{
    batch_builder_release(&batch->builder);
    free(batch->value);
    *batch = (struct metadata_batch){0};
}

static void add(struct metadata_batch *batch, struct kp_bytes key, struct kp_bytes value)
{
    struct kp_bytes none = {NULL, 0};
    batch_builder_add(&batch->builder, batch->timestamp_ms, key, value, none, 0);
}

void metadata_batch_add_value(struct metadata_batch *batch, struct kp_bytes value)
{
    add(batch, (struct kp_bytes){NULL, -1}, value);
}

/* Room for `size` bytes in batch->value. */
static void reserve_value(struct metadata_batch *batch, size_t size)
{
    if (size > batch->value_capacity_bytes) {
        batch->value_capacity_bytes = 2 * size;
        batch->value = xrealloc(batch->value, batch->value_capacity_bytes);
    }
}

void metadata_batch_add(struct metadata_batch *batch, const struct kp_schema *schema, int16_t version,
                        const void *message)
{
    size_t body_bytes = kp_encoded_size(schema, message, version);
    ASSERT(body_bytes != KP_UNENCODABLE);
    reserve_value(batch, FRAME_BYTES_MAX + body_bytes);
    metadata_batch_add_value(batch, write_value(batch->value, FRAME_BYTES_MAX + body_bytes, schema, version, message));
}

void metadata_batch_add_control(struct metadata_batch *batch, const struct kp_schema *schema, const void *message)
{
    uint8_t key[CONTROL_KEY_BYTES];
    store_be16(key, CONTROL_KEY_VERSION);
    store_be16(key + 2, (uint16_t)kp_record_type_number(KP_RECORD_CONTROL, schema));
    size_t body_bytes = kp_encoded_size(schema, message, 0);
    ASSERT(body_bytes != KP_UNENCODABLE);
    reserve_value(batch, body_bytes);
    struct kp_writer writer;
    kp_writer_init(&writer, batch->value, body_bytes);
    kp_encode(schema, message, &writer, 0);
    add(batch, (struct kp_bytes){key, sizeof key}, (struct kp_bytes){batch->value, (int32_t)body_bytes});
}

void metadata_batch_finish(struct metadata_batch *batch, int64_t base_offset, int32_t epoch, bool control)
{
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.base_offset = base_offset;
    header.leader_epoch = epoch;
    header.attributes = control ? BATCH_CONTROL : 0;
    bool finished = batch_builder_finish(&batch->builder, &header);
    ASSERT(finished); /* only a codec can fail */
}

bool metadata_batch_each(const struct record_batch *batch,
                         bool (*each)(void *context, int64_t offset, const struct metadata_record *record),
                         void *context)
{
    struct record_iterator iterator;
    struct record record;
    struct metadata_record metadata;
    bool good = true;
    record_iterator_init(&iterator, batch, INT32_MAX, NULL);
    while (good && record_iterator_next(&iterator, &record))
        good = metadata_record_parse(&metadata, record.value) && each(context, record.offset, &metadata);
    good = good && iterator.error == BATCH_OK;
    record_iterator_release(&iterator);
    return good;
}
