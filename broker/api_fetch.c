/* Fetch: record batches from partitions, now or when there are enough.
 *
 *     request --> items (its own, or its session's) --> read: a slice of each log, errors; what a turn has no time for
 *                    ^                                     |  is read in later ones, the request being parked meanwhile
 *                    |                 enough, an error, or no time left? --> answer
 *                    |                                     | no
 *                    +--- append, delete, time: again <-- park in the purgatory
 *
 * A slice says where batches lie; their bytes go from the log's file to the socket (conn.c). Rules of KIP-74:
 * partitions are read in order until max_bytes are used up, and the first records found are given at least one whole
 * batch. An incremental answer (KIP-227, fetch_session.c) names only partitions with something new, and those that gave
 * records are read last the next time, which is fair.
 *
 * What waits counts the bytes that a read could give, by positions, without reading; only then it reads. */
#include "api.h"
#include "broker.h"
#include "errors.h"
#include "fetch_session.h"
#include "long_work.h"
#include "partition.h"
#include "purgatory.h"

#define NO_MEMORY       "its fetch needs more memory than a request may use"
#define READS_OF_A_LOOK 16 /* at the clock; a read takes 3 microseconds */

typedef struct kp_fetch_response_responses_partitions_aborted_transactions aborted_transaction;

/* Where an item is told in the answer to a request that is not answered later: as Kafka does, behind all that was read
 * the ids that never had a name, then what has one and is not there. */
enum fetch_part {
    PART_READ,
    PART_NAMELESS,
    PART_UNKNOWN,
    FETCH_PARTS,
};

/* An item with what was read of it. */
struct fetch_read {
    struct fetch_item *item;
    enum kafka_error error;
    int64_t high_watermark, last_stable_offset, log_start_offset;
    int32_t leader_epoch; /* -1: the partition is not known */
    int32_t diverging_epoch;
    int64_t diverging_end_offset; /* -1: not diverging */
    enum fetch_part part;
    bool too_large; /* the first batch, for what the limits leave, though they leave some */
    struct log_slice slice;
    struct log_position from;     /* of the offset, while the fetch waits */
    aborted_transaction *aborted; /* which a reader of committed records has to leave out of the slice */
    int32_t aborted_count, aborted_capacity;
};

struct fetch {
    struct request *request;
    struct fetch_session *session; /* incremental; referenced while parked */
    bool wants_session;
    bool by_id; /* version 13 and later */
    enum isolation isolation;
    int32_t replica_id;
    int32_t max_bytes, min_bytes, max_wait_ms;
    struct fetch_item *items; /* without a session */
    int32_t items_count;      /* of either */
    bool names_kept;          /* those of the items without a session are copies */
    struct fetch_read *reads; /* by position; room for reads_max */
    int32_t reads_count, reads_max;
    const struct fetch_read *first; /* whose partition is known; NULL: none yet */
    int32_t session_epoch;          /* when the reading began: with another one the items may be others */
    struct long_work work;          /* the reading, in later turns */
    bool waited;                    /* it was parked for more */
    bool must_answer;               /* an error or a diverging epoch was met */
    int64_t bytes;                  /* that were read */
    struct purgatory_wait wait;
};

/* ---- reading -------------------------------------------------------------------------------------------------------- */

/* An id that once had a name stands for a topic that was deleted, in whose place another one may be (KIP-516). */
static enum kafka_error error_of_unknown_id(const struct catalog *catalog, const struct fetch_item *item)
{
    if (!item->was_known)
        return KAFKA_UNKNOWN_TOPIC_ID;
    const struct topic *successor =
        item->known_as == NULL ? NULL : catalog_topic(catalog, kp_string_of(item->known_as));
    return topic_partition(successor, item->partition) == NULL ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION
                                                               : KAFKA_INCONSISTENT_TOPIC_ID;
}

/* Keep which name the id of the session's item stands for: the topic may go, and another one get its name. */
static void note_name(struct fetch_session *session, struct fetch_item *item, const struct topic *topic)
{
    if (session->uses_topic_ids && topic != NULL)
        fetch_session_note_name(session, item, topic->name);
}

static struct topic *find_topic(const struct fetch *fetch, const struct fetch_item *item)
{
    const struct catalog *catalog = fetch->request->broker->catalog;
    return fetch->by_id ? catalog_topic_by_id(catalog, item->topic_id) : catalog_topic(catalog, item->topic);
}

