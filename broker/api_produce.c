/* Produce: one record batch for each partition, appended in the order of the request.
 *
 *     begin -> partition -> partition -> ... -> all appended -> synced, where the policy wants it -> answer
 *                  |            ^                                 (held: the connection goes on)
 *                  +-- pause ---+   (parked) the pool makes the partition's folder, or validates a batch for which
 *                                   that takes long; or the turn has no time to load a log, and a later one has
 *
 * The batch is validated and written from the frame itself (storage/log.h): base offset and leader epoch go into it in
 * place, and its bytes are copied by the kernel alone. Every partition has its own outcome. Batches for one partition
 * in requests that arrived together are written together, behind the last of them; their answers are given then.
 *
 * A batch that takes more work than this turn has left is validated in the pool (batch_check.h), and the first one of a
 * partition waits for the pool to make its folder (folder_wait.h). The request is parked meanwhile, so that the batches
 * of a connection keep their order, as in Kafka, which reads no further request of a connection either. What is not
 * appended yet is copied: the frame goes. Afterwards everything is looked up again. A topic that was deleted meanwhile
 * is unknown; rules that changed meanwhile count for the next batch; and when the peer has gone the appends are made
 * all the same, for it may have sent them with acks 0 and left.
 *
 * acks: 0 gets no answer at all, and a failure closes the connection, the only way to tell; 1 and -1 are the same on
 * one node, whatever min.insync.replicas says, since Kafka wants no more replicas than a partition has. When the flush
 * policy of a topic asks for it the answer waits for the sync; a partition whose sync fails gets
 * KAFKA_STORAGE_ERROR in it, and the others what they have. */
#include "api.h"
#include "batch_check.h"
#include "broker.h"
#include "errors.h"
#include "folder_wait.h"
#include "long_work.h"
#include "partition.h"
#include "purgatory.h"
#include "transaction_guard.h"

#include <inttypes.h>
#include <string.h>

#define NO_MEMORY "its produce request needs more memory than a request may use"

typedef struct kp_produce_request_topic_data topic_data;
typedef struct kp_produce_request_topic_data_partition_data partition_data;
typedef struct kp_produce_response_responses_partition_responses partition_response;

struct produce;

/* What a request is parked for, one thing at a time. */
struct produce_pause {
    struct batch_check check;
    struct folder_wait folder;
    struct long_work loads;
    struct produce *produce;
};

/* One sync that the answer of a partition waits for. */
struct produce_flush {
    struct log_flush flush;
    struct produce *produce;
    partition_response *response;
};

/* One append that is written together with those of the requests behind it. */
struct produce_append {
    struct log_append append;
    struct produce *produce;
    struct partition *partition;
    partition_response *response;
};

/* A produce request on its way; in the request's arena. */
struct produce {
    struct request *request;
    topic_data *topics; /* of the body */
    int32_t topics_count;
    int32_t topic, partition; /* the next one to append */
    int32_t answered;         /* the answer's entry for that topic: those without partitions have none */
    int16_t acks;
    bool internal_allowed; /* it may write to internal topics */
    bool is_transactional; /* some of its batches are part of a transaction */
    struct transaction_guard guard;
    struct kp_produce_response response;
    struct produce_flush *flushes; /* room for one per partition; NULL until the first is wanted */
    int32_t flushes_count, partitions_count;
    int32_t waits;               /* for writes, syncs, and the appends themselves; the answer is given at 0 */
    bool held;                   /* something was or is waited for: the request lives until its unhold */
    bool names_kept;             /* names are copies */
    const char *failure;         /* why there can be no answer; NULL: there can */
    struct produce_pause *pause; /* NULL: none was needed yet */
};

static void hold(struct produce *produce)
{
    if (!produce->held)
        request_hold(produce->request);
    produce->held = true;
}

