/* Produce where it does not end in the turn that it began in: batches that the pool validates, and syncs. */
#include "broker/limits.h"
#include "broker/purgatory.h"
#include "lib/broker_fixture.h"
#include "protocol/errors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define VERSION 9

struct test {
    struct broker_fixture broker;
    struct test_peer producer, admin;
};

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_set(&test->broker, "message.max.bytes", "10000000");
    broker_fixture_open(&test->broker);
    test_peer_open(&test->producer, &test->broker);
    test_peer_open(&test->admin, &test->broker);
    assert_int_equal(test_create_topic(&test->admin, "t", 2), KAFKA_NONE);
    broker_fixture_turn(&test->broker);
    for (int32_t partition = 0; partition < 2; partition++) /* their folders are there */
        assert_int_equal(test_produce(&test->producer, "t", partition, 1), KAFKA_NONE);
    broker_fixture_run_jobs(&test->broker);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    test_peer_close(&test->producer);
    test_peer_close(&test->admin);
    broker_fixture_release(&test->broker);
    free(test);
    return 0;
}

/* Send a batch to partition 0, and the same to partition 1 when `both`. Returns the correlation id. */
static int32_t send_batch(struct test *test, size_t value_bytes, enum codec codec, int16_t acks, bool both)
{
    struct batch_builder builder;
    test_batch_of_zeros(&builder, test->broker.env.now.wall_ms, 1, value_bytes, codec);
    struct kp_records records = {.data = builder.bytes, .size = (int32_t)builder.size_bytes};
    struct kp_produce_request_topic_data_partition_data data[] = {
        {.index = 0, .records = records},
        {.index = 1, .records = records},
    };
    struct kp_produce_request_topic_data topic = {
        .name = kp_string_of("t"), .partition_data = data, .partition_data_count = both ? 2 : 1};
    struct kp_produce_request request = kp_produce_request_default;
    request.acks = acks;
    request.topic_data = &topic;
    request.topic_data_count = 1;
    int32_t id = test_peer_send(&test->producer, KP_API_PRODUCE, VERSION, &request);
    batch_builder_release(&builder);
    return id;
}

static bool receive(struct test *test, int32_t id, struct kp_produce_response *response)
{
    return test_peer_receive(&test->producer, KP_API_PRODUCE, VERSION, id, response);
}

/* Since the setup, which appended one record. */
static int64_t appended(struct test *test, int32_t partition)
{
    struct topic *topic = catalog_topic(test->broker.broker->catalog, kp_string_of("t"));
    return log_end_offset(topic_partition(topic, partition)->log) - 1;
}

static void a_usual_batch_is_validated_at_once(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    for (enum codec codec = CODEC_NONE; codec < CODEC_COUNT; codec++) {
        broker_fixture_turn(&test->broker);
        assert_true(receive(test, send_batch(test, KIB(200), codec, 1, false), &response));
        assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_NONE);
    }
    assert_int_equal(test_pool_count(&test->broker.env.pool, JOB_CHECK), 0);
}

static void a_batch_that_takes_long_is_validated_in_the_pool(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    int32_t id = send_batch(test, MIB(3), CODEC_GZIP, 1, false);
    assert_false(receive(test, id, &response));
    assert_int_equal(appended(test, 0), 0);
    assert_int_equal(test_pool_count(&test->broker.env.pool, JOB_CHECK), 1);
    broker_fixture_run_jobs(&test->broker);
    assert_true(receive(test, id, &response));
    assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_NONE);
    assert_int_equal(response.responses[0].partition_responses[0].base_offset, 1);
    assert_memory_equal(response.responses[0].name.data, "t", 1);
    assert_int_equal(appended(test, 0), 1);
}

/* However little each takes: it is the turn that must end. */
static void the_batches_of_a_turn_share_its_work(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    assert_true(receive(test, send_batch(test, KIB(500), CODEC_LZ4, 1, false), &response));
    int32_t id = send_batch(test, KIB(500), CODEC_LZ4, 1, false);
    assert_false(receive(test, id, &response));
    broker_fixture_run_jobs(&test->broker); /* and ends the turn */
    assert_true(receive(test, id, &response));
    assert_true(receive(test, send_batch(test, KIB(500), CODEC_LZ4, 1, false), &response));
}

