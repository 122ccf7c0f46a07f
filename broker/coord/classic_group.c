/* A classic group and its rounds of rebalancing.
 *
 *                      join (the first)                all joined, or time is over
 *        +-------+ ----------------------> +-----------+ ------------------------> +------------+
 *        | Empty |                         | Preparing |                           | Completing |
 *        +-------+ <---------------------- | Rebalance | <------------------------ | Rebalance  |
 *            ^        nobody has joined    +-----------+   a member joins anew,    +------------+
 *            |                                   ^         leaves, or is silent          |
 *            +-- loaded without members          |                                       | the leader syncs:
 *                                                |   a member joins anew, leaves,        | stored, then answered
 *              loaded with members --> +--------+|   or is silent                        |
 *                                      | Stable | <--------------------------------------+
 *                                      +--------+
 *
 *     classic_group_prepare()    to PreparingRebalance        complete_join()    from it
 *     classic_group_sync()       to Stable (classic_calls.c)
 *
 * A round. While it is prepared, JoinGroup waits. The first round of an empty group waits for
 * group.initial.rebalance.delay.ms, and again as long for whoever came meanwhile; each later one until all members have
 * joined anew and all ids that were handed out have come back, or the largest rebalance timeout is over. Then members
 * that did not join are out, unless they are static; the leader is told all members; SyncGroup waits for the leader's
 * assignment, which is written to the log before anybody is told. Who does not sync in the rebalance timeout is out.
 *
 * Sessions. Every member has one timer. A heartbeat, a commit, an answered join or sync begins it anew. It does not
 * remove who waits in a round: the answer will begin it anew. A new member is the exception, since one whose connection
 * broke joins again under another id, and would be missed for ever: it is removed after five minutes.
 *
 * The rules and their corners are Kafka's (GroupMetadataManager); where Kafka leaves an order to chance, members are in
 * the order of their joining. */
#include "classic_group.h"

#include "../limits.h"
#include "../logger.h"

#include <inttypes.h>
#include <string.h>

/* How long a round waits at least before it is tried again, when only static members are left and none has joined: a
 * rebalance timeout of 0 is allowed. */
#define AWAIT_STATICS_MS_MIN 1000

/* What names a state in ListGroups and DescribeGroups. */
const char *classic_state_name(enum classic_state state)
{
    static const char *const names[] = {"Empty", "PreparingRebalance", "CompletingRebalance", "Stable"};
    return names[state];
}

void classic_group_init(struct classic_group *classic, uint64_t seed)
{
    *classic =
        (struct classic_group){.protocol_type = KP_NULL_STRING, .protocol_name = KP_NULL_STRING, .state_since_ms = -1};
    list_init(&classic->members);
    list_init(&classic->pending);
    hash_map_init(&classic->by_id, seed);
    hash_map_init(&classic->statics, seed);
    hash_map_init(&classic->shared, seed);
    classic->timer.expired = classic_group_round_expired;
}

static const struct coord_host *host_of(const struct group *group)
{
    return group->groups->host;
}

void classic_group_enter(struct group *group, enum classic_state state)
{
    group->classic.state = state;
    group->classic.state_since_ms = coord_now(host_of(group)).wall_ms;
}

static void remove_members(struct list *members)
{
    while (!list_empty(members))
        group_member_remove(CONTAINER_OF(members->next, struct group_member, link));
}

void classic_group_release(struct group *group, enum kafka_error error)
{
    struct classic_group *classic = &group->classic;
    list_for_each (&classic->members, node) {
        struct group_member *member = CONTAINER_OF(node, struct group_member, link);
        if (error == KAFKA_NONE) {
            group_call_cancel(member->join);
            group_call_cancel(member->sync);
        }
        group_member_refuse_join(member, error, member->id);
        group_member_refuse_sync(member, error);
    }
    remove_members(&classic->members);
    remove_members(&classic->pending);
    timer_stop(host_of(group)->timers, &classic->timer);
    hash_map_release(&classic->by_id);
    hash_map_release(&classic->statics);
    hash_map_release(&classic->shared);
    coord_string_free(classic->protocol_type);
    coord_string_free(classic->protocol_name);
    free(classic->subscribed);
}

