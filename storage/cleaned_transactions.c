/* Transactions as compaction meets them.
 *
 *     aborted:      T1 first 10                         T2 first 30
 *                    |                                   |
 *     log:          [10 P1 data] [20 P2 data] [25 P1 abort] [30 P1 data] [40 P2 commit] [50 P1 abort] ...
 *                    gone         stays        goes once     gone         stays         ...
 *                                              no data is left
 *
 * Compaction stops at the last stable offset, so each transaction that it meets is decided, and the transaction indexes
 * tell the aborted ones in advance. Data of an aborted transaction goes at once. A marker stays as long as the log has
 * a batch of its transaction, even an empty one, and then a delete horizon longer: a reader that saw data must find out
 * how it ended.
 *
 * The walk begins at offset 0, or at the dirty part when keys are gathered. Rules as in Kafka's
 * CleanedTransactionMetadata. */
#include "cleaned_transactions.h"

#include <string.h>

enum { CONTROL_ABORT = 0, CONTROL_COMMIT = 1 };

void cleaned_transactions_release(struct cleaned_transactions *transactions)
{
    free(transactions->open);
    *transactions = (struct cleaned_transactions){0};
}

/* The place of the producer's open transaction of this kind, or where it belongs. */
static int32_t place_of(const struct cleaned_transactions *transactions, int64_t producer_id, bool aborted, bool *found)
{
    int32_t first = 0, end = transactions->open_count;
    while (first < end) {
        int32_t middle = first + (end - first) / 2;
        const struct open_transaction *open = &transactions->open[middle];
        bool below =
            open->producer_id < producer_id || (open->producer_id == producer_id && open->aborted >= 0 && !aborted);
        if (below)
            first = middle + 1;
        else
            end = middle;
    }
    *found = first < transactions->open_count && transactions->open[first].producer_id == producer_id &&
             (transactions->open[first].aborted >= 0) == aborted;
    return first;
}

/* Open a transaction, unless the producer has one of this kind. */
static void open_transaction(struct cleaned_transactions *transactions, int64_t producer_id, int32_t aborted)
{
    bool found;
    int32_t place = place_of(transactions, producer_id, aborted >= 0, &found);
    if (found)
        return;
    if (transactions->open_count == transactions->open_capacity) {
        transactions->open_capacity = transactions->open_capacity == 0 ? 8 : transactions->open_capacity * 2;
        transactions->open =
            xrealloc(transactions->open, (size_t)transactions->open_capacity * sizeof *transactions->open);
    }
    struct open_transaction *at = transactions->open + place;
    memmove(at + 1, at, (size_t)(transactions->open_count - place) * sizeof *at);
    *at = (struct open_transaction){.producer_id = producer_id, .aborted = aborted};
    transactions->open_count++;
}

/* End the producer's transaction of this kind. False when it has none. */
static bool close_transaction(struct cleaned_transactions *transactions, int64_t producer_id, bool aborted,
                              struct open_transaction *closed)
{
    bool found;
    int32_t place = place_of(transactions, producer_id, aborted, &found);
    if (!found)
        return false;
    struct open_transaction *at = transactions->open + place;
    *closed = *at;
    transactions->open_count--;
    memmove(at, at + 1, (size_t)(transactions->open_count - place) * sizeof *at);
    return true;
}

/* The walk has come to `offset`: aborted transactions that begin up to there are open. */
static void reach(struct cleaned_transactions *transactions, int64_t offset)
{
    while (transactions->next < transactions->aborted_count &&
           transactions->aborted[transactions->next].first_offset <= offset) {
        if (transactions->aborted[transactions->next].last_offset >= transactions->start_offset)
            open_transaction(transactions, transactions->aborted[transactions->next].producer_id, transactions->next);
        transactions->next++;
    }
}

bool cleaned_transactions_data(struct cleaned_transactions *transactions, const struct record_batch *batch)
{
    bool aborted;
    reach(transactions, record_batch_last_offset(batch));
    if (!(batch->attributes & BATCH_TRANSACTIONAL))
        return false;
    int32_t place = place_of(transactions, batch->producer_id, true, &aborted);
    if (aborted)
        transactions->open[place].has_data = true;
    else
        open_transaction(transactions, batch->producer_id, -1);
    return aborted;
}

/* The type in the key of a control batch's record (version 2, type 2); -1 when it has none. */
static int control_type(const struct record_batch *batch)
{
    struct record_iterator iterator;
    struct record record;
    record_iterator_init(&iterator, batch, batch->size_bytes, NULL);
    int type = record_iterator_next(&iterator, &record) && record.key.size >= 4 ? load_be16(record.key.data + 2) : -1;
    record_iterator_release(&iterator);
    return type;
}

bool cleaned_transactions_marker(struct cleaned_transactions *transactions, const struct record_batch *batch,
                                 int32_t *aborted)
{
    struct open_transaction closed;
    *aborted = -1;
    reach(transactions, record_batch_last_offset(batch));
    if (batch->record_count == 0) /* emptied by an earlier compaction */
        return true;
    switch (control_type(batch)) {
    case CONTROL_ABORT:
        if (!close_transaction(transactions, batch->producer_id, true, &closed) || !closed.has_data)
            return true;
        *aborted = closed.aborted;
        return false;
    case CONTROL_COMMIT:
        return !close_transaction(transactions, batch->producer_id, false, &closed);
    default:
        return false;
    }
}
