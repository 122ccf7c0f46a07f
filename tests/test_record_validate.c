/* What clients send: our verdict beside the answers of Apache Kafka 4.4.0 that tests/golden/batches/produce.txt keeps,
 * and the rules that cannot be recorded. */
#include "protocol/errors.h"
#include "protocol/record_batch.h"
#include "tests/lib/golden.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define NULL_BYTES ((struct kp_bytes){NULL, -1})

/* A topic without settings of its own. */
static const struct batch_rules default_rules = {
    .max_message_bytes = 1048588,
    .max_decompressed_message_bytes = INT32_MAX,
    .timestamp_before_max_ms = INT64_MAX,
    .timestamp_after_max_ms = 3600000,
    .codec = CODEC_PRODUCER,
    .gzip_level = GZIP_LEVEL_DEFAULT,
    .lz4_level = LZ4_LEVEL_DEFAULT,
    .zstd_level = ZSTD_LEVEL_DEFAULT,
};

static int16_t code_of(enum batch_refusal refusal)
{
    switch (refusal) {
    case BATCH_ACCEPTED:
        return KAFKA_NONE;
    case BATCH_REFUSED_CORRUPT:
        return KAFKA_CORRUPT_MESSAGE;
    case BATCH_REFUSED_INVALID:
        return KAFKA_INVALID_RECORD;
    case BATCH_REFUSED_TIMESTAMP:
        return KAFKA_INVALID_TIMESTAMP;
    case BATCH_REFUSED_TOO_LARGE:
        return KAFKA_MESSAGE_TOO_LARGE;
    case BATCH_REFUSED_CODEC:
        return KAFKA_UNSUPPORTED_COMPRESSION_TYPE;
    case BATCH_REFUSED_UNREADABLE:
    case BATCH_UNDECIDED:
        break;
    }
    return KAFKA_UNKNOWN_SERVER_ERROR;
}

/* ---- beside Kafka's answers ------------------------------------------------------------------------------------ */

/* Where we answer otherwise on purpose. */
static const struct {
    const char *name;
    int16_t code;
    bool stored_otherwise;
    const char *why;
} differences[] = {
    {"length of a record too large, gzip",    KAFKA_INVALID_RECORD, false, "Kafka stores what no consumer can read"          },
    {"length covers the next record, gzip",   KAFKA_INVALID_RECORD, false, "Kafka stores what no consumer can read"          },
    {"length is a varint too long",           KAFKA_INVALID_RECORD, false, "Kafka's handler does not know its own exception" },
    {"header name is no UTF-8, gzip to none", KAFKA_NONE,           true,  "Kafka makes question marks of the client's bytes"},
};

struct produce_case {
    char name[100], indexes[100];
    struct batch_rules rules;
    int16_t version, code;
    bool message;
    int64_t now_ms;
    uint8_t *batch, *stored;
    size_t batch_size, stored_size;
};

static void read_rule(struct batch_rules *rules, const char *key, const char *value)
{
    if (strcmp(key, "message.timestamp.type") == 0)
        rules->timestamp_type = TIMESTAMP_LOG_APPEND_TIME;
    else if (strcmp(key, "cleanup.policy") == 0)
        rules->keys_required = true;
    else if (strcmp(key, "max.message.bytes") == 0)
        rules->max_message_bytes = atoi(value);
    else if (strcmp(key, "max.decompressed.message.bytes") == 0)
        rules->max_decompressed_message_bytes = atoi(value);
    else if (strcmp(key, "message.timestamp.before.max.ms") == 0)
        rules->timestamp_before_max_ms = atoll(value);
    else if (strcmp(key, "message.timestamp.after.max.ms") == 0)
        rules->timestamp_after_max_ms = atoll(value);
    else if (strcmp(key, "compression.type") == 0) {
        int codec = CODEC_NONE;
        while (codec < CODEC_COUNT && strcmp(codec_name(codec), value) != 0)
            codec++;
        rules->codec = codec == CODEC_COUNT ? CODEC_NONE : (enum codec)codec; /* "uncompressed" */
    } else
        fail_msg("no such rule: %s", key);
}

static void read_rules(struct batch_rules *rules, const char *line)
{
    char key[64], value[64];
    int taken;
    while (sscanf(line, "%63[^=]=%63s%n", key, value, &taken) == 2) {
        read_rule(rules, key, value);
        line += taken;
        line += *line == ' ';
    }
}

