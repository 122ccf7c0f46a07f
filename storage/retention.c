/* Retention: segments that nobody has to keep.
 *
 * From the oldest on, a segment goes when
 *
 *     the next one begins at or below the log start     whatever the cleanup policy
 *     the rest alone still has retention.bytes          with cleanup.policy delete
 *     its newest record is older than retention.ms      with cleanup.policy delete
 *
 * and the first that stays ends it. Timestamps in the future keep a segment; one without any goes by its file's time.
 * When even the active one goes, an empty one that begins at the log end takes its place, so that offsets never go
 * back. An empty active segment stays.
 *
 * A segment goes only when the one behind it is on the disk: otherwise a power cut could take both, and the log would
 * end below what was once confirmed. Where a sync is missing, retention has one made and goes on after it.
 *
 * What goes is renamed to .deleted and removed later (removal.c); the log start moves up, and the leader epochs with
 * it. Rules and their order are those of Kafka's UnifiedLog.
 *
 * A round over all logs begins when the interval has passed, and goes on in parts of about a millisecond, so that it
 * stops nobody for long, whatever there is to delete. Ten thousand logs that nobody uses are not loaded for it: of each
 * a survey is made once (log_survey.c), and as long as it says that all stays, a round costs a comparison. After an
 * unclean stop there is no survey to believe: the first round, which then begins at once, recovers what was not used
 * since. */
#include "log_internal.h"

#include <inttypes.h>

/* What a part of a round may cost; a comparison costs 1. */
#define PART_COST_MAX 1000
#define COST_OF_FILES 50 /* to look into a folder, load a small log or rename a segment's files: 50 us */
#define PART_PAUSE_MS 10

static bool too_old(const struct log *log, struct segment *segment, int64_t now_ms)
{
    return log->config->cleanup_delete && log->config->retention_ms >= 0 &&
           now_ms - segment_newest_ms(segment, now_ms) > log->config->retention_ms;
}

/* How many segments go: the first `count`. Kafka looks at each reason by itself, in this order. */
static int32_t count_deletable(const struct log *log, int64_t now_ms)
{
    int32_t count = 0;
    int64_t left_bytes = 0;
    for (int32_t i = 0; i < log->segments_count; i++)
        left_bytes += log->segments[i]->size_bytes;
    while (count + 1 < log->segments_count && log->segments[count + 1]->base_offset <= log->start_offset)
        left_bytes -= log->segments[count++]->size_bytes;
    bool by_size = log->config->cleanup_delete && log->config->retention_bytes >= 0;
    while (by_size && count < log->segments_count && log->segments[count]->size_bytes > 0 &&
           left_bytes - log->segments[count]->size_bytes >= log->config->retention_bytes)
        left_bytes -= log->segments[count++]->size_bytes;
    while (count < log->segments_count && (log->segments[count]->size_bytes > 0 || count + 1 < log->segments_count) &&
           too_old(log, log->segments[count], now_ms))
        count++;
    return count;
}

/* Take the first segment out of the log. */
static int delete_first(struct log *log, int64_t now_ms, struct storage_fault *fault)
{
    struct segment *segment = log->segments[0];
    int error = segment_rename(segment, SUFFIX_DELETED);
    if (error == 0)
        error = segment_rename_snapshot(segment);
    log->names_unsynced = true;
    if (error < 0)
        return log_fail_file(log, fault, "rename", &segment->log, error);
    log->segments_count--;
    for (int32_t i = 0; i < log->segments_count; i++)
        log->segments[i] = log->segments[i + 1];
    store_remove_segment(log->store, segment, now_ms + log->config->file_delete_delay_ms);
    return 0;
}

/* Of the first `count` segments, those whose successor is on the disk. */
static int32_t count_safe(const struct log *log, int32_t count)
{
    while (log->store->options.sync && count > 0 && log->segments[count]->base_offset > log->sealed_offset)
        count--;
    return count;
}

