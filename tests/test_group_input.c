/* What odd members may send: names with zero bytes, of every length, twice, and metadata that is none. Over a whole
 * broker in memory, and over a restart. */
#include "lib/test_consumer.h"

#include "broker/coord/classic_group.h"
#include "broker/group_coordinator.h"
#include "protocol/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define LONGEST       KP_STRING_BYTES_MAX
#define TEXT(literal) ((struct kp_string){literal, sizeof(literal) - 1})

struct test {
    struct broker_fixture broker;
    struct test_peer peer, other;
};

/* A member as requests name it. */
struct member {
    struct kp_string group, instance;
    char id_text[LONGEST + 1];
    struct kp_string id;
    int32_t generation;
};

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    struct kp_find_coordinator_request request = kp_find_coordinator_request_default;
    struct kp_find_coordinator_response response;
    broker_fixture_init(&test->broker);
    broker_fixture_set(&test->broker, "offsets.topic.num.partitions", "3");
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
    test_peer_open(&test->other, &test->broker);
    test_peer_ask(&test->peer, KP_API_FIND_COORDINATOR, 3, &request, &response);
    assert_int_equal(response.error_code, KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->peer, "t", 1), KAFKA_NONE);
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

/* ---- asking --------------------------------------------------------------------------------------------------------- */

static int32_t send_join(struct test_peer *peer, const struct member *member,
                         const struct kp_join_group_request_protocols *protocols, int32_t count)
{
    struct kp_join_group_request request = kp_join_group_request_default;
    request.group_id = member->group;
    request.group_instance_id = member->instance;
    request.member_id = member->id;
    request.session_timeout_ms = 10000;
    request.rebalance_timeout_ms = 10000;
    request.protocol_type = kp_string_of("consumer");
    request.protocols = (struct kp_join_group_request_protocols *)protocols;
    request.protocols_count = count;
    return test_peer_send(peer, KP_API_JOIN_GROUP, 5, &request);
}

static int16_t joined(struct test *test, struct test_peer *peer, struct member *member, int32_t id)
{
    struct kp_join_group_response response;
    broker_fixture_run_jobs(&test->broker); /* the group's log gets its folder */
    broker_fixture_advance(&test->broker, 0);
    assert_true(test_peer_receive(peer, KP_API_JOIN_GROUP, 5, id, &response));
    if (response.error_code == KAFKA_NONE) {
        memcpy(member->id_text, response.member_id.data, (size_t)response.member_id.size);
        member->id = (struct kp_string){member->id_text, response.member_id.size};
        member->generation = response.generation_id;
    }
    return response.error_code;
}

static int16_t join(struct test *test, struct member *member, struct kp_bytes metadata)
{
    struct kp_join_group_request_protocols protocol = {.name = kp_string_of("range"), .metadata = metadata};
    return joined(test, &test->peer, member, send_join(&test->peer, member, &protocol, 1));
}

static struct kp_bytes sync_with(struct test *test, const struct member *member,
                                 struct kp_sync_group_request_assignments *assignments, int32_t count)
{
    struct kp_sync_group_request request = kp_sync_group_request_default;
    struct kp_sync_group_response response;
    request.group_id = member->group;
    request.group_instance_id = member->instance;
    request.member_id = member->id;
    request.generation_id = member->generation;
    request.assignments = assignments;
    request.assignments_count = count;
    test_peer_ask(&test->peer, KP_API_SYNC_GROUP, 3, &request, &response);
    assert_int_equal(response.error_code, KAFKA_NONE);
    return response.assignment;
}

static int16_t heartbeat(struct test *test, const struct member *member)
{
    struct kp_heartbeat_request request = kp_heartbeat_request_default;
    struct kp_heartbeat_response response;
    request.group_id = member->group;
    request.group_instance_id = member->instance;
    request.member_id = member->id;
    request.generation_id = member->generation;
    test_peer_ask(&test->peer, KP_API_HEARTBEAT, 3, &request, &response);
    return response.error_code;
}

static int16_t commit(struct test *test, struct kp_string group, int64_t offset, struct kp_string metadata)
{
    struct kp_offset_commit_request request = kp_offset_commit_request_default;
    struct kp_offset_commit_request_topics topic = kp_offset_commit_request_topics_default;
    struct kp_offset_commit_request_topics_partitions partition = kp_offset_commit_request_topics_partitions_default;
    struct kp_offset_commit_response response;
    partition.committed_offset = offset;
    partition.committed_metadata = metadata;
    topic.name = kp_string_of("t");
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.group_id = group;
    request.topics = &topic;
    request.topics_count = 1;
    test_peer_ask(&test->peer, KP_API_OFFSET_COMMIT, 7, &request, &response);
    return response.topics[0].partitions[0].error_code;
}

