/* What the files of storage/ that make up a log and the store share. broker/ sees log.h only. */
#ifndef DOHLE_STORAGE_LOG_INTERNAL_H
#define DOHLE_STORAGE_LOG_INTERNAL_H

#include "checkpoint.h"
#include "leader_epoch.h"
#include "log.h"
#include "producer_state.h"
#include "segment.h"

#define TOPIC_NAME_MAX 249 /* as Kafka's; so a folder's name fits 255 bytes */

/* ---- a log ----------------------------------------------------------------------------------------------------- */

/*     LOG_UNLOADED ---- log_load() ----> LOG_READY ---- a call fails for good ----> LOG_OFFLINE
 *          |                                                                            ^
 *          +---------------------- log_load() fails ------------------------------------+
 *
 * Ready without a segment: no folder exists yet, the first append makes it. */
enum log_state { LOG_UNLOADED, LOG_READY, LOG_OFFLINE };

/* What the folder of an unloaded log shows from outside; see log_survey.c. */
struct log_survey {
    bool known;             /* false: nobody looked since the log was last loaded */
    bool wants_load;        /* something lies there that only loading can judge */
    int64_t doubtful_bytes; /* of .log files: what a recovery reads */
    struct log_dir *dir;    /* where the folder is; NULL: there is none */
    int64_t total_bytes;    /* of .log files */
    int64_t oldest_bytes;   /* of the first one of them */
    int64_t oldest_ms;      /* largest timestamp in it; INT64_MAX: it is empty, or there is none */
};

struct log {
    struct log_store *store;
    struct list link; /* store->logs */
    char *topic;
    int32_t partition;
    struct kp_uuid topic_id;
    const struct log_config *config; /* the owner's */
    enum log_state state;
    bool touched;              /* its files are not as a clean stop leaves them */
    bool folder_unsynced;      /* the folder's own name may be lost at a power cut */
    bool names_unsynced;       /* names inside the folder may be */
    bool epochs_unwritten;     /* `epochs` differ from leader-epoch-checkpoint */
    bool epochs_unsynced;      /* the content of leader-epoch-checkpoint may be lost */
    struct log_dir *dir;       /* where the folder is; NULL: nowhere yet */
    struct folder *folder;     /* NULL as dir */
    struct segment **segments; /* ascending; the last one is the active one */
    int32_t segments_count, segments_capacity;
    int64_t start_offset;        /* first offset that may be read */
    int64_t end_offset;          /* of the next record */
    int64_t recovery_point;      /* everything below is on the disk */
    int64_t sealed_offset;       /* segments that begin below it are on the disk with their indexes */
    int64_t last_flush_ms;       /* wall clock; when the unflushed part was empty the last time */
    int64_t seen_ms;             /* wall clock; when the active segment was last seen at its place */
    int64_t snapshot_offset;     /* of the newest .snapshot file; -1: none */
    int64_t last_aborted_offset; /* no abort marker lies behind it; -1: there is none */
    struct producer_states producers;
    struct leader_epochs epochs;
    int64_t cleaned_offset; /* compaction went up to here; -1: never */
    bool uncleanable;       /* it failed, and is not tried again */
    struct log_sync *sync;  /* in the pool; NULL: none */
    struct list flushes;    /* log_flush.link: wait for the sync after that one */
    bool sync_wanted;       /* the same for nobody who waits (roll, flush.ms) */
    bool retention_waits;   /* for the sync under way, to delete more */
    int64_t retention_run;  /* store->retention_run when it was last looked at */
    struct log_survey survey;
    struct log_dir *planned_dir; /* without a folder: where it is to be; NULL: not chosen yet */
    struct log_dir *home_dir;    /* where its folder is looked for first; NULL: in none */
    bool may_be_away;            /* without a folder it may have one in a directory that cannot be used */
    bool away;                   /* so it is offline, and there is nothing to do for it */
    struct log_move *move;       /* to another directory; NULL: none */
    struct log_making *making;   /* of the folder, in the pool; NULL: none */
};

static inline struct segment *log_active(const struct log *log)
{
    return log->segments_count > 0 ? log->segments[log->segments_count - 1] : NULL;
}

