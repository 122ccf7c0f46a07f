/* The metadata log and what each start does to it: broker/metadata_log.h, broker/metadata_snapshot.h,
 * broker/controller.h. The whole broker runs, on files in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>

#include "broker/controller.h"
#include "broker/features.h"
#include "broker/metadata_snapshot.h"
#include "broker/producer_ids.h"
#include "lib/metadata_fixture.h"

#define LOG_FILE         FIXTURE_METADATA "/00000000000000000000.log"
#define FIRST_CHECKPOINT FIXTURE_METADATA "/00000000000000000000-0000000000.checkpoint"

static int64_t init_producer_id(struct metadata_fixture *f)
{
    struct kp_init_producer_id_request request = kp_init_producer_id_request_default;
    request.transactional_id = KP_NULL_STRING;
    struct kp_init_producer_id_response response;
    if (!metadata_fixture_ask(f, KP_API_INIT_PRODUCER_ID, 4, &request, &response) || response.error_code != 0)
        return -1;
    return response.producer_id;
}

/* ---- the log's own bytes -------------------------------------------------------------------------------------------- */

struct seen {
    int control_batches, records;
    int16_t types[64];
    int32_t epoch; /* of the last batch */
    bool same_timestamps;
};

static bool see_record(void *context, int64_t offset, const struct metadata_record *record)
{
    struct seen *seen = context;
    (void)offset;
    if (seen->records < (int)COUNT_OF(seen->types))
        seen->types[seen->records] = record->type;
    seen->records++;
    return true;
}

/* Look at all batches of the log file. */
static struct seen look(struct metadata_fixture *f)
{
    struct seen seen = {.same_timestamps = true};
    size_t size;
    const uint8_t *bytes = memory_io_bytes(f->memory, LOG_FILE, &size);
    struct record_batch batch;
    for (size_t at = 0; at < size; at += (size_t)batch.size_bytes) {
        assert_int_equal(record_batch_view(&batch, bytes + at, size - at), BATCH_OK);
        assert_true(record_batch_crc_ok(&batch));
        seen.epoch = batch.leader_epoch;
        seen.same_timestamps = seen.same_timestamps && batch.base_timestamp_ms == batch.max_timestamp_ms;
        if (batch.attributes & BATCH_CONTROL)
            seen.control_batches++;
        else
            assert_true(metadata_batch_each(&batch, see_record, &seen));
    }
    return seen;
}

static int count_type(const struct seen *seen, int16_t type)
{
    int count = 0;
    for (int i = 0; i < seen->records && i < (int)COUNT_OF(seen->types); i++)
        count += seen->types[i] == type;
    return count;
}

/* Kafka opens no folder without voters, a level of its metadata and, at once, a registration that is fenced. */
static void a_new_folder_is_formatted_as_kafka_needs_it(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_true(memory_io_exists(f->memory, FIRST_CHECKPOINT));
    struct seen seen = look(f);
    assert_int_equal(seen.control_batches, 1);
    assert_int_equal(seen.epoch, 1);
    assert_int_equal(count_type(&seen, KP_TYPE_FEATURE_LEVEL_RECORD), FEATURES_COUNT);
    assert_int_equal(count_type(&seen, KP_TYPE_REGISTER_BROKER_RECORD), 1);
    assert_int_equal(catalog_feature_level(f->broker->catalog, "metadata.version"), METADATA_VERSION_LATEST);
    assert_int_equal(catalog_feature_level(f->broker->catalog, "transaction.version"), TRANSACTION_VERSION_LATEST);
    assert_int_equal(catalog_feature_level(f->broker->catalog, "group.version"), 0);
}

/* The first checkpoint has the directory id of meta.properties: Kafka would wait for ever for another voter. */
static void the_first_checkpoint_names_this_directory_as_the_voter(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    size_t size;
    const uint8_t *bytes = memory_io_bytes(f->memory, FIRST_CHECKPOINT, &size);
    bool found = false;
    for (size_t i = 0; i + 16 <= size; i++)
        found = found || memcmp(bytes + i, f->broker->directory_id.bytes, 16) == 0;
    assert_true(found);
}

/* Kafka ends at start on a batch whose records differ in their timestamps. */
static void all_records_of_a_batch_have_one_timestamp(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(fixture_create_topic_with(f, "t", 3, "retention.ms", "1000"), 0);
    test_env_advance(&f->base.env, 5000);
    assert_int_equal(fixture_create_topic(f, "u", 1), 0);
    assert_true(look(f).same_timestamps);
}

