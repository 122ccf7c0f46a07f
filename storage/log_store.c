/* The store: all logs of all data folders, and what is done for them as time passes.
 *
 *     log_store_open()     reads the checkpoints, finds what an earlier run left to be removed
 *       log_new() ...      a log costs a few hundred bytes until something needs its files
 *       log_store_tick()   checkpoints, flush.ms, expiry of producers, removals, retention
 *     log_store_close()    everything on the disk, and told in the checkpoints
 *
 * After a clean stop logs are loaded one by one when they are first needed; so a start takes the same time with ten
 * partitions or ten thousand. After an unclean one loading is recovery: the owner loads those whose recovery would take
 * long (log_recovery_bytes()) before it serves anybody; the others too are recovered when they are first needed, or by
 * the first round of retention, or at the stop (store_close.c). */
#include "log_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void store_report(const struct log_store *store, int level, const char *sentence, const char *format, ...)
{
    if (store->options.report == NULL)
        return;
    char detail[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    store->options.report(store->options.report_context, level, sentence, detail);
}

static void wake_at(struct log_store *store, int64_t at_ms)
{
    if (at_ms < store->next_ms)
        store->next_ms = at_ms;
}

/* ---- open ------------------------------------------------------------------------------------------------------ */

/* It is in the directory that was chosen for it, and so does not count where new logs are spread, as in Kafka. */
#define METADATA_FOLDER "__cluster_metadata-0"

struct listing {
    struct log_store *store;
    struct log_dir *dir;
};

/* Count the partitions of a data folder, and have removed what waits for it. */
static void note_folder(void *context, const char *name, bool is_directory)
{
    struct listing *listing = context;
    if (!is_directory)
        return;
    enum folder_kind kind = folder_name_kind(name);
    if (kind == FOLDER_PARTITION && strcmp(name, METADATA_FOLDER) != 0)
        listing->dir->partitions++;
    if (kind == FOLDER_FUTURE)
        store_note_future(listing->store, listing->dir, name);
    if (kind != FOLDER_DELETE)
        return;
    char path[STORAGE_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", listing->dir->path, name) < STORAGE_PATH_MAX)
        store_remove_folder(listing->store, folder_new(&listing->store->cache, path), listing->store->now_ms);
}

void log_store_free(struct log_store *store)
{
    store_forget_moves(store);
    store_forget_futures(store);
    store_forget_wishes(store);
    store_cleaner_free(store);
    while (!list_empty(&store->logs))
        log_free(CONTAINER_OF(store->logs.next, struct log, link));
    store_deletions_close(store);
    store_removals_close(store);
    for (int i = 0; i < store->dirs_count; i++)
        store_checkpoints_close(&store->dirs[i]);
    ASSERT(store->cache.open_count == 0); /* slices are released before the store is closed */
    record_walk_release(&store->walk);
    free(store->dirs);
    free(store);
}

static bool is_metadata_dir(const struct log_store_options *options, const char *path)
{
    return options->metadata_directory != NULL && strcmp(path, options->metadata_directory) == 0;
}

/* How many directories the store has: those that logs are spread over, and perhaps one more for the metadata log. */
static int count_dirs(const struct log_store_options *options)
{
    for (int i = 0; i < options->directories_count; i++)
        if (is_metadata_dir(options, options->directories[i]))
            return options->directories_count;
    return options->directories_count + (options->metadata_directory != NULL);
}

int log_store_open(struct log_store **result, const struct log_store_options *options, struct storage_fault *fault)
{
    ASSERT(options->directories_count > 0);
    struct log_store *store = xmalloc(sizeof *store);
    int dirs_count = count_dirs(options);
    *store = (struct log_store){
        .options = *options,
        .dirs = xcalloc((size_t)dirs_count, sizeof *store->dirs),
        .dirs_count = dirs_count,
        .work_bytes = SIZE_MAX,
        .now_ms = options->now_ms,
        .flush_due_ms = INT64_MAX,
        .expire_due_ms = options->now_ms + options->producer_check_interval_ms,
        .retention_due_ms = options->now_ms + (options->clean ? options->initial_task_delay_ms : 0),
        .cleaner.due_ms = options->now_ms + options->cleaner->backoff_ms,
        .next_ms = options->now_ms,
    };
    list_init(&store->logs);
    list_init(&store->removals);
    list_init(&store->makings);
    list_init(&store->deletions);
    list_init(&store->moves);
    list_init(&store->futures);
    list_init(&store->wishes);
    file_cache_init(&store->cache, options->files, options->open_files_max);
    record_walk_init(&store->walk);
    for (int i = 0; i < store->dirs_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        bool spread = i < options->directories_count;
        dir->path = spread ? options->directories[i] : options->metadata_directory;
        dir->offline = dir->away = spread && options->directories_offline != NULL && options->directories_offline[i];
        store_checkpoints_open(store, dir);
        if (dir->away)
            continue;
        struct listing listing = {store, dir};
        int error = options->files->list(options->files, dir->path, note_folder, &listing);
        dir->away = error < 0 && !is_metadata_dir(options, dir->path) && store_dir_failed(store, dir, "list", error);
        if (error < 0 && !dir->away) {
            if (fault != NULL) {
                *fault = (struct storage_fault){.operation = "list", .error = -error, .position = -1};
                snprintf(fault->path, sizeof fault->path, "%s", dir->path);
            }
            log_store_free(store);
            *result = NULL;
            return STORAGE_IO;
        }
    }
    *result = store;
    return 0;
}

/* ---- as time passes -------------------------------------------------------------------------------------------- */

/* A time that is further back than this is a clock that was set; less is the age of a request's own time. */
#define CLOCK_SET_BACK_MS 1000

/* What was due stays as far away as it was. */
static void move_back(struct log_store *store, int64_t by_ms)
{
    int64_t *const dues[] = {&store->expire_due_ms, &store->retention_due_ms};
    for (size_t i = 0; i < COUNT_OF(dues); i++)
        *dues[i] -= by_ms;
    list_for_each (&store->logs, node)
        CONTAINER_OF(node, struct log, link)->last_flush_ms -= by_ms;
    store_removals_move_back(store, by_ms);
    store_checkpoints_move_back(store, by_ms);
    store_cleaner_move_back(store, by_ms);
    store->flush_due_ms = store->next_ms = store->now_ms - by_ms; /* to be found anew */
}

/* Times that are due are of the wall clock, and a person may set it. Ahead: all that is due is done early, once. Back:
 * all waits on, but no longer than it would have. */
static void see_time(struct log_store *store, int64_t now_ms)
{
    if (now_ms < store->now_ms - CLOCK_SET_BACK_MS) {
        move_back(store, store->now_ms - now_ms);
        store->now_ms = now_ms;
    } else if (now_ms > store->now_ms) {
        store->now_ms = now_ms;
    }
}

/* When flush.ms asks for a sync of a log with unflushed data. */
static int64_t flush_due_ms(const struct log *log)
{
    int64_t flush_ms = log->config->flush_ms;
    return flush_ms >= INT64_MAX - log->last_flush_ms ? INT64_MAX : log->last_flush_ms + flush_ms;
}

void store_log_appended(struct log *log, int64_t now_ms)
{
    struct log_store *store = log->store;
    see_time(store, now_ms);
    store_checkpoint_changed(log->dir, CHECKPOINT_HIGH_WATERMARK);
    if (!store->options.sync)
        return;
    int64_t due_ms = flush_due_ms(log);
    if (due_ms < store->flush_due_ms) {
        store->flush_due_ms = due_ms;
        wake_at(store, due_ms);
    }
}

static void flush_what_is_due(struct log_store *store, int64_t now_ms)
{
    if (now_ms < store->flush_due_ms)
        return;
    store->flush_due_ms = INT64_MAX;
    list_for_each (&store->logs, node) {
        struct log *log = CONTAINER_OF(node, struct log, link);
        if (log->state != LOG_READY || log->recovery_point == log->end_offset)
            continue;
        int64_t due_ms = flush_due_ms(log);
        if (now_ms >= due_ms) {
            log->last_flush_ms = now_ms; /* what is appended from now on has its own time */
            log_sync_soon(log);
            due_ms = flush_due_ms(log);
        }
        if (due_ms < store->flush_due_ms)
            store->flush_due_ms = due_ms;
    }
}

static void expire_producers(struct log_store *store, int64_t now_ms)
{
    if (now_ms < store->expire_due_ms)
        return;
    store->expire_due_ms = now_ms + store->options.producer_check_interval_ms;
    list_for_each (&store->logs, node) {
        struct log *log = CONTAINER_OF(node, struct log, link);
        producer_states_expire(&log->producers, now_ms, *store->options.producer_expiration_ms);
    }
}

int64_t log_store_tick(struct log_store *store, int64_t now_ms)
{
    struct turn *turn = store->options.turn;
    see_time(store, now_ms);
    flush_what_is_due(store, now_ms);
    turn_did(turn, "flush.ms");
    expire_producers(store, now_ms);
    turn_did(turn, "expiry of producers");
    store->next_ms = INT64_MAX;
    wake_at(store, store_moves_tick(store, now_ms));
    turn_did(turn, "moves of logs");
    wake_at(store, store_removals_tick(store, now_ms));
    turn_did(turn, "removals");
    wake_at(store, store_checkpoints_tick(store, now_ms));
    turn_did(turn, "checkpoints");
    wake_at(store, store_retention_tick(store, now_ms));
    turn_did(turn, "retention");
    wake_at(store, store_cleaner_tick(store, now_ms));
    turn_did(turn, "the cleaner");
    wake_at(store, store->flush_due_ms);
    wake_at(store, store->expire_due_ms);
    return store->next_ms;
}

int64_t log_store_next_ms(const struct log_store *store)
{
    return store->next_ms;
}

void log_store_begin_turn(struct log_store *store, size_t work_bytes)
{
    ASSERT(!log_store_waits(store));
    store->has_turns = true;
    store->work_bytes = work_bytes;
}

/* ---- deletion -------------------------------------------------------------------------------------------------- */

int folder_put_aside(struct folder *folder, struct log_dir *dir, const char *name)
{
    char path[STORAGE_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir->path, name) >= STORAGE_PATH_MAX)
        return -ENAMETOOLONG;
    struct file_io *io = folder->cache->io;
    int error = io->rename(io, folder->path, path);
    if (error < 0)
        return error;
    dir->names_reused = true;
    free(folder->path);
    folder->path = xstrdup(path);
    return 0;
}
