/* broker/topic_name.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/topic_name.h"

static void names_are_checked_as_kafka_checks_them(void **state)
{
    (void)state;
    char longest[TOPIC_NAME_MAX + 2];
    memset(longest, 'a', sizeof longest);
    const struct {
        const char *name;
        int32_t size;
        bool allowed;
    } rows[] = {
        {"t",        1,                  true },
        {"A-z_0.",   6,                  true },
        {"...",      3,                  true },
        {longest,    TOPIC_NAME_MAX,     true },
        {longest,    TOPIC_NAME_MAX + 1, false},
        {"",         0,                  false},
        {NULL,       -1,                 false},
        {".",        1,                  false},
        {"..",       2,                  false},
        {"a b",      3,                  false},
        {"a/b",      3,                  false},
        {"a\0b",     3,                  false},
        {"\xc3\xa4", 2,                  false},
        {"a:b",      3,                  false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *sentence = topic_name_check((struct kp_string){rows[i].name, rows[i].size});
        if ((sentence == NULL) != rows[i].allowed)
            fail_msg("row %zu: %s", i, sentence ? sentence : "allowed");
    }
}

static void names_collide_when_only_dots_and_underscores_differ(void **state)
{
    (void)state;
    assert_true(topic_names_collide(kp_string_of("a.b"), kp_string_of("a_b")));
    assert_true(topic_names_collide(kp_string_of("a"), kp_string_of("a")));
    assert_false(topic_names_collide(kp_string_of("a.b"), kp_string_of("a-b")));
    assert_false(topic_names_collide(kp_string_of("a."), kp_string_of("a")));
}

static void names_are_ordered_by_bytes_and_a_prefix_comes_first(void **state)
{
    (void)state;
    assert_true(topic_names_compare(kp_string_of("B"), kp_string_of("a")) < 0);
    assert_true(topic_names_compare(kp_string_of("a"), kp_string_of("ab")) < 0);
    assert_true(topic_names_compare(kp_string_of("ab"), kp_string_of("a")) > 0);
    assert_int_equal(topic_names_compare(kp_string_of("ab"), kp_string_of("ab")), 0);
    assert_true(topic_names_compare(KP_EMPTY_STRING, kp_string_of("a")) < 0);
}

static void topics_that_brokers_make_are_internal(void **state)
{
    (void)state;
    assert_true(topic_name_is_internal(kp_string_of("__consumer_offsets")));
    assert_true(topic_name_is_internal(kp_string_of("__transaction_state")));
    assert_true(topic_name_is_internal(kp_string_of("__share_group_state")));
    assert_false(topic_name_is_internal(kp_string_of("__mine")));
    assert_false(topic_name_is_internal(kp_string_of("__cluster_metadata")));
    assert_true(topic_name_is_metadata(kp_string_of("__cluster_metadata")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_checked_as_kafka_checks_them),
        cmocka_unit_test(names_collide_when_only_dots_and_underscores_differ),
        cmocka_unit_test(names_are_ordered_by_bytes_and_a_prefix_comes_first),
        cmocka_unit_test(topics_that_brokers_make_are_internal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
