/* DescribeConfigs and IncrementalAlterConfigs.
 *
 * Resources are topics and this broker (or, under the empty name, all brokers). Groups, client metrics and loggers are
 * not served yet: they are described as they stand, and cannot be changed.
 *
 * A change of a resource is all or nothing: its operations are tried on a copy of what is set, and what differs then
 * becomes records. All resources of a request that pass are one batch. */
#include "api.h"
#include "controller.h"
#include "dynamic_config.h"
#include "topic_name.h"

/* config_source numbers of the protocol beside those in config.h. */
#define SOURCE_DYNAMIC_LOGGER         6
#define SOURCE_DYNAMIC_CLIENT_METRICS 7
#define SOURCE_DYNAMIC_GROUP          8

/* Does a resource name of digits stand for this broker? */
static struct outcome check_broker(struct request *request, struct kp_string name)
{
    int64_t id = 0;
    for (int32_t i = 0; i < name.size; i++) {
        if (name.data[i] < '0' || name.data[i] > '9' || i > 9)
            return refused(KAFKA_INVALID_REQUEST, "The id of a broker must be a number.");
        id = id * 10 + (name.data[i] - '0');
    }
    if (id != request->broker->node_id)
        return refused(KAFKA_INVALID_REQUEST, arena_printf(&request->arena, "This is broker %d, not %.*s.",
                                                           request->broker->node_id, (int)name.size, name.data));
    return ACCEPTED;
}

/* ---- DescribeConfigs ------------------------------------------------------------------------------------------------ */

struct description {
    struct request *request;
    const struct kp_describe_configs_request *body;
    const struct kp_describe_configs_request_resources *resource; /* the one at hand */
    struct kp_describe_configs_response_results *result;
    bool out_of_memory;
};

/* Is a setting among those asked for? No list, or an empty one, means all. For resources with few settings. */
static bool is_asked(const struct description *description, const char *name)
{
    const struct kp_describe_configs_request_resources *resource = description->resource;
    for (int32_t i = 0; i < resource->configuration_keys_count; i++) {
        if (kp_string_is(resource->configuration_keys[i], name))
            return true;
    }
    return resource->configuration_keys_count <= 0;
}

/* Which rows of a table are asked for, found by `find`: one look at each key, however many a client sends. NULL: no
 * memory. */
static bool *asked_rows(struct description *description, int rows, int (*find)(struct kp_string name))
{
    const struct kp_describe_configs_request_resources *resource = description->resource;
    bool *asked = arena_calloc(&description->request->arena, (size_t)rows, sizeof *asked);
    for (int i = 0; asked && i < rows && resource->configuration_keys_count <= 0; i++)
        asked[i] = true;
    for (int32_t i = 0; asked && i < resource->configuration_keys_count; i++) {
        int row = find(resource->configuration_keys[i]);
        if (row >= 0)
            asked[row] = true;
    }
    description->out_of_memory = description->out_of_memory || !asked;
    return asked;
}

/* Room for as many settings as a resource can have. */
static void make_room(struct description *description, int settings)
{
    struct kp_describe_configs_response_results *result = description->result;
    result->configs = arena_calloc(&description->request->arena, (size_t)settings, sizeof *result->configs);
    description->out_of_memory = description->out_of_memory || !result->configs;
}

static void answer_entry(struct description *description, const struct config_entry *entry, int8_t source)
{
    struct kp_describe_configs_response_results *result = description->result;
    struct kp_describe_configs_response_results_configs *to = &result->configs[result->configs_count++];
    *to = kp_describe_configs_response_results_configs_default;
    to->name = kp_string_of(entry->name);
    to->value = kp_string_of(entry->value);
    to->read_only = entry->read_only;
    to->config_source = source;
    to->is_sensitive = entry->sensitive;
    to->config_type = (int8_t)entry->type;
    to->documentation = description->body->include_documentation ? kp_string_of(entry->documentation) : KP_NULL_STRING;
    if (!description->body->include_synonyms || entry->synonyms_count == 0)
        return;
    to->synonyms = arena_calloc(&description->request->arena, (size_t)entry->synonyms_count, sizeof *to->synonyms);
    if (!to->synonyms) {
        description->out_of_memory = true;
        return;
    }
    to->synonyms_count = entry->synonyms_count;
    for (int32_t i = 0; i < entry->synonyms_count; i++) {
        to->synonyms[i] = (struct kp_describe_configs_response_results_configs_synonyms){
            .name = kp_string_of(entry->synonyms[i].name),
            .value = kp_string_of(entry->synonyms[i].value),
            .source = (int8_t)entry->synonyms[i].source,
        };
    }
}

