/* The tables of random scenarios; see random_tables.h.
 *
 * Names that all scenarios have: the topics $t, with two partitions, and $u, with one; the group $g with its members
 * $member and $second, who may be "nobody"; the producer id $pid. Themes have more: $x is a transactional id whose
 * producer has $xid, $session a fetch session.
 *
 * Left out on purpose is what dohle does otherwise on purpose (Produce and Fetch of one partition twice, unknown
 * isolation levels, leader epochs after a restart, markers of a later coordinator; a fetch that waits for records that
 * are deleted is answered at once), what waits for long, what Kafka never answers (AlterConfigs of one resource twice,
 * AddPartitionsToTxn of no transaction, Produce of null) or as a hash map has it (a fetch that waits for partitions of
 * a topic that is deleted), and what would change the broker for the scenarios behind (features, settings and quotas of
 * all, its own registration). */
#include "random_tables.h"

#include <string.h>

/* ---- of all themes ----------------------------------------------------------------------------------------------- */

#define PICK_OWN(path, field) "    pick " path " where " field " begins \"$unique\"\n"

/* Of all topics there are others' too. */
#define PICK_ASKED "    pick topics where name in [null, \"\", \"a b\", \"$unique-none\", \"$unique-made\", $t, $u]\n"

#define SETTINGS                                                                                                       \
    "[\"cleanup.policy\", \"retention.ms\", \"max.message.bytes\", \"compression.type\", \"interval.ms\", "            \
    "\"metrics\", \"match\", \"consumer.session.timeout.ms\", \"share.auto.offset.reset\"]\n"

/* clang-format off */

static const struct api_rule api_rules[] = {
    /* before that each makes the topics that it asks for, in Kafka a moment later */
    {"Metadata", 4, true, PICK_ASKED},
    {"DescribeTopicPartitions", 0, true, PICK_ASKED},
    /* of the settings that they tell Kafka sets one for all brokers */
    {"CreateTopics", 2, true, "    pick topics[].configs where name in " SETTINGS},
    {"DescribeConfigs", 0, true, "    pick results[].configs where name in " SETTINGS},
    /* before that it cannot be asked what would be */
    {"UpdateFeatures", 1, false, NULL},
    {"ApiVersions", 0, false,
        "    pick api_keys where api_key in [0, 1, 2, 3, 18]\n"
        "    pick supported_features where name in [\"metadata.version\", \"transaction.version\"]\n"
        "    pick finalized_features where name in [\"metadata.version\", \"transaction.version\"]\n"},
    /* before that a round may take as long as a session */
    {"JoinGroup", 1, false, NULL},
    {"ListGroups", 0, false, PICK_OWN("groups", "group_id")},
    {"ListTransactions", 0, false, PICK_OWN("transaction_states", "transactional_id")},
    {"DescribeLogDirs", 0, true, PICK_OWN("results[].topics", "name")},
    {"ListConfigResources", 0, false, PICK_OWN("config_resources", "resource_name")},
    {"ListOffsets", 0, true, NULL},
    {"OffsetForLeaderEpoch", 0, true, NULL},
    {"DeleteRecords", 0, true, NULL},
    {"DescribeProducers", 0, true, NULL},
    {"CreatePartitions", 0, true, NULL},
    {"DeleteTopics", 0, true, NULL},
    {"OffsetCommit", 0, true, NULL},
    {"TxnOffsetCommit", 0, true, NULL},
    {"OffsetFetch", 0, true, NULL},
    {"ElectLeaders", 0, true, NULL},
};

