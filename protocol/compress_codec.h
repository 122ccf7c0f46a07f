/* What each codec implements for compress.c. Private to compress*.c. */
#ifndef DOHLE_PROTOCOL_COMPRESS_CODEC_H
#define DOHLE_PROTOCOL_COMPRESS_CODEC_H

#include "compress.h"

#include <string.h>

/* What a decompressor keeps for the next stream. Java's client writes blocks of 32 or 64 KiB, and zstd at its default
 * level uses a window of 2 MiB; who sends larger ones pays for an allocation each time, and an idle broker stays small.
 */
#define CODEC_KEPT_BYTES_MAX ((size_t)4 * 1024 * 1024)

/* Compressed bytes that were not read yet. */
struct span {
    const uint8_t *at, *end;
};

static inline size_t span_left(const struct span *span)
{
    return (size_t)(span->end - span->at);
}

/* Compressed bytes that were written so far. */
struct sink {
    uint8_t *bytes;
    size_t size_bytes, capacity_bytes, limit_bytes;
    bool limit_reached;
};

/* Make room for at least one more byte at bytes + size_bytes. False at the limit or without memory. */
bool sink_reserve(struct sink *sink) WARN_UNUSED;
/* Copy `size` bytes to the end; false as above. */
bool sink_append(struct sink *sink, const void *bytes, size_t size) WARN_UNUSED;

/* Grow *buffer of *capacity to `size` bytes, which a peer may have decided; its content is lost. False without memory.
 */
bool buffer_reserve(uint8_t **buffer, size_t *capacity, size_t size) WARN_UNUSED;
/* Free a buffer that is larger than what is worth keeping. */
void buffer_trim(uint8_t **buffer, size_t *capacity);

/* Move input to the end of a block of `block_max` bytes, until that is full or the input is used up. */
static inline void block_fill(void *block, size_t block_max, size_t *block_bytes, const uint8_t **in, size_t *in_size)
{
    size_t room = block_max - *block_bytes;
    size_t piece = *in_size < room ? *in_size : room;
    memcpy((char *)block + *block_bytes, *in, piece);
    *block_bytes += piece;
    *in += piece;
    *in_size -= piece;
}

/* One codec. A decoder is made at its first stream and then used for one after the other; an encoder lives for one
 * stream. */
struct codec_methods {
    void *(*decoder_new)(void);
    void (*decoder_free)(void *decoder);
    bool (*start)(void *decoder, struct span in);
    /* As decompressor_read(), but may return less than `size` anywhere: 0 is the end. */
    ssize_t (*read)(void *decoder, uint8_t *out, size_t size);
    void (*end)(void *decoder);

    int level_min, level_max, level_default;
    void *(*encoder_new)(int level); /* NULL: no memory */
    void (*encoder_free)(void *encoder);
    bool (*write)(void *encoder, struct sink *sink, const uint8_t *in, size_t in_size);
    bool (*finish)(void *encoder, struct sink *sink);
};

extern const struct codec_methods gzip_methods, snappy_methods, lz4_methods, zstd_methods;

#endif
