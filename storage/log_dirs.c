/* Which of log.dirs a log is in.
 *
 *     no folder yet ---- asked for, or first append ----> planned ---- first append ----> in a directory
 *          ^                                                 |  ^
 *          |  wished for before the log was there            +--+ wished for elsewhere
 *
 * A new log gets the directory with the fewest logs, the first of several, as Kafka chooses. It is chosen when somebody
 * wants to know, and counts from then on, so that an answer stays true. A wish for a partition that does not exist is
 * remembered until it does, but only so many of them: Kafka remembers all, and forgets them at a restart as well.
 *
 * A directory in which no folder can be made any more, because its disk is broken or gone, is offline until a restart:
 * the logs in it fail one by one when their files are needed, new ones go to the others. One that the owner could not
 * open is away from the start. The logs in it are those that have a folder nowhere else, and so are those that never
 * had one: log_expect() takes no chances. */
#include "log_internal.h"

#include <errno.h>
#include <string.h>

#define WISHES_MAX 1000

/* The directory of the next log, as Kafka chooses. */
static struct log_dir *least_used_dir(const struct log_store *store)
{
    struct log_dir *best = NULL;
    for (int i = 0; i < store->options.directories_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        if (!dir->offline && (best == NULL || dir->partitions < best->partitions))
            best = dir;
    }
    return best;
}

bool store_dir_failed(struct log_store *store, struct log_dir *dir, const char *operation, int error)
{
    bool last = true;
    for (int i = 0; i < store->options.directories_count; i++)
        last = last && (store->dirs[i].offline || &store->dirs[i] == dir);
    if (storage_used_up(error) || last)
        return false;
    store_report(store, 2, "A data folder is offline until a restart; new logs go to the others",
                 "path=%s operation=%s error=%s", dir->path, operation, strerror(-error));
    dir->offline = true;
    return true;
}

void log_plan_dir(struct log *log, struct log_dir *dir)
{
    ASSERT(log->dir == NULL);
    if (log->planned_dir != NULL)
        log->planned_dir->partitions--;
    log->planned_dir = dir;
    if (dir != NULL)
        dir->partitions++;
}

struct log_dir *log_planned_dir(struct log *log)
{
    if (log->planned_dir == NULL || log->planned_dir->offline)
        log_plan_dir(log, least_used_dir(log->store));
    return log->planned_dir;
}

/* ---- where a log was -------------------------------------------------------------------------------------------- */

struct log_dir *log_dir_to_look_in(const struct log *log, int number)
{
    const struct log_store *store = log->store;
    int first = log->home_dir != NULL ? (int)(log->home_dir - store->dirs) : 0;
    struct log_dir *dir = &store->dirs[(first + number) % store->dirs_count];
    return dir->away ? NULL : dir;
}

/* Is there a folder of its name, whosever it is? What cannot be told counts as one: loading says what is wrong. */
static bool has_folder(const struct log *log)
{
    const struct log_store *store = log->store;
    for (int i = 0; i < store->dirs_count; i++) {
        const struct log_dir *dir = log_dir_to_look_in(log, i);
        char path[STORAGE_PATH_MAX];
        struct file_stat info;
        if (dir == NULL)
            continue;
        int length = snprintf(path, sizeof path, "%s/%s-%d", dir->path, log->topic, (int)log->partition);
        if (length >= STORAGE_PATH_MAX || store->options.files->stat(store->options.files, path, &info) != -ENOENT)
            return true;
    }
    return false;
}

void log_expect(struct log *log, int directory)
{
    const struct log_store *store = log->store;
    ASSERT(log->state == LOG_UNLOADED && log->folder == NULL);
    log->may_be_away = directory == LOG_DIRECTORY_LOST;
    for (int i = 0; i < store->dirs_count; i++)
        log->may_be_away |= store->dirs[i].away;
    if (directory >= 0)
        log->home_dir = &store->dirs[directory];
    log->away = log->may_be_away && !has_folder(log);
    if (directory == LOG_DIRECTORY_LOST && !log->away) {
        const struct log_survey *survey = log_surveyed(log);
        log->away = survey->dir != NULL && survey->total_bytes == 0; /* made anew, by a Kafka */
    }
    if (log->away)
        log->state = LOG_OFFLINE;
}

void log_tell_place(const struct log *log)
{
    const struct log_store_options *options = &log->store->options;
    if (log->dir != NULL && options->log_placed != NULL)
        options->log_placed(options->log_placed_context, log->topic, log->partition,
                            (int)(log->dir - log->store->dirs));
}

/* ---- wishes for logs that are not there ------------------------------------------------------------------------ */

struct dir_wish {
    struct list link; /* store->wishes, oldest first */
    struct log_dir *dir;
    int32_t partition;
    char topic[];
};

static void wish_free(struct log_store *store, struct dir_wish *wish)
{
    list_remove(&wish->link);
    store->wishes_count--;
    free(wish);
}

static struct dir_wish *find_wish(const struct log_store *store, const char *topic, int32_t partition)
{
    list_for_each (&store->wishes, node) {
        struct dir_wish *wish = CONTAINER_OF(node, struct dir_wish, link);
        if (wish->partition == partition && strcmp(wish->topic, topic) == 0)
            return wish;
    }
    return NULL;
}

void log_store_wish_directory(struct log_store *store, const char *topic, int32_t partition, int directory)
{
    struct dir_wish *wish = find_wish(store, topic, partition);
    if (wish != NULL)
        wish_free(store, wish);
    if (store->wishes_count == WISHES_MAX)
        wish_free(store, CONTAINER_OF(store->wishes.next, struct dir_wish, link));
    size_t topic_bytes = strlen(topic) + 1;
    wish = xmalloc(sizeof *wish + topic_bytes);
    *wish = (struct dir_wish){.dir = &store->dirs[directory], .partition = partition};
    memcpy(wish->topic, topic, topic_bytes);
    list_init(&wish->link);
    list_append(&store->wishes, &wish->link);
    store->wishes_count++;
}

void store_grant_wish(struct log *log)
{
    struct dir_wish *wish = find_wish(log->store, log->topic, log->partition);
    if (wish == NULL)
        return;
    log_plan_dir(log, wish->dir);
    wish_free(log->store, wish);
}

void store_forget_wishes(struct log_store *store)
{
    while (!list_empty(&store->wishes))
        wish_free(store, CONTAINER_OF(store->wishes.next, struct dir_wish, link));
}

/* ---- what is where --------------------------------------------------------------------------------------------- */

int log_store_directories_count(const struct log_store *store)
{
    return store->options.directories_count;
}

bool log_store_directory_offline(const struct log_store *store, int directory)
{
    return store->dirs[directory].offline;
}

int log_store_space(const struct log_store *store, int directory, int64_t *total_bytes, int64_t *usable_bytes)
{
    struct file_io *io = store->options.files;
    if (store->dirs[directory].offline)
        return STORAGE_OFFLINE;
    return io->space(io, store->dirs[directory].path, total_bytes, usable_bytes) < 0 ? STORAGE_IO : 0;
}

int log_find_place(struct log *log, struct log_place *place)
{
    *place = (struct log_place){.directory = -1};
    if (log->state == LOG_OFFLINE)
        return STORAGE_OFFLINE;
    const struct log_survey *survey = log->state == LOG_UNLOADED ? log_surveyed(log) : NULL;
    const struct log_dir *dir = survey != NULL ? survey->dir : log->dir;
    if (dir == NULL)
        dir = log_planned_dir(log);
    place->directory = (int)(dir - log->store->dirs);
    place->size_bytes = survey != NULL ? survey->total_bytes : log_size_bytes(log);
    return 0;
}
