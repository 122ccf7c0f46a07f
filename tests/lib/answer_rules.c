/* The rules by which answers are compared, as a table.
 *
 * Nothing is ignored. An id that a broker draws at random gets a name when it is first seen, so both runs must show it
 * at the same places; a size of the machine must be there; a time must lie between the scenario's beginning and now; an
 * address must be the one that the broker was asked at; a text must be null, empty or there, as it was. What does not
 * keep to its rule stays as it is and so differs. */
#include "answer_rules.h"

#include <ctype.h>
#include <string.h>

enum rule_kind {
    RULE_NONE,     /* as it is, but $unique is seen in texts */
    RULE_TEXT,     /* words for people: only null, empty or present */
    RULE_ID,       /* drawn by the broker: a number of at least `least`, or a text */
    RULE_KNOWN_ID, /* the same where it may also come from the scenario: a name only when it has one */
    RULE_MEMBER, /* a member's id: a text of the client's, a dash and a UUID, which is drawn; others are as they are */
    RULE_SIZE,   /* of the machine: a number of at least `least` */
    RULE_CLOCK,  /* a time of the broker's clock, or -1 */
    RULE_HOST,   /* where the broker was asked */
    RULE_PORT,
    RULE_UNORDERED, /* a list in the order of a hash map: sorted by the fields `by`, with a space between them */
};

/* Clocks are read before and behind the broker's own reading; both may be rounded. */
#define CLOCK_SLACK_MS 2
#define DAY_MS         86400000

#define BY_NAMES_OF_EACH_ENTITY "entity[0].entity_name entity[1].entity_name"
#define UUID_CHARACTERS         36 /* as 32 hexadecimal digits and dashes */

