/* Compaction: which records of a log stay, which log is compacted and when, and that nothing gets lost on the way.
 * Files are in memory, the clock and the pool are the test's. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"
#include "storage/cleaning.h"

#include <errno.h>
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

static void append_batch(struct cleaner_test *test, struct batch_spec spec)
{
    assert_int_equal(log_fixture_append(&test->fixture, spec, NULL), 0);
}

static void append(struct cleaner_test *test, const char *text)
{
    append_batch(test, (struct batch_spec){.text = text});
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
        if (test_pool_run(&fixture->pool) > 0)
            continue;
        fixture->now_ms = next_ms > fixture->now_ms && next_ms < end_ms ? next_ms : end_ms;
    }
    (void)log_store_tick(fixture->store, fixture->now_ms);
    (void)test_pool_run(&fixture->pool);
}

static void clean(struct cleaner_test *test)
{
    pass(test, test->fixture.cleaner.backoff_ms);
}

/* Append one more segment and compact what was there before. */
static void roll_and_clean(struct cleaner_test *test)
{
    roll(test);
    clean(test);
}

static const char *text_of(struct cleaner_test *test)
{
    return log_fixture_text(&test->fixture);
}

static bool reported(const struct cleaner_test *test, const char *text)
{
    return strstr(test->fixture.reports, text) != NULL;
}

static bool exists(struct cleaner_test *test, const char *name)
{
    char path[STORAGE_PATH_MAX];
    snprintf(path, sizeof path, FOLDER "%s", name);
    return memory_io_exists(test->memory, path);
}

/* The broker stops and starts. */
static void restart(struct cleaner_test *test)
{
    assert_int_equal(log_fixture_close(&test->fixture), 0);
    assert_int_equal(log_fixture_open(&test->fixture, true), 0);
}

/* The batch at `position` of a .log file. */
static struct record_batch batch_in(struct cleaner_test *test, const char *name, size_t position)
{
    char path[STORAGE_PATH_MAX];
    size_t size;
    struct record_batch batch;
    snprintf(path, sizeof path, FOLDER "%s", name);
    const uint8_t *bytes = memory_io_bytes(test->memory, path, &size);
    assert_non_null(bytes);
    assert_true(position < size);
    assert_int_equal(record_batch_view(&batch, bytes + position, size - position), BATCH_OK);
    return batch;
}

#define FIRST_LOG "00000000000000000000.log"

/* ---- which records stay -------------------------------------------------------------------------------------------- */

static void the_newest_record_of_each_key_stays(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1 b=1 a=2");
    append(test, "c=1 a=3");
    roll_and_clean(test);
    append(test, "d=1");
    assert_string_equal(text_of(test), "1:b=1 3:c=1 4:a=3 5:d=1");
}

static void what_is_in_the_active_segment_is_not_compacted(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1");
    roll(test);
    append(test, "a=2 a=3");
    clean(test);
    assert_string_equal(text_of(test), "0:a=1 1:a=2 2:a=3");
}

static void a_record_without_a_key_goes(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1 =1 b=1");
    roll_and_clean(test);
    append(test, "a=2");
    assert_string_equal(text_of(test), "0:a=1 2:b=1 3:a=2");
}

static void a_batch_that_keeps_all_its_records_is_copied_as_it_is(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1");
    append_batch(test, (struct batch_spec){.text = "b=1 c=1", .leader_epoch = 3, .codec = CODEC_LZ4});
    append(test, "a=2");
    struct record_batch whole = batch_in(test, FIRST_LOG, 0);
    struct record_batch before = batch_in(test, FIRST_LOG, (size_t)whole.size_bytes);
    uint8_t *copy = xmalloc((size_t)before.size_bytes);
    memcpy(copy, before.bytes, (size_t)before.size_bytes);
    roll_and_clean(test);
    struct record_batch after = batch_in(test, FIRST_LOG, 0);
    assert_int_equal(after.size_bytes, before.size_bytes);
    assert_memory_equal(after.bytes, copy, (size_t)after.size_bytes);
    free(copy);
}

/* Consumers, the sequence check and the leader epochs go by the header. */
static void what_is_left_of_a_batch_keeps_offsets_sequence_and_epochs(void **state)
{
    struct cleaner_test *test = *state;
    append_batch(test,
                 (struct batch_spec){.text = "a=1 b=1 c=1", .leader_epoch = 7, .producer_id = 5, .base_sequence = 0});
    append(test, "a=2 c=2");
    struct record_batch before = batch_in(test, FIRST_LOG, 0);
    roll_and_clean(test);
    struct record_batch after = batch_in(test, FIRST_LOG, 0);
    assert_int_equal(after.record_count, 1);
    assert_int_equal(after.base_offset, 0);
    assert_int_equal(after.last_offset_delta, before.last_offset_delta);
    assert_int_equal(after.base_sequence, before.base_sequence);
    assert_int_equal(after.leader_epoch, 7);
    assert_int_equal(after.producer_id, 5);
    assert_int_equal(after.max_timestamp_ms, before.base_timestamp_ms + 1); /* of the record that is left */
}

