/* From an offset to a byte position in a segment's .log file. See offset_index.c for the format. */
#ifndef DOHLE_STORAGE_OFFSET_INDEX_H
#define DOHLE_STORAGE_OFFSET_INDEX_H

#include "index_file.h"

#define OFFSET_INDEX_ENTRY_BYTES 8

struct offset_index {
    struct index_file entries;
    int32_t last_offset;   /* of the last entry, relative to the base offset; 0 without entries */
    int32_t last_position; /* where the batch that ends with it begins; 0 without entries */
};

/* Without touching the disk. */
void offset_index_init(struct offset_index *index, struct folder *folder, int64_t base_offset);
/* Take over the file that is there. 0; -EBADMSG when it cannot be the index of a .log file of `log_bytes` and is to be
 * rebuilt; or another negative errno (-ENOENT). */
int offset_index_load(struct offset_index *index, int64_t log_bytes) WARN_UNUSED;
/* Make the file, empty. */
int offset_index_create(struct offset_index *index) WARN_UNUSED;
/* Begin anew over the file that is there; see index_file_restart(). */
int offset_index_restart(struct offset_index *index, int64_t *old_bytes) WARN_UNUSED;
/* Add an entry: the batch at `position` ends with `offset`. Both are above the last entry's, and fit: see segment.c. On
 * failure the index is as before. */
int offset_index_append(struct offset_index *index, int64_t offset, int64_t position) WARN_UNUSED;

/* Where to begin to look for `offset`: the position of the last entry at or below it, 0 without one. */
int offset_index_floor(struct offset_index *index, int64_t offset, int64_t *position) WARN_UNUSED;
/* The last indexed position at or below `position`: the start of a batch. */
int offset_index_floor_position(struct offset_index *index, int64_t position, int64_t *floor) WARN_UNUSED;
/* The offset of the first entry whose position is at or behind `position`, as Kafka finds it: the index's very first
 * entry must be behind. 1, 0 when there is none, or a negative errno. */
int offset_index_ceiling(struct offset_index *index, int64_t position, int64_t *offset) WARN_UNUSED;

#endif
