/* ElectLeaders, AlterPartitionReassignments and ListPartitionReassignments: where replicas are, and which of them
 * leads.
 *
 * On a single node each partition has one replica, which leads as long as its log can be used. So no election is
 * needed, or none is possible; a partition can be assigned to where it is and nowhere else; and no reassignment is ever
 * under way. Moves between directories of the node are AlterReplicaLogDirs. */
#include "api.h"
#include "broker.h"
#include "outcome.h"
#include "partition.h"

#define NO_PARTITION "There is no such partition."

/* ---- ElectLeaders --------------------------------------------------------------------------------------------------- */

enum election_type { ELECTION_PREFERRED = 0, ELECTION_UNCLEAN = 1 };

struct election {
    struct request *request;
    const struct kp_elect_leaders_request *body;
    enum election_type type;
    struct outcome refusal; /* of the request as a whole */
    struct kp_elect_leaders_response response;
};

static struct outcome elect(const struct election *election, const struct partition *partition)
{
    if (election->refusal.error != KAFKA_NONE)
        return election->refusal;
    if (partition == NULL)
        return refused(KAFKA_UNKNOWN_TOPIC_OR_PARTITION, NO_PARTITION);
    if (partition_leader(partition) >= 0)
        return refused(KAFKA_ELECTION_NOT_NEEDED, "The partition is led by its only replica.");
    return refused(election->type == ELECTION_PREFERRED ? KAFKA_PREFERRED_LEADER_NOT_AVAILABLE
                                                        : KAFKA_ELIGIBLE_LEADERS_NOT_AVAILABLE,
                   "The log of the only replica is offline.");
}

static void note_result(struct kp_elect_leaders_response_replica_election_results *result, int32_t partition,
                        struct outcome outcome)
{
    result->partition_result[result->partition_result_count++] =
        (struct kp_elect_leaders_response_replica_election_results_partition_result){
            .partition_id = partition,
            .error_code = (int16_t)outcome.error,
            .error_message = kp_string_of(outcome.message),
        };
}

/* All topics are answered; of their partitions those alone for which there was something to do. */
static bool elect_all(struct election *election)
{
    const struct catalog *catalog = election->request->broker->catalog;
    struct kp_elect_leaders_response *response = &election->response;
    int32_t count = election->refusal.error == KAFKA_NONE ? catalog_topics_count(catalog) : 0;
    response->replica_election_results =
        arena_calloc(&election->request->arena, (size_t)count, sizeof *response->replica_election_results);
    for (int32_t i = 0; i < count && response->replica_election_results != NULL; i++) {
        const struct topic *topic = catalog_topic_at(catalog, i);
        struct kp_elect_leaders_response_replica_election_results *result =
            &response->replica_election_results[response->replica_election_results_count++];
        result->topic = kp_string_of(topic->name);
        result->partition_result =
            arena_calloc(&election->request->arena, (size_t)topic->partitions_count, sizeof *result->partition_result);
        if (result->partition_result == NULL)
            return false;
        for (int32_t p = 0; p < topic->partitions_count; p++) {
            struct outcome outcome = elect(election, topic_partition(topic, p));
            if (outcome.error != KAFKA_ELECTION_NOT_NEEDED)
                note_result(result, p, outcome);
        }
    }
    return response->replica_election_results != NULL;
}

static bool elect_named(struct election *election)
{
    struct kp_elect_leaders_response *response = &election->response;
    struct arena *arena = &election->request->arena;
    int32_t count = election->body->topic_partitions_count;
    response->replica_election_results = arena_calloc(arena, (size_t)count, sizeof *response->replica_election_results);
    for (int32_t i = 0; i < count && response->replica_election_results != NULL; i++) {
        const struct kp_elect_leaders_request_topic_partitions *asked = &election->body->topic_partitions[i];
        const struct topic *topic = catalog_topic(election->request->broker->catalog, asked->topic);
        struct kp_elect_leaders_response_replica_election_results *result =
            &response->replica_election_results[response->replica_election_results_count++];
        result->topic = asked->topic;
        result->partition_result =
            arena_calloc(arena, (size_t)asked->partitions_count, sizeof *result->partition_result);
        if (result->partition_result == NULL)
            return false;
        for (int32_t p = 0; p < asked->partitions_count; p++)
            note_result(result, asked->partitions[p], elect(election, topic_partition(topic, asked->partitions[p])));
    }
    return response->replica_election_results != NULL;
}

