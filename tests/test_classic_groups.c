/* Classic groups over a whole broker in memory, with a clock that the test drives: what time does to members and
 * rounds, what happens to those whose connections break, and what a restart leaves. The answers themselves are compared
 * with Kafka's in tests/conformance/groups. */
#include "lib/test_consumer.h"

#include "protocol/errors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define NOT_ANSWERED (-2)
#define MINUTE_MS    60000

struct test {
    struct broker_fixture broker;
    struct test_consumer a, b, c;
};

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_set(&test->broker, "offsets.topic.num.partitions", "3");
    broker_fixture_open(&test->broker);
    test_consumer_open(&test->a, &test->broker, "g");
    test_consumer_open(&test->b, &test->broker, "g");
    test_consumer_open(&test->c, &test->broker, "g");
    assert_int_equal(test_consumer_find_coordinator(&test->a), KAFKA_NONE);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    broker_fixture_release(&test->broker);
    free(test);
    return 0;
}

/* "a" and "b" are members of a stable group, "a" leads. */
static void begin_with_two(struct test *test)
{
    struct test_consumer *both[] = {&test->a, &test->b};
    test_consumers_rebalance(both, 2);
    assert_string_equal(test_consumer_state(&test->a), "Stable");
}

static void advance(struct test *test, int64_t ms)
{
    broker_fixture_advance(&test->broker, ms);
}

/* In steps that are shorter than a session, with a sign of life of `alive` in each. */
static void advance_alive(struct test *test, struct test_consumer *alive, int64_t ms)
{
    for (; ms > 0; ms -= 5000) {
        advance(test, ms < 5000 ? ms : 5000);
        (void)test_consumer_heartbeat(alive);
    }
}

/* ---- sessions ------------------------------------------------------------------------------------------------------- */

static void a_silent_member_is_removed_at_the_end_of_its_session_and_not_before(void **state)
{
    struct test *test = *state;
    begin_with_two(test);
    advance(test, 9999);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_NONE);
    assert_int_equal(test_consumer_committed(&test->b, "t", 0), -1); /* which is no sign of life */
    advance(test, 1);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_REBALANCE_IN_PROGRESS);
    assert_int_equal(test_consumer_heartbeat(&test->b), KAFKA_UNKNOWN_MEMBER_ID);
}

static void a_commit_is_a_sign_of_life(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_create_topic(&test->c.peer, "t", 1), KAFKA_NONE);
    begin_with_two(test);
    advance(test, 9999);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_NONE);
    assert_int_equal(test_consumer_commit(&test->b, "t", 0, 5), KAFKA_NONE);
    advance(test, 9999);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_NONE);
    assert_int_equal(test_consumer_heartbeat(&test->b), KAFKA_NONE);
}

static void the_session_of_a_member_that_waits_in_a_round_does_not_end(void **state)
{
    struct test *test = *state;
    begin_with_two(test);
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED); /* the leader wants a round; "b" is awaited */
    advance_alive(test, &test->b, 50000);                         /* five sessions */
    assert_int_equal(test_consumer_joined(&test->a), NOT_ANSWERED);
    assert_int_equal(test_consumer_join(&test->b), KAFKA_NONE);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
    advance(test, 9999); /* it begins anew with the answer */
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_NONE);
}

static void a_new_member_whose_connection_broke_is_removed_after_five_minutes(void **state)
{
    struct test *test = *state;
    test->a.rebalance_ms = test->b.rebalance_ms = test->c.rebalance_ms = 10 * MINUTE_MS;
    begin_with_two(test);
    assert_int_equal(test_consumer_join(&test->c), NOT_ANSWERED);
    test_consumer_reopen(&test->c);
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    advance_alive(test, &test->b, 5 * MINUTE_MS - 1);
    assert_int_equal(test_consumer_join(&test->b), KAFKA_NONE); /* the round is over with the lost one as a member */
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
    assert_int_equal(test->a.members, 3);
    assert_int_equal(test_consumer_join(&test->c), NOT_ANSWERED); /* and goes on with it, under another id */
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    assert_int_equal(test_consumer_join(&test->b), NOT_ANSWERED);
    advance(test, 10000); /* a session: it is no new member any more */
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
    assert_int_equal(test->a.members, 3);
}

