/* Files of a partition as values, a function for each kind. The formats are told in docs/storage-format.md; this reader
 * is independent of storage/, so that it does not repeat a mistake of the code under test. */
#include "folder_value.h"

#include "../../protocol/bytes.h"
#include "../../protocol/crc32c.h"
#include "../../protocol/record_batch.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)256 << 20)
#define CUT_SHORT_MAX  10

/* Of a .snapshot; see storage/producer_state.c. */
#define SNAPSHOT_HEAD_BYTES  10
#define SNAPSHOT_CRC_START   6
#define SNAPSHOT_ENTRY_BYTES 46

#define INDEX_ENTRY_BYTES      8
#define TIME_INDEX_ENTRY_BYTES 12
#define TXN_INDEX_ENTRY_BYTES  34

/* Kafka's small files beside the folders of partitions. */
static const char *const checkpoint_names[] = {
    "cleaner-offset-checkpoint",
    "log-start-offset-checkpoint",
    "recovery-point-offset-checkpoint",
    "replication-offset-checkpoint",
};

static const uint8_t *bytes_of(struct kp_string bytes)
{
    return (const uint8_t *)bytes.data;
}

static struct value *pair(struct arena *arena, int64_t first, int64_t second)
{
    struct value *list = value_new(arena, VALUE_LIST);
    value_append(list, value_int(arena, first));
    value_append(list, value_int(arena, second));
    return list;
}

static struct value *crc_to_value(struct arena *arena, uint32_t crc)
{
    return value_text(arena, value_printf(arena, "%08x", crc));
}

static void set_int(struct value *object, const char *key, int64_t number, struct arena *arena)
{
    value_set(object, key, value_int(arena, number));
}

/* ---- one kind each ---------------------------------------------------------------------------------------------- */

struct value *marker_to_value(const struct record *record, struct arena *arena)
{
    static const char *const types[] = {"abort", "commit"};
    enum { KEY_SIZE = 4, VALUE_SIZE = 6 }; /* both have a version in front */
    bool sound = record->key.size == KEY_SIZE && record->value.size == VALUE_SIZE && !record->header_count &&
                 load_be16(record->key.data) == 0 && load_be16(record->value.data) == 0 &&
                 load_be16(record->key.data + 2) < COUNT_OF(types);
    if (!sound)
        return NULL;
    struct value *value = value_new(arena, VALUE_OBJECT);
    value_set(value, "marker", value_text(arena, types[load_be16(record->key.data + 2)]));
    set_int(value, "coordinator_epoch", (int32_t)load_be32(record->value.data + 2), arena);
    return value;
}

/* NULL: what the batch holds is not one marker. */
static struct value *first_marker(const struct record_batch *batch, struct arena *arena)
{
    struct record_iterator iterator;
    struct record record;
    record_iterator_init(&iterator, batch, INT32_MAX, NULL);
    bool one = batch->record_count == 1 && record_iterator_next(&iterator, &record);
    struct value *marker = one ? marker_to_value(&record, arena) : NULL;
    record_iterator_release(&iterator);
    return marker;
}

static struct value *batch_to_value(const struct record_batch *batch, struct arena *arena)
{
    struct value *value = value_new(arena, VALUE_OBJECT);
    set_int(value, "base_offset", batch->base_offset, arena);
    set_int(value, "size", batch->size_bytes, arena);
    set_int(value, "leader_epoch", batch->leader_epoch, arena);
    bool sound = record_batch_crc_ok(batch);
    bool varies = (batch->attributes & (BATCH_LOG_APPEND_TIME | BATCH_TRANSACTIONAL)) != 0;
    if (!sound || varies)
        value_set(value, "crc", value_text(arena, sound ? "right" : "wrong"));
    else
        value_set(value, "crc", crc_to_value(arena, batch->crc));
    set_int(value, "attributes", batch->attributes, arena);
    set_int(value, "last_offset_delta", batch->last_offset_delta, arena);
    set_int(value, "max_timestamp", batch->max_timestamp_ms, arena);
    if (!varies)
        return value;
    set_int(value, "base_timestamp", batch->base_timestamp_ms, arena);
    set_int(value, "producer_id", batch->producer_id, arena);
    set_int(value, "producer_epoch", batch->producer_epoch, arena);
    set_int(value, "base_sequence", batch->base_sequence, arena);
    set_int(value, "record_count", batch->record_count, arena);
    struct value *marker = (batch->attributes & BATCH_CONTROL) != 0 ? first_marker(batch, arena) : NULL;
    size_t records_size = (size_t)batch->size_bytes - BATCH_HEADER_BYTES;
    if (marker)
        value_set(value, "record", marker);
    else
        value_set(value, "records_crc",
                  crc_to_value(arena, crc32c(0, batch->bytes + BATCH_HEADER_BYTES, records_size)));
    return value;
}

