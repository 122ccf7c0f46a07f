/* Patrols:
 *
 *     patrol_begin() --> interval_ms --> count(), then look(), look(), ... over as many turns as it takes --+
 *                            ^                                                                              |
 *                            +------------------------------------------------------------------------------+
 *
 * What comes or goes meanwhile makes one of them see a few too many or too few: the next one sees those. */
#include "patrol.h"

#include "broker.h"

static void await_next(struct patrol *patrol)
{
    struct env *env = patrol->broker->env;
    int64_t deadline_ms = env->now(env).mono_ms + patrol->interval_ms;
    timer_start(&patrol->broker->timers, &patrol->timer, deadline_ms);
    env->wake_at(env, deadline_ms);
}

static void go_on(struct long_work *work)
{
    struct patrol *patrol = CONTAINER_OF(work, struct patrol, work);
    while (patrol->unseen > 0 && broker_has_time(patrol->broker))
        patrol->unseen -= patrol->look(patrol);
    if (patrol->unseen > 0)
        return;
    long_work_end(work);
    await_next(patrol);
}

static void expired(struct timer *timer)
{
    struct patrol *patrol = CONTAINER_OF(timer, struct patrol, timer);
    patrol->unseen = patrol->count(patrol);
    long_work_begin(patrol->broker, &patrol->work, "a patrol", go_on);
}

void patrol_begin(struct patrol *patrol)
{
    patrol->timer.expired = expired;
    list_init(&patrol->work.link);
    await_next(patrol);
}

void patrol_end(struct patrol *patrol)
{
    timer_stop(&patrol->broker->timers, &patrol->timer);
    long_work_end(&patrol->work);
}