/* A few kilobytes that decompress to more than anybody sends go where nothing else waits for them. */
static void a_bomb_keeps_only_bombs_waiting(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    int32_t id = send_batch(test, 2 * CHECK_WORK_BYTES, CODEC_ZSTD, 1, false);
    assert_int_equal(test_pool_count(&test->broker.env.pool, JOB_CHECK), 1);
    assert_true(test_pool_run_first(&test->broker.env.pool));
    assert_int_equal(test_pool_count(&test->broker.env.pool, JOB_CHECK), 0);
    assert_int_equal(test_pool_count(&test->broker.env.pool, JOB_CHECK_LONG), 1);
    broker_fixture_run_jobs(&test->broker);
    assert_true(receive(test, id, &response));
    assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_NONE);
}

static void a_batch_that_is_compressed_anew_is_so_in_the_pool(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    struct topic *topic = catalog_topic(test->broker.broker->catalog, kp_string_of("t"));
    topic->log_config.rules.codec = CODEC_GZIP;
    int32_t id = send_batch(test, KIB(100), CODEC_NONE, 1, false);
    assert_int_equal(test_pool_count(&test->broker.env.pool, JOB_CHECK), 1);
    broker_fixture_run_jobs(&test->broker);
    assert_true(receive(test, id, &response));
    assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_NONE);
    assert_in_range(log_size_bytes(topic_partition(topic, 0)->log), 1, KIB(2));
}

/* Of every partition of the request: one batch at a time is in the pool. */
static void all_partitions_of_a_request_are_answered_together(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    int32_t id = send_batch(test, MIB(3), CODEC_GZIP, 1, true);
    assert_true(test_pool_run_first(&test->broker.env.pool));
    assert_int_equal(appended(test, 0), 1);
    assert_int_equal(appended(test, 1), 0);
    assert_false(receive(test, id, &response));
    broker_fixture_run_jobs(&test->broker);
    assert_true(receive(test, id, &response));
    assert_int_equal(response.responses[0].partition_responses_count, 2);
    assert_int_equal(response.responses[0].partition_responses[1].index, 1);
    assert_int_equal(response.responses[0].partition_responses[1].base_offset, 1);
    assert_int_equal(appended(test, 1), 1);
}

static void later_requests_of_the_connection_wait_for_the_pool(void **state)
{
    struct test *test = *state;
    send_batch(test, MIB(3), CODEC_GZIP, 1, false);
    assert_false(peer_may_start(&test->producer.peer));
    broker_fixture_run_jobs(&test->broker);
    assert_true(peer_may_start(&test->producer.peer));
}

/* Kafka too carries out what has arrived whole. */
static void what_is_in_the_pool_is_appended_although_its_peer_is_gone(void **state)
{
    struct test *test = *state;
    send_batch(test, MIB(3), CODEC_GZIP, 0, true);
    test_peer_close(&test->producer);
    broker_fixture_run_jobs(&test->broker);
    assert_int_equal(appended(test, 0), 1);
    assert_int_equal(appended(test, 1), 1);
    assert_int_equal(test->broker.broker->requests_bytes, 0);
    test_peer_open(&test->producer, &test->broker);
}

static void a_topic_that_is_deleted_meanwhile_is_unknown(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    struct topic *topic = catalog_topic(test->broker.broker->catalog, kp_string_of("t"));
    topic->log_config.rules.codec = CODEC_GZIP; /* so that the verdict holds memory */
    int32_t id = send_batch(test, MIB(3), CODEC_ZSTD, 1, false);
    struct job *job = test_pool_take(&test->broker.env.pool);
    job->work(job);
    assert_int_equal(test_delete_topic(&test->admin, "t"), KAFKA_NONE);
    job->done(job, false);
    broker_fixture_run_jobs(&test->broker);
    assert_true(receive(test, id, &response));
    assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
}

