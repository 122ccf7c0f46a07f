/* The course of a cleaning: which segment is next, when it ends, and what becomes of it when something is in the way.
 *
 *     cleaner.c -- cleaning_start() --> job ... job ... job --> the log's cleaned_offset, and the next log
 *                                        |      ^
 *                                 owner decides, submits
 *
 * First all keys of the dirty part go into the map, or as many as fit; then everything from the log's first segment up
 * to there is copied, group by group: neighbouring segments are merged as long as their logs, their indexes and their
 * offsets fit one segment, so that segments do not get smaller and smaller.
 *
 * The sources are sealed segments: they do not change, and the cleaning's references keep them. Only retention would
 * take them out of the log, and stays away while log_is_cleaned(). So a job may read them while the log is appended to.
 *
 *     the topic is deleted            the job ends at its next batch; nobody looks at what it made
 *     the broker stops                the same; what is not swapped yet is removed, a swap that began is finished
 *     the topic is no longer compact  given up before the next slice
 *     the disk is full                what was made is removed, and the next round tries again
 *     a damaged batch, EIO            reported, and the log is not cleaned until a restart; it serves on
 *     a rename or directory sync      fails: the log is offline, as nobody knows what its folder holds */
#include "cleaning.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define SLICE_BYTES_MAX                                                                                                \
    ((int64_t)8 * 1024 * 1024) /* some 20 ms of work; removals of files wait for a slice at most                       \
                                */
#define SLICE_BYTES_MIN ((int64_t)64 * 1024)
#define SLICES_A_SECOND 4 /* when the throttle is lower than that */

static const struct cleaner_config *config_of(const struct cleaning *cleaning)
{
    return cleaning->store->options.cleaner;
}

/* ---- start and end ------------------------------------------------------------------------------------------------- */

static void close_reader(struct cleaning *cleaning)
{
    if (cleaning->reader == NULL)
        return;
    cached_file_unpin(&cleaning->reader->log);
    segment_unref(cleaning->reader);
    cleaning->reader = NULL;
}

void cleaning_free(struct cleaning *cleaning)
{
    ASSERT(!cleaning->busy);
    if (cleaning->store->cleaner.cleaning == cleaning)
        cleaning->store->cleaner.cleaning = NULL;
    close_reader(cleaning);
    bool swapped = cleaning->swapped;
    cleaning_release_output(cleaning);
    for (int32_t i = 0; i < cleaning->sources_count; i++) {
        if (cleaning->sources[i] == NULL)
            continue;
        if (swapped && i >= cleaning->group_first && i < cleaning->group_end)
            segment_unref(cleaning->sources[i]); /* taken from the log, and not handed to a removal */
        segment_unref(cleaning->sources[i]);
    }
    cleaning_release_tools(cleaning);
    free(cleaning->sources);
    free(cleaning->aborted);
    free(cleaning->last_records);
    free(cleaning->kept_aborted);
    free(cleaning);
}

static bool note_aborted(void *context, const struct aborted_txn *txn)
{
    struct cleaning *cleaning = context;
    if (cleaning->aborted_count == cleaning->aborted_capacity) {
        cleaning->aborted_capacity = cleaning->aborted_capacity == 0 ? 8 : cleaning->aborted_capacity * 2;
        cleaning->aborted = xrealloc(cleaning->aborted, (size_t)cleaning->aborted_capacity * sizeof *cleaning->aborted);
    }
    cleaning->aborted[cleaning->aborted_count++] = *txn;
    return true;
}

static int compare_aborted(const void *a, const void *b)
{
    const struct aborted_txn *left = a, *right = b;
    return (left->first_offset > right->first_offset) - (left->first_offset < right->first_offset);
}

/* The transactions that were aborted in the log up to the end of its dirty part. */
static int collect_aborted(struct cleaning *cleaning)
{
    int error = log_find_aborted(cleaning->log, 0, cleaning->end_offset, note_aborted, cleaning, NULL);
    if (cleaning->aborted_count > 0)
        qsort(cleaning->aborted, (size_t)cleaning->aborted_count, sizeof *cleaning->aborted, compare_aborted);
    return error;
}