/* The names in body and answer outlive the frame. False: no memory for them. */
static bool keep_names(struct produce *produce)
{
    if (produce->names_kept)
        return true;
    struct kp_produce_response_responses *answered = produce->response.responses;
    for (int32_t t = 0; t < produce->topics_count; t++) {
        topic_data *topic = &produce->topics[t];
        if (topic->partition_data_count == 0)
            continue;
        if (topic->name.size > 0) {
            char *copy = arena_copy(&produce->request->arena, topic->name.data, (size_t)topic->name.size);
            if (copy == NULL)
                return false;
            topic->name.data = answered->name.data = copy;
        }
        answered++;
    }
    struct kp_string *id = &produce->guard.id;
    if (id->size > 0)
        id->data = arena_copy(&produce->request->arena, id->data, (size_t)id->size);
    if (id->size > 0 && id->data == NULL)
        return false;
    produce->names_kept = true;
    return true;
}

/* ---- the answer ----------------------------------------------------------------------------------------------------- */

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

static void answer_unasked(struct produce *produce)
{
    int16_t error = first_error(&produce->response);
    if (error == KAFKA_NONE) {
        request_respond_nothing(produce->request);
        return;
    }
    char reason[96];
    snprintf(reason, sizeof reason, "it produced with acks 0, which failed: %s", kafka_error_name(error));
    request_close(produce->request, reason);
}

/* Count the request, whether or not its client hears of it. */
static void count_bytes(struct produce *produce)
{
    struct request *request = produce->request;
    struct broker *broker = request->broker;
    if (!request->counted)
        return;
    int32_t throttle_ms = quota_record(&broker->quotas, QUOTA_PRODUCE, request_client(request),
                                       (double)request->frame_bytes, broker->env->now(broker->env).mono_ms);
    if (produce->acks != 0)
        request_throttle(request, throttle_ms);
    else if (throttle_ms > 0) /* its time is not counted */
        peer_mute(request->peer, throttle_ms);
}

/* One thing less to wait for; the last one answers. */
static void waited(struct produce *produce)
{
    struct request *request = produce->request;
    if (--produce->waits > 0)
        return;
    bool held = produce->held;
    if (request->peer != NULL) {
        count_bytes(produce);
        if (produce->failure != NULL)
            request_close(request, produce->failure);
        else if (produce->acks == 0)
            answer_unasked(produce);
        else
            request_respond(request, &produce->response);
    }
    if (held)
        request_unhold(request);
}

static void refuse_partition(partition_response *response, enum kafka_error error)
{
    int32_t index = response->index;
    *response = kp_produce_response_responses_partition_responses_default;
    response->index = index;
    response->error_code = (int16_t)error;
    response->base_offset = -1;
}

static void flush_done(struct log_flush *flush, int status)
{
    struct produce_flush *waiting = CONTAINER_OF(flush, struct produce_flush, flush);
    if (status != 0)
        refuse_partition(waiting->response, kafka_error_of_storage(status));
    waited(waiting->produce);
}

/* The answer is to wait for a sync of `log`. False: no memory for it. */
static bool wait_for_flush(struct produce *produce, struct log *log, partition_response *response)
{
    if (produce->flushes == NULL)
        produce->flushes =
            arena_calloc(&produce->request->arena, (size_t)produce->partitions_count, sizeof *produce->flushes);
    if (produce->flushes == NULL || !keep_names(produce))
        return false;
    struct produce_flush *flush = &produce->flushes[produce->flushes_count++];
    flush->produce = produce;
    flush->response = response;
    flush->flush.done = flush_done;
    hold(produce);
    produce->waits++;
    log_flush(log, &flush->flush);
    return true;
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
    case KAFKA_INVALID_TXN_STATE:
        return verdict->size_bytes > 0;
    default:
        return false;
    }
}

static void fill_response(struct produce *produce, struct partition *partition, const struct log_append *append,
                          int status, partition_response *response)
{
    enum kafka_error error = kafka_error_of_storage(status);
    response->error_code = (int16_t)error;
    if (status == STORAGE_OK) {
        response->base_offset = append->base_offset;
        response->log_append_time_ms = append->append_time_ms;
        response->log_start_offset = log_start_offset(partition->log);
        return;
    }
    if (tells_log_start(error, &append->verdict))
        response->log_start_offset = log_start_offset(partition->log);
    if (append->verdict.message_for_client)
        response->error_message = kp_string_of(append->verdict.message);
    if (!fill_record_errors(produce, &append->verdict, response))
        produce->failure = NO_MEMORY;
}

