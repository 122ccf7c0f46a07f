/* CreateTopics, DeleteTopics and CreatePartitions.
 *
 * All three work alike: each item of the request is checked by Kafka's rules, in Kafka's order; what passes becomes
 * records of one batch; the batch is committed unless the request only validates; the answer is held until it is
 * durable. An item that fails does not keep the others from being done. Partitions that come or go count against the
 * client's controller_mutation_rate; since the versions below an item beyond it is refused, before it only waits. */
#include "api.h"
#include "controller.h"
#include "outcome.h"
#include "topic_name.h"

#define CREATION_STRICT_SINCE 6
#define DELETION_STRICT_SINCE 5
#define GROWTH_STRICT_SINCE   3

/* Count the partitions of an item that is well otherwise. */
static struct outcome take_permits(struct request *request, int16_t strict_since, int32_t partitions)
{
    if (request_take_permits(request, request->header.api_version >= strict_since, partitions))
        return ACCEPTED;
    return refused(KAFKA_THROTTLING_QUOTA_EXCEEDED, NULL);
}

/* ---- items that a request names twice -------------------------------------------------------------------------------- */

enum naming {
    NAMED_ONCE,
    NAMED_WRONGLY,   /* so, and refused by its name alone */
    NAMED_MORE,      /* the first of several: refused */
    NAMED_BOTH_WAYS, /* the same, by name and by id */
    NAMED_AGAIN,     /* one of the others: not even answered */
};

struct named {
    struct kp_string name;
    int32_t position;
    bool by_id;    /* it is named by its id; `name` was looked up */
    bool is_wrong; /* for NAMED_WRONGLY */
};

static int compare_named(const void *a, const void *b)
{
    const struct named *left = a, *right = b;
    int order = topic_names_compare(left->name, right->name);
    return order != 0 ? order : (left->position > right->position) - (left->position < right->position);
}

/* For each of `count` items whether it is named once; null names are not compared. NULL: no memory. */
static enum naming *mark_names(struct arena *arena, struct named *items, int32_t count)
{
    enum naming *naming = arena_calloc(arena, (size_t)count, sizeof *naming);
    if (!naming)
        return NULL;
    qsort(items, (size_t)count, sizeof *items, compare_named);
    for (int32_t i = 0; i < count; i++)
        naming[items[i].position] = items[i].is_wrong ? NAMED_WRONGLY : NAMED_ONCE;
    for (int32_t i = 1, first = 0; i < count; i++) {
        if (items[i].name.size < 0 || !kp_string_equal(items[i].name, items[first].name)) {
            first = i;
            continue;
        }
        naming[items[i].position] = NAMED_AGAIN;
        if (items[i].by_id != items[first].by_id)
            naming[items[first].position] = NAMED_BOTH_WAYS;
        else if (naming[items[first].position] != NAMED_BOTH_WAYS)
            naming[items[first].position] = NAMED_MORE;
    }
    return naming;
}

/* Is anything tried? Kafka refuses what is named wrongly or twice before that; only then there may be no time for it,
 * and all that was asked is told so. */
static bool any_is_tried(const enum naming *naming, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (naming[i] == NAMED_ONCE || naming[i] == NAMED_BOTH_WAYS)
            return true;
    }
    return false;
}

/* ---- assignments that the request makes ----------------------------------------------------------------------------- */

/* The replicas of one partition: on a single node nothing but this node is possible. */
static struct outcome check_replicas(struct request *request, const int32_t *brokers, int32_t count)
{
    if (count == 0)
        return refused(KAFKA_INVALID_REPLICA_ASSIGNMENT, "A partition is assigned to no broker.");
    for (int32_t i = 0; i < count; i++) {
        if (brokers[i] != request->broker->node_id)
            return refused(KAFKA_INVALID_REPLICA_ASSIGNMENT,
                           arena_printf(&request->arena,
                                        "A partition is assigned to broker %d, which is not registered.", brokers[i]));
        if (i > 0)
            return refused(KAFKA_INVALID_REPLICA_ASSIGNMENT, "A partition is assigned to the same broker twice.");
    }
    return ACCEPTED;
}

