/* The partition log: append, roll, offsets.
 *
 *     segments:   [0 ........ 41] [42 ....... 99] [100 .... ]        sealed, sealed, active
 *                      ^               ^                    ^
 *                 log start      recovery point          log end = high watermark (one node)
 *
 * An append, in this order: (1) have the log loaded; (2) validate what a client sends, which may rewrite it; (3) ask
 * the producer state, where a duplicate ends it; (4) give it the log end as base offset and the leader epoch; (5) make
 * the folder if it is the first; (6) roll if the active segment is full by size, time, index or offset range; (7) note
 * a new leader epoch, and a transaction that the batch aborts; (8) write; (9) only then change indexes, producer state
 * and log end. So whatever fails, the log is as before: a short write is cut off again, an epoch noted for a batch that
 * was not written begins at the log end, which is true, and an aborted transaction is taken back. Several appends in a
 * row may do the steps from 5 on together (log_gather.c).
 *
 * Failures. A resource that is used up (disk, quota, descriptors) refuses the append, and the next one tries again. Any
 * other failed call puts the log offline until a restart: after an EIO nobody knows what the file holds, after a failed
 * sync what the page cache says is no longer what the disk says.
 *
 * On one node a record is committed once it is appended: the high watermark is the log end. */
#include "log_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PLACE_CHECK_MS 1000 /* a stat() takes 2 microseconds */

struct log *log_new(struct log_store *store, const char *topic, int32_t partition, struct kp_uuid topic_id,
                    const struct log_config *config)
{
    ASSERT(strlen(topic) <= TOPIC_NAME_MAX);
    struct log *log = xmalloc(sizeof *log);
    *log = (struct log){
        .store = store,
        .topic = xstrdup(topic),
        .partition = partition,
        .topic_id = topic_id,
        .config = config,
        .snapshot_offset = -1,
        .last_aborted_offset = -1,
        .cleaned_offset = -1,
    };
    list_append(&store->logs, &log->link);
    list_init(&log->flushes);
    store_grant_wish(log);
    return log;
}

void log_unload(struct log *log)
{
    for (int32_t i = 0; i < log->segments_count; i++)
        segment_unref(log->segments[i]);
    free(log->segments);
    log->segments = NULL;
    log->segments_count = log->segments_capacity = 0;
    producer_states_release(&log->producers);
    leader_epochs_release(&log->epochs);
    if (log->folder != NULL)
        folder_unref(log->folder);
    log->folder = NULL;
    log->dir = NULL;
    log->start_offset = log->end_offset = log->recovery_point = log->sealed_offset = 0;
    log->snapshot_offset = log->last_aborted_offset = -1;
    log->cleaned_offset = -1;
    log->uncleanable = log->touched = log->folder_unsynced = log->names_unsynced = false;
    log->epochs_unwritten = log->epochs_unsynced = false;
    log->survey.known = false;
    log->state = LOG_UNLOADED;
}

void log_free(struct log *log)
{
    ASSERT(log->sync == NULL);
    ASSERT(!log_is_cleaned(log));
    ASSERT(list_empty(&log->flushes));
    ASSERT(log->move == NULL);
    log_unload(log);
    list_remove(&log->link);
    free(log->topic);
    free(log);
}

/* ---- failures -------------------------------------------------------------------------------------------------- */

bool storage_used_up(int error)
{
    return error == -ENOSPC || error == -EDQUOT || error == -EMFILE || error == -ENFILE;
}

int log_fail(struct log *log, struct storage_fault *fault, const char *operation, const char *path, int error)
{
    ASSERT(error < 0);
    if (fault != NULL) {
        *fault =
            (struct storage_fault){.operation = operation, .error = error == -EBADMSG ? 0 : -error, .position = -1};
        snprintf(fault->path, sizeof fault->path, "%s", path);
    }
    if (storage_used_up(error))
        return STORAGE_NO_SPACE;
    if (error == -EBADMSG)
        return STORAGE_CORRUPT;
    if (log->state != LOG_OFFLINE)
        store_report(log->store, 2, "Log is offline until a restart",
                     "topic=%s partition=%d operation=%s path=%s error=%s", log->topic, (int)log->partition, operation,
                     path, strerror(-error));
    log->state = LOG_OFFLINE;
    return STORAGE_IO;
}