const struct field_choices random_fields[] = {
    /* how a scenario begins */
    {NULL, "scenario.topics", 2, {
        "  topic t partitions 2\n  topic u\n",
        "  topic t partitions 2\n  topic u\n",
        "  topic t partitions 2 configs {cleanup.policy: \"compact\"}\n  topic u\n",
        "  topic t partitions 2 configs {message.timestamp.type: \"LogAppendTime\"}\n  topic u\n",
        "  topic t partitions 2 configs {compression.type: \"zstd\"}\n  topic u configs {compression.type: \"gzip\"}\n",
        "  topic t partitions 2 configs {compression.type: \"uncompressed\"}\n  topic u\n",
        "  topic t partitions 2 configs {max.message.bytes: 200}\n  topic u\n",
        "  topic t partitions 2 configs {message.timestamp.before.max.ms: 1000}\n"
        "  topic u configs {message.timestamp.after.max.ms: 1000}\n",
        "  topic t partitions 2 configs {min.insync.replicas: 2}\n"
        "  topic u configs {cleanup.policy: \"compact,delete\", min.compaction.lag.ms: 1000}\n"}},
    {NULL, "scenario.opening", 2, {
        "  let member = \"nobody\"\n"
        "  let second = \"nobody\"\n",
        "  JoinGroup v3 {group_id: $g, session_timeout_ms: 10000, rebalance_timeout_ms: 300,\n"
        "      protocol_type: \"consumer\", protocols: [{name: \"range\", metadata: {version: 0, topics: [$t]}}]}\n"
        "    bind member = member_id\n"
        "  SyncGroup v3 {group_id: $g, generation_id: 1, member_id: $member, assignments: []}\n"
        "  let second = \"nobody\"\n"}},
    /* batches: what their producers say, what is damaged, what is in them */
    {NULL, "batch.codec", 4, {
        "", "", "codec: \"gzip\", ", "codec: \"lz4\", ", "codec: \"snappy\", ", "codec: \"zstd\", "}},
    {NULL, "batch.producer", 4, {
        "", "", "", "producer_id: $pid, producer_epoch: 0, base_sequence: 0, ",
        "producer_id: $pid, producer_epoch: 0, base_sequence: 1, ",
        "producer_id: $pid, producer_epoch: 0, base_sequence: 2, ",
        "producer_id: $pid, producer_epoch: 1, base_sequence: 3, ",
        "producer_id: $pid, producer_epoch: 1, base_sequence: 0, ",
        "producer_id: $pid, producer_epoch: 0, base_sequence: -1, ",
        "producer_id: $pid, producer_epoch: -1, base_sequence: 0, ",
        "producer_id: -2, producer_epoch: 0, base_sequence: 0, ",
        "producer_id: $pid, producer_epoch: 0, base_sequence: 2147483647, ",
        "producer_id: -1, producer_epoch: 0, base_sequence: 0, ",
        "producer_id: $pid, producer_epoch: 0, base_sequence: 0, "}},
    {NULL, "batch.attributes", 3, {
        "", "", "", "attributes: 16, ", "attributes: 8, ", "attributes: 32, ", "attributes: 64, ", "attributes: 7, "}},
    {NULL, "batch.damage", 5, {
        "", "", "", "", "", "crc_delta: 1, ", "length_delta: 1, ", "length_delta: -1, ", "cut: 1, ", "cut: 60, ",
        "magic: 1, ", "magic: 0, ", "magic: 3, ", "last_offset_delta: 5, ", "max_timestamp: $t0+9, ",
        "max_timestamp: -1, ", "record_count: 2, ", "record_count: -1, ", "base_offset: 7, "}},
    {NULL, "batch.records", 6, {
        "[\"a\"]", "[\"a\", {key: \"k\", value: null, timestamp: $t0+5}]", "[\"a\", \"b\", \"c\"]",
        "[{size: 300, count: 3}]", "[{key: \"k\", value: \"v\", headers: [{key: \"h\", value: null}]}]",
        "[{key: \"k\", value: \"a\"}, {key: \"k\", value: \"b\"}]", "[]", "[{key: null, value: null}]",
        "[{key: \"\", value: \"\"}]", "[{value: \"a\", timestamp: -1}]", "[{value: \"a\", timestamp: $t0+80000000}]",
        "[{value: \"a\", timestamp: $t0-80000000}]", "[\"a\", {value: \"b\", offset_delta: 5}]",
        "[{value: \"a\", offset_delta: -1}]", "[{value: \"a\", attributes: 1}]", "[{size: 1200000}]",
        "[{value: \"a\", timestamp: $t0+9}, {value: \"b\", timestamp: $t0+9}, \"c\"]",
        "[{key: \"k\", value: \"v\", headers: [{key: \"h\", value: \"1\"}, {key: \"h\", value: \"2\"}]}, \"a\"]",
        "[{value: \"v\", headers: [{key: \"\", value: \"\"}]}]",
        "[{value: \"v\", headers: [{key: null, value: \"1\"}]}]"}},
    /* places in logs */
    {NULL, "fetch_offset", 3, {"0", "1", "2", "5", "-1", "-2", "9223372036854775807"}},
    {NULL, "log_start_offset", 1, {"-1", "0"}},
    {NULL, "high_watermark", 1, {"9223372036854775807", "0", "-1"}},
    {NULL, "current_leader_epoch", 2, {"-1", "0", "1", "-2"}},
    {NULL, "last_fetched_epoch", 2, {"-1", "0", "1"}},
    {NULL, "leader_epoch", 1, {"0", "-1", "1", "2147483647"}},
    {"DeleteRecords", "offset", 3, {"0", "1", "-1", "2", "9", "-2"}},
    {"ListOffsets", "timestamp", 4, {
        "-1", "-2", "$t0", "$t0+5", "-3", "-4", "-5", "-6", "-7", "0", "9223372036854775807", "-9223372036854775808"}},
    /* limits and times */
    {NULL, "acks", 2, {"-1", "1", "2", "-2"}},
    {NULL, "timeout_ms", 1, {"5000"}},
    {"Produce", "timeout_ms", 1, {"5000", "0", "-1"}},
    {"ElectLeaders", "timeout_ms", 1, {"5000", "0", "-1"}},
    {"DeleteRecords", "timeout_ms", 1, {"5000", "0", "-1"}},
    {"CreateTopics", "timeout_ms", 1, {"5000", "5000", "5000", "0", "-1"}},
    {"DeleteTopics", "timeout_ms", 1, {"5000", "5000", "5000", "0", "-1"}},
    {"CreatePartitions", "timeout_ms", 1, {"5000", "5000", "5000", "0", "-1"}},
    {NULL, "max_wait_ms", 1, {"0", "-1"}},
    {NULL, "min_bytes", 1, {"1", "0", "-1", "1000"}},
    {NULL, "max_bytes", 1, {"1000000", "100", "0", "-1"}},
    {NULL, "partition_max_bytes", 1, {"1000000", "100", "1", "0", "-1"}},
    {NULL, "isolation_level", 2, {"0", "1"}},
    /* fetch sessions, and what only replicas say */
    {NULL, "session_id", 1, {"0", "0", "77"}},
    {NULL, "session_epoch", 1, {"-1", "-1", "0", "3"}},
    {NULL, "forgotten_topics_data", 1, {"[]"}},
    {NULL, "replica_directory_id", 1, {"\"AAAAAAAAAAAAAAAAAAAAAA\""}},
    {NULL, "rack_id", 1, {"\"\"", "\"r\""}},
    {NULL, "replica_id", 1, {"-1", "-2"}},
    {NULL, "replica_state", 1, {"{replica_id: -1, replica_epoch: -1}"}},
    {NULL, "cluster_id", 1, {"null"}},
    {"ApiVersions", "cluster_id", 1, {"null", "$cluster_id", "\"another\"", "\"\""}},
    {"ApiVersions", "node_id", 1, {"-1", "1", "7"}},
    {"ApiVersions", "client_software_name", 1, {"\"a\"", "\"\"", "\"a b\"", "\"a.b\""}},
    {"ApiVersions", "client_software_version", 1, {"\"1\"", "\"\"", "\"1.\"", "\"1.0-x\""}},
    /* topics */
    {"CreatePartitions", "count", 2, {"3", "2", "1", "0", "-1"}},
    {NULL, "assignments", 1, {
        "null", "[]", "[{broker_ids: [1]}]", "[{broker_ids: [2]}]", "[{broker_ids: []}]",
        "[{broker_ids: [1]}, {broker_ids: [1]}]"}},
    {"CreateTopics", "assignments", 1, {
        "[]", "[{partition_index: 0, broker_ids: [1]}]", "[{partition_index: 0, broker_ids: [2]}]",
        "[{partition_index: 1, broker_ids: [1]}]",
        "[{partition_index: 0, broker_ids: [1]}, {partition_index: 0, broker_ids: [1]}]",
        "[{partition_index: 0, broker_ids: [1, 1]}]"}},
    {"CreateTopics", "name", 2, {
        "\"$unique-made\"", "\"$unique-new\"", "$t", "\"\"", "\"a b\"", "\"..\"", "\"$unique.made\""}},
    {"CreateTopics", "num_partitions", 2, {"1", "2", "-1", "0", "-2"}},
    {"CreateTopics", "replication_factor", 2, {"1", "-1", "2", "0", "-2"}},
    {"CreateTopics", "configs", 2, {
        "[]", "[{name: \"retention.ms\", value: \"1000\"}]", "[{name: \"retention.ms\", value: \"x\"}]",
        "[{name: \"none\", value: \"1\"}]", "[{name: \"cleanup.policy\", value: \"compact,delete\"}]",
        "[{name: \"retention.ms\", value: null}]",
        "[{name: \"max.message.bytes\", value: \"5\"}, {name: \"max.message.bytes\", value: \"6\"}]",
        "[{name: \"\", value: \"\"}]", "[{name: \"cleanup.policy\", value: \"\"}]"}},
    {NULL, "resource_type", 1, {"2", "1", "0", "64"}},
    {NULL, "configuration_keys", 2, {
        "[\"retention.ms\", \"cleanup.policy\", \"none\"]", "[\"max.message.bytes\"]", "[]",
        "[\"retention.ms\", \"retention.ms\"]", "[\"\"]"}},
    {"IncrementalAlterConfigs", "configs", 4, {
        "[{name: \"retention.ms\", config_operation: 0, value: \"100000\"}]",
        "[{name: \"retention.ms\", config_operation: 1}]",
        "[{name: \"cleanup.policy\", config_operation: 2, value: \"compact\"}]",
        "[{name: \"cleanup.policy\", config_operation: 3, value: \"delete\"}]",
        "[{name: \"max.message.bytes\", config_operation: 0, value: \"-1\"}]",
        "[{name: \"max.message.bytes\", config_operation: 2, value: \"5\"}]",
        "[{name: \"none\", config_operation: 1}]",
        "[{name: \"segment.bytes\", config_operation: 0, value: null}]",
        "[]",
        "[{name: \"compression.type\", config_operation: 0, value: \"brotli\"}]",
        "[{name: \"max.message.bytes\", config_operation: 0, value: \"300\"}, "
        "{name: \"max.message.bytes\", config_operation: 1}]",
        "[{name: \"cleanup.policy\", config_operation: 2, value: \"delete\"}]",
        "[{name: \"cleanup.policy\", config_operation: 3, value: \"none\"}]",
        "[{name: \"max.message.bytes\", config_operation: 4, value: \"5\"}]",
        "[{name: \"compression.type\", config_operation: 0, value: \"lz4\"}]",
        "[{name: \"message.timestamp.type\", config_operation: 0, value: \"LogAppendTime\"}]",
        "[{name: \"max.message.bytes\", config_operation: 0, value: \" 200 \"}]",
        "[{name: \"cleanup.policy\", config_operation: 0, value: \"\"}]"}},
    {"AlterConfigs", "configs", 2, {
        "[{name: \"retention.ms\", value: \"100000\"}]", "[]", "[{name: \"retention.ms\", value: null}]",
        "[{name: \"none\", value: \"1\"}]", "[{name: \"segment.ms\", value: \"0\"}]",
        "[{name: \"max.message.bytes\", value: \"5\"}, {name: \"max.message.bytes\", value: \"6\"}]"}},
    {"ElectLeaders", "election_type", 2, {"0", "1", "2"}},
    {NULL, "replicas", 1, {"[1]", "null", "[1, 1]", "[2]", "[]"}},
    {NULL, "allow_auto_topic_creation", 1, {"false"}},
    {"DescribeTopicPartitions", "response_partition_limit", 1, {"2000", "1", "0", "-1"}},
    {"DescribeTopicPartitions", "cursor", 1, {
        "null", "{topic_name: $t, partition_index: 1}", "{topic_name: $t, partition_index: 7}",
        "{topic_name: \"\", partition_index: 0}"}},
    /* groups */
    {NULL, "key_type", 1, {"0", "2", "3", "1", "-1"}},
    {NULL, "key", 1, {"$g", "\"\""}},
    {NULL, "coordinator_keys", 1, {"$g", "\"\"", "\"$unique-other\""}},
    {NULL, "group_id", 3, {"$g", "$g", "$g", "\"$unique-other\"", "\"\""}},
    {NULL, "groups_names", 2, {"$g", "\"$unique-other\"", "\"\""}},
    {"DescribeGroups", "groups", 2, {"$g", "\"$unique-other\"", "\"\""}},
    {NULL, "member_id", 2, {"$member", "$member", "\"\"", "\"nobody\"", "$second"}},
    {NULL, "group_instance_id", 3, {"null", "null", "null", "\"i\"", "\"\"", "\"j\""}},
    {NULL, "generation_id", 2, {"1", "1", "-1", "0", "2"}},
    {NULL, "generation_id_or_member_epoch", 2, {"-1", "1", "0", "2", "-2"}},
    {NULL, "member_epoch", 1, {"-1", "0", "1"}},
    {NULL, "session_timeout_ms", 1, {"10000", "1", "2000000000", "-1"}},
    {NULL, "rebalance_timeout_ms", 1, {"300"}},
    {NULL, "protocol_type", 2, {"\"consumer\"", "\"consumer\"", "\"connect\"", "\"\""}},
    {NULL, "protocol_name", 2, {"\"range\"", "\"range\"", "\"other\"", "null"}},
    {NULL, "protocols", 1, {
        "[{name: \"range\", metadata: {version: 0, topics: [$t]}}]",
        "[]",
        "[{name: \"other\", metadata: x\"00\"}]",
        "[{name: \"range\", metadata: {version: 0, topics: [$t]}}, {name: \"other\", metadata: x\"\"}]",
        "[{name: \"other\", metadata: {version: 3, topics: [$u]}}, {name: \"range\", metadata: {version: 1, topics: "
        "[]}}]",
        "[{name: \"\", metadata: x\"\"}]"}},
    {"SyncGroup", "assignments", 2, {
        "[]", "[{member_id: $member, assignment: x\"0001\"}]",
        "[{member_id: \"nobody\", assignment: x\"01\"}, {member_id: $second, assignment: x\"02\"}]",
        "[{member_id: $member, assignment: {version: 0, assigned_partitions: [{topic: $t, partitions: [0]}]}}]"}},
    {NULL, "members", 2, {
        "[{member_id: $member}]", "[{member_id: \"nobody\"}]", "[]", "[{member_id: $second}, {member_id: $member}]",
        "[{member_id: \"\", group_instance_id: \"i\"}]", "[{member_id: $member, group_instance_id: \"i\"}]",
        "[{member_id: $member}, {member_id: $member}]"}},
    {NULL, "committed_offset", 3, {"0", "5", "9", "-1", "9223372036854775807"}},
    {NULL, "committed_leader_epoch", 2, {"-1", "0", "5", "-2"}},
    {NULL, "committed_metadata", 3, {"\"\"", "\"m\"", "null"}},
    {NULL, "retention_time_ms", 1, {"-1", "100000", "0"}},
    {"ListGroups", "states_filter", 1, {
        "[]", "[\"Stable\"]", "[\"Empty\", \"Dead\"]", "[\"stable\"]", "[\"\"]",
        "[\"PreparingRebalance\", \"CompletingRebalance\"]"}},
    {"ListGroups", "types_filter", 1, {"[]", "[\"classic\"]", "[\"consumer\"]", "[\"Classic\"]", "[\"none\"]"}},
    /* producers */
    {NULL, "transactional_id", 1, {"null"}},
    {"InitProducerId", "producer_id", 2, {"-1", "-1", "$pid", "-2"}},
    {"InitProducerId", "producer_epoch", 2, {"-1", "-1", "0", "-2"}},
    {NULL, "transaction_timeout_ms", 1, {"60000"}},
    /* quotas */
    {"DescribeClientQuotas", "components", 2, {
        "[{entity_type: \"user\", match_type: 0, match: \"$unique-x\"}]",
        "[{entity_type: \"client-id\", match_type: 0, match: \"$unique-c\"}]",
        "[{entity_type: \"none\", match_type: 2}]",
        "[{entity_type: \"ip\", match_type: 0, match: \"1.2.3.4\"}]",
        "[{entity_type: \"ip\", match_type: 3, match: null}]",
        "[{entity_type: \"user\", match_type: 0, match: \"$unique-b\"}, "
        "{entity_type: \"client-id\", match_type: 0, match: \"$unique-y\"}]",
        "[{entity_type: \"user\", match_type: 0, match: \"$unique-x\"}, "
        "{entity_type: \"user\", match_type: 0, match: \"$unique-x\"}]",
        "[{entity_type: \"user\", match_type: 1, match: \"$unique-x\"}]",
        "[{entity_type: \"user\", match_type: 0, match: null}]"}},
};

