/* Moving a log to another of log.dirs, while it is read and appended to (KIP-113).
 *
 *     DIR_A/t-0                            the log
 *     DIR_B/t-0.<32 hex>-future            its copy, which grows in the pool, a piece at a time
 *
 *     copying ---- all but the newest megabyte is copied ----> swap ----> DIR_B/t-0 is the log,
 *        |  ^                                    |                        DIR_A/t-0.<32 hex>-delete goes
 *        +--+ a piece is copied and synced       +-- a sync of the log is under way: a little later
 *
 * Segments are copied from the oldest on, whole batches at a time, with their indexes once they are sealed. A segment
 * that retention deletes meanwhile goes from the copy as well. A compaction that is under way ends before, and none
 * begins. When the copy comes close to the end of a large segment, the log is rolled, so that what the swap has to copy
 * by itself, between two turns of the loop, is small.
 *
 * The swap: (1) the rest is copied, and synced if the log's own was; (2) the future folder gets the plain name, which
 * is synced; (3) the old folder gets the name of a deleted one, which is synced; (4) the log's segments are those of
 * the copy. A crash before (2) leaves the old folder and one that is called future: the next start begins the move
 * anew, as Kafka's goes on. A crash between (2) and (3) leaves two folders that hold the same, since nothing is
 * appended between them: the first that is found is the log, the other is put aside. Slices of the old segments stay
 * readable, as with any deletion.
 *
 * When a call fails the copy is given up and reported; the log stays where it is. */
#include "log_internal.h"

#include <errno.h>
#include <string.h>

#define PIECE_BYTES   (4 * 1024 * 1024) /* what one job copies and syncs */
#define TAIL_BYTES    (1024 * 1024)     /* what the swap may have to copy */
#define TAIL_ROLLS    8                 /* after so many rolls the tail may be twice as large */
#define RETRY_MS      10                /* while a sync or a compaction of the log is under way */
#define BUFFER_BYTES  (256 * 1024)
#define FUTURE_SUFFIX "-future"

/* A segment of which a part or all is in the copy. */
struct moved_segment {
    struct segment *segment; /* a reference */
    int64_t copied_bytes;
    bool complete; /* it was sealed, and its indexes are copied too */
};

struct log_move {
    struct list link; /* store->moves */
    struct job job;
    struct log_store *store;
    struct log *log; /* NULL: given up */
    struct log_dir *dir;
    struct folder *folder; /* the future one */
    struct moved_segment *segments;
    int32_t count, capacity;
    char name[256];     /* a folder's, for what is to be removed */
    int64_t end_offset; /* of the copy */
    int64_t size_bytes; /* of the copy's .log files */
    int32_t rolls;
    bool made;        /* the future folder is there */
    bool busy;        /* a job is in the pool */
    int64_t retry_ms; /* INT64_MAX: it does not wait for time */

    /* what the job does, and all that it touches */
    struct file_io *io;
    bool sync;                                         /* what is written */
    char from[STORAGE_PATH_MAX], to[STORAGE_PATH_MAX]; /* of the folders */
    struct log_slice piece;                            /* pinned; without segment: none */
    int64_t piece_end_offset;
    int64_t base_offset; /* of the segment at hand */
    bool completes;      /* then its indexes are copied as well */
    int64_t *gone;       /* base offsets of segments to be removed from the copy */
    int32_t gone_count;
    const char *operation; /* that failed, */
    int error;             /* and its negative errno */
};

/* ---- copying, on any thread ------------------------------------------------------------------------------------ */

/* Have what `read` gives at `position` and behind in the file `path`; with move->sync also on the disk. */
static int write_file(struct log_move *move, const char *path, int64_t position, int64_t size,
                      int (*read)(void *from, int64_t at, void *bytes, size_t size), void *from)
{
    struct file *file;
    int error = move->io->open(move->io, path, FILE_WRITE | FILE_CREATE | (position == 0 ? FILE_TRUNCATE : 0), &file);
    if (error < 0)
        return error;
    uint8_t *buffer = xmalloc(BUFFER_BYTES);
    for (int64_t at = 0; error == 0 && at < size;) {
        size_t part = size - at < BUFFER_BYTES ? (size_t)(size - at) : BUFFER_BYTES;
        error = read(from, at, buffer, part);
        if (error == 0)
            error = file_write_all(move->io, file, buffer, part, position + at);
        at += (int64_t)part;
    }
    free(buffer);
    if (error == 0 && move->sync)
        error = move->io->sync(move->io, file);
    move->io->close(move->io, file);
    return error;
}

