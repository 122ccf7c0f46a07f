/* What is kept of batches that were refused because their partition was not known to take part (broker/unverified.c).
 */
#include "broker/unverified.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct test {
    struct unverified unverified;
    struct topic topic;
    struct partition partition, other;
};

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    unverified_init(&test->unverified, 1);
    test->topic.id.bytes[0] = 1;
    test->partition = (struct partition){.topic = &test->topic, .index = 0};
    test->other = (struct partition){.topic = &test->topic, .index = 1};
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    unverified_release(&test->unverified);
    free(test);
    return 0;
}

static void note(struct test *test, int64_t producer_id, int16_t epoch, int32_t sequence)
{
    const struct record_batch batch = {.producer_id = producer_id, .producer_epoch = epoch, .base_sequence = sequence};
    unverified_note(&test->unverified, &test->partition, &batch);
}

static int32_t lowest(const struct test *test, int64_t producer_id)
{
    return unverified_lowest(&test->unverified, &test->partition, producer_id);
}

static void the_lowest_sequence_is_kept(void **state)
{
    struct test *test = *state;
    assert_int_equal(lowest(test, 7), -1);
    note(test, 7, 0, 5);
    note(test, 7, 0, 3);
    note(test, 7, 0, 4);
    assert_int_equal(lowest(test, 7), 3);
    assert_int_equal(lowest(test, 8), -1);
    assert_int_equal(unverified_lowest(&test->unverified, &test->other, 7), -1);
}

static void a_new_epoch_begins_anew_and_an_old_one_tells_nothing(void **state)
{
    struct test *test = *state;
    note(test, 7, 1, 3);
    note(test, 7, 0, 1);
    assert_int_equal(lowest(test, 7), 3);
    note(test, 7, 2, 9);
    assert_int_equal(lowest(test, 7), 9);
}

static void what_was_written_is_forgotten(void **state)
{
    struct test *test = *state;
    note(test, 7, 0, 3);
    note(test, 8, 0, 4);
    unverified_forget(&test->unverified, &test->partition, 7);
    unverified_forget(&test->unverified, &test->partition, 9);
    assert_int_equal(lowest(test, 7), -1);
    assert_int_equal(lowest(test, 8), 4);
}

static void above_the_bound_the_oldest_is_forgotten(void **state)
{
    struct test *test = *state;
    for (int32_t id = 0; id <= UNVERIFIED_MAX; id++)
        note(test, id, 0, id);
    assert_int_equal(test->unverified.by_key.count, UNVERIFIED_MAX);
    assert_int_equal(lowest(test, 0), -1);
    assert_int_equal(lowest(test, 1), 1);
    assert_int_equal(lowest(test, UNVERIFIED_MAX), UNVERIFIED_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_lowest_sequence_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_epoch_begins_anew_and_an_old_one_tells_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_written_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(above_the_bound_the_oldest_is_forgotten, setup, teardown),
    };
    return cmocka_run_group_tests_name("unverified", tests, NULL, NULL);
}
