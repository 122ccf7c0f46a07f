/* A metadata folder that Apache Kafka 4.4.0 wrote (tests/data/README.md tells what is in it), opened by the whole
 * broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/controller.h"
#include "broker/metadata_snapshot.h"
#include "broker/producer_ids.h"
#include "lib/metadata_fixture.h"

#define RECORDED "tests/data/kafka-4.4.0/"

static void put(struct metadata_fixture *f, const char *name, const char *folder)
{
    char from[200], to[200], *bytes;
    size_t size;
    snprintf(from, sizeof from, RECORDED "%s", name);
    snprintf(to, sizeof to, "%s/%s", folder, name);
    assert_int_equal(file_load(file_io_posix(), from, 1 << 20, &bytes, &size), 0);
    memory_io_put(f->memory, to, bytes, size);
    free(bytes);
}

static int setup(void **state)
{
    metadata_fixture_setup(state);
    struct metadata_fixture *f = *state;
    struct file_io *files = memory_io_files(f->memory);
    assert_int_equal(files->mkdir(files, FIXTURE_METADATA), 0);
    put(f, "meta.properties", "/data");
    put(f, "00000000000000000000.log", FIXTURE_METADATA);
    put(f, "00000000000000000000-0000000000.checkpoint", FIXTURE_METADATA);
    put(f, "quorum-state", FIXTURE_METADATA);
    return 0;
}

/* Open the folder as after a clean stop of Kafka. */
static void open_clean(struct metadata_fixture *f)
{
    const char mark[] = "{\"version\":0,\"brokerEpoch\":13}";
    memory_io_put(f->memory, "/data/.kafka_cleanshutdown", mark, sizeof mark - 1);
    assert_true(metadata_fixture_open(f, NULL, NULL));
}

static struct kp_uuid uuid(const char *text)
{
    struct kp_uuid id;
    assert_true(kp_uuid_parse(kp_string_of(text), &id));
    return id;
}

static void topics_of_kafka_are_there_with_their_ids_and_partitions(void **state)
{
    struct metadata_fixture *f = *state;
    open_clean(f);
    assert_int_equal(catalog_topics_count(f->broker->catalog), 2);
    assert_true(kp_uuid_equal(fixture_topic(f, "orders")->id, uuid("SJAx1pnGRfCVEF7In5bnEQ")));
    assert_int_equal(fixture_topic(f, "orders")->partitions_count, 3);
    assert_true(kp_uuid_equal(fixture_topic(f, "payments")->id, uuid("aJVGI44gTXmfMJ1blMWDig")));
    assert_int_equal(fixture_topic(f, "payments")->partitions_count, 2);
    assert_null(fixture_topic(f, "gone"));
}

static void settings_of_kafka_count(void **state)
{
    struct metadata_fixture *f = *state;
    open_clean(f);
    const struct topic *orders = fixture_topic(f, "orders"), *payments = fixture_topic(f, "payments");
    assert_int_equal(orders->log_config.retention_ms, 86400000);
    assert_false(orders->log_config.cleanup_compact);
    assert_int_equal(payments->log_config.retention_ms, 5000000); /* of all brokers */
    assert_int_equal(payments->log_config.rules.max_message_bytes, 2000);
}

/* Kafka's stop leaves -1 as the leader in epoch 1; taking the lead is epoch 2. */
static void partitions_are_led_by_this_node_in_the_next_epoch(void **state)
{
    struct metadata_fixture *f = *state;
    open_clean(f);
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(fixture_topic(f, "orders")->partitions[i]->leader, 1);
        assert_int_equal(fixture_topic(f, "orders")->partitions[i]->leader_epoch, 2);
    }
}

