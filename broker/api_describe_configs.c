/* DescribeConfigs and ListConfigResources: what is set, where it comes from, and for which resources.
 *
 * Resources are topics, this broker (or, under the empty name, all brokers), its logger, groups and client metrics
 * subscriptions. A group or a subscription need not exist: one of any name has the defaults. */
#include "api.h"
#include "broker.h"
#include "config_resource_name.h"
#include "logger.h"
#include "outcome.h"
#include "resource_settings.h"
#include "topic_name.h"

#include <string.h>

#define ALL_TYPES (RESOURCE_TOPIC | RESOURCE_BROKER | RESOURCE_BROKER_LOGGER | RESOURCE_CLIENT_METRICS | RESOURCE_GROUP)

static bool is_one_type(int type)
{
    return type > 0 && (type & ~ALL_TYPES) == 0 && (type & (type - 1)) == 0;
}

/* ---- DescribeConfigs ------------------------------------------------------------------------------------------------ */

struct description {
    struct request *request;
    const struct kp_describe_configs_request *body;
    const struct kp_describe_configs_request_resources *resource; /* the one at hand */
    struct kp_describe_configs_response_results *result;
    bool knows_types; /* of all resources */
    bool out_of_memory;
};

static int find_topic_row(const void *context, struct kp_string name)
{
    (void)context;
    return topic_config_find(name);
}

static int find_broker_row(const void *context, struct kp_string name)
{
    (void)context;
    return config_find(name);
}

static int find_kind_row(const void *context, struct kp_string name)
{
    return resource_setting_find(context, name);
}

#define ROOT_LOGGER "root"

static int find_logger_row(const void *context, struct kp_string name)
{
    (void)context;
    return kp_string_is(name, ROOT_LOGGER) ? 0 : -1;
}

/* Which rows of a table are asked for, found by `find`: one look at each key, however many a client sends. No list of
 * keys, or an empty one, means all. NULL: no memory. */
