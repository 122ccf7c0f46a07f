/* The broker's settings, under Kafka's names and rules.
 *
 * One table (config_table.c) has a row for each of Apache Kafka's broker settings: type, default, what is allowed,
 * whether it may change while the broker runs, and what it does here. Each setting has a text in up to four layers; the
 * strongest that is set counts:
 *
 *     dynamic, this broker > dynamic, all brokers > static > the table's default
 *
 * and the static layer is written in the order file, environment, command line, so the last of these wins. Settings
 * that the broker's code acts on are also kept as typed fields of struct config, by offsetof; whoever needs another one
 * adds a field here and names it in the row. The topic settings, and what of the above is their default, are in
 * topic_config.h. */
#ifndef DOHLE_BROKER_CONFIG_H
#define DOHLE_BROKER_CONFIG_H

#include "../protocol/arena.h"
#include "../protocol/wire.h"
#include "../storage/log.h"
#include "config_value.h"
#include "listener_config.h"

/* Where a value comes from; numbers of the protocol (DescribeConfigs, config_source). */
enum config_source {
    CONFIG_DYNAMIC_TOPIC = 1,
    CONFIG_DYNAMIC_BROKER = 2,
    CONFIG_DYNAMIC_DEFAULT_BROKER = 3,
    CONFIG_STATIC_BROKER = 4,
    CONFIG_DEFAULT = 5,
    CONFIG_DYNAMIC_LOGGER = 6,
    CONFIG_DYNAMIC_CLIENT_METRICS = 7,
    CONFIG_DYNAMIC_GROUP = 8,
};

enum config_dynamic {
    CONFIG_FIXED,      /* needs a restart */
    CONFIG_PER_BROKER, /* may change for one broker, or for all */
    CONFIG_CLUSTER,    /* the same; Kafka means it for all */
};

/* What a setting does here. */
enum config_effect {
    CONFIG_SERVED,      /* what it does in Kafka */
    CONFIG_LATER,       /* its feature is not served yet: accepted, described, without effect */
    CONFIG_UNUSED,      /* about threads, other brokers or the Java machine: nothing to do on a single node */
    CONFIG_REFUSED_TLS, /* promises safety that is not built yet: any value but the default refuses to start */
    CONFIG_REFUSED_SASL,
    CONFIG_REFUSED_AUTHORIZER,
    CONFIG_REFUSED_JAVA, /* names a Java class, which cannot run here */
    CONFIG_REFUSED_TIERED,
};

/* A row of the table. */
struct config_definition {
    const char *name;
    enum config_type type;
    const char *default_text; /* canonical; NULL: null */
    const char *allowed;      /* see config_value.h */
    enum config_dynamic dynamic;
    bool internal; /* parsed, but not shown to clients, as in Kafka */
    enum config_effect effect;
    size_t field;              /* offset in struct config; 0: none */
    const char *documentation; /* NULL: what config_documentation() says for its effect */
};

extern const struct config_definition config_definitions[]; /* sorted by name */
extern const int config_definitions_count;

#define CONFIG_LAYERS 3 /* dynamic broker, dynamic default, static */

/* The texts of one setting by layer, index source - CONFIG_DYNAMIC_BROKER; NULL where not set. */
struct config_setting {
    char *layers[CONFIG_LAYERS];  /* canonical */
    char *written[CONFIG_LAYERS]; /* as it was given: what Kafka lists among the synonyms */
    char *origin; /* of the static layer, for people: "server.properties:12", "KAFKA_NUM_PARTITIONS", "--port" */
};

/* listener.name.NAME.SETTING of a setting that one listener may have for itself. */
struct config_of_listener {
    char *name; /* the whole */
    int32_t value;
};

struct config {
    struct config_setting *settings; /* one for each row of the table */

    struct config_of_listener *of_listeners; /* settings of one listener that have an effect, as they were set */
    int32_t of_listeners_count;

    /* Who and where. Set by config_finish(). */
    struct listener *listeners; /* for clients; at least one */
    int32_t listeners_count;
    char **log_dirs; /* log.dirs or log.dir; at least one */
    int32_t log_dirs_count;
    bool ephemeral; /* --ephemeral: the data folder is a temporary one, nothing is synced; set by options.c */

    /* Typed copies; strings are borrowed from the settings, NULL when not set. */
    int32_t node_id;
    const char *broker_rack;
    const char *inter_broker_listener_name;
    const char *metadata_log_dir; /* after config_finish() never NULL: the first of log_dirs unless set */

    int64_t connections_max_idle_ms; /* negative: never */
    int32_t max_connections;
    int32_t max_connections_per_ip;
    const char *max_connections_per_ip_overrides; /* see connection_quotas.h */
    int32_t max_connection_creation_rate;
    int32_t quota_window_num, quota_window_size_seconds;
    int32_t controller_quota_window_num, controller_quota_window_size_seconds;
    int32_t telemetry_max_bytes;
    int64_t queued_max_request_bytes; /* -1: the broker's own budget */
    int32_t socket_listen_backlog_size;
    int32_t socket_receive_buffer_bytes; /* -1: the system's */
    int32_t socket_send_buffer_bytes;    /* -1: the system's */
    int32_t socket_request_max_bytes;

    bool auto_create_topics_enable;
    bool delete_topic_enable;
    int32_t default_replication_factor;
    int32_t num_partitions;
    int32_t max_request_partition_size_limit;

    int32_t fetch_max_bytes;
    int32_t max_incremental_fetch_session_cache_slots;

