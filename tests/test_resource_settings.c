/* Settings of groups and of client metrics: their tables, and what may be set. What Kafka answers to changes is in
 * tests/conformance/config_resources.scenario; here is what it does not reach. */
#include "broker/resource_settings.h"
#include "lib/settings_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void configure(struct settings_fixture *f, const char *name, const char *value)
{
    assert_true(config_set(&f->config, name, value, "test", f->error));
}

/* Set one value, alone, and check. */
static enum kafka_error check(struct settings_fixture *f, const struct resource_kind *kind, const char *name,
                              const char *value)
{
    topic_overrides_release(&f->overrides);
    topic_overrides_set(&f->overrides, name, value);
    return resource_settings_check(kind, &f->overrides, &f->config, &f->arena).error;
}

static void every_row_is_sorted_documented_and_has_a_default(void **state)
{
    struct settings_fixture *f = *state;
    const struct resource_kind *kinds[] = {&group_kind, &client_metrics_kind};
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        for (int i = 0; i < kinds[k]->settings_count; i++) {
            const struct resource_setting *setting = &kinds[k]->settings[i];
            struct config_entry entry;
            assert_true(i == 0 || strcmp(kinds[k]->settings[i - 1].name, setting->name) < 0);
            assert_non_null(setting->documentation);
            assert_true(resource_settings_describe(kinds[k], NULL, &f->config, i, &f->arena, &entry));
            assert_int_equal(check(f, kinds[k], setting->name, entry.value), KAFKA_NONE);
            for (const char *const *name = (const char *const[]){setting->synonym, setting->least, setting->most, ""};
                 *name != NULL && **name != '\0'; name++)
                assert_true(config_find(kp_string_of(*name)) >= 0);
        }
    }
}

static void the_brokers_settings_bound_those_of_groups(void **state)
{
    struct settings_fixture *f = *state;
    assert_int_equal(check(f, &group_kind, "consumer.session.timeout.ms", "20000"), KAFKA_INVALID_CONFIG);
    configure(f, "group.consumer.min.session.timeout.ms", "20000");
    assert_int_equal(check(f, &group_kind, "consumer.session.timeout.ms", "20000"), KAFKA_NONE);
    assert_int_equal(check(f, &group_kind, "consumer.session.timeout.ms", "19999"), KAFKA_INVALID_CONFIG);
}

/* A member whose session ends between two heartbeats is never there. */
static void a_session_is_longer_than_the_pause_between_heartbeats(void **state)
{
    struct settings_fixture *f = *state;
    configure(f, "group.consumer.min.session.timeout.ms", "5000");
    assert_int_equal(check(f, &group_kind, "consumer.session.timeout.ms", "5000"), KAFKA_INVALID_CONFIG);
    assert_int_equal(check(f, &group_kind, "consumer.session.timeout.ms", "5001"), KAFKA_NONE);
    configure(f, "group.consumer.max.heartbeat.interval.ms", "50000");
    assert_int_equal(check(f, &group_kind, "consumer.heartbeat.interval.ms", "45000"), KAFKA_INVALID_CONFIG);
}

static void a_group_follows_the_broker_until_it_has_a_value(void **state)
{
    struct settings_fixture *f = *state;
    configure(f, "group.share.session.timeout.ms", "50000");
    assert_int_equal(resource_settings_number(&group_kind, NULL, &f->config, "share.session.timeout.ms"), 50000);
    topic_overrides_set(&f->overrides, "share.session.timeout.ms", "55000");
    assert_int_equal(resource_settings_number(&group_kind, &f->overrides, &f->config, "share.session.timeout.ms"),
                     55000);
}

static void offsets_are_reset_by_durations_of_java(void **state)
{
    static const struct {
        const char *value;
        bool good;
    } rows[] = {
        {"by_duration:P1D",       true },
        {"by_duration:PT1H30M",   true },
        {"by_duration:p1dt2h",    true },
        {"by_duration:PT0.5S",    true },
        {"by_duration:PT-1H2H",   false},
        {"by_duration:-PT-1H",    true },
        {"by_duration:PT-1H+61M", true },
        {"by_duration:P",         false},
        {"by_duration:PT",        false},
        {"by_duration:P1DT",      false},
        {"by_duration:P1H",       false},
        {"by_duration:PT1D",      false},
        {"by_duration:PT1M1H",    false},
        {"by_duration:PT0S",      false},
        {"by_duration:P0.5D",     false},
        {"by_duration:PT1",       false},
        {"by_duration:",          false},
        {"by_duration",           false},
        {"latest",                true },
        {"none",                  false},
        {"by_duration:PT1X",      false},
        {"by_duration:P1D1D",     false},
        {"by_duration:PTT1H",     false},
    };
    struct settings_fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum kafka_error error = check(f, &group_kind, "share.auto.offset.reset", rows[i].value);
        if ((error == KAFKA_NONE) != rows[i].good)
            fail_msg("%s", rows[i].value);
    }
}

static void patterns_of_clients_are_whole(void **state)
{
    static const struct {
        const char *value;
        bool good;
    } rows[] = {
        {"client_id=a*",           true },
        {"client_id=[*]",          true },
        {"client_id=(a|b)+?",      true },
        {"client_id=(?:a)",        true },
        {"client_id=\\\\(",        false},
        {"client_id=\\(",          true },
        {"client_id=a\\",          false},
        {"client_id=[a",           false},
        {"client_id=(a",           false},
        {"client_id=a)",           false},
        {"client_id=|*",           false},
        {"client_id",              false},
        {"client=a",               false},
        {"client_id=a,b",          false},
        {"client_source_port=9.*", true },
    };
    struct settings_fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum kafka_error error = check(f, &client_metrics_kind, "match", rows[i].value);
        if ((error == KAFKA_NONE) != rows[i].good)
            fail_msg("%s", rows[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTINGS_TEST(every_row_is_sorted_documented_and_has_a_default),
        SETTINGS_TEST(the_brokers_settings_bound_those_of_groups),
        SETTINGS_TEST(a_session_is_longer_than_the_pause_between_heartbeats),
        SETTINGS_TEST(a_group_follows_the_broker_until_it_has_a_value),
        SETTINGS_TEST(offsets_are_reset_by_durations_of_java),
        SETTINGS_TEST(patterns_of_clients_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
