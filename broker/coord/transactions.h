/* All transactional ids that this broker coordinates: which producer has each, and how far its transaction is.
 *
 *                       InitProducerId                         AddPartitionsToTxn, AddOffsetsToTxn, Produce 12+
 *     (none) ----------------------------------> Empty -----------------------------------------------+
 *                                                  ^                                                  v
 *                                InitProducerId    |      +------------ next transaction ---------> Ongoing
 *                                                  |      |                                           |
 *                      CompleteCommit, CompleteAbort -----+       EndTxn, time-out, InitProducerId    |
 *                                 ^                                                                   v
 *                                 +------- all partitions have their marker -------- PrepareCommit, PrepareAbort
 *
 * Every move is one record of __transaction_state, written before it happens. Prepare is the decision: from there on
 * the transaction ends as decided, whatever happens, and its markers are written by transactions_end_part(), partition
 * after partition, after a restart again. A partition that is gone has no marker; one that cannot be written to is
 * tried again later.
 *
 * Two protocols. Of version 1 (EndTxn up to 4) a producer keeps its epoch from transaction to transaction. Of version 2
 * (EndTxn 5, KIP-890) each end raises the epoch by one, the markers have the raised one, and the client is told; so
 * what comes late belongs to an epoch that is over. An epoch that is used up makes way for a new producer id.
 *
 * What a record does not say is soft, as in Kafka: the epoch before the last InitProducerId, with which a client
 * repeats one whose answer it did not get. */
#ifndef DOHLE_BROKER_COORD_TRANSACTIONS_H
#define DOHLE_BROKER_COORD_TRANSACTIONS_H

#include "../../protocol/hash_map.h"
#include "../../protocol/list.h"
#include "coord.h"

/* As records have it. Kafka's two further states, Dead and PrepareEpochFence, never outlive a call here. */
enum transaction_state {
    TRANSACTION_EMPTY = 0,
    TRANSACTION_ONGOING = 1,
    TRANSACTION_PREPARE_COMMIT = 2,
    TRANSACTION_PREPARE_ABORT = 3,
    TRANSACTION_COMPLETE_COMMIT = 4,
    TRANSACTION_COMPLETE_ABORT = 5,
};
/* As Kafka spells it: "PrepareCommit". */
const char *transaction_state_name(enum transaction_state state);
/* False: there is none of this name. Names of Kafka's further states are known, and no transaction has them: -1. */
bool transaction_state_find(struct kp_string name, int *state) WARN_UNUSED;

/* The level of transaction.version from which on an end raises the epoch. */
#define TRANSACTION_VERSION_EPOCH_BUMP 2

struct producer_epoch {
    int64_t id;    /* -1: none */
    int16_t epoch; /* -1: none */
};
#define PRODUCER_EPOCH_NONE ((struct producer_epoch){-1, -1})

/* The partitions of a topic, rising. */
typedef struct kp_transaction_log_value_transaction_partitions transaction_topic;

/* Partitions by topic, by rising name. All zeros is an empty set. */
struct transaction_partitions {
    transaction_topic *topics; /* names and numbers are its own memory */
    int32_t topics_count;
    int32_t partitions_count; /* of all topics */
    size_t bytes;             /* of memory */
};

/* What a record says, but for the partitions. */
struct transaction_fields {
    struct producer_epoch producer;
    int64_t previous_producer_id; /* -1: none */
    int64_t next_producer_id;     /* -1: the same */
    int16_t last_epoch;           /* soft; -1: none */
    int16_t client_version;       /* of the transaction protocol, of who made the last move */
    int32_t timeout_ms;
    enum transaction_state state;
    int64_t updated_ms; /* wall clock */
    int64_t start_ms;   /* wall clock; -1: not begun */
};

