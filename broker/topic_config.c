/* The table of topic settings, and how a topic's values are checked, changed, combined and described.
 *
 * The names, types, defaults, ranges and synonyms are those of Apache Kafka 4.4.0. A synonym may itself be one of
 * several broker settings of one quantity (log.retention.ms, .minutes, .hours): config_synonym_rows() knows them, and
 * the first that has a value counts, in its own unit. */
#include "topic_config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* clang-format off */
const struct topic_config_definition topic_config_definitions[] = {
    {"cleanup.policy", CONFIG_LIST, "delete", "[compact, delete]", "log.cleanup.policy", false, CONFIG_SERVED,
     "What happens to old records: delete removes old segments; compact keeps the newest of each key, which it demands."},
    {"compression.gzip.level", CONFIG_INT, "-1", "-1 or 1 to 9", "compression.gzip.level", false, CONFIG_SERVED,
     "Level when batches are recompressed with gzip; -1 is zlib's own choice."},
    {"compression.lz4.level", CONFIG_INT, "9", "1 to 17", "compression.lz4.level", false, CONFIG_SERVED,
     "Level when batches are recompressed with lz4."},
    {"compression.type", CONFIG_STRING,
     "producer", "[uncompressed, zstd, lz4, snappy, gzip, producer]", "compression.type", false, CONFIG_SERVED,
     "Codec that batches are stored with; producer keeps what the producer chose."},
    {"compression.zstd.level", CONFIG_INT, "3", "-131072 to 22", "compression.zstd.level", false, CONFIG_SERVED,
     "Level when batches are recompressed with zstd."},
    {"delete.retention.ms", CONFIG_LONG, "86400000", ">= 0", "log.cleaner.delete.retention.ms", false, CONFIG_SERVED,
     "How long delete markers stay in a compacted log."},
    {"errors.deadletterqueue.group.enable", CONFIG_BOOLEAN, "false", NULL, NULL, false, CONFIG_LATER,
     "Allow share groups to use this topic as their dead letter queue."},
    {"file.delete.delay.ms", CONFIG_LONG, "60000", ">= 0", "log.segment.delete.delay.ms", false, CONFIG_SERVED,
     "Time between the removal of a segment and that of its files."},
    {"flush.messages", CONFIG_LONG, "9223372036854775807", ">= 1", "log.flush.interval.messages", false, CONFIG_SERVED,
     "Records after which an append is synced before it is answered."},
    {"flush.ms", CONFIG_LONG, "9223372036854775807", ">= 0", "log.flush.interval.ms", false, CONFIG_SERVED,
     "Time after which appended records are synced."},
    {"follower.replication.throttled.replicas", CONFIG_LIST,
     "", "* or PARTITION:BROKER,...", NULL, false, CONFIG_UNUSED,
     "Replicas whose following is throttled. Without meaning on a single node."},
    {"index.interval.bytes", CONFIG_INT, "4096", ">= 0", "log.index.interval.bytes", false, CONFIG_SERVED,
     "Bytes of records between two entries of the offset index."},
    {"internal.segment.bytes", CONFIG_INT, NULL, NULL, NULL, true, CONFIG_SERVED,
     "Size at which a new segment starts, below what segment.bytes allows. For tests."},
    {"leader.replication.throttled.replicas", CONFIG_LIST, "", "* or PARTITION:BROKER,...", NULL, false, CONFIG_UNUSED,
     "Replicas whose leading is throttled. Without meaning on a single node."},
    {"local.retention.bytes", CONFIG_LONG, "-2", ">= -2", "log.local.retention.bytes", false, CONFIG_LATER,
     "Bytes kept on this disk when the topic has tiered storage."},
    {"local.retention.ms", CONFIG_LONG, "-2", ">= -2", "log.local.retention.ms", false, CONFIG_LATER,
     "Time for which records are kept on this disk when the topic has tiered storage."},
    {"max.compaction.lag.ms", CONFIG_LONG,
     "9223372036854775807", ">= 1", "log.cleaner.max.compaction.lag.ms", false, CONFIG_SERVED,
     "Longest time that a record may wait to be compacted."},
    {"max.decompressed.message.bytes", CONFIG_INT,
     "2147483639", "1 to 2147483639", "max.decompressed.message.bytes", false, CONFIG_SERVED,
     "Largest size of one record inside a compressed batch, decompressed."},
    {"max.message.bytes", CONFIG_INT, "1048588", ">= 0", "message.max.bytes", false, CONFIG_SERVED,
     "Largest record batch, as it arrives."},
    {"message.timestamp.after.max.ms", CONFIG_LONG,
     "3600000", ">= 0", "log.message.timestamp.after.max.ms", false, CONFIG_SERVED,
     "How far a record's create time may lie ahead of the broker's clock."},
    {"message.timestamp.before.max.ms", CONFIG_LONG,
     "9223372036854775807", ">= 0", "log.message.timestamp.before.max.ms", false, CONFIG_SERVED,
     "How far a record's create time may lie behind the broker's clock."},
    {"message.timestamp.type", CONFIG_STRING,
     "CreateTime", "[CreateTime, LogAppendTime]", "log.message.timestamp.type", false, CONFIG_SERVED,
     "Whose clock stamps the records: the producer's (CreateTime) or the broker's (LogAppendTime)."},
    {"min.cleanable.dirty.ratio", CONFIG_DOUBLE,
     "0.5", "0 to 1", "log.cleaner.min.cleanable.ratio", false, CONFIG_SERVED,
     "Least share of uncompacted bytes at which the log is compacted."},
    {"min.compaction.lag.ms", CONFIG_LONG, "0", ">= 0", "log.cleaner.min.compaction.lag.ms", false, CONFIG_SERVED,
     "Time for which a record is not compacted."},
    {"min.insync.replicas", CONFIG_INT, "1", ">= 1", "min.insync.replicas", false, CONFIG_SERVED,
     "Replicas that must have a record before acks=all is answered, but no more than a partition has: here 1."},
    {"preallocate", CONFIG_BOOLEAN, "false", NULL, "log.preallocate", false, CONFIG_UNUSED,
     "Accepted; files always have their true size, which Kafka reads as well."},
    {"remote.copy.lag.bytes", CONFIG_LONG, "-1", ">= -1", "log.remote.copy.lag.bytes", false, CONFIG_LATER,
     "Bytes of closed segments that may wait to be copied to tiered storage."},
    {"remote.copy.lag.ms", CONFIG_LONG, "0", ">= -1", "log.remote.copy.lag.ms", false, CONFIG_LATER,
     "Time for which a closed segment may wait to be copied to tiered storage."},
    {"remote.log.copy.disable", CONFIG_BOOLEAN, "false", NULL, NULL, false, CONFIG_LATER,
     "Copy no more segments to tiered storage."},
    {"remote.log.delete.on.disable", CONFIG_BOOLEAN, "false", NULL, NULL, false, CONFIG_LATER,
     "Delete what is in tiered storage when it is turned off for the topic."},
    {"remote.storage.enable", CONFIG_BOOLEAN, "false", NULL, NULL, false, CONFIG_REFUSED_TIERED,
     "Keep old segments in tiered storage, which is not served."},
    {"retention.bytes", CONFIG_LONG, "-1", NULL, "log.retention.bytes", false, CONFIG_SERVED,
     "Bytes of a partition above which old segments are deleted; -1: no limit."},
    {"retention.ms", CONFIG_LONG, "604800000", ">= -1", "log.retention.ms", false, CONFIG_SERVED,
     "Milliseconds that records are kept; -1: no limit."},
    {"segment.bytes", CONFIG_INT, "1073741824", ">= 1048576", "log.segment.bytes", false, CONFIG_SERVED,
     "Size at which a new segment starts."},
    {"segment.index.bytes", CONFIG_INT, "10485760", ">= 4", "log.index.size.max.bytes", false, CONFIG_SERVED,
     "Largest size of an index file; a full one starts a new segment."},
    {"segment.jitter.ms", CONFIG_LONG, "0", ">= 0", "log.roll.jitter.ms", false, CONFIG_SERVED,
     "Milliseconds by which segments start earlier at random."},
    {"segment.ms", CONFIG_LONG, "604800000", ">= 1", "log.roll.ms", false, CONFIG_SERVED,
     "Milliseconds after which a new segment starts."},
    {"unclean.leader.election.enable", CONFIG_BOOLEAN,
     "false", NULL, "unclean.leader.election.enable", false, CONFIG_UNUSED,
     "Let a replica lead that lacks records. Without meaning on a single node."},
};
/* clang-format on */

