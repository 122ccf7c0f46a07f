/* Records of the metadata log: how a message of records_metadata.msg becomes the value of a record, and back.
 *
 *     value = frame version (1) | type | version | body          the first three are unsigned varints
 *
 * Key and headers are absent, and all records of a batch have the batch's timestamp: Kafka ends at start on any other
 * delta. Control records (leader change, and those of checkpoints) have no frame: their type is in the key. */
#ifndef DOHLE_BROKER_METADATA_RECORD_H
#define DOHLE_BROKER_METADATA_RECORD_H

#include "../protocol/record_batch.h"

#include "messages.h"

/* The newest metadata.version that Kafka 4.4 knows (4.4-IV2), and the one that new folders get. */
#define METADATA_VERSION_LATEST 33
/* The oldest that Kafka 4.4 knows (3.3-IV3). */
#define METADATA_VERSION_OLDEST 7
/* From here on partitions name the directories of their replicas (3.7-IV2). */
#define METADATA_VERSION_DIRECTORIES 17

/* A record as it stands in the log. Borrows the bytes that it was read from. */
struct metadata_record {
    int16_t type;
    int16_t version;
    const struct kp_schema *schema; /* NULL: a type that we do not know */
    struct kp_bytes value;          /* frame and body */
    struct kp_bytes body;
};

/* Read the frame. False when it is none. */
bool metadata_record_parse(struct metadata_record *record, struct kp_bytes value) WARN_UNUSED;

/* Decode the body into the struct of record->schema, which must not be NULL; arrays come from `arena`. False when the
 * bytes are not such a message. */
bool metadata_record_decode(const struct metadata_record *record, void *message, struct arena *arena) WARN_UNUSED;

/* The framed value of a message, in `arena`; null when the arena's limit is reached or no such value exists. */
struct kp_bytes metadata_record_encode(const struct kp_schema *schema, int16_t version, const void *message,
                                       struct arena *arena);

/* Records on their way into one batch of the log or of a checkpoint. */
struct metadata_batch {
    struct batch_builder builder;
    uint8_t *value; /* room to frame one record */
    size_t value_capacity_bytes;
    int64_t timestamp_ms;
    int32_t new_partitions; /* what the records add: controller_commit() looks whether there is room */
    size_t new_settings_bytes;
};

/* Kafka's Raft layer takes no larger batch. */
#define METADATA_BATCH_BYTES_MAX (8 * 1024 * 1024)
/* What decoding one record may take: the structs of array items are larger than their bytes. */
#define METADATA_DECODE_BYTES_MAX ((size_t)METADATA_BATCH_BYTES_MAX * 8)

void metadata_batch_init(struct metadata_batch *batch, int64_t timestamp_ms);
void metadata_batch_release(struct metadata_batch *batch);
/* Add a record of a metadata type: `message` is the struct of `schema`. Our own messages always fit their version. */
void metadata_batch_add(struct metadata_batch *batch, const struct kp_schema *schema, int16_t version,
                        const void *message);
/* Add a control record. */
void metadata_batch_add_control(struct metadata_batch *batch, const struct kp_schema *schema, const void *message);
/* Add a framed value as it is. */
void metadata_batch_add_value(struct metadata_batch *batch, struct kp_bytes value);
static inline int32_t metadata_batch_count(const struct metadata_batch *batch)
{
    return batch->builder.record_count;
}
/* Fill in the header: batch->builder.bytes is then what is to be written. `control`: the records are control records.
 */
void metadata_batch_finish(struct metadata_batch *batch, int64_t base_offset, int32_t epoch, bool control);

/* Call `each` for the records of a data batch, in order. Returns false when one of them has no frame, or when `each`
 * does. */
bool metadata_batch_each(const struct record_batch *batch,
                         bool (*each)(void *context, int64_t offset, const struct metadata_record *record),
                         void *context) WARN_UNUSED;

#endif
