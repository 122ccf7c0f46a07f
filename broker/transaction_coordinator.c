/* See transaction_coordinator.h.
 *
 *     EndTxn -> PREPARE record -> marker -> marker -> ... -> COMPLETE record
 *                          \                   /
 *                           the rest in later turns, or later still where one fails
 *
 * All partitions are on this node, so markers are appended in the turn of the decision, as far as it has time. Where
 * the flush settings of __transaction_state want a sync, the decision is durable before the first marker is written,
 * and where those of a partition want one, its marker is durable before the transaction is complete. */
#include "transaction_coordinator.h"

#include "logger.h"
#include "producer_ids.h"
#include "transaction_marker.h"

#include <inttypes.h>

#define RETRY_MS 1000 /* before a partition that could not be written to is tried again */

static struct transaction_coordinator *of_host(const struct transaction_host *host)
{
    return CONTAINER_OF(host, struct transaction_coordinator, host);
}

/* ---- the kind ------------------------------------------------------------------------------------------------------- */

static void add_settings(const struct config *config, struct topic_overrides *overrides)
{
    topic_overrides_set(overrides, "cleanup.policy", "compact");
    topic_overrides_set(overrides, "compression.type", "uncompressed");
    topic_overrides_set(overrides, "unclean.leader.election.enable", "false");
    topic_overrides_set_number(overrides, "min.insync.replicas", config->transaction_state_log_min_isr);
    topic_overrides_set_number(overrides, "segment.bytes", config->transaction_state_log_segment_bytes);
}

static bool replay(void *state, int32_t shard, const struct coord_record *record)
{
    return transactions_replay(state, shard, record);
}

static void begin_ending(struct transaction_coordinator *coordinator);

static void loaded(void *state, int32_t shard)
{
    struct transactions *transactions = state;
    (void)shard;
    transactions_loaded(transactions);
    if (!list_empty(&transactions->ending))
        begin_ending(of_host(transactions->host));
}

static void synced(void *state, int32_t shard)
{
    struct transactions *transactions = state;
    transactions_synced(transactions, shard);
    if (!list_empty(&transactions->ending))
        begin_ending(of_host(transactions->host));
}

static void unload(void *state, int32_t shard)
{
    transactions_unload(state, shard);
}

/* ---- the host ------------------------------------------------------------------------------------------------------- */

static enum kafka_error next_producer_id(struct transaction_host *host, int64_t *id)
{
    return producer_ids_next_durable(of_host(host)->broker->producer_ids, id);
}

static int16_t version(const struct transaction_host *host)
{
    return catalog_feature_level(of_host(host)->broker->catalog, "transaction.version");
}

static int32_t shard_epoch(const struct transaction_host *host, int32_t shard)
{
    return coordinator_epoch(of_host(host)->executor, shard);
}

static bool sync_shard(struct transaction_host *host, int32_t shard)
{
    return coordinator_sync(of_host(host)->executor, shard);
}

/* A sync of a partition that was given a marker. */
struct marker_sync {
    struct log_flush flush;
    struct transaction_coordinator *coordinator;
    struct kp_string id;
};

static void marker_synced(struct log_flush *flush, int status)
{
    struct marker_sync *sync = CONTAINER_OF(flush, struct marker_sync, flush);
    struct transaction_coordinator *coordinator = sync->coordinator;
    bool durable = status == 0 || status == STORAGE_CANCELED; /* the second: the partition is gone */
    transactions_marker_synced(coordinator->transactions, sync->id, durable);
    if (!list_empty(&coordinator->transactions->ending))
        begin_ending(coordinator);
    coord_string_free(sync->id);
    free(sync);
}

static void sync_marker(struct transaction_coordinator *coordinator, struct partition *partition, struct kp_string id)
{
    struct marker_sync *sync = xmalloc(sizeof *sync);
    *sync = (struct marker_sync){.flush.done = marker_synced, .coordinator = coordinator, .id = coord_string_copy(id)};
    log_flush(partition->log, &sync->flush);
}

static enum kafka_error write_marker(struct transaction_host *host, const struct transaction *transaction,
                                     struct kp_string name, int32_t index, const struct transaction_marker *marker,
                                     bool *syncs)
{
    struct broker *broker = of_host(host)->broker;
    const struct topic *topic = catalog_topic(broker->catalog, name);
    struct partition *partition = topic ? topic_partition(topic, index) : NULL;
    if (!partition)
        return KAFKA_NONE;
    enum kafka_error error = transaction_marker_write(broker, partition, marker);
    *syncs = error == KAFKA_NONE && log_wants_flush(partition->log);
    if (*syncs)
        sync_marker(of_host(host), partition, transaction->id);
    if (error != KAFKA_INVALID_PRODUCER_EPOCH && error != KAFKA_TRANSACTION_COORDINATOR_FENCED)
        return error;
    LOG_PEER_WARN("A transaction was ended in a partition before its coordinator did",
                  "topic=%s partition=%" PRId32 " producer_id=%" PRId64 " error=%s", topic->name, index,
                  marker->producer.id, kafka_error_name(error));
    return KAFKA_NONE;
}

/* ---- markers -------------------------------------------------------------------------------------------------------- */

static void await_retry(struct transaction_coordinator *coordinator)
{
    if (!list_empty(&coordinator->transactions->stuck) && coordinator->retry.position == 0)
        coord_timer_start(coordinator->host.coord, &coordinator->retry, RETRY_MS);
}