/* What is refused is refused in the pool with the same words. */
static void a_refusal_of_the_pool_names_the_records(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    struct topic *topic = catalog_topic(test->broker.broker->catalog, kp_string_of("t"));
    topic->log_config.rules.keys_required = true;
    int32_t id = send_batch(test, MIB(3), CODEC_GZIP, 1, false);
    broker_fixture_run_jobs(&test->broker);
    assert_true(receive(test, id, &response));
    assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_INVALID_RECORD);
    assert_int_equal(response.responses[0].partition_responses[0].record_errors_count, 1);
    assert_int_equal(appended(test, 0), 0);
}

static void a_stop_lets_go_of_what_waits_for_the_pool(void **state)
{
    struct test *test = *state;
    send_batch(test, MIB(3), CODEC_GZIP, 1, false);
    test_pool_cancel(&test->broker.env.pool);
    assert_true(test->producer.closed);
    assert_int_equal(appended(test, 0), 0);
}

/* ---- folders ------------------------------------------------------------------------------------------------------ */

/* A produce of one record to partition 0 of a topic without folders, by hand: no job has run. */
static int32_t send_first(struct test *test, const char *topic)
{
    struct batch_builder builder;
    struct test_produce_request produce;
    test_batch_of_zeros(&builder, test->broker.env.now.wall_ms, 1, 100, CODEC_NONE);
    test_produce_request_init(&produce, topic, 0, &builder);
    int32_t id = test_peer_send(&test->producer, KP_API_PRODUCE, VERSION, &produce.request);
    batch_builder_release(&builder);
    return id;
}

static void the_folder_of_a_partition_is_made_in_the_pool(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    assert_int_equal(test_create_topic(&test->admin, "new", 1), KAFKA_NONE);
    int32_t id = send_first(test, "new");
    assert_false(memory_io_exists(test->broker.memory, "/data/new-0"));
    assert_int_equal(test_pool_count(&test->broker.env.pool, JOB_MAKE), 1);
    broker_fixture_run_jobs(&test->broker);
    assert_true(receive(test, id, &response));
    assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_NONE);
    assert_true(memory_io_exists(test->broker.memory, "/data/new-0/partition.metadata"));
    assert_true(memory_io_exists(test->broker.memory, "/data/new-0/leader-epoch-checkpoint"));
}

/* Kafka would put a folder without its topic aside as stray. */
static void a_folder_is_made_when_its_topic_is_durable(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    struct kp_create_topics_request request = kp_create_topics_request_default;
    struct kp_create_topics_request_topics topic = kp_create_topics_request_topics_default;
    topic.name = kp_string_of("new");
    topic.num_partitions = topic.replication_factor = 1;
    request.topics = &topic;
    request.topics_count = 1;
    test_peer_send(&test->admin, KP_API_CREATE_TOPICS, 7, &request);
    int32_t id = send_first(test, "new");
    assert_int_equal(test_pool_count(&test->broker.env.pool, JOB_MAKE), 0);
    assert_true(test_pool_run_first(&test->broker.env.pool)); /* the sync */
    assert_int_equal(test_pool_count(&test->broker.env.pool, JOB_MAKE), 1);
    broker_fixture_run_jobs(&test->broker);
    assert_true(receive(test, id, &response));
    assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_NONE);
}

static void a_folder_that_cannot_be_made_refuses_the_append_and_the_next_one_tries_again(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    assert_int_equal(test_create_topic(&test->admin, "new", 1), KAFKA_NONE);
    for (int k = 1; k < 4; k++) {
        int32_t id = send_first(test, "new");
        memory_io_fail(test->broker.memory, CALL_MKDIR | CALL_OPEN | CALL_RENAME, k, ENOSPC, false);
        broker_fixture_run_jobs(&test->broker);
        memory_io_fail(test->broker.memory, 0, 0, 0, false);
        assert_true(receive(test, id, &response));
        assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_KAFKA_STORAGE_ERROR);
    }
    assert_int_equal(test_produce(&test->producer, "new", 0, 1), KAFKA_NONE);
}

