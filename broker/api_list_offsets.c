/* ListOffsets: from a time, or a word such as "latest", to an offset.
 *
 *     logs loaded --> partition --> partition --> ... --> answer
 *                         |             ^
 *                         +--- park ----+   the pool looks through a batch whose records are too much for a turn
 *
 * What the pool found is an answer of the moment when it was asked to look. Everything else is looked up again: a topic
 * that was deleted meanwhile is unknown, and its successor is looked through from its begin. */
#include "api.h"
#include "broker.h"
#include "errors.h"
#include "named_partitions.h"
#include "outcome.h"
#include "partition.h"
#include "timestamp_search.h"

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

typedef struct kp_list_offsets_response_topics_partitions partition_response;

/* A request on its way; in the request's arena. */
struct listing {
    struct request *request;
    struct kp_list_offsets_response response;
    struct named_partition *named;
    partition_response *partitions; /* of the answer, one for each of `named` */
    int32_t count, next;
    enum isolation isolation;
    struct timestamp_search search;
    struct kp_uuid topic_id; /* of the partition that is looked through; zero: none is */
    bool found;              /* the search has an answer for the next partition */
    bool at_once;            /* look through all batches here: the pool could not read one */
};

/* Does the search know something of the next partition, which may be another topic's now? */
static bool knows(const struct listing *listing, const struct partition *partition)
{
    return kp_uuid_equal(listing->topic_id, partition->topic->id);
}

/* A record above the bound of the isolation is not told, as if there were none. */
static void show(const struct listing *listing, struct log *log, struct log_found found, struct log_found *told)
{
    if (log_shows(log, found.offset, listing->isolation))
        *told = found;
}

static int search_offset(struct listing *listing, struct partition *partition, int64_t timestamp,
                         struct log_found *found)
{
    struct log_lookup *lookup = &listing->search.lookup;
    struct log *log = partition->log;
    if (!knows(listing, partition)) {
        *lookup = (struct log_lookup){0};
        listing->topic_id = partition->topic->id;
        listing->found = false;
    }
    if (listing->found) {
        show(listing, log, listing->search.found, found);
        return STORAGE_OK;
    }
    if (listing->at_once)
        lookup = NULL;
    if (timestamp != OFFSET_MAX_TIMESTAMP)
        return log_find_timestamp(log, timestamp, listing->isolation, lookup, found, NULL);
    struct log_found largest = *found;
    int status = log_find_max_timestamp(log, lookup, &largest, NULL);
    show(listing, log, largest, found);
    return status;
}

static int find_offset(struct listing *listing, struct partition *partition, int64_t timestamp, struct log_found *found)
{
    struct log *log = partition->log;
    *found = (struct log_found){.offset = -1, .timestamp_ms = -1, .leader_epoch = -1};
    switch (timestamp) {
    case OFFSET_LATEST:
        found->offset =
            listing->isolation == ISOLATION_READ_COMMITTED ? log_last_stable_offset(log) : log_high_watermark(log);
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
    default:
        return search_offset(listing, partition, timestamp, found);
    }
}