static void features_stay_as_kafka_finalized_them(void **state)
{
    struct metadata_fixture *f = *state;
    open_clean(f);
    assert_int_equal(catalog_feature_level(f->broker->catalog, "metadata.version"), 33);
    assert_int_equal(catalog_feature_level(f->broker->catalog, "share.version"), 2);
    assert_int_equal(catalog_feature_level(f->broker->catalog, "eligible.leader.replicas.version"), 1);
}

/* A client that sees group.version 1 would use what is not served. */
static void features_that_are_not_served_are_not_told_to_clients(void **state)
{
    struct metadata_fixture *f = *state;
    open_clean(f);
    struct kp_api_versions_request request = {.client_software_name = kp_string_of("t"),
                                              .client_software_version = kp_string_of("1"),
                                              .cluster_id = KP_NULL_STRING,
                                              .node_id = -1};
    struct kp_api_versions_response response;
    assert_true(metadata_fixture_ask(f, KP_API_API_VERSIONS, 4, &request, &response));
    assert_int_equal(response.finalized_features_count, 2);
    assert_true(kp_string_is(response.finalized_features[0].name, "metadata.version"));
    assert_int_equal(response.finalized_features[0].max_version_level, 33);
    assert_true(kp_string_is(response.finalized_features[1].name, "transaction.version"));
    assert_int_equal(response.finalized_features[1].max_version_level, 2);
}

static void producer_ids_go_on_behind_those_of_kafka(void **state)
{
    struct metadata_fixture *f = *state;
    open_clean(f);
    struct kp_init_producer_id_request request = kp_init_producer_id_request_default;
    struct kp_init_producer_id_response response;
    request.transactional_id = KP_NULL_STRING;
    assert_true(metadata_fixture_ask(f, KP_API_INIT_PRODUCER_ID, 4, &request, &response));
    assert_int_equal(response.error_code, 0);
    assert_int_equal(response.producer_id, 1000);
}

/* Its last registration is fenced, so it stays the one that the clean mark speaks of. */
static void the_registration_of_kafka_is_kept(void **state)
{
    struct metadata_fixture *f = *state;
    open_clean(f);
    assert_int_equal(controller_broker_epoch(f->broker, f->broker->node_id), 13);
}

static void without_the_clean_mark_all_leader_epochs_rise(void **state)
{
    struct metadata_fixture *f = *state;
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(fixture_topic(f, "orders")->partitions[0]->leader_epoch, 2);
    metadata_fixture_crash(f);
    assert_true(metadata_fixture_open(f, NULL, NULL));
    assert_int_equal(fixture_topic(f, "orders")->partitions[0]->leader_epoch, 3);
}

struct kinds {
    int count[64];
};

static bool count_kind(void *context, int64_t offset, const struct metadata_record *record)
{
    struct kinds *kinds = context;
    (void)offset;
    assert_in_range(record->type, 0, 63);
    kinds->count[record->type]++;
    return true;
}

static void find_checkpoint(void *context, const char *name, bool is_directory)
{
    struct snapshot_id *newest = context, id;
    if (!is_directory && snapshot_name_parse(name, &id) && id.offset > newest->offset)
        *newest = id;
}

