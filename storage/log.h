/* The partition log and the store that holds all of them. The only header of storage/ that most of broker/ needs.
 *
 *     log_store ── data folders, open descriptors (LRU), checkpoints, pool jobs
 *        └─ log ── one partition: segments, producer state, leader epochs
 *             └─ segment ── .log .index .timeindex .txnindex of one base offset
 *
 * One thread owns a store and its logs. Only struct job work (syncs, deletions, cold reads) runs elsewhere, on what it
 * holds. The files are Apache Kafka's; see docs/storage-format.md. */
#ifndef DOHLE_STORAGE_LOG_H
#define DOHLE_STORAGE_LOG_H

#include "../protocol/record_batch.h"
#include "executor.h"
#include "file_io.h"
#include "storage_error.h"
#include "turn.h"

struct log;
struct log_store;
struct segment;

/* ---- the store ------------------------------------------------------------------------------------------------- */

/* Kafka's log.cleaner.* settings. The owner keeps it alive and may change it at any time. */
struct cleaner_config {
    bool enable;                    /* log.cleaner.enable */
    int64_t backoff_ms;             /* how long to wait when there was nothing to clean */
    int64_t dedupe_buffer_bytes;    /* of the map from keys to offsets, at most; it lives while a log is cleaned */
    double io_buffer_load_factor;   /* of that map */
    int32_t io_buffer_bytes;        /* half of it is gathered before it is written */
    double io_bytes_per_second_max; /* read and written */
};

struct log_store_options {
    struct file_io *files;
    struct executor *executor;
    struct turn *turn;               /* of the loop; NULL: nobody waits */
    const char *const *directories;  /* log.dirs: existing, locked by the caller, borrowed for the store's life */
    const bool *directories_offline; /* which of them cannot be used: nothing in them is touched. NULL: none */
    int directories_count;
    const char *metadata_directory; /* that of the metadata log; one of the others or one more, without which nothing
                                     * goes; NULL: there is no such log */
    int open_files_max;             /* descriptors that the store keeps open at once, at least 16 */
    bool sync;                      /* false: nothing is ever synced (--ephemeral) */
    bool clean;                     /* the last stop was clean: logs are trusted and loaded lazily */
    int64_t now_ms;                 /* wall clock */
    int64_t recovery_point_interval_ms;    /* log.flush.offset.checkpoint.interval.ms */
    int64_t start_offset_interval_ms;      /* log.flush.start.offset.checkpoint.interval.ms */
    int64_t high_watermark_interval_ms;    /* replica.high.watermark.checkpoint.interval.ms */
    int64_t retention_check_interval_ms;   /* log.retention.check.interval.ms */
    int64_t initial_task_delay_ms;         /* log.initial.task.delay.ms: before the first look at retention */
    int64_t producer_check_interval_ms;    /* producer.id.expiration.check.interval.ms */
    const int32_t *producer_expiration_ms; /* producer.id.expiration.ms: the owner's, who may change it at any time */
    const struct cleaner_config *cleaner;
    uint64_t hash_key[2]; /* unpredictable: with it clients' record keys are hashed */
    /* Called before the first folder of a log is made: whatever that folder depends on (the topic's record in the
     * metadata log) is to be on the disk when it returns 0; a negative storage_error refuses the append. May be NULL.
     */
    int (*before_folder)(void *context);
    void *before_folder_context;
    /* A log that was said to be whole after a clean stop is found to end before what it held then, while it is loaded.
     * Its leader epoch is to be raised, for good, when this returns 0: who read what is missing learns of it by the
     * epoch. A negative storage_error fails the load. After an unclean stop the owner raises all epochs, and is not
     * called. May be NULL. */
    int (*log_cut)(void *context, const char *topic, int32_t partition);
    void *log_cut_context;
    /* A log was found in this directory when it was loaded, or it goes on there from now on. For who keeps a record of
     * it; nothing is kept for certain when this returns. May be NULL. */
    void (*log_placed)(void *context, const char *topic, int32_t partition, int directory);
    void *log_placed_context;
    /* One thing that a person may want to know (recovered, cut, rebuilt, went offline, ...): a sentence and, in
     * `detail`, key=value pairs. broker/ logs it. level 0 info, 1 warning, 2 error. May be NULL. */
    void (*report)(void *context, int level, const char *sentence, const char *detail);
    void *report_context;
    /* A recovery has read so many more bytes. May be NULL. */
    void (*progress)(void *report_context, int64_t bytes);
};

