/* What recovery takes off the end of a log, and what it keeps of that for a person to look at.
 *
 *     segment 0          segment 42                    segment 99
 *     [ sound ........ ] [ sound | damaged | whole ] [ whole ]          log ends here: ^ behind the last sound batch
 *                                 `-------v-------'   `--v--'
 *                  00000000000000000042.log.cut-4711     00000000000000000099.log.cut-0
 *
 * A log has no hole inside a segment, so it ends before the first batch that is damaged. What lies behind is mostly the
 * torn end of what a crash interrupted, and goes. But where a whole batch follows, with its checksum right, somebody
 * may want it: then the bytes stay beside the log, from the given position on, under a name that neither we nor Kafka
 * look at; they go with the partition's folder. It is reported which file it is, as an error when they lay below the
 * recovery point: then the disk has damaged what it had confirmed.
 *
 * Cutting is synced at once: otherwise what was cut could be back after a later power cut, behind newer batches. */
#include "log_loading.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define WINDOW_BYTES     (64 * 1024)
#define MAGIC_OFFSET     16
#define CHECKED_PER_BYTE 4 /* checksums of what only looks like a batch: so many bytes for each byte that is cut */

/* Looks for a whole batch in the bytes of a segment from `at` to `end`. */
struct search {
    struct segment *segment;
    int64_t at, end;
    int64_t checks_left; /* bytes */
    uint8_t window[WINDOW_BYTES];
};

/* Is the batch that may begin at `position` whole? 1, 0 or a negative errno. */
static int is_whole(struct search *search, struct segment_scan *scan, int64_t position)
{
    scan->next = position;
    int step = segment_scan_next(scan);
    if (step != 1)
        return step == -EBADMSG ? 0 : step;
    search->checks_left -= scan->batch.size_bytes;
    return segment_scan_check(scan);
}

/* The batches that may begin in the window, which holds `size` bytes from search->at on. */
static int search_window(struct search *search, struct segment_scan *scan, size_t size)
{
    for (size_t at = MAGIC_OFFSET; at < size; at++) {
        const uint8_t *magic = memchr(search->window + at, BATCH_MAGIC, size - at);
        if (magic == NULL)
            return 0;
        at = (size_t)(magic - search->window);
        int found = is_whole(search, scan, search->at + (int64_t)at - MAGIC_OFFSET);
        if (found != 0)
            return found;
        if (search->checks_left < 0) /* made to look like batches, all over: better keep it */
            return 1;
    }
    return 0;
}

/* Is there a whole batch behind byte `from`? 1, 0 or a negative errno. */
static int has_whole_batch(struct segment *segment, int64_t from)
{
    struct search *search = xmalloc(sizeof *search);
    search->segment = segment;
    search->at = from;
    search->end = segment->size_bytes;
    search->checks_left = (search->end - from) * CHECKED_PER_BYTE;
    struct segment_scan scan;
    segment_scan_init(&scan, segment, from, search->end, SCAN_CHECK);
    int found = 0;
    while (found == 0 && search->end - search->at >= BATCH_HEADER_BYTES) {
        size_t size = WINDOW_BYTES;
        if ((int64_t)size > search->end - search->at)
            size = (size_t)(search->end - search->at);
        found = segment_read(segment, search->window, size, search->at);
        if (found == 0)
            found = search_window(search, &scan, size);
        search->at +=
            (int64_t)size - MAGIC_OFFSET; /* the next window begins with the first magic that this one lacks */
    }
    segment_scan_release(&scan);
    free(search);
    return found;
}

static int copy_bytes(struct loading *loading, struct segment *segment, int64_t from, struct file *to)
{
    uint8_t *bytes = xmalloc(WINDOW_BYTES);
    int error = 0;
    for (int64_t at = from; error == 0 && at < segment->size_bytes;) {
        size_t size = WINDOW_BYTES;
        if ((int64_t)size > segment->size_bytes - at)
            size = (size_t)(segment->size_bytes - at);
        error = segment_read(segment, bytes, size, at);
        if (error == 0)
            error = file_write_all(loading->io, to, bytes, size, at - from);
        at += (int64_t)size;
    }
    free(bytes);
    return error;
}

