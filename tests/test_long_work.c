/* Work that takes long goes on in the next turns, and others are served in between. Here a turn has time for one part.
 */
#include "lib/broker_fixture.h"

#include "protocol/errors.h"
#include "storage/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LOGS  5
#define READS 100

struct test {
    struct broker_fixture broker;
    struct test_peer peer, other;
};

static void open_peers(struct test *test)
{
    test_peer_open(&test->peer, &test->broker);
    test_peer_open(&test->other, &test->broker);
}

static void close_peers(struct test *test)
{
    test_peer_close(&test->peer);
    test_peer_close(&test->other);
}

/* A topic with a record in each partition, after a restart: nobody has used its logs since. */
static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_open(&test->broker);
    open_peers(test);
    assert_int_equal(test_create_topic(&test->peer, "t", LOGS), KAFKA_NONE);
    for (int32_t i = 0; i < LOGS; i++)
        assert_int_equal(test_produce(&test->peer, "t", i, 1), KAFKA_NONE);
    close_peers(test);
    broker_fixture_close(&test->broker);
    broker_fixture_open(&test->broker);
    open_peers(test);
    test_env_short_turns(&test->broker.env);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    close_peers(test);
    if (test->broker.broker != NULL)
        broker_fixture_close(&test->broker);
    broker_fixture_release(&test->broker);
    free(test);
    return 0;
}

static int loaded(const struct test *test)
{
    const struct topic *topic = catalog_topic(test->broker.broker->catalog, kp_string_of("t"));
    int count = 0;
    for (int32_t i = 0; topic != NULL && i < topic->partitions_count; i++)
        count += log_is_loaded(topic_partition(topic, i)->log);
    return count;
}

/* ---- requests ------------------------------------------------------------------------------------------------------- */

/* Fetch so many times from the partitions in turn. */
static int32_t send_fetches(struct test_peer *peer, int32_t count)
{
    struct kp_fetch_request_topics_partitions partitions[READS];
    for (int32_t i = 0; i < count; i++) {
        partitions[i] = kp_fetch_request_topics_partitions_default;
        partitions[i].partition = i % LOGS;
        partitions[i].partition_max_bytes = 1000;
    }
    struct kp_fetch_request_topics topic = test_fetch_topic("t", partitions);
    topic.partitions_count = count;
    struct kp_fetch_request request = kp_fetch_request_default;
    request.topics = &topic;
    request.topics_count = 1;
    request.max_bytes = 1000000;
    request.min_bytes = 1;
    return test_peer_send(peer, KP_API_FETCH, 11, &request);
}

static int32_t send_fetch(struct test_peer *peer)
{
    return send_fetches(peer, LOGS);
}

static int32_t send_list_offsets(struct test_peer *peer, const char *name, int32_t count)
{
    struct kp_list_offsets_request_topics_partitions partitions[LOGS];
    for (int32_t i = 0; i < count; i++) {
        partitions[i] = kp_list_offsets_request_topics_partitions_default;
        partitions[i].partition_index = i;
        partitions[i].timestamp = -1;
    }
    struct kp_list_offsets_request_topics topic = {
        .name = kp_string_of(name), .partitions = partitions, .partitions_count = count};
    struct kp_list_offsets_request request = kp_list_offsets_request_default;
    request.topics = &topic;
    request.topics_count = 1;
    return test_peer_send(peer, KP_API_LIST_OFFSETS, 7, &request);
}

/* ---- tests ---------------------------------------------------------------------------------------------------------- */

static void a_fetch_loads_logs_over_several_turns(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    int32_t id = send_fetch(&test->peer);
    for (int turns = 0; turns < LOGS; turns++) {
        assert_int_equal(loaded(test), turns);
        assert_false(test_peer_receive(&test->peer, KP_API_FETCH, 11, id, &response));
        assert_int_equal(test->broker.env.wake_ms <= test->broker.env.now.mono_ms, 1); /* without waiting for events */
        broker_fixture_turn(&test->broker);
    }
    assert_true(test_peer_receive(&test->peer, KP_API_FETCH, 11, id, &response));
    assert_int_equal(response.responses[0].partitions_count, LOGS);
    for (int32_t i = 0; i < LOGS; i++) {
        assert_int_equal(response.responses[0].partitions[i].error_code, KAFKA_NONE);
        assert_true(response.responses[0].partitions[i].records.size > 0);
    }
}

