/* JoinGroup, SyncGroup, Heartbeat, LeaveGroup: the members of classic groups. What they do to a group is in
 * coord/classic_group.c; here requests become calls and wait.
 *
 *     check -> shard -> classic_group_join() ... answered at once, or parked until the round is over
 *
 * A parked request whose peer goes away is forgotten; its member stays, as in Kafka, until its session ends. */
#include "api.h"
#include "broker.h"
#include "coord/classic_group.h"
#include "group_coordinator.h"
#include "outcome.h"

#include <arpa/inet.h>
#include <string.h>

/* A JoinGroup or SyncGroup on its way; in the request's arena. */
struct waiting {
    struct group_call call;
    struct request *request;
    int32_t shard;
    bool answered;
};

static void answer(struct group_call *call, const void *response)
{
    struct waiting *waiting = CONTAINER_OF(call, struct waiting, call);
    struct request *request = waiting->request;
    waiting->answered = true;
    if (!response) {
        request_close(request, NO_MEMORY);
        return;
    }
    coordinator_hold(request->broker->groups->executor, waiting->shard, request);
    request_respond(request, response);
}

/* Before version 7 the protocol's name cannot be null, and from there on Kafka says null for an empty one too. */
static void answer_join(struct group_call *call, const void *answered)
{
    const struct waiting *waiting = CONTAINER_OF(call, struct waiting, call);
    const struct kp_join_group_response *joined = answered;
    if (!joined || joined->protocol_name.size > 0) {
        answer(call, joined);
        return;
    }
    struct kp_join_group_response response = *joined;
    response.protocol_name = waiting->request->header.api_version < 7 ? KP_EMPTY_STRING : KP_NULL_STRING;
    answer(call, &response);
}

static void canceled(struct request *request)
{
    struct waiting *waiting = request->parked;
    group_call_cancel(&waiting->call);
}

/* NULL: no memory, and the connection is closed. The request is held: it outlives an answer until wait_if_open(). */
static struct waiting *waiting_new(struct request *request, int32_t shard,
                                   void (*answered)(struct group_call *call, const void *response))
{
    struct waiting *waiting = arena_calloc(&request->arena, 1, sizeof *waiting);
    if (!waiting) {
        request_close(request, NO_MEMORY);
        return NULL;
    }
    waiting->call = (struct group_call){.arena = &request->arena, .answer = answered};
    waiting->request = request;
    waiting->shard = shard;
    request_hold(request);
    return waiting;
}

/* The call was made: a request that it did not answer is parked. */
static void wait_if_open(struct waiting *waiting)
{
    struct request *request = waiting->request;
    if (!waiting->answered) {
        request->parked = waiting;
        request_park(request, canceled);
    }
    request_unhold(request);
}

/* The client's address as Java writes it, a slash before it, and IPv6 in full. */
static struct kp_string client_host(const struct request *request, char text[64])
{
    const char *remote = request->peer->remote, *end = strrchr(remote, ':');
    size_t size = end ? (size_t)(end - remote) : strlen(remote);
    struct in6_addr address;
    char host[64];
    if (size >= 2 && remote[0] == '[') {
        remote++;
        size -= 2;
    }
    snprintf(host, sizeof host, "%.*s", (int)size, remote);
    if (inet_pton(AF_INET6, host, &address) != 1) {
        snprintf(text, 64, "/%.62s", host);
        return kp_string_of(text);
    }
    int length = 0;
    for (int i = 0; i < 16; i += 2)
        length += snprintf(text + length, 64 - (size_t)length, "%c%x", i == 0 ? '/' : ':',
                           (unsigned)(address.s6_addr[i] << 8 | address.s6_addr[i + 1]));
    return kp_string_of(text);
}

/* ---- JoinGroup ------------------------------------------------------------------------------------------------------ */

static enum kafka_error check_join(struct request *request, int32_t *shard)
{
    const struct kp_join_group_request *body = request->body;
    const struct config *config = request->broker->config;
    if (body->group_id.size == 0)
        return KAFKA_INVALID_GROUP_ID;
    if (body->session_timeout_ms < config->group_min_session_timeout_ms ||
        body->session_timeout_ms > config->group_max_session_timeout_ms)
        return KAFKA_INVALID_SESSION_TIMEOUT;
    return group_coordinator_shard(request->broker->groups, body->group_id, shard);
}

/* Version 0 has one timeout for both. A negative one of a later version is over at once, as in Kafka. */
static struct kp_join_group_request with_timeouts(const struct request *request)
{
    struct kp_join_group_request body = *(const struct kp_join_group_request *)request->body;
    if (request->header.api_version == 0)
        body.rebalance_timeout_ms = body.session_timeout_ms;
    return body;
}

static void refuse_join(struct request *request, enum kafka_error error)
{
    const struct kp_join_group_request *body = request->body;
    struct kp_join_group_response response = classic_group_join_refusal(error, body->member_id);
    if (request->header.api_version < 7)
        response.protocol_name = KP_EMPTY_STRING;
    request_respond(request, &response);
}

