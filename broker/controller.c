/* What each start does to the metadata, and the records of changes. See controller.h for how a handler makes one.
 *
 *     start:  replay -> whole? -> feature level, if there is none
 *                              -> registration: made once, fenced; one that was left unfenced is fenced
 *                              -> partitions without a leader are taken; after a crash all, in a new leader epoch
 *                              -> synced, if any was taken -> logs, each expected in the directory that is recorded
 *
 * The directory of a partition is recorded as Kafka does it: with the partition when there is only one, else unassigned
 * at first, and by a change when its folder is made, moved, or found elsewhere. A log that is in none of the
 * directories that can be used, and may be in another, is offline (log_expect()): it is never made anew.
 *
 *     stop:   with several log.dirs partitions get no leader, as in Kafka
 *
 * dohle never registers itself as unfenced. So a Kafka that takes the folder over waits for no session to end, and
 * finds in the mark of the clean stop the epoch that it looks for. */
#include "controller.h"

#include "errors.h"
#include "features.h"
#include "group_coordinator.h"
#include "limits.h"
#include "logger.h"
#include "metadata_bootstrap.h"
#include "purgatory.h"
#include "transaction_coordinator.h"

#include <inttypes.h>
#include <string.h>

/* Records of one batch while leads are taken or left: far below what Kafka accepts in one. */
#define TAKE_BATCH_RECORDS 1000

/* Kafka's directory id of a replica whose folder is not chosen yet. */
static const struct kp_uuid directory_unassigned = {{[15] = 1}};

static bool replay(void *context, const struct metadata_record *record, char *error)
{
    struct broker *broker = context;
    char reason[CATALOG_ERROR_SIZE];
    if (catalog_replay(broker->catalog, record, broker->env->now(broker->env).wall_ms, reason))
        return true;
    snprintf(error, METADATA_LOG_ERROR_SIZE, "The metadata does not fit together: %s", reason);
    return false;
}

static void each_record(void *context, void (*add)(void *to, struct kp_bytes value), void *to)
{
    const struct broker *broker = context;
    catalog_each_record(broker->catalog, add, to);
}

static void partition_gone(void *context, struct partition *partition)
{
    purgatory_forget(context, partition);
}

static void topic_gone(void *context, const struct topic *topic)
{
    const struct broker *broker = context;
    if (broker->groups)
        group_coordinator_topic_gone(broker->groups, topic);
    if (broker->transactions)
        transaction_coordinator_topic_gone(broker->transactions, topic);
}

/* Logs of removed topics go in parts, in this turn and the next ones. Their folders are renamed when the record that
 * says so is durable: a topic that a power cut brings back has its records. */
struct deletion {
    struct metadata_wait wait;
    struct broker *broker;
    int64_t number;
};

static void deletion_durable(struct metadata_wait *wait, int status)
{
    struct deletion *deletion = CONTAINER_OF(wait, struct deletion, wait);
    if (status == 0) /* else nobody can say whether the topic is there after a restart */
        log_store_carry_out(deletion->broker->store, deletion->number, false);
    free(deletion);
}

static void logs_deleted(void *context)
{
    struct broker *broker = context;
    struct deletion *deletion = xmalloc(sizeof *deletion);
    *deletion = (struct deletion){
        .wait.done = deletion_durable, .broker = broker, .number = log_store_deletions(broker->store)};
    if (!metadata_log_wait(broker->metadata_log, &deletion->wait))
        deletion_durable(&deletion->wait, 0);
}

static void delete_logs(struct long_work *work)
{
    struct broker *broker = CONTAINER_OF(work, struct broker, deletions);
    if (catalog_delete_logs(broker->catalog))
        long_work_end(work);
}

static void logs_to_delete(void *context)
{
    struct broker *broker = context;
    if (!catalog_delete_logs(broker->catalog) && list_empty(&broker->deletions.link))
        long_work_begin(broker, &broker->deletions, "logs deleted", delete_logs);
}

static bool has_time(void *context)
{
    return broker_has_time(context);
}

/* ---- start ---------------------------------------------------------------------------------------------------------- */

/* Append what the batch holds, and begin the next one. */
static bool append_some(struct broker *broker, struct metadata_batch *batch)
{
    int status = metadata_log_append(broker->metadata_log, batch);
    metadata_batch_release(batch);
    controller_begin(broker, batch);
    return status == 0;
}

/* A log that has no level of its metadata is new, or its first batch was lost: it begins with what the folder was
 * formatted with, and with the latest levels of what is served where nothing says another. */
