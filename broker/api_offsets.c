/* OffsetCommit, OffsetFetch, OffsetDelete: how far groups have read. What is kept is in coord/offsets.c.
 *
 * A topic is named by its name, and from OffsetCommit and OffsetFetch version 10 on by its id. What is asked for
 * partitions that do not exist is refused here, for each of them; the group has its say about the others. In the answer
 * the refused ones come first, as in Kafka. */
#include "api.h"
#include "broker.h"
#include "coord/classic_group.h"
#include "coord/offsets.h"
#include "group_coordinator.h"
#include "limits.h"
#include "outcome.h"

#include <string.h>

#define BY_ID_VERSION 10

static const struct topic *find_topic(struct request *request, struct kp_string name, struct kp_uuid id)
{
    const struct catalog *catalog = request->broker->catalog;
    return request->header.api_version >= BY_ID_VERSION ? catalog_topic_by_id(catalog, id)
                                                        : catalog_topic(catalog, name);
}

static enum kafka_error unknown_topic(const struct request *request)
{
    return request->header.api_version >= BY_ID_VERSION ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

/* ---- OffsetCommit --------------------------------------------------------------------------------------------------- */

/* A commit on its way. */
struct commit {
    struct request *request;
    const struct kp_offset_commit_request *body;
    struct coord_batch batch;
    size_t new_bytes; /* what the records cost in memory */
    int64_t now_ms;
};

typedef struct kp_offset_commit_request_topics commit_topic;
typedef struct kp_offset_commit_request_topics_partitions commit_partition;
typedef struct kp_offset_commit_response_topics commit_answer;

/* The group's word on the whole commit. */
static enum kafka_error check_group(const struct commit *commit, int32_t *shard)
{
    const struct kp_offset_commit_request *body = commit->body;
    struct group_coordinator *coordinator = commit->request->broker->groups;
    int32_t generation = body->generation_id_or_member_epoch;
    enum kafka_error error = group_coordinator_shard(coordinator, body->group_id, shard);
    if (error != KAFKA_NONE)
        return error;
    struct group *group = groups_find(coordinator->groups, body->group_id);
    if (!group && generation < 0) /* its consumers assign partitions themselves: the commit makes the group */
        return groups_have_room(coordinator->groups, body->group_id, 0) ? KAFKA_NONE : KAFKA_INVALID_COMMIT_OFFSET_SIZE;
    if (!group)
        return commit->request->header.api_version >= 9 ? KAFKA_GROUP_ID_NOT_FOUND : KAFKA_ILLEGAL_GENERATION;
    if (group->type != GROUP_CLASSIC) /* none of its members can reach us */
        return generation < 0 && body->member_id.size == 0 ? KAFKA_NONE : KAFKA_UNKNOWN_MEMBER_ID;
    return classic_group_check_commit(group, body->member_id, body->group_instance_id, generation, false);
}

/* Java counts characters by UTF-16 units. */
static int32_t java_length(struct kp_string text)
{
    int32_t length = 0;
    for (int32_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        length += (byte & 0xc0) != 0x80;
        length += byte >= 0xf0;
    }
    return length;
}

static enum kafka_error commit_one(struct commit *commit, const struct topic *topic, const commit_partition *asked)
{
    const struct broker *broker = commit->request->broker;
    const struct kp_offset_commit_request *body = commit->body;
    struct kp_string name = kp_string_of(topic->name);
    if (java_length(asked->committed_metadata) > broker->config->offset_metadata_max_bytes)
        return KAFKA_OFFSET_METADATA_TOO_LARGE;
    struct committed_offset offset = {
        .partition = asked->partition_index,
        .leader_epoch = asked->committed_leader_epoch,
        .offset = asked->committed_offset,
        .commit_ms = commit->now_ms,
        .expire_ms = body->retention_time_ms < 0 ? -1 : commit->now_ms + body->retention_time_ms,
        .metadata = asked->committed_metadata.size < 0 ? KP_EMPTY_STRING : asked->committed_metadata,
    };
    commit->new_bytes += offsets_commit_bytes(name, offset.metadata);
    if (broker->groups->groups->offsets_bytes + commit->new_bytes > COMMITTED_OFFSETS_BYTES_MAX)
        return KAFKA_INVALID_COMMIT_OFFSET_SIZE;
    offsets_add_commit(&commit->batch, body->group_id, name, topic->id, &offset);
    return KAFKA_NONE;
}

/* An answer entry for the topic, with room for all its partitions. False: no memory. */
static bool begin_topic(struct request *request, const commit_topic *asked, commit_answer *answer)
{
    *answer = (commit_answer){.name = asked->name, .topic_id = asked->topic_id};
    answer->partitions = arena_calloc(&request->arena, (size_t)asked->partitions_count, sizeof *answer->partitions);
    return answer->partitions != NULL;
}

static void add_outcome(commit_answer *answer, int32_t partition, enum kafka_error error)
{
    answer->partitions[answer->partitions_count++] =
        (struct kp_offset_commit_response_topics_partitions){partition, (int16_t)error};
}

/* Refuse what does not exist; `valid` is the number of the others. */
static void refuse_missing(struct request *request, const commit_topic *asked, commit_answer *answer, int32_t *valid)
{
    const struct topic *topic = find_topic(request, asked->name, asked->topic_id);
    *valid = 0;
    for (int32_t i = 0; i < asked->partitions_count; i++) {
        int32_t index = asked->partitions[i].partition_index;
        if (!topic)
            add_outcome(answer, index, unknown_topic(request));
        else if (!topic_partition(topic, index))
            add_outcome(answer, index, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        else
            ++*valid;
    }
}

/* Commit what does exist, or note the group's refusal for it. */
static void commit_topic_partitions(struct commit *commit, const commit_topic *asked, commit_answer *answer,
                                    enum kafka_error refusal)
{
    const struct topic *topic = find_topic(commit->request, asked->name, asked->topic_id);
    for (int32_t i = 0; topic && i < asked->partitions_count; i++) {
        const commit_partition *partition = &asked->partitions[i];
        if (topic_partition(topic, partition->partition_index))
            add_outcome(answer, partition->partition_index,
                        refusal != KAFKA_NONE ? refusal : commit_one(commit, topic, partition));
    }
}

/* Those that were to be written and could not. */
static void fail_written(commit_answer *answers, int32_t count, enum kafka_error error)
{
    for (int32_t t = 0; t < count; t++) {
        for (int32_t p = 0; p < answers[t].partitions_count; p++) {
            if (answers[t].partitions[p].error_code == KAFKA_NONE)
                answers[t].partitions[p].error_code = (int16_t)error;
        }
    }
}

/* Topics with something to refuse first, then the others; those without partitions not at all. */
static int32_t order_answers(const commit_answer *answers, const bool *refused, int32_t count, commit_answer *ordered)
{
    int32_t kept = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t t = 0; t < count; t++) {
            if (answers[t].partitions_count > 0 && refused[t] == (pass == 0))
                ordered[kept++] = answers[t];
        }
    }
    return kept;
}

