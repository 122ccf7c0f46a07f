/* The offset checkpoints of a data folder: recovery points, high watermarks, log starts, what is compacted (format:
 * checkpoint.c).
 *
 *     recovery-point-offset-checkpoint   what is on the disk; recovery after a crash begins there
 *     replication-offset-checkpoint      high watermarks; on one node the log ends, written for Kafka's eyes
 *     log-start-offset-checkpoint        log starts that lie above the first segment's base offset
 *     cleaner-offset-checkpoint          up to where logs were compacted
 *
 * They are read once, at the start. Logs are loaded when they are first needed, so most entries just stay: what is
 * written is the offsets of the loaded logs, and for all others the entry that was read. A checkpoint that cannot be
 * read is reported and taken as empty; then recovery reads more than it would have to.
 *
 * While running, a checkpoint of which something changed is written when its interval has passed: the text is made by
 * the owner of the logs, the file is written and synced in the pool. That a sealed segment is on the disk is told
 * within a second, for each such segment that is not told is a segment to read after a crash: so a recovery reads the
 * active segments and what a second has filled, however long the interval is. */
#include "log_internal.h"

#include <errno.h>
#include <string.h>

#define SOON_MS              1000
#define NO_ENTRIES           "0\n0\n"
#define CHECKPOINT_BYTES_MAX (64 * 1024 * 1024) /* 200,000 partitions with the longest names */

static const char *const checkpoint_name[CHECKPOINT_KINDS] = {
    [CHECKPOINT_RECOVERY_POINT] = "recovery-point-offset-checkpoint",
    [CHECKPOINT_HIGH_WATERMARK] = "replication-offset-checkpoint",
    [CHECKPOINT_LOG_START] = "log-start-offset-checkpoint",
    [CHECKPOINT_CLEANER] = "cleaner-offset-checkpoint",
};

static int64_t interval_ms(const struct log_store *store, enum checkpoint_kind kind)
{
    switch (kind) {
    case CHECKPOINT_RECOVERY_POINT:
        return store->options.recovery_point_interval_ms;
    case CHECKPOINT_HIGH_WATERMARK:
        return store->options.high_watermark_interval_ms;
    case CHECKPOINT_LOG_START:
    case CHECKPOINT_CLEANER:
    case CHECKPOINT_KINDS:
        break;
    }
    return store->options.start_offset_interval_ms;
}

/* ---- what was read at the start -------------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
    const struct checkpoint_entry *left = a, *right = b;
    int order = strcmp(left->topic, right->topic);
    return order != 0 ? order : (left->partition > right->partition) - (left->partition < right->partition);
}

static bool parse_table(struct checkpoint_table *table)
{
    struct checkpoint_reader reader;
    struct checkpoint_entry entry = {0};
    int32_t capacity = 0;
    if (!checkpoint_read(&reader, table->text))
        return false;
    while (checkpoint_next_offset(&reader, &entry.topic, &entry.partition, &entry.offset)) {
        if (table->count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            table->entries = xrealloc(table->entries, (size_t)capacity * sizeof *table->entries);
        }
        table->entries[table->count++] = entry;
    }
    return !reader.failed;
}

static void read_table(struct log_store *store, struct checkpoint_table *table, const char *path)
{
    size_t size;
    int error = file_load(store->options.files, path, CHECKPOINT_BYTES_MAX, &table->text, &size);
    bool none = error == 0 && size == 0; /* Kafka makes the files empty before it has something to write */
    if (error == 0 && !none && (strlen(table->text) != size || !parse_table(table)))
        error = -EBADMSG;
    if (error < 0 && error != -ENOENT) {
        store_report(store, 1, "A checkpoint cannot be read and is taken as empty", "path=%s error=%s", path,
                     strerror(-error));
        table->count = 0;
    }
    if (table->count > 0)
        qsort(table->entries, (size_t)table->count, sizeof *table->entries, compare_entries);
}

static struct checkpoint_entry *find_entry(const struct log *log, const struct log_dir *dir, enum checkpoint_kind kind)
{
    const struct checkpoint_table *table = &dir->tables[kind];
    struct checkpoint_entry wanted = {.topic = log->topic, .partition = log->partition};
    if (table->count == 0)
        return NULL;
    return bsearch(&wanted, table->entries, (size_t)table->count, sizeof wanted, compare_entries);
}

