/* See group_life.h. */
#include "group_life.h"

#include "protocol/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define SESSION_MS 1800000 /* the longest: nobody times out in a test */

void group_life_init(struct group_life *life, struct broker_fixture *broker)
{
    *life = (struct group_life){
        .broker = broker,
        .kept = {"group",  "flushed", -1, -1, -1},
        .renewed = {"group",  "renewed", -1, -1, -1},
        .doomed = {"doomed", "flushed", -1, -1, -1},
    };
}

void group_life_copy(struct group_life *copy, const struct group_life *life, struct broker_fixture *broker)
{
    *copy = *life;
    copy->broker = broker;
    copy->peer_open = false;
}

void group_life_hang_up(struct group_life *life)
{
    if (life->peer_open)
        test_peer_close(&life->peer);
    life->peer_open = false;
}

/* On a connection of its own, as it may wait for a moment; the answer is valid until the next one. */
static bool ask(struct group_life *life, int16_t key, int16_t version, const void *request, void *response)
{
    group_life_hang_up(life);
    test_peer_open(&life->peer, life->broker);
    life->peer_open = true;
    int32_t id = test_peer_send(&life->peer, key, version, request);
    broker_fixture_run_jobs(life->broker);
    broker_fixture_advance(life->broker, 0);
    broker_fixture_run_jobs(life->broker);
    return test_peer_receive(&life->peer, key, version, id, response);
}

void group_life_begin(struct group_life *life)
{
    struct kp_find_coordinator_request request = kp_find_coordinator_request_default;
    struct kp_find_coordinator_response response;
    struct kp_incremental_alter_configs_request_resources_configs flush = {.name = kp_string_of("flush.messages"),
                                                                           .value = kp_string_of("1")};
    struct kp_incremental_alter_configs_request_resources topic = {
        .resource_type = 2, .resource_name = kp_string_of("__consumer_offsets"), .configs = &flush, .configs_count = 1};
    struct kp_incremental_alter_configs_request change = kp_incremental_alter_configs_request_default;
    struct kp_incremental_alter_configs_response changed;
    request.key = kp_string_of("group");
    change.resources = &topic;
    change.resources_count = 1;
    if (ask(life, KP_API_FIND_COORDINATOR, 3, &request, &response) && response.error_code == KAFKA_NONE &&
        ask(life, KP_API_INCREMENTAL_ALTER_CONFIGS, 1, &change, &changed) &&
        changed.responses[0].error_code == KAFKA_NONE)
        life->flushed = true;
}

void group_life_commit(struct group_life *life, struct group_commits *commits)
{
    struct kp_offset_commit_request request = kp_offset_commit_request_default;
    struct kp_offset_commit_request_topics asked = kp_offset_commit_request_topics_default;
    struct kp_offset_commit_request_topics_partitions partition = kp_offset_commit_request_topics_partitions_default;
    struct kp_offset_commit_response response;
    partition.committed_offset = commits->asked = ++life->offset;
    asked.name = kp_string_of(commits->topic);
    asked.partitions = &partition;
    asked.partitions_count = 1;
    request.group_id = kp_string_of(commits->group);
    request.topics = &asked;
    request.topics_count = 1;
    if (ask(life, KP_API_OFFSET_COMMIT, 5, &request, &response) &&
        response.topics[0].partitions[0].error_code == KAFKA_NONE)
        commits->sure = commits->asked;
}

void group_commits_forget(struct group_commits *commits, bool surely)
{
    commits->sure = -1;
    if (surely)
        commits->forgot = commits->asked;
}

void group_life_delete_group(struct group_life *life, struct group_commits *commits)
{
    struct kp_delete_groups_request request = kp_delete_groups_request_default;
    struct kp_delete_groups_response response;
    struct kp_string name = kp_string_of(commits->group);
    request.groups_names = &name;
    request.groups_names_count = 1;
    bool answered = ask(life, KP_API_DELETE_GROUPS, 2, &request, &response);
    group_commits_forget(commits, answered && response.results[0].error_code == KAFKA_NONE);
}

