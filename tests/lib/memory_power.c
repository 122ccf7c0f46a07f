/* What a power cut leaves of what was not synced.
 *
 * A file begins as its last sync left it. Of the writes since, which the disk was free to order as it liked, each block
 * of 512 bytes is
 *
 *     lost     as if it had not been written                kept     as written
 *     zeros    only the file's new size came through        torn     its first half is new, the rest is as zeros
 *
 * and a change of size is lost or kept. So a block may come through without an earlier one, a file may end with zeros
 * or in the middle of anything, and of two writes to one place the first may be what stays.
 *
 * A directory begins as its last sync left it. Of the names made, removed and renamed since, each may be lost or kept
 * by itself, but (1) a rename is one change, and (2) changes of one file's names stay in their order: when one is lost
 * the later ones are too. So a file may be there without the one made before it, without content, under its old name,
 * or again after it was removed. */
#include "memory_internal.h"

#include <string.h>

#define BLOCK_BYTES 512

enum fate { FATE_LOST, FATE_KEPT, FATE_TORN, FATE_ZEROS };

/* splitmix64 */
static uint64_t next_random(struct power *power)
{
    uint64_t mixed = power->random += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

/* Returns a number below `ways`; 0 is "lost". */
static int decide(struct power *power, int ways)
{
    if (power->enumerated) {
        ASSERT(power->at < POWER_DECISIONS_MAX); /* too much for all ways in turn */
        if (power->at == power->decisions) {
            power->decided[power->at] = 0;
            power->decisions++;
        }
        power->ways[power->at] = (uint8_t)ways;
        return power->decided[power->at++];
    }
    if (power->random == 0 || (int)(next_random(power) >> 60) >= power->kept_of_16)
        return FATE_LOST;
    return ways == 2 || next_random(power) >> 61 != 0 ? FATE_KEPT : (int)(FATE_TORN + (next_random(power) >> 63));
}

bool power_next(struct power *power)
{
    power->decisions = power->at; /* the last run may have had fewer */
    power->at = 0;
    while (power->decisions > 0) {
        int last = power->decisions - 1;
        if (++power->decided[last] < power->ways[last])
            return true;
        power->decisions--;
    }
    return false;
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

struct image {
    uint8_t *bytes;
    size_t size;
};

static void image_resize(struct image *image, size_t size)
{
    image->bytes = xrealloc(image->bytes, size + 1);
    if (size > image->size)
        memset(image->bytes + image->size, 0, size - image->size);
    image->size = size;
}

static void survive_block(struct image *image, enum fate fate, size_t at, const uint8_t *bytes, size_t size)
{
    if (fate == FATE_LOST)
        return;
    if (at + size > image->size)
        image_resize(image, at + size);
    if (fate == FATE_KEPT)
        memcpy(image->bytes + at, bytes, size);
    if (fate == FATE_TORN)
        memcpy(image->bytes + at, bytes, size / 2);
}

static void survive_write(struct image *image, struct power *power, const struct write *write)
{
    if (write->bytes == NULL) {
        if (decide(power, 2) == FATE_KEPT)
            image_resize(image, (size_t)write->position);
        return;
    }
    size_t done = 0;
    while (done < write->size) {
        size_t at = (size_t)write->position + done;
        size_t part = power->enumerated ? write->size : BLOCK_BYTES - at % BLOCK_BYTES;
        if (part > write->size - done)
            part = write->size - done;
        survive_block(image, (enum fate)decide(power, 4), at, write->bytes + done, part);
        done += part;
    }
}

static void cut_file(struct memory_io *memory, struct power *power, struct node *node)
{
    struct image image = {NULL, 0};
    image_resize(&image, node->synced_size);
    if (node->synced_size > 0)
        memcpy(image.bytes, node->synced_bytes, node->synced_size);
    for (int i = 0; i < node->writes_count; i++)
        survive_write(&image, power, &node->writes[i]);
    memory_forget_writes(node);
    memory->used_bytes += (int64_t)image.size - (int64_t)node->size;
    free(node->bytes);
    free(node->synced_bytes);
    node->bytes = image.bytes;
    node->size = node->capacity = node->synced_size = image.size;
    node->synced_bytes = xmalloc(image.size + 1);
    memcpy(node->synced_bytes, image.bytes, image.size);
}

/* ---- directories ----------------------------------------------------------------------------------------------- */

static void cut_names(struct memory_io *memory, struct power *power, struct node *directory)
{
    for (int i = 0; i < directory->changes_count; i++)
        directory->changes[i].subject->name_lost = false;
    for (int i = 0; i < directory->changes_count; i++) {
        struct change *change = &directory->changes[i];
        bool lost = change->subject->name_lost || decide(power, 2) == FATE_LOST;
        change->subject->name_lost = lost;
        if (!lost)
            memory_entries_set(memory, &directory->durable, change->name, change->node);
        if (!change->with_next)
            continue;
        change = &directory->changes[++i]; /* the other half of the rename */
        if (!lost)
            memory_entries_set(memory, &directory->durable, change->name, change->node);
    }
    memory_forget_changes(memory, directory);
}

static void cut_directory(struct memory_io *memory, struct power *power, struct node *node)
{
    cut_names(memory, power, node);
    memory_entries_release(memory, &node->entries);
    for (int i = 0; i < node->durable.count; i++) {
        struct node *child = node->durable.list[i].node;
        memory_entries_set(memory, &node->entries, node->durable.list[i].name, child);
        if (child->is_directory)
            cut_directory(memory, power, child);
        else
            cut_file(memory, power, child);
    }
}

void memory_io_power_cut_by(struct memory_io *memory, struct power *power)
{
    ASSERT(memory->open_count == 0);
    memory_io_fail(memory, 0, 0, 0, false);
    cut_directory(memory, power, memory->root);
}

void memory_io_power_cut(struct memory_io *memory, uint64_t seed)
{
    /* Few, half or most of the changes are kept: all three find something. */
    static const int kept_of_16[] = {8, 14, 2, 15, 16};
    struct power power = {.random = seed, .kept_of_16 = kept_of_16[seed % COUNT_OF(kept_of_16)]};
    memory_io_power_cut_by(memory, &power);
}

/* ---- copies ---------------------------------------------------------------------------------------------------- */

/* A node may have several names; its copy has them too. */
struct twins {
    const struct node **nodes;
    struct node **copies;
    int count;
};

static void *copy_bytes(const void *bytes, size_t size)
{
    void *copy = xmalloc(size + 1);
    if (size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

static struct node *copy_node(struct memory_io *memory, struct twins *twins, const struct node *node);

static void copy_entries(struct memory_io *memory, struct twins *twins, struct entries *to, const struct entries *from)
{
    for (int i = 0; i < from->count; i++)
        memory_entries_set(memory, to, from->list[i].name, copy_node(memory, twins, from->list[i].node));
}

static void copy_changes(struct memory_io *memory, struct twins *twins, struct node *copy, const struct node *node)
{
    copy->changes = xcalloc((size_t)node->changes_count + 1, sizeof *copy->changes);
    copy->changes_count = node->changes_count;
    for (int i = 0; i < node->changes_count; i++) {
        const struct change *change = &node->changes[i];
        struct node *subject = copy_node(memory, twins, change->subject);
        subject->refs += change->node != NULL ? 2 : 1;
        copy->changes[i] =
            (struct change){xstrdup(change->name), change->node != NULL ? subject : NULL, subject, change->with_next};
    }
}

static void copy_writes(struct node *copy, const struct node *node)
{
    copy->writes = xcalloc((size_t)node->writes_count + 1, sizeof *copy->writes);
    copy->writes_count = node->writes_count;
    for (int i = 0; i < node->writes_count; i++) {
        copy->writes[i] = node->writes[i];
        if (node->writes[i].bytes != NULL)
            copy->writes[i].bytes = copy_bytes(node->writes[i].bytes, node->writes[i].size);
    }
}

/* The copy is held by `twins` until the end. */
static struct node *copy_node(struct memory_io *memory, struct twins *twins, const struct node *node)
{
    for (int i = 0; i < twins->count; i++)
        if (twins->nodes[i] == node)
            return twins->copies[i];
    struct node *copy = memory_node_new(node->is_directory);
    twins->nodes = xrealloc(twins->nodes, (size_t)(twins->count + 1) * sizeof(struct node *));
    twins->copies = xrealloc(twins->copies, (size_t)(twins->count + 1) * sizeof(struct node *));
    twins->nodes[twins->count] = node;
    twins->copies[twins->count++] = copy;
    copy->modified_ms = node->modified_ms;
    if (node->is_directory) {
        copy_entries(memory, twins, &copy->entries, &node->entries);
        copy_entries(memory, twins, &copy->durable, &node->durable);
        copy_changes(memory, twins, copy, node);
        return copy;
    }
    copy->bytes = copy_bytes(node->bytes, node->size);
    copy->synced_bytes = copy_bytes(node->synced_bytes, node->synced_size);
    copy->size = copy->capacity = node->size;
    copy->synced_size = node->synced_size;
    copy_writes(copy, node);
    return copy;
}

struct memory_io *memory_io_copy(const struct memory_io *memory)
{
    struct memory_io *copy = memory_io_new();
    struct twins twins = {NULL, NULL, 0};
    memory_node_unref(copy, copy->root);
    copy->root = copy_node(copy, &twins, memory->root);
    copy->root->refs++;
    copy->used_bytes = memory->used_bytes;
    for (int i = 0; i < twins.count; i++)
        memory_node_unref(copy, twins.copies[i]);
    free(twins.nodes);
    free(twins.copies);
    return copy;
}