/* ---- partitions, topics and groups beside each other ------------------------------------------------------------- */

static const struct asked_api broad_apis[] = {
    {"Produce", 3, false, false},
    {"Produce", 1, true, true},
    {"Fetch", 2, false, false},
    {"ListOffsets", 2, false, false},
    {"OffsetForLeaderEpoch", 1, false, false},
    {"DeleteRecords", 1, false, false},
    {"DescribeProducers", 1, false, false},
    {"Metadata", 1, false, false},
    {"DescribeTopicPartitions", 1, false, false},
    {"CreatePartitions", 1, true, false},
    {"DeleteTopics", 1, true, false},
    {"CreateTopics", 1, true, false},
    {"DescribeConfigs", 1, false, false},
    {"IncrementalAlterConfigs", 1, true, false},
    {"AlterConfigs", 1, true, false},
    {"ElectLeaders", 1, false, false},
    {"AlterPartitionReassignments", 1, false, false},
    {"FindCoordinator", 1, false, false},
    {"JoinGroup", 1, false, false},
    {"SyncGroup", 1, false, false},
    {"Heartbeat", 1, false, false},
    {"LeaveGroup", 1, false, false},
    {"OffsetCommit", 2, false, false},
    {"OffsetFetch", 2, false, false},
    {"OffsetDelete", 1, false, false},
    {"DescribeGroups", 1, false, false},
    {"DeleteGroups", 1, false, false},
    {"InitProducerId", 1, false, false},
    {"DescribeClientQuotas", 1, false, false},
};

