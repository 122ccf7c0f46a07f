/* Classic groups: members that join, sync, send heartbeats and leave. See classic_group.c for the states of a group and
 * classic_member.c for what a member is. */
#ifndef DOHLE_BROKER_COORD_CLASSIC_GROUP_H
#define DOHLE_BROKER_COORD_CLASSIC_GROUP_H

#include "groups.h"

/* A JoinGroup or SyncGroup that waits for its answer. The caller embeds it in what it parks. */
struct group_call {
    struct arena *arena; /* for the arrays of the answer; when it is full `answer` gets NULL */
    /* Once, perhaps before the call that was asked returns: the struct of the API's response, where texts may be null
     * that can be so in the newest version only. It may borrow from the member; everything of the call may be gone
     * afterwards. NULL: there is no memory for the answer. */
    void (*answer)(struct group_call *call, const void *response);
    struct group_call **place; /* where the member keeps it; NULL: it does not wait */
};
/* Its peer is gone: nothing is answered any more. The member stays what it is: a dropped connection does not leave. */
void group_call_cancel(struct group_call *call);

struct member_protocol {
    struct kp_string name;
    struct kp_bytes metadata;
};

/* What a member offers, in the order of its preference; one block with all texts. */
struct member_protocols {
    size_t size_bytes;
    int32_t count;
    struct member_protocol items[];
};

struct group_member {
    struct hash_node node;        /* classic->by_id */
    struct hash_node static_node; /* classic->statics; in use when it has an instance id */
    struct list link;             /* classic->members or pending */
    struct group *group;
    struct kp_string id; /* texts are its own memory */
    bool pending;        /* only the id was handed out: all below but the timer is not in use */
    bool is_new;         /* has not been in a completed round yet: its joining does not keep it alive for ever */
    bool awaits_join;    /* asked to join the round that is being prepared */
    bool awaits_sync;    /* asked for its assignment */
    bool owes_sync;      /* has not asked for its assignment in this generation */
    struct kp_string instance_id; /* null: a dynamic member */
    struct kp_string client_id, client_host;
    int32_t rebalance_timeout_ms, session_timeout_ms;
    struct member_protocols *protocols;
    struct kp_bytes assignment;     /* its own memory; size 0: none */
    struct group_call *join, *sync; /* NULL while awaiting: the peer is gone */
    struct timer session;
    size_t size_bytes; /* that groups->members_bytes counts for it */
};

/* Who asks. Borrowed for the call. */
struct group_client {
    struct kp_string id;   /* client id; may be null */
    struct kp_string host; /* as Kafka tells it: "/127.0.0.1" */
};

/* Ask for what Kafka's JoinGroup and SyncGroup of this version ask; the shard is loaded, the group id not empty. What
 * is kept is copied. call->answer is called at once or later. */
void classic_group_join(struct groups *groups, int32_t shard, const struct group_client *client, int16_t version,
                        const struct kp_join_group_request *request, struct group_call *call);
void classic_group_sync(struct groups *groups, const struct kp_sync_group_request *request, struct group_call *call);
/* Heartbeat: the error of its answer. */
enum kafka_error classic_group_heartbeat(struct groups *groups, const struct kp_heartbeat_request *request);
/* Take members out: `outcomes` (members_count items) are the errors of each. False: the group does not exist, or is of
 * another kind; nothing was set. */
bool classic_group_leave(struct groups *groups, struct kp_string group_id,
                         const struct kp_leave_group_request_members *members, int32_t members_count,
                         enum kafka_error *outcomes);

/* May these offsets be committed by that member of that generation (null, -1: nobody)? KIP-447 asks the same for
 * transactions. When all is well and the state lets a commit count as a sign of life, the session begins anew. */
enum kafka_error classic_group_check_commit(struct group *group, struct kp_string member_id,
                                            struct kp_string instance_id, int32_t generation, bool transactional);
/* Does a member consume the topic, as far as is known? Then its committed offsets are in use. */
bool classic_group_subscribes(const struct group *group, struct kp_string topic);

/* The metadata of the member for the group's selected protocol; empty when there is none. */
struct kp_bytes group_member_metadata(const struct group_member *member);

/* ---- between the files of classic groups and groups.c ---------------------------------------------------------------- */

/* The version in which Kafka 4.4 writes groups, at all levels of its metadata. */
#define GROUP_METADATA_VALUE_VERSION 3

