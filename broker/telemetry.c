/* See telemetry.h. The rules are those of Kafka's ClientMetricsManager. */
#include "telemetry.h"

#include "../protocol/crc32c.h"
#include "broker.h"
#include "config_value.h"
#include "limits.h"
#include "pattern.h"

#include <string.h>

#define INTERVAL_MS_DEFAULT 300000
#define EXPIRES_MS_MIN      60000
#define NEVER               (INT64_MIN / 2)

void telemetry_init(struct telemetry *telemetry, uint64_t seed)
{
    hash_map_init(&telemetry->instances, seed);
    list_init(&telemetry->by_use);
}

static void instance_free(struct telemetry *telemetry, struct telemetry_instance *instance)
{
    if (instance->peer != NULL)
        instance->peer->telemetry = NULL;
    hash_map_remove(&telemetry->instances, &instance->node);
    list_remove(&instance->by_use);
    free(instance);
}

void telemetry_release(struct telemetry *telemetry)
{
    list_for_each (&telemetry->by_use, node)
        instance_free(telemetry, CONTAINER_OF(node, struct telemetry_instance, by_use));
    hash_map_release(&telemetry->instances);
}

void telemetry_peer_gone(struct telemetry *telemetry, struct peer *peer)
{
    if (peer->telemetry != NULL)
        instance_free(telemetry, peer->telemetry);
}

/* ---- which subscriptions match -------------------------------------------------------------------------------------- */

/* What a pattern may ask for, as text in the arena; NULL: not known of this client. */
static const char *attribute(struct request *request, struct kp_uuid id, const char *name, size_t size)
{
    const struct peer *peer = request->peer;
    const char *port = strrchr(peer->remote, ':'), *version = strchr(peer->client_software, ' ');
    char text[KP_UUID_TEXT_SIZE];
    if (config_list_has("client_id", name, size))
        return arena_printf(&request->arena, "%.*s",
                            (int)(request->header.client_id.size > 0 ? request->header.client_id.size : 0),
                            request->header.client_id.data);
    if (config_list_has("client_instance_id", name, size)) {
        kp_uuid_text(id, text);
        return arena_printf(&request->arena, "%s", text);
    }
    if (config_list_has("client_software_name", name, size) && version != NULL)
        return arena_printf(&request->arena, "%.*s", (int)(version - peer->client_software), peer->client_software);
    if (config_list_has("client_software_version", name, size) && version != NULL)
        return version + 1;
    if (config_list_has("client_source_address", name, size) && port != NULL) {
        size_t bracket = peer->remote[0] == '[';
        return arena_printf(&request->arena, "%.*s", (int)((size_t)(port - peer->remote) - 2 * bracket),
                            peer->remote + bracket);
    }
    return config_list_has("client_source_port", name, size) && port != NULL ? port + 1 : NULL;
}

static bool matches_pattern(const char *text_of_pattern, size_t size, const char *text)
{
    struct pattern *pattern = text == NULL ? NULL : pattern_new(PATTERN_JAVA, text_of_pattern, size);
    bool matches = pattern != NULL && pattern_matches(pattern, text, strlen(text));
    pattern_free(pattern);
    return matches;
}

/* A list of NAME=PATTERN, all of which must match; none: any client does. */
static bool matches(struct request *request, struct kp_uuid id, const char *list)
{
    const char *item;
    size_t size;
    while (list != NULL && config_list_next(&list, &item, &size)) {
        const char *equals = memchr(item, '=', size);
        size_t name_size = equals == NULL ? size : (size_t)(equals - item);
        if (equals == NULL ||
            !matches_pattern(equals + 1, size - name_size - 1, attribute(request, id, item, name_size)))
            return false;
    }
    return true;
}

/* ---- what they come to ---------------------------------------------------------------------------------------------- */

static int compare_metrics(const void *a, const void *b)
{
    const struct kp_string *left = a, *right = b;
    int32_t size = left->size < right->size ? left->size : right->size;
    int order = size > 0 ? memcmp(left->data, right->data, (size_t)size) : 0;
    return order != 0 ? order : (left->size > right->size) - (left->size < right->size);
}

