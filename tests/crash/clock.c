/* Clocks that a test sets, for a process that knows nothing of it.
 *
 *     cc -shared -fPIC -o clock.so clock.c -ldl
 *     CLOCK=offset LD_PRELOAD=./clock.so dohle ...
 *
 * The file that CLOCK names holds, in eight bytes of this machine's order, the milliseconds to add to the wall clock,
 * and in eight more, if it has them, those to add to the monotonic clock; they may change at any time. Files keep the
 * system's times, and who waits in the system is not woken. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The call of the same name behind this one. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

enum {
    WALL,
    MONOTONIC,
    CLOCKS,
};

static const volatile int64_t no_offsets[CLOCKS];
static const volatile int64_t *offsets_ms = no_offsets;

__attribute__((constructor)) static void map_offset(void)
{
    const char *path = getenv("CLOCK");
    int descriptor = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    void *mapped = mmap(NULL, sizeof no_offsets, PROT_READ, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (mapped != MAP_FAILED)
        offsets_ms = mapped; /* behind a short file there are zeros */
}

static int64_t offset_of(clockid_t clock)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return offsets_ms[WALL];
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
        return offsets_ms[MONOTONIC];
    default:
        return 0;
    }
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = NEXT(clock_gettime)(clock, time);
    int64_t ms = offset_of(clock);
    if (result == 0 && ms != 0) {
        time->tv_sec += ms / 1000;
        time->tv_nsec += ms % 1000 * 1000000;
        if (time->tv_nsec < 0 || time->tv_nsec >= 1000000000) {
            int carry = time->tv_nsec < 0 ? -1 : 1;
            time->tv_nsec -= carry * 1000000000;
            time->tv_sec += carry;
        }
    }
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    (void)zone;
    struct timespec now;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return result;
}

time_t time(time_t *seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds != NULL)
        *seconds = now.tv_sec;
    return now.tv_sec;
}
