/* The executor of coordinators, as groups see it: shards, reading at start, syncs, and what happens to the topic. */
#include "lib/case_log.h"
#include "lib/test_consumer.h"

#include "broker/coord/coord.h"
#include "broker/group_coordinator.h"
#include "broker/limits.h"
#include "protocol/errors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define TOPIC        "__consumer_offsets"
#define NOT_ANSWERED (-2)
#define LOADING      (-1000 - KAFKA_COORDINATOR_LOAD_IN_PROGRESS)

struct test {
    struct broker_fixture broker;
    struct test_consumer a, b; /* of "g" */
    struct test_peer admin;
};

static int64_t ms_per_look; /* how far the clock goes each time that it is looked at */

static struct now going_clock(struct env *env)
{
    struct test_env *test = CONTAINER_OF(env, struct test_env, env);
    test->now.mono_ms += ms_per_look;
    return test->now;
}

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_set(&test->broker, "offsets.topic.num.partitions", "3");
    broker_fixture_open(&test->broker);
    ms_per_look = 0;
    test->broker.env.env.now = going_clock;
    test_consumer_open(&test->a, &test->broker, "g");
    test_consumer_open(&test->b, &test->broker, "g");
    test_peer_open(&test->admin, &test->broker);
    assert_int_equal(test_consumer_find_coordinator(&test->a), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->admin, "t", 2), KAFKA_NONE);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    broker_fixture_release(&test->broker);
    free(test);
    return 0;
}

static int16_t commit(struct test *test, const char *group, int64_t offset)
{
    struct test_consumer consumer;
    test_consumer_open(&consumer, &test->broker, group);
    int16_t error = test_consumer_commit(&consumer, "t", 0, offset);
    test_consumer_close(&consumer);
    return error;
}

static int64_t committed(struct test *test, const char *group)
{
    struct test_consumer consumer;
    test_consumer_open(&consumer, &test->broker, group);
    int64_t offset = test_consumer_committed(&consumer, "t", 0);
    test_consumer_close(&consumer);
    return offset;
}

/* ---- shards --------------------------------------------------------------------------------------------------------- */

static void a_key_has_the_shard_that_kafka_gives_it(void **state)
{
    (void)state;
    assert_int_equal(coord_java_hash(KP_EMPTY_STRING), 0);
    assert_int_equal(coord_java_hash(kp_string_of("abc")), 96354);
    assert_int_equal(coord_java_hash(kp_string_of("\xc3\xa4")), 0xe4);
    assert_int_equal(coord_java_hash(kp_string_of("\xe2\x82\xac")), 0x20ac);
    assert_int_equal(coord_java_hash(kp_string_of("\xf0\x9f\x98\x80")), 31 * 0xd83d + 0xde00);
    assert_int_equal(coord_java_hash(kp_string_of("\xff")), 0xfffd);
    assert_int_equal(coord_java_hash(kp_string_of("\xe2\x82")), 31 * 0xfffd + 0xfffd); /* it ends early */
    assert_int_equal(coord_java_hash(kp_string_of("polygenelubricants")), INT32_MIN);
    assert_int_equal(coord_shard_of(kp_string_of("polygenelubricants"), 50), 0);
    assert_int_equal(coord_shard_of(kp_string_of("abc"), 50), 4);
}

static void add_partitions(struct test *test, int32_t count)
{
    struct kp_create_partitions_request request = kp_create_partitions_request_default;
    struct kp_create_partitions_request_topics topic = kp_create_partitions_request_topics_default;
    struct kp_create_partitions_response response;
    topic.name = kp_string_of(TOPIC);
    topic.count = count;
    topic.assignments_count = -1;
    request.topics = &topic;
    request.topics_count = 1;
    request.timeout_ms = 30000;
    test_peer_ask(&test->admin, KP_API_CREATE_PARTITIONS, 3, &request, &response);
    assert_int_equal(response.results[0].error_code, KAFKA_NONE);
}

