/* Connections over real sockets, with a broker whose files are in memory: what peers that do not behave cost, and whom.
 */
#include "broker/conn.h"
#include "broker/listener.h"
#include "lib/broker_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define CONNS_MAX       16
#define CLIENTS_MAX     16
#define TURNS_MAX       100000 /* a test that needs more hangs */
#define BIG_TOPIC_NAMES 20000

struct test {
    struct broker_fixture broker;
    struct loop loop;
    struct server server;
    int clients[CLIENTS_MAX];
    int clients_count;
};

static void turns(struct test *test, int count)
{
    for (int i = 0; i < count; i++)
        uv_run(&test->loop.uv, UV_RUN_NOWAIT);
}

static bool has_time(struct turn *turn)
{
    (void)turn;
    return true;
}

static bool no_time(struct turn *turn)
{
    (void)turn;
    return false;
}

/* Turns have all the time there is, on a busy machine too, unless a test takes it. */
static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_set(&test->broker, "listeners", "PLAINTEXT://127.0.0.1:0");
    broker_fixture_open(&test->broker);
    loop_init(&test->loop);
    test->loop.broker = test->broker.broker;
    test->loop.turn.has_time = has_time;
    assert_true(server_start(&test->server, &test->loop, test->broker.broker, CONNS_MAX));
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    for (int i = 0; i < test->clients_count; i++)
        close(test->clients[i]);
    broker_stop(test->broker.broker);
    server_stop(&test->server);
    turns(test, 3);
    loop_close(&test->loop);
    server_release(&test->server);
    broker_fixture_release(&test->broker);
    free(test);
    return 0;
}