static struct partition *find_partition(const struct fetch *fetch, const struct fetch_item *item)
{
    return topic_partition(find_topic(fetch, item), item->partition);
}

/* The partition that is to be read. NULL: read->error says why, and read->part where in the answer. */
static struct partition *begin_item(const struct fetch *fetch, struct fetch_read *read)
{
    struct fetch_item *item = read->item;
    const struct topic *topic = find_topic(fetch, item);
    struct partition *partition = topic_partition(topic, item->partition);
    if (topic != NULL)
        item->was_known = true;
    if (fetch->session != NULL)
        note_name(fetch->session, item, topic);
    if (partition != NULL)
        return partition;
    bool unknown_id = topic == NULL && fetch->by_id;
    read->error =
        unknown_id ? error_of_unknown_id(fetch->request->broker->catalog, item) : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (!fetch->waited && read->error != KAFKA_INCONSISTENT_TOPIC_ID)
        read->part = read->error == KAFKA_UNKNOWN_TOPIC_ID ? PART_NAMELESS : PART_UNKNOWN;
    return NULL;
}

/* KIP-320: does the consumer's last epoch end before its offset in our log? Then it read what was lost. */
static bool check_divergence(struct fetch_read *read, const struct partition *partition)
{
    const struct fetch_item *item = read->item;
    if (item->last_fetched_epoch < 0)
        return true;
    int32_t epoch;
    int64_t end_offset;
    if (!partition_epoch_end(partition, item->last_fetched_epoch, &epoch, &end_offset) ||
        item->fetch_offset < log_start_offset(partition->log)) {
        read->error = KAFKA_OFFSET_OUT_OF_RANGE;
        return false;
    }
    if (epoch < item->last_fetched_epoch || end_offset < item->fetch_offset) {
        read->diverging_epoch = epoch;
        read->diverging_end_offset = end_offset;
        return false;
    }
    return true;
}

/* One aborted transaction of what is being read. */
struct aborted_naming {
    struct fetch_read *read;
    struct arena *arena;
};

static bool name_aborted(void *context, int64_t producer_id, int64_t first_offset)
{
    const struct aborted_naming *naming = context;
    struct fetch_read *read = naming->read;
    if (read->aborted_count == read->aborted_capacity) {
        int32_t capacity = read->aborted_capacity == 0 ? 4 : read->aborted_capacity * 2;
        aborted_transaction *aborted = arena_calloc(naming->arena, (size_t)capacity, sizeof *aborted);
        if (aborted == NULL)
            return false;
        for (int32_t i = 0; i < read->aborted_count; i++)
            aborted[i] = read->aborted[i];
        read->aborted = aborted;
        read->aborted_capacity = capacity;
    }
    aborted_transaction *added = &read->aborted[read->aborted_count++];
    *added = kp_fetch_response_responses_partitions_aborted_transactions_default;
    added->producer_id = producer_id;
    added->first_offset = first_offset;
    return true;
}

/* What the limits of request and partition leave for this one. The limit of the request is a negative one for the first
 * partition that is read only. */
static int64_t bytes_left(const struct fetch *fetch, const struct fetch_read *read)
{
    int64_t left = fetch->max_bytes - fetch->bytes;
    if (left < 0 && read != fetch->first)
        left = 0;
    return left < read->item->max_bytes ? left : read->item->max_bytes;
}

/* A slice of committed records is no answer without what was aborted in it: either both or an error. As Kafka does,
 * where no byte is left to read it is named too. False: no memory for the list. */
static bool read_aborted(struct fetch *fetch, struct fetch_read *read, struct log *log)
{
    bool is_read = read->slice.segment != NULL || (read->error == KAFKA_NONE && bytes_left(fetch, read) == 0);
    if (fetch->isolation != ISOLATION_READ_COMMITTED || !is_read)
        return true;
    struct aborted_naming naming = {read, &fetch->request->arena};
    int status = log_slice_aborted(log, read->item->fetch_offset, &read->slice, name_aborted, &naming, NULL);
    if (status < 0)
        log_slice_release(&read->slice);
    read->error = status == STORAGE_CANCELED ? KAFKA_NONE : kafka_error_of_storage(status);
    return status != STORAGE_CANCELED;
}

