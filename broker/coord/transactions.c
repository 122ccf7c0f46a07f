/* See transactions.h. Each function that a producer's request calls computes what would be, writes that as a record,
 * and only then is it so: move(). */
#include "transactions.h"

#include "../limits.h"
#include "../logger.h"

#include <inttypes.h>
#include <string.h>

#define NO_TIMEOUT_MS INT32_MAX /* of a distributed transaction (KIP-939), which a Kafka folder may bring */

/* Further names that Kafka knows. */
static const char *const state_names[] = {"Empty",        "Ongoing",        "PrepareCommit",
                                          "PrepareAbort", "CompleteCommit", "CompleteAbort"};
static const char *const passing_names[] = {"Dead", "PrepareEpochFence"};

const char *transaction_state_name(enum transaction_state state)
{
    return state_names[state];
}

bool transaction_state_find(struct kp_string name, int *state)
{
    *state = -1;
    for (size_t i = 0; i < COUNT_OF(state_names); i++) {
        if (kp_string_is(name, state_names[i])) {
            *state = (int)i;
            return true;
        }
    }
    for (size_t i = 0; i < COUNT_OF(passing_names); i++) {
        if (kp_string_is(name, passing_names[i]))
            return true;
    }
    return false;
}

/* ---- memory --------------------------------------------------------------------------------------------------------- */

struct transactions *transactions_new(struct transaction_host *host, const struct transaction_settings *settings,
                                      uint64_t seed)
{
    struct transactions *transactions = xcalloc(1, sizeof *transactions);
    transactions->host = host;
    transactions->settings = *settings;
    hash_map_init(&transactions->by_id, seed);
    list_init(&transactions->all);
    list_init(&transactions->read);
    list_init(&transactions->ongoing);
    list_init(&transactions->ending);
    list_init(&transactions->unsynced);
    list_init(&transactions->stuck);
    return transactions;
}

static size_t transaction_bytes(struct kp_string id)
{
    return sizeof(struct transaction) + (size_t)id.size + 1;
}

/* Out of the list of those that move. */
static void rest(struct transaction *transaction)
{
    if (transaction->counted)
        transaction->owner->ongoing_count--;
    transaction->counted = false;
    list_remove(&transaction->moving);
}

static void forget(struct transaction *transaction)
{
    struct transactions *transactions = transaction->owner;
    rest(transaction);
    transactions->bytes -= transaction_bytes(transaction->id) + transaction->partitions.bytes;
    hash_map_remove(&transactions->by_id, &transaction->node);
    list_remove(&transaction->link);
    coord_string_free(transaction->id);
    transaction_partitions_release(&transaction->partitions);
    free(transaction);
}

void transactions_free(struct transactions *transactions)
{
    while (!list_empty(&transactions->all))
        forget(CONTAINER_OF(transactions->all.next, struct transaction, link));
    hash_map_release(&transactions->by_id);
    free(transactions);
}

struct transaction *transactions_find(const struct transactions *transactions, struct kp_string id)
{
    const struct hash_map *map = &transactions->by_id;
    for (struct hash_node *node = hash_map_first(map, coord_string_hash(map, id)); node; node = hash_node_next(node)) {
        struct transaction *transaction = CONTAINER_OF(node, struct transaction, node);
        if (kp_string_equal(transaction->id, id))
            return transaction;
    }
    return NULL;
}

static struct transaction *add(struct transactions *transactions, struct kp_string id, int32_t shard)
{
    struct transaction *transaction = xcalloc(1, sizeof *transaction);
    transaction->owner = transactions;
    transaction->id = coord_string_copy(id);
    transaction->shard = shard;
    list_init(&transaction->moving);
    list_append(&transactions->all, &transaction->link);
    hash_map_insert(&transactions->by_id, &transaction->node, coord_string_hash(&transactions->by_id, id));
    transactions->bytes += transaction_bytes(id);
    return transaction;
}

/* ---- moves ---------------------------------------------------------------------------------------------------------- */