static bool add_features(struct broker *broker, struct metadata_batch *batch, const struct controller_options *options)
{
    char error[METADATA_LOG_ERROR_SIZE];
    if (catalog_feature_level(broker->catalog, "metadata.version") != 0)
        return true;
    if (!metadata_bootstrap_add(broker->env->files, options->directory, batch, error)) {
        LOG_ERROR(error, NULL);
        return false;
    }
    bool is_new = metadata_batch_count(batch) == 0;
    for (size_t i = 0; i < FEATURES_COUNT && is_new; i++) {
        const struct kp_feature_level_record level = feature_latest(&features[i]);
        metadata_batch_add(batch, &kp_feature_level_record_schema, 0, &level);
    }
    return append_some(broker, batch);
}

/* A registration that says "fenced", whose epoch goes into the mark of a clean stop: with both Kafka starts at once. */
static void register_broker(struct broker *broker, struct metadata_batch *batch,
                            const struct controller_options *options)
{
    struct kp_register_broker_record_end_points end_point = {
        .name = kp_string_of("PLAINTEXT"), .host = kp_string_of("127.0.0.1"), .port = 9092};
    struct kp_register_broker_record_features served[FEATURES_COUNT];
    for (size_t i = 0; i < FEATURES_COUNT; i++)
        served[i] = (struct kp_register_broker_record_features){kp_string_of(features[i].name), features[i].min_level,
                                                                features[i].max_level};
    struct kp_register_broker_record record = kp_register_broker_record_default;
    record.broker_id = broker->node_id;
    record.broker_epoch = metadata_log_end_offset(broker->metadata_log) + metadata_batch_count(batch);
    record.end_points = &end_point;
    record.end_points_count = 1;
    record.features = served;
    record.features_count = FEATURES_COUNT;
    record.fenced = true;
    env_random_uuid(broker->env, &record.incarnation_id);
    bool directories = catalog_feature_level(broker->catalog, "metadata.version") >= METADATA_VERSION_DIRECTORIES;
    if (directories) {
        record.log_dirs = options->directory_ids;
        record.log_dirs_count = options->directories_count;
    }
    metadata_batch_add(batch, &kp_register_broker_record_schema, directories ? 3 : 1, &record);
}

/* A registration that was left unfenced, by a Kafka that was killed, would keep the next Kafka waiting until its
 * session ends. */
static void fence_broker(struct broker *broker, struct metadata_batch *batch, int64_t broker_epoch)
{
    struct kp_broker_registration_change_record record = {
        .broker_id = broker->node_id, .broker_epoch = broker_epoch, .fenced = 1, .cordoned_log_dirs_count = -1};
    metadata_batch_add(batch, &kp_broker_registration_change_record_schema, 0, &record);
}

static void add_registration(struct broker *broker, struct metadata_batch *batch,
                             const struct controller_options *options)
{
    struct kp_register_broker_record registration;
    struct arena arena;
    arena_init(&arena, METADATA_DECODE_BYTES_MAX);
    if (!catalog_registration(broker->catalog, broker->node_id, &registration, &arena))
        register_broker(broker, batch, options);
    else if (!registration.fenced)
        fence_broker(broker, batch, registration.broker_epoch);
    arena_release(&arena);
}

static struct kp_partition_change_record change_of(const struct partition *partition)
{
    struct kp_partition_change_record record = kp_partition_change_record_default;
    record.partition_id = partition->index;
    record.topic_id = partition->topic->id;
    return record;
}

static void take_partition(struct broker *broker, struct metadata_batch *batch, const struct partition *partition)
{
    int16_t version = catalog_partition_record_version(broker->catalog);
    struct kp_partition_change_record record = change_of(partition);
    record.leader = broker->node_id;
    record.isr = &broker->node_id;
    record.isr_count = 1;
    if (version >= 2) /* Kafka's stop made this replica eligible; as the leader it is no longer that */
        record.eligible_leader_replicas_count = record.last_known_elr_count = 0;
    metadata_batch_add(batch, &kp_partition_change_record_schema, version, &record);
}

