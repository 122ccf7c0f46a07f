/* Frames to handlers.
 *
 * What Kafka closes we close: an unknown key, a version outside of the range, a body that cannot be decoded.
 * ApiVersions in an unknown version is the exception: a newer client learns from the answer, in version 0, what we
 * speak. Bytes behind a body are ignored, as Kafka ignores them. */
#include "dispatch.h"

#include "api.h"
#include "broker.h"
#include "limits.h"
#include "request.h"

#include <stdarg.h>

static const struct {
    int16_t key;
    api_handler handle;
} HANDLERS[] = {
    {KP_API_PRODUCE,                       api_produce                      },
    {KP_API_FETCH,                         api_fetch                        },
    {KP_API_LIST_OFFSETS,                  api_list_offsets                 },
    {KP_API_METADATA,                      api_metadata                     },
    {KP_API_OFFSET_COMMIT,                 api_offset_commit                },
    {KP_API_OFFSET_FETCH,                  api_offset_fetch                 },
    {KP_API_FIND_COORDINATOR,              api_find_coordinator             },
    {KP_API_JOIN_GROUP,                    api_join_group                   },
    {KP_API_HEARTBEAT,                     api_heartbeat                    },
    {KP_API_LEAVE_GROUP,                   api_leave_group                  },
    {KP_API_SYNC_GROUP,                    api_sync_group                   },
    {KP_API_DESCRIBE_GROUPS,               api_describe_groups              },
    {KP_API_LIST_GROUPS,                   api_list_groups                  },
    {KP_API_API_VERSIONS,                  api_api_versions                 },
    {KP_API_CREATE_TOPICS,                 api_create_topics                },
    {KP_API_DELETE_TOPICS,                 api_delete_topics                },
    {KP_API_DELETE_RECORDS,                api_delete_records               },
    {KP_API_OFFSET_FOR_LEADER_EPOCH,       api_offset_for_leader_epoch      },
    {KP_API_INIT_PRODUCER_ID,              api_init_producer_id             },
    {KP_API_ADD_PARTITIONS_TO_TXN,         api_add_partitions_to_txn        },
    {KP_API_ADD_OFFSETS_TO_TXN,            api_add_offsets_to_txn           },
    {KP_API_END_TXN,                       api_end_txn                      },
    {KP_API_WRITE_TXN_MARKERS,             api_write_txn_markers            },
    {KP_API_TXN_OFFSET_COMMIT,             api_txn_offset_commit            },
    {KP_API_DESCRIBE_CONFIGS,              api_describe_configs             },
    {KP_API_ALTER_CONFIGS,                 api_alter_configs                },
    {KP_API_ALTER_REPLICA_LOG_DIRS,        api_alter_replica_log_dirs       },
    {KP_API_DESCRIBE_LOG_DIRS,             api_describe_log_dirs            },
    {KP_API_CREATE_PARTITIONS,             api_create_partitions            },
    {KP_API_DELETE_GROUPS,                 api_delete_groups                },
    {KP_API_ELECT_LEADERS,                 api_elect_leaders                },
    {KP_API_INCREMENTAL_ALTER_CONFIGS,     api_incremental_alter_configs    },
    {KP_API_ALTER_PARTITION_REASSIGNMENTS, api_alter_partition_reassignments},
    {KP_API_LIST_PARTITION_REASSIGNMENTS,  api_list_partition_reassignments },
    {KP_API_OFFSET_DELETE,                 api_offset_delete                },
    {KP_API_DESCRIBE_QUORUM,               api_describe_quorum              },
    {KP_API_UPDATE_FEATURES,               api_update_features              },
    {KP_API_DESCRIBE_CLIENT_QUOTAS,        api_describe_client_quotas       },
    {KP_API_ALTER_CLIENT_QUOTAS,           api_alter_client_quotas          },
    {KP_API_DESCRIBE_CLUSTER,              api_describe_cluster             },
    {KP_API_DESCRIBE_PRODUCERS,            api_describe_producers           },
    {KP_API_UNREGISTER_BROKER,             api_unregister_broker            },
    {KP_API_DESCRIBE_TRANSACTIONS,         api_describe_transactions        },
    {KP_API_LIST_TRANSACTIONS,             api_list_transactions            },
    {KP_API_LIST_CONFIG_RESOURCES,         api_list_config_resources        },
    {KP_API_DESCRIBE_TOPIC_PARTITIONS,     api_describe_topic_partitions    },
    {KP_API_GET_TELEMETRY_SUBSCRIPTIONS,   api_get_telemetry_subscriptions  },
    {KP_API_PUSH_TELEMETRY,                api_push_telemetry               },
};

/* APIs whose handlers work in parts, however much there is. */
static const int16_t IN_PARTS[] = {
    KP_API_METADATA,         KP_API_OFFSET_COMMIT,   KP_API_OFFSET_FETCH,
    KP_API_FIND_COORDINATOR, KP_API_DESCRIBE_GROUPS, KP_API_DELETE_GROUPS,
};

/* What a decoded body may take of a request that goes in parts. */
static size_t body_bytes_max(int16_t api_key)
{
    for (size_t i = 0; i < COUNT_OF(IN_PARTS); i++) {
        if (IN_PARTS[i] == api_key)
            return REQUEST_IN_PARTS_BYTES_MAX;
    }
    return REQUEST_BODY_BYTES_MAX;
}

api_handler dispatch_handler(int16_t api_key)
{
    for (size_t i = 0; i < COUNT_OF(HANDLERS); i++) {
        if (HANDLERS[i].key == api_key)
            return HANDLERS[i].handle;
    }
    return NULL;
}

