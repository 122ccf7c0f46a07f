/* Consumers as members of classic groups, over the broker of a test: each has a connection of its own, and says what
 * the test tells it to. */
#ifndef DOHLE_TESTS_TEST_CONSUMER_H
#define DOHLE_TESTS_TEST_CONSUMER_H

#include "broker_fixture.h"

struct test_consumer {
    struct broker_fixture *broker;
    struct test_peer peer;
    const char *group;
    const char *instance;   /* NULL: a dynamic member */
    const char *topic;      /* subscribed; "t" */
    const char *protocol;   /* "range" */
    int16_t join_version;   /* 3, with which an id is not handed out first (KIP-394); 5 with an instance id */
    int32_t session_ms;     /* 10 s */
    int32_t rebalance_ms;   /* 60 s */
    int32_t correlation_id; /* of the request that waits */
    char id[200], told_leader[200];
    int32_t generation;
    int32_t members;     /* that the last answer to a join named: the leader's */
    bool skips;          /* the answer said that assignments are there */
    char assignment[64]; /* of the last sync */
};

void test_consumer_open(struct test_consumer *consumer, struct broker_fixture *broker, const char *group);
void test_consumer_close(struct test_consumer *consumer);
/* Another connection of the same member; the old one is gone. */
void test_consumer_reopen(struct test_consumer *consumer);

/* JoinGroup. The answer's error, or -2: none yet; what it says is taken over when it is NONE or MEMBER_ID_REQUIRED. */
void test_consumer_send_join(struct test_consumer *consumer);
int16_t test_consumer_joined(struct test_consumer *consumer);
int16_t test_consumer_join(struct test_consumer *consumer);
/* SyncGroup; the `count` members of `assigned` get their own id as assignment. */
void test_consumer_send_sync(struct test_consumer *consumer, struct test_consumer *const *assigned, int32_t count);
int16_t test_consumer_synced(struct test_consumer *consumer);
int16_t test_consumer_sync(struct test_consumer *consumer);
int16_t test_consumer_heartbeat(struct test_consumer *consumer);
/* LeaveGroup of the member itself. */
int16_t test_consumer_leave(struct test_consumer *consumer);

/* A round of all of them: each joins, the leader assigns to each its id, all are assigned. */
void test_consumers_rebalance(struct test_consumer *const *consumers, int32_t count);

/* OffsetCommit of the member; with generation -1 and no id, of nobody. `epoch` -1. */
int16_t test_consumer_commit(struct test_consumer *consumer, const char *topic, int32_t partition, int64_t offset);
/* What is committed, -1: nothing; -1000 - the error of the group or the partition. Offsets of open transactions are
 * refused. */
int64_t test_consumer_committed(struct test_consumer *consumer, const char *topic, int32_t partition);
/* FindCoordinator: the topic of the coordinator is there afterwards. */
int16_t test_consumer_find_coordinator(struct test_consumer *consumer);
/* DeleteGroups, DescribeGroups (the state), ListGroups ("STATE TYPE", NULL: not in it): of the consumer's group. */
int16_t test_consumer_delete_group(struct test_consumer *consumer);
const char *test_consumer_state(struct test_consumer *consumer);
const char *test_consumer_listed(struct test_consumer *consumer);

#endif
