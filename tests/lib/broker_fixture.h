/* A whole broker in a test: files in memory, a clock and jobs that the test drives, peers without sockets. */
#ifndef DOHLE_TESTS_BROKER_FIXTURE_H
#define DOHLE_TESTS_BROKER_FIXTURE_H

#include "broker/broker.h"
#include "memory_io.h"
#include "protocol/list.h"
#include "test_env.h"

struct broker_fixture {
    struct test_env env;
    struct memory_io *memory;
    struct config config;
    struct broker *broker; /* NULL while closed */
    struct list peers;     /* struct test_peer that are open */
};

/* The settings are the defaults with log.dirs=/data; config_set() more before the first open. */
void broker_fixture_init(struct broker_fixture *fixture);
/* Peers that are open are closed. */
void broker_fixture_release(struct broker_fixture *fixture);
/* One with the same settings (but those that were set after the init) and clock, over a copy of the files as they are
 * now: what `from` leaves when its process dies. */
void broker_fixture_copy(struct broker_fixture *fixture, const struct broker_fixture *from);
void broker_fixture_set(struct broker_fixture *fixture, const char *name, const char *value);

void broker_fixture_open(struct broker_fixture *fixture);
/* The same where it may fail. */
bool broker_fixture_try_open(struct broker_fixture *fixture);
/* A clean stop. */
void broker_fixture_close(struct broker_fixture *fixture);
/* Let go of the broker, of which nothing is needed any more; what it still writes fails. Peers must be gone. */
void broker_fixture_abandon(struct broker_fixture *fixture);
/* The process dies; the files stay as they are. Peers must be gone. */
void broker_fixture_kill(struct broker_fixture *fixture);
/* The power goes, and comes back: what was not synced is lost as memory_io_power_cut() says. Peers must be gone. */
void broker_fixture_power_cut(struct broker_fixture *fixture, uint64_t seed);
/* The same with nothing left that was not synced. */
void broker_fixture_lose_power(struct broker_fixture *fixture);

/* All peers hang up. */
void broker_fixture_hang_up(struct broker_fixture *fixture);
/* All peers hang up, the broker ends as `end` does it (broker_fixture_close, _kill, _lose_power), and starts again;
 * those peers have new connections then. */
void broker_fixture_restart(struct broker_fixture *fixture, void (*end)(struct broker_fixture *fixture));

/* The end of a turn: what was appended wakes its waiters. Jobs do not run. */
void broker_fixture_turn(struct broker_fixture *fixture);
/* Run jobs until there are none. */
void broker_fixture_run_jobs(struct broker_fixture *fixture);
/* Time passes, timers run. */
void broker_fixture_advance(struct broker_fixture *fixture, int64_t ms);

#define TEST_FRAMES_MAX 8

/* A client. */
struct test_peer {
    struct peer peer;
    struct list link; /* fixture->peers */
    int32_t next_correlation_id;
    bool closed; /* by the broker */
    char reason[256];
    struct arena arena; /* of the last answer */
    uint8_t *frame;
    uint8_t *kept;                  /* the frame of a request in parts; NULL: none */
    uint8_t *sent[TEST_FRAMES_MAX]; /* that came together with the next one */
    int sent_count;
};

void test_peer_open(struct test_peer *peer, struct broker_fixture *fixture);
/* The connection goes away. */
void test_peer_close(struct test_peer *peer);
/* Send a request (struct of that API's request); with peer->peer.more_follows it arrives together with the next one.
 * Returns its correlation id. */
int32_t test_peer_send(struct test_peer *peer, int16_t key, int16_t version, const void *request);
/* The next answer, decoded into `response`; valid until the next one. False: there is none. Fails the test when its
 * correlation id is not `correlation_id`. */
bool test_peer_receive(struct test_peer *peer, int16_t key, int16_t version, int32_t correlation_id, void *response);
/* Both, for what is answered at once or after its jobs have run: false, or a failed test, without an answer. */
bool test_peer_try(struct test_peer *peer, int16_t key, int16_t version, const void *request, void *response);
void test_peer_ask(struct test_peer *peer, int16_t key, int16_t version, const void *request, void *response);

/* ---- requests that many tests send ---------------------------------------------------------------------------------- */

/* Create a topic with Kafka's defaults. Returns the error code. */
int16_t test_create_topic(struct test_peer *peer, const char *name, int32_t partitions);
int16_t test_delete_topic(struct test_peer *peer, const char *name);
/* What produces one batch, with acks 1. It points into itself: it must not move. */
struct test_produce_request {
    struct kp_produce_request request;
    struct kp_produce_request_topic_data topic;
    struct kp_produce_request_topic_data_partition_data partition;
};
/* `topic` and the builder's bytes are borrowed. */
void test_produce_request_init(struct test_produce_request *produce, const char *topic, int32_t partition,
                               const struct batch_builder *batch);
/* A finished batch of `records` records of `value_bytes` zeros, a second apart. The caller releases it. */
void test_batch_of_zeros(struct batch_builder *batch, int64_t first_ms, int32_t records, size_t value_bytes,
                         enum codec codec);
/* Produce one batch of `records` records of 100 bytes. Returns the error code. */
int16_t test_produce(struct test_peer *peer, const char *topic, int32_t partition, int32_t records);
/* A fetch of version 11 from one partition. */
struct kp_fetch_request_topics test_fetch_topic(const char *topic,
                                                struct kp_fetch_request_topics_partitions *partition);

#endif
