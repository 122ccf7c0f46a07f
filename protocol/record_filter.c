/* A batch without some of its records: what compaction leaves of it.
 *
 *     batch:   r0  r1  r2  r3      first walk: keep()?  1 0 0 1        all kept, nothing to mark: the bytes as they are
 *                                  second walk: r0, r3 are written again behind a new header
 *     result:  r0          r3      base offset, last offset delta, base sequence, epochs and codec are the old ones
 *
 * Offsets and sequences must go on telling what they told before, so the header still spans the offsets of what is
 * gone, down to an empty batch that is a header alone.
 *
 * The delete horizon (KIP-534) is the time from which on a tombstone, or the marker of a transaction without data, may
 * go. The first compaction that meets such a batch sets attribute bit 6 and writes the horizon where the base timestamp
 * stands; the records' timestamps are then relative to it, so they have to be written again even when all are kept.
 *
 * Two walks rather than a list of records: memory is one record, a bit for each, and the output, also for a batch of a
 * few bytes that decompresses to gigabytes. Kafka's MemoryRecords.filterTo is the source of the rules; a batch without
 * codec comes out byte for byte as from there, one with codec as our encoders make it. */
#include "record_filter.h"

#include <string.h>

#define NO_TIMESTAMP (-1)

#define KINDS_KEPT (BATCH_LOG_APPEND_TIME | BATCH_TRANSACTIONAL | BATCH_CONTROL)

void record_filter_release(struct record_filter *filter)
{
    free(filter->kept);
    free(filter->built);
    filter->kept = filter->built = NULL;
    filter->kept_bytes = filter->built_bytes = filter->built_capacity = 0;
}

/* ---- first walk: what stays ---------------------------------------------------------------------------------------- */

/* Note that record `index` is kept. The bits grow with the records that were read, not with what the header counts. */
static void set_kept(struct record_filter *filter, int32_t index, bool kept)
{
    size_t byte = (size_t)index / 8;
    if (byte >= filter->kept_bytes) {
        filter->kept_bytes = filter->kept_bytes == 0 ? 64 : filter->kept_bytes * 2;
        filter->kept = xrealloc(filter->kept, filter->kept_bytes);
    }
    uint8_t bit = (uint8_t)(1u << (index % 8));
    filter->kept[byte] = (uint8_t)(kept ? filter->kept[byte] | bit : filter->kept[byte] & ~bit);
}

static bool is_kept(const struct record_filter *filter, int32_t index)
{
    return filter->kept[(size_t)index / 8] >> (index % 8) & 1;
}

static enum batch_error decide(struct record_filter *filter, const struct record_batch *batch,
                               struct filtered_batch *result, bool *tombstones)
{
    struct record_iterator iterator;
    struct record record;
    *tombstones = false;
    record_iterator_init(&iterator, batch, filter->record_bytes_max, filter->walk);
    while (record_iterator_next(&iterator, &record)) {
        bool kept = filter->keep(filter->context, batch, &record);
        set_kept(filter, result->records_read++, kept);
        result->records_kept += kept;
        *tombstones |= kept && record.value.size < 0;
    }
    enum batch_error error = iterator.error;
    record_iterator_release(&iterator);
    return error;
}

/* ---- second walk: a new batch -------------------------------------------------------------------------------------- */

/* Where the records of the new batch go: straight into filter->built, or through a codec. */
struct rebuilding {
    struct record_filter *filter;
    struct compressor *compressor; /* NULL: no codec */
    struct record_batch header;    /* of the new batch, as far as it is known */
    bool base_timestamp_set;
};

static bool reserve(struct record_filter *filter, size_t size)
{
    if (size > INT32_MAX - filter->built_bytes)
        return false;
    size_t needed = filter->built_bytes + size;
    if (needed > filter->built_capacity) {
        size_t doubled = 2 * filter->built_capacity;
        filter->built_capacity = needed < doubled ? doubled : needed;
        filter->built = xrealloc(filter->built, filter->built_capacity);
    }
    return true;
}

static enum batch_error write_record(struct rebuilding *rebuilding, const struct record *record)
{
    struct record_batch *header = &rebuilding->header;
    struct record_filter *filter = rebuilding->filter;
    if (!rebuilding->base_timestamp_set)
        header->base_timestamp_ms = record->timestamp_ms;
    rebuilding->base_timestamp_set = true;
    if (!(header->attributes & BATCH_LOG_APPEND_TIME) && record->timestamp_ms > header->max_timestamp_ms)
        header->max_timestamp_ms = record->timestamp_ms;
    struct record_encoding encoding;
    int64_t timestamp_delta_ms = (int64_t)((uint64_t)record->timestamp_ms - (uint64_t)header->base_timestamp_ms);
    record_encode(&encoding, timestamp_delta_ms, (int32_t)(record->offset - header->base_offset), record);
    if (rebuilding->compressor == NULL && !reserve(filter, encoding.size_bytes))
        return BATCH_TOO_LARGE;
    for (int i = 0; i < RECORD_PIECES; i++) {
        const struct record_piece *piece = &encoding.pieces[i];
        if (rebuilding->compressor != NULL) {
            if (!compressor_write(rebuilding->compressor, piece->bytes, piece->size))
                return compressor_limit_reached(rebuilding->compressor) ? BATCH_TOO_LARGE : BATCH_MEMORY;
        } else if (piece->size > 0) {
            memcpy(filter->built + filter->built_bytes, piece->bytes, piece->size);
            filter->built_bytes += piece->size;
        }
    }
    return BATCH_OK;
}

