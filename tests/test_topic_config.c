/* Settings of topics, in broker/topic_config.c. Where an answer is expected, it is Apache Kafka 4.4.0's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/settings_fixture.h"

static void set_broker(struct settings_fixture *f, const char *name, const char *value)
{
    assert_true(config_set(&f->config, name, value, "here", f->error));
}

static bool alter(struct settings_fixture *f, enum config_operation operation, const char *name, const char *value)
{
    return topic_overrides_alter(&f->overrides, operation, kp_string_of(name), kp_string_of(value), f->error);
}

static struct log_config effective(struct settings_fixture *f)
{
    struct log_config log_config;
    topic_config_effective(&f->config, &f->overrides, &log_config);
    return log_config;
}

/* "VALUE SOURCE [NAME=VALUE:SOURCE ...]" */
static const char *describe(struct settings_fixture *f, const char *name)
{
    struct config_entry entry;
    assert_true(
        topic_config_describe(&f->config, &f->overrides, topic_config_find(kp_string_of(name)), &f->arena, &entry));
    assert_string_equal(entry.name, name);
    assert_false(entry.read_only);
    size_t used = (size_t)snprintf(f->error, sizeof f->error, "%s %d", entry.value, entry.source);
    for (int32_t i = 0; i < entry.synonyms_count; i++) {
        used += (size_t)snprintf(f->error + used, sizeof f->error - used, " %s=%s:%d", entry.synonyms[i].name,
                                 entry.synonyms[i].value, entry.synonyms[i].source);
    }
    return f->error;
}

static void the_table_is_sorted_and_its_synonyms_and_defaults_agree_with_the_brokers(void **state)
{
    struct settings_fixture *f = *state;
    assert_int_equal(topic_config_definitions_count, 38); /* Apache Kafka 4.4.0 */
    for (int i = 0; i < topic_config_definitions_count; i++) {
        const struct topic_config_definition *definition = &topic_config_definitions[i];
        assert_true(i == 0 || strcmp(topic_config_definitions[i - 1].name, definition->name) < 0);
        assert_int_equal(topic_config_find(kp_string_of(definition->name)), i);
        assert_non_null(definition->documentation);
        if (definition->synonym != NULL) {
            assert_true(config_find(kp_string_of(definition->synonym)) >= 0);
        }
        struct config_entry entry;
        assert_true(topic_config_describe(&f->config, &f->overrides, i, &f->arena, &entry));
        if (definition->default_text == NULL) {
            assert_null(entry.value);
        } else {
            assert_string_equal(entry.value, definition->default_text);
        }
    }
    assert_int_equal(topic_config_find(kp_string_of("retention")), -1);
}

static void without_overrides_a_log_gets_kafkas_defaults(void **state)
{
    struct settings_fixture *f = *state;
    struct log_config log_config = effective(f);
    assert_int_equal(log_config.segment_bytes, 1073741824);
    assert_int_equal(log_config.segment_ms, 604800000);
    assert_int_equal(log_config.segment_jitter_ms, 0);
    assert_int_equal(log_config.segment_index_bytes, 10485760);
    assert_int_equal(log_config.index_interval_bytes, 4096);
    assert_int_equal(log_config.flush_messages, INT64_MAX);
    assert_int_equal(log_config.flush_ms, INT64_MAX);
    assert_int_equal(log_config.retention_ms, 604800000);
    assert_int_equal(log_config.retention_bytes, -1);
    assert_int_equal(log_config.file_delete_delay_ms, 60000);
    assert_true(log_config.cleanup_delete);
    assert_false(log_config.cleanup_compact);
    assert_int_equal(log_config.rules.max_message_bytes, 1048588);
    assert_int_equal(log_config.rules.max_decompressed_message_bytes, 2147483639);
    assert_int_equal(log_config.rules.timestamp_type, TIMESTAMP_CREATE_TIME);
    assert_int_equal(log_config.rules.timestamp_before_max_ms, INT64_MAX);
    assert_int_equal(log_config.rules.timestamp_after_max_ms, 3600000);
    assert_int_equal(log_config.rules.codec, CODEC_PRODUCER);
    assert_int_equal(log_config.rules.gzip_level, -1);
    assert_int_equal(log_config.rules.lz4_level, 9);
    assert_int_equal(log_config.rules.zstd_level, 3);
    assert_false(log_config.rules.keys_required);
}

