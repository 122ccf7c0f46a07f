/* Produce: one record batch for each partition, appended in the order of the request.
 *
 * The batch is validated and written from the frame itself (storage/log.h): base offset and leader epoch go into it in
 * place, and its bytes are copied by the kernel alone. Every partition has its own outcome.
 *
 * acks: 0 gets no answer at all, and a failure closes the connection, the only way to tell; 1 and -1 are the same on
 * one node, whatever min.insync.replicas says, since Kafka wants no more replicas than a partition has. When the flush
 * policy of a topic asks for it the answer waits for the sync, while the connection goes on. */
#include "api.h"
#include "broker.h"
#include "errors.h"
#include "purgatory.h"

#include <inttypes.h>

typedef struct kp_produce_request_topic_data topic_data;
typedef struct kp_produce_response_responses_partition_responses partition_response;

/* One sync that an answer waits for. */
struct produce_flush {
    struct log_flush flush;
    struct request *request;
};

struct produce {
    struct request *request;
    const struct kp_produce_request *body;
    struct produce_flush *flushes; /* room for one per partition; NULL until the first is wanted */
    int32_t flushes_count, partitions_count;
    bool failed;
};

static void flush_done(struct log_flush *flush, int status)
{
    struct request *request = CONTAINER_OF(flush, struct produce_flush, flush)->request;
    if (status != 0)
        request_close(request, "what it produced could not be synced");
    request_unhold(request);
}

/* The answer is to wait for a sync of `log`. False: no memory for it. */
static bool wait_for_flush(struct produce *produce, struct log *log)
{
    if (produce->flushes == NULL)
        produce->flushes =
            arena_calloc(&produce->request->arena, (size_t)produce->partitions_count, sizeof *produce->flushes);
    if (produce->flushes == NULL)
        return false;
    struct produce_flush *flush = &produce->flushes[produce->flushes_count++];
    flush->request = produce->request;
    flush->flush.done = flush_done;
    request_hold(produce->request);
    log_flush(log, &flush->flush);
    return true;
}

/* Kafka's clients other than its own admin may not write to the topics that coordinators keep their state in. */
static bool may_write_internal(const struct request *request)
{
    return kp_string_is(request->header.client_id, "__admin_client");
}

static struct partition *find_partition(const struct produce *produce, const topic_data *data, int32_t index,
                                        enum kafka_error *error)
{
    struct catalog *catalog = produce->request->broker->catalog;
    bool by_id = produce->request->header.api_version >= 13;
    struct topic *topic = by_id ? catalog_topic_by_id(catalog, data->topic_id) : catalog_topic(catalog, data->name);
    struct partition *partition = topic == NULL ? NULL : topic_partition(topic, index);
    *error = KAFKA_NONE;
    if (partition == NULL)
        *error = topic == NULL && by_id ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    else if (topic->internal && !may_write_internal(produce->request))
        *error = KAFKA_INVALID_TOPIC_EXCEPTION;
    return *error == KAFKA_NONE ? partition : NULL;
}

static bool fill_record_errors(struct produce *produce, const struct batch_verdict *verdict,
                               partition_response *response)
{
    struct kp_produce_response_responses_partition_responses_record_errors *errors;
    errors = arena_calloc(&produce->request->arena, (size_t)verdict->record_errors_count, sizeof *errors);
    if (errors == NULL)
        return false;
    for (int32_t i = 0; i < verdict->record_errors_count; i++) {
        errors[i].batch_index = verdict->record_errors[i].index;
        errors[i].batch_index_error_message = kp_string_of(verdict->record_errors[i].message);
    }
    response->record_errors = errors;
    response->record_errors_count = verdict->record_errors_count;
    return true;
}

/* Kafka names the log start beside an error only when it went into the batch: not for what it refuses before, nor for
 * sizes and checksums. */
static bool tells_log_start(enum kafka_error error, const struct batch_verdict *verdict)
{
    switch (error) {
    case KAFKA_INVALID_RECORD:
    case KAFKA_INVALID_TIMESTAMP:
    case KAFKA_UNKNOWN_SERVER_ERROR:
    case KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case KAFKA_INVALID_PRODUCER_EPOCH:
        return verdict->size_bytes > 0;
    default:
        return false;
    }
}

