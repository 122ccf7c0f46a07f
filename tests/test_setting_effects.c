/* Every topic setting has its effect: changed while the broker runs, on a topic that is in use, by the topic's own
 * value and by the broker's for all topics that have none.
 *
 * The table has a row for each setting that is served; a probe does what the setting changes and returns what is seen
 * of it. */
#include "lib/broker_fixture.h"
#include "protocol/errors.h"
#include "storage/log_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define SECOND_MS INT64_C(1000)

struct test {
    struct broker_fixture broker;
    struct test_peer peer;
    bool keyed;                                                      /* records have keys */
    struct kp_produce_response_responses_partition_responses answer; /* of the last produce */
};

static void open_test(struct test *test)
{
    *test = (struct test){0};
    broker_fixture_init(&test->broker);
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
    assert_int_equal(test_create_topic(&test->peer, "t", 1), KAFKA_NONE);
}

static void close_test(struct test *test)
{
    test_peer_close(&test->peer);
    broker_fixture_release(&test->broker);
}

static struct log *log_of(struct test *test)
{
    struct topic *topic = catalog_topic(test->broker.broker->catalog, kp_string_of("t"));
    struct log *log = topic_partition(topic, 0)->log;
    assert_int_equal(log_load(log, NULL), 0);
    return log;
}

/* IncrementalAlterConfigs of one setting; `value` NULL deletes it. */
static void alter(struct test *test, int8_t type, const char *resource_name, const char *name, const char *value)
{
    struct kp_incremental_alter_configs_request_resources_configs config = {
        .name = kp_string_of(name),
        .config_operation = value != NULL ? CONFIG_SET : CONFIG_DELETE,
        .value = kp_string_of(value),
    };
    struct kp_incremental_alter_configs_request_resources resource = {
        .resource_type = type, .resource_name = kp_string_of(resource_name), .configs = &config, .configs_count = 1};
    struct kp_incremental_alter_configs_request request = kp_incremental_alter_configs_request_default;
    struct kp_incremental_alter_configs_response response;
    request.resources = &resource;
    request.resources_count = 1;
    test_peer_ask(&test->peer, KP_API_INCREMENTAL_ALTER_CONFIGS, 1, &request, &response);
    if (response.responses[0].error_code != KAFKA_NONE)
        fail_msg("%s=%s: error %d", name, value, response.responses[0].error_code);
}

static void alter_topic(struct test *test, const char *name, const char *value)
{
    alter(test, RESOURCE_TOPIC, "t", name, value);
}

/* ---- producing ----------------------------------------------------------------------------------------------------- */

struct produced {
    const char *key;     /* NULL: "key" when records have keys, else none */
    int32_t value_bytes; /* -1: a tombstone */
    int64_t age_ms;      /* of the record's timestamp */
    enum codec codec;
    int16_t acks;
};

/* Text that codecs find something in, the more the harder they look. */
static uint8_t *text_of(int32_t bytes)
{
    uint8_t *text = xmalloc((size_t)bytes);
    uint64_t random = 88172645463325252u;
    for (int32_t i = 0; i < bytes; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        bool repeat = i > 500 && random % 8 != 0;
        text[i] = repeat ? text[i - 97 - (int32_t)(random % 3) * 131] : (uint8_t)('a' + random % 26);
    }
    return text;
}

/* Produce a batch of one record. Returns the error code; test->answer has the rest. */
static int64_t produce(struct test *test, struct produced what)
{
    int64_t time_ms = test->broker.env.now.wall_ms - what.age_ms;
    struct batch_builder builder;
    uint8_t *value = text_of(what.value_bytes > 0 ? what.value_bytes : 0);
    batch_builder_init(&builder, time_ms);
    const char *text = what.key != NULL ? what.key : "key";
    struct kp_bytes key = {(const uint8_t *)text, what.key != NULL || test->keyed ? (int32_t)strlen(text) : -1};
    batch_builder_add(&builder, time_ms, key, (struct kp_bytes){value, what.value_bytes}, (struct kp_bytes){NULL, 0},
                      0);
    free(value);
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.codec = what.codec;
    header.level = codec_level_default(what.codec);
    assert_true(batch_builder_finish(&builder, &header));
    struct test_produce_request produce;
    struct kp_produce_response response;
    test_produce_request_init(&produce, "t", 0, &builder);
    if (what.acks != 0)
        produce.request.acks = what.acks;
    test_peer_ask(&test->peer, KP_API_PRODUCE, 9, &produce.request, &response);
    batch_builder_release(&builder);
    test->answer = response.responses[0].partition_responses[0];
    broker_fixture_turn(&test->broker);
    return test->answer.error_code;
}

