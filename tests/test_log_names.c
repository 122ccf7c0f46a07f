/* Names in the folder of a partition: which are files of a log. */
#include "storage/log_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void file_names_tell_offset_kind_and_suffix(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct file_name told;
    } rows[] = {
        {"00000000000000000000.log",               {0, FILE_LOG, SUFFIX_NONE}                     },
        {"00000000000000000042.timeindex.deleted", {42, FILE_TIME_INDEX, SUFFIX_DELETED}          },
        {"09223372032559808512.snapshot",          {STORED_OFFSET_MAX, FILE_SNAPSHOT, SUFFIX_NONE}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct file_name told;
        assert_true(file_name_parse(rows[i].name, &told));
        assert_int_equal(told.base_offset, rows[i].told.base_offset);
        assert_int_equal(told.kind, rows[i].told.kind);
        assert_int_equal(told.suffix, rows[i].told.suffix);
    }
}

static void other_names_are_no_files_of_a_log(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "0.log",
                                        "0000000000000000000x.log",
                                        "00000000000000000000",
                                        "00000000000000000000.logs",
                                        "00000000000000000000.log.gone",
                                        "000000000000000000000.log",
                                        "09223372032559808513.log",
                                        "99999999999999999999.log",
                                        "partition.metadata"};
    struct file_name told;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (file_name_parse(names[i], &told))
            fail_msg("taken for a file of a log: %s", names[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_names_tell_offset_kind_and_suffix),
        cmocka_unit_test(other_names_are_no_files_of_a_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
