/* Folders in a data folder that have the name of a partition, but no topic is of that name, or none with so many
 * partitions: what a deletion left whose rename was lost with the power, or what somebody copied there. Kafka renames
 * them to -stray. Here they are left as they are and named in the log: nobody reads them, a topic that is made under
 * such a name puts its folder aside (storage/log_load.c), and when it is the metadata log that was lost, everything is
 * still at its place. */
#include "unclaimed.h"

#include "broker.h"
#include "catalog.h"
#include "logger.h"

#include <errno.h>
#include <string.h>

#define METADATA_FOLDER "__cluster_metadata-0"

struct search {
    const struct catalog *catalog;
    int32_t count;
    char first[256];
};

/* The partition's number at the end of a folder's name, -1 when it is no such name; *topic_bytes go before it. */
static int64_t partition_of(const char *name, int32_t *topic_bytes)
{
    const char *dash = strrchr(name, '-');
    size_t digits = dash != NULL ? strspn(dash + 1, "0123456789") : 0;
    if (digits == 0 || digits > 10 || dash[1 + digits] != '\0' || dash == name)
        return -1;
    *topic_bytes = (int32_t)(dash - name);
    return strtoll(dash + 1, NULL, 10);
}

static void look_at(void *context, const char *name, bool is_directory)
{
    struct search *search = context;
    int32_t topic_bytes;
    int64_t partition = is_directory ? partition_of(name, &topic_bytes) : -1;
    if (partition < 0 || strcmp(name, METADATA_FOLDER) == 0)
        return;
    const struct topic *topic = catalog_topic(search->catalog, (struct kp_string){name, topic_bytes});
    if (topic != NULL && partition < topic->partitions_count)
        return;
    if (search->count++ == 0)
        snprintf(search->first, sizeof search->first, "%s", name);
}

void unclaimed_folders_tell(struct broker *broker)
{
    struct file_io *files = broker->env->files;
    for (int32_t i = 0; i < broker->folders.directories_count; i++) {
        const char *path = broker->folders.directories[i];
        struct search search = {.catalog = broker->catalog};
        if (broker->folders.directories_offline[i])
            continue;
        int error = files->list(files, path, look_at, &search);
        if (error < 0)
            LOG_WARN("Cannot list the data folder", "path=%s error=\"%s\"", path, strerror(-error));
        if (search.count > 0)
            LOG_WARN("Folders of partitions belong to no topic and are left alone", "path=%s folders=%d first=%s", path,
                     search.count, search.first);
    }
}
