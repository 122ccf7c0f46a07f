/* The open descriptors of a store: least recently used, bounded, pinned while somebody needs the number. See
 * file_cache.c.
 *
 * A segment has three files or more, a broker tens of thousands of segments, a process often 1,024 descriptors or 256.
 * So a file of a segment is a struct cached_file that knows its name and is opened when somebody asks for it. */
#ifndef DOHLE_STORAGE_FILE_CACHE_H
#define DOHLE_STORAGE_FILE_CACHE_H

#include "../protocol/list.h"
#include "file_io.h"
#include "storage_error.h"

struct file_cache {
    struct file_io *io;
    struct list open; /* of cached_file.lru, most recently used first; all open files are here */
    int open_count, open_max;
};

/* A partition's folder, shared by its log and all its segments: slices may outlive the log, and the folder's name
 * changes when its topic is deleted. Counted. */
struct folder {
    struct file_cache *cache;
    char *path;
    int refs;
};

/* The files that carry a base offset in their name. */
enum file_kind { FILE_LOG, FILE_OFFSET_INDEX, FILE_TIME_INDEX, FILE_TXN_INDEX, FILE_SNAPSHOT, FILE_KINDS };

/* What stands behind that name while the file is on its way in or out: see log_names.c. */
enum file_suffix { SUFFIX_NONE, SUFFIX_DELETED, SUFFIX_CLEANED, SUFFIX_SWAP, SUFFIX_TMP, FILE_SUFFIXES };

extern const char *const file_kind_text[FILE_KINDS];      /* ".log" and such */
extern const char *const file_suffix_text[FILE_SUFFIXES]; /* "", ".deleted" and such */

/* One file, open or not. Owned by a segment. */
struct cached_file {
    struct list lru;       /* in cache->open while open */
    struct file *file;     /* NULL: closed */
    struct folder *folder; /* a reference of the segment's */
    int64_t base_offset;
    int pins;       /* while above 0 it stays open */
    uint8_t kind;   /* enum file_kind */
    uint8_t suffix; /* enum file_suffix: of its name as it is now */
};

void file_cache_init(struct file_cache *cache, struct file_io *io, int open_max);

/* A folder with one reference; `path` is copied. */
struct folder *folder_new(struct file_cache *cache, const char *path);
struct folder *folder_ref(struct folder *folder);
void folder_unref(struct folder *folder);

/* PATH/00000000000000000042.log and its like. False when it does not fit. */
bool folder_file_path(const struct folder *folder, int64_t base_offset, enum file_kind kind, enum file_suffix suffix,
                      char path[STORAGE_PATH_MAX]);

void cached_file_init(struct cached_file *cached, struct folder *folder, int64_t base_offset, enum file_kind kind);
/* The path as it is now. */
void cached_file_path(const struct cached_file *cached, char path[STORAGE_PATH_MAX]);
/* The open file, valid until the next call into the cache for another file unless it is pinned. 0 or a negative errno.
 * A pinned file is given without touching the cache: so the pool may ask for one that only its job uses. */
int cached_file_get(struct cached_file *cached, struct file **file) WARN_UNUSED;
/* Make the file, empty, and keep it open as above; -EEXIST never: what was there is emptied. */
int cached_file_create(struct cached_file *cached) WARN_UNUSED;
/* Open it if need be and keep it open until as many unpins. */
int cached_file_pin(struct cached_file *cached) WARN_UNUSED;
void cached_file_unpin(struct cached_file *cached);
/* Close it if it is open. Not while pinned. */
void cached_file_close(struct cached_file *cached);

#endif
