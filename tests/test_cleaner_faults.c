/* Compaction while calls on files fail: whichever call it is, nothing is lost but what a newer record supersedes.
 *
 *     for k = 1, 2, ... until no fault fires any more:
 *         six segments that become three, one of which takes two jobs; the k-th call fails, once or for good
 *         what can be read now is sound; then the process dies or the power goes; what can be read then is sound
 *
 * Sound is: the newest record of each key is there, all others that are there are what was appended, in order. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"
#include "storage/cleaning.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#define FOLDER      "/data/t-0/"
#define ROUNDS_MAX  1000
#define TURNS_MAX   60
#define POWER_SEEDS 3

/* What is appended, a batch each, and behind each the log rolls. */
static const char *const appended[] = {"a=1 b=1 =none", "a=2 c=1", "b=2 d=1", "a=3", "e=1 c=2", "f=1 a=4", "g=1"};
static const char *const newest[] = {"b=2", "d=1", "e=1", "c=2", "f=1", "a=4", "g=1"};

struct fault_test {
    struct memory_io *memory;
    struct log_fixture fixture;
};

static struct fault_test *open_test(void)
{
    struct fault_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    log_fixture_init(&test->fixture, memory_io_files(test->memory), "/data");
    test->fixture.config.cleanup_delete = false;
    test->fixture.config.cleanup_compact = true;
    test->fixture.config.min_cleanable_dirty_ratio = 0;
    test->fixture.config.file_delete_delay_ms = 1000;
    assert_int_equal(log_fixture_open(&test->fixture, true), 0);
    for (size_t i = 0; i < COUNT_OF(appended); i++) {
        struct batch_spec spec = {.text = appended[i], .producer_id = i % 2 == 0 ? 5 : 0, .base_sequence = -1};
        spec.base_sequence = i == 0 ? 0 : i == 2 ? 3 : i == 4 ? 5 : 7;
        if (i > 0)
            assert_int_equal(log_roll(test->fixture.log, test->fixture.now_ms, NULL), 0);
        assert_int_equal(log_fixture_append(&test->fixture, spec, NULL), 0);
    }
    test->fixture.config.segment_bytes = (int32_t)test->fixture.log->segments[0]->size_bytes * 2;
    struct storage_fault fault;
    assert_int_equal(log_flush_now(test->fixture.log, &fault), 0);
    (void)test_pool_run(&test->fixture.pool);
    return test;
}

static void close_test(struct fault_test *test)
{
    log_fixture_crash(&test->fixture);
    memory_io_free(test->memory);
    free(test);
}

/* The records of `text`, one at a time: "12:a=1". False at the end. Batches without records are passed over. */
static bool next_record(const char **at, long long *offset, char record[32])
{
    while (sscanf(*at, "%lld:%31s", offset, record) != 2) {
        const char *blank = strchr(*at, ' ');
        if (blank == NULL)
            return false;
        *at = blank + 1;
    }
    *at += strcspn(*at, " ");
    *at += strspn(*at, " ");
    return true;
}

static void append_expected(char *text, size_t size)
{
    int offset = 0;
    for (size_t i = 0; i < COUNT_OF(appended); i++) {
        char batch[64];
        snprintf(batch, sizeof batch, "%s", appended[i]);
        for (char *record = strtok(batch, " "); record != NULL; record = strtok(NULL, " ")) {
            size_t length = strlen(text);
            snprintf(text + length, size - length, " %d:%s ", offset++, record);
        }
    }
}

static void check_sound(struct fault_test *test)
{
    char expected[512] = "", wanted[48], record[32];
    long long offset, last = -1;
    append_expected(expected, sizeof expected);
    const char *text = log_fixture_text(&test->fixture);
    for (const char *at = text; next_record(&at, &offset, record); last = offset) {
        assert_true(offset > last);
        snprintf(wanted, sizeof wanted, " %lld:%s ", offset, record);
        if (strstr(expected, wanted) == NULL)
            fail_msg("%s was never appended: %s", wanted, text);
    }
    for (size_t i = 0; i < COUNT_OF(newest); i++) {
        snprintf(wanted, sizeof wanted, ":%s", newest[i]);
        if (strstr(text, wanted) == NULL)
            fail_msg("%s is lost: %s", wanted, text);
    }
}

/* Compact, with whatever that meets. */
static void compact(struct fault_test *test)
{
    struct log_fixture *fixture = &test->fixture;
    fixture->now_ms += fixture->cleaner.backoff_ms;
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        int64_t next_ms = log_store_tick(fixture->store, fixture->now_ms);
        if (test_pool_run(&fixture->pool) == 0 && next_ms > fixture->now_ms)
            break;
    }
}

static void reopen(struct fault_test *test)
{
    struct log_fixture *fixture = &test->fixture;
    assert_int_equal(log_fixture_open(fixture, false), 0);
    check_sound(test);
    compact(test); /* it can be compacted still, or again */
    assert_false(log_is_offline(fixture->log));
    check_sound(test);
}

/* One compaction whose k-th call fails. False: there were fewer calls. */
static bool fail_call(int k, int error, bool for_good, uint64_t power_seed)
{
    struct fault_test *test = open_test();
    memory_io_fail(test->memory, CALL_ANY, k, error, for_good);
    compact(test);
    bool fired = memory_io_fault_fired(test->memory);
    memory_io_fail(test->memory, CALL_ANY, 0, 0, false);
    if (!log_is_offline(test->fixture.log))
        check_sound(test);
    log_fixture_crash(&test->fixture);
    if (power_seed > 0)
        memory_io_power_cut(test->memory, power_seed);
    reopen(test);
    close_test(test);
    return fired;
}

static void sweep(int error, bool for_good)
{
    int k = 0;
    for (bool fired = true; fired && k < ROUNDS_MAX; k++)
        for (uint64_t seed = 0; seed <= POWER_SEEDS; seed++)
            fired = fail_call(k + 1, error, for_good, seed > 0 ? (uint64_t)(k + 1) * 1000 + seed : 0);
    assert_in_range(k, 50, ROUNDS_MAX - 1);
}

static void nothing_is_lost_when_a_call_fails_once(void **state)
{
    (void)state;
    sweep(EIO, false);
}

static void nothing_is_lost_when_all_calls_fail_from_one_on(void **state)
{
    (void)state;
    sweep(EIO, true);
}

static void nothing_is_lost_when_the_disk_is_full_for_a_moment(void **state)
{
    (void)state;
    sweep(ENOSPC, false);
}

static void nothing_is_lost_when_the_disk_stays_full(void **state)
{
    (void)state;
    sweep(ENOSPC, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_when_a_call_fails_once),
        cmocka_unit_test(nothing_is_lost_when_all_calls_fail_from_one_on),
        cmocka_unit_test(nothing_is_lost_when_the_disk_is_full_for_a_moment),
        cmocka_unit_test(nothing_is_lost_when_the_disk_stays_full),
    };
    return cmocka_run_group_tests_name("cleaner_faults", tests, NULL, NULL);
}