static void each_start_is_a_new_epoch_and_quorum_state_knows_it(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    metadata_fixture_restart(f);
    metadata_fixture_restart(f);
    struct seen seen = look(f);
    assert_int_equal(seen.control_batches, 3);
    assert_int_equal(seen.epoch, 3);
    assert_int_equal(fixture_create_topic(f, "t", 1),
                     0); /* a start alone writes nothing that it would have to wait for */
    size_t size;
    const char *text = (const char *)memory_io_bytes(f->memory, FIXTURE_METADATA "/quorum-state", &size);
    const char expected[] = "{\"leaderId\":1,\"leaderEpoch\":3,\"votedId\":-1,"
                            "\"votedDirectoryId\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"data_version\":1}";
    assert_int_equal(size, sizeof expected - 1);
    assert_memory_equal(text, expected, size);
}

static void the_new_epoch_is_above_that_of_quorum_state(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    metadata_fixture_stop(f);
    const char text[] = "{\"leaderId\":1,\"leaderEpoch\":41,\"votedId\":-1,\"data_version\":1}";
    memory_io_put(f->memory, FIXTURE_METADATA "/quorum-state", text, sizeof text - 1);
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(look(f).epoch, 42);
}

/* ---- restarts ------------------------------------------------------------------------------------------------------- */

static void topics_come_back_with_their_ids_partitions_and_settings(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(fixture_create_topic_with(f, "t", 3, "retention.ms", "1234"), 0);
    struct kp_uuid id = fixture_topic(f, "t")->id;
    metadata_fixture_restart(f);
    struct topic *topic = fixture_topic(f, "t");
    assert_non_null(topic);
    assert_memory_equal(topic->id.bytes, id.bytes, sizeof id.bytes);
    assert_int_equal(topic->partitions_count, 3);
    assert_int_equal(topic->log_config.retention_ms, 1234);
    assert_ptr_equal(catalog_topic_by_id(f->broker->catalog, id), topic);
}

static void a_deleted_topic_stays_away_and_its_name_gets_a_new_id(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(fixture_create_topic_with(f, "t", 2, "retention.ms", "1234"), 0);
    struct kp_uuid id = fixture_topic(f, "t")->id;
    assert_int_equal(fixture_delete_topic(f, "t"), 0);
    assert_null(fixture_topic(f, "t"));
    assert_int_equal(fixture_create_topic(f, "t", 1), 0);
    metadata_fixture_restart(f);
    struct topic *topic = fixture_topic(f, "t");
    assert_non_null(topic);
    assert_memory_not_equal(topic->id.bytes, id.bytes, sizeof id.bytes);
    assert_int_equal(topic->partitions_count, 1);
    assert_int_equal(topic->log_config.retention_ms, 604800000); /* the old one's settings went with it */
}

/* Leader epochs move when something may have been lost, and only then. */
static void leader_epochs_rise_after_a_crash_and_not_after_a_clean_stop(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(fixture_create_topic(f, "t", 2), 0);
    metadata_fixture_restart(f);
    assert_int_equal(fixture_topic(f, "t")->partitions[1]->leader_epoch, 0);
    metadata_fixture_crash(f);
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(fixture_topic(f, "t")->partitions[0]->leader_epoch, 1);
    assert_int_equal(fixture_topic(f, "t")->partitions[1]->leader_epoch, 1);
    assert_int_equal(fixture_topic(f, "t")->partitions[1]->leader, 1);
}

/* The mark of a clean stop has the epoch of the only registration, or Kafka takes the stop for unclean. */
static void the_broker_registers_once_and_its_epoch_is_in_the_clean_mark(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    metadata_fixture_restart(f);
    int64_t epoch = controller_broker_epoch(f->broker, f->broker->node_id);
    struct seen seen = look(f);
    assert_int_equal(count_type(&seen, KP_TYPE_REGISTER_BROKER_RECORD), 1);
    assert_int_equal(epoch, 3); /* its offset: behind the leader change and the levels of features */
    metadata_fixture_stop(f);
    size_t size;
    const char *text = (const char *)memory_io_bytes(f->memory, "/data/.kafka_cleanshutdown", &size);
    assert_non_null(text);
    assert_memory_equal(text, "{\"version\":0,\"brokerEpoch\":3}", size);
}

static bool registered_as_fenced(const struct metadata_fixture *f)
{
    struct kp_register_broker_record registration;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    assert_true(catalog_registration(f->broker->catalog, f->broker->node_id, &registration, &arena));
    arena_release(&arena);
    return registration.fenced;
}

/* Of an unfenced one Kafka believes that it still serves, and waits for its session to end. */
static void the_registration_is_fenced(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_true(registered_as_fenced(f));
}

