/* Batches of transactions that were refused because nobody could tell, or not yet, that their partition takes part.
 *
 * A client that has several requests under way repeats the first one after it was refused; meanwhile the next ones may
 * be found to take part. Appended before it they would be the first that the log knows of their producer, and the one
 * that is repeated would be out of order for ever. So the lowest sequence that was refused is kept: a producer that a
 * log does not know begins no later (Kafka's VerificationStateEntry).
 *
 *     refused: note     written, or the transaction has ended: forget     UNVERIFIED_MAX: the oldest is forgotten */
#ifndef DOHLE_BROKER_UNVERIFIED_H
#define DOHLE_BROKER_UNVERIFIED_H

#include "../protocol/hash_map.h"
#include "../protocol/list.h"
#include "../protocol/record_batch.h"
#include "catalog.h"

/* About 100 bytes each. */
#define UNVERIFIED_MAX 10000

struct unverified {
    struct hash_map by_key; /* struct unverified_producer, by partition and producer id */
    struct list by_age;     /* the same, oldest first */
};

void unverified_init(struct unverified *unverified, uint64_t seed);
void unverified_release(struct unverified *unverified);

/* A batch of the partition was refused. Of an older epoch than another one it tells nothing. */
void unverified_note(struct unverified *unverified, const struct partition *partition,
                     const struct record_batch *batch);
/* The lowest sequence that was refused of the producer there; -1: none was. */
int32_t unverified_lowest(const struct unverified *unverified, const struct partition *partition, int64_t producer_id);
void unverified_forget(struct unverified *unverified, const struct partition *partition, int64_t producer_id);

#endif
