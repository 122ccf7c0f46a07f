/* Loading a log: what is found after a clean stop, after a crash, and after somebody meddled with the files. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"

#include "storage/log_internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define FOLDER "/data/t-0/"

struct load_test {
    struct memory_io *memory;
    struct log_fixture f;
};

/* A log of 40 batches in four segments or so, epochs 0 to 3, one idempotent producer, all flushed but the last segment.
 */
static void fill(struct load_test *test)
{
    int32_t sequence = 0;
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    for (int i = 0; i < 40; i++) {
        struct batch_spec spec = {.records = 2,
                                  .value_bytes = 100,
                                  .leader_epoch = i / 10,
                                  .timestamp_ms = LOG_FIXTURE_NOW_MS + i * 1000,
                                  .producer_id = 77,
                                  .base_sequence = sequence};
        assert_int_equal(log_fixture_append(&test->f, spec, NULL), 0);
        (void)test_pool_run(&test->f.pool);
        sequence += 2;
    }
    assert_true(test->f.log->segments_count >= 4);
}

static int setup(void **state)
{
    struct load_test *test = xcalloc(1, sizeof *test);
    test->memory = memory_io_new();
    log_fixture_init(&test->f, memory_io_files(test->memory), "/data");
    test->f.config.segment_bytes = 3000;
    test->f.config.index_interval_bytes = 500;
    fill(test);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct load_test *test = *state;
    log_fixture_crash(&test->f);
    memory_io_free(test->memory);
    free(test);
    return 0;
}

static void assert_reported(const struct load_test *test, const char *text)
{
    if (strstr(test->f.reports, text) == NULL)
        fail_msg("not reported: %s; but:\n%s", text, test->f.reports);
}

/* The path of a file of the last segment, or the n-th. */
static const char *segment_path(int64_t base_offset, const char *suffix)
{
    static char path[100];
    snprintf(path, sizeof path, FOLDER "%020lld%s", (long long)base_offset, suffix);
    return path;
}

/* A copy of a file's bytes, which fit `copy`. */
static size_t copy_file(struct load_test *test, const char *path, uint8_t *copy, size_t room)
{
    size_t size;
    const uint8_t *bytes = memory_io_bytes(test->memory, path, &size);
    assert_non_null(bytes);
    assert_in_range(size, 0, room);
    memcpy(copy, bytes, size);
    return size;
}

/* ---- clean ----------------------------------------------------------------------------------------------------- */

static void clean_load_scans_nothing_and_finds_everything(void **state)
{
    struct load_test *test = *state;
    log_fixture_reload(&test->f, true);
    assert_string_equal(test->f.reports, "");
    assert_int_equal(test->f.cuts, 0);
    assert_int_equal(log_end_offset(test->f.log), 80);
    assert_int_equal(test->f.log->recovery_point, 80);
    assert_int_equal(log_latest_epoch(test->f.log), 3);
    assert_int_equal(log_fixture_count_records(&test->f, 700), 80);
    struct log_found found;
    assert_int_equal(log_find_max_timestamp(test->f.log, NULL, &found, NULL), 0);
    assert_int_equal(found.offset, 79);
}

/* The last batch of the window of five survives a stop, in the snapshot. */
static void clean_load_knows_the_producers(void **state)
{
    struct load_test *test = *state;
    struct log_append append;
    log_fixture_reload(&test->f, true);
    struct batch_spec last = {.records = 2, .value_bytes = 100, .producer_id = 77, .base_sequence = 78};
    assert_int_equal(log_fixture_append(&test->f, last, &append), 0);
    assert_true(append.duplicate);
    assert_int_equal(append.base_offset, 78);
    last.base_sequence = 81;
    assert_int_equal(log_fixture_append(&test->f, last, &append), STORAGE_SEQUENCE_OUT_OF_ORDER);
}

/* A stop of a log that was only read writes nothing. */
static void clean_stop_of_an_unchanged_log_touches_no_file_of_it(void **state)
{
    struct load_test *test = *state;
    log_fixture_reload(&test->f, true);
    (void)log_fixture_count_records(&test->f, 1000);
    int64_t writes = memory_io_calls(test->memory, CALL_PWRITE), syncs = memory_io_calls(test->memory, CALL_SYNC);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_int_equal(memory_io_calls(test->memory, CALL_PWRITE) - writes, CHECKPOINT_KINDS);
    assert_int_equal(memory_io_calls(test->memory, CALL_SYNC) - syncs, 2 * CHECKPOINT_KINDS);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
}

