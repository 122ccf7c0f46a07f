/* See log_fixture.h. */
#include "log_fixture.h"

#include "storage/log_internal.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

static void report(void *context, int level, const char *sentence, const char *detail)
{
    struct log_fixture *fixture = context;
    size_t length = strlen(fixture->reports);
    snprintf(fixture->reports + length, sizeof fixture->reports - length, "%d %s %s\n", level, sentence, detail);
}

static int log_cut(void *context, const char *topic, int32_t partition)
{
    struct log_fixture *fixture = context;
    assert_string_equal(topic, "t");
    assert_int_equal(partition, 0);
    fixture->cuts++;
    return fixture->cut_error;
}

void log_fixture_init(struct log_fixture *fixture, struct file_io *files, const char *directory)
{
    *fixture = (struct log_fixture){.files = files, .directories = {directory}, .now_ms = LOG_FIXTURE_NOW_MS};
    for (size_t i = 0; i < sizeof fixture->topic_id.bytes; i++)
        fixture->topic_id.bytes[i] = (uint8_t)(i + 1);
    fixture->producer_expiration_ms = 86400000;
    test_pool_init(&fixture->pool);
    fixture->config = (struct log_config){
        .segment_bytes = 1024 * 1024 * 1024,
        .segment_ms = INT64_C(7) * 24 * 3600 * 1000,
        .segment_index_bytes = 10 * 1024 * 1024,
        .index_interval_bytes = 4096,
        .flush_messages = INT64_MAX,
        .flush_ms = INT64_MAX,
        .retention_ms = -1,
        .retention_bytes = -1,
        .file_delete_delay_ms = 60000,
        .cleanup_delete = true,
        .min_cleanable_dirty_ratio = 0.5,
        .delete_retention_ms = 86400000,
        .max_compaction_lag_ms = INT64_MAX,
    };
    fixture->cleaner = (struct cleaner_config){
        .enable = true,
        .backoff_ms = 15000,
        .dedupe_buffer_bytes = 128 * 1024 * 1024,
        .io_buffer_load_factor = 0.9,
        .io_buffer_bytes = 512 * 1024,
        .io_bytes_per_second_max = 1e300,
    };
    fixture->config.rules = (struct batch_rules){
        .max_message_bytes = 1024 * 1024 + 12,
        .max_decompressed_message_bytes = 16 * 1024 * 1024,
        .timestamp_before_max_ms = INT64_MAX,
        .timestamp_after_max_ms = INT64_MAX,
        .codec = CODEC_PRODUCER,
    };
    fixture->options = (struct log_store_options){
        .files = files,
        .directories_count = 1,
        .open_files_max = 100,
        .sync = true,
        .recovery_point_interval_ms = 60000,
        .start_offset_interval_ms = 60000,
        .high_watermark_interval_ms = 5000,
        .retention_check_interval_ms = 300000,
        .initial_task_delay_ms = 30000,
        .producer_check_interval_ms = 600000,
        .report = report,
        .log_cut = log_cut,
    };
}

int log_fixture_open(struct log_fixture *fixture, bool clean)
{
    struct storage_fault fault;
    fixture->options.executor = &fixture->pool.executor;
    fixture->options.cleaner = &fixture->cleaner;
    fixture->options.producer_expiration_ms = &fixture->producer_expiration_ms;
    fixture->options.directories = fixture->directories;
    fixture->options.report_context = fixture->options.log_cut_context = fixture;
    fixture->options.clean = clean;
    fixture->options.now_ms = fixture->now_ms;
    fixture->reports[0] = '\0';
    fixture->log = NULL;
    int error = log_store_open(&fixture->store, &fixture->options, &fault);
    if (error == 0)
        fixture->log = log_new(fixture->store, "t", 0, fixture->topic_id, &fixture->config);
    return error;
}

int log_fixture_close(struct log_fixture *fixture)
{
    struct storage_fault fault;
    (void)test_pool_run(&fixture->pool);
    int error = log_store_close(fixture->store, fixture->now_ms, &fault);
    fixture->store = NULL;
    fixture->log = NULL;
    return error;
}