/* Have the log ready: load it if need be. 0 or a negative storage_error. */
int log_ready(struct log *log, struct storage_fault *fault) WARN_UNUSED;
/* The number of the last segment whose base offset is at or below `offset`; -1: none. */
int32_t log_segment_at(const struct log *log, int64_t offset);
/* Add a segment behind all others; takes over the reference. */
void log_add_segment(struct log *log, struct segment *segment);
/* PATH of the folder + "/" + name. */
void log_path(const struct log *log, const char *name, char path[STORAGE_PATH_MAX]);
/* Make the folder in the least used directory, with partition.metadata. */
int log_make_folder(struct log *log, struct storage_fault *fault) WARN_UNUSED;
/* log.c, for log_gather.c. Is this batch, whose base offset is set, to begin a new segment, when batches of so many
 * bytes are to be written before it? */
bool log_must_roll(const struct log *log, const struct record_batch *batch, int64_t now_ms, int32_t batches,
                   int64_t bytes);
/* Tell a batch that is checked its base offset, and the leader epoch. */
void log_set_offsets(struct log_append *append, int64_t base_offset);
/* Ask the producer state, and write one batch that is checked otherwise. */
int log_append_checked(struct log *log, struct log_append *append, struct storage_fault *fault) WARN_UNUSED;
/* Write batches that are all checked, the log end being the base offset of the first; all are counted or, with a
 * negative storage_error, none. Of several none is the first of a segment or belongs to a transaction's end. */
int log_write(struct log *log, struct log_append *const *appends, int count, struct storage_fault *fault) WARN_UNUSED;
/* log_gather.c: leave the append to be written with others. False: it is to be written now, after those that wait. */
bool log_gather(struct log *log, struct log_append *append);

/* Start a segment at the log end and make it the active one; what was active is sealed. */
int log_roll(struct log *log, int64_t now_ms, struct storage_fault *fault) WARN_UNUSED;
/* log_start.c: the log begins at `offset`, if that is above its start; with it the leader epochs. */
int log_set_start(struct log *log, int64_t offset, struct storage_fault *fault) WARN_UNUSED;
/* Write small files of the folder, whose sync is left to log_flush.c: the producers' snapshot at the log end, unless it
 * is there; the leader epochs; the topic's id. 0 or a negative errno. */
int log_write_snapshot(struct log *log) WARN_UNUSED;
int log_write_epochs(struct log *log) WARN_UNUSED;
int log_write_partition_metadata(struct log *log) WARN_UNUSED;
/* The text of partition.metadata. */
#define PARTITION_METADATA_BYTES 64
void log_partition_metadata(const struct log *log, char text[PARTITION_METADATA_BYTES]);

/* log_make.c: the log is about to be freed: what is being made for it is put aside. */
void log_forget_making(struct log *log);
/* Is a folder of this name (TOPIC-PARTITION) being made? */
bool store_makes(const struct log_store *store, const char *name);

/* log_delete.c: is a folder of the log's name, where it has none itself, an earlier topic's that is deleted, or one
 * that the pool makes? Then nobody else makes one. */
bool log_folder_is_anothers(const struct log *log);
/* Forget those that were not carried out: their folders stay. */
void store_deletions_close(struct log_store *store);

/* Is this negative errno one of a resource that is used up for now? */
bool storage_used_up(int error);
/* A call failed. Says what in *fault (may be NULL), and returns STORAGE_NO_SPACE when a resource is used up for now,
 * else STORAGE_CORRUPT for -EBADMSG, else STORAGE_IO, and then the log is offline. */
int log_fail(struct log *log, struct storage_fault *fault, const char *operation, const char *path, int error);
/* The same for a file of a segment. */
int log_fail_file(struct log *log, struct storage_fault *fault, const char *operation, const struct cached_file *file,
                  int error);

/* The directories in the order in which the folder of a log is looked for, `number` from 0; NULL: it is away. */
struct log_dir *log_dir_to_look_in(const struct log *log, int number);
/* Look where the folder of an unloaded log is: dir and folder, NULL when there is none. 0 or a negative storage_error.
 */
