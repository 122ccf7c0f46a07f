/* A file of equal, ascending entries: what the offset index and the time index have in common. See index_file.c. */
#ifndef DOHLE_STORAGE_INDEX_FILE_H
#define DOHLE_STORAGE_INDEX_FILE_H

#include "file_cache.h"

#define INDEX_ENTRY_BYTES_MAX 16

struct index_file {
    struct cached_file file;
    int32_t entries;       /* that count */
    int32_t waiting_count; /* the last ones of them are not in the file yet, but in `waiting` */
    uint8_t *waiting;      /* NULL: none */
    uint8_t entry_bytes;   /* of one */
};

/* The value that entries ascend by, read from the bytes of one. */
typedef int64_t (*index_key)(const uint8_t *entry);

/* Without touching the disk. */
void index_file_init(struct index_file *index, struct folder *folder, int64_t base_offset, enum file_kind kind,
                     size_t entry_bytes);
/* Take over the file that is there. 0; -EBADMSG when its size is no multiple of the entry's; another negative errno. */
int index_file_load(struct index_file *index) WARN_UNUSED;
/* Make the file, empty; one that is there is emptied. */
int index_file_create(struct index_file *index) WARN_UNUSED;
/* Begin anew over the file that is there, or make one: no entry counts, and the old bytes are written over until a trim
 * cuts what is left of them. So an index that is made again as it was does not change on the disk. *old_bytes is the
 * size of what is there. */
int index_file_restart(struct index_file *index, int64_t *old_bytes) WARN_UNUSED;
/* Let go of what is in memory; entries that wait are lost. The index may be initialized again. */
void index_file_release(struct index_file *index);
/* Put one entry behind the last. It waits in memory for others: index_file_write(), a lookup or a trim writes it. On
 * failure the index is as before. */
int index_file_append(struct index_file *index, const uint8_t *entry) WARN_UNUSED;
/* Write the entries that wait. 0, or a negative errno and then they still wait. */
int index_file_write(struct index_file *index) WARN_UNUSED;
/* Read entry `number`, which exists. */
int index_file_entry(struct index_file *index, int32_t number, uint8_t *entry) WARN_UNUSED;
/* The last entry whose key is at or below `target`, into `entry`. Returns 1, 0 when there is none, or a negative errno.
 * `last_key` is that of the last entry where keys grow about evenly from 0, which saves reads; else 0. */
int index_file_floor(struct index_file *index, index_key key, int64_t target, int64_t last_key,
                     uint8_t *entry) WARN_UNUSED;
/* Write what waits and give the file exactly the size of its entries. */
int index_file_trim(struct index_file *index) WARN_UNUSED;
/* Of a loaded file: drop the zeros that Apache Kafka leaves behind the last entry. The file may turn out to be empty.
 */
int index_file_cut_zeros(struct index_file *index) WARN_UNUSED;

#endif
