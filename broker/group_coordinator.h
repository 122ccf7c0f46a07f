/* The group coordinator: coord/groups.h over the shards of __consumer_offsets, and what time does to it. */
#ifndef DOHLE_BROKER_GROUP_COORDINATOR_H
#define DOHLE_BROKER_GROUP_COORDINATOR_H

#include "coord/groups.h"
#include "coordinator.h"
#include "patrol.h"

struct group_coordinator {
    struct broker *broker;
    struct coordinator_kind kind;
    struct coordinator *executor;
    struct groups *groups;
    struct patrol expiry; /* of offsets */
};

/* Reads what the folder has. The settings are the broker's. */
struct group_coordinator *group_coordinator_new(struct broker *broker);
void group_coordinator_free(struct group_coordinator *coordinator);
/* Who waits in a round is told to look for the coordinator again: the broker stops. */
void group_coordinator_stop(struct group_coordinator *coordinator);
/* A topic is being deleted: what was committed of it goes with it. */
void group_coordinator_topic_gone(struct group_coordinator *coordinator, const struct topic *topic);

/* The partition of __consumer_offsets that a group has, or will have when the topic is made. */
int32_t group_coordinator_partition(const struct group_coordinator *coordinator, struct kp_string group_id);
/* The shard of a group: as coordinator_shard(). */
static inline enum kafka_error group_coordinator_shard(struct group_coordinator *coordinator, struct kp_string group_id,
                                                       int32_t *shard)
{
    return coordinator_shard(coordinator->executor, group_id, shard);
}

#endif
