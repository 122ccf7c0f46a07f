/* What is newer than what we know, by the numbers that files carry:
 *
 *     *-offset-checkpoint       first line        0
 *     .kafka_cleanshutdown      "version"         0
 *     quorum-state              "data_version"    0 (voters in the settings), 1
 *     metadata log              each record's type and version; the levels of features
 *
 * meta.properties has been read before (data_folder.c). Of the metadata log the newest checkpoint and what is behind it
 * count. This reads what the start reads anyway a little later. It ends quietly where the log is damaged: then
 * recovery, which may change files, has the word. */
#include "folder_format.h"

#include "logger.h"
#include "metadata_snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define METADATA_FOLDER      "__cluster_metadata-0"
#define SMALL_FILE_BYTES_MAX ((size_t)64 << 20) /* a checkpoint has a line for each partition */
#define LOG_NAME_SIZE        (20 + sizeof ".log")
#define READ_BYTES           ((size_t)1 << 20)
#define BATCH_BYTES_MAX      ((size_t)64 << 20) /* far above what a metadata log may hold */

/* The highest levels that Apache Kafka 4.4 knows. */
static const struct {
    const char *name;
    int16_t highest;
} features[] = {
    {"metadata.version",                 METADATA_VERSION_LATEST},
    {"kraft.version",                    1                      },
    {"transaction.version",              2                      },
    {"group.version",                    1                      },
    {"share.version",                    2                      },
    {"streams.version",                  1                      },
    {"eligible.leader.replicas.version", 1                      },
};

struct format_check {
    struct file_io *files;
    char folder[STORAGE_PATH_MAX]; /* of the metadata log */
    struct snapshot_id snapshot;   /* the newest checkpoint */
    int64_t *segments;             /* base offsets, ascending */
    int32_t segments_count;
    bool known; /* so far */
};

static bool newer(struct format_check *check, const char *what, const char *where, int64_t number)
{
    LOG_ERROR("The data folder was written by a newer release: this one does not know it and leaves it as it is",
              "%s=%" PRId64 " in=%s", what, number, where);
    check->known = false;
    return false;
}

/* ---- small files ---------------------------------------------------------------------------------------------------- */

/* The number behind `key` (empty: at the beginning) in a small file, -1 when there is none. */
static int64_t file_number(struct file_io *files, const char *path, const char *key)
{
    char *text, *end;
    size_t size;
    if (file_load(files, path, SMALL_FILE_BYTES_MAX, &text, &size) < 0)
        return -1;
    const char *at = strstr(text, key);
    int64_t number = -1;
    if (at != NULL) {
        at += strlen(key);
        at += strspn(at, " :");
        number = strtoll(at, &end, 10);
        if (end == at)
            number = -1;
    }
    free(text);
    return number;
}

static bool check_small_files(struct format_check *check, const char *folder)
{
    static const struct {
        const char *name, *key;
        int64_t highest;
    } rows[] = {
        {"recovery-point-offset-checkpoint", "",                 0},
        {"replication-offset-checkpoint",    "",                 0},
        {"log-start-offset-checkpoint",      "",                 0},
        {"cleaner-offset-checkpoint",        "",                 0},
        {".kafka_cleanshutdown",             "\"version\"",      0},
        {METADATA_FOLDER "/quorum-state",    "\"data_version\"", 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char path[STORAGE_PATH_MAX];
        if (snprintf(path, sizeof path, "%s/%s", folder, rows[i].name) >= STORAGE_PATH_MAX)
            continue; /* then nothing else can be opened there either */
        int64_t number = file_number(check->files, path, rows[i].key);
        if (number > rows[i].highest)
            return newer(check, "version", path, number);
    }
    return true;
}

/* ---- records of the metadata ---------------------------------------------------------------------------------------- */

static bool check_level(struct format_check *check, const struct metadata_record *record)
{
    struct kp_feature_level_record level;
    struct arena arena;
    bool known = true;
    arena_init(&arena, sizeof level * 16);
    if (metadata_record_decode(record, &level, &arena)) {
        size_t i = 0;
        while (i < COUNT_OF(features) && !kp_string_is(level.name, features[i].name))
            i++;
        int16_t highest = i < COUNT_OF(features) ? features[i].highest : 0;
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)level.name.size, level.name.data);
        known = level.feature_level <= highest || newer(check, name, check->folder, level.feature_level);
    }
    arena_release(&arena);
    return known;
}

