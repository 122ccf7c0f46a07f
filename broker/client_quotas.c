/* A hash map of entities by their identity: for each part, by rising type, the size of the type (4 bytes, big-endian),
 * the type, the size of the name (-1: null), the name. See client_quotas.h. */
#include "client_quotas.h"

#include "../protocol/bytes.h"

#include <string.h>

/* Identities up to this size are built on the stack: all whose names are not absurd. */
#define IDENTITY_BYTES 512

void client_quotas_init(struct client_quotas *quotas, uint64_t seed)
{
    *quotas = (struct client_quotas){0};
    hash_map_init(&quotas->entities, seed);
    list_init(&quotas->order);
}

static void entity_free(struct client_quotas *quotas, struct client_quota_entity *entity)
{
    hash_map_remove(&quotas->entities, &entity->node);
    list_remove(&entity->link);
    for (int32_t i = 0; i < entity->values_count; i++)
        free(entity->values[i].key);
    free(entity->values);
    free(entity->parts);
    free(entity->identity);
    free(entity);
}

void client_quotas_release(struct client_quotas *quotas)
{
    list_for_each (&quotas->order, node)
        entity_free(quotas, CONTAINER_OF(node, struct client_quota_entity, link));
    hash_map_release(&quotas->entities);
}

/* ---- identities ----------------------------------------------------------------------------------------------------- */

