/* The producers of a log that is loaded: from a snapshot and the batches behind it.
 *
 *     N.snapshot                          offset
 *         |------ batches replayed ----------|
 *
 * N.snapshot is the state just before offset N; a roll writes one, and a clean stop. The newest one at or below the
 * offset counts; one that is damaged gives way to an older one, which only means more to replay. After a clean stop the
 * state at the log end is wanted. A segment that is scanned needs the one at its base offset: the scan then goes on
 * with it, and so finds which transactions its abort markers end.
 *
 * Snapshots beyond the log end describe what was cut and go, as do older ones that belong to no segment, and those from
 * before the first one. Nearly every log has one of the older ones, that of the stop before the last: it is left to the
 * pool, as the file system may take milliseconds for it. */
#include "log_loading.h"

#include <errno.h>

#define SNAPSHOT_BYTES_MAX (256u * 1024 * 1024) /* five million producers */

/* Remove the file of a name, and the name. */
static int remove_snapshot(struct loading *loading, int32_t number)
{
    char path[STORAGE_PATH_MAX];
    loading_path(loading, &loading->names[number], path);
    int error = loading->io->unlink(loading->io, path);
    if (error < 0 && error != -ENOENT)
        return loading_fail(loading, "unlink", path, error);
    loading->names_count--;
    for (int32_t i = number; i < loading->names_count; i++)
        loading->names[i] = loading->names[i + 1];
    return 0;
}

/* Read one snapshot. Returns 1, 0 when it is damaged, or a negative storage_error. */
static int read_snapshot(struct loading *loading, const struct file_name *name)
{
    struct log *log = loading->log;
    char path[STORAGE_PATH_MAX], *bytes;
    size_t size;
    loading_path(loading, name, path);
    int error = file_load(loading->io, path, SNAPSHOT_BYTES_MAX, &bytes, &size);
    if (error < 0 && error != -EFBIG)
        return loading_fail(loading, "read", path, error);
    bool good = error == 0 && producer_states_decode(&log->producers, (const uint8_t *)bytes, size);
    if (error == 0)
        free(bytes);
    if (!good)
        store_report(log->store, 1, "Removed a damaged producer snapshot", "path=%s", path);
    return good;
}

/* Take over the newest sound snapshot at or below `offset`, if it is newer than the state at hand; damaged ones go. So
 * do those from which no batches lead on: what they say was overtaken by records that are gone, and a producer that is
 * unknown is served better. */
static int load_snapshot(struct loading *loading, int64_t offset)
{
    struct log *log = loading->log;
    int64_t oldest = log->segments_count > 0 ? log->segments[0]->base_offset : offset;
    for (int32_t i = loading->names_count - 1; i >= 0; i--) { /* ascending: find_segments() */
        const struct file_name name = loading->names[i];
        if (name.kind != FILE_SNAPSHOT || name.base_offset > offset)
            continue;
        if (name.base_offset <= loading->producers_end)
            return 0;
        int good = name.base_offset >= oldest ? read_snapshot(loading, &name) : 0;
        if (good == 1)
            loading->producers_end = log->snapshot_offset = name.base_offset;
        else if (good == 0)
            good = remove_snapshot(loading, i);
        if (good != 0)
            return good < 0 ? good : 0;
        loading->producers_end = -1; /* nothing is left of the state at hand */
    }
    return 0;
}

int loading_count_producer(struct loading *loading, const struct segment_scan *scan, bool index_aborted)
{
    struct log *log = loading->log;
    struct segment *segment = scan->segment;
    if (scan->batch.producer_id < 0)
        return 0;
    if (!(scan->batch.attributes & BATCH_CONTROL)) {
        producer_states_update(&log->producers, &scan->batch);
        return 0;
    }
    struct segment_scan marker; /* the record in it is needed */
    segment_scan_init(&marker, segment, scan->position, scan->next, SCAN_RECORDS);
    int step = segment_scan_next(&marker);
    struct completed_txn txn;
    if (step == 1 && index_aborted && producer_states_completes(&log->producers, &marker.batch, &txn) && txn.aborted) {
        int error = log_index_aborted(log, segment, &txn);
        step = error < 0 ? error : 1;
    }
    if (step == 1)
        producer_states_update(&log->producers, &marker.batch);
    segment_scan_release(&marker);
    return step < 0 ? step : 0;
}

/* Apply the batches from where the state at hand ends up to `end`. What is damaged in a segment hides its rest. */
static int replay_producers(struct loading *loading, int64_t end)
{
    struct log *log = loading->log;
    int64_t start = loading->producers_end > 0 ? loading->producers_end : 0;
    int32_t first = log_segment_at(log, start);
    for (int32_t i = first < 0 ? 0 : first; i < log->segments_count && log->segments[i]->base_offset < end; i++) {
        struct segment *segment = log->segments[i];
        int64_t position;
        int step = segment_find(segment, start, &position);
        struct segment_scan scan;
        if (step == 0)
            segment_scan_init(&scan, segment, position, segment->size_bytes, SCAN_HEADERS);
        while (step == 0 && (step = segment_scan_next(&scan)) == 1 && scan.batch.base_offset < end)
            step = loading_count_producer(loading, &scan, false);
        if (step < 0 && step != -EBADMSG)
            return loading_fail_file(loading, "read", &segment->log, step);
    }
    loading->producers_end = end;
    return 0;
}

int loading_producers_at(struct loading *loading, int64_t offset)
{
    int error = load_snapshot(loading, offset);
    return error == 0 && loading->producers_end < offset ? replay_producers(loading, offset) : error;
}

/* Those beyond the log end; and those that belong to no segment, but the newest, whose removal may fail. */
static int remove_stray_snapshots(struct loading *loading)
{
    struct log *log = loading->log;
    for (int32_t i = loading->names_count - 1; i >= 0; i--) {
        const struct file_name *name = &loading->names[i];
        if (name->kind != FILE_SNAPSHOT)
            continue;
        if (name->base_offset > log->end_offset) {
            int error = remove_snapshot(loading, i);
            if (error < 0)
                return error;
        } else if (name->base_offset < log->snapshot_offset) {
            int32_t number = log_segment_at(log, name->base_offset);
            if (number >= 0 && log->segments[number]->base_offset == name->base_offset)
                continue;
            char path[STORAGE_PATH_MAX];
            loading_path(loading, name, path);
            store_remove_file(log->store, path); /* if that fails the next load tries again */
        }
    }
    return 0;
}

int loading_producers(struct loading *loading)
{
    struct log *log = loading->log;
    int error = 0;
    if (loading->producers_end > log->end_offset) { /* what was scanned behind a gap was cut off */
        producer_states_clear(&log->producers);
        loading->producers_end = log->snapshot_offset = -1;
    }
    if (loading->producers_end < log->end_offset) {
        error = load_snapshot(loading, log->end_offset);
        /* After a clean stop a folder without any snapshot comes from before there were some: nothing to remember. */
        if (error == 0 && (loading->producers_end >= 0 || !loading->clean))
            error = replay_producers(loading, log->end_offset);
    }
    producer_states_expire(&log->producers, log->store->now_ms, *log->store->options.producer_expiration_ms);
    return error < 0 ? error : remove_stray_snapshots(loading);
}