static void a_topics_own_value_wins_over_the_brokers(void **state)
{
    struct settings_fixture *f = *state;
    set_broker(f, "log.segment.bytes", "2000000");
    set_broker(f, "message.max.bytes", "5000");
    assert_true(alter(f, CONFIG_SET, "segment.bytes", "3000000"));
    assert_int_equal(effective(f).segment_bytes, 3000000);
    assert_int_equal(effective(f).rules.max_message_bytes, 5000);
    assert_true(alter(f, CONFIG_DELETE, "segment.bytes", NULL));
    assert_int_equal(effective(f).segment_bytes, 2000000);
}

static void text_settings_become_what_a_log_acts_on(void **state)
{
    struct settings_fixture *f = *state;
    static const struct {
        const char *name;
        enum codec codec;
    } codecs[] = {
        {"uncompressed", CODEC_NONE    },
        {"gzip",         CODEC_GZIP    },
        {"snappy",       CODEC_SNAPPY  },
        {"lz4",          CODEC_LZ4     },
        {"zstd",         CODEC_ZSTD    },
        {"producer",     CODEC_PRODUCER},
    };
    for (size_t i = 0; i < COUNT_OF(codecs); i++) {
        assert_true(alter(f, CONFIG_SET, "compression.type", codecs[i].name));
        assert_int_equal(effective(f).rules.codec, codecs[i].codec);
    }
    assert_true(alter(f, CONFIG_SET, "message.timestamp.type", "LogAppendTime"));
    assert_int_equal(effective(f).rules.timestamp_type, TIMESTAMP_LOG_APPEND_TIME);
    assert_true(alter(f, CONFIG_SET, "cleanup.policy", "compact"));
    assert_true(effective(f).cleanup_compact && effective(f).rules.keys_required);
    assert_false(effective(f).cleanup_delete);
}

/* For tests of Kafka and ours: segments smaller than segment.bytes allows. */
static void internal_segment_bytes_goes_below_the_floor(void **state)
{
    struct settings_fixture *f = *state;
    assert_false(alter(f, CONFIG_SET, "segment.bytes", "1000"));
    assert_true(alter(f, CONFIG_SET, "internal.segment.bytes", "1000"));
    assert_int_equal(effective(f).segment_bytes, 1000);
}

static void finer_units_win_over_coarser_ones(void **state)
{
    struct settings_fixture *f = *state;
    set_broker(f, "log.retention.hours", "2");
    set_broker(f, "log.roll.hours", "3");
    set_broker(f, "log.flush.scheduler.interval.ms", "77");
    assert_int_equal(effective(f).retention_ms, 2 * 3600000);
    assert_int_equal(effective(f).segment_ms, 3 * 3600000);
    assert_int_equal(effective(f).flush_ms, 77);
    set_broker(f, "log.retention.minutes", "5");
    assert_int_equal(effective(f).retention_ms, 5 * 60000);
    set_broker(f, "log.retention.ms", "999");
    set_broker(f, "log.flush.interval.ms", "88");
    assert_int_equal(effective(f).retention_ms, 999);
    assert_int_equal(effective(f).flush_ms, 88);
    set_broker(f, "log.retention.ms", "-5");
    assert_int_equal(effective(f).retention_ms, -1);
    set_broker(f, "log.roll.hours", "2147483647");
    assert_int_equal(effective(f).segment_ms, INT64_C(2147483647) * 3600000);
}