static void others_are_answered_in_between_and_both_get_on(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response fetched;
    struct kp_list_offsets_response listed;
    struct kp_metadata_request metadata = kp_metadata_request_default;
    struct kp_metadata_response described;
    int32_t fetch = send_fetch(&test->peer);
    test_peer_ask(&test->other, KP_API_METADATA, 9, &metadata, &described);
    int32_t list = send_list_offsets(&test->other, "t", LOGS);
    assert_int_equal(loaded(test), 0);
    for (int turns = 0; turns < LOGS + 1; turns++) /* they take turns, and what one loads the other need not */
        broker_fixture_turn(&test->broker);
    assert_true(test_peer_receive(&test->peer, KP_API_FETCH, 11, fetch, &fetched));
    assert_true(test_peer_receive(&test->other, KP_API_LIST_OFFSETS, 7, list, &listed));
    assert_int_equal(listed.topics[0].partitions_count, LOGS);
    assert_int_equal(listed.topics[0].partitions[LOGS - 1].offset, 1);
}

static void a_request_that_waits_for_turns_may_lose_its_peer(void **state)
{
    struct test *test = *state;
    send_fetch(&test->peer);
    broker_fixture_turn(&test->broker);
    test_peer_close(&test->peer);
    test_peer_open(&test->peer, &test->broker);
    int had = loaded(test);
    broker_fixture_turn(&test->broker);
    assert_int_equal(loaded(test), had);
    assert_true(list_empty(&test->broker.broker->long_works));
}

/* The first turns until all logs are loaded. */
static void load_all(struct test *test)
{
    struct kp_fetch_response response;
    int32_t id = send_fetch(&test->other);
    for (int turns = 0; turns < LOGS; turns++)
        broker_fixture_turn(&test->broker);
    assert_true(test_peer_receive(&test->other, KP_API_FETCH, 11, id, &response));
}

static void a_fetch_reads_over_several_turns(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    struct kp_metadata_request metadata = kp_metadata_request_default;
    struct kp_metadata_response described;
    load_all(test);
    int32_t id = send_fetches(&test->peer, READS);
    int turns = 0;
    for (; !test_peer_receive(&test->peer, KP_API_FETCH, 11, id, &response); turns++) {
        assert_true(turns < READS);
        assert_false(peer_may_start(&test->peer.peer));
        test_peer_ask(&test->other, KP_API_METADATA, 9, &metadata, &described);
        broker_fixture_turn(&test->broker);
    }
    assert_true(turns > 3);
    assert_int_equal(response.responses_count, 1);
    assert_memory_equal(response.responses[0].topic.data, "t", 1);
    assert_int_equal(response.responses[0].partitions_count, READS);
    for (int32_t i = 0; i < READS; i++) {
        assert_int_equal(response.responses[0].partitions[i].partition_index, i % LOGS);
        assert_true(response.responses[0].partitions[i].records.size > 0);
    }
    assert_true(list_empty(&test->broker.broker->long_works));
}

static void a_fetch_that_reads_may_lose_its_peer(void **state)
{
    struct test *test = *state;
    load_all(test);
    send_fetches(&test->peer, READS);
    broker_fixture_turn(&test->broker);
    test_peer_close(&test->peer);
    test_peer_open(&test->peer, &test->broker);
    assert_true(list_empty(&test->broker.broker->long_works));
}

static void a_fetch_that_woke_reads_over_several_turns(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    struct kp_fetch_request_topics_partitions partitions[READS];
    struct kp_fetch_request_topics topic = test_fetch_topic("t", partitions);
    struct kp_fetch_request request = kp_fetch_request_default;
    load_all(test);
    for (int32_t i = 0; i < READS; i++) {
        partitions[i] = kp_fetch_request_topics_partitions_default;
        partitions[i].partition = i % LOGS;
        partitions[i].fetch_offset = 1;
        partitions[i].partition_max_bytes = 1000;
    }
    topic.partitions_count = READS;
    request.topics = &topic;
    request.topics_count = 1;
    request.max_bytes = 1000000;
    request.min_bytes = 1;
    request.max_wait_ms = 10000;
    int32_t id = test_peer_send(&test->peer, KP_API_FETCH, 11, &request);
    for (int turns = 0; turns < READS; turns++)
        broker_fixture_turn(&test->broker);
    assert_false(test_peer_receive(&test->peer, KP_API_FETCH, 11, id, &response));
    assert_int_equal(test_produce(&test->other, "t", 2, 1), KAFKA_NONE);
    int turns = 0;
    for (; !test_peer_receive(&test->peer, KP_API_FETCH, 11, id, &response); turns++) {
        assert_true(turns < READS);
        broker_fixture_turn(&test->broker);
    }
    assert_true(turns > 3);
    assert_int_equal(response.responses[0].partitions_count, READS);
    assert_int_equal(response.responses[0].partitions[1].records.size, 0);
    assert_true(response.responses[0].partitions[2].records.size > 0);
}