/* As Kafka's stop leaves it: the replica is no longer the leader, and where there is such a thing eligible to be it. */
static void leave_partition(struct broker *broker, struct metadata_batch *batch, const struct partition *partition)
{
    int16_t version = catalog_partition_record_version(broker->catalog);
    struct kp_partition_change_record record = change_of(partition);
    record.leader = -1;
    if (version >= 2) {
        record.isr_count = 0;
        record.eligible_leader_replicas = record.last_known_elr = &broker->node_id;
        record.eligible_leader_replicas_count = record.last_known_elr_count = 1;
    }
    metadata_batch_add(batch, &kp_partition_change_record_schema, version, &record);
}

/* Lead every partition that nobody leads, and after an unclean stop all of them in a new epoch: what the logs have lost
 * may have been read in the old one. Durable before a log gets a record of that epoch. */
static bool take_partitions(struct broker *broker, struct metadata_batch *batch, bool all)
{
    bool taken = false;
    for (int32_t i = 0; i < catalog_topics_count(broker->catalog); i++) {
        const struct topic *topic = catalog_topic_at(broker->catalog, i);
        for (int32_t j = 0; j < topic->partitions_count; j++) {
            const struct partition *partition = topic_partition(topic, j);
            if (!all && partition->leader == broker->node_id)
                continue;
            taken = true;
            take_partition(broker, batch, partition);
            if (metadata_batch_count(batch) >= TAKE_BATCH_RECORDS && !append_some(broker, batch))
                return false;
        }
    }
    return append_some(broker, batch) && (!taken || metadata_log_sync_now(broker->metadata_log) == 0);
}

int controller_raise_epoch(struct broker *broker, struct kp_string name, int32_t index)
{
    struct topic *topic = broker->catalog != NULL ? catalog_topic(broker->catalog, name) : NULL;
    const struct partition *partition = topic != NULL ? topic_partition(topic, index) : NULL;
    if (partition == NULL) /* the metadata log itself, which has its own epochs */
        return 0;
    struct metadata_batch batch;
    controller_begin(broker, &batch);
    take_partition(broker, &batch, partition);
    int status = metadata_log_append(broker->metadata_log, &batch);
    metadata_batch_release(&batch);
    return status == 0 ? metadata_log_sync_now(broker->metadata_log) : status;
}

/* The number of the directory in which the partition is recorded, as log_expect() wants it. */
static int recorded_directory(const struct broker *broker, const struct partition *partition)
{
    static const struct kp_uuid directory_migrating = {{0}}; /* also that of a record below metadata.version 17 */
    const struct data_folders *folders = &broker->folders;
    if (kp_uuid_equal(partition->directory, directory_migrating) ||
        kp_uuid_equal(partition->directory, directory_unassigned))
        return LOG_DIRECTORY_ANY;
    for (int32_t i = 0; i < folders->directories_count; i++)
        if (!folders->directories_offline[i] && kp_uuid_equal(partition->directory, folders->items[i].directory_id))
            return i;
    return LOG_DIRECTORY_LOST;
}

/* Partitions are recorded in a folder that is not there, and one was formatted: it may be where a disk is to be. */
static void tell_new_folders(const struct broker *broker)
{
    for (int32_t i = 0; i < broker->folders.directories_count; i++)
        if (broker->folders.items[i].formatted)
            LOG_WARN("A data folder was empty, and another is missing: is a disk not mounted?", "empty=%s",
                     broker->folders.items[i].path);
}

/* Say where the logs are expected, and which are therefore offline. */
static void expect_logs(struct broker *broker)
{
    int64_t count = 0;
    const struct partition *first = NULL;
    for (int32_t i = 0; i < catalog_topics_count(broker->catalog); i++) {
        const struct topic *topic = catalog_topic_at(broker->catalog, i);
        for (int32_t j = 0; j < topic->partitions_count; j++) {
            const struct partition *partition = topic_partition(topic, j);
            log_expect(partition->log, recorded_directory(broker, partition));
            if (!log_is_offline(partition->log))
                continue;
            count++;
            first = first != NULL ? first : partition;
        }
    }
    if (count > 0)
        LOG_WARN("Partitions are offline until their data folder is back", "partitions=%" PRId64 " first=%s-%" PRId32,
                 count, first->topic->name, first->index);
    if (count > 0)
        tell_new_folders(broker);
}

