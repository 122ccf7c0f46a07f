/* Loading a log from its folder: trusting after a clean stop, recovering after a crash.
 *
 *     1. temporary files     what a deletion, compaction or segment split left half done is finished or undone
 *     2. segments            every .log file is one; index files without a .log file go
 *     3. the sound           segments below the recovery point (all of them, after a clean stop) need only good
 * indexes: missing or odd ones are made again from the batches
 *     4. the doubtful        the others are scanned: every checksum, indexes and epochs made again. At the first batch
 * that is damaged or out of order the log ends; what lies behind is cut off
 *     5. offsets             log end from the last batch; log start from the checkpoint or the first segment
 *     6. leader epochs       those beyond the log end go; a file that cannot be read is made again from all batches
 *     7. producers           from the newest sound snapshot, and the batches behind it
 *
 * After a clean stop nothing is scanned but the batches behind the last index entry of the active segment, by their
 * headers, to know where it ends; when they do not add up, the segment is treated as doubtful.
 *
 * Nothing is cut or made again without being reported. Kafka's LogLoader is the source of the order and the rules. */
#include "log_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define SNAPSHOT_BYTES_MAX (256u * 1024 * 1024) /* five million producers */

struct loading {
    struct log *log;
    struct file_io *io;
    struct storage_fault *fault;
    bool clean;
    struct file_name *names; /* what the folder holds, of the names that count */
    int32_t names_count, names_capacity;
    bool has_metadata; /* partition.metadata is there */
    bool has_epochs;   /* and leader-epoch-checkpoint could be read */
    int64_t cut_bytes, cut_segments;
};

static int fail(struct loading *loading, const char *operation, const char *path, int error)
{
    int result = log_fail(loading->log, loading->fault, operation, path, error);
    return result == STORAGE_CORRUPT ? log_fail(loading->log, loading->fault, operation, path, -EIO) : result;
}

static int fail_file(struct loading *loading, const char *operation, const struct cached_file *file, int error)
{
    char path[STORAGE_PATH_MAX];
    cached_file_path(file, path);
    return fail(loading, operation, path, error);
}

/* ---- 1. the folder and its temporary files
 * ---------------------------------------------------------------------------- */

static void note_name(void *context, const char *name, bool is_directory)
{
    struct loading *loading = context;
    struct file_name parsed;
    if (strcmp(name, "partition.metadata") == 0)
        loading->has_metadata = true;
    if (is_directory || !file_name_parse(name, &parsed))
        return;
    if (loading->names_count == loading->names_capacity) {
        loading->names_capacity = loading->names_capacity == 0 ? 8 : loading->names_capacity * 2;
        loading->names = xrealloc(loading->names, (size_t)loading->names_capacity * sizeof *loading->names);
    }
    loading->names[loading->names_count++] = parsed;
}

static void path_of(const struct loading *loading, const struct file_name *name, char path[STORAGE_PATH_MAX])
{
    static const char *const suffixes[] = {"", ".deleted", ".cleaned", ".swap"};
    (void)folder_file_path(loading->log->folder, name->base_offset, name->kind, false, path);
    size_t length = strlen(path);
    snprintf(path + length, STORAGE_PATH_MAX - length, "%s", suffixes[name->suffix]);
}

/* Remove a file and its name from the list: the last name takes its place. */
static int remove_name(struct loading *loading, int32_t i)
{
    char path[STORAGE_PATH_MAX];
    path_of(loading, &loading->names[i], path);
    int error = loading->io->unlink(loading->io, path);
    if (error < 0 && error != -ENOENT)
        return fail(loading, "unlink", path, error);
    loading->names[i] = loading->names[--loading->names_count];
    return 0;
}