static void produce_many(struct test *test, int count, int32_t value_bytes)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(produce(test, (struct produced){.value_bytes = value_bytes}), KAFKA_NONE);
}

static void pass_time(struct test *test, int64_t ms)
{
    for (int64_t passed = 0; passed < ms; passed += SECOND_MS) {
        broker_fixture_advance(&test->broker, SECOND_MS);
        broker_fixture_run_jobs(&test->broker);
    }
}

/* ---- probes: do something, return what is seen of it ----------------------------------------------------------------- */

static int64_t segments_of_3_mb(struct test *test)
{
    produce_many(test, 30, 100 * 1000);
    return log_of(test)->segments_count;
}

static int64_t segments_of_10_batches(struct test *test)
{
    produce_many(test, 10, 5000);
    return log_of(test)->segments_count;
}

/* Seconds until a batch begins a new segment, at most 30. */
static int64_t seconds_to_a_roll(struct test *test)
{
    produce_many(test, 1, 10);
    int32_t segments = log_of(test)->segments_count;
    int64_t seconds = 0;
    while (log_of(test)->segments_count == segments && seconds < 30) {
        pass_time(test, SECOND_MS);
        seconds++;
        produce_many(test, 1, 10);
    }
    return seconds;
}

/* The same with segments of 20 s. */
static int64_t seconds_to_a_roll_of_20(struct test *test)
{
    alter_topic(test, "segment.ms", "20000");
    return seconds_to_a_roll(test);
}

static int64_t seconds_to_a_roll_when_compacted(struct test *test)
{
    alter_topic(test, "cleanup.policy", "compact");
    test->keyed = true;
    return seconds_to_a_roll(test);
}

static bool count_records(void *context, const struct record_batch *batch)
{
    *(int64_t *)context += batch->record_count;
    return true;
}

/* How many records of a compacted topic are left a minute later. */
static int64_t left_by_compaction(struct test *test)
{
    int64_t records = 0;
    pass_time(test, 60 * SECOND_MS);
    assert_int_equal(log_replay(log_of(test), 0, count_records, &records, NULL), 0);
    return records;
}

/* Of 10 records with one key in segments of their own. */
static int64_t left_of_10_by_compaction(struct test *test)
{
    alter_topic(test, "cleanup.policy", "compact");
    alter_topic(test, "internal.segment.bytes", "1100");
    test->keyed = true;
    produce_many(test, 10, 1000);
    return left_by_compaction(test);
}

/* Of a tombstone and two records with other keys, the tombstone dated by a compaction before the last one. */
static int64_t left_of_a_tombstone_and_2(struct test *test)
{
    alter_topic(test, "cleanup.policy", "compact");
    alter_topic(test, "internal.segment.bytes", "150");
    assert_int_equal(produce(test, (struct produced){.key = "a", .value_bytes = -1}), KAFKA_NONE);
    assert_int_equal(produce(test, (struct produced){.key = "b", .value_bytes = 70}), KAFKA_NONE);
    assert_int_equal(left_by_compaction(test), 2);
    assert_int_equal(produce(test, (struct produced){.key = "c", .value_bytes = 70}), KAFKA_NONE);
    return left_by_compaction(test);
}

static int64_t index_entries_of_10_batches(struct test *test)
{
    produce_many(test, 10, 200);
    return log_active(log_of(test))->offset_index.entries.entries;
}

/* How many of 5 answered records are on the disk, without time having passed. */
static int64_t synced_at_once(struct test *test)
{
    produce_many(test, 5, 10);
    return log_of(test)->recovery_point;
}

