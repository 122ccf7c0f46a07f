/* Producers of a log: the sequence rules of idempotence (KIP-98), and where transactions are open.
 *
 * A producer numbers its records per partition: the sequence of a batch's first record is the successor of the last one
 * that was written. 2^31-1 is followed by 0. So, for a batch with first sequence f of epoch e, against the state of its
 * producer id (epoch E, last sequence l):
 *
 *     unknown producer              any f               retention may have taken its records (KIP-360)
 *     e <  E                        stale epoch
 *     e >  E                        f must be 0
 *     e == E, one of the last 5     duplicate           answered with the offsets of the first time
 *     e == E, nothing written yet   f must be 0         after a marker raised the epoch
 *     e == E                        f must follow l
 *
 * A data batch of a transaction opens it at its first offset unless it is open; a marker (control batch) ends it and
 * may raise the epoch, which empties the window of five. A batch outside of a transaction is refused while one is open.
 *
 * The state outlives a stop as a snapshot, with the last batch of the five only; the others are found again in the log
 * when somebody repeats one (log_producers.c):
 *
 *     0         2          6         10
 *     +---------+----------+---------+-------------------+-- ...
 *     | version | CRC-32C  | count   | entry of 46 bytes |          the checksum covers byte 6 to the end
 *     +---------+----------+---------+-------------------+-- ...
 *
 *     entry: producer id 8, epoch 2, last sequence 4, last offset 8, offset delta 4, timestamp 8, coordinator epoch 4,
 *            first offset of the open transaction 8; without a batch: -1, -1, 0
 *
 * Kafka's ProducerStateManager is the source of the rules and of the format. */
#include "producer_state.h"

#include "../protocol/bytes.h"
#include "../protocol/crc32c.h"

#include <string.h>

#define SNAPSHOT_VERSION     1
#define SNAPSHOT_CRC_OFFSET  2
#define SNAPSHOT_CRC_START   6
#define SNAPSHOT_HEAD_BYTES  10
#define SNAPSHOT_ENTRY_BYTES 46

void producer_states_clear(struct producer_states *states)
{
    for (int32_t i = 0; i < states->count; i++)
        free(states->producers[i]);
    states->count = states->open_count = 0;
}

void producer_states_release(struct producer_states *states)
{
    producer_states_clear(states);
    free(states->producers);
    free(states->open);
    *states = (struct producer_states){0};
}

