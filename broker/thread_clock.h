/* What a thread did with its time: run, or be ready to while others had the CPUs. The rest it waited for something. */
#ifndef DOHLE_BROKER_THREAD_CLOCK_H
#define DOHLE_BROKER_THREAD_CLOCK_H

#include <stdint.h>

struct thread_time {
    int64_t ran_ns, ready_ns; /* since its begin, or some point after it */
};

struct thread_clock {
    int schedstat; /* -1: the system does not tell */
};

/* For the calling thread. */
void thread_clock_open(struct thread_clock *clock);
void thread_clock_close(struct thread_clock *clock);

/* To be asked in that thread; two system calls. ready_ns stays 0 where the system does not tell it, as elsewhere than
 * on Linux. */
struct thread_time thread_clock_now(const struct thread_clock *clock);

#endif
