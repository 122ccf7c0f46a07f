/* Every failure point of a log: the k-th call on files fails, once or for good, for k = 1, 2, ... until no fault
 * happens any more. After each, the broker dies, or the power goes with it, and the log is loaded again. What must hold
 * then:
 *
 *   - every batch whose append was answered is there, unchanged and at its offset (after a power cut: every one that a
 *     flush or a clean stop had confirmed);
 *   - checksums are right, and offsets have no gaps (but where unflushed records were lost with the power);
 *   - the log can be appended to, and a producer that repeats its last batch is answered with the old offset. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define BATCHES     24
#define FAULTS_MAX  2000
#define POWER_SEEDS 4
#define PRODUCER_ID 4711

struct run {
    struct memory_io *memory;
    struct log_fixture fixture;
    struct log_flush flush;
    int flush_status; /* 1: not answered */
    /* what was answered */
    int64_t offsets[BATCHES + 1]; /* of batch i; -1: refused */
    int64_t acked_end, flushed_end;
    int32_t sequence;
    bool clean;
};

static void flush_done(struct log_flush *flush, int status)
{
    CONTAINER_OF(flush, struct run, flush)->flush_status = status;
}

static struct batch_spec nth_batch(const struct run *run, int i)
{
    return (struct batch_spec){
        .records = 1 + i % 3,
        .value_bytes = 20 + i * 37 % 300,
        .timestamp_ms = LOG_FIXTURE_NOW_MS + i * 1000,
        .leader_epoch = i / 10,
        .producer_id = PRODUCER_ID,
        .base_sequence = run->sequence,
    };
}

static void append_nth(struct run *run, int i)
{
    struct log_append append;
    struct batch_spec spec = nth_batch(run, i);
    run->offsets[i] = -1;
    if (log_fixture_append(&run->fixture, spec, &append) == 0) {
        run->offsets[i] = append.base_offset;
        run->acked_end = append.last_offset + 1;
        run->sequence += spec.records;
    }
}

static void flush(struct run *run)
{
    int64_t end = run->acked_end;
    run->flush_status = 1;
    run->flush.done = flush_done;
    log_flush(run->fixture.log, &run->flush);
    assert_int_equal(run->flush_status, 1); /* never from inside */
    (void)log_fixture_run_jobs(&run->fixture);
    assert_int_not_equal(run->flush_status, 1);
    if (run->flush_status == 0)
        run->flushed_end = end;
}

/* Open, append over several rolls with flushes and checkpoints in between, stop cleanly. */
static void scenario(struct run *run)
{
    if (log_fixture_open(&run->fixture, true) != 0)
        return;
    for (int i = 0; i < BATCHES; i++) {
        append_nth(run, i);
        if (i % 7 == 1)
            flush(run);
        if (i % 5 == 4) {
            run->fixture.now_ms += 60000;
            (void)log_store_tick(run->fixture.store, run->fixture.now_ms);
            (void)log_fixture_run_jobs(&run->fixture);
        }
    }
    if (log_fixture_close(&run->fixture) == 0) {
        run->clean = true;
        run->flushed_end = run->acked_end;
    }
}

static void run_init(struct run *run)
{
    *run = (struct run){.memory = memory_io_new()};
    log_fixture_init(&run->fixture, memory_io_files(run->memory), "/data");
    run->fixture.config.segment_bytes = 1500;
    run->fixture.config.index_interval_bytes = 200;
    run->fixture.options.open_files_max = 3; /* so that files are closed and opened again */
}

struct check {
    struct run *run;
    int64_t promised_end;
    int64_t next_offset;
    int64_t records;
    int next_batch;
};

/* Each batch in the log is the next one that was answered, or one at the end that was not. */
static bool check_batch(void *context, const struct record_batch *batch)
{
    struct check *check = context;
    int i = (int)((batch->base_timestamp_ms - LOG_FIXTURE_NOW_MS) / 1000);
    assert_true(batch->base_offset == check->next_offset ||
                (batch->base_offset > check->next_offset && check->next_offset >= check->promised_end));
    assert_true(record_batch_crc_ok(batch));
    assert_in_range(i, check->next_batch, BATCHES);
    if (batch->base_offset < check->run->acked_end)
        assert_int_equal(check->run->offsets[i], batch->base_offset);
    check->next_offset = record_batch_last_offset(batch) + 1;
    check->next_batch = i + 1;
    check->records += batch->record_count;
    return true;
}

