/* The life of requests and of the answers that leave a peer in order. See request.h for the states.
 *
 * Requests are recycled with the first chunk of their arena, and an answer is encoded into that arena: a busy
 * connection allocates nothing per request. */
#include "request.h"

#include "broker.h"
#include "limits.h"

#include <string.h>

/* ---- requests ------------------------------------------------------------------------------------------------------- */

struct request *request_new(struct peer *peer)
{
    struct broker *broker = peer->broker;
    struct request *request;
    struct arena arena;
    if (list_empty(&broker->spare_requests)) {
        request = xmalloc(sizeof *request);
        arena_init(&arena, REQUEST_ARENA_BYTES_MAX);
    } else {
        request = CONTAINER_OF(broker->spare_requests.next, struct request, link);
        list_remove(&request->link);
        broker->spare_requests_count--;
        arena = request->arena;
    }
    *request = (struct request){.peer = peer, .broker = broker, .arena = arena};
    list_init(&request->link);
    list_init(&request->waits_for_parts);
    list_append(&peer->requests, &request->link);
    peer->requests_count++;
    return request;
}

/* Count what its arena takes from now on. A request that is neither answered nor parked is the one being handled. */
static void request_charge(struct request *request)
{
    size_t more = request->arena.used_bytes - request->charged_bytes;
    request->charged_bytes += more;
    request->peer->memory_bytes += more;
    request->broker->requests_bytes += more;
}

/* What is not sent yet never will be. */
static void release_pieces(struct request *request)
{
    for (int32_t i = request->pieces_sent; i < request->pieces_count; i++) {
        if (request->pieces[i].bytes == NULL)
            log_slice_release(&request->pieces[i].slice);
    }
    request->pieces_count = request->pieces_sent;
}

/* Out of its peer's list, with what it still holds; into the spare ones. */
static void request_recycle(struct request *request)
{
    struct broker *broker = request->broker;
    struct peer *peer = request->peer;
    if (broker->handling == request)
        broker->handling = NULL;
    release_pieces(request);
    list_remove(&request->link);
    broker->requests_bytes -= request->charged_bytes;
    if (peer != NULL) {
        peer->requests_count--;
        peer->memory_bytes -= request->charged_bytes;
    }
    if (request->arena.used_bytes > RELEASE_PART_BYTES)
        release_arena(broker, &request->arena);
    if (broker->spare_requests_count == SPARE_REQUESTS) {
        arena_release(&request->arena);
        free(request);
        return;
    }
    arena_reset(&request->arena);
    if (request->arena.used_bytes > SPARE_REQUEST_ARENA_BYTES)
        arena_release(&request->arena);
    list_append(&broker->spare_requests, &request->link);
    broker->spare_requests_count++;
}

void requests_release(struct broker *broker)
{
    while (!list_empty(&broker->spare_requests)) {
        struct request *request = CONTAINER_OF(broker->spare_requests.next, struct request, link);
        list_remove(&request->link);
        arena_release(&request->arena);
        free(request);
    }
}

/* ---- answers -------------------------------------------------------------------------------------------------------- */

static bool request_done(const struct request *request)
{
    return request->answered && request->holds == 0;
}

static void end_park(struct request *request)
{
    request->is_parked = false;
    request->canceled = NULL;
    request->peer->working = false;
    request->peer->parked_count--;
}

/* Pieces are set, or there are none: the request leaves when it is the oldest. */
static void request_answered(struct request *request)
{
    struct peer *peer = request->peer;
    request->answered = true;
    request_charge(request);
    if (request->is_parked)
        end_park(request);
    if (request->holds == 0)
        peer->output_ready(peer);
}

/* Cut what was encoded into pieces at the gaps. Piece i+1 of an even i is the slice behind it. */
static bool make_pieces(struct request *request, const struct kp_writer *writer, struct arena *arena)
{
    size_t memory_bytes = (size_t)(writer->at - writer->start), from = 0;
    request->pieces = arena_calloc(arena, (size_t)writer->gaps_count * 2 + 1, sizeof *request->pieces);
    if (request->pieces == NULL)
        return false;
    struct out_piece *piece = request->pieces;
    for (int32_t i = 0; i < writer->gaps_count; i++) {
        const struct kp_gap *gap = &writer->gaps[i];
        struct log_slice *slice = gap->slice;
        if (gap->position > from)
            *piece++ = (struct out_piece){.bytes = writer->start + from, .size_bytes = gap->position - from};
        from = gap->position;
        *piece++ = (struct out_piece){.size_bytes = (size_t)gap->size, .slice = *slice};
        slice->segment = NULL; /* the reference is the piece's now */
    }
    if (memory_bytes > from)
        *piece++ = (struct out_piece){.bytes = writer->start + from, .size_bytes = memory_bytes - from};
    request->pieces_count = (int32_t)(piece - request->pieces);
    return true;
}

