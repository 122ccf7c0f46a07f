/* Offset index and time index: every lookup against what a walk over all entries gives, and files that are none. */
#include "lib/memory_io.h"

#include "protocol/bytes.h"
#include "storage/offset_index.h"
#include "storage/time_index.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define BASE    INT64_C(5000000000) /* relative offsets are what is written */
#define ENTRIES 3000                /* several blocks of a lookup */

#define INDEX_PATH "/data/00000000005000000000.index"

struct index_test {
    struct memory_io *memory;
    struct file_cache cache;
    struct folder *folder;
    struct offset_index offsets;
    struct time_index times;
};

static int setup(void **state)
{
    struct index_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    file_cache_init(&test->cache, memory_io_files(test->memory), 1); /* each use closes the other file */
    test->folder = folder_new(&test->cache, "/data");
    offset_index_init(&test->offsets, test->folder, BASE);
    time_index_init(&test->times, test->folder, BASE);
    *state = test;
    return offset_index_create(&test->offsets) < 0 || time_index_create(&test->times) < 0;
}

static int teardown(void **state)
{
    struct index_test *test = *state;
    cached_file_close(&test->offsets.entries.file);
    cached_file_close(&test->times.entries.file);
    index_file_release(&test->offsets.entries);
    index_file_release(&test->times.entries);
    folder_unref(test->folder);
    memory_io_free(test->memory);
    free(test);
    return 0;
}

/* Entry i: offset BASE + 3i + 2, position 10i + 10, timestamp 5i + 100. */
static void fill_from(struct index_test *test, int first, int end)
{
    for (int i = first; i < end; i++) {
        assert_int_equal(offset_index_append(&test->offsets, BASE + 3 * i + 2, 10 * i + 10), 0);
        assert_int_equal(time_index_append(&test->times, 5 * i + 100, BASE + 3 * i + 2), 0);
    }
}

static void fill(struct index_test *test, int count)
{
    fill_from(test, 0, count);
}

static void offset_floor_is_the_last_entry_at_or_below(void **state)
{
    struct index_test *test = *state;
    fill(test, ENTRIES);
    for (int offset = 0; offset < 3 * ENTRIES + 10; offset++) {
        int number = (offset - 2) / 3; /* of the entry, when there is one */
        int64_t expected = offset < 2 ? 0 : 10 * (number < ENTRIES ? number : ENTRIES - 1) + 10, position;
        assert_int_equal(offset_index_floor(&test->offsets, BASE + offset, &position), 0);
        assert_int_equal(position, expected);
    }
}

/* Where a lookup guesses wrong: offsets grow slowly at first and fast at the end, positions the other way round. */
static void uneven_floors_are_the_last_entry_at_or_below(void **state)
{
    enum { UNEVEN = 3000 };
    struct index_test *test = *state;
    for (int64_t i = 1, position = 0; i <= UNEVEN; i++) {
        position += UNEVEN + 1 - i;
        assert_int_equal(offset_index_append(&test->offsets, BASE + i * i, position), 0);
    }
    int64_t position = 0;
    for (int64_t i = 0; i < UNEVEN; position += UNEVEN - i, i++) { /* the position of entry i, 0 before the first */
        const int64_t offsets[] = {i * i, (i + 1) * (i + 1) - 1}, positions[] = {position, position + UNEVEN - i - 1};
        for (int k = 0; k < 2; k++) {
            int64_t found;
            assert_int_equal(offset_index_floor(&test->offsets, BASE + offsets[k], &found), 0);
            assert_int_equal(found, position);
            assert_int_equal(offset_index_floor_position(&test->offsets, positions[k], &found), 0);
            assert_int_equal(found, position);
        }
    }
}

static void position_floor_is_the_last_entry_at_or_below(void **state)
{
    struct index_test *test = *state;
    fill(test, ENTRIES);
    for (int position = 0; position < 10 * ENTRIES + 20; position += 7) {
        int64_t expected = position - position % 10, floor;
        if (expected > 10 * ENTRIES)
            expected = 10 * ENTRIES;
        assert_int_equal(offset_index_floor_position(&test->offsets, position, &floor), 0);
        assert_int_equal(floor, expected);
    }
}

