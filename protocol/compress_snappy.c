/* snappy over libsnappy, in the framing of the Java library (xerial), which is Kafka's:
 *
 *     header                                                          block
 *     +---------------------------------+-----------+------------+      +------+------------+
 *     | 82 'S' 'N' 'A' 'P' 'P' 'Y' 00   | version 1 | compat. 1  |      | size | raw snappy |   and so on
 *     +---------------------------------+-----------+------------+      +------+------------+
 *      8                                 int32       int32               int32  size bytes      all big-endian
 *
 * Rules, from snappy-java 1.1.10: without that magic the whole input is one raw snappy block (some old clients send
 * that); the header may stand again between blocks; fewer than 4 bytes behind the last block are ignored; a compatible
 * version below 1 is refused. A block is 32 KiB before compression when we write.
 *
 * A raw block begins with its decompressed size. Three bytes are the shortest element, a copy of at most 64 bytes, so a
 * block that claims more than that is refused before any memory is asked for. */
#include "compress_codec.h"

#include "bytes.h"

#include <snappy-c.h>

#define SNAPPY_HEADER_BYTES  16
#define SNAPPY_BLOCK_BYTES   (32 * 1024)
#define SNAPPY_VERSION       1
#define SNAPPY_COPY_BYTES    64 /* most that one element of SNAPPY_ELEMENT_BYTES gives */
#define SNAPPY_ELEMENT_BYTES 3

static const uint8_t snappy_magic[8] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};

struct snappy_decoder {
    struct span in;
    bool raw; /* the whole input is one block */
    uint8_t *block;
    size_t block_capacity, block_at, block_end;
};

static void *snappy_decoder_new(void)
{
    return xcalloc(1, sizeof(struct snappy_decoder));
}

static void snappy_decoder_free(void *context)
{
    struct snappy_decoder *decoder = context;
    free(decoder->block);
    free(decoder);
}

/* Skip a header whose magic was recognised. */
static bool snappy_read_header(struct span *in)
{
    bool good = span_left(in) >= SNAPPY_HEADER_BYTES && memcmp(in->at, snappy_magic, sizeof snappy_magic) == 0 &&
                (int32_t)load_be32(in->at + 8) >= SNAPPY_VERSION;
    in->at += good ? SNAPPY_HEADER_BYTES : 0;
    return good;
}

static bool snappy_start(void *context, struct span in)
{
    struct snappy_decoder *decoder = context;
    decoder->block_at = decoder->block_end = 0;
    decoder->in = in;
    decoder->raw = span_left(&in) < SNAPPY_HEADER_BYTES || memcmp(in.at, snappy_magic, sizeof snappy_magic) != 0;
    return decoder->raw ? span_left(&in) > 0 : snappy_read_header(&decoder->in);
}

/* Decompress one raw block of `size` bytes at the front of the input. */
static bool snappy_block(struct snappy_decoder *decoder, size_t size)
{
    const char *from = (const char *)decoder->in.at;
    size_t claimed;
    if (snappy_uncompressed_length(from, size, &claimed) != SNAPPY_OK)
        return false;
    if (claimed / SNAPPY_COPY_BYTES > size / SNAPPY_ELEMENT_BYTES)
        return false;
    if (!buffer_reserve(&decoder->block, &decoder->block_capacity, claimed > 0 ? claimed : 1))
        return false;
    decoder->block_at = 0;
    decoder->block_end = decoder->block_capacity;
    decoder->in.at += size;
    return snappy_uncompress(from, size, (char *)decoder->block, &decoder->block_end) == SNAPPY_OK &&
           decoder->block_end == claimed;
}

