/* The broker's settings: layers of texts, typed copies of those that matter. See config.h.
 *
 * A text is stored canonical, so that what is described to a client reads as Kafka would print it. Defaults are not
 * copied: a setting without a layer has the table's. The typed copy of a setting is renewed whenever one of its layers
 * changes. */
#include "config_rules.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define LISTENER_PREFIX "listener.name."

#define STATIC_LAYER (CONFIG_STATIC_BROKER - CONFIG_DYNAMIC_BROKER)

_Static_assert(CONFIG_LAYERS == STATIC_LAYER + 1, "a layer for each source above the default");

/* ---- names ------------------------------------------------------------------------------------------------------- */

static int compare_name(const char *name, size_t size, const char *known)
{
    int order = strncmp(name, known, size);
    return order != 0 ? order : known[size] == '\0' ? 0 : -1;
}

int config_find(struct kp_string name)
{
    int low = 0;
    int high = config_definitions_count - 1;
    while (name.size > 0 && low <= high) {
        int middle = (low + high) / 2;
        int order = compare_name(name.data, (size_t)name.size, config_definitions[middle].name);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            high = middle - 1;
        } else {
            low = middle + 1;
        }
    }
    return -1;
}

int config_find_prefixed(const char *name)
{
    if (strncmp(name, LISTENER_PREFIX, strlen(LISTENER_PREFIX)) != 0) {
        return -1;
    }
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        int setting = config_find(kp_string_of(dot + 1));
        if (setting >= 0) {
            return setting;
        }
    }
    return -1;
}

/* Levenshtein distance, or `limit` + 1 when it is larger. Names are short: one row of numbers on the stack. */
static int edit_distance(const char *a, const char *b, int limit)
{
    enum { LENGTH_MAX = 128 };
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    if (a_size >= LENGTH_MAX || b_size >= LENGTH_MAX) {
        return limit + 1;
    }
    int row[LENGTH_MAX];
    for (size_t j = 0; j <= b_size; j++) {
        row[j] = (int)j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= b_size; j++) {
            int replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            int inserted = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < inserted ? replaced : inserted;
        }
    }
    return row[b_size] <= limit ? row[b_size] : limit + 1;
}