/* As in Kafka: whoever is hashed to another partition then is not found there. */
static void more_partitions_count_from_the_next_start_on(void **state)
{
    struct test *test = *state;
    const char *stays = "g", *moves = "i";
    assert_int_equal(coord_shard_of(kp_string_of(stays), 3), coord_shard_of(kp_string_of(stays), 6));
    assert_int_not_equal(coord_shard_of(kp_string_of(moves), 3), coord_shard_of(kp_string_of(moves), 6));
    assert_int_equal(commit(test, stays, 1), KAFKA_NONE);
    assert_int_equal(commit(test, moves, 2), KAFKA_NONE);
    add_partitions(test, 6);
    assert_int_equal(committed(test, moves), 2);
    assert_int_equal(commit(test, moves, 3), KAFKA_NONE);
    broker_fixture_restart(&test->broker, broker_fixture_close);
    assert_int_equal(committed(test, stays), 1);
    assert_int_equal(committed(test, moves), -1);
    assert_int_equal(commit(test, moves, 4), KAFKA_NONE);
    broker_fixture_restart(
        &test->broker,
        broker_fixture_close); /* where two partitions know of the group, the one counts that is asked for it */
    assert_int_equal(committed(test, moves), 4);
    struct test_consumer consumer;
    test_consumer_open(&consumer, &test->broker, moves);
    assert_int_equal(test_consumer_delete_group(&consumer), KAFKA_NONE);
    test_consumer_close(&consumer);
    broker_fixture_restart(&test->broker, broker_fixture_close);
    assert_int_equal(committed(test, moves), -1);
    assert_int_equal(committed(test, stays), 1);
}

static void records_that_are_passed_over_are_told(void **state)
{
    struct test *test = *state;
    struct case_log log;
    assert_int_equal(commit(test, "i", 1), KAFKA_NONE);
    add_partitions(test, 6);
    case_log_init(&log);
    broker_fixture_restart(&test->broker, broker_fixture_close);
    bool told =
        case_log_has(&log, "belong to another partition now are passed over partition=0 records=1 partitions=6");
    case_log_release(&log);
    assert_true(told);
}

/* Each read of a start fails in turn. */
static void a_shard_whose_log_cannot_be_read_is_not_served_and_the_others_are(void **state)
{
    struct test *test = *state;
    const char *groups[] = {"g", "h", "i"}; /* of three shards */
    for (int i = 0; i < 3; i++)
        assert_int_equal(commit(test, groups[i], 1), KAFKA_NONE);
    broker_fixture_hang_up(&test->broker);
    broker_fixture_close(&test->broker);
    int refused_at[3] = {0};
    bool fired = true;
    for (int k = 1; fired; k++) {
        struct test other = {0};
        assert_in_range(k, 1, 1000);
        broker_fixture_copy(&other.broker, &test->broker);
        memory_io_fail(other.broker.memory, CALL_PREAD, k, EIO, false);
        bool opened = broker_fixture_try_open(&other.broker);
        fired = memory_io_fault_fired(other.broker.memory);
        memory_io_fail(other.broker.memory, 0, 0, 0, false);
        int refused = 0;
        for (int i = 0; opened && i < 3; i++) {
            int64_t offset = committed(&other, groups[i]);
            bool is_refused = offset == -1000 - KAFKA_NOT_COORDINATOR;
            assert_true(is_refused || offset == 1);
            assert_int_equal(commit(&other, groups[i], 2), is_refused ? KAFKA_NOT_COORDINATOR : KAFKA_NONE);
            refused += is_refused;
            refused_at[i] += is_refused;
        }
        assert_in_range(refused, 0, 1);
        if (opened)
            broker_fixture_abandon(&other.broker);
        broker_fixture_release(&other.broker);
    }
    for (int i = 0; i < 3; i++)
        assert_true(refused_at[i] > 0);
}