/* With a negative limit Kafka fails where there is something to read. */
static enum kafka_error read_slice(const struct fetch *fetch, struct fetch_read *read, struct log *log)
{
    int64_t offset = read->item->fetch_offset, left = bytes_left(fetch, read);
    int status = log_read(log, offset, left < 0 ? 0 : (int32_t)left, fetch->bytes == 0 && left >= 0, fetch->isolation,
                          &read->slice, NULL);
    if (status == 0 && left < 0 && log_shows(log, offset, fetch->isolation))
        return KAFKA_UNKNOWN_SERVER_ERROR;
    return kafka_error_of_storage(status);
}

/* What was read counts in Kafka with the beginning of the batch that did not fit. */
static void count_bytes(struct fetch *fetch, const struct fetch_read *read)
{
    if (read->slice.segment != NULL)
        fetch->bytes += read->slice.is_cut ? bytes_left(fetch, read) : read->slice.size_bytes;
}

/* False: no memory for it. */
static bool read_item(struct fetch *fetch, struct fetch_read *read, struct fetch_item *item)
{
    *read = (struct fetch_read){.item = item,
                                .high_watermark = -1,
                                .last_stable_offset = -1,
                                .log_start_offset = -1,
                                .leader_epoch = -1,
                                .diverging_epoch = -1,
                                .diverging_end_offset = -1};
    struct partition *partition = begin_item(fetch, read);
    if (fetch->first == NULL && read->part == PART_READ)
        fetch->first = read;
    if (partition == NULL)
        return true;
    read->leader_epoch = partition_leader_epoch(partition);
    read->error = partition_check_epoch(partition, item->current_leader_epoch);
    if (read->error == KAFKA_NONE && fetch->replica_id != REPLICA_CONSUMER && fetch->replica_id != REPLICA_DEBUG)
        read->error = KAFKA_NOT_LEADER_OR_FOLLOWER;
    if (read->error != KAFKA_NONE)
        return true;
    if (check_divergence(read, partition) && read->error == KAFKA_NONE) {
        read->error = read_slice(fetch, read, partition->log);
        if (!read_aborted(fetch, read, partition->log))
            return false;
    }
    if (read->error != KAFKA_NONE)
        return true;
    count_bytes(fetch, read);
    read->high_watermark = log_high_watermark(partition->log);
    read->last_stable_offset = log_last_stable_offset(partition->log);
    read->log_start_offset = log_start_offset(partition->log);
    read->too_large =
        read->slice.segment == NULL && item->fetch_offset < read->last_stable_offset && bytes_left(fetch, read) > 0;
    return true;
}

static struct fetch_item *next_item(const struct fetch *fetch, int32_t position, const struct fetch_item *previous)
{
    if (fetch->session == NULL)
        return &fetch->items[position];
    const struct list *node = position == 0 ? fetch->session->items.next : previous->order.next;
    return CONTAINER_OF(node, struct fetch_item, order);
}

static void release_slices(struct fetch *fetch)
{
    for (int32_t i = 0; i < fetch->reads_count; i++) {
        if (fetch->reads[i].slice.segment != NULL)
            log_slice_release(&fetch->reads[i].slice);
    }
}

/* Begin to read all items. False: no memory for it. */
static bool begin_reading(struct fetch *fetch)
{
    fetch->reads_count = 0;
    if (fetch->session != NULL) {
        fetch->items_count = fetch->session->items_count;
        fetch->session_epoch = fetch->session->epoch;
    }
    if (fetch->items_count > fetch->reads_max) {
        fetch->reads = arena_calloc(&fetch->request->arena, (size_t)fetch->items_count, sizeof *fetch->reads);
        if (fetch->reads == NULL)
            return false;
        fetch->reads_max = fetch->items_count;
    }
    fetch->first = NULL;
    fetch->bytes = 0;
    fetch->must_answer = false;
    return true;
}

/* False: no memory for it. */
static bool read_next(struct fetch *fetch)
{
    int32_t position = fetch->reads_count;
    struct fetch_item *item = next_item(fetch, position, position == 0 ? NULL : fetch->reads[position - 1].item);
    struct fetch_read *read = &fetch->reads[position];
    bool good = read_item(fetch, read, item);
    fetch->reads_count++;
    if (read->error != KAFKA_NONE || read->diverging_end_offset >= 0)
        fetch->must_answer = true;
    return good;
}

/* ---- answering ------------------------------------------------------------------------------------------------------ */

