/* Producers whose transactional batches were looked at for a partition that their transaction is not open in yet: what
 * they may begin with there (Kafka's VerificationStateEntry).
 *
 * A client that has several requests under way repeats the first one after it was refused; meanwhile the next ones may
 * be let through. Appended before it they would be what the log knows of their producer, and the one that is repeated
 * would be out of order for ever. So the lowest sequence that was tried is kept until something is written: no batch of
 * the producer, part of a transaction or not, may have a higher one. A client of the second protocol, of which the log
 * knows no batch, has to begin with 0.
 *
 *     tried: note     written, or the transaction has ended: forget     VERIFICATION_STATES_MAX: the oldest is
 * forgotten
 *
 * One that nothing comes of is forgotten producer.id.expiration.ms after the first try. */
#ifndef DOHLE_BROKER_VERIFICATION_STATE_H
#define DOHLE_BROKER_VERIFICATION_STATE_H

#include "../protocol/hash_map.h"
#include "../protocol/list.h"
#include "../protocol/record_batch.h"
#include "../storage/producer_state.h"
#include "catalog.h"

/* About 100 bytes each. */
#define VERIFICATION_STATES_MAX 10000

struct verification_states {
    struct hash_map by_key; /* struct verification_state, by partition and producer id */
    struct list by_age;     /* the same, oldest first */
};

void verification_states_init(struct verification_states *states, uint64_t seed);
void verification_states_release(struct verification_states *states);

/* Forget those whose first try was before `oldest_ms`. */
void verification_states_expire(struct verification_states *states, int64_t oldest_ms);
/* A batch of the partition is tried, at `now_ms`, by a client that bumps epochs or an older one: what the first one was
 * counts. Of an older epoch than another one it tells nothing. */
void verification_states_note(struct verification_states *states, const struct partition *partition,
                              const struct record_batch *batch, bool bumps_epoch, int64_t now_ms);
/* What the producer may begin with there. False: with anything. */
bool verification_states_bound(const struct verification_states *states, const struct partition *partition,
                               int64_t producer_id, struct sequence_bound *bound);
/* A batch was written. */
void verification_states_written(struct verification_states *states, const struct partition *partition,
                                 int64_t producer_id);
/* The marker of a transaction was written. That of the epoch in which a client of the second protocol tries to begin
 * its next one has ended the one before. */
void verification_states_ended(struct verification_states *states, const struct partition *partition,
                               int64_t producer_id, int16_t epoch);

#endif
