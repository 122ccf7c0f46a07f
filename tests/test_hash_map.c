/* The map in protocol/hash_map.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../protocol/hash_map.h"

struct thing {
    struct hash_node node;
    int key;
};

static struct thing *find(const struct hash_map *map, uint64_t hash, int key)
{
    for (struct hash_node *node = hash_map_first(map, hash); node; node = hash_node_next(node)) {
        struct thing *thing = CONTAINER_OF(node, struct thing, node);
        if (thing->key == key)
            return thing;
    }
    return NULL;
}

static void an_empty_map_finds_nothing(void **state)
{
    (void)state;
    struct hash_map map;
    hash_map_init(&map, 1);
    assert_null(hash_map_first(&map, 0));
    hash_map_release(&map);
}

static void every_node_is_found_while_the_map_grows_and_shrinks(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static struct thing things[COUNT];
    struct hash_map map;
    hash_map_init(&map, 42);
    for (int i = 0; i < COUNT; i++) {
        things[i].key = i;
        hash_map_insert(&map, &things[i].node, hash_bytes(&map, &i, sizeof i));
    }
    assert_int_equal(map.count, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_ptr_equal(find(&map, hash_bytes(&map, &i, sizeof i), i), &things[i]);
    for (int i = 0; i < COUNT; i += 2)
        hash_map_remove(&map, &things[i].node);
    for (int i = 0; i < COUNT; i++) {
        struct thing *found = find(&map, hash_bytes(&map, &i, sizeof i), i);
        assert_ptr_equal(found, i % 2 ? &things[i] : NULL);
    }
    hash_map_release(&map);
}

static void a_walk_meets_every_node_once_and_may_remove_it(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    struct thing things[COUNT];
    int met[COUNT] = {0};
    struct hash_map map;
    hash_map_init(&map, 3);
    for (int i = 0; i < COUNT; i++) {
        things[i].key = i;
        hash_map_insert(&map, &things[i].node, (uint64_t)(i / 3)); /* some share a bucket */
    }
    for (struct hash_node *node = hash_map_next(&map, NULL), *next; node; node = next) {
        next = hash_map_next(&map, node);
        met[CONTAINER_OF(node, struct thing, node)->key]++;
        hash_map_remove(&map, node);
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(met[i], 1);
    assert_int_equal(map.count, 0);
    hash_map_release(&map);
}

static void nodes_that_share_a_hash_are_kept_apart_by_their_keys(void **state)
{
    (void)state;
    struct thing things[3] = {{.key = 10}, {.key = 20}, {.key = 30}};
    struct hash_map map;
    hash_map_init(&map, 0);
    for (size_t i = 0; i < COUNT_OF(things); i++)
        hash_map_insert(&map, &things[i].node, 7);
    hash_map_remove(&map, &things[1].node);
    assert_ptr_equal(find(&map, 7, 10), &things[0]);
    assert_null(find(&map, 7, 20));
    assert_ptr_equal(find(&map, 7, 30), &things[2]);
    hash_map_release(&map);
}

static void the_hash_depends_on_seed_content_and_length(void **state)
{
    (void)state;
    struct hash_map one, other;
    hash_map_init(&one, 1);
    hash_map_init(&other, 2);
    const char *text = "topic-with-a-name";
    assert_int_equal(hash_bytes(&one, text, strlen(text)), hash_bytes(&one, text, strlen(text)));
    assert_int_not_equal(hash_bytes(&one, text, strlen(text)), hash_bytes(&other, text, strlen(text)));
    assert_int_not_equal(hash_bytes(&one, text, 16), hash_bytes(&one, text, 17));
    assert_int_not_equal(hash_bytes(&one, "\0", 1), hash_bytes(&one, "\0\0", 2));
    assert_int_not_equal(hash_bytes(&one, "", 0), hash_bytes(&one, "\0", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_finds_nothing),
        cmocka_unit_test(every_node_is_found_while_the_map_grows_and_shrinks),
        cmocka_unit_test(a_walk_meets_every_node_once_and_may_remove_it),
        cmocka_unit_test(nodes_that_share_a_hash_are_kept_apart_by_their_keys),
        cmocka_unit_test(the_hash_depends_on_seed_content_and_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
