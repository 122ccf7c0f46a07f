/* The latest offset of each key, in memory of a fixed size: what compaction knows about a log. See offset_map.c. */
#ifndef DOHLE_STORAGE_OFFSET_MAP_H
#define DOHLE_STORAGE_OFFSET_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OFFSET_MAP_SLOT_BYTES 24

struct offset_map {
    uint64_t key[2]; /* of the hash: nobody else knows it */
    struct offset_slot *slots;
    int64_t slots_count;
    int64_t entries, entries_max;
    int64_t latest_offset; /* everything up to here is in it; -1: nothing */
};

/* An empty map that takes at most `memory_bytes`, filled up to `load_factor` of it, and no more than `keys_max` keys
 * need. At least one key fits. */
void offset_map_init(struct offset_map *map, const uint64_t key[2], int64_t memory_bytes, double load_factor,
                     int64_t keys_max);
void offset_map_release(struct offset_map *map);

/* `offset` is the latest of the key. False when the map is full, and then nothing changed. */
bool offset_map_put(struct offset_map *map, const void *key, size_t size, int64_t offset);
/* The latest offset of the key, -1 when it is not there. */
int64_t offset_map_get(const struct offset_map *map, const void *key, size_t size);

#endif