static void check_committed(struct test *test, struct kp_string group, int64_t offset, struct kp_string metadata)
{
    struct kp_offset_fetch_request request = kp_offset_fetch_request_default;
    struct kp_offset_fetch_request_topics topic = kp_offset_fetch_request_topics_default;
    struct kp_offset_fetch_response response;
    int32_t partition = 0;
    topic.name = kp_string_of("t");
    topic.partition_indexes = &partition;
    topic.partition_indexes_count = 1;
    request.group_id = group;
    request.topics = &topic;
    request.topics_count = 1;
    test_peer_ask(&test->peer, KP_API_OFFSET_FETCH, 5, &request, &response);
    assert_int_equal(response.topics[0].partitions[0].committed_offset, offset);
    assert_true(kp_string_equal(response.topics[0].partitions[0].metadata, metadata));
}

static const struct kp_bytes nothing = {NULL, 0};

/* ---- names ---------------------------------------------------------------------------------------------------------- */

static void names_with_zero_bytes_are_names(void **state)
{
    struct test *test = *state;
    struct kp_string first = TEXT("g\0a"), second = TEXT("g\0b"), whole = TEXT("g");
    assert_int_equal(commit(test, first, 1, TEXT("m\0x")), KAFKA_NONE);
    assert_int_equal(commit(test, second, 2, TEXT("\0")), KAFKA_NONE);
    for (int turn = 0; turn < 2; turn++) {
        check_committed(test, first, 1, TEXT("m\0x"));
        check_committed(test, second, 2, TEXT("\0"));
        check_committed(test, whole, -1, KP_EMPTY_STRING);
        broker_fixture_restart(&test->broker, broker_fixture_kill);
    }
    struct kp_describe_groups_request request = kp_describe_groups_request_default;
    struct kp_describe_groups_response response;
    struct kp_string unknown = TEXT("\n\0%s");
    request.groups = &unknown;
    request.groups_count = 1;
    test_peer_ask(&test->peer, KP_API_DESCRIBE_GROUPS, 6, &request, &response);
    assert_int_equal(response.groups[0].error_code, KAFKA_GROUP_ID_NOT_FOUND);
}

static void static_members_whose_names_differ_behind_a_zero_byte_are_two(void **state)
{
    struct test *test = *state;
    struct member first = {.group = TEXT("g"), .instance = TEXT("i\0a")};
    struct member second = {.group = TEXT("g"), .instance = TEXT("i\0b")};
    struct kp_join_group_request_protocols protocol = {.name = TEXT("\0p"), .metadata = nothing};
    int32_t first_id = send_join(&test->peer, &first, &protocol, 1);
    int32_t second_id = send_join(&test->other, &second, &protocol, 1);
    assert_int_equal(joined(test, &test->peer, &first, first_id), KAFKA_NONE);
    assert_int_equal(joined(test, &test->other, &second, second_id), KAFKA_NONE);
    assert_false(kp_string_equal(first.id, second.id));
    (void)sync_with(test, &first, NULL, 0);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(heartbeat(test, &first), KAFKA_NONE);
    assert_int_equal(heartbeat(test, &second), KAFKA_NONE);
    second.instance = first.instance;
    assert_int_equal(heartbeat(test, &second), KAFKA_FENCED_INSTANCE_ID);
}

static void the_longest_names_fit(void **state)
{
    struct test *test = *state;
    static char text[LONGEST];
    memset(text, 'x', sizeof text);
    struct kp_string longest = {text, LONGEST};
    struct member member = {.group = longest, .instance = longest};
    assert_int_equal(join(test, &member, nothing), KAFKA_NONE);
    assert_in_range(member.id.size, LONGEST - 40, LONGEST);
    (void)sync_with(test, &member, NULL, 0);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(heartbeat(test, &member), KAFKA_NONE);
    member.instance.size--;
    assert_int_equal(heartbeat(test, &member), KAFKA_UNKNOWN_MEMBER_ID);
}

/* ---- twice ---------------------------------------------------------------------------------------------------------- */

static void a_member_that_is_to_leave_twice_leaves_once(void **state)
{
    struct test *test = *state;
    struct member member = {.group = TEXT("g"), .instance = TEXT("i")};
    assert_int_equal(join(test, &member, nothing), KAFKA_NONE);
    struct kp_leave_group_request request = kp_leave_group_request_default;
    struct kp_leave_group_response response;
    struct kp_leave_group_request_members members[] = {
        {.member_id = member.id,       .group_instance_id = KP_NULL_STRING },
        {.member_id = member.id,       .group_instance_id = KP_NULL_STRING },
        {.member_id = KP_EMPTY_STRING, .group_instance_id = member.instance},
    };
    request.group_id = member.group;
    request.members = members;
    request.members_count = 3;
    test_peer_ask(&test->peer, KP_API_LEAVE_GROUP, 4, &request, &response);
    assert_int_equal(response.members_count, 3);
    assert_int_equal(response.members[0].error_code, KAFKA_NONE);
    assert_int_equal(response.members[1].error_code, KAFKA_UNKNOWN_MEMBER_ID);
    assert_int_equal(response.members[2].error_code, KAFKA_UNKNOWN_MEMBER_ID);
    request.members_count = 0;
    test_peer_ask(&test->peer, KP_API_LEAVE_GROUP, 4, &request, &response);
    assert_int_equal(response.members_count, 0);
}