static bool is_prepared(enum transaction_state state)
{
    return state == TRANSACTION_PREPARE_COMMIT || state == TRANSACTION_PREPARE_ABORT;
}

/* Markers are written from the last partition down, so that what stays in the set stays in place. */
static void start_marking(struct transaction *transaction)
{
    transaction->unmarked_topic = transaction->partitions.topics_count - 1;
    transaction->unmarked = -1;
    if (transaction->unmarked_topic >= 0)
        transaction->unmarked = transaction->partitions.topics[transaction->unmarked_topic].partition_ids_count - 1;
}

/* This is what it is now. Takes over `partitions`. */
static void set(struct transaction *transaction, const struct transaction_fields *fields,
                const struct transaction_partitions *partitions)
{
    struct transactions *transactions = transaction->owner;
    bool begins = fields->state == TRANSACTION_ONGOING && transaction->fields.state != TRANSACTION_ONGOING;
    rest(transaction);
    transactions->bytes += partitions->bytes - transaction->partitions.bytes;
    transaction_partitions_release(&transaction->partitions);
    transaction->fields = *fields;
    transaction->partitions = *partitions;
    if (begins)
        transaction->number = ++transactions->last_number;
}

/* Have it looked after as its state wants. */
static void watch(struct transaction *transaction)
{
    struct transactions *transactions = transaction->owner;
    if (transaction->fields.state == TRANSACTION_ONGOING) {
        list_append(&transactions->ongoing, &transaction->moving);
        transactions->ongoing_count++;
        transaction->counted = true;
    } else if (is_prepared(transaction->fields.state)) {
        start_marking(transaction);
        list_append(&transactions->ending, &transaction->moving);
    }
}

static enum kafka_error write_record(struct transactions *transactions, int32_t shard, struct kp_string id,
                                     const struct transaction_fields *fields,
                                     const struct transaction_partitions *partitions)
{
    struct coord_batch batch;
    coord_batch_begin(&batch, transactions->host->coord);
    transaction_record_add(&batch, id, fields, partitions, transactions->host->version(transactions->host));
    enum kafka_error error = coord_append(transactions->host->coord, shard, &batch);
    coord_batch_release(&batch);
    return error;
}

/* Write what a transaction is to become, and have it so. Takes over `partitions`. On an error nothing has changed. */
static enum kafka_error move(struct transaction *transaction, struct transaction_fields *fields,
                             struct transaction_partitions *partitions)
{
    fields->previous_producer_id = transaction->fields.producer.id;
    enum kafka_error error = write_record(transaction->owner, transaction->shard, transaction->id, fields, partitions);
    if (error != KAFKA_NONE) {
        transaction_partitions_release(partitions);
        return error;
    }
    set(transaction, fields, partitions);
    watch(transaction);
    return KAFKA_NONE;
}

static int64_t now_ms(const struct transactions *transactions)
{
    return coord_now(transactions->host->coord).wall_ms;
}

/* The last epoch of a producer id is kept for fencing whoever has the one before. */
static bool is_exhausted(int16_t epoch)
{
    return epoch >= INT16_MAX - 1;
}

/* ---- the end of a transaction --------------------------------------------------------------------------------------- */

/* Decide, by the protocol that knows no epochs of its own. */
static enum kafka_error prepare_v1(struct transaction *transaction, struct transaction_fields *next)
{
    struct transaction_partitions partitions;
    transaction_partitions_copy(&partitions, &transaction->partitions);
    next->client_version = 0;
    next->next_producer_id = -1;
    return move(transaction, next, &partitions);
}

/* Decide, and raise the epoch. */
static enum kafka_error prepare_v2(struct transaction *transaction, struct transaction_fields *next)
{
    struct transaction_host *host = transaction->owner->host;
    struct transaction_partitions partitions;
    next->next_producer_id = -1;
    if (is_exhausted(next->producer.epoch)) {
        enum kafka_error error = host->next_producer_id(host, &next->next_producer_id);
        if (error != KAFKA_NONE)
            return error;
    }
    next->last_epoch = next->producer.epoch;
    if (next->producer.epoch < INT16_MAX)
        next->producer.epoch++;
    transaction_partitions_copy(&partitions, &transaction->partitions);
    return move(transaction, next, &partitions);
}

