/* DescribeTransactions, ListTransactions: what transactional ids do. WriteTxnMarkers: the end of transactions in
 * partitions, as a coordinator elsewhere decided it, or an administrator who gets rid of one that hangs (KIP-664). */
#include "api.h"
#include "broker.h"
#include "outcome.h"
#include "pattern.h"
#include "transaction_coordinator.h"
#include "transaction_marker.h"

#include <string.h>

/* ---- WriteTxnMarkers ------------------------------------------------------------------------------------------------ */

typedef struct kp_write_txn_markers_request_markers marker_data;
typedef struct kp_write_txn_markers_response_markers marker_response;

typedef struct kp_write_txn_markers_request_markers_topics topic_data;
typedef struct kp_write_txn_markers_response_markers_topics topic_response;

/* A request with more partitions is not carried out in one turn if that has no time. */
#define MARKERS_AT_ONCE 64

/* How far a request is; in its arena. */
struct marking {
    struct kp_write_txn_markers_response response;
    int32_t marker, topic, partition; /* of the body: the next one to write */
    int32_t answered; /* topics of the marker's answer that are complete: those without partitions have none */
    bool failed;      /* a marker for a partition is of no producer: no further one is written */
};

static int32_t count_partitions(const struct kp_write_txn_markers_request *body)
{
    int32_t count = 0;
    for (int32_t m = 0; m < body->markers_count; m++)
        for (int32_t t = 0; t < body->markers[m].topics_count; t++)
            count += body->markers[m].topics[t].partition_indexes_count;
    return count;
}

/* Room for the answer to one marker. False: no memory. */
static bool make_answer(struct request *request, const marker_data *asked, marker_response *response)
{
    struct arena *arena = &request->arena;
    response->producer_id = asked->producer_id;
    response->topics = arena_calloc(arena, (size_t)asked->topics_count, sizeof *response->topics);
    for (int32_t t = 0; t < asked->topics_count && response->topics; t++) {
        const topic_data *data = &asked->topics[t];
        topic_response *topic = &response->topics[response->topics_count];
        if (data->partition_indexes_count == 0) /* Kafka's answer is by partition */
            continue;
        topic->name = data->name;
        topic->partitions = arena_calloc(arena, (size_t)data->partition_indexes_count, sizeof *topic->partitions);
        if (!topic->partitions)
            return false;
        response->topics_count++;
    }
    return response->topics != NULL;
}

static struct marking *begin_marking(struct request *request)
{
    const struct kp_write_txn_markers_request *body = request->body;
    struct marking *marking = arena_calloc(&request->arena, 1, sizeof *marking);
    if (!marking)
        return NULL;
    struct kp_write_txn_markers_response *response = &marking->response;
    response->markers_count = body->markers_count;
    response->markers = arena_calloc(&request->arena, (size_t)body->markers_count, sizeof *response->markers);
    bool fits = response->markers != NULL;
    for (int32_t i = 0; i < body->markers_count && fits; i++)
        fits = make_answer(request, &body->markers[i], &response->markers[i]);
    return fits ? marking : NULL;
}

static bool is_of_producer(const marker_data *asked)
{
    return asked->producer_id != PRODUCER_EPOCH_NONE.id && asked->producer_epoch != PRODUCER_EPOCH_NONE.epoch;
}

/* Kafka fails inside at a marker of no producer, and answers that error for all that was asked. */
static enum kafka_error write_marker(struct request *request, const marker_data *asked, struct kp_string name,
                                     int32_t index)
{
    const struct transaction_marker marker = {
        .producer = {asked->producer_id, asked->producer_epoch},
        .coordinator_epoch = asked->coordinator_epoch,
        .version = asked->transaction_version,
        .commits = asked->transaction_result,
    };
    const struct topic *topic = catalog_topic(request->broker->catalog, name);
    struct partition *partition = topic ? topic_partition(topic, index) : NULL;
    if (!partition)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    return is_of_producer(asked) ? transaction_marker_write(request->broker, partition, &marker)
                                 : KAFKA_UNKNOWN_SERVER_ERROR;
}

/* Go to the next partition. False: there is none. */
static bool find_next(struct marking *marking, const struct kp_write_txn_markers_request *body)
{
    while (marking->marker < body->markers_count) {
        const marker_data *asked = &body->markers[marking->marker];
        if (marking->topic == asked->topics_count) {
            marking->marker++;
            marking->topic = marking->answered = marking->partition = 0;
        } else if (marking->partition == asked->topics[marking->topic].partition_indexes_count) {
            marking->answered += marking->partition > 0;
            marking->topic++;
            marking->partition = 0;
        } else {
            return true;
        }
    }
    return false;
}

