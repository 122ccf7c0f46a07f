/* The start after a kill: which logs are recovered before anybody is served, which later, and that nobody can tell. */
#include "broker/metadata_log.h"
#include "lib/broker_fixture.h"
#include "protocol/errors.h"
#include "storage/log_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define RECORDS_OF_MUCH 3000 /* of 100 bytes: more than is left for later */

struct recovery_test {
    struct broker_fixture broker;
    struct test_peer peer;
};

static int setup(void **state)
{
    struct recovery_test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
    assert_int_equal(test_create_topic(&test->peer, "little", 2), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->peer, "much", 1), KAFKA_NONE);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct recovery_test *test = *state;
    test_peer_close(&test->peer);
    broker_fixture_release(&test->broker);
    free(test);
    return 0;
}

/* The process is killed and started again; what it wrote is there. */
static void kill_and_start(struct recovery_test *test)
{
    test_peer_close(&test->peer);
    broker_fixture_abandon(&test->broker);
    broker_fixture_open(&test->broker);
    assert_false(test->broker.broker->folders.clean);
    test_peer_open(&test->peer, &test->broker);
}

static struct log *log_of(struct recovery_test *test, const char *topic, int32_t partition)
{
    struct topic *found = catalog_topic(test->broker.broker->catalog, kp_string_of(topic));
    return topic_partition(found, partition)->log;
}

static void produce(struct recovery_test *test, const char *topic, int32_t partition, int32_t records)
{
    assert_int_equal(test_produce(&test->peer, topic, partition, records), KAFKA_NONE);
}

static void log_with_little_to_read_is_recovered_when_it_is_asked(void **state)
{
    struct recovery_test *test = *state;
    produce(test, "little", 1, 10);
    kill_and_start(test);
    broker_fixture_run_jobs(&test->broker);
    produce(test, "little", 1, 5);
    assert_int_equal(log_of(test, "little", 1)->state, LOG_READY);
    assert_int_equal(log_end_offset(log_of(test, "little", 1)), 15);
}

static void log_with_much_to_read_is_recovered_before_anybody_is_served(void **state)
{
    struct recovery_test *test = *state;
    produce(test, "much", 0, RECORDS_OF_MUCH);
    test_peer_close(&test->peer);
    broker_fixture_abandon(&test->broker);
    test->broker.env.now.wall_ms -= 1000; /* so that nothing of the store is due yet */
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
    assert_int_equal(log_of(test, "much", 0)->state, LOG_READY);
    assert_int_equal(log_end_offset(log_of(test, "much", 0)), RECORDS_OF_MUCH);
}

static void every_log_is_recovered_soon_though_nobody_asks(void **state)
{
    struct recovery_test *test = *state;
    produce(test, "little", 0, 1);
    produce(test, "little", 1, 1);
    kill_and_start(test);
    for (int i = 0; i < 10; i++)
        broker_fixture_advance(&test->broker, 100);
    assert_int_equal(log_of(test, "little", 0)->state, LOG_READY);
    assert_int_equal(log_of(test, "little", 1)->state, LOG_READY);
}

static void a_stop_right_after_the_start_is_clean(void **state)
{
    struct recovery_test *test = *state;
    produce(test, "little", 0, 1);
    kill_and_start(test);
    test_peer_close(&test->peer);
    broker_fixture_close(&test->broker);
    broker_fixture_open(&test->broker);
    assert_true(test->broker.broker->folders.clean);
    test_peer_open(&test->peer, &test->broker);
    assert_int_equal(log_end_offset(log_of(test, "little", 0)), 1);
}

static void a_log_that_cannot_be_recovered_keeps_no_other_from_being_served(void **state)
{
    struct recovery_test *test = *state;
    produce(test, "much", 0, RECORDS_OF_MUCH);
    produce(test, "little", 0, 1);
    test_peer_close(&test->peer);
    broker_fixture_abandon(&test->broker);
    const char *path = "/data/much-0/00000000000000000000.timeindex";
    struct file_io *io = memory_io_files(test->broker.memory);
    assert_int_equal(io->unlink(io, path), 0);
    assert_int_equal(io->mkdir(io, path), 0); /* a folder where a file is to be */
    broker_fixture_open(&test->broker);
    test_peer_open(&test->peer, &test->broker);
    assert_int_equal(log_of(test, "much", 0)->state, LOG_OFFLINE);
    assert_int_equal(test_produce(&test->peer, "much", 0, 1), KAFKA_KAFKA_STORAGE_ERROR);
    produce(test, "little", 0, 1);
    assert_int_equal(log_end_offset(log_of(test, "little", 0)), 2);
    assert_int_equal(io->rmdir(io, path), 0);
    kill_and_start(test);
    assert_int_equal(log_end_offset(log_of(test, "much", 0)), RECORDS_OF_MUCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(log_with_little_to_read_is_recovered_when_it_is_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(log_with_much_to_read_is_recovered_before_anybody_is_served, setup, teardown),
        cmocka_unit_test_setup_teardown(every_log_is_recovered_soon_though_nobody_asks, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_right_after_the_start_is_clean, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_that_cannot_be_recovered_keeps_no_other_from_being_served, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