static void check_after(struct run *run, int64_t promised_end)
{
    struct log_fixture *fixture = &run->fixture;
    assert_int_equal(log_fixture_open(fixture, run->clean), 0);
    assert_int_equal(log_load(fixture->log, NULL), 0);
    if (run->clean)
        assert_string_equal(fixture->reports, ""); /* indexes too are as they were left */
    struct check check = {.run = run, .promised_end = promised_end};
    assert_int_equal(log_replay(fixture->log, 0, check_batch, &check, NULL), 0);
    assert_int_equal(check.next_offset, log_end_offset(fixture->log));
    assert_true(check.next_offset >= promised_end);
    assert_int_equal(log_fixture_count_records(fixture, 600), check.records);
    if (check.next_offset == run->acked_end && run->acked_end > 0) { /* the last answered batch, once more */
        int last = BATCHES - 1;
        while (run->offsets[last] < 0)
            last--;
        struct log_append append;
        struct batch_spec spec = nth_batch(run, last);
        spec.base_sequence = run->sequence - spec.records;
        assert_int_equal(log_fixture_append(fixture, spec, &append), 0);
        assert_true(append.duplicate);
        assert_int_equal(append.base_offset, run->offsets[last]);
    }
    int64_t end = log_end_offset(fixture->log);
    assert_int_equal(log_fixture_append(fixture, (struct batch_spec){.leader_epoch = 99}, NULL), 0);
    assert_int_equal(log_end_offset(fixture->log), end + 1);
    assert_int_equal(log_epoch_at(fixture->log, end), 99);
    assert_int_equal(log_fixture_close(fixture), 0);
    assert_int_equal(memory_io_open_count(run->memory), 0);
}

/* Returns false when the scenario ended before the k-th call. */
static bool run_with_fault(int k, int error, bool for_good, uint64_t power_seed, bool power_cut)
{
    struct run run;
    run_init(&run);
    memory_io_fail(run.memory, CALL_ANY, k, error, for_good);
    scenario(&run);
    bool fired = memory_io_fault_fired(run.memory);
    memory_io_fail(run.memory, 0, 0, 0, false);
    log_fixture_crash(&run.fixture);
    if (power_cut)
        memory_io_power_cut(run.memory, power_seed);
    check_after(&run, power_cut ? run.flushed_end : run.acked_end);
    memory_io_free(run.memory);
    return fired;
}

static void run_all(int error, bool for_good)
{
    for (int k = 1; k < FAULTS_MAX; k++) {
        if (!run_with_fault(k, error, for_good, 0, false))
            return;
        for (uint64_t seed = 0; seed < POWER_SEEDS; seed++)
            (void)run_with_fault(k, error, for_good, seed * 1000003 + (seed > 0) * (uint64_t)k, true);
    }
    fail_msg("the scenario makes more calls than expected");
}

static void log_keeps_what_was_answered_when_one_call_fails(void **state)
{
    (void)state;
    run_all(EIO, false);
}

static void log_keeps_what_was_answered_when_the_disk_fails_for_good(void **state)
{
    (void)state;
    run_all(EIO, true);
}

static void log_keeps_what_was_answered_when_the_disk_is_full_for_one_call(void **state)
{
    (void)state;
    run_all(ENOSPC, false);
}

static void log_keeps_what_was_answered_when_the_disk_stays_full(void **state)
{
    (void)state;
    run_all(ENOSPC, true);
}

