/* Requests that are handled in parts, a part at the end of each turn, so that nobody waits for all of one.
 *
 *     frame --> decode --> handler --> encode --> sent         at once: what decodes to BODY_AT_ONCE_BYTES_MAX
 *       |
 *       +--> waiting --> [ de|co|de -> ha|nd|ler -> en|co|de ] --> sent           in parts: each | is a request_pause()
 *              one after the other, on a stack of its own
 *
 * Which one is large is not known before it is decoded: that is tried within a small bound of memory, and begun again
 * here when it passes that. Few words may ask for much, too (all topics): that shows in request_pause(), which handlers
 * call between the items of their loops. In a request that is handled at once it counts them, and has it begun again
 * here when they are too many; in the other it stops it in its middle, until a later turn. That is what the coroutine
 * is for; the codec does the same between the items of arrays. So the code of a handler is the same either way. One
 * that changes things must not begin again in its middle: it asks request_in_parts() before.
 *
 * One at a time: so the stack is one, and what a large request takes in memory is bounded once. Others wait with
 * nothing but their frames, which are input of their connections (listener.c). While it is stopped the request is
 * parked. When its peer goes, or the connection is closed, it is abandoned: request_pause() returns false, at once and
 * ever after, loops end, and the answer goes nowhere. The same lets a handler return that is to begin again. */
#include "parts.h"

#include "broker.h"
#include "dispatch.h"
#include "limits.h"
#include "request.h"

#define NO_MEMORY_TO_WAIT "there is no memory for its request to wait"

/* ---- inside the coroutine ------------------------------------------------------------------------------------------- */

static void canceled(struct request *request)
{
    parts_abandon(request);
}

/* Quotas count the time that it kept the loop. */
static void stop(struct request *request)
{
    struct broker *broker = request->broker;
    bool counting = broker->handling == request;
    if (counting)
        request->used_ns += broker->env->nanoseconds(broker->env) - broker->handling_began_ns;
    broker->handling = NULL;
    request_park(request, canceled);
    coroutine_stop(&broker->parts.coroutine);
    if (request->abandoned)
        return;
    request_unpark(request);
    if (counting) {
        broker->handling = request;
        broker->handling_began_ns = broker->env->nanoseconds(broker->env);
    }
}

bool request_is_in_parts(const struct request *request)
{
    return request->broker->parts.request == request;
}

/* False: it is abandoned. */
static bool rest(struct request *request)
{
    if (!request->abandoned && !broker_has_time(request->broker))
        stop(request);
    return !request->abandoned;
}

static bool take_pause(struct kp_pause *pause)
{
    return rest(CONTAINER_OF(pause, struct parts, pause)->request);
}

bool request_pause(struct request *request, int32_t items)
{
    request->items += items;
    if (request_is_in_parts(request)) {
        request->pauses = true;
        if (request->items < KP_ITEMS_PER_PART)
            return !request->abandoned;
        request->items = 0;
        return rest(request);
    }
    if (request->items > ITEMS_AT_ONCE_MAX && request->postponed == NULL) /* what that had loaded would be lost */
        request->abandoned = true;
    return !request->abandoned;
}

bool request_keep(struct request *request, struct kp_string *text)
{
    if (!request_is_in_parts(request) || text->size <= 0)
        return true;
    text->data = arena_copy(&request->arena, text->data, (size_t)text->size);
    return text->data != NULL;
}

bool request_keep_bytes(struct request *request, struct kp_bytes *bytes)
{
    struct kp_string text = {(const char *)bytes->data, bytes->size};
    bool kept = request_keep(request, &text);
    bytes->data = (const uint8_t *)text.data;
    return kept;
}

static void run(struct coroutine *coroutine)
{
    struct parts *parts = CONTAINER_OF(coroutine, struct parts, coroutine);
    struct request *request = parts->request;
    dispatch_in_parts(request, &parts->pause);
    while (request->again && rest(request)) {
        request->again = false;
        dispatch_handle(request);
    }
}

/* ---- outside -------------------------------------------------------------------------------------------------------- */

static struct request *first_waiting(struct parts *parts)
{
    return CONTAINER_OF(parts->waiting.next, struct request, waits_for_parts);
}

/* The work goes by the name of who is next; without anybody it ends. */
static void see_who_is_next(struct parts *parts)
{
    if (parts->request != NULL)
        return;
    if (list_empty(&parts->waiting))
        long_work_end(&parts->work);
    else
        parts->work.name = first_waiting(parts)->api->name;
}

static void finish(struct parts *parts)
{
    struct request *request = parts->request;
    parts->request = NULL;
    if (!request->abandoned)
        request->peer->drop_frame(request->peer);
    request_unhold(request);
}

static void go_on(struct long_work *work)
{
    struct parts *parts = CONTAINER_OF(work, struct parts, work);
    if (parts->request == NULL) {
        struct request *next = first_waiting(parts);
        list_remove(&next->waits_for_parts);
        request_unpark(next);
        request_hold(next); /* it lives until finish(), whatever happens */
        parts->request = next;
    }
    coroutine_go_on(&parts->coroutine);
    if (!parts->coroutine.active)
        finish(parts);
    see_who_is_next(parts);
}

void parts_abandon(struct request *request)
{
    struct parts *parts = &request->broker->parts;
    list_remove(&request->waits_for_parts);
    if (request_is_in_parts(request) && !parts->coroutine.inside) {
        request->abandoned = true;
        coroutine_go_on(&parts->coroutine);
        ASSERT(!parts->coroutine.active);
        finish(parts);
    }
    see_who_is_next(parts);
}

void parts_begin(struct request *request)
{
    struct parts *parts = &request->broker->parts;
    arena_reset(&request->arena);
    request->frame = request->peer->keep_frame(request->peer, request->frame, request->frame_bytes);
    if (request->frame == NULL) {
        request_close(request, NO_MEMORY_TO_WAIT);
        return;
    }
    bool idle = parts->request == NULL && list_empty(&parts->waiting);
    list_append(&parts->waiting, &request->waits_for_parts);
    request_park(request, canceled);
    if (!idle)
        return;
    long_work_begin(request->broker, &parts->work, request->api->name, go_on);
    if (broker_has_time(request->broker))
        go_on(&parts->work);
}

void parts_begin_again(struct request *request)
{
    request->abandoned = false;
    request->items = 0;
    parts_begin(request);
}

bool request_in_parts(struct request *request)
{
    if (request_is_in_parts(request))
        return true;
    parts_begin(request);
    return false;
}

void parts_init(struct parts *parts)
{
    *parts = (struct parts){.pause.take = take_pause};
    coroutine_init(&parts->coroutine, run);
    list_init(&parts->waiting);
    list_init(&parts->work.link);
}

void parts_release(struct parts *parts)
{
    ASSERT(list_empty(&parts->waiting));
    coroutine_release(&parts->coroutine);
}
