/* The cache of fetch sessions.
 *
 *     (session id, epoch) of a request
 *       0, -1    full fetch, no session
 *       0,  0    full fetch; the answer opens a session, or says 0 when there is no room
 *      id,  0    the same, and the old session ends
 *      id, -1    full fetch, and the session ends
 *      id,  n    incremental: n is the epoch that is expected, and the request names what is added, changed, forgotten
 *
 * Eviction as in Kafka's FetchSessionCache: a session that was unused for two minutes goes first; else one that is
 * older than two minutes and smaller than the new one. A second bound of ours is on the memory of all sessions
 * together, also of those that were dropped while a parked fetch still reads them: above it no session is given and
 * none grows, and clients go on with full fetches. A topic's name counts in each of its partitions, as a request says
 * it once for many. */
#include "fetch_session.h"

#include "limits.h"

#define EVICTION_MS 120000

struct fetch_sessions {
    struct env *env;
    int32_t slots, count;
    size_t items_bytes; /* of all sessions that are not freed */
    struct hash_map by_id;
    struct list by_use; /* longest unused first */
};

/* ---- items ---------------------------------------------------------------------------------------------------------- */

static uint64_t item_hash(const struct hash_map *map, const struct fetch_item *item)
{
    uint64_t topic = item->topic.size > 0 ? hash_bytes(map, item->topic.data, (size_t)item->topic.size)
                                          : hash_bytes(map, item->topic_id.bytes, sizeof item->topic_id.bytes);
    return topic + (uint64_t)item->partition * UINT64_C(0x9e3779b97f4a7c15);
}

static struct fetch_item *item_find(struct fetch_session *session, const struct fetch_item *key, uint64_t hash)
{
    for (struct hash_node *node = hash_map_first(&session->by_key, hash); node != NULL; node = hash_node_next(node)) {
        struct fetch_item *item = CONTAINER_OF(node, struct fetch_item, node);
        if (item->partition == key->partition && kp_string_equal(item->topic, key->topic) &&
            kp_uuid_equal(item->topic_id, key->topic_id))
            return item;
    }
    return NULL;
}

/* What an item takes: itself, its names, its place in the hash map. */
static size_t item_bytes(const struct fetch_item *item)
{
    return sizeof *item + sizeof(void *) + (item->topic.size > 0 ? (size_t)item->topic.size : 0) +
           (item->known_as != NULL ? strlen(item->known_as) + 1 : 0);
}

static void item_free(struct fetch_session *session, struct fetch_item *item)
{
    session->sessions->items_bytes -= item_bytes(item);
    free(item->known_as);
    free(item);
}

struct fetch_item *fetch_session_put(struct fetch_session *session, const struct fetch_item *key)
{
    struct fetch_sessions *sessions = session->sessions;
    uint64_t hash = item_hash(&session->by_key, key);
    struct fetch_item *item = item_find(session, key, hash);
    if (item != NULL) {
        item->max_bytes = key->max_bytes;
        item->fetch_offset = key->fetch_offset;
        item->current_leader_epoch = key->current_leader_epoch;
        item->last_fetched_epoch = key->last_fetched_epoch;
        return item;
    }
    if (item_bytes(key) > FETCH_SESSION_BYTES_MAX - sessions->items_bytes)
        return NULL;
    size_t name_bytes = key->topic.size > 0 ? (size_t)key->topic.size : 0;
    item = xmalloc(sizeof *item + name_bytes);
    *item = *key;
    if (name_bytes > 0)
        item->topic.data = memcpy(item + 1, key->topic.data, name_bytes);
    item->known_as = NULL;
    item->high_watermark = item->log_start_offset = -1;
    list_init(&item->order);
    list_append(&session->items, &item->order);
    hash_map_insert(&session->by_key, &item->node, hash);
    session->items_count++;
    sessions->items_bytes += item_bytes(item);
    return item;
}

void fetch_session_note_name(struct fetch_session *session, struct fetch_item *item, const char *name)
{
    struct fetch_sessions *sessions = session->sessions;
    if (item->known_as != NULL || strlen(name) + 1 > FETCH_SESSION_BYTES_MAX - sessions->items_bytes)
        return;
    item->known_as = xstrdup(name);
    sessions->items_bytes += strlen(name) + 1;
}

void fetch_session_remove(struct fetch_session *session, const struct fetch_item *key)
{
    struct fetch_item *item = item_find(session, key, item_hash(&session->by_key, key));
    if (item == NULL)
        return;
    list_remove(&item->order);
    hash_map_remove(&session->by_key, &item->node);
    session->items_count--;
    item_free(session, item);
}

