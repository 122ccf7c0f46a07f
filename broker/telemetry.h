/* Client telemetry (KIP-714): which metrics a client is asked to push, and whether what it pushes is in time.
 *
 * Subscriptions are the settings of resources of type CLIENT_METRICS: prefixes of metrics, how often, and for which
 * clients. A client that asks gets the union of those that match it. What it pushes is checked and dropped: in Kafka it
 * goes to the metrics reporters that take it, Java classes, and without one Kafka drops it as well and advertises
 * neither API (docs/decisions/0022-client-telemetry.md).
 *
 * An instance is what is remembered of a client: it ends with the connection that it began on, when it was silent for
 * three intervals, or when there are too many. */
#ifndef DOHLE_BROKER_TELEMETRY_H
#define DOHLE_BROKER_TELEMETRY_H

#include "../protocol/arena.h"
#include "../protocol/errors.h"
#include "../protocol/hash_map.h"
#include "../protocol/list.h"
#include "catalog.h"

struct peer;
struct request;

struct telemetry_instance {
    struct hash_node node; /* by id */
    struct list by_use;
    struct kp_uuid id;
    struct peer *peer; /* whose connection it began on; NULL: it has begun another one since */
    uint32_t version;  /* of the subscriptions that it was told */
    int32_t subscription_id;
    int32_t interval_ms;
    int64_t used_ms, get_ms, push_ms; /* monotonic; of the last request, the last accepted ones */
    bool terminating;                 /* it has said that it pushes no more */
    enum kafka_error last_error;
};

struct telemetry {
    struct hash_map instances;
    struct list by_use; /* the quietest first */
};

/* What a client is subscribed to; in the arena that it was asked with. */
struct telemetry_subscription {
    int32_t id;
    int32_t interval_ms;
    struct kp_string *metrics; /* sorted, each once; or "*" alone */
    int32_t metrics_count;
};

void telemetry_init(struct telemetry *telemetry, uint64_t seed);
void telemetry_release(struct telemetry *telemetry);

/* What the client of `request` with that instance id is subscribed to now. False: no memory. */
bool telemetry_subscribe(struct request *request, struct kp_uuid id,
                         struct telemetry_subscription *subscription) WARN_UNUSED;
/* The instance of that id, made or renewed when its subscriptions have changed. */
struct telemetry_instance *telemetry_instance(struct request *request, struct kp_uuid id,
                                              const struct telemetry_subscription *subscription);
/* The client asks for its subscription; may it already? */
enum kafka_error telemetry_get(struct telemetry_instance *instance, int64_t now_ms);
/* It pushes `size` bytes, of which `bytes_max` are allowed. */
enum kafka_error telemetry_push(struct telemetry_instance *instance, const struct kp_push_telemetry_request *body,
                                int32_t bytes_max, int64_t now_ms);
/* A connection is gone, and with it the last instance that began on it. */
void telemetry_peer_gone(struct telemetry *telemetry, struct peer *peer);

#endif