int log_fail_file(struct log *log, struct storage_fault *fault, const char *operation, const struct cached_file *file,
                  int error)
{
    char path[STORAGE_PATH_MAX];
    cached_file_path(file, path);
    return log_fail(log, fault, operation, path, error);
}

static int offline(const struct log *log, struct storage_fault *fault)
{
    if (fault != NULL) {
        *fault = (struct storage_fault){.operation = "offline", .position = -1};
        snprintf(fault->path, sizeof fault->path, "%s-%d", log->topic, (int)log->partition);
    }
    return STORAGE_OFFLINE;
}

int log_ready(struct log *log, struct storage_fault *fault)
{
    if (log->state == LOG_READY)
        return 0;
    return log->state == LOG_OFFLINE ? offline(log, fault) : log_load(log, fault);
}

/* ---- segments -------------------------------------------------------------------------------------------------- */

int32_t log_segment_at(const struct log *log, int64_t offset)
{
    int32_t first = 0, end = log->segments_count; /* segments below `first` begin at or below `offset` */
    while (first < end) {
        int32_t middle = first + (end - first) / 2;
        if (log->segments[middle]->base_offset <= offset)
            first = middle + 1;
        else
            end = middle;
    }
    return first - 1;
}

void log_add_segment(struct log *log, struct segment *segment)
{
    if (log->segments_count == log->segments_capacity) {
        log->segments_capacity = log->segments_capacity == 0 ? 1 : log->segments_capacity * 2;
        log->segments = xrealloc(log->segments, (size_t)log->segments_capacity * sizeof(struct segment *));
    }
    log->segments[log->segments_count++] = segment;
}

void log_path(const struct log *log, const char *name, char path[STORAGE_PATH_MAX])
{
    snprintf(path, STORAGE_PATH_MAX, "%s/%s", log->folder->path, name);
}

void log_partition_metadata(const struct log *log, char text[PARTITION_METADATA_BYTES])
{
    char id[KP_UUID_TEXT_SIZE];
    kp_uuid_text(log->topic_id, id);
    snprintf(text, PARTITION_METADATA_BYTES, "version: 0\ntopic_id: %s", id);
}

int log_write_partition_metadata(struct log *log)
{
    char path[STORAGE_PATH_MAX], text[PARTITION_METADATA_BYTES];
    log_path(log, "partition.metadata", path);
    log_partition_metadata(log, text);
    return file_replace(log->store->options.files, path, text, strlen(text), false);
}

int log_write_epochs(struct log *log)
{
    char path[STORAGE_PATH_MAX];
    log_path(log, "leader-epoch-checkpoint", path);
    int error = leader_epochs_save(&log->epochs, log->store->options.files, path);
    if (error == 0)
        log->epochs_unwritten = false;
    log->epochs_unsynced = log->touched = true;
    log->names_unsynced = true;
    return error;
}

int log_write_snapshot(struct log *log)
{
    if (log->snapshot_offset == log->end_offset)
        return 0;
    char path[STORAGE_PATH_MAX];
    uint8_t *bytes;
    size_t size;
    (void)folder_file_path(log->folder, log->end_offset, FILE_SNAPSHOT, SUFFIX_NONE, path);
    producer_states_encode(&log->producers, &bytes, &size);
    int error = file_replace(log->store->options.files, path, bytes, size, false);
    free(bytes);
    if (error == 0)
        log->snapshot_offset = log->end_offset;
    log->names_unsynced = true;
    return error;
}

/* A topic that was deleted may have had the name of the new folder: neither its folder nor its offsets in the
 * checkpoints may come back in its place. */