/* What is being made is not the successor's, and goes. */
static void a_topic_that_is_deleted_while_its_folder_is_made_leaves_nothing(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    assert_int_equal(test_create_topic(&test->admin, "new", 1), KAFKA_NONE);
    int32_t id = send_first(test, "new");
    struct job *job = test_pool_take(&test->broker.env.pool);
    job->work(job);
    assert_int_equal(test_delete_topic(&test->admin, "new"), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->admin, "new", 1), KAFKA_NONE);
    struct topic *topic = catalog_topic(test->broker.broker->catalog, kp_string_of("new"));
    assert_int_equal(log_end_offset(topic_partition(topic, 0)->log), 0); /* it is loaded, and has no folder */
    job->done(job, false);
    broker_fixture_run_jobs(&test->broker);
    assert_true(receive(test, id, &response));
    assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_NONE); /* by its name */
    assert_int_equal(test_produce(&test->producer, "new", 0, 1), KAFKA_NONE);
    assert_int_equal(log_end_offset(topic_partition(topic, 0)->log), 2);
}

static void send_deletion(struct test *test, const char *name)
{
    struct kp_delete_topics_request request = kp_delete_topics_request_default;
    struct kp_string topic = kp_string_of(name);
    request.topic_names = &topic;
    request.topic_names_count = 1;
    request.timeout_ms = 30000;
    test_peer_send(&test->admin, KP_API_DELETE_TOPICS, 5, &request);
}

/* A topic that a power cut brings back has its records. */
static void a_folder_is_renamed_when_the_deletion_of_its_topic_is_durable(void **state)
{
    struct test *test = *state;
    send_deletion(test, "t");
    assert_int_equal(test_pool_count(&test->broker.env.pool, JOB_MAKE), 0);
    assert_true(test_pool_run_first(&test->broker.env.pool)); /* the sync */
    assert_int_equal(test_pool_count(&test->broker.env.pool, JOB_MAKE), 2);
    assert_true(memory_io_exists(test->broker.memory, "/data/t-0"));
    broker_fixture_run_jobs(&test->broker);
    assert_false(memory_io_exists(test->broker.memory, "/data/t-0"));
    assert_false(memory_io_exists(test->broker.memory, "/data/t-1"));
}

/* Whatever is asked of it, and in whatever state the folder of the one before is. */
static void the_successor_of_a_deleted_topic_begins_empty(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    struct kp_create_topics_request request = kp_create_topics_request_default;
    struct kp_create_topics_request_topics topic = kp_create_topics_request_topics_default;
    topic.name = kp_string_of("t");
    topic.num_partitions = 2;
    topic.replication_factor = 1;
    request.topics = &topic;
    request.topics_count = 1;
    request.timeout_ms = 30000;
    send_deletion(test, "t");
    test_peer_send(&test->admin, KP_API_CREATE_TOPICS, 7, &request);
    assert_int_equal(appended(test, 0), -1);
    int32_t id = send_batch(test, 100, CODEC_NONE, 1, true);
    assert_true(memory_io_exists(test->broker.memory, "/data/t-0")); /* the old one's */
    broker_fixture_run_jobs(&test->broker);
    assert_true(receive(test, id, &response));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(response.responses[0].partition_responses[i].error_code, KAFKA_NONE);
        assert_int_equal(response.responses[0].partition_responses[i].base_offset, 0);
        assert_int_equal(appended(test, i), 0);
    }
}

/* ---- syncs ---------------------------------------------------------------------------------------------------------- */

static void wish_for_syncs(struct test *test)
{
    catalog_topic(test->broker.broker->catalog, kp_string_of("t"))->log_config.flush_messages = 1;
}

static void an_answer_waits_for_the_syncs_of_all_its_partitions(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    wish_for_syncs(test);
    int32_t id = send_batch(test, 100, CODEC_NONE, 1, true);
    assert_true(peer_may_start(&test->producer.peer));
    assert_true(test_pool_run_first(&test->broker.env.pool));
    assert_false(receive(test, id, &response));
    assert_true(test_pool_run_first(&test->broker.env.pool));
    assert_true(receive(test, id, &response));
    assert_memory_equal(response.responses[0].name.data, "t", 1);
    assert_int_equal(response.responses[0].partition_responses[1].error_code, KAFKA_NONE);
}

