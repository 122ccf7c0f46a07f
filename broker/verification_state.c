/* See verification_state.h. */
#include "verification_state.h"

#include <string.h>

struct verification_key {
    struct kp_uuid topic_id;
    int64_t partition; /* so wide that no byte between the members is undefined: all are hashed and compared */
    int64_t producer_id;
};

struct verification_state {
    struct hash_node node;
    struct list age;
    struct verification_key key;
    int64_t first_ms;
    int32_t lowest_sequence;
    int16_t epoch;
    bool bumps_epoch;
};

static struct verification_key key_of(const struct partition *partition, int64_t producer_id)
{
    return (struct verification_key){partition->topic->id, partition->index, producer_id};
}

static struct verification_state *find(const struct verification_states *states, const struct partition *partition,
                                       int64_t producer_id)
{
    if (states->by_key.count == 0)
        return NULL;
    struct verification_key key = key_of(partition, producer_id);
    uint64_t hash = hash_bytes(&states->by_key, &key, sizeof key);
    for (struct hash_node *node = hash_map_first(&states->by_key, hash); node; node = hash_node_next(node)) {
        struct verification_state *found = CONTAINER_OF(node, struct verification_state, node);
        if (memcmp(&found->key, &key, sizeof key) == 0)
            return found;
    }
    return NULL;
}

static struct verification_state *oldest(const struct verification_states *states)
{
    return list_empty(&states->by_age) ? NULL : CONTAINER_OF(states->by_age.next, struct verification_state, age);
}

static void forget(struct verification_states *states, struct verification_state *state)
{
    hash_map_remove(&states->by_key, &state->node);
    list_remove(&state->age);
    free(state);
}

static struct verification_state *add(struct verification_states *states, const struct partition *partition,
                                      const struct record_batch *batch)
{
    if (states->by_key.count == VERIFICATION_STATES_MAX)
        forget(states, oldest(states));
    struct verification_state *state = xmalloc(sizeof *state);
    *state = (struct verification_state){.key = key_of(partition, batch->producer_id),
                                         .lowest_sequence = batch->base_sequence,
                                         .epoch = batch->producer_epoch};
    hash_map_insert(&states->by_key, &state->node, hash_bytes(&states->by_key, &state->key, sizeof state->key));
    list_init(&state->age);
    list_append(&states->by_age, &state->age);
    return state;
}

void verification_states_init(struct verification_states *states, uint64_t seed)
{
    hash_map_init(&states->by_key, seed);
    list_init(&states->by_age);
}

void verification_states_release(struct verification_states *states)
{
    verification_states_expire(states, INT64_MAX);
    hash_map_release(&states->by_key);
}

void verification_states_expire(struct verification_states *states, int64_t oldest_ms)
{
    for (struct verification_state *state; (state = oldest(states)) != NULL && state->first_ms < oldest_ms;)
        forget(states, state);
}

void verification_states_note(struct verification_states *states, const struct partition *partition,
                              const struct record_batch *batch, bool bumps_epoch, int64_t now_ms)
{
    struct verification_state *state = find(states, partition, batch->producer_id);
    if (!state) {
        state = add(states, partition, batch);
        state->bumps_epoch = bumps_epoch;
        state->first_ms = now_ms;
    }
    bool is_new_epoch = batch->producer_epoch > state->epoch;
    bool is_lower = batch->producer_epoch == state->epoch && batch->base_sequence < state->lowest_sequence;
    if (is_new_epoch || is_lower)
        state->lowest_sequence = batch->base_sequence;
    if (is_new_epoch)
        state->epoch = batch->producer_epoch;
}

bool verification_states_bound(const struct verification_states *states, const struct partition *partition,
                               int64_t producer_id, struct sequence_bound *bound)
{
    const struct verification_state *state = find(states, partition, producer_id);
    if (state)
        *bound = (struct sequence_bound){.max = state->lowest_sequence, .from_zero = state->bumps_epoch};
    return state;
}

void verification_states_written(struct verification_states *states, const struct partition *partition,
                                 int64_t producer_id)
{
    struct verification_state *state = find(states, partition, producer_id);
    if (state)
        forget(states, state);
}

void verification_states_ended(struct verification_states *states, const struct partition *partition,
                               int64_t producer_id, int16_t epoch)
{
    struct verification_state *state = find(states, partition, producer_id);
    if (state && !(state->bumps_epoch && state->epoch == epoch))
        forget(states, state);
}