static void descriptions_list_the_topics_value_and_then_the_brokers(void **state)
{
    struct settings_fixture *f = *state;
    assert_string_equal(describe(f, "segment.bytes"), "1073741824 5 log.segment.bytes=1073741824:5");
    assert_string_equal(describe(f, "retention.ms"), "604800000 5");
    assert_string_equal(describe(f, "remote.storage.enable"), "false 5");
    assert_string_equal(describe(f, "follower.replication.throttled.replicas"), " 5");
    set_broker(f, "log.segment.bytes", "2000000");
    assert_string_equal(describe(f, "segment.bytes"),
                        "2000000 4 log.segment.bytes=2000000:4 log.segment.bytes=1073741824:5");
    assert_true(alter(f, CONFIG_SET, "cleanup.policy", " compact , delete "));
    assert_string_equal(describe(f, "cleanup.policy"),
                        "compact,delete 1 cleanup.policy=compact,delete:1 log.cleanup.policy=delete:5");
}

/* Kafka looks for the name log.retention.ms among the synonyms and drops what comes before it, here all. */
static void a_value_from_hours_is_described_without_synonyms(void **state)
{
    struct settings_fixture *f = *state;
    set_broker(f, "log.retention.minutes", "030");
    set_broker(f, "log.retention.hours", "24");
    assert_string_equal(describe(f, "retention.ms"), "1800000 5");
    assert_true(
        config_set_dynamic(&f->config, CONFIG_DYNAMIC_BROKER, kp_string_of("log.retention.ms"), "5000", f->error));
    assert_string_equal(describe(f, "retention.ms"), "5000 2 log.retention.ms=5000:2 log.retention.minutes=030:4 "
                                                     "log.retention.hours=24:4 log.retention.hours=168:5");
}

static void lists_can_be_appended_to_and_subtracted_from(void **state)
{
    struct settings_fixture *f = *state;
    const char *name = "cleanup.policy";
    assert_true(alter(f, CONFIG_APPEND, name, "compact"));
    assert_string_equal(topic_overrides_get(&f->overrides, name), "delete,compact"); /* from the default */
    assert_true(alter(f, CONFIG_APPEND, name, "compact"));
    assert_string_equal(topic_overrides_get(&f->overrides, name), "delete,compact");
    assert_true(alter(f, CONFIG_SUBTRACT, name, "delete"));
    assert_string_equal(topic_overrides_get(&f->overrides, name), "compact");
    assert_true(alter(f, CONFIG_SUBTRACT, name, "compact"));
    assert_string_equal(topic_overrides_get(&f->overrides, name), "");
    assert_false(effective(f).cleanup_delete || effective(f).cleanup_compact);
}

static void a_refused_operation_says_why_and_changes_nothing(void **state)
{
    struct settings_fixture *f = *state;
    static const struct {
        enum config_operation operation;
        const char *name, *value, *error;
    } cases[] = {
        {CONFIG_SET,    "nope",           "1",               "Unknown topic config name: nope"                          },
        {CONFIG_SET,    "retention.ms",   "abc",             "Invalid value abc for retention.ms: must be a long, >= -1"},
        {CONFIG_SET,    "retention.ms",   NULL,              "Invalid value null for retention.ms: must be text"        },
        {CONFIG_APPEND, "retention.ms",   "1",
         "retention.ms is no list: its value can be set, not appended to or subtracted from"                            },
        {CONFIG_APPEND, "cleanup.policy", "delete,foo",
         "Invalid value delete,foo for cleanup.policy: must be a list without empty items, of [compact, delete]"        },
        {CONFIG_SET,    "cleanup.policy", "delete,,compact",
         "Invalid value delete,,compact for cleanup.policy: must be a list without empty items, of [compact, delete]"   },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_false(alter(f, cases[i].operation, cases[i].name, cases[i].value));
        assert_string_equal(f->error, cases[i].error);
        assert_int_equal(f->overrides.count, 0);
    }
    assert_true(alter(f, CONFIG_DELETE, "nope", NULL)); /* as in Kafka */
}