/* Read the checkpoints of all folders, remove what an earlier run left to be removed. One that cannot be listed is
 * offline (log_store_directory_offline()) when another is left. On failure *store is NULL. */
int log_store_open(struct log_store **store, const struct log_store_options *options,
                   struct storage_fault *fault) WARN_UNUSED;

/* Do what is due (checkpoints, retention, deletions, flush.ms). Returns the wall time in ms of the next thing to do. */
int64_t log_store_tick(struct log_store *store, int64_t now_ms);
/* That time as it is now: an append or a deletion may have made it earlier. Cheap. */
int64_t log_store_next_ms(const struct log_store *store);

/* A turn begins: the appends until the next call may decompress `work_bytes` together, and answer
 * STORAGE_BATCH_UNDECIDED above that, and STORAGE_NO_FOLDER when there are files to be made first. Before the first
 * call they do all by themselves. */
void log_store_begin_turn(struct log_store *store, size_t work_bytes);

/* The store is about to be closed: begin no more compaction, go on with no move, and let what runs end soon. */
void log_store_stop(struct log_store *store);

/* Sync all logs, write producer snapshots and checkpoints, trim indexes. With 0 the caller may write the clean-shutdown
 * marker, whose text is Kafka's. All logs are closed and freed; jobs must have ended. The store is freed in any case.
 */
int log_store_close(struct log_store *store, int64_t now_ms, struct storage_fault *fault) WARN_UNUSED;

/* The directories are numbered as in the options. One is offline when it was so from the start, or no folder can be
 * made in it any more. */
int log_store_directories_count(const struct log_store *store);
bool log_store_directory_offline(const struct log_store *store, int directory);
/* Bytes of the file system of one: in all, and free for us. 0, STORAGE_IO or STORAGE_OFFLINE. */
int log_store_space(const struct log_store *store, int directory, int64_t *total_bytes,
                    int64_t *usable_bytes) WARN_UNUSED;
/* A partition that does not exist is to get its log in this directory, once it does (log_new()). */
void log_store_wish_directory(struct log_store *store, const char *topic, int32_t partition, int directory);

/* ---- a log ----------------------------------------------------------------------------------------------------- */

/* Kafka's topic settings as far as a log acts on them. The owner keeps it alive and may change it at any time. */
struct log_config {
    int32_t segment_bytes;
    int64_t segment_ms;
    int64_t segment_jitter_ms;
    int32_t segment_index_bytes;
    int32_t index_interval_bytes;
    int64_t flush_messages;
    int64_t flush_ms;
    int64_t retention_ms;    /* -1: no limit */
    int64_t retention_bytes; /* -1: no limit */
    int64_t file_delete_delay_ms;
    bool cleanup_delete, cleanup_compact;
    double min_cleanable_dirty_ratio;
    int64_t delete_retention_ms; /* of tombstones and markers in a compacted log */
    int64_t min_compaction_lag_ms, max_compaction_lag_ms;
    struct batch_rules rules; /* what an append must obey: sizes, timestamps, codec */
};

/* The log of a partition: memory only. A folder that exists is found in the first call that needs it (or by
 * log_load()), one that does not is made by the first append. `topic_id` goes into partition.metadata. `topic` is
 * copied. */
struct log *log_new(struct log_store *store, const char *topic, int32_t partition, struct kp_uuid topic_id,
                    const struct log_config *config);

/* Where the log is expected, which it may have been in an earlier run; to be said before anything needs it. That
 * directory is looked in first: of two folders that an interrupted move left it has the one that counts.
 *
 * While a directory is offline that was there before (one of the store's, or a LOG_DIRECTORY_LOST), nobody can tell
 * whether a log without a folder elsewhere has its records there. Such a log is offline too, until a restart: a folder
 * that is made for it would be empty, and would hide them for good. So would one without records that is there already:
 * Apache Kafka makes it in some cases. */
#define LOG_DIRECTORY_ANY  (-1) /* nobody knows, or it had none yet */
#define LOG_DIRECTORY_LOST (-2) /* in one that is none of the store's */
void log_expect(struct log *log, int directory);

/* Load the log now: after an unclean stop this is the recovery, and what it did is reported. Others load by themselves.
 * Returns 0, STORAGE_IO, STORAGE_OFFLINE or STORAGE_CORRUPT. */
int log_load(struct log *log, struct storage_fault *fault) WARN_UNUSED;

/* After an unclean stop: how many bytes of an unloaded log its recovery will read; 0 of one that is loaded, or was
 * stopped well. */
int64_t log_recovery_bytes(struct log *log);

