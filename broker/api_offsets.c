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
    bool *missing; /* of all partitions of the request: was refused, whatever came meanwhile */
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
    answer->partitions = arena_alloc(&request->arena, (size_t)asked->partitions_count * sizeof *answer->partitions);
    return answer->partitions != NULL;
}

static void add_outcome(commit_answer *answer, int32_t partition, enum kafka_error error)
{
    answer->partitions[answer->partitions_count++] =
        (struct kp_offset_commit_response_topics_partitions){partition, (int16_t)error};
}

/* Refuse what does not exist, and note it from `missing` on; `valid` is the number of the others. */
static void refuse_missing(struct request *request, const commit_topic *asked, commit_answer *answer, bool *missing,
                           int32_t *valid)
{
    const struct topic *topic = find_topic(request, asked->name, asked->topic_id);
    *valid = 0;
    for (int32_t i = 0; i < asked->partitions_count && request_pause(request, 1); i++) {
        int32_t index = asked->partitions[i].partition_index;
        if (request_is_in_parts(request))
            topic = find_topic(request, asked->name, asked->topic_id);
        missing[i] = !topic_partition(topic, index);
        if (!topic)
            add_outcome(answer, index, unknown_topic(request));
        else if (missing[i])
            add_outcome(answer, index, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        else
            ++*valid;
    }
}

/* Commit what does exist, or note the group's refusal for it. Nobody may work in between, but when nothing will be
 * written. */
static void commit_topic_partitions(struct commit *commit, const commit_topic *asked, commit_answer *answer,
                                    const bool *missing, enum kafka_error refusal)
{
    const struct topic *topic = find_topic(commit->request, asked->name, asked->topic_id);
    bool nothing_written = refusal != KAFKA_NONE;
    for (int32_t i = 0; i < asked->partitions_count; i++) {
        const commit_partition *partition = &asked->partitions[i];
        enum kafka_error error = refusal;
        if (missing[i])
            continue;
        nothing_written = nothing_written || commit->batch.too_large;
        if (nothing_written && !request_pause(commit->request, 1))
            break;
        if (!nothing_written)
            error = topic_partition(topic, partition->partition_index) ? commit_one(commit, topic, partition)
                                                                       : unknown_topic(commit->request);
        add_outcome(answer, partition->partition_index, error);
    }
}

/* Those that were to be written and could not. */
static void fail_written(struct request *request, commit_answer *answers, int32_t count, enum kafka_error error)
{
    for (int32_t t = 0; t < count && request_pause(request, t % 16 == 0); t++) {
        for (int32_t p = 0; p < answers[t].partitions_count && request_pause(request, p % 16 == 0); p++) {
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

static void commit_valid(struct commit *commit, commit_answer *answers)
{
    struct request *request = commit->request;
    struct group_coordinator *coordinator = request->broker->groups;
    const struct kp_offset_commit_request *body = commit->body;
    const bool *missing = commit->missing;
    int32_t shard = 0;
    groups_begin(coordinator->groups, &commit->batch);
    commit->now_ms = commit->batch.timestamp_ms;
    enum kafka_error refusal = check_group(commit, &shard);
    for (int32_t t = 0; t < body->topics_count; t++) {
        commit_topic_partitions(commit, &body->topics[t], &answers[t], missing, refusal);
        missing += body->topics[t].partitions_count;
    }
    enum kafka_error error = groups_commit(coordinator->groups, shard, &commit->batch);
    coordinator_hold(coordinator->executor, shard, request);
    if (error != KAFKA_NONE)
        fail_written(request, answers, body->topics_count, error);
}

void api_offset_commit(struct request *request)
{
    const struct kp_offset_commit_request *body = request->body;
    struct commit commit = {.request = request, .body = body};
    struct kp_offset_commit_response response = kp_offset_commit_response_default;
    int32_t count = body->topics_count, any_valid = 0;
    size_t partitions = 0;
    for (int32_t t = 0; t < count; t++)
        partitions += (size_t)body->topics[t].partitions_count;
    commit_answer *answers = arena_alloc(&request->arena, (size_t)count * sizeof *answers);
    response.topics = arena_alloc(&request->arena, (size_t)count * sizeof *answers);
    bool *refused = arena_alloc(&request->arena, (size_t)count), *missing = arena_alloc(&request->arena, partitions);
    bool fits = answers && response.topics && refused && missing;
    commit.missing = missing;
    for (int32_t t = 0; t < count && fits && request_pause(request, 1); t++) {
        int32_t valid = 0;
        fits = begin_topic(request, &body->topics[t], &answers[t]);
        if (fits)
            refuse_missing(request, &body->topics[t], &answers[t], missing, &valid);
        refused[t] = answers[t].partitions_count > 0;
        any_valid += valid;
        missing += body->topics[t].partitions_count;
    }
    if (!fits || request->abandoned) {
        request_close(request, NO_MEMORY);
        return;
    }
    if (any_valid > 0)
        commit_valid(&commit, answers);
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

/* Let others work after so many items; the group may have gone meanwhile. */
static bool go_on(struct fetch *fetch, int32_t items)
{
    bool wanted = request_pause(fetch->request, items);
    if (fetch->group && request_is_in_parts(fetch->request))
        fetch->group = groups_find(fetch->request->broker->groups->groups, fetch->group_id);
    return wanted;
}

/* False: no memory. */
static bool fetch_partition(const struct fetch *fetch, struct kp_string topic, int32_t partition,
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
    return request_keep(fetch->request, &answer->metadata);
}

/* False: no memory, or no answer is wanted. */
static bool fetch_asked(struct fetch *fetch, const fetch_topic *topics, int32_t count, fetched_group *answer)
{
    struct arena *arena = &fetch->request->arena;
    bool by_id = fetch->request->header.api_version >= BY_ID_VERSION;
    answer->topics = arena_alloc(arena, (size_t)count * sizeof *answer->topics);
    for (int32_t t = 0; t < count && answer->topics; t++) {
        const fetch_topic *asked = &topics[t];
        const struct topic *topic = by_id ? find_topic(fetch->request, asked->name, asked->topic_id) : NULL;
        bool unknown = by_id && !topic;
        struct kp_string name = by_id && topic ? kp_string_of(topic->name) : asked->name;
        fetched_topic *to = &answer->topics[answer->topics_count++];
        *to = (fetched_topic){.name = name, .topic_id = asked->topic_id};
        to->partitions = arena_alloc(arena, (size_t)asked->partition_indexes_count * sizeof *to->partitions);
        if (!to->partitions || !request_keep(fetch->request, &to->name) || !go_on(fetch, 1))
            return false;
        for (int32_t p = 0; p < asked->partition_indexes_count && go_on(fetch, 1); p++) {
            fetched_partition *partition = &to->partitions[to->partitions_count++];
            if (!fetch_partition(fetch, to->name, asked->partition_indexes[p], partition))
                return false;
            if (unknown)
                partition->error_code = KAFKA_UNKNOWN_TOPIC_ID;
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

/* False: no memory. */
static bool fetch_committed(const struct fetch *fetch, struct kp_string name, const struct topic_offsets *offsets,
                            fetched_topic *to)
{
    const struct topic *topic = catalog_topic(fetch->request->broker->catalog, name);
    *to = (fetched_topic){.name = name, .topic_id = topic ? topic->id : KP_ZERO_UUID};
    to->partitions = arena_alloc(&fetch->request->arena, (size_t)offsets->count * sizeof *to->partitions);
    bool fits = to->partitions != NULL;
    for (int32_t i = 0; i < offsets->count && fits; i++)
        fits = fetch_partition(fetch, name, offsets->items[i].partition, &to->partitions[to->partitions_count++]);
    return fits;
}

/* All that the group has committed: the topics of now, and of each what there is when its turn comes. False: no memory.
 */
static bool fetch_all(struct fetch *fetch, fetched_group *answer)
{
    struct arena *arena = &fetch->request->arena;
    size_t count = fetch->group ? (size_t)count_topics(fetch->group) : 0, noted = 0;
    struct kp_string *names = arena_alloc(arena, count * sizeof *names);
    answer->topics = arena_alloc(arena, count * sizeof *answer->topics);
    bool fits = names && answer->topics;
    for (struct list *node = count > 0 ? fetch->group->offsets.next : NULL; fits && noted < count; node = node->next) {
        names[noted] = CONTAINER_OF(node, struct topic_offsets, of_group)->topic->name;
        fits = request_keep(fetch->request, &names[noted++]);
    }
    for (size_t t = 0; t < count && fits && go_on(fetch, 1); t++) {
        const struct topic_offsets *offsets = fetch->group ? offsets_of_topic(fetch->group, names[t]) : NULL;
        if (!offsets)
            continue;
        fetched_topic *to = &answer->topics[answer->topics_count++];
        fits = fetch_committed(fetch, names[t], offsets, to) && go_on(fetch, to->partitions_count);
    }
    return fits;
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

/* Topics of a request below version 8, as those of later ones. NULL: no memory, or no answer is wanted. */
static fetch_topic *convert_topics(struct request *request)
{
    const struct kp_offset_fetch_request *body = request->body;
    int32_t count = body->topics_count > 0 ? body->topics_count : 0;
    fetch_topic *topics = arena_alloc(&request->arena, (size_t)count * sizeof *topics);
    for (int32_t t = 0; t < count && topics; t++) {
        if (!request_pause(request, t % 16 == 0))
            return NULL;
        topics[t] = (fetch_topic){.name = body->topics[t].name,
                                  .partition_indexes = body->topics[t].partition_indexes,
                                  .partition_indexes_count = body->topics[t].partition_indexes_count};
    }
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
    for (int32_t t = 0; t < group->topics_count && request_pause(request, 1); t++) {
        for (int32_t p = 0; p < group->topics[t].partitions_count && request_pause(request, p % 16 == 0); p++)
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
        response.topics = arena_alloc(&request->arena, (size_t)group.topics_count * sizeof *response.topics);
    if (!fits || !response.topics) {
        request_close(request, NO_MEMORY);
        return;
    }
    response.error_code = group.error_code;
    response.topics_count = group.topics_count;
    for (int32_t t = 0; t < group.topics_count && request_pause(request, 1); t++) {
        const fetched_topic *from = &group.topics[t];
        struct kp_offset_fetch_response_topics *to = &response.topics[t];
        *to = (struct kp_offset_fetch_response_topics){.name = from->name};
        to->partitions = arena_alloc(&request->arena, (size_t)from->partitions_count * sizeof *to->partitions);
        if (!to->partitions) {
            request_close(request, NO_MEMORY);
            return;
        }
        to->partitions_count = from->partitions_count;
        for (int32_t p = 0; p < from->partitions_count && request_pause(request, p % 4 == 0); p++) {
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
    response.groups = arena_alloc(&request->arena, (size_t)body->groups_count * sizeof *response.groups);
    bool fits = response.groups != NULL;
    for (int32_t i = 0; i < body->groups_count && fits && request_pause(request, 2); i++) {
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
        refused[t] = answers[t].partitions_count > 0;
        delete_topic_offsets(request, group, asked, false, &batch, &answers[t]);
    }
    for (int pass = 0; pass < 2 && fits; pass++) {
        for (size_t t = 0; t < count; t++) {
            if (answers[t].partitions_count > 0 && refused[t] == (pass == 0))
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
