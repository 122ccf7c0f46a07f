/* Transactions over a whole broker in memory: how they end, by their producers, by time, by a successor, after kills
 * and full disks; what they leave in partitions; ids that nobody uses; both protocols and levels of
 * transaction.version. */
#include "lib/test_producer.h"

#include "broker/errors.h"
#include "broker/transaction_coordinator.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define TIMEOUT_MS    INT64_C(60000)
#define INTERVAL_MS   INT64_C(10000) /* between looks for transactions whose time is over */
#define EXPIRATION_MS INT64_C(3600000)
#define RETRY_MS      INT64_C(1000)

struct test {
    struct broker_fixture broker;
    struct test_producer a, b; /* of the ids "a" and "b" */
    struct test_peer admin;
};

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_set(&test->broker, "transaction.state.log.num.partitions", "3");
    broker_fixture_set(&test->broker, "offsets.topic.num.partitions", "1");
    broker_fixture_set(&test->broker, "transactional.id.expiration.ms", "3600000");
    broker_fixture_set(&test->broker, "transaction.remove.expired.transaction.cleanup.interval.ms", "60000");
    broker_fixture_open(&test->broker);
    test_producer_open(&test->a, &test->broker, "a");
    test_producer_open(&test->b, &test->broker, "b");
    test_peer_open(&test->admin, &test->broker);
    assert_int_equal(test_producer_find_coordinator(&test->a), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->admin, "t", 2), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->admin, "u", 1), KAFKA_NONE);
    assert_int_equal(test_producer_init(&test->a), KAFKA_NONE);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    broker_fixture_release(&test->broker);
    free(test);
    return 0;
}

static struct transaction *of(struct test *test, const char *id)
{
    return transactions_find(test->broker.broker->transactions->transactions, kp_string_of(id));
}

static void expect_outcome(struct test *test, const char *topic, int32_t partition, int32_t committed, int32_t aborted,
                           int32_t open)
{
    struct test_outcome outcome = test_outcome_of(&test->broker, topic, partition);
    assert_int_equal(outcome.committed, committed);
    assert_int_equal(outcome.aborted, aborted);
    assert_int_equal(outcome.open, open);
}

static void write_all(struct test_producer *producer)
{
    assert_int_equal(test_producer_write(producer, "t", 2), KAFKA_NONE);
    assert_int_equal(test_producer_write(producer, "u", 1), KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER);
    producer->next_sequence = 0;
    assert_int_equal(test_producer_write(producer, "u", 1), KAFKA_NONE);
}

/* ---- ends ----------------------------------------------------------------------------------------------------------- */

static void an_end_is_written_to_every_partition(void **state)
{
    struct test *test = *state;
    write_all(&test->a);
    assert_string_equal(test_producer_state(&test->a), "Ongoing");
    assert_int_equal(test_producer_partitions(&test->a), 3);
    assert_int_equal(test_producer_end(&test->a, true), KAFKA_NONE);
    assert_string_equal(test_producer_state(&test->a), "CompleteCommit");
    expect_outcome(test, "t", 0, 1, 0, 0);
    expect_outcome(test, "t", 1, 1, 0, 0);
    expect_outcome(test, "u", 0, 1, 0, 0);
    assert_int_equal(test_producer_write(&test->a, "t", 1), KAFKA_NONE);
    assert_int_equal(test_producer_end(&test->a, false), KAFKA_NONE);
    expect_outcome(test, "t", 0, 1, 1, 0);
    expect_outcome(test, "t", 1, 1, 0, 0);
}

static void an_old_producer_keeps_its_epoch(void **state)
{
    struct test *test = *state;
    test->a.is_old = true;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(test_producer_write(&test->a, "t", 2), KAFKA_NONE);
        assert_int_equal(test_producer_end(&test->a, true), KAFKA_NONE);
        assert_int_equal(of(test, "a")->fields.producer.epoch, 0);
    }
    expect_outcome(test, "t", 1, 3, 0, 0);
}

