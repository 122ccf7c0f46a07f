/* All groups that this broker coordinates: who they are, their members, what they have committed.
 *
 *     groups --- by id ---> group --- classic: members, generation, state      classic_group.h
 *                             +------ committed offsets, by topic               offsets.h
 *
 * Hard state (a classic group as of its last finished round, committed offsets) is what the records of
 * __consumer_offsets say; who waits in a round, and all deadlines, is soft state, which a restart forgets: then a group
 * is Stable with the members of its last round, each with a full session timeout, so that a restart is no rebalance.
 *
 * Kinds. A group is what its records say: classic groups are served; one of a newer protocol (consumer, share, streams)
 * that a Kafka folder brings is listed, keeps its committed offsets, and its members are refused.
 *
 * Bounds. What members hold in memory, and what offsets do, is counted in all groups together; above a bound joins and
 * commits are refused (limits.h). */
#ifndef DOHLE_BROKER_COORD_GROUPS_H
#define DOHLE_BROKER_COORD_GROUPS_H

#include "../../protocol/hash_map.h"
#include "../../protocol/list.h"
#include "coord.h"

struct groups;

/* Kafka's group.* and offsets.* settings, of the owner. */
struct group_settings {
    const int32_t *initial_rebalance_delay_ms;
    const int32_t *max_size; /* members of a group */
    const int32_t *offsets_retention_minutes;
};

enum group_type { GROUP_CLASSIC, GROUP_CONSUMER, GROUP_SHARE, GROUP_STREAMS };
/* "classic", "consumer", "share", "streams". */
const char *group_type_name(enum group_type type);

enum classic_state { CLASSIC_EMPTY, CLASSIC_PREPARING_REBALANCE, CLASSIC_COMPLETING_REBALANCE, CLASSIC_STABLE };
/* As Kafka spells it: "PreparingRebalance". */
const char *classic_state_name(enum classic_state state);

/* What a member of a classic group is and does; see classic_group.c for the states. */
struct classic_group {
    enum classic_state state;
    int64_t state_since_ms;         /* wall clock; -1: unknown */
    int32_t generation;             /* of the last round that was completed */
    struct kp_string protocol_type; /* "consumer", "connect", ...; null: none, the group only commits offsets */
    struct kp_string protocol_name; /* selected in the last round; null: none */
    struct list members;            /* struct group_member that are in, in the order of their joining */
    struct list pending;            /* struct group_member that have an id and are to come back with it (KIP-394) */
    struct hash_map by_id;          /* both kinds */
    struct hash_map statics;        /* members with an instance id, by it */
    struct hash_map shared;         /* struct shared_protocol: how many members support each protocol */
    struct group_member *leader;
    int32_t members_count, pending_count;
    int32_t joining_count;        /* members that wait for the round to begin */
    int32_t unsynced_count;       /* members of this generation that have not asked for their assignment yet */
    bool initial;                 /* the round being prepared is the first after Empty: it waits a fixed time */
    bool joined_meanwhile;        /* that time is prolonged for a member that came */
    int64_t initial_left_ms;      /* by how much at most */
    struct timer timer;           /* of joining while a round is prepared, of syncing after it */
    bool subscribed_known;        /* `subscribed` says what the members subscribe to: consumers of the last round */
    struct kp_string *subscribed; /* sorted; one block with its texts */
    int32_t subscribed_count;
};

struct group {
    struct hash_node node; /* groups->by_id */
    struct list link;      /* groups->all */
    struct groups *groups;
    struct kp_string id; /* its own memory */
    int32_t shard;
    enum group_type type;
    struct classic_group classic;
    struct list offsets;     /* struct topic_offsets: what is committed, and pending */
    int32_t pending_offsets; /* of all its topics */
};

struct groups {
    struct coord_host *host;
    struct group_settings settings;
    struct hash_map by_id;
    struct list all;              /* who is to be looked at next for expired offsets is first */
    struct hash_map offsets;      /* struct topic_offsets by group and topic */
    struct hash_map topics;       /* struct offset_topic by name */
    struct hash_map pending;      /* struct pending_offset by group, topic and partition */
    struct hash_map transactions; /* struct pending_transaction by shard and producer id */
    uint64_t commits_replayed;    /* in what order they stand in the log */
    int64_t strays;               /* records of the shard being read whose groups are of another shard */
    size_t members_bytes;         /* of all groups and their members: GROUP_MEMBERS_BYTES_MAX */
    size_t offsets_bytes;         /* of all committed offsets: COMMITTED_OFFSETS_BYTES_MAX */
};

/* `host` is borrowed for its life, `seed` is for hash maps and unpredictable. */
struct groups *groups_new(struct coord_host *host, const struct group_settings *settings, uint64_t seed);
/* Requests that still wait are forgotten. */
void groups_free(struct groups *groups);

/* NULL: there is none. */
struct group *groups_find(const struct groups *groups, struct kp_string id);
/* Is there memory for a new group, and so many bytes of its members? */
bool groups_have_room(const struct groups *groups, struct kp_string id, size_t members_bytes);
/* A new group, Empty and without records. */
struct group *groups_add(struct groups *groups, struct kp_string id, int32_t shard);
/* Forget it, with members, offsets and timers. */
void groups_remove(struct group *group);

/* Apply one record of __consumer_offsets, freshly written or read at start. A record that cannot be read is passed
 * over; false says so. So is, as in Kafka, where no request would find it, one of a group that belongs to another shard
 * since the topic got more partitions. */
bool groups_replay(struct groups *groups, int32_t shard, const struct coord_record *record) WARN_UNUSED;
/* The same for a control batch that ends the transaction of a producer. */
void groups_replay_marker(struct groups *groups, int32_t shard, int64_t producer_id, bool committed);
/* All records of the shard were read: sessions begin, what was committed for topics that are gone is removed. */
void groups_loaded(struct groups *groups, int32_t shard);
/* The shard is not ours any more: who waits is told NOT_COORDINATOR, its groups are forgotten. */
void groups_unload(struct groups *groups, int32_t shard);

/* The broker stops: who waits is told NOT_COORDINATOR, and no time passes any more for any group. What a group is, is
 * what its records say. */
void groups_stop(struct groups *groups);

/* For replays: does the group belong to the shard? One that does not is counted. */
bool groups_is_of_shard(struct groups *groups, struct kp_string id, int32_t shard);

/* A batch of records of now. */
void groups_begin(const struct groups *groups, struct coord_batch *batch);
/* Append the batch and replay what was written. Nothing to do for an empty one; released in any case. On failure
 * nothing has changed, and it is the error for the request. */
enum kafka_error groups_commit(struct groups *groups, int32_t shard, struct coord_batch *batch) WARN_UNUSED;
/* Remove a classic group without members, with all that it has committed: KAFKA_GROUP_ID_NOT_FOUND,
 * KAFKA_NON_EMPTY_GROUP, or why it could not be written. Part may be gone then: the rest is to be asked for again. */
enum kafka_error groups_delete(struct groups *groups, struct kp_string id) WARN_UNUSED;
/* Add the record that removes the group itself; its offsets have records of their own. */
void groups_add_removal(const struct group *group, struct coord_batch *batch);

/* "Empty", "Stable", ... as ListGroups tells it. */
const char *group_state_name(const struct group *group);
#endif
