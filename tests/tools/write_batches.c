/* Writes batches of ours in the text form of tests/golden/batches, each codec and level, built and recompressed, for
 * read_back to ask Apache Kafka what it reads from them. */
#include "protocol/record_batch.h"
#include "tests/lib/batch_text.h"

#include <string.h>

#define BASE_MS INT64_C(1700000000000)

static struct kp_bytes text(const char *string)
{
    return string == NULL ? (struct kp_bytes){NULL, -1}
                          : (struct kp_bytes){(const uint8_t *)string, (int32_t)strlen(string)};
}

static void fill_small(struct batch_builder *builder)
{
    static const uint8_t headers[] = {2, 'h', 2, 'x', 2, 'h', 1, 0, 0};
    batch_builder_add(builder, BASE_MS, text("key"), text("value"), text(NULL), 0);
    batch_builder_add(builder, BASE_MS + 70, text(NULL), text(NULL), (struct kp_bytes){headers, sizeof headers}, 3);
    batch_builder_add(builder, BASE_MS - 5, text(""), text(""), text(NULL), 0);
}

/* Values of several blocks; every other one does not compress. */
static void fill_large(struct batch_builder *builder)
{
    enum { SIZE = 70000 };
    uint8_t *value = xmalloc(SIZE);
    uint32_t seed = 1;
    for (int64_t n = 0; n < 6; n++) {
        for (int i = 0; i < SIZE; i++) {
            seed = seed * 1664525u + 1013904223u;
            value[i] = (uint8_t)(n % 2 == 0 ? seed >> 24 : (uint32_t)i / 100);
        }
        batch_builder_add(builder, BASE_MS + n, text("large"), (struct kp_bytes){value, SIZE}, text(NULL), 0);
    }
    free(value);
}

static void print(const char *name, enum codec codec, int level, const uint8_t *bytes, size_t size)
{
    struct record_batch batch;
    ASSERT(record_batch_view(&batch, bytes, size) == BATCH_OK);
    printf("\nbatch %s %s %d\nbytes ", name, codec_name(codec), level);
    for (size_t i = 0; i < size; i++)
        printf("%02x", bytes[i]);
    putchar('\n');
    batch_text(stdout, &batch);
}

static void write_built(const char *name, void (*fill)(struct batch_builder *), enum codec codec, int level)
{
    struct batch_builder builder;
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.base_offset = 1000;
    header.leader_epoch = 4;
    header.attributes = BATCH_TRANSACTIONAL;
    header.producer_id = 12;
    header.producer_epoch = 1;
    header.base_sequence = INT32_MAX - 1;
    header.codec = codec;
    header.level = level;
    batch_builder_init(&builder, BASE_MS);
    fill(&builder);
    ASSERT(batch_builder_finish(&builder, &header));
    print(name, codec, level, builder.bytes, builder.size_bytes);
    batch_builder_release(&builder);
}

/* As a topic with compression.type stores what came in another codec. */
static void write_rebuilt(enum codec from, enum codec to)
{
    struct batch_builder builder;
    struct batch_verdict verdict;
    struct batch_header header = BATCH_HEADER_PLAIN;
    struct batch_rules rules = {.max_message_bytes = 1 << 20,
                                .max_decompressed_message_bytes = INT32_MAX,
                                .timestamp_before_max_ms = INT64_MAX,
                                .timestamp_after_max_ms = INT64_MAX,
                                .codec = to,
                                .gzip_level = GZIP_LEVEL_DEFAULT,
                                .lz4_level = LZ4_LEVEL_DEFAULT,
                                .zstd_level = ZSTD_LEVEL_DEFAULT};
    header.codec = from;
    header.level = codec_level_default(from);
    batch_builder_init(&builder, BASE_MS);
    fill_large(&builder);
    ASSERT(batch_builder_finish(&builder, &header));
    batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, BASE_MS, NULL, NULL);
    ASSERT(verdict.refusal == BATCH_ACCEPTED && (verdict.rebuilt != NULL) == (from != to));
    if (from != to)
        print("rebuilt", to, codec_level_default(to), verdict.rebuilt, verdict.rebuilt_size_bytes);
    free(verdict.rebuilt);
    batch_builder_release(&builder);
}

int main(void)
{
    static const struct {
        enum codec codec;
        int level;
    } rows[] = {
        {CODEC_NONE,   0  },
        {CODEC_GZIP,   -1 },
        {CODEC_GZIP,   1  },
        {CODEC_GZIP,   9  },
        {CODEC_SNAPPY, 0  },
        {CODEC_LZ4,    1  },
        {CODEC_LZ4,    9  },
        {CODEC_LZ4,    17 },
        {CODEC_ZSTD,   3  },
        {CODEC_ZSTD,   -50},
        {CODEC_ZSTD,   22 },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        write_built("small", fill_small, rows[i].codec, rows[i].level);
        write_built("large", fill_large, rows[i].codec, rows[i].level);
    }
    for (int from = CODEC_NONE; from < CODEC_COUNT; from++) {
        for (int to = CODEC_NONE; to < CODEC_COUNT; to++)
            write_rebuilt((enum codec)from, (enum codec)to);
    }
    return 0;
}
