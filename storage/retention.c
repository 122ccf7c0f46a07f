/* Retention: segments that nobody has to keep.
 *
 * From the oldest on, a segment goes when
 *
 *     the next one begins at or below the log start     whatever the cleanup policy
 *     its newest record is older than retention.ms      with cleanup.policy delete
 *     the rest alone still has retention.bytes          with cleanup.policy delete
 *
 * and the first that stays ends it. Timestamps in the future keep a segment; one without any goes by its file's time.
 * When even the active one goes, an empty one that begins at the log end takes its place, so that offsets never go
 * back. An empty active segment stays.
 *
 * What goes is renamed to .deleted and removed later (removal.c); the log start moves up, and the leader epochs with
 * it.
 *
 * A round looks at all logs, and most have nothing to delete: it is done in parts, so that ten thousand logs, which may
 * have to be loaded for it, stop nobody for long. Rules and their order are those of Kafka's UnifiedLog. */
#include "log_internal.h"

#include <inttypes.h>

#define LOGS_PER_TICK 32 /* about 10 ms when all of them must be loaded */
#define PART_PAUSE_MS 20

/* The largest timestamp of a segment, or the time of its file. */
static int64_t age_base_ms(struct segment *segment, int64_t now_ms)
{
    if (segment->max_timestamp_ms >= 0)
        return segment->max_timestamp_ms;
    struct file_io *io = segment->folder->cache->io;
    struct file_stat info;
    char path[STORAGE_PATH_MAX];
    cached_file_path(&segment->log, path);
    return io->stat(io, path, &info) == 0 ? info.modified_ms : now_ms;
}

static bool too_old(const struct log *log, struct segment *segment, int64_t now_ms)
{
    return log->config->cleanup_delete && log->config->retention_ms >= 0 &&
           now_ms - age_base_ms(segment, now_ms) > log->config->retention_ms;
}

/* How many segments go: the first `count`. Kafka looks at each reason by itself, in this order. */
static int32_t count_deletable(const struct log *log, int64_t now_ms)
{
    int32_t count = 0;
    int64_t left_bytes = 0;
    for (int32_t i = 0; i < log->segments_count; i++)
        left_bytes += log->segments[i]->size_bytes;
    while (count + 1 < log->segments_count && log->segments[count + 1]->base_offset <= log->start_offset)
        left_bytes -= log->segments[count++]->size_bytes;
    bool by_size = log->config->cleanup_delete && log->config->retention_bytes >= 0;
    while (by_size && count < log->segments_count && log->segments[count]->size_bytes > 0 &&
           left_bytes - log->segments[count]->size_bytes >= log->config->retention_bytes)
        left_bytes -= log->segments[count++]->size_bytes;
    while (count < log->segments_count && (log->segments[count]->size_bytes > 0 || count + 1 < log->segments_count) &&
           too_old(log, log->segments[count], now_ms))
        count++;
    return count;
}

/* Take the first segment out of the log. */
static int delete_first(struct log *log, int64_t now_ms, struct storage_fault *fault)
{
    struct segment *segment = log->segments[0];
    int error = segment_rename(segment, SUFFIX_DELETED);
    if (error == 0)
        error = segment_rename_snapshot(segment);
    log->names_unsynced = true;
    if (error < 0)
        return log_fail_file(log, fault, "rename", &segment->log, error);
    log->segments_count--;
    for (int32_t i = 0; i < log->segments_count; i++)
        log->segments[i] = log->segments[i + 1];
    store_remove_segment(log->store, segment, now_ms + log->config->file_delete_delay_ms);
    return 0;
}

int log_apply_retention(struct log *log, int64_t now_ms, struct storage_fault *fault)
{
    int32_t count = count_deletable(log, now_ms);
    if (count == 0)
        return 0;
    log->touched = true;
    int error = count == log->segments_count ? log_roll(log, now_ms, fault) : 0;
    int32_t deleted = 0;
    for (; error == 0 && deleted < count; deleted++)
        error = delete_first(log, now_ms, fault);
    int moved = log_set_start(log, log->segments[0]->base_offset, error == 0 ? fault : NULL);
    if (error == 0)
        error = moved;
    store_report(log->store, 0, "Deleted segments that retention does not keep",
                 "topic=%s partition=%d segments=%d log_start_offset=%" PRId64, log->topic, (int)log->partition,
                 (int)deleted, log->start_offset);
    return error;
}

int64_t store_retention_tick(struct log_store *store, int64_t now_ms)
{
    if (now_ms < store->retention_due_ms)
        return store->retention_due_ms;
    for (int looked_at = 0; looked_at < LOGS_PER_TICK; looked_at++) {
        struct log *log = list_empty(&store->logs) ? NULL : CONTAINER_OF(store->logs.next, struct log, link);
        if (log == NULL || log->retention_run > store->retention_run) { /* all were looked at in this round */
            store->retention_run++;
            store->retention_due_ms = now_ms + store->options.retention_check_interval_ms;
            return store->retention_due_ms;
        }
        log->retention_run = store->retention_run + 1;
        list_remove(&log->link);
        list_append(&store->logs, &log->link);
        /* What fails is reported, and puts the log offline or is tried again in the next round. */
        if (log_ready(log, NULL) == 0 && log->segments_count > 0 && log_apply_retention(log, now_ms, NULL) < 0)
            continue;
    }
    store->retention_due_ms = now_ms + PART_PAUSE_MS;
    return store->retention_due_ms;
}