enum log_append_origin {
    LOG_APPEND_CLIENT,      /* validated in full, base offset must be 0 */
    LOG_APPEND_VALIDATED,   /* the same, where the caller did that: `verdict` is what batch_validate() says */
    LOG_APPEND_COORDINATOR, /* our own batches; control batches allowed, CRC and counts trusted */
};

struct log_append {
    /* in */
    uint8_t *bytes; /* one batch; base offset, leader epoch and, where a rule says so, more is written into it */
    size_t size_bytes;
    enum log_append_origin origin;
    bool zstd_allowed;                  /* false: zstd is STORAGE_BATCH_CODEC (Produce below version 7) */
    const struct sequence_bound *bound; /* producer_state.h; NULL: none. Such a batch is written at once */
    int32_t leader_epoch;
    int64_t now_ms;      /* wall clock */
    struct arena *arena; /* where the verdict's record errors go; NULL: they are not wanted */
    /* NULL: it is written at once. Else it may be left to be written together with those that follow in this turn, when
     * the next one is another's or log_store_write() is called, and then this is told the outcome, once. */
    void (*written)(struct log_append *append, int status);
    /* out */
    bool waits; /* log_append() gave 0, and `written` is still to be called: struct and bytes live until then */
    int64_t base_offset, last_offset;
    int64_t append_time_ms;       /* -1 with create time; of a duplicate the time of its records */
    bool duplicate;               /* nothing was written; the offsets are those of the first time */
    struct batch_verdict verdict; /* of a refused batch: which records, and the sentence */
    struct record_batch batch;    /* the log's: what is written */
};

/* Append one batch. Returns 0, or a negative storage_error and then the log is as before. Never waits for a sync.
 * STORAGE_BATCH_UNDECIDED: have it validated elsewhere, by the rules of now, and come again with the verdict. What that
 * holds (verdict.rebuilt) is freed in any case. STORAGE_NO_FOLDER: log_make(), and come again; a coordinator, which
 * gets it only after a topic of this name was deleted, just comes again later. */
int log_append(struct log *log, struct log_append *append, struct storage_fault *fault) WARN_UNUSED;
/* Write the appends that wait (log_append.written), if there are any: nothing else may be done with their log before.
 */
void log_store_write(struct log_store *store);
/* Are there any? */
bool log_store_waits(const struct log_store *store);

/* Make the folder of a log that has none, with an empty segment, in the pool. The first append has `leader_epoch`. What
 * the folder depends on (see before_folder) is on the disk. `done` is called once, never from inside, with 0, a
 * negative storage_error, or STORAGE_CANCELED when the log was deleted. The request lives until then. */
struct log_make {
    void (*done)(struct log_make *make, int status);
    struct list link; /* the store's */
};
void log_make(struct log *log, int32_t leader_epoch, struct log_make *make);
/* Does log_append() of a client's batch want that? Loads the log. */
bool log_wants_make(struct log *log);

/* A run of whole batches in one segment, not read. Holds the segment, and its descriptor once asked for. */
struct log_slice {
    struct segment *segment; /* NULL: empty */
    int64_t position;        /* byte in the .log file */
    int32_t size_bytes;
    bool is_cut; /* the limit, within the next batch, ended it */
    bool pinned; /* the descriptor stays open until the release */
};

enum isolation { ISOLATION_READ_UNCOMMITTED = 0, ISOLATION_READ_COMMITTED = 1 };

/* Read from `offset` up to `max_bytes`: whole batches, the first of which may begin below `offset`. When `max_bytes` is
 * smaller than the first batch, that batch alone if `at_least_one` (KIP-74), else nothing. Up to the high watermark, or
 * the last stable offset. At the end: an empty slice. On success *slice is to be released. Returns 0,
 * STORAGE_OFFSET_OUT_OF_RANGE, STORAGE_IO or STORAGE_OFFLINE. */
int log_read(struct log *log, int64_t offset, int32_t max_bytes, bool at_least_one, enum isolation isolation,
             struct log_slice *slice, struct storage_fault *fault) WARN_UNUSED;

/* Where an offset lies: that of its batch, or the end of the log. */
struct log_position {
    int64_t segment_base; /* the base offset of the segment */
    int64_t byte;         /* in its .log file */
};

/* For the wait of a fetch, from the start of the log to its end. Returns 0, STORAGE_OFFSET_OUT_OF_RANGE, STORAGE_IO or
 * STORAGE_OFFLINE. */
int log_find_position(struct log *log, int64_t offset, struct log_position *from,
                      struct storage_fault *fault) WARN_UNUSED;
