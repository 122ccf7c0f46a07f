/* Flush: from the page cache to the disk, in the pool.
 *
 *     append -> ... -> append          append -> append
 *     recovery point ============>|     end of the sync under way |==========> log end
 *                         covered by the sync in the pool          the next one covers this
 *
 * A log has at most one sync in the pool. Whoever asks meanwhile waits for the next, which covers all that was appended
 * until it starts: so any number of requests share one sync.
 *
 * A sync goes in steps whose order is the order in which things must be on the disk: sealed segments with their indexes
 * and the snapshot behind them, then the active segment's .log file, then the leader epochs, then the names (the
 * folder, and its own name). Only when all are done the recovery point advances. The active segment's indexes are not
 * synced: recovery makes them again.
 *
 * When a step fails the log goes offline. All that a job touches is in its struct: descriptors are pinned, paths are
 * copied; a log that is deleted meanwhile leaves the struct behind. */
#include "log_internal.h"

#include <errno.h>
#include <string.h>

/* One thing to sync: a pinned file, or a path that is opened for it. */
struct sync_step {
    struct cached_file *pinned; /* NULL: `path` */
    struct segment *segment;    /* the reference that keeps `pinned` */
    struct file *file;
    char *path;
    bool directory;
};

struct log_sync {
    struct job job;
    struct log *log; /* NULL: deleted meanwhile */
    struct file_io *io;
    struct sync_step *steps;
    int32_t count, capacity;
    int64_t end_offset;    /* what is covered */
    int64_t sealed_offset; /* base offset of the active segment when the job was made */
    struct list flushes;   /* who waits for this one */
    int error;             /* negative errno of the step that failed */
    int status;            /* of the log when the job was made: what to answer when nothing is to be done */
    int32_t failed_step;
};

static struct sync_step *add_step(struct log_sync *sync)
{
    if (sync->count == sync->capacity) {
        sync->capacity = sync->capacity == 0 ? 4 : sync->capacity * 2;
        sync->steps = xrealloc(sync->steps, (size_t)sync->capacity * sizeof *sync->steps);
    }
    struct sync_step *step = &sync->steps[sync->count++];
    *step = (struct sync_step){0};
    return step;
}

static int add_file(struct log_sync *sync, struct segment *segment, struct cached_file *cached)
{
    int error = cached_file_pin(cached);
    if (error < 0)
        return error;
    struct sync_step *step = add_step(sync);
    step->pinned = cached;
    step->segment = segment_ref(segment);
    step->file = cached->file;
    return 0;
}

static void add_path(struct log_sync *sync, const char *path, bool directory)
{
    struct sync_step *step = add_step(sync);
    step->path = xstrdup(path);
    step->directory = directory;
}

/* All that must be on the disk before the recovery point may be the log end; when the log closes, also the indexes of
 * the active segment and the snapshot at the log end. */
static int collect_steps(struct log *log, struct log_sync *sync, bool closing)
{
    char path[STORAGE_PATH_MAX];
    int64_t first_offset = log->recovery_point < log->sealed_offset ? log->recovery_point : log->sealed_offset;
    int32_t first = log_segment_at(log, first_offset);
    int error = 0;
    for (int32_t i = first < 0 ? 0 : first; error == 0 && i < log->segments_count; i++) {
        struct segment *segment = log->segments[i];
        bool active = i + 1 == log->segments_count;
        error = add_file(sync, segment, &segment->log);
        if (error < 0 || (active && !closing))
            continue;
        error = add_file(sync, segment, &segment->offset_index.entries.file);
        if (error == 0)
            error = add_file(sync, segment, &segment->time_index.entries.file);
        if (error == 0 && segment->txn_index.exists)
            error = add_file(sync, segment, &segment->txn_index.file);
        int64_t snapshot_offset = active ? log->end_offset : log->segments[i + 1]->base_offset;
        if (folder_file_path(log->folder, snapshot_offset, FILE_SNAPSHOT, SUFFIX_NONE, path))
            add_path(sync, path, false);
    }
    if (log->epochs_unsynced) {
        log_path(log, "leader-epoch-checkpoint", path);
        add_path(sync, path, false);
    }
    if (log->folder_unsynced) {
        log_path(log, "partition.metadata", path);
        add_path(sync, path, false);
    }
    if (log->names_unsynced)
        add_path(sync, log->folder->path, true);
    if (log->folder_unsynced)
        add_path(sync, log->dir->path, true);
    return error;
}

/* On any thread: the struct holds all that is needed. */
static int run_step(struct file_io *io, const struct sync_step *step)
{
    if (step->pinned != NULL)
        return io->sync(io, step->file);
    if (step->directory)
        return io->sync_directory(io, step->path);
    struct file *file;
    int error = io->open(io, step->path, FILE_READ, &file);
    if (error == -ENOENT) /* a snapshot that retention removed since */
        return 0;
    if (error == 0) {
        error = io->sync(io, file);
        io->close(io, file);
    }
    return error;
}

static void sync_work(struct job *job)
{
    struct log_sync *sync = CONTAINER_OF(job, struct log_sync, job);
    for (int32_t i = 0; sync->error == 0 && i < sync->count; i++) {
        sync->error = run_step(sync->io, &sync->steps[i]);
        sync->failed_step = i;
    }
}

