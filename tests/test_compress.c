/* The codecs as streams: what goes in comes out, Kafka's framing, and input that lies. */
#include "protocol/compress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const enum codec codecs[] = {CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD};

/* Text that compresses, with parts that do not. */
static uint8_t *sample(size_t size)
{
    uint8_t *bytes = xmalloc(size + 1);
    uint32_t seed = 7;
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = i / 5000 % 3 == 0 ? (uint8_t)(seed >> 24) : (uint8_t) "a line of a log, again "[i % 23];
    }
    return bytes;
}

/* Decompress all in pieces of `piece` bytes into `out` of `capacity`; the size, or -1. */
static ssize_t decompress(struct decompressor *decompressor, enum codec codec, const void *in, size_t in_size,
                          uint8_t *out, size_t capacity, size_t piece)
{
    if (!decompressor_start(decompressor, codec, in, in_size))
        return -1;
    size_t size = 0;
    for (;;) {
        size_t wanted = piece < capacity - size ? piece : capacity - size;
        ssize_t got = wanted == 0 ? 0 : decompressor_read(decompressor, out + size, wanted);
        if (got < 0)
            return -1;
        size += (size_t)got;
        if ((size_t)got < wanted || wanted == 0)
            return (ssize_t)size;
    }
}

static void check_round_trip(struct decompressor *decompressor, enum codec codec, size_t size, size_t piece)
{
    uint8_t *in = sample(size), *out = xmalloc(size + 10);
    size_t packed_size;
    uint8_t *packed = compress_all(codec, codec_level_default(codec), in, size, &packed_size);
    assert_non_null(packed);
    assert_int_equal(decompress(decompressor, codec, packed, packed_size, out, size + 10, piece), size);
    assert_memory_equal(in, out, size);
    free(packed);
    free(out);
    free(in);
}

static void every_codec_gives_back_what_it_was_given(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 32767, 32768, 32769, 65535, 65536, 65537, 300000};
    struct decompressor *decompressor = decompressor_new();
    for (size_t c = 0; c < COUNT_OF(codecs); c++) {
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            check_round_trip(decompressor, codecs[c], sizes[i], 1 << 20);
            check_round_trip(decompressor, codecs[c], sizes[i], 1000);
        }
    }
    decompressor_free(decompressor);
}

static void every_level_gives_back_what_it_was_given(void **state)
{
    (void)state;
    static const struct {
        enum codec codec;
        int level;
    } rows[] = {
        {CODEC_GZIP,   -1     },
        {CODEC_GZIP,   1      },
        {CODEC_GZIP,   9      },
        {CODEC_LZ4,    1      },
        {CODEC_LZ4,    9      },
        {CODEC_LZ4,    17     },
        {CODEC_ZSTD,   1      },
        {CODEC_ZSTD,   -131072},
        {CODEC_ZSTD,   22     },
        {CODEC_SNAPPY, 0      },
    };
    uint8_t *in = sample(70000), *out = xmalloc(70000);
    struct decompressor *decompressor = decompressor_new();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t packed_size;
        uint8_t *packed = compress_all(rows[i].codec, rows[i].level, in, 70000, &packed_size);
        assert_non_null(packed);
        assert_int_equal(decompress(decompressor, rows[i].codec, packed, packed_size, out, 70000, 70000), 70000);
        assert_memory_equal(in, out, 70000);
        free(packed);
    }
    decompressor_free(decompressor);
    free(in);
    free(out);
}

static void levels_that_kafka_does_not_have_are_refused(void **state)
{
    (void)state;
    size_t size;
    assert_null(compress_all(CODEC_GZIP, 0, "a", 1, &size));
    assert_null(compress_all(CODEC_GZIP, 10, "a", 1, &size));
    assert_null(compress_all(CODEC_LZ4, 0, "a", 1, &size));
    assert_null(compress_all(CODEC_LZ4, 18, "a", 1, &size));
    assert_null(compress_all(CODEC_ZSTD, 23, "a", 1, &size));
    assert_null(compress_all((enum codec)5, 0, "a", 1, &size));
}

