/* InitProducerId: an id for a producer, so that the broker can tell its retries from new records; with a transactional
 * id one of its own, in a new epoch that fences who had it before. */
#include "api.h"
#include "broker.h"
#include "producer_ids.h"
#include "transaction_coordinator.h"

/* Id and epoch of a producer that resumes (KIP-360): both or neither. */
static bool resumes_halfway(const struct kp_init_producer_id_request *body)
{
    const struct kp_init_producer_id_request *none = &kp_init_producer_id_request_default;
    return (body->producer_id == none->producer_id) != (body->producer_epoch == none->producer_epoch);
}

static enum kafka_error init_transactional(struct request *request, struct producer_epoch *given)
{
    const struct kp_init_producer_id_request *body = request->body;
    struct transaction_coordinator *coordinator = request->broker->transactions;
    const struct transaction_init init = {
        .id = body->transactional_id,
        .timeout_ms = body->transaction_timeout_ms,
        .resumed = {body->producer_id, body->producer_epoch},
    };
    int32_t shard;
    enum kafka_error error = transactions_check_timeout_ms(coordinator->transactions, init.timeout_ms);
    if (error == KAFKA_NONE)
        error = transaction_coordinator_shard(coordinator, init.id, &shard);
    if (error != KAFKA_NONE)
        return error;
    error = transactions_init(coordinator->transactions, shard, &init, given);
    transaction_coordinator_go_on(coordinator);
    coordinator_hold(coordinator->executor, shard, request);
    return error;
}

static enum kafka_error give(struct request *request, struct producer_epoch *given)
{
    const struct kp_init_producer_id_request *body = request->body;
    if (resumes_halfway(body) || body->transactional_id.size == 0)
        return KAFKA_INVALID_REQUEST;
    if (body->transactional_id.size > 0)
        return init_transactional(request, given);
    given->epoch = 0; /* with no transactional id there is nothing to resume: a new id, whatever it had */
    return producer_ids_next(request->broker->producer_ids, request, &given->id);
}

void api_init_producer_id(struct request *request)
{
    const struct kp_init_producer_id_request *body = request->body;
    struct kp_init_producer_id_response response = kp_init_producer_id_response_default;
    if (!coordinator_ready(request->broker->transactions->executor, body->transactional_id, request))
        return;
    struct producer_epoch given = PRODUCER_EPOCH_NONE;
    enum kafka_error error = give(request, &given);
    if (error == KAFKA_PRODUCER_FENCED && request->header.api_version < 4)
        error = KAFKA_INVALID_PRODUCER_EPOCH; /* older clients do not know the other one */
    if (error != KAFKA_NONE)
        given = PRODUCER_EPOCH_NONE;
    response.error_code = (int16_t)error;
    response.producer_id = given.id;
    response.producer_epoch = given.epoch;
    request_respond(request, &response);
}