static void a_registration_that_a_killed_kafka_left_unfenced_is_fenced(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    struct kp_broker_registration_change_record change = kp_broker_registration_change_record_default;
    struct metadata_batch batch;
    change.broker_id = 1;
    change.broker_epoch = controller_broker_epoch(f->broker, f->broker->node_id);
    change.fenced = -1;
    controller_begin(f->broker, &batch);
    metadata_batch_add(&batch, &kp_broker_registration_change_record_schema, 0, &change);
    assert_int_equal(controller_commit(f->broker, &batch, NULL), 0);
    assert_false(registered_as_fenced(f));
    metadata_fixture_restart(f);
    assert_true(registered_as_fenced(f));
}

static void producer_ids_are_never_issued_twice(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(init_producer_id(f), 0);
    assert_int_equal(init_producer_id(f), 1);
    metadata_fixture_restart(f);
    assert_int_equal(init_producer_id(f), 1000);
    metadata_fixture_crash(f);
    assert_true(metadata_fixture_open(f, NULL, NULL));
    for (int64_t id = 2000; id < 3001; id++) /* through the end of a block */
        assert_int_equal(init_producer_id(f), id);
    metadata_fixture_restart(f);
    assert_int_equal(init_producer_id(f), 4000);
}

/* ---- durability ----------------------------------------------------------------------------------------------------- */

static struct kp_create_topics_request one_topic(struct kp_create_topics_request_topics *topic, const char *name)
{
    struct kp_create_topics_request request = kp_create_topics_request_default;
    *topic = kp_create_topics_request_topics_default;
    topic->name = kp_string_of(name);
    topic->num_partitions = 1;
    topic->replication_factor = 1;
    request.topics = topic;
    request.topics_count = 1;
    return request;
}

static void a_change_is_answered_only_when_it_is_synced(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    struct kp_create_topics_request_topics topic;
    struct kp_create_topics_request request = one_topic(&topic, "t");
    struct kp_create_topics_response response;
    int32_t id = test_peer_send(&f->peer, KP_API_CREATE_TOPICS, 7, &request);
    assert_false(test_peer_receive(&f->peer, KP_API_CREATE_TOPICS, 7, id, &response));
    assert_non_null(fixture_topic(f, "t"));
    broker_fixture_run_jobs(&f->base);
    assert_true(test_peer_receive(&f->peer, KP_API_CREATE_TOPICS, 7, id, &response));
}

static void a_producer_id_is_told_only_when_its_block_is_synced(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    struct kp_init_producer_id_request request = kp_init_producer_id_request_default;
    struct kp_init_producer_id_response response;
    request.transactional_id = KP_NULL_STRING;
    int32_t first = test_peer_send(&f->peer, KP_API_INIT_PRODUCER_ID, 4, &request);
    int32_t second = test_peer_send(&f->peer, KP_API_INIT_PRODUCER_ID, 4, &request); /* out of the same block */
    assert_false(test_peer_receive(&f->peer, KP_API_INIT_PRODUCER_ID, 4, first, &response));
    broker_fixture_run_jobs(&f->base);
    assert_true(test_peer_receive(&f->peer, KP_API_INIT_PRODUCER_ID, 4, first, &response));
    assert_int_equal(response.producer_id, 0);
    assert_true(test_peer_receive(&f->peer, KP_API_INIT_PRODUCER_ID, 4, second, &response));
    assert_int_equal(response.producer_id, 1);
}

/* Records of a new leader epoch may only be written when nothing can take the epoch back: it would be given out again.
 */
static void raised_leader_epochs_survive_a_power_cut(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(fixture_create_topic(f, "t", 1), 0);
    for (int32_t epoch = 1; epoch <= 3; epoch++) {
        metadata_fixture_crash(f);
        memory_io_power_cut(f->memory, 0);
        assert_true(metadata_fixture_open(f, NULL, NULL));
        assert_int_equal(fixture_topic(f, "t")->partitions[0]->leader_epoch, epoch);
    }
}

/* Answered changes survive; an unanswered one may be lost, whole. */
static void what_was_answered_survives_a_power_cut(void **state)
{
    struct metadata_fixture *f = *state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct kp_create_topics_request_topics topic;
        struct kp_create_topics_request request = one_topic(&topic, "lost");
        assert_true(metadata_fixture_open(f, NULL, NULL));
        if (fixture_topic(f, "kept") == NULL)
            assert_int_equal(fixture_create_topic(f, "kept", 2), 0);
        if (fixture_topic(f, "lost") == NULL)
            test_peer_send(&f->peer, KP_API_CREATE_TOPICS, 7, &request);
        metadata_fixture_crash(f);
        memory_io_power_cut(f->memory, seed);
        assert_true(metadata_fixture_open(f, NULL, NULL));
        assert_non_null(fixture_topic(f, "kept"));
        assert_int_equal(fixture_topic(f, "kept")->partitions_count, 2);
        struct topic *lost = fixture_topic(f, "lost");
        assert_true(lost == NULL || lost->partitions_count == 1);
        metadata_fixture_crash(f);
    }
}

