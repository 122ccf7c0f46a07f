/* The whole broker, over files in memory and a clock of its own: what clients are promised about time, order and
 * crashes. */
#include "lib/broker_fixture.h"

#include "protocol/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define FETCH_VERSION 11

struct test {
    struct broker_fixture broker;
    struct test_peer producer, consumer;
};

static void open_peers(struct test *test)
{
    test_peer_open(&test->producer, &test->broker);
    test_peer_open(&test->consumer, &test->broker);
}

static void close_peers(struct test *test)
{
    test_peer_close(&test->producer);
    test_peer_close(&test->consumer);
}

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_open(&test->broker);
    open_peers(test);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    close_peers(test);
    broker_fixture_release(&test->broker);
    free(test);
    return 0;
}

/* A fetch of partition 0 that waits up to a minute for one byte. */
static int32_t send_fetch(struct test_peer *peer, const char *topic, int64_t offset, int32_t session_id,
                          int32_t session_epoch)
{
    struct kp_fetch_request request = kp_fetch_request_default;
    struct kp_fetch_request_topics_partitions partition = kp_fetch_request_topics_partitions_default;
    partition.fetch_offset = offset;
    partition.partition_max_bytes = 1 << 20;
    struct kp_fetch_request_topics fetched;
    if (topic != NULL) {
        fetched = test_fetch_topic(topic, &partition);
        request.topics = &fetched;
        request.topics_count = 1;
    }
    request.max_wait_ms = 60000;
    request.min_bytes = 1;
    request.session_id = session_id;
    request.session_epoch = session_epoch;
    return test_peer_send(peer, KP_API_FETCH, FETCH_VERSION, &request);
}

static bool receive_fetch(struct test_peer *peer, int32_t id, struct kp_fetch_response *response)
{
    return test_peer_receive(peer, KP_API_FETCH, FETCH_VERSION, id, response);
}

static const struct kp_fetch_response_responses_partitions *only_partition(const struct kp_fetch_response *response)
{
    assert_int_equal(response->responses_count, 1);
    assert_int_equal(response->responses[0].partitions_count, 1);
    return &response->responses[0].partitions[0];
}

static void what_was_produced_is_fetched(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    assert_int_equal(test_create_topic(&test->producer, "t", 1), KAFKA_NONE);
    assert_int_equal(test_produce(&test->producer, "t", 0, 3), KAFKA_NONE);
    assert_true(receive_fetch(&test->consumer, send_fetch(&test->consumer, "t", 0, 0, -1), &response));
    const struct kp_fetch_response_responses_partitions *partition = only_partition(&response);
    struct record_batch batch;
    assert_int_equal(partition->high_watermark, 3);
    assert_int_equal(record_batch_view(&batch, partition->records.data, (size_t)partition->records.size), BATCH_OK);
    assert_true(record_batch_crc_ok(&batch));
    assert_int_equal(batch.record_count, 3);
}

static void a_parked_fetch_is_answered_by_the_append(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    test_create_topic(&test->producer, "t", 1);
    int32_t id = send_fetch(&test->consumer, "t", 0, 0, -1);
    broker_fixture_turn(&test->broker);
    assert_false(receive_fetch(&test->consumer, id, &response));
    test_produce(&test->producer, "t", 0, 1);
    broker_fixture_turn(&test->broker);
    assert_true(receive_fetch(&test->consumer, id, &response));
    assert_true(only_partition(&response)->records.size > 0);
}

static void a_parked_fetch_is_answered_when_its_time_is_over(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    test_create_topic(&test->producer, "t", 1);
    int32_t id = send_fetch(&test->consumer, "t", 0, 0, -1);
    broker_fixture_advance(&test->broker, 59999);
    assert_false(receive_fetch(&test->consumer, id, &response));
    assert_true(test->broker.env.wake_ms <= test->broker.env.now.mono_ms + 1);
    broker_fixture_advance(&test->broker, 1);
    assert_true(receive_fetch(&test->consumer, id, &response));
    assert_int_equal(only_partition(&response)->records.size, 0);
}