static int compare_types(struct kp_string a, struct kp_string b)
{
    int32_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, (size_t)size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_parts(const void *a, const void *b)
{
    const quota_part *const *left = a, *const *right = b;
    return compare_types((*left)->entity_type, (*right)->entity_type);
}

static size_t string_bytes(struct kp_string text)
{
    return 4 + (text.size > 0 ? (size_t)text.size : 0);
}

static uint8_t *put_string(uint8_t *to, struct kp_string text)
{
    store_be32(to, (uint32_t)text.size);
    if (text.size > 0)
        memcpy(to + 4, text.data, (size_t)text.size);
    return to + string_bytes(text);
}

size_t quota_identity_size(const quota_part *parts, int32_t parts_count)
{
    size_t size = 0;
    for (int32_t i = 0; i < parts_count; i++)
        size += string_bytes(parts[i].entity_type) + string_bytes(parts[i].entity_name);
    return size;
}

void quota_identity_write(const quota_part *parts, int32_t parts_count, uint8_t *to)
{
    const quota_part *few[4], **sorted = few;
    if ((size_t)parts_count > COUNT_OF(few))
        sorted = xmalloc((size_t)parts_count * sizeof *sorted);
    for (int32_t i = 0; i < parts_count; i++)
        sorted[i] = &parts[i];
    qsort(sorted, (size_t)parts_count, sizeof *sorted, compare_parts);
    for (int32_t i = 0; i < parts_count; i++)
        to = put_string(put_string(to, sorted[i]->entity_type), sorted[i]->entity_name);
    if (sorted != few)
        free(sorted);
}

/* The identity in `room` when it fits, else allocated. */
static uint8_t *identity_of(const quota_part *parts, int32_t count, uint8_t room[IDENTITY_BYTES], size_t *size)
{
    *size = quota_identity_size(parts, count);
    uint8_t *identity = *size <= IDENTITY_BYTES ? room : xmalloc(*size);
    quota_identity_write(parts, count, identity);
    return identity;
}

static struct kp_string take_string(const uint8_t **at)
{
    struct kp_string text = {(const char *)*at + 4, (int32_t)load_be32(*at)};
    *at += string_bytes(text);
    return text;
}

/* ---- entities ------------------------------------------------------------------------------------------------------- */

static struct client_quota_entity *find_identity(const struct client_quotas *quotas, const uint8_t *identity,
                                                 size_t size, uint64_t hash)
{
    for (struct hash_node *node = hash_map_first(&quotas->entities, hash); node; node = hash_node_next(node)) {
        struct client_quota_entity *entity = CONTAINER_OF(node, struct client_quota_entity, node);
        if (entity->identity_size == size && memcmp(entity->identity, identity, size) == 0)
            return entity;
    }
    return NULL;
}

static struct client_quota_entity *entity_new(struct client_quotas *quotas, const uint8_t *identity, size_t size,
                                              uint64_t hash, int32_t parts_count)
{
    struct client_quota_entity *entity = xcalloc(1, sizeof *entity);
    entity->identity = xmalloc(size);
    memcpy(entity->identity, identity, size);
    entity->identity_size = size;
    entity->parts_count = parts_count;
    entity->parts = xcalloc((size_t)parts_count, sizeof *entity->parts);
    const uint8_t *at = entity->identity;
    for (int32_t i = 0; i < parts_count; i++) {
        entity->parts[i].entity_type = take_string(&at);
        entity->parts[i].entity_name = take_string(&at);
    }
    hash_map_insert(&quotas->entities, &entity->node, hash);
    list_append(&quotas->order, &entity->link);
    return entity;
}

const struct client_quota_entity *client_quotas_find(const struct client_quotas *quotas, const quota_part *parts,
                                                     int32_t parts_count)
{
    uint8_t room[IDENTITY_BYTES];
    size_t size;
    if (quotas->entities.count == 0)
        return NULL;
    uint8_t *identity = identity_of(parts, parts_count, room, &size);
    const struct client_quota_entity *entity =
        find_identity(quotas, identity, size, hash_bytes(&quotas->entities, identity, size));
    if (identity != room)
        free(identity);
    return entity;
}

const struct client_quota_entity *client_quotas_next(const struct client_quotas *quotas,
                                                     const struct client_quota_entity *entity)
{
    const struct list *next = entity != NULL ? entity->link.next : quotas->order.next;
    return next == &quotas->order ? NULL : CONTAINER_OF(next, struct client_quota_entity, link);
}

const quota_part *client_quota_part(const struct client_quota_entity *entity, const char *type)
{
    for (int32_t i = 0; i < entity->parts_count; i++) {
        if (kp_string_is(entity->parts[i].entity_type, type))
            return &entity->parts[i];
    }
    return NULL;
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

static struct client_quota_value *value_of(const struct client_quota_entity *entity, struct kp_string key)
{
    for (int32_t i = 0; i < entity->values_count; i++) {
        if (kp_string_is(key, entity->values[i].key))
            return &entity->values[i];
    }
    return NULL;
}

const double *client_quota_get(const struct client_quota_entity *entity, struct kp_string key)
{
    const struct client_quota_value *value = entity != NULL ? value_of(entity, key) : NULL;
    return value != NULL ? &value->value : NULL;
}

static void set_value(struct client_quota_entity *entity, struct kp_string key, double value)
{
    struct client_quota_value *set = value_of(entity, key);
    if (set == NULL) {
        size_t count = (size_t)entity->values_count + 1;
        entity->values = xrealloc(entity->values, count * sizeof *entity->values);
        set = &entity->values[entity->values_count++];
        set->key = xcalloc((size_t)key.size + 1, 1);
        memcpy(set->key, key.data, (size_t)key.size);
    }
    set->value = value;
}

static void remove_value(struct client_quota_entity *entity, struct client_quota_value *value)
{
    free(value->key);
    entity->values_count--;
    memmove(value, value + 1, (size_t)(&entity->values[entity->values_count] - value) * sizeof *value);
}

void client_quotas_replay(struct client_quotas *quotas, const struct kp_client_quota_record *record)
{
    uint8_t room[IDENTITY_BYTES];
    size_t size;
    uint8_t *identity = identity_of(record->entity, record->entity_count, room, &size);
    uint64_t hash = hash_bytes(&quotas->entities, identity, size);
    struct client_quota_entity *entity = find_identity(quotas, identity, size, hash);
    if (entity == NULL && !record->remove)
        entity = entity_new(quotas, identity, size, hash, record->entity_count);
    if (identity != room)
        free(identity);
    if (entity == NULL)
        return;
    struct client_quota_value *value = value_of(entity, record->key);
    if (!record->remove)
        set_value(entity, record->key, record->value);
    else if (value != NULL)
        remove_value(entity, value);
    if (entity->values_count == 0)
        entity_free(quotas, entity);
    quotas->version++;
}
