/* The executor of coordinators: an internal topic whose partitions are the shards of some state.
 *
 *     coordinator_ensure_topic()        the topic is there, made at the first ask
 *     coordinator_shard(key)            which shard; is its state read?
 *     coord_host.append() -> log        one batch a change; the state replays it (coord/coord.h)
 *     coordinator_hold(shard, request)  the answer leaves when what was appended is as durable as the topic's flush
 *                                       settings want: at once, as a rule
 *
 * Reading at start. All shards are read before the broker is ready, unless that takes more than a moment: then the rest
 * follows in parts, between other work, and requests for a shard that is not read yet are told so. Kafka's files are
 * read as they are: compressed batches, transactions and their markers.
 *
 * The number of shards is that of the topic's partitions when it was made or found, as in Kafka: partitions that are
 * added later have no part before a restart. */
#ifndef DOHLE_BROKER_COORDINATOR_H
#define DOHLE_BROKER_COORDINATOR_H

#include "broker.h"
#include "coord/coord.h"

struct coordinator;

/* What one coordinator is. All pointers live as long as it. */
struct coordinator_kind {
    const char *topic;
    const int32_t *partitions;         /* of a new topic */
    const int32_t *replication_factor; /* of a new topic: only 1 can be had */
    /* Settings of a new topic. */
    void (*add_settings)(const struct config *config, struct topic_overrides *overrides);
    const int32_t *codec; /* of batches, enum codec; NULL: none */
    int32_t
        base_sequence; /* of batches: Kafka's coordinators leave different ones, whether a producer is named or not */
    /* Apply one record that was read. False: it cannot be read, and is passed over. */
    bool (*replay)(void *state, int32_t shard, const struct coord_record *record);
    /* The end of a transaction whose records are in the shard; NULL: there are none. */
    void (*replay_marker)(void *state, int32_t shard, int64_t producer_id, bool committed);
    /* All of the shard was read. */
    void (*loaded)(void *state, int32_t shard);
    /* A sync is done: after coordinator_sync() said no, ask again. May be NULL. */
    void (*synced)(void *state, int32_t shard);
    /* The topic is being deleted: forget what the shard said. */
    void (*unload)(void *state, int32_t shard);
};

/* `kind` is borrowed. */
struct coordinator *coordinator_new(struct broker *broker, const struct coordinator_kind *kind);
/* Jobs have ended. */
void coordinator_free(struct coordinator *coordinator);
/* What the state gets to work with; valid as long as the coordinator. */
struct coord_host *coordinator_host(struct coordinator *coordinator);
/* Read the shards into `state`, once. */
void coordinator_begin(struct coordinator *coordinator, void *state);

/* Make the topic if it is not there, and hold the answer of `request` until it is durable. An error is logged, and then
 * KAFKA_COORDINATOR_NOT_AVAILABLE. */
enum kafka_error coordinator_ensure_topic(struct coordinator *coordinator, struct request *request) WARN_UNUSED;
/* May a key's coordinator be told, of a topic that is there? KAFKA_COORDINATOR_NOT_AVAILABLE while the log of its shard
 * is offline: as of any partition then, nobody leads it. */
enum kafka_error coordinator_find(struct coordinator *coordinator, struct kp_string key) WARN_UNUSED;
/* The shard of a key: KAFKA_NOT_COORDINATOR while there is no topic or its log cannot be read,
 * KAFKA_COORDINATOR_LOAD_IN_PROGRESS before it is read. */
enum kafka_error coordinator_shard(struct coordinator *coordinator, struct kp_string key, int32_t *shard) WARN_UNUSED;
/* May `request` append to the shard of `key`, if it finds one? The first append to a log makes folder and files, which
 * would stop the loop. False: the pool makes them now, and the handler, which has changed nothing yet, is called again
 * when they are there. One that is handled in parts makes them itself. */
bool coordinator_ready(struct coordinator *coordinator, struct kp_string key, struct request *request) WARN_UNUSED;
/* Are all shards read, or will never be? */
bool coordinator_all_loaded(struct coordinator *coordinator);
/* The answer of `request`, given in this turn, depends on what was appended to the shard. */
void coordinator_hold(struct coordinator *coordinator, int32_t shard, struct request *request);
/* Is what was appended to the shard as durable as the topic's flush settings want? False: kind->synced() tells when. */
bool coordinator_sync(struct coordinator *coordinator, int32_t shard) WARN_UNUSED;
/* The leader epoch of a shard's partition; -1: there is no topic. */
int32_t coordinator_epoch(const struct coordinator *coordinator, int32_t shard);
/* A marker was appended to a partition, of any topic: the state learns of it when the partition is a shard. */
void coordinator_marker(struct coordinator *coordinator, const struct partition *partition, int64_t producer_id,
                        bool committed);
/* A topic is being deleted. */
void coordinator_topic_gone(struct coordinator *coordinator, const struct topic *topic);

#endif
