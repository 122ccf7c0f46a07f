/* See log_history.h.
 *
 * Each append is another batch, told from all others by its timestamp, also a refused one: so a batch that is found in
 * the log is one of the history, or the test fails. One that was refused may be there all the same, behind all that was
 * answered, where a failure came after the write. */
#include "log_history.h"

#include "protocol/record_batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define READ_BYTES 600

struct flush_wait {
    struct log_flush flush;
    int status; /* 1: not answered */
};

/* The number of a batch's producer, -1: none, or one that writes no more. */
static int producer_of(const struct log_history *history, const struct batch_spec *spec)
{
    return spec->producer_id >= history->first_producer_id ? (int)(spec->producer_id - history->first_producer_id) : -1;
}

/* From now on other producers write. */
static void change_producers(struct log_history *history)
{
    history->first_producer_id += HISTORY_PRODUCERS;
    memset(history->sequences, 0, sizeof history->sequences);
}

void history_init(struct log_history *history, struct log_fixture *fixture)
{
    *history = (struct log_history){.fixture = fixture, .first_producer_id = 4711};
}

static struct batch_spec next_batch(const struct log_history *history)
{
    int i = history->count;
    struct batch_spec spec = {
        .records = 1 + i % 3,
        .value_bytes = 20 + i * 37 % 300,
        .timestamp_ms = LOG_FIXTURE_NOW_MS + i * HISTORY_BATCH_MS,
        .leader_epoch = history->leader_epoch,
    };
    if (i % HISTORY_PLAIN_BATCHES != HISTORY_PLAIN_BATCHES - 1) {
        int producer = i % HISTORY_PRODUCERS;
        spec.producer_id = history->first_producer_id + producer;
        spec.base_sequence = history->sequences[producer];
    }
    return spec;
}

int history_append(struct log_history *history)
{
    assert_in_range(history->count, 0, HISTORY_BATCHES_MAX - 1);
    struct history_batch *batch = &history->batches[history->count];
    struct log_append append;
    size_t size;
    *batch = (struct history_batch){.spec = next_batch(history), .base_offset = -1};
    uint8_t *bytes = log_fixture_batch(history->fixture, batch->spec, &size);
    batch->crc = load_be32(bytes + BATCH_CRC_START - 4);
    free(bytes);
    history->count++;
    int error = log_fixture_append(history->fixture, batch->spec, &append);
    if (error != 0)
        return error;
    assert_false(append.duplicate);
    batch->base_offset = append.base_offset;
    history->answered_end = append.last_offset + 1;
    int producer = producer_of(history, &batch->spec);
    if (producer >= 0)
        history->sequences[producer] += batch->spec.records;
    return 0;
}

static void flush_done(struct log_flush *flush, int status)
{
    CONTAINER_OF(flush, struct flush_wait, flush)->status = status;
}

int history_flush(struct log_history *history)
{
    struct flush_wait wait = {.flush.done = flush_done, .status = 1};
    int64_t end = history->answered_end;
    log_flush(history->fixture->log, &wait.flush);
    assert_int_equal(wait.status, 1); /* never from inside */
    (void)test_pool_run(&history->fixture->pool);
    assert_int_not_equal(wait.status, 1);
    if (wait.status == 0)
        history->flushed_end = end;
    return wait.status;
}

void history_forget(struct log_history *history)
{
    history->forgotten = history->count;
    history->answered_end = history->flushed_end = history->may_start = 0;
    history->gaps_count = 0;
    change_producers(history);
}

/* ---- checking -------------------------------------------------------------------------------------------------- */

struct check {
    struct log_history *history;
    bool found[HISTORY_BATCHES_MAX], found_any;
    int64_t next_offset;
    int64_t promised_end;
    int number; /* the next batch is this one or a later one */
};

/* Is there a gap between two batches that may be? A power cut may take the end of a segment that was not synced and
 * leave the next one; the gap stays. Where retention deletes, one segment may go and an older one be back. What the log
 * knows of producers with batches in it is as good as what it has. */
