/* ApiVersions, DescribeCluster and UnregisterBroker: who is this, what does it speak, and who is gone for good. */
#include "api.h"
#include "authorized_operations.h"
#include "controller.h"
#include "dispatch.h"
#include "features.h"
#include "outcome.h"

#include <ctype.h>

#define CLIENT_ENDPOINT     1
#define CONTROLLER_ENDPOINT 2

/* Old librdkafka takes a broker that does not list Produce 0 for one that knows no record batches (KAFKA-18659); asked
 * for, those versions are refused, by Kafka too. */
#define PRODUCE_LISTED_FROM 0

static struct kp_api_versions_response_api_keys listed(const struct kp_api *api)
{
    return (struct kp_api_versions_response_api_keys){
        .api_key = api->key,
        .min_version = api->key == KP_API_PRODUCE ? PRODUCE_LISTED_FROM : api->versions.first,
        .max_version = api->versions.last,
    };
}

/* KIP-511: what clients call themselves goes into logs and metrics. */
static bool software_name_is_valid(struct kp_string name)
{
    for (int32_t i = 0; i < name.size; i++) {
        unsigned char c = (unsigned char)name.data[i];
        bool inner = i > 0 && i < name.size - 1;
        if (!(c < 0x80 && isalnum(c)) && !(inner && (c == '-' || c == '.')))
            return false;
    }
    return name.size > 0;
}

/* KIP-1242: a client may say whom it believes to talk to, both or neither of cluster and node. */
static enum kafka_error check_identity(const struct broker *broker, const struct kp_api_versions_request *body)
{
    bool says_cluster = body->cluster_id.size >= 0,
         says_node = body->node_id != kp_api_versions_request_default.node_id;
    if (!says_cluster && !says_node)
        return KAFKA_NONE;
    if (!says_cluster || !says_node)
        return KAFKA_INVALID_REQUEST;
    bool right = kp_string_is(body->cluster_id, broker->cluster_id) && body->node_id == broker->node_id;
    return right ? KAFKA_NONE : KAFKA_REBOOTSTRAP_REQUIRED;
}

static enum kafka_error check_versions_request(struct request *request)
{
    const struct kp_api_versions_request *body = request->body;
    if (!body)
        return KAFKA_UNSUPPORTED_VERSION;
    if (request->header.api_version < 3)
        return KAFKA_NONE;
    if (!software_name_is_valid(body->client_software_name) || !software_name_is_valid(body->client_software_version))
        return KAFKA_INVALID_REQUEST;
    snprintf(request->peer->client_software, sizeof request->peer->client_software, "%.*s %.*s",
             (int)body->client_software_name.size, body->client_software_name.data,
             (int)body->client_software_version.size, body->client_software_version.data);
    return check_identity(request->broker, body);
}

/* The APIs that are served; in an answer to an unknown version only this one, so that the client comes back with a
 * known one. */
static void list_apis(struct kp_api_versions_response *response,
                      struct kp_api_versions_response_api_keys keys[KP_APIS_COUNT])
{
    bool all = response->error_code == KAFKA_NONE;
    response->api_keys = keys;
    response->api_keys_count = 0;
    for (size_t i = 0; i < KP_APIS_COUNT; i++) {
        if (all ? dispatch_serves(kp_apis[i].key) : kp_apis[i].key == KP_API_API_VERSIONS)
            keys[response->api_keys_count++] = listed(&kp_apis[i]);
    }
}

/* Clients below version 4 fail on a lowest level of 0 (KIP-1022), and a feature at level 0 is not finalized. */
static void list_features(const struct request *request, struct kp_api_versions_response *response)
{
    for (size_t i = 0; i < FEATURES_COUNT; i++) {
        struct kp_string name = kp_string_of(features[i].name);
        int16_t level = catalog_feature_level(request->broker->catalog, features[i].name);
        if (features[i].min_level > 0 || request->header.api_version >= 4)
            response->supported_features[response->supported_features_count++] =
                (struct kp_api_versions_response_supported_features){name, features[i].min_level,
                                                                     features[i].max_level};
        if (level > 0)
            response->finalized_features[response->finalized_features_count++] =
                (struct kp_api_versions_response_finalized_features){name, level, level};
    }
}