/* ---- appending ------------------------------------------------------------------------------------------------------ */

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
    return partition;
}

/* The appends that are left go on without the frame: copy of it what they need. False: no memory for it. */
static bool keep_batches(struct produce *produce)
{
    if (!keep_names(produce))
        return false;
    for (int32_t t = produce->topic; t < produce->topics_count; t++) {
        const topic_data *topic = &produce->topics[t];
        for (int32_t p = t == produce->topic ? produce->partition : 0; p < topic->partition_data_count; p++) {
            struct kp_records *records = &topic->partition_data[p].records;
            if (records->size <= 0)
                continue;
            records->data = (uint8_t *)arena_copy(&produce->request->arena, records->data, (size_t)records->size);
            if (records->data == NULL)
                return false;
        }
    }
    return true;
}

/* Park the request, once. False: no memory for what outlives the frame. */
static bool park(struct produce *produce)
{
    if (produce->pause != NULL)
        return true;
    if (!keep_batches(produce))
        return false;
    produce->pause = arena_alloc(&produce->request->arena, sizeof *produce->pause);
    if (produce->pause == NULL)
        return false;
    produce->pause->produce = produce;
    hold(produce);
    request_park(produce->request, NULL);
    return true;
}

static void check_done(struct batch_check *check, bool was_canceled);
static void folder_done(struct folder_wait *wait, int status);

/* Have the batch of the next partition validated in the pool. */
static void check_batch(struct produce *produce, const struct partition *partition, const struct log_append *append)
{
    struct request *request = produce->request;
    const partition_data *from = &produce->topics[produce->topic].partition_data[produce->partition];
    produce->pause->check = (struct batch_check){
        .bytes = (uint8_t *)(uintptr_t)from->records.data,
        .size_bytes = append->size_bytes,
        .rules = partition->topic->log_config.rules,
        .zstd_allowed = append->zstd_allowed,
        .now_ms = append->now_ms,
        .arena = &request->arena,
        .done = check_done,
        .context = produce,
    };
    batch_check_begin(&produce->pause->check, request->broker->env->executor);
}

/* Have the folder of the next partition made in the pool. */
static void make_folder(struct produce *produce, const struct partition *partition)
{
    struct folder_wait *wait = &produce->pause->folder;
    wait->done = folder_done;
    wait->context = produce;
    folder_wait_begin(wait, produce->request->broker, partition);
}

static void go_on(struct produce *produce);

static void go_on_loading(struct long_work *work)
{
    long_work_end(work);
    go_on(CONTAINER_OF(work, struct produce_pause, loads)->produce);
}

/* Have the log loaded. False: in a later turn. Without memory for waiting it is loaded in this one. */
static bool load(struct produce *produce, const struct partition *partition)
{
    struct broker *broker = produce->request->broker;
    if (log_is_loaded(partition->log) || broker_has_time(broker) || !park(produce))
        return true;
    long_work_begin(broker, &produce->pause->loads, "Produce", go_on_loading);
    return false;
}

/* What an append came to. */
static void appended(struct produce *produce, struct partition *partition, const struct log_append *append, int status,
                     partition_response *response)
{
    fill_response(produce, partition, append, status, response);
    if (status != STORAGE_OK)
        return;
    if ((append->batch.attributes & BATCH_TRANSACTIONAL) && !append->duplicate)
        verification_states_written(&produce->request->broker->verification_states, partition,
                                    append->batch.producer_id);
    purgatory_wake(produce->request->broker, partition);
    if (log_wants_flush(partition->log) && !wait_for_flush(produce, partition->log, response))
        produce->failure = NO_MEMORY;
}

static void written(struct log_append *append, int status)
{
    struct produce_append *waiting = CONTAINER_OF(append, struct produce_append, append);
    appended(waiting->produce, waiting->partition, append, status, waiting->response);
    waited(waiting->produce);
}

/* Have the append written with those of the frames around it, which seldom pays where a request has several. Returns
 * the append to use: the same when it is not to wait. */
