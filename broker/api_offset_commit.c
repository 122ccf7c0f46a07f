/* OffsetCommit, TxnOffsetCommit: how far groups have read. What is kept is in coord/offsets.c.
 *
 * A topic is named by its name, and from version 10 (6 in a transaction) on by its id. What is asked for partitions
 * that do not exist is refused here, for each of them; the transaction and the group have their say about the others.
 * In the answer the refused ones come first, as in Kafka.
 *
 * In a transaction the offsets go into a batch of its producer, which the transaction has to know of (KIP-890): up to
 * version 4 the client has told it with AddOffsetsToTxn, from version 5 on it is told here. A client that says which
 * member it commits for is held to that (KIP-447). */
#include "api.h"
#include "broker.h"
#include "coord/classic_group.h"
#include "coord/offsets.h"
#include "group_coordinator.h"
#include "limits.h"
#include "offset_answers.h"
#include "outcome.h"
#include "transaction_guard.h"

#define METADATA_BYTES_AT_ONCE 64 /* their characters are counted in about the time of another partition */

typedef struct kp_offset_commit_request_topics commit_topic;
typedef struct kp_offset_commit_request_topics_partitions commit_partition;

/* What is known of a partition of the request before the group is asked. */
enum finding {
    FINE,
    MISSING, /* was refused, whatever came meanwhile */
    METADATA_TOO_LARGE
};

/* A commit on its way. */
struct commit {
    struct request *request;
    struct kp_string group_id, member_id, instance_id;
    int32_t generation;   /* -1: of no member */
    int64_t retention_ms; /* -1: by the rules of the group */
    const commit_topic *topics;
    int32_t topics_count;
    bool by_id;                      /* topics are named by their ids */
    enum kafka_error no_group;       /* for members of a group that is not there */
    struct transaction_guard *guard; /* of the transaction that it is part of; NULL: of none */
    struct coord_batch batch;
    size_t new_bytes;        /* what the records cost in memory */
    unsigned char *findings; /* enum finding, of all partitions of the request */
};

static const struct topic *find_topic(const struct commit *commit, const commit_topic *asked)
{
    const struct catalog *catalog = commit->request->broker->catalog;
    return commit->by_id ? catalog_topic_by_id(catalog, asked->topic_id) : catalog_topic(catalog, asked->name);
}

/* The group's word on the whole commit. */
static enum kafka_error check_group(const struct commit *commit)
{
    struct groups *groups = commit->request->broker->groups->groups;
    struct group *group = groups_find(groups, commit->group_id);
    if (!group && commit->generation < 0) /* its consumers assign partitions themselves: the commit makes the group */
        return groups_have_room(groups, commit->group_id, 0) ? KAFKA_NONE : KAFKA_INVALID_COMMIT_OFFSET_SIZE;
    if (!group)
        return commit->no_group;
    if (group->type != GROUP_CLASSIC) /* none of its members can reach us */
        return commit->generation < 0 && commit->member_id.size == 0 ? KAFKA_NONE : KAFKA_UNKNOWN_MEMBER_ID;
    return classic_group_check_commit(group, commit->member_id, commit->instance_id, commit->generation,
                                      commit->guard != NULL);
}

/* The transaction's word on it: the partition of the group has to be part of it. */
static enum kafka_error check_transaction(struct commit *commit, int32_t shard)
{
    struct broker *broker = commit->request->broker;
    const struct topic *topic = catalog_topic(broker->catalog, kp_string_of(broker->groups->kind.topic));
    if (commit->guard->client == TRANSACTION_CLIENT_ADDS) {
        struct transaction_partitions partitions = {0};
        transaction_partitions_add(&partitions, kp_string_of(topic->name), shard);
        transaction_guard_add(commit->guard, commit->request, &partitions);
        transaction_partitions_release(&partitions);
    }
    enum kafka_error error = transaction_guard_check(commit->guard, topic_partition(topic, shard), NULL);
    /* what a producer of records would repeat, as one who looks for the coordinator knows it */
    return error == KAFKA_NOT_ENOUGH_REPLICAS ? KAFKA_COORDINATOR_NOT_AVAILABLE : error;
}