/* The offset behind the last batch of a .log file under a temporary name. */
static int next_offset_of(struct loading *loading, const struct file_name *name, int64_t *next_offset)
{
    char path[STORAGE_PATH_MAX];
    path_of(loading, name, path);
    struct file *file;
    int error = loading->io->open(loading->io, path, FILE_READ, &file);
    if (error < 0)
        return fail(loading, "open", path, error);
    *next_offset = name->base_offset;
    int64_t size = loading->io->size(loading->io, file), position = 0;
    while (error == 0 && size - position >= BATCH_HEADER_BYTES) {
        uint8_t header[BATCH_HEADER_BYTES];
        struct record_batch batch;
        error = file_read_all(loading->io, file, header, sizeof header, position);
        if (error < 0 || record_batch_view_header(&batch, header, sizeof header) != BATCH_OK)
            break;
        *next_offset = record_batch_last_offset(&batch) + 1;
        position += batch.size_bytes;
    }
    loading->io->close(loading->io, file);
    return error < 0 ? fail(loading, "read", path, error) : 0;
}

/* .deleted and .cleaned files go, and .swap files at or above the first .cleaned one (a split that was not complete).
 * The other .swap files are complete: what they replace goes, then they take their real names. */
static int settle_temporary_files(struct loading *loading)
{
    int64_t first_cleaned = INT64_MAX, first_swap = INT64_MAX, end_swap = -1;
    int error = 0;
    for (int32_t i = 0; i < loading->names_count; i++)
        if (loading->names[i].suffix == SUFFIX_CLEANED && loading->names[i].base_offset < first_cleaned)
            first_cleaned = loading->names[i].base_offset;
    for (int32_t i = loading->names_count - 1; error == 0 && i >= 0; i--) {
        const struct file_name *name = &loading->names[i];
        if (name->suffix == SUFFIX_DELETED || name->suffix == SUFFIX_CLEANED ||
            (name->suffix == SUFFIX_SWAP && name->base_offset >= first_cleaned))
            error = remove_name(loading, i);
    }
    for (int32_t i = 0; error == 0 && i < loading->names_count; i++) {
        const struct file_name *name = &loading->names[i];
        if (name->suffix != SUFFIX_SWAP || name->kind != FILE_LOG)
            continue;
        int64_t next_offset = 0;
        error = next_offset_of(loading, name, &next_offset);
        if (name->base_offset < first_swap)
            first_swap = name->base_offset;
        if (error == 0 && next_offset > end_swap)
            end_swap = next_offset;
    }
    for (int32_t i = loading->names_count - 1; error == 0 && i >= 0; i--) {
        const struct file_name *name = &loading->names[i];
        if (name->suffix == SUFFIX_NONE && name->kind != FILE_SNAPSHOT && name->base_offset >= first_swap &&
            name->base_offset < end_swap)
            error = remove_name(loading, i);
    }
    for (int32_t i = 0; error == 0 && i < loading->names_count; i++) {
        struct file_name *name = &loading->names[i];
        if (name->suffix != SUFFIX_SWAP)
            continue;
        char from[STORAGE_PATH_MAX], to[STORAGE_PATH_MAX];
        path_of(loading, name, from);
        name->suffix = SUFFIX_NONE;
        path_of(loading, name, to);
        error = loading->io->rename(loading->io, from, to);
        if (error < 0)
            error = fail(loading, "rename", from, error);
    }
    return error;
}

/* ---- 2. segments
 * ------------------------------------------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
    const struct file_name *left = a, *right = b;
    if (left->base_offset != right->base_offset)
        return left->base_offset < right->base_offset ? -1 : 1;
    return (int)left->kind - (int)right->kind; /* FILE_LOG is the first kind */
}

static int find_segments(struct loading *loading)
{
    struct log *log = loading->log;
    if (loading->names_count > 0)
        qsort(loading->names, (size_t)loading->names_count, sizeof *loading->names, compare_names);
    for (int32_t i = 0; i < loading->names_count; i++) {
        const struct file_name *name = &loading->names[i];
        char path[STORAGE_PATH_MAX];
        path_of(loading, name, path);
        if (name->kind == FILE_LOG) {
            struct file_stat info;
            int error = loading->io->stat(loading->io, path, &info);
            if (error < 0)
                return fail(loading, "stat", path, error);
            log_add_segment(log, segment_new(log->folder, name->base_offset, log->store->now_ms));
            log_active(log)->size_bytes = info.size_bytes;
        } else if (name->kind != FILE_SNAPSHOT &&
                   (log_active(log) == NULL || log_active(log)->base_offset != name->base_offset)) {
            store_report(log->store, 1, "Removed an index file without its log file", "path=%s", path);
            int error = loading->io->unlink(loading->io, path);
            if (error < 0)
                return fail(loading, "unlink", path, error);
        }
    }
    return 0;
}