void api_offset_commit(struct request *request)
{
    const struct kp_offset_commit_request *body = request->body;
    struct group_coordinator *coordinator = request->broker->groups;
    struct commit commit = {.request = request, .body = body};
    struct kp_offset_commit_response response = kp_offset_commit_response_default;
    int32_t count = body->topics_count, any_valid = 0, shard = 0;
    commit_answer *answers = arena_calloc(&request->arena, (size_t)count, sizeof *answers);
    response.topics = arena_calloc(&request->arena, (size_t)count, sizeof *answers);
    bool *refused = arena_calloc(&request->arena, (size_t)count, sizeof *refused);
    bool fits = answers && response.topics && refused;
    for (int32_t t = 0; t < count && fits; t++) {
        int32_t valid = 0;
        fits = begin_topic(request, &body->topics[t], &answers[t]);
        if (fits)
            refuse_missing(request, &body->topics[t], &answers[t], &valid);
        refused[t] = answers[t].partitions_count > 0;
        any_valid += valid;
    }
    if (!fits) {
        request_close(request, NO_MEMORY);
        return;
    }
    if (any_valid > 0) {
        groups_begin(coordinator->groups, &commit.batch);
        commit.now_ms = commit.batch.timestamp_ms;
        enum kafka_error refusal = check_group(&commit, &shard);
        for (int32_t t = 0; t < count; t++)
            commit_topic_partitions(&commit, &body->topics[t], &answers[t], refusal);
        enum kafka_error error = groups_commit(coordinator->groups, shard, &commit.batch);
        if (error != KAFKA_NONE)
            fail_written(answers, count, error);
        coordinator_hold(coordinator->executor, shard, request);
    }
    response.topics_count = order_answers(answers, refused, count, response.topics);
    request_respond(request, &response);
}

/* ---- OffsetFetch ---------------------------------------------------------------------------------------------------- */