/* A client's socket that waits for nothing. */
static int connect_without_turns(struct test *test)
{
    int client = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)test->broker.broker->listeners[0].port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(client >= 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(client, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
    assert_true(test->clients_count < CLIENTS_MAX);
    test->clients[test->clients_count++] = client;
    return client;
}

/* The same; the server has accepted it. */
static int connect_client(struct test *test)
{
    int client = connect_without_turns(test);
    turns(test, 2);
    return client;
}

static void send_all(struct test *test, int client, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (int i = 0; size > 0; i++) {
        ssize_t sent = send(client, at, size, MSG_NOSIGNAL);
        assert_true(sent >= 0 || errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
        if (sent < 0 && errno != EAGAIN)
            return; /* closed: the test looks for it */
        assert_true(i < TURNS_MAX);
        at += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
        turns(test, 1);
    }
    turns(test, 2);
}

/* The first `size` bytes of a frame that is announced as larger. */
static void send_beginning(struct test *test, int client, int32_t announced, size_t size)
{
    uint8_t *bytes = xcalloc(1, 4 + size);
    store_be32(bytes, (uint32_t)announced);
    send_all(test, client, bytes, 4 + size);
    free(bytes);
}

/* The caller frees it. */
static uint8_t *frame_of(int16_t key, int16_t version, const void *request, size_t *size)
{
    const struct kp_api *api = kp_api_find(key);
    struct kp_request_header header = {key, version, 1, kp_string_of("test")};
    size_t head_bytes = kp_request_header_size(&header), body_bytes = kp_encoded_size(api->request, request, version);
    *size = 4 + head_bytes + body_bytes;
    uint8_t *frame = xmalloc(*size);
    struct kp_writer writer;
    kp_writer_init(&writer, frame, *size);
    kp_write_int32(&writer, (int32_t)(head_bytes + body_bytes));
    kp_request_header_encode(&writer, &header);
    kp_encode(api->request, request, &writer, version);
    return frame;
}

static void send_request(struct test *test, int client, int16_t key, int16_t version, const void *request)
{
    size_t size;
    uint8_t *frame = frame_of(key, version, request, &size);
    send_all(test, client, frame, size);
    free(frame);
}

/* A request that is answered at once with a few bytes. */
static void ask(struct test *test, int client)
{
    send_request(test, client, KP_API_DESCRIBE_CLUSTER, 0, &kp_describe_cluster_request_default);
}

/* A fetch that waits for the only partition of the topic "t" for as long as it may. */
static void send_parked_fetch(struct test *test, int client)
{
    struct kp_fetch_request request = kp_fetch_request_default;
    struct kp_fetch_request_topics_partitions partition = kp_fetch_request_topics_partitions_default;
    struct kp_fetch_request_topics topic = test_fetch_topic("t", &partition);
    partition.partition_max_bytes = 1;
    request.topics = &topic;
    request.topics_count = 1;
    request.max_wait_ms = INT32_MAX;
    request.min_bytes = 1;
    send_request(test, client, KP_API_FETCH, 11, &request);
}

/* A request whose answer is about a megabyte: the errors of many topics that do not exist. */
static void ask_much(struct test *test, int client)
{
    struct kp_metadata_request request = kp_metadata_request_default;
    struct kp_metadata_request_topics *topics = xcalloc(BIG_TOPIC_NAMES, sizeof *topics);
    char(*names)[40] = xcalloc(BIG_TOPIC_NAMES, sizeof *names);
    for (int i = 0; i < BIG_TOPIC_NAMES; i++) {
        snprintf(names[i], sizeof names[i], "a-topic-that-does-not-exist-%d", i);
        topics[i] = kp_metadata_request_topics_default;
        topics[i].name = kp_string_of(names[i]);
    }
    request.topics = topics;
    request.topics_count = BIG_TOPIC_NAMES;
    request.allow_auto_topic_creation = false;
    send_request(test, client, KP_API_METADATA, 4, &request);
    free(names);
    free(topics);
}

/* Compressed zeros for the only partition of "t", more than a turn may decompress, with acks 0. */
static void send_large_batch(struct test *test, int client)
{
    const struct kp_bytes null = {NULL, -1};
    uint8_t *value = xcalloc(1, MIB(3));
    struct batch_builder builder;
    batch_builder_init(&builder, test->broker.env.now.wall_ms);
    batch_builder_add(&builder, test->broker.env.now.wall_ms, null, (struct kp_bytes){value, (int32_t)MIB(3)},
                      (struct kp_bytes){NULL, 0}, 0);
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.codec = CODEC_GZIP;
    header.level = GZIP_LEVEL_DEFAULT;
    assert_true(batch_builder_finish(&builder, &header));
    struct kp_produce_request_topic_data_partition_data data = {
        .records = {.data = builder.bytes, .size = (int32_t)builder.size_bytes}
    };
    struct kp_produce_request_topic_data topic = {
        .name = kp_string_of("t"), .partition_data = &data, .partition_data_count = 1};
    struct kp_produce_request request = kp_produce_request_default;
    request.topic_data = &topic;
    request.topic_data_count = 1;
    send_request(test, client, KP_API_PRODUCE, 9, &request);
    batch_builder_release(&builder);
    free(value);
}

/* Requests that arrive together, each with a batch of one record; the caller frees them. */
static uint8_t *batches_in_a_row(struct test *test, int count, size_t value_bytes, size_t *size)
{
    size_t frame_bytes;
    struct batch_builder batch;
    struct test_produce_request produce;
    test_batch_of_zeros(&batch, test->broker.env.now.wall_ms, 1, value_bytes, CODEC_NONE);
    test_produce_request_init(&produce, "t", 0, &batch);
    uint8_t *frame = frame_of(KP_API_PRODUCE, 9, &produce.request, &frame_bytes);
    uint8_t *frames = xmalloc(frame_bytes * (size_t)count);
    for (int i = 0; i < count; i++)
        memcpy(frames + (size_t)i * frame_bytes, frame, frame_bytes);
    *size = frame_bytes * (size_t)count;
    free(frame);
    batch_builder_release(&batch);
    return frames;
}

static void send_batches(struct test *test, int client, int count, size_t value_bytes)
{
    size_t size;
    uint8_t *frames = batches_in_a_row(test, count, value_bytes, &size);
    send_all(test, client, frames, size);
    free(frames);
}

static bool answered(struct test *test, int client)
{
    uint8_t bytes[KIB(64)];
    turns(test, 3);
    return recv(client, bytes, sizeof bytes, 0) > 0;
}

static bool closed(struct test *test, int client)
{
    uint8_t bytes[KIB(64)];
    turns(test, 3);
    ssize_t count;
    do
        count = recv(client, bytes, sizeof bytes, 0);
    while (count > 0);
    return count == 0 || errno == ECONNRESET;
}

static void create_topic(struct test *test)
{
    struct test_peer peer;
    test_peer_open(&peer, &test->broker);
    assert_int_equal(test_create_topic(&peer, "t", 1), 0);
    test_peer_close(&peer);
}

static void an_announced_length_costs_nothing_before_its_bytes_come(void **state)
{
    struct test *test = *state;
    int client = connect_client(test);
    send_beginning(test, client, 100 << 20, 0);
    assert_in_range(test->server.input_bytes, 4, KIB(1));
    send_beginning(test, client, 0, KIB(200));
    assert_in_range(test->server.input_bytes, KIB(200), KIB(512));
}

static void a_negative_length_closes_the_connection(void **state)
{
    struct test *test = *state;
    int client = connect_client(test);
    send_beginning(test, client, -1, 10);
    assert_true(closed(test, client));
}

static void a_length_above_the_largest_request_closes_the_connection(void **state)
{
    struct test *test = *state;
    int client = connect_client(test);
    send_beginning(test, client, test->broker.config.socket_request_max_bytes + 1, 10);
    assert_true(closed(test, client));
}

static void frames_that_come_byte_by_byte_are_answered(void **state)
{
    struct test *test = *state;
    int client = connect_client(test);
    const uint8_t request[] = {0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 255, 255};
    for (size_t i = 0; i < sizeof request; i++)
        send_all(test, client, &request[i], 1);
    assert_true(answered(test, client));
    assert_int_equal(test->server.input_bytes, 0);
}

static int64_t end_offset(struct test *test)
{
    struct topic *topic = catalog_topic(test->broker.broker->catalog, kp_string_of("t"));
    return log_end_offset(topic_partition(topic, 0)->log);
}

static void batches_that_arrive_together_are_written_together(void **state)
{
    struct test *test = *state;
    create_topic(test);
    int client = connect_client(test);
    send_batches(test, client, 1, 100); /* the folder is made in the pool */
    broker_fixture_run_jobs(&test->broker);
    send_batches(test, client, 1, 100);
    int64_t before = end_offset(test), calls = memory_io_calls(test->broker.memory, CALL_PWRITE);
    send_batches(test, client, 10, 100);
    assert_int_equal(end_offset(test), before + 10);
    assert_int_equal(memory_io_calls(test->broker.memory, CALL_PWRITE), calls + 1);
    assert_true(answered(test, client));
    assert_true(list_empty(&test->server.writable));
}

/* Whatever pieces they come in; and what is kept for their rests goes back. */
static void a_stream_of_large_frames_is_taken(void **state)
{
    struct test *test = *state;
    const size_t pieces[] = {1000, 50000, 64 << 10, 100000, 200000, 300000, 1000000};
    create_topic(test);
    int client = connect_client(test);
    send_batches(test, client, 1, 100);
    broker_fixture_run_jobs(&test->broker);
    turns(test, 3);
    int64_t before = end_offset(test);
    size_t size;
    uint8_t *frames = batches_in_a_row(test, 16, 60000, &size);
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        for (size_t sent = 0; sent < size;) {
            size_t piece = pieces[i] < size - sent ? pieces[i] : size - sent;
            send_all(test, client, frames + sent, piece);
            sent += piece;
            assert_in_range(test->server.input_bytes, 0, READ_BUFFER_BYTES);
        }
        for (int turn = 0; end_offset(test) < before + 16 * (int64_t)(i + 1); turn++) {
            assert_true(turn < TURNS_MAX);
            (void)answered(test, client);
        }
        assert_int_equal(end_offset(test), before + 16 * (int64_t)(i + 1));
        assert_int_equal(test->server.input_bytes, 0);
    }
    free(frames);
}

/* Two of the largest requests at once fit the budget, also while their buffers grow. */
static void two_large_frames_grow_side_by_side(void **state)
{
    struct test *test = *state;
    int clients[] = {connect_client(test), connect_client(test)};
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        send_beginning(test, clients[i], 100 << 20, 0);
    uint8_t *part = xcalloc(1, MIB(10));
    for (int i = 0; i < 9; i++) {
        for (size_t c = 0; c < COUNT_OF(clients); c++)
            send_all(test, clients[c], part, MIB(10));
    }
    free(part);
    assert_false(closed(test, clients[0]));
    assert_false(closed(test, clients[1]));
    assert_in_range(test->server.input_bytes, MIB(180), INPUT_BYTES_MAX);
}

static void the_frame_that_stalls_longest_goes_when_the_budget_is_used_up(void **state)
{
    struct test *test = *state;
    int first = connect_client(test), second = connect_client(test), third = connect_client(test);
    test->server.input_bytes_max = MIB(1);
    send_beginning(test, first, 100 << 20, KIB(300));
    send_beginning(test, second, 100 << 20, KIB(300));
    send_beginning(test, third, 100 << 20, KIB(300));
    assert_true(closed(test, first));
    assert_false(closed(test, third));
    assert_in_range(test->server.input_bytes, 1, MIB(1));
}

/* Whom we keep waiting does not stall. */
static void who_is_late_stays_when_the_budget_is_used_up(void **state)
{
    struct test *test = *state;
    int late = connect_client(test), stalled = connect_client(test);
    send_beginning(test, late, 100 << 20, KIB(300));
    struct conn *conn = CONTAINER_OF(test->server.conns.previous, struct conn, by_activity);
    send_beginning(test, stalled, 100 << 20, KIB(30));
    list_append(&test->server.late, &conn->late);
    conn->put_off = true;
    test->server.input_bytes_max = test->server.input_bytes;
    size_t capacity;
    uint8_t *buffer = server_buffer_get(&test->server, NULL, KIB(1), &capacity);
    assert_non_null(buffer);
    server_buffer_put(&test->server, buffer, capacity);
    assert_true(closed(test, stalled));
    assert_false(closed(test, late));
}

/* The broker reads a bound's worth of what more the client sends, and leaves the rest to its socket. */
static void assert_takes_no_more(struct test *test, int client)
{
    uint8_t *bytes = xcalloc(1, MIB(20));
    size_t sent = 0;
    for (int i = 0; i < 2000; i++) {
        ssize_t part = send(client, bytes + sent, MIB(20) - sent, MSG_NOSIGNAL);
        sent += part > 0 ? (size_t)part : 0;
        turns(test, 1);
    }
    free(bytes);
    assert_true(sent < MIB(20));
    assert_in_range(test->server.input_bytes, 1, 4 * WAITING_INPUT_BYTES_MAX);
}

/* What is sent behind a request that waits is read only up to a bound, also when it is the beginning of a large frame.
 */
static void a_large_frame_behind_a_parked_request_is_not_taken_in(void **state)
{
    struct test *test = *state;
    create_topic(test);
    int client = connect_client(test);
    send_parked_fetch(test, client);
    send_beginning(test, client, MIB(20), 0);
    assert_takes_no_more(test, client);
}

static void a_frame_that_alone_is_too_much_closes_its_connection(void **state)
{
    struct test *test = *state;
    int client = connect_client(test);
    test->server.input_bytes_max = KIB(300);
    send_beginning(test, client, 100 << 20, KIB(400));
    assert_true(closed(test, client));
    assert_int_equal(test->server.input_bytes, 0);
}

static void input_behind_parked_requests_goes_when_the_budget_is_used_up(void **state)
{
    struct test *test = *state;
    create_topic(test);
    /* the sender's buffer doubles: at its last growth it and the one before take 570 to 1140 KiB */
    enum { PARKED = 12 };
    int first = -1, sender = connect_client(test);
    for (int i = 0; i < PARKED; i++) {
        int parked = connect_client(test);
        first = i == 0 ? parked : first;
        send_parked_fetch(test, parked);
        send_beginning(test, parked, 100 << 20, KIB(50));
    }
    test->server.input_bytes_max = KIB(1140);
    send_beginning(test, sender, 100 << 20, KIB(380));
    assert_true(closed(test, first));
    assert_false(closed(test, sender));
}

/* Its answers fill the socket, then memory up to the bound. */
static void ask_without_reading(struct test *test, int client)
{
    for (int i = 0; test->broker.broker->requests_bytes <= OUTPUT_BYTES_HIGH; i++) {
        assert_true(i < 100);
        ask_much(test, client);
        turns(test, 10);
    }
}

/* Its frame stays as long, in the connection's own buffer or a copy, and counts as input. */
static void what_is_handled_over_turns_keeps_its_frame_and_those_behind_it_wait(void **state)
{
    struct test *test = *state;
    uint8_t bytes[KIB(64)];
    size_t received = 0;
    int client = connect_client(test), gone = connect_client(test);
    test_env_short_turns(&test->broker.env);
    ask_much(test, client);
    ask(test, client);
    ask_much(test, gone);
    assert_false(list_empty(&test->server.inputs[INPUT_LARGE_WAITING]));
    assert_true(test->server.input_bytes > 2 * BIG_TOPIC_NAMES * sizeof "a-topic-that-does-not-exist");
    close(gone);
    test->clients[1] = connect_client(test);
    test->clients_count--;
    for (int i = 0; i < TURNS_MAX && (test->server.input_bytes > 0 || received < MIB(1) / 2); i++) {
        turns(test, 1);
        ssize_t count = recv(client, bytes, sizeof bytes, 0);
        assert_true(count > 0 || errno == EAGAIN);
        received += count > 0 ? (size_t)count : 0;
    }
    assert_true(received >= MIB(1) / 2);
    assert_int_equal(test->server.input_bytes, 0);
    assert_true(list_empty(&test->broker.broker->parts.waiting));
    assert_null(test->broker.broker->parts.request);
}

static void who_takes_no_answers_is_read_no_more(void **state)
{
    struct test *test = *state;
    ask_without_reading(test, connect_client(test));
    struct conn *conn = CONTAINER_OF(test->server.conns.next, struct conn, by_activity);
    turns(test, 10);
    assert_false(conn->reading);
    assert_int_equal(conn->peer.memory_bytes, test->broker.broker->requests_bytes);
}

static void memory_of_requests_goes_back_with_the_connection(void **state)
{
    struct test *test = *state;
    create_topic(test);
    int client = connect_client(test);
    send_parked_fetch(test, client);
    assert_true(test->broker.broker->requests_bytes > 0);
    close(client);
    test->clients_count--;
    turns(test, 3);
    assert_int_equal(test->broker.broker->requests_bytes, 0);
}

static void who_takes_no_answers_goes_when_the_memory_for_requests_is_used_up(void **state)
{
    struct test *test = *state;
    int silent = connect_client(test), other = connect_client(test);
    ask_without_reading(test, silent);
    test->broker.broker->requests_bytes += REQUESTS_BYTES_MAX; /* as if many did so */
    ask(test, other);
    test->broker.broker->requests_bytes -= REQUESTS_BYTES_MAX;
    assert_true(answered(test, other));
    assert_true(closed(test, silent));
}

/* What keeps the memory need not be who can be dropped: a sync that ends soon, for example. */
static void a_request_waits_for_memory_that_nobody_can_be_dropped_for(void **state)
{
    struct test *test = *state;
    int client = connect_client(test);
    test->broker.broker->requests_bytes += REQUESTS_BYTES_MAX + 1;
    ask(test, client);
    assert_false(answered(test, client));
    test->broker.broker->requests_bytes -= REQUESTS_BYTES_MAX + 1;
    assert_true(answered(test, client));
}

/* Its descriptor is free at once; its struct is freed later, when libuv or a job has let go of it. */
static void a_closed_connection_counts_no_more(void **state)
{
    struct test *test = *state;
    int client = connect_client(test);
    assert_int_equal(test->server.conns_count, 1);
    conn_close(CONTAINER_OF(test->server.conns.next, struct conn, by_activity), NULL);
    assert_int_equal(test->server.conns_count, 0);
    assert_true(closed(test, client));
}

/* However many come at once, a turn that has no time takes one; all are taken, and answered. */
static void turns_without_time_take_connections_one_by_one(void **state)
{
    struct test *test = *state;
    test->loop.turn.has_time = no_time;
    for (int i = 0; i < CLIENTS_MAX; i++)
        connect_without_turns(test);
    for (int i = 1; i <= CLIENTS_MAX; i++) {
        turns(test, 1);
        assert_in_range(test->server.conns_count, 0, i);
    }
    turns(test, CLIENTS_MAX);
    assert_int_equal(test->server.conns_count, CLIENTS_MAX);
    for (int i = 0; i < CLIENTS_MAX; i++) {
        ask(test, test->clients[i]);
        assert_true(answered(test, test->clients[i]));
    }
}

/* However little is missing. */
static void a_frame_without_its_end_waits(void **state)
{
    struct test *test = *state;
    size_t size;
    uint8_t *frame = frame_of(KP_API_DESCRIBE_CLUSTER, 0, &kp_describe_cluster_request_default, &size);
    int client = connect_client(test);
    for (size_t missing = 1; missing <= 5; missing++) {
        send_all(test, client, frame, size - missing);
        assert_false(answered(test, client));
        send_all(test, client, frame + size - missing, missing);
        assert_true(answered(test, client));
    }
    free(frame);
}

/* Of many that send much at once a turn without time reads one part; the others go on after it, each in its turn. */
static void large_frames_take_turns_where_there_is_no_time(void **state)
{
    enum { SENDERS = 4 };
    struct test *test = *state;
    struct conn *conns[SENDERS];
    size_t read[SENDERS];
    uint8_t *more = xcalloc(1, KIB(64));
    for (int i = 0; i < SENDERS; i++) {
        send_beginning(test, connect_client(test), 10 << 20, 2 * LARGE_FRAME_BYTES);
        conns[i] = CONTAINER_OF(test->server.conns.previous, struct conn, by_activity);
        read[i] = conns[i]->input_size;
    }
    test->loop.turn.has_time = no_time;
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(send(test->clients[i], more, KIB(64), MSG_NOSIGNAL), KIB(64));
    for (int turn = 0, left = SENDERS; left > 0; turn++) {
        assert_true(turn < TURNS_MAX);
        turns(test, 1);
        int took = 0;
        left = 0;
        for (int i = 0; i < SENDERS; i++) {
            took += conns[i]->input_size > read[i];
            read[i] = conns[i]->input_size;
            left += read[i] < 4 + 2 * LARGE_FRAME_BYTES + KIB(64);
        }
        assert_in_range(took, 0, 1);
    }
    free(more);
}

static void who_sends_all_the_time_keeps_nobody_waiting(void **state)
{
    struct test *test = *state;
    int busy = connect_client(test), other = connect_client(test);
    send_beginning(test, busy, 10 << 20, 2 * LARGE_FRAME_BYTES);
    send_beginning(test, other, 10 << 20, 2 * LARGE_FRAME_BYTES);
    const struct conn *waits = CONTAINER_OF(test->server.conns.previous, struct conn, by_activity);
    uint8_t *more = xcalloc(1, KIB(64));
    test->loop.turn.has_time = no_time;
    for (int turn = 0; waits->input_size < 4 + 2 * LARGE_FRAME_BYTES + KIB(64); turn++) {
        assert_true(turn < 20);
        assert_int_equal(send(busy, more, KIB(8), MSG_NOSIGNAL), KIB(8));
        if (turn == 0)
            assert_int_equal(send(other, more, KIB(64), MSG_NOSIGNAL), KIB(64));
        turns(test, 1);
    }
    free(more);
}

static void ends_of_connections_take_turns_where_there_is_no_time(void **state)
{
    struct test *test = *state;
    for (int i = 0; i < CLIENTS_MAX; i++)
        connect_client(test);
    test->loop.turn.has_time = no_time;
    while (test->clients_count > 0)
        close(test->clients[--test->clients_count]);
    for (int i = 1; i <= CLIENTS_MAX; i++) {
        turns(test, 1);
        assert_in_range(test->server.conns_count, CLIENTS_MAX - i, CLIENTS_MAX);
    }
    turns(test, 2);
    assert_int_equal(test->server.conns_count, 0);
}

/* Only what has not moved for a while counts as stalled: others may be in the middle of a request. */
static void a_stalled_connection_makes_room_for_a_new_one(void **state)
{
    struct test *test = *state;
    int busy = connect_client(test), stalled = connect_client(test);
    send_beginning(test, stalled, 1000, 10);
    CONTAINER_OF(test->server.conns.previous, struct conn, by_activity)->active_ms -= STALLED_MS;
    send_beginning(test, busy, 1000, 10);
    test->server.conns_max = 2;
    int third = connect_client(test), fourth = connect_client(test);
    ask(test, third);
    assert_true(answered(test, third));
    assert_true(closed(test, stalled));
    assert_false(closed(test, busy));
    assert_true(closed(test, fourth));
}

/* Although nothing more of it is read: what it has sent behind its fetch fills the bound and the socket. */
static void the_end_of_a_parked_connection_is_seen_at_once(void **state)
{
    struct test *test = *state;
    create_topic(test);
    int client = connect_client(test);
    send_parked_fetch(test, client);
    send_beginning(test, client, 100 << 20, 2 * WAITING_INPUT_BYTES_MAX);
    struct conn *conn = CONTAINER_OF(test->server.conns.next, struct conn, by_activity);
    assert_false(conn->reading);
    close(client);
    test->clients_count--;
    turns(test, 5);
    assert_int_equal(test->server.conns_count, 0);
    assert_int_equal(test->broker.broker->requests_bytes, 0);
}

/* It is read on when its request is answered, and answered as any other. */
static void a_connection_that_was_not_read_is_read_again(void **state)
{
    struct test *test = *state;
    create_topic(test);
    int client = connect_client(test);
    send_parked_fetch(test, client);
    uint8_t *bytes = xcalloc(1, 4 + 2 * WAITING_INPUT_BYTES_MAX);
    store_be32(bytes, (uint32_t)(2 * WAITING_INPUT_BYTES_MAX));
    memcpy(bytes + 4, (const uint8_t[]){0, 18, 0, 0, 0, 0, 0, 1, 255, 255}, 10); /* ApiVersions, and much behind it */
    send_all(test, client, bytes, 4 + 2 * WAITING_INPUT_BYTES_MAX);
    free(bytes);
    struct test_peer peer;
    test_peer_open(&peer, &test->broker);
    assert_int_equal(test_produce(&peer, "t", 0, 1), 0);
    test_peer_close(&peer);
    turns(test, 10);
    assert_int_equal(test->server.conns_count, 1);
    assert_int_equal(test->server.input_bytes, 0);
    assert_true(answered(test, client));
}

/* A producer with acks 0 sends, closes and counts on it; Kafka too carries out what has arrived. */
static void what_was_sent_behind_a_batch_in_the_pool_is_carried_out_although_the_peer_left(void **state)
{
    struct test *test = *state;
    create_topic(test);
    struct test_peer peer;
    test_peer_open(&peer, &test->broker);
    assert_int_equal(test_produce(&peer, "t", 0, 1), 0); /* its folder is there */
    test_peer_close(&peer);
    int client = connect_client(test);
    for (int i = 0; i < 5; i++)
        send_large_batch(test, client);
    close(client);
    test->clients_count--;
    turns(test, 3);
    struct topic *topic = catalog_topic(test->broker.broker->catalog, kp_string_of("t"));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(log_end_offset(topic_partition(topic, 0)->log), 1 + i);
        assert_int_equal(test_pool_run(&test->broker.env.pool), 1);
        turns(test, 3);
    }
    assert_int_equal(log_end_offset(topic_partition(topic, 0)->log), 6);
    assert_int_equal(test->server.conns_count, 0);
}

