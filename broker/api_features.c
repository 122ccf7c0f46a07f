/* UpdateFeatures: finalize levels of features, which are told by ApiVersions (KIP-584).
 *
 * All updates of a request are one change, or none is made. A level that is finalized counts at once, for what is
 * written from then on: catalog.h has what depends on it. Levels of features that are not served are refused, as Kafka
 * refuses those that one of its brokers does not know. */
#include "api.h"
#include "asked_names.h"
#include "controller.h"
#include "features.h"
#include "outcome.h"

enum upgrade_type { UPGRADE = 1, SAFE_DOWNGRADE = 2, UNSAFE_DOWNGRADE = 3 };

static struct outcome refuse_level(struct request *request, struct kp_string name, int16_t level, const char *why)
{
    return refused(KAFKA_INVALID_UPDATE_VERSION,
                   arena_printf(&request->arena, "%.*s cannot be %d: %s", (int)name.size, name.data, level, why));
}

/* Version 0 knows but one kind of downgrade. */
static int8_t upgrade_type(const struct request *request,
                           const struct kp_update_features_request_feature_updates *update)
{
    if (request->header.api_version > 0)
        return update->upgrade_type;
    return update->allow_downgrade ? SAFE_DOWNGRADE : UPGRADE;
}

static struct outcome check_update(struct request *request,
                                   const struct kp_update_features_request_feature_updates *update)
{
    const struct feature *feature = feature_find(update->feature);
    int8_t type = upgrade_type(request, update);
    int16_t level = update->max_version_level;
    if (type < UPGRADE || type > UNSAFE_DOWNGRADE)
        return refuse_level(request, update->feature, level, "there is no such type of upgrade");
    if (feature == NULL)
        return refuse_level(request, update->feature, level, "the feature is not served here");
    if (level < feature->min_level || level > feature->max_level)
        return refuse_level(
            request, update->feature, level,
            arena_printf(&request->arena, "levels %d to %d are served", feature->min_level, feature->max_level));
    int16_t current = catalog_feature_level(request->broker->catalog, feature->name);
    if (level > current && type != UPGRADE)
        return refuse_level(request, update->feature, level, "that is no downgrade");
    if (level < current && type == UPGRADE)
        return refuse_level(request, update->feature, level, "that is a downgrade, and must be asked for as one");
    bool of_metadata = kp_string_is(update->feature, "metadata.version");
    if (of_metadata && level < current && metadata_version_changes_records(level, current))
        return refuse_level(request, update->feature, level, "it does not know what the metadata may have by now");
    return ACCEPTED;
}

static void add_level(struct metadata_batch *batch, struct kp_string name, int16_t level)
{
    struct kp_feature_level_record record = {.name = name, .feature_level = level};
    metadata_batch_add(batch, &kp_feature_level_record_schema, 0, &record);
}

/* Check all, and commit what changes unless the request only validates. Of a feature that is named twice the last
 * update counts, as in Kafka. */
static struct outcome update_all(struct request *request)
{
    const struct kp_update_features_request *body = request->body;
    struct outcome outcome = ACCEPTED;
    struct metadata_batch batch;
    struct asked_names seen;
    if (!asked_names_init(&seen, request, (size_t)body->feature_updates_count))
        return refused(KAFKA_UNKNOWN_SERVER_ERROR, NO_MEMORY);
    controller_begin(request->broker, &batch);
    for (int32_t i = body->feature_updates_count - 1; i >= 0 && outcome.error == KAFKA_NONE; i--) {
        const struct kp_update_features_request_feature_updates *update = &body->feature_updates[i];
        if (!asked_names_note(&seen, update->feature))
            continue;
        outcome = check_update(request, update);
        if (outcome.error == KAFKA_NONE)
            add_level(&batch, update->feature, update->max_version_level);
    }
    asked_names_release(&seen);
    if (outcome.error != KAFKA_NONE || body->validate_only)
        metadata_batch_release(&batch);
    else
        outcome.error = controller_commit(request->broker, &batch, request);
    return outcome;
}

void api_update_features(struct request *request)
{
    const struct kp_update_features_request *body = request->body;
    struct kp_update_features_response response = kp_update_features_response_default;
    struct outcome outcome = update_all(request);
    response.error_code = (int16_t)outcome.error;
    response.error_message = kp_string_of(outcome.message);
    response.results = arena_calloc(&request->arena, (size_t)body->feature_updates_count, sizeof *response.results);
    if (response.results == NULL) {
        request_close(request, NO_MEMORY);
        return;
    }
    for (int32_t i = 0; i < body->feature_updates_count && outcome.error == KAFKA_NONE; i++)
        response.results[response.results_count++] = (struct kp_update_features_response_results){
            .feature = body->feature_updates[i].feature, .error_message = kp_string_of("No error.")};
    request_respond(request, &response);
}
