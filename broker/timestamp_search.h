/* The records of one batch looked through in the pool for a timestamp, where that takes more work than a turn may do.
 * As with batch_check.h: first with others, and above CHECK_WORK_BYTES once more where only its like waits. */
#ifndef DOHLE_BROKER_TIMESTAMP_SEARCH_H
#define DOHLE_BROKER_TIMESTAMP_SEARCH_H

#include "../storage/log.h"

struct timestamp_search {
    struct job job;
    struct executor *executor;
    struct record_walk walk;
    struct log_lookup lookup; /* in: with the batch, which is the caller's to release */
    void (*done)(struct timestamp_search *search, bool canceled);
    void *context;
    /* out */
    int status; /* 0, STORAGE_IO or STORAGE_CORRUPT: of the last log_lookup_batch() */
    struct log_found found;
};

/* `done` is called once, never from inside. */
void timestamp_search_begin(struct timestamp_search *search, struct executor *executor);

#endif
