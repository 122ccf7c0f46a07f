/* Fetch sessions (KIP-227): the cache, its eviction, and what a session remembers. */
#include "broker/fetch_session.h"
#include "broker/limits.h"
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
        fetch_session_put(session, &key);
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
    fetch_session_advance(session);
    assert_int_equal(session->epoch, 2);
    session->epoch = INT32_MAX;
    fetch_session_advance(session);
    assert_int_equal(session->epoch, 1);
}

static void putting_a_partition_again_changes_it(void **state)
{
    struct cache *cache = *state;
    struct fetch_session *session = create(cache, 1);
    struct fetch_item again = item("t", 0, 7);
    struct fetch_item *kept = fetch_session_put(session, &again);
    assert_int_equal(session->items_count, 1);
    assert_int_equal(kept->fetch_offset, 7);
}

static void topics_of_one_name_and_other_partitions_are_told_apart(void **state)
{
    struct cache *cache = *state;
    struct fetch_session *session = create(cache, 3);
    struct fetch_item key = item("t", 1, 0), other = item("u", 1, 0);
    fetch_session_remove(session, &other);
    assert_int_equal(session->items_count, 3);
    fetch_session_remove(session, &key);
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
    fetch_session_advance(used);
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
    fetch_session_advance(big);
    fetch_session_advance(small);
    assert_null(create(cache, 2));
    assert_non_null(create(cache, 3));
    assert_null(fetch_sessions_find(cache->sessions, small_id));
}

static void a_dropped_session_lives_while_it_is_referenced(void **state)
{
    struct cache *cache = *state;
    struct fetch_session *session = create(cache, 1);
    fetch_session_ref(session);
    fetch_session_drop(session);
    assert_int_equal(session->items_count, 1);
    assert_int_equal(session->id, FETCH_SESSION_NONE);
    fetch_session_unref(session);
}

/* A request says a topic's name once for many partitions; kept are as many copies, so it is bytes that are bounded. */
static int32_t fill_with_long_names(struct fetch_session *session)
{
    static char name[INT16_MAX + 1];
    memset(name, 'n', INT16_MAX);
    for (int32_t partition = 0;; partition++) {
        struct fetch_item key = item(name, partition, 0);
        if (fetch_session_put(session, &key) == NULL)
            return partition;
    }
}

static void sessions_together_take_no_more_than_their_budget(void **state)
{
    struct cache *cache = *state;
    struct fetch_session *session = create(cache, 1), *other = create(cache, 1);
    int32_t count = fill_with_long_names(session);
    assert_in_range(count, FETCH_SESSION_BYTES_MAX / INT16_MAX / 2, FETCH_SESSION_BYTES_MAX / INT16_MAX);
    assert_int_equal(fill_with_long_names(other), 0);
    fetch_session_drop(session);
    assert_in_range(fill_with_long_names(other), count - 1, count + 1);
}

static void a_dropped_session_counts_until_nobody_refers_to_it(void **state)
{
    struct cache *cache = *state;
    struct fetch_session *session = create(cache, 1), *other = create(cache, 1);
    fill_with_long_names(session);
    fetch_session_ref(session);
    fetch_session_drop(session);
    assert_int_equal(fill_with_long_names(other), 0);
    fetch_session_unref(session);
    assert_true(fill_with_long_names(other) > 0);
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
        cmocka_unit_test_setup_teardown(sessions_together_take_no_more_than_their_budget, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dropped_session_counts_until_nobody_refers_to_it, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