static void write_next(struct request *request, struct marking *marking)
{
    const struct kp_write_txn_markers_request *body = request->body;
    const marker_data *asked = &body->markers[marking->marker];
    const topic_data *data = &asked->topics[marking->topic];
    topic_response *response = &marking->response.markers[marking->marker].topics[marking->answered];
    int32_t index = data->partition_indexes[marking->partition++];
    enum kafka_error error =
        marking->failed ? KAFKA_UNKNOWN_SERVER_ERROR : write_marker(request, asked, data->name, index);
    marking->failed |= error == KAFKA_UNKNOWN_SERVER_ERROR;
    response->partitions[response->partitions_count++] =
        (struct kp_write_txn_markers_response_markers_topics_partitions){index, (int16_t)error};
}

/* What was answered before the request failed. */
static void fail_all(struct kp_write_txn_markers_response *response)
{
    for (int32_t m = 0; m < response->markers_count; m++)
        for (int32_t t = 0; t < response->markers[m].topics_count; t++)
            for (int32_t p = 0; p < response->markers[m].topics[t].partitions_count; p++)
                response->markers[m].topics[t].partitions[p].error_code = KAFKA_UNKNOWN_SERVER_ERROR;
}

/* Markers without partitions are not in the answer, but where the request fails as a whole. */
static void answer_markers(struct request *request, struct marking *marking)
{
    struct kp_write_txn_markers_response *response = &marking->response;
    int32_t count = 0;
    if (marking->failed)
        fail_all(response);
    for (int32_t i = 0; i < response->markers_count; i++)
        if (marking->failed || response->markers[i].topics_count > 0)
            response->markers[count++] = response->markers[i];
    response->markers_count = count;
    request_respond(request, response);
}

void api_write_txn_markers(struct request *request)
{
    const struct kp_write_txn_markers_request *body = request->body;
    bool in_parts = count_partitions(body) > MARKERS_AT_ONCE;
    if (in_parts && !request->postponed) { /* the body is to outlive the frame before something is done */
        request_postpone(request);
        return;
    }
    struct marking *marking = request->parked ? request->parked : begin_marking(request);
    if (!marking) {
        request_close(request, NO_MEMORY);
        return;
    }
    request->parked = marking;
    while (find_next(marking, body)) {
        if (in_parts && !broker_has_time(request->broker)) {
            request_postpone(request);
            return;
        }
        write_next(request, marking);
    }
    answer_markers(request, marking);
}

/* ---- DescribeTransactions ------------------------------------------------------------------------------------------- */

typedef struct kp_describe_transactions_response_transaction_states described;

static bool describe_partitions(struct request *request, const struct transaction_partitions *partitions,
                                described *response)
{
    response->topics = arena_calloc(&request->arena, (size_t)partitions->topics_count, sizeof *response->topics);
    response->topics_count = partitions->topics_count;
    for (int32_t t = 0; t < partitions->topics_count && response->topics; t++) {
        const transaction_topic *topic = &partitions->topics[t];
        struct kp_describe_transactions_response_transaction_states_topics *told = &response->topics[t];
        size_t bytes = (size_t)topic->partition_ids_count * sizeof *told->partitions;
        told->topic = topic->topic;
        told->partitions_count = topic->partition_ids_count;
        told->partitions = arena_calloc(&request->arena, (size_t)topic->partition_ids_count, sizeof *told->partitions);
        if (!told->partitions)
            return false;
        memcpy(told->partitions, topic->partition_ids, bytes);
    }
    return response->topics != NULL;
}

static bool describe(struct request *request, struct kp_string id, described *response)
{
    struct transaction_coordinator *coordinator = request->broker->transactions;
    int32_t shard;
    enum kafka_error error =
        id.size == 0 ? KAFKA_INVALID_REQUEST : transaction_coordinator_shard(coordinator, id, &shard);
    const struct transaction *transaction =
        error == KAFKA_NONE ? transactions_find(coordinator->transactions, id) : NULL;
    *response = kp_describe_transactions_response_transaction_states_default;
    response->transactional_id = id;
    response->error_code = (int16_t)(error != KAFKA_NONE ? error : KAFKA_TRANSACTIONAL_ID_NOT_FOUND);
    if (!transaction)
        return true;
    const struct transaction_fields *fields = &transaction->fields;
    response->error_code = KAFKA_NONE;
    response->transaction_state = kp_string_of(transaction_state_name(fields->state));
    response->transaction_timeout_ms = fields->timeout_ms;
    response->transaction_start_time_ms = fields->start_ms;
    response->producer_id = fields->producer.id;
    response->producer_epoch = fields->producer.epoch;
    return describe_partitions(request, &transaction->partitions, response);
}