void controller_note_directory(struct broker *broker, struct kp_string name, int32_t index, int32_t directory)
{
    const struct topic *topic = broker->catalog != NULL ? catalog_topic(broker->catalog, name) : NULL;
    const struct partition *partition = topic != NULL ? topic_partition(topic, index) : NULL;
    int16_t version = broker->catalog != NULL ? catalog_partition_record_version(broker->catalog) : 0;
    struct kp_uuid id = broker->folders.items[directory].directory_id;
    if (partition == NULL || version < 1 || broker->stopping || kp_uuid_equal(partition->directory, id))
        return;
    struct metadata_batch batch;
    struct kp_partition_change_record record = change_of(partition);
    record.directories = &id;
    record.directories_count = 1;
    controller_begin(broker, &batch);
    metadata_batch_add(&batch, &kp_partition_change_record_schema, version, &record);
    if (metadata_log_append(broker->metadata_log, &batch) != 0)
        LOG_WARN("Cannot record in which data folder a partition is", "topic=%s partition=%" PRId32, topic->name,
                 index);
    metadata_batch_release(&batch);
}

static bool start_state(struct broker *broker, const struct controller_options *options)
{
    struct metadata_batch batch;
    char error[CATALOG_ERROR_SIZE];
    if (!catalog_check(broker->catalog, error)) {
        LOG_ERROR("The metadata does not fit together", "reason=\"%s\"", error);
        return false;
    }
    controller_begin(broker, &batch);
    bool taken = add_features(broker, &batch, options);
    if (taken) {
        add_registration(broker, &batch, options);
        taken = take_partitions(broker, &batch, !options->clean);
    }
    metadata_batch_release(&batch);
    if (taken) {
        catalog_start(broker->catalog, broker->store);
        expect_logs(broker);
    }
    return taken; /* a failed append has logged its line */
}

bool controller_open(struct broker *broker, const struct controller_options *options)
{
    uint64_t seed;
    broker->env->random(broker->env, &seed, sizeof seed);
    const struct catalog_options catalog_options = {.node_id = broker->node_id,
                                                    .seed = seed,
                                                    .config = broker->config,
                                                    .partition_gone = partition_gone,
                                                    .topic_gone = topic_gone,
                                                    .logs_deleted = logs_deleted,
                                                    .logs_to_delete = logs_to_delete,
                                                    .has_time = has_time,
                                                    .context = broker};
    const struct metadata_log_options log_options = {
        .env = broker->env,
        .store = broker->store,
        .directory = options->directory,
        .node_id = broker->node_id,
        .directory_id = broker->directory_id,
        .sync = !broker->config->ephemeral,
        .snapshot_bytes = broker->config->metadata_log_max_record_bytes_between_snapshots,
        .snapshot_ms = broker->config->metadata_log_max_snapshot_interval_ms,
        .segment_bytes = broker->config->metadata_log_segment_bytes,
        .segment_ms = broker->config->metadata_log_segment_ms,
        .retention_bytes = broker->config->metadata_max_retention_bytes,
        .retention_ms = broker->config->metadata_max_retention_ms,
        .replay = replay,
        .each_record = each_record,
        .context = broker,
    };
    char error[METADATA_LOG_ERROR_SIZE];
    broker->new_directory_id = options->directories_count == 1 ? options->directory_ids[0] : directory_unassigned;
    broker->catalog = catalog_new(&catalog_options);
    if (!metadata_log_open(&broker->metadata_log, &log_options, error)) {
        LOG_ERROR(error, NULL);
        return false;
    }
    return start_state(broker, options);
}

void controller_resign(struct broker *broker)
{
    struct metadata_batch batch;
    if (broker->folders.directories_count == 1)
        return;
    controller_begin(broker, &batch);
    bool left = true;
    for (int32_t i = 0; i < catalog_topics_count(broker->catalog) && left; i++) {
        const struct topic *topic = catalog_topic_at(broker->catalog, i);
        for (int32_t j = 0; j < topic->partitions_count && left; j++) {
            leave_partition(broker, &batch, topic_partition(topic, j));
            left = metadata_batch_count(&batch) < TAKE_BATCH_RECORDS || append_some(broker, &batch);
        }
    }
    (void)(left && append_some(broker, &batch)); /* what fails makes the stop unclean, and has logged its line */
    metadata_batch_release(&batch);
}

void controller_close(struct broker *broker)
{
    metadata_log_close(broker->metadata_log);
    catalog_free(broker->catalog);
    broker->metadata_log = NULL;
    broker->catalog = NULL;
}

int64_t controller_broker_epoch(const struct broker *broker, int32_t broker_id)
{
    struct kp_register_broker_record registration;
    struct arena arena;
    arena_init(&arena, METADATA_DECODE_BYTES_MAX);
    int64_t epoch =
        catalog_registration(broker->catalog, broker_id, &registration, &arena) ? registration.broker_epoch : -1;
    arena_release(&arena);
    return epoch;
}

