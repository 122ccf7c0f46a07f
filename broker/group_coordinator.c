/* See group_coordinator.h. */
#include "group_coordinator.h"

#include "coord/classic_group.h"
#include "coord/offsets.h"

#define GROUPS_PER_PART 50 /* groups looked at for expired offsets without a look at the clock */

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

static void look_on(struct long_work *work)
{
    struct group_coordinator *coordinator = CONTAINER_OF(work, struct group_coordinator, looking);
    while (coordinator->unchecked > 0 && broker_has_time(coordinator->broker)) {
        offsets_expire(coordinator->groups, GROUPS_PER_PART);
        coordinator->unchecked -= GROUPS_PER_PART;
    }
    if (coordinator->unchecked > 0)
        return;
    long_work_end(work);
    coord_timer_start(coordinator->groups->host, &coordinator->expiry,
                      coordinator->broker->config->offsets_retention_check_interval_ms);
}

/* Every offsets.retention.check.interval.ms all groups are looked at, in parts. */
static void look_for_expired(struct timer *timer)
{
    struct group_coordinator *coordinator = CONTAINER_OF(timer, struct group_coordinator, expiry);
    coordinator->unchecked = (int32_t)coordinator->groups->by_id.count;
    long_work_begin(coordinator->broker, &coordinator->looking, look_on);
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
    coordinator->expiry.expired = look_for_expired;
    list_init(&coordinator->looking.link);
    coordinator_begin(coordinator->executor, coordinator->groups);
    coord_timer_start(coordinator->groups->host, &coordinator->expiry, config->offsets_retention_check_interval_ms);
    return coordinator;
}

void group_coordinator_free(struct group_coordinator *coordinator)
{
    if (!coordinator)
        return;
    timer_stop(&coordinator->broker->timers, &coordinator->expiry);
    long_work_end(&coordinator->looking);
    groups_free(coordinator->groups);
    coordinator_free(coordinator->executor);
    free(coordinator);
}

void group_coordinator_stop(struct group_coordinator *coordinator)
{
    timer_stop(&coordinator->broker->timers, &coordinator->expiry);
    long_work_end(&coordinator->looking);
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