/* Send a batch without waiting for its answer. */
static void send_record(struct test_peer *peer, const char *topic)
{
    static const uint8_t value[] = {'v'};
    const struct kp_bytes none = {NULL, 0}, null = {NULL, -1};
    struct batch_builder builder;
    batch_builder_init(&builder, 1);
    batch_builder_add(&builder, 1, null, (struct kp_bytes){value, sizeof value}, none, 0);
    assert_true(batch_builder_finish(&builder, &BATCH_HEADER_PLAIN));
    struct test_produce_request produce;
    test_produce_request_init(&produce, topic, 0, &builder);
    test_peer_send(peer, KP_API_PRODUCE, 9, &produce.request);
    batch_builder_release(&builder);
}

/* Run the jobs that were submitted first, and no others. */
static void run_some_jobs(struct metadata_fixture *f, int count)
{
    while (count-- > 0 && test_pool_run_first(&f->base.env.pool)) {
    }
}

/* Kafka puts a folder aside whose topic is not in the metadata: the record is on the disk before the folder is made. */
static void no_folder_is_on_the_disk_without_its_topic(void **state)
{
    int folders = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        void *fresh;
        metadata_fixture_setup(&fresh);
        struct metadata_fixture *f = fresh;
        struct kp_create_topics_request_topics topic;
        struct kp_create_topics_request request = one_topic(&topic, "t");
        assert_true(metadata_fixture_open(f, NULL, NULL));
        test_peer_send(&f->peer, KP_API_CREATE_TOPICS, 7, &request);
        send_record(&f->peer, "t");
        run_some_jobs(f, (int)(seed % 3)); /* none, the sync of the topic, the making of the folder as well */
        metadata_fixture_crash(f);
        memory_io_power_cut(f->memory, seed);
        bool folder = memory_io_exists(f->memory, "/data/t-0/00000000000000000000.log");
        folders += folder;
        assert_true(metadata_fixture_open(f, NULL, NULL));
        assert_true(!folder || fixture_topic(f, "t") != NULL);
        metadata_fixture_teardown(&fresh);
    }
    assert_in_range(folders, 1, 39); /* of both kinds there were some */
}

/* Folders are removed when the record that says so is on the disk, answered or not: a topic that a power cut brings
 * back would have lost its records. */
static void a_topic_whose_records_are_gone_is_gone(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        void *fresh;
        metadata_fixture_setup(&fresh);
        struct metadata_fixture *f = fresh;
        assert_true(metadata_fixture_open(f, NULL, NULL));
        assert_int_equal(fixture_create_topic(f, "t", 1), 0);
        assert_int_equal(test_produce(&f->peer, "t", 0, 5), 0);
        metadata_fixture_restart(f); /* the records are on the disk */
        struct kp_delete_topics_request_topics topic = {.name = kp_string_of("t")};
        struct kp_delete_topics_request request = {.topics = &topic, .topics_count = 1, .timeout_ms = 1000};
        test_peer_send(&f->peer, KP_API_DELETE_TOPICS, 6, &request);
        run_some_jobs(f, (int)(seed % 4)); /* none, the sync, the renaming of the folder, its removal as well */
        metadata_fixture_crash(f);
        memory_io_power_cut(f->memory, seed);
        assert_true(metadata_fixture_open(f, NULL, NULL));
        struct topic *back = fixture_topic(f, "t");
        assert_true(back == NULL || log_end_offset(back->partitions[0]->log) == 5);
        metadata_fixture_teardown(&fresh);
    }
}

/* After a failed sync nobody knows what is on the disk. */
static void a_failed_sync_closes_the_connection_and_ends_changes(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    memory_io_fail(f->memory, CALL_SYNC, 1, EIO, true);
    assert_int_equal(fixture_create_topic(f, "t", 1), NO_ANSWER);
    memory_io_fail(f->memory, CALL_SYNC, 0, 0, false);
    assert_int_equal(fixture_create_topic(f, "u", 1), KAFKA_KAFKA_STORAGE_ERROR);
    assert_null(fixture_topic(f, "u"));
}

