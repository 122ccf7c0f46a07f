/* What a log remembers of its producers, so that a retried batch is written once and in order. See producer_state.c. */
#ifndef DOHLE_STORAGE_PRODUCER_STATE_H
#define DOHLE_STORAGE_PRODUCER_STATE_H

#include "../protocol/record_batch.h"
#include "storage_error.h"

#define PRODUCER_BATCHES_MAX 5 /* max.in.flight.requests.per.connection of an idempotent producer, at most */

/* One of a producer's last batches. */
struct producer_batch {
    int64_t last_offset;
    int64_t timestamp_ms; /* the batch's largest */
    int32_t last_sequence;
    int32_t offset_delta; /* last - first */
};

struct producer {
    int64_t id;
    int64_t last_timestamp_ms; /* of the last batch or marker; decides about expiry */
    int64_t txn_first_offset;  /* first offset of the open transaction; -1: none is open */
    int32_t coordinator_epoch; /* of the last marker; -1: none */
    int16_t epoch;
    int8_t batches_count;
    bool partial; /* it came from a snapshot, and the batches before the first of `batches` may be in the log */
    struct producer_batch batches[PRODUCER_BATCHES_MAX]; /* oldest first, all of `epoch` */
};

/* All producers of a log, ascending by id. All zeros is an empty one. */
struct producer_states {
    struct producer **producers;
    int32_t count, capacity;
    struct producer **open; /* those with an open transaction, ascending by its first offset */
    int32_t open_count, open_capacity;
};

/* A transaction that an end marker completes. */
struct completed_txn {
    int64_t producer_id;
    int64_t first_offset;
    int64_t last_offset;        /* of the marker */
    int64_t last_stable_offset; /* with the marker: where the next open transaction begins, or behind the marker */
    bool aborted;
};

void producer_states_release(struct producer_states *states);
/* Forget all producers. */
void producer_states_clear(struct producer_states *states);

/* NULL: nothing is known of it. Valid until the next change. */
const struct producer *producer_states_find(const struct producer_states *states, int64_t id);

/* What is known of a producer's attempts that did not reach the log. */
struct sequence_bound {
    int32_t max;    /* a higher sequence is out of order, */
    bool from_zero; /* and of a producer that the log does not know any but 0 */
};

/* May a client's batch be appended? Asked before the append; nothing is changed. `bound`: NULL, or what its sequence is
 * bounded by. Returns 0; 1 when it was appended before, and then *duplicate tells where; STORAGE_SEQUENCE_OUT_OF_ORDER,
 * STORAGE_PRODUCER_EPOCH_STALE or STORAGE_TRANSACTION_STATE. A batch without a producer id is always welcome. */
int producer_states_check(const struct producer_states *states, const struct record_batch *batch,
                          const struct sequence_bound *bound, struct producer_batch *duplicate) WARN_UNUSED;

/* Was `batch` refused because the producer's last batches are not all known? Then ask again after
 * producer_states_complete(). */
bool producer_states_is_partial(const struct producer_states *states, const struct record_batch *batch);
/* Take over from `tail`, the state that the last batches of the log alone make, what producers out of a snapshot wrote
 * before their last batch. After the `longest` tail no producer is partial: what is not in there stays unknown. */
void producer_states_complete(struct producer_states *states, const struct producer_states *tail, bool longest);

/* The batch was appended or found in the log: `batch` has its final base offset. Of a control batch all bytes are
 * needed, of any other the header. */
void producer_states_update(struct producer_states *states, const struct record_batch *batch);

/* Would appending `batch`, all of it at its final base offset, complete a transaction? False for any other batch, and
 * for the marker of a transaction without records. */
bool producer_states_completes(const struct producer_states *states, const struct record_batch *batch,
                               struct completed_txn *txn);

/* The first offset of the earliest open transaction, or -1. At no cost. */
int64_t producer_states_first_open(const struct producer_states *states);

/* Forget who has not written for `expiration_ms`, but nobody with an open transaction. */
void producer_states_expire(struct producer_states *states, int64_t now_ms, int32_t expiration_ms);

/* The content of a .snapshot file; the caller frees *bytes. */
void producer_states_encode(const struct producer_states *states, uint8_t **bytes, size_t *size);
/* Take over the content of a .snapshot file. False, and empty, when it is none or damaged. */
bool producer_states_decode(struct producer_states *states, const uint8_t *bytes, size_t size) WARN_UNUSED;

#endif
