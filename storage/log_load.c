/* Loading a log from its folder: trusting after a clean stop, recovering after a crash.
 *
 *     1. temporary files     what a deletion, compaction or segment split left half done is finished or undone
 *     2. segments            every .log file is one; index files without a .log file go
 *     3. the sound           segments below the recovery point need only good indexes           (log_recover.c)
 *     4. the doubtful        the others are scanned, and cut behind the last sound batch        (log_recover.c)
 *     5. offsets             log end from the last batch; log start from the checkpoint or the first segment
 *     6. leader epochs       those beyond the log end go; a file that cannot be read is made again from all batches
 *     7. producers           from the newest sound snapshot, and the batches behind it          (log_load_producers.c)
 *
 * Nothing is cut or made again without being reported. What fails for good puts the log offline and leaves the folder
 * to the next attempt; every step may be interrupted and done again. Kafka's LogLoader is the source of the order and
 * the rules. */
#include "log_loading.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int loading_fail(struct loading *loading, const char *operation, const char *path, int error)
{
    int result = log_fail(loading->log, loading->fault, operation, path, error);
    return result == STORAGE_CORRUPT ? log_fail(loading->log, loading->fault, operation, path, -EIO) : result;
}

int loading_fail_file(struct loading *loading, const char *operation, const struct cached_file *file, int error)
{
    char path[STORAGE_PATH_MAX];
    cached_file_path(file, path);
    return loading_fail(loading, operation, path, error);
}

/* ---- 1. the folder and its temporary files --------------------------------------------------------------------- */

static void note_name(void *context, const char *name, bool is_directory)
{
    struct loading *loading = context;
    struct file_name parsed;
    if (!file_name_parse(name, &parsed))
        return;
    if (is_directory) {
        store_report(loading->log->store, 1, "A folder has the name of a log's file; it is left alone", "path=%s/%s",
                     loading->log->folder->path, name);
        return;
    }
    if (loading->names_count == loading->names_capacity) {
        loading->names_capacity = loading->names_capacity == 0 ? 8 : loading->names_capacity * 2;
        loading->names = xrealloc(loading->names, (size_t)loading->names_capacity * sizeof *loading->names);
    }
    loading->names[loading->names_count++] = parsed;
}

void loading_path(const struct loading *loading, const struct file_name *name, char path[STORAGE_PATH_MAX])
{
    (void)folder_file_path(loading->log->folder, name->base_offset, name->kind, name->suffix, path);
}

/* Remove a file and its name from the list: the last name takes its place. */
static int remove_name(struct loading *loading, int32_t i)
{
    char path[STORAGE_PATH_MAX];
    loading_path(loading, &loading->names[i], path);
    int error = loading->io->unlink(loading->io, path);
    if (error < 0 && error != -ENOENT)
        return loading_fail(loading, "unlink", path, error);
    loading->names[i] = loading->names[--loading->names_count];
    return 0;
}

/* The offset behind the last batch of a .log file under a temporary name. */
static int next_offset_of(struct loading *loading, const struct file_name *name, int64_t *next_offset)
{
    char path[STORAGE_PATH_MAX];
    loading_path(loading, name, path);
    struct file *file;
    int error = loading->io->open(loading->io, path, FILE_READ, &file);
    if (error < 0)
        return loading_fail(loading, "open", path, error);
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
    return error < 0 ? loading_fail(loading, "read", path, error) : 0;
}

static bool has_name(const struct loading *loading, int64_t base_offset, enum file_suffix suffix)
{
    for (int32_t i = 0; i < loading->names_count; i++) {
        const struct file_name *name = &loading->names[i];
        if (name->kind == FILE_LOG && name->base_offset == base_offset && name->suffix == suffix)
            return true;
    }
    return false;
}

/* A deletion renames the .log file first: without it, and with a .deleted one, the other files go too. */
static int finish_deletions(struct loading *loading)
{
    int error = 0;
    for (int32_t i = loading->names_count - 1; error == 0 && i >= 0; i--) {
        const struct file_name *name = &loading->names[i];
        if (name->kind != FILE_LOG && name->kind != FILE_SNAPSHOT && name->suffix == SUFFIX_NONE &&
            has_name(loading, name->base_offset, SUFFIX_DELETED) && !has_name(loading, name->base_offset, SUFFIX_NONE))
            error = remove_name(loading, i);
    }
    return error;
}