static struct log_append *let_wait(struct produce *produce, struct partition *partition, struct log_append *append,
                                   partition_response *response)
{
    struct request *request = produce->request;
    if (append->bound != NULL)
        return append;
    bool comes_alone =
        request->peer == NULL || !(request->peer->more_follows || log_store_waits(request->broker->store));
    if (comes_alone || produce->partitions_count > 1 || produce->is_transactional || request->counted)
        return append;
    struct produce_append *waiting = arena_alloc(&request->arena, sizeof *waiting);
    if (waiting == NULL)
        return append;
    append->written = written;
    *waiting = (struct produce_append){*append, produce, partition, response};
    return &waiting->append;
}

/* ---- transactions --------------------------------------------------------------------------------------------------- */

static bool zstd_allowed(const struct produce *produce)
{
    return produce->request->header.api_version >= 7;
}

/* Else the append refuses it, whatever else is wrong. */
static bool is_framed(const struct produce *produce, const partition_data *data)
{
    const struct kp_records *records = &data->records;
    return records->size > 0 && batch_is_framed(records->data, (size_t)records->size, zstd_allowed(produce));
}

static bool says_transactional(struct record_batch *batch, const partition_data *data)
{
    const struct kp_records *records = &data->records;
    return records->size > 0 && record_batch_view(batch, records->data, (size_t)records->size) == BATCH_OK &&
           (batch->attributes & BATCH_TRANSACTIONAL) != 0;
}

/* The batch of a partition, when it can be part of a transaction. */
static bool view_transactional(const struct produce *produce, struct record_batch *batch, const partition_data *data)
{
    return says_transactional(batch, data) && batch->producer_id >= 0 && is_framed(produce, data);
}

/* Does some batch say that it is part of a transaction, wherever it is for? False: before one does, there is one that
 * Kafka cannot step over. */
static bool find_transactional(const struct produce *produce, bool *found)
{
    struct record_batch batch;
    *found = false;
    for (int32_t t = 0; t < produce->topics_count; t++) {
        const topic_data *topic = &produce->topics[t];
        for (int32_t p = 0; p < topic->partition_data_count && !*found; p++) {
            const struct kp_records *records = &topic->partition_data[p].records;
            if (records->size > 0 && batch_is_corrupt(records->data, (size_t)records->size))
                return false;
            *found = says_transactional(&batch, &topic->partition_data[p]);
        }
    }
    return true;
}

/* Has some batch for a partition that exists a codec that nobody knows? */
static bool any_has_no_codec(const struct produce *produce)
{
    struct record_batch batch;
    enum kafka_error error;
    bool found = false;
    for (int32_t t = 0; t < produce->topics_count; t++) {
        const topic_data *topic = &produce->topics[t];
        for (int32_t p = 0; p < topic->partition_data_count && !found; p++) {
            const struct kp_records *records = &topic->partition_data[p].records;
            found = records->size > 0 && find_partition(produce, topic, topic->partition_data[p].index, &error) &&
                    record_batch_view(&batch, records->data, (size_t)records->size) == BATCH_OK &&
                    record_batch_codec(&batch) >= CODEC_COUNT;
        }
    }
    return found;
}

/* The one producer of all batches that are part of a transaction, of those for partitions that exist. */
static enum kafka_error find_producer(const struct produce *produce, struct producer_epoch *producer)
{
    struct record_batch batch;
    enum kafka_error error;
    *producer = PRODUCER_EPOCH_NONE;
    for (int32_t t = 0; t < produce->topics_count; t++) {
        const topic_data *topic = &produce->topics[t];
        for (int32_t p = 0; p < topic->partition_data_count; p++) {
            const partition_data *data = &topic->partition_data[p];
            if (!find_partition(produce, topic, data->index, &error) || !view_transactional(produce, &batch, data))
                continue;
            bool is_first = producer->id < 0;
            if (!is_first && (producer->id != batch.producer_id || producer->epoch != batch.producer_epoch))
                return KAFKA_INVALID_PRODUCER_ID_MAPPING;
            *producer = (struct producer_epoch){batch.producer_id, batch.producer_epoch};
        }
    }
    return KAFKA_NONE;
}