const char *config_nearest(const char *name)
{
    int best_distance = 1 + (int)strlen(name) / 5; /* one slip in five characters is still a slip */
    const char *best = NULL;
    for (int i = 0; i < config_definitions_count; i++) {
        int distance = edit_distance(name, config_definitions[i].name, best_distance);
        if (distance < best_distance || (distance == best_distance && best == NULL)) {
            best_distance = distance;
            best = config_definitions[i].name;
        }
    }
    return best;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

const char *config_text(const struct config *config, int setting)
{
    for (int layer = 0; layer < CONFIG_LAYERS; layer++) {
        if (config->settings[setting].layers[layer] != NULL) {
            return config->settings[setting].layers[layer];
        }
    }
    return config_definitions[setting].default_text;
}

enum config_source config_text_source(const struct config *config, int setting)
{
    int layer = 0;
    while (layer < CONFIG_LAYERS && config->settings[setting].layers[layer] == NULL) {
        layer++;
    }
    return (enum config_source)(CONFIG_DYNAMIC_BROKER + layer);
}

/* Renew the typed copy. The text is canonical, so it parses. */
static void store_field(struct config *config, int setting)
{
    const struct config_definition *definition = &config_definitions[setting];
    const char *text = config_text(config, setting);
    void *field = (char *)config + definition->field;
    if (definition->field == 0) {
        return;
    }
    switch (definition->type) {
    case CONFIG_BOOLEAN:
        *(bool *)field = strcmp(text, "true") == 0;
        break;
    case CONFIG_SHORT:
    case CONFIG_INT:
        *(int32_t *)field = (int32_t)strtol(text, NULL, 10);
        break;
    case CONFIG_LONG:
        *(int64_t *)field = strtoll(text, NULL, 10);
        break;
    case CONFIG_DOUBLE:
        *(double *)field = strtod(text, NULL);
        break;
    case CONFIG_STRING:
    case CONFIG_LIST:
    case CONFIG_CLASS:
    case CONFIG_PASSWORD:
        *(const char **)field = text;
        break;
    }
}

/* Put canonical `text` (taken over; NULL removes) into a layer, and how it was written. */
static void set_layer(struct config *config, int setting, int layer, char *text, const char *written)
{
    struct config_setting *values = &config->settings[setting];
    char *copy = text == NULL ? NULL : xstrdup(written);
    free(values->layers[layer]);
    free(values->written[layer]);
    values->layers[layer] = text;
    values->written[layer] = copy;
    store_field(config, setting);
}

void config_init(struct config *config)
{
    *config = (struct config){.settings = xcalloc((size_t)config_definitions_count, sizeof *config->settings)};
    for (int i = 0; i < config_definitions_count; i++) {
        store_field(config, i);
    }
}

void config_release(struct config *config)
{
    for (int i = 0; i < config_definitions_count; i++) {
        for (int layer = 0; layer < CONFIG_LAYERS; layer++) {
            free(config->settings[i].layers[layer]);
            free(config->settings[i].written[layer]);
        }
        free(config->settings[i].origin);
    }
    free(config->settings);
    for (int32_t i = 0; i < config->of_listeners_count; i++)
        free(config->of_listeners[i].name);
    free(config->of_listeners);
    listener_config_release(config->listeners, config->listeners_count);
    for (int32_t i = 0; i < config->log_dirs_count; i++) {
        free(config->log_dirs[i]);
    }
    free(config->log_dirs);
    *config = (struct config){0};
}

/* Why a setting with this effect may not be set; NULL when it may. */
static const char *refusal(enum config_effect effect)
{
    switch (effect) {
    case CONFIG_REFUSED_TLS:
        return "TLS is not served yet, and dohle does not start as if it were";
    case CONFIG_REFUSED_SASL:
        return "SASL is not served yet, and dohle does not start as if it were";
    case CONFIG_REFUSED_AUTHORIZER:
        return "authorization is not served yet, and dohle does not start as if it were";
    case CONFIG_REFUSED_JAVA:
        return "this needs a Java class, which dohle cannot run";
    case CONFIG_REFUSED_TIERED:
        return "tiered storage is not served";
    case CONFIG_SERVED:
    case CONFIG_LATER:
    case CONFIG_UNUSED:
        break;
    }
    return NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Parse for the row and see that a refused setting keeps its default. */
static bool parse_value(const struct config_definition *definition, const char *text, struct config_value *value,
                        char *error)
{
    if (!config_value_parse(definition->type, definition->allowed, text, value, error)) {
        return false;
    }
    const char *why = refusal(definition->effect);
    const char *default_text = definition->default_text != NULL ? definition->default_text : "";
    if (why != NULL && !same_text(value->text, default_text)) {
        snprintf(error, CONFIG_ERROR_SIZE, "%s", why);
        free(value->text);
        return false;
    }
    return true;
}

/* May one listener have a value of its own of the setting of that row? */
static bool acts_for_listener(int row)
{
    return strcmp(config_definitions[row].name, "max.connections") == 0 ||
           strcmp(config_definitions[row].name, "max.connection.creation.rate") == 0;
}

/* Later ones win. */
static void set_of_listener(struct config *config, const char *name, int32_t value)
{
    size_t count = (size_t)config->of_listeners_count + 1;
    config->of_listeners = xrealloc(config->of_listeners, count * sizeof *config->of_listeners);
    config->of_listeners[config->of_listeners_count++] = (struct config_of_listener){xstrdup(name), value};
}

bool config_set(struct config *config, const char *name, const char *value, const char *origin, char *error)
{
    int setting = config_find(kp_string_of(name));
    int row = setting >= 0 ? setting : config_find_prefixed(name);
    if (row < 0) {
        snprintf(error, CONFIG_ERROR_SIZE, "Kafka has no such setting");
        return false;
    }
    struct config_value parsed;
    if (!parse_value(&config_definitions[row], value, &parsed, error)) {
        return false;
    }
    if (setting < 0) {
        if (acts_for_listener(row))
            set_of_listener(config, name, (int32_t)strtol(parsed.text, NULL, 10));
        free(parsed.text);
        return true;
    }
    set_layer(config, setting, STATIC_LAYER, parsed.text, value);
    free(config->settings[setting].origin);
    config->settings[setting].origin = xstrdup(origin);
    return true;
}

bool config_set_dynamic(struct config *config, enum config_source layer, struct kp_string name, const char *value,
                        char *error)
{
    ASSERT(layer == CONFIG_DYNAMIC_BROKER || layer == CONFIG_DYNAMIC_DEFAULT_BROKER);
    int setting = config_find(name);
    if (setting < 0) {
        snprintf(error, CONFIG_ERROR_SIZE, "Kafka has no such setting");
        return false;
    }
    struct config_value parsed = {0};
    if (value != NULL && !parse_value(&config_definitions[setting], value, &parsed, error)) {
        return false;
    }
    set_layer(config, setting, (int)(layer - CONFIG_DYNAMIC_BROKER), parsed.text, value);
    return true;
}

/* ---- what concerns several settings ------------------------------------------------------------------------------ */

/* node.id and its older name stand for each other. */
static bool finish_node_id(struct config *config, char *error)
{
    static const char *const names[] = {"node.id", "broker.id"};
    for (int i = 0; i < 2; i++) {
        const char *set = names[i];
        const char *other = names[1 - i];
        if (config_is_set(config, set) && !config_is_set(config, other) &&
            !config_set(config, other, config_text_of(config, set), config->settings[config_row_of(set)].origin,
                        error)) {
            return config_fail(config, set, error, "must be an int, >= 0");
        }
    }
    if (strcmp(config_text_of(config, "node.id"), config_text_of(config, "broker.id")) != 0) {
        return config_fail(config, "broker.id", error, "must be equal to node.id, which is %s",
                           config_text_of(config, "node.id"));
    }
    return true;
}

static void finish_log_dirs(struct config *config)
{
    const char *name = config_is_set(config, "log.dirs") ? "log.dirs" : "log.dir";
    const char *rest = config_text_of(config, name);
    const char *item;
    size_t size;
    while (config_list_next(&rest, &item, &size)) {
        char *path = xcalloc(size + 1, 1);
        memcpy(path, item, size);
        config->log_dirs = xrealloc(config->log_dirs, (size_t)(config->log_dirs_count + 1) * sizeof *config->log_dirs);
        config->log_dirs[config->log_dirs_count++] = path;
    }
    if (config->metadata_log_dir == NULL) {
        config->metadata_log_dir = config->log_dirs[0];
    }
}

void config_use_folder(struct config *config, const char *path)
{
    for (int32_t i = 0; i < config->log_dirs_count; i++) {
        free(config->log_dirs[i]);
    }
    config->log_dirs[0] = xstrdup(path);
    config->log_dirs_count = 1;
    set_layer(config, config_row_of("log.dirs"), STATIC_LAYER, xstrdup(path), path);
    set_layer(config, config_row_of("metadata.log.dir"), STATIC_LAYER, NULL, NULL);
    config->metadata_log_dir = config->log_dirs[0];
}

/* Give listeners what is set for them alone. One that there is not, perhaps that of controllers, needs nothing. */
static void finish_of_listeners(struct config *config)
{
    for (int32_t i = 0; i < config->of_listeners_count; i++) {
        const struct config_of_listener *set = &config->of_listeners[i];
        const char *name = set->name + strlen(LISTENER_PREFIX);
        size_t size = strcspn(name, ".");
        for (int32_t j = 0; j < config->listeners_count; j++) {
            struct listener *listener = &config->listeners[j];
            if (strlen(listener->name) != size || strncasecmp(listener->name, name, size) != 0)
                continue;
            if (strcmp(name + size, ".max.connections") == 0)
                listener->max_connections = set->value;
            else if (strcmp(name + size, ".max.connection.creation.rate") == 0)
                listener->max_connection_creation_rate = set->value;
        }
    }
}

static bool finish_listeners(struct config *config, char *error)
{
    struct listener_settings settings = {
        .listeners = config_text_of(config, "listeners"),
        .advertised_listeners = config_text_of(config, "advertised.listeners"),
        .security_protocol_map = config_text_of(config, "listener.security.protocol.map"),
        .security_protocol_map_set = config_is_set(config, "listener.security.protocol.map"),
        .controller_names = config_text_of(config, "controller.listener.names"),
        .inter_broker_name = config->inter_broker_listener_name,
    };
    char why[CONFIG_ERROR_SIZE];
    if (listener_config_parse(&settings, &config->listeners, &config->listeners_count, why)) {
        finish_of_listeners(config);
        return true;
    }
    /* `why` begins with the name of a setting. */
    int setting = config_find((struct kp_string){why, (int32_t)strcspn(why, ":")});
    const char *origin = setting < 0 ? NULL : config->settings[setting].origin;
    snprintf(error, CONFIG_ERROR_SIZE, "%s: %.480s", origin != NULL ? origin : "default", why);
    return false;
}

bool config_finish(struct config *config, char *error)
{
    if (!finish_node_id(config, error) || !config_rules_check(config, error) || !finish_listeners(config, error)) {
        return false;
    }
    finish_log_dirs(config);
    return true;
}

/* ---- DescribeConfigs --------------------------------------------------------------------------------------------- */

const char *config_documentation(const struct config_definition *definition)
{
    if (definition->documentation != NULL) {
        return definition->documentation;
    }
    const char *why = refusal(definition->effect);
    if (why != NULL) {
        return why;
    }
    return definition->effect == CONFIG_LATER
               ? "Its feature is not served yet."
               : "Without effect: it is about other brokers, Java's threads or its metrics.";
}

int config_synonym_rows(int setting, int rows[CONFIG_SYNONYM_NAMES_MAX])
{
    static const char *const groups[][CONFIG_SYNONYM_NAMES_MAX] = {
        {"log.retention.ms",      "log.retention.minutes",           "log.retention.hours"},
        {"log.roll.ms",           "log.roll.hours",                  NULL                 },
        {"log.roll.jitter.ms",    "log.roll.jitter.hours",           NULL                 },
        {"log.flush.interval.ms", "log.flush.scheduler.interval.ms", NULL                 },
    };
    const char *name = config_definitions[setting].name;
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        bool found = false;
        int count = 0;
        for (; count < CONFIG_SYNONYM_NAMES_MAX && groups[i][count] != NULL; count++) {
            found |= strcmp(groups[i][count], name) == 0;
        }
        for (int j = 0; found && j < count; j++) {
            rows[j] = config_row_of(groups[i][j]);
        }
        if (found) {
            return count;
        }
    }
    rows[0] = setting;
    return 1;
}

int32_t config_list_synonyms(const struct config *config, const char *name, const int *rows, int rows_count,
                             struct config_synonym *synonyms)
{
    int32_t count = 0;
    for (int source = CONFIG_DYNAMIC_BROKER; source <= CONFIG_DEFAULT; source++) {
        for (int i = 0; i < rows_count; i++) {
            const struct config_definition *definition = &config_definitions[rows[i]];
            const char *text = source == CONFIG_DEFAULT
                                   ? definition->default_text
                                   : config->settings[rows[i]].written[source - CONFIG_DYNAMIC_BROKER];
            bool begun = count > 0 || strcmp(definition->name, name) == 0;
            if (text != NULL && begun) {
                synonyms[count++] = (struct config_synonym){
                    .name = definition->name,
                    .value = definition->type == CONFIG_PASSWORD ? NULL : text,
                    .source = (enum config_source)source,
                };
            }
        }
    }
    return count;
}

bool config_describe(const struct config *config, int setting, struct arena *arena, struct config_entry *entry)
{
    const struct config_definition *definition = &config_definitions[setting];
    int rows[CONFIG_SYNONYM_NAMES_MAX];
    int rows_count = config_synonym_rows(setting, rows);
    bool sensitive = definition->type == CONFIG_PASSWORD;
    *entry = (struct config_entry){
        .name = definition->name,
        .value = sensitive ? NULL : config_text(config, setting),
        .read_only = definition->dynamic == CONFIG_FIXED,
        .sensitive = sensitive,
        .type = definition->type,
        .documentation = config_documentation(definition),
        .synonyms = arena_calloc(arena, (size_t)(CONFIG_LAYERS + 1) * (size_t)rows_count, sizeof *entry->synonyms),
    };
    if (entry->synonyms == NULL) {
        return false;
    }
    entry->synonyms_count = config_list_synonyms(config, definition->name, rows, rows_count, entry->synonyms);
    entry->source = entry->synonyms_count > 0 ? entry->synonyms[0].source : CONFIG_DEFAULT;
    return true;
}

bool config_describe_default(const struct config *config, int setting, struct arena *arena, struct config_entry *entry,
                             bool *is_set)
{
    int layer = CONFIG_DYNAMIC_DEFAULT_BROKER - CONFIG_DYNAMIC_BROKER;
    *is_set = config->settings[setting].layers[layer] != NULL;
    if (!*is_set) {
        return true;
    }
    if (!config_describe(config, setting, arena, entry)) {
        return false;
    }
    entry->value = entry->sensitive ? NULL : config->settings[setting].layers[layer];
    entry->source = CONFIG_DYNAMIC_DEFAULT_BROKER;
    entry->synonyms[0] = (struct config_synonym){entry->name, entry->value, entry->source};
    entry->synonyms_count = 1;
    return true;
}
