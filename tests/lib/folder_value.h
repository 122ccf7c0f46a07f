/* The folder of a partition as a value, so that the files of two brokers are compared field by field.
 *
 *     {files: [{name: "00000000000000000000.index", entries: [[9, 4200], [19, 8400]]},
 *              {name: "00000000000000000000.log", batches: [{base_offset: 0, size: 700, leader_epoch: 0,
 *               crc: "59b2c0de", attributes: 0, last_offset_delta: 9, max_timestamp: 1700000000000}]},
 *              {name: "leader-epoch-checkpoint", entries: [[0, 0]]},
 *              {name: "partition.metadata", version: 0, topic_id: ...}],
 *      checkpoints: [{name: "recovery-point-offset-checkpoint", offset: 10}]}
 *
 * Nothing of a file is left out: two files with equal values have equal bytes. Of a batch the fields before its
 * checksum are told, and the checksum, which must be right, stands for all behind. A file that is not of its form is
 * told as text, or by size and checksum. The rows of an .index are [relative offset, position], of
 * leader-epoch-checkpoint [epoch, start offset]. A batch with log-append time has a checksum that depends on the clock,
 * one of a transaction a checksum that depends on the producer's id: it is told to be right, with the other fields of
 * the header and the checksum of the records alone. A marker's record is told as {marker: "commit", coordinator_epoch:
 * 0} instead. */
#ifndef DOHLE_TESTS_LIB_FOLDER_VALUE_H
#define DOHLE_TESTS_LIB_FOLDER_VALUE_H

#include "../../protocol/record_batch.h"
#include "../../storage/file_io.h"
#include "value.h"

/* The files of a partition, none when it has no folder, and its lines of the checkpoints in `data_folder`. False:
 * *error says why. */
bool folder_to_value(struct file_io *files, const char *data_folder, const char *topic, int32_t partition,
                     struct arena *arena, struct value **value, const char **error);

/* Call for each file of a partition in the order of names, with its bytes, valid during the call; for none when it has
 * no folder. False: *error says why. */
typedef void folder_file_cb(void *context, const char *name, struct kp_string bytes);
bool folder_read(struct file_io *files, const char *data_folder, const char *topic, int32_t partition,
                 struct arena *arena, folder_file_cb *callback, void *context, const char **error);

/* A record that ends a transaction; NULL: it is none, or not of the only form that Kafka writes. */
struct value *marker_to_value(const struct record *record, struct arena *arena);

/* One file's bytes as a value, by its name. */
struct value *file_to_value(const char *name, struct kp_string bytes, struct arena *arena);

#endif
