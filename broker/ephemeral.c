/* Temporary data folders, $TMPDIR/dohle-ephemeral-XXXXXX (TMPDIR unset: /tmp).
 *
 * A broker holds the lock of its folder from start to end, and the lock of a killed one is gone. So a folder of this
 * name whose .lock can be locked, or that has none, is a leftover, and is removed by a later ephemeral run. It may also
 * be one that another run makes at this moment, so nothing is touched that changed within the last minute.
 *
 * This is about real folders in a place where everybody may write, so owner and links matter, and the calls are the
 * system's instead of those of struct file_io: only folders that belong to this user are touched (in /tmp nobody else
 * can put another thing in their place), and links are removed, not followed. */
#include "ephemeral.h"

#include "logger.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PREFIX           "dohle-ephemeral-"
#define MAKING_SECONDS   60 /* longer than anybody needs between mkdtemp() and the lock */
#define WALK_DESCRIPTORS 8

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    (void)remove(path); /* what stays is swept by the next run */
    return 0;
}

void ephemeral_folder_remove(const char *path)
{
    (void)nftw(path, remove_entry, WALK_DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}

/* Nobody holds its lock, and nobody is about to take it. */
static bool is_leftover(struct file_io *files, const char *path)
{
    struct stat info;
    if (lstat(path, &info) < 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid() ||
        time(NULL) - info.st_mtime <= MAKING_SECONDS) {
        return false;
    }
    char lock_path[PATH_MAX];
    if (snprintf(lock_path, sizeof lock_path, "%s/.lock", path) >= PATH_MAX) {
        return false;
    }
    struct file *lock;
    int error = files->open(files, lock_path, FILE_WRITE, &lock);
    if (error == -ENOENT) {
        return true;
    }
    if (error < 0) {
        return false;
    }
    error = files->lock(files, lock);
    files->close(files, lock);
    return error == 0;
}

static void sweep(struct file_io *files, const char *parent)
{
    DIR *directory = opendir(parent);
    if (directory == NULL) {
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        char path[PATH_MAX];
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
            snprintf(path, sizeof path, "%s/%s", parent, entry->d_name) < PATH_MAX && is_leftover(files, path)) {
            LOG_INFO("Removed the folder that a killed run left", "path=%s", path);
            ephemeral_folder_remove(path);
        }
    }
    closedir(directory);
}

char *ephemeral_folder_make(struct file_io *files)
{
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || *parent == '\0') {
        parent = "/tmp";
    }
    sweep(files, parent);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/" PREFIX "XXXXXX", parent);
    if (mkdtemp(path) == NULL) {
        LOG_ERROR("Cannot make a temporary folder", "path=%s error=\"%s\"", path, strerror(errno));
        return NULL;
    }
    return xstrdup(path);
}