static void each_end_raises_the_epoch_of_a_new_producer(void **state)
{
    struct test *test = *state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(test->a.producer.epoch, i);
        assert_int_equal(test_producer_write(&test->a, "t", 2), KAFKA_NONE);
        assert_int_equal(test_producer_end(&test->a, i != 1), KAFKA_NONE);
    }
    expect_outcome(test, "t", 1, 2, 1, 0);
}

/* KIP-890: the last epoch is for fencing; the producer goes on under a new id. */
static void used_up_epochs_make_way_for_a_new_id(void **state)
{
    struct test *test = *state;
    int64_t id = test->a.producer.id;
    of(test, "a")->fields.producer.epoch = test->a.producer.epoch = INT16_MAX - 1;
    assert_int_equal(test_producer_write(&test->a, "t", 1), KAFKA_NONE);
    struct test_producer repeated = test->a;
    repeated.peer_open = false;
    assert_int_equal(test_producer_end(&test->a, true), KAFKA_NONE);
    assert_int_not_equal(test->a.producer.id, id);
    assert_int_equal(test->a.producer.epoch, 0);
    expect_outcome(test, "t", 0, 1, 0, 0);
    assert_int_equal(test_producer_end(&repeated, true), KAFKA_NONE); /* its answer was lost */
    assert_int_equal(repeated.producer.id, test->a.producer.id);
    assert_int_equal(test_producer_end(&repeated, true), KAFKA_INVALID_TXN_STATE);
    test_producer_close(&repeated);
    assert_int_equal(test_producer_write(&test->a, "t", 1), KAFKA_NONE);
}

static void used_up_epochs_of_an_old_producer_make_way_at_its_next_begin(void **state)
{
    struct test *test = *state;
    int64_t id = test->a.producer.id;
    test->a.is_old = true;
    of(test, "a")->fields.producer.epoch = INT16_MAX - 1;
    assert_int_equal(test_producer_init(&test->a), KAFKA_NONE);
    assert_int_not_equal(test->a.producer.id, id);
    assert_int_equal(test->a.producer.epoch, 0);
}

static void partitions_of_a_deleted_topic_are_passed_over(void **state)
{
    struct test *test = *state;
    write_all(&test->a);
    assert_int_equal(test_delete_topic(&test->admin, "u"), KAFKA_NONE);
    assert_int_equal(test_producer_end(&test->a, true), KAFKA_NONE);
    assert_string_equal(test_producer_state(&test->a), "CompleteCommit");
    expect_outcome(test, "t", 1, 1, 0, 0);
}

/* A topic is made anew before the folder of the one of its name has gone: nothing is written there meanwhile. */
static void the_marker_of_a_topic_made_anew_waits_for_its_folder(void **state)
{
    struct test *test = *state;
    struct test_pool *pool = &test->broker.env.pool;
    struct kp_delete_topics_request request = kp_delete_topics_request_default;
    struct kp_delete_topics_response response;
    struct kp_string name = kp_string_of("u");
    request.topic_names = &name;
    request.topic_names_count = 1;
    request.timeout_ms = 30000;
    write_all(&test->a);
    int32_t id = test_peer_send(&test->admin, KP_API_DELETE_TOPICS, 5, &request);
    for (int i = 0; i < 10 && test_pool_count(pool, JOB_MAKE) == 0; i++) {
        (void)test_pool_run_first(pool); /* the sync of the metadata log */
        broker_fixture_turn(&test->broker);
    }
    struct job *rename = test_pool_take(pool);
    assert_non_null(rename);
    assert_true(test_peer_receive(&test->admin, KP_API_DELETE_TOPICS, 5, id, &response));
    assert_int_equal(test_create_topic(&test->admin, "u", 1), KAFKA_NONE);
    assert_int_equal(test_producer_end(&test->a, true), KAFKA_NONE);
    assert_string_equal(test_producer_state(&test->a), "PrepareCommit");
    assert_int_equal(test_producer_partitions(&test->a), 1);
    rename->work(rename);
    rename->done(rename, false);
    broker_fixture_advance(&test->broker, RETRY_MS);
    broker_fixture_turn(&test->broker);
    assert_string_equal(test_producer_state(&test->a), "CompleteCommit");
    test->a.next_sequence = 0;
    assert_int_equal(test_producer_write(&test->a, "u", 1), KAFKA_NONE);
    assert_int_equal(test_producer_end(&test->a, true), KAFKA_NONE);
    expect_outcome(test, "u", 0, 1, 0, 0);
}

