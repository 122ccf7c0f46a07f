/* How long turns of the loop take, and what they do: so that the longest one can be explained. See turn_times.c. */
#ifndef DOHLE_BROKER_TURN_TIMES_H
#define DOHLE_BROKER_TURN_TIMES_H

#include "thread_clock.h"

#include <stdbool.h>
#include <stdint.h>

/* A client is to wait no longer for what others asked for: a turn above it, without what others had the CPUs in it, is
 * counted as long. */
#define LONG_TURN_NS 2000000
/* What a turn may spend on work that goes in parts (storage/turn.h), counted from its begin. */
#define TURN_PARTS_NS 250000
/* A turn above it is told, */
#define TOLD_TURN_NS 10000000
/* once in this time. */
#define TOLD_PAUSE_NS (60 * INT64_C(1000000000))

/* One turn. */
struct turn_time {
    int64_t took_ns;
    int64_t cpu_ns;    /* of these the thread ran for so long at most, */
    int64_t ready_ns;  /* and others had the CPUs; in the rest it waited, for a disk */
    const char *piece; /* what took longest in it */
    int64_t piece_ns;
};

struct turn_times {
    int64_t began_ns;               /* this turn, on the clock that stands while the loop waits for events */
    int64_t piece_ns;               /* the piece of work at hand */
    struct turn_time now;           /* the turn so far */
    struct thread_time seen;        /* when it was last asked for, */
    int64_t seen_at_ns;             /* which was then */
    struct turn_time longest;       /* of all turns, without ready_ns */
    struct turn_time longest_cpu;   /* the one that ran for longest */
    int64_t long_count;             /* turns above LONG_TURN_NS */
    int64_t told_at_ns, told_count; /* when one was last told, and long_count then */
};

/* All times are of one monotonic clock that stands while the loop waits for events; `now` gives the times of the
 * thread, and is given `clock`. */

/* The first turn begins. */
void turn_times_begin(struct turn_times *times, int64_t busy_ns, struct thread_time thread);
/* What came before in this turn does not count: it was a wait that the clock did not see. */
void turn_times_restart(struct turn_times *times, int64_t busy_ns);
/* A piece of work is done, and another one begins. */
void turn_times_did(struct turn_times *times, int64_t busy_ns, const char *what);
/* May the turn go on with work in parts? */
bool turn_times_left(const struct turn_times *times, int64_t busy_ns);
/* The turn ends, and the next one begins. */
void turn_times_end(struct turn_times *times, int64_t busy_ns,
                    struct thread_time (*now)(const struct thread_clock *clock), const struct thread_clock *clock);

#endif
