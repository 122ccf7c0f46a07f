/* A transactional producer of a broker in memory (broker_fixture.h), and what became of its records. */
#ifndef DOHLE_TESTS_TEST_PRODUCER_H
#define DOHLE_TESTS_TEST_PRODUCER_H

#include "broker_fixture.h"

#include "broker/coord/transactions.h"

#define NO_ANSWER_CODE INT16_MIN

struct test_producer {
    struct broker_fixture *broker;
    struct test_peer peer;
    bool peer_open;
    const char *id;
    int32_t timeout_ms;
    bool is_old; /* it speaks the first protocol: partitions are added, epochs stay */
    struct producer_epoch producer;
    int32_t next_sequence; /* the same in all partitions: each gets one record at a time */
};

/* `id` is borrowed. */
void test_producer_open(struct test_producer *producer, struct broker_fixture *broker, const char *id);
void test_producer_close(struct test_producer *producer);
/* Ask on a connection of its own, which is opened again when the broker has closed it. False without an answer. */
bool test_producer_ask(struct test_producer *producer, int16_t key, int16_t version, const void *request,
                       void *response);

/* Each returns the error code, NO_ANSWER_CODE without an answer. */
int16_t test_producer_find_coordinator(struct test_producer *producer);
/* A producer that begins. */
int16_t test_producer_init(struct test_producer *producer);
/* One record in each partition, from the first on; those of an old one are added before. */
int16_t test_producer_write(struct test_producer *producer, const char *topic, int32_t partitions);
int16_t test_producer_end(struct test_producer *producer, bool commits);

/* Its state as DescribeTransactions tells it, or the name of an error. */
const char *test_producer_state(struct test_producer *producer);
/* How many partitions DescribeTransactions tells. */
int32_t test_producer_partitions(struct test_producer *producer);

/* What a partition has of all transactions. */
struct test_outcome {
    int32_t committed, aborted; /* records */
    int32_t open;               /* records that nobody may read yet */
    int32_t markers;
};
struct test_outcome test_outcome_of(struct broker_fixture *broker, const char *topic, int32_t partition);

#endif
