/* DescribeLogDirs and AlterReplicaLogDirs of a broker with two data folders. What Kafka answers with one is in the
 * conformance suite. */
#include "lib/broker_fixture.h"

#include "protocol/errors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct test {
    struct broker_fixture broker;
    struct test_peer peer;
    struct kp_describe_log_dirs_response described;
};

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_set(&test->broker, "log.dirs", "/data/a,/data/b");
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    test_peer_close(&test->peer);
    broker_fixture_release(&test->broker);
    free(test);
    return 0;
}

static void restart(struct test *test)
{
    test_peer_close(&test->peer);
    broker_fixture_close(&test->broker);
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
}

/* Ask for all partitions; every turn takes a millisecond. */
static void describe(struct test *test)
{
    struct kp_describe_log_dirs_request request = kp_describe_log_dirs_request_default;
    request.topics_count = -1;
    int32_t id = test_peer_send(&test->peer, KP_API_DESCRIBE_LOG_DIRS, 4, &request);
    for (int i = 0; !test_peer_receive(&test->peer, KP_API_DESCRIBE_LOG_DIRS, 4, id, &test->described); i++) {
        assert_in_range(i, 0, 1000);
        broker_fixture_advance(&test->broker, 1);
    }
    assert_int_equal(test->described.results_count, 2);
    assert_true(kp_string_is(test->described.results[0].log_dir, "/data/a"));
    assert_true(kp_string_is(test->described.results[1].log_dir, "/data/b"));
}

static int32_t partitions_in(const struct test *test, int directory)
{
    const struct kp_describe_log_dirs_response_results *result = &test->described.results[directory];
    int32_t count = 0;
    for (int32_t t = 0; t < result->topics_count; t++)
        count += result->topics[t].partitions_count;
    return count;
}

/* Have a partition moved. Returns the error code. */
static int16_t move(struct test *test, const char *topic, int32_t partition, const char *path)
{
    struct kp_alter_replica_log_dirs_request request = kp_alter_replica_log_dirs_request_default;
    struct kp_alter_replica_log_dirs_request_dirs_topics moved = {
        .name = kp_string_of(topic), .partitions = &partition, .partitions_count = 1};
    struct kp_alter_replica_log_dirs_request_dirs dir = {
        .path = kp_string_of(path), .topics = &moved, .topics_count = 1};
    struct kp_alter_replica_log_dirs_response response;
    request.dirs = &dir;
    request.dirs_count = 1;
    int32_t id = test_peer_send(&test->peer, KP_API_ALTER_REPLICA_LOG_DIRS, 2, &request);
    assert_true(test_peer_receive(&test->peer, KP_API_ALTER_REPLICA_LOG_DIRS, 2, id, &response)); /* before any job */
    assert_int_equal(response.results_count, 1);
    assert_int_equal(response.results[0].partitions_count, 1);
    return response.results[0].partitions[0].error_code;
}

static void partitions_are_spread_over_the_directories(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_create_topic(&test->peer, "t", 6), KAFKA_NONE);
    describe(test);
    assert_int_equal(partitions_in(test, 0), 3);
    assert_int_equal(partitions_in(test, 1), 3);
    assert_true(test->described.results[0].total_bytes > 0);
    assert_true(test->described.results[0].usable_bytes > 0);
}

static void thousands_of_partitions_are_described_in_parts(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_create_topic(&test->peer, "t", 1000), KAFKA_NONE);
    struct kp_describe_log_dirs_request request = kp_describe_log_dirs_request_default;
    request.topics_count = -1;
    int32_t id = test_peer_send(&test->peer, KP_API_DESCRIBE_LOG_DIRS, 4, &request);
    assert_false(test_peer_receive(&test->peer, KP_API_DESCRIBE_LOG_DIRS, 4, id, &test->described));
    broker_fixture_advance(&test->broker, 1);
    struct test_peer other;
    test_peer_open(&other, &test->broker);
    assert_int_equal(test_delete_topic(&other, "t"), KAFKA_NONE);
    test_peer_close(&other);
    for (int i = 0; i < 1000; i++)
        broker_fixture_advance(&test->broker, 1);
    assert_true(test_peer_receive(&test->peer, KP_API_DESCRIBE_LOG_DIRS, 4, id, &test->described));
    assert_in_range(partitions_in(test, 0) + partitions_in(test, 1), 64, 192);
}

