/* What the folder of a log shows from outside, for decisions that are not worth loading it.
 *
 * A log that nobody uses stays unloaded, and ten thousand of them cost nothing but their names. Still somebody asks,
 * for each of them: is there something to delete (retention.c)? how much would a recovery read (log_recovery_bytes())?
 * One listing of the folder, the sizes of the .log files and the last entry of one time index answer both. While the
 * log stays unloaded its files do not change, so a survey is made once and kept; loading forgets it.
 *
 * A survey never decides that something goes. Where it is not sure it says that the log is to be loaded, and what
 * loading finds counts. */
#include "log_internal.h"

#include "../protocol/bytes.h"
#include "time_index.h"

#include <errno.h>

struct surveying {
    struct log_survey *survey;
    struct file_io *io;
    const char *path; /* of the folder */
    int64_t recovery_point;
    int64_t floor_base, floor_bytes; /* of the last segment that begins at or below the recovery point; -1: none yet */
    int64_t oldest_base, second_base;
    int error;
};

static void note_segment(struct surveying *surveying, int64_t base_offset, const char *name)
{
    char path[STORAGE_PATH_MAX];
    struct file_stat info = {0};
    int length = snprintf(path, sizeof path, "%s/%s", surveying->path, name);
    int error = length < STORAGE_PATH_MAX ? surveying->io->stat(surveying->io, path, &info) : -ENAMETOOLONG;
    if (error < 0)
        surveying->error = error;
    struct log_survey *survey = surveying->survey;
    survey->total_bytes += info.size_bytes;
    if (base_offset < surveying->oldest_base) {
        surveying->second_base = surveying->oldest_base;
        surveying->oldest_base = base_offset;
        survey->oldest_bytes = info.size_bytes;
    } else if (base_offset < surveying->second_base) {
        surveying->second_base = base_offset;
    }
    if (base_offset > surveying->recovery_point) {
        survey->doubtful_bytes += info.size_bytes;
    } else if (base_offset > surveying->floor_base) {
        surveying->floor_base = base_offset;
        surveying->floor_bytes = info.size_bytes;
    }
}

static void note_name(void *context, const char *name, bool is_directory)
{
    struct surveying *surveying = context;
    struct file_name parsed;
    if (is_directory || !file_name_parse(name, &parsed))
        return;
    if (parsed.suffix != SUFFIX_NONE)
        surveying->survey->wants_load = true; /* loading settles it */
    else if (parsed.kind == FILE_LOG)
        note_segment(surveying, parsed.base_offset, name);
}

/* The last timestamp in the time index of the oldest segment, which a clean stop has made its largest; -1 when there is
 * none that could be believed. */
static int64_t newest_of_oldest_ms(const struct surveying *surveying)
{
    struct file_io *io = surveying->io;
    const struct folder folder = {.path = (char *)surveying->path};
    char path[STORAGE_PATH_MAX];
    struct file *file;
    if (!folder_file_path(&folder, surveying->oldest_base, FILE_TIME_INDEX, false, path) ||
        io->open(io, path, FILE_READ, &file) < 0)
        return -1;
    uint8_t entry[TIME_INDEX_ENTRY_BYTES];
    int64_t size = io->size(io, file), newest_ms = -1;
    if (size > 0 && size % TIME_INDEX_ENTRY_BYTES == 0 &&
        file_read_all(io, file, entry, sizeof entry, size - TIME_INDEX_ENTRY_BYTES) == 0)
        newest_ms = (int64_t)load_be64(entry);
    io->close(io, file);
    return newest_ms;
}

/* Look into the folder that `dir` may have. -ENOENT when it has none. */
static int survey_folder(struct log *log, struct log_dir *dir)
{
    char path[STORAGE_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s-%d", dir->path, log->topic, (int)log->partition) >= STORAGE_PATH_MAX)
        return -ENAMETOOLONG;
    struct surveying surveying = {
        .survey = &log->survey,
        .io = log->store->options.files,
        .path = path,
        .recovery_point = store_checkpointed(log, dir, CHECKPOINT_RECOVERY_POINT),
        .floor_base = -1,
        .oldest_base = INT64_MAX,
        .second_base = INT64_MAX,
    };
    int error = surveying.io->list(surveying.io, path, note_name, &surveying);
    if (error == 0)
        error = surveying.error;
    if (error < 0)
        return error;
    struct log_survey *survey = surveying.survey;
    survey->dir = dir;
    survey->doubtful_bytes += surveying.floor_bytes;
    survey->oldest_ms = survey->oldest_bytes > 0 ? newest_of_oldest_ms(&surveying) : INT64_MAX;
    if (survey->oldest_ms < 0 || store_checkpointed(log, dir, CHECKPOINT_LOG_START) >= surveying.second_base)
        survey->wants_load = true;
    return 0;
}

const struct log_survey *log_surveyed(struct log *log)
{
    struct log_survey *survey = &log->survey;
    if (survey->known)
        return survey;
    *survey = (struct log_survey){.known = true, .oldest_ms = INT64_MAX};
    int error = -ENOENT;
    for (int i = 0; error == -ENOENT && i < log->store->dirs_count; i++) {
        struct log_dir *dir = log_dir_to_look_in(log, i);
        error = dir != NULL ? survey_folder(log, dir) : -ENOENT;
    }
    if (error < 0 && error != -ENOENT)
        survey->wants_load = true; /* which says what is wrong */
    return survey;
}

int64_t log_recovery_bytes(struct log *log)
{
    return log->state == LOG_UNLOADED && !log->store->options.clean ? log_surveyed(log)->doubtful_bytes : 0;
}
