/* The broker's settings, in broker/config.c and its table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/config.h"
#include "lib/settings_fixture.h"

static void set(struct settings_fixture *f, const char *name, const char *value)
{
    if (!config_set(&f->config, name, value, "here", f->error)) {
        fail_msg("%s=%s: %s", name, value, f->error);
    }
}

static void assert_finishes(struct settings_fixture *f)
{
    if (!config_finish(&f->config, f->error)) {
        fail_msg("%s", f->error);
    }
}

static void assert_refused(struct settings_fixture *f, const char *error)
{
    assert_false(config_finish(&f->config, f->error));
    assert_string_equal(f->error, error);
}

static const char *text_of(struct settings_fixture *f, const char *name)
{
    return config_text(&f->config, config_find(kp_string_of(name)));
}

static struct config_entry describe(struct settings_fixture *f, const char *name)
{
    struct config_entry entry;
    assert_true(config_describe(&f->config, config_find(kp_string_of(name)), &f->arena, &entry));
    return entry;
}

/* "NAME=VALUE:SOURCE ..." of an entry's synonyms, in the fixture's error text. */
static const char *synonyms_of(struct settings_fixture *f, const char *name)
{
    struct config_entry entry = describe(f, name);
    size_t used = 0;
    *f->error = '\0';
    for (int32_t i = 0; i < entry.synonyms_count; i++) {
        used += (size_t)snprintf(f->error + used, sizeof f->error - used, "%s%s=%s:%d", i > 0 ? " " : "",
                                 entry.synonyms[i].name, entry.synonyms[i].value, entry.synonyms[i].source);
    }
    return f->error;
}

/* ---- the table ------------------------------------------------------------------------------------------------------------ */

static void the_table_is_sorted_and_found_by_name(void **state)
{
    (void)state;
    assert_int_equal(config_definitions_count, 379); /* Apache Kafka 4.4.0 */
    for (int i = 0; i < config_definitions_count; i++) {
        const char *name = config_definitions[i].name;
        assert_true(i == 0 || strcmp(config_definitions[i - 1].name, name) < 0);
        assert_int_equal(config_find(kp_string_of(name)), i);
    }
    assert_int_equal(config_find(kp_string_of("node")), -1);
    assert_int_equal(config_find(kp_string_of("node.idx")), -1);
    assert_int_equal(config_find(kp_string_of("")), -1);
    assert_int_equal(config_find(KP_NULL_STRING), -1);
}

static void every_default_is_canonical_and_allowed(void **state)
{
    (void)state;
    for (int i = 0; i < config_definitions_count; i++) {
        const struct config_definition *definition = &config_definitions[i];
        struct config_value value;
        char error[CONFIG_ERROR_SIZE];
        if (definition->default_text == NULL) {
            continue;
        }
        if (!config_value_parse(definition->type, definition->allowed, definition->default_text, &value, error)) {
            fail_msg("%s=%s: %s", definition->name, definition->default_text, error);
        }
        assert_string_equal(value.text, definition->default_text);
        free(value.text);
    }
}

static void every_setting_has_a_sentence_and_every_number_with_a_field_a_default(void **state)
{
    (void)state;
    for (int i = 0; i < config_definitions_count; i++) {
        const struct config_definition *definition = &config_definitions[i];
        assert_non_null(config_documentation(definition));
        assert_true(definition->field == 0 || definition->default_text != NULL || definition->type == CONFIG_STRING);
    }
}

/* ---- values --------------------------------------------------------------------------------------------------------------- */

static void without_any_setting_the_defaults_suit_one_node(void **state)
{
    struct settings_fixture *f = *state;
    assert_finishes(f);
    assert_int_equal(f->config.node_id, 1);
    assert_int_equal(f->config.listeners_count, 1);
    assert_string_equal(f->config.listeners[0].host, "localhost");
    assert_int_equal(f->config.listeners[0].port, 9092);
    assert_int_equal(f->config.log_dirs_count, 1);
    assert_string_equal(f->config.log_dirs[0], "/tmp/kafka-logs");
    assert_string_equal(f->config.metadata_log_dir, "/tmp/kafka-logs");
    assert_true(f->config.auto_create_topics_enable);
    assert_int_equal(f->config.socket_request_max_bytes, 104857600);
}

