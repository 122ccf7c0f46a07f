/* Control batches that end transactions: written to any partition, by the transaction coordinator and by whoever sends
 * WriteTxnMarkers. */
#ifndef DOHLE_BROKER_TRANSACTION_MARKER_H
#define DOHLE_BROKER_TRANSACTION_MARKER_H

#include "broker.h"
#include "coord/transactions.h"

/* Append a marker to a partition, whose flush settings are the caller's to obey, and have the group coordinator apply
 * it where the partition is one of its own. KAFKA_INVALID_PRODUCER_EPOCH: the producer has gone on in this partition;
 * KAFKA_TRANSACTION_COORDINATOR_FENCED: a coordinator that came later has ended its transaction; else as an append. */
enum kafka_error transaction_marker_write(struct broker *broker, struct partition *partition,
                                          const struct transaction_marker *marker) WARN_UNUSED;

#endif
