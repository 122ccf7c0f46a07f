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
 * The state outlives a stop as a snapshot, with the last batch of the five only:
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
    states->count = 0;
    states->open_transactions = 0;
}

void producer_states_release(struct producer_states *states)
{
    producer_states_clear(states);
    free(states->producers);
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
    for (int16_t i = 0; i < producer->batches_count; i++) {
        const struct producer_batch *known = &producer->batches[i];
        if (known->last_sequence == record_batch_last_sequence(batch) &&
            known->offset_delta == batch->last_offset_delta)
            return known;
    }
    return NULL;
}

int producer_states_check(const struct producer_states *states, const struct record_batch *batch,
                          struct producer_batch *duplicate)
{
    if (batch->producer_id < 0)
        return 0;
    const struct producer *producer = find(states, batch->producer_id);
    if (producer == NULL)
        return 0;
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
    if (batch->base_sequence != expected)
        return STORAGE_SEQUENCE_OUT_OF_ORDER;
    if (producer->txn_first_offset >= 0 && !(batch->attributes & BATCH_TRANSACTIONAL))
        return STORAGE_TRANSACTION_STATE;
    return 0;
}

static void set_transaction(struct producer_states *states, struct producer *producer, int64_t first_offset)
{
    states->open_transactions += (first_offset >= 0) - (producer->txn_first_offset >= 0);
    producer->txn_first_offset = first_offset;
}

static void update_with_data(struct producer_states *states, struct producer *producer,
                             const struct record_batch *batch)
{
    if (producer->batches_count == PRODUCER_BATCHES_MAX) {
        memmove(producer->batches, producer->batches + 1, sizeof producer->batches - sizeof producer->batches[0]);
        producer->batches_count--;
    }
    producer->batches[producer->batches_count++] = (struct producer_batch){
        .last_offset = record_batch_last_offset(batch),
        .timestamp_ms = batch->max_timestamp_ms,
        .last_sequence = record_batch_last_sequence(batch),
        .offset_delta = batch->last_offset_delta,
    };
    if ((batch->attributes & BATCH_TRANSACTIONAL) && producer->txn_first_offset < 0)
        set_transaction(states, producer, batch->base_offset);
}

/* The coordinator's epoch in an end marker; false when the batch holds no marker that ends a transaction. */
static bool read_marker(const struct record_batch *batch, int32_t *coordinator_epoch)
{
    struct record_iterator iterator;
    struct record record;
    record_iterator_init(&iterator, batch, batch->size_bytes, NULL);
    /* key: version 2, type 2 (0 abort, 1 commit); value: version 2, coordinator epoch 4 */
    bool marker = record_iterator_next(&iterator, &record) && record.key.size >= 4 && record.value.size >= 6 &&
                  load_be16(record.key.data + 2) <= 1;
    if (marker)
        *coordinator_epoch = (int32_t)load_be32(record.value.data + 2);
    record_iterator_release(&iterator);
    return marker;
}

void producer_states_update(struct producer_states *states, const struct record_batch *batch)
{
    if (batch->producer_id < 0)
        return;
    int32_t coordinator_epoch = -1;
    bool control = batch->attributes & BATCH_CONTROL;
    if (control && !read_marker(batch, &coordinator_epoch))
        return;
    struct producer *producer = find(states, batch->producer_id);
    if (producer == NULL)
        producer = add(states, batch->producer_id, batch->producer_epoch);
    if (producer->epoch != batch->producer_epoch) {
        producer->epoch = batch->producer_epoch;
        producer->batches_count = 0;
    }
    producer->last_timestamp_ms = batch->max_timestamp_ms;
    if (control) {
        producer->coordinator_epoch = coordinator_epoch;
        set_transaction(states, producer, -1);
    } else {
        update_with_data(states, producer, batch);
    }
}

int64_t producer_states_first_open(const struct producer_states *states)
{
    int64_t first = -1;
    for (int32_t i = 0; states->open_transactions > 0 && i < states->count; i++) {
        int64_t offset = states->producers[i]->txn_first_offset;
        if (offset >= 0 && (first < 0 || offset < first))
            first = offset;
    }
    return first;
}

void producer_states_expire(struct producer_states *states, int64_t now_ms, int32_t expiration_ms)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < states->count; i++) {
        struct producer *producer = states->producers[i];
        if (producer->txn_first_offset < 0 && now_ms - producer->last_timestamp_ms >= expiration_ms)
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

bool producer_states_decode(struct producer_states *states, const uint8_t *bytes, size_t size)
{
    producer_states_clear(states);
    if (size < SNAPSHOT_HEAD_BYTES || load_be16(bytes) != SNAPSHOT_VERSION ||
        load_be32(bytes + SNAPSHOT_CRC_OFFSET) != crc32c(0, bytes + SNAPSHOT_CRC_START, size - SNAPSHOT_CRC_START))
        return false;
    uint64_t count = load_be32(bytes + 6);
    if (size - SNAPSHOT_HEAD_BYTES != count * SNAPSHOT_ENTRY_BYTES)
        return false;
    const uint8_t *at = bytes + SNAPSHOT_HEAD_BYTES;
    for (uint64_t i = 0; i < count; i++, at += SNAPSHOT_ENTRY_BYTES) {
        int64_t id = (int64_t)load_be64(at);
        if (find(states, id) != NULL) {
            producer_states_clear(states);
            return false;
        }
        struct producer *producer = add(states, id, (int16_t)load_be16(at + 8));
        producer->last_timestamp_ms = (int64_t)load_be64(at + 26);
        producer->coordinator_epoch = (int32_t)load_be32(at + 34);
        set_transaction(states, producer, (int64_t)load_be64(at + 38));
        int64_t last_offset = (int64_t)load_be64(at + 14);
        if (last_offset >= 0) {
            producer->batches[0] = (struct producer_batch){
                .last_offset = last_offset,
                .timestamp_ms = producer->last_timestamp_ms,
                .last_sequence = (int32_t)load_be32(at + 10),
                .offset_delta = (int32_t)load_be32(at + 22),
            };
            producer->batches_count = 1;
        }
    }
    return true;
}