/* Add the items of a list. False: no memory. */
static bool add_metrics(struct arena *arena, struct telemetry_subscription *subscription, const char *list)
{
    const char *item;
    size_t size, count = (size_t)subscription->metrics_count;
    for (const char *rest = list; rest != NULL && config_list_next(&rest, &item, &size);)
        count++;
    struct kp_string *all = arena_calloc(arena, count, sizeof *all);
    if (all == NULL)
        return false;
    if (subscription->metrics_count > 0)
        memcpy(all, subscription->metrics, (size_t)subscription->metrics_count * sizeof *all);
    subscription->metrics = all;
    while (list != NULL && config_list_next(&list, &item, &size))
        all[subscription->metrics_count++] = (struct kp_string){item, (int32_t)size};
    return true;
}

static void settle_metrics(struct telemetry_subscription *subscription)
{
    struct kp_string *metrics = subscription->metrics;
    int32_t count = 0;
    if (subscription->metrics_count > 0)
        qsort(metrics, (size_t)subscription->metrics_count, sizeof *metrics, compare_metrics);
    for (int32_t i = 0; i < subscription->metrics_count; i++) {
        if (count == 0 || !kp_string_equal(metrics[count - 1], metrics[i]))
            metrics[count++] = metrics[i];
    }
    for (int32_t i = 0; i < count; i++) {
        if (kp_string_is(metrics[i], "*")) {
            metrics[0] = metrics[i];
            count = 1;
        }
    }
    subscription->metrics_count = count;
}

/* Kafka's: the checksum of the metrics and the interval as Java prints them, and the hash of the instance's id. */
static int32_t subscription_id(const struct telemetry_subscription *subscription, struct kp_uuid id)
{
    char interval[16];
    uint32_t crc = crc32c(0, "[", 1);
    for (int32_t i = 0; i < subscription->metrics_count; i++) {
        if (i > 0)
            crc = crc32c(crc, ", ", 2);
        crc = crc32c(crc, subscription->metrics[i].data, (size_t)subscription->metrics[i].size);
    }
    int size = snprintf(interval, sizeof interval, "]%d", subscription->interval_ms);
    crc = crc32c(crc, interval, (size_t)size);
    uint32_t hash = 0;
    for (size_t i = 0; i < sizeof id.bytes; i += 4)
        hash ^= load_be32(id.bytes + i);
    return (int32_t)(crc ^ hash);
}

bool telemetry_subscribe(struct request *request, struct kp_uuid id, struct telemetry_subscription *subscription)
{
    const struct catalog *catalog = request->broker->catalog;
    const struct config_resource *resource = NULL;
    *subscription = (struct telemetry_subscription){.interval_ms = INTERVAL_MS_DEFAULT};
    while ((resource = catalog_config_resource_next(catalog, resource)) != NULL) {
        const struct topic_overrides *settings = &resource->overrides;
        if (resource->type != RESOURCE_CLIENT_METRICS || !matches(request, id, topic_overrides_get(settings, "match")))
            continue;
        if (!add_metrics(&request->arena, subscription, topic_overrides_get(settings, "metrics")))
            return false;
        const char *interval = topic_overrides_get(settings, "interval.ms");
        long ms = interval == NULL ? INTERVAL_MS_DEFAULT : strtol(interval, NULL, 10);
        subscription->interval_ms = ms < subscription->interval_ms ? (int32_t)ms : subscription->interval_ms;
    }
    settle_metrics(subscription);
    subscription->id = subscription_id(subscription, id);
    return true;
}

/* ---- instances ------------------------------------------------------------------------------------------------------ */

static bool is_expired(const struct telemetry_instance *instance, int64_t now_ms)
{
    int64_t expires_ms = 3 * (int64_t)instance->interval_ms;
    return now_ms - instance->used_ms > (expires_ms > EXPIRES_MS_MIN ? expires_ms : EXPIRES_MS_MIN);
}

static struct telemetry_instance *find(const struct telemetry *telemetry, struct kp_uuid id, uint64_t hash)
{
    for (struct hash_node *node = hash_map_first(&telemetry->instances, hash); node != NULL;
         node = hash_node_next(node)) {
        struct telemetry_instance *instance = CONTAINER_OF(node, struct telemetry_instance, node);
        if (kp_uuid_equal(instance->id, id))
            return instance;
    }
    return NULL;
}

