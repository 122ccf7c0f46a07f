/* A disk in trouble for a process that knows nothing of it: calls on files fail by rules that may change at any time.
 *
 *     cc -shared -fPIC -o faults.so faults.c -ldl
 *     FAULTS=rules.txt LD_PRELOAD=./faults.so dohle ...
 *
 * A rule is a line of the file that FAULTS names: an errno, the calls that meet it, and what the path has to contain
 * ("/" fits any):
 *
 *     28 pwrite,open,mkdir,rename  /topic-0/
 *      5 fdatasync                 .log
 *
 * Calls: open (one that makes a file), pwrite (and pwritev), pread, sendfile, fdatasync, fsync, syncfs, ftruncate,
 * rename, unlink, mkdir, rmdir. The rules are read anew in each call; an empty file is a disk that is well. As on a
 * real disk that fills up, a write that meets ENOSPC first writes the half of it, so that what is left is a torn batch.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define RULES_BYTES_MAX 4096

/* The call of the same name behind this one. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Does `list`, names with commas between them, hold `name`? */
static bool lists(const char *list, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = list; (at = strstr(at, name)) != NULL; at += size)
        if ((at == list || at[-1] == ',') && (at[size] == ',' || at[size] == '\0'))
            return true;
    return false;
}

static const char *read_rules(char rules[RULES_BYTES_MAX])
{
    const char *path = getenv("FAULTS");
    int descriptor = path == NULL ? -1 : NEXT(open)(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = descriptor < 0 ? 0 : NEXT(pread)(descriptor, rules, RULES_BYTES_MAX - 1, 0);
    if (descriptor >= 0)
        close(descriptor);
    rules[size > 0 ? size : 0] = '\0';
    return rules;
}

/* The error that this call on `path` meets; 0: none. */
static int fault_of(const char *call, const char *path)
{
    char rules[RULES_BYTES_MAX], calls[256], part[256];
    int error, taken, kept = errno;
    const char *at = read_rules(rules);
    errno = kept;
    for (; sscanf(at, "%d %255s %255s%n", &error, calls, part, &taken) == 3; at += taken)
        if (lists(calls, call) && strstr(path, part) != NULL)
            return error;
    return 0;
}

static int fault_of_file(const char *call, int descriptor)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path, sizeof path - 1);
    path[size > 0 ? size : 0] = '\0';
    return path[0] == '/' ? fault_of(call, path) : 0; /* no socket, no pipe */
}

static int fails(int error)
{
    errno = error;
    return -1;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    int mode = (flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0;
    va_end(arguments);
    bool makes = (flags & O_CREAT) != 0 && access(path, F_OK) != 0;
    int error = makes ? fault_of("open", path) : 0;
    return error != 0 ? fails(error) : NEXT(open)(path, flags, mode);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t size, off_t position)
{
    int error = fault_of_file("pwrite", descriptor);
    if (error == ENOSPC && size > 1)
        return NEXT(pwrite)(descriptor, bytes, size / 2, position);
    return error != 0 ? fails(error) : NEXT(pwrite)(descriptor, bytes, size, position);
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t position)
{
    int error = fault_of_file("pwrite", descriptor);
    if (error == ENOSPC && count > 1)
        return NEXT(pwritev)(descriptor, parts, count / 2, position);
    return error != 0 ? fails(error) : NEXT(pwritev)(descriptor, parts, count, position);
}

ssize_t pread(int descriptor, void *bytes, size_t size, off_t position)
{
    int error = fault_of_file("pread", descriptor);
    return error != 0 ? fails(error) : NEXT(pread)(descriptor, bytes, size, position);
}

ssize_t sendfile(int to, int from, off_t *position, size_t size);
ssize_t sendfile(int to, int from, off_t *position, size_t size)
{
    int error = fault_of_file("sendfile", from);
    return error != 0 ? fails(error) : NEXT(sendfile)(to, from, position, size);
}

int fdatasync(int descriptor)
{
    int error = fault_of_file("fdatasync", descriptor);
    return error != 0 ? fails(error) : NEXT(fdatasync)(descriptor);
}

int fsync(int descriptor)
{
    int error = fault_of_file("fsync", descriptor);
    return error != 0 ? fails(error) : NEXT(fsync)(descriptor);
}

int syncfs(int descriptor)
{
    int error = fault_of_file("syncfs", descriptor);
    return error != 0 ? fails(error) : NEXT(syncfs)(descriptor);
}

int ftruncate(int descriptor, off_t size)
{
    int error = fault_of_file("ftruncate", descriptor);
    return error != 0 ? fails(error) : NEXT(ftruncate)(descriptor, size);
}

int rename(const char *from, const char *to)
{
    int error = fault_of("rename", from);
    return error != 0 ? fails(error) : NEXT(rename)(from, to);
}

int unlink(const char *path)
{
    int error = fault_of("unlink", path);
    return error != 0 ? fails(error) : NEXT(unlink)(path);
}

int mkdir(const char *path, mode_t mode)
{
    int error = fault_of("mkdir", path);
    return error != 0 ? fails(error) : NEXT(mkdir)(path, mode);
}

int rmdir(const char *path)
{
    int error = fault_of("rmdir", path);
    return error != 0 ? fails(error) : NEXT(rmdir)(path);
}
