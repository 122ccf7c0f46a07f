/* Reading a log: slices for fetches, records for list offsets, batches for replay.
 *
 * A fetch never reads records. It finds the segment by base offset, the nearest batch before the offset by the index,
 * and from there looks at batch headers, a window of 4 KiB at a time; what it answers is where the bytes lie:
 *
 *                  index floor          offset                        first batch that does not fit
 *                      v                  v                                v
 *     .log:   | ... | batch | batch | [ batch | batch | batch | batch ] | batch | ...
 *                                     slice: position, size
 *
 * Offsets may be missing (compaction, aborted and emptied batches): the first batch that ends at or behind the offset
 * is the one, if need be in a later segment.
 *
 * A timestamp is looked for in three steps: the first segment with one at least as large, its time index, then the
 * batch whose header says it, and only then in the records of that batch. Where these are more than the turn may
 * decompress, they are left to the pool. */
#include "log_internal.h"

#include <errno.h>

/* ---- slices ---------------------------------------------------------------------------------------------------- */

int log_find_start(struct log *log, int64_t offset, int32_t *segment_number, int64_t *position,
                   struct storage_fault *fault)
{
    int32_t number = log_segment_at(log, offset);
    if (number < 0)
        number = 0; /* the first segment begins behind the log start: its records were removed */
    for (; number < log->segments_count; number++) {
        struct segment *segment = log->segments[number];
        int error = segment_find(segment, offset, position);
        if (error < 0)
            return log_fail_file(log, fault, "read", &segment->log, error);
        if (*position < segment->size_bytes)
            break;
    }
    *segment_number = number;
    return 0;
}

/* The end of what may be read of a segment by offset: all of it, or up to the batch that begins at the bound. */
static int find_bound(struct log *log, int32_t number, int64_t bound, int64_t *end, struct storage_fault *fault)
{
    struct segment *segment = log->segments[number];
    *end = segment->size_bytes;
    bool ends_below =
        number + 1 < log->segments_count ? log->segments[number + 1]->base_offset <= bound : log->end_offset <= bound;
    int error = ends_below ? 0 : segment_find(segment, bound, end);
    return error < 0 ? log_fail_file(log, fault, "read", &segment->log, error) : 0;
}

int log_read(struct log *log, int64_t offset, int32_t max_bytes, bool at_least_one, enum isolation isolation,
             struct log_slice *slice, struct storage_fault *fault)
{
    *slice = (struct log_slice){0};
    int error = log_ready(log, fault);
    if (error < 0)
        return error;
    if (offset < log->start_offset || offset > log->end_offset)
        return STORAGE_OFFSET_OUT_OF_RANGE;
    int64_t bound = log_bound(log, isolation);
    if (offset >= bound || (max_bytes <= 0 && !at_least_one))
        return 0;
    int32_t number;
    int64_t start, end;
    error = log_find_start(log, offset, &number, &start, fault);
    if (error < 0 || number == log->segments_count)
        return error;
    error = find_bound(log, number, bound, &end, fault);
    if (error < 0 || start >= end)
        return error;
    struct segment *segment = log->segments[number];
    int64_t limit = start + (max_bytes > 0 ? max_bytes : 0);
    bool is_cut = end > limit;
    if (is_cut) {
        int32_t first_bytes;
        error = segment_floor_boundary(segment, start, limit, &end, &first_bytes);
        if (error < 0)
            return log_fail_file(log, fault, "read", &segment->log, error);
        if (end == start && at_least_one)
            end = start + first_bytes;
    }
    if (end > start)
        *slice = (struct log_slice){.segment = segment_ref(segment),
                                    .position = start,
                                    .size_bytes = (int32_t)(end - start),
                                    .is_cut = is_cut && end < limit};
    return 0;
}

