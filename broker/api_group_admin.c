/* ListGroups, DescribeGroups, DeleteGroups: what administrators ask of groups. */
#include "api.h"
#include "asked_names.h"
#include "authorized_operations.h"
#include "broker.h"
#include "coord/classic_group.h"
#include "group_coordinator.h"
#include "limits.h"
#include "outcome.h"

#include <string.h>
#include <strings.h>

/* ---- ListGroups ----------------------------------------------------------------------------------------------------- */

/* Without what Java trims: control characters and spaces. */
static struct kp_string trimmed(struct kp_string text)
{
    while (text.size > 0 && (unsigned char)text.data[text.size - 1] <= ' ')
        text.size--;
    while (text.size > 0 && (unsigned char)text.data[0] <= ' ') {
        text.data++;
        text.size--;
    }
    return text;
}

/* Do the names, without regard to case, have this one? An empty list has all. */
static bool names_have(const struct kp_string *names, int32_t count, const char *name)
{
    bool found = count <= 0;
    for (int32_t i = 0; i < count && !found; i++) {
        struct kp_string asked = trimmed(names[i]);
        found = (size_t)asked.size == strlen(name) && strncasecmp(asked.data, name, strlen(name)) == 0;
    }
    return found;
}

static bool is_asked_for(const struct kp_list_groups_request *body, const struct group *group)
{
    return names_have(body->states_filter, body->states_filter_count, group_state_name(group)) &&
           names_have(body->types_filter, body->types_filter_count, group_type_name(group->type));
}

/* Kafka knows the protocol of the other kinds by their kind. */
static struct kp_string protocol_type_of(const struct group *group)
{
    if (group->type != GROUP_CLASSIC)
        return kp_string_of(group_type_name(group->type));
    return group->classic.protocol_type.size < 0 ? KP_EMPTY_STRING : group->classic.protocol_type;
}

void api_list_groups(struct request *request)
{
    const struct kp_list_groups_request *body = request->body;
    const struct groups *groups = request->broker->groups->groups;
    struct kp_list_groups_response response = kp_list_groups_response_default;
    if (!coordinator_all_loaded(request->broker->groups->executor)) {
        response.error_code = KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
        request_respond(request, &response);
        return;
    }
    response.groups = arena_alloc(&request->arena, groups->by_id.count * sizeof *response.groups);
    if (!response.groups) {
        request_close(request, NO_MEMORY);
        return;
    }
    list_for_each (&groups->all, node) {
        const struct group *group = CONTAINER_OF(node, struct group, link);
        if (is_asked_for(body, group))
            response.groups[response.groups_count++] = (struct kp_list_groups_response_groups){
                group->id, protocol_type_of(group), kp_string_of(group_state_name(group)),
                kp_string_of(group_type_name(group->type))};
    }
    request_respond(request, &response);
}

/* ---- DescribeGroups ------------------------------------------------------------------------------------------------- */

static bool describe_member(struct request *request, const struct group_member *member, bool stable,
                            struct kp_describe_groups_response_groups_members *to)
{
    *to = (struct kp_describe_groups_response_groups_members){
        .member_id = member->id,
        .group_instance_id = member->instance_id,
        .client_id = member->client_id,
        .client_host = member->client_host,
        .member_metadata = stable ? group_member_metadata(member) : (struct kp_bytes){NULL, 0},
        .member_assignment = member->assignment,
    };
    return request_keep(request, &to->member_id) && request_keep(request, &to->group_instance_id) &&
           request_keep(request, &to->client_id) && request_keep(request, &to->client_host) &&
           request_keep_bytes(request, &to->member_metadata) && request_keep_bytes(request, &to->member_assignment);
}

/* What members said of themselves is shown when all of them have been assigned something. */
static bool describe_members(struct request *request, const struct classic_group *classic,
                             struct kp_describe_groups_response_groups *answer)
{
    bool stable = classic->state == CLASSIC_STABLE;
    struct kp_describe_groups_response_groups_members *to =
        arena_calloc(&request->arena, (size_t)classic->members_count, sizeof *to);
    answer->members = to;
    answer->members_count = classic->members_count;
    list_for_each (&classic->members, node) {
        const struct group_member *member = CONTAINER_OF(node, struct group_member, link);
        if (!to || !describe_member(request, member, stable, to++))
            return false;
    }
    return true;
}