/* ---- 3. and 4. indexes, recovery
 * -------------------------------------------------------------------------------------- */

/* Is the batch at hand one that may stand here? Offsets go up, and its last one and its position fit an index entry. */
static bool in_order(const struct segment_scan *scan, int64_t next_offset)
{
    const struct record_batch *batch = &scan->batch;
    return batch->base_offset >= next_offset && batch->last_offset_delta >= 0 && scan->position <= INT32_MAX &&
           batch->base_offset - scan->segment->base_offset <= INT32_MAX - (int64_t)batch->last_offset_delta;
}

/* Walk all batches of a segment and make its indexes again. Stops at the first batch that is damaged: *sound_bytes. The
 * log end is behind the last sound one. */
static int rescan_segment(struct loading *loading, struct segment *segment, int64_t *sound_bytes)
{
    struct log *log = loading->log;
    int64_t file_bytes = segment->size_bytes;
    int error = offset_index_create(&segment->offset_index);
    if (error == 0)
        error = time_index_create(&segment->time_index);
    if (error < 0)
        return fail_file(loading, "create index", &segment->offset_index.entries.file, error);
    log->names_unsynced = true;
    if (segment->base_offset < log->sealed_offset)
        log->sealed_offset = segment->base_offset;
    segment->max_timestamp_ms = segment->max_timestamp_offset = segment->first_timestamp_ms = -1;
    segment->unindexed_bytes = segment->size_bytes = 0;
    log->end_offset = segment->base_offset;
    struct segment_scan scan;
    segment_scan_init(&scan, segment, 0, file_bytes, SCAN_CHECK);
    int step;
    while ((step = segment_scan_next(&scan)) == 1 && in_order(&scan, log->end_offset) &&
           (step = segment_scan_check(&scan)) == 1) {
        segment_count_batch(segment, &scan.batch, scan.position, log->config->index_interval_bytes);
        log->end_offset = record_batch_last_offset(&scan.batch) + 1;
        if (scan.batch.leader_epoch > leader_epochs_latest(&log->epochs) &&
            leader_epochs_assign(&log->epochs, scan.batch.leader_epoch, scan.batch.base_offset))
            log->epochs_unwritten = true;
    }
    segment_scan_release(&scan);
    *sound_bytes = segment->size_bytes;
    segment->size_bytes = file_bytes;
    segment->unindexed_bytes = 0; /* as Kafka: counts from here on */
    if (step < 0 && step != -EBADMSG)
        return fail_file(loading, "read", &segment->log, step);
    return 0;
}

/* The log ends with segment `number`, at `sound_bytes` of it; -1: it has no segment any more. */
static int cut_behind(struct loading *loading, int32_t number, int64_t sound_bytes)
{
    struct log *log = loading->log;
    if (number >= 0 && sound_bytes < log->segments[number]->size_bytes) {
        struct segment *segment = log->segments[number];
        loading->cut_bytes += segment->size_bytes - sound_bytes;
        int error = segment_truncate(segment, sound_bytes);
        if (error < 0)
            return fail_file(loading, "truncate", &segment->log, error);
    }
    while (log->segments_count > number + 1) {
        struct segment *last = log_active(log);
        loading->cut_bytes += last->size_bytes;
        loading->cut_segments++;
        struct cached_file *files[] = {&last->offset_index.entries.file, &last->time_index.entries.file, &last->log};
        for (size_t i = 0; i < COUNT_OF(files); i++) {
            char path[STORAGE_PATH_MAX];
            cached_file_path(files[i], path);
            int error = loading->io->unlink(loading->io, path);
            if (error < 0 && error != -ENOENT)
                return fail(loading, "unlink", path, error);
        }
        log->segments_count--;
        segment_unref(last);
    }
    return 0;
}