/* Bytes that a read from `offset`, which was at `from`, could return, however much it may. INT64_MAX: what there is to
 * read lies in another segment than the bound of the isolation, and gets no more by waiting. Or a read will tell what
 * is wrong. */
int64_t log_bytes_from(struct log *log, int64_t offset, const struct log_position *from, enum isolation isolation);

/* The descriptor to sendfile() from, pinned until the release of the slice; -1 when the file has none (in memory;
 * pinned all the same) or a negative errno below that. */
int log_slice_descriptor(struct log_slice *slice);
/* Let go of the descriptor, until it is asked for again: nobody can say how long the socket takes nothing. */
void log_slice_unpin(struct log_slice *slice);
/* Copy `size` bytes from byte `from` of the slice. 0 or a negative errno. Another thread may call it once the
 * descriptor is pinned. */
int log_slice_read(const struct log_slice *slice, int32_t from, void *bytes, size_t size) WARN_UNUSED;
/* Are `size` bytes from byte `from` of a pinned slice in memory? A guess by its two ends: a read of what is not may
 * wait for the disk. */
bool log_slice_cached(const struct log_slice *slice, int32_t from, size_t size);
/* `slice` is a copy of another: give it a reference (and a pin) of its own. */
void log_slice_ref(struct log_slice *slice);
void log_slice_release(struct log_slice *slice);

/* Call `each` with the transactions that whoever reads committed records from `offset` on has to leave out of the
 * slice, which a read at `offset` gave in this turn: producer ids with the first offset of each. False from it ends
 * that. Of an empty slice they are those that Kafka names where a read may have no byte (`max_bytes` 0). Returns 0,
 * STORAGE_CANCELED after a false, STORAGE_IO, or STORAGE_CORRUPT. */
int log_slice_aborted(struct log *log, int64_t offset, const struct log_slice *slice,
                      bool (*each)(void *context, int64_t producer_id, int64_t first_offset), void *context,
                      struct storage_fault *fault) WARN_UNUSED;

struct log_found {
    int64_t offset;       /* -1: none */
    int64_t timestamp_ms; /* -1: none */
    int32_t leader_epoch; /* -1: unknown */
};

/* A lookup by timestamp that does no more work than its turn has left: a batch may decompress to gigabytes. */
struct log_lookup {
    int64_t from_offset; /* records below it are not looked at; 0 at first */
    /* with STORAGE_BATCH_UNDECIDED: */
    struct log_slice batch; /* one batch, to be looked through by log_lookup_batch(); pinned; to be released */
    int64_t timestamp_ms, offset;
    int32_t record_bytes_max;
};

/* The first record at or after `timestamp_ms` below the bound of the isolation. With `lookup`, which may be NULL,
 * STORAGE_BATCH_UNDECIDED when there is a batch to be looked through elsewhere. */
int log_find_timestamp(struct log *log, int64_t timestamp_ms, enum isolation isolation, struct log_lookup *lookup,
                       struct log_found *found, struct storage_fault *fault) WARN_UNUSED;
/* The first record that has the largest timestamp of the log's segments; in Kafka, and so here, it may lie below the
 * log start. */
int log_find_max_timestamp(struct log *log, struct log_lookup *lookup, struct log_found *found,
                           struct storage_fault *fault) WARN_UNUSED;
/* On any thread: read and look through lookup->batch, which may decompress walk->work_bytes. 0, and then *found says
 * which record it is, or has offset -1 and the lookup is to be made again, which goes on behind the batch.
 * STORAGE_BATCH_UNDECIDED above that work; STORAGE_IO or STORAGE_CORRUPT. */
int log_lookup_batch(struct log_lookup *lookup, struct record_walk *walk, struct log_found *found) WARN_UNUSED;
/* Is this record, found in a turn before, below the bound of the isolation? */
bool log_shows(struct log *log, int64_t offset, enum isolation isolation);

/* End offset of the largest epoch at or below `epoch` (OffsetForLeaderEpoch, diverging epochs). False: none is known.
 */
bool log_epoch_end(struct log *log, int32_t epoch, int32_t *found_epoch, int64_t *end_offset);
/* The latest epoch in the log, -1 when there is none. */
int32_t log_latest_epoch(struct log *log);
/* The epoch of the record at `offset`, -1 unknown. */
int32_t log_epoch_at(struct log *log, int64_t offset);

