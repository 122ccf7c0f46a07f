/* After an unclean stop: which logs are read before the broker serves anybody.
 *
 * Nobody may see a log that was not recovered, and nobody does: whatever needs a log loads it, and after an unclean
 * stop loading is recovery. So the start need not wait for all. A log with little to read, a fraction of a millisecond,
 * is left to the first who needs it, or to the store's first round of retention, which begins at once; one with much is
 * recovered here, where no client waits for the loop. With ten thousand idle partitions the start then looks into each
 * folder and reads none of them.
 *
 * A person who waits longer than a second is told which partition it is, and how much is left. */
#include "recovery.h"

#include "broker.h"
#include "logger.h"

#include <inttypes.h>

#define LITTLE_TO_READ_BYTES (256 * 1024)
#define PROGRESS_MS          1000

struct recovery {
    int64_t told_ms;           /* monotonic; when a line was written, or it began */
    int64_t partitions, bytes; /* all that are recovered here, and what they have to read */
    int64_t partitions_done, bytes_done;
    int64_t deferred;            /* partitions that are not */
    const struct partition *now; /* at this one */
};

void recovery_progress(void *context, int64_t bytes)
{
    struct broker *broker = context;
    struct recovery *recovery = broker->recovery;
    if (recovery == NULL)
        return;
    recovery->bytes_done += bytes;
    int64_t now_ms = broker->env->now(broker->env).mono_ms;
    if (now_ms - recovery->told_ms < PROGRESS_MS || recovery->now == NULL)
        return;
    recovery->told_ms = now_ms;
    LOG_INFO("Recovering",
             "topic=%s partition=%d partitions_done=%" PRId64 " partitions=%" PRId64 " mb_done=%" PRId64 " mb=%" PRId64,
             recovery->now->topic->name, recovery->now->index, recovery->partitions_done, recovery->partitions,
             recovery->bytes_done >> 20, recovery->bytes >> 20);
}

static void each_partition(struct broker *broker, void (*each)(struct broker *broker, struct partition *partition))
{
    int32_t topics = catalog_topics_count(broker->catalog);
    for (int32_t t = 0; t < topics; t++) {
        struct topic *topic = catalog_topic_at(broker->catalog, t);
        for (int32_t p = 0; p < topic->partitions_count; p++)
            each(broker, topic->partitions[p]);
    }
}

static void count_partition(struct broker *broker, struct partition *partition)
{
    int64_t bytes = log_recovery_bytes(partition->log);
    if (bytes > LITTLE_TO_READ_BYTES) {
        broker->recovery->partitions++;
        broker->recovery->bytes += bytes;
    } else {
        broker->recovery->deferred++;
    }
}

static void recover_partition(struct broker *broker, struct partition *partition)
{
    if (log_recovery_bytes(partition->log) <= LITTLE_TO_READ_BYTES)
        return;
    struct storage_fault fault = {0};
    broker->recovery->now = partition;
    int error = log_load(partition->log, &fault);
    if (error != 0)
        LOG_ERROR("A partition is offline", "topic=%s partition=%d reason=\"%s\" operation=%s path=%s errno=%d",
                  partition->topic->name, partition->index, storage_error_text(error), fault.operation, fault.path,
                  fault.error);
    broker->recovery->partitions_done++;
    recovery_progress(broker, 0);
}

void recovery_run(struct broker *broker)
{
    int64_t began_ms = broker->env->now(broker->env).mono_ms;
    struct recovery recovery = {.told_ms = began_ms};
    broker->recovery = &recovery;
    each_partition(broker, count_partition);
    each_partition(broker, recover_partition);
    broker->recovery = NULL;
    LOG_INFO("Recovered after an unclean stop",
             "partitions=%" PRId64 " mb=%" PRId64 " ms=%" PRId64 " later_partitions=%" PRId64, recovery.partitions,
             recovery.bytes_done >> 20, broker->env->now(broker->env).mono_ms - began_ms, recovery.deferred);
}