static void clean_stop_leaves_a_snapshot_at_the_log_end(void **state)
{
    struct load_test *test = *state;
    log_fixture_reload(&test->f, true);
    assert_int_equal(log_fixture_append(&test->f, (struct batch_spec){.leader_epoch = 3}, NULL), 0);
    assert_int_equal(log_fixture_close(&test->f), 0);
    assert_true(memory_io_exists(test->memory, segment_path(81, ".snapshot")));
    log_fixture_start(&test->f, true);
}

/* What recovery made again is on the disk when the next stop says that it was clean. */
static void clean_stop_after_a_recovery_survives_a_power_cut(void **state)
{
    struct load_test *test = *state;
    log_fixture_reload(&test->f, true);
    log_fixture_reload(&test->f, false);
    log_fixture_stop(&test->f, true);
    memory_io_power_cut(test->memory, 0);
    log_fixture_start(&test->f, true);
    assert_string_equal(test->f.reports, "");
    assert_int_equal(log_fixture_count_records(&test->f, 900), 80);
}

static void clean_load_makes_a_missing_index_again(void **state)
{
    struct load_test *test = *state;
    uint8_t before[1000], after[1000];
    log_fixture_stop(&test->f, true);
    size_t size = copy_file(test, segment_path(0, ".index"), before, sizeof before);
    struct file_io *io = memory_io_files(test->memory);
    assert_int_equal(io->unlink(io, segment_path(0, ".index")), 0);
    log_fixture_start(&test->f, true);
    assert_reported(test, "1 Made indexes again that were missing or damaged");
    assert_int_equal(copy_file(test, segment_path(0, ".index"), after, sizeof after), size);
    assert_memory_equal(after, before, size);
    assert_int_equal(test->f.cuts, 0);
    assert_int_equal(log_fixture_count_records(&test->f, 700), 80);
}

static void clean_load_makes_an_odd_index_again(void **state)
{
    struct load_test *test = *state;
    const char *const suffixes[] = {".index", ".timeindex"};
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        log_fixture_stop(&test->f, true);
        memory_io_put(test->memory, segment_path(0, suffixes[i]), "odd", 3);
        log_fixture_start(&test->f, true);
        assert_reported(test, "1 Made indexes again that were missing or damaged");
        assert_int_equal(log_fixture_count_records(&test->f, 700), 80);
    }
}

/* An index is in no checksum: whatever its entries say, a read gives what was asked for. */
static void read_does_not_believe_a_damaged_index(void **state)
{
    struct load_test *test = *state;
    size_t size;
    log_fixture_reload(&test->f, true);
    uint8_t *index = memory_io_bytes(test->memory, segment_path(0, ".index"), &size);
    for (size_t at = 0; at < size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            index[at] ^= (uint8_t)(1 << bit);
            for (int64_t offset = 0; offset < 30; offset++) {
                int64_t first, next;
                assert_int_equal(log_fixture_read(&test->f, offset, 1, &first, &next), 2);
                assert_int_equal(first, offset - offset % 2);
            }
            index[at] ^= (uint8_t)(1 << bit);
        }
    }
}

/* A sealed segment was synced: damage in it is the disk's, and what lies behind is still good. */
static void clean_load_cuts_no_sealed_segment(void **state)
{
    struct load_test *test = *state;
    size_t size;
    struct file_io *io = memory_io_files(test->memory);
    log_fixture_stop(&test->f, true);
    uint8_t *log = memory_io_bytes(test->memory, segment_path(0, ".log"), &size);
    log[300] ^= 1;
    assert_int_equal(io->unlink(io, segment_path(0, ".index")), 0);
    log_fixture_start(&test->f, true);
    assert_reported(test, "2 Damaged batch in a sealed segment");
    assert_int_equal(memory_io_size(test->memory, segment_path(0, ".log")), size);
    assert_int_equal(log_end_offset(test->f.log), 80);
}

static void clean_load_recovers_an_active_segment_that_is_torn(void **state)
{
    struct load_test *test = *state;
    uint8_t copy[4000];
    int64_t base = log_active(test->f.log)->base_offset;
    log_fixture_stop(&test->f, true);
    size_t size = copy_file(test, segment_path(base, ".log"), copy, sizeof copy);
    memory_io_put(test->memory, segment_path(base, ".log"), copy, size - 5);
    log_fixture_start(&test->f, true);
    assert_reported(test, "does not add up");
    assert_reported(test, "1 Cut what was damaged");
    assert_int_equal(test->f.cuts, 1);
    assert_int_equal(log_end_offset(test->f.log), 78);
}

