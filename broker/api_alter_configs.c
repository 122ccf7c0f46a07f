/* AlterConfigs and IncrementalAlterConfigs.
 *
 * A change of a resource is all or nothing: its operations are tried on a copy of what is set, and what differs then
 * becomes records. All resources of a request that pass are one batch. AlterConfigs is the older form: it begins with
 * nothing set, and its operations all set a value. A change of the logger is of this run alone, and no record. */
#include "api.h"
#include "config_resource_name.h"
#include "controller.h"
#include "dynamic_config.h"
#include "logger.h"
#include "resource_settings.h"
#include "topic_name.h"

#include <string.h>

/* What one resource is to become. */
struct change {
    struct request *request;
    const struct kp_incremental_alter_configs_request_resources *resource;
    bool replaces; /* AlterConfigs: what is not named goes */
    bool validate_only;
    struct metadata_batch *batch; /* the records of all resources */
};

/* The values that differ between what was set and what is to be become records. Both are sorted by name. */
static void add_differences(const struct change *change, const struct topic_overrides *before,
                            const struct topic_overrides *after)
{
    int32_t i = 0, j = 0, before_count = before ? before->count : 0;
    while (i < before_count || j < after->count) {
        int order = i == before_count   ? 1
                    : j == after->count ? -1
                                        : strcmp(before->items[i].name, after->items[j].name);
        const char *name = order <= 0 ? before->items[i].name : after->items[j].name;
        const char *old = order <= 0 ? before->items[i++].value : NULL;
        const char *new = order >= 0 ? after->items[j++].value : NULL;
        if (!old || !new || strcmp(old, new) != 0)
            controller_set_config(change->batch, (enum resource_type)change->resource->resource_type,
                                  change->resource->resource_name, kp_string_of(name), kp_string_of(new));
    }
}

/* What the operations begin with. */
static struct topic_overrides copy_before(const struct change *change, const struct topic_overrides *before)
{
    struct topic_overrides copy = {0};
    if (before && !change->replaces)
        topic_overrides_copy(&copy, before);
    return copy;
}

static const struct topic_overrides *values_before(const struct change *change)
{
    return catalog_configs(change->request->broker->catalog, (enum resource_type)change->resource->resource_type,
                           change->resource->resource_name);
}

static struct outcome alter_topic(const struct change *change)
{
    const struct broker *broker = change->request->broker;
    const struct kp_incremental_alter_configs_request_resources *resource = change->resource;
    char error[CONFIG_ERROR_SIZE];
    if (resource->resource_name.size == 0)
        return refused(KAFKA_INVALID_REQUEST, "There are no settings of all topics.");
    const char *sentence = topic_name_check(resource->resource_name);
    if (sentence)
        return refused(KAFKA_INVALID_TOPIC_EXCEPTION, sentence);
    const struct topic_overrides *before = values_before(change);
    struct topic_overrides after = copy_before(change, before);
    bool good = true;
    for (int32_t i = 0; i < resource->configs_count && good; i++)
        good = topic_overrides_alter(&after, (enum config_operation)resource->configs[i].config_operation,
                                     resource->configs[i].name, resource->configs[i].value, error);
    good = good && topic_overrides_check(&after, broker->config, error);
    bool exists = catalog_topic(broker->catalog, resource->resource_name) != NULL; /* Kafka looks at the values first */
    if (good && exists)
        add_differences(change, before, &after);
    topic_overrides_release(&after);
    if (!good)
        return refused(KAFKA_INVALID_CONFIG, arena_printf(&change->request->arena, "%s", error));
    return exists ? ACCEPTED : refused(KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "There is no topic of this name.");
}

#define MIN_INSYNC "min.insync.replicas"

/* With eligible leader replicas, min.insync.replicas is the cluster's alone, and stays set. */
static struct outcome check_insync(const struct change *change, const struct topic_overrides *before,
                                   const struct topic_overrides *after)
{
    const struct kp_incremental_alter_configs_request_resources *resource = change->resource;
    bool all_brokers = resource->resource_name.size == 0, named = false;
    if (catalog_feature_level(change->request->broker->catalog, "eligible.leader.replicas.version") == 0)
        return ACCEPTED;
    for (int32_t i = 0; i < resource->configs_count; i++)
        named = named || kp_string_is(resource->configs[i].name, MIN_INSYNC);
    if (named && !all_brokers)
        return refused(KAFKA_INVALID_CONFIG, MIN_INSYNC " is a setting of all brokers here.");
    if (all_brokers && (named || topic_overrides_get(before, MIN_INSYNC)) && !topic_overrides_get(after, MIN_INSYNC))
        return refused(KAFKA_INVALID_CONFIG, MIN_INSYNC " must stay set for all brokers here.");
    return ACCEPTED;
}

