/* See metadata_checkpoint.h. */
#include "metadata_checkpoint.h"

#include "logger.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct found {
    struct snapshot_id id;
    int64_t size_bytes;
};

/* The checkpoints of the folder, ascending. */
struct listing {
    struct found *items;
    int32_t count, capacity;
};

static void note(void *context, const char *name, bool is_directory)
{
    struct listing *listing = context;
    struct snapshot_id id;
    if (is_directory || !snapshot_name_parse(name, &id))
        return;
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity == 0 ? 8 : 2 * listing->capacity;
        listing->items = xrealloc(listing->items, (size_t)listing->capacity * sizeof *listing->items);
    }
    int32_t at = listing->count++;
    for (; at > 0 && listing->items[at - 1].id.offset > id.offset; at--)
        listing->items[at] = listing->items[at - 1];
    listing->items[at] = (struct found){.id = id};
}

static void path_of(const struct metadata_checkpoint *checkpoint, struct snapshot_id id, char path[STORAGE_PATH_MAX])
{
    char name[SNAPSHOT_NAME_SIZE];
    snapshot_name(id, name);
    snprintf(path, STORAGE_PATH_MAX, "%s/%s", checkpoint->folder, name);
}

/* ---- on a thread of the pool ---------------------------------------------------------------------------------------- */

/* Where the log may begin: the end of the oldest checkpoint that stays. */
static int64_t start_to_keep(const struct metadata_checkpoint *checkpoint, const struct listing *listing)
{
    struct file_io *files = checkpoint->env->files;
    int64_t total_bytes = checkpoint->log_bytes;
    for (int32_t i = 0; i < listing->count; i++)
        total_bytes += listing->items[i].size_bytes;
    int32_t oldest = 0;
    for (; oldest + 1 < listing->count; oldest++) {
        const struct found *found = &listing->items[oldest];
        int64_t ended_ms;
        bool too_old = checkpoint->retention_ms >= 0 &&
                       snapshot_timestamp(files, checkpoint->folder, found->id, &ended_ms) &&
                       checkpoint->now_ms - ended_ms > checkpoint->retention_ms;
        bool too_much = checkpoint->retention_bytes >= 0 && total_bytes > checkpoint->retention_bytes;
        if (!too_old && !too_much)
            break;
        total_bytes -= found->size_bytes;
    }
    return listing->items[oldest].id.offset;
}

static void checkpoint_work(struct job *job)
{
    struct metadata_checkpoint *checkpoint = CONTAINER_OF(job, struct metadata_checkpoint, job);
    struct file_io *files = checkpoint->env->files;
    struct listing listing = {0};
    char path[STORAGE_PATH_MAX];
    checkpoint->status =
        snapshot_write(&checkpoint->snapshot, files, checkpoint->folder, checkpoint->id, checkpoint->sync);
    if (checkpoint->status == 0)
        checkpoint->status = files->list(files, checkpoint->folder, note, &listing);
    int32_t kept = 0;
    for (int32_t i = 0; i < listing.count; i++) {
        struct found found = listing.items[i];
        struct file_stat stat;
        path_of(checkpoint, found.id, path);
        if (found.id.offset < checkpoint->start_offset && files->unlink(files, path) == 0)
            continue;
        found.size_bytes = files->stat(files, path, &stat) == 0 ? stat.size_bytes : 0;
        listing.items[kept++] = found;
    }
    listing.count = kept;
    if (kept > 0)
        checkpoint->start_offset = start_to_keep(checkpoint, &listing);
    free(listing.items);
}

/* ---- on the loop ---------------------------------------------------------------------------------------------------- */

static void checkpoint_done(struct job *job, bool canceled)
{
    struct metadata_checkpoint *checkpoint = CONTAINER_OF(job, struct metadata_checkpoint, job);
    if (canceled)
        snapshot_release(&checkpoint->snapshot);
    else if (checkpoint->status == 0)
        LOG_INFO("Wrote a checkpoint of the metadata", "offset=%" PRId64 " epoch=%" PRId32, checkpoint->id.offset,
                 checkpoint->id.epoch);
    else
        LOG_WARN("A checkpoint of the metadata cannot be written", "folder=%s error=\"%s\"", checkpoint->folder,
                 strerror(-checkpoint->status));
    checkpoint->busy = false;
    checkpoint->done(checkpoint, checkpoint->start_offset);
}

void metadata_checkpoint_begin(struct metadata_checkpoint *checkpoint, struct snapshot_id id, int64_t start_offset,
                               int64_t log_bytes)
{
    struct executor *executor = checkpoint->env->executor;
    checkpoint->busy = true;
    checkpoint->id = id;
    checkpoint->start_offset = start_offset;
    checkpoint->log_bytes = log_bytes;
    checkpoint->now_ms = checkpoint->env->now(checkpoint->env).wall_ms;
    checkpoint->job = (struct job){
        .kind = JOB_FLUSH, .name = "metadata checkpoint written", .work = checkpoint_work, .done = checkpoint_done};
    executor->submit(executor, &checkpoint->job);
}
