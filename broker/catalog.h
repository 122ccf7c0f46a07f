/* What the cluster consists of, as the metadata log tells it: topics by name and by id, their partitions and settings,
 * feature levels, client quotas, the next block of producer ids, and what only needs to be kept.
 *
 *     metadata log --- catalog_replay() ---> catalog <--- lookups --- handlers
 *
 * Only replay changes it, with records that were read at start or have just been appended; see controller.h for how a
 * change is made. While the log is read at start the catalog is pure memory; catalog_start() then makes the logs of all
 * partitions, and from then on a topic's logs come and go with its records.
 *
 * Rules. (1) A topic's partitions are numbered from 0 without holes. (2) Each has one replica, on this node: a folder
 * of a larger cluster is refused. (3) Records that do not fit together are refused with a sentence: they come from a
 * disk. */
#ifndef DOHLE_BROKER_CATALOG_H
#define DOHLE_BROKER_CATALOG_H

#include "../protocol/hash_map.h"
#include "../protocol/list.h"
#include "../storage/log.h"
#include "client_quotas.h"
#include "kept_records.h"
#include "metadata_record.h"
#include "resource_configs.h"

struct catalog;
struct config;
struct topic;

struct partition {
    struct topic *topic;
    int32_t index;
    int32_t leader; /* this node, or -1 between a clean stop of Kafka and our start */
    int32_t leader_epoch;
    int32_t partition_epoch;
    struct kp_uuid directory; /* of the replica */
    struct log *log;          /* never NULL once the catalog has started */
    struct list waiters;      /* struct purgatory_watch: requests that an append, a delete or a change here wakes */
    struct list woken;        /* in broker->woken: changed in this turn */
};

struct topic {
    struct hash_node node;       /* by id */
    struct hash_node lookalikes; /* by the name with '_' for each '.'; of one that was removed, in a map of such */
    char *name;
    struct kp_uuid id;
    bool internal;                 /* __consumer_offsets, __transaction_state, __share_group_state */
    struct partition **partitions; /* by index, without holes */
    int32_t partitions_count, partitions_capacity;
    bool disordered;              /* while the log is read: some partition is not at the place of its index */
    struct log_config log_config; /* effective values; the logs borrow it */
    struct list deleted;          /* in the catalog's list of those whose logs are still to go; else in none */
    int64_t deleted_ms;           /* wall clock */
};

struct catalog_options {
    int32_t node_id;
    uint64_t seed;         /* for hash maps */
    struct config *config; /* the broker's; gets dynamic values from the log, supplies topics' defaults */
    /* The partition is about to go: nobody may watch it any more when this returns. */
    void (*partition_gone)(void *context, struct partition *partition);
    /* The topic is about to go, and its partitions are gone: what else is known of it goes as well. */
    void (*topic_gone)(void *context, const struct topic *topic);
    /* Logs were deleted: log_store_carry_out() is to be called when the record that says so is on the disk. */
    void (*logs_deleted)(void *context);
    /* Logs are left to be deleted: catalog_delete_logs() is to be called in later turns, until it says that none is. */
    void (*logs_to_delete)(void *context);
    bool (*has_time)(void *context); /* broker_has_time() */
    void *context;
};

struct catalog *catalog_new(const struct catalog_options *options);
/* The logs are the store's: it is closed before. */
void catalog_free(struct catalog *catalog);

#define CATALOG_ERROR_SIZE 256
/* Apply one record. On failure false, and `error` (CATALOG_ERROR_SIZE) is a sentence that says why; then the catalog is
 * of no use any more. */
bool catalog_replay(struct catalog *catalog, const struct metadata_record *record, int64_t now_ms,
                    char *error) WARN_UNUSED;
/* Everything was read: is it whole? Failure as above. */
bool catalog_check(struct catalog *catalog, char *error) WARN_UNUSED;
/* Then: compute settings, and make the logs of all partitions in `store`. */
void catalog_start(struct catalog *catalog, struct log_store *store);

/* Topics that are removed are gone at once. Their logs go in parts, while there is time. True when none is left. */
bool catalog_delete_logs(struct catalog *catalog);
/* Delete all that are left, for the stop: logs_deleted() is not called. */
void catalog_delete_last_logs(struct catalog *catalog);

/* NULL when there is none. Valid until the next turn of the loop. */
struct topic *catalog_topic(const struct catalog *catalog, struct kp_string name);
struct topic *catalog_topic_by_id(const struct catalog *catalog, struct kp_uuid id);
/* NULL when the topic or the index does not exist. */
struct partition *topic_partition(const struct topic *topic, int32_t index);
/* All topics sorted by name (byte order, as Java sorts ASCII). */
int32_t catalog_topics_count(const struct catalog *catalog);
/* Of the first topic behind the name, which need not be one's. */
int32_t catalog_position_after(const struct catalog *catalog, struct kp_string name);
struct topic *catalog_topic_at(const struct catalog *catalog, int32_t position);
/* The position of `name` in that order, or where it would be. */
int32_t catalog_position(const struct catalog *catalog, struct kp_string name);
/* A topic whose name differs from `name` at most in '.' against '_', or NULL: metric names cannot tell them apart. */
const struct topic *catalog_colliding_topic(const struct catalog *catalog, struct kp_string name);

/* Partitions of all topics, with those of removed ones whose logs are not gone yet. */
int32_t catalog_partitions_count(const struct catalog *catalog);
/* What the values that are set for all resources take. */
size_t catalog_settings_bytes(const struct catalog *catalog);
/* Values set for a resource; NULL when there are none. */
const struct topic_overrides *catalog_configs(const struct catalog *catalog, enum resource_type type,
                                              struct kp_string name);

/* Walk all resources that have values, in no order: the first for NULL, then the one after `resource`. */
const struct config_resource *catalog_config_resource_next(const struct catalog *catalog,
                                                           const struct config_resource *resource);
/* Rises with each change of a client metrics subscription. */
uint32_t catalog_client_metrics_version(const struct catalog *catalog);

/* A finalized level; 0 for a feature that is not there. */
int16_t catalog_feature_level(const struct catalog *catalog, const char *name);
/* The quotas that are set, for the life of the catalog. */
const struct client_quotas *catalog_client_quotas(const struct catalog *catalog);
/* The first producer id that no block has given out. */
int64_t catalog_next_producer_id(const struct catalog *catalog);
/* The last registration of a broker; see kept_records.h. */
bool catalog_registration(const struct catalog *catalog, int32_t broker_id,
                          struct kp_register_broker_record *registration, struct arena *arena) WARN_UNUSED;

/* A partition in full, as its record says it; what it points to is in the catalog and in `partition`. */
struct kp_partition_record catalog_partition_record(const struct catalog *catalog, struct partition *partition);
/* The version in which partitions and their changes are written at the finalized levels: both got their fields at once.
 */
int16_t catalog_partition_record_version(const struct catalog *catalog);

/* Hand over records that make this catalog out of an empty one, framed, in an order that replays. */
void catalog_each_record(const struct catalog *catalog, void (*each)(void *context, struct kp_bytes value),
                         void *context);

#endif