/* ---- CreateTopics --------------------------------------------------------------------------------------------------- */

struct creation {
    struct request *request;
    const struct kp_create_topics_request *body;
    struct metadata_batch batch;
    int64_t partitions; /* that the whole request would make; each topic counts as one at least */
    struct kp_create_topics_response_topics *topics;
    int32_t count;
    bool too_much; /* more than one request may make: nothing of it is made */
    bool out_of_memory;
};

/* The partitions that an item asks for, before it is checked. */
static int32_t asked_partitions(const struct broker *broker, const struct kp_create_topics_request_topics *topic)
{
    if (topic->assignments_count > 0)
        return topic->assignments_count;
    return topic->num_partitions == -1 ? broker->config->num_partitions : topic->num_partitions;
}

static struct outcome check_name(struct request *request, struct kp_string name)
{
    const struct catalog *catalog = request->broker->catalog;
    const char *sentence = topic_name_check(name);
    if (sentence)
        return refused(KAFKA_INVALID_TOPIC_EXCEPTION, sentence);
    if (topic_name_is_metadata(name))
        return refused(KAFKA_INVALID_REQUEST, "The metadata log is not a topic that can be created.");
    if (catalog_topic(catalog, name))
        return refused(KAFKA_TOPIC_ALREADY_EXISTS,
                       arena_printf(&request->arena, "Topic '%.*s' already exists.", (int)name.size, name.data));
    const struct topic *other = catalog_colliding_topic(catalog, name);
    if (other)
        return refused(KAFKA_INVALID_TOPIC_EXCEPTION,
                       arena_printf(&request->arena, "Topic '%.*s' could be mistaken for the existing '%s'.",
                                    (int)name.size, name.data, other->name));
    return ACCEPTED;
}

/* The settings of a new topic. On success the caller releases *overrides. */
static struct outcome check_configs(struct request *request, const struct kp_create_topics_request_topics *topic,
                                    struct topic_overrides *overrides)
{
    char error[CONFIG_ERROR_SIZE];
    *overrides = (struct topic_overrides){0};
    for (int32_t i = 0; i < topic->configs_count; i++) {
        struct kp_string name = topic->configs[i].name, value = topic->configs[i].value;
        const char *sentence = error;
        bool set = value.size >= 0 && topic_overrides_alter(overrides, CONFIG_SET, name, value, error);
        if (value.size < 0)
            sentence = "A topic's setting must have a value.";
        if (!set) {
            topic_overrides_release(overrides);
            return refused(KAFKA_INVALID_CONFIG, arena_printf(&request->arena, "%s", sentence));
        }
    }
    if (topic_overrides_check(overrides, request->broker->config, error))
        return ACCEPTED;
    topic_overrides_release(overrides);
    return refused(KAFKA_INVALID_CONFIG, arena_printf(&request->arena, "%s", error));
}

/* Partitions must be numbered from 0 without holes, in any order. */
static struct outcome check_assignments(struct request *request, const struct kp_create_topics_request_topics *topic)
{
    if (topic->replication_factor != -1)
        return refused(KAFKA_INVALID_REQUEST, "With an assignment of partitions the replication factor must be -1.");
    if (topic->num_partitions != -1)
        return refused(KAFKA_INVALID_REQUEST, "With an assignment of partitions their number must be -1.");
    int32_t count = topic->assignments_count;
    bool *assigned = arena_calloc(&request->arena, (size_t)count, sizeof *assigned);
    if (!assigned)
        return refused(KAFKA_UNKNOWN_SERVER_ERROR, NULL);
    for (int32_t i = 0; i < count; i++) {
        const struct kp_create_topics_request_topics_assignments *assignment = &topic->assignments[i];
        int32_t index = assignment->partition_index;
        struct outcome outcome = check_replicas(request, assignment->broker_ids, assignment->broker_ids_count);
        if (outcome.error != KAFKA_NONE)
            return outcome;
        if (index < 0 || index >= count)
            return refused(KAFKA_INVALID_REPLICA_ASSIGNMENT, "Partitions must be numbered from 0 without holes.");
        if (assigned[index])
            return refused(KAFKA_INVALID_REPLICA_ASSIGNMENT,
                           arena_printf(&request->arena, "Partition %d is assigned twice.", index));
        assigned[index] = true;
    }
    return ACCEPTED;
}

