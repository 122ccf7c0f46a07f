/* Metadata and DescribeTopicPartitions: which topics there are, and who leads their partitions.
 *
 * On a single node the second question has one answer; what remains are names, ids, errors, and topics that are made
 * because somebody asks for them. Topics are answered in the order of their names (or ids), each once; those of a very
 * long list in its order. What is much goes in parts. */
#include "api.h"
#include "asked_names.h"
#include "authorized_operations.h"
#include "controller.h"
#include "outcome.h"
#include "partition.h"
#include "topic_name.h"

/* So many topics of a request are answered in the order of their names. */
#define SORTED_MAX 2000
/* So many topics that are missing are looked at for one change, where the request is handled in parts. */
#define CREATED_IN_A_PART 64

/* ---- Metadata ------------------------------------------------------------------------------------------------------- */

struct metadata {
    struct request *request;
    const struct kp_metadata_request *body;
    int32_t *self; /* this node's id, as an array of one */
    struct kp_metadata_response_topics *topics;
    int32_t count, capacity;
    bool out_of_memory;
};

/* Room for the answers to `count` topics, with those that are there. */
static void reserve(struct metadata *metadata, int32_t count)
{
    struct kp_metadata_response_topics *topics = arena_alloc(&metadata->request->arena, (size_t)count * sizeof *topics);
    metadata->out_of_memory = topics == NULL;
    if (topics != NULL && metadata->count > 0)
        memcpy(topics, metadata->topics, (size_t)metadata->count * sizeof *topics);
    metadata->topics = topics;
    metadata->capacity = count;
}

static struct kp_metadata_response_topics *next_topic(struct metadata *metadata)
{
    struct kp_metadata_response_topics *topic = &metadata->topics[metadata->count++];
    *topic = kp_metadata_response_topics_default;
    if (metadata->body->include_topic_authorized_operations)
        topic->topic_authorized_operations = TOPIC_OPERATIONS;
    return topic;
}

static void answer_partition(const struct metadata *metadata, struct kp_metadata_response_topics_partitions *to,
                             const struct partition *partition)
{
    *to = kp_metadata_response_topics_partitions_default;
    to->partition_index = partition->index;
    to->leader_id = partition_leader(partition);
    to->error_code = (int16_t)(to->leader_id < 0 ? KAFKA_LEADER_NOT_AVAILABLE : KAFKA_NONE);
    to->leader_epoch = partition->leader_epoch;
    to->replica_nodes = to->isr_nodes = to->offline_replicas = metadata->self;
    to->replica_nodes_count = 1;
    to->isr_nodes_count = partition_in_sync(metadata->request->broker->catalog, partition);
    to->offline_replicas_count = to->leader_id < 0;
}

static void answer_topic(struct metadata *metadata, const struct topic *topic)
{
    struct kp_metadata_response_topics *to = next_topic(metadata);
    to->name = kp_string_of(topic->name);
    to->topic_id = topic->id;
    to->is_internal = topic->internal;
    to->partitions = arena_calloc(&metadata->request->arena, (size_t)topic->partitions_count, sizeof *to->partitions);
    if (!to->partitions || !request_keep(metadata->request, &to->name)) {
        metadata->out_of_memory = true;
        return;
    }
    to->partitions_count = topic->partitions_count;
    for (int32_t i = 0; i < topic->partitions_count; i++)
        answer_partition(metadata, &to->partitions[i], topic->partitions[i]);
}

static void answer_error(struct metadata *metadata, struct kp_string name, struct kp_uuid id, enum kafka_error error)
{
    struct kp_metadata_response_topics *to = next_topic(metadata);
    to->error_code = (int16_t)error;
    to->name = name;
    to->topic_id = id;
    to->is_internal = name.size >= 0 && topic_name_is_internal(name);
}

/* May Metadata make this topic? Those of coordinators are made by them, with settings of their own. A name that
 * collides is only not there, as in Kafka. */
