/* The segments of a log that is loaded: which are trusted, and what becomes of the others.
 *
 *     recovery point
 *           v
 *     [ sealed ][ sealed ][ sealed ][ active ]     after a crash: scanned from the segment of the recovery point on
 *     [ sealed ][ sealed ][ sealed ][ active ]     after a clean stop: nothing scanned, but see below
 *       trusted            doubtful
 *
 * Trusted segments need good indexes only; missing or odd ones are made again from the batches. They are never cut:
 * what is damaged there was damaged by the disk, and what lies behind may be good.
 *
 * Doubtful segments are scanned: every checksum, indexes and epochs made again. At the first batch that is damaged or
 * out of order the log ends; the rest of that segment and all later ones go (log_cut.c). A gap between two sound
 * segments is reported and stays, as in Kafka: compaction leaves gaps, and what lies behind one is whole.
 *
 * After a clean stop the active segment is walked by its headers from the last index entry on, to know where it ends.
 * When that does not add up, it is doubtful. */
#include "log_loading.h"

#include <errno.h>
#include <inttypes.h>

#define PROGRESS_BYTES (8 * 1024 * 1024) /* a few milliseconds of scanning */

/* May the batch at hand stand here? Offsets go up, and its last one and its position fit an index entry. */
static bool in_order(const struct segment_scan *scan, int64_t next_offset)
{
    const struct record_batch *batch = &scan->batch;
    return batch->base_offset >= next_offset && batch->last_offset_delta >= 0 && scan->position <= INT32_MAX &&
           batch->base_offset - scan->segment->base_offset <= INT32_MAX - (int64_t)batch->last_offset_delta;
}

static void tell_progress(const struct loading *loading, int64_t bytes)
{
    const struct log_store_options *options = &loading->log->store->options;
    if (options->progress != NULL)
        options->progress(options->report_context, bytes);
}

/* The indexes of a segment that is scanned: made again over those that are there. */
struct remade {
    int64_t old_offset_bytes, old_time_bytes;
    bool had_aborted;
};

static int begin_indexes(struct loading *loading, struct segment *segment, struct remade *remade)
{
    int error = offset_index_restart(&segment->offset_index, &remade->old_offset_bytes);
    if (error < 0)
        return loading_fail_file(loading, "create index", &segment->offset_index.entries.file, error);
    error = time_index_restart(&segment->time_index, &remade->old_time_bytes);
    if (error < 0)
        return loading_fail_file(loading, "create index", &segment->time_index.entries.file, error);
    remade->had_aborted = segment->txn_index.exists;
    error = remade->had_aborted ? txn_index_clear(&segment->txn_index) : 0;
    return error < 0 ? loading_fail_file(loading, "unlink", &segment->txn_index.file, error) : 0;
}

/* As Kafka, the last entry of the time index tells the largest timestamp, and no byte is behind the last entries. An
 * index that cannot be written, because the disk is full, stays empty: it only saves time. */
static int finish_indexes(struct loading *loading, struct segment *segment)
{
    int error = 0;
    if (segment->max_timestamp_ms >= 0)
        error = time_index_append(&segment->time_index, segment->max_timestamp_ms, segment->max_timestamp_offset);
    if (error < 0 || index_file_trim(&segment->time_index.entries) < 0)
        error = time_index_create(&segment->time_index);
    if (error == 0 && index_file_trim(&segment->offset_index.entries) < 0)
        error = offset_index_create(&segment->offset_index);
    return error < 0 ? loading_fail_file(loading, "write index", &segment->offset_index.entries.file, error) : 0;
}

static bool has_snapshot_at_end(const struct loading *loading)
{
    for (int32_t i = 0; i < loading->names_count; i++) {
        const struct file_name *name = &loading->names[i];
        if (name->kind == FILE_SNAPSHOT && name->suffix == SUFFIX_NONE && name->base_offset == loading->log->end_offset)
            return true;
    }
    return false;
}

/* Is a scanned segment on the disk as it is here? What is below the recovery point is, and the indexes are when they
 * were not changed and have no entry that a sync could have left out. So a log that nobody wrote to since a clean stop
 * is not written, or synced, for being recovered. */
