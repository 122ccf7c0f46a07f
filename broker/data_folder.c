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
 * as Kafka does.
 *
 * Of several folders one may be unreachable: its disk is gone, or may not be read or written, or meta.properties makes
 * no sense. It is offline until a restart then, one line says why, nothing in it is touched, and the start goes on with
 * the others. It ends where Kafka ends it: when that folder is the one with the metadata log, when none of log.dirs is
 * left, and when a folder can be read and is another's: of another cluster, node or time, in use, with files that are
 * none of ours, with the directory.id of another folder, or with a metadata log that is not looked for there. */
#include "data_folder.h"

#include "ephemeral.h"
#include "logger.h"
#include "properties.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#define LOCK_NAME       ".lock"
#define META_NAME       "meta.properties"
#define CLEAN_NAME      ".kafka_cleanshutdown"
#define METADATA_NAME   "__cluster_metadata-0"
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

/* What came of a step with a folder. Why it failed stands in the folder's trouble. */
enum folder_step {
    STEP_DONE,
    STEP_OFFLINE, /* the folder cannot be used */
    STEP_REFUSED, /* the broker must not start on it */
};

/* Note why: a sentence, then key=value pairs. Returns `step`. */
static enum folder_step PRINTF_LIKE(4, 5)
    trouble(struct data_folder *folder, enum folder_step step, const char *sentence, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    folder->trouble = sentence;
    vsnprintf(folder->trouble_detail, sizeof folder->trouble_detail, format, arguments);
    va_end(arguments);
    return step;
}

static enum folder_step trouble_io(struct data_folder *folder, const char *sentence, const char *path, int error)
{
    return trouble(folder, STEP_OFFLINE, sentence, "path=%s error=\"%s\"", path, strerror(-error));
}

void data_folders_leave(struct data_folders *folders, int32_t number)
{
    struct data_folder *folder = &folders->items[number];
    folder->offline = folders->directories_offline[number] = true;
    if (folder->lock != NULL) {
        folders->env->files->close(folders->env->files, folder->lock);
    }
    folder->lock = NULL;
}

/* Go on without the folder. False when there is no going on; then its line was logged too. */
static bool leave_offline(struct data_folders *folders, struct data_folder *folder)
{
    int32_t number = (int32_t)(folder - folders->items), left = 0;
    if (folders->count == 1) {
        LOG_ERROR(folder->trouble, "%s", folder->trouble_detail);
        return false;
    }
    if (number == folders->metadata) {
        LOG_ERROR("The data folder with the metadata log cannot be used", "folder=%s reason=\"%s\" %s", folder->path,
                  folder->trouble, folder->trouble_detail);
        return false;
    }
    LOG_ERROR("A data folder is offline until a restart; the others are used", "folder=%s reason=\"%s\" %s",
              folder->path, folder->trouble, folder->trouble_detail);
    data_folders_leave(folders, number);
    for (int32_t i = 0; i < folders->directories_count; i++) {
        left += !folders->items[i].offline;
    }
    if (left == 0) {
        LOG_ERROR("None of log.dirs can be used", NULL);
    }
    return left > 0;
}

/* ---- folder and lock --------------------------------------------------------------------------------------------- */

/* Make the folder and those above it. */
static enum folder_step make_folder(struct file_io *files, struct data_folder *folder)
{
    char *part = xstrdup(folder->path);
    enum folder_step step = STEP_DONE;
    for (char *at = part + 1; step == STEP_DONE; at++) {
        char end = *at;
        if (end != '/' && end != '\0') {
            continue;
        }
        *at = '\0';
        int error = files->mkdir(files, part);
        struct file_stat stat;
        bool there = error < 0 && files->stat(files, part, &stat) == 0;
        if (there) {
            error = stat.is_directory ? 0 : -ENOTDIR;
        }
        if (error < 0) {
            step = trouble_io(folder, "Cannot make the data folder", part, error);
        }
        if (end == '\0') {
            break;
        }
        *at = end;
    }
    free(part);
    return step;
}

