/* Records of coordinators as values, by the schemas of their keys and values. */
#include "coordinator_log_value.h"

#include "../../protocol/record_batch.h"
#include "folder_value.h"
#include "message_value.h"
#include "messages.h"

#include <string.h>

#define KEY_VERSION 0 /* of all keys; the number in front of one is its type */

const struct coordinator_log coordinator_log_groups = {
    "__consumer_offsets", KP_RECORD_GROUP_KEY, KP_RECORD_GROUP_VALUE, {"group", "group_id"}
};
const struct coordinator_log coordinator_log_transactions = {
    "__transaction_state", KP_RECORD_TXN_KEY, KP_RECORD_TXN_VALUE, {"transactional_id"}};

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

/* A key with its type, or a value with its version; as bytes when it is not exactly what its fields make. */
static struct value *message_part(enum kp_record_kind kind, int16_t type, bool is_key, struct kp_bytes bytes,
                                  struct arena *arena)
{
    const struct kp_record_type *known = kp_record_type_find(kind, type);
    if (bytes.size < 2 || !known)
        return bytes_value(bytes, arena);
    int16_t front = (int16_t)load_be16(bytes.data);
    int16_t version = is_key ? KEY_VERSION : front;
    struct kp_string body = {(const char *)bytes_value(bytes, arena)->text.data + 2, bytes.size - 2}, again;
    const char *error;
    struct value *fields =
        version < 0 ? NULL : message_to_value(known->schema, version, body.data, (size_t)body.size, arena, &error);
    if (!fields || !message_from_value(known->schema, version, fields, 0, arena, &again, &error) ||
        !kp_string_equal(again, body))
        return bytes_value(bytes, arena);
    struct value *part = value_new(arena, VALUE_OBJECT);
    value_set(part, is_key ? "type" : "version", value_int(arena, front));
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

static const struct value *key_of(const struct coordinator_log *log, const struct value *key)
{
    const struct value *named = value_get(key, log->key_fields[0]);
    return named || !log->key_fields[1] ? named : value_get(key, log->key_fields[1]);
}

/* NULL: it is of another key. */
static struct value *record_to_value(const struct coordinator_log *log, const struct record *record,
                                     struct kp_string wanted, int64_t base_timestamp_ms, struct arena *arena)
{
    if (record->key.size < 2)
        return NULL;
    int16_t type = (int16_t)load_be16(record->key.data);
    struct value *key = message_part(log->key, type, true, record->key, arena);
    const struct value *named = key_of(log, key);
    if (!named || !kp_string_equal(named->text, wanted))
        return NULL;
    struct value *value = value_new(arena, VALUE_OBJECT);
    if (record->timestamp_ms != base_timestamp_ms)
        value_set(value, "timestamp", value_int(arena, record->timestamp_ms));
    if (record->header_count)
        value_set(value, "header_count", value_int(arena, record->header_count));
    value_set(value, "key", key);
    struct value *part = message_part(log->value, type, false, record->value, arena);
    tell_expiry(part);
    value_set(value, "value", part);
    return value;
}

static bool has_producer(const struct value *batches, int64_t producer_id)
{
    const struct value *batch = batches->first;
    while (batch && value_get(batch, "producer_id")->number != producer_id)
        batch = batch->next;
    return batch != NULL;
}

/* NULL: of a producer that has not written about the key. */
static struct value *control_to_value(const struct value *batches, const struct record_batch *batch,
                                      const struct record *record, struct arena *arena)
{
    if (!has_producer(batches, batch->producer_id))
        return NULL;
    struct value *value = marker_to_value(record, arena);
    if (value)
        return value;
    value = value_new(arena, VALUE_OBJECT);
    value_set(value, "key", bytes_value(record->key, arena));
    value_set(value, "value", bytes_value(record->value, arena));
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

void coordinator_log_append(const struct coordinator_log *log, struct value *batches, struct kp_string segment,
                            struct kp_string key, struct arena *arena)
{
    struct record_batch batch;
    while (segment.size && record_batch_view(&batch, segment.data, (size_t)segment.size) == BATCH_OK) {
        struct value *records = value_new(arena, VALUE_LIST);
        struct record_iterator iterator;
        struct record record;
        record_iterator_init(&iterator, &batch, INT32_MAX, NULL);
        while (record_iterator_next(&iterator, &record)) {
            struct value *one = (batch.attributes & BATCH_CONTROL) != 0
                                    ? control_to_value(batches, &batch, &record, arena)
                                    : record_to_value(log, &record, key, batch.base_timestamp_ms, arena);
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
    const struct coordinator_log *log;
    struct value *batches;
    struct kp_string key;
    struct arena *arena;
};

static void read_segment(void *context, const char *name, struct kp_string bytes)
{
    struct reading *reading = context;
    const char *dot = strrchr(name, '.');
    if (dot && strcmp(dot, ".log") == 0)
        coordinator_log_append(reading->log, reading->batches, bytes, reading->key, reading->arena);
}

bool coordinator_log_to_value(const struct coordinator_log *log, struct file_io *files, const char *data_folder,
                              struct kp_string key, struct arena *arena, struct value **value, const char **error)
{
    struct reading reading = {log, value_new(arena, VALUE_LIST), key, arena};
    if (!folder_read(files, data_folder, log->topic, 0, arena, read_segment, &reading, error))
        return false;
    *value = value_new(arena, VALUE_OBJECT);
    value_set(*value, "batches", reading.batches);
    return true;
}
