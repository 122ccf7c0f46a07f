/* Which batches of a log that is walked in order belong to aborted transactions, and which markers nobody needs any
 * more. See cleaned_transactions.c. */
#ifndef DOHLE_STORAGE_CLEANED_TRANSACTIONS_H
#define DOHLE_STORAGE_CLEANED_TRANSACTIONS_H

#include "../protocol/record_batch.h"
#include "txn_index.h"

/* A transaction of which data or the abort entry was met, and not yet the marker. */
struct open_transaction {
    int64_t producer_id;
    int32_t aborted; /* its place in cleaned_transactions.aborted; -1: it will be committed */
    bool has_data;   /* a batch of it is still in the log */
};

/* All zeros, with `aborted` and `start_offset` set, is the start of a walk. */
struct cleaned_transactions {
    const struct aborted_txn *aborted; /* of the part that is walked, ascending by first offset; the caller's */
    int32_t aborted_count;
    int64_t start_offset;          /* of the walk: what was aborted before is not met */
    int32_t next;                  /* the first of these that the walk has not reached */
    struct open_transaction *open; /* ascending by producer id, committed ones behind aborted ones */
    int32_t open_count, open_capacity;
};

void cleaned_transactions_release(struct cleaned_transactions *transactions);

/* A data batch was met: does it belong to an aborted transaction? */
bool cleaned_transactions_data(struct cleaned_transactions *transactions, const struct record_batch *batch);
/* A control batch was met, all bytes of it: may it go, because the log has no data of its transaction any more? When it
 * is an abort marker that may not, *aborted is the place of its transaction in transactions->aborted, else -1. */
bool cleaned_transactions_marker(struct cleaned_transactions *transactions, const struct record_batch *batch,
                                 int32_t *aborted);

#endif
