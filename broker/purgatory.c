/* Waits on partitions.
 *
 *     partition->waiters --> watch --> wait <-- watch <-- other partition->waiters
 *
 *     wake: the partition into broker->woken, once
 *     at the end of the turn: its waits into broker->ready, once; then wait->retry()
 *
 * So a turn that appends a hundred times to a partition wakes its fetches once, and an append costs the same however
 * many wait for it. */
#include "purgatory.h"

static void wait_expired(struct timer *timer)
{
    struct purgatory_wait *wait = CONTAINER_OF(timer, struct purgatory_wait, timer);
    list_remove(&wait->ready);
    wait->retry(wait, true);
}

void purgatory_begin(struct purgatory_wait *wait, struct broker *broker, int64_t deadline_ms,
                     struct purgatory_watch *watches, void (*retry)(struct purgatory_wait *wait, bool expired))
{
    *wait =
        (struct purgatory_wait){.broker = broker, .watches = watches, .retry = retry, .timer.expired = wait_expired};
    list_init(&wait->ready);
    list_init(&wait->all);
    list_append(&broker->waits, &wait->all);
    timer_start(&broker->timers, &wait->timer, deadline_ms);
    broker->env->wake_at(broker->env, deadline_ms);
}

void purgatory_watch(struct purgatory_wait *wait, struct partition *partition)
{
    struct purgatory_watch *watch = &wait->watches[wait->watches_count++];
    watch->wait = wait;
    list_init(&watch->link);
    list_append(&partition->waiters, &watch->link);
}

void purgatory_end(struct purgatory_wait *wait)
{
    for (int32_t i = 0; i < wait->watches_count; i++)
        list_remove(&wait->watches[i].link);
    wait->watches_count = 0;
    list_remove(&wait->ready);
    list_remove(&wait->all);
    timer_stop(&wait->broker->timers, &wait->timer);
}

void purgatory_wake(struct broker *broker, struct partition *partition)
{
    if (list_empty(&partition->woken))
        list_append(&broker->woken, &partition->woken);
}

static void waiters_ready(struct broker *broker, struct partition *partition)
{
    list_remove(&partition->woken);
    list_for_each (&partition->waiters, node) {
        struct purgatory_wait *wait = CONTAINER_OF(node, struct purgatory_watch, link)->wait;
        if (list_empty(&wait->ready))
            list_append(&broker->ready, &wait->ready);
    }
}

void purgatory_forget(struct broker *broker, struct partition *partition)
{
    waiters_ready(broker, partition);
    list_for_each (&partition->waiters, node)
        list_remove(node);
}

void purgatory_run(struct broker *broker)
{
    while (!list_empty(&broker->woken))
        waiters_ready(broker, CONTAINER_OF(broker->woken.next, struct partition, woken));
    while (!list_empty(&broker->ready)) {
        struct purgatory_wait *wait = CONTAINER_OF(broker->ready.next, struct purgatory_wait, ready);
        list_remove(&wait->ready);
        wait->retry(wait, false);
    }
}

void purgatory_expire(struct broker *broker)
{
    while (!list_empty(&broker->waits)) {
        struct purgatory_wait *wait = CONTAINER_OF(broker->waits.next, struct purgatory_wait, all);
        timer_stop(&broker->timers, &wait->timer);
        wait_expired(&wait->timer);
    }
}
