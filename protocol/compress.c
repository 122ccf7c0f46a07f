/* The codecs behind one interface: which one, growth of the output, what is kept from stream to stream.
 *
 *     decompressor ── one decoder for each codec that was met so far ── start, read ..., end, start, ...
 *     compressor   ── one encoder ── write ..., finish ── a sink that grows up to a limit
 *
 * Rules. Memory follows what arrived, never what a header claims: a decoder allocates a block at most, whose size its
 * format bounds or its input can fill. Damage is an error of the stream at hand; the next start begins clean. What
 * Kafka's Java decoders accept is accepted and what they refuse is refused; each compress_CODEC.c says where that
 * differs from its library. docs/decisions/0002-compression-libraries.md tells why these libraries. */
#include "compress_codec.h"

#include <string.h>

/* No codec: only the compressor's side, so that a batch is built in one way whatever its codec. */
static bool none_write(void *encoder, struct sink *sink, const uint8_t *in, size_t in_size)
{
    (void)encoder;
    return sink_append(sink, in, in_size);
}

static bool none_finish(void *encoder, struct sink *sink)
{
    (void)encoder;
    (void)sink;
    return true;
}

static const struct codec_methods none_methods = {
    .level_min = INT32_MIN,
    .level_max = INT32_MAX,
    .write = none_write,
    .finish = none_finish,
};

static const struct codec_methods *methods_of(int codec)
{
    switch (codec) {
    case CODEC_NONE:
        return &none_methods;
    case CODEC_GZIP:
        return &gzip_methods;
    case CODEC_SNAPPY:
        return &snappy_methods;
    case CODEC_LZ4:
        return &lz4_methods;
    case CODEC_ZSTD:
        return &zstd_methods;
    default:
        return NULL;
    }
}

const char *codec_name(int codec)
{
    static const char *const names[CODEC_COUNT] = {"none", "gzip", "snappy", "lz4", "zstd"};
    if (codec == CODEC_PRODUCER)
        return "producer";
    return codec >= 0 && codec < CODEC_COUNT ? names[codec] : NULL;
}

int codec_level_default(enum codec codec)
{
    const struct codec_methods *methods = methods_of(codec);
    return methods == NULL ? 0 : methods->level_default;
}

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

bool buffer_reserve(uint8_t **buffer, size_t *capacity, size_t size)
{
    if (size <= *capacity)
        return true;
    free(*buffer);
    *buffer = malloc(size);
    *capacity = *buffer == NULL ? 0 : size;
    return *buffer != NULL;
}

void buffer_trim(uint8_t **buffer, size_t *capacity)
{
    if (*capacity <= CODEC_KEPT_BYTES_MAX)
        return;
    free(*buffer);
    *buffer = NULL;
    *capacity = 0;
}

#define SINK_BYTES_MIN ((size_t)4096)

static bool sink_grow(struct sink *sink, size_t wanted)
{
    if (wanted <= sink->capacity_bytes)
        return true;
    if (wanted > sink->limit_bytes) {
        sink->limit_reached = true;
        return false;
    }
    size_t capacity = sink->capacity_bytes < SINK_BYTES_MIN ? SINK_BYTES_MIN : sink->capacity_bytes;
    while (capacity < wanted)
        capacity *= 2;
    capacity = capacity > sink->limit_bytes ? sink->limit_bytes : capacity;
    uint8_t *bytes = realloc(sink->bytes, capacity);
    if (bytes == NULL)
        return false;
    sink->bytes = bytes;
    sink->capacity_bytes = capacity;
    return true;
}

bool sink_reserve(struct sink *sink)
{
    return sink_grow(sink, sink->size_bytes + 1);
}

bool sink_append(struct sink *sink, const void *bytes, size_t size)
{
    if (size > SIZE_MAX / 4 || !sink_grow(sink, sink->size_bytes + size))
        return false;
    memcpy(sink->bytes + sink->size_bytes, bytes, size);
    sink->size_bytes += size;
    return true;
}

/* ---- decompressor ------------------------------------------------------------------------------------------------ */

struct decompressor {
    void *decoders[CODEC_COUNT];         /* by codec; NULL: was not met yet */
    const struct codec_methods *methods; /* of the stream at hand; NULL: there is none */
    void *decoder;                       /* of the stream at hand: one of decoders */
};

struct decompressor *decompressor_new(void)
{
    return xcalloc(1, sizeof(struct decompressor));
}

