/* See connection_quotas.h. The rules are those of ConnectionQuotas in Kafka's SocketServer: the listener among brokers
 * is held to its own limit alone when there are others. */
#include "connection_quotas.h"

#include "limits.h"

#include <arpa/inet.h>
#include <string.h>

#define KEY                "connection_creation_rate"
#define UNLIMITED          INT32_MAX
#define ADDRESS_EXPIRES_MS (60 * 60 * 1000)

struct address_limit {
    uint8_t address[IP_ADDRESS_BYTES];
    double limit;
};

struct address_quota {
    struct hash_node node;
    struct list by_use;
    int64_t used_ms;
    uint8_t address[IP_ADDRESS_BYTES];
    struct quota_rate rate;
};

bool ip_address_parse(struct kp_string name, uint8_t address[IP_ADDRESS_BYTES])
{
    static const uint8_t mapped[IP_ADDRESS_BYTES] = {[10] = 0xff, [11] = 0xff};
    char text[INET6_ADDRSTRLEN + 1];
    if (name.size <= 0 || (size_t)name.size >= sizeof text || memchr(name.data, '\0', (size_t)name.size) != NULL)
        return false;
    memcpy(text, name.data, (size_t)name.size);
    text[name.size] = '\0';
    memcpy(address, mapped, sizeof mapped);
    return inet_pton(AF_INET6, text, address) == 1 ||
           inet_pton(AF_INET, strcmp(text, "localhost") == 0 ? "127.0.0.1" : text, address + 12) == 1;
}

int32_t connection_quotas_most_of(const struct config *config, const uint8_t address[IP_ADDRESS_BYTES])
{
    const char *rest = config->max_connections_per_ip_overrides;
    int32_t most = config->max_connections_per_ip;
    struct config_host_count item;
    while (config_host_count_next(&rest, &item)) {
        uint8_t of[IP_ADDRESS_BYTES];
        if (ip_address_parse(item.host, of) && memcmp(of, address, sizeof of) == 0)
            most = (int32_t)strtol(item.count.data, NULL, 10);
    }
    return most;
}

void connection_quotas_init(struct connection_quotas *quotas, const struct config *config,
                            const struct client_quotas *values, uint64_t seed)
{
    *quotas = (struct connection_quotas){
        .config = config,
        .values = values,
        .windows = {config->quota_window_num, (int64_t)config->quota_window_size_seconds * 1000},
        .of_listeners = xcalloc((size_t)config->listeners_count, sizeof *quotas->of_listeners),
        .version = values->version - 1,
    };
    hash_map_init(&quotas->addresses, seed);
    list_init(&quotas->by_use);
}

static void address_free(struct connection_quotas *quotas, struct address_quota *quota)
{
    hash_map_remove(&quotas->addresses, &quota->node);
    list_remove(&quota->by_use);
    quota_rate_release(&quota->rate);
    free(quota);
}

void connection_quotas_release(struct connection_quotas *quotas)
{
    list_for_each (&quotas->by_use, node)
        address_free(quotas, CONTAINER_OF(node, struct address_quota, by_use));
    hash_map_release(&quotas->addresses);
    for (int32_t i = 0; i < quotas->config->listeners_count; i++)
        quota_rate_release(&quotas->of_listeners[i]);
    free(quotas->of_listeners);
    quota_rate_release(&quotas->all);
    free(quotas->limits);
}

/* ---- the broker's and the listeners' -------------------------------------------------------------------------------- */

/* Kafka's listener among brokers, when it is not the only one. */
static bool is_protected(const struct connection_quotas *quotas, int32_t listener)
{
    const struct config *config = quotas->config;
    const char *name = config->inter_broker_listener_name;
    return config->listeners_count > 1 &&
           strcmp(name != NULL ? name : "PLAINTEXT", config->listeners[listener].name) == 0;
}

static int32_t record(const struct connection_quotas *quotas, struct quota_rate *rate, double limit, int64_t now_ms)
{
    quota_rate_record(rate, &quotas->windows, 1, now_ms);
    int32_t throttle_ms = quota_rate_throttle_ms(rate, &quotas->windows, limit, now_ms);
    return throttle_ms < quotas->windows.size_ms ? throttle_ms : (int32_t)quotas->windows.size_ms;
}

