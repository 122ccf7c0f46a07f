/* What members of a classic group ask for: JoinGroup, SyncGroup, Heartbeat, LeaveGroup, and whether they may commit.
 * See classic_group.c for what it does to the group. */
#include "classic_group.h"

#include "../limits.h"
#include "../logger.h"

#include <string.h>

/* A new member that waits in a round is removed after this time, as in Kafka: its connection may have broken. */
#define NEW_MEMBER_JOIN_TIMEOUT_MS (5 * 60 * 1000)

static void refuse_join(struct group_call *call, enum kafka_error error, struct kp_string member_id)
{
    struct kp_join_group_response response = classic_group_join_refusal(error, member_id);
    call->answer(call, &response);
}

static struct group_member *find_member(const struct classic_group *classic, struct kp_string id)
{
    struct group_member *member = group_member_find(classic, id);
    return member && !member->pending ? member : NULL;
}

/* Is this a member, and a static one the one that has its instance id now? */
static enum kafka_error check_member(const struct classic_group *classic, struct kp_string id,
                                     struct kp_string instance_id)
{
    if (instance_id.size >= 0) {
        const struct group_member *holder = group_member_find_static(classic, instance_id);
        if (!holder)
            return KAFKA_UNKNOWN_MEMBER_ID;
        if (!kp_string_equal(holder->id, id))
            return KAFKA_FENCED_INSTANCE_ID;
    }
    return find_member(classic, id) ? KAFKA_NONE : KAFKA_UNKNOWN_MEMBER_ID;
}

/* ---- JoinGroup ------------------------------------------------------------------------------------------------------ */

/* A join on its way. */
struct join {
    struct group *group;
    const struct group_client *client;
    const struct kp_join_group_request *request;
    struct group_call *call;
    int16_t version;
};

/* Is there room for this member? One that waits already keeps its place; while a round is prepared, whoever joins first
 * has one. */
static bool has_room(const struct group *group, struct kp_string member_id)
{
    const struct classic_group *classic = &group->classic;
    const struct group_member *member = find_member(classic, member_id);
    int32_t max = *group->groups->settings.max_size;
    switch (classic->state) {
    case CLASSIC_EMPTY:
        return true;
    case CLASSIC_PREPARING_REBALANCE:
        return (member && member->awaits_join) || classic->joining_count < max;
    case CLASSIC_COMPLETING_REBALANCE:
    case CLASSIC_STABLE:
        break;
    }
    return member || classic->members_count < max;
}

static size_t request_bytes(const struct kp_join_group_request *request)
{
    size_t bytes = sizeof(struct group_member);
    for (int32_t i = 0; i < request->protocols_count; i++)
        bytes += (size_t)request->protocols[i].name.size + (size_t)request->protocols[i].metadata.size;
    return bytes;
}

static bool offers_too_much(const struct groups *groups, const struct kp_join_group_request *request)
{
    return request->protocols_count > MEMBER_PROTOCOLS_MAX || request_bytes(request) > MEMBER_BYTES_MAX ||
           !groups_have_room(groups, request->group_id, request_bytes(request));
}

/* Returns what it offered before, which is the caller's. */
static struct member_protocols *update_member(const struct join *join, struct group_member *member)
{
    const struct kp_join_group_request *request = join->request;
    struct member_protocols *before =
        group_member_swap_protocols(member, member_protocols_new(request->protocols, request->protocols_count));
    member->rebalance_timeout_ms = request->rebalance_timeout_ms;
    member->session_timeout_ms = request->session_timeout_ms;
    group_member_await_join(member, join->call);
    return before;
}

/* A member that is not in yet: into the group, and into a round. */
static void add_member(const struct join *join, struct group_member *member)
{
    const struct kp_join_group_request *request = join->request;
    struct classic_group *classic = &join->group->classic;
    if (classic->state == CLASSIC_PREPARING_REBALANCE && classic->initial)
        classic->joined_meanwhile = true;
    group_member_enter(member, join->client, request->group_instance_id, request->protocol_type,
                       member_protocols_new(request->protocols, request->protocols_count));
    member->is_new = true;
    member->rebalance_timeout_ms = request->rebalance_timeout_ms;
    member->session_timeout_ms = request->session_timeout_ms;
    group_member_await_join(member, join->call);
    group_member_alive_for(member, NEW_MEMBER_JOIN_TIMEOUT_MS);
    classic_group_changed(join->group);
}

