/* Fuzzing of the whole broker, over files in memory: the input is what clients, time and the pool do.
 *
 *     input: actions, each a byte (modulo the number of actions) and what it needs
 *
 *       open P            a peer of number P connects; one that is there goes away first
 *       close P           it goes away
 *       frame P n bytes   any bytes as a frame; bytes 4 to 7, the correlation id, are ours
 *       ask P a v n bytes a request of the a-th served API in version v of it, its body the bytes
 *       produce P p       a batch to partition p of the topic "t"
 *       fetch P p o w     a fetch of partition p from offset o that waits w times 100 ms, in the session of P's last
 *       take P            what is answered is taken
 *       turn, jobs        the end of a turn; the pool has done its work
 *       time n            n times n ms pass
 *       restart           a clean stop, which answers what is parked, and a start
 *
 * What must hold: the broker goes on, answers are whole frames in the order of their requests, and when all peers are
 * gone nothing waits, no request keeps memory, and a stop is clean. seed_peers.py makes inputs. */
#include "../lib/broker_fixture.h"
#include "broker/dispatch.h"

#define PEERS           4
#define PARTITIONS      2
#define FRAME_BYTES_MAX 1024
#define FETCH_VERSION   11

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_peer {
    struct test_peer test;
    bool open;
    int32_t asked, answered; /* the last correlation ids; they count */
    int32_t session_id, session_epoch;
};

struct fuzz {
    struct broker_fixture broker;
    struct fuzz_peer peers[PEERS];
    const uint8_t *at, *end;
};

static uint8_t next(struct fuzz *fuzz)
{
    return fuzz->at < fuzz->end ? *fuzz->at++ : 0;
}

static struct fuzz_peer *next_peer(struct fuzz *fuzz)
{
    struct fuzz_peer *peer = &fuzz->peers[next(fuzz) % PEERS];
    if (!peer->open) {
        *peer = (struct fuzz_peer){.open = true};
        test_peer_open(&peer->test, &fuzz->broker);
    }
    return peer;
}

static void close_peer(struct fuzz_peer *peer)
{
    if (peer->open)
        test_peer_close(&peer->test);
    peer->open = false;
}

/* ---- what a peer sends ---------------------------------------------------------------------------------------------- */

/* A frame in a block of its own size, gone when it is handled: whatever looks at it later is found. */
static void send_frame(struct fuzz_peer *peer, const uint8_t *bytes, size_t size)
{
    if (!peer_may_start(&peer->test.peer))
        return;
    uint8_t *frame = xmalloc(size > 0 ? size : 1);
    memcpy(frame, bytes, size);
    if (size >= 8)
        store_be32(frame + 4, (uint32_t)++peer->asked);
    broker_handle_frame(&peer->test.peer, frame, size);
    free(frame);
}

static size_t next_bytes(struct fuzz *fuzz, uint8_t *bytes, size_t room)
{
    size_t size = (size_t)next(fuzz) << 2, left = (size_t)(fuzz->end - fuzz->at);
    size = size < left ? size : left;
    size = size < room ? size : room;
    memcpy(bytes, fuzz->at, size);
    fuzz->at += size;
    return size;
}

static const struct kp_api *served_api(uint8_t choice)
{
    int16_t keys[UINT8_MAX];
    int count = 0;
    for (int16_t key = 0; key < UINT8_MAX; key++) {
        if (dispatch_serves(key))
            keys[count++] = key;
    }
    return kp_api_find(keys[choice % count]);
}

static void ask(struct fuzz *fuzz, struct fuzz_peer *peer)
{
    uint8_t frame[FRAME_BYTES_MAX];
    const struct kp_api *api = served_api(next(fuzz));
    int versions = api->versions.last - api->versions.first + 1;
    int16_t version = (int16_t)(api->versions.first + next(fuzz) % versions);
    const struct kp_request_header header = {api->key, version, 0, kp_string_of("fuzz")};
    struct kp_writer writer;
    kp_writer_init(&writer, frame, sizeof frame);
    kp_request_header_encode(&writer, &header);
    size_t head_bytes = (size_t)(writer.at - frame);
    send_frame(peer, frame, head_bytes + next_bytes(fuzz, frame + head_bytes, sizeof frame - head_bytes));
}

static void send_message(struct fuzz_peer *peer, int16_t key, int16_t version, const void *request)
{
    if (peer_may_start(&peer->test.peer)) {
        peer->test.next_correlation_id = ++peer->asked;
        test_peer_send(&peer->test, key, version, request);
    }
}

static void produce(struct fuzz *fuzz, struct fuzz_peer *peer)
{
    const struct kp_bytes null = {NULL, -1}, value = {(const uint8_t *)"value", 5};
    const struct batch_header header = BATCH_HEADER_PLAIN;
    int64_t now_ms = fuzz->broker.env.now.wall_ms;
    struct batch_builder builder;
    batch_builder_init(&builder, now_ms);
    batch_builder_add(&builder, now_ms, null, value, null, 0);
    ASSERT(batch_builder_finish(&builder, &header));
    struct kp_produce_request_topic_data_partition_data data = {
        .index = next(fuzz) % PARTITIONS, .records = {.data = builder.bytes, .size = (int32_t)builder.size_bytes}
    };
    struct kp_produce_request_topic_data topic = {
        .name = kp_string_of("t"), .partition_data = &data, .partition_data_count = 1};
    struct kp_produce_request request = kp_produce_request_default;
    request.acks = 1;
    request.topic_data = &topic;
    request.topic_data_count = 1;
    send_message(peer, KP_API_PRODUCE, 9, &request);
    batch_builder_release(&builder);
}

