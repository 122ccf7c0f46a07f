/* What requests of all kinds ask of a partition. See catalog.h for the struct. */
#ifndef DOHLE_BROKER_PARTITION_H
#define DOHLE_BROKER_PARTITION_H

#include "catalog.h"
#include "../protocol/errors.h"

/* The epoch in which this node leads the partition. The log is loaded first: one that is found to have lost records
 * raises it. */
static inline int32_t partition_leader_epoch(const struct partition *partition)
{
    (void)log_end_offset(partition->log);
    return partition->leader_epoch;
}

/* Who leads the partition as clients are told: -1 while its log is offline, as Kafka answers for a log directory that
 * failed. This node is then its offline replica, */
static inline int32_t partition_leader(const struct partition *partition)
{
    return log_is_offline(partition->log) ? -1 : partition->leader;
}

/* and in the ISR only without the feature eligible.leader.replicas.version, under which Kafka's ISR may be empty. */
static inline bool partition_in_sync(const struct catalog *catalog, const struct partition *partition)
{
    return partition_leader(partition) >= 0 || catalog_partition_record_version(catalog) < 2;
}

/* Does the leader epoch that a client knows (-1: it does not say) match ours? KIP-320: a client that is behind is
 * fenced, one that is ahead is told to wait for us. */
static inline enum kafka_error partition_check_epoch_strictly(const struct partition *partition,
                                                              int32_t current_leader_epoch)
{
    int32_t leader_epoch = partition_leader_epoch(partition);
    if (current_leader_epoch == -1 || current_leader_epoch == leader_epoch)
        return KAFKA_NONE;
    return current_leader_epoch < leader_epoch ? KAFKA_FENCED_LEADER_EPOCH : KAFKA_UNKNOWN_LEADER_EPOCH;
}

/* The same for Fetch, which in Kafka takes any negative epoch for none. */
static inline enum kafka_error partition_check_epoch(const struct partition *partition, int32_t current_leader_epoch)
{
    return current_leader_epoch < 0 ? KAFKA_NONE : partition_check_epoch_strictly(partition, current_leader_epoch);
}

/* End offset of the largest epoch at or below `epoch`, as log_epoch_end(), where the partition's own epoch counts also
 * while it has no record: it begins at the log end, since this node leads. False: none is known. */
static inline bool partition_epoch_end(const struct partition *partition, int32_t epoch, int32_t *found_epoch,
                                       int64_t *end_offset)
{
    int32_t latest = log_latest_epoch(partition->log), leader_epoch = partition_leader_epoch(partition);
    if (latest >= leader_epoch || epoch < latest)
        return log_epoch_end(partition->log, epoch, found_epoch, end_offset);
    if (epoch == -1 || epoch > leader_epoch)
        return false;
    *found_epoch = epoch == leader_epoch || latest < 0 ? epoch : latest;
    *end_offset = log_end_offset(partition->log);
    return true;
}

#endif