/* ---- records: what is appended, read, deleted and looked up ------------------------------------------------------ */

static const struct asked_api record_apis[] = {
    {"Produce", 4, false, false},
    {"Produce", 1, true, true},
    {"Fetch", 2, false, false},
    {"ListOffsets", 2, false, false},
    {"OffsetForLeaderEpoch", 1, false, false},
    {"DeleteRecords", 1, false, false},
    {"DescribeProducers", 1, false, false},
    {"IncrementalAlterConfigs", 1, true, false},
};

static const struct field_choices record_fields[] = {
    {NULL, "scenario.topics", 9, {
        "  topic t partitions 2\n  topic u\n",
        "  topic t partitions 2 configs {cleanup.policy: \"compact\"}\n  topic u\n",
        "  topic t partitions 2 configs {message.timestamp.type: \"LogAppendTime\"}\n  topic u\n",
        "  topic t partitions 2 configs {compression.type: \"zstd\"}\n  topic u configs {compression.type: \"gzip\"}\n",
        "  topic t partitions 2 configs {compression.type: \"lz4\"}\n"
        "  topic u configs {compression.type: \"snappy\"}\n",
        "  topic t partitions 2 configs {compression.type: \"uncompressed\"}\n  topic u\n",
        "  topic t partitions 2 configs {max.message.bytes: 200}\n  topic u\n",
        "  topic t partitions 2 configs {message.timestamp.before.max.ms: 1000}\n"
        "  topic u configs {message.timestamp.after.max.ms: 1000}\n",
        "  topic t partitions 2 configs {cleanup.policy: \"compact,delete\"}\n"
        "  topic u configs {message.timestamp.type: \"LogAppendTime\", compression.type: \"lz4\"}\n"}},
    {NULL, "batch.damage", 3, {
        "", "", "", "crc_delta: 1, ", "length_delta: 1, ", "length_delta: -1, ", "cut: 1, ", "cut: 60, ", "magic: 1, ",
        "magic: 0, ", "magic: 3, ", "last_offset_delta: 5, ", "max_timestamp: $t0+9, ", "max_timestamp: -1, ",
        "record_count: 2, ", "record_count: -1, ", "base_offset: 7, ", "leader_epoch: 5, ", "payload: x\"00\", "}},
};