static void a_parked_fetch_is_answered_when_its_topic_is_deleted(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    test_create_topic(&test->producer, "t", 1);
    int32_t id = send_fetch(&test->consumer, "t", 0, 0, -1);
    assert_int_equal(test_delete_topic(&test->producer, "t"), KAFKA_NONE);
    broker_fixture_turn(&test->broker);
    assert_true(receive_fetch(&test->consumer, id, &response));
    assert_int_equal(only_partition(&response)->error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
}

static void a_parked_fetch_holds_its_connection_and_goes_with_it(void **state)
{
    struct test *test = *state;
    test_create_topic(&test->producer, "t", 1);
    send_fetch(&test->consumer, "t", 0, 0, -1);
    assert_false(peer_may_start(&test->consumer.peer));
    peer_gone(&test->consumer.peer);
    assert_int_equal(test_produce(&test->producer, "t", 0, 1), KAFKA_NONE);
    broker_fixture_turn(&test->broker);
    broker_fixture_advance(&test->broker, 120000);
}

static void a_stop_answers_what_is_parked(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    test_create_topic(&test->producer, "t", 1);
    int32_t id = send_fetch(&test->consumer, "t", 0, 0, -1);
    broker_stop(test->broker.broker);
    assert_true(receive_fetch(&test->consumer, id, &response));
}

/* KIP-227: an answer of a session names only what is new. */
static void a_session_tells_only_what_is_new(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    test_create_topic(&test->producer, "t", 1);
    test_produce(&test->producer, "t", 0, 1);
    assert_true(receive_fetch(&test->consumer, send_fetch(&test->consumer, "t", 0, 0, 0), &response));
    int32_t session = response.session_id;
    assert_true(session > 0);
    only_partition(&response);
    int32_t id = send_fetch(&test->consumer, "t", 1, session, 1);
    assert_false(receive_fetch(&test->consumer, id, &response));
    broker_fixture_advance(&test->broker, 60000);
    assert_true(receive_fetch(&test->consumer, id, &response));
    assert_int_equal(response.session_id, session);
    assert_int_equal(response.responses_count, 0);
    test_produce(&test->producer, "t", 0, 1);
    assert_true(receive_fetch(&test->consumer, send_fetch(&test->consumer, NULL, 0, session, 2), &response));
    assert_int_equal(only_partition(&response)->high_watermark, 2);
}

static void a_session_refuses_an_epoch_out_of_turn(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    test_create_topic(&test->producer, "t", 1);
    test_produce(&test->producer, "t", 0, 1);
    assert_true(receive_fetch(&test->consumer, send_fetch(&test->consumer, "t", 0, 0, 0), &response));
    assert_true(
        receive_fetch(&test->consumer, send_fetch(&test->consumer, NULL, 0, response.session_id, 2), &response));
    assert_int_equal(response.error_code, KAFKA_INVALID_FETCH_SESSION_EPOCH);
    assert_true(receive_fetch(&test->consumer, send_fetch(&test->consumer, NULL, 0, 12345, 1), &response));
    assert_int_equal(response.error_code, KAFKA_FETCH_SESSION_ID_NOT_FOUND);
}

static void a_topic_is_answered_when_it_is_durable_and_answers_keep_their_order(void **state)
{
    struct test *test = *state;
    struct kp_create_topics_request request = kp_create_topics_request_default;
    struct kp_create_topics_request_topics topic = kp_create_topics_request_topics_default;
    struct kp_create_topics_response created;
    struct kp_metadata_request ask = kp_metadata_request_default;
    struct kp_metadata_response metadata;
    topic.name = kp_string_of("t");
    topic.num_partitions = 1;
    topic.replication_factor = 1;
    request.topics = &topic;
    request.topics_count = 1;
    ask.topics_count = -1;
    int32_t first = test_peer_send(&test->producer, KP_API_CREATE_TOPICS, 7, &request);
    int32_t second = test_peer_send(&test->producer, KP_API_METADATA, 9, &ask);
    assert_false(test_peer_receive(&test->producer, KP_API_CREATE_TOPICS, 7, first, &created));
    broker_fixture_run_jobs(&test->broker);
    assert_true(test_peer_receive(&test->producer, KP_API_CREATE_TOPICS, 7, first, &created));
    assert_int_equal(created.topics[0].error_code, KAFKA_NONE);
    assert_true(test_peer_receive(&test->producer, KP_API_METADATA, 9, second, &metadata));
    assert_int_equal(metadata.topics_count, 1);
}

static void a_clean_restart_finds_everything(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    test_create_topic(&test->producer, "t", 1);
    test_produce(&test->producer, "t", 0, 5);
    close_peers(test);
    broker_fixture_close(&test->broker);
    broker_fixture_open(&test->broker);
    open_peers(test);
    assert_true(receive_fetch(&test->consumer, send_fetch(&test->consumer, "t", 0, 0, -1), &response));
    assert_int_equal(only_partition(&response)->high_watermark, 5);
    assert_int_equal(test_create_topic(&test->producer, "t", 1), KAFKA_TOPIC_ALREADY_EXISTS);
}

/* Whatever the disk kept of what was not synced: an acknowledged topic is there, and its log is sound. */
static void a_power_cut_loses_no_acknowledged_topic(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    test_create_topic(&test->producer, "t", 1);
    for (uint64_t seed = 0; seed < 20; seed++) {
        assert_int_equal(test_produce(&test->producer, "t", 0, 5), KAFKA_NONE);
        close_peers(test);
        broker_fixture_power_cut(&test->broker, seed);
        broker_fixture_open(&test->broker);
        open_peers(test);
        assert_int_equal(test_create_topic(&test->producer, "t", 1), KAFKA_TOPIC_ALREADY_EXISTS);
        struct partition *partition =
            topic_partition(catalog_topic(test->broker.broker->catalog, kp_string_of("t")), 0);
        int64_t end = log_end_offset(partition->log);
        assert_int_equal(test_produce(&test->producer, "t", 0, 1), KAFKA_NONE);
        assert_true(receive_fetch(&test->consumer, send_fetch(&test->consumer, "t", end, 0, -1), &response));
        assert_int_equal(only_partition(&response)->error_code, KAFKA_NONE);
        assert_int_equal(only_partition(&response)->high_watermark, end + 1);
    }
}

/* flush.ms counts from the append, although the store had nothing to do before. */
static void an_append_is_synced_after_flush_ms(void **state)
{
    struct test *test = *state;
    close_peers(test);
    broker_fixture_close(&test->broker);
    broker_fixture_set(&test->broker, "log.flush.interval.ms", "1000");
    broker_fixture_open(&test->broker);
    open_peers(test);
    test_create_topic(&test->producer, "t", 1);
    test_produce(&test->producer, "t", 0, 1);
    broker_fixture_run_jobs(&test->broker);
    int64_t syncs = memory_io_calls(test->broker.memory, CALL_SYNC);
    assert_true(test->broker.env.wake_ms <= test->broker.env.now.mono_ms + 1000);
    broker_fixture_advance(&test->broker, 999);
    broker_fixture_run_jobs(&test->broker);
    assert_int_equal(memory_io_calls(test->broker.memory, CALL_SYNC), syncs);
    broker_fixture_advance(&test->broker, 2);
    broker_fixture_run_jobs(&test->broker);
    assert_true(memory_io_calls(test->broker.memory, CALL_SYNC) > syncs);
}

static void a_request_that_is_not_served_closes_the_connection(void **state)
{
    struct test *test = *state;
    uint8_t frame[] = {0, 4, 0, 0, 0, 0, 0, 1, 0, 0}; /* LeaderAndIsr: for controllers of old */
    broker_handle_frame(&test->producer.peer, frame, sizeof frame);
    assert_true(test->producer.closed);
    assert_non_null(strstr(test->producer.reason, "API 4"));
    assert_false(peer_may_start(&test->producer.peer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_produced_is_fetched, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parked_fetch_is_answered_by_the_append, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parked_fetch_is_answered_when_its_time_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parked_fetch_is_answered_when_its_topic_is_deleted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parked_fetch_holds_its_connection_and_goes_with_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_answers_what_is_parked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_tells_only_what_is_new, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_refuses_an_epoch_out_of_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(a_topic_is_answered_when_it_is_durable_and_answers_keep_their_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_clean_restart_finds_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(a_power_cut_loses_no_acknowledged_topic, setup, teardown),
        cmocka_unit_test_setup_teardown(an_append_is_synced_after_flush_ms, setup, teardown),
        cmocka_unit_test_setup_teardown(a_request_that_is_not_served_closes_the_connection, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
