/* Checkpoints of the metadata log: when they are written, what goes because of them, and a log that does not reach to
 * its own. */
#include "broker/controller.h"
#include "broker/metadata_snapshot.h"
#include "lib/metadata_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define LOG_FILE FIXTURE_METADATA "/00000000000000000000.log"
#define DAY_MS   (24 * 60 * 60 * INT64_C(1000))

struct checkpoints {
    struct snapshot_id oldest, newest;
    int count;
};

static void note(void *context, const char *name, bool is_directory)
{
    struct checkpoints *found = context;
    struct snapshot_id id;
    if (is_directory || !snapshot_name_parse(name, &id))
        return;
    if (found->count == 0 || id.offset < found->oldest.offset)
        found->oldest = id;
    if (found->count == 0 || id.offset > found->newest.offset)
        found->newest = id;
    found->count++;
}

static struct checkpoints list_checkpoints(struct metadata_fixture *f)
{
    struct checkpoints found = {0};
    struct file_io *files = memory_io_files(f->memory);
    assert_int_equal(files->list(files, FIXTURE_METADATA, note, &found), 0);
    return found;
}

static void create_topics(struct metadata_fixture *f, const char *prefix, int count)
{
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s%d", prefix, i);
        assert_int_equal(fixture_create_topic(f, name, 1), 0);
    }
}

static bool exists(struct metadata_fixture *f, struct snapshot_id id)
{
    char name[SNAPSHOT_NAME_SIZE], path[128];
    snapshot_name(id, name);
    snprintf(path, sizeof path, FIXTURE_METADATA "/%s", name);
    return memory_io_exists(f->memory, path);
}

static void a_checkpoint_keeps_no_answer_waiting(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, "metadata.log.max.record.bytes.between.snapshots", "100"));
    create_topics(f, "t", 1);
    struct checkpoints before = list_checkpoints(f);
    struct kp_create_topics_request request = kp_create_topics_request_default;
    struct kp_create_topics_request_topics topic = kp_create_topics_request_topics_default;
    struct kp_create_topics_response response;
    topic.name = kp_string_of("u");
    topic.num_partitions = topic.replication_factor = 1;
    request.topics = &topic;
    request.topics_count = 1;
    int32_t id = test_peer_send(&f->peer, KP_API_CREATE_TOPICS, 7, &request);
    assert_true(test_pool_run_first(&f->base.env.pool)); /* the sync */
    assert_false(list_empty(&f->base.env.pool.jobs));    /* the checkpoint */
    assert_true(test_peer_receive(&f->peer, KP_API_CREATE_TOPICS, 7, id, &response));
    broker_fixture_run_jobs(&f->base);
    assert_true(list_checkpoints(f).newest.offset > before.newest.offset);
}

/* metadata.log.max.snapshot.interval.ms, with the first change after that. */
static void a_checkpoint_is_written_after_a_time_however_little_has_changed(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, "metadata.log.max.snapshot.interval.ms", "60000"));
    create_topics(f, "t", 2);
    assert_int_equal(list_checkpoints(f).count, 1);
    broker_fixture_advance(&f->base, 60001);
    create_topics(f, "u", 1);
    assert_int_equal(list_checkpoints(f).count, 2);
    create_topics(f, "v", 1);
    assert_int_equal(list_checkpoints(f).count, 2);
}

/* metadata.max.retention.bytes: the log begins where the oldest checkpoint that stays ends, and the ones before go. */
static void what_is_larger_than_its_retention_goes_but_for_the_newest_checkpoint(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, "metadata.max.retention.bytes", "10"));
    for (int i = 0; i < 10; i++) {
        char name[2] = {(char)('a' + i)};
        broker_fixture_advance(&f->base, DAY_MS / 24 + 1); /* metadata.log.max.snapshot.interval.ms */
        create_topics(f, name, 2);
    }
    struct checkpoints found = list_checkpoints(f);
    assert_in_range(found.count, 1, 3);
    assert_true(found.oldest.offset > 0);
    metadata_fixture_crash(f);
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(catalog_topics_count(f->broker->catalog), 20);
}

static void within_its_retention_nothing_goes(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, "metadata.log.max.record.bytes.between.snapshots", "100"));
    create_topics(f, "t", 5);
    assert_int_equal(list_checkpoints(f).oldest.offset, 0);
}

/* metadata.max.retention.ms, by the time of the last record that a checkpoint holds. */
static void what_is_older_than_its_retention_goes_but_for_the_newest_checkpoint(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, "metadata.log.max.record.bytes.between.snapshots", "100"));
    create_topics(f, "t", 3);
    struct snapshot_id old = list_checkpoints(f).newest;
    broker_fixture_advance(&f->base, 8 * DAY_MS);
    create_topics(f, "u", 1); /* the log may begin behind the old ones */
    create_topics(f, "v", 1); /* they are removed */
    assert_false(exists(f, old));
    assert_true(list_checkpoints(f).oldest.offset > old.offset);
    metadata_fixture_restart(f);
    assert_int_equal(catalog_topics_count(f->broker->catalog), 5);
}

/* As Kafka does: the checkpoint holds all that the log had. */
static void a_log_that_ends_before_its_checkpoint_begins_anew_behind_it(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, "metadata.log.max.record.bytes.between.snapshots", "100"));
    create_topics(f, "t", 5);
    metadata_fixture_crash(f);
    struct checkpoints found = list_checkpoints(f);
    size_t size;
    struct record_batch first;
    const uint8_t *bytes = memory_io_bytes(f->memory, LOG_FILE, &size);
    assert_int_equal(record_batch_view(&first, bytes, size), BATCH_OK);
    uint8_t *copy = xmalloc((size_t)first.size_bytes);
    memcpy(copy, bytes, (size_t)first.size_bytes);
    memory_io_put(f->memory, LOG_FILE, copy, (size_t)first.size_bytes);
    free(copy);
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(catalog_topics_count(f->broker->catalog), 5);
    assert_true(metadata_log_end_offset(f->broker->metadata_log) > found.newest.offset);
    create_topics(f, "u", 1);
    metadata_fixture_restart(f);
    assert_int_equal(catalog_topics_count(f->broker->catalog), 6);
    assert_false(memory_io_exists(f->memory, LOG_FILE));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, metadata_fixture_setup, metadata_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_checkpoint_keeps_no_answer_waiting),
        TEST(a_checkpoint_is_written_after_a_time_however_little_has_changed),
        TEST(what_is_larger_than_its_retention_goes_but_for_the_newest_checkpoint),
        TEST(within_its_retention_nothing_goes),
        TEST(what_is_older_than_its_retention_goes_but_for_the_newest_checkpoint),
        TEST(a_log_that_ends_before_its_checkpoint_begins_anew_behind_it),
    };
    return cmocka_run_group_tests_name("metadata_checkpoint", tests, NULL, NULL);
}