/* A full disk refuses the change, and nothing of it is left. */
static void a_full_disk_refuses_a_change_and_heals(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    memory_io_set_capacity(f->memory, 0);
    assert_int_equal(fixture_create_topic(f, "t", 1), KAFKA_KAFKA_STORAGE_ERROR);
    assert_null(fixture_topic(f, "t"));
    memory_io_set_capacity(f->memory, -1);
    assert_int_equal(fixture_create_topic(f, "t", 1), 0);
    metadata_fixture_restart(f);
    assert_non_null(fixture_topic(f, "t"));
}

/* Whatever call fails while the folder is formatted, the next start succeeds. */
static void every_failure_of_the_first_start_is_survived(void **state)
{
    (void)state;
    bool fired = true;
    for (int k = 1; fired; k++) {
        void *fresh;
        metadata_fixture_setup(&fresh);
        struct metadata_fixture *f = fresh;
        memory_io_fail(f->memory, CALL_ANY, k, EIO, false);
        bool opened = metadata_fixture_open(f, NULL, NULL);
        fired = memory_io_fault_fired(f->memory);
        memory_io_fail(f->memory, 0, 0, 0, false);
        if (opened)
            metadata_fixture_crash(f);
        memory_io_power_cut(f->memory, (uint64_t)k);
        assert_true(metadata_fixture_open(f, NULL, NULL));
        assert_int_equal(fixture_create_topic(f, "t", 1), 0);
        metadata_fixture_teardown(&fresh);
    }
}

/* ---- damage --------------------------------------------------------------------------------------------------------- */

static void a_torn_tail_is_cut_and_what_was_before_it_counts(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(fixture_create_topic(f, "whole", 1), 0);
    assert_int_equal(fixture_create_topic(f, "torn", 1), 0);
    metadata_fixture_crash(f);
    size_t size;
    const uint8_t *bytes = memory_io_bytes(f->memory, LOG_FILE, &size);
    uint8_t *copy = xmalloc(size);
    memcpy(copy, bytes, size);
    memory_io_put(f->memory, LOG_FILE, copy, size - 10);
    free(copy);
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_non_null(fixture_topic(f, "whole"));
    assert_null(fixture_topic(f, "torn"));
    assert_int_equal(fixture_create_topic(f, "torn", 1), 0);
    metadata_fixture_restart(f);
    assert_non_null(fixture_topic(f, "torn"));
}

/* After a clean stop nothing is torn: what does not add up is damage, and guessing would lose topics. */
static void damage_after_a_clean_stop_is_refused(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(fixture_create_topic(f, "before", 1), 0);
    for (int i = 0; i < 100; i++) { /* the damage is far from the end, where nobody looks but the replay */
        char name[24];
        snprintf(name, sizeof name, "behind%d", i);
        assert_int_equal(fixture_create_topic(f, name, 1), 0);
    }
    metadata_fixture_stop(f);
    size_t size;
    uint8_t *bytes = memory_io_bytes(f->memory, LOG_FILE, &size);
    uint8_t *name = memmem(bytes, size, "before", 6);
    assert_non_null(name);
    name[0] ^= 1;
    assert_false(metadata_fixture_open(f, NULL, NULL));
}

/* ---- records that others wrote -------------------------------------------------------------------------------------- */

static void append_record(struct metadata_batch *batch, const struct kp_schema *schema, const void *message)
{
    metadata_batch_add(batch, schema, 0, message);
}

/* Append a batch to the log file of a stopped broker, as if Kafka had. */
static void append_to_file(struct metadata_fixture *f, struct metadata_batch *batch, int64_t base_offset)
{
    size_t size;
    const uint8_t *bytes = memory_io_bytes(f->memory, LOG_FILE, &size);
    metadata_batch_finish(batch, base_offset, 1, false);
    uint8_t *longer = xmalloc(size + batch->builder.size_bytes);
    memcpy(longer, bytes, size);
    memcpy(longer + size, batch->builder.bytes, batch->builder.size_bytes);
    memory_io_put(f->memory, LOG_FILE, longer, size + batch->builder.size_bytes);
    free(longer);
    metadata_batch_release(batch);
}

/* Open once and crash: the next open recovers the log, so that a batch may be put behind it. Returns the log's end. */
static int64_t begin_foreign(struct metadata_fixture *f, struct metadata_batch *batch)
{
    assert_true(metadata_fixture_open(f, NULL, NULL));
    int64_t end = metadata_log_end_offset(f->broker->metadata_log);
    metadata_fixture_crash(f);
    metadata_batch_init(batch, 1700000000000);
    return end;
}

static struct kp_topic_record topic_record(const char *name, uint8_t id)
{
    struct kp_topic_record record = {.name = kp_string_of(name)};
    memset(record.topic_id.bytes, id, sizeof record.topic_id.bytes);
    return record;
}

