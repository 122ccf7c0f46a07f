/* AddPartitionsToTxn, AddOffsetsToTxn, EndTxn: the course of a transaction, as its producer tells it. It begins with
 * InitProducerId (api_producer_id.c). What a transaction is, is in coord/transactions.c. */
#include "api.h"
#include "broker.h"
#include "group_coordinator.h"
#include "outcome.h"
#include "transaction_coordinator.h"

typedef struct kp_add_partitions_to_txn_request_add_partitions_to_txn_topic add_topic;
typedef struct kp_add_partitions_to_txn_response_add_partitions_to_txn_topic_result add_result;

/* The second protocol is spoken by brokers from version 4 of AddPartitionsToTxn on, by clients from version 5 of EndTxn
 * on. */
#define ADD_BY_BROKERS_VERSION 4
#define END_V2_VERSION         5

/* Clients before version 2 of these requests do not know PRODUCER_FENCED. */
static enum kafka_error error_for(const struct request *request, enum kafka_error error)
{
    return error == KAFKA_PRODUCER_FENCED && request->header.api_version < 2 ? KAFKA_INVALID_PRODUCER_EPOCH : error;
}

/* ---- AddPartitionsToTxn --------------------------------------------------------------------------------------------- */

/* What is asked for one transactional id. */
struct addition {
    struct request *request;
    struct kp_string id;
    struct producer_epoch producer;
    bool verifies;
    const add_topic *topics;
    int32_t topics_count;
    add_result *results; /* one per topic */
    int32_t results_count;
};

