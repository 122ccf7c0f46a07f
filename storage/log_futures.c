/* Copies of logs that an earlier run began to move: folders that are called future.
 *
 * They are found when the store is opened, before the logs are known. With the first tick each of these logs is moved
 * again, and the old copy is removed: nobody can say how far it had come. One whose log is gone only goes. */
#include "log_internal.h"

#include <string.h>

/* A future folder that was there at the start. */
struct found_future {
    struct list link; /* store->futures */
    struct log_dir *dir;
    struct folder *folder;
    char name[256]; /* the partition's: TOPIC-PARTITION */
};

void store_note_future(struct log_store *store, struct log_dir *dir, const char *name)
{
    char path[STORAGE_PATH_MAX];
    const char *dot = strrchr(name, '.');
    if (dot == NULL || snprintf(path, sizeof path, "%s/%s", dir->path, name) >= STORAGE_PATH_MAX)
        return;
    struct found_future *future = xmalloc(sizeof *future);
    *future = (struct found_future){.dir = dir, .folder = folder_new(&store->cache, path)};
    snprintf(future->name, sizeof future->name, "%.*s", (int)(dot - name), name);
    list_init(&future->link);
    list_append(&store->futures, &future->link);
}

static struct log *find_log(const struct log_store *store, const char *name)
{
    const char *dash = strrchr(name, '-');
    size_t topic_bytes = dash == NULL ? 0 : (size_t)(dash - name);
    list_for_each (&store->logs, node) {
        struct log *log = CONTAINER_OF(node, struct log, link);
        char number[16];
        snprintf(number, sizeof number, "%d", (int)log->partition);
        if (dash != NULL && strcmp(number, dash + 1) == 0 && strlen(log->topic) == topic_bytes &&
            memcmp(log->topic, name, topic_bytes) == 0)
            return log;
    }
    return NULL;
}

static void future_free(struct found_future *future)
{
    list_remove(&future->link);
    folder_unref(future->folder);
    free(future);
}

static void begin_again(struct log_store *store, struct found_future *future)
{
    struct log *log = find_log(store, future->name);
    struct storage_fault fault;
    store_remove_folder(store, folder_ref(future->folder), store->now_ms);
    if (log != NULL && log_move(log, (int)(future->dir - store->dirs), &fault) < 0)
        store_report(store, 1, "A log whose move was interrupted stays where it is", "path=%s error=%s", fault.path,
                     strerror(fault.error));
    future_free(future);
}

void store_begin_futures(struct log_store *store)
{
    while (!list_empty(&store->futures))
        begin_again(store, CONTAINER_OF(store->futures.next, struct found_future, link));
}

void store_forget_futures(struct log_store *store)
{
    while (!list_empty(&store->futures))
        future_free(CONTAINER_OF(store->futures.next, struct found_future, link));
}