/* What producers wrote last, for the batches that must outlive the cleaning. */
static void collect_last_records(struct cleaning *cleaning)
{
    const struct producer_states *states = &cleaning->log->producers;
    free(cleaning->last_records);
    cleaning->last_records = xcalloc((size_t)states->count, sizeof *cleaning->last_records);
    cleaning->last_records_count = states->count;
    for (int32_t i = 0; i < states->count; i++) {
        const struct producer *producer = states->producers[i];
        int16_t batches = producer->batches_count;
        cleaning->last_records[i] = (struct last_record){
            .producer_id = producer->id,
            .last_offset = batches > 0 ? producer->batches[batches - 1].last_offset : -1,
            .epoch = producer->epoch,
        };
    }
}

static void restart_transactions(struct cleaning *cleaning, int64_t start_offset)
{
    cleaned_transactions_release(&cleaning->transactions);
    cleaning->transactions.aborted = cleaning->aborted;
    cleaning->transactions.aborted_count = cleaning->aborted_count;
    cleaning->transactions.start_offset = start_offset;
}

/* ---- steps --------------------------------------------------------------------------------------------------------- */

static int open_source(struct cleaning *cleaning, int32_t number, int64_t position)
{
    const struct segment *source = cleaning->sources[number];
    close_reader(cleaning);
    struct segment *reader = segment_new(source->folder, source->base_offset, cleaning->now_ms);
    int error = cached_file_pin(&reader->log);
    if (error < 0) {
        segment_unref(reader);
        return error;
    }
    reader->size_bytes = source->size_bytes;
    cleaning->reader = reader;
    cleaning->source = number;
    cleaning->position = position;
    cleaning->source_done = position == reader->size_bytes;
    return 0;
}

/* Where the next segment begins, or the part that is cleaned ends. */
static int64_t source_end(const struct cleaning *cleaning, int32_t number)
{
    return number + 1 < cleaning->sources_count ? cleaning->sources[number + 1]->base_offset : cleaning->end_offset;
}

static int begin_map(struct cleaning *cleaning)
{
    int32_t first = 0;
    while (first + 1 < cleaning->sources_count && cleaning->sources[first + 1]->base_offset <= cleaning->dirty_offset)
        first++;
    int64_t position;
    int error = offset_index_floor(&cleaning->sources[first]->offset_index, cleaning->dirty_offset, &position);
    if (error < 0)
        return error;
    const struct cleaner_config *config = config_of(cleaning);
    int64_t keys_max = cleaning->end_offset - cleaning->dirty_offset;
    offset_map_init(&cleaning->map, cleaning->store->options.hash_key, config->dedupe_buffer_bytes,
                    config->io_buffer_load_factor, keys_max);
    restart_transactions(cleaning, cleaning->dirty_offset);
    cleaning->step = CLEANING_MAP;
    return open_source(cleaning, first, position);
}

/* The segment that follows in the map, if it is to hold more. */
static int next_to_map(struct cleaning *cleaning, bool *done)
{
    if (!cleaning->map_full) /* offsets at its end may be missing */
        cleaning->map.latest_offset = source_end(cleaning, cleaning->source) - 1;
    *done = cleaning->map_full || cleaning->source + 1 == cleaning->sources_count;
    return *done ? 0 : open_source(cleaning, cleaning->source + 1, 0);
}

/* The end of the group that begins with source `first`. */
static int32_t group_end(const struct cleaning *cleaning, int32_t first)
{
    int64_t log_bytes = 0, offset_entries = 0, time_entries = 0;
    int32_t end = first;
    for (; end < cleaning->copied_count; end++) {
        const struct segment *source = cleaning->sources[end];
        log_bytes += source->size_bytes;
        offset_entries += source->offset_index.entries.entries;
        time_entries += source->time_index.entries.entries;
        int64_t last_offset =
            (end + 1 < cleaning->copied_count ? cleaning->sources[end + 1]->base_offset : cleaning->end_offset) - 1;
        bool fits = log_bytes <= cleaning->segment_bytes &&
                    offset_entries * OFFSET_INDEX_ENTRY_BYTES <= cleaning->segment_index_bytes &&
                    time_entries * TIME_INDEX_ENTRY_BYTES <= cleaning->segment_index_bytes &&
                    (source->size_bytes == 0 || last_offset - cleaning->sources[first]->base_offset <= INT32_MAX);
        if (end > first && !fits)
            break;
    }
    return end;
}

