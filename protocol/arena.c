/* Arena: chunks in a list, the newest in front; allocation takes from the end of the newest.
 *
 *     arena.chunks -> [header | used ...... | left_bytes] -> [header | used ..] -> NULL
 *
 * A chunk is 4 KiB, doubled for each further one up to 256 KiB, or as large as one allocation that would not fit. */
#include "arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdalign.h>
#include <string.h>

#define CHUNK_BYTES_MIN ((size_t)4096)
#define CHUNK_BYTES_MAX ((size_t)256 * 1024)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size_bytes; /* of the data, without this header */
    alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

static bool arena_grow(struct arena *arena, size_t size)
{
    size_t wanted = arena->chunks == NULL ? CHUNK_BYTES_MIN : arena->chunks->size_bytes * 2;
    wanted = wanted > CHUNK_BYTES_MAX ? CHUNK_BYTES_MAX : wanted;
    size_t left = arena->limit_bytes - arena->used_bytes;
    wanted = wanted > left ? left : wanted;
    wanted = wanted < size ? size : wanted;
    if (wanted > left)
        return false;
    struct arena_chunk *chunk = malloc(sizeof *chunk + wanted);
    if (chunk == NULL)
        return false;
    chunk->next = arena->chunks;
    chunk->size_bytes = wanted;
    arena->chunks = chunk;
    arena->left_bytes = wanted;
    arena->used_bytes += wanted;
    return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t align = alignof(max_align_t);
    if (size > SIZE_MAX - align)
        return NULL;
    size = (size + align - 1) / align * align;
    /* chunk sizes need not be multiples of the alignment: what is taken from the end must stay aligned */
    if (arena->chunks == NULL || size > arena->left_bytes / align * align) {
        if (!arena_grow(arena, size))
            return NULL;
    }
    struct arena_chunk *chunk = arena->chunks;
    size_t usable = arena->left_bytes / align * align;
    arena->left_bytes = usable - size;
    return chunk->data + (chunk->size_bytes / align * align - usable);
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    void *memory = arena_alloc(arena, bytes);
    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

char *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
    char *copy = size == SIZE_MAX ? NULL : arena_alloc(arena, size + 1);
    if (copy == NULL)
        return NULL;
    if (size > 0)
        memcpy(copy, bytes, size);
    copy[size] = '\0';
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = size < 0 ? NULL : arena_alloc(arena, (size_t)size + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}

static void free_chunks_but(struct arena *arena, struct arena_chunk *last)
{
    while (arena->chunks != last) {
        struct arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        free(chunk);
    }
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *first = arena->chunks;
    while (first != NULL && first->next != NULL)
        first = first->next;
    free_chunks_but(arena, first);
    arena->left_bytes = arena->used_bytes = first == NULL ? 0 : first->size_bytes;
}

void *arena_take(struct arena *arena, size_t *size_bytes)
{
    struct arena_chunk *chunk = arena->chunks;
    if (chunk == NULL)
        return NULL;
    *size_bytes = sizeof *chunk + chunk->size_bytes;
    arena->chunks = chunk->next;
    arena->used_bytes -= chunk->size_bytes;
    arena->left_bytes = 0;
    return chunk;
}

void arena_release(struct arena *arena)
{
    free_chunks_but(arena, NULL);
    arena->left_bytes = arena->used_bytes = 0;
}
