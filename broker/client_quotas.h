/* The quotas that are set: for entities (users, client ids, addresses, their combinations and defaults) values by key,
 * as Kafka's ClientQuota records have them. What becomes of them is in quota.h and connection_quotas.h.
 *
 * An entity is a set of parts, each a type ("user", "client-id", "ip") and a name; a null name is the default of the
 * type. {user=alice, client-id=null} is alice with any client id that has no quota of its own. Types that no release
 * knows are kept and described like the others. */
#ifndef DOHLE_BROKER_CLIENT_QUOTAS_H
#define DOHLE_BROKER_CLIENT_QUOTAS_H

#include "../protocol/hash_map.h"
#include "../protocol/list.h"

#include "messages.h"

/* A part of an entity: entity_type and entity_name. */
typedef struct kp_client_quota_record_entity quota_part;

#define QUOTA_PART_USER      "user"
#define QUOTA_PART_CLIENT_ID "client-id"
#define QUOTA_PART_IP        "ip"

struct client_quota_value {
    char *key;
    double value;
};

struct client_quota_entity {
    struct hash_node node; /* in quotas->entities */
    struct list link;      /* in quotas->order */
    uint8_t *identity;     /* its parts, encoded: what it is found by */
    size_t identity_size;
    quota_part *parts; /* by rising type; strings are in `identity` */
    int32_t parts_count;
    struct client_quota_value *values; /* at least one, in the order in which they were set first */
    int32_t values_count;
};

struct client_quotas {
    struct hash_map entities; /* struct client_quota_entity by identity */
    struct list order;        /* the same, as they came first */
    uint32_t version;         /* rises with each change */
};

/* The identity of an entity with these parts, which may be in any order but of distinct types: its size, and its bytes.
 */
size_t quota_identity_size(const quota_part *parts, int32_t parts_count);
void quota_identity_write(const quota_part *parts, int32_t parts_count, uint8_t *to);

void client_quotas_init(struct client_quotas *quotas, uint64_t seed);
void client_quotas_release(struct client_quotas *quotas);

/* Apply a record: set a value, or remove it; an entity without values is gone. */
void client_quotas_replay(struct client_quotas *quotas, const struct kp_client_quota_record *record);

/* The entity with these parts; NULL when nothing is set for it. */
const struct client_quota_entity *client_quotas_find(const struct client_quotas *quotas, const quota_part *parts,
                                                     int32_t parts_count);
/* The value of a key of `entity` (NULL: none); NULL when it is not set. */
const double *client_quota_get(const struct client_quota_entity *entity, struct kp_string key);
/* The part of that type, NULL when the entity has none. */
const quota_part *client_quota_part(const struct client_quota_entity *entity, const char *type);
/* The first entity for NULL, then the next one, NULL at the end. */
const struct client_quota_entity *client_quotas_next(const struct client_quotas *quotas,
                                                     const struct client_quota_entity *entity);

#endif