static void fetch(struct fuzz *fuzz, struct fuzz_peer *peer)
{
    struct kp_fetch_request request = kp_fetch_request_default;
    struct kp_fetch_request_topics_partitions partition = kp_fetch_request_topics_partitions_default;
    struct kp_fetch_request_topics topic = test_fetch_topic("t", &partition);
    partition.partition = next(fuzz) % PARTITIONS;
    partition.fetch_offset = next(fuzz);
    partition.partition_max_bytes = 1 << 20;
    request.topics = &topic;
    request.topics_count = 1;
    request.min_bytes = 1;
    request.max_wait_ms = next(fuzz) * 100;
    request.session_id = peer->session_id;
    request.session_epoch = peer->session_epoch++;
    send_message(peer, KP_API_FETCH, FETCH_VERSION, &request);
}

/* ---- what it gets --------------------------------------------------------------------------------------------------- */

/* Copy `size` bytes of the output; false when there are none. */
static bool take(struct test_peer *peer, uint8_t *bytes, size_t size, size_t *skip)
{
    struct out_piece *piece;
    while (size > 0 && peer_output(&peer->peer, &piece, 1) == 1) {
        size_t left = piece->size_bytes - *skip, part = left < size ? left : size;
        if (piece->bytes != NULL)
            memcpy(bytes, piece->bytes + *skip, part);
        else
            ASSERT(log_slice_read(&piece->slice, (int32_t)*skip, bytes, part) == 0);
        bytes += part;
        size -= part;
        *skip += part;
        if (*skip == piece->size_bytes) {
            peer_sent(&peer->peer);
            *skip = 0;
        }
    }
    return size == 0;
}

static void take_answers(struct fuzz_peer *peer)
{
    uint8_t head[8];
    size_t skip = 0;
    while (take(&peer->test, head, sizeof head, &skip)) {
        size_t rest = (size_t)load_be32(head) - 4;
        int32_t correlation_id = (int32_t)load_be32(head + 4);
        ASSERT(correlation_id > peer->answered && correlation_id <= peer->asked);
        peer->answered = correlation_id;
        uint8_t *bytes = xmalloc(rest > 0 ? rest : 1);
        ASSERT(rest < INT32_MAX && take(&peer->test, bytes, rest, &skip) && skip == 0);
        if (rest >= 10) /* of a fetch of FETCH_VERSION: throttle time, error, session */
            peer->session_id = (int32_t)load_be32(bytes + 6);
        free(bytes);
    }
}

/* ---- actions -------------------------------------------------------------------------------------------------------- */

static void close_all(struct fuzz *fuzz)
{
    for (int i = 0; i < PEERS; i++)
        close_peer(&fuzz->peers[i]);
    broker_fixture_run_jobs(&fuzz->broker);
    ASSERT(list_empty(&fuzz->broker.broker->waits) && list_empty(&fuzz->broker.broker->ready));
    ASSERT(fuzz->broker.broker->requests_bytes == 0);
}

static void restart(struct fuzz *fuzz)
{
    broker_stop(fuzz->broker.broker);
    broker_fixture_run_jobs(&fuzz->broker); /* what waits for the pool is answered when that is done */
    for (int i = 0; i < PEERS; i++) {
        if (fuzz->peers[i].open) {
            ASSERT(fuzz->peers[i].test.peer.parked_count == 0);
            take_answers(&fuzz->peers[i]);
        }
    }
    close_all(fuzz);
    broker_fixture_close(&fuzz->broker);
    broker_fixture_open(&fuzz->broker);
}

static void act(struct fuzz *fuzz)
{
    uint8_t bytes[FRAME_BYTES_MAX];
    struct fuzz_peer *peer;
    int64_t ms;
    switch (next(fuzz) % 11) {
    case 0:
        close_peer(next_peer(fuzz));
        break;
    case 1:
        peer = next_peer(fuzz);
        send_frame(peer, bytes, next_bytes(fuzz, bytes, sizeof bytes));
        break;
    case 2:
    case 3:
        ask(fuzz, next_peer(fuzz));
        break;
    case 4:
        produce(fuzz, next_peer(fuzz));
        break;
    case 5:
        fetch(fuzz, next_peer(fuzz));
        break;
    case 6:
        take_answers(next_peer(fuzz));
        break;
    case 7:
        broker_fixture_turn(&fuzz->broker);
        break;
    case 8:
        broker_fixture_run_jobs(&fuzz->broker);
        break;
    case 9:
        ms = next(fuzz);
        broker_fixture_advance(&fuzz->broker, ms * ms);
        break;
    case 10:
        restart(fuzz);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz *fuzz = xcalloc(1, sizeof *fuzz);
    fuzz->at = data;
    fuzz->end = data + size;
    broker_fixture_init(&fuzz->broker);
    broker_fixture_open(&fuzz->broker);
    struct test_peer peer;
    test_peer_open(&peer, &fuzz->broker);
    ASSERT(test_create_topic(&peer, "t", PARTITIONS) == 0);
    test_peer_close(&peer);
    while (fuzz->at < fuzz->end)
        act(fuzz);
    close_all(fuzz);
    broker_fixture_release(&fuzz->broker);
    free(fuzz);
    return 0;
}
