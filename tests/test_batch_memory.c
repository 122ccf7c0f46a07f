/* What batches cost in memory: nothing in the steady state, nothing on the word of a peer.
 *
 * This program counts the allocations of everything in it, the compression libraries included. That needs glibc, and no
 * sanitizer that does the same; elsewhere its tests are skipped. */
#include "protocol/record_batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static struct {
    size_t count;         /* of allocations */
    size_t largest_bytes; /* that was asked for */
    size_t live_bytes;
} memory;

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(SANITIZED)
#include <malloc.h>

#define MEMORY_COUNTED true

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *bytes, size_t size);
void __libc_free(void *bytes);

static void *counted(void *bytes, size_t size)
{
    memory.count++;
    memory.largest_bytes = size > memory.largest_bytes ? size : memory.largest_bytes;
    memory.live_bytes += bytes == NULL ? 0 : malloc_usable_size(bytes);
    return bytes;
}

void *malloc(size_t size)
{
    return counted(__libc_malloc(size), size);
}

void *calloc(size_t count, size_t size)
{
    return counted(__libc_calloc(count, size), count * size);
}

void *realloc(void *bytes, size_t size)
{
    memory.live_bytes -= bytes == NULL ? 0 : malloc_usable_size(bytes);
    return counted(__libc_realloc(bytes, size), size);
}

void free(void *bytes)
{
    memory.live_bytes -= bytes == NULL ? 0 : malloc_usable_size(bytes);
    __libc_free(bytes);
}
#else
#define MEMORY_COUNTED false
#endif

static void build(struct batch_builder *builder, enum codec codec)
{
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.codec = codec;
    header.level = codec_level_default(codec);
    batch_builder_init(builder, 0);
    for (int32_t i = 0; i < 20000; i++)
        batch_builder_add(builder, i, (struct kp_bytes){NULL, -1}, (struct kp_bytes){(const uint8_t *)"value", 5},
                          (struct kp_bytes){NULL, -1}, 0);
    assert_true(batch_builder_finish(builder, &header));
}

static void checking_allocates_nothing_once_the_codec_was_met(void **state)
{
    (void)state;
    if (!MEMORY_COUNTED)
        skip();
    static const struct batch_rules rules = {.max_message_bytes = INT32_MAX,
                                             .max_decompressed_message_bytes = INT32_MAX,
                                             .timestamp_before_max_ms = INT64_MAX,
                                             .timestamp_after_max_ms = INT64_MAX,
                                             .codec = CODEC_PRODUCER};
    struct record_walk walk;
    record_walk_init(&walk);
    for (int codec = CODEC_NONE; codec < CODEC_COUNT; codec++) {
        struct batch_builder builder;
        struct batch_verdict verdict;
        build(&builder, (enum codec)codec);
        batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, 0, NULL, &walk);
        size_t before = memory.count;
        for (int i = 0; i < 3; i++) {
            batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, 0, NULL, &walk);
            assert_int_equal(verdict.refusal, BATCH_ACCEPTED);
        }
        assert_int_equal(memory.count, before);
        batch_builder_release(&builder);
    }
    record_walk_release(&walk);
}

/* Decompress all of `in`; the size, or -1. Keeps what the decompressor keeps. */
static ssize_t decompress(struct decompressor *decompressor, enum codec codec, const void *in, size_t in_size)
{
    static uint8_t out[65536];
    ssize_t size = 0, got = decompressor_start(decompressor, codec, in, in_size) ? 1 : -1;
    while (got > 0) {
        got = decompressor_read(decompressor, out, sizeof out);
        size = got < 0 ? -1 : size + got;
    }
    decompressor_end(decompressor);
    return got < 0 ? -1 : size;
}

#define KEPT_BYTES ((size_t)5 * 1024 * 1024) /* a window of zstd's default level, and small change */

/* A frame of 14 bytes may ask for a window of 128 MiB, and gets it; the next stream does without. */
static void a_large_window_is_given_back_with_its_stream(void **state)
{
    (void)state;
    if (!MEMORY_COUNTED)
        skip();
    static const char frame[] = "\x28\xb5\x2f\xfd\0\x88\x29\0\0hello";
    struct decompressor *decompressor = decompressor_new();
    size_t before = memory.live_bytes;
    memory.largest_bytes = 0;
    assert_int_equal(decompress(decompressor, CODEC_ZSTD, frame, sizeof frame - 1), 5);
    assert_true(memory.largest_bytes >= (size_t)128 * 1024 * 1024);
    assert_true(memory.live_bytes - before < KEPT_BYTES);
    decompressor_free(decompressor);
}

static void a_large_block_is_given_back_with_its_stream(void **state)
{
    (void)state;
    if (!MEMORY_COUNTED)
        skip();
    enum { SIZE = 20 * 1024 * 1024, COPY = 64 };
    uint8_t *packed = xmalloc(SIZE / COPY * 3 + 2 * COPY);
    size_t at = uvarlong_store(packed, SIZE);
    packed[at++] = 60 << 2; /* a literal whose length less one is the next byte */
    packed[at++] = COPY - 1;
    memset(packed + at, 'x', COPY);
    at += COPY;
    for (int i = 1; i < SIZE / COPY; i++) { /* copies of 64 bytes from 64 bytes back */
        packed[at++] = (COPY - 1) << 2 | 2;
        packed[at++] = COPY;
        packed[at++] = 0;
    }
    struct decompressor *decompressor = decompressor_new();
    size_t before = memory.live_bytes;
    memory.largest_bytes = 0;
    assert_int_equal(decompress(decompressor, CODEC_SNAPPY, packed, at), SIZE);
    assert_true(memory.largest_bytes >= SIZE);
    assert_true(memory.live_bytes - before < KEPT_BYTES);
    decompressor_free(decompressor);
    free(packed);
}

/* Raw snappy says first how large it will be. What its bytes cannot make gets no memory. */
static void a_snappy_block_that_claims_gigabytes_gets_no_memory(void **state)
{
    (void)state;
    if (!MEMORY_COUNTED)
        skip();
    static const char block[] = "\xff\xff\xff\xff\x0f\x10hello";
    struct decompressor *decompressor = decompressor_new();
    memory.largest_bytes = 0;
    assert_int_equal(decompress(decompressor, CODEC_SNAPPY, block, sizeof block - 1), -1);
    assert_true(memory.largest_bytes < KEPT_BYTES);
    decompressor_free(decompressor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checking_allocates_nothing_once_the_codec_was_met),
        cmocka_unit_test(a_large_window_is_given_back_with_its_stream),
        cmocka_unit_test(a_large_block_is_given_back_with_its_stream),
        cmocka_unit_test(a_snappy_block_that_claims_gigabytes_gets_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