int log_find_folder(struct log *log, struct storage_fault *fault) WARN_UNUSED;
/* Have a survey of an unloaded log. */
const struct log_survey *log_surveyed(struct log *log);
/* Release all that loading built: as if it had never been loaded. */
void log_unload(struct log *log);
void log_free(struct log *log);

/* log_producers.c: as producer_states_check(), with all that the log knows; or STORAGE_IO. */
int log_check_producer(struct log *log, const struct record_batch *batch, const struct sequence_bound *bound,
                       struct producer_batch *duplicate, struct storage_fault *fault) WARN_UNUSED;

/* log_read.c: where reading a ready log at `offset` begins: *segment_number and *position of the first batch that ends
 * at or behind it. *segment_number is segments_count when there is none. Returns 0, STORAGE_IO or STORAGE_OFFLINE. */
int log_find_start(struct log *log, int64_t offset, int32_t *segment_number, int64_t *position,
                   struct storage_fault *fault) WARN_UNUSED;

/* log_txn.c: the first offset of a ready log that a reader of this isolation may not see. */
int64_t log_bound(const struct log *log, enum isolation isolation);
/* log_txn.c: enter an aborted transaction, whose marker is about to be appended to `segment` or was found in it, into
 * the segment's index. 0 or a negative errno, and then the index is as before. */
int log_index_aborted(struct log *log, struct segment *segment, const struct completed_txn *txn) WARN_UNUSED;
/* Call `each` with the aborted transactions that have records or their marker in [start_offset, end_offset) of a ready
 * log, by offset of their markers, until it returns false. Returns 0, STORAGE_CANCELED after a false, STORAGE_IO, or
 * STORAGE_CORRUPT. */
int log_find_aborted(struct log *log, int64_t start_offset, int64_t end_offset,
                     bool (*each)(void *context, const struct aborted_txn *txn), void *context,
                     struct storage_fault *fault) WARN_UNUSED;

/* log_flush.c: sync in the pool what was appended so far; when a sync is under way, after it. */
void log_sync_soon(struct log *log);
/* Sync what was appended so far, waiting; `closing`: all of the log's files. */
int log_sync_now(struct log *log, bool closing, struct storage_fault *fault) WARN_UNUSED;
/* The log is about to be freed: those who wait for a sync are answered STORAGE_CANCELED when the pool is done. */
void log_forget_sync(struct log *log);

/* ---- the store ------------------------------------------------------------------------------------------------- */

enum checkpoint_kind {
    CHECKPOINT_RECOVERY_POINT,
    CHECKPOINT_HIGH_WATERMARK,
    CHECKPOINT_LOG_START,
    CHECKPOINT_CLEANER,
    CHECKPOINT_KINDS
};

/* One line of a checkpoint that was read at the start and whose log was not loaded since. */
struct checkpoint_entry {
    const char *topic; /* in checkpoint_table.text */
    int32_t partition;
    bool taken; /* a loaded log knows better */
    int64_t offset;
};

struct checkpoint_table {
    char *text;                       /* of the file, cut into names */
    struct checkpoint_entry *entries; /* ascending by topic, partition */
    int32_t count;
};

/* Writes one checkpoint of one directory in the pool. */
struct checkpoint_job {
    struct job job;
    struct file_io *io;
    char path[STORAGE_PATH_MAX];
    struct checkpoint_text text;
    bool sync;
    bool busy;    /* in the pool */
    bool changed; /* something to write since the last time */
    int error;
    struct log_store *store;
    int64_t due_ms;
};

/* Appends that are to be written together; see log_gather.c. */
struct gathered {
    struct log *log;
    struct log_append *appends[FILE_PARTS_MAX];
    int count; /* 0: none */
    int64_t size_bytes;
};

/* One of log.dirs. */
struct log_dir {
    const char *path;
    int32_t partitions; /* in it: folders of logs, copies of logs, and those that are to be made */
    bool names_reused;  /* the next new folder may have the name of one that was deleted: see log_make_folder() */
    bool offline;       /* no folder can be made in it: new logs go elsewhere until a restart */
    bool away;          /* offline from the start: what is in it is not known, and is not touched */
    struct checkpoint_table tables[CHECKPOINT_KINDS];
    struct checkpoint_job jobs[CHECKPOINT_KINDS];
};

