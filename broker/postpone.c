/* Requests that are handled again, because the turn had no time for them, or something has to be there first.
 *
 *     handler --> request_postpone() --> parked, a long_work --> turn's end: the same handler --> ... --> its answer
 *        |                                    ^
 *        +------> request_wait() --> parked --+  requests_go_on()
 *
 * The frame is gone by then: it is copied, once, and what was decoded is decoded again from the copy. So a handler is
 * written as if all were done in one turn; only before it begins it asks for what may take long. */
#include "broker.h"
#include "dispatch.h"
#include "long_work.h"
#include "request.h"

#define NO_MEMORY_TO_WAIT "its request needs more memory to wait than a request may use"

struct postponed {
    struct long_work work;
    struct request *request;
};

static void handle_again(struct long_work *work)
{
    struct request *request = CONTAINER_OF(work, struct postponed, work)->request;
    long_work_end(work);
    request_unpark(request);
    dispatch_handle(request);
}

/* Have header and body in memory that outlives the frame. False: no memory for it. */
static bool keep(struct request *request)
{
    struct arena *arena = &request->arena;
    struct postponed *postponed = arena_alloc(arena, sizeof *postponed);
    uint8_t *frame = (uint8_t *)arena_copy(arena, request->frame, request->frame_bytes);
    void *body = arena_alloc(arena, request->api->request->size);
    if (postponed == NULL || frame == NULL || body == NULL)
        return false;
    struct kp_reader reader;
    kp_reader_init(&reader, frame, request->frame_bytes);
    if (!kp_request_header_decode(&request->header, &reader) ||
        !kp_decode(request->api->request, body, &reader, request->header.api_version, arena))
        return false; /* it could be decoded before */
    request->frame = frame;
    request->body = body;
    *postponed = (struct postponed){.request = request};
    list_init(&postponed->work.link);
    request->postponed = postponed;
    return true;
}

static void postponed_canceled(struct request *request)
{
    long_work_end(&request->postponed->work);
}

/* False: the connection is closed. */
static bool park(struct request *request)
{
    if (request->postponed == NULL && !keep(request)) {
        request_close(request, NO_MEMORY_TO_WAIT);
        return false;
    }
    request_park(request, postponed_canceled);
    return true;
}

void request_postpone(struct request *request)
{
    if (request_is_in_parts(request)) /* its frame and its body stay anyway */
        request->again = true;
    else if (park(request))
        long_work_begin(request->broker, &request->postponed->work, request->api->name, handle_again);
}

void request_wait(struct request *request, struct list *waiting)
{
    ASSERT(!request_is_in_parts(request));
    if (park(request))
        list_append(waiting, &request->postponed->work.link);
}

void requests_go_on(struct list *waiting)
{
    list_for_each (waiting, node) {
        struct postponed *postponed = CONTAINER_OF(CONTAINER_OF(node, struct long_work, link), struct postponed, work);
        list_remove(node);
        struct request *request = postponed->request;
        long_work_begin(request->broker, &postponed->work, request->api->name, handle_again);
    }
}

bool request_load(struct request *request, int32_t number, const struct topic *topic, int32_t index)
{
    if (number < request->loads) /* also one whose load failed: it is told when it is asked for something */
        return true;
    const struct partition *partition = topic_partition(topic, index);
    if (partition != NULL && !log_is_loaded(partition->log)) {
        if (!broker_has_time(request->broker)) {
            request_postpone(request);
            return false;
        }
        (void)log_end_offset(partition->log); /* loads it */
    }
    request->loads = number + 1;
    return true;
}
