/* The cleaner: which log is compacted next, and when.
 *
 *     log start      cleaned_offset             first uncleanable            log end
 *         |------ clean ----|---------- dirty ---------|------ not yet ---------|
 *
 * What is not yet to be cleaned begins at the last stable offset, the active segment, or the first segment with a
 * record younger than min.compaction.lag.ms, whichever comes first, and then at the start of its segment. A log is due
 * when
 *
 *     dirty / (clean + dirty) > min.cleanable.dirty.ratio          in bytes; the worst log first
 *     or a dirty segment begins with a record older than max.compaction.lag.ms
 *
 * One log at a time is cleaned (log.cleaner.threads has no effect): the next one follows at once, and when none is due
 * the cleaner looks again after log.cleaner.backoff.ms. Retention of compacted logs, which concerns those with
 * cleanup.policy=compact,delete and what lies below the log start, follows the same clock, as in Kafka, so that it
 * never meets a cleaning.
 *
 * A log that moves to another directory is cleaned there. One that nobody uses is loaded only when a survey shows that
 * it has more than one segment, and a few in each round.
 *
 * Up to where a log is clean is kept in cleaner-offset-checkpoint, in Kafka's form. Rules: Kafka's LogCleanerManager.
 */
#include "cleaning.h"

#include <inttypes.h>

#define LOADS_PER_ROUND 8
#define LOADS_PAUSE_MS  50
#define DELETED_PER_LOG 4 /* segments in a round; retention's own rounds do the rest */

/* ---- what of a log is dirty ---------------------------------------------------------------------------------------- */

struct dirty_part {
    int64_t dirty_offset, end_offset; /* [,) */
    double ratio;
    bool overdue; /* max.compaction.lag.ms has passed */
};

/* Where the dirty part begins. The checkpoint may be older than the log start, or newer than what a crash left. */
static int64_t dirty_offset_of(struct log *log)
{
    if (log->cleaned_offset > log->end_offset) {
        store_report(log->store, 1, "The cleaner checkpoint lies beyond the log end: all of the log is dirty",
                     "topic=%s partition=%d checkpoint=%" PRId64 " log_end_offset=%" PRId64, log->topic,
                     (int)log->partition, log->cleaned_offset, log->end_offset);
        log->cleaned_offset = log->start_offset;
    }
    return log->cleaned_offset > log->start_offset ? log->cleaned_offset : log->start_offset;
}

/* The number of the first segment of the dirty part. */
static int32_t first_dirty(const struct log *log, int64_t dirty_offset)
{
    int32_t number = log_segment_at(log, dirty_offset);
    return number < 0 ? 0 : number;
}

/* The number of the first segment that is not to be cleaned. */
static int32_t first_uncleanable(struct log *log, int64_t dirty_offset, int64_t now_ms)
{
    int32_t active = log->segments_count - 1;
    int32_t number = first_dirty(log, log_last_stable_offset(log));
    if (number > active)
        number = active;
    int64_t lag_ms = log->config->min_compaction_lag_ms;
    for (int32_t i = first_dirty(log, dirty_offset); lag_ms > 0 && i < number; i++)
        if (segment_newest_ms(log->segments[i], now_ms) > now_ms - lag_ms)
            number = i;
    return number;
}

/* Does a dirty segment begin with a record older than max.compaction.lag.ms? */
static bool is_overdue(const struct log *log, int64_t dirty_offset, int64_t now_ms)
{
    int64_t lag_ms = log->config->max_compaction_lag_ms;
    for (int32_t i = first_dirty(log, dirty_offset); lag_ms < now_ms && i + 1 < log->segments_count; i++) {
        int64_t first_ms = segment_first_timestamp_ms(log->segments[i]);
        if (first_ms > 0 && first_ms < now_ms - lag_ms)
            return true;
    }
    return false;
}

/* Is the log to be cleaned? */
static bool is_due(struct log *log, int64_t now_ms, struct dirty_part *part)
{
    int64_t clean_bytes = 0, dirty_bytes = 0;
    int64_t dirty_offset = dirty_offset_of(log);
    int32_t end = first_uncleanable(log, dirty_offset, now_ms);
    for (int32_t i = 0; i < end; i++) {
        if (log->segments[i]->base_offset < dirty_offset)
            clean_bytes += log->segments[i]->size_bytes;
        if (i >= first_dirty(log, dirty_offset)) /* the one that is partly clean counts for both, as in Kafka */
            dirty_bytes += log->segments[i]->size_bytes;
    }
    *part = (struct dirty_part){
        .dirty_offset = dirty_offset,
        .end_offset = log->segments[end]->base_offset,
        .ratio = dirty_bytes > 0 ? (double)dirty_bytes / (double)(clean_bytes + dirty_bytes) : 0,
        .overdue = is_overdue(log, dirty_offset, now_ms),
    };
    return dirty_bytes > 0 && part->dirty_offset < part->end_offset &&
           (part->overdue || part->ratio > log->config->min_cleanable_dirty_ratio);
}

