/* Buckets with chains, and SipHash. See hash_map.h. */
#include "hash_map.h"

#include "siphash.h"

#include <string.h>

#define BUCKETS_MIN 16

void hash_map_init(struct hash_map *map, uint64_t seed)
{
    *map = (struct hash_map){.seed = seed};
}

void hash_map_reserve(struct hash_map *map, size_t count)
{
    ASSERT(map->buckets == NULL);
    map->buckets_count = BUCKETS_MIN;
    while (map->buckets_count < count)
        map->buckets_count *= 2;
    map->buckets = xcalloc(map->buckets_count, sizeof *map->buckets);
}

void hash_map_release(struct hash_map *map)
{
    free(map->buckets);
    hash_map_init(map, map->seed);
}

static struct hash_node **bucket_of(const struct hash_map *map, uint64_t hash)
{
    return &map->buckets[hash & (map->buckets_count - 1)];
}

static struct hash_node *with_hash(struct hash_node *node, uint64_t hash)
{
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

struct hash_node *hash_map_first(const struct hash_map *map, uint64_t hash)
{
    return map->buckets ? with_hash(*bucket_of(map, hash), hash) : NULL;
}

struct hash_node *hash_node_next(const struct hash_node *node)
{
    return with_hash(node->next, node->hash);
}

struct hash_node *hash_map_next(const struct hash_map *map, const struct hash_node *node)
{
    if (node && node->next)
        return node->next;
    for (size_t i = node ? (node->hash & (map->buckets_count - 1)) + 1 : 0; i < map->buckets_count; i++) {
        if (map->buckets[i])
            return map->buckets[i];
    }
    return NULL;
}

static void grow(struct hash_map *map)
{
    struct hash_node **old = map->buckets;
    size_t old_count = map->buckets_count;
    map->buckets_count = old_count > 0 ? 2 * old_count : BUCKETS_MIN;
    map->buckets = xcalloc(map->buckets_count, sizeof *map->buckets);
    for (size_t i = 0; i < old_count; i++) {
        for (struct hash_node *node = old[i], *next; node; node = next) {
            next = node->next;
            struct hash_node **bucket = bucket_of(map, node->hash);
            node->next = *bucket;
            *bucket = node;
        }
    }
    free(old);
}

void hash_map_insert(struct hash_map *map, struct hash_node *node, uint64_t hash)
{
    if (map->count == map->buckets_count)
        grow(map);
    struct hash_node **bucket = bucket_of(map, hash);
    *node = (struct hash_node){.next = *bucket, .hash = hash};
    *bucket = node;
    map->count++;
}

void hash_map_remove(struct hash_map *map, struct hash_node *node)
{
    struct hash_node **link = bucket_of(map, node->hash);
    while (*link != node) {
        ASSERT(*link);
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    map->count--;
}

/* The seed of 64 bits is widened to the key of 128. */
uint64_t hash_bytes(const struct hash_map *map, const void *bytes, size_t size)
{
    const uint64_t key[2] = {map->seed, (map->seed << 32 | map->seed >> 32) ^ UINT64_C(0x9e3779b97f4a7c15)};
    return siphash(key, bytes, size);
}
