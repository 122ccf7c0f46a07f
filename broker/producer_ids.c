/* See producer_ids.h. */
#include "producer_ids.h"

#include "controller.h"
#include "errors.h"

#define BLOCK_IDS 1000 /* as in Kafka */

struct producer_ids {
    struct broker *broker;
    int64_t next, end; /* of the block at hand; empty at first */
};

struct producer_ids *producer_ids_new(struct broker *broker)
{
    struct producer_ids *ids = xcalloc(1, sizeof *ids);
    ids->broker = broker;
    return ids;
}

void producer_ids_free(struct producer_ids *ids)
{
    free(ids);
}

static enum kafka_error take_block(struct producer_ids *ids)
{
    struct broker *broker = ids->broker;
    int64_t first = catalog_next_producer_id(broker->catalog);
    if (first > INT64_MAX - BLOCK_IDS)
        return KAFKA_UNKNOWN_SERVER_ERROR; /* as Kafka, when all are given out */
    struct metadata_batch batch;
    struct kp_producer_ids_record record = {.broker_id = broker->node_id,
                                            .broker_epoch = controller_broker_epoch(broker, broker->node_id),
                                            .next_producer_id = first + BLOCK_IDS};
    controller_begin(broker, &batch);
    metadata_batch_add(&batch, &kp_producer_ids_record_schema, 0, &record);
    enum kafka_error error = controller_commit(broker, &batch, NULL);
    if (error == KAFKA_NONE) {
        ids->next = first;
        ids->end = first + BLOCK_IDS;
    }
    return error;
}

static enum kafka_error next(struct producer_ids *ids, int64_t *producer_id)
{
    enum kafka_error error = ids->next < ids->end ? KAFKA_NONE : take_block(ids);
    if (error == KAFKA_NONE)
        *producer_id = ids->next++;
    return error;
}

enum kafka_error producer_ids_next(struct producer_ids *ids, struct request *request, int64_t *producer_id)
{
    enum kafka_error error = next(ids, producer_id);
    if (error == KAFKA_NONE)
        metadata_log_hold(ids->broker->metadata_log, request);
    return error;
}

enum kafka_error producer_ids_next_durable(struct producer_ids *ids, int64_t *producer_id)
{
    enum kafka_error error = next(ids, producer_id);
    return error != KAFKA_NONE ? error : kafka_error_of_storage(metadata_log_sync_now(ids->broker->metadata_log));
}
