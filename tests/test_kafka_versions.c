/* Data folders of releases of Apache Kafka and of dohle (tests/folders), each filled alike by Fill.java, opened by the
 * whole broker: topics, ids, settings and records are there, more can be written, and what recovery makes anew is what
 * Kafka made. Every test runs once for each folder. */
#include "lib/metadata_fixture.h"
#include "lib/packed_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define VALUES_MAX 64

struct folder {
    const char *name;
    int16_t metadata_version;
    bool killed; /* without a proper stop */
    bool plain;  /* without transactions: dohle's own; the killed one of Kafka has one open */
};

static struct folder folders[] = {
    {"kafka-3.9.2-of-3.3", 7,  false, false},
    {"kafka-3.9.2-static", 21, false, false},
    {"kafka-3.9.2",        21, false, false},
    {"kafka-4.0.1",        25, false, false},
    {"kafka-4.1.2",        27, false, false},
    {"kafka-4.2.0",        29, false, false},
    {"kafka-4.3.1",        30, false, false},
    {"kafka-4.4.0",        33, false, false},
    {"kafka-4.4.0-killed", 33, true,  false},
    {"dohle-1",            33, false, true },
    {"dohle-1-killed",     33, true,  true },
};

struct fixture {
    struct metadata_fixture *base;
    const struct folder *folder;
    char archive[100];
    char *values[VALUES_MAX]; /* of the last read */
    int32_t values_count;
};

static int setup(void **state)
{
    const struct folder *folder = *state;
    struct fixture *f = xcalloc(1, sizeof *f);
    void *base;
    metadata_fixture_setup(&base);
    f->base = base;
    f->folder = folder;
    snprintf(f->archive, sizeof f->archive, "tests/folders/%s.tar.gz", folder->name);
    packed_folder_put(f->base->memory, f->archive, "/data");
    *state = f;
    return 0;
}

static void forget_values(struct fixture *f)
{
    while (f->values_count > 0)
        free(f->values[--f->values_count]);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    void *base = f->base;
    forget_values(f);
    metadata_fixture_teardown(&base);
    free(f);
    return 0;
}