static void a_new_member_that_nobody_waits_for_is_gone_after_five_minutes(void **state)
{
    struct test *test = *state;
    test->a.rebalance_ms = test->b.rebalance_ms = test->c.rebalance_ms = 10 * MINUTE_MS;
    begin_with_two(test);
    assert_int_equal(test_consumer_join(&test->c), NOT_ANSWERED);
    test_consumer_reopen(&test->c);
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    advance_alive(test, &test->b, 5 * MINUTE_MS);
    assert_int_equal(test_consumer_join(&test->b), KAFKA_NONE);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
    assert_int_equal(test->a.members, 2);
}

/* ---- ids that are handed out (KIP-394) ------------------------------------------------------------------------------ */

static void a_round_awaits_an_id_that_was_handed_out_until_it_expires(void **state)
{
    struct test *test = *state;
    begin_with_two(test);
    test->c.join_version = 4;
    assert_int_equal(test_consumer_join(&test->c), KAFKA_MEMBER_ID_REQUIRED);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_NONE); /* which alone begins no round */
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    assert_int_equal(test_consumer_join(&test->b), NOT_ANSWERED);
    advance(test, 9999);
    assert_int_equal(test_consumer_joined(&test->a), NOT_ANSWERED);
    advance(test, 1);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
    assert_int_equal(test_consumer_joined(&test->b), KAFKA_NONE);
    assert_int_equal(test_consumer_join(&test->c), KAFKA_UNKNOWN_MEMBER_ID);
}

static void an_id_that_was_handed_out_is_good_for_a_member(void **state)
{
    struct test *test = *state;
    test->c.join_version = 4;
    begin_with_two(test);
    assert_int_equal(test_consumer_join(&test->c), KAFKA_MEMBER_ID_REQUIRED);
    assert_int_equal(test_consumer_join(&test->c), NOT_ANSWERED);
    assert_int_equal(test_consumer_join(&test->b), NOT_ANSWERED);
    assert_int_equal(test_consumer_join(&test->a), KAFKA_NONE);
    assert_int_equal(test->a.members, 3);
}

static void an_id_that_was_handed_out_can_be_given_back(void **state)
{
    struct test *test = *state;
    test->c.join_version = 4;
    begin_with_two(test);
    assert_int_equal(test_consumer_join(&test->c), KAFKA_MEMBER_ID_REQUIRED);
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    assert_int_equal(test_consumer_join(&test->b), NOT_ANSWERED);
    assert_int_equal(test_consumer_leave(&test->c), KAFKA_NONE);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE); /* nobody is awaited any more */
}

/* ---- rounds --------------------------------------------------------------------------------------------------------- */

static void set_delay(struct test *test, const char *delay_ms)
{
    broker_fixture_set(&test->broker, "group.initial.rebalance.delay.ms", delay_ms);
    broker_fixture_restart(&test->broker, broker_fixture_close);
}

static void the_first_round_waits_longer_for_each_that_comes_but_not_for_ever(void **state)
{
    struct test *test = *state;
    set_delay(test, "3000");
    test->a.rebalance_ms = test->b.rebalance_ms = test->c.rebalance_ms = 7000;
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    advance(test, 2999);
    assert_int_equal(test_consumer_join(&test->b), NOT_ANSWERED);
    advance(test, 1); /* 3000: prolonged, as "b" came */
    assert_int_equal(test_consumer_joined(&test->a), NOT_ANSWERED);
    advance(test, 2000);
    assert_int_equal(test_consumer_join(&test->c), NOT_ANSWERED);
    advance(test, 1000); /* 6000: prolonged, by what is left of the rebalance timeout */
    assert_int_equal(test_consumer_joined(&test->a), NOT_ANSWERED);
    advance(test, 999);
    assert_int_equal(test_consumer_joined(&test->a), NOT_ANSWERED);
    advance(test, 1);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
    assert_int_equal(test->a.members, 3);
}

static void the_first_round_is_over_after_its_delay_when_nobody_comes(void **state)
{
    struct test *test = *state;
    set_delay(test, "3000");
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    advance(test, 2999);
    assert_int_equal(test_consumer_joined(&test->a), NOT_ANSWERED);
    advance(test, 1);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
}

static void an_id_that_expires_does_not_end_the_first_round_early(void **state)
{
    struct test *test = *state;
    set_delay(test, "30000");
    test->c.join_version = 4;
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    assert_int_equal(test_consumer_join(&test->c), KAFKA_MEMBER_ID_REQUIRED);
    advance(test, 10000);
    assert_int_equal(test_consumer_joined(&test->a), NOT_ANSWERED);
    advance(test, 20000);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
}