/* Which log is compacted; see cleaner.c. */
struct cleaner {
    struct cleaning *cleaning; /* NULL: none */
    int64_t due_ms;            /* when it goes on, or the next log is looked for */
};

struct log_store {
    struct log_store_options options;
    struct file_cache cache;
    struct log_dir *dirs;
    int dirs_count;       /* options.directories_count, and one more if options.metadata_directory is none of those */
    struct list logs;     /* log.link */
    struct list removals; /* removal.link: folders and files on their way out */
    bool stopped;         /* log_store_stop() was called */
    struct list moves;    /* log_move.link */
    struct list futures;  /* copies that an earlier run began */
    struct list wishes;   /* directories for partitions that do not exist */
    int32_t wishes_count;
    uint64_t moves_begun;
    struct record_walk walk;
    bool has_turns;           /* appends may not wait for anything: see log_store_begin_turn() */
    size_t work_bytes;        /* that this turn's appends may still decompress */
    struct gathered gathered; /* nothing, between what may append */
    struct list makings;      /* log_making.link */
    struct list deletions;    /* log_deletion.link: by rising number */
    int64_t deletions_count;  /* all that there were */
    int64_t now_ms;           /* of the last tick or append */
    int64_t flush_due_ms;     /* the earliest flush.ms of a log with unflushed data */
    int64_t expire_due_ms;    /* when producers are looked through */
    int64_t retention_run;    /* number of the current or last round over all logs */
    int64_t retention_due_ms; /* when the next round, or the next part of this one, begins */
    struct cleaner cleaner;
    int64_t next_ms; /* when the next tick has something to do */
};

