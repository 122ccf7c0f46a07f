/* ListOffsets: from a time, or a word such as "latest", to an offset. */
#include "api.h"
#include "broker.h"
#include "errors.h"
#include "named_partitions.h"
#include "outcome.h"
#include "partition.h"

/* What a timestamp below zero stands for, and the version that it came with. No storage is tiered here: all is local,
 * and nothing was or waits to be uploaded. */
enum offset_word {
    OFFSET_LATEST = -1,
    OFFSET_EARLIEST = -2,
    OFFSET_MAX_TIMESTAMP = -3,           /* KIP-734 */
    OFFSET_EARLIEST_LOCAL = -4,          /* KIP-405 */
    OFFSET_LATEST_TIERED = -5,           /* KIP-1005 */
    OFFSET_EARLIEST_PENDING_UPLOAD = -6, /* KIP-1023 */
};

static bool word_known(int64_t timestamp, int16_t version)
{
    switch (timestamp) {
    case OFFSET_LATEST:
    case OFFSET_EARLIEST:
        return true;
    case OFFSET_MAX_TIMESTAMP:
        return version >= 7;
    case OFFSET_EARLIEST_LOCAL:
        return version >= 8;
    case OFFSET_LATEST_TIERED:
        return version >= 9;
    case OFFSET_EARLIEST_PENDING_UPLOAD:
        return version >= 11;
    default:
        return timestamp >= 0;
    }
}

/* The epoch of the record at `offset`; of an offset without one, the partition's. */
static int32_t epoch_at(const struct partition *partition, int64_t offset)
{
    int32_t epoch = log_epoch_at(partition->log, offset);
    return epoch >= 0 ? epoch : partition_leader_epoch(partition);
}

static int find_offset(struct partition *partition, int64_t timestamp, enum isolation isolation,
                       struct log_found *found)
{
    struct log *log = partition->log;
    *found = (struct log_found){.offset = -1, .timestamp_ms = -1, .leader_epoch = -1};
    switch (timestamp) {
    case OFFSET_LATEST:
        found->offset = isolation == ISOLATION_READ_COMMITTED ? log_last_stable_offset(log) : log_high_watermark(log);
        found->leader_epoch = partition_leader_epoch(partition);
        return STORAGE_OK;
    case OFFSET_EARLIEST:
    case OFFSET_EARLIEST_LOCAL:
        found->offset = log_start_offset(log);
        found->leader_epoch = epoch_at(partition, found->offset);
        return STORAGE_OK;
    case OFFSET_LATEST_TIERED:
    case OFFSET_EARLIEST_PENDING_UPLOAD:
        return STORAGE_OK;
    case OFFSET_MAX_TIMESTAMP:
        return log_find_max_timestamp(log, found, NULL);
    default:
        return log_find_timestamp(log, timestamp, isolation, found, NULL);
    }
}

static enum kafka_error list_partition(struct request *request, struct kp_string topic_name,
                                       const struct kp_list_offsets_request_topics_partitions *asked,
                                       struct kp_list_offsets_response_topics_partitions *response)
{
    const struct kp_list_offsets_request *body = request->body;
    if (!word_known(asked->timestamp, request->header.api_version))
        return KAFKA_UNSUPPORTED_VERSION;
    struct topic *topic = catalog_topic(request->broker->catalog, topic_name);
    struct partition *partition = topic == NULL ? NULL : topic_partition(topic, asked->partition_index);
    if (partition == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    enum kafka_error error = kafka_error_of_storage(log_load(partition->log, NULL)); /* offline: it has no offsets */
    if (error == KAFKA_NONE)
        error = partition_check_epoch_strictly(partition, asked->current_leader_epoch);
    if (error != KAFKA_NONE)
        return error;
    struct log_found found;
    enum isolation isolation =
        body->isolation_level == ISOLATION_READ_COMMITTED ? ISOLATION_READ_COMMITTED : ISOLATION_READ_UNCOMMITTED;
    error = kafka_error_of_storage(find_offset(partition, asked->timestamp, isolation, &found));
    if (error == KAFKA_NONE) {
        response->offset = found.offset;
        response->timestamp = found.timestamp_ms;
        if (request->header.api_version >= 4) /* older versions have no place for it */
            response->leader_epoch = found.leader_epoch;
    }
    return error;
}

/* All that the request names, each partition once; NULL: no memory. */
static struct named_partition *collect(struct request *request, int32_t *count)
{
    const struct kp_list_offsets_request *body = request->body;
    size_t mentions = 0;
    for (int32_t t = 0; t < body->topics_count; t++)
        mentions += (size_t)body->topics[t].partitions_count;
    struct named_partition *named = arena_calloc(&request->arena, mentions, sizeof *named);
    *count = 0;
    for (int32_t t = 0; t < body->topics_count && named != NULL; t++) {
        const struct kp_list_offsets_request_topics *topic = &body->topics[t];
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
    const struct kp_list_offsets_request *body = request->body;
    int32_t number = 0;
    for (int32_t t = 0; t < body->topics_count; t++) {
        const struct kp_list_offsets_request_topics *asked = &body->topics[t];
        const struct topic *topic = catalog_topic(request->broker->catalog, asked->name);
        for (int32_t p = 0; p < asked->partitions_count; p++)
            if (!request_load(request, number++, topic, asked->partitions[p].partition_index))
                return false;
    }
    return true;
}

void api_list_offsets(struct request *request)
{
    if (!load_logs(request))
        return;
    struct kp_list_offsets_response response = kp_list_offsets_response_default;
    int32_t count;
    const struct named_partition *named = collect(request, &count);
    response.topics = arena_calloc(&request->arena, (size_t)count, sizeof *response.topics);
    struct kp_list_offsets_response_topics_partitions *partitions =
        arena_calloc(&request->arena, (size_t)count, sizeof *partitions);
    if (named == NULL || response.topics == NULL || partitions == NULL) {
        request_close(request, NO_MEMORY);
        return;
    }
    for (int32_t i = 0, end; i < count; i = end) {
        struct kp_list_offsets_response_topics *topic = &response.topics[response.topics_count++];
        end = named_partitions_topic_end(named, count, i);
        *topic = kp_list_offsets_response_topics_default;
        topic->name = named[i].topic;
        topic->partitions = &partitions[i];
        topic->partitions_count = end - i;
        for (int32_t p = i; p < end; p++) {
            partitions[p] = kp_list_offsets_response_topics_partitions_default;
            partitions[p].partition_index = named[p].partition;
            enum kafka_error error = named[p].again
                                         ? KAFKA_INVALID_REQUEST
                                         : list_partition(request, named[p].topic, named[p].item, &partitions[p]);
            partitions[p].error_code = (int16_t)error;
        }
    }
    request_respond(request, &response);
}
