/* Administration of what a single node of the conformance suite cannot be in: registrations of other brokers, levels of
 * older folders, logs that are offline. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/controller.h"
#include "broker/features.h"
#include "lib/metadata_fixture.h"

#define OTHER_BROKER 7

static int setup(void **state)
{
    metadata_fixture_setup(state);
    assert_true(metadata_fixture_open(*state, NULL, NULL));
    return 0;
}

/* ---- UnregisterBroker ----------------------------------------------------------------------------------------------- */

static void register_other(struct metadata_fixture *f)
{
    struct kp_register_broker_record record = kp_register_broker_record_default;
    struct metadata_batch batch;
    record.broker_id = OTHER_BROKER;
    record.broker_epoch = 3;
    record.fenced = true;
    controller_begin(f->broker, &batch);
    metadata_batch_add(&batch, &kp_register_broker_record_schema, 1, &record);
    assert_int_equal(controller_commit(f->broker, &batch, NULL), KAFKA_NONE);
}

static int16_t unregister(struct metadata_fixture *f, int32_t broker_id)
{
    struct kp_unregister_broker_request request = {.broker_id = broker_id};
    struct kp_unregister_broker_response response;
    assert_true(metadata_fixture_ask(f, KP_API_UNREGISTER_BROKER, 0, &request, &response));
    return response.error_code;
}

/* A folder of what was a larger cluster names brokers that will not come back. */
static void another_broker_is_forgotten_for_good(void **state)
{
    struct metadata_fixture *f = *state;
    register_other(f);
    assert_int_equal(controller_broker_epoch(f->broker, OTHER_BROKER), 3);
    assert_int_equal(unregister(f, OTHER_BROKER), KAFKA_NONE);
    assert_int_equal(unregister(f, OTHER_BROKER), KAFKA_BROKER_ID_NOT_REGISTERED);
    metadata_fixture_restart(f);
    assert_int_equal(controller_broker_epoch(f->broker, OTHER_BROKER), -1);
}

/* Kafka would lead nothing any more. */
static void this_broker_stays(void **state)
{
    struct metadata_fixture *f = *state;
    assert_int_equal(unregister(f, f->broker->node_id), KAFKA_INVALID_REQUEST);
    assert_true(controller_broker_epoch(f->broker, f->broker->node_id) >= 0);
}

/* ---- UpdateFeatures ------------------------------------------------------------------------------------------------- */

/* As a folder that an older Kafka formatted has it. */
static void set_level(struct metadata_fixture *f, int16_t level)
{
    struct kp_feature_level_record record = {.name = kp_string_of("metadata.version"), .feature_level = level};
    struct metadata_batch batch;
    controller_begin(f->broker, &batch);
    metadata_batch_add(&batch, &kp_feature_level_record_schema, 0, &record);
    assert_int_equal(controller_commit(f->broker, &batch, NULL), KAFKA_NONE);
}

static int16_t update(struct metadata_fixture *f, int16_t level, int8_t upgrade_type, bool validate_only)
{
    struct kp_update_features_request_feature_updates item = kp_update_features_request_feature_updates_default;
    struct kp_update_features_request request = kp_update_features_request_default;
    struct kp_update_features_response response;
    item.feature = kp_string_of("metadata.version");
    item.max_version_level = level;
    item.upgrade_type = upgrade_type;
    request.feature_updates = &item;
    request.feature_updates_count = 1;
    request.validate_only = validate_only;
    assert_true(metadata_fixture_ask(f, KP_API_UPDATE_FEATURES, 2, &request, &response));
    return response.error_code;
}

static int16_t level_of(const struct metadata_fixture *f)
{
    return catalog_feature_level(f->broker->catalog, "metadata.version");
}

static void a_raised_level_counts_at_once_and_stays(void **state)
{
    struct metadata_fixture *f = *state;
    set_level(f, 16);
    assert_int_equal(fixture_create_topic(f, "old", 1), KAFKA_NONE);
    assert_int_equal(catalog_partition_record_version(f->broker->catalog), 0);
    assert_int_equal(update(f, 33, 1, true), KAFKA_NONE);
    assert_int_equal(level_of(f), 16); /* it was only validated */
    assert_int_equal(update(f, 33, 1, false), KAFKA_NONE);
    assert_int_equal(level_of(f), 33);
    assert_int_equal(catalog_partition_record_version(f->broker->catalog), 1);
    assert_int_equal(fixture_create_topic(f, "new", 1), KAFKA_NONE);
    metadata_fixture_restart(f);
    assert_int_equal(level_of(f), 33);
    assert_non_null(fixture_topic(f, "old"));
    assert_non_null(fixture_topic(f, "new"));
}

/* 31 has the records of 30; what 30 may have written is not known to 29. */
static void a_level_is_lowered_when_the_metadata_can_still_be_read(void **state)
{
    struct metadata_fixture *f = *state;
    set_level(f, 31);
    assert_int_equal(update(f, 30, 1, false), KAFKA_INVALID_UPDATE_VERSION); /* not asked for as a downgrade */
    assert_int_equal(update(f, 30, 2, false), KAFKA_NONE);
    assert_int_equal(level_of(f), 30);
    assert_int_equal(update(f, 29, 2, false), KAFKA_INVALID_UPDATE_VERSION);
    assert_int_equal(update(f, 29, 3, false), KAFKA_INVALID_UPDATE_VERSION); /* Kafka does not do it either */
    assert_int_equal(update(f, 31, 2, false), KAFKA_INVALID_UPDATE_VERSION); /* no downgrade */
    assert_int_equal(level_of(f), 30);
}