/* The rest looks whole; only the checkpoint knows. */
static void clean_load_notices_that_whole_batches_are_missing(void **state)
{
    struct load_test *test = *state;
    uint8_t copy[4000];
    struct segment *active = log_active(test->f.log);
    int64_t base = active->base_offset, position;
    assert_int_equal(segment_find(active, 78, &position), 0);
    assert_true(position > 0);
    log_fixture_stop(&test->f, true);
    (void)copy_file(test, segment_path(base, ".log"), copy, sizeof copy);
    memory_io_put(test->memory, segment_path(base, ".log"), copy, (size_t)position);
    log_fixture_start(&test->f, true);
    assert_reported(test, "2 Records are missing that were there at the last stop");
    assert_int_equal(test->f.cuts, 1);
    assert_int_equal(log_end_offset(test->f.log), 78);
    log_fixture_reload(&test->f, true); /* told once */
    assert_string_equal(test->f.reports, "");
    assert_int_equal(test->f.cuts, 1);
}

static void clean_load_notices_that_the_folder_is_missing(void **state)
{
    struct load_test *test = *state;
    log_fixture_stop(&test->f, true);
    struct file_io *io = memory_io_files(test->memory);
    assert_int_equal(io->rename(io, "/data/t-0", "/data/elsewhere"), 0);
    log_fixture_start(&test->f, true);
    assert_reported(test, "2 Records are missing that were there at the last stop");
    assert_int_equal(test->f.cuts, 1);
    assert_int_equal(log_end_offset(test->f.log), 0);
    log_fixture_reload(&test->f, true); /* told once */
    assert_int_equal(test->f.cuts, 1);
}

/* Nothing is served in the old epoch: as long as it cannot be raised the log cannot be loaded. */
static void load_fails_until_the_epoch_is_raised(void **state)
{
    struct load_test *test = *state;
    uint8_t copy[4000];
    int64_t base = log_active(test->f.log)->base_offset;
    log_fixture_stop(&test->f, true);
    size_t size = copy_file(test, segment_path(base, ".log"), copy, sizeof copy);
    memory_io_put(test->memory, segment_path(base, ".log"), copy, size - 5);
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    test->f.cut_error = STORAGE_NO_SPACE;
    assert_int_equal(log_load(test->f.log, NULL), STORAGE_NO_SPACE);
    assert_int_equal(log_load(test->f.log, NULL), STORAGE_NO_SPACE);
    test->f.cut_error = 0;
    assert_int_equal(log_load(test->f.log, NULL), 0);
    assert_int_equal(test->f.cuts, 3);
    assert_int_equal(log_end_offset(test->f.log), 78);
}

/* ---- crash ----------------------------------------------------------------------------------------------------- */

static void recovery_keeps_what_is_whole(void **state)
{
    struct load_test *test = *state;
    log_fixture_reload(&test->f, false);
    assert_reported(test, "0 Recovered log topic=t partition=0");
    assert_int_equal(log_end_offset(test->f.log), 80);
    assert_int_equal(log_fixture_count_records(&test->f, 700), 80);
    struct log_append append;
    struct batch_spec last = {.records = 2, .value_bytes = 100, .producer_id = 77, .base_sequence = 70};
    assert_int_equal(log_fixture_append(&test->f, last, &append), 0);
    assert_true(append.duplicate); /* from the tail behind the snapshot: all five are known */
}

/* Wherever the active segment is torn, what was whole before stays, and what is cut is said. */
static void recovery_cuts_at_the_first_incomplete_batch(void **state)
{
    struct load_test *test = *state;
    int64_t base = log_active(test->f.log)->base_offset;
    int64_t batch_bytes = log_active(test->f.log)->size_bytes / ((80 - base) / 2);
    log_fixture_stop(&test->f, false);
    uint8_t copy[4000];
    size_t size = copy_file(test, segment_path(base, ".log"), copy, sizeof copy);
    for (size_t kept = 0; kept <= size; kept++) {
        memory_io_put(test->memory, segment_path(base, ".log"), copy, kept);
        log_fixture_start(&test->f, false);
        int64_t whole = (int64_t)kept / batch_bytes;
        assert_int_equal(log_end_offset(test->f.log), base + 2 * whole);
        assert_int_equal(memory_io_size(test->memory, segment_path(base, ".log")), whole * batch_bytes);
        if ((int64_t)kept % batch_bytes != 0)
            assert_reported(test, "1 Cut what was damaged");
        log_fixture_crash(&test->f);
    }
}