/* KIP-868: between begin and end of a transaction nothing counts until the end is there. */
static void records_of_a_complete_transaction_count(void **state)
{
    struct metadata_fixture *f = *state;
    struct metadata_batch batch;
    int64_t end = begin_foreign(f, &batch);
    struct kp_topic_record topic = topic_record("t", 7);
    append_record(&batch, &kp_begin_transaction_record_schema, &kp_begin_transaction_record_default);
    append_record(&batch, &kp_topic_record_schema, &topic);
    append_record(&batch, &kp_end_transaction_record_schema, &kp_end_transaction_record_default);
    append_to_file(f, &batch, end);
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_non_null(fixture_topic(f, "t"));
}

static void records_of_an_aborted_transaction_do_not_count(void **state)
{
    struct metadata_fixture *f = *state;
    struct metadata_batch batch;
    int64_t end = begin_foreign(f, &batch);
    struct kp_topic_record topic = topic_record("t", 7), other = topic_record("u", 8);
    append_record(&batch, &kp_begin_transaction_record_schema, &kp_begin_transaction_record_default);
    append_record(&batch, &kp_topic_record_schema, &topic);
    append_record(&batch, &kp_abort_transaction_record_schema, &kp_abort_transaction_record_default);
    append_record(&batch, &kp_topic_record_schema, &other);
    append_to_file(f, &batch, end);
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_null(fixture_topic(f, "t"));
    assert_non_null(fixture_topic(f, "u"));
}

/* One that is open at the log's end is aborted before anything of ours is written, or that would not count either. */
static void a_transaction_that_a_crash_left_open_is_aborted(void **state)
{
    struct metadata_fixture *f = *state;
    struct metadata_batch batch;
    int64_t end = begin_foreign(f, &batch);
    struct kp_topic_record topic = topic_record("t", 7);
    append_record(&batch, &kp_begin_transaction_record_schema, &kp_begin_transaction_record_default);
    append_record(&batch, &kp_topic_record_schema, &topic);
    append_to_file(f, &batch, end);
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_null(fixture_topic(f, "t"));
    assert_int_equal(fixture_create_topic(f, "u", 1), 0);
    metadata_fixture_restart(f);
    assert_null(fixture_topic(f, "t"));
    assert_non_null(fixture_topic(f, "u"));
}

static void a_newer_metadata_version_is_refused(void **state)
{
    struct metadata_fixture *f = *state;
    struct metadata_batch batch;
    int64_t end = begin_foreign(f, &batch);
    struct kp_feature_level_record level = {.name = kp_string_of("metadata.version"),
                                            .feature_level = METADATA_VERSION_LATEST + 1};
    append_record(&batch, &kp_feature_level_record_schema, &level);
    append_to_file(f, &batch, end);
    assert_false(metadata_fixture_open(f, NULL, NULL));
}

/* Partitions on other brokers belong to a cluster, whose data this node has only a part of. */
static void a_folder_of_a_larger_cluster_is_refused(void **state)
{
    struct metadata_fixture *f = *state;
    struct metadata_batch batch;
    int64_t end = begin_foreign(f, &batch);
    struct kp_topic_record topic = topic_record("t", 7);
    int32_t replicas[] = {1, 2};
    struct kp_partition_record partition = kp_partition_record_default;
    partition.partition_id = 0;
    partition.topic_id = topic.topic_id;
    partition.replicas = partition.isr = replicas;
    partition.replicas_count = partition.isr_count = 2;
    append_record(&batch, &kp_topic_record_schema, &topic);
    append_record(&batch, &kp_partition_record_schema, &partition);
    append_to_file(f, &batch, end);
    assert_false(metadata_fixture_open(f, NULL, NULL));
}

/* As Kafka leaves them at a clean stop: nobody leads, and this replica is eligible (KIP-966). */
static void partitions_without_a_leader_are_taken_in_a_new_leader_epoch(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(fixture_create_topic(f, "t", 1), 0);
    struct kp_partition_change_record change = kp_partition_change_record_default;
    int32_t self = 1;
    change.partition_id = 0;
    change.topic_id = fixture_topic(f, "t")->id;
    change.leader = -1;
    change.isr_count = 0;
    change.eligible_leader_replicas = change.last_known_elr = &self;
    change.eligible_leader_replicas_count = change.last_known_elr_count = 1;
    struct metadata_batch batch;
    controller_begin(f->broker, &batch);
    metadata_batch_add(&batch, &kp_partition_change_record_schema, 2, &change);
    assert_int_equal(controller_commit(f->broker, &batch, NULL), 0);
    metadata_fixture_restart(f);
    assert_int_equal(fixture_topic(f, "t")->partitions[0]->leader, 1);
    assert_int_equal(fixture_topic(f, "t")->partitions[0]->leader_epoch, 2);
}