/* Without room for a marker the decision stands, and the rest follows when there is room again. */
static void what_cannot_be_written_is_tried_again(void **state)
{
    struct test *test = *state;
    write_all(&test->a);
    /* the decision is the first write, the markers are the next ones */
    memory_io_fail(test->broker.memory, CALL_PWRITE, 2, ENOSPC, true);
    assert_int_equal(test_producer_end(&test->a, true), KAFKA_NONE);
    assert_string_equal(test_producer_state(&test->a), "PrepareCommit");
    assert_int_equal(test_producer_partitions(&test->a), 3);
    assert_int_equal(test_producer_init(&test->a), KAFKA_CONCURRENT_TRANSACTIONS);
    broker_fixture_advance(&test->broker, RETRY_MS);
    broker_fixture_turn(&test->broker);
    assert_string_equal(test_producer_state(&test->a), "PrepareCommit");
    memory_io_fail(test->broker.memory, 0, 0, 0, false);
    broker_fixture_advance(&test->broker, RETRY_MS);
    broker_fixture_turn(&test->broker);
    assert_string_equal(test_producer_state(&test->a), "CompleteCommit");
    expect_outcome(test, "t", 0, 1, 0, 0);
    expect_outcome(test, "u", 0, 1, 0, 0);
}

static void one_partition_that_fails_keeps_no_other_waiting(void **state)
{
    struct test *test = *state;
    write_all(&test->a);
    memory_io_fail(test->broker.memory, CALL_PWRITE, 2, ENOSPC, false);
    assert_int_equal(test_producer_end(&test->a, false), KAFKA_NONE);
    assert_int_equal(test_producer_partitions(&test->a), 1);
    broker_fixture_advance(&test->broker, RETRY_MS);
    broker_fixture_turn(&test->broker);
    assert_string_equal(test_producer_state(&test->a), "CompleteAbort");
    expect_outcome(test, "u", 0, 0, 1, 0);
}

static void a_decision_that_cannot_be_written_has_not_been_made(void **state)
{
    struct test *test = *state;
    write_all(&test->a);
    memory_io_fail(test->broker.memory, CALL_PWRITE, 1, ENOSPC, false);
    assert_int_not_equal(test_producer_end(&test->a, true), KAFKA_NONE);
    assert_string_equal(test_producer_state(&test->a), "Ongoing");
    assert_int_equal(test_producer_end(&test->a, true), KAFKA_NONE);
    expect_outcome(test, "t", 0, 1, 0, 0);
}

/* ---- kills ---------------------------------------------------------------------------------------------------------- */

static void what_was_decided_goes_on_after_a_kill(void **state)
{
    struct test *test = *state;
    write_all(&test->a);
    memory_io_fail(test->broker.memory, CALL_PWRITE, 3, ENOSPC, true);
    assert_int_equal(test_producer_end(&test->a, true), KAFKA_NONE);
    assert_string_equal(test_producer_state(&test->a), "PrepareCommit");
    memory_io_fail(test->broker.memory, 0, 0, 0, false);
    test_producer_close(&test->a);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    broker_fixture_turn(&test->broker);
    assert_string_equal(test_producer_state(&test->a), "CompleteCommit");
    expect_outcome(test, "t", 0, 1, 0, 0);
    expect_outcome(test, "t", 1, 1, 0, 0);
    expect_outcome(test, "u", 0, 1, 0, 0);
    assert_int_equal(test_producer_write(&test->a, "t", 2), KAFKA_NONE);
}

