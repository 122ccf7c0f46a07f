/* The catalog, one section for each kind of record. See catalog.h for the rules.
 *
 * Topics are in an array sorted by name, which answers lookups by name (14 comparisons among 10,000), lists and pages;
 * and in a hash map by id. A partition is one allocation that never moves, because requests wait on it. */
#include "catalog.h"

#include "config.h"
#include "topic_name.h"

#include <stdarg.h>
#include <string.h>

struct feature_level {
    char *name;
    int16_t level; /* never 0: such a feature is not there */
};

struct catalog {
    struct catalog_options options;
    struct log_store *store; /* NULL while the log is read at start */
    struct topic **topics;   /* by rising name */
    int32_t topics_count, topics_capacity;
    int32_t partitions_count; /* of all topics, also of `deleted` */
    struct hash_map by_id;
    struct hash_map lookalikes; /* topics whose names could be mistaken for each other share a hash */
    struct resource_configs configs;
    struct log_config default_log_config; /* of topics without settings of their own */
    bool knows_default_log_config;
    struct feature_level *features; /* by rising name */
    int32_t features_count;
    int64_t next_producer_id;
    uint32_t client_metrics_version;
    struct client_quotas quotas;
    struct kept_records kept;
    struct list deleted;           /* topic.deleted: removed, but not all of their logs */
    struct hash_map deleted_names; /* the same, through topic.lookalikes */
};

struct catalog *catalog_new(const struct catalog_options *options)
{
    struct catalog *catalog = xcalloc(1, sizeof *catalog);
    catalog->options = *options;
    hash_map_init(&catalog->by_id, options->seed);
    hash_map_init(&catalog->lookalikes, options->seed);
    hash_map_init(&catalog->deleted_names, options->seed);
    resource_configs_init(&catalog->configs, options->seed);
    client_quotas_init(&catalog->quotas, options->seed);
    kept_records_init(&catalog->kept, options->seed);
    list_init(&catalog->deleted);
    return catalog;
}

static void topic_free(struct catalog *catalog, struct topic *topic)
{
    catalog->partitions_count -= topic->partitions_count;
    for (int32_t i = 0; i < topic->partitions_count; i++)
        free(topic->partitions[i]);
    free(topic->partitions);
    free(topic->name);
    free(topic);
}

void catalog_free(struct catalog *catalog)
{
    if (!catalog)
        return;
    for (int32_t i = 0; i < catalog->topics_count; i++)
        topic_free(catalog, catalog->topics[i]);
    list_for_each (&catalog->deleted, node)
        topic_free(catalog, CONTAINER_OF(node, struct topic, deleted));
    free(catalog->topics);
    for (int32_t i = 0; i < catalog->features_count; i++)
        free(catalog->features[i].name);
    free(catalog->features);
    hash_map_release(&catalog->by_id);
    hash_map_release(&catalog->lookalikes);
    hash_map_release(&catalog->deleted_names);
    resource_configs_release(&catalog->configs);
    client_quotas_release(&catalog->quotas);
    kept_records_release(&catalog->kept);
    free(catalog);
}

