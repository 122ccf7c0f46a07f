/* DescribeProducers: what partitions know of those who write to them with a producer id, among it transactions that
 * were never ended (KIP-664). */
#include "api.h"
#include "broker.h"
#include "errors.h"
#include "outcome.h"
#include "topic_name.h"

static struct kp_describe_producers_response_topics_partitions_active_producers
active_producer(const struct log_producer *producer)
{
    return (struct kp_describe_producers_response_topics_partitions_active_producers){
        .producer_id = producer->id,
        .producer_epoch = producer->epoch,
        .last_sequence = producer->last_sequence,
        .last_timestamp = producer->last_timestamp_ms,
        .coordinator_epoch = producer->coordinator_epoch,
        .current_txn_start_offset = producer->txn_first_offset,
    };
}

/* False: no memory. */
static bool describe_partition(struct request *request, const struct partition *partition,
                               struct kp_describe_producers_response_topics_partitions *response)
{
    int32_t count;
    enum kafka_error error = kafka_error_of_storage(log_producers_count(partition->log, &count, NULL));
    response->error_code = (int16_t)error;
    response->active_producers = arena_calloc(&request->arena, (size_t)count, sizeof *response->active_producers);
    if (response->active_producers == NULL)
        return false;
    for (int32_t i = 0; i < count; i++) {
        const struct log_producer producer = log_producer_at(partition->log, i);
        response->active_producers[response->active_producers_count++] = active_producer(&producer);
    }
    return true;
}

/* What is wrong with a topic whatever the partition is. */
static struct outcome check_topic(const struct request *request, struct kp_string name)
{
    const char *sentence = topic_name_check(name);
    if (sentence != NULL)
        return refused(KAFKA_INVALID_TOPIC_EXCEPTION, sentence);
    if (catalog_topic(request->broker->catalog, name) == NULL)
        return refused(KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "There is no topic of this name.");
    return ACCEPTED;
}

static bool describe_topic(struct request *request, const struct kp_describe_producers_request_topics *asked,
                           struct kp_describe_producers_response_topics *response)
{
    const struct outcome outcome = check_topic(request, asked->name);
    const struct topic *topic = catalog_topic(request->broker->catalog, asked->name);
    response->name = asked->name;
    response->partitions_count = asked->partition_indexes_count;
    response->partitions =
        arena_calloc(&request->arena, (size_t)response->partitions_count, sizeof *response->partitions);
    bool fits = response->partitions != NULL;
    for (int32_t i = 0; i < response->partitions_count && fits; i++) {
        const struct partition *partition = topic_partition(topic, asked->partition_indexes[i]);
        response->partitions[i] = kp_describe_producers_response_topics_partitions_default;
        response->partitions[i].partition_index = asked->partition_indexes[i];
        response->partitions[i].error_message = kp_string_of(outcome.message);
        response->partitions[i].error_code =
            (int16_t)(outcome.error != KAFKA_NONE ? outcome.error : KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        if (outcome.error == KAFKA_NONE && partition != NULL)
            fits = describe_partition(request, partition, &response->partitions[i]);
    }
    return fits;
}

/* False: some logs are to be loaded first, and the request is postponed. */
static bool load_logs(struct request *request)
{
    const struct kp_describe_producers_request *body = request->body;
    int32_t number = 0;
    for (int32_t t = 0; t < body->topics_count; t++) {
        const struct topic *topic = catalog_topic(request->broker->catalog, body->topics[t].name);
        for (int32_t p = 0; p < body->topics[t].partition_indexes_count; p++) {
            if (!request_load(request, number++, topic, body->topics[t].partition_indexes[p]))
                return false;
        }
    }
    return true;
}

void api_describe_producers(struct request *request)
{
    if (!load_logs(request))
        return;
    const struct kp_describe_producers_request *body = request->body;
    struct kp_describe_producers_response response = kp_describe_producers_response_default;
    response.topics_count = body->topics_count;
    response.topics = arena_calloc(&request->arena, (size_t)body->topics_count, sizeof *response.topics);
    bool fits = response.topics != NULL;
    for (int32_t i = 0; i < body->topics_count && fits; i++)
        fits = describe_topic(request, &body->topics[i], &response.topics[i]);
    if (fits)
        request_respond(request, &response);
    else
        request_close(request, NO_MEMORY);
}