static struct outcome describe_topic(struct description *description)
{
    const struct broker *broker = description->request->broker;
    struct kp_string name = description->resource->resource_name;
    const char *sentence = topic_name_check(name);
    if (sentence)
        return refused(KAFKA_INVALID_TOPIC_EXCEPTION, sentence);
    if (!catalog_topic(broker->catalog, name))
        return refused(KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "");
    const struct topic_overrides *overrides = catalog_configs(broker->catalog, RESOURCE_TOPIC, name);
    const bool *asked = asked_rows(description, topic_config_definitions_count, topic_config_find);
    make_room(description, topic_config_definitions_count);
    for (int i = 0; i < topic_config_definitions_count && !description->out_of_memory; i++) {
        const struct topic_config_definition *definition = &topic_config_definitions[i];
        struct config_entry entry;
        bool shown = !definition->internal || topic_overrides_get(overrides, definition->name);
        if (!shown || !asked[i])
            continue;
        if (topic_config_describe(broker->config, overrides, i, &description->request->arena, &entry))
            answer_entry(description, &entry, (int8_t)entry.source);
        else
            description->out_of_memory = true;
    }
    return ACCEPTED;
}

/* This broker, or under the empty name what is set for all brokers. */
static struct outcome describe_broker(struct description *description)
{
    struct request *request = description->request;
    bool all_brokers = description->resource->resource_name.size == 0;
    struct outcome outcome = all_brokers ? ACCEPTED : check_broker(request, description->resource->resource_name);
    if (outcome.error != KAFKA_NONE)
        return outcome;
    const bool *asked = asked_rows(description, config_definitions_count, config_find);
    make_room(description, config_definitions_count);
    for (int i = 0; i < config_definitions_count && !description->out_of_memory; i++) {
        struct config_entry entry;
        bool set = true;
        if (config_definitions[i].internal || !asked[i])
            continue;
        bool described = all_brokers
                             ? config_describe_default(request->broker->config, i, &request->arena, &entry, &set)
                             : config_describe(request->broker->config, i, &request->arena, &entry);
        if (!described)
            description->out_of_memory = true;
        else if (set)
            answer_entry(description, &entry, (int8_t)entry.source);
    }
    return ACCEPTED;
}

/* What clients may be told to measure: the defaults, as long as it cannot be changed. */
static const struct config_entry CLIENT_METRICS[] = {
    {.name = "interval.ms",
     .value = "300000",
     .type = CONFIG_INT,
     .documentation = "How often clients push what they measure."                                                        },
    {.name = "match",       .value = "", .type = CONFIG_LIST, .documentation = "Which clients are asked."                },
    {.name = "metrics",     .value = "", .type = CONFIG_LIST, .documentation = "Prefixes of the names of what they push."},
};

static struct outcome describe_client_metrics(struct description *description)
{
    if (description->resource->resource_name.size == 0)
        return refused(KAFKA_INVALID_REQUEST, "A subscription must have a name.");
    const struct topic_overrides *overrides = catalog_configs(
        description->request->broker->catalog, RESOURCE_CLIENT_METRICS, description->resource->resource_name);
    make_room(description, COUNT_OF(CLIENT_METRICS));
    for (size_t i = 0; i < COUNT_OF(CLIENT_METRICS) && !description->out_of_memory; i++) {
        struct config_entry entry = CLIENT_METRICS[i];
        const char *value = topic_overrides_get(overrides, entry.name);
        if (value)
            entry.value = value;
        if (is_asked(description, entry.name))
            answer_entry(description, &entry, value ? SOURCE_DYNAMIC_CLIENT_METRICS : CONFIG_DEFAULT);
    }
    return ACCEPTED;
}

/* What is set for a group: its defaults come with the groups. */
static struct outcome describe_group(struct description *description)
{
    if (description->resource->resource_name.size == 0)
        return refused(KAFKA_INVALID_REQUEST, "A group must have a name.");
    const struct topic_overrides *overrides =
        catalog_configs(description->request->broker->catalog, RESOURCE_GROUP, description->resource->resource_name);
    make_room(description, overrides ? overrides->count : 0);
    for (int32_t i = 0; overrides && i < overrides->count && !description->out_of_memory; i++) {
        const struct topic_override *item = &overrides->items[i];
        struct config_entry entry = {.name = item->name, .value = item->value, .type = CONFIG_STRING};
        if (is_asked(description, item->name))
            answer_entry(description, &entry, SOURCE_DYNAMIC_GROUP);
    }
    return ACCEPTED;
}