struct transaction {
    struct hash_node node; /* transactions->by_id */
    struct list link;      /* transactions->all */
    struct list moving;    /* transactions->read, ->ongoing, ->ending, ->unsynced, ->stuck, or none */
    bool counted;          /* it is in ->ongoing */
    struct transactions *owner;
    struct kp_string id; /* its own memory */
    int32_t shard;
    struct transaction_fields fields;
    struct transaction_partitions partitions; /* while it ends: those without a marker */
    int32_t unmarked_topic, unmarked; /* while it ends: the partition to go on with, from the last one down; -1: all
                                       * were tried */
    int32_t syncs;                    /* of markers, under way */
    bool sync_failed;                 /* of one of them */
    uint64_t number;                  /* no other transaction of this run has it; 0: none has begun */
};

/* A marker that ends a transaction in a partition. */
struct transaction_marker {
    struct producer_epoch producer;
    int32_t coordinator_epoch;
    int16_t version; /* of the transaction protocol */
    bool commits;
};

/* Kafka's settings, of the owner. */
struct transaction_settings {
    const int32_t *max_timeout_ms;
    const int32_t *id_expiration_ms;
};

/* What else the transactions ask of the broker. */
struct transaction_host {
    struct coord_host *coord;
    /* A producer id that was never given. */
    enum kafka_error (*next_producer_id)(struct transaction_host *host, int64_t *id);
    /* The finalized level of transaction.version. */
    int16_t (*version)(const struct transaction_host *host);
    /* The leader epoch of a shard. */
    int32_t (*coordinator_epoch)(const struct transaction_host *host, int32_t shard);
    /* Is what was written to the shard as durable as it is to be? False: transactions_synced() follows. */
    bool (*sync)(struct transaction_host *host, int32_t shard);
    /* Write a marker. KAFKA_NONE also where there is no such partition; an error: to be tried again. With *syncs true
     * transactions_marker_synced() follows: the marker is not as durable yet as it is to be. */
    enum kafka_error (*write_marker)(struct transaction_host *host, const struct transaction *transaction,
                                     struct kp_string topic, int32_t partition, const struct transaction_marker *marker,
                                     bool *syncs);
};

struct transactions {
    struct transaction_host *host;
    struct transaction_settings settings;
    struct hash_map by_id;
    struct list all;      /* who is to be looked at next for expiry is first */
    struct list read;     /* of the shard that is being read: who is not at rest */
    struct list ongoing;  /* who is to be looked at next for its time-out is first */
    struct list ending;   /* markers are to be written */
    struct list unsynced; /* the same, when the decision is durable */
    struct list stuck;    /* the same, after an error */
    int32_t ongoing_count;
    size_t bytes;         /* of all: TRANSACTIONS_BYTES_MAX */
    uint64_t last_number; /* of a transaction */
};

/* `host` is borrowed for its life, `seed` is for the hash map and unpredictable. */
struct transactions *transactions_new(struct transaction_host *host, const struct transaction_settings *settings,
                                      uint64_t seed);
void transactions_free(struct transactions *transactions);
/* NULL: there is none. */
struct transaction *transactions_find(const struct transactions *transactions, struct kp_string id);

/* ---- what producers ask for; the shard is the id's ------------------------------------------------------------- */

struct transaction_init {
    struct kp_string id;
    int32_t timeout_ms;
    struct producer_epoch resumed; /* KIP-360; PRODUCER_EPOCH_NONE: a producer that begins */
};
/* KAFKA_INVALID_TRANSACTION_TIMEOUT: no transaction may take so long. */
enum kafka_error transactions_check_timeout_ms(const struct transactions *transactions, int32_t timeout_ms) WARN_UNUSED;
/* Give the id's producer an epoch, and fence the one that had it. KAFKA_CONCURRENT_TRANSACTIONS: its transaction is
 * being ended, ask again. */
enum kafka_error transactions_init(struct transactions *transactions, int32_t shard,
                                   const struct transaction_init *init, struct producer_epoch *given) WARN_UNUSED;

/* Add partitions to the transaction, which begins with the first ones. */
enum kafka_error transactions_add(struct transactions *transactions, struct kp_string id,
                                  struct producer_epoch producer, const struct transaction_partitions *added,
                                  int16_t client_version) WARN_UNUSED;