static void compressed_batches_are_compacted_and_keep_their_codec(void **state)
{
    struct cleaner_test *test = *state;
    for (int codec = CODEC_GZIP; codec < CODEC_COUNT; codec++)
        append_batch(test, (struct batch_spec){.text = "a=1 b=1 c=1", .codec = (enum codec)codec});
    append_batch(test, (struct batch_spec){.text = "a=2 b=2", .codec = CODEC_ZSTD});
    append(test, "b=3");
    roll_and_clean(test);
    append(test, "d=1");
    assert_string_equal(text_of(test), "11:c=1 12:a=2 14:b=3 15:d=1");
    assert_int_equal(record_batch_codec(&(struct record_batch){.attributes = batch_in(test, FIRST_LOG, 0).attributes}),
                     CODEC_ZSTD);
}

/* KIP-534: the first compaction that meets a tombstone dates it, a later one removes it. */
static void a_tombstone_goes_when_its_delete_horizon_has_passed(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1");
    append(test, "a b=1");
    int64_t cleaned_ms = test->fixture.now_ms + test->fixture.cleaner.backoff_ms;
    roll_and_clean(test);
    assert_string_equal(text_of(test), "1:a 2:b=1");
    struct record_batch batch = batch_in(test, FIRST_LOG, 0);
    assert_true(batch.attributes & BATCH_DELETE_HORIZON);
    assert_int_equal(batch.base_timestamp_ms, cleaned_ms + test->fixture.config.delete_retention_ms);

    append(test, "c=1");
    roll_and_clean(test);
    assert_string_equal(text_of(test), "1:a 2:b=1 3:c=1");
    pass(test, test->fixture.config.delete_retention_ms);
    append(test, "d=1");
    roll_and_clean(test);
    assert_string_equal(text_of(test), "2:b=1 3:c=1 4:d=1");
}

/* With the horizon in place of the base timestamp, records keep the timestamps that they had. */
static void records_beside_a_tombstone_keep_their_timestamps(void **state)
{
    struct cleaner_test *test = *state;
    append_batch(test, (struct batch_spec){.text = "a b=1", .timestamp_ms = 1600000000000});
    roll_and_clean(test);
    struct log_found found;
    assert_int_equal(
        log_find_timestamp(test->fixture.log, 1600000000001, ISOLATION_READ_UNCOMMITTED, NULL, &found, NULL), 0);
    assert_int_equal(found.offset, 1);
    assert_int_equal(found.timestamp_ms, 1600000000001);
}

/* A restart must find the sequence that comes next. */
static void the_last_batch_of_a_producer_stays_without_records(void **state)
{
    struct cleaner_test *test = *state;
    append_batch(test, (struct batch_spec){.text = "a=1", .producer_id = 5, .base_sequence = 0});
    append_batch(test, (struct batch_spec){.text = "a=2", .producer_id = 5, .base_sequence = 1});
    append(test, "a=3");
    roll_and_clean(test);
    append(test, "b=1");
    assert_string_equal(text_of(test), "[1-1] 2:a=3 3:b=1");

    log_fixture_crash(&test->fixture);
    assert_int_equal(log_fixture_open(&test->fixture, false), 0);
    struct log_append append;
    struct batch_spec again = {.text = "a=2", .producer_id = 5, .base_sequence = 1};
    assert_int_equal(log_fixture_append(&test->fixture, again, &append), 0);
    assert_true(append.duplicate);
    assert_int_equal(append.base_offset, 1);
}

/* ---- transactions -------------------------------------------------------------------------------------------------- */

#define TXN(records, sequence)                                                                                         \
    ((struct batch_spec){                                                                                              \
        .text = records, .producer_id = 5, .base_sequence = sequence, .attributes = BATCH_TRANSACTIONAL})

static void end_transaction(struct cleaner_test *test, bool commit)
{
    assert_int_equal(log_fixture_append_marker(&test->fixture, 5, 0, commit), 0);
}

static void aborted_records_go_at_once_and_do_not_hide_older_ones(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1");
    append_batch(test, TXN("a=2 b=2", 0));
    end_transaction(test, false);
    append_batch(test, TXN("c=1", 2)); /* so that the aborted batch is not the producer's last */
    end_transaction(test, true);
    roll_and_clean(test);
    assert_string_equal(text_of(test), "0:a=1 3!abort 4:c=1 5!commit");
}

