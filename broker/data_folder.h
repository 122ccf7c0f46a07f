/* The data folders as a whole: lock, meta.properties, the mark of a clean stop. See data_folder.c for the files. */
#ifndef DOHLE_BROKER_DATA_FOLDER_H
#define DOHLE_BROKER_DATA_FOLDER_H

#include "config.h"
#include "env.h"

#define CLUSTER_ID_SIZE          64
#define DATA_FOLDER_TROUBLE_SIZE 1024

struct data_folder {
    char *path;
    struct file *lock; /* held while open */
    struct kp_uuid directory_id;
    bool formatted;      /* was new, and has got its meta.properties now */
    bool clean;          /* the mark of a clean stop was there */
    bool offline;        /* cannot be used: nothing in it is read or written, its lock is not held */
    const char *trouble; /* why the last step with it failed: a sentence, and key=value pairs */
    char trouble_detail[DATA_FOLDER_TROUBLE_SIZE];
};

/* All of log.dirs, and metadata.log.dir when it is none of them. */
struct data_folders {
    struct env *env;
    struct data_folder *items; /* in the order of log.dirs */
    const char **directories;  /* the paths of log.dirs alone, as log_store_options wants them */
    bool *directories_offline; /* the same */
    int32_t count;             /* of items */
    int32_t directories_count;
    int32_t metadata; /* index of the folder with the metadata log */
    char cluster_id[CLUSTER_ID_SIZE];
    bool clean;                 /* each folder that can be used is new or was left by a clean stop */
    int64_t clean_broker_epoch; /* what the clean marks say, -1 when they differ or are not there */
    char *ephemeral_path;       /* to be removed at the end; NULL: none */
};

/* Make what is missing, take the locks, read or write meta.properties. With config->ephemeral a temporary folder takes
 * the place of config's log.dirs. `config` is read and in that case changed; `env` is borrowed. A folder that cannot be
 * used is offline, which a line tells; the start ends when that is the one with the metadata log, or none of log.dirs
 * is left. On failure false, a line was logged that says why, and nothing is held. */
bool data_folders_open(struct data_folders *folders, struct config *config, struct env *env) WARN_UNUSED;

/* Go on without the folder of this number, which is not the one with the metadata log. */
void data_folders_leave(struct data_folders *folders, int32_t number);

/* Remove the marks of the clean stop: from now on a crash is a crash. To be called before anything else is written. A
 * folder in which that fails is offline, as above. */
bool data_folders_started(struct data_folders *folders) WARN_UNUSED;

/* Mark the stop as clean, but not in what is offline: there the mark of its own last stop stays. `broker_epoch` is that
 * of the last registration in the metadata log, as Kafka wants it; -1: none. */
bool data_folders_mark_clean(const struct data_folders *folders, int64_t broker_epoch) WARN_UNUSED;

/* Give back the locks; an ephemeral folder is removed. */
void data_folders_close(struct data_folders *folders);

#endif