void api_api_versions(struct request *request)
{
    const struct broker *broker = request->broker;
    struct kp_api_versions_response_api_keys keys[KP_APIS_COUNT];
    struct kp_api_versions_response_supported_features supported[FEATURES_COUNT];
    struct kp_api_versions_response_finalized_features finalized[FEATURES_COUNT];
    struct kp_api_versions_response response = kp_api_versions_response_default;
    response.error_code = check_versions_request(request);
    if (response.error_code == KAFKA_NONE || response.error_code == KAFKA_UNSUPPORTED_VERSION)
        list_apis(&response, keys);
    if (response.error_code == KAFKA_NONE) {
        response.supported_features = supported;
        response.finalized_features = finalized;
        response.finalized_features_epoch = metadata_log_end_offset(broker->metadata_log) - 1;
        list_features(request, &response);
    }
    request_respond(request, &response);
}

void api_describe_cluster(struct request *request)
{
    const struct kp_describe_cluster_request *body = request->body;
    const struct broker *broker = request->broker;
    struct kp_describe_cluster_response_brokers self = kp_describe_cluster_response_brokers_default;
    struct kp_describe_cluster_response response = kp_describe_cluster_response_default;
    char message[64];
    if (body->endpoint_type == CONTROLLER_ENDPOINT) {
        response.error_code = KAFKA_MISMATCHED_ENDPOINT_TYPE;
        response.error_message = kp_string_of("This is an endpoint for clients of brokers, not of controllers.");
    } else if (body->endpoint_type != CLIENT_ENDPOINT) {
        snprintf(message, sizeof message, "There is no endpoint type %d.", body->endpoint_type);
        response.error_code = KAFKA_UNSUPPORTED_ENDPOINT_TYPE;
        response.error_message = kp_string_of(message);
    } else {
        const char *host;
        peer_advertised_address(request->peer, &host, &self.port);
        self.broker_id = broker->node_id;
        self.host = kp_string_of(host);
        self.rack = kp_string_of(broker->config->broker_rack);
        response.cluster_id = kp_string_of(broker->cluster_id);
        response.controller_id = broker->node_id;
        response.brokers = &self;
        response.brokers_count = 1;
        if (body->include_cluster_authorized_operations)
            response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    request_respond(request, &response);
}

/* Forget a broker that is gone for good: a folder of a larger cluster may still name it. This node is the only one, and
 * stays: Kafka lets go of it too, and then leads nothing any more until it is started again. */
static struct outcome unregister(struct request *request, int32_t broker_id)
{
    struct broker *broker = request->broker;
    struct metadata_batch batch;
    if (broker_id == broker->node_id)
        return refused(KAFKA_INVALID_REQUEST, "This broker is the only one: it stays registered as long as it runs.");
    int64_t epoch = controller_broker_epoch(broker, broker_id);
    if (epoch < 0)
        return refused(KAFKA_BROKER_ID_NOT_REGISTERED,
                       arena_printf(&request->arena, "No broker %d is registered.", broker_id));
    controller_begin(broker, &batch);
    controller_unregister(&batch, broker_id, epoch);
    return refused(controller_commit(broker, &batch, request), NULL);
}

void api_unregister_broker(struct request *request)
{
    const struct kp_unregister_broker_request *body = request->body;
    struct kp_unregister_broker_response response = kp_unregister_broker_response_default;
    struct outcome outcome = unregister(request, body->broker_id);
    response.error_code = (int16_t)outcome.error;
    response.error_message = outcome.error == KAFKA_NONE ? KP_EMPTY_STRING : kp_string_of(outcome.message);
    request_respond(request, &response);
}
