/* The deletion of a log with its topic.
 *
 *     log_delete()  --> to be carried out --> renamed in the pool --> removed in the pool, after file.delete.delay.ms
 *     the log is freed        log_store_carry_out()                   (removal.c)
 *
 * Nothing of a topic may go before the record that it is deleted is on the disk, and nobody waits for that: in between
 * the folder has its old name. It is no later log's (log_folder_is_anothers()), which has none yet then; and that one's
 * is made after the rename, as both are jobs of a kind that run one after the other (log_make.c). */
#include "log_internal.h"

#include <errno.h>
#include <string.h>

struct log_deletion {
    struct list link; /* store->deletions */
    struct job job;
    struct log_store *store;
    struct log_dir *dir;
    struct folder *folder;
    int64_t number;
    int64_t remove_ms; /* wall clock: when its files go */
    bool renaming;     /* in the pool */
    int error;
    char *from, *to; /* paths: copies for the pool */
};

/* ---- carrying out ---------------------------------------------------------------------------------------------- */

static void rename_work(struct job *job)
{
    struct log_deletion *deletion = CONTAINER_OF(job, struct log_deletion, job);
    struct file_io *io = deletion->store->options.files;
    deletion->error = io->rename(io, deletion->from, deletion->to);
}

static void deletion_free(struct log_deletion *deletion)
{
    list_remove(&deletion->link);
    free(deletion->from);
    free(deletion->to);
    free(deletion);
}

static void rename_done(struct job *job, bool canceled)
{
    struct log_deletion *deletion = CONTAINER_OF(job, struct log_deletion, job);
    struct log_store *store = deletion->store;
    if (canceled || deletion->error < 0) {
        if (!canceled)
            store_report(store, 1, "The folder of a deleted topic cannot be renamed", "path=%s error=%s",
                         deletion->from, strerror(-deletion->error));
        folder_unref(deletion->folder);
    } else {
        deletion->dir->names_reused = true;
        free(deletion->folder->path);
        deletion->folder->path = xstrdup(deletion->to);
        store_remove_folder(store, deletion->folder, deletion->remove_ms);
    }
    deletion_free(deletion);
}

static void carry_out(struct log_deletion *deletion, bool waits)
{
    struct executor *executor = deletion->store->options.executor;
    deletion->job =
        (struct job){.kind = JOB_MAKE, .name = "folder put aside", .work = rename_work, .done = rename_done};
    deletion->renaming = true;
    if (!waits) {
        executor->submit(executor, &deletion->job);
        return;
    }
    rename_work(&deletion->job);
    rename_done(&deletion->job, false);
}

int64_t log_store_deletions(const struct log_store *store)
{
    return store->deletions_count;
}

void log_store_carry_out(struct log_store *store, int64_t number, bool waits)
{
    list_for_each (&store->deletions, node) {
        struct log_deletion *deletion = CONTAINER_OF(node, struct log_deletion, link);
        if (deletion->number > number)
            return;
        if (!deletion->renaming)
            carry_out(deletion, waits);
    }
}

void store_deletions_close(struct log_store *store)
{
    list_for_each (&store->deletions, node) {
        struct log_deletion *deletion = CONTAINER_OF(node, struct log_deletion, link);
        ASSERT(!deletion->renaming);
        folder_unref(deletion->folder);
        deletion_free(deletion);
    }
}

/* Is there, or may there be, a folder of this name that belongs to a log that was deleted? */
static bool store_deletes(const struct log_store *store, const char *name)
{
    list_for_each (&store->deletions, node) {
        const struct log_deletion *deletion = CONTAINER_OF(node, struct log_deletion, link);
        if (strcmp(deletion->from + strlen(deletion->dir->path) + 1, name) == 0)
            return true;
    }
    return false;
}

bool log_folder_is_anothers(const struct log *log)
{
    char name[256];
    snprintf(name, sizeof name, "%s-%d", log->topic, (int)log->partition);
    return store_makes(log->store, name) || store_deletes(log->store, name);
}

/* ---- the log --------------------------------------------------------------------------------------------------- */

/* Note the folder of the log for its removal. */
static void note_folder(struct log *log, int64_t now_ms)
{
    struct log_store *store = log->store;
    struct log_deletion *deletion = xmalloc(sizeof *deletion);
    char name[256], to[STORAGE_PATH_MAX];
    *deletion = (struct log_deletion){
        .store = store,
        .dir = log->dir,
        .folder = folder_ref(log->folder),
        .number = ++store->deletions_count,
        .remove_ms = now_ms + log->config->file_delete_delay_ms,
    };
    folder_name_aside(log->topic, log->partition, log->topic_id, "-delete", name);
    bool fits = snprintf(to, sizeof to, "%s/%s", log->dir->path, name) < STORAGE_PATH_MAX;
    ASSERT(fits); /* a folder leaves room for the names of its files */
    deletion->from = xstrdup(log->folder->path);
    deletion->to = xstrdup(to);
    list_init(&deletion->link);
    list_append(&store->deletions, &deletion->link);
    if (!store->has_turns)
        carry_out(deletion, true);
}

void log_delete(struct log *log, int64_t now_ms)
{
    struct log_store *store = log->store;
    struct storage_fault fault;
    log_cancel_move(log);
    if (log->state != LOG_READY && log->dir == NULL && log_find_folder(log, &fault) < 0)
        store_report(store, 1, "The folder of a deleted topic cannot be looked for", "path=%s error=%s", fault.path,
                     strerror(fault.error));
    if (log->dir != NULL) {
        store_take_checkpoints(log);
        log->dir->partitions--;
        note_folder(log, now_ms);
    } else {
        log_plan_dir(log, NULL);
    }
    log_forget_sync(log);
    log_forget_cleaning(log);
    log_forget_making(log);
    log_free(log);
}
