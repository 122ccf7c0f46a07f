/* The producers of a log that is loaded: from a snapshot and the batches behind it.
 *
 *     N.snapshot                          log end
 *         |------ batches replayed ----------|
 *
 * N.snapshot is the state just before offset N; a roll writes one, and a clean stop. The newest one at or below the log
 * end counts; one that is damaged gives way to an older one, which only means more to replay. Those beyond the log end
 * describe what was cut and go, as do older ones that belong to no segment. */
#include "log_loading.h"

#include <errno.h>

#define SNAPSHOT_BYTES_MAX (256u * 1024 * 1024) /* five million producers */

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
        loading_path(loading, name, path);
        if (name->base_offset <= log->end_offset) {
            int error = file_load(loading->io, path, SNAPSHOT_BYTES_MAX, &bytes, &size);
            if (error < 0 && error != -EFBIG)
                return loading_fail(loading, "read", path, error);
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
            return loading_fail(loading, "unlink", path, error);
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
            return step == -EBADMSG ? 0 : loading_fail_file(loading, "read", &segment->log, step);
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
            return loading_fail_file(loading, "read", &segment->log, step);
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
        loading_path(loading, name, path);
        (void)loading->io->unlink(loading->io, path); /* it does no harm; the next load tries again */
    }
}

int loading_producers(struct loading *loading)
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
