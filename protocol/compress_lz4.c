/* lz4 in its frame format (version 1.x), over liblz4's block functions: a header, blocks, an end mark.
 *
 *     header                                              block                         end mark
 *     +-------------+-----+----+--------------+----+      +------+-------+----------+   +------+   +----------+
 *     | 04 22 4d 18 | FLG | BD | content size | HC |      | size | bytes | checksum |   | 0    |   | checksum |
 *     +-------------+-----+----+--------------+----+      +------+-------+----------+   +------+   +----------+
 *      magic         1     1    8, if in FLG   1           4              4, if in FLG   4          4, if in FLG
 *
 * Integers are little-endian. The top bit of a size: the block is stored as it is. HC is the second byte of the
 * xxHash32 of what lies between magic and HC.
 *
 * The frame is read here, not by liblz4's frame functions, because Kafka's Java decoder is its own: blocks must be
 * independent, reserved bits (a dictionary id among them) must be zero, block checksums are verified, content size and
 * content checksum are not, and whatever follows the end mark is ignored. When writing: blocks of 64 KiB, no checksums;
 * level 9, Kafka's default, means the fast compressor and any other the high one, as in Java. */
#include "compress_codec.h"

#include "bytes.h"

#include <lz4.h>
#include <lz4hc.h>

#define LZ4_MAGIC           0x184D2204u
#define LZ4_STORED          0x80000000u
#define LZ4_BLOCK_BYTES     (64 * 1024)
#define LZ4_FLG_VERSION     0x40
#define LZ4_FLG_INDEPENDENT 0x20
#define LZ4_FLG_BLOCK_SUM   0x10
#define LZ4_FLG_SIZE        0x08
#define LZ4_FLG_CONTENT_SUM 0x04
#define LZ4_FLG_KNOWN       (LZ4_FLG_VERSION | LZ4_FLG_INDEPENDENT | LZ4_FLG_BLOCK_SUM | LZ4_FLG_SIZE | LZ4_FLG_CONTENT_SUM)

static uint32_t load_le32(const uint8_t *from)
{
    return __builtin_bswap32(load_be32(from));
}

static void store_le32(uint8_t *to, uint32_t value)
{
    store_be32(to, __builtin_bswap32(value));
}

/* ---- xxHash32 with seed 0: the checksum of the frame format ---------------------------------------------------- */

#define XX_PRIME_1 2654435761u
#define XX_PRIME_2 2246822519u
#define XX_PRIME_3 3266489917u
#define XX_PRIME_4 668265263u
#define XX_PRIME_5 374761393u

static uint32_t rotate_left(uint32_t value, int bits)
{
    return value << bits | value >> (32 - bits);
}

static uint32_t xxhash32(const uint8_t *at, size_t size)
{
    const uint8_t *end = at + size;
    uint32_t hash = XX_PRIME_5;
    if (size >= 16) {
        uint32_t lanes[4] = {XX_PRIME_1 + XX_PRIME_2, XX_PRIME_2, 0, 0u - XX_PRIME_1};
        for (; end - at >= 16; at += 16) {
            for (int i = 0; i < 4; i++)
                lanes[i] = rotate_left(lanes[i] + load_le32(at + 4 * i) * XX_PRIME_2, 13) * XX_PRIME_1;
        }
        hash =
            rotate_left(lanes[0], 1) + rotate_left(lanes[1], 7) + rotate_left(lanes[2], 12) + rotate_left(lanes[3], 18);
    }
    hash += (uint32_t)size;
    for (; end - at >= 4; at += 4)
        hash = rotate_left(hash + load_le32(at) * XX_PRIME_3, 17) * XX_PRIME_4;
    for (; at < end; at++)
        hash = rotate_left(hash + *at * XX_PRIME_5, 11) * XX_PRIME_1;
    hash = (hash ^ hash >> 15) * XX_PRIME_2;
    hash = (hash ^ hash >> 13) * XX_PRIME_3;
    return hash ^ hash >> 16;
}

/* ---- decoder --------------------------------------------------------------------------------------------------- */

struct lz4_decoder {
    struct span in;
    struct span block; /* decompressed bytes that were not read yet: in `buffer`, or a stored block in the input */
    uint8_t *buffer;
    size_t buffer_capacity, block_bytes_max;
    bool block_sums, content_sum, ended;
};

static void *lz4_decoder_new(void)
{
    return xcalloc(1, sizeof(struct lz4_decoder));
}

static void lz4_decoder_free(void *context)
{
    struct lz4_decoder *decoder = context;
    free(decoder->buffer);
    free(decoder);
}

static bool lz4_start(void *context, struct span in)
{
    struct lz4_decoder *decoder = context;
    decoder->block = (struct span){NULL, NULL};
    decoder->ended = false;
    if (span_left(&in) < 7 || load_le32(in.at) != LZ4_MAGIC)
        return false;
    const uint8_t *descriptor = in.at + 4;
    uint8_t flags = descriptor[0], block_size = descriptor[1];
    if ((flags & ~LZ4_FLG_KNOWN) != 0 || (flags & LZ4_FLG_VERSION) == 0 || (flags & LZ4_FLG_INDEPENDENT) == 0)
        return false;
    if ((block_size & 0x8f) != 0 || block_size >> 4 < 4)
        return false;
    size_t descriptor_bytes = flags & LZ4_FLG_SIZE ? 10 : 2;
    if (span_left(&in) < 4 + descriptor_bytes + 1)
        return false;
    if (descriptor[descriptor_bytes] != (uint8_t)(xxhash32(descriptor, descriptor_bytes) >> 8))
        return false;
    decoder->block_bytes_max = (size_t)1 << (2 * (block_size >> 4) + 8);
    decoder->block_sums = flags & LZ4_FLG_BLOCK_SUM;
    decoder->content_sum = flags & LZ4_FLG_CONTENT_SUM;
    decoder->in = (struct span){descriptor + descriptor_bytes + 1, in.end};
    return true;
}