static void a_key_whose_log_is_offline_has_no_coordinator(void **state)
{
    struct test *test = *state;
    struct kp_find_coordinator_request request = kp_find_coordinator_request_default;
    struct kp_find_coordinator_response response;
    struct kp_string keys[] = {kp_string_of("g"), kp_string_of("h")}; /* of two shards */
    assert_int_equal(commit(test, "h", 1), KAFKA_NONE);
    memory_io_fail(test->broker.memory, CALL_PWRITE, 1, EIO, false);
    assert_int_equal(commit(test, "g", 1), KAFKA_NOT_COORDINATOR);
    assert_int_equal(test_consumer_find_coordinator(&test->a), KAFKA_COORDINATOR_NOT_AVAILABLE);
    request.coordinator_keys = keys;
    request.coordinator_keys_count = 2;
    test_peer_ask(&test->admin, KP_API_FIND_COORDINATOR, 4, &request, &response);
    assert_int_equal(response.coordinators[0].error_code, KAFKA_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(response.coordinators[0].node_id, -1);
    assert_int_equal(response.coordinators[1].error_code, KAFKA_NONE);
    broker_fixture_restart(&test->broker, broker_fixture_abandon);
    assert_int_equal(test_consumer_find_coordinator(&test->a), KAFKA_NONE);
}

/* ---- reading at start ----------------------------------------------------------------------------------------------- */

/* Three quarters of a megabyte of commits of "g", in about three parts. */
static void write_much(struct test *test)
{
    struct kp_offset_commit_request request = kp_offset_commit_request_default;
    struct kp_offset_commit_request_topics topic = kp_offset_commit_request_topics_default;
    struct kp_offset_commit_request_topics_partitions partition = kp_offset_commit_request_topics_partitions_default;
    struct kp_offset_commit_response response;
    char metadata[4001];
    memset(metadata, 'm', sizeof metadata - 1);
    metadata[sizeof metadata - 1] = '\0';
    partition.committed_metadata = kp_string_of(metadata);
    topic.name = kp_string_of("t");
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.group_id = kp_string_of("g");
    request.topics = &topic;
    request.topics_count = 1;
    for (partition.committed_offset = 1; partition.committed_offset <= 760; partition.committed_offset++) {
        test_peer_ask(&test->admin, KP_API_OFFSET_COMMIT, 5, &request, &response);
        assert_int_equal(response.topics[0].partitions[0].error_code, KAFKA_NONE);
    }
}

static void begin_loading(struct test *test)
{
    struct test_consumer *both[] = {&test->a, &test->b};
    write_much(test);
    test_consumers_rebalance(both, 2);
    ms_per_look = 200; /* longer than a start may take to read */
    broker_fixture_restart(&test->broker, broker_fixture_close);
    ms_per_look = 0;
    test_env_short_turns(&test->broker.env); /* so that one part is read each turn */
}

static int16_t list_error(struct test *test)
{
    struct kp_list_groups_request request = kp_list_groups_request_default;
    struct kp_list_groups_response response;
    test_peer_ask(&test->admin, KP_API_LIST_GROUPS, 5, &request, &response);
    return response.error_code;
}

static void a_large_log_is_read_in_parts_and_who_asks_meanwhile_is_told_so(void **state)
{
    struct test *test = *state;
    begin_loading(test);
    int parts = 0;
    while (committed(test, "g") == LOADING) {
        assert_int_equal(test_consumer_find_coordinator(&test->b), KAFKA_NONE);
        assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_NONE); /* its session begins later */
        assert_int_equal(commit(test, "g", 1000), KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
        assert_int_equal(test_consumer_leave(&test->a), KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
        assert_int_equal(test_consumer_delete_group(&test->b), KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
        assert_int_equal(list_error(test), KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
        assert_int_equal(test_consumer_join(&test->b), KAFKA_COORDINATOR_LOAD_IN_PROGRESS); /* with a turn behind it */
        assert_in_range(++parts, 1, 60);
    }
    assert_true(parts >= 3);
    broker_fixture_advance(&test->broker, 9000);
    assert_int_equal(committed(test, "g"), 760);
    assert_int_equal(list_error(test), KAFKA_NONE);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_NONE);
    assert_string_equal(test_consumer_state(&test->b), "Stable");
}

static void a_stop_while_it_is_read_loses_nothing(void **state)
{
    struct test *test = *state;
    begin_loading(test);
    assert_int_equal(committed(test, "g"), LOADING);
    broker_fixture_turn(&test->broker);
    broker_fixture_restart(&test->broker, broker_fixture_close);
    assert_int_equal(committed(test, "g"), 760);
}

static void topics_that_are_deleted_while_it_is_read_are_forgotten(void **state)
{
    struct test *test = *state;
    begin_loading(test);
    broker_fixture_turn(&test->broker);
    assert_int_equal(committed(test, "g"), LOADING);
    assert_int_equal(test_delete_topic(&test->admin, "t"), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->admin, "t", 2), KAFKA_NONE);
    for (int i = 0; i < 60; i++)
        broker_fixture_turn(&test->broker);
    assert_int_equal(committed(test, "g"), -1);
    broker_fixture_restart(&test->broker, broker_fixture_close);
    assert_int_equal(committed(test, "g"), -1);
}

static void the_topic_itself_may_be_deleted_while_it_is_read(void **state)
{
    struct test *test = *state;
    begin_loading(test);
    broker_fixture_turn(&test->broker);
    assert_int_equal(test_delete_topic(&test->admin, TOPIC), KAFKA_NONE);
    for (int i = 0; i < 60; i++)
        broker_fixture_turn(&test->broker);
    assert_int_equal(committed(test, "g"), -1000 - KAFKA_NOT_COORDINATOR);
    assert_int_equal(test_consumer_find_coordinator(&test->b), KAFKA_NONE);
    assert_int_equal(committed(test, "g"), -1);
}

/* ---- the topic goes ------------------------------------------------------------------------------------------------- */

static void when_the_topic_is_deleted_groups_begin_anew(void **state)
{
    struct test *test = *state;
    struct test_consumer *both[] = {&test->a, &test->b};
    test_consumers_rebalance(both, 2);
    assert_int_equal(commit(test, "h", 5), KAFKA_NONE);
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    assert_int_equal(test_delete_topic(&test->admin, TOPIC), KAFKA_NONE);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NOT_COORDINATOR);
    assert_int_equal(test_consumer_heartbeat(&test->b), KAFKA_NOT_COORDINATOR);
    const struct groups *groups = test->broker.broker->groups->groups;
    assert_int_equal(groups->by_id.count, 0);
    assert_int_equal(groups->offsets_bytes, 0);
    assert_int_equal(groups->members_bytes, 0);
    broker_fixture_advance(&test->broker, 600000); /* no timer of theirs is left */
    assert_int_equal(test_consumer_find_coordinator(&test->a), KAFKA_NONE);
    assert_int_equal(committed(test, "h"), -1);
    assert_int_equal(test_consumer_heartbeat(&test->b), KAFKA_UNKNOWN_MEMBER_ID);
    *test->a.id = *test->b.id = '\0';
    test_consumers_rebalance(both, 2);
}

/* ---- syncs ---------------------------------------------------------------------------------------------------------- */

static void sync_each_batch(struct test *test)
{
    struct kp_incremental_alter_configs_request_resources_configs config = {.name = kp_string_of("flush.messages"),
                                                                            .value = kp_string_of("1")};
    struct kp_incremental_alter_configs_request_resources resource = {
        .resource_type = 2, .resource_name = kp_string_of(TOPIC), .configs = &config, .configs_count = 1};
    struct kp_incremental_alter_configs_request request = kp_incremental_alter_configs_request_default;
    struct kp_incremental_alter_configs_response response;
    request.resources = &resource;
    request.resources_count = 1;
    test_peer_ask(&test->admin, KP_API_INCREMENTAL_ALTER_CONFIGS, 1, &request, &response);
    assert_int_equal(response.responses[0].error_code, KAFKA_NONE);
}

static int32_t send_commit(struct test_consumer *consumer, int64_t offset)
{
    struct kp_offset_commit_request request = kp_offset_commit_request_default;
    struct kp_offset_commit_request_topics topic = kp_offset_commit_request_topics_default;
    struct kp_offset_commit_request_topics_partitions partition = kp_offset_commit_request_topics_partitions_default;
    partition.committed_offset = offset;
    topic.name = kp_string_of("t");
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.group_id = kp_string_of(consumer->group);
    request.topics = &topic;
    request.topics_count = 1;
    return test_peer_send(&consumer->peer, KP_API_OFFSET_COMMIT, 5, &request);
}

static bool is_answered(struct test_consumer *consumer, int32_t id)
{
    struct kp_offset_commit_response response;
    return test_peer_receive(&consumer->peer, KP_API_OFFSET_COMMIT, 5, id, &response);
}

static void an_answer_waits_for_the_sync_that_the_topic_asks_for(void **state)
{
    struct test *test = *state;
    sync_each_batch(test);
    int32_t first = send_commit(&test->a, 1), second = send_commit(&test->b, 2); /* the second waits for another sync */
    assert_false(is_answered(&test->a, first));
    broker_fixture_run_jobs(&test->broker);
    assert_true(is_answered(&test->a, first));
    assert_true(is_answered(&test->b, second));
    broker_fixture_restart(&test->broker, broker_fixture_lose_power);
    assert_int_equal(committed(test, "g"), 2);
}

static void a_group_that_was_told_its_assignment_survives_the_power(void **state)
{
    struct test *test = *state;
    sync_each_batch(test);
    struct test_consumer *both[] = {&test->a, &test->b};
    for (int i = 0; i < 2; i++)
        test_consumer_send_join(both[i]);
    broker_fixture_advance(&test->broker, 0);
    broker_fixture_run_jobs(&test->broker);
    for (int i = 0; i < 2; i++)
        assert_int_equal(test_consumer_joined(both[i]), KAFKA_NONE);
    test_consumer_send_sync(&test->b, NULL, 0);
    test_consumer_send_sync(&test->a, both, 2);
    assert_int_equal(test_consumer_synced(&test->a), NOT_ANSWERED);
    assert_int_equal(test_consumer_synced(&test->b), NOT_ANSWERED);
    broker_fixture_run_jobs(&test->broker);
    assert_int_equal(test_consumer_synced(&test->a), KAFKA_NONE);
    assert_int_equal(test_consumer_synced(&test->b), KAFKA_NONE);
    broker_fixture_restart(&test->broker, broker_fixture_lose_power);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_NONE);
    assert_int_equal(test_consumer_heartbeat(&test->b), KAFKA_NONE);
}