static bool may_create(const struct metadata *metadata, struct kp_string name)
{
    const struct broker *broker = metadata->request->broker;
    return metadata->body->allow_auto_topic_creation && broker->config->auto_create_topics_enable &&
           !topic_name_check(name) && !topic_name_is_internal(name) && !topic_name_is_metadata(name) &&
           !catalog_colliding_topic(broker->catalog, name);
}

/* Kafka's broker asks its controller for such a topic in the client's name: one beyond the client's
 * controller_mutation_rate is not made, and the client is not told to wait. */
static bool take_permits(const struct request *request)
{
    struct broker *broker = request->broker;
    int32_t throttle_ms = 0;
    return !request->counted ||
           quota_take(&broker->quotas, request_client(request), true, broker->config->num_partitions,
                      broker->env->now(broker->env).mono_ms, &throttle_ms);
}

/* Make those of the topics that are missing, all in one change, as far as it may have `*left` records. */
static enum kafka_error create_these(struct metadata *metadata, const struct kp_metadata_request_topics **asked,
                                     int32_t count, int32_t *left)
{
    struct broker *broker = metadata->request->broker;
    struct metadata_batch batch;
    controller_begin(broker, &batch);
    for (int32_t i = 0; i < count && metadata_batch_count(&batch) < *left; i++) {
        if (!catalog_topic(broker->catalog, asked[i]->name) && may_create(metadata, asked[i]->name) &&
            take_permits(metadata->request))
            controller_add_topic(broker, &batch, asked[i]->name, broker->config->num_partitions, NULL);
    }
    *left -= metadata_batch_count(&batch);
    return controller_commit(broker, &batch, metadata->request);
}

/* Would the controller make a topic of the default numbers? When not, it stays unknown to the client. */
static bool may_create_any(const struct config *config)
{
    return config->auto_create_topics_enable && config->default_replication_factor == 1 &&
           config->num_partitions < RECORDS_PER_REQUEST_MAX;
}

/* Make the topics that are asked for and missing, and no more than one request may make; the answer is held until it is
 * durable. Kafka does all in one change; one that is handled in parts is several. */
static enum kafka_error create_missing(struct metadata *metadata, const struct kp_metadata_request_topics **asked,
                                       int32_t count)
{
    struct request *request = metadata->request;
    int32_t left = PARTITIONS_PER_REQUEST_MAX;
    if (!metadata->body->allow_auto_topic_creation || !may_create_any(request->broker->config))
        return KAFKA_NONE;
    if (!request_is_in_parts(request))
        return create_these(metadata, asked, count, &left);
    enum kafka_error error = KAFKA_NONE;
    for (int32_t i = 0; i < count && left > 0 && error == KAFKA_NONE; i += CREATED_IN_A_PART) {
        int32_t part = count - i < CREATED_IN_A_PART ? count - i : CREATED_IN_A_PART;
        error = create_these(metadata, &asked[i], part, &left);
        if (!request_pause(request, CREATED_IN_A_PART))
            break;
    }
    return error;
}

/* After an answer, or before the first. */
static bool may_go_on(struct metadata *metadata)
{
    int32_t partitions = metadata->count > 0 ? metadata->topics[metadata->count - 1].partitions_count : 0;
    return !metadata->out_of_memory && request_pause(metadata->request, 1 + partitions);
}

static void answer_all(struct metadata *metadata)
{
    const struct catalog *catalog = metadata->request->broker->catalog;
    bool in_parts = request_is_in_parts(metadata->request);
    for (int32_t i = 0; may_go_on(metadata) && i < catalog_topics_count(catalog);) {
        if (in_parts && metadata->count > 0) { /* others may have come before it, or gone */
            i = catalog_position_after(catalog, metadata->topics[metadata->count - 1].name);
            if (i == catalog_topics_count(catalog))
                break;
        }
        if (metadata->count == metadata->capacity)
            reserve(metadata, 2 * metadata->capacity + 16);
        if (!metadata->out_of_memory)
            answer_topic(metadata, catalog_topic_at(catalog, i++));
    }
}