static struct outcome check_counts(struct request *request, const struct kp_create_topics_request_topics *topic)
{
    int32_t factor = topic->replication_factor;
    if (factor == -1)
        factor = request->broker->config->default_replication_factor;
    if (factor <= 0)
        return refused(KAFKA_INVALID_REPLICATION_FACTOR,
                       "The replication factor must be above 0, or -1 for the default.");
    if (topic->num_partitions != -1 && topic->num_partitions <= 0)
        return refused(KAFKA_INVALID_PARTITIONS, "The number of partitions must be above 0, or -1 for the default.");
    if (factor > 1)
        return refused(
            KAFKA_INVALID_REPLICATION_FACTOR,
            arena_printf(&request->arena, "There is one broker, and so no replication factor of %d.", factor));
    return ACCEPTED;
}

/* One setting of the new topic, as the answer tells it from version 5 on. False: no memory. */
static bool answer_config(struct request *request, struct kp_create_topics_response_topics_configs *to, int setting,
                          const struct topic_overrides *overrides)
{
    struct config_entry entry;
    if (!topic_config_describe(request->broker->config, overrides, setting, &request->arena, &entry))
        return false;
    *to = kp_create_topics_response_topics_configs_default;
    to->name = kp_string_of(entry.name);
    to->value = kp_string_of(entry.value);
    to->read_only = entry.read_only;
    to->config_source = (int8_t)entry.source;
    to->is_sensitive = entry.sensitive;
    return true;
}

static bool answer_created(struct creation *creation, struct kp_create_topics_response_topics *to, struct kp_uuid id,
                           int32_t partitions, const struct topic_overrides *overrides)
{
    struct request *request = creation->request;
    to->topic_id = id;
    to->num_partitions = partitions;
    to->replication_factor = 1;
    if (request->header.api_version < 5)
        return true;
    to->configs = arena_calloc(&request->arena, (size_t)topic_config_definitions_count, sizeof *to->configs);
    if (!to->configs)
        return false;
    for (int i = 0; i < topic_config_definitions_count; i++) {
        if (topic_config_definitions[i].internal && !topic_overrides_get(overrides, topic_config_definitions[i].name))
            continue;
        if (!answer_config(request, &to->configs[to->configs_count++], i, overrides))
            return false;
    }
    return true;
}

static struct outcome create_topic(struct creation *creation, const struct kp_create_topics_request_topics *topic,
                                   struct kp_create_topics_response_topics *to)
{
    struct request *request = creation->request;
    struct topic_overrides overrides;
    struct outcome outcome = check_name(request, topic->name);
    if (outcome.error == KAFKA_NONE)
        outcome = check_configs(request, topic, &overrides);
    if (outcome.error != KAFKA_NONE)
        return outcome;
    outcome = topic->assignments_count > 0 ? check_assignments(request, topic) : check_counts(request, topic);
    int32_t partitions = asked_partitions(request->broker, topic);
    if (outcome.error == KAFKA_NONE)
        outcome = take_permits(request, CREATION_STRICT_SINCE, partitions);
    if (outcome.error == KAFKA_NONE) {
        struct kp_uuid id =
            controller_add_topic(request->broker, &creation->batch, topic->name, partitions, &overrides);
        if (!answer_created(creation, to, id, partitions, &overrides))
            creation->out_of_memory = true;
        creation->too_much |= metadata_batch_count(&creation->batch) > RECORDS_PER_REQUEST_MAX;
    }
    topic_overrides_release(&overrides);
    return outcome;
}