void log_fixture_crash(struct log_fixture *fixture)
{
    test_pool_cancel(&fixture->pool);
    if (fixture->store != NULL)
        log_store_free(fixture->store);
    fixture->store = NULL;
    fixture->log = NULL;
}

void log_fixture_stop(struct log_fixture *fixture, bool clean)
{
    if (clean)
        assert_int_equal(log_fixture_close(fixture), 0);
    else
        log_fixture_crash(fixture);
}

void log_fixture_start(struct log_fixture *fixture, bool clean)
{
    assert_int_equal(log_fixture_open(fixture, clean), 0);
    assert_int_equal(log_load(fixture->log, NULL), 0);
}

void log_fixture_reload(struct log_fixture *fixture, bool clean)
{
    log_fixture_stop(fixture, clean);
    log_fixture_start(fixture, clean);
}

/* "k=v k2=v2 gone =none" */
static void add_records_of_text(struct batch_builder *builder, const char *text, int64_t timestamp_ms)
{
    for (const char *at = text; *at != '\0'; timestamp_ms++) {
        size_t size = strcspn(at, " "), key_size = strcspn(at, "= ");
        bool has_value = key_size < size;
        struct kp_bytes key = {(const uint8_t *)at, key_size > 0 ? (int32_t)key_size : -1};
        struct kp_bytes value = {(const uint8_t *)at + key_size + 1, has_value ? (int32_t)(size - key_size - 1) : -1};
        batch_builder_add(builder, timestamp_ms, key, value, (struct kp_bytes){NULL, 0}, 0);
        at += size + strspn(at + size, " ");
    }
}

static void add_equal_records(struct batch_builder *builder, const struct batch_spec *spec, int64_t timestamp_ms)
{
    int32_t records = spec->records > 0 ? spec->records : 1;
    int32_t value_bytes = spec->value_bytes > 0 ? spec->value_bytes : 5;
    uint8_t *value = xmalloc((size_t)value_bytes);
    for (int32_t i = 0; i < value_bytes; i++)
        value[i] = (uint8_t)("value"[i % 5]);
    for (int32_t i = 0; i < records; i++)
        batch_builder_add(builder, timestamp_ms + i, (struct kp_bytes){NULL, -1}, (struct kp_bytes){value, value_bytes},
                          (struct kp_bytes){NULL, 0}, 0);
    free(value);
}

uint8_t *log_fixture_batch(const struct log_fixture *fixture, struct batch_spec spec, size_t *size_bytes)
{
    int64_t timestamp_ms = spec.timestamp_ms != 0 ? spec.timestamp_ms : fixture->now_ms;
    struct batch_builder builder;
    batch_builder_init(&builder, timestamp_ms);
    if (spec.text != NULL)
        add_records_of_text(&builder, spec.text, timestamp_ms);
    else
        add_equal_records(&builder, &spec, timestamp_ms);
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.attributes = spec.attributes;
    header.codec = spec.codec;
    header.level = codec_level_default(spec.codec);
    if (spec.producer_id != 0) {
        header.producer_id = spec.producer_id;
        header.producer_epoch = spec.producer_epoch;
        header.base_sequence = spec.base_sequence;
    }
    assert_true(batch_builder_finish(&builder, &header));
    *size_bytes = builder.size_bytes;
    return builder.bytes;
}

int log_fixture_append(struct log_fixture *fixture, struct batch_spec spec, struct log_append *append)
{
    struct log_append own;
    append = append != NULL ? append : &own;
    size_t size_bytes;
    uint8_t *bytes = log_fixture_batch(fixture, spec, &size_bytes);
    *append = (struct log_append){
        .bytes = bytes,
        .size_bytes = size_bytes,
        .zstd_allowed = true,
        .leader_epoch = spec.leader_epoch,
        .now_ms = fixture->now_ms,
    };
    int error = log_append(fixture->log, append, NULL);
    append->bytes = NULL;
    free(bytes);
    return error;
}

