/* Fuzzing of what is configured: a properties file whose every pair is set as a broker setting, as topic overrides, and
 * then finished and described as the broker would.
 *
 * The input is the file. What is accepted must be readable as what it claims to be: listeners with ports, a topic's
 * values in their ranges, canonical texts that parse to themselves. */
#include "broker/properties.h"
#include "broker/topic_config.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct subject {
    struct config config;
    struct topic_overrides overrides;
};

static bool set_pair(void *context, const char *key, const char *value, int line)
{
    struct subject *subject = context;
    char error[CONFIG_ERROR_SIZE];
    (void)!config_set(&subject->config, key, value, "file", error);
    for (int operation = CONFIG_SET; operation <= CONFIG_SUBTRACT; operation++) {
        (void)!topic_overrides_alter(&subject->overrides, (enum config_operation)operation, kp_string_of(key),
                                     kp_string_of(value), error);
    }
    topic_overrides_set(&subject->overrides, key, value);
    if (line == 1) {
        (void)config_nearest(key); /* slow: once is enough */
    }
    return true;
}

static void check_canonical(const struct config *config, int setting)
{
    const struct config_definition *definition = &config_definitions[setting];
    const char *text = config->settings[setting].layers[CONFIG_STATIC_BROKER - CONFIG_DYNAMIC_BROKER];
    struct config_value value;
    char error[CONFIG_ERROR_SIZE];
    if (text != NULL) {
        ASSERT(config_value_parse(definition->type, definition->allowed, text, &value, error));
        ASSERT(strcmp(value.text, text) == 0);
        free(value.text);
    }
}

static void check_finished(const struct config *config)
{
    ASSERT(config->listeners_count > 0);
    ASSERT(config->log_dirs_count > 0);
    for (int32_t i = 0; i < config->listeners_count; i++) {
        ASSERT(config->listeners[i].port >= 0);
        ASSERT(config->listeners[i].port <= UINT16_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct subject subject = {0};
    config_init(&subject.config);
    int line;
    char parse_error[PROPERTIES_ERROR_SIZE];
    char error[CONFIG_ERROR_SIZE];
    (void)!properties_parse((const char *)data, size, set_pair, &subject, &line, parse_error);
    if (config_finish(&subject.config, error)) {
        check_finished(&subject.config);
    }
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (int i = 0; i < config_definitions_count; i++) {
        check_canonical(&subject.config, i);
        struct config_entry entry;
        (void)!config_describe(&subject.config, i, &arena, &entry);
    }
    struct log_config log_config;
    topic_config_effective(&subject.config, &subject.overrides, &log_config);
    ASSERT(log_config.segment_bytes > 0);
    (void)!topic_overrides_check(&subject.overrides, &subject.config, error);
    arena_release(&arena);
    topic_overrides_release(&subject.overrides);
    config_release(&subject.config);
    return 0;
}
