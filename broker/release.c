/* Memory goes back to the system page by page, a millisecond for each 6 MB: a frame of 100 MiB that is dropped, or what
 * a request with a million names was decoded to, would keep everybody waiting. So large blocks are shortened from their
 * end, a bit at the end of each turn. They count no more for who held them, so that others need not be dropped as well;
 * RELEASES_BYTES_MAX bounds them instead. */
#include "release.h"

#include "../protocol/arena.h"
#include "broker.h"
#include "limits.h"

/* At the begin of each block. */
struct released {
    struct released *next;
    size_t bytes;
};

/* False: none is left. */
static bool release_part(struct releases *releases)
{
    struct released *block = releases->first;
    if (block->bytes <= RELEASE_PART_BYTES) {
        releases->first = block->next;
        releases->bytes -= block->bytes;
        free(block);
        return releases->first != NULL;
    }
    struct released shorter = {block->next, block->bytes - RELEASE_PART_BYTES};
    releases->bytes -= RELEASE_PART_BYTES;
    releases->first = xrealloc(block, shorter.bytes);
    *releases->first = shorter;
    return true;
}

static void go_on(struct long_work *work)
{
    struct releases *releases = CONTAINER_OF(work, struct releases, work);
    struct broker *broker = CONTAINER_OF(releases, struct broker, releases);
    while (broker_has_time(broker)) {
        if (!release_part(releases)) {
            long_work_end(work);
            break;
        }
    }
}

void release_block(struct broker *broker, void *block, size_t bytes)
{
    struct releases *releases = &broker->releases;
    if (bytes <= RELEASE_PART_BYTES || bytes > RELEASES_BYTES_MAX - releases->bytes || broker->stopping) {
        free(block);
        return;
    }
    if (releases->first == NULL)
        long_work_begin(broker, &releases->work, "memory given back", go_on);
    *(struct released *)block = (struct released){releases->first, bytes};
    releases->first = block;
    releases->bytes += bytes;
}

void release_arena(struct broker *broker, struct arena *arena)
{
    size_t bytes;
    for (void *block; (block = arena_take(arena, &bytes)) != NULL;)
        release_block(broker, block, bytes);
}

void releases_init(struct releases *releases)
{
    *releases = (struct releases){.first = NULL};
    list_init(&releases->work.link);
}

void releases_finish(struct broker *broker)
{
    while (broker->releases.first != NULL && release_part(&broker->releases))
        ;
    long_work_end(&broker->releases.work);
}
