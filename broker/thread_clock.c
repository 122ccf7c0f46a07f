/* See thread_clock.h. Linux tells in /proc/thread-self/schedstat, as three numbers, for how long the thread ran, was
 * ready to, and how often it was given a CPU. The first is brought up to date at a tick only, so the CPU time is asked
 * for instead. */
#include "thread_clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void thread_clock_open(struct thread_clock *clock)
{
    clock->schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
}

void thread_clock_close(struct thread_clock *clock)
{
    if (clock->schedstat >= 0)
        close(clock->schedstat);
    clock->schedstat = -1;
}

struct thread_time thread_clock_now(const struct thread_clock *clock)
{
    struct thread_time now = {0};
    struct timespec ran;
    char text[80];
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ran);
    now.ran_ns = (int64_t)ran.tv_sec * 1000000000 + ran.tv_nsec;
    ssize_t size = clock->schedstat < 0 ? -1 : pread(clock->schedstat, text, sizeof text - 1, 0);
    if (size <= 0)
        return now;
    text[size] = '\0';
    const char *second = strchr(text, ' ');
    now.ready_ns = second == NULL ? 0 : strtoll(second, NULL, 10);
    return now;
}
