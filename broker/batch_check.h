/* The validation of a client's batch in the pool, for those that take longer than a turn of the loop may.
 *
 *     loop:  log_append() -- STORAGE_BATCH_UNDECIDED --> batch_check_begin()           log_append(verdict) -->
 *     pool:                                                  validate --> done() ------^
 *                                                                 \-- too much still --> validate, among its like
 *
 * A batch of a few kilobytes may decompress to two gigabytes, which takes seconds of one processor. Nobody can tell
 * before; so each is given a bound of work, and begins again in the next place when it passes it: the loop, the threads
 * for what takes a moment, the thread for what takes long. The work that is done twice is a small part of the whole,
 * and a bomb keeps only other bombs waiting.
 *
 * Memory: the batch, which the caller keeps; a window and the contexts of one codec; the batch that is written anew,
 * of at most max.message.bytes. One check is one batch, so a request has one of them at a time. */
#ifndef DOHLE_BROKER_BATCH_CHECK_H
#define DOHLE_BROKER_BATCH_CHECK_H

#include "../protocol/record_batch.h"
#include "../storage/executor.h"

struct batch_check {
    struct job job;
    struct executor *executor;
    struct record_walk walk;
    /* in: set before the begin */
    uint8_t *bytes; /* kept by the caller until done(); header fields may be changed */
    size_t size_bytes;
    struct batch_rules rules; /* a copy: those of the topic may change meanwhile */
    bool zstd_allowed;
    int64_t now_ms;      /* wall clock */
    struct arena *arena; /* for record errors; nobody else uses it until done() */
    void (*done)(struct batch_check *check, bool canceled);
    void *context;
    /* out */
    struct batch_verdict verdict; /* verdict.rebuilt is the caller's; nothing of it when canceled */
};

/* `done` is called once, never from inside. */
void batch_check_begin(struct batch_check *check, struct executor *executor);

#endif