static const struct rule {
    const char *api; /* NULL: all */
    const char *field;
    enum rule_kind kind;
    const char *by; /* RULE_UNORDERED: sort key; RULE_ID, RULE_MEMBER: the prefix of its names */
    int64_t least;
} rules[] = {
    {NULL,                      "error_message",                        RULE_TEXT,      NULL,                    0},
    {NULL,                      "batch_index_error_message",            RULE_TEXT,      NULL,                    0},
    {"DescribeConfigs",         "documentation",                        RULE_TEXT,      NULL,                    0},
    {NULL,                      "host",                                 RULE_HOST,      NULL,                    0},
    {"DescribeQuorum",          "port",                                 RULE_SIZE,      NULL,                    1},
    {NULL,                      "port",                                 RULE_PORT,      NULL,                    0},
    {NULL,                      "cluster_id",                           RULE_ID,        "cluster_id",            0},
    {"ApiVersions",             "finalized_features_epoch",             RULE_ID,        "metadata_offset",       0},
    {"InitProducerId",          "producer_id",                          RULE_ID,        "producer_id",           0},
    {"EndTxn",                  "producer_id",                          RULE_ID,        "producer_id",           0},
    {"transaction_log",         "producer_id",                          RULE_ID,        "producer_id",           0},
    {"transaction_log",         "previous_producer_id",                 RULE_ID,        "producer_id",           0},
    {"transaction_log",         "next_producer_id",                     RULE_ID,        "producer_id",           0},
    {"DescribeProducers",       "coordinator_epoch",                    RULE_SIZE,      NULL,                    1},
    {"files",                   "coordinator_epoch",                    RULE_SIZE,      NULL,                    1},
    {"files",                   "base_timestamp",                       RULE_CLOCK,     NULL,                    0},
    {"group_log",               "coordinator_epoch",                    RULE_SIZE,      NULL,                    1},
    {"DescribeTransactions",    "producer_id",                          RULE_KNOWN_ID,  NULL,                    0},
    {"ListTransactions",        "producer_id",                          RULE_KNOWN_ID,  NULL,                    0},
    {"WriteTxnMarkers",         "producer_id",                          RULE_KNOWN_ID,  NULL,                    0},
    {"DescribeProducers",       "producer_id",                          RULE_KNOWN_ID,  NULL,                    0},
    {"files",                   "producer_id",                          RULE_KNOWN_ID,  NULL,                    0},
    {"group_log",               "producer_id",                          RULE_KNOWN_ID,  NULL,                    0},
    {"Fetch",                   "producer_id",                          RULE_KNOWN_ID,  NULL,                    0},
    {"Fetch",                   "session_id",                           RULE_ID,        "session_id",            1},
    {NULL,                      "member_id",                            RULE_MEMBER,    "member",                0},
    {NULL,                      "leader",                               RULE_MEMBER,    "member",                0},
    {"Produce",                 "log_append_time_ms",                   RULE_CLOCK,     NULL,                    0},
    {"ListOffsets",             "timestamp",                            RULE_CLOCK,     NULL,                    0},
    {"Fetch",                   "base_timestamp",                       RULE_CLOCK,     NULL,                    0},
    {"Fetch",                   "max_timestamp",                        RULE_CLOCK,     NULL,                    0},
    {"Fetch",                   "timestamp",                            RULE_CLOCK,     NULL,                    0},
    {"files",                   "max_timestamp",                        RULE_CLOCK,     NULL,                    0},
    {"files",                   "timestamp",                            RULE_CLOCK,     NULL,                    0},
    {"group_log",               "base_timestamp",                       RULE_CLOCK,     NULL,                    0},
    {"group_log",               "max_timestamp",                        RULE_CLOCK,     NULL,                    0},
    {"group_log",               "timestamp",                            RULE_CLOCK,     NULL,                    0},
    {"group_log",               "commit_timestamp",                     RULE_CLOCK,     NULL,                    0},
    {"group_log",               "current_state_timestamp",              RULE_CLOCK,     NULL,                    0},
    {"transaction_log",         "base_timestamp",                       RULE_CLOCK,     NULL,                    0},
    {"transaction_log",         "max_timestamp",                        RULE_CLOCK,     NULL,                    0},
    {"transaction_log",         "timestamp",                            RULE_CLOCK,     NULL,                    0},
    {"transaction_log",         "transaction_last_update_timestamp_ms", RULE_CLOCK,     NULL,                    0},
    {"transaction_log",         "transaction_start_timestamp_ms",       RULE_CLOCK,     NULL,                    0},
    {"DescribeTransactions",    "transaction_start_time_ms",            RULE_CLOCK,     NULL,                    0},
    {"ApiVersions",             "api_keys",                             RULE_UNORDERED, "api_key",               0},
    {"ApiVersions",             "supported_features",                   RULE_UNORDERED, "name",                  0},
    {"ApiVersions",             "finalized_features",                   RULE_UNORDERED, "name",                  0},
    {"Produce",                 "responses",                            RULE_UNORDERED, "name",                  0},
    {"Produce",                 "partition_responses",                  RULE_UNORDERED, "index",                 0},
    {"ListOffsets",             "topics",                               RULE_UNORDERED, "name",                  0},
    {"ListOffsets",             "partitions",                           RULE_UNORDERED, "partition_index",       0},
    {"Metadata",                "topics",                               RULE_UNORDERED, "name",                  0},
    {"CreateTopics",            "topics",                               RULE_UNORDERED, "name",                  0},
    {"CreateTopics",            "configs",                              RULE_UNORDERED, "name",                  0},
    {"DeleteTopics",            "responses",                            RULE_UNORDERED, "name",                  0},
    {"CreatePartitions",        "results",                              RULE_UNORDERED, "name",                  0},
    {"DescribeConfigs",         "configs",                              RULE_UNORDERED, "name",                  0},
    {"DeleteRecords",           "topics",                               RULE_UNORDERED, "name",                  0},
    {"DeleteRecords",           "partitions",                           RULE_UNORDERED, "partition_index",       0},
    {"DescribeLogDirs",         "log_dir",                              RULE_ID,        "log_dir",               0},
    {"DescribeLogDirs",         "total_bytes",                          RULE_SIZE,      NULL,                    1},
    {"DescribeLogDirs",         "usable_bytes",                         RULE_SIZE,      NULL,                    1},
    {"DescribeLogDirs",         "topics",                               RULE_UNORDERED, "name",                  0},
    {"DescribeLogDirs",         "partitions",                           RULE_UNORDERED, "partition_index",       0},
    {"AlterReplicaLogDirs",     "results",                              RULE_UNORDERED, "topic_name",            0},
    {"AlterReplicaLogDirs",     "partitions",                           RULE_UNORDERED, "partition_index",       0},
    {"DescribeClientQuotas",    "entries",                              RULE_UNORDERED, BY_NAMES_OF_EACH_ENTITY, 0},
    {"DescribeClientQuotas",    "entity",                               RULE_UNORDERED, "entity_type",           0},
    {"DescribeClientQuotas",    "values",                               RULE_UNORDERED, "key",                   0},
    {"AlterClientQuotas",       "entries",                              RULE_UNORDERED, BY_NAMES_OF_EACH_ENTITY, 0},
    {"AlterClientQuotas",       "entity",                               RULE_UNORDERED, "entity_type",           0},
    {"CreateTopics",            "throttle_time_ms",                     RULE_SIZE,      NULL,                    1},
    {"DeleteTopics",            "throttle_time_ms",                     RULE_SIZE,      NULL,                    1},
    {"CreatePartitions",        "throttle_time_ms",                     RULE_SIZE,      NULL,                    1},
    {"IncrementalAlterConfigs", "responses",                            RULE_UNORDERED, "resource_name",         0},
    {"OffsetFetch",             "topics",                               RULE_UNORDERED, "name",                  0},
    {"OffsetFetch",             "partitions",                           RULE_UNORDERED, "partition_index",       0},
    {"JoinGroup",               "members",                              RULE_UNORDERED, "member_id",             0},
    {"DescribeGroups",          "members",                              RULE_UNORDERED, "member_id",             0},
    {"DeleteGroups",            "results",                              RULE_UNORDERED, "group_id",              0},
    {"ListGroups",              "groups",                               RULE_UNORDERED, "group_id",              0},
    {"group_log",               "members",                              RULE_UNORDERED, "member_id",             0},
    {"transaction_log",         "transaction_partitions",               RULE_UNORDERED, "topic",                 0},
    {"transaction_log",         "partition_ids",                        RULE_UNORDERED, "",                      0},
    {"DescribeTransactions",    "topics",                               RULE_UNORDERED, "topic",                 0},
    {"DescribeTransactions",    "partitions",                           RULE_UNORDERED, "",                      0},
    {"ListTransactions",        "transaction_states",                   RULE_UNORDERED, "transactional_id",      0},
    {"ListTransactions",        "unknown_state_filters",                RULE_UNORDERED, "",                      0},
    {"AddPartitionsToTxn",      "results_by_topic_v3_and_below",        RULE_UNORDERED, "name",                  0},
    {"AddPartitionsToTxn",      "results_by_partition",                 RULE_UNORDERED, "partition_index",       0},
    {"AddPartitionsToTxn",      "results_by_transaction",               RULE_UNORDERED, "transactional_id",      0},
    {"AddPartitionsToTxn",      "topic_results",                        RULE_UNORDERED, "name",                  0},
    {"WriteTxnMarkers",         "markers",                              RULE_UNORDERED, "producer_id",           0},
    {"WriteTxnMarkers",         "topics",                               RULE_UNORDERED, "name",                  0},
    {"WriteTxnMarkers",         "partitions",                           RULE_UNORDERED, "partition_index",       0},
    {"DescribeProducers",       "active_producers",                     RULE_UNORDERED, "producer_id",           0},
    {"DescribeProducers",       "last_timestamp",                       RULE_CLOCK,     NULL,                    0},
    {"DescribeQuorum",          "leader_epoch",                         RULE_SIZE,      NULL,                    1},
    {"DescribeQuorum",          "high_watermark",                       RULE_SIZE,      NULL,                    1},
    {"DescribeQuorum",          "log_end_offset",                       RULE_SIZE,      NULL,                    1},
    {"DescribeQuorum",          "last_fetch_timestamp",                 RULE_CLOCK,     NULL,                    0},
    {"DescribeQuorum",          "last_caught_up_timestamp",             RULE_CLOCK,     NULL,                    0},
    {"ElectLeaders",            "replica_election_results",             RULE_UNORDERED, "topic",                 0},
    {"ElectLeaders",            "partition_result",                     RULE_UNORDERED, "partition_id",          0},
    {"ListConfigResources",     "config_resources",                     RULE_UNORDERED, "resource_name",         0},
};