static enum folder_step take_lock(struct file_io *files, struct data_folder *folder)
{
    char *path = join_path(folder->path, LOCK_NAME);
    enum folder_step step = STEP_DONE;
    int error = files->open(files, path, FILE_WRITE | FILE_CREATE, &folder->lock);
    if (error < 0) {
        folder->lock = NULL;
        step = trouble_io(folder, "Cannot open the lock of the data folder", path, error);
    } else if ((error = files->lock(files, folder->lock)) == -EAGAIN) {
        step = trouble(folder, STEP_REFUSED,
                       "Another broker uses the data folder: stop it, or choose another folder with --data", "path=%s",
                       folder->path);
    } else if (error < 0) {
        step = trouble_io(folder, "Cannot lock the data folder", path, error);
    }
    free(path);
    return step;
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

/* *found is false when the folder has none. */
static enum folder_step load_meta(struct file_io *files, struct data_folder *folder, struct meta *meta, bool *found)
{
    *meta = (struct meta){0};
    char *path = join_path(folder->path, META_NAME);
    char *text = NULL;
    size_t size;
    int error = file_load(files, path, META_BYTES_MAX, &text, &size);
    int line;
    char why[PROPERTIES_ERROR_SIZE];
    enum folder_step step = STEP_DONE;
    if (error == 0 && !properties_parse(text, size, read_meta_property, meta, &line, why)) {
        step = trouble(folder, STEP_OFFLINE, "Cannot read meta.properties", "path=%s line=%d error=\"%s\"", path, line,
                       why);
    } else if (error < 0 && error != -ENOENT) {
        step = trouble_io(folder, "Cannot read meta.properties", path, error);
    }
    *found = error == 0;
    free(text);
    free(path);
    return step;
}

static enum folder_step save_meta(const struct data_folders *folders, struct data_folder *folder, int32_t node_id,
                                  bool sync)
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
    enum folder_step step = error == 0 ? STEP_DONE : trouble_io(folder, "Cannot write meta.properties", path, error);
    free(path);
    return step;
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* Does what was read fit this broker, and the folders before? Takes the ids over. What no broker could have written is
 * damage; what another one has written is refused. */
static enum folder_step accept_meta(struct data_folders *folders, struct data_folder *folder, const struct meta *meta,
                                    int32_t node_id)
{
    if (meta->broker_id_seen || meta->version[0] == '\0' || strcmp(meta->version, "0") == 0) {
        return trouble(folder, STEP_REFUSED,
                       "The data folder is of the time of ZooKeeper: migrate it to KRaft with Kafka 3.9 first",
                       "path=%s", folder->path);
    }
    if (meta->too_long || strcmp(meta->version, "1") != 0 || meta->cluster_id[0] == '\0' || !is_number(meta->node_id)) {
        return trouble(folder, STEP_OFFLINE, "meta.properties is not of a form that is known here",
                       "path=%s version=%s cluster.id=%s node.id=%s", folder->path, meta->version, meta->cluster_id,
                       meta->node_id);
    }
    if (meta->directory_id[0] != '\0' && !kp_uuid_parse(kp_string_of(meta->directory_id), &folder->directory_id)) {
        return trouble(folder, STEP_OFFLINE, "The directory.id in meta.properties is not a uuid",
                       "path=%s directory_id=%s", folder->path, meta->directory_id);
    }
    if (atoi(meta->node_id) != node_id) {
        return trouble(folder, STEP_REFUSED, "The data folder belongs to another node: set node.id to its number",
                       "path=%s folder_node_id=%s node_id=%" PRId32, folder->path, meta->node_id, node_id);
    }
    if (folders->cluster_id[0] != '\0' && strcmp(folders->cluster_id, meta->cluster_id) != 0) {
        return trouble(folder, STEP_REFUSED, "The data folders belong to different clusters",
                       "path=%s folder_cluster_id=%s cluster_id=%s", folder->path, meta->cluster_id,
                       folders->cluster_id);
    }
    for (const struct data_folder *other = folders->items; meta->directory_id[0] != '\0' && other < folder; other++) {
        if (!other->offline && kp_uuid_equal(other->directory_id, folder->directory_id)) {
            return trouble(folder, STEP_REFUSED, "Two data folders have the same directory.id: one is a copy",
                           "path=%s other=%s", folder->path, other->path);
        }
    }
    snprintf(folders->cluster_id, sizeof folders->cluster_id, "%s", meta->cluster_id);
    return STEP_DONE;
}

static void see_foreign_file(void *context, const char *name, bool is_directory)
{
    (void)is_directory;
    bool *foreign = context;
    *foreign |= name[0] != '.' && strcmp(name, "lost+found") != 0 && strcmp(name, META_NAME ".tmp") != 0;
}

/* Read the folder's meta.properties; formatted is set where it has none yet. */
static enum folder_step read_meta(struct data_folders *folders, struct data_folder *folder, int32_t node_id)
{
    struct file_io *files = folders->env->files;
    struct meta meta;
    bool found, foreign = false;
    enum folder_step step = load_meta(files, folder, &meta, &found);
    if (step != STEP_DONE) {
        return step;
    }
    if (found) {
        return accept_meta(folders, folder, &meta, node_id);
    }
    int error = files->list(files, folder->path, see_foreign_file, &foreign);
    if (error < 0) {
        return trouble_io(folder, "Cannot list the data folder", folder->path, error);
    }
    if (foreign) {
        return trouble(folder, STEP_REFUSED, "The folder has files but no meta.properties: it is no data folder",
                       "path=%s", folder->path);
    }
    folder->formatted = true;
    return STEP_DONE;
}

/* Go on after a step. False: the start ends, and a line says why. */
static bool settle(struct data_folders *folders, struct data_folder *folder, enum folder_step step)
{
    if (step == STEP_REFUSED) {
        LOG_ERROR(folder->trouble, "%s", folder->trouble_detail);
    }
    return step == STEP_DONE || (step == STEP_OFFLINE && leave_offline(folders, folder));
}

/* Topics would be lost when the metadata log began anew elsewhere; Kafka refuses it too. */
static enum folder_step check_no_metadata(struct data_folders *folders, struct data_folder *folder)
{
    const struct data_folder *metadata = &folders->items[folders->metadata];
    struct file_stat stat;
    char *path = join_path(folder->path, METADATA_NAME);
    bool there = folder != metadata && folders->env->files->stat(folders->env->files, path, &stat) == 0;
    free(path);
    return !there ? STEP_DONE
                  : trouble(folder, STEP_REFUSED, "The metadata log is in another data folder than metadata.log.dir",
                            "path=%s metadata.log.dir=%s", folder->path, metadata->path);
}

static bool read_folder(struct data_folders *folders, struct data_folder *folder, int32_t node_id)
{
    struct file_io *files = folders->env->files;
    enum folder_step step = make_folder(files, folder);
    if (step == STEP_DONE) {
        step = take_lock(files, folder);
    }
    if (step == STEP_DONE) {
        step = read_meta(folders, folder, node_id);
    }
    if (step == STEP_DONE) {
        step = check_no_metadata(folders, folder);
    }
    return settle(folders, folder, step);
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
        if (!folder->offline && kp_uuid_is_zero(folder->directory_id)) {
            env_random_uuid(folders->env, &folder->directory_id);
            if (!settle(folders, folder, save_meta(folders, folder, node_id, sync))) {
                return false;
            }
        }
    }
    return true;
}