static int64_t synced_in_10_seconds(struct test *test)
{
    produce_many(test, 5, 10);
    pass_time(test, 10 * SECOND_MS);
    return log_of(test)->recovery_point;
}

/* How many of 10 records in segments of their own are left after ten minutes. */
static int64_t left_of_10(struct test *test)
{
    alter_topic(test, "internal.segment.bytes", "1100");
    produce_many(test, 10, 1000);
    pass_time(test, 600 * SECOND_MS);
    return log_end_offset(log_of(test)) - log_start_offset(log_of(test));
}

/* The same when a millisecond is too old. */
static int64_t left_of_10_old_ones(struct test *test)
{
    alter_topic(test, "retention.ms", "1");
    return left_of_10(test);
}

/* Is a deleted segment still there ten seconds later? */
static int64_t deleted_file_is_left(struct test *test)
{
    alter_topic(test, "retention.ms", "1");
    produce_many(test, 1, 10);
    pass_time(test, 40 * SECOND_MS);
    assert_int_equal(log_start_offset(log_of(test)), 1);
    return memory_io_exists(test->broker.memory, "/data/t-0/00000000000000000000.log.deleted");
}

static int64_t error_of_5000_bytes(struct test *test)
{
    return produce(test, (struct produced){.value_bytes = 5000});
}

static int64_t error_of_5000_compressed_bytes(struct test *test)
{
    return produce(test, (struct produced){.value_bytes = 5000, .codec = CODEC_LZ4});
}

static int64_t error_of_a_record_of_tomorrow(struct test *test)
{
    return produce(test, (struct produced){.value_bytes = 10, .age_ms = -24 * 3600 * SECOND_MS});
}

static int64_t error_of_a_record_of_yesterday(struct test *test)
{
    return produce(test, (struct produced){.value_bytes = 10, .age_ms = 24 * 3600 * SECOND_MS});
}

static int64_t error_with_acks_of_all(struct test *test)
{
    return produce(test, (struct produced){.value_bytes = 10, .acks = -1});
}

static int64_t is_stamped_by_the_broker(struct test *test)
{
    assert_int_equal(produce(test, (struct produced){.value_bytes = 10}), KAFKA_NONE);
    return test->answer.log_append_time_ms == test->broker.env.now.wall_ms;
}

static int64_t codec_of_the_last_batch(struct test *test)
{
    assert_int_equal(produce(test, (struct produced){.value_bytes = 1000}), KAFKA_NONE);
    size_t size;
    const uint8_t *bytes = memory_io_bytes(test->broker.memory, "/data/t-0/00000000000000000000.log", &size);
    struct record_batch batch;
    assert_non_null(bytes);
    assert_int_equal(record_batch_view(&batch, bytes, size), BATCH_OK);
    return batch.attributes & BATCH_CODEC_MASK;
}

static int64_t stored_bytes(struct test *test)
{
    assert_int_equal(produce(test, (struct produced){.value_bytes = 200 * 1000}), KAFKA_NONE);
    return log_size_bytes(log_of(test));
}

static int64_t gzip_bytes(struct test *test)
{
    alter_topic(test, "compression.type", "gzip");
    return stored_bytes(test);
}

static int64_t lz4_bytes(struct test *test)
{
    alter_topic(test, "compression.type", "lz4");
    return stored_bytes(test);
}

static int64_t zstd_bytes(struct test *test)
{
    alter_topic(test, "compression.type", "zstd");
    return stored_bytes(test);
}

/* ---- the table ------------------------------------------------------------------------------------------------------- */

enum comparison { EXACTLY, LESS, OTHER };

struct effect {
    const char *setting, *value;
    int64_t (*probe)(struct test *test);
    int64_t by_default;         /* what is seen without the setting */
    int64_t changed;            /* and with it */
    enum comparison comparison; /* LESS, OTHER: than by default, whatever that is */
};

