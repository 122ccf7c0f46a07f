/* See broker_fixture.h. */
#include "broker_fixture.h"

#include "protocol/errors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define OPEN_FILES_MAX 32

void broker_fixture_init(struct broker_fixture *fixture)
{
    *fixture = (struct broker_fixture){.memory = memory_io_new()};
    list_init(&fixture->peers);
    test_env_init(&fixture->env, memory_io_files(fixture->memory));
    config_init(&fixture->config);
    broker_fixture_set(fixture, "log.dirs", "/data");
}

void broker_fixture_copy(struct broker_fixture *fixture, const struct broker_fixture *from)
{
    *fixture = (struct broker_fixture){.memory = memory_io_copy(from->memory)};
    list_init(&fixture->peers);
    test_env_init(&fixture->env, memory_io_files(fixture->memory));
    fixture->env.now = from->env.now;
    fixture->env.seed = from->env.seed;
    config_init(&fixture->config);
    broker_fixture_set(fixture, "log.dirs", "/data");
}

void broker_fixture_release(struct broker_fixture *fixture)
{
    broker_fixture_hang_up(fixture);
    if (fixture->broker != NULL)
        broker_fixture_close(fixture);
    config_release(&fixture->config);
    memory_io_free(fixture->memory);
}

void broker_fixture_set(struct broker_fixture *fixture, const char *name, const char *value)
{
    char error[CONFIG_ERROR_SIZE];
    if (!config_set(&fixture->config, name, value, "test", error))
        fail_msg("%s", error);
}

bool broker_fixture_try_open(struct broker_fixture *fixture)
{
    char error[CONFIG_ERROR_SIZE];
    if (fixture->config.listeners == NULL && !config_finish(&fixture->config, error))
        fail_msg("%s", error);
    return broker_open(&fixture->broker, &fixture->config, &fixture->env.env, OPEN_FILES_MAX);
}

void broker_fixture_open(struct broker_fixture *fixture)
{
    assert_true(broker_fixture_try_open(fixture));
}

void broker_fixture_close(struct broker_fixture *fixture)
{
    broker_fixture_run_jobs(fixture);
    assert_true(broker_close(fixture->broker));
    fixture->broker = NULL;
}

void broker_fixture_abandon(struct broker_fixture *fixture)
{
    memory_io_fail(fixture->memory, CALL_ANY, 1, EIO, true);
    test_pool_cancel(&fixture->env.pool);
    assert_false(broker_close(fixture->broker));
    fixture->broker = NULL;
    memory_io_fail(fixture->memory, 0, 0, 0, false);
}

void broker_fixture_kill(struct broker_fixture *fixture)
{
    struct memory_io *left = memory_io_copy(fixture->memory), *dead = fixture->memory;
    broker_fixture_abandon(fixture);
    fixture->memory = left;
    fixture->env.env.files = memory_io_files(left);
    memory_io_free(dead);
}

void broker_fixture_power_cut(struct broker_fixture *fixture, uint64_t seed)
{
    broker_fixture_abandon(fixture);
    memory_io_power_cut(fixture->memory, seed);
}

void broker_fixture_lose_power(struct broker_fixture *fixture)
{
    broker_fixture_power_cut(fixture, 0);
}

void broker_fixture_hang_up(struct broker_fixture *fixture)
{
    list_for_each (&fixture->peers, node)
        test_peer_close(CONTAINER_OF(node, struct test_peer, link));
}

void broker_fixture_restart(struct broker_fixture *fixture, void (*end)(struct broker_fixture *fixture))
{
    struct list peers;
    list_init(&peers);
    list_for_each (&fixture->peers, node) {
        test_peer_close(CONTAINER_OF(node, struct test_peer, link));
        list_append(&peers, node);
    }
    end(fixture);
    broker_fixture_open(fixture);
    list_for_each (&peers, node) {
        list_remove(node);
        test_peer_open(CONTAINER_OF(node, struct test_peer, link), fixture);
    }
}

void broker_fixture_turn(struct broker_fixture *fixture)
{
    broker_wake_waiting(fixture->broker);
    if (broker_turn_end(fixture->broker))
        broker_wake_waiting(fixture->broker);
}

void broker_fixture_run_jobs(struct broker_fixture *fixture)
{
    test_pool_run(&fixture->env.pool);
    broker_fixture_turn(fixture);
}

void broker_fixture_advance(struct broker_fixture *fixture, int64_t ms)
{
    test_env_advance(&fixture->env, ms);
    fixture->env.wake_ms = INT64_MAX;
    broker_tick(fixture->broker);
    broker_fixture_turn(fixture);
}

/* ---- peers ---------------------------------------------------------------------------------------------------------- */

static void output_ready(struct peer *peer)
{
    (void)peer; /* tests look when they want to */
}

