/* What is kept of transactional batches of which nothing is written yet (broker/verification_state.c). */
#include "broker/verification_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct test {
    struct verification_states states;
    struct topic topic;
    struct partition partition, other;
};

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    verification_states_init(&test->states, 1);
    test->topic.id.bytes[0] = 1;
    test->partition = (struct partition){.topic = &test->topic, .index = 0};
    test->other = (struct partition){.topic = &test->topic, .index = 1};
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    verification_states_release(&test->states);
    free(test);
    return 0;
}

static void note_at(struct test *test, int64_t producer_id, int16_t epoch, int32_t sequence, bool bumps_epoch,
                    int64_t now_ms)
{
    const struct record_batch batch = {.producer_id = producer_id, .producer_epoch = epoch, .base_sequence = sequence};
    verification_states_note(&test->states, &test->partition, &batch, bumps_epoch, now_ms);
}

static void note(struct test *test, int64_t producer_id, int16_t epoch, int32_t sequence)
{
    note_at(test, producer_id, epoch, sequence, false, 0);
}

/* -1: the producer is not bounded. */
static int32_t lowest_in(const struct test *test, const struct partition *partition, int64_t producer_id)
{
    struct sequence_bound bound;
    return verification_states_bound(&test->states, partition, producer_id, &bound) ? bound.max : -1;
}

static int32_t lowest(const struct test *test, int64_t producer_id)
{
    return lowest_in(test, &test->partition, producer_id);
}

static bool begins_from_zero(const struct test *test, int64_t producer_id)
{
    struct sequence_bound bound;
    assert_true(verification_states_bound(&test->states, &test->partition, producer_id, &bound));
    return bound.from_zero;
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
    assert_int_equal(lowest_in(test, &test->other, 7), -1);
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

/* As in Kafka, whose entry keeps what the first one was. */
static void the_first_client_counts(void **state)
{
    struct test *test = *state;
    note_at(test, 7, 0, 5, false, 0);
    note_at(test, 7, 0, 5, true, 0);
    assert_false(begins_from_zero(test, 7));
    note_at(test, 8, 0, 5, true, 0);
    note_at(test, 8, 0, 5, false, 0);
    assert_true(begins_from_zero(test, 8));
}

static void what_was_written_is_forgotten(void **state)
{
    struct test *test = *state;
    note(test, 7, 0, 3);
    note(test, 8, 0, 4);
    verification_states_written(&test->states, &test->partition, 7);
    verification_states_written(&test->states, &test->partition, 9);
    assert_int_equal(lowest(test, 7), -1);
    assert_int_equal(lowest(test, 8), 4);
}

/* With the second protocol a marker has the epoch of the transaction that comes next, and may come behind its begin. */
static void an_end_is_that_of_the_transaction_before(void **state)
{
    struct test *test = *state;
    note_at(test, 7, 1, 0, false, 0);
    verification_states_ended(&test->states, &test->partition, 7, 1);
    assert_int_equal(lowest(test, 7), -1);
    note_at(test, 7, 1, 0, true, 0);
    verification_states_ended(&test->states, &test->partition, 7, 1);
    assert_int_equal(lowest(test, 7), 0);
    verification_states_ended(&test->states, &test->partition, 7, 2);
    assert_int_equal(lowest(test, 7), -1);
}

static void what_is_old_is_forgotten(void **state)
{
    struct test *test = *state;
    note_at(test, 7, 0, 3, false, 1000);
    note_at(test, 8, 0, 3, false, 1001);
    note_at(test, 7, 0, 2, false, 2000);
    verification_states_expire(&test->states, 1000);
    assert_int_equal(lowest(test, 7), 2);
    verification_states_expire(&test->states, 1001);
    assert_int_equal(lowest(test, 7), -1);
    assert_int_equal(lowest(test, 8), 3);
}

static void above_the_bound_the_oldest_is_forgotten(void **state)
{
    struct test *test = *state;
    for (int32_t id = 0; id <= VERIFICATION_STATES_MAX; id++)
        note(test, id, 0, id);
    assert_int_equal(test->states.by_key.count, VERIFICATION_STATES_MAX);
    assert_int_equal(lowest(test, 0), -1);
    assert_int_equal(lowest(test, 1), 1);
    assert_int_equal(lowest(test, VERIFICATION_STATES_MAX), VERIFICATION_STATES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_lowest_sequence_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_epoch_begins_anew_and_an_old_one_tells_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_client_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_written_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(an_end_is_that_of_the_transaction_before, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_old_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(above_the_bound_the_oldest_is_forgotten, setup, teardown),
    };
    return cmocka_run_group_tests_name("verification_state", tests, NULL, NULL);
}
