/* Client quotas, enforced: how much a user and client id has produced, fetched, kept the loop busy and changed topics,
 * and how long it is to wait when that is above what is set for it (KIP-13, KIP-55, KIP-124, KIP-599).
 *
 * A kind of quota is on when a value for its key is set for some entity. Then each request of any client is counted, by
 * a sensor that belongs to what the quota that applies is for: several clients share the sensor of their user, and
 * those of a default have one each. Kafka's order of what applies:
 *
 *     user + client id | user + any client id | user | any user + client id | any user + any client id | any user
 *     | client id | any client id
 *
 * Sensors are made by use, dropped after an hour without it, and bounded in number. Nothing is counted, looked up or
 * allocated while no quota is set at all: quotas_set() is the one branch for that.
 *
 * What becomes of the result, the answer's throttle_time_ms and the silence behind it, is in request.h. Pure; times
 * are monotonic. */
#ifndef DOHLE_BROKER_QUOTA_H
#define DOHLE_BROKER_QUOTA_H

#include "client_quotas.h"
#include "quota_rate.h"

#include <stdbool.h>

enum quota_kind {
    QUOTA_PRODUCE,  /* producer_byte_rate: bytes of requests */
    QUOTA_FETCH,    /* consumer_byte_rate: bytes of answers */
    QUOTA_REQUEST,  /* request_percentage: of the loop's time */
    QUOTA_MUTATION, /* controller_mutation_rate: partitions made or deleted, by a token bucket */
    QUOTA_KINDS
};

/* All sensors of one kind. */
struct quota_manager {
    struct quota_windows windows;
    unsigned levels; /* of the entities that have a value of this kind: bits of quota.c */
    struct hash_map sensors;
    struct list by_use; /* the one that was used longest ago first */
};

struct quotas {
    const struct client_quotas *values;
    uint32_t version; /* of the values that the levels are of */
    struct quota_manager managers[QUOTA_KINDS];
};

/* Whom a request counts for; client_id is null or empty when it names none. */
struct quota_client {
    struct kp_string user, client_id;
};

/* `values` are borrowed. `windows` are those of the controller's kind, and of the others. */
void quotas_init(struct quotas *quotas, const struct client_quotas *values, const struct quota_windows *windows,
                 const struct quota_windows *mutation_windows, uint64_t seed);
void quotas_release(struct quotas *quotas);

/* Is any quota set, of whatever kind? */
static inline bool quotas_set(const struct quotas *quotas)
{
    return quotas->values->entities.count > 0;
}

/* Is the kind on? */
bool quota_is_on(struct quotas *quotas, enum quota_kind kind);

/* Count `value` (bytes; percent seconds for QUOTA_REQUEST) for the client. Returns for how many milliseconds it is to
 * be silent: 0 when it is within its quota, or the kind is off. For QUOTA_REQUEST at most one window. Not for
 * QUOTA_MUTATION. */
int32_t quota_record(struct quotas *quotas, enum quota_kind kind, struct quota_client client, double value,
                     int64_t now_ms);
/* Take back what was just counted. */
void quota_unrecord(struct quotas *quotas, enum quota_kind kind, struct quota_client client, double value,
                    int64_t now_ms);
/* More than this at once is always above the quota; INT32_MAX when there is none. */
int32_t quota_value_max(struct quotas *quotas, enum quota_kind kind, struct quota_client client, int64_t now_ms);

/* Take `permits` tokens for partitions. A strict quota gives none while some are owed, and returns false; a permissive
 * one gives them all the same. *throttle_ms is raised to how long the client is to wait. */
bool quota_take(struct quotas *quotas, struct quota_client client, bool strict, int32_t permits, int64_t now_ms,
                int32_t *throttle_ms);

#endif