/* The coordinator's word on it. */
static enum kafka_error check(struct commit *commit, int32_t *shard)
{
    if (commit->guard && commit->group_id.size == 0)
        return KAFKA_INVALID_GROUP_ID;
    enum kafka_error error = group_coordinator_shard(commit->request->broker->groups, commit->group_id, shard);
    if (error == KAFKA_NONE && commit->guard)
        error = check_transaction(commit, *shard);
    return error != KAFKA_NONE ? error : check_group(commit);
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
    struct kp_string name = kp_string_of(topic->name);
    int64_t now_ms = commit->batch.timestamp_ms;
    struct committed_offset offset = {
        .partition = asked->partition_index,
        .leader_epoch = asked->committed_leader_epoch,
        .offset = asked->committed_offset,
        .commit_ms = now_ms,
        .expire_ms = commit->retention_ms < 0 ? -1 : now_ms + commit->retention_ms,
        .metadata = asked->committed_metadata.size < 0 ? KP_EMPTY_STRING : asked->committed_metadata,
    };
    commit->new_bytes += offsets_commit_bytes(name, offset.metadata);
    if (broker->groups->groups->offsets_bytes + commit->new_bytes > COMMITTED_OFFSETS_BYTES_MAX)
        return KAFKA_INVALID_COMMIT_OFFSET_SIZE;
    offsets_add_commit(&commit->batch, commit->group_id, name, topic->id, &offset);
    return KAFKA_NONE;
}

/* An answer entry for the topic, with room for all its partitions. False: no memory. */
static bool begin_topic(struct request *request, const commit_topic *asked, offset_answer *answer)
{
    *answer = (offset_answer){.name = asked->name, .topic_id = asked->topic_id};
    answer->partitions = arena_alloc(&request->arena, (size_t)asked->partitions_count * sizeof *answer->partitions);
    return answer->partitions != NULL;
}

