/* The transaction coordinator: coord/transactions.h over the shards of __transaction_state, the markers of what was
 * decided, and what time does. */
#ifndef DOHLE_BROKER_TRANSACTION_COORDINATOR_H
#define DOHLE_BROKER_TRANSACTION_COORDINATOR_H

#include "coord/transactions.h"
#include "coordinator.h"
#include "patrol.h"

struct transaction_coordinator {
    struct broker *broker;
    struct coordinator_kind kind;
    struct coordinator *executor;
    struct transaction_host host;
    struct transactions *transactions;
    struct long_work ending; /* while there are markers to write */
    struct timer retry;      /* of those that could not be written */
    struct patrol timeouts;  /* of ongoing transactions */
    struct patrol expiry;    /* of ids that nobody uses */
};

/* Reads what the folder has; what was decided goes on at the end of the first turn. The group coordinator is there. */
struct transaction_coordinator *transaction_coordinator_new(struct broker *broker);
void transaction_coordinator_free(struct transaction_coordinator *coordinator);
/* The broker stops: no time passes any more. What was decided and has markers to get has them, or gets them after the
 * next start. */
void transaction_coordinator_stop(struct transaction_coordinator *coordinator);
/* A topic is being deleted. */
void transaction_coordinator_topic_gone(struct transaction_coordinator *coordinator, const struct topic *topic);

/* Some transaction was decided, perhaps: write the markers, in this turn as long as it has time. */
void transaction_coordinator_go_on(struct transaction_coordinator *coordinator);

/* The shard of a transactional id: as coordinator_shard(). */
static inline enum kafka_error transaction_coordinator_shard(struct transaction_coordinator *coordinator,
                                                             struct kp_string id, int32_t *shard)
{
    return coordinator_shard(coordinator->executor, id, shard);
}

#endif