/* A full disk refuses appends and nothing else: reads go on, and space heals it. */
static void log_heals_when_space_comes_back(void **state)
{
    (void)state;
    struct run run;
    run_init(&run);
    assert_int_equal(log_fixture_open(&run.fixture, true), 0);
    append_nth(&run, 0);
    for (int64_t capacity = 300; capacity < 4000; capacity += 100) {
        memory_io_set_capacity(run.memory, capacity);
        while (log_fixture_append(&run.fixture, (struct batch_spec){.value_bytes = 100}, NULL) == 0)
            ;
        assert_false(log_is_offline(run.fixture.log));
        assert_int_equal(log_fixture_count_records(&run.fixture, 1000), log_end_offset(run.fixture.log));
    }
    memory_io_set_capacity(run.memory, -1);
    append_nth(&run, 1);
    assert_true(run.offsets[1] > 0);
    assert_int_equal(log_fixture_close(&run.fixture), 0);
    memory_io_free(run.memory);
}

/* A refused append leaves no bytes behind: the file ends with a whole batch. */
static void log_cuts_back_a_short_write(void **state)
{
    (void)state;
    struct run run;
    size_t size;
    run_init(&run);
    assert_int_equal(log_fixture_open(&run.fixture, true), 0);
    append_nth(&run, 0);
    int64_t before = memory_io_size(run.memory, "/data/t-0/00000000000000000000.log");
    memory_io_fail(run.memory, CALL_PWRITE, 1, ENOSPC, false);
    assert_int_equal(log_fixture_append(&run.fixture, nth_batch(&run, 1), NULL), STORAGE_NO_SPACE);
    assert_int_equal(memory_io_size(run.memory, "/data/t-0/00000000000000000000.log"), before);
    assert_non_null(memory_io_bytes(run.memory, "/data/t-0/00000000000000000000.log", &size));
    append_nth(&run, 2); /* the same sequence: the producer's state did not move */
    assert_int_equal(run.offsets[2], 1);
    assert_int_equal(log_fixture_close(&run.fixture), 0);
    memory_io_free(run.memory);
}

/* Writes may be short for no reason at all. */
static void log_goes_on_when_every_write_is_short(void **state)
{
    (void)state;
    struct run run;
    run_init(&run);
    memory_io_write_at_most(run.memory, 7);
    scenario(&run);
    assert_true(run.clean);
    check_after(&run, run.acked_end);
    memory_io_free(run.memory);
}

/* After a failed sync nobody knows what the disk holds: the log answers nothing more, and the stop is not clean. */
static void log_goes_offline_when_a_sync_fails(void **state)
{
    (void)state;
    struct run run;
    struct log_slice slice;
    run_init(&run);
    assert_int_equal(log_fixture_open(&run.fixture, true), 0);
    append_nth(&run, 0);
    memory_io_fail(run.memory, CALL_SYNC, 1, EIO, false);
    flush(&run);
    assert_int_equal(run.flush_status, STORAGE_IO);
    assert_true(log_is_offline(run.fixture.log));
    assert_int_equal(log_fixture_append(&run.fixture, nth_batch(&run, 1), NULL), STORAGE_OFFLINE);
    assert_int_equal(log_read(run.fixture.log, 0, 1000, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL),
                     STORAGE_OFFLINE);
    flush(&run);
    assert_int_equal(run.flush_status, STORAGE_OFFLINE);
    assert_non_null(strstr(run.fixture.reports, "2 Log is offline"));
    assert_int_equal(log_fixture_close(&run.fixture), STORAGE_OFFLINE);
    memory_io_free(run.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_keeps_what_was_answered_when_one_call_fails),
        cmocka_unit_test(log_keeps_what_was_answered_when_the_disk_fails_for_good),
        cmocka_unit_test(log_keeps_what_was_answered_when_the_disk_is_full_for_one_call),
        cmocka_unit_test(log_keeps_what_was_answered_when_the_disk_stays_full),
        cmocka_unit_test(log_heals_when_space_comes_back),
        cmocka_unit_test(log_cuts_back_a_short_write),
        cmocka_unit_test(log_goes_on_when_every_write_is_short),
        cmocka_unit_test(log_goes_offline_when_a_sync_fails),
    };
    return cmocka_run_group_tests_name("log_faults", tests, NULL, NULL);
}
