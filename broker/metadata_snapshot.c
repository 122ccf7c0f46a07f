/* Checkpoints, written from memory in one go and read in one go: they are as large as the state that they hold. See
 * metadata_snapshot.h for the format. */
#include "metadata_snapshot.h"

#include <inttypes.h>
#include <string.h>

#define OFFSET_DIGITS 20
#define EPOCH_DIGITS  10

/* Larger than any state that fits into memory as records. */
#define SNAPSHOT_BYTES_MAX ((size_t)1 << 30)

/* Where a batch of a checkpoint is closed. */
#define SNAPSHOT_BATCH_BYTES (256 * 1024)

/* The first batch has the header and the voters. */
#define HEADER_BATCHES_BYTES 4096

/* The endpoint in the voters' record, until Kafka puts its own there. */
#define VOTER_LISTENER "CONTROLLER"
#define VOTER_HOST     "127.0.0.1"
#define VOTER_PORT     9093

void snapshot_name(struct snapshot_id id, char name[SNAPSHOT_NAME_SIZE])
{
    snprintf(name, SNAPSHOT_NAME_SIZE, "%020" PRId64 "-%010" PRId32 ".checkpoint", id.offset, id.epoch);
}

static bool digits(const char *text, int count, int64_t max, int64_t *number)
{
    *number = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9' || *number > (max - (text[i] - '0')) / 10)
            return false;
        *number = *number * 10 + (text[i] - '0');
    }
    return true;
}