/* Is the partition part of the producer's transaction? KAFKA_TRANSACTION_ABORTABLE: it is not. */
enum kafka_error transactions_verify(const struct transactions *transactions, struct kp_string id,
                                     struct producer_epoch producer, struct kp_string topic,
                                     int32_t partition) WARN_UNUSED;

struct transaction_end {
    struct kp_string id;
    struct producer_epoch producer;
    bool commits;
    int16_t client_version;
};
/* Decide the transaction. With KAFKA_NONE *after is the producer of the next one, where the protocol changes it, else
 * PRODUCER_EPOCH_NONE. */
enum kafka_error transactions_end(struct transactions *transactions, const struct transaction_end *end,
                                  struct producer_epoch *after) WARN_UNUSED;

/* ---- what time does -------------------------------------------------------------------------------------------- */

/* Do one thing for a transaction that ends: write a marker, or note that all are written. False: nothing is to be done,
 * but for what is stuck. */
bool transactions_end_part(struct transactions *transactions);
/* A marker of the transaction is durable, or will never be: then the transaction has to end once more, after the next
 * start. */
void transactions_marker_synced(struct transactions *transactions, struct kp_string id, bool durable);
/* The shard was synced. */
void transactions_synced(struct transactions *transactions, int32_t shard);
/* Try again what is stuck. True: transactions_end_part() has something to do. */
bool transactions_retry(struct transactions *transactions);
/* Look at one ongoing transaction, and abort it when its time is over. */
void transactions_check_timeout(struct transactions *transactions);
/* Look at one transactional id, and remove it when nobody has used it for long. */
void transactions_check_expiry(struct transactions *transactions);

/* ---- replay ---------------------------------------------------------------------------------------------------- */

/* Apply one record of __transaction_state that was read at start. False: it cannot be read, and is passed over. */
bool transactions_replay(struct transactions *transactions, int32_t shard,
                         const struct coord_record *record) WARN_UNUSED;
/* All records of the shard were read: what it left open goes on. */
void transactions_loaded(struct transactions *transactions);
/* The shard is not ours any more: forget it. */
void transactions_unload(struct transactions *transactions, int32_t shard);

/* ---- partitions of transactions (transaction_records.c) -------------------------------------------------------- */

void transaction_partitions_release(struct transaction_partitions *partitions);
void transaction_partitions_copy(struct transaction_partitions *to, const struct transaction_partitions *from);
bool transaction_partitions_has(const struct transaction_partitions *partitions, struct kp_string topic,
                                int32_t partition);
void transaction_partitions_add(struct transaction_partitions *partitions, struct kp_string topic, int32_t partition);

struct transaction_partition {
    struct kp_string topic; /* borrowed */
    int32_t partition;
};
/* The set of these; puts them in order. */
void transaction_partitions_of(struct transaction_partitions *partitions, struct transaction_partition *items,
                               int32_t count);
/* The set of those that are in one of two. */
void transaction_partitions_unite(struct transaction_partitions *to, const struct transaction_partitions *a,
                                  const struct transaction_partitions *b);
bool transaction_partitions_has_all(const struct transaction_partitions *partitions,
                                    const struct transaction_partitions *all);
/* Remove partition number `position` of a topic, and the topic with its last one. */
void transaction_partitions_remove_at(struct transaction_partitions *partitions, int32_t topic, int32_t position);

/* Add the record of a state to a batch. `fields` NULL: the id is removed. Version 1 of the value has what the second
 * protocol needs; below level 1 of transaction.version there is only version 0. */
void transaction_record_add(struct coord_batch *batch, struct kp_string id, const struct transaction_fields *fields,
                            const struct transaction_partitions *partitions, int16_t transaction_version);
/* Read one. `id` is borrowed from the record, *partitions is the caller's to release. False: the record cannot be read.
 */
bool transaction_record_read(const struct coord_record *record, struct kp_string *id, struct transaction_fields *fields,
                             struct transaction_partitions *partitions) WARN_UNUSED;

#endif
