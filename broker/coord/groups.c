/* The registry of groups, and how records become groups. See groups.h. */
#include "groups.h"

#include "classic_group.h"
#include "../limits.h"
#include "../logger.h"
#include "offsets.h"

#include <inttypes.h>
#include <string.h>

const char *group_type_name(enum group_type type)
{
    static const char *const names[] = {"classic", "consumer", "share", "streams"};
    return names[type];
}

const char *group_state_name(const struct group *group)
{
    /* Members of other kinds cannot reach us, so their groups are empty. */
    return classic_state_name(group->type == GROUP_CLASSIC ? group->classic.state : CLASSIC_EMPTY);
}

struct groups *groups_new(struct coord_host *host, const struct group_settings *settings, uint64_t seed)
{
    struct groups *groups = xcalloc(1, sizeof *groups);
    groups->host = host;
    groups->settings = *settings;
    list_init(&groups->all);
    hash_map_init(&groups->by_id, seed);
    hash_map_init(&groups->offsets, seed);
    hash_map_init(&groups->topics, seed);
    hash_map_init(&groups->pending, seed);
    hash_map_init(&groups->transactions, seed);
    return groups;
}

static size_t group_bytes(struct kp_string id)
{
    return sizeof(struct group) + (size_t)id.size + 1;
}

bool groups_have_room(const struct groups *groups, struct kp_string id, size_t members_bytes)
{
    return groups->members_bytes + group_bytes(id) + members_bytes <= GROUP_MEMBERS_BYTES_MAX;
}

static void forget(struct group *group, enum kafka_error error)
{
    classic_group_release(group, error);
    offsets_forget(group);
    hash_map_remove(&group->groups->by_id, &group->node);
    list_remove(&group->link);
    group->groups->members_bytes -= group_bytes(group->id);
    coord_string_free(group->id);
    free(group);
}

void groups_free(struct groups *groups)
{
    while (!list_empty(&groups->all))
        forget(CONTAINER_OF(groups->all.next, struct group, link), KAFKA_NONE);
    hash_map_release(&groups->by_id);
    hash_map_release(&groups->offsets);
    hash_map_release(&groups->topics);
    hash_map_release(&groups->pending);
    hash_map_release(&groups->transactions);
    free(groups);
}

struct group *groups_find(const struct groups *groups, struct kp_string id)
{
    for (struct hash_node *node = hash_map_first(&groups->by_id, coord_string_hash(&groups->by_id, id)); node;
         node = hash_node_next(node)) {
        struct group *group = CONTAINER_OF(node, struct group, node);
        if (kp_string_equal(group->id, id))
            return group;
    }
    return NULL;
}

struct group *groups_add(struct groups *groups, struct kp_string id, int32_t shard)
{
    struct group *group = xcalloc(1, sizeof *group);
    group->groups = groups;
    group->id = coord_string_copy(id);
    group->shard = shard;
    list_init(&group->offsets);
    list_append(&groups->all, &group->link);
    groups->members_bytes += group_bytes(id);
    hash_map_insert(&groups->by_id, &group->node, coord_string_hash(&groups->by_id, id));
    classic_group_init(&group->classic, groups->by_id.seed);
    classic_group_enter(group, CLASSIC_EMPTY);
    return group;
}

void groups_remove(struct group *group)
{
    forget(group, KAFKA_UNKNOWN_MEMBER_ID);
}

/* ---- replay --------------------------------------------------------------------------------------------------------- */

bool groups_is_of_shard(struct groups *groups, struct kp_string id, int32_t shard)
{
    bool ours = coord_shard_of(id, groups->host->shards_count) == shard;
    groups->strays += !ours;
    return ours;
}

static bool replay_classic(struct groups *groups, int32_t shard, const struct coord_record *record)
{
    struct kp_group_metadata_key key;
    struct kp_group_metadata_value value;
    struct arena arena;
    arena_init(&arena, COORD_DECODE_BYTES_MAX);
    bool good = coord_record_key(record, &kp_group_metadata_key_schema, &key, &arena) &&
                (record->removed || coord_record_value(record, &kp_group_metadata_value_schema, &value, &arena));
    bool ours = good && groups_is_of_shard(groups, key.group, shard);
    struct group *group = ours ? groups_find(groups, key.group) : NULL;
    if (ours && record->removed) {
        if (group)
            groups_remove(group);
    } else if (ours) {
        if (!group)
            group = groups_add(groups, key.group, shard);
        group->type = GROUP_CLASSIC;
        classic_group_load(group, &value);
    }
    arena_release(&arena);
    return good;
}

/* The record with the epoch of a group of another kind. All three have keys of one text, the group's id. */
static bool replay_foreign(struct groups *groups, int32_t shard, const struct coord_record *record,
                           enum group_type type)
{
    struct kp_consumer_group_metadata_key key;
    struct arena arena;
    arena_init(&arena, COORD_DECODE_BYTES_MAX);
    bool good = coord_record_key(record, &kp_consumer_group_metadata_key_schema, &key, &arena);
    bool ours = good && groups_is_of_shard(groups, key.group_id, shard);
    struct group *group = ours ? groups_find(groups, key.group_id) : NULL;
    if (ours && record->removed) {
        if (group && group->type == type)
            groups_remove(group);
    } else if (ours) {
        if (!group)
            group = groups_add(groups, key.group_id, shard);
        group->type = type;
    }
    arena_release(&arena);
    return good;
}

