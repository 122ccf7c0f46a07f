/* Kafka checks a change of a broker's settings against the running broker before it is written, so that what is written
 * can be applied:
 *
 *     the name         one that may change at all; an unknown one may mean something to a plug-in, and is taken
 *     the value        of its type, and in its range
 *     threads          no more than twice and no less than half of those that there are
 *     lists            are appended to and subtracted from as the resource has them, or by default
 *
 * What dohle cannot do while it runs, listeners, or at all, is refused as well: a value that is accepted counts. */
#include "dynamic_config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_any_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Kafka can open and close listeners while it runs; here a value would count for the next owner of the folder only. */
static bool is_of_listeners(const char *name)
{
    static const char *const names[] = {"listeners", "advertised.listeners", "listener.security.protocol.map"};
    return is_any_of(name, names, COUNT_OF(names));
}

static bool is_of_threads(const char *name)
{
    static const char *const names[] = {"background.threads",
                                        "log.cleaner.threads",
                                        "num.io.threads",
                                        "num.network.threads",
                                        "num.replica.fetchers",
                                        "num.recovery.threads.per.data.dir",
                                        "remote.log.manager.copier.thread.pool.size",
                                        "remote.log.manager.expiration.thread.pool.size",
                                        "remote.log.manager.follower.thread.pool.size",
                                        "remote.log.reader.threads"};
    return is_any_of(name, names, COUNT_OF(names));
}

/* Kafka divides it among the cleaner's threads, and each needs more than a mebibyte. */
#define DEDUPE_BUFFER_LEAST (1048576 + 1)

/* Some may be less at the start: none, or all that there is. */
static bool is_too_little(const char *name, int64_t number)
{
    static const struct {
        const char *name;
        int64_t least;
    } rows[] = {
        {"log.cleaner.dedupe.buffer.size", DEDUPE_BUFFER_LEAST},
        {"log.cleaner.threads",            1                  },
        {"max.connection.creation.rate",   1                  },
        {"max.connections",                1                  },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(name, rows[i].name) == 0)
            return number < rows[i].least;
    return false;
}

/* What the table cannot say. NULL when the number is good, else what it must be. */
static const char *check_number(const struct config *config, const char *name, int64_t number, struct arena *arena)
{
    if (strcmp(name, "log.retention.ms") == 0 && number == 0)
        return "must be at least 1, or -1 for no limit";
    if (is_too_little(name, number))
        return "must be more while the broker runs";
    if (!is_of_threads(name))
        return NULL;
    int64_t current = strtoll(config_text(config, config_find(kp_string_of(name))), NULL, 10);
    if (number >= current / 2 && number <= current * 2)
        return NULL;
    return arena_printf(arena, "must be from %" PRId64 " to %" PRId64 ": half to twice of what there is", current / 2,
                        current * 2);
}

/* May the setting change while the broker runs? */
static struct outcome check_definition(const struct config_definition *definition, enum config_operation operation,
                                       struct arena *arena)
{
    if (definition->dynamic == CONFIG_FIXED)
        return refused(KAFKA_INVALID_REQUEST,
                       arena_printf(arena, "%s cannot be changed while the broker runs.", definition->name));
    if (is_of_listeners(definition->name))
        return refused(KAFKA_INVALID_REQUEST, "Listeners are opened at the start of the broker only.");
    if (definition->effect >= CONFIG_REFUSED_TLS)
        return refused(KAFKA_INVALID_REQUEST, arena_printf(arena, "What %s asks for is not served.", definition->name));
    if ((operation == CONFIG_APPEND || operation == CONFIG_SUBTRACT) && definition->type != CONFIG_LIST)
        return refused(KAFKA_INVALID_CONFIG,
                       arena_printf(arena, "%s is no list: it can only be set or deleted.", definition->name));
    return ACCEPTED;
}

static void change_list(struct topic_overrides *overrides, const struct config_definition *definition,
                        const char *change, bool append)
{
    struct config_value own;
    char error[CONFIG_ERROR_SIZE];
    const char *text = topic_overrides_get(overrides, definition->name);
    bool has_own = text != NULL && config_value_parse(CONFIG_LIST, NULL, text, &own, error);
    const char *list = has_own ? own.text : definition->default_text;
    char *changed = config_list_change(list != NULL ? list : "", change, append);
    topic_overrides_set(overrides, definition->name, changed);
    free(changed);
    if (has_own)
        free(own.text);
}

static struct outcome set_known(const struct config *config, struct topic_overrides *overrides,
                                const struct config_definition *definition, enum config_operation operation,
                                const char *text, struct arena *arena)
{
    struct config_value parsed;
    char error[CONFIG_ERROR_SIZE];
    if (!config_value_parse(definition->type, definition->allowed, text, &parsed, error))
        return refused(KAFKA_INVALID_REQUEST, arena_printf(arena, "%s %s", definition->name, error));
    const char *wrong = check_number(config, definition->name, parsed.integer, arena);
    if (wrong == NULL && operation == CONFIG_SET)
        topic_overrides_set(overrides, definition->name, text);
    else if (wrong == NULL)
        change_list(overrides, definition, parsed.text, operation == CONFIG_APPEND);
    free(parsed.text);
    return wrong == NULL ? ACCEPTED
                         : refused(KAFKA_INVALID_REQUEST, arena_printf(arena, "%s %s", definition->name, wrong));
}

struct outcome dynamic_config_check(const struct config *config, const struct topic_overrides *overrides)
{
    static const char name[] = "max.connections.per.ip.overrides";
    const char *most = topic_overrides_get(overrides, "max.connections.per.ip");
    const char *of_addresses = topic_overrides_get(overrides, name);
    if (of_addresses == NULL)
        of_addresses = config->settings[config_find(kp_string_of(name))].layers[CONFIG_LAYERS - 1];
    if (most == NULL || strtol(most, NULL, 10) != 0 || (of_addresses != NULL && *of_addresses != '\0'))
        return ACCEPTED;
    return refused(KAFKA_INVALID_REQUEST, "max.connections.per.ip must be at least 1 where no address has a number of "
                                          "its own in max.connections.per.ip.overrides.");
}

struct outcome dynamic_config_alter(const struct config *config, struct topic_overrides *overrides,
                                    enum config_operation operation, struct kp_string name, struct kp_string value,
                                    struct arena *arena)
{
    int setting = config_find(name);
    const struct config_definition *definition = setting < 0 ? NULL : &config_definitions[setting];
    struct outcome outcome = definition != NULL ? check_definition(definition, operation, arena) : ACCEPTED;
    if (outcome.error != KAFKA_NONE)
        return outcome;
    const char *key = arena_copy(arena, name.data, (size_t)name.size);
    const char *text = value.size < 0 ? NULL : arena_copy(arena, value.data, (size_t)value.size);
    if (key == NULL || (text == NULL && value.size >= 0))
        return refused(KAFKA_UNKNOWN_SERVER_ERROR, NULL);
    if (definition != NULL && operation != CONFIG_DELETE && text != NULL)
        return set_known(config, overrides, definition, operation, text, arena);
    topic_overrides_set(overrides, key, operation == CONFIG_DELETE ? NULL : text);
    return ACCEPTED;
}
