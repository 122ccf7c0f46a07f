/* The table of Apache Kafka 4.4.0's settings of groups. The broker's group.* settings are their defaults and bounds.
 * See resource_settings.h. */
#include "resource_settings.h"

#include <inttypes.h>
#include <string.h>

#define BOUNDS(prefix, name) prefix ".min." name, prefix ".max." name

/* clang-format off */
static const struct resource_setting settings[] = {
    {"consumer.assignment.interval.ms", CONFIG_INT, NULL, ">= 0", "group.consumer.assignment.interval.ms",
     BOUNDS("group.consumer", "assignment.interval.ms"), false,
     "Least time between two assignments of a consumer group's partitions."},
    {"consumer.assignor.offload.enable", CONFIG_BOOLEAN, NULL, NULL, "group.consumer.assignor.offload.enable",
     NULL, NULL, true, "Compute assignments of a consumer group outside of the coordinator's thread."},
    {"consumer.heartbeat.interval.ms", CONFIG_INT, NULL, ">= 1", "group.consumer.heartbeat.interval.ms",
     BOUNDS("group.consumer", "heartbeat.interval.ms"), false,
     "How often members of a consumer group are to send heartbeats."},
    {"consumer.session.timeout.ms", CONFIG_INT, NULL, ">= 1", "group.consumer.session.timeout.ms",
     BOUNDS("group.consumer", "session.timeout.ms"), false,
     "After how long without a heartbeat a member of a consumer group is taken for gone."},
    {"errors.deadletterqueue.copy.record.enable", CONFIG_BOOLEAN, "false", NULL, NULL, NULL, NULL, false,
     "Write key, value and headers of a record that a share group gives up into its dead letter queue."},
    {"errors.deadletterqueue.topic.name", CONFIG_STRING, "", NULL, NULL, NULL, NULL, false,
     "Topic that gets the records that a share group gives up; empty: none."},
    {"share.assignment.interval.ms", CONFIG_INT, NULL, ">= 0", "group.share.assignment.interval.ms",
     BOUNDS("group.share", "assignment.interval.ms"), false,
     "Least time between two assignments of a share group's partitions."},
    {"share.assignor.offload.enable", CONFIG_BOOLEAN, NULL, NULL, "group.share.assignor.offload.enable",
     NULL, NULL, true, "Compute assignments of a share group outside of the coordinator's thread."},
    {"share.auto.offset.reset", CONFIG_STRING, "latest", NULL, NULL, NULL, NULL, false,
     "Where a share group begins: earliest, latest, or by_duration: and an ISO 8601 duration before now."},
    {"share.delivery.count.limit", CONFIG_INT, NULL, ">= 2", "group.share.delivery.count.limit",
     BOUNDS("group.share", "delivery.count.limit"), false, "How often a record is handed to members of a share group."},
    {"share.heartbeat.interval.ms", CONFIG_INT, NULL, ">= 1", "group.share.heartbeat.interval.ms",
     BOUNDS("group.share", "heartbeat.interval.ms"), false,
     "How often members of a share group are to send heartbeats."},
    {"share.isolation.level", CONFIG_STRING, "read_uncommitted", "[read_committed, read_uncommitted]", NULL,
     NULL, NULL, false, "Whether a share group gets records of transactions that are open or aborted."},
    {"share.partition.max.record.locks", CONFIG_INT, NULL, ">= 100", "group.share.partition.max.record.locks",
     BOUNDS("group.share", "partition.max.record.locks"), false,
     "Records of a partition that may be with members of a share group at a time."},
    {"share.record.lock.duration.ms", CONFIG_INT, NULL, ">= 1000", "group.share.record.lock.duration.ms",
     BOUNDS("group.share", "record.lock.duration.ms"), false,
     "How long a member of a share group has for a record before another gets it."},
    {"share.renew.acknowledge.enable", CONFIG_BOOLEAN, "true", NULL, NULL, NULL, NULL, false,
     "Allow members of a share group to ask for more time for a record."},
    {"share.session.timeout.ms", CONFIG_INT, NULL, ">= 1", "group.share.session.timeout.ms",
     BOUNDS("group.share", "session.timeout.ms"), false,
     "After how long without a heartbeat a member of a share group is taken for gone."},
    {"streams.acceptable.recovery.lag", CONFIG_LONG, NULL, ">= 0", "group.streams.acceptable.recovery.lag",
     NULL, NULL, true, "How far behind a copy of a streams group's state may be to take over at once."},
    {"streams.assignment.interval.ms", CONFIG_INT, NULL, ">= 0", "group.streams.assignment.interval.ms",
     BOUNDS("group.streams", "assignment.interval.ms"), false,
     "Least time between two assignments of a streams group's tasks."},
    {"streams.assignor.name", CONFIG_STRING, NULL, NULL, "group.streams.assignors", NULL, NULL, false,
     "Which of group.streams.assignors assigns the tasks of a streams group."},
    {"streams.assignor.offload.enable", CONFIG_BOOLEAN, NULL, NULL, "group.streams.assignor.offload.enable",
     NULL, NULL, true, "Compute assignments of a streams group outside of the coordinator's thread."},
    {"streams.heartbeat.interval.ms", CONFIG_INT, NULL, ">= 1", "group.streams.heartbeat.interval.ms",
     BOUNDS("group.streams", "heartbeat.interval.ms"), false,
     "How often members of a streams group are to send heartbeats."},
    {"streams.initial.rebalance.delay.ms", CONFIG_INT, NULL, ">= 0", "group.streams.initial.rebalance.delay.ms",
     NULL, NULL, false, "How long a new streams group waits for more members before its first assignment."},
    {"streams.num.standby.replicas", CONFIG_INT, NULL, ">= 0", "group.streams.num.standby.replicas",
     NULL, "group.streams.max.standby.replicas", false, "Copies of each task's state that a streams group keeps."},
    {"streams.num.warmup.replicas", CONFIG_INT, NULL, ">= 0", "group.streams.num.warmup.replicas",
     NULL, "group.streams.max.warmup.replicas", true, "Copies of state that a streams group may build up at a time."},
    {"streams.rack.aware.assignment.tags", CONFIG_LIST, NULL, NULL, "group.streams.rack.aware.assignment.tags",
     NULL, NULL, false, "Tags of clients by which a streams group spreads its standby copies."},
    {"streams.session.timeout.ms", CONFIG_INT, NULL, ">= 1", "group.streams.session.timeout.ms",
     BOUNDS("group.streams", "session.timeout.ms"), false,
     "After how long without a heartbeat a member of a streams group is taken for gone."},
    {"streams.task.offset.interval.ms", CONFIG_INT, NULL, ">= 1", "group.streams.task.offset.interval.ms",
     "group.streams.min.task.offset.interval.ms", NULL, true,
     "How often members of a streams group tell the offsets of their tasks."},
};
/* clang-format on */