static bool check_record(void *context, int64_t offset, const struct metadata_record *record)
{
    struct format_check *check = context;
    (void)offset;
    if (record->schema == NULL)
        return newer(check, "record_type", check->folder, record->type);
    if (record->version > record->schema->versions.last)
        return newer(check, "record_version", check->folder, record->version);
    return record->type != KP_TYPE_FEATURE_LEVEL_RECORD || check_level(check, record);
}

/* The batches of one segment. */
static bool check_segment(struct format_check *check, struct file *file)
{
    size_t capacity = READ_BYTES, size = 0;
    uint8_t *bytes = xmalloc(capacity);
    int64_t position = 0;
    ssize_t got;
    bool sound = true;
    while (sound && check->known &&
           (got = check->files->pread(check->files, file, bytes + size, capacity - size, position)) > 0) {
        position += got;
        size += (size_t)got;
        size_t at = 0;
        struct record_batch batch;
        enum batch_error error;
        while ((error = record_batch_view(&batch, bytes + at, size - at)) == BATCH_OK) {
            at += (size_t)batch.size_bytes;
            sound = record_batch_crc_ok(&batch);
            bool counts = sound && !(batch.attributes & BATCH_CONTROL) &&
                          record_batch_last_offset(&batch) >= check->snapshot.offset;
            if (!sound || (counts && !metadata_batch_each(&batch, check_record, check)))
                break;
        }
        sound = sound && error == BATCH_SHORT && batch.size_bytes >= 0 && (size_t)batch.size_bytes <= BATCH_BYTES_MAX;
        size -= at;
        memmove(bytes, bytes + at, size);
        if (sound && (size_t)batch.size_bytes > capacity) {
            capacity = (size_t)batch.size_bytes;
            bytes = xrealloc(bytes, capacity);
        }
    }
    free(bytes);
    return check->known;
}

static void note_file(void *context, const char *name, bool is_directory)
{
    struct format_check *check = context;
    struct snapshot_id id;
    if (is_directory)
        return;
    if (snapshot_name_parse(name, &id) && id.offset >= check->snapshot.offset)
        check->snapshot = id;
    if (strlen(name) != LOG_NAME_SIZE - 1 || strcmp(name + 20, ".log") != 0)
        return;
    int64_t base = strtoll(name, NULL, 10);
    check->segments = xrealloc(check->segments, (size_t)(check->segments_count + 1) * sizeof *check->segments);
    int32_t at = check->segments_count++;
    for (; at > 0 && check->segments[at - 1] > base; at--)
        check->segments[at] = check->segments[at - 1];
    check->segments[at] = base;
}

static bool check_metadata(struct format_check *check)
{
    struct file_io *files = check->files;
    const char *sentence;
    if (files->list(files, check->folder, note_file, check) < 0)
        return true; /* a new folder has none */
    if (!snapshot_read(files, check->folder, check->snapshot, check_record, check, &sentence) && !check->known)
        return false;
    for (int32_t i = 0; i < check->segments_count && check->known; i++) {
        char path[STORAGE_PATH_MAX];
        struct file *file;
        bool below = i + 1 < check->segments_count && check->segments[i + 1] <= check->snapshot.offset;
        int length = snprintf(path, sizeof path, "%s/%020" PRId64 ".log", check->folder, check->segments[i]);
        if (below || length >= STORAGE_PATH_MAX || files->open(files, path, FILE_READ, &file) < 0)
            continue;
        (void)check_segment(check, file);
        files->close(files, file);
    }
    return check->known;
}

bool folder_format_known(const struct data_folders *folders)
{
    struct format_check check = {.files = folders->env->files, .known = true};
    for (int32_t i = 0; i < folders->count && check.known; i++)
        if (!folders->items[i].offline)
            (void)check_small_files(&check, folders->items[i].path);
    const char *metadata = folders->items[folders->metadata].path;
    int length = snprintf(check.folder, sizeof check.folder, "%s/" METADATA_FOLDER, metadata);
    if (check.known && length < STORAGE_PATH_MAX)
        (void)check_metadata(&check);
    free(check.segments);
    return check.known;
}