static void stop_members(struct group *group, struct list *members)
{
    list_for_each (members, node) {
        struct group_member *member = CONTAINER_OF(node, struct group_member, link);
        group_member_refuse_join(member, KAFKA_NOT_COORDINATOR, member->id);
        group_member_refuse_sync(member, KAFKA_NOT_COORDINATOR);
        timer_stop(host_of(group)->timers, &member->session);
    }
}

void classic_group_stop(struct group *group)
{
    timer_stop(host_of(group)->timers, &group->classic.timer);
    stop_members(group, &group->classic.members);
    stop_members(group, &group->classic.pending);
}

/* ---- what consumers subscribe to ------------------------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
    const struct kp_string *left = a, *right = b;
    if (left->size != right->size)
        return left->size < right->size ? -1 : 1;
    return memcmp(left->data, right->data, (size_t)left->size);
}

/* The topics of one subscription, whose version 0 is the beginning of all versions. False: it is none, or has more than
 * `topics_max`, which are not looked at. */
static bool read_subscription(struct kp_bytes metadata, int32_t topics_max,
                              struct kp_consumer_protocol_subscription *subscription, struct arena *arena)
{
    struct kp_reader reader, ahead;
    kp_reader_init(&reader, metadata.data, (size_t)metadata.size);
    kp_read_int16(&reader);
    ahead = reader;
    return kp_read_int32(&ahead) <= topics_max &&
           kp_consumer_protocol_subscription_decode(subscription, &reader, 0, arena);
}

/* The part of the metadata with the topics: what is behind it is the member's own. */
static struct kp_bytes topics_part(struct kp_bytes metadata,
                                   const struct kp_consumer_protocol_subscription *subscription)
{
    if (subscription->topics_count == 0)
        return (struct kp_bytes){NULL, 0};
    struct kp_string last = subscription->topics[subscription->topics_count - 1];
    const uint8_t *end = (const uint8_t *)last.data + last.size;
    return (struct kp_bytes){metadata.data, (int32_t)(end - metadata.data)};
}

/* Does the metadata subscribe to what that of another member does? As a rule it does, and need not be taken apart. */
static bool subscribes_alike(struct kp_bytes metadata, struct kp_bytes topics)
{
    const int32_t version_bytes = 2;
    if (topics.size == 0 || metadata.size < topics.size ||
        memcmp(metadata.data + version_bytes, topics.data + version_bytes, (size_t)(topics.size - version_bytes)) != 0)
        return false;
    struct kp_reader reader;
    kp_reader_init(&reader, metadata.data + topics.size, (size_t)(metadata.size - topics.size));
    (void)kp_read_bytes(&reader, false); /* user data */
    return reader.error == KP_READ_OK;
}

/* Topics of all members, in `arena`; *names is the caller's. False when some member's metadata cannot be read, or they
 * are too many. */
static bool gather_topics(const struct classic_group *classic, struct arena *arena, struct kp_string **names,
                          int32_t *count)
{
    struct kp_bytes last = {NULL, 0};
    int32_t capacity = 0;
    *count = 0;
    *names = NULL;
    list_for_each (&classic->members, node) {
        struct kp_consumer_protocol_subscription subscription;
        struct kp_bytes metadata = group_member_metadata(CONTAINER_OF(node, struct group_member, link));
        if (subscribes_alike(metadata, last))
            continue;
        if (!read_subscription(metadata, SUBSCRIBED_TOPICS_MAX - *count, &subscription, arena))
            return false;
        last = topics_part(metadata, &subscription);
        if (*count + subscription.topics_count > capacity) {
            capacity = 2 * (*count + subscription.topics_count);
            *names = xrealloc(*names, (size_t)capacity * sizeof **names);
        }
        for (int32_t i = 0; i < subscription.topics_count; i++)
            (*names)[(*count)++] = subscription.topics[i];
    }
    return true;
}

