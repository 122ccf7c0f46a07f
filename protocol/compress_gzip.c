/* gzip (RFC 1952) over zlib.
 *
 * A stream is one member or several in a row: [header | deflated data | CRC-32, size] ... As Java's GZIPInputStream
 * reads it: the first member must be whole and right; what follows a member counts only when it begins with a good
 * header, else it is ignored; a later member that begins well must be right too. */
#include "compress_codec.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

#define GZIP_WINDOW_BITS (15 + 16) /* the largest window; 16 asks zlib for the gzip header and trailer */
#define GZIP_MEMORY      8         /* zlib's default */
#define GZIP_OS_UNKNOWN  255       /* what Java writes from version 16 on */

struct gzip_decoder {
    z_stream stream;
    gz_header header; /* zlib tells here when a header was read */
    struct span in;
    bool first, ended;
};

static void *gzip_decoder_new(void)
{
    struct gzip_decoder *decoder = xcalloc(1, sizeof *decoder);
    if (inflateInit2(&decoder->stream, GZIP_WINDOW_BITS) == Z_OK)
        return decoder;
    free(decoder);
    return NULL;
}

static void gzip_decoder_free(void *context)
{
    struct gzip_decoder *decoder = context;
    inflateEnd(&decoder->stream);
    free(decoder);
}

static bool gzip_member(struct gzip_decoder *decoder)
{
    memset(&decoder->header, 0, sizeof decoder->header);
    return inflateReset(&decoder->stream) == Z_OK && inflateGetHeader(&decoder->stream, &decoder->header) == Z_OK;
}

static bool gzip_start(void *context, struct span in)
{
    struct gzip_decoder *decoder = context;
    decoder->in = in;
    decoder->first = true;
    decoder->ended = false;
    return gzip_member(decoder);
}

static ssize_t gzip_read(void *context, uint8_t *out, size_t size)
{
    struct gzip_decoder *decoder = context;
    z_stream *stream = &decoder->stream;
    size = size > INT_MAX ? INT_MAX : size;
    while (!decoder->ended) {
        size_t left = span_left(&decoder->in);
        uInt in_size = left > INT_MAX ? INT_MAX : (uInt)left;
        stream->next_in = (Bytef *)(uintptr_t)decoder->in.at; /* zlib does not write there */
        stream->avail_in = in_size;
        stream->next_out = out;
        stream->avail_out = (uInt)size;
        int status = inflate(stream, Z_NO_FLUSH);
        decoder->in.at += in_size - stream->avail_in;
        size_t got = size - stream->avail_out;
        if (status == Z_STREAM_END) {
            decoder->first = false;
            decoder->ended = span_left(&decoder->in) == 0;
            if (!gzip_member(decoder))
                return -1;
        } else if (status != Z_OK && !(status == Z_BUF_ERROR && got > 0)) {
            if (decoder->first || decoder->header.done > 0)
                return -1;
            decoder->ended = true; /* no member begins here */
        }
        if (got > 0)
            return (ssize_t)got;
    }
    return 0;
}

static void gzip_end(void *context)
{
    struct gzip_decoder *decoder = context;
    decoder->in = (struct span){NULL, NULL};
}

struct gzip_encoder {
    z_stream stream;
    gz_header header; /* zlib keeps a pointer to it */
};

static void *gzip_encoder_new(int level)
{
    struct gzip_encoder *encoder = xcalloc(1, sizeof *encoder);
    encoder->header.os = GZIP_OS_UNKNOWN;
    if (level != 0 &&
        deflateInit2(&encoder->stream, level, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK &&
        deflateSetHeader(&encoder->stream, &encoder->header) == Z_OK)
        return encoder;
    free(encoder);
    return NULL;
}

static void gzip_encoder_free(void *context)
{
    struct gzip_encoder *encoder = context;
    deflateEnd(&encoder->stream);
    free(encoder);
}

static bool gzip_deflate(z_stream *stream, struct sink *sink, const uint8_t *in, size_t in_size, int flush)
{
    int status = Z_OK;
    while (in_size > 0 || (flush == Z_FINISH && status != Z_STREAM_END)) {
        if (!sink_reserve(sink))
            return false;
        size_t room = sink->capacity_bytes - sink->size_bytes;
        uInt out_size = room > INT_MAX ? INT_MAX : (uInt)room;
        uInt piece = in_size > INT_MAX ? INT_MAX : (uInt)in_size;
        stream->next_in = (Bytef *)(uintptr_t)in; /* zlib does not write there */
        stream->avail_in = piece;
        stream->next_out = sink->bytes + sink->size_bytes;
        stream->avail_out = out_size;
        status = deflate(stream, flush);
        if (status == Z_STREAM_ERROR)
            return false;
        in += piece - stream->avail_in;
        in_size -= piece - stream->avail_in;
        sink->size_bytes += out_size - stream->avail_out;
    }
    return true;
}

static bool gzip_write(void *encoder, struct sink *sink, const uint8_t *in, size_t in_size)
{
    return gzip_deflate(&((struct gzip_encoder *)encoder)->stream, sink, in, in_size, Z_NO_FLUSH);
}

static bool gzip_finish(void *encoder, struct sink *sink)
{
    return gzip_deflate(&((struct gzip_encoder *)encoder)->stream, sink, (const uint8_t *)"", 0, Z_FINISH);
}

const struct codec_methods gzip_methods = {
    .decoder_new = gzip_decoder_new,
    .decoder_free = gzip_decoder_free,
    .start = gzip_start,
    .read = gzip_read,
    .end = gzip_end,
    .level_min = -1,
    .level_max = 9,
    .level_default = GZIP_LEVEL_DEFAULT,
    .encoder_new = gzip_encoder_new,
    .encoder_free = gzip_encoder_free,
    .write = gzip_write,
    .finish = gzip_finish,
};