static void typed_fields_follow_what_is_set(void **state)
{
    struct settings_fixture *f = *state;
    set(f, "num.partitions", " 7 ");
    set(f, "auto.create.topics.enable", "FALSE");
    set(f, "connections.max.idle.ms", "-1");
    set(f, "broker.rack", "r1");
    assert_int_equal(f->config.num_partitions, 7);
    assert_false(f->config.auto_create_topics_enable);
    assert_int_equal(f->config.connections_max_idle_ms, -1);
    assert_string_equal(f->config.broker_rack, "r1");
    set(f, "num.partitions", "8");
    assert_int_equal(f->config.num_partitions, 8);
}

static void a_bad_value_changes_nothing_and_says_what_is_allowed(void **state)
{
    struct settings_fixture *f = *state;
    assert_false(config_set(&f->config, "num.partitions", "0", "here", f->error));
    assert_string_equal(f->error, "must be an int, >= 1");
    assert_int_equal(f->config.num_partitions, 1);
    assert_false(config_set(&f->config, "num.partition", "1", "here", f->error));
    assert_string_equal(f->error, "Kafka has no such setting");
}

static void dynamic_values_win_over_static_ones_until_they_are_removed(void **state)
{
    struct settings_fixture *f = *state;
    struct kp_string name = kp_string_of("max.connections");
    set(f, "max.connections", "10");
    assert_true(config_set_dynamic(&f->config, CONFIG_DYNAMIC_DEFAULT_BROKER, name, "20", f->error));
    assert_int_equal(f->config.max_connections, 20);
    assert_true(config_set_dynamic(&f->config, CONFIG_DYNAMIC_BROKER, name, "30", f->error));
    assert_int_equal(f->config.max_connections, 30);
    assert_false(config_set_dynamic(&f->config, CONFIG_DYNAMIC_BROKER, name, "x", f->error));
    assert_int_equal(f->config.max_connections, 30);
    assert_true(config_set_dynamic(&f->config, CONFIG_DYNAMIC_BROKER, name, NULL, f->error));
    assert_true(config_set_dynamic(&f->config, CONFIG_DYNAMIC_DEFAULT_BROKER, name, NULL, f->error));
    assert_int_equal(f->config.max_connections, 10);
}

static void the_nearest_name_is_found_when_it_is_near(void **state)
{
    (void)state;
    assert_string_equal(config_nearest("num.partition"), "num.partitions");
    assert_string_equal(config_nearest("log.dir."), "log.dir");
    assert_string_equal(config_nearest("auto.create.topic.enabled"), "auto.create.topics.enable");
    assert_null(config_nearest("zookeeper.connect"));
    assert_null(config_nearest("x"));
}

/* ---- what concerns several settings ------------------------------------------------------------------------------------------ */

static void node_id_and_broker_id_stand_for_each_other(void **state)
{
    struct settings_fixture *f = *state;
    set(f, "broker.id", "5");
    assert_finishes(f);
    assert_int_equal(f->config.node_id, 5);
    assert_string_equal(synonyms_of(f, "node.id"), "node.id=5:4 node.id=1:5");
}

static void node_id_and_broker_id_must_not_differ(void **state)
{
    struct settings_fixture *f = *state;
    set(f, "broker.id", "5");
    set(f, "node.id", "6");
    assert_refused(f, "here: broker.id=5: must be equal to node.id, which is 6");
}

static void log_dirs_wins_over_log_dir(void **state)
{
    struct settings_fixture *f = *state;
    set(f, "log.dir", "/a");
    set(f, "log.dirs", "/b, /c");
    assert_finishes(f);
    assert_int_equal(f->config.log_dirs_count, 2);
    assert_string_equal(f->config.log_dirs[0], "/b");
    assert_string_equal(f->config.log_dirs[1], "/c");
    assert_string_equal(f->config.metadata_log_dir, "/b");
}