static void release_steps(struct log_sync *sync)
{
    for (int32_t i = 0; i < sync->count; i++) {
        struct sync_step *step = &sync->steps[i];
        if (step->pinned != NULL) {
            cached_file_unpin(step->pinned);
            segment_unref(step->segment);
        }
        free(step->path);
    }
    free(sync->steps);
}

/* What the finished steps mean for the log. Returns the status for those who waited. */
static int conclude(struct log *log, struct log_sync *sync, struct storage_fault *fault)
{
    if (sync->status < 0)
        return sync->status;
    if (sync->error < 0) {
        const char *path = log->folder->path;
        char file_path[STORAGE_PATH_MAX];
        if (sync->failed_step < sync->count) {
            const struct sync_step *step = &sync->steps[sync->failed_step];
            if (step->pinned != NULL)
                cached_file_path(step->pinned, file_path);
            path = step->pinned != NULL ? file_path : step->path;
        }
        (void)log_fail(log, fault, "sync", path, -EIO); /* also a disk that is full: what was promised is not there */
        return STORAGE_IO;
    }
    if (log->store->options.sync) {
        if (sync->end_offset > log->recovery_point) {
            log->recovery_point = sync->end_offset;
            store_checkpoint_changed(log->dir, CHECKPOINT_RECOVERY_POINT);
            if (sync->sealed_offset > log->sealed_offset)
                store_checkpoint_soon(log->store, log->dir, CHECKPOINT_RECOVERY_POINT);
        }
        log->sealed_offset = sync->sealed_offset;
    }
    log->last_flush_ms = log->store->now_ms;
    return 0;
}

static void start_sync(struct log *log);

static void sync_done(struct job *job, bool canceled)
{
    struct log_sync *sync = CONTAINER_OF(job, struct log_sync, job);
    struct log *log = sync->log;
    int status = STORAGE_CANCELED;
    if (log != NULL) {
        log->sync = NULL;
        if (!canceled)
            status = conclude(log, sync, NULL);
    }
    release_steps(sync);
    if (log != NULL && (log->sync_wanted || !list_empty(&log->flushes)))
        start_sync(log);
    if (log != NULL && status == 0)
        log_retention_synced(log);
    list_for_each (&sync->flushes, node) {
        struct log_flush *flush = CONTAINER_OF(node, struct log_flush, link);
        list_remove(node);
        flush->done(flush, status);
    }
    free(sync);
}

static struct log_sync *new_sync(struct log *log, bool closing)
{
    ASSERT(log->store->gathered.count == 0 || log->store->gathered.log != log);
    struct log_sync *sync = xmalloc(sizeof *sync);
    *sync = (struct log_sync){
        .job = {.kind = JOB_FLUSH, .name = "log synced", .work = sync_work, .done = sync_done},
        .log = log,
        .io = log->store->options.files,
        .end_offset = log->end_offset,
        .sealed_offset = log_active(log) != NULL ? log_active(log)->base_offset : 0,
    };
    list_init(&sync->flushes);
    if (log->state == LOG_OFFLINE)
        sync->status = STORAGE_OFFLINE;
    else if (log->folder != NULL && log->store->options.sync)
        sync->error = collect_steps(log, sync, closing);
    if (sync->error == 0)
        log->epochs_unsynced = log->names_unsynced = log->folder_unsynced = false; /* a failure ends in offline */
    sync->failed_step = sync->count;
    return sync;
}

static void start_sync(struct log *log)
{
    struct log_sync *sync = new_sync(log, false);
    log->sync = sync;
    log->sync_wanted = false;
    list_for_each (&log->flushes, node) {
        list_remove(node);
        list_append(&sync->flushes, node);
    }
    log->store->options.executor->submit(log->store->options.executor, &sync->job);
}

void log_sync_soon(struct log *log)
{
    if (!log->store->options.sync)
        return;
    log_store_write(log->store);
    if (log->sync != NULL)
        log->sync_wanted = true;
    else
        start_sync(log);
}

void log_flush(struct log *log, struct log_flush *flush)
{
    log_store_write(log->store); /* it covers what waits to be written, too */
    list_init(&flush->link);
    list_append(&log->flushes, &flush->link);
    if (log->sync == NULL)
        start_sync(log);
}

int log_sync_now(struct log *log, bool closing, struct storage_fault *fault)
{
    struct log_sync *sync = new_sync(log, closing);
    sync_work(&sync->job);
    int status = conclude(log, sync, fault);
    release_steps(sync);
    free(sync);
    return status;
}

int log_flush_now(struct log *log, struct storage_fault *fault)
{
    /* To an unloaded one nothing was appended. */
    return log->state == LOG_UNLOADED ? 0 : log_sync_now(log, false, fault);
}

void log_forget_sync(struct log *log)
{
    if (log->sync == NULL)
        return;
    list_for_each (&log->flushes, node) {
        list_remove(node);
        list_append(&log->sync->flushes, node);
    }
    log->sync->log = NULL;
    log->sync = NULL;
}

bool log_wants_flush(const struct log *log)
{
    return log->store->options.sync && log->end_offset - log->recovery_point >= log->config->flush_messages;
}