/* Abort an ongoing transaction without its producer, who is fenced by an epoch that nobody is given. */
static enum kafka_error abort_fenced(struct transaction *transaction)
{
    struct transaction_host *host = transaction->owner->host;
    struct transaction_fields next = transaction->fields;
    next.state = TRANSACTION_PREPARE_ABORT;
    next.updated_ms = now_ms(transaction->owner);
    int16_t version = host->version(host);
    if (version >= TRANSACTION_VERSION_EPOCH_BUMP) {
        next.client_version = version;
        return prepare_v2(transaction, &next);
    }
    if (next.producer.epoch < INT16_MAX)
        next.producer.epoch++;
    next.last_epoch = -1;
    return prepare_v1(transaction, &next);
}

static struct transaction_fields completed(const struct transaction *transaction)
{
    struct transaction_fields next = transaction->fields;
    bool commits = next.state == TRANSACTION_PREPARE_COMMIT;
    next.state = commits ? TRANSACTION_COMPLETE_COMMIT : TRANSACTION_COMPLETE_ABORT;
    if (next.client_version >= TRANSACTION_VERSION_EPOCH_BUMP && next.next_producer_id >= 0)
        next.producer = (struct producer_epoch){next.next_producer_id, 0};
    next.next_producer_id = -1;
    return next;
}

/* With version 1 every end is asked for with the epoch that the transaction has. */
static enum kafka_error check_end_v1(const struct transaction *transaction, const struct transaction_end *end,
                                     bool *decides)
{
    enum transaction_state state = transaction->fields.state;
    if (transaction->fields.producer.epoch != end->producer.epoch)
        return KAFKA_PRODUCER_FENCED;
    *decides = state == TRANSACTION_ONGOING;
    if (*decides || state == (end->commits ? TRANSACTION_COMPLETE_COMMIT : TRANSACTION_COMPLETE_ABORT))
        return KAFKA_NONE;
    return state == (end->commits ? TRANSACTION_PREPARE_COMMIT : TRANSACTION_PREPARE_ABORT)
               ? KAFKA_CONCURRENT_TRANSACTIONS
               : KAFKA_INVALID_TXN_STATE;
}

/* Is this the end of the transaction before, asked for again since its answer was lost? That end may have used up the
 * epochs of a producer id. */
static bool repeats_last_epoch(const struct transaction_fields *fields, const struct transaction_end *end)
{
    return fields->previous_producer_id == end->producer.id && end->producer.epoch == INT16_MAX - 1 &&
           fields->producer.epoch == 0;
}

static bool repeats_end(const struct transaction_fields *fields, const struct transaction_end *end)
{
    return repeats_last_epoch(fields, end) || fields->producer.epoch == end->producer.epoch + 1;
}

/* With version 2 the epoch tells which transaction is meant: the one that is over, or the next one, which may be
 * aborted before it has begun. */
static enum kafka_error check_end_v2(const struct transaction *transaction, const struct transaction_end *end,
                                     bool *decides)
{
    const struct transaction_fields *fields = &transaction->fields;
    enum transaction_state state = fields->state;
    bool is_current = fields->producer.epoch == end->producer.epoch;
    if (is_prepared(state)) {
        if (fields->producer.epoch != end->producer.epoch + 1)
            return KAFKA_PRODUCER_FENCED;
        return (state == TRANSACTION_PREPARE_COMMIT) == end->commits ? KAFKA_CONCURRENT_TRANSACTIONS
                                                                     : KAFKA_INVALID_TXN_STATE;
    }
    bool is_over = state == TRANSACTION_COMPLETE_COMMIT || state == TRANSACTION_COMPLETE_ABORT;
    bool repeats = is_over && repeats_end(fields, end);
    if (!is_current && !repeats)
        return KAFKA_PRODUCER_FENCED;
    *decides = state == TRANSACTION_ONGOING || (!end->commits && !repeats);
    bool is_same = state == (end->commits ? TRANSACTION_COMPLETE_COMMIT : TRANSACTION_COMPLETE_ABORT);
    return *decides || (repeats && is_same) ? KAFKA_NONE : KAFKA_INVALID_TXN_STATE;
}