static void when_the_sync_fails_nothing_is_said(void **state)
{
    struct test *test = *state;
    sync_each_batch(test);
    int32_t id = send_commit(&test->a, 1);
    memory_io_fail(test->broker.memory, CALL_SYNC, 1, EIO, false);
    broker_fixture_run_jobs(&test->broker);
    assert_true(test->a.peer.closed);
    assert_false(is_answered(&test->a, id));
    broker_fixture_restart(&test->broker,
                           broker_fixture_abandon); /* such a log is offline, and the stop would not be clean */
}

/* The first sync is under way, another is to follow. */
static void answers_that_wait_for_a_sync_do_not_outlive_the_topic(void **state)
{
    struct test *test = *state;
    sync_each_batch(test);
    struct test_consumer gone;
    test_consumer_open(&gone, &test->broker, "g");
    (void)send_commit(&gone, 1);
    test_consumer_close(&gone); /* whose request is held without a peer */
    (void)send_commit(&test->a, 2);
    (void)send_commit(&test->b, 3);
    assert_int_equal(test_delete_topic(&test->admin, TOPIC), KAFKA_NONE);
    broker_fixture_run_jobs(&test->broker);
    assert_true(test->a.peer.closed);
    assert_true(test->b.peer.closed);
}

/* ---- bounds --------------------------------------------------------------------------------------------------------- */