/* There is one logger, and its level is fixed. */
static struct outcome describe_logger(struct description *description)
{
    if (description->resource->resource_name.size == 0)
        return refused(KAFKA_INVALID_REQUEST, "The id of a broker must be given.");
    struct outcome outcome = check_broker(description->request, description->resource->resource_name);
    if (outcome.error != KAFKA_NONE)
        return outcome;
    struct config_entry root = {.name = "root", .value = "INFO", .read_only = true};
    make_room(description, 1);
    if (!description->out_of_memory && is_asked(description, root.name)) {
        answer_entry(description, &root, SOURCE_DYNAMIC_LOGGER);
        description->result->configs[0].documentation = KP_EMPTY_STRING; /* never null, as Kafka answers */
    }
    return ACCEPTED;
}

static struct outcome describe_resource(struct description *description)
{
    switch (description->resource->resource_type) {
    case RESOURCE_TOPIC:
        return describe_topic(description);
    case RESOURCE_BROKER:
        return describe_broker(description);
    case RESOURCE_BROKER_LOGGER:
        return describe_logger(description);
    case RESOURCE_CLIENT_METRICS:
        return describe_client_metrics(description);
    case RESOURCE_GROUP:
        return describe_group(description);
    default:
        return refused(KAFKA_INVALID_REQUEST, "Resources of this type have no settings.");
    }
}

void api_describe_configs(struct request *request)
{
    struct description description = {.request = request, .body = request->body};
    size_t count = (size_t)description.body->resources_count;
    struct kp_describe_configs_response response = kp_describe_configs_response_default;
    response.results = arena_calloc(&request->arena, count, sizeof *response.results);
    description.out_of_memory = !response.results;
    for (size_t i = 0; i < count && !description.out_of_memory; i++) {
        description.resource = &description.body->resources[i];
        description.result = &response.results[i];
        *description.result = kp_describe_configs_response_results_default;
        struct outcome outcome = describe_resource(&description);
        description.result->error_code = (int16_t)outcome.error;
        description.result->error_message = outcome.message ? kp_string_of(outcome.message) : KP_EMPTY_STRING;
        description.result->resource_type = description.resource->resource_type;
        description.result->resource_name = description.resource->resource_name;
    }
    response.results_count = (int32_t)count;
    if (description.out_of_memory)
        request_close(request, NO_MEMORY);
    else
        request_respond(request, &response);
}

/* ---- IncrementalAlterConfigs ---------------------------------------------------------------------------------------- */

struct alteration {
    struct request *request;
    const struct kp_incremental_alter_configs_request *body;
    struct metadata_batch batch;
};

/* The values that differ between what was set and what is to be become records. */
static void add_differences(struct alteration *alteration,
                            const struct kp_incremental_alter_configs_request_resources *resource,
                            const struct topic_overrides *before, const struct topic_overrides *after)
{
    for (int32_t i = 0; i < resource->configs_count; i++) {
        struct kp_string name = resource->configs[i].name;
        const char *key = arena_copy(&alteration->request->arena, name.data, (size_t)name.size);
        const char *old = key ? topic_overrides_get(before, key) : NULL,
                   *new = key ? topic_overrides_get(after, key) : NULL;
        bool same = old && new ? strcmp(old, new) == 0 : old == new;
        if (!same)
            controller_set_config(&alteration->batch, (enum resource_type)resource->resource_type,
                                  resource->resource_name, name, kp_string_of(new));
    }
}

