/* See coordinator.h. A shard is
 *
 *     unread -> being read -> read -> gone
 *                  |                   ^      with the topic, or never: then nobody is answered
 *                  +-> failed ---------+ */
#include "coordinator.h"

#include "controller.h"
#include "errors.h"
#include "folder_wait.h"
#include "limits.h"
#include "logger.h"
#include "partition.h"
#include "purgatory.h"

#include <inttypes.h>
#include <string.h>

/* How long a start reads before the broker serves; the rest follows in parts. */
#define START_READ_MS 100
/* What one part reads: less than a millisecond. */
#define READ_PART_BYTES ((int64_t)64 * 1024)

enum shard_state { SHARD_UNREAD, SHARD_READ, SHARD_FAILED };

struct shard {
    struct coordinator *coordinator;
    int32_t index;
    enum shard_state state;
    bool gone;            /* the topic was deleted, a job still runs: freed at its end */
    int64_t next_offset;  /* to read */
    int64_t left_bytes;   /* of the part that is read */
    int64_t wanted_end;   /* what is below is to be synced before answers leave */
    int64_t synced_end;   /* what is below is synced */
    int64_t flushing_end; /* of the sync under way */
    bool flushing;
    struct log_flush flush;
    struct list held; /* struct held_request, by rising end */
    bool making;
    struct folder_wait folder;
    struct list unmade; /* of request_wait(): they are to append to it */
};

/* A request whose answer waits for a sync. */
struct held_request {
    struct list link;
    struct request *request;
    int64_t end;
};

struct coordinator {
    struct broker *broker;
    const struct coordinator_kind *kind;
    struct coord_host host;
    void *state;           /* NULL before coordinator_begin() */
    struct shard **shards; /* NULL: there is no topic */
    int32_t shards_count;
    int32_t reading; /* the shard to go on with; shards_count: all are read */
    struct long_work work;
};

/* ---- the topic ------------------------------------------------------------------------------------------------------ */

static struct topic *find_topic(const struct coordinator *coordinator)
{
    return catalog_topic(coordinator->broker->catalog, kp_string_of(coordinator->kind->topic));
}

static struct partition *partition_of(const struct shard *shard)
{
    return topic_partition(find_topic(shard->coordinator), shard->index);
}

