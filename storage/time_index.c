/* Time index: how far the log had come when a timestamp was first passed.
 *
 *     0               8        12
 *     +---------------+--------+
 *     | timestamp     | offset |    big-endian int64 (ms) and int32; offset is relative to the segment's base offset
 *     +---------------+--------+
 *
 * An entry (t, o) means: t is the largest timestamp up to offset o, the last one of the batch that brought it; every
 * record newer than t lies behind o. Timestamps strictly grow, offsets too. Entries are added together with those of
 * the offset index, when the timestamp has grown, and once more when the segment is rolled or closed, so that the last
 * entry of a closed segment tells its largest timestamp.
 *
 * There is no checksum. Loading checks the size and the last entry; what fails is rebuilt from the .log file. The
 * format is that of Kafka's TimeIndex. */
#include "time_index.h"

#include "../protocol/bytes.h"

#include <errno.h>

static int64_t timestamp_of(const uint8_t *entry)
{
    return (int64_t)load_be64(entry);
}

static int32_t offset_of(const uint8_t *entry)
{
    return (int32_t)load_be32(entry + 8);
}

void time_index_init(struct time_index *index, struct folder *folder, int64_t base_offset)
{
    index_file_init(&index->entries, folder, base_offset, FILE_TIME_INDEX, TIME_INDEX_ENTRY_BYTES);
    index->last_timestamp_ms = -1;
    index->last_offset = 0;
}

int time_index_load(struct time_index *index)
{
    int error = index_file_load(&index->entries);
    if (error < 0)
        return error;
    int32_t entries = index->entries.entries;
    if (entries == 0)
        return 0;
    uint8_t first[TIME_INDEX_ENTRY_BYTES], last[TIME_INDEX_ENTRY_BYTES];
    error = index_file_entry(&index->entries, 0, first);
    if (error == 0)
        error = index_file_entry(&index->entries, entries - 1, last);
    if (error < 0)
        return error;
    index->last_timestamp_ms = timestamp_of(last);
    index->last_offset = offset_of(last);
    if (index->last_timestamp_ms < 0 || index->last_offset < 0)
        return -EBADMSG;
    if (entries > 1 && (index->last_timestamp_ms <= timestamp_of(first) || index->last_offset <= offset_of(first)))
        return -EBADMSG;
    return 0;
}

int time_index_create(struct time_index *index)
{
    index->last_timestamp_ms = -1;
    index->last_offset = 0;
    return index_file_create(&index->entries);
}

int time_index_restart(struct time_index *index, int64_t *old_bytes)
{
    index->last_timestamp_ms = -1;
    index->last_offset = 0;
    return index_file_restart(&index->entries, old_bytes);
}

int time_index_append(struct time_index *index, int64_t timestamp_ms, int64_t offset)
{
    int64_t relative = offset - index->entries.file.base_offset;
    if (timestamp_ms <= index->last_timestamp_ms)
        return 0;
    ASSERT(relative >= index->last_offset);
    ASSERT(relative <= INT32_MAX);
    uint8_t entry[TIME_INDEX_ENTRY_BYTES];
    store_be64(entry, (uint64_t)timestamp_ms);
    store_be32(entry + 8, (uint32_t)relative);
    int error = index_file_append(&index->entries, entry);
    if (error == 0) {
        index->last_timestamp_ms = timestamp_ms;
        index->last_offset = (int32_t)relative;
    }
    return error;
}

int time_index_floor(struct time_index *index, int64_t timestamp_ms, int64_t *offset)
{
    uint8_t entry[TIME_INDEX_ENTRY_BYTES];
    int found = index_file_floor(&index->entries, timestamp_of, timestamp_ms, 0, entry);
    if (found < 0)
        return found;
    *offset = index->entries.file.base_offset + (found == 1 ? offset_of(entry) : 0);
    return 0;
}