static void an_open_transaction_outlives_a_restart_and_keeps_its_time(void **state)
{
    struct test *test = *state;
    write_all(&test->a);
    broker_fixture_advance(&test->broker, TIMEOUT_MS / 2);
    test_producer_close(&test->a);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_string_equal(test_producer_state(&test->a), "Ongoing");
    assert_int_equal(test_producer_write(&test->a, "u", 1), KAFKA_NONE);
    broker_fixture_advance(&test->broker, TIMEOUT_MS / 2);
    broker_fixture_turn(&test->broker);
    assert_string_equal(test_producer_state(&test->a), "Ongoing"); /* not a millisecond too early */
    broker_fixture_advance(&test->broker, INTERVAL_MS);
    broker_fixture_turn(&test->broker);
    assert_string_equal(test_producer_state(&test->a), "CompleteAbort");
    expect_outcome(test, "t", 0, 0, 1, 0);
    expect_outcome(test, "u", 0, 0, 2, 0);
}

static void a_transaction_goes_on_where_it_was_after_a_clean_stop(void **state)
{
    struct test *test = *state;
    write_all(&test->a);
    test_producer_close(&test->a);
    broker_fixture_restart(&test->broker, broker_fixture_close);
    assert_int_equal(test_producer_end(&test->a, true), KAFKA_NONE);
    expect_outcome(test, "t", 1, 1, 0, 0);
}

/* ---- time, and successors ------------------------------------------------------------------------------------------- */

static void whose_time_is_over_is_fenced(void **state)
{
    struct test *test = *state;
    write_all(&test->a);
    broker_fixture_advance(&test->broker, TIMEOUT_MS + INTERVAL_MS);
    broker_fixture_turn(&test->broker);
    assert_string_equal(test_producer_state(&test->a), "CompleteAbort");
    assert_int_equal(test_producer_write(&test->a, "u", 1), KAFKA_INVALID_PRODUCER_EPOCH);
    assert_int_equal(test_producer_end(&test->a, false), KAFKA_NONE); /* its abort is one that was carried out */
    assert_int_equal(test_producer_init(&test->a), KAFKA_NONE);
    assert_int_equal(test_producer_write(&test->a, "t", 2), KAFKA_NONE);
}

static void a_successor_aborts_what_was_open(void **state)
{
    struct test *test = *state;
    struct test_producer successor;
    test_producer_open(&successor, &test->broker, "a");
    write_all(&test->a);
    assert_int_equal(test_producer_init(&successor), KAFKA_CONCURRENT_TRANSACTIONS);
    expect_outcome(test, "t", 0, 0, 1, 0);
    assert_int_equal(test_producer_init(&successor), KAFKA_NONE);
    assert_int_equal(test_producer_write(&test->a, "t", 1), KAFKA_INVALID_PRODUCER_EPOCH);
    assert_int_equal(test_producer_end(&test->a, true), KAFKA_PRODUCER_FENCED);
    assert_int_equal(test_producer_write(&successor, "t", 1), KAFKA_NONE);
    test_producer_close(&successor);
}

static void ids_that_nobody_uses_are_forgotten(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_producer_init(&test->b), KAFKA_NONE);
    test->b.timeout_ms = 900000;
    assert_int_equal(test_producer_write(&test->b, "t", 1), KAFKA_NONE);
    broker_fixture_advance(&test->broker, 10 * 60000);
    write_all(&test->a);
    assert_int_equal(test_producer_end(&test->a, true), KAFKA_NONE);
    broker_fixture_advance(&test->broker, EXPIRATION_MS - 60000);
    broker_fixture_turn(&test->broker);
    assert_string_equal(test_producer_state(&test->a), "CompleteCommit");
    broker_fixture_advance(&test->broker, 2 * 60000);
    broker_fixture_turn(&test->broker);
    assert_string_equal(test_producer_state(&test->a), "TRANSACTIONAL_ID_NOT_FOUND");
    test_producer_close(&test->a);
    test_producer_close(&test->b);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_string_equal(test_producer_state(&test->a), "TRANSACTIONAL_ID_NOT_FOUND");
    assert_int_equal(test_producer_write(&test->a, "t", 1), KAFKA_INVALID_PRODUCER_ID_MAPPING);
    assert_int_equal(of(test, "a") == NULL, 1);
}

/* ---- many partitions ------------------------------------------------------------------------------------------------ */