static const struct effect effects[] = {
    {"cleanup.policy",                  "compact",       error_of_5000_bytes,              KAFKA_NONE,              KAFKA_INVALID_RECORD,    EXACTLY}, /* it has no key */
    {"cleanup.policy",                  "",              left_of_10_old_ones,              0,                       10,                      EXACTLY}, /* nothing is deleted */
    {"compression.gzip.level",          "1",             gzip_bytes,                       0,                       0,                       OTHER  },
    {"compression.lz4.level",           "17",            lz4_bytes,                        0,                       0,                       OTHER  },
    {"compression.type",                "zstd",          codec_of_the_last_batch,          CODEC_NONE,              CODEC_ZSTD,              EXACTLY},
    {"compression.zstd.level",          "19",            zstd_bytes,                       0,                       0,                       OTHER  },
    {"delete.retention.ms",             "1000",          left_of_a_tombstone_and_2,        3,                       2,                       EXACTLY},
    {"file.delete.delay.ms",            "1000",          deleted_file_is_left,             true,                    false,                   EXACTLY},
    {"flush.messages",                  "1",             synced_at_once,                   0,                       5,                       EXACTLY},
    {"flush.ms",                        "5000",          synced_in_10_seconds,             0,                       5,                       EXACTLY},
    {"index.interval.bytes",            "0",             index_entries_of_10_batches,      0,                       9,                       EXACTLY},
    {"internal.segment.bytes",          "1000000",       segments_of_3_mb,                 1,                       4,                       EXACTLY},
    {"max.compaction.lag.ms",           "5000",          seconds_to_a_roll_when_compacted, 30,                      6,                       EXACTLY},
    {"max.decompressed.message.bytes",  "4000",          error_of_5000_compressed_bytes,   KAFKA_NONE,              KAFKA_INVALID_RECORD,
     EXACTLY                                                                                                                                        },
    {"max.message.bytes",               "4000",          error_of_5000_bytes,              KAFKA_NONE,              KAFKA_MESSAGE_TOO_LARGE, EXACTLY},
    {"message.timestamp.after.max.ms",  "172800000",     error_of_a_record_of_tomorrow,    KAFKA_INVALID_TIMESTAMP, KAFKA_NONE,
     EXACTLY                                                                                                                                        },
    {"message.timestamp.before.max.ms", "1000",          error_of_a_record_of_yesterday,   KAFKA_NONE,              KAFKA_INVALID_TIMESTAMP,
     EXACTLY                                                                                                                                        },
    {"message.timestamp.type",          "LogAppendTime", is_stamped_by_the_broker,         false,                   true,                    EXACTLY},
    {"min.cleanable.dirty.ratio",       "1",             left_of_10_by_compaction,         2,                       10,                      EXACTLY},
    {"min.compaction.lag.ms",           "3600000",       left_of_10_by_compaction,         2,                       10,                      EXACTLY},
    {"min.insync.replicas",             "3",             error_with_acks_of_all,           KAFKA_NONE,              KAFKA_NONE,              EXACTLY}, /* no more than there are */
    {"retention.bytes",                 "5000",          left_of_10,                       10,                      5,                       EXACTLY},
    {"retention.ms",                    "1000",          left_of_10,                       10,                      0,                       EXACTLY},
    {"segment.bytes",                   "1048576",       segments_of_3_mb,                 1,                       3,                       EXACTLY},
    {"segment.index.bytes",             "24",            segments_of_10_batches,           1,                       5,                       EXACTLY},
    {"segment.jitter.ms",               "19000",         seconds_to_a_roll_of_20,          0,                       0,                       LESS   },
    {"segment.ms",                      "7000",          seconds_to_a_roll,                30,                      8,                       EXACTLY},
};

/* ---- the edges of those that end at some moment ---------------------------------------------------------------------- */

static int64_t error_of_age(struct test *test, int64_t age_ms)
{
    return produce(test, (struct produced){.value_bytes = 10, .age_ms = age_ms});
}

static int64_t error_of_lead(struct test *test, int64_t lead_ms)
{
    return error_of_age(test, -lead_ms);
}

/* Is a record left that has this age when logs are looked through for the first time, 30 s after the start? */
static int64_t left_at_age(struct test *test, int64_t age_ms)
{
    assert_int_equal(error_of_age(test, age_ms - 30 * SECOND_MS), KAFKA_NONE);
    pass_time(test, 40 * SECOND_MS);
    return log_end_offset(log_of(test)) - log_start_offset(log_of(test));
}

