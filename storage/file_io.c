/* What is built on the calls of struct file_io and is the same for every implementation: whole reads and writes, small
 * files loaded and replaced.
 *
 * Replacing is the one way in which storage/ changes a small file. The new content goes to PATH.tmp, is synced, and
 * takes the old one's place by rename; the directory is synced last. So a crash leaves the old or the new content,
 * perhaps with a PATH.tmp beside it, which the next replacement overwrites. */
#include "file_io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int file_read_all(struct file_io *io, struct file *file, void *bytes, size_t size, int64_t position)
{
    char *at = bytes;
    while (size > 0) {
        ssize_t got = io->pread(io, file, at, size, position);
        if (got < 0)
            return (int)got;
        if (got == 0)
            return -EIO;
        at += got;
        size -= (size_t)got;
        position += got;
    }
    return 0;
}

int file_write_all(struct file_io *io, struct file *file, const void *bytes, size_t size, int64_t position)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t put = io->pwrite(io, file, at, size, position);
        if (put < 0)
            return (int)put;
        if (put == 0)
            return -ENOSPC;
        at += put;
        size -= (size_t)put;
        position += put;
    }
    return 0;
}

/* Take `size` bytes off the front of the parts. Returns how many parts are used up. */
static int parts_written(struct iovec *parts, size_t size)
{
    int used = 0;
    for (; size > 0 && size >= parts[used].iov_len; used++)
        size -= parts[used].iov_len;
    if (size > 0) {
        parts[used].iov_base = (char *)parts[used].iov_base + size;
        parts[used].iov_len -= size;
    }
    return used;
}

int file_write_parts(struct file_io *io, struct file *file, struct iovec *parts, int count, int64_t position)
{
    while (count > 1) {
        ssize_t put = io->pwritev(io, file, parts, count, position);
        if (put < 0)
            return (int)put;
        if (put == 0)
            return -ENOSPC;
        int used = parts_written(parts, (size_t)put);
        parts += used;
        count -= used;
        position += put;
    }
    return count == 0 ? 0 : file_write_all(io, file, parts->iov_base, parts->iov_len, position);
}

int file_load(struct file_io *io, const char *path, size_t max_bytes, char **bytes, size_t *size)
{
    struct file *file;
    int error = io->open(io, path, FILE_READ, &file);
    if (error < 0)
        return error;
    char *text = NULL;
    int64_t length = io->size(io, file);
    if (length < 0)
        error = (int)length;
    else if ((uint64_t)length > max_bytes)
        error = -EFBIG;
    if (error == 0) {
        text = xmalloc((size_t)length + 1);
        error = file_read_all(io, file, text, (size_t)length, 0);
    }
    io->close(io, file);
    if (error < 0) {
        free(text);
        return error;
    }
    text[length] = '\0';
    *bytes = text;
    *size = (size_t)length;
    return 0;
}

/* The directory part of `path` into `directory`, of the same size; "." when there is none. */
static void directory_of(const char *path, char *directory)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        strcpy(directory, ".");
    } else {
        size_t length = slash == path ? 1 : (size_t)(slash - path);
        memcpy(directory, path, length);
        directory[length] = '\0';
    }
}

int file_replace(struct file_io *io, const char *path, const void *bytes, size_t size, bool sync)
{
    size_t room = strlen(path) + sizeof ".tmp";
    char *name = xmalloc(room);
    snprintf(name, room, "%s.tmp", path);
    struct file *file;
    int error = io->open(io, name, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &file);
    if (error < 0) {
        free(name);
        return error;
    }
    error = file_write_all(io, file, bytes, size, 0);
    if (error == 0 && sync)
        error = io->sync(io, file);
    io->close(io, file);
    if (error == 0)
        error = io->rename(io, name, path);
    if (error < 0)
        (void)io->unlink(io, name); /* best effort: the next replacement overwrites it anyway */
    if (error == 0 && sync) {
        directory_of(path, name);
        error = io->sync_directory(io, name);
    }
    free(name);
    return error;
}