typedef struct kp_offset_fetch_request_groups_topics fetch_topic;
typedef struct kp_offset_fetch_response_groups fetched_group;
typedef struct kp_offset_fetch_response_groups_topics fetched_topic;
typedef struct kp_offset_fetch_response_groups_topics_partitions fetched_partition;

/* One group of the request; versions below 8 ask for one only. */
struct fetch {
    struct request *request;
    const struct kp_offset_fetch_request *body;
    struct kp_string group_id;
    const struct group *group; /* NULL: unknown, or not to be asked */
};

static void fetch_partition(const struct fetch *fetch, struct kp_string topic, int32_t partition,
                            fetched_partition *answer)
{
    *answer = kp_offset_fetch_response_groups_topics_partitions_default;
    answer->partition_index = partition;
    answer->committed_offset = -1;
    answer->committed_leader_epoch = -1;
    answer->metadata = KP_EMPTY_STRING;
    const struct committed_offset *offset = fetch->group ? offsets_find(fetch->group, topic, partition) : NULL;
    if (fetch->group && fetch->body->require_stable && offsets_pending(fetch->group, topic, partition)) {
        answer->error_code = KAFKA_UNSTABLE_OFFSET_COMMIT;
    } else if (offset) {
        answer->committed_offset = offset->offset;
        answer->committed_leader_epoch = offset->leader_epoch;
        answer->metadata = offset->metadata;
    }
}

/* False: no memory. */
static bool fetch_asked(const struct fetch *fetch, const fetch_topic *topics, int32_t count, fetched_group *answer)
{
    struct arena *arena = &fetch->request->arena;
    bool by_id = fetch->request->header.api_version >= BY_ID_VERSION;
    answer->topics = arena_calloc(arena, (size_t)count, sizeof *answer->topics);
    for (int32_t t = 0; t < count && answer->topics; t++) {
        const fetch_topic *asked = &topics[t];
        const struct topic *topic = by_id ? find_topic(fetch->request, asked->name, asked->topic_id) : NULL;
        struct kp_string name = by_id && topic ? kp_string_of(topic->name) : asked->name;
        fetched_topic *to = &answer->topics[answer->topics_count++];
        *to = (fetched_topic){.name = name, .topic_id = asked->topic_id};
        to->partitions = arena_calloc(arena, (size_t)asked->partition_indexes_count, sizeof *to->partitions);
        if (!to->partitions)
            return false;
        to->partitions_count = asked->partition_indexes_count;
        for (int32_t p = 0; p < to->partitions_count; p++) {
            fetch_partition(fetch, name, asked->partition_indexes[p], &to->partitions[p]);
            if (by_id && !topic)
                to->partitions[p].error_code = KAFKA_UNKNOWN_TOPIC_ID;
        }
    }
    return answer->topics != NULL;
}

static int32_t count_topics(const struct group *group)
{
    int32_t count = 0;
    list_for_each (&group->offsets, node)
        count++;
    return count;
}

/* All that the group has committed. False: no memory. */
static bool fetch_all(const struct fetch *fetch, fetched_group *answer)
{
    struct arena *arena = &fetch->request->arena;
    if (!fetch->group)
        return true;
    answer->topics = arena_calloc(arena, (size_t)count_topics(fetch->group), sizeof *answer->topics);
    if (!answer->topics)
        return false;
    list_for_each (&fetch->group->offsets, node) {
        const struct topic_offsets *offsets = CONTAINER_OF(node, struct topic_offsets, of_group);
        const struct topic *topic = catalog_topic(fetch->request->broker->catalog, offsets->topic->name);
        fetched_topic *to = &answer->topics[answer->topics_count++];
        *to = (fetched_topic){.name = offsets->topic->name, .topic_id = topic ? topic->id : KP_ZERO_UUID};
        to->partitions = arena_calloc(arena, (size_t)offsets->count, sizeof *to->partitions);
        if (!to->partitions)
            return false;
        to->partitions_count = offsets->count;
        for (int32_t i = 0; i < offsets->count; i++)
            fetch_partition(fetch, offsets->topic->name, offsets->items[i].partition, &to->partitions[i]);
    }
    return true;
}

