/* The broker: from folders on a disk to something that answers requests, and back.
 *
 *     open:   lock the folders -> read the store's checkpoints -> replay the metadata log -> recover (unclean)
 *     close:  sync and checkpoint all logs -> mark the stop as clean -> give the locks back
 *
 * The mark of a clean stop is removed before anything is written, so a crash at any later point is seen as one. */
#include "broker.h"

#include "controller.h"
#include "fetch_session.h"
#include "folder_format.h"
#include "group_coordinator.h"
#include "limits.h"
#include "logger.h"
#include "producer_ids.h"
#include "purgatory.h"
#include "recovery.h"
#include "transaction_coordinator.h"
#include "unclaimed.h"

#include <inttypes.h>

/* ---- what the store tells ------------------------------------------------------------------------------------------- */

static int before_folder(void *context)
{
    struct broker *broker = context;
    return metadata_log_sync_now(broker->metadata_log);
}

/* Records were read that are no longer there: whoever read them is told by a new leader epoch. */
static int log_cut(void *context, const char *topic, int32_t partition)
{
    return controller_raise_epoch(context, kp_string_of(topic), partition);
}

static void log_placed(void *context, const char *topic, int32_t partition, int directory)
{
    controller_note_directory(context, kp_string_of(topic), partition, directory);
}

static void report(void *context, int level, const char *sentence, const char *detail)
{
    (void)context;
    const enum log_level levels[] = {LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR};
    log_line(levels[level], sentence, "%s", detail);
}

static bool open_store(struct broker *broker, int open_files_max)
{
    const struct config *config = broker->config;
    struct log_store_options options = {
        .files = broker->env->files,
        .executor = broker->env->executor,
        .directories = broker->folders.directories,
        .directories_offline = broker->folders.directories_offline,
        .directories_count = broker->folders.directories_count,
        .metadata_directory = broker->folders.items[broker->folders.metadata].path,
        .open_files_max = open_files_max,
        .sync = !config->ephemeral,
        .clean = broker->folders.clean,
        .turn = broker->env->turn,
        .now_ms = broker->env->now(broker->env).wall_ms,
        .recovery_point_interval_ms = config->log_flush_offset_checkpoint_interval_ms,
        .start_offset_interval_ms = config->log_flush_start_offset_checkpoint_interval_ms,
        .high_watermark_interval_ms = config->replica_high_watermark_checkpoint_interval_ms,
        .retention_check_interval_ms = config->log_retention_check_interval_ms,
        .initial_task_delay_ms = config->log_initial_task_delay_ms,
        .producer_check_interval_ms = config->producer_id_expiration_check_interval_ms,
        .producer_expiration_ms = &config->producer_id_expiration_ms,
        .cleaner = &config->log_cleaner,
        .before_folder = before_folder,
        .before_folder_context = broker,
        .log_cut = log_cut,
        .log_cut_context = broker,
        .log_placed = log_placed,
        .log_placed_context = broker,
        .report = report,
        .report_context = broker,
        .progress = recovery_progress,
    };
    broker->env->random(broker->env, options.hash_key, sizeof options.hash_key);
    struct storage_fault fault = {0};
    int error = log_store_open(&broker->store, &options, &fault);
    if (error != 0)
        LOG_ERROR("Cannot open the data folders", "reason=\"%s\" operation=%s path=%s errno=%d",
                  storage_error_text(error), fault.operation, fault.path, fault.error);
    for (int32_t i = 0; i < broker->folders.directories_count && error == 0; i++)
        if (log_store_directory_offline(broker->store, i))
            data_folders_leave(&broker->folders, i);
    return error == 0;
}

static bool open_controller(struct broker *broker)
{
    const struct data_folders *folders = &broker->folders;
    struct kp_uuid *ids = xcalloc((size_t)folders->directories_count, sizeof *ids);
    int32_t count = 0;
    for (int32_t i = 0; i < folders->directories_count; i++)
        if (!folders->directories_offline[i])
            ids[count++] = folders->items[i].directory_id;
    const struct controller_options options = {
        .directory = folders->items[folders->metadata].path,
        .clean = folders->clean,
        .directory_ids = ids,
        .directories_count = count,
    };
    bool opened = controller_open(broker, &options);
    free(ids);
    return opened;
}

/* ---- time ----------------------------------------------------------------------------------------------------------- */

/* The store wants to be called at a wall time; the timers run on the other clock. */
static void watch_store(struct broker *broker, int64_t due_wall_ms)
{
    broker->store_due_wall_ms = due_wall_ms;
    if (due_wall_ms == INT64_MAX) {
        timer_stop(&broker->timers, &broker->store_timer);
        return;
    }
    struct now now = broker->env->now(broker->env);
    int64_t wait_ms = due_wall_ms > now.wall_ms ? due_wall_ms - now.wall_ms : 1;
    timer_start(&broker->timers, &broker->store_timer, now.mono_ms + wait_ms);
    broker->env->wake_at(broker->env, now.mono_ms + wait_ms);
}

static void store_due(struct timer *timer)
{
    struct broker *broker = CONTAINER_OF(timer, struct broker, store_timer);
    watch_store(broker, log_store_tick(broker->store, broker->env->now(broker->env).wall_ms));
}

void broker_tick(struct broker *broker)
{
    timers_run(&broker->timers, broker->env->now(broker->env).mono_ms, broker->env->turn);
    turn_did(broker->env->turn, "timers");
    broker->env->wake_at(broker->env, timers_next(&broker->timers));
}

