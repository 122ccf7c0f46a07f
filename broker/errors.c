/* The mapping of storage errors. What is about files is KAFKA_STORAGE_ERROR, which clients retry after asking for
 * metadata. */
#include "errors.h"

enum kafka_error kafka_error_of_storage(int error)
{
    switch ((enum storage_error)error) {
    case STORAGE_OK:
        return KAFKA_NONE;
    case STORAGE_OFFSET_OUT_OF_RANGE:
        return KAFKA_OFFSET_OUT_OF_RANGE;
    case STORAGE_BATCH_CORRUPT:
        return KAFKA_CORRUPT_MESSAGE;
    case STORAGE_BATCH_INVALID:
        return KAFKA_INVALID_RECORD;
    case STORAGE_BATCH_TOO_LARGE:
        return KAFKA_MESSAGE_TOO_LARGE;
    case STORAGE_BATCH_EXCEEDS_SEGMENT:
        return KAFKA_RECORD_LIST_TOO_LARGE;
    case STORAGE_BATCH_TIMESTAMP:
        return KAFKA_INVALID_TIMESTAMP;
    case STORAGE_BATCH_CODEC:
        return KAFKA_UNSUPPORTED_COMPRESSION_TYPE;
    case STORAGE_BATCH_UNREADABLE:
        return KAFKA_UNKNOWN_SERVER_ERROR;
    case STORAGE_SEQUENCE_OUT_OF_ORDER:
        return KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
    case STORAGE_PRODUCER_EPOCH_STALE:
        return KAFKA_INVALID_PRODUCER_EPOCH;
    case STORAGE_TRANSACTION_STATE:
        return KAFKA_INVALID_TXN_STATE;
    case STORAGE_IO:
    case STORAGE_NO_SPACE:
    case STORAGE_OFFLINE:
    case STORAGE_CORRUPT:
    case STORAGE_CANCELED:
    case STORAGE_BATCH_UNDECIDED: /* whoever gets one of these does what is missing and comes again */
    case STORAGE_NO_FOLDER:
        return KAFKA_KAFKA_STORAGE_ERROR;
    }
    return KAFKA_UNKNOWN_SERVER_ERROR;
}