static void report_gap(const struct log *log, int64_t next_offset)
{
    if (!log->config->cleanup_compact) /* compaction may leave gaps */
        store_report(log->store, 1, "Offsets are missing between two segments",
                     "topic=%s partition=%d from=%" PRId64 " to=%" PRId64, log->topic, (int)log->partition,
                     log->end_offset, next_offset);
}

/* Scan the segments from `first` on and cut behind the last sound batch. A gap between two segments stays: what lies
 * behind it is whole. But empty segments behind a gap are only names that outlived their data, and the log ends before
 * them. */
static int recover_from(struct loading *loading, int32_t first)
{
    struct log *log = loading->log;
    int64_t scanned_bytes = 0, last_end = log->segments[first]->base_offset;
    int32_t last = first; /* the last segment that is not empty; last_end: its end */
    for (int32_t i = first; i < log->segments_count; i++) {
        struct segment *segment = log->segments[i];
        int64_t sound_bytes;
        if (i > first && segment->base_offset < log->end_offset) /* begins inside the one before */
            return cut_behind(loading, i - 1, log->segments[i - 1]->size_bytes);
        if (i > first && segment->base_offset > log->end_offset)
            report_gap(log, segment->base_offset);
        scanned_bytes += segment->size_bytes;
        int error = rescan_segment(loading, segment, &sound_bytes);
        if (error == 0 && sound_bytes < segment->size_bytes)
            error = cut_behind(loading, i, sound_bytes);
        if (error < 0)
            return error;
        if (segment->size_bytes > 0) {
            last = i;
            last_end = log->end_offset;
        }
    }
    while (last + 1 < log->segments_count && log->segments[last + 1]->base_offset == last_end)
        last++;
    if (last + 1 < log->segments_count && !log->config->cleanup_compact) {
        int error = cut_behind(loading, last, log->segments[last]->size_bytes);
        if (error < 0)
            return error;
        log->end_offset = last_end;
    }
    store_report(log->store, 0, "Recovered log",
                 "topic=%s partition=%d from=%" PRId64 " log_end_offset=%" PRId64 " scanned_bytes=%" PRId64, log->topic,
                 (int)log->partition, log->segments[first]->base_offset, log->end_offset, scanned_bytes);
    return 0;
}

/* Take over the indexes of a segment that is trusted. Returns 1 when they are missing or odd. `end_offset` is where the
 * segment ends, INT64_MAX when that is not known yet. */
static int load_indexes(struct loading *loading, struct segment *segment, int64_t end_offset)
{
    int error = offset_index_load(&segment->offset_index, segment->size_bytes);
    if (error == 0)
        error = time_index_load(&segment->time_index);
    if (error == -ENOENT || error == -EBADMSG)
        return 1;
    if (error < 0)
        return fail_file(loading, "read index", &segment->offset_index.entries.file, error);
    segment->max_timestamp_ms = segment->time_index.last_timestamp_ms;
    segment->max_timestamp_offset = segment->base_offset + segment->time_index.last_offset;
    return segment->base_offset + segment->offset_index.last_offset >= end_offset ||
           segment->max_timestamp_offset >= end_offset;
}

/* Load a sealed segment that is trusted. Its indexes are made again if need be; its batches are never cut: they were
 * synced, so damage is the disk's, and what lies behind it may be good. */
static int load_sealed(struct loading *loading, int32_t number)
{
    struct log *log = loading->log;
    struct segment *segment = log->segments[number];
    int error = load_indexes(loading, segment, log->segments[number + 1]->base_offset);
    if (error <= 0)
        return error;
    int64_t sound_bytes;
    error = rescan_segment(loading, segment, &sound_bytes);
    if (error < 0)
        return error;
    store_report(log->store, 1, "Made indexes again that were missing or damaged",
                 "topic=%s partition=%d base_offset=%" PRId64, log->topic, (int)log->partition, segment->base_offset);
    if (sound_bytes < segment->size_bytes)
        store_report(log->store, 2, "Damaged batch in a sealed segment",
                     "topic=%s partition=%d base_offset=%" PRId64 " position=%" PRId64, log->topic, (int)log->partition,
                     segment->base_offset, sound_bytes);
    error = segment_seal(segment);
    return error < 0 ? fail_file(loading, "seal", &segment->log, error) : 0;
}

