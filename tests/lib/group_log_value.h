/* What the coordinator of groups has written about one group, as a value: the batches of __consumer_offsets-0, each
 * with those of its records that concern the group. For brokers with offsets.topic.num.partitions=1.
 *
 *     {batches: [{attributes: 0, base_timestamp: ..., max_timestamp: ..., producer_id: -1, producer_epoch: -1,
 *         base_sequence: -1, records: [
 *            {key: {type: 1, group: "g", topic: "t", partition: 0},
 *             value: {version: 3, offset: 5, leader_epoch: -1, metadata: "", commit_timestamp: ...}},
 *            {key: {type: 2, group: "g"}, value: null}]}]}
 *
 * Fields are those of protocol/schema/records_consumer_offsets.msg. Nothing of a record is left out: one that is
 * encoded otherwise than its fields are here is told as bytes. `expire_timestamp` is told as `expires_after_ms` from
 * `commit_timestamp`. Offsets are left out, since the log holds other groups too. */
#ifndef DOHLE_TESTS_LIB_GROUP_LOG_VALUE_H
#define DOHLE_TESTS_LIB_GROUP_LOG_VALUE_H

#include "../../storage/file_io.h"
#include "value.h"

/* Read the segments of the partition in `data_folder`; without them there are no batches. False: *error says why. */
bool group_log_to_value(struct file_io *files, const char *data_folder, struct kp_string group, struct arena *arena,
                        struct value **value, const char **error);

/* The batches of a segment, put behind those in `batches`, a list. */
void group_log_append(struct value *batches, struct kp_string segment, struct kp_string group, struct arena *arena);

#endif