static struct outcome alter_broker(const struct change *change)
{
    struct request *request = change->request;
    const struct kp_incremental_alter_configs_request_resources *resource = change->resource;
    struct outcome outcome =
        resource->resource_name.size == 0 ? ACCEPTED : config_resource_check_broker(request, resource->resource_name);
    if (outcome.error != KAFKA_NONE)
        return outcome;
    const struct topic_overrides *before = values_before(change);
    struct topic_overrides after = copy_before(change, before);
    for (int32_t i = 0; i < resource->configs_count && outcome.error == KAFKA_NONE; i++) {
        const struct kp_incremental_alter_configs_request_resources_configs *item = &resource->configs[i];
        outcome = dynamic_config_alter(request->broker->config, &after, (enum config_operation)item->config_operation,
                                       item->name, item->value, &request->arena);
    }
    if (outcome.error == KAFKA_NONE)
        outcome = dynamic_config_check(request->broker->config, &after);
    if (outcome.error == KAFKA_NONE)
        outcome = check_insync(change, before, &after);
    if (outcome.error == KAFKA_NONE)
        add_differences(change, before, &after);
    topic_overrides_release(&after);
    return outcome;
}

static struct outcome alter_kind(const struct change *change, const struct resource_kind *kind)
{
    struct arena *arena = &change->request->arena;
    const struct kp_incremental_alter_configs_request_resources *resource = change->resource;
    struct outcome outcome = ACCEPTED;
    if (resource->resource_name.size == 0)
        return refused(KAFKA_INVALID_REQUEST, arena_printf(arena, "A %s must have a name.", kind->noun));
    if (memchr(resource->resource_name.data, '\0', (size_t)resource->resource_name.size))
        return refused(KAFKA_INVALID_REQUEST, "A name has a zero in it.");
    const struct topic_overrides *before = values_before(change);
    struct topic_overrides after = copy_before(change, before);
    for (int32_t i = 0; i < resource->configs_count && outcome.error == KAFKA_NONE; i++)
        outcome = resource_settings_alter(kind, &after, (enum config_operation)resource->configs[i].config_operation,
                                          resource->configs[i].name, resource->configs[i].value, arena);
    if (outcome.error == KAFKA_NONE)
        outcome = resource_settings_check(kind, &after, change->request->broker->config, arena);
    if (outcome.error == KAFKA_NONE)
        add_differences(change, before, &after);
    topic_overrides_release(&after);
    return outcome;
}

/* ---- the logger ----------------------------------------------------------------------------------------------------- */

static struct outcome check_logger(const struct kp_incremental_alter_configs_request_resources_configs *item)
{
    if (item->config_operation == CONFIG_APPEND || item->config_operation == CONFIG_SUBTRACT)
        return refused(KAFKA_INVALID_REQUEST, "A level is no list.");
    if (!kp_string_is(item->name, "root"))
        return refused(KAFKA_INVALID_CONFIG, "There is no logger of this name: the only one is root.");
    if (item->config_operation == CONFIG_DELETE)
        return refused(KAFKA_INVALID_REQUEST, "The logger root must have a level.");
    if (!log_threshold_known(item->value.data, (size_t)item->value.size))
        return refused(KAFKA_INVALID_CONFIG, "A level is FATAL, ERROR, WARN, INFO, DEBUG or TRACE.");
    return ACCEPTED;
}

static struct outcome alter_logger(const struct change *change)
{
    const struct kp_incremental_alter_configs_request_resources *resource = change->resource;
    struct outcome outcome = config_resource_check_broker(change->request, resource->resource_name);
    for (int32_t i = 0; i < resource->configs_count && outcome.error == KAFKA_NONE; i++)
        outcome = check_logger(&resource->configs[i]);
    for (int32_t i = 0; i < resource->configs_count && outcome.error == KAFKA_NONE && !change->validate_only; i++)
        log_set_threshold(resource->configs[i].value.data, (size_t)resource->configs[i].value.size);
    return outcome;
}

/* ---- both requests -------------------------------------------------------------------------------------------------- */

/* What is wrong with the operations whatever they are to change. */
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
        if (item->value.size < 0 && item->config_operation != CONFIG_DELETE)
            return refused(KAFKA_INVALID_REQUEST, "A setting must have a value.");
    }
    return ACCEPTED;
}

/* Kafka's brokers look at operations on brokers, and its controller at the others: it fails inside, for all that it was
 * asked to change at once. */