static struct telemetry_instance *instance_new(struct telemetry *telemetry, struct peer *peer, struct kp_uuid id,
                                               uint64_t hash)
{
    if (telemetry->instances.count == TELEMETRY_INSTANCES_MAX)
        instance_free(telemetry, CONTAINER_OF(telemetry->by_use.next, struct telemetry_instance, by_use));
    struct telemetry_instance *instance = xcalloc(1, sizeof *instance);
    instance->id = id;
    instance->peer = peer;
    if (peer->telemetry != NULL)
        peer->telemetry->peer = NULL;
    peer->telemetry = instance;
    list_init(&instance->by_use);
    hash_map_insert(&telemetry->instances, &instance->node, hash);
    return instance;
}

struct telemetry_instance *telemetry_instance(struct request *request, struct kp_uuid id,
                                              const struct telemetry_subscription *subscription)
{
    struct telemetry *telemetry = &request->broker->telemetry;
    int64_t now_ms = request->broker->env->now(request->broker->env).mono_ms;
    uint32_t version = catalog_client_metrics_version(request->broker->catalog);
    uint64_t hash = hash_bytes(&telemetry->instances, id.bytes, sizeof id.bytes);
    struct telemetry_instance *instance = find(telemetry, id, hash);
    if (instance != NULL && is_expired(instance, now_ms)) {
        instance_free(telemetry, instance);
        instance = NULL;
    }
    bool renewed = instance == NULL || instance->version != version;
    if (instance == NULL)
        instance = instance_new(telemetry, request->peer, id, hash);
    if (renewed) {
        instance->version = version;
        instance->subscription_id = subscription->id;
        instance->interval_ms = subscription->interval_ms;
        instance->get_ms = instance->push_ms = NEVER;
        instance->terminating = false;
        instance->last_error = KAFKA_NONE;
    }
    instance->used_ms = now_ms;
    list_remove(&instance->by_use);
    list_append(&telemetry->by_use, &instance->by_use);
    return instance;
}

enum kafka_error telemetry_get(struct telemetry_instance *instance, int64_t now_ms)
{
    int64_t last_ms = instance->get_ms > instance->push_ms ? instance->get_ms : instance->push_ms;
    if (now_ms - last_ms >= instance->interval_ms)
        instance->get_ms = now_ms;
    else if (instance->last_error != KAFKA_UNKNOWN_SUBSCRIPTION_ID &&
             instance->last_error != KAFKA_UNSUPPORTED_COMPRESSION_TYPE)
        return KAFKA_THROTTLING_QUOTA_EXCEEDED;
    instance->last_error = KAFKA_NONE;
    return KAFKA_NONE;
}

/* The first push behind an accepted get may come at any time, as clients spread them. */
static bool is_in_time(struct telemetry_instance *instance, int64_t now_ms)
{
    if (instance->get_ms <= instance->push_ms && now_ms - instance->push_ms < instance->interval_ms)
        return false;
    instance->push_ms = now_ms;
    return true;
}

static enum kafka_error check_push(struct telemetry_instance *instance, const struct kp_push_telemetry_request *body,
                                   int32_t bytes_max, int64_t now_ms)
{
    if (instance->terminating)
        return KAFKA_INVALID_REQUEST;
    if (!is_in_time(instance, now_ms) && !body->terminating)
        return KAFKA_THROTTLING_QUOTA_EXCEEDED;
    if (body->subscription_id != instance->subscription_id)
        return KAFKA_UNKNOWN_SUBSCRIPTION_ID;
    if (body->compression_type < 0 || body->compression_type > 4)
        return KAFKA_UNSUPPORTED_COMPRESSION_TYPE;
    return body->metrics.size > bytes_max ? KAFKA_TELEMETRY_TOO_LARGE : KAFKA_NONE;
}

enum kafka_error telemetry_push(struct telemetry_instance *instance, const struct kp_push_telemetry_request *body,
                                int32_t bytes_max, int64_t now_ms)
{
    instance->last_error = check_push(instance, body, bytes_max, now_ms);
    instance->terminating = body->terminating;
    return instance->last_error;
}
