/* See random_scenario.h.
 *
 * A scenario has two topics, $t with two partitions and $u with one, a group $g whose member $member may be there, and
 * a producer id $pid. One in three is about transactions: of the transactional id $x, with the producer id $xid.
 * Requests are made from the tables of their messages, field by field: what a field of that name may hold stands in
 * `fields` below, mostly right and sometimes a little wrong; others hold small numbers. Left out on purpose is what
 * dohle does otherwise on purpose (one partition twice, unknown isolation levels) and what waits for long, and what
 * Kafka never answers (AlterConfigs of one resource twice, AddPartitionsToTxn of no transaction). */
#include "random_scenario.h"

#include <inttypes.h>
#include <string.h>

struct dice {
    uint64_t state;
};

/* splitmix64 */
static uint64_t roll(struct dice *dice)
{
    uint64_t mixed = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

static size_t below(struct dice *dice, size_t bound)
{
    return (size_t)(roll(dice) % bound);
}

static bool one_in(struct dice *dice, size_t count)
{
    return below(dice, count) == 0;
}

/* What is asked: an API as often as it stands here. What some of them do Kafka goes on with behind its answer: its
 * broker hears a moment later of changes of topics, and a transaction ends. */
static const struct asked_api {
    const char *name;
    bool goes_on;
} apis[] = {
    {"Produce",                     false},
    {"Produce",                     false},
    {"Produce",                     false},
    {"Fetch",                       false},
    {"Fetch",                       false},
    {"ListOffsets",                 false},
    {"ListOffsets",                 false},
    {"OffsetForLeaderEpoch",        false},
    {"DeleteRecords",               false},
    {"DescribeProducers",           false},
    {"Metadata",                    false},
    {"DescribeTopicPartitions",     false},
    {"CreatePartitions",            true },
    {"DeleteTopics",                true },
    {"CreateTopics",                true },
    {"DescribeConfigs",             false},
    {"IncrementalAlterConfigs",     true },
    {"AlterConfigs",                true },
    {"ElectLeaders",                false},
    {"AlterPartitionReassignments", false},
    {"FindCoordinator",             false},
    {"JoinGroup",                   false},
    {"SyncGroup",                   false},
    {"Heartbeat",                   false},
    {"LeaveGroup",                  false},
    {"OffsetCommit",                false},
    {"OffsetCommit",                false},
    {"OffsetFetch",                 false},
    {"OffsetFetch",                 false},
    {"OffsetDelete",                false},
    {"DescribeGroups",              false},
    {"DeleteGroups",                false},
    {"InitProducerId",              false},
    {"DescribeClientQuotas",        false},
};

/* Of a scenario about transactions. Topics stay: Kafka gives those that go their markers whenever it likes. */
static const struct asked_api transaction_apis[] = {
    {"Produce",              false},
    {"Produce",              false},
    {"Produce",              false},
    {"AddPartitionsToTxn",   false},
    {"AddPartitionsToTxn",   false},
    {"AddOffsetsToTxn",      false},
    {"TxnOffsetCommit",      false},
    {"TxnOffsetCommit",      false},
    {"EndTxn",               true },
    {"EndTxn",               true },
    {"InitProducerId",       true },
    {"DescribeTransactions", false},
    {"DescribeProducers",    false},
    {"Fetch",                false},
    {"Fetch",                false},
    {"ListOffsets",          false},
    {"DeleteRecords",        false},
    {"OffsetCommit",         false},
    {"OffsetFetch",          false},
    {"OffsetFetch",          false},
    {"OffsetDelete",         false},
    {"DeleteGroups",         false},
};

#define CHOICES_MAX 10

/* What fields of that name hold, as texts; `usual` of them much more often than the others. */
static const struct field_choices {
    const char *api; /* NULL: any */
    const char *field;
    size_t usual;
    const char *choices[CHOICES_MAX];
} fields[] = {
    {NULL,                      "transactional_id",              1, {"null"}                                                                       },
    {NULL,                      "acks",                          2, {"-1", "1", "2"}                                                               },
    {NULL,                      "timeout_ms",                    1, {"5000"}                                                                       },
    {NULL,                      "max_wait_ms",                   1, {"0"}                                                                          },
    {NULL,                      "min_bytes",                     1, {"1", "0", "-1", "1000"}                                                       },
    {NULL,                      "max_bytes",                     1, {"1000000", "100"}                                                             },
    {NULL,                      "partition_max_bytes",           1, {"1000000", "100", "1", "0", "-1"}                                             },
    {NULL,                      "isolation_level",               2, {"0", "1"}                                                                     },
    {NULL,                      "session_id",                    1, {"0", "0", "77"}                                                               },
    {NULL,                      "session_epoch",                 1, {"-1", "-1", "0", "3"}                                                         },
    {NULL,                      "forgotten_topics_data",         1, {"[]"}                                                                         },
    {NULL,                      "replica_directory_id",          1, {"\"AAAAAAAAAAAAAAAAAAAAAA\""}                                                 },
    {NULL,                      "rack_id",                       1, {"\"\"", "\"r\""}                                                              },
    {NULL,                      "replica_id",                    1, {"-1"}                                                                         },
    {NULL,                      "replica_state",                 1, {"{replica_id: -1, replica_epoch: -1}"}                                        },
    {NULL,                      "cluster_id",                    1, {"null"}                                                                       },
    {NULL,                      "fetch_offset",                  3, {"0", "1", "2", "5", "-1", "-2", "9223372036854775807"}                        },
    {"DeleteRecords",           "offset",                        3, {"0", "1", "-1", "2", "9", "-2"}                                               },
    {NULL,                      "log_start_offset",              1, {"-1", "0"}                                                                    },
    {NULL,                      "current_leader_epoch",          2, {"-1", "0", "1", "-2"}                                                         },
    {NULL,                      "last_fetched_epoch",            2, {"-1", "0", "1"}                                                               },
    {NULL,                      "leader_epoch",                  1, {"0", "-1", "1", "2147483647"}                                                 },
    {"ListOffsets",             "timestamp",                     4, {"-1", "-2", "$t0", "$t0+5", "-3", "-4", "-5", "-6", "-7", "0"}                },
    {"Produce",
     "records",                                                  5,
     {"[{records: [\"a\"]}]", "[{records: [\"a\", {key: \"k\", value: null, timestamp: $t0+5}]}]",
      "[{codec: \"gzip\", records: [\"a\", \"b\", \"c\"]}]", "[{codec: \"lz4\", records: [{size: 300, count: 3}]}]",
      "[{producer_id: $pid, producer_epoch: 0, base_sequence: 0, records: [\"a\"]}]",
      "[{producer_id: $pid, producer_epoch: 0, base_sequence: 1, records: [\"a\", \"b\"]}]", "[{records: []}]",
      "[{crc_delta: 1, records: [\"a\"]}]", "[{codec: \"zstd\", records: [\"a\"]}]",
      "[{producer_id: $pid, producer_epoch: 1, base_sequence: 3, records: [\"a\"]}]"}                                                              },
    {"CreatePartitions",        "count",                         2, {"3", "2", "1", "0", "-1"}                                                     },
    {NULL,                      "assignments",                   1, {"null", "[]"}                                                                 },
    {"CreateTopics",            "assignments",                   1, {"[]"}                                                                         },
    {"CreateTopics",
     "name",                                                     2,
     {"\"$unique-made\"", "\"$unique-new\"", "$t", "\"\"", "\"a b\"", "\"..\"", "\"$unique.made\""}                                                },
    {"CreateTopics",            "num_partitions",                2, {"1", "2", "-1", "0", "-2"}                                                    },
    {"CreateTopics",            "replication_factor",            2, {"1", "-1", "2", "0", "-2"}                                                    },
    {"CreateTopics",
     "configs",                                                  2,
     {"[]", "[{name: \"retention.ms\", value: \"1000\"}]", "[{name: \"retention.ms\", value: \"x\"}]",
      "[{name: \"none\", value: \"1\"}]", "[{name: \"cleanup.policy\", value: \"compact,delete\"}]",
      "[{name: \"retention.ms\", value: null}]"}                                                                                                   },
    {NULL,                      "resource_type",                 1, {"2"}                                                                          },
    {NULL,                      "configuration_keys",            1, {"[\"retention.ms\", \"cleanup.policy\", \"none\"]", "[\"max.message.bytes\"]"}},
    {"IncrementalAlterConfigs",
     "configs",                                                  4,
     {"[{name: \"retention.ms\", config_operation: 0, value: \"100000\"}]",
      "[{name: \"retention.ms\", config_operation: 1}]",
      "[{name: \"cleanup.policy\", config_operation: 2, value: \"compact\"}]",
      "[{name: \"cleanup.policy\", config_operation: 3, value: \"delete\"}]",
      "[{name: \"max.message.bytes\", config_operation: 0, value: \"-1\"}]",
      "[{name: \"max.message.bytes\", config_operation: 2, value: \"5\"}]", "[{name: \"none\", config_operation: 1}]",
      "[{name: \"segment.bytes\", config_operation: 0, value: null}]", "[]",
      "[{name: \"compression.type\", config_operation: 0, value: \"brotli\"}]"}                                                                    },
    {"AlterConfigs",
     "configs",                                                  2,
     {"[{name: \"retention.ms\", value: \"100000\"}]", "[]", "[{name: \"retention.ms\", value: null}]",
      "[{name: \"none\", value: \"1\"}]", "[{name: \"segment.ms\", value: \"0\"}]"}                                                                },
    {"ElectLeaders",            "election_type",                 2, {"0", "1", "2"}                                                                },
    {NULL,                      "replicas",                      1, {"[1]", "null", "[1, 1]", "[2]", "[]"}                                         },
    {NULL,                      "key_type",                      1, {"0", "2", "3"}                                                                },
    {NULL,                      "key",                           1, {"$g", "\"\""}                                                                 },
    {NULL,                      "coordinator_keys",              1, {"$g", "\"\""}                                                                 },
    {NULL,                      "group_id",                      3, {"$g", "$g", "$g", "\"$unique-other\"", "\"\""}                                },
    {NULL,                      "groups_names",                  2, {"$g", "\"$unique-other\"", "\"\""}                                            },
    {"DescribeGroups",          "groups",                        2, {"$g", "\"$unique-other\"", "\"\""}                                            },
    {NULL,                      "member_id",                     2, {"$member", "$member", "\"\"", "\"nobody\""}                                   },
    {NULL,                      "group_instance_id",             3, {"null", "null", "null", "\"i\""}                                              },
    {NULL,                      "generation_id",                 2, {"1", "1", "-1", "0", "2"}                                                     },
    {NULL,                      "generation_id_or_member_epoch", 2, {"-1", "1", "0", "2", "-2"}                                                    },
    {NULL,                      "member_epoch",                  1, {"-1", "0", "1"}                                                               },
    {NULL,                      "session_timeout_ms",            1, {"10000", "1", "2000000000"}                                                   },
    {NULL,                      "rebalance_timeout_ms",          1, {"300"}                                                                        },
    {NULL,                      "protocol_type",                 2, {"\"consumer\"", "\"consumer\"", "\"connect\"", "\"\""}                        },
    {NULL,                      "protocol_name",                 2, {"\"range\"", "\"range\"", "\"other\""}                                        },
    {NULL,
     "protocols",                                                1,
     {"[{name: \"range\", metadata: {version: 0, topics: [$t]}}]", "[]", "[{name: \"other\", metadata: x\"00\"}]"}                                 },
    {"SyncGroup",               "assignments",                   2, {"[]", "[{member_id: $member, assignment: x\"0001\"}]"}                        },
    {NULL,                      "members",                       2, {"[{member_id: $member}]", "[{member_id: \"nobody\"}]", "[]"}                  },
    {NULL,                      "committed_offset",              3, {"0", "5", "9", "-1", "9223372036854775807"}                                   },
    {NULL,                      "committed_metadata",            3, {"\"\"", "\"m\"", "null"}                                                      },
    {NULL,                      "retention_time_ms",             1, {"-1", "100000"}                                                               },
    {"InitProducerId",          "producer_id",                   2, {"-1", "-1", "$pid"}                                                           },
    {"InitProducerId",          "producer_epoch",                2, {"-1", "-1", "0"}                                                              },
    {NULL,                      "transaction_timeout_ms",        1, {"60000"}                                                                      },
    {"DescribeClientQuotas",
     "components",                                               2,
     {"[{entity_type: \"user\", match_type: 0, match: \"$unique-x\"}]",
      "[{entity_type: \"client-id\", match_type: 0, match: \"$unique-x\"}]", "[{entity_type: \"none\", match_type: 2}]",
      "[{entity_type: \"ip\", match_type: 0, match: \"1.2.3.4\"}]",
      "[{entity_type: \"ip\", match_type: 3, match: null}]"}                                                                                       },
    {"Metadata",                "allow_auto_topic_creation",     1, {"false"}                                                                      },
    {"DescribeTopicPartitions", "response_partition_limit",      1, {"2000", "1", "0", "-1"}                                                       },
    {"DescribeTopicPartitions", "cursor",                        1, {"null"}                                                                       },
};

/* What they hold rather in a scenario about transactions. */
static const struct field_choices transaction_fields[] = {
    {NULL,             "transactional_id",              1, {"$x", "\"\"", "\"$unique-other\""}},
    {NULL,             "transactional_ids",             1, {"$x", "\"\"", "\"$unique-other\""}},
    {NULL,             "v3_and_below_transactional_id", 1, {"$x", "\"\"", "\"$unique-other\""}},
    {NULL,             "producer_id",                   1, {"$xid", "$pid", "-1"}             },
    {NULL,             "v3_and_below_producer_id",      1, {"$xid", "$pid", "-1"}             },
    {NULL,             "producer_epoch",                2, {"0", "0", "1", "2", "-1"}         },
    {NULL,             "v3_and_below_producer_epoch",   2, {"0", "0", "1", "2", "-1"}         },
    {"InitProducerId", "producer_id",                   1, {"-1", "$xid", "$pid"}             },
    {"InitProducerId", "producer_epoch",                1, {"-1", "0", "1"}                   },
    {"Produce",
     "records",                                         3,
     {"[{producer_id: $xid, producer_epoch: 0, base_sequence: 0, attributes: 16, records: [\"a\"]}]",
      "[{producer_id: $xid, producer_epoch: 0, base_sequence: 0, attributes: 16, records: [\"a\"]}]",
      "[{producer_id: $xid, producer_epoch: 1, base_sequence: 0, attributes: 16, records: [\"b\", \"c\"]}]",
      "[{producer_id: $xid, producer_epoch: 0, base_sequence: 1, attributes: 16, records: [\"a\", \"b\"]}]",
      "[{producer_id: $xid, producer_epoch: 2, base_sequence: 0, attributes: 16, records: [\"a\"]}]",
      "[{producer_id: $xid, producer_epoch: 0, base_sequence: 1, records: [\"a\"]}]", "[{records: [\"a\"]}]",
      "[{producer_id: $pid, producer_epoch: 0, base_sequence: 0, attributes: 16, records: [\"a\"]}]",
      "[{attributes: 16, records: [\"a\"]}]",
      "[{producer_id: $pid, producer_epoch: 0, base_sequence: 0, records: [\"a\"]}]"}         },
};

struct making {
    FILE *file;
    struct dice dice;
    bool transaction;
    const char *api;
    int16_t version;
};

/* The row of the API itself goes before the one of any. */
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

static const struct field_choices *choices_of(const struct making *making, const char *field)
{
    const struct field_choices *choices =
        making->transaction ? find_choices(transaction_fields, COUNT_OF(transaction_fields), making->api, field) : NULL;
    return choices ? choices : find_choices(fields, COUNT_OF(fields), making->api, field);
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Of the item at `position` of its list: no topic and no partition comes twice. False: the field is none of these. */
static bool put_place(struct making *making, const struct kp_field *field, int32_t position)
{
    static const char *const topics[] = {"topic", "name", "topic_names", "topics", "resource_name"};
    static const char *const partitions[] = {"partition",         "partition_index", "index",       "partition_indexes",
                                             "partition_indices", "partitions",      "partition_id"};
    if (field->type == KP_UUID) {
        fputs(!position && one_in(&making->dice, 12) ? "\"AAAAAAAAAAAAAAAAAAAABA\""
              : position                             ? "$u_id"
                                                     : "$t_id",
              making->file);
        return true;
    }
    if (field->type == KP_STRING && is_one_of(field->name, topics, COUNT_OF(topics))) {
        static const char *const wrong[] = {"\"$unique-none\"", "\"\"", "\"a b\""};
        fputs(one_in(&making->dice, 12) ? wrong[position ? 0 : below(&making->dice, 2) + 1]
              : position                ? "$u"
                                        : "$t",
              making->file);
        return true;
    }
    if (field->type == KP_INT32 && is_one_of(field->name, partitions, COUNT_OF(partitions))) {
        static const int32_t wrong[] = {7, -1};
        fprintf(making->file, "%d", one_in(&making->dice, 12) ? wrong[position % 2] : position);
        return true;
    }
    return false;
}

static void put_struct(struct making *making, const struct kp_schema *schema, int32_t position);

static void put_one(struct making *making, const struct kp_field *field, const struct field_choices *choices,
                    int32_t position)
{
    if (choices) {
        size_t count = 0;
        while (count < CHOICES_MAX && choices->choices[count])
            count++;
        size_t bound = one_in(&making->dice, 5) ? count : choices->usual;
        fputs(choices->choices[below(&making->dice, bound)], making->file);
        return;
    }
    if (put_place(making, field, position))
        return;
    switch (field->type) {
    case KP_STRUCT:
        put_struct(making, field->schema, position);
        break;
    case KP_BOOL:
        fputs(one_in(&making->dice, 2) ? "true" : "false", making->file);
        break;
    case KP_STRING:
        fputs(one_in(&making->dice, 4) ? "\"\"" : "\"x\"", making->file);
        break;
    case KP_BYTES:
        fputs("x\"00\"", making->file);
        break;
    case KP_RECORDS:
        fputs("[]", making->file);
        break;
    default:
        fprintf(making->file, "%d", (int)below(&making->dice, 4) - 1);
        break;
    }
}

static void put_field(struct making *making, const struct kp_field *field, int32_t position)
{
    const struct field_choices *choices = choices_of(making, field->name);
    bool whole = choices && (choices->choices[0][0] == '[' || strcmp(choices->choices[0], "null") == 0);
    if (!field->array || whole) {
        put_one(making, field, choices, position);
        return;
    }
    if (kp_versions_has(field->nullable, making->version) && one_in(&making->dice, 10)) {
        fputs("null", making->file);
        return;
    }
    bool one = strcmp(field->name, "transactions") == 0; /* no two may be the same, and Kafka never answers to none */
    int32_t count = one ? 1 : one_in(&making->dice, 12) ? 0 : one_in(&making->dice, 4) ? 2 : 1;
    fputc('[', making->file);
    for (int32_t i = 0; i < count; i++) {
        if (i > 0)
            fputs(", ", making->file);
        put_one(making, field, choices, i);
    }
    fputc(']', making->file);
}

/* The topic of an item is told by its position there, so that its partitions are of that topic. */
static void put_struct(struct making *making, const struct kp_schema *schema, int32_t position)
{
    const char *between = "";
    fputc('{', making->file);
    for (uint16_t i = 0; i < schema->fields_count; i++) {
        const struct kp_field *field = &schema->fields[i];
        if (!kp_versions_has(field->versions, making->version))
            continue;
        fprintf(making->file, "%s%s: ", between, field->name);
        put_field(making, field, position);
        between = ", ";
    }
    fputc('}', making->file);
}

static void put_beginning(struct making *making, uint64_t seed)
{
    fprintf(making->file,
            "scenario random-%" PRIu64 "\n"
            "  topic t partitions 2\n"
            "  topic u\n"
            "  group g\n"
            "  InitProducerId {transactional_id: null}\n"
            "    bind pid = producer_id\n",
            seed);
    if (making->transaction)
        fputs("  transaction x\n"
              "  InitProducerId {transactional_id: $x, transaction_timeout_ms: 60000}\n"
              "    bind xid = producer_id\n",
              making->file);
    if (one_in(&making->dice, 2))
        fputs("  let member = \"nobody\"\n", making->file);
    else
        fputs(
            "  JoinGroup v3 {group_id: $g, session_timeout_ms: 10000, rebalance_timeout_ms: 300,\n"
            "      protocol_type: \"consumer\", protocols: [{name: \"range\", metadata: {version: 0, topics: [$t]}}]}\n"
            "    bind member = member_id\n"
            "  SyncGroup v3 {group_id: $g, generation_id: 1, member_id: $member, assignments: []}\n",
            making->file);
}

char *random_scenario(uint64_t seed, int32_t steps, const struct kp_versions advertised[KP_APIS_COUNT])
{
    char *text = NULL;
    size_t size = 0;
    struct making making = {.file = open_memstream(&text, &size), .dice = {seed}};
    if (!making.file)
        abort();
    making.transaction = one_in(&making.dice, 3);
    put_beginning(&making, seed);
    while (steps > 0) {
        const struct asked_api *asked = making.transaction
                                            ? &transaction_apis[below(&making.dice, COUNT_OF(transaction_apis))]
                                            : &apis[below(&making.dice, COUNT_OF(apis))];
        const struct kp_api *api = player_api(asked->name);
        struct kp_versions versions = advertised[api - kp_apis];
        if (versions.first < api->versions.first)
            versions.first = api->versions.first;
        if (api->key == KP_API_METADATA)
            versions.first = 4; /* before that each makes the topics that it asks for, in Kafka a moment later */
        if (api->key == KP_API_CREATE_TOPICS && versions.last > 4)
            versions.last = 4; /* later ones tell settings, of which Kafka sets one for all brokers */
        if (versions.first > versions.last)
            continue;
        making.api = api->name;
        making.version =
            (int16_t)(versions.first + (int16_t)below(&making.dice, (size_t)(versions.last - versions.first) + 1));
        fprintf(making.file, "  %s v%d ", api->name, making.version);
        put_struct(&making, api->request, 0);
        fputs(asked->goes_on ? "\n  pass 300 ms\n" : "\n", making.file);
        steps--;
    }
    if (fclose(making.file) != 0)
        abort();
    return text;
}
