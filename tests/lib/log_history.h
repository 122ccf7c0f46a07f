/* What a log answered, over many lives of its broker, and whether a log that was loaded again keeps to it.
 *
 *     note what is answered -> crash or power cut -> load -> history_check() -> go on with what is there
 *
 * A log that is checked must have, from its start to its end, the batches that were appended, in order, unchanged, each
 * at the offset that was answered; without gaps; with all that was promised: after a crash what was answered, after a
 * power cut what a flush had confirmed. See log_history.c. */
#ifndef DOHLE_TESTS_LOG_HISTORY_H
#define DOHLE_TESTS_LOG_HISTORY_H

#include "log_fixture.h"

#define HISTORY_BATCHES_MAX   400
#define HISTORY_GAPS_MAX      16
#define HISTORY_PRODUCERS     3
#define HISTORY_BATCH_MS      1000 /* batch i begins at LOG_FIXTURE_NOW_MS + i * HISTORY_BATCH_MS */
#define HISTORY_PLAIN_BATCHES 4    /* each such batch has no producer */

struct history_batch {
    struct batch_spec spec;
    int64_t base_offset; /* -1: refused, or lost with the power */
    uint32_t crc;
};

struct log_history {
    struct log_fixture *fixture;
    struct history_batch batches[HISTORY_BATCHES_MAX];
    int count;
    int forgotten;        /* batches below it belong to a log that was deleted */
    int64_t answered_end; /* behind the last batch that was answered */
    int64_t flushed_end;  /* behind the last one that a flush or a clean stop confirmed */
    int64_t may_start;    /* the log may start up to here: retention or DeleteRecords was asked for it */
    int64_t first_producer_id;
    int32_t sequences[HISTORY_PRODUCERS];
    int32_t leader_epoch;
    struct {
        int64_t from, to;
    } gaps[HISTORY_GAPS_MAX];
    int gaps_count;
    int64_t records; /* in the log, when it was checked the last time */
    bool power_lost; /* since the last check */
};

void history_init(struct log_history *history, struct log_fixture *fixture);

/* Append the next batch: of one to three records, sizes and producers in turn. Returns as log_append(). */
int history_append(struct log_history *history);
/* Flush, and run the jobs. Returns the flush's status. */
int history_flush(struct log_history *history);

/* The log was deleted: nothing of it may be found again. */
void history_forget(struct log_history *history);

/* The log of the fixture was loaded: check it, and take over what it has. Returns as log_replay(), by which it is
 * read. */
int history_check(struct log_history *history) WARN_UNUSED;
/* Also go through what clients can see: reads by slices, a repeated batch of each producer (a duplicate, at its
 * offset), one more append. */
void history_check_use(struct log_history *history);

#endif