/* Find the end of the active segment by the headers behind its last index entry. Returns 1 when they do not add up. */
static int walk_active(struct loading *loading)
{
    struct log *log = loading->log;
    struct segment *segment = log_active(log);
    struct segment_scan scan;
    int64_t start = segment->offset_index.last_position;
    segment_scan_init(&scan, segment, start, segment->size_bytes, SCAN_HEADERS);
    log->end_offset = segment->base_offset;
    int step;
    while ((step = segment_scan_next(&scan)) == 1) {
        bool indexed = start > 0 && scan.position == start;
        int64_t last_offset = record_batch_last_offset(&scan.batch);
        if (!in_order(&scan, log->end_offset) ||
            (indexed && last_offset - segment->base_offset != segment->offset_index.last_offset))
            return 1;
        log->end_offset = last_offset + 1;
        if (scan.batch.max_timestamp_ms > segment->max_timestamp_ms) {
            segment->max_timestamp_ms = scan.batch.max_timestamp_ms;
            segment->max_timestamp_offset = last_offset;
        }
    }
    if (step == 0 && segment->size_bytes > 0) {
        segment_scan_init(&scan, segment, 0, segment->size_bytes, SCAN_HEADERS);
        step = segment_scan_next(&scan);
        if (step == 1)
            segment->first_timestamp_ms = scan.batch.max_timestamp_ms;
    }
    if (step == -EBADMSG)
        return 1;
    if (step < 0)
        return fail_file(loading, "read", &segment->log, step);
    return segment->base_offset + segment->time_index.last_offset >= log->end_offset && segment->size_bytes > 0;
}

/* The newest segment after a clean stop. */
static int load_active(struct loading *loading)
{
    struct log *log = loading->log;
    int odd = load_indexes(loading, log_active(log), INT64_MAX);
    if (odd == 0)
        odd = walk_active(loading);
    if (odd <= 0)
        return odd;
    store_report(log->store, 1, "The active segment does not add up after a clean stop",
                 "topic=%s partition=%d base_offset=%" PRId64, log->topic, (int)log->partition,
                 log_active(log)->base_offset);
    return recover_from(loading, log->segments_count - 1);
}

static int load_segments(struct loading *loading)
{
    struct log *log = loading->log;
    if (log->segments_count == 0)
        return 0;
    int32_t doubtful = log->segments_count - 1; /* from this one on */
    if (!loading->clean) {
        doubtful = log_segment_at(log, log->recovery_point);
        if (doubtful < 0)
            doubtful = 0;
    }
    log->sealed_offset = log->segments[doubtful]->base_offset;
    for (int32_t i = 0; i < doubtful; i++) {
        int error = load_sealed(loading, i);
        if (error < 0)
            return error;
    }
    return loading->clean ? load_active(loading) : recover_from(loading, doubtful);
}

/* ---- 5. and 6. offsets and epochs
 * ------------------------------------------------------------------------------------- */

/* Log start, and an empty log where it lies beyond the end. */
static int settle_offsets(struct loading *loading, int64_t start_checkpoint)
{
    struct log *log = loading->log;
    log->start_offset = log->segments_count > 0 ? log->segments[0]->base_offset : 0;
    if (start_checkpoint > log->start_offset)
        log->start_offset = start_checkpoint;
    if (log->segments_count == 0) {
        log->end_offset = log->start_offset;
    } else if (log->start_offset > log->end_offset) {
        store_report(log->store, 1, "Log start beyond the log end: the log begins anew there",
                     "topic=%s partition=%d log_start_offset=%" PRId64 " log_end_offset=%" PRId64, log->topic,
                     (int)log->partition, log->start_offset, log->end_offset);
        int error = cut_behind(loading, -1, 0);
        if (error < 0)
            return error;
        log->end_offset = log->start_offset;
    }
    return 0;
}