int log_apply_retention(struct log *log, int32_t segments_max, int64_t now_ms, struct storage_fault *fault)
{
    int32_t wanted = log_is_cleaned(log) ? 0 : count_deletable(log, now_ms);
    log->retention_waits = false;
    if (wanted > segments_max)
        wanted = segments_max;
    if (wanted == 0)
        return 0;
    log->touched = true;
    int error = wanted == log->segments_count ? log_roll(log, now_ms, fault) : 0;
    if (error < 0)
        return error;
    int32_t count = count_safe(log, wanted);
    if (count < wanted) {
        log->retention_waits = true;
        log_sync_soon(log);
    }
    if (count == 0)
        return 0;
    int32_t deleted = 0;
    for (; error == 0 && deleted < count; deleted++)
        error = delete_first(log, now_ms, fault);
    int moved = log_set_start(log, log->segments[0]->base_offset, error == 0 ? fault : NULL);
    if (error == 0)
        error = moved;
    store_report(log->store, 0, "Deleted segments that retention does not keep",
                 "topic=%s partition=%d segments=%d log_start_offset=%" PRId64, log->topic, (int)log->partition,
                 (int)deleted, log->start_offset);
    return error < 0 ? error : deleted;
}

void log_retention_synced(struct log *log)
{
    if (log->retention_waits && log_apply_retention(log, INT32_MAX, log->store->now_ms, NULL) < 0)
        log->retention_waits = false; /* what fails is reported; the next round tries again */
}

/* ---- rounds ---------------------------------------------------------------------------------------------------- */

/* Is there nothing to delete in an unloaded log, as far as a survey can say? */
static bool survey_keeps_all(const struct log *log, const struct log_survey *survey, int64_t now_ms)
{
    const struct log_config *config = log->config;
    if (survey->wants_load)
        return false;
    if (!config->cleanup_delete || survey->oldest_ms == INT64_MAX)
        return true;
    bool small = config->retention_bytes < 0 || survey->total_bytes - survey->oldest_bytes < config->retention_bytes;
    return small && (config->retention_ms < 0 || now_ms - survey->oldest_ms <= config->retention_ms);
}

/* Do for one log what the round is for. Returns what it cost; *more says that it is to be visited again. */
static int visit(struct log *log, int cost_max, int64_t now_ms, bool *more)
{
    int cost = 1;
    *more = false;
    if (log->state == LOG_UNLOADED) {
        if (log->store->options.clean) {
            cost += log->survey.known ? 0 : COST_OF_FILES;
            if (survey_keeps_all(log, log_surveyed(log), now_ms))
                return cost;
        }
        cost += 2 * COST_OF_FILES;
    }
    /* What fails is reported, and puts the log offline or is tried again in the next round. */
    if (log_ready(log, NULL) < 0 || log->segments_count == 0)
        return cost;
    int32_t segments_max = cost < cost_max ? (cost_max - cost) / COST_OF_FILES : 0;
    int deleted = log_apply_retention(log, segments_max > 0 ? segments_max : 1, now_ms, NULL);
    *more = deleted > 0;
    return cost + (deleted > 0 ? deleted * COST_OF_FILES : 0);
}

int64_t store_retention_tick(struct log_store *store, int64_t now_ms)
{
    if (now_ms < store->retention_due_ms)
        return store->retention_due_ms;
    for (int cost = 0; cost < PART_COST_MAX;) {
        struct log *log = list_empty(&store->logs) ? NULL : CONTAINER_OF(store->logs.next, struct log, link);
        if (log == NULL || log->retention_run > store->retention_run) { /* all were visited in this round */
            store->retention_run++;
            store->retention_due_ms = now_ms + store->options.retention_check_interval_ms;
            return store->retention_due_ms;
        }
        bool more;
        cost += visit(log, PART_COST_MAX - cost, now_ms, &more);
        if (more)
            continue;
        log->retention_run = store->retention_run + 1;
        list_remove(&log->link);
        list_append(&store->logs, &log->link);
    }
    store->retention_due_ms = now_ms + PART_PAUSE_MS;
    return store->retention_due_ms;
}
