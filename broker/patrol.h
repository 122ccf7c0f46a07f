/* A look at each of many things, every so often, for what time alone does to them. See patrol.c. */
#ifndef DOHLE_BROKER_PATROL_H
#define DOHLE_BROKER_PATROL_H

#include "long_work.h"
#include "timers.h"

#include <stdint.h>

struct patrol {
    struct broker *broker;
    int64_t interval_ms; /* between the end of one and the begin of the next */
    /* How many there are to be seen now. */
    int32_t (*count)(const struct patrol *patrol);
    /* Look at the next ones, about as much as a look at the clock is worth. Returns how many, 1 or more. */
    int32_t (*look)(struct patrol *patrol);
    struct timer timer; /* of the next one */
    struct long_work work;
    int32_t unseen; /* of the one under way */
};

/* The first one is in interval_ms, which is above 0. The fields above `timer` are set; the struct is the caller's, and
 * lives until patrol_end(). */
void patrol_begin(struct patrol *patrol);
/* May be called again. */
void patrol_end(struct patrol *patrol);

#endif
