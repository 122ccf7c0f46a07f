/* Fetch sessions (KIP-227): what a consumer fetches is kept here, so that a request names only what changed, and an
 * answer only what is new. See fetch_session.c. */
#ifndef DOHLE_BROKER_FETCH_SESSION_H
#define DOHLE_BROKER_FETCH_SESSION_H

#include "../protocol/hash_map.h"
#include "../protocol/list.h"
#include "env.h"

#include "messages.h"

#define FETCH_SESSION_NONE  0    /* session id: no session */
#define FETCH_EPOCH_FINAL   (-1) /* session epoch of a full fetch without session, which ends the one that it names */
#define FETCH_EPOCH_INITIAL 0    /* of a full fetch that wants a new session */

/* One partition that is fetched. In a session it is the session's memory, else the request's. */
struct fetch_item {
    struct kp_uuid topic_id; /* from version 13 on; zero below */
    struct kp_string topic;  /* below version 13; from 13 on the null string */
    int32_t partition;
    int32_t max_bytes;
    int64_t fetch_offset;
    int32_t current_leader_epoch; /* -1: not checked */
    int32_t last_fetched_epoch;   /* -1: not checked */
    /* what the last answer said, to tell what is new; -1 at first */
    int64_t high_watermark, log_start_offset;
    bool was_known;        /* the topic existed once: its id has had a name since */
    char *known_as;        /* in a session that uses topic ids: that name; NULL: none yet */
    struct list order;     /* in session->items */
    struct hash_node node; /* in session->by_key */
};

struct fetch_session {
    struct fetch_sessions *sessions; /* whose budget its items are charged to, also when it was dropped */
    int32_t id;
    int32_t epoch; /* that the next request is to have: 1 to 2^31-1 and again 1 */
    bool uses_topic_ids;
    struct hash_map by_key;
    struct list items; /* in the order of reading: those that gave records go last */
    int32_t items_count;
    int64_t created_ms, used_ms; /* monotonic */
    int32_t references;          /* the cache's and those of fetches that are parked */
    struct list by_use;          /* in the cache, longest unused first; alone when it was dropped */
    struct hash_node node;       /* in the cache */
};

struct fetch_sessions;

/* Kafka keeps sessions in so many parts of as many slots each: those that are left over are none, and seven are none.
 */
#define FETCH_SESSION_PARTS 8

/* A cache with room for `slots` sessions. */
struct fetch_sessions *fetch_sessions_new(struct env *env, int32_t slots);
void fetch_sessions_free(struct fetch_sessions *sessions);

/* NULL when there is none of that id. */
struct fetch_session *fetch_sessions_find(struct fetch_sessions *sessions, int32_t id);
/* A new, empty session for `items_count` partitions; NULL when there is no room and nothing may be evicted for it. */
struct fetch_session *fetch_sessions_create(struct fetch_sessions *sessions, int32_t items_count, bool uses_topic_ids);
/* Out of the cache; it lives on while it is referenced. */
void fetch_session_drop(struct fetch_session *session);
/* It was used now: the next epoch is expected. */
void fetch_session_advance(struct fetch_session *session);

void fetch_session_ref(struct fetch_session *session);
void fetch_session_unref(struct fetch_session *session);

/* Add what `item` names, or change it if it is there; what it borrows is copied. Returns the session's own; NULL: no
 * room, as all sessions together reach FETCH_SESSION_BYTES_MAX. */
struct fetch_item *fetch_session_put(struct fetch_session *session, const struct fetch_item *item);
/* The topic id of the session's item stands for this name; copied, as far as there is room. */
void fetch_session_note_name(struct fetch_session *session, struct fetch_item *item, const char *name);
void fetch_session_remove(struct fetch_session *session, const struct fetch_item *key);

#endif
