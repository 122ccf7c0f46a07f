/* See test_producer.h. */
#include "test_producer.h"

#include "broker/catalog.h"
#include "broker/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define PRODUCERS_MAX 64

void test_producer_open(struct test_producer *producer, struct broker_fixture *broker, const char *id)
{
    *producer = (struct test_producer){.broker = broker, .id = id, .timeout_ms = 60000};
}

void test_producer_close(struct test_producer *producer)
{
    if (producer->peer_open)
        test_peer_close(&producer->peer);
    producer->peer_open = false;
}

bool test_producer_ask(struct test_producer *producer, int16_t key, int16_t version, const void *request,
                       void *response)
{
    if (producer->peer_open && producer->peer.closed)
        test_producer_close(producer);
    if (!producer->peer_open)
        test_peer_open(&producer->peer, producer->broker);
    producer->peer_open = true;
    bool answered = test_peer_try(&producer->peer, key, version, request, response);
    broker_fixture_turn(producer->broker);
    return answered;
}

int16_t test_producer_find_coordinator(struct test_producer *producer)
{
    struct kp_find_coordinator_request request = kp_find_coordinator_request_default;
    struct kp_find_coordinator_response response;
    struct kp_string key = kp_string_of(producer->id);
    request.key_type = 1;
    request.coordinator_keys = &key;
    request.coordinator_keys_count = 1;
    return test_producer_ask(producer, KP_API_FIND_COORDINATOR, 4, &request, &response)
               ? response.coordinators[0].error_code
               : NO_ANSWER_CODE;
}

int16_t test_producer_init(struct test_producer *producer)
{
    struct kp_init_producer_id_request request = kp_init_producer_id_request_default;
    struct kp_init_producer_id_response response;
    request.transactional_id = kp_string_of(producer->id);
    request.transaction_timeout_ms = producer->timeout_ms;
    if (!test_producer_ask(producer, KP_API_INIT_PRODUCER_ID, 4, &request, &response))
        return NO_ANSWER_CODE;
    if (response.error_code == KAFKA_NONE)
        producer->producer = (struct producer_epoch){response.producer_id, response.producer_epoch};
    producer->next_sequence = 0;
    return response.error_code;
}

static int16_t add(struct test_producer *producer, const char *name, int32_t *numbers, int32_t partitions)
{
    struct kp_add_partitions_to_txn_request request = kp_add_partitions_to_txn_request_default;
    struct kp_add_partitions_to_txn_request_add_partitions_to_txn_topic topic = {
        .name = kp_string_of(name), .partitions = numbers, .partitions_count = partitions};
    struct kp_add_partitions_to_txn_response response;
    request.v3_and_below_transactional_id = kp_string_of(producer->id);
    request.v3_and_below_producer_id = producer->producer.id;
    request.v3_and_below_producer_epoch = producer->producer.epoch;
    request.v3_and_below_topics = &topic;
    request.v3_and_below_topics_count = 1;
    if (!test_producer_ask(producer, KP_API_ADD_PARTITIONS_TO_TXN, 3, &request, &response))
        return NO_ANSWER_CODE;
    return response.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code;
}

/* One record with its own sequence. */
static struct kp_records build(struct test_producer *producer, struct batch_builder *batch)
{
    const struct kp_bytes null = {NULL, -1}, none = {NULL, 0};
    struct batch_header header = BATCH_HEADER_PLAIN;
    int64_t now_ms = producer->broker->env.now.wall_ms;
    header.attributes = BATCH_TRANSACTIONAL;
    header.producer_id = producer->producer.id;
    header.producer_epoch = producer->producer.epoch;
    header.base_sequence = producer->next_sequence;
    batch_builder_init(batch, now_ms);
    batch_builder_add(batch, now_ms, null, (struct kp_bytes){(const uint8_t *)"value", 5}, none, 0);
    assert_true(batch_builder_finish(batch, &header));
    return (struct kp_records){.data = batch->bytes, .size = (int32_t)batch->size_bytes};
}

static int16_t first_error(const struct kp_produce_response *response)
{
    for (int32_t i = 0; i < response->responses[0].partition_responses_count; i++)
        if (response->responses[0].partition_responses[i].error_code != KAFKA_NONE)
            return response->responses[0].partition_responses[i].error_code;
    return KAFKA_NONE;
}

