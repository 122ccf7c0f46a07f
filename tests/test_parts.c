/* Requests of which there is too much for a turn are handled in parts, and others are served in between. Here a turn
 * has time for one part. */
#include "lib/broker_fixture.h"

#include "broker/limits.h"
#include "protocol/errors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NAMES     6000
#define TURNS_MAX 100000 /* more than anything here takes */

struct test {
    struct broker_fixture broker;
    struct test_peer peer, other;
    char (*texts)[16]; /* NAMES of them */
    struct kp_metadata_request_topics *topics;
    struct kp_string *names;
};

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
    test_peer_open(&test->other, &test->broker);
    assert_int_equal(test_create_topic(&test->peer, "name3000", 2), KAFKA_NONE);
    test->texts = xcalloc(NAMES, sizeof *test->texts);
    test->topics = xcalloc(NAMES, sizeof *test->topics);
    test->names = xcalloc(NAMES, sizeof *test->names);
    for (int i = 0; i < NAMES; i++) {
        snprintf(test->texts[i], sizeof *test->texts, "name%d", i);
        test->names[i] = kp_string_of(test->texts[i]);
        test->topics[i] = kp_metadata_request_topics_default;
        test->topics[i].name = test->names[i];
    }
    test_env_short_turns(&test->broker.env);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    test_peer_close(&test->peer);
    test_peer_close(&test->other);
    if (test->broker.broker != NULL)
        broker_fixture_close(&test->broker);
    broker_fixture_release(&test->broker);
    free(test->texts);
    free(test->topics);
    free(test->names);
    free(test);
    return 0;
}

static bool nothing_is_left(const struct test *test)
{
    const struct broker *broker = test->broker.broker;
    return list_empty(&broker->parts.work.link) && broker->parts.request == NULL && list_empty(&broker->parts.waiting);
}

/* Turns until the answer is there. Returns how many. */
static int turns_until(struct test *test, struct test_peer *peer, int16_t key, int16_t version, int32_t id,
                       void *response)
{
    int turns = 0;
    while (!test_peer_receive(peer, key, version, id, response)) {
        assert_false(peer->closed);
        assert_true(turns++ < TURNS_MAX);
        broker_fixture_turn(&test->broker);
        broker_fixture_run_jobs(&test->broker);
    }
    return turns;
}

static int32_t send_names(struct test *test, struct test_peer *peer, bool create)
{
    struct kp_metadata_request request = kp_metadata_request_default;
    request.topics = test->topics;
    request.topics_count = NAMES;
    request.allow_auto_topic_creation = create;
    return test_peer_send(peer, KP_API_METADATA, 9, &request);
}

static int32_t send_all(struct test_peer *peer)
{
    struct kp_metadata_request request = kp_metadata_request_default;
    request.topics_count = -1;
    return test_peer_send(peer, KP_API_METADATA, 9, &request);
}

