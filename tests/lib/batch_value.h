/* Record batches as values: built for requests, right or damaged on purpose, and read from answers.
 *
 * A list of batches, one after the other:
 *
 *     [{codec: "gzip", producer_id: $pid, producer_epoch: 0, base_sequence: 5, records: ["a value", {key: "k", value:
 * null, timestamp: $t0+5, headers: [{key: "h", value: "v"}]}, {size: 1000, count: 50}]}]
 *
 * A record is its value alone, or an object; `size` makes a value of so many bytes, `count` repeats the record.
 * `timestamp` of the batch is its base timestamp. What can be wrong with a batch has names too: every header field can
 * be given (base_offset, leader_epoch, magic, attributes, last_offset_delta, max_timestamp, record_count),
 * `length_delta` makes the announced length wrong, `crc_delta` the checksum, `cut` drops bytes at the end, `payload`
 * replaces the records' bytes, and a record's `offset_delta` stands for itself. Instead of an object, x"..." gives
 * bytes as they are. */
#ifndef DOHLE_TESTS_LIB_BATCH_VALUE_H
#define DOHLE_TESTS_LIB_BATCH_VALUE_H

#include "value.h"

/* The bytes of all batches of a list, from the arena; times not given are `timestamp_ms`. False: *error says why. */
bool batches_from_value(const struct value *list, int64_t timestamp_ms, struct arena *arena, struct kp_string *bytes,
                        const char **error);

/* What the bytes hold: a list as above, with the fields that Kafka may have set or changed. Damage is said in words. */
struct value *batches_to_value(struct kp_string bytes, struct arena *arena);

#endif