static void a_follower_that_joins_anew_without_a_change_begins_no_round(void **state)
{
    struct test *test = *state;
    begin_with_two(test);
    assert_int_equal(test_consumer_join(&test->b), KAFKA_NONE);
    assert_int_equal(test->b.generation, test->a.generation);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_NONE);
    test->b.topic = "u";
    assert_int_equal(test_consumer_join(&test->b), NOT_ANSWERED);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_REBALANCE_IN_PROGRESS);
}

static void a_leader_that_joins_anew_begins_a_round(void **state)
{
    struct test *test = *state;
    begin_with_two(test);
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    assert_int_equal(test_consumer_heartbeat(&test->b), KAFKA_REBALANCE_IN_PROGRESS);
    assert_int_equal(test_consumer_join(&test->b), KAFKA_NONE);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
    assert_int_equal(test->a.generation, 2);
}

static void members_that_do_not_join_in_time_are_out_and_another_leads(void **state)
{
    struct test *test = *state;
    begin_with_two(test);
    test->b.topic = "u";
    assert_int_equal(test_consumer_join(&test->b), NOT_ANSWERED);
    advance_alive(test, &test->a, 60000);
    assert_int_equal(test_consumer_joined(&test->b), KAFKA_NONE);
    assert_int_equal(test->b.members, 1);
    assert_string_equal(test->b.told_leader, test->b.id);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_UNKNOWN_MEMBER_ID);
}

static void who_does_not_sync_in_time_is_out(void **state)
{
    struct test *test = *state;
    begin_with_two(test);
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    assert_int_equal(test_consumer_join(&test->b), KAFKA_NONE);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
    assert_int_equal(test_consumer_sync(&test->b), NOT_ANSWERED);
    advance_alive(test, &test->a, 60000); /* the leader is alive, but assigns nothing */
    assert_int_equal(test_consumer_synced(&test->b), KAFKA_REBALANCE_IN_PROGRESS);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_UNKNOWN_MEMBER_ID);
}

/* A round that nobody joins is tried again and again until the sessions of its static members end. */
static void static_members_without_a_rebalance_timeout_do_not_keep_the_broker_busy(void **state)
{
    struct test *test = *state;
    struct test_consumer *both[] = {&test->a, &test->b};
    test->a.instance = "one";
    test->a.rebalance_ms = 0;
    test_consumers_rebalance(both, 2);
    assert_int_equal(test_consumer_leave(&test->b), KAFKA_NONE);
    advance(test, 0);
    assert_string_equal(test_consumer_state(&test->c), "PreparingRebalance");
    assert_true(timers_next(&test->broker.broker->timers) >= test->broker.env.now.mono_ms + 1000);
    advance(test, 10000);
    assert_string_equal(test_consumer_state(&test->c), "Empty");
}

/* ---- connections ---------------------------------------------------------------------------------------------------- */

static void a_dropped_connection_does_not_leave(void **state)
{
    struct test *test = *state;
    begin_with_two(test);
    test_consumer_reopen(&test->b);
    advance(test, 9999);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_NONE);
    assert_int_equal(test_consumer_heartbeat(&test->b), KAFKA_NONE);
}

static void a_request_whose_connection_broke_is_forgotten_and_its_member_counts(void **state)
{
    struct test *test = *state;
    begin_with_two(test);
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    test_consumer_reopen(&test->a);
    assert_int_equal(test_consumer_join(&test->b), KAFKA_NONE); /* the round is over: "a" has joined */
    assert_int_equal(test->b.generation, 2);
    assert_int_equal(test->b.members, 0);
    assert_int_equal(test_consumer_sync(&test->b), NOT_ANSWERED);
    assert_int_equal(test_consumer_join(&test->a), KAFKA_NONE); /* and is told so when it asks again */
    assert_int_equal(test->a.generation, 2);
    assert_int_equal(test->a.members, 2);
    test_consumer_reopen(&test->b);
    struct test_consumer *both[] = {&test->a, &test->b};
    test_consumer_send_sync(&test->a, both, 2);
    assert_int_equal(test_consumer_synced(&test->a), KAFKA_NONE);
    assert_int_equal(test_consumer_sync(&test->b), KAFKA_NONE);
    assert_string_equal(test->b.assignment, test->b.id);
}