static struct kp_create_topics_response_topics failed_topic(struct kp_string name, struct outcome outcome)
{
    struct kp_create_topics_response_topics topic = kp_create_topics_response_topics_default;
    topic.name = name;
    topic.error_code = (int16_t)outcome.error;
    topic.error_message = kp_string_of(outcome.message);
    return topic;
}

static enum naming *mark_created(struct creation *creation)
{
    const struct kp_create_topics_request *body = creation->body;
    struct arena *arena = &creation->request->arena;
    struct named *names = arena_calloc(arena, (size_t)body->topics_count, sizeof *names);
    for (int32_t i = 0; names && i < body->topics_count; i++) {
        struct kp_string name = body->topics[i].name;
        names[i] = (struct named){.name = name, .position = i, .is_wrong = topic_name_is_metadata(name)};
        int32_t asked = asked_partitions(creation->request->broker, &body->topics[i]);
        creation->partitions += asked > 1 ? asked : 1;
    }
    return names ? mark_names(arena, names, body->topics_count) : NULL;
}

/* All items fail, also those that are named twice. */
static void refuse_all(struct creation *creation, struct outcome outcome)
{
    for (creation->count = 0; creation->count < creation->body->topics_count; creation->count++)
        creation->topics[creation->count] = failed_topic(creation->body->topics[creation->count].name, outcome);
}

/* Check all topics and collect the records of those that can be made. */
static void create_all(struct creation *creation)
{
    const struct kp_create_topics_request *body = creation->body;
    enum naming *naming = mark_created(creation);
    creation->topics = arena_calloc(&creation->request->arena, (size_t)body->topics_count, sizeof *creation->topics);
    creation->out_of_memory = !naming || !creation->topics;
    if (creation->out_of_memory)
        return;
    bool is_tried = any_is_tried(naming, body->topics_count);
    if (is_tried && body->timeout_ms <= 0) {
        refuse_all(creation, refused(KAFKA_REQUEST_TIMED_OUT, NULL));
        return;
    }
    creation->too_much = is_tried && creation->partitions > PARTITIONS_PER_REQUEST_MAX;
    for (int32_t i = 0; i < body->topics_count && !creation->out_of_memory && !creation->too_much; i++) {
        const struct kp_create_topics_request_topics *topic = &body->topics[i];
        if (naming[i] == NAMED_AGAIN)
            continue;
        struct kp_create_topics_response_topics *to = &creation->topics[creation->count++];
        *to = failed_topic(topic->name, ACCEPTED);
        struct outcome outcome = naming[i] == NAMED_MORE
                                     ? refused(KAFKA_INVALID_REQUEST, "The topic is named more than once.")
                                     : create_topic(creation, topic, to);
        if (outcome.error != KAFKA_NONE)
            *to = failed_topic(topic->name, outcome);
    }
    if (creation->too_much && !creation->out_of_memory)
        refuse_all(creation, refused(KAFKA_POLICY_VIOLATION,
                                     "One request must not make more than 10000 partitions, nor write more than 10000 "
                                     "records: one for each topic, partition and setting."));
}

void api_create_topics(struct request *request)
{
    struct creation creation = {.request = request, .body = request->body};
    enum kafka_error error = KAFKA_NONE;
    controller_begin(request->broker, &creation.batch);
    create_all(&creation);
    if (creation.out_of_memory || creation.too_much || creation.body->validate_only)
        metadata_batch_release(&creation.batch);
    else
        error = controller_commit(request->broker, &creation.batch, request);
    if (creation.out_of_memory) {
        request_close(request, NO_MEMORY);
        return;
    }
    for (int32_t i = 0; i < creation.count && error != KAFKA_NONE; i++) {
        if (creation.topics[i].error_code == KAFKA_NONE)
            creation.topics[i] = failed_topic(creation.topics[i].name, refused(error, NULL));
    }
    struct kp_create_topics_response response = kp_create_topics_response_default;
    response.topics = creation.topics;
    response.topics_count = creation.count;
    request_respond(request, &response);
}