/* ---- rounds -------------------------------------------------------------------------------------------------------- */

/* Is it worth loading the log? Not with one segment, which is the active one. */
static bool has_more_than_active(struct log *log)
{
    const struct log_survey *survey = log_surveyed(log);
    return survey->wants_load || survey->total_bytes > survey->oldest_bytes;
}

/* Have the log loaded, unless there is no need, or enough were loaded in this round. */
static bool is_ready(struct log *log, int *loads_left)
{
    if (log->state == LOG_UNLOADED) {
        if (*loads_left == 0 || !has_more_than_active(log))
            return false;
        (*loads_left)--;
    }
    return log_ready(log, NULL) == 0 && log->segments_count > 0;
}

static struct log *find_worst(struct log_store *store, int64_t now_ms, struct dirty_part *worst, int *loads_left)
{
    struct log *found = NULL;
    *worst = (struct dirty_part){0};
    list_for_each (&store->logs, node) {
        struct log *log = CONTAINER_OF(node, struct log, link);
        struct dirty_part part;
        if (!log->config->cleanup_compact || log->uncleanable || log->move != NULL || !is_ready(log, loads_left))
            continue;
        if (log_apply_retention(log, DELETED_PER_LOG, now_ms, NULL) < 0) /* reported */
            continue;
        if (is_due(log, now_ms, &part) && (found == NULL || part.ratio > worst->ratio)) {
            found = log;
            *worst = part;
        }
    }
    return found;
}

int64_t store_cleaner_tick(struct log_store *store, int64_t now_ms)
{
    struct cleaner *cleaner = &store->cleaner;
    const struct cleaner_config *config = store->options.cleaner;
    if (store->stopped)
        return INT64_MAX;
    if (cleaner->cleaning != NULL && cleaner->cleaning->busy)
        return INT64_MAX;
    if (now_ms < cleaner->due_ms)
        return cleaner->due_ms;
    cleaner->due_ms = now_ms + config->backoff_ms;
    if (cleaner->cleaning != NULL) {
        cleaning_go_on(cleaner->cleaning);
    } else if (config->enable) {
        struct dirty_part part;
        int loads_left = LOADS_PER_ROUND;
        struct log *log = find_worst(store, now_ms, &part, &loads_left);
        if (log != NULL)
            cleaning_start(log, part.dirty_offset, part.end_offset, now_ms);
        else if (loads_left == 0)
            cleaner->due_ms = now_ms + LOADS_PAUSE_MS;
    }
    return cleaner->cleaning != NULL && cleaner->cleaning->busy ? INT64_MAX : cleaner->due_ms;
}

void store_cleaner_wake(struct log_store *store, int64_t at_ms)
{
    store->cleaner.due_ms = at_ms;
    if (at_ms < store->next_ms)
        store->next_ms = at_ms;
}

void store_cleaner_move_back(struct log_store *store, int64_t by_ms)
{
    store->cleaner.due_ms -= by_ms;
}

/* ---- what happens to a log, and the end ---------------------------------------------------------------------------- */

bool log_is_cleaned(const struct log *log)
{
    const struct cleaning *cleaning = log->store->cleaner.cleaning;
    return cleaning != NULL && cleaning->log == log;
}

void log_forget_cleaning(struct log *log)
{
    if (log_is_cleaned(log))
        cleaning_cancel(log->store->cleaner.cleaning, true);
}

void log_store_stop(struct log_store *store)
{
    store->stopped = true;
    if (store->cleaner.cleaning != NULL)
        cleaning_cancel(store->cleaner.cleaning, false);
}

void store_cleaner_close(struct log_store *store)
{
    if (store->cleaner.cleaning != NULL)
        cleaning_close(store->cleaner.cleaning);
}

void store_cleaner_free(struct log_store *store)
{
    if (store->cleaner.cleaning != NULL)
        cleaning_free(store->cleaner.cleaning);
}
