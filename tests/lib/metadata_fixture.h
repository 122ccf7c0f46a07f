/* A broker (broker_fixture.h) with one client, for tests of what the metadata log keeps: it is stopped, crashes, and is
 * opened again on the same files, each time with its settings anew, as a process would. */
#ifndef DOHLE_TESTS_METADATA_FIXTURE_H
#define DOHLE_TESTS_METADATA_FIXTURE_H

#include "broker_fixture.h"

#define FIXTURE_METADATA "/data/__cluster_metadata-0"
#define NO_ANSWER        INT16_MIN

struct metadata_fixture {
    struct broker_fixture base;
    struct broker *broker;    /* base.broker */
    struct memory_io *memory; /* base.memory */
    struct test_peer peer;
};

/* For cmocka: *state is a fixture over an empty file system, nothing is opened. */
int metadata_fixture_setup(void **state);
int metadata_fixture_teardown(void **state);

/* Open the broker with a setting (NULL: none) beside log.dirs. False: it refused, which it has logged. */
bool metadata_fixture_open(struct metadata_fixture *fixture, const char *name, const char *value);
/* A clean stop. */
void metadata_fixture_stop(struct metadata_fixture *fixture);
/* The process dies. What it wrote is there, unless the test cuts the power (memory_io_power_cut). */
void metadata_fixture_crash(struct metadata_fixture *fixture);
/* Stop and open. */
void metadata_fixture_restart(struct metadata_fixture *fixture);

/* Ask, and run jobs: false when the connection was closed instead of an answer; then a new one is made. */
bool metadata_fixture_ask(struct metadata_fixture *fixture, int16_t key, int16_t version, const void *request,
                          void *response);

/* By CreateTopics v7, DeleteTopics v6: the topic's error, or NO_ANSWER. */
int16_t fixture_create_topic(struct metadata_fixture *fixture, const char *name, int32_t partitions);
int16_t fixture_create_topic_with(struct metadata_fixture *fixture, const char *name, int32_t partitions,
                                  const char *config, const char *value);
int16_t fixture_delete_topic(struct metadata_fixture *fixture, const char *name);
/* The topic in the broker's catalog, NULL: none. */
struct topic *fixture_topic(const struct metadata_fixture *fixture, const char *name);

#endif
