/* Partitions that a request names, sorted and each once. */
#include "broker/named_partitions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct named_partition named(const char *topic, int32_t partition, int32_t position)
{
    return (struct named_partition){.topic = kp_string_of(topic), .partition = partition, .position = position};
}

static void partitions_are_sorted_by_topic_and_number(void **state)
{
    (void)state;
    struct named_partition all[] = {named("b", 2, 0), named("a", 10, 1), named("b", -1, 2), named("a", 9, 3)};
    assert_int_equal(named_partitions_settle(all, 4), 4);
    const int32_t positions[] = {3, 1, 2, 0};
    for (int i = 0; i < 4; i++)
        assert_int_equal(all[i].position, positions[i]);
}

static void the_last_mention_is_left_and_knows_of_the_others(void **state)
{
    (void)state;
    struct named_partition all[] = {named("a", 1, 0), named("a", 2, 1), named("a", 1, 2), named("a", 1, 3)};
    assert_int_equal(named_partitions_settle(all, 4), 2);
    assert_int_equal(all[0].position, 3);
    assert_true(all[0].again);
    assert_int_equal(all[1].position, 1);
    assert_false(all[1].again);
}

static void none_stay_none(void **state)
{
    (void)state;
    assert_int_equal(named_partitions_settle(NULL, 0), 0);
}

static void a_run_of_one_topic_has_an_end(void **state)
{
    (void)state;
    const struct named_partition all[] = {named("a", 1, 0), named("a", 2, 1), named("ab", 0, 2)};
    assert_int_equal(named_partitions_topic_end(all, 3, 0), 2);
    assert_int_equal(named_partitions_topic_end(all, 3, 2), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partitions_are_sorted_by_topic_and_number),
        cmocka_unit_test(the_last_mention_is_left_and_knows_of_the_others),
        cmocka_unit_test(none_stay_none),
        cmocka_unit_test(a_run_of_one_topic_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
