/* ListOffsets by timestamp where the records of a batch are more than a turn may decompress. */
#include "broker/limits.h"
#include "lib/broker_fixture.h"
#include "protocol/errors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define FIRST_MS      1700000000000
#define TIMESTAMP_MAX (-3)

struct test {
    struct broker_fixture broker;
    struct test_peer client, other;
};

typedef struct kp_list_offsets_response_topics_partitions partition_response;

/* Two records of `value_bytes` zeros in a batch: at `first_ms`, and a second later. */
static void produce(struct test *test, size_t value_bytes, enum codec codec, int64_t first_ms)
{
    struct batch_builder builder;
    struct test_produce_request produce;
    struct kp_produce_response response;
    test_batch_of_zeros(&builder, first_ms, 2, value_bytes, codec);
    test_produce_request_init(&produce, "t", 0, &builder);
    test_peer_ask(&test->client, KP_API_PRODUCE, 9, &produce.request, &response);
    assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_NONE);
    batch_builder_release(&builder);
    broker_fixture_turn(&test->broker);
}

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_set(&test->broker, "message.max.bytes", "10000000");
    broker_fixture_open(&test->broker);
    test_peer_open(&test->client, &test->broker);
    test_peer_open(&test->other, &test->broker);
    assert_int_equal(test_create_topic(&test->client, "t", 2), KAFKA_NONE);
    broker_fixture_turn(&test->broker);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    test_peer_close(&test->client);
    test_peer_close(&test->other);
    broker_fixture_run_jobs(&test->broker);
    broker_fixture_release(&test->broker);
    free(test);
    return 0;
}

static int32_t ask(struct test_peer *peer, int64_t timestamp)
{
    struct kp_list_offsets_request_topics_partitions partitions[2];
    for (int32_t i = 0; i < 2; i++) {
        partitions[i] = kp_list_offsets_request_topics_partitions_default;
        partitions[i].partition_index = i;
        partitions[i].timestamp = timestamp;
    }
    struct kp_list_offsets_request_topics topic = {
        .name = kp_string_of("t"), .partitions = partitions, .partitions_count = 2};
    struct kp_list_offsets_request request = kp_list_offsets_request_default;
    request.topics = &topic;
    request.topics_count = 1;
    return test_peer_send(peer, KP_API_LIST_OFFSETS, 7, &request);
}

static bool answered(struct test_peer *peer, int32_t id, partition_response *of_first)
{
    struct kp_list_offsets_response response;
    if (!test_peer_receive(peer, KP_API_LIST_OFFSETS, 7, id, &response))
        return false;
    assert_int_equal(response.topics_count, 1);
    assert_memory_equal(response.topics[0].name.data, "t", 1);
    assert_int_equal(response.topics[0].partitions_count, 2);
    *of_first = response.topics[0].partitions[0];
    return true;
}

static void a_usual_batch_is_looked_through_at_once(void **state)
{
    struct test *test = *state;
    partition_response found;
    produce(test, KIB(10), CODEC_GZIP, FIRST_MS);
    assert_true(answered(&test->client, ask(&test->client, FIRST_MS + 1), &found));
    assert_int_equal(found.offset, 1);
    assert_int_equal(found.timestamp, FIRST_MS + 1000);
}

static void a_batch_that_takes_long_is_looked_through_in_the_pool(void **state)
{
    struct test *test = *state;
    static const int64_t asked[] = {FIRST_MS + 1, TIMESTAMP_MAX};
    partition_response found;
    produce(test, MIB(3), CODEC_GZIP, FIRST_MS);
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        int32_t id = ask(&test->client, asked[i]);
        assert_false(answered(&test->client, id, &found));
        assert_int_equal(test_pool_count(&test->broker.env.pool, JOB_CHECK), 1);
        broker_fixture_run_jobs(&test->broker);
        assert_true(answered(&test->client, id, &found));
        assert_int_equal(found.error_code, KAFKA_NONE);
        assert_int_equal(found.offset, 1);
        assert_int_equal(found.timestamp, FIRST_MS + 1000);
        assert_int_equal(found.leader_epoch, 0);
    }
}

/* A large batch that is not compressed costs its bytes, and the lookups of a turn share its work. */
static void what_is_read_counts_as_well(void **state)
{
    struct test *test = *state;
    partition_response found;
    produce(test, MIB(3), CODEC_NONE, FIRST_MS);
    int32_t id = ask(&test->client, FIRST_MS);
    assert_false(answered(&test->client, id, &found));
    broker_fixture_run_jobs(&test->broker);
    assert_true(answered(&test->client, id, &found));
    assert_int_equal(found.offset, 0);
}

