/* Fetches that wait, over files in memory: what wakes them, and what a session is told when topics come and go. */
#include "lib/broker_fixture.h"

#include "protocol/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define FETCH_VERSION 11

struct test {
    struct broker_fixture broker;
    struct test_peer writer, reader;
};

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_open(&test->broker);
    test_peer_open(&test->writer, &test->broker);
    test_peer_open(&test->reader, &test->broker);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    test_peer_close(&test->writer);
    test_peer_close(&test->reader);
    broker_fixture_release(&test->broker);
    free(test);
    return 0;
}

/* Fetch partitions 0 to `partitions` - 1 of topic "t" from `offset`, and wait up to a minute for `min_bytes`. */
static int32_t send_fetch(struct test *test, int32_t partitions, int64_t offset, int32_t min_bytes)
{
    struct kp_fetch_request request = kp_fetch_request_default;
    struct kp_fetch_request_topics_partitions fetched[8];
    assert_in_range(partitions, 1, (int)COUNT_OF(fetched));
    for (int32_t i = 0; i < partitions; i++) {
        fetched[i] = kp_fetch_request_topics_partitions_default;
        fetched[i].partition = i;
        fetched[i].fetch_offset = offset;
        fetched[i].partition_max_bytes = 1 << 20;
    }
    struct kp_fetch_request_topics topic = test_fetch_topic("t", fetched);
    topic.partitions_count = partitions;
    request.topics = &topic;
    request.topics_count = 1;
    request.max_wait_ms = 60000;
    request.min_bytes = min_bytes;
    return test_peer_send(&test->reader, KP_API_FETCH, FETCH_VERSION, &request);
}

static bool answered(struct test *test, int32_t id, struct kp_fetch_response *response)
{
    broker_fixture_turn(&test->broker);
    return test_peer_receive(&test->reader, KP_API_FETCH, FETCH_VERSION, id, response);
}

/* Returns the low watermark, or an error below 0. */
static int64_t delete_records(struct test *test, int32_t partition, int64_t offset)
{
    struct kp_delete_records_request request = kp_delete_records_request_default;
    struct kp_delete_records_request_topics_partitions asked = {.partition_index = partition, .offset = offset};
    struct kp_delete_records_request_topics topic = {
        .name = kp_string_of("t"), .partitions = &asked, .partitions_count = 1};
    struct kp_delete_records_response response;
    request.topics = &topic;
    request.topics_count = 1;
    test_peer_ask(&test->writer, KP_API_DELETE_RECORDS, 2, &request, &response);
    assert_int_equal(response.topics_count, 1);
    const struct kp_delete_records_response_topics_partitions *answer = &response.topics[0].partitions[0];
    return answer->error_code == KAFKA_NONE ? answer->low_watermark : -answer->error_code;
}

static void a_parked_fetch_is_answered_when_its_records_are_deleted(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    assert_int_equal(test_create_topic(&test->writer, "t", 1), KAFKA_NONE);
    assert_int_equal(test_produce(&test->writer, "t", 0, 2), KAFKA_NONE);
    int32_t id = send_fetch(test, 1, 0, 1000000);
    assert_false(answered(test, id, &response));
    assert_int_equal(delete_records(test, 0, 1), 1);
    assert_true(answered(test, id, &response));
    assert_int_equal(response.responses[0].partitions[0].error_code, KAFKA_OFFSET_OUT_OF_RANGE);
}

static void a_parked_fetch_behind_the_deleted_records_waits_on(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    assert_int_equal(test_create_topic(&test->writer, "t", 1), KAFKA_NONE);
    assert_int_equal(test_produce(&test->writer, "t", 0, 2), KAFKA_NONE);
    int32_t id = send_fetch(test, 1, 2, 1);
    assert_int_equal(delete_records(test, 0, 2), 2);
    assert_false(answered(test, id, &response));
    assert_int_equal(test_produce(&test->writer, "t", 0, 1), KAFKA_NONE);
    assert_true(answered(test, id, &response));
    assert_int_equal(response.responses[0].partitions[0].log_start_offset, 2);
}

/* It is parked again each time that there is too little. */
static void the_least_size_is_counted_over_all_partitions(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    assert_int_equal(test_create_topic(&test->writer, "t", 4), KAFKA_NONE);
    int32_t id = send_fetch(test, 4, 0, 600); /* a record takes about 170 bytes */
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(test_produce(&test->writer, "t", i, 1), KAFKA_NONE);
        assert_false(answered(test, id, &response));
    }
    assert_int_equal(test_produce(&test->writer, "t", 3, 1), KAFKA_NONE);
    assert_true(answered(test, id, &response));
    assert_int_equal(response.responses[0].partitions_count, 4);
    for (int32_t i = 0; i < 4; i++)
        assert_true(response.responses[0].partitions[i].records.size > 0);
}

static void a_fetch_of_many_partitions_is_answered_once_for_all_that_a_turn_did(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    assert_int_equal(test_create_topic(&test->writer, "t", 3), KAFKA_NONE);
    int32_t id = send_fetch(test, 3, 0, 1);
    assert_int_equal(test_produce(&test->writer, "t", 2, 1), KAFKA_NONE);
    assert_int_equal(test_produce(&test->writer, "t", 0, 1), KAFKA_NONE);
    assert_true(answered(test, id, &response));
    assert_true(response.responses[0].partitions[0].records.size > 0);
    assert_int_equal(response.responses[0].partitions[1].records.size, 0);
    assert_true(response.responses[0].partitions[2].records.size > 0);
}

/* One of its topics goes, and at once another one has its name. */
static void a_parked_fetch_meets_the_topic_that_was_made_again(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    assert_int_equal(test_create_topic(&test->writer, "t", 1), KAFKA_NONE);
    assert_int_equal(test_produce(&test->writer, "t", 0, 5), KAFKA_NONE);
    int32_t id = send_fetch(test, 1, 5, 1);
    assert_int_equal(test_delete_topic(&test->writer, "t"), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->writer, "t", 1), KAFKA_NONE);
    assert_true(answered(test, id, &response));
    assert_int_equal(response.responses[0].partitions[0].error_code, KAFKA_OFFSET_OUT_OF_RANGE);
    assert_int_equal(test_produce(&test->writer, "t", 0, 1), KAFKA_NONE);
    assert_true(answered(test, send_fetch(test, 1, 0, 1), &response));
    assert_int_equal(response.responses[0].partitions[0].high_watermark, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_parked_fetch_is_answered_when_its_records_are_deleted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parked_fetch_behind_the_deleted_records_waits_on, setup, teardown),
        cmocka_unit_test_setup_teardown(the_least_size_is_counted_over_all_partitions, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fetch_of_many_partitions_is_answered_once_for_all_that_a_turn_did, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_parked_fetch_meets_the_topic_that_was_made_again, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
