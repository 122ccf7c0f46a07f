/* The topics of coordinators, made when somebody first asks for one: as the broker's settings say, or not at all. What
 * Kafka does at these limits was seen on a broker with them: the coordinator is never available. */
#include "lib/broker_fixture.h"

#include "broker/topic_config.h"
#include "protocol/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* The two kinds: of groups, of transactions. */
static const char *const topics[] = {"__consumer_offsets", "__transaction_state"};
static const char *const prefixes[] = {"offsets.topic", "transaction.state.log"};

struct test {
    struct broker_fixture broker;
    struct test_peer peer;
};

/* A broker with PREFIX.`setting` of each kind, and `value`s for them. */
static void open_test(struct test *test, const char *setting, const char *const values[2])
{
    char name[64];
    broker_fixture_init(&test->broker);
    for (int kind = 0; kind < 2; kind++) {
        snprintf(name, sizeof name, "%s.%s", prefixes[kind], setting);
        broker_fixture_set(&test->broker, name, values[kind]);
    }
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
}

static void close_test(struct test *test)
{
    test_peer_close(&test->peer);
    broker_fixture_release(&test->broker);
}

static int16_t find(struct test *test, int kind)
{
    struct kp_find_coordinator_request request = kp_find_coordinator_request_default;
    struct kp_find_coordinator_response response;
    struct kp_string key = kp_string_of("x");
    request.key_type = (int8_t)kind;
    request.coordinator_keys = &key;
    request.coordinator_keys_count = 1;
    test_peer_ask(&test->peer, KP_API_FIND_COORDINATOR, 4, &request, &response);
    return response.coordinators[0].error_code;
}

static struct topic *topic_of(struct test *test, int kind)
{
    return catalog_topic(test->broker.broker->catalog, kp_string_of(topics[kind]));
}

static void assert_made(const char *setting, const char *groups, const char *transactions, const char *topic_setting)
{
    const char *const values[] = {groups, transactions};
    struct test test;
    open_test(&test, setting, values);
    for (int kind = 0; kind < 2; kind++) {
        assert_int_equal(find(&test, kind), KAFKA_NONE);
        const struct topic *topic = topic_of(&test, kind);
        assert_non_null(topic);
        if (topic_setting == NULL)
            assert_int_equal(topic->partitions_count, strtol(values[kind], NULL, 10));
        else
            assert_string_equal(topic_overrides_get(catalog_configs(test.broker.broker->catalog, RESOURCE_TOPIC,
                                                                    kp_string_of(topics[kind])),
                                                    topic_setting),
                                values[kind]);
    }
    close_test(&test);
}

static void assert_not_made(const char *setting, const char *groups, const char *transactions)
{
    const char *const values[] = {groups, transactions};
    struct test test;
    open_test(&test, setting, values);
    for (int kind = 0; kind < 2; kind++) {
        assert_int_equal(find(&test, kind), KAFKA_COORDINATOR_NOT_AVAILABLE);
        assert_null(topic_of(&test, kind));
    }
    close_test(&test);
}

static void they_are_made_as_the_settings_say(void **state)
{
    (void)state;
    assert_made("num.partitions", "1", "2", NULL);
    assert_made("segment.bytes", "1048576", "2147483647", "segment.bytes");
}

static void with_segments_smaller_than_a_topic_may_have_they_are_not_made(void **state)
{
    (void)state;
    assert_not_made("segment.bytes", "1048575", "1");
}

static void with_more_replicas_than_there_are_brokers_they_are_not_made(void **state)
{
    (void)state;
    assert_not_made("replication.factor", "2", "32767");
}

/* The topic is a record too, and so is each of its settings. */
static void with_more_records_than_a_request_may_write_they_are_not_made(void **state)
{
    (void)state;
    assert_not_made("num.partitions", "10000", "10000");
}

static void at_least_one_replica_is_what_they_want(void **state)
{
    (void)state;
    struct test test;
    const char *const one[] = {"1", "1"};
    open_test(&test, "num.partitions", one);
    assert_int_equal(find(&test, 1), KAFKA_NONE);
    assert_string_equal(
        topic_overrides_get(catalog_configs(test.broker.broker->catalog, RESOURCE_TOPIC, kp_string_of(topics[1])),
                            "min.insync.replicas"),
        "1");
    close_test(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_made_as_the_settings_say),
        cmocka_unit_test(with_segments_smaller_than_a_topic_may_have_they_are_not_made),
        cmocka_unit_test(with_more_replicas_than_there_are_brokers_they_are_not_made),
        cmocka_unit_test(with_more_records_than_a_request_may_write_they_are_not_made),
        cmocka_unit_test(at_least_one_replica_is_what_they_want),
    };
    return cmocka_run_group_tests_name("coordinator_topics", tests, NULL, NULL);
}