static void peer_close(struct peer *peer, const char *reason)
{
    struct test_peer *test = CONTAINER_OF(peer, struct test_peer, peer);
    test->closed = true;
    snprintf(test->reason, sizeof test->reason, "%s", reason);
}

static uint8_t *keep_frame(struct peer *peer, uint8_t *frame, size_t size)
{
    struct test_peer *test = CONTAINER_OF(peer, struct test_peer, peer);
    assert_null(test->kept);
    test->kept = xmalloc(size);
    memcpy(test->kept, frame, size);
    return test->kept;
}

static void drop_frame(struct peer *peer)
{
    struct test_peer *test = CONTAINER_OF(peer, struct test_peer, peer);
    assert_non_null(test->kept);
    free(test->kept);
    test->kept = NULL;
}

void test_peer_open(struct test_peer *peer, struct broker_fixture *fixture)
{
    *peer = (struct test_peer){.next_correlation_id = 1};
    list_append(&fixture->peers, &peer->link);
    peer_init(&peer->peer, fixture->broker, &fixture->broker->listeners[0]);
    peer->peer.output_ready = output_ready;
    peer->peer.close = peer_close;
    peer->peer.keep_frame = keep_frame;
    peer->peer.drop_frame = drop_frame;
    snprintf(peer->peer.local_host, sizeof peer->peer.local_host, "127.0.0.1");
    peer->peer.local_port = 9092;
    arena_init(&peer->arena, SIZE_MAX);
}

/* Whatever waits may not look at the frames any more. */
static void frames_handled(struct test_peer *peer)
{
    broker_frames_handled(&peer->peer);
    while (peer->sent_count > 0)
        free(peer->sent[--peer->sent_count]);
}

void test_peer_close(struct test_peer *peer)
{
    list_remove(&peer->link);
    peer_gone(&peer->peer);
    frames_handled(peer);
    arena_release(&peer->arena);
    free(peer->frame);
    free(peer->kept);
}

int32_t test_peer_send(struct test_peer *peer, int16_t key, int16_t version, const void *request)
{
    const struct kp_api *api = kp_api_find(key);
    struct kp_request_header header = {key, version, peer->next_correlation_id++, kp_string_of("test")};
    size_t head_bytes = kp_request_header_size(&header), body_bytes = kp_encoded_size(api->request, request, version);
    assert_true(body_bytes != KP_UNENCODABLE);
    assert_true(peer_may_start(&peer->peer));
    uint8_t *frame = xmalloc(head_bytes + body_bytes);
    struct kp_writer writer;
    kp_writer_init(&writer, frame, head_bytes + body_bytes);
    kp_request_header_encode(&writer, &header);
    kp_encode(api->request, request, &writer, version);
    bool more_follows = peer->peer.more_follows;
    assert_true(peer->sent_count < TEST_FRAMES_MAX);
    peer->sent[peer->sent_count++] = frame;
    broker_handle_frame(&peer->peer, frame, head_bytes + body_bytes);
    peer->peer.more_follows = false;
    if (!more_follows)
        frames_handled(peer);
    return header.correlation_id;
}

/* Take `size` bytes of the output; false when so many are not there. */
static bool take(struct test_peer *peer, uint8_t *to, size_t size, size_t *skip)
{
    while (size > 0) {
        struct out_piece *piece;
        if (peer_output(&peer->peer, &piece, 1) == 0)
            return false;
        size_t left = piece->size_bytes - *skip, part = left < size ? left : size;
        if (piece->bytes != NULL)
            memcpy(to, piece->bytes + *skip, part);
        else
            assert_int_equal(log_slice_read(&piece->slice, (int32_t)*skip, to, part), 0);
        to += part;
        size -= part;
        *skip += part;
        if (*skip == piece->size_bytes) {
            peer_sent(&peer->peer);
            *skip = 0;
        }
    }
    return true;
}

bool test_peer_receive(struct test_peer *peer, int16_t key, int16_t version, int32_t correlation_id, void *response)
{
    const struct kp_api *api = kp_api_find(key);
    uint8_t length[4];
    size_t skip = 0;
    if (!take(peer, length, sizeof length, &skip))
        return false;
    size_t size = load_be32(length);
    free(peer->frame);
    peer->frame = xmalloc(size);
    assert_true(take(peer, peer->frame, size, &skip));
    assert_int_equal(skip, 0);
    arena_reset(&peer->arena);
    struct kp_reader reader;
    kp_reader_init(&reader, peer->frame, size);
    int32_t answered_id;
    assert_true(kp_response_header_decode(&answered_id, &reader, key, version));
    assert_int_equal(answered_id, correlation_id);
    assert_true(kp_decode(api->response, response, &reader, version, &peer->arena));
    assert_int_equal(kp_reader_left(&reader), 0);
    return true;
}