/* The next case of the file. */
static bool read_case(struct golden *golden, struct produce_case *produce)
{
    *produce = (struct produce_case){.rules = default_rules};
    while (golden_next(golden)) {
        const char *word = golden->word, *rest = golden->rest;
        if (word[0] == '\0' && produce->name[0] != '\0')
            return true;
        if (strcmp(word, "case") == 0)
            snprintf(produce->name, sizeof produce->name, "%s", rest);
        else if (strcmp(word, "rules") == 0)
            read_rules(&produce->rules, rest);
        else if (strcmp(word, "version") == 0)
            produce->version = (int16_t)atoi(rest);
        else if (strcmp(word, "now") == 0)
            produce->now_ms = atoll(rest);
        else if (strcmp(word, "batch") == 0)
            produce->batch = golden_bytes(rest, &produce->batch_size);
        else if (strcmp(word, "message") == 0)
            produce->message = true;
        else if (strcmp(word, "stored") == 0)
            produce->stored = golden_bytes(rest, &produce->stored_size);
        else if (strcmp(word, "answer") == 0)
            assert_int_equal(sscanf(rest, "%" SCNd16 " %99s", &produce->code, produce->indexes), 2);
    }
    return produce->name[0] != '\0';
}

static void list_indexes(const struct batch_verdict *verdict, char *text, size_t size)
{
    size_t used = 0;
    for (int32_t i = 0; i < verdict->record_errors_count; i++) {
        assert_non_null(verdict->record_errors[i].message);
        used +=
            (size_t)snprintf(text + used, size - used, "%s%" PRId32, i > 0 ? "," : "", verdict->record_errors[i].index);
    }
    if (used == 0)
        snprintf(text, size, "-");
}

static void assert_equal_bytes(const char *name, struct kp_bytes ours, struct kp_bytes theirs)
{
    if (ours.size != theirs.size || (ours.size > 0 && memcmp(ours.data, theirs.data, (size_t)ours.size) != 0))
        fail_msg("%s: a record differs from the one that Kafka stored", name);
}

/* Both batches have the same header, but for what compression decides, and the same records. */
static void assert_same_batch(const char *name, const uint8_t *our_bytes, size_t our_size, const uint8_t *their_bytes,
                              size_t their_size)
{
    struct record_batch ours, theirs;
    struct record our_record, their_record;
    assert_int_equal(record_batch_view(&ours, our_bytes, our_size), BATCH_OK);
    assert_int_equal(record_batch_view(&theirs, their_bytes, their_size), BATCH_OK);
    assert_true(record_batch_crc_ok(&ours));
    if (record_batch_codec(&ours) == CODEC_NONE &&
        (our_size != their_size || memcmp(our_bytes, their_bytes, our_size) != 0))
        fail_msg("%s: the batch is not stored as Kafka stores it", name);
    assert_memory_equal(our_bytes + BATCH_CRC_START, their_bytes + BATCH_CRC_START,
                        BATCH_HEADER_BYTES - BATCH_CRC_START);
    struct record_iterator our_records, their_records;
    record_iterator_init(&our_records, &ours, INT32_MAX, NULL);
    record_iterator_init(&their_records, &theirs, INT32_MAX, NULL);
    while (record_iterator_next(&their_records, &their_record)) {
        assert_true(record_iterator_next(&our_records, &our_record));
        assert_int_equal(our_record.offset, their_record.offset);
        assert_int_equal(our_record.timestamp_ms, their_record.timestamp_ms);
        assert_equal_bytes(name, our_record.key, their_record.key);
        assert_equal_bytes(name, our_record.value, their_record.value);
        assert_int_equal(our_record.header_count, their_record.header_count);
        if (our_record.header_count > 0)
            assert_equal_bytes(name, our_record.headers, their_record.headers);
    }
    assert_false(record_iterator_next(&our_records, &our_record));
    assert_int_equal(our_records.error, BATCH_OK);
    assert_int_equal(their_records.error, BATCH_OK);
    record_iterator_release(&our_records);
    record_iterator_release(&their_records);
}