static void assert_names_answered(const struct kp_metadata_response *response)
{
    assert_int_equal(response->topics_count, NAMES);
    for (int i = 0; i < NAMES; i++) {
        char name[16];
        snprintf(name, sizeof name, "name%d", i);
        assert_true(kp_string_is(response->topics[i].name, name));
        assert_int_equal(response->topics[i].error_code, i == 3000 ? KAFKA_NONE : KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        assert_int_equal(response->topics[i].partitions_count, i == 3000 ? 2 : 0);
    }
}

/* ---- many names ----------------------------------------------------------------------------------------------------- */

static void others_are_answered_between_the_parts(void **state)
{
    struct test *test = *state;
    struct kp_metadata_response response;
    int32_t id = send_names(test, &test->peer, false);
    int turns = 0;
    while (!test_peer_receive(&test->peer, KP_API_METADATA, 9, id, &response)) {
        struct kp_metadata_request_topics asked = test->topics[3000];
        struct kp_metadata_request small = {.topics = &asked, .topics_count = 1};
        struct kp_metadata_response answer;
        test_peer_ask(&test->other, KP_API_METADATA, 9, &small, &answer); /* before the turn ends */
        assert_int_equal(answer.topics[0].partitions_count, 2);
        broker_fixture_turn(&test->broker);
        turns++;
    }
    assert_names_answered(&response);
    assert_true(turns > 4 * NAMES / 128); /* to decode it, to look at its names twice, to encode the answer */
    assert_true(nothing_is_left(test));
}

static void where_nobody_waits_it_is_done_at_once(void **state)
{
    struct test *test = *state;
    struct kp_metadata_response response;
    test->broker.env.env.turn = NULL;
    int32_t id = send_names(test, &test->peer, false);
    assert_true(test_peer_receive(&test->peer, KP_API_METADATA, 9, id, &response));
    assert_names_answered(&response);
    assert_true(nothing_is_left(test));
}

static void one_waits_for_another(void **state)
{
    struct test *test = *state;
    struct kp_metadata_response response;
    int32_t first = send_names(test, &test->peer, false), second = send_names(test, &test->other, false);
    turns_until(test, &test->peer, KP_API_METADATA, 9, first, &response);
    assert_names_answered(&response);
    assert_false(test_peer_receive(&test->other, KP_API_METADATA, 9, second, &response));
    turns_until(test, &test->other, KP_API_METADATA, 9, second, &response);
    assert_names_answered(&response);
}

/* At every part: while it is decoded, looked at, encoded, and while it waits for another. */
static void its_peer_may_go_at_any_time(void **state)
{
    struct test *test = *state;
    for (int turns = 0; turns < 10000; turns += turns < 3 ? 1 : 37) {
        struct test_peer peers[2];
        bool done = false;
        for (int i = 0; i < 2; i++) {
            test_peer_open(&peers[i], &test->broker);
            send_names(test, &peers[i], false);
        }
        for (int turn = 0; turn < turns; turn++)
            broker_fixture_turn(&test->broker);
        done = test->broker.broker->parts.request == NULL && turns > 0;
        test_peer_close(&peers[turns % 2]);
        test_peer_close(&peers[1 - turns % 2]);
        assert_true(nothing_is_left(test));
        assert_int_equal(test->broker.broker->requests_bytes, 0);
        if (done)
            return;
    }
    fail_msg("it never ended");
}

static void a_stop_answers_it(void **state)
{
    struct test *test = *state;
    struct kp_metadata_response response;
    int32_t id = send_names(test, &test->peer, false);
    broker_fixture_turn(&test->broker);
    broker_stop(test->broker.broker);
    assert_true(test_peer_receive(&test->peer, KP_API_METADATA, 9, id, &response));
    assert_names_answered(&response);
}

static void topics_are_made_in_parts(void **state)
{
    struct test *test = *state;
    struct kp_metadata_response response;
    int32_t id = send_names(test, &test->peer, true);
    turns_until(test, &test->peer, KP_API_METADATA, 9, id, &response);
    assert_int_equal(response.topics_count, NAMES);
    int made = 0; /* each is two records, of which a request makes ten thousand */
    for (int i = 0; i < NAMES; i++) {
        made += response.topics[i].error_code == KAFKA_NONE;
        assert_int_equal(response.topics[i].error_code, i <= 5000 ? KAFKA_NONE : KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    }
    assert_int_equal(catalog_topics_count(test->broker.broker->catalog), made);
}

/* The log of the metadata fails while an answer waits for it that is still being made. */
static void it_ends_when_what_it_made_is_not_kept(void **state)
{
    struct test *test = *state;
    send_names(test, &test->peer, true);
    while (catalog_topics_count(test->broker.broker->catalog) < 100)
        broker_fixture_turn(&test->broker);
    memory_io_fail(test->broker.memory, CALL_SYNC, 1, EIO, true);
    for (int turns = 0; turns < TURNS_MAX && !test->peer.closed; turns++) {
        broker_fixture_turn(&test->broker);
        broker_fixture_run_jobs(&test->broker);
    }
    assert_true(test->peer.closed);
    assert_true(nothing_is_left(test));
    memory_io_fail(test->broker.memory, 0, 0, 0, false);
    test_peer_close(&test->peer);
    test_peer_close(&test->other);
    broker_fixture_kill(&test->broker);
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
    test_peer_open(&test->other, &test->broker);
}

/* ---- few words, and much to answer ---------------------------------------------------------------------------------- */

static void all_topics_are_told_in_parts_though_they_change_meanwhile(void **state)
{
    struct test *test = *state;
    struct kp_metadata_response response;
    assert_int_equal(test_create_topic(&test->other, "aa", 5000), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->other, "ab", 5000), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->other, "zz", 5000), KAFKA_NONE);
    while (!nothing_is_left(test))
        broker_fixture_turn(&test->broker);
    int32_t id = send_all(&test->peer);
    assert_false(nothing_is_left(test));
    broker_fixture_turn(&test->broker); /* "aa" is noted then */
    assert_int_equal(test_delete_topic(&test->other, "aa"), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->other, "a", 1), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->other, "y", 3), KAFKA_NONE);
    turns_until(test, &test->peer, KP_API_METADATA, 9, id, &response);
    const char *const expected[] = {"aa", "ab", "name3000", "y", "zz"};
    assert_int_equal(response.topics_count, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_true(kp_string_is(response.topics[i].name, expected[i]));
    assert_int_equal(response.topics[0].partitions_count, 5000);
    assert_int_equal(response.topics[3].partitions_count, 3);
    assert_int_equal(response.topics[4].partitions_count, 5000);
}