/* ---- quotas --------------------------------------------------------------------------------------------------------- */

/* Set a quota of an entity of one part; its name NULL: the default. */
static void set_quota(struct test *test, const char *type, const char *name, const char *key, double value)
{
    struct kp_alter_client_quotas_request_entries_entity entity = {kp_string_of(type),
                                                                   name == NULL ? KP_NULL_STRING : kp_string_of(name)};
    struct kp_alter_client_quotas_request_entries_ops op = {.key = kp_string_of(key), .value = value};
    struct kp_alter_client_quotas_request_entries entry = {
        .entity = &entity, .entity_count = 1, .ops = &op, .ops_count = 1};
    struct kp_alter_client_quotas_request request = {.entries = &entry, .entries_count = 1};
    struct kp_alter_client_quotas_response response;
    struct test_peer peer;
    test_peer_open(&peer, &test->broker);
    test_peer_ask(&peer, KP_API_ALTER_CLIENT_QUOTAS, 1, &request, &response);
    assert_int_equal(response.entries[0].error_code, 0);
    test_peer_close(&peer);
}

/* The answers of its first request come at once; what it sends then waits until its time is over. */
static void a_throttled_client_is_answered_and_then_mute(void **state)
{
    struct test *test = *state;
    int client = connect_client(test);
    set_quota(test, "client-id", "test", "request_percentage", 0.001);
    test->broker.env.work_ns = 1000000000;
    ask(test, client);
    assert_true(answered(test, client));
    ask(test, client);
    ask(test, client);
    assert_false(answered(test, client));
    broker_fixture_advance(&test->broker, 999);
    assert_false(answered(test, client));
    broker_fixture_advance(&test->broker, 1);
    assert_true(answered(test, client));
    assert_false(answered(test, client)); /* the third one waits for the second's time */
    broker_fixture_advance(&test->broker, 1000);
    assert_true(answered(test, client));
}

