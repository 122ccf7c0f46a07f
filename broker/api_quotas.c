/* DescribeClientQuotas and AlterClientQuotas (KIP-546): what is set for which entities. What a quota does to the
 * clients that it is for is in quota.h and connection_quotas.h.
 *
 * An alteration names an entity and values to be set or removed. Each is checked and answered for itself, by the rules
 * of Kafka's ClientQuotaControlManager; what passes becomes the records of one batch. Values are only written that
 * change something. An entity that a request names twice is refused the second time, though what its first naming asks
 * for is done, and one answer stands for both. */
#include "api.h"
#include "connection_quotas.h"
#include "controller.h"
#include "outcome.h"

#include <string.h>

/* ---- DescribeClientQuotas ------------------------------------------------------------------------------------------- */

enum match_type {
    MATCH_EXACT = 0,
    MATCH_DEFAULT = 1,
    MATCH_SPECIFIED = 2, /* any name of the type, or its default */
};

typedef struct kp_describe_client_quotas_request_components component;
typedef struct kp_describe_client_quotas_response_entries described;

static bool is_known_type(struct kp_string type)
{
    return kp_string_is(type, QUOTA_PART_USER) || kp_string_is(type, QUOTA_PART_CLIENT_ID) ||
           kp_string_is(type, QUOTA_PART_IP);
}

static struct outcome check_component(const component *components, int32_t position)
{
    const component *asked = &components[position];
    if (asked->entity_type.size == 0)
        return refused(KAFKA_INVALID_REQUEST, "An entity type of the filter is empty.");
    for (int32_t i = 0; i < position; i++) {
        if (kp_string_equal(components[i].entity_type, asked->entity_type))
            return refused(KAFKA_INVALID_REQUEST, "An entity type occurs twice in the filter.");
    }
    if (!is_known_type(asked->entity_type))
        return refused(KAFKA_UNSUPPORTED_VERSION, "The filter has an entity type that is not known.");
    if (asked->match_type < MATCH_EXACT || asked->match_type > MATCH_SPECIFIED)
        return refused(KAFKA_INVALID_REQUEST, "The filter has a match type that is not known.");
    if ((asked->match_type == MATCH_EXACT) != (asked->match.size >= 0))
        return refused(KAFKA_INVALID_REQUEST, "A name to match goes with an exact match, and with no other.");
    return ACCEPTED;
}

static struct outcome check_filter(const struct kp_describe_client_quotas_request *body)
{
    bool ip = false, others = false;
    for (int32_t i = 0; i < body->components_count; i++) {
        struct outcome outcome = check_component(body->components, i);
        if (outcome.error != KAFKA_NONE)
            return outcome;
        ip = ip || kp_string_is(body->components[i].entity_type, QUOTA_PART_IP);
        others = others || !kp_string_is(body->components[i].entity_type, QUOTA_PART_IP);
    }
    if (ip && others)
        return refused(KAFKA_INVALID_REQUEST, "Addresses do not combine with users and client ids.");
    return ACCEPTED;
}

static bool matches(const struct kp_describe_client_quotas_request *body, const struct client_quota_entity *entity)
{
    if (body->strict && entity->parts_count != body->components_count)
        return false;
    for (int32_t i = 0; i < body->components_count; i++) {
        const component *asked = &body->components[i];
        const quota_part *part = NULL;
        for (int32_t j = 0; j < entity->parts_count && part == NULL; j++) {
            if (kp_string_equal(entity->parts[j].entity_type, asked->entity_type))
                part = &entity->parts[j];
        }
        if (part == NULL)
            return false;
        if (asked->match_type == MATCH_EXACT && !kp_string_equal(part->entity_name, asked->match))
            return false;
        if (asked->match_type == MATCH_DEFAULT && part->entity_name.size >= 0)
            return false;
    }
    return true;
}

/* False: no memory. */
static bool describe(struct arena *arena, const struct client_quota_entity *entity, described *to)
{
    to->entity = arena_calloc(arena, (size_t)entity->parts_count, sizeof *to->entity);
    to->values = arena_calloc(arena, (size_t)entity->values_count, sizeof *to->values);
    if (to->entity == NULL || to->values == NULL)
        return false;
    for (; to->entity_count < entity->parts_count; to->entity_count++) {
        const quota_part *part = &entity->parts[to->entity_count];
        to->entity[to->entity_count].entity_type = part->entity_type;
        to->entity[to->entity_count].entity_name = part->entity_name;
    }
    for (; to->values_count < entity->values_count; to->values_count++) {
        to->values[to->values_count].key = kp_string_of(entity->values[to->values_count].key);
        to->values[to->values_count].value = entity->values[to->values_count].value;
    }
    return true;
}