bool snapshot_name_parse(const char *name, struct snapshot_id *id)
{
    int64_t epoch;
    if (strlen(name) != SNAPSHOT_NAME_SIZE - 1 || name[OFFSET_DIGITS] != '-' ||
        strcmp(name + OFFSET_DIGITS + 1 + EPOCH_DIGITS, ".checkpoint") != 0)
        return false;
    if (!digits(name, OFFSET_DIGITS, INT64_MAX, &id->offset) ||
        !digits(name + OFFSET_DIGITS + 1, EPOCH_DIGITS, INT32_MAX, &epoch))
        return false;
    id->epoch = (int32_t)epoch;
    return true;
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

/* Close the batch at hand, if there is anything in it, and begin the next one. */
static void end_batch(struct snapshot *snapshot, bool control)
{
    int32_t count = metadata_batch_count(&snapshot->batch);
    if (count == 0)
        return;
    metadata_batch_finish(&snapshot->batch, snapshot->next_offset, snapshot->epoch, control);
    const struct batch_builder *builder = &snapshot->batch.builder;
    if (snapshot->capacity_bytes - snapshot->size_bytes < builder->size_bytes) {
        snapshot->capacity_bytes = 2 * (snapshot->size_bytes + builder->size_bytes);
        snapshot->bytes = xrealloc(snapshot->bytes, snapshot->capacity_bytes);
    }
    memcpy(snapshot->bytes + snapshot->size_bytes, builder->bytes, builder->size_bytes);
    snapshot->size_bytes += builder->size_bytes;
    snapshot->next_offset += count;
    metadata_batch_release(&snapshot->batch);
    metadata_batch_init(&snapshot->batch, snapshot->now_ms);
}

void snapshot_init(struct snapshot *snapshot, struct snapshot_id id, const struct snapshot_voter *voter,
                   int64_t last_timestamp_ms, int64_t now_ms)
{
    *snapshot = (struct snapshot){.now_ms = now_ms, .epoch = id.epoch};
    metadata_batch_init(&snapshot->batch, now_ms);
    struct kp_snapshot_header_record header = {.last_contained_log_timestamp = last_timestamp_ms};
    metadata_batch_add_control(&snapshot->batch, &kp_snapshot_header_record_schema, &header);
    if (voter == NULL) {
        end_batch(snapshot, true);
        return;
    }
    struct kp_kraft_version_record version = {.kraft_version = 1};
    metadata_batch_add_control(&snapshot->batch, &kp_kraft_version_record_schema, &version);
    struct kp_voters_record_voters_endpoints endpoint = {
        .name = kp_string_of(VOTER_LISTENER), .host = kp_string_of(VOTER_HOST), .port = VOTER_PORT};
    struct kp_voters_record_voters self = {
        .voter_id = voter->node_id,
        .voter_directory_id = voter->directory_id,
        .endpoints = &endpoint,
        .endpoints_count = 1,
        .kraft_version_feature = {.min_supported_version = 0, .max_supported_version = 1},
    };
    struct kp_voters_record voters = {.voters = &self, .voters_count = 1};
    metadata_batch_add_control(&snapshot->batch, &kp_voters_record_schema, &voters);
    end_batch(snapshot, true);
}

void snapshot_add(struct snapshot *snapshot, struct kp_bytes value)
{
    metadata_batch_add_value(&snapshot->batch, value);
    if (snapshot->batch.builder.size_bytes >= SNAPSHOT_BATCH_BYTES)
        end_batch(snapshot, false);
}

int snapshot_write(struct snapshot *snapshot, struct file_io *files, const char *folder, struct snapshot_id id,
                   bool sync)
{
    end_batch(snapshot, false);
    struct kp_snapshot_footer_record footer = {0};
    metadata_batch_add_control(&snapshot->batch, &kp_snapshot_footer_record_schema, &footer);
    end_batch(snapshot, true);
    char name[SNAPSHOT_NAME_SIZE], path[STORAGE_PATH_MAX];
    snapshot_name(id, name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int status = file_replace(files, path, snapshot->bytes, snapshot->size_bytes, sync);
    snapshot_release(snapshot);
    return status;
}

void snapshot_release(struct snapshot *snapshot)
{
    metadata_batch_release(&snapshot->batch);
    free(snapshot->bytes);
    *snapshot = (struct snapshot){0};
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

/* The type of the first record of a control batch, -1 when there is none. */
static int control_type(const struct record_batch *batch)
{
    struct record_iterator iterator;
    struct record record;
    record_iterator_init(&iterator, batch, INT32_MAX, NULL);
    bool readable = record_iterator_next(&iterator, &record) && record.key.size == 4;
    int type = readable ? load_be16(record.key.data + 2) : -1;
    record_iterator_release(&iterator);
    return type;
}

bool snapshot_batch_has_voters(const struct record_batch *batch)
{
    struct record_iterator iterator;
    struct record record;
    bool found = false;
    record_iterator_init(&iterator, batch, INT32_MAX, NULL);
    while (!found && record_iterator_next(&iterator, &record))
        found = record.key.size == 4 && load_be16(record.key.data + 2) == KP_TYPE_VOTERS_RECORD;
    record_iterator_release(&iterator);
    return found;
}

/* Decode a snapshot header, the first record of a control batch. */
static bool header_decode(const struct record_batch *batch, struct kp_snapshot_header_record *header)
{
    struct record_iterator iterator;
    struct record record;
    struct kp_reader reader;
    struct arena arena;
    record_iterator_init(&iterator, batch, INT32_MAX, NULL);
    bool good = record_iterator_next(&iterator, &record) && record.key.size == 4 && record.value.size >= 2 &&
                load_be16(record.key.data + 2) == KP_TYPE_SNAPSHOT_HEADER_RECORD;
    if (good) {
        arena_init(&arena, sizeof *header);
        kp_reader_init(&reader, record.value.data, (size_t)record.value.size);
        good = kp_decode(&kp_snapshot_header_record_schema, header, &reader, 0, &arena);
        arena_release(&arena);
    }
    record_iterator_release(&iterator);
    return good;
}

/* The bytes that a checkpoint begins with. */
static ssize_t read_head(struct file_io *files, const char *folder, struct snapshot_id id,
                         uint8_t bytes[HEADER_BATCHES_BYTES])
{
    char name[SNAPSHOT_NAME_SIZE], path[STORAGE_PATH_MAX];
    struct file *file;
    snapshot_name(id, name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int error = files->open(files, path, FILE_READ, &file);
    if (error < 0)
        return error;
    ssize_t size = files->pread(files, file, bytes, HEADER_BATCHES_BYTES, 0);
    files->close(files, file);
    return size;
}

bool snapshot_has_voters(struct file_io *files, const char *folder, struct snapshot_id id)
{
    uint8_t bytes[HEADER_BATCHES_BYTES];
    ssize_t size = read_head(files, folder, id, bytes);
    struct record_batch batch;
    for (size_t at = 0; size > 0 && at < (size_t)size; at += (size_t)batch.size_bytes) {
        if (record_batch_view(&batch, bytes + at, (size_t)size - at) != BATCH_OK || !(batch.attributes & BATCH_CONTROL))
            return false;
        if (snapshot_batch_has_voters(&batch))
            return true;
    }
    return false;
}

bool snapshot_timestamp(struct file_io *files, const char *folder, struct snapshot_id id, int64_t *timestamp_ms)
{
    uint8_t bytes[HEADER_BATCHES_BYTES];
    ssize_t size = read_head(files, folder, id, bytes);
    struct record_batch batch;
    struct kp_snapshot_header_record header;
    if (size < 0 || record_batch_view(&batch, bytes, (size_t)size) != BATCH_OK || !header_decode(&batch, &header))
        return false;
    *timestamp_ms = header.last_contained_log_timestamp;
    return true;
}

static bool read_batches(const uint8_t *bytes, size_t size,
                         bool (*each)(void *context, int64_t offset, const struct metadata_record *record),
                         void *context, const char **sentence)
{
    struct record_batch batch;
    bool ended = false;
    *sentence = "a batch in it is damaged";
    for (size_t at = 0; at < size; at += (size_t)batch.size_bytes) {
        if (record_batch_view(&batch, bytes + at, size - at) != BATCH_OK || !record_batch_crc_ok(&batch))
            return false;
        bool control = (batch.attributes & BATCH_CONTROL) != 0;
        if (at == 0 && !(control && control_type(&batch) == KP_TYPE_SNAPSHOT_HEADER_RECORD)) {
            *sentence = "its header is missing";
            return false;
        }
        ended = control && control_type(&batch) == KP_TYPE_SNAPSHOT_FOOTER_RECORD;
        if (control)
            continue;
        *sentence = NULL;
        if (!metadata_batch_each(&batch, each, context))
            return false;
        *sentence = "a batch in it is damaged";
    }
    *sentence = ended ? NULL : "its footer is missing";
    return ended;
}

bool snapshot_read_file(struct file_io *files, const char *path,
                        bool (*each)(void *context, int64_t offset, const struct metadata_record *record),
                        void *context, const char **sentence)
{
    char *bytes;
    size_t size;
    if (file_load(files, path, SNAPSHOT_BYTES_MAX, &bytes, &size) < 0) {
        *sentence = "it cannot be read";
        return false;
    }
    bool read = read_batches((const uint8_t *)bytes, size, each, context, sentence);
    free(bytes);
    return read;
}

bool snapshot_read(struct file_io *files, const char *folder, struct snapshot_id id,
                   bool (*each)(void *context, int64_t offset, const struct metadata_record *record), void *context,
                   const char **sentence)
{
    char name[SNAPSHOT_NAME_SIZE], path[STORAGE_PATH_MAX];
    snapshot_name(id, name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return snapshot_read_file(files, path, each, context, sentence);
}