static void overrides_are_checked_as_a_whole(void **state)
{
    struct settings_fixture *f = *state;
    static const struct {
        const char *name, *value, *error;
    } cases[] = {
        {"nope",                  "1",    "Unknown topic config name: nope"                                           },
        {"segment.bytes",         "1000", "Invalid value 1000 for segment.bytes: must be an int, >= 1048576"          },
        {"remote.storage.enable", "true", "Invalid value true for remote.storage.enable: tiered storage is not served"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        topic_overrides_set(&f->overrides, cases[i].name, cases[i].value);
        assert_false(topic_overrides_check(&f->overrides, &f->config, f->error));
        assert_string_equal(f->error, cases[i].error);
        topic_overrides_set(&f->overrides, cases[i].name, NULL);
    }
    topic_overrides_set(&f->overrides, "max.compaction.lag.ms", "5");
    assert_true(topic_overrides_check(&f->overrides, &f->config, f->error));
    topic_overrides_set(&f->overrides, "min.compaction.lag.ms", "10");
    assert_false(topic_overrides_check(&f->overrides, &f->config, f->error));
    assert_string_equal(f->error, "min.compaction.lag.ms (10) must not be above max.compaction.lag.ms (5)");
}

/* Records of a newer Kafka may hold settings and values that are unknown here: they are kept and passed over. */
static void values_that_cannot_be_read_are_kept_and_passed_over(void **state)
{
    struct settings_fixture *f = *state;
    topic_overrides_set(&f->overrides, "segment.bytes", "1GB");
    topic_overrides_set(&f->overrides, "of.the.future", "x");
    assert_int_equal(effective(f).segment_bytes, 1073741824);
    assert_string_equal(topic_overrides_get(&f->overrides, "of.the.future"), "x");
}

static void overrides_stay_sorted_and_copies_are_their_own(void **state)
{
    struct settings_fixture *f = *state;
    topic_overrides_set(&f->overrides, "b", "2");
    topic_overrides_set(&f->overrides, "c", "3");
    topic_overrides_set(&f->overrides, "a", "1");
    topic_overrides_set(&f->overrides, "b", topic_overrides_get(&f->overrides, "b")); /* onto itself */
    struct topic_overrides copy;
    topic_overrides_copy(&copy, &f->overrides);
    topic_overrides_set(&f->overrides, "b", NULL);
    topic_overrides_set(&f->overrides, "x", NULL);
    assert_int_equal(f->overrides.count, 2);
    assert_string_equal(f->overrides.items[1].name, "c");
    assert_int_equal(copy.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(copy.items[i].name[0], 'a' + i);
    }
    topic_overrides_release(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTINGS_TEST(the_table_is_sorted_and_its_synonyms_and_defaults_agree_with_the_brokers),
        SETTINGS_TEST(without_overrides_a_log_gets_kafkas_defaults),
        SETTINGS_TEST(a_topics_own_value_wins_over_the_brokers),
        SETTINGS_TEST(text_settings_become_what_a_log_acts_on),
        SETTINGS_TEST(internal_segment_bytes_goes_below_the_floor),
        SETTINGS_TEST(finer_units_win_over_coarser_ones),
        SETTINGS_TEST(descriptions_list_the_topics_value_and_then_the_brokers),
        SETTINGS_TEST(a_value_from_hours_is_described_without_synonyms),
        SETTINGS_TEST(lists_can_be_appended_to_and_subtracted_from),
        SETTINGS_TEST(a_refused_operation_says_why_and_changes_nothing),
        SETTINGS_TEST(overrides_are_checked_as_a_whole),
        SETTINGS_TEST(values_that_cannot_be_read_are_kept_and_passed_over),
        SETTINGS_TEST(overrides_stay_sorted_and_copies_are_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