static enum kafka_error decide(struct transaction *transaction, const struct transaction_end *end)
{
    struct transaction_fields next = transaction->fields;
    bool has_begun = next.state == TRANSACTION_ONGOING;
    next.state = end->commits ? TRANSACTION_PREPARE_COMMIT : TRANSACTION_PREPARE_ABORT;
    next.updated_ms = now_ms(transaction->owner);
    if (!has_begun)
        next.start_ms = next.updated_ms;
    if (end->client_version < TRANSACTION_VERSION_EPOCH_BUMP)
        return prepare_v1(transaction, &next);
    next.client_version = end->client_version;
    return prepare_v2(transaction, &next);
}

enum kafka_error transactions_end(struct transactions *transactions, const struct transaction_end *end,
                                  struct producer_epoch *after)
{
    struct transaction *transaction = transactions_find(transactions, end->id);
    bool v2 = end->client_version >= TRANSACTION_VERSION_EPOCH_BUMP, decides = false;
    *after = PRODUCER_EPOCH_NONE;
    if (!transaction)
        return KAFKA_INVALID_PRODUCER_ID_MAPPING;
    if (transaction->fields.producer.id != end->producer.id && !(v2 && repeats_last_epoch(&transaction->fields, end)))
        return KAFKA_INVALID_PRODUCER_ID_MAPPING;
    enum kafka_error error = v2 ? check_end_v2(transaction, end, &decides) : check_end_v1(transaction, end, &decides);
    if (error == KAFKA_NONE && decides)
        error = decide(transaction, end);
    if (error == KAFKA_NONE && v2)
        *after =
            is_prepared(transaction->fields.state) ? completed(transaction).producer : transaction->fields.producer;
    return error;
}

/* ---- markers -------------------------------------------------------------------------------------------------------- */

static void put_aside(struct transaction *transaction, struct list *list)
{
    list_remove(&transaction->moving);
    list_append(list, &transaction->moving);
}

static void complete(struct transaction *transaction)
{
    struct transaction_fields next = completed(transaction);
    struct transaction_partitions none = {0};
    next.updated_ms = now_ms(transaction->owner);
    if (move(transaction, &next, &none) != KAFKA_NONE)
        put_aside(transaction, &transaction->owner->stuck);
}

static void write_next_marker(struct transaction *transaction)
{
    struct transactions *transactions = transaction->owner;
    struct transaction_host *host = transactions->host;
    const transaction_topic *topic = &transaction->partitions.topics[transaction->unmarked_topic];
    int32_t topic_number = transaction->unmarked_topic, position = transaction->unmarked;
    const struct transaction_marker marker = {
        .producer = transaction->fields.producer,
        .coordinator_epoch = host->coordinator_epoch(host, transaction->shard),
        .version = transaction->fields.client_version,
        .commits = transaction->fields.state == TRANSACTION_PREPARE_COMMIT,
    };
    bool syncs = false;
    enum kafka_error error =
        host->write_marker(host, transaction, topic->topic, topic->partition_ids[position], &marker, &syncs);
    transaction->syncs += syncs;
    transaction->unmarked--;
    if (transaction->unmarked < 0) {
        transaction->unmarked_topic--;
        if (transaction->unmarked_topic >= 0)
            transaction->unmarked = topic[-1].partition_ids_count - 1;
    }
    if (error != KAFKA_NONE)
        return;
    transactions->bytes -= transaction->partitions.bytes;
    transaction_partitions_remove_at(&transaction->partitions, topic_number, position);
    transactions->bytes += transaction->partitions.bytes;
}

