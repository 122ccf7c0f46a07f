/* A batch with some of its records taken out, as compaction does it. See record_filter.c. */
#ifndef DOHLE_PROTOCOL_RECORD_FILTER_H
#define DOHLE_PROTOCOL_RECORD_FILTER_H

#include "record_batch.h"

/* What becomes of a batch and who decides about its records. The caller fills in what is marked "in"; zeros are a
 * filter that was not used yet. One filter serves batch after batch and keeps its memory. */
struct record_filter {
    /* in */
    bool (*keep)(void *context, const struct record_batch *batch, const struct record *record);
    void *context;
    int64_t horizon_ms;       /* delete horizon of a batch that gets one now: when its tombstones may go */
    int32_t record_bytes_max; /* of one decompressed record */
    struct record_walk *walk; /* not used elsewhere meanwhile */
    /* kept from batch to batch */
    uint8_t *kept; /* a bit for each record of the batch at hand */
    size_t kept_bytes;
    uint8_t *built; /* a batch that was made anew */
    size_t built_bytes, built_capacity;
};

struct filtered_batch {
    const uint8_t *bytes; /* borrowed: the batch itself, or memory of the filter until its next use */
    int32_t size_bytes;   /* 0: nothing is left, drop the batch */
    int32_t records_read, records_kept;
};

/* Take out of `batch`, whose bytes are whole, the records that keep() refuses. `empty_transaction`: it is a marker of a
 * transaction that has no data any more. `keep_empty`: leave a header without records rather than nothing.
 *
 * A batch that keeps all its records is answered as it is, unless it is to get a delete horizon: because it has a
 * tombstone or is a marker of an empty transaction, and has none yet. Else a new one is built: same offsets, sequence,
 * epochs and codec. BATCH_OK, or what is wrong with the records, BATCH_MEMORY, or BATCH_TOO_LARGE above 2 GiB. */
enum batch_error record_filter_batch(struct record_filter *filter, const struct record_batch *batch,
                                     bool empty_transaction, bool keep_empty,
                                     struct filtered_batch *result) WARN_UNUSED;
void record_filter_release(struct record_filter *filter);

#endif