/* Is there something new for the client in an incremental answer? */
static bool tells_news(const struct fetch_read *read)
{
    const struct fetch_item *item = read->item;
    return read->slice.segment != NULL || read->error != KAFKA_NONE || read->diverging_end_offset >= 0 ||
           read->high_watermark != item->high_watermark || read->log_start_offset != item->log_start_offset;
}

/* The client is told what was read: the session notes it. */
static void note_told(struct fetch *fetch)
{
    for (int32_t i = 0; i < fetch->items_count; i++) {
        const struct fetch_read *read = &fetch->reads[i];
        struct fetch_item *item = read->item;
        item->log_start_offset = read->log_start_offset;
        /* after an error the next answer without one is news again */
        item->high_watermark = read->error != KAFKA_NONE ? -1 : read->high_watermark;
        if (read->slice.segment != NULL) {
            list_remove(&item->order);
            list_append(&fetch->session->items, &item->order);
        }
    }
}

/* The error as a client of this version knows it: KIP-112 brought KAFKA_STORAGE_ERROR. */
static enum kafka_error told_error(const struct fetch *fetch, enum kafka_error error)
{
    bool known = error != KAFKA_KAFKA_STORAGE_ERROR || fetch->request->header.api_version >= 6;
    return known ? error : KAFKA_NOT_LEADER_OR_FOLLOWER;
}

static void fill_partition(const struct fetch *fetch, struct fetch_read *read,
                           struct kp_fetch_response_responses_partitions *answer, int32_t node_id)
{
    *answer = kp_fetch_response_responses_partitions_default;
    answer->partition_index = read->item->partition;
    answer->error_code = (int16_t)told_error(fetch, read->error);
    answer->high_watermark = read->high_watermark;
    answer->last_stable_offset = read->last_stable_offset;
    answer->log_start_offset = read->log_start_offset;
    answer->diverging_epoch.epoch = read->diverging_epoch;
    answer->diverging_epoch.end_offset = read->diverging_end_offset;
    /* null says that nobody asked which transactions were aborted, or of records that do not fit (KIP-74); Kafka names
     * an unknown topic's as none */
    bool committed = fetch->isolation == ISOLATION_READ_COMMITTED && read->error == KAFKA_NONE && !read->too_large &&
                     read->diverging_end_offset < 0; /* then nothing was read */
    answer->aborted_transactions = read->aborted;
    answer->aborted_transactions_count = committed || read->part != PART_READ ? read->aborted_count : -1;
    bool leader_wanted = read->error == KAFKA_FENCED_LEADER_EPOCH || read->error == KAFKA_NOT_LEADER_OR_FOLLOWER;
    if (leader_wanted && fetch->request->header.api_version >= 16) { /* KIP-951 */
        answer->current_leader.leader_id = node_id;
        answer->current_leader.leader_epoch = read->leader_epoch;
    }
    answer->records = (struct kp_records){.data = (const uint8_t *)""};
    if (read->slice.segment != NULL)
        answer->records = (struct kp_records){.size = read->slice.size_bytes, .slice = &read->slice};
}

/* The endpoint of the leader that some partition names. */
static bool fill_endpoint(const struct fetch *fetch, struct kp_fetch_response *response)
{
    struct kp_fetch_response_node_endpoints *endpoint = arena_alloc(&fetch->request->arena, sizeof *endpoint);
    if (endpoint == NULL)
        return false;
    *endpoint = kp_fetch_response_node_endpoints_default;
    const char *host;
    peer_advertised_address(fetch->request->peer, &host, &endpoint->port);
    endpoint->node_id = fetch->request->broker->node_id;
    endpoint->host = kp_string_of(host);
    response->node_endpoints = endpoint;
    response->node_endpoints_count = 1;
    return true;
}

static bool same_topic(const struct fetch_item *a, const struct fetch_item *b)
{
    return kp_uuid_equal(a->topic_id, b->topic_id) && kp_string_equal(a->topic, b->topic);
}