static void the_marker_of_a_transaction_without_records_goes_a_delete_horizon_later(void **state)
{
    struct cleaner_test *test = *state;
    append_batch(test, TXN("a=1", 0));
    end_transaction(test, false);
    append_batch(test, TXN("b=1", 1));
    end_transaction(test, true);
    roll_and_clean(test); /* the data goes; the marker was needed until now */
    append(test, "c=1");
    roll_and_clean(test); /* the marker is dated */
    assert_string_equal(text_of(test), "1!abort 2:b=1 3!commit 4:c=1");
    assert_true(batch_in(test, FIRST_LOG, 0).attributes & BATCH_DELETE_HORIZON);
    pass(test, test->fixture.config.delete_retention_ms);
    append(test, "d=1");
    roll_and_clean(test);
    assert_string_equal(text_of(test), "2:b=1 3!commit 4:c=1 5:d=1");
}

static void a_commit_marker_stays_as_long_as_there_is_a_record_of_its_transaction(void **state)
{
    struct cleaner_test *test = *state;
    append_batch(test, TXN("a=1", 0));
    end_transaction(test, true);
    append_batch(test, TXN("b=1", 1));
    end_transaction(test, true);
    append(test, "a=2");
    for (int i = 0; i < 3; i++) {
        append(test, i == 0 ? "c=1" : i == 1 ? "c=2" : "c=3");
        roll_and_clean(test);
        pass(test, test->fixture.config.delete_retention_ms);
    }
    assert_string_equal(text_of(test), "2:b=1 3!commit 4:a=2 7:c=3");
}

static bool note_transaction(void *context, const struct aborted_txn *txn)
{
    char *text = context;
    size_t length = strlen(text);
    snprintf(text + length, 200 - length, "%d-%d ", (int)txn->first_offset, (int)txn->last_offset);
    return true;
}

static void the_transaction_index_keeps_what_has_a_marker_still(void **state)
{
    struct cleaner_test *test = *state;
    append_batch(test, TXN("a=1", 0));
    end_transaction(test, false);
    append_batch(test, TXN("a=2", 1)); /* the producer's last one: kept empty, so its abort stays known */
    end_transaction(test, false);
    append(test, "b=1");
    for (int i = 0; i < 2; i++) {
        roll_and_clean(test);
        append(test, "b=2");
    }
    char text[200] = "";
    assert_string_equal(text_of(test), "1!abort [2-2] 3!abort 5:b=2 6:b=2");
    assert_int_equal(log_find_aborted(test->fixture.log, 0, 100, note_transaction, text, NULL), 0);
    assert_string_equal(text, "2-3 ");
    restart(test);
    text[0] = '\0';
    (void)text_of(test);
    assert_int_equal(log_find_aborted(test->fixture.log, 0, 100, note_transaction, text, NULL), 0);
    assert_string_equal(text, "2-3 ");
}

/* The dirty part is walked without what came before it, so its markers are not met. */
static void a_transaction_that_was_aborted_in_the_clean_part_is_over(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1");
    append_batch(test, TXN("b=1", 0));
    end_transaction(test, false);
    roll_and_clean(test);
    append_batch(test, TXN("a=2", 1));
    end_transaction(test, true);
    roll_and_clean(test);
    assert_string_equal(text_of(test), "2!abort 3:a=2 4!commit");
}

static void what_lies_behind_an_open_transaction_is_not_compacted(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1 a=2");
    roll(test);
    append_batch(test, TXN("b=1", 0));
    append(test, "a=3");
    roll(test);
    append(test, "a=4");
    clean(test);
    assert_string_equal(text_of(test), "1:a=2 2:b=1 3:a=3 4:a=4");
    end_transaction(test, true);
    clean(test);
    assert_string_equal(text_of(test), "2:b=1 3:a=3 4:a=4 5!commit");
}

/* ---- which logs, and when ------------------------------------------------------------------------------------------ */

static void a_log_is_compacted_above_the_dirty_ratio(void **state)
{
    struct cleaner_test *test = *state;
    test->fixture.config.min_cleanable_dirty_ratio = 0.5;
    append(test, "a=1 a=2 b=1");
    roll_and_clean(test);
    append(test, "b=2");
    roll_and_clean(test); /* half as much is dirty as is clean */
    assert_string_equal(text_of(test), "1:a=2 2:b=1 3:b=2");
    append(test, "c=1");
    roll_and_clean(test);
    assert_string_equal(text_of(test), "1:a=2 3:b=2 4:c=1");
}

