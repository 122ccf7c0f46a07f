/* A function with a stack of its own, which may stop in its middle and be gone on with later. See coroutine.c. */
#ifndef DOHLE_BROKER_COROUTINE_H
#define DOHLE_BROKER_COROUTINE_H

#include "../protocol/base.h"

#include <stdbool.h>
#include <stddef.h>

/* What of it is used is memory: a page or two. */
#define COROUTINE_STACK_BYTES ((size_t)512 * 1024)

struct coroutine_stack;

struct coroutine {
    struct coroutine_stack *stack; /* NULL: there was no need for one yet */
    void (*run)(struct coroutine *coroutine);
    bool active; /* run() has begun and has not returned */
    bool inside; /* its code runs now, rather than that of its caller */
};

/* None that is active, which allocates nothing. */
void coroutine_init(struct coroutine *coroutine, void (*run)(struct coroutine *coroutine));
/* It is not active. */
void coroutine_release(struct coroutine *coroutine);

/* Go on where it stopped, or call run() when it is not active; returns when it stops again, or has returned. Not from
 * inside. */
void coroutine_go_on(struct coroutine *coroutine);
/* From inside: stop here until the next coroutine_go_on(). */
void coroutine_stop(struct coroutine *coroutine);

#endif