bool test_peer_try(struct test_peer *peer, int16_t key, int16_t version, const void *request, void *response)
{
    struct test_env *env = CONTAINER_OF(peer->peer.broker->env, struct test_env, env);
    int32_t id = test_peer_send(peer, key, version, request);
    for (;;) {
        test_pool_run(&env->pool);
        if (test_peer_receive(peer, key, version, id, response))
            return true;
        if (list_empty(&peer->peer.broker->long_works))
            return false;
        (void)broker_turn_end(peer->peer.broker); /* it may have been postponed */
    }
}

void test_peer_ask(struct test_peer *peer, int16_t key, int16_t version, const void *request, void *response)
{
    if (!test_peer_try(peer, key, version, request, response))
        fail_msg("no answer (%s)", peer->closed ? peer->reason : "not closed");
}

/* ---- requests ------------------------------------------------------------------------------------------------------- */

int16_t test_create_topic(struct test_peer *peer, const char *name, int32_t partitions)
{
    struct kp_create_topics_request request = kp_create_topics_request_default;
    struct kp_create_topics_request_topics topic = kp_create_topics_request_topics_default;
    struct kp_create_topics_response response;
    topic.name = kp_string_of(name);
    topic.num_partitions = partitions;
    topic.replication_factor = 1;
    request.topics = &topic;
    request.topics_count = 1;
    test_peer_ask(peer, KP_API_CREATE_TOPICS, 7, &request, &response);
    return response.topics[0].error_code;
}

int16_t test_delete_topic(struct test_peer *peer, const char *name)
{
    struct kp_delete_topics_request request = kp_delete_topics_request_default;
    struct kp_delete_topics_response response;
    struct kp_string topic = kp_string_of(name);
    request.topic_names = &topic;
    request.topic_names_count = 1;
    request.timeout_ms = 30000;
    test_peer_ask(peer, KP_API_DELETE_TOPICS, 5, &request, &response);
    return response.responses[0].error_code;
}

void test_produce_request_init(struct test_produce_request *produce, const char *topic, int32_t partition,
                               const struct batch_builder *batch)
{
    produce->partition = (struct kp_produce_request_topic_data_partition_data){
        .index = partition, .records = {.data = batch->bytes, .size = (int32_t)batch->size_bytes}
    };
    produce->topic = (struct kp_produce_request_topic_data){
        .name = kp_string_of(topic), .partition_data = &produce->partition, .partition_data_count = 1};
    produce->request = kp_produce_request_default;
    produce->request.acks = 1;
    produce->request.topic_data = &produce->topic;
    produce->request.topic_data_count = 1;
}

void test_batch_of_zeros(struct batch_builder *batch, int64_t first_ms, int32_t records, size_t value_bytes,
                         enum codec codec)
{
    const struct kp_bytes null = {NULL, -1}, none = {NULL, 0};
    uint8_t *value = xcalloc(1, value_bytes);
    batch_builder_init(batch, first_ms);
    for (int32_t i = 0; i < records; i++)
        batch_builder_add(batch, first_ms + i * INT64_C(1000), null, (struct kp_bytes){value, (int32_t)value_bytes},
                          none, 0);
    free(value);
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.codec = codec;
    header.level = codec_level_default(codec);
    assert_true(batch_builder_finish(batch, &header));
}

int16_t test_produce(struct test_peer *peer, const char *topic, int32_t partition, int32_t records)
{
    static const uint8_t value[100] = {'v'};
    int64_t now_ms = peer->peer.broker->env->now(peer->peer.broker->env).wall_ms;
    const struct kp_bytes null = {NULL, -1};
    struct batch_builder builder;
    batch_builder_init(&builder, now_ms);
    for (int32_t i = 0; i < records; i++)
        batch_builder_add(&builder, now_ms, null, (struct kp_bytes){value, sizeof value}, (struct kp_bytes){NULL, 0},
                          0);
    const struct batch_header header = BATCH_HEADER_PLAIN;
    assert_true(batch_builder_finish(&builder, &header));
    struct test_produce_request produce;
    struct kp_produce_response response;
    test_produce_request_init(&produce, topic, partition, &builder);
    test_peer_ask(peer, KP_API_PRODUCE, 9, &produce.request, &response);
    batch_builder_release(&builder);
    return response.responses[0].partition_responses[0].error_code;
}

struct kp_fetch_request_topics test_fetch_topic(const char *topic, struct kp_fetch_request_topics_partitions *partition)
{
    struct kp_fetch_request_topics fetch = kp_fetch_request_topics_default;
    fetch.topic = kp_string_of(topic);
    fetch.partitions = partition;
    fetch.partitions_count = 1;
    return fetch;
}