static void a_mute_connection_takes_in_no_more_than_a_waiting_one(void **state)
{
    struct test *test = *state;
    int client = connect_client(test);
    struct conn *conn = CONTAINER_OF(test->server.conns.next, struct conn, by_activity);
    peer_mute(&conn->peer, 1000);
    send_beginning(test, client, 100 << 20, KIB(64));
    assert_takes_no_more(test, client);
}

static void a_mute_connection_that_ends_goes_at_once(void **state)
{
    struct test *test = *state;
    int client = connect_client(test);
    struct conn *conn = CONTAINER_OF(test->server.conns.next, struct conn, by_activity);
    peer_mute(&conn->peer, 1000);
    shutdown(client, SHUT_WR);
    assert_true(closed(test, client));
    assert_int_equal(test->server.conns_count, 0);
}

/* As in Kafka, where it waits in the socket. */
static void what_came_before_the_end_of_a_mute_connection_is_carried_out(void **state)
{
    struct test *test = *state;
    int client = connect_client(test);
    struct conn *conn = CONTAINER_OF(test->server.conns.next, struct conn, by_activity);
    peer_mute(&conn->peer, 1000);
    ask(test, client);
    shutdown(client, SHUT_WR);
    assert_false(closed(test, client));
    broker_fixture_advance(&test->broker, 1000);
    assert_true(answered(test, client));
    assert_true(closed(test, client));
}