static bool describe_matching(struct request *request, struct kp_describe_client_quotas_response *response)
{
    const struct kp_describe_client_quotas_request *body = request->body;
    const struct client_quotas *quotas = catalog_client_quotas(request->broker->catalog);
    const struct client_quota_entity *entity = NULL;
    size_t count = 0;
    while ((entity = client_quotas_next(quotas, entity)) != NULL)
        count += matches(body, entity);
    response->entries = arena_calloc(&request->arena, count, sizeof *response->entries);
    response->entries_count = 0;
    if (response->entries == NULL)
        return false;
    while ((entity = client_quotas_next(quotas, entity)) != NULL) {
        if (matches(body, entity) && !describe(&request->arena, entity, &response->entries[response->entries_count++]))
            return false;
    }
    return true;
}

void api_describe_client_quotas(struct request *request)
{
    struct kp_describe_client_quotas_response response = kp_describe_client_quotas_response_default;
    struct outcome outcome = check_filter(request->body);
    if (outcome.error != KAFKA_NONE) {
        response.error_code = (int16_t)outcome.error;
        response.error_message = kp_string_of(outcome.message);
        response.entries_count = -1;
    } else if (!describe_matching(request, &response)) {
        request_close(request, NO_MEMORY);
        return;
    }
    request_respond(request, &response);
}

/* ---- AlterClientQuotas ---------------------------------------------------------------------------------------------- */

typedef struct kp_alter_client_quotas_request_entries entry;
typedef struct kp_alter_client_quotas_request_entries_ops alteration_op;
typedef struct kp_alter_client_quotas_response_entries result;

/* What the request has said of an entity. */
struct altered {
    struct hash_node node; /* by identity */
    const uint8_t *identity;
    size_t identity_size;
    result *result;
};

struct alteration {
    struct request *request;
    struct metadata_batch batch;
    struct hash_map entities; /* struct altered, in the arena */
    result *results;
    int32_t count;
};

/* The keys, and what their values may be. */
static const struct quota_key {
    const char *name;
    bool of_ip;
    double max; /* of whole numbers; 0: any number */
} QUOTA_KEYS[] = {
    {"producer_byte_rate",       false, (double)INT64_MAX},
    {"consumer_byte_rate",       false, (double)INT64_MAX},
    {"request_percentage",       false, 0                },
    {"controller_mutation_rate", false, 0                },
    {"connection_creation_rate", true,  INT32_MAX        },
};

/* Kafka's test of what is no whole number, of one above 0. */
static bool is_fraction(double value)
{
    const double whole_from = 9007199254740992.0; /* 2^53 */
    return value < whole_from && value - (double)(int64_t)value > 1e-6;
}

static struct outcome check_value(bool of_ip, const alteration_op *op)
{
    const struct quota_key *key = NULL;
    for (size_t i = 0; i < COUNT_OF(QUOTA_KEYS) && key == NULL; i++) {
        if (QUOTA_KEYS[i].of_ip == of_ip && kp_string_is(op->key, QUOTA_KEYS[i].name))
            key = &QUOTA_KEYS[i];
    }
    if (key == NULL)
        return refused(KAFKA_INVALID_REQUEST, "There is no quota of this name for this kind of entity.");
    if (op->value <= 0)
        return refused(KAFKA_INVALID_REQUEST, "A quota must be above 0.");
    if (key->max > 0 && op->value > key->max)
        return refused(KAFKA_INVALID_REQUEST, "The quota is larger than its type allows.");
    if (key->max > 0 && is_fraction(op->value))
        return refused(KAFKA_INVALID_REQUEST, "The quota must be a whole number.");
    return ACCEPTED;
}