bool transactions_end_part(struct transactions *transactions)
{
    if (list_empty(&transactions->ending))
        return false;
    struct transaction *transaction = CONTAINER_OF(transactions->ending.next, struct transaction, moving);
    if (!transactions->host->sync(transactions->host, transaction->shard))
        put_aside(transaction, &transactions->unsynced);
    else if (transaction->unmarked_topic >= 0)
        write_next_marker(transaction);
    else if (transaction->partitions.partitions_count > 0 || transaction->sync_failed)
        put_aside(transaction, &transactions->stuck);
    else if (transaction->syncs > 0)
        put_aside(transaction, &transactions->unsynced);
    else
        complete(transaction);
    return true;
}

void transactions_marker_synced(struct transactions *transactions, struct kp_string id, bool durable)
{
    struct transaction *transaction = transactions_find(transactions, id);
    if (!transaction || transaction->syncs == 0) /* forgotten with its topic meanwhile */
        return;
    transaction->sync_failed |= !durable;
    if (--transaction->syncs == 0 && !list_empty(&transaction->moving))
        put_aside(transaction, &transactions->ending);
}

void transactions_synced(struct transactions *transactions, int32_t shard)
{
    list_for_each (&transactions->unsynced, node) {
        struct transaction *transaction = CONTAINER_OF(node, struct transaction, moving);
        if (transaction->shard == shard)
            put_aside(transaction, &transactions->ending);
    }
}

bool transactions_retry(struct transactions *transactions)
{
    list_for_each (&transactions->stuck, node) {
        struct transaction *transaction = CONTAINER_OF(node, struct transaction, moving);
        start_marking(transaction);
        put_aside(transaction, &transactions->ending);
    }
    return !list_empty(&transactions->ending);
}

/* ---- InitProducerId ------------------------------------------------------------------------------------------------- */

static bool is_resumed(const struct transaction_init *init)
{
    return init->resumed.id >= 0;
}

/* May the producer that it says it is go on under this id? The one that had the id before may when its epochs were used
 * up: its answer may have been lost. */
static bool may_resume(const struct transaction_fields *fields, const struct transaction_init *init)
{
    return !is_resumed(init) || fields->producer.epoch == -1 || init->resumed.id == fields->producer.id ||
           (init->resumed.id == fields->previous_producer_id && is_exhausted(init->resumed.epoch));
}

static enum kafka_error raise_epoch(struct transaction_fields *next, const struct transaction_init *init)
{
    int16_t epoch = next->producer.epoch;
    if (is_exhausted(epoch)) /* as Kafka: the producer is not the one that has it */
        return KAFKA_UNKNOWN_SERVER_ERROR;
    if (is_resumed(init) && epoch != -1 && init->resumed.epoch != epoch)
        return init->resumed.epoch == next->last_epoch ? KAFKA_NONE : KAFKA_PRODUCER_FENCED; /* repeated, or fenced */
    next->last_epoch = is_resumed(init) ? epoch : -1;
    next->producer.epoch++;
    return KAFKA_NONE;
}

static enum kafka_error rotate_id(struct transaction_host *host, struct transaction_fields *next,
                                  const struct transaction_init *init)
{
    next->last_epoch = is_resumed(init) ? next->producer.epoch : -1;
    next->producer.epoch = 0;
    return host->next_producer_id(host, &next->producer.id);
}

/* The producer of an id without a transaction. */
static enum kafka_error next_producer(struct transactions *transactions, struct transaction_fields *next,
                                      const struct transaction_init *init)
{
    bool rotates =
        is_exhausted(next->producer.epoch) && (!is_resumed(init) || init->resumed.epoch == next->producer.epoch);
    enum kafka_error error = rotates ? rotate_id(transactions->host, next, init) : raise_epoch(next, init);
    next->state = TRANSACTION_EMPTY;
    next->timeout_ms = init->timeout_ms;
    next->start_ms = -1;
    next->updated_ms = now_ms(transactions);
    return error;
}