/* Any damaged byte behind the recovery point ends the log before its batch. Only the base offset and the leader epoch
 * are in no checksum, so that a broker can set them. */
static void recovery_finds_every_damaged_byte(void **state)
{
    struct load_test *test = *state;
    int64_t base = log_active(test->f.log)->base_offset;
    size_t batch_bytes = (size_t)log_active(test->f.log)->size_bytes / (size_t)((80 - base) / 2);
    log_fixture_stop(&test->f, false);
    uint8_t copy[4000];
    size_t size = copy_file(test, segment_path(base, ".log"), copy, sizeof copy);
    for (size_t at = 0; at < size; at++) {
        size_t in_batch = at % batch_bytes;
        if (in_batch < 8 || (in_batch >= 12 && in_batch < 16))
            continue;
        copy[at] ^= 0x80;
        memory_io_put(test->memory, segment_path(base, ".log"), copy, size);
        copy[at] ^= 0x80;
        log_fixture_start(&test->f, false);
        assert_int_equal(log_end_offset(test->f.log), base + 2 * (int64_t)(at / batch_bytes));
        log_fixture_crash(&test->f);
    }
}

/* Segments below the recovery point are not scanned: damage there is not looked for. */
static void recovery_begins_at_the_recovery_point(void **state)
{
    struct load_test *test = *state;
    size_t size;
    test->f.now_ms += 60000;
    (void)log_store_tick(test->f.store, test->f.now_ms); /* writes the checkpoint */
    (void)test_pool_run(&test->f.pool);
    log_fixture_stop(&test->f, false);
    memory_io_bytes(test->memory, segment_path(0, ".log"), &size)[200] ^= 1;
    log_fixture_start(&test->f, false);
    assert_int_equal(log_end_offset(test->f.log), 80);
    assert_null(strstr(test->f.reports, "from=0"));
}

/* Ten thousand partitions that nobody wrote to are neither written nor synced for being recovered. */
static void recovery_of_a_log_without_news_writes_nothing(void **state)
{
    struct load_test *test = *state;
    log_fixture_crash(&test->f);
    memory_io_free(test->memory);
    test->memory = memory_io_new();
    log_fixture_init(&test->f, memory_io_files(test->memory), "/data");
    assert_int_equal(log_fixture_open(&test->f, true), 0);
    struct batch_spec spec = {.producer_id = 77, .base_sequence = 0};
    assert_int_equal(log_fixture_append(&test->f, spec, NULL), 0);
    log_fixture_reload(&test->f, true);
    const int writes = CALL_PWRITE | CALL_TRUNCATE | CALL_RENAME | CALL_UNLINK | CALL_SYNC;
    log_fixture_stop(&test->f, false);
    memory_io_fail(test->memory, writes & ~CALL_PWRITE, 1, EIO, true);
    log_fixture_start(&test->f, false);
    assert_false(test->f.log->touched);
    assert_false(memory_io_fault_fired(test->memory));
    assert_string_equal(test->f.reports, "");
    assert_int_equal(log_end_offset(test->f.log), 1);
    memory_io_fail(test->memory, writes, 0, EIO, true);
}

/* As Kafka does: the largest timestamp of a recovered segment is told by its time index. */
static void recovery_ends_the_time_index_with_the_largest_timestamp(void **state)
{
    struct load_test *test = *state;
    int64_t base = log_active(test->f.log)->base_offset;
    int64_t largest_ms = log_active(test->f.log)->max_timestamp_ms;
    log_fixture_reload(&test->f, false);
    assert_int_equal(log_active(test->f.log)->time_index.last_timestamp_ms, largest_ms);
    int64_t bytes = memory_io_size(test->memory, segment_path(base, ".timeindex"));
    assert_true(bytes > 0);
    assert_int_equal(bytes, log_active(test->f.log)->time_index.entries.entries * 12);
}

static void note_progress(void *context, int64_t bytes)
{
    struct log_fixture *fixture = context;
    snprintf(fixture->reports + strlen(fixture->reports), 64, "read %lld\n", (long long)bytes);
}

