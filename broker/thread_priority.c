/* Priorities of threads, which are those of Linux; elsewhere they belong to processes, and nothing is done.
 *
 * A thread that is woken may take the CPU of the one that runs, also of the one that woke it: the loop, when it hands a
 * job to the pool, and all clients with it. So the other threads are of the kind that waits until a CPU is given up
 * (SCHED_BATCH): they have as much of the CPUs as with usual rights, later.
 *
 * Where there are fewer CPUs than threads that want one, whoever wakes up for a client may find the CPUs taken, and
 * waits until the system takes one away: with equal rights about 3 ms. So the thread of compaction, which keeps a CPU
 * busy for long, asks for less than others have. It is not the least there is: then it might hold a lock of the
 * process's memory, that all of its threads want, and not run for as long as some other program does.
 *
 * The loop, for which all clients wait, asks for more. That takes privileges (root in a container that has kept them, a
 * service with LimitNICE=), so it is an attempt, and none is made where the program was started with a priority of
 * somebody's choice.
 *
 * Measured: docs/decisions/0017-what-may-hold-the-loop.md. */
#include "thread_priority.h"

#ifdef __linux__

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_NICE  (-5)
#define YIELDS_NICE 10

static int wanted(enum thread_priority priority, int now)
{
    switch (priority) {
    case THREAD_FIRST:
        return now == 0 ? FIRST_NICE : now;
    case THREAD_USUAL:
        return now == FIRST_NICE ? 0 : now;
    case THREAD_YIELDS:
        return now < YIELDS_NICE ? YIELDS_NICE : now;
    }
    return now;
}

void thread_priority_set(enum thread_priority priority)
{
    id_t thread = (id_t)syscall(SYS_gettid);
    int now = getpriority(PRIO_PROCESS, thread);
    (void)setpriority(PRIO_PROCESS, thread, wanted(priority, now));
    if (priority != THREAD_FIRST && sched_getscheduler(0) == SCHED_OTHER)
        (void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
}

#else

void thread_priority_set(enum thread_priority priority)
{
    (void)priority;
}

#endif
