/* InitProducerId: an id for a producer, so that the broker can tell its retries from new records. */
#include "api.h"
#include "broker.h"
#include "producer_ids.h"

/* Transactions are not served yet. The client gets an error that it takes for final, whatever its language: with a
 * retriable one it would ask for ever, and with a rarer one some clients would. */
#define TRANSACTIONS_REFUSED KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED

/* Id and epoch of a producer that resumes (KIP-360): both or neither. */
static bool resumes_halfway(const struct kp_init_producer_id_request *body)
{
    const struct kp_init_producer_id_request *none = &kp_init_producer_id_request_default;
    return (body->producer_id == none->producer_id) != (body->producer_epoch == none->producer_epoch);
}

static enum kafka_error next_id(struct request *request, struct kp_init_producer_id_response *response)
{
    const struct kp_init_producer_id_request *body = request->body;
    if (resumes_halfway(body))
        return KAFKA_INVALID_REQUEST;
    if (body->transactional_id.size == 0)
        return KAFKA_INVALID_REQUEST;
    if (body->transactional_id.size > 0)
        return TRANSACTIONS_REFUSED;
    response->producer_epoch = 0; /* with no transactional id there is nothing to resume: a new id, whatever it had */
    return producer_ids_next(request->broker->producer_ids, request, &response->producer_id);
}

void api_init_producer_id(struct request *request)
{
    struct kp_init_producer_id_response response = kp_init_producer_id_response_default;
    response.producer_epoch = -1;
    enum kafka_error error = next_id(request, &response);
    if (error != KAFKA_NONE) {
        response.producer_epoch = -1;
        response.error_code = (int16_t)error;
    }
    request_respond(request, &response);
}