/* Ten in ten windows are within a rate of one; the next waits for a second, and is served then. */
/* The next one is closed, and one that ends makes room. */
static void assert_takes_two(struct test *test)
{
    int first = connect_client(test), second = connect_client(test), third = connect_client(test);
    assert_true(closed(test, third));
    assert_false(closed(test, first));
    assert_false(closed(test, second));
    close(first);
    test->clients[0] = connect_client(test);
    assert_false(closed(test, test->clients[0]));
    test->clients_count--;
}

static void an_address_has_a_number_of_connections(void **state)
{
    struct test *test = *state;
    test->broker.config.max_connections_per_ip = 2;
    assert_takes_two(test);
}

static void an_address_may_have_a_number_of_its_own(void **state)
{
    struct test *test = *state;
    test->broker.config.max_connections_per_ip = 5;
    test->broker.config.max_connections_per_ip_overrides = "::1:7,nowhere:1, 127.0.0.1\t: 2,10.0.0.1:0";
    assert_takes_two(test);
}

static void the_broker_has_a_number_of_connections(void **state)
{
    struct test *test = *state;
    test->broker.config.max_connections = 2;
    assert_takes_two(test);
}

static void who_is_quiet_for_too_long_is_closed(void **state)
{
    struct test *test = *state;
    test->broker.config.connections_max_idle_ms = -1;
    int kept = connect_client(test);
    assert_false(closed(test, kept));
    close(kept);
    test->clients_count--;
    turns(test, 3);
    test->broker.config.connections_max_idle_ms = 1;
    int client = connect_client(test);
    for (int i = 0; i < TURNS_MAX && test->server.conns_count > 0; i++)
        turns(test, 1);
    assert_true(closed(test, client));
}