static void open_folder(struct fixture *f)
{
    assert_true(metadata_fixture_open(f->base, NULL, NULL));
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool is_aborted(const struct kp_fetch_response_responses_partitions *answer, const struct record_batch *batch)
{
    for (int32_t i = 0; i < answer->aborted_transactions_count; i++)
        if (answer->aborted_transactions[i].producer_id == batch->producer_id)
            return batch->base_offset >= answer->aborted_transactions[i].first_offset &&
                   batch->base_offset < answer->aborted_transactions[i].first_offset + 2; /* so Fill.java does it */
    return false;
}

static void keep_values(struct fixture *f, const struct record_batch *batch)
{
    struct record_iterator iterator;
    struct record record;
    record_iterator_init(&iterator, batch, INT32_MAX, NULL);
    while (record_iterator_next(&iterator, &record)) {
        assert_in_range(f->values_count, 0, VALUES_MAX - 1);
        char *value = xcalloc((size_t)record.value.size + 1, 1);
        memcpy(value, record.value.data, (size_t)record.value.size);
        f->values[f->values_count++] = value;
    }
    assert_int_equal(iterator.error, BATCH_OK);
    record_iterator_release(&iterator);
}

/* Read a partition from its start into f->values; returns the high watermark. */
static int64_t read_values(struct fixture *f, const char *topic, int32_t partition, enum isolation isolation)
{
    struct kp_fetch_request_topics_partitions from = kp_fetch_request_topics_partitions_default;
    from.partition = partition;
    from.partition_max_bytes = 1 << 20;
    struct kp_fetch_request_topics asked = test_fetch_topic(topic, &from);
    struct kp_fetch_request request = kp_fetch_request_default;
    struct kp_fetch_response response;
    request.max_bytes = 1 << 20;
    request.isolation_level = (int8_t)isolation;
    request.topics = &asked;
    request.topics_count = 1;
    int64_t high_watermark;
    forget_values(f);
    do {
        assert_true(metadata_fixture_ask(f->base, KP_API_FETCH, 11, &request, &response));
        const struct kp_fetch_response_responses_partitions *answer = response.responses[0].partitions;
        assert_int_equal(answer->error_code, 0);
        high_watermark = isolation == ISOLATION_READ_COMMITTED ? answer->last_stable_offset : answer->high_watermark;
        const uint8_t *at = answer->records.data;
        struct record_batch batch;
        for (size_t left = (size_t)answer->records.size; left > 0; left -= (size_t)batch.size_bytes) {
            assert_int_equal(record_batch_view(&batch, at, left), BATCH_OK);
            assert_true(record_batch_crc_ok(&batch));
            if (!(batch.attributes & BATCH_CONTROL) && !is_aborted(answer, &batch))
                keep_values(f, &batch);
            at += batch.size_bytes;
            from.fetch_offset = record_batch_last_offset(&batch) + 1;
        }
    } while (from.fetch_offset < high_watermark);
    return high_watermark;
}

static void assert_values(const struct fixture *f, const char *const expected[], int32_t count)
{
    assert_int_equal(f->values_count, count);
    for (int32_t i = 0; i < count; i++)
        assert_string_equal(f->values[i], expected[i]);
}

static void assert_codec_values(struct fixture *f)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    assert_true(f->values_count >= 20);
    for (int i = 0; i < 20; i++) {
        char expected[20];
        snprintf(expected, sizeof expected, "%s-%d", codecs[i / 4], i % 4);
        assert_string_equal(f->values[i], expected);
    }
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void topics_have_their_ids_partitions_and_settings(void **state)
{
    struct fixture *f = *state;
    open_folder(f);
    static const struct {
        const char *name;
        int32_t partitions;
    } rows[] = {
        {"orders", 2},
        {"ledger", 1},
        {"empty",  1}
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct topic *topic = fixture_topic(f->base, rows[i].name);
        assert_non_null(topic);
        assert_int_equal(topic->partitions_count, rows[i].partitions);
        char path[100], id[KP_UUID_TEXT_SIZE];
        size_t size;
        snprintf(path, sizeof path, "/data/%s-0/partition.metadata", rows[i].name);
        const char *text = (const char *)memory_io_bytes(f->base->memory, path, &size);
        assert_true(text != NULL || f->folder->plain);
        kp_uuid_text(topic->id, id);
        if (text != NULL) /* dohle makes the folder of an empty log with its first record */
            assert_memory_equal(text + size - strlen(id), id, strlen(id));
    }
    assert_null(fixture_topic(f->base, "gone"));
    assert_int_equal(fixture_topic(f->base, "orders")->log_config.retention_ms, -1);
    assert_int_equal(fixture_topic(f->base, "orders")->log_config.index_interval_bytes, 0);
    assert_int_equal(fixture_topic(f->base, "empty")->log_config.retention_ms, 5000000);
    assert_true(fixture_topic(f->base, "ledger")->log_config.cleanup_compact);
    assert_int_equal(catalog_feature_level(f->base->broker->catalog, "metadata.version"), f->folder->metadata_version);
}

static void records_of_all_codecs_are_read(void **state)
{
    struct fixture *f = *state;
    open_folder(f);
    assert_int_equal(read_values(f, "orders", 0, ISOLATION_READ_UNCOMMITTED), 20);
    assert_codec_values(f);
    static const char *const ledger[] = {"entry-0", "entry-1", "entry-2"};
    assert_int_equal(read_values(f, "ledger", 0, ISOLATION_READ_UNCOMMITTED), 3);
    assert_values(f, ledger, 3);
    assert_int_equal(read_values(f, "empty", 0, ISOLATION_READ_UNCOMMITTED), 0);
}

static void only_committed_records_are_read_by_those_who_ask_for_them(void **state)
{
    static const char *const kept[] = {"kept-0", "kept-1", "kept-2", "kept-5"};
    struct fixture *f = *state;
    open_folder(f);
    read_values(f, "orders", 1, ISOLATION_READ_COMMITTED);
    assert_values(f, kept, f->folder->plain ? 0 : 4);
    read_values(f, "orders", 1, ISOLATION_READ_UNCOMMITTED);
    assert_int_equal(f->values_count, f->folder->plain ? 0 : f->folder->killed ? 7 : 6);
}

static void records_go_on_behind_those_of_kafka(void **state)
{
    struct fixture *f = *state;
    open_folder(f);
    assert_int_equal(test_produce(&f->base->peer, "orders", 0, 2), 0);
    assert_int_equal(test_produce(&f->base->peer, "empty", 0, 1), 0);
    assert_int_equal(fixture_create_topic(f->base, "ours", 1), 0);
    assert_int_equal(test_produce(&f->base->peer, "ours", 0, 1), 0);
    metadata_fixture_restart(f->base);
    assert_int_equal(read_values(f, "orders", 0, ISOLATION_READ_UNCOMMITTED), 22);
    assert_codec_values(f);
    assert_int_equal(read_values(f, "empty", 0, ISOLATION_READ_UNCOMMITTED), 1);
    assert_int_equal(read_values(f, "ours", 0, ISOLATION_READ_UNCOMMITTED), 1);
    assert_int_equal(catalog_feature_level(f->base->broker->catalog, "metadata.version"), f->folder->metadata_version);
}

static void a_power_cut_after_the_start_loses_nothing(void **state)
{
    struct fixture *f = *state;
    open_folder(f);
    metadata_fixture_crash(f->base);
    memory_io_power_cut(f->base->memory, 0);
    open_folder(f);
    assert_int_equal(read_values(f, "orders", 0, ISOLATION_READ_UNCOMMITTED), 20);
    assert_codec_values(f);
    assert_true(fixture_topic(f->base, "orders")->partitions[0]->leader_epoch > 0);
}

/* ---- what recovery makes anew ----------------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *suffix)
{
    size_t size = strlen(name), suffix_size = strlen(suffix);
    return size >= suffix_size && strcmp(name + size - suffix_size, suffix) == 0;
}

static bool is_rebuilt(const char *path)
{
    return strncmp(path, "__cluster_metadata", 18) != 0 &&
           (ends_with(path, ".index") || ends_with(path, ".timeindex") || ends_with(path, ".txnindex"));
}

static void remove_rebuilt(void *context, const char *path, const void *bytes, size_t size)
{
    struct fixture *f = context;
    struct file_io *files = memory_io_files(f->base->memory);
    char full[300];
    (void)bytes;
    (void)size;
    snprintf(full, sizeof full, "/data/%s", path);
    if (is_rebuilt(path) || strcmp(path, ".kafka_cleanshutdown") == 0 || ends_with(path, "offset-checkpoint"))
        assert_int_equal(files->unlink(files, full), 0);
}

static void compare_rebuilt(void *context, const char *path, const void *bytes, size_t size)
{
    struct fixture *f = context;
    char full[300];
    snprintf(full, sizeof full, "/data/%s", path);
    if (!is_rebuilt(path))
        return;
    size_t ours_size;
    const uint8_t *ours = memory_io_bytes(f->base->memory, full, &ours_size);
    if (ours == NULL || ours_size != size || memcmp(ours, bytes, size) != 0)
        fail_msg("%s of %s is not as Kafka made it", path, f->folder->name);
}

static void indexes_that_are_gone_are_made_again_as_kafka_made_them(void **state)
{
    struct fixture *f = *state;
    if (f->folder->killed)
        return; /* its indexes were not finished */
    packed_folder_each(f->archive, remove_rebuilt, f);
    open_folder(f);
    metadata_fixture_stop(f->base);
    packed_folder_each(f->archive, compare_rebuilt, f);
}