/* Duration of Java: P[nD][T[nH][nM][n[.n]S]] in any case, each with a sign of its own; and what is asked for here, that
 * it is above nothing. Returns false when it is none or is not positive. */
static bool is_positive_duration(const char *text)
{
    static const char units[] = "DTHMS";
    double total_s = 0, sign = 1;
    const double seconds[] = {86400, 0, 3600, 60, 1};
    size_t unit = 0, parts = 0;
    bool has_time = false, time_part = false;
    if (*text == '-' || *text == '+')
        sign = *text++ == '-' ? -1 : 1;
    if (*text != 'P' && *text != 'p')
        return false;
    for (text++; *text != '\0';) {
        if ((*text == 'T' || *text == 't') && !has_time) {
            has_time = true;
            unit = 2;
            text++;
            continue;
        }
        char number[32];
        size_t size = strspn(text, "+-0123456789.,");
        if (size == 0 || size >= sizeof number || text[size] == '\0')
            return false;
        memcpy(number, text, size);
        number[size] = '\0';
        char letter = (char)(text[size] & ~0x20);
        const char *found = strchr(units + unit, letter);
        char *end;
        double value = strtod(number, &end);
        bool whole = strpbrk(number, ".,") == NULL || letter == 'S';
        if (found == NULL || *found == '\0' || letter == 'T' || *end != '\0' || !whole || (!has_time && letter != 'D'))
            return false;
        total_s += value * seconds[found - units];
        unit = (size_t)(found - units) + 1;
        parts++;
        time_part = has_time;
        text += size + 1;
    }
    return parts > 0 && (!has_time || time_part) && sign * total_s > 0;
}