/* Of two records whose times lie so far apart. */
static int64_t segments_at_distance(struct test *test, int64_t distance_ms)
{
    assert_int_equal(error_of_age(test, distance_ms), KAFKA_NONE);
    assert_int_equal(error_of_age(test, 0), KAFKA_NONE);
    return log_of(test)->segments_count;
}

static int64_t synced_of(struct test *test, int64_t records)
{
    produce_many(test, (int)records, 10);
    return log_of(test)->recovery_point;
}

/* The rules are those of LogValidator, UnifiedLog and LogSegment. */
static const struct limit {
    const char *setting, *value;
    int64_t (*probe)(struct test *test, int64_t amount);
    int64_t amount;         /* the largest that is within */
    int64_t within, beyond; /* what is seen of it, and of one more */
} limits[] = {
    {"flush.messages",                  "5",     synced_of,            4,     0,          5                      },
    {"message.timestamp.after.max.ms",  "0",     error_of_lead,        0,     KAFKA_NONE, KAFKA_INVALID_TIMESTAMP},
    {"message.timestamp.after.max.ms",  "1000",  error_of_lead,        1000,  KAFKA_NONE, KAFKA_INVALID_TIMESTAMP},
    {"message.timestamp.before.max.ms", "0",     error_of_age,         0,     KAFKA_NONE, KAFKA_INVALID_TIMESTAMP},
    {"message.timestamp.before.max.ms", "1000",  error_of_age,         1000,  KAFKA_NONE, KAFKA_INVALID_TIMESTAMP},
    {"retention.ms",                    "0",     left_at_age,          0,     1,          0                      },
    {"retention.ms",                    "60000", left_at_age,          60000, 1,          0                      },
    {"segment.ms",                      "7000",  segments_at_distance, 7000,  1,          2                      },
};

static int64_t seen_of(const struct limit *limit, int64_t amount)
{
    struct test test;
    open_test(&test);
    alter_topic(&test, limit->setting, limit->value);
    int64_t seen = limit->probe(&test, amount);
    close_test(&test);
    return seen;
}