static void a_young_segment_waits_for_the_least_compaction_lag(void **state)
{
    struct cleaner_test *test = *state;
    test->fixture.config.min_compaction_lag_ms = 3600000;
    append(test, "a=1 a=2");
    roll(test);
    pass(test, 3000000);
    append(test, "a=3");
    roll(test);
    clean(test);
    assert_string_equal(text_of(test), "0:a=1 1:a=2 2:a=3");
    pass(test, 700000);
    assert_string_equal(text_of(test), "1:a=2 2:a=3");
}

static void an_old_segment_does_not_wait_for_the_dirty_ratio(void **state)
{
    struct cleaner_test *test = *state;
    test->fixture.config.min_cleanable_dirty_ratio = 1;
    test->fixture.config.max_compaction_lag_ms = 3600000;
    append(test, "a=1 a=2");
    roll_and_clean(test);
    assert_string_equal(text_of(test), "0:a=1 1:a=2");
    pass(test, 3600000);
    append(test, "a=3");
    assert_string_equal(text_of(test), "1:a=2 2:a=3");
}

/* The active segment is never compacted, so it must not stay active for longer. */
static void a_segment_rolls_in_time_for_the_most_compaction_lag(void **state)
{
    struct cleaner_test *test = *state;
    test->fixture.config.max_compaction_lag_ms = 3600000;
    append(test, "a=1");
    pass(test, 3600000);
    append(test, "a=2");
    assert_int_equal(test->fixture.log->segments_count, 1);
    pass(test, 1);
    append(test, "a=3");
    assert_int_equal(test->fixture.log->segments_count, 2);
}

static void the_dirtiest_log_is_compacted_first(void **state)
{
    struct cleaner_test *test = *state;
    struct log_fixture *fixture = &test->fixture;
    struct log *logs[2] = {fixture->log, log_new(fixture->store, "u", 0, (struct kp_uuid){{9}}, &fixture->config)};
    append(test, "a=1 a=2");
    roll_and_clean(test); /* "t" has a clean part, "u" will have none */
    for (int i = 0; i < 2; i++) {
        fixture->log = logs[i];
        append(test, "b=1 b=2");
        roll(test);
    }
    clean(test);
    const char *first = strstr(fixture->reports, "topic=u"),
               *second = strstr(fixture->reports, "topic=t partition=0 from=2");
    assert_non_null(first);
    assert_non_null(second);
    assert_true(first < second);
    fixture->log = logs[0];
}

static void a_log_that_was_not_used_since_the_start_is_compacted_as_well(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1");
    roll(test);
    append(test, "a=2");
    roll(test);
    append(test, "b=1");
    restart(test);
    clean(test);
    assert_true(reported(test, "Compacted log topic=t partition=0"));
    assert_string_equal(text_of(test), "1:a=2 2:b=1");
}

static void nothing_is_compacted_while_the_cleaner_is_off(void **state)
{
    struct cleaner_test *test = *state;
    test->fixture.cleaner.enable = false;
    append(test, "a=1 a=2");
    roll_and_clean(test);
    assert_string_equal(text_of(test), "0:a=1 1:a=2");
    test->fixture.cleaner.enable = true;
    clean(test);
    assert_string_equal(text_of(test), "1:a=2");
}

static void a_topic_is_compacted_from_when_it_is_turned_to_compact(void **state)
{
    struct cleaner_test *test = *state;
    test->fixture.config.cleanup_compact = false;
    test->fixture.config.cleanup_delete = true;
    append(test, "a=1 a=2 =1");
    roll_and_clean(test);
    assert_string_equal(text_of(test), "0:a=1 1:a=2 2:=1");
    test->fixture.config.cleanup_compact = true;
    clean(test);
    assert_string_equal(text_of(test), "1:a=2");
}

static void retention_applies_to_a_compacted_topic_that_also_deletes(void **state)
{
    struct cleaner_test *test = *state;
    test->fixture.config.cleanup_delete = true;
    test->fixture.config.retention_ms = 3600000;
    append(test, "a=1");
    test->fixture.config.segment_bytes = (int32_t)test->fixture.log->segments[0]->size_bytes; /* nothing is merged */
    roll(test);
    pass(test, 3000000);
    append(test, "b=1");
    roll(test);
    append(test, "c=1");
    pass(test, 700000);
    assert_string_equal(text_of(test), "1:b=1 2:c=1");
    assert_int_equal(log_start_offset(test->fixture.log), 1);
}

/* ---- how far -------------------------------------------------------------------------------------------------------- */

