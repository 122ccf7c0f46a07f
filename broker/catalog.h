/* What the cluster consists of, as the metadata log tells it: topics by name and by id, their partitions and settings.
 *
 * Pure memory. Only catalog_replay() (metadata records, read at start or just appended) changes it; see metadata_log.h for
 * how a change is made. */
#ifndef DOHLE_BROKER_CATALOG_H
#define DOHLE_BROKER_CATALOG_H

#include "../protocol/list.h"
#include "../storage/log.h"

struct catalog;
struct topic;

struct partition {
    struct topic *topic;
    int32_t index;
    int32_t leader_epoch;
    int32_t partition_epoch;
    struct log *log;      /* never NULL while the topic exists */
    struct list waiters;  /* struct purgatory_watch: requests that an append, a delete or a change here wakes */
};

struct topic {
    char *name;
    struct kp_uuid id;
    bool internal;             /* __consumer_offsets, __transaction_state, __share_group_state */
    struct partition **partitions; /* by index, without holes */
    int32_t partitions_count;
    struct log_config log_config; /* effective values; the logs borrow it */
};

/* NULL when there is none. Valid until the next turn of the loop. */
struct topic *catalog_topic(struct catalog *catalog, struct kp_string name);
struct topic *catalog_topic_by_id(struct catalog *catalog, struct kp_uuid id);
/* NULL when the topic or the index does not exist. */
struct partition *topic_partition(struct topic *topic, int32_t index);
/* All topics sorted by name (byte order, as Java sorts ASCII). */
int32_t catalog_topics_count(const struct catalog *catalog);
struct topic *catalog_topic_at(struct catalog *catalog, int32_t position);

#endif