/* ---- DeleteTopics --------------------------------------------------------------------------------------------------- */

struct deletion {
    struct request *request;
    const struct kp_delete_topics_request *body;
    struct metadata_batch batch;
    int32_t asked; /* items of the request, whichever list it uses */
    struct kp_delete_topics_response_responses *responses;
    int32_t count;
};

/* An item: from version 6 on by name or id, before that by name. */
static struct kp_delete_topics_request_topics asked_deletion(const struct deletion *deletion, int32_t position)
{
    if (deletion->request->header.api_version >= 6)
        return deletion->body->topics[position];
    return (struct kp_delete_topics_request_topics){.name = deletion->body->topic_names[position]};
}

static const struct topic *find_topic(const struct deletion *deletion,
                                      const struct kp_delete_topics_request_topics *item)
{
    const struct catalog *catalog = deletion->request->broker->catalog;
    return item->name.size >= 0 ? catalog_topic(catalog, item->name) : catalog_topic_by_id(catalog, item->topic_id);
}

/* A topic is named by its name or by its id, not by both, and not by neither. */
static bool is_named_wrongly(const struct kp_delete_topics_request_topics *item)
{
    return (item->name.size >= 0) != kp_uuid_is_zero(item->topic_id);
}

/* What an item stands for, so that a name and the id of the same topic are found to be the same. Null, which is nothing
 * else's, for what is named wrongly and for unknown ids: each is answered for itself. */
static struct kp_string identity_of(const struct deletion *deletion, const struct kp_delete_topics_request_topics *item)
{
    if (is_named_wrongly(item))
        return KP_NULL_STRING;
    const struct topic *topic = find_topic(deletion, item);
    return topic ? kp_string_of(topic->name) : item->name;
}

static void answer_topic(struct deletion *deletion, const struct topic *topic,
                         struct kp_delete_topics_response_responses *to)
{
    to->name = kp_string_of(arena_printf(&deletion->request->arena, "%s", topic->name)); /* the topic goes away */
    to->topic_id = topic->id;
}

static struct outcome delete_topic(struct deletion *deletion, const struct kp_delete_topics_request_topics *item,
                                   enum naming naming, struct kp_delete_topics_response_responses *to)
{
    if (naming == NAMED_WRONGLY)
        return refused(KAFKA_INVALID_REQUEST, "A topic is named by its name or by its id, and not by both.");
    const struct topic *topic = find_topic(deletion, item);
    if (naming == NAMED_BOTH_WAYS)
        answer_topic(deletion, topic, to);
    if (naming != NAMED_ONCE)
        return refused(KAFKA_INVALID_REQUEST, "The topic is named more than once.");
    if (!topic)
        return item->name.size >= 0 ? refused(KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "There is no topic of this name.")
                                    : refused(KAFKA_UNKNOWN_TOPIC_ID, "There is no topic of this id.");
    answer_topic(deletion, topic, to);
    struct outcome outcome = take_permits(deletion->request, DELETION_STRICT_SINCE, topic->partitions_count);
    if (outcome.error == KAFKA_NONE)
        controller_remove_topic(&deletion->batch, topic->id);
    return outcome;
}

/* Why all that is asked is refused, whatever it is: KAFKA_NONE when it is not. */
static enum kafka_error refusal_of_all(const struct deletion *deletion, const enum naming *naming)
{
    if (!deletion->request->broker->config->delete_topic_enable)
        return deletion->request->header.api_version < 3 ? KAFKA_INVALID_REQUEST : KAFKA_TOPIC_DELETION_DISABLED;
    bool in_no_time = deletion->body->timeout_ms <= 0 && any_is_tried(naming, deletion->asked);
    return in_no_time ? KAFKA_REQUEST_TIMED_OUT : KAFKA_NONE;
}