static void neighbouring_segments_are_merged_while_they_fit(void **state)
{
    struct cleaner_test *test = *state;
    for (int i = 0; i < 6; i++) {
        append(test, "a=1 b=1");
        roll(test);
    }
    test->fixture.config.segment_bytes = (int32_t)test->fixture.log->segments[0]->size_bytes * 3;
    clean(test);
    assert_int_equal(test->fixture.log->segments_count, 3); /* of 6: two, and the active one */
    assert_int_equal(test->fixture.log->segments[1]->base_offset, 6);
    assert_string_equal(text_of(test), "10:a=1 11:b=1");
}

static void a_full_map_leaves_the_rest_to_the_next_round(void **state)
{
    struct cleaner_test *test = *state;
    test->fixture.cleaner.dedupe_buffer_bytes = 3 * OFFSET_MAP_SLOT_BYTES; /* two keys */
    append(test, "a=1 b=1 a=2 c=1");
    append(test, "d=1 b=2 a=3 c=2");
    roll(test);
    (void)log_store_tick(test->fixture.store, test->fixture.now_ms += test->fixture.cleaner.backoff_ms);
    (void)test_pool_run(&test->fixture.pool);
    assert_true(reported(test, "from=0 to=2"));
    clean(test);
    assert_string_equal(text_of(test), "4:d=1 5:b=2 6:a=3 7:c=2");
}

static void how_far_a_log_is_clean_is_kept_in_kafkas_checkpoint(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1 a=2");
    roll_and_clean(test);
    pass(test, 1);
    size_t size;
    const uint8_t *text = memory_io_bytes(test->memory, "/data/cleaner-offset-checkpoint", &size);
    assert_non_null(text);
    assert_int_equal(size, strlen("0\n1\nt 0 2\n"));
    assert_memory_equal(text, "0\n1\nt 0 2\n", size);
    append(test, "b=1");
    restart(test);
    assert_string_equal(text_of(test), "1:a=2 2:b=1");
    assert_int_equal(test->fixture.log->cleaned_offset, 2);
}

static void a_checkpoint_beyond_the_log_end_counts_for_nothing(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1 a=2");
    roll(test);
    append(test, "b=1");
    assert_int_equal(log_fixture_close(&test->fixture), 0);
    memory_io_put(test->memory, "/data/cleaner-offset-checkpoint", "0\n1\nt 0 99\n", 11);
    assert_int_equal(log_fixture_open(&test->fixture, true), 0);
    clean(test);
    assert_true(reported(test, "beyond the log end"));
    assert_string_equal(text_of(test), "1:a=2 2:b=1");
}

/* ---- beside everything else ---------------------------------------------------------------------------------------- */

static void compaction_keeps_to_its_bytes_a_second(void **state)
{
    struct cleaner_test *test = *state;
    struct log_fixture *fixture = &test->fixture;
    fixture->cleaner.io_bytes_per_second_max = 64 * 1024;
    for (int i = 0; i < 8; i++)
        append_batch(test, (struct batch_spec){.value_bytes = 32 * 1024});
    roll(test);
    append(test, "a=1");
    int64_t began_ms = fixture->now_ms + fixture->cleaner.backoff_ms;
    clean(test);
    assert_false(reported(test, "Compacted log"));
    while (!reported(test, "Compacted log"))
        pass(test, 100);
    int64_t took_ms = fixture->now_ms - began_ms; /* 256 KiB are read twice */
    assert_in_range(took_ms, 6500, 8500);
}

static void a_reader_goes_on_with_the_segment_that_it_began(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1 a=2");
    roll(test);
    append(test, "b=1");
    struct log_slice slice;
    assert_int_equal(log_read(test->fixture.log, 0, 1000, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL), 0);
    uint8_t before[200], after[200];
    assert_true(slice.size_bytes <= (int32_t)sizeof before);
    assert_int_equal(log_slice_read(&slice, 0, before, (size_t)slice.size_bytes), 0);
    clean(test);
    assert_string_equal(text_of(test), "1:a=2 2:b=1");
    pass(test, test->fixture.config.file_delete_delay_ms);
    assert_int_equal(log_slice_read(&slice, 0, after, (size_t)slice.size_bytes), 0);
    assert_memory_equal(before, after, (size_t)slice.size_bytes);
    log_slice_release(&slice);
    pass(test, 2000);
    assert_false(exists(test, FIRST_LOG ".deleted"));
}