static int begin_group(struct cleaning *cleaning, int32_t first)
{
    char path[STORAGE_PATH_MAX];
    struct file_stat info;
    cleaning->step = CLEANING_COPY; /* the group before, if there is one, is done, and no name is half changed */
    cleaning->group_first = first;
    cleaning->group_end = group_end(cleaning, first);
    cleaning->high_watermark = cleaning->log->end_offset;
    cleaning->written_offset = -1;
    cleaning->kept_aborted_count = 0;
    cached_file_path(&cleaning->sources[cleaning->group_end - 1]->log, path);
    cleaning->modified_ms = cleaning->io->stat(cleaning->io, path, &info) == 0 ? info.modified_ms : -1;
    collect_last_records(cleaning);
    int error = cleaning_create_output(cleaning);
    return error < 0 ? error : open_source(cleaning, first, 0);
}

static int begin_copy(struct cleaning *cleaning)
{
    cleaning->clean_offset = cleaning->map.latest_offset + 1;
    cleaning->copied_count = 0;
    while (cleaning->copied_count < cleaning->sources_count &&
           cleaning->sources[cleaning->copied_count]->base_offset < cleaning->clean_offset)
        cleaning->copied_count++;
    restart_transactions(cleaning, 0);
    return begin_group(cleaning, 0);
}

/* ---- what is next -------------------------------------------------------------------------------------------------- */

enum next {
    NEXT_JOB,   /* the step has work for the pool */
    NEXT_STEP,  /* ask again */
    NEXT_TURN,  /* go on at the next tick */
    NEXT_OVER,  /* all is done */
    NEXT_ERROR, /* cleaning->error */
};

static enum next failed(struct cleaning *cleaning, int error)
{
    cleaning->error = error;
    return NEXT_ERROR;
}

/* A step of the pool that only syncs is no step when nothing is ever synced. */
static enum next sync_step(struct cleaning *cleaning, enum cleaning_step step, int error)
{
    cleaning->step = step;
    if (error < 0)
        return failed(cleaning, error);
    return cleaning->store->options.sync ? NEXT_JOB : NEXT_STEP;
}

static enum next next_step(struct cleaning *cleaning)
{
    bool done;
    int error;
    switch (cleaning->step) {
    case CLEANING_MAP:
        if (!cleaning->source_done)
            return NEXT_JOB;
        error = next_to_map(cleaning, &done);
        if (error == 0 && done)
            error = begin_copy(cleaning);
        return error < 0 ? failed(cleaning, error) : NEXT_STEP;
    case CLEANING_COPY:
        if (!cleaning->source_done)
            return NEXT_JOB;
        if (cleaning->source + 1 < cleaning->group_end) {
            error = open_source(cleaning, cleaning->source + 1, 0);
            return error < 0 ? failed(cleaning, error) : NEXT_STEP;
        }
        close_reader(cleaning);
        cleaning->step = CLEANING_SEAL;
        error = cleaning_index_aborted(cleaning);
        return error < 0 ? failed(cleaning, error) : NEXT_JOB;
    case CLEANING_SEAL:
        return sync_step(cleaning, CLEANING_SYNC_SWAP, cleaning_name_swap(cleaning));
    case CLEANING_SYNC_SWAP:
        cleaning_swap(cleaning);
        cleaning->step = CLEANING_RETIRE;
        return NEXT_STEP;
    case CLEANING_RETIRE:
        error = cleaning_retire_some(cleaning, &done);
        if (error == 0 && done)
            return NEXT_TURN;
        return sync_step(cleaning, CLEANING_SYNC_RETIRED, error);
    case CLEANING_SYNC_RETIRED:
        return sync_step(cleaning, CLEANING_SYNC_NAMES, cleaning_name_plain(cleaning));
    case CLEANING_SYNC_NAMES:
        cleaning_release_output(cleaning);
        cleaning->swapped = false;
        if (cleaning->group_end == cleaning->copied_count)
            return NEXT_OVER;
        error = begin_group(cleaning, cleaning->group_end);
        return error < 0 ? failed(cleaning, error) : NEXT_STEP;
    }
    return NEXT_OVER;
}

/* ---- how it ends --------------------------------------------------------------------------------------------------- */

