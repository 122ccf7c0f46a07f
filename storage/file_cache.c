/* Descriptors in order of use.
 *
 *     open:  most recent <-> ... <-> least recent        every open file of the store's segments
 *
 * A file that is asked for moves to the front; one that must be opened while `open_max` are open makes the last
 * unpinned one close first. When all are pinned the cache grows beyond its bound rather than fail: pins are short (a
 * slice on its way to a socket, a sync in the pool), and the bound is set well below the process's limit. A system that
 * runs out of descriptors all the same (EMFILE) is met by closing one more and trying again.
 *
 * Closing loses nothing: what was written is in the page cache, and a sync through any later descriptor covers it. */
#include "file_cache.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

const char *const file_kind_text[FILE_KINDS] = {
    [FILE_LOG] = ".log",
    [FILE_OFFSET_INDEX] = ".index",
    [FILE_TIME_INDEX] = ".timeindex",
    [FILE_TXN_INDEX] = ".txnindex",
    [FILE_SNAPSHOT] = ".snapshot",
};

const char *const file_suffix_text[FILE_SUFFIXES] = {
    [SUFFIX_NONE] = "",      [SUFFIX_DELETED] = ".deleted", [SUFFIX_CLEANED] = ".cleaned",
    [SUFFIX_SWAP] = ".swap", [SUFFIX_TMP] = ".tmp",
};

void file_cache_init(struct file_cache *cache, struct file_io *io, int open_max)
{
    ASSERT(open_max > 0);
    cache->io = io;
    list_init(&cache->open);
    cache->open_count = 0;
    cache->open_max = open_max;
}

struct folder *folder_new(struct file_cache *cache, const char *path)
{
    struct folder *folder = xmalloc(sizeof *folder);
    *folder = (struct folder){.cache = cache, .path = xstrdup(path), .refs = 1};
    return folder;
}

struct folder *folder_ref(struct folder *folder)
{
    folder->refs++;
    return folder;
}

void folder_unref(struct folder *folder)
{
    ASSERT(folder->refs > 0);
    if (--folder->refs == 0) {
        free(folder->path);
        free(folder);
    }
}

bool folder_file_path(const struct folder *folder, int64_t base_offset, enum file_kind kind, enum file_suffix suffix,
                      char path[STORAGE_PATH_MAX])
{
    int length = snprintf(path, STORAGE_PATH_MAX, "%s/%020" PRId64 "%s%s", folder->path, base_offset,
                          file_kind_text[kind], file_suffix_text[suffix]);
    return length < STORAGE_PATH_MAX;
}

void cached_file_init(struct cached_file *cached, struct folder *folder, int64_t base_offset, enum file_kind kind)
{
    *cached = (struct cached_file){.folder = folder, .base_offset = base_offset, .kind = (uint8_t)kind};
    list_init(&cached->lru);
}

void cached_file_path(const struct cached_file *cached, char path[STORAGE_PATH_MAX])
{
    (void)folder_file_path(cached->folder, cached->base_offset, (enum file_kind)cached->kind,
                           (enum file_suffix)cached->suffix, path);
}

/* Close the least recently used file that is not pinned. False when there is none. */
static bool close_one(struct file_cache *cache)
{
    for (struct list *node = cache->open.previous; node != &cache->open; node = node->previous) {
        struct cached_file *cached = CONTAINER_OF(node, struct cached_file, lru);
        if (cached->pins == 0) {
            cached_file_close(cached);
            return true;
        }
    }
    return false;
}

static int open_cached(struct cached_file *cached, int flags)
{
    struct file_cache *cache = cached->folder->cache;
    char path[STORAGE_PATH_MAX];
    if (!folder_file_path(cached->folder, cached->base_offset, (enum file_kind)cached->kind,
                          (enum file_suffix)cached->suffix, path))
        return -ENAMETOOLONG;
    while (cache->open_count >= cache->open_max && close_one(cache))
        ;
    int error;
    do
        error = cache->io->open(cache->io, path, FILE_WRITE | flags, &cached->file);
    while ((error == -EMFILE || error == -ENFILE) && close_one(cache));
    if (error == -EACCES || error == -EROFS) /* made read-only by hand, or Kafka's checkpoints: reading still works */
        error = cache->io->open(cache->io, path, FILE_READ, &cached->file);
    if (error < 0) {
        cached->file = NULL;
        return error;
    }
    list_prepend(&cache->open, &cached->lru);
    cache->open_count++;
    return 0;
}

int cached_file_get(struct cached_file *cached, struct file **file)
{
    if (cached->file == NULL) {
        int error = open_cached(cached, 0);
        if (error < 0)
            return error;
    } else if (cached->pins == 0 && cached->folder->cache->open.next != &cached->lru) {
        list_remove(&cached->lru);
        list_prepend(&cached->folder->cache->open, &cached->lru);
    }
    *file = cached->file;
    return 0;
}

int cached_file_create(struct cached_file *cached)
{
    cached_file_close(cached);
    return open_cached(cached, FILE_CREATE | FILE_TRUNCATE);
}

int cached_file_pin(struct cached_file *cached)
{
    struct file *file;
    int error = cached_file_get(cached, &file);
    if (error == 0)
        cached->pins++;
    return error;
}

void cached_file_unpin(struct cached_file *cached)
{
    ASSERT(cached->pins > 0);
    cached->pins--;
}

void cached_file_close(struct cached_file *cached)
{
    if (cached->file == NULL)
        return;
    ASSERT(cached->pins == 0);
    struct file_cache *cache = cached->folder->cache;
    list_remove(&cached->lru);
    cache->open_count--;
    cache->io->close(cache->io, cached->file);
    cached->file = NULL;
}