static struct outcome check_known_operations(const struct kp_incremental_alter_configs_request_resources *resource)
{
    bool by_broker = resource->resource_type == RESOURCE_BROKER || resource->resource_type == RESOURCE_BROKER_LOGGER;
    for (int32_t i = 0; i < resource->configs_count; i++) {
        int8_t operation = resource->configs[i].config_operation;
        if (operation < CONFIG_SET || operation > CONFIG_SUBTRACT)
            return by_broker ? refused(KAFKA_INVALID_REQUEST, "There is no such operation.")
                             : refused(KAFKA_UNKNOWN_SERVER_ERROR, NULL);
    }
    return ACCEPTED;
}

/* What is said of the resource before any is changed. */
static struct outcome check_resource(const struct change *change)
{
    int8_t type = change->resource->resource_type;
    struct outcome outcome = check_operations(change->request, change->resource);
    bool logger = type == RESOURCE_BROKER_LOGGER && !change->replaces;
    bool known = resource_kind_find(type) || type == RESOURCE_TOPIC || type == RESOURCE_BROKER || logger;
    if (outcome.error == KAFKA_NONE && !known)
        outcome = refused(KAFKA_INVALID_REQUEST, "Resources of this type have no settings to be changed so.");
    return outcome.error == KAFKA_NONE ? check_known_operations(change->resource) : outcome;
}

/* Kafka's controller sees that what is appended to is a list before it looks at what has it. */
static bool appends_to_lists(const struct kp_incremental_alter_configs_request_resources *resource)
{
    bool topic = resource->resource_type == RESOURCE_TOPIC, good = true;
    for (int32_t i = 0; i < resource->configs_count && good; i++) {
        int8_t operation = resource->configs[i].config_operation;
        bool appends = operation == CONFIG_APPEND || operation == CONFIG_SUBTRACT;
        good = !appends || (topic && topic_config_is_list(resource->configs[i].name));
    }
    return good;
}

static struct outcome alter_resource(const struct change *change)
{
    int8_t type = change->resource->resource_type;
    const struct resource_kind *kind = resource_kind_find(type);
    if ((kind || type == RESOURCE_TOPIC) && !appends_to_lists(change->resource))
        return refused(KAFKA_INVALID_CONFIG,
                       "A setting is no list: it can be set, not appended to or subtracted from.");
    return kind                      ? alter_kind(change, kind)
           : type == RESOURCE_TOPIC  ? alter_topic(change)
           : type == RESOURCE_BROKER ? alter_broker(change)
                                     : alter_logger(change);
}

static bool same_resource(const struct kp_incremental_alter_configs_request_resources *a,
                          const struct kp_incremental_alter_configs_request_resources *b)
{
    return a->resource_type == b->resource_type && kp_string_equal(a->resource_name, b->resource_name);
}

static int compare_resources(const void *a, const void *b)
{
    const struct kp_incremental_alter_configs_request_resources *const *left = a, *const *right = b;
    int order = (*left)->resource_type - (*right)->resource_type;
    return order != 0 ? order : topic_names_compare((*left)->resource_name, (*right)->resource_name);
}

/* For each resource whether another one of the request is the same. NULL: no memory. */
static bool *mark_repeated(struct arena *arena, const struct kp_incremental_alter_configs_request_resources *resources,
                           size_t count)
{
    const struct kp_incremental_alter_configs_request_resources **sorted = arena_calloc(arena, count, sizeof *sorted);
    bool *repeated = arena_calloc(arena, count, sizeof *repeated);
    if (!sorted || !repeated)
        return NULL;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &resources[i];
    qsort(sorted, count, sizeof *sorted, compare_resources);
    for (size_t i = 1; i < count; i++) {
        if (same_resource(sorted[i], sorted[i - 1]))
            repeated[sorted[i] - resources] = repeated[sorted[i - 1] - resources] = true;
    }
    return repeated;
}

/* Check all resources, and change those that pass. */
static void change_resources(struct change *change,
                             const struct kp_incremental_alter_configs_request_resources *resources, int32_t count,
                             const bool *repeated, struct outcome *outcomes)
{
    bool fails = false;
    for (int32_t i = 0; i < count; i++) {
        change->resource = &resources[i];
        outcomes[i] = repeated[i] ? refused(KAFKA_INVALID_REQUEST, "A resource is named more than once.")
                                  : check_resource(change);
        fails |= outcomes[i].error == KAFKA_UNKNOWN_SERVER_ERROR;
    }
    for (int32_t i = 0; i < count; i++) {
        bool by_controller = resources[i].resource_type != RESOURCE_BROKER_LOGGER;
        change->resource = &resources[i];
        if (outcomes[i].error == KAFKA_NONE)
            outcomes[i] = fails && by_controller ? refused(KAFKA_UNKNOWN_SERVER_ERROR, NULL) : alter_resource(change);
    }
}