static struct outcome check_parts(struct arena *arena, const quota_part *parts, int32_t count, bool *of_ip)
{
    bool ip = false, others = false;
    uint8_t address[IP_ADDRESS_BYTES];
    if (count == 0)
        return refused(KAFKA_INVALID_REQUEST, "The entity is empty.");
    for (int32_t i = 0; i < count; i++) {
        if (!is_known_type(parts[i].entity_type))
            return refused(KAFKA_INVALID_REQUEST, "The entity has a type that is not known.");
        if (parts[i].entity_name.size == 0)
            return refused(KAFKA_INVALID_REQUEST, "A name of the entity is empty.");
        if (!kp_string_is(parts[i].entity_type, QUOTA_PART_IP)) {
            others = true;
            continue;
        }
        ip = true;
        if (parts[i].entity_name.size > 0 && !ip_address_parse(parts[i].entity_name, address))
            return refused(KAFKA_INVALID_REQUEST,
                           arena_printf(arena, "'%.*s' is no address: it must be one of IPv4 or IPv6, or localhost.",
                                        (int)parts[i].entity_name.size, parts[i].entity_name.data));
    }
    if (ip && others)
        return refused(KAFKA_INVALID_REQUEST, "An address does not combine with a user or a client id.");
    *of_ip = ip;
    return ACCEPTED;
}

