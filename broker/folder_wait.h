/* The way to the folder of a partition's log, for a request that wants to append to it and may not stop the loop.
 *
 *     what the metadata log says is durable ----> log_make() in the pool ----> done
 *
 * In this order: a topic's folder without the topic would be put aside as stray by Kafka. The partition is looked up
 * again in between: its topic may be deleted meanwhile. */
#ifndef DOHLE_BROKER_FOLDER_WAIT_H
#define DOHLE_BROKER_FOLDER_WAIT_H

#include "catalog.h"
#include "metadata_log.h"

struct broker;

struct folder_wait {
    struct metadata_wait durable;
    struct log_make make;
    struct broker *broker;
    struct kp_uuid topic_id;
    int32_t partition;
    void (*done)(struct folder_wait *wait, int status); /* 0 or a negative storage_error */
    void *context;
};

/* Set done and context before. `done` is called once, never from inside. */
void folder_wait_begin(struct folder_wait *wait, struct broker *broker, const struct partition *partition);

#endif