/* Have the answer in `arena`. NULL, or why there is none; without a meaning for one that was abandoned. */
static const char *encode_into(struct request *request, const void *response, struct arena *arena)
{
    struct kp_pause *pause = request->pauses && request_is_in_parts(request) ? &request->broker->parts.pause : NULL;
    const struct kp_schema *schema = request->api->response;
    int16_t key = request->header.api_key, version = request->header.api_version;
    struct kp_size size;
    if (!kp_measure_in_parts(schema, response, version, pause, &size)) {
        const char *field = size.field == NULL ? "the version" : size.field;
        const char *reason =
            arena_printf(&request->arena, "its %s answer in version %d cannot be encoded because of %s",
                         request->api->name, version, field);
        return reason != NULL ? reason : "its answer cannot be encoded";
    }
    size_t head_bytes = 4 + kp_response_header_size(key, version);
    if (size.wire_bytes > INT32_MAX - head_bytes)
        return "its answer is larger than the protocol allows";
    uint8_t *bytes = arena_alloc(arena, head_bytes + size.memory_bytes);
    struct kp_gap *gaps = arena_calloc(arena, (size_t)size.gaps_count, sizeof *gaps);
    if (bytes == NULL || gaps == NULL)
        return "its answer needs more memory than a request may use";
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, head_bytes + size.memory_bytes);
    writer.gaps = gaps;
    writer.gaps_max = size.gaps_count;
    kp_write_int32(&writer, (int32_t)(head_bytes - 4 + size.wire_bytes));
    kp_response_header_encode(&writer, key, version, request->header.correlation_id);
    if (!kp_encode_in_parts(schema, response, &writer, version, pause))
        return "its answer is not wanted any more";
    return make_pieces(request, &writer, arena) ? NULL : "its answer needs more memory than a request may use";
}

/* Of one in parts the answer alone is kept: it was made of much more, and its client may take its time. */
static const char *encode(struct request *request, const void *response)
{
    if (!request_is_in_parts(request))
        return encode_into(request, response, &request->arena);
    struct arena arena;
    arena_init(&arena, REQUEST_IN_PARTS_BYTES_MAX - request->arena.used_bytes);
    const char *refusal = encode_into(request, response, &arena);
    if (refusal != NULL) {
        release_arena(request->broker, &arena);
        return refusal;
    }
    release_arena(request->broker, &request->arena);
    request->arena = arena;
    return NULL;
}

/* ---- quotas --------------------------------------------------------------------------------------------------------- */

struct quota_client request_client(const struct request *request)
{
    return (struct quota_client){peer_user(request->peer), request->header.client_id};
}

/* The share of a second, in percent, that the request has kept the loop busy. */
static double percent_used(const struct request *request)
{
    const struct broker *broker = request->broker;
    int64_t used_ns = request->used_ns;
    if (broker->handling == request)
        used_ns += broker->env->nanoseconds(broker->env) - broker->handling_began_ns;
    return (double)used_ns * 100 / 1e9;
}

bool request_take_permits(struct request *request, bool strict, int32_t permits)
{
    struct broker *broker = request->broker;
    return !request->counted || quota_take(&broker->quotas, request_client(request), strict, permits,
                                           broker->env->now(broker->env).mono_ms, &request->throttle_ms);
}

int32_t request_throttle(struct request *request, int32_t throttle_ms)
{
    struct broker *broker = request->broker;
    ASSERT(request->counted);
    ASSERT(!request->throttled);
    request->throttled = true;
    throttle_ms = request->throttle_ms > throttle_ms ? request->throttle_ms : throttle_ms;
    if (quota_is_on(&broker->quotas, QUOTA_REQUEST)) {
        int32_t time_ms = quota_record(&broker->quotas, QUOTA_REQUEST, request_client(request), percent_used(request),
                                       broker->env->now(broker->env).mono_ms);
        throttle_ms = time_ms > throttle_ms ? time_ms : throttle_ms;
    }
    request->throttle_ms = throttle_ms;
    if (throttle_ms > 0)
        peer_mute(request->peer, throttle_ms);
    return throttle_ms;
}

/* A copy of an answer that tells how long its client is silenced; the answer itself where there is no room for it, or
 * no place in its API. */
static const void *with_throttle_time(struct request *request, const void *response)
{
    const struct kp_schema *schema = request->api->response;
    const struct kp_field *field = kp_schema_field(schema, kp_string_of("throttle_time_ms"));
    char *copy = field != NULL ? arena_copy(&request->arena, response, schema->size) : NULL;
    if (copy == NULL)
        return response;
    memcpy(copy + field->offset, &request->throttle_ms, sizeof request->throttle_ms);
    return copy;
}

/* ---- what handlers do ------------------------------------------------------------------------------------------------ */

void request_respond(struct request *request, const void *response)
{
    ASSERT(request->peer != NULL);
    ASSERT(!request->answered);
    if (request->abandoned)
        return;
    if (request->refused) {
        request_answered(request);
        return;
    }
    if (request->counted && !request->throttled)
        request_throttle(request, 0);
    if (request->throttle_ms > 0)
        response = with_throttle_time(request, response);
    const char *refusal = encode(request, response);
    if (request->abandoned)
        return;
    if (refusal != NULL)
        request_close(request, refusal);
    else
        request_answered(request);
}