static int read_slice(void *from, int64_t at, void *bytes, size_t size)
{
    return log_slice_read(from, (int32_t)at, bytes, size);
}

struct source {
    struct file_io *io;
    struct file *file;
};

static int read_source(void *from, int64_t at, void *bytes, size_t size)
{
    const struct source *source = from;
    return file_read_all(source->io, source->file, bytes, size, at);
}

/* Copy a small file of the segment at hand; one that is not there is not copied either. */
static int copy_file(struct log_move *move, enum file_kind kind)
{
    const struct folder from_folder = {.path = move->from}, to_folder = {.path = move->to};
    char from[STORAGE_PATH_MAX], to[STORAGE_PATH_MAX];
    if (!folder_file_path(&from_folder, move->base_offset, kind, SUFFIX_NONE, from) ||
        !folder_file_path(&to_folder, move->base_offset, kind, SUFFIX_NONE, to))
        return -ENAMETOOLONG;
    struct source source = {.io = move->io};
    int error = move->io->open(move->io, from, FILE_READ, &source.file);
    if (error < 0)
        return error == -ENOENT ? 0 : error;
    int64_t size = move->io->size(move->io, source.file);
    error = size < 0 ? (int)size : write_file(move, to, 0, size, read_source, &source);
    move->io->close(move->io, source.file);
    return error;
}

static int copy_indexes(struct log_move *move)
{
    static const enum file_kind kinds[] = {FILE_OFFSET_INDEX, FILE_TIME_INDEX, FILE_TXN_INDEX};
    int error = 0;
    for (size_t i = 0; error == 0 && i < COUNT_OF(kinds); i++)
        error = copy_file(move, kinds[i]);
    return error;
}

static int copy_piece(struct log_move *move)
{
    const struct folder to_folder = {.path = move->to};
    char to[STORAGE_PATH_MAX];
    if (!folder_file_path(&to_folder, move->base_offset, FILE_LOG, SUFFIX_NONE, to))
        return -ENAMETOOLONG;
    int error = write_file(move, to, move->piece.position, move->piece.size_bytes, read_slice, &move->piece);
    if (error == 0 && move->piece.position == 0)
        error = copy_file(move, FILE_SNAPSHOT);
    return error;
}

static int remove_gone(struct log_move *move)
{
    const struct folder folder = {.path = move->to};
    for (; move->gone_count > 0; move->gone_count--) {
        for (int kind = 0; kind < FILE_KINDS; kind++) {
            char path[STORAGE_PATH_MAX];
            if (!folder_file_path(&folder, move->gone[move->gone_count - 1], (enum file_kind)kind, SUFFIX_NONE, path))
                return -ENAMETOOLONG;
            int error = move->io->unlink(move->io, path);
            if (error < 0 && error != -ENOENT)
                return error;
        }
    }
    return 0;
}

static void move_work(struct job *job)
{
    struct log_move *move = CONTAINER_OF(job, struct log_move, job);
    move->operation = "mkdir";
    int error = move->made ? 0 : move->io->mkdir(move->io, move->to);
    move->made = error == 0;
    if (error == 0) {
        move->operation = "unlink";
        error = remove_gone(move);
    }
    if (error == 0 && move->piece.segment != NULL) {
        move->operation = "copy";
        error = copy_piece(move);
    }
    if (error == 0 && move->completes) {
        move->operation = "copy index";
        error = copy_indexes(move);
    }
    if (error == 0 && move->sync && (move->completes || move->piece.position == 0)) {
        move->operation = "sync";
        error = move->io->sync_directory(move->io, move->to);
    }
    move->error = error;
}

/* ---- the life of a move ---------------------------------------------------------------------------------------- */

static void release_segments(struct log_move *move)
{
    for (int32_t i = 0; i < move->count; i++)
        segment_unref(move->segments[i].segment);
    move->count = 0;
}

static void move_free(struct log_move *move)
{
    ASSERT(!move->busy);
    if (move->log != NULL)
        move->log->move = NULL;
    release_segments(move);
    folder_unref(move->folder);
    list_remove(&move->link);
    free(move->segments);
    free(move->gone);
    free(move);
}

