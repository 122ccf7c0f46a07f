/* Kafka's compression codecs as streams. See compress.c for what is common, compress_CODEC.c for each codec's framing.
 */
#ifndef DOHLE_PROTOCOL_COMPRESS_H
#define DOHLE_PROTOCOL_COMPRESS_H

#include "base.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum codec {
    CODEC_NONE = 0,
    CODEC_GZIP = 1,
    CODEC_SNAPPY = 2,
    CODEC_LZ4 = 3,
    CODEC_ZSTD = 4,
    CODEC_PRODUCER = -1, /* compression.type=producer: no codec of a batch */
};

#define CODEC_COUNT 5 /* those that a batch can have, none among them */

/* Kafka's default levels (compression.*.level); snappy has no levels. */
#define GZIP_LEVEL_DEFAULT (-1)
#define LZ4_LEVEL_DEFAULT  9
#define ZSTD_LEVEL_DEFAULT 3

/* "none", "gzip", ...; NULL for a number that is no codec. Static text. */
const char *codec_name(int codec);

/* The level that Kafka uses when nothing is configured. */
int codec_level_default(enum codec codec);

/* Decompresses one stream after the other, in pieces, so that memory stays bounded whatever the input claims. Contexts
 * and buffers of earlier streams are used again: keep one per thread of work and steady state allocates nothing. */
struct decompressor;

struct decompressor *decompressor_new(void);
void decompressor_free(struct decompressor *decompressor); /* NULL is allowed */

/* Begin a stream; an earlier one is forgotten. `in` is borrowed until the end, the next start or the free. False when
 * `codec` is none or unknown, when the head of the stream is damaged, or when memory is out. */
bool decompressor_start(struct decompressor *decompressor, enum codec codec, const void *in,
                        size_t in_size) WARN_UNUSED;

/* Fill up to `size` bytes, size > 0. Returns the count, less than `size` only at the end (0: at the end, each time), or
 * -1 for damaged input; what was decompressed before the damage may be lost. */
ssize_t decompressor_read(struct decompressor *decompressor, void *out, size_t size) WARN_UNUSED;

/* Forget the stream: its input is no longer borrowed, and buffers that only an unusual stream needs are given back. */
void decompressor_end(struct decompressor *decompressor);

/* Compresses in pieces into memory of its own, as Kafka's Java code frames it; with CODEC_NONE it only gathers. */
struct compressor;

/* `level`: gzip -1 or 1-9, lz4 1-17, zstd -131072-22; not used for snappy and none. The output begins with `reserved`
 * bytes that the caller fills in later (a batch header), and all of it never passes `limit` bytes. NULL when the codec
 * is unknown or refuses the level. */
struct compressor *compressor_new(enum codec codec, int level, size_t reserved, size_t limit);
/* False when the limit is reached, memory is out or the codec failed; stays false then. */
bool compressor_write(struct compressor *compressor, const void *in, size_t in_size);
/* End the stream. Returns memory of *out_size bytes, reserved ones included, that the caller frees, or NULL when the
 * end or something before it failed. Nothing can be written after it. */
uint8_t *compressor_finish(struct compressor *compressor, size_t *out_size) WARN_UNUSED;
/* Was the limit the reason why it failed? */
bool compressor_limit_reached(const struct compressor *compressor);
void compressor_free(struct compressor *compressor); /* NULL is allowed */

/* All of `in` in one go: memory of *out_size bytes that the caller frees, or NULL as above. */
uint8_t *compress_all(enum codec codec, int level, const void *in, size_t in_size, size_t *out_size);

#endif