/* Open the session that the client wants, if there is room, with what it is told now. Returns its id. */
static int32_t open_session(struct fetch *fetch)
{
    struct fetch_sessions *sessions = fetch->request->broker->fetch_sessions;
    struct fetch_session *session = fetch_sessions_create(sessions, fetch->items_count, fetch->by_id);
    if (session == NULL)
        return FETCH_SESSION_NONE;
    for (int32_t i = 0; i < fetch->items_count; i++) {
        struct fetch_item *item = fetch_session_put(session, fetch->reads[i].item);
        if (item == NULL) { /* no room: the client goes on without a session */
            fetch_session_drop(session);
            return FETCH_SESSION_NONE;
        }
        item->high_watermark = fetch->reads[i].error != KAFKA_NONE ? -1 : fetch->reads[i].high_watermark;
        item->log_start_offset = fetch->reads[i].log_start_offset;
        note_name(session, item, catalog_topic_by_id(fetch->request->broker->catalog, item->topic_id));
    }
    return session->id;
}

/* Everything of the answer from the reads. False: no memory for it. */
static bool fill_response(struct fetch *fetch, struct kp_fetch_response *response)
{
    struct arena *arena = &fetch->request->arena;
    size_t count = (size_t)fetch->items_count;
    struct kp_fetch_response_responses *topics = arena_calloc(arena, count, sizeof *topics);
    struct kp_fetch_response_responses_partitions *partitions = arena_calloc(arena, count, sizeof *partitions);
    if (topics == NULL || partitions == NULL)
        return false;
    response->responses = topics;
    response->responses_count = 0;
    bool names_leader = false;
    const struct fetch_item *previous = NULL;
    struct kp_fetch_response_responses *topic = NULL;
    int32_t passes = fetch->must_answer ? FETCH_PARTS : 1;
    for (int32_t i = 0; i < passes * fetch->items_count; i++) {
        struct fetch_read *read = &fetch->reads[i % fetch->items_count];
        if ((int32_t)read->part != i / fetch->items_count || (fetch->session != NULL && !tells_news(read)))
            continue;
        if (previous == NULL || !same_topic(previous, read->item)) {
            topic = &topics[response->responses_count++];
            *topic = kp_fetch_response_responses_default;
            topic->topic = read->item->topic.size < 0 ? KP_EMPTY_STRING : read->item->topic;
            topic->topic_id = read->item->topic_id;
            topic->partitions = partitions;
        }
        previous = read->item;
        fill_partition(fetch, read, partitions, fetch->request->broker->node_id);
        names_leader = names_leader || partitions->current_leader.leader_id >= 0;
        topic->partitions_count++;
        partitions++;
    }
    return !names_leader || fill_endpoint(fetch, response);
}

#define RESPONSE_LENGTH_BYTES 4 /* Kafka counts it with the body, and not the header between */

/* Count the answer. True: its client is above its quota, and is told that alone; what was read counts for nothing. */
static bool is_throttled(const struct fetch *fetch, const struct kp_fetch_response *response)
{
    struct request *request = fetch->request;
    struct quotas *quotas = &request->broker->quotas;
    struct kp_size size = {0};
    int32_t throttle_ms = 0;
    if (!request->counted || fetch->replica_id >= 0)
        return false;
    int64_t now_ms = request->broker->env->now(request->broker->env).mono_ms;
    if (quota_is_on(quotas, QUOTA_FETCH) &&
        kp_measure(request->api->response, response, request->header.api_version, &size)) {
        size.wire_bytes += RESPONSE_LENGTH_BYTES;
        throttle_ms = quota_record(quotas, QUOTA_FETCH, request_client(request), (double)size.wire_bytes, now_ms);
    }
    if (request_throttle(request, throttle_ms) == 0)
        return false;
    quota_unrecord(quotas, QUOTA_FETCH, request_client(request), (double)size.wire_bytes, now_ms);
    return true;
}

static void answer(struct fetch *fetch)
{
    struct request *request = fetch->request;
    struct kp_fetch_response response = kp_fetch_response_default;
    request_hold(request); /* the slices that the answer does not take are given back below */
    if (!fill_response(fetch, &response)) {
        request_close(request, NO_MEMORY);
    } else {
        bool throttled = is_throttled(fetch, &response);
        if (throttled)
            response = kp_fetch_response_default;
        if (fetch->session != NULL)
            response.session_id = fetch->session->id;
        if (fetch->session != NULL && !throttled)
            note_told(fetch);
        if (fetch->wants_session && !throttled)
            response.session_id = open_session(fetch);
        request_respond(request, &response);
    }
    release_slices(fetch);
    if (fetch->session != NULL)
        fetch_session_unref(fetch->session);
    request_unhold(request);
}