static int sync_put_aside(struct log *log, struct storage_fault *fault)
{
    struct log_store *store = log->store;
    for (int i = 0; i < store->dirs_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        if (!dir->names_reused || dir->offline)
            continue;
        int error = store_forget_checkpoints(store, dir);
        if (error == 0 && store->options.sync)
            error = store->options.files->sync_directory(store->options.files, dir->path);
        if (error < 0 && !store_dir_failed(store, dir, "sync", error))
            return log_fail(log, fault, "sync", dir->path, error);
        dir->names_reused = false;
    }
    return 0;
}

int log_make_folder(struct log *log, struct storage_fault *fault)
{
    struct log_store *store = log->store;
    if (store->options.before_folder != NULL) {
        int refused = store->options.before_folder(store->options.before_folder_context);
        if (refused < 0)
            return refused;
    }
    int aside = sync_put_aside(log, fault);
    if (aside < 0)
        return aside;
    struct log_dir *dir;
    char path[STORAGE_PATH_MAX];
    int error;
    do {
        dir = log_planned_dir(log);
        int length = snprintf(path, sizeof path, "%s/%s-%d", dir->path, log->topic, (int)log->partition);
        if (length >= STORAGE_PATH_MAX - 64)
            return log_fail(log, fault, "mkdir", path, -ENAMETOOLONG);
        error = store->options.files->mkdir(store->options.files, path);
        if (error == -EEXIST) /* there after an attempt that failed later */
            error = 0;
    } while (error < 0 && store_dir_failed(store, dir, "mkdir", error));
    if (error < 0)
        return log_fail(log, fault, "mkdir", path, error);
    log->folder = folder_new(&store->cache, path);
    log->folder_unsynced = log->names_unsynced = true;
    error = log_write_partition_metadata(log);
    if (error < 0) {
        int result = log_fail(log, fault, "write partition.metadata", path, error);
        folder_unref(log->folder);
        log->folder = NULL;
        return result;
    }
    log_plan_dir(log, NULL);
    log->dir = dir;
    dir->partitions++;
    log_tell_place(log);
    return 0;
}

int log_roll(struct log *log, int64_t now_ms, struct storage_fault *fault)
{
    struct segment *old = log_active(log);
    int error;
    if (old != NULL) {
        error = segment_seal(old);
        if (error < 0)
            return log_fail_file(log, fault, "seal", &old->log, error);
        error = log_write_snapshot(log);
        if (error < 0)
            return log_fail(log, fault, "write snapshot", log->folder->path, error);
    }
    struct segment *segment = segment_new(log->folder, log->end_offset, now_ms);
    error = segment_create(segment);
    log->names_unsynced = true;
    if (error < 0) {
        int result = log_fail_file(log, fault, "create", &segment->log, error);
        segment_unref(segment);
        return result;
    }
    log_add_segment(log, segment);
    log->seen_ms = now_ms;
    if (old != NULL)
        log_sync_soon(log);
    return 0;
}

/* A number below `bound` that is always the same for this segment: with segment.jitter.ms the segments of many
 * partitions roll at different times. */
static int64_t jitter_ms(const struct log *log, const struct segment *segment)
{
    int64_t bound = log->config->segment_jitter_ms;
    if (bound > log->config->segment_ms)
        bound = log->config->segment_ms;
    if (bound <= 0)
        return 0;
    uint64_t mixed = (uint64_t)segment->base_offset ^ (uint64_t)log->partition << 48;
    for (const char *at = log->topic; *at != '\0'; at++)
        mixed = (mixed ^ (uint64_t)(unsigned char)*at) * UINT64_C(0x100000001b3); /* FNV-1a */
    return (int64_t)((mixed >> 1) % (uint64_t)bound);
}

