/* Every failure point of a log: the k-th call on files fails, once or for good, for k = 1, 2, ... until no fault
 * happens any more. After each the broker dies, or the power goes with it, in several of the ways that a power cut may
 * end; then the log is loaded again, and tests/lib/log_history.h says what must hold.
 *
 *     scenario, its k-th call fails ---> the process dies ---> load, check
 *                                  \---> the power goes, seed 0, 1, ... ---> load, check
 *
 * Each failure has its number and seed in its message. FAULT_SEEDS in the environment sets how many power cuts follow
 * each fault, and lets no call be left out (make faults); otherwise it is every FAULT_STRIDE-th. */
#include "lib/log_history.h"
#include "lib/memory_io.h"

#include "storage/log_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define FAULTS_MAX          5000
#define FAULT_SEEDS_DEFAULT 3
#define FAULT_STRIDE        3
#define LOG_FILE            "/data/t-0/00000000000000000000.log"

struct run {
    struct memory_io *memory;
    struct log_fixture fixture;
    struct log_history history;
    bool clean; /* the last stop was */
};

static uint64_t power_seeds(void)
{
    const char *text = getenv("FAULT_SEEDS");
    return text != NULL ? strtoull(text, NULL, 10) : FAULT_SEEDS_DEFAULT;
}

/* ---- lives ------------------------------------------------------------------------------------------------------ */

static void run_init(struct run *run)
{
    *run = (struct run){.memory = memory_io_new(), .clean = true};
    log_fixture_init(&run->fixture, memory_io_files(run->memory), "/data");
    run->fixture.config.segment_bytes = 1500;
    run->fixture.config.index_interval_bytes = 200;
    run->fixture.options.open_files_max = 3; /* so that files are closed and opened again */
    history_init(&run->history, &run->fixture);
}

/* A run that goes on as `run` would; both must be stopped. */
static void run_copy(struct run *copy, const struct run *run)
{
    *copy = *run;
    copy->memory = memory_io_copy(run->memory);
    copy->fixture.files = copy->fixture.options.files = memory_io_files(copy->memory);
    test_pool_init(&copy->fixture.pool);
    copy->history.fixture = &copy->fixture;
}

static void run_release(struct run *run)
{
    assert_int_equal(memory_io_open_count(run->memory), 0);
    memory_io_free(run->memory);
}

/* Start, load, and see that all is there. False when a call failed. */
static bool start(struct run *run)
{
    if (log_fixture_open(&run->fixture, run->clean) != 0 || log_load(run->fixture.log, NULL) != 0)
        return false;
    run->clean = false;
    return true;
}

static void stop(struct run *run)
{
    if (log_fixture_close(&run->fixture) == 0) {
        run->clean = true;
        run->history.flushed_end = run->history.answered_end;
    }
}

static void die(struct run *run)
{
    memory_io_fail(run->memory, 0, 0, 0, false);
    log_fixture_crash(&run->fixture);
}

static void cut_power(struct run *run, uint64_t seed)
{
    memory_io_power_cut(run->memory, seed);
    run->history.power_lost = true;
}

static void pass_time(struct run *run, int64_t ms)
{
    run->fixture.now_ms += ms;
    (void)log_store_tick(run->fixture.store, run->fixture.now_ms);
    (void)test_pool_run(&run->fixture.pool);
}

/* Damage to what was synced is the disk's, and is reported as an error; here the disk keeps what it was told to. */
static bool blames_disk(const char *reports)
{
    return reports[0] == '2' || strstr(reports, "\n2 ") != NULL;
}

/* A start without faults must find everything, say nothing after a clean stop, and go on. */
static void check_after(struct run *run)
{
    bool clean = run->clean;
    run->fixture.config.retention_ms = run->fixture.config.retention_bytes = -1;
    assert_true(start(run));
    if (clean)
        assert_string_equal(run->fixture.reports, ""); /* indexes too are as they were left */
    if (run->history.forgotten == 0) /* a deleted log of this name may still stand in the checkpoints */
        assert_false(blames_disk(run->fixture.reports));
    assert_int_equal(history_check(&run->history), 0);
    history_check_use(&run->history);
    assert_int_equal(log_fixture_close(&run->fixture), 0);
}

