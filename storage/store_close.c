/* The clean stop of a store: everything on the disk, and told in the checkpoints.
 *
 *     0. recover   after an unclean stop, what nobody used since
 *     1. seal      each log that was touched: the last entry of the time index, indexes cut to size, a snapshot of the
 *                  producers at the log end
 *     2. sync      few logs: the files of each, one after the other (log_flush.c); many: their file systems as a whole
 *     3. tell      recovery points = log ends, then the checkpoints of each folder
 *
 * A log that was made since the start has eight things to sync, each of which may wait for the disk: with 10,000 of
 * them half a minute, where one sync of the file system takes as long as the bytes do. Where that cannot be had, or
 * fails, each log is synced, which also finds out whose files it is that the disk does not take.
 *
 * A stop is clean only when every log is: one that is offline makes the next start look again. But not one whose
 * directory was offline from the start: nothing has changed in there. */
#include "log_internal.h"

#include <errno.h>

/* From so many logs in a folder on, the file system is synced as a whole. What else is written to it may be much, but
 * seldom takes longer than a hundred syncs. */
#define SYNC_ALL_LOGS_MIN 16

struct closing {
    struct log_store *store;
    struct storage_fault *fault; /* of the first failure; may be NULL */
    int result;
};

static struct storage_fault *fault_of(const struct closing *closing)
{
    return closing->result == 0 ? closing->fault : NULL;
}

static void note(struct closing *closing, int error)
{
    if (closing->result == 0)
        closing->result = error;
}

/* ---- 1. seal --------------------------------------------------------------------------------------------------- */

/* Does closing have something to do for this log? */
static bool is_dirty(const struct log *log)
{
    return log->state == LOG_READY && log->folder != NULL && log->touched;
}

static int seal_log(struct log *log, struct storage_fault *fault)
{
    struct segment *active = log_active(log);
    int error = active != NULL ? segment_seal(active) : 0;
    if (error < 0)
        error = log_fail_file(log, fault, "seal", &active->log, error);
    else if ((error = log_write_snapshot(log)) < 0)
        error = log_fail(log, fault, "write snapshot", log->folder->path, error);
    if (error < 0)
        log->state = LOG_OFFLINE; /* also on a full disk: it is left as it is, and the next start recovers it */
    return error;
}

static void seal_all(struct closing *closing)
{
    list_for_each (&closing->store->logs, node) {
        struct log *log = CONTAINER_OF(node, struct log, link);
        if (log->away || (log->state == LOG_UNLOADED && closing->store->options.clean))
            continue;
        int error = log_ready(log, fault_of(closing)); /* which recovers, or says that it is offline */
        if (error < 0)
            note(closing, error);
        else if (is_dirty(log))
            note(closing, seal_log(log, fault_of(closing)));
    }
}

/* ---- 2. sync --------------------------------------------------------------------------------------------------- */

static int64_t count_dirty(const struct log_store *store, const struct log_dir *dir)
{
    int64_t count = 0;
    list_for_each (&store->logs, node) {
        const struct log *log = CONTAINER_OF(node, struct log, link);
        count += log->dir == dir && is_dirty(log);
    }
    return count;
}

/* Is everything in `dir` on the disk by one call? */
static bool sync_dir(const struct log_store *store, const struct log_dir *dir)
{
    struct file_io *io = store->options.files;
    return store->options.sync && count_dirty(store, dir) >= SYNC_ALL_LOGS_MIN && io->sync_all(io, dir->path) == 0;
}

static void sync_all(struct closing *closing)
{
    struct log_store *store = closing->store;
    for (int i = 0; i < store->dirs_count; i++) {
        bool synced = sync_dir(store, &store->dirs[i]);
        list_for_each (&store->logs, node) {
            struct log *log = CONTAINER_OF(node, struct log, link);
            if (log->dir != &store->dirs[i] || !is_dirty(log))
                continue;
            int error = synced ? 0 : log_sync_now(log, true, fault_of(closing));
            note(closing, error);
            if (error == 0)
                log->recovery_point = log->end_offset; /* also without syncs: who stops cleanly has it all */
        }
    }
}

int log_store_close(struct log_store *store, int64_t now_ms, struct storage_fault *fault)
{
    struct closing closing = {.store = store, .fault = fault};
    store->now_ms = now_ms;
    store_cleaner_close(store);
    seal_all(&closing);
    sync_all(&closing);
    note(&closing, store_checkpoints_write(store, fault_of(&closing)));
    log_store_free(store);
    return closing.result;
}