static enum kafka_error unknown_topic(const struct commit *commit)
{
    return commit->by_id ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

static enum finding look_at(const struct commit *commit, const struct topic *topic, const commit_partition *asked)
{
    if (!topic_partition(topic, asked->partition_index))
        return MISSING;
    if (asked->committed_metadata.size < 0) /* there is none, so it fits even where not even an empty one does */
        return FINE;
    int32_t max = commit->request->broker->config->offset_metadata_max_bytes;
    return java_length(asked->committed_metadata) > max ? METADATA_TOO_LARGE : FINE;
}

/* Refuse what does not exist. `findings`: of the topic's partitions. Returns the number of the others. */
static int32_t refuse_missing(const struct commit *commit, const commit_topic *asked, offset_answer *answer,
                              unsigned char *findings)
{
    const struct topic *topic = find_topic(commit, asked);
    int32_t valid = 0;
    for (int32_t i = 0; i < asked->partitions_count; i++) {
        int32_t metadata_bytes = asked->partitions[i].committed_metadata.size;
        if (!request_pause(commit->request, 1 + (metadata_bytes < 0 ? 0 : metadata_bytes / METADATA_BYTES_AT_ONCE)))
            break;
        int32_t index = asked->partitions[i].partition_index;
        if (request_is_in_parts(commit->request))
            topic = find_topic(commit, asked);
        findings[i] = (unsigned char)look_at(commit, topic, &asked->partitions[i]);
        if (findings[i] == MISSING)
            offset_answer_add(answer, index, topic ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : unknown_topic(commit));
        else
            valid++;
    }
    return valid;
}

/* Commit what does exist, or note the refusal for it. Nobody may work in between, but when nothing will be written. */
static void commit_topic_partitions(struct commit *commit, const commit_topic *asked, offset_answer *answer,
                                    const unsigned char *findings, enum kafka_error refusal)
{
    const struct topic *topic = find_topic(commit, asked);
    bool nothing_written = refusal != KAFKA_NONE;
    for (int32_t i = 0; i < asked->partitions_count; i++) {
        const commit_partition *partition = &asked->partitions[i];
        enum kafka_error error = refusal;
        if (findings[i] == MISSING)
            continue;
        nothing_written = nothing_written || commit->batch.too_large;
        if (nothing_written && !request_pause(commit->request, 1))
            break;
        if (!nothing_written)
            error = findings[i] == METADATA_TOO_LARGE                     ? KAFKA_OFFSET_METADATA_TOO_LARGE
                    : !topic_partition(topic, partition->partition_index) ? unknown_topic(commit)
                                                                          : commit_one(commit, topic, partition);
        offset_answer_add(answer, partition->partition_index, error);
    }
}

/* Those that were to be written and could not. */
static void fail_written(struct request *request, offset_answer *answers, int32_t count, enum kafka_error error)
{
    for (int32_t t = 0; t < count && request_pause(request, t % 16 == 0); t++) {
        for (int32_t p = 0; p < answers[t].partitions_count && request_pause(request, p % 16 == 0); p++) {
            if (answers[t].partitions[p].error_code == KAFKA_NONE)
                answers[t].partitions[p].error_code = (int16_t)error;
        }
    }
}

static void write_offsets(struct commit *commit, offset_answer *answers)
{
    struct group_coordinator *coordinator = commit->request->broker->groups;
    int32_t shard = 0;
    groups_begin(coordinator->groups, &commit->batch);
    if (commit->guard) {
        commit->batch.producer_id = commit->guard->producer.id;
        commit->batch.producer_epoch = commit->guard->producer.epoch;
    }
    enum kafka_error refusal = check(commit, &shard);
    const unsigned char *findings = commit->findings;
    for (int32_t t = 0; t < commit->topics_count; t++) {
        commit_topic_partitions(commit, &commit->topics[t], &answers[t], findings, refusal);
        findings += commit->topics[t].partitions_count;
    }
    enum kafka_error error = groups_commit(coordinator->groups, shard, &commit->batch);
    coordinator_hold(coordinator->executor, shard, commit->request);
    if (error != KAFKA_NONE)
        fail_written(commit->request, answers, commit->topics_count, error);
}

static size_t count_partitions(const struct commit *commit)
{
    size_t count = 0;
    for (int32_t t = 0; t < commit->topics_count; t++)
        count += (size_t)commit->topics[t].partitions_count;
    return count;
}

/* Commit, and tell the outcome by topics. NULL: no memory, or no answer is wanted. */
static offset_answer *commit_offsets(struct commit *commit, int32_t *answers_count)
{
    struct arena *arena = &commit->request->arena;
    size_t count = (size_t)commit->topics_count;
    offset_answer *answers = arena_alloc(arena, count * sizeof *answers);
    offset_answer *ordered = arena_alloc(arena, count * sizeof *answers);
    int32_t *refused = arena_alloc(arena, count * sizeof *refused); /* partitions of each topic; -1: it is known */
    bool any_valid = false;
    unsigned char *findings = arena_alloc(arena, count_partitions(commit));
    if (!answers || !ordered || !refused || !findings)
        return NULL;
    commit->findings = findings;
    for (size_t t = 0; t < count && request_pause(commit->request, 1); t++) {
        if (!begin_topic(commit->request, &commit->topics[t], &answers[t]))
            return NULL;
        any_valid |= refuse_missing(commit, &commit->topics[t], &answers[t], findings) > 0;
        bool unknown = answers[t].partitions_count > 0 || !find_topic(commit, &commit->topics[t]);
        refused[t] = unknown ? answers[t].partitions_count : -1;
        findings += commit->topics[t].partitions_count;
    }
    if (commit->request->abandoned)
        return NULL;
    if (any_valid)
        write_offsets(commit, answers);
    *answers_count =
        offset_answers_order(commit->request, answers, refused, commit->topics_count, commit->by_id, ordered);
    return *answers_count >= 0 ? ordered : NULL;
}

void api_offset_commit(struct request *request)
{
    const struct kp_offset_commit_request *body = request->body;
    struct kp_offset_commit_response response = kp_offset_commit_response_default;
    int16_t version = request->header.api_version;
    if (!coordinator_ready(request->broker->groups->executor, body->group_id, request))
        return;
    struct commit commit = {
        .request = request,
        .group_id = body->group_id,
        .member_id = body->member_id,
        .instance_id = body->group_instance_id,
        .generation = body->generation_id_or_member_epoch,
        .retention_ms = body->retention_time_ms,
        .topics = body->topics,
        .topics_count = body->topics_count,
        .by_id = version >= 10,
        .no_group = version >= 9 ? KAFKA_GROUP_ID_NOT_FOUND : KAFKA_ILLEGAL_GENERATION,
    };
    response.topics = commit_offsets(&commit, &response.topics_count);
    if (response.topics)
        request_respond(request, &response);
    else
        request_close(request, NO_MEMORY);
}

/* ---- TxnOffsetCommit ------------------------------------------------------------------------------------------------- */

/* The topics of the request, as OffsetCommit has them. NULL: no memory. */
static commit_topic *convert_topics(struct request *request)
{
    const struct kp_txn_offset_commit_request *body = request->body;
    commit_topic *topics = arena_calloc(&request->arena, (size_t)body->topics_count, sizeof *topics);
    for (int32_t t = 0; t < body->topics_count && topics; t++) {
        const struct kp_txn_offset_commit_request_topics *asked = &body->topics[t];
        commit_topic *topic = &topics[t];
        *topic = (commit_topic){.name = asked->name, .topic_id = asked->topic_id};
        topic->partitions = arena_calloc(&request->arena, (size_t)asked->partitions_count, sizeof *topic->partitions);
        if (!topic->partitions)
            return NULL;
        topic->partitions_count = asked->partitions_count;
        for (int32_t i = 0; i < asked->partitions_count; i++)
            topic->partitions[i] = (commit_partition){
                .partition_index = asked->partitions[i].partition_index,
                .committed_offset = asked->partitions[i].committed_offset,
                .committed_leader_epoch = asked->partitions[i].committed_leader_epoch,
                .committed_metadata = asked->partitions[i].committed_metadata,
            };
    }
    return topics;
}

/* False: no memory. */
static bool convert_answers(struct request *request, const offset_answer *answers, int32_t count,
                            struct kp_txn_offset_commit_response *response)
{
    response->topics = arena_calloc(&request->arena, (size_t)count, sizeof *response->topics);
    for (int32_t t = 0; t < count && response->topics; t++) {
        struct kp_txn_offset_commit_response_topics *topic = &response->topics[t];
        *topic =
            (struct kp_txn_offset_commit_response_topics){.name = answers[t].name, .topic_id = answers[t].topic_id};
        topic->partitions =
            arena_calloc(&request->arena, (size_t)answers[t].partitions_count, sizeof *topic->partitions);
        if (!topic->partitions)
            return false;
        topic->partitions_count = answers[t].partitions_count;
        for (int32_t i = 0; i < answers[t].partitions_count; i++)
            topic->partitions[i] = (struct kp_txn_offset_commit_response_topics_partitions){
                answers[t].partitions[i].partition_index, answers[t].partitions[i].error_code};
    }
    response->topics_count = count;
    return response->topics != NULL;
}

void api_txn_offset_commit(struct request *request)
{
    const struct kp_txn_offset_commit_request *body = request->body;
    struct kp_txn_offset_commit_response response = kp_txn_offset_commit_response_default;
    int16_t version = request->header.api_version;
    struct transaction_guard guard;
    if (!coordinator_ready(request->broker->groups->executor, body->group_id, request))
        return;
    transaction_guard_init(&guard, request->broker, body->transactional_id,
                           (struct producer_epoch){body->producer_id, body->producer_epoch},
                           version >= 5   ? TRANSACTION_CLIENT_ADDS
                           : version == 4 ? TRANSACTION_CLIENT_ABORTS
                                          : TRANSACTION_CLIENT_OLD);
    struct commit commit = {
        .request = request,
        .group_id = body->group_id,
        .member_id = body->member_id,
        .instance_id = body->group_instance_id,
        .generation = body->generation_id_or_member_epoch,
        .retention_ms = -1,
        .topics = convert_topics(request),
        .topics_count = body->topics_count,
        .by_id = version >= 6,
        .no_group = version >= 6 ? KAFKA_GROUP_ID_NOT_FOUND : KAFKA_ILLEGAL_GENERATION,
        .guard = &guard,
    };
    int32_t count = 0;
    const offset_answer *answers = commit.topics ? commit_offsets(&commit, &count) : NULL;
    if (answers && convert_answers(request, answers, count, &response))
        request_respond(request, &response);
    else
        request_close(request, NO_MEMORY);
}