static void answer_error(struct request *request, enum kafka_error error)
{
    struct kp_fetch_response response = kp_fetch_response_default;
    response.error_code = (int16_t)error;
    request_respond(request, &response);
}

/* There is no memory for what this fetch asks: close, with nothing left behind. */
static void refuse(struct fetch *fetch)
{
    release_slices(fetch);
    if (fetch->session != NULL)
        fetch_session_unref(fetch->session);
    request_close(fetch->request, NO_MEMORY);
}

/* ---- waiting -------------------------------------------------------------------------------------------------------- */

static void fetch_canceled(struct request *request)
{
    struct fetch *fetch = request->parked;
    purgatory_end(&fetch->wait);
    if (fetch->session != NULL)
        fetch_session_unref(fetch->session);
}

/* Are the items those that were read? Another request may have changed them in their session. */
static bool has_same_items(const struct fetch *fetch)
{
    return fetch->session == NULL || fetch->session->epoch == fetch->session_epoch;
}

/* Could a read give an answer now? Counts what is there, without reading it, from where the offsets lay when the wait
 * began: `begins` notes that. */
static bool ready(struct fetch *fetch, bool begins)
{
    int64_t bytes = 0;
    if (!has_same_items(fetch))
        return true;
    for (int32_t i = 0; i < fetch->reads_count; i++) {
        struct fetch_read *read = &fetch->reads[i];
        const struct fetch_item *item = read->item;
        struct partition *partition = find_partition(fetch, item);
        if (partition == NULL || item->fetch_offset < log_start_offset(partition->log) ||
            item->fetch_offset > log_end_offset(partition->log) || log_is_offline(partition->log) ||
            (begins && log_find_position(partition->log, item->fetch_offset, &read->from, NULL) < 0))
            return true;
        int64_t there = log_bytes_from(partition->log, item->fetch_offset, &read->from, fetch->isolation);
        if (there == INT64_MAX)
            return true;
        bytes += there < item->max_bytes ? there : item->max_bytes;
        if (bytes >= fetch->min_bytes)
            return true;
    }
    return false;
}

static void read_items(struct fetch *fetch);

static void fetch_retry(struct purgatory_wait *wait, bool expired)
{
    struct fetch *fetch = CONTAINER_OF(wait, struct fetch, wait);
    if (!expired && !ready(fetch, false))
        return;
    purgatory_end(wait);
    fetch->waited = true;
    if (begin_reading(fetch))
        read_items(fetch);
    else
        refuse(fetch);
}

/* Keep what borrows the frame. False: no memory for it. */
static bool keep_names(struct fetch *fetch)
{
    struct request *request = fetch->request;
    if (fetch->names_kept || fetch->session != NULL || fetch->by_id)
        return true;
    struct kp_string copied = KP_NULL_STRING, original = KP_NULL_STRING;
    for (int32_t i = 0; i < fetch->items_count; i++) {
        struct kp_string *topic = &fetch->items[i].topic;
        if (topic->data != original.data) {
            original = *topic;
            copied = (struct kp_string){arena_copy(&request->arena, topic->data, (size_t)topic->size), topic->size};
            if (copied.data == NULL)
                return false;
        }
        *topic = copied;
    }
    fetch->names_kept = true;
    return true;
}

/* Wait for the partitions. False: no memory for it. */
static bool park(struct fetch *fetch)
{
    struct request *request = fetch->request;
    struct broker *broker = request->broker;
    struct purgatory_watch *watches = arena_calloc(&request->arena, (size_t)fetch->items_count, sizeof *watches);
    if (watches == NULL || !keep_names(fetch))
        return false;
    if (request->is_parked) /* for the reading */
        request_unpark(request);
    purgatory_begin(&fetch->wait, broker, broker->env->now(broker->env).mono_ms + fetch->max_wait_ms, watches,
                    fetch_retry);
    for (int32_t i = 0; i < fetch->items_count; i++) {
        struct partition *partition = find_partition(fetch, fetch->reads[i].item);
        if (partition != NULL)
            purgatory_watch(&fetch->wait, partition);
    }
    request->parked = fetch;
    request_park(request, fetch_canceled);
    return true;
}

/* ---- reading in parts ----------------------------------------------------------------------------------------------- */

static void reading_canceled(struct request *request)
{
    struct fetch *fetch = request->parked;
    long_work_end(&fetch->work);
    release_slices(fetch);
    if (fetch->session != NULL)
        fetch_session_unref(fetch->session);
}