/* Assign the epochs of all batches, by their headers. */
static int epochs_from_batches(struct loading *loading)
{
    struct log *log = loading->log;
    leader_epochs_release(&log->epochs);
    for (int32_t i = 0; i < log->segments_count; i++) {
        struct segment_scan scan;
        segment_scan_init(&scan, log->segments[i], 0, log->segments[i]->size_bytes, SCAN_HEADERS);
        int step;
        while ((step = segment_scan_next(&scan)) == 1)
            if (scan.batch.leader_epoch > leader_epochs_latest(&log->epochs))
                (void)leader_epochs_assign(&log->epochs, scan.batch.leader_epoch, scan.batch.base_offset);
        if (step < 0 && step != -EBADMSG)
            return fail_file(loading, "read", &log->segments[i]->log, step);
    }
    log->epochs_unwritten = true;
    return 0;
}

static int load_epochs(struct loading *loading)
{
    struct log *log = loading->log;
    char path[STORAGE_PATH_MAX];
    log_path(log, "leader-epoch-checkpoint", path);
    int error = leader_epochs_load(&log->epochs, loading->io, path);
    loading->has_epochs = error == 0;
    if (error == -EBADMSG)
        store_report(log->store, 1, "Leader epochs are damaged and are read from the batches", "path=%s", path);
    return error < 0 && error != -EBADMSG && error != -ENOENT ? fail(loading, "read", path, error) : 0;
}

static int settle_epochs(struct loading *loading)
{
    struct log *log = loading->log;
    int error = loading->has_epochs ? 0 : epochs_from_batches(loading);
    if (error < 0)
        return error;
    if (leader_epochs_cut_end(&log->epochs, log->end_offset))
        log->epochs_unwritten = true;
    if (leader_epochs_cut_start(&log->epochs, log->start_offset))
        log->epochs_unwritten = true;
    if (!log->epochs_unwritten)
        return 0;
    error = log_write_epochs(log, false);
    return error < 0 ? fail(loading, "write leader-epoch-checkpoint", log->folder->path, error) : 0;
}

/* ---- 7. producers
 * ----------------------------------------------------------------------------------------------------- */

/* Take over the newest snapshot at or below the log end that is sound; those that are not go. */
static int load_snapshot(struct loading *loading)
{
    struct log *log = loading->log;
    for (int32_t i = loading->names_count - 1; i >= 0; i--) { /* ascending: find_segments() */
        const struct file_name *name = &loading->names[i];
        if (name->kind != FILE_SNAPSHOT)
            continue;
        char path[STORAGE_PATH_MAX], *bytes;
        size_t size;
        path_of(loading, name, path);
        if (name->base_offset <= log->end_offset) {
            int error = file_load(loading->io, path, SNAPSHOT_BYTES_MAX, &bytes, &size);
            if (error < 0 && error != -EFBIG)
                return fail(loading, "read", path, error);
            bool good = error == 0 && producer_states_decode(&log->producers, (const uint8_t *)bytes, size);
            if (error == 0)
                free(bytes);
            if (good) {
                log->snapshot_offset = name->base_offset;
                return 0;
            }
            store_report(log->store, 1, "Removed a damaged producer snapshot", "path=%s", path);
        }
        int error = loading->io->unlink(loading->io, path);
        if (error < 0 && error != -ENOENT)
            return fail(loading, "unlink", path, error);
        loading->names_count = i; /* all above it are gone, or belong to a segment that is done with */
    }
    return 0;
}

