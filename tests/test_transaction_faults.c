/* Every failure point of a transaction's life: the k-th call on files fails, once or for good, from the first question
 * for a coordinator to the end of the second transaction; then the process dies, or the power goes with it. The broker
 * starts again, time passes, and:
 *
 *   - each transaction has been committed in all of its partitions, or in none;
 *   - one whose commit was answered is committed with all records, one whose abort was answered is not;
 *   - nothing stays open, and the producer goes on.
 *
 * After a power cut this is asked of topics with flush.messages=1 and of a coordinator with the same setting. There
 * records may reach the disk before the one which says that their partition takes part, so a partition may be left with
 * records that nobody ends, and that nobody reads (docs/decisions/0023-transactions.md). */
#include "lib/case_log.h"
#include "lib/test_producer.h"

#include "broker/errors.h"
#include "broker/transaction_coordinator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define FAULTS_MAX   5000
#define STRIDE       3
#define POWER_CUTS   3
#define PARTITIONS   2
#define TRANSACTIONS 2
#define PASSES       4

/* What was told of a transaction: the first one commits, the second one aborts. */
enum told { TOLD_NOTHING, TOLD_WRITTEN, TOLD_ENDED };

struct life {
    struct broker_fixture broker;
    struct test_producer producer;
    enum told told[TRANSACTIONS];
};

struct sweep {
    struct life begun; /* topics are there */
    struct case_log log;
};

static void set(struct life *life)
{
    broker_fixture_set(&life->broker, "transaction.state.log.num.partitions", "1");
    broker_fixture_set(&life->broker, "log.flush.interval.messages", "1");
}

static void begin(struct life *life)
{
    struct test_peer peer;
    broker_fixture_init(&life->broker);
    set(life);
    broker_fixture_open(&life->broker);
    test_peer_open(&peer, &life->broker);
    assert_int_equal(test_create_topic(&peer, "t", PARTITIONS), KAFKA_NONE);
    assert_int_equal(test_produce(&peer, "t", 0, 1), KAFKA_NONE); /* one of the two folders is there */
    test_peer_close(&peer);
    broker_fixture_close(&life->broker);
}

static void one_transaction(struct life *life, int number, bool is_old, bool commits)
{
    struct test_producer *producer = &life->producer;
    producer->is_old = is_old;
    if (test_producer_init(producer) != KAFKA_NONE || test_producer_write(producer, "t", PARTITIONS) != KAFKA_NONE)
        return;
    life->told[number] = TOLD_WRITTEN;
    if (test_producer_end(producer, commits) == KAFKA_NONE)
        life->told[number] = TOLD_ENDED;
    broker_fixture_run_jobs(&life->broker); /* syncs of markers, then what waits for them */
    broker_fixture_turn(&life->broker);
    broker_fixture_run_jobs(&life->broker);
    broker_fixture_turn(&life->broker);
}

static void live(struct life *life)
{
    if (!broker_fixture_try_open(&life->broker))
        return;
    test_producer_open(&life->producer, &life->broker, "x");
    if (test_producer_find_coordinator(&life->producer) == KAFKA_NONE) {
        one_transaction(life, 0, false, true);
        one_transaction(life, 1, true, false);
    }
    test_producer_close(&life->producer);
}

/* All time-outs are over, and what is to be tried again is. */
static void pass_time(struct life *life)
{
    for (int i = 0; i < PASSES; i++) {
        broker_fixture_advance(&life->broker, 61000);
        for (int turn = 0; turn < 3; turn++) {
            broker_fixture_turn(&life->broker);
            broker_fixture_run_jobs(&life->broker);
        }
    }
}

static void check(struct life *life, bool power_lost)
{
    struct test_outcome outcomes[PARTITIONS];
    broker_fixture_open(&life->broker);
    pass_time(life);
    for (int32_t i = 0; i < PARTITIONS; i++)
        outcomes[i] = test_outcome_of(&life->broker, "t", i);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        assert_int_equal(outcomes[i].committed, outcomes[0].committed);
        assert_in_range(outcomes[i].committed, life->told[0] == TOLD_ENDED, 1);
        if (!power_lost)
            assert_int_equal(outcomes[i].open, 0);
        if (life->told[1] == TOLD_ENDED)
            assert_int_not_equal(outcomes[i].aborted, 0);
    }
    test_producer_open(&life->producer, &life->broker, "x");
    assert_int_equal(test_producer_find_coordinator(&life->producer), KAFKA_NONE);
    assert_int_equal(test_producer_init(&life->producer), KAFKA_NONE);
    assert_int_equal(test_producer_write(&life->producer, "t", PARTITIONS), KAFKA_NONE);
    assert_int_equal(test_producer_end(&life->producer, true), KAFKA_NONE);
    pass_time(life);
    for (int32_t i = 0; i < PARTITIONS; i++)
        assert_int_equal(test_outcome_of(&life->broker, "t", i).committed, outcomes[i].committed + 1);
    test_producer_close(&life->producer);
    broker_fixture_close(&life->broker);
}

static void copy(struct life *to, const struct life *from)
{
    memset(to, 0, sizeof *to);
    broker_fixture_copy(&to->broker, &from->broker);
    set(to);
    memcpy(to->told, from->told, sizeof to->told);
}

/* Returns false when the life ended before the k-th call. */
static bool sweep_fault(struct sweep *sweep, const struct fault_kind *kind, int k)
{
    struct life life, after;
    copy(&life, &sweep->begun);
    memory_io_fail(life.broker.memory, CALL_ANY, k, kind->error, kind->for_good);
    live(&life);
    bool fired = memory_io_fault_fired(life.broker.memory);
    if (!fired)
        assert_true(life.told[0] == TOLD_ENDED && life.told[1] == TOLD_ENDED);
    for (uint64_t cut = 0; cut <= POWER_CUTS; cut++) {
        case_log_clear(&sweep->log);
        snprintf(sweep->log.at, sizeof sweep->log.at, "call %d fails with %s, then %s %d", k, kind->name,
                 cut > 0 ? "power cut" : "kill", (int)cut);
        copy(&after, &life);
        if (cut > 0)
            memory_io_power_cut(after.broker.memory, cut == 1 ? 0 : cut * 1000003 + (uint64_t)k);
        check(&after, cut > 0);
        broker_fixture_release(&after.broker);
    }
    if (life.broker.broker != NULL)
        broker_fixture_abandon(&life.broker);
    broker_fixture_release(&life.broker);
    return fired;
}

static int setup(void **state)
{
    struct sweep *sweep = xcalloc(1, sizeof *sweep);
    case_log_init(&sweep->log);
    *state = sweep;
    return 0;
}

static int teardown(void **state)
{
    struct sweep *sweep = *state;
    case_log_release(&sweep->log);
    free(sweep);
    return 0;
}

static void a_transaction_is_whole_when_a_call_fails(void **state)
{
    struct sweep *sweep = *state;
    begin(&sweep->begun);
    for (size_t i = 0; i < COUNT_OF(fault_kinds); i++) {
        int k = 1;
        while (sweep_fault(sweep, &fault_kinds[i], k)) {
            k += STRIDE;
            assert_in_range(k, 1, FAULTS_MAX);
        }
    }
    broker_fixture_release(&sweep->begun.broker);
    sweep->log.at[0] = '\0';
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_transaction_is_whole_when_a_call_fails, setup, teardown),
    };
    return cmocka_run_group_tests_name("transaction_faults", tests, NULL, NULL);
}
