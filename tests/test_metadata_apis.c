/* The APIs over the metadata, as far as one connection after another does not show it (tests/conformance has the
 * answers): what is held and what goes on meanwhile, what a validation leaves behind, what settings do, pages. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/metadata_log.h"
#include "protocol/errors.h"
#include "lib/metadata_fixture.h"

static int setup(void **state)
{
    metadata_fixture_setup(state);
    assert_true(metadata_fixture_open(*state, NULL, NULL));
    return 0;
}

/* ---- Metadata ------------------------------------------------------------------------------------------------------- */

static struct kp_metadata_request metadata_of(struct kp_metadata_request_topics *topic, const char *name)
{
    struct kp_metadata_request request = kp_metadata_request_default;
    *topic = kp_metadata_request_topics_default;
    topic->name = kp_string_of(name);
    request.topics = topic;
    request.topics_count = 1;
    return request;
}

/* Clients retry after a pause when the first answer has no leader; here it always has. */
static void an_auto_created_topic_has_its_leader_in_the_same_answer(void **state)
{
    struct metadata_fixture *f = *state;
    struct kp_metadata_request_topics topic;
    struct kp_metadata_request request = metadata_of(&topic, "new");
    struct kp_metadata_response response;
    assert_true(metadata_fixture_ask(f, KP_API_METADATA, 12, &request, &response));
    assert_int_equal(response.topics_count, 1);
    assert_int_equal(response.topics[0].error_code, 0);
    assert_int_equal(response.topics[0].partitions_count, 1);
    assert_int_equal(response.topics[0].partitions[0].leader_id, 1);
    assert_true(kp_uuid_equal(response.topics[0].topic_id, fixture_topic(f, "new")->id));
}

static void an_auto_created_topic_is_told_only_when_it_is_synced(void **state)
{
    struct metadata_fixture *f = *state;
    struct kp_metadata_request_topics topic;
    struct kp_metadata_request request = metadata_of(&topic, "new");
    struct kp_metadata_response response;
    int32_t id = test_peer_send(&f->peer, KP_API_METADATA, 12, &request);
    assert_false(test_peer_receive(&f->peer, KP_API_METADATA, 12, id, &response));
    broker_fixture_run_jobs(&f->base);
    assert_true(test_peer_receive(&f->peer, KP_API_METADATA, 12, id, &response));
}

static void auto_creation_follows_num_partitions(void **state)
{
    struct metadata_fixture *f = *state;
    metadata_fixture_stop(f);
    assert_true(metadata_fixture_open(f, "num.partitions", "7"));
    struct kp_metadata_request_topics topic;
    struct kp_metadata_request request = metadata_of(&topic, "new");
    struct kp_metadata_response response;
    assert_true(metadata_fixture_ask(f, KP_API_METADATA, 12, &request, &response));
    assert_int_equal(response.topics[0].partitions_count, 7);
}

