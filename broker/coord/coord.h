/* What every coordinator stands on: the records that it writes, and what it asks of the broker.
 *
 * A coordinator keeps state that has to survive (groups, committed offsets, transactions, later share state) as
 * records of an internal topic. A key is hashed to one partition of that topic, its *shard*; all records of the key are
 * there, in order.
 *
 *     request -> compute -> coord_host.append(shard, batch) -> replay the records -> answer
 *     start   ------------------------------------ read --> replay the records
 *
 * A failed append replays nothing and is answered with an error, so the state is never ahead of the log, and what a
 * start finds is what was there. See coordinator.h for the executor behind coord_host.
 *
 *     record:  key = type (int16) | message of version 0      value = version (int16) | message, or null: removed */
#ifndef DOHLE_BROKER_COORD_COORD_H
#define DOHLE_BROKER_COORD_COORD_H

#include "../../protocol/errors.h"
#include "../../protocol/hash_map.h"
#include "../../protocol/record_batch.h"
#include "../env.h"
#include "../timers.h"

#include "messages.h"

/* Records on their way into one batch of a shard. */
struct coord_batch {
    struct batch_builder builder;
    size_t bytes_max; /* coord_host.batch_bytes_max */
    bool too_large;   /* a record did not fit, nor is any added after it */
    uint8_t *bytes;   /* room to encode one key and value */
    size_t capacity_bytes;
    int64_t timestamp_ms;
    int64_t producer_id; /* of the transaction that its records are part of; -1: of none */
    int16_t producer_epoch;
};

struct coord_host;

/* An empty batch, of no transaction. */
void coord_batch_init(struct coord_batch *batch, int64_t timestamp_ms);
/* One of now, for the host: it ends where that would refuse it. */
void coord_batch_begin(struct coord_batch *batch, const struct coord_host *host);
void coord_batch_release(struct coord_batch *batch);
/* Add a record of a type of `kind` (the one of its key). `value` NULL: the key's state is removed. Messages of our own
 * always fit their version. */
void coord_batch_add(struct coord_batch *batch, enum kp_record_kind kind, const struct kp_schema *key_schema,
                     const void *key, const struct kp_schema *value_schema, int16_t value_version, const void *value);
static inline int32_t coord_batch_count(const struct coord_batch *batch)
{
    return batch->builder.record_count;
}

/* A record as it stands in the log. Borrows the bytes that it was read from. */
struct coord_record {
    int16_t type;
    struct kp_bytes key; /* behind the type */
    bool removed;        /* the value is null */
    int16_t version;
    struct kp_bytes value; /* behind the version */
    int64_t producer_id;   /* of its batch, when that is part of a transaction; else -1 */
};

/* Read type and version. False when the bytes are no such record. */
bool coord_record_parse(struct coord_record *record, struct kp_bytes key, struct kp_bytes value) WARN_UNUSED;
/* Decode key or value by their schema; arrays come from `arena`, strings and bytes are borrowed. False when the bytes
 * are no such message. */
bool coord_record_key(const struct coord_record *record, const struct kp_schema *schema, void *key,
                      struct arena *arena) WARN_UNUSED;
bool coord_record_value(const struct coord_record *record, const struct kp_schema *schema, void *value,
                        struct arena *arena) WARN_UNUSED;

/* What decoding one record may take. */
#define COORD_DECODE_BYTES_MAX ((size_t)256 * 1024 * 1024)

/* The broker, as a coordinator sees it. */
struct coord_host {
    struct env *env;
    struct timers *timers;
    int32_t shards_count; /* 0: there are none */
    /* What a batch can have at most: it will be refused with more. */
    size_t (*batch_bytes_max)(const struct coord_host *host);
    /* For coord_append(). */
    enum kafka_error (*append)(struct coord_host *host, int32_t shard, struct coord_batch *batch);
    /* The id of a topic. False: there is no such topic. */
    bool (*topic_id)(const struct coord_host *host, struct kp_string name, struct kp_uuid *id);
};

static inline struct now coord_now(const struct coord_host *host)
{
    return host->env->now(host->env);
}

/* Have timer->expired called in `delay_ms`. */
void coord_timer_start(const struct coord_host *host, struct timer *timer, int64_t delay_ms);

/* Append the batch to the shard's log; nothing to do for an empty one. The batch stays the caller's. On an error
 * nothing was appended, and it is the one for the request: KAFKA_NOT_COORDINATOR (the log is offline, or not ours),
 * KAFKA_COORDINATOR_NOT_AVAILABLE (the topic was deleted and made again a moment ago), KAFKA_UNKNOWN_SERVER_ERROR (more
 * than max.message.bytes, or than we write at once). */
enum kafka_error coord_append(struct coord_host *host, int32_t shard, struct coord_batch *batch) WARN_UNUSED;

/* A copy of its own memory (null stays null), and its end. */
struct kp_string coord_string_copy(struct kp_string text);
void coord_string_free(struct kp_string text);
static inline uint64_t coord_string_hash(const struct hash_map *map, struct kp_string text)
{
    return hash_bytes(map, text.data, text.size > 0 ? (size_t)text.size : 0);
}

/* The shard of a key among `count`: Kafka's, by the hash of a Java string of this UTF-8 text. */
int32_t coord_shard_of(struct kp_string key, int32_t count);
/* That hash. */
int32_t coord_java_hash(struct kp_string text);

#endif