static void a_member_that_waits_may_ask_again_on_another_connection(void **state)
{
    struct test *test = *state;
    begin_with_two(test);
    struct test_consumer again;
    test_consumer_open(&again, &test->broker, "g");
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    memcpy(again.id, test->a.id, sizeof again.id);
    assert_int_equal(test_consumer_join(&again), NOT_ANSWERED);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_REBALANCE_IN_PROGRESS);
    test_consumer_reopen(&test->a); /* which takes nothing from the other */
    assert_int_equal(test_consumer_join(&test->b), KAFKA_NONE);
    assert_int_equal(test_consumer_joined(&again), KAFKA_NONE);
    assert_int_equal(again.members, 2);
    assert_int_equal(test_consumer_sync(&test->b), NOT_ANSWERED);
    test->c.generation = test->b.generation;
    memcpy(test->c.id, test->b.id, sizeof test->b.id);
    assert_int_equal(test_consumer_sync(&test->c), NOT_ANSWERED);
    assert_int_equal(test_consumer_synced(&test->b), KAFKA_REBALANCE_IN_PROGRESS);
    struct test_consumer *both[] = {&again, &test->b};
    test_consumer_send_sync(&again, both, 2);
    assert_int_equal(test_consumer_synced(&again), KAFKA_NONE);
    assert_int_equal(test_consumer_synced(&test->c), KAFKA_NONE);
    test_consumer_close(&again);
}

static void members_that_wait_are_told_that_the_broker_stops(void **state)
{
    struct test *test = *state;
    begin_with_two(test);
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    broker_stop(test->broker.broker);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NOT_COORDINATOR);
    advance(test, 10 * MINUTE_MS); /* nothing happens to members any more */
    broker_fixture_restart(&test->broker, broker_fixture_close);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_NONE);
    assert_int_equal(test_consumer_heartbeat(&test->b), KAFKA_NONE);
}

/* ---- static members ------------------------------------------------------------------------------------------------- */

static void begin_with_two_statics(struct test *test)
{
    test->a.instance = "one";
    test->b.instance = "two";
    begin_with_two(test);
}

static void a_static_member_comes_back_with_its_assignment_and_nobody_notices(void **state)
{
    struct test *test = *state;
    char old_id[sizeof test->b.id];
    begin_with_two_statics(test);
    memcpy(old_id, test->b.id, sizeof old_id);
    test_consumer_reopen(&test->b);
    *test->b.id = '\0';
    assert_int_equal(test_consumer_join(&test->b), KAFKA_NONE);
    assert_string_not_equal(test->b.id, old_id);
    assert_int_equal(test->b.generation, 1);
    assert_int_equal(test_consumer_sync(&test->b), KAFKA_NONE);
    assert_string_equal(test->b.assignment, old_id);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_NONE);
}

static void a_static_member_that_changes_the_protocol_of_the_group_begins_a_round(void **state)
{
    struct test *test = *state;
    struct test_consumer *one[] = {&test->a};
    test->a.instance = "one";
    test_consumers_rebalance(one, 1);
    *test->a.id = '\0';
    assert_int_equal(test_consumer_join(&test->a), KAFKA_NONE); /* the same: at once */
    assert_int_equal(test->a.generation, 1);
    *test->a.id = '\0';
    test->a.protocol = "roundrobin";
    assert_int_equal(test_consumer_join(&test->a), KAFKA_INCONSISTENT_GROUP_PROTOCOL); /* nobody has that yet */
    assert_string_equal(test_consumer_state(&test->c), "Stable");
}

static void whoever_had_the_instance_id_is_fenced(void **state)
{
    struct test *test = *state;
    begin_with_two_statics(test);
    test->c.instance = "two";
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    assert_int_equal(test_consumer_join(&test->c), KAFKA_NONE); /* all have joined */
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
    assert_int_equal(test_consumer_heartbeat(&test->b), KAFKA_FENCED_INSTANCE_ID);
}

static void a_round_does_not_wait_for_static_members_and_does_not_remove_them(void **state)
{
    struct test *test = *state;
    test->a.session_ms = test->b.session_ms = 5 * MINUTE_MS;
    begin_with_two_statics(test);
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    advance(test, MINUTE_MS);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
    assert_int_equal(test->a.members, 2);
    assert_int_equal(test_consumer_heartbeat(&test->b), KAFKA_ILLEGAL_GENERATION);
}