/* ---- transactions: topics stay, for Kafka gives those that go their markers whenever it likes -------------------- */

static const struct asked_api transaction_apis[] = {
    {"Produce", 3, false, false},
    {"AddPartitionsToTxn", 2, false, false},
    {"AddOffsetsToTxn", 1, false, false},
    {"TxnOffsetCommit", 2, false, false},
    {"EndTxn", 2, true, false},
    {"InitProducerId", 1, true, false},
    {"WriteTxnMarkers", 1, false, false},
    {"DescribeTransactions", 1, false, false},
    {"ListTransactions", 1, false, false},
    {"DescribeProducers", 1, false, false},
    {"Fetch", 2, false, false},
    {"ListOffsets", 1, false, false},
    {"DeleteRecords", 1, false, false},
    {"OffsetCommit", 1, false, false},
    {"OffsetFetch", 2, false, false},
    {"OffsetDelete", 1, false, false},
    {"DeleteGroups", 1, false, false},
};

#define OPEN_TRANSACTION                                                                                               \
    "  transaction x\n"                                                                                                \
    "  InitProducerId {transactional_id: $x, transaction_timeout_ms: 60000}\n"                                         \
    "    bind xid = producer_id\n"

static const struct field_choices transaction_fields[] = {
    {NULL, "scenario.opening", 2, {
        OPEN_TRANSACTION
        "  let member = \"nobody\"\n"
        "  let second = \"nobody\"\n",
        OPEN_TRANSACTION
        "  JoinGroup v3 {group_id: $g, session_timeout_ms: 10000, rebalance_timeout_ms: 300,\n"
        "      protocol_type: \"consumer\", protocols: [{name: \"range\", metadata: {version: 0, topics: [$t]}}]}\n"
        "    bind member = member_id\n"
        "  SyncGroup v3 {group_id: $g, generation_id: 1, member_id: $member, assignments: []}\n"
        "  let second = \"nobody\"\n"}},
    {NULL, "transactional_id", 1, {"$x", "\"\"", "\"$unique-other\""}},
    {NULL, "transactional_ids", 1, {"$x", "\"\"", "\"$unique-other\""}},
    {NULL, "v3_and_below_transactional_id", 1, {"$x", "\"\"", "\"$unique-other\""}},
    {NULL, "producer_id", 1, {"$xid", "$pid", "-1"}},
    {NULL, "v3_and_below_producer_id", 1, {"$xid", "$pid", "-1"}},
    {NULL, "producer_epoch", 2, {"0", "0", "1", "2", "-1", "32767"}},
    {NULL, "v3_and_below_producer_epoch", 2, {"0", "0", "1", "2", "-1"}},
    {"InitProducerId", "producer_id", 1, {"-1", "$xid", "$pid"}},
    {"InitProducerId", "producer_epoch", 1, {"-1", "0", "1"}},
    {NULL, "transaction_timeout_ms", 1, {"60000", "0", "-1", "2147483647"}},
    {"WriteTxnMarkers", "coordinator_epoch", 1, {"0", "-1"}},
    {"WriteTxnMarkers", "transaction_version", 2, {"0", "2", "1"}},
    {"ListTransactions", "state_filters", 1, {"[]", "[\"Ongoing\"]", "[\"CompleteCommit\", \"none\"]", "[\"\"]"}},
    {"ListTransactions", "producer_id_filters", 1, {"[]", "[$xid]", "[$pid, -1]"}},
    {"ListTransactions", "duration_filter", 1, {"-1", "1000000"}},
    {"ListTransactions", "transactional_id_pattern", 1, {"null", "\"\"", "\".*-x\"", "\"(\""}},
    {NULL, "batch.producer", 4, {
        "producer_id: $xid, producer_epoch: 0, base_sequence: 0, ",
        "producer_id: $xid, producer_epoch: 0, base_sequence: 0, ",
        "producer_id: $xid, producer_epoch: 1, base_sequence: 0, ",
        "producer_id: $xid, producer_epoch: 0, base_sequence: 1, ",
        "producer_id: $xid, producer_epoch: 2, base_sequence: 0, ",
        "producer_id: $xid, producer_epoch: 0, base_sequence: 1, ", "",
        "producer_id: $pid, producer_epoch: 0, base_sequence: 0, ", "",
        "producer_id: $pid, producer_epoch: 0, base_sequence: 0, "}},
    {NULL, "batch.attributes", 1, {"attributes: 16, ", "", "attributes: 48, "}},
    {NULL, "batch.damage", 1, {"", "crc_delta: 1, ", "magic: 1, "}},
};

/* ---- one group and its members, on several connections: only what is soon over, as rounds end by time ------------ */

static const struct asked_api group_apis[] = {
    {"JoinGroup", 3, false, false},
    {"SyncGroup", 2, false, false},
    {"Heartbeat", 2, false, false},
    {"LeaveGroup", 2, false, false},
    {"OffsetCommit", 2, false, false},
    {"OffsetFetch", 1, false, false},
    {"OffsetDelete", 1, false, false},
    {"DescribeGroups", 2, false, false},
    {"DeleteGroups", 1, false, false},
    {"ListGroups", 1, false, false},
    {"FindCoordinator", 1, false, false},
    {"TxnOffsetCommit", 1, false, false},
};

#define JOIN(connection, version, more)                                                                                \
    "  " connection "JoinGroup v" version " {group_id: $g, session_timeout_ms: 10000, rebalance_timeout_ms: 300,\n"    \
    "      protocol_type: \"consumer\", protocols: [{name: \"range\", metadata: {version: 0, topics: [$t]}}]" more     \
    "}\n"

