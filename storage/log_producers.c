/* The last five batches of a producer, also after a start.
 *
 * A snapshot keeps only the last batch of each producer. But a client that lost its connection to a broker that stopped
 * repeats all that was not answered, up to five batches, and each of them must be answered with its first offset:
 *
 *     snapshot:       e                                  batches of a producer: a b c d e f
 *     known:          e f                                after the batches behind the snapshot
 *     repeated:   c                                      looks like a gap; so the others are looked for, once:
 *     known:    b c d e f
 *
 * So nothing is read at the start, nor while producers go on where they were. Only a batch that would be refused
 * because it does not follow, of a producer that came from a snapshot, has the headers of the log's last batches
 * walked: first of a short tail of the log, and when that is not enough of a long one. The walk of the long one is done
 * once, for all producers, and it is bounded: what a client repeats was written just before the stop. Whoever wrote
 * more than that behind a batch has it refused as out of order, which Kafka does for all of them. */
#include "log_internal.h"

#include <errno.h>

/* How far back batches are looked for. Short: a millisecond or two when they have a hundred bytes, five each of 1,500
 * producers. Long: five of 1 MiB each of three producers in turn, which are leapt over, or of 16 KiB of two hundred. */
static const int64_t tails_bytes[] = {1024 * 1024, 16 * 1024 * 1024};

/* Where the last `left` bytes begin: a segment's number and the position of a batch. */
static int find_tail(struct log *log, int64_t left, int32_t *number, int64_t *position)
{
    int32_t first = log->segments_count - 1;
    while (first > 0 && log->segments[first]->size_bytes < left)
        left -= log->segments[first--]->size_bytes;
    struct segment *segment = log->segments[first];
    *number = first;
    *position = 0;
    return segment->size_bytes <= left
               ? 0
               : offset_index_floor_position(&segment->offset_index, segment->size_bytes - left, position);
}

/* The state that the batches of the tail alone make. Markers tell nothing about windows but their epoch, which the next
 * batch of data tells too. */
static int read_tail(struct log *log, int64_t tail_bytes, struct producer_states *tail, struct storage_fault *fault)
{
    int32_t number;
    int64_t position;
    int step = find_tail(log, tail_bytes, &number, &position);
    for (int32_t i = number; step == 0 && i < log->segments_count; i++, position = 0) {
        struct segment_scan scan;
        segment_scan_init(&scan, log->segments[i], position, log->segments[i]->size_bytes, SCAN_CHECK);
        while ((step = segment_scan_next(&scan)) == 1) {
            if (scan.batch.producer_id >= 0 && !(scan.batch.attributes & BATCH_CONTROL))
                producer_states_update(tail, &scan.batch);
        }
        segment_scan_release(&scan);
        if (step == -EBADMSG) /* damage hides what lies before it from us, and from no reader */
            step = 0;
        if (step < 0)
            return log_fail_file(log, fault, "read", &log->segments[i]->log, step);
    }
    return step < 0 ? log_fail_file(log, fault, "read", &log->segments[number]->offset_index.entries.file, step) : 0;
}

int log_check_producer(struct log *log, const struct record_batch *batch, const struct sequence_bound *bound,
                       struct producer_batch *duplicate, struct storage_fault *fault)
{
    int answer = producer_states_check(&log->producers, batch, bound, duplicate);
    for (size_t i = 0; i < COUNT_OF(tails_bytes) && log->segments_count > 0; i++) {
        if (answer != STORAGE_SEQUENCE_OUT_OF_ORDER || !producer_states_is_partial(&log->producers, batch))
            break;
        struct producer_states tail = {0};
        int error = read_tail(log, tails_bytes[i], &tail, fault);
        if (error == 0)
            producer_states_complete(&log->producers, &tail, i + 1 == COUNT_OF(tails_bytes));
        producer_states_release(&tail);
        answer = error < 0 ? error : producer_states_check(&log->producers, batch, bound, duplicate);
    }
    return answer;
}

int log_producers_count(struct log *log, int32_t *count, struct storage_fault *fault)
{
    int error = log_load(log, fault);
    *count = error == 0 ? log->producers.count : 0;
    return error;
}

static struct log_producer told(const struct producer *producer)
{
    int32_t batches = producer->batches_count;
    return (struct log_producer){
        .id = producer->id,
        .last_timestamp_ms = producer->last_timestamp_ms,
        .txn_first_offset = producer->txn_first_offset,
        .last_sequence = batches > 0 ? producer->batches[batches - 1].last_sequence : -1,
        .coordinator_epoch = producer->coordinator_epoch,
        .epoch = producer->epoch,
    };
}

struct log_producer log_producer_at(const struct log *log, int32_t position)
{
    ASSERT(position < log->producers.count);
    return told(log->producers.producers[position]);
}

int log_find_producer(struct log *log, int64_t id, struct log_producer *found, struct storage_fault *fault)
{
    int error = log_load(log, fault);
    const struct producer *producer = error == 0 ? producer_states_find(&log->producers, id) : NULL;
    if (producer == NULL)
        return error;
    *found = told(producer);
    return 1;
}