static void a_data_folder_that_is_there_twice_counts_once(void **state)
{
    struct settings_fixture *f = *state;
    set(f, "log.dirs", "/b,/c, /b");
    assert_finishes(f);
    assert_int_equal(f->config.log_dirs_count, 2);
}

/* listener.name.NAME.SETTING, whatever the case of the name; the last one wins, other listeners keep theirs. */
static void a_listener_has_limits_of_its_own(void **state)
{
    struct settings_fixture *f = *state;
    set(f, "listeners", "A://127.0.0.1:9092,B://127.0.0.1:9093");
    set(f, "listener.security.protocol.map", "A:PLAINTEXT,B:PLAINTEXT");
    set(f, "inter.broker.listener.name", "A");
    set(f, "listener.name.b.max.connections", "7");
    set(f, "listener.name.b.max.connections", "8");
    set(f, "listener.name.B.max.connection.creation.rate", "9");
    set(f, "listener.name.other.max.connections", "1");
    assert_false(config_set(&f->config, "listener.name.b.max.connections", "-1", "here", f->error));
    assert_true(config_finish(&f->config, f->error));
    assert_int_equal(f->config.listeners[0].max_connections, -1);
    assert_int_equal(f->config.listeners[0].max_connection_creation_rate, -1);
    assert_int_equal(f->config.listeners[1].max_connections, 8);
    assert_int_equal(f->config.listeners[1].max_connection_creation_rate, 9);
}

static void settings_that_promise_safety_refuse_to_start(void **state)
{
    struct settings_fixture *f = *state;
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"ssl.keystore.location",                                 "/k"                                                     },
        {"ssl.client.auth",                                       "required"                                               },
        {"sasl.enabled.mechanisms",                               "PLAIN"                                                  },
        {"authorizer.class.name",                                 "org.apache.kafka.metadata.authorizer.StandardAuthorizer"},
        {"create.topic.policy.class.name",                        "org.example.Policy"                                     },
        {"listener.name.internal.ssl.keystore.location",          "/k"                                                     },
        {"listener.name.internal.scram-sha-256.sasl.jaas.config", "x"                                                      },
        {"remote.log.storage.system.enable",                      "true"                                                   },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        *f->error = '\0';
        assert_false(config_set(&f->config, cases[i].name, cases[i].value, "here", f->error));
        assert_null(strstr(f->error, "no such"));
        assert_string_not_equal(f->error, "");
    }
}

static void their_defaults_may_be_spelled_out(void **state)
{
    struct settings_fixture *f = *state;
    set(f, "ssl.client.auth", "none");
    set(f, "authorizer.class.name", "");
    set(f, "security.inter.broker.protocol", "PLAINTEXT");
    set(f, "remote.log.storage.system.enable", "false");
    assert_finishes(f);
}