static enum kafka_error init_new(struct transactions *transactions, int32_t shard, const struct transaction_init *init,
                                 struct producer_epoch *given)
{
    struct transaction_host *host = transactions->host;
    struct transaction_partitions none = {0};
    struct transaction_fields fields = {
        .producer = PRODUCER_EPOCH_NONE, .previous_producer_id = -1, .next_producer_id = -1, .last_epoch = -1};
    if (transactions->bytes + transaction_bytes(init->id) > TRANSACTIONS_BYTES_MAX)
        return KAFKA_POLICY_VIOLATION;
    enum kafka_error error = host->next_producer_id(host, &fields.producer.id);
    if (error == KAFKA_NONE)
        error = next_producer(transactions, &fields, init);
    fields.previous_producer_id = fields.producer.id;
    if (error == KAFKA_NONE)
        error = write_record(transactions, shard, init->id, &fields, &none);
    if (error != KAFKA_NONE)
        return error;
    set(add(transactions, init->id, shard), &fields, &none);
    *given = fields.producer;
    return KAFKA_NONE;
}

static enum kafka_error init_known(struct transaction *transaction, const struct transaction_init *init,
                                   struct producer_epoch *given)
{
    struct transaction_fields next = transaction->fields;
    struct transaction_partitions none = {0};
    if (!may_resume(&next, init))
        return KAFKA_PRODUCER_FENCED;
    if (is_prepared(next.state))
        return KAFKA_CONCURRENT_TRANSACTIONS;
    enum kafka_error error = KAFKA_NONE;
    if (next.state == TRANSACTION_ONGOING) { /* first it is aborted, and the client asks again */
        error = abort_fenced(transaction);
        return error != KAFKA_NONE ? error : KAFKA_CONCURRENT_TRANSACTIONS;
    }
    error = next_producer(transaction->owner, &next, init);
    if (error == KAFKA_NONE)
        error = move(transaction, &next, &none);
    if (error == KAFKA_NONE)
        *given = next.producer;
    return error;
}

enum kafka_error transactions_check_timeout_ms(const struct transactions *transactions, int32_t timeout_ms)
{
    bool good = timeout_ms > 0 && timeout_ms <= *transactions->settings.max_timeout_ms;
    return good ? KAFKA_NONE : KAFKA_INVALID_TRANSACTION_TIMEOUT;
}

enum kafka_error transactions_init(struct transactions *transactions, int32_t shard,
                                   const struct transaction_init *init, struct producer_epoch *given)
{
    *given = PRODUCER_EPOCH_NONE;
    struct transaction *transaction = transactions_find(transactions, init->id);
    return transaction ? init_known(transaction, init, given) : init_new(transactions, shard, init, given);
}

/* ---- AddPartitionsToTxn --------------------------------------------------------------------------------------------- */

static enum kafka_error check_producer(const struct transaction *transaction, struct producer_epoch producer)
{
    if (!transaction || transaction->fields.producer.id != producer.id)
        return KAFKA_INVALID_PRODUCER_ID_MAPPING;
    if (transaction->fields.producer.epoch != producer.epoch)
        return KAFKA_PRODUCER_FENCED;
    return is_prepared(transaction->fields.state) ? KAFKA_CONCURRENT_TRANSACTIONS : KAFKA_NONE;
}

enum kafka_error transactions_add(struct transactions *transactions, struct kp_string id,
                                  struct producer_epoch producer, const struct transaction_partitions *added,
                                  int16_t client_version)
{
    struct transaction *transaction = transactions_find(transactions, id);
    enum kafka_error error = check_producer(transaction, producer);
    if (error != KAFKA_NONE)
        return error;
    struct transaction_fields next = transaction->fields;
    bool has_begun = next.state == TRANSACTION_ONGOING;
    if (has_begun && transaction_partitions_has_all(&transaction->partitions, added))
        return KAFKA_NONE;
    if (transactions->bytes + added->bytes > TRANSACTIONS_BYTES_MAX)
        return KAFKA_POLICY_VIOLATION;
    next.state = TRANSACTION_ONGOING;
    next.updated_ms = now_ms(transactions);
    next.client_version = client_version;
    if (!has_begun)
        next.start_ms = next.updated_ms;
    struct transaction_partitions partitions;
    transaction_partitions_unite(&partitions, &transaction->partitions, added);
    return move(transaction, &next, &partitions);
}