static void check_case(const struct produce_case *produce, struct record_walk *walk)
{
    struct batch_verdict verdict;
    struct arena arena;
    char indexes[100];
    int16_t expected = produce->code;
    bool stored_otherwise = false;
    for (size_t i = 0; i < COUNT_OF(differences); i++) {
        if (strcmp(differences[i].name, produce->name) == 0) {
            expected = differences[i].code;
            stored_otherwise = differences[i].stored_otherwise;
        }
    }
    arena_init(&arena, 1 << 20);
    batch_validate(&verdict, produce->batch, produce->batch_size, &produce->rules, produce->version >= 7,
                   produce->now_ms, &arena, walk);
    int16_t code = code_of(verdict.refusal);
    if (code != expected)
        fail_msg("%s: %s, expected %s", produce->name, kafka_error_name(code), kafka_error_name(expected));
    assert_true((verdict.message != NULL) == (code != KAFKA_NONE));
    list_indexes(&verdict, indexes, sizeof indexes);
    if (produce->version >= 8 && strcmp(indexes, produce->indexes) != 0)
        fail_msg("%s: records %s, expected %s", produce->name, indexes, produce->indexes);
    if (produce->version >= 8 && verdict.message_for_client != produce->message)
        fail_msg("%s: %s", produce->name,
                 produce->message ? "a message is missing" : "Kafka answers without a message");
    if (code == KAFKA_NONE && !stored_otherwise) {
        bool rebuilt = verdict.rebuilt != NULL;
        assert_same_batch(produce->name, rebuilt ? verdict.rebuilt : produce->batch,
                          rebuilt ? verdict.rebuilt_size_bytes : (size_t)verdict.size_bytes, produce->stored,
                          produce->stored_size);
    }
    free(verdict.rebuilt);
    arena_release(&arena);
}

static void batches_are_accepted_refused_and_stored_as_kafka_does(void **state)
{
    (void)state;
    struct golden golden;
    struct produce_case produce;
    struct record_walk walk;
    int count = 0;
    record_walk_init(&walk);
    golden_open(&golden, "batches/produce.txt");
    for (; read_case(&golden, &produce); count++) {
        if (produce.stored != NULL) /* the leader epoch is the caller's */
            store_be32(produce.stored + BATCH_LENGTH_OFFSET, UINT32_MAX);
        check_case(&produce, &walk);
        free(produce.batch);
        free(produce.stored);
    }
    assert_true(count > 100);
    golden_close(&golden);
    record_walk_release(&walk);
}

/* ---- what cannot be recorded ----------------------------------------------------------------------------------- */

#define NOW_MS INT64_C(1700000000000)

/* A batch with `count` records at NOW_MS plus 0, 7, 14, ... milliseconds (modulo 20), without keys. */
static void build(struct batch_builder *builder, int32_t count, enum codec codec, struct batch_header header)
{
    batch_builder_init(builder, NOW_MS);
    for (int32_t i = 0; i < count; i++)
        batch_builder_add(builder, NOW_MS + i * 7 % 20, NULL_BYTES, (struct kp_bytes){(const uint8_t *)"value", 5},
                          NULL_BYTES, 0);
    header.codec = codec;
    header.level = codec_level_default(codec);
    assert_true(batch_builder_finish(builder, &header));
}

static void the_list_of_bad_records_is_bounded(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct batch_verdict verdict;
    struct batch_rules rules = default_rules;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    rules.keys_required = true;
    build(&builder, 1000, CODEC_NONE, BATCH_HEADER_PLAIN);
    batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, NOW_MS, &arena, NULL);
    assert_int_equal(verdict.refusal, BATCH_REFUSED_INVALID);
    assert_int_equal(verdict.record_errors_count, BATCH_RECORD_ERRORS_MAX);
    assert_int_equal(verdict.record_errors[BATCH_RECORD_ERRORS_MAX - 1].index, BATCH_RECORD_ERRORS_MAX - 1);
    batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, NOW_MS, NULL, NULL);
    assert_int_equal(verdict.refusal, BATCH_REFUSED_INVALID);
    assert_int_equal(verdict.record_errors_count, 0);
    arena_release(&arena);
    batch_builder_release(&builder);
}

/* The time index wants the offset of the largest timestamp: of the first record that has it. */
static void the_verdict_says_where_the_max_timestamp_is(void **state)
{
    (void)state;
    static const enum codec codecs[] = {CODEC_NONE, CODEC_LZ4, CODEC_ZSTD};
    for (size_t c = 0; c < COUNT_OF(codecs); c++) {
        struct batch_builder builder;
        struct batch_verdict verdict;
        struct batch_rules rules = default_rules;
        build(&builder, 30, CODEC_LZ4, BATCH_HEADER_PLAIN);
        rules.codec = codecs[c];
        batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, NOW_MS, NULL, NULL);
        assert_int_equal(verdict.refusal, BATCH_ACCEPTED);
        assert_int_equal(verdict.record_count, 30);
        assert_int_equal(verdict.max_timestamp_ms, NOW_MS + 19);
        assert_int_equal(verdict.max_timestamp_offset_delta, 17); /* 17 * 7 % 20 = 19 */
        free(verdict.rebuilt);
        rules.timestamp_type = TIMESTAMP_LOG_APPEND_TIME;
        batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, NOW_MS + 500, NULL, NULL);
        assert_int_equal(verdict.max_timestamp_ms, NOW_MS + 500);
        assert_int_equal(verdict.max_timestamp_offset_delta, 29);
        free(verdict.rebuilt);
        batch_builder_release(&builder);
    }
}

