/* Removing what is no longer wanted, later and elsewhere.
 *
 * What is deleted changes its name at once and its existence after file.delete.delay.ms: a folder becomes
 * TOPIC-PARTITION.<id>-delete, a segment's files get .deleted. So the name is free for a successor, a crash in between
 * leaves something whose name says what it is, and readers that hold a slice go on reading: removal waits for them too.
 * Removing takes as long as the file system likes, so the pool does it.
 *
 *     renamed ---- delay has passed, no slice left ----> in the pool ----> gone
 *        |                                                  | failed: reported, the next start tries again
 *        +---- the store closes: the next start finds it by its name */
#include "log_internal.h"

#include <errno.h>
#include <string.h>

#define READERS_RETRY_MS 1000 /* how often to look whether the last slice has gone */

struct removal {
    struct list link; /* store->removals */
    struct job job;
    struct log_store *store;
    struct file_io *io;
    struct folder *folder;   /* to be removed; or NULL, */
    struct segment *segment; /* and this one's files */
    bool pinned;             /* segment->log is */
    int64_t due_ms;
    bool busy;
    char *path; /* of the folder: a copy for the pool, which must not look at what is shared; NULL until it is busy */
    int error;
};

struct names {
    char **names;
    size_t count, capacity;
};

static void note_name(void *context, const char *name, bool is_directory)
{
    struct names *names = context;
    (void)is_directory;
    if (names->count == names->capacity) {
        names->capacity = names->capacity == 0 ? 16 : names->capacity * 2;
        names->names = xrealloc(names->names, names->capacity * sizeof *names->names);
    }
    names->names[names->count++] = xstrdup(name);
}

/* Names first, then removal: what a listing shows while entries go is up to the file system. */
static int remove_folder(struct file_io *io, const char *path)
{
    struct names names = {0};
    int error = io->list(io, path, note_name, &names);
    for (size_t i = 0; i < names.count; i++) {
        char file_path[STORAGE_PATH_MAX];
        int length = snprintf(file_path, sizeof file_path, "%s/%s", path, names.names[i]);
        if (error == 0)
            error = length < STORAGE_PATH_MAX ? io->unlink(io, file_path) : -ENAMETOOLONG;
        free(names.names[i]);
    }
    free(names.names);
    if (error == 0)
        error = io->rmdir(io, path);
    return error == -ENOENT ? 0 : error;
}

/* The folder is shared, and its path may change meanwhile: then the files are not there, and go with the folder. */
static int remove_segment_files(struct file_io *io, char *folder_path, int64_t base_offset)
{
    const struct folder folder = {.path = folder_path};
    for (int kind = 0; kind < FILE_KINDS; kind++) {
        char path[STORAGE_PATH_MAX];
        (void)folder_file_path(&folder, base_offset, (enum file_kind)kind, SUFFIX_DELETED, path);
        int error = io->unlink(io, path);
        if (error < 0 && error != -ENOENT)
            return error;
    }
    return 0;
}

static void removal_work(struct job *job)
{
    struct removal *removal = CONTAINER_OF(job, struct removal, job);
    removal->error = removal->segment != NULL
                         ? remove_segment_files(removal->io, removal->path, removal->segment->base_offset)
                         : remove_folder(removal->io, removal->path);
}

static void removal_free(struct removal *removal)
{
    list_remove(&removal->link);
    if (removal->pinned)
        cached_file_unpin(&removal->segment->log);
    if (removal->segment != NULL)
        segment_unref(removal->segment);
    if (removal->folder != NULL)
        folder_unref(removal->folder);
    free(removal->path);
    free(removal);
}

static void removal_done(struct job *job, bool canceled)
{
    struct removal *removal = CONTAINER_OF(job, struct removal, job);
    if (!canceled && removal->error < 0)
        store_report(removal->store, 1, "Deleted files could not be removed", "path=%s error=%s", removal->path,
                     strerror(-removal->error));
    removal_free(removal);
}

static struct removal *removal_new(struct log_store *store, int64_t due_ms)
{
    struct removal *removal = xmalloc(sizeof *removal);
    *removal = (struct removal){
        .job = {.kind = JOB_CLEANUP, .name = "removal", .work = removal_work, .done = removal_done},
        .store = store,
        .io = store->options.files,
        .due_ms = due_ms,
    };
    list_append(&store->removals, &removal->link);
    if (due_ms < store->next_ms)
        store->next_ms = due_ms;
    return removal;
}

void store_remove_folder(struct log_store *store, struct folder *folder, int64_t due_ms)
{
    removal_new(store, due_ms)->folder = folder;
}

void store_remove_segment(struct log_store *store, struct segment *segment, int64_t due_ms)
{
    /* Its name may be given to another one that is deleted before this one is gone: readers keep the descriptor. */
    struct removal *removal = removal_new(store, due_ms);
    removal->segment = segment;
    removal->pinned = segment->refs > 1 && cached_file_pin(&segment->log) == 0;
}

/* ---- a file without readers ------------------------------------------------------------------------------------ */

struct file_removal {
    struct job job;
    struct file_io *io;
    char path[];
};

static void file_removal_work(struct job *job)
{
    const struct file_removal *removal = CONTAINER_OF(job, struct file_removal, job);
    (void)removal->io->unlink(removal->io, removal->path);
}

static void file_removal_done(struct job *job, bool canceled)
{
    (void)canceled;
    free(CONTAINER_OF(job, struct file_removal, job));
}

void store_remove_file(struct log_store *store, const char *path)
{
    size_t path_bytes = strlen(path) + 1;
    struct file_removal *removal = xmalloc(sizeof *removal + path_bytes);
    *removal = (struct file_removal){
        .job = {.kind = JOB_MAKE, .name = "file removed", .work = file_removal_work, .done = file_removal_done},
        .io = store->options.files,
    };
    memcpy(removal->path, path, path_bytes);
    store->options.executor->submit(store->options.executor, &removal->job);
}

/* ---- as time passes -------------------------------------------------------------------------------------------- */

static bool still_read(const struct removal *removal)
{
    return removal->segment != NULL ? removal->segment->refs > 1 : removal->folder->refs > 1;
}

int64_t store_removals_tick(struct log_store *store, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;
    list_for_each (&store->removals, node) {
        struct removal *removal = CONTAINER_OF(node, struct removal, link);
        if (removal->busy)
            continue;
        if (now_ms >= removal->due_ms) {
            if (!still_read(removal)) {
                const struct folder *folder = removal->segment != NULL ? removal->segment->folder : removal->folder;
                removal->path = xstrdup(folder->path);
                if (removal->pinned)
                    cached_file_unpin(&removal->segment->log);
                removal->pinned = false;
                if (removal->segment != NULL)
                    segment_close_files(removal->segment);
                removal->busy = true;
                store->options.executor->submit(store->options.executor, &removal->job);
                continue;
            }
            removal->due_ms = now_ms + READERS_RETRY_MS;
        }
        if (removal->due_ms < next_ms)
            next_ms = removal->due_ms;
    }
    return next_ms;
}

void store_removals_move_back(struct log_store *store, int64_t by_ms)
{
    list_for_each (&store->removals, node)
        CONTAINER_OF(node, struct removal, link)->due_ms -= by_ms;
}

void store_removals_close(struct log_store *store)
{
    list_for_each (&store->removals, node) {
        struct removal *removal = CONTAINER_OF(node, struct removal, link);
        ASSERT(!removal->busy);
        removal_free(removal);
    }
}
