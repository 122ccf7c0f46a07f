/* See long_work.h. */
#include "long_work.h"

#include "broker.h"

void long_work_begin(struct broker *broker, struct long_work *work, const char *name,
                     void (*go_on)(struct long_work *work))
{
    work->name = name;
    work->go_on = go_on;
    list_init(&work->link);
    list_append(&broker->long_works, &work->link);
    broker->env->wake_at(broker->env, broker->env->now(broker->env).mono_ms);
}

void long_work_end(struct long_work *work)
{
    list_remove(&work->link);
}

bool broker_has_time(struct broker *broker)
{
    bool owed = broker->part_owed;
    broker->part_owed = false;
    return owed || broker->stopping || turn_has_time(broker->env->turn);
}

/* The first one goes on, behind all others. */
static void go_on(struct broker *broker)
{
    struct long_work *work = CONTAINER_OF(broker->long_works.next, struct long_work, link);
    list_remove(&work->link);
    list_append(&broker->long_works, &work->link);
    const char *name = work->name; /* it may be gone afterwards */
    broker->part_owed = true;
    work->go_on(work);
    broker->part_owed = false;
    turn_did(broker->env->turn, name);
}

void long_works_run(struct broker *broker)
{
    if (list_empty(&broker->long_works))
        return;
    do
        go_on(broker);
    while (!list_empty(&broker->long_works) && turn_has_time(broker->env->turn));
    if (!list_empty(&broker->long_works)) /* events come first */
        broker->env->wake_at(broker->env, broker->env->now(broker->env).mono_ms);
}

void long_works_finish(struct broker *broker)
{
    while (!list_empty(&broker->long_works))
        go_on(broker);
}