/* `topics_count` -1: all topics. False: no memory. */
static bool fetch_group(struct fetch *fetch, const fetch_topic *topics, int32_t topics_count, fetched_group *answer)
{
    struct group_coordinator *coordinator = fetch->request->broker->groups;
    int32_t shard;
    *answer = (fetched_group){.group_id = fetch->group_id};
    enum kafka_error error = group_coordinator_shard(coordinator, fetch->group_id, &shard);
    answer->error_code = (int16_t)error;
    if (error != KAFKA_NONE)
        return true;
    fetch->group = groups_find(coordinator->groups, fetch->group_id);
    return topics_count < 0 ? fetch_all(fetch, answer) : fetch_asked(fetch, topics, topics_count, answer);
}

/* Topics of a request below version 8, as those of later ones. NULL: no memory. */
static fetch_topic *convert_topics(struct request *request)
{
    const struct kp_offset_fetch_request *body = request->body;
    int32_t count = body->topics_count > 0 ? body->topics_count : 0;
    fetch_topic *topics = arena_calloc(&request->arena, (size_t)count, sizeof *topics);
    for (int32_t t = 0; t < count && topics; t++)
        topics[t] = (fetch_topic){.name = body->topics[t].name,
                                  .partition_indexes = body->topics[t].partition_indexes,
                                  .partition_indexes_count = body->topics[t].partition_indexes_count};
    return topics;
}

/* In version 1 an error of the group is one of each partition. */
static bool spread_error(struct request *request, const fetch_topic *topics, int32_t count, fetched_group *group)
{
    enum kafka_error error = (enum kafka_error)group->error_code;
    struct fetch nobody = {.request = request, .body = request->body};
    if (error == KAFKA_NONE || request->header.api_version > 1)
        return true;
    if (!fetch_asked(&nobody, topics, count, group))
        return false;
    for (int32_t t = 0; t < group->topics_count; t++) {
        for (int32_t p = 0; p < group->topics[t].partitions_count; p++)
            group->topics[t].partitions[p].error_code = (int16_t)error;
    }
    return true;
}

static void fetch_one(struct request *request)
{
    const struct kp_offset_fetch_request *body = request->body;
    struct kp_offset_fetch_response response = kp_offset_fetch_response_default;
    struct fetch fetch = {.request = request, .body = body, .group_id = body->group_id};
    fetched_group group;
    fetch_topic *topics = convert_topics(request);
    bool fits = topics && fetch_group(&fetch, topics, body->topics_count, &group) &&
                spread_error(request, topics, body->topics_count, &group);
    if (fits)
        response.topics = arena_calloc(&request->arena, (size_t)group.topics_count, sizeof *response.topics);
    if (!fits || !response.topics) {
        request_close(request, NO_MEMORY);
        return;
    }
    response.error_code = group.error_code;
    response.topics_count = group.topics_count;
    for (int32_t t = 0; t < group.topics_count; t++) {
        const fetched_topic *from = &group.topics[t];
        struct kp_offset_fetch_response_topics *to = &response.topics[t];
        *to = (struct kp_offset_fetch_response_topics){.name = from->name};
        to->partitions = arena_calloc(&request->arena, (size_t)from->partitions_count, sizeof *to->partitions);
        if (!to->partitions) {
            request_close(request, NO_MEMORY);
            return;
        }
        to->partitions_count = from->partitions_count;
        for (int32_t p = 0; p < from->partitions_count; p++) {
            const fetched_partition *partition = &from->partitions[p];
            to->partitions[p] = (struct kp_offset_fetch_response_topics_partitions){
                partition->partition_index, partition->committed_offset, partition->committed_leader_epoch,
                partition->metadata, partition->error_code};
        }
    }
    request_respond(request, &response);
}

static void fetch_many(struct request *request)
{
    const struct kp_offset_fetch_request *body = request->body;
    struct kp_offset_fetch_response response = kp_offset_fetch_response_default;
    response.groups = arena_calloc(&request->arena, (size_t)body->groups_count, sizeof *response.groups);
    bool fits = response.groups != NULL;
    for (int32_t i = 0; i < body->groups_count && fits; i++) {
        const struct kp_offset_fetch_request_groups *asked = &body->groups[i];
        struct fetch fetch = {.request = request, .body = body, .group_id = asked->group_id};
        fits = fetch_group(&fetch, asked->topics, asked->topics_count, &response.groups[response.groups_count++]);
    }
    if (fits)
        request_respond(request, &response);
    else
        request_close(request, NO_MEMORY);
}

void api_offset_fetch(struct request *request)
{
    if (request->header.api_version < 8)
        fetch_one(request);
    else
        fetch_many(request);
}

/* ---- OffsetDelete --------------------------------------------------------------------------------------------------- */

