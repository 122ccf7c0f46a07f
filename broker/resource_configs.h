/* Configuration values that were set at run time, by resource: those of topics, of brokers, of groups. As text, exactly
 * as the metadata log has them; what they mean is decided elsewhere (topic_config.h, config.h). */
#ifndef DOHLE_BROKER_RESOURCE_CONFIGS_H
#define DOHLE_BROKER_RESOURCE_CONFIGS_H

#include "../protocol/hash_map.h"
#include "topic_config.h"

/* Numbers of the protocol. */
enum resource_type {
    RESOURCE_TOPIC = 2,
    RESOURCE_BROKER = 4, /* named by its id; the empty name is the default of all brokers */
    RESOURCE_BROKER_LOGGER = 8,
    RESOURCE_CLIENT_METRICS = 16,
    RESOURCE_GROUP = 32,
};

struct config_resource {
    struct hash_node node; /* by type and name */
    int8_t type;
    char *name;
    struct topic_overrides overrides; /* never empty */
};

/* About what a resource takes without its values, by the length of its name. */
static inline size_t config_resource_bytes(size_t name_size)
{
    return sizeof(struct config_resource) + name_size + 1;
}

struct resource_configs {
    struct hash_map resources;
    size_t bytes; /* of all resources with their values */
};

void resource_configs_init(struct resource_configs *configs, uint64_t seed);
void resource_configs_release(struct resource_configs *configs);

/* What is set for a resource, NULL when nothing is. Valid until the next change of that resource. */
const struct topic_overrides *resource_configs_find(const struct resource_configs *configs, int8_t type,
                                                    struct kp_string resource);
/* Set a value (copied), or with NULL remove it. */
void resource_configs_set(struct resource_configs *configs, int8_t type, struct kp_string resource, const char *name,
                          const char *value);
/* Forget all values of a resource. */
void resource_configs_remove(struct resource_configs *configs, int8_t type, struct kp_string resource);
/* Walk all resources, in no order: the first for NULL, then the one after `resource`. */
const struct config_resource *resource_configs_next(const struct resource_configs *configs,
                                                    const struct config_resource *resource);

#endif