/* Add the partitions that exist, for a client that does not do it itself. False: no memory. */
static bool add_partitions(struct produce *produce)
{
    struct transaction_partition *items =
        arena_calloc(&produce->request->arena, (size_t)produce->partitions_count, sizeof *items);
    struct transaction_partitions added;
    struct record_batch batch;
    int32_t count = 0;
    for (int32_t t = 0; t < produce->topics_count && items != NULL; t++) {
        const topic_data *topic = &produce->topics[t];
        for (int32_t p = 0; p < topic->partition_data_count; p++) {
            enum kafka_error error;
            const struct partition *partition = find_partition(produce, topic, topic->partition_data[p].index, &error);
            if (partition != NULL && view_transactional(produce, &batch, &topic->partition_data[p]))
                items[count++] = (struct transaction_partition){kp_string_of(partition->topic->name), partition->index};
        }
    }
    if (count == 0)
        return items != NULL;
    transaction_partitions_of(&added, items, count);
    transaction_guard_add(&produce->guard, produce->request, &added);
    transaction_partitions_release(&added);
    return true;
}

static enum transaction_client transaction_client(const struct request *request)
{
    int16_t version = request->header.api_version;
    return version > 11 ? TRANSACTION_CLIENT_ADDS : version > 10 ? TRANSACTION_CLIENT_ABORTS : TRANSACTION_CLIENT_OLD;
}

static enum kafka_error begin_transactional(struct produce *produce)
{
    struct request *request = produce->request;
    const struct kp_produce_request *body = request->body;
    struct producer_epoch producer;
    enum kafka_error error = find_producer(produce, &producer);
    if (error != KAFKA_NONE || producer.id < 0)
        return error;
    log_store_write(request->broker->store); /* what came before it counts for the checks */
    produce->is_transactional = true;
    transaction_guard_init(&produce->guard, request->broker, body->transactional_id, producer,
                           transaction_client(request));
    if (produce->guard.client == TRANSACTION_CLIENT_ADDS && !add_partitions(produce))
        produce->failure = NO_MEMORY;
    return KAFKA_NONE;
}

/* What Kafka says of the request as a whole. For versions that do not know zstd it looks at the codec of each batch
 * first, and fails inside at one that is none. */
static enum kafka_error begin(struct produce *produce)
{
    const struct kp_produce_request *body = produce->request->body;
    bool is_transactional;
    if (!find_transactional(produce, &is_transactional))
        return KAFKA_CORRUPT_MESSAGE;
    if (is_transactional && body->transactional_id.size < 0)
        return KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    if (!zstd_allowed(produce) && any_has_no_codec(produce))
        return KAFKA_UNKNOWN_SERVER_ERROR;
    return is_transactional ? begin_transactional(produce) : KAFKA_NONE;
}

/* Where Kafka answers with a sentence of its own. */
static const char *transaction_sentence(enum kafka_error error)
{
    switch (error) {
    case KAFKA_INVALID_TXN_STATE:
        return "The partition is not part of the transaction.";
    case KAFKA_NOT_ENOUGH_REPLICAS:
        return "Whether the partition is part of the transaction cannot be told yet.";
    default:
        return NULL;
    }
}

/* False: the response says why the batch may not be part of a transaction. */
static bool check_transaction(struct produce *produce, const struct partition *partition, const partition_data *data,
                              partition_response *response)
{
    struct record_batch batch;
    if (!produce->is_transactional || !view_transactional(produce, &batch, data))
        return true;
    enum kafka_error error = transaction_guard_check(&produce->guard, partition, &batch);
    refuse_partition(response, error);
    response->error_message = kp_string_of(transaction_sentence(error));
    return error == KAFKA_NONE;
}

/* Is the batch's sequence bounded by what its producer has tried before? */
static bool find_bound(const struct produce *produce, const struct partition *partition, const partition_data *data,
                       struct sequence_bound *bound)
{
    struct broker *broker = produce->request->broker;
    struct verification_states *states = &broker->verification_states;
    struct record_batch batch;
    const struct kp_records *records = &data->records;
    if (states->by_key.count == 0 || records->size <= 0 ||
        record_batch_view(&batch, records->data, (size_t)records->size) != BATCH_OK || batch.producer_id < 0)
        return false;
    int64_t now_ms = broker->env->now(broker->env).mono_ms;
    verification_states_expire(states, now_ms - broker->config->producer_id_expiration_ms);
    return verification_states_bound(states, partition, batch.producer_id, bound);
}