/* The place of `id`: where it is, or where it belongs. */
static int32_t place_of(const struct producer_states *states, int64_t id)
{
    int32_t first = 0, end = states->count;
    while (first < end) {
        int32_t middle = first + (end - first) / 2;
        if (states->producers[middle]->id < id)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

static struct producer *find(const struct producer_states *states, int64_t id)
{
    int32_t place = place_of(states, id);
    return place < states->count && states->producers[place]->id == id ? states->producers[place] : NULL;
}

const struct producer *producer_states_find(const struct producer_states *states, int64_t id)
{
    return find(states, id);
}

/* A new producer with no batches, in its place. */
static struct producer *add(struct producer_states *states, int64_t id, int16_t epoch)
{
    if (states->count == states->capacity) {
        states->capacity = states->capacity == 0 ? 4 : states->capacity * 2;
        states->producers = xrealloc(states->producers, (size_t)states->capacity * sizeof *states->producers);
    }
    int32_t place = place_of(states, id);
    memmove(states->producers + place + 1, states->producers + place,
            (size_t)(states->count - place) * sizeof *states->producers);
    struct producer *producer = xmalloc(sizeof *producer);
    *producer = (struct producer){
        .id = id, .epoch = epoch, .last_timestamp_ms = -1, .txn_first_offset = -1, .coordinator_epoch = -1};
    states->producers[place] = producer;
    states->count++;
    return producer;
}

static const struct producer_batch *last_batch(const struct producer *producer)
{
    return producer->batches_count > 0 ? &producer->batches[producer->batches_count - 1] : NULL;
}

static const struct producer_batch *find_duplicate(const struct producer *producer, const struct record_batch *batch)
{
    for (int8_t i = 0; i < producer->batches_count; i++) {
        const struct producer_batch *known = &producer->batches[i];
        if (known->last_sequence == record_batch_last_sequence(batch) &&
            known->offset_delta == batch->last_offset_delta)
            return known;
    }
    return NULL;
}

static bool is_beyond(const struct record_batch *batch, const struct sequence_bound *bound,
                      const struct producer *producer)
{
    if (bound == NULL)
        return false;
    return batch->base_sequence > bound->max || (bound->from_zero && producer == NULL && batch->base_sequence != 0);
}

int producer_states_check(const struct producer_states *states, const struct record_batch *batch,
                          const struct sequence_bound *bound, struct producer_batch *duplicate)
{
    if (batch->producer_id < 0)
        return 0;
    const struct producer *producer = find(states, batch->producer_id);
    if (producer == NULL)
        return is_beyond(batch, bound, NULL) ? STORAGE_SEQUENCE_OUT_OF_ORDER : 0;
    if (batch->producer_epoch < producer->epoch)
        return STORAGE_PRODUCER_EPOCH_STALE;
    const struct producer_batch *last = NULL;
    if (batch->producer_epoch == producer->epoch) {
        const struct producer_batch *known = find_duplicate(producer, batch);
        if (known != NULL) {
            *duplicate = *known;
            return 1;
        }
        last = last_batch(producer);
    }
    int32_t expected = last == NULL ? 0 : sequence_add(last->last_sequence, 1);
    if (batch->base_sequence != expected || is_beyond(batch, bound, producer))
        return STORAGE_SEQUENCE_OUT_OF_ORDER;
    if (producer->txn_first_offset >= 0 && !(batch->attributes & BATCH_TRANSACTIONAL))
        return STORAGE_TRANSACTION_STATE;
    return 0;
}

/* ---- open transactions ----------------------------------------------------------------------------------------- */

/* How many transactions were open at or before `first_offset`. */
static int32_t open_place_of(const struct producer_states *states, int64_t first_offset)
{
    int32_t first = 0, end = states->open_count;
    while (first < end) {
        int32_t middle = first + (end - first) / 2;
        if (states->open[middle]->txn_first_offset <= first_offset)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

static void open_transaction(struct producer_states *states, struct producer *producer, int64_t first_offset)
{
    if (states->open_count == states->open_capacity) {
        states->open_capacity = states->open_capacity == 0 ? 4 : states->open_capacity * 2;
        states->open = xrealloc(states->open, (size_t)states->open_capacity * sizeof(struct producer *));
    }
    int32_t place = open_place_of(states, first_offset); /* the last, but when a snapshot is read */
    memmove(states->open + place + 1, states->open + place,
            (size_t)(states->open_count - place) * sizeof *states->open);
    states->open[place] = producer;
    states->open_count++;
    producer->txn_first_offset = first_offset;
}

static void close_transaction(struct producer_states *states, struct producer *producer)
{
    if (producer->txn_first_offset < 0)
        return;
    int32_t place = open_place_of(states, producer->txn_first_offset);
    do
        place--; /* first offsets may be equal in a snapshot that somebody made up */
    while (states->open[place] != producer);
    states->open_count--;
    memmove(states->open + place, states->open + place + 1,
            (size_t)(states->open_count - place) * sizeof *states->open);
    producer->txn_first_offset = -1;
}

int64_t producer_states_first_open(const struct producer_states *states)
{
    return states->open_count > 0 ? states->open[0]->txn_first_offset : -1;
}

/* ---- batches --------------------------------------------------------------------------------------------------- */

static void update_with_data(struct producer_states *states, struct producer *producer,
                             const struct record_batch *batch)
{
    if (producer->batches_count == PRODUCER_BATCHES_MAX) {
        memmove(producer->batches, producer->batches + 1, sizeof producer->batches - sizeof producer->batches[0]);
        producer->batches_count--;
        producer->partial = false;
    }
    producer->batches[producer->batches_count++] = (struct producer_batch){
        .last_offset = record_batch_last_offset(batch),
        .timestamp_ms = batch->max_timestamp_ms,
        .last_sequence = record_batch_last_sequence(batch),
        .offset_delta = batch->last_offset_delta,
    };
    if ((batch->attributes & BATCH_TRANSACTIONAL) && producer->txn_first_offset < 0)
        open_transaction(states, producer, batch->base_offset);
}

/* What an end marker says. */
struct end_marker {
    int32_t coordinator_epoch;
    bool aborts;
};

/* False when the batch holds no marker that ends a transaction. */
static bool read_marker(const struct record_batch *batch, struct end_marker *marker)
{
    struct record_iterator iterator;
    struct record record;
    record_iterator_init(&iterator, batch, batch->size_bytes, NULL);
    /* key: version 2, type 2 (0 abort, 1 commit); value: version 2, coordinator epoch 4 */
    bool found = record_iterator_next(&iterator, &record) && record.key.size >= 4 && record.value.size >= 6 &&
                 load_be16(record.key.data + 2) <= 1;
    if (found)
        *marker = (struct end_marker){.coordinator_epoch = (int32_t)load_be32(record.value.data + 2),
                                      .aborts = load_be16(record.key.data + 2) == 0};
    record_iterator_release(&iterator);
    return found;
}

bool producer_states_completes(const struct producer_states *states, const struct record_batch *batch,
                               struct completed_txn *txn)
{
    struct end_marker marker;
    if (batch->producer_id < 0 || !(batch->attributes & BATCH_CONTROL) || states->open_count == 0)
        return false;
    const struct producer *producer = find(states, batch->producer_id);
    if (producer == NULL || producer->txn_first_offset < 0 || !read_marker(batch, &marker))
        return false;
    const struct producer *next = states->open[0];
    if (next == producer)
        next = states->open_count > 1 ? states->open[1] : NULL;
    *txn = (struct completed_txn){
        .producer_id = producer->id,
        .first_offset = producer->txn_first_offset,
        .last_offset = batch->base_offset,
        .last_stable_offset = next != NULL ? next->txn_first_offset : batch->base_offset + 1,
        .aborted = marker.aborts,
    };
    return true;
}

void producer_states_update(struct producer_states *states, const struct record_batch *batch)
{
    if (batch->producer_id < 0)
        return;
    struct end_marker marker;
    bool control = batch->attributes & BATCH_CONTROL;
    if (control && !read_marker(batch, &marker))
        return;
    struct producer *producer = find(states, batch->producer_id);
    if (producer == NULL)
        producer = add(states, batch->producer_id, batch->producer_epoch);
    if (producer->epoch != batch->producer_epoch) {
        producer->epoch = batch->producer_epoch;
        producer->batches_count = 0;
        producer->partial = false;
    }
    producer->last_timestamp_ms = batch->max_timestamp_ms;
    if (control) {
        producer->coordinator_epoch = marker.coordinator_epoch;
        close_transaction(states, producer);
    } else {
        update_with_data(states, producer, batch);
    }
}

bool producer_states_is_partial(const struct producer_states *states, const struct record_batch *batch)
{
    const struct producer *producer = find(states, batch->producer_id);
    return producer != NULL && producer->partial && producer->epoch == batch->producer_epoch;
}

void producer_states_complete(struct producer_states *states, const struct producer_states *tail, bool longest)
{
    for (int32_t i = 0; i < states->count; i++) {
        struct producer *producer = states->producers[i];
        const struct producer *found = producer->partial ? find(tail, producer->id) : NULL;
        if (longest)
            producer->partial = false;
        if (found == NULL || found->epoch != producer->epoch || found->batches_count < producer->batches_count ||
            last_batch(found)->last_offset != last_batch(producer)->last_offset)
            continue;
        memcpy(producer->batches, found->batches, sizeof producer->batches);
        producer->batches_count = found->batches_count;
        if (producer->batches_count == PRODUCER_BATCHES_MAX)
            producer->partial = false;
    }
}

void producer_states_expire(struct producer_states *states, int64_t now_ms, int32_t expiration_ms)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < states->count; i++) {
        struct producer *producer = states->producers[i];
        /* the time is the client's, and may be any */
        if (producer->txn_first_offset < 0 && producer->last_timestamp_ms <= now_ms - expiration_ms)
            free(producer);
        else
            states->producers[kept++] = producer;
    }
    states->count = kept;
}

void producer_states_encode(const struct producer_states *states, uint8_t **bytes, size_t *size)
{
    *size = SNAPSHOT_HEAD_BYTES + (size_t)states->count * SNAPSHOT_ENTRY_BYTES;
    *bytes = xmalloc(*size);
    store_be16(*bytes, SNAPSHOT_VERSION);
    store_be32(*bytes + 6, (uint32_t)states->count);
    uint8_t *at = *bytes + SNAPSHOT_HEAD_BYTES;
    for (int32_t i = 0; i < states->count; i++, at += SNAPSHOT_ENTRY_BYTES) {
        const struct producer *producer = states->producers[i];
        const struct producer_batch *last = last_batch(producer);
        store_be64(at, (uint64_t)producer->id);
        store_be16(at + 8, (uint16_t)producer->epoch);
        store_be32(at + 10, (uint32_t)(last != NULL ? last->last_sequence : -1));
        store_be64(at + 14, (uint64_t)(last != NULL ? last->last_offset : -1));
        store_be32(at + 22, (uint32_t)(last != NULL ? last->offset_delta : 0));
        store_be64(at + 26, (uint64_t)producer->last_timestamp_ms);
        store_be32(at + 34, (uint32_t)producer->coordinator_epoch);
        store_be64(at + 38, (uint64_t)producer->txn_first_offset);
    }
    store_be32(*bytes + SNAPSHOT_CRC_OFFSET, crc32c(0, *bytes + SNAPSHOT_CRC_START, *size - SNAPSHOT_CRC_START));
}

static struct producer *decode_entry(const uint8_t *at)
{
    struct producer *producer = xmalloc(sizeof *producer);
    *producer = (struct producer){
        .id = (int64_t)load_be64(at),
        .epoch = (int16_t)load_be16(at + 8),
        .last_timestamp_ms = (int64_t)load_be64(at + 26),
        .coordinator_epoch = (int32_t)load_be32(at + 34),
        .txn_first_offset = (int64_t)load_be64(at + 38),
    };
    int64_t last_offset = (int64_t)load_be64(at + 14);
    if (last_offset >= 0) {
        producer->batches[0] = (struct producer_batch){
            .last_offset = last_offset,
            .timestamp_ms = producer->last_timestamp_ms,
            .last_sequence = (int32_t)load_be32(at + 10),
            .offset_delta = (int32_t)load_be32(at + 22),
        };
        producer->batches_count = 1;
        producer->partial = true;
    }
    return producer;
}

static int compare_ids(const void *a, const void *b)
{
    const struct producer *left = *(struct producer *const *)a, *right = *(struct producer *const *)b;
    return (left->id > right->id) - (left->id < right->id);
}

static int compare_first_offsets(const void *a, const void *b)
{
    const struct producer *left = *(struct producer *const *)a, *right = *(struct producer *const *)b;
    return (left->txn_first_offset > right->txn_first_offset) - (left->txn_first_offset < right->txn_first_offset);
}

/* Offsets that a log can have. */
static bool makes_sense(const struct producer *producer)
{
    const struct producer_batch *last = last_batch(producer);
    return producer->txn_first_offset >= -1 &&
           (last == NULL || (last->offset_delta >= 0 && last->offset_delta <= last->last_offset));
}

/* Bring decoded producers into the order of both lists. False when one makes no sense or two have the same id. */
static bool sort_producers(struct producer_states *states)
{
    if (states->count > 1)
        qsort(states->producers, (size_t)states->count, sizeof *states->producers, compare_ids);
    for (int32_t i = 0; i < states->count; i++) {
        struct producer *producer = states->producers[i];
        if (!makes_sense(producer) || (i > 0 && states->producers[i - 1]->id == producer->id))
            return false;
        if (producer->txn_first_offset >= 0)
            states->open_count++;
    }
    if (states->open_count == 0)
        return true;
    states->open_capacity = states->open_count;
    states->open = xrealloc(states->open, (size_t)states->open_count * sizeof(struct producer *));
    states->open_count = 0;
    for (int32_t i = 0; i < states->count; i++)
        if (states->producers[i]->txn_first_offset >= 0)
            states->open[states->open_count++] = states->producers[i];
    qsort(states->open, (size_t)states->open_count, sizeof *states->open, compare_first_offsets);
    return true;
}

bool producer_states_decode(struct producer_states *states, const uint8_t *bytes, size_t size)
{
    producer_states_release(states);
    if (size < SNAPSHOT_HEAD_BYTES || load_be16(bytes) != SNAPSHOT_VERSION ||
        load_be32(bytes + SNAPSHOT_CRC_OFFSET) != crc32c(0, bytes + SNAPSHOT_CRC_START, size - SNAPSHOT_CRC_START))
        return false;
    uint64_t count = load_be32(bytes + 6);
    if (size - SNAPSHOT_HEAD_BYTES != count * SNAPSHOT_ENTRY_BYTES || count > INT32_MAX)
        return false;
    if (count == 0)
        return true;
    states->capacity = (int32_t)count;
    states->producers = xmalloc((size_t)count * sizeof(struct producer *));
    for (const uint8_t *at = bytes + SNAPSHOT_HEAD_BYTES; states->count < (int32_t)count; at += SNAPSHOT_ENTRY_BYTES)
        states->producers[states->count++] = decode_entry(at);
    if (sort_producers(states))
        return true;
    producer_states_clear(states);
    return false;
}