static void a_description_goes_with_its_peer(void **state)
{
    struct test *test = *state;
    struct kp_describe_log_dirs_request request = kp_describe_log_dirs_request_default;
    assert_int_equal(test_create_topic(&test->peer, "t", 1000), KAFKA_NONE);
    request.topics_count = -1;
    (void)test_peer_send(&test->peer, KP_API_DESCRIBE_LOG_DIRS, 4, &request);
    peer_gone(&test->peer.peer);
    broker_fixture_advance(&test->broker, 10);
}

static void a_partition_moves_and_is_found_there_after_a_restart(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_create_topic(&test->peer, "t", 1), KAFKA_NONE);
    assert_int_equal(test_produce(&test->peer, "t", 0, 5), KAFKA_NONE);
    describe(test);
    assert_int_equal(partitions_in(test, 0), 1);
    assert_int_equal(move(test, "t", 0, "/data/b"), KAFKA_NONE);
    broker_fixture_advance(&test->broker, 20);
    broker_fixture_run_jobs(&test->broker);
    describe(test);
    assert_int_equal(partitions_in(test, 0), 0);
    assert_int_equal(partitions_in(test, 1), 1);
    assert_int_equal(test_produce(&test->peer, "t", 0, 5), KAFKA_NONE);
    restart(test);
    describe(test);
    assert_int_equal(partitions_in(test, 1), 1);
}

static void a_copy_that_is_made_is_described_as_future(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_create_topic(&test->peer, "t", 1), KAFKA_NONE);
    assert_int_equal(test_produce(&test->peer, "t", 0, 5), KAFKA_NONE);
    assert_int_equal(move(test, "t", 0, "/data/b"), KAFKA_NONE); /* its jobs have not run */
    describe(test);
    assert_int_equal(partitions_in(test, 0), 1);
    assert_int_equal(partitions_in(test, 1), 1);
    assert_true(test->described.results[1].topics[0].partitions[0].is_future_key);
    assert_int_equal(test->described.results[1].topics[0].partitions[0].offset_lag, 5);
}

/* Kafka refuses, and does it when the topic is there. */
static void a_directory_may_be_named_before_the_topic_exists(void **state)
{
    struct test *test = *state;
    assert_int_equal(move(test, "t", 0, "/data/b"), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(test_create_topic(&test->peer, "t", 1), KAFKA_NONE);
    describe(test);
    assert_int_equal(partitions_in(test, 1), 1);
}

static void a_directory_that_takes_no_folder_is_told_and_left(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_create_topic(&test->peer, "t", 2), KAFKA_NONE);
    memory_io_fail(test->broker.memory, CALL_MKDIR, 1, EIO, false);
    assert_int_equal(test_produce(&test->peer, "t", 0, 1), KAFKA_NONE);
    assert_int_equal(test_produce(&test->peer, "t", 1, 1), KAFKA_NONE);
    describe(test);
    assert_int_equal(test->described.results[0].error_code, KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(test->described.results[1].error_code, KAFKA_NONE);
    assert_int_equal(partitions_in(test, 1), 2);
    assert_int_equal(move(test, "t", 0, "/data/a"), KAFKA_KAFKA_STORAGE_ERROR);
}

/* The paths of an answer are those that a request may name. */
static void a_directory_is_known_by_one_name(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_create_topic(&test->peer, "t", 1), KAFKA_NONE);
    assert_int_equal(move(test, "t", 0, "/data/b/"), KAFKA_LOG_DIR_NOT_FOUND);
    assert_int_equal(move(test, "t", 0, "/data/../data/b"), KAFKA_LOG_DIR_NOT_FOUND);
    assert_int_equal(move(test, "t", 0, "/data/c"), KAFKA_LOG_DIR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(partitions_are_spread_over_the_directories, setup, teardown),
        cmocka_unit_test_setup_teardown(thousands_of_partitions_are_described_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_description_goes_with_its_peer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_partition_moves_and_is_found_there_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_that_is_made_is_described_as_future, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_may_be_named_before_the_topic_exists, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_that_takes_no_folder_is_told_and_left, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_is_known_by_one_name, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
