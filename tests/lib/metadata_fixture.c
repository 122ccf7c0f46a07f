/* See metadata_fixture.h. */
#include "metadata_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define OPEN_FILES_MAX 32

int metadata_fixture_setup(void **state)
{
    struct metadata_fixture *fixture = xcalloc(1, sizeof *fixture);
    broker_fixture_init(&fixture->base);
    fixture->memory = fixture->base.memory;
    *state = fixture;
    return 0;
}

int metadata_fixture_teardown(void **state)
{
    struct metadata_fixture *fixture = *state;
    if (fixture->broker != NULL)
        metadata_fixture_crash(fixture);
    broker_fixture_release(&fixture->base);
    free(fixture);
    return 0;
}

bool metadata_fixture_open(struct metadata_fixture *fixture, const char *name, const char *value)
{
    struct broker_fixture *base = &fixture->base;
    char error[CONFIG_ERROR_SIZE];
    config_release(&base->config);
    config_init(&base->config);
    broker_fixture_set(base, "log.dirs", "/data");
    if (name != NULL)
        broker_fixture_set(base, name, value);
    assert_true(config_finish(&base->config, error));
    bool opened = broker_open(&base->broker, &base->config, &base->env.env, OPEN_FILES_MAX);
    fixture->broker = base->broker;
    if (opened)
        test_peer_open(&fixture->peer, base);
    else
        test_pool_cancel(&base->env.pool);
    return opened;
}

void metadata_fixture_stop(struct metadata_fixture *fixture)
{
    test_peer_close(&fixture->peer);
    broker_fixture_close(&fixture->base);
    fixture->broker = NULL;
}

void metadata_fixture_crash(struct metadata_fixture *fixture)
{
    test_peer_close(&fixture->peer);
    memory_io_fail(fixture->memory, CALL_ANY, 1, EIO, true);
    test_pool_cancel(&fixture->base.env.pool);
    broker_close(fixture->broker);
    fixture->base.broker = fixture->broker = NULL;
    memory_io_fail(fixture->memory, 0, 0, 0, false);
}

void metadata_fixture_restart(struct metadata_fixture *fixture)
{
    metadata_fixture_stop(fixture);
    assert_true(metadata_fixture_open(fixture, NULL, NULL));
}

bool metadata_fixture_ask(struct metadata_fixture *fixture, int16_t key, int16_t version, const void *request,
                          void *response)
{
    int32_t id = test_peer_send(&fixture->peer, key, version, request);
    broker_fixture_run_jobs(&fixture->base);
    bool answered = test_peer_receive(&fixture->peer, key, version, id, response);
    if (fixture->peer.closed) {
        test_peer_close(&fixture->peer);
        test_peer_open(&fixture->peer, &fixture->base);
    }
    return answered;
}

int16_t fixture_create_topic_with(struct metadata_fixture *fixture, const char *name, int32_t partitions,
                                  const char *config, const char *value)
{
    struct kp_create_topics_request_topics_configs setting = {.name = kp_string_of(config),
                                                              .value = kp_string_of(value)};
    struct kp_create_topics_request_topics topic = kp_create_topics_request_topics_default;
    struct kp_create_topics_request request = kp_create_topics_request_default;
    struct kp_create_topics_response response;
    topic.name = kp_string_of(name);
    topic.num_partitions = partitions;
    topic.replication_factor = 1;
    topic.configs = &setting;
    topic.configs_count = config != NULL;
    request.topics = &topic;
    request.topics_count = 1;
    if (!metadata_fixture_ask(fixture, KP_API_CREATE_TOPICS, 7, &request, &response))
        return NO_ANSWER;
    return response.topics[0].error_code;
}

int16_t fixture_create_topic(struct metadata_fixture *fixture, const char *name, int32_t partitions)
{
    return fixture_create_topic_with(fixture, name, partitions, NULL, NULL);
}

int16_t fixture_delete_topic(struct metadata_fixture *fixture, const char *name)
{
    struct kp_delete_topics_request_topics topic = {.name = kp_string_of(name)};
    struct kp_delete_topics_request request = {.topics = &topic, .topics_count = 1, .timeout_ms = 1000};
    struct kp_delete_topics_response response;
    if (!metadata_fixture_ask(fixture, KP_API_DELETE_TOPICS, 6, &request, &response))
        return NO_ANSWER;
    return response.responses[0].error_code;
}

struct topic *fixture_topic(const struct metadata_fixture *fixture, const char *name)
{
    return catalog_topic(fixture->broker->catalog, kp_string_of(name));
}
