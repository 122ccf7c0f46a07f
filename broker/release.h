/* Memory that is given back in parts. See release.c. */
#ifndef DOHLE_BROKER_RELEASE_H
#define DOHLE_BROKER_RELEASE_H

#include "long_work.h"

#include <stddef.h>

struct arena;

struct releases {
    struct long_work work;
    struct released *first;
    size_t bytes; /* of all blocks */
};

void releases_init(struct releases *releases);
/* Free a block of malloc() of so many bytes, or have it freed at the end of turns. */
void release_block(struct broker *broker, void *block, size_t bytes);
/* The same for all that an arena holds, which is empty then. */
void release_arena(struct broker *broker, struct arena *arena);
/* Free what is left. */
void releases_finish(struct broker *broker);

#endif