/* What only the next Kafka needs survives our checkpoints. */
static void a_checkpoint_of_ours_has_all_that_kafka_had(void **state)
{
    struct metadata_fixture *f = *state;
    struct file_io *files = memory_io_files(f->memory);
    assert_true(metadata_fixture_open(f, "metadata.log.max.record.bytes.between.snapshots", "100"));
    assert_int_equal(fixture_create_topic(f, "ours", 1), 0);
    struct snapshot_id id = {0};
    assert_int_equal(files->list(files, FIXTURE_METADATA, find_checkpoint, &id), 0);
    assert_true(id.offset > 43);
    struct kinds kinds = {{0}};
    const char *sentence;
    assert_true(snapshot_read(files, FIXTURE_METADATA, id, count_kind, &kinds, &sentence));
    assert_int_equal(kinds.count[KP_TYPE_FEATURE_LEVEL_RECORD], 6);
    assert_int_equal(kinds.count[KP_TYPE_REGISTER_CONTROLLER_RECORD], 1);
    assert_int_equal(kinds.count[KP_TYPE_REGISTER_BROKER_RECORD], 1);
    assert_int_equal(kinds.count[KP_TYPE_CLIENT_QUOTA_RECORD], 1);
    assert_int_equal(kinds.count[KP_TYPE_USER_SCRAM_CREDENTIAL_RECORD], 1);
    assert_int_equal(kinds.count[KP_TYPE_TOPIC_RECORD], 3);
    assert_int_equal(kinds.count[KP_TYPE_PARTITION_RECORD], 6);
    assert_int_equal(kinds.count[KP_TYPE_CONFIG_RECORD], 5); /* orders, payments, g, and two of all brokers */
    assert_int_equal(kinds.count[KP_TYPE_PRODUCER_IDS_RECORD], 1);
    assert_int_equal(kinds.count[KP_TYPE_PARTITION_CHANGE_RECORD], 0);
    assert_int_equal(kinds.count[KP_TYPE_REMOVE_TOPIC_RECORD], 0);

    metadata_fixture_restart(f);
    assert_int_equal(catalog_topics_count(f->broker->catalog), 3);
    assert_int_equal(fixture_topic(f, "payments")->log_config.rules.max_message_bytes, 2000);
    assert_int_equal(controller_broker_epoch(f->broker, f->broker->node_id), 13);
}

/* Every truncation of Kafka's log is a folder that opens, with the batches that are whole. */
static void every_truncation_of_the_log_is_opened(void **state)
{
    struct metadata_fixture *f = *state;
    char *bytes;
    size_t size;
    assert_int_equal(file_load(file_io_posix(), RECORDED "00000000000000000000.log", 1 << 20, &bytes, &size), 0);
    for (size_t cut = 0; cut < size; cut += 97) {
        void *fresh;
        setup(&fresh);
        f = fresh;
        memory_io_put(f->memory, FIXTURE_METADATA "/00000000000000000000.log", bytes, cut);
        assert_true(metadata_fixture_open(f, NULL, NULL));
        assert_int_equal(fixture_create_topic(f, "ours", 1), 0);
        metadata_fixture_teardown(&fresh);
    }
    free(bytes);
}

/* Any byte of the log may be wrong: it is cut there, or refused with words, and never a crash. */
static void damage_in_the_log_is_cut_off_or_refused(void **state)
{
    (void)state;
    char *bytes;
    size_t size;
    assert_int_equal(file_load(file_io_posix(), RECORDED "00000000000000000000.log", 1 << 20, &bytes, &size), 0);
    for (size_t at = 0; at < size; at += 13) {
        void *fresh;
        setup(&fresh);
        struct metadata_fixture *f = fresh;
        bytes[at] ^= 0x41;
        memory_io_put(f->memory, FIXTURE_METADATA "/00000000000000000000.log", bytes, size);
        bytes[at] ^= 0x41;
        if (metadata_fixture_open(f, NULL, NULL))
            assert_true(catalog_topics_count(f->broker->catalog) <= 3);
        metadata_fixture_teardown(&fresh);
    }
    free(bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, metadata_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(topics_of_kafka_are_there_with_their_ids_and_partitions),
        TEST(settings_of_kafka_count),
        TEST(partitions_are_led_by_this_node_in_the_next_epoch),
        TEST(features_stay_as_kafka_finalized_them),
        TEST(features_that_are_not_served_are_not_told_to_clients),
        TEST(producer_ids_go_on_behind_those_of_kafka),
        TEST(the_registration_of_kafka_is_kept),
        TEST(without_the_clean_mark_all_leader_epochs_rise),
        TEST(a_checkpoint_of_ours_has_all_that_kafka_had),
        TEST(every_truncation_of_the_log_is_opened),
        TEST(damage_in_the_log_is_cut_off_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