/* The next block: 1, 0 at the end, -1 for damage. */
static int snappy_next(struct snappy_decoder *decoder)
{
    size_t left = span_left(&decoder->in);
    if (decoder->raw)
        return left == 0 ? 0 : snappy_block(decoder, left) ? 1 : -1;
    while (left >= 4) {
        if (memcmp(decoder->in.at, snappy_magic, 4) == 0) {
            if (!snappy_read_header(&decoder->in))
                return -1;
            left = span_left(&decoder->in);
            continue;
        }
        uint32_t size = load_be32(decoder->in.at);
        decoder->in.at += 4;
        return size <= left - 4 && snappy_block(decoder, size) ? 1 : -1;
    }
    return 0;
}

static ssize_t snappy_read(void *context, uint8_t *out, size_t size)
{
    struct snappy_decoder *decoder = context;
    while (decoder->block_at == decoder->block_end) {
        int next = snappy_next(decoder);
        if (next <= 0)
            return next;
    }
    size_t left = decoder->block_end - decoder->block_at;
    size = size < left ? size : left;
    memcpy(out, decoder->block + decoder->block_at, size);
    decoder->block_at += size;
    return (ssize_t)size;
}

static void snappy_end(void *context)
{
    struct snappy_decoder *decoder = context;
    decoder->in = (struct span){NULL, NULL};
    decoder->block_at = decoder->block_end = 0;
    buffer_trim(&decoder->block, &decoder->block_capacity);
}

struct snappy_encoder {
    size_t block_bytes, packed_capacity;
    bool header_written;
    uint8_t block[SNAPPY_BLOCK_BYTES];
    char packed[]; /* room for one compressed block */
};

static void *snappy_encoder_new(int level)
{
    (void)level;
    size_t capacity = snappy_max_compressed_length(SNAPPY_BLOCK_BYTES);
    struct snappy_encoder *encoder = xmalloc(sizeof *encoder + capacity);
    encoder->block_bytes = 0;
    encoder->packed_capacity = capacity;
    encoder->header_written = false;
    return encoder;
}

static bool snappy_flush(struct snappy_encoder *encoder, struct sink *sink)
{
    if (!encoder->header_written) {
        uint8_t header[SNAPPY_HEADER_BYTES];
        memcpy(header, snappy_magic, sizeof snappy_magic);
        store_be32(header + 8, SNAPPY_VERSION);
        store_be32(header + 12, SNAPPY_VERSION);
        if (!sink_append(sink, header, sizeof header))
            return false;
        encoder->header_written = true;
    }
    size_t packed_bytes = encoder->packed_capacity;
    if (snappy_compress((const char *)encoder->block, encoder->block_bytes, encoder->packed, &packed_bytes) !=
        SNAPPY_OK)
        return false;
    uint8_t size[4];
    store_be32(size, (uint32_t)packed_bytes);
    encoder->block_bytes = 0;
    return sink_append(sink, size, sizeof size) && sink_append(sink, encoder->packed, packed_bytes);
}

static bool snappy_write(void *context, struct sink *sink, const uint8_t *in, size_t in_size)
{
    struct snappy_encoder *encoder = context;
    while (in_size > 0) {
        if (encoder->block_bytes == SNAPPY_BLOCK_BYTES && !snappy_flush(encoder, sink))
            return false;
        block_fill(encoder->block, SNAPPY_BLOCK_BYTES, &encoder->block_bytes, &in, &in_size);
    }
    return true;
}

static bool snappy_finish(void *context, struct sink *sink)
{
    struct snappy_encoder *encoder = context;
    return (encoder->block_bytes == 0 && encoder->header_written) || snappy_flush(encoder, sink);
}

const struct codec_methods snappy_methods = {
    .decoder_new = snappy_decoder_new,
    .decoder_free = snappy_decoder_free,
    .start = snappy_start,
    .read = snappy_read,
    .end = snappy_end,
    .level_min = INT32_MIN, /* snappy has none: any is ignored */
    .level_max = INT32_MAX,
    .encoder_new = snappy_encoder_new,
    .encoder_free = free,
    .write = snappy_write,
    .finish = snappy_finish,
};
