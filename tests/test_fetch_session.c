/* Fetch sessions (KIP-227): the cache, its eviction, and what a session remembers. */
#include "broker/fetch_session.h"
#include "lib/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define EVICTION_MS 120000

struct cache {
    struct test_env env;
    struct fetch_sessions *sessions;
};

static int setup(void **state)
{
    struct cache *cache = xcalloc(1, sizeof *cache);
    test_env_init(&cache->env, NULL);
    cache->sessions = fetch_sessions_new(&cache->env.env, 2);
    *state = cache;
    return 0;
}

static int teardown(void **state)
{
    struct cache *cache = *state;
    fetch_sessions_free(cache->sessions);
    free(cache);
    return 0;
}

static struct fetch_item item(const char *topic, int32_t partition, int64_t offset)
{
    return (struct fetch_item){.topic = kp_string_of(topic), .partition = partition, .fetch_offset = offset};
}

static struct fetch_session *create(struct cache *cache, int32_t items)
{
    struct fetch_session *session = fetch_sessions_create(cache->sessions, items, false);
    for (int32_t i = 0; i < items && session != NULL; i++) {
        struct fetch_item key = item("t", i, 0);
        fetch_session_put(cache->sessions, session, &key);
    }
    return session;
}

static void a_session_is_found_by_its_id(void **state)
{
    struct cache *cache = *state;
    struct fetch_session *session = create(cache, 1);
    assert_non_null(session);
    assert_true(session->id > 0);
    assert_ptr_equal(fetch_sessions_find(cache->sessions, session->id), session);
    assert_null(fetch_sessions_find(cache->sessions, session->id ^ 1));
}

static void an_epoch_follows_the_last_one_and_wraps_to_1(void **state)
{
    struct cache *cache = *state;
    struct fetch_session *session = create(cache, 1);
    assert_int_equal(session->epoch, 1);
    fetch_session_advance(cache->sessions, session);
    assert_int_equal(session->epoch, 2);
    session->epoch = INT32_MAX;
    fetch_session_advance(cache->sessions, session);
    assert_int_equal(session->epoch, 1);
}

static void putting_a_partition_again_changes_it(void **state)
{
    struct cache *cache = *state;
    struct fetch_session *session = create(cache, 1);
    struct fetch_item again = item("t", 0, 7);
    struct fetch_item *kept = fetch_session_put(cache->sessions, session, &again);
    assert_int_equal(session->items_count, 1);
    assert_int_equal(kept->fetch_offset, 7);
}

static void topics_of_one_name_and_other_partitions_are_told_apart(void **state)
{
    struct cache *cache = *state;
    struct fetch_session *session = create(cache, 3);
    struct fetch_item key = item("t", 1, 0), other = item("u", 1, 0);
    fetch_session_remove(cache->sessions, session, &other);
    assert_int_equal(session->items_count, 3);
    fetch_session_remove(cache->sessions, session, &key);
    assert_int_equal(session->items_count, 2);
}

static void a_full_cache_gives_no_session_while_all_are_young(void **state)
{
    struct cache *cache = *state;
    create(cache, 1);
    create(cache, 1);
    assert_null(create(cache, 100));
}

static void a_session_that_is_unused_for_two_minutes_makes_room(void **state)
{
    struct cache *cache = *state;
    int32_t unused = create(cache, 5)->id;
    struct fetch_session *used = create(cache, 5);
    test_env_advance(&cache->env, EVICTION_MS + 1);
    fetch_session_advance(cache->sessions, used);
    assert_non_null(create(cache, 1));
    assert_null(fetch_sessions_find(cache->sessions, unused));
    assert_non_null(fetch_sessions_find(cache->sessions, used->id));
}

static void an_older_smaller_session_makes_room_for_a_bigger_one(void **state)
{
    struct cache *cache = *state;
    struct fetch_session *big = create(cache, 5), *small = create(cache, 2);
    int32_t small_id = small->id;
    test_env_advance(&cache->env, EVICTION_MS + 1);
    fetch_session_advance(cache->sessions, big);
    fetch_session_advance(cache->sessions, small);
    assert_null(create(cache, 2));
    assert_non_null(create(cache, 3));
    assert_null(fetch_sessions_find(cache->sessions, small_id));
}

static void a_dropped_session_lives_while_it_is_referenced(void **state)
{
    struct cache *cache = *state;
    struct fetch_session *session = create(cache, 1);
    fetch_session_ref(session);
    fetch_sessions_drop(cache->sessions, session);
    assert_int_equal(session->items_count, 1);
    assert_int_equal(session->id, FETCH_SESSION_NONE);
    fetch_session_unref(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_session_is_found_by_its_id, setup, teardown),
        cmocka_unit_test_setup_teardown(an_epoch_follows_the_last_one_and_wraps_to_1, setup, teardown),
        cmocka_unit_test_setup_teardown(putting_a_partition_again_changes_it, setup, teardown),
        cmocka_unit_test_setup_teardown(topics_of_one_name_and_other_partitions_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_cache_gives_no_session_while_all_are_young, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_that_is_unused_for_two_minutes_makes_room, setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_smaller_session_makes_room_for_a_bigger_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dropped_session_lives_while_it_is_referenced, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