static const struct rule *rule_of(const char *api, const char *field)
{
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if ((!rules[i].api || strcmp(rules[i].api, api) == 0) && strcmp(rules[i].field, field) == 0)
            return &rules[i];
    return NULL;
}

/* ---- lists in no order ------------------------------------------------------------------------------------------ */

/* What a list is sorted by: a topic that is told by its id alone has no name. */
static const struct value *sort_key(const struct value *item, const char *by, size_t by_size)
{
    char path[64];
    ASSERT(by_size < sizeof path);
    snprintf(path, sizeof path, "%.*s", (int)by_size, by);
    const struct value *key = value_at((struct value *)item, path);
    return key && key->type != VALUE_NULL ? key : value_get(item, "topic_id");
}

static int compare_values(const struct value *a, const struct value *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    if (a->type == VALUE_INT && b->type == VALUE_INT)
        return (a->number > b->number) - (a->number < b->number);
    int32_t size = a->text.size < b->text.size ? a->text.size : b->text.size;
    int order = size > 0 ? memcmp(a->text.data, b->text.data, (size_t)size) : 0;
    return order ? order : (a->text.size > b->text.size) - (a->text.size < b->text.size);
}

/* By the first of the keys in which they differ. */
static int compare_items(const struct value *a, const struct value *b, const char *by)
{
    for (;;) {
        size_t size = strcspn(by, " ");
        int order = compare_values(sort_key(a, by, size), sort_key(b, by, size));
        by += size;
        if (order != 0 || *by == '\0')
            return order;
        by++;
    }
}

