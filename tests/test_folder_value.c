/* Files of a partition as values: nothing of a file is left out, so equal values mean equal bytes. */
#include "lib/batch_value.h"
#include "lib/folder_value.h"
#include "lib/log_fixture.h"
#include "lib/memory_io.h"
#include "lib/value_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    arena_init(&f->arena, 1 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_release(&f->arena);
    free(f);
    return 0;
}

static const char *shown(struct fixture *f, const char *name, const void *bytes, size_t size)
{
    struct kp_string text = {bytes, (int32_t)size};
    return value_print(&f->arena, file_to_value(name, text, &f->arena), 0, 0);
}

static void indexes_are_their_entries(void **state)
{
    static const char index[] = "\0\0\0\2\0\0\0\115\0\0\0\3\0\0\0\222";
    static const char time_index[] = "\0\0\0\0\0\0\1\0\0\0\0\2";
    struct fixture *f = *state;
    assert_string_equal(shown(f, "00000000000000000000.index", index, sizeof index - 1),
                        "{name: \"00000000000000000000.index\", entries: [[2, 77], [3, 146]]}");
    assert_string_equal(shown(f, "00000000000000000000.timeindex", time_index, sizeof time_index - 1),
                        "{name: \"00000000000000000000.timeindex\", entries: [{timestamp: 256, offset: 2}]}");
}

/* As in an index that Kafka has allocated before it was used. */
static void zeros_behind_the_entries_are_told(void **state)
{
    static const char index[] = "\0\0\0\2\0\0\0\115\0\0\0\0\0\0\0\0";
    struct fixture *f = *state;
    assert_string_equal(shown(f, "00000000000000000000.index", index, sizeof index - 1),
                        "{name: \"00000000000000000000.index\", entries: [[2, 77]], zeros: 8}");
}

static void bytes_that_make_no_entry_are_told(void **state)
{
    struct fixture *f = *state;
    assert_non_null(strstr(shown(f, "0.index", "\1\2\3", 3), "rest: \"3 bytes with checksum"));
    assert_non_null(strstr(shown(f, "0.log", "\1\2\3", 3), "batches: [], rest: \"3 bytes with checksum"));
    assert_non_null(strstr(shown(f, "0.snapshot", "\1\2\3", 3), "rest: \"3 bytes with checksum"));
    assert_non_null(strstr(shown(f, "0.other", "\1\2\3", 3), "rest: \"3 bytes with checksum"));
}

static void small_files_of_text_are_told_as_they_are_when_they_have_another_form(void **state)
{
    struct fixture *f = *state;
    static const char epochs[] = "0\n1\n4 6\n", more[] = "0\n2\n4 6\n", id[] = "version: 1\n";
    assert_string_equal(shown(f, "leader-epoch-checkpoint", epochs, sizeof epochs - 1),
                        "{name: \"leader-epoch-checkpoint\", entries: [[4, 6]]}");
    assert_non_null(
        strstr(shown(f, "leader-epoch-checkpoint", more, sizeof more - 1), "text: \"0\\x0a2\\x0a4 6\\x0a\""));
    assert_non_null(strstr(shown(f, "partition.metadata", id, sizeof id - 1), "text: \"version: 1\\x0a\""));
}

/* Their checksums depend on the producer's id, which the broker draws. */
static void batches_of_transactions_are_told_by_their_fields(void **state)
{
    struct fixture *f = *state;
    struct kp_string bytes;
    const char *error;
    struct value *batches = value_parse(
        "[{attributes: 16, producer_id: 7, producer_epoch: 1, base_sequence: 5, timestamp: 9, records: [\"a\"]}, "
        "{attributes: 48, producer_id: 7, producer_epoch: 1, timestamp: 9, records: [{key: x\"00000001\", value: "
        "x\"000000000002\"}]}]",
        &f->arena);
    assert_true(batches_from_value(batches, 0, &f->arena, &bytes, &error));
    const char *told = shown(f, "0.log", bytes.data, (size_t)bytes.size);
    assert_non_null(strstr(told,
                           "crc: \"right\", attributes: 16, last_offset_delta: 0, max_timestamp: 9, "
                           "base_timestamp: 9, producer_id: 7, producer_epoch: 1, base_sequence: 5, record_count: 1, "
                           "records_crc: "));
    assert_non_null(strstr(told, "record_count: 1, record: {marker: \"commit\", coordinator_epoch: 2}}"));
}

/* Any byte of a batch that is not told itself is under its checksum. */
static void every_byte_of_a_log_changes_its_value(void **state)
{
    struct fixture *f = *state;
    struct log_fixture log;
    struct memory_io *memory = memory_io_new();
    log_fixture_init(&log, memory_io_files(memory), "/data");
    size_t size;
    uint8_t *batch = log_fixture_batch(&log, (struct batch_spec){.records = 2, .value_bytes = 20}, &size);
    char *whole = xstrdup(shown(f, "0.log", batch, size));
    for (size_t at = 0; at < size; at++) {
        batch[at] ^= 1;
        assert_string_not_equal(shown(f, "0.log", batch, size), whole);
        batch[at] ^= 1;
        arena_reset(&f->arena);
    }
    free(whole);
    free(batch);
    memory_io_free(memory);
}

static void a_partition_has_its_files_by_name_and_its_lines_of_the_checkpoints(void **state)
{
    static const char checkpoint[] = "0\n2\nt 0 7\nt 1 8\n";
    struct fixture *f = *state;
    struct memory_io *memory = memory_io_new();
    struct file_io *files = memory_io_files(memory);
    assert_int_equal(files->mkdir(files, "/data/t-1"), 0);
    memory_io_put(memory, "/data/t-1/b", "", 0);
    memory_io_put(memory, "/data/t-1/a", "", 0);
    memory_io_put(memory, "/data/recovery-point-offset-checkpoint", checkpoint, sizeof checkpoint - 1);
    struct value *value;
    const char *error;
    assert_true(folder_to_value(files, "/data", "t", 1, &f->arena, &value, &error));
    assert_string_equal(value_print(&f->arena, value, 0, 0),
                        "{files: [{name: \"a\"}, {name: \"b\"}], "
                        "checkpoints: [{name: \"recovery-point-offset-checkpoint\", offset: 8}]}");
    assert_true(folder_to_value(files, "/data", "none", 0, &f->arena, &value, &error));
    assert_string_equal(value_print(&f->arena, value, 0, 0), "{files: [], checkpoints: []}");
    memory_io_free(memory);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batches_of_transactions_are_told_by_their_fields, setup, teardown),
        TEST(indexes_are_their_entries),
        TEST(zeros_behind_the_entries_are_told),
        TEST(bytes_that_make_no_entry_are_told),
        TEST(small_files_of_text_are_told_as_they_are_when_they_have_another_form),
        TEST(every_byte_of_a_log_changes_its_value),
        TEST(a_partition_has_its_files_by_name_and_its_lines_of_the_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
