/* A member of a classic group: its memory, its timer, the calls that it waits in, and what it votes for.
 *
 *     new -> pending --enter--> in the group --remove--> gone
 *              (id)             protocols, assignment, session
 *
 * The group counts by protocol how many members support it, so that a join need not look at all the others. */
#include "classic_group.h"

#include <string.h>

/* Protocol names of a group that some member supports. */
struct shared_protocol {
    struct hash_node node;
    int32_t members_count, votes;
    uint32_t position; /* in Kafka's hash map of votes, see better() */
    struct kp_string name;
};

/* ---- protocols ------------------------------------------------------------------------------------------------------ */

struct member_protocols *member_protocols_new(const struct kp_join_group_request_protocols *protocols, int32_t count)
{
    size_t size = sizeof(struct member_protocols) + (size_t)count * sizeof(struct member_protocol);
    for (int32_t i = 0; i < count; i++)
        size += (size_t)protocols[i].name.size + (size_t)protocols[i].metadata.size;
    struct member_protocols *copy = xmalloc(size);
    *copy = (struct member_protocols){.size_bytes = size};
    char *to = (char *)&copy->items[count];
    for (int32_t i = 0; i < count; i++) {
        struct kp_string name = protocols[i].name;
        struct kp_bytes metadata = protocols[i].metadata;
        memcpy(to, name.data, (size_t)name.size);
        memcpy(to + name.size, metadata.data, (size_t)metadata.size);
        copy->items[copy->count++] = (struct member_protocol){
            {to,                              name.size    },
            {(const uint8_t *)to + name.size, metadata.size}
        };
        to += name.size + metadata.size;
    }
    return copy;
}

bool member_protocols_equal(const struct member_protocols *own, const struct member_protocols *other)
{
    bool equal = own->count == other->count;
    for (int32_t i = 0; i < own->count && equal; i++) {
        struct kp_bytes a = own->items[i].metadata, b = other->items[i].metadata;
        equal = kp_string_equal(own->items[i].name, other->items[i].name) && a.size == b.size &&
                memcmp(a.data, b.data, (size_t)a.size) == 0;
    }
    return equal;
}

static struct shared_protocol *find_shared(const struct classic_group *classic, struct kp_string name)
{
    uint64_t hash = coord_string_hash(&classic->shared, name);
    for (struct hash_node *node = hash_map_first(&classic->shared, hash); node; node = hash_node_next(node)) {
        struct shared_protocol *shared = CONTAINER_OF(node, struct shared_protocol, node);
        if (kp_string_equal(name, shared->name))
            return shared;
    }
    return NULL;
}

static void share_protocols(struct classic_group *classic, const struct member_protocols *protocols)
{
    for (int32_t i = 0; i < protocols->count; i++) {
        struct kp_string name = protocols->items[i].name;
        struct shared_protocol *shared = find_shared(classic, name);
        if (!shared) {
            uint32_t hash = (uint32_t)coord_java_hash(name);
            shared = xcalloc(1, sizeof *shared);
            shared->name = coord_string_copy(name);
            shared->position = hash ^ hash >> 16;
            hash_map_insert(&classic->shared, &shared->node, coord_string_hash(&classic->shared, name));
        }
        shared->members_count++;
    }
}

static void unshare_protocols(struct classic_group *classic, const struct member_protocols *protocols)
{
    for (int32_t i = 0; i < protocols->count; i++) {
        struct shared_protocol *shared = find_shared(classic, protocols->items[i].name);
        if (--shared->members_count == 0) {
            hash_map_remove(&classic->shared, &shared->node);
            coord_string_free(shared->name);
            free(shared);
        }
    }
}

bool classic_group_supports(const struct classic_group *classic, struct kp_string protocol_type,
                            const struct kp_join_group_request_protocols *protocols, int32_t count)
{
    if (classic->state == CLASSIC_EMPTY)
        return protocol_type.size > 0 && count > 0;
    if (!kp_string_equal(protocol_type, classic->protocol_type))
        return false;
    for (int32_t i = 0; i < count; i++) {
        const struct shared_protocol *shared = find_shared(classic, protocols[i].name);
        if ((shared ? shared->members_count : 0) == classic->members_count)
            return true;
    }
    return false;
}

/* A vote goes to the first protocol of a member that all support. */
static struct shared_protocol *vote_of(const struct classic_group *classic, const struct group_member *member)
{
    for (int32_t i = 0; i < member->protocols->count; i++) {
        struct shared_protocol *shared = find_shared(classic, member->protocols->items[i].name);
        if (shared->members_count == classic->members_count)
            return shared;
    }
    return NULL;
}