/* As Kafka has it, the very first entry does not count for its own position. */
static void position_ceiling_is_the_first_entry_at_or_behind(void **state)
{
    struct index_test *test = *state;
    int64_t offset;
    assert_int_equal(offset_index_ceiling(&test->offsets, 0, &offset), 0);
    fill(test, ENTRIES);
    for (int position = 0; position <= 10 * ENTRIES; position += 5) {
        int number = position < 10 ? 0 : position == 10 ? 1 : (position + 9) / 10 - 1;
        assert_int_equal(offset_index_ceiling(&test->offsets, position, &offset), 1);
        assert_int_equal(offset - BASE, 3 * number + 2);
    }
    assert_int_equal(offset_index_ceiling(&test->offsets, 10 * ENTRIES + 1, &offset), 0);
}

static void time_floor_is_the_last_entry_at_or_below(void **state)
{
    struct index_test *test = *state;
    fill(test, ENTRIES);
    for (int timestamp = 90; timestamp < 5 * ENTRIES + 120; timestamp++) {
        int number = (timestamp - 100) / 5;
        int64_t expected = timestamp < 100 ? 0 : 3 * (number < ENTRIES ? number : ENTRIES - 1) + 2, offset;
        assert_int_equal(time_index_floor(&test->times, timestamp, &offset), 0);
        assert_int_equal(offset - BASE, expected);
    }
}

static void empty_index_points_to_the_start(void **state)
{
    struct index_test *test = *state;
    int64_t position, offset;
    assert_int_equal(offset_index_floor(&test->offsets, BASE + 100, &position), 0);
    assert_int_equal(position, 0);
    assert_int_equal(time_index_floor(&test->times, 100, &offset), 0);
    assert_int_equal(offset, BASE);
}

static void time_index_takes_growing_timestamps_only(void **state)
{
    struct index_test *test = *state;
    assert_int_equal(time_index_append(&test->times, 100, BASE + 1), 0);
    assert_int_equal(time_index_append(&test->times, 100, BASE + 2), 0);
    assert_int_equal(time_index_append(&test->times, 99, BASE + 3), 0);
    assert_int_equal(test->times.entries.entries, 1);
    assert_int_equal(time_index_append(&test->times, 101, BASE + 4), 0);
    assert_int_equal(index_file_write(&test->times.entries), 0);
    assert_int_equal(memory_io_size(test->memory, "/data/00000000005000000000.timeindex"), 24);
}

static void loaded_index_answers_as_the_written_one(void **state)
{
    struct index_test *test = *state;
    int64_t position;
    fill(test, 10);
    assert_int_equal(index_file_write(&test->offsets.entries), 0);
    assert_int_equal(index_file_write(&test->times.entries), 0);
    cached_file_close(&test->offsets.entries.file);
    cached_file_close(&test->times.entries.file);
    offset_index_init(&test->offsets, test->folder, BASE);
    time_index_init(&test->times, test->folder, BASE);
    assert_int_equal(offset_index_load(&test->offsets, 1000), 0);
    assert_int_equal(time_index_load(&test->times), 0);
    assert_int_equal(test->times.last_timestamp_ms, 145);
    assert_int_equal(offset_index_floor(&test->offsets, BASE + 9, &position), 0);
    assert_int_equal(position, 30);
    assert_int_equal(offset_index_append(&test->offsets, BASE + 100, 500), 0);
    assert_int_equal(index_file_write(&test->offsets.entries), 0);
    assert_int_equal(memory_io_size(test->memory, INDEX_PATH), 11 * 8);
}

