/* Client telemetry: which subscriptions a client gets, and when it may ask and push. */
#include "broker/controller.h"
#include "broker/dispatch.h"
#include "broker/limits.h"
#include "lib/broker_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* What Kafka gave to instance 8AAAAAAAQACAAAAAAAAAAQ, that is f0000000-0000-4000-8000-000000000001, for these
 * subscriptions. */
#define ID_OF_NONE (-1530455073)
#define ID_OF_B    (-169353338) /* org.apache.kafka.b each second */
#define ID_OF_ALL  1116467896   /* all each second */

struct fixture {
    struct broker_fixture broker;
    struct test_peer peer;
};

static struct kp_uuid instance_id(uint8_t number)
{
    return (struct kp_uuid){
        {0xf0, [6] = 0x40, [8] = 0x80, [15] = number}
    };
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    broker_fixture_init(&f->broker);
    broker_fixture_open(&f->broker);
    test_peer_open(&f->peer, &f->broker);
    snprintf(f->peer.peer.remote, sizeof f->peer.peer.remote, "127.0.0.1:4711");
    snprintf(f->peer.peer.client_software, sizeof f->peer.peer.client_software, "librdkafka 2.16.1");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    test_peer_close(&f->peer);
    broker_fixture_close(&f->broker);
    broker_fixture_release(&f->broker);
    free(f);
    return 0;
}

static void set(struct fixture *f, const char *subscription, const char *name, const char *value)
{
    struct metadata_batch batch;
    controller_begin(f->broker.broker, &batch);
    controller_set_config(&batch, RESOURCE_CLIENT_METRICS, kp_string_of(subscription), kp_string_of(name),
                          kp_string_of(value));
    assert_int_equal(controller_commit(f->broker.broker, &batch, NULL), KAFKA_NONE);
}

static struct kp_get_telemetry_subscriptions_response get(struct fixture *f, uint8_t number)
{
    struct kp_get_telemetry_subscriptions_request request = {.client_instance_id = instance_id(number)};
    struct kp_get_telemetry_subscriptions_response response;
    test_peer_ask(&f->peer, KP_API_GET_TELEMETRY_SUBSCRIPTIONS, 0, &request, &response);
    return response;
}

static int16_t push(struct fixture *f, int32_t subscription_id, int32_t size)
{
    uint8_t *metrics = xcalloc(1, (size_t)size + 1);
    struct kp_push_telemetry_request request = {
        .client_instance_id = instance_id(1),
        .subscription_id = subscription_id,
        .compression_type = 4,
        .metrics = {metrics, size}
    };
    struct kp_push_telemetry_response response;
    test_peer_ask(&f->peer, KP_API_PUSH_TELEMETRY, 0, &request, &response);
    free(metrics);
    return response.error_code;
}

static void subscriptions_that_match_are_handed_out(void **state)
{
    struct fixture *f = *state;
    set(f, "s1", "metrics", "org.apache.kafka.b");
    set(f, "s1", "interval.ms", "1000");
    set(f, "s1", "match", "client_id=tes.,client_source_address=127[.]0[.]0[.]1");
    struct kp_get_telemetry_subscriptions_response response = get(f, 1);
    assert_int_equal(response.error_code, KAFKA_NONE);
    assert_int_equal(response.subscription_id, ID_OF_B);
    assert_int_equal(response.push_interval_ms, 1000);
    assert_int_equal(response.requested_metrics_count, 1);
    assert_true(kp_string_is(response.requested_metrics[0], "org.apache.kafka.b"));
    set(f, "s2", "metrics", "*"); /* a change: the client may ask again at once */
    response = get(f, 1);
    assert_int_equal(response.subscription_id, ID_OF_ALL);
    assert_int_equal(response.requested_metrics_count, 1);
    assert_true(kp_string_is(response.requested_metrics[0], "*"));
}

static void metrics_of_several_are_named_once(void **state)
{
    struct fixture *f = *state;
    set(f, "s1", "metrics", "b,a");
    set(f, "s2", "metrics", "b,c");
    struct kp_get_telemetry_subscriptions_response response = get(f, 1);
    assert_int_equal(response.requested_metrics_count, 3);
    assert_true(kp_string_is(response.requested_metrics[0], "a"));
    assert_true(kp_string_is(response.requested_metrics[2], "c"));
}