int log_find_position(struct log *log, int64_t offset, struct log_position *from, struct storage_fault *fault)
{
    int error = log_ready(log, fault);
    if (error < 0)
        return error;
    if (offset < log->start_offset || offset > log->end_offset)
        return STORAGE_OFFSET_OUT_OF_RANGE;
    int32_t number = log->segments_count;
    int64_t byte = 0;
    if (offset < log->end_offset)
        error = log_find_start(log, offset, &number, &byte, fault);
    if (error < 0)
        return error;
    if (number < log->segments_count)
        *from = (struct log_position){log->segments[number]->base_offset, byte};
    else if (number > 0)
        *from = (struct log_position){log->segments[number - 1]->base_offset, log->segments[number - 1]->size_bytes};
    else
        *from = (struct log_position){log->end_offset, 0}; /* the first segment will begin there */
    return 0;
}

int64_t log_bytes_from(struct log *log, int64_t offset, const struct log_position *from, enum isolation isolation)
{
    if (log_ready(log, NULL) < 0)
        return 0;
    int64_t bound = log_bound(log, isolation), end;
    if (offset == bound)
        return 0;
    int32_t number = log_segment_at(log, bound);
    if (number < 0 || log->segments[number]->base_offset != from->segment_base)
        return INT64_MAX;
    if (offset > bound)
        return 0;
    return find_bound(log, number, bound, &end, NULL) < 0 ? INT64_MAX : end - from->byte;
}

int log_slice_descriptor(struct log_slice *slice)
{
    ASSERT(slice->segment != NULL);
    struct file_io *io = slice->segment->folder->cache->io;
    if (!slice->pinned) {
        int error = cached_file_pin(&slice->segment->log);
        if (error < 0)
            return error < -1 ? error : -EIO;
        slice->pinned = true;
    }
    return io->descriptor(io, slice->segment->log.file);
}

void log_slice_unpin(struct log_slice *slice)
{
    if (slice->pinned)
        cached_file_unpin(&slice->segment->log);
    slice->pinned = false;
}

int log_slice_read(const struct log_slice *slice, int32_t from, void *bytes, size_t size)
{
    ASSERT(from >= 0);
    ASSERT(size <= (size_t)(slice->size_bytes - from));
    struct segment *segment = slice->segment;
    if (!slice->pinned)
        return segment_read(segment, bytes, size, slice->position + from);
    return file_read_all(segment->folder->cache->io, segment->log.file, bytes, size, slice->position + from);
}

bool log_slice_cached(const struct log_slice *slice, int32_t from, size_t size)
{
    ASSERT(slice->pinned);
    struct file_io *io = slice->segment->folder->cache->io;
    struct file *file = slice->segment->log.file;
    int64_t first = slice->position + from, last = first + (int64_t)size - 1;
    return io->cached(io, file, first) && io->cached(io, file, last);
}

void log_slice_ref(struct log_slice *slice)
{
    if (slice->segment == NULL)
        return;
    segment_ref(slice->segment);
    if (slice->pinned)
        slice->segment->log.pins++;
}

void log_slice_release(struct log_slice *slice)
{
    if (slice->segment != NULL) {
        if (slice->pinned)
            cached_file_unpin(&slice->segment->log);
        segment_unref(slice->segment);
    }
    *slice = (struct log_slice){0};
}

/* ---- timestamps ------------------------------------------------------------------------------------------------ */

/* The first record of the batch that is at or behind `offset` and at or after `timestamp_ms`. False: there was more to
 * decompress than the walk may. A damaged batch has no such record. */
static bool find_in_batch(const struct record_batch *batch, int64_t offset, int64_t timestamp_ms,
                          int32_t record_bytes_max, struct record_walk *walk, struct log_found *found)
{
    struct record_iterator iterator;
    struct record record;
    bool hit = false;
    record_iterator_init(&iterator, batch, record_bytes_max, walk);
    iterator.skim = true; /* a record may be as large as memory */
    while (!hit && record_iterator_next(&iterator, &record))
        hit = record.offset >= offset && record.timestamp_ms >= timestamp_ms;
    if (hit)
        *found = (struct log_found){record.offset, record.timestamp_ms, batch->leader_epoch};
    bool decided = iterator.error != BATCH_WORK;
    record_iterator_release(&iterator);
    return decided;
}

