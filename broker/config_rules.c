/* Rules that concern several settings. See config_rules.h.
 *
 * Most are orders: one number is not to be above another. The others are functions, one a rule. That a minimum is not
 * above its maximum needs no row: what lies between them has one with each. */
#include "config_rules.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

/* ---- by name ----------------------------------------------------------------------------------------------------- */

int config_row_of(const char *name)
{
    int setting = config_find(kp_string_of(name));
    ASSERT(setting >= 0);
    return setting;
}

const char *config_text_of(const struct config *config, const char *name)
{
    return config_text(config, config_row_of(name));
}

bool config_is_set(const struct config *config, const char *name)
{
    return config_text_source(config, config_row_of(name)) != CONFIG_DEFAULT;
}

bool config_fail(const struct config *config, const char *name, char *error, const char *format, ...)
{
    char why[CONFIG_ERROR_SIZE / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    const char *origin = config->settings[config_row_of(name)].origin;
    snprintf(error, CONFIG_ERROR_SIZE, "%s: %s=%s: %s", origin != NULL ? origin : "default", name,
             config_text_of(config, name), why);
    return false;
}

static int64_t number_of(const struct config *config, const char *name)
{
    return strtoll(config_text_of(config, name), NULL, 10);
}

static bool list_has(const struct config *config, const char *name, const char *item)
{
    const char *list = config_text_of(config, name);
    return list != NULL && config_list_has(list, item, strlen(item));
}

/* ---- orders ------------------------------------------------------------------------------------------------------ */

static const struct order {
    const char *lesser, *greater;
    bool may_be_equal;
} orders[] = {
    {"group.consumer.heartbeat.interval.ms",       "group.consumer.max.heartbeat.interval.ms",   true },
    {"group.consumer.min.heartbeat.interval.ms",   "group.consumer.heartbeat.interval.ms",       true },
    {"group.consumer.session.timeout.ms",          "group.consumer.max.session.timeout.ms",      true },
    {"group.consumer.min.session.timeout.ms",      "group.consumer.session.timeout.ms",          true },
    {"group.consumer.heartbeat.interval.ms",       "group.consumer.session.timeout.ms",          false},
    {"group.consumer.assignment.interval.ms",      "group.consumer.max.assignment.interval.ms",  true },
    {"group.consumer.min.assignment.interval.ms",  "group.consumer.assignment.interval.ms",      true },
    {"group.share.heartbeat.interval.ms",          "group.share.max.heartbeat.interval.ms",      true },
    {"group.share.min.heartbeat.interval.ms",      "group.share.heartbeat.interval.ms",          true },
    {"group.share.session.timeout.ms",             "group.share.max.session.timeout.ms",         true },
    {"group.share.min.session.timeout.ms",         "group.share.session.timeout.ms",             true },
    {"group.share.heartbeat.interval.ms",          "group.share.session.timeout.ms",             false},
    {"group.share.assignment.interval.ms",         "group.share.max.assignment.interval.ms",     true },
    {"group.share.min.assignment.interval.ms",     "group.share.assignment.interval.ms",         true },
    {"group.share.delivery.count.limit",           "group.share.max.delivery.count.limit",       true },
    {"group.share.min.delivery.count.limit",       "group.share.delivery.count.limit",           true },
    {"group.share.partition.max.record.locks",     "group.share.max.partition.max.record.locks", true },
    {"group.share.min.partition.max.record.locks", "group.share.partition.max.record.locks",     true },
    {"group.share.record.lock.duration.ms",        "group.share.max.record.lock.duration.ms",    true },
    {"group.share.min.record.lock.duration.ms",    "group.share.record.lock.duration.ms",        true },
    {"group.share.max.size",                       "group.share.max.share.sessions",             true },
    {"group.streams.heartbeat.interval.ms",        "group.streams.max.heartbeat.interval.ms",    true },
    {"group.streams.min.heartbeat.interval.ms",    "group.streams.heartbeat.interval.ms",        true },
    {"group.streams.session.timeout.ms",           "group.streams.max.session.timeout.ms",       true },
    {"group.streams.min.session.timeout.ms",       "group.streams.session.timeout.ms",           true },
    {"group.streams.heartbeat.interval.ms",        "group.streams.session.timeout.ms",           false},
    {"group.streams.assignment.interval.ms",       "group.streams.max.assignment.interval.ms",   true },
    {"group.streams.min.assignment.interval.ms",   "group.streams.assignment.interval.ms",       true },
    {"group.streams.num.standby.replicas",         "group.streams.max.standby.replicas",         true },
    {"group.streams.num.warmup.replicas",          "group.streams.max.warmup.replicas",          true },
    {"group.streams.min.task.offset.interval.ms",  "group.streams.task.offset.interval.ms",      true },
    {"replica.fetch.wait.max.ms",                  "replica.lag.time.max.ms",                    true },
    {"replica.fetch.wait.max.ms",                  "replica.socket.timeout.ms",                  true },
};

/* Blames the setting that was written. */
static bool check_order(const struct config *config, const struct order *order, char *error)
{
    int64_t lesser = number_of(config, order->lesser);
    int64_t greater = number_of(config, order->greater);
    if (lesser < greater || (lesser == greater && order->may_be_equal)) {
        return true;
    }
    if (config_is_set(config, order->lesser)) {
        return config_fail(config, order->lesser, error, "must be %s %s, which is %" PRId64,
                           order->may_be_equal ? "no more than" : "less than", order->greater, greater);
    }
    return config_fail(config, order->greater, error, "must be %s %s, which is %" PRId64,
                       order->may_be_equal ? "at least" : "more than", order->lesser, lesser);
}

/* ---- sizes and times --------------------------------------------------------------------------------------------- */

static bool check_queued_bytes(const struct config *config, char *error)
{
    if (config->queued_max_request_bytes <= 0 || config->queued_max_request_bytes >= config->socket_request_max_bytes) {
        return true;
    }
    return config_fail(config, "queued.max.request.bytes", error,
                       "must be -1, or at least socket.request.max.bytes, which is %" PRId32,
                       config->socket_request_max_bytes);
}

/* The finest of the three that is set counts, and the others may be anything. */
static bool check_retention(const struct config *config, char *error)
{
    static const char *const names[] = {"log.retention.ms", "log.retention.minutes", "log.retention.hours"};
    size_t i = 0;
    while (config_text_of(config, names[i]) == NULL) {
        i++;
    }
    return strcmp(config_text_of(config, names[i]), "0") != 0 ||
           config_fail(config, names[i], error, "must be at least 1, or -1 for no limit");
}

/* Each of the cleaner's threads needs more than a mebibyte of the memory for keys. */
static bool check_cleaner(const struct config *config, char *error)
{
    int64_t threads = number_of(config, "log.cleaner.threads");
    if (threads == 0) {
        return config_fail(config, "log.cleaner.threads", error, "must be at least 1");
    }
    if (number_of(config, "log.cleaner.dedupe.buffer.size") / threads > 1048576) {
        return true;
    }
    return config_fail(config, "log.cleaner.dedupe.buffer.size", error,
                       "must be more than 1048576 for each of log.cleaner.threads, which is %" PRId64, threads);
}

/* The answer to who failed to authenticate is delayed, and must not be cut off. */
static bool check_idle(const struct config *config, char *error)
{
    int64_t delay_ms = number_of(config, "connection.failed.authentication.delay.ms");
    if (config->connections_max_idle_ms < 0 || delay_ms < config->connections_max_idle_ms) {
        return true;
    }
    return config_fail(config, "connections.max.idle.ms", error,
                       "must be more than connection.failed.authentication.delay.ms, which is %" PRId64
                       ", or negative for no limit",
                       delay_ms);
}

/* ---- connections of an address ----------------------------------------------------------------------------------- */

static bool check_connections_per_ip(const struct config *config, char *error)
{
    return config->max_connections_per_ip > 0 || *config->max_connections_per_ip_overrides != '\0' ||
           config_fail(config, "max.connections.per.ip", error,
                       "must be at least 1, or max.connections.per.ip.overrides must be set");
}

/* ---- roles and the controllers ----------------------------------------------------------------------------------- */

/* HOST:PORT in text of `size` characters, or PROTOCOL://HOST:PORT. */
static bool is_address(const char *text, size_t size)
{
    const char *protocol_end = memmem(text, size, "://", 3);
    if (protocol_end != NULL) {
        size -= (size_t)(protocol_end + 3 - text);
        text = protocol_end + 3;
    }
    const char *colon = memrchr(text, ':', size);
    if (colon == NULL || colon + 1 == text + size) {
        return false;
    }
    for (const char *at = text; at < colon; at++) {
        if (!isalnum((unsigned char)*at) && strchr("-%._:[]", *at) == NULL) {
            return false;
        }
    }
    size_t digits = strspn(colon + 1, "0123456789");
    return digits == size - (size_t)(colon + 1 - text) && digits <= 5 && strtol(colon + 1, NULL, 10) <= UINT16_MAX;
}

/* ID@HOST:PORT. */
static bool is_voter(const char *text, size_t size)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits < size && text[digits] == '@' && is_address(text + digits + 1, size - digits - 1);
}

