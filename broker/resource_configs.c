/* A hash map by type and name; the values of a resource are a sorted list (topic_config.h). See resource_configs.h. */
#include "resource_configs.h"

#include <string.h>

void resource_configs_init(struct resource_configs *configs, uint64_t seed)
{
    hash_map_init(&configs->resources, seed);
}

static void resource_free(struct resource_configs *configs, struct config_resource *resource)
{
    hash_map_remove(&configs->resources, &resource->node);
    configs->bytes -= topic_overrides_bytes(&resource->overrides) + config_resource_bytes(strlen(resource->name));
    topic_overrides_release(&resource->overrides);
    free(resource->name);
    free(resource);
}

const struct config_resource *resource_configs_next(const struct resource_configs *configs,
                                                    const struct config_resource *resource)
{
    struct hash_node *node = hash_map_next(&configs->resources, resource ? &resource->node : NULL);
    return node ? CONTAINER_OF(node, struct config_resource, node) : NULL;
}

void resource_configs_release(struct resource_configs *configs)
{
    for (struct hash_node *node = hash_map_next(&configs->resources, NULL), *next; node; node = next) {
        next = hash_map_next(&configs->resources, node);
        resource_free(configs, CONTAINER_OF(node, struct config_resource, node));
    }
    hash_map_release(&configs->resources);
}

static uint64_t hash_of(const struct resource_configs *configs, int8_t type, struct kp_string name)
{
    return hash_bytes(&configs->resources, name.data, (size_t)name.size) + (uint64_t)type;
}

static struct config_resource *find(const struct resource_configs *configs, int8_t type, struct kp_string name)
{
    struct hash_node *node = hash_map_first(&configs->resources, hash_of(configs, type, name));
    for (; node; node = hash_node_next(node)) {
        struct config_resource *resource = CONTAINER_OF(node, struct config_resource, node);
        if (resource->type == type && kp_string_is(name, resource->name))
            return resource;
    }
    return NULL;
}

const struct topic_overrides *resource_configs_find(const struct resource_configs *configs, int8_t type,
                                                    struct kp_string resource)
{
    const struct config_resource *found = find(configs, type, resource);
    return found ? &found->overrides : NULL;
}

void resource_configs_set(struct resource_configs *configs, int8_t type, struct kp_string resource, const char *name,
                          const char *value)
{
    struct config_resource *found = find(configs, type, resource);
    if (!found && !value)
        return;
    if (!found) {
        found = xcalloc(1, sizeof *found);
        found->type = type;
        found->name = xcalloc((size_t)resource.size + 1, 1);
        memcpy(found->name, resource.data, (size_t)resource.size);
        configs->bytes += config_resource_bytes(strlen(found->name));
        hash_map_insert(&configs->resources, &found->node, hash_of(configs, type, resource));
    }
    configs->bytes -= topic_overrides_bytes(&found->overrides);
    topic_overrides_set(&found->overrides, name, value);
    configs->bytes += topic_overrides_bytes(&found->overrides);
    if (found->overrides.count == 0)
        resource_free(configs, found);
}

void resource_configs_remove(struct resource_configs *configs, int8_t type, struct kp_string resource)
{
    struct config_resource *found = find(configs, type, resource);
    if (found)
        resource_free(configs, found);
}