/* Give up; what was copied is removed, as soon as no job writes to it any more. */
static void give_up(struct log_move *move)
{
    if (move->log != NULL) {
        move->dir->partitions--;
        move->log->move = NULL;
        move->log = NULL;
    }
    if (move->busy)
        return;
    if (move->made) {
        int error = folder_put_aside(move->folder, move->dir, move->name);
        if (error < 0)
            store_report(move->store, 1, "A copy that was given up keeps its name: the next start would go on with it",
                         "path=%s error=%s", move->folder->path, strerror(-error));
        store_remove_folder(move->store, folder_ref(move->folder), move->store->now_ms);
    }
    move_free(move);
}

static void fail(struct log_move *move, const char *operation, int error)
{
    store_report(move->store, 1, "A log could not be moved and stays where it is",
                 "topic=%s partition=%d to=%s operation=\"%s\" error=%s", move->log->topic, (int)move->log->partition,
                 move->dir->path, operation, strerror(-error));
    give_up(move);
}

void log_cancel_move(struct log *log)
{
    if (log->move != NULL)
        give_up(log->move);
}

/* ---- what is to be copied next --------------------------------------------------------------------------------- */

static void note_gone(struct log_move *move, int64_t base_offset)
{
    move->gone = xrealloc(move->gone, ((size_t)move->gone_count + 1) * sizeof *move->gone);
    move->gone[move->gone_count++] = base_offset;
}

/* Let go of what retention took from the log. False when what was copied is no longer what the log consists of. */
static bool follow_log(struct log_move *move)
{
    const struct log *log = move->log;
    int32_t first = 0;
    while (first < move->count &&
           (log->segments_count == 0 || move->segments[first].segment->base_offset < log->segments[0]->base_offset)) {
        note_gone(move, move->segments[first].segment->base_offset);
        move->size_bytes -= move->segments[first].copied_bytes;
        segment_unref(move->segments[first++].segment);
    }
    move->count -= first;
    if (first > 0)
        memmove(move->segments, move->segments + first, (size_t)move->count * sizeof *move->segments);
    if (move->count > log->segments_count)
        return false;
    for (int32_t i = 0; i < move->count; i++)
        if (move->segments[i].segment != log->segments[i])
            return false;
    return true;
}

/* The segment to go on with: the last of those begun, or the next. NULL: the log has none. */
static struct moved_segment *segment_at_hand(struct log_move *move)
{
    if (move->count > 0 && !move->segments[move->count - 1].complete)
        return &move->segments[move->count - 1];
    if (move->count == move->log->segments_count)
        return NULL;
    if (move->count == move->capacity) {
        move->capacity = move->capacity == 0 ? 4 : 2 * move->capacity;
        move->segments = xrealloc(move->segments, (size_t)move->capacity * sizeof *move->segments);
    }
    struct moved_segment *moved = &move->segments[move->count];
    *moved = (struct moved_segment){.segment = segment_ref(move->log->segments[move->count])};
    move->count++;
    return moved;
}

/* The offset of the batch at `position`, or of the one that will be. */
static int offset_at(struct log_move *move, const struct moved_segment *moved, int64_t position, int64_t *offset)
{
    const struct log *log = move->log;
    if (position == moved->segment->size_bytes) {
        *offset = move->count < log->segments_count ? log->segments[move->count]->base_offset : log->end_offset;
        return 0;
    }
    struct segment_scan scan;
    segment_scan_init(&scan, moved->segment, position, moved->segment->size_bytes, SCAN_HEADERS);
    int step = segment_scan_next(&scan);
    *offset = scan.batch.base_offset;
    return step < 0 ? step : 0;
}

/* The next piece of `moved`, of whole batches. 0 or a negative errno. */
static int take_piece(struct log_move *move, const struct moved_segment *moved)
{
    struct segment *segment = moved->segment;
    int64_t start = moved->copied_bytes, end = segment->size_bytes;
    if (end - start > PIECE_BYTES) {
        int32_t first_bytes;
        int error = segment_floor_boundary(segment, start, start + PIECE_BYTES, &end, &first_bytes);
        if (error < 0)
            return error;
        if (end == start)
            end += first_bytes;
    }
    int error = offset_at(move, moved, end, &move->piece_end_offset);
    if (error < 0)
        return error;
    move->piece =
        (struct log_slice){.segment = segment_ref(segment), .position = start, .size_bytes = (int32_t)(end - start)};
    int descriptor = log_slice_descriptor(&move->piece);
    if (descriptor < -1)
        log_slice_release(&move->piece);
    return descriptor < -1 ? descriptor : 0;
}

