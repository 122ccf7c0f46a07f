/* A thread for work that keeps a CPU busy for long: compaction, removal, moves of logs.
 *
 * Where there are fewer CPUs than threads that want one, whoever wakes up for a client may find the CPUs taken, and
 * waits until the system takes one away: with equal rights about 3 ms on Linux. So this thread asks for less than
 * others have (nice 10), which a thread can do for itself alone and cannot undo without privileges: thus it is no
 * thread of the pool, which does other things too. It is not the least there is: then it might hold a lock of the
 * process's memory, that all of its threads want, and not run for as long as some other program does. Elsewhere than on
 * Linux, where priorities are those of processes, it is a thread like others. */
#include "quiet_thread.h"

#include "../protocol/base.h"

#include <stddef.h>
#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define NICE 10

static void give_way(void)
{
#ifdef __linux__
    id_t thread = (id_t)syscall(SYS_gettid);
    if (getpriority(PRIO_PROCESS, thread) < NICE)
        (void)setpriority(PRIO_PROCESS, thread, NICE); /* refused, it works as others do */
#endif
}

static void *run(void *context)
{
    struct quiet_thread *quiet = context;
    give_way();
    pthread_mutex_lock(&quiet->mutex);
    for (;;) {
        while (quiet->work == NULL && !quiet->stopping)
            pthread_cond_wait(&quiet->changed, &quiet->mutex);
        if (quiet->work == NULL)
            break;
        void (*work)(void *) = quiet->work;
        void *given = quiet->context;
        quiet->work = NULL;
        pthread_mutex_unlock(&quiet->mutex);
        work(given);
        pthread_mutex_lock(&quiet->mutex);
    }
    pthread_mutex_unlock(&quiet->mutex);
    return NULL;
}

void quiet_thread_init(struct quiet_thread *quiet)
{
    *quiet = (struct quiet_thread){0};
    pthread_mutex_init(&quiet->mutex, NULL);
    pthread_cond_init(&quiet->changed, NULL);
}

void quiet_thread_do(struct quiet_thread *quiet, void (*work)(void *context), void *context)
{
    pthread_mutex_lock(&quiet->mutex);
    ASSERT(quiet->work == NULL);
    quiet->work = work;
    quiet->context = context;
    pthread_cond_signal(&quiet->changed);
    pthread_mutex_unlock(&quiet->mutex);
    if (!quiet->started)
        ASSERT(pthread_create(&quiet->thread, NULL, run, quiet) == 0);
    quiet->started = true;
}

void quiet_thread_close(struct quiet_thread *quiet)
{
    pthread_mutex_lock(&quiet->mutex);
    quiet->stopping = true;
    pthread_cond_signal(&quiet->changed);
    pthread_mutex_unlock(&quiet->mutex);
    if (quiet->started)
        pthread_join(quiet->thread, NULL);
    pthread_cond_destroy(&quiet->changed);
    pthread_mutex_destroy(&quiet->mutex);
}