void api_describe_transactions(struct request *request)
{
    const struct kp_describe_transactions_request *body = request->body;
    struct kp_describe_transactions_response response = kp_describe_transactions_response_default;
    response.transaction_states_count = body->transactional_ids_count;
    response.transaction_states =
        arena_calloc(&request->arena, (size_t)body->transactional_ids_count, sizeof *response.transaction_states);
    bool fits = response.transaction_states != NULL;
    for (int32_t i = 0; i < body->transactional_ids_count && fits; i++)
        fits = describe(request, body->transactional_ids[i], &response.transaction_states[i]);
    if (fits)
        request_respond(request, &response);
    else
        request_close(request, NO_MEMORY);
}

/* ---- ListTransactions ----------------------------------------------------------------------------------------------- */

struct list_filter {
    const struct kp_list_transactions_request *body;
    uint32_t states; /* a bit for each that is asked for */
    int64_t now_ms;
    struct pattern *pattern; /* NULL: any id */
};

static bool has_producer_id(const struct kp_list_transactions_request *body, int64_t id)
{
    for (int32_t i = 0; i < body->producer_id_filters_count; i++) {
        if (body->producer_id_filters[i] == id)
            return true;
    }
    return body->producer_id_filters_count == 0;
}

static bool matches(const struct list_filter *filter, const struct transaction *transaction)
{
    const struct transaction_fields *fields = &transaction->fields;
    const struct kp_list_transactions_request *body = filter->body;
    if (body->state_filters_count > 0 && (filter->states >> fields->state & 1) == 0)
        return false;
    if (body->duration_filter >= 0 && filter->now_ms - fields->start_ms <= body->duration_filter)
        return false;
    return has_producer_id(body, fields->producer.id) &&
           (!filter->pattern || pattern_matches(filter->pattern, transaction->id.data, (size_t)transaction->id.size));
}

/* False: no memory. */
static bool take_states(struct request *request, struct list_filter *filter,
                        struct kp_list_transactions_response *response)
{
    const struct kp_list_transactions_request *body = request->body;
    response->unknown_state_filters =
        arena_calloc(&request->arena, (size_t)body->state_filters_count, sizeof *response->unknown_state_filters);
    for (int32_t i = 0; i < body->state_filters_count && response->unknown_state_filters; i++) {
        int state;
        if (!transaction_state_find(body->state_filters[i], &state))
            response->unknown_state_filters[response->unknown_state_filters_count++] = body->state_filters[i];
        else if (state >= 0)
            filter->states |= UINT32_C(1) << state;
    }
    return response->unknown_state_filters != NULL;
}

static bool list_all(struct request *request, const struct list_filter *filter,
                     struct kp_list_transactions_response *response)
{
    const struct transactions *transactions = request->broker->transactions->transactions;
    response->transaction_states =
        arena_calloc(&request->arena, transactions->by_id.count, sizeof *response->transaction_states);
    if (!response->transaction_states)
        return false;
    list_for_each (&transactions->all, node) {
        const struct transaction *transaction = CONTAINER_OF(node, struct transaction, link);
        if (matches(filter, transaction))
            response->transaction_states[response->transaction_states_count++] =
                (struct kp_list_transactions_response_transaction_states){
                    .transactional_id = transaction->id,
                    .producer_id = transaction->fields.producer.id,
                    .transaction_state = kp_string_of(transaction_state_name(transaction->fields.state))};
    }
    return true;
}

void api_list_transactions(struct request *request)
{
    const struct kp_list_transactions_request *body = request->body;
    struct broker *broker = request->broker;
    struct kp_list_transactions_response response = kp_list_transactions_response_default;
    struct list_filter filter = {.body = body, .now_ms = broker->env->now(broker->env).wall_ms};
    struct kp_string pattern = body->transactional_id_pattern;
    bool fits = true;
    if (pattern.size > 0)
        filter.pattern = pattern_new(PATTERN_RE2, pattern.data, (size_t)pattern.size);
    if (!coordinator_all_loaded(broker->transactions->executor))
        response.error_code = KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
    else if (pattern.size > 0 && !filter.pattern)
        response.error_code = KAFKA_INVALID_REGULAR_EXPRESSION;
    else
        fits = take_states(request, &filter, &response) && list_all(request, &filter, &response);
    if (fits)
        request_respond(request, &response);
    else
        request_close(request, NO_MEMORY);
    pattern_free(filter.pattern);
}