/* Written in many small pieces or in one, the stream is the same. */
static void a_compressor_takes_its_input_in_any_pieces(void **state)
{
    (void)state;
    uint8_t *in = sample(100000);
    for (size_t c = 0; c < COUNT_OF(codecs); c++) {
        size_t whole_size, size = 0;
        uint8_t *whole = compress_all(codecs[c], codec_level_default(codecs[c]), in, 100000, &whole_size);
        struct compressor *compressor = compressor_new(codecs[c], codec_level_default(codecs[c]), 5, SIZE_MAX / 4);
        for (size_t at = 0; at < 100000; at += 625)
            assert_true(compressor_write(compressor, in + at, 625));
        uint8_t *pieces = compressor_finish(compressor, &size);
        assert_int_equal(size, whole_size + 5);
        assert_memory_equal(pieces + 5, whole, whole_size);
        compressor_free(compressor);
        free(pieces);
        free(whole);
    }
    free(in);
}

static void a_compressor_stops_at_its_limit(void **state)
{
    (void)state;
    static const enum codec all[] = {CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD};
    uint8_t *in = sample(5000); /* the part that does not compress */
    for (size_t c = 0; c < COUNT_OF(all); c++) {
        struct compressor *compressor = compressor_new(all[c], codec_level_default(all[c]), 0, 3000);
        size_t size;
        compressor_write(compressor, in, 5000);
        assert_null(compressor_finish(compressor, &size));
        assert_true(compressor_limit_reached(compressor));
        compressor_free(compressor);
    }
    free(in);
}

/* A stream that is cut anywhere is damaged or, where its format allows an end, shorter; never longer, never a crash. */
static void every_truncation_is_told_from_the_whole(void **state)
{
    (void)state;
    enum { SIZE = 3000 };
    uint8_t *in = sample(SIZE), *out = xmalloc(SIZE + 1);
    struct decompressor *decompressor = decompressor_new();
    for (size_t c = 0; c < COUNT_OF(codecs); c++) {
        size_t packed_size;
        uint8_t *packed = compress_all(codecs[c], codec_level_default(codecs[c]), in, SIZE, &packed_size);
        for (size_t cut = 0; cut < packed_size; cut++) {
            uint8_t *copy = xmalloc(cut + 1); /* so that reading past the cut is seen */
            memcpy(copy, packed, cut);
            ssize_t got = decompress(decompressor, codecs[c], copy, cut, out, SIZE + 1, SIZE + 1);
            assert_true(got < SIZE);
            free(copy);
        }
        assert_int_equal(decompress(decompressor, codecs[c], packed, packed_size, out, SIZE + 1, SIZE + 1), SIZE);
        free(packed);
    }
    decompressor_free(decompressor);
    free(in);
    free(out);
}

static void changed_bytes_never_give_more_than_was_asked_for(void **state)
{
    (void)state;
    enum { SIZE = 3000, ROOM = 2 * SIZE };
    uint8_t *in = sample(SIZE), *out = xmalloc(ROOM);
    struct decompressor *decompressor = decompressor_new();
    for (size_t c = 0; c < COUNT_OF(codecs); c++) {
        size_t packed_size;
        uint8_t *packed = compress_all(codecs[c], codec_level_default(codecs[c]), in, SIZE, &packed_size);
        for (size_t at = 0; at < packed_size; at++) {
            for (unsigned bit = 0; bit < 8; bit += 3) {
                packed[at] ^= (uint8_t)(1u << bit);
                assert_true(decompress(decompressor, codecs[c], packed, packed_size, out, ROOM, 700) <= ROOM);
                packed[at] ^= (uint8_t)(1u << bit);
            }
        }
        free(packed);
    }
    decompressor_free(decompressor);
    free(in);
    free(out);
}

/* ---- framing: rows of bytes and what Kafka's Java decoder makes of them ---------------------------------------- */

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

#define XERIAL     "\x82SNAPPY\0\0\0\0\1\0\0\0\1"
#define RAW_HELLO  "\x05\x10hello"        /* raw snappy: 5 bytes, one literal */
#define HELLO      "\0\0\0\x07" RAW_HELLO /* as a block */
#define LZ4_HELLO  "\x05\0\0\x80hello"    /* stored block */
#define LZ4_HEAD   "\x04\x22\x4d\x18\x60\x40\x82"
#define LZ4_END    "\0\0\0\0"
#define ZSTD_HELLO "\x28\xb5\x2f\xfd\x20\x05\x29\0\0hello" /* single segment, one raw block */
#define ZSTD_SKIP  "\x50\x2a\x4d\x18\x03\0\0\0xyz"         /* skippable frame */
#define GZIP_HELLO "\x1f\x8b\x08\0\0\0\0\0\0\xff\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0"