/* A .swap file without a batch, and what it would replace is still there: it is damaged, or saves nothing. It goes with
 * its indexes. */
static int remove_hollow_swaps(struct loading *loading)
{
    for (int32_t i = loading->names_count - 1; i >= 0; i--) {
        const struct file_name swap = loading->names[i];
        if (swap.suffix != SUFFIX_SWAP || swap.kind != FILE_LOG || !has_name(loading, swap.base_offset, SUFFIX_NONE))
            continue;
        int64_t next_offset;
        int error = next_offset_of(loading, &swap, &next_offset);
        if (error < 0)
            return error;
        if (next_offset > swap.base_offset)
            continue;
        for (int32_t j = loading->names_count - 1; j >= 0; j--) {
            const struct file_name *name = &loading->names[j];
            if (name->suffix == SUFFIX_SWAP && name->base_offset == swap.base_offset)
                error = remove_name(loading, j);
            if (error < 0)
                return error;
        }
        i = loading->names_count; /* others have moved */
    }
    return 0;
}

static bool has_temporary_names(const struct loading *loading)
{
    for (int32_t i = 0; i < loading->names_count; i++)
        if (loading->names[i].suffix != SUFFIX_NONE)
            return true;
    return false;
}

/* What was removed stays removed, whatever is renamed after it. */
static int sync_names(struct loading *loading)
{
    const struct log *log = loading->log;
    int error = log->store->options.sync ? loading->io->sync_directory(loading->io, log->folder->path) : 0;
    return error < 0 ? loading_fail(loading, "sync", log->folder->path, error) : 0;
}

/* Remove the files with this suffix and a base offset in [start, end). */
static int remove_names(struct loading *loading, enum file_suffix suffix, int64_t start, int64_t end)
{
    int error = 0;
    for (int32_t i = loading->names_count - 1; error == 0 && i >= 0; i--) {
        const struct file_name *name = &loading->names[i];
        bool kept = suffix == SUFFIX_NONE && name->kind == FILE_SNAPSHOT;
        if (name->suffix == suffix && name->base_offset >= start && name->base_offset < end && !kept)
            error = remove_name(loading, i);
    }
    return error;
}

/* .swap files at or above the first .cleaned one belong to a split that was not complete, and go before it does. */
static int remove_unfinished(struct loading *loading)
{
    int64_t first_cleaned = INT64_MAX;
    int32_t count = loading->names_count;
    for (int32_t i = 0; i < loading->names_count; i++)
        if (loading->names[i].suffix == SUFFIX_CLEANED && loading->names[i].base_offset < first_cleaned)
            first_cleaned = loading->names[i].base_offset;
    int error = remove_names(loading, SUFFIX_SWAP, first_cleaned, INT64_MAX);
    if (error == 0 && loading->names_count < count)
        error = sync_names(loading);
    const enum file_suffix suffixes[] = {SUFFIX_DELETED, SUFFIX_CLEANED, SUFFIX_TMP};
    for (size_t i = 0; error == 0 && i < COUNT_OF(suffixes); i++)
        error = remove_names(loading, suffixes[i], 0, INT64_MAX);
    return error;
}

/* Remove what the .swap files replace: everything between the first one and the end of the last. */
static int remove_replaced(struct loading *loading)
{
    int64_t first_swap = INT64_MAX, end_swap = -1;
    int error = 0;
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
    if (error == 0 && first_swap < end_swap) {
        error = remove_names(loading, SUFFIX_NONE, first_swap, end_swap);
        if (error == 0)
            error = sync_names(loading);
    }
    return error;
}

static int rename_swaps(struct loading *loading)
{
    int error = 0;
    for (int32_t i = 0; error == 0 && i < loading->names_count; i++) {
        struct file_name *name = &loading->names[i];
        if (name->suffix != SUFFIX_SWAP)
            continue;
        char from[STORAGE_PATH_MAX], to[STORAGE_PATH_MAX];
        loading_path(loading, name, from);
        name->suffix = SUFFIX_NONE;
        loading_path(loading, name, to);
        error = loading->io->rename(loading->io, from, to);
        if (error < 0)
            error = loading_fail(loading, "rename", from, error);
        loading->log->names_unsynced = true;
    }
    return error;
}