static bool gap_allowed(struct log_history *history, int64_t from, int64_t to, int64_t promised_end)
{
    for (int i = 0; i < history->gaps_count; i++)
        if (history->gaps[i].from == from && history->gaps[i].to >= to)
            return true;
    bool lost = history->power_lost && from >= promised_end, deleted = to <= history->may_start;
    if (from > to || !(lost || deleted))
        return false;
    assert_in_range(history->gaps_count, 0, HISTORY_GAPS_MAX - 1);
    history->gaps[history->gaps_count].from = from;
    history->gaps[history->gaps_count++].to = to;
    change_producers(history);
    return true;
}

static bool check_batch(void *context, const struct record_batch *batch)
{
    struct check *check = context;
    struct log_history *history = check->history;
    int64_t number = (batch->base_timestamp_ms - LOG_FIXTURE_NOW_MS) / HISTORY_BATCH_MS;
    if (check->found_any || batch->base_offset > check->next_offset) /* the log may start inside its first batch */
        assert_true(batch->base_offset == check->next_offset ||
                    gap_allowed(history, check->next_offset, batch->base_offset, check->promised_end));
    assert_true(record_batch_crc_ok(batch));
    assert_in_range(number, check->number, history->count - 1);
    struct history_batch *known = &history->batches[number];
    assert_int_equal(batch->crc, known->crc);
    assert_int_equal(batch->leader_epoch, known->spec.leader_epoch);
    assert_int_equal(log_epoch_at(history->fixture->log, record_batch_last_offset(batch)), batch->leader_epoch);
    if (batch->base_offset < history->answered_end)
        assert_int_equal(known->base_offset, batch->base_offset);
    known->base_offset = batch->base_offset;
    check->found[number] = check->found_any = true;
    check->number = (int)number + 1;
    check->next_offset = record_batch_last_offset(batch) + 1;
    history->records += batch->record_count;
    return true;
}

/* What is not in the log any more was lost with the power; retention took what lies below its start. */
static void take_over(struct log_history *history, const struct check *check, int64_t start)
{
    memset(history->sequences, 0, sizeof history->sequences);
    for (int i = history->forgotten; i < history->count; i++) {
        struct history_batch *batch = &history->batches[i];
        if (!check->found[i] && batch->base_offset >= start)
            batch->base_offset = -1;
        int producer = producer_of(history, &batch->spec);
        if (producer >= 0 && batch->base_offset >= 0)
            history->sequences[producer] = batch->spec.base_sequence + batch->spec.records;
    }
    history->answered_end = log_end_offset(history->fixture->log);
    if (history->flushed_end > history->answered_end)
        history->flushed_end = history->answered_end;
    if (history->power_lost && start > 0) /* what was lost below the start cannot be seen */
        change_producers(history);
    history->power_lost = false;
}

int history_check(struct log_history *history)
{
    struct log *log = history->fixture->log;
    int64_t start = log_start_offset(log),
            promised = history->power_lost ? history->flushed_end : history->answered_end;
    struct check check = {
        .history = history, .next_offset = start, .promised_end = promised, .number = history->forgotten};
    history->records = 0;
    if (start > history->may_start) /* as a gap, at the start */
        assert_true(gap_allowed(history, history->may_start, start, promised));
    int error = log_replay(log, start, check_batch, &check, NULL);
    if (error < 0)
        return error;
    assert_true(check.next_offset == log_end_offset(log) ||
                gap_allowed(history, check.next_offset, log_end_offset(log), promised));
    assert_true(log_end_offset(log) >= promised);
    take_over(history, &check, start);
    return 0;
}

void history_check_use(struct log_history *history)
{
    struct log_fixture *fixture = history->fixture;
    assert_int_equal(log_fixture_count_records(fixture, READ_BYTES), history->records);
    for (int producer = 0; producer < HISTORY_PRODUCERS; producer++) {
        int last = history->count - 1;
        while (last >= history->forgotten && (history->batches[last].base_offset < 0 ||
                                              producer_of(history, &history->batches[last].spec) != producer))
            last--;
        if (last < history->forgotten)
            continue;
        struct log_append append;
        assert_int_equal(log_fixture_append(fixture, history->batches[last].spec, &append), 0);
        assert_true(append.duplicate);
        assert_int_equal(append.base_offset, history->batches[last].base_offset);
    }
    history->leader_epoch++;
    int64_t end = log_end_offset(fixture->log);
    assert_int_equal(history_append(history), 0);
    assert_int_equal(history->batches[history->count - 1].base_offset, end);
    assert_int_equal(log_epoch_at(fixture->log, end), history->leader_epoch);
}
