/* Every system call on files, as a struct of functions. See file_io_posix.c; tests have a version in memory
 * (tests/lib/memory_io.c) that fails the k-th call, writes short, and loses what was not synced at a power cut.
 *
 * All functions return 0 or more on success and a negative errno on failure. Paths are absolute or relative to the
 * working directory, with '/' between names. Offsets are explicit: there is no file position. Reads and writes may be
 * short; the file_*_all helpers below go on until done. */
#ifndef DOHLE_STORAGE_FILE_IO_H
#define DOHLE_STORAGE_FILE_IO_H

#include "../protocol/base.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define FILE_PARTS_MAX 16 /* POSIX wants no system to take fewer */

struct file; /* an open file; its owner closes it */

struct file_stat {
    int64_t size_bytes;
    int64_t modified_ms; /* wall clock */
    bool is_directory;
};

enum file_open_flags {
    FILE_READ = 0,      /* always allowed */
    FILE_WRITE = 1,     /* and written */
    FILE_CREATE = 2,    /* made when absent, mode 0644 less the umask */
    FILE_EXCLUSIVE = 4, /* with FILE_CREATE: -EEXIST when it is there */
    FILE_TRUNCATE = 8,  /* emptied */
};

typedef void (*file_list_cb)(void *context, const char *name, bool is_directory);

struct file_io {
    int (*open)(struct file_io *io, const char *path, int flags, struct file **file);
    void (*close)(struct file_io *io, struct file *file);
    ssize_t (*pread)(struct file_io *io, struct file *file, void *bytes, size_t size, int64_t position);
    ssize_t (*pwrite)(struct file_io *io, struct file *file, const void *bytes, size_t size, int64_t position);
    /* The same for `count` parts of memory, 1 to FILE_PARTS_MAX, one behind the other. */
    ssize_t (*pwritev)(struct file_io *io, struct file *file, const struct iovec *parts, int count, int64_t position);
    int (*sync)(struct file_io *io, struct file *file); /* data and size on the medium (fdatasync) */
    int (*truncate)(struct file_io *io, struct file *file, int64_t size_bytes);
    int64_t (*size)(struct file_io *io, struct file *file);
    int (*set_modified)(struct file_io *io, struct file *file, int64_t modified_ms); /* what stat tells from then on */
    int (*stat)(struct file_io *io, const char *path, struct file_stat *stat);       /* -ENOENT when absent */
    int (*rename)(struct file_io *io, const char *from, const char *to);             /* replaces; also directories */
    int (*unlink)(struct file_io *io, const char *path);
    int (*mkdir)(struct file_io *io, const char *path); /* mode 0755 less the umask; parents must exist */
    int (*rmdir)(struct file_io *io, const char *path);
    int (*list)(struct file_io *io, const char *path, file_list_cb each, void *context); /* without . and .. */
    int (*sync_directory)(struct file_io *io, const char *path); /* names made, removed or changed in it stay */
    /* All that was written to the file system of the folder `path`, files and names. -ENOSYS where the system cannot do
     * that, or may keep quiet about what failed: then only sync() tells. */
    int (*sync_all)(struct file_io *io, const char *path);
    /* Take the exclusive lock of the whole file that Java's FileChannel.tryLock takes (fcntl), until close.
     * -EAGAIN when it is held by another process, or (where the system can) by another open file of this one. */
    int (*lock)(struct file_io *io, struct file *file);
    /* The system's descriptor for sendfile(), or -1 when this file has none. Valid until close. */
    int (*descriptor)(struct file_io *io, struct file *file);
    /* Is the byte at `position` in memory, so that reading it does not wait for the disk? True when the system cannot
     * tell. */
    bool (*cached)(struct file_io *io, struct file *file, int64_t position);
    /* Bytes of the file system that holds `path`: in all, and free for us. */
    int (*space)(struct file_io *io, const char *path, int64_t *total_bytes, int64_t *usable_bytes);
};

/* The real one. It has no state; lives as long as the process. */
struct file_io *file_io_posix(void);

/* Read or write exactly `size` bytes; -EIO when a read meets the end of the file, -ENOSPC when a write makes no
 * progress. */
int file_read_all(struct file_io *io, struct file *file, void *bytes, size_t size, int64_t position) WARN_UNUSED;
int file_write_all(struct file_io *io, struct file *file, const void *bytes, size_t size, int64_t position) WARN_UNUSED;
/* The same for parts of memory, 1 to FILE_PARTS_MAX; the array is used up. */
int file_write_parts(struct file_io *io, struct file *file, struct iovec *parts, int count,
                     int64_t position) WARN_UNUSED;

/* The whole of a small file with a zero byte behind it; the caller frees *bytes. -EFBIG above `max_bytes`. */
int file_load(struct file_io *io, const char *path, size_t max_bytes, char **bytes, size_t *size) WARN_UNUSED;

/* Replace a small file so that after any crash either the old or the new content is there: PATH.tmp, sync (when
 * `sync`), rename, sync of the directory (when `sync`). */
int file_replace(struct file_io *io, const char *path, const void *bytes, size_t size, bool sync) WARN_UNUSED;

#endif
