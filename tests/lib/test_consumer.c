/* See test_consumer.h. */
#include "test_consumer.h"

#include "protocol/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define NOT_ANSWERED (-2)

/* A subscription of version 0: version, topics, user data. */
static struct kp_bytes subscription_of(const struct test_consumer *consumer, uint8_t bytes[64])
{
    size_t size = strlen(consumer->topic);
    assert_in_range(size, 1, 40);
    memset(bytes, 0, 64);
    store_be32(bytes + 2, 1);
    store_be16(bytes + 6, (uint16_t)size);
    memcpy(bytes + 8, consumer->topic, size);
    return (struct kp_bytes){bytes, (int32_t)(8 + size + 4)};
}

static void keep(char *to, size_t room, struct kp_string text)
{
    snprintf(to, room, "%.*s", (int)text.size, text.data);
}

void test_consumer_open(struct test_consumer *consumer, struct broker_fixture *broker, const char *group)
{
    *consumer = (struct test_consumer){.broker = broker,
                                       .group = group,
                                       .topic = "t",
                                       .protocol = "range",
                                       .join_version = 3,
                                       .session_ms = 10000,
                                       .rebalance_ms = 60000,
                                       .generation = -1};
    test_peer_open(&consumer->peer, broker);
}

void test_consumer_close(struct test_consumer *consumer)
{
    test_peer_close(&consumer->peer);
}

void test_consumer_reopen(struct test_consumer *consumer)
{
    test_consumer_close(consumer);
    test_peer_open(&consumer->peer, consumer->broker);
}

/* ---- rounds --------------------------------------------------------------------------------------------------------- */

static int16_t join_version(const struct test_consumer *consumer)
{
    return consumer->instance && consumer->join_version < 5 ? 5 : consumer->join_version;
}

void test_consumer_send_join(struct test_consumer *consumer)
{
    uint8_t bytes[64];
    struct kp_join_group_request_protocols protocol = {.name = kp_string_of(consumer->protocol),
                                                       .metadata = subscription_of(consumer, bytes)};
    struct kp_join_group_request request = kp_join_group_request_default;
    request.group_id = kp_string_of(consumer->group);
    request.session_timeout_ms = consumer->session_ms;
    request.rebalance_timeout_ms = consumer->rebalance_ms;
    request.member_id = kp_string_of(consumer->id);
    request.group_instance_id = kp_string_of(consumer->instance);
    request.protocol_type = kp_string_of("consumer");
    request.protocols = &protocol;
    request.protocols_count = 1;
    consumer->correlation_id = test_peer_send(&consumer->peer, KP_API_JOIN_GROUP, join_version(consumer), &request);
}

int16_t test_consumer_joined(struct test_consumer *consumer)
{
    struct kp_join_group_response response;
    broker_fixture_turn(consumer->broker);
    if (!test_peer_receive(&consumer->peer, KP_API_JOIN_GROUP, join_version(consumer), consumer->correlation_id,
                           &response))
        return NOT_ANSWERED;
    if (response.error_code == KAFKA_NONE || response.error_code == KAFKA_MEMBER_ID_REQUIRED)
        keep(consumer->id, sizeof consumer->id, response.member_id);
    if (response.error_code == KAFKA_NONE) {
        keep(consumer->told_leader, sizeof consumer->told_leader, response.leader);
        consumer->generation = response.generation_id;
        consumer->members = response.members_count;
        consumer->skips = response.skip_assignment;
    }
    return response.error_code;
}

int16_t test_consumer_join(struct test_consumer *consumer)
{
    test_consumer_send_join(consumer);
    return test_consumer_joined(consumer);
}