/* Of records with the same timestamp the first: seen in a row of usual ones, and one by one where a key is missing. */
static void the_first_of_equal_max_timestamps_counts(void **state)
{
    (void)state;
    const struct batch_header header = BATCH_HEADER_PLAIN;
    const struct kp_bytes keys[] = {
        {(const uint8_t *)"key", 3 },
        {NULL,                   -1}
    };
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        struct batch_builder builder;
        struct batch_verdict verdict;
        batch_builder_init(&builder, NOW_MS);
        for (int32_t record = 0; record < 4; record++)
            batch_builder_add(&builder, NOW_MS + (record > 0), keys[i], (struct kp_bytes){(const uint8_t *)"v", 1},
                              (struct kp_bytes){NULL, -1}, 0);
        assert_true(batch_builder_finish(&builder, &header));
        struct batch_rules rules = default_rules;
        rules.keys_required = true;
        batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, NOW_MS, NULL, NULL);
        assert_int_equal(verdict.max_timestamp_ms, NOW_MS + 1);
        assert_int_equal(verdict.max_timestamp_offset_delta, 1);
        batch_builder_release(&builder);
    }
}

static void all_records_may_be_before_the_base_timestamp(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct batch_verdict verdict;
    const struct batch_header header = BATCH_HEADER_PLAIN;
    const struct kp_bytes none = {NULL, -1};
    batch_builder_init(&builder, NOW_MS);
    batch_builder_add(&builder, NOW_MS - 50, none, none, none, 0);
    batch_builder_add(&builder, NOW_MS - 20, none, (struct kp_bytes){(const uint8_t *)"a value", 7}, none, 0);
    batch_builder_add(&builder, NOW_MS - 30, none, (struct kp_bytes){(const uint8_t *)"a value", 7}, none, 0);
    assert_true(batch_builder_finish(&builder, &header));
    batch_validate(&verdict, builder.bytes, builder.size_bytes, &default_rules, true, NOW_MS, NULL, NULL);
    assert_int_equal(verdict.refusal, BATCH_ACCEPTED);
    assert_int_equal(verdict.max_timestamp_ms, NOW_MS - 20);
    assert_int_equal(verdict.max_timestamp_offset_delta, 1);
    batch_builder_release(&builder);
}

static void a_rebuilt_batch_stays_transactional(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct batch_verdict verdict;
    struct record_batch batch;
    struct batch_rules rules = default_rules;
    struct batch_header header = {.attributes = BATCH_TRANSACTIONAL, .producer_id = 5, .base_sequence = 3};
    rules.codec = CODEC_ZSTD;
    build(&builder, 3, CODEC_SNAPPY, header);
    batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, NOW_MS, NULL, NULL);
    assert_int_equal(verdict.refusal, BATCH_ACCEPTED);
    assert_int_equal(record_batch_view(&batch, verdict.rebuilt, verdict.rebuilt_size_bytes), BATCH_OK);
    assert_int_equal(batch.attributes, BATCH_TRANSACTIONAL | CODEC_ZSTD);
    assert_int_equal(batch.base_sequence, 3);
    free(verdict.rebuilt);
    batch_builder_release(&builder);
}

/* Kafka's builder refuses it; a broker refuses such a request before. */
static void a_transactional_batch_without_producer_id_is_not_rebuilt(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct batch_verdict verdict;
    struct batch_rules rules = default_rules;
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.attributes = BATCH_TRANSACTIONAL;
    rules.codec = CODEC_ZSTD;
    build(&builder, 3, CODEC_SNAPPY, header);
    batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, NOW_MS, NULL, NULL);
    assert_int_equal(verdict.refusal, BATCH_REFUSED_UNREADABLE);
    batch_builder_release(&builder);
}

/* A batch of 100 kB that decompresses to a record of 128 MiB: fine to keep, too much to hold in memory for another
 * codec. */