bool groups_replay(struct groups *groups, int32_t shard, const struct coord_record *record)
{
    switch (record->type) {
    case KP_TYPE_LEGACY_OFFSET_COMMIT_KEY: /* the same key and values under another number */
    case KP_TYPE_OFFSET_COMMIT_KEY:
        return offsets_replay(groups, shard, record);
    case KP_TYPE_GROUP_METADATA_KEY:
        return replay_classic(groups, shard, record);
    case KP_TYPE_CONSUMER_GROUP_METADATA_KEY:
        return replay_foreign(groups, shard, record, GROUP_CONSUMER);
    case KP_TYPE_SHARE_GROUP_METADATA_KEY:
        return replay_foreign(groups, shard, record, GROUP_SHARE);
    case KP_TYPE_STREAMS_GROUP_METADATA_KEY:
        return replay_foreign(groups, shard, record, GROUP_STREAMS);
    default:
        return true; /* members and assignments of those: they stay in the log for who serves them */
    }
}

void groups_replay_marker(struct groups *groups, int32_t shard, int64_t producer_id, bool committed)
{
    offsets_replay_marker(groups, shard, producer_id, committed);
}

void groups_loaded(struct groups *groups, int32_t shard)
{
    if (groups->strays > 0)
        LOG_WARN("Records of groups that belong to another partition now are passed over",
                 "partition=%" PRId32 " records=%" PRId64 " partitions=%" PRId32, shard, groups->strays,
                 groups->host->shards_count);
    groups->strays = 0;
    list_for_each (&groups->all, node) {
        struct group *group = CONTAINER_OF(node, struct group, link);
        if (group->shard == shard && group->type == GROUP_CLASSIC)
            classic_group_loaded(group);
    }
    offsets_remove_stale(groups, shard);
}

void groups_unload(struct groups *groups, int32_t shard)
{
    list_for_each (&groups->all, node) {
        struct group *group = CONTAINER_OF(node, struct group, link);
        if (group->shard == shard)
            forget(group, KAFKA_NOT_COORDINATOR);
    }
}

void groups_stop(struct groups *groups)
{
    list_for_each (&groups->all, node)
        classic_group_stop(CONTAINER_OF(node, struct group, link));
}

/* ---- changes -------------------------------------------------------------------------------------------------------- */

void groups_begin(const struct groups *groups, struct coord_batch *batch)
{
    coord_batch_begin(batch, groups->host);
}

/* Records of our own can be read. */
static void replay_own(struct groups *groups, int32_t shard, const struct coord_batch *batch)
{
    struct record_batch view;
    struct record_iterator iterator;
    struct record record;
    enum batch_error error = record_batch_view(&view, batch->builder.bytes, batch->builder.size_bytes);
    ASSERT(error == BATCH_OK);
    record_iterator_init(&iterator, &view, INT32_MAX, NULL);
    while (record_iterator_next(&iterator, &record)) {
        struct coord_record own;
        bool good = coord_record_parse(&own, record.key, record.value);
        own.producer_id = batch->producer_id;
        good = good && groups_replay(groups, shard, &own);
        ASSERT(good);
    }
    ASSERT(iterator.error == BATCH_OK);
    record_iterator_release(&iterator);
}

enum kafka_error groups_commit(struct groups *groups, int32_t shard, struct coord_batch *batch)
{
    enum kafka_error error = coord_append(groups->host, shard, batch);
    if (error == KAFKA_NONE && coord_batch_count(batch) > 0)
        replay_own(groups, shard, batch);
    coord_batch_release(batch);
    return error;
}

void groups_add_removal(const struct group *group, struct coord_batch *batch)
{
    struct kp_group_metadata_key key = {.group = group->id};
    coord_batch_add(batch, KP_RECORD_GROUP_KEY, &kp_group_metadata_key_schema, &key, NULL, 0, NULL);
}

enum kafka_error groups_delete(struct groups *groups, struct kp_string id)
{
    struct group *group = groups_find(groups, id);
    struct coord_batch batch;
    if (!group)
        return KAFKA_GROUP_ID_NOT_FOUND;
    if (group->type != GROUP_CLASSIC) /* its records are not ours to remove */
        return KAFKA_UNSUPPORTED_VERSION;
    if (group->classic.state != CLASSIC_EMPTY)
        return KAFKA_NON_EMPTY_GROUP;
    for (;;) {
        groups_begin(groups, &batch);
        bool all = offsets_add_removals(group, &batch);
        if (all)
            groups_add_removal(group, &batch);
        enum kafka_error error = groups_commit(groups, group->shard, &batch);
        if (all || error != KAFKA_NONE)
            return error;
    }
}