const int topic_config_definitions_count = (int)COUNT_OF(topic_config_definitions);

static bool fail(char *error, const char *format, ...) PRINTF_LIKE(2, 3);
static bool fail(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, CONFIG_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

int topic_config_find(struct kp_string name)
{
    for (int i = 0; i < topic_config_definitions_count; i++) {
        if (kp_string_is(name, topic_config_definitions[i].name)) {
            return i;
        }
    }
    return -1;
}

/* ---- overrides --------------------------------------------------------------------------------------------------- */

/* The place of `name`, or where it would be; *found says which. */
static int32_t override_place(const struct topic_overrides *overrides, const char *name, bool *found)
{
    int32_t place = 0;
    int order = 1;
    while (place < overrides->count && (order = strcmp(name, overrides->items[place].name)) > 0) {
        place++;
    }
    *found = place < overrides->count && order == 0;
    return place;
}

const char *topic_overrides_get(const struct topic_overrides *overrides, const char *name)
{
    bool found = false;
    int32_t place = overrides == NULL ? 0 : override_place(overrides, name, &found);
    return found ? overrides->items[place].value : NULL;
}

size_t topic_overrides_bytes(const struct topic_overrides *overrides)
{
    size_t bytes = 0;
    for (int32_t i = 0; i < overrides->count; i++)
        bytes += topic_override_bytes(strlen(overrides->items[i].name), strlen(overrides->items[i].value));
    return bytes;
}

void topic_overrides_set(struct topic_overrides *overrides, const char *name, const char *value)
{
    bool found;
    int32_t place = override_place(overrides, name, &found);
    struct topic_override *items = overrides->items;
    size_t behind = (size_t)(overrides->count - place);
    if (found && value != NULL) {
        char *copy = xstrdup(value); /* `value` may be the old one */
        free(items[place].value);
        items[place].value = copy;
    } else if (found) {
        free(items[place].name);
        free(items[place].value);
        memmove(&items[place], &items[place + 1], (behind - 1) * sizeof *items);
        overrides->count--;
    } else if (value != NULL) {
        items = xrealloc(items, (size_t)(overrides->count + 1) * sizeof *items);
        memmove(&items[place + 1], &items[place], behind * sizeof *items);
        items[place] = (struct topic_override){.name = xstrdup(name), .value = xstrdup(value)};
        overrides->items = items;
        overrides->count++;
    }
}

void topic_overrides_set_number(struct topic_overrides *overrides, const char *name, int32_t number)
{
    char text[16];
    snprintf(text, sizeof text, "%" PRId32, number);
    topic_overrides_set(overrides, name, text);
}

void topic_overrides_copy(struct topic_overrides *to, const struct topic_overrides *from)
{
    *to = (struct topic_overrides){.count = from->count};
    to->items = xcalloc((size_t)from->count, sizeof *to->items);
    for (int32_t i = 0; i < from->count; i++) {
        to->items[i] = (struct topic_override){xstrdup(from->items[i].name), xstrdup(from->items[i].value)};
    }
}

void topic_overrides_release(struct topic_overrides *overrides)
{
    for (int32_t i = 0; i < overrides->count; i++) {
        free(overrides->items[i].name);
        free(overrides->items[i].value);
    }
    free(overrides->items);
    *overrides = (struct topic_overrides){0};
}

/* A C string of a string that is not terminated. A zero inside would cut it, so it is refused. */
static char *copy_string(struct kp_string string)
{
    if (string.size < 0 || memchr(string.data, '\0', (size_t)string.size) != NULL) {
        return NULL;
    }
    char *copy = xcalloc((size_t)string.size + 1, 1);
    memcpy(copy, string.data, (size_t)string.size);
    return copy;
}

/* The canonical list that a topic has, or the table's default. */
static char *current_list(const struct topic_overrides *overrides, const struct topic_config_definition *definition)
{
    const char *own = topic_overrides_get(overrides, definition->name);
    struct config_value value;
    char error[CONFIG_ERROR_SIZE];
    return own != NULL && config_value_parse(CONFIG_LIST, NULL, own, &value, error) ? value.text
                                                                                    : xstrdup(definition->default_text);
}

bool topic_config_is_list(struct kp_string name)
{
    int setting = topic_config_find(name);
    return setting >= 0 && topic_config_definitions[setting].type == CONFIG_LIST;
}

bool topic_overrides_alter(struct topic_overrides *overrides, enum config_operation operation, struct kp_string name,
                           struct kp_string value, char *error)
{
    int setting = topic_config_find(name);
    if (operation == CONFIG_DELETE) { /* also of a name that is not known: a newer Kafka may have set it */
        char *copy = copy_string(name);
        if (copy != NULL) {
            topic_overrides_set(overrides, copy, NULL);
        }
        free(copy);
        return true;
    }
    if (setting < 0) {
        return fail(error, "Unknown topic config name: %.*s", name.size > 0 ? (int)name.size : 0, name.data);
    }
    const struct topic_config_definition *definition = &topic_config_definitions[setting];
    if ((operation == CONFIG_APPEND || operation == CONFIG_SUBTRACT) && definition->type != CONFIG_LIST) {
        return fail(error, "%s is no list: its value can be set, not appended to or subtracted from", definition->name);
    }
    char *text = copy_string(value);
    struct config_value parsed = {0};
    char why[CONFIG_ERROR_SIZE];
    bool any_goes = text != NULL && operation == CONFIG_SUBTRACT; /* what is not in the list stays out of it */
    if (!any_goes && (text == NULL || !config_value_parse(definition->type, definition->allowed, text, &parsed, why))) {
        bool no_text = text == NULL;
        fail(error, "Invalid value %.200s for %s: %.200s", no_text ? "null" : text, definition->name,
             no_text ? "must be text" : why);
        free(text);
        return false;
    }
    if (operation == CONFIG_SET) {
        topic_overrides_set(overrides, definition->name, text);
    } else {
        char *old = current_list(overrides, definition);
        char *changed = config_list_change(old, any_goes ? text : parsed.text, operation == CONFIG_APPEND);
        topic_overrides_set(overrides, definition->name, changed);
        free(old);
        free(changed);
    }
    free(parsed.text);
    free(text);
    return true;
}

/* ---- what counts ------------------------------------------------------------------------------------------------- */

/* Milliseconds of one unit of a setting named .hours or .minutes; 1 for all others. */
static int64_t unit_of(const char *name)
{
    const char *unit = strrchr(name, '.');
    return strcmp(unit, ".hours") == 0 ? 3600000 : strcmp(unit, ".minutes") == 0 ? 60000 : 1;
}

/* The broker's text for the setting and its unit: NULL when the table's default counts. */
static const char *broker_text(const struct config *config, const struct topic_config_definition *definition,
                               int64_t *unit)
{
    *unit = 1;
    if (definition->synonym == NULL) {
        return NULL;
    }
    int rows[CONFIG_SYNONYM_NAMES_MAX];
    int count = config_synonym_rows(config_find(kp_string_of(definition->synonym)), rows);
    for (int i = 0; i < count; i++) {
        const char *text = config_text(config, rows[i]);
        if (text != NULL) {
            *unit = unit_of(config_definitions[rows[i]].name);
            return text;
        }
    }
    return NULL;
}

/* The value that counts for a row; value->text is malloc'ed, or NULL for null. */
static struct config_value effective_value(const struct config *config, const struct topic_overrides *overrides,
                                           const struct topic_config_definition *definition)
{
    struct config_value value = {0};
    char error[CONFIG_ERROR_SIZE];
    const char *own = topic_overrides_get(overrides, definition->name);
    if (own != NULL && config_value_parse(definition->type, definition->allowed, own, &value, error)) {
        return value;
    }
    int64_t unit;
    const char *text = broker_text(config, definition, &unit);
    text = text != NULL ? text : definition->default_text;
    if (text == NULL) {
        return value;
    }
    bool parsed = config_value_parse(definition->type, NULL, text, &value, error);
    ASSERT(parsed);
    if (unit != 1 || (value.integer < 0 && strcmp(definition->name, "retention.ms") == 0)) {
        value.integer = value.integer < 0 ? -1 : value.integer * unit; /* hours are an int: no overflow */
        free(value.text);
        value.text = xcalloc(1, CONFIG_DOUBLE_SIZE);
        snprintf(value.text, CONFIG_DOUBLE_SIZE, "%" PRId64, value.integer);
    }
    return value;
}

static struct config_value value_of(const struct config *config, const struct topic_overrides *overrides,
                                    const char *name)
{
    int setting = topic_config_find(kp_string_of(name));
    ASSERT(setting >= 0);
    return effective_value(config, overrides, &topic_config_definitions[setting]);
}

static int64_t number_of(const struct config *config, const struct topic_overrides *overrides, const char *name)
{
    struct config_value value = value_of(config, overrides, name);
    free(value.text);
    return value.integer;
}

static int32_t int_of(const struct config *config, const struct topic_overrides *overrides, const char *name)
{
    return (int32_t)number_of(config, overrides, name);
}

static double real_of(const struct config *config, const struct topic_overrides *overrides, const char *name)
{
    struct config_value value = value_of(config, overrides, name);
    free(value.text);
    return value.real;
}

static bool text_has(const struct config *config, const struct topic_overrides *overrides, const char *name,
                     const char *item)
{
    struct config_value value = value_of(config, overrides, name);
    bool has = config_list_has(value.text, item, strlen(item));
    free(value.text);
    return has;
}

static enum codec codec_of(const struct config *config, const struct topic_overrides *overrides)
{
    static const struct {
        const char *name;
        enum codec codec;
    } codecs[] = {
        {"uncompressed", CODEC_NONE  },
        {"gzip",         CODEC_GZIP  },
        {"snappy",       CODEC_SNAPPY},
        {"lz4",          CODEC_LZ4   },
        {"zstd",         CODEC_ZSTD  },
    };
    for (size_t i = 0; i < COUNT_OF(codecs); i++) {
        if (text_has(config, overrides, "compression.type", codecs[i].name)) {
            return codecs[i].codec;
        }
    }
    return CODEC_PRODUCER;
}

void topic_config_effective(const struct config *config, const struct topic_overrides *overrides,
                            struct log_config *log_config)
{
    int32_t internal_segment_bytes = int_of(config, overrides, "internal.segment.bytes"); /* 0 when null */
    bool log_append_time = text_has(config, overrides, "message.timestamp.type", "LogAppendTime");
    *log_config = (struct log_config){
        .segment_bytes =
            internal_segment_bytes > 0 ? internal_segment_bytes : int_of(config, overrides, "segment.bytes"),
        .segment_ms = number_of(config, overrides, "segment.ms"),
        .segment_jitter_ms = number_of(config, overrides, "segment.jitter.ms"),
        .segment_index_bytes = int_of(config, overrides, "segment.index.bytes"),
        .index_interval_bytes = int_of(config, overrides, "index.interval.bytes"),
        .flush_messages = number_of(config, overrides, "flush.messages"),
        .flush_ms = number_of(config, overrides, "flush.ms"),
        .retention_ms = number_of(config, overrides, "retention.ms"),
        .retention_bytes = number_of(config, overrides, "retention.bytes"),
        .file_delete_delay_ms = number_of(config, overrides, "file.delete.delay.ms"),
        .cleanup_delete = text_has(config, overrides, "cleanup.policy", "delete"),
        .cleanup_compact = text_has(config, overrides, "cleanup.policy", "compact"),
        .min_cleanable_dirty_ratio = real_of(config, overrides, "min.cleanable.dirty.ratio"),
        .delete_retention_ms = number_of(config, overrides, "delete.retention.ms"),
        .min_compaction_lag_ms = number_of(config, overrides, "min.compaction.lag.ms"),
        .max_compaction_lag_ms = number_of(config, overrides, "max.compaction.lag.ms"),
        .rules =
            {
                    .max_message_bytes = int_of(config, overrides, "max.message.bytes"),
                    .max_decompressed_message_bytes = int_of(config, overrides, "max.decompressed.message.bytes"),
                    .timestamp_type = log_append_time ? TIMESTAMP_LOG_APPEND_TIME : TIMESTAMP_CREATE_TIME,
                    .timestamp_before_max_ms = number_of(config, overrides, "message.timestamp.before.max.ms"),
                    .timestamp_after_max_ms = number_of(config, overrides, "message.timestamp.after.max.ms"),
                    .codec = codec_of(config, overrides),
                    .gzip_level = int_of(config, overrides, "compression.gzip.level"),
                    .lz4_level = int_of(config, overrides, "compression.lz4.level"),
                    .zstd_level = int_of(config, overrides, "compression.zstd.level"),
                    .keys_required = text_has(config, overrides, "cleanup.policy", "compact"),
                    },
    };
}

bool topic_overrides_check(const struct topic_overrides *overrides, const struct config *config, char *error)
{
    for (int32_t i = 0; i < overrides->count; i++) {
        const struct topic_override *item = &overrides->items[i];
        int setting = topic_config_find(kp_string_of(item->name));
        if (setting < 0) {
            return fail(error, "Unknown topic config name: %s", item->name);
        }
        const struct topic_config_definition *definition = &topic_config_definitions[setting];
        struct config_value value;
        char why[CONFIG_ERROR_SIZE];
        if (!config_value_parse(definition->type, definition->allowed, item->value, &value, why)) {
            return fail(error, "Invalid value %.200s for %s: %.200s", item->value, item->name, why);
        }
        bool refused = definition->effect == CONFIG_REFUSED_TIERED && strcmp(value.text, definition->default_text) != 0;
        free(value.text);
        if (refused) {
            return fail(error, "Invalid value %.200s for %s: tiered storage is not served", item->value, item->name);
        }
    }
    int64_t least_lag_ms = number_of(config, overrides, "min.compaction.lag.ms");
    int64_t most_lag_ms = number_of(config, overrides, "max.compaction.lag.ms");
    if (least_lag_ms > most_lag_ms) {
        return fail(error, "min.compaction.lag.ms (%" PRId64 ") must not be above max.compaction.lag.ms (%" PRId64 ")",
                    least_lag_ms, most_lag_ms);
    }
    return true;
}

/* ---- DescribeConfigs --------------------------------------------------------------------------------------------- */

bool topic_config_describe(const struct config *config, const struct topic_overrides *overrides, int setting,
                           struct arena *arena, struct config_entry *entry)
{
    const struct topic_config_definition *definition = &topic_config_definitions[setting];
    struct config_value value = effective_value(config, overrides, definition);
    int rows[CONFIG_SYNONYM_NAMES_MAX];
    int rows_count =
        definition->synonym == NULL ? 0 : config_synonym_rows(config_find(kp_string_of(definition->synonym)), rows);
    size_t synonyms_max = 1 + (size_t)(CONFIG_LAYERS + 1) * (size_t)rows_count;
    *entry = (struct config_entry){
        .name = definition->name,
        .value = value.text == NULL ? NULL : arena_copy(arena, value.text, strlen(value.text)),
        .type = definition->type,
        .documentation = definition->documentation,
        .synonyms = arena_calloc(arena, synonyms_max, sizeof *entry->synonyms),
    };
    bool complete = entry->synonyms != NULL && (entry->value != NULL || value.text == NULL);
    free(value.text);
    if (!complete) {
        return false;
    }
    if (topic_overrides_get(overrides, definition->name) != NULL) {
        entry->synonyms[entry->synonyms_count++] =
            (struct config_synonym){.name = definition->name, .value = entry->value, .source = CONFIG_DYNAMIC_TOPIC};
    }
    if (rows_count > 0) {
        entry->synonyms_count += config_list_synonyms(config, definition->synonym, rows, rows_count,
                                                      &entry->synonyms[entry->synonyms_count]);
    }
    entry->source = entry->synonyms_count > 0 ? entry->synonyms[0].source : CONFIG_DEFAULT;
    return true;
}
