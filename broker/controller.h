/* Changes of the cluster's state, and what each start does to it.
 *
 * A handler validates and collects records; controller_commit() appends them as one batch to the metadata log, which
 * replays them into the catalog at once, and holds the request's answer until they are durable:
 *
 *     struct metadata_batch batch;
 *     controller_begin(broker, &batch);
 *     ... controller_add_topic(broker, &batch, ...) ...
 *     enum kafka_error error = controller_commit(broker, &batch, request);    the batch is released
 *     ... request_respond(request, &response);
 *
 * A batch is complete or not there, so what one request asks for is one batch. */
#ifndef DOHLE_BROKER_CONTROLLER_H
#define DOHLE_BROKER_CONTROLLER_H

#include "../protocol/errors.h"
#include "broker.h"
#include "metadata_log.h"

/* What a request may add at most, as in Kafka: partitions, and records of all kinds. */
#define PARTITIONS_PER_REQUEST_MAX 10000
#define RECORDS_PER_REQUEST_MAX    10000

struct controller_options {
    const char *directory;         /* the data folder with the metadata log */
    bool clean;                    /* the last stop was clean; false: the leader epochs of all partitions are raised */
    struct kp_uuid *directory_ids; /* of log.dirs that can be used; the metadata log's has broker->directory_id */
    int32_t directories_count;
};

/* Set broker->metadata_log and broker->catalog: open and replay the log, format it when it is new, take the lead of all
 * partitions, make their logs in broker->store. On failure false, and one line was logged that says why; call
 * controller_close() in any case. */
bool controller_open(struct broker *broker, const struct controller_options *options) WARN_UNUSED;
/* A clean stop, before the store is closed: with several log.dirs all partitions are left without a leader, as Kafka's
 * stop leaves them. A Kafka that finds itself as the leader of one whose directory cannot be used at its start makes it
 * anew, empty, in another. */
void controller_resign(struct broker *broker);
/* The store is closed before, and all jobs have ended. */
void controller_close(struct broker *broker);

/* The log of a partition was found to have lost records: lead it in a new epoch. Durable when it returns; 0 or a
 * negative storage_error. */
int controller_raise_epoch(struct broker *broker, struct kp_string topic, int32_t partition) WARN_UNUSED;

/* The log of a partition is in this directory of the store: record it, unless it is recorded already. Not durable when
 * it returns; what is lost is recorded again when the log is next loaded. */
void controller_note_directory(struct broker *broker, struct kp_string topic, int32_t partition, int32_t directory);

/* The epoch of a broker's registration, as Kafka wants that of this one in the mark of a clean stop; -1: none. */
int64_t controller_broker_epoch(const struct broker *broker, int32_t broker_id);

void controller_begin(const struct broker *broker, struct metadata_batch *batch);
/* Append what the batch holds, if anything, replay it, hold the answer of `request` (NULL: none) until it is durable,
 * and release the batch. KAFKA_POLICY_VIOLATION: more than fits into one batch, or than the broker may have (limits.h).
 * On failure nothing has changed. */
enum kafka_error controller_commit(struct broker *broker, struct metadata_batch *batch,
                                   struct request *request) WARN_UNUSED;

/* Add the records of a new topic. `overrides` (NULL: none) are its own settings. Returns its id. */
struct kp_uuid controller_add_topic(struct broker *broker, struct metadata_batch *batch, struct kp_string name,
                                    int32_t partitions_count, const struct topic_overrides *overrides);
/* Add the records of partitions from `first` to below `end`. */
void controller_add_partitions(struct broker *broker, struct metadata_batch *batch, struct kp_uuid topic_id,
                               int32_t first, int32_t end);
void controller_remove_topic(struct metadata_batch *batch, struct kp_uuid topic_id);
/* Forget a broker that is registered in this epoch. */
void controller_unregister(struct metadata_batch *batch, int32_t broker_id, int64_t broker_epoch);
/* Set a value of a resource, or with a null one remove it. */
void controller_set_config(struct metadata_batch *batch, enum resource_type type, struct kp_string resource,
                           struct kp_string name, struct kp_string value);

/* Set a client quota, or with a NULL value remove it. */
void controller_set_quota(struct metadata_batch *batch, const quota_part *parts, int32_t parts_count,
                          struct kp_string key, const double *value);

#endif
