/* The folder of a log and its first files, made in the pool.
 *
 *     log_append()  STORAGE_NO_FOLDER --> log_make() --> pool: folder, partition.metadata, leader-epoch-checkpoint,
 *                                                              an empty segment --> done --> log_append() again
 *
 * It is a dozen calls that change names, and while the file system writes its journal each of them may wait for it: on
 * a busy disk the first records of a topic with many partitions would stop everybody for seconds. Whoever cannot wait
 * (log_make_folder()) makes the same files in the same order.
 *
 * A log has one making at a time, and all who want it wait for that. The makings of a store run one after the other:
 * when a topic is deleted while its folder is made, the folder is put aside before its successor's is made. Until then
 * a folder of that name is nobody else's (store_makes()). A making that fails leaves what it has made; the next one
 * begins with that. Where no folder can be made in a directory, another of log.dirs is taken. */
#include "log_internal.h"

#include <errno.h>
#include <string.h>

struct log_making {
    struct list link; /* store->makings */
    struct job job;
    struct log_store *store;
    struct log *log; /* NULL: deleted meanwhile */
    struct log_dir *dir;
    char name[256]; /* TOPIC-PARTITION */
    char aside[256];
    char path[STORAGE_PATH_MAX];
    char metadata[PARTITION_METADATA_BYTES];
    struct leader_epochs epochs;
    const char *
        *unsynced; /* folders in which something was put aside: it must not come back in the place of this one */
    int unsynced_count;
    struct list waiting;   /* struct log_make */
    const char *operation; /* of the call that failed */
    int error;
    bool refused; /* the directory takes no folder */
};

/* ---- on a thread of the pool ----------------------------------------------------------------------------------- */

static int make_file(struct file_io *io, const char *folder_path, enum file_kind kind)
{
    char path[STORAGE_PATH_MAX], *borrowed = (char *)(uintptr_t)folder_path;
    const struct folder folder = {.path = borrowed};
    struct file *file;
    if (!folder_file_path(&folder, 0, kind, SUFFIX_NONE, path))
        return -ENAMETOOLONG;
    int error = io->open(io, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &file);
    if (error == 0)
        io->close(io, file);
    return error;
}

static int make_files(struct log_making *making)
{
    struct file_io *io = making->store->options.files;
    char path[STORAGE_PATH_MAX + 32];
    making->operation = "sync";
    for (int i = 0; i < making->unsynced_count; i++) {
        int error = io->sync_directory(io, making->unsynced[i]);
        if (error < 0)
            return error;
    }
    making->operation = "mkdir";
    int error = io->mkdir(io, making->path);
    making->refused = error < 0 && error != -EEXIST; /* there after an attempt that failed later */
    if (making->refused)
        return error;
    making->operation = "write partition.metadata";
    snprintf(path, sizeof path, "%s/partition.metadata", making->path);
    error = file_replace(io, path, making->metadata, strlen(making->metadata), false);
    static const enum file_kind kinds[] = {FILE_LOG, FILE_OFFSET_INDEX, FILE_TIME_INDEX};
    for (size_t i = 0; error == 0 && i < COUNT_OF(kinds); i++) {
        making->operation = "create";
        error = make_file(io, making->path, kinds[i]);
    }
    if (error < 0 || making->epochs.count == 0)
        return error;
    making->operation = "write leader-epoch-checkpoint";
    snprintf(path, sizeof path, "%s/leader-epoch-checkpoint", making->path);
    return leader_epochs_save(&making->epochs, io, path);
}

static void making_work(struct job *job)
{
    struct log_making *making = CONTAINER_OF(job, struct log_making, job);
    if (making->error == 0)
        making->error = make_files(making);
}

/* ---- on the owner's thread ------------------------------------------------------------------------------------- */

/* What was made becomes the log's. */
static void take_over(struct log *log, struct log_making *making)
{
    struct log_store *store = log->store;
    const struct log_dir *wanted = log->planned_dir;
    log->folder = folder_new(&store->cache, making->path);
    log_plan_dir(log, NULL);
    log->dir = making->dir;
    log->dir->partitions++;
    log_add_segment(log, segment_new(log->folder, log->end_offset, store->now_ms));
    for (int32_t i = 0; i < making->epochs.count; i++)
        (void)leader_epochs_assign(&log->epochs, making->epochs.entries[i].epoch,
                                   making->epochs.entries[i].start_offset);
    log->epochs_unsynced = making->epochs.count > 0;
    log->touched = log->folder_unsynced = log->names_unsynced = true;
    log_tell_place(log);
    /* It was wished for elsewhere meanwhile: what fails is reported. */
    if (wanted != NULL && wanted != making->dir && log_move(log, (int)(wanted - store->dirs), NULL) < 0)
        return;
}