/* Logs are loaded in parts, and the topic goes before all of them are. */
static void logs_are_loaded_in_parts_though_their_topic_goes(void **state)
{
    struct test *test = *state;
    test_peer_close(&test->peer);
    test_peer_close(&test->other);
    broker_fixture_close(&test->broker);
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
    test_peer_open(&test->other, &test->broker);
    struct kp_list_offsets_request_topics_partitions *partitions = xcalloc(NAMES, sizeof *partitions);
    for (int i = 0; i < NAMES; i++) {
        partitions[i] = kp_list_offsets_request_topics_partitions_default;
        partitions[i].partition_index = i;
        partitions[i].timestamp = -1;
    }
    struct kp_list_offsets_request_topics topic = {
        .name = kp_string_of("name3000"), .partitions = partitions, .partitions_count = NAMES};
    struct kp_list_offsets_request request = kp_list_offsets_request_default;
    struct kp_list_offsets_response response;
    request.topics = &topic;
    request.topics_count = 1;
    int32_t id = test_peer_send(&test->peer, KP_API_LIST_OFFSETS, 7, &request);
    const struct topic *found = catalog_topic(test->broker.broker->catalog, topic.name);
    while (!log_is_loaded(topic_partition(found, 0)->log))
        broker_fixture_turn(&test->broker);
    assert_false(log_is_loaded(topic_partition(found, 1)->log));
    assert_int_equal(test_delete_topic(&test->other, "name3000"), KAFKA_NONE);
    turns_until(test, &test->peer, KP_API_LIST_OFFSETS, 7, id, &response);
    assert_int_equal(response.topics[0].partitions_count, NAMES);
    assert_int_equal(response.topics[0].partitions[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    free(partitions);
}

/* ---- groups --------------------------------------------------------------------------------------------------------- */

static void commit(struct test *test, const char *group, int64_t offset)
{
    struct kp_offset_commit_request_topics_partitions partition = {.committed_offset = offset,
                                                                   .committed_leader_epoch = -1};
    struct kp_offset_commit_request_topics topic = {
        .name = kp_string_of("name3000"), .partitions = &partition, .partitions_count = 1};
    struct kp_offset_commit_request request = kp_offset_commit_request_default;
    struct kp_offset_commit_response response;
    request.group_id = kp_string_of(group);
    request.topics = &topic;
    request.topics_count = 1;
    test_peer_ask(&test->other, KP_API_OFFSET_COMMIT, 8, &request, &response);
    assert_int_equal(response.topics[0].partitions[0].error_code, KAFKA_NONE);
}

static void open_groups(struct test *test)
{
    struct kp_find_coordinator_request request = kp_find_coordinator_request_default;
    struct kp_find_coordinator_response response;
    request.key = kp_string_of("name1");
    test_peer_ask(&test->other, KP_API_FIND_COORDINATOR, 3, &request, &response);
    assert_int_equal(response.error_code, KAFKA_NONE);
}

static int32_t send_offset_fetch(struct test *test)
{
    static struct kp_offset_fetch_request_groups groups[NAMES];
    struct kp_offset_fetch_request request = kp_offset_fetch_request_default;
    for (int i = 0; i < NAMES; i++) {
        groups[i] = kp_offset_fetch_request_groups_default;
        groups[i].group_id = test->names[i];
        groups[i].topics_count = -1;
    }
    request.groups = groups;
    request.groups_count = NAMES;
    return test_peer_send(&test->peer, KP_API_OFFSET_FETCH, 8, &request);
}

static void offsets_are_told_in_parts_though_groups_go_meanwhile(void **state)
{
    struct test *test = *state;
    struct kp_offset_fetch_response response;
    open_groups(test);
    commit(test, "name0", 10);
    commit(test, "name5999", 20);
    int32_t id = send_offset_fetch(test);
    /* its topics' names are noted in the part in which the group is found */
    for (int turns = 0; turns < NAMES / 64 + 20; turns++)
        broker_fixture_turn(&test->broker);
    struct kp_delete_groups_request request = {.groups_names = test->names, .groups_names_count = 1};
    struct kp_delete_groups_response deleted;
    test_peer_ask(&test->other, KP_API_DELETE_GROUPS, 2, &request, &deleted);
    assert_int_equal(deleted.results[0].error_code, KAFKA_NONE);
    assert_int_equal(test_delete_topic(&test->other, "name3000"), KAFKA_NONE);
    turns_until(test, &test->peer, KP_API_OFFSET_FETCH, 8, id, &response);
    assert_int_equal(response.groups_count, NAMES);
    assert_int_equal(response.groups[0].topics_count, 1); /* as it was when it was asked for */
    assert_int_equal(response.groups[0].topics[0].partitions[0].committed_offset, 10);
    assert_true(kp_string_is(response.groups[0].topics[0].name, "name3000"));
    assert_int_equal(response.groups[NAMES - 1].topics_count, 0);
}

/* Few partitions may be as much as many: the characters of their metadata are counted. */
static void metadata_of_commits_is_read_in_parts(void **state)
{
    enum { PARTITIONS = 100, METADATA_BYTES = 32000 };
    struct test *test = *state;
    open_groups(test);
    char *metadata = xcalloc(1, METADATA_BYTES);
    struct kp_offset_commit_request_topics_partitions partitions[PARTITIONS];
    for (int32_t i = 0; i < PARTITIONS; i++)
        partitions[i] = (struct kp_offset_commit_request_topics_partitions){
            .partition_index = i % 2,
            .committed_leader_epoch = -1,
            .committed_metadata = {metadata, i == 0 ? 1 : METADATA_BYTES},
        };
    struct kp_offset_commit_request_topics topic = {
        .name = test->names[3000], .partitions = partitions, .partitions_count = PARTITIONS};
    struct kp_offset_commit_request request = kp_offset_commit_request_default;
    struct kp_offset_commit_response response;
    request.group_id = test->names[1];
    request.topics = &topic;
    request.topics_count = 1;
    int32_t id = test_peer_send(&test->peer, KP_API_OFFSET_COMMIT, 8, &request);
    assert_true(turns_until(test, &test->peer, KP_API_OFFSET_COMMIT, 8, id, &response) >= PARTITIONS / 8);
    assert_int_equal(response.topics[0].partitions_count, PARTITIONS);
    for (int32_t i = 0; i < PARTITIONS; i++)
        assert_int_equal(response.topics[0].partitions[i].error_code,
                         i == 0 ? KAFKA_NONE : KAFKA_OFFSET_METADATA_TOO_LARGE);
    free(metadata);
}

static void partitions_of_transactions_are_looked_at_in_parts(void **state)
{
    struct test *test = *state;
    int32_t *partitions = xcalloc(2 * NAMES, sizeof *partitions);
    for (int32_t i = 0; i < 2 * NAMES; i++)
        partitions[i] = i / 2 + 2; /* each twice, and not there */
    struct kp_add_partitions_to_txn_request_add_partitions_to_txn_topic topic = {
        .name = test->names[3000], .partitions = partitions, .partitions_count = 2 * NAMES};
    struct kp_add_partitions_to_txn_request request = kp_add_partitions_to_txn_request_default;
    struct kp_add_partitions_to_txn_response response;
    request.v3_and_below_transactional_id = test->names[1];
    request.v3_and_below_topics = &topic;
    request.v3_and_below_topics_count = 1;
    int32_t id = test_peer_send(&test->peer, KP_API_ADD_PARTITIONS_TO_TXN, 3, &request);
    assert_true(turns_until(test, &test->peer, KP_API_ADD_PARTITIONS_TO_TXN, 3, id, &response) >= NAMES / 100);
    assert_int_equal(response.results_by_topic_v3_and_below_count, 1);
    assert_int_equal(response.results_by_topic_v3_and_below[0].results_by_partition_count, NAMES);
    free(partitions);
}

static void groups_are_deleted_in_parts(void **state)
{
    struct test *test = *state;
    struct kp_delete_groups_response response;
    open_groups(test);
    for (int i = 0; i < 300; i++)
        commit(test, test->texts[i], i);
    struct kp_delete_groups_request request = {.groups_names = test->names, .groups_names_count = NAMES};
    int32_t id = test_peer_send(&test->peer, KP_API_DELETE_GROUPS, 2, &request);
    assert_true(turns_until(test, &test->peer, KP_API_DELETE_GROUPS, 2, id, &response) > 300 / 4);
    assert_int_equal(response.results_count, NAMES);
    for (int i = 0; i < NAMES; i++)
        assert_int_equal(response.results[i].error_code, i < 300 ? KAFKA_NONE : KAFKA_GROUP_ID_NOT_FOUND);
}

static void groups_are_described_and_found_in_parts(void **state)
{
    struct test *test = *state;
    struct kp_describe_groups_response described;
    struct kp_find_coordinator_response found;
    open_groups(test);
    commit(test, "name7", 1);
    struct kp_describe_groups_request request = {.groups = test->names, .groups_count = NAMES};
    int32_t id = test_peer_send(&test->peer, KP_API_DESCRIBE_GROUPS, 5, &request);
    for (int turns = 0; turns < 300; turns++)
        broker_fixture_turn(&test->broker);
    struct kp_delete_groups_request deletion = {.groups_names = &test->names[7], .groups_names_count = 1};
    struct kp_delete_groups_response deleted;
    test_peer_ask(&test->other, KP_API_DELETE_GROUPS, 2, &deletion, &deleted);
    turns_until(test, &test->peer, KP_API_DESCRIBE_GROUPS, 5, id, &described);
    assert_int_equal(described.groups_count, NAMES);
    assert_true(kp_string_is(described.groups[7].group_state, "Empty"));
    assert_true(kp_string_is(described.groups[8].group_state, "Dead"));
    struct kp_find_coordinator_request find = {.coordinator_keys = test->names, .coordinator_keys_count = NAMES};
    id = test_peer_send(&test->peer, KP_API_FIND_COORDINATOR, 4, &find);
    turns_until(test, &test->peer, KP_API_FIND_COORDINATOR, 4, id, &found);
    assert_int_equal(found.coordinators_count, NAMES);
    assert_true(kp_string_is(found.coordinators[NAMES - 1].key, "name5999"));
}

/* ---- memory --------------------------------------------------------------------------------------------------------- */

static void a_hundred_thousand_names_are_answered_and_little_is_kept(void **state)
{
    enum { MANY = 150000 }; /* decoded they are more than 4 MiB */
    struct test *test = *state;
    struct kp_metadata_response response;
    test->broker.env.env.turn = NULL;
    struct kp_metadata_request_topics *topics = xcalloc(MANY, sizeof *topics);
    char(*texts)[12] = xcalloc(MANY, sizeof *texts);
    for (int i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof texts[i], "%d", i);
        topics[i].name = kp_string_of(texts[i]);
    }
    struct kp_metadata_request request = {.topics = topics, .topics_count = MANY};
    int32_t id = test_peer_send(&test->peer, KP_API_METADATA, 9, &request);
    assert_true(test->broker.broker->requests_bytes > 0);
    assert_true(test->broker.broker->requests_bytes < MANY * 32); /* the answer, and nothing of what it was made of */
    assert_true(test_peer_receive(&test->peer, KP_API_METADATA, 9, id, &response));
    assert_int_equal(response.topics_count, MANY);
    assert_int_equal(test->broker.broker->requests_bytes, 0);
    free(topics);
    free(texts);
}

static void above_the_bound_of_memory_the_connection_is_closed(void **state)
{
    enum { ITEMS = 1000000, GROUPS = 9 };
    struct test *test = *state;
    test->broker.env.env.turn = NULL;
    struct kp_offset_fetch_request_groups_topics *topics = xcalloc(ITEMS, sizeof *topics);
    struct kp_offset_fetch_request_groups groups[GROUPS];
    static_assert(GROUPS * ITEMS * sizeof *topics > REQUEST_IN_PARTS_BYTES_MAX, "they do not fit");
    for (int i = 0; i < GROUPS; i++) {
        groups[i] = kp_offset_fetch_request_groups_default;
        groups[i].topics = topics;
        groups[i].topics_count = ITEMS;
    }
    struct kp_offset_fetch_request request = kp_offset_fetch_request_default;
    request.groups = groups;
    request.groups_count = GROUPS;
    test_peer_send(&test->peer, KP_API_OFFSET_FETCH, 8, &request);
    assert_true(test->peer.closed);
    assert_non_null(strstr(test->peer.reason, "more memory than a request may take"));
    assert_true(nothing_is_left(test));
    free(topics);
}

/* Memory of megabytes goes back over turns: the first part of it when it is released, all of it at last. */
static void memory_is_given_back_in_parts(void **state)
{
    struct test *test = *state;
    struct broker *broker = test->broker.broker;
    uint8_t *block = xmalloc(MIB(4));
    memset(block, 1, MIB(4));
    release_block(broker, block, MIB(4));
    release_block(broker, xmalloc(MIB(1)), MIB(1));
    release_block(broker, xmalloc(KIB(1)), KIB(1));
    release_block(broker, xmalloc(KIB(1)), RELEASES_BYTES_MAX); /* says who does not know better: too much */
    assert_int_equal(broker->releases.bytes, MIB(5));
    for (size_t parts = 1; parts <= MIB(5) / RELEASE_PART_BYTES; parts++) {
        broker_fixture_turn(&test->broker);
        assert_int_equal(broker->releases.bytes, MIB(5) - parts * RELEASE_PART_BYTES);
    }
    assert_true(list_empty(&broker->long_works));
    release_block(broker, xmalloc(MIB(2)), MIB(2)); /* the stop frees it */
}

/* An API whose handler does all in one turn. */
static void what_is_not_handled_in_parts_has_a_lower_bound(void **state)
{
    enum { TOPICS = 300000 };
    struct test *test = *state;
    test->broker.env.env.turn = NULL;
    struct kp_elect_leaders_request_topic_partitions *topics = xcalloc(TOPICS, sizeof *topics);
    static_assert(TOPICS * sizeof *topics > REQUEST_BODY_BYTES_MAX, "they do not fit");
    struct kp_elect_leaders_request request = kp_elect_leaders_request_default;
    request.topic_partitions = topics;
    request.topic_partitions_count = TOPICS;
    test_peer_send(&test->peer, KP_API_ELECT_LEADERS, 2, &request);
    assert_true(test->peer.closed);
    assert_true(nothing_is_left(test));
    free(topics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(others_are_answered_between_the_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(where_nobody_waits_it_is_done_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(one_waits_for_another, setup, teardown),
        cmocka_unit_test_setup_teardown(its_peer_may_go_at_any_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_answers_it, setup, teardown),
        cmocka_unit_test_setup_teardown(topics_are_made_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(it_ends_when_what_it_made_is_not_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(all_topics_are_told_in_parts_though_they_change_meanwhile, setup, teardown),
        cmocka_unit_test_setup_teardown(logs_are_loaded_in_parts_though_their_topic_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(offsets_are_told_in_parts_though_groups_go_meanwhile, setup, teardown),
        cmocka_unit_test_setup_teardown(metadata_of_commits_is_read_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(partitions_of_transactions_are_looked_at_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_are_deleted_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_are_described_and_found_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hundred_thousand_names_are_answered_and_little_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_is_given_back_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_handled_in_parts_has_a_lower_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(above_the_bound_of_memory_the_connection_is_closed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
