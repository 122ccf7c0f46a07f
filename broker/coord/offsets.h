/* Committed offsets: how far a group has read each partition. See offsets.c. */
#ifndef DOHLE_BROKER_COORD_OFFSETS_H
#define DOHLE_BROKER_COORD_OFFSETS_H

#include "groups.h"

/* A topic that some group has committed offsets of. */
struct offset_topic {
    struct hash_node node; /* groups->topics */
    struct kp_string name; /* its own memory */
    struct list groups;    /* struct topic_offsets */
};

struct committed_offset {
    int32_t partition;
    int32_t leader_epoch;      /* of the last record read; -1: not told */
    int64_t offset;            /* of the next record to read */
    int64_t commit_ms;         /* wall clock, of the commit */
    int64_t expire_ms;         /* wall clock; -1: by the rules of the group (a client before version 5 said when) */
    struct kp_string metadata; /* its own memory, when not empty */
    uint64_t order;            /* of its record among those of all commits: what was written later wins */
    bool stale;                /* read at start, of a topic that is gone since or was made anew: to be removed */
};

/* What a group has committed of one topic, or some open transaction has for it. */
struct topic_offsets {
    struct hash_node node; /* groups->offsets */
    struct list of_group, of_topic;
    struct group *group;
    struct offset_topic *topic;
    struct committed_offset *items; /* by rising partition */
    int32_t count, capacity;
    struct list pending; /* struct pending_offset: what open transactions have committed */
};

/* What the group has committed of the topic; NULL: nothing. Valid until it commits. */
struct topic_offsets *offsets_of_topic(const struct group *group, struct kp_string topic);
/* NULL: nothing is committed. Valid until the group commits. */
const struct committed_offset *offsets_find(const struct group *group, struct kp_string topic, int32_t partition);
/* Does a transaction that is open hold an offset of this partition? (KIP-447, require stable) */
bool offsets_pending(const struct group *group, struct kp_string topic, int32_t partition);

/* Add the record of a commit. `topic_id` zero: not known. */
void offsets_add_commit(struct coord_batch *batch, struct kp_string group, struct kp_string topic,
                        struct kp_uuid topic_id, const struct committed_offset *offset);
/* Add the record that removes it. */
void offsets_add_removal(struct coord_batch *batch, struct kp_string group, struct kp_string topic, int32_t partition);
/* What one commit, in a transaction or not, costs groups->offsets_bytes at most. */
size_t offsets_commit_bytes(struct kp_string topic, struct kp_string metadata);

/* Add the records that remove what a group has committed, and what is pending. False: the batch is large enough, there
 * is more. */
bool offsets_add_removals(const struct group *group, struct coord_batch *batch);
/* A topic was deleted: no group has offsets of it any more. What cannot be written is logged: a start finds it. */
void offsets_remove_topic(struct groups *groups, struct kp_string topic);

/* Look at up to `count` groups, the one that was not looked at for longest first, and remove what has expired by
 * Kafka's rules: offsets, and groups that have neither members nor offsets. */
void offsets_expire(struct groups *groups, int32_t count);

/* ---- for groups.c ---------------------------------------------------------------------------------------------------- */

bool offsets_replay(struct groups *groups, int32_t shard, const struct coord_record *record) WARN_UNUSED;
void offsets_replay_marker(struct groups *groups, int32_t shard, int64_t producer_id, bool committed);
/* Forget those of a group, without records. */
void offsets_forget(struct group *group);
/* After a start: remove those that are stale, with records. */
void offsets_remove_stale(struct groups *groups, int32_t shard);

/* ---- for pending_offsets.c ------------------------------------------------------------------------------------------- */

/* `offset->metadata` becomes the store's own. */
void offsets_put(struct topic_offsets *offsets, const struct committed_offset *offset);
/* What has neither offsets nor pending ones is freed. */
void offsets_free_if_empty(struct topic_offsets *offsets);

#endif