static const struct field_choices group_fields[] = {
    {NULL, "scenario.opening", 8, {
        "  let member = \"nobody\"\n"
        "  let second = \"nobody\"\n",
        JOIN("", "5", "")
        "    bind member = member_id\n"
        "  let second = \"nobody\"\n",
        JOIN("", "3", "")
        "    bind member = member_id\n"
        "  SyncGroup v3 {group_id: $g, generation_id: 1, member_id: $member,\n"
        "      assignments: [{member_id: $member, assignment: x\"0001\"}]}\n"
        "  let second = \"nobody\"\n",
        JOIN("", "3", "")
        "    bind member = member_id\n"
        "  let second = \"nobody\"\n",
        JOIN("", "5", ", group_instance_id: \"i\"")
        "    bind member = member_id\n"
        "  SyncGroup v3 {group_id: $g, generation_id: 1, member_id: $member, "
        "group_instance_id: \"i\",\n"
        "      assignments: [{member_id: $member, assignment: x\"0001\"}]}\n"
        "  let second = \"nobody\"\n",
        JOIN("", "3", "")
        "    bind member = member_id\n"
        "  SyncGroup v3 {group_id: $g, generation_id: 1, member_id: $member, assignments: []}\n"
        "  OffsetCommit v8 {group_id: $g, generation_id_or_member_epoch: 1, member_id: $member,\n"
        "      topics: [{name: $t, partitions: [{partition_index: 0, committed_offset: 5}]}]}\n"
        JOIN("B: send ", "3", "")
        "  B: waiting\n"
        JOIN("", "3", ", member_id: $member")
        "  B: receive\n"
        "    bind second = member_id\n"
        "  SyncGroup v3 {group_id: $g, generation_id: 2, "
        "member_id: $member,\n"
        "      assignments: [{member_id: $member, "
        "assignment: x\"0001\"}, {member_id: $second, "
        "assignment: x\"0002\"}]}\n"
        "  B: SyncGroup v3 {group_id: $g, generation_id: "
        "2, member_id: $second, assignments: []}\n",
        JOIN("", "5", ", group_instance_id: \"i\"")
        "    bind member = member_id\n"
        "  SyncGroup v3 {group_id: $g, generation_id: 1, member_id: $member, "
        "group_instance_id: \"i\", assignments: []}\n"
        JOIN("B: send ", "5", ", group_instance_id: \"j\"")
        "  B: waiting\n"
        JOIN("", "5", ", member_id: $member, " "group_instance_id: " "\"i\"")
        "  B: "
        "receive\n"
        "    bind "
        "second = "
        "member_id\n"
        "  SyncGroup "
        "v3 "
        "{group_id: "
        "$g, "
        "generation_"
        "id: 2, "
        "member_id: "
        "$member, "
        "group_"
        "instance_id: "
        "\"i\",\n"
        "      "
        "assignments: "
        "[{member_id: "
        "$member, "
        "assignment: "
        "x\"0001\"}, "
        "{member_id: "
        "$second, "
        "assignment: "
        "x\"0002\"}]}"
        "\n"
        "  B: "
        "SyncGroup v3 "
        "{group_id: "
        "$g, "
        "generation_"
        "id: 2, "
        "member_id: "
        "$second, "
        "group_"
        "instance_id: "
        "\"j\", "
        "assignments: "
        "[]}\n",
        "  OffsetCommit v8 {group_id: $g, topics: [{name: $t, partitions: [{partition_index: 0, committed_offset: "
        "5}]}]}\n"
        "  let member = \"nobody\"\n"
        "  let second = \"nobody\"\n"}},
    {NULL, "member_id", 3, {"$member", "$member", "$second", "\"\"", "\"nobody\""}},
    {"JoinGroup", "member_id", 3, {"$member", "$second", "\"\"", "\"nobody\""}},
    {NULL, "group_instance_id", 3, {"null", "null", "\"i\"", "\"j\"", "\"\""}},
    {NULL, "generation_id", 3, {"1", "1", "2", "-1", "0", "3"}},
    {NULL, "generation_id_or_member_epoch", 3, {"1", "-1", "2", "0", "3", "-2"}},
    {NULL, "group_id", 7, {"$g", "$g", "$g", "$g", "$g", "$g", "$g", "\"$unique-other\"", "\"\""}},
    {"DescribeGroups", "groups", 1, {"$g", "\"$unique-other\"", "\"\""}},
    {NULL, "groups_names", 1, {"$g", "\"$unique-other\"", "\"\""}},
    {"TxnOffsetCommit", "transactional_id", 1, {"\"$unique-x\"", "\"\""}},
    {"TxnOffsetCommit", "producer_id", 1, {"$pid", "-1"}},
    {"TxnOffsetCommit", "producer_epoch", 1, {"0", "1", "-1"}},
};

/* ---- a fetch session: partitions that come, go, are made anew, have news or none --------------------------------- */

static const struct asked_api session_apis[] = {
    {"Fetch", 5, false, false},
    {"Produce", 2, false, false},
    {"DeleteRecords", 1, false, false},
    {"DeleteTopics", 1, true, false},
    {"CreateTopics", 1, true, false},
    {"CreatePartitions", 1, true, false},
};

static const struct field_choices session_fields[] = {
    {NULL, "scenario.topics", 1, {
        "  topic t partitions 2\n  topic u\n"}},
    {NULL, "forgotten_topics_data", 2, {
        "[]", "[]", "[{topic: $t, topic_id: $t_id, partitions: [0]}]",
        "[{topic: $u, topic_id: $u_id, partitions: [0]}]", "[{topic: $t, topic_id: $t_id, partitions: [1, 0]}]",
        "[{topic: $t, topic_id: $t_id, partitions: [7]}, {topic: $u, topic_id: $u_id, partitions: []}]",
        "[{topic: \"$unique-none\", topic_id: \"AAAAAAAAAAAAAAAAAAAABA\", partitions: [0]}]"}},
    {NULL, "session_id", 2, {"0", "$session", "77", "-1"}},
    {NULL, "session_epoch", 2, {"0", "-1", "1", "2", "3", "-2", "2147483647"}},
    {NULL, "fetch_offset", 2, {"0", "1", "2", "5"}},
    {NULL, "partition_max_bytes", 1, {"1000000", "100"}},
    {"CreateTopics", "name", 1, {"$t", "$u", "\"$unique-made\""}},
    {"CreateTopics", "configs", 1, {"[]"}},
    {NULL, "batch.producer", 1, {""}},
    {NULL, "batch.damage", 1, {"", "crc_delta: 1, "}},
};