static void contradictions_name_setting_and_origin(void **state)
{
    struct settings_fixture *f = *state;
    static const struct {
        const char *name, *value, *error;
    } cases[] = {
        {"process.roles",                            "controller",         "here: process.roles=controller: broker must be among them"            },
        {"log.retention.minutes",                    "0",                  "here: log.retention.minutes=0: must be at least 1, or -1 for no limit"},
        {"security.inter.broker.protocol",           "SSL",
         "here: security.inter.broker.protocol=SSL: only PLAINTEXT is served yet"                                                                 },
        {"queued.max.request.bytes",                 "1000",
         "here: queued.max.request.bytes=1000: must be -1, or at least socket.request.max.bytes, which is 104857600"                              },
        {"replica.lag.time.max.ms",                  "499",
         "here: replica.lag.time.max.ms=499: must be at least replica.fetch.wait.max.ms, which is 500"                                            },
        {"group.consumer.heartbeat.interval.ms",     "15001",
         "here: group.consumer.heartbeat.interval.ms=15001: must be no more than "
         "group.consumer.max.heartbeat.interval.ms, which is 15000"                                                                               },
        {"log.cleaner.threads",                      "128",
         "default: log.cleaner.dedupe.buffer.size=134217728: must be more than 1048576 for each of "
         "log.cleaner.threads, which is 128"                                                                                                      },
        {"connections.max.idle.ms",                  "100",
         "here: connections.max.idle.ms=100: must be more than connection.failed.authentication.delay.ms, which is "
         "100, or negative for no limit"                                                                                                          },
        {"max.connections.per.ip",                   "0",
         "here: max.connections.per.ip=0: must be at least 1, or max.connections.per.ip.overrides must be set"                                    },
        {"controller.quorum.voters",                 "2@a:1",
         "here: controller.quorum.voters=2@a:1: node.id, which is 1, must be among them"                                                          },
        {"cordoned.log.dirs",                        "/x",
         "here: cordoned.log.dirs=/x: \"/x\" is not among log.dir, nor are all meant by a single *"                                               },
        {"early.start.listeners",                    "A",                  "here: early.start.listeners=A: A is not among the listeners"          },
        {"group.coordinator.rebalance.protocols",    "consumer",
         "here: group.coordinator.rebalance.protocols=consumer: classic must be among them"                                                       },
        {"group.streams.rack.aware.assignment.tags", "a,a",
         "here: group.streams.rack.aware.assignment.tags=a: each tag must be there once"                                                          },
        {"socket.send.buffer.bytes",                 "0",
         "here: socket.send.buffer.bytes=0: must be at least 1, or -1 for the system's own"                                                       },
        {"listeners",                                "PLAINTEXT://:99999",
         "here: listeners: \"PLAINTEXT://:99999\" is not NAME://HOST:PORT with a port from 0 to 65535"                                            },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        set(f, cases[i].name, cases[i].value);
        assert_refused(f, cases[i].error);
        config_release(&f->config);
        config_init(&f->config);
    }
}

static void an_ephemeral_folder_takes_the_place_of_all_data_folders(void **state)
{
    struct settings_fixture *f = *state;
    set(f, "log.dirs", "/b,/c");
    set(f, "metadata.log.dir", "/m");
    assert_finishes(f);
    config_use_folder(&f->config, "/e");
    assert_int_equal(f->config.log_dirs_count, 1);
    assert_string_equal(f->config.log_dirs[0], "/e");
    assert_string_equal(f->config.metadata_log_dir, "/e");
    assert_string_equal(text_of(f, "log.dirs"), "/e");
}

/* ---- DescribeConfigs; the expected answers are Kafka 4.4.0's ------------------------------------------------------------------ */

static void a_description_has_type_source_and_whether_it_may_change(void **state)
{
    struct settings_fixture *f = *state;
    struct config_entry entry = describe(f, "max.connections");
    assert_string_equal(entry.value, "2147483647");
    assert_int_equal(entry.type, CONFIG_INT);
    assert_int_equal(entry.source, CONFIG_DEFAULT);
    assert_false(entry.read_only);
    assert_false(entry.sensitive);
    assert_true(describe(f, "node.id").read_only);
    assert_null(describe(f, "advertised.listeners").value);
    assert_true(describe(f, "ssl.keystore.password").sensitive);
}

static void synonyms_are_listed_by_layer_and_as_they_were_written(void **state)
{
    struct settings_fixture *f = *state;
    set(f, "log.cleanup.policy", "compact, delete");
    assert_string_equal(describe(f, "log.cleanup.policy").value, "compact,delete");
    assert_int_equal(describe(f, "log.cleanup.policy").source, CONFIG_STATIC_BROKER);
    assert_string_equal(synonyms_of(f, "log.cleanup.policy"),
                        "log.cleanup.policy=compact, delete:4 log.cleanup.policy=delete:5");
    assert_true(config_set_dynamic(&f->config, CONFIG_DYNAMIC_BROKER, kp_string_of("max.connections"), "7", f->error));
    assert_true(
        config_set_dynamic(&f->config, CONFIG_DYNAMIC_DEFAULT_BROKER, kp_string_of("max.connections"), "8", f->error));
    assert_string_equal(synonyms_of(f, "max.connections"),
                        "max.connections=7:2 max.connections=8:3 max.connections=2147483647:5");
}

/* Kafka drops what is in front of the first synonym of the described name, and then takes the source from what is left.
 */
