/* Opening, appending and syncing of the metadata log. See metadata_log.h for the rules.
 *
 *     offsets:     |-- in a checkpoint --|-- replayed --|-- synced --|-- sync under way --|-- to be synced --|
 *                  0              opening->from                durable        flushing              end
 *
 * Files beside the log's own: OFFSET-EPOCH.checkpoint (metadata_snapshot.h), and quorum-state, one line of JSON with
 * the epoch and its leader, which Kafka reads before the log. Both are replaced as a whole. */
#include "metadata_log.h"

#include "features.h"
#include "logger.h"
#include "metadata_bootstrap.h"
#include "metadata_checkpoint.h"
#include "request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define FOLDER METADATA_TOPIC "-0"

#define INDEX_BYTES (10 * 1024 * 1024)

#define QUORUM_STATE_BYTES_MAX 4096

/* The id of this topic in every cluster. */
static const struct kp_uuid topic_id = {{[15] = 1}};

/* A request whose answer waits for a sync. */
struct held_request {
    struct metadata_wait wait;
    struct request *request;
};

struct metadata_log {
    struct metadata_log_options options;
    char *folder; /* of __cluster_metadata-0 */
    struct log_config log_config;
    struct log *log;
    int32_t epoch;
    int64_t end_offset;
    int64_t durable_offset;  /* end of what is synced */
    int64_t flushing_offset; /* end of what the flush under way will have synced */
    int64_t last_timestamp_ms;
    int64_t bytes_since_snapshot;
    int64_t snapshot_begun_ms; /* monotonic; or when the log was opened */
    struct metadata_checkpoint checkpoint;
    struct log_flush flush;
    bool flushing, failed;
    bool has_voters;           /* they are in the log or its checkpoint: KRaft version 1 */
    bool quorum_state_written; /* of this epoch */
    struct list waits;         /* struct metadata_wait, by rising offset */
};

/* What is known while the log is opened. */
struct opening {
    struct metadata_log *log;
    char *error;
    struct snapshot_id snapshot; /* the newest checkpoint above offset 0; offset 0: none */
    bool formatted;              /* a checkpoint or a segment is there */
    int64_t from;                /* records below are in the checkpoint */
    bool in_transaction;
    struct kp_bytes *pending; /* records of the open transaction, copied */
    int32_t pending_count, pending_capacity;
    int32_t highest_epoch;
};