/* The group's word on the whole request; offsets of members that are no consumers are theirs alone. */
static enum kafka_error check_delete(struct request *request, struct group **group, int32_t *shard)
{
    const struct kp_offset_delete_request *body = request->body;
    struct group_coordinator *coordinator = request->broker->groups;
    if (body->group_id.size == 0)
        return KAFKA_INVALID_GROUP_ID;
    enum kafka_error error = group_coordinator_shard(coordinator, body->group_id, shard);
    if (error != KAFKA_NONE)
        return error;
    *group = groups_find(coordinator->groups, body->group_id);
    if (!*group)
        return KAFKA_GROUP_ID_NOT_FOUND;
    bool consumers = kp_string_is((*group)->classic.protocol_type, "consumer");
    return (*group)->classic.state != CLASSIC_EMPTY && !consumers ? KAFKA_NON_EMPTY_GROUP : KAFKA_NONE;
}

typedef struct kp_offset_delete_response_topics deleted_topic;

/* Delete what exists, or (`missing`) refuse what does not. */
static void delete_topic_offsets(struct request *request, const struct group *group,
                                 const struct kp_offset_delete_request_topics *asked, bool missing,
                                 struct coord_batch *batch, deleted_topic *answer)
{
    const struct topic *topic = catalog_topic(request->broker->catalog, asked->name);
    bool subscribed = classic_group_subscribes(group, asked->name);
    for (int32_t i = 0; i < asked->partitions_count; i++) {
        int32_t partition = asked->partitions[i].partition_index;
        bool exists = topic && topic_partition(topic, partition);
        if (exists == missing)
            continue;
        enum kafka_error error = missing      ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION
                                 : subscribed ? KAFKA_GROUP_SUBSCRIBED_TO_TOPIC
                                              : KAFKA_NONE;
        if (error == KAFKA_NONE &&
            (offsets_find(group, asked->name, partition) || offsets_pending(group, asked->name, partition)))
            offsets_add_removal(batch, group->id, asked->name, partition);
        answer->partitions[answer->partitions_count++] =
            (struct kp_offset_delete_response_topics_partitions){partition, (int16_t)error};
    }
}

/* Answer entries for all topics, in the order of Kafka: those with something to refuse first. False: no memory. */
static bool delete_offsets(struct request *request, struct group *group, int32_t shard,
                           struct kp_offset_delete_response *response)
{
    const struct kp_offset_delete_request *body = request->body;
    struct group_coordinator *coordinator = request->broker->groups;
    size_t count = (size_t)body->topics_count;
    deleted_topic *answers = arena_calloc(&request->arena, count, sizeof *answers);
    bool *refused = arena_calloc(&request->arena, count, sizeof *refused), fits = answers && refused;
    response->topics = arena_calloc(&request->arena, count, sizeof *answers);
    struct coord_batch batch;
    groups_begin(coordinator->groups, &batch);
    for (size_t t = 0; t < count && fits; t++) {
        const struct kp_offset_delete_request_topics *asked = &body->topics[t];
        answers[t].name = asked->name;
        answers[t].partitions =
            arena_calloc(&request->arena, (size_t)asked->partitions_count, sizeof *answers[t].partitions);
        fits = answers[t].partitions != NULL && response->topics != NULL;
        if (!fits)
            break;
        delete_topic_offsets(request, group, asked, true, &batch, &answers[t]);
        refused[t] = answers[t].partitions_count > 0 || !catalog_topic(request->broker->catalog, asked->name);
        delete_topic_offsets(request, group, asked, false, &batch, &answers[t]);
    }
    for (int pass = 0; pass < 2 && fits; pass++) {
        for (size_t t = 0; t < count; t++) {
            if ((refused[t] || answers[t].partitions_count > 0) && refused[t] == (pass == 0))
                response->topics[response->topics_count++] = answers[t];
        }
    }
    enum kafka_error error = groups_commit(coordinator->groups, shard, &batch);
    if (error != KAFKA_NONE) {
        response->error_code = (int16_t)error;
        response->topics_count = 0;
    }
    coordinator_hold(coordinator->executor, shard, request);
    return fits;
}

void api_offset_delete(struct request *request)
{
    struct kp_offset_delete_response response = kp_offset_delete_response_default;
    struct group *group;
    int32_t shard;
    enum kafka_error error = check_delete(request, &group, &shard);
    response.error_code = (int16_t)error;
    if (error == KAFKA_NONE && !delete_offsets(request, group, shard, &response))
        request_close(request, NO_MEMORY);
    else
        request_respond(request, &response);
}