static bool PRINTF_LIKE(2, 3) fail(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, CATALOG_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- lookups -------------------------------------------------------------------------------------------------------- */

static int32_t position_of(const struct catalog *catalog, struct kp_string name, bool *found)
{
    int32_t low = 0, high = catalog->topics_count;
    *found = false;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = topic_names_compare(name, kp_string_of(catalog->topics[middle]->name));
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

int32_t catalog_position(const struct catalog *catalog, struct kp_string name)
{
    bool found;
    return position_of(catalog, name, &found);
}

int32_t catalog_position_after(const struct catalog *catalog, struct kp_string name)
{
    bool found;
    return position_of(catalog, name, &found) + found;
}

struct topic *catalog_topic(const struct catalog *catalog, struct kp_string name)
{
    bool found;
    int32_t position = position_of(catalog, name, &found);
    return found ? catalog->topics[position] : NULL;
}

/* Ids are random: any eight bytes are a hash. */
static uint64_t hash_of_id(struct kp_uuid id)
{
    uint64_t hash;
    memcpy(&hash, id.bytes + 8, sizeof hash);
    return hash;
}

struct topic *catalog_topic_by_id(const struct catalog *catalog, struct kp_uuid id)
{
    struct hash_node *node = hash_map_first(&catalog->by_id, hash_of_id(id));
    for (; node; node = hash_node_next(node)) {
        struct topic *topic = CONTAINER_OF(node, struct topic, node);
        if (kp_uuid_equal(topic->id, id))
            return topic;
    }
    return NULL;
}

struct partition *topic_partition(const struct topic *topic, int32_t index)
{
    return topic && index >= 0 && index < topic->partitions_count ? topic->partitions[index] : NULL;
}

int32_t catalog_topics_count(const struct catalog *catalog)
{
    return catalog->topics_count;
}

struct topic *catalog_topic_at(const struct catalog *catalog, int32_t position)
{
    return catalog->topics[position];
}

/* The hash of a name and of all that collide with it. */
static uint64_t hash_of_lookalikes(const struct catalog *catalog, struct kp_string name)
{
    char same[TOPIC_NAME_MAX];
    size_t size = name.size < TOPIC_NAME_MAX ? (size_t)name.size : TOPIC_NAME_MAX;
    for (size_t i = 0; i < size; i++)
        same[i] = name.data[i] == '.' ? '_' : name.data[i];
    return hash_bytes(&catalog->lookalikes, same, size);
}

const struct topic *catalog_colliding_topic(const struct catalog *catalog, struct kp_string name)
{
    struct hash_node *node = hash_map_first(&catalog->lookalikes, hash_of_lookalikes(catalog, name));
    for (; node; node = hash_node_next(node)) {
        const struct topic *topic = CONTAINER_OF(node, struct topic, lookalikes);
        if (topic_names_collide(name, kp_string_of(topic->name)))
            return topic;
    }
    return NULL;
}

int32_t catalog_partitions_count(const struct catalog *catalog)
{
    return catalog->partitions_count;
}

size_t catalog_settings_bytes(const struct catalog *catalog)
{
    return catalog->configs.bytes;
}

const struct topic_overrides *catalog_configs(const struct catalog *catalog, enum resource_type type,
                                              struct kp_string name)
{
    return resource_configs_find(&catalog->configs, (int8_t)type, name);
}

const struct config_resource *catalog_config_resource_next(const struct catalog *catalog,
                                                           const struct config_resource *resource)
{
    return resource_configs_next(&catalog->configs, resource);
}

uint32_t catalog_client_metrics_version(const struct catalog *catalog)
{
    return catalog->client_metrics_version;
}

int16_t catalog_feature_level(const struct catalog *catalog, const char *name)
{
    for (int32_t i = 0; i < catalog->features_count; i++) {
        if (strcmp(catalog->features[i].name, name) == 0)
            return catalog->features[i].level;
    }
    return 0;
}

const struct client_quotas *catalog_client_quotas(const struct catalog *catalog)
{
    return &catalog->quotas;
}

int64_t catalog_next_producer_id(const struct catalog *catalog)
{
    return catalog->next_producer_id;
}

bool catalog_registration(const struct catalog *catalog, int32_t broker_id,
                          struct kp_register_broker_record *registration, struct arena *arena)
{
    return kept_records_registration(&catalog->kept, broker_id, registration, arena);
}

int16_t catalog_partition_record_version(const struct catalog *catalog)
{
    if (catalog_feature_level(catalog, "eligible.leader.replicas.version") > 0)
        return 2;
    return catalog_feature_level(catalog, "metadata.version") >= METADATA_VERSION_DIRECTORIES;
}

/* ---- settings ------------------------------------------------------------------------------------------------------- */

/* Most topics have no settings of their own, and reading all the texts for each would be most of a start with many. */
static const struct log_config *default_log_config(struct catalog *catalog)
{
    if (!catalog->knows_default_log_config)
        topic_config_effective(catalog->options.config, NULL, &catalog->default_log_config);
    catalog->knows_default_log_config = true;
    return &catalog->default_log_config;
}

static void refresh_topic(struct catalog *catalog, struct topic *topic)
{
    const struct topic_overrides *overrides = catalog_configs(catalog, RESOURCE_TOPIC, kp_string_of(topic->name));
    if (overrides == NULL)
        topic->log_config = *default_log_config(catalog);
    else
        topic_config_effective(catalog->options.config, overrides, &topic->log_config);
}

static void refresh_topics(struct catalog *catalog)
{
    catalog->knows_default_log_config = false;
    for (int32_t i = 0; i < catalog->topics_count; i++)
        refresh_topic(catalog, catalog->topics[i]);
}

/* A dynamic value of this broker or of all. Kafka checks them before they are written, so one that does not parse comes
 * from another release: it stays in the catalog, without effect. */
static void apply_broker_config(struct catalog *catalog, const struct kp_config_record *record, const char *value)
{
    char node_id[16], error[CONFIG_ERROR_SIZE];
    snprintf(node_id, sizeof node_id, "%d", catalog->options.node_id);
    enum config_source layer = record->resource_name.size == 0 ? CONFIG_DYNAMIC_DEFAULT_BROKER : CONFIG_DYNAMIC_BROKER;
    if (layer == CONFIG_DYNAMIC_BROKER && !kp_string_is(record->resource_name, node_id))
        return;
    if (config_set_dynamic(catalog->options.config, layer, record->name, value, error) && catalog->store)
        refresh_topics(catalog);
}

static bool replay_config(struct catalog *catalog, const struct kp_config_record *record, struct arena *arena,
                          char *error)
{
    bool removed = record->value.size < 0;
    char *name = arena_copy(arena, record->name.data, (size_t)record->name.size);
    char *value = removed ? NULL : arena_copy(arena, record->value.data, (size_t)record->value.size);
    if (!name || (!removed && !value))
        return fail(error, "a value of %.*s is too long", (int)record->resource_name.size, record->resource_name.data);
    resource_configs_set(&catalog->configs, record->resource_type, record->resource_name, name, value);
    if (record->resource_type == RESOURCE_CLIENT_METRICS)
        catalog->client_metrics_version++;
    if (record->resource_type == RESOURCE_BROKER)
        apply_broker_config(catalog, record, value);
    struct topic *topic =
        record->resource_type == RESOURCE_TOPIC ? catalog_topic(catalog, record->resource_name) : NULL;
    if (topic && catalog->store)
        refresh_topic(catalog, topic);
    return true;
}

/* ---- topics and partitions ------------------------------------------------------------------------------------------ */

/* Delete logs of a topic that was removed, one at least; all of them or while there is time. True when none is left,
 * and the topic is freed. */
static bool delete_logs(struct catalog *catalog, struct topic *topic, bool all)
{
    while (topic->partitions_count > 0) {
        if (!all && !catalog->options.has_time(catalog->options.context))
            return false;
        struct partition *partition = topic->partitions[--topic->partitions_count];
        catalog->partitions_count--;
        log_delete(partition->log, topic->deleted_ms);
        free(partition);
    }
    list_remove(&topic->deleted);
    hash_map_remove(&catalog->deleted_names, &topic->lookalikes);
    topic_free(catalog, topic);
    return true;
}

bool catalog_delete_logs(struct catalog *catalog)
{
    while (!list_empty(&catalog->deleted)) {
        if (!delete_logs(catalog, CONTAINER_OF(catalog->deleted.next, struct topic, deleted), false))
            return false;
        catalog->options.logs_deleted(catalog->options.context);
    }
    return true;
}

void catalog_delete_last_logs(struct catalog *catalog)
{
    while (!list_empty(&catalog->deleted))
        (void)delete_logs(catalog, CONTAINER_OF(catalog->deleted.next, struct topic, deleted), true);
}

/* A new topic of the name of one that was removed: nothing may be left to be mistaken for its own. */
static void make_way(struct catalog *catalog, struct kp_string name)
{
    struct hash_node *node = hash_map_first(&catalog->deleted_names, hash_of_lookalikes(catalog, name)), *next;
    for (; node; node = next) {
        struct topic *topic = CONTAINER_OF(node, struct topic, lookalikes);
        next = hash_node_next(node);
        if (!kp_string_is(name, topic->name))
            continue;
        (void)delete_logs(catalog, topic, true);
        catalog->options.logs_deleted(catalog->options.context);
    }
}

static bool replay_topic(struct catalog *catalog, const struct kp_topic_record *record, char *error)
{
    bool found;
    int32_t position = position_of(catalog, record->name, &found);
    if (found || catalog_topic_by_id(catalog, record->topic_id))
        return fail(error, "a second topic has the name or the id of topic %.*s", (int)record->name.size,
                    record->name.data);
    if (catalog->topics_count == catalog->topics_capacity) {
        catalog->topics_capacity = catalog->topics_capacity > 0 ? 2 * catalog->topics_capacity : 16;
        catalog->topics = xrealloc(catalog->topics, (size_t)catalog->topics_capacity * sizeof(struct topic *));
    }
    make_way(catalog, record->name);
    struct topic *topic = xcalloc(1, sizeof *topic);
    list_init(&topic->deleted);
    topic->name = xmalloc((size_t)record->name.size + 1);
    memcpy(topic->name, record->name.data, (size_t)record->name.size);
    topic->name[record->name.size] = '\0';
    topic->id = record->topic_id;
    topic->internal = topic_name_is_internal(record->name);
    struct topic **at = &catalog->topics[position];
    memmove(at + 1, at, (size_t)(catalog->topics_count - position) * sizeof(struct topic *));
    *at = topic;
    catalog->topics_count++;
    hash_map_insert(&catalog->by_id, &topic->node, hash_of_id(topic->id));
    hash_map_insert(&catalog->lookalikes, &topic->lookalikes, hash_of_lookalikes(catalog, record->name));
    if (catalog->store)
        refresh_topic(catalog, topic);
    return true;
}

/* While the log is read partitions may come in any order, though hardly any log has them so: then a place in the array
 * is only a guess. */
static struct partition *find_partition(const struct topic *topic, int32_t index)
{
    if (index < 0)
        return NULL;
    if (index < topic->partitions_count && topic->partitions[index]->index == index)
        return topic->partitions[index];
    if (!topic->disordered)
        return NULL;
    for (int32_t i = 0; i < topic->partitions_count; i++) {
        if (topic->partitions[i]->index == index)
            return topic->partitions[i];
    }
    return NULL;
}

static bool only_here(const struct catalog *catalog, const int32_t *replicas, int32_t count)
{
    return count == 1 && replicas[0] == catalog->options.node_id;
}

static bool refuse_replicas(const struct catalog *catalog, const struct topic *topic, int32_t index, char *error)
{
    return fail(error, "partition %s-%d is not on node %d alone: a folder of a larger cluster cannot be opened",
                topic->name, index, catalog->options.node_id);
}

/* `directories` is absent below metadata.version 17. */
static void set_directory(struct partition *partition, const struct kp_uuid *directories, int32_t count)
{
    if (count == 1)
        partition->directory = directories[0];
}

static bool replay_partition(struct catalog *catalog, const struct kp_partition_record *record, char *error)
{
    struct topic *topic = catalog_topic_by_id(catalog, record->topic_id);
    if (!topic || record->partition_id < 0)
        return fail(error, "there is a partition %d of an unknown topic", record->partition_id);
    if (!only_here(catalog, record->replicas, record->replicas_count))
        return refuse_replicas(catalog, topic, record->partition_id, error);
    struct partition *partition = find_partition(topic, record->partition_id);
    if (!partition) {
        if (topic->partitions_count == topic->partitions_capacity) {
            topic->partitions_capacity = topic->partitions_capacity > 0 ? 2 * topic->partitions_capacity : 1;
            topic->partitions =
                xrealloc(topic->partitions, (size_t)topic->partitions_capacity * sizeof(struct partition *));
        }
        partition = xcalloc(1, sizeof *partition);
        partition->topic = topic;
        partition->index = record->partition_id;
        list_init(&partition->waiters);
        list_init(&partition->woken);
        topic->disordered |= partition->index != topic->partitions_count;
        topic->partitions[topic->partitions_count++] = partition;
        catalog->partitions_count++;
    }
    partition->leader = record->leader;
    partition->leader_epoch = record->leader_epoch;
    partition->partition_epoch = record->partition_epoch;
    set_directory(partition, record->directories, record->directories_count);
    if (catalog->store && !partition->log) {
        ASSERT(partition->index == topic->partitions_count - 1);
        partition->log = log_new(catalog->store, topic->name, partition->index, topic->id, &topic->log_config);
    }
    return true;
}

static bool replay_partition_change(struct catalog *catalog, const struct kp_partition_change_record *record,
                                    char *error)
{
    const struct topic *topic = catalog_topic_by_id(catalog, record->topic_id);
    struct partition *partition = topic ? find_partition(topic, record->partition_id) : NULL;
    if (!partition)
        return fail(error, "there is a change of partition %d of a topic that does not have it", record->partition_id);
    if (record->replicas_count >= 0 && !only_here(catalog, record->replicas, record->replicas_count))
        return refuse_replicas(catalog, topic, record->partition_id, error);
    if (record->leader != kp_partition_change_record_default.leader) {
        partition->leader = record->leader;
        partition->leader_epoch++; /* also when the leader is the same */
    }
    set_directory(partition, record->directories, record->directories_count);
    partition->partition_epoch++;
    return true;
}

static bool replay_remove_topic(struct catalog *catalog, const struct kp_remove_topic_record *record, int64_t now_ms,
                                char *error)
{
    struct topic *topic = catalog_topic_by_id(catalog, record->topic_id);
    if (!topic)
        return fail(error, "a topic is removed that is not there");
    for (int32_t i = 0; i < topic->partitions_count && catalog->store; i++)
        catalog->options.partition_gone(catalog->options.context, topic->partitions[i]);
    struct kp_string name = kp_string_of(topic->name);
    resource_configs_remove(&catalog->configs, RESOURCE_TOPIC, name);
    hash_map_remove(&catalog->by_id, &topic->node);
    hash_map_remove(&catalog->lookalikes, &topic->lookalikes);
    struct topic **at = &catalog->topics[catalog_position(catalog, name)];
    catalog->topics_count--;
    memmove(at, at + 1, (size_t)(catalog->topics_count - (at - catalog->topics)) * sizeof(struct topic *));
    if (!catalog->store) {
        topic_free(catalog, topic);
        return true;
    }
    catalog->options.topic_gone(catalog->options.context, topic);
    topic->deleted_ms = now_ms;
    list_append(&catalog->deleted, &topic->deleted);
    hash_map_insert(&catalog->deleted_names, &topic->lookalikes, topic->lookalikes.hash);
    catalog->options.logs_to_delete(catalog->options.context);
    return true;
}

/* ---- features and producer ids -------------------------------------------------------------------------------------- */

static bool replay_feature_level(struct catalog *catalog, const struct kp_feature_level_record *record, char *error)
{
    if (kp_string_is(record->name, "metadata.version") &&
        (record->feature_level < METADATA_VERSION_OLDEST || record->feature_level > METADATA_VERSION_LATEST))
        return fail(error, "metadata.version is %d, and only %d to %d can be opened", record->feature_level,
                    METADATA_VERSION_OLDEST, METADATA_VERSION_LATEST);
    int32_t position = 0;
    while (position < catalog->features_count &&
           topic_names_compare(record->name, kp_string_of(catalog->features[position].name)) > 0)
        position++;
    struct feature_level *at = catalog->features_count > 0 ? &catalog->features[position] : NULL;
    bool found = position < catalog->features_count && kp_string_is(record->name, at->name);
    size_t behind = (size_t)(catalog->features_count - position);
    if (found && record->feature_level == 0) {
        free(at->name);
        memmove(at, at + 1, (behind - 1) * sizeof *at);
        catalog->features_count--;
    } else if (found) {
        at->level = record->feature_level;
    } else if (record->feature_level != 0) {
        size_t count = (size_t)catalog->features_count + 1;
        catalog->features = xrealloc(catalog->features, count * sizeof *catalog->features);
        at = &catalog->features[position];
        memmove(at + 1, at, behind * sizeof *at);
        *at = (struct feature_level){.name = xcalloc((size_t)record->name.size + 1, 1), .level = record->feature_level};
        memcpy(at->name, record->name.data, (size_t)record->name.size);
        catalog->features_count++;
    }
    return true;
}

static bool replay_producer_ids(struct catalog *catalog, const struct kp_producer_ids_record *record, char *error)
{
    if (record->next_producer_id < catalog->next_producer_id)
        return fail(error, "producer ids are given out a second time");
    catalog->next_producer_id = record->next_producer_id;
    return true;
}

/* ---- replay --------------------------------------------------------------------------------------------------------- */

union any_message {
    struct kp_topic_record topic;
    struct kp_partition_record partition;
    struct kp_partition_change_record partition_change;
    struct kp_remove_topic_record remove_topic;
    struct kp_config_record config;
    struct kp_feature_level_record feature_level;
    struct kp_producer_ids_record producer_ids;
    struct kp_client_quota_record client_quota;
};

static bool replay_known(struct catalog *catalog, const struct metadata_record *record, int64_t now_ms,
                         struct arena *arena, char *error)
{
    union any_message m;
    ASSERT(record->schema->size <= sizeof m);
    if (!metadata_record_decode(record, &m, arena))
        return fail(error, "a record of type %d, version %d, cannot be read", record->type, record->version);
    switch (record->type) {
    case KP_TYPE_TOPIC_RECORD:
        return replay_topic(catalog, &m.topic, error);
    case KP_TYPE_PARTITION_RECORD:
        return replay_partition(catalog, &m.partition, error);
    case KP_TYPE_PARTITION_CHANGE_RECORD:
        return replay_partition_change(catalog, &m.partition_change, error);
    case KP_TYPE_REMOVE_TOPIC_RECORD:
        return replay_remove_topic(catalog, &m.remove_topic, now_ms, error);
    case KP_TYPE_CONFIG_RECORD:
        return replay_config(catalog, &m.config, arena, error);
    case KP_TYPE_FEATURE_LEVEL_RECORD:
        return replay_feature_level(catalog, &m.feature_level, error);
    case KP_TYPE_PRODUCER_IDS_RECORD:
        return replay_producer_ids(catalog, &m.producer_ids, error);
    case KP_TYPE_CLIENT_QUOTA_RECORD:
        client_quotas_replay(&catalog->quotas, &m.client_quota);
        return true;
    }
    ASSERT(!"a type that the catalog acts on");
    return false;
}

static bool acts_on(int16_t type)
{
    return type == KP_TYPE_TOPIC_RECORD || type == KP_TYPE_PARTITION_RECORD ||
           type == KP_TYPE_PARTITION_CHANGE_RECORD || type == KP_TYPE_REMOVE_TOPIC_RECORD ||
           type == KP_TYPE_CONFIG_RECORD || type == KP_TYPE_FEATURE_LEVEL_RECORD ||
           type == KP_TYPE_PRODUCER_IDS_RECORD || type == KP_TYPE_CLIENT_QUOTA_RECORD;
}

bool catalog_replay(struct catalog *catalog, const struct metadata_record *record, int64_t now_ms, char *error)
{
    if (!acts_on(record->type))
        return kept_records_replay(&catalog->kept, record) ||
               fail(error, "a record of type %d, version %d, cannot be read", record->type, record->version);
    struct arena arena;
    arena_init(&arena, METADATA_DECODE_BYTES_MAX);
    bool replayed = replay_known(catalog, record, now_ms, &arena, error);
    arena_release(&arena);
    return replayed;
}

static int compare_partitions(const void *a, const void *b)
{
    const struct partition *const *left = a, *const *right = b;
    return ((*left)->index > (*right)->index) - ((*left)->index < (*right)->index);
}

bool catalog_check(struct catalog *catalog, char *error)
{
    for (int32_t i = 0; i < catalog->topics_count; i++) {
        struct topic *topic = catalog->topics[i];
        if (topic->partitions_count > 0)
            qsort(topic->partitions, (size_t)topic->partitions_count, sizeof *topic->partitions, compare_partitions);
        for (int32_t j = 0; j < topic->partitions_count; j++) {
            if (topic->partitions[j]->index != j)
                return fail(error, "topic %s has no partition %d but one above it", topic->name, j);
        }
        topic->disordered = false;
    }
    return true;
}

void catalog_start(struct catalog *catalog, struct log_store *store)
{
    catalog->store = store;
    refresh_topics(catalog);
    for (int32_t i = 0; i < catalog->topics_count; i++) {
        struct topic *topic = catalog->topics[i];
        for (int32_t j = 0; j < topic->partitions_count; j++)
            topic->partitions[j]->log = log_new(store, topic->name, j, topic->id, &topic->log_config);
    }
}

/* ---- the catalog as records ----------------------------------------------------------------------------------------- */

struct emission {
    struct arena arena;
    void (*each)(void *context, struct kp_bytes value);
    void *context;
};

static void emit(struct emission *emission, const struct kp_schema *schema, int16_t version, const void *message)
{
    struct kp_bytes value = metadata_record_encode(schema, version, message, &emission->arena);
    ASSERT(value.size >= 0); /* it came out of a record of the same kind */
    emission->each(emission->context, value);
    arena_reset(&emission->arena);
}

static void emit_topic(const struct catalog *catalog, struct emission *emission, const struct topic *topic)
{
    struct kp_topic_record record = {.name = kp_string_of(topic->name), .topic_id = topic->id};
    emit(emission, &kp_topic_record_schema, 0, &record);
    for (int32_t i = 0; i < topic->partitions_count; i++) {
        struct kp_partition_record partition = catalog_partition_record(catalog, topic->partitions[i]);
        emit(emission, &kp_partition_record_schema, catalog_partition_record_version(catalog), &partition);
    }
}

static void emit_configs(struct emission *emission, const struct config_resource *resource)
{
    for (int32_t i = 0; i < resource->overrides.count; i++) {
        struct kp_config_record record = {.resource_type = resource->type,
                                          .resource_name = kp_string_of(resource->name),
                                          .name = kp_string_of(resource->overrides.items[i].name),
                                          .value = kp_string_of(resource->overrides.items[i].value)};
        emit(emission, &kp_config_record_schema, 0, &record);
    }
}

static void emit_quotas(struct emission *emission, const struct client_quota_entity *entity)
{
    for (int32_t i = 0; i < entity->values_count; i++) {
        struct kp_client_quota_record record = {.entity = entity->parts,
                                                .entity_count = entity->parts_count,
                                                .key = kp_string_of(entity->values[i].key),
                                                .value = entity->values[i].value};
        emit(emission, &kp_client_quota_record_schema, 0, &record);
    }
}

struct kp_partition_record catalog_partition_record(const struct catalog *catalog, struct partition *partition)
{
    struct kp_partition_record record = kp_partition_record_default;
    record.partition_id = partition->index;
    record.topic_id = partition->topic->id;
    record.replicas = record.isr = (int32_t *)(uintptr_t)&catalog->options.node_id;
    record.replicas_count = record.isr_count = 1;
    record.leader = partition->leader;
    record.leader_epoch = partition->leader_epoch;
    record.partition_epoch = partition->partition_epoch;
    if (catalog_partition_record_version(catalog) > 0) {
        record.directories = &partition->directory;
        record.directories_count = 1;
    }
    return record;
}

void catalog_each_record(const struct catalog *catalog, void (*each)(void *context, struct kp_bytes value),
                         void *context)
{
    struct emission emission = {.each = each, .context = context};
    arena_init(&emission.arena, METADATA_DECODE_BYTES_MAX);
    for (int32_t i = 0; i < catalog->features_count; i++) {
        struct kp_feature_level_record record = {.name = kp_string_of(catalog->features[i].name),
                                                 .feature_level = catalog->features[i].level};
        emit(&emission, &kp_feature_level_record_schema, 0, &record);
    }
    kept_records_each(&catalog->kept, each, context);
    for (int32_t i = 0; i < catalog->topics_count; i++)
        emit_topic(catalog, &emission, catalog->topics[i]);
    const struct client_quota_entity *entity = NULL;
    while ((entity = client_quotas_next(&catalog->quotas, entity)))
        emit_quotas(&emission, entity);
    const struct config_resource *resource = NULL;
    while ((resource = resource_configs_next(&catalog->configs, resource)))
        emit_configs(&emission, resource);
    if (catalog->next_producer_id > 0) {
        struct kp_producer_ids_record record = kp_producer_ids_record_default;
        record.broker_id = catalog->options.node_id;
        record.next_producer_id = catalog->next_producer_id;
        emit(&emission, &kp_producer_ids_record_schema, 0, &record);
    }
    arena_release(&emission.arena);
}