bool log_must_roll(const struct log *log, const struct record_batch *batch, int64_t now_ms, int32_t batches,
                   int64_t bytes)
{
    const struct segment *active = log_active(log);
    const struct log_config *config = log->config;
    if (active == NULL)
        return true;
    if (active->size_bytes == 0)
        return false;
    if (active->size_bytes + bytes > config->segment_bytes - batch->size_bytes ||
        record_batch_last_offset(batch) - active->base_offset > INT32_MAX)
        return true;
    /* Kafka keeps one entry of the time index for the sealing of the segment. */
    if (active->offset_index.entries.entries + batches >= config->segment_index_bytes / OFFSET_INDEX_ENTRY_BYTES ||
        active->time_index.entries.entries + batches >= config->segment_index_bytes / TIME_INDEX_ENTRY_BYTES - 1)
        return true;
    /* What is active is not compacted: it rolls in time for max.compaction.lag.ms. */
    int64_t age_ms_max = config->segment_ms;
    if (config->cleanup_compact && config->max_compaction_lag_ms > 0 && config->max_compaction_lag_ms < age_ms_max)
        age_ms_max = config->max_compaction_lag_ms;
    int64_t age_ms = active->first_timestamp_ms >= 0 ? batch->max_timestamp_ms - active->first_timestamp_ms
                                                     : now_ms - active->created_ms;
    return age_ms > age_ms_max - jitter_ms(log, active);
}

/* ---- append ---------------------------------------------------------------------------------------------------- */

static int refusal_error(enum batch_refusal refusal)
{
    switch (refusal) {
    case BATCH_ACCEPTED:
        break;
    case BATCH_UNDECIDED:
        return STORAGE_BATCH_UNDECIDED;
    case BATCH_REFUSED_CORRUPT:
        return STORAGE_BATCH_CORRUPT;
    case BATCH_REFUSED_INVALID:
        return STORAGE_BATCH_INVALID;
    case BATCH_REFUSED_TIMESTAMP:
        return STORAGE_BATCH_TIMESTAMP;
    case BATCH_REFUSED_TOO_LARGE:
        return STORAGE_BATCH_TOO_LARGE;
    case BATCH_REFUSED_CODEC:
        return STORAGE_BATCH_CODEC;
    case BATCH_REFUSED_UNREADABLE:
        return STORAGE_BATCH_UNREADABLE;
    }
    return 0;
}

/* Files that are removed or moved away under the broker can still be written, and nobody would find what is in them. So
 * the active segment is looked for at its place, once in a while. */
static int check_place(struct log *log, int64_t now_ms, struct storage_fault *fault)
{
    const struct segment *active = log_active(log);
    int64_t since_ms = now_ms - log->seen_ms;
    if (active == NULL || (since_ms >= 0 && since_ms < PLACE_CHECK_MS))
        return 0;
    struct file_io *files = log->store->options.files;
    char path[STORAGE_PATH_MAX];
    struct file_stat stat;
    cached_file_path(&active->log, path);
    int error = files->stat(files, path, &stat);
    if (error == 0 && stat.size_bytes < active->size_bytes)
        error = -ESTALE; /* another file, or cut by somebody else */
    if (error < 0)
        return log_fail(log, fault, "stat", path, error);
    log->seen_ms = now_ms;
    return 0;
}

void log_set_offsets(struct log_append *append, int64_t base_offset)
{
    uint8_t *bytes = (uint8_t *)(uintptr_t)append->batch.bytes; /* append->bytes, or verdict.rebuilt */
    record_batch_set_base_offset(bytes, base_offset);
    record_batch_set_leader_epoch(bytes, append->leader_epoch);
    append->batch.base_offset = base_offset;
    append->batch.leader_epoch = append->leader_epoch;
}

