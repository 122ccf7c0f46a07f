/* A segment: record batches in a .log file, two sparse indexes into it, and what was aborted in it.
 *
 *     00000000000000000042.log        batch | batch | batch | ...          size_bytes
 *     00000000000000000042.index      offset -> position    (offset_index.c)
 *     00000000000000000042.timeindex  timestamp -> offset   (time_index.c)
 *     00000000000000000042.txnindex   aborted transactions  (txn_index.c); only when there are some
 *
 * Rules. (1) size_bytes is what counts: bytes behind it are what a failed append left and could not cut. (2) Before a
 * batch is counted, and when more than index.interval.bytes were counted since the last entry, it gets an entry in the
 * offset index, and the largest timestamp so far one in the time index: so the first batch of a segment never has one.
 * (3) The two sparse indexes only save time. An entry that fails to be written is dropped, and the next batch tries
 * again.
 *
 * The newest segment of a log is appended to; a roll seals it. Sealed ones change no more until they are deleted. */
#include "segment.h"

#include "../protocol/crc32c.h"
#include "../protocol/legacy_message.h"

#include <errno.h>
#include <string.h>

#define SCAN_LARGE_WINDOW_BYTES (256 * 1024)

struct segment *segment_new(struct folder *folder, int64_t base_offset, int64_t now_ms)
{
    struct segment *segment = xmalloc(sizeof *segment);
    *segment = (struct segment){
        .refs = 1,
        .folder = folder_ref(folder),
        .base_offset = base_offset,
        .max_timestamp_ms = -1,
        .max_timestamp_offset = -1,
        .first_timestamp_ms = -1,
        .created_ms = now_ms,
    };
    cached_file_init(&segment->log, folder, base_offset, FILE_LOG);
    offset_index_init(&segment->offset_index, folder, base_offset);
    time_index_init(&segment->time_index, folder, base_offset);
    txn_index_init(&segment->txn_index, folder, base_offset);
    return segment;
}

struct segment *segment_clone(const struct segment *segment, struct folder *folder)
{
    ASSERT(segment->offset_index.entries.waiting_count == 0);
    ASSERT(segment->time_index.entries.waiting_count == 0);
    struct segment *clone = segment_new(folder, segment->base_offset, segment->created_ms);
    clone->size_bytes = segment->size_bytes;
    clone->max_timestamp_ms = segment->max_timestamp_ms;
    clone->max_timestamp_offset = segment->max_timestamp_offset;
    clone->first_timestamp_ms = segment->first_timestamp_ms;
    clone->unindexed_bytes = segment->unindexed_bytes;
    clone->offset_index.entries.entries = segment->offset_index.entries.entries;
    clone->offset_index.last_offset = segment->offset_index.last_offset;
    clone->offset_index.last_position = segment->offset_index.last_position;
    clone->time_index.entries.entries = segment->time_index.entries.entries;
    clone->time_index.last_timestamp_ms = segment->time_index.last_timestamp_ms;
    clone->time_index.last_offset = segment->time_index.last_offset;
    clone->txn_index.last_offset = segment->txn_index.last_offset;
    clone->txn_index.entries = segment->txn_index.entries;
    clone->txn_index.exists = segment->txn_index.exists;
    return clone;
}

struct segment *segment_ref(struct segment *segment)
{
    segment->refs++;
    return segment;
}

void segment_close_files(struct segment *segment)
{
    cached_file_close(&segment->log);
    cached_file_close(&segment->offset_index.entries.file);
    cached_file_close(&segment->time_index.entries.file);
    cached_file_close(&segment->txn_index.file);
}

void segment_unref(struct segment *segment)
{
    ASSERT(segment->refs > 0);
    if (--segment->refs > 0)
        return;
    segment_close_files(segment);
    index_file_release(&segment->offset_index.entries);
    index_file_release(&segment->time_index.entries);
    folder_unref(segment->folder);
    free(segment);
}

static struct file_io *io_of(const struct segment *segment)
{
    return segment->folder->cache->io;
}