/* ---- sessions ------------------------------------------------------------------------------------------------------- */

static int64_t mono_ms(struct fetch_sessions *sessions)
{
    return sessions->env->now(sessions->env).mono_ms;
}

void fetch_session_ref(struct fetch_session *session)
{
    session->references++;
}

void fetch_session_unref(struct fetch_session *session)
{
    if (--session->references > 0)
        return;
    list_for_each (&session->items, node)
        item_free(session, CONTAINER_OF(node, struct fetch_item, order));
    hash_map_release(&session->by_key);
    free(session);
}

void fetch_session_drop(struct fetch_session *session)
{
    struct fetch_sessions *sessions = session->sessions;
    hash_map_remove(&sessions->by_id, &session->node);
    list_remove(&session->by_use);
    sessions->count--;
    session->id = FETCH_SESSION_NONE;
    fetch_session_unref(session);
}

struct fetch_session *fetch_sessions_find(struct fetch_sessions *sessions, int32_t id)
{
    struct hash_node *node = hash_map_first(&sessions->by_id, (uint64_t)id);
    return node == NULL ? NULL : CONTAINER_OF(node, struct fetch_session, node);
}

void fetch_session_advance(struct fetch_session *session)
{
    struct fetch_sessions *sessions = session->sessions;
    session->epoch = session->epoch == INT32_MAX ? 1 : session->epoch + 1;
    session->used_ms = mono_ms(sessions);
    list_remove(&session->by_use);
    list_append(&sessions->by_use, &session->by_use);
}

/* Make room for a session of that size. False: every session has more right to its place. */
static bool evict(struct fetch_sessions *sessions, int32_t items_count)
{
    if (sessions->count == 0)
        return false;
    int64_t now_ms = mono_ms(sessions);
    struct fetch_session *victim = CONTAINER_OF(sessions->by_use.next, struct fetch_session, by_use);
    if (now_ms - victim->used_ms <= EVICTION_MS) {
        victim = NULL;
        list_for_each (&sessions->by_use, node) {
            struct fetch_session *session = CONTAINER_OF(node, struct fetch_session, by_use);
            int32_t smallest = victim == NULL ? items_count : victim->items_count;
            if (now_ms - session->created_ms > EVICTION_MS && session->items_count < smallest)
                victim = session;
        }
    }
    if (victim == NULL)
        return false;
    fetch_session_drop(victim);
    return true;
}

static int32_t new_id(struct fetch_sessions *sessions)
{
    int32_t id;
    do {
        sessions->env->random(sessions->env, &id, sizeof id);
        id &= INT32_MAX;
    } while (id == FETCH_SESSION_NONE || fetch_sessions_find(sessions, id) != NULL);
    return id;
}

struct fetch_session *fetch_sessions_create(struct fetch_sessions *sessions, int32_t items_count, bool uses_topic_ids)
{
    if (sessions->count >= sessions->slots && !evict(sessions, items_count))
        return NULL;
    struct fetch_session *session = xcalloc(1, sizeof *session);
    session->sessions = sessions;
    session->id = new_id(sessions);
    session->epoch = 1;
    session->uses_topic_ids = uses_topic_ids;
    session->created_ms = session->used_ms = mono_ms(sessions);
    session->references = 1;
    list_init(&session->items);
    list_init(&session->by_use);
    list_append(&sessions->by_use, &session->by_use);
    hash_map_init(&session->by_key, sessions->by_id.seed);
    hash_map_insert(&sessions->by_id, &session->node, (uint64_t)session->id);
    sessions->count++;
    return session;
}

/* ---- the cache ------------------------------------------------------------------------------------------------------ */

struct fetch_sessions *fetch_sessions_new(struct env *env, int32_t slots)
{
    struct fetch_sessions *sessions = xcalloc(1, sizeof *sessions);
    uint64_t seed;
    env->random(env, &seed, sizeof seed);
    sessions->env = env;
    sessions->slots = slots;
    list_init(&sessions->by_use);
    hash_map_init(&sessions->by_id, seed);
    return sessions;
}

void fetch_sessions_free(struct fetch_sessions *sessions)
{
    while (!list_empty(&sessions->by_use))
        fetch_session_drop(CONTAINER_OF(sessions->by_use.next, struct fetch_session, by_use));
    hash_map_release(&sessions->by_id);
    free(sessions);
}