/* A snapshot belongs to the segment that begins where it was taken. */
static void snapshots_inside_a_merged_segment_go(void **state)
{
    struct cleaner_test *test = *state;
    for (int i = 0; i < 3; i++) {
        append(test, "a=1");
        roll(test);
    }
    assert_true(exists(test, "00000000000000000002.snapshot"));
    clean(test);
    assert_false(exists(test, "00000000000000000001.snapshot"));
    assert_false(exists(test, "00000000000000000002.snapshot"));
    assert_true(exists(test, "00000000000000000003.snapshot"));
    assert_false(exists(test, "00000000000000000001.log"));
    assert_false(exists(test, FIRST_LOG ".swap"));
}

/* Retention of records without timestamps goes by the time of the file. */
static void a_compacted_segment_has_the_time_of_the_newest_source(void **state)
{
    struct cleaner_test *test = *state;
    struct file_io *io = test->fixture.files;
    append(test, "a=1");
    roll(test);
    append(test, "b=1");
    roll(test);
    struct file *file;
    assert_int_equal(io->open(io, FOLDER "00000000000000000001.log", FILE_WRITE, &file), 0);
    assert_int_equal(io->set_modified(io, file, 1234567890123), 0);
    io->close(io, file);
    clean(test);
    struct file_stat info;
    assert_int_equal(io->stat(io, FOLDER FIRST_LOG, &info), 0);
    assert_int_equal(info.modified_ms, 1234567890123);
}

/* ---- trouble --------------------------------------------------------------------------------------------------------- */

static void a_damaged_batch_stops_the_compaction_of_its_log_alone(void **state)
{
    struct cleaner_test *test = *state;
    struct log_fixture *fixture = &test->fixture;
    struct log *damaged = fixture->log;
    append(test, "a=1 a=2");
    roll(test);
    append(test, "a=3");
    size_t size;
    memory_io_bytes(test->memory, FOLDER FIRST_LOG, &size)[size - 2] ^= 1;
    fixture->log = log_new(fixture->store, "u", 0, (struct kp_uuid){{9}}, &fixture->config);
    append(test, "b=1 b=2");
    roll(test);
    clean(test);
    clean(test);
    assert_true(reported(test,
                         "cannot be compacted, and is not until a restart topic=t partition=0 reason=\"A batch has "
                         "the wrong checksum\" base_offset=0"));
    assert_string_equal(text_of(test), "1:b=2");
    assert_false(log_is_offline(damaged));
    assert_false(exists(test, FIRST_LOG ".cleaned"));
    fixture->log = damaged;
    append(test, "a=4");
}

static void a_full_disk_puts_compaction_off(void **state)
{
    struct cleaner_test *test = *state;
    append(test, "a=1 a=2");
    roll(test);
    append(test, "b=1");
    memory_io_fail(test->memory, CALL_PWRITE, 1, ENOSPC, true);
    clean(test);
    memory_io_fail(test->memory, CALL_PWRITE, 0, 0, false);
    assert_true(reported(test, "Log could not be compacted, and is tried again"));
    assert_false(exists(test, FIRST_LOG ".cleaned"));
    assert_string_equal(text_of(test), "0:a=1 1:a=2 2:b=1");
    clean(test);
    assert_string_equal(text_of(test), "1:a=2 2:b=1");
}

/* Whichever file cannot be made: what was swapped before is whole. */
static void a_file_that_cannot_be_made_puts_compaction_off(void **state)
{
    bool fired = true;
    for (int k = 1; fired; k++) {
        void *own;
        assert_int_equal(setup(&own), 0);
        struct cleaner_test *test = own;
        test->fixture.config.segment_bytes = 100; /* a segment for each batch, and none of them fit together */
        append(test, "a=1");
        append(test, "b=1");
        append(test, "a=2");
        append(test, "c=1");
        (void)test_pool_run(&test->fixture.pool); /* the syncs */
        memory_io_fail(test->memory, CALL_OPEN, k, ENOSPC, false);
        clean(test);
        fired = memory_io_fault_fired(test->memory);
        memory_io_fail(test->memory, 0, 0, 0, false);
        assert_false(log_is_offline(test->fixture.log));
        clean(test);
        assert_string_equal(text_of(test), "1:b=1 2:a=2 3:c=1");
        (void)teardown(&own);
    }
    (void)state;
}

/* A log of three segments whose compaction takes several jobs, of which `jobs` were done. False: it was over before. */
static bool clean_partly(struct cleaner_test *test, int jobs)
{
    struct log_fixture *fixture = &test->fixture;
    append(test, "a=1 b=1");
    roll(test);
    append(test, "a=2 c=1");
    roll(test);
    append(test, "d=1");
    (void)test_pool_run(&fixture->pool);
    fixture->now_ms += fixture->cleaner.backoff_ms;
    (void)log_store_tick(fixture->store, fixture->now_ms);
    while (jobs-- > 0)
        if (!test_pool_run_first(&fixture->pool))
            return false;
    return fixture->store->cleaner.cleaning != NULL;
}