static int compare_strings(struct kp_string a, struct kp_string b)
{
    int32_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, (size_t)size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_part_places(const void *a, const void *b)
{
    const quota_part *const *left = a, *const *right = b;
    int order = compare_strings((*left)->entity_type, (*right)->entity_type);
    return order != 0 ? order : (*left > *right) - (*left < *right);
}

/* The parts of an entry's entity by type; of those of one type the last. NULL: no memory. */
static quota_part *take_parts(struct arena *arena, const entry *asked, int32_t *count)
{
    size_t places = (size_t)asked->entity_count;
    quota_part *given = arena_calloc(arena, places, sizeof *given), *parts = arena_calloc(arena, places, sizeof *parts);
    const quota_part **order = arena_calloc(arena, places, sizeof *order);
    if (given == NULL || parts == NULL || order == NULL)
        return NULL;
    for (size_t i = 0; i < places; i++) {
        given[i] = (quota_part){asked->entity[i].entity_type, asked->entity[i].entity_name};
        order[i] = &given[i];
    }
    qsort(order, places, sizeof *order, compare_part_places);
    *count = 0;
    for (size_t i = 0; i < places; i++) {
        if (i + 1 == places || !kp_string_equal(order[i]->entity_type, order[i + 1]->entity_type))
            parts[(*count)++] = *order[i];
    }
    return parts;
}

static int compare_op_keys(const void *a, const void *b)
{
    const alteration_op *const *left = a, *const *right = b;
    return compare_strings((*left)->key, (*right)->key);
}

/* Is a key named twice? *known is false when there is no memory to find out. */
static bool repeats_key(struct arena *arena, const entry *asked, bool *known)
{
    const alteration_op **order = arena_calloc(arena, (size_t)asked->ops_count, sizeof *order);
    *known = order != NULL;
    if (order == NULL)
        return false;
    for (int32_t i = 0; i < asked->ops_count; i++)
        order[i] = &asked->ops[i];
    qsort(order, (size_t)asked->ops_count, sizeof *order, compare_op_keys);
    for (int32_t i = 1; i < asked->ops_count; i++) {
        if (kp_string_equal(order[i - 1]->key, order[i]->key))
            return true;
    }
    return false;
}

/* Check the values, then collect the records of those that change something. */
static struct outcome alter_values(struct alteration *alteration, const quota_part *parts, int32_t parts_count,
                                   const entry *asked)
{
    bool of_ip;
    struct outcome outcome = check_parts(&alteration->request->arena, parts, parts_count, &of_ip);
    for (int32_t i = 0; i < asked->ops_count && outcome.error == KAFKA_NONE; i++) {
        if (!asked->ops[i].remove)
            outcome = check_value(of_ip, &asked->ops[i]);
    }
    if (outcome.error != KAFKA_NONE)
        return outcome;
    const struct client_quotas *quotas = catalog_client_quotas(alteration->request->broker->catalog);
    const struct client_quota_entity *entity = client_quotas_find(quotas, parts, parts_count);
    for (int32_t i = 0; i < asked->ops_count; i++) {
        const alteration_op *op = &asked->ops[i];
        const double *current = client_quota_get(entity, op->key);
        bool same =
            op->remove ? current == NULL : current != NULL && memcmp(current, &op->value, sizeof op->value) == 0;
        if (!same)
            controller_set_quota(&alteration->batch, parts, parts_count, op->key, op->remove ? NULL : &op->value);
    }
    return ACCEPTED;
}

/* What the request has said of this entity; a new one without result when it has not. NULL: no memory. */
static struct altered *find_altered(struct alteration *alteration, const quota_part *parts, int32_t parts_count)
{
    struct arena *arena = &alteration->request->arena;
    size_t size = quota_identity_size(parts, parts_count);
    uint8_t *identity = arena_alloc(arena, size);
    struct altered *altered = arena_calloc(arena, 1, sizeof *altered);
    if (identity == NULL || altered == NULL)
        return NULL;
    quota_identity_write(parts, parts_count, identity);
    uint64_t hash = hash_bytes(&alteration->entities, identity, size);
    for (struct hash_node *node = hash_map_first(&alteration->entities, hash); node != NULL;
         node = hash_node_next(node)) {
        struct altered *found = CONTAINER_OF(node, struct altered, node);
        if (found->identity_size == size && memcmp(found->identity, identity, size) == 0)
            return found;
    }
    altered->identity = identity;
    altered->identity_size = size;
    hash_map_insert(&alteration->entities, &altered->node, hash);
    return altered;
}

/* The place for a new answer. NULL: no memory. */
static result *add_result(struct alteration *alteration, const quota_part *parts, int32_t parts_count)
{
    result *to = &alteration->results[alteration->count++];
    to->entity = arena_calloc(&alteration->request->arena, (size_t)parts_count, sizeof *to->entity);
    if (to->entity == NULL)
        return NULL;
    to->error_message = KP_NULL_STRING;
    for (; to->entity_count < parts_count; to->entity_count++) {
        to->entity[to->entity_count].entity_type = parts[to->entity_count].entity_type;
        to->entity[to->entity_count].entity_name = parts[to->entity_count].entity_name;
    }
    return to;
}

/* False: no memory. */
static bool alter_entity(struct alteration *alteration, const entry *asked)
{
    struct arena *arena = &alteration->request->arena;
    int32_t parts_count = 0;
    quota_part *parts = take_parts(arena, asked, &parts_count);
    struct altered *altered = parts != NULL ? find_altered(alteration, parts, parts_count) : NULL;
    if (altered == NULL)
        return false;
    bool known, repeats = repeats_key(arena, asked, &known);
    bool again = altered->result != NULL;
    if (!again)
        altered->result = add_result(alteration, parts, parts_count);
    if (altered->result == NULL || !known)
        return false;
    struct outcome outcome = again     ? refused(KAFKA_INVALID_REQUEST, "The entity is named more than once.")
                             : repeats ? refused(KAFKA_INVALID_REQUEST, "A quota is named more than once.")
                                       : alter_values(alteration, parts, parts_count, asked);
    altered->result->error_code = (int16_t)outcome.error;
    altered->result->error_message = kp_string_of(outcome.message);
    return true;
}

/* Check all entries and collect the records. False: no memory. */
static bool alter_all(struct alteration *alteration)
{
    struct request *request = alteration->request;
    const struct kp_alter_client_quotas_request *body = request->body;
    uint64_t seed;
    request->broker->env->random(request->broker->env, &seed, sizeof seed);
    hash_map_init(&alteration->entities, seed);
    alteration->results = arena_calloc(&request->arena, (size_t)body->entries_count, sizeof *alteration->results);
    bool done = alteration->results != NULL;
    for (int32_t i = 0; i < body->entries_count && done; i++)
        done = alter_entity(alteration, &body->entries[i]);
    hash_map_release(&alteration->entities);
    return done;
}

void api_alter_client_quotas(struct request *request)
{
    const struct kp_alter_client_quotas_request *body = request->body;
    struct alteration alteration = {.request = request};
    enum kafka_error error = KAFKA_NONE;
    controller_begin(request->broker, &alteration.batch);
    bool checked = alter_all(&alteration);
    if (!checked || body->validate_only)
        metadata_batch_release(&alteration.batch);
    else
        error = controller_commit(request->broker, &alteration.batch, request);
    if (!checked) {
        request_close(request, NO_MEMORY);
        return;
    }
    for (int32_t i = 0; i < alteration.count && error != KAFKA_NONE; i++)
        alteration.results[i].error_code = (int16_t)error;
    struct kp_alter_client_quotas_response response = kp_alter_client_quotas_response_default;
    response.entries = alteration.results;
    response.entries_count = alteration.count;
    request_respond(request, &response);
}