static int32_t sort_names(struct kp_string *names, int32_t count)
{
    int32_t kept = 0;
    if (count > 0)
        qsort(names, (size_t)count, sizeof *names, compare_names);
    for (int32_t i = 0; i < count; i++) {
        if (kept == 0 || compare_names(&names[kept - 1], &names[i]) != 0)
            names[kept++] = names[i];
    }
    return kept;
}

/* One block: the strings, and behind them their texts. */
static struct kp_string *pack_names(const struct kp_string *names, int32_t count)
{
    size_t bytes = (size_t)count * sizeof *names;
    for (int32_t i = 0; i < count; i++)
        bytes += (size_t)names[i].size;
    struct kp_string *packed = xmalloc(bytes + 1);
    char *to = (char *)&packed[count];
    for (int32_t i = 0; i < count; i++) {
        memcpy(to, names[i].data, (size_t)names[i].size);
        packed[i] = (struct kp_string){to, names[i].size};
        to += names[i].size;
    }
    return packed;
}

void classic_group_learn_topics(struct classic_group *classic)
{
    free(classic->subscribed);
    classic->subscribed = NULL;
    classic->subscribed_count = 0;
    classic->subscribed_known = false;
    if (!kp_string_is(classic->protocol_type, "consumer"))
        return;
    if (classic->members_count == 0) {
        classic->subscribed_known = true;
        return;
    }
    struct arena arena;
    struct kp_string *names = NULL;
    int32_t count;
    arena_init(&arena, COORD_DECODE_BYTES_MAX);
    if (classic->protocol_name.size >= 0 && gather_topics(classic, &arena, &names, &count)) {
        classic->subscribed_count = sort_names(names, count);
        classic->subscribed = pack_names(names, classic->subscribed_count);
        classic->subscribed_known = true;
    }
    free(names);
    arena_release(&arena);
}

bool classic_group_subscribes(const struct group *group, struct kp_string topic)
{
    const struct classic_group *classic = &group->classic;
    if (!classic->subscribed_known)
        return kp_string_is(classic->protocol_type, "consumer");
    return classic->subscribed_count > 0 &&
           bsearch(&topic, classic->subscribed, (size_t)classic->subscribed_count, sizeof topic, compare_names) != NULL;
}

/* ---- its record ----------------------------------------------------------------------------------------------------- */

enum kafka_error classic_group_store(struct group *group)
{
    const struct classic_group *classic = &group->classic;
    struct kp_group_metadata_key key = {.group = group->id};
    struct kp_group_metadata_value value = kp_group_metadata_value_default;
    size_t count = (size_t)classic->members_count;
    value.members = xcalloc(count + 1, sizeof *value.members);
    value.members_count = classic->members_count;
    value.protocol_type = classic->protocol_type.size < 0 ? KP_EMPTY_STRING : classic->protocol_type;
    value.protocol = classic->protocol_name;
    value.generation = classic->generation;
    value.leader = classic->leader ? classic->leader->id : KP_NULL_STRING;
    value.current_state_timestamp = classic->state_since_ms;
    struct kp_group_metadata_value_member_metadata *to = value.members;
    list_for_each (&classic->members, node) {
        const struct group_member *member = CONTAINER_OF(node, struct group_member, link);
        *to = kp_group_metadata_value_member_metadata_default;
        to->member_id = member->id;
        to->group_instance_id = member->instance_id;
        to->client_id = member->client_id;
        to->client_host = member->client_host;
        to->rebalance_timeout = member->rebalance_timeout_ms;
        to->session_timeout = member->session_timeout_ms;
        to->subscription = group_member_metadata(member);
        to++->assignment = member->assignment;
    }
    struct coord_batch batch;
    coord_batch_begin(&batch, host_of(group));
    coord_batch_add(&batch, KP_RECORD_GROUP_KEY, &kp_group_metadata_key_schema, &key, &kp_group_metadata_value_schema,
                    GROUP_METADATA_VALUE_VERSION, &value);
    enum kafka_error error = coord_append(group->groups->host, group->shard, &batch);
    coord_batch_release(&batch);
    free(value.members);
    return error;
}