static bool as_synced(const struct loading *loading, const struct segment *segment, const struct remade *remade)
{
    return loading->log->end_offset <= loading->log->recovery_point &&
           (loading->log->producers.count == 0 || has_snapshot_at_end(loading)) && !remade->had_aborted &&
           !segment->txn_index.exists && remade->old_offset_bytes == 0 && segment->offset_index.entries.entries == 0 &&
           remade->old_time_bytes == (int64_t)segment->time_index.entries.entries * TIME_INDEX_ENTRY_BYTES;
}

/* Not damage, and not to be cut off: another release may read it. */
static int refuse_legacy(const struct loading *loading, const struct segment *segment, int64_t position)
{
    char path[STORAGE_PATH_MAX];
    cached_file_path(&segment->log, path);
    store_report(loading->log->store, 2,
                 "A log has messages of a Kafka before 0.11, which are not read here: it is left as it is",
                 "path=%s position=%" PRId64, path, position);
    return -ENOTSUP;
}

/* Walk all batches of a segment and make its indexes again. Stops at the first batch that is damaged: *sound_bytes. The
 * log end is behind the last sound one, and the producers are as of there. */
static int rescan_segment(struct loading *loading, struct segment *segment, int64_t *sound_bytes)
{
    struct log *log = loading->log;
    int64_t file_bytes = segment->size_bytes;
    int error = loading_producers_at(loading, segment->base_offset);
    if (error < 0)
        return error;
    struct remade remade;
    error = begin_indexes(loading, segment, &remade);
    if (error < 0)
        return error;
    segment->max_timestamp_ms = segment->max_timestamp_offset = segment->first_timestamp_ms = -1;
    segment->unindexed_bytes = segment->size_bytes = 0;
    log->end_offset = segment->base_offset;
    struct segment_scan scan;
    segment_scan_init(&scan, segment, 0, file_bytes, SCAN_CHECK);
    int64_t told = 0;
    int step;
    while ((step = segment_scan_next(&scan)) == 1 && in_order(&scan, log->end_offset) &&
           (step = segment_scan_check(&scan)) == 1) {
        if (scan.position - told >= PROGRESS_BYTES) {
            tell_progress(loading, scan.position - told);
            told = scan.position;
        }
        step = loading_count_producer(loading, &scan, true);
        if (step < 0)
            break;
        segment_count_batch(segment, &scan.batch, scan.position, log->config->index_interval_bytes);
        log->end_offset = record_batch_last_offset(&scan.batch) + 1;
        if (scan.batch.leader_epoch > leader_epochs_latest(&log->epochs) &&
            leader_epochs_assign(&log->epochs, scan.batch.leader_epoch, scan.batch.base_offset))
            log->epochs_unwritten = true;
    }
    if (step == -EBADMSG && segment_scan_is_legacy(&scan) == 1)
        step = refuse_legacy(loading, segment, scan.next);
    segment_scan_release(&scan);
    tell_progress(loading, scan.next - told);
    loading->producers_end = log->end_offset;
    *sound_bytes = segment->size_bytes;
    segment->size_bytes = file_bytes;
    if (step < 0 && step != -EBADMSG)
        return loading_fail_file(loading, "read", &segment->log, step);
    error = finish_indexes(loading, segment);
    segment->unindexed_bytes = 0; /* as Kafka: counts from here on */
    if (!as_synced(loading, segment, &remade) || *sound_bytes < file_bytes) {
        log->names_unsynced = log->touched = true;
        if (segment->base_offset < log->sealed_offset)
            log->sealed_offset = segment->base_offset;
    }
    return error;
}

static void report_gap(const struct log *log, int64_t next_offset)
{
    if (!log->config->cleanup_compact) /* compaction may leave gaps */
        store_report(log->store, 1, "Offsets are missing between two segments",
                     "topic=%s partition=%d from=%" PRId64 " to=%" PRId64, log->topic, (int)log->partition,
                     log->end_offset, next_offset);
}

/* Write the snapshot that belongs between two segments that are scanned, so that no later recovery begins before it. */
static int snapshot_between(struct log *log, int64_t offset)
{
    int error = offset == log->end_offset ? log_write_snapshot(log) : 0;
    return error < 0 ? log_fail(log, NULL, "write snapshot", log->folder->path, error) : 0;
}