static enum batch_error write_records(struct rebuilding *rebuilding, const struct record_batch *batch)
{
    struct record_filter *filter = rebuilding->filter;
    struct record_iterator iterator;
    struct record record;
    enum batch_error error = BATCH_OK;
    record_iterator_init(&iterator, batch, filter->record_bytes_max, filter->walk);
    for (int32_t index = 0; error == BATCH_OK && record_iterator_next(&iterator, &record); index++)
        if (is_kept(filter, index))
            error = write_record(rebuilding, &record);
    error = error == BATCH_OK ? iterator.error : error;
    record_iterator_release(&iterator);
    return error;
}

/* The compressed batch takes the place of filter->built. */
static enum batch_error finish_compressed(struct rebuilding *rebuilding)
{
    struct record_filter *filter = rebuilding->filter;
    size_t size = 0;
    uint8_t *bytes = compressor_finish(rebuilding->compressor, &size);
    if (bytes == NULL)
        return compressor_limit_reached(rebuilding->compressor) ? BATCH_TOO_LARGE : BATCH_MEMORY;
    free(filter->built);
    filter->built = bytes;
    filter->built_bytes = filter->built_capacity = size;
    return BATCH_OK;
}

/* Put the batch of `rebuilding` together in filter->built: its header with the records of `batch` that are kept. */
static enum batch_error rebuild(struct rebuilding *rebuilding, const struct record_batch *batch)
{
    struct record_filter *filter = rebuilding->filter;
    enum codec codec = record_batch_codec(&rebuilding->header);
    enum batch_error error = BATCH_OK;
    filter->built_bytes = 0;
    if (codec != CODEC_NONE) {
        rebuilding->compressor =
            compressor_new(codec, codec_level_default(codec), BATCH_HEADER_BYTES, (size_t)INT32_MAX);
        error = rebuilding->compressor != NULL ? BATCH_OK : BATCH_CODEC;
    } else {
        (void)reserve(filter, BATCH_HEADER_BYTES);
        filter->built_bytes = BATCH_HEADER_BYTES;
    }
    if (error == BATCH_OK && rebuilding->header.record_count > 0)
        error = write_records(rebuilding, batch);
    if (error == BATCH_OK && rebuilding->compressor != NULL)
        error = finish_compressed(rebuilding);
    compressor_free(rebuilding->compressor);
    if (error == BATCH_OK) {
        rebuilding->header.size_bytes = (int32_t)filter->built_bytes;
        record_batch_write_header(filter->built, &rebuilding->header);
    }
    return error;
}

/* ---- all of it ----------------------------------------------------------------------------------------------------- */

enum batch_error record_filter_batch(struct record_filter *filter, const struct record_batch *batch,
                                     bool empty_transaction, bool keep_empty, struct filtered_batch *result)
{
    bool tombstones, has_horizon = batch->attributes & BATCH_DELETE_HORIZON;
    *result = (struct filtered_batch){0};
    enum batch_error error = decide(filter, batch, result, &tombstones);
    if (error != BATCH_OK || (result->records_kept == 0 && !keep_empty))
        return error;
    bool gets_horizon = result->records_kept > 0 && !has_horizon && (tombstones || empty_transaction);
    if (result->records_kept > 0 && result->records_kept == result->records_read && !gets_horizon) {
        result->bytes = batch->bytes;
        result->size_bytes = batch->size_bytes;
        return BATCH_OK;
    }
    struct rebuilding rebuilding = {.filter = filter, .header = *batch};
    struct record_batch *header = &rebuilding.header;
    header->record_count = result->records_kept;
    header->attributes = batch->attributes & KINDS_KEPT;
    if (result->records_kept == 0) {
        header->base_timestamp_ms = NO_TIMESTAMP;
    } else {
        header->attributes |= batch->attributes & BATCH_CODEC_MASK;
        if (!(batch->attributes & BATCH_LOG_APPEND_TIME))
            header->max_timestamp_ms = NO_TIMESTAMP;
        if (gets_horizon)
            header->base_timestamp_ms = filter->horizon_ms;
        if (gets_horizon || has_horizon)
            header->attributes |= BATCH_DELETE_HORIZON;
        rebuilding.base_timestamp_set = gets_horizon || has_horizon;
    }
    error = rebuild(&rebuilding, batch);
    if (error == BATCH_OK) {
        result->bytes = filter->built;
        result->size_bytes = (int32_t)filter->built_bytes;
    }
    return error;
}