static void go_on_reading(struct long_work *work)
{
    struct fetch *fetch = CONTAINER_OF(work, struct fetch, work);
    long_work_end(work);
    bool same_items = has_same_items(fetch);
    if (!same_items)
        release_slices(fetch);
    if (same_items || begin_reading(fetch))
        read_items(fetch);
    else
        refuse(fetch);
}

/* False: no memory for waiting. */
static bool read_later(struct fetch *fetch)
{
    struct request *request = fetch->request;
    if (!keep_names(fetch))
        return false;
    request->parked = fetch;
    if (request->is_parked) /* in the purgatory, a moment ago */
        request->canceled = reading_canceled;
    else
        request_park(request, reading_canceled);
    long_work_begin(request->broker, &fetch->work, "Fetch", go_on_reading);
    return true;
}

static void all_read(struct fetch *fetch)
{
    if (fetch->waited || fetch->max_wait_ms <= 0 || fetch->items_count == 0 || fetch->bytes >= fetch->min_bytes ||
        fetch->must_answer || fetch->request->broker->stopping || ready(fetch, true)) {
        answer(fetch);
        return;
    }
    release_slices(fetch);
    if (!park(fetch))
        refuse(fetch);
}

/* Read on, as far as the turn has time. */
static void read_items(struct fetch *fetch)
{
    while (fetch->reads_count < fetch->items_count) {
        bool looks = fetch->reads_count % READS_OF_A_LOOK == READS_OF_A_LOOK - 1;
        if (looks && !broker_has_time(fetch->request->broker) && read_later(fetch))
            return;
        if (!read_next(fetch)) {
            refuse(fetch);
            return;
        }
    }
    all_read(fetch);
}

/* ---- the request ---------------------------------------------------------------------------------------------------- */

static struct fetch_item item_of(const struct kp_fetch_request_topics *topic,
                                 const struct kp_fetch_request_topics_partitions *partition, bool by_id)
{
    return (struct fetch_item){
        .topic_id = by_id ? topic->topic_id : KP_ZERO_UUID,
        .topic = by_id ? KP_NULL_STRING : topic->topic,
        .partition = partition->partition,
        .max_bytes = partition->partition_max_bytes,
        .fetch_offset = partition->fetch_offset,
        .current_leader_epoch = partition->current_leader_epoch,
        .last_fetched_epoch = partition->last_fetched_epoch,
        .high_watermark = -1,
        .log_start_offset = -1,
    };
}

/* The items of a full fetch, from the request. */
static bool take_items(struct fetch *fetch, const struct kp_fetch_request *body)
{
    size_t count = 0;
    for (int32_t t = 0; t < body->topics_count; t++)
        count += (size_t)body->topics[t].partitions_count;
    fetch->items = arena_calloc(&fetch->request->arena, count, sizeof *fetch->items);
    if (fetch->items == NULL)
        return false;
    for (int32_t t = 0; t < body->topics_count; t++) {
        const struct kp_fetch_request_topics *topic = &body->topics[t];
        for (int32_t p = 0; p < topic->partitions_count; p++)
            fetch->items[fetch->items_count++] = item_of(topic, &topic->partitions[p], fetch->by_id);
    }
    return true;
}

/* Bring the session up to date with what the request adds, changes and forgets. False: no room for what it adds; the
 * session ends. */
static bool update_session(struct fetch *fetch, const struct kp_fetch_request *body)
{
    struct fetch_session *session = fetch->session;
    for (int32_t t = 0; t < body->topics_count; t++) {
        const struct kp_fetch_request_topics *topic = &body->topics[t];
        for (int32_t p = 0; p < topic->partitions_count; p++) {
            struct fetch_item item = item_of(topic, &topic->partitions[p], fetch->by_id);
            if (fetch_session_put(session, &item) == NULL) {
                fetch_session_drop(session);
                fetch->session = NULL;
                return false;
            }
        }
    }
    for (int32_t t = 0; t < body->forgotten_topics_data_count; t++) {
        const struct kp_fetch_request_forgotten_topics_data *topic = &body->forgotten_topics_data[t];
        for (int32_t p = 0; p < topic->partitions_count; p++) {
            struct fetch_item key = {.topic_id = fetch->by_id ? topic->topic_id : KP_ZERO_UUID,
                                     .topic = fetch->by_id ? KP_NULL_STRING : topic->topic,
                                     .partition = topic->partitions[p]};
            fetch_session_remove(session, &key);
        }
    }
    fetch_session_advance(session);
    fetch_session_ref(session);
    if (session->items_count == 0) { /* emptied: it ends, and the request is answered as if there had been none */
        fetch_session_drop(session);
        fetch_session_unref(session);
        fetch->session = NULL;
    }
    return true;
}