/* Change all resources, and commit what that takes, unless the request only validates. The outcomes are in the order of
 * the resources. NULL: no memory. */
static struct outcome *alter_resources(struct request *request,
                                       const struct kp_incremental_alter_configs_request_resources *resources,
                                       int32_t count, bool replaces, bool validate_only)
{
    struct outcome *outcomes = arena_calloc(&request->arena, (size_t)count, sizeof *outcomes);
    const bool *repeated = mark_repeated(&request->arena, resources, (size_t)count);
    enum kafka_error error = KAFKA_NONE;
    struct metadata_batch batch;
    struct change change = {.request = request, .replaces = replaces, .validate_only = validate_only, .batch = &batch};
    if (!outcomes || !repeated)
        return NULL;
    controller_begin(request->broker, &batch);
    change_resources(&change, resources, count, repeated, outcomes);
    if (validate_only)
        metadata_batch_release(&batch);
    else
        error = controller_commit(request->broker, &batch, request);
    for (int32_t i = 0; i < count && error != KAFKA_NONE; i++) {
        if (outcomes[i].error == KAFKA_NONE)
            outcomes[i].error = error;
    }
    return outcomes;
}

void api_incremental_alter_configs(struct request *request)
{
    const struct kp_incremental_alter_configs_request *body = request->body;
    struct kp_incremental_alter_configs_response response = kp_incremental_alter_configs_response_default;
    response.responses_count = body->resources_count;
    response.responses = arena_calloc(&request->arena, (size_t)body->resources_count, sizeof *response.responses);
    const struct outcome *outcomes =
        response.responses
            ? alter_resources(request, body->resources, body->resources_count, false, body->validate_only)
            : NULL;
    if (!outcomes) {
        request_close(request, NO_MEMORY);
        return;
    }
    for (int32_t i = 0; i < response.responses_count; i++)
        response.responses[i] = (struct kp_incremental_alter_configs_response_responses){
            .error_code = (int16_t)outcomes[i].error,
            .error_message = kp_string_of(outcomes[i].message),
            .resource_type = body->resources[i].resource_type,
            .resource_name = body->resources[i].resource_name,
        };
    request_respond(request, &response);
}

/* The resources of AlterConfigs as those of IncrementalAlterConfigs. NULL: no memory. */
static struct kp_incremental_alter_configs_request_resources *
as_incremental(struct arena *arena, const struct kp_alter_configs_request *body)
{
    struct kp_incremental_alter_configs_request_resources *resources =
        arena_calloc(arena, (size_t)body->resources_count, sizeof *resources);
    for (int32_t i = 0; i < body->resources_count && resources; i++) {
        const struct kp_alter_configs_request_resources *from = &body->resources[i];
        struct kp_incremental_alter_configs_request_resources_configs *configs =
            arena_calloc(arena, (size_t)from->configs_count, sizeof *configs);
        if (!configs)
            return NULL;
        for (int32_t j = 0; j < from->configs_count; j++)
            configs[j] = (struct kp_incremental_alter_configs_request_resources_configs){
                .name = from->configs[j].name, .config_operation = CONFIG_SET, .value = from->configs[j].value};
        resources[i] = (struct kp_incremental_alter_configs_request_resources){
            .resource_type = from->resource_type,
            .resource_name = from->resource_name,
            .configs = configs,
            .configs_count = from->configs_count,
        };
    }
    return resources;
}

/* A resource that is named twice is refused, both times, as with IncrementalAlterConfigs: Kafka 4.4 means to, stumbles
 * over it, and never answers. */
void api_alter_configs(struct request *request)
{
    const struct kp_alter_configs_request *body = request->body;
    struct kp_alter_configs_response response = kp_alter_configs_response_default;
    response.responses_count = body->resources_count;
    response.responses = arena_calloc(&request->arena, (size_t)body->resources_count, sizeof *response.responses);
    const struct kp_incremental_alter_configs_request_resources *resources = as_incremental(&request->arena, body);
    const struct outcome *outcomes =
        response.responses && resources
            ? alter_resources(request, resources, body->resources_count, true, body->validate_only)
            : NULL;
    if (!outcomes) {
        request_close(request, NO_MEMORY);
        return;
    }
    for (int32_t i = 0; i < response.responses_count; i++)
        response.responses[i] = (struct kp_alter_configs_response_responses){
            .error_code = (int16_t)outcomes[i].error,
            .error_message = kp_string_of(outcomes[i].message),
            .resource_type = body->resources[i].resource_type,
            .resource_name = body->resources[i].resource_name,
        };
    request_respond(request, &response);
}
