/* A broker that starts while one of its log.dirs cannot be used: what it answers for the partitions in there, that it
 * never makes them anew, and that all is there when the folder is back. Kafka's answers were asked of Apache
 * Kafka 4.4.0; tests/swap/away has the two take turns. */
#include "lib/broker_fixture.h"

#include "broker/controller.h"
#include "protocol/errors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define TOPIC      "t"
#define PARTITIONS 4 /* of which two are in /data/b */

struct test {
    struct broker_fixture broker;
    struct test_peer peer;
    struct kp_metadata_response metadata;
};

static void start(struct test *test)
{
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
}

static void stop(struct test *test)
{
    broker_fixture_run_jobs(&test->broker);
    test_peer_close(&test->peer);
    broker_fixture_close(&test->broker);
}

static void crash(struct test *test)
{
    broker_fixture_run_jobs(&test->broker);
    test_peer_close(&test->peer);
    broker_fixture_abandon(&test->broker);
}

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_set(&test->broker, "log.dirs", "/data/a,/data/b");
    start(test);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    test_peer_close(&test->peer);
    broker_fixture_release(&test->broker);
    free(test);
    return 0;
}

static struct file_io *files(struct test *test)
{
    return memory_io_files(test->broker.memory);
}

/* The disk of a folder goes, and comes back. */
static void take_away(struct test *test, const char *path)
{
    assert_int_equal(files(test)->rename(files(test), path, "/data/away"), 0);
    memory_io_put(test->broker.memory, path, "x", 1);
}

static void bring_back(struct test *test, const char *path)
{
    assert_int_equal(files(test)->unlink(files(test), path), 0);
    assert_int_equal(files(test)->rename(files(test), "/data/away", path), 0);
}

static bool has_folder(struct test *test, const char *path)
{
    struct file_stat info;
    return files(test)->stat(files(test), path, &info) == 0;
}

static void ask_metadata(struct test *test, const char *topic)
{
    struct kp_metadata_request_topics asked = {.name = kp_string_of(topic)};
    struct kp_metadata_request request = kp_metadata_request_default;
    request.topics = &asked;
    request.topics_count = 1;
    test_peer_ask(&test->peer, KP_API_METADATA, 12, &request, &test->metadata);
    assert_int_equal(test->metadata.topics[0].error_code, KAFKA_NONE);
}

static int32_t leader(struct test *test, const char *topic, int32_t partition)
{
    ask_metadata(test, topic);
    return test->metadata.topics[0].partitions[partition].leader_id;
}

static int16_t list_offset(struct test *test, const char *topic, int32_t partition, int64_t *offset)
{
    struct kp_list_offsets_request_topics_partitions asked = kp_list_offsets_request_topics_partitions_default;
    struct kp_list_offsets_request_topics asked_topic = {
        .name = kp_string_of(topic), .partitions = &asked, .partitions_count = 1};
    struct kp_list_offsets_request request = kp_list_offsets_request_default;
    struct kp_list_offsets_response response;
    asked.partition_index = partition;
    asked.timestamp = -1;
    request.topics = &asked_topic;
    request.topics_count = 1;
    test_peer_ask(&test->peer, KP_API_LIST_OFFSETS, 5, &request, &response);
    *offset = response.topics[0].partitions[0].offset;
    return response.topics[0].partitions[0].error_code;
}

static int64_t end_offset(struct test *test, const char *topic, int32_t partition)
{
    int64_t offset;
    assert_int_equal(list_offset(test, topic, partition, &offset), KAFKA_NONE);
    return offset;
}

static int16_t fetch(struct test *test, int32_t partition)
{
    struct kp_fetch_request_topics_partitions asked = kp_fetch_request_topics_partitions_default;
    struct kp_fetch_request_topics topic = test_fetch_topic(TOPIC, &asked);
    struct kp_fetch_request request = kp_fetch_request_default;
    struct kp_fetch_response response;
    asked.partition = partition;
    asked.partition_max_bytes = 1000;
    request.topics = &topic;
    request.topics_count = 1;
    test_peer_ask(&test->peer, KP_API_FETCH, 11, &request, &response);
    return response.responses[0].partitions[0].error_code;
}

