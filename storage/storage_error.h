/* What storage/ can answer beside success (0): reasons as negative numbers, details in a struct of the caller.
 *
 * A refused batch is an answer about the client's bytes, and nothing was written. The others are about files; then
 * struct storage_fault says which call on which path failed. broker/errors.c maps all of them to Kafka's codes. */
#ifndef DOHLE_STORAGE_STORAGE_ERROR_H
#define DOHLE_STORAGE_STORAGE_ERROR_H

#include <stdint.h>

enum storage_error {
    STORAGE_OK = 0,
    STORAGE_IO = -1,                  /* a call failed for good: the log is offline until a restart */
    STORAGE_NO_SPACE = -2,            /* disk full: cut back to the last whole batch, heals by itself */
    STORAGE_OFFLINE = -3,             /* an earlier STORAGE_IO */
    STORAGE_OFFSET_OUT_OF_RANGE = -4, /* below the log start or above the log end */
    STORAGE_CORRUPT = -5,             /* a file of ours that cannot be understood */
    STORAGE_CANCELED = -6,            /* the owner closes */
    STORAGE_BATCH_CORRUPT = -16,      /* CRC or sizes wrong */
    STORAGE_BATCH_INVALID = -17,      /* against a rule of the format; append->error_message says which */
    STORAGE_BATCH_TOO_LARGE = -18,    /* above max.message.bytes */
    STORAGE_BATCH_EXCEEDS_SEGMENT = -19,
    STORAGE_BATCH_TIMESTAMP = -20,  /* create time outside the allowed window */
    STORAGE_BATCH_CODEC = -21,      /* codec unknown or not allowed in this request version */
    STORAGE_BATCH_UNREADABLE = -22, /* compressed data that Kafka too fails on with an unknown error */
    STORAGE_SEQUENCE_OUT_OF_ORDER = -23,
    STORAGE_PRODUCER_EPOCH_STALE = -24,
    STORAGE_TRANSACTION_STATE = -25,
    STORAGE_BATCH_UNDECIDED = -26, /* to be validated elsewhere: it takes more work than a turn may do */
    STORAGE_NO_FOLDER = -27,       /* to be made by log_make() */
};

#define STORAGE_PATH_MAX 512

struct storage_fault {
    const char *operation; /* static text such as "pwrite" */
    char path[STORAGE_PATH_MAX];
    int error;        /* errno, positive; 0 when the content is the fault */
    int64_t position; /* byte in the file, -1 when it does not matter */
};

/* "offline" and such: the reason in one word or two. Static text. */
const char *storage_error_text(int error);

#endif