static void a_bomb_is_looked_through_where_only_bombs_wait(void **state)
{
    struct test *test = *state;
    partition_response found;
    produce(test, CHECK_WORK_BYTES, CODEC_ZSTD, FIRST_MS);
    int32_t id = ask(&test->client, FIRST_MS + 1);
    assert_true(test_pool_run_first(&test->broker.env.pool));
    assert_int_equal(test_pool_count(&test->broker.env.pool, JOB_CHECK_LONG), 1);
    broker_fixture_run_jobs(&test->broker);
    assert_true(answered(&test->client, id, &found));
    assert_int_equal(found.offset, 1);
}

/* The header promises a record that the log start has hidden: the search goes on behind the batch. */
static void the_search_goes_on_behind_a_batch_without_the_record(void **state)
{
    struct test *test = *state;
    partition_response found;
    produce(test, MIB(3), CODEC_GZIP, FIRST_MS);
    produce(test, MIB(3), CODEC_GZIP, FIRST_MS - 5000);
    produce(test, MIB(3), CODEC_GZIP, FIRST_MS);
    struct topic *topic = catalog_topic(test->broker.broker->catalog, kp_string_of("t"));
    assert_int_equal(log_raise_start(topic_partition(topic, 0)->log, 1, NULL), 0);
    int32_t id = ask(&test->client, FIRST_MS);
    broker_fixture_run_jobs(&test->broker);
    assert_true(answered(&test->client, id, &found));
    assert_int_equal(found.offset, 1);
    assert_int_equal(log_raise_start(topic_partition(topic, 0)->log, 2, NULL), 0);
    id = ask(&test->client, FIRST_MS);
    broker_fixture_run_jobs(&test->broker);
    assert_true(answered(&test->client, id, &found));
    assert_int_equal(found.offset, 4);
    id = ask(&test->client, FIRST_MS + 5000);
    broker_fixture_run_jobs(&test->broker);
    assert_true(answered(&test->client, id, &found));
    assert_int_equal(found.offset, -1);
}

static void a_topic_that_goes_meanwhile_is_unknown(void **state)
{
    struct test *test = *state;
    partition_response found;
    produce(test, MIB(3), CODEC_GZIP, FIRST_MS);
    int32_t first = ask(&test->client, FIRST_MS + 1);
    struct kp_delete_topics_request deletion = kp_delete_topics_request_default;
    struct kp_string name = kp_string_of("t");
    deletion.topic_names = &name;
    deletion.topic_names_count = 1;
    deletion.timeout_ms = 30000;
    test_peer_send(&test->other, KP_API_DELETE_TOPICS, 5, &deletion);
    broker_fixture_run_jobs(&test->broker);
    assert_true(answered(&test->client, first, &found));
    assert_int_equal(found.error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
}

static void the_peer_may_go_during_the_search(void **state)
{
    struct test *test = *state;
    produce(test, MIB(3), CODEC_GZIP, FIRST_MS);
    ask(&test->client, FIRST_MS + 1);
    test_peer_close(&test->client);
    test_peer_open(&test->client, &test->broker);
    broker_fixture_run_jobs(&test->broker);
}

static void a_search_that_is_canceled_closes_the_connection(void **state)
{
    struct test *test = *state;
    produce(test, MIB(3), CODEC_GZIP, FIRST_MS);
    ask(&test->client, FIRST_MS + 1);
    test_pool_cancel(&test->broker.env.pool);
    assert_true(test->client.closed);
}

/* What the pool cannot read the loop cannot either, and says so. */
static void a_batch_that_cannot_be_read_is_an_error(void **state)
{
    struct test *test = *state;
    partition_response found;
    produce(test, MIB(3), CODEC_GZIP, FIRST_MS);
    int32_t id = ask(&test->client, FIRST_MS + 1);
    memory_io_fail(test->broker.memory, CALL_ANY, 1, EIO, true);
    broker_fixture_run_jobs(&test->broker);
    memory_io_fail(test->broker.memory, 0, 0, 0, false);
    assert_true(answered(&test->client, id, &found));
    assert_int_equal(found.error_code, KAFKA_KAFKA_STORAGE_ERROR);
    test_peer_close(&test->client); /* the log is offline: no clean stop */
    test_peer_close(&test->other);
    broker_fixture_abandon(&test->broker);
    broker_fixture_open(&test->broker);
    test_peer_open(&test->client, &test->broker);
    test_peer_open(&test->other, &test->broker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_usual_batch_is_looked_through_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_that_takes_long_is_looked_through_in_the_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_read_counts_as_well, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bomb_is_looked_through_where_only_bombs_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(the_search_goes_on_behind_a_batch_without_the_record, setup, teardown),
        cmocka_unit_test_setup_teardown(a_topic_that_goes_meanwhile_is_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(the_peer_may_go_during_the_search, setup, teardown),
        cmocka_unit_test_setup_teardown(a_search_that_is_canceled_closes_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_that_cannot_be_read_is_an_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