static void of_two_assignments_of_a_member_the_last_counts(void **state)
{
    struct test *test = *state;
    struct member member = {.group = TEXT("g"), .instance = TEXT("i")};
    assert_int_equal(join(test, &member, nothing), KAFKA_NONE);
    struct kp_sync_group_request_assignments assignments[] = {
        {.member_id = member.id,       .assignment = {(const uint8_t *)"first", 5} },
        {.member_id = TEXT("nobody"),  .assignment = {(const uint8_t *)"nobody", 6}},
        {.member_id = KP_EMPTY_STRING, .assignment = {(const uint8_t *)"empty", 5} },
        {.member_id = member.id,       .assignment = {(const uint8_t *)"last", 4}  },
    };
    struct kp_bytes assignment = sync_with(test, &member, assignments, 4);
    assert_int_equal(assignment.size, 4);
    assert_memory_equal(assignment.data, "last", 4);
}

/* Each naming counts, so the group may end up with a protocol that not all know; nobody is harmed by that. */
static void a_protocol_may_be_named_twice(void **state)
{
    struct test *test = *state;
    struct member first = {.group = TEXT("g"), .instance = TEXT("a")};
    struct member second = {.group = TEXT("g"), .instance = TEXT("b")};
    struct kp_join_group_request_protocols twice[] = {{.name = TEXT("p")}, {.name = TEXT("p")}, {.name = TEXT("q")}};
    struct kp_join_group_request_protocols once = {.name = TEXT("q")};
    int32_t first_id = send_join(&test->peer, &first, twice, 3), second_id = send_join(&test->other, &second, &once, 1);
    assert_int_equal(joined(test, &test->peer, &first, first_id), KAFKA_NONE);
    assert_int_equal(joined(test, &test->other, &second, second_id), KAFKA_NONE);
    (void)sync_with(test, &first, NULL, 0);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(heartbeat(test, &first), KAFKA_NONE);
    assert_int_equal(heartbeat(test, &second), KAFKA_NONE);
    broker_fixture_advance(&test->broker, 10000);
    broker_fixture_advance(&test->broker, 10000);
    assert_int_equal(heartbeat(test, &second), KAFKA_UNKNOWN_MEMBER_ID);
}

/* Kafka finds then that no protocol is known to all, and never answers. */
static void a_protocol_that_is_named_twice_is_taken_when_there_is_no_other(void **state)
{
    struct test *test = *state;
    struct kp_join_group_request_protocols twice[] = {{.name = TEXT("p")}, {.name = TEXT("p")}};
    struct kp_join_group_response response;
    struct member member = {.group = TEXT("g")};
    int32_t id = send_join(&test->peer, &member, twice, 2);
    broker_fixture_run_jobs(&test->broker);
    broker_fixture_advance(&test->broker, 0);
    assert_true(test_peer_receive(&test->peer, KP_API_JOIN_GROUP, 5, id, &response));
    assert_int_equal(response.error_code, KAFKA_NONE);
    assert_true(kp_string_equal(response.protocol_name, TEXT("p")));
}

/* ---- metadata ------------------------------------------------------------------------------------------------------- */

/* Whatever it may subscribe to is kept. */
static void a_subscription_that_cannot_be_read_is_one_to_everything(void **state)
{
    struct test *test = *state;
    static const struct kp_bytes subscriptions[] = {
        {NULL,                                                                 0 },
        {(const uint8_t *)"\0",                                                1 },
        {(const uint8_t *)"\0\0\x7f\xff\xff\xff",                              6 }, /* two billion topics */
        {(const uint8_t *)"\0\0\xff\xff\xff\xfe",                              6 },
        {(const uint8_t *)"\0\0\0\0\0\2\0\1t\xff\xff\xff\xff\xff\xff\xff\xff", 17}, /* one of two */
    };
    struct member member = {.group = TEXT("g"), .instance = TEXT("i")};
    assert_int_equal(commit(test, member.group, 5, KP_EMPTY_STRING), KAFKA_NONE);
    for (size_t i = 0; i < COUNT_OF(subscriptions); i++) {
        member.id = KP_EMPTY_STRING;
        assert_int_equal(join(test, &member, subscriptions[i]), KAFKA_NONE);
        (void)sync_with(test, &member, NULL, 0);
        const struct groups *groups = test->broker.broker->groups->groups;
        const struct group *group = groups_find(groups, member.group);
        assert_true(group->classic.state == CLASSIC_STABLE);
        assert_false(group->classic.subscribed_known);
        check_committed(test, member.group, 5, KP_EMPTY_STRING);
        broker_fixture_restart(&test->broker, broker_fixture_kill);
        struct kp_leave_group_request request = kp_leave_group_request_default;
        struct kp_leave_group_response response;
        struct kp_leave_group_request_members leaving = {.member_id = member.id, .group_instance_id = member.instance};
        request.group_id = member.group;
        request.members = &leaving;
        request.members_count = 1;
        test_peer_ask(&test->peer, KP_API_LEAVE_GROUP, 4, &request, &response);
        assert_int_equal(response.members[0].error_code, KAFKA_NONE);
    }
}