/* Of as many votes Kafka takes the one that comes first in a hash map of Java with the usual 16 buckets. */
static bool better(const struct shared_protocol *a, const struct shared_protocol *b)
{
    return !b || a->votes > b->votes || (a->votes == b->votes && (a->position & 15) < (b->position & 15));
}

/* Whoever names a protocol twice counts twice, as in Kafka, so that nobody may have a vote: Kafka then never answers,
 * here the protocol with the lowest position is as good as another. */
struct kp_string classic_group_select_protocol(const struct classic_group *classic)
{
    for (struct hash_node *node = NULL; (node = hash_map_next(&classic->shared, node));)
        CONTAINER_OF(node, struct shared_protocol, node)->votes = 0;
    list_for_each (&classic->members, node) {
        struct shared_protocol *shared = vote_of(classic, CONTAINER_OF(node, struct group_member, link));
        if (shared)
            shared->votes++;
    }
    const struct shared_protocol *best = NULL;
    for (struct hash_node *node = NULL; (node = hash_map_next(&classic->shared, node));) {
        const struct shared_protocol *shared = CONTAINER_OF(node, struct shared_protocol, node);
        if (better(shared, best))
            best = shared;
    }
    return best ? best->name : KP_NULL_STRING;
}

/* ---- memory --------------------------------------------------------------------------------------------------------- */

static size_t length_of(struct kp_string text)
{
    return text.size < 0 ? 0 : (size_t)text.size + 1;
}