/* Entries wait for others, so most appends write nothing; a lookup finds those that wait as well. */
static void entries_are_written_many_at_once(void **state)
{
    struct index_test *test = *state;
    int64_t position;
    fill(test, 10);
    assert_int_equal(memory_io_size(test->memory, INDEX_PATH), 0);
    assert_int_equal(offset_index_floor(&test->offsets, BASE + 9, &position), 0);
    assert_int_equal(position, 30);
    fill_from(test, 10, 1000);
    assert_in_range(test->offsets.entries.entries * 8 - memory_io_size(test->memory, INDEX_PATH), 0, 256);
    assert_int_equal(index_file_trim(&test->offsets.entries), 0);
    assert_int_equal(memory_io_size(test->memory, INDEX_PATH), 1000 * 8);
}

/* An entry for which those that wait could not be written does not count, and they wait on. */
static void entry_that_fails_is_as_if_it_had_not_been(void **state)
{
    struct index_test *test = *state;
    size_t size;
    int count = 0;
    memory_io_fail(test->memory, CALL_PWRITE, 1, ENOSPC, false);
    while (offset_index_append(&test->offsets, BASE + 3 * count + 2, 10 * count + 10) == 0)
        count++;
    assert_true(count > 1);
    assert_int_equal(test->offsets.last_position, 10 * count);
    assert_int_equal(offset_index_append(&test->offsets, BASE + 6000, 60000), 0);
    memory_io_fail(test->memory, CALL_PWRITE, 1, ENOSPC, false);
    assert_int_equal(index_file_trim(&test->offsets.entries), -ENOSPC);
    assert_int_equal(index_file_trim(&test->offsets.entries), 0);
    const uint8_t *bytes = memory_io_bytes(test->memory, INDEX_PATH, &size);
    assert_int_equal(size, (count + 1) * 8);
    assert_int_equal(load_be32(bytes + 8 * (count - 1)), 3 * count - 1);
    assert_int_equal(load_be32(bytes + 8 * count), 6000);
}

static void files_that_are_no_index_are_refused(void **state)
{
    struct index_test *test = *state;
    const char *path = INDEX_PATH, *times_path = "/data/00000000005000000000.timeindex";
    uint8_t bytes[24] = {0};
    memory_io_put(test->memory, path, bytes, 7); /* no whole entry */
    assert_int_equal(offset_index_load(&test->offsets, 1000), -EBADMSG);
    memory_io_put(test->memory, path, bytes, 16); /* zeros: Kafka's, filled up */
    assert_int_equal(offset_index_load(&test->offsets, 1000), -EBADMSG);
    store_be32(bytes, 5);
    store_be32(bytes + 4, 1000);
    memory_io_put(test->memory, path, bytes, 8); /* beyond the log file */
    assert_int_equal(offset_index_load(&test->offsets, 1000), -EBADMSG);
    assert_int_equal(offset_index_load(&test->offsets, 1001), 0);
    memory_io_put(test->memory, times_path, bytes, 13);
    assert_int_equal(time_index_load(&test->times), -EBADMSG);
    memset(bytes, 0, sizeof bytes);
    memory_io_put(test->memory, times_path, bytes, 24);
    assert_int_equal(time_index_load(&test->times), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(offset_floor_is_the_last_entry_at_or_below, setup, teardown),
        cmocka_unit_test_setup_teardown(uneven_floors_are_the_last_entry_at_or_below, setup, teardown),
        cmocka_unit_test_setup_teardown(position_floor_is_the_last_entry_at_or_below, setup, teardown),
        cmocka_unit_test_setup_teardown(position_ceiling_is_the_first_entry_at_or_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(time_floor_is_the_last_entry_at_or_below, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_index_points_to_the_start, setup, teardown),
        cmocka_unit_test_setup_teardown(time_index_takes_growing_timestamps_only, setup, teardown),
        cmocka_unit_test_setup_teardown(loaded_index_answers_as_the_written_one, setup, teardown),
        cmocka_unit_test_setup_teardown(entries_are_written_many_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(entry_that_fails_is_as_if_it_had_not_been, setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_are_no_index_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests_name("segment_index", tests, NULL, NULL);
}
