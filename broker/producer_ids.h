/* Producer ids: numbers that no two producers ever share.
 *
 * They are taken from blocks of 1000. A block is ours when its ProducerIds record, which says where the next one
 * begins, is in the metadata log; an id is told to a client when that record is durable. What was left of a block is
 * skipped by the next start, as Kafka does, so an id is never issued twice whatever happens. */
#ifndef DOHLE_BROKER_PRODUCER_IDS_H
#define DOHLE_BROKER_PRODUCER_IDS_H

#include "../protocol/errors.h"

struct broker;
struct producer_ids;
struct request;

struct producer_ids *producer_ids_new(struct broker *broker);
void producer_ids_free(struct producer_ids *ids);

/* The next id. The answer of `request` is held until the id's block is durable. */
enum kafka_error producer_ids_next(struct producer_ids *ids, struct request *request, int64_t *producer_id);
/* The same for who keeps the id in a log of its own: its block is durable when this returns, for which one id in a
 * thousand waits. */
enum kafka_error producer_ids_next_durable(struct producer_ids *ids, int64_t *producer_id);

#endif