static void recovery_tells_what_it_has_read(void **state)
{
    struct load_test *test = *state;
    int64_t base = log_active(test->f.log)->base_offset, active_bytes = log_active(test->f.log)->size_bytes;
    char told[64];
    test->f.options.progress = note_progress;
    log_fixture_reload(&test->f, false);
    snprintf(told, sizeof told, "read %lld\n", (long long)active_bytes);
    assert_reported(test, told);
    assert_true(base > 0);
}

static void recovery_without_a_checkpoint_scans_all(void **state)
{
    struct load_test *test = *state;
    log_fixture_stop(&test->f, false);
    assert_int_equal(memory_io_size(test->memory, "/data/recovery-point-offset-checkpoint"), -1);
    log_fixture_start(&test->f, false);
    assert_reported(test, "from=0 log_end_offset=80");
}

/* Damage in the middle of what was not flushed: the later segments go, and it is said how much. */
static void recovery_deletes_segments_behind_the_damage(void **state)
{
    struct load_test *test = *state;
    size_t size;
    int32_t segments = test->f.log->segments_count;
    int64_t second = test->f.log->segments[1]->base_offset;
    log_fixture_stop(&test->f, false);
    memory_io_bytes(test->memory, segment_path(second, ".log"), &size)[200] ^= 1; /* in its first batch */
    log_fixture_start(&test->f, false);
    char text[100];
    snprintf(text, sizeof text, "cut_segments=%d", segments - 2);
    assert_reported(test, text);
    assert_int_equal(log_end_offset(test->f.log), second);
    assert_int_equal(test->f.log->segments_count, 2);
    assert_true(log_latest_epoch(test->f.log) < 3);
    struct log_append append; /* the snapshots of what was cut are not believed either */
    struct batch_spec next = {.records = 2, .producer_id = 77, .base_sequence = (int32_t)second};
    assert_int_equal(log_fixture_append(&test->f, next, &append), 0);
    assert_false(append.duplicate);
}

/* A batch whose offset goes back cannot be where it lies, whatever its checksum says. */
static void recovery_cuts_a_batch_whose_offset_goes_back(void **state)
{
    struct load_test *test = *state;
    uint8_t copy[8000];
    int64_t base = log_active(test->f.log)->base_offset;
    log_fixture_stop(&test->f, false);
    size_t size = copy_file(test, segment_path(base, ".log"), copy, sizeof copy / 2);
    memcpy(copy + size, copy, size);
    memory_io_put(test->memory, segment_path(base, ".log"), copy, 2 * size);
    log_fixture_start(&test->f, false);
    assert_int_equal(log_end_offset(test->f.log), 80);
    assert_int_equal(memory_io_size(test->memory, segment_path(base, ".log")), size);
}

/* The file of the epochs was not synced yet, the batches were. */
static void recovery_adds_epochs_that_only_the_batches_know(void **state)
{
    struct load_test *test = *state;
    log_fixture_stop(&test->f, false);
    memory_io_put(test->memory, FOLDER "leader-epoch-checkpoint", "0\n1\n0 0\n", 8);
    log_fixture_start(&test->f, false);
    assert_int_equal(log_latest_epoch(test->f.log), 3);
    assert_int_equal(log_epoch_at(test->f.log, 20), 1);
}

static void load_forgets_producers_that_have_expired(void **state)
{
    struct load_test *test = *state;
    assert_int_equal(log_fixture_close(&test->f), 0);
    test->f.now_ms += INT64_C(2) * 24 * 3600 * 1000;
    log_fixture_start(&test->f, true);
    struct batch_spec other = {.producer_id = 77, .base_sequence = 500};
    assert_int_equal(log_fixture_append(&test->f, other, NULL), 0);
}

/* A killed Kafka leaves both indexes of the active segment at their full size, filled up with zeros. */
static void recovery_takes_the_preallocated_indexes_of_kafka(void **state)
{
    struct load_test *test = *state;
    static const uint8_t zeros[12 * 1000];
    int64_t base = log_active(test->f.log)->base_offset;
    for (int clean = 0; clean < 2; clean++) {
        int32_t entries = log_active(test->f.log)->offset_index.entries.entries;
        log_fixture_stop(&test->f, clean);
        memory_io_put(test->memory, segment_path(base, ".index"), zeros, 8 * 1000);
        memory_io_put(test->memory, segment_path(base, ".timeindex"), zeros, 12 * 1000);
        log_fixture_start(&test->f, clean);
        assert_int_equal(memory_io_size(test->memory, segment_path(base, ".index")), entries * 8);
        assert_int_equal(log_fixture_count_records(&test->f, 700), 80);
    }
}