static int save_bytes(struct loading *loading, struct segment *segment, int64_t from, const char *path)
{
    struct file *file;
    int error = loading->io->open(loading->io, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &file);
    if (error < 0)
        return error;
    error = copy_bytes(loading, segment, from, file);
    if (error == 0 && loading->log->store->options.sync)
        error = loading->io->sync(loading->io, file);
    loading->io->close(loading->io, file);
    if (error < 0)
        (void)loading->io->unlink(loading->io, path); /* the segment is still whole */
    return error;
}

/* Keep what is about to be cut, where it holds a whole batch: the tail of a segment that stays as a copy, or one that
 * goes by its rename. */
static int put_tail_aside(struct loading *loading, struct segment *segment, int64_t from, bool delete_segment)
{
    struct log *log = loading->log;
    char log_path[STORAGE_PATH_MAX], path[STORAGE_PATH_MAX];
    cached_file_path(&segment->log, log_path);
    int found = has_whole_batch(segment, from);
    if (found <= 0)
        return found < 0 ? loading_fail(loading, "read", log_path, found) : 0;
    int length = snprintf(path, sizeof path, "%s.cut-%" PRId64, log_path, from);
    int error = -ENAMETOOLONG;
    if (length < STORAGE_PATH_MAX && delete_segment)
        error = loading->io->rename(loading->io, log_path, path);
    else if (length < STORAGE_PATH_MAX)
        error = save_bytes(loading, segment, from, path);
    if (error < 0)
        return loading_fail(loading, "write", path, error);
    loading->put_aside = true;
    store_report(log->store, log->end_offset < log->recovery_point ? 2 : 1,
                 "Put aside what lies behind a damaged batch and holds whole ones",
                 "topic=%s partition=%d log_end_offset=%" PRId64 " path=%s bytes=%" PRId64, log->topic,
                 (int)log->partition, log->end_offset, path, segment->size_bytes - from);
    return 0;
}

static int remove_files(struct loading *loading, struct segment *segment)
{
    struct cached_file *files[] = {&segment->offset_index.entries.file, &segment->time_index.entries.file,
                                   &segment->txn_index.file, &segment->log};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char path[STORAGE_PATH_MAX];
        cached_file_path(files[i], path);
        int error = loading->io->unlink(loading->io, path);
        if (error < 0 && error != -ENOENT)
            return loading_fail(loading, "unlink", path, error);
    }
    return 0;
}

/* From the last one on, so that what an interruption leaves has no hole. */
static int cut_segments(struct loading *loading, int32_t number)
{
    struct log *log = loading->log;
    while (log->segments_count > number + 1) {
        struct segment *last = log_active(log);
        int error = put_tail_aside(loading, last, 0, true);
        if (error == 0)
            error = remove_files(loading, last);
        if (error < 0)
            return error;
        loading->cut_bytes += last->size_bytes;
        loading->cut_segments++;
        log->segments_count--;
        segment_unref(last);
    }
    return 0;
}

int loading_cut_behind(struct loading *loading, int32_t number, int64_t sound_bytes)
{
    struct log *log = loading->log;
    bool unlinks = log->segments_count > number + 1;
    int error = cut_segments(loading, number);
    if (error == 0 && number >= 0 && sound_bytes < log->segments[number]->size_bytes) {
        struct segment *segment = log->segments[number];
        error = put_tail_aside(loading, segment, sound_bytes, false);
        if (error < 0)
            return error;
        loading->cut_bytes += segment->size_bytes - sound_bytes;
        error = segment_truncate(segment, sound_bytes, log->store->options.sync);
        if (error < 0)
            return loading_fail_file(loading, "truncate", &segment->log, error);
    }
    if (error < 0 || !(unlinks || loading->put_aside) || !log->store->options.sync)
        return error;
    error = loading->io->sync_directory(loading->io, log->folder->path);
    return error < 0 ? loading_fail(loading, "sync", log->folder->path, error) : 0;
}