/* The batch at hand is to be looked through elsewhere. */
static int leave_batch(struct segment *segment, const struct segment_scan *headers, struct log_lookup *lookup)
{
    lookup->batch = (struct log_slice){.segment = segment_ref(segment),
                                       .position = headers->position,
                                       .size_bytes = (int32_t)(headers->next - headers->position)};
    int error = cached_file_pin(&segment->log);
    lookup->batch.pinned = error == 0;
    if (error < 0)
        log_slice_release(&lookup->batch);
    return error < 0 ? error : STORAGE_BATCH_UNDECIDED;
}

/* The same in the batch at `headers`, which is read. Returns 1, STORAGE_BATCH_UNDECIDED, or a negative errno. */
static int find_in_next(struct log *log, struct segment *segment, const struct segment_scan *headers,
                        struct log_lookup *lookup, int64_t offset, int64_t timestamp_ms, struct log_found *found)
{
    struct log_store *store = log->store;
    int32_t record_bytes_max = log->config->rules.max_decompressed_message_bytes;
    size_t batch_bytes = (size_t)headers->batch.size_bytes;
    if (lookup != NULL) {
        lookup->timestamp_ms = timestamp_ms;
        lookup->offset = offset;
        lookup->record_bytes_max = record_bytes_max;
        if (batch_bytes > store->work_bytes)
            return leave_batch(segment, headers, lookup);
        store->work_bytes -= store->work_bytes == SIZE_MAX ? 0 : batch_bytes;
    }
    struct segment_scan records;
    segment_scan_init(&records, segment, headers->position, headers->next, SCAN_RECORDS);
    int step = segment_scan_next(&records);
    bool decided = true;
    if (step == 1) {
        store->walk.work_bytes = lookup != NULL ? store->work_bytes : SIZE_MAX;
        decided = find_in_batch(&records.batch, offset, timestamp_ms, record_bytes_max, &store->walk, found);
        if (lookup != NULL)
            store->work_bytes = store->walk.work_bytes;
        store->walk.work_bytes = SIZE_MAX;
    }
    segment_scan_release(&records);
    return decided ? step : leave_batch(segment, headers, lookup);
}

/* The same over the batches of a segment, from `position` on. */
static int find_in_segment(struct log *log, struct segment *segment, int64_t position, struct log_lookup *lookup,
                           int64_t offset, int64_t timestamp_ms, struct log_found *found, struct storage_fault *fault)
{
    struct segment_scan headers;
    segment_scan_init(&headers, segment, position, segment->size_bytes, SCAN_HEADERS);
    if (lookup != NULL && lookup->from_offset > offset)
        offset = lookup->from_offset;
    int step = 0;
    while (found->offset < 0 && (step = segment_scan_next(&headers)) == 1) {
        if (headers.batch.max_timestamp_ms < timestamp_ms || record_batch_last_offset(&headers.batch) < offset)
            continue;
        step = find_in_next(log, segment, &headers, lookup, offset, timestamp_ms, found);
        if (step == STORAGE_BATCH_UNDECIDED)
            return step;
        if (step < 0)
            break;
    }
    return found->offset < 0 && step < 0 ? log_fail_file(log, fault, "read", &segment->log, step) : 0;
}

int log_lookup_batch(struct log_lookup *lookup, struct record_walk *walk, struct log_found *found)
{
    const struct log_slice *slice = &lookup->batch;
    struct record_batch batch;
    *found = (struct log_found){-1, -1, -1};
    uint8_t *bytes = malloc((size_t)slice->size_bytes);
    if (bytes == NULL)
        return STORAGE_IO;
    int error = log_slice_read(slice, 0, bytes, (size_t)slice->size_bytes) < 0 ? STORAGE_IO : 0;
    if (error == 0 && record_batch_view(&batch, bytes, (size_t)slice->size_bytes) != BATCH_OK)
        error = STORAGE_CORRUPT;
    if (error == 0 &&
        !find_in_batch(&batch, lookup->offset, lookup->timestamp_ms, lookup->record_bytes_max, walk, found))
        error = STORAGE_BATCH_UNDECIDED;
    if (error == 0 && found->offset < 0)
        lookup->from_offset = record_batch_last_offset(&batch) + 1;
    free(bytes);
    return error;
}