/* ---- sweeps ----------------------------------------------------------------------------------------------------- */

struct sweep {
    struct run begun, run, after;    /* before the scenario, in it, and started again */
    char at[128];                    /* what is tried, for the message when it fails */
    void (*before)(struct run *run); /* without faults; may be NULL */
    void (*scenario)(struct run *run);
};

/* Returns false when the scenario ended before the k-th call. */
static bool sweep_fault(struct sweep *sweep, const struct fault_kind *kind, int k)
{
    struct run *run = &sweep->run, *after = &sweep->after;
    run_copy(run, &sweep->begun);
    memory_io_fail(run->memory, CALL_ANY, k, kind->error, kind->for_good);
    sweep->scenario(run);
    bool fired = memory_io_fault_fired(run->memory);
    die(run);
    for (uint64_t i = 0; i <= power_seeds(); i++) {
        uint64_t seed = i == 1 ? 0 : i * 1000003 + (uint64_t)k; /* 0: all is lost */
        run_copy(after, run);
        if (i > 0)
            cut_power(after, seed);
        snprintf(sweep->at, sizeof sweep->at, "call %d fails with %s, then the %s, seed %" PRIu64, k, kind->name,
                 i > 0 ? "power goes" : "process dies", seed);
        check_after(after);
        run_release(after);
    }
    run_release(run);
    return fired;
}

static int setup(void **state)
{
    *state = xcalloc(1, sizeof(struct sweep));
    return 0;
}

static int teardown(void **state)
{
    struct sweep *sweep = *state;
    if (sweep->at[0] != '\0')
        print_message("%s\n%s", sweep->at, sweep->after.fixture.reports);
    free(sweep);
    return 0;
}

static void sweep_all(struct sweep *sweep)
{
    run_init(&sweep->begun);
    if (sweep->before != NULL)
        sweep->before(&sweep->begun);
    for (size_t i = 0; i < COUNT_OF(fault_kinds); i++) {
        int k = 1;
        while (sweep_fault(sweep, &fault_kinds[i], k)) {
            k += getenv("FAULT_SEEDS") != NULL ? 1 : FAULT_STRIDE;
            assert_in_range(k, 1, FAULTS_MAX);
        }
    }
    run_release(&sweep->begun);
    sweep->at[0] = '\0';
}

/* ---- scenarios -------------------------------------------------------------------------------------------------- */

/* Appends over several rolls with flushes and checkpoints in between, then a clean stop. */
static void appends(struct run *run)
{
    if (!start(run))
        return;
    for (int i = 0; i < 24; i++) {
        run->history.leader_epoch = i / 10;
        (void)history_append(&run->history);
        if (i % 7 == 1)
            (void)history_flush(&run->history);
        if (i % 5 == 4)
            pass_time(run, 60000);
    }
    stop(run);
}

/* The same with flush.messages=1: an append is answered when it is on the disk. */
static void flushed_appends(struct run *run)
{
    run->fixture.config.flush_messages = 1;
    if (!start(run))
        return;
    for (int i = 0; i < 12; i++)
        if (history_append(&run->history) == 0 && log_wants_flush(run->fixture.log))
            (void)history_flush(&run->history);
    assert_true(log_is_offline(run->fixture.log) || run->history.flushed_end == run->history.answered_end);
    stop(run);
}

static void append_some(struct run *run, int count)
{
    for (int i = 0; i < count; i++)
        (void)history_append(&run->history);
}

