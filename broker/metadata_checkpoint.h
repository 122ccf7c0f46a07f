/* When a checkpoint of the metadata log is written, and which checkpoints and segments it makes superfluous.
 *
 *     loop:  records in memory -- begin() -->                     done(): the log begins where a checkpoint ends
 *     pool:                        remove old ones, write, look around --^
 *
 * As in Kafka, checkpoints go from the oldest on, never the last, while (1) all of them and the log together are larger
 * than metadata.max.retention.bytes, or (2) what the oldest holds ended longer ago than metadata.max.retention.ms. Then
 * the log begins at the oldest that stays; segments that lie wholly below go with the next round of retention. The
 * checkpoint itself is removed when the next one is written: until then the log may still begin below it.
 *
 * A file that cannot be written is told and tried again with the next one: the log has all that it would hold. */
#ifndef DOHLE_BROKER_METADATA_CHECKPOINT_H
#define DOHLE_BROKER_METADATA_CHECKPOINT_H

#include "env.h"
#include "metadata_snapshot.h"

struct metadata_checkpoint {
    struct job job;
    struct env *env;
    const char *folder; /* of the metadata log; borrowed */
    bool sync;
    int64_t retention_bytes, retention_ms; /* negative: no limit */
    /* Something was written, or not: the log may begin at `start_offset`. */
    void (*done)(struct metadata_checkpoint *checkpoint, int64_t start_offset);
    bool busy; /* from begin() to done() */
    /* of the one at hand */
    struct snapshot snapshot;
    struct snapshot_id id;
    int64_t start_offset; /* of the log: checkpoints below it go */
    int64_t log_bytes;
    int64_t now_ms; /* wall clock */
    int status;     /* 0 or a negative errno */
};

/* Write checkpoint->snapshot, which is handed over, as `id`. `done` is called once, never from inside. */
void metadata_checkpoint_begin(struct metadata_checkpoint *checkpoint, struct snapshot_id id, int64_t start_offset,
                               int64_t log_bytes);

#endif