/* A Kafka that stopped leaves those of its metadata log so. They are good, and nothing is told. */
static void clean_stop_with_zeros_behind_index_entries_needs_no_recovery(void **state)
{
    struct load_test *test = *state;
    static uint8_t bytes[12 * 1000];
    static const char *const suffixes[] = {".index", ".timeindex"};
    int64_t base = log_active(test->f.log)->base_offset;
    size_t sizes[COUNT_OF(suffixes)];
    log_fixture_stop(&test->f, true);
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        const uint8_t *file = memory_io_bytes(test->memory, segment_path(base, suffixes[i]), &sizes[i]);
        assert_true(sizes[i] > 0);
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes, file, sizes[i]);
        memory_io_put(test->memory, segment_path(base, suffixes[i]), bytes, sizeof bytes);
    }
    log_fixture_start(&test->f, true);
    assert_string_equal(test->f.reports, "");
    for (size_t i = 0; i < COUNT_OF(suffixes); i++)
        assert_int_equal(memory_io_size(test->memory, segment_path(base, suffixes[i])), sizes[i]);
    assert_int_equal(log_fixture_count_records(&test->f, 700), 80);
}

static void recovery_makes_lost_epochs_again_from_the_batches(void **state)
{
    struct load_test *test = *state;
    log_fixture_stop(&test->f, true);
    memory_io_put(test->memory, FOLDER "leader-epoch-checkpoint", "0\n2\n1 0\n", 8);
    log_fixture_start(&test->f, true);
    assert_reported(test, "1 Leader epochs are damaged");
    assert_int_equal(log_epoch_at(test->f.log, 19), 0);
    assert_int_equal(log_epoch_at(test->f.log, 20), 1);
    assert_int_equal(log_latest_epoch(test->f.log), 3);
}

static void damaged_snapshot_gives_way_to_an_older_one(void **state)
{
    struct load_test *test = *state;
    struct log_append append;
    log_fixture_stop(&test->f, true);
    memory_io_put(test->memory, segment_path(80, ".snapshot"), "damaged", 7);
    log_fixture_start(&test->f, true);
    assert_reported(test, "1 Removed a damaged producer snapshot");
    struct batch_spec last = {.records = 2, .value_bytes = 100, .producer_id = 77, .base_sequence = 78};
    assert_int_equal(log_fixture_append(&test->f, last, &append), 0);
    assert_true(append.duplicate);
}

/* Recovery that is itself interrupted, at any call, is only to be done again. */
static void recovery_can_be_interrupted_anywhere(void **state)
{
    struct load_test *test = *state;
    bool fired = true;
    for (int k = 1; fired; k++) {
        log_fixture_crash(&test->f);
        memory_io_fail(test->memory, CALL_ANY, k, k % 2 ? EIO : ENOSPC, false);
        if (log_fixture_open(&test->f, false) == 0 && log_load(test->f.log, NULL) == 0)
            assert_int_equal(log_end_offset(test->f.log), 80);
        fired = memory_io_fault_fired(test->memory);
        memory_io_fail(test->memory, 0, 0, 0, false);
        log_fixture_crash(&test->f);
        log_fixture_start(&test->f, false);
        assert_int_equal(log_end_offset(test->f.log), 80);
        assert_int_equal(log_fixture_count_records(&test->f, 900), 80);
        assert_int_equal(log_latest_epoch(test->f.log), 3);
    }
}

/* Kafka's own rule: a log start beyond the end empties the log. */
static void log_start_beyond_the_end_begins_the_log_anew(void **state)
{
    struct load_test *test = *state;
    log_fixture_stop(&test->f, true);
    memory_io_put(test->memory, "/data/log-start-offset-checkpoint", "0\n1\nt 0 200\n", 12);
    log_fixture_start(&test->f, true);
    assert_reported(test, "1 Log start beyond the log end");
    assert_int_equal(log_start_offset(test->f.log), 200);
    assert_int_equal(log_end_offset(test->f.log), 200);
    struct log_append append;
    assert_int_equal(log_fixture_append(&test->f, (struct batch_spec){.leader_epoch = 9}, &append), 0);
    assert_int_equal(append.base_offset, 200);
}