/* ---- a fetch that waits, and what may wake it: the end does ------------------------------------------------------ */

static const struct asked_api waiting_apis[] = {
    {"Produce", 3, false, false},
    {"CreatePartitions", 1, true, false},
    {"Fetch", 1, false, false},
    {"ListOffsets", 1, false, false},
};

/* The partitions have records: in dohle the first append to one waits for its folder, and other appends of the request
 * may be read before. */
#define WAIT(version, more)                                                                                            \
    "  Produce v12 {acks: -1, timeout_ms: 5000, topic_data: [\n"                                                       \
    "      {name: $t, partition_data: [{index: 0, records: [{records: [\"a\"]}]}, "                                     \
    "{index: 1, records: [{records: [\"a\"]}]}]},\n"                                                                   \
    "      {name: $u, partition_data: [{index: 0, records: [{records: [\"a\"]}]}]}]}\n"                                \
    "  C: send Fetch v" version " {max_wait_ms: 600000, " more ", topics: [\n"                                         \
    "      {topic: $t, topic_id: $t_id, partitions: [{partition: 0, fetch_offset: 1, partition_max_bytes: 100000},\n"  \
    "          {partition: 1, fetch_offset: 1, partition_max_bytes: 100000}]},\n"                                      \
    "      {topic: $u, topic_id: $u_id, partitions: [\n"                                                               \
    "          {partition: 0, fetch_offset: 1, partition_max_bytes: 100000}]}]}\n"                                     \
    "  C: waiting\n"

static const struct field_choices waiting_fields[] = {
    {NULL, "scenario.topics", 1, {"  topic t partitions 2\n  topic u\n"}},
    {NULL, "scenario.opening", 4, {
        WAIT("12", "min_bytes: 1"), WAIT("17", "min_bytes: 1"), WAIT("12", "min_bytes: 400"),
        WAIT("13", "min_bytes: 1000, isolation_level: 1")}},
    {NULL, "batch.damage", 1, {"", "crc_delta: 1, "}},
};

/* ---- what administrators ask ------------------------------------------------------------------------------------- */

static const struct asked_api admin_apis[] = {
    {"ApiVersions", 1, false, false},
    {"DescribeCluster", 1, false, false},
    {"DescribeLogDirs", 1, false, false},
    {"AlterReplicaLogDirs", 1, false, false},
    {"ListPartitionReassignments", 1, false, false},
    {"AlterPartitionReassignments", 1, false, false},
    {"AlterClientQuotas", 2, true, false},
    {"DescribeClientQuotas", 2, false, false},
    {"DescribeQuorum", 1, false, false},
    {"UpdateFeatures", 1, false, false},
    {"UnregisterBroker", 1, false, false},
    {"GetTelemetrySubscriptions", 1, false, false},
    {"PushTelemetry", 1, false, false},
    {"ListConfigResources", 1, false, false},
    {"DescribeConfigs", 2, false, false},
    {"IncrementalAlterConfigs", 3, true, false},
    {"AlterConfigs", 1, true, false},
    {"Produce", 1, false, false},
};

