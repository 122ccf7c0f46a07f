/* One base offset's files: .log with its indexes. See segment.c. */
#ifndef DOHLE_STORAGE_SEGMENT_H
#define DOHLE_STORAGE_SEGMENT_H

#include "../protocol/record_batch.h"
#include "offset_index.h"
#include "time_index.h"
#include "txn_index.h"

struct segment {
    int refs; /* the log's, and one for each slice */
    struct folder *folder;
    int64_t base_offset;
    int64_t size_bytes; /* of whole batches; the .log file ends here */
    struct cached_file log;
    struct offset_index offset_index;
    struct time_index time_index;
    struct txn_index txn_index;
    int64_t max_timestamp_ms;     /* of all batches; -1: none */
    int64_t max_timestamp_offset; /* last offset of the first batch that has it */
    int64_t first_timestamp_ms;   /* the largest of the first batch, for roll by time; -1: none */
    int64_t created_ms;           /* wall clock; when it was made, or loaded */
    int64_t unindexed_bytes;      /* appended since the last index entry */
};

/* With one reference, nothing on disk touched. */
struct segment *segment_new(struct folder *folder, int64_t base_offset, int64_t now_ms);
/* What is known of `segment`, for a copy of its files in `folder`. Index entries that wait must be written before. */
struct segment *segment_clone(const struct segment *segment, struct folder *folder);
struct segment *segment_ref(struct segment *segment);
/* The last one closes the files and frees. */
void segment_unref(struct segment *segment);

/* Close the descriptors; they are opened again when needed. */
void segment_close_files(struct segment *segment);

/* Make .log, .index and .timeindex, empty. 0 or a negative errno, and then none of them is left. */
int segment_create(struct segment *segment) WARN_UNUSED;

/* Write whole batches, 1 to FILE_PARTS_MAX in an array that is used up, behind what is counted; they are to be counted
 * then, one after the other. 0 or a negative errno, and then the file was cut back to what is counted (*cut_failed:
 * even that did not work). */
int segment_write(struct segment *segment, struct iovec *batches, int count, bool *cut_failed) WARN_UNUSED;
/* Count a batch that lies at `position`, the next after those counted, into size, timestamps and indexes. An index
 * entry that cannot be written is left out. */
void segment_count_batch(struct segment *segment, const struct record_batch *batch, int64_t position,
                         int32_t index_interval_bytes);

/* The largest timestamp; of a segment without any the time of its file, or `now_ms` when that cannot be told. */
int64_t segment_newest_ms(const struct segment *segment, int64_t now_ms);
/* The largest timestamp of the first batch; -1: none, or it cannot be read. */
int64_t segment_first_timestamp_ms(struct segment *segment);

/* Give all files another suffix; they stay readable. 0 or a negative errno, and then some have the old one still. */
int segment_rename(struct segment *segment, enum file_suffix suffix) WARN_UNUSED;
/* Give the snapshot at the base offset, if there is one, the suffix .deleted. */
int segment_rename_snapshot(struct segment *segment) WARN_UNUSED;

/* Write index entries that still wait in memory, as far as the disk lets us. */
void segment_write_indexes(struct segment *segment);
/* No more appends: the last entry of the time index tells the largest timestamp, and all index files have their real
 * size. */
int segment_seal(struct segment *segment) WARN_UNUSED;
/* Cut the .log file to `size_bytes`, where a batch ends; with `sync` also on the disk, or what was cut could come back
 * behind later batches. Indexes are the caller's. */
int segment_truncate(struct segment *segment, int64_t size_bytes, bool sync) WARN_UNUSED;

/* The batch that holds `offset`, or the next one: its position, or size_bytes when all end below. */
int segment_find(struct segment *segment, int64_t offset, int64_t *position) WARN_UNUSED;
/* The largest end of a batch that is at or below `limit`; `start` is where a batch begins. `start` when the first one
 * already passes it, and then *first_bytes is the size of that one. */
int segment_floor_boundary(struct segment *segment, int64_t start, int64_t limit, int64_t *boundary,
                           int32_t *first_bytes) WARN_UNUSED;
int segment_read(struct segment *segment, void *bytes, size_t size, int64_t position) WARN_UNUSED;

/* ---- walking batches ------------------------------------------------------------------------------------------- */

#define SCAN_HEADER_WINDOW_BYTES 4096

enum scan_mode {
    SCAN_HEADERS, /* batch.bytes holds the header only; a small window, nothing allocated */
    SCAN_CHECK,   /* the same with a large window, for segment_scan_check() */
    SCAN_RECORDS, /* batch.bytes holds the whole batch; the window grows to the largest one */
};

/* Walks the batches of a .log file through a window, so that small batches do not cost a call each. */
struct segment_scan {
    struct segment *segment;
    int64_t position;          /* of `batch` */
    int64_t next;              /* of the one behind it */
    int64_t end;               /* where the walk ends */
    struct record_batch batch; /* valid until the next step */
    uint8_t *window;
    size_t window_capacity, window_bytes;
    int64_t window_position;
    enum scan_mode mode;
    uint8_t header_window[SCAN_HEADER_WINDOW_BYTES];
};

/* From a batch's start at `position` to `end`. To be released, but with SCAN_HEADERS. */
void segment_scan_init(struct segment_scan *scan, struct segment *segment, int64_t position, int64_t end,
                       enum scan_mode mode);
/* Returns 1 and scan->batch, 0 at the end, -EBADMSG when what lies at scan->next is no batch or ends behind scan->end,
 * or another negative errno. */
int segment_scan_next(struct segment_scan *scan) WARN_UNUSED;
/* Is what lies at scan->next, and is no batch, a sound message of a Kafka before 0.11? 1, 0 or a negative errno. */
int segment_scan_is_legacy(const struct segment_scan *scan) WARN_UNUSED;
void segment_scan_release(struct segment_scan *scan);
/* Is the checksum of scan->batch right? A batch larger than the window is read in pieces, so that a damaged length
 * costs no memory. 1, 0 or a negative errno. */
int segment_scan_check(struct segment_scan *scan) WARN_UNUSED;

#endif