static void load_member(struct group *group, const struct kp_group_metadata_value_member_metadata *from,
                        struct kp_string protocol_type, struct kp_string protocol)
{
    struct group_member *member = group_member_new(group, from->member_id);
    struct group_client client = {.id = from->client_id, .host = from->client_host};
    struct kp_join_group_request_protocols offered = {.name = protocol.size < 0 ? KP_EMPTY_STRING : protocol,
                                                      .metadata = from->subscription};
    group_member_enter(member, &client, from->group_instance_id, protocol_type, member_protocols_new(&offered, 1));
    member->session_timeout_ms = from->session_timeout;
    member->rebalance_timeout_ms = from->rebalance_timeout < 0 ? from->session_timeout : from->rebalance_timeout;
    group_member_set_assignment(member, from->assignment);
}

void classic_group_load(struct group *group, const struct kp_group_metadata_value *value)
{
    struct classic_group *classic = &group->classic;
    uint64_t seed = classic->by_id.seed;
    classic_group_release(group, KAFKA_NONE);
    classic_group_init(classic, seed);
    for (int32_t i = 0; i < value->members_count; i++) {
        const struct kp_group_metadata_value_member_metadata *member = &value->members[i];
        bool known =
            group_member_find(classic, member->member_id) ||
            (member->group_instance_id.size >= 0 && group_member_find_static(classic, member->group_instance_id));
        if (!known) /* no Kafka writes one twice */
            load_member(group, member, value->protocol_type, value->protocol);
    }
    if (classic->members_count == 0 && value->protocol_type.size > 0)
        classic->protocol_type = coord_string_copy(value->protocol_type);
    classic->protocol_name = coord_string_copy(value->protocol);
    classic->generation = value->generation;
    classic->state = classic->members_count > 0 ? CLASSIC_STABLE : CLASSIC_EMPTY;
    classic->state_since_ms = value->current_state_timestamp;
    struct group_member *leader = value->leader.size < 0 ? NULL : group_member_find(classic, value->leader);
    if (leader)
        classic->leader = leader;
    classic_group_learn_topics(classic);
}

void classic_group_loaded(struct group *group)
{
    list_for_each (&group->classic.members, node)
        group_member_alive(CONTAINER_OF(node, struct group_member, link));
    if (group->classic.members_count > *group->groups->settings.max_size)
        classic_group_prepare(group);
}

/* ---- a round -------------------------------------------------------------------------------------------------------- */

static int64_t rebalance_timeout_ms(const struct classic_group *classic)
{
    int64_t timeout_ms = 0;
    list_for_each (&classic->members, node) {
        const struct group_member *member = CONTAINER_OF(node, struct group_member, link);
        if (member->rebalance_timeout_ms > timeout_ms)
            timeout_ms = member->rebalance_timeout_ms;
    }
    return timeout_ms;
}

static void start_timer(struct group *group, int64_t delay_ms)
{
    coord_timer_start(host_of(group), &group->classic.timer, delay_ms);
}

static bool all_joined(const struct classic_group *classic)
{
    return classic->joining_count == classic->members_count && classic->pending_count == 0;
}

/* A leader that has not joined is followed by the oldest member that has. False when there is none. */
static bool find_joined_leader(struct classic_group *classic)
{
    if (!classic->leader)
        return false;
    if (classic->leader->awaits_join)
        return true;
    list_for_each (&classic->members, node) {
        struct group_member *member = CONTAINER_OF(node, struct group_member, link);
        if (member->awaits_join) {
            classic->leader = member;
            return true;
        }
    }
    return false;
}

static void remove_who_did_not_join(struct classic_group *classic)
{
    list_for_each (&classic->members, node) {
        struct group_member *member = CONTAINER_OF(node, struct group_member, link);
        if (!member->awaits_join && member->instance_id.size < 0)
            group_member_remove(member);
    }
}

