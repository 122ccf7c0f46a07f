/* FindCoordinator: who serves a group or a transactional id. On one node that is this broker, from the first ask on:
 * the topic that its state needs is made by it, and the answer waits until that is durable and the key's log can be
 * written. */
#include "api.h"
#include "broker.h"
#include "group_coordinator.h"
#include "outcome.h"
#include "transaction_coordinator.h"

enum coordinator_type { TYPE_GROUP = 0, TYPE_TRANSACTION = 1, TYPE_SHARE = 2 };

/* Who coordinates keys of that type; NULL: nobody. */
static struct coordinator *coordinator_of(const struct request *request, int8_t key_type)
{
    switch (key_type) {
    case TYPE_GROUP:
        return request->broker->groups->executor;
    case TYPE_TRANSACTION:
        return request->broker->transactions->executor;
    default: /* share groups are not served yet */
        return NULL;
    }
}

/* Can what comes next be written for these keys? False: it will be, and the request waits. */
static bool is_ready(struct request *request, struct coordinator *coordinator, const struct kp_string *keys,
                     int32_t count)
{
    for (int32_t i = 0; coordinator && i < count; i++) {
        if (!coordinator_ready(coordinator, keys[i], request))
            return false;
    }
    return true;
}

static enum kafka_error ensure(struct request *request, struct coordinator *coordinator)
{
    return coordinator ? coordinator_ensure_topic(coordinator, request) : KAFKA_INVALID_REQUEST;
}

static struct kp_string message_of(enum kafka_error error)
{
    return kp_string_of(error == KAFKA_COORDINATOR_NOT_AVAILABLE
                            ? "The coordinator's topic cannot be made, or its log is offline."
                            : "There is no such type of coordinator.");
}

/* Up to version 3 one key is asked for, and a success carries a text as well. */
static void answer_one(struct request *request, int8_t key_type, const char *host, int32_t port)
{
    struct kp_find_coordinator_response response = kp_find_coordinator_response_default;
    const struct kp_find_coordinator_request *body = request->body;
    struct coordinator *coordinator = coordinator_of(request, key_type);
    enum kafka_error error = ensure(request, coordinator);
    if (!is_ready(request, coordinator, &body->key, 1))
        return;
    if (error == KAFKA_NONE)
        error = coordinator_find(coordinator, body->key);
    response.error_code = (int16_t)error;
    response.error_message = error == KAFKA_NONE ? kp_string_of("NONE") : message_of(error);
    response.node_id = error == KAFKA_NONE ? request->broker->node_id : -1;
    response.host = error == KAFKA_NONE ? kp_string_of(host) : KP_EMPTY_STRING;
    response.port = error == KAFKA_NONE ? port : -1;
    request_respond(request, &response);
}

static void answer_many(struct request *request, const char *host, int32_t port)
{
    const struct kp_find_coordinator_request *body = request->body;
    struct kp_find_coordinator_response response = kp_find_coordinator_response_default;
    int32_t count = body->coordinator_keys_count;
    response.coordinators = arena_alloc(&request->arena, (size_t)count * sizeof *response.coordinators);
    if (!response.coordinators) {
        request_close(request, NO_MEMORY);
        return;
    }
    struct coordinator *coordinator = coordinator_of(request, body->key_type);
    enum kafka_error ensured = count > 0 ? ensure(request, coordinator) : KAFKA_NONE;
    if (!is_ready(request, coordinator, body->coordinator_keys, count))
        return;
    for (int32_t i = 0; i < count && request_pause(request, 1); i++) {
        enum kafka_error error =
            ensured == KAFKA_NONE ? coordinator_find(coordinator, body->coordinator_keys[i]) : ensured;
        bool found = error == KAFKA_NONE;
        response.coordinators[response.coordinators_count++] = (struct kp_find_coordinator_response_coordinators){
            .key = body->coordinator_keys[i],
            .node_id = found ? request->broker->node_id : -1,
            .host = found ? kp_string_of(host) : KP_EMPTY_STRING,
            .port = found ? port : -1,
            .error_code = (int16_t)error,
            .error_message = found || body->key_type == TYPE_SHARE ? KP_EMPTY_STRING : message_of(error),
        };
    }
    request_respond(request, &response);
}

void api_find_coordinator(struct request *request)
{
    const struct kp_find_coordinator_request *body = request->body;
    const char *host;
    int32_t port;
    peer_advertised_address(request->peer, &host, &port);
    if (request->header.api_version < 4)
        answer_one(request, body->key_type, host, port);
    else
        answer_many(request, host, port);
}