/* ---- restarts ------------------------------------------------------------------------------------------------------- */

static void check_restart(struct test *test, void (*end)(struct broker_fixture *broker))
{
    begin_with_two(test);
    advance(test, 9999);
    broker_fixture_restart(&test->broker, end);
    advance(test, 9999); /* sessions begin anew */
    assert_string_equal(test_consumer_state(&test->c), "Stable");
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_NONE);
    assert_int_equal(test_consumer_heartbeat(&test->b), KAFKA_NONE);
    assert_int_equal(test_consumer_sync(&test->b), KAFKA_NONE);
    assert_string_equal(test->b.assignment, test->b.id);
    assert_int_equal(test_consumer_join(&test->b), KAFKA_NONE); /* a follower without a change */
    assert_int_equal(test->b.generation, 1);
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED); /* it still leads */
    assert_int_equal(test_consumer_join(&test->b), KAFKA_NONE);
    assert_int_equal(test->b.generation, 2);
}

static void a_stop_leaves_a_stable_group_as_it_was(void **state)
{
    check_restart(*state, broker_fixture_close);
}

static void a_kill_leaves_a_stable_group_as_it_was(void **state)
{
    check_restart(*state, broker_fixture_kill);
}

static void a_group_whose_members_are_all_dead_is_empty_a_session_after_the_restart(void **state)
{
    struct test *test = *state;
    begin_with_two(test);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    advance(test, 9999);
    assert_string_equal(test_consumer_state(&test->c), "Stable");
    advance(test, 1);
    assert_string_equal(test_consumer_state(&test->c), "Empty");
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_string_equal(test_consumer_state(&test->c), "Empty");
}

static void a_group_that_is_larger_than_is_allowed_now_is_made_smaller(void **state)
{
    struct test *test = *state;
    struct test_consumer *all[] = {&test->a, &test->b, &test->c};
    test_consumers_rebalance(all, 3);
    broker_fixture_set(&test->broker, "group.max.size", "2");
    broker_fixture_restart(&test->broker, broker_fixture_close);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_REBALANCE_IN_PROGRESS);
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    assert_int_equal(test_consumer_join(&test->b), NOT_ANSWERED);
    assert_int_equal(test_consumer_join(&test->c), KAFKA_GROUP_MAX_SIZE_REACHED);
    advance(test, MINUTE_MS);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
    assert_int_equal(test->a.members, 2);
}

static void a_round_that_was_under_way_is_forgotten_by_a_kill(void **state)
{
    struct test *test = *state;
    begin_with_two(test);
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    assert_int_equal(test_consumer_join(&test->b), KAFKA_NONE);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_ILLEGAL_GENERATION); /* 2 was never complete */
    assert_string_equal(test_consumer_state(&test->c), "Stable");
}

/* ---- what cannot be written ----------------------------------------------------------------------------------------- */

static void fail_writes(struct test *test)
{
    memory_io_fail(test->broker.memory, CALL_PWRITE, 1, ENOSPC, false);
}

static void an_assignment_that_cannot_be_written_counts_for_nobody(void **state)
{
    struct test *test = *state;
    struct test_consumer *both[] = {&test->a, &test->b};
    begin_with_two(test);
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
    assert_int_equal(test_consumer_join(&test->b), KAFKA_NONE);
    assert_int_equal(test_consumer_joined(&test->a), KAFKA_NONE);
    assert_int_equal(test_consumer_sync(&test->b), NOT_ANSWERED);
    fail_writes(test);
    test_consumer_send_sync(&test->a, both, 2);
    assert_int_equal(test_consumer_synced(&test->a), KAFKA_NOT_COORDINATOR);
    assert_int_equal(test_consumer_synced(&test->b), KAFKA_NOT_COORDINATOR);
    assert_int_equal(test_consumer_heartbeat(&test->b), KAFKA_REBALANCE_IN_PROGRESS);
    test_consumers_rebalance(both, 2); /* the disk is well again */
}

static void a_group_that_cannot_be_written_is_not_made(void **state)
{
    struct test *test = *state;
    fail_writes(test);
    assert_int_equal(test_consumer_join(&test->a), KAFKA_NOT_COORDINATOR);
    assert_null(test_consumer_listed(&test->a));
    assert_int_equal(test_consumer_join(&test->a), NOT_ANSWERED);
}