void api_join_group(struct request *request)
{
    const struct kp_join_group_request *body = request->body;
    int32_t shard;
    if (!coordinator_ready(request->broker->groups->executor, body->group_id, request))
        return;
    enum kafka_error error = check_join(request, &shard);
    if (error != KAFKA_NONE) {
        refuse_join(request, error);
        return;
    }
    struct waiting *waiting = waiting_new(request, shard, answer_join);
    if (!waiting)
        return;
    char host[64];
    struct group_client client = {.id =
                                      request->header.client_id.size < 0 ? KP_EMPTY_STRING : request->header.client_id,
                                  .host = client_host(request, host)};
    struct kp_join_group_request join = with_timeouts(request);
    classic_group_join(request->broker->groups->groups, shard, &client, request->header.api_version, &join,
                       &waiting->call);
    wait_if_open(waiting);
}

/* ---- SyncGroup ------------------------------------------------------------------------------------------------------ */

/* From version 5 on the protocol is to be told. */
static enum kafka_error check_sync(struct request *request, int32_t *shard)
{
    const struct kp_sync_group_request *body = request->body;
    if (request->header.api_version >= 5 && (body->protocol_type.size < 0 || body->protocol_name.size < 0))
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    if (body->group_id.size == 0)
        return KAFKA_INVALID_GROUP_ID;
    return group_coordinator_shard(request->broker->groups, body->group_id, shard);
}

void api_sync_group(struct request *request)
{
    const struct kp_sync_group_request *body = request->body;
    int32_t shard;
    enum kafka_error error = check_sync(request, &shard);
    if (error != KAFKA_NONE) {
        struct kp_sync_group_response response = kp_sync_group_response_default;
        response.error_code = (int16_t)error;
        request_respond(request, &response);
        return;
    }
    struct waiting *waiting = waiting_new(request, shard, answer);
    if (!waiting)
        return;
    classic_group_sync(request->broker->groups->groups, body, &waiting->call);
    wait_if_open(waiting);
}

/* ---- Heartbeat ------------------------------------------------------------------------------------------------------ */

static enum kafka_error heartbeat(struct request *request)
{
    const struct kp_heartbeat_request *body = request->body;
    int32_t shard;
    if (body->group_id.size == 0)
        return KAFKA_INVALID_GROUP_ID;
    enum kafka_error error = group_coordinator_shard(request->broker->groups, body->group_id, &shard);
    if (error == KAFKA_COORDINATOR_LOAD_IN_PROGRESS) /* its session begins when the group is read */
        return KAFKA_NONE;
    return error != KAFKA_NONE ? error : classic_group_heartbeat(request->broker->groups->groups, body);
}

void api_heartbeat(struct request *request)
{
    struct kp_heartbeat_response response = kp_heartbeat_response_default;
    response.error_code = (int16_t)heartbeat(request);
    request_respond(request, &response);
}

/* ---- LeaveGroup ----------------------------------------------------------------------------------------------------- */

static void answer_left(struct request *request, const struct kp_leave_group_request_members *members, int32_t count,
                        const enum kafka_error *outcomes)
{
    struct kp_leave_group_response response = kp_leave_group_response_default;
    if (request->header.api_version < 3) {
        response.error_code = (int16_t)outcomes[0];
        request_respond(request, &response);
        return;
    }
    response.members = arena_calloc(&request->arena, (size_t)count, sizeof *response.members);
    if (!response.members) {
        request_close(request, NO_MEMORY);
        return;
    }
    response.members_count = count;
    for (int32_t i = 0; i < count; i++)
        response.members[i] = (struct kp_leave_group_response_members){
            members[i].member_id, members[i].group_instance_id, (int16_t)outcomes[i]};
    request_respond(request, &response);
}

static void leave(struct request *request, int32_t shard)
{
    const struct kp_leave_group_request *body = request->body;
    struct kp_leave_group_request_members single = kp_leave_group_request_members_default;
    bool one = request->header.api_version < 3;
    single.member_id = body->member_id;
    const struct kp_leave_group_request_members *members = one ? &single : body->members;
    int32_t count = one ? 1 : body->members_count;
    enum kafka_error *outcomes = arena_calloc(&request->arena, (size_t)count + 1, sizeof *outcomes);
    if (!outcomes) {
        request_close(request, NO_MEMORY);
        return;
    }
    if (!classic_group_leave(request->broker->groups->groups, body->group_id, members, count, outcomes)) {
        for (int32_t i = 0; i < count; i++)
            outcomes[i] = KAFKA_UNKNOWN_MEMBER_ID;
    }
    coordinator_hold(request->broker->groups->executor, shard, request);
    answer_left(request, members, count, outcomes);
}

void api_leave_group(struct request *request)
{
    const struct kp_leave_group_request *body = request->body;
    int32_t shard;
    enum kafka_error error = body->group_id.size == 0
                                 ? KAFKA_INVALID_GROUP_ID
                                 : group_coordinator_shard(request->broker->groups, body->group_id, &shard);
    if (error == KAFKA_NONE) {
        leave(request, shard);
        return;
    }
    struct kp_leave_group_response response = kp_leave_group_response_default;
    response.error_code = (int16_t)error;
    request_respond(request, &response);
}