/* Segments go by size, then all of them by time, and their files later. */
static void retention(struct run *run)
{
    if (!start(run))
        return;
    append_some(run, 14);
    run->fixture.config.retention_bytes = 2000;
    run->history.may_start = run->history.answered_end;
    pass_time(run, 31000);
    append_some(run, 2);
    (void)history_flush(&run->history);
    run->fixture.config.retention_ms = 1000;
    run->history.may_start = run->history.answered_end;
    pass_time(run, 400000);
    append_some(run, 2);
    pass_time(run, 100000);
    stop(run);
}

/* DeleteRecords, of what was flushed and of what was not. */
static void raised_start(struct run *run)
{
    if (!start(run))
        return;
    for (int i = 0; i < 4; i++) {
        append_some(run, 6);
        if (i % 2 == 0)
            (void)history_flush(&run->history);
        if (run->history.answered_end < 2)
            continue;
        run->history.may_start = run->history.answered_end - 2;
        if (log_raise_start(run->fixture.log, run->history.may_start, NULL) != 0)
            continue;
        pass_time(run, 61000);
    }
    stop(run);
}

/* A topic is deleted, and another one of its name made: nothing of the old one may show. */
static void deletion(struct run *run)
{
    if (!start(run))
        return;
    append_some(run, 8);
    if (history_flush(&run->history) != 0) /* whose folder it is may be lost then */
        return;
    run->history.may_start = run->history.answered_end;
    if (log_raise_start(run->fixture.log, run->history.answered_end, NULL) != 0)
        return;
    pass_time(run, 61000); /* the checkpoints know it */
    log_delete(run->fixture.log, run->fixture.now_ms);
    history_forget(&run->history);
    run->fixture.topic_id.bytes[0]++;
    run->fixture.log = log_new(run->fixture.store, "t", 0, run->fixture.topic_id, &run->fixture.config);
    append_some(run, 4);
    (void)history_flush(&run->history);
    append_some(run, 4);
    pass_time(run, 61000);
    stop(run);
}

/* What is there when a broker died, or the power went, in the middle of appends. */
static void died(struct run *run)
{
    assert_true(start(run));
    append_some(run, 9);
    assert_int_equal(history_flush(&run->history), 0);
    append_some(run, 9);
    die(run);
}

static void lost_power(struct run *run)
{
    died(run);
    cut_power(run, 4);
}

/* Recovery, and what follows it. */
static void recovery(struct run *run)
{
    if (!start(run) || history_check(&run->history) != 0)
        return;
    append_some(run, 3);
    (void)history_flush(&run->history);
    append_some(run, 3);
    stop(run);
}

static void log_keeps_what_it_answered_when_an_append_fails(void **state)
{
    struct sweep *sweep = *state;
    sweep->scenario = appends;
    sweep_all(sweep);
}

static void log_keeps_every_answer_when_each_is_flushed_first(void **state)
{
    struct sweep *sweep = *state;
    sweep->scenario = flushed_appends;
    sweep_all(sweep);
}

static void log_keeps_what_it_answered_when_retention_fails(void **state)
{
    struct sweep *sweep = *state;
    sweep->scenario = retention;
    sweep_all(sweep);
}

static void log_keeps_what_it_answered_when_delete_records_fails(void **state)
{
    struct sweep *sweep = *state;
    sweep->scenario = raised_start;
    sweep_all(sweep);
}

static void deleted_log_never_shows_again_when_its_deletion_fails(void **state)
{
    struct sweep *sweep = *state;
    sweep->scenario = deletion;
    sweep_all(sweep);
}

static void log_keeps_what_it_answered_when_recovery_fails_after_a_crash(void **state)
{
    struct sweep *sweep = *state;
    sweep->before = died;
    sweep->scenario = recovery;
    sweep_all(sweep);
}

static void log_keeps_what_it_answered_when_recovery_fails_after_a_power_cut(void **state)
{
    struct sweep *sweep = *state;
    sweep->before = lost_power;
    sweep->scenario = recovery;
    sweep_all(sweep);
}

/* ---- single faults ---------------------------------------------------------------------------------------------- */

