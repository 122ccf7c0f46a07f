/* Kafka's compression codecs as streams. See compress.c for each codec's framing. */
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

/* "none", "gzip", ...; NULL for a number that is no codec. Static text. */
const char *codec_name(int codec);

/* Decompresses in pieces, so that memory stays bounded whatever the input claims. */
struct decompressor;

/* `in` is borrowed until the close. NULL when the codec is none or unknown. */
struct decompressor *decompressor_open(enum codec codec, const void *in, size_t in_size);
/* Fill up to `size` bytes. Returns the count, less than `size` only at the end (0: at the end), or -1 for damaged input. */
ssize_t decompressor_read(struct decompressor *decompressor, void *out, size_t size);
void decompressor_close(struct decompressor *decompressor);

/* Compress all of `in` as Kafka's Java code frames it. Returns memory of *out_size bytes that the caller frees, or NULL when
 * the codec refuses. `level`: gzip -1 or 1-9, lz4 1-17, zstd -131072-22; not used for snappy. */
uint8_t *compress_all(enum codec codec, int level, const void *in, size_t in_size, size_t *out_size);

#endif