int64_t store_checkpointed(const struct log *log, const struct log_dir *dir, enum checkpoint_kind kind)
{
    const struct checkpoint_entry *entry = find_entry(log, dir, kind);
    return entry != NULL && !entry->taken ? entry->offset : -1; /* taken: by an earlier log of the name, too */
}

void store_take_checkpoints(struct log *log)
{
    for (int i = 0; i < log->store->dirs_count; i++) {
        struct log_dir *dir = &log->store->dirs[i];
        if (log->dir != NULL && log->dir != dir)
            continue;
        for (int kind = 0; kind < CHECKPOINT_KINDS; kind++) {
            struct checkpoint_entry *entry = find_entry(log, dir, (enum checkpoint_kind)kind);
            if (entry != NULL)
                entry->taken = true;
            dir->names_reused |= entry != NULL && log->dir == NULL; /* of an earlier log of this name */
            if (entry != NULL || log->dir != NULL)
                store_checkpoint_changed(dir, (enum checkpoint_kind)kind);
        }
    }
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

void store_checkpoint_changed(struct log_dir *dir, enum checkpoint_kind kind)
{
    dir->jobs[kind].changed = true;
}

void store_checkpoints_soon(struct log_store *store, struct log_dir *dir)
{
    static const enum checkpoint_kind kinds[] = {CHECKPOINT_RECOVERY_POINT, CHECKPOINT_LOG_START, CHECKPOINT_CLEANER};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        store_checkpoint_changed(dir, kinds[i]);
        dir->jobs[kinds[i]].due_ms = store->now_ms;
    }
    if (store->now_ms < store->next_ms)
        store->next_ms = store->now_ms;
}

void store_checkpoint_soon(struct log_store *store, struct log_dir *dir, enum checkpoint_kind kind)
{
    struct checkpoint_job *job = &dir->jobs[kind];
    job->changed = true;
    if (job->due_ms > store->now_ms + SOON_MS)
        job->due_ms = store->now_ms + SOON_MS;
    if (job->due_ms < store->next_ms)
        store->next_ms = job->due_ms;
}

/* The offset of a loaded log for a checkpoint, -1 when it has no line there. */
static int64_t offset_of(const struct log *log, enum checkpoint_kind kind)
{
    if (kind == CHECKPOINT_RECOVERY_POINT)
        return log->recovery_point;
    if (kind == CHECKPOINT_HIGH_WATERMARK)
        return log->end_offset;
    if (kind == CHECKPOINT_CLEANER)
        return log->cleaned_offset;
    return log->segments_count > 0 && log->start_offset > log->segments[0]->base_offset ? log->start_offset : -1;
}

static void make_text(struct log_store *store, struct log_dir *dir, enum checkpoint_kind kind,
                      struct checkpoint_text *text)
{
    const struct checkpoint_table *table = &dir->tables[kind];
    int64_t count = 0;
    for (int32_t i = 0; i < table->count; i++)
        count += !table->entries[i].taken;
    list_for_each (&store->logs, node) {
        const struct log *log = CONTAINER_OF(node, struct log, link);
        count += log->dir == dir && offset_of(log, kind) >= 0;
    }
    text->size_bytes = 0;
    checkpoint_begin(text, count);
    for (int32_t i = 0; i < table->count; i++) {
        const struct checkpoint_entry *entry = &table->entries[i];
        if (!entry->taken)
            checkpoint_add_offset(text, entry->topic, entry->partition, entry->offset);
    }
    list_for_each (&store->logs, node) {
        const struct log *log = CONTAINER_OF(node, struct log, link);
        if (log->dir == dir && offset_of(log, kind) >= 0)
            checkpoint_add_offset(text, log->topic, log->partition, offset_of(log, kind));
    }
}

static void checkpoint_work(struct job *job)
{
    struct checkpoint_job *checkpoint = CONTAINER_OF(job, struct checkpoint_job, job);
    checkpoint->error = file_replace(checkpoint->io, checkpoint->path, checkpoint->text.bytes,
                                     checkpoint->text.size_bytes, checkpoint->sync);
}

/* Recovery points and the cleaner's only save time, so that no line is as good as an old one. Log starts are few, and
 * must stay those of the other logs. */