/* Apply the batches from `offset` on. */
static int replay_producers(struct loading *loading, int64_t offset)
{
    struct log *log = loading->log;
    int32_t first = log_segment_at(log, offset);
    for (int32_t i = first < 0 ? 0 : first; i < log->segments_count; i++) {
        struct segment *segment = log->segments[i];
        int64_t position;
        int step = segment_find(segment, offset, &position);
        if (step < 0)
            return step == -EBADMSG ? 0 : fail_file(loading, "read", &segment->log, step);
        struct segment_scan scan;
        segment_scan_init(&scan, segment, position, segment->size_bytes, SCAN_HEADERS);
        while ((step = segment_scan_next(&scan)) == 1) {
            if (scan.batch.producer_id < 0)
                continue;
            if (!(scan.batch.attributes & BATCH_CONTROL)) {
                producer_states_update(&log->producers, &scan.batch);
                continue;
            }
            struct segment_scan marker; /* the record in it is needed */
            segment_scan_init(&marker, segment, scan.position, scan.next, SCAN_RECORDS);
            step = segment_scan_next(&marker);
            if (step == 1)
                producer_states_update(&log->producers, &marker.batch);
            segment_scan_release(&marker);
            if (step < 0)
                break;
        }
        if (step < 0 && step != -EBADMSG)
            return fail_file(loading, "read", &segment->log, step);
    }
    return 0;
}

/* Snapshots that belong to no segment go, but the newest. */
static void remove_stray_snapshots(struct loading *loading)
{
    struct log *log = loading->log;
    for (int32_t i = 0; i < loading->names_count; i++) {
        const struct file_name *name = &loading->names[i];
        if (name->kind != FILE_SNAPSHOT || name->base_offset >= log->snapshot_offset)
            continue;
        int32_t number = log_segment_at(log, name->base_offset);
        if (number >= 0 && log->segments[number]->base_offset == name->base_offset)
            continue;
        char path[STORAGE_PATH_MAX];
        path_of(loading, name, path);
        (void)loading->io->unlink(loading->io, path); /* it does no harm; the next load tries again */
    }
}

static int load_producers(struct loading *loading)
{
    struct log *log = loading->log;
    int error = load_snapshot(loading);
    if (error < 0)
        return error;
    /* After a clean stop a folder without any snapshot comes from before there were some: nothing to remember. */
    if (log->snapshot_offset >= 0 || !loading->clean)
        error = replay_producers(loading, log->snapshot_offset >= 0 ? log->snapshot_offset : log->start_offset);
    producer_states_expire(&log->producers, log->store->now_ms, log->store->options.producer_id_expiration_ms);
    remove_stray_snapshots(loading);
    return error;
}

/* ---- all of it
 * -------------------------------------------------------------------------------------------------------- */

/* The topic id in partition.metadata. False when it cannot be read. */
static bool read_topic_id(const struct loading *loading, struct kp_uuid *id)
{
    char path[STORAGE_PATH_MAX], *text;
    size_t size;
    log_path(loading->log, "partition.metadata", path);
    if (file_load(loading->io, path, 4096, &text, &size) < 0)
        return false;
    const char *value = strstr(text, "topic_id: ");
    bool good = value != NULL && strlen(value + 10) >= KP_UUID_TEXT_SIZE - 1;
    if (good)
        good = kp_uuid_parse((struct kp_string){value + 10, KP_UUID_TEXT_SIZE - 1}, id);
    free(text);
    return good;
}

/* A folder of this name is there: is it this topic's? An earlier topic's (deleted, and the broker stopped before its
 * folder was renamed) is put aside. Returns 1 when it is ours. */
static int claim_folder(struct loading *loading)
{
    struct log *log = loading->log;
    struct kp_uuid id;
    if (kp_uuid_is_zero(log->topic_id) || !read_topic_id(loading, &id) || kp_uuid_equal(id, log->topic_id))
        return 1;
    char name[256], path[STORAGE_PATH_MAX];
    folder_name_aside(log->topic, log->partition, id, "-stray", name);
    int length = snprintf(path, sizeof path, "%s/%s", log->dir->path, name);
    int error = length < STORAGE_PATH_MAX ? loading->io->rename(loading->io, log->folder->path, path) : -ENAMETOOLONG;
    if (error < 0)
        return fail(loading, "rename", log->folder->path, error);
    store_report(log->store, 1, "Put the folder of another topic of this name aside", "path=%s", path);
    log->dir->partitions--;
    folder_unref(log->folder);
    log->folder = NULL;
    log->dir = NULL;
    return 0;
}

