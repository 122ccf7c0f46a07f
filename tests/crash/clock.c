/* A wall clock that a test sets, for a process that knows nothing of it.
 *
 *     cc -shared -fPIC -o clock.so clock.c -ldl
 *     CLOCK=offset LD_PRELOAD=./clock.so dohle ...
 *
 * The file that CLOCK names holds, in eight bytes of this machine's order, the milliseconds to add to the wall clock;
 * it may change at any time. The monotonic clock goes on, and files keep the system's times. */
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

static const volatile int64_t no_offset = 0;
static const volatile int64_t *offset_ms = &no_offset;

__attribute__((constructor)) static void map_offset(void)
{
    const char *path = getenv("CLOCK");
    int descriptor = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    void *mapped = mmap(NULL, sizeof *offset_ms, PROT_READ, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (mapped != MAP_FAILED)
        offset_ms = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = NEXT(clock_gettime)(clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t ms = *offset_ms;
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
