/* Folders that Apache Kafka's storage tool formatted and nobody has started on (tests/folders): the metadata log begins
 * with the levels that were asked for, not with the latest; voters stay where they were told. */
#include "broker/metadata_bootstrap.h"
#include "broker/metadata_snapshot.h"
#include "lib/metadata_fixture.h"
#include "lib/packed_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define FIRST_CHECKPOINT FIXTURE_METADATA "/00000000000000000000-0000000000.checkpoint"

static void put_folder(struct metadata_fixture *f, const char *name)
{
    char archive[100];
    snprintf(archive, sizeof archive, "tests/folders/kafka-%s.tar.gz", name);
    packed_folder_put(f->memory, archive, "/data");
}

static void open_folder(struct metadata_fixture *f)
{
    assert_true(metadata_fixture_open(f, NULL, NULL));
}

static int16_t level(const struct metadata_fixture *f, const char *feature)
{
    return catalog_feature_level(f->broker->catalog, feature);
}

static void levels_of_the_first_checkpoint_are_taken_over(void **state)
{
    struct metadata_fixture *f = *state;
    put_folder(f, "4.4.0-new-of-4.0");
    open_folder(f);
    assert_int_equal(level(f, "metadata.version"), 25);
    assert_int_equal(level(f, "transaction.version"), 2);
    assert_int_equal(level(f, "group.version"), 1);
    metadata_fixture_restart(f);
    assert_int_equal(level(f, "metadata.version"), 25);
    assert_int_equal(level(f, "transaction.version"), 2);
}

static void levels_of_bootstrap_checkpoint_are_taken_over(void **state)
{
    struct metadata_fixture *f = *state;
    put_folder(f, "3.9.2-new-of-3.7");
    open_folder(f);
    assert_int_equal(level(f, "metadata.version"), 19);
    assert_int_equal(fixture_create_topic(f, "t", 1), 0);
    metadata_fixture_restart(f);
    assert_int_equal(level(f, "metadata.version"), 19);
    assert_non_null(fixture_topic(f, "t"));
}

/* What was taken over once counts no more: a level that was raised later stays. */
static void bootstrap_checkpoint_says_nothing_once_the_log_has_a_level(void **state)
{
    struct metadata_fixture *f = *state;
    put_folder(f, "3.9.2-new-of-3.7");
    open_folder(f);
    metadata_fixture_stop(f);
    memory_io_put(f->memory, "/data/bootstrap.checkpoint", "?", 1);
    open_folder(f);
    assert_int_equal(level(f, "metadata.version"), 19);
}

static void a_folder_that_dohle_makes_gets_the_latest_level(void **state)
{
    struct metadata_fixture *f = *state;
    open_folder(f);
    assert_int_equal(level(f, "metadata.version"), METADATA_VERSION_LATEST);
    assert_true(snapshot_has_voters(memory_io_files(f->memory), FIXTURE_METADATA, (struct snapshot_id){0}));
}

/* ---- voters ----------------------------------------------------------------------------------------------------- */

static void find_checkpoint(void *context, const char *name, bool is_directory)
{
    struct snapshot_id *newest = context, id;
    if (!is_directory && snapshot_name_parse(name, &id) && id.offset > newest->offset)
        *newest = id;
}

/* Have a checkpoint written by making a topic, and say whether it names voters. */
static bool next_checkpoint_has_voters(struct metadata_fixture *f, const char *topic)
{
    struct file_io *files = memory_io_files(f->memory);
    struct snapshot_id id = {0};
    assert_true(metadata_fixture_open(f, "metadata.log.max.record.bytes.between.snapshots", "1"));
    assert_int_equal(fixture_create_topic(f, topic, 1), 0);
    metadata_fixture_stop(f);
    assert_int_equal(files->list(files, FIXTURE_METADATA, find_checkpoint, &id), 0);
    assert_true(id.offset > 0);
    return snapshot_has_voters(files, FIXTURE_METADATA, id);
}

/* A Kafka that is given its voters by settings would find others in the log. */
static void voters_of_the_settings_do_not_come_into_the_log(void **state)
{
    struct metadata_fixture *f = *state;
    put_folder(f, "3.9.2-static-new-of-3.7");
    assert_false(next_checkpoint_has_voters(f, "a"));
    assert_false(memory_io_exists(f->memory, FIRST_CHECKPOINT));
    assert_false(next_checkpoint_has_voters(f, "b"));
}