/* A full disk refuses appends and nothing else: reads go on, and space heals it. */
static void log_heals_when_space_comes_back(void **state)
{
    (void)state;
    struct run run;
    run_init(&run);
    assert_true(start(&run));
    append_some(&run, 1);
    for (int64_t capacity = 300; capacity < 4000; capacity += 100) {
        memory_io_set_capacity(run.memory, capacity);
        while (log_fixture_append(&run.fixture, (struct batch_spec){.value_bytes = 100}, NULL) == 0)
            ;
        assert_false(log_is_offline(run.fixture.log));
        assert_int_equal(log_fixture_count_records(&run.fixture, 1000), log_end_offset(run.fixture.log));
    }
    memory_io_set_capacity(run.memory, -1);
    assert_int_equal(history_append(&run.history), 0);
    stop(&run);
    assert_true(run.clean);
    run_release(&run);
}

/* A refused append leaves no bytes behind: the file ends with a whole batch. */
static void log_cuts_back_a_short_write(void **state)
{
    (void)state;
    struct run run;
    run_init(&run);
    assert_true(start(&run));
    append_some(&run, 1);
    int64_t before = memory_io_size(run.memory, LOG_FILE);
    memory_io_fail(run.memory, CALL_PWRITE, 1, ENOSPC, false);
    assert_int_equal(history_append(&run.history), STORAGE_NO_SPACE);
    assert_int_equal(memory_io_size(run.memory, LOG_FILE), before);
    int64_t end = run.history.answered_end;
    append_some(&run, 3); /* the sequences did not move */
    assert_int_equal(run.history.batches[2].base_offset, end);
    assert_true(run.history.batches[4].base_offset > 0);
    stop(&run);
    run_release(&run);
}

/* Writes may be short for no reason at all. */
static void log_goes_on_when_every_write_is_short(void **state)
{
    (void)state;
    struct run run;
    run_init(&run);
    memory_io_write_at_most(run.memory, 7);
    appends(&run);
    assert_true(run.clean);
    check_after(&run);
    run_release(&run);
}

/* After a failed sync nobody knows what the disk holds: the log answers nothing more, and the stop is not clean. */
static void log_goes_offline_when_a_sync_fails(void **state)
{
    (void)state;
    struct run run;
    struct log_slice slice;
    run_init(&run);
    assert_true(start(&run));
    append_some(&run, 1);
    memory_io_fail(run.memory, CALL_SYNC, 1, EIO, false);
    assert_int_equal(history_flush(&run.history), STORAGE_IO);
    assert_true(log_is_offline(run.fixture.log));
    assert_int_equal(history_append(&run.history), STORAGE_OFFLINE);
    assert_int_equal(log_read(run.fixture.log, 0, 1000, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL),
                     STORAGE_OFFLINE);
    assert_int_equal(history_flush(&run.history), STORAGE_OFFLINE);
    assert_non_null(strstr(run.fixture.reports, "2 Log is offline"));
    stop(&run);
    assert_false(run.clean);
    run_release(&run);
}

#define SWEEP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SWEEP(log_keeps_what_it_answered_when_an_append_fails),
        SWEEP(log_keeps_every_answer_when_each_is_flushed_first),
        SWEEP(log_keeps_what_it_answered_when_retention_fails),
        SWEEP(log_keeps_what_it_answered_when_delete_records_fails),
        SWEEP(deleted_log_never_shows_again_when_its_deletion_fails),
        SWEEP(log_keeps_what_it_answered_when_recovery_fails_after_a_crash),
        SWEEP(log_keeps_what_it_answered_when_recovery_fails_after_a_power_cut),
        cmocka_unit_test(log_heals_when_space_comes_back),
        cmocka_unit_test(log_cuts_back_a_short_write),
        cmocka_unit_test(log_goes_on_when_every_write_is_short),
        cmocka_unit_test(log_goes_offline_when_a_sync_fails),
    };
    return cmocka_run_group_tests_name("log_faults", tests, NULL, NULL);
}
