/* See transaction_marker.h. The batch, as Kafka writes it: transactional, control, without sequence, one record with
 *
 *     key:   version 0 (int16) | type (int16): 0 abort, 1 commit
 *     value: version 0 (int16) | coordinator epoch (int32)
 */
#include "transaction_marker.h"

#include "coordinator.h"
#include "errors.h"
#include "group_coordinator.h"
#include "partition.h"
#include "purgatory.h"

#define MARKER_KEY_BYTES   4
#define MARKER_VALUE_BYTES 6

/* A marker may not end what came after it, nor is a negative epoch one of a producer that is not known. With version 2
 * of the transaction protocol its epoch is above that of all records of its transaction, unless it was written before
 * and comes again. */
static enum kafka_error check(const struct log_producer *known, const struct transaction_marker *marker)
{
    if (known == NULL)
        return marker->producer.epoch < 0 ? KAFKA_INVALID_PRODUCER_EPOCH : KAFKA_NONE;
    bool raises = marker->version >= TRANSACTION_VERSION_EPOCH_BUMP;
    bool is_repeated = marker->producer.epoch == known->epoch && known->txn_first_offset < 0;
    if (marker->producer.epoch < known->epoch || (raises && marker->producer.epoch == known->epoch && !is_repeated))
        return KAFKA_INVALID_PRODUCER_EPOCH;
    return known->coordinator_epoch > marker->coordinator_epoch ? KAFKA_TRANSACTION_COORDINATOR_FENCED : KAFKA_NONE;
}

static bool build(struct batch_builder *builder, const struct partition *partition, int64_t now_ms,
                  const struct transaction_marker *marker)
{
    uint8_t key[MARKER_KEY_BYTES] = {0}, value[MARKER_VALUE_BYTES] = {0};
    const struct kp_bytes no_headers = {NULL, 0};
    struct batch_header header = BATCH_HEADER_PLAIN;
    store_be16(key + 2, marker->commits);
    store_be32(value + 2, (uint32_t)marker->coordinator_epoch);
    header.attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL;
    if (partition->topic->log_config.rules.timestamp_type == TIMESTAMP_LOG_APPEND_TIME)
        header.attributes |= BATCH_LOG_APPEND_TIME;
    header.producer_id = marker->producer.id;
    header.producer_epoch = marker->producer.epoch;
    batch_builder_init(builder, now_ms);
    batch_builder_add(builder, now_ms, (struct kp_bytes){key, sizeof key}, (struct kp_bytes){value, sizeof value},
                      no_headers, 0);
    return batch_builder_finish(builder, &header);
}

static enum kafka_error append(struct broker *broker, struct partition *partition,
                               const struct transaction_marker *marker)
{
    struct batch_builder builder;
    int64_t now_ms = broker->env->now(broker->env).wall_ms;
    bool built = build(&builder, partition, now_ms, marker);
    ASSERT(built);
    struct log_append append = {
        .bytes = builder.bytes,
        .size_bytes = builder.size_bytes,
        .origin = LOG_APPEND_COORDINATOR,
        .leader_epoch = partition_leader_epoch(partition),
        .now_ms = now_ms,
    };
    int status = log_append(partition->log, &append, NULL);
    batch_builder_release(&builder);
    return kafka_error_of_storage(status);
}

enum kafka_error transaction_marker_write(struct broker *broker, struct partition *partition,
                                          const struct transaction_marker *marker)
{
    struct log_producer known;
    int found = log_find_producer(partition->log, marker->producer.id, &known, NULL);
    enum kafka_error error = found < 0 ? kafka_error_of_storage(found) : check(found == 0 ? NULL : &known, marker);
    if (error == KAFKA_NONE)
        error = append(broker, partition, marker);
    if (error != KAFKA_NONE)
        return error;
    verification_states_ended(&broker->verification_states, partition, marker->producer.id, marker->producer.epoch);
    purgatory_wake(broker, partition);
    coordinator_marker(broker->groups->executor, partition, marker->producer.id, marker->commits);
    return KAFKA_NONE;
}