static struct outcome check_offset_reset(const struct topic_overrides *overrides)
{
    static const char prefix[] = "by_duration:";
    const char *text = topic_overrides_get(overrides, "share.auto.offset.reset");
    if (text == NULL || strcmp(text, "latest") == 0 || strcmp(text, "earliest") == 0)
        return ACCEPTED;
    if (strncmp(text, prefix, sizeof prefix - 1) == 0 && is_positive_duration(text + sizeof prefix - 1))
        return ACCEPTED;
    return refused(KAFKA_INVALID_CONFIG,
                   "share.auto.offset.reset must be latest, earliest, or by_duration:PnDTnHnMn.nS above nothing.");
}

static struct outcome check_session(const struct topic_overrides *overrides, const struct config *config,
                                    const char *session, const char *heartbeat, struct arena *arena)
{
    int64_t session_ms = resource_settings_number(&group_kind, overrides, config, session);
    int64_t heartbeat_ms = resource_settings_number(&group_kind, overrides, config, heartbeat);
    bool own = topic_overrides_get(overrides, session) != NULL || topic_overrides_get(overrides, heartbeat) != NULL;
    if (!own || session_ms > heartbeat_ms)
        return ACCEPTED;
    return refused(KAFKA_INVALID_CONFIG, arena_printf(arena, "%s (%" PRId64 ") must be above %s (%" PRId64 ").",
                                                      session, session_ms, heartbeat, heartbeat_ms));
}

static struct outcome check_assignor(const struct topic_overrides *overrides, const struct config *config)
{
    const char *name = topic_overrides_get(overrides, "streams.assignor.name");
    const char *known = config_text(config, config_find(kp_string_of("group.streams.assignors")));
    if (name == NULL || config_list_has(known, name, strlen(name)))
        return ACCEPTED;
    return refused(KAFKA_INVALID_CONFIG, "streams.assignor.name must be one of group.streams.assignors.");
}

static struct outcome check_tags(const struct topic_overrides *overrides)
{
    const char *text = topic_overrides_get(overrides, "streams.rack.aware.assignment.tags");
    return text != NULL && config_list_repeats(text)
               ? refused(KAFKA_INVALID_CONFIG, "streams.rack.aware.assignment.tags names a tag twice.")
               : ACCEPTED;
}

static struct outcome check_dead_letters(const struct topic_overrides *overrides)
{
    const char *name = topic_overrides_get(overrides, "errors.deadletterqueue.topic.name");
    return name != NULL && strncmp(name, "__", 2) == 0
               ? refused(KAFKA_INVALID_CONFIG, "errors.deadletterqueue.topic.name must not begin with __.")
               : ACCEPTED;
}

static struct outcome check_group(const struct topic_overrides *overrides, const struct config *config,
                                  struct arena *arena)
{
    const struct outcome outcomes[] = {
        check_offset_reset(overrides),
        check_session(overrides, config, "consumer.session.timeout.ms", "consumer.heartbeat.interval.ms", arena),
        check_session(overrides, config, "share.session.timeout.ms", "share.heartbeat.interval.ms", arena),
        check_session(overrides, config, "streams.session.timeout.ms", "streams.heartbeat.interval.ms", arena),
        check_assignor(overrides, config),
        check_tags(overrides),
        check_dead_letters(overrides),
    };
    for (size_t i = 0; i < COUNT_OF(outcomes); i++) {
        if (outcomes[i].error != KAFKA_NONE)
            return outcomes[i];
    }
    return ACCEPTED;
}

const struct resource_kind group_kind = {
    .type = RESOURCE_GROUP,
    .noun = "group",
    .dynamic_source = CONFIG_DYNAMIC_GROUP,
    .default_is_synonym = true,
    .unknown = KAFKA_INVALID_CONFIG,
    .out_of_range = KAFKA_INVALID_CONFIG,
    .settings = settings,
    .settings_count = (int)COUNT_OF(settings),
    .check = check_group,
};