static void (*const tests[])(void **) = {
    topics_have_their_ids_partitions_and_settings,
    records_of_all_codecs_are_read,
    only_committed_records_are_read_by_those_who_ask_for_them,
    records_go_on_behind_those_of_kafka,
    a_power_cut_after_the_start_loses_nothing,
    indexes_that_are_gone_are_made_again_as_kafka_made_them,
};

static const char *const names[] = {
    "topics_have_their_ids_partitions_and_settings",
    "records_of_all_codecs_are_read",
    "only_committed_records_are_read_by_those_who_ask_for_them",
    "records_go_on_behind_those_of_kafka",
    "a_power_cut_after_the_start_loses_nothing",
    "indexes_that_are_gone_are_made_again_as_kafka_made_them",
};

int main(void)
{
    struct CMUnitTest each[COUNT_OF(tests) * COUNT_OF(folders)];
    char titles[COUNT_OF(each)][100];
    for (size_t i = 0; i < COUNT_OF(each); i++) {
        struct folder *folder = &folders[i / COUNT_OF(tests)];
        size_t test = i % COUNT_OF(tests);
        snprintf(titles[i], sizeof titles[i], "%s: %s", folder->name, names[test]);
        each[i] = (struct CMUnitTest){titles[i], tests[test], setup, teardown, folder};
    }
    return cmocka_run_group_tests(each, NULL, NULL);
}