void request_respond_nothing(struct request *request)
{
    ASSERT(!request->answered);
    if (!request->abandoned)
        request_answered(request);
}

static void close_peer(struct peer *peer, const char *reason)
{
    if (peer->closing)
        return;
    peer->closing = true;
    peer->close(peer, reason);
}

void request_close(struct request *request, const char *reason)
{
    if (request->peer == NULL || request->abandoned) /* it went away meanwhile */
        return;
    parts_abandon(request);
    close_peer(request->peer, reason);
    if (!request->answered)
        request_answered(request);
}

void request_refuse(struct request *request, const char *reason)
{
    struct peer *peer = request->peer;
    if (peer == NULL || request->abandoned)
        return;
    close_peer(peer, reason);
    request->refused = true;
    parts_abandon(request);
    if (request->abandoned) /* it was in parts, and has ended */
        request_answered(request);
    for (struct list *node = &request->link; node != &peer->requests; node = node->next)
        release_pieces(CONTAINER_OF(node, struct request, link));
}

void request_hold(struct request *request)
{
    request->holds++;
    if (request->peer != NULL)
        request_charge(request);
}

void request_unhold(struct request *request)
{
    ASSERT(request->holds > 0);
    if (--request->holds > 0)
        return;
    if (request->peer == NULL)
        request_recycle(request);
    else if (request->answered)
        request->peer->output_ready(request->peer);
}

void request_park(struct request *request, void (*canceled)(struct request *request))
{
    ASSERT(!request->is_parked);
    request->is_parked = true;
    request->canceled = canceled;
    request->peer->working = canceled == NULL;
    request->peer->parked_count++;
    request_charge(request);
}

void request_unpark(struct request *request)
{
    ASSERT(request->is_parked);
    end_park(request);
    request->peer->output_ready(request->peer);
}

/* ---- peers ---------------------------------------------------------------------------------------------------------- */

static void mute_expired(struct timer *timer)
{
    struct peer *peer = CONTAINER_OF(timer, struct peer, mute);
    peer->muted = false;
    peer->output_ready(peer); /* its owner looks for requests that wait, too */
}

void peer_init(struct peer *peer, struct broker *broker, const struct listener *listener)
{
    *peer = (struct peer){.broker = broker, .listener = listener, .mute.expired = mute_expired};
    list_init(&peer->requests);
}

bool peer_may_start(const struct peer *peer)
{
    return peer->parked_count == 0 && !peer->closing && !peer->muted;
}

struct kp_string peer_user(const struct peer *peer)
{
    (void)peer; /* nobody logs in */
    return kp_string_of("ANONYMOUS");
}

void peer_mute(struct peer *peer, int64_t ms)
{
    struct broker *broker = peer->broker;
    int64_t until_ms = broker->env->now(broker->env).mono_ms + ms;
    if (peer->muted && peer->mute.deadline_ms >= until_ms)
        return;
    peer->muted = true;
    timer_start(&broker->timers, &peer->mute, until_ms);
    broker->env->wake_at(broker->env, until_ms);
}

int peer_output(struct peer *peer, struct out_piece **pieces, int max)
{
    int count = 0;
    list_for_each (&peer->requests, node) {
        struct request *request = CONTAINER_OF(node, struct request, link);
        if (!request_done(request) || count == max)
            break;
        if (request->pieces_sent == request->pieces_count) {
            request_recycle(request); /* there was nothing to say, or all is said */
            continue;
        }
        for (int32_t i = request->pieces_sent; i < request->pieces_count && count < max; i++)
            pieces[count++] = &request->pieces[i];
    }
    return count;
}

void peer_sent(struct peer *peer)
{
    struct request *request = CONTAINER_OF(peer->requests.next, struct request, link);
    struct out_piece *piece = &request->pieces[request->pieces_sent++];
    if (piece->bytes == NULL)
        log_slice_release(&piece->slice);
    if (request->pieces_sent == request->pieces_count)
        request_recycle(request);
}

void peer_gone(struct peer *peer)
{
    peer->closing = true;
    timer_stop(&peer->broker->timers, &peer->mute);
    telemetry_peer_gone(&peer->broker->telemetry, peer);
    while (!list_empty(&peer->requests)) {
        struct request *request = CONTAINER_OF(peer->requests.next, struct request, link);
        if (request->canceled != NULL)
            request->canceled(request);
        if (request->holds == 0) {
            request_recycle(request);
            continue;
        }
        list_remove(&request->link); /* its unhold recycles it */
        request->peer = NULL;
    }
    peer->requests_count = 0;
    peer->parked_count = 0;
    peer->memory_bytes = 0;
}

void peer_advertised_address(const struct peer *peer, const char **host, int32_t *port)
{
    const struct listener *listener = peer->listener;
    *host = listener->advertised_host != NULL ? listener->advertised_host : peer->local_host;
    *port = listener->advertised_port != 0 ? listener->advertised_port : peer->local_port;
}