static const struct {
    const char *name;
    enum codec codec;
    const uint8_t *in;
    size_t in_size;
    const char *out; /* NULL: refused */
} frames[] = {
    {"snappy with header",                CODEC_SNAPPY, BYTES(XERIAL HELLO),                                          "hello"     },
    {"snappy, two blocks",                CODEC_SNAPPY, BYTES(XERIAL HELLO HELLO),                                    "hellohello"},
    {"snappy, header only",               CODEC_SNAPPY, BYTES(XERIAL),                                                ""          },
    {"snappy, header again",              CODEC_SNAPPY, BYTES(XERIAL HELLO XERIAL HELLO),                             "hellohello"},
    {"snappy, half a header again",       CODEC_SNAPPY, BYTES(XERIAL HELLO "\x82SNAPPY\0\0\0"),                       NULL        },
    {"snappy, three bytes behind",        CODEC_SNAPPY, BYTES(XERIAL HELLO "abc"),                                    "hello"     },
    {"snappy, size without block",        CODEC_SNAPPY, BYTES(XERIAL HELLO "\0\0\0\x07"),                             NULL        },
    {"snappy, negative size",             CODEC_SNAPPY, BYTES(XERIAL "\xff\xff\xff\xff" RAW_HELLO),                   NULL        },
    {"snappy, incompatible version",      CODEC_SNAPPY, BYTES("\x82SNAPPY\0\0\0\0\0\0\0\0\1" HELLO),                  NULL        },
    {"raw snappy",                        CODEC_SNAPPY, BYTES(RAW_HELLO),                                             "hello"     },
    {"raw snappy and a byte",             CODEC_SNAPPY, BYTES(RAW_HELLO "x"),                                         NULL        },
    {"raw snappy that claims gigabytes",  CODEC_SNAPPY, BYTES("\xff\xff\xff\xff\x0f\x10hello"),                       NULL        },
    {"no snappy at all",                  CODEC_SNAPPY, BYTES(""),                                                    NULL        },
    {"lz4",                               CODEC_LZ4,    BYTES(LZ4_HEAD LZ4_HELLO LZ4_END),                            "hello"     },
    {"lz4, two blocks",                   CODEC_LZ4,    BYTES(LZ4_HEAD LZ4_HELLO LZ4_HELLO LZ4_END),                  "hellohello"},
    {"lz4, no end mark",                  CODEC_LZ4,    BYTES(LZ4_HEAD LZ4_HELLO),                                    NULL        },
    {"lz4, anything behind the end mark", CODEC_LZ4,    BYTES(LZ4_HEAD LZ4_HELLO LZ4_END "junk"),                     "hello"     },
    {"lz4, a second frame is not read",   CODEC_LZ4,    BYTES(LZ4_HEAD LZ4_HELLO LZ4_END LZ4_HEAD LZ4_HELLO LZ4_END),
     "hello"                                                                                                                      },
    {"lz4, dependent blocks",             CODEC_LZ4,    BYTES("\x04\x22\x4d\x18\x40\x40\xc0" LZ4_HELLO LZ4_END),      NULL        },
    {"lz4, wrong header checksum",        CODEC_LZ4,    BYTES("\x04\x22\x4d\x18\x60\x40\x83" LZ4_HELLO LZ4_END),      NULL        },
    {"lz4, block above the block size",   CODEC_LZ4,    BYTES(LZ4_HEAD "\1\0\1\x80"),                                 NULL        },
    {"no lz4 at all",                     CODEC_LZ4,    BYTES("hello, this is text"),                                 NULL        },
    {"zstd",                              CODEC_ZSTD,   BYTES(ZSTD_HELLO),                                            "hello"     },
    {"zstd, two frames",                  CODEC_ZSTD,   BYTES(ZSTD_HELLO ZSTD_HELLO),                                 "hellohello"},
    {"zstd, skippable frames",            CODEC_ZSTD,   BYTES(ZSTD_SKIP ZSTD_HELLO ZSTD_SKIP),                        "hello"     },
    {"zstd, text behind the frame",       CODEC_ZSTD,   BYTES(ZSTD_HELLO "junk"),                                     NULL        },
    {"zstd, cut within a frame",          CODEC_ZSTD,   BYTES("\x28\xb5\x2f\xfd\x20\x05\x29\0\0hel"),                 NULL        },
    {"zstd, window of 256 MiB",           CODEC_ZSTD,   BYTES("\x28\xb5\x2f\xfd\0\x90\x29\0\0hello"),                 NULL        },
    {"gzip",                              CODEC_GZIP,   BYTES(GZIP_HELLO),                                            "hello"     },
    {"gzip, two members",                 CODEC_GZIP,   BYTES(GZIP_HELLO GZIP_HELLO),                                 "hellohello"},
    {"gzip, text behind a member",        CODEC_GZIP,   BYTES(GZIP_HELLO "this is no member, but text"),              "hello"     },
    {"gzip, a second member that is cut", CODEC_GZIP,   BYTES(GZIP_HELLO "\x1f\x8b\x08\0\0\0\0\0\0\xff\xcb\x48\xcd"),
     NULL                                                                                                                         },
    {"gzip, wrong checksum",              CODEC_GZIP,
     BYTES("\x1f\x8b\x08\0\0\0\0\0\0\xff\xcb\x48\xcd\xc9\xc9\x07\0\x87\xa6\x10\x36\x05\0\0\0"),                       NULL        },
};