static void a_static_member_whose_new_id_cannot_be_written_stays_what_it_was(void **state)
{
    struct test *test = *state;
    begin_with_two_statics(test);
    test->c.instance = "two";
    test->c.topic = "another"; /* the protocol stays the same */
    fail_writes(test);
    assert_int_equal(test_consumer_join(&test->c), KAFKA_NOT_COORDINATOR);
    assert_int_equal(test_consumer_heartbeat(&test->b), KAFKA_NONE);
    assert_int_equal(test_consumer_sync(&test->b), KAFKA_NONE);
    assert_string_equal(test->b.assignment, test->b.id);
    assert_int_equal(test_consumer_join(&test->b), KAFKA_NONE); /* what it offers is what it offered */
    assert_int_equal(test->b.generation, 1);
    advance(test, 9999); /* its session goes on, once */
    assert_int_equal(test_consumer_heartbeat(&test->a), KAFKA_NONE);
    assert_int_equal(test_consumer_heartbeat(&test->b), KAFKA_NONE);
}

static void a_group_that_cannot_be_written_as_empty_is_empty_until_a_restart(void **state)
{
    struct test *test = *state;
    begin_with_two(test);
    assert_int_equal(test_consumer_leave(&test->a), KAFKA_NONE);
    fail_writes(test);
    assert_int_equal(test_consumer_leave(&test->b), KAFKA_NONE);
    assert_string_equal(test_consumer_state(&test->c), "Empty");
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_string_equal(test_consumer_state(&test->c), "Stable"); /* of members that time out */
    advance(test, 10000);
    advance(test, MINUTE_MS);
    assert_string_equal(test_consumer_state(&test->c), "Empty");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_silent_member_is_removed_at_the_end_of_its_session_and_not_before),
        TEST(a_commit_is_a_sign_of_life),
        TEST(the_session_of_a_member_that_waits_in_a_round_does_not_end),
        TEST(a_new_member_whose_connection_broke_is_removed_after_five_minutes),
        TEST(a_new_member_that_nobody_waits_for_is_gone_after_five_minutes),
        TEST(a_round_awaits_an_id_that_was_handed_out_until_it_expires),
        TEST(an_id_that_was_handed_out_is_good_for_a_member),
        TEST(an_id_that_was_handed_out_can_be_given_back),
        TEST(the_first_round_waits_longer_for_each_that_comes_but_not_for_ever),
        TEST(the_first_round_is_over_after_its_delay_when_nobody_comes),
        TEST(an_id_that_expires_does_not_end_the_first_round_early),
        TEST(a_follower_that_joins_anew_without_a_change_begins_no_round),
        TEST(a_leader_that_joins_anew_begins_a_round),
        TEST(members_that_do_not_join_in_time_are_out_and_another_leads),
        TEST(who_does_not_sync_in_time_is_out),
        TEST(static_members_without_a_rebalance_timeout_do_not_keep_the_broker_busy),
        TEST(a_dropped_connection_does_not_leave),
        TEST(a_request_whose_connection_broke_is_forgotten_and_its_member_counts),
        TEST(a_member_that_waits_may_ask_again_on_another_connection),
        TEST(members_that_wait_are_told_that_the_broker_stops),
        TEST(a_static_member_comes_back_with_its_assignment_and_nobody_notices),
        TEST(a_static_member_that_changes_the_protocol_of_the_group_begins_a_round),
        TEST(whoever_had_the_instance_id_is_fenced),
        TEST(a_round_does_not_wait_for_static_members_and_does_not_remove_them),
        TEST(a_stop_leaves_a_stable_group_as_it_was),
        TEST(a_kill_leaves_a_stable_group_as_it_was),
        TEST(a_group_whose_members_are_all_dead_is_empty_a_session_after_the_restart),
        TEST(a_group_that_is_larger_than_is_allowed_now_is_made_smaller),
        TEST(a_round_that_was_under_way_is_forgotten_by_a_kill),
        TEST(an_assignment_that_cannot_be_written_counts_for_nobody),
        TEST(a_group_that_cannot_be_written_is_not_made),
        TEST(a_static_member_whose_new_id_cannot_be_written_stays_what_it_was),
        TEST(a_group_that_cannot_be_written_as_empty_is_empty_until_a_restart),
    };
    return cmocka_run_group_tests_name("classic_groups", tests, NULL, NULL);
}
