/* What tests rely on when the power goes in a file system of tests/lib/memory_io.h: all that a disk may leave of what
 * was not synced, and nothing else. Each test lets all ways come in turn and collects what was there afterwards. */
#include "lib/memory_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define STATES_MAX 64

struct states {
    struct memory_io *memory; /* before the cut */
    const char *paths[3];     /* what is looked at; NULL: no more */
    char seen[STATES_MAX][128];
    int count;
};

static int setup(void **state)
{
    struct states *states = xcalloc(1, sizeof *states);
    states->memory = memory_io_new();
    *state = states;
    return 0;
}

static int teardown(void **state)
{
    struct states *states = *state;
    memory_io_free(states->memory);
    free(states);
    return 0;
}

static void put(struct states *states, const char *path, int64_t position, const char *text, bool sync)
{
    struct file_io *io = memory_io_files(states->memory);
    struct file *file;
    assert_int_equal(io->open(io, path, FILE_WRITE | FILE_CREATE, &file), 0);
    assert_int_equal(file_write_all(io, file, text, strlen(text), position), 0);
    if (sync)
        assert_int_equal(io->sync(io, file), 0);
    io->close(io, file);
}

static void sync_names(struct states *states)
{
    struct file_io *io = memory_io_files(states->memory);
    assert_int_equal(io->sync_directory(io, "/data"), 0);
}

/* Each path's content, a zero byte as '0', "-" where there is no file, with a blank in between. */
static void describe(const struct states *states, struct memory_io *memory, char text[128])
{
    size_t at = 0;
    for (size_t i = 0; i < COUNT_OF(states->paths) && states->paths[i] != NULL; i++) {
        size_t size = 0;
        const uint8_t *bytes = memory_io_bytes(memory, states->paths[i], &size);
        if (i > 0)
            text[at++] = ' ';
        if (bytes == NULL)
            text[at++] = '-';
        for (size_t byte = 0; byte < size; byte++)
            text[at++] = (char)(bytes[byte] == 0 ? '0' : bytes[byte]);
    }
    text[at] = '\0';
}

static bool seen(const struct states *states, const char *text)
{
    for (int i = 0; i < states->count; i++)
        if (strcmp(states->seen[i], text) == 0)
            return true;
    return false;
}

static void cut_in_all_ways(struct states *states)
{
    struct power power = {.enumerated = true};
    do {
        struct memory_io *copy = memory_io_copy(states->memory);
        char text[128];
        memory_io_power_cut_by(copy, &power);
        describe(states, copy, text);
        memory_io_free(copy);
        if (!seen(states, text)) {
            assert_in_range(states->count, 0, STATES_MAX - 1);
            strcpy(states->seen[states->count++], text);
        }
    } while (power_next(&power));
}

static void expect(const struct states *states, const char *const *expected, int count)
{
    for (int i = 0; i < count; i++)
        if (!seen(states, expected[i]))
            fail_msg("\"%s\" was not left", expected[i]);
    assert_int_equal(states->count, count);
}

static void power_cut_leaves_what_is_synced(void **state)
{
    struct states *states = *state;
    states->paths[0] = "/data/a";
    put(states, "/data/a", 0, "synced", true);
    sync_names(states);
    cut_in_all_ways(states);
    expect(states, (const char *const[]){"synced"}, 1);
}

static void power_cut_loses_tears_or_keeps_a_write(void **state)
{
    struct states *states = *state;
    states->paths[0] = "/data/a";
    put(states, "/data/a", 0, "ab", true);
    sync_names(states);
    put(states, "/data/a", 2, "cdef", false);
    cut_in_all_ways(states);
    expect(states, (const char *const[]){"ab", "ab0000", "abcd00", "abcdef"}, 4);
}

static void power_cut_keeps_a_later_write_without_an_earlier_one(void **state)
{
    struct states *states = *state;
    states->paths[0] = "/data/a";
    put(states, "/data/a", 0, "", true);
    sync_names(states);
    put(states, "/data/a", 0, "b", false);
    put(states, "/data/a", 0, "c", false);
    put(states, "/data/a", 1, "d", false);
    cut_in_all_ways(states);
    expect(states, (const char *const[]){"", "0", "b", "c", "0d", "bd", "cd", "00", "b0", "c0"}, 10);
}