static void all_updates_are_made_or_none(void **state)
{
    struct metadata_fixture *f = *state;
    struct kp_update_features_request_feature_updates items[2];
    struct kp_update_features_request request = kp_update_features_request_default;
    struct kp_update_features_response response;
    items[0] = items[1] = kp_update_features_request_feature_updates_default;
    items[0].feature = kp_string_of("metadata.version");
    items[0].max_version_level = 33;
    items[1].feature = kp_string_of("no.such.feature");
    items[1].max_version_level = 1;
    request.feature_updates = items;
    request.feature_updates_count = 2;
    set_level(f, 31);
    assert_true(metadata_fixture_ask(f, KP_API_UPDATE_FEATURES, 2, &request, &response));
    assert_int_equal(response.error_code, KAFKA_INVALID_UPDATE_VERSION);
    assert_int_equal(level_of(f), 31);
}

static void records_change_between_the_levels_that_changed_them(void **state)
{
    (void)state;
    assert_false(metadata_version_changes_records(30, 31));
    assert_false(metadata_version_changes_records(18, 22));
    assert_true(metadata_version_changes_records(22, 23));
    assert_true(metadata_version_changes_records(31, 33));
    assert_false(metadata_version_changes_records(33, 33));
}

/* ---- ElectLeaders --------------------------------------------------------------------------------------------------- */

static int16_t elect(struct metadata_fixture *f, int8_t type, bool all)
{
    int32_t partitions[] = {0};
    struct kp_elect_leaders_request_topic_partitions named = {
        .topic = kp_string_of("t"), .partitions = partitions, .partitions_count = 1};
    struct kp_elect_leaders_request request = kp_elect_leaders_request_default;
    struct kp_elect_leaders_response response;
    request.election_type = type;
    request.topic_partitions = &named;
    request.topic_partitions_count = all ? -1 : 1;
    assert_true(metadata_fixture_ask(f, KP_API_ELECT_LEADERS, 2, &request, &response));
    assert_int_equal(response.error_code, KAFKA_NONE);
    assert_int_equal(response.replica_election_results_count, 1);
    assert_int_equal(response.replica_election_results[0].partition_result_count, 1);
    assert_int_equal(response.replica_election_results[0].partition_result[0].partition_id, 0);
    return response.replica_election_results[0].partition_result[0].error_code;
}

/* Whoever asks for all is told of those for which there was something to do. */
static void no_leader_can_be_elected_for_a_log_that_is_offline(void **state)
{
    struct metadata_fixture *f = *state;
    assert_int_equal(fixture_create_topic(f, "t", 2), KAFKA_NONE);
    memory_io_fail(f->memory, CALL_PWRITE, 1, EIO, false);
    assert_int_equal(test_produce(&f->peer, "t", 0, 1), KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(elect(f, 0, false), KAFKA_PREFERRED_LEADER_NOT_AVAILABLE);
    assert_int_equal(elect(f, 1, false), KAFKA_ELIGIBLE_LEADERS_NOT_AVAILABLE);
    assert_int_equal(elect(f, 0, true), KAFKA_PREFERRED_LEADER_NOT_AVAILABLE);
}

/* ---- DescribeQuorum ------------------------------------------------------------------------------------------------- */

/* What it tells is what a power cut leaves. */
static void the_quorum_is_told_when_its_log_is_durable(void **state)
{
    struct metadata_fixture *f = *state;
    struct kp_describe_quorum_request_topics_partitions partition = {.partition_index = 0};
    struct kp_describe_quorum_request_topics topic = {
        .topic_name = kp_string_of(METADATA_TOPIC), .partitions = &partition, .partitions_count = 1};
    struct kp_describe_quorum_request request = {.topics = &topic, .topics_count = 1};
    struct kp_describe_quorum_response response;
    set_level(f, 33);
    int32_t id = test_peer_send(&f->peer, KP_API_DESCRIBE_QUORUM, 2, &request);
    assert_false(test_peer_receive(&f->peer, KP_API_DESCRIBE_QUORUM, 2, id, &response));
    broker_fixture_run_jobs(&f->base);
    assert_true(test_peer_receive(&f->peer, KP_API_DESCRIBE_QUORUM, 2, id, &response));
    assert_int_equal(response.topics[0].partitions[0].leader_epoch, 1);
    assert_int_equal(response.topics[0].partitions[0].high_watermark, metadata_log_end_offset(f->broker->metadata_log));
    assert_true(kp_uuid_equal(response.topics[0].partitions[0].current_voters[0].replica_directory_id,
                              f->broker->directory_id));
    metadata_fixture_restart(f);
    assert_true(metadata_fixture_ask(f, KP_API_DESCRIBE_QUORUM, 2, &request, &response));
    assert_int_equal(response.topics[0].partitions[0].leader_epoch, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, metadata_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(another_broker_is_forgotten_for_good),
        TEST(this_broker_stays),
        TEST(a_raised_level_counts_at_once_and_stays),
        TEST(a_level_is_lowered_when_the_metadata_can_still_be_read),
        TEST(all_updates_are_made_or_none),
        cmocka_unit_test(records_change_between_the_levels_that_changed_them),
        TEST(no_leader_can_be_elected_for_a_log_that_is_offline),
        TEST(the_quorum_is_told_when_its_log_is_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