/* Free the store and its logs and touch no file any more. */
void log_store_free(struct log_store *store);
/* Tell options.report; `format` makes the details. */
void store_report(const struct log_store *store, int level, const char *sentence, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* The offset of `log` in a checkpoint of `dir` that was read at the start, -1 when it is not there. */
int64_t store_checkpointed(const struct log *log, const struct log_dir *dir, enum checkpoint_kind kind);
/* `log` was loaded (or goes): from now on what it says is written, not what was read at the start. */
void store_take_checkpoints(struct log *log);
/* `log` grew: its flush.ms runs, and the checkpoints of its directory are due. */
void store_log_appended(struct log *log, int64_t now_ms);
/* Something in `dir` changed that this checkpoint holds. */
void store_checkpoint_changed(struct log_dir *dir, enum checkpoint_kind kind);
/* The same, and it is worth telling before the interval has passed. */
void store_checkpoint_soon(struct log_store *store, struct log_dir *dir, enum checkpoint_kind kind);

/* store_checkpoints.c: read those of a directory; write those that are due, in the pool (returns when the next ones
 * are); write all, waiting; free. */
void store_checkpoints_open(struct log_store *store, struct log_dir *dir);
int64_t store_checkpoints_tick(struct log_store *store, int64_t now_ms);
int store_checkpoints_write(struct log_store *store, struct storage_fault *fault) WARN_UNUSED;
void store_checkpoints_close(struct log_dir *dir);

/* Let no line of a log that was deleted be found by a new one of its name, whatever happens from here on. 0 or a
 * negative errno. */
int store_forget_checkpoints(struct log_store *store, struct log_dir *dir) WARN_UNUSED;
/* Write those of recovery points, log starts and the cleaner of `dir` with the next tick. */
void store_checkpoints_soon(struct log_store *store, struct log_dir *dir);

/* log_dirs.c: the directory that a log without a folder will get, chosen if need be; plan another (NULL: none). */
struct log_dir *log_planned_dir(struct log *log);
void log_plan_dir(struct log *log, struct log_dir *dir);
/* A call on `dir` itself failed. True when it is offline now, and another directory can be used; false when it is the
 * last one, or something is used up that may be there again later. */
bool store_dir_failed(struct log_store *store, struct log_dir *dir, const char *operation, int error);
/* The log is in log->dir, if it is anywhere: tell options.log_placed. */
void log_tell_place(const struct log *log);
/* A log was made: if somebody wished for its directory, that one it is. */
void store_grant_wish(struct log *log);
void store_forget_wishes(struct log_store *store);

/* log_move.c: stop moving the log. */
void log_cancel_move(struct log *log);
/* log_futures.c: a folder of a copy was there at the start; begin those moves again; forget what was not begun. */
void store_note_future(struct log_store *store, struct log_dir *dir, const char *name);
void store_begin_futures(struct log_store *store);
void store_forget_futures(struct log_store *store);
/* Begin again what an earlier run left; go on with moves that wait. Returns when the next one does. */
int64_t store_moves_tick(struct log_store *store, int64_t now_ms);
/* The store closes: what is copied so far stays for the next start. */
void store_forget_moves(struct log_store *store);

/* Rename a folder within `dir`. 0 or a negative errno. */
int folder_put_aside(struct folder *folder, struct log_dir *dir, const char *name) WARN_UNUSED;

/* removal.c: remove a folder with its files, in the pool and not before `due_ms`. Takes over the reference, and waits
 * until no other is left. */
void store_remove_folder(struct log_store *store, struct folder *folder, int64_t due_ms);
/* The same for a segment, whose files go by the name of .deleted. */
void store_remove_segment(struct log_store *store, struct segment *segment, int64_t due_ms);
/* Remove a file that nobody reads and whose staying does no harm. It is gone before its folder is renamed, and so
 * before another one gets that name: all of these are jobs of a kind that run one after the other. */
void store_remove_file(struct log_store *store, const char *path);
/* Start the removals that are due. Returns when the next one is, INT64_MAX without any. */
int64_t store_removals_tick(struct log_store *store, int64_t now_ms);
/* The clock was set back: what is due is due so much earlier. */
void store_removals_move_back(struct log_store *store, int64_t by_ms);
void store_checkpoints_move_back(struct log_store *store, int64_t by_ms);
/* Forget those that are not due: the next start finds them by their names. */
void store_removals_close(struct log_store *store);

/* retention.c: when the interval has passed, look at some logs, and go on with others at the next tick. Returns when
 * that is. */
int64_t store_retention_tick(struct log_store *store, int64_t now_ms);
/* Delete the segments of a loaded log that its configuration does not keep, at most so many. Returns how many, or a
 * negative storage_error. */
int log_apply_retention(struct log *log, int32_t segments_max, int64_t now_ms, struct storage_fault *fault) WARN_UNUSED;
/* A sync is done that retention may have waited for. */
void log_retention_synced(struct log *log);

/* cleaner.c: begin a compaction when one is due, or go on with one that waits. Returns when there is something to do
 * again, INT64_MAX while the pool works. */
int64_t store_cleaner_tick(struct log_store *store, int64_t now_ms);
void store_cleaner_move_back(struct log_store *store, int64_t by_ms);
/* Call the tick at `at_ms`. */
void store_cleaner_wake(struct log_store *store, int64_t at_ms);
/* No job of the pool is left: end what is under way; or only free it. */
void store_cleaner_close(struct log_store *store);
void store_cleaner_free(struct log_store *store);
/* Is the log being compacted? Then no segment may be taken out of it. */
bool log_is_cleaned(const struct log *log);
/* The log is about to be freed. */
void log_forget_cleaning(struct log *log);

/* ---- names ----------------------------------------------------------------------------------------------------- */

struct file_name {
    int64_t base_offset;
    enum file_kind kind;
    enum file_suffix suffix;
};

/* Read a name such as 00000000000000000042.timeindex.deleted. False when it is none. */
bool file_name_parse(const char *name, struct file_name *result);

enum folder_kind { FOLDER_OTHER, FOLDER_PARTITION, FOLDER_DELETE, FOLDER_STRAY, FOLDER_FUTURE };
/* What a name in a data folder stands for. */
enum folder_kind folder_name_kind(const char *name);
/* TOPIC-PARTITION.<32 hex of the id>SUFFIX, the topic cut so that it fits 255 bytes. */
void folder_name_aside(const char *topic, int32_t partition, struct kp_uuid id, const char *suffix, char name[256]);

#endif