static int16_t move(struct test *test, const char *topic, int32_t partition, const char *path)
{
    struct kp_alter_replica_log_dirs_request request = kp_alter_replica_log_dirs_request_default;
    struct kp_alter_replica_log_dirs_request_dirs_topics moved = {
        .name = kp_string_of(topic), .partitions = &partition, .partitions_count = 1};
    struct kp_alter_replica_log_dirs_request_dirs dir = {
        .path = kp_string_of(path), .topics = &moved, .topics_count = 1};
    struct kp_alter_replica_log_dirs_response response;
    request.dirs = &dir;
    request.dirs_count = 1;
    test_peer_ask(&test->peer, KP_API_ALTER_REPLICA_LOG_DIRS, 2, &request, &response);
    return response.results[0].partitions[0].error_code;
}

/* A topic with a record in each partition: 0 and 2 in /data/a, 1 and 3 in /data/b. */
static void fill(struct test *test, const char *topic)
{
    assert_int_equal(test_create_topic(&test->peer, topic, PARTITIONS), KAFKA_NONE);
    for (int32_t i = 0; i < PARTITIONS; i++)
        assert_int_equal(test_produce(&test->peer, topic, i, 2), KAFKA_NONE);
    assert_true(has_folder(test, "/data/a/t-0") && has_folder(test, "/data/b/t-1"));
}

static void fill_and_take_b_away(struct test *test)
{
    fill(test, TOPIC);
    stop(test);
    take_away(test, "/data/b");
    start(test);
}

/* ---- what is answered ------------------------------------------------------------------------------------------- */

