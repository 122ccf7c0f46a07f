/* Work that takes long, done in parts: a bit at the end of each turn, so that no other client waits for all of it.
 *
 *     request, or change --> long_work_begin() --> turn's end: go_on() --> turn's end: go_on() --> ... long_work_end()
 *                                                     a part or more          a part or more
 *
 * What begins does what it can at once, and asks before each part whether the turn has time (broker_has_time()). Works
 * take turns: each turn goes on with the one that waits longest, and with others while there is time. So one of them
 * costs a turn a quarter of a millisecond, however many there are, and all get on. */
#ifndef DOHLE_BROKER_LONG_WORK_H
#define DOHLE_BROKER_LONG_WORK_H

#include "../protocol/list.h"

#include <stdbool.h>

struct broker;

struct long_work {
    struct list link; /* broker->long_works; in none: it does not run */
    const char *name; /* of what is done now, a constant: for who looks what a turn did */
    void (*go_on)(struct long_work *work);
};

/* Call `go_on` at the end of turns until long_work_end(); each call does a part at least. The struct is the caller's
 * and lives until then. */
void long_work_begin(struct broker *broker, struct long_work *work, const char *name,
                     void (*go_on)(struct long_work *work));
/* May be called from go_on(), and for one that was ended. */
void long_work_end(struct long_work *work);

/* Has this turn time for another part? To be asked before each; from go_on() the first time it has. */
bool broker_has_time(struct broker *broker);

/* The end of a turn. */
void long_works_run(struct broker *broker);
/* The broker stops: do all that is left. */
void long_works_finish(struct broker *broker);

#endif