/* This node votes for itself alone, and needs neither; but what is written is to be of use. */
static bool check_quorum(const struct config *config, char *error)
{
    const char *item;
    size_t size;
    const char *rest = config_text_of(config, "controller.quorum.bootstrap.servers");
    while (config_list_next(&rest, &item, &size)) {
        if (!is_address(item, size)) {
            return config_fail(config, "controller.quorum.bootstrap.servers", error, "\"%.*s\" is not HOST:PORT",
                               (int)size, item);
        }
    }
    rest = config_text_of(config, "controller.quorum.voters");
    bool is_among_them = *rest == '\0';
    while (config_list_next(&rest, &item, &size)) {
        if (!is_voter(item, size)) {
            return config_fail(config, "controller.quorum.voters", error, "\"%.*s\" is not ID@HOST:PORT", (int)size,
                               item);
        }
        is_among_them |= strtol(item, NULL, 10) == config->node_id;
    }
    return is_among_them || config_fail(config, "controller.quorum.voters", error,
                                        "node.id, which is %" PRId32 ", must be among them", config->node_id);
}

static bool check_roles(const struct config *config, char *error)
{
    if (!list_has(config, "process.roles", "broker")) {
        return config_fail(config, "process.roles", error, "broker must be among them");
    }
    if (!list_has(config, "group.coordinator.rebalance.protocols", "classic")) {
        return config_fail(config, "group.coordinator.rebalance.protocols", error, "classic must be among them");
    }
    if (config_is_set(config, "inter.broker.listener.name") &&
        config_is_set(config, "security.inter.broker.protocol")) {
        return config_fail(config, "security.inter.broker.protocol", error,
                           "only one of this and inter.broker.listener.name may be set");
    }
    if (strcmp(config_text_of(config, "security.inter.broker.protocol"), "PLAINTEXT") != 0) {
        return config_fail(config, "security.inter.broker.protocol", error, "only PLAINTEXT is served yet");
    }
    return true;
}