struct kp_join_group_response classic_group_joined(const struct group_member *member, struct arena *arena, bool *fits)
{
    const struct classic_group *classic = &member->group->classic;
    struct kp_join_group_response response = kp_join_group_response_default;
    response.generation_id = classic->generation;
    response.protocol_type = classic->protocol_type;
    response.protocol_name = classic->protocol_name;
    response.leader = classic->leader ? classic->leader->id : KP_EMPTY_STRING;
    response.member_id = member->id;
    *fits = true;
    if (classic->leader != member || !arena)
        return response;
    struct kp_join_group_response_members *to = arena_alloc(arena, (size_t)classic->members_count * sizeof *to);
    *fits = to != NULL;
    response.members = to;
    response.members_count = to ? classic->members_count : 0;
    list_for_each (&classic->members, node) {
        const struct group_member *other = CONTAINER_OF(node, struct group_member, link);
        if (!to)
            break;
        *to = kp_join_group_response_members_default;
        to->member_id = other->id;
        to->group_instance_id = other->instance_id;
        to++->metadata = group_member_metadata(other);
    }
    return response;
}

static void begin_generation(struct group *group)
{
    struct classic_group *classic = &group->classic;
    struct kp_string selected = coord_string_copy(classic_group_select_protocol(classic));
    coord_string_free(classic->protocol_name);
    classic->protocol_name = selected;
    classic->generation++;
    classic_group_learn_topics(classic);
    classic_group_enter(group, classic->members_count > 0 ? CLASSIC_COMPLETING_REBALANCE : CLASSIC_EMPTY);
}

/* Tell all members that they are in; each owes a sync from now on. */
static void answer_joins(struct group *group)
{
    struct classic_group *classic = &group->classic;
    classic->unsynced_count = classic->members_count;
    list_for_each (&classic->members, node) {
        struct group_member *member = CONTAINER_OF(node, struct group_member, link);
        bool fits;
        struct kp_join_group_response response =
            classic_group_joined(member, member->join ? member->join->arena : NULL, &fits);
        member->owes_sync = true;
        member->is_new = false;
        group_member_joined(member, fits ? &response : NULL);
        group_member_alive(member);
    }
}

static void complete_join(struct group *group)
{
    struct classic_group *classic = &group->classic;
    timer_stop(host_of(group)->timers, &classic->timer);
    remove_who_did_not_join(classic);
    if (!find_joined_leader(classic) && classic->members_count > 0) {
        /* Only static members, and none has joined: they have until their sessions end. */
        int64_t timeout_ms = rebalance_timeout_ms(classic);
        start_timer(group, timeout_ms > AWAIT_STATICS_MS_MIN ? timeout_ms : AWAIT_STATICS_MS_MIN);
        return;
    }
    begin_generation(group);
    if (classic->state == CLASSIC_EMPTY) {
        enum kafka_error error = classic_group_store(group);
        if (error != KAFKA_NONE) /* after a restart its members are back, and time out */
            LOG_WARN("Cannot write that a group is empty", "group=%.*s error=%s", (int)group->id.size, group->id.data,
                     kafka_error_name(error));
        return;
    }
    answer_joins(group);
    start_timer(group, rebalance_timeout_ms(classic));
}

void classic_group_complete_if_all_joined(struct group *group)
{
    if (group->classic.state == CLASSIC_PREPARING_REBALANCE && !group->classic.initial && all_joined(&group->classic))
        complete_join(group);
}

static void forget_owed_syncs(struct classic_group *classic)
{
    classic->unsynced_count = 0;
    list_for_each (&classic->members, node)
        CONTAINER_OF(node, struct group_member, link)->owes_sync = false;
}

