/* See transaction_guard.h. */
#include "transaction_guard.h"

#include "transaction_coordinator.h"

void transaction_guard_init(struct transaction_guard *guard, struct broker *broker, struct kp_string id,
                            struct producer_epoch producer, enum transaction_client client)
{
    *guard = (struct transaction_guard){.broker = broker, .id = id, .producer = producer, .client = client};
}

/* The coordinator's errors as clients of Produce and TxnOffsetCommit know them. What they would take for final, or
 * answer by asking for the partition's leader again, is one that they simply repeat. */
static enum kafka_error error_for(enum transaction_client client, enum kafka_error error)
{
    switch (error) {
    case KAFKA_PRODUCER_FENCED:
        return KAFKA_INVALID_PRODUCER_EPOCH;
    case KAFKA_TRANSACTION_ABORTABLE:
        return client == TRANSACTION_CLIENT_OLD ? KAFKA_INVALID_TXN_STATE : error;
    case KAFKA_CONCURRENT_TRANSACTIONS:
        return client == TRANSACTION_CLIENT_ADDS ? error : KAFKA_NOT_ENOUGH_REPLICAS;
    case KAFKA_COORDINATOR_LOAD_IN_PROGRESS:
    case KAFKA_COORDINATOR_NOT_AVAILABLE:
    case KAFKA_NOT_COORDINATOR:
        return KAFKA_NOT_ENOUGH_REPLICAS;
    default:
        return error;
    }
}

void transaction_guard_add(struct transaction_guard *guard, struct request *request,
                           const struct transaction_partitions *partitions)
{
    struct transaction_coordinator *coordinator = guard->broker->transactions;
    int32_t shard;
    if (guard->id.size == 0) /* whatever is asked for it is refused */
        return;
    guard->error = transaction_coordinator_shard(coordinator, guard->id, &shard);
    if (guard->error != KAFKA_NONE)
        return;
    guard->error = transactions_add(coordinator->transactions, guard->id, guard->producer, partitions,
                                    TRANSACTION_VERSION_EPOCH_BUMP);
    coordinator_hold(coordinator->executor, shard, request);
}

/* What the log says: KAFKA_NONE, it has the transaction open; KAFKA_INVALID_PRODUCER_EPOCH, the producer is fenced;
 * KAFKA_TRANSACTION_ABORTABLE, the coordinator is to be asked. */
static enum kafka_error ask_log(const struct transaction_guard *guard, const struct partition *partition)
{
    struct log_producer known;
    if (log_find_producer(partition->log, guard->producer.id, &known, NULL) != 1)
        return KAFKA_TRANSACTION_ABORTABLE;
    if (guard->producer.epoch < known.epoch)
        return KAFKA_INVALID_PRODUCER_EPOCH;
    return guard->producer.epoch == known.epoch && known.txn_first_offset >= 0 ? KAFKA_NONE
                                                                               : KAFKA_TRANSACTION_ABORTABLE;
}

/* A request that waited while its transaction ended and the next one began, in the same epoch, is not part of that. */
static enum kafka_error check_number(struct transaction_guard *guard, const struct transactions *transactions)
{
    const struct transaction *transaction = transactions_find(transactions, guard->id);
    if (guard->number == 0)
        guard->number = transaction->number;
    return guard->number == transaction->number ? KAFKA_NONE : KAFKA_INVALID_TXN_STATE;
}

static enum kafka_error ask_coordinator(struct transaction_guard *guard, const struct partition *partition)
{
    struct transaction_coordinator *coordinator = guard->broker->transactions;
    int32_t shard;
    if (guard->id.size == 0)
        return KAFKA_INVALID_REQUEST;
    enum kafka_error error = transaction_coordinator_shard(coordinator, guard->id, &shard);
    if (error == KAFKA_NONE)
        error = transactions_verify(coordinator->transactions, guard->id, guard->producer,
                                    kp_string_of(partition->topic->name), partition->index);
    return error == KAFKA_NONE ? check_number(guard, coordinator->transactions) : error;
}

enum kafka_error transaction_guard_check(struct transaction_guard *guard, const struct partition *partition,
                                         const struct record_batch *batch)
{
    struct broker *broker = guard->broker;
    bool adds = guard->client == TRANSACTION_CLIENT_ADDS;
    bool wanted = adds || broker->config->transaction_partition_verification_enable;
    if (!wanted)
        return KAFKA_NONE;
    enum kafka_error error = ask_log(guard, partition);
    if (error != KAFKA_TRANSACTION_ABORTABLE)
        return error;
    if (batch)
        verification_states_note(&broker->verification_states, partition, batch, adds,
                                 broker->env->now(broker->env).mono_ms);
    return error_for(guard->client, guard->error != KAFKA_NONE ? guard->error : ask_coordinator(guard, partition));
}