static void log_start_inside_a_segment_hides_what_is_below(void **state)
{
    struct load_test *test = *state;
    struct log_slice slice;
    log_fixture_stop(&test->f, true);
    memory_io_put(test->memory, "/data/log-start-offset-checkpoint", "0\n1\nt 0 5\n", 10);
    log_fixture_start(&test->f, true);
    assert_int_equal(log_start_offset(test->f.log), 5);
    assert_int_equal(log_read(test->f.log, 4, 100, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL),
                     STORAGE_OFFSET_OUT_OF_RANGE);
    struct log_found found;
    assert_int_equal(log_find_timestamp(test->f.log, 0, ISOLATION_READ_UNCOMMITTED, NULL, &found, NULL), 0);
    assert_int_equal(found.offset, 5);
    assert_int_equal(test->f.log->epochs.entries[0].start_offset, 5); /* as Kafka after DeleteRecords */
    log_fixture_reload(&test->f, true);                               /* the checkpoint keeps it */
    assert_int_equal(log_start_offset(test->f.log), 5);
}

/* ---- leftovers ------------------------------------------------------------------------------------------------- */

static void temporary_files_are_settled(void **state)
{
    struct load_test *test = *state;
    log_fixture_stop(&test->f, true);
    memory_io_put(test->memory, FOLDER "00000000000000000000.log.deleted", "x", 1);
    memory_io_put(test->memory, FOLDER "00000000000000000010.log.cleaned", "x", 1);
    memory_io_put(test->memory, FOLDER "00000000000000000010.log.swap", "x", 1); /* of the same unfinished split */
    memory_io_put(test->memory, FOLDER "00000000000000000500.index", "", 0);
    memory_io_put(test->memory, FOLDER "00000000000000000003.snapshot", "x",
                  1); /* older, and no segment begins there */
    memory_io_put(test->memory, FOLDER "00000000000000000003.snapshot.tmp", "x", 1);
    log_fixture_start(&test->f, true);
    assert_true(memory_io_exists(test->memory, FOLDER "00000000000000000003.snapshot")); /* in the way of nothing: */
    (void)test_pool_run(&test->f.pool);                                                  /* the pool removes it */
    assert_false(memory_io_exists(test->memory, FOLDER "00000000000000000003.snapshot.tmp"));
    assert_false(memory_io_exists(test->memory, FOLDER "00000000000000000010.log.swap"));
    assert_false(memory_io_exists(test->memory, FOLDER "00000000000000000010.log"));
    assert_false(memory_io_exists(test->memory, FOLDER "00000000000000000003.snapshot"));
    assert_false(memory_io_exists(test->memory, FOLDER "00000000000000000000.log.deleted"));
    assert_false(memory_io_exists(test->memory, FOLDER "00000000000000000010.log.cleaned"));
    assert_false(memory_io_exists(test->memory, FOLDER "00000000000000000500.index"));
    assert_reported(test, "1 Removed an index file without its log file");
    assert_int_equal(log_fixture_count_records(&test->f, 900), 80);
}

/* A compaction that was complete but for the names: its output takes the place of what it was made from. */
static void swap_files_replace_what_they_were_made_from(void **state)
{
    struct load_test *test = *state;
    int64_t second = test->f.log->segments[1]->base_offset;
    log_fixture_stop(&test->f, true);
    uint8_t merged[8000];
    size_t size = copy_file(test, segment_path(0, ".log"), merged, sizeof merged);
    size += copy_file(test, segment_path(second, ".log"), merged + size, sizeof merged - size);
    memory_io_put(test->memory, FOLDER "00000000000000000000.log.swap", merged, size);
    log_fixture_start(&test->f, true);
    assert_int_equal(memory_io_size(test->memory, segment_path(0, ".log")), size);
    assert_false(memory_io_exists(test->memory, segment_path(second, ".log")));
    assert_int_equal(log_fixture_count_records(&test->f, 900), 80);
}