static bool *asked_rows(struct description *description, int rows,
                        int (*find)(const void *context, struct kp_string name), const void *context)
{
    const struct kp_describe_configs_request_resources *resource = description->resource;
    bool *asked = arena_calloc(&description->request->arena, (size_t)rows, sizeof *asked);
    for (int i = 0; asked && i < rows && resource->configuration_keys_count <= 0; i++)
        asked[i] = true;
    for (int32_t i = 0; asked && i < resource->configuration_keys_count; i++) {
        int row = find(context, resource->configuration_keys[i]);
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

static void answer_entry(struct description *description, const struct config_entry *entry)
{
    struct kp_describe_configs_response_results *result = description->result;
    struct kp_describe_configs_response_results_configs *to = &result->configs[result->configs_count++];
    *to = kp_describe_configs_response_results_configs_default;
    to->name = kp_string_of(entry->name);
    to->value = kp_string_of(entry->value);
    to->read_only = entry->read_only;
    to->config_source = (int8_t)entry->source;
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
    const bool *asked = asked_rows(description, topic_config_definitions_count, find_topic_row, NULL);
    make_room(description, topic_config_definitions_count);
    for (int i = 0; i < topic_config_definitions_count && !description->out_of_memory; i++) {
        const struct topic_config_definition *definition = &topic_config_definitions[i];
        struct config_entry entry;
        bool shown = !definition->internal || topic_overrides_get(overrides, definition->name);
        if (!shown || !asked[i])
            continue;
        if (topic_config_describe(broker->config, overrides, i, &description->request->arena, &entry))
            answer_entry(description, &entry);
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
    struct outcome outcome =
        all_brokers ? ACCEPTED : config_resource_check_broker(request, description->resource->resource_name);
    if (outcome.error != KAFKA_NONE)
        return outcome;
    const bool *asked = asked_rows(description, config_definitions_count, find_broker_row, NULL);
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
            answer_entry(description, &entry);
    }
    return ACCEPTED;
}

static struct outcome describe_kind(struct description *description, const struct resource_kind *kind)
{
    const struct broker *broker = description->request->broker;
    struct kp_string name = description->resource->resource_name;
    if (name.size == 0)
        return refused(KAFKA_INVALID_REQUEST,
                       arena_printf(&description->request->arena, "A %s must have a name.", kind->noun));
    const struct topic_overrides *overrides = catalog_configs(broker->catalog, kind->type, name);
    const bool *asked = asked_rows(description, kind->settings_count, find_kind_row, kind);
    make_room(description, kind->settings_count);
    for (int i = 0; i < kind->settings_count && !description->out_of_memory; i++) {
        const struct resource_setting *setting = &kind->settings[i];
        struct config_entry entry;
        bool shown = !setting->internal || topic_overrides_get(overrides, setting->name);
        if (!shown || !asked[i])
            continue;
        if (resource_settings_describe(kind, overrides, broker->config, i, &description->request->arena, &entry))
            answer_entry(description, &entry);
        else
            description->out_of_memory = true;
    }
    return ACCEPTED;
}

/* There is one logger. */
static struct outcome describe_logger(struct description *description)
{
    struct outcome outcome = config_resource_check_broker(description->request, description->resource->resource_name);
    if (outcome.error != KAFKA_NONE)
        return outcome;
    const struct config_entry root = {.name = ROOT_LOGGER, .value = log_threshold(), .source = CONFIG_DYNAMIC_LOGGER};
    const bool *asked = asked_rows(description, 1, find_logger_row, NULL);
    make_room(description, 1);
    if (!description->out_of_memory && asked[0]) {
        answer_entry(description, &root);
        description->result->configs[0].documentation = KP_EMPTY_STRING; /* never null, as Kafka answers */
    }
    return ACCEPTED;
}

/* As Kafka's, the request as a whole is invalid when one of its resources has no known type. */
static bool knows_types(const struct kp_describe_configs_request *body)
{
    bool known = true;
    for (int32_t i = 0; i < body->resources_count; i++)
        known = known && is_one_type(body->resources[i].resource_type);
    return known;
}

static struct outcome describe_resource(struct description *description)
{
    if (!description->knows_types)
        return refused(KAFKA_INVALID_REQUEST, "A resource is of a type that has no settings.");
    const struct resource_kind *kind = resource_kind_find(description->resource->resource_type);
    if (kind != NULL)
        return describe_kind(description, kind);
    switch (description->resource->resource_type) {
    case RESOURCE_TOPIC:
        return describe_topic(description);
    case RESOURCE_BROKER:
        return describe_broker(description);
    default:
        return describe_logger(description);
    }
}

void api_describe_configs(struct request *request)
{
    struct description description = {
        .request = request, .body = request->body, .knows_types = knows_types(request->body)};
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

/* ---- ListConfigResources -------------------------------------------------------------------------------------------- */

struct listing {
    struct request *request;
    struct kp_list_config_resources_response response;
    int32_t capacity;
    char node_id[16];
};

static void list_resource(struct listing *listing, enum resource_type type, const char *name)
{
    ASSERT(listing->response.config_resources_count < listing->capacity);
    listing->response.config_resources[listing->response.config_resources_count++] =
        (struct kp_list_config_resources_response_config_resources){.resource_name = kp_string_of(name),
                                                                    .resource_type = (int8_t)type};
}

static void list_topics(struct listing *listing)
{
    const struct catalog *catalog = listing->request->broker->catalog;
    for (int32_t i = 0; i < catalog_topics_count(catalog); i++)
        list_resource(listing, RESOURCE_TOPIC, catalog_topic_at(catalog, i)->name);
}

/* Those of a type that have values of their own. */
static void list_configured(struct listing *listing, enum resource_type type)
{
    const struct config_resource *resource = NULL;
    while ((resource = catalog_config_resource_next(listing->request->broker->catalog, resource)) != NULL) {
        if ((enum resource_type)resource->type == type)
            list_resource(listing, type, resource->name);
    }
}

static void list_type(struct listing *listing, enum resource_type type)
{
    if (type == RESOURCE_TOPIC)
        list_topics(listing);
    else if (type == RESOURCE_BROKER || type == RESOURCE_BROKER_LOGGER)
        list_resource(listing, type, listing->node_id);
    else
        list_configured(listing, type);
}

/* Which types are asked for: version 0 knows client metrics alone, and no list means all. False: one of them is none
 * of the five. */
static bool asked_types(const struct request *request, int *asked)
{
    const struct kp_list_config_resources_request *body = request->body;
    *asked = request->header.api_version == 0 ? RESOURCE_CLIENT_METRICS
             : body->resource_types_count > 0 ? 0
                                              : ALL_TYPES;
    for (int32_t i = 0; i < body->resource_types_count; i++) {
        if (!is_one_type(body->resource_types[i]))
            return false;
        *asked |= body->resource_types[i];
    }
    return true;
}

void api_list_config_resources(struct request *request)
{
    static const enum resource_type types[] = {RESOURCE_GROUP, RESOURCE_CLIENT_METRICS, RESOURCE_BROKER_LOGGER,
                                               RESOURCE_BROKER, RESOURCE_TOPIC}; /* in Kafka's order */
    struct listing listing = {.request = request, .response = kp_list_config_resources_response_default};
    const struct catalog *catalog = request->broker->catalog;
    const struct config_resource *resource = NULL;
    int asked;
    snprintf(listing.node_id, sizeof listing.node_id, "%d", request->broker->node_id);
    if (!asked_types(request, &asked)) {
        listing.response.error_code = KAFKA_UNSUPPORTED_VERSION;
        request_respond(request, &listing.response);
        return;
    }
    listing.capacity = catalog_topics_count(catalog) + 2; /* and broker and logger */
    while ((resource = catalog_config_resource_next(catalog, resource)) != NULL)
        listing.capacity++;
    listing.response.config_resources =
        arena_calloc(&request->arena, (size_t)listing.capacity, sizeof *listing.response.config_resources);
    for (size_t i = 0; i < COUNT_OF(types) && listing.response.config_resources != NULL; i++) {
        if (asked & (int)types[i])
            list_type(&listing, types[i]);
    }
    if (listing.response.config_resources != NULL)
        request_respond(request, &listing.response);
    else
        request_close(request, NO_MEMORY);
}