/* The answer to a member of the present generation. */
static void answer_current(const struct join *join, const struct group_member *member, bool with_members)
{
    bool fits;
    struct kp_join_group_response response =
        classic_group_joined(member, with_members ? join->call->arena : NULL, &fits);
    join->call->answer(join->call, fits ? &response : NULL);
}

/* What a static member was before another came in its place. */
struct replaced {
    struct kp_string id, leader; /* its own memory: its id, and whoever led */
    struct member_protocols *protocols;
    int32_t rebalance_timeout_ms, session_timeout_ms;
};

/* A static member came back in a stable group and changes nothing that the others would have to know: its new id is
 * stored, and it goes on with the assignment that it had. From version 9 on (KIP-814) a leader is told all members and
 * that they have their assignments; before, it is told that another one leads, its old id, so that it does not assign.
 * When that cannot be stored the member is again what it was, in `old`. */
static void replace_quietly(const struct join *join, struct group_member *member, struct replaced *old)
{
    bool tells_all = join->version >= 9, fits;
    enum kafka_error error = classic_group_store(join->group);
    if (error != KAFKA_NONE) {
        group_member_rename(member, old->id);
        old->protocols = group_member_swap_protocols(member, old->protocols);
        member->rebalance_timeout_ms = old->rebalance_timeout_ms;
        member->session_timeout_ms = old->session_timeout_ms;
        group_member_alive(member);
        group_member_refuse_join(member, error, KP_EMPTY_STRING);
        return;
    }
    struct kp_join_group_response response = classic_group_joined(member, tells_all ? join->call->arena : NULL, &fits);
    if (tells_all)
        response.skip_assignment = join->group->classic.leader == member;
    else
        response.leader = old->leader;
    group_member_joined(member, fits ? &response : NULL);
}

/* A static member joins without its member id: it was restarted. Whoever has its instance id is fenced. */
static void replace_static(const struct join *join, struct group_member *member, struct kp_string new_id)
{
    struct classic_group *classic = &join->group->classic;
    struct replaced old = {
        .id = coord_string_copy(member->id),
        .leader = coord_string_copy(classic->leader ? classic->leader->id : KP_EMPTY_STRING),
        .rebalance_timeout_ms = member->rebalance_timeout_ms,
        .session_timeout_ms = member->session_timeout_ms,
    };
    group_member_refuse_join(member, KAFKA_FENCED_INSTANCE_ID, member->id);
    group_member_refuse_sync(member, KAFKA_FENCED_INSTANCE_ID);
    group_member_rename(member, new_id);
    member->is_new = false;
    group_member_alive(member);
    old.protocols = update_member(join, member);
    if (classic->state == CLASSIC_PREPARING_REBALANCE)
        classic_group_complete_if_all_joined(join->group);
    else if (classic->state == CLASSIC_STABLE &&
             kp_string_equal(classic->protocol_name, classic_group_select_protocol(classic)))
        replace_quietly(join, member, &old);
    else
        classic_group_prepare(join->group);
    coord_string_free(old.id);
    coord_string_free(old.leader);
    free(old.protocols);
}