bool log_shows(struct log *log, int64_t offset, enum isolation isolation)
{
    return log_ready(log, NULL) == 0 && offset < log_bound(log, isolation);
}

/* Where in a segment to begin the search for a timestamp. */
static int position_for_timestamp(struct segment *segment, int64_t timestamp_ms, int64_t start_offset,
                                  int64_t *position)
{
    int64_t offset;
    int error = time_index_floor(&segment->time_index, timestamp_ms, &offset);
    if (error < 0)
        return error;
    return offset_index_floor(&segment->offset_index, offset > start_offset ? offset : start_offset, position);
}

int log_find_timestamp(struct log *log, int64_t timestamp_ms, enum isolation isolation, struct log_lookup *lookup,
                       struct log_found *found, struct storage_fault *fault)
{
    *found = (struct log_found){-1, -1, -1};
    int error = log_ready(log, fault);
    if (error < 0)
        return error;
    int64_t from_offset = log->start_offset;
    if (lookup != NULL && lookup->from_offset > from_offset)
        from_offset = lookup->from_offset;
    int32_t number = log_segment_at(log, from_offset);
    for (number = number < 0 ? 0 : number; number < log->segments_count && found->offset < 0; number++) {
        struct segment *segment = log->segments[number];
        if (segment->max_timestamp_ms < timestamp_ms)
            continue;
        int64_t position;
        error = position_for_timestamp(segment, timestamp_ms, from_offset, &position);
        if (error < 0)
            return log_fail_file(log, fault, "read index", &segment->log, error);
        error = find_in_segment(log, segment, position, lookup, from_offset, timestamp_ms, found, fault);
        if (error < 0)
            return error;
    }
    if (found->offset >= log_bound(log, isolation))
        *found = (struct log_found){-1, -1, -1};
    return 0;
}

int log_find_max_timestamp(struct log *log, struct log_lookup *lookup, struct log_found *found,
                           struct storage_fault *fault)
{
    *found = (struct log_found){-1, -1, -1};
    int error = log_ready(log, fault);
    if (error < 0)
        return error;
    struct segment *best = NULL;
    for (int32_t i = 0; i < log->segments_count; i++)
        if (best == NULL || log->segments[i]->max_timestamp_ms > best->max_timestamp_ms)
            best = log->segments[i];
    if (best == NULL || best->max_timestamp_ms < 0)
        return 0;
    int64_t position;
    error = offset_index_floor(&best->offset_index, best->max_timestamp_offset, &position);
    if (error < 0)
        return log_fail_file(log, fault, "read index", &best->log, error);
    return find_in_segment(log, best, position, lookup, best->base_offset, best->max_timestamp_ms, found, fault);
}

/* ---- replay ---------------------------------------------------------------------------------------------------- */

int log_replay(struct log *log, int64_t offset, bool (*each)(void *context, const struct record_batch *batch),
               void *context, struct storage_fault *fault)
{
    int error = log_ready(log, fault);
    if (error < 0)
        return error;
    int32_t number;
    int64_t position;
    error = log_find_start(log, offset, &number, &position, fault);
    bool more = error == 0;
    for (; more && number < log->segments_count; number++, position = 0) {
        struct segment *segment = log->segments[number];
        struct segment_scan scan;
        segment_scan_init(&scan, segment, position, segment->size_bytes, SCAN_RECORDS);
        int step = 1;
        while (more && (step = segment_scan_next(&scan)) == 1)
            more = each(context, &scan.batch);
        segment_scan_release(&scan);
        if (step < 0)
            return log_fail_file(log, fault, "read", &segment->log, step);
    }
    return error;
}
