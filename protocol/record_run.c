/* Records in a row that are as nearly all are, passed over together.
 *
 * Of produced records of 100 bytes the walk costs more than the checksum. So a run of usual ones is read in one loop
 * that keeps its place in registers, checks the bounds of a record once, and tells of all of them together what a rule
 * could be about. What it does not know it leaves where it is, to record_iterator_next(), which also finds the error of
 * a damaged record:
 *
 *     at -> | length | 0 | timestamp | offset | key size | key | value size | value | headers | -> the next record
 *             short        short       index    short            short
 *
 * Numbers stay as they are coded, zigzag: twice the value, odd when it is negative. */
#include "record_batch.h"

/* Do the headers of a record begin at `from` and end at `next`? */
static bool headers_fill(const uint8_t *from, const uint8_t *next)
{
    uint32_t count, size;
    size_t taken = uvarint_load(from, (size_t)(next - from), &count);
    if (taken == 0 || count & 1)
        return false;
    from += taken;
    for (uint32_t parts = count; parts > 0; parts--) { /* a key and a value for each */
        taken = uvarint_load(from, (size_t)(next - from), &size);
        if (taken == 0 || (size & 1 && !(parts & 1))) /* a key is not null */
            return false;
        from += taken;
        size = size & 1 ? 0 : size / 2;
        if (size > (size_t)(next - from))
            return false;
        from += size;
    }
    return from == next;
}

bool record_iterator_run(struct record_iterator *iterator, struct record_run *run)
{
    const uint8_t *bytes = iterator->at;
    size_t at = 0, size = (size_t)(iterator->end - bytes);
    uint32_t index = (uint32_t)iterator->index, count = (uint32_t)iterator->batch->record_count;
    uint32_t last_timestamp = UINT32_MAX, keys = 0;
    struct record_run found = {.timestamp_delta_min = INT32_MAX, .timestamp_delta_max = INT32_MIN};
    if (iterator->error != BATCH_OK || (iterator->walk != NULL && size > (size_t)iterator->record_bytes_max))
        count = 0; /* one of them might be too large */
    for (; index < count && size - at >= RECORD_SHORT_HEAD_BYTES; index++) {
        uint32_t length, timestamp, offset, key, value;
        size_t from = at;
        if (!uvarint_load_short(bytes, &from, &length))
            break;
        size_t next = from + length / 2;
        from++; /* attributes: none are defined */
        if (!uvarint_load_short(bytes, &from, &timestamp) || !uvarint_load_short(bytes, &from, &offset) ||
            !uvarint_load_short(bytes, &from, &key))
            break;
        if (next > size || ((length & 1) | (offset ^ index * 2)) != 0)
            break;
        if (!(key & 1))
            from += key / 2;
        if (from > size - VARINT_SHORT_BYTES || !uvarint_load_short(bytes, &from, &value))
            break;
        if (!(value & 1))
            from += value / 2;
        if ((from + 1 != next || bytes[from] != 0) && (from >= next || !headers_fill(bytes + from, bytes + next)))
            break;
        if (timestamp != last_timestamp) {
            int32_t delta = unzigzag32(timestamp);
            last_timestamp = timestamp;
            if (delta < found.timestamp_delta_min)
                found.timestamp_delta_min = delta;
            if (delta > found.timestamp_delta_max) {
                found.timestamp_delta_max = delta;
                found.timestamp_delta_max_index = (int32_t)index;
            }
        }
        keys |= key;
        at = next;
    }
    found.keys_missing = keys & 1;
    found.count = (int32_t)index - iterator->index;
    iterator->at = bytes + at;
    iterator->index = (int32_t)index;
    *run = found;
    return found.count > 0;
}