static void a_partition_whose_sync_fails_says_so_and_the_others_do_not(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    wish_for_syncs(test);
    int32_t id = send_batch(test, 100, CODEC_NONE, 1, true);
    memory_io_fail(test->broker.memory, CALL_SYNC, 1, EIO, false);
    broker_fixture_run_jobs(&test->broker);
    assert_true(receive(test, id, &response));
    assert_false(test->producer.closed);
    const struct kp_produce_response_responses *topic = &response.responses[0];
    assert_int_equal(topic->partition_responses[0].error_code, KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(topic->partition_responses[0].base_offset, -1);
    assert_int_equal(topic->partition_responses[1].error_code, KAFKA_NONE);
    assert_int_equal(topic->partition_responses[1].base_offset, 1);
    id = send_batch(test, 100, CODEC_NONE, 1, true); /* offline, and the other goes on */
    broker_fixture_run_jobs(&test->broker);
    assert_true(receive(test, id, &response));
    assert_int_equal(topic->partition_responses[0].error_code, KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(topic->partition_responses[1].error_code, KAFKA_NONE);
    memory_io_fail(test->broker.memory, 0, 0, 0, false);
    test_delete_topic(&test->admin, "t"); /* else the stop is not clean */
}

static void with_acks_0_a_sync_that_fails_closes_the_connection(void **state)
{
    struct test *test = *state;
    wish_for_syncs(test);
    send_batch(test, 100, CODEC_NONE, 0, false);
    memory_io_fail(test->broker.memory, CALL_SYNC, 1, EIO, false);
    broker_fixture_run_jobs(&test->broker);
    assert_true(test->producer.closed);
    memory_io_fail(test->broker.memory, 0, 0, 0, false);
    test_delete_topic(&test->admin, "t");
}

/* The validation holds the connection, the sync after it does not. */
static void what_was_validated_in_the_pool_waits_for_its_sync_like_others(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    wish_for_syncs(test);
    int32_t id = send_batch(test, MIB(3), CODEC_GZIP, 1, false);
    assert_true(test_pool_run_first(&test->broker.env.pool));
    assert_false(receive(test, id, &response));
    assert_true(peer_may_start(&test->producer.peer));
    broker_fixture_run_jobs(&test->broker);
    assert_true(receive(test, id, &response));
    assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_NONE);
}

/* ---- requests that come together ------------------------------------------------------------------------------------ */

/* As send_batch() with a hundred bytes, and another one follows at once. */
static int32_t send_one_of_several(struct test *test, int16_t acks)
{
    test->producer.peer.more_follows = true;
    return send_batch(test, 100, CODEC_NONE, acks, false);
}

static void batches_that_come_together_are_written_together(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    int64_t calls = memory_io_calls(test->broker.memory, CALL_PWRITE);
    int32_t id = send_one_of_several(test, 1);
    send_one_of_several(test, 1);
    assert_int_equal(appended(test, 0), 0);
    assert_false(receive(test, id, &response));
    send_batch(test, 100, CODEC_NONE, 1, false);
    assert_int_equal(memory_io_calls(test->broker.memory, CALL_PWRITE), calls + 1);
    assert_int_equal(appended(test, 0), 3);
    for (int i = 0; i < 3; i++) {
        assert_true(receive(test, id + i, &response));
        assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_NONE);
        assert_int_equal(response.responses[0].partition_responses[0].base_offset, 1 + i);
    }
}