/* Insertion, so that equal keys keep their order; lists are short. */
static void sort_list(struct value *list, const char *by)
{
    struct value *left = list->first;
    list->first = list->last = NULL;
    while (left) {
        struct value *item = left;
        left = left->next;
        struct value **at = &list->first;
        while (*at && compare_items(*at, item, by) <= 0)
            at = &(*at)->next;
        item->next = *at;
        *at = item;
        if (!item->next)
            list->last = item;
    }
}

static bool is_wanted(const struct value *key, const struct value *wanted)
{
    if (wanted->type == VALUE_STRING)
        return key->text.size >= wanted->text.size &&
               memcmp(key->text.data, wanted->text.data, (size_t)wanted->text.size) == 0;
    const struct value *item = wanted->first;
    while (item && !value_equal(item, key))
        item = item->next;
    return item != NULL;
}

static bool pick_items(struct value *list, const char *field, const struct value *wanted)
{
    if (!list || list->type == VALUE_NULL)
        return true;
    if (list->type != VALUE_LIST)
        return false;
    struct value *left = list->first;
    list->first = list->last = NULL;
    while (left) {
        struct value *item = left;
        left = left->next;
        const struct value *key = value_get(item, field);
        if (key && is_wanted(key, wanted))
            value_append(list, item);
    }
    return true;
}

bool answer_pick(struct value *answer, const char *path, const char *field, const struct value *wanted)
{
    char head[128];
    const char *each = strstr(path, "[]");
    if (!each)
        return pick_items(value_at(answer, path), field, wanted);
    snprintf(head, sizeof head, "%.*s", (int)(each - path), path);
    const struct value *list = value_at(answer, head);
    for (struct value *item = list ? list->first : NULL; item; item = item->next)
        if (!answer_pick(item, each + strlen("[]"), field, wanted))
            return false;
    return true;
}

/* ---- single values ---------------------------------------------------------------------------------------------- */

static void become_name(struct value *value, const char *name, int64_t delta)
{
    value->type = VALUE_NAME;
    value->text = kp_string_of(name);
    value->number = delta;
}

/* "tests-v4-b" as "$unique-b". */
static void name_unique(struct value *value, const struct names *names)
{
    const struct value *unique = names_get(names, "unique");
    for (int32_t at = 0; unique && at + unique->text.size <= value->text.size; at++) {
        if (memcmp(value->text.data + at, unique->text.data, (size_t)unique->text.size) != 0)
            continue;
        int32_t behind = at + unique->text.size;
        value->text = kp_string_of(value_printf(names->arena, "%.*s$unique%.*s", (int)at, value->text.data,
                                                (int)(value->text.size - behind), value->text.data + behind));
        return;
    }
}

static bool is_uuid(const char *text, int32_t size)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    bool so = size == (int32_t)sizeof form - 1;
    for (int32_t i = 0; so && i < size; i++)
        so = form[i] == 'x' ? isxdigit((unsigned char)text[i]) != 0 : text[i] == form[i];
    return so;
}

