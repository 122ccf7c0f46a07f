/* Aborted transactions of a log: into the index when an abort marker is written, out of it beside what is read.
 *
 *     offset            10       20       30       40       50
 *     producer 7        [ data ]          [ data ]          abort       indexed: 7, first 10, last 50, stable 51
 *     producer 8                 [ data ]          abort                indexed: 8, first 20, last 40, stable 10
 *
 * Who reads 20 to 29 has to know of both, whose markers lie behind: the search goes on until an entry says that nothing
 * was open any more below the end of what is read. */
#include "log_internal.h"

#include <errno.h>

int64_t log_bound(const struct log *log, enum isolation isolation)
{
    int64_t first_open = isolation == ISOLATION_READ_COMMITTED ? producer_states_first_open(&log->producers) : -1;
    if (first_open < 0 || first_open > log->end_offset)
        return log->end_offset;
    return first_open > log->start_offset ? first_open : log->start_offset; /* DeleteRecords may pass it */
}

int log_index_aborted(struct log *log, struct segment *segment, const struct completed_txn *txn)
{
    const struct aborted_txn entry = {
        .producer_id = txn->producer_id,
        .first_offset = txn->first_offset,
        .last_offset = txn->last_offset,
        .last_stable_offset = txn->last_stable_offset,
    };
    if (!segment->txn_index.exists)
        log->names_unsynced = true;
    if (txn->last_offset > log->last_aborted_offset)
        log->last_aborted_offset = txn->last_offset;
    return txn_index_append(&segment->txn_index, &entry);
}

int log_find_aborted(struct log *log, int64_t start_offset, int64_t end_offset,
                     bool (*each)(void *context, const struct aborted_txn *txn), void *context,
                     struct storage_fault *fault)
{
    int32_t number = log_segment_at(log, start_offset);
    for (number = number < 0 ? 0 : number; number < log->segments_count; number++) {
        struct segment *segment = log->segments[number];
        int step = txn_index_find(&segment->txn_index, start_offset, end_offset, each, context);
        if (step == -ECANCELED)
            return STORAGE_CANCELED;
        if (step < 0)
            return log_fail_file(log, fault, "read", &segment->txn_index.file, step);
        if (step == 1)
            break;
    }
    return 0;
}

/* Where Kafka says that what was read ends, which is up to `position`: at its first index entry behind that. So it
 * names a transaction more now and then, which does no harm. */
static int end_of_slice(struct log *log, struct segment *segment, int64_t position, int64_t *end_offset)
{
    int found = offset_index_ceiling(&segment->offset_index, position, end_offset);
    if (found != 0)
        return found < 0 ? found : 0;
    int32_t next = log_segment_at(log, segment->base_offset) + 1;
    *end_offset = next < log->segments_count ? log->segments[next]->base_offset : log->end_offset;
    return 0;
}

struct naming {
    bool (*each)(void *context, int64_t producer_id, int64_t first_offset);
    void *context;
};

static bool name_txn(void *context, const struct aborted_txn *txn)
{
    const struct naming *naming = context;
    return naming->each(naming->context, txn->producer_id, txn->first_offset);
}

/* Where a read ends that gave `slice`, or that gave nothing, as it was to have no byte. *segment is NULL at the end of
 * the log. */
static int find_slice_end(struct log *log, int64_t offset, const struct log_slice *slice, struct segment **segment,
                          int64_t *position, struct storage_fault *fault)
{
    *segment = slice->segment;
    *position = slice->position + slice->size_bytes;
    if (slice->segment != NULL || offset >= log_bound(log, ISOLATION_READ_COMMITTED))
        return 0;
    int32_t number;
    int error = log_find_start(log, offset, &number, position, fault);
    if (error == 0 && number < log->segments_count)
        *segment = log->segments[number];
    return error;
}

int log_slice_aborted(struct log *log, int64_t offset, const struct log_slice *slice,
                      bool (*each)(void *context, int64_t producer_id, int64_t first_offset), void *context,
                      struct storage_fault *fault)
{
    if (offset > log->last_aborted_offset) /* as in nearly all logs */
        return 0;
    struct segment *segment;
    int64_t position, end_offset;
    int error = find_slice_end(log, offset, slice, &segment, &position, fault);
    if (error < 0 || segment == NULL)
        return error;
    error = end_of_slice(log, segment, position, &end_offset);
    if (error < 0)
        return log_fail_file(log, fault, "read", &segment->offset_index.entries.file, error);
    struct naming naming = {each, context};
    return log_find_aborted(log, offset, end_offset, name_txn, &naming, fault);
}