static void voters_of_the_log_stay_in_it(void **state)
{
    struct metadata_fixture *f = *state;
    put_folder(f, "4.4.0-new-of-4.0");
    assert_true(next_checkpoint_has_voters(f, "a"));
    assert_true(next_checkpoint_has_voters(f, "b"));
}

static void voters_of_a_filled_folder_stay_where_they_are(void **state)
{
    struct metadata_fixture *f = *state;
    put_folder(f, "3.9.2-static");
    assert_false(next_checkpoint_has_voters(f, "a"));
}

/* ---- refused ---------------------------------------------------------------------------------------------------- */

/* Write bootstrap.checkpoint with one record. */
static void put_bootstrap(struct metadata_fixture *f, struct kp_bytes value)
{
    struct snapshot snapshot;
    struct snapshot_id any = {0};
    snapshot_init(&snapshot, any, NULL, 0, 0);
    snapshot_add(&snapshot, value);
    assert_int_equal(snapshot_write(&snapshot, memory_io_files(f->memory), "/data", any, false), 0);
    size_t size;
    uint8_t *bytes = memory_io_bytes(f->memory, "/data/00000000000000000000-0000000000.checkpoint", &size);
    memory_io_put(f->memory, "/data/bootstrap.checkpoint", bytes, size);
}

static void add_to_batch(struct metadata_fixture *f, bool expected, const char *words)
{
    struct metadata_batch batch;
    char error[METADATA_LOG_ERROR_SIZE] = "";
    metadata_batch_init(&batch, 0);
    assert_int_equal(metadata_bootstrap_add(memory_io_files(f->memory), "/data", &batch, error), expected);
    assert_non_null(strstr(error, words));
    metadata_batch_release(&batch);
}

static void put_level(struct metadata_fixture *f, int16_t number)
{
    struct arena arena;
    arena_init(&arena, 4096);
    struct kp_feature_level_record record = {.name = kp_string_of("metadata.version"), .feature_level = number};
    put_bootstrap(f, metadata_record_encode(&kp_feature_level_record_schema, 0, &record, &arena));
    arena_release(&arena);
}

static void levels_that_are_not_known_are_refused_with_words(void **state)
{
    struct metadata_fixture *f = *state;
    put_level(f, METADATA_VERSION_LATEST + 1);
    add_to_batch(f, false, "metadata.version 34, and only 7 to 33 can be opened");
    put_level(f, METADATA_VERSION_OLDEST - 1);
    add_to_batch(f, false, "metadata.version 6,");
    put_level(f, METADATA_VERSION_LATEST);
    add_to_batch(f, true, "");
}

static void records_that_are_not_known_are_refused_with_words(void **state)
{
    struct metadata_fixture *f = *state;
    put_bootstrap(f, (struct kp_bytes){(const uint8_t *)"\1\177\0\0", 4});
    add_to_batch(f, false, "record of type 127, version 0");
    put_bootstrap(f, (struct kp_bytes){(const uint8_t *)"\1\14\11\0", 4});
    add_to_batch(f, false, "record of type 12, version 9");
}

static void a_damaged_bootstrap_checkpoint_is_refused_with_words(void **state)
{
    struct metadata_fixture *f = *state;
    put_level(f, METADATA_VERSION_LATEST);
    size_t size;
    uint8_t *bytes = memory_io_bytes(f->memory, "/data/bootstrap.checkpoint", &size);
    uint8_t *copy = xmalloc(size);
    memcpy(copy, bytes, size);
    for (size_t cut = 0; cut < size; cut++) {
        memory_io_put(f->memory, "/data/bootstrap.checkpoint", copy, cut);
        add_to_batch(f, false, "is of no use");
    }
    free(copy);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, metadata_fixture_setup, metadata_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(levels_of_the_first_checkpoint_are_taken_over),
        TEST(levels_of_bootstrap_checkpoint_are_taken_over),
        TEST(bootstrap_checkpoint_says_nothing_once_the_log_has_a_level),
        TEST(a_folder_that_dohle_makes_gets_the_latest_level),
        TEST(voters_of_the_settings_do_not_come_into_the_log),
        TEST(voters_of_the_log_stay_in_it),
        TEST(voters_of_a_filled_folder_stay_where_they_are),
        TEST(levels_that_are_not_known_are_refused_with_words),
        TEST(records_that_are_not_known_are_refused_with_words),
        TEST(a_damaged_bootstrap_checkpoint_is_refused_with_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