void classic_group_init(struct classic_group *classic, uint64_t seed);
/* Members and timers go; who waits gets `error`, or with KAFKA_NONE no answer at all. */
void classic_group_release(struct group *group, enum kafka_error error);
/* Who waits is told NOT_COORDINATOR, and the timers stop. */
void classic_group_stop(struct group *group);
/* What its last record says: the group becomes that, without answering anybody. */
void classic_group_load(struct group *group, const struct kp_group_metadata_value *value);
/* After the last record: sessions begin; a group that is larger than is allowed now prepares a round. */
void classic_group_loaded(struct group *group);
/* Forget what the members subscribe to, and learn it again. */
void classic_group_learn_topics(struct classic_group *classic);

/* The joining of an accepted member or the change of one: prepare a round, or complete the one that is prepared. */
void classic_group_changed(struct group *group);
/* In PreparingRebalance, but not in the first round: complete it if all are there. */
void classic_group_complete_if_all_joined(struct group *group);
/* Begin a round, from any state that it may begin in. */
void classic_group_prepare(struct group *group);
/* Write the group's record, with the assignments as they are. */
enum kafka_error classic_group_store(struct group *group) WARN_UNUSED;
/* Answer who awaits sync with its assignment or an error. */
void classic_group_answer_syncs(struct group *group, enum kafka_error error);
void classic_group_enter(struct group *group, enum classic_state state);
/* The answer to a refused join. */
static inline struct kp_join_group_response classic_group_join_refusal(enum kafka_error error,
                                                                       struct kp_string member_id)
{
    struct kp_join_group_response response = kp_join_group_response_default;
    response.error_code = (int16_t)error;
    response.member_id = member_id;
    response.protocol_name = KP_NULL_STRING;
    return response;
}
/* The answer to a member that has joined; the leader's names all members, in `arena`, unless that is NULL. *fits:
 * they had room there. */
struct kp_join_group_response classic_group_joined(const struct group_member *member, struct arena *arena, bool *fits);
/* What comes with time: the end of a delay, of joining, of syncing. */
void classic_group_round_expired(struct timer *timer);
/* A member, or one that only has an id, did not show up in time. */
void classic_group_session_expired(struct group_member *member);

/* classic_member.c. A member with an id alone, pending. */
struct group_member *group_member_new(struct group *group, struct kp_string id);
/* It has joined, or is loaded: `protocols` becomes its own. The first one is the leader, and its type the group's. */
void group_member_enter(struct group_member *member, const struct group_client *client, struct kp_string instance_id,
                        struct kp_string protocol_type, struct member_protocols *protocols);
/* Out of its group; a leader is followed by the oldest member. If it still waits it is told UNKNOWN_MEMBER_ID. */
void group_member_remove(struct group_member *member);
struct group_member *group_member_find(const struct classic_group *classic, struct kp_string id);
struct group_member *group_member_find_static(const struct classic_group *classic, struct kp_string instance_id);
/* Another id for a static member that comes back. */
void group_member_rename(struct group_member *member, struct kp_string id);
/* `protocols` becomes its own; what it offered before is the caller's. */
struct member_protocols *group_member_swap_protocols(struct group_member *member, struct member_protocols *protocols);
void group_member_set_assignment(struct group_member *member, struct kp_bytes assignment);
/* The session begins anew, with a timeout of its own or the member's. */
void group_member_alive(struct group_member *member);
void group_member_alive_for(struct group_member *member, int64_t timeout_ms);
/* Wait for the round, or for the assignment. One that waits already is told that it is out of date. */
void group_member_await_join(struct group_member *member, struct group_call *call);
void group_member_await_sync(struct group_member *member, struct group_call *call);
/* Answer it, if it waits. */
void group_member_joined(struct group_member *member, const struct kp_join_group_response *response);
void group_member_synced(struct group_member *member, const struct kp_sync_group_response *response);
/* The same with an error alone. `told_id`: the member id of the answer. */
void group_member_refuse_join(struct group_member *member, enum kafka_error error, struct kp_string told_id);
void group_member_refuse_sync(struct group_member *member, enum kafka_error error);

/* Protocols of a request, copied. One that is named twice counts twice, as in Kafka, and so is never common to all. */
struct member_protocols *member_protocols_new(const struct kp_join_group_request_protocols *protocols, int32_t count);
bool member_protocols_equal(const struct member_protocols *own, const struct member_protocols *other);
/* Could a member with these be in the group beside those that are? */
bool classic_group_supports(const struct classic_group *classic, struct kp_string protocol_type,
                            const struct kp_join_group_request_protocols *protocols, int32_t count);
/* The protocol that all members support and most prefer; null without members. Valid until a member changes. */
struct kp_string classic_group_select_protocol(const struct classic_group *classic);

#endif
