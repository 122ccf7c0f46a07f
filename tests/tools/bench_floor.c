/* The floor of `make bench`: what the machine takes for moving the bytes alone, for the same load as the brokers.
 *
 *     bench_floor FILE         a new file; listens on 127.0.0.1, prints "HOST:PORT", and ends with SIGTERM
 *
 * It serves one connection of bench_load at a time, in the simplest way there is:
 *
 *     produce   recv() a whole frame | write its batch behind FILE's end | send() an answer
 *     fetch     recv() a whole frame | send() the head, sendfile() a slice, send() the tail
 *
 * Nothing is decoded, checked or looked up: frames of a load are all of one size and shape, so the first one tells
 * where the batch is, and an answer is made once. Only the base offset is counted up, which bench_load wants to see.
 * Slices are whole batches, as many as a fetch may have, and follow each other. Linux only: elsewhere it says so. */
#ifdef __linux__
#include "messages.h"
#include "protocol/header.h"
#include "protocol/record_batch.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARENA_BYTES_MAX ((size_t)16 * 1024 * 1024)

/* The log: batches that are all alike. */
struct floor_log {
    int file;
    int64_t size_bytes, end_offset;
    int32_t batch_bytes, batch_records;
};

/* One load: frames that are all alike, and the answer that each of them gets. */
struct load {
    int socket;
    uint8_t *frame; /* with its length */
    size_t frame_bytes;
    struct kp_request_header header;
    struct arena arena; /* of the first frame's body, and the answer */
    size_t batch_at;    /* produce: the batch in the frame */
    uint8_t *answer;
    size_t answer_bytes, head_bytes; /* fetch: the slice goes behind the head */
};

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

/* Receive all of `size` bytes; false when the other side has closed before the first of them. */
static bool receive(int from, uint8_t *bytes, size_t size)
{
    ssize_t received = recv(from, bytes, size, MSG_WAITALL);
    if (received != 0 && received != (ssize_t)size)
        die("recv");
    return received > 0;
}

static void send_all(int to, const uint8_t *bytes, size_t size, int flags)
{
    if (send(to, bytes, size, MSG_NOSIGNAL | flags) != (ssize_t)size) /* the socket blocks: all or an error */
        die("send");
}

static void begin_answer(struct load *load, const struct kp_schema *schema, const void *response)
{
    int16_t key = load->header.api_key, version = load->header.api_version;
    struct kp_size size;
    struct kp_gap gap = {0};
    struct kp_writer writer;
    if (!kp_measure(schema, response, version, &size))
        die("answer");
    size_t before = 4 + kp_response_header_size(key, version);
    load->answer_bytes = before + size.memory_bytes;
    load->answer = arena_alloc(&load->arena, load->answer_bytes);
    kp_writer_init(&writer, load->answer, load->answer_bytes);
    writer.gaps = &gap;
    writer.gaps_max = size.gaps_count;
    kp_write_int32(&writer, (int32_t)(before - 4 + size.wire_bytes));
    kp_response_header_encode(&writer, key, version, load->header.correlation_id);
    kp_encode(schema, response, &writer, version);
    load->head_bytes = size.gaps_count > 0 ? gap.position : 0;
}

static void begin_produce(struct load *load, struct floor_log *log, struct kp_reader *body)
{
    struct kp_produce_request request;
    struct kp_produce_response response = kp_produce_response_default;
    struct kp_produce_response_responses topic = kp_produce_response_responses_default;
    struct kp_produce_response_responses_partition_responses partition =
        kp_produce_response_responses_partition_responses_default;
    struct record_batch batch;
    if (!kp_decode(&kp_produce_request_schema, &request, body, load->header.api_version, &load->arena))
        die("produce");
    struct kp_records records = request.topic_data[0].partition_data[0].records;
    if (record_batch_view(&batch, records.data, (size_t)records.size) != BATCH_OK)
        die("batch");
    load->batch_at = (size_t)(records.data - load->frame);
    log->batch_bytes = batch.size_bytes;
    log->batch_records = batch.record_count;
    topic.name = request.topic_data[0].name;
    topic.partition_responses = &partition;
    topic.partition_responses_count = 1;
    response.responses = &topic;
    response.responses_count = 1;
    begin_answer(load, &kp_produce_response_schema, &response);
}