/* What is on its way out goes; .swap files, which are complete, take the place of what they were made from. */
static int settle_temporary_files(struct loading *loading)
{
    if (!has_temporary_names(loading))
        return 0;
    int error = finish_deletions(loading);
    if (error == 0)
        error = remove_unfinished(loading);
    if (error == 0)
        error = remove_hollow_swaps(loading);
    if (error == 0)
        error = remove_replaced(loading);
    if (error == 0)
        error = rename_swaps(loading);
    return error;
}

/* ---- 2. segments ----------------------------------------------------------------------------------------------- */

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
        loading_path(loading, name, path);
        if (name->kind == FILE_LOG) {
            struct file_stat info;
            int error = loading->io->stat(loading->io, path, &info);
            if (error < 0)
                return loading_fail(loading, "stat", path, error);
            log_add_segment(log, segment_new(log->folder, name->base_offset, log->store->now_ms));
            log_active(log)->size_bytes = info.size_bytes;
        } else if (name->kind == FILE_SNAPSHOT) {
            continue;
        } else if (log_active(log) == NULL || log_active(log)->base_offset != name->base_offset) {
            store_report(log->store, 1, "Removed an index file without its log file", "path=%s", path);
            int error = loading->io->unlink(loading->io, path);
            if (error < 0)
                return loading_fail(loading, "unlink", path, error);
        } else if (name->kind == FILE_TXN_INDEX) {
            log_active(log)->txn_index.exists = true;
        }
    }
    return 0;
}

/* ---- 5. and 6. offsets and epochs ------------------------------------------------------------------------------ */

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
        int error = loading_cut_behind(loading, -1, 0);
        if (error < 0)
            return error;
        log->end_offset = log->start_offset;
        producer_states_clear(&log->producers);
        loading->producers_end = -1;
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
            return loading_fail_file(loading, "read", &log->segments[i]->log, step);
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
    return error < 0 && error != -EBADMSG && error != -ENOENT ? loading_fail(loading, "read", path, error) : 0;
}

/* After a power cut segments that were deleted may be back, whose epochs are no longer in the file. */
static bool epochs_miss_start(const struct loading *loading)
{
    const struct log *log = loading->log;
    return !loading->clean && log->end_offset > log->start_offset &&
           leader_epochs_at(&log->epochs, log->start_offset) < 0;
}

static int settle_epochs(struct loading *loading)
{
    struct log *log = loading->log;
    int error = 0;
    if (!loading->has_epochs || epochs_miss_start(loading))
        error = epochs_from_batches(loading);
    if (error < 0)
        return error;
    if (leader_epochs_cut_end(&log->epochs, log->end_offset))
        log->epochs_unwritten = true;
    if (leader_epochs_cut_start(&log->epochs, log->start_offset))
        log->epochs_unwritten = true;
    if (!log->epochs_unwritten)
        return 0;
    error = log_write_epochs(log);
    return error < 0 ? loading_fail(loading, "write leader-epoch-checkpoint", log->folder->path, error) : 0;
}

/* ---- all of it ------------------------------------------------------------------------------------------------- */

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

/* Kafka gives ids below 2 to what is never deleted, the metadata log: there is no other topic of its name. */
static bool is_reserved(struct kp_uuid id)
{
    static const uint8_t zeros[sizeof id.bytes - 1];
    return memcmp(id.bytes, zeros, sizeof zeros) == 0;
}

/* A folder of this name is there: is it this topic's? An earlier topic's (deleted, and the broker stopped before its
 * folder was renamed) is put aside. Returns 1 when it is ours. */
