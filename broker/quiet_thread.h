/* A thread that gives way: it has the CPU time that nobody else wants. See quiet_thread.c. */
#ifndef DOHLE_BROKER_QUIET_THREAD_H
#define DOHLE_BROKER_QUIET_THREAD_H

#include <pthread.h>
#include <stdbool.h>

struct quiet_thread {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    bool started, stopping;
    void (*work)(void *context); /* NULL: nothing is to be done */
    void *context;
};

/* The thread begins with the first work. */
void quiet_thread_init(struct quiet_thread *quiet);

/* Have `work(context)` called on the thread. One at a time: what came before has been called. */
void quiet_thread_do(struct quiet_thread *quiet, void (*work)(void *context), void *context);

/* Ends the thread, behind what it was given. */
void quiet_thread_close(struct quiet_thread *quiet);

#endif
