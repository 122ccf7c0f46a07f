/* DescribeQuorum: who keeps the metadata log, and how far. A single node is its own leader and only voter, and has
 * caught up with itself; the answer waits until what it tells is durable.
 *
 * As in Kafka, a request that names anything but the one partition of the metadata log is answered with an error for
 * each partition, also for that one. */
#include "api.h"
#include "broker.h"
#include "metadata_log.h"
#include "outcome.h"

static bool asks_for_metadata(const struct kp_describe_quorum_request *body)
{
    return body->topics_count == 1 && kp_string_is(body->topics[0].topic_name, METADATA_TOPIC) &&
           body->topics[0].partitions_count == 1 && body->topics[0].partitions[0].partition_index == 0;
}

/* False: no memory. */
static bool refuse_all(struct request *request, struct kp_describe_quorum_response *response)
{
    const struct kp_describe_quorum_request *body = request->body;
    response->topics_count = body->topics_count;
    response->topics = arena_calloc(&request->arena, (size_t)body->topics_count, sizeof *response->topics);
    for (int32_t i = 0; i < body->topics_count && response->topics != NULL; i++) {
        struct kp_describe_quorum_response_topics *topic = &response->topics[i];
        topic->topic_name = body->topics[i].topic_name;
        topic->partitions_count = body->topics[i].partitions_count;
        topic->partitions = arena_calloc(&request->arena, (size_t)topic->partitions_count, sizeof *topic->partitions);
        if (topic->partitions == NULL)
            return false;
        for (int32_t j = 0; j < topic->partitions_count; j++) {
            topic->partitions[j] = kp_describe_quorum_response_topics_partitions_default;
            topic->partitions[j].partition_index = body->topics[i].partitions[j].partition_index;
            topic->partitions[j].error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
            topic->partitions[j].error_message = kp_string_of("A quorum has only partition 0 of " METADATA_TOPIC ".");
        }
    }
    return response->topics != NULL;
}

static void describe_this_node(struct request *request)
{
    struct kp_describe_quorum_response response = kp_describe_quorum_response_default;
    struct broker *broker = request->broker;
    const char *rest = config_text(broker->config, config_find(kp_string_of("controller.listener.names")));
    const char *name = "", *host;
    size_t name_size = 0;
    int32_t port;
    (void)config_list_next(&rest, &name, &name_size);
    peer_advertised_address(request->peer, &host, &port);
    int64_t end_offset = metadata_log_end_offset(broker->metadata_log);
    int64_t now_ms = broker->env->now(broker->env).wall_ms;
    struct kp_describe_quorum_response_replica_state self = {
        .replica_id = broker->node_id,
        .log_end_offset = end_offset,
        .last_fetch_timestamp = now_ms,
        .last_caught_up_timestamp = now_ms,
    };
    if (request->header.api_version >= 2 && metadata_log_has_voters(broker->metadata_log))
        self.replica_directory_id = broker->directory_id;
    struct kp_describe_quorum_response_topics_partitions partition =
        kp_describe_quorum_response_topics_partitions_default;
    partition.error_message = KP_EMPTY_STRING;
    partition.leader_id = broker->node_id;
    partition.leader_epoch = metadata_log_epoch(broker->metadata_log);
    partition.high_watermark = end_offset;
    partition.current_voters = &self;
    partition.current_voters_count = 1;
    struct kp_describe_quorum_response_topics topic = {
        .topic_name = kp_string_of(METADATA_TOPIC), .partitions = &partition, .partitions_count = 1};
    struct kp_describe_quorum_response_nodes_listeners listener = {
        .name = {name, (int32_t)name_size},
          .host = kp_string_of(host), .port = (uint16_t)port
    };
    struct kp_describe_quorum_response_nodes node = {
        .node_id = broker->node_id, .listeners = &listener, .listeners_count = 1};
    response.error_message = KP_EMPTY_STRING;
    response.topics = &topic;
    response.topics_count = 1;
    response.nodes = &node;
    response.nodes_count = request->header.api_version >= 2;
    metadata_log_hold(broker->metadata_log, request);
    request_respond(request, &response);
}

void api_describe_quorum(struct request *request)
{
    struct kp_describe_quorum_response response = kp_describe_quorum_response_default;
    response.error_message = KP_EMPTY_STRING;
    if (asks_for_metadata(request->body))
        describe_this_node(request);
    else if (refuse_all(request, &response))
        request_respond(request, &response);
    else
        request_close(request, NO_MEMORY);
}