int32_t connection_quotas_record(struct connection_quotas *quotas, int32_t listener, int64_t now_ms)
{
    int32_t own = quotas->config->listeners[listener].max_connection_creation_rate;
    int32_t all = quotas->config->max_connection_creation_rate, broker_ms = 0;
    if (!is_protected(quotas, listener))
        broker_ms = record(quotas, &quotas->all, all, now_ms);
    int32_t listener_ms = record(quotas, &quotas->of_listeners[listener], own >= 0 ? own : all, now_ms);
    return broker_ms > listener_ms ? broker_ms : listener_ms;
}

/* ---- addresses' ----------------------------------------------------------------------------------------------------- */

static int compare_limits(const void *a, const void *b)
{
    return memcmp(((const struct address_limit *)a)->address, ((const struct address_limit *)b)->address,
                  IP_ADDRESS_BYTES);
}

/* Names of a folder of Kafka's that are no addresses have no effect: Kafka would ask for them. */
static void find_limits(struct connection_quotas *quotas)
{
    const struct client_quota_entity *entity = NULL;
    free(quotas->limits);
    quotas->limits = xcalloc(quotas->values->entities.count, sizeof *quotas->limits);
    quotas->limits_count = 0;
    quotas->default_limit = UNLIMITED;
    while ((entity = client_quotas_next(quotas->values, entity)) != NULL) {
        const quota_part *part = client_quota_part(entity, QUOTA_PART_IP);
        const double *limit = client_quota_get(entity, kp_string_of(KEY));
        struct address_limit *to = &quotas->limits[quotas->limits_count];
        if (part == NULL || limit == NULL)
            continue;
        if (part->entity_name.size < 0)
            quotas->default_limit = *limit;
        else if (ip_address_parse(part->entity_name, to->address))
            quotas->limits[quotas->limits_count++].limit = *limit;
    }
    qsort(quotas->limits, (size_t)quotas->limits_count, sizeof *quotas->limits, compare_limits);
    quotas->version = quotas->values->version;
}

static double limit_of(struct connection_quotas *quotas, const uint8_t *address)
{
    struct address_limit key = {.limit = 0};
    if (quotas->version != quotas->values->version)
        find_limits(quotas);
    memcpy(key.address, address, IP_ADDRESS_BYTES);
    const struct address_limit *found =
        quotas->limits_count == 0
            ? NULL
            : bsearch(&key, quotas->limits, (size_t)quotas->limits_count, sizeof key, compare_limits);
    return found != NULL ? found->limit : quotas->default_limit;
}

static struct address_quota *address_of(struct connection_quotas *quotas, const uint8_t *address, int64_t now_ms)
{
    uint64_t hash = hash_bytes(&quotas->addresses, address, IP_ADDRESS_BYTES);
    for (struct hash_node *node = hash_map_first(&quotas->addresses, hash); node != NULL; node = hash_node_next(node)) {
        struct address_quota *quota = CONTAINER_OF(node, struct address_quota, node);
        if (memcmp(quota->address, address, IP_ADDRESS_BYTES) == 0)
            return quota;
    }
    while (!list_empty(&quotas->by_use)) {
        struct address_quota *oldest = CONTAINER_OF(quotas->by_use.next, struct address_quota, by_use);
        if (quotas->addresses.count < QUOTA_SENSORS_MAX && now_ms - oldest->used_ms <= ADDRESS_EXPIRES_MS)
            break;
        address_free(quotas, oldest);
    }
    struct address_quota *quota = xcalloc(1, sizeof *quota);
    memcpy(quota->address, address, IP_ADDRESS_BYTES);
    list_init(&quota->by_use);
    hash_map_insert(&quotas->addresses, &quota->node, hash);
    return quota;
}

int32_t connection_quotas_record_address(struct connection_quotas *quotas, int32_t listener,
                                         const uint8_t address[IP_ADDRESS_BYTES], int64_t now_ms)
{
    double limit = quotas->values->entities.count > 0 ? limit_of(quotas, address) : UNLIMITED;
    if (limit == UNLIMITED)
        return 0;
    struct address_quota *quota = address_of(quotas, address, now_ms);
    quota->used_ms = now_ms;
    list_remove(&quota->by_use);
    list_append(&quotas->by_use, &quota->by_use);
    int32_t throttle_ms = record(quotas, &quota->rate, limit, now_ms);
    if (throttle_ms > 0) {
        quota_rate_record(&quota->rate, &quotas->windows, -1, now_ms);
        quota_rate_record(&quotas->of_listeners[listener], &quotas->windows, -1, now_ms);
        if (!is_protected(quotas, listener))
            quota_rate_record(&quotas->all, &quotas->windows, -1, now_ms);
    }
    return throttle_ms;
}
