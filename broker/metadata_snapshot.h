/* Checkpoints of the metadata log: files OFFSET-EPOCH.checkpoint beside it (20 and 10 digits) with all records that
 * make the state before OFFSET; EPOCH is that of the last record. Called snapshots in Kafka's records.
 *
 *     control batch   snapshot header, KRaft version, voters      the voters: this node alone; with version 0 neither
 *     data batches    records, framed as in the log
 *     control batch   snapshot footer
 *
 * Offsets inside count from 0. Whoever formats a folder writes one with offset 0, from which Kafka takes nothing but
 * the voters. A file is written aside and renamed, so one that is there is whole; without its footer it is refused. */
#ifndef DOHLE_BROKER_METADATA_SNAPSHOT_H
#define DOHLE_BROKER_METADATA_SNAPSHOT_H

#include "../storage/file_io.h"
#include "../storage/storage_error.h"
#include "metadata_record.h"

struct snapshot_id {
    int64_t offset; /* exclusive end of what it holds */
    int32_t epoch;
};

#define SNAPSHOT_NAME_SIZE (20 + 1 + 10 + sizeof ".checkpoint")
void snapshot_name(struct snapshot_id id, char name[SNAPSHOT_NAME_SIZE]);
/* False when `name` is not that of a checkpoint. */
bool snapshot_name_parse(const char *name, struct snapshot_id *id);

/* The voter that Kafka finds when it takes the folder over. Any host and port do: it puts its own there. */
struct snapshot_voter {
    int32_t node_id;
    struct kp_uuid directory_id; /* must be that of meta.properties */
};

/* A checkpoint in the making, in memory. */
struct snapshot {
    struct metadata_batch batch; /* the one at hand */
    uint8_t *bytes;              /* finished batches */
    size_t size_bytes, capacity_bytes;
    int64_t next_offset;
    int64_t now_ms;
    int32_t epoch;
};

/* `last_timestamp_ms` is that of the last record of the log that it holds. `voter` may be NULL: KRaft version 0. */
void snapshot_init(struct snapshot *snapshot, struct snapshot_id id, const struct snapshot_voter *voter,
                   int64_t last_timestamp_ms, int64_t now_ms);
/* Add a framed record. */
void snapshot_add(struct snapshot *snapshot, struct kp_bytes value);
/* Write the file into `folder` and release the snapshot. 0 or a negative errno. */
int snapshot_write(struct snapshot *snapshot, struct file_io *files, const char *folder, struct snapshot_id id,
                   bool sync) WARN_UNUSED;

/* Let go of one that is not to be written. */
void snapshot_release(struct snapshot *snapshot);

/* When the last record that a checkpoint holds was written. False when its header cannot be read. */
bool snapshot_timestamp(struct file_io *files, const char *folder, struct snapshot_id id, int64_t *timestamp_ms);

/* Does a checkpoint name the voters (KRaft version 1 and later)? With version 0 they are in everybody's settings. */
bool snapshot_has_voters(struct file_io *files, const char *folder, struct snapshot_id id);
/* The same of a control batch, of a checkpoint or of the log. */
bool snapshot_batch_has_voters(const struct record_batch *batch);

/* Call `each` for all records of a checkpoint. On failure false, and *sentence says why: static text, or NULL when it
 * was `each` that refused. */
bool snapshot_read(struct file_io *files, const char *folder, struct snapshot_id id,
                   bool (*each)(void *context, int64_t offset, const struct metadata_record *record), void *context,
                   const char **sentence) WARN_UNUSED;
/* The same of a file of this form by any name. */
bool snapshot_read_file(struct file_io *files, const char *path,
                        bool (*each)(void *context, int64_t offset, const struct metadata_record *record),
                        void *context, const char **sentence) WARN_UNUSED;

#endif
