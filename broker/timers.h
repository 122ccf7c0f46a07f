/* Deadlines: a heap of timers, each embedded in what waits. Starting and stopping one costs O(log n), whatever the
 * number. See timers.c. */
#ifndef DOHLE_BROKER_TIMERS_H
#define DOHLE_BROKER_TIMERS_H

#include "../storage/turn.h"

#include <stdint.h>

struct timer {
    int64_t deadline_ms; /* monotonic */
    size_t position;     /* in the heap, from 1; 0: not started */
    void (*expired)(struct timer *timer);
};

struct timers {
    struct timer **heap; /* from 1 on; a parent is never later than its children */
    size_t count, capacity;
    int64_t running_ms; /* what timers_run() runs up to; INT64_MIN: it does not run */
};

void timers_init(struct timers *timers);
/* No timer may be started any more. */
void timers_release(struct timers *timers);

/* Start, or move, a timer; `expired` is called once, from timers_run() of a time at or after the deadline. */
void timer_start(struct timers *timers, struct timer *timer, int64_t deadline_ms);
/* May be called for one that is not started. */
void timer_stop(struct timers *timers, struct timer *timer);

/* Call what is due, earliest first: one timer at least, others while the turn has time (storage/turn.h); the rest stays
 * due. Timers may be started and stopped from within; one that is due already waits for the next millisecond, so what
 * starts itself again and again keeps nobody waiting. */
void timers_run(struct timers *timers, int64_t now_ms, struct turn *turn);
/* The earliest deadline, INT64_MAX when there is none. */
int64_t timers_next(const struct timers *timers);

#endif