/* Which session, if any, this fetch is of. KAFKA_NONE or the error of the whole answer. */
static enum kafka_error find_session(struct fetch *fetch, const struct kp_fetch_request *body)
{
    struct fetch_sessions *sessions = fetch->request->broker->fetch_sessions;
    struct fetch_session *session = fetch_sessions_find(sessions, body->session_id);
    if (body->session_epoch == FETCH_EPOCH_FINAL || body->session_epoch == FETCH_EPOCH_INITIAL) {
        if (session != NULL)
            fetch_session_drop(session);
        fetch->wants_session = body->session_epoch == FETCH_EPOCH_INITIAL;
        return KAFKA_NONE;
    }
    if (session == NULL)
        return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
    if (session->epoch != body->session_epoch)
        return KAFKA_INVALID_FETCH_SESSION_EPOCH;
    if (session->uses_topic_ids != fetch->by_id)
        return KAFKA_FETCH_SESSION_TOPIC_ID_ERROR;
    fetch->session = session;
    return KAFKA_NONE;
}

/* False: some logs are to be loaded first, and the request is postponed. Those of a session's other partitions were
 * loaded when they came. */
static bool load_logs(struct request *request)
{
    const struct kp_fetch_request *body = request->body;
    const struct catalog *catalog = request->broker->catalog;
    int32_t number = 0;
    for (int32_t t = 0; t < body->topics_count; t++) {
        const struct kp_fetch_request_topics *asked = &body->topics[t];
        const struct topic *topic = request->header.api_version >= 13 ? catalog_topic_by_id(catalog, asked->topic_id)
                                                                      : catalog_topic(catalog, asked->topic);
        for (int32_t p = 0; p < asked->partitions_count; p++)
            if (!request_load(request, number++, topic, asked->partitions[p].partition))
                return false;
    }
    return true;
}

/* No more at once than the quota allows after a silence: more would always be throttled, and never be read. */
static void cap_by_quota(struct fetch *fetch)
{
    struct broker *broker = fetch->request->broker;
    int32_t most = quota_value_max(&broker->quotas, QUOTA_FETCH, request_client(fetch->request),
                                   broker->env->now(broker->env).mono_ms);
    fetch->max_bytes = most < fetch->max_bytes ? most : fetch->max_bytes;
}

void api_fetch(struct request *request)
{
    if (!load_logs(request))
        return;
    const struct kp_fetch_request *body = request->body;
    struct fetch *fetch = arena_calloc(&request->arena, 1, sizeof *fetch);
    if (fetch == NULL) {
        request_close(request, NO_MEMORY);
        return;
    }
    int32_t max_bytes_allowed = request->broker->config->fetch_max_bytes;
    fetch->request = request;
    fetch->by_id = request->header.api_version >= 13;
    fetch->isolation =
        body->isolation_level == ISOLATION_READ_COMMITTED ? ISOLATION_READ_COMMITTED : ISOLATION_READ_UNCOMMITTED;
    fetch->replica_id = request->header.api_version >= 15 ? body->replica_state.replica_id : body->replica_id;
    fetch->max_bytes = body->max_bytes < max_bytes_allowed ? body->max_bytes : max_bytes_allowed;
    if (request->counted && fetch->replica_id < 0)
        cap_by_quota(fetch);
    fetch->min_bytes = body->min_bytes < fetch->max_bytes ? body->min_bytes : fetch->max_bytes;
    fetch->max_wait_ms = body->max_wait_ms;
    enum kafka_error error = find_session(fetch, body);
    if (error == KAFKA_NONE && fetch->session != NULL && !update_session(fetch, body))
        error = KAFKA_FETCH_SESSION_ID_NOT_FOUND; /* which has the client begin anew, with a full fetch */
    if (error != KAFKA_NONE) {
        answer_error(request, error);
        return;
    }
    if ((fetch->session != NULL || take_items(fetch, body)) && begin_reading(fetch))
        read_items(fetch);
    else
        refuse(fetch);
}
