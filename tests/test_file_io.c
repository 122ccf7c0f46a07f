/* The contract of struct file_io, for the system's files and for those in memory alike, and what is built on it. */
#include "lib/memory_io.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct io_test {
    struct memory_io *memory; /* NULL: the system's files */
    struct file_io *io;
    char folder[64];
    char path[2][96];
};

static const char *path_in(struct io_test *test, int which, const char *name)
{
    snprintf(test->path[which], sizeof test->path[which], "%s/%s", test->folder, name);
    return test->path[which];
}

static int setup_memory(void **state)
{
    struct io_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    test->io = memory_io_files(test->memory);
    strcpy(test->folder, "/data");
    *state = test;
    return 0;
}

static int setup_posix(void **state)
{
    struct io_test *test = xcalloc(1, sizeof *test);
    test->io = file_io_posix();
    snprintf(test->folder, sizeof test->folder, "%s/dohle-test-XXXXXX", P_tmpdir);
    *state = test;
    return mkdtemp(test->folder) == NULL;
}

static void unlink_entry(void *context, const char *name, bool is_directory)
{
    struct io_test *test = context;
    const char *path = path_in(test, 0, name);
    (void)(is_directory ? test->io->rmdir(test->io, path) : test->io->unlink(test->io, path));
}

static int teardown(void **state)
{
    struct io_test *test = *state;
    if (test->memory != NULL) {
        memory_io_free(test->memory);
    } else {
        (void)test->io->list(test->io, test->folder, unlink_entry, test);
        (void)test->io->rmdir(test->io, test->folder);
    }
    free(test);
    return 0;
}

static struct file *open_file(struct io_test *test, const char *name, int flags)
{
    struct file *file;
    assert_int_equal(test->io->open(test->io, path_in(test, 0, name), flags, &file), 0);
    return file;
}

static void written_bytes_are_read_back(void **state)
{
    struct io_test *test = *state;
    struct file *file = open_file(test, "f", FILE_WRITE | FILE_CREATE);
    char bytes[8];
    assert_int_equal(file_write_all(test->io, file, "abcdef", 6, 0), 0);
    assert_int_equal(file_write_all(test->io, file, "XY", 2, 4), 0);
    assert_int_equal(test->io->size(test->io, file), 6);
    assert_int_equal(file_read_all(test->io, file, bytes, 4, 2), 0);
    assert_memory_equal(bytes, "cdXY", 4);
    assert_int_equal(test->io->pread(test->io, file, bytes, 8, 6), 0);
    assert_int_equal(file_read_all(test->io, file, bytes, 8, 2), -EIO); /* meets the end */
    test->io->close(test->io, file);
}

static void parts_are_written_one_behind_the_other(void **state)
{
    struct io_test *test = *state;
    struct file *file = open_file(test, "f", FILE_WRITE | FILE_CREATE);
    char bytes[11], text[] = "abcdefghij";
    for (size_t most = 0; most <= 10; most++) { /* however short the writes are */
        struct iovec parts[] = {
            {text,     1},
            {text + 1, 5},
            {text + 6, 4}
        };
        if (test->memory != NULL)
            memory_io_write_at_most(test->memory, most);
        assert_int_equal(test->io->truncate(test->io, file, 1), 0);
        assert_int_equal(file_write_parts(test->io, file, parts, COUNT_OF(parts), 1), 0);
        assert_int_equal(file_read_all(test->io, file, bytes, 10, 1), 0);
        assert_memory_equal(bytes, text, 10);
    }
    test->io->close(test->io, file);
}

static void writing_behind_the_end_leaves_zeros(void **state)
{
    struct io_test *test = *state;
    struct file *file = open_file(test, "f", FILE_WRITE | FILE_CREATE);
    char bytes[5];
    assert_int_equal(file_write_all(test->io, file, "z", 1, 4), 0);
    assert_int_equal(file_read_all(test->io, file, bytes, 5, 0), 0);
    assert_memory_equal(bytes, "\0\0\0\0z", 5);
    assert_int_equal(test->io->truncate(test->io, file, 2), 0);
    assert_int_equal(test->io->size(test->io, file), 2);
    test->io->close(test->io, file);
}