static void succeed(struct cleaning *cleaning)
{
    struct log *log = cleaning->log;
    log->cleaned_offset = cleaning->clean_offset;
    store_checkpoints_soon(cleaning->store, log->dir);
    store_report(cleaning->store, 0, "Compacted log",
                 "topic=%s partition=%d from=%" PRId64 " to=%" PRId64 " bytes_read=%" PRId64 " bytes_written=%" PRId64
                 " records_read=%" PRId64 " records_kept=%" PRId64 " keyless_records=%" PRId64,
                 log->topic, (int)log->partition, cleaning->dirty_offset, log->cleaned_offset, cleaning->bytes_read,
                 cleaning->bytes_written, cleaning->records_read, cleaning->records_kept, cleaning->keyless_records);
}

/* A step failed: does the log suffer? */
static void report_failure(struct cleaning *cleaning)
{
    struct log *log = cleaning->log;
    int error = cleaning->error;
    if (cleaning->step >= CLEANING_SYNC_SWAP) {
        /* Also when only something is used up: names are half changed. */
        (void)log_fail(log, NULL, "swap compacted segment", cleaning->folder_path, -EIO);
        return;
    }
    cleaning_discard_output(cleaning);
    if (storage_used_up(error)) {
        store_report(cleaning->store, 1, "Log could not be compacted, and is tried again",
                     "topic=%s partition=%d error=%s", log->topic, (int)log->partition, strerror(-error));
        return;
    }
    log->uncleanable = true;
    if (error == -EBADMSG)
        store_report(cleaning->store, 2, "Log cannot be compacted, and is not until a restart",
                     "topic=%s partition=%d reason=\"%s\" base_offset=%" PRId64, log->topic, (int)log->partition,
                     cleaning->problem, cleaning->problem_offset);
    else
        store_report(cleaning->store, 2, "Log cannot be compacted, and is not until a restart",
                     "topic=%s partition=%d error=%s", log->topic, (int)log->partition, strerror(-error));
}

/* Free it; the next log is looked for after a failure as after a round without work. */
static void end(struct cleaning *cleaning, bool good)
{
    struct log_store *store = cleaning->store;
    cleaning_free(cleaning);
    store_cleaner_wake(store, store->now_ms + (good ? 0 : store->options.cleaner->backoff_ms));
}

/* Is there no reason to go on? Then it has ended, or waits for the store to be closed. */
static bool given_up(struct cleaning *cleaning)
{
    const struct log *log = cleaning->log;
    bool undecided = cleaning->step < CLEANING_SYNC_SWAP;
    if (log == NULL || log->state != LOG_READY) {
        end(cleaning, true);
        return true;
    }
    if (undecided && (cleaning->store->stopped || !log->config->cleanup_compact || !config_of(cleaning)->enable)) {
        cleaning_discard_output(cleaning);
        end(cleaning, true);
        return true;
    }
    return cleaning->store->stopped;
}

/* ---- the pool ------------------------------------------------------------------------------------------------------ */

static void submit(struct cleaning *cleaning)
{
    double bytes_per_second = config_of(cleaning)->io_bytes_per_second_max;
    double slice_bytes = bytes_per_second / SLICES_A_SECOND;
    cleaning->slice_bytes = slice_bytes < (double)SLICE_BYTES_MIN   ? SLICE_BYTES_MIN
                            : slice_bytes < (double)SLICE_BYTES_MAX ? (int64_t)slice_bytes
                                                                    : SLICE_BYTES_MAX;
    cleaning->busy = true;
    cleaning->worked = false;
    cleaning->store->options.executor->submit(cleaning->store->options.executor, &cleaning->job);
}

/* How long what the last job moved may take at the throttle's rate. */
static int64_t throttle_ms(const struct cleaning *cleaning)
{
    double ms = (double)cleaning->moved_bytes * 1000 / config_of(cleaning)->io_bytes_per_second_max;
    return ms < 1 ? 0 : ms > 60000 ? 60000 : (int64_t)ms;
}

/* Do what is the owner's to do, up to the next job. */
static void drive(struct cleaning *cleaning)
{
    enum next next = cleaning->error < 0 ? NEXT_ERROR : NEXT_STEP;
    while (next == NEXT_STEP)
        next = next_step(cleaning);
    switch (next) {
    case NEXT_JOB:
        submit(cleaning);
        break;
    case NEXT_TURN:
        store_cleaner_wake(cleaning->store, cleaning->store->now_ms);
        break;
    case NEXT_OVER:
        succeed(cleaning);
        end(cleaning, true);
        break;
    case NEXT_ERROR:
        report_failure(cleaning);
        end(cleaning, false);
        break;
    case NEXT_STEP:
        break;
    }
}