/* Check all items and collect the records. False: no memory. */
static bool delete_all(struct deletion *deletion)
{
    struct arena *arena = &deletion->request->arena;
    struct named *names = arena_calloc(arena, (size_t)deletion->asked, sizeof *names);
    deletion->responses = arena_calloc(arena, (size_t)deletion->asked, sizeof *deletion->responses);
    if (!names || !deletion->responses)
        return false;
    for (int32_t i = 0; i < deletion->asked; i++) {
        struct kp_delete_topics_request_topics item = asked_deletion(deletion, i);
        names[i] = (struct named){identity_of(deletion, &item), i, item.name.size < 0, is_named_wrongly(&item)};
    }
    enum naming *naming = mark_names(arena, names, deletion->asked);
    if (!naming)
        return false;
    enum kafka_error refusal = refusal_of_all(deletion, naming);
    for (int32_t i = 0; i < deletion->asked; i++) {
        if (naming[i] == NAMED_AGAIN && refusal == KAFKA_NONE)
            continue;
        struct kp_delete_topics_request_topics item = asked_deletion(deletion, i);
        struct kp_delete_topics_response_responses *to = &deletion->responses[deletion->count++];
        *to = kp_delete_topics_response_responses_default;
        to->name = item.name;
        to->topic_id = item.topic_id;
        struct outcome outcome =
            refusal != KAFKA_NONE ? refused(refusal, NULL) : delete_topic(deletion, &item, naming[i], to);
        to->error_code = (int16_t)outcome.error;
        to->error_message = kp_string_of(outcome.message);
    }
    return true;
}

void api_delete_topics(struct request *request)
{
    struct deletion deletion = {.request = request, .body = request->body};
    deletion.asked = request->header.api_version >= 6 ? deletion.body->topics_count : deletion.body->topic_names_count;
    controller_begin(request->broker, &deletion.batch);
    if (!delete_all(&deletion)) {
        metadata_batch_release(&deletion.batch);
        request_close(request, NO_MEMORY);
        return;
    }
    enum kafka_error error = controller_commit(request->broker, &deletion.batch, request);
    for (int32_t i = 0; i < deletion.count && error != KAFKA_NONE; i++) {
        if (deletion.responses[i].error_code == KAFKA_NONE)
            deletion.responses[i].error_code = (int16_t)error;
    }
    struct kp_delete_topics_response response = kp_delete_topics_response_default;
    response.responses = deletion.responses;
    response.responses_count = deletion.count;
    request_respond(request, &response);
}

/* ---- CreatePartitions ----------------------------------------------------------------------------------------------- */

struct growth {
    struct request *request;
    const struct kp_create_partitions_request *body;
    struct metadata_batch batch;
    int64_t partitions; /* that the whole request would add */
    struct kp_create_partitions_response_results *results;
    int32_t count;
};

static struct outcome check_new_replicas(struct growth *growth, const struct kp_create_partitions_request_topics *item)
{
    for (int32_t i = 0; i < item->assignments_count; i++) {
        struct outcome outcome =
            check_replicas(growth->request, item->assignments[i].broker_ids, item->assignments[i].broker_ids_count);
        if (outcome.error != KAFKA_NONE)
            return outcome;
    }
    return ACCEPTED;
}