/* Take the next block or the end mark. */
static bool lz4_next(struct lz4_decoder *decoder)
{
    struct span *in = &decoder->in;
    if (span_left(in) < 4)
        return false;
    uint32_t size = load_le32(in->at);
    bool stored = size & LZ4_STORED;
    size &= ~LZ4_STORED;
    in->at += 4;
    if (size == 0) {
        decoder->ended = true;
        return !decoder->content_sum || span_left(in) >= 4;
    }
    if (size > decoder->block_bytes_max || size > span_left(in))
        return false;
    const uint8_t *bytes = in->at;
    in->at += size;
    if (decoder->block_sums) {
        if (span_left(in) < 4 || load_le32(in->at) != xxhash32(bytes, size))
            return false;
        in->at += 4;
    }
    if (stored) {
        decoder->block = (struct span){bytes, bytes + size};
        return true;
    }
    if (!buffer_reserve(&decoder->buffer, &decoder->buffer_capacity, decoder->block_bytes_max))
        return false;
    int got =
        LZ4_decompress_safe((const char *)bytes, (char *)decoder->buffer, (int)size, (int)decoder->block_bytes_max);
    if (got < 0)
        return false;
    decoder->block = (struct span){decoder->buffer, decoder->buffer + got};
    return true;
}

static ssize_t lz4_read(void *context, uint8_t *out, size_t size)
{
    struct lz4_decoder *decoder = context;
    while (!decoder->ended && span_left(&decoder->block) == 0) {
        if (!lz4_next(decoder))
            return -1;
    }
    size_t left = span_left(&decoder->block);
    if (left == 0)
        return 0;
    size = size < left ? size : left;
    memcpy(out, decoder->block.at, size);
    decoder->block.at += size;
    return (ssize_t)size;
}

static void lz4_end(void *context)
{
    struct lz4_decoder *decoder = context;
    decoder->in = decoder->block = (struct span){NULL, NULL};
    buffer_trim(&decoder->buffer, &decoder->buffer_capacity);
}

/* ---- encoder --------------------------------------------------------------------------------------------------- */

struct lz4_encoder {
    int level;
    bool header_written;
    size_t block_bytes;
    void *high_state; /* of the high compressor; NULL: the fast one */
    char block[LZ4_BLOCK_BYTES];
    char packed[LZ4_COMPRESSBOUND(LZ4_BLOCK_BYTES)];
};

static void *lz4_encoder_new(int level)
{
    struct lz4_encoder *encoder = xmalloc(sizeof *encoder);
    encoder->level = level;
    encoder->header_written = false;
    encoder->block_bytes = 0;
    encoder->high_state = level == LZ4_LEVEL_DEFAULT ? NULL : xmalloc((size_t)LZ4_sizeofStateHC());
    return encoder;
}

static void lz4_encoder_free(void *context)
{
    struct lz4_encoder *encoder = context;
    free(encoder->high_state);
    free(encoder);
}

static bool lz4_write_header(struct sink *sink)
{
    uint8_t header[7];
    store_le32(header, LZ4_MAGIC);
    header[4] = LZ4_FLG_VERSION | LZ4_FLG_INDEPENDENT;
    header[5] = 4 << 4; /* blocks of 64 KiB */
    header[6] = (uint8_t)(xxhash32(header + 4, 2) >> 8);
    return sink_append(sink, header, sizeof header);
}

static bool lz4_flush(struct lz4_encoder *encoder, struct sink *sink)
{
    if (!encoder->header_written && !lz4_write_header(sink))
        return false;
    encoder->header_written = true;
    int in_size = (int)encoder->block_bytes, out_size;
    encoder->block_bytes = 0;
    if (in_size == 0)
        return true;
    if (encoder->high_state == NULL)
        out_size = LZ4_compress_default(encoder->block, encoder->packed, in_size, sizeof encoder->packed);
    else
        out_size = LZ4_compress_HC_extStateHC(encoder->high_state, encoder->block, encoder->packed, in_size,
                                              sizeof encoder->packed, encoder->level);
    if (out_size <= 0)
        return false;
    bool stored = out_size >= in_size;
    uint8_t size[4];
    store_le32(size, stored ? (uint32_t)in_size | LZ4_STORED : (uint32_t)out_size);
    return sink_append(sink, size, sizeof size) &&
           sink_append(sink, stored ? encoder->block : encoder->packed, (size_t)(stored ? in_size : out_size));
}

static bool lz4_write(void *context, struct sink *sink, const uint8_t *in, size_t in_size)
{
    struct lz4_encoder *encoder = context;
    while (in_size > 0) {
        if (encoder->block_bytes == LZ4_BLOCK_BYTES && !lz4_flush(encoder, sink))
            return false;
        block_fill(encoder->block, LZ4_BLOCK_BYTES, &encoder->block_bytes, &in, &in_size);
    }
    return true;
}

static bool lz4_finish(void *context, struct sink *sink)
{
    static const uint8_t end_mark[4];
    return lz4_flush(context, sink) && sink_append(sink, end_mark, sizeof end_mark);
}

const struct codec_methods lz4_methods = {
    .decoder_new = lz4_decoder_new,
    .decoder_free = lz4_decoder_free,
    .start = lz4_start,
    .read = lz4_read,
    .end = lz4_end,
    .level_min = 1,
    .level_max = 17,
    .level_default = LZ4_LEVEL_DEFAULT,
    .encoder_new = lz4_encoder_new,
    .encoder_free = lz4_encoder_free,
    .write = lz4_write,
    .finish = lz4_finish,
};