/* The directory that has the log's folder; log->folder stays NULL when none has. */
static int find_folder(struct loading *loading)
{
    struct log *log = loading->log;
    for (int i = 0; i < log->store->dirs_count; i++) {
        char path[STORAGE_PATH_MAX];
        struct file_stat info;
        struct log_dir *dir = &log->store->dirs[i];
        int length = snprintf(path, sizeof path, "%s/%s-%d", dir->path, log->topic, (int)log->partition);
        if (length >= STORAGE_PATH_MAX - 64)
            return fail(loading, "open", path, -ENAMETOOLONG);
        int error = loading->io->stat(loading->io, path, &info);
        if (error == -ENOENT)
            continue;
        if (error < 0)
            return fail(loading, "stat", path, error);
        log->dir = dir;
        log->folder = folder_new(&log->store->cache, path);
        int ours = claim_folder(loading);
        if (ours != 0)
            return ours < 0 ? ours : 0;
    }
    return 0;
}

static int load_folder(struct loading *loading)
{
    struct log *log = loading->log;
    int64_t checkpoints[CHECKPOINT_KINDS];
    for (int kind = 0; kind < CHECKPOINT_KINDS; kind++)
        checkpoints[kind] = store_checkpointed(log, (enum checkpoint_kind)kind);
    log->recovery_point = checkpoints[CHECKPOINT_RECOVERY_POINT] > 0 ? checkpoints[CHECKPOINT_RECOVERY_POINT] : 0;
    int error = loading->io->list(loading->io, log->folder->path, note_name, loading);
    if (error < 0)
        return fail(loading, "list", log->folder->path, error);
    error = settle_temporary_files(loading);
    if (error == 0)
        error = find_segments(loading);
    if (error == 0)
        error = load_epochs(loading);
    if (error == 0)
        error = load_segments(loading);
    if (error == 0)
        error = settle_offsets(loading, checkpoints[CHECKPOINT_LOG_START]);
    if (error == 0)
        error = settle_epochs(loading);
    if (error == 0)
        error = load_producers(loading);
    if (error == 0 && !loading->has_metadata && !kp_uuid_is_zero(log->topic_id)) {
        error = log_write_partition_metadata(log);
        if (error < 0)
            return fail(loading, "write partition.metadata", log->folder->path, error);
    }
    return error;
}

int log_find_folder(struct log *log, struct storage_fault *fault)
{
    struct loading loading = {.log = log, .io = log->store->options.files, .fault = fault};
    return find_folder(&loading);
}

int log_load(struct log *log, struct storage_fault *fault)
{
    if (log->state != LOG_UNLOADED)
        return log->state == LOG_READY ? 0 : STORAGE_OFFLINE;
    struct loading loading = {
        .log = log, .io = log->store->options.files, .fault = fault, .clean = log->store->options.clean};
    int error = find_folder(&loading);
    if (error == 0 && log->folder != NULL)
        error = load_folder(&loading);
    free(loading.names);
    if (error < 0) {
        bool is_offline = log->state == LOG_OFFLINE;
        log_unload(log);
        log->state = is_offline ? LOG_OFFLINE : LOG_UNLOADED;
        return error;
    }
    if (loading.cut_bytes > 0)
        store_report(log->store, 1, "Cut what was damaged or not complete off the log",
                     "topic=%s partition=%d log_end_offset=%" PRId64 " cut_bytes=%" PRId64 " cut_segments=%" PRId64,
                     log->topic, (int)log->partition, log->end_offset, loading.cut_bytes, loading.cut_segments);
    log->was_cut = log->folder != NULL && (!loading.clean || loading.cut_bytes > 0);
    if (loading.clean || log->recovery_point > log->end_offset)
        log->recovery_point = log->end_offset;
    log->last_flush_ms = log->store->now_ms;
    log->state = LOG_READY;
    if (log->dir != NULL)
        store_take_checkpoints(log);
    return 0;
}
