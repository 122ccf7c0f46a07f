/* A reader of the tar format as far as tests/folders/record writes it: folders and plain files, each a head of 512
 * bytes and the content, filled up to 512. */
#include "packed_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define TAR_BLOCK_BYTES 512
#define TAR_FOLDER      '5'

struct tar_head {
    char name[100], mode[8], user[8], group[8], size[12], time[12], checksum[8], kind, rest[355];
};

_Static_assert(sizeof(struct tar_head) == TAR_BLOCK_BYTES, "a head is one block");

typedef void entry_cb(void *context, const char *path, bool is_folder, const void *bytes, size_t size);

static void read_archive(const char *archive, entry_cb *each, void *context)
{
    gzFile file = gzopen(archive, "rb");
    if (file == NULL)
        fail_msg("%s cannot be read: run the tests in the top folder", archive);
    struct tar_head head;
    while (gzread(file, &head, sizeof head) == (int)sizeof head && head.name[0] != '\0') {
        char path[sizeof head.name + 1], digits[sizeof head.size + 1];
        snprintf(path, sizeof path, "%.*s", (int)sizeof head.name, head.name);
        if (head.kind == TAR_FOLDER && path[strlen(path) - 1] == '/')
            path[strlen(path) - 1] = '\0';
        snprintf(digits, sizeof digits, "%.*s", (int)sizeof head.size, head.size);
        size_t size = strtoul(digits, NULL, 8);
        size_t padded = (size + TAR_BLOCK_BYTES - 1) / TAR_BLOCK_BYTES * TAR_BLOCK_BYTES;
        uint8_t *bytes = xmalloc(padded + 1);
        assert_int_equal(gzread(file, bytes, (unsigned)padded), padded);
        each(context, path, head.kind == TAR_FOLDER, bytes, size);
        free(bytes);
    }
    gzclose(file);
}

struct target {
    struct memory_io *memory;
    const char *folder;
};

static void put_entry(void *context, const char *path, bool is_folder, const void *bytes, size_t size)
{
    const struct target *target = context;
    struct file_io *files = memory_io_files(target->memory);
    char full[400];
    snprintf(full, sizeof full, "%s/%s", target->folder, path);
    if (!is_folder) {
        memory_io_put(target->memory, full, bytes, size);
        return;
    }
    assert_int_equal(files->mkdir(files, full), 0);
    assert_int_equal(files->sync_directory(files, target->folder), 0);
}

void packed_folder_put(struct memory_io *memory, const char *archive, const char *folder)
{
    struct target target = {memory, folder};
    read_archive(archive, put_entry, &target);
}

struct reader {
    void (*each)(void *context, const char *path, const void *bytes, size_t size);
    void *context;
};

static void read_entry(void *context, const char *path, bool is_folder, const void *bytes, size_t size)
{
    const struct reader *reader = context;
    if (!is_folder)
        reader->each(reader->context, path, bytes, size);
}

void packed_folder_each(const char *archive,
                        void (*each)(void *context, const char *path, const void *bytes, size_t size), void *context)
{
    struct reader reader = {each, context};
    read_archive(archive, read_entry, &reader);
}
