/* Words for the reasons of storage_error.h. */
#include "storage_error.h"

const char *storage_error_text(int error)
{
    switch ((enum storage_error)error) {
    case STORAGE_OK:
        return "ok";
    case STORAGE_IO:
        return "input/output error";
    case STORAGE_NO_SPACE:
        return "no space left";
    case STORAGE_OFFLINE:
        return "log is offline";
    case STORAGE_OFFSET_OUT_OF_RANGE:
        return "offset out of range";
    case STORAGE_CORRUPT:
        return "file is corrupt";
    case STORAGE_CANCELED:
        return "canceled";
    case STORAGE_BATCH_CORRUPT:
        return "batch is corrupt";
    case STORAGE_BATCH_INVALID:
        return "batch is invalid";
    case STORAGE_BATCH_TOO_LARGE:
        return "batch is too large";
    case STORAGE_BATCH_EXCEEDS_SEGMENT:
        return "batch exceeds the segment size";
    case STORAGE_BATCH_TIMESTAMP:
        return "timestamp outside the allowed window";
    case STORAGE_BATCH_CODEC:
        return "codec is not allowed";
    case STORAGE_BATCH_UNREADABLE:
        return "compressed data is unreadable";
    case STORAGE_SEQUENCE_OUT_OF_ORDER:
        return "sequence number out of order";
    case STORAGE_PRODUCER_EPOCH_STALE:
        return "producer epoch is stale";
    case STORAGE_TRANSACTION_STATE:
        return "invalid transaction state";
    case STORAGE_BATCH_UNDECIDED:
        return "batch is not validated";
    case STORAGE_NO_FOLDER:
        return "log has no folder";
    }
    return "unknown error";
}
