/* Committed offsets.
 *
 *     groups->offsets: (group, topic) --> topic_offsets: [partition 0 | partition 3 | ...]
 *                                          |        |
 *                             group->offsets        offset_topic->groups (by groups->topics)
 *
 * so that a commit is two look-ups, a group's offsets are a walk of its topics, and a deleted topic a walk of the
 * groups that have read it.
 *
 * An offset that was committed in a transaction is pending until the transaction's marker is read: then it counts, or
 * never was (pending_offsets.c).
 *
 * How long they are kept (offsets.retention.minutes, KIP-211). Of a group that has members, what they subscribe to is
 * kept, and the rest by the time of its commit; of one without members, all by the time when it became empty; of
 * consumers that assign partitions themselves, by the time of the commit. A client before version 5 could say for how
 * long. A group without members and offsets is removed as well. */
#include "offsets.h"

#include "../logger.h"
#include "classic_group.h"
#include "pending_offsets.h"

#include <string.h>

/* What one batch of removals holds at most: far below max.message.bytes, and not long to write. */
#define REMOVAL_BATCH_BYTES ((size_t)256 * 1024)

/* ---- memory --------------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct groups *groups, const struct group *group, struct kp_string topic)
{
    return group->node.hash ^ coord_string_hash(&groups->offsets, topic);
}

struct topic_offsets *offsets_of_topic(const struct group *group, struct kp_string topic)
{
    const struct groups *groups = group->groups;
    for (struct hash_node *node = hash_map_first(&groups->offsets, hash_of(groups, group, topic)); node;
         node = hash_node_next(node)) {
        struct topic_offsets *found = CONTAINER_OF(node, struct topic_offsets, node);
        if (found->group == group && kp_string_equal(found->topic->name, topic))
            return found;
    }
    return NULL;
}

static struct offset_topic *find_topic(const struct groups *groups, struct kp_string name)
{
    for (struct hash_node *node = hash_map_first(&groups->topics, coord_string_hash(&groups->topics, name)); node;
         node = hash_node_next(node)) {
        struct offset_topic *topic = CONTAINER_OF(node, struct offset_topic, node);
        if (kp_string_equal(topic->name, name))
            return topic;
    }
    return NULL;
}

static struct offset_topic *ensure_topic(struct groups *groups, struct kp_string name)
{
    struct offset_topic *topic = find_topic(groups, name);
    if (topic)
        return topic;
    topic = xcalloc(1, sizeof *topic);
    topic->name = coord_string_copy(name);
    list_init(&topic->groups);
    hash_map_insert(&groups->topics, &topic->node, coord_string_hash(&groups->topics, name));
    groups->offsets_bytes += sizeof *topic + (size_t)name.size;
    return topic;
}

static struct topic_offsets *ensure_topic_offsets(struct group *group, struct kp_string topic)
{
    struct groups *groups = group->groups;
    struct topic_offsets *offsets = offsets_of_topic(group, topic);
    if (offsets)
        return offsets;
    offsets = xcalloc(1, sizeof *offsets);
    offsets->group = group;
    offsets->topic = ensure_topic(groups, topic);
    list_init(&offsets->pending);
    list_append(&group->offsets, &offsets->of_group);
    list_append(&offsets->topic->groups, &offsets->of_topic);
    hash_map_insert(&groups->offsets, &offsets->node, hash_of(groups, group, topic));
    groups->offsets_bytes += sizeof *offsets;
    return offsets;
}

static size_t item_bytes(struct kp_string metadata)
{
    return sizeof(struct committed_offset) + (metadata.size > 0 ? (size_t)metadata.size : 0);
}

size_t offsets_commit_bytes(struct kp_string topic, struct kp_string metadata)
{
    return sizeof(struct topic_offsets) + sizeof(struct offset_topic) + (size_t)topic.size + 2 * item_bytes(metadata) +
           pending_offset_bytes();
}

static void release_item(struct groups *groups, struct committed_offset *item)
{
    groups->offsets_bytes -= item_bytes(item->metadata);
    if (item->metadata.size > 0)
        coord_string_free(item->metadata);
}

static void free_topic_offsets(struct topic_offsets *offsets)
{
    struct groups *groups = offsets->group->groups;
    struct offset_topic *topic = offsets->topic;
    pending_offsets_remove(offsets, -1);
    for (int32_t i = 0; i < offsets->count; i++)
        release_item(groups, &offsets->items[i]);
    list_remove(&offsets->of_group);
    list_remove(&offsets->of_topic);
    hash_map_remove(&groups->offsets, &offsets->node);
    free(offsets->items);
    free(offsets);
    groups->offsets_bytes -= sizeof *offsets;
    if (!list_empty(&topic->groups))
        return;
    groups->offsets_bytes -= sizeof *topic + (size_t)topic->name.size;
    hash_map_remove(&groups->topics, &topic->node);
    coord_string_free(topic->name);
    free(topic);
}

/* Where the partition is, or would be. */
static int32_t position_of(const struct topic_offsets *offsets, int32_t partition)
{
    int32_t low = 0, high = offsets->count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (offsets->items[middle].partition < partition)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct committed_offset *find_item(const struct topic_offsets *offsets, int32_t partition)
{
    int32_t position = position_of(offsets, partition);
    bool found = position < offsets->count && offsets->items[position].partition == partition;
    return found ? &offsets->items[position] : NULL;
}

void offsets_free_if_empty(struct topic_offsets *offsets)
{
    if (offsets->count == 0 && list_empty(&offsets->pending))
        free_topic_offsets(offsets);
}

void offsets_put(struct topic_offsets *offsets, const struct committed_offset *offset)
{
    struct committed_offset *item = find_item(offsets, offset->partition);
    if (item) {
        release_item(offsets->group->groups, item);
    } else {
        if (offsets->count == offsets->capacity) {
            offsets->capacity = offsets->capacity > 0 ? 2 * offsets->capacity : 1;
            offsets->items = xrealloc(offsets->items, (size_t)offsets->capacity * sizeof *offsets->items);
        }
        item = &offsets->items[position_of(offsets, offset->partition)];
        memmove(item + 1, item, (size_t)(&offsets->items[offsets->count] - item) * sizeof *item);
        offsets->count++;
    }
    *item = *offset;
    offsets->group->groups->offsets_bytes += item_bytes(offset->metadata);
}

/* What is removed is removed from open transactions too: their marker does not bring it back. */
static void take_out(struct group *group, struct kp_string topic, int32_t partition)
{
    struct topic_offsets *offsets = offsets_of_topic(group, topic);
    if (!offsets)
        return;
    struct committed_offset *item = find_item(offsets, partition);
    if (item) {
        release_item(group->groups, item);
        offsets->count--;
        memmove(item, item + 1, (size_t)(&offsets->items[offsets->count] - item) * sizeof *item);
    }
    pending_offsets_remove(offsets, partition);
    offsets_free_if_empty(offsets);
}

const struct committed_offset *offsets_find(const struct group *group, struct kp_string topic, int32_t partition)
{
    const struct topic_offsets *offsets = offsets_of_topic(group, topic);
    return offsets ? find_item(offsets, partition) : NULL;
}

bool offsets_pending(const struct group *group, struct kp_string topic, int32_t partition)
{
    const struct topic_offsets *offsets = offsets_of_topic(group, topic);
    return offsets && pending_offsets_find(offsets, partition);
}

void offsets_forget(struct group *group)
{
    while (!list_empty(&group->offsets))
        free_topic_offsets(CONTAINER_OF(group->offsets.next, struct topic_offsets, of_group));
}

/* ---- records -------------------------------------------------------------------------------------------------------- */

void offsets_add_commit(struct coord_batch *batch, struct kp_string group, struct kp_string topic,
                        struct kp_uuid topic_id, const struct committed_offset *offset)
{
    struct kp_offset_commit_key key = {.group = group, .topic = topic, .partition = offset->partition};
    struct kp_offset_commit_value value = kp_offset_commit_value_default;
    value.offset = offset->offset;
    value.leader_epoch = offset->leader_epoch;
    value.metadata = offset->metadata;
    value.commit_timestamp = offset->commit_ms;
    value.expire_timestamp = offset->expire_ms;
    value.topic_id = topic_id;
    /* Kafka writes the newest version, or the only one that can say when the offset expires. */
    int16_t version = offset->expire_ms < 0 ? 4 : 1;
    coord_batch_add(batch, KP_RECORD_GROUP_KEY, &kp_offset_commit_key_schema, &key, &kp_offset_commit_value_schema,
                    version, &value);
}

void offsets_add_removal(struct coord_batch *batch, struct kp_string group, struct kp_string topic, int32_t partition)
{
    struct kp_offset_commit_key key = {.group = group, .topic = topic, .partition = partition};
    coord_batch_add(batch, KP_RECORD_GROUP_KEY, &kp_offset_commit_key_schema, &key, NULL, 0, NULL);
}

/* Is this what a topic had committed that is not there any more? Records of before version 4 do not tell which topic
 * of the name they mean. */
static bool is_stale(const struct groups *groups, struct kp_string topic, struct kp_uuid committed_id)
{
    struct kp_uuid id;
    if (!groups->host->topic_id(groups->host, topic, &id))
        return true;
    return !kp_uuid_is_zero(committed_id) && !kp_uuid_equal(committed_id, id);
}

static bool replay_commit(struct groups *groups, int32_t shard, const struct kp_offset_commit_key *key,
                          const struct coord_record *record, struct arena *arena)
{
    struct kp_offset_commit_value value;
    if (!coord_record_value(record, &kp_offset_commit_value_schema, &value, arena))
        return false;
    struct group *group = groups_find(groups, key->group);
    if (!group) /* its consumers assign partitions themselves: there is no record but their commits */
        group = groups_add(groups, key->group, shard);
    struct committed_offset offset = {
        .partition = key->partition,
        .leader_epoch = value.leader_epoch,
        .offset = value.offset,
        .commit_ms = value.commit_timestamp,
        .expire_ms = value.expire_timestamp,
        .metadata = value.metadata.size > 0 ? coord_string_copy(value.metadata) : KP_EMPTY_STRING,
        .order = ++groups->commits_replayed,
        .stale = is_stale(groups, key->topic, value.topic_id),
    };
    struct topic_offsets *offsets = ensure_topic_offsets(group, key->topic);
    if (record->producer_id < 0)
        offsets_put(offsets, &offset);
    else
        pending_offsets_put(offsets, record->producer_id, &offset);
    return true;
}

bool offsets_replay(struct groups *groups, int32_t shard, const struct coord_record *record)
{
    struct kp_offset_commit_key key;
    struct arena arena;
    arena_init(&arena, COORD_DECODE_BYTES_MAX);
    bool good = coord_record_key(record, &kp_offset_commit_key_schema, &key, &arena);
    bool ours = good && groups_is_of_shard(groups, key.group, shard);
    struct group *group = ours && record->removed ? groups_find(groups, key.group) : NULL;
    if (group)
        take_out(group, key.topic, key.partition);
    else if (ours && !record->removed)
        good = replay_commit(groups, shard, &key, record, &arena);
    arena_release(&arena);
    return good;
}

/* ---- removing ------------------------------------------------------------------------------------------------------- */

typedef bool meaning(const struct topic_offsets *offsets, const struct committed_offset *item);

static bool is_full(const struct coord_batch *batch)
{
    return batch->builder.size_bytes >= REMOVAL_BATCH_BYTES;
}

/* Of what is committed. */
static bool gather_items(const struct topic_offsets *offsets, meaning *is_meant, struct coord_batch *batch)
{
    for (int32_t i = 0; i < offsets->count; i++) {
        if (is_full(batch))
            return false;
        if (!is_meant || is_meant(offsets, &offsets->items[i]))
            offsets_add_removal(batch, offsets->group->id, offsets->topic->name, offsets->items[i].partition);
    }
    return true;
}

/* Of what is pending and not committed as well: once for a partition, however many transactions have it. */
static bool gather_pending(const struct topic_offsets *offsets, meaning *is_meant, struct coord_batch *batch)
{
    list_for_each (&offsets->pending, node) {
        const struct pending_offset *pending = CONTAINER_OF(node, struct pending_offset, of_topic);
        int32_t partition = pending->offset.partition;
        bool told = find_item(offsets, partition) || pending_offsets_find(offsets, partition) != pending;
        if (is_full(batch))
            return false;
        if (!told && (!is_meant || is_meant(offsets, &pending->offset)))
            offsets_add_removal(batch, offsets->group->id, offsets->topic->name, partition);
    }
    return true;
}

/* Add removals of what `is_meant` says (NULL: all), of one topic (NULL: of all), until the batch is large. False: there
 * is more. */
static bool gather(const struct group *group, const struct topic_offsets *only, meaning *is_meant, bool pending_too,
                   struct coord_batch *batch)
{
    list_for_each (&group->offsets, node) {
        const struct topic_offsets *offsets = CONTAINER_OF(node, struct topic_offsets, of_group);
        if (only && only != offsets)
            continue;
        if (!gather_items(offsets, is_meant, batch) || (pending_too && !gather_pending(offsets, is_meant, batch)))
            return false;
    }
    return true;
}

/* Remove them with records, in as many batches as it takes. `topic` null: of all topics. */
static enum kafka_error remove_where(struct group *group, struct kp_string topic, meaning *is_meant)
{
    for (;;) {
        struct topic_offsets *only = topic.size < 0 ? NULL : offsets_of_topic(group, topic);
        struct coord_batch batch;
        groups_begin(group->groups, &batch);
        bool all = (topic.size >= 0 && !only) || gather(group, only, is_meant, true, &batch);
        enum kafka_error error = groups_commit(group->groups, group->shard, &batch);
        if (all || error != KAFKA_NONE)
            return error;
    }
}

bool offsets_add_removals(const struct group *group, struct coord_batch *batch)
{
    return gather(group, NULL, NULL, true, batch);
}

static void complain(const struct group *group, enum kafka_error error)
{
    LOG_WARN("Cannot remove committed offsets", "group=%.*s error=%s", (int)group->id.size, group->id.data,
             kafka_error_name(error));
}

void offsets_remove_topic(struct groups *groups, struct kp_string topic)
{
    struct offset_topic *known;
    while ((known = find_topic(groups, topic)) != NULL) {
        struct group *group = CONTAINER_OF(known->groups.next, struct topic_offsets, of_topic)->group;
        enum kafka_error error = remove_where(group, topic, NULL);
        if (error != KAFKA_NONE) {
            complain(group, error);
            free_topic_offsets(offsets_of_topic(group, topic)); /* the next start removes what the log has of it */
        }
    }
}

static bool stale(const struct topic_offsets *offsets, const struct committed_offset *item)
{
    (void)offsets;
    return item->stale;
}

void offsets_remove_stale(struct groups *groups, int32_t shard)
{
    list_for_each (&groups->all, node) {
        struct group *group = CONTAINER_OF(node, struct group, link);
        enum kafka_error error = group->shard == shard ? remove_where(group, KP_NULL_STRING, stale) : KAFKA_NONE;
        if (error != KAFKA_NONE)
            complain(group, error);
    }
}

/* ---- expiry --------------------------------------------------------------------------------------------------------- */

/* Since when an offset is not in use; false: it is in use, or nobody can say. */
static bool unused_since(const struct topic_offsets *offsets, const struct committed_offset *item, int64_t *since_ms)
{
    const struct group *group = offsets->group;
    const struct classic_group *classic = &group->classic;
    *since_ms = item->commit_ms;
    if (group->type != GROUP_CLASSIC)
        return false;
    if (classic->protocol_type.size < 0)
        return true;
    if (classic->state == CLASSIC_EMPTY) {
        if (classic->state_since_ms >= 0)
            *since_ms = classic->state_since_ms;
        return true;
    }
    return classic->state == CLASSIC_STABLE && classic->subscribed_known &&
           !classic_group_subscribes(group, offsets->topic->name);
}

static bool expired(const struct topic_offsets *offsets, const struct committed_offset *item)
{
    const struct groups *groups = offsets->group->groups;
    int64_t now_ms = coord_now(groups->host).wall_ms;
    int64_t retention_ms = (int64_t)*groups->settings.offsets_retention_minutes * 60 * 1000, since_ms;
    if (!unused_since(offsets, item, &since_ms))
        return false;
    bool over = item->expire_ms >= 0 ? now_ms >= item->expire_ms : now_ms - since_ms >= retention_ms;
    return over && !offsets_pending(offsets->group, offsets->topic->name, item->partition);
}

/* May the group itself go, when `removed` of its offsets do? Not while an id that was handed out may come back. */
static bool is_over(const struct group *group, int32_t removed)
{
    int32_t left = -removed;
    list_for_each (&group->offsets, node)
        left += CONTAINER_OF(node, struct topic_offsets, of_group)->count;
    return left == 0 && group->type == GROUP_CLASSIC && group->classic.state == CLASSIC_EMPTY &&
           group->classic.pending_count == 0 && group->pending_offsets == 0;
}

static enum kafka_error expire_group(struct group *group)
{
    for (;;) {
        struct groups *groups = group->groups;
        struct coord_batch batch;
        groups_begin(groups, &batch);
        bool all = gather(group, NULL, expired, false, &batch);
        if (all && is_over(group, coord_batch_count(&batch)))
            groups_add_removal(group, &batch);
        enum kafka_error error = groups_commit(groups, group->shard, &batch);
        if (all || error != KAFKA_NONE)
            return error;
    }
}

void offsets_expire(struct groups *groups, int32_t count)
{
    for (; count > 0 && !list_empty(&groups->all); count--) {
        struct group *group = CONTAINER_OF(groups->all.next, struct group, link);
        list_remove(&group->link);
        list_append(&groups->all, &group->link);
        enum kafka_error error = expire_group(group);
        if (error != KAFKA_NONE)
            complain(group, error);
    }
}