/* Are all index entries in the files, so that a copy of those has them? */
static bool indexes_written(struct segment *segment)
{
    segment_write_indexes(segment);
    return segment->offset_index.entries.waiting_count == 0 && segment->time_index.entries.waiting_count == 0;
}

static void move_done(struct job *job, bool canceled);

static void submit(struct log_move *move)
{
    move->job = (struct job){.kind = JOB_CLEANUP, .name = "move of a log", .work = move_work, .done = move_done};
    snprintf(move->from, sizeof move->from, "%s", move->log->folder->path);
    snprintf(move->to, sizeof move->to, "%s", move->folder->path);
    move->busy = true;
    move->store->options.executor->submit(move->store->options.executor, &move->job);
}

/* ---- the swap -------------------------------------------------------------------------------------------------- */

/* The small files that the copy does not have yet, written as the log writes its own. */
static int write_small_files(struct log *log, struct folder *folder)
{
    struct folder *own = log->folder;
    log->folder = folder;
    int error = log_write_partition_metadata(log);
    if (error == 0)
        error = log_write_epochs(log);
    log->snapshot_offset = -1;
    if (error == 0)
        error = log_write_snapshot(log);
    log->folder = own;
    return error;
}

/* (1): what is missing of the active segment, with its indexes, and the small files. */
static int copy_rest(struct log_move *move)
{
    struct log *log = move->log;
    struct segment *active = log_active(log);
    int error = 0;
    if (active != NULL) {
        ASSERT(segment_at_hand(move)->segment == active);
        if (!indexes_written(active))
            return -EIO;
        move->base_offset = active->base_offset;
        snprintf(move->from, sizeof move->from, "%s", log->folder->path);
        snprintf(move->to, sizeof move->to, "%s", move->folder->path);
        error = take_piece(move, &move->segments[move->count - 1]);
        if (error == 0) {
            error = copy_piece(move);
            log_slice_release(&move->piece);
        }
        if (error == 0)
            error = copy_indexes(move);
    }
    if (error == 0)
        error = write_small_files(log, move->folder);
    return error == 0 && move->sync ? move->io->sync_directory(move->io, move->folder->path) : error;
}

/* (2) and (3): the names. Once the copy has the plain one there is no way back. */
static int swap_names(struct log_move *move, struct log_dir *old_dir)
{
    struct log *log = move->log;
    char plain[STORAGE_PATH_MAX];
    int length = snprintf(plain, sizeof plain, "%s/%s-%d", move->dir->path, log->topic, (int)log->partition);
    if (length >= STORAGE_PATH_MAX)
        return -ENAMETOOLONG;
    int error = move->io->rename(move->io, move->folder->path, plain);
    if (error < 0)
        return error;
    free(move->folder->path);
    move->folder->path = xstrdup(plain);
    bool sync = log->store->options.sync;
    if (sync)
        error = move->io->sync_directory(move->io, move->dir->path);
    if (error == 0)
        error = folder_put_aside(log->folder, old_dir, move->name);
    if (error == 0 && sync)
        error = move->io->sync_directory(move->io, old_dir->path);
    if (error < 0)
        store_report(log->store, 1, "The folder that a log was moved from may still have its name", "path=%s error=%s",
                     log->folder->path, strerror(-error));
    return 0;
}

/* (4): from now on the log is what was copied. */
static void take_copy(struct log_move *move)
{
    struct log *log = move->log;
    for (int32_t i = 0; i < log->segments_count; i++) {
        struct segment *copy = segment_clone(log->segments[i], move->folder);
        segment_unref(log->segments[i]);
        log->segments[i] = copy;
    }
    store_take_checkpoints(log); /* there is no line of it in the old directory, */
    log->dir->partitions--;
    store_remove_folder(log->store, log->folder, log->store->now_ms + log->config->file_delete_delay_ms);
    log->dir = move->dir;
    log->folder = folder_ref(move->folder);
    store_take_checkpoints(log); /* and in the new one none from before */
    log->touched = true;
    log->epochs_unsynced = log->names_unsynced = log->folder_unsynced = true; /* partition.metadata */
    if (log->recovery_point < move->end_offset)
        log->recovery_point = move->end_offset;
    log->sealed_offset = log_active(log) != NULL ? log_active(log)->base_offset : 0;
    store_checkpoints_soon(log->store, log->dir);
}