/* ---- checkpoints ---------------------------------------------------------------------------------------------------- */

struct collected {
    int count;
    int topics, partitions, quotas;
};

static bool collect(void *context, int64_t offset, const struct metadata_record *record)
{
    struct collected *collected = context;
    (void)offset;
    collected->count++;
    collected->topics += record->type == KP_TYPE_TOPIC_RECORD;
    collected->partitions += record->type == KP_TYPE_PARTITION_RECORD;
    collected->quotas += record->type == KP_TYPE_CLIENT_QUOTA_RECORD;
    return true;
}

static void set_quota(struct metadata_fixture *f, const char *user, double value, bool remove)
{
    struct kp_client_quota_record_entity entity = {.entity_type = kp_string_of("user"),
                                                   .entity_name = kp_string_of(user)};
    struct kp_client_quota_record quota = {.entity = &entity,
                                           .entity_count = 1,
                                           .key = kp_string_of("producer_byte_rate"),
                                           .value = value,
                                           .remove = remove};
    struct metadata_batch batch;
    controller_begin(f->broker, &batch);
    metadata_batch_add(&batch, &kp_client_quota_record_schema, 0, &quota);
    assert_int_equal(controller_commit(f->broker, &batch, NULL), 0);
}

/* The newest checkpoint in the folder above offset 0, with offset 0 when there is none. */
static void find_checkpoint(void *context, const char *name, bool is_directory)
{
    struct snapshot_id *newest = context, id;
    if (!is_directory && snapshot_name_parse(name, &id) && id.offset > newest->offset)
        *newest = id;
}

/* What we do not act on ourselves is in a checkpoint, too: the newest value of each, and nothing that was removed. */
static void a_checkpoint_holds_the_state_and_the_next_start_reads_it(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, "metadata.log.max.record.bytes.between.snapshots", "1500"));
    set_quota(f, "u", 1000, false);
    set_quota(f, "u", 2000, false);
    set_quota(f, "v", 1000, false);
    set_quota(f, "v", 0, true);
    assert_int_equal(fixture_create_topic(f, "gone", 4), 0);
    assert_int_equal(fixture_delete_topic(f, "gone"), 0);
    assert_int_equal(fixture_create_topic_with(f, "t", 3, "retention.ms", "1234"), 0);
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        assert_int_equal(fixture_create_topic(f, name, 1), 0);
    }
    struct snapshot_id id = {0};
    struct file_io *files = memory_io_files(f->memory);
    assert_int_equal(files->list(files, FIXTURE_METADATA, find_checkpoint, &id), 0);
    assert_true(id.offset > 0);

    struct collected collected = {0};
    const char *sentence;
    assert_true(snapshot_read(files, FIXTURE_METADATA, id, collect, &collected, &sentence));
    assert_int_equal(collected.quotas, 1);
    assert_true(collected.topics >= 1);
    assert_true(collected.partitions >= 3);

    struct kp_uuid topic_id = fixture_topic(f, "t")->id;
    metadata_fixture_restart(f);
    assert_memory_equal(fixture_topic(f, "t")->id.bytes, topic_id.bytes, sizeof topic_id.bytes);
    assert_int_equal(fixture_topic(f, "t")->partitions_count, 3);
    assert_int_equal(fixture_topic(f, "t")->log_config.retention_ms, 1234);
    assert_int_equal(catalog_topics_count(f->broker->catalog), 11);
    assert_null(fixture_topic(f, "gone"));
}

/* Kafka may have removed all segments below its checkpoint: then the log begins there. */
static void a_folder_with_nothing_but_a_checkpoint_is_opened(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, "metadata.log.max.record.bytes.between.snapshots", "100"));
    assert_int_equal(fixture_create_topic(f, "t", 3), 0);
    metadata_fixture_stop(f);
    struct snapshot_id id = {0};
    struct file_io *files = memory_io_files(f->memory);
    assert_int_equal(files->list(files, FIXTURE_METADATA, find_checkpoint, &id), 0);
    assert_true(id.offset > 0);
    files->unlink(files, LOG_FILE);
    files->unlink(files, FIXTURE_METADATA "/00000000000000000000.index");
    files->unlink(files, FIXTURE_METADATA "/00000000000000000000.timeindex");
    files->unlink(files, FIXTURE_METADATA "/leader-epoch-checkpoint");
    files->unlink(files, FIRST_CHECKPOINT);
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(fixture_topic(f, "t")->partitions_count, 3);
    assert_true(metadata_log_end_offset(f->broker->metadata_log) > id.offset);
    assert_int_equal(fixture_create_topic(f, "u", 1), 0);
    metadata_fixture_restart(f);
    assert_non_null(fixture_topic(f, "t"));
    assert_non_null(fixture_topic(f, "u"));
}