void test_consumer_send_sync(struct test_consumer *consumer, struct test_consumer *const *assigned, int32_t count)
{
    struct kp_sync_group_request_assignments assignments[16];
    assert_in_range(count, 0, (int)COUNT_OF(assignments));
    for (int32_t i = 0; i < count; i++)
        assignments[i] = (struct kp_sync_group_request_assignments){
            .member_id = kp_string_of(assigned[i]->id),
            .assignment = {(const uint8_t *)assigned[i]->id, (int32_t)strlen(assigned[i]->id)}
        };
    struct kp_sync_group_request request = kp_sync_group_request_default;
    request.group_id = kp_string_of(consumer->group);
    request.generation_id = consumer->generation;
    request.member_id = kp_string_of(consumer->id);
    request.group_instance_id = kp_string_of(consumer->instance);
    request.assignments = assignments;
    request.assignments_count = count;
    consumer->correlation_id = test_peer_send(&consumer->peer, KP_API_SYNC_GROUP, 3, &request);
}

int16_t test_consumer_synced(struct test_consumer *consumer)
{
    struct kp_sync_group_response response;
    broker_fixture_turn(consumer->broker);
    if (!test_peer_receive(&consumer->peer, KP_API_SYNC_GROUP, 3, consumer->correlation_id, &response))
        return NOT_ANSWERED;
    snprintf(consumer->assignment, sizeof consumer->assignment, "%.*s", response.assignment.size,
             (const char *)response.assignment.data);
    return response.error_code;
}

int16_t test_consumer_sync(struct test_consumer *consumer)
{
    test_consumer_send_sync(consumer, NULL, 0);
    return test_consumer_synced(consumer);
}

int16_t test_consumer_heartbeat(struct test_consumer *consumer)
{
    struct kp_heartbeat_request request = kp_heartbeat_request_default;
    struct kp_heartbeat_response response;
    request.group_id = kp_string_of(consumer->group);
    request.generation_id = consumer->generation;
    request.member_id = kp_string_of(consumer->id);
    request.group_instance_id = kp_string_of(consumer->instance);
    test_peer_ask(&consumer->peer, KP_API_HEARTBEAT, 4, &request, &response);
    return response.error_code;
}

int16_t test_consumer_leave(struct test_consumer *consumer)
{
    struct kp_leave_group_request request = kp_leave_group_request_default;
    struct kp_leave_group_request_members member = kp_leave_group_request_members_default;
    struct kp_leave_group_response response;
    member.member_id = kp_string_of(consumer->id);
    member.group_instance_id = kp_string_of(consumer->instance);
    request.group_id = kp_string_of(consumer->group);
    request.members = &member;
    request.members_count = 1;
    test_peer_ask(&consumer->peer, KP_API_LEAVE_GROUP, 3, &request, &response);
    return response.error_code != KAFKA_NONE ? response.error_code : response.members[0].error_code;
}

void test_consumers_rebalance(struct test_consumer *const *consumers, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        test_consumer_send_join(consumers[i]);
    broker_fixture_advance(consumers[0]->broker, 0); /* the first round of a group waits for its delay, of 0 ms */
    struct test_consumer *leader = NULL;
    for (int32_t i = 0; i < count; i++) {
        assert_int_equal(test_consumer_joined(consumers[i]), KAFKA_NONE);
        if (strcmp(consumers[i]->told_leader, consumers[i]->id) == 0)
            leader = consumers[i];
    }
    assert_non_null(leader);
    assert_int_equal(leader->members, count);
    for (int32_t i = 0; i < count; i++) {
        if (consumers[i] != leader)
            test_consumer_send_sync(consumers[i], NULL, 0);
    }
    test_consumer_send_sync(leader, consumers, count);
    for (int32_t i = 0; i < count; i++) {
        assert_int_equal(test_consumer_synced(consumers[i]), KAFKA_NONE);
        assert_string_equal(consumers[i]->assignment, consumers[i]->id);
    }
}

/* ---- offsets -------------------------------------------------------------------------------------------------------- */

