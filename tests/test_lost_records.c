/* Leader epochs: one truth in every answer and on the disk, and how a consumer learns that records it has read are gone
 * (KIP-320). */
#include "lib/broker_fixture.h"

#include "protocol/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define LOG_FILE "/data/t-0/00000000000000000000.log"
#define PRODUCED 10 /* one record each */
#define KEPT     6

struct test {
    struct broker_fixture broker;
    struct test_peer peer;
};

/* Ten batches of epoch 0 in partition 0 of topic "t". */
static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
    assert_int_equal(test_create_topic(&test->peer, "t", 1), KAFKA_NONE);
    for (int i = 0; i < PRODUCED; i++)
        assert_int_equal(test_produce(&test->peer, "t", 0, 1), KAFKA_NONE);
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

/* While the broker is down its log loses all but the first KEPT batches, and is whole all the same. */
static void lose_records(struct test *test)
{
    size_t size;
    const uint8_t *bytes = memory_io_bytes(test->broker.memory, LOG_FILE, &size);
    assert_non_null(bytes);
    assert_int_equal(size % PRODUCED, 0);
    size_t kept_bytes = size / PRODUCED * KEPT;
    uint8_t *kept = xmalloc(kept_bytes);
    memcpy(kept, bytes, kept_bytes);
    memory_io_put(test->broker.memory, LOG_FILE, kept, kept_bytes);
    free(kept);
}

/* Stop, cleanly or by a power cut after everything was synced, lose records or not, and start. */
static void restart(struct test *test, bool clean, bool lossy)
{
    test_peer_close(&test->peer);
    if (clean)
        broker_fixture_close(&test->broker);
    else
        broker_fixture_power_cut(&test->broker, 1);
    if (lossy)
        lose_records(test);
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
}

/* flush.ms, so that a power cut loses nothing. */
static void flush(struct test *test)
{
    struct partition *partition = topic_partition(catalog_topic(test->broker.broker->catalog, kp_string_of("t")), 0);
    assert_int_equal(log_flush_now(partition->log, NULL), 0);
}

static struct kp_fetch_response_responses_partitions fetch(struct test *test, int64_t offset, int32_t current_epoch,
                                                           int32_t last_epoch)
{
    struct kp_fetch_request request = kp_fetch_request_default;
    struct kp_fetch_request_topics_partitions partition = kp_fetch_request_topics_partitions_default;
    struct kp_fetch_response response;
    partition.fetch_offset = offset;
    partition.current_leader_epoch = current_epoch;
    partition.last_fetched_epoch = last_epoch;
    partition.partition_max_bytes = 1 << 20;
    struct kp_fetch_request_topics topic = test_fetch_topic("t", &partition);
    request.topics = &topic;
    request.topics_count = 1;
    request.max_bytes = 1 << 20;
    request.session_epoch = -1;
    test_peer_ask(&test->peer, KP_API_FETCH, 12, &request, &response);
    assert_int_equal(response.responses_count, 1);
    return response.responses[0].partitions[0];
}

static int32_t metadata_epoch(struct test *test)
{
    struct kp_metadata_request request = kp_metadata_request_default;
    struct kp_metadata_response response;
    request.topics_count = -1;
    test_peer_ask(&test->peer, KP_API_METADATA, 9, &request, &response);
    assert_int_equal(response.topics_count, 1);
    return response.topics[0].partitions[0].leader_epoch;
}

static struct kp_offset_for_leader_epoch_response_topics_partitions epoch_end(struct test *test, int32_t epoch)
{
    struct kp_offset_for_leader_epoch_request request = kp_offset_for_leader_epoch_request_default;
    struct kp_offset_for_leader_epoch_request_topics topic = kp_offset_for_leader_epoch_request_topics_default;
    struct kp_offset_for_leader_epoch_request_topics_partitions partition =
        kp_offset_for_leader_epoch_request_topics_partitions_default;
    struct kp_offset_for_leader_epoch_response response;
    partition.leader_epoch = epoch;
    topic.topic = kp_string_of("t");
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.topics = &topic;
    request.topics_count = 1;
    test_peer_ask(&test->peer, KP_API_OFFSET_FOR_LEADER_EPOCH, 4, &request, &response);
    assert_int_equal(response.topics_count, 1);
    return response.topics[0].partitions[0];
}

/* The epoch that ListOffsets tells beside an offset. */
static int32_t latest_epoch(struct test *test, int64_t timestamp)
{
    struct kp_list_offsets_request request = kp_list_offsets_request_default;
    struct kp_list_offsets_request_topics topic = kp_list_offsets_request_topics_default;
    struct kp_list_offsets_request_topics_partitions partition = kp_list_offsets_request_topics_partitions_default;
    struct kp_list_offsets_response response;
    partition.timestamp = timestamp;
    topic.name = kp_string_of("t");
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.replica_id = -1;
    request.topics = &topic;
    request.topics_count = 1;
    test_peer_ask(&test->peer, KP_API_LIST_OFFSETS, 7, &request, &response);
    return response.topics[0].partitions[0].leader_epoch;
}