static void time_settings_list_their_coarser_synonyms(void **state)
{
    struct settings_fixture *f = *state;
    set(f, "log.retention.hours", "24");
    set(f, "log.retention.minutes", "030");
    assert_null(describe(f, "log.retention.ms").value);
    assert_int_equal(describe(f, "log.retention.ms").source, CONFIG_DEFAULT);
    assert_string_equal(synonyms_of(f, "log.retention.ms"), "");
    assert_string_equal(describe(f, "log.retention.minutes").value, "30");
    assert_string_equal(synonyms_of(f, "log.retention.minutes"),
                        "log.retention.minutes=030:4 log.retention.hours=24:4 log.retention.hours=168:5");
    assert_string_equal(synonyms_of(f, "log.retention.hours"), "log.retention.hours=24:4 log.retention.hours=168:5");
    assert_true(
        config_set_dynamic(&f->config, CONFIG_DYNAMIC_BROKER, kp_string_of("log.retention.ms"), "5000", f->error));
    assert_string_equal(
        synonyms_of(f, "log.retention.ms"),
        "log.retention.ms=5000:2 log.retention.minutes=030:4 log.retention.hours=24:4 log.retention.hours=168:5");
}

static void the_resource_of_all_brokers_shows_its_own_layer_alone(void **state)
{
    struct settings_fixture *f = *state;
    int setting = config_find(kp_string_of("max.connections"));
    struct config_entry entry;
    bool is_set;
    assert_true(config_describe_default(&f->config, setting, &f->arena, &entry, &is_set));
    assert_false(is_set);
    assert_true(config_set_dynamic(&f->config, CONFIG_DYNAMIC_BROKER, kp_string_of("max.connections"), "7", f->error));
    assert_true(
        config_set_dynamic(&f->config, CONFIG_DYNAMIC_DEFAULT_BROKER, kp_string_of("max.connections"), "8", f->error));
    assert_true(config_describe_default(&f->config, setting, &f->arena, &entry, &is_set));
    assert_true(is_set);
    assert_string_equal(entry.value, "8");
    assert_int_equal(entry.source, CONFIG_DYNAMIC_DEFAULT_BROKER);
    assert_int_equal(entry.synonyms_count, 1);
}

static void a_description_fails_when_the_arena_is_full(void **state)
{
    struct settings_fixture *f = *state;
    struct arena small;
    arena_init(&small, 16);
    struct config_entry entry;
    assert_false(config_describe(&f->config, 0, &small, &entry));
    arena_release(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sorted_and_found_by_name),
        cmocka_unit_test(every_default_is_canonical_and_allowed),
        cmocka_unit_test(every_setting_has_a_sentence_and_every_number_with_a_field_a_default),
        SETTINGS_TEST(without_any_setting_the_defaults_suit_one_node),
        SETTINGS_TEST(typed_fields_follow_what_is_set),
        SETTINGS_TEST(a_bad_value_changes_nothing_and_says_what_is_allowed),
        SETTINGS_TEST(dynamic_values_win_over_static_ones_until_they_are_removed),
        cmocka_unit_test(the_nearest_name_is_found_when_it_is_near),
        SETTINGS_TEST(node_id_and_broker_id_stand_for_each_other),
        SETTINGS_TEST(node_id_and_broker_id_must_not_differ),
        SETTINGS_TEST(log_dirs_wins_over_log_dir),
        SETTINGS_TEST(a_data_folder_that_is_there_twice_counts_once),
        SETTINGS_TEST(a_listener_has_limits_of_its_own),
        SETTINGS_TEST(settings_that_promise_safety_refuse_to_start),
        SETTINGS_TEST(their_defaults_may_be_spelled_out),
        SETTINGS_TEST(contradictions_name_setting_and_origin),
        SETTINGS_TEST(an_ephemeral_folder_takes_the_place_of_all_data_folders),
        SETTINGS_TEST(a_description_has_type_source_and_whether_it_may_change),
        SETTINGS_TEST(synonyms_are_listed_by_layer_and_as_they_were_written),
        SETTINGS_TEST(time_settings_list_their_coarser_synonyms),
        SETTINGS_TEST(the_resource_of_all_brokers_shows_its_own_layer_alone),
        SETTINGS_TEST(a_description_fails_when_the_arena_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
