/* From a timestamp to the offset behind which newer records lie. See time_index.c for the format. */
#ifndef DOHLE_STORAGE_TIME_INDEX_H
#define DOHLE_STORAGE_TIME_INDEX_H

#include "index_file.h"

#define TIME_INDEX_ENTRY_BYTES 12

struct time_index {
    struct index_file entries;
    int64_t last_timestamp_ms; /* of the last entry; -1 without entries */
    int32_t last_offset;       /* of the last entry, relative to the base offset; 0 without entries */
};

/* Without touching the disk. */
void time_index_init(struct time_index *index, struct folder *folder, int64_t base_offset);
/* Take over the file that is there. 0; -EBADMSG when it cannot be a time index and is to be rebuilt; or another
 * negative errno (-ENOENT). */
int time_index_load(struct time_index *index) WARN_UNUSED;
/* Make the file, empty. */
int time_index_create(struct time_index *index) WARN_UNUSED;
/* Begin anew over the file that is there; see index_file_restart(). */
int time_index_restart(struct time_index *index, int64_t *old_bytes) WARN_UNUSED;
/* Add an entry if `timestamp_ms` is above the last one's; else nothing happens. On failure the index is as before. */
int time_index_append(struct time_index *index, int64_t timestamp_ms, int64_t offset) WARN_UNUSED;
/* The offset of the last entry whose timestamp is at or below `timestamp_ms`; the base offset without one. Records
 * newer than that entry lie behind it. */
int time_index_floor(struct time_index *index, int64_t timestamp_ms, int64_t *offset) WARN_UNUSED;

#endif