enum kafka_error transactions_verify(const struct transactions *transactions, struct kp_string id,
                                     struct producer_epoch producer, struct kp_string topic, int32_t partition)
{
    const struct transaction *transaction = transactions_find(transactions, id);
    enum kafka_error error = check_producer(transaction, producer);
    if (error != KAFKA_NONE)
        return error;
    return transaction_partitions_has(&transaction->partitions, topic, partition) ? KAFKA_NONE
                                                                                  : KAFKA_TRANSACTION_ABORTABLE;
}

/* ---- time ----------------------------------------------------------------------------------------------------------- */

void transactions_check_timeout(struct transactions *transactions)
{
    if (list_empty(&transactions->ongoing))
        return;
    struct transaction *transaction = CONTAINER_OF(transactions->ongoing.next, struct transaction, moving);
    const struct transaction_fields *fields = &transaction->fields;
    list_remove(&transaction->moving);
    list_append(&transactions->ongoing, &transaction->moving);
    if (fields->timeout_ms == NO_TIMEOUT_MS || fields->start_ms + fields->timeout_ms >= now_ms(transactions))
        return;
    enum kafka_error error = abort_fenced(transaction);
    if (error == KAFKA_NONE)
        LOG_PEER_INFO("Aborting a transaction whose time is over", "transactional_id=%.*s producer_id=%" PRId64,
                      (int)transaction->id.size, transaction->id.data, fields->producer.id);
}

void transactions_check_expiry(struct transactions *transactions)
{
    if (list_empty(&transactions->all))
        return;
    struct transaction *transaction = CONTAINER_OF(transactions->all.next, struct transaction, link);
    const struct transaction_fields *fields = &transaction->fields;
    list_remove(&transaction->link);
    list_append(&transactions->all, &transaction->link);
    bool in_use = fields->state == TRANSACTION_ONGOING || is_prepared(fields->state) ||
                  fields->updated_ms > now_ms(transactions) - *transactions->settings.id_expiration_ms;
    if (!in_use && write_record(transactions, transaction->shard, transaction->id, NULL, NULL) == KAFKA_NONE)
        forget(transaction);
}

/* ---- replay --------------------------------------------------------------------------------------------------------- */

bool transactions_replay(struct transactions *transactions, int32_t shard, const struct coord_record *record)
{
    struct kp_string id;
    struct transaction_fields fields;
    struct transaction_partitions partitions;
    if (record->type != KP_TYPE_TRANSACTION_LOG_KEY || !transaction_record_read(record, &id, &fields, &partitions))
        return false;
    bool is_ours = coord_shard_of(id, transactions->host->coord->shards_count) == shard;
    if (!is_ours) { /* since the topic has grown: as in Kafka, no request would look for it here */
        transaction_partitions_release(&partitions);
        return true;
    }
    struct transaction *transaction = transactions_find(transactions, id);
    if (record->removed) {
        if (transaction)
            forget(transaction);
        return true;
    }
    if (!transaction)
        transaction = add(transactions, id, shard);
    set(transaction, &fields, &partitions);
    if (fields.state == TRANSACTION_ONGOING || is_prepared(fields.state))
        list_append(&transactions->read, &transaction->moving);
    return true;
}

void transactions_loaded(struct transactions *transactions)
{
    list_for_each (&transactions->read, node) {
        struct transaction *transaction = CONTAINER_OF(node, struct transaction, moving);
        list_remove(&transaction->moving);
        watch(transaction);
    }
}

void transactions_unload(struct transactions *transactions, int32_t shard)
{
    list_for_each (&transactions->all, node) {
        struct transaction *transaction = CONTAINER_OF(node, struct transaction, link);
        if (transaction->shard == shard)
            forget(transaction);
    }
}