/* Steps 5 to 7: what the log needs before `append` can be written. */
static int prepare_write(struct log *log, const struct log_append *append, struct storage_fault *fault)
{
    log->touched = true;
    int error = log->folder == NULL ? log_make_folder(log, fault) : check_place(log, append->now_ms, fault);
    if (error == 0 && log_must_roll(log, &append->batch, append->now_ms, 0, 0))
        error = log_roll(log, append->now_ms, fault);
    if (error < 0)
        return error;
    if (append->leader_epoch >= 0 && leader_epochs_assign(&log->epochs, append->leader_epoch, log->end_offset))
        log->epochs_unwritten = true;
    if (log->epochs_unwritten) {
        error = log_write_epochs(log);
        if (error < 0)
            return log_fail(log, fault, "write leader-epoch-checkpoint", log->folder->path, error);
    }
    return 0;
}

/* Step 9. */
static void count_written(struct log *log, struct log_append *append)
{
    const struct record_batch *batch = &append->batch;
    struct segment *active = log_active(log);
    segment_count_batch(active, batch, active->size_bytes, log->config->index_interval_bytes);
    if (log->recovery_point == log->end_offset)
        log->last_flush_ms = append->now_ms;
    append->base_offset = log->end_offset;
    append->last_offset = record_batch_last_offset(batch);
    log->end_offset = append->last_offset + 1;
    producer_states_update(&log->producers, batch);
    store_log_appended(log, append->now_ms);
}

int log_write(struct log *log, struct log_append *const *appends, int count, struct storage_fault *fault)
{
    int error = prepare_write(log, appends[0], fault);
    if (error < 0)
        return error;
    struct segment *active = log_active(log);
    int64_t aborted_before = active->txn_index.last_offset;
    struct completed_txn txn;
    bool aborts = producer_states_completes(&log->producers, &appends[0]->batch, &txn) && txn.aborted;
    error = aborts ? log_index_aborted(log, active, &txn) : 0;
    if (error < 0)
        return log_fail_file(log, fault, "pwrite", &active->txn_index.file, error);
    struct iovec batches[FILE_PARTS_MAX];
    for (int i = 0; i < count; i++) {
        const struct record_batch *batch = &appends[i]->batch;
        batches[i] = (struct iovec){(void *)(uintptr_t)batch->bytes, (size_t)batch->size_bytes};
    }
    bool cut_failed;
    error = segment_write(active, batches, count, &cut_failed);
    if (error < 0) {
        if (aborts)
            txn_index_take_back(&active->txn_index, aborted_before);
        return log_fail_file(log, fault, "pwrite", &active->log, cut_failed ? -EIO : error);
    }
    for (int i = 0; i < count; i++)
        count_written(log, appends[i]);
    return 0;
}

/* Step 2, as far as the work of this turn allows. */
static void validate(struct log *log, struct log_append *append)
{
    struct log_store *store = log->store;
    store->walk.work_bytes = store->work_bytes;
    batch_validate(&append->verdict, append->bytes, append->size_bytes, &log->config->rules, append->zstd_allowed,
                   append->now_ms, append->arena, &store->walk);
    store->work_bytes = store->walk.work_bytes;
    store->walk.work_bytes = SIZE_MAX;
}

/* Step 2. What is to be written is in append->batch: the caller's bytes, or verdict.rebuilt. */
static int check_batch(struct log *log, struct log_append *append)
{
    size_t size = append->size_bytes;
    const uint8_t *bytes = append->bytes;
    if (append->origin == LOG_APPEND_CLIENT)
        validate(log, append);
    if (append->origin != LOG_APPEND_COORDINATOR) {
        if (append->verdict.refusal != BATCH_ACCEPTED)
            return refusal_error(append->verdict.refusal);
        append->append_time_ms = append->verdict.append_time_ms;
        size = (size_t)append->verdict.size_bytes;
        if (append->verdict.rebuilt != NULL) {
            bytes = append->verdict.rebuilt;
            size = append->verdict.rebuilt_size_bytes;
        }
    }
    if (record_batch_view(&append->batch, bytes, size) != BATCH_OK || (size_t)append->batch.size_bytes != size)
        return STORAGE_BATCH_CORRUPT;
    return append->batch.size_bytes > log->config->segment_bytes ? STORAGE_BATCH_EXCEEDS_SEGMENT : 0;
}

