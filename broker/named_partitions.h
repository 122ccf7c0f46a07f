/* Partitions that a request names, in an order of their own: where Kafka keeps a request's partitions in a map, one
 * that is named twice counts once, as its last mention says, and a topic is answered once. See named_partitions.c. */
#ifndef DOHLE_BROKER_NAMED_PARTITIONS_H
#define DOHLE_BROKER_NAMED_PARTITIONS_H

#include "../protocol/wire.h"

struct named_partition {
    struct kp_string topic; /* borrowed */
    int32_t partition;
    int32_t position; /* of the mention: a later one wins */
    const void *item; /* what the request says of it */
    bool again;       /* set by the sorting: it is named more than once */
};

/* Sort by topic and partition, and leave of each only the last mention. Returns how many are left. */
int32_t named_partitions_settle(struct named_partition *named, int32_t count);

/* The end of the run of `named` that begins at `first` and is of one topic. */
int32_t named_partitions_topic_end(const struct named_partition *named, int32_t count, int32_t first);

#endif
