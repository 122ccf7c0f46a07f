/* OffsetForLeaderEpoch: where the records of a leader epoch end, so that a consumer notices when what it read last is
 * no longer in the log (KIP-320). The replica id is of no meaning: one node has no followers. */
#include "api.h"
#include "broker.h"
#include "errors.h"
#include "outcome.h"
#include "partition.h"

static enum kafka_error find_end(struct request *request, struct kp_string topic_name,
                                 const struct kp_offset_for_leader_epoch_request_topics_partitions *asked,
                                 struct kp_offset_for_leader_epoch_response_topics_partitions *answer)
{
    const struct topic *topic = catalog_topic(request->broker->catalog, topic_name);
    struct partition *partition = topic_partition(topic, asked->partition);
    if (partition == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    enum kafka_error error = kafka_error_of_storage(log_load(partition->log, NULL));
    if (error == KAFKA_NONE)
        error = partition_check_epoch_strictly(partition, asked->current_leader_epoch);
    int32_t epoch;
    int64_t end_offset;
    if (error == KAFKA_NONE && partition_epoch_end(partition, asked->leader_epoch, &epoch, &end_offset)) {
        answer->leader_epoch = epoch;
        answer->end_offset = end_offset;
    }
    return error;
}

/* False: no memory for it. */
static bool answer_topic(struct request *request, const struct kp_offset_for_leader_epoch_request_topics *asked,
                         struct kp_offset_for_leader_epoch_response_topics *topic)
{
    topic->topic = asked->topic;
    topic->partitions_count = asked->partitions_count;
    topic->partitions = arena_calloc(&request->arena, (size_t)asked->partitions_count, sizeof *topic->partitions);
    for (int32_t i = 0; i < asked->partitions_count && topic->partitions != NULL; i++) {
        topic->partitions[i] = kp_offset_for_leader_epoch_response_topics_partitions_default;
        topic->partitions[i].partition = asked->partitions[i].partition;
        topic->partitions[i].error_code =
            (int16_t)find_end(request, asked->topic, &asked->partitions[i], &topic->partitions[i]);
    }
    return topic->partitions != NULL;
}

/* False: some logs are to be loaded first, and the request is postponed. */
static bool load_logs(struct request *request)
{
    const struct kp_offset_for_leader_epoch_request *body = request->body;
    int32_t number = 0;
    for (int32_t t = 0; t < body->topics_count; t++) {
        const struct kp_offset_for_leader_epoch_request_topics *asked = &body->topics[t];
        const struct topic *topic = catalog_topic(request->broker->catalog, asked->topic);
        for (int32_t p = 0; p < asked->partitions_count; p++)
            if (!request_load(request, number++, topic, asked->partitions[p].partition))
                return false;
    }
    return true;
}

void api_offset_for_leader_epoch(struct request *request)
{
    if (!load_logs(request))
        return;
    const struct kp_offset_for_leader_epoch_request *body = request->body;
    struct kp_offset_for_leader_epoch_response response = kp_offset_for_leader_epoch_response_default;
    response.topics = arena_calloc(&request->arena, (size_t)body->topics_count, sizeof *response.topics);
    bool fits = response.topics != NULL;
    for (int32_t t = 0; t < body->topics_count && fits; t++)
        fits = answer_topic(request, &body->topics[t], &response.topics[response.topics_count++]);
    if (fits)
        request_respond(request, &response);
    else
        request_close(request, NO_MEMORY);
}