static int claim_folder(struct loading *loading)
{
    struct log *log = loading->log;
    struct kp_uuid id;
    loading->has_metadata = read_topic_id(loading, &id);
    if (loading->has_metadata && is_reserved(log->topic_id) && !kp_uuid_equal(id, log->topic_id)) {
        store_report(log->store, 1, "partition.metadata names another topic and is written anew", "path=%s",
                     log->folder->path);
        loading->has_metadata = false;
    }
    if (!loading->has_metadata || kp_uuid_is_zero(log->topic_id) || kp_uuid_equal(id, log->topic_id))
        return 1;
    char name[256], path[STORAGE_PATH_MAX];
    folder_name_aside(log->topic, log->partition, id, "-stray", name);
    int length = snprintf(path, sizeof path, "%s/%s", log->dir->path, name);
    int error = length < STORAGE_PATH_MAX ? loading->io->rename(loading->io, log->folder->path, path) : -ENAMETOOLONG;
    if (error < 0)
        return loading_fail(loading, "rename", log->folder->path, error);
    log->dir->names_reused = true;
    store_report(log->store, 1, "Put the folder of another topic of this name aside", "path=%s", path);
    log->dir->partitions--;
    folder_unref(log->folder);
    log->folder = NULL;
    log->dir = NULL;
    return 0;
}

/* A crash while the log was moved may have left a second folder of it, with the same records: it is put aside. */
static int put_copies_aside(struct loading *loading)
{
    struct log *log = loading->log;
    for (int i = 0; i < log->store->dirs_count; i++) {
        struct log_dir *dir = log_dir_to_look_in(log, i);
        char name[256], path[STORAGE_PATH_MAX];
        struct file_stat info;
        if (dir == NULL || dir == log->dir ||
            snprintf(path, sizeof path, "%s/%s-%d", dir->path, log->topic, (int)log->partition) >= STORAGE_PATH_MAX ||
            loading->io->stat(loading->io, path, &info) < 0)
            continue;
        struct folder *copy = folder_new(&log->store->cache, path);
        folder_name_aside(log->topic, log->partition, log->topic_id, "-stray", name);
        int error = folder_put_aside(copy, dir, name);
        if (error == 0) {
            dir->partitions--;
            store_report(log->store, 1, "Put a second folder of a log aside: its move was interrupted",
                         "path=%s log=%s", copy->path, log->folder->path);
        }
        folder_unref(copy);
        if (error < 0)
            return loading_fail(loading, "rename", path, error);
    }
    return 0;
}

/* The directory that has the log's folder; log->folder stays NULL when none has. */
static int find_folder(struct loading *loading)
{
    struct log *log = loading->log;
    if (log_folder_is_anothers(log))
        return 0;
    for (int i = 0; i < log->store->dirs_count; i++) {
        char path[STORAGE_PATH_MAX];
        struct file_stat info;
        struct log_dir *dir = log_dir_to_look_in(log, i);
        if (dir == NULL)
            continue;
        int length = snprintf(path, sizeof path, "%s/%s-%d", dir->path, log->topic, (int)log->partition);
        if (length >= STORAGE_PATH_MAX - 64)
            return loading_fail(loading, "open", path, -ENAMETOOLONG);
        int error = loading->io->stat(loading->io, path, &info);
        if (error == -ENOENT)
            continue;
        if (error < 0)
            return loading_fail(loading, "stat", path, error);
        log->dir = dir;
        log->folder = folder_new(&log->store->cache, path);
        int ours = claim_folder(loading);
        if (ours != 0)
            return ours < 0 ? ours : put_copies_aside(loading);
    }
    return 0;
}

static int load_folder(struct loading *loading)
{
    struct log *log = loading->log;
    int64_t checkpoints[CHECKPOINT_KINDS];
    for (int kind = 0; kind < CHECKPOINT_KINDS; kind++)
        checkpoints[kind] = store_checkpointed(log, log->dir, (enum checkpoint_kind)kind);
    log->recovery_point = checkpoints[CHECKPOINT_RECOVERY_POINT] > 0 ? checkpoints[CHECKPOINT_RECOVERY_POINT] : 0;
    log->cleaned_offset = checkpoints[CHECKPOINT_CLEANER];
    int error = loading->io->list(loading->io, log->folder->path, note_name, loading);
    if (error < 0)
        return loading_fail(loading, "list", log->folder->path, error);
    error = settle_temporary_files(loading);
    if (error == 0)
        error = find_segments(loading);
    if (error == 0)
        error = load_epochs(loading);
    if (error == 0)
        error = loading_segments(loading);
    if (error == 0)
        error = settle_offsets(loading, checkpoints[CHECKPOINT_LOG_START]);
    if (error == 0)
        error = settle_epochs(loading);
    if (error == 0)
        error = loading_producers(loading);
    if (error == 0 && !loading->has_metadata && !kp_uuid_is_zero(log->topic_id)) {
        error = log_write_partition_metadata(log);
        if (error < 0)
            return loading_fail(loading, "write partition.metadata", log->folder->path, error);
    }
    return error;
}