/* As Kafka: no leader, offline, KAFKA_STORAGE_ERROR; the others go on. */
static void partitions_of_a_folder_that_is_away_are_offline(void **state)
{
    struct test *test = *state;
    int64_t offset;
    fill_and_take_b_away(test);
    ask_metadata(test, TOPIC);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        const struct kp_metadata_response_topics_partitions *partition = &test->metadata.topics[0].partitions[i];
        bool away = i % 2 == 1;
        assert_int_equal(partition->leader_id, away ? -1 : 1);
        assert_int_equal(partition->error_code, away ? KAFKA_LEADER_NOT_AVAILABLE : KAFKA_NONE);
        assert_int_equal(partition->offline_replicas_count, away);
        assert_int_equal(partition->isr_nodes_count, 1);
    }
    assert_int_equal(test_produce(&test->peer, TOPIC, 0, 1), KAFKA_NONE);
    assert_int_equal(test_produce(&test->peer, TOPIC, 1, 1), KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(fetch(test, 0), KAFKA_NONE);
    assert_int_equal(fetch(test, 1), KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(list_offset(test, TOPIC, 1, &offset), KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(offset, -1);
    assert_int_equal(move(test, TOPIC, 1, "/data/a"), KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(move(test, TOPIC, 0, "/data/b"), KAFKA_KAFKA_STORAGE_ERROR);
    assert_false(has_folder(test, "/data/a/t-1"));
}

static void the_folder_is_described_with_an_error(void **state)
{
    struct test *test = *state;
    struct kp_describe_log_dirs_request request = kp_describe_log_dirs_request_default;
    struct kp_describe_log_dirs_response response;
    fill_and_take_b_away(test);
    request.topics_count = -1;
    test_peer_ask(&test->peer, KP_API_DESCRIBE_LOG_DIRS, 4, &request, &response);
    assert_int_equal(response.results_count, 2);
    assert_int_equal(response.results[0].error_code, KAFKA_NONE);
    assert_int_equal(response.results[0].topics[0].partitions_count, 2);
    assert_int_equal(response.results[1].error_code, KAFKA_KAFKA_STORAGE_ERROR);
    assert_true(kp_string_is(response.results[1].log_dir, "/data/b"));
    assert_int_equal(response.results[1].topics_count, 0);
    assert_int_equal(response.results[1].total_bytes, -1);
}

/* ---- what is there afterwards ----------------------------------------------------------------------------------- */

static void all_records_are_there_when_the_folder_is_back(void **state)
{
    struct test *test = *state;
    fill_and_take_b_away(test);
    assert_int_equal(test_produce(&test->peer, TOPIC, 0, 3), KAFKA_NONE);
    for (int i = 0; i < 2; i++) { /* away for two starts, the second one after a crash */
        crash(test);
        start(test);
        assert_int_equal(test_produce(&test->peer, TOPIC, 3, 1), KAFKA_KAFKA_STORAGE_ERROR);
    }
    stop(test);
    bring_back(test, "/data/b");
    start(test);
    static const int64_t ends[PARTITIONS] = {5, 2, 2, 2};
    for (int32_t i = 0; i < PARTITIONS; i++) {
        assert_int_equal(end_offset(test, TOPIC, i), ends[i]);
        assert_int_equal(leader(test, TOPIC, i), 1);
        assert_int_equal(test_produce(&test->peer, TOPIC, i, 1), KAFKA_NONE);
    }
}

/* The folder was left by a crash, and is recovered when it is back, whatever was stopped cleanly in between. */
static void a_folder_that_a_crash_left_is_recovered_when_it_is_back(void **state)
{
    struct test *test = *state;
    fill(test, TOPIC);
    crash(test);
    take_away(test, "/data/b");
    start(test);
    stop(test);
    bring_back(test, "/data/b");
    start(test);
    assert_false(test->broker.broker->folders.clean);
    assert_int_equal(end_offset(test, TOPIC, 1), 2);
}

/* The stop is clean: what is away is no log that failed. */
static void a_stop_without_the_folder_is_clean(void **state)
{
    struct test *test = *state;
    fill_and_take_b_away(test);
    stop(test);
    assert_true(memory_io_exists(test->broker.memory, "/data/a/.kafka_cleanshutdown"));
    start(test);
    assert_true(test->broker.broker->folders.clean);
}

static void new_topics_go_to_the_others_and_stay_there(void **state)
{
    struct test *test = *state;
    fill_and_take_b_away(test);
    assert_int_equal(test_create_topic(&test->peer, "new", 3), KAFKA_NONE);
    for (int32_t i = 0; i < 3; i++)
        assert_int_equal(test_produce(&test->peer, "new", i, 1), KAFKA_NONE);
    assert_true(has_folder(test, "/data/a/new-0") && has_folder(test, "/data/a/new-1"));
    stop(test);
    start(test); /* still away: these are found */
    assert_int_equal(end_offset(test, "new", 2), 1);
    stop(test);
    bring_back(test, "/data/b");
    start(test);
    assert_int_equal(end_offset(test, "new", 1), 1);
}

/* A topic that was deleted meanwhile, and made again, does not get the old records back. */
static void a_topic_made_again_meanwhile_is_the_new_one(void **state)
{
    struct test *test = *state;
    fill_and_take_b_away(test);
    assert_int_equal(test_delete_topic(&test->peer, TOPIC), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->peer, TOPIC, PARTITIONS), KAFKA_NONE);
    broker_fixture_run_jobs(&test->broker);
    for (int32_t i = 0; i < PARTITIONS - 1; i++)
        assert_int_equal(test_produce(&test->peer, TOPIC, i, 7), KAFKA_NONE);
    stop(test);
    bring_back(test, "/data/b");
    start(test);
    for (int32_t i = 0; i < PARTITIONS - 1; i++)
        assert_int_equal(end_offset(test, TOPIC, i), 7);
    assert_int_equal(end_offset(test, TOPIC, 3), 0); /* never written: its old folder is another topic's */
    assert_false(has_folder(test, "/data/b/t-1"));
}

/* A folder of an earlier topic of that name does not make a log that is away a new one. */
static void a_folder_of_another_topic_does_not_stand_for_one_that_is_away(void **state)
{
    struct test *test = *state;
    fill_and_take_b_away(test);
    stop(test);
    assert_int_equal(files(test)->mkdir(files(test), "/data/a/t-1"), 0);
    static const char other[] = "version: 0\ntopic_id: AWFSc9fwREiArttvx21CHQ\n";
    memory_io_put(test->broker.memory, "/data/a/t-1/partition.metadata", other, sizeof other - 1);
    start(test);
    assert_int_equal(test_produce(&test->peer, TOPIC, 1, 1), KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(leader(test, TOPIC, 1), -1);
    stop(test);
    bring_back(test, "/data/b");
    start(test);
    assert_int_equal(end_offset(test, TOPIC, 1), 2);
}

/* ---- where partitions are recorded ------------------------------------------------------------------------------ */

static struct kp_uuid recorded(const struct test *test, int32_t partition)
{
    return catalog_topic(test->broker.broker->catalog, kp_string_of(TOPIC))->partitions[partition]->directory;
}

static bool is_recorded_in(const struct test *test, int32_t partition, int directory)
{
    return kp_uuid_equal(recorded(test, partition), test->broker.broker->folders.items[directory].directory_id);
}

static void a_partition_is_recorded_where_its_folder_is_made_and_moved(void **state)
{
    struct test *test = *state;
    fill(test, TOPIC);
    for (int32_t i = 0; i < PARTITIONS; i++)
        assert_true(is_recorded_in(test, i, i % 2));
    assert_int_equal(move(test, TOPIC, 0, "/data/b"), KAFKA_NONE);
    broker_fixture_advance(&test->broker, 20);
    broker_fixture_run_jobs(&test->broker);
    assert_true(is_recorded_in(test, 0, 1));
    stop(test);
    start(test);
    assert_true(is_recorded_in(test, 0, 1));
}

/* With one folder left it is recorded with the topic, as Kafka's controller does it. */
static void a_new_topic_is_recorded_in_the_only_folder_left(void **state)
{
    struct test *test = *state;
    stop(test);
    take_away(test, "/data/b");
    start(test);
    assert_int_equal(test_create_topic(&test->peer, TOPIC, 1), KAFKA_NONE);
    assert_true(is_recorded_in(test, 0, 0));
}

/* A mount that is missing leaves an empty folder, which is formatted: what is recorded in the one before is offline,
 * and what was never written may be made there. */
static void an_empty_folder_in_the_place_of_another_hides_no_records(void **state)
{
    struct test *test = *state;
    fill(test, TOPIC);
    assert_int_equal(test_create_topic(&test->peer, "unwritten", 2), KAFKA_NONE);
    stop(test);
    assert_int_equal(files(test)->rename(files(test), "/data/b", "/data/away"), 0);
    start(test);
    assert_int_equal(test_produce(&test->peer, TOPIC, 1, 1), KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(test_produce(&test->peer, "unwritten", 1, 1), KAFKA_NONE);
    stop(test);
    assert_int_equal(files(test)->rename(files(test), "/data/b", "/data/empty"), 0);
    assert_int_equal(files(test)->rename(files(test), "/data/away", "/data/b"), 0);
    start(test);
    assert_int_equal(end_offset(test, TOPIC, 1), 2);
}

/* What is recorded in a folder that is away, but lies in another, is used and recorded there. */
static void a_partition_that_lies_elsewhere_is_used(void **state)
{
    struct test *test = *state;
    fill(test, TOPIC);
    stop(test);
    assert_int_equal(files(test)->rename(files(test), "/data/b/t-1", "/data/a/t-1"), 0);
    take_away(test, "/data/b");
    start(test);
    assert_int_equal(end_offset(test, TOPIC, 1), 2);
    assert_true(is_recorded_in(test, 1, 0));
    assert_int_equal(leader(test, TOPIC, 3), -1);
}

/* Of two folders that an interrupted move left, and one of which was away for a while, the one counts that was used. */
static void of_two_folders_the_one_counts_that_was_used_last(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_create_topic(&test->peer, TOPIC, 1), KAFKA_NONE);
    assert_int_equal(test_produce(&test->peer, TOPIC, 0, 2), KAFKA_NONE);
    stop(test);
    struct memory_io *before = memory_io_copy(test->broker.memory);
    start(test);
    assert_int_equal(move(test, TOPIC, 0, "/data/b"), KAFKA_NONE);
    broker_fixture_advance(&test->broker, 20);
    broker_fixture_run_jobs(&test->broker);
    assert_int_equal(test_produce(&test->peer, TOPIC, 0, 2), KAFKA_NONE);
    stop(test);
    assert_int_equal(files(test)->mkdir(files(test), "/data/a/t-0"), 0); /* the old one again, behind */
    static const char *const names[] = {"00000000000000000000.log", "partition.metadata"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[100];
        size_t size;
        snprintf(path, sizeof path, "/data/a/t-0/%s", names[i]);
        const uint8_t *bytes = memory_io_bytes(before, path, &size);
        memory_io_put(test->broker.memory, path, bytes, size);
    }
    memory_io_free(before);
    start(test);
    assert_int_equal(end_offset(test, TOPIC, 0), 4);
    assert_false(has_folder(test, "/data/a/t-0")); /* put aside */
}

/* Apache Kafka makes some partitions anew when it was killed before, and its folder is away: those hide nothing. */
static void an_empty_folder_elsewhere_does_not_stand_for_one_that_is_away(void **state)
{
    struct test *test = *state;
    fill_and_take_b_away(test);
    char *metadata = NULL;
    size_t size;
    assert_int_equal(file_load(files(test), "/data/a/t-0/partition.metadata", 4096, &metadata, &size), 0);
    stop(test);
    assert_int_equal(files(test)->mkdir(files(test), "/data/a/t-1"), 0);
    memory_io_put(test->broker.memory, "/data/a/t-1/partition.metadata", metadata, size);
    memory_io_put(test->broker.memory, "/data/a/t-1/00000000000000000000.log", "", 0);
    free(metadata);
    start(test);
    assert_int_equal(test_produce(&test->peer, TOPIC, 1, 1), KAFKA_KAFKA_STORAGE_ERROR);
    stop(test);
    bring_back(test, "/data/b");
    start(test);
    assert_int_equal(end_offset(test, TOPIC, 1), 2);
    assert_false(has_folder(test, "/data/a/t-1"));
}

static int32_t recorded_leader(const struct test *test)
{
    return catalog_topic(test->broker.broker->catalog, kp_string_of(TOPIC))->partitions[1]->leader;
}

/* As Kafka's stop leaves it, and for its sake. */
static void a_stop_leaves_the_partitions_of_several_folders_without_a_leader(void **state)
{
    struct test *test = *state;
    fill(test, TOPIC);
    int32_t epoch = catalog_topic(test->broker.broker->catalog, kp_string_of(TOPIC))->partitions[1]->leader_epoch;
    test->broker.broker->stopping = true;
    controller_resign(test->broker.broker);
    assert_int_equal(recorded_leader(test), -1);
    stop(test);
    start(test);
    assert_int_equal(recorded_leader(test), 1);
    ask_metadata(test, TOPIC);
    assert_true(test->metadata.topics[0].partitions[1].leader_epoch > epoch);
}

/* ---- a folder of its own for the metadata log -------------------------------------------------------------------- */

static void the_metadata_log_is_in_its_own_folder_alone(void **state)
{
    struct test test = {0};
    (void)state;
    broker_fixture_init(&test.broker);
    broker_fixture_set(&test.broker, "log.dirs", "/data/a,/data/b");
    broker_fixture_set(&test.broker, "metadata.log.dir", "/data/m");
    start(&test);
    fill(&test, TOPIC);
    for (int i = 0; i < 2; i++) {
        stop(&test);
        assert_true(has_folder(&test, "/data/m/__cluster_metadata-0"));
        assert_false(has_folder(&test, "/data/a/__cluster_metadata-0"));
        assert_false(has_folder(&test, "/data/m/t-0"));
        start(&test);
        assert_int_equal(end_offset(&test, TOPIC, 1), 2);
    }
    stop(&test);
    take_away(&test, "/data/a");
    start(&test); /* any of log.dirs may be away then, also the first one */
    assert_int_equal(leader(&test, TOPIC, 0), -1);
    assert_int_equal(end_offset(&test, TOPIC, 1), 2);
    stop(&test);
    broker_fixture_release(&test.broker);
}

/* As Kafka: else it would begin anew, without any topic. */
static void a_metadata_log_in_another_folder_is_refused(void **state)
{
    struct test *test = *state;
    fill(test, TOPIC);
    stop(test);
    struct broker_fixture other;
    broker_fixture_copy(&other, &test->broker);
    broker_fixture_set(&other, "log.dirs", "/data/b,/data/a");
    assert_false(broker_fixture_try_open(&other));
    broker_fixture_release(&other);
    start(test);
}

/* ---- the start ends --------------------------------------------------------------------------------------------- */

static void the_folder_with_the_metadata_log_must_be_there(void **state)
{
    struct test *test = *state;
    fill(test, TOPIC);
    stop(test);
    take_away(test, "/data/a");
    assert_false(broker_fixture_try_open(&test->broker));
    bring_back(test, "/data/a");
    start(test);
    assert_int_equal(end_offset(test, TOPIC, 1), 2);
}

/* ---- calls that fail -------------------------------------------------------------------------------------------- */

/* Whichever call of a start fails, it is refused or goes on with what there is; when all works again all is there. */
static void whatever_fails_at_a_start_loses_nothing(void **state)
{
    struct test *test = *state;
    fill(test, TOPIC);
    stop(test);
    static const int calls[] = {CALL_OPEN, CALL_LIST, CALL_STAT, CALL_MKDIR, CALL_UNLINK, CALL_SYNC};
    for (size_t c = 0; c < COUNT_OF(calls); c++) {
        bool seen = false; /* a start without /data/b */
        for (int k = 1, fired = 1; fired; k++) {
            struct test other = {0};
            broker_fixture_copy(&other.broker, &test->broker);
            broker_fixture_set(&other.broker, "log.dirs", "/data/a,/data/b");
            memory_io_fail(other.broker.memory, calls[c], k, EIO, false);
            bool opened = broker_fixture_try_open(&other.broker);
            fired = memory_io_fault_fired(other.broker.memory);
            memory_io_fail(other.broker.memory, 0, 0, 0, false);
            int64_t ends[PARTITIONS] = {2, 2, 2, 2};
            if (opened) {
                seen |= other.broker.broker->folders.directories_offline[1];
                test_peer_open(&other.peer, &other.broker);
                for (int32_t i = 0; i < PARTITIONS; i++)
                    ends[i] += test_produce(&other.peer, TOPIC, i, 1) == KAFKA_NONE;
                broker_fixture_run_jobs(&other.broker);
                test_peer_close(&other.peer);
                (void)broker_close(other.broker.broker); /* not clean when a log is offline */
                other.broker.broker = NULL;
            }
            start(&other);
            for (int32_t i = 0; i < PARTITIONS; i++)
                assert_int_equal(end_offset(&other, TOPIC, i), ends[i]);
            stop(&other);
            broker_fixture_release(&other.broker);
        }
        assert_int_equal(seen, calls[c] & (CALL_OPEN | CALL_LIST | CALL_STAT | CALL_UNLINK | CALL_SYNC) ? 1 : 0);
    }
    start(test);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(partitions_of_a_folder_that_is_away_are_offline),
        TEST(the_folder_is_described_with_an_error),
        TEST(all_records_are_there_when_the_folder_is_back),
        TEST(a_folder_that_a_crash_left_is_recovered_when_it_is_back),
        TEST(a_stop_without_the_folder_is_clean),
        TEST(new_topics_go_to_the_others_and_stay_there),
        TEST(a_topic_made_again_meanwhile_is_the_new_one),
        TEST(a_folder_of_another_topic_does_not_stand_for_one_that_is_away),
        TEST(a_partition_is_recorded_where_its_folder_is_made_and_moved),
        TEST(a_new_topic_is_recorded_in_the_only_folder_left),
        TEST(an_empty_folder_in_the_place_of_another_hides_no_records),
        TEST(a_partition_that_lies_elsewhere_is_used),
        TEST(of_two_folders_the_one_counts_that_was_used_last),
        TEST(an_empty_folder_elsewhere_does_not_stand_for_one_that_is_away),
        TEST(a_stop_leaves_the_partitions_of_several_folders_without_a_leader),
        cmocka_unit_test(the_metadata_log_is_in_its_own_folder_alone),
        TEST(a_metadata_log_in_another_folder_is_refused),
        TEST(the_folder_with_the_metadata_log_must_be_there),
        TEST(whatever_fails_at_a_start_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
