/* struct file_io over the system's calls.
 *
 * Thin on purpose: one call each, interrupted ones are repeated, errno becomes a negative result. What differs between
 * systems stays in here: macOS has no fdatasync(), flushes the drive's cache by F_FULLFSYNC only, and names the fields
 * of struct stat differently. All files are opened close-on-exec, so that no child keeps a lock or a deleted file. */
#include "file_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/statfs.h>
#include <sys/utsname.h>
#endif
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

struct file {
    int descriptor;
};

static int result_of(int result)
{
    return result < 0 ? -errno : result;
}

static int posix_open(struct file_io *io, const char *path, int flags, struct file **file)
{
    (void)io;
    int mode = (flags & FILE_WRITE) ? O_RDWR : O_RDONLY;
    if (flags & FILE_CREATE)
        mode |= O_CREAT;
    if (flags & FILE_EXCLUSIVE)
        mode |= O_EXCL;
    if (flags & FILE_TRUNCATE)
        mode |= O_TRUNC;
    int descriptor;
    do
        descriptor = open(path, mode | O_CLOEXEC, 0644);
    while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0)
        return -errno;
    *file = xmalloc(sizeof **file);
    (*file)->descriptor = descriptor;
    return 0;
}

static void posix_close(struct file_io *io, struct file *file)
{
    (void)io;
    close(file->descriptor); /* what counts was synced before; there is nobody to tell */
    free(file);
}