int16_t test_consumer_commit(struct test_consumer *consumer, const char *topic, int32_t partition, int64_t offset)
{
    struct kp_offset_commit_request request = kp_offset_commit_request_default;
    struct kp_offset_commit_request_topics asked = kp_offset_commit_request_topics_default;
    struct kp_offset_commit_request_topics_partitions one = kp_offset_commit_request_topics_partitions_default;
    struct kp_offset_commit_response response;
    one.partition_index = partition;
    one.committed_offset = offset;
    one.committed_metadata = kp_string_of("m");
    asked.name = kp_string_of(topic);
    asked.partitions = &one;
    asked.partitions_count = 1;
    request.group_id = kp_string_of(consumer->group);
    request.member_id = kp_string_of(consumer->id);
    request.group_instance_id = kp_string_of(consumer->instance);
    request.generation_id_or_member_epoch = consumer->generation;
    request.topics = &asked;
    request.topics_count = 1;
    test_peer_ask(&consumer->peer, KP_API_OFFSET_COMMIT, 7, &request, &response);
    return response.topics[0].partitions[0].error_code;
}

int64_t test_consumer_committed(struct test_consumer *consumer, const char *topic, int32_t partition)
{
    struct kp_offset_fetch_request request = kp_offset_fetch_request_default;
    struct kp_offset_fetch_request_topics asked = kp_offset_fetch_request_topics_default;
    struct kp_offset_fetch_response response;
    asked.name = kp_string_of(topic);
    asked.partition_indexes = &partition;
    asked.partition_indexes_count = 1;
    request.group_id = kp_string_of(consumer->group);
    request.topics = &asked;
    request.topics_count = 1;
    request.require_stable = true;
    test_peer_ask(&consumer->peer, KP_API_OFFSET_FETCH, 7, &request, &response);
    if (response.error_code != KAFKA_NONE)
        return -1000 - response.error_code;
    const struct kp_offset_fetch_response_topics_partitions *answer = &response.topics[0].partitions[0];
    return answer->error_code != KAFKA_NONE ? -1000 - answer->error_code : answer->committed_offset;
}

/* ---- the group ------------------------------------------------------------------------------------------------------ */

int16_t test_consumer_find_coordinator(struct test_consumer *consumer)
{
    struct kp_find_coordinator_request request = kp_find_coordinator_request_default;
    struct kp_find_coordinator_response response;
    request.key = kp_string_of(consumer->group);
    test_peer_ask(&consumer->peer, KP_API_FIND_COORDINATOR, 3, &request, &response);
    return response.error_code;
}

int16_t test_consumer_delete_group(struct test_consumer *consumer)
{
    struct kp_delete_groups_request request = kp_delete_groups_request_default;
    struct kp_delete_groups_response response;
    struct kp_string name = kp_string_of(consumer->group);
    request.groups_names = &name;
    request.groups_names_count = 1;
    test_peer_ask(&consumer->peer, KP_API_DELETE_GROUPS, 2, &request, &response);
    return response.results[0].error_code;
}

const char *test_consumer_state(struct test_consumer *consumer)
{
    static char state[32];
    struct kp_describe_groups_request request = kp_describe_groups_request_default;
    struct kp_describe_groups_response response;
    struct kp_string name = kp_string_of(consumer->group);
    request.groups = &name;
    request.groups_count = 1;
    test_peer_ask(&consumer->peer, KP_API_DESCRIBE_GROUPS, 4, &request, &response);
    assert_int_equal(response.groups[0].error_code, KAFKA_NONE);
    keep(state, sizeof state, response.groups[0].group_state);
    return state;
}

const char *test_consumer_listed(struct test_consumer *consumer)
{
    static char listed[64];
    struct kp_list_groups_request request = kp_list_groups_request_default;
    struct kp_list_groups_response response;
    test_peer_ask(&consumer->peer, KP_API_LIST_GROUPS, 5, &request, &response);
    assert_int_equal(response.error_code, KAFKA_NONE);
    for (int32_t i = 0; i < response.groups_count; i++) {
        const struct kp_list_groups_response_groups *group = &response.groups[i];
        if (!kp_string_is(group->group_id, consumer->group))
            continue;
        snprintf(listed, sizeof listed, "%.*s %.*s", (int)group->group_state.size, group->group_state.data,
                 (int)group->group_type.size, group->group_type.data);
        return listed;
    }
    return NULL;
}
