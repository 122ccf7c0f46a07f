/* The map from keys to offsets: what is found in it, when it is full, and how much memory it takes. */
#include "storage/offset_map.h"

#include "protocol/base.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

static const uint64_t secret[2] = {1, 2};

static bool put(struct offset_map *map, const char *key, int64_t offset)
{
    return offset_map_put(map, key, strlen(key), offset);
}

static int64_t get(const struct offset_map *map, const char *key)
{
    return offset_map_get(map, key, strlen(key));
}

static void the_latest_offset_of_a_key_is_found(void **state)
{
    (void)state;
    struct offset_map map;
    offset_map_init(&map, secret, 1000, 0.9, 100);
    assert_true(put(&map, "a", 0));
    assert_true(put(&map, "b", 1));
    assert_true(put(&map, "a", 2));
    assert_true(put(&map, "", 3)); /* an empty key is a key */
    assert_int_equal(get(&map, "a"), 2);
    assert_int_equal(get(&map, "b"), 1);
    assert_int_equal(get(&map, ""), 3);
    assert_int_equal(get(&map, "c"), -1);
    assert_int_equal(map.latest_offset, 3);
    offset_map_release(&map);
}

static void many_keys_are_kept_apart_up_to_the_load_factor(void **state)
{
    (void)state;
    struct offset_map map;
    enum { SLOTS = 1000, KEYS = 900 };
    offset_map_init(&map, secret, SLOTS * OFFSET_MAP_SLOT_BYTES, 0.9, INT64_MAX / 4);
    for (int32_t i = 0; i < KEYS; i++)
        assert_true(offset_map_put(&map, &i, sizeof i, i));
    int32_t more = KEYS;
    assert_false(offset_map_put(&map, &more, sizeof more, KEYS));
    assert_int_equal(map.latest_offset, KEYS - 1);
    for (int32_t i = 0; i < KEYS; i++)
        assert_int_equal(offset_map_get(&map, &i, sizeof i), i);
    assert_int_equal(offset_map_get(&map, &more, sizeof more), -1);
    offset_map_release(&map);
}

/* As Kafka's: what is full takes nothing, not even a key that it has. */
static void a_full_map_takes_no_key(void **state)
{
    (void)state;
    struct offset_map map;
    offset_map_init(&map, secret, 1, 0.9, 100); /* less than a slot: there is room for one key all the same */
    assert_true(put(&map, "a", 5));
    assert_false(put(&map, "a", 6));
    assert_false(put(&map, "b", 6));
    assert_int_equal(get(&map, "a"), 5);
    assert_int_equal(get(&map, "b"), -1);
    offset_map_release(&map);
}

static void a_map_is_no_larger_than_its_keys_need(void **state)
{
    (void)state;
    struct offset_map map;
    offset_map_init(&map, secret, INT64_C(1) << 40, 0.9, 10);
    assert_in_range(map.slots_count, 11, 20);
    for (int32_t i = 0; i < 10; i++)
        assert_true(offset_map_put(&map, &i, sizeof i, i));
    offset_map_release(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_latest_offset_of_a_key_is_found),
        cmocka_unit_test(many_keys_are_kept_apart_up_to_the_load_factor),
        cmocka_unit_test(a_full_map_takes_no_key),
        cmocka_unit_test(a_map_is_no_larger_than_its_keys_need),
    };
    return cmocka_run_group_tests_name("offset_map", tests, NULL, NULL);
}