void broker_wake_waiting(struct broker *broker)
{
    if (list_empty(&broker->woken) && list_empty(&broker->ready))
        return;
    purgatory_run(broker);
    turn_did(broker->env->turn, "requests that waited");
}

bool broker_turn_end(struct broker *broker)
{
    bool goes_on = !list_empty(&broker->long_works);
    long_works_run(broker);
    log_store_begin_turn(broker->store, TURN_WORK_BYTES);
    int64_t due_wall_ms = log_store_next_ms(broker->store);
    if (due_wall_ms < broker->store_due_wall_ms) /* what was appended is to be synced sooner, or a topic was deleted */
        watch_store(broker, due_wall_ms);
    return goes_on;
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

/* Free everything but the store and the folders, in any state of an open that failed. */
static void release(struct broker *broker)
{
    controller_close(broker);
    transaction_coordinator_free(broker->transactions);
    group_coordinator_free(broker->groups);
    if (broker->fetch_sessions != NULL)
        fetch_sessions_free(broker->fetch_sessions);
    if (broker->producer_ids != NULL)
        producer_ids_free(broker->producer_ids);
    if (broker->quotas.values != NULL) { /* both were begun */
        quotas_release(&broker->quotas);
        telemetry_release(&broker->telemetry);
        verification_states_release(&broker->verification_states);
    }
    timer_stop(&broker->timers, &broker->store_timer);
    timers_release(&broker->timers);
    requests_release(broker);
    parts_release(&broker->parts);
    releases_finish(broker);
    data_folders_close(&broker->folders);
    free(broker);
}

/* Close the store. True when all of it is on the disk. */
static bool close_store(struct broker *broker)
{
    struct storage_fault fault = {0};
    int error = log_store_close(broker->store, broker->env->now(broker->env).wall_ms, &fault);
    if (error != 0)
        LOG_ERROR("The logs could not be closed well; the next start recovers them",
                  "reason=\"%s\" operation=%s path=%s errno=%d", storage_error_text(error), fault.operation, fault.path,
                  fault.error);
    return error == 0;
}

static void open_client_state(struct broker *broker)
{
    const struct config *config = broker->config;
    const struct quota_windows windows = {config->quota_window_num, (int64_t)config->quota_window_size_seconds * 1000};
    const struct quota_windows mutation_windows = {config->controller_quota_window_num,
                                                   (int64_t)config->controller_quota_window_size_seconds * 1000};
    uint64_t seed;
    broker->env->random(broker->env, &seed, sizeof seed);
    telemetry_init(&broker->telemetry, seed);
    verification_states_init(&broker->verification_states, seed);
    quotas_init(&broker->quotas, catalog_client_quotas(broker->catalog), &windows, &mutation_windows, seed);
}

bool broker_open(struct broker **opened, struct config *config, struct env *env, int open_files_max)
{
    *opened = NULL;
    struct broker *broker = xcalloc(1, sizeof *broker);
    broker->env = env;
    broker->config = config;
    list_init(&broker->waits);
    list_init(&broker->woken);
    list_init(&broker->ready);
    list_init(&broker->long_works);
    list_init(&broker->deletions.link);
    parts_init(&broker->parts);
    releases_init(&broker->releases);
    list_init(&broker->spare_requests);
    timers_init(&broker->timers);
    broker->store_timer.expired = store_due;
    if (!data_folders_open(&broker->folders, config, env)) {
        free(broker);
        return false;
    }
    broker->node_id = config->node_id;
    broker->listeners = config->listeners;
    broker->listeners_count = config->listeners_count;
    broker->directory_id = broker->folders.items[broker->folders.metadata].directory_id;
    snprintf(broker->cluster_id, sizeof broker->cluster_id, "%s", broker->folders.cluster_id);
    if (!folder_format_known(&broker->folders) || !data_folders_started(&broker->folders) ||
        !open_store(broker, open_files_max)) {
        release(broker);
        return false;
    }
    if (!open_controller(broker)) {
        (void)close_store(broker);
        release(broker);
        return false;
    }
    unclaimed_folders_tell(broker);
    if (!broker->folders.clean)
        recovery_run(broker);
    broker->fetch_sessions = fetch_sessions_new(env, config->max_incremental_fetch_session_cache_slots /
                                                         FETCH_SESSION_PARTS * FETCH_SESSION_PARTS);
    broker->producer_ids = producer_ids_new(broker);
    broker->groups = group_coordinator_new(broker);
    broker->transactions = transaction_coordinator_new(broker);
    open_client_state(broker);
    store_due(&broker->store_timer);
    log_store_begin_turn(broker->store, TURN_WORK_BYTES);
    env->wake_at(env, timers_next(&broker->timers));
    *opened = broker;
    return true;
}

void broker_stop(struct broker *broker)
{
    broker->stopping = true;
    log_store_stop(broker->store);
    purgatory_expire(broker);
    group_coordinator_stop(broker->groups);
    transaction_coordinator_stop(broker->transactions);
    long_works_finish(broker);
}

bool broker_close(struct broker *broker)
{
    int64_t broker_epoch = controller_broker_epoch(broker, broker->node_id);
    broker->stopping = true;
    controller_resign(broker);
    bool clean = metadata_log_sync_now(broker->metadata_log) == 0;
    catalog_delete_last_logs(broker->catalog);
    if (clean)
        log_store_carry_out(broker->store, log_store_deletions(broker->store), true);
    clean = close_store(broker) && clean;
    if (clean)
        clean = data_folders_mark_clean(&broker->folders, broker_epoch);
    release(broker);
    return clean;
}