void cleaning_go_on(struct cleaning *cleaning)
{
    ASSERT(!cleaning->busy);
    if (!given_up(cleaning))
        drive(cleaning);
}

static void cleaning_done(struct job *job, bool canceled)
{
    struct cleaning *cleaning = CONTAINER_OF(job, struct cleaning, job);
    cleaning->busy = false;
    cleaning->worked = !canceled;
    if (canceled) /* the pool cancels when the broker stops */
        cleaning->store->stopped = true;
    if (given_up(cleaning))
        return;
    int64_t wait_ms = cleaning->error < 0 ? 0 : throttle_ms(cleaning);
    if (wait_ms > 0)
        store_cleaner_wake(cleaning->store, cleaning->store->now_ms + wait_ms);
    else
        drive(cleaning);
}

/* ---- from outside -------------------------------------------------------------------------------------------------- */

void cleaning_start(struct log *log, int64_t dirty_offset, int64_t end_offset, int64_t now_ms)
{
    struct log_store *store = log->store;
    const struct log_config *config = log->config;
    struct cleaning *cleaning = xmalloc(sizeof *cleaning);
    *cleaning = (struct cleaning){
        .job = {.kind = JOB_CLEANUP, .name = "compaction", .work = cleaning_work, .done = cleaning_done},
        .store = store,
        .log = log,
        .io = store->options.files,
        .now_ms = now_ms,
        .index_interval_bytes = config->index_interval_bytes,
        .segment_bytes = config->segment_bytes,
        .segment_index_bytes = config->segment_index_bytes,
        .output_bytes_max = (size_t)store->options.cleaner->io_buffer_bytes / 2,
        .dirty_offset = dirty_offset,
        .end_offset = end_offset,
        .map.latest_offset = -1,
    };
    snprintf(cleaning->folder_path, sizeof cleaning->folder_path, "%s", log->folder->path);
    atomic_init(&cleaning->canceled, false);
    record_walk_init(&cleaning->walk);
    int32_t record_bytes_max = config->rules.max_decompressed_message_bytes;
    cleaning->filter = (struct record_filter){
        .keep = cleaning_keeps,
        .context = cleaning,
        .horizon_ms =
            now_ms > INT64_MAX - config->delete_retention_ms ? INT64_MAX : now_ms + config->delete_retention_ms,
        .record_bytes_max = record_bytes_max < REBUILT_RECORD_BYTES_MAX ? record_bytes_max : REBUILT_RECORD_BYTES_MAX,
        .walk = &cleaning->walk,
    };
    int32_t count = log_segment_at(log, end_offset - 1) + 1;
    cleaning->sources = xcalloc((size_t)count, sizeof(struct segment *));
    for (; cleaning->sources_count < count; cleaning->sources_count++)
        cleaning->sources[cleaning->sources_count] = segment_ref(log->segments[cleaning->sources_count]);
    store->cleaner.cleaning = cleaning;
    if (collect_aborted(cleaning) < 0) { /* unless that put the log offline */
        cleaning->error = -EBADMSG;
        cleaning->problem = "A transaction index is damaged";
    } else {
        cleaning->error = begin_map(cleaning);
    }
    cleaning_go_on(cleaning);
}

void cleaning_cancel(struct cleaning *cleaning, bool log_goes)
{
    atomic_store_explicit(&cleaning->canceled, true, memory_order_relaxed);
    if (log_goes)
        cleaning->log = NULL;
    if (!cleaning->busy)
        (void)given_up(cleaning);
}

void cleaning_close(struct cleaning *cleaning)
{
    ASSERT(!cleaning->busy);
    bool finishing = cleaning->step >= CLEANING_SYNC_SWAP && cleaning->log->state == LOG_READY;
    enum next next = cleaning->worked || cleaning->step == CLEANING_RETIRE ? NEXT_STEP : NEXT_JOB;
    while (finishing && cleaning->error == 0 && (next == NEXT_JOB || cleaning->step != CLEANING_SYNC_NAMES)) {
        if (next == NEXT_JOB)
            cleaning_work(&cleaning->job);
        next = next == NEXT_JOB ? NEXT_STEP : next_step(cleaning);
    }
    if (finishing && cleaning->error < 0)
        report_failure(cleaning);
    cleaning_discard_output(cleaning);
    cleaning_free(cleaning);
}