/* Step 3. */
static int check_producer(struct log *log, struct log_append *append, struct storage_fault *fault)
{
    if (append->origin == LOG_APPEND_COORDINATOR)
        return 0;
    struct producer_batch known;
    int answer = log_check_producer(log, &append->batch, append->bound, &known, fault);
    if (answer == 1) {
        append->duplicate = true;
        append->last_offset = known.last_offset;
        append->base_offset = known.last_offset - known.offset_delta;
        append->append_time_ms = known.timestamp_ms; /* whatever kind of time the topic has, as Kafka */
    }
    return answer;
}

int log_append_checked(struct log *log, struct log_append *append, struct storage_fault *fault)
{
    int error = log_ready(log, fault);
    if (error == 0)
        error = check_producer(log, append, fault);
    if (error != 0)
        return error < 0 ? error : 0;
    log_set_offsets(append, log->end_offset);
    return log_write(log, &append, 1, fault);
}

/* Coordinators cannot wait for one, but where an earlier topic's has its name. */
static bool may_make_folder(const struct log *log, const struct log_append *append)
{
    return append->origin == LOG_APPEND_COORDINATOR && !log_folder_is_anothers(log);
}

int log_append(struct log *log, struct log_append *append, struct storage_fault *fault)
{
    append->base_offset = append->last_offset = append->append_time_ms = -1;
    append->duplicate = append->waits = false;
    if (append->origin != LOG_APPEND_VALIDATED)
        append->verdict = (struct batch_verdict){.refusal = BATCH_ACCEPTED};
    int error = log_ready(log, fault);
    if (error == 0 && log->folder == NULL && log->store->has_turns && !may_make_folder(log, append))
        error = STORAGE_NO_FOLDER;
    if (error == 0)
        error = check_batch(log, append);
    if (error == 0 && append->written != NULL && log_gather(log, append))
        return 0;
    log_store_write(log->store);
    if (error == 0)
        error = log_append_checked(log, append, fault);
    free(append->verdict.rebuilt);
    append->verdict.rebuilt = NULL;
    return error;
}

/* ---- offsets --------------------------------------------------------------------------------------------------- */

/* Offsets are asked for where no answer can be an error: a log that cannot be loaded has none. */
static bool has_offsets(struct log *log)
{
    return log->state != LOG_UNLOADED || log_ready(log, NULL) == 0;
}

int64_t log_start_offset(struct log *log)
{
    return has_offsets(log) ? log->start_offset : 0;
}

int64_t log_end_offset(struct log *log)
{
    return has_offsets(log) ? log->end_offset : 0;
}

int64_t log_high_watermark(struct log *log)
{
    return log_end_offset(log);
}

int64_t log_last_stable_offset(struct log *log)
{
    return has_offsets(log) ? log_bound(log, ISOLATION_READ_COMMITTED) : 0;
}

int64_t log_size_bytes(struct log *log)
{
    int64_t size = 0;
    if (has_offsets(log))
        for (int32_t i = 0; i < log->segments_count; i++)
            size += log->segments[i]->size_bytes;
    return size;
}

bool log_is_offline(const struct log *log)
{
    return log->state == LOG_OFFLINE;
}

bool log_is_loaded(const struct log *log)
{
    return log->state != LOG_UNLOADED;
}

bool log_epoch_end(struct log *log, int32_t epoch, int32_t *found_epoch, int64_t *end_offset)
{
    return has_offsets(log) && leader_epochs_end(&log->epochs, epoch, log->end_offset, found_epoch, end_offset);
}

int32_t log_latest_epoch(struct log *log)
{
    return has_offsets(log) ? leader_epochs_latest(&log->epochs) : -1;
}

int32_t log_epoch_at(struct log *log, int64_t offset)
{
    return has_offsets(log) ? leader_epochs_at(&log->epochs, offset) : -1;
}
