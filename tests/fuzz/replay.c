/* Runs a fuzz target over files instead of under a fuzzer, so that any compiler and any sanitizer can: PROGRAM PATH...
 * A path is a file or a folder of files. Each input gets a block of its own size, so that a read behind it shows. */
#include "protocol/base.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Noreturn void fail(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    exit(1);
}

static int replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail(path);
    uint8_t *data = xmalloc(size > 0 ? size : 1);
    if (fread(data, 1, size, file) != size)
        fail(path);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

/* Returns how many inputs there were. */
static int replay(const char *path)
{
    struct stat status;
    int count = 0;
    if (stat(path, &status) != 0)
        fail(path);
    if (!S_ISDIR(status.st_mode))
        return replay_file(path, (size_t)status.st_size);
    DIR *folder = opendir(path);
    if (folder == NULL)
        fail(path);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char inner[PATH_BYTES_MAX];
        int length = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.' && length > 0 && (size_t)length < sizeof inner)
            count += replay(inner);
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