/* ---- lists of what other settings name --------------------------------------------------------------------------- */

static bool check_cordoned(const struct config *config, char *error)
{
    static const char name[] = "cordoned.log.dirs";
    const char *folders = config_is_set(config, "log.dirs") ? "log.dirs" : "log.dir";
    const char *rest = config_text_of(config, name);
    const char *item;
    size_t size;
    if (strcmp(rest, "*") == 0) {
        return true;
    }
    while (config_list_next(&rest, &item, &size)) {
        if (!config_list_has(config_text_of(config, folders), item, size)) {
            return config_fail(config, name, error, "\"%.*s\" is not among %s, nor are all meant by a single *",
                               (int)size, item, folders);
        }
    }
    return true;
}

/* Is there a listener, open or of controllers, with exactly that name? Those that are open have upper case. */
static bool is_listener(const struct config *config, const char *name, size_t size)
{
    const char *rest = config_text_of(config, "listeners");
    const char *item;
    size_t item_size;
    while (config_list_next(&rest, &item, &item_size)) {
        if (item_size > size && strncasecmp(item, name, size) == 0 && item[size] == ':') {
            size_t upper = 0;
            while (upper < size && !islower((unsigned char)name[upper])) {
                upper++;
            }
            return upper == size;
        }
    }
    return config_list_has(config_text_of(config, "controller.listener.names"), name, size);
}

static bool check_early_listeners(const struct config *config, char *error)
{
    const char *rest = config_text_of(config, "early.start.listeners");
    const char *item;
    size_t size;
    while (rest != NULL && config_list_next(&rest, &item, &size)) {
        if (!is_listener(config, item, size)) {
            return config_fail(config, "early.start.listeners", error, "%.*s is not among the listeners", (int)size,
                               item);
        }
    }
    return true;
}

/* Other lists may name something twice; it counts once. */
static bool check_tags(const struct config *config, char *error)
{
    static const char name[] = "group.streams.rack.aware.assignment.tags";
    const char *written = config->settings[config_row_of(name)].written[CONFIG_STATIC_BROKER - CONFIG_DYNAMIC_BROKER];
    return written == NULL || !config_list_repeats(written) ||
           config_fail(config, name, error, "each tag must be there once");
}

/* What Kafka reads without a word, and does not start with: it is none of a socket, of a segment, of a topic. */
static bool check_late(const struct config *config, char *error)
{
    static const char *const buffers[] = {"socket.receive.buffer.bytes", "socket.send.buffer.bytes"};
    for (size_t i = 0; i < COUNT_OF(buffers); i++) {
        int64_t bytes = number_of(config, buffers[i]);
        if (bytes != -1 && bytes < 1) {
            return config_fail(config, buffers[i], error, "must be at least 1, or -1 for the system's own");
        }
    }
    bool is_flush_set = config_text_of(config, "log.flush.interval.ms") != NULL;
    const char *flush = is_flush_set ? "log.flush.interval.ms" : "log.flush.scheduler.interval.ms";
    if (number_of(config, flush) < 0) {
        return config_fail(config, flush, error, "must be at least 0");
    }
    return config->metadata_log_segment_ms >= 1 ||
           config_fail(config, "metadata.log.segment.ms", error, "must be at least 1");
}

bool config_rules_check(const struct config *config, char *error)
{
    static bool (*const rules[])(const struct config *, char *) = {
        check_roles,  check_queued_bytes, check_retention,       check_cleaner, check_idle, check_connections_per_ip,
        check_quorum, check_cordoned,     check_early_listeners, check_tags,    check_late,
    };
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        if (!rules[i](config, error)) {
            return false;
        }
    }
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        if (!check_order(config, &orders[i], error)) {
            return false;
        }
    }
    return true;
}