static int16_t join(struct group_life *life)
{
    struct group_membership *member = &life->member;
    struct kp_join_group_request request = kp_join_group_request_default;
    struct kp_join_group_request_protocols protocol = {.name = kp_string_of("range")};
    struct kp_join_group_response response;
    request.group_id = kp_string_of("members");
    request.member_id = kp_string_of(member->id);
    request.protocol_type = kp_string_of("consumer");
    request.session_timeout_ms = SESSION_MS;
    request.rebalance_timeout_ms = 60000;
    request.protocols = &protocol;
    request.protocols_count = 1;
    int16_t error = -2;
    if (ask(life, KP_API_JOIN_GROUP, 3, &request, &response))
        error = response.error_code;
    if (error == KAFKA_NONE) {
        snprintf(member->id, sizeof member->id, "%.*s", response.member_id.size, response.member_id.data);
        member->asked = response.generation_id;
    }
    return error;
}

static void take_assignment(struct group_life *life)
{
    struct group_membership *member = &life->member;
    struct kp_sync_group_request request = kp_sync_group_request_default;
    struct kp_sync_group_response response;
    request.group_id = kp_string_of("members");
    request.member_id = kp_string_of(member->id);
    request.generation_id = member->asked;
    if (ask(life, KP_API_SYNC_GROUP, 3, &request, &response) && response.error_code == KAFKA_NONE)
        member->assigned = member->asked;
}

/* The member goes through a round, and once more when it is refused, as clients do. One that is not assigned anything
 * then may be out when the round is over. */
void group_life_rebalance(struct group_life *life)
{
    struct group_membership *member = &life->member;
    bool assigned = false;
    for (int tries = 0; tries < 2 && !assigned; tries++) {
        int16_t error = join(life);
        if (error == KAFKA_UNKNOWN_MEMBER_ID) {
            *member = (struct group_membership){0};
            error = join(life);
        }
        if (error == KAFKA_NONE)
            take_assignment(life);
        assigned = error == KAFKA_NONE && member->assigned == member->asked;
    }
    if (!assigned)
        member->assigned = 0;
}

/* ---- checking ---------------------------------------------------------------------------------------------------- */

static bool commits_are_sure(const struct group_life *life)
{
    return life->flushed || !life->power_lost;
}

void group_life_check_commits(struct group_life *life, const struct group_commits *commits)
{
    struct kp_offset_fetch_request request = kp_offset_fetch_request_default;
    struct kp_offset_fetch_request_topics asked = kp_offset_fetch_request_topics_default;
    struct kp_offset_fetch_response response;
    int32_t partition = 0;
    asked.name = kp_string_of(commits->topic);
    asked.partition_indexes = &partition;
    asked.partition_indexes_count = 1;
    request.group_id = kp_string_of(commits->group);
    request.topics = &asked;
    request.topics_count = 1;
    if (commits->asked < 0)
        return;
    assert_true(ask(life, KP_API_OFFSET_FETCH, 5, &request, &response));
    if (response.error_code == KAFKA_NOT_COORDINATOR && !life->flushed) /* there is no topic */
        return;
    assert_int_equal(response.error_code, KAFKA_NONE);
    int64_t offset = response.topics[0].partitions[0].committed_offset;
    if (offset >= 0)
        assert_in_range(offset, commits->forgot + 1, commits->asked);
    if (commits_are_sure(life))
        assert_true(offset >= commits->sure);
}

static int16_t heartbeat(struct group_life *life, int32_t generation)
{
    struct kp_heartbeat_request request = kp_heartbeat_request_default;
    struct kp_heartbeat_response response;
    request.group_id = kp_string_of("members");
    request.member_id = kp_string_of(life->member.id);
    request.generation_id = generation;
    assert_true(ask(life, KP_API_HEARTBEAT, 3, &request, &response));
    return response.error_code;
}

void group_life_check_member(struct group_life *life)
{
    const struct group_membership *member = &life->member;
    if (member->assigned == 0 || !commits_are_sure(life))
        return;
    int16_t error = heartbeat(life, member->assigned);
    if (error == KAFKA_ILLEGAL_GENERATION && member->asked > member->assigned)
        error = heartbeat(life, member->asked);
    assert_int_equal(error, KAFKA_NONE);
}
