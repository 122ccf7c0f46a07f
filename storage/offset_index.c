/* Offset index: where in the .log file to begin the search for an offset.
 *
 * Sparse: one entry for each index.interval.bytes of batches.
 *
 *     0         4          8
 *     +---------+----------+
 *     | offset  | position |    both big-endian int32; offset is relative to the segment's base offset
 *     +---------+----------+
 *
 * Rules. (1) Offsets and positions strictly grow, from above 0: a segment's first batch has no entry. (2) A position is
 * the start of a batch. (3) The entry's offset is the last one of that batch. So the batch that holds an offset begins
 * at the last entry at or below it, or later.
 *
 * There is no checksum. Loading checks the size and the last entry, by which also the zeros show that a killed Apache
 * Kafka leaves behind the last entry; what fails is rebuilt from the .log file. The format is that of Kafka's
 * OffsetIndex. */
#include "offset_index.h"

#include "../protocol/bytes.h"

#include <errno.h>

static int64_t offset_of(const uint8_t *entry)
{
    return (int32_t)load_be32(entry);
}

static int64_t position_of(const uint8_t *entry)
{
    return (int32_t)load_be32(entry + 4);
}

void offset_index_init(struct offset_index *index, struct folder *folder, int64_t base_offset)
{
    index_file_init(&index->entries, folder, base_offset, FILE_OFFSET_INDEX, OFFSET_INDEX_ENTRY_BYTES);
    index->last_offset = index->last_position = 0;
}

int offset_index_load(struct offset_index *index, int64_t log_bytes)
{
    int error = index_file_load(&index->entries);
    if (error < 0)
        return error;
    if (index->entries.entries == 0)
        return 0;
    uint8_t entry[OFFSET_INDEX_ENTRY_BYTES];
    error = index_file_entry(&index->entries, index->entries.entries - 1, entry);
    if (error < 0)
        return error;
    index->last_offset = (int32_t)offset_of(entry);
    index->last_position = (int32_t)position_of(entry);
    if (index->last_offset <= 0 || index->last_position <= 0 || index->last_position >= log_bytes)
        return -EBADMSG;
    return 0;
}

int offset_index_create(struct offset_index *index)
{
    index->last_offset = index->last_position = 0;
    return index_file_create(&index->entries);
}

int offset_index_restart(struct offset_index *index, int64_t *old_bytes)
{
    index->last_offset = index->last_position = 0;
    return index_file_restart(&index->entries, old_bytes);
}

int offset_index_append(struct offset_index *index, int64_t offset, int64_t position)
{
    int64_t relative = offset - index->entries.file.base_offset;
    ASSERT(relative > index->last_offset);
    ASSERT(relative <= INT32_MAX);
    ASSERT(position > index->last_position);
    ASSERT(position <= INT32_MAX);
    uint8_t entry[OFFSET_INDEX_ENTRY_BYTES];
    store_be32(entry, (uint32_t)relative);
    store_be32(entry + 4, (uint32_t)position);
    int error = index_file_append(&index->entries, entry);
    if (error == 0) {
        index->last_offset = (int32_t)relative;
        index->last_position = (int32_t)position;
    }
    return error;
}

/* The position of the last entry whose `key` is at or below `target`, 0 without one. */
static int floor_by(struct offset_index *index, index_key key, int64_t target, int64_t last_key, int64_t *position)
{
    uint8_t entry[OFFSET_INDEX_ENTRY_BYTES];
    int found = index_file_floor(&index->entries, key, target, last_key, entry);
    if (found < 0)
        return found;
    *position = found == 1 ? position_of(entry) : 0;
    if (*position < 0 || *position > index->last_position) /* a damaged entry: the start is always right */
        *position = 0;
    return 0;
}

int offset_index_floor(struct offset_index *index, int64_t offset, int64_t *position)
{
    int64_t relative = offset - index->entries.file.base_offset;
    if (relative >= index->last_offset) {
        *position = index->last_position;
        return 0;
    }
    return floor_by(index, offset_of, relative, index->last_offset, position);
}

int offset_index_floor_position(struct offset_index *index, int64_t position, int64_t *floor)
{
    if (position >= index->last_position) {
        *floor = index->last_position;
        return 0;
    }
    return floor_by(index, position_of, position, index->last_position, floor);
}

int offset_index_ceiling(struct offset_index *index, int64_t position, int64_t *offset)
{
    if (position > index->last_position)
        return 0;
    int32_t first = 0,
            end = index->entries.entries; /* entries before `first` are too low, those from `end` on are not */
    while (first < end) {
        int32_t middle = first + (end - first) / 2;
        uint8_t entry[OFFSET_INDEX_ENTRY_BYTES];
        int error = index_file_entry(&index->entries, middle, entry);
        if (error < 0)
            return error;
        int64_t at = position_of(entry);
        if (at > position || (at == position && middle > 0)) {
            end = middle;
            *offset = index->entries.file.base_offset + offset_of(entry);
        } else {
            first = middle + 1;
        }
    }
    return end < index->entries.entries;
}
