/* What the pool does of a cleaning: gather keys, copy what stays, sync.
 *
 *     map:     reader ── batches ── records ──> offset_map: key -> latest offset
 *     copy:    reader ── batches ── record_filter ──> output ── written in large pieces ──> cleaned .log, indexes
 *
 * A job goes over a slice of one source segment and ends at a batch; the owner submits the next one. So a job is short
 * whatever the log's size, it can be throttled between slices, and a stop waits for a slice at most.
 *
 * A record stays when
 *
 *     its offset is behind the map                     it is not decided yet
 *     it has a key, no later record has the same,      the point of it all
 *     and it is no tombstone whose time has come       the delete horizon of its batch
 *     it is a marker that its transaction needs        cleaned_transactions.c
 *
 * and it is not of an aborted transaction. A batch without records stays as a header when it is its producer's last
 * one, whose sequence a restart must find again, or when it ends the log. Source of the rules: Kafka's Cleaner.
 *
 * Checksums are verified before anything is copied: a batch that the disk has damaged must not get a new, good one. The
 * log is then left as it is, as its owner reports. */
#include "cleaning.h"

#include <errno.h>
#include <string.h>

void cleaning_release_tools(struct cleaning *cleaning)
{
    offset_map_release(&cleaning->map);
    cleaned_transactions_release(&cleaning->transactions);
    record_filter_release(&cleaning->filter);
    record_walk_release(&cleaning->walk);
    free(cleaning->output);
    cleaning->output = NULL;
    cleaning->output_bytes = cleaning->output_capacity = 0;
}

/* The log's content stops the cleaning. */
static int fail(struct cleaning *cleaning, const char *problem, int64_t offset)
{
    cleaning->problem = problem;
    cleaning->problem_offset = offset;
    return -EBADMSG;
}

static int fail_batch(struct cleaning *cleaning, const struct record_batch *batch, enum batch_error error)
{
    static const char *const problems[] = {
        [-BATCH_SHORT] = "A batch is cut off",
        [-BATCH_MALFORMED] = "There is no batch where one should begin",
        [-BATCH_CRC] = "A batch has the wrong checksum",
        [-BATCH_RECORDS] = "The records of a batch cannot be read",
        [-BATCH_LIMIT] = "A record of a batch is too large",
        [-BATCH_CODEC] = "The compressed data of a batch is damaged",
        [-BATCH_MEMORY] = "There is no memory for a batch",
        [-BATCH_TOO_LARGE] = "A batch grows above 2 GiB",
    };
    return fail(cleaning, problems[-error], batch->base_offset);
}

/* The next batch of the slice, whole and sound: 1, 0 at the end of the slice or the source, or a negative errno. */
static int next_batch(struct cleaning *cleaning, struct segment_scan *scan)
{
    if (atomic_load_explicit(&cleaning->canceled, memory_order_relaxed))
        return -ECANCELED;
    if (scan->next > cleaning->position && scan->next - cleaning->position >= cleaning->slice_bytes)
        return 0;
    int step = segment_scan_next(scan);
    if (step == -EBADMSG)
        return fail(cleaning, "There is no batch where one should begin", cleaning->reader->base_offset);
    if (step == 1 && !record_batch_crc_ok(&scan->batch))
        return fail_batch(cleaning, &scan->batch, BATCH_CRC);
    return step;
}

/* ---- keys ---------------------------------------------------------------------------------------------------------- */

/* Put the keys of a batch into the map. Returns 1 when the map is full. */
static int map_records(struct cleaning *cleaning, const struct record_batch *batch)
{
    struct record_iterator iterator;
    struct record record;
    bool full = false;
    record_iterator_init(&iterator, batch, cleaning->filter.record_bytes_max, &cleaning->walk);
    while (!full && record_iterator_next(&iterator, &record))
        full = record.key.size >= 0 && record.offset >= cleaning->dirty_offset &&
               !offset_map_put(&cleaning->map, record.key.data, (size_t)record.key.size, record.offset);
    enum batch_error error = iterator.error;
    record_iterator_release(&iterator);
    return full ? 1 : error == BATCH_OK ? 0 : fail_batch(cleaning, batch, error);
}

static int map_batch(struct cleaning *cleaning, const struct record_batch *batch)
{
    int32_t aborted;
    int full = 0;
    if (batch->attributes & BATCH_CONTROL)
        (void)cleaned_transactions_marker(&cleaning->transactions, batch, &aborted);
    else if (!cleaned_transactions_data(&cleaning->transactions, batch))
        full = map_records(cleaning, batch);
    if (full == 0 && record_batch_last_offset(batch) >= cleaning->dirty_offset)
        cleaning->map.latest_offset = record_batch_last_offset(batch);
    return full;
}