static void open_honours_its_flags(void **state)
{
    struct io_test *test = *state;
    struct file *file;
    assert_int_equal(test->io->open(test->io, path_in(test, 0, "f"), FILE_WRITE, &file), -ENOENT);
    file = open_file(test, "f", FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE);
    assert_int_equal(file_write_all(test->io, file, "abc", 3, 0), 0);
    test->io->close(test->io, file);
    assert_int_equal(test->io->open(test->io, path_in(test, 0, "f"), FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE, &file),
                     -EEXIST);
    file = open_file(test, "f", FILE_READ);
    assert_int_equal(test->io->size(test->io, file), 3);
    assert_int_equal(test->io->pwrite(test->io, file, "x", 1, 0), -EBADF);
    test->io->close(test->io, file);
    file = open_file(test, "f", FILE_WRITE | FILE_TRUNCATE);
    assert_int_equal(test->io->size(test->io, file), 0);
    test->io->close(test->io, file);
    assert_int_equal(test->io->open(test->io, path_in(test, 0, "none/f"), FILE_WRITE | FILE_CREATE, &file), -ENOENT);
}

static void count_entry(void *context, const char *name, bool is_directory)
{
    int *counts = context;
    assert_string_not_equal(name, ".");
    assert_string_not_equal(name, "..");
    counts[is_directory]++;
}

static void directories_are_made_listed_and_removed(void **state)
{
    struct io_test *test = *state;
    int counts[2] = {0};
    struct file_stat info;
    assert_int_equal(test->io->mkdir(test->io, path_in(test, 0, "d")), 0);
    assert_int_equal(test->io->mkdir(test->io, path_in(test, 0, "d")), -EEXIST);
    test->io->close(test->io, open_file(test, "f", FILE_WRITE | FILE_CREATE));
    assert_int_equal(test->io->list(test->io, test->folder, count_entry, counts), 0);
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 1);
    assert_int_equal(test->io->stat(test->io, path_in(test, 0, "d"), &info), 0);
    assert_true(info.is_directory);
    assert_int_equal(test->io->sync_directory(test->io, test->folder), 0);
    int synced = test->io->sync_all(test->io, test->folder);
    assert_true(synced == 0 || synced == -ENOSYS);
    assert_int_equal(test->io->rmdir(test->io, path_in(test, 0, "d")), 0);
    assert_int_equal(test->io->stat(test->io, path_in(test, 0, "d"), &info), -ENOENT);
    assert_int_equal(test->io->list(test->io, path_in(test, 0, "d"), count_entry, counts), -ENOENT);
    assert_int_equal(test->io->unlink(test->io, path_in(test, 0, "d")), -ENOENT);
}

static void rename_takes_a_directory_with_all_in_it(void **state)
{
    struct io_test *test = *state;
    struct file_stat info;
    assert_int_equal(test->io->mkdir(test->io, path_in(test, 0, "d")), 0);
    test->io->close(test->io, open_file(test, "d/f", FILE_WRITE | FILE_CREATE));
    assert_int_equal(test->io->rename(test->io, path_in(test, 0, "d"), path_in(test, 1, "e")), 0);
    assert_int_equal(test->io->stat(test->io, path_in(test, 0, "e/f"), &info), 0);
    assert_int_equal(test->io->stat(test->io, path_in(test, 0, "d"), &info), -ENOENT);
    assert_int_equal(test->io->unlink(test->io, path_in(test, 0, "e/f")), 0);
}

/* A slice that is being sent goes on although its segment was deleted. */
static void open_file_outlives_its_name(void **state)
{
    struct io_test *test = *state;
    char byte;
    struct file *file = open_file(test, "f", FILE_WRITE | FILE_CREATE);
    assert_int_equal(file_write_all(test->io, file, "a", 1, 0), 0);
    assert_int_equal(test->io->unlink(test->io, path_in(test, 0, "f")), 0);
    assert_int_equal(file_read_all(test->io, file, &byte, 1, 0), 0);
    assert_int_equal(byte, 'a');
    test->io->close(test->io, file);
}

static void modification_time_is_what_was_set(void **state)
{
    struct io_test *test = *state;
    struct file *file = open_file(test, "f", FILE_WRITE | FILE_CREATE);
    struct file_stat info;
    assert_int_equal(test->io->set_modified(test->io, file, 1234567890123), 0);
    test->io->close(test->io, file);
    assert_int_equal(test->io->stat(test->io, path_in(test, 0, "f"), &info), 0);
    assert_int_equal(info.modified_ms, 1234567890123);
}

static void replace_puts_new_content_in_place_of_the_old(void **state)
{
    struct io_test *test = *state;
    struct file_stat info;
    char *bytes;
    size_t size;
    const char *path = path_in(test, 1, "f");
    assert_int_equal(file_replace(test->io, path, "one", 3, true), 0);
    assert_int_equal(file_replace(test->io, path, "second", 6, false), 0);
    assert_int_equal(file_load(test->io, path, 100, &bytes, &size), 0);
    assert_int_equal(size, 6);
    assert_string_equal(bytes, "second"); /* with a zero byte behind it */
    free(bytes);
    assert_int_equal(file_load(test->io, path, 5, &bytes, &size), -EFBIG);
    assert_int_equal(test->io->stat(test->io, path_in(test, 0, "f.tmp"), &info), -ENOENT);
}

