/* Records of __consumer_offsets as values, by the schemas of their keys and values. */
#include "group_log_value.h"

#include "../../protocol/codec.h"
#include "../../protocol/record_batch.h"
#include "folder_value.h"
#include "message_value.h"
#include "messages.h"

#include <string.h>

#define GROUP_LOG_TOPIC "__consumer_offsets"
#define KEY_VERSION     0 /* of all keys; the number in front of one is its type */

static struct value *bytes_value(struct kp_bytes bytes, struct arena *arena)
{
    struct value *value = value_new(arena, bytes.size < 0 ? VALUE_NULL : VALUE_BYTES);
    if (bytes.size >= 0) {
        char *copy = value_alloc(arena, (size_t)bytes.size + 1);
        if (bytes.size)
            memcpy(copy, bytes.data, (size_t)bytes.size);
        value->text = (struct kp_string){copy, bytes.size};
    }
    return value;
}

/* A key or a value whose int16 in front is told as `number`; as bytes when it is not exactly what its fields make. */
static struct value *message_part(enum kp_record_kind kind, int16_t type, const char *number, struct kp_bytes bytes,
                                  struct arena *arena)
{
    const struct kp_record_type *known = kp_record_type_find(kind, type);
    if (bytes.size < 2 || !known)
        return bytes_value(bytes, arena);
    int16_t front = (int16_t)load_be16(bytes.data);
    int16_t version = kind == KP_RECORD_GROUP_KEY ? KEY_VERSION : front;
    struct kp_string body = {(const char *)bytes_value(bytes, arena)->text.data + 2, bytes.size - 2}, again;
    const char *error;
    struct value *fields =
        version < 0 ? NULL : message_to_value(known->schema, version, body.data, (size_t)body.size, arena, &error);
    if (!fields || !message_from_value(known->schema, version, fields, 0, arena, &again, &error) ||
        !kp_string_equal(again, body))
        return bytes_value(bytes, arena);
    struct value *part = value_new(arena, VALUE_OBJECT);
    value_set(part, number, value_int(arena, front));
    for (const struct value *field = fields->first; field; field = field->next)
        value_set(part, field->key, value_copy(arena, field));
    return part;
}

/* A time that is a time after another one. */
static void tell_expiry(struct value *part)
{
    const struct value *committed = value_get(part, "commit_timestamp");
    struct value *expires = value_get(part, "expire_timestamp");
    if (committed && expires) {
        expires->number -= committed->number;
        expires->key = "expires_after_ms";
    }
}

/* NULL: it is of another group. */
static struct value *record_to_value(const struct record *record, struct kp_string group, int64_t base_timestamp_ms,
                                     struct arena *arena)
{
    if (record->key.size < 2)
        return NULL;
    int16_t type = (int16_t)load_be16(record->key.data);
    struct value *key = message_part(KP_RECORD_GROUP_KEY, type, "type", record->key, arena);
    const struct value *named = value_get(key, "group");
    if (!named)
        named = value_get(key, "group_id");
    if (!named || !kp_string_equal(named->text, group))
        return NULL;
    struct value *value = value_new(arena, VALUE_OBJECT);
    if (record->timestamp_ms != base_timestamp_ms)
        value_set(value, "timestamp", value_int(arena, record->timestamp_ms));
    if (record->header_count)
        value_set(value, "header_count", value_int(arena, record->header_count));
    value_set(value, "key", key);
    struct value *part = message_part(KP_RECORD_GROUP_VALUE, type, "version", record->value, arena);
    tell_expiry(part);
    value_set(value, "value", part);
    return value;
}

static struct value *batch_to_value(const struct record_batch *batch, struct value *records, struct arena *arena)
{
    struct value *value = value_new(arena, VALUE_OBJECT);
    value_set(value, "attributes", value_int(arena, batch->attributes));
    value_set(value, "base_timestamp", value_int(arena, batch->base_timestamp_ms));
    value_set(value, "max_timestamp", value_int(arena, batch->max_timestamp_ms));
    value_set(value, "producer_id", value_int(arena, batch->producer_id));
    value_set(value, "producer_epoch", value_int(arena, batch->producer_epoch));
    value_set(value, "base_sequence", value_int(arena, batch->base_sequence));
    value_set(value, "records", records);
    return value;
}

void group_log_append(struct value *batches, struct kp_string segment, struct kp_string group, struct arena *arena)
{
    struct record_batch batch;
    while (segment.size && record_batch_view(&batch, segment.data, (size_t)segment.size) == BATCH_OK) {
        struct value *records = value_new(arena, VALUE_LIST);
        struct record_iterator iterator;
        struct record record;
        record_iterator_init(&iterator, &batch, INT32_MAX, NULL);
        while (record_iterator_next(&iterator, &record)) {
            struct value *one = record_to_value(&record, group, batch.base_timestamp_ms, arena);
            if (one)
                value_append(records, one);
        }
        record_iterator_release(&iterator);
        if (records->first)
            value_append(batches, batch_to_value(&batch, records, arena));
        segment.data += batch.size_bytes;
        segment.size -= batch.size_bytes;
    }
}

struct reading {
    struct value *batches;
    struct kp_string group;
    struct arena *arena;
};

static void read_segment(void *context, const char *name, struct kp_string bytes)
{
    struct reading *reading = context;
    const char *dot = strrchr(name, '.');
    if (dot && strcmp(dot, ".log") == 0)
        group_log_append(reading->batches, bytes, reading->group, reading->arena);
}

bool group_log_to_value(struct file_io *files, const char *data_folder, struct kp_string group, struct arena *arena,
                        struct value **value, const char **error)
{
    struct reading reading = {value_new(arena, VALUE_LIST), group, arena};
    if (!folder_read(files, data_folder, GROUP_LOG_TOPIC, 0, arena, read_segment, &reading, error))
        return false;
    *value = value_new(arena, VALUE_OBJECT);
    value_set(*value, "batches", reading.batches);
    return true;
}