int16_t test_producer_write(struct test_producer *producer, const char *name, int32_t partitions)
{
    struct kp_produce_request request = kp_produce_request_default;
    struct kp_produce_request_topic_data_partition_data *data = xcalloc((size_t)partitions, sizeof *data);
    struct kp_produce_request_topic_data topic = {
        .name = kp_string_of(name), .partition_data = data, .partition_data_count = partitions};
    struct batch_builder *batches = xcalloc((size_t)partitions, sizeof *batches);
    int32_t *numbers = xcalloc((size_t)partitions, sizeof *numbers);
    struct kp_produce_response response;
    for (int32_t i = 0; i < partitions; i++) {
        data[i].index = numbers[i] = i;
        data[i].records = build(producer, &batches[i]);
    }
    request.transactional_id = kp_string_of(producer->id);
    request.acks = -1;
    request.topic_data = &topic;
    request.topic_data_count = 1;
    int16_t error = producer->is_old ? add(producer, name, numbers, partitions) : KAFKA_NONE;
    if (error == KAFKA_NONE)
        error = test_producer_ask(producer, KP_API_PRODUCE, producer->is_old ? 11 : 12, &request, &response)
                    ? first_error(&response)
                    : NO_ANSWER_CODE;
    producer->next_sequence++;
    for (int32_t i = 0; i < partitions; i++)
        batch_builder_release(&batches[i]);
    free(batches);
    free(numbers);
    free(data);
    return error;
}

int16_t test_producer_end(struct test_producer *producer, bool commits)
{
    struct kp_end_txn_request request = {.transactional_id = kp_string_of(producer->id),
                                         .producer_id = producer->producer.id,
                                         .producer_epoch = producer->producer.epoch,
                                         .committed = commits};
    struct kp_end_txn_response response;
    if (!test_producer_ask(producer, KP_API_END_TXN, producer->is_old ? 4 : 5, &request, &response))
        return NO_ANSWER_CODE;
    if (response.error_code == KAFKA_NONE && !producer->is_old) {
        producer->producer = (struct producer_epoch){response.producer_id, response.producer_epoch};
        producer->next_sequence = 0;
    }
    return response.error_code;
}

static bool describe(struct test_producer *producer, struct kp_describe_transactions_response *response)
{
    struct kp_string id = kp_string_of(producer->id);
    struct kp_describe_transactions_request request = {.transactional_ids = &id, .transactional_ids_count = 1};
    return test_producer_ask(producer, KP_API_DESCRIBE_TRANSACTIONS, 0, &request, response);
}

const char *test_producer_state(struct test_producer *producer)
{
    static char name[64];
    struct kp_describe_transactions_response response;
    if (!describe(producer, &response))
        return "no answer";
    const struct kp_describe_transactions_response_transaction_states *state = &response.transaction_states[0];
    if (state->error_code != KAFKA_NONE)
        return kafka_error_name((enum kafka_error)state->error_code);
    snprintf(name, sizeof name, "%.*s", (int)state->transaction_state.size, state->transaction_state.data);
    return name;
}

int32_t test_producer_partitions(struct test_producer *producer)
{
    struct kp_describe_transactions_response response;
    int32_t count = 0;
    assert_true(describe(producer, &response));
    for (int32_t i = 0; i < response.transaction_states[0].topics_count; i++)
        count += response.transaction_states[0].topics[i].partitions_count;
    return count;
}

struct tally {
    struct test_outcome outcome;
    int64_t ids[PRODUCERS_MAX];
    int32_t open[PRODUCERS_MAX]; /* records of each */
    int32_t count;
};

static bool look(void *context, const struct record_batch *batch)
{
    struct tally *tally = context;
    int32_t i = 0;
    if (batch->producer_id < 0 || (batch->attributes & BATCH_TRANSACTIONAL) == 0)
        return true;
    while (i < tally->count && tally->ids[i] != batch->producer_id)
        i++;
    assert_in_range(i, 0, PRODUCERS_MAX - 1);
    if (i == tally->count)
        tally->ids[tally->count++] = batch->producer_id;
    if ((batch->attributes & BATCH_CONTROL) == 0) {
        tally->open[i] += batch->record_count;
        return true;
    }
    bool commits = batch->bytes[BATCH_HEADER_BYTES + 8] == 1; /* length, attributes, both deltas, key size, version 2 */
    *(commits ? &tally->outcome.committed : &tally->outcome.aborted) += tally->open[i];
    tally->open[i] = 0;
    tally->outcome.markers++;
    return true;
}

struct test_outcome test_outcome_of(struct broker_fixture *broker, const char *name, int32_t partition)
{
    const struct topic *topic = catalog_topic(broker->broker->catalog, kp_string_of(name));
    struct tally tally = {0};
    assert_non_null(topic);
    assert_int_equal(log_replay(topic_partition(topic, partition)->log, 0, look, &tally, NULL), 0);
    for (int32_t i = 0; i < tally.count; i++)
        tally.outcome.open += tally.open[i];
    return tally.outcome;
}