static bool PRINTF_LIKE(2, 3) fail(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, METADATA_LOG_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

static bool fail_fault(char *error, const char *what, const struct storage_fault *fault)
{
    return fail(error, "%s: %s of %s failed: %s", what, fault->operation ? fault->operation : "reading", fault->path,
                fault->error ? strerror(fault->error) : "its content is damaged");
}

/* ---- the folder ----------------------------------------------------------------------------------------------------- */

static void folder_entry(void *context, const char *name, bool is_directory)
{
    struct opening *opening = context;
    struct snapshot_id id;
    size_t size = strlen(name);
    if (is_directory)
        return;
    if (size == 24 && strcmp(name + 20, ".log") == 0)
        opening->formatted = true;
    if (!snapshot_name_parse(name, &id))
        return;
    opening->formatted = true;
    if (id.offset > opening->snapshot.offset)
        opening->snapshot = id;
}

static int64_t wall_ms(const struct metadata_log *log)
{
    return log->options.env->now(log->options.env).wall_ms;
}

static int64_t mono_ms(const struct metadata_log *log)
{
    return log->options.env->now(log->options.env).mono_ms;
}

static struct snapshot_voter self_as_voter(const struct metadata_log *log)
{
    return (struct snapshot_voter){.node_id = log->options.node_id, .directory_id = log->options.directory_id};
}

#define FIRST_LEVELS_BYTES_MAX 4096

/* What Kafka's `storage format` leaves: a checkpoint at 0 with the voters and the levels that the log begins with. */
static int write_first_snapshot(const struct metadata_log *log)
{
    struct snapshot_id id = {.offset = 0, .epoch = 0};
    struct snapshot_voter voter = self_as_voter(log);
    struct snapshot snapshot;
    struct arena arena;
    arena_init(&arena, FIRST_LEVELS_BYTES_MAX);
    snapshot_init(&snapshot, id, &voter, wall_ms(log), wall_ms(log));
    for (size_t i = 0; i < FEATURES_COUNT; i++) {
        const struct kp_feature_level_record level = feature_latest(&features[i]);
        snapshot_add(&snapshot, metadata_record_encode(&kp_feature_level_record_schema, 0, &level, &arena));
    }
    int status = snapshot_write(&snapshot, log->options.env->files, log->folder, id, log->options.sync);
    arena_release(&arena);
    return status;
}

/* The folder exists, is listed, and has a first checkpoint. */
static bool prepare_folder(struct opening *opening)
{
    struct metadata_log *log = opening->log;
    struct file_io *files = log->options.env->files;
    struct file_stat stat;
    int status = files->stat(files, log->folder, &stat);
    if (status == -ENOENT)
        status = files->mkdir(files, log->folder);
    if (status == 0)
        status = files->list(files, log->folder, folder_entry, opening);
    /* Where a bootstrap.checkpoint stands alone the voters are in everybody's settings. */
    if (status == 0 && !opening->formatted && !metadata_bootstrap_exists(files, log->options.directory))
        status = write_first_snapshot(log);
    if (status == 0 && !opening->formatted && log->options.sync) /* its own entries were synced with the checkpoint */
        status = files->sync_directory(files, log->options.directory);
    return status == 0 ||
           fail(opening->error, "The metadata folder %s cannot be opened: %s", log->folder, strerror(-status));
}

static void quorum_state_path(const struct metadata_log *log, char path[STORAGE_PATH_MAX])
{
    snprintf(path, STORAGE_PATH_MAX, "%s/quorum-state", log->folder);
}

/* The epoch of quorum-state, 0 when the file is not there or says none: the log knows better in most cases. */
static int32_t read_quorum_epoch(const struct metadata_log *log)
{
    char path[STORAGE_PATH_MAX], *text;
    size_t size;
    quorum_state_path(log, path);
    if (file_load(log->options.env->files, path, QUORUM_STATE_BYTES_MAX, &text, &size) < 0)
        return 0;
    static const char name[] = "\"leaderEpoch\":";
    const char *found = strstr(text, name);
    long epoch = found ? strtol(found + sizeof name - 1, NULL, 10) : 0;
    free(text);
    return epoch > 0 && epoch < INT32_MAX ? (int32_t)epoch : 0;
}

/* Before the first sync of this run, so that a start need not wait for the disk. */
static void write_quorum_state(struct metadata_log *log)
{
    if (log->quorum_state_written)
        return;
    char path[STORAGE_PATH_MAX], text[QUORUM_STATE_BYTES_MAX], nobody[KP_UUID_TEXT_SIZE];
    quorum_state_path(log, path);
    kp_uuid_text(KP_ZERO_UUID, nobody);
    int size =
        snprintf(text, sizeof text,
                 "{\"leaderId\":%" PRId32 ",\"leaderEpoch\":%" PRId32 ",\"votedId\":-1,\"votedDirectoryId\":\"%s\","
                 "\"data_version\":1}",
                 log->options.node_id, log->epoch, nobody);
    int status = file_replace(log->options.env->files, path, text, (size_t)size, log->options.sync);
    if (status == 0)
        log->quorum_state_written = true;
    else /* Kafka takes a higher epoch from the log, and so do we */
        LOG_WARN("Cannot write quorum-state", "path=%s error=\"%s\"", path, strerror(-status));
}

/* ---- replay at start ------------------------------------------------------------------------------------------------ */

static bool apply(struct opening *opening, const struct metadata_record *record)
{
    return opening->log->options.replay(opening->log->options.context, record, opening->error);
}

static void forget_transaction(struct opening *opening)
{
    for (int32_t i = 0; i < opening->pending_count; i++)
        free((void *)opening->pending[i].data);
    free(opening->pending);
    opening->pending = NULL;
    opening->pending_count = opening->pending_capacity = 0;
    opening->in_transaction = false;
}

static void put_aside(struct opening *opening, struct kp_bytes value)
{
    if (opening->pending_count == opening->pending_capacity) {
        opening->pending_capacity = opening->pending_capacity > 0 ? 2 * opening->pending_capacity : 16;
        opening->pending = xrealloc(opening->pending, (size_t)opening->pending_capacity * sizeof *opening->pending);
    }
    uint8_t *copy = xmalloc((size_t)value.size);
    memcpy(copy, value.data, (size_t)value.size);
    opening->pending[opening->pending_count++] = (struct kp_bytes){copy, value.size};
}

static bool apply_transaction(struct opening *opening)
{
    bool applied = true;
    for (int32_t i = 0; i < opening->pending_count && applied; i++) {
        struct metadata_record record;
        applied = metadata_record_parse(&record, opening->pending[i]) && apply(opening, &record);
    }
    forget_transaction(opening);
    return applied;
}

static bool open_record(void *context, int64_t offset, const struct metadata_record *record)
{
    struct opening *opening = context;
    (void)offset;
    switch (record->type) {
    case KP_TYPE_BEGIN_TRANSACTION_RECORD:
        forget_transaction(opening);
        opening->in_transaction = true;
        return true;
    case KP_TYPE_END_TRANSACTION_RECORD:
        return apply_transaction(opening);
    case KP_TYPE_ABORT_TRANSACTION_RECORD:
        forget_transaction(opening);
        return true;
    default:
        if (!opening->in_transaction)
            return apply(opening, record);
        put_aside(opening, record->value);
        return true;
    }
}

static bool open_batch(void *context, const struct record_batch *batch)
{
    struct opening *opening = context;
    struct metadata_log *log = opening->log;
    if (!record_batch_crc_ok(batch))
        return fail(opening->error, "The metadata log is damaged at offset %" PRId64 ": wrong checksum",
                    batch->base_offset);
    if (batch->leader_epoch > opening->highest_epoch)
        opening->highest_epoch = batch->leader_epoch;
    log->last_timestamp_ms = batch->max_timestamp_ms;
    log->bytes_since_snapshot += batch->size_bytes;
    if (batch->attributes & BATCH_CONTROL) {
        log->has_voters |= snapshot_batch_has_voters(batch);
        return true;
    }
    if (metadata_batch_each(batch, open_record, opening))
        return true;
    if (opening->error[0] == '\0')
        fail(opening->error, "The metadata log is damaged at offset %" PRId64 ": a record cannot be read",
             batch->base_offset);
    return false;
}

static bool read_snapshot(struct opening *opening)
{
    struct metadata_log *log = opening->log;
    const char *sentence;
    log->has_voters = snapshot_has_voters(log->options.env->files, log->folder, opening->snapshot);
    if (opening->snapshot.offset == 0)
        return true;
    opening->highest_epoch = opening->snapshot.epoch;
    if (snapshot_read(log->options.env->files, log->folder, opening->snapshot, open_record, opening, &sentence)) {
        opening->from = opening->snapshot.offset;
        return true;
    }
    if (opening->error[0] == '\0')
        fail(opening->error, "The checkpoint at %" PRId64 " in %s is of no use: %s", opening->snapshot.offset,
             log->folder, sentence ? sentence : "a record cannot be read");
    return false;
}

/* The log ends before its checkpoint, which holds all that it had: as Kafka does, begin it anew. */
static bool begin_behind_checkpoint(struct opening *opening)
{
    struct log *log = opening->log->log;
    struct storage_fault fault = {0};
    LOG_WARN("The metadata log ends before its checkpoint and begins anew behind it",
             "log_end_offset=%" PRId64 " checkpoint_offset=%" PRId64, log_end_offset(log), opening->from);
    return log_begin_at(log, opening->from, &fault) == 0 ||
           fail_fault(opening->error, "The metadata log cannot begin behind its checkpoint", &fault);
}

static bool read_log(struct opening *opening)
{
    struct metadata_log *log = opening->log;
    struct storage_fault fault = {0};
    log->log = log_new(log->options.store, METADATA_TOPIC, 0, topic_id, &log->log_config);
    if (log_load(log->log, &fault) != 0)
        return fail_fault(opening->error, "The metadata log cannot be opened", &fault);
    if (log_end_offset(log->log) < opening->from && !begin_behind_checkpoint(opening))
        return false;
    if (log_start_offset(log->log) > opening->from)
        return fail(opening->error,
                    "The metadata log in %s has offsets %" PRId64 " to %" PRId64
                    ", which do not reach to its checkpoint at %" PRId64,
                    log->folder, log_start_offset(log->log), log_end_offset(log->log), opening->from);
    if (log_replay(log->log, opening->from, open_batch, opening, &fault) != 0)
        return fail_fault(opening->error, "The metadata log cannot be read", &fault);
    log->end_offset = log_end_offset(log->log);
    return opening->error[0] == '\0';
}

/* ---- appending ------------------------------------------------------------------------------------------------------ */

static int append_batch(struct metadata_log *log, struct metadata_batch *batch, bool control)
{
    int32_t count = metadata_batch_count(batch);
    metadata_batch_finish(batch, log->end_offset, log->epoch, control);
    struct log_append append = {
        .bytes = batch->builder.bytes,
        .size_bytes = batch->builder.size_bytes,
        .origin = LOG_APPEND_COORDINATOR,
        .leader_epoch = log->epoch,
        .now_ms = wall_ms(log),
    };
    struct storage_fault fault = {0};
    int status = log->failed ? STORAGE_OFFLINE : log_append(log->log, &append, &fault);
    if (status != 0) {
        LOG_ERROR("Metadata cannot be changed", "reason=\"%s\" operation=%s path=%s error=\"%s\"",
                  storage_error_text(status), fault.operation ? fault.operation : "append", fault.path,
                  strerror(fault.error));
        return status;
    }
    ASSERT(append.base_offset == log->end_offset);
    log->end_offset += count;
    log->last_timestamp_ms = batch->timestamp_ms;
    log->bytes_since_snapshot += (int64_t)batch->builder.size_bytes;
    return 0;
}

static bool replay_own(void *context, int64_t offset, const struct metadata_record *record)
{
    struct metadata_log *log = context;
    char error[METADATA_LOG_ERROR_SIZE] = "";
    (void)offset;
    bool replayed = log->options.replay(log->options.context, record, error);
    if (!replayed)
        LOG_ERROR("A metadata record of our own does not fit", "reason=\"%s\"", error);
    return replayed;
}

int metadata_log_append(struct metadata_log *log, struct metadata_batch *batch)
{
    if (metadata_batch_count(batch) == 0)
        return 0;
    int status = append_batch(log, batch, false);
    if (status != 0)
        return status;
    struct record_batch view;
    enum batch_error viewed = record_batch_view(&view, batch->builder.bytes, batch->builder.size_bytes);
    ASSERT(viewed == BATCH_OK);
    bool replayed = metadata_batch_each(&view, replay_own, log);
    ASSERT(replayed);
    return 0;
}

int64_t metadata_log_end_offset(const struct metadata_log *log)
{
    return log->end_offset;
}

int32_t metadata_log_epoch(const struct metadata_log *log)
{
    return log->epoch;
}

bool metadata_log_has_voters(const struct metadata_log *log)
{
    return log->has_voters;
}

static bool append_leader_change(struct opening *opening)
{
    struct metadata_log *log = opening->log;
    struct metadata_batch batch;
    struct kp_leader_change_message_voter self = {.voter_id = log->options.node_id};
    struct kp_leader_change_message message = {.leader_id = log->options.node_id,
                                               .voters = &self,
                                               .voters_count = 1,
                                               .granting_voters = &self,
                                               .granting_voters_count = 1};
    metadata_batch_init(&batch, wall_ms(log));
    metadata_batch_add_control(&batch, &kp_leader_change_message_schema, &message);
    int status = append_batch(log, &batch, true);
    metadata_batch_release(&batch);
    return status == 0 || fail(opening->error, "The metadata log cannot be written: %s", storage_error_text(status));
}

static bool append_abort(struct opening *opening)
{
    struct metadata_log *log = opening->log;
    struct metadata_batch batch;
    struct kp_abort_transaction_record abort_record = {
        .reason = kp_string_of("the controller ended before the transaction did")};
    metadata_batch_init(&batch, wall_ms(log));
    metadata_batch_add(&batch, &kp_abort_transaction_record_schema, 0, &abort_record);
    int status = append_batch(log, &batch, false);
    metadata_batch_release(&batch);
    forget_transaction(opening);
    return status == 0 || fail(opening->error, "The metadata log cannot be written: %s", storage_error_text(status));
}

static bool begin_epoch(struct opening *opening)
{
    struct metadata_log *log = opening->log;
    int32_t quorum_epoch = read_quorum_epoch(log);
    int32_t latest_epoch = log_latest_epoch(log->log);
    if (quorum_epoch > opening->highest_epoch)
        opening->highest_epoch = quorum_epoch;
    if (latest_epoch > opening->highest_epoch)
        opening->highest_epoch = latest_epoch;
    if (opening->highest_epoch >= INT32_MAX - 1)
        return fail(opening->error, "The metadata log in %s is in its last epoch", log->folder);
    log->epoch = opening->highest_epoch + 1;
    return append_leader_change(opening) && (!opening->in_transaction || append_abort(opening));
}

/* ---- checkpoints ---------------------------------------------------------------------------------------------------- */

static void add_to_snapshot(void *to, struct kp_bytes value)
{
    snapshot_add(to, value);
}

static bool snapshot_is_due(const struct metadata_log *log)
{
    if (log->bytes_since_snapshot == 0 || log->durable_offset != log->end_offset || log->checkpoint.busy)
        return false;
    return log->bytes_since_snapshot >= log->options.snapshot_bytes ||
           (log->options.snapshot_ms > 0 && mono_ms(log) - log->snapshot_begun_ms >= log->options.snapshot_ms);
}

/* Write a checkpoint of all that is durable, when enough has come since the last one. One that cannot be written is
 * tried again after as many bytes: the log has it all. */
static void snapshot_when_due(struct metadata_log *log)
{
    if (!snapshot_is_due(log))
        return;
    struct snapshot_id id = {.offset = log->end_offset, .epoch = log->epoch};
    struct snapshot_voter voter = self_as_voter(log);
    snapshot_init(&log->checkpoint.snapshot, id, log->has_voters ? &voter : NULL, log->last_timestamp_ms, wall_ms(log));
    log->options.each_record(log->options.context, add_to_snapshot, &log->checkpoint.snapshot);
    log->bytes_since_snapshot = 0;
    log->snapshot_begun_ms = mono_ms(log);
    metadata_checkpoint_begin(&log->checkpoint, id, log_start_offset(log->log), log_size_bytes(log->log));
}

static void checkpoint_done(struct metadata_checkpoint *checkpoint, int64_t start_offset)
{
    struct metadata_log *log = CONTAINER_OF(checkpoint, struct metadata_log, checkpoint);
    struct storage_fault fault = {0};
    if (start_offset > log_start_offset(log->log) && log_raise_start(log->log, start_offset, &fault) != 0)
        LOG_WARN("The start of the metadata log cannot be raised", "offset=%" PRId64 " path=%s error=\"%s\"",
                 start_offset, fault.path, strerror(fault.error));
    snapshot_when_due(log);
}

/* ---- durability ----------------------------------------------------------------------------------------------------- */

static void flush_done(struct log_flush *flush, int status);

static void start_flush(struct metadata_log *log)
{
    if (log->flushing || list_empty(&log->waits))
        return;
    write_quorum_state(log);
    log->flushing = true;
    log->flushing_offset = log->end_offset;
    log->flush.done = flush_done;
    log_flush(log->log, &log->flush);
}

/* Let go of what waits for no more than `offset`. What it waited in may be released by that. */
static void end_waits(struct metadata_log *log, int64_t offset)
{
    while (!list_empty(&log->waits)) {
        struct metadata_wait *wait = CONTAINER_OF(log->waits.next, struct metadata_wait, link);
        if (wait->offset > offset)
            return;
        list_remove(&wait->link);
        wait->done(wait, log->failed ? STORAGE_OFFLINE : 0);
    }
}

static void flush_failed(struct metadata_log *log, int status)
{
    if (!log->failed && status != STORAGE_CANCELED)
        LOG_ERROR("The metadata log cannot be synced: no further change until a restart", "reason=\"%s\"",
                  storage_error_text(status));
    log->failed = true;
}

static void flush_done(struct log_flush *flush, int status)
{
    struct metadata_log *log = CONTAINER_OF(flush, struct metadata_log, flush);
    log->flushing = false;
    if (status != 0) {
        flush_failed(log, status);
        end_waits(log, INT64_MAX);
        return;
    }
    if (log->flushing_offset > log->durable_offset)
        log->durable_offset = log->flushing_offset;
    end_waits(log, log->durable_offset);
    start_flush(log);
    snapshot_when_due(log);
}

static bool all_durable(const struct metadata_log *log)
{
    return !log->options.sync || log->durable_offset >= log->end_offset;
}

bool metadata_log_wait(struct metadata_log *log, struct metadata_wait *wait)
{
    if (all_durable(log))
        return false;
    wait->offset = log->end_offset;
    list_init(&wait->link);
    list_append(&log->waits, &wait->link);
    start_flush(log);
    return true;
}

static void held_done(struct metadata_wait *wait, int status)
{
    struct request *request = CONTAINER_OF(wait, struct held_request, wait)->request;
    if (status != 0)
        request_refuse(request, "its change could not be synced to the disk");
    request_unhold(request);
}

void metadata_log_hold(struct metadata_log *log, struct request *request)
{
    if (all_durable(log))
        return;
    struct held_request *held = arena_alloc(&request->arena, sizeof *held);
    if (!held) {
        request_refuse(request, "its answer needs more memory than a request may use");
        return;
    }
    *held = (struct held_request){.request = request, .wait.done = held_done};
    request_hold(request);
    if (!metadata_log_wait(log, &held->wait))
        request_unhold(request);
}

int metadata_log_sync_now(struct metadata_log *log)
{
    struct storage_fault fault = {0};
    if (log->failed)
        return STORAGE_OFFLINE;
    if (all_durable(log))
        return 0;
    write_quorum_state(log);
    int64_t offset = log->end_offset;
    int status = log_flush_now(log->log, &fault);
    if (status == 0)
        log->durable_offset = offset;
    else
        flush_failed(log, status);
    return status;
}

/* ---- open and close ------------------------------------------------------------------------------------------------- */

static const struct log_config metadata_log_config = {
    .segment_index_bytes = INDEX_BYTES,
    .index_interval_bytes = 4096,
    .flush_messages = INT64_MAX,
    .flush_ms = INT64_MAX,
    .retention_ms = -1,
    .retention_bytes = -1,
    .cleanup_delete = true,
    .rules = {.max_message_bytes = METADATA_BATCH_BYTES_MAX,
              .max_decompressed_message_bytes = METADATA_BATCH_BYTES_MAX,
              .timestamp_before_max_ms = INT64_MAX,
              .timestamp_after_max_ms = INT64_MAX,
              .codec = CODEC_PRODUCER},
};

bool metadata_log_open(struct metadata_log **opened, const struct metadata_log_options *options, char *error)
{
    struct metadata_log *log = xcalloc(1, sizeof *log);
    size_t folder_bytes = strlen(options->directory) + sizeof "/" FOLDER;
    log->options = *options;
    log->log_config = metadata_log_config;
    log->log_config.segment_bytes = options->segment_bytes;
    log->log_config.segment_ms = options->segment_ms;
    log->folder = xmalloc(folder_bytes);
    snprintf(log->folder, folder_bytes, "%s/" FOLDER, options->directory);
    list_init(&log->waits);
    log->snapshot_begun_ms = mono_ms(log);
    log->checkpoint = (struct metadata_checkpoint){.env = options->env,
                                                   .folder = log->folder,
                                                   .sync = options->sync,
                                                   .retention_bytes = options->retention_bytes,
                                                   .retention_ms = options->retention_ms,
                                                   .done = checkpoint_done};
    error[0] = '\0';
    *opened = log;

    struct opening opening = {.log = log, .error = error};
    bool opened_well =
        prepare_folder(&opening) && read_snapshot(&opening) && read_log(&opening) && begin_epoch(&opening);
    forget_transaction(&opening);
    return opened_well;
}

void metadata_log_close(struct metadata_log *log)
{
    if (!log)
        return;
    ASSERT(!log->flushing);
    ASSERT(!log->checkpoint.busy);
    free(log->folder);
    free(log);
}
