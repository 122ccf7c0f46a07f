/* What comes out of a compaction, beside what came out of Apache Kafka's: a log with transactions, tombstones and
 * codecs as Kafka left it, compacted at the same time (tests/golden/compaction). */
#include "lib/golden.h"
#include "lib/log_fixture.h"
#include "lib/memory_io.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#define DELETE_RETENTION_MS 1000 /* as in tests/golden/compaction/record */

struct compaction_test {
    struct memory_io *memory;
    struct log_fixture fixture;
    struct golden golden;
};

static int setup(void **state)
{
    struct compaction_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    log_fixture_init(&test->fixture, memory_io_files(test->memory), "/data");
    assert_int_equal(test->fixture.files->mkdir(test->fixture.files, "/data/t-0"), 0);
    struct log_config *config = &test->fixture.config;
    config->cleanup_delete = false;
    config->cleanup_compact = true;
    config->min_cleanable_dirty_ratio = 0;
    config->delete_retention_ms = DELETE_RETENTION_MS;
    config->index_interval_bytes = 100;
    config->file_delete_delay_ms = 0;
    golden_open(&test->golden, "compaction/folders.txt");
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct compaction_test *test = *state;
    golden_close(&test->golden);
    memory_io_free(test->memory);
    free(test);
    return 0;
}

/* A line "before NAME HEX" or "after NAME HEX": the file's path here, and its bytes, which the caller frees. */
static uint8_t *file_of(const struct golden *golden, char path[STORAGE_PATH_MAX], size_t *size)
{
    int name_size = (int)strcspn(golden->rest, " ");
    snprintf(path, STORAGE_PATH_MAX, "/data/t-0/%.*s", name_size, golden->rest);
    return golden_bytes(golden->rest + name_size + 1, size);
}

/* Ids and epochs are the recording broker's. */
static bool is_compared(const char *path)
{
    return strstr(path, "partition.metadata") == NULL && strstr(path, "leader-epoch-checkpoint") == NULL;
}

/* Read a case up to its "after": put the folder there, and set the clock to when Kafka compacted it. */
static void read_before(struct compaction_test *test, const char *name)
{
    do
        assert_true(golden_next(&test->golden));
    while (strcmp(test->golden.word, "case") != 0 || strcmp(test->golden.rest, name) != 0);
    while (golden_next(&test->golden) && strcmp(test->golden.word, "after") != 0) {
        char path[STORAGE_PATH_MAX], text[64];
        size_t size;
        if (strcmp(test->golden.word, "now") == 0) {
            test->fixture.now_ms = atoll(test->golden.rest);
        } else if (strcmp(test->golden.word, "cleaned") == 0) {
            int length = snprintf(text, sizeof text, "0\n1\nt 0 %s\n", test->golden.rest);
            memory_io_put(test->memory, "/data/cleaner-offset-checkpoint", text, (size_t)length);
        } else {
            uint8_t *bytes = file_of(&test->golden, path, &size);
            if (is_compared(path))
                memory_io_put(test->memory, path, bytes, size);
            free(bytes);
        }
    }
}

static void compact(struct compaction_test *test)
{
    struct log_fixture *fixture = &test->fixture;
    fixture->now_ms -= fixture->cleaner.backoff_ms;
    assert_int_equal(log_fixture_open(fixture, true), 0);
    fixture->now_ms += fixture->cleaner.backoff_ms;
    (void)log_store_tick(fixture->store, fixture->now_ms);
    (void)test_pool_run(&fixture->pool);
    assert_non_null(strstr(fixture->reports, "Compacted log"));
    (void)log_store_tick(fixture->store, fixture->now_ms); /* removes what was replaced */
    assert_int_equal(log_fixture_close(fixture), 0);
}

static void count_file(void *context, const char *name, bool is_directory)
{
    (void)is_directory;
    *(int *)context += is_compared(name);
}

static void compare_after(struct compaction_test *test)
{
    int expected = 0, found = 0;
    do {
        char path[STORAGE_PATH_MAX];
        size_t size, found_size;
        uint8_t *bytes = file_of(&test->golden, path, &size);
        if (is_compared(path)) {
            const uint8_t *ours = memory_io_bytes(test->memory, path, &found_size);
            if (ours == NULL || found_size != size || memcmp(ours, bytes, size) != 0)
                fail_msg("%s is not Kafka's", path);
            expected++;
        }
        free(bytes);
    } while (golden_next(&test->golden) && strcmp(test->golden.word, "after") == 0);
    assert_int_equal(test->fixture.files->list(test->fixture.files, "/data/t-0", count_file, &found), 0);
    assert_int_equal(found, expected);
}

static void transactions_and_tombstones_are_compacted_as_kafka_does(void **state)
{
    struct compaction_test *test = *state;
    read_before(test, "first");
    compact(test);
    compare_after(test);
}

/* Delete horizons of the first time have passed, and markers have lost the last of their records. */
static void a_second_compaction_leaves_what_kafkas_does(void **state)
{
    struct compaction_test *test = *state;
    read_before(test, "second");
    compact(test);
    compare_after(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(transactions_and_tombstones_are_compacted_as_kafka_does, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_compaction_leaves_what_kafkas_does, setup, teardown),
    };
    return cmocka_run_group_tests_name("compaction", tests, NULL, NULL);
}
