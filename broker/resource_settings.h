/* Settings of resources that are neither topics nor brokers: of groups and of client metrics subscriptions.
 *
 * Each kind is a table. A value of a resource is the text of its config record, and wins; else the broker setting
 * counts that the table names as its synonym; else the built-in default. Operators set the values, the coordinators and
 * the collection of metrics act on them; here is what may be set, and how it is described. */
#ifndef DOHLE_BROKER_RESOURCE_SETTINGS_H
#define DOHLE_BROKER_RESOURCE_SETTINGS_H

#include "outcome.h"
#include "resource_configs.h"

struct resource_setting {
    const char *name;
    enum config_type type;
    const char *default_text; /* canonical; not used when there is a synonym */
    const char *allowed;      /* see config_value.h */
    const char *synonym;      /* the broker setting that gives the default; NULL: none */
    const char *least, *most; /* broker settings that bound a number; NULL: none */
    bool internal;            /* may be set, but is not shown to clients unless it is, as in Kafka */
    const char *documentation;
};

struct resource_kind {
    enum resource_type type;
    const char *noun;                        /* for sentences: "group" */
    enum config_source dynamic_source;       /* of a resource's own value */
    bool default_is_synonym;                 /* the built-in default is listed among the synonyms */
    enum kafka_error unknown, out_of_range;  /* what Kafka answers to such a name and number */
    const struct resource_setting *settings; /* sorted by name */
    int settings_count;
    /* What the table cannot say of the values together; may be NULL. A refusal's sentence is in `arena` or static. */
    struct outcome (*check)(const struct topic_overrides *overrides, const struct config *config, struct arena *arena);
};

extern const struct resource_kind group_kind;          /* group_config.c */
extern const struct resource_kind client_metrics_kind; /* client_metrics_config.c */

/* The kind of a resource type, NULL when it is none of these. */
const struct resource_kind *resource_kind_find(int8_t type);
/* The row of a name, -1 when there is none. */
int resource_setting_find(const struct resource_kind *kind, struct kp_string name);

/* Do one operation of IncrementalAlterConfigs on what a resource has. Nothing has changed when it is refused. Call
 * resource_settings_check() after the last one. `value` may be null only for DELETE. */
struct outcome resource_settings_alter(const struct resource_kind *kind, struct topic_overrides *overrides,
                                       enum config_operation operation, struct kp_string name, struct kp_string value,
                                       struct arena *arena);

/* Is every name known, every value allowed, and do they fit together? */
struct outcome resource_settings_check(const struct resource_kind *kind, const struct topic_overrides *overrides,
                                       const struct config *config, struct arena *arena);

/* The number that counts for a resource with these values (NULL: none): its own, or the broker's synonym's, or the
 * default. Of a setting that is a number or a boolean. */
int64_t resource_settings_number(const struct resource_kind *kind, const struct topic_overrides *overrides,
                                 const struct config *config, const char *name);

/* Describe row `setting` for a client. The entry is in `arena`, or borrows from `config`. False when the arena's limit
 * is reached. */
bool resource_settings_describe(const struct resource_kind *kind, const struct topic_overrides *overrides,
                                const struct config *config, int setting, struct arena *arena,
                                struct config_entry *entry) WARN_UNUSED;

#endif
