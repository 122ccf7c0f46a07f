/* Loading of a log, as far as its files share it: log_load.c, log_recover.c, log_load_producers.c. */
#ifndef DOHLE_STORAGE_LOG_LOADING_H
#define DOHLE_STORAGE_LOG_LOADING_H

#include "log_internal.h"

struct loading {
    struct log *log;
    struct file_io *io;
    struct storage_fault *fault;
    bool clean;
    struct file_name *names; /* what the folder holds, of the names that count */
    int32_t names_count, names_capacity;
    bool has_metadata;     /* partition.metadata could be read */
    bool has_epochs;       /* and leader-epoch-checkpoint could be read */
    int64_t producers_end; /* log->producers are as of this offset; -1: there are none yet */
    int64_t cut_bytes, cut_segments;
    bool put_aside; /* something that was cut is kept in a file of its own */
};

/* As log_fail(), but all that makes no sense puts the log offline too: there is nothing to go on with. */
int loading_fail(struct loading *loading, const char *operation, const char *path, int error);
int loading_fail_file(struct loading *loading, const char *operation, const struct cached_file *file, int error);
void loading_path(const struct loading *loading, const struct file_name *name, char path[STORAGE_PATH_MAX]);

/* log_recover.c: have all segments with good indexes, and the log end. */
int loading_segments(struct loading *loading) WARN_UNUSED;

/* log_cut.c: the log ends with segment `number`, at `sound_bytes` of it; -1: it has no segment any more. Whole batches
 * behind that are put aside, and reported. */
int loading_cut_behind(struct loading *loading, int32_t number, int64_t sound_bytes) WARN_UNUSED;

/* log_load_producers.c: have the producers' state at the log end, and no snapshot that is of no use. */
int loading_producers(struct loading *loading) WARN_UNUSED;
/* Have the state just before `offset`, at or below which all segments are loaded. */
int loading_producers_at(struct loading *loading, int64_t offset) WARN_UNUSED;
/* Apply the batch at hand to the state; when it aborts a transaction and `index_aborted`, add that to the segment's
 * index. 0 or a negative errno. */
int loading_count_producer(struct loading *loading, const struct segment_scan *scan, bool index_aborted) WARN_UNUSED;

#endif