/* Offsets. They load the log; one that cannot be loaded has 0 everywhere and answers STORAGE_OFFLINE elsewhere. */
int64_t log_start_offset(struct log *log);
int64_t log_end_offset(struct log *log);
int64_t log_high_watermark(struct log *log);
int64_t log_last_stable_offset(struct log *log);
int64_t log_size_bytes(struct log *log);
bool log_is_offline(const struct log *log);
/* False: whatever is asked of the log loads it first, which takes some 30 microseconds, or as long as the disk. */
bool log_is_loaded(const struct log *log);

/* What a log knows of one of its producers. */
struct log_producer {
    int64_t id;
    int64_t last_timestamp_ms;
    int64_t txn_first_offset;  /* of the open transaction; -1: none */
    int32_t last_sequence;     /* -1: only a marker was seen */
    int32_t coordinator_epoch; /* of the last marker; -1: none */
    int16_t epoch;
};
/* How many producers the log knows. Returns 0, or as log_load(). */
int log_producers_count(struct log *log, int32_t *count, struct storage_fault *fault) WARN_UNUSED;
/* The one with this id. Returns 1, 0 when the log does not know it, or as log_load(). */
int log_find_producer(struct log *log, int64_t id, struct log_producer *found, struct storage_fault *fault) WARN_UNUSED;
/* The one at `position` (below the count of this turn), by rising id. */
struct log_producer log_producer_at(const struct log *log, int32_t position);

/* DeleteRecords: nothing below `offset` is to be read any more; what is wholly below goes with the next retention.
 * Nothing happens when the log start is there already. Returns 0, STORAGE_OFFSET_OUT_OF_RANGE above the high watermark,
 * or as log_load(). */
int log_raise_start(struct log *log, int64_t offset, struct storage_fault *fault) WARN_UNUSED;

/* Where a log is, or a copy of it that is being made. */
struct log_place {
    int directory;
    int64_t size_bytes; /* of its .log files */
    int64_t offset_lag; /* of a copy: by how many offsets it is behind */
};

/* Where the log is; one without a folder gets its directory now. A log that is not loaded is not loaded for it, but its
 * folder is looked at. 0 or STORAGE_OFFLINE. */
int log_find_place(struct log *log, struct log_place *place) WARN_UNUSED;
/* The copy that log_move() makes; false: it is not being moved. */
bool log_future_place(const struct log *log, struct log_place *place);
/* Have the log in another directory: its files are copied in the pool while it is used, then it goes on there. To where
 * it is, ends a move that is under way. Returns 0 when that has begun, or as log_load(). */
int log_move(struct log *log, int directory, struct storage_fault *fault) WARN_UNUSED;

/* Forget all records: the log is empty and its next record has `offset`, which is above its end (log_begin.c). Returns
 * 0 or as log_load(). */
int log_begin_at(struct log *log, int64_t offset, struct storage_fault *fault) WARN_UNUSED;

/* Call `each` for every batch from `offset` on, in order, with its bytes (valid for the call); false from it ends the
 * walk. For logs that are state (the metadata log, coordinators). Returns 0 or as log_load(). */
int log_replay(struct log *log, int64_t offset, bool (*each)(void *context, const struct record_batch *batch),
               void *context, struct storage_fault *fault) WARN_UNUSED;

/* Sync everything appended so far, in the pool. `done` is called once, never from inside, with 0, STORAGE_IO (the log
 * is offline then) or STORAGE_CANCELED. Without sync (options.sync false) it completes just the same, at once and
 * unsynced. The request lives until then. */
struct log_flush {
    void (*done)(struct log_flush *flush, int status);
    struct list link; /* the store's */
};
void log_flush(struct log *log, struct log_flush *flush);
/* The same, waiting. For the start, and for before_folder. */
int log_flush_now(struct log *log, struct storage_fault *fault) WARN_UNUSED;

/* Does the policy (flush.messages, flush.ms) want the last append synced before it is answered? */
bool log_wants_flush(const struct log *log);

/* The log's topic was deleted: free the log (slices keep their segments); open flushes end with STORAGE_CANCELED. Its
 * folder is to be renamed to NAME.UUID-delete, and its files to be removed after file.delete.delay.ms, all in the pool:
 * at once before the first log_store_begin_turn(), else when log_store_carry_out() says so. */
void log_delete(struct log *log, int64_t now_ms);
/* The number of the last deletion, for log_store_carry_out(). */
int64_t log_store_deletions(const struct log_store *store);
/* What says that they are deleted is on the disk: begin the deletions up to this number. `waits`: rename the folders
 * before it returns, for the stop, when no job runs any more. */
void log_store_carry_out(struct log_store *store, int64_t number, bool waits);

#endif