void api_elect_leaders(struct request *request)
{
    const struct kp_elect_leaders_request *body = request->body;
    struct election election = {.request = request,
                                .body = body,
                                .type = (enum election_type)body->election_type,
                                .response = kp_elect_leaders_response_default};
    if (body->topic_partitions_count == 0) /* nothing to do, so Kafka does not look at the rest */
        election.refusal = ACCEPTED;
    else if (body->timeout_ms <= 0)
        election.refusal = refused(KAFKA_REQUEST_TIMED_OUT, NULL);
    else if (body->election_type != ELECTION_PREFERRED && body->election_type != ELECTION_UNCLEAN)
        election.refusal = refused(KAFKA_INVALID_REQUEST, "There is no such type of election.");
    if (request->header.api_version > 0) /* version 0 has no place for it */
        election.response.error_code = (int16_t)election.refusal.error;
    if (body->topic_partitions_count < 0 ? elect_all(&election) : elect_named(&election))
        request_respond(request, &election.response);
    else
        request_close(request, NO_MEMORY);
}

/* ---- AlterPartitionReassignments ------------------------------------------------------------------------------------ */

static struct outcome reassign(const struct request *request, const struct topic *topic,
                               const struct kp_alter_partition_reassignments_request_topics_partitions *asked)
{
    const struct kp_alter_partition_reassignments_request *body = request->body;
    if (body->timeout_ms <= 0)
        return refused(KAFKA_REQUEST_TIMED_OUT, NULL);
    if (topic_partition(topic, asked->partition_index) == NULL)
        return refused(KAFKA_UNKNOWN_TOPIC_OR_PARTITION, NO_PARTITION);
    if (asked->replicas_count < 0) /* cancel */
        return refused(KAFKA_NO_REASSIGNMENT_IN_PROGRESS, NULL);
    if (asked->replicas_count != 1 || asked->replicas[0] != request->broker->node_id)
        return refused(KAFKA_INVALID_REPLICA_ASSIGNMENT,
                       "On a single node a partition has one replica, and that is on this node.");
    return ACCEPTED;
}

/* False: no memory. */
static bool reassign_topic(struct request *request, const struct kp_alter_partition_reassignments_request_topics *asked,
                           struct kp_alter_partition_reassignments_response_responses *response)
{
    const struct topic *topic = catalog_topic(request->broker->catalog, asked->name);
    response->name = asked->name;
    response->partitions_count = asked->partitions_count;
    response->partitions = arena_calloc(&request->arena, (size_t)asked->partitions_count, sizeof *response->partitions);
    for (int32_t i = 0; i < asked->partitions_count && response->partitions != NULL; i++) {
        struct outcome outcome = reassign(request, topic, &asked->partitions[i]);
        response->partitions[i] = (struct kp_alter_partition_reassignments_response_responses_partitions){
            .partition_index = asked->partitions[i].partition_index,
            .error_code = (int16_t)outcome.error,
            .error_message = kp_string_of(outcome.message),
        };
    }
    return response->partitions != NULL;
}

void api_alter_partition_reassignments(struct request *request)
{
    const struct kp_alter_partition_reassignments_request *body = request->body;
    struct kp_alter_partition_reassignments_response response = kp_alter_partition_reassignments_response_default;
    bool nothing = body->topics_count == 0, in_time = body->timeout_ms > 0;
    if (!nothing && !in_time)
        response.error_code = KAFKA_REQUEST_TIMED_OUT;
    if (!nothing && in_time) /* else Kafka does not come to it */
        response.allow_replication_factor_change = body->allow_replication_factor_change;
    response.error_message = nothing ? KP_EMPTY_STRING : KP_NULL_STRING; /* as Kafka answers */
    response.responses_count = body->topics_count;
    response.responses = arena_calloc(&request->arena, (size_t)body->topics_count, sizeof *response.responses);
    bool fits = response.responses != NULL;
    for (int32_t i = 0; i < body->topics_count && fits; i++)
        fits = reassign_topic(request, &body->topics[i], &response.responses[i]);
    if (fits)
        request_respond(request, &response);
    else
        request_close(request, NO_MEMORY);
}

/* ---- ListPartitionReassignments ------------------------------------------------------------------------------------- */

/* None is under way, whatever is asked for. */
void api_list_partition_reassignments(struct request *request)
{
    struct kp_list_partition_reassignments_response response = kp_list_partition_reassignments_response_default;
    response.error_message = KP_NULL_STRING;
    request_respond(request, &response);
}