int log_find_folder(struct log *log, struct storage_fault *fault)
{
    struct loading loading = {.log = log, .io = log->store->options.files, .fault = fault};
    return find_folder(&loading);
}

/* Where the log ended at the last clean stop, as far as the checkpoints tell. */
static int64_t known_end(const struct log *log)
{
    int64_t end = 0;
    for (int i = 0; i < log->store->dirs_count; i++) {
        const struct log_dir *dir = &log->store->dirs[i];
        int64_t checkpointed = store_checkpointed(log, dir, CHECKPOINT_HIGH_WATERMARK);
        if ((log->dir == NULL || log->dir == dir) && checkpointed > end)
            end = checkpointed;
    }
    return end;
}

/* Say what was lost; after a clean stop, which promised that nothing is, the owner has to know. */
static int tell_losses(const struct loading *loading)
{
    const struct log *log = loading->log;
    const struct log_store_options *options = &log->store->options;
    if (loading->cut_bytes > 0)
        store_report(log->store, 1, "Cut what was damaged or not complete off the log",
                     "topic=%s partition=%d log_end_offset=%" PRId64 " cut_bytes=%" PRId64 " cut_segments=%" PRId64,
                     log->topic, (int)log->partition, log->end_offset, loading->cut_bytes, loading->cut_segments);
    int64_t missing = loading->clean ? known_end(log) - log->end_offset : 0;
    if (missing > 0)
        store_report(log->store, 2, "Records are missing that were there at the last stop",
                     "topic=%s partition=%d log_end_offset=%" PRId64 " records=%" PRId64, log->topic,
                     (int)log->partition, log->end_offset, missing);
    if (!loading->clean && log->recovery_point > log->end_offset)
        store_report(log->store, 2, "Records are missing that were flushed to the disk",
                     "topic=%s partition=%d log_end_offset=%" PRId64 " recovery_point=%" PRId64, log->topic,
                     (int)log->partition, log->end_offset, log->recovery_point);
    if (!loading->clean || (missing <= 0 && loading->cut_bytes == 0) || options->log_cut == NULL)
        return 0;
    return options->log_cut(options->log_cut_context, log->topic, log->partition);
}

int log_load(struct log *log, struct storage_fault *fault)
{
    if (log->state != LOG_UNLOADED)
        return log->state == LOG_READY ? 0 : STORAGE_OFFLINE;
    struct loading loading = {.log = log,
                              .io = log->store->options.files,
                              .fault = fault,
                              .clean = log->store->options.clean,
                              .producers_end = -1};
    int error = find_folder(&loading);
    if (error == 0 && log->folder == NULL && log->may_be_away) { /* the one that was there was another topic's */
        log->away = true;
        log->state = LOG_OFFLINE;
        return STORAGE_OFFLINE;
    }
    if (error == 0 && log->folder != NULL)
        error = load_folder(&loading);
    free(loading.names);
    if (error == 0)
        error = tell_losses(&loading);
    if (error < 0) {
        bool is_offline = log->state == LOG_OFFLINE;
        log_unload(log);
        log->state = is_offline ? LOG_OFFLINE : LOG_UNLOADED;
        return error;
    }
    if (loading.clean || log->recovery_point > log->end_offset)
        log->recovery_point = log->end_offset;
    log->last_flush_ms = log->store->now_ms;
    log->state = LOG_READY;
    store_take_checkpoints(log);
    log_tell_place(log);
    return 0;
}