static void swap(struct log_move *move)
{
    struct log *log = move->log;
    struct log_dir *old_dir = log->dir;
    int64_t snapshot_offset = log->snapshot_offset;
    /* What was synced in the old folder is to be so in the copy; the rest of it is synced soon, in the pool. */
    move->sync = log->store->options.sync && log->recovery_point > move->end_offset;
    int error = copy_rest(move);
    if (error == 0)
        error = swap_names(move, old_dir);
    if (error < 0) { /* the small files went to the copy, not to the log */
        log->snapshot_offset = snapshot_offset;
        log->epochs_unwritten = true;
        fail(move, "swap", error);
        return;
    }
    take_copy(move);
    log_tell_place(log);
    store_checkpoints_soon(log->store, old_dir);
    log_sync_soon(log);
    store_report(log->store, 0, "Moved a log", "topic=%s partition=%d from=%s to=%s", log->topic, (int)log->partition,
                 old_dir->path, log->dir->path);
    move_free(move);
}

/* ---- step by step ---------------------------------------------------------------------------------------------- */

static int64_t tail_bytes(const struct log_move *move)
{
    int32_t doubled = move->rolls / TAIL_ROLLS;
    return (int64_t)TAIL_BYTES << (doubled < 10 ? doubled : 10);
}

static int begin(struct log *log, struct log_dir *dir);

/* Look again a little later. */
static void wait(struct log_move *move)
{
    move->retry_ms = move->store->now_ms + RETRY_MS;
    if (move->retry_ms < move->store->next_ms)
        move->store->next_ms = move->retry_ms;
}

/* Copy on, or swap. */
static void go_on(struct log_move *move)
{
    struct log *log = move->log;
    if (log->state != LOG_READY) {
        give_up(move);
        return;
    }
    if (log->store->stopped) /* the next start begins it again */
        return;
    if (log_is_cleaned(log)) { /* files change their names; once that is over no compaction of it begins */
        wait(move);
        return;
    }
    if (!follow_log(move)) { /* what was copied is no longer what the log consists of */
        struct log_dir *dir = move->dir;
        give_up(move);
        (void)begin(log, dir);
        return;
    }
    struct moved_segment *moved = segment_at_hand(move);
    struct segment *active = log_active(log);
    int64_t left = moved == NULL ? 0 : moved->segment->size_bytes - moved->copied_bytes;
    bool close = move->made && move->gone_count == 0 &&
                 (moved == NULL || (moved->segment == active && left <= tail_bytes(move)));
    if (close && log->sync != NULL) {
        wait(move);
        return;
    }
    if (close && (active == NULL || active->size_bytes <= tail_bytes(move))) {
        swap(move);
        return;
    }
    struct storage_fault fault;
    if (close) {
        move->rolls++;
        if (log_roll(log, log->store->now_ms, &fault) < 0) {
            fail(move, "roll", -fault.error);
            return;
        }
    }
    move->base_offset = moved == NULL ? 0 : moved->segment->base_offset;
    bool begun = moved == NULL || moved->copied_bytes > 0; /* else it gets its file, also if there is nothing in it */
    int error = left > 0 || !begun ? take_piece(move, moved) : 0;
    if (error < 0) {
        fail(move, "read", error);
        return;
    }
    move->completes = moved != NULL && moved->segment != log_active(log) &&
                      moved->copied_bytes + move->piece.size_bytes == moved->segment->size_bytes;
    if (move->completes && !indexes_written(moved->segment)) {
        log_slice_release(&move->piece);
        fail(move, "write index", -EIO);
        return;
    }
    submit(move);
}