static struct outcome alter_topic(struct alteration *alteration,
                                  const struct kp_incremental_alter_configs_request_resources *resource)
{
    struct request *request = alteration->request;
    const struct broker *broker = request->broker;
    char error[CONFIG_ERROR_SIZE];
    if (resource->resource_name.size == 0)
        return refused(KAFKA_INVALID_REQUEST, "There are no settings of all topics.");
    const char *sentence = topic_name_check(resource->resource_name);
    if (sentence)
        return refused(KAFKA_INVALID_TOPIC_EXCEPTION, sentence);
    if (!catalog_topic(broker->catalog, resource->resource_name))
        return refused(KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "There is no topic of this name.");
    const struct topic_overrides *before = catalog_configs(broker->catalog, RESOURCE_TOPIC, resource->resource_name);
    struct topic_overrides after = {0};
    if (before)
        topic_overrides_copy(&after, before);
    bool good = true;
    for (int32_t i = 0; i < resource->configs_count && good; i++)
        good = topic_overrides_alter(&after, (enum config_operation)resource->configs[i].config_operation,
                                     resource->configs[i].name, resource->configs[i].value, error);
    good = good && topic_overrides_check(&after, broker->config, error);
    if (good)
        add_differences(alteration, resource, before, &after);
    topic_overrides_release(&after);
    return good ? ACCEPTED : refused(KAFKA_INVALID_CONFIG, arena_printf(&request->arena, "%s", error));
}

/* With eligible leader replicas, min.insync.replicas is the cluster's alone, and stays set. */
static struct outcome check_insync(const struct alteration *alteration,
                                   const struct kp_incremental_alter_configs_request_resources *resource)
{
    if (catalog_feature_level(alteration->request->broker->catalog, "eligible.leader.replicas.version") == 0)
        return ACCEPTED;
    for (int32_t i = 0; i < resource->configs_count; i++) {
        if (!kp_string_is(resource->configs[i].name, "min.insync.replicas"))
            continue;
        if (resource->resource_name.size > 0)
            return refused(KAFKA_INVALID_CONFIG, "min.insync.replicas is a setting of all brokers here.");
        if (resource->configs[i].config_operation == CONFIG_DELETE)
            return refused(KAFKA_INVALID_CONFIG, "min.insync.replicas must stay set for all brokers here.");
    }
    return ACCEPTED;
}

static struct outcome alter_broker(struct alteration *alteration,
                                   const struct kp_incremental_alter_configs_request_resources *resource)
{
    struct request *request = alteration->request;
    const struct topic_overrides *before =
        catalog_configs(request->broker->catalog, RESOURCE_BROKER, resource->resource_name);
    struct outcome outcome =
        resource->resource_name.size == 0 ? ACCEPTED : check_broker(request, resource->resource_name);
    struct topic_overrides after = {0};
    if (outcome.error == KAFKA_NONE)
        outcome = check_insync(alteration, resource);
    if (before)
        topic_overrides_copy(&after, before);
    for (int32_t i = 0; i < resource->configs_count && outcome.error == KAFKA_NONE; i++) {
        const struct kp_incremental_alter_configs_request_resources_configs *item = &resource->configs[i];
        outcome = dynamic_config_alter(request->broker->config, &after, (enum config_operation)item->config_operation,
                                       item->name, item->value, &request->arena);
    }
    if (outcome.error == KAFKA_NONE)
        add_differences(alteration, resource, before, &after);
    topic_overrides_release(&after);
    return outcome;
}

static struct outcome alter_logger(struct alteration *alteration,
                                   const struct kp_incremental_alter_configs_request_resources *resource)
{
    struct outcome outcome = check_broker(alteration->request, resource->resource_name);
    for (int32_t i = 0; i < resource->configs_count && outcome.error == KAFKA_NONE; i++) {
        if (kp_string_is(resource->configs[i].name, "root"))
            outcome = refused(KAFKA_INVALID_REQUEST, "What is logged is fixed.");
        else
            outcome = refused(KAFKA_INVALID_CONFIG, "There is no logger of this name.");
    }
    return outcome;
}

static bool same_resource(const struct kp_incremental_alter_configs_request_resources *a,
                          const struct kp_incremental_alter_configs_request_resources *b)
{
    return a->resource_type == b->resource_type && kp_string_equal(a->resource_name, b->resource_name);
}

