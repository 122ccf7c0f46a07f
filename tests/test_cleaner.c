/* Compaction: which records of a log stay, which log is compacted and when, and that nothing gets lost on the way.
 * Files are in memory, the clock and the pool are the test's. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"
#include "storage/cleaning.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#define FOLDER "/data/t-0/"

struct cleaner_test {
    struct memory_io *memory;
    struct log_fixture fixture;
};

static int setup(void **state)
{
    struct cleaner_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    log_fixture_init(&test->fixture, memory_io_files(test->memory), "/data");
    test->fixture.config.cleanup_delete = false;
    test->fixture.config.cleanup_compact = true;
    test->fixture.config.min_cleanable_dirty_ratio = 0;
    assert_int_equal(log_fixture_open(&test->fixture, true), 0);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct cleaner_test *test = *state;
    if (test->fixture.store != NULL)
        assert_int_equal(log_fixture_close(&test->fixture), 0);
    memory_io_free(test->memory);
    free(test);
    return 0;
}

static void append(struct cleaner_test *test, const char *text)
{
    assert_int_equal(log_fixture_append(&test->fixture, (struct batch_spec){.text = text}, NULL), 0);
}

/* The next append begins a segment, so that what was appended may be compacted. */
static void roll(struct cleaner_test *test)
{
    assert_int_equal(log_roll(test->fixture.log, test->fixture.now_ms, NULL), 0);
}

/* Time passes, and all work that is due is done. */
static void pass(struct cleaner_test *test, int64_t ms)
{
    struct log_fixture *fixture = &test->fixture;
    int64_t end_ms = fixture->now_ms + ms;
    while (fixture->now_ms < end_ms) {
        int64_t next_ms = log_store_tick(fixture->store, fixture->now_ms);
        if (log_fixture_run_jobs(fixture) > 0)
            continue;
        fixture->now_ms = next_ms > fixture->now_ms && next_ms < end_ms ? next_ms : end_ms;
    }
    (void)log_store_tick(fixture->store, fixture->now_ms);
    (void)log_fixture_run_jobs(fixture);
}

static void clean(struct cleaner_test *test)
{
    pass(test, test->fixture.cleaner.backoff_ms);
}

static void the_newest_record_of_each_key_stays(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1 b=1 a=2");
    append(test, "c=1 a=3");
    roll(test);
    append(test, "d=1");
    clean(test);
    assert_string_equal(log_fixture_text(&test->fixture), "1:b=1 3:c=1 4:a=3 5:d=1");
}

static void what_is_in_the_active_segment_is_not_compacted(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1");
    roll(test);
    append(test, "a=2 a=3");
    clean(test);
    assert_string_equal(log_fixture_text(&test->fixture), "0:a=1 1:a=2 2:a=3");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_newest_record_of_each_key_stays),
        TEST(what_is_in_the_active_segment_is_not_compacted),
    };
    return cmocka_run_group_tests_name("cleaner", tests, NULL, NULL);
}
