/* The aborted transactions whose abort marker lies in a segment. See txn_index.c for the format. */
#ifndef DOHLE_STORAGE_TXN_INDEX_H
#define DOHLE_STORAGE_TXN_INDEX_H

#include "file_cache.h"

#define TXN_INDEX_ENTRY_BYTES 34

struct aborted_txn {
    int64_t producer_id;
    int64_t first_offset;       /* of its records in this log */
    int64_t last_offset;        /* of the abort marker */
    int64_t last_stable_offset; /* once the marker was there: no earlier transaction was open below it */
};

struct txn_index {
    struct cached_file file;
    int64_t last_offset; /* of the last entry; -1 without entries */
    int32_t entries;     /* that count: behind them may be one that was taken back */
    bool exists;         /* the file is there */
};

/* Without touching the disk. */
void txn_index_init(struct txn_index *index, struct folder *folder, int64_t base_offset);
/* Take over the file that is there. 0; -EBADMSG when it cannot be the index of batches that end before `end_offset` and
 * is to be rebuilt; or another negative errno (-ENOENT: nothing was aborted here). */
int txn_index_load(struct txn_index *index, int64_t end_offset) WARN_UNUSED;
/* Remove the file: there is nothing in it yet. 0, also when there is none, or a negative errno. */
int txn_index_clear(struct txn_index *index) WARN_UNUSED;
/* Add an entry, whose last offset is above those before. The first one makes the file. On failure the index is as
 * before. */
int txn_index_append(struct txn_index *index, const struct aborted_txn *txn) WARN_UNUSED;
/* Take back the entry that was added last: its marker was not written. `last_offset` is that of the entry before, -1
 * without one. */
void txn_index_take_back(struct txn_index *index, int64_t last_offset);
/* Give the file exactly the size of its entries. */
int txn_index_trim(struct txn_index *index) WARN_UNUSED;

/* Call `each` with the transactions that a reader of [start_offset, end_offset) has to leave out, as far as their
 * markers lie in this segment. Returns 1 when later segments cannot know more, 0 when they can, -ECANCELED when `each`
 * returned false, or another negative errno. */
int txn_index_find(struct txn_index *index, int64_t start_offset, int64_t end_offset,
                   bool (*each)(void *context, const struct aborted_txn *txn), void *context) WARN_UNUSED;

/* An entry as it stands in the file. */
void aborted_txn_encode(const struct aborted_txn *txn, uint8_t entry[TXN_INDEX_ENTRY_BYTES]);
/* False when the version is another one or the offsets contradict each other. */
bool aborted_txn_decode(struct aborted_txn *txn, const uint8_t entry[TXN_INDEX_ENTRY_BYTES]) WARN_UNUSED;

#endif