static enum kafka_error check_asked(const struct request *request, const struct named_partition *named,
                                    const struct partition *partition)
{
    const struct kp_list_offsets_request_topics_partitions *asked = named->item;
    if (named->again)
        return KAFKA_INVALID_REQUEST;
    if (!word_known(asked->timestamp, request->header.api_version))
        return KAFKA_UNSUPPORTED_VERSION;
    if (partition == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    enum kafka_error error = kafka_error_of_storage(log_load(partition->log, NULL)); /* offline: it has no offsets */
    return error != KAFKA_NONE ? error : partition_check_epoch_strictly(partition, asked->current_leader_epoch);
}

/* Fill in the answer of the next partition. False: there is a batch to be looked through first. */
static bool list_partition(struct listing *listing)
{
    struct request *request = listing->request;
    const struct named_partition *named = &listing->named[listing->next];
    const struct kp_list_offsets_request_topics_partitions *asked = named->item;
    partition_response *response = &listing->partitions[listing->next];
    struct topic *topic = catalog_topic(request->broker->catalog, named->topic);
    struct partition *partition = topic == NULL ? NULL : topic_partition(topic, named->partition);
    enum kafka_error error = check_asked(request, named, partition);
    if (error == KAFKA_NONE) {
        struct log_found found;
        int status = find_offset(listing, partition, asked->timestamp, &found);
        if (status == STORAGE_BATCH_UNDECIDED)
            return false;
        error = kafka_error_of_storage(status);
        if (error == KAFKA_NONE) {
            response->offset = found.offset;
            response->timestamp = found.timestamp_ms;
            if (request->header.api_version >= 4) /* older versions have no place for it */
                response->leader_epoch = found.leader_epoch;
        }
    }
    response->error_code = (int16_t)error;
    return true;
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

/* Room for the whole answer. False: no memory for it. */
static bool make_response(struct listing *listing)
{
    struct arena *arena = &listing->request->arena;
    struct kp_list_offsets_response *response = &listing->response;
    int32_t count;
    *response = kp_list_offsets_response_default;
    listing->named = collect(listing->request, &count);
    response->topics = arena_calloc(arena, (size_t)count, sizeof *response->topics);
    listing->partitions = arena_calloc(arena, (size_t)count, sizeof *listing->partitions);
    if (listing->named == NULL || response->topics == NULL || listing->partitions == NULL)
        return false;
    listing->count = count;
    for (int32_t i = 0, end; i < count; i = end) {
        struct kp_list_offsets_response_topics *topic = &response->topics[response->topics_count++];
        end = named_partitions_topic_end(listing->named, count, i);
        *topic = kp_list_offsets_response_topics_default;
        topic->name = listing->named[i].topic;
        topic->partitions = &listing->partitions[i];
        topic->partitions_count = end - i;
        for (int32_t p = i; p < end; p++) {
            listing->partitions[p] = kp_list_offsets_response_topics_partitions_default;
            listing->partitions[p].partition_index = listing->named[p].partition;
        }
    }
    return true;
}

/* The names outlive the frame. False: no memory for it. */
static bool keep_names(struct listing *listing)
{
    struct named_partition *named = listing->named;
    for (int32_t t = 0; t < listing->response.topics_count; t++) {
        struct kp_list_offsets_response_topics *topic = &listing->response.topics[t];
        if (topic->name.size > 0)
            topic->name.data = arena_copy(&listing->request->arena, topic->name.data, (size_t)topic->name.size);
        if (topic->name.data == NULL)
            return false;
        for (int32_t p = 0; p < topic->partitions_count; p++)
            (named++)->topic = topic->name;
    }
    return true;
}

/* The peer is gone: what is in the pool still needs the request, which is held. */
static void listing_canceled(struct request *request)
{
    (void)request;
}

static void search_done(struct timestamp_search *search, bool canceled);

/* Have the pool look through the batch that was met; the request is parked from the first one on, and held meanwhile.
 */
static void begin_search(struct listing *listing)
{
    struct request *request = listing->request;
    if (!request->is_parked) {
        if (!keep_names(listing)) {
            log_slice_release(&listing->search.lookup.batch);
            request_close(request, NO_MEMORY);
            return;
        }
        request->parked = listing;
        request_park(request, listing_canceled);
    }
    request_hold(request);
    listing->search.done = search_done;
    listing->search.context = listing;
    timestamp_search_begin(&listing->search, request->broker->env->executor);
}

static void go_on(struct listing *listing)
{
    for (; listing->next < listing->count; listing->next++) {
        if (!list_partition(listing)) {
            begin_search(listing);
            return;
        }
        listing->found = listing->at_once = false;
        listing->topic_id = KP_ZERO_UUID;
    }
    request_respond(listing->request, &listing->response);
}

static void search_done(struct timestamp_search *search, bool canceled)
{
    struct listing *listing = search->context;
    struct request *request = listing->request;
    log_slice_release(&search->lookup.batch);
    if (request->peer != NULL) {
        listing->found = search->status == 0 && search->found.offset >= 0;
        listing->at_once = search->status < 0; /* which tells what is wrong */
        if (canceled)
            request_close(request, "its timestamp could not be looked for before the stop");
        else
            go_on(listing);
    }
    request_unhold(request);
}

void api_list_offsets(struct request *request)
{
    const struct kp_list_offsets_request *body = request->body;
    if (!load_logs(request))
        return;
    struct listing *listing = arena_calloc(&request->arena, 1, sizeof *listing);
    if (listing != NULL) {
        listing->request = request;
        listing->isolation = body->replica_id == REPLICA_CONSUMER &&
                                     body->isolation_level == ISOLATION_READ_COMMITTED /* others see all */
                                 ? ISOLATION_READ_COMMITTED
                                 : ISOLATION_READ_UNCOMMITTED;
    }
    if (listing != NULL && make_response(listing))
        go_on(listing);
    else
        request_close(request, NO_MEMORY);
}