/* "NAME-UUID", in `id`. */
static struct kp_string make_member_id(const struct join *join, char id[KP_STRING_BYTES_MAX + 1])
{
    const struct kp_join_group_request *request = join->request;
    struct kp_string name = request->group_instance_id.size >= 0 ? request->group_instance_id : join->client->id;
    struct kp_uuid uuid;
    int size = name.size > KP_STRING_BYTES_MAX - 37 ? KP_STRING_BYTES_MAX - 37 : name.size;
    memcpy(id, name.data, (size_t)size);
    env_random_uuid(join->group->groups->host->env, &uuid);
    const uint8_t *b = uuid.bytes;
    size += snprintf(id + size, 38, "-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                     b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return (struct kp_string){id, size};
}

static void join_new(const struct join *join)
{
    const struct kp_join_group_request *request = join->request;
    struct classic_group *classic = &join->group->classic;
    char text[KP_STRING_BYTES_MAX + 1];
    if (!classic_group_supports(classic, request->protocol_type, request->protocols, request->protocols_count)) {
        refuse_join(join->call, KAFKA_INCONSISTENT_GROUP_PROTOCOL, KP_EMPTY_STRING);
        return;
    }
    struct kp_string id = make_member_id(join, text);
    struct group_member *holder =
        request->group_instance_id.size >= 0 ? group_member_find_static(classic, request->group_instance_id) : NULL;
    if (holder) {
        replace_static(join, holder, id);
        return;
    }
    struct group_member *member = group_member_new(join->group, id);
    if (request->group_instance_id.size < 0 && join->version >= 4) { /* KIP-394 */
        group_member_alive_for(member, request->session_timeout_ms);
        refuse_join(join->call, KAFKA_MEMBER_ID_REQUIRED, member->id);
        return;
    }
    add_member(join, member);
}

static bool offers_the_same(const struct group_member *member, const struct kp_join_group_request *request)
{
    struct member_protocols *offered = member_protocols_new(request->protocols, request->protocols_count);
    bool same = member_protocols_equal(member->protocols, offered);
    free(offered);
    return same;
}

static void rejoin(const struct join *join, struct group_member *member)
{
    struct group *group = join->group;
    bool leads = group->classic.leader == member;
    switch (group->classic.state) {
    case CLASSIC_EMPTY: /* none is a member of an empty group */
        refuse_join(join->call, KAFKA_UNKNOWN_MEMBER_ID, join->request->member_id);
        return;
    case CLASSIC_PREPARING_REBALANCE:
        break;
    case CLASSIC_COMPLETING_REBALANCE: /* it may not have got the answer to its join */
        if (offers_the_same(member, join->request)) {
            answer_current(join, member, leads);
            return;
        }
        break;
    case CLASSIC_STABLE: /* a leader joins anew when it wants to assign anew */
        if (!leads && offers_the_same(member, join->request)) {
            answer_current(join, member, false);
            return;
        }
        break;
    }
    free(update_member(join, member));
    classic_group_changed(group);
}

static void join_existing(const struct join *join)
{
    const struct kp_join_group_request *request = join->request;
    const struct classic_group *classic = &join->group->classic;
    struct group_member *member = group_member_find(classic, request->member_id);
    if (!classic_group_supports(classic, request->protocol_type, request->protocols, request->protocols_count)) {
        refuse_join(join->call, KAFKA_INCONSISTENT_GROUP_PROTOCOL, request->member_id);
        return;
    }
    if (member && member->pending) {
        if (request->group_instance_id.size >= 0) /* ids are handed out to dynamic members */
            refuse_join(join->call, KAFKA_UNKNOWN_SERVER_ERROR, KP_EMPTY_STRING);
        else
            add_member(join, member);
        return;
    }
    enum kafka_error error = check_member(classic, request->member_id, request->group_instance_id);
    if (error != KAFKA_NONE)
        refuse_join(join->call, error, request->member_id);
    else
        rejoin(join, member);
}

/* A group begins with a record that says that it is empty: a member of it may be told its id only when a restart would
 * know the group. */
static struct group *make_group(struct groups *groups, int32_t shard, struct kp_string id, enum kafka_error *error)
{
    struct group *group = groups_add(groups, id, shard);
    *error = classic_group_store(group);
    if (*error == KAFKA_NONE)
        return group;
    groups_remove(group);
    return NULL;
}

void classic_group_join(struct groups *groups, int32_t shard, const struct group_client *client, int16_t version,
                        const struct kp_join_group_request *request, struct group_call *call)
{
    struct join join = {groups_find(groups, request->group_id), client, request, call, version};
    bool unknown = request->member_id.size == 0;
    enum kafka_error error = KAFKA_UNKNOWN_MEMBER_ID;
    if (join.group && join.group->type != GROUP_CLASSIC) {
        refuse_join(call, KAFKA_INCONSISTENT_GROUP_PROTOCOL, KP_EMPTY_STRING);
        return;
    }
    bool too_much = offers_too_much(groups, request);
    if (!join.group && unknown && !too_much)
        join.group = make_group(groups, shard, request->group_id, &error);
    if ((join.group || unknown) && too_much) {
        refuse_join(call, KAFKA_GROUP_MAX_SIZE_REACHED, KP_EMPTY_STRING);
    } else if (!join.group) {
        refuse_join(call, error, request->member_id);
    } else if (!has_room(join.group, request->member_id)) {
        struct group_member *member = group_member_find(&join.group->classic, request->member_id);
        if (member)
            group_member_remove(member);
        refuse_join(call, KAFKA_GROUP_MAX_SIZE_REACHED, KP_EMPTY_STRING);
    } else if (unknown) {
        join_new(&join);
    } else {
        join_existing(&join);
    }
}

/* ---- SyncGroup ------------------------------------------------------------------------------------------------------ */

static void refuse_sync(struct group_call *call, enum kafka_error error)
{
    struct kp_sync_group_response response = kp_sync_group_response_default;
    response.error_code = (int16_t)error;
    call->answer(call, &response);
}

static bool differs(struct kp_string told, struct kp_string own)
{
    return told.size >= 0 && own.size >= 0 && !kp_string_equal(told, own);
}

static enum kafka_error check_sync(const struct classic_group *classic, const struct kp_sync_group_request *request)
{
    enum kafka_error error = check_member(classic, request->member_id, request->group_instance_id);
    if (error != KAFKA_NONE)
        return error;
    if (request->generation_id != classic->generation)
        return KAFKA_ILLEGAL_GENERATION;
    if (differs(request->protocol_type, classic->protocol_type) ||
        differs(request->protocol_name, classic->protocol_name))
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    return classic->state == CLASSIC_PREPARING_REBALANCE ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

static void clear_assignments(struct classic_group *classic)
{
    list_for_each (&classic->members, node)
        group_member_set_assignment(CONTAINER_OF(node, struct group_member, link), (struct kp_bytes){NULL, 0});
}

/* Is it more than a record of the group may have? Then it is not even copied. */
static bool assigns_too_much(const struct group *group, const struct kp_sync_group_request *request)
{
    const struct coord_host *host = group->groups->host;
    size_t bytes = 0;
    for (int32_t i = 0; i < request->assignments_count; i++)
        bytes += request->assignments[i].assignment.size > 0 ? (size_t)request->assignments[i].assignment.size : 0;
    return bytes > host->batch_bytes_max(host);
}

/* The leader's assignment counts for all once it is in the log. */
static void assign(struct group *group, const struct kp_sync_group_request *request)
{
    struct classic_group *classic = &group->classic;
    bool too_much = assigns_too_much(group, request);
    clear_assignments(classic);
    for (int32_t i = 0; i < request->assignments_count && !too_much; i++) {
        struct group_member *member = find_member(classic, request->assignments[i].member_id);
        if (member)
            group_member_set_assignment(member, request->assignments[i].assignment);
    }
    enum kafka_error error = too_much ? KAFKA_UNKNOWN_SERVER_ERROR : classic_group_store(group);
    if (error == KAFKA_NONE) {
        classic_group_answer_syncs(group, KAFKA_NONE);
        classic_group_enter(group, CLASSIC_STABLE);
        return;
    }
    clear_assignments(classic);
    classic_group_answer_syncs(group, error);
    classic_group_prepare(group);
}

void classic_group_sync(struct groups *groups, const struct kp_sync_group_request *request, struct group_call *call)
{
    struct group *group = groups_find(groups, request->group_id);
    struct classic_group *classic = group ? &group->classic : NULL;
    if (!group || group->type != GROUP_CLASSIC || classic->state == CLASSIC_EMPTY) {
        refuse_sync(call, KAFKA_UNKNOWN_MEMBER_ID);
        return;
    }
    enum kafka_error error = check_sync(classic, request);
    if (error != KAFKA_NONE) {
        refuse_sync(call, error);
        return;
    }
    struct group_member *member = group_member_find(classic, request->member_id);
    classic->unsynced_count -= member->owes_sync;
    member->owes_sync = false;
    if (classic->state == CLASSIC_COMPLETING_REBALANCE) {
        group_member_await_sync(member, call);
        if (classic->leader == member)
            assign(group, request);
        return;
    }
    struct kp_sync_group_response response = kp_sync_group_response_default;
    response.protocol_type = classic->protocol_type;
    response.protocol_name = classic->protocol_name;
    response.assignment = member->assignment;
    call->answer(call, &response);
}

/* ---- Heartbeat ------------------------------------------------------------------------------------------------------ */

enum kafka_error classic_group_heartbeat(struct groups *groups, const struct kp_heartbeat_request *request)
{
    const struct group *group = groups_find(groups, request->group_id);
    if (!group || group->type != GROUP_CLASSIC)
        return KAFKA_UNKNOWN_MEMBER_ID;
    const struct classic_group *classic = &group->classic;
    enum kafka_error error = check_member(classic, request->member_id, request->group_instance_id);
    if (error == KAFKA_NONE && request->generation_id != classic->generation)
        error = KAFKA_ILLEGAL_GENERATION;
    if (error != KAFKA_NONE)
        return error;
    group_member_alive(group_member_find(classic, request->member_id));
    return classic->state == CLASSIC_PREPARING_REBALANCE ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

/* ---- LeaveGroup ----------------------------------------------------------------------------------------------------- */

/* The member that is to leave, or why there is none: by its id, or an administrator names the instance id alone. */
static enum kafka_error find_leaving(const struct classic_group *classic,
                                     const struct kp_leave_group_request_members *asked, struct group_member **member)
{
    if (asked->member_id.size == 0) {
        *member =
            asked->group_instance_id.size < 0 ? NULL : group_member_find_static(classic, asked->group_instance_id);
        return *member ? KAFKA_NONE : KAFKA_UNKNOWN_MEMBER_ID;
    }
    *member = group_member_find(classic, asked->member_id);
    if (*member && (*member)->pending)
        return KAFKA_NONE;
    return check_member(classic, asked->member_id, asked->group_instance_id);
}

bool classic_group_leave(struct groups *groups, struct kp_string group_id,
                         const struct kp_leave_group_request_members *members, int32_t members_count,
                         enum kafka_error *outcomes)
{
    struct group *group = groups_find(groups, group_id);
    if (!group || group->type != GROUP_CLASSIC)
        return false;
    struct classic_group *classic = &group->classic;
    bool left = false;
    for (int32_t i = 0; i < members_count; i++) {
        struct group_member *member;
        outcomes[i] = find_leaving(classic, &members[i], &member);
        if (outcomes[i] != KAFKA_NONE)
            continue;
        group_member_remove(member);
        left = true;
    }
    if (!left)
        return true;
    if (classic->state == CLASSIC_PREPARING_REBALANCE)
        classic_group_complete_if_all_joined(group);
    else if (classic->state != CLASSIC_EMPTY)
        classic_group_prepare(group);
    return true;
}

/* ---- commits -------------------------------------------------------------------------------------------------------- */

enum kafka_error classic_group_check_commit(struct group *group, struct kp_string member_id,
                                            struct kp_string instance_id, int32_t generation, bool transactional)
{
    const struct classic_group *classic = &group->classic;
    if (generation < 0 && classic->state == CLASSIC_EMPTY) /* an administrator, or who assigns partitions itself */
        return KAFKA_NONE;
    bool names_member = generation >= 0 || member_id.size > 0 || instance_id.size >= 0;
    if (!names_member && !transactional)
        return KAFKA_UNKNOWN_MEMBER_ID;
    if (names_member) {
        enum kafka_error error = check_member(classic, member_id, instance_id);
        if (error != KAFKA_NONE)
            return error;
        if (generation != classic->generation)
            return KAFKA_ILLEGAL_GENERATION;
    }
    if (transactional)
        return KAFKA_NONE;
    if (classic->state == CLASSIC_COMPLETING_REBALANCE) /* it has joined, and is to sync first */
        return KAFKA_REBALANCE_IN_PROGRESS;
    if (names_member)
        group_member_alive(group_member_find(classic, member_id));
    return KAFKA_NONE;
}
