/* See group_coordinator.h. */
#include "group_coordinator.h"

#include "coord/classic_group.h"
#include "coord/offsets.h"

#define GROUPS_PER_LOOK 50 /* groups looked at for expired offsets without a look at the clock */

static void add_settings(const struct config *config, struct topic_overrides *overrides)
{
    topic_overrides_set(overrides, "cleanup.policy", "compact");
    topic_overrides_set(overrides, "compression.type", "producer");
    topic_overrides_set_number(overrides, "segment.bytes", config->offsets_topic_segment_bytes);
}

static bool replay(void *state, int32_t shard, const struct coord_record *record)
{
    return groups_replay(state, shard, record);
}

static void replay_marker(void *state, int32_t shard, int64_t producer_id, bool committed)
{
    groups_replay_marker(state, shard, producer_id, committed);
}

static void loaded(void *state, int32_t shard)
{
    groups_loaded(state, shard);
}

static void unload(void *state, int32_t shard)
{
    groups_unload(state, shard);
}

static int32_t count_groups(const struct patrol *patrol)
{
    const struct group_coordinator *coordinator = CONTAINER_OF(patrol, struct group_coordinator, expiry);
    return (int32_t)coordinator->groups->by_id.count;
}

static int32_t expire_offsets(struct patrol *patrol)
{
    offsets_expire(CONTAINER_OF(patrol, struct group_coordinator, expiry)->groups, GROUPS_PER_LOOK);
    return GROUPS_PER_LOOK;
}

struct group_coordinator *group_coordinator_new(struct broker *broker)
{
    const struct config *config = broker->config;
    const struct group_settings settings = {
        .initial_rebalance_delay_ms = &config->group_initial_rebalance_delay_ms,
        .max_size = &config->group_max_size,
        .offsets_retention_minutes = &config->offsets_retention_minutes,
    };
    struct group_coordinator *coordinator = xcalloc(1, sizeof *coordinator);
    uint64_t seed;
    broker->env->random(broker->env, &seed, sizeof seed);
    coordinator->broker = broker;
    coordinator->kind = (struct coordinator_kind){
        .topic = "__consumer_offsets",
        .partitions = &config->offsets_topic_num_partitions,
        .replication_factor = &config->offsets_topic_replication_factor,
        .add_settings = add_settings,
        .codec = &config->offsets_topic_compression_codec,
        .base_sequence = 0,
        .replay = replay,
        .replay_marker = replay_marker,
        .loaded = loaded,
        .unload = unload,
    };
    coordinator->executor = coordinator_new(broker, &coordinator->kind);
    coordinator->groups = groups_new(coordinator_host(coordinator->executor), &settings, seed);
    coordinator_begin(coordinator->executor, coordinator->groups);
    coordinator->expiry = (struct patrol){.broker = broker,
                                          .interval_ms = config->offsets_retention_check_interval_ms,
                                          .count = count_groups,
                                          .look = expire_offsets};
    patrol_begin(&coordinator->expiry);
    return coordinator;
}

void group_coordinator_free(struct group_coordinator *coordinator)
{
    if (!coordinator)
        return;
    patrol_end(&coordinator->expiry);
    groups_free(coordinator->groups);
    coordinator_free(coordinator->executor);
    free(coordinator);
}

void group_coordinator_stop(struct group_coordinator *coordinator)
{
    patrol_end(&coordinator->expiry);
    groups_stop(coordinator->groups);
}

void group_coordinator_topic_gone(struct group_coordinator *coordinator, const struct topic *topic)
{
    coordinator_topic_gone(coordinator->executor, topic);
    offsets_remove_topic(coordinator->groups, kp_string_of(topic->name));
}

int32_t group_coordinator_partition(const struct group_coordinator *coordinator, struct kp_string group_id)
{
    int32_t count = coordinator->groups->host->shards_count;
    return coord_shard_of(group_id, count > 0 ? count : coordinator->broker->config->offsets_topic_num_partitions);
}
