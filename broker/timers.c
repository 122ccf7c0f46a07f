/* A binary heap of timers by deadline.
 *
 *     heap[1] is the earliest; the children of heap[i] are heap[2i] and heap[2i+1]
 *
 * Each timer knows its position, so that one in the middle can be taken out: the last one takes its place and moves up
 * or down. */
#include "timers.h"

#include "../protocol/base.h"

void timers_init(struct timers *timers)
{
    *timers = (struct timers){.running_ms = INT64_MIN};
}

void timers_release(struct timers *timers)
{
    ASSERT(timers->count == 0);
    free(timers->heap);
    timers_init(timers);
}

static void heap_put(struct timers *timers, size_t position, struct timer *timer)
{
    timers->heap[position] = timer;
    timer->position = position;
}

static void heap_up(struct timers *timers, size_t position, struct timer *timer)
{
    while (position > 1 && timers->heap[position / 2]->deadline_ms > timer->deadline_ms) {
        heap_put(timers, position, timers->heap[position / 2]);
        position /= 2;
    }
    heap_put(timers, position, timer);
}

static void heap_down(struct timers *timers, size_t position, struct timer *timer)
{
    for (;;) {
        size_t child = position * 2;
        if (child > timers->count)
            break;
        if (child < timers->count && timers->heap[child + 1]->deadline_ms < timers->heap[child]->deadline_ms)
            child++;
        if (timers->heap[child]->deadline_ms >= timer->deadline_ms)
            break;
        heap_put(timers, position, timers->heap[child]);
        position = child;
    }
    heap_put(timers, position, timer);
}

void timer_start(struct timers *timers, struct timer *timer, int64_t deadline_ms)
{
    timer_stop(timers, timer);
    if (timers->count + 2 > timers->capacity) {
        timers->capacity = timers->capacity == 0 ? 16 : timers->capacity * 2;
        timers->heap = xrealloc(timers->heap, timers->capacity * sizeof *timers->heap);
    }
    timer->deadline_ms = deadline_ms > timers->running_ms ? deadline_ms : timers->running_ms + 1;
    timers->count++;
    heap_up(timers, timers->count, timer);
}

void timer_stop(struct timers *timers, struct timer *timer)
{
    size_t position = timer->position;
    if (position == 0)
        return;
    timer->position = 0;
    struct timer *last = timers->heap[timers->count--];
    if (last == timer)
        return;
    if (position > 1 && timers->heap[position / 2]->deadline_ms > last->deadline_ms)
        heap_up(timers, position, last);
    else
        heap_down(timers, position, last);
}

void timers_run(struct timers *timers, int64_t now_ms, struct turn *turn)
{
    timers->running_ms = now_ms;
    while (timers->count > 0 && timers->heap[1]->deadline_ms <= now_ms) {
        struct timer *timer = timers->heap[1];
        timer_stop(timers, timer);
        timer->expired(timer);
        if (!turn_has_time(turn))
            break;
    }
    timers->running_ms = INT64_MIN;
}

int64_t timers_next(const struct timers *timers)
{
    return timers->count == 0 ? INT64_MAX : timers->heap[1]->deadline_ms;
}