static enum kafka_error check_partition(const struct addition *addition, struct kp_string name, int32_t index)
{
    struct catalog *catalog = addition->request->broker->catalog;
    const struct topic *topic = catalog_topic(catalog, name);
    if (topic && topic->internal && addition->request->header.api_version < ADD_BY_BROKERS_VERSION)
        return KAFKA_TOPIC_AUTHORIZATION_FAILED;
    return topic && topic_partition(topic, index) ? KAFKA_NONE : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

/* Room for the results, with what is wrong about the partitions themselves; *count is their number. False: no memory.
 */
static bool make_results(struct addition *addition, int32_t *count, bool *good)
{
    struct arena *arena = &addition->request->arena;
    addition->results = arena_calloc(arena, (size_t)addition->topics_count, sizeof *addition->results);
    *count = 0;
    *good = true;
    for (int32_t t = 0; t < addition->topics_count && addition->results; t++) {
        const add_topic *topic = &addition->topics[t];
        add_result *result = &addition->results[t];
        result->name = topic->name;
        result->results_by_partition_count = topic->partitions_count;
        result->results_by_partition =
            arena_calloc(arena, (size_t)topic->partitions_count, sizeof *result->results_by_partition);
        if (!result->results_by_partition)
            return false;
        for (int32_t p = 0; p < topic->partitions_count; p++) {
            enum kafka_error error = check_partition(addition, topic->name, topic->partitions[p]);
            result->results_by_partition[p].partition_index = topic->partitions[p];
            result->results_by_partition[p].partition_error_code = (int16_t)error;
            *good &= error == KAFKA_NONE;
        }
        *count += topic->partitions_count;
    }
    addition->results_count = addition->topics_count;
    return addition->results != NULL;
}

/* What Kafka gathers by partition has no topic without any. */
static void drop_empty_results(struct addition *addition)
{
    addition->results_count = 0;
    for (int32_t t = 0; t < addition->topics_count; t++) {
        if (addition->results[t].results_by_partition_count > 0)
            addition->results[addition->results_count++] = addition->results[t];
    }
}

static void set_results(struct addition *addition, enum kafka_error error)
{
    for (int32_t t = 0; t < addition->results_count; t++) {
        add_result *result = &addition->results[t];
        for (int32_t p = 0; p < result->results_by_partition_count; p++) {
            if (result->results_by_partition[p].partition_error_code == KAFKA_NONE)
                result->results_by_partition[p].partition_error_code = (int16_t)error;
        }
    }
}

static enum kafka_error verify(struct addition *addition, const struct transactions *transactions)
{
    for (int32_t t = 0; t < addition->results_count; t++) {
        add_result *result = &addition->results[t];
        for (int32_t p = 0; p < result->results_by_partition_count; p++)
            result->results_by_partition[p].partition_error_code =
                (int16_t)transactions_verify(transactions, addition->id, addition->producer, result->name,
                                             result->results_by_partition[p].partition_index);
    }
    return KAFKA_NONE;
}

static enum kafka_error add(struct addition *addition, struct transactions *transactions, int32_t count)
{
    struct transaction_partition *items = arena_calloc(&addition->request->arena, (size_t)count, sizeof *items);
    struct transaction_partitions added;
    if (!items)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    for (int32_t t = 0, i = 0; t < addition->topics_count; t++) {
        for (int32_t p = 0; p < addition->topics[t].partitions_count; p++)
            items[i++] = (struct transaction_partition){addition->topics[t].name, addition->topics[t].partitions[p]};
    }
    bool by_broker = addition->request->header.api_version >= ADD_BY_BROKERS_VERSION;
    transaction_partitions_of(&added, items, count);
    enum kafka_error error = transactions_add(transactions, addition->id, addition->producer, &added,
                                              by_broker ? TRANSACTION_VERSION_EPOCH_BUMP : 0);
    transaction_partitions_release(&added);
    return error_for(addition->request, error);
}

/* False: no memory. */
static bool carry_out(struct addition *addition)
{
    struct request *request = addition->request;
    struct transaction_coordinator *coordinator = request->broker->transactions;
    int32_t count, shard = -1;
    bool good;
    if (!make_results(addition, &count, &good))
        return false;
    if (!good || addition->verifies)
        drop_empty_results(addition);
    enum kafka_error error = good ? KAFKA_NONE : KAFKA_OPERATION_NOT_ATTEMPTED;
    if (good && addition->id.size <= 0)
        error = KAFKA_INVALID_REQUEST;
    if (error == KAFKA_NONE)
        error = transaction_coordinator_shard(coordinator, addition->id, &shard);
    if (error == KAFKA_NONE)
        error = addition->verifies ? verify(addition, coordinator->transactions)
                                   : add(addition, coordinator->transactions, count);
    if (error != KAFKA_NONE)
        set_results(addition, error);
    if (shard >= 0)
        coordinator_hold(coordinator->executor, shard, request);
    return true;
}

static bool add_of_client(struct request *request, struct kp_add_partitions_to_txn_response *response)
{
    const struct kp_add_partitions_to_txn_request *body = request->body;
    struct addition addition = {
        .request = request,
        .id = body->v3_and_below_transactional_id,
        .producer = {body->v3_and_below_producer_id, body->v3_and_below_producer_epoch},
        .topics = body->v3_and_below_topics,
        .topics_count = body->v3_and_below_topics_count,
    };
    bool fits = carry_out(&addition);
    response->results_by_topic_v3_and_below = addition.results;
    response->results_by_topic_v3_and_below_count = addition.results_count;
    return fits;
}

static bool add_of_broker(struct request *request, struct kp_add_partitions_to_txn_response *response)
{
    const struct kp_add_partitions_to_txn_request *body = request->body;
    int32_t count = body->transactions_count;
    response->results_by_transaction =
        arena_calloc(&request->arena, (size_t)count, sizeof *response->results_by_transaction);
    bool fits = response->results_by_transaction != NULL;
    for (int32_t i = 0; i < count && fits; i++) {
        const struct kp_add_partitions_to_txn_request_transactions *asked = &body->transactions[i];
        struct addition addition = {
            .request = request,
            .id = asked->transactional_id,
            .producer = {asked->producer_id, asked->producer_epoch},
            .verifies = asked->verify_only,
            .topics = asked->topics,
            .topics_count = asked->topics_count,
        };
        fits = carry_out(&addition);
        struct kp_add_partitions_to_txn_response_results_by_transaction *result =
            &response->results_by_transaction[response->results_by_transaction_count++];
        result->transactional_id = asked->transactional_id;
        result->topic_results = addition.results;
        result->topic_results_count = addition.results_count;
    }
    return fits;
}

void api_add_partitions_to_txn(struct request *request)
{
    struct kp_add_partitions_to_txn_response response = kp_add_partitions_to_txn_response_default;
    bool by_broker = request->header.api_version >= ADD_BY_BROKERS_VERSION;
    if (by_broker ? add_of_broker(request, &response) : add_of_client(request, &response))
        request_respond(request, &response);
    else
        request_close(request, NO_MEMORY);
}

/* ---- AddOffsetsToTxn ------------------------------------------------------------------------------------------------ */

/* What a group commits in a transaction is in the group's partition of __consumer_offsets, which takes part in it. */
static enum kafka_error add_offsets(struct request *request)
{
    const struct kp_add_offsets_to_txn_request *body = request->body;
    struct broker *broker = request->broker;
    struct transaction_coordinator *coordinator = broker->transactions;
    int32_t shard;
    struct transaction_partitions added = {0};
    if (body->transactional_id.size == 0)
        return KAFKA_INVALID_REQUEST;
    enum kafka_error error = transaction_coordinator_shard(coordinator, body->transactional_id, &shard);
    if (error != KAFKA_NONE)
        return error;
    transaction_partitions_add(&added, kp_string_of(broker->groups->kind.topic),
                               group_coordinator_partition(broker->groups, body->group_id));
    error = transactions_add(coordinator->transactions, body->transactional_id,
                             (struct producer_epoch){body->producer_id, body->producer_epoch}, &added, 0);
    transaction_partitions_release(&added);
    coordinator_hold(coordinator->executor, shard, request);
    return error;
}

void api_add_offsets_to_txn(struct request *request)
{
    struct kp_add_offsets_to_txn_response response = kp_add_offsets_to_txn_response_default;
    response.error_code = (int16_t)error_for(request, add_offsets(request));
    request_respond(request, &response);
}

/* ---- EndTxn --------------------------------------------------------------------------------------------------------- */

static enum kafka_error end(struct request *request, struct producer_epoch *after)
{
    const struct kp_end_txn_request *body = request->body;
    struct transaction_coordinator *coordinator = request->broker->transactions;
    const struct transaction_end asked = {
        .id = body->transactional_id,
        .producer = {body->producer_id, body->producer_epoch},
        .commits = body->committed,
        .client_version = request->header.api_version >= END_V2_VERSION ? TRANSACTION_VERSION_EPOCH_BUMP : 0,
    };
    int32_t shard;
    if (asked.id.size == 0)
        return KAFKA_INVALID_REQUEST;
    enum kafka_error error = transaction_coordinator_shard(coordinator, asked.id, &shard);
    if (error != KAFKA_NONE)
        return error;
    error = transactions_end(coordinator->transactions, &asked, after);
    transaction_coordinator_go_on(coordinator);
    coordinator_hold(coordinator->executor, shard, request);
    return error;
}

void api_end_txn(struct request *request)
{
    struct kp_end_txn_response response = kp_end_txn_response_default;
    struct producer_epoch after = PRODUCER_EPOCH_NONE;
    response.error_code = (int16_t)error_for(request, end(request, &after));
    response.producer_id = after.id;
    response.producer_epoch = after.epoch;
    request_respond(request, &response);
}