static void every_limit_ends_exactly_where_kafkas_does(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        const struct limit *limit = &limits[i];
        int64_t within = seen_of(limit, limit->amount), beyond = seen_of(limit, limit->amount + 1);
        if (within == limit->within && beyond == limit->beyond)
            continue;
        print_error("%s=%s: %lld is seen at it, and %lld beyond\n", limit->setting, limit->value, (long long)within,
                    (long long)beyond);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

/* ---- on whom it acts ------------------------------------------------------------------------------------------------- */

/* What is seen of it on a fresh broker after `prepare`, NULL: as it is by default. */
static int64_t seen_after(const struct effect *effect, void (*prepare)(struct test *, const struct effect *))
{
    struct test test;
    open_test(&test);
    if (prepare != NULL)
        prepare(&test, effect);
    int64_t seen = effect->probe(&test);
    close_test(&test);
    return seen;
}

static const struct topic_config_definition *definition_of(const struct effect *effect)
{
    int row = topic_config_find(kp_string_of(effect->setting));
    assert_true(row >= 0);
    return &topic_config_definitions[row];
}

/* Of all rows, or of those whose setting has a synonym among the broker's: after `prepare` the setting acts, or does
 * not.
 */
static void check_all(void (*prepare)(struct test *, const struct effect *), bool with_synonym, bool acts)
{
    int wrong = 0;
    for (size_t i = 0; i < COUNT_OF(effects); i++) {
        const struct effect *effect = &effects[i];
        if (with_synonym && definition_of(effect)->synonym == NULL)
            continue;
        int64_t by_default = seen_after(effect, NULL), seen = seen_after(effect, prepare);
        bool good = !acts                         ? seen == by_default
                    : effect->comparison == LESS  ? seen < by_default
                    : effect->comparison == OTHER ? seen != by_default
                                                  : by_default == effect->by_default && seen == effect->changed;
        if (!good)
            print_error("%s=%s: %lld is seen, by default %lld\n", effect->setting, effect->value, (long long)seen,
                        (long long)by_default);
        wrong += !good;
    }
    assert_int_equal(wrong, 0);
}

static void set_on_the_topic(struct test *test, const struct effect *effect)
{
    alter_topic(test, effect->setting, effect->value);
}

static void set_on_all_brokers(struct test *test, const struct effect *effect)
{
    alter(test, RESOURCE_BROKER, "", definition_of(effect)->synonym, effect->value);
}

static void set_on_this_broker(struct test *test, const struct effect *effect)
{
    alter(test, RESOURCE_BROKER, "1", definition_of(effect)->synonym, effect->value);
}

static void set_and_deleted_on_the_topic(struct test *test, const struct effect *effect)
{
    set_on_the_topic(test, effect);
    alter_topic(test, effect->setting, NULL);
}

static void set_on_all_brokers_and_otherwise_on_the_topic(struct test *test, const struct effect *effect)
{
    set_on_all_brokers(test, effect);
    alter_topic(test, effect->setting, definition_of(effect)->default_text);
}

static void set_on_all_brokers_before_a_restart(struct test *test, const struct effect *effect)
{
    set_on_all_brokers(test, effect);
    test_peer_close(&test->peer);
    broker_fixture_close(&test->broker);
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
}

static void every_setting_acts_when_a_topic_gets_it(void **state)
{
    (void)state;
    check_all(set_on_the_topic, false, true);
}

static void every_setting_acts_no_more_when_it_is_deleted(void **state)
{
    (void)state;
    check_all(set_and_deleted_on_the_topic, false, false);
}

static void every_broker_wide_default_acts_on_topics_without_their_own(void **state)
{
    (void)state;
    check_all(set_on_all_brokers, true, true);
}

static void every_default_of_one_broker_acts_likewise(void **state)
{
    (void)state;
    check_all(set_on_this_broker, true, true);
}

static void every_topic_with_its_own_value_ignores_the_broker_wide_default(void **state)
{
    (void)state;
    check_all(set_on_all_brokers_and_otherwise_on_the_topic, true, false);
}

static void every_broker_wide_default_survives_a_restart(void **state)
{
    (void)state;
    check_all(set_on_all_brokers_before_a_restart, true, true);
}

static bool is_in_the_table(const char *setting)
{
    for (size_t i = 0; i < COUNT_OF(effects); i++)
        if (strcmp(effects[i].setting, setting) == 0)
            return true;
    return false;
}

static void every_setting_that_is_served_is_in_the_table(void **state)
{
    (void)state;
    /* what they do takes a compaction to see: tests/test_cleaner*.c */
    static const char *const of_the_cleaner[] = {"delete.retention.ms", "min.cleanable.dirty.ratio",
                                                 "min.compaction.lag.ms"};
    for (int i = 0; i < topic_config_definitions_count; i++) {
        const struct topic_config_definition *definition = &topic_config_definitions[i];
        bool elsewhere = definition->effect != CONFIG_SERVED;
        for (size_t j = 0; j < COUNT_OF(of_the_cleaner); j++)
            elsewhere = elsewhere || strcmp(definition->name, of_the_cleaner[j]) == 0;
        if (!elsewhere && !is_in_the_table(definition->name))
            fail_msg("%s is served, and nothing here shows what it does", definition->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_that_is_served_is_in_the_table),
        cmocka_unit_test(every_setting_acts_when_a_topic_gets_it),
        cmocka_unit_test(every_setting_acts_no_more_when_it_is_deleted),
        cmocka_unit_test(every_broker_wide_default_acts_on_topics_without_their_own),
        cmocka_unit_test(every_default_of_one_broker_acts_likewise),
        cmocka_unit_test(every_topic_with_its_own_value_ignores_the_broker_wide_default),
        cmocka_unit_test(every_broker_wide_default_survives_a_restart),
        cmocka_unit_test(every_limit_ends_exactly_where_kafkas_does),
    };
    return cmocka_run_group_tests_name("setting_effects", tests, NULL, NULL);
}
