/* Appends that are written together (storage/log_gather.c): the log must be as if they had come one by one. */
#include "lib/log_fixture.h"
#include "lib/memory_io.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define ROW_MAX   20 /* more than are written in one call */
#define PRODUCERS 2
#define LOG_FILE  "/data/t-0/00000000000000000000.log"

/* One append that may wait, with what it is told. */
struct waiting {
    struct log_append append;
    int status;
    bool told;
};

struct test {
    struct memory_io *memory;
    struct log_fixture fixture;
    struct waiting row[ROW_MAX];
    int count;
};

static void test_init(struct test *test)
{
    *test = (struct test){.memory = memory_io_new()};
    log_fixture_init(&test->fixture, memory_io_files(test->memory), "/data");
    assert_int_equal(log_fixture_open(&test->fixture, true), 0);
}

static int setup(void **state)
{
    struct test *test = xmalloc(sizeof *test);
    test_init(test);
    assert_int_equal(log_fixture_append(&test->fixture, (struct batch_spec){0}, NULL), 0); /* the segment has a batch */
    *state = test;
    return 0;
}

static void test_release(struct test *test)
{
    log_fixture_crash(&test->fixture);
    memory_io_free(test->memory);
}

static int teardown(void **state)
{
    test_release(*state);
    free(*state);
    return 0;
}

static void written(struct log_append *append, int status)
{
    struct waiting *waiting = CONTAINER_OF(append, struct waiting, append);
    assert_false(waiting->told);
    waiting->status = status;
    waiting->told = true;
}

/* Append, and let it wait if it can. */
static struct waiting *append_to(struct test *test, struct log *log, struct batch_spec spec)
{
    struct waiting *waiting = &test->row[test->count++];
    size_t size;
    uint8_t *bytes = log_fixture_batch(&test->fixture, spec, &size);
    *waiting = (struct waiting){
        .append = {.bytes = bytes,
                   .size_bytes = size,
                   .zstd_allowed = true,
                   .leader_epoch = spec.leader_epoch,
                   .now_ms = test->fixture.now_ms,
                   .written = written}
    };
    int status = log_append(log, &waiting->append, NULL);
    if (!waiting->append.waits) {
        assert_false(waiting->told);
        waiting->status = status;
        waiting->told = true;
    }
    return waiting;
}

static struct waiting *append(struct test *test, struct batch_spec spec)
{
    return append_to(test, test->fixture.log, spec);
}

/* All that wait are written and told. */
static void write_all(struct test *test)
{
    log_store_write(test->fixture.store);
    assert_false(log_store_waits(test->fixture.store));
    for (int i = 0; i < test->count; i++) {
        assert_true(test->row[i].told);
        assert_false(test->row[i].append.waits);
        free(test->row[i].append.bytes);
    }
    test->count = 0;
}

static void appends_wait_and_are_written_by_one_call(void **state)
{
    struct test *test = *state;
    int64_t calls = memory_io_calls(test->memory, CALL_PWRITE), size = memory_io_size(test->memory, LOG_FILE);
    for (int i = 0; i < 3; i++)
        assert_false(append(test, (struct batch_spec){.records = 2})->told);
    assert_int_equal(log_end_offset(test->fixture.log), 1);
    assert_int_equal(memory_io_size(test->memory, LOG_FILE), size);
    write_all(test);
    assert_int_equal(memory_io_calls(test->memory, CALL_PWRITE), calls + 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(test->row[i].status, 0);
        assert_int_equal(test->row[i].append.base_offset, 1 + 2 * i);
        assert_int_equal(test->row[i].append.last_offset, 2 + 2 * i);
    }
    assert_int_equal(log_end_offset(test->fixture.log), 7);
    assert_int_equal(log_fixture_count_records(&test->fixture, 1000000), 7);
}

static void no_more_wait_than_one_call_writes(void **state)
{
    struct test *test = *state;
    for (int i = 0; i < FILE_PARTS_MAX; i++)
        append(test, (struct batch_spec){0});
    assert_false(test->row[0].told);
    append(test, (struct batch_spec){0});
    assert_true(test->row[FILE_PARTS_MAX - 1].told);
    write_all(test);
    assert_int_equal(log_end_offset(test->fixture.log), FILE_PARTS_MAX + 2);
}

static void what_comes_to_another_log_has_them_written_first(void **state)
{
    struct test *test = *state;
    struct log *other = log_new(test->fixture.store, "t", 1, test->fixture.topic_id, &test->fixture.config);
    struct waiting *first = append(test, (struct batch_spec){0});
    append_to(test, other, (struct batch_spec){0});
    assert_true(first->told);
    write_all(test);
    assert_int_equal(log_end_offset(test->fixture.log), 2);
    assert_int_equal(log_end_offset(other), 1);
}