/* What is behind all that could be read. */
static void set_rest(struct value *file, struct kp_string rest, struct arena *arena)
{
    int32_t zeros = 0;
    while (zeros < rest.size && rest.data[zeros] == 0)
        zeros++;
    if (rest.size && zeros == rest.size)
        set_int(file, "zeros", zeros, arena);
    else if (rest.size)
        value_set(file, "rest",
                  value_text(arena, value_printf(arena, "%d bytes with checksum %08x", rest.size,
                                                 crc32c(0, rest.data, (size_t)rest.size))));
}

static void log_to_value(struct value *file, struct kp_string bytes, struct arena *arena)
{
    struct value *batches = value_new(arena, VALUE_LIST);
    while (bytes.size) {
        struct record_batch batch;
        if (record_batch_view(&batch, bytes.data, (size_t)bytes.size) != BATCH_OK)
            break;
        value_append(batches, batch_to_value(&batch, arena));
        bytes.data += batch.size_bytes;
        bytes.size -= batch.size_bytes;
    }
    value_set(file, "batches", batches);
    set_rest(file, bytes, arena);
}

/* No entry of an index is all zeros but in the part that is allocated before it is used. */
static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

static struct value *offset_entry(const uint8_t *at, struct arena *arena)
{
    return pair(arena, (int32_t)load_be32(at), (int32_t)load_be32(at + 4));
}

static struct value *time_entry(const uint8_t *at, struct arena *arena)
{
    struct value *entry = value_new(arena, VALUE_OBJECT);
    set_int(entry, "timestamp", (int64_t)load_be64(at), arena);
    set_int(entry, "offset", (int32_t)load_be32(at + 8), arena);
    return entry;
}

static struct value *aborted_entry(const uint8_t *at, struct arena *arena)
{
    struct value *entry = value_new(arena, VALUE_OBJECT);
    set_int(entry, "version", load_be16(at), arena);
    set_int(entry, "producer_id", (int64_t)load_be64(at + 2), arena);
    set_int(entry, "first_offset", (int64_t)load_be64(at + 10), arena);
    set_int(entry, "last_offset", (int64_t)load_be64(at + 18), arena);
    set_int(entry, "last_stable_offset", (int64_t)load_be64(at + 26), arena);
    return entry;
}

static void index_to_value(struct value *file, struct kp_string bytes, int32_t entry_bytes,
                           struct value *(*entry)(const uint8_t *at, struct arena *arena), struct arena *arena)
{
    struct value *entries = value_new(arena, VALUE_LIST);
    for (; bytes.size >= entry_bytes && !is_zero(bytes_of(bytes), (size_t)entry_bytes);
         bytes.data += entry_bytes, bytes.size -= entry_bytes)
        value_append(entries, entry(bytes_of(bytes), arena));
    value_set(file, "entries", entries);
    set_rest(file, bytes, arena);
}

static void snapshot_to_value(struct value *file, struct kp_string bytes, struct arena *arena)
{
    const uint8_t *at = bytes_of(bytes);
    size_t size = (size_t)bytes.size;
    if (size < SNAPSHOT_HEAD_BYTES || (size - SNAPSHOT_HEAD_BYTES) / SNAPSHOT_ENTRY_BYTES != load_be32(at + 6) ||
        load_be32(at + 2) != crc32c(0, at + SNAPSHOT_CRC_START, size - SNAPSHOT_CRC_START)) {
        set_rest(file, bytes, arena);
        return;
    }
    set_int(file, "version", load_be16(at), arena);
    struct value *producers = value_new(arena, VALUE_LIST);
    at += SNAPSHOT_HEAD_BYTES;
    for (size -= SNAPSHOT_HEAD_BYTES; size >= SNAPSHOT_ENTRY_BYTES;
         size -= SNAPSHOT_ENTRY_BYTES, at += SNAPSHOT_ENTRY_BYTES) {
        struct value *producer = value_new(arena, VALUE_OBJECT);
        set_int(producer, "producer_id", (int64_t)load_be64(at), arena);
        set_int(producer, "producer_epoch", (int16_t)load_be16(at + 8), arena);
        set_int(producer, "last_sequence", (int32_t)load_be32(at + 10), arena);
        set_int(producer, "last_offset", (int64_t)load_be64(at + 14), arena);
        set_int(producer, "offset_delta", (int32_t)load_be32(at + 22), arena);
        set_int(producer, "timestamp", (int64_t)load_be64(at + 26), arena);
        set_int(producer, "coordinator_epoch", (int32_t)load_be32(at + 34), arena);
        set_int(producer, "open_since", (int64_t)load_be64(at + 38), arena);
        value_append(producers, producer);
    }
    value_set(file, "producers", producers);
    set_rest(file, (struct kp_string){(const char *)at, (int32_t)size}, arena);
}

