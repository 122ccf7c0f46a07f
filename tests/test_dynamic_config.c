/* Which changes of broker settings are taken while the broker runs. What Kafka answers to them is in
 * tests/conformance/broker_settings.scenario. */
#include "broker/dynamic_config.h"
#include "lib/settings_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static enum kafka_error alter(struct settings_fixture *f, enum config_operation operation, const char *name,
                              const char *value)
{
    return dynamic_config_alter(&f->config, &f->overrides, operation, kp_string_of(name), kp_string_of(value),
                                &f->arena)
        .error;
}

static void assert_has(const struct settings_fixture *f, const char *name, const char *value)
{
    const char *has = topic_overrides_get(&f->overrides, name);
    if (value == NULL)
        assert_null(has);
    else
        assert_string_equal(has, value);
}

static void a_value_is_kept_as_it_was_given_until_it_is_deleted(void **state)
{
    struct settings_fixture *f = *state;
    assert_int_equal(alter(f, CONFIG_SET, "log.retention.ms", " 5 "), KAFKA_NONE);
    assert_has(f, "log.retention.ms", " 5 ");
    assert_int_equal(alter(f, CONFIG_DELETE, "log.retention.ms", NULL), KAFKA_NONE);
    assert_has(f, "log.retention.ms", NULL);
}

static void an_unknown_name_is_taken_for_a_plug_ins(void **state)
{
    struct settings_fixture *f = *state;
    assert_int_equal(alter(f, CONFIG_SET, "my.plug.in", "x"), KAFKA_NONE);
    assert_has(f, "my.plug.in", "x");
}

static void lists_grow_from_the_default_and_from_what_is_set(void **state)
{
    struct settings_fixture *f = *state;
    assert_int_equal(alter(f, CONFIG_APPEND, "log.cleanup.policy", "compact,delete"), KAFKA_NONE);
    assert_has(f, "log.cleanup.policy", "delete,compact");
    assert_int_equal(alter(f, CONFIG_SUBTRACT, "log.cleanup.policy", "delete"), KAFKA_NONE);
    assert_has(f, "log.cleanup.policy", "compact");
    assert_int_equal(alter(f, CONFIG_SUBTRACT, "log.cleanup.policy", "compact"), KAFKA_NONE);
    assert_has(f, "log.cleanup.policy", "");
}

static void only_lists_are_appended_to(void **state)
{
    struct settings_fixture *f = *state;
    assert_int_equal(alter(f, CONFIG_APPEND, "log.retention.ms", "5"), KAFKA_INVALID_CONFIG);
    assert_int_equal(alter(f, CONFIG_SUBTRACT, "compression.type", "gzip"), KAFKA_INVALID_CONFIG);
    assert_int_equal(f->overrides.count, 0);
}

static void threads_change_by_half_or_twice_at_most(void **state)
{
    struct settings_fixture *f = *state;
    assert_int_equal(alter(f, CONFIG_SET, "num.io.threads", "17"), KAFKA_INVALID_REQUEST);
    assert_int_equal(alter(f, CONFIG_SET, "num.io.threads", "3"), KAFKA_INVALID_REQUEST);
    assert_has(f, "num.io.threads", NULL);
    char error[CONFIG_ERROR_SIZE];
    assert_true(config_set(&f->config, "num.io.threads", "10", "test", error));
    assert_int_equal(alter(f, CONFIG_SET, "num.io.threads", "17"), KAFKA_NONE);
}

static void what_cannot_be_done_while_running_is_refused(void **state)
{
    static const char *const rows[][2] = {
        {"node.id",                             "5"                    },
        {"log.retention.hours",                 "5"                    },
        {"listeners",                           "PLAINTEXT://:9093"    },
        {"advertised.listeners",                "PLAINTEXT://host:9093"},
        {"ssl.keystore.location",               "/keystore"            },
        {"log.retention.ms",                    "0"                    },
        {"log.roll.ms",                         "0"                    },
        {"log.roll.jitter.ms",                  "-1"                   },
        {"max.connections",                     "0"                    },
        {"max.connection.creation.rate",        "0"                    },
        {"log.cleaner.threads",                 "0"                    },
        {"log.cleaner.dedupe.buffer.size",      "1048576"              },
        {"log.segment.bytes",                   "many"                 },
        {"log.cleanup.policy",                  "compact,shred"        },
        {"remote.log.manager.thread.pool.size", "-1"                   },
    };
    struct settings_fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (alter(f, CONFIG_SET, rows[i][0], rows[i][1]) != KAFKA_INVALID_REQUEST)
            fail_msg("%s=%s is taken", rows[i][0], rows[i][1]);
    assert_int_equal(f->overrides.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTINGS_TEST(a_value_is_kept_as_it_was_given_until_it_is_deleted),
        SETTINGS_TEST(an_unknown_name_is_taken_for_a_plug_ins),
        SETTINGS_TEST(lists_grow_from_the_default_and_from_what_is_set),
        SETTINGS_TEST(only_lists_are_appended_to),
        SETTINGS_TEST(threads_change_by_half_or_twice_at_most),
        SETTINGS_TEST(what_cannot_be_done_while_running_is_refused),
    };
    return cmocka_run_group_tests_name("dynamic_config", tests, NULL, NULL);
}