void decompressor_free(struct decompressor *decompressor)
{
    if (decompressor == NULL)
        return;
    for (int codec = 0; codec < CODEC_COUNT; codec++) {
        const struct codec_methods *methods = methods_of(codec);
        if (methods != NULL && decompressor->decoders[codec] != NULL)
            methods->decoder_free(decompressor->decoders[codec]);
    }
    free(decompressor);
}

bool decompressor_start(struct decompressor *decompressor, enum codec codec, const void *in, size_t in_size)
{
    decompressor_end(decompressor);
    const struct codec_methods *methods = methods_of(codec);
    if (methods == NULL || methods->decoder_new == NULL)
        return false;
    if (decompressor->decoders[codec] == NULL)
        decompressor->decoders[codec] = methods->decoder_new();
    decompressor->decoder = decompressor->decoders[codec];
    if (decompressor->decoder == NULL)
        return false;
    decompressor->methods = methods;
    const uint8_t *bytes = in;
    if (methods->start(decompressor->decoder, (struct span){bytes, bytes + in_size}))
        return true;
    decompressor_end(decompressor);
    return false;
}

ssize_t decompressor_read(struct decompressor *decompressor, void *out, size_t size)
{
    const struct codec_methods *methods = decompressor->methods;
    ASSERT(methods != NULL);
    size_t done = 0;
    while (done < size) {
        ssize_t got = methods->read(decompressor->decoder, (uint8_t *)out + done, size - done);
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

void decompressor_end(struct decompressor *decompressor)
{
    if (decompressor->methods != NULL)
        decompressor->methods->end(decompressor->decoder);
    decompressor->methods = NULL;
    decompressor->decoder = NULL;
}

/* ---- compressor -------------------------------------------------------------------------------------------------- */

struct compressor {
    const struct codec_methods *methods;
    void *encoder;
    struct sink sink;
    bool failed;
};

struct compressor *compressor_new(enum codec codec, int level, size_t reserved, size_t limit)
{
    const struct codec_methods *methods = methods_of(codec);
    if (methods == NULL || level < methods->level_min || level > methods->level_max)
        return NULL;
    struct compressor *compressor = xcalloc(1, sizeof *compressor);
    compressor->methods = methods;
    compressor->sink.limit_bytes = limit;
    if (methods->encoder_new != NULL) {
        compressor->encoder = methods->encoder_new(level);
        if (compressor->encoder == NULL) {
            compressor_free(compressor);
            return NULL;
        }
    }
    compressor->failed = !sink_grow(&compressor->sink, reserved);
    compressor->sink.size_bytes = compressor->failed ? 0 : reserved;
    if (!compressor->failed && reserved > 0)
        memset(compressor->sink.bytes, 0, reserved);
    return compressor;
}

bool compressor_write(struct compressor *compressor, const void *in, size_t in_size)
{
    if (!compressor->failed && in_size > 0)
        compressor->failed = !compressor->methods->write(compressor->encoder, &compressor->sink, in, in_size);
    return !compressor->failed;
}

uint8_t *compressor_finish(struct compressor *compressor, size_t *out_size)
{
    if (!compressor->failed)
        compressor->failed = !compressor->methods->finish(compressor->encoder, &compressor->sink);
    if (!compressor->failed && compressor->sink.bytes == NULL)
        compressor->failed = !sink_reserve(&compressor->sink); /* no bytes are not NULL */
    if (compressor->failed)
        return NULL;
    uint8_t *bytes = compressor->sink.bytes;
    *out_size = compressor->sink.size_bytes;
    compressor->sink.bytes = NULL;
    compressor->failed = true; /* it is over */
    return bytes;
}

bool compressor_limit_reached(const struct compressor *compressor)
{
    return compressor->sink.limit_reached;
}

void compressor_free(struct compressor *compressor)
{
    if (compressor == NULL)
        return;
    if (compressor->encoder != NULL)
        compressor->methods->encoder_free(compressor->encoder);
    free(compressor->sink.bytes);
    free(compressor);
}

uint8_t *compress_all(enum codec codec, int level, const void *in, size_t in_size, size_t *out_size)
{
    struct compressor *compressor = compressor_new(codec, level, 0, SIZE_MAX / 4);
    if (compressor == NULL)
        return NULL;
    compressor_write(compressor, in, in_size);
    uint8_t *out = compressor_finish(compressor, out_size);
    compressor_free(compressor);
    return out;
}
