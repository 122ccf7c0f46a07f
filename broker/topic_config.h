/* Settings of topics: their table, the values that a topic overrides, what counts in the end.
 *
 * A topic's own value wins; else the broker setting that the table names as its synonym; else the built-in default. A
 * topic keeps its overrides as the text of its config records, and struct log_config has what its logs act on. */
#ifndef DOHLE_BROKER_TOPIC_CONFIG_H
#define DOHLE_BROKER_TOPIC_CONFIG_H

#include "../storage/log.h"
#include "config.h"

struct topic_config_definition {
    const char *name;
    enum config_type type;
    const char *default_text;  /* canonical; NULL: null */
    const char *allowed;       /* see config_value.h */
    const char *synonym;       /* the broker setting that gives the default; NULL: none */
    bool internal;             /* may be set, but is not shown to clients, as in Kafka */
    enum config_effect effect; /* CONFIG_SERVED, CONFIG_LATER, CONFIG_UNUSED or CONFIG_REFUSED_TIERED */
    const char *documentation;
};

extern const struct topic_config_definition topic_config_definitions[]; /* sorted by name */
extern const int topic_config_definitions_count;

/* The row of a name, -1 when Kafka has no such topic setting. */
int topic_config_find(struct kp_string name);
/* Is it a setting of topics whose value is a list? */
bool topic_config_is_list(struct kp_string name);

/* ---- what a topic overrides -------------------------------------------------------------------------------------- */

struct topic_override {
    char *name;
    char *value; /* as it was set */
};

struct topic_overrides {
    struct topic_override *items; /* sorted by name */
    int32_t count;
};

/* About what one takes, by the lengths of its texts. */
static inline size_t topic_override_bytes(size_t name_size, size_t value_size)
{
    return sizeof(struct topic_override) + name_size + 1 + value_size + 1;
}
/* The same of all. */
size_t topic_overrides_bytes(const struct topic_overrides *overrides);

/* NULL when the topic has no value of its own. */
const char *topic_overrides_get(const struct topic_overrides *overrides, const char *name);
/* Set, or with value NULL remove. Takes any name and value: records of a newer Kafka are kept too. */
void topic_overrides_set(struct topic_overrides *overrides, const char *name, const char *value);
void topic_overrides_set_number(struct topic_overrides *overrides, const char *name, int32_t number);
/* A copy of its own. */
void topic_overrides_copy(struct topic_overrides *to, const struct topic_overrides *from);
void topic_overrides_release(struct topic_overrides *overrides);

/* Is every name known, every value allowed, and do they fit together? On failure false, and `error` (CONFIG_ERROR_SIZE)
 * is the sentence for an answer with INVALID_CONFIG. */
bool topic_overrides_check(const struct topic_overrides *overrides, const struct config *config,
                           char *error) WARN_UNUSED;

/* Numbers of the protocol (IncrementalAlterConfigs). */
enum config_operation {
    CONFIG_SET = 0,
    CONFIG_DELETE = 1,
    CONFIG_APPEND = 2,
    CONFIG_SUBTRACT = 3,
};

/* Do one operation of IncrementalAlterConfigs; APPEND and SUBTRACT work on the items of a list, and begin with the
 * built-in default when the topic has no value. Call topic_overrides_check() after the last one. `value` may be null
 * only for DELETE. On failure false, nothing changed, and `error` is the sentence for an answer with INVALID_CONFIG. */
bool topic_overrides_alter(struct topic_overrides *overrides, enum config_operation operation, struct kp_string name,
                           struct kp_string value, char *error) WARN_UNUSED;

/* ---- what counts ------------------------------------------------------------------------------------------------- */

/* What the logs of a topic with these overrides (NULL: none) act on. Values that cannot be read are passed over. */
void topic_config_effective(const struct config *config, const struct topic_overrides *overrides,
                            struct log_config *log_config);

/* Describe row `setting` for a client. Internal ones are the caller's to skip unless the topic overrides them. The
 * entry borrows from `config` and `overrides`, or is in `arena`. False when the arena's limit is reached. */
bool topic_config_describe(const struct config *config, const struct topic_overrides *overrides, int setting,
                           struct arena *arena, struct config_entry *entry) WARN_UNUSED;

#endif