/* The partitions [0, count) of "many" are added to a session, or forgotten. */
static int32_t send_session_fetch(struct test_peer *peer, int32_t session_id, int32_t epoch, int32_t added,
                                  int32_t forgotten)
{
    struct kp_fetch_request_topics_partitions partitions[READS];
    int32_t numbers[READS];
    for (int32_t i = 0; i < READS; i++) {
        partitions[i] = kp_fetch_request_topics_partitions_default;
        partitions[i].partition = numbers[i] = i;
        partitions[i].partition_max_bytes = 1000;
    }
    struct kp_fetch_request_topics topic = test_fetch_topic("many", partitions);
    struct kp_fetch_request_forgotten_topics_data forget = {
        .topic = kp_string_of("many"), .partitions = numbers, .partitions_count = forgotten};
    struct kp_fetch_request request = kp_fetch_request_default;
    topic.partitions_count = added;
    request.topics = &topic;
    request.topics_count = added > 0;
    request.forgotten_topics_data = &forget;
    request.forgotten_topics_data_count = forgotten > 0;
    request.session_id = session_id;
    request.session_epoch = epoch;
    request.max_bytes = 1000000;
    return test_peer_send(peer, KP_API_FETCH, 11, &request);
}

static void receive_fetch(struct test *test, struct test_peer *peer, int32_t id, struct kp_fetch_response *response)
{
    for (int turns = 0; !test_peer_receive(peer, KP_API_FETCH, 11, id, response); turns++) {
        assert_true(turns < 2 * READS);
        broker_fixture_turn(&test->broker);
    }
    assert_int_equal(response->error_code, KAFKA_NONE);
}

static void a_session_that_changes_while_it_is_read_is_read_anew(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    assert_int_equal(test_create_topic(&test->other, "many", READS), KAFKA_NONE);
    int32_t id = send_session_fetch(&test->peer, 0, 0, READS, 0);
    receive_fetch(test, &test->peer, id, &response);
    int32_t session_id = response.session_id;
    assert_true(session_id > 0);
    assert_int_equal(response.responses[0].partitions_count, READS);
    id = send_session_fetch(&test->peer, session_id, 1, 0, 0);
    broker_fixture_turn(&test->broker);
    assert_false(test_peer_receive(&test->peer, KP_API_FETCH, 11, id, &response));
    int32_t other_id = send_session_fetch(&test->other, session_id, 2, 0, READS - 1);
    receive_fetch(test, &test->peer, id, &response);
    assert_int_equal(response.responses_count, 0);
    receive_fetch(test, &test->other, other_id, &response);
    assert_int_equal(response.responses_count, 0);
}

static void a_stop_answers_what_waits_for_turns(void **state)
{
    struct test *test = *state;
    struct kp_fetch_response response;
    int32_t id = send_fetch(&test->peer);
    broker_stop(test->broker.broker);
    assert_true(test_peer_receive(&test->peer, KP_API_FETCH, 11, id, &response));
}

static void a_log_that_cannot_be_loaded_keeps_no_request_waiting(void **state)
{
    struct test *test = *state;
    struct kp_list_offsets_response response;
    memory_io_fail(test->broker.memory, CALL_ANY, 1, EMFILE, true);
    int32_t id = send_list_offsets(&test->peer, "t", LOGS);
    for (int turns = 0; turns < LOGS; turns++)
        broker_fixture_turn(&test->broker);
    memory_io_fail(test->broker.memory, 0, 0, 0, false);
    assert_true(test_peer_receive(&test->peer, KP_API_LIST_OFFSETS, 7, id, &response));
    assert_int_equal(loaded(test), 0);
}

static void a_produce_loads_logs_over_several_turns_also_without_its_peer(void **state)
{
    struct test *test = *state;
    static const uint8_t value[10] = {'v'};
    const struct kp_bytes null = {NULL, -1};
    struct batch_builder builders[LOGS];
    struct kp_produce_request_topic_data_partition_data data[LOGS];
    const struct batch_header header = BATCH_HEADER_PLAIN;
    for (int32_t i = 0; i < LOGS; i++) {
        batch_builder_init(&builders[i], 1700000000000);
        batch_builder_add(&builders[i], 1700000000000, null, (struct kp_bytes){value, sizeof value},
                          (struct kp_bytes){NULL, 0}, 0);
        assert_true(batch_builder_finish(&builders[i], &header));
        data[i] = (struct kp_produce_request_topic_data_partition_data){
            .index = i, .records = {.data = builders[i].bytes, .size = (int32_t)builders[i].size_bytes}
        };
    }
    struct kp_produce_request_topic_data topic = {
        .name = kp_string_of("t"), .partition_data = data, .partition_data_count = LOGS};
    struct kp_produce_request request = kp_produce_request_default;
    request.topic_data = &topic;
    request.topic_data_count = 1;
    test_peer_send(&test->peer, KP_API_PRODUCE, 9, &request); /* acks 0 */
    for (int32_t i = 0; i < LOGS; i++)
        batch_builder_release(&builders[i]);
    assert_int_equal(loaded(test), 0);
    test_peer_close(&test->peer);
    test_peer_open(&test->peer, &test->broker);
    for (int turns = 0; turns < LOGS; turns++)
        broker_fixture_turn(&test->broker);
    const struct topic *found = catalog_topic(test->broker.broker->catalog, kp_string_of("t"));
    for (int32_t i = 0; i < LOGS; i++)
        assert_int_equal(log_end_offset(topic_partition(found, i)->log), 2);
}