static struct outcome grow_topic(struct growth *growth, const struct kp_create_partitions_request_topics *item)
{
    struct broker *broker = growth->request->broker;
    const struct topic *topic = catalog_topic(broker->catalog, item->name);
    if (!topic)
        return refused(KAFKA_UNKNOWN_TOPIC_OR_PARTITION, NULL);
    if (item->count == topic->partitions_count)
        return refused(
            KAFKA_INVALID_PARTITIONS,
            arena_printf(&growth->request->arena, "The topic has %d partitions already.", topic->partitions_count));
    if (item->count < topic->partitions_count)
        return refused(KAFKA_INVALID_PARTITIONS,
                       arena_printf(&growth->request->arena, "The topic has %d partitions, and %d would be fewer.",
                                    topic->partitions_count, item->count));
    if (growth->partitions > PARTITIONS_PER_REQUEST_MAX)
        return refused(KAFKA_POLICY_VIOLATION, "One request must not add more than 10000 partitions.");
    int32_t added = item->count - topic->partitions_count;
    if (item->assignments_count >= 0 && item->assignments_count != added)
        return refused(KAFKA_INVALID_REPLICA_ASSIGNMENT,
                       arena_printf(&growth->request->arena, "%d partitions are to be added, and %d are assigned.",
                                    added, item->assignments_count));
    struct outcome outcome = take_permits(growth->request, GROWTH_STRICT_SINCE, added);
    if (outcome.error == KAFKA_NONE)
        outcome = check_new_replicas(growth, item);
    if (outcome.error == KAFKA_NONE)
        controller_add_partitions(broker, &growth->batch, topic->id, topic->partitions_count, item->count);
    return outcome;
}

static enum naming *mark_grown(struct growth *growth)
{
    const struct kp_create_partitions_request *body = growth->body;
    struct arena *arena = &growth->request->arena;
    struct named *names = arena_calloc(arena, (size_t)body->topics_count, sizeof *names);
    for (int32_t i = 0; names && i < body->topics_count; i++) {
        const struct topic *topic = catalog_topic(growth->request->broker->catalog, body->topics[i].name);
        names[i] = (struct named){.name = body->topics[i].name, .position = i};
        if (topic && body->topics[i].count > topic->partitions_count)
            growth->partitions += body->topics[i].count - topic->partitions_count;
    }
    return names ? mark_names(arena, names, body->topics_count) : NULL;
}

static struct kp_create_partitions_response_results grown(struct kp_string name, struct outcome outcome)
{
    return (struct kp_create_partitions_response_results){
        .name = name, .error_code = (int16_t)outcome.error, .error_message = kp_string_of(outcome.message)};
}

/* Check all items and collect the records. False: no memory. */
static bool grow_all(struct growth *growth)
{
    const struct kp_create_partitions_request *body = growth->body;
    enum naming *naming = mark_grown(growth);
    growth->results = arena_calloc(&growth->request->arena, (size_t)body->topics_count, sizeof *growth->results);
    if (!naming || !growth->results)
        return false;
    bool in_no_time = body->timeout_ms <= 0 && any_is_tried(naming, body->topics_count);
    for (int32_t i = 0; i < body->topics_count; i++) {
        struct outcome outcome;
        if (naming[i] == NAMED_AGAIN && !in_no_time)
            continue;
        if (in_no_time)
            outcome = refused(KAFKA_REQUEST_TIMED_OUT, NULL);
        else if (naming[i] == NAMED_MORE)
            outcome = refused(KAFKA_INVALID_REQUEST, "The topic is named more than once.");
        else
            outcome = grow_topic(growth, &body->topics[i]);
        growth->results[growth->count++] = grown(body->topics[i].name, outcome);
    }
    return true;
}

void api_create_partitions(struct request *request)
{
    struct growth growth = {.request = request, .body = request->body};
    enum kafka_error error = KAFKA_NONE;
    controller_begin(request->broker, &growth.batch);
    bool memory = grow_all(&growth);
    if (!memory || growth.body->validate_only)
        metadata_batch_release(&growth.batch);
    else
        error = controller_commit(request->broker, &growth.batch, request);
    if (!memory) {
        request_close(request, NO_MEMORY);
        return;
    }
    for (int32_t i = 0; i < growth.count && error != KAFKA_NONE; i++) {
        if (growth.results[i].error_code == KAFKA_NONE)
            growth.results[i].error_code = (int16_t)error;
    }
    struct kp_create_partitions_response response = kp_create_partitions_response_default;
    response.results = growth.results;
    response.results_count = growth.count;
    request_respond(request, &response);
}