/* The log was deleted: what was made for it goes as its folder would have gone. */
static void put_aside(const struct log_making *making)
{
    struct folder *folder = folder_new(&making->store->cache, making->path);
    if (folder_put_aside(folder, making->dir, making->aside) == 0)
        store_remove_folder(making->store, folder, making->store->now_ms);
    else
        folder_unref(folder); /* it is not there */
}

static void begin(struct log *log, int32_t leader_epoch);

/* The directory takes no folder: have one made in another, for the same who wait. False: there is none. */
static bool begin_elsewhere(struct log_making *making)
{
    struct log *log = making->log;
    if (log == NULL || !making->refused || log->planned_dir != making->dir ||
        !store_dir_failed(making->store, making->dir, making->operation, making->error))
        return false;
    begin(log, leader_epochs_latest(&making->epochs));
    list_for_each (&making->waiting, node) {
        list_remove(node);
        list_append(&log->making->waiting, node);
    }
    return true;
}

static int conclude(struct log_making *making, bool canceled)
{
    struct log *log = making->log;
    bool failed = canceled || making->error < 0;
    for (int i = 0; failed && i < making->store->dirs_count; i++)
        making->store->dirs[i].names_reused |= making->unsynced_count > 0;
    if (log == NULL) {
        if (!canceled)
            put_aside(making);
        return STORAGE_CANCELED;
    }
    log->making = NULL;
    if (canceled)
        return STORAGE_CANCELED;
    if (making->error < 0)
        return log_fail(log, NULL, making->operation, making->path, making->error);
    if (log->folder == NULL)
        take_over(log, making);
    return 0;
}

static void making_done(struct job *job, bool canceled)
{
    struct log_making *making = CONTAINER_OF(job, struct log_making, job);
    list_remove(&making->link);
    int status = !canceled && begin_elsewhere(making) ? 0 : conclude(making, canceled);
    list_for_each (&making->waiting, node) {
        struct log_make *make = CONTAINER_OF(node, struct log_make, link);
        list_remove(node);
        make->done(make, status);
    }
    leader_epochs_release(&making->epochs);
    free(making->unsynced);
    free(making);
}

static void begin(struct log *log, int32_t leader_epoch)
{
    struct log_store *store = log->store;
    struct log_making *making = xcalloc(1, sizeof *making);
    log->making = making;
    making->store = store;
    making->log = log;
    making->dir = log_planned_dir(log);
    snprintf(making->name, sizeof making->name, "%s-%d", log->topic, (int)log->partition);
    folder_name_aside(log->topic, log->partition, log->topic_id, "-delete", making->aside);
    if (snprintf(making->path, sizeof making->path, "%s/%s", making->dir->path, making->name) >= STORAGE_PATH_MAX - 64)
        making->error = -ENAMETOOLONG;
    making->operation = "mkdir";
    log_partition_metadata(log, making->metadata);
    if (leader_epoch >= 0)
        (void)leader_epochs_assign(&making->epochs, leader_epoch, log->end_offset);
    making->unsynced = xcalloc((size_t)store->dirs_count, sizeof *making->unsynced);
    for (int i = 0; i < store->dirs_count && store->options.sync; i++) {
        if (!store->dirs[i].names_reused || store->dirs[i].offline)
            continue;
        making->unsynced[making->unsynced_count++] = store->dirs[i].path;
        store->dirs[i].names_reused = false;
        if (making->error == 0)
            making->error = store_forget_checkpoints(store, &store->dirs[i]);
    }
    list_init(&making->waiting);
    list_init(&making->link);
    list_append(&store->makings, &making->link);
    making->job = (struct job){.kind = JOB_MAKE, .name = "folder made", .work = making_work, .done = making_done};
    store->options.executor->submit(store->options.executor, &making->job);
}

void log_make(struct log *log, int32_t leader_epoch, struct log_make *make)
{
    ASSERT(log->state == LOG_READY && log->folder == NULL && log->end_offset == 0);
    if (log->making == NULL)
        begin(log, leader_epoch);
    list_init(&make->link);
    list_append(&log->making->waiting, &make->link);
}

bool log_wants_make(struct log *log)
{
    return log_ready(log, NULL) == 0 && log->folder == NULL;
}

void log_forget_making(struct log *log)
{
    if (log->making != NULL)
        log->making->log = NULL;
    log->making = NULL;
}

bool store_makes(const struct log_store *store, const char *name)
{
    list_for_each (&store->makings, node) {
        if (strcmp(CONTAINER_OF(node, struct log_making, link)->name, name) == 0)
            return true;
    }
    return false;
}