int log_fixture_append_marker(struct log_fixture *fixture, int64_t producer_id, int16_t producer_epoch, bool commit)
{
    const uint8_t key[4] = {0, 0, 0, commit}, value[6] = {0};
    struct batch_builder builder;
    batch_builder_init(&builder, fixture->now_ms);
    batch_builder_add(&builder, fixture->now_ms, (struct kp_bytes){key, sizeof key},
                      (struct kp_bytes){value, sizeof value}, (struct kp_bytes){NULL, 0}, 0);
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL;
    header.producer_id = producer_id;
    header.producer_epoch = producer_epoch;
    assert_true(batch_builder_finish(&builder, &header));
    struct log_append append = {
        .bytes = builder.bytes,
        .size_bytes = builder.size_bytes,
        .origin = LOG_APPEND_COORDINATOR,
        .now_ms = fixture->now_ms,
    };
    int error = log_append(fixture->log, &append, NULL);
    batch_builder_release(&builder);
    return error;
}

int log_fixture_read(struct log_fixture *fixture, int64_t offset, int32_t max_bytes, int64_t *first_offset,
                     int64_t *next_offset)
{
    struct log_slice slice;
    int error = log_read(fixture->log, offset, max_bytes, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL);
    if (error < 0)
        return error;
    int records = 0;
    *first_offset = -1;
    *next_offset = offset;
    uint8_t *bytes = xmalloc((size_t)slice.size_bytes + 1);
    if (slice.segment != NULL)
        assert_int_equal(log_slice_read(&slice, 0, bytes, (size_t)slice.size_bytes), 0);
    for (int32_t at = 0; at < slice.size_bytes;) {
        struct record_batch batch;
        assert_int_equal(record_batch_view(&batch, bytes + at, (size_t)(slice.size_bytes - at)), BATCH_OK);
        assert_true(record_batch_crc_ok(&batch));
        if (at == 0)
            *first_offset = batch.base_offset;
        *next_offset = record_batch_last_offset(&batch) + 1;
        records += batch.record_count;
        at += batch.size_bytes;
    }
    free(bytes);
    log_slice_release(&slice);
    return records;
}

static void write_batch_text(const struct record_batch *batch, FILE *out)
{
    struct record_iterator iterator;
    struct record record;
    assert_true(record_batch_crc_ok(batch));
    if (batch->record_count == 0)
        fprintf(out, "[%lld-%lld] ", (long long)batch->base_offset, (long long)record_batch_last_offset(batch));
    record_iterator_init(&iterator, batch, INT32_MAX, NULL);
    while (record_iterator_next(&iterator, &record)) {
        if (batch->attributes & BATCH_CONTROL)
            fprintf(out, "%lld!%s ", (long long)record.offset, record.key.data[3] == 0 ? "abort" : "commit");
        else
            fprintf(out, "%lld:%.*s%s%.*s ", (long long)record.offset, record.key.size < 0 ? 0 : (int)record.key.size,
                    record.key.data, record.value.size < 0 ? "" : "=",
                    record.value.size < 0 ? 0 : (int)record.value.size, record.value.data);
    }
    assert_int_equal(iterator.error, BATCH_OK);
    record_iterator_release(&iterator);
}

static bool write_text(void *context, const struct record_batch *batch)
{
    write_batch_text(batch, context);
    return true;
}

const char *log_fixture_text(struct log_fixture *fixture)
{
    FILE *out = fmemopen(fixture->text, sizeof fixture->text, "w");
    assert_non_null(out);
    assert_int_equal(log_replay(fixture->log, 0, write_text, out, NULL), 0);
    fputc('\0', out);
    fclose(out);
    size_t length = strlen(fixture->text);
    if (length > 0)
        fixture->text[length - 1] = '\0'; /* the last space */
    return fixture->text;
}

int64_t log_fixture_count_records(struct log_fixture *fixture, int32_t max_bytes)
{
    int64_t records = 0;
    for (int64_t offset = log_start_offset(fixture->log); offset < log_end_offset(fixture->log);) {
        int64_t first, next;
        int got = log_fixture_read(fixture, offset, max_bytes, &first, &next);
        if (next == offset) /* a gap at the end: nobody can be told of it */
            break;
        records += got;
        offset = next;
    }
    return records;
}
