/* ListOffsets: from a time, or a word such as "latest", to an offset. */
#include "api.h"
#include "broker.h"
#include "errors.h"
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

/* A partition that a request names, and where. */
struct named {
    int32_t partition, position;
};

static int compare_named(const void *a, const void *b)
{
    const struct named *left = a, *right = b;
    if (left->partition != right->partition)
        return left->partition < right->partition ? -1 : 1;
    return (left->position > right->position) - (left->position < right->position);
}

/* The partitions that a topic's request names, sorted, so that one named twice is found quickly; NULL: no memory. */
static struct named *sort_partitions(struct arena *arena, const struct kp_list_offsets_request_topics *topic)
{
    size_t count = (size_t)topic->partitions_count;
    struct named *sorted = arena_calloc(arena, count, sizeof *sorted);
    for (size_t i = 0; i < count && sorted != NULL; i++)
        sorted[i] = (struct named){topic->partitions[i].partition_index, (int32_t)i};
    if (sorted != NULL)
        qsort(sorted, count, sizeof *sorted, compare_named);
    return sorted;
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
    enum kafka_error error = partition_check_epoch_strictly(partition, asked->current_leader_epoch);
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

/* All partitions of a topic, by number; one that is named twice is told once, as an error. False: no memory for it. */
static bool list_topic(struct request *request, const struct kp_list_offsets_request_topics *asked,
                       struct kp_list_offsets_response_topics *topic)
{
    int32_t count = asked->partitions_count;
    *topic = kp_list_offsets_response_topics_default;
    topic->name = asked->name;
    topic->partitions = arena_calloc(&request->arena, (size_t)count, sizeof *topic->partitions);
    const struct named *sorted = sort_partitions(&request->arena, asked);
    if (topic->partitions == NULL || sorted == NULL)
        return false;
    for (int32_t i = 0, next; i < count; i = next) {
        struct kp_list_offsets_response_topics_partitions *partition = &topic->partitions[topic->partitions_count++];
        *partition = kp_list_offsets_response_topics_partitions_default;
        partition->partition_index = sorted[i].partition;
        for (next = i + 1; next < count && sorted[next].partition == sorted[i].partition;)
            next++;
        enum kafka_error error =
            next > i + 1 ? KAFKA_INVALID_REQUEST
                         : list_partition(request, asked->name, &asked->partitions[sorted[i].position], partition);
        partition->error_code = (int16_t)error;
    }
    return true;
}

void api_list_offsets(struct request *request)
{
    const struct kp_list_offsets_request *body = request->body;
    struct kp_list_offsets_response response = kp_list_offsets_response_default;
    response.topics = arena_calloc(&request->arena, (size_t)body->topics_count, sizeof *response.topics);
    bool fits = response.topics != NULL;
    for (int32_t t = 0; t < body->topics_count && fits; t++)
        if (body->topics[t].partitions_count > 0)
            fits = list_topic(request, &body->topics[t], &response.topics[response.topics_count++]);
    if (fits)
        request_respond(request, &response);
    else
        request_close(request, "its request needs more memory than a request may use");
}