/* ---- the mark of a clean stop ------------------------------------------------------------------------------------ */

/* Of log.dirs alone: Kafka has none in a folder of its own for the metadata log. */

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
    for (int32_t i = 0; i < folders->directories_count; i++) {
        struct data_folder *folder = &folders->items[i];
        if (folder->offline) {
            continue;
        }
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

bool data_folders_started(struct data_folders *folders)
{
    struct file_io *files = folders->env->files;
    for (int32_t i = 0; i < folders->directories_count; i++) {
        struct data_folder *folder = &folders->items[i];
        if (folder->offline || !folder->clean) {
            continue;
        }
        char *path = join_path(folder->path, CLEAN_NAME);
        int error = files->unlink(files, path);
        if (error == 0 && folders->ephemeral_path == NULL) {
            error = files->sync_directory(files, folder->path);
        }
        enum folder_step step =
            error == 0 ? STEP_DONE : trouble_io(folder, "Cannot remove the mark of the clean stop", path, error);
        free(path);
        if (!settle(folders, folder, step)) {
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
    for (int32_t i = 0; i < folders->directories_count; i++) {
        if (folders->items[i].offline) {
            continue;
        }
        char *path = join_path(folders->items[i].path, CLEAN_NAME);
        int error = file_replace(folders->env->files, path, text, (size_t)size, folders->ephemeral_path == NULL);
        if (error < 0) {
            LOG_ERROR("Cannot mark the stop as clean", "path=%s error=\"%s\"", path, strerror(-error));
            ok = false;
        }
        free(path);
    }
    return ok;
}

/* ---- all ----------------------------------------------------------------------------------------------------------- */

static void add_folder(struct data_folders *folders, const char *path)
{
    folders->items[folders->count++] = (struct data_folder){.path = xstrdup(path)};
}

/* log.dirs, then metadata.log.dir unless it is one of them. */
static void name_folders(struct data_folders *folders, const struct config *config)
{
    folders->items = xcalloc((size_t)config->log_dirs_count + 1, sizeof *folders->items);
    folders->directories = xcalloc((size_t)config->log_dirs_count, sizeof *folders->directories);
    folders->directories_offline = xcalloc((size_t)config->log_dirs_count, sizeof *folders->directories_offline);
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
        ok = read_folder(folders, &folders->items[i], config->node_id);
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
    free(folders->directories_offline);
    free(folders->ephemeral_path);
    *folders = (struct data_folders){0};
}