static void begin_fetch(struct load *load, const struct floor_log *log, struct kp_reader *body)
{
    struct kp_fetch_request request;
    struct kp_fetch_response response = kp_fetch_response_default;
    struct kp_fetch_response_responses topic = kp_fetch_response_responses_default;
    struct kp_fetch_response_responses_partitions partition = kp_fetch_response_responses_partitions_default;
    if (!kp_decode(&kp_fetch_request_schema, &request, body, load->header.api_version, &load->arena) ||
        log->batch_bytes == 0)
        die("fetch");
    int32_t bytes_max = request.topics[0].partitions[0].partition_max_bytes;
    partition.records = (struct kp_records){.size = bytes_max / log->batch_bytes * log->batch_bytes, .slice = load};
    topic.topic = request.topics[0].topic;
    topic.partitions = &partition;
    topic.partitions_count = 1;
    response.responses = &topic;
    response.responses_count = 1;
    begin_answer(load, &kp_fetch_response_schema, &response);
}

/* Receive the first frame and prepare for its like. False: the other side has closed. */
static bool begin(struct load *load, struct floor_log *log)
{
    uint8_t length[4];
    struct kp_reader reader;
    if (!receive(load->socket, length, sizeof length))
        return false;
    load->frame_bytes = sizeof length + load_be32(length);
    load->frame = xmalloc(load->frame_bytes);
    memcpy(load->frame, length, sizeof length);
    if (!receive(load->socket, load->frame + sizeof length, load->frame_bytes - sizeof length))
        return false;
    kp_reader_init(&reader, load->frame + sizeof length, load->frame_bytes - sizeof length);
    if (!kp_request_header_decode(&load->header, &reader))
        die("header");
    if (load->header.api_key == KP_API_PRODUCE)
        begin_produce(load, log, &reader);
    else
        begin_fetch(load, log, &reader);
    return true;
}

static void append(const struct load *load, struct floor_log *log)
{
    uint8_t *batch = load->frame + load->batch_at;
    record_batch_set_base_offset(batch, log->end_offset);
    if (pwrite(log->file, batch, (size_t)log->batch_bytes, log->size_bytes) != log->batch_bytes)
        die("pwrite");
    log->size_bytes += log->batch_bytes;
    log->end_offset += log->batch_records;
    send_all(load->socket, load->answer, load->answer_bytes, 0);
}

static void send_slice(const struct load *load, const struct floor_log *log, off_t *position)
{
    off_t end = *position + (off_t)(load_be32(load->answer) + 4 - load->answer_bytes);
    if (end > log->size_bytes)
        die("fetch behind the end");
    send_all(load->socket, load->answer, load->head_bytes, MSG_MORE);
    while (*position < end) {
        if (sendfile(load->socket, log->file, position, (size_t)(end - *position)) <= 0)
            die("sendfile");
    }
    send_all(load->socket, load->answer + load->head_bytes, load->answer_bytes - load->head_bytes, 0);
}

static void serve(int socket_, struct floor_log *log)
{
    struct load load = {.socket = socket_};
    off_t position = 0;
    arena_init(&load.arena, ARENA_BYTES_MAX);
    bool more = begin(&load, log);
    for (; more; more = receive(socket_, load.frame, load.frame_bytes)) {
        if (load.header.api_key == KP_API_PRODUCE)
            append(&load, log);
        else
            send_slice(&load, log, &position);
    }
    free(load.frame);
    arena_release(&load.arena);
}

int main(int count, char **arguments)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct floor_log log = {.file = count == 2 ? open(arguments[1], O_CREAT | O_TRUNC | O_RDWR, 0600) : -1};
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (log.file < 0)
        die("usage: bench_floor FILE");
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        die("listen");
    printf("127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int accepted = accept(listener, NULL, NULL);
        if (accepted < 0 || setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
            die("accept");
        serve(accepted, &log);
        close(accepted);
    }
}

#else

#include <stdio.h>

int main(void)
{
    fprintf(stderr, "bench_floor: needs Linux\n");
    return 2;
}

#endif