static void answer_names(struct metadata *metadata, const struct kp_metadata_request_topics **asked, int32_t count)
{
    const struct catalog *catalog = metadata->request->broker->catalog;
    enum kafka_error created = create_missing(metadata, asked, count);
    for (int32_t i = 0; i < count && may_go_on(metadata); i++) {
        const struct topic *topic = catalog_topic(catalog, asked[i]->name);
        if (topic)
            answer_topic(metadata, topic);
        else if (topic_name_check(asked[i]->name))
            answer_error(metadata, asked[i]->name, KP_ZERO_UUID, KAFKA_INVALID_TOPIC_EXCEPTION);
        else if (created != KAFKA_NONE && may_create(metadata, asked[i]->name))
            answer_error(metadata, asked[i]->name, KP_ZERO_UUID, created);
        else
            answer_error(metadata, asked[i]->name, KP_ZERO_UUID, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    }
}

/* Of the topic that was answered last. */
static void tell_no_operations(struct metadata *metadata)
{
    metadata->topics[metadata->count - 1].topic_authorized_operations =
        kp_metadata_response_topics_default.topic_authorized_operations;
}

static void answer_unknown_id(struct metadata *metadata, struct kp_uuid id)
{
    answer_error(metadata, KP_NULL_STRING, id, KAFKA_UNKNOWN_TOPIC_ID);
    tell_no_operations(metadata);
}

static void answer_ids(struct metadata *metadata, const struct kp_metadata_request_topics **asked, int32_t count)
{
    for (int32_t i = 0; i < count && may_go_on(metadata); i++) {
        const struct topic *topic = catalog_topic_by_id(metadata->request->broker->catalog, asked[i]->topic_id);
        if (topic)
            answer_topic(metadata, topic);
        else if (!kp_uuid_is_zero(asked[i]->topic_id)) /* beside an id, names are not looked at */
            answer_unknown_id(metadata, asked[i]->topic_id);
    }
}

static int compare_names(const void *a, const void *b)
{
    const struct kp_metadata_request_topics *const *left = a, *const *right = b;
    return topic_names_compare((*left)->name, (*right)->name);
}

static int compare_ids(const void *a, const void *b)
{
    const struct kp_metadata_request_topics *const *left = a, *const *right = b;
    return memcmp((*left)->topic_id.bytes, (*right)->topic_id.bytes, sizeof(*left)->topic_id.bytes);
}

/* Those of a long list, each once, in the order of the request: sorting them would take too long. */
static bool leave_out_repeated(struct metadata *metadata, const struct kp_metadata_request_topics **asked, bool by_id,
                               int32_t *count)
{
    struct request *request = metadata->request;
    struct asked_names names;
    if (!asked_names_init(&names, request, (size_t)metadata->body->topics_count))
        return false;
    *count = 0;
    for (int32_t i = 0; i < metadata->body->topics_count && request_pause(request, 1); i++) {
        const struct kp_metadata_request_topics *topic = &metadata->body->topics[i];
        struct kp_string id = {(const char *)topic->topic_id.bytes, sizeof topic->topic_id.bytes};
        if (asked_names_note(&names, by_id ? id : topic->name))
            asked[(*count)++] = topic;
    }
    asked_names_release(&names);
    return true;
}

/* The topics that are asked for, each once, sorted if they are not too many. */
static const struct kp_metadata_request_topics **sort_asked(struct metadata *metadata, bool by_id, int32_t *count)
{
    int (*compare)(const void *a, const void *b) = by_id ? compare_ids : compare_names;
    size_t asked_count = (size_t)metadata->body->topics_count;
    const struct kp_metadata_request_topics **asked =
        arena_alloc(&metadata->request->arena, asked_count * sizeof *asked);
    if (!asked)
        return NULL;
    if (asked_count > SORTED_MAX)
        return leave_out_repeated(metadata, asked, by_id, count) ? asked : NULL;
    for (size_t i = 0; i < asked_count; i++)
        asked[i] = &metadata->body->topics[i];
    qsort(asked, asked_count, sizeof *asked, compare);
    *count = 0;
    for (size_t i = 0; i < asked_count; i++) {
        if (i == 0 || compare(&asked[i], &asked[*count - 1]) != 0)
            asked[(*count)++] = asked[i];
    }
    return asked;
}

/* What is wrong with the request as a whole: ids came to be understood after they came to be sent (KIP-516). */
static enum kafka_error check_asked(struct metadata *metadata, bool *by_id)
{
    enum kafka_error error = KAFKA_NONE;
    *by_id = false;
    for (int32_t i = 0; i < metadata->body->topics_count && request_pause(metadata->request, i % 16 == 0); i++) {
        const struct kp_metadata_request_topics *topic = &metadata->body->topics[i];
        bool has_id = !kp_uuid_is_zero(topic->topic_id), has_name = topic->name.size >= 0;
        *by_id = *by_id || has_id;
        if (metadata->request->header.api_version < 12 && (has_id || !has_name))
            error = KAFKA_INVALID_REQUEST;
        else if (!has_id && !has_name)
            error = KAFKA_UNKNOWN_SERVER_ERROR; /* what Kafka makes of neither */
    }
    return error;
}

static void refuse_all(struct metadata *metadata, enum kafka_error error)
{
    for (int32_t i = 0; i < metadata->body->topics_count && request_pause(metadata->request, 1); i++) {
        struct kp_string name = metadata->body->topics[i].name;
        answer_error(metadata, name.size >= 0 ? name : KP_EMPTY_STRING, metadata->body->topics[i].topic_id, error);
        tell_no_operations(metadata);
    }
}

static void respond(struct metadata *metadata, enum kafka_error refused)
{
    struct request *request = metadata->request;
    const struct broker *broker = request->broker;
    struct kp_metadata_response_brokers self = kp_metadata_response_brokers_default;
    struct kp_metadata_response response = kp_metadata_response_default;
    response.topics = metadata->topics;
    response.topics_count = metadata->count;
    response.error_code = (int16_t)refused;
    if (refused == KAFKA_NONE) {
        const char *host;
        peer_advertised_address(request->peer, &host, &self.port);
        self.node_id = broker->node_id;
        self.host = kp_string_of(host);
        self.rack = kp_string_of(broker->config->broker_rack);
        response.brokers = &self;
        response.brokers_count = 1;
        response.cluster_id = kp_string_of(broker->cluster_id);
        response.controller_id = broker->node_id;
        if (metadata->body->include_cluster_authorized_operations)
            response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    request_respond(request, &response);
}

/* Fill metadata->topics. Returns why the request is refused as a whole. */
static enum kafka_error answer_asked(struct metadata *metadata)
{
    const struct catalog *catalog = metadata->request->broker->catalog;
    bool by_id, all = metadata->body->topics_count < 0 ||
                      (metadata->request->header.api_version == 0 && metadata->body->topics_count == 0);
    int32_t count = all ? catalog_topics_count(catalog) : metadata->body->topics_count;
    reserve(metadata, count);
    metadata->self = arena_calloc(&metadata->request->arena, 1, sizeof *metadata->self);
    metadata->out_of_memory = metadata->out_of_memory || !metadata->self;
    if (metadata->out_of_memory)
        return KAFKA_NONE;
    *metadata->self = metadata->request->broker->node_id;
    if (all) {
        answer_all(metadata);
        return KAFKA_NONE;
    }
    enum kafka_error error = check_asked(metadata, &by_id);
    if (error != KAFKA_NONE) {
        refuse_all(metadata, error);
        return error;
    }
    const struct kp_metadata_request_topics **asked = sort_asked(metadata, by_id, &count);
    if (!asked)
        metadata->out_of_memory = true;
    else if (by_id)
        answer_ids(metadata, asked, count);
    else
        answer_names(metadata, asked, count);
    return KAFKA_NONE;
}

void api_metadata(struct request *request)
{
    struct metadata metadata = {.request = request, .body = request->body};
    enum kafka_error refused = answer_asked(&metadata);
    if (metadata.out_of_memory)
        request_close(request, NO_MEMORY);
    else
        respond(&metadata, refused);
}

/* ---- DescribeTopicPartitions ---------------------------------------------------------------------------------------- */

struct description {
    struct request *request;
    const struct kp_describe_topic_partitions_request *body;
    int32_t *self;
    struct kp_string *names; /* sorted, each once; from the cursor's topic on */
    int32_t names_count;
    int32_t partitions_left; /* of the limit */
    struct kp_describe_topic_partitions_response_topics *topics;
    int32_t count;
    struct kp_describe_topic_partitions_response_next_cursor next;
    bool more; /* `next` says where */
};

/* The names that the answer speaks of: those asked for, or all. False: no memory. */
static bool list_names(struct description *description)
{
    const struct kp_describe_topic_partitions_request *body = description->body;
    const struct catalog *catalog = description->request->broker->catalog;
    bool all = body->topics_count == 0;
    int32_t first = all && body->cursor ? catalog_position(catalog, body->cursor->topic_name) : 0;
    int32_t count = all ? catalog_topics_count(catalog) - first : body->topics_count;
    description->names = arena_calloc(&description->request->arena, (size_t)count, sizeof *description->names);
    if (!description->names)
        return false;
    for (int32_t i = 0; i < count; i++) {
        struct kp_string name = all ? kp_string_of(catalog_topic_at(catalog, first + i)->name) : body->topics[i].name;
        if (!body->cursor || topic_names_compare(name, body->cursor->topic_name) >= 0)
            description->names[description->names_count++] = name;
    }
    qsort(description->names, (size_t)description->names_count, sizeof *description->names, topic_names_compare_items);
    int32_t unique = 0;
    for (int32_t i = 0; i < description->names_count; i++) {
        if (i == 0 || !kp_string_equal(description->names[i], description->names[unique - 1]))
            description->names[unique++] = description->names[i];
    }
    description->names_count = unique;
    return true;
}

static enum kafka_error check_description(const struct description *description)
{
    const struct kp_describe_topic_partitions_request *body = description->body;
    bool cursor_asked = body->topics_count == 0;
    for (int32_t i = 0; i < body->topics_count; i++) {
        if (body->topics[i].name.size == 0 && !body->cursor)
            return KAFKA_UNKNOWN_SERVER_ERROR; /* what Kafka makes of it: its cursor is at "" then */
        cursor_asked =
            cursor_asked || (body->cursor && kp_string_equal(body->topics[i].name, body->cursor->topic_name));
    }
    if (body->cursor && (body->cursor->partition_index < 0 || !cursor_asked))
        return KAFKA_INVALID_REQUEST;
    return KAFKA_NONE;
}

static struct kp_describe_topic_partitions_response_topics *describe_name(struct description *description,
                                                                          struct kp_string name, enum kafka_error error)
{
    struct kp_describe_topic_partitions_response_topics *to = &description->topics[description->count++];
    *to = kp_describe_topic_partitions_response_topics_default;
    to->name = name;
    to->error_code = (int16_t)error;
    to->is_internal = topic_name_is_internal(name);
    to->topic_authorized_operations = TOPIC_OPERATIONS;
    return to;
}

static void describe_partition(const struct description *description,
                               struct kp_describe_topic_partitions_response_topics_partitions *to,
                               const struct partition *partition)
{
    *to = kp_describe_topic_partitions_response_topics_partitions_default;
    to->partition_index = partition->index;
    to->leader_id = partition_leader(partition); /* where it is -1 Metadata has an error, and this has none */
    to->leader_epoch = partition->leader_epoch;
    to->replica_nodes = to->isr_nodes = to->offline_replicas = to->last_known_elr = description->self;
    to->replica_nodes_count = 1;
    to->isr_nodes_count = partition_in_sync(description->request->broker->catalog, partition);
    to->offline_replicas_count = to->leader_id < 0;
    to->last_known_elr_count = 1 - to->isr_nodes_count;
    to->eligible_leader_replicas_count = 0; /* empty: Java's client fails on null */
}

static void set_next(struct description *description, struct kp_string name, int32_t partition)
{
    description->more = true;
    description->next = (struct kp_describe_topic_partitions_response_next_cursor){name, partition};
}

/* Describe a topic from partition `first` on, as far as the limit goes. False: no memory. */
static bool describe_topic(struct description *description, const struct topic *topic, int32_t first)
{
    int32_t behind = first < topic->partitions_count ? topic->partitions_count - first : 0;
    int32_t count = behind < description->partitions_left ? behind : description->partitions_left;
    struct kp_describe_topic_partitions_response_topics *to =
        describe_name(description, kp_string_of(topic->name), KAFKA_NONE);
    to->topic_id = topic->id;
    to->partitions = arena_calloc(&description->request->arena, (size_t)count, sizeof *to->partitions);
    if (!to->partitions)
        return false;
    to->partitions_count = count;
    for (int32_t i = 0; i < count; i++)
        describe_partition(description, &to->partitions[i], topic->partitions[first + i]);
    description->partitions_left -= count;
    if (count < behind)
        set_next(description, to->name, first + count);
    return true;
}

/* False: no memory. */
static bool describe_names(struct description *description)
{
    const struct kp_describe_topic_partitions_request *body = description->body;
    for (int32_t i = 0; i < description->names_count && !description->more; i++) {
        struct kp_string name = description->names[i];
        const struct topic *topic = catalog_topic(description->request->broker->catalog, name);
        bool at_cursor = body->cursor && kp_string_equal(name, body->cursor->topic_name);
        if (description->partitions_left == 0)
            set_next(description, name, 0);
        else if (!topic)
            describe_name(description, name,
                          topic_name_check(name) ? KAFKA_INVALID_TOPIC_EXCEPTION : KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        else if (!describe_topic(description, topic, at_cursor ? body->cursor->partition_index : 0))
            return false;
    }
    return true;
}

/* The limit of the request, within the broker's. */
static int32_t partitions_limit(const struct description *description)
{
    int32_t asked = description->body->response_partition_limit;
    int32_t max = description->request->broker->config->max_request_partition_size_limit;
    int32_t limit = asked < max ? asked : max;
    return limit > 1 ? limit : 1;
}

void api_describe_topic_partitions(struct request *request)
{
    struct description description = {.request = request, .body = request->body};
    struct kp_describe_topic_partitions_response response = kp_describe_topic_partitions_response_default;
    enum kafka_error error = check_description(&description);
    description.self = arena_calloc(&request->arena, 1, sizeof *description.self);
    bool memory = description.self && list_names(&description);
    int32_t room = error == KAFKA_NONE ? description.names_count : description.body->topics_count;
    description.topics = memory ? arena_calloc(&request->arena, (size_t)room, sizeof *description.topics) : NULL;
    if (!description.topics) {
        request_close(request, NO_MEMORY);
        return;
    }
    *description.self = request->broker->node_id;
    description.partitions_left = partitions_limit(&description);
    for (int32_t i = 0; i < description.body->topics_count && error != KAFKA_NONE; i++) {
        struct kp_describe_topic_partitions_response_topics *refused =
            describe_name(&description, description.body->topics[i].name, error);
        refused->topic_authorized_operations =
            kp_describe_topic_partitions_response_topics_default.topic_authorized_operations;
    }
    if (error == KAFKA_NONE && !describe_names(&description)) {
        request_close(request, NO_MEMORY);
        return;
    }
    response.topics = description.topics;
    response.topics_count = description.count;
    response.next_cursor = description.more ? &description.next : NULL;
    request_respond(request, &response);
}
