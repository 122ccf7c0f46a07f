/* The compaction of one log, from the choice to the last renamed file. See cleaning.c for its course, cleaning_work.c
 * for what the pool does of it, cleaning_swap.c for how the result takes its place, cleaner.c for which log is next. */
#ifndef DOHLE_STORAGE_CLEANING_H
#define DOHLE_STORAGE_CLEANING_H

#include "../protocol/record_filter.h"
#include "cleaned_transactions.h"
#include "log_internal.h"
#include "offset_map.h"

#include <stdatomic.h>

/*     MAP -> COPY -> SEAL -> SYNC_SWAP -> RETIRE -> SYNC_RETIRED -> SYNC_NAMES
 *             ^                                                         |
 *             +--------------- next group of segments ------------------+--> over  */
enum cleaning_step {
    CLEANING_MAP,          /* pool: the dirty part's keys into the map */
    CLEANING_COPY,         /* pool: what stays of a group of segments into a .cleaned one */
    CLEANING_SEAL,         /* pool: its indexes trimmed, all of it synced */
    CLEANING_SYNC_SWAP,    /* pool: it is named .swap, the folder synced: from here on a crash finishes the swap */
    CLEANING_RETIRE,       /* owner: it serves reads; the old ones get .deleted, some in each turn */
    CLEANING_SYNC_RETIRED, /* pool: the folder synced, so that no old one can come back beside it */
    CLEANING_SYNC_NAMES,   /* pool: it has its real name: the folder synced */
};

/* What a producer wrote last: its batch outlives compaction, empty if need be. */
struct last_record {
    int64_t producer_id;
    int64_t last_offset; /* of its last data batch; -1: only a marker is known */
    int16_t epoch;
};

struct cleaning {
    struct job job;
    struct log_store *store;
    struct log *log; /* NULL: deleted meanwhile */
    enum cleaning_step step;
    bool busy;            /* in the pool */
    bool worked;          /* the step's job ran, and what it did was not looked at yet */
    atomic_bool canceled; /* the job is to end at the next batch */

    /* Decided at the start. */
    struct file_io *io;
    char folder_path[STORAGE_PATH_MAX];
    int64_t now_ms;
    int32_t index_interval_bytes;
    int32_t segment_bytes, segment_index_bytes; /* bounds of what is merged */
    size_t output_bytes_max;                    /* gathered before they are written */
    int64_t dirty_offset;                       /* the dirty part begins here */
    int64_t end_offset;                         /* and ends here, at the start of a segment */
    struct segment **sources;                   /* all that begin below that; a reference each, NULL once retired */
    int32_t sources_count;
    struct aborted_txn *aborted; /* of all of them, ascending by first offset */
    int32_t aborted_count, aborted_capacity;

    /* Where it is. The pool's while busy. */
    int32_t source;         /* number of the segment that is mapped or copied */
    struct segment *reader; /* the same one with a descriptor of its own, pinned */
    int64_t position;       /* of the next batch in it */
    int64_t slice_bytes;    /* how much a job may read */
    bool source_done;       /* all of it was read, or the map is full */
    bool map_full;

    /* The group that is copied: sources [group_first, group_end) become `cleaned`. */
    int64_t clean_offset; /* what the map covers ends here: up to it the log is clean when all is done */
    int32_t copied_count; /* of the sources that begin below it */
    int32_t group_first, group_end;
    int32_t retired;         /* of the group */
    struct segment *cleaned; /* its files are pinned until it is sealed */
    bool cleaned_pinned;
    bool swapped;        /* it is in the log */
    int64_t modified_ms; /* of the newest source; -1: unknown */
    int64_t high_watermark;
    struct last_record *last_records; /* ascending by producer id */
    int32_t last_records_count;
    int32_t *kept_aborted; /* places in `aborted`: their markers are in `cleaned` */
    int32_t kept_aborted_count, kept_aborted_capacity;

    /* The pool's tools. */
    struct offset_map map;
    struct cleaned_transactions transactions;
    struct record_filter filter;
    struct record_walk walk;
    bool discard; /* no record of the batch at hand stays */
    uint8_t *output;
    size_t output_bytes, output_capacity;
    int64_t written_offset; /* the last one in `cleaned`, -1 */

    /* What came of it. */
    int error;              /* negative errno; -EBADMSG with the next two when the log's content is the problem */
    const char *problem;    /* static text */
    int64_t problem_offset; /* base offset of the batch */
    int64_t moved_bytes;    /* read and written by the last job: what the throttle counts */
    int64_t bytes_read, bytes_written, records_read, records_kept, keyless_records;
};

/* Begin to clean a ready log from `dirty_offset` on to `end_offset`, where a segment begins: the store's one cleaning
 * until it is over. What fails is reported. */
void cleaning_start(struct log *log, int64_t dirty_offset, int64_t end_offset, int64_t now_ms);
/* A wait is over: begin the next job. Not while busy. */
void cleaning_go_on(struct cleaning *cleaning);
/* The store stops, or the log is about to be freed (and then is never looked at again). A job that runs ends soon. */
void cleaning_cancel(struct cleaning *cleaning, bool log_goes);
/* The store closes, no job is left: finish what a crash would finish, undo the rest. */
void cleaning_close(struct cleaning *cleaning);
/* Free it and touch no file. */
void cleaning_free(struct cleaning *cleaning);

/* ---- cleaning_work.c: on a thread of the pool ---------------------------------------------------------------------- */

void cleaning_work(struct job *job);
/* Of record_filter.h: does this record of the batch at hand stay? */
bool cleaning_keeps(void *context, const struct record_batch *batch, const struct record *record);
void cleaning_release_tools(struct cleaning *cleaning);

/* ---- cleaning_swap.c: by the owner --------------------------------------------------------------------------------- */

/* Make the files that the group is copied into, and pin them. All here return 0 or a negative errno. */
int cleaning_create_output(struct cleaning *cleaning) WARN_UNUSED;
/* Write its transaction index. */
int cleaning_index_aborted(struct cleaning *cleaning) WARN_UNUSED;
/* Name it .swap. */
int cleaning_name_swap(struct cleaning *cleaning) WARN_UNUSED;
/* Let it serve reads in place of the group. */
void cleaning_swap(struct cleaning *cleaning);
/* Name some of the old segments .deleted. *more: not all are yet. */
int cleaning_retire_some(struct cleaning *cleaning, bool *more) WARN_UNUSED;
/* Give it its real name. */
int cleaning_name_plain(struct cleaning *cleaning) WARN_UNUSED;
/* Remove the files of one that is not in the log. */
void cleaning_discard_output(struct cleaning *cleaning);
void cleaning_release_output(struct cleaning *cleaning);

#endif
