/* Checkpoint files: what is written reads back, and what is no checkpoint is told. */
#include "storage/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void what_is_written_reads_back(void **state)
{
    (void)state;
    struct checkpoint_text text = {0};
    struct checkpoint_reader reader;
    checkpoint_begin(&text, 2);
    checkpoint_add_offset(&text, "t", 0, 0);
    checkpoint_add_offset(&text, "a.b-c", INT32_MAX, STORED_OFFSET_MAX);
    assert_string_equal(text.bytes, "0\n2\nt 0 0\na.b-c 2147483647 9223372032559808512\n");
    const char *topic;
    int32_t partition;
    int64_t offset;
    assert_true(checkpoint_read(&reader, text.bytes));
    assert_true(checkpoint_next_offset(&reader, &topic, &partition, &offset));
    assert_true(checkpoint_next_offset(&reader, &topic, &partition, &offset));
    assert_string_equal(topic, "a.b-c");
    assert_int_equal(partition, INT32_MAX);
    assert_int_equal(offset, STORED_OFFSET_MAX);
    assert_false(checkpoint_next_offset(&reader, &topic, &partition, &offset));
    assert_false(reader.failed);
    free(text.bytes);
}

/* Is the text a checkpoint of epochs, whole? */
static bool reads(const char *written)
{
    char text[200];
    struct checkpoint_reader reader;
    int32_t epoch;
    int64_t offset;
    snprintf(text, sizeof text, "%s", written);
    bool whole = checkpoint_read(&reader, text);
    while (whole && checkpoint_next_epoch(&reader, &epoch, &offset))
        ;
    return whole && !reader.failed;
}

static void what_is_no_checkpoint_is_told(void **state)
{
    (void)state;
    assert_true(reads("0\n0\n"));
    assert_true(reads("0\r\n1\r\n2147483647 9223372032559808512\r\n"));
    static const char *const wrong[] = {"",
                                        "0",
                                        "1\n0\n",
                                        "-1\n0\n",
                                        "0\n-1\n",
                                        "0\n2147483648\n",
                                        "0\n1\n",
                                        "0\n1\n0 0",
                                        "0\n1\n0 0\n0 0\n",
                                        "0\n1\n-1 0\n",
                                        "0\n1\n0 -1\n",
                                        "0\n1\n2147483648 0\n",
                                        "0\n1\n0 9223372032559808513\n",
                                        "0\n1\n0 99999999999999999999\n",
                                        "0\n1\n0  0\n",
                                        "0\n1\nx 0\n"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (reads(wrong[i]))
            fail_msg("taken for a checkpoint: %s", wrong[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(what_is_no_checkpoint_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