static void move_done(struct job *job, bool canceled)
{
    struct log_move *move = CONTAINER_OF(job, struct log_move, job);
    int32_t copied_bytes = move->piece.segment != NULL ? move->piece.size_bytes : 0;
    move->busy = false;
    if (move->piece.segment != NULL)
        log_slice_release(&move->piece);
    if (canceled) /* the store is about to be closed; the next start finds the future folder */
        return;
    if (move->log == NULL) {
        give_up(move);
        return;
    }
    if (move->error < 0) {
        if (follow_log(move) &&
            (move->count == 0 || move->segments[move->count - 1].segment->base_offset == move->base_offset)) {
            fail(move, move->operation, move->error);
            return;
        } /* else what it failed with is no longer of the log */
    } else if (move->count > 0) {
        struct moved_segment *moved = &move->segments[move->count - 1];
        moved->copied_bytes += copied_bytes;
        moved->complete = move->completes;
        move->size_bytes += copied_bytes;
        if (copied_bytes > 0)
            move->end_offset = move->piece_end_offset;
    }
    go_on(move);
}

/* An id that no folder of this topic has yet: it may be moved to and fro before the first copy is gone. */
static struct kp_uuid unique_id(struct log_store *store, struct kp_uuid topic_id)
{
    uint64_t salt = (uint64_t)store->now_ms << 16 ^ ++store->moves_begun;
    for (size_t i = 0; i < sizeof salt; i++)
        topic_id.bytes[i] ^= (uint8_t)(salt >> 8 * i);
    return topic_id;
}

static int begin(struct log *log, struct log_dir *dir)
{
    struct log_store *store = log->store;
    struct kp_uuid id = unique_id(store, log->topic_id);
    char name[256], path[STORAGE_PATH_MAX];
    folder_name_aside(log->topic, log->partition, id, FUTURE_SUFFIX, name);
    if (snprintf(path, sizeof path, "%s/%s", dir->path, name) >= STORAGE_PATH_MAX - 64)
        return STORAGE_IO;
    struct log_move *move = xmalloc(sizeof *move);
    *move = (struct log_move){
        .store = store,
        .log = log,
        .dir = dir,
        .folder = folder_new(&store->cache, path),
        .end_offset = log->segments_count > 0 ? log->segments[0]->base_offset : log->start_offset,
        .retry_ms = INT64_MAX,
        .io = store->options.files,
        .sync = store->options.sync,
    };
    folder_name_aside(log->topic, log->partition, id, "-delete", move->name);
    list_init(&move->link);
    list_append(&store->moves, &move->link);
    log->move = move;
    dir->partitions++;
    go_on(move);
    return 0;
}

int log_move(struct log *log, int directory, struct storage_fault *fault)
{
    struct log_dir *dir = &log->store->dirs[directory];
    if (log->move != NULL && log->move->dir == dir)
        return 0;
    if (dir->offline) {
        if (fault != NULL)
            *fault = (struct storage_fault){.operation = "move", .position = -1};
        return STORAGE_OFFLINE;
    }
    int error = log_ready(log, fault);
    if (error < 0)
        return error;
    log_cancel_move(log);
    if (log->dir == NULL)
        log_plan_dir(log, dir);
    else if (log->dir != dir)
        return begin(log, dir);
    return 0;
}

bool log_future_place(const struct log *log, struct log_place *place)
{
    const struct log_move *move = log->move;
    if (move == NULL)
        return false;
    *place = (struct log_place){.directory = (int)(move->dir - log->store->dirs),
                                .size_bytes = move->size_bytes,
                                .offset_lag = log->end_offset - move->end_offset};
    return true;
}

/* ---- for the store --------------------------------------------------------------------------------------------- */

void store_forget_moves(struct log_store *store)
{
    while (!list_empty(&store->moves))
        move_free(CONTAINER_OF(store->moves.next, struct log_move, link));
}

int64_t store_moves_tick(struct log_store *store, int64_t now_ms)
{
    store_begin_futures(store);
    int64_t next_ms = INT64_MAX;
    list_for_each (&store->moves, node) {
        struct log_move *move = CONTAINER_OF(node, struct log_move, link);
        if (now_ms >= move->retry_ms) {
            move->retry_ms = INT64_MAX;
            next_ms = now_ms + RETRY_MS; /* it may wait again, and may be gone */
            go_on(move);
        } else if (move->retry_ms < next_ms) {
            next_ms = move->retry_ms;
        }
    }
    return next_ms;
}
