/* Transaction index: what a reader of committed records has to leave out.
 *
 * Records of a transaction are in the log before anybody knows how it ends. So a reader is told, beside the records,
 * which transactions were aborted, and drops those of that producer from the first offset to the abort marker. Each
 * abort marker leaves an entry in the index of the segment that it was appended to:
 *
 *     0         2             10             18            26                   34
 *     +---------+-------------+--------------+-------------+--------------------+
 *     | version | producer id | first offset | last offset | last stable offset |     all big-endian; version 0
 *     +---------+-------------+--------------+-------------+--------------------+
 *
 * Rules. (1) Last offsets, those of the markers, ascend: an entry is found by halving. First offsets do not. (2)
 * Whoever reads up to an offset has to go on through later segments, for the marker may be far behind the records,
 * until an entry's last stable offset is at or above that offset: then no transaction was open below it, and what is
 * aborted later began later. (3) The file exists only once there is an entry; most logs have none. (4) An empty
 * transaction, a marker without records before it, has no entry.
 *
 * Other than the sparse indexes this one decides what is read. So a marker is written only when its entry is: the entry
 * first, and it is taken back when the marker fails. A crash in between leaves an entry too many, or one too few when
 * the disk kept less of the index than of the log; the segment then is one of those that recovery scans, which makes
 * the index again from the markers.
 *
 * The format is that of Kafka's TransactionIndex. */
#include "txn_index.h"

#include "../protocol/bytes.h"

#include <errno.h>
#include <string.h>

#define TXN_INDEX_VERSION 0
#define BLOCK_ENTRIES     64 /* read at once */

void txn_index_init(struct txn_index *index, struct folder *folder, int64_t base_offset)
{
    cached_file_init(&index->file, folder, base_offset, FILE_TXN_INDEX);
    index->last_offset = -1;
    index->entries = 0;
    index->exists = false;
}

void aborted_txn_encode(const struct aborted_txn *txn, uint8_t entry[TXN_INDEX_ENTRY_BYTES])
{
    store_be16(entry, TXN_INDEX_VERSION);
    store_be64(entry + 2, (uint64_t)txn->producer_id);
    store_be64(entry + 10, (uint64_t)txn->first_offset);
    store_be64(entry + 18, (uint64_t)txn->last_offset);
    store_be64(entry + 26, (uint64_t)txn->last_stable_offset);
}

bool aborted_txn_decode(struct aborted_txn *txn, const uint8_t entry[TXN_INDEX_ENTRY_BYTES])
{
    *txn = (struct aborted_txn){
        .producer_id = (int64_t)load_be64(entry + 2),
        .first_offset = (int64_t)load_be64(entry + 10),
        .last_offset = (int64_t)load_be64(entry + 18),
        .last_stable_offset = (int64_t)load_be64(entry + 26),
    };
    return load_be16(entry) == TXN_INDEX_VERSION && txn->first_offset >= 0 && txn->last_offset >= txn->first_offset;
}

static struct file_io *io_of(const struct txn_index *index)
{
    return index->file.folder->cache->io;
}

/* Where entry `number` begins. */
static int64_t position_of(int32_t number)
{
    return (int64_t)number * TXN_INDEX_ENTRY_BYTES;
}

/* Read `count` entries from number `first` on into `block`. */
static int read_block(struct txn_index *index, int32_t first, int32_t count, uint8_t *block)
{
    struct file *file;
    int error = cached_file_get(&index->file, &file);
    if (error < 0)
        return error;
    struct file_io *io = io_of(index);
    return file_read_all(io, file, block, (size_t)count * TXN_INDEX_ENTRY_BYTES, position_of(first));
}

/* Call `each` for the entries from number `first` on until it returns something other than 0. Returns that, 0 at the
 * end, or a negative errno; -EBADMSG for an entry that makes no sense. */
static int walk(struct txn_index *index, int32_t first, int (*each)(void *context, const struct aborted_txn *txn),
                void *context)
{
    uint8_t block[BLOCK_ENTRIES * TXN_INDEX_ENTRY_BYTES];
    int step = 0;
    for (int32_t at = first; step == 0 && at < index->entries;) {
        int32_t left = index->entries - at;
        int32_t count = left < BLOCK_ENTRIES ? left : BLOCK_ENTRIES;
        step = read_block(index, at, count, block);
        for (int32_t i = 0; step == 0 && i < count; i++) {
            struct aborted_txn txn;
            step = aborted_txn_decode(&txn, block + i * TXN_INDEX_ENTRY_BYTES) ? each(context, &txn) : -EBADMSG;
        }
        at += count;
    }
    return step;
}

