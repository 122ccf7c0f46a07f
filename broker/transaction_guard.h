/* May records be written as part of a transaction? (KIP-890)
 *
 *     partition: its log has the producer's transaction open ---------> yes
 *                else, the coordinator knows that it takes part ------> yes, and the first batch opens it there
 *                else ------------------------------------------------> no: a late batch would open one that nobody
 * ends
 *
 * Clients of the second protocol do not add partitions: what writes for them does, all partitions of a request at once.
 * On one node the coordinator is asked in the turn of the append, so nothing can come between. */
#ifndef DOHLE_BROKER_TRANSACTION_GUARD_H
#define DOHLE_BROKER_TRANSACTION_GUARD_H

#include "broker.h"
#include "coord/transactions.h"

/* What a client understands, by the version of its request. */
enum transaction_client {
    TRANSACTION_CLIENT_OLD,    /* Produce up to 10, TxnOffsetCommit up to 3 */
    TRANSACTION_CLIENT_ABORTS, /* Produce 11, TxnOffsetCommit 4: it knows TRANSACTION_ABORTABLE */
    TRANSACTION_CLIENT_ADDS,   /* above: the second protocol */
};

/* One request of a producer. All zeros: nothing of it is part of a transaction. */
struct transaction_guard {
    struct broker *broker;
    struct kp_string id; /* borrowed; replace it when its memory goes */
    struct producer_epoch producer;
    enum transaction_client client;
    enum kafka_error error; /* why the partitions could not be added */
    uint64_t number;        /* of the transaction that the first partition was found to be part of; 0: none yet */
};

void transaction_guard_init(struct transaction_guard *guard, struct broker *broker, struct kp_string id,
                            struct producer_epoch producer, enum transaction_client client);
/* For TRANSACTION_CLIENT_ADDS: have the partitions added, before the first is written. The answer of `request` waits
 * until that is durable. A failure is told by transaction_guard_check(). */
void transaction_guard_add(struct transaction_guard *guard, struct request *request,
                           const struct transaction_partitions *partitions);
/* In the turn of the append. Loads the log. `batch`, when it is not NULL, is noted in broker->verification_states where
 * the coordinator is asked. The error is one that the client knows. */
enum kafka_error transaction_guard_check(struct transaction_guard *guard, const struct partition *partition,
                                         const struct record_batch *batch) WARN_UNUSED;

#endif