static int map_slice(struct cleaning *cleaning, struct segment_scan *scan)
{
    int step;
    while ((step = next_batch(cleaning, scan)) == 1) {
        int full = map_batch(cleaning, &scan->batch);
        if (full < 0)
            return full;
        cleaning->map_full = full == 1;
        if (cleaning->map_full)
            break;
    }
    return step < 0 ? step : 0;
}

/* ---- copying ------------------------------------------------------------------------------------------------------- */

/* Write what was gathered behind the cleaned segment's last batch. */
static int write_output(struct cleaning *cleaning)
{
    struct segment *cleaned = cleaning->cleaned;
    struct file *file;
    int error = cached_file_get(&cleaned->log, &file);
    if (error == 0)
        error = file_write_all(cleaning->io, file, cleaning->output, cleaning->output_bytes, cleaned->size_bytes);
    for (size_t at = 0; error == 0 && at < cleaning->output_bytes;) {
        struct record_batch batch;
        if (record_batch_view(&batch, cleaning->output + at, cleaning->output_bytes - at) != BATCH_OK)
            return fail(cleaning, "A batch does not fit its own length", cleaned->base_offset);
        segment_count_batch(cleaned, &batch, cleaned->size_bytes, cleaning->index_interval_bytes);
        at += (size_t)batch.size_bytes;
    }
    cleaning->moved_bytes += (int64_t)cleaning->output_bytes;
    cleaning->bytes_written += (int64_t)cleaning->output_bytes;
    cleaning->output_bytes = 0;
    return error;
}

static int add_output(struct cleaning *cleaning, const struct record_batch *batch,
                      const struct filtered_batch *filtered)
{
    struct segment *cleaned = cleaning->cleaned;
    int64_t last_offset = record_batch_last_offset(batch);
    if (batch->base_offset <= cleaning->written_offset || last_offset < batch->base_offset ||
        batch->base_offset < cleaned->base_offset)
        return fail(cleaning, "The offsets of a batch are not above those before it", batch->base_offset);
    if (last_offset - cleaned->base_offset > INT32_MAX)
        return fail(cleaning, "The offsets of a segment span more than 2^31", batch->base_offset);
    if (cleaned->size_bytes + (int64_t)cleaning->output_bytes > INT32_MAX - (int64_t)filtered->size_bytes)
        return fail(cleaning, "A segment grows above 2 GiB", batch->base_offset);
    cleaning->written_offset = last_offset;
    size_t size = (size_t)filtered->size_bytes;
    if (cleaning->output_bytes > 0 && cleaning->output_bytes + size > cleaning->output_bytes_max) {
        int error = write_output(cleaning);
        if (error < 0)
            return error;
    }
    if (size > cleaning->output_capacity) {
        cleaning->output_capacity = size > cleaning->output_bytes_max ? size : cleaning->output_bytes_max;
        cleaning->output = xrealloc(cleaning->output, cleaning->output_capacity);
    }
    memcpy(cleaning->output + cleaning->output_bytes, filtered->bytes, size);
    cleaning->output_bytes += size;
    return 0;
}

static bool is_last_of_producer(const struct cleaning *cleaning, const struct record_batch *batch)
{
    int32_t first = 0, end = batch->producer_id >= 0 ? cleaning->last_records_count : 0;
    while (first < end) {
        int32_t middle = first + (end - first) / 2;
        const struct last_record *last = &cleaning->last_records[middle];
        if (last->producer_id == batch->producer_id)
            return last->last_offset >= 0 ? record_batch_last_offset(batch) == last->last_offset
                                          : (batch->attributes & BATCH_CONTROL) && batch->producer_epoch == last->epoch;
        if (last->producer_id < batch->producer_id)
            first = middle + 1;
        else
            end = middle;
    }
    return false;
}

/* The time has come for what this batch has marked for deletion. */
static bool horizon_passed(const struct cleaning *cleaning, const struct record_batch *batch)
{
    return (batch->attributes & BATCH_DELETE_HORIZON) && batch->base_timestamp_ms <= cleaning->now_ms;
}

bool cleaning_keeps(void *context, const struct record_batch *batch, const struct record *record)
{
    struct cleaning *cleaning = context;
    if (cleaning->discard)
        return false;
    if ((batch->attributes & BATCH_CONTROL) || record->offset > cleaning->map.latest_offset)
        return true;
    if (record->key.size < 0) {
        cleaning->keyless_records++;
        return false;
    }
    if (record->offset < offset_map_get(&cleaning->map, record->key.data, (size_t)record->key.size))
        return false;
    return record->value.size >= 0 || !horizon_passed(cleaning, batch);
}

