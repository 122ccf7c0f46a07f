/* DeleteRecords: the log start offset goes up to the offset that is asked for, and what lies below can no longer be
 * read (KIP-107). Segments that are wholly below it go with the next round of retention.
 *
 * On one node the low watermark is the log start, so nothing is waited for. As in Kafka the new log start is not on the
 * disk when the answer leaves, but when its checkpoint is written next: a crash before may bring records back. */
#include "api.h"
#include "broker.h"
#include "errors.h"
#include "named_partitions.h"
#include "outcome.h"
#include "partition.h"
#include "purgatory.h"

#define OFFSET_HIGH_WATERMARK (-1) /* asked for: all that is there */
#define NO_LOW_WATERMARK      (-1) /* answered with an error */

static enum kafka_error delete_records(struct broker *broker, const struct named_partition *named,
                                       int64_t *low_watermark)
{
    const struct kp_delete_records_request_topics_partitions *asked = named->item;
    const struct topic *topic = catalog_topic(broker->catalog, named->topic);
    struct partition *partition = topic_partition(topic, named->partition);
    if (partition == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (topic->internal)
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    if (topic->log_config.cleanup_compact && !topic->log_config.cleanup_delete)
        return KAFKA_POLICY_VIOLATION;
    enum kafka_error error = kafka_error_of_storage(log_load(partition->log, NULL));
    if (error != KAFKA_NONE)
        return error;
    int64_t offset = asked->offset == OFFSET_HIGH_WATERMARK ? log_high_watermark(partition->log) : asked->offset;
    error = kafka_error_of_storage(log_raise_start(partition->log, offset, NULL));
    if (error != KAFKA_NONE)
        return error;
    *low_watermark = log_start_offset(partition->log);
    purgatory_wake(broker, partition);
    return KAFKA_NONE;
}

/* All that the request names, each partition once; NULL: no memory. */
static struct named_partition *collect(struct request *request, int32_t *count)
{
    const struct kp_delete_records_request *body = request->body;
    size_t mentions = 0;
    for (int32_t t = 0; t < body->topics_count; t++)
        mentions += (size_t)body->topics[t].partitions_count;
    struct named_partition *named = arena_calloc(&request->arena, mentions, sizeof *named);
    *count = 0;
    for (int32_t t = 0; t < body->topics_count && named != NULL; t++) {
        const struct kp_delete_records_request_topics *topic = &body->topics[t];
        for (int32_t p = 0; p < topic->partitions_count; p++, (*count)++)
            named[*count] = (struct named_partition){topic->name, topic->partitions[p].partition_index, *count,
                                                     &topic->partitions[p], false};
    }
    if (named != NULL)
        *count = named_partitions_settle(named, *count);
    return named;
}

/* False: some logs are to be loaded first, and the request is postponed. */
static bool load_logs(struct request *request)
{
    const struct kp_delete_records_request *body = request->body;
    int32_t number = 0;
    for (int32_t t = 0; t < body->topics_count; t++) {
        const struct kp_delete_records_request_topics *asked = &body->topics[t];
        const struct topic *topic = catalog_topic(request->broker->catalog, asked->name);
        for (int32_t p = 0; p < asked->partitions_count; p++)
            if (!request_load(request, number++, topic, asked->partitions[p].partition_index))
                return false;
    }
    return true;
}

void api_delete_records(struct request *request)
{
    if (!load_logs(request))
        return;
    struct kp_delete_records_response response = kp_delete_records_response_default;
    int32_t count;
    const struct named_partition *named = collect(request, &count);
    response.topics = arena_calloc(&request->arena, (size_t)count, sizeof *response.topics);
    struct kp_delete_records_response_topics_partitions *partitions =
        arena_calloc(&request->arena, (size_t)count, sizeof *partitions);
    if (named == NULL || response.topics == NULL || partitions == NULL) {
        request_close(request, NO_MEMORY);
        return;
    }
    for (int32_t i = 0, end; i < count; i = end) {
        struct kp_delete_records_response_topics *topic = &response.topics[response.topics_count++];
        end = named_partitions_topic_end(named, count, i);
        *topic = (struct kp_delete_records_response_topics){
            .name = named[i].topic, .partitions = &partitions[i], .partitions_count = end - i};
        for (int32_t p = i; p < end; p++) {
            partitions[p] = (struct kp_delete_records_response_topics_partitions){.partition_index = named[p].partition,
                                                                                  .low_watermark = NO_LOW_WATERMARK};
            partitions[p].error_code =
                (int16_t)delete_records(request->broker, &named[p], &partitions[p].low_watermark);
        }
    }
    request_respond(request, &response);
}