/* May this client append to the partition in this way, whatever the batch holds? */
static enum kafka_error check_append(const struct produce *produce, const struct partition *partition)
{
    if (produce->acks < -1 || produce->acks > 1)
        return KAFKA_INVALID_REQUIRED_ACKS;
    return partition->topic->internal && !produce->internal_allowed ? KAFKA_INVALID_TOPIC_EXCEPTION : KAFKA_NONE;
}

/* What Kafka asks before it appends, in its order. What is no batch is left to the append, which refuses it. False:
 * the response says why it is refused. */
static bool check_partition(struct produce *produce, const struct partition *partition, const partition_data *data,
                            partition_response *response)
{
    if (!check_transaction(produce, partition, data, response))
        return false;
    enum kafka_error error = is_framed(produce, data) ? check_append(produce, partition) : KAFKA_NONE;
    if (error != KAFKA_NONE)
        refuse_partition(response, error);
    return error == KAFKA_NONE;
}

/* ---- one after the other -------------------------------------------------------------------------------------------- */

/* Append the batch of the next partition; `verdict`, when it is not NULL, is what the pool says of it. False: something
 * is to be done for it first. */
static bool produce_partition(struct produce *produce, const struct batch_verdict *verdict,
                              partition_response *response)
{
    struct request *request = produce->request;
    struct broker *broker = request->broker;
    const topic_data *topic = &produce->topics[produce->topic];
    const partition_data *from = &topic->partition_data[produce->partition];
    enum kafka_error error;
    response->index = from->index;
    struct partition *partition = find_partition(produce, topic, from->index, &error);
    refuse_partition(response, error);
    if (error != KAFKA_NONE) {
        if (verdict != NULL)
            free(verdict->rebuilt);
        return true;
    }
    if (verdict == NULL && !load(produce, partition))
        return false;
    if (!check_partition(produce, partition, from, response)) {
        if (verdict != NULL)
            free(verdict->rebuilt);
        return true;
    }
    struct log_append append = {
        .bytes = (uint8_t *)(uintptr_t)from->records.data, /* the frame is ours to write to */
        .size_bytes = from->records.size < 0 ? 0 : (size_t)from->records.size,
        .origin = LOG_APPEND_CLIENT,
        .zstd_allowed = zstd_allowed(produce),
        .leader_epoch = partition_leader_epoch(partition),
        .now_ms = broker->env->now(broker->env).wall_ms,
        .arena = &request->arena,
    };
    struct log_append *used = &append;
    struct sequence_bound bound;
    if (find_bound(produce, partition, from, &bound))
        append.bound = &bound;
    if (verdict != NULL) {
        append.origin = LOG_APPEND_VALIDATED;
        append.verdict = *verdict;
    } else {
        used = let_wait(produce, partition, &append, response);
    }
    int status = log_append(partition->log, used, NULL);
    if (used->waits) {
        hold(produce);
        produce->waits++;
        return true;
    }
    if (status == STORAGE_BATCH_UNDECIDED || status == STORAGE_NO_FOLDER) {
        if (!park(produce)) {
            produce->failure = NO_MEMORY;
            return true;
        }
        if (status == STORAGE_NO_FOLDER)
            make_folder(produce, partition);
        else
            check_batch(produce, partition, used);
        return false;
    }
    appended(produce, partition, used, status, response);
    return true;
}

static partition_response *next_response(struct produce *produce)
{
    return &produce->response.responses[produce->answered].partition_responses[produce->partition];
}

static bool next_partition(struct produce *produce)
{
    while (produce->topic < produce->topics_count &&
           produce->partition == produce->topics[produce->topic].partition_data_count) {
        produce->answered += produce->partition > 0; /* Kafka's answer is by partition */
        produce->topic++;
        produce->partition = 0;
    }
    return produce->topic < produce->topics_count;
}

