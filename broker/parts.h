/* Requests that are handled in parts: those of which there may be too much for a turn. See parts.c. */
#ifndef DOHLE_BROKER_PARTS_H
#define DOHLE_BROKER_PARTS_H

#include "../protocol/list.h"
#include "../protocol/wire.h"
#include "coroutine.h"
#include "long_work.h"

struct request;

struct parts {
    struct coroutine coroutine;
    struct list waiting;     /* request.waits_for_parts, oldest first */
    struct request *request; /* whose coroutine it is; NULL: nobody's */
    struct long_work work;   /* while there is any of them */
    struct kp_pause pause;   /* request_pause() of that request, for the codec */
};

void parts_init(struct parts *parts);
/* All peers are gone. */
void parts_release(struct parts *parts);

/* Have a request, of which only the header is decoded and nothing is done, handled from its beginning in parts. What
 * its arena holds is forgotten, and its frame kept by the peer. May close it. */
void parts_begin(struct request *request);

/* The same for one whose handler has returned without an answer, as request_pause() said. */
void parts_begin_again(struct request *request);

/* It is the one that is handled in parts, and stopped: have it end now, without an answer. Else do nothing. */
void parts_abandon(struct request *request);

#endif