static void frames_are_read_as_kafka_reads_them(void **state)
{
    (void)state;
    struct decompressor *decompressor = decompressor_new();
    for (size_t i = 0; i < COUNT_OF(frames); i++) {
        uint8_t out[100] = {0};
        uint8_t *copy = xmalloc(frames[i].in_size + 1);
        memcpy(copy, frames[i].in, frames[i].in_size);
        ssize_t got = decompress(decompressor, frames[i].codec, copy, frames[i].in_size, out, sizeof out, sizeof out);
        ssize_t expected = frames[i].out == NULL ? -1 : (ssize_t)strlen(frames[i].out);
        if (got != expected)
            fail_msg("%s: got %zd, expected %zd", frames[i].name, got, expected);
        if (got > 0)
            assert_memory_equal(out, frames[i].out, (size_t)got);
        free(copy);
    }
    decompressor_free(decompressor);
}

static void an_lz4_block_may_not_pass_the_block_size_of_its_frame(void **state)
{
    (void)state;
    struct decompressor *decompressor = decompressor_new();
    for (uint32_t size = 65536; size <= 65537; size++) {
        uint8_t *packed = xcalloc(1, 7 + 4 + size + 4), *out = xmalloc(size);
        memcpy(packed, LZ4_HEAD, 7);
        const uint8_t head[4] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), 0x80}; /* stored */
        memcpy(packed + 7, head, 4);
        ssize_t got = decompress(decompressor, CODEC_LZ4, packed, 7 + 4 + size + 4, out, size, size);
        assert_int_equal(got, size == 65536 ? 65536 : -1);
        free(packed);
        free(out);
    }
    decompressor_free(decompressor);
}

/* Java's client writes blocks of 64 KiB without checksums, and stores a block that does not shrink. */
static void lz4_is_framed_as_java_frames_it(void **state)
{
    (void)state;
    uint8_t *in = sample(5000);
    size_t size;
    uint8_t *packed = compress_all(CODEC_LZ4, LZ4_LEVEL_DEFAULT, in, 5000, &size);
    assert_int_equal(size, 7 + 4 + 5000 + 4);
    assert_memory_equal(packed, LZ4_HEAD "\x88\x13\0\x80", 11);
    assert_memory_equal(packed + 11, in, 5000);
    assert_memory_equal(packed + 5011, LZ4_END, 4);
    free(packed);
    free(in);
}

static void snappy_is_framed_as_java_frames_it(void **state)
{
    (void)state;
    size_t size;
    uint8_t *packed = compress_all(CODEC_SNAPPY, 0, "hello", 5, &size);
    assert_int_equal(size, sizeof(XERIAL HELLO) - 1);
    assert_memory_equal(packed, XERIAL HELLO, size);
    free(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_codec_gives_back_what_it_was_given),
        cmocka_unit_test(every_level_gives_back_what_it_was_given),
        cmocka_unit_test(levels_that_kafka_does_not_have_are_refused),
        cmocka_unit_test(a_compressor_takes_its_input_in_any_pieces),
        cmocka_unit_test(a_compressor_stops_at_its_limit),
        cmocka_unit_test(every_truncation_is_told_from_the_whole),
        cmocka_unit_test(changed_bytes_never_give_more_than_was_asked_for),
        cmocka_unit_test(frames_are_read_as_kafka_reads_them),
        cmocka_unit_test(an_lz4_block_may_not_pass_the_block_size_of_its_frame),
        cmocka_unit_test(lz4_is_framed_as_java_frames_it),
        cmocka_unit_test(snappy_is_framed_as_java_frames_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