/* Append all that is left, or up to one that waits for the pool. */
static void go_on(struct produce *produce)
{
    for (; next_partition(produce) && produce->failure == NULL; produce->partition++) {
        if (!produce_partition(produce, NULL, next_response(produce)))
            return;
    }
    if (produce->pause != NULL && produce->request->peer != NULL)
        request_unpark(produce->request);
    waited(produce);
}

static void check_done(struct batch_check *check, bool was_canceled)
{
    struct produce *produce = check->context;
    if (was_canceled)
        produce->failure = "its records could not be validated before the stop";
    else if (!produce_partition(produce, &check->verdict, next_response(produce)))
        return;
    produce->partition++;
    go_on(produce);
}

/* The append comes again, unless it cannot be. One to a topic that was deleted meanwhile finds its successor, or none.
 */
static void folder_done(struct folder_wait *wait, int status)
{
    struct produce *produce = wait->context;
    const topic_data *topic = &produce->topics[produce->topic];
    int32_t index = topic->partition_data[produce->partition].index;
    enum kafka_error error;
    const struct partition *partition = find_partition(produce, topic, index, &error);
    if (status != 0 && partition != NULL && kp_uuid_equal(partition->topic->id, wait->topic_id)) {
        partition_response *response = next_response(produce);
        response->index = index;
        refuse_partition(response, kafka_error_of_storage(status));
        produce->partition++;
    }
    go_on(produce);
}

/* Room for the whole answer. False: no memory for it. */
static bool make_response(struct produce *produce)
{
    struct arena *arena = &produce->request->arena;
    struct kp_produce_response *response = &produce->response;
    *response = kp_produce_response_default;
    response->responses = arena_calloc(arena, (size_t)produce->topics_count, sizeof *response->responses);
    if (response->responses == NULL)
        return false;
    for (int32_t t = 0; t < produce->topics_count; t++) {
        const topic_data *data = &produce->topics[t];
        if (data->partition_data_count == 0)
            continue;
        struct kp_produce_response_responses *topic = &response->responses[response->responses_count++];
        *topic = kp_produce_response_responses_default;
        topic->name = data->name;
        topic->topic_id = data->topic_id;
        topic->partition_responses_count = data->partition_data_count;
        topic->partition_responses =
            arena_calloc(arena, (size_t)data->partition_data_count, sizeof *topic->partition_responses);
        if (topic->partition_responses == NULL)
            return false;
        produce->partitions_count += data->partition_data_count;
    }
    return true;
}

/* Where Kafka's answer to a whole request has a sentence. */
static const char *request_sentence(enum kafka_error error)
{
    switch (error) {
    case KAFKA_INVALID_PRODUCER_ID_MAPPING:
        return "Its batches of a transaction are of several producers.";
    case KAFKA_CORRUPT_MESSAGE:
        return "Some of the records do not begin with a record batch.";
    default:
        return NULL;
    }
}

/* An error for the whole request: say so of every partition. */
static void refuse_all(struct produce *produce, enum kafka_error error)
{
    for (; next_partition(produce); produce->partition++) {
        partition_response *response = next_response(produce);
        response->index = produce->topics[produce->topic].partition_data[produce->partition].index;
        refuse_partition(response, error);
        response->error_message = kp_string_of(request_sentence(error));
    }
}

void api_produce(struct request *request)
{
    const struct kp_produce_request *body = request->body;
    struct produce *produce = arena_calloc(&request->arena, 1, sizeof *produce);
    if (produce != NULL)
        *produce = (struct produce){.request = request,
                                    .topics = body->topic_data,
                                    .topics_count = body->topic_data_count,
                                    .acks = body->acks,
                                    /* Kafka's clients other than its own admin may not write to what coordinators keep
                                     * their state in */
                                    .internal_allowed = kp_string_is(request->header.client_id, "__admin_client"),
                                    .waits = 1};
    if (produce == NULL || !make_response(produce)) {
        request_close(request, NO_MEMORY);
        return;
    }
    enum kafka_error error = begin(produce);
    if (error != KAFKA_NONE)
        refuse_all(produce, error);
    go_on(produce);
}
