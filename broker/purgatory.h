/* Requests that wait for something to happen to partitions, or for time: Kafka's purgatory. See purgatory.c. */
#ifndef DOHLE_BROKER_PURGATORY_H
#define DOHLE_BROKER_PURGATORY_H

#include "broker.h"

struct purgatory_wait;

/* One partition that a wait watches. */
struct purgatory_watch {
    struct list link; /* in partition->waiters */
    struct purgatory_wait *wait;
};

/* A parked request's wait, embedded in what it parked with. */
struct purgatory_wait {
    struct broker *broker;
    struct list all;   /* in broker->waits */
    struct list ready; /* in broker->ready */
    struct timer timer;
    struct purgatory_watch *watches; /* the owner's memory, for as many as it watches */
    int32_t watches_count;
    /* Something happened to a watched partition, or (expired) the time is over. Once for all that happened in a turn.
     * The wait goes on unless it is ended in here; after `expired` it must be. */
    void (*retry)(struct purgatory_wait *wait, bool expired);
};

/* Begin to wait until `deadline_ms` (monotonic). `watches` has room for all partitions that are then watched. */
void purgatory_begin(struct purgatory_wait *wait, struct broker *broker, int64_t deadline_ms,
                     struct purgatory_watch *watches, void (*retry)(struct purgatory_wait *wait, bool expired));
void purgatory_watch(struct purgatory_wait *wait, struct partition *partition);
/* Stop waiting, in any state. */
void purgatory_end(struct purgatory_wait *wait);

/* Records were appended or the partition's state changed: who watches it is retried at the end of this turn. */
void purgatory_wake(struct broker *broker, struct partition *partition);
/* The same, for a partition that goes away: nobody watches it any more. */
void purgatory_forget(struct broker *broker, struct partition *partition);

/* Retry those that are ready. */
void purgatory_run(struct broker *broker);
/* Let the time of all waits be over: the broker stops. */
void purgatory_expire(struct broker *broker);

#endif