int segment_create(struct segment *segment)
{
    int error = cached_file_create(&segment->log);
    if (error == 0)
        error = offset_index_create(&segment->offset_index);
    if (error == 0)
        error = time_index_create(&segment->time_index);
    if (error < 0) {
        struct cached_file *files[] = {&segment->log, &segment->offset_index.entries.file,
                                       &segment->time_index.entries.file};
        for (size_t i = 0; i < COUNT_OF(files); i++) {
            char path[STORAGE_PATH_MAX];
            cached_file_close(files[i]);
            cached_file_path(files[i], path);
            (void)io_of(segment)->unlink(io_of(segment), path); /* it may not be there */
        }
    }
    return error;
}

void segment_count_batch(struct segment *segment, const struct record_batch *batch, int64_t position,
                         int32_t index_interval_bytes)
{
    int64_t last_offset = record_batch_last_offset(batch);
    if (batch->max_timestamp_ms > segment->max_timestamp_ms) {
        segment->max_timestamp_ms = batch->max_timestamp_ms;
        segment->max_timestamp_offset = last_offset;
    }
    if (position == 0)
        segment->first_timestamp_ms = batch->max_timestamp_ms;
    if (segment->unindexed_bytes > index_interval_bytes &&
        offset_index_append(&segment->offset_index, last_offset, position) == 0 &&
        time_index_append(&segment->time_index, segment->max_timestamp_ms, segment->max_timestamp_offset) == 0)
        segment->unindexed_bytes = 0;
    segment->unindexed_bytes += batch->size_bytes;
    segment->size_bytes = position + batch->size_bytes;
}

void segment_write_indexes(struct segment *segment)
{
    if (index_file_write(&segment->offset_index.entries) < 0 || index_file_write(&segment->time_index.entries) < 0)
        return; /* what is not written waits on */
}

int segment_write(struct segment *segment, struct iovec *batches, int count, bool *cut_failed)
{
    struct file *file;
    *cut_failed = false;
    int error = cached_file_get(&segment->log, &file);
    if (error == 0) {
        error = file_write_parts(io_of(segment), file, batches, count, segment->size_bytes);
        *cut_failed = error < 0 && io_of(segment)->truncate(io_of(segment), file, segment->size_bytes) < 0;
    }
    return error;
}

int64_t segment_newest_ms(const struct segment *segment, int64_t now_ms)
{
    if (segment->max_timestamp_ms >= 0)
        return segment->max_timestamp_ms;
    struct file_stat info;
    char path[STORAGE_PATH_MAX];
    cached_file_path(&segment->log, path);
    return io_of(segment)->stat(io_of(segment), path, &info) == 0 ? info.modified_ms : now_ms;
}

int64_t segment_first_timestamp_ms(struct segment *segment)
{
    if (segment->first_timestamp_ms < 0 && segment->size_bytes > 0) { /* a sealed one that was loaded */
        struct segment_scan scan;
        segment_scan_init(&scan, segment, 0, segment->size_bytes, SCAN_HEADERS);
        if (segment_scan_next(&scan) == 1)
            segment->first_timestamp_ms = scan.batch.max_timestamp_ms;
    }
    return segment->first_timestamp_ms;
}

int segment_rename(struct segment *segment, enum file_suffix suffix)
{
    struct cached_file *const files[FILE_KINDS] = {
        [FILE_LOG] = &segment->log,
        [FILE_OFFSET_INDEX] = &segment->offset_index.entries.file,
        [FILE_TIME_INDEX] = &segment->time_index.entries.file,
        [FILE_TXN_INDEX] = &segment->txn_index.file,
    };
    for (int kind = 0; kind < FILE_SNAPSHOT; kind++) {
        char from[STORAGE_PATH_MAX], to[STORAGE_PATH_MAX];
        enum file_suffix old = (enum file_suffix)files[kind]->suffix; /* its own: an earlier attempt may have failed */
        if (!folder_file_path(segment->folder, segment->base_offset, (enum file_kind)kind, old, from) ||
            !folder_file_path(segment->folder, segment->base_offset, (enum file_kind)kind, suffix, to))
            return -ENAMETOOLONG;
        int error = io_of(segment)->rename(io_of(segment), from, to);
        if (error < 0 && error != -ENOENT)
            return error;
        files[kind]->suffix = (uint8_t)suffix;
    }
    return 0;
}

