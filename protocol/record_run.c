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
    const uint8_t *at = iterator->at, *end = iterator->end;
    int32_t first = iterator->index, index = first, count = iterator->batch->record_count;
    int32_t delta_min = INT32_MAX, delta_max = INT32_MIN, delta_max_index = index;
    uint32_t keys = 0;
    if (iterator->walk != NULL && end - at > iterator->record_bytes_max)
        count = 0; /* one of them might be too large */
    while (index < count && end - at >= RECORD_SHORT_HEAD_BYTES) {
        uint32_t length, timestamp, offset, key, value;
        const uint8_t *from = at;
        if (!uvarint_load_short(&from, &length) || length & 1 || length / 2 > end - from)
            break;
        const uint8_t *next = from + length / 2;
        from++; /* attributes: none are defined */
        if (!uvarint_load_short(&from, &timestamp) || !uvarint_load_short(&from, &offset) ||
            !uvarint_load_short(&from, &key) || offset != 2 * (uint32_t)index)
            break;
        ptrdiff_t key_bytes = key & 1 ? 0 : key / 2;
        if (key_bytes > end - from - VARINT_SHORT_BYTES)
            break;
        from += key_bytes;
        if (!uvarint_load_short(&from, &value))
            break;
        ptrdiff_t value_bytes = value & 1 ? 0 : value / 2;
        if (value_bytes >= next - from)
            break;
        from += value_bytes;
        if ((from[0] != 0 || from + 1 != next) && !headers_fill(from, next))
            break;
        int32_t delta = unzigzag32(timestamp);
        delta_min = delta < delta_min ? delta : delta_min;
        if (delta > delta_max) {
            delta_max = delta;
            delta_max_index = index;
        }
        keys |= key;
        index++;
        at = next;
    }
    *run = (struct record_run){
        .count = index - first,
        .timestamp_delta_min = delta_min,
        .timestamp_delta_max = delta_max,
        .timestamp_delta_max_index = delta_max_index,
        .keys_missing = keys & 1,
    };
    iterator->at = at;
    iterator->index = index;
    return index > first;
}
