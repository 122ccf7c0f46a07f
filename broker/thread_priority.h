/* Which of its threads the program wants to have a CPU first. See thread_priority.c. */
#ifndef DOHLE_BROKER_THREAD_PRIORITY_H
#define DOHLE_BROKER_THREAD_PRIORITY_H

enum thread_priority {
    THREAD_FIRST,  /* for it everybody waits */
    THREAD_USUAL,  /* of a thread that a first one has begun */
    THREAD_YIELDS, /* what it does can wait */
};

/* Of the calling thread; those that it begins inherit it. Nothing is done where the system does not allow it. */
void thread_priority_set(enum thread_priority priority);

#endif