/* Its sequence is checked against what is written. */
static void what_does_not_follow_has_them_written_first(void **state)
{
    struct test *test = *state;
    append(test, (struct batch_spec){.producer_id = 7, .records = 3});
    append(test, (struct batch_spec){.producer_id = 7, .base_sequence = 3});
    assert_false(test->row[0].told);
    struct waiting *again = append(test, (struct batch_spec){.producer_id = 7, .base_sequence = 3});
    assert_true(test->row[1].told);
    assert_true(again->told);
    assert_true(again->append.duplicate);
    assert_int_equal(again->append.base_offset, 4);
    append(test, (struct batch_spec){.producer_id = 7, .base_sequence = 4});
    assert_int_equal(append(test, (struct batch_spec){.producer_id = 7, .base_sequence = 9})->status,
                     STORAGE_SEQUENCE_OUT_OF_ORDER);
    write_all(test);
    assert_int_equal(test->row[3].append.base_offset, 5);
    assert_int_equal(log_end_offset(test->fixture.log), 6);
}

static void synced(struct log_flush *flush, int status)
{
    (void)flush;
    assert_int_equal(status, 0);
}

static void a_sync_covers_what_waits(void **state)
{
    struct test *test = *state;
    struct log_flush flush = {.done = synced};
    struct waiting *waiting = append(test, (struct batch_spec){0});
    assert_false(waiting->told);
    log_flush(test->fixture.log, &flush);
    assert_true(waiting->told);
    assert_int_equal(test_pool_run(&test->fixture.pool), 1);
    write_all(test);
    log_fixture_crash(&test->fixture);
    memory_io_power_cut(test->memory, 0);
    log_fixture_start(&test->fixture, false);
    assert_int_equal(log_end_offset(test->fixture.log), 2);
}

static void a_disk_that_fills_up_takes_those_that_fit(void **state)
{
    struct test *test = *state;
    const int32_t sizes[] = {100, 100, 1000, 100};
    size_t used;
    (void)memory_io_bytes(test->memory, LOG_FILE, &used);
    memory_io_set_capacity(test->memory, 0);
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        append(test, (struct batch_spec){.value_bytes = sizes[i]});
    int64_t batch_bytes = test->row[0].append.batch.size_bytes, all = 0;
    for (const char *const *name =
             (const char *const[]){LOG_FILE, "/data/t-0/partition.metadata", "/data/t-0/leader-epoch-checkpoint", NULL};
         *name != NULL; name++)
        all += memory_io_size(test->memory, *name);
    memory_io_set_capacity(test->memory, all + 3 * batch_bytes);
    write_all(test);
    assert_int_equal(test->row[0].status, 0);
    assert_int_equal(test->row[1].status, 0);
    assert_int_equal(test->row[2].status, STORAGE_NO_SPACE);
    assert_int_equal(test->row[3].status, 0);
    assert_int_equal(test->row[3].append.base_offset, 3);
    assert_int_equal(memory_io_size(test->memory, LOG_FILE), (int64_t)used + 3 * batch_bytes);
    memory_io_set_capacity(test->memory, -1);
    assert_int_equal(log_fixture_count_records(&test->fixture, 1000000), 4);
}

static void after_an_error_of_the_disk_all_are_told_and_the_log_is_offline(void **state)
{
    struct test *test = *state;
    append(test, (struct batch_spec){.producer_id = 7});
    append(test, (struct batch_spec){.producer_id = 7, .base_sequence = 1});
    memory_io_fail(test->memory, CALL_PWRITE, 1, EIO, false);
    write_all(test);
    assert_int_equal(test->row[0].status, STORAGE_OFFLINE);
    assert_int_equal(test->row[1].status, STORAGE_OFFLINE);
    assert_true(log_is_offline(test->fixture.log));
}

/* ---- by chance ------------------------------------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return *random >> 33;
}

/* A batch with, mostly, the next sequence of one of the producers, or of none. */
static struct batch_spec random_batch(uint64_t *random, int32_t sequences[PRODUCERS])
{
    struct batch_spec spec = {.records = 1 + (int32_t)(next_random(random) % 4),
                              .value_bytes = 1 + (int32_t)(next_random(random) % 150),
                              .timestamp_ms = LOG_FIXTURE_NOW_MS + (int64_t)(next_random(random) % 1000),
                              .codec = next_random(random) % 8 == 0 ? CODEC_LZ4 : CODEC_NONE,
                              .leader_epoch = next_random(random) % 16 == 0};
    uint64_t kind = next_random(random) % 8;
    int producer = (int)(next_random(random) % 16 == 0);
    if (kind < 4)
        return spec;
    spec.producer_id = 1 + producer;
    spec.base_sequence = sequences[producer];
    if (kind == 7)
        spec.base_sequence = (int32_t)(next_random(random) % 8);
    else
        sequences[producer] += spec.records;
    return spec;
}