static void markers_of_many_partitions_go_in_parts(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_create_topic(&test->admin, "many", 50), KAFKA_NONE);
    assert_int_equal(test_producer_init(&test->b), KAFKA_NONE);
    assert_int_equal(test_producer_write(&test->a, "many", 50), KAFKA_NONE);
    assert_int_equal(test_producer_write(&test->b, "u", 1), KAFKA_NONE);
    test_env_short_turns(&test->broker.env);
    assert_int_equal(test_producer_end(&test->a, true), KAFKA_NONE);
    assert_string_equal(test_producer_state(&test->a), "PrepareCommit");
    assert_int_equal(test_producer_write(&test->a, "many", 1), KAFKA_CONCURRENT_TRANSACTIONS);
    assert_int_equal(test_producer_write(&test->b, "u", 1), KAFKA_NONE); /* others go on */
    for (int i = 0; i < 50; i++)
        broker_fixture_turn(&test->broker);
    assert_string_equal(test_producer_state(&test->a), "CompleteCommit");
    for (int32_t i = 0; i < 50; i++)
        expect_outcome(test, "many", i, 1, 0, 0);
}

#define MANY 100

static void markers_that_somebody_asks_for_go_in_parts_as_well(void **state)
{
    struct test *test = *state;
    int32_t numbers[MANY + 1];
    struct kp_write_txn_markers_request_markers_topics topics[] = {
        {.name = kp_string_of("none"), .partition_indexes = numbers, .partition_indexes_count = 0       },
        {.name = kp_string_of("many"), .partition_indexes = numbers, .partition_indexes_count = MANY + 1},
    };
    struct kp_write_txn_markers_request_markers marker = {.producer_id = 7, .topics = topics, .topics_count = 2};
    struct kp_write_txn_markers_request request = {.markers = &marker, .markers_count = 1};
    struct kp_write_txn_markers_response response;
    for (int32_t i = 0; i <= MANY; i++)
        numbers[i] = i;
    assert_int_equal(test_create_topic(&test->admin, "many", MANY), KAFKA_NONE);
    test_env_short_turns(&test->broker.env);
    int32_t id = test_peer_send(&test->admin, KP_API_WRITE_TXN_MARKERS, 1, &request);
    assert_false(test_peer_receive(&test->admin, KP_API_WRITE_TXN_MARKERS, 1, id, &response));
    assert_string_equal(test_producer_state(&test->a), "Empty"); /* others are answered */
    for (int i = 0; i < MANY + 2; i++)
        broker_fixture_turn(&test->broker);
    assert_true(test_peer_receive(&test->admin, KP_API_WRITE_TXN_MARKERS, 1, id, &response));
    assert_int_equal(response.markers[0].topics_count, 1);
    assert_int_equal(response.markers[0].topics[0].partitions_count, MANY + 1);
    assert_int_equal(response.markers[0].topics[0].partitions[MANY].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    for (int32_t i = 0; i < MANY; i++) {
        assert_int_equal(response.markers[0].topics[0].partitions[i].error_code, KAFKA_NONE);
        assert_int_equal(test_outcome_of(&test->broker, "many", i).markers, 1);
    }
}

/* ---- the topic, levels, settings ------------------------------------------------------------------------------------ */

static void without_its_topic_the_coordinator_begins_anew(void **state)
{
    struct test *test = *state;
    write_all(&test->a);
    assert_int_equal(test_delete_topic(&test->admin, "__transaction_state"), KAFKA_NONE);
    assert_string_equal(test_producer_state(&test->a), "NOT_COORDINATOR");
    assert_int_equal(test_producer_end(&test->a, true), KAFKA_NOT_COORDINATOR);
    assert_int_equal(test_producer_find_coordinator(&test->a), KAFKA_NONE);
    assert_string_equal(test_producer_state(&test->a), "TRANSACTIONAL_ID_NOT_FOUND");
    assert_int_equal(test_producer_init(&test->a), KAFKA_NONE);
}

static int16_t set_level(struct test *test, int16_t level)
{
    struct kp_update_features_request_feature_updates update = {
        .feature = kp_string_of("transaction.version"), .max_version_level = level, .upgrade_type = 2};
    struct kp_update_features_request request = {.feature_updates = &update, .feature_updates_count = 1};
    struct kp_update_features_response response;
    test_peer_ask(&test->admin, KP_API_UPDATE_FEATURES, 1, &request, &response);
    return response.error_code;
}

/* The level decides the form of records, and whether who is fenced is fenced by the second protocol; what a client does
 * is its own affair. */
static void levels_outlive_a_restart_and_both_protocols_go_on_at_each(void **state)
{
    struct test *test = *state;
    for (int16_t level = 1; level >= 0; level--) {
        assert_int_equal(set_level(test, level), KAFKA_NONE);
        test->a.is_old = true;
        assert_int_equal(test_producer_init(&test->a), KAFKA_NONE);
        assert_int_equal(test_producer_write(&test->a, "t", 2), KAFKA_NONE);
        test_producer_close(&test->a);
        broker_fixture_restart(&test->broker, broker_fixture_kill);
        assert_int_equal(catalog_feature_level(test->broker.broker->catalog, "transaction.version"), level);
        assert_int_equal(test_producer_end(&test->a, true), KAFKA_NONE);
        test->a.is_old = false;
        assert_int_equal(test_producer_init(&test->a), KAFKA_NONE);
        assert_int_equal(test_producer_write(&test->a, "t", 2), KAFKA_NONE);
        assert_int_equal(test_producer_end(&test->a, true), KAFKA_NONE);
    }
    expect_outcome(test, "t", 1, 4, 0, 0);
}

static void records_of_no_transaction_are_refused_unless_that_is_not_wanted(void **state)
{
    struct test *test = *state;
    struct kp_produce_response response;
    struct test_produce_request produce;
    struct batch_builder batch;
    struct batch_header header = BATCH_HEADER_PLAIN;
    const struct kp_bytes null = {NULL, -1}, none = {NULL, 0};
    header.attributes = BATCH_TRANSACTIONAL;
    header.producer_id = test->a.producer.id;
    header.producer_epoch = 0;
    header.base_sequence = 0;
    batch_builder_init(&batch, 0);
    batch_builder_add(&batch, 0, null, null, none, 0);
    assert_true(batch_builder_finish(&batch, &header));
    test_produce_request_init(&produce, "t", 0, &batch);
    produce.request.transactional_id = kp_string_of("a");
    test_peer_ask(&test->admin, KP_API_PRODUCE, 9, &produce.request, &response);
    assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_INVALID_TXN_STATE);
    test->broker.broker->config->transaction_partition_verification_enable = false;
    test_peer_ask(&test->admin, KP_API_PRODUCE, 9, &produce.request, &response);
    assert_int_equal(response.responses[0].partition_responses[0].error_code, KAFKA_NONE);
    batch_builder_release(&batch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_end_is_written_to_every_partition),
        TEST(an_old_producer_keeps_its_epoch),
        TEST(each_end_raises_the_epoch_of_a_new_producer),
        TEST(used_up_epochs_make_way_for_a_new_id),
        TEST(used_up_epochs_of_an_old_producer_make_way_at_its_next_begin),
        TEST(partitions_of_a_deleted_topic_are_passed_over),
        TEST(the_marker_of_a_topic_made_anew_waits_for_its_folder),
        TEST(what_cannot_be_written_is_tried_again),
        TEST(one_partition_that_fails_keeps_no_other_waiting),
        TEST(a_decision_that_cannot_be_written_has_not_been_made),
        TEST(what_was_decided_goes_on_after_a_kill),
        TEST(an_open_transaction_outlives_a_restart_and_keeps_its_time),
        TEST(a_transaction_goes_on_where_it_was_after_a_clean_stop),
        TEST(whose_time_is_over_is_fenced),
        TEST(a_successor_aborts_what_was_open),
        TEST(ids_that_nobody_uses_are_forgotten),
        TEST(markers_of_many_partitions_go_in_parts),
        TEST(markers_that_somebody_asks_for_go_in_parts_as_well),
        TEST(without_its_topic_the_coordinator_begins_anew),
        TEST(levels_outlive_a_restart_and_both_protocols_go_on_at_each),
        TEST(records_of_no_transaction_are_refused_unless_that_is_not_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
