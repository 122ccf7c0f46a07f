/* Checks and descriptions that work on any of the tables. See resource_settings.h. */
#include "resource_settings.h"

#include <stdlib.h>
#include <string.h>

const struct resource_kind *resource_kind_find(int8_t type)
{
    static const struct resource_kind *const kinds[] = {&group_kind, &client_metrics_kind};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i]->type == (enum resource_type)type)
            return kinds[i];
    }
    return NULL;
}

int resource_setting_find(const struct resource_kind *kind, struct kp_string name)
{
    for (int i = 0; i < kind->settings_count; i++) {
        if (kp_string_is(name, kind->settings[i].name))
            return i;
    }
    return -1;
}

/* ---- changes -------------------------------------------------------------------------------------------------------- */

static struct outcome unknown_name(const struct resource_kind *kind, struct kp_string name, struct arena *arena)
{
    return refused(kind->unknown,
                   arena_printf(arena, "A %s has no setting %.*s.", kind->noun, (int)name.size, name.data));
}

struct outcome resource_settings_alter(const struct resource_kind *kind, struct topic_overrides *overrides,
                                       enum config_operation operation, struct kp_string name, struct kp_string value,
                                       struct arena *arena)
{
    const char *key = arena_copy(arena, name.data, (size_t)name.size);
    const char *text = value.size < 0 ? NULL : arena_copy(arena, value.data, (size_t)value.size);
    if (key == NULL || (text == NULL && value.size >= 0))
        return refused(KAFKA_UNKNOWN_SERVER_ERROR, NULL);
    if (operation == CONFIG_DELETE) { /* also of a name that is not known: a newer Kafka may have set it */
        topic_overrides_set(overrides, key, NULL);
        return ACCEPTED;
    }
    if (operation != CONFIG_SET) /* Kafka knows the lists of topics and brokers alone */
        return refused(KAFKA_INVALID_CONFIG,
                       arena_printf(arena, "%s of a %s can only be set or deleted.", key, kind->noun));
    if (memchr(name.data, '\0', (size_t)name.size) != NULL || memchr(value.data, '\0', (size_t)value.size) != NULL)
        return refused(KAFKA_INVALID_CONFIG, "A name or value has a zero in it.");
    topic_overrides_set(overrides, key, text);
    return ACCEPTED;
}

static int64_t broker_number(const struct config *config, const char *name)
{
    return strtoll(config_text(config, config_find(kp_string_of(name))), NULL, 10);
}

static struct outcome check_bounds(const struct resource_kind *kind, const struct resource_setting *setting,
                                   int64_t number, const struct config *config, struct arena *arena)
{
    if (setting->least != NULL && number < broker_number(config, setting->least))
        return refused(kind->out_of_range,
                       arena_printf(arena, "%s must not be below %s, which is %s.", setting->name, setting->least,
                                    config_text(config, config_find(kp_string_of(setting->least)))));
    if (setting->most != NULL && number > broker_number(config, setting->most))
        return refused(kind->out_of_range,
                       arena_printf(arena, "%s must not be above %s, which is %s.", setting->name, setting->most,
                                    config_text(config, config_find(kp_string_of(setting->most)))));
    return ACCEPTED;
}

/* `allowed` is looked at apart from the type, as Kafka's errors differ. */
static struct outcome check_value(const struct resource_kind *kind, const struct resource_setting *setting,
                                  const char *text, const struct config *config, struct arena *arena)
{
    struct config_value value;
    char error[CONFIG_ERROR_SIZE];
    enum kafka_error code = KAFKA_INVALID_CONFIG;
    bool good = config_value_parse(setting->type, NULL, text, &value, error);
    if (good) {
        free(value.text);
        code = kind->out_of_range;
        good = config_value_parse(setting->type, setting->allowed, text, &value, error);
    }
    if (!good)
        return refused(code, arena_printf(arena, "%s %s", setting->name, error));
    free(value.text);
    return check_bounds(kind, setting, value.integer, config, arena);
}

struct outcome resource_settings_check(const struct resource_kind *kind, const struct topic_overrides *overrides,
                                       const struct config *config, struct arena *arena)
{
    struct outcome outcome = ACCEPTED;
    for (int32_t i = 0; i < overrides->count && outcome.error == KAFKA_NONE; i++) {
        const struct topic_override *item = &overrides->items[i];
        int setting = resource_setting_find(kind, kp_string_of(item->name));
        outcome = setting < 0 ? unknown_name(kind, kp_string_of(item->name), arena)
                              : check_value(kind, &kind->settings[setting], item->value, config, arena);
    }
    if (outcome.error == KAFKA_NONE && kind->check != NULL)
        outcome = kind->check(overrides, config, arena);
    return outcome;
}

/* ---- what counts ---------------------------------------------------------------------------------------------------- */

/* A resource's own value; value->text is malloc'ed. False when there is none that can be read. */
static bool own_value(const struct resource_setting *setting, const struct topic_overrides *overrides,
                      struct config_value *value)
{
    char error[CONFIG_ERROR_SIZE];
    const char *text = topic_overrides_get(overrides, setting->name);
    return text != NULL && config_value_parse(setting->type, NULL, text, value, error);
}

static const char *inherited_text(const struct resource_setting *setting, const struct config *config)
{
    return setting->synonym != NULL ? config_text(config, config_find(kp_string_of(setting->synonym)))
                                    : setting->default_text;
}

int64_t resource_settings_number(const struct resource_kind *kind, const struct topic_overrides *overrides,
                                 const struct config *config, const char *name)
{
    int row = resource_setting_find(kind, kp_string_of(name));
    ASSERT(row >= 0);
    struct config_value value;
    char error[CONFIG_ERROR_SIZE];
    bool parsed =
        own_value(&kind->settings[row], overrides, &value) ||
        config_value_parse(kind->settings[row].type, NULL, inherited_text(&kind->settings[row], config), &value, error);
    ASSERT(parsed);
    free(value.text);
    return value.integer;
}

bool resource_settings_describe(const struct resource_kind *kind, const struct topic_overrides *overrides,
                                const struct config *config, int row, struct arena *arena, struct config_entry *entry)
{
    const struct resource_setting *setting = &kind->settings[row];
    struct config_value value;
    bool own = own_value(setting, overrides, &value);
    *entry = (struct config_entry){
        .name = setting->name,
        .value = own ? arena_copy(arena, value.text, strlen(value.text)) : inherited_text(setting, config),
        .type = setting->type,
        .documentation = setting->documentation,
        .synonyms = arena_calloc(arena, 1 + CONFIG_LAYERS + 1, sizeof *entry->synonyms),
    };
    if (own)
        free(value.text);
    if (entry->value == NULL || entry->synonyms == NULL)
        return false;
    if (own)
        entry->synonyms[entry->synonyms_count++] =
            (struct config_synonym){setting->name, entry->value, kind->dynamic_source};
    if (setting->synonym != NULL) {
        int synonym = config_find(kp_string_of(setting->synonym));
        entry->synonyms_count +=
            config_list_synonyms(config, setting->synonym, &synonym, 1, &entry->synonyms[entry->synonyms_count]);
    } else if (kind->default_is_synonym) {
        entry->synonyms[entry->synonyms_count++] =
            (struct config_synonym){setting->name, setting->default_text, CONFIG_DEFAULT};
    }
    entry->source = entry->synonyms_count > 0 ? entry->synonyms[0].source : CONFIG_DEFAULT;
    return true;
}