/* A pattern must match the whole; one that is none matches nobody. */
static void clients_are_told_apart(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *match;
        bool matches;
    } cases[] = {
        {"client_id=te",                                 false},
        {"client_id=te.*",                               true },
        {"client_id=a|test",                             true },
        {"client_software_name=librdkafka",              true },
        {"client_software_version=2[.].*",               true },
        {"client_software_version=1.*",                  false},
        {"client_source_port=4711",                      true },
        {"client_source_port=471",                       false},
        {"client_source_address=127[.]0[.]0[.]2",        false},
        {"client_instance_id=8A.*",                      true },
        {"client_id=(te",                                false},
        {"client_id=test,client_software_name=apache.*", false},
    };
    set(f, "s", "metrics", "m");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        set(f, "s", "match", cases[i].match);
        if (get(f, 1).requested_metrics_count != cases[i].matches)
            fail_msg("%s", cases[i].match);
    }
}

static void clients_keep_to_their_interval(void **state)
{
    struct fixture *f = *state;
    set(f, "s", "metrics", "org.apache.kafka.b");
    set(f, "s", "interval.ms", "1000");
    assert_int_equal(get(f, 1).error_code, KAFKA_NONE);
    assert_int_equal(get(f, 1).error_code, KAFKA_THROTTLING_QUOTA_EXCEEDED);
    assert_int_equal(push(f, ID_OF_B, 10), KAFKA_NONE);
    broker_fixture_advance(&f->broker, 999);
    assert_int_equal(push(f, ID_OF_B, 10), KAFKA_THROTTLING_QUOTA_EXCEEDED);
    broker_fixture_advance(&f->broker, 1);
    assert_int_equal(push(f, ID_OF_B, 10), KAFKA_NONE);
    broker_fixture_advance(&f->broker, 1000);
    assert_int_equal(push(f, ID_OF_B + 1, 10), KAFKA_UNKNOWN_SUBSCRIPTION_ID);
    assert_int_equal(get(f, 1).error_code, KAFKA_NONE); /* to learn the right one it may ask at any time */
}

static void too_much_at_once_is_refused(void **state)
{
    struct fixture *f = *state;
    int32_t most = f->broker.config.telemetry_max_bytes;
    assert_int_equal(push(f, ID_OF_NONE, most + 1), KAFKA_TELEMETRY_TOO_LARGE);
    broker_fixture_advance(&f->broker, 300000);
    assert_int_equal(push(f, ID_OF_NONE, most), KAFKA_NONE);
}

static void instances_are_bounded_and_end_with_their_connection(void **state)
{
    struct fixture *f = *state;
    struct kp_get_telemetry_subscriptions_request request = {0};
    struct kp_get_telemetry_subscriptions_response response;
    for (int i = 0; i < TELEMETRY_INSTANCES_MAX + 10; i++) {
        test_peer_ask(&f->peer, KP_API_GET_TELEMETRY_SUBSCRIPTIONS, 0, &request, &response);
        assert_false(kp_uuid_is_zero(response.client_instance_id));
    }
    assert_int_equal(f->broker.broker->telemetry.instances.count, TELEMETRY_INSTANCES_MAX);
    peer_gone(&f->peer.peer); /* the last one goes, as in Kafka; the others when they are silent */
    assert_int_equal(f->broker.broker->telemetry.instances.count, TELEMETRY_INSTANCES_MAX - 1);
}

/* As by a Kafka without a metrics reporter that takes what clients push. */
static void it_is_not_advertised(void **state)
{
    (void)state;
    assert_false(dispatch_serves(KP_API_GET_TELEMETRY_SUBSCRIPTIONS));
    assert_false(dispatch_serves(KP_API_PUSH_TELEMETRY));
    assert_true(dispatch_serves(KP_API_ALTER_CLIENT_QUOTAS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(subscriptions_that_match_are_handed_out, setup, teardown),
        cmocka_unit_test_setup_teardown(metrics_of_several_are_named_once, setup, teardown),
        cmocka_unit_test_setup_teardown(clients_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(clients_keep_to_their_interval, setup, teardown),
        cmocka_unit_test_setup_teardown(too_much_at_once_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(instances_are_bounded_and_end_with_their_connection, setup, teardown),
        cmocka_unit_test(it_is_not_advertised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
