/* What a coordinator has written about one key, as a value: the batches of partition 0 of its topic, each with those of
 * its records that concern the key. For brokers whose internal topics have one partition.
 *
 *     {batches: [{attributes: 0, base_timestamp: ..., max_timestamp: ..., producer_id: -1, producer_epoch: -1,
 *         base_sequence: -1, records: [
 *            {key: {type: 1, group: "g", topic: "t", partition: 0},
 *             value: {version: 3, offset: 5, leader_epoch: -1, metadata: "", commit_timestamp: ...}},
 *            {key: {type: 2, group: "g"}, value: null}]}]}
 *
 * Fields are those of protocol/schema/records_*.msg. Nothing of a record is left out: one that is encoded otherwise
 * than its fields are here is told as bytes. A marker is told, as {marker: "commit", coordinator_epoch: 0}, when its
 * producer had written about the key before. `expire_timestamp` is told as `expires_after_ms` from `commit_timestamp`.
 * Offsets are left out, since the log holds other keys too. */
#ifndef DOHLE_TESTS_LIB_COORDINATOR_LOG_VALUE_H
#define DOHLE_TESTS_LIB_COORDINATOR_LOG_VALUE_H

#include "../../protocol/codec.h"
#include "../../storage/file_io.h"
#include "value.h"

/* A coordinator's topic and how its records are read. */
struct coordinator_log {
    const char *topic;
    enum kp_record_kind key, value;
    const char *key_fields[2]; /* what names the key, by one of these; the second may be NULL */
};

extern const struct coordinator_log coordinator_log_groups;       /* __consumer_offsets, by group */
extern const struct coordinator_log coordinator_log_transactions; /* __transaction_state, by transactional id */

/* Read the segments of the partition in `data_folder`; without them there are no batches. False: *error says why. */
bool coordinator_log_to_value(const struct coordinator_log *log, struct file_io *files, const char *data_folder,
                              struct kp_string key, struct arena *arena, struct value **value, const char **error);

/* The batches of a segment, put behind those in `batches`, a list. */
void coordinator_log_append(const struct coordinator_log *log, struct value *batches, struct kp_string segment,
                            struct kp_string key, struct arena *arena);

#endif
