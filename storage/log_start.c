/* The log start offset: it only rises, and what lies below is no longer there for readers.
 *
 *     | segment 0 ....... | segment 40 ....... | segment 90 ... |
 *                              ^ log start 55
 *       goes with the          stays: it has       stays
 *       next retention         offsets above
 *
 * DeleteRecords raises it in the middle of a segment, retention to the first segment that is left. The leader epochs
 * begin there. The recovery point stays, unlike Kafka's: after a power cut a segment that was deleted may be back, and
 * when it was never synced nobody may trust it. The checkpoint of log starts is written when its interval has passed:
 * after a crash the log may begin at the offset of the checkpoint before, never above what was asked for. Producers are
 * still known: in Kafka too only time makes them forgotten. */
#include "log_internal.h"

int log_set_start(struct log *log, int64_t offset, struct storage_fault *fault)
{
    if (offset > log->start_offset)
        log->start_offset = offset;
    if (log->dir == NULL)
        return 0;
    store_checkpoint_changed(log->dir, CHECKPOINT_LOG_START);
    if (!leader_epochs_cut_start(&log->epochs, log->start_offset))
        return 0;
    log->epochs_unwritten = true;
    int error = log_write_epochs(log);
    return error < 0 ? log_fail(log, fault, "write leader-epoch-checkpoint", log->folder->path, error) : 0;
}

int log_raise_start(struct log *log, int64_t offset, struct storage_fault *fault)
{
    int error = log_ready(log, fault);
    if (error < 0)
        return error;
    if (offset < 0 || offset > log->end_offset)
        return STORAGE_OFFSET_OUT_OF_RANGE;
    return offset > log->start_offset ? log_set_start(log, offset, fault) : 0;
}