static void connections_above_the_rate_wait(void **state)
{
    struct test *test = *state;
    test->broker.config.max_connection_creation_rate = 1;
    for (int i = 0; i < 10; i++)
        connect_client(test);
    int late = connect_client(test);
    ask(test, late);
    assert_false(answered(test, late));
    assert_int_equal(test->server.conns_count, 10);
    broker_fixture_advance(&test->broker, 1000);
    assert_true(answered(test, late));
    assert_int_equal(test->server.conns_count, 11);
}

static void a_listener_has_a_rate_of_its_own(void **state)
{
    struct test *test = *state;
    test->broker.config.listeners[0].max_connection_creation_rate = 1;
    for (int i = 0; i < 11; i++)
        connect_client(test);
    assert_int_equal(test->server.conns_count, 10);
}

static void a_listener_has_a_number_of_connections_of_its_own(void **state)
{
    struct test *test = *state;
    test->broker.config.listeners[0].max_connections = 1;
    int first = connect_client(test), second = connect_client(test);
    assert_true(closed(test, second));
    assert_false(closed(test, first));
    close(first);
    test->clients[0] = connect_client(test); /* in the place of the first */
    test->clients_count--;
    assert_false(closed(test, test->clients[0]));
}

/* It is neither served nor told so until the time is over, and counts for nothing. */
static void an_address_above_its_rate_is_kept_waiting_and_then_closed(void **state)
{
    struct test *test = *state;
    set_quota(test, "ip", "127.0.0.1", "connection_creation_rate", 1);
    set_quota(test, "ip", NULL, "connection_creation_rate", 1000);
    for (int i = 0; i < 10; i++)
        connect_client(test);
    int late = connect_client(test);
    ask(test, late);
    assert_false(answered(test, late));
    assert_false(closed(test, late));
    broker_fixture_advance(&test->broker, 1000);
    assert_true(closed(test, late));
    assert_int_equal(test->server.conns_count, 10);
    set_quota(test, "ip", "127.0.0.1", "connection_creation_rate", 2);
    late = connect_client(test);
    ask(test, late);
    assert_true(answered(test, late));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_announced_length_costs_nothing_before_its_bytes_come, setup, teardown),
        cmocka_unit_test_setup_teardown(a_negative_length_closes_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(a_length_above_the_largest_request_closes_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(frames_that_come_byte_by_byte_are_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(two_large_frames_grow_side_by_side, setup, teardown),
        cmocka_unit_test_setup_teardown(the_frame_that_stalls_longest_goes_when_the_budget_is_used_up, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_late_stays_when_the_budget_is_used_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_frame_behind_a_parked_request_is_not_taken_in, setup, teardown),
        cmocka_unit_test_setup_teardown(a_frame_that_alone_is_too_much_closes_its_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(input_behind_parked_requests_goes_when_the_budget_is_used_up, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_handled_over_turns_keeps_its_frame_and_those_behind_it_wait, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_takes_no_answers_is_read_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_of_requests_goes_back_with_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(who_takes_no_answers_goes_when_the_memory_for_requests_is_used_up, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_request_waits_for_memory_that_nobody_can_be_dropped_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_closed_connection_counts_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_of_a_parked_connection_is_seen_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_connection_that_was_not_read_is_read_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_sent_behind_a_batch_in_the_pool_is_carried_out_although_the_peer_left,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(turns_without_time_take_connections_one_by_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_frame_without_its_end_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(large_frames_take_turns_where_there_is_no_time, setup, teardown),
        cmocka_unit_test_setup_teardown(who_sends_all_the_time_keeps_nobody_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_of_connections_take_turns_where_there_is_no_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stalled_connection_makes_room_for_a_new_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_throttled_client_is_answered_and_then_mute, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mute_connection_takes_in_no_more_than_a_waiting_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mute_connection_that_ends_goes_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_came_before_the_end_of_a_mute_connection_is_carried_out, setup, teardown),
        cmocka_unit_test_setup_teardown(batches_that_arrive_together_are_written_together, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_of_large_frames_is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(an_address_has_a_number_of_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(an_address_may_have_a_number_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(the_broker_has_a_number_of_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_quiet_for_too_long_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(connections_above_the_rate_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(a_listener_has_a_rate_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(a_listener_has_a_number_of_connections_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(an_address_above_its_rate_is_kept_waiting_and_then_closed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