    int32_t group_initial_rebalance_delay_ms;
    int32_t group_min_session_timeout_ms, group_max_session_timeout_ms;
    int32_t group_max_size;
    int32_t offset_metadata_max_bytes;
    int32_t offsets_retention_minutes;
    int64_t offsets_retention_check_interval_ms;
    int32_t offsets_topic_compression_codec;
    int32_t offsets_topic_num_partitions;
    int32_t offsets_topic_replication_factor;
    int32_t offsets_topic_segment_bytes;

    int32_t transaction_abort_timed_out_interval_ms;
    int32_t transaction_max_timeout_ms;
    bool transaction_partition_verification_enable;
    int32_t transaction_remove_expired_interval_ms;
    int32_t transaction_state_log_min_isr;
    int32_t transaction_state_log_num_partitions;
    int32_t transaction_state_log_replication_factor;
    int32_t transaction_state_log_segment_bytes;
    bool transaction_two_phase_commit_enable;
    int32_t transactional_id_expiration_ms;

    struct cleaner_config log_cleaner;
    int32_t log_flush_offset_checkpoint_interval_ms;
    int32_t log_flush_start_offset_checkpoint_interval_ms;
    int64_t log_retention_check_interval_ms;
    int64_t log_initial_task_delay_ms;
    int64_t replica_high_watermark_checkpoint_interval_ms;
    int32_t producer_id_expiration_ms;
    int32_t producer_id_expiration_check_interval_ms;
    int64_t metadata_log_max_record_bytes_between_snapshots;
    int64_t metadata_log_max_snapshot_interval_ms;
    int32_t metadata_log_segment_bytes;
    int64_t metadata_log_segment_ms;
    int64_t metadata_max_retention_bytes, metadata_max_retention_ms;
};

/* All defaults. Then config_set() for what is configured, then config_finish() once. */
void config_init(struct config *config);
void config_release(struct config *config);

/* The row of a name, -1 when Kafka has no such setting. */
int config_find(struct kp_string name);
/* The name in the table that is most like `name`, NULL when none is near. */
const char *config_nearest(const char *name);
/* Is it one of the listener-prefixed forms, listener.name.NAME.(ssl.|sasl.)...? Returns the row of the plain name or
 * -1. */
int config_find_prefixed(const char *name);

/* Set a static value. `origin` says where it stands, for people. On failure false, and `error` (CONFIG_ERROR_SIZE) is
 * what the value must be; an unknown name is a failure too. The form for one listener is checked like the plain one;
 * it has an effect for max.connections and max.connection.creation.rate. */
bool config_set(struct config *config, const char *name, const char *value, const char *origin,
                char *error) WARN_UNUSED;

/* Set (value NULL: remove) a dynamic value, in layer CONFIG_DYNAMIC_BROKER or CONFIG_DYNAMIC_DEFAULT_BROKER, from a
 * record or a request. Takes effect at once. On failure false, nothing changed, and `error` says why. Whether the
 * setting may be dynamic is for the caller to ask: config_definitions[].dynamic. */
bool config_set_dynamic(struct config *config, enum config_source layer, struct kp_string name, const char *value,
                        char *error) WARN_UNUSED;

/* Check what concerns several settings, refuse what promises safety that is not built, and set listeners, log_dirs and
 * metadata_log_dir. On failure false, and `error` (CONFIG_ERROR_SIZE) is one line that names setting and origin. */
bool config_finish(struct config *config, char *error) WARN_UNUSED;

/* Let `path` take the place of log.dirs and metadata.log.dir, after config_finish(): an ephemeral run. */
void config_use_folder(struct config *config, const char *path);

/* The text that counts, canonical; NULL when null. Valid until the setting changes. */
const char *config_text(const struct config *config, int setting);
/* Where that text comes from. */
enum config_source config_text_source(const struct config *config, int setting);

/* ---- as DescribeConfigs wants it --------------------------------------------------------------------------------- */

struct config_synonym {
    const char *name;
    const char *value; /* NULL: null, or sensitive */
    enum config_source source;
};

/* One setting as it is told to clients. */
struct config_entry {
    const char *name;
    const char *value; /* NULL: null, or sensitive */
    bool read_only;
    bool sensitive;
    enum config_source source;
    enum config_type type;
    const char *documentation;
    struct config_synonym *synonyms; /* all texts that were looked at, strongest first */
    int32_t synonyms_count;
};

/* Describe the broker setting of row `setting`. Internal ones (config_definitions[].internal) are the caller's to skip.
 * The entry borrows from `config`; its synonyms are in `arena`. False when the arena's limit is reached. */
bool config_describe(const struct config *config, int setting, struct arena *arena,
                     struct config_entry *entry) WARN_UNUSED;

/* The same for the resource that stands for all brokers: only what has a value in layer CONFIG_DYNAMIC_DEFAULT_BROKER,
 * and nothing of the other layers. *is_set says whether it has. */
bool config_describe_default(const struct config *config, int setting, struct arena *arena, struct config_entry *entry,
                             bool *is_set) WARN_UNUSED;

/* A sentence about the setting. Static text. */
const char *config_documentation(const struct config_definition *definition);

#define CONFIG_SYNONYM_NAMES_MAX 3

/* The settings that stand for one quantity, by falling precedence: {"log.retention.ms", "log.retention.minutes",
 * "log.retention.hours"} for each of the three; for all others the name alone. `rows` are rows of the table. Returns
 * how many. */
int config_synonym_rows(int setting, int rows[CONFIG_SYNONYM_NAMES_MAX]);

/* Append to `synonyms` the texts of all layers of the given rows as Kafka lists them: layer by layer, and only from the
 * first one on whose name is that of rows' owner `name`. Room for (CONFIG_LAYERS + 1) * rows_count is needed. Returns
 * how many. */
int32_t config_list_synonyms(const struct config *config, const char *name, const int *rows, int rows_count,
                             struct config_synonym *synonyms);

#endif