static void lock_is_held_by_one(void **state)
{
    struct io_test *test = *state;
    struct file *first = open_file(test, "f", FILE_WRITE | FILE_CREATE), *second = open_file(test, "f", FILE_WRITE);
    assert_int_equal(test->io->lock(test->io, first), 0);
    assert_int_equal(test->io->lock(test->io, second), -EAGAIN);
    test->io->close(test->io, first);
    assert_int_equal(test->io->lock(test->io, second), 0);
    test->io->close(test->io, second);
}

/* ---- only in memory: faults and power -------------------------------------------------------------------------- */

/* Whichever call fails, and whatever the power cut leaves: the old content or the new, never a mixture. */
static void replace_is_all_or_nothing(void **state)
{
    (void)state;
    bool fired = true;
    for (int k = 1; fired; k++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            struct memory_io *memory = memory_io_new();
            struct file_io *io = memory_io_files(memory);
            char *bytes;
            size_t size;
            assert_int_equal(file_replace(io, "/data/f", "old", 3, true), 0);
            memory_io_fail(memory, CALL_ANY, k, EIO, seed % 2);
            bool done = file_replace(io, "/data/f", "newer", 5, true) == 0;
            fired = memory_io_fault_fired(memory);
            assert_int_equal(memory_io_open_count(memory), 0);
            memory_io_power_cut(memory, seed);
            assert_int_equal(file_load(io, "/data/f", 100, &bytes, &size), 0);
            assert_true(strcmp(bytes, "newer") == 0 || (!done && strcmp(bytes, "old") == 0));
            free(bytes);
            memory_io_free(memory);
        }
    }
}

static void power_cut_loses_what_was_not_synced(void **state)
{
    struct io_test *test = *state;
    struct file *file = open_file(test, "f", FILE_WRITE | FILE_CREATE);
    assert_int_equal(file_write_all(test->io, file, "kept", 4, 0), 0);
    assert_int_equal(test->io->sync(test->io, file), 0);
    assert_int_equal(test->io->sync_directory(test->io, test->folder), 0);
    assert_int_equal(file_write_all(test->io, file, "lost", 4, 4), 0);
    test->io->close(test->io, file);
    test->io->close(test->io, open_file(test, "g", FILE_WRITE | FILE_CREATE));
    memory_io_power_cut(test->memory, 0);
    assert_int_equal(memory_io_size(test->memory, "/data/f"), 4);
    assert_false(memory_io_exists(test->memory, "/data/g"));
}

static void full_disk_takes_what_fits(void **state)
{
    struct io_test *test = *state;
    struct file *file = open_file(test, "f", FILE_WRITE | FILE_CREATE);
    memory_io_set_capacity(test->memory, 10);
    assert_int_equal(test->io->pwrite(test->io, file, "0123456789abcdef", 16, 0), 10);
    assert_int_equal(test->io->pwrite(test->io, file, "a", 1, 10), -ENOSPC);
    assert_int_equal(file_write_all(test->io, file, "abcd", 4, 8), -ENOSPC);
    memory_io_set_capacity(test->memory, -1);
    assert_int_equal(file_write_all(test->io, file, "abcd", 4, 8), 0);
    test->io->close(test->io, file);
}

#define FOR_BOTH(test)                                                                                                 \
    cmocka_unit_test_setup_teardown(test, setup_memory, teardown),                                                     \
        cmocka_unit_test_setup_teardown(test, setup_posix, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOR_BOTH(written_bytes_are_read_back),
        FOR_BOTH(parts_are_written_one_behind_the_other),
        FOR_BOTH(writing_behind_the_end_leaves_zeros),
        FOR_BOTH(open_honours_its_flags),
        FOR_BOTH(directories_are_made_listed_and_removed),
        FOR_BOTH(rename_takes_a_directory_with_all_in_it),
        FOR_BOTH(open_file_outlives_its_name),
        FOR_BOTH(modification_time_is_what_was_set),
        FOR_BOTH(replace_puts_new_content_in_place_of_the_old),
        FOR_BOTH(lock_is_held_by_one),
        cmocka_unit_test(replace_is_all_or_nothing),
        cmocka_unit_test_setup_teardown(power_cut_loses_what_was_not_synced, setup_memory, teardown),
        cmocka_unit_test_setup_teardown(full_disk_takes_what_fits, setup_memory, teardown),
    };
    return cmocka_run_group_tests_name("file_io", tests, NULL, NULL);
}