static void end_on(struct long_work *work)
{
    struct transaction_coordinator *coordinator = CONTAINER_OF(work, struct transaction_coordinator, ending);
    bool more = true;
    while (more && broker_has_time(coordinator->broker))
        more = transactions_end_part(coordinator->transactions);
    if (more)
        return;
    long_work_end(work);
    await_retry(coordinator);
}

static void begin_ending(struct transaction_coordinator *coordinator)
{
    if (list_empty(&coordinator->ending.link))
        long_work_begin(coordinator->broker, &coordinator->ending, "ends of transactions", end_on);
}

void transaction_coordinator_go_on(struct transaction_coordinator *coordinator)
{
    if (!list_empty(&coordinator->ending.link)) /* what waits longer comes first */
        return;
    bool more = true;
    while (more && broker_has_time(coordinator->broker))
        more = transactions_end_part(coordinator->transactions);
    if (more)
        begin_ending(coordinator);
    else
        await_retry(coordinator);
}

static void retry(struct timer *timer)
{
    struct transaction_coordinator *coordinator = CONTAINER_OF(timer, struct transaction_coordinator, retry);
    if (transactions_retry(coordinator->transactions))
        begin_ending(coordinator);
}

/* ---- time ----------------------------------------------------------------------------------------------------------- */

static int32_t count_ongoing(const struct patrol *patrol)
{
    return CONTAINER_OF(patrol, struct transaction_coordinator, timeouts)->transactions->ongoing_count;
}

static int32_t check_timeout(struct patrol *patrol)
{
    struct transaction_coordinator *coordinator = CONTAINER_OF(patrol, struct transaction_coordinator, timeouts);
    transactions_check_timeout(coordinator->transactions);
    if (!list_empty(&coordinator->transactions->ending))
        begin_ending(coordinator);
    return 1;
}

static int32_t count_ids(const struct patrol *patrol)
{
    return (int32_t)CONTAINER_OF(patrol, struct transaction_coordinator, expiry)->transactions->by_id.count;
}

static int32_t check_expiry(struct patrol *patrol)
{
    transactions_check_expiry(CONTAINER_OF(patrol, struct transaction_coordinator, expiry)->transactions);
    return 1;
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

static void start_timers(struct transaction_coordinator *coordinator)
{
    struct broker *broker = coordinator->broker;
    coordinator->retry.expired = retry;
    coordinator->timeouts = (struct patrol){.broker = broker,
                                            .interval_ms = broker->config->transaction_abort_timed_out_interval_ms,
                                            .count = count_ongoing,
                                            .look = check_timeout};
    coordinator->expiry = (struct patrol){.broker = broker,
                                          .interval_ms = broker->config->transaction_remove_expired_interval_ms,
                                          .count = count_ids,
                                          .look = check_expiry};
    patrol_begin(&coordinator->timeouts);
    patrol_begin(&coordinator->expiry);
}

static void stop_timers(struct transaction_coordinator *coordinator)
{
    timer_stop(&coordinator->broker->timers, &coordinator->retry);
    patrol_end(&coordinator->timeouts);
    patrol_end(&coordinator->expiry);
}

struct transaction_coordinator *transaction_coordinator_new(struct broker *broker)
{
    const struct config *config = broker->config;
    const struct transaction_settings settings = {.max_timeout_ms = &config->transaction_max_timeout_ms,
                                                  .id_expiration_ms = &config->transactional_id_expiration_ms};
    struct transaction_coordinator *coordinator = xcalloc(1, sizeof *coordinator);
    uint64_t seed;
    broker->env->random(broker->env, &seed, sizeof seed);
    coordinator->broker = broker;
    coordinator->kind = (struct coordinator_kind){
        .topic = "__transaction_state",
        .partitions = &config->transaction_state_log_num_partitions,
        .replication_factor = &config->transaction_state_log_replication_factor,
        .add_settings = add_settings,
        .base_sequence = -1,
        .replay = replay,
        .loaded = loaded,
        .synced = synced,
        .unload = unload,
    };
    coordinator->executor = coordinator_new(broker, &coordinator->kind);
    coordinator->host = (struct transaction_host){
        .coord = coordinator_host(coordinator->executor),
        .next_producer_id = next_producer_id,
        .version = version,
        .coordinator_epoch = shard_epoch,
        .sync = sync_shard,
        .write_marker = write_marker,
    };
    list_init(&coordinator->ending.link);
    coordinator->transactions = transactions_new(&coordinator->host, &settings, seed);
    coordinator_begin(coordinator->executor, coordinator->transactions);
    start_timers(coordinator);
    return coordinator;
}

void transaction_coordinator_free(struct transaction_coordinator *coordinator)
{
    if (!coordinator)
        return;
    stop_timers(coordinator);
    long_work_end(&coordinator->ending);
    transactions_free(coordinator->transactions);
    coordinator_free(coordinator->executor);
    free(coordinator);
}

void transaction_coordinator_stop(struct transaction_coordinator *coordinator)
{
    stop_timers(coordinator);
}

void transaction_coordinator_topic_gone(struct transaction_coordinator *coordinator, const struct topic *topic)
{
    coordinator_topic_gone(coordinator->executor, topic);
}