static void nothing_is_auto_created_when_the_broker_or_the_client_does_not_want_it(void **state)
{
    struct metadata_fixture *f = *state;
    struct kp_metadata_request_topics topic;
    struct kp_metadata_request request = metadata_of(&topic, "new");
    struct kp_metadata_response response;
    request.allow_auto_topic_creation = false;
    assert_true(metadata_fixture_ask(f, KP_API_METADATA, 12, &request, &response));
    assert_int_equal(response.topics[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    metadata_fixture_stop(f);
    assert_true(metadata_fixture_open(f, "auto.create.topics.enable", "false"));
    request = metadata_of(&topic, "new");
    assert_true(metadata_fixture_ask(f, KP_API_METADATA, 12, &request, &response));
    assert_int_equal(response.topics[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_null(fixture_topic(f, "new"));
}

/* One that cannot be replicated as configured is not made with less. */
static void auto_creation_fails_with_a_replication_factor_above_one(void **state)
{
    struct metadata_fixture *f = *state;
    metadata_fixture_stop(f);
    assert_true(metadata_fixture_open(f, "default.replication.factor", "3"));
    struct kp_metadata_request_topics topic;
    struct kp_metadata_request request = metadata_of(&topic, "new");
    struct kp_metadata_response response;
    assert_true(metadata_fixture_ask(f, KP_API_METADATA, 12, &request, &response));
    assert_int_equal(response.topics[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_null(fixture_topic(f, "new"));
}

static void topics_of_coordinators_are_not_auto_created(void **state)
{
    struct metadata_fixture *f = *state;
    struct kp_metadata_request_topics topic;
    struct kp_metadata_request request = metadata_of(&topic, "__consumer_offsets");
    struct kp_metadata_response response;
    assert_true(metadata_fixture_ask(f, KP_API_METADATA, 12, &request, &response));
    assert_int_equal(response.topics[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_true(response.topics[0].is_internal);
}

/* ---- held answers --------------------------------------------------------------------------------------------------- */

static void later_requests_go_on_while_an_answer_waits_for_its_sync(void **state)
{
    struct metadata_fixture *f = *state;
    struct kp_metadata_request_topics topic;
    struct kp_metadata_request create = metadata_of(&topic, "new"), all = kp_metadata_request_default;
    struct kp_metadata_response response;
    int32_t first = test_peer_send(&f->peer, KP_API_METADATA, 12, &create);
    assert_true(peer_may_start(&f->peer.peer));
    all.topics_count = -1;
    int32_t second = test_peer_send(&f->peer, KP_API_METADATA, 12, &all);
    assert_false(test_peer_receive(&f->peer, KP_API_METADATA, 12, first, &response));
    broker_fixture_run_jobs(&f->base);
    assert_true(test_peer_receive(&f->peer, KP_API_METADATA, 12, first, &response));
    assert_true(test_peer_receive(&f->peer, KP_API_METADATA, 12, second, &response));
    assert_int_equal(response.topics_count, 1);
}

static void a_peer_that_goes_while_its_answer_is_held_is_forgotten(void **state)
{
    struct metadata_fixture *f = *state;
    struct kp_metadata_request_topics topic;
    struct kp_metadata_request request = metadata_of(&topic, "new");
    test_peer_send(&f->peer, KP_API_METADATA, 12, &request);
    test_peer_close(&f->peer);
    broker_fixture_run_jobs(&f->base);
    test_peer_open(&f->peer, &f->base);
    assert_non_null(fixture_topic(f, "new"));
}

/* ---- CreateTopics, CreatePartitions --------------------------------------------------------------------------------- */

static void a_validation_leaves_nothing_behind(void **state)
{
    struct metadata_fixture *f = *state;
    int64_t end = metadata_log_end_offset(f->broker->metadata_log);
    struct kp_create_topics_request_topics topic = kp_create_topics_request_topics_default;
    struct kp_create_topics_request request = kp_create_topics_request_default;
    struct kp_create_topics_response response;
    topic.name = kp_string_of("t");
    topic.num_partitions = topic.replication_factor = -1;
    request.topics = &topic;
    request.topics_count = 1;
    request.validate_only = true;
    assert_true(metadata_fixture_ask(f, KP_API_CREATE_TOPICS, 7, &request, &response));
    assert_int_equal(response.topics[0].error_code, 0);
    assert_null(fixture_topic(f, "t"));
    assert_int_equal(metadata_log_end_offset(f->broker->metadata_log), end);
}

static int16_t create_partitions(struct metadata_fixture *f, const char *name, int32_t count)
{
    struct kp_create_partitions_request_topics topic = kp_create_partitions_request_topics_default;
    struct kp_create_partitions_request request = {.topics = &topic, .topics_count = 1, .timeout_ms = 1000};
    struct kp_create_partitions_response response;
    topic.name = kp_string_of(name);
    topic.count = count;
    topic.assignments_count = -1;
    assert_true(metadata_fixture_ask(f, KP_API_CREATE_PARTITIONS, 3, &request, &response));
    return response.results[0].error_code;
}

static void added_partitions_take_records_and_come_back(void **state)
{
    struct metadata_fixture *f = *state;
    assert_int_equal(fixture_create_topic(f, "t", 1), 0);
    assert_int_equal(create_partitions(f, "t", 3), 0);
    assert_int_equal(test_produce(&f->peer, "t", 2, 5), 0);
    metadata_fixture_restart(f);
    assert_int_equal(fixture_topic(f, "t")->partitions_count, 3);
    assert_int_equal(log_end_offset(fixture_topic(f, "t")->partitions[2]->log), 5);
}

/* The name is free at once: no record of the old topic is in the new one. */
static void a_topic_made_again_begins_empty(void **state)
{
    struct metadata_fixture *f = *state;
    assert_int_equal(fixture_create_topic(f, "t", 1), 0);
    assert_int_equal(test_produce(&f->peer, "t", 0, 5), 0);
    assert_int_equal(fixture_delete_topic(f, "t"), 0);
    assert_int_equal(test_produce(&f->peer, "t", 0, 1), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(fixture_create_topic(f, "t", 1), 0);
    assert_int_equal(log_end_offset(fixture_topic(f, "t")->partitions[0]->log), 0);
    assert_int_equal(test_produce(&f->peer, "t", 0, 1), 0);
    metadata_fixture_restart(f);
    assert_int_equal(log_end_offset(fixture_topic(f, "t")->partitions[0]->log), 1);
}

/* ---- settings ------------------------------------------------------------------------------------------------------- */

static int16_t alter(struct metadata_fixture *f, enum resource_type type, const char *resource, const char *name,
                     enum config_operation operation, const char *value, bool validate_only)
{
    struct kp_incremental_alter_configs_request_resources_configs item = {
        .name = kp_string_of(name), .config_operation = (int8_t)operation, .value = kp_string_of(value)};
    struct kp_incremental_alter_configs_request_resources of = {
        .resource_type = (int8_t)type, .resource_name = kp_string_of(resource), .configs = &item, .configs_count = 1};
    struct kp_incremental_alter_configs_request request = {
        .resources = &of, .resources_count = 1, .validate_only = validate_only};
    struct kp_incremental_alter_configs_response response;
    assert_true(metadata_fixture_ask(f, KP_API_INCREMENTAL_ALTER_CONFIGS, 1, &request, &response));
    return response.responses[0].error_code;
}

static void a_setting_of_a_topic_counts_at_once_and_after_a_restart(void **state)
{
    struct metadata_fixture *f = *state;
    assert_int_equal(fixture_create_topic(f, "t", 1), 0);
    assert_int_equal(alter(f, RESOURCE_TOPIC, "t", "segment.bytes", CONFIG_SET, "2000000", false), 0);
    assert_int_equal(fixture_topic(f, "t")->log_config.segment_bytes, 2000000);
    metadata_fixture_restart(f);
    assert_int_equal(fixture_topic(f, "t")->log_config.segment_bytes, 2000000);
    assert_int_equal(alter(f, RESOURCE_TOPIC, "t", "segment.bytes", CONFIG_DELETE, NULL, false), 0);
    assert_int_equal(fixture_topic(f, "t")->log_config.segment_bytes, 1 << 30);
}

static void a_setting_of_all_brokers_is_the_default_of_topics(void **state)
{
    struct metadata_fixture *f = *state;
    assert_int_equal(fixture_create_topic(f, "t", 1), 0);
    assert_int_equal(fixture_create_topic_with(f, "own", 1, "retention.ms", "7"), 0);
    assert_int_equal(alter(f, RESOURCE_BROKER, "", "log.retention.ms", CONFIG_SET, "100", false), 0);
    assert_int_equal(fixture_topic(f, "t")->log_config.retention_ms, 100);
    assert_int_equal(fixture_topic(f, "own")->log_config.retention_ms, 7);
    assert_int_equal(alter(f, RESOURCE_BROKER, "1", "log.retention.ms", CONFIG_SET, "200", false), 0);
    assert_int_equal(fixture_topic(f, "t")->log_config.retention_ms, 200);
    metadata_fixture_restart(f);
    assert_int_equal(fixture_topic(f, "t")->log_config.retention_ms, 200);
    assert_int_equal(alter(f, RESOURCE_BROKER, "1", "log.retention.ms", CONFIG_DELETE, NULL, false), 0);
    assert_int_equal(fixture_topic(f, "t")->log_config.retention_ms, 100);
}

static void a_validated_setting_does_not_count(void **state)
{
    struct metadata_fixture *f = *state;
    int64_t end;
    assert_int_equal(fixture_create_topic(f, "t", 1), 0);
    end = metadata_log_end_offset(f->broker->metadata_log);
    assert_int_equal(alter(f, RESOURCE_TOPIC, "t", "retention.ms", CONFIG_SET, "5", true), 0);
    assert_int_equal(alter(f, RESOURCE_BROKER, "", "log.retention.ms", CONFIG_SET, "5", true), 0);
    assert_int_equal(fixture_topic(f, "t")->log_config.retention_ms, 604800000);
    assert_int_equal(metadata_log_end_offset(f->broker->metadata_log), end);
}

/* A value that is there already is no change, and needs no record. */
static void setting_the_same_value_again_writes_nothing(void **state)
{
    struct metadata_fixture *f = *state;
    assert_int_equal(fixture_create_topic_with(f, "t", 1, "retention.ms", "5"), 0);
    int64_t end = metadata_log_end_offset(f->broker->metadata_log);
    assert_int_equal(alter(f, RESOURCE_TOPIC, "t", "retention.ms", CONFIG_SET, "5", false), 0);
    assert_int_equal(alter(f, RESOURCE_TOPIC, "t", "segment.ms", CONFIG_DELETE, NULL, false), 0);
    assert_int_equal(metadata_log_end_offset(f->broker->metadata_log), end);
}

/* What a broker here cannot change while it runs must not count for the next owner of the folder either. */
static void listeners_cannot_be_set_while_the_broker_runs(void **state)
{
    struct metadata_fixture *f = *state;
    assert_int_equal(alter(f, RESOURCE_BROKER, "1", "listeners", CONFIG_SET, "PLAINTEXT://:1", false),
                     KAFKA_INVALID_REQUEST);
    assert_int_equal(alter(f, RESOURCE_BROKER, "1", "ssl.keystore.location", CONFIG_SET, "x", false),
                     KAFKA_INVALID_REQUEST);
    assert_null(catalog_configs(f->broker->catalog, RESOURCE_BROKER, kp_string_of("1")));
}

/* AlterConfigs: what is not named goes. */
static void replaced_settings_are_those_of_the_request_alone(void **state)
{
    struct metadata_fixture *f = *state;
    assert_int_equal(fixture_create_topic_with(f, "t", 1, "retention.ms", "5"), 0);
    struct kp_alter_configs_request_resources_configs item = {kp_string_of("segment.ms"), kp_string_of("7")};
    struct kp_alter_configs_request_resources of[] = {
        {.resource_type = RESOURCE_TOPIC, .resource_name = kp_string_of("t"), .configs = &item, .configs_count = 1},
        {.resource_type = RESOURCE_TOPIC, .resource_name = kp_string_of("t"), .configs = &item, .configs_count = 1}
    };
    struct kp_alter_configs_request request = {.resources = of, .resources_count = 1};
    struct kp_alter_configs_response response;
    assert_true(metadata_fixture_ask(f, KP_API_ALTER_CONFIGS, 2, &request, &response));
    assert_int_equal(response.responses[0].error_code, KAFKA_NONE);
    metadata_fixture_restart(f);
    assert_int_equal(fixture_topic(f, "t")->log_config.segment_ms, 7);
    assert_int_equal(fixture_topic(f, "t")->log_config.retention_ms, 604800000);

    request.resources_count = 2; /* Kafka stumbles over it, and never answers */
    assert_true(metadata_fixture_ask(f, KP_API_ALTER_CONFIGS, 2, &request, &response));
    assert_int_equal(response.responses[0].error_code, KAFKA_INVALID_REQUEST);
    assert_int_equal(response.responses[1].error_code, KAFKA_INVALID_REQUEST);
}

static void settings_of_groups_and_client_metrics_stay(void **state)
{
    struct metadata_fixture *f = *state;
    assert_int_equal(alter(f, RESOURCE_GROUP, "g", "share.isolation.level", CONFIG_SET, "read_committed", false), 0);
    assert_int_equal(alter(f, RESOURCE_CLIENT_METRICS, "m", "interval.ms", CONFIG_SET, "100", false), 0);
    metadata_fixture_restart(f);
    const struct catalog *catalog = f->broker->catalog;
    assert_string_equal(
        topic_overrides_get(catalog_configs(catalog, RESOURCE_GROUP, kp_string_of("g")), "share.isolation.level"),
        "read_committed");
    assert_string_equal(
        topic_overrides_get(catalog_configs(catalog, RESOURCE_CLIENT_METRICS, kp_string_of("m")), "interval.ms"),
        "100");
}

/* Names are kept as C strings; one that is cut would be another's. */
static void a_name_with_a_zero_in_it_has_no_settings(void **state)
{
    struct metadata_fixture *f = *state;
    struct kp_incremental_alter_configs_request_resources_configs item = {.name = kp_string_of("share.isolation.level"),
                                                                          .value = kp_string_of("read_committed")};
    struct kp_incremental_alter_configs_request_resources of = {
        .resource_type = RESOURCE_GROUP, .resource_name = {"g\0h", 3},
             .configs = &item, .configs_count = 1
    };
    struct kp_incremental_alter_configs_request request = {.resources = &of, .resources_count = 1};
    struct kp_incremental_alter_configs_response response;
    assert_true(metadata_fixture_ask(f, KP_API_INCREMENTAL_ALTER_CONFIGS, 1, &request, &response));
    assert_int_equal(response.responses[0].error_code, KAFKA_INVALID_REQUEST);
    assert_null(catalog_configs(f->broker->catalog, RESOURCE_GROUP, kp_string_of("g")));
}

/* ---- pages ---------------------------------------------------------------------------------------------------------- */

/* KIP-966: following the cursor, a client sees each partition once. */
static void following_the_cursor_shows_every_partition_once(void **state)
{
    struct metadata_fixture *f = *state;
    const int32_t partitions[] = {1, 5, 2, 3, 1, 7};
    int32_t expected = 0, seen = 0, pages = 0;
    for (size_t i = 0; i < COUNT_OF(partitions); i++) {
        char name[16];
        snprintf(name, sizeof name, "t%zu", i);
        assert_int_equal(fixture_create_topic(f, name, partitions[i]), 0);
        expected += partitions[i];
    }
    struct kp_describe_topic_partitions_request request = kp_describe_topic_partitions_request_default;
    struct kp_describe_topic_partitions_request_cursor cursor;
    struct kp_describe_topic_partitions_response response;
    char at[16] = "";
    int32_t at_partition = -1;
    request.response_partition_limit = 4;
    do {
        assert_true(metadata_fixture_ask(f, KP_API_DESCRIBE_TOPIC_PARTITIONS, 0, &request, &response));
        int32_t page = 0;
        for (int32_t i = 0; i < response.topics_count; i++) {
            for (int32_t j = 0; j < response.topics[i].partitions_count; j++) {
                struct kp_string name = response.topics[i].name;
                int32_t index = response.topics[i].partitions[j].partition_index;
                assert_true(kp_string_is(name, at) ? index == at_partition + 1 : index == 0);
                snprintf(at, sizeof at, "%.*s", (int)name.size, name.data);
                at_partition = index;
                page++;
            }
        }
        assert_in_range(page, 1, 4);
        seen += page;
        pages++;
        if (response.next_cursor != NULL) {
            static char next[16];
            snprintf(next, sizeof next, "%.*s", (int)response.next_cursor->topic_name.size,
                     response.next_cursor->topic_name.data);
            cursor.topic_name = kp_string_of(next);
            cursor.partition_index = response.next_cursor->partition_index;
            request.cursor = &cursor;
        }
    } while (response.next_cursor != NULL);
    assert_int_equal(seen, expected);
    assert_int_equal(pages, (expected + 3) / 4);
}

/* ---- a log that is offline ------------------------------------------------------------------------------------------- */

/* Kafka answers so for partitions of a log directory that failed. */
static void a_partition_whose_log_is_offline_has_no_leader(void **state)
{
    struct metadata_fixture *f = *state;
    struct kp_metadata_request_topics topic;
    struct kp_metadata_request request = metadata_of(&topic, "t");
    struct kp_metadata_response response;
    struct kp_describe_topic_partitions_request describe = kp_describe_topic_partitions_request_default;
    struct kp_describe_topic_partitions_response described;
    assert_int_equal(fixture_create_topic(f, "t", 2), KAFKA_NONE);
    assert_int_equal(test_produce(&f->peer, "t", 0, 1), KAFKA_NONE);
    memory_io_fail(f->memory, CALL_PWRITE, 1, EIO, false);
    assert_int_equal(test_produce(&f->peer, "t", 0, 1), KAFKA_KAFKA_STORAGE_ERROR);

    assert_true(metadata_fixture_ask(f, KP_API_METADATA, 12, &request, &response));
    assert_int_equal(response.topics[0].error_code, KAFKA_NONE);
    assert_int_equal(response.topics[0].partitions[0].error_code, KAFKA_LEADER_NOT_AVAILABLE);
    assert_int_equal(response.topics[0].partitions[0].leader_id, -1);
    assert_int_equal(response.topics[0].partitions[0].isr_nodes_count, 1);
    assert_int_equal(response.topics[0].partitions[0].offline_replicas_count, 1);
    assert_int_equal(response.topics[0].partitions[0].offline_replicas[0], 1);
    assert_int_equal(response.topics[0].partitions[1].offline_replicas_count, 0);
    assert_int_equal(response.topics[0].partitions[1].error_code, KAFKA_NONE);
    assert_int_equal(response.topics[0].partitions[1].leader_id, 1);

    assert_true(metadata_fixture_ask(f, KP_API_DESCRIBE_TOPIC_PARTITIONS, 0, &describe, &described));
    assert_int_equal(described.topics[0].partitions[0].error_code, KAFKA_NONE);
    assert_int_equal(described.topics[0].partitions[0].offline_replicas_count, 1);
    assert_int_equal(described.topics[0].partitions[0].leader_id, -1);
    assert_int_equal(described.topics[0].partitions[1].leader_id, 1);
}

static int16_t fetch_error(struct metadata_fixture *f, int16_t version)
{
    struct kp_fetch_request_topics_partitions partition = kp_fetch_request_topics_partitions_default;
    struct kp_fetch_request_topics topic = test_fetch_topic("t", &partition);
    struct kp_fetch_request request = kp_fetch_request_default;
    struct kp_fetch_response response;
    partition.partition_max_bytes = 1000;
    request.topics = &topic;
    request.topics_count = 1;
    assert_true(metadata_fixture_ask(f, KP_API_FETCH, version, &request, &response));
    return response.responses[0].partitions[0].error_code;
}

/* KIP-112. */
static void an_old_consumer_is_told_that_there_is_no_leader_for_what_is_offline(void **state)
{
    struct metadata_fixture *f = *state;
    assert_int_equal(fixture_create_topic(f, "t", 1), KAFKA_NONE);
    memory_io_fail(f->memory, CALL_PWRITE, 1, EIO, false);
    assert_int_equal(test_produce(&f->peer, "t", 0, 1), KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(fetch_error(f, 5), KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(fetch_error(f, 6), KAFKA_KAFKA_STORAGE_ERROR);
}

/* ---- the address ---------------------------------------------------------------------------------------------------- */

/* Without advertised.listeners a client is told the address that it connected to. */
static void a_client_is_told_the_address_that_it_connected_to(void **state)
{
    struct metadata_fixture *f = *state;
    struct kp_describe_cluster_request request = kp_describe_cluster_request_default;
    struct kp_describe_cluster_response response;
    snprintf(f->peer.peer.local_host, sizeof f->peer.peer.local_host, "192.0.2.7");
    f->peer.peer.local_port = 1234;
    assert_true(metadata_fixture_ask(f, KP_API_DESCRIBE_CLUSTER, 1, &request, &response));
    assert_true(kp_string_is(response.brokers[0].host, "192.0.2.7"));
    assert_int_equal(response.brokers[0].port, 1234);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, metadata_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_auto_created_topic_has_its_leader_in_the_same_answer),
        TEST(an_auto_created_topic_is_told_only_when_it_is_synced),
        TEST(auto_creation_follows_num_partitions),
        TEST(nothing_is_auto_created_when_the_broker_or_the_client_does_not_want_it),
        TEST(auto_creation_fails_with_a_replication_factor_above_one),
        TEST(topics_of_coordinators_are_not_auto_created),
        TEST(later_requests_go_on_while_an_answer_waits_for_its_sync),
        TEST(a_peer_that_goes_while_its_answer_is_held_is_forgotten),
        TEST(a_validation_leaves_nothing_behind),
        TEST(added_partitions_take_records_and_come_back),
        TEST(a_topic_made_again_begins_empty),
        TEST(a_setting_of_a_topic_counts_at_once_and_after_a_restart),
        TEST(a_setting_of_all_brokers_is_the_default_of_topics),
        TEST(a_validated_setting_does_not_count),
        TEST(setting_the_same_value_again_writes_nothing),
        TEST(listeners_cannot_be_set_while_the_broker_runs),
        TEST(replaced_settings_are_those_of_the_request_alone),
        TEST(settings_of_groups_and_client_metrics_stay),
        TEST(a_name_with_a_zero_in_it_has_no_settings),
        TEST(following_the_cursor_shows_every_partition_once),
        TEST(a_partition_whose_log_is_offline_has_no_leader),
        TEST(an_old_consumer_is_told_that_there_is_no_leader_for_what_is_offline),
        TEST(a_client_is_told_the_address_that_it_connected_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