static void produce_partition(struct produce *produce, const topic_data *data,
                              const struct kp_produce_request_topic_data_partition_data *from,
                              partition_response *response)
{
    struct request *request = produce->request;
    struct broker *broker = request->broker;
    enum kafka_error error;
    *response = kp_produce_response_responses_partition_responses_default;
    response->index = from->index;
    response->base_offset = -1;
    struct partition *partition = find_partition(produce, data, from->index, &error);
    response->error_code = (int16_t)error;
    if (error != KAFKA_NONE)
        return;

    struct log_append append = {
        .bytes = (uint8_t *)(uintptr_t)from->records.data, /* the frame is ours to write to */
        .size_bytes = from->records.size < 0 ? 0 : (size_t)from->records.size,
        .origin = LOG_APPEND_CLIENT,
        .zstd_allowed = request->header.api_version >= 7,
        .leader_epoch = partition->leader_epoch,
        .now_ms = broker->env->now(broker->env).wall_ms,
        .arena = &request->arena,
    };
    int status = log_append(partition->log, &append, NULL);
    error = kafka_error_of_storage(status);
    response->error_code = (int16_t)error;
    if (status == STORAGE_OK) {
        response->base_offset = append.base_offset;
        response->log_append_time_ms = append.append_time_ms;
        response->log_start_offset = log_start_offset(partition->log);
        purgatory_wake(broker, partition);
        if (log_wants_flush(partition->log) && !wait_for_flush(produce, partition->log))
            produce->failed = true;
        return;
    }
    if (tells_log_start(error, &append.verdict))
        response->log_start_offset = log_start_offset(partition->log);
    if (append.verdict.message_for_client)
        response->error_message = kp_string_of(append.verdict.message);
    if (!fill_record_errors(produce, &append.verdict, response))
        produce->failed = true;
}

/* Append everything; or, with an error for the whole request, say so of every partition. False: no memory for the
 * answer. */
static bool produce_topics(struct produce *produce, enum kafka_error request_error,
                           struct kp_produce_response *response)
{
    struct arena *arena = &produce->request->arena;
    const struct kp_produce_request *body = produce->body;
    response->responses = arena_calloc(arena, (size_t)body->topic_data_count, sizeof *response->responses);
    if (response->responses == NULL)
        return false;
    for (int32_t t = 0; t < body->topic_data_count; t++)
        produce->partitions_count += body->topic_data[t].partition_data_count;
    for (int32_t t = 0; t < body->topic_data_count; t++) {
        const topic_data *data = &body->topic_data[t];
        if (data->partition_data_count == 0)
            continue; /* Kafka's answer is by partition */
        struct kp_produce_response_responses *topic = &response->responses[response->responses_count++];
        *topic = kp_produce_response_responses_default;
        topic->name = data->name;
        topic->topic_id = data->topic_id;
        topic->partition_responses_count = data->partition_data_count;
        topic->partition_responses =
            arena_calloc(arena, (size_t)data->partition_data_count, sizeof *topic->partition_responses);
        if (topic->partition_responses == NULL)
            return false;
        for (int32_t p = 0; p < data->partition_data_count; p++) {
            partition_response *partition = &topic->partition_responses[p];
            if (request_error == KAFKA_NONE) {
                produce_partition(produce, data, &data->partition_data[p], partition);
                continue;
            }
            *partition = kp_produce_response_responses_partition_responses_default;
            partition->index = data->partition_data[p].index;
            partition->error_code = (int16_t)request_error;
            partition->base_offset = -1;
        }
    }
    return !produce->failed;
}

/* Transactional records need a transaction, and none can be begun yet: InitProducerId refuses transactional ids for
 * good. */
static enum kafka_error check_request(const struct kp_produce_request *body)
{
    if (body->acks < -1 || body->acks > 1)
        return KAFKA_INVALID_REQUIRED_ACKS;
    for (int32_t t = 0; t < body->topic_data_count; t++) {
        const topic_data *data = &body->topic_data[t];
        for (int32_t p = 0; p < data->partition_data_count; p++) {
            struct record_batch batch;
            const struct kp_records *records = &data->partition_data[p].records;
            if (records->size > 0 && record_batch_view(&batch, records->data, (size_t)records->size) == BATCH_OK &&
                (batch.attributes & BATCH_TRANSACTIONAL) != 0)
                return KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        }
    }
    return KAFKA_NONE;
}

/* The first error of the answer, KAFKA_NONE when all went well. */
static int16_t first_error(const struct kp_produce_response *response)
{
    for (int32_t t = 0; t < response->responses_count; t++) {
        const struct kp_produce_response_responses *topic = &response->responses[t];
        for (int32_t p = 0; p < topic->partition_responses_count; p++) {
            if (topic->partition_responses[p].error_code != KAFKA_NONE)
                return topic->partition_responses[p].error_code;
        }
    }
    return KAFKA_NONE;
}

void api_produce(struct request *request)
{
    struct produce produce = {.request = request, .body = request->body};
    struct kp_produce_response response = kp_produce_response_default;
    if (!produce_topics(&produce, check_request(produce.body), &response)) {
        request_close(request, "its produce request needs more memory than a request may use");
        return;
    }
    if (produce.body->acks != 0) {
        request_respond(request, &response);
        return;
    }
    int16_t error = first_error(&response);
    if (error == KAFKA_NONE) {
        request_respond_nothing(request);
    } else {
        char reason[96];
        snprintf(reason, sizeof reason, "it produced with acks 0, which failed: %s", kafka_error_name(error));
        request_close(request, reason);
    }
}
