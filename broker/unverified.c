/* See unverified.h. */
#include "unverified.h"

#include <string.h>

struct unverified_key {
    struct kp_uuid topic_id;
    int64_t partition; /* so wide that no byte between the members is undefined: all are hashed and compared */
    int64_t producer_id;
};

struct unverified_producer {
    struct hash_node node;
    struct list age;
    struct unverified_key key;
    int32_t lowest_sequence;
    int16_t epoch;
};

static struct unverified_key key_of(const struct partition *partition, int64_t producer_id)
{
    return (struct unverified_key){partition->topic->id, partition->index, producer_id};
}

static struct unverified_producer *find(const struct unverified *unverified, const struct unverified_key *key)
{
    uint64_t hash = hash_bytes(&unverified->by_key, key, sizeof *key);
    for (struct hash_node *node = hash_map_first(&unverified->by_key, hash); node; node = hash_node_next(node)) {
        struct unverified_producer *found = CONTAINER_OF(node, struct unverified_producer, node);
        if (memcmp(&found->key, key, sizeof *key) == 0)
            return found;
    }
    return NULL;
}

static void forget(struct unverified *unverified, struct unverified_producer *producer)
{
    hash_map_remove(&unverified->by_key, &producer->node);
    list_remove(&producer->age);
    free(producer);
}

static void forget_oldest(struct unverified *unverified)
{
    forget(unverified, CONTAINER_OF(unverified->by_age.next, struct unverified_producer, age));
}

static struct unverified_producer *add(struct unverified *unverified, const struct unverified_key *key, int16_t epoch)
{
    if (unverified->by_key.count == UNVERIFIED_MAX)
        forget_oldest(unverified);
    struct unverified_producer *producer = xmalloc(sizeof *producer);
    *producer = (struct unverified_producer){.key = *key, .lowest_sequence = INT32_MAX, .epoch = epoch};
    hash_map_insert(&unverified->by_key, &producer->node, hash_bytes(&unverified->by_key, key, sizeof *key));
    list_init(&producer->age);
    list_append(&unverified->by_age, &producer->age);
    return producer;
}

void unverified_init(struct unverified *unverified, uint64_t seed)
{
    hash_map_init(&unverified->by_key, seed);
    list_init(&unverified->by_age);
}

void unverified_release(struct unverified *unverified)
{
    while (!list_empty(&unverified->by_age))
        forget_oldest(unverified);
    hash_map_release(&unverified->by_key);
}

void unverified_note(struct unverified *unverified, const struct partition *partition, const struct record_batch *batch)
{
    struct unverified_key key = key_of(partition, batch->producer_id);
    struct unverified_producer *producer = find(unverified, &key);
    if (!producer)
        producer = add(unverified, &key, batch->producer_epoch);
    bool is_new_epoch = batch->producer_epoch > producer->epoch;
    bool is_lower = batch->producer_epoch == producer->epoch && batch->base_sequence < producer->lowest_sequence;
    if (is_new_epoch || is_lower)
        producer->lowest_sequence = batch->base_sequence;
    if (is_new_epoch)
        producer->epoch = batch->producer_epoch;
}

int32_t unverified_lowest(const struct unverified *unverified, const struct partition *partition, int64_t producer_id)
{
    struct unverified_key key = key_of(partition, producer_id);
    const struct unverified_producer *producer = find(unverified, &key);
    return producer ? producer->lowest_sequence : -1;
}

void unverified_forget(struct unverified *unverified, const struct partition *partition, int64_t producer_id)
{
    struct unverified_key key = key_of(partition, producer_id);
    struct unverified_producer *producer = find(unverified, &key);
    if (producer)
        forget(unverified, producer);
}
