/* A folder that a newer release has written is refused, with every byte as it was. The folders are Apache Kafka 4.4's
 * (tests/folders), changed in one place each. */
#include "lib/metadata_fixture.h"
#include "lib/packed_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ARCHIVE      "tests/folders/kafka-4.4.0.tar.gz"
#define METADATA_LOG FIXTURE_METADATA "/00000000000000000000.log"

/* Replace a text in a file by one of the same length. */
static void replace(struct memory_io *memory, const char *path, const char *from, const char *to)
{
    size_t size;
    char *at = (char *)memory_io_bytes(memory, path, &size);
    assert_non_null(at);
    while (size >= strlen(from) && memcmp(at, from, strlen(from)) != 0) {
        at++;
        size--;
    }
    assert_true(size >= strlen(from));
    memcpy(at, to, strlen(to));
}

/* Append a batch with one record to the metadata log. */
static void append_record(struct memory_io *memory, struct kp_bytes value)
{
    struct metadata_batch batch;
    size_t size;
    const uint8_t *log = memory_io_bytes(memory, METADATA_LOG, &size);
    struct record_batch view;
    int64_t end_offset = 0;
    for (size_t at = 0; at < size; at += (size_t)view.size_bytes) {
        assert_int_equal(record_batch_view(&view, log + at, size - at), BATCH_OK);
        end_offset = record_batch_last_offset(&view) + 1;
    }
    metadata_batch_init(&batch, view.max_timestamp_ms);
    metadata_batch_add_value(&batch, value);
    metadata_batch_finish(&batch, end_offset, view.leader_epoch, false);
    uint8_t *longer = xmalloc(size + batch.builder.size_bytes);
    memcpy(longer, log, size);
    memcpy(longer + size, batch.builder.bytes, batch.builder.size_bytes);
    memory_io_put(memory, METADATA_LOG, longer, size + batch.builder.size_bytes);
    free(longer);
    metadata_batch_release(&batch);
}

static void append_level(struct memory_io *memory, const char *name, int16_t level)
{
    struct arena arena;
    arena_init(&arena, 4096);
    struct kp_feature_level_record record = {.name = kp_string_of(name), .feature_level = level};
    append_record(memory, metadata_record_encode(&kp_feature_level_record_schema, 0, &record, &arena));
    arena_release(&arena);
}

/* ---- what is newer ---------------------------------------------------------------------------------------------- */

static void newer_meta_properties(struct memory_io *memory)
{
    replace(memory, "/data/meta.properties", "version=1", "version=2");
}

static void newer_recovery_points(struct memory_io *memory)
{
    replace(memory, "/data/recovery-point-offset-checkpoint", "0\n", "1\n");
}

static void newer_high_watermarks(struct memory_io *memory)
{
    replace(memory, "/data/replication-offset-checkpoint", "0\n", "1\n");
}

static void newer_log_starts(struct memory_io *memory)
{
    replace(memory, "/data/log-start-offset-checkpoint", "0\n", "1\n");
}

static void newer_cleaner_offsets(struct memory_io *memory)
{
    replace(memory, "/data/cleaner-offset-checkpoint", "0\n", "1\n");
}

static void newer_mark_of_a_clean_stop(struct memory_io *memory)
{
    replace(memory, "/data/.kafka_cleanshutdown", "\"version\":0", "\"version\":1");
}

static void newer_quorum_state(struct memory_io *memory)
{
    replace(memory, FIXTURE_METADATA "/quorum-state", "\"data_version\":1", "\"data_version\":2");
}

static void newer_metadata_version(struct memory_io *memory)
{
    append_level(memory, "metadata.version", METADATA_VERSION_LATEST + 1);
}

static void newer_level_of_a_feature(struct memory_io *memory)
{
    append_level(memory, "group.version", 2);
}

static void feature_that_is_not_known(struct memory_io *memory)
{
    append_level(memory, "tomorrow.version", 1);
}

static void newer_version_of_a_record(struct memory_io *memory)
{
    append_record(memory, (struct kp_bytes){(const uint8_t *)"\1\2\11", 3}); /* a topic, version 9 */
}

static void record_that_is_not_known(struct memory_io *memory)
{
    append_record(memory, (struct kp_bytes){(const uint8_t *)"\1\177\0", 3});
}

/* ---- refused, and untouched ------------------------------------------------------------------------------------- */

struct comparison {
    struct memory_io *ours, *other;
    const char *folder;
};

