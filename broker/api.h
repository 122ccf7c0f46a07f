/* The handlers, one per API, by file. Each gets a decoded request and answers it, closes its connection, or parks it;
 * see request.h. */
#ifndef DOHLE_BROKER_API_H
#define DOHLE_BROKER_API_H

#include "request.h"

/* Kafka's replica ids: a consumer, and one that reads for debugging; others are followers, which one node does not
 * have. */
#define REPLICA_CONSUMER (-1)
#define REPLICA_DEBUG    (-2)

/* api_cluster.c */
void api_api_versions(struct request *request);
void api_describe_cluster(struct request *request);
void api_unregister_broker(struct request *request);

/* api_metadata.c */
void api_metadata(struct request *request);
void api_describe_topic_partitions(struct request *request);

/* api_topics.c */
void api_create_topics(struct request *request);
void api_delete_topics(struct request *request);
void api_create_partitions(struct request *request);

/* api_describe_configs.c */
void api_describe_configs(struct request *request);
void api_list_config_resources(struct request *request);

/* api_alter_configs.c */
void api_alter_configs(struct request *request);
void api_incremental_alter_configs(struct request *request);

/* api_producer_id.c */
void api_init_producer_id(struct request *request);

/* api_produce.c */
void api_produce(struct request *request);

/* api_fetch.c */
void api_fetch(struct request *request);

/* api_list_offsets.c */
void api_list_offsets(struct request *request);

/* api_delete_records.c */
void api_delete_records(struct request *request);

/* api_quotas.c */
void api_describe_client_quotas(struct request *request);
void api_alter_client_quotas(struct request *request);

/* api_telemetry.c */
void api_get_telemetry_subscriptions(struct request *request);
void api_push_telemetry(struct request *request);

/* api_log_dirs.c */
void api_alter_replica_log_dirs(struct request *request);
void api_describe_log_dirs(struct request *request);

/* api_describe_producers.c */
void api_describe_producers(struct request *request);

/* api_quorum.c */
void api_describe_quorum(struct request *request);

/* api_replicas.c */
void api_elect_leaders(struct request *request);
void api_alter_partition_reassignments(struct request *request);
void api_list_partition_reassignments(struct request *request);

/* api_features.c */
void api_update_features(struct request *request);

/* api_offset_for_leader_epoch.c */
void api_offset_for_leader_epoch(struct request *request);

/* api_find_coordinator.c */
void api_find_coordinator(struct request *request);

/* api_groups.c */
void api_join_group(struct request *request);
void api_sync_group(struct request *request);
void api_heartbeat(struct request *request);
void api_leave_group(struct request *request);

/* api_group_admin.c */
void api_list_groups(struct request *request);
void api_describe_groups(struct request *request);
void api_delete_groups(struct request *request);

/* api_offset_commit.c */
void api_offset_commit(struct request *request);
void api_txn_offset_commit(struct request *request);
/* api_offsets.c */
void api_offset_fetch(struct request *request);
void api_offset_delete(struct request *request);

/* api_transactions.c */
void api_add_partitions_to_txn(struct request *request);
void api_add_offsets_to_txn(struct request *request);
void api_end_txn(struct request *request);

/* api_transaction_admin.c */
void api_write_txn_markers(struct request *request);
void api_describe_transactions(struct request *request);
void api_list_transactions(struct request *request);

#endif
