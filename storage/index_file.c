/* Sparse indexes on disk, read where they lie.
 *
 *     0            entry_bytes                    entries * entry_bytes
 *     +------------+------------+-- ... --+------------+
 *     | entry 0    | entry 1    |         | last entry |      big-endian fields, keys ascend
 *     +------------+------------+-- ... --+------------+
 *
 * The file is not kept in memory, but for the newest entries, which wait until there is a block of them to write: a
 * write for each would cost a produce of large batches a tenth of its time. A lookup writes them first. A crash loses
 * those that wait, which is as if the batches behind the last entry had none: a start without a clean stop scans them
 * and makes their entries anew.
 *
 * A lookup reads the block where the entry is if keys grow evenly, as offsets and positions nearly do. When it is not
 * there it halves the range by reading single entries until what is left fits one block, then reads that block. A
 * gigabyte segment has 260,000 offset entries, so that would be ten small reads. Most lookups do not come here because
 * they ask for what the last entry, kept by the owner, answers.
 *
 * An entry that could not be written whole is not counted, and the next one is written over it. Apache Kafka fills the
 * files of an active segment up with zeros behind the last entry, and cuts them when it rolls or stops: but not when it
 * is killed, nor ever those of its metadata log. Owners notice, for keys of zeros do not ascend.
 */
#include "index_file.h"

#include <errno.h>
#include <string.h>

#define BLOCK_BYTES   4096
#define WAITING_BYTES 256 /* few enough for ten thousand partitions */

void index_file_init(struct index_file *index, struct folder *folder, int64_t base_offset, enum file_kind kind,
                     size_t entry_bytes)
{
    ASSERT(entry_bytes <= INDEX_ENTRY_BYTES_MAX);
    cached_file_init(&index->file, folder, base_offset, kind);
    index->entries = index->waiting_count = 0;
    index->waiting = NULL;
    index->entry_bytes = (uint8_t)entry_bytes;
}

void index_file_release(struct index_file *index)
{
    free(index->waiting);
    index->waiting = NULL;
    index->entries -= index->waiting_count;
    index->waiting_count = 0;
}

int index_file_load(struct index_file *index)
{
    index_file_release(index);
    struct file *file;
    int error = cached_file_get(&index->file, &file);
    if (error < 0)
        return error;
    struct file_io *io = index->file.folder->cache->io;
    int64_t size = io->size(io, file);
    if (size < 0)
        return (int)size;
    if (size % index->entry_bytes != 0 || size / index->entry_bytes > INT32_MAX)
        return -EBADMSG;
    index->entries = (int32_t)(size / index->entry_bytes);
    return 0;
}

int index_file_create(struct index_file *index)
{
    index_file_release(index);
    index->entries = 0;
    return cached_file_create(&index->file);
}

int index_file_restart(struct index_file *index, int64_t *old_bytes)
{
    struct file *file;
    *old_bytes = 0;
    index_file_release(index);
    index->entries = 0;
    int error = cached_file_get(&index->file, &file);
    if (error == -ENOENT)
        return cached_file_create(&index->file);
    if (error < 0)
        return error;
    *old_bytes = index->file.folder->cache->io->size(index->file.folder->cache->io, file);
    return *old_bytes < 0 ? (int)*old_bytes : 0;
}

static int64_t position_of(const struct index_file *index, int32_t number)
{
    return (int64_t)number * index->entry_bytes;
}

int index_file_write(struct index_file *index)
{
    if (index->waiting_count == 0)
        return 0;
    struct file *file;
    int error = cached_file_get(&index->file, &file);
    if (error < 0)
        return error;
    struct file_io *io = index->file.folder->cache->io;
    size_t size = (size_t)index->waiting_count * index->entry_bytes;
    error = file_write_all(io, file, index->waiting, size, position_of(index, index->entries - index->waiting_count));
    if (error < 0)
        return error;
    free(index->waiting);
    index->waiting = NULL;
    index->waiting_count = 0;
    return 0;
}

/* The file, with all entries in it. */
static int get_whole(struct index_file *index, struct file **file)
{
    int error = index_file_write(index);
    return error < 0 ? error : cached_file_get(&index->file, file);
}