/* Groups that nobody is in yet, or ever, are in memory too. */
static void groups_themselves_are_counted(void **state)
{
    struct test *test = *state;
    struct groups *groups = test->broker.broker->groups->groups;
    char name[30001];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    test->a.group = name;
    assert_int_equal(groups->members_bytes, 0);
    groups->members_bytes += GROUP_MEMBERS_BYTES_MAX - 20000;
    assert_int_equal(commit(test, name, 1), KAFKA_INVALID_COMMIT_OFFSET_SIZE);
    assert_int_equal(test_consumer_join(&test->a), KAFKA_GROUP_MAX_SIZE_REACHED);
    assert_int_equal(groups->by_id.count, 0);
    assert_int_equal(commit(test, "g", 1), KAFKA_NONE); /* there is room for a small one */
    groups->members_bytes -= GROUP_MEMBERS_BYTES_MAX - 20000;
    assert_int_equal(commit(test, name, 1), KAFKA_NONE);
    assert_true(groups->members_bytes > 30000);
    assert_int_equal(test_consumer_delete_group(&test->a), KAFKA_NONE);
    assert_true(groups->members_bytes < 10000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_has_the_shard_that_kafka_gives_it),
        TEST(more_partitions_count_from_the_next_start_on),
        TEST(records_that_are_passed_over_are_told),
        TEST(a_shard_whose_log_cannot_be_read_is_not_served_and_the_others_are),
        TEST(a_key_whose_log_is_offline_has_no_coordinator),
        TEST(a_large_log_is_read_in_parts_and_who_asks_meanwhile_is_told_so),
        TEST(a_stop_while_it_is_read_loses_nothing),
        TEST(topics_that_are_deleted_while_it_is_read_are_forgotten),
        TEST(the_topic_itself_may_be_deleted_while_it_is_read),
        TEST(when_the_topic_is_deleted_groups_begin_anew),
        TEST(an_answer_waits_for_the_sync_that_the_topic_asks_for),
        TEST(a_group_that_was_told_its_assignment_survives_the_power),
        TEST(when_the_sync_fails_nothing_is_said),
        TEST(answers_that_wait_for_a_sync_do_not_outlive_the_topic),
        TEST(groups_themselves_are_counted),
    };
    return cmocka_run_group_tests_name("coordinator", tests, NULL, NULL);
}