/* Of two members, the second one: subscriptions that begin as the first one's, and others. */
static void subscriptions_of_several_members_are_one(void **state)
{
    struct test *test = *state;
    static const struct {
        struct kp_bytes second;
        bool known, has_u;
    } cases[] = {
        {{(const uint8_t *)"\0\0\0\0\0\1\0\1t\xff\xff\xff\xff", 13},      true,  false},
        {{(const uint8_t *)"\0\3\0\0\0\1\0\1t\0\0\0\2xx", 15},            true,  false}, /* its own data */
        {{(const uint8_t *)"\0\0\0\0\0\1\0\1u\xff\xff\xff\xff", 13},      true,  true },
        {{(const uint8_t *)"\0\0\0\0\0\2\0\1t\0\1u\xff\xff\xff\xff", 16}, true,  true },
        {{(const uint8_t *)"\0\0\0\0\0\0\xff\xff\xff\xff", 10},           true,  false},
        {{(const uint8_t *)"\0\0\0\0\0\1\0\1t\0\0\0\3xx", 15},            false, true }, /* which is cut */
        {{(const uint8_t *)"\0\0\0\0\0\1\0\1t", 9},                       false, true },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char name[16];
        snprintf(name, sizeof name, "g-%zu", i);
        struct member first = {.group = kp_string_of(name), .instance = TEXT("a")};
        struct member second = {.group = kp_string_of(name), .instance = TEXT("b")};
        struct kp_join_group_request_protocols one = {.name = TEXT("range"), .metadata = cases[0].second};
        struct kp_join_group_request_protocols two = {.name = TEXT("range"), .metadata = cases[i].second};
        int32_t first_id = send_join(&test->peer, &first, &one, 1),
                second_id = send_join(&test->other, &second, &two, 1);
        assert_int_equal(joined(test, &test->peer, &first, first_id), KAFKA_NONE);
        assert_int_equal(joined(test, &test->other, &second, second_id), KAFKA_NONE);
        const struct group *group = groups_find(test->broker.broker->groups->groups, first.group);
        assert_true(group->classic.subscribed_known == cases[i].known);
        assert_true(classic_group_subscribes(group, TEXT("t")));
        assert_true(classic_group_subscribes(group, TEXT("u")) == cases[i].has_u);
    }
}

/* More than is put in order: as if it were one to everything, and cheap. */
static void a_subscription_to_too_many_topics_is_one_to_everything(void **state)
{
    struct test *test = *state;
    const int32_t count = 500000;
    struct member member = {.group = TEXT("g"), .instance = TEXT("i")};
    struct kp_bytes metadata = {xcalloc(1, 10 + 2 * (size_t)count), 10 + 2 * count};
    store_be32((uint8_t *)metadata.data + 2, (uint32_t)count);
    assert_int_equal(join(test, &member, metadata), KAFKA_NONE);
    free((void *)metadata.data);
    const struct group *group = groups_find(test->broker.broker->groups->groups, member.group);
    assert_false(group->classic.subscribed_known);
    assert_true(classic_group_subscribes(group, TEXT("t")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_with_zero_bytes_are_names),
        TEST(static_members_whose_names_differ_behind_a_zero_byte_are_two),
        TEST(the_longest_names_fit),
        TEST(a_member_that_is_to_leave_twice_leaves_once),
        TEST(of_two_assignments_of_a_member_the_last_counts),
        TEST(a_protocol_may_be_named_twice),
        TEST(a_protocol_that_is_named_twice_is_taken_when_there_is_no_other),
        TEST(a_subscription_that_cannot_be_read_is_one_to_everything),
        TEST(subscriptions_of_several_members_are_one),
        TEST(a_subscription_to_too_many_topics_is_one_to_everything),
    };
    return cmocka_run_group_tests_name("group_input", tests, NULL, NULL);
}
