/* Memory with one lifetime: many small allocations, one release. See arena.c for the layout.
 *
 * A request decodes into its arena, builds its answer there, and gives all back at once. The limit bounds what a peer
 * can make us allocate; an arena that was reset keeps its first chunk, so a busy connection allocates nothing per
 * request. */
#ifndef DOHLE_PROTOCOL_ARENA_H
#define DOHLE_PROTOCOL_ARENA_H

#include "base.h"

#include <stdint.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first; the last one is kept by arena_reset() */
    size_t left_bytes;          /* free bytes at the end of the newest chunk */
    size_t used_bytes;          /* bytes of all chunks together */
    size_t limit_bytes;         /* used_bytes never passes it */
};

/* An empty arena that allocates nothing until it is asked. */
void arena_init(struct arena *arena, size_t limit_bytes);

/* `size` bytes aligned for any type, or NULL when the limit or the system's memory is reached. Not zeroed. */
void *arena_alloc(struct arena *arena, size_t size) WARN_UNUSED;

/* `count` zeroed items of `size` bytes, or NULL as above, also when the product overflows. */
void *arena_calloc(struct arena *arena, size_t count, size_t size) WARN_UNUSED;

/* A copy of `size` bytes with a zero byte behind them, or NULL as above. */
char *arena_copy(struct arena *arena, const void *bytes, size_t size) WARN_UNUSED;

/* printf into the arena, or NULL as above. */
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3) WARN_UNUSED;

/* Forget all allocations but keep the first chunk for the next ones. */
void arena_reset(struct arena *arena);

/* Take the newest block out of the arena, to be freed by the caller; NULL: it has none. */
void *arena_take(struct arena *arena, size_t *size_bytes) WARN_UNUSED;

/* Free everything; the arena may be used again. */
void arena_release(struct arena *arena);

#endif