void classic_group_prepare(struct group *group)
{
    struct classic_group *classic = &group->classic;
    if (classic->state == CLASSIC_COMPLETING_REBALANCE) {
        list_for_each (&classic->members, node)
            group_member_set_assignment(CONTAINER_OF(node, struct group_member, link), (struct kp_bytes){NULL, 0});
        classic_group_answer_syncs(group, KAFKA_REBALANCE_IN_PROGRESS);
    }
    forget_owed_syncs(classic);
    timer_stop(host_of(group)->timers, &classic->timer);
    classic->initial = classic->state == CLASSIC_EMPTY;
    classic->joined_meanwhile = false;
    classic_group_enter(group, CLASSIC_PREPARING_REBALANCE);
    if (classic->initial) {
        int64_t delay_ms = *group->groups->settings.initial_rebalance_delay_ms;
        int64_t left_ms = rebalance_timeout_ms(classic) - delay_ms;
        classic->initial_left_ms = left_ms > 0 ? left_ms : 0;
        start_timer(group, delay_ms);
    } else if (all_joined(classic)) {
        complete_join(group);
    } else {
        start_timer(group, rebalance_timeout_ms(classic));
    }
}

void classic_group_changed(struct group *group)
{
    if (group->classic.state == CLASSIC_PREPARING_REBALANCE)
        classic_group_complete_if_all_joined(group);
    else
        classic_group_prepare(group);
}

/* ---- time ----------------------------------------------------------------------------------------------------------- */

/* The first round waits again for who came meanwhile, up to the rebalance timeout. */
static void initial_delay_over(struct group *group)
{
    struct classic_group *classic = &group->classic;
    int64_t delay_ms = *group->groups->settings.initial_rebalance_delay_ms;
    int64_t next_ms = delay_ms < classic->initial_left_ms ? delay_ms : classic->initial_left_ms;
    if (!classic->joined_meanwhile || next_ms == 0) {
        complete_join(group);
        return;
    }
    classic->joined_meanwhile = false;
    classic->initial_left_ms -= next_ms;
    start_timer(group, next_ms);
}

static void remove_who_owes_sync(struct classic_group *classic)
{
    list_for_each (&classic->members, node) {
        struct group_member *member = CONTAINER_OF(node, struct group_member, link);
        if (member->owes_sync)
            group_member_remove(member);
    }
}

void classic_group_round_expired(struct timer *timer)
{
    struct group *group = CONTAINER_OF(timer, struct group, classic.timer);
    struct classic_group *classic = &group->classic;
    switch (classic->state) {
    case CLASSIC_PREPARING_REBALANCE:
        if (classic->initial)
            initial_delay_over(group);
        else
            complete_join(group);
        break;
    case CLASSIC_COMPLETING_REBALANCE:
    case CLASSIC_STABLE:
        if (classic->unsynced_count > 0) {
            remove_who_owes_sync(classic);
            classic_group_prepare(group);
        }
        break;
    case CLASSIC_EMPTY:
        break;
    }
}

void classic_group_session_expired(struct group_member *member)
{
    struct group *group = member->group;
    if (!member->pending && !member->is_new && (member->awaits_join || member->awaits_sync))
        return;
    bool pending = member->pending;
    LOG_PEER_INFO("A group member is silent and removed", "group=%.*s member=%.*s", (int)group->id.size, group->id.data,
                  (int)member->id.size, member->id.data);
    group_member_remove(member);
    if (group->classic.state == CLASSIC_PREPARING_REBALANCE)
        classic_group_complete_if_all_joined(group);
    else if (!pending && group->classic.state != CLASSIC_EMPTY)
        classic_group_prepare(group);
}

/* ---- assignments ---------------------------------------------------------------------------------------------------- */

void classic_group_answer_syncs(struct group *group, enum kafka_error error)
{
    const struct classic_group *classic = &group->classic;
    list_for_each (&classic->members, node) {
        struct group_member *member = CONTAINER_OF(node, struct group_member, link);
        if (!member->awaits_sync)
            continue;
        struct kp_sync_group_response response = kp_sync_group_response_default;
        response.error_code = (int16_t)error;
        if (error == KAFKA_NONE) {
            response.protocol_type = classic->protocol_type;
            response.protocol_name = classic->protocol_name;
        }
        response.assignment = member->assignment;
        group_member_synced(member, &response);
        group_member_alive(member);
    }
}
