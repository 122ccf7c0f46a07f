/* Data folders, with the files that Apache Kafka keeps at the top of each:
 *
 *     .lock                 empty; the fcntl lock on it keeps a second broker out, dohle or Kafka
 *     meta.properties       version=1, cluster.id (the same in all folders), node.id, directory.id (a uuid of its own)
 *     .kafka_cleanshutdown  {"version":0,"brokerEpoch":16}: only there between a clean stop and the next start
 *
 * A folder that is missing or empty is formatted: a Kafka would have to be told so by its storage tool. One with files
 * but without meta.properties is not ours, and is refused. So is one of another node or cluster, and one of before
 * KRaft.
 *
 * The lock is taken before anything is read, and meta.properties is the last file of formatting, synced: a crash in
 * between leaves a folder that counts as new. directory.id is missing in folders of Kafka before 3.7 and is added then,
 * as Kafka does. */
#include "data_folder.h"

#include "ephemeral.h"
#include "logger.h"
#include "properties.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define LOCK_NAME       ".lock"
#define META_NAME       "meta.properties"
#define CLEAN_NAME      ".kafka_cleanshutdown"
#define META_BYTES_MAX  ((size_t)64 * 1024)
#define CLEAN_BYTES_MAX ((size_t)4096)

/* meta.properties as read. Empty or -1 where it says nothing. */
struct meta {
    char version[16];
    char cluster_id[CLUSTER_ID_SIZE];
    char directory_id[KP_UUID_TEXT_SIZE];
    char node_id[16];
    bool broker_id_seen; /* a folder of the time of ZooKeeper */
    bool too_long;       /* a value that fits none of the above */
};

static char *join_path(const char *folder, const char *name)
{
    size_t size = strlen(folder) + 1 + strlen(name) + 1;
    char *path = xmalloc(size);
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static bool fail_io(const char *sentence, const char *path, int error)
{
    LOG_ERROR(sentence, "path=%s error=\"%s\"", path, strerror(-error));
    return false;
}

/* ---- folder and lock --------------------------------------------------------------------------------------------- */

/* Make the folder and those above it. */
static bool make_folder(struct file_io *files, const char *path)
{
    char *part = xstrdup(path);
    bool ok = true;
    for (char *at = part + 1; ok; at++) {
        char end = *at;
        if (end != '/' && end != '\0') {
            continue;
        }
        *at = '\0';
        int error = files->mkdir(files, part);
        struct file_stat stat;
        if (error < 0 && (files->stat(files, part, &stat) < 0 || !stat.is_directory)) {
            ok = fail_io("Cannot make the data folder", part, error);
        }
        if (end == '\0') {
            break;
        }
        *at = end;
    }
    free(part);
    return ok;
}

static bool take_lock(struct file_io *files, struct data_folder *folder)
{
    char *path = join_path(folder->path, LOCK_NAME);
    int error = files->open(files, path, FILE_WRITE | FILE_CREATE, &folder->lock);
    if (error < 0) {
        folder->lock = NULL;
        fail_io("Cannot open the lock of the data folder", path, error);
    } else if ((error = files->lock(files, folder->lock)) == -EAGAIN) {
        LOG_ERROR("Another broker uses the data folder: stop it, or choose another folder with --data", "path=%s",
                  folder->path);
    } else if (error < 0) {
        fail_io("Cannot lock the data folder", path, error);
    }
    free(path);
    return error == 0;
}

/* ---- meta.properties --------------------------------------------------------------------------------------------- */

static bool read_meta_property(void *context, const char *key, const char *value, int line)
{
    (void)line;
    struct meta *meta = context;
    const struct {
        const char *key;
        char *to;
        size_t size;
    } known[] = {
        {"version",      meta->version,      sizeof meta->version     },
        {"cluster.id",   meta->cluster_id,   sizeof meta->cluster_id  },
        {"directory.id", meta->directory_id, sizeof meta->directory_id},
        {"node.id",      meta->node_id,      sizeof meta->node_id     },
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(key, known[i].key) == 0) {
            meta->too_long |= strlen(value) >= known[i].size;
            snprintf(known[i].to, known[i].size, "%s", value);
        }
    }
    meta->broker_id_seen |= strcmp(key, "broker.id") == 0;
    return true;
}

/* 0, or a negative errno: -ENOENT when the folder has none. */
static int load_meta(struct file_io *files, const char *folder, struct meta *meta)
{
    *meta = (struct meta){0};
    char *path = join_path(folder, META_NAME);
    char *text = NULL;
    size_t size;
    int error = file_load(files, path, META_BYTES_MAX, &text, &size);
    int line;
    char why[PROPERTIES_ERROR_SIZE];
    if (error == 0 && !properties_parse(text, size, read_meta_property, meta, &line, why)) {
        LOG_ERROR("Cannot read meta.properties", "path=%s line=%d error=\"%s\"", path, line, why);
        error = -EINVAL;
    } else if (error < 0 && error != -ENOENT) {
        fail_io("Cannot read meta.properties", path, error);
    }
    free(text);
    free(path);
    return error;
}

