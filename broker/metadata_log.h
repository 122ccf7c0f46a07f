/* The metadata log: __cluster_metadata-0, in which everything stands that the cluster consists of.
 *
 *     open:    newest checkpoint, then the batches behind it ----> replay(record)
 *     change:  metadata_log_append(batch): written to the log, ----> replay(record), in the same turn
 *     answer:  metadata_log_hold(request): leaves when all that was appended is on the disk; one sync serves many
 *
 * What is in memory is thus never behind what was answered, and a reader of memory may see a change that a power cut
 * still takes back: the request that made it is not answered then. What is made or removed on the disk because of a
 * change comes after it is durable (metadata_log_wait()): Kafka would put a topic's folder without the topic aside as
 * stray, and a topic without its folder has lost its records.
 *
 * The format is Kafka's, so that Kafka starts on the folder, and we on its. On our side:
 *
 * (1) Each start is a new epoch, one above the highest that log, checkpoints and quorum-state know, and begins with a
 *     LeaderChange control batch. quorum-state gets the same epoch before the first change is synced, or at the stop.
 *
 * (2) A change is one batch, uncompressed, keys null, all records with the same timestamp.
 *
 * (3) Records between BeginTransaction and EndTransaction count when the end is there; a transaction that a crash left
 *     open is aborted.
 *
 * (4) Nothing in the log is ever rewritten, so what we do not know stays. When it has grown by
 *     metadata.log.max.record.bytes.between.snapshots, or for metadata.log.max.snapshot.interval.ms, a checkpoint is
 *     written, which bounds the time of the next start; what came before it goes (metadata_checkpoint.h). A log that
 *     ends before its newest checkpoint begins anew behind it: the checkpoint has it all.
 *
 * A failed append changes nothing. After a failed sync nobody can tell what is on the disk: the log is offline until a
 * restart, requests whose answers wait are closed without one, later changes fail. */
#ifndef DOHLE_BROKER_METADATA_LOG_H
#define DOHLE_BROKER_METADATA_LOG_H

#include "../storage/log.h"
#include "env.h"
#include "metadata_record.h"

struct metadata_log;
struct request;

#define METADATA_TOPIC "__cluster_metadata" /* its one partition is 0 */

struct metadata_log_options {
    struct env *env;
    struct log_store *store;
    const char *directory; /* the data folder that __cluster_metadata-0 is in */
    int32_t node_id;
    struct kp_uuid directory_id; /* of that folder */
    bool sync;                   /* false: nothing is synced, and nothing waits for it (--ephemeral) */
    int64_t snapshot_bytes;      /* metadata.log.max.record.bytes.between.snapshots */
    int64_t snapshot_ms;         /* metadata.log.max.snapshot.interval.ms; 0: no limit */
    int32_t segment_bytes;       /* metadata.log.segment.bytes */
    int64_t segment_ms;          /* metadata.log.segment.ms */
    int64_t retention_bytes;     /* metadata.max.retention.bytes */
    int64_t retention_ms;        /* metadata.max.retention.ms */
    /* Apply a record that counts. On failure false, and a sentence in `error` (METADATA_LOG_ERROR_SIZE); that is
     * allowed while the log is opened only, since later records are our own. */
    bool (*replay)(void *context, const struct metadata_record *record, char *error);
    /* Call `add` with records that make the present state out of an empty one, framed. */
    void (*each_record)(void *context, void (*add)(void *to, struct kp_bytes value), void *to);
    void *context;
};

#define METADATA_LOG_ERROR_SIZE 512

/* Open the log, or format it when the folder has none; replay it; begin a new epoch. On failure false, and `error`
 * (METADATA_LOG_ERROR_SIZE) is one line that says why; *log is to be closed all the same, as the store may hold its
 * log. */
bool metadata_log_open(struct metadata_log **log, const struct metadata_log_options *options, char *error) WARN_UNUSED;
/* Free it. The struct log is the store's. Jobs must have ended. */
void metadata_log_close(struct metadata_log *log);

/* Append the records as one batch, then replay them. Nothing to do for an empty batch. Returns 0 or a negative
 * storage_error, and then nothing has changed. The caller releases the batch. */
int metadata_log_append(struct metadata_log *log, struct metadata_batch *batch) WARN_UNUSED;
/* The offset that the next record gets. */
int64_t metadata_log_end_offset(const struct metadata_log *log);

/* The epoch of this run. */
int32_t metadata_log_epoch(const struct metadata_log *log);
/* Does the log name its voters (KRaft version 1)? Else they are in everybody's settings. */
bool metadata_log_has_voters(const struct metadata_log *log);

/* Something that waits until all that was appended so far is durable. */
struct metadata_wait {
    struct list link; /* the log's */
    int64_t offset;   /* what is durable must reach this end */
    void (*done)(struct metadata_wait *wait, int status);
};
/* Set wait->done before. False: it is durable already, and nothing is called. Else it is called once, never from
 * inside, with 0, or STORAGE_OFFLINE when the log cannot be synced. */
bool metadata_log_wait(struct metadata_log *log, struct metadata_wait *wait) WARN_UNUSED;
/* Keep the answer of `request`, which is given in this turn, until all that was appended so far is durable. */
void metadata_log_hold(struct metadata_log *log, struct request *request);
/* Make all that was appended durable before it returns. 0 or a negative storage_error. */
int metadata_log_sync_now(struct metadata_log *log) WARN_UNUSED;

#endif