static ssize_t posix_pread(struct file_io *io, struct file *file, void *bytes, size_t size, int64_t position)
{
    (void)io;
    ssize_t got;
    do
        got = pread(file->descriptor, bytes, size, (off_t)position);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static ssize_t posix_pwrite(struct file_io *io, struct file *file, const void *bytes, size_t size, int64_t position)
{
    (void)io;
    ssize_t put;
    do
        put = pwrite(file->descriptor, bytes, size, (off_t)position);
    while (put < 0 && errno == EINTR);
    return put < 0 ? -errno : put;
}

static ssize_t posix_pwritev(struct file_io *io, struct file *file, const struct iovec *parts, int count,
                             int64_t position)
{
    (void)io;
    ssize_t put;
    do
        put = pwritev(file->descriptor, parts, count, (off_t)position);
    while (put < 0 && errno == EINTR);
    return put < 0 ? -errno : put;
}

static int posix_sync(struct file_io *io, struct file *file)
{
    (void)io;
    int result;
    do {
#ifdef __APPLE__
        result = fcntl(file->descriptor, F_FULLFSYNC);
        if (result < 0 && errno != EINTR)
            result = fsync(file->descriptor); /* file systems that do not know F_FULLFSYNC */
#else
        result = fdatasync(file->descriptor);
#endif
    } while (result < 0 && errno == EINTR);
    return result_of(result);
}

static int posix_truncate(struct file_io *io, struct file *file, int64_t size_bytes)
{
    (void)io;
    int result;
    do
        result = ftruncate(file->descriptor, (off_t)size_bytes);
    while (result < 0 && errno == EINTR);
    return result_of(result);
}

static int64_t posix_size(struct file_io *io, struct file *file)
{
    (void)io;
    struct stat info;
    return fstat(file->descriptor, &info) < 0 ? -errno : (int64_t)info.st_size;
}

static int posix_set_modified(struct file_io *io, struct file *file, int64_t modified_ms)
{
    (void)io;
    struct timespec time = {.tv_sec = (time_t)(modified_ms / 1000), .tv_nsec = (long)(modified_ms % 1000) * 1000000};
    const struct timespec times[2] = {time, time};
    return futimens(file->descriptor, times) < 0 ? -errno : 0;
}

static int posix_stat(struct file_io *io, const char *path, struct file_stat *result)
{
    (void)io;
    struct stat info;
    if (stat(path, &info) < 0)
        return -errno;
#ifdef __APPLE__
    struct timespec modified = info.st_mtimespec;
#else
    struct timespec modified = info.st_mtim;
#endif
    *result = (struct file_stat){
        .size_bytes = (int64_t)info.st_size,
        .modified_ms = (int64_t)modified.tv_sec * 1000 + modified.tv_nsec / 1000000,
        .is_directory = S_ISDIR(info.st_mode),
    };
    return 0;
}

static int posix_rename(struct file_io *io, const char *from, const char *to)
{
    (void)io;
    return result_of(rename(from, to));
}

static int posix_unlink(struct file_io *io, const char *path)
{
    (void)io;
    return result_of(unlink(path));
}

static int posix_mkdir(struct file_io *io, const char *path)
{
    (void)io;
    return result_of(mkdir(path, 0755));
}

static int posix_rmdir(struct file_io *io, const char *path)
{
    (void)io;
    return result_of(rmdir(path));
}

static bool entry_is_directory(DIR *directory, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    struct stat info;
    return fstatat(dirfd(directory), entry->d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

static int posix_list(struct file_io *io, const char *path, file_list_cb each, void *context)
{
    (void)io;
    DIR *directory = opendir(path);
    if (directory == NULL)
        return -errno;
    int error = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            error = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            each(context, entry->d_name, entry_is_directory(directory, entry));
    }
    closedir(directory);
    return error;
}

static int posix_sync_directory(struct file_io *io, const char *path)
{
    (void)io;
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    int result;
    do
        result = fsync(descriptor);
    while (result < 0 && errno == EINTR);
    int error = result_of(result);
    close(descriptor);
    return error;
}

#ifdef __linux__

/* Do syncfs() and the file systems below it report each write that failed? Linux does since 5.8, but a file system on
 * top of another knows its own failures only. */
static bool sync_all_reports(int descriptor)
{
    static const unsigned long reporting[] = {
        0xef53,     /* ext2, ext3, ext4 */
        0x58465342, /* xfs */
        0x9123683e, /* btrfs */
        0xf2f52010, /* f2fs */
        0x01021994, /* tmpfs */
    };
    struct utsname system;
    struct statfs info;
    int major, minor;
    if (uname(&system) < 0 || sscanf(system.release, "%d.%d", &major, &minor) != 2 || major < 5 ||
        (major == 5 && minor < 8) || fstatfs(descriptor, &info) < 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(reporting); i++) {
        if ((unsigned long)info.f_type == reporting[i])
            return true;
    }
    return false;
}

static int posix_sync_all(struct file_io *io, const char *path)
{
    (void)io;
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    int error = sync_all_reports(descriptor) ? result_of(syncfs(descriptor)) : -ENOSYS;
    close(descriptor);
    return error;
}

#else

static int posix_sync_all(struct file_io *io, const char *path)
{
    (void)io;
    (void)path;
    return -ENOSYS;
}

#endif

/* The same lock as Java's, and in its way as well, but owned by the open file where the system can do that: then a
 * second broker within this process meets it too, and closing another descriptor of the file does not lose it. */
#ifdef F_OFD_SETLK
#define SET_LOCK F_OFD_SETLK
#else
#define SET_LOCK F_SETLK
#endif

static int posix_lock(struct file_io *io, struct file *file)
{
    (void)io;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(file->descriptor, SET_LOCK, &whole) == 0)
        return 0;
    return errno == EACCES ? -EAGAIN : -errno; /* POSIX allows either for "held by another" */
}

static int posix_descriptor(struct file_io *io, struct file *file)
{
    (void)io;
    return file->descriptor;
}

/* One byte is asked for without waiting (Linux 4.14 and later). */
static bool posix_cached(struct file_io *io, struct file *file, int64_t position)
{
    (void)io;
#ifdef RWF_NOWAIT
    char byte;
    struct iovec one = {.iov_base = &byte, .iov_len = 1};
    return preadv2(file->descriptor, &one, 1, (off_t)position, RWF_NOWAIT) >= 0 || errno != EAGAIN;
#else
    (void)file;
    (void)position;
    return true;
#endif
}

static int posix_space(struct file_io *io, const char *path, int64_t *total_bytes, int64_t *usable_bytes)
{
    (void)io;
    struct statvfs info;
    if (statvfs(path, &info) < 0)
        return -errno;
    *total_bytes = (int64_t)(info.f_blocks * info.f_frsize);
    *usable_bytes = (int64_t)(info.f_bavail * info.f_frsize);
    return 0;
}

struct file_io *file_io_posix(void)
{
    static struct file_io posix = {
        .open = posix_open,
        .close = posix_close,
        .pread = posix_pread,
        .pwrite = posix_pwrite,
        .pwritev = posix_pwritev,
        .sync = posix_sync,
        .truncate = posix_truncate,
        .size = posix_size,
        .set_modified = posix_set_modified,
        .stat = posix_stat,
        .rename = posix_rename,
        .unlink = posix_unlink,
        .mkdir = posix_mkdir,
        .rmdir = posix_rmdir,
        .list = posix_list,
        .sync_directory = posix_sync_directory,
        .sync_all = posix_sync_all,
        .lock = posix_lock,
        .descriptor = posix_descriptor,
        .cached = posix_cached,
        .space = posix_space,
    };
    return &posix;
}