int segment_rename_snapshot(struct segment *segment)
{
    char from[STORAGE_PATH_MAX], to[STORAGE_PATH_MAX];
    if (!folder_file_path(segment->folder, segment->base_offset, FILE_SNAPSHOT, SUFFIX_NONE, from) ||
        !folder_file_path(segment->folder, segment->base_offset, FILE_SNAPSHOT, SUFFIX_DELETED, to))
        return -ENAMETOOLONG;
    int error = io_of(segment)->rename(io_of(segment), from, to);
    return error == -ENOENT ? 0 : error;
}

int segment_seal(struct segment *segment)
{
    int error = 0;
    if (segment->max_timestamp_ms >= 0)
        error = time_index_append(&segment->time_index, segment->max_timestamp_ms, segment->max_timestamp_offset);
    if (error == 0)
        error = index_file_trim(&segment->time_index.entries);
    if (error == 0)
        error = index_file_trim(&segment->offset_index.entries);
    if (error == 0)
        error = txn_index_trim(&segment->txn_index);
    return error;
}

int segment_truncate(struct segment *segment, int64_t size_bytes, bool sync)
{
    struct file *file;
    int error = cached_file_get(&segment->log, &file);
    if (error == 0)
        error = io_of(segment)->truncate(io_of(segment), file, size_bytes);
    if (error == 0 && sync)
        error = io_of(segment)->sync(io_of(segment), file);
    if (error == 0)
        segment->size_bytes = size_bytes;
    return error;
}

int segment_read(struct segment *segment, void *bytes, size_t size, int64_t position)
{
    struct file *file;
    int error = cached_file_get(&segment->log, &file);
    return error < 0 ? error : file_read_all(io_of(segment), file, bytes, size, position);
}

/* The first batch from `start` on that ends at or behind `offset`. -EBADMSG when no batch begins at `start`, or one
 * that lies behind `offset` although `start` is said to come before it. */
static int find_from(struct segment *segment, int64_t start, int64_t offset, int64_t *position)
{
    struct segment_scan scan;
    segment_scan_init(&scan, segment, start, segment->size_bytes, SCAN_HEADERS);
    int step;
    while ((step = segment_scan_next(&scan)) == 1) {
        if (start > 0 && scan.position == start && scan.batch.base_offset > offset)
            return -EBADMSG;
        if (record_batch_last_offset(&scan.batch) >= offset) {
            *position = scan.position;
            return 0;
        }
    }
    *position = segment->size_bytes;
    return step;
}

int segment_find(struct segment *segment, int64_t offset, int64_t *position)
{
    int64_t start;
    int error = offset_index_floor(&segment->offset_index, offset, &start);
    if (error < 0)
        return error;
    error = find_from(segment, start, offset, position);
    if (error == -EBADMSG && start > 0) /* the index lies, or the log is damaged: the start decides */
        error = find_from(segment, 0, offset, position);
    return error;
}

static int boundary_from(struct segment *segment, int64_t from, int64_t limit, struct segment_scan *scan)
{
    segment_scan_init(scan, segment, from, segment->size_bytes, SCAN_HEADERS);
    int step;
    while ((step = segment_scan_next(scan)) == 1 && scan->next <= limit)
        ;
    return step;
}

int segment_floor_boundary(struct segment *segment, int64_t start, int64_t limit, int64_t *boundary,
                           int32_t *first_bytes)
{
    int64_t floor;
    int error = offset_index_floor_position(&segment->offset_index, limit, &floor);
    if (error < 0)
        return error;
    struct segment_scan scan;
    int step = boundary_from(segment, floor > start ? floor : start, limit, &scan);
    if (step == -EBADMSG && floor > start) /* the index lies */
        step = boundary_from(segment, start, limit, &scan);
    if (step < 0)
        return step;
    *boundary = step == 1 ? scan.position : segment->size_bytes;
    *first_bytes = *boundary == start && step == 1 ? scan.batch.size_bytes : 0;
    return 0;
}

