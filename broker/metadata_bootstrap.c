/* See metadata_bootstrap.h. */
#include "metadata_bootstrap.h"

#include "metadata_snapshot.h"

#include <errno.h>
#include <string.h>

#define BOOTSTRAP_NAME  "bootstrap.checkpoint"
#define METADATA_FOLDER "__cluster_metadata-0"

struct bootstrap {
    struct metadata_batch *batch;
    char *error;
};

static bool refuse(struct bootstrap *bootstrap, const struct metadata_record *record)
{
    snprintf(bootstrap->error, METADATA_LOG_ERROR_SIZE,
             "The folder is formatted with a record of type %d, version %d, that is not known here", record->type,
             record->version);
    return false;
}

static bool check_level(struct bootstrap *bootstrap, const struct kp_feature_level_record *record)
{
    bool in_range =
        record->feature_level >= METADATA_VERSION_OLDEST && record->feature_level <= METADATA_VERSION_LATEST;
    if (!kp_string_is(record->name, "metadata.version") || in_range)
        return true;
    snprintf(bootstrap->error, METADATA_LOG_ERROR_SIZE,
             "The folder is formatted with metadata.version %d, and only %d to %d can be opened", record->feature_level,
             METADATA_VERSION_OLDEST, METADATA_VERSION_LATEST);
    return false;
}

static bool add_record(void *context, int64_t offset, const struct metadata_record *record)
{
    struct bootstrap *bootstrap = context;
    (void)offset;
    union {
        struct kp_feature_level_record level;
        struct kp_user_scram_credential_record credential;
        struct kp_config_record config;
    } message;
    bool known = record->type == KP_TYPE_FEATURE_LEVEL_RECORD || record->type == KP_TYPE_CONFIG_RECORD ||
                 record->type == KP_TYPE_USER_SCRAM_CREDENTIAL_RECORD;
    struct arena arena;
    arena_init(&arena, METADATA_DECODE_BYTES_MAX);
    bool taken = (known && metadata_record_decode(record, &message, &arena)) || refuse(bootstrap, record);
    if (taken && record->type == KP_TYPE_FEATURE_LEVEL_RECORD)
        taken = check_level(bootstrap, &message.level);
    arena_release(&arena);
    if (taken)
        metadata_batch_add_value(bootstrap->batch, record->value);
    return taken;
}

/* Add what one file holds; nothing when it is not there. */
static bool add_file(struct file_io *files, const char *path, struct bootstrap *bootstrap)
{
    struct file_stat stat;
    const char *sentence = NULL;
    if (files->stat(files, path, &stat) == -ENOENT || snapshot_read_file(files, path, add_record, bootstrap, &sentence))
        return true;
    if (sentence != NULL)
        snprintf(bootstrap->error, METADATA_LOG_ERROR_SIZE, "%s, with which the folder was formatted, is of no use: %s",
                 path, sentence);
    return false;
}

static void bootstrap_path(const char *directory, char path[STORAGE_PATH_MAX])
{
    snprintf(path, STORAGE_PATH_MAX, "%s/" BOOTSTRAP_NAME, directory);
}

bool metadata_bootstrap_exists(struct file_io *files, const char *directory)
{
    char path[STORAGE_PATH_MAX];
    struct file_stat stat;
    bootstrap_path(directory, path);
    return files->stat(files, path, &stat) == 0;
}

bool metadata_bootstrap_add(struct file_io *files, const char *directory, struct metadata_batch *batch, char *error)
{
    struct bootstrap bootstrap = {batch, error};
    char name[SNAPSHOT_NAME_SIZE], path[STORAGE_PATH_MAX];
    snapshot_name((struct snapshot_id){.offset = 0, .epoch = 0}, name);
    int length = snprintf(path, sizeof path, "%s/" METADATA_FOLDER "/%s", directory, name);
    if (length >= STORAGE_PATH_MAX) /* then the log could not be opened either */
        return true;
    if (!add_file(files, path, &bootstrap))
        return false;
    if (metadata_batch_count(batch) > 0)
        return true;
    bootstrap_path(directory, path);
    return add_file(files, path, &bootstrap);
}