static void a_record_above_100_mib_is_not_rebuilt(void **state)
{
    (void)state;
    enum { LARGE = 128 * 1024 * 1024 };
    struct batch_builder builder;
    struct batch_verdict verdict;
    struct batch_rules rules = default_rules;
    struct batch_header header = BATCH_HEADER_PLAIN;
    uint8_t *zeros = xcalloc(1, LARGE);
    batch_builder_init(&builder, NOW_MS);
    batch_builder_add(&builder, NOW_MS, NULL_BYTES, (struct kp_bytes){zeros, LARGE}, NULL_BYTES, 0);
    header.codec = CODEC_ZSTD;
    header.level = 1;
    assert_true(batch_builder_finish(&builder, &header));
    batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, NOW_MS, NULL, NULL);
    assert_int_equal(verdict.refusal, BATCH_ACCEPTED);
    rules.codec = CODEC_LZ4;
    batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, NOW_MS, NULL, NULL);
    assert_int_equal(verdict.refusal, BATCH_REFUSED_INVALID);
    assert_null(verdict.rebuilt);
    batch_builder_release(&builder);
    free(zeros);
}

/* Whoever has little time learns before anything is changed that the batch takes more, whatever the codec. */
static void a_batch_that_takes_more_work_than_allowed_is_left_undecided(void **state)
{
    (void)state;
    enum { LARGE = 1024 * 1024 };
    struct record_walk walk;
    record_walk_init(&walk);
    uint8_t *zeros = xcalloc(1, LARGE);
    for (enum codec codec = CODEC_GZIP; codec < CODEC_COUNT; codec++) {
        struct batch_rules rules = default_rules;
        struct batch_builder builder;
        struct batch_verdict verdict;
        rules.timestamp_type = TIMESTAMP_LOG_APPEND_TIME;
        struct batch_header header = BATCH_HEADER_PLAIN;
        header.codec = codec;
        header.level = codec_level_default(codec);
        batch_builder_init(&builder, NOW_MS);
        batch_builder_add(&builder, NOW_MS, NULL_BYTES, (struct kp_bytes){zeros, LARGE}, NULL_BYTES, 0);
        assert_true(batch_builder_finish(&builder, &header));
        uint8_t *before = xmalloc(builder.size_bytes);
        memcpy(before, builder.bytes, builder.size_bytes);
        walk.work_bytes = 4 * builder.size_bytes; /* it is begun, and grows more */
        rules.max_message_bytes = INT32_MAX;
        batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, NOW_MS, NULL, &walk);
        assert_int_equal(verdict.refusal, BATCH_UNDECIDED);
        assert_int_equal(walk.work_bytes, 0);
        assert_memory_equal(builder.bytes, before, builder.size_bytes);
        walk.work_bytes = SIZE_MAX;
        batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, NOW_MS, NULL, &walk);
        assert_int_equal(verdict.refusal, BATCH_ACCEPTED);
        assert_int_equal(verdict.append_time_ms, NOW_MS);
        free(before);
        batch_builder_release(&builder);
    }
    free(zeros);
    record_walk_release(&walk);
}

/* Compressing takes many times what decompressing does. */
static void a_batch_is_rebuilt_only_where_there_is_time_for_it(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct batch_verdict verdict;
    struct batch_rules rules = default_rules;
    struct record_walk walk;
    record_walk_init(&walk);
    rules.codec = CODEC_GZIP;
    build(&builder, 1000, CODEC_NONE, BATCH_HEADER_PLAIN);
    walk.work_bytes = 15 * builder.size_bytes;
    batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, NOW_MS, NULL, &walk);
    assert_int_equal(verdict.refusal, BATCH_UNDECIDED);
    assert_null(verdict.rebuilt);
    walk.work_bytes = 17 * builder.size_bytes;
    batch_validate(&verdict, builder.bytes, builder.size_bytes, &rules, true, NOW_MS, NULL, &walk);
    assert_int_equal(verdict.refusal, BATCH_ACCEPTED);
    assert_non_null(verdict.rebuilt);
    assert_in_range(walk.work_bytes, 0, 2 * builder.size_bytes);
    free(verdict.rebuilt);
    record_walk_release(&walk);
    batch_builder_release(&builder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_accepted_refused_and_stored_as_kafka_does),
        cmocka_unit_test(the_list_of_bad_records_is_bounded),
        cmocka_unit_test(the_verdict_says_where_the_max_timestamp_is),
        cmocka_unit_test(the_first_of_equal_max_timestamps_counts),
        cmocka_unit_test(all_records_may_be_before_the_base_timestamp),
        cmocka_unit_test(a_rebuilt_batch_stays_transactional),
        cmocka_unit_test(a_transactional_batch_without_producer_id_is_not_rebuilt),
        cmocka_unit_test(a_record_above_100_mib_is_not_rebuilt),
        cmocka_unit_test(a_batch_that_takes_more_work_than_allowed_is_left_undecided),
        cmocka_unit_test(a_batch_is_rebuilt_only_where_there_is_time_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
