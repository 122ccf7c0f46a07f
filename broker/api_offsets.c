/* OffsetFetch, OffsetDelete: how far groups have read. What is kept is in coord/offsets.c.
 *
 * A topic is named by its name, and from OffsetFetch version 10 on by its id. */
#include "api.h"
#include "broker.h"
#include "coord/classic_group.h"
#include "coord/offsets.h"
#include "group_coordinator.h"
#include "limits.h"
#include "offset_answers.h"
#include "outcome.h"

#include <string.h>

#define BY_ID_VERSION 10

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
        const struct topic *topic =
            by_id ? catalog_topic_by_id(fetch->request->broker->catalog, asked->topic_id) : NULL;
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

/* Those of which something is committed, not only pending. */
static int32_t count_topics(const struct group *group)
{
    int32_t count = 0;
    list_for_each (&group->offsets, node)
        count += CONTAINER_OF(node, struct topic_offsets, of_group)->count > 0;
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
        const struct topic_offsets *offsets = CONTAINER_OF(node, struct topic_offsets, of_group);
        if (offsets->count == 0)
            continue;
        names[noted] = offsets->topic->name;
        fits = request_keep(fetch->request, &names[noted++]);
    }
    for (size_t t = 0; t < count && fits && go_on(fetch, 1); t++) {
        const struct topic_offsets *offsets = fetch->group ? offsets_of_topic(fetch->group, names[t]) : NULL;
        if (!offsets || offsets->count == 0)
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

/* Delete what exists, or (`missing`) refuse what does not. */
static void delete_topic_offsets(struct request *request, const struct group *group,
                                 const struct kp_offset_delete_request_topics *asked, bool missing,
                                 struct coord_batch *batch, offset_answer *answer)
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
        offset_answer_add(answer, partition, error);
    }
}

/* Delete, and tell the outcome by topics of the request; `refused` as offset_answers_order() has it. NULL: no memory.
 */
static offset_answer *delete_offsets(struct request *request, struct group *group, struct coord_batch *batch,
                                     int32_t *refused)
{
    const struct kp_offset_delete_request *body = request->body;
    offset_answer *answers = arena_calloc(&request->arena, (size_t)body->topics_count, sizeof *answers);
    for (int32_t t = 0; t < body->topics_count && answers; t++) {
        const struct kp_offset_delete_request_topics *asked = &body->topics[t];
        answers[t].name = asked->name;
        answers[t].partitions =
            arena_calloc(&request->arena, (size_t)asked->partitions_count, sizeof *answers[t].partitions);
        if (!answers[t].partitions)
            return NULL;
        delete_topic_offsets(request, group, asked, true, batch, &answers[t]);
        bool unknown = answers[t].partitions_count > 0 || !catalog_topic(request->broker->catalog, asked->name);
        refused[t] = unknown ? answers[t].partitions_count : -1;
        delete_topic_offsets(request, group, asked, false, batch, &answers[t]);
    }
    return answers;
}

/* The answers in their order, as the response has them. False: no memory. */
static bool tell_deleted(struct request *request, const offset_answer *answers, const int32_t *refused,
                         struct kp_offset_delete_response *response)
{
    const struct kp_offset_delete_request *body = request->body;
    size_t count = (size_t)body->topics_count;
    offset_answer *ordered = arena_calloc(&request->arena, count, sizeof *ordered);
    response->topics = arena_calloc(&request->arena, count, sizeof *response->topics);
    if (!ordered || !response->topics)
        return false;
    response->topics_count = offset_answers_order(request, answers, refused, body->topics_count, false, ordered);
    for (int32_t t = 0; t < response->topics_count; t++) {
        struct kp_offset_delete_response_topics *topic = &response->topics[t];
        *topic = (struct kp_offset_delete_response_topics){.name = ordered[t].name,
                                                           .partitions_count = ordered[t].partitions_count};
        topic->partitions = arena_calloc(&request->arena, (size_t)topic->partitions_count, sizeof *topic->partitions);
        if (!topic->partitions)
            return false;
        for (int32_t i = 0; i < topic->partitions_count; i++)
            topic->partitions[i] = (struct kp_offset_delete_response_topics_partitions){
                ordered[t].partitions[i].partition_index, ordered[t].partitions[i].error_code};
    }
    return response->topics_count >= 0;
}

/* Delete what the request names. False: no memory. */
static bool delete_named(struct request *request, struct group *group, int32_t shard,
                         struct kp_offset_delete_response *response)
{
    const struct kp_offset_delete_request *body = request->body;
    struct group_coordinator *coordinator = request->broker->groups;
    struct coord_batch batch;
    int32_t *refused = arena_calloc(&request->arena, (size_t)body->topics_count, sizeof *refused);
    groups_begin(coordinator->groups, &batch);
    const offset_answer *answers = refused ? delete_offsets(request, group, &batch, refused) : NULL;
    enum kafka_error error = groups_commit(coordinator->groups, shard, &batch);
    response->error_code = (int16_t)error;
    coordinator_hold(coordinator->executor, shard, request);
    return answers && (error != KAFKA_NONE || tell_deleted(request, answers, refused, response));
}

void api_offset_delete(struct request *request)
{
    struct kp_offset_delete_response response = kp_offset_delete_response_default;
    struct group *group;
    int32_t shard;
    const struct kp_offset_delete_request *body = request->body;
    if (body->topics_count > CHANGES_AT_ONCE_MAX && !request_in_parts(request))
        return;
    enum kafka_error error = check_delete(request, &group, &shard);
    response.error_code = (int16_t)error;
    if (error == KAFKA_NONE && !delete_named(request, group, shard, &response))
        request_close(request, NO_MEMORY);
    else
        request_respond(request, &response);
}