static bool save_meta(const struct data_folders *folders, const struct data_folder *folder, int32_t node_id, bool sync)
{
    struct env *env = folders->env;
    char directory_id[KP_UUID_TEXT_SIZE];
    kp_uuid_text(folder->directory_id, directory_id);
    time_t seconds = (time_t)(env->now(env).wall_ms / 1000);
    struct tm time;
    char date[64];
    strftime(date, sizeof date, "%a %b %d %H:%M:%S UTC %Y", gmtime_r(&seconds, &time)); /* as Java's store() */
    char text[512];
    int size = snprintf(text, sizeof text, "#\n#%s\nnode.id=%" PRId32 "\ndirectory.id=%s\nversion=1\ncluster.id=%s\n",
                        date, node_id, directory_id, folders->cluster_id);
    char *path = join_path(folder->path, META_NAME);
    int error = file_replace(env->files, path, text, (size_t)size, sync);
    bool ok = error == 0 || fail_io("Cannot write meta.properties", path, error);
    free(path);
    return ok;
}

/* Does what was read fit this broker, and the folders before? Takes the ids over. */
static bool accept_meta(struct data_folders *folders, struct data_folder *folder, const struct meta *meta,
                        int32_t node_id)
{
    if (meta->broker_id_seen || strcmp(meta->version, "0") == 0) {
        LOG_ERROR("The data folder is of the time of ZooKeeper: migrate it to KRaft with Kafka 3.9 first", "path=%s",
                  folder->path);
        return false;
    }
    if (meta->too_long || strcmp(meta->version, "1") != 0 || meta->cluster_id[0] == '\0') {
        LOG_ERROR("meta.properties is not of a form that is known here", "path=%s version=%s cluster.id=%s",
                  folder->path, meta->version, meta->cluster_id);
        return false;
    }
    if (atoi(meta->node_id) != node_id) {
        LOG_ERROR("The data folder belongs to another node: set node.id to its number",
                  "path=%s folder_node_id=%s node_id=%" PRId32, folder->path, meta->node_id, node_id);
        return false;
    }
    if (folders->cluster_id[0] != '\0' && strcmp(folders->cluster_id, meta->cluster_id) != 0) {
        LOG_ERROR("The data folders belong to different clusters", "path=%s folder_cluster_id=%s cluster_id=%s",
                  folder->path, meta->cluster_id, folders->cluster_id);
        return false;
    }
    snprintf(folders->cluster_id, sizeof folders->cluster_id, "%s", meta->cluster_id);
    if (meta->directory_id[0] != '\0' && !kp_uuid_parse(kp_string_of(meta->directory_id), &folder->directory_id)) {
        LOG_ERROR("The directory.id in meta.properties is not a uuid", "path=%s directory_id=%s", folder->path,
                  meta->directory_id);
        return false;
    }
    return true;
}

static void see_foreign_file(void *context, const char *name, bool is_directory)
{
    (void)is_directory;
    bool *foreign = context;
    *foreign |= name[0] != '.' && strcmp(name, "lost+found") != 0 && strcmp(name, META_NAME ".tmp") != 0;
}

/* Read the folder's meta.properties; formatted is set where it has none yet. */
static bool read_meta(struct data_folders *folders, struct data_folder *folder, int32_t node_id)
{
    struct file_io *files = folders->env->files;
    struct meta meta;
    int error = load_meta(files, folder->path, &meta);
    if (error == 0) {
        return accept_meta(folders, folder, &meta, node_id);
    }
    if (error != -ENOENT) {
        return false;
    }
    bool foreign = false;
    error = files->list(files, folder->path, see_foreign_file, &foreign);
    if (error < 0) {
        return fail_io("Cannot list the data folder", folder->path, error);
    }
    if (foreign) {
        LOG_ERROR("The folder has files but no meta.properties: it is no data folder", "path=%s", folder->path);
        return false;
    }
    folder->formatted = true;
    return true;
}

/* Give ids to what has none, and write them down. */
static bool write_metas(struct data_folders *folders, int32_t node_id, bool sync)
{
    if (folders->cluster_id[0] == '\0') {
        struct kp_uuid uuid;
        env_random_uuid(folders->env, &uuid);
        kp_uuid_text(uuid, folders->cluster_id);
    }
    for (int32_t i = 0; i < folders->count; i++) {
        struct data_folder *folder = &folders->items[i];
        if (kp_uuid_is_zero(folder->directory_id)) {
            env_random_uuid(folders->env, &folder->directory_id);
            if (!save_meta(folders, folder, node_id, sync)) {
                return false;
            }
        }
    }
    return true;
}

/* ---- the mark of a clean stop ------------------------------------------------------------------------------------ */

