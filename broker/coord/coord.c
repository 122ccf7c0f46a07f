/* See coord.h. */
#include "coord.h"

#include "../limits.h"

#include <string.h>

#define NUMBER_BYTES 2 /* the type before a key, the version before a value */

/* ---- writing -------------------------------------------------------------------------------------------------------- */

void coord_batch_init(struct coord_batch *batch, int64_t timestamp_ms)
{
    *batch = (struct coord_batch){.timestamp_ms = timestamp_ms,
                                  .bytes_max = COORDINATOR_BATCH_BYTES_MAX,
                                  .producer_id = -1,
                                  .producer_epoch = -1};
    batch_builder_init(&batch->builder, timestamp_ms);
}

void coord_batch_begin(struct coord_batch *batch, const struct coord_host *host)
{
    coord_batch_init(batch, coord_now(host).wall_ms);
    batch->bytes_max = host->batch_bytes_max(host);
}

void coord_batch_release(struct coord_batch *batch)
{
    batch_builder_release(&batch->builder);
    free(batch->bytes);
    *batch = (struct coord_batch){0};
}

static struct kp_bytes encode(uint8_t *to, int16_t number, const struct kp_schema *schema, int16_t version,
                              const void *message, size_t size)
{
    struct kp_writer writer;
    kp_writer_init(&writer, to, NUMBER_BYTES + size);
    kp_write_int16(&writer, number);
    kp_encode(schema, message, &writer, version);
    return (struct kp_bytes){to, (int32_t)(NUMBER_BYTES + size)};
}

void coord_batch_add(struct coord_batch *batch, enum kp_record_kind kind, const struct kp_schema *key_schema,
                     const void *key, const struct kp_schema *value_schema, int16_t value_version, const void *value)
{
    size_t key_bytes = kp_encoded_size(key_schema, key, 0);
    size_t value_bytes = value ? kp_encoded_size(value_schema, value, value_version) : 0;
    ASSERT(key_bytes != KP_UNENCODABLE);
    ASSERT(value_bytes != KP_UNENCODABLE);
    size_t needed = 2 * NUMBER_BYTES + key_bytes + value_bytes;
    if (batch->too_large || batch->builder.size_bytes + needed > batch->bytes_max) {
        batch->too_large = true;
        return;
    }
    if (needed > batch->capacity_bytes) {
        batch->capacity_bytes = 2 * needed;
        batch->bytes = xrealloc(batch->bytes, batch->capacity_bytes);
    }
    struct kp_bytes framed_key =
        encode(batch->bytes, kp_record_type_number(kind, key_schema), key_schema, 0, key, key_bytes);
    struct kp_bytes framed_value = {NULL, -1}, none = {NULL, 0};
    if (value)
        framed_value =
            encode(batch->bytes + framed_key.size, value_version, value_schema, value_version, value, value_bytes);
    batch_builder_add(&batch->builder, batch->timestamp_ms, framed_key, framed_value, none, 0);
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static bool take_number(struct kp_bytes *bytes, int16_t *number)
{
    if (bytes->size < NUMBER_BYTES)
        return false;
    *number = (int16_t)load_be16(bytes->data);
    bytes->data += NUMBER_BYTES;
    bytes->size -= NUMBER_BYTES;
    return true;
}

bool coord_record_parse(struct coord_record *record, struct kp_bytes key, struct kp_bytes value)
{
    *record = (struct coord_record){.key = key, .value = value, .removed = value.size < 0, .producer_id = -1};
    return take_number(&record->key, &record->type) &&
           (record->removed || take_number(&record->value, &record->version));
}

static bool decode(struct kp_bytes bytes, const struct kp_schema *schema, int16_t version, void *message,
                   struct arena *arena)
{
    struct kp_reader reader;
    kp_reader_init(&reader, bytes.data, (size_t)bytes.size);
    return kp_versions_has(schema->versions, version) && kp_decode(schema, message, &reader, version, arena);
}

bool coord_record_key(const struct coord_record *record, const struct kp_schema *schema, void *key, struct arena *arena)
{
    return decode(record->key, schema, 0, key, arena);
}

bool coord_record_value(const struct coord_record *record, const struct kp_schema *schema, void *value,
                        struct arena *arena)
{
    return decode(record->value, schema, record->version, value, arena);
}

/* ---- small things --------------------------------------------------------------------------------------------------- */

void coord_timer_start(const struct coord_host *host, struct timer *timer, int64_t delay_ms)
{
    int64_t deadline_ms = coord_now(host).mono_ms + (delay_ms > 0 ? delay_ms : 0);
    timer_start(host->timers, timer, deadline_ms);
    host->env->wake_at(host->env, deadline_ms);
}

struct kp_string coord_string_copy(struct kp_string text)
{
    if (text.size < 0)
        return KP_NULL_STRING;
    char *copy = xmalloc((size_t)text.size + 1);
    if (text.size > 0)
        memcpy(copy, text.data, (size_t)text.size);
    copy[text.size] = '\0';
    return (struct kp_string){copy, text.size};
}

void coord_string_free(struct kp_string text)
{
    free((void *)text.data);
}

/* The error that a request gets for a failed append: clients know the errors of coordinators. */
static enum kafka_error append_error(enum kafka_error error)
{
    switch (error) {
    case KAFKA_NONE:
        return KAFKA_NONE;
    case KAFKA_KAFKA_STORAGE_ERROR:
    case KAFKA_NOT_LEADER_OR_FOLLOWER:
        return KAFKA_NOT_COORDINATOR;
    case KAFKA_MESSAGE_TOO_LARGE:
    case KAFKA_RECORD_LIST_TOO_LARGE:
        return KAFKA_UNKNOWN_SERVER_ERROR;
    default:
        return error;
    }
}

enum kafka_error coord_append(struct coord_host *host, int32_t shard, struct coord_batch *batch)
{
    if (batch->too_large)
        return append_error(KAFKA_RECORD_LIST_TOO_LARGE);
    return coord_batch_count(batch) == 0 ? KAFKA_NONE : append_error(host->append(host, shard, batch));
}

/* Java hashes UTF-16 units; above the basic plane a character is two of them. Bytes that are no UTF-8 count each as the
 * replacement character, which is what Java makes of them. */
int32_t coord_java_hash(struct kp_string text)
{
    uint32_t hash = 0;
    const unsigned char *at = (const unsigned char *)text.data, *end = at + (text.size > 0 ? text.size : 0);
    while (at < end) {
        uint32_t code = *at;
        int more = code < 0x80 ? 0 : code >= 0xf0 ? 3 : code >= 0xe0 ? 2 : code >= 0xc0 ? 1 : -1;
        if (more < 0 || end - at <= more) {
            hash = 31 * hash + 0xfffd;
            at++;
            continue;
        }
        code &= more == 0 ? 0x7f : 0x3fu >> more;
        for (int i = 1; i <= more; i++)
            code = code << 6 | (at[i] & 0x3f);
        at += more + 1;
        if (code >= 0x10000) {
            code -= 0x10000;
            hash = 31 * hash + (0xd800 | (code >> 10));
            code = 0xdc00 | (code & 0x3ff);
        }
        hash = 31 * hash + code;
    }
    return (int32_t)hash;
}

int32_t coord_shard_of(struct kp_string key, int32_t count)
{
    int32_t hash = coord_java_hash(key);
    return hash == INT32_MIN ? 0
                             : (hash < 0 ? -hash : hash) % count; /* the one without an absolute value counts as 0 */
}
