/* Offsets that open transactions have committed. See pending_offsets.c. */
#ifndef DOHLE_BROKER_COORD_PENDING_OFFSETS_H
#define DOHLE_BROKER_COORD_PENDING_OFFSETS_H

#include "offsets.h"

struct pending_offset {
    struct hash_node node; /* groups->pending, by what it is of */
    struct list of_transaction, of_topic;
    struct pending_transaction *transaction;
    struct topic_offsets *offsets;
    struct committed_offset offset;
};

/* What one pending offset costs groups->offsets_bytes at most, beside its metadata and its topic. */
size_t pending_offset_bytes(void);

/* One of a partition; with several transactions, of any. NULL: there is none. */
const struct pending_offset *pending_offsets_find(const struct topic_offsets *offsets, int32_t partition);
/* A transaction commits an offset: in the place of what it had committed of the partition before. `offset->metadata`
 * becomes the store's own. */
void pending_offsets_put(struct topic_offsets *offsets, int64_t producer_id, const struct committed_offset *offset);
/* Forget what is pending of a partition (-1: of all), whoever committed it. */
void pending_offsets_remove(struct topic_offsets *offsets, int32_t partition);

#endif