/* False: no memory for it. */
static bool describe(struct request *request, struct kp_string id, struct kp_describe_groups_response_groups *answer)
{
    struct group_coordinator *coordinator = request->broker->groups;
    const struct kp_describe_groups_request *body = request->body;
    int32_t shard;
    answer->group_id = id;
    enum kafka_error error = group_coordinator_shard(coordinator, id, &shard);
    const struct group *group = error == KAFKA_NONE ? groups_find(coordinator->groups, id) : NULL;
    answer->error_code = (int16_t)error;
    if (error != KAFKA_NONE)
        return true;
    bool found = group && group->type == GROUP_CLASSIC, told = request->header.api_version >= 6; /* KIP-1043 */
    if (body->include_authorized_operations && (found || !told))
        answer->authorized_operations = GROUP_OPERATIONS;
    if (!found) {
        answer->group_state = kp_string_of("Dead");
        if (told) {
            answer->error_code = KAFKA_GROUP_ID_NOT_FOUND;
            char *message = arena_printf(&request->arena, "Group %.*s %s.", (int)id.size, id.data,
                                         group ? "is not a classic group" : "not found");
            answer->error_message = kp_string_of(message);
        }
        return true;
    }
    answer->group_state = kp_string_of(group_state_name(group));
    answer->protocol_type = protocol_type_of(group);
    if (group->classic.state == CLASSIC_STABLE && group->classic.protocol_name.size >= 0)
        answer->protocol_data = group->classic.protocol_name;
    return request_keep(request, &answer->protocol_type) && request_keep(request, &answer->protocol_data) &&
           describe_members(request, &group->classic, answer);
}

void api_describe_groups(struct request *request)
{
    const struct kp_describe_groups_request *body = request->body;
    struct kp_describe_groups_response response = kp_describe_groups_response_default;
    response.groups = arena_alloc(&request->arena, (size_t)body->groups_count * sizeof *response.groups);
    bool fits = response.groups != NULL;
    for (int32_t i = 0, done = 0; i < body->groups_count && fits && request_pause(request, done); i++) {
        struct kp_describe_groups_response_groups *group = &response.groups[response.groups_count++];
        *group = kp_describe_groups_response_groups_default;
        fits = describe(request, body->groups[i], group);
        done = 2 + 4 * group->members_count;
    }
    if (fits)
        request_respond(request, &response);
    else
        request_close(request, NO_MEMORY);
}

/* ---- DeleteGroups --------------------------------------------------------------------------------------------------- */

/* A group that is deleted is an append, and takes as long as so many that are not there. */
#define DELETION_ITEMS 32

static enum kafka_error delete_group(struct request *request, struct kp_string id)
{
    struct group_coordinator *coordinator = request->broker->groups;
    int32_t shard;
    enum kafka_error error = group_coordinator_shard(coordinator, id, &shard);
    if (error == KAFKA_NONE)
        error = groups_delete(coordinator->groups, id);
    if (error == KAFKA_NONE)
        coordinator_hold(coordinator->executor, shard, request);
    return error;
}

void api_delete_groups(struct request *request)
{
    const struct kp_delete_groups_request *body = request->body;
    struct kp_delete_groups_response response = kp_delete_groups_response_default;
    size_t count = (size_t)body->groups_names_count;
    struct asked_names names;
    if (count > CHANGES_AT_ONCE_MAX && !request_in_parts(request))
        return;
    response.results = arena_alloc(&request->arena, count * sizeof *response.results);
    if (!response.results || !asked_names_init(&names, request, count)) {
        request_close(request, NO_MEMORY);
        return;
    }
    enum kafka_error error = KAFKA_NONE;
    for (size_t i = 0; i < count && request_pause(request, error == KAFKA_NONE ? DELETION_ITEMS : 1); i++) {
        struct kp_string id = body->groups_names[i];
        if (!asked_names_note(&names, id))
            continue;
        error = delete_group(request, id);
        response.results[response.results_count++] = (struct kp_delete_groups_response_results){
            .group_id = id, .error_code = (int16_t)error, .error_message = KP_NULL_STRING};
    }
    asked_names_release(&names);
    request_respond(request, &response);
}
