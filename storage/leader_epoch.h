/* Which leader epoch began at which offset: a log's memory of its leaders. See leader_epoch.c. */
#ifndef DOHLE_STORAGE_LEADER_EPOCH_H
#define DOHLE_STORAGE_LEADER_EPOCH_H

#include "file_io.h"

struct leader_epoch {
    int32_t epoch;
    int64_t start_offset;
};

/* Ascending in both fields. All zeros is an empty one. */
struct leader_epochs {
    struct leader_epoch *entries;
    int32_t count, capacity;
};

void leader_epochs_release(struct leader_epochs *epochs);
/* Read the file `path`; what was there before is forgotten. 0; -EBADMSG when it is no such file; another negative errno
 * (-ENOENT). On failure there are no entries. */
int leader_epochs_load(struct leader_epochs *epochs, struct file_io *io, const char *path) WARN_UNUSED;
/* Replace the file `path`; not synced. */
int leader_epochs_save(const struct leader_epochs *epochs, struct file_io *io, const char *path) WARN_UNUSED;

/* `epoch` begins at `offset`, if the latest is another one. Entries that contradict it go. True when something changed.
 */
bool leader_epochs_assign(struct leader_epochs *epochs, int32_t epoch, int64_t offset);
/* The log now ends at `offset`: epochs that begin there or later go. True when something changed. */
bool leader_epochs_cut_end(struct leader_epochs *epochs, int64_t offset);
/* The log now begins at `offset`: epochs before it go, but the one that `offset` belongs to, which then begins there.
 */
bool leader_epochs_cut_start(struct leader_epochs *epochs, int64_t offset);

/* -1 when there is none. */
int32_t leader_epochs_latest(const struct leader_epochs *epochs);
/* The epoch of the record at `offset`, -1 when it lies before all. */
int32_t leader_epochs_at(const struct leader_epochs *epochs, int64_t offset);
/* Where `epoch` ended in a log that ends at `log_end`, as OffsetForLeaderEpoch answers it: for an epoch that is not
 * there, the next lower one and its end; for one below all, itself and the start of the first. False: above all, or
 * none known. */
bool leader_epochs_end(const struct leader_epochs *epochs, int32_t epoch, int64_t log_end, int32_t *found_epoch,
                       int64_t *end_offset);

#endif