bool dispatch_serves(int16_t api_key)
{
    /* Kafka answers these always, and says so only with a metrics reporter that takes what clients push */
    bool is_silent = api_key == KP_API_GET_TELEMETRY_SUBSCRIPTIONS || api_key == KP_API_PUSH_TELEMETRY;
    return !is_silent && dispatch_handler(api_key) != NULL;
}

/* Close with a reason made of text; it is used up within the call. */
static void refuse(struct request *request, const char *format, ...) PRINTF_LIKE(2, 3);
static void refuse(struct request *request, const char *format, ...)
{
    char reason[160];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    request_close(request, reason);
}

/* Have the request counted by quotas; one that is short of memory for that is not. */
static void count(struct request *request)
{
    struct kp_string *client_id = &request->header.client_id;
    request->counted = true;
    if (client_id->size <= 0)
        return;
    client_id->data = arena_copy(&request->arena, client_id->data, (size_t)client_id->size);
    request->counted = client_id->data != NULL;
}

/* Call the handler, and note for how long it keeps the loop busy: what is left when it is over is still to be answered.
 */
static void handle_counted(struct request *request, api_handler handle)
{
    struct broker *broker = request->broker;
    struct env *env = broker->env;
    broker->handling = request;
    broker->handling_began_ns = env->nanoseconds(env);
    handle(request);
    if (broker->handling != NULL)
        request->used_ns += env->nanoseconds(env) - broker->handling_began_ns;
    broker->handling = NULL;
}

void dispatch_handle(struct request *request)
{
    api_handler handle = dispatch_handler(request->header.api_key);
    if (request->counted)
        handle_counted(request, handle);
    else
        handle(request);
    if (request->abandoned && !request_is_in_parts(request))
        parts_begin_again(request);
}

/* Decode the header, and find the handler. NULL: the request is refused, and over. */
static api_handler begin(struct request *request, struct kp_reader *reader)
{
    kp_reader_init(reader, request->frame, request->frame_bytes);
    if (!kp_request_header_decode(&request->header, reader)) {
        refuse(request, "its request header cannot be decoded: %s", kp_read_error_text(reader->error));
        return NULL;
    }
    if (quotas_set(&request->broker->quotas))
        count(request);
    int16_t key = request->header.api_key, version = request->header.api_version;
    api_handler handle = dispatch_handler(key);
    request->api = kp_api_find(key);
    if (handle == NULL) {
        refuse(request, "it sent a request of API %d (%s), which is not served", key,
               request->api == NULL ? "unknown" : request->api->name);
        return NULL;
    }
    if (!kp_versions_has(request->api->versions, version) && key != KP_API_API_VERSIONS) {
        refuse(request, "it sent %s in version %d; served are %d to %d", request->api->name, version,
               request->api->versions.first, request->api->versions.last);
        return NULL;
    }
    return handle;
}

/* Decode the body within a bound of memory. False: reader->error says why not. */
static bool decode_body(struct request *request, struct kp_reader *reader, size_t bytes_max)
{
    const struct kp_schema *schema = request->api->request;
    request->arena.limit_bytes = bytes_max;
    void *body = arena_alloc(&request->arena, schema->size);
    request->body = body;
    if (body == NULL)
        kp_reader_fail(reader, KP_READ_MEMORY);
    return body != NULL && kp_decode(schema, body, reader, request->header.api_version, &request->arena);
}

static void refuse_body(struct request *request, const struct kp_reader *reader)
{
    refuse(request, "its %s request in version %d cannot be decoded: %s%s%s", request->api->name,
           request->header.api_version, kp_read_error_text(reader->error), reader->field == NULL ? "" : ", field ",
           reader->field == NULL ? "" : reader->field);
}

/* Returns the name of what it did. */
static const char *handle_frame(struct peer *peer, uint8_t *frame, size_t size)
{
    static const char refused[] = "a refused request";
    struct request *request = request_new(peer);
    struct kp_reader reader;
    request->frame = frame;
    request->frame_bytes = size;
    api_handler handle = begin(request, &reader);
    if (handle == NULL)
        return refused;
    const char *name = request->api->name; /* the request may be gone when it is handled */
    if (!kp_versions_has(request->api->versions, request->header.api_version)) {
        request->header.api_version = 0;
        handle(request);
        return name;
    }
    bool decoded = decode_body(request, &reader, BODY_AT_ONCE_BYTES_MAX);
    request->arena.limit_bytes = REQUEST_ARENA_BYTES_MAX;
    if (!decoded && reader.error != KP_READ_MEMORY) {
        refuse_body(request, &reader);
        return refused;
    }
    if (request->api->key != KP_API_PRODUCE)
        log_store_write(peer->broker->store); /* it is to see what was appended before it */
    if (decoded)
        dispatch_handle(request);
    else
        parts_begin(request);
    return name;
}

void dispatch_in_parts(struct request *request, struct kp_pause *pause)
{
    struct kp_reader reader;
    if (begin(request, &reader) == NULL)
        return;
    reader.pause = pause;
    bool decoded = decode_body(request, &reader, body_bytes_max(request->header.api_key));
    request->arena.limit_bytes = REQUEST_IN_PARTS_BYTES_MAX;
    if (decoded)
        dispatch_handle(request);
    else
        refuse_body(request, &reader);
}

void broker_handle_frame(struct peer *peer, uint8_t *frame, size_t size)
{
    struct turn *turn = peer->broker->env->turn;
    turn_did(turn, handle_frame(peer, frame, size));
}

void broker_frames_handled(struct peer *peer)
{
    struct broker *broker = peer->broker;
    peer->more_follows = false;
    if (!log_store_waits(broker->store))
        return;
    log_store_write(broker->store);
    turn_did(broker->env->turn, "writing what was produced");
}