static void note_kept_aborted(struct cleaning *cleaning, int32_t aborted)
{
    if (cleaning->kept_aborted_count == cleaning->kept_aborted_capacity) {
        cleaning->kept_aborted_capacity =
            cleaning->kept_aborted_capacity == 0 ? 8 : cleaning->kept_aborted_capacity * 2;
        cleaning->kept_aborted =
            xrealloc(cleaning->kept_aborted, (size_t)cleaning->kept_aborted_capacity * sizeof *cleaning->kept_aborted);
    }
    cleaning->kept_aborted[cleaning->kept_aborted_count++] = aborted;
}

static int copy_batch(struct cleaning *cleaning, const struct record_batch *batch)
{
    bool control = batch->attributes & BATCH_CONTROL;
    int32_t aborted = -1;
    bool unwanted = control ? cleaned_transactions_marker(&cleaning->transactions, batch, &aborted)
                            : cleaned_transactions_data(&cleaning->transactions, batch);
    if (aborted >= 0)
        note_kept_aborted(cleaning, aborted);
    cleaning->discard = unwanted && (!control || horizon_passed(cleaning, batch));
    bool keep_empty =
        is_last_of_producer(cleaning, batch) || record_batch_last_offset(batch) + 1 == cleaning->high_watermark;
    if (cleaning->discard && !keep_empty)
        return 0;
    struct filtered_batch filtered;
    enum batch_error error = record_filter_batch(&cleaning->filter, batch, control && unwanted, keep_empty, &filtered);
    if (error != BATCH_OK)
        return fail_batch(cleaning, batch, error);
    cleaning->records_kept += filtered.records_kept;
    return filtered.size_bytes > 0 ? add_output(cleaning, batch, &filtered) : 0;
}

static int copy_slice(struct cleaning *cleaning, struct segment_scan *scan)
{
    int step;
    while ((step = next_batch(cleaning, scan)) == 1) {
        cleaning->records_read += scan->batch.record_count;
        int error = copy_batch(cleaning, &scan->batch);
        if (error < 0)
            return error;
    }
    return step < 0 ? step : write_output(cleaning);
}

/* ---- a slice ------------------------------------------------------------------------------------------------------- */

static int work_on_slice(struct cleaning *cleaning)
{
    struct segment_scan scan;
    segment_scan_init(&scan, cleaning->reader, cleaning->position, cleaning->reader->size_bytes, SCAN_RECORDS);
    int error = cleaning->step == CLEANING_MAP ? map_slice(cleaning, &scan) : copy_slice(cleaning, &scan);
    cleaning->moved_bytes += scan.next - cleaning->position;
    cleaning->bytes_read += scan.next - cleaning->position;
    cleaning->position = scan.next;
    cleaning->source_done = scan.next == scan.end || cleaning->map_full;
    segment_scan_release(&scan);
    return error;
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

/* Have the cleaned segment's files as a sealed one has them: they get the time of the newest source, for retention of
 * records without timestamps. All of them are pinned. With the last group the tools have done their work, and giving
 * back a large map takes longer than a turn of the loop may. */
static int seal(struct cleaning *cleaning)
{
    if (cleaning->group_end == cleaning->copied_count)
        cleaning_release_tools(cleaning);
    struct segment *cleaned = cleaning->cleaned;
    struct cached_file *const files[] = {&cleaned->log, &cleaned->offset_index.entries.file,
                                         &cleaned->time_index.entries.file, &cleaned->txn_index.file};
    int error = segment_seal(cleaned);
    for (size_t i = 0; error == 0 && i < COUNT_OF(files); i++) {
        if (files[i]->file == NULL) /* no transaction was aborted */
            continue;
        if (cleaning->modified_ms >= 0)
            error = cleaning->io->set_modified(cleaning->io, files[i]->file, cleaning->modified_ms);
        if (error == 0 && cleaning->store->options.sync)
            error = cleaning->io->sync(cleaning->io, files[i]->file);
    }
    return error;
}

void cleaning_work(struct job *job)
{
    struct cleaning *cleaning = CONTAINER_OF(job, struct cleaning, job);
    cleaning->moved_bytes = 0;
    switch (cleaning->step) {
    case CLEANING_MAP:
    case CLEANING_COPY:
        cleaning->error = work_on_slice(cleaning);
        break;
    case CLEANING_SEAL:
        cleaning->error = seal(cleaning);
        break;
    case CLEANING_SYNC_SWAP:
    case CLEANING_SYNC_RETIRED:
    case CLEANING_SYNC_NAMES:
        cleaning->error = cleaning->io->sync_directory(cleaning->io, cleaning->folder_path);
        break;
    case CLEANING_RETIRE:
        ASSERT(!"the owner's step");
        break;
    }
}