/* ---- changes -------------------------------------------------------------------------------------------------------- */

void controller_begin(const struct broker *broker, struct metadata_batch *batch)
{
    metadata_batch_init(batch, broker->env->now(broker->env).wall_ms);
}

/* Is there room for what the batch adds? */
static bool has_room(const struct broker *broker, const struct metadata_batch *batch)
{
    const struct catalog *catalog = broker->catalog;
    return (batch->new_partitions == 0 ||
            catalog_partitions_count(catalog) + batch->new_partitions <= PARTITIONS_MAX) &&
           (batch->new_settings_bytes == 0 ||
            catalog_settings_bytes(catalog) + batch->new_settings_bytes <= SETTINGS_BYTES_MAX);
}

enum kafka_error controller_commit(struct broker *broker, struct metadata_batch *batch, struct request *request)
{
    enum kafka_error error = KAFKA_NONE;
    if (!has_room(broker, batch) || batch->builder.size_bytes > METADATA_BATCH_BYTES_MAX - BATCH_HEADER_BYTES)
        error = KAFKA_POLICY_VIOLATION;
    else
        error = kafka_error_of_storage(metadata_log_append(broker->metadata_log, batch));
    if (error == KAFKA_NONE && request && metadata_batch_count(batch) > 0)
        metadata_log_hold(broker->metadata_log, request);
    metadata_batch_release(batch);
    return error;
}

struct kp_uuid controller_add_topic(struct broker *broker, struct metadata_batch *batch, struct kp_string name,
                                    int32_t partitions_count, const struct topic_overrides *overrides)
{
    struct kp_topic_record record = {.name = name};
    env_random_uuid(broker->env, &record.topic_id);
    metadata_batch_add(batch, &kp_topic_record_schema, 0, &record);
    for (int32_t i = 0; overrides && i < overrides->count; i++)
        controller_set_config(batch, RESOURCE_TOPIC, name, kp_string_of(overrides->items[i].name),
                              kp_string_of(overrides->items[i].value));
    controller_add_partitions(broker, batch, record.topic_id, 0, partitions_count);
    return record.topic_id;
}

void controller_add_partitions(struct broker *broker, struct metadata_batch *batch, struct kp_uuid topic_id,
                               int32_t first, int32_t end)
{
    struct topic topic = {.id = topic_id};
    struct partition partition = {.topic = &topic, .leader = broker->node_id, .directory = broker->new_directory_id};
    int16_t version = catalog_partition_record_version(broker->catalog);
    batch->new_partitions += end > first ? end - first : 0;
    for (partition.index = first; partition.index < end; partition.index++) {
        struct kp_partition_record record = catalog_partition_record(broker->catalog, &partition);
        metadata_batch_add(batch, &kp_partition_record_schema, version, &record);
    }
}

void controller_remove_topic(struct metadata_batch *batch, struct kp_uuid topic_id)
{
    struct kp_remove_topic_record record = {.topic_id = topic_id};
    metadata_batch_add(batch, &kp_remove_topic_record_schema, 0, &record);
}

void controller_unregister(struct metadata_batch *batch, int32_t broker_id, int64_t broker_epoch)
{
    struct kp_unregister_broker_record record = {.broker_id = broker_id, .broker_epoch = broker_epoch};
    metadata_batch_add(batch, &kp_unregister_broker_record_schema, 0, &record);
}

void controller_set_config(struct metadata_batch *batch, enum resource_type type, struct kp_string resource,
                           struct kp_string name, struct kp_string value)
{
    struct kp_config_record record = {
        .resource_type = (int8_t)type, .resource_name = resource, .name = name, .value = value};
    if (value.size >= 0)
        batch->new_settings_bytes +=
            config_resource_bytes((size_t)resource.size) + topic_override_bytes((size_t)name.size, (size_t)value.size);
    metadata_batch_add(batch, &kp_config_record_schema, 0, &record);
}

void controller_set_quota(struct metadata_batch *batch, const quota_part *parts, int32_t parts_count,
                          struct kp_string key, const double *value)
{
    struct kp_client_quota_record record = {
        .entity = (quota_part *)(uintptr_t)parts, .entity_count = parts_count, .key = key, .remove = value == NULL};
    if (value != NULL)
        record.value = *value;
    metadata_batch_add(batch, &kp_client_quota_record_schema, 0, &record);
}