static const struct field_choices admin_fields[] = {
    {NULL, "scenario.topics", 1, {
        "  topic t partitions 2\n  topic u\n"}},
    {NULL, "batch.producer", 1, {""}},
    {NULL, "batch.damage", 1, {""}},
    {"DescribeCluster", "endpoint_type", 1, {"1", "2", "0", "-1"}},
    {"AlterReplicaLogDirs", "path", 1, {"\"/none\"", "\"\"", "\"none\""}},
    {"DescribeQuorum", "topic_name", 1, {"\"__cluster_metadata\"", "$t", "\"\""}},
    {"UnregisterBroker", "broker_id", 1, {"7", "-1", "2147483647"}},
    {"UpdateFeatures", "validate_only", 1, {"true"}},
    {"UpdateFeatures", "feature", 2, {"\"metadata.version\"", "\"transaction.version\"", "\"none\"", "\"\""}},
    {"UpdateFeatures", "max_version_level", 3, {"33", "2", "1", "0", "32", "34", "-1", "7"}},
    {"UpdateFeatures", "upgrade_type", 3, {"1", "2", "3", "0", "4"}},
    {"GetTelemetrySubscriptions", "client_instance_id", 1, {"\"8AAAAAAAQACAAAAAAAAAAQ\""}},
    {"PushTelemetry", "client_instance_id", 1, {"\"8AAAAAAAQACAAAAAAAAAAg\"", "\"AAAAAAAAAAAAAAAAAAAAAA\""}},
    {"PushTelemetry", "compression_type", 2, {"0", "4", "5", "-1"}},
    {"ListConfigResources", "resource_types", 2, {"[16, 32]", "[2]", "[32]", "[]", "[1]", "[2, 2]"}},
    /* names of their own, as answers have no order */
    {"AlterClientQuotas", "entity", 3, {
        "[{entity_type: \"user\", entity_name: \"$unique-x\"}]",
        "[{entity_type: \"client-id\", entity_name: \"$unique-c\"}]",
        "[{entity_type: \"user\", entity_name: \"$unique-b\"}, "
        "{entity_type: \"client-id\", entity_name: \"$unique-y\"}]",
        "[]", "[{entity_type: \"none\", entity_name: \"x\"}]", "[{entity_type: \"user\", entity_name: \"\"}]",
        "[{entity_type: \"ip\", entity_name: \"1.2.3.4\"}]",
        "[{entity_type: \"user\", entity_name: \"$unique-i\"}, {entity_type: \"ip\", entity_name: \"1.2.3.4\"}]",
        "[{entity_type: \"user\", entity_name: \"$unique-t\"}, {entity_type: \"user\", entity_name: \"$unique-y\"}]",
        "[{entity_type: \"client-id\", entity_name: \"$unique-y\"}, {entity_type: \"user\", entity_name: null}]"}},
    {"AlterClientQuotas", "ops", 4, {
        "[{key: \"producer_byte_rate\", value: 1048576.0}]", "[{key: \"consumer_byte_rate\", value: 2.5}]",
        "[{key: \"producer_byte_rate\", remove: true}]",
        "[{key: \"request_percentage\", value: 50.0}, {key: \"controller_mutation_rate\", value: 0.5}]", "[]",
        "[{key: \"none\", value: 1.0}]", "[{key: \"producer_byte_rate\", value: 0.0}]",
        "[{key: \"producer_byte_rate\", value: -1.0}]", "[{key: \"connection_creation_rate\", value: 10.0}]",
        "[{key: \"producer_byte_rate\", value: 1.0}, {key: \"producer_byte_rate\", remove: true}]",
        "[{key: \"connection_creation_rate\", value: 1.5}]", "[{key: \"\", value: 1.0}]"}},
    {"DescribeConfigs", "resource_type", 3, {"2", "16", "32", "0", "64"}},
    {"DescribeConfigs", "configuration_keys", 4, {
        "[\"retention.ms\", \"none\"]", "[\"interval.ms\", \"metrics\"]",
        "[\"consumer.session.timeout.ms\", \"share.auto.offset.reset\"]", "[]"}},
    {"IncrementalAlterConfigs", "resource_type", 3, {"2", "16", "32", "0", "1", "64"}},
    {"AlterConfigs", "resource_type", 3, {"2", "16", "32", "0", "64"}},
    {"IncrementalAlterConfigs", "configs", 9, {
        "[{name: \"retention.ms\", config_operation: 0, value: \"100000\"}]",
        "[{name: \"interval.ms\", config_operation: 0, value: \"60000\"}]",
        "[{name: \"interval.ms\", config_operation: 1}]", "[{name: \"metrics\", config_operation: 2, value: \"a.b\"}]",
        "[{name: \"metrics\", config_operation: 3, value: \"a.b\"}]",
        "[{name: \"match\", config_operation: 0, value: \"client_id=none.*\"}]",
        "[{name: \"consumer.session.timeout.ms\", config_operation: 0, value: \"50000\"}]",
        "[{name: \"share.auto.offset.reset\", config_operation: 0, value: \"earliest\"}]",
        "[{name: \"consumer.session.timeout.ms\", config_operation: 1}]",
        "[{name: \"interval.ms\", config_operation: 0, value: \"5\"}]",
        "[{name: \"match\", config_operation: 0, value: \"none=x\"}]",
        "[{name: \"match\", config_operation: 2, value: \"client_software_name=x\"}]",
        "[{name: \"metrics\", config_operation: 0, value: \"\"}]", "[]",
        "[{name: \"consumer.heartbeat.interval.ms\", config_operation: 0, value: \"x\"}]",
        "[{name: \"consumer.session.timeout.ms\", config_operation: 2, value: \"1\"}]",
        "[{name: \"none\", config_operation: 0, value: \"1\"}]",
        "[{name: \"interval.ms\", config_operation: 0, value: null}]"}},
    {"AlterConfigs", "configs", 4, {
        "[{name: \"retention.ms\", value: \"100000\"}]", "[{name: \"interval.ms\", value: \"60000\"}]",
        "[{name: \"consumer.session.timeout.ms\", value: \"50000\"}]", "[]", "[{name: \"interval.ms\", value: \"5\"}]",
        "[{name: \"metrics\", value: null}]", "[{name: \"none\", value: \"1\"}]"}},
};

/* ---- the themes -------------------------------------------------------------------------------------------------- */

#define APIS(rows)   .apis = rows, .apis_count = COUNT_OF(rows)
#define FIELDS(rows) .fields = rows, .fields_count = COUNT_OF(rows)

const struct theme random_themes[] = {
    {.name = "broad", .weight = 3, APIS(broad_apis)},
    {.name = "records", .weight = 3, APIS(record_apis), FIELDS(record_fields)},
    {.name = "transaction", .weight = 4, APIS(transaction_apis), FIELDS(transaction_fields)},
    {.name = "group", .weight = 4, .restarts = true, APIS(group_apis), FIELDS(group_fields)},
    {.name = "session", .weight = 2, APIS(session_apis), FIELDS(session_fields), .in_session = true},
    {.name = "waiting", .weight = 1, APIS(waiting_apis), FIELDS(waiting_fields), .closing =
        "  Produce v12 {acks: -1, timeout_ms: 5000, topic_data: [\n"
        "      {name: $t, partition_data: [{index: 0, records: [{records: [{size: 1000}]}]}]},\n"
        "      {name: $u, partition_data: [{index: 0, records: [{records: [{size: 1000}]}]}]}]}\n"
        "  C: receive\n"},
    {.name = "admin", .weight = 2, APIS(admin_apis), FIELDS(admin_fields)},
};

const size_t random_themes_count = COUNT_OF(random_themes);
const size_t random_fields_count = COUNT_OF(random_fields);

/* clang-format on */

static const struct field_choices *find_choices(const struct field_choices *rows, size_t count, const char *api,
                                                const char *field)
{
    const struct field_choices *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].field, field) != 0)
            continue;
        if (rows[i].api ? strcmp(rows[i].api, api) == 0 : !found)
            found = &rows[i];
    }
    return found;
}

const struct field_choices *random_choices(const struct theme *theme, const char *api, const char *field)
{
    const struct field_choices *choices = find_choices(theme->fields, theme->fields_count, api, field);
    return choices ? choices : find_choices(random_fields, random_fields_count, api, field);
}

const struct api_rule *random_api_rule(const char *api)
{
    static const struct api_rule none = {0};
    for (size_t i = 0; i < COUNT_OF(api_rules); i++)
        if (strcmp(api_rules[i].name, api) == 0)
            return &api_rules[i];
    return &none;
}