void segment_scan_init(struct segment_scan *scan, struct segment *segment, int64_t position, int64_t end,
                       enum scan_mode mode)
{
    scan->segment = segment;
    scan->position = scan->next = position;
    scan->end = end;
    scan->mode = mode;
    scan->window = mode == SCAN_HEADERS ? scan->header_window : xmalloc(SCAN_LARGE_WINDOW_BYTES);
    scan->window_capacity = mode == SCAN_HEADERS ? SCAN_HEADER_WINDOW_BYTES : SCAN_LARGE_WINDOW_BYTES;
    scan->window_bytes = 0;
    scan->window_position = position;
}

void segment_scan_release(struct segment_scan *scan)
{
    if (scan->mode != SCAN_HEADERS)
        free(scan->window);
}

/* Have `size` bytes, at most the window's capacity and not beyond scan->end, from `position` on in the window. */
static int fill_window(struct segment_scan *scan, int64_t position, size_t size)
{
    if (position >= scan->window_position &&
        position + (int64_t)size <= scan->window_position + (int64_t)scan->window_bytes)
        return 0;
    size_t wanted = scan->window_capacity;
    if ((int64_t)wanted > scan->end - position)
        wanted = (size_t)(scan->end - position);
    scan->window_position = position;
    scan->window_bytes = 0;
    int error = segment_read(scan->segment, scan->window, wanted, position);
    if (error == 0)
        scan->window_bytes = wanted;
    return error;
}

static const uint8_t *in_window(const struct segment_scan *scan, int64_t position)
{
    return scan->window + (position - scan->window_position);
}

int segment_scan_next(struct segment_scan *scan)
{
    if (scan->next == scan->end)
        return 0;
    if (scan->end - scan->next < BATCH_HEADER_BYTES)
        return -EBADMSG;
    int error = fill_window(scan, scan->next, BATCH_HEADER_BYTES);
    if (error < 0)
        return error;
    if (record_batch_view_header(&scan->batch, in_window(scan, scan->next), BATCH_HEADER_BYTES) != BATCH_OK ||
        scan->batch.size_bytes > scan->end - scan->next)
        return -EBADMSG;
    size_t size = (size_t)scan->batch.size_bytes;
    if (scan->mode == SCAN_RECORDS) {
        if (size > scan->window_capacity) {
            scan->window = xrealloc(scan->window, size);
            scan->window_capacity = size;
        }
        error = fill_window(scan, scan->next, size);
        if (error < 0)
            return error;
        scan->batch.bytes = in_window(scan, scan->next);
    }
    scan->position = scan->next;
    scan->next += scan->batch.size_bytes;
    return 1;
}

int segment_scan_is_legacy(const struct segment_scan *scan)
{
    uint8_t head[LEGACY_HEAD_BYTES];
    int64_t left = scan->end - scan->next;
    if (left < (int64_t)sizeof head)
        return 0;
    int error = segment_read(scan->segment, head, sizeof head, scan->next);
    size_t size = error == 0 ? legacy_message_size(head) : 0;
    if (size == 0 || (int64_t)size > left)
        return error;
    uint8_t *message = xmalloc(size);
    error = segment_read(scan->segment, message, size, scan->next);
    bool sound = error == 0 && legacy_message_crc_ok(message, size);
    free(message);
    return error < 0 ? error : sound;
}

int segment_scan_check(struct segment_scan *scan)
{
    uint32_t crc = 0;
    for (int64_t at = scan->position + BATCH_CRC_START; at < scan->next;) {
        int error = fill_window(scan, at, 1);
        if (error < 0)
            return error;
        int64_t size =
            scan->window_position + (int64_t)scan->window_bytes - at; /* what is there, before more is read */
        if (size > scan->next - at)
            size = scan->next - at;
        crc = crc32c(crc, in_window(scan, at), (size_t)size);
        at += size;
    }
    return crc == scan->batch.crc;
}
