/* Keys hashed to 128 bits, and the hash to the latest offset of the key.
 *
 *     slot: | hash 16 bytes | offset + 1, 8 bytes |      0: free          open addressing, the next slot when taken
 *
 * Keys themselves are not kept, so each takes the same 24 bytes, and log.cleaner.dedupe.buffer.size bounds the memory.
 * Two keys with one hash would be taken for one, and the older record would be lost. With 128 bits that does not happen
 * by chance, and as the hash has a secret key nobody can make it happen.
 *
 * A map is only as large as the dirty part of its log can need, and lives only while that log is cleaned; so a default
 * of 128 MiB, with which five million keys are cleaned in one go, costs an idle or small broker nothing. When the map
 * is full the cleaning covers the log up to there, and goes on in the next round. */
#include "offset_map.h"

#include "../protocol/base.h"
#include "../protocol/siphash.h"

#include <sys/mman.h>

#define LARGE_PAGES_FROM_BYTES ((size_t)4 * 1024 * 1024)

struct offset_slot {
    uint64_t hash[2];
    int64_t next_offset; /* offset + 1 */
};

_Static_assert(sizeof(struct offset_slot) == OFFSET_MAP_SLOT_BYTES, "Kafka's size of an entry");

/* Keys fall anywhere in the map, so that with small pages most of the time goes into finding out where a page is: of
 * records of 100 bytes 1 GB took 4.1 s of CPU time, and 2.8 s with large ones. */
static void want_large_pages(void *bytes, size_t size)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t page = 4096;
    if (size < LARGE_PAGES_FROM_BYTES)
        return;
    uintptr_t begin = ((uintptr_t)bytes + page - 1) & ~(page - 1), end = ((uintptr_t)bytes + size) & ~(page - 1);
    if (end > begin)
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE); /* a wish */
#else
    (void)bytes;
    (void)size;
#endif
}

void offset_map_init(struct offset_map *map, const uint64_t key[2], int64_t memory_bytes, double load_factor,
                     int64_t keys_max)
{
    int64_t slots = memory_bytes / OFFSET_MAP_SLOT_BYTES;
    int64_t entries = (int64_t)((double)slots * load_factor);
    if (entries > keys_max)
        entries = keys_max;
    if (entries < 1)
        entries = 1;
    if (slots > 2 * entries) /* where memory is no matter searches are short */
        slots = 2 * entries;
    if (slots <= entries) /* a search ends at a free slot */
        slots = entries + 1;
    *map = (struct offset_map){
        .key = {key[0], key[1]},
        .slots = xcalloc((size_t)slots, sizeof *map->slots),
        .slots_count = slots,
        .entries_max = entries,
        .latest_offset = -1,
    };
    want_large_pages(map->slots, (size_t)slots * sizeof *map->slots);
}

void offset_map_release(struct offset_map *map)
{
    free(map->slots);
    *map = (struct offset_map){.latest_offset = -1};
}

/* The slot of the key, or the free one where it belongs. */
static struct offset_slot *slot_of(const struct offset_map *map, const void *key, size_t size, uint64_t hash[2])
{
    siphash_wide(map->key, key, size, hash);
    int64_t at = (int64_t)((unsigned __int128)hash[0] * (uint64_t)map->slots_count >> 64);
    for (;;) {
        struct offset_slot *slot = &map->slots[at];
        if (slot->next_offset == 0 || (slot->hash[0] == hash[0] && slot->hash[1] == hash[1]))
            return slot;
        if (++at == map->slots_count)
            at = 0;
    }
}

bool offset_map_put(struct offset_map *map, const void *key, size_t size, int64_t offset)
{
    uint64_t hash[2];
    if (map->entries >= map->entries_max)
        return false;
    struct offset_slot *slot = slot_of(map, key, size, hash);
    map->entries += slot->next_offset == 0;
    *slot = (struct offset_slot){
        .hash = {hash[0], hash[1]},
          .next_offset = offset + 1
    };
    map->latest_offset = offset;
    return true;
}

int64_t offset_map_get(const struct offset_map *map, const void *key, size_t size)
{
    uint64_t hash[2];
    return slot_of(map, key, size, hash)->next_offset - 1;
}