/* A consumer that has read all ten of epoch 0 is told where to go back to, and gets all that comes after. */
static void assert_noticed(struct test *test)
{
    assert_int_equal(fetch(test, PRODUCED, 0, 0).error_code, KAFKA_FENCED_LEADER_EPOCH);
    assert_int_equal(metadata_epoch(test), 1);
    assert_int_equal(epoch_end(test, 0).leader_epoch, 0);
    assert_int_equal(epoch_end(test, 0).end_offset, KEPT);
    for (int i = 0; i < PRODUCED; i++) /* the offset that it wants is there again, with another record */
        assert_int_equal(test_produce(&test->peer, "t", 0, 1), KAFKA_NONE);
    struct kp_fetch_response_responses_partitions answer = fetch(test, PRODUCED, 1, 0);
    assert_int_equal(answer.error_code, KAFKA_NONE);
    assert_int_equal(answer.diverging_epoch.epoch, 0);
    assert_int_equal(answer.diverging_epoch.end_offset, KEPT);
    assert_int_equal(answer.records.size, 0);
    answer = fetch(test, KEPT, 1, 0);
    assert_int_equal(answer.diverging_epoch.end_offset, -1);
    assert_int_equal(answer.high_watermark, KEPT + PRODUCED);
    assert_true(answer.records.size > 0);
}

static void loss_in_a_crash_is_noticed(void **state)
{
    struct test *test = *state;
    flush(test);
    restart(test, false, true);
    assert_noticed(test);
}

static void loss_after_a_clean_stop_is_noticed(void **state)
{
    struct test *test = *state;
    restart(test, true, true);
    assert_noticed(test);
}

/* Whoever comes first has the log loaded: here a producer, whose records must not be of the old epoch. */
static void records_behind_a_loss_are_of_a_new_epoch(void **state)
{
    struct test *test = *state;
    restart(test, true, true);
    broker_fixture_advance(&test->broker, 1); /* so that its record has the largest timestamp */
    assert_int_equal(test_produce(&test->peer, "t", 0, 1), KAFKA_NONE);
    assert_int_equal(latest_epoch(test, -3), 1);
    assert_int_equal(epoch_end(test, 0).end_offset, KEPT);
    assert_int_equal(epoch_end(test, 1).end_offset, KEPT + 1);
}

/* The raised epoch is on the disk before anybody hears of it. */
static void raised_epoch_survives_a_power_cut(void **state)
{
    struct test *test = *state;
    restart(test, true, true);
    assert_int_equal(fetch(test, KEPT, -1, -1).error_code, KAFKA_NONE);
    assert_int_equal(metadata_epoch(test), 1);
    restart(test, false, false);
    assert_int_equal(metadata_epoch(test), 2);
}

static void clean_restart_keeps_the_epoch(void **state)
{
    struct test *test = *state;
    restart(test, true, false);
    assert_int_equal(fetch(test, PRODUCED, 0, 0).error_code, KAFKA_NONE);
    assert_int_equal(metadata_epoch(test), 0);
}

static void all_answers_and_the_disk_tell_the_same_epoch(void **state)
{
    struct test *test = *state;
    flush(test);
    restart(test, false, false);
    assert_int_equal(metadata_epoch(test), 1);
    assert_int_equal(latest_epoch(test, -1), 1); /* of the next record */
    assert_int_equal(latest_epoch(test, -3), 0); /* of a record that is there */
    assert_int_equal(test_produce(&test->peer, "t", 0, 1), KAFKA_NONE);
    assert_int_equal(fetch(test, PRODUCED, 0, -1).error_code, KAFKA_FENCED_LEADER_EPOCH);
    assert_int_equal(fetch(test, PRODUCED, 2, -1).error_code, KAFKA_UNKNOWN_LEADER_EPOCH);
    assert_int_equal(fetch(test, PRODUCED, 1, 0).error_code, KAFKA_NONE);
    assert_int_equal(epoch_end(test, 1).end_offset, PRODUCED + 1);
    size_t size;
    const uint8_t *text = memory_io_bytes(test->broker.memory, "/data/t-0/leader-epoch-checkpoint", &size);
    assert_non_null(text);
    static const char expected[] = "0\n2\n0 0\n1 10\n";
    assert_int_equal(size, sizeof expected - 1);
    assert_memory_equal(text, expected, size);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loss_in_a_crash_is_noticed),
        TEST(loss_after_a_clean_stop_is_noticed),
        TEST(records_behind_a_loss_are_of_a_new_epoch),
        TEST(raised_epoch_survives_a_power_cut),
        TEST(clean_restart_keeps_the_epoch),
        TEST(all_answers_and_the_disk_tell_the_same_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
