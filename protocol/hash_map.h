/* A hash map through a member of the mapped struct, as list.h is a list: the map owns an array of buckets and nothing
 * else.
 *
 *     buckets:  [0]  [1]  [2]  [3] ...         a power of two, doubled when there are as many nodes as buckets
 *                |         |
 *               node      node -> node         hash_node, embedded in what is mapped
 *
 * The caller computes the hash, walks the nodes that share it and compares the keys; so one map serves any kind of key:
 *
 *     for (struct hash_node *node = hash_map_first(&map, hash); node; node = hash_node_next(node))
 *         if (key of CONTAINER_OF(node, struct thing, node) is the one) ...
 *
 * Keys that peers choose are hashed with a seed that they do not know (hash_bytes), or a peer could put all in one
 * bucket. */
#ifndef DOHLE_PROTOCOL_HASH_MAP_H
#define DOHLE_PROTOCOL_HASH_MAP_H

#include "base.h"

#include <stdint.h>

struct hash_node {
    struct hash_node *next; /* in the same bucket */
    uint64_t hash;
};

struct hash_map {
    struct hash_node **buckets; /* NULL while empty */
    size_t buckets_count;       /* a power of two, or 0 */
    size_t count;
    uint64_t seed; /* for hash_bytes() */
};

/* An empty map that allocates nothing until something is put into it. */
void hash_map_init(struct hash_map *map, uint64_t seed);
/* Have buckets for `count` nodes, so that none of the first so many has it grow. The map is empty. */
void hash_map_reserve(struct hash_map *map, size_t count);
/* Free the buckets. The nodes are the caller's: they are freed or forgotten before. */
void hash_map_release(struct hash_map *map);

/* The first and the next node with this very hash, NULL when there is none. */
struct hash_node *hash_map_first(const struct hash_map *map, uint64_t hash);
struct hash_node *hash_node_next(const struct hash_node *node);

/* Walk all nodes, in no order: the first for NULL, then the one after `node`, which is asked for before `node` is
 * removed. */
struct hash_node *hash_map_next(const struct hash_map *map, const struct hash_node *node);

/* Put a node in that is in no map. Equal keys are the caller's affair. */
void hash_map_insert(struct hash_map *map, struct hash_node *node, uint64_t hash);
void hash_map_remove(struct hash_map *map, struct hash_node *node);

/* SipHash-1-3 of `size` bytes under the map's seed. */
uint64_t hash_bytes(const struct hash_map *map, const void *bytes, size_t size);

#endif