/* ---- deletions ------------------------------------------------------------------------------------------------------ */

static int folders(const struct test *test)
{
    int count = 0;
    for (int i = 0; i < LOGS; i++) {
        char path[32];
        snprintf(path, sizeof path, "/data/t-%d", i);
        count += memory_io_exists(test->broker.memory, path);
    }
    return count;
}

static void a_topic_is_gone_at_once_and_its_logs_over_several_turns(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_delete_topic(&test->peer, "t"), KAFKA_NONE);
    assert_null(catalog_topic(test->broker.broker->catalog, kp_string_of("t")));
    assert_int_equal(folders(test), LOGS);
    for (int turns = 0; turns < LOGS; turns++) {
        assert_false(list_empty(&test->broker.broker->long_works));
        broker_fixture_turn(&test->broker);
    }
    assert_true(list_empty(&test->broker.broker->long_works));
    broker_fixture_run_jobs(&test->broker);
    assert_int_equal(folders(test), 0);
}

static void a_new_topic_of_the_name_finds_nothing_of_the_old_one(void **state)
{
    struct test *test = *state;
    struct kp_list_offsets_response listed;
    assert_int_equal(test_delete_topic(&test->peer, "t"), KAFKA_NONE);
    broker_fixture_turn(&test->broker);
    assert_int_equal(test_create_topic(&test->peer, "t", LOGS), KAFKA_NONE);
    broker_fixture_run_jobs(&test->broker);
    int32_t id = send_list_offsets(&test->peer, "t", LOGS);
    for (int turns = 0; turns < LOGS; turns++)
        broker_fixture_turn(&test->broker);
    assert_true(test_peer_receive(&test->peer, KP_API_LIST_OFFSETS, 7, id, &listed));
    for (int32_t i = 0; i < LOGS; i++) {
        assert_int_equal(listed.topics[0].partitions[i].offset, 0);
        assert_int_equal(listed.topics[0].partitions[i].leader_epoch, 0); /* which lost records would have raised */
    }
    assert_int_equal(folders(test), 0);
}

static void a_stop_deletes_what_is_left(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_delete_topic(&test->peer, "t"), KAFKA_NONE);
    broker_fixture_turn(&test->broker);
    close_peers(test);
    broker_stop(test->broker.broker);
    broker_fixture_close(&test->broker);
    assert_int_equal(folders(test), 0);
    broker_fixture_open(&test->broker);
    open_peers(test);
}

/* A crash while logs go: the topic does not come back, and a new one of its name is empty. */
static void a_crash_amid_a_deletion_leaves_no_topic(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_delete_topic(&test->peer, "t"), KAFKA_NONE);
    broker_fixture_turn(&test->broker);
    close_peers(test);
    broker_fixture_power_cut(&test->broker, 1);
    broker_fixture_open(&test->broker);
    open_peers(test);
    assert_null(catalog_topic(test->broker.broker->catalog, kp_string_of("t")));
    test->broker.env.env.turn = NULL;
    assert_int_equal(test_create_topic(&test->peer, "t", LOGS), KAFKA_NONE);
    broker_fixture_run_jobs(&test->broker);
    const struct topic *topic = catalog_topic(test->broker.broker->catalog, kp_string_of("t"));
    for (int32_t i = 0; i < LOGS; i++)
        assert_int_equal(log_end_offset(topic_partition(topic, i)->log), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_fetch_loads_logs_over_several_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(others_are_answered_in_between_and_both_get_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_request_that_waits_for_turns_may_lose_its_peer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fetch_reads_over_several_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fetch_that_reads_may_lose_its_peer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fetch_that_woke_reads_over_several_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_that_changes_while_it_is_read_is_read_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_answers_what_waits_for_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_that_cannot_be_loaded_keeps_no_request_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(a_produce_loads_logs_over_several_turns_also_without_its_peer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_topic_is_gone_at_once_and_its_logs_over_several_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_topic_of_the_name_finds_nothing_of_the_old_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_deletes_what_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(a_crash_amid_a_deletion_leaves_no_topic, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
