/* zstd (RFC 8878) over libzstd.
 *
 * A stream is any number of frames, skippable ones among them, each of them whole; anything else behind a frame is
 * damage. The window that a frame may ask for is at most 128 MiB, libzstd's default and that of Java's client; its
 * pages are only touched as far as data arrives. */
#include "compress_codec.h"

#include <zstd.h>

struct zstd_decoder {
    ZSTD_DStream *stream;
    ZSTD_inBuffer in;
    bool frame_open;
};

static void *zstd_decoder_new(void)
{
    return xcalloc(1, sizeof(struct zstd_decoder));
}

static void zstd_decoder_free(void *context)
{
    struct zstd_decoder *decoder = context;
    ZSTD_freeDStream(decoder->stream);
    free(decoder);
}

static bool zstd_start(void *context, struct span in)
{
    struct zstd_decoder *decoder = context;
    if (decoder->stream == NULL)
        decoder->stream = ZSTD_createDStream();
    decoder->in = (ZSTD_inBuffer){in.at, span_left(&in), 0};
    decoder->frame_open = false;
    return decoder->stream != NULL && !ZSTD_isError(ZSTD_initDStream(decoder->stream));
}

static ssize_t zstd_read(void *context, uint8_t *out, size_t size)
{
    struct zstd_decoder *decoder = context;
    ZSTD_outBuffer to = {out, size, 0};
    while (to.pos == 0) {
        bool starved = decoder->in.pos == decoder->in.size;
        if (starved && !decoder->frame_open)
            return 0;
        size_t status = ZSTD_decompressStream(decoder->stream, &to, &decoder->in);
        if (ZSTD_isError(status) || (status > 0 && starved && to.pos == 0))
            return -1; /* damaged, or cut off within a frame */
        decoder->frame_open = status > 0;
    }
    return (ssize_t)to.pos;
}

static void zstd_end(void *context)
{
    struct zstd_decoder *decoder = context;
    decoder->in = (ZSTD_inBuffer){NULL, 0, 0};
    if (ZSTD_sizeof_DStream(decoder->stream) > CODEC_KEPT_BYTES_MAX) {
        ZSTD_freeDStream(decoder->stream);
        decoder->stream = NULL;
    }
}

static void *zstd_encoder_new(int level)
{
    ZSTD_CStream *stream = ZSTD_createCStream();
    if (stream != NULL && !ZSTD_isError(ZSTD_initCStream(stream, level)))
        return stream;
    ZSTD_freeCStream(stream);
    return NULL;
}

static void zstd_encoder_free(void *encoder)
{
    ZSTD_freeCStream(encoder);
}

static bool zstd_compress(ZSTD_CStream *stream, struct sink *sink, ZSTD_inBuffer *in, ZSTD_EndDirective directive)
{
    size_t left;
    do {
        if (!sink_reserve(sink))
            return false;
        ZSTD_outBuffer out = {sink->bytes, sink->capacity_bytes, sink->size_bytes};
        left = ZSTD_compressStream2(stream, &out, in, directive);
        if (ZSTD_isError(left))
            return false;
        sink->size_bytes = out.pos;
    } while (in->pos < in->size || (directive != ZSTD_e_continue && left > 0));
    return true;
}

static bool zstd_write(void *encoder, struct sink *sink, const uint8_t *in, size_t in_size)
{
    ZSTD_inBuffer from = {in, in_size, 0};
    return zstd_compress(encoder, sink, &from, ZSTD_e_continue);
}

/* Java's streams are flushed before they are closed: the last block is an empty one. */
static bool zstd_finish(void *encoder, struct sink *sink)
{
    ZSTD_inBuffer nothing = {NULL, 0, 0};
    return zstd_compress(encoder, sink, &nothing, ZSTD_e_flush) && zstd_compress(encoder, sink, &nothing, ZSTD_e_end);
}

const struct codec_methods zstd_methods = {
    .decoder_new = zstd_decoder_new,
    .decoder_free = zstd_decoder_free,
    .start = zstd_start,
    .read = zstd_read,
    .end = zstd_end,
    .level_min = -131072, /* ZSTD_minCLevel() of all versions since 1.4 */
    .level_max = 22,
    .level_default = ZSTD_LEVEL_DEFAULT,
    .encoder_new = zstd_encoder_new,
    .encoder_free = zstd_encoder_free,
    .write = zstd_write,
    .finish = zstd_finish,
};