/* The number behind "brokerEpoch" in the mark's JSON, -1 when there is none: old Kafkas left the file empty. */
static int64_t parse_broker_epoch(const char *text)
{
    const char *at = strstr(text, "\"brokerEpoch\"");
    if (at == NULL) {
        return -1;
    }
    at += strlen("\"brokerEpoch\"");
    at += strspn(at, " \t\r\n:");
    char *end;
    long long epoch = strtoll(at, &end, 10);
    return end == at ? -1 : epoch;
}

static void read_clean_marks(struct data_folders *folders)
{
    struct file_io *files = folders->env->files;
    folders->clean = true;
    folders->clean_broker_epoch = -1;
    bool first = true;
    for (int32_t i = 0; i < folders->count; i++) {
        struct data_folder *folder = &folders->items[i];
        char *path = join_path(folder->path, CLEAN_NAME);
        char *text;
        size_t size;
        if (file_load(files, path, CLEAN_BYTES_MAX, &text, &size) == 0) {
            int64_t epoch = parse_broker_epoch(text);
            folders->clean_broker_epoch = first || folders->clean_broker_epoch == epoch ? epoch : -1;
            first = false;
            folder->clean = true;
            free(text);
        }
        free(path);
        folders->clean &= folder->clean || folder->formatted;
    }
}

bool data_folders_started(const struct data_folders *folders)
{
    struct file_io *files = folders->env->files;
    for (int32_t i = 0; i < folders->count; i++) {
        const struct data_folder *folder = &folders->items[i];
        if (!folder->clean) {
            continue;
        }
        char *path = join_path(folder->path, CLEAN_NAME);
        int error = files->unlink(files, path);
        if (error == 0 && folders->ephemeral_path == NULL) {
            error = files->sync_directory(files, folder->path);
        }
        bool ok = error == 0 || fail_io("Cannot remove the mark of the clean stop", path, error);
        free(path);
        if (!ok) {
            return false;
        }
    }
    return true;
}

bool data_folders_mark_clean(const struct data_folders *folders, int64_t broker_epoch)
{
    char text[80];
    int size = snprintf(text, sizeof text, "{\"version\":0,\"brokerEpoch\":%" PRId64 "}", broker_epoch);
    bool ok = true;
    for (int32_t i = 0; i < folders->count; i++) {
        char *path = join_path(folders->items[i].path, CLEAN_NAME);
        int error = file_replace(folders->env->files, path, text, (size_t)size, folders->ephemeral_path == NULL);
        ok &= error == 0 || fail_io("Cannot mark the stop as clean", path, error);
        free(path);
    }
    return ok;
}

/* ---- all
 * ------------------------------------------------------------------------------------------------------------------------
 */

static void add_folder(struct data_folders *folders, const char *path)
{
    folders->items[folders->count++] = (struct data_folder){.path = xstrdup(path)};
}

/* log.dirs, then metadata.log.dir unless it is one of them. */
static void name_folders(struct data_folders *folders, const struct config *config)
{
    folders->items = xcalloc((size_t)config->log_dirs_count + 1, sizeof *folders->items);
    folders->directories = xcalloc((size_t)config->log_dirs_count, sizeof *folders->directories);
    folders->metadata = -1;
    for (int32_t i = 0; i < config->log_dirs_count; i++) {
        add_folder(folders, config->log_dirs[i]);
        folders->directories[folders->directories_count++] = folders->items[i].path;
        if (strcmp(config->log_dirs[i], config->metadata_log_dir) == 0) {
            folders->metadata = i;
        }
    }
    if (folders->metadata < 0) {
        folders->metadata = folders->count;
        add_folder(folders, config->metadata_log_dir);
    }
}

bool data_folders_open(struct data_folders *folders, struct config *config, struct env *env)
{
    *folders = (struct data_folders){.env = env, .clean_broker_epoch = -1};
    if (config->ephemeral) {
        folders->ephemeral_path = ephemeral_folder_make(env->files);
        if (folders->ephemeral_path == NULL) {
            return false;
        }
        config_use_folder(config, folders->ephemeral_path);
    }
    name_folders(folders, config);
    bool ok = true;
    for (int32_t i = 0; ok && i < folders->count; i++) {
        struct data_folder *folder = &folders->items[i];
        ok = make_folder(env->files, folder->path) && take_lock(env->files, folder) &&
             read_meta(folders, folder, config->node_id);
    }
    ok = ok && write_metas(folders, config->node_id, !config->ephemeral);
    if (!ok) {
        data_folders_close(folders);
        return false;
    }
    read_clean_marks(folders);
    return true;
}

void data_folders_close(struct data_folders *folders)
{
    if (folders->ephemeral_path != NULL) {
        ephemeral_folder_remove(folders->ephemeral_path); /* under its lock, so that nobody sweeps it meanwhile */
    }
    for (int32_t i = 0; i < folders->count; i++) {
        if (folders->items[i].lock != NULL) {
            folders->env->files->close(folders->env->files, folders->items[i].lock);
        }
        free(folders->items[i].path);
    }
    free(folders->items);
    free(folders->directories);
    free(folders->ephemeral_path);
    *folders = (struct data_folders){0};
}
