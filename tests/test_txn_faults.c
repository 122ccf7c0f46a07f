/* Aborted transactions and failures: whatever call fails, and however the broker ends, the index of what was aborted
 * says what the batches of the log say, no more and no less; and so does the last stable offset.
 *
 * Three producers write transactions over several segments and end them in turn. The k-th call on files fails, once or
 * for good, for k = 1, 2, ... until none does. Then the broker stops, dies, or the power goes; the log is loaded again
 * and its batches are read one by one, which tells what the index has to hold. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"

#include "protocol/bytes.h"
#include "storage/log_internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define PRODUCERS   3
#define STEPS       40
#define CALLS_MAX   2000
#define ABORTED_MAX 200

enum ending { STOPS, DIES, LOSES_POWER, ENDINGS };

struct run {
    struct memory_io *memory;
    struct log_fixture f;
    int32_t sequences[PRODUCERS];
    bool clean;
    bool fired; /* the fault happened in the first life */
};

/* What was aborted, by the batches or by the index. */
struct truth {
    struct aborted_txn aborted[ABORTED_MAX];
    int count;
    int64_t open[PRODUCERS]; /* first offset; -1: none */
};

static void add(struct truth *truth, int64_t producer_id, int64_t first_offset, int64_t last_offset)
{
    assert_in_range(truth->count, 0, ABORTED_MAX - 1);
    truth->aborted[truth->count++] =
        (struct aborted_txn){.producer_id = producer_id, .first_offset = first_offset, .last_offset = last_offset};
}

static bool note_batch(void *context, const struct record_batch *batch)
{
    struct truth *truth = context;
    int64_t *open = &truth->open[batch->producer_id - 1];
    if (!(batch->attributes & BATCH_CONTROL)) {
        if (*open < 0)
            *open = batch->base_offset;
        return true;
    }
    struct record_iterator iterator;
    struct record marker;
    record_iterator_init(&iterator, batch, batch->size_bytes, NULL);
    assert_true(record_iterator_next(&iterator, &marker));
    if (*open >= 0 && load_be16(marker.key.data + 2) == 0)
        add(truth, batch->producer_id, *open, batch->base_offset);
    *open = -1;
    record_iterator_release(&iterator);
    return true;
}

static bool note_indexed(void *context, const struct aborted_txn *txn)
{
    add(context, txn->producer_id, txn->first_offset, txn->last_offset);
    return true;
}

static void check(struct run *run)
{
    struct log *log = run->f.log;
    struct truth batches =
                     {
                         .open = {-1, -1, -1}
    },
                 indexed = {0};
    assert_int_equal(log_replay(log, 0, note_batch, &batches, NULL), 0);
    assert_int_equal(log_find_aborted(log, 0, INT64_MAX, note_indexed, &indexed, NULL), 0);
    assert_int_equal(indexed.count, batches.count);
    for (int i = 0; i < batches.count; i++) {
        assert_int_equal(indexed.aborted[i].producer_id, batches.aborted[i].producer_id);
        assert_int_equal(indexed.aborted[i].first_offset, batches.aborted[i].first_offset);
        assert_int_equal(indexed.aborted[i].last_offset, batches.aborted[i].last_offset);
    }
    int64_t stable = log_end_offset(log);
    for (int i = 0; i < PRODUCERS; i++)
        if (batches.open[i] >= 0 && batches.open[i] < stable)
            stable = batches.open[i];
    assert_int_equal(log_last_stable_offset(log), stable);
}

/* The log's life up to a stop, which some call may cut short. */
static void live(struct run *run)
{
    for (int i = 0; i < STEPS; i++) {
        int32_t number = i * 7 % PRODUCERS;
        struct batch_spec spec = {.producer_id = number + 1,
                                  .value_bytes = 60,
                                  .base_sequence = run->sequences[number],
                                  .attributes = BATCH_TRANSACTIONAL};
        if (log_fixture_append(&run->f, spec, NULL) == 0)
            run->sequences[number]++;
        if (i % 2 == 1) /* what fails leaves the transaction open */
            (void)log_fixture_append_marker(&run->f, (i / 2) % PRODUCERS + 1, 0, i % 3 == 0);
        if (i % 5 == 4)
            (void)test_pool_run(&run->f.pool);
        if (i % 10 == 9) { /* the recovery point goes to the disk: what lies below is trusted */
            run->f.now_ms += run->f.options.recovery_point_interval_ms;
            (void)log_store_tick(run->f.store, run->f.now_ms);
            (void)test_pool_run(&run->f.pool);
        }
    }
}

static bool open_log(struct run *run)
{
    return log_fixture_open(&run->f, run->clean) == 0 && log_load(run->f.log, NULL) == 0;
}

static void end(struct run *run, enum ending ending, uint64_t seed)
{
    run->clean = ending == STOPS && run->f.store != NULL && log_fixture_close(&run->f) == 0;
    log_fixture_crash(&run->f);
    run->fired = run->fired || memory_io_fault_fired(run->memory);
    if (ending == LOSES_POWER)
        memory_io_power_cut(run->memory, seed);
}

/* One life with a fault, one without. Returns whether the fault happened. */
static bool live_with_fault(int k, int error, bool for_good, enum ending ending)
{
    struct run run = {.memory = memory_io_new(), .clean = true};
    log_fixture_init(&run.f, memory_io_files(run.memory), "/data");
    run.f.config.segment_bytes = 900;
    run.f.config.index_interval_bytes = 200;
    memory_io_fail(run.memory, CALL_ANY, k, error, for_good);
    if (open_log(&run))
        live(&run);
    end(&run, ending, (uint64_t)k);
    memory_io_fail(run.memory, CALL_ANY, 0, 0, false);
    assert_true(open_log(&run));
    check(&run);
    end(&run, DIES, 0); /* recovers all of it once more */
    assert_true(open_log(&run));
    check(&run);
    log_fixture_crash(&run.f);
    memory_io_free(run.memory);
    return run.fired;
}

static void index_says_what_the_batches_say_after_any_failure(void **state)
{
    (void)state;
    static const int errors[] = {EIO, ENOSPC};
    for (size_t e = 0; e < COUNT_OF(errors); e++)
        for (int for_good = 0; for_good < 2; for_good++)
            for (int ending = 0; ending < ENDINGS; ending++) {
                int k = 1;
                while (k < CALLS_MAX && live_with_fault(k, errors[e], for_good == 1, (enum ending)ending))
                    k++;
                assert_in_range(k, 50, CALLS_MAX - 1);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_says_what_the_batches_say_after_any_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
