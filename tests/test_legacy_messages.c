/* Logs with messages of Apache Kafka before 0.11: Kafka 4 reads them still, dohle does not, and so leaves them alone.
 */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"

#include "protocol/bytes.h"
#include "protocol/legacy_message.h"
#include "storage/log_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define LOG_FILE "/data/t-0/00000000000000000000.log"

struct legacy_test {
    struct memory_io *memory;
    struct log_fixture f;
    uint8_t bytes[4096]; /* of the .log file */
    size_t size;
};

static int setup(void **state)
{
    struct legacy_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    log_fixture_init(&test->f, memory_io_files(test->memory), "/data");
    struct file_io *files = memory_io_files(test->memory);
    assert_int_equal(files->mkdir(files, "/data/t-0"), 0);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct legacy_test *test = *state;
    log_fixture_crash(&test->f);
    memory_io_free(test->memory);
    free(test);
    return 0;
}

/* Add a message with a null key and the value "old". */
static void add_message(struct legacy_test *test, int64_t offset, uint8_t magic)
{
    static const uint8_t key_and_value[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 3, 'o', 'l', 'd'};
    uint8_t *at = test->bytes + test->size;
    size_t head = magic == 0 ? 18 : 26; /* with a timestamp since magic 1 */
    size_t size = head + sizeof key_and_value;
    memset(at, 0, size);
    store_be64(at, (uint64_t)offset);
    store_be32(at + 8, (uint32_t)(size - 12));
    at[16] = magic;
    memcpy(at + head, key_and_value, sizeof key_and_value);
    store_be32(at + 12, (uint32_t)crc32(0, at + 16, (unsigned)(size - 16)));
    test->size += size;
}

static void add_batch(struct legacy_test *test, int64_t base_offset)
{
    size_t size;
    uint8_t *batch = log_fixture_batch(&test->f, (struct batch_spec){.records = 2}, &size);
    record_batch_set_base_offset(batch, base_offset);
    memcpy(test->bytes + test->size, batch, size);
    test->size += size;
    free(batch);
}

/* Load the log as it was put together. */
static int load(struct legacy_test *test, bool clean)
{
    struct storage_fault fault;
    memory_io_put(test->memory, LOG_FILE, test->bytes, test->size);
    assert_int_equal(log_fixture_open(&test->f, clean), 0);
    return log_load(test->f.log, &fault);
}

static void assert_left_as_it_is(struct legacy_test *test)
{
    size_t size;
    const uint8_t *bytes = memory_io_bytes(test->memory, LOG_FILE, &size);
    assert_int_equal(size, test->size);
    assert_memory_equal(bytes, test->bytes, size);
    assert_non_null(strstr(test->f.reports, "messages of a Kafka before 0.11"));
    assert_true(log_is_offline(test->f.log));
}

static void log_of_magic_0_is_refused_and_left_as_it_is(void **state)
{
    struct legacy_test *test = *state;
    add_message(test, 0, 0);
    add_message(test, 1, 0);
    assert_int_equal(load(test, false), STORAGE_IO);
    assert_left_as_it_is(test);
}

static void log_of_magic_1_is_refused_after_a_clean_stop_too(void **state)
{
    struct legacy_test *test = *state;
    add_message(test, 0, 1);
    assert_int_equal(load(test, true), STORAGE_IO);
    assert_left_as_it_is(test);
}

static void old_messages_behind_batches_are_not_cut_off(void **state)
{
    struct legacy_test *test = *state;
    add_batch(test, 0);
    add_message(test, 2, 1);
    assert_int_equal(load(test, false), STORAGE_IO);
    assert_left_as_it_is(test);
}

/* The checksum tells an old message from damage. */
static void damage_that_looks_like_an_old_message_is_cut_off(void **state)
{
    struct legacy_test *test = *state;
    add_batch(test, 0);
    size_t sound = test->size;
    add_message(test, 2, 1);
    test->bytes[test->size - 1] ^= 1;
    assert_int_equal(load(test, false), 0);
    assert_int_equal(memory_io_size(test->memory, LOG_FILE), sound);
    assert_int_equal(log_end_offset(test->f.log), 2);
}

static void an_old_message_without_its_end_is_cut_off(void **state)
{
    struct legacy_test *test = *state;
    add_batch(test, 0);
    size_t sound = test->size;
    add_message(test, 2, 0);
    test->size--;
    assert_int_equal(load(test, false), 0);
    assert_int_equal(memory_io_size(test->memory, LOG_FILE), sound);
}

static void sizes_that_no_message_has_are_none(void **state)
{
    (void)state;
    uint8_t head[LEGACY_HEAD_BYTES] = {0};
    store_be32(head + 8, 14);
    assert_int_equal(legacy_message_size(head), 26);
    store_be32(head + 8, 13);
    assert_int_equal(legacy_message_size(head), 0);
    store_be32(head + 8, UINT32_MAX);
    assert_int_equal(legacy_message_size(head), 0);
    store_be32(head + 8, 14);
    head[16] = 2;
    assert_int_equal(legacy_message_size(head), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(log_of_magic_0_is_refused_and_left_as_it_is), TEST(log_of_magic_1_is_refused_after_a_clean_stop_too),
        TEST(old_messages_behind_batches_are_not_cut_off), TEST(damage_that_looks_like_an_old_message_is_cut_off),
        TEST(an_old_message_without_its_end_is_cut_off),   cmocka_unit_test(sizes_that_no_message_has_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