int store_forget_checkpoints(struct log_store *store, struct log_dir *dir)
{
    static const enum checkpoint_kind removed[] = {CHECKPOINT_RECOVERY_POINT, CHECKPOINT_CLEANER};
    for (size_t i = 0; i < COUNT_OF(removed); i++) {
        int error = store->options.files->unlink(store->options.files, dir->jobs[removed[i]].path);
        if (error < 0 && error != -ENOENT)
            return error;
    }
    struct checkpoint_job *starts = &dir->jobs[CHECKPOINT_LOG_START];
    bool none = starts->text.size_bytes <= strlen(NO_ENTRIES) && dir->tables[CHECKPOINT_LOG_START].count == 0;
    store_checkpoints_soon(store, dir);
    if (none || starts->busy)
        return 0;
    make_text(store, dir, CHECKPOINT_LOG_START, &starts->text);
    checkpoint_work(&starts->job);
    return starts->error;
}

static void checkpoint_done(struct job *job, bool canceled)
{
    struct checkpoint_job *checkpoint = CONTAINER_OF(job, struct checkpoint_job, job);
    checkpoint->busy = false;
    if (canceled || checkpoint->error < 0)
        checkpoint->changed = true; /* again when the interval has passed */
    if (!canceled && checkpoint->error < 0)
        store_report(checkpoint->store, 1, "A checkpoint could not be written", "path=%s error=%s", checkpoint->path,
                     strerror(-checkpoint->error));
}

void store_checkpoints_open(struct log_store *store, struct log_dir *dir)
{
    for (int kind = 0; kind < CHECKPOINT_KINDS; kind++) {
        struct checkpoint_job *job = &dir->jobs[kind];
        *job = (struct checkpoint_job){
            .job = {.kind = JOB_FLUSH, .name = "checkpoint written", .work = checkpoint_work, .done = checkpoint_done},
            .io = store->options.files,
            .sync = store->options.sync,
            .store = store,
            .due_ms = store->now_ms + interval_ms(store, (enum checkpoint_kind)kind),
        };
        snprintf(job->path, sizeof job->path, "%s/%s", dir->path, checkpoint_name[kind]);
        if (!dir->away)
            read_table(store, &dir->tables[kind], job->path);
    }
}

int64_t store_checkpoints_tick(struct log_store *store, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;
    for (int i = 0; i < store->dirs_count; i++) {
        if (store->dirs[i].away)
            continue;
        for (int kind = 0; kind < CHECKPOINT_KINDS; kind++) {
            struct checkpoint_job *job = &store->dirs[i].jobs[kind];
            if (now_ms >= job->due_ms) {
                bool waits = job->changed && job->busy; /* the one that is being written knows less */
                job->due_ms = now_ms + (waits ? SOON_MS : interval_ms(store, (enum checkpoint_kind)kind));
                if (job->changed && !job->busy) {
                    make_text(store, &store->dirs[i], (enum checkpoint_kind)kind, &job->text);
                    job->changed = false;
                    job->busy = true;
                    store->options.executor->submit(store->options.executor, &job->job);
                }
            }
            if (job->due_ms < next_ms)
                next_ms = job->due_ms;
        }
    }
    return next_ms;
}

void store_checkpoints_move_back(struct log_store *store, int64_t by_ms)
{
    for (int i = 0; i < store->dirs_count; i++)
        for (int kind = 0; kind < CHECKPOINT_KINDS; kind++)
            store->dirs[i].jobs[kind].due_ms -= by_ms;
}

int store_checkpoints_write(struct log_store *store, struct storage_fault *fault)
{
    for (int i = 0; i < store->dirs_count; i++) {
        if (store->dirs[i].away)
            continue;
        for (int kind = 0; kind < CHECKPOINT_KINDS; kind++) {
            struct checkpoint_job *job = &store->dirs[i].jobs[kind];
            ASSERT(!job->busy);
            make_text(store, &store->dirs[i], (enum checkpoint_kind)kind, &job->text);
            checkpoint_work(&job->job);
            if (job->error < 0) {
                if (fault != NULL) {
                    *fault =
                        (struct storage_fault){.operation = "write checkpoint", .error = -job->error, .position = -1};
                    snprintf(fault->path, sizeof fault->path, "%s", job->path);
                }
                return STORAGE_IO;
            }
        }
    }
    return 0;
}

void store_checkpoints_close(struct log_dir *dir)
{
    for (int kind = 0; kind < CHECKPOINT_KINDS; kind++) {
        free(dir->tables[kind].text);
        free(dir->tables[kind].entries);
        free(dir->jobs[kind].text.bytes);
    }
}