/* Scan the segments from `first` on and cut behind the last sound batch. A gap between two segments stays: what lies
 * behind it is whole. But empty segments behind a gap are only names that outlived their data, and the log ends before
 * them. */
static int recover_from(struct loading *loading, int32_t first)
{
    struct log *log = loading->log;
    int64_t scanned_bytes = 0, last_end = log->segments[first]->base_offset;
    int32_t last = first; /* the last segment that is not empty; last_end: its end */
    for (int32_t i = first; i < log->segments_count; i++) {
        struct segment *segment = log->segments[i];
        int64_t sound_bytes;
        if (i > first && segment->base_offset < log->end_offset) /* begins inside the one before */
            return loading_cut_behind(loading, i - 1, log->segments[i - 1]->size_bytes);
        if (i > first && segment->base_offset > log->end_offset)
            report_gap(log, segment->base_offset);
        scanned_bytes += segment->size_bytes;
        int error = i > first ? snapshot_between(log, segment->base_offset) : 0;
        if (error == 0)
            error = rescan_segment(loading, segment, &sound_bytes);
        if (error == 0 && sound_bytes < segment->size_bytes)
            error = loading_cut_behind(loading, i, sound_bytes);
        if (error < 0)
            return error;
        if (segment->size_bytes > 0) {
            last = i;
            last_end = log->end_offset;
        }
    }
    while (last + 1 < log->segments_count && log->segments[last + 1]->base_offset == last_end)
        last++;
    if (last + 1 < log->segments_count && !log->config->cleanup_compact) {
        int error = loading_cut_behind(loading, last, log->segments[last]->size_bytes);
        if (error < 0)
            return error;
        log->end_offset = last_end;
    }
    if (!log->touched) /* nobody wrote to it since it was synced: nothing to tell */
        return 0;
    store_report(log->store, 0, "Recovered log",
                 "topic=%s partition=%d from=%" PRId64 " log_end_offset=%" PRId64 " scanned_bytes=%" PRId64, log->topic,
                 (int)log->partition, log->segments[first]->base_offset, log->end_offset, scanned_bytes);
    return 0;
}

/* Take over the indexes of a segment that is trusted. Returns 1 when they are missing or odd. `end_offset` is where the
 * segment ends, INT64_MAX when that is not known yet. */
static int load_indexes(struct loading *loading, struct segment *segment, int64_t end_offset)
{
    const struct cached_file *file = &segment->offset_index.entries.file;
    int error = offset_index_load(&segment->offset_index, segment->size_bytes);
    if (error == 0) {
        file = &segment->time_index.entries.file;
        error = time_index_load(&segment->time_index);
    }
    if (error == 0 && segment->txn_index.exists) {
        file = &segment->txn_index.file;
        error = txn_index_load(&segment->txn_index, end_offset);
    }
    if (error == -ENOENT || error == -EBADMSG)
        return 1;
    if (error < 0)
        return loading_fail_file(loading, "read index", file, error);
    if (segment->txn_index.last_offset > loading->log->last_aborted_offset)
        loading->log->last_aborted_offset = segment->txn_index.last_offset;
    segment->max_timestamp_ms = segment->time_index.last_timestamp_ms;
    segment->max_timestamp_offset = segment->base_offset + segment->time_index.last_offset;
    return segment->base_offset + segment->offset_index.last_offset >= end_offset ||
           segment->max_timestamp_offset >= end_offset;
}

/* Load a sealed segment that is trusted. Its indexes are made again if need be; its batches are never cut: they were
 * synced, so damage is the disk's, and what lies behind it may be good. */
static int load_sealed(struct loading *loading, int32_t number)
{
    struct log *log = loading->log;
    struct segment *segment = log->segments[number];
    int error = load_indexes(loading, segment, log->segments[number + 1]->base_offset);
    if (error <= 0)
        return error;
    int64_t sound_bytes;
    error = rescan_segment(loading, segment, &sound_bytes);
    if (error < 0)
        return error;
    store_report(log->store, 1, "Made indexes again that were missing or damaged",
                 "topic=%s partition=%d base_offset=%" PRId64, log->topic, (int)log->partition, segment->base_offset);
    if (sound_bytes < segment->size_bytes)
        store_report(log->store, 2, "Damaged batch in a sealed segment",
                     "topic=%s partition=%d base_offset=%" PRId64 " position=%" PRId64, log->topic, (int)log->partition,
                     segment->base_offset, sound_bytes);
    error = segment_seal(segment);
    return error < 0 ? loading_fail_file(loading, "seal", &segment->log, error) : 0;
}