static void power_cut_may_bring_back_what_was_cut_off(void **state)
{
    struct states *states = *state;
    struct file_io *io = memory_io_files(states->memory);
    struct file *file;
    states->paths[0] = "/data/a";
    put(states, "/data/a", 0, "abcd", true);
    sync_names(states);
    assert_int_equal(io->open(io, "/data/a", FILE_WRITE, &file), 0);
    assert_int_equal(io->truncate(io, file, 1), 0);
    io->close(io, file);
    cut_in_all_ways(states);
    expect(states, (const char *const[]){"abcd", "a"}, 2);
}

static void power_cut_decides_about_each_name_by_itself(void **state)
{
    struct states *states = *state;
    states->paths[0] = "/data/a";
    states->paths[1] = "/data/b";
    put(states, "/data/a", 0, "1", true);
    put(states, "/data/b", 0, "2", true);
    cut_in_all_ways(states);
    expect(states, (const char *const[]){"- -", "1 -", "- 2", "1 2"}, 4);
}

static void power_cut_leaves_a_rename_done_or_not(void **state)
{
    struct states *states = *state;
    struct file_io *io = memory_io_files(states->memory);
    states->paths[0] = "/data/a";
    states->paths[1] = "/data/b";
    put(states, "/data/a", 0, "1", true);
    put(states, "/data/b", 0, "2", true);
    sync_names(states);
    assert_int_equal(io->rename(io, "/data/a", "/data/b"), 0);
    cut_in_all_ways(states);
    expect(states, (const char *const[]){"1 2", "- 1"}, 2);
}

/* Otherwise one file would have two names, or the name that it never had. */
static void power_cut_keeps_the_names_of_one_file_in_order(void **state)
{
    struct states *states = *state;
    struct file_io *io = memory_io_files(states->memory);
    states->paths[0] = "/data/a";
    states->paths[1] = "/data/b";
    states->paths[2] = "/data/c";
    put(states, "/data/a", 0, "1", true);
    sync_names(states);
    assert_int_equal(io->rename(io, "/data/a", "/data/b"), 0);
    assert_int_equal(io->rename(io, "/data/b", "/data/c"), 0);
    assert_int_equal(io->unlink(io, "/data/c"), 0);
    cut_in_all_ways(states);
    expect(states, (const char *const[]){"1 - -", "- 1 -", "- - 1", "- - -"}, 4);
}

/* A seed is a way too, and the same one each time. */
static void power_cut_by_a_seed_is_one_of_all_ways(void **state)
{
    struct states *states = *state;
    char first[128], again[128];
    states->paths[0] = "/data/a";
    states->paths[1] = "/data/b";
    put(states, "/data/a", 0, "1", true);
    sync_names(states);
    put(states, "/data/a", 1, "xy", false);
    put(states, "/data/b", 0, "2", true);
    cut_in_all_ways(states);
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct memory_io *copies[] = {memory_io_copy(states->memory), memory_io_copy(states->memory)};
        memory_io_power_cut(copies[0], seed);
        memory_io_power_cut(copies[1], seed);
        describe(states, copies[0], first);
        describe(states, copies[1], again);
        assert_string_equal(first, again);
        assert_true(seen(states, first));
        if (seed == 0)
            assert_string_equal(first, "1 -");
        memory_io_free(copies[0]);
        memory_io_free(copies[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(power_cut_leaves_what_is_synced, setup, teardown),
        cmocka_unit_test_setup_teardown(power_cut_loses_tears_or_keeps_a_write, setup, teardown),
        cmocka_unit_test_setup_teardown(power_cut_keeps_a_later_write_without_an_earlier_one, setup, teardown),
        cmocka_unit_test_setup_teardown(power_cut_may_bring_back_what_was_cut_off, setup, teardown),
        cmocka_unit_test_setup_teardown(power_cut_decides_about_each_name_by_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(power_cut_leaves_a_rename_done_or_not, setup, teardown),
        cmocka_unit_test_setup_teardown(power_cut_keeps_the_names_of_one_file_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(power_cut_by_a_seed_is_one_of_all_ways, setup, teardown),
    };
    return cmocka_run_group_tests_name("memory_io", tests, NULL, NULL);
}