/* "conformance-6c62...d1" as "conformance-$member_1". */
static void name_member(struct value *value, const char *prefix, struct names *names)
{
    int32_t at = value->text.size - UUID_CHARACTERS;
    const char *uuid = value->text.data + at;
    if (at < 1 || uuid[-1] != '-' || !is_uuid(uuid, UUID_CHARACTERS))
        return;
    struct value *drawn = value_string(names->arena, (struct kp_string){uuid, UUID_CHARACTERS});
    const char *name = names_assign(names, prefix, drawn);
    value->text = kp_string_of(value_printf(names->arena, "%.*s$%s", (int)at, value->text.data, name));
}

static void normalize_text(struct value *value, const char *name)
{
    if (value->type == VALUE_STRING && value->text.size)
        become_name(value, name, 0);
}

static void normalize_leaf(struct value *value, const struct rule *rule, struct names *names, int64_t until_ms)
{
    const struct value *known;
    const char *name;
    if (value->type == VALUE_UUID) {
        struct kp_uuid uuid;
        if (kp_uuid_parse(value->text, &uuid) && !kp_uuid_is_zero(uuid))
            become_name(value, names_assign(names, "id", value_copy(names->arena, value)), 0);
        return;
    }
    switch (rule ? rule->kind : RULE_NONE) {
    case RULE_TEXT:
        normalize_text(value, "text");
        break;
    case RULE_ID:
        if ((value->type == VALUE_INT && value->number >= rule->least) ||
            (value->type == VALUE_STRING && value->text.size))
            become_name(value, names_assign(names, rule->by, value_copy(names->arena, value)), 0);
        break;
    case RULE_MEMBER:
        if (value->type == VALUE_STRING) {
            name_member(value, rule->by, names);
            name_unique(value, names);
        }
        break;
    case RULE_SIZE:
        if (value->type == VALUE_INT && value->number >= rule->least)
            become_name(value, "size", 0);
        break;
    case RULE_KNOWN_ID:
        name = names_of(names, value);
        if (name)
            become_name(value, name, 0);
        break;
    case RULE_HOST:
    case RULE_PORT:
        known = names_get(names, rule->field);
        if (known && value_equal(known, value))
            become_name(value, rule->field, 0);
        break;
    case RULE_CLOCK:
        if (value->type == VALUE_INT && value->number >= names->began_ms - CLOCK_SLACK_MS &&
            value->number <= until_ms + CLOCK_SLACK_MS)
            become_name(value, "clock", 0);
        else if (value->type == VALUE_INT && value->number > names->began_ms - DAY_MS &&
                 value->number <= until_ms + DAY_MS)
            become_name(value, "t0", value->number - (names->began_ms - NAMES_T0_BEFORE_MS));
        break;
    case RULE_NONE:
    case RULE_UNORDERED:
        if (value->type == VALUE_STRING)
            name_unique(value, names);
        break;
    }
}

/* Lists are sorted before ids get their names, in order of appearance, and again behind that by ids that had names. */
static void normalize(struct value *value, const char *api, const char *field, struct names *names, int64_t until_ms)
{
    const struct rule *rule = rule_of(api, field);
    bool unordered = value->type == VALUE_LIST && rule && rule->kind == RULE_UNORDERED;
    if (unordered)
        sort_list(value, rule->by);
    if (value->type != VALUE_LIST && value->type != VALUE_OBJECT)
        normalize_leaf(value, rule, names, until_ms);
    for (struct value *item = value->first; item; item = item->next)
        normalize(item, api, item->key ? item->key : field, names, until_ms);
    if (unordered)
        sort_list(value, rule->by);
}

void answer_normalize(struct value *answer, const char *api, struct names *names, int64_t until_ms)
{
    normalize(answer, api, "", names, until_ms);
}

bool answer_tells_more(const char *api, const char *path, const struct value *wanted, const struct value *got)
{
    const char *field = strrchr(path, '.');
    return strcmp(api, "Produce") == 0 && field && strcmp(field, ".error_message") == 0 && wanted &&
           wanted->type == VALUE_NULL && got && got->type == VALUE_NAME && kp_string_is(got->text, "text");
}