#define TEXT_BEFORE "0:a=1 1:b=1 2:a=2 3:c=1 4:d=1"
#define TEXT_AFTER  "1:b=1 2:a=2 3:c=1 4:d=1"

/* Run `body` with a compaction interrupted after 0, 1, 2, ... jobs, until it is over by then. */
static void at_each_job(void **state, void (*body)(struct cleaner_test *test))
{
    int jobs = 0;
    for (bool interrupted = true; interrupted; jobs++) {
        struct cleaner_test *test = *state;
        interrupted = clean_partly(test, jobs);
        body(test);
        (void)teardown(state);
        (void)setup(state);
    }
    assert_in_range(jobs, 6, 20);
}

static void delete_and_forget(struct cleaner_test *test)
{
    struct log_fixture *fixture = &test->fixture;
    log_delete(fixture->log, fixture->now_ms);
    struct kp_uuid id = {
        {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
    }; /* as log_fixture_open() */
    fixture->log = log_new(fixture->store, "t", 0, id, &fixture->config);
    append(test, "z=1");
    (void)test_pool_run(&fixture->pool);
    assert_null(fixture->store->cleaner.cleaning);
    clean(test);
    assert_false(exists(test, FIRST_LOG ".cleaned"));
    assert_false(exists(test, FIRST_LOG ".swap"));
    assert_string_equal(text_of(test), "0:z=1");
    restart(test);
    assert_string_equal(text_of(test), "0:z=1");
}

static void a_topic_may_be_deleted_at_any_point_of_its_compaction(void **state)
{
    at_each_job(state, delete_and_forget);
}

/* As main.c does it: the pool's jobs are canceled, then the broker is told. */
static void stop_and_start(struct cleaner_test *test)
{
    struct log_fixture *fixture = &test->fixture;
    test_pool_cancel(&fixture->pool);
    log_store_stop(fixture->store);
    assert_int_equal(log_fixture_close(fixture), 0);
    assert_false(exists(test, FIRST_LOG ".cleaned"));
    assert_false(exists(test, FIRST_LOG ".swap"));
    assert_int_equal(log_fixture_open(fixture, true), 0);
    const char *text = text_of(test);
    assert_true(strcmp(text, TEXT_BEFORE) == 0 || strcmp(text, TEXT_AFTER) == 0);
    clean(test);
    assert_string_equal(text_of(test), TEXT_AFTER);
}

static void the_broker_may_stop_at_any_point_of_a_compaction(void **state)
{
    at_each_job(state, stop_and_start);
}

static void turn_to_delete(struct cleaner_test *test)
{
    struct log_fixture *fixture = &test->fixture;
    fixture->config.cleanup_compact = false;
    fixture->config.cleanup_delete = true;
    clean(test);
    assert_null(fixture->store->cleaner.cleaning);
    assert_false(exists(test, FIRST_LOG ".cleaned"));
    assert_false(exists(test, FIRST_LOG ".swap"));
    const char *text = text_of(test);
    assert_true(strcmp(text, TEXT_BEFORE) == 0 || strcmp(text, TEXT_AFTER) == 0);
}

static void a_topic_may_be_turned_to_delete_at_any_point_of_its_compaction(void **state)
{
    at_each_job(state, turn_to_delete);
}

/* The broker dies, and nothing of what it had begun is tidied up. */
static void die(struct cleaner_test *test)
{
    test->fixture.log->state = LOG_OFFLINE;
    log_fixture_crash(&test->fixture);
}

/* With all that it has written in the page cache. */
static void die_and_start(struct cleaner_test *test)
{
    struct log_fixture *fixture = &test->fixture;
    die(test);
    assert_int_equal(log_fixture_open(fixture, false), 0);
    const char *text = text_of(test);
    assert_true(strcmp(text, TEXT_BEFORE) == 0 || strcmp(text, TEXT_AFTER) == 0);
    assert_false(exists(test, FIRST_LOG ".swap"));
    append(test, "e=1");
    clean(test);
}

static void a_crash_at_any_point_of_a_compaction_loses_nothing(void **state)
{
    at_each_job(state, die_and_start);
}

/* All that was appended is on the disk before the compaction begins; then nothing of it may be lost by a power cut. */
static void lose_power_and_start(struct cleaner_test *test)
{
    struct log_fixture *fixture = &test->fixture;
    static uint64_t seed = 1;
    die(test);
    memory_io_power_cut(test->memory, seed++);
    assert_int_equal(log_fixture_open(fixture, false), 0);
    const char *text = text_of(test);
    assert_true(strcmp(text, TEXT_BEFORE) == 0 || strcmp(text, TEXT_AFTER) == 0);
    assert_false(exists(test, FIRST_LOG ".swap"));
}

static void a_power_cut_at_any_point_of_a_compaction_loses_nothing(void **state)
{
    struct cleaner_test *test = *state;
    for (int round = 0; round < 20; round++) {
        test = *state;
        test->fixture.config.flush_messages = 1;
        at_each_job(state, lose_power_and_start);
    }
}

/* The load that finishes a swap takes the same care as the swap: the power goes again behind it. */
static void finish_and_lose_power(struct cleaner_test *test)
{
    struct log_fixture *fixture = &test->fixture;
    static uint64_t seed = 1;
    die(test);
    assert_int_equal(log_fixture_open(fixture, false), 0);
    (void)text_of(test);
    log_fixture_crash(fixture);
    memory_io_power_cut(test->memory, seed++);
    assert_int_equal(log_fixture_open(fixture, false), 0);
    const char *text = text_of(test);
    assert_true(strcmp(text, TEXT_BEFORE) == 0 || strcmp(text, TEXT_AFTER) == 0);
}

static void a_power_cut_after_a_load_that_finished_a_swap_loses_nothing(void **state)
{
    for (int round = 0; round < 40; round++)
        at_each_job(state, finish_and_lose_power);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_newest_record_of_each_key_stays),
        TEST(what_is_in_the_active_segment_is_not_compacted),
        TEST(a_record_without_a_key_goes),
        TEST(a_batch_that_keeps_all_its_records_is_copied_as_it_is),
        TEST(what_is_left_of_a_batch_keeps_offsets_sequence_and_epochs),
        TEST(compressed_batches_are_compacted_and_keep_their_codec),
        TEST(a_tombstone_goes_when_its_delete_horizon_has_passed),
        TEST(records_beside_a_tombstone_keep_their_timestamps),
        TEST(the_last_batch_of_a_producer_stays_without_records),
        TEST(aborted_records_go_at_once_and_do_not_hide_older_ones),
        TEST(the_marker_of_a_transaction_without_records_goes_a_delete_horizon_later),
        TEST(a_commit_marker_stays_as_long_as_there_is_a_record_of_its_transaction),
        TEST(the_transaction_index_keeps_what_has_a_marker_still),
        TEST(a_transaction_that_was_aborted_in_the_clean_part_is_over),
        TEST(what_lies_behind_an_open_transaction_is_not_compacted),
        TEST(a_log_is_compacted_above_the_dirty_ratio),
        TEST(a_young_segment_waits_for_the_least_compaction_lag),
        TEST(an_old_segment_does_not_wait_for_the_dirty_ratio),
        TEST(a_segment_rolls_in_time_for_the_most_compaction_lag),
        TEST(the_dirtiest_log_is_compacted_first),
        TEST(a_log_that_was_not_used_since_the_start_is_compacted_as_well),
        TEST(nothing_is_compacted_while_the_cleaner_is_off),
        TEST(a_topic_is_compacted_from_when_it_is_turned_to_compact),
        TEST(retention_applies_to_a_compacted_topic_that_also_deletes),
        TEST(neighbouring_segments_are_merged_while_they_fit),
        TEST(a_full_map_leaves_the_rest_to_the_next_round),
        TEST(how_far_a_log_is_clean_is_kept_in_kafkas_checkpoint),
        TEST(a_checkpoint_beyond_the_log_end_counts_for_nothing),
        TEST(compaction_keeps_to_its_bytes_a_second),
        TEST(a_reader_goes_on_with_the_segment_that_it_began),
        TEST(snapshots_inside_a_merged_segment_go),
        TEST(a_compacted_segment_has_the_time_of_the_newest_source),
        TEST(a_damaged_batch_stops_the_compaction_of_its_log_alone),
        TEST(a_full_disk_puts_compaction_off),
        cmocka_unit_test(a_file_that_cannot_be_made_puts_compaction_off),
        TEST(a_topic_may_be_deleted_at_any_point_of_its_compaction),
        TEST(the_broker_may_stop_at_any_point_of_a_compaction),
        TEST(a_topic_may_be_turned_to_delete_at_any_point_of_its_compaction),
        TEST(a_crash_at_any_point_of_a_compaction_loses_nothing),
        TEST(a_power_cut_at_any_point_of_a_compaction_loses_nothing),
        TEST(a_power_cut_after_a_load_that_finished_a_swap_loses_nothing),
    };
    return cmocka_run_group_tests_name("cleaner", tests, NULL, NULL);
}