/* ---- small files of text ---------------------------------------------------------------------------------------- */

/* Take a line without its end; false when there is none. */
static bool take_line(const char **at, char line[300])
{
    const char *end = strchr(*at, '\n');
    if (!end || end - *at >= 300)
        return false;
    memcpy(line, *at, (size_t)(end - *at));
    line[end - *at] = '\0';
    *at = end + 1;
    return true;
}

/* Version 0 and the number of lines behind it. */
static bool take_checkpoint_head(const char **at, int32_t *count)
{
    char version[300], lines[300];
    char behind;
    return take_line(at, version) && strcmp(version, "0") == 0 && take_line(at, lines) &&
           sscanf(lines, "%" SCNd32 "%c", count, &behind) == 1;
}

static void epochs_to_value(struct value *file, const char *text, struct arena *arena)
{
    struct value *entries = value_new(arena, VALUE_LIST);
    const char *at = text;
    char line[300], behind;
    int32_t count, epoch, read = 0;
    int64_t offset;
    bool sound = take_checkpoint_head(&at, &count);
    for (; sound && take_line(&at, line); read++) {
        sound = sscanf(line, "%" SCNd32 " %" SCNd64 "%c", &epoch, &offset, &behind) == 2;
        value_append(entries, pair(arena, epoch, offset));
    }
    if (sound && read == count && *at == '\0')
        value_set(file, "entries", entries);
    else
        value_set(file, "text", value_text(arena, text));
}

static const char *text_of(struct kp_string bytes, struct arena *arena)
{
    return value_printf(arena, "%.*s", bytes.size, bytes.data);
}

static void metadata_to_value(struct value *file, const char *text, struct arena *arena)
{
    static const char head[] = "version: 0\ntopic_id: ";
    size_t size = sizeof head - 1;
    if (strncmp(text, head, size) != 0 || strlen(text) != size + KP_UUID_TEXT_SIZE - 1) {
        value_set(file, "text", value_text(arena, text));
        return;
    }
    struct value *id = value_text(arena, text + size);
    id->type = VALUE_UUID;
    set_int(file, "version", 0, arena);
    value_set(file, "topic_id", id);
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t size = strlen(name), suffix_size = strlen(suffix);
    return size > suffix_size && strcmp(name + size - suffix_size, suffix) == 0;
}

struct value *file_to_value(const char *name, struct kp_string bytes, struct arena *arena)
{
    struct value *file = value_new(arena, VALUE_OBJECT);
    value_set(file, "name", value_text(arena, name));
    if (ends_with(name, ".log"))
        log_to_value(file, bytes, arena);
    else if (ends_with(name, ".index"))
        index_to_value(file, bytes, INDEX_ENTRY_BYTES, offset_entry, arena);
    else if (ends_with(name, ".timeindex"))
        index_to_value(file, bytes, TIME_INDEX_ENTRY_BYTES, time_entry, arena);
    else if (ends_with(name, ".txnindex"))
        index_to_value(file, bytes, TXN_INDEX_ENTRY_BYTES, aborted_entry, arena);
    else if (ends_with(name, ".snapshot"))
        snapshot_to_value(file, bytes, arena);
    else if (strcmp(name, "leader-epoch-checkpoint") == 0)
        epochs_to_value(file, text_of(bytes, arena), arena);
    else if (strcmp(name, "partition.metadata") == 0)
        metadata_to_value(file, text_of(bytes, arena), arena);
    else
        set_rest(file, bytes, arena);
    return file;
}

/* ---- the folder ------------------------------------------------------------------------------------------------- */

struct listing {
    struct arena *arena;
    struct value *names;
};