/* Refused as a client's request for such a topic would be: the broker's settings allow more than a topic's do. */
static enum kafka_error make_topic(struct coordinator *coordinator, struct request *request)
{
    const struct coordinator_kind *kind = coordinator->kind;
    const struct config *config = coordinator->broker->config;
    struct topic_overrides overrides = {0};
    struct metadata_batch batch;
    char error[CONFIG_ERROR_SIZE];
    if (*kind->replication_factor > 1)
        return KAFKA_INVALID_REPLICATION_FACTOR;
    kind->add_settings(config, &overrides);
    bool good = topic_overrides_check(&overrides, config, error);
    controller_begin(coordinator->broker, &batch);
    controller_add_topic(coordinator->broker, &batch, kp_string_of(kind->topic), *kind->partitions, &overrides);
    topic_overrides_release(&overrides);
    if (!good || metadata_batch_count(&batch) > RECORDS_PER_REQUEST_MAX) {
        metadata_batch_release(&batch);
        return good ? KAFKA_POLICY_VIOLATION : KAFKA_INVALID_CONFIG;
    }
    return controller_commit(coordinator->broker, &batch, request);
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

/* The key of a control record: version, and what it is. */
static bool read_marker(const struct record *record, bool *committed)
{
    enum { ABORT = 0, COMMIT = 1 };
    if (record->key.size < 4)
        return false;
    uint16_t type = load_be16(record->key.data + 2);
    *committed = type == COMMIT;
    return type == ABORT || type == COMMIT;
}

static void read_record(struct shard *shard, const struct record_batch *batch, const struct record *record)
{
    const struct coordinator_kind *kind = shard->coordinator->kind;
    void *state = shard->coordinator->state;
    struct coord_record own;
    bool committed;
    if ((batch->attributes & BATCH_CONTROL) != 0) {
        if (kind->replay_marker && read_marker(record, &committed))
            kind->replay_marker(state, shard->index, batch->producer_id, committed);
        return;
    }
    bool good = coord_record_parse(&own, record->key, record->value);
    if (good && (batch->attributes & BATCH_TRANSACTIONAL) != 0)
        own.producer_id = batch->producer_id;
    if (!good || !kind->replay(state, shard->index, &own))
        LOG_WARN("A record cannot be read and is passed over", "topic=%s partition=%d offset=%" PRId64, kind->topic,
                 shard->index, record->offset);
}

static bool read_batch(void *context, const struct record_batch *batch)
{
    struct shard *shard = context;
    struct record_iterator iterator;
    struct record record;
    record_iterator_init(&iterator, batch, INT32_MAX, NULL);
    while (record_iterator_next(&iterator, &record))
        read_record(shard, batch, &record);
    if (iterator.error != BATCH_OK)
        LOG_WARN("A batch cannot be read and is passed over", "topic=%s partition=%d offset=%" PRId64,
                 shard->coordinator->kind->topic, shard->index, batch->base_offset);
    record_iterator_release(&iterator);
    shard->next_offset = record_batch_last_offset(batch) + 1;
    shard->left_bytes -= batch->size_bytes;
    return shard->left_bytes > 0;
}

static void read_part(struct shard *shard)
{
    struct log *log = partition_of(shard)->log;
    struct storage_fault fault = {0};
    shard->left_bytes = READ_PART_BYTES;
    int64_t start_offset = log_start_offset(log);
    if (shard->next_offset < start_offset)
        shard->next_offset = start_offset;
    int error = log_replay(log, shard->next_offset, read_batch, shard, &fault);
    if (error != 0) {
        LOG_ERROR("A coordinator cannot read its log", "topic=%s partition=%d reason=\"%s\"",
                  shard->coordinator->kind->topic, shard->index, storage_error_text(error));
        shard->state = SHARD_FAILED;
    } else if (shard->left_bytes > 0) {
        shard->state = SHARD_READ;
        shard->synced_end = shard->wanted_end = log_end_offset(log);
        shard->coordinator->kind->loaded(shard->coordinator->state, shard->index);
    }
}

/* Read one part. False: all is read. */
static bool read_some(struct coordinator *coordinator)
{
    struct shard *shard = coordinator->shards[coordinator->reading];
    if (shard->state == SHARD_UNREAD)
        read_part(shard);
    if (shard->state != SHARD_UNREAD)
        coordinator->reading++;
    return coordinator->reading < coordinator->shards_count;
}

static void read_on(struct long_work *work)
{
    struct coordinator *coordinator = CONTAINER_OF(work, struct coordinator, work);
    bool more = true;
    while (more && broker_has_time(coordinator->broker))
        more = read_some(coordinator);
    if (!more)
        long_work_end(work);
}

/* Read for a moment, and leave the rest to later turns. */
static void read_shards(struct coordinator *coordinator)
{
    int64_t until_ms = coord_now(&coordinator->host).mono_ms + START_READ_MS;
    bool more = coordinator->shards_count > 0;
    while (more && coord_now(&coordinator->host).mono_ms <= until_ms)
        more = read_some(coordinator);
    if (more)
        long_work_begin(coordinator->broker, &coordinator->work, "a coordinator's log read", read_on);
}

/* The topic is there: its partitions become the shards. */
static void attach(struct coordinator *coordinator, const struct topic *topic)
{
    coordinator->shards_count = coordinator->host.shards_count = topic->partitions_count;
    coordinator->shards = xcalloc((size_t)topic->partitions_count, sizeof(struct shard *));
    coordinator->reading = 0;
    for (int32_t i = 0; i < topic->partitions_count; i++) {
        struct shard *shard = xcalloc(1, sizeof *shard);
        shard->coordinator = coordinator;
        shard->index = i;
        list_init(&shard->held);
        list_init(&shard->unmade);
        coordinator->shards[i] = shard;
    }
    read_shards(coordinator);
}

static bool attached(struct coordinator *coordinator)
{
    if (!coordinator->shards && coordinator->state) {
        const struct topic *topic = find_topic(coordinator);
        if (topic)
            attach(coordinator, topic);
    }
    return coordinator->shards != NULL;
}

/* ---- syncs ---------------------------------------------------------------------------------------------------------- */

/* Let go of the answers up to what is synced; with an error nothing true can be said. */
static void release_held(struct shard *shard, int64_t end, int status)
{
    while (!list_empty(&shard->held)) {
        struct held_request *held = CONTAINER_OF(shard->held.next, struct held_request, link);
        if (held->end > end)
            return;
        list_remove(&held->link);
        if (status != 0)
            request_refuse(held->request, "what its answer depends on could not be synced");
        request_unhold(held->request);
        free(held);
    }
}

static void free_if_idle(struct shard *shard)
{
    if (!shard->flushing && !shard->making)
        free(shard);
}

static void start_flush(struct shard *shard);

static void flushed(struct log_flush *flush, int status)
{
    struct shard *shard = CONTAINER_OF(flush, struct shard, flush);
    shard->flushing = false;
    if (status == 0)
        shard->synced_end = shard->flushing_end;
    release_held(shard, status == 0 ? shard->synced_end : INT64_MAX, status);
    if (shard->gone) {
        free_if_idle(shard);
        return;
    }
    if (!list_empty(&shard->held))
        start_flush(shard);
    if (status == 0 && shard->coordinator->kind->synced)
        shard->coordinator->kind->synced(shard->coordinator->state, shard->index);
}

static void start_flush(struct shard *shard)
{
    shard->flushing = true;
    shard->flushing_end = shard->wanted_end;
    shard->flush.done = flushed;
    log_flush(partition_of(shard)->log, &shard->flush);
}

void coordinator_hold(struct coordinator *coordinator, int32_t index, struct request *request)
{
    struct shard *shard = coordinator->shards && index < coordinator->shards_count ? coordinator->shards[index] : NULL;
    if (!shard || shard->wanted_end <= shard->synced_end)
        return;
    struct held_request *held = xmalloc(sizeof *held);
    *held = (struct held_request){.request = request, .end = shard->wanted_end};
    list_init(&held->link);
    list_append(&shard->held, &held->link);
    request_hold(request);
    if (!shard->flushing)
        start_flush(shard);
}

bool coordinator_sync(struct coordinator *coordinator, int32_t index)
{
    struct shard *shard = coordinator->shards[index];
    bool is_synced = shard->wanted_end <= shard->synced_end;
    if (!is_synced && !shard->flushing)
        start_flush(shard);
    return is_synced;
}

/* ---- what the state asks for ---------------------------------------------------------------------------------------- */

static enum kafka_error write_batch(struct coordinator *coordinator, struct shard *shard, struct coord_batch *batch)
{
    struct partition *partition = partition_of(shard);
    struct batch_header header = BATCH_HEADER_PLAIN;
    struct storage_fault fault = {0};
    header.base_sequence = coordinator->kind->base_sequence;
    header.producer_id = batch->producer_id;
    header.producer_epoch = batch->producer_epoch;
    if (batch->producer_id >= 0)
        header.attributes = BATCH_TRANSACTIONAL;
    if (coordinator->kind->codec) {
        header.codec = (enum codec) * coordinator->kind->codec;
        header.level = codec_level_default(header.codec);
    }
    if (!batch_builder_finish(&batch->builder, &header))
        return KAFKA_UNKNOWN_SERVER_ERROR;
    if (batch->builder.size_bytes > (size_t)partition->topic->log_config.rules.max_message_bytes)
        return KAFKA_RECORD_LIST_TOO_LARGE;
    struct log_append append = {
        .bytes = batch->builder.bytes,
        .size_bytes = batch->builder.size_bytes,
        .origin = LOG_APPEND_COORDINATOR,
        .leader_epoch = partition_leader_epoch(partition),
        .now_ms = batch->timestamp_ms,
    };
    int error = log_append(partition->log, &append, &fault);
    if (error == STORAGE_NO_FOLDER) /* the folder of the topic before it is being put aside */
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (error != 0) {
        LOG_ERROR("A coordinator cannot write", "topic=%s partition=%d reason=\"%s\" operation=%s path=%s error=\"%s\"",
                  coordinator->kind->topic, shard->index, storage_error_text(error),
                  fault.operation ? fault.operation : "append", fault.path, strerror(fault.error));
        return kafka_error_of_storage(error);
    }
    if (log_wants_flush(partition->log))
        shard->wanted_end = append.last_offset + 1;
    purgatory_wake(coordinator->broker, partition);
    return KAFKA_NONE;
}

static enum kafka_error append(struct coord_host *host, int32_t index, struct coord_batch *batch)
{
    struct coordinator *coordinator = CONTAINER_OF(host, struct coordinator, host);
    if (!coordinator->shards || coordinator->shards[index]->state != SHARD_READ)
        return KAFKA_NOT_COORDINATOR;
    return write_batch(coordinator, coordinator->shards[index], batch);
}

/* With a codec nobody can say before it is compressed. */
static size_t batch_bytes_max(const struct coord_host *host)
{
    const struct coordinator *coordinator = CONTAINER_OF(host, struct coordinator, host);
    const struct topic *topic = find_topic(coordinator);
    size_t max = topic ? (size_t)topic->log_config.rules.max_message_bytes : COORDINATOR_BATCH_BYTES_MAX;
    bool compressed = coordinator->kind->codec && *coordinator->kind->codec != CODEC_NONE;
    return compressed || max > COORDINATOR_BATCH_BYTES_MAX ? COORDINATOR_BATCH_BYTES_MAX : max;
}

static bool topic_id(const struct coord_host *host, struct kp_string name, struct kp_uuid *id)
{
    const struct coordinator *coordinator = CONTAINER_OF(host, struct coordinator, host);
    const struct topic *topic = catalog_topic(coordinator->broker->catalog, name);
    if (topic)
        *id = topic->id;
    return topic != NULL;
}

/* ---- for handlers --------------------------------------------------------------------------------------------------- */

enum kafka_error coordinator_ensure_topic(struct coordinator *coordinator, struct request *request)
{
    if (find_topic(coordinator)) {
        (void)attached(coordinator);
        return KAFKA_NONE;
    }
    enum kafka_error error = make_topic(coordinator, request);
    if (error == KAFKA_NONE) {
        (void)attached(coordinator);
        return KAFKA_NONE;
    }
    LOG_PEER_WARN("Cannot make the topic of a coordinator", "topic=%s error=%s", coordinator->kind->topic,
                  kafka_error_name(error));
    return KAFKA_COORDINATOR_NOT_AVAILABLE;
}

enum kafka_error coordinator_find(struct coordinator *coordinator, struct kp_string key)
{
    if (!attached(coordinator))
        return KAFKA_NONE;
    const struct shard *shard = coordinator->shards[coord_shard_of(key, coordinator->shards_count)];
    return partition_leader(partition_of(shard)) < 0 ? KAFKA_COORDINATOR_NOT_AVAILABLE : KAFKA_NONE;
}

enum kafka_error coordinator_shard(struct coordinator *coordinator, struct kp_string key, int32_t *index)
{
    if (!attached(coordinator))
        return KAFKA_NOT_COORDINATOR;
    *index = coord_shard_of(key, coordinator->shards_count);
    switch (coordinator->shards[*index]->state) {
    case SHARD_UNREAD:
        return KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
    case SHARD_READ:
        return KAFKA_NONE;
    case SHARD_FAILED:
        break;
    }
    return KAFKA_NOT_COORDINATOR;
}

/* Also when it failed: then the append says why. */
static void folder_done(struct folder_wait *wait, int status)
{
    struct shard *shard = wait->context;
    (void)status;
    shard->making = false;
    requests_go_on(&shard->unmade);
    if (shard->gone)
        free_if_idle(shard);
}

bool coordinator_ready(struct coordinator *coordinator, struct kp_string key, struct request *request)
{
    int32_t index;
    if (key.size < 0 || request_is_in_parts(request) || coordinator_shard(coordinator, key, &index) != KAFKA_NONE)
        return true;
    struct shard *shard = coordinator->shards[index];
    const struct partition *partition = partition_of(shard);
    if (!shard->making) {
        if (shard->folder.done || !log_wants_make(partition->log)) /* once: what fails is not tried for ever */
            return true;
        shard->making = true;
        shard->folder = (struct folder_wait){.done = folder_done, .context = shard};
        folder_wait_begin(&shard->folder, coordinator->broker, partition);
    }
    request_wait(request, &shard->unmade);
    return false;
}

int32_t coordinator_epoch(const struct coordinator *coordinator, int32_t index)
{
    return coordinator->shards ? partition_leader_epoch(partition_of(coordinator->shards[index])) : -1;
}

void coordinator_marker(struct coordinator *coordinator, const struct partition *partition, int64_t producer_id,
                        bool committed)
{
    if (partition->topic != find_topic(coordinator) || !attached(coordinator) ||
        partition->index >= coordinator->shards_count)
        return;
    struct shard *shard = coordinator->shards[partition->index];
    if (shard->state == SHARD_READ) /* else it is read with all that is there */
        coordinator->kind->replay_marker(coordinator->state, shard->index, producer_id, committed);
}

bool coordinator_all_loaded(struct coordinator *coordinator)
{
    return !attached(coordinator) || coordinator->reading == coordinator->shards_count;
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

struct coordinator *coordinator_new(struct broker *broker, const struct coordinator_kind *kind)
{
    struct coordinator *coordinator = xcalloc(1, sizeof *coordinator);
    coordinator->broker = broker;
    coordinator->kind = kind;
    list_init(&coordinator->work.link);
    coordinator->host = (struct coord_host){.env = broker->env,
                                            .timers = &broker->timers,
                                            .batch_bytes_max = batch_bytes_max,
                                            .append = append,
                                            .topic_id = topic_id};
    return coordinator;
}

struct coord_host *coordinator_host(struct coordinator *coordinator)
{
    return &coordinator->host;
}

void coordinator_begin(struct coordinator *coordinator, void *state)
{
    coordinator->state = state;
    (void)attached(coordinator);
}

static void forget_shards(struct coordinator *coordinator)
{
    for (int32_t i = 0; i < coordinator->shards_count; i++) {
        struct shard *shard = coordinator->shards[i];
        shard->gone = true;
        requests_go_on(&shard->unmade);
        free_if_idle(shard);
    }
    free(coordinator->shards);
    coordinator->shards = NULL;
    coordinator->shards_count = coordinator->host.shards_count = coordinator->reading = 0;
    long_work_end(&coordinator->work);
}

void coordinator_topic_gone(struct coordinator *coordinator, const struct topic *topic)
{
    if (!coordinator->shards || strcmp(topic->name, coordinator->kind->topic) != 0)
        return;
    for (int32_t i = 0; i < coordinator->shards_count; i++) {
        struct shard *shard = coordinator->shards[i];
        shard->wanted_end = shard->synced_end; /* what is answered now depends on nothing */
        coordinator->kind->unload(coordinator->state, i);
    }
    forget_shards(coordinator);
}

void coordinator_free(struct coordinator *coordinator)
{
    if (!coordinator)
        return;
    forget_shards(coordinator);
    free(coordinator);
}