/* Count what the member holds now. */
static void count_bytes(struct group_member *member)
{
    size_t bytes = sizeof *member + length_of(member->id) + length_of(member->instance_id) +
                   length_of(member->client_id) + length_of(member->client_host) +
                   (member->protocols ? member->protocols->size_bytes : 0) + (size_t)member->assignment.size;
    member->group->groups->members_bytes += bytes - member->size_bytes;
    member->size_bytes = bytes;
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

static void session_expired(struct timer *timer)
{
    classic_group_session_expired(CONTAINER_OF(timer, struct group_member, session));
}

struct group_member *group_member_new(struct group *group, struct kp_string id)
{
    struct classic_group *classic = &group->classic;
    struct group_member *member = xcalloc(1, sizeof *member);
    member->group = group;
    member->id = coord_string_copy(id);
    member->instance_id = KP_NULL_STRING;
    member->pending = true;
    member->session.expired = session_expired;
    hash_map_insert(&classic->by_id, &member->node, coord_string_hash(&classic->by_id, member->id));
    list_init(&member->link);
    list_append(&classic->pending, &member->link);
    classic->pending_count++;
    count_bytes(member);
    return member;
}

void group_member_enter(struct group_member *member, const struct group_client *client, struct kp_string instance_id,
                        struct kp_string protocol_type, struct member_protocols *protocols)
{
    struct classic_group *classic = &member->group->classic;
    ASSERT(member->pending);
    if (classic->members_count == 0) {
        coord_string_free(classic->protocol_type);
        classic->protocol_type = coord_string_copy(protocol_type);
    }
    if (!classic->leader)
        classic->leader = member;
    member->pending = false;
    list_remove(&member->link);
    list_append(&classic->members, &member->link);
    classic->pending_count--;
    classic->members_count++;
    member->client_id = coord_string_copy(client->id);
    member->client_host = coord_string_copy(client->host);
    if (instance_id.size >= 0) {
        member->instance_id = coord_string_copy(instance_id);
        hash_map_insert(&classic->statics, &member->static_node,
                        coord_string_hash(&classic->statics, member->instance_id));
    }
    member->protocols = protocols;
    share_protocols(classic, protocols);
    count_bytes(member);
}

void group_member_remove(struct group_member *member)
{
    struct classic_group *classic = &member->group->classic;
    group_member_refuse_join(member, KAFKA_UNKNOWN_MEMBER_ID, KP_EMPTY_STRING);
    group_member_refuse_sync(member, KAFKA_UNKNOWN_MEMBER_ID);
    timer_stop(member->group->groups->host->timers, &member->session);
    hash_map_remove(&classic->by_id, &member->node);
    list_remove(&member->link);
    if (member->pending) {
        classic->pending_count--;
    } else {
        if (member->instance_id.size >= 0)
            hash_map_remove(&classic->statics, &member->static_node);
        unshare_protocols(classic, member->protocols);
        classic->members_count--;
        classic->unsynced_count -= member->owes_sync;
        if (classic->leader == member)
            classic->leader =
                classic->members_count > 0 ? CONTAINER_OF(classic->members.next, struct group_member, link) : NULL;
    }
    member->group->groups->members_bytes -= member->size_bytes;
    coord_string_free(member->id);
    coord_string_free(member->instance_id);
    coord_string_free(member->client_id);
    coord_string_free(member->client_host);
    free(member->protocols);
    free((void *)member->assignment.data);
    free(member);
}

static struct group_member *find(const struct hash_map *map, struct kp_string key, bool by_instance)
{
    uint64_t hash = coord_string_hash(map, key);
    for (struct hash_node *node = hash_map_first(map, hash); node; node = hash_node_next(node)) {
        struct group_member *member = by_instance ? CONTAINER_OF(node, struct group_member, static_node)
                                                  : CONTAINER_OF(node, struct group_member, node);
        if (kp_string_equal(key, by_instance ? member->instance_id : member->id))
            return member;
    }
    return NULL;
}

struct group_member *group_member_find(const struct classic_group *classic, struct kp_string id)
{
    return find(&classic->by_id, id, false);
}

struct group_member *group_member_find_static(const struct classic_group *classic, struct kp_string instance_id)
{
    return find(&classic->statics, instance_id, true);
}

void group_member_rename(struct group_member *member, struct kp_string id)
{
    struct classic_group *classic = &member->group->classic;
    hash_map_remove(&classic->by_id, &member->node);
    coord_string_free(member->id);
    member->id = coord_string_copy(id);
    hash_map_insert(&classic->by_id, &member->node, coord_string_hash(&classic->by_id, member->id));
    count_bytes(member);
}

struct member_protocols *group_member_swap_protocols(struct group_member *member, struct member_protocols *protocols)
{
    struct member_protocols *before = member->protocols;
    unshare_protocols(&member->group->classic, before);
    member->protocols = protocols;
    share_protocols(&member->group->classic, protocols);
    count_bytes(member);
    return before;
}

void group_member_set_assignment(struct group_member *member, struct kp_bytes assignment)
{
    uint8_t *copy = assignment.size > 0 ? xmalloc((size_t)assignment.size) : NULL;
    if (copy)
        memcpy(copy, assignment.data, (size_t)assignment.size);
    free((void *)member->assignment.data);
    member->assignment = (struct kp_bytes){copy, copy ? assignment.size : 0};
    count_bytes(member);
}

struct kp_bytes group_member_metadata(const struct group_member *member)
{
    struct kp_string protocol = member->group->classic.protocol_name;
    for (int32_t i = 0; protocol.size >= 0 && i < member->protocols->count; i++) {
        if (kp_string_equal(member->protocols->items[i].name, protocol))
            return member->protocols->items[i].metadata;
    }
    return (struct kp_bytes){NULL, 0};
}

/* ---- the session ---------------------------------------------------------------------------------------------------- */

void group_member_alive_for(struct group_member *member, int64_t timeout_ms)
{
    coord_timer_start(member->group->groups->host, &member->session, timeout_ms);
}

void group_member_alive(struct group_member *member)
{
    group_member_alive_for(member, member->session_timeout_ms);
}

/* ---- calls ---------------------------------------------------------------------------------------------------------- */

void group_call_cancel(struct group_call *call)
{
    if (!call || !call->place)
        return;
    *call->place = NULL;
    call->place = NULL;
}

static void answer(struct group_call *call, const void *response)
{
    if (!call) /* its peer is gone */
        return;
    group_call_cancel(call);
    call->answer(call, response);
}

void group_member_joined(struct group_member *member, const struct kp_join_group_response *response)
{
    if (!member->awaits_join)
        return;
    member->awaits_join = false;
    member->group->classic.joining_count--;
    answer(member->join, response);
}

void group_member_synced(struct group_member *member, const struct kp_sync_group_response *response)
{
    if (!member->awaits_sync)
        return;
    member->awaits_sync = false;
    answer(member->sync, response);
}

void group_member_refuse_join(struct group_member *member, enum kafka_error error, struct kp_string told_id)
{
    struct kp_join_group_response response = classic_group_join_refusal(error, told_id);
    group_member_joined(member, &response);
}

void group_member_refuse_sync(struct group_member *member, enum kafka_error error)
{
    struct kp_sync_group_response response = kp_sync_group_response_default;
    response.error_code = (int16_t)error;
    group_member_synced(member, &response);
}

static void wait_in(struct group_call **place, struct group_call *call)
{
    call->place = place;
    *place = call;
}

void group_member_await_join(struct group_member *member, struct group_call *call)
{
    group_member_refuse_join(member, KAFKA_REBALANCE_IN_PROGRESS, member->id);
    member->awaits_join = true;
    member->group->classic.joining_count++;
    wait_in(&member->join, call);
}

void group_member_await_sync(struct group_member *member, struct group_call *call)
{
    group_member_refuse_sync(member, KAFKA_REBALANCE_IN_PROGRESS);
    member->awaits_sync = true;
    wait_in(&member->sync, call);
}
