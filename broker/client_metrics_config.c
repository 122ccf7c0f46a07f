/* Settings of client metrics subscriptions (KIP-714): which clients push which of their metrics, and how often. See
 * resource_settings.h.
 *
 * `match` is a list of NAME=PATTERN, where the name is one of what is known of a client, and the pattern a regular
 * expression of Java. */
#include "pattern.h"
#include "resource_settings.h"

#include <string.h>

static const struct resource_setting settings[] = {
    {.name = "interval.ms",
     .type = CONFIG_INT,
     .default_text = "300000",
     .allowed = "100 to 3600000",
     .documentation = "How often clients push what they measure."},
    {.name = "match",
     .type = CONFIG_LIST,
     .default_text = "",
     .documentation = "Which clients are asked, as NAME=PATTERN,...: all must match."         },
    {.name = "metrics",
     .type = CONFIG_LIST,
     .default_text = "",
     .documentation = "Prefixes of the names of what they push; * stands for all, none for no."         },
};

static bool is_pattern(const char *text, size_t size)
{
    struct pattern *pattern = size == 0 ? NULL : pattern_new(PATTERN_JAVA, text, size);
    pattern_free(pattern);
    return pattern != NULL;
}

static bool is_selector(const char *item, size_t size)
{
    static const char *const names[] = {"client_instance_id",    "client_id",
                                        "client_software_name",  "client_software_version",
                                        "client_source_address", "client_source_port"};
    const char *equals = memchr(item, '=', size);
    size_t name_size = equals != NULL ? (size_t)(equals - item) : size;
    size_t pattern_size = equals != NULL ? size - name_size - 1 : 0;
    bool known = false;
    for (size_t i = 0; i < COUNT_OF(names) && !known; i++)
        known = strlen(names[i]) == name_size && memcmp(names[i], item, name_size) == 0;
    return known && equals != NULL && memchr(equals + 1, '=', pattern_size) == NULL &&
           is_pattern(equals + 1, pattern_size);
}

static struct outcome check_match(const struct topic_overrides *overrides, const struct config *config,
                                  struct arena *arena)
{
    const char *text = topic_overrides_get(overrides, "match");
    struct config_value value;
    char error[CONFIG_ERROR_SIZE];
    struct outcome outcome = ACCEPTED;
    const char *item;
    size_t size;
    (void)config;
    if (text == NULL || !config_value_parse(CONFIG_LIST, NULL, text, &value, error))
        return outcome;
    for (const char *rest = value.text; outcome.error == KAFKA_NONE && config_list_next(&rest, &item, &size);) {
        if (!is_selector(item, size))
            outcome = refused(KAFKA_INVALID_CONFIG,
                              arena_printf(arena, "match must be NAME=PATTERN with a name of the client's: %.*s",
                                           (int)(size < 200 ? size : 200), item));
    }
    free(value.text);
    return outcome;
}

const struct resource_kind client_metrics_kind = {
    .type = RESOURCE_CLIENT_METRICS,
    .noun = "client metrics subscription",
    .dynamic_source = CONFIG_DYNAMIC_CLIENT_METRICS,
    .unknown = KAFKA_INVALID_REQUEST,
    .out_of_range = KAFKA_INVALID_REQUEST,
    .settings = settings,
    .settings_count = (int)COUNT_OF(settings),
    .check = check_match,
};