static void list_file(void *context, const char *name, bool is_directory)
{
    struct listing *listing = context;
    if (is_directory)
        return;
    struct value *item = value_text(listing->arena, value_printf(listing->arena, "%s", name));
    struct value **at = &listing->names->first;
    while (*at && strcmp((*at)->text.data, item->text.data) < 0)
        at = &(*at)->next;
    item->next = *at;
    *at = item;
}

/* The caller frees bytes->data, behind which a zero byte stands. False: *error says why; NULL, the file is not there.
 */
static bool load(struct file_io *files, const char *path, struct arena *arena, struct kp_string *bytes,
                 const char **error)
{
    char *loaded;
    size_t size;
    int status = -EIO;
    for (int i = 0; status == -EIO && i < CUT_SHORT_MAX; i++) /* a running broker may cut a file while it is read */
        status = file_load(files, path, FILE_BYTES_MAX, &loaded, &size);
    *error = NULL;
    if (status == -ENOENT)
        return false;
    if (status < 0) {
        *error = value_printf(arena, "%s: %s", path, strerror(-status));
        return false;
    }
    *bytes = (struct kp_string){loaded, (int32_t)size};
    return true;
}

/* The offset in a checkpoint's line of that partition; NULL when it has none. Kafka makes the files empty at first. */
static struct value *checkpointed(const char *text, const char *topic, int32_t partition, struct arena *arena)
{
    const char *wanted = value_printf(arena, "%s %" PRId32 " ", topic, partition);
    char line[300];
    int32_t count;
    if (*text == '\0')
        return NULL;
    if (!take_checkpoint_head(&text, &count))
        return value_text(arena, "no checkpoint");
    while (take_line(&text, line))
        if (strncmp(line, wanted, strlen(wanted)) == 0)
            return value_int(arena, strtoll(line + strlen(wanted), NULL, 10));
    return NULL;
}

static struct value *checkpoints_to_value(struct file_io *files, const char *data_folder, const char *topic,
                                          int32_t partition, struct arena *arena)
{
    struct value *checkpoints = value_new(arena, VALUE_LIST);
    for (size_t i = 0; i < COUNT_OF(checkpoint_names); i++) {
        struct kp_string text;
        const char *missing;
        if (!load(files, value_printf(arena, "%s/%s", data_folder, checkpoint_names[i]), arena, &text, &missing))
            continue;
        struct value *offset = checkpointed(text.data, topic, partition, arena);
        free((void *)text.data);
        if (!offset)
            continue;
        struct value *checkpoint = value_new(arena, VALUE_OBJECT);
        value_set(checkpoint, "name", value_text(arena, checkpoint_names[i]));
        value_set(checkpoint, "offset", offset);
        value_append(checkpoints, checkpoint);
    }
    return checkpoints;
}

bool folder_read(struct file_io *files, const char *data_folder, const char *topic, int32_t partition,
                 struct arena *arena, folder_file_cb *callback, void *context, const char **error)
{
    const char *folder = value_printf(arena, "%s/%s-%" PRId32, data_folder, topic, partition);
    struct listing listing = {arena, value_new(arena, VALUE_LIST)};
    int status = files->list(files, folder, list_file, &listing);
    if (status < 0 && status != -ENOENT) {
        *error = value_printf(arena, "%s: %s", folder, strerror(-status));
        return false;
    }
    for (const struct value *name = listing.names->first; name; name = name->next) {
        struct kp_string bytes;
        if (load(files, value_printf(arena, "%s/%s", folder, name->text.data), arena, &bytes, error)) {
            callback(context, name->text.data, bytes);
            free((void *)bytes.data);
        } else if (*error) { /* else a running broker removed it meanwhile */
            return false;
        }
    }
    return true;
}

struct folder_values {
    struct arena *arena;
    struct value *files;
};

static void append_file(void *context, const char *name, struct kp_string bytes)
{
    struct folder_values *values = context;
    value_append(values->files, file_to_value(name, bytes, values->arena));
}

bool folder_to_value(struct file_io *files, const char *data_folder, const char *topic, int32_t partition,
                     struct arena *arena, struct value **value, const char **error)
{
    struct folder_values values = {arena, value_new(arena, VALUE_LIST)};
    if (!folder_read(files, data_folder, topic, partition, arena, append_file, &values, error))
        return false;
    *value = value_new(arena, VALUE_OBJECT);
    value_set(*value, "files", values.files);
    value_set(*value, "checkpoints", checkpoints_to_value(files, data_folder, topic, partition, arena));
    return true;
}
