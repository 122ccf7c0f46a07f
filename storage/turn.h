/* The turn of the loop as code sees it whose work may take long. One thread owns all state, so whoever works long makes
 * every client wait: such work goes in parts, and asks between two of them whether the turn has time for another.
 *
 * NULL stands for a time when nobody waits (start, stop, most tests): all is done at once, and nothing is measured. */
#ifndef DOHLE_STORAGE_TURN_H
#define DOHLE_STORAGE_TURN_H

#include <stdbool.h>
#include <stddef.h>

struct turn {
    /* Has this turn time left for work that may as well go on in a later one? */
    bool (*has_time)(struct turn *turn);
    /* What was done since the last call, or since the turn's events came, goes by this name: a constant. */
    void (*did)(struct turn *turn, const char *what);
};

/* To be asked before each part but the first of a turn, so that some of it is done in each. A part is 10 to 100
 * microseconds of work. */
static inline bool turn_has_time(struct turn *turn)
{
    return turn == NULL || turn->has_time(turn);
}

static inline void turn_did(struct turn *turn, const char *what)
{
    if (turn != NULL)
        turn->did(turn, what);
}

#endif
