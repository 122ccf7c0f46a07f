/* See folder_wait.h. */
#include "folder_wait.h"

#include "broker.h"

static void make_done(struct log_make *make, int status)
{
    struct folder_wait *wait = CONTAINER_OF(make, struct folder_wait, make);
    wait->done(wait, status);
}

static void make_folder(struct folder_wait *wait, const struct partition *partition)
{
    wait->make.done = make_done;
    log_make(partition->log, partition->leader_epoch, &wait->make);
}

static void durable_done(struct metadata_wait *durable, int status)
{
    struct folder_wait *wait = CONTAINER_OF(durable, struct folder_wait, durable);
    const struct topic *topic = catalog_topic_by_id(wait->broker->catalog, wait->topic_id);
    const struct partition *partition = topic == NULL ? NULL : topic_partition(topic, wait->partition);
    if (status != 0)
        wait->done(wait, status);
    else if (partition == NULL || !log_wants_make(partition->log))
        wait->done(wait, 0);
    else
        make_folder(wait, partition);
}

void folder_wait_begin(struct folder_wait *wait, struct broker *broker, const struct partition *partition)
{
    wait->broker = broker;
    wait->topic_id = partition->topic->id;
    wait->partition = partition->index;
    wait->durable.done = durable_done;
    if (!metadata_log_wait(broker->metadata_log, &wait->durable))
        make_folder(wait, partition);
}