struct loading_index {
    struct txn_index *index;
    int64_t end_offset;
};

static int check_entry(void *context, const struct aborted_txn *txn)
{
    struct loading_index *loading = context;
    struct txn_index *index = loading->index;
    if (txn->last_offset < index->file.base_offset || txn->last_offset >= loading->end_offset ||
        txn->last_offset <= index->last_offset)
        return -EBADMSG;
    index->last_offset = txn->last_offset;
    return 0;
}

int txn_index_load(struct txn_index *index, int64_t end_offset)
{
    index->last_offset = -1;
    index->entries = 0;
    struct file *file;
    int error = cached_file_get(&index->file, &file);
    index->exists = error != -ENOENT;
    if (error < 0)
        return error;
    struct file_io *io = io_of(index);
    int64_t size = io->size(io, file);
    if (size < 0)
        return (int)size;
    if (size % TXN_INDEX_ENTRY_BYTES != 0 || size / TXN_INDEX_ENTRY_BYTES > INT32_MAX)
        return -EBADMSG;
    index->entries = (int32_t)(size / TXN_INDEX_ENTRY_BYTES);
    struct loading_index loading = {index, end_offset};
    return walk(index, 0, check_entry, &loading);
}

int txn_index_clear(struct txn_index *index)
{
    struct file_io *io = io_of(index);
    char path[STORAGE_PATH_MAX];
    cached_file_close(&index->file);
    cached_file_path(&index->file, path);
    index->entries = 0;
    index->last_offset = -1;
    index->exists = false;
    int error = io->unlink(io, path);
    return error == -ENOENT ? 0 : error;
}

int txn_index_append(struct txn_index *index, const struct aborted_txn *txn)
{
    ASSERT(txn->last_offset > index->last_offset);
    ASSERT(txn->last_offset >= index->file.base_offset);
    uint8_t entry[TXN_INDEX_ENTRY_BYTES];
    aborted_txn_encode(txn, entry);
    int error = index->exists ? 0 : cached_file_create(&index->file);
    if (error < 0)
        return error;
    index->exists = true;
    struct file *file;
    error = cached_file_get(&index->file, &file);
    if (error == 0)
        error = file_write_all(io_of(index), file, entry, sizeof entry, position_of(index->entries));
    if (error < 0)
        return error;
    index->entries++;
    index->last_offset = txn->last_offset;
    return 0;
}

void txn_index_take_back(struct txn_index *index, int64_t last_offset)
{
    ASSERT(index->entries > 0);
    index->entries--;
    index->last_offset = last_offset;
}

int txn_index_trim(struct txn_index *index)
{
    if (!index->exists)
        return 0;
    struct file *file;
    int error = cached_file_get(&index->file, &file);
    if (error < 0)
        return error;
    int64_t size = io_of(index)->size(io_of(index), file), wanted = position_of(index->entries);
    if (size < 0)
        return (int)size;
    return size == wanted ? 0 : io_of(index)->truncate(io_of(index), file, wanted);
}

struct search {
    int64_t start_offset, end_offset;
    bool (*each)(void *context, const struct aborted_txn *txn);
    void *context;
};

static int offer_entry(void *context, const struct aborted_txn *txn)
{
    const struct search *search = context;
    if (txn->last_offset >= search->start_offset && txn->first_offset < search->end_offset &&
        !search->each(search->context, txn))
        return -ECANCELED;
    return txn->last_stable_offset >= search->end_offset;
}

int txn_index_find(struct txn_index *index, int64_t start_offset, int64_t end_offset,
                   bool (*each)(void *context, const struct aborted_txn *txn), void *context)
{
    int32_t first = 0, end = index->entries; /* entries below `first` end below start_offset */
    while (first < end) {
        int32_t middle = first + (end - first) / 2;
        uint8_t entry[TXN_INDEX_ENTRY_BYTES];
        struct aborted_txn txn;
        int error = read_block(index, middle, 1, entry);
        if (error < 0)
            return error;
        if (!aborted_txn_decode(&txn, entry))
            return -EBADMSG;
        if (txn.last_offset < start_offset)
            first = middle + 1;
        else
            end = middle;
    }
    struct search search = {start_offset, end_offset, each, context};
    return walk(index, first, offer_entry, &search);
}