static void compare_entry(void *context, const char *name, bool is_directory)
{
    const struct comparison *comparison = context;
    char path[300];
    snprintf(path, sizeof path, "%s/%s", comparison->folder, name);
    if (is_directory) {
        struct file_io *files = memory_io_files(comparison->ours);
        struct comparison below = {comparison->ours, comparison->other, path};
        assert_int_equal(files->list(files, path, compare_entry, &below), 0);
        return;
    }
    size_t size, other_size;
    const uint8_t *bytes = memory_io_bytes(comparison->ours, path, &size);
    const uint8_t *other = memory_io_bytes(comparison->other, path, &other_size);
    if (strcmp(name, ".lock") != 0 && (other == NULL || size != other_size || memcmp(bytes, other, size) != 0))
        fail_msg("%s differs", path);
}

/* All files of `ours` are in `other`, with the same bytes. */
static void assert_same_files(struct memory_io *ours, struct memory_io *other)
{
    struct comparison comparison = {ours, other, "/data"};
    struct file_io *files = memory_io_files(ours);
    assert_int_equal(files->list(files, "/data", compare_entry, &comparison), 0);
}

static void refused(void **state, void (*change)(struct memory_io *memory))
{
    struct metadata_fixture *f = *state;
    struct memory_io *before = memory_io_new();
    packed_folder_put(f->memory, ARCHIVE, "/data");
    packed_folder_put(before, ARCHIVE, "/data");
    change(f->memory);
    change(before);
    assert_false(metadata_fixture_open(f, NULL, NULL));
    assert_same_files(f->memory, before);
    assert_same_files(before, f->memory);
    memory_io_free(before);
}

#define REFUSED(what)                                                                                                  \
    static void what##_is_refused_and_nothing_is_changed(void **state)                                                 \
    {                                                                                                                  \
        refused(state, what);                                                                                          \
    }

REFUSED(newer_meta_properties)
REFUSED(newer_recovery_points)
REFUSED(newer_high_watermarks)
REFUSED(newer_log_starts)
REFUSED(newer_cleaner_offsets)
REFUSED(newer_mark_of_a_clean_stop)
REFUSED(newer_quorum_state)
REFUSED(newer_metadata_version)
REFUSED(newer_level_of_a_feature)
REFUSED(feature_that_is_not_known)
REFUSED(newer_version_of_a_record)
REFUSED(record_that_is_not_known)

/* Damage is not for this check: recovery, of a folder that was not stopped cleanly, cuts it off. */
static void what_stands_behind_damage_does_not_count(void **state)
{
    struct metadata_fixture *f = *state;
    struct file_io *files = memory_io_files(f->memory);
    packed_folder_put(f->memory, ARCHIVE, "/data");
    assert_int_equal(files->unlink(files, "/data/.kafka_cleanshutdown"), 0);
    size_t size;
    (void)memory_io_bytes(f->memory, METADATA_LOG, &size);
    newer_metadata_version(f->memory);
    memory_io_bytes(f->memory, METADATA_LOG, &(size_t){0})[size + BATCH_HEADER_BYTES] ^= 1;
    assert_true(metadata_fixture_open(f, NULL, NULL));
}

/* Its records are of versions that we write ourselves. */
static void a_folder_with_our_own_checkpoint_is_known(void **state)
{
    struct metadata_fixture *f = *state;
    packed_folder_put(f->memory, ARCHIVE, "/data");
    assert_true(metadata_fixture_open(f, "metadata.log.max.record.bytes.between.snapshots", "1"));
    assert_int_equal(fixture_create_topic(f, "t", 1), 0);
    metadata_fixture_restart(f);
    assert_non_null(fixture_topic(f, "t"));
}

int main(void)
{
#define TEST(name)    cmocka_unit_test_setup_teardown(name, metadata_fixture_setup, metadata_fixture_teardown)
#define REFUSAL(what) TEST(what##_is_refused_and_nothing_is_changed)
    const struct CMUnitTest tests[] = {
        REFUSAL(newer_meta_properties),
        REFUSAL(newer_recovery_points),
        REFUSAL(newer_high_watermarks),
        REFUSAL(newer_log_starts),
        REFUSAL(newer_cleaner_offsets),
        REFUSAL(newer_mark_of_a_clean_stop),
        REFUSAL(newer_quorum_state),
        REFUSAL(newer_metadata_version),
        REFUSAL(newer_level_of_a_feature),
        REFUSAL(feature_that_is_not_known),
        REFUSAL(newer_version_of_a_record),
        REFUSAL(record_that_is_not_known),
        TEST(what_stands_behind_damage_does_not_count),
        TEST(a_folder_with_our_own_checkpoint_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