/* Damaged, it would take the place of a segment that is whole. */
static void swap_file_without_a_batch_replaces_nothing(void **state)
{
    struct load_test *test = *state;
    int64_t second = test->f.log->segments[1]->base_offset;
    log_fixture_stop(&test->f, true);
    memory_io_put(test->memory, segment_path(second, ".log.swap"), "garbage", 7);
    memory_io_put(test->memory, segment_path(second, ".index.swap"), "", 0);
    log_fixture_start(&test->f, true);
    assert_false(memory_io_exists(test->memory, segment_path(second, ".log.swap")));
    assert_false(memory_io_exists(test->memory, segment_path(second, ".index.swap")));
    assert_int_equal(log_fixture_count_records(&test->f, 900), 80);
}

/* A topic was deleted and made again under its name, and the broker died before the folder was renamed. */
static void folder_of_another_topic_is_put_aside(void **state)
{
    struct load_test *test = *state;
    log_fixture_stop(&test->f, true);
    memory_io_put(test->memory, FOLDER "partition.metadata", "version: 0\ntopic_id: _____wAAAAAAAAAAAAAAAA", 43);
    log_fixture_start(&test->f, true);
    assert_reported(test, "1 Put the folder of another topic");
    assert_int_equal(log_end_offset(test->f.log), 0);
    assert_true(memory_io_exists(test->memory, "/data/t-0.ffffffff000000000000000000000000-stray"));
    assert_int_equal(log_fixture_append(&test->f, (struct batch_spec){0}, NULL), 0);
    assert_int_equal(log_fixture_count_records(&test->f, 900), 1);
}

/* Kafka puts a folder aside whose partition.metadata tells no id; a power cut may leave it empty. */
static void lost_partition_metadata_is_written_again(void **state)
{
    struct load_test *test = *state;
    log_fixture_stop(&test->f, true);
    memory_io_put(test->memory, FOLDER "partition.metadata", "", 0);
    log_fixture_start(&test->f, true);
    assert_int_equal(memory_io_size(test->memory, FOLDER "partition.metadata"), 43);
    assert_int_equal(log_end_offset(test->f.log), 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(clean_load_scans_nothing_and_finds_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(clean_load_knows_the_producers, setup, teardown),
        cmocka_unit_test_setup_teardown(clean_stop_of_an_unchanged_log_touches_no_file_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(clean_stop_leaves_a_snapshot_at_the_log_end, setup, teardown),
        cmocka_unit_test_setup_teardown(clean_stop_after_a_recovery_survives_a_power_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(clean_load_makes_a_missing_index_again, setup, teardown),
        cmocka_unit_test_setup_teardown(clean_load_makes_an_odd_index_again, setup, teardown),
        cmocka_unit_test_setup_teardown(read_does_not_believe_a_damaged_index, setup, teardown),
        cmocka_unit_test_setup_teardown(clean_load_cuts_no_sealed_segment, setup, teardown),
        cmocka_unit_test_setup_teardown(clean_load_recovers_an_active_segment_that_is_torn, setup, teardown),
        cmocka_unit_test_setup_teardown(clean_load_notices_that_whole_batches_are_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(clean_load_notices_that_the_folder_is_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(load_fails_until_the_epoch_is_raised, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_keeps_what_is_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_cuts_at_the_first_incomplete_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_finds_every_damaged_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_begins_at_the_recovery_point, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_of_a_log_without_news_writes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_ends_the_time_index_with_the_largest_timestamp, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_tells_what_it_has_read, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_without_a_checkpoint_scans_all, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_deletes_segments_behind_the_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_cuts_a_batch_whose_offset_goes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_adds_epochs_that_only_the_batches_know, setup, teardown),
        cmocka_unit_test_setup_teardown(load_forgets_producers_that_have_expired, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_takes_the_preallocated_indexes_of_kafka, setup, teardown),
        cmocka_unit_test_setup_teardown(clean_stop_with_zeros_behind_index_entries_needs_no_recovery, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_makes_lost_epochs_again_from_the_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_snapshot_gives_way_to_an_older_one, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_can_be_interrupted_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(log_start_beyond_the_end_begins_the_log_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(log_start_inside_a_segment_hides_what_is_below, setup, teardown),
        cmocka_unit_test_setup_teardown(temporary_files_are_settled, setup, teardown),
        cmocka_unit_test_setup_teardown(swap_files_replace_what_they_were_made_from, setup, teardown),
        cmocka_unit_test_setup_teardown(swap_file_without_a_batch_replaces_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(folder_of_another_topic_is_put_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(lost_partition_metadata_is_written_again, setup, teardown),
    };
    return cmocka_run_group_tests_name("log_load", tests, NULL, NULL);
}