int index_file_append(struct index_file *index, const uint8_t *entry)
{
    if (index->waiting_count == WAITING_BYTES / index->entry_bytes) {
        int error = index_file_write(index);
        if (error < 0)
            return error;
    }
    if (index->waiting == NULL)
        index->waiting = xmalloc(WAITING_BYTES);
    memcpy(index->waiting + position_of(index, index->waiting_count), entry, index->entry_bytes);
    index->waiting_count++;
    index->entries++;
    return 0;
}

int index_file_entry(struct index_file *index, int32_t number, uint8_t *entry)
{
    ASSERT(number < index->entries);
    struct file *file;
    int error = get_whole(index, &file);
    if (error < 0)
        return error;
    return file_read_all(index->file.folder->cache->io, file, entry, index->entry_bytes, position_of(index, number));
}

/* Read the entries from `first` up to `end`, a block of them at most. */
static int read_block(struct index_file *index, int32_t first, int32_t end, uint8_t block[BLOCK_BYTES])
{
    struct file *file;
    int error = get_whole(index, &file);
    if (error < 0)
        return error;
    size_t size = (size_t)(end - first) * index->entry_bytes;
    return file_read_all(index->file.folder->cache->io, file, block, size, position_of(index, first));
}

/* Where the block begins that has `target` in its middle when keys grow evenly from 0 to `last_key`. */
static int32_t guess_block(const struct index_file *index, int64_t target, int64_t last_key, int32_t block_entries)
{
    int64_t guess = target < last_key ? target * index->entries / last_key : index->entries;
    guess -= block_entries / 2;
    if (guess > index->entries - block_entries)
        guess = index->entries - block_entries;
    return guess < 0 ? 0 : (int32_t)guess;
}

/* index_file_floor() among the entries of a block. */
static int floor_in_block(const struct index_file *index, const uint8_t *block, int32_t entries, index_key key,
                          int64_t target, uint8_t *entry)
{
    for (int32_t left = entries; left > 0; left--) {
        const uint8_t *at = block + (size_t)(left - 1) * index->entry_bytes;
        if (key(at) <= target) {
            memcpy(entry, at, index->entry_bytes);
            return 1;
        }
    }
    return 0;
}

int index_file_floor(struct index_file *index, index_key key, int64_t target, int64_t last_key, uint8_t *entry)
{
    uint8_t block[BLOCK_BYTES];
    int32_t block_entries = BLOCK_BYTES / index->entry_bytes;
    int32_t first = 0, end = index->entries; /* the answer is below `end`, and at or behind `first` if there is one */
    if (end > block_entries && target >= 0 && target <= INT32_MAX && last_key > 0) {
        int32_t guess = guess_block(index, target, last_key, block_entries), behind = guess + block_entries;
        int error = read_block(index, guess, behind, block);
        if (error < 0)
            return error;
        if (key(block) > target)
            end = guess;
        else if (behind < end && key(block + (size_t)(block_entries - 1) * index->entry_bytes) <= target)
            first = behind - 1;
        else
            return floor_in_block(index, block, block_entries, key, target, entry);
    }
    while (end - first > block_entries) {
        int32_t middle = first + (end - first) / 2;
        int error = index_file_entry(index, middle, block);
        if (error < 0)
            return error;
        if (key(block) <= target)
            first = middle;
        else
            end = middle;
    }
    if (end == first)
        return 0;
    int error = read_block(index, first, end, block);
    if (error < 0)
        return error;
    return floor_in_block(index, block, end - first, key, target, entry);
}

int index_file_trim(struct index_file *index)
{
    struct file *file;
    int error = get_whole(index, &file);
    if (error < 0)
        return error;
    struct file_io *io = index->file.folder->cache->io;
    int64_t size = io->size(io, file);
    if (size < 0)
        return (int)size;
    int64_t wanted = position_of(index, index->entries);
    return size == wanted ? 0 : io->truncate(io, file, wanted);
}

int index_file_cut_zeros(struct index_file *index)
{
    static const uint8_t zeros[INDEX_ENTRY_BYTES_MAX];
    uint8_t entry[INDEX_ENTRY_BYTES_MAX];
    int32_t first = 0, end = index->entries; /* the first entry of zeros is among [first, end] */
    while (first < end) {
        int32_t middle = first + (end - first) / 2;
        int error = index_file_entry(index, middle, entry);
        if (error < 0)
            return error;
        if (memcmp(entry, zeros, index->entry_bytes) == 0)
            end = middle;
        else
            first = middle + 1;
    }
    index->entries = end;
    return index_file_trim(index);
}
