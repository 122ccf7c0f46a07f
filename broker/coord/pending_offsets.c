/* Offsets of open transactions: a transaction's are found to end them, a partition's to tell that it is unstable.
 *
 *     groups->transactions: (shard, producer id) --> pending_transaction: [ offset, offset, ... ]
 *                                                                            |        |
 *     groups->pending: (group, topic, partition) -------------------------> pending_offset
 *                                                                            |        |
 *                                                   topic_offsets->pending: [ offset, ...    ]
 *
 * A transaction holds one offset of a partition, the last; partitions may be pending in several transactions. Its
 * marker makes them count, but for those that were committed anew meanwhile: what stands later in the log wins, and a
 * pending offset stands where it was written, not where its marker is. What is removed while it is pending is gone, and
 * the marker does not bring it back. A transaction without offsets is forgotten. */
#include "pending_offsets.h"

#include <string.h>

/* What a producer's open transaction has committed in one shard. */
struct pending_transaction {
    struct hash_node node; /* groups->transactions */
    int64_t producer_id;
    int32_t shard;
    struct list offsets; /* struct pending_offset */
};

static uint64_t hash_of(const struct topic_offsets *offsets, int32_t partition)
{
    return hash_bytes(&offsets->group->groups->pending, &partition, sizeof partition) ^ offsets->node.hash;
}

static struct pending_transaction *find_transaction(const struct groups *groups, int32_t shard, int64_t producer_id)
{
    uint64_t hash = hash_bytes(&groups->transactions, &producer_id, sizeof producer_id);
    for (struct hash_node *node = hash_map_first(&groups->transactions, hash); node; node = hash_node_next(node)) {
        struct pending_transaction *transaction = CONTAINER_OF(node, struct pending_transaction, node);
        if (transaction->producer_id == producer_id && transaction->shard == shard)
            return transaction;
    }
    return NULL;
}

static struct pending_transaction *ensure_transaction(struct groups *groups, int32_t shard, int64_t producer_id)
{
    struct pending_transaction *transaction = find_transaction(groups, shard, producer_id);
    if (transaction)
        return transaction;
    transaction = xcalloc(1, sizeof *transaction);
    transaction->producer_id = producer_id;
    transaction->shard = shard;
    list_init(&transaction->offsets);
    hash_map_insert(&groups->transactions, &transaction->node,
                    hash_bytes(&groups->transactions, &producer_id, sizeof producer_id));
    groups->offsets_bytes += sizeof *transaction;
    return transaction;
}

size_t pending_offset_bytes(void)
{
    return sizeof(struct pending_offset) + sizeof(struct pending_transaction);
}

static size_t bytes_of(const struct pending_offset *pending)
{
    return sizeof *pending + (size_t)pending->offset.metadata.size;
}

static void release_metadata(struct pending_offset *pending)
{
    if (pending->offset.metadata.size > 0)
        coord_string_free(pending->offset.metadata);
}

/* Take it out of everything but its transaction, which may be left empty. Its metadata is the caller's. */
static void take_out(struct pending_offset *pending)
{
    struct topic_offsets *offsets = pending->offsets;
    struct groups *groups = offsets->group->groups;
    groups->offsets_bytes -= bytes_of(pending);
    hash_map_remove(&groups->pending, &pending->node);
    list_remove(&pending->of_topic);
    list_remove(&pending->of_transaction);
    offsets->group->pending_offsets--;
    free(pending);
}

static void free_if_empty(struct groups *groups, struct pending_transaction *transaction)
{
    if (!list_empty(&transaction->offsets))
        return;
    hash_map_remove(&groups->transactions, &transaction->node);
    groups->offsets_bytes -= sizeof *transaction;
    free(transaction);
}

static struct pending_offset *find(const struct topic_offsets *offsets, int32_t partition,
                                   const struct pending_transaction *transaction)
{
    const struct groups *groups = offsets->group->groups;
    for (struct hash_node *node = hash_map_first(&groups->pending, hash_of(offsets, partition)); node;
         node = hash_node_next(node)) {
        struct pending_offset *pending = CONTAINER_OF(node, struct pending_offset, node);
        if (pending->offsets == offsets && pending->offset.partition == partition &&
            (!transaction || pending->transaction == transaction))
            return pending;
    }
    return NULL;
}

const struct pending_offset *pending_offsets_find(const struct topic_offsets *offsets, int32_t partition)
{
    return find(offsets, partition, NULL);
}

void pending_offsets_put(struct topic_offsets *offsets, int64_t producer_id, const struct committed_offset *offset)
{
    struct groups *groups = offsets->group->groups;
    struct pending_transaction *transaction = ensure_transaction(groups, offsets->group->shard, producer_id);
    struct pending_offset *pending = find(offsets, offset->partition, transaction);
    if (pending) {
        groups->offsets_bytes -= bytes_of(pending);
        release_metadata(pending);
    } else {
        pending = xcalloc(1, sizeof *pending);
        pending->transaction = transaction;
        pending->offsets = offsets;
        list_append(&transaction->offsets, &pending->of_transaction);
        list_append(&offsets->pending, &pending->of_topic);
        hash_map_insert(&groups->pending, &pending->node, hash_of(offsets, offset->partition));
        offsets->group->pending_offsets++;
    }
    pending->offset = *offset;
    groups->offsets_bytes += bytes_of(pending);
}

static void remove_one(struct pending_offset *pending)
{
    struct groups *groups = pending->offsets->group->groups;
    struct pending_transaction *transaction = pending->transaction;
    release_metadata(pending);
    take_out(pending);
    free_if_empty(groups, transaction);
}

void pending_offsets_remove(struct topic_offsets *offsets, int32_t partition)
{
    if (partition < 0) {
        while (!list_empty(&offsets->pending))
            remove_one(CONTAINER_OF(offsets->pending.next, struct pending_offset, of_topic));
        return;
    }
    for (struct pending_offset *pending; (pending = find(offsets, partition, NULL)) != NULL;)
        remove_one(pending);
}

void offsets_replay_marker(struct groups *groups, int32_t shard, int64_t producer_id, bool committed)
{
    struct pending_transaction *transaction = find_transaction(groups, shard, producer_id);
    if (!transaction)
        return;
    while (!list_empty(&transaction->offsets)) {
        struct pending_offset *pending = CONTAINER_OF(transaction->offsets.next, struct pending_offset, of_transaction);
        struct topic_offsets *offsets = pending->offsets;
        struct committed_offset offset = pending->offset;
        const struct committed_offset *newer = offsets_find(offsets->group, offsets->topic->name, offset.partition);
        bool counts = committed && (!newer || newer->order < offset.order);
        if (!counts)
            release_metadata(pending);
        take_out(pending);
        if (counts)
            offsets_put(offsets, &offset);
        else
            offsets_free_if_empty(offsets);
    }
    free_if_empty(groups, transaction);
}
