/* A thread for work that keeps a CPU busy for long: compaction, removal, moves of logs. It asks for less than other
 * threads have (thread_priority.c), which it could not undo without privileges: thus it is no thread of the pool, which
 * does other things too. */
#include "quiet_thread.h"

#include "../protocol/base.h"
#include "thread_priority.h"

#include <stddef.h>

static void *run(void *context)
{
    struct quiet_thread *quiet = context;
    thread_priority_set(THREAD_YIELDS);
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
