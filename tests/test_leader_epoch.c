/* Leader epochs: assignment, cutting, the answers of OffsetForLeaderEpoch, the file. */
#include "lib/memory_io.h"

#include "storage/leader_epoch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define LOG_END 100

/* Epochs 1, 4 and 6 begin at 0, 57 and 60. */
static int setup(void **state)
{
    struct leader_epochs *epochs = xcalloc(1, sizeof *epochs);
    assert_true(leader_epochs_assign(epochs, 1, 0));
    assert_true(leader_epochs_assign(epochs, 4, 57));
    assert_true(leader_epochs_assign(epochs, 6, 60));
    *state = epochs;
    return 0;
}

static int teardown(void **state)
{
    leader_epochs_release(*state);
    free(*state);
    return 0;
}

static void assert_entries(const struct leader_epochs *epochs, const char *expected)
{
    char text[256] = "";
    for (int32_t i = 0; i < epochs->count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d:%d ", (int)epochs->entries[i].epoch,
                 (int)epochs->entries[i].start_offset);
    assert_string_equal(text, expected);
}

struct end_row {
    int32_t epoch;
    bool known;
    int32_t found_epoch;
    int64_t end_offset;
};

/* As Kafka: an epoch that is not there is answered with the one before it. */
static void end_of_an_epoch_is_the_start_of_the_next(void **state)
{
    static const struct end_row rows[] = {
        {0,  true,  0, 0      },
        {1,  true,  1, 57     },
        {2,  true,  1, 57     },
        {3,  true,  1, 57     },
        {4,  true,  4, 60     },
        {5,  true,  4, 60     },
        {6,  true,  6, LOG_END},
        {7,  false, 0, 0      },
        {-1, false, 0, 0      },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int32_t found = -2;
        int64_t end = -2;
        assert_int_equal(leader_epochs_end(*state, rows[i].epoch, LOG_END, &found, &end), rows[i].known);
        if (rows[i].known) {
            assert_int_equal(found, rows[i].found_epoch);
            assert_int_equal(end, rows[i].end_offset);
        }
    }
}

static void no_epoch_is_known_of_an_empty_log(void **state)
{
    struct leader_epochs none = {0};
    int32_t epoch;
    int64_t end;
    (void)state;
    assert_false(leader_epochs_end(&none, 0, 0, &epoch, &end));
    assert_int_equal(leader_epochs_latest(&none), -1);
    assert_int_equal(leader_epochs_at(&none, 0), -1);
}

static void epoch_of_an_offset_is_that_of_the_entry_before_it(void **state)
{
    assert_int_equal(leader_epochs_at(*state, 0), 1);
    assert_int_equal(leader_epochs_at(*state, 56), 1);
    assert_int_equal(leader_epochs_at(*state, 57), 4);
    assert_int_equal(leader_epochs_at(*state, 99), 6);
}

static void assigning_the_latest_epoch_again_changes_nothing(void **state)
{
    assert_false(leader_epochs_assign(*state, 6, 80));
    assert_entries(*state, "1:0 4:57 6:60 ");
}

/* Entries that contradict a new one go: a log that was cut is written on in another epoch. */
static void assigning_an_earlier_offset_or_epoch_removes_what_contradicts_it(void **state)
{
    assert_true(leader_epochs_assign(*state, 7, 58));
    assert_entries(*state, "1:0 4:57 7:58 ");
    assert_true(leader_epochs_assign(*state, 2, 70));
    assert_entries(*state, "1:0 2:70 ");
}

static void cutting_the_end_removes_epochs_that_begin_there(void **state)
{
    assert_true(leader_epochs_cut_end(*state, 60));
    assert_entries(*state, "1:0 4:57 ");
    assert_false(leader_epochs_cut_end(*state, 60));
}

/* Seen of Kafka after DeleteRecords: the first entry's start moves up with the log start. */
static void cutting_the_start_moves_the_first_epoch_up(void **state)
{
    assert_true(leader_epochs_cut_start(*state, 58));
    assert_entries(*state, "4:58 6:60 ");
    assert_false(leader_epochs_cut_start(*state, 58));
    assert_true(leader_epochs_cut_start(*state, 1000));
    assert_entries(*state, "6:1000 ");
}

static void file_keeps_the_epochs(void **state)
{
    struct memory_io *memory = memory_io_new();
    struct file_io *io = memory_io_files(memory);
    struct leader_epochs loaded = {0};
    size_t size;
    assert_int_equal(leader_epochs_save(*state, io, "/data/epochs"), 0);
    assert_memory_equal(memory_io_bytes(memory, "/data/epochs", &size), "0\n3\n1 0\n4 57\n6 60\n", 18);
    assert_int_equal(size, 18);
    assert_int_equal(leader_epochs_load(&loaded, io, "/data/epochs"), 0);
    assert_entries(&loaded, "1:0 4:57 6:60 ");
    leader_epochs_release(&loaded);
    memory_io_free(memory);
}

static void damaged_file_gives_no_epochs(void **state)
{
    static const char *const damaged[] = {"",
                                          "0\n",
                                          "0\n1\n",
                                          "0\n1\n1 0",
                                          "1\n1\n1 0\n",
                                          "0\n1\n1 a\n",
                                          "0\n2\n1 0\n",
                                          "0\n2\n2 0\n1 5\n",
                                          "0\n2\n1 5\n2 5\n",
                                          "0\n1\n-1 0\n",
                                          "0\n1\n1 0\n2 3\n",
                                          "0\n-1\n"};
    struct memory_io *memory = memory_io_new();
    struct leader_epochs loaded = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        memory_io_put(memory, "/data/epochs", damaged[i], strlen(damaged[i]));
        if (leader_epochs_load(&loaded, memory_io_files(memory), "/data/epochs") != -EBADMSG || loaded.count != 0)
            fail_msg("taken: %s", damaged[i]);
    }
    assert_int_equal(leader_epochs_load(&loaded, memory_io_files(memory), "/data/none"), -ENOENT);
    leader_epochs_release(&loaded);
    memory_io_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(end_of_an_epoch_is_the_start_of_the_next, setup, teardown),
        cmocka_unit_test(no_epoch_is_known_of_an_empty_log),
        cmocka_unit_test_setup_teardown(epoch_of_an_offset_is_that_of_the_entry_before_it, setup, teardown),
        cmocka_unit_test_setup_teardown(assigning_the_latest_epoch_again_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(assigning_an_earlier_offset_or_epoch_removes_what_contradicts_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(cutting_the_end_removes_epochs_that_begin_there, setup, teardown),
        cmocka_unit_test_setup_teardown(cutting_the_start_moves_the_first_epoch_up, setup, teardown),
        cmocka_unit_test_setup_teardown(file_keeps_the_epochs, setup, teardown),
        cmocka_unit_test(damaged_file_gives_no_epochs),
    };
    return cmocka_run_group_tests_name("leader_epoch", tests, NULL, NULL);
}