static void a_checkpoint_without_its_footer_is_refused(void **state)
{
    struct metadata_fixture *f = *state;
    struct file_io *files = memory_io_files(f->memory);
    assert_true(metadata_fixture_open(f, "metadata.log.max.record.bytes.between.snapshots", "100"));
    assert_int_equal(fixture_create_topic(f, "t", 3), 0);
    metadata_fixture_stop(f);
    struct snapshot_id id = {0};
    assert_int_equal(files->list(files, FIXTURE_METADATA, find_checkpoint, &id), 0);
    char name[SNAPSHOT_NAME_SIZE], path[200];
    snapshot_name(id, name);
    snprintf(path, sizeof path, FIXTURE_METADATA "/%s", name);
    size_t size;
    const uint8_t *bytes = memory_io_bytes(f->memory, path, &size);
    uint8_t *copy = xmalloc(size);
    memcpy(copy, bytes, size);
    memory_io_put(f->memory, path, copy, size - 75); /* the footer's batch: header 61, record 14 */
    free(copy);
    struct collected collected = {0};
    const char *sentence;
    assert_false(snapshot_read(files, FIXTURE_METADATA, id, collect, &collected, &sentence));
    assert_string_equal(sentence, "its footer is missing");
    assert_false(metadata_fixture_open(f, NULL, NULL));
}

static void names_of_checkpoints_are_read_and_others_are_not(void **state)
{
    (void)state;
    struct snapshot_id id;
    assert_true(snapshot_name_parse("00000000000000000291-0000000007.checkpoint", &id));
    assert_int_equal(id.offset, 291);
    assert_int_equal(id.epoch, 7);
    const char *others[] = {"",
                            "quorum-state",
                            "00000000000000000000.log",
                            "00000000000000000291-0000000007.checkpoint.tmp",
                            "0000000000000000029x-0000000007.checkpoint",
                            "99999999999999999999-0000000007.checkpoint",
                            "00000000000000000291-9999999999.checkpoint"};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_false(snapshot_name_parse(others[i], &id));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, metadata_fixture_setup, metadata_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_new_folder_is_formatted_as_kafka_needs_it),
        TEST(the_first_checkpoint_names_this_directory_as_the_voter),
        TEST(all_records_of_a_batch_have_one_timestamp),
        TEST(each_start_is_a_new_epoch_and_quorum_state_knows_it),
        TEST(the_new_epoch_is_above_that_of_quorum_state),
        TEST(topics_come_back_with_their_ids_partitions_and_settings),
        TEST(a_deleted_topic_stays_away_and_its_name_gets_a_new_id),
        TEST(leader_epochs_rise_after_a_crash_and_not_after_a_clean_stop),
        TEST(the_broker_registers_once_and_its_epoch_is_in_the_clean_mark),
        TEST(the_registration_is_fenced),
        TEST(a_registration_that_a_killed_kafka_left_unfenced_is_fenced),
        TEST(producer_ids_are_never_issued_twice),
        TEST(a_change_is_answered_only_when_it_is_synced),
        TEST(a_producer_id_is_told_only_when_its_block_is_synced),
        TEST(what_was_answered_survives_a_power_cut),
        TEST(raised_leader_epochs_survive_a_power_cut),
        TEST(no_folder_is_on_the_disk_without_its_topic),
        TEST(a_topic_whose_records_are_gone_is_gone),
        TEST(a_failed_sync_closes_the_connection_and_ends_changes),
        TEST(a_full_disk_refuses_a_change_and_heals),
        TEST(every_failure_of_the_first_start_is_survived),
        TEST(a_torn_tail_is_cut_and_what_was_before_it_counts),
        TEST(damage_after_a_clean_stop_is_refused),
        TEST(records_of_a_complete_transaction_count),
        TEST(records_of_an_aborted_transaction_do_not_count),
        TEST(a_transaction_that_a_crash_left_open_is_aborted),
        TEST(a_newer_metadata_version_is_refused),
        TEST(a_folder_of_a_larger_cluster_is_refused),
        TEST(partitions_without_a_leader_are_taken_in_a_new_leader_epoch),
        TEST(a_checkpoint_holds_the_state_and_the_next_start_reads_it),
        TEST(a_folder_with_nothing_but_a_checkpoint_is_opened),
        TEST(a_checkpoint_without_its_footer_is_refused),
        TEST(names_of_checkpoints_are_read_and_others_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