/* What is wrong with the operations whatever the resource is. */
static struct outcome check_operations(struct request *request,
                                       const struct kp_incremental_alter_configs_request_resources *resource)
{
    struct kp_string *names = arena_calloc(&request->arena, (size_t)resource->configs_count, sizeof *names);
    if (!names)
        return refused(KAFKA_UNKNOWN_SERVER_ERROR, NULL);
    for (int32_t i = 0; i < resource->configs_count; i++)
        names[i] = resource->configs[i].name;
    qsort(names, (size_t)resource->configs_count, sizeof *names, topic_names_compare_items);
    for (int32_t i = 1; i < resource->configs_count; i++) {
        if (kp_string_equal(names[i], names[i - 1]))
            return refused(KAFKA_INVALID_REQUEST, "A setting is named more than once.");
    }
    for (int32_t i = 0; i < resource->configs_count; i++) {
        const struct kp_incremental_alter_configs_request_resources_configs *item = &resource->configs[i];
        if (item->config_operation < CONFIG_SET || item->config_operation > CONFIG_SUBTRACT)
            return refused(KAFKA_UNKNOWN_SERVER_ERROR, NULL); /* what Kafka makes of it */
        if (item->value.size < 0 && item->config_operation != CONFIG_DELETE)
            return refused(KAFKA_INVALID_REQUEST, "A setting must have a value.");
    }
    return ACCEPTED;
}

static struct outcome alter_resource(struct alteration *alteration, int32_t position, bool repeated)
{
    const struct kp_incremental_alter_configs_request_resources *resource = &alteration->body->resources[position];
    if (repeated)
        return refused(KAFKA_INVALID_REQUEST, "A resource is named more than once.");
    struct outcome outcome = check_operations(alteration->request, resource);
    if (outcome.error != KAFKA_NONE)
        return outcome;
    switch (resource->resource_type) {
    case RESOURCE_TOPIC:
        return alter_topic(alteration, resource);
    case RESOURCE_BROKER:
        return alter_broker(alteration, resource);
    case RESOURCE_BROKER_LOGGER:
        return alter_logger(alteration, resource);
    case RESOURCE_CLIENT_METRICS:
    case RESOURCE_GROUP:
        return refused(KAFKA_INVALID_REQUEST, "Settings of groups and of client metrics are not served yet.");
    default:
        return refused(KAFKA_INVALID_REQUEST, "Resources of this type have no settings.");
    }
}

static int compare_resources(const void *a, const void *b)
{
    const struct kp_incremental_alter_configs_request_resources *const *left = a, *const *right = b;
    int order = (*left)->resource_type - (*right)->resource_type;
    return order != 0 ? order : topic_names_compare((*left)->resource_name, (*right)->resource_name);
}

/* For each resource whether another one of the request is the same. NULL: no memory. */
static bool *mark_repeated(const struct alteration *alteration)
{
    size_t count = (size_t)alteration->body->resources_count;
    const struct kp_incremental_alter_configs_request_resources **sorted =
        arena_calloc(&alteration->request->arena, count, sizeof *sorted);
    bool *repeated = arena_calloc(&alteration->request->arena, count, sizeof *repeated);
    if (!sorted || !repeated)
        return NULL;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &alteration->body->resources[i];
    qsort(sorted, count, sizeof *sorted, compare_resources);
    for (size_t i = 1; i < count; i++) {
        if (same_resource(sorted[i], sorted[i - 1]))
            repeated[sorted[i] - alteration->body->resources] = repeated[sorted[i - 1] - alteration->body->resources] =
                true;
    }
    return repeated;
}

void api_incremental_alter_configs(struct request *request)
{
    struct alteration alteration = {.request = request, .body = request->body};
    struct kp_incremental_alter_configs_response response = kp_incremental_alter_configs_response_default;
    bool *repeated = mark_repeated(&alteration);
    response.responses_count = alteration.body->resources_count;
    response.responses = arena_calloc(&request->arena, (size_t)response.responses_count, sizeof *response.responses);
    if (!repeated || !response.responses) {
        request_close(request, NO_MEMORY);
        return;
    }
    enum kafka_error error = KAFKA_NONE;
    controller_begin(request->broker, &alteration.batch);
    for (int32_t i = 0; i < response.responses_count; i++) {
        struct outcome outcome = alter_resource(&alteration, i, repeated[i]);
        response.responses[i] = (struct kp_incremental_alter_configs_response_responses){
            .error_code = (int16_t)outcome.error,
            .error_message = kp_string_of(outcome.message),
            .resource_type = alteration.body->resources[i].resource_type,
            .resource_name = alteration.body->resources[i].resource_name,
        };
    }
    if (alteration.body->validate_only)
        metadata_batch_release(&alteration.batch);
    else
        error = controller_commit(request->broker, &alteration.batch, request);
    for (int32_t i = 0; i < response.responses_count && error != KAFKA_NONE; i++) {
        if (response.responses[i].error_code == KAFKA_NONE)
            response.responses[i].error_code = (int16_t)error;
    }
    request_respond(request, &response);
}