static void assert_same_file(struct test *one, struct test *other, const char *name)
{
    char path[300];
    size_t size, other_size;
    snprintf(path, sizeof path, "/data/t-0/%s", name);
    const uint8_t *bytes = memory_io_bytes(one->memory, path, &size);
    const uint8_t *other_bytes = memory_io_bytes(other->memory, path, &other_size);
    if (other_bytes == NULL || size != other_size || memcmp(bytes, other_bytes, size) != 0)
        fail_msg("%s differs", path);
}

struct comparison {
    struct test *one, *other;
    int files;
};

static void compare_file(void *context, const char *name, bool is_directory)
{
    struct comparison *comparison = context;
    assert_false(is_directory);
    assert_same_file(comparison->one, comparison->other, name);
    comparison->files++;
}

static void the_files_are_those_of_appends_one_by_one(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct test alone, together;
        uint64_t random = seed;
        int32_t sequences[PRODUCERS] = {0};
        struct test *both[] = {&alone, &together};
        for (size_t i = 0; i < COUNT_OF(both); i++) {
            test_init(both[i]);
            both[i]->fixture.config.segment_bytes = 4000;
            both[i]->fixture.config.index_interval_bytes = 300;
        }
        for (int round = 0; round < 30; round++) {
            int row = 1 + (int)(next_random(&random) % ROW_MAX);
            int statuses[ROW_MAX];
            int64_t offsets[ROW_MAX];
            for (int i = 0; i < row; i++) {
                struct batch_spec spec = random_batch(&random, sequences);
                struct log_append out;
                statuses[i] = log_fixture_append(&alone.fixture, spec, &out);
                offsets[i] = out.base_offset;
                append(&together, spec);
            }
            write_all(&together);
            for (int i = 0; i < row; i++) {
                assert_int_equal(together.row[i].status, statuses[i]);
                if (statuses[i] == 0)
                    assert_int_equal(together.row[i].append.base_offset, offsets[i]);
            }
        }
        struct comparison comparison = {&alone, &together, 0};
        for (size_t i = 0; i < COUNT_OF(both); i++)
            assert_int_equal(log_fixture_close(&both[i]->fixture), 0);
        struct file_io *files = memory_io_files(alone.memory);
        assert_int_equal(files->list(files, "/data/t-0", compare_file, &comparison), 0);
        assert_true(comparison.files > 10);
        for (size_t i = 0; i < COUNT_OF(both); i++)
            test_release(both[i]);
    }
}

/* What is told to be written is there, and nothing else: at once, and after the process has died. */
static void a_write_that_fails_takes_nothing_along(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct test test;
        uint64_t random = seed;
        int32_t sequences[PRODUCERS] = {0};
        int64_t records = 0;
        test_init(&test);
        test.fixture.config.segment_bytes = 4000;
        for (int round = 0; round < 10; round++) {
            int row = 1 + (int)(next_random(&random) % ROW_MAX);
            if (round % 3 == 2)
                memory_io_fail(test.memory, CALL_PWRITE, 1 + (int)(next_random(&random) % 4), ENOSPC, false);
            for (int i = 0; i < row; i++)
                append(&test, random_batch(&random, sequences));
            write_all(&test);
            for (int i = 0; i < row; i++)
                if (test.row[i].status == 0 && !test.row[i].append.duplicate)
                    records += test.row[i].append.verdict.record_count;
            memory_io_fail(test.memory, 0, 0, 0, false);
        }
        assert_int_equal(log_end_offset(test.fixture.log), records);
        assert_int_equal(log_fixture_count_records(&test.fixture, 1000), records);
        log_fixture_reload(&test.fixture, false);
        assert_int_equal(log_fixture_count_records(&test.fixture, 1000), records);
        test_release(&test);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(appends_wait_and_are_written_by_one_call, setup, teardown),
        cmocka_unit_test_setup_teardown(no_more_wait_than_one_call_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_to_another_log_has_them_written_first, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_follow_has_them_written_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_sync_covers_what_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_disk_that_fills_up_takes_those_that_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(after_an_error_of_the_disk_all_are_told_and_the_log_is_offline, setup,
                                        teardown),
        cmocka_unit_test(the_files_are_those_of_appends_one_by_one),
        cmocka_unit_test(a_write_that_fails_takes_nothing_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