static void another_request_finds_what_came_before_it(void **state)
{
    struct test *test = *state;
    struct kp_fetch_request request = kp_fetch_request_default;
    struct kp_fetch_request_topics_partitions partition = kp_fetch_request_topics_partitions_default;
    struct kp_fetch_request_topics topic = test_fetch_topic("t", &partition);
    struct kp_fetch_response response;
    partition.fetch_offset = 1;
    partition.partition_max_bytes = 1000;
    request.topics = &topic;
    request.topics_count = 1;
    send_one_of_several(test, 0);
    int32_t id = test_peer_send(&test->producer, KP_API_FETCH, 11, &request);
    assert_true(test_peer_receive(&test->producer, KP_API_FETCH, 11, id, &response));
    assert_int_equal(response.responses[0].partitions[0].high_watermark, 2);
    assert_true(response.responses[0].partitions[0].records.size > 100);
}

static void a_write_that_fails_refuses_all_that_came_together(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    int32_t id = send_one_of_several(test, 1);
    memory_io_fail(test->broker.memory, CALL_PWRITE, 1, ENOSPC, true);
    send_batch(test, 100, CODEC_NONE, 1, false);
    memory_io_fail(test->broker.memory, 0, 0, 0, false);
    for (int i = 0; i < 2; i++) {
        assert_true(receive(test, id + i, &response));
        assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_KAFKA_STORAGE_ERROR);
        assert_int_equal(response.responses[0].partition_responses[0].base_offset, -1);
    }
    assert_int_equal(appended(test, 0), 0);
    id = send_batch(test, 100, CODEC_NONE, 1, false);
    assert_true(receive(test, id, &response));
    assert_int_equal(response.responses[0].partition_responses[0].base_offset, 1);
}

static void batches_that_come_together_share_a_sync(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    wish_for_syncs(test);
    int32_t id = send_one_of_several(test, 1);
    send_batch(test, 100, CODEC_NONE, 1, false);
    assert_false(receive(test, id, &response));
    broker_fixture_run_jobs(&test->broker);
    for (int i = 0; i < 2; i++) {
        assert_true(receive(test, id + i, &response));
        assert_memory_equal(response.responses[0].name.data, "t", 1);
        assert_int_equal(response.responses[0].partition_responses[0].base_offset, 1 + i);
    }
}

static void what_was_written_together_outlives_its_peer(void **state)
{
    struct test *test = *state;
    send_one_of_several(test, 1);
    test_peer_close(&test->producer);
    assert_int_equal(appended(test, 0), 1);
    test_peer_open(&test->producer, &test->broker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_usual_batch_is_validated_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_that_takes_long_is_validated_in_the_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(the_batches_of_a_turn_share_its_work, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bomb_keeps_only_bombs_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_that_is_compressed_anew_is_so_in_the_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(all_partitions_of_a_request_are_answered_together, setup, teardown),
        cmocka_unit_test_setup_teardown(later_requests_of_the_connection_wait_for_the_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_in_the_pool_is_appended_although_its_peer_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_topic_that_is_deleted_meanwhile_is_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_of_the_pool_names_the_records, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_lets_go_of_what_waits_for_the_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(the_folder_of_a_partition_is_made_in_the_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_is_made_when_its_topic_is_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_made_refuses_the_append_and_the_next_one_tries_again,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_topic_that_is_deleted_while_its_folder_is_made_leaves_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_folder_is_renamed_when_the_deletion_of_its_topic_is_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(the_successor_of_a_deleted_topic_begins_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_waits_for_the_syncs_of_all_its_partitions, setup, teardown),
        cmocka_unit_test_setup_teardown(a_partition_whose_sync_fails_says_so_and_the_others_do_not, setup, teardown),
        cmocka_unit_test_setup_teardown(with_acks_0_a_sync_that_fails_closes_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_validated_in_the_pool_waits_for_its_sync_like_others, setup, teardown),
        cmocka_unit_test_setup_teardown(batches_that_come_together_are_written_together, setup, teardown),
        cmocka_unit_test_setup_teardown(another_request_finds_what_came_before_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_write_that_fails_refuses_all_that_came_together, setup, teardown),
        cmocka_unit_test_setup_teardown(batches_that_come_together_share_a_sync, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_written_together_outlives_its_peer, setup, teardown),
    };
    return cmocka_run_group_tests_name("produce", tests, NULL, NULL);
}
