/* GetTelemetrySubscriptions and PushTelemetry (KIP-714), answered and not advertised; see telemetry.h. */
#include "api.h"
#include "broker.h"
#include "outcome.h"

#include <string.h>

/* What Kafka would rather have first: zstd, lz4, gzip, snappy. */
static int8_t COMPRESSION_TYPES[] = {4, 3, 1, 2};

static int64_t now_ms(const struct request *request)
{
    return request->broker->env->now(request->broker->env).mono_ms;
}

void api_get_telemetry_subscriptions(struct request *request)
{
    const struct kp_get_telemetry_subscriptions_request *body = request->body;
    struct kp_get_telemetry_subscriptions_response response = kp_get_telemetry_subscriptions_response_default;
    struct telemetry_subscription subscription;
    struct kp_uuid id = body->client_instance_id;
    if (kp_uuid_is_zero(id))
        env_random_uuid(request->broker->env, &id);
    if (!telemetry_subscribe(request, id, &subscription)) {
        request_close(request, NO_MEMORY);
        return;
    }
    struct telemetry_instance *instance = telemetry_instance(request, id, &subscription);
    enum kafka_error error = telemetry_get(instance, now_ms(request));
    response.error_code = (int16_t)error;
    if (error == KAFKA_NONE) {
        response.client_instance_id = id;
        response.subscription_id = instance->subscription_id;
        response.accepted_compression_types = COMPRESSION_TYPES;
        response.accepted_compression_types_count = (int32_t)COUNT_OF(COMPRESSION_TYPES);
        response.push_interval_ms = instance->interval_ms;
        response.telemetry_max_bytes = request->broker->config->telemetry_max_bytes;
        response.delta_temporality = true;
        response.requested_metrics = subscription.metrics;
        response.requested_metrics_count = subscription.metrics_count;
    }
    request_respond(request, &response);
}

/* An id that Kafka gives to nobody: zero, and that of the metadata log. */
static bool is_reserved(struct kp_uuid id)
{
    static const struct kp_uuid metadata_log = {{[15] = 1}};
    return kp_uuid_is_zero(id) || kp_uuid_equal(id, metadata_log);
}

void api_push_telemetry(struct request *request)
{
    const struct kp_push_telemetry_request *body = request->body;
    struct kp_push_telemetry_response response = {.error_code = KAFKA_INVALID_REQUEST};
    struct telemetry_subscription subscription;
    if (!is_reserved(body->client_instance_id)) {
        if (!telemetry_subscribe(request, body->client_instance_id, &subscription)) {
            request_close(request, NO_MEMORY);
            return;
        }
        struct telemetry_instance *instance = telemetry_instance(request, body->client_instance_id, &subscription);
        response.error_code =
            (int16_t)telemetry_push(instance, body, request->broker->config->telemetry_max_bytes, now_ms(request));
    }
    request_respond(request, &response);
}