/* Find the end of the active segment by the headers behind its last index entry. Returns 1 when they do not add up. */
static int walk_active(struct loading *loading)
{
    struct log *log = loading->log;
    struct segment *segment = log_active(log);
    struct segment_scan scan;
    int64_t start = segment->offset_index.last_position;
    segment_scan_init(&scan, segment, start, segment->size_bytes, SCAN_HEADERS);
    log->end_offset = segment->base_offset;
    int step;
    while ((step = segment_scan_next(&scan)) == 1) {
        bool indexed = start > 0 && scan.position == start;
        int64_t last_offset = record_batch_last_offset(&scan.batch);
        if (!in_order(&scan, log->end_offset) ||
            (indexed && last_offset - segment->base_offset != segment->offset_index.last_offset))
            return 1;
        log->end_offset = last_offset + 1;
        if (scan.batch.max_timestamp_ms > segment->max_timestamp_ms) {
            segment->max_timestamp_ms = scan.batch.max_timestamp_ms;
            segment->max_timestamp_offset = last_offset;
        }
    }
    if (step == 0 && segment->size_bytes > 0) {
        segment_scan_init(&scan, segment, 0, segment->size_bytes, SCAN_HEADERS);
        step = segment_scan_next(&scan);
        if (step == 1 &&
            (!in_order(&scan, segment->base_offset) || record_batch_last_offset(&scan.batch) >= log->end_offset))
            return 1;
        if (step == 1)
            segment->first_timestamp_ms = scan.batch.max_timestamp_ms;
    }
    if (step == -EBADMSG)
        return 1;
    if (step < 0)
        return loading_fail_file(loading, "read", &segment->log, step);
    return (segment->base_offset + segment->time_index.last_offset >= log->end_offset && segment->size_bytes > 0) ||
           segment->txn_index.last_offset >= log->end_offset;
}

/* Apache Kafka stops cleanly and leaves the indexes of its metadata log at their full size, zeros behind the entries.
 * True when they may be good without them: not when a segment that should have entries is left with none. */
static bool cut_index_zeros(const struct loading *loading, struct segment *segment)
{
    struct index_file *offsets = &segment->offset_index.entries, *times = &segment->time_index.entries;
    return index_file_load(times) == 0 && index_file_cut_zeros(offsets) == 0 && index_file_cut_zeros(times) == 0 &&
           (offsets->entries > 0 || segment->size_bytes <= loading->log->config->index_interval_bytes);
}

/* The newest segment after a clean stop. */
static int load_active(struct loading *loading)
{
    struct log *log = loading->log;
    int odd = load_indexes(loading, log_active(log), INT64_MAX);
    if (odd > 0 && cut_index_zeros(loading, log_active(log)))
        odd = load_indexes(loading, log_active(log), INT64_MAX);
    if (odd == 0)
        odd = walk_active(loading);
    if (odd <= 0)
        return odd;
    store_report(log->store, 1, "The active segment does not add up after a clean stop",
                 "topic=%s partition=%d base_offset=%" PRId64, log->topic, (int)log->partition,
                 log_active(log)->base_offset);
    return recover_from(loading, log->segments_count - 1);
}

int loading_segments(struct loading *loading)
{
    struct log *log = loading->log;
    if (log->segments_count == 0)
        return 0;
    int32_t doubtful = log->segments_count - 1; /* from this one on */
    if (!loading->clean) {
        doubtful = log_segment_at(log, log->recovery_point);
        if (doubtful < 0)
            doubtful = 0;
    }
    log->sealed_offset = log->segments[doubtful]->base_offset;
    for (int32_t i = 0; i < doubtful; i++) {
        int error = load_sealed(loading, i);
        if (error < 0)
            return error;
    }
    return loading->clean ? load_active(loading) : recover_from(loading, doubtful);
}
