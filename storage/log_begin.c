/* A log that begins anew at an offset above its end, as Kafka's truncateFullyAndStartAt: for state that a checkpoint
 * holds up to there.
 *
 *     | segment 0 ... | segment 40 ... |  end 70           start = end = 100
 *       .deleted        .deleted                           | segment 100 |
 *
 * The newest segments go first: an attempt that is interrupted leaves a log that ends earlier still, and the next one
 * begins anew again. */
#include "log_internal.h"

int log_begin_at(struct log *log, int64_t offset, struct storage_fault *fault)
{
    int error = log_ready(log, fault);
    if (error < 0)
        return error;
    ASSERT(offset > log->end_offset);
    log->touched = true;
    log->names_unsynced = true;
    while (error == 0 && log->segments_count > 0) {
        struct segment *last = log_active(log);
        error = segment_rename(last, SUFFIX_DELETED);
        if (error == 0)
            error = segment_rename_snapshot(last);
        if (error < 0)
            return log_fail_file(log, fault, "rename", &last->log, error);
        log->segments_count--;
        store_remove_segment(log->store, last, log->store->now_ms + log->config->file_delete_delay_ms);
    }
    producer_states_clear(&log->producers);
    log->start_offset = log->end_offset = log->recovery_point = log->sealed_offset = offset;
    log->snapshot_offset = -1;
    if (log->dir != NULL)
        store_take_checkpoints(log);
    if (leader_epochs_cut_end(&log->epochs, 0))
        log->epochs_unwritten = true;
    if (log->folder == NULL)
        error = log_make_folder(log, fault);
    return error < 0 ? error : log_roll(log, log->store->now_ms, fault);
}
