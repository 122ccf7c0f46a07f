/* What requests of all kinds ask of a partition. See catalog.h for the struct. */
#ifndef DOHLE_BROKER_PARTITION_H
#define DOHLE_BROKER_PARTITION_H

#include "catalog.h"
#include "../protocol/errors.h"

/* Does the leader epoch that a client knows (-1: it does not say) match ours? KIP-320: a client that is behind is
 * fenced, one that is ahead is told to wait for us. */
static inline enum kafka_error partition_check_epoch(const struct partition *partition, int32_t current_leader_epoch)
{
    if (current_leader_epoch < 0 || current_leader_epoch == partition->leader_epoch)
        return KAFKA_NONE;
    return current_leader_epoch < partition->leader_epoch ? KAFKA_FENCED_LEADER_EPOCH : KAFKA_UNKNOWN_LEADER_EPOCH;
}

#endif
