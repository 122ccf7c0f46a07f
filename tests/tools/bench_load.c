/* Load for `make bench`: one connection, requests over our codec, the same bytes to any broker.
 *
 *     bench_load HOST:PORT create TOPIC
 *     bench_load HOST:PORT alter TOPIC NAME VALUE      a setting of the topic
 *     bench_load HOST:PORT produce TOPIC BYTES RECORD_BYTES BATCH_BYTES IN_FLIGHT
 *     bench_load HOST:PORT keyed TOPIC BYTES RECORD_BYTES BATCH_BYTES KEYS
 *     bench_load HOST:PORT fetch TOPIC BYTES
 *     bench_load HOST:PORT metadata TOPIC COUNT
 *     bench_load HOST:PORT tiny TOPIC COUNT            produce of one record of 100 bytes, one at a time
 *     bench_load HOST:PORT latency TOPIC COUNT RATE    COUNT records of 100 bytes, RATE in a second, and their way to a
 *                                                      consumer on a second connection
 *     bench_load HOST:PORT delete TOPIC
 *
 * Produce sends one batch, made once, again and again: what is measured is the broker. Other than that, the records of
 * `keyed` have keys, the numbers below KEYS in turn. Acks are all. Any error of the broker ends the program with a
 * sentence and status 1; on success it prints "bytes N requests N seconds S", and `latency` from when a record was to
 * be sent until the consumer has it, "p50_us N p99_us N max_us N": a record that is sent late because the one before it
 * was not answered counts as late. */
#include "messages.h"
#include "protocol/errors.h"
#include "protocol/header.h"
#include "protocol/record_batch.h"
#include "tests/lib/kafka_client.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define TINY_BYTES      100
#define ANSWER_MS       60000
#define FETCH_BYTES_MAX (1024 * 1024) /* max.partition.fetch.bytes of clients */

/* Versions that dohle and Apache Kafka 4.4 both serve, and that name topics by name. */
enum {
    PRODUCE_VERSION = 11,
    FETCH_VERSION = 12,
    METADATA_VERSION = 12,
    CREATE_VERSION = 7,
    DELETE_VERSION = 5,
    ALTER_VERSION = 1
};
enum { RESOURCE_TOPIC = 2 };

struct load {
    struct kafka_client client;
    struct arena arena; /* of the answer at hand */
    int64_t bytes, requests;
    const char *topic;
};

static _Noreturn void die(const char *what, const char *detail)
{
    fprintf(stderr, "bench_load: %s: %s\n", what, detail);
    exit(1);
}

/* ---- one request ----------------------------------------------------------------------------------------------- */

struct frame {
    uint8_t *bytes;
    size_t size;
};

static struct frame frame_of(int16_t key, int16_t version, const struct kp_schema *schema, const void *message)
{
    struct kp_request_header header = {
        .api_key = key, .api_version = version, .correlation_id = 1, .client_id = kp_string_of("bench")};
    size_t header_size = kp_request_header_size(&header), body_size = kp_encoded_size(schema, message, version);
    struct frame frame = {.size = 4 + header_size + body_size};
    frame.bytes = xmalloc(frame.size);
    store_be32(frame.bytes, (uint32_t)(header_size + body_size));
    struct kp_writer writer;
    kp_writer_init(&writer, frame.bytes + 4, frame.size - 4);
    kp_request_header_encode(&writer, &header);
    kp_encode(schema, message, &writer, version);
    return frame;
}

static void send_frame(struct load *load, const struct frame *frame)
{
    if (!kafka_client_send(&load->client, frame->bytes, frame->size))
        die("send", "the broker closed the connection");
    load->requests++;
}

/* Receive and decode one answer; what it points to is valid until *bytes is freed and the arena reset. */
static void receive(struct load *load, int16_t key, int16_t version, const struct kp_schema *schema, void *message,
                    uint8_t **bytes)
{
    size_t size;
    int32_t correlation_id;
    struct kp_reader reader;
    if (kafka_client_receive(&load->client, ANSWER_MS, bytes, &size) != CLIENT_OK)
        die("receive", "no answer");
    kp_reader_init(&reader, *bytes, size);
    arena_reset(&load->arena);
    if (!kp_response_header_decode(&correlation_id, &reader, key, version) ||
        !kp_decode(schema, message, &reader, version, &load->arena))
        die("receive", kp_read_error_text(reader.error));
}

static void check_error(const char *what, int16_t code)
{
    if (code != 0)
        die(what, kafka_error_name(code));
}

/* ---- topics ---------------------------------------------------------------------------------------------------- */

static void ask_for_topic(struct load *load)
{
    struct kp_create_topics_request request = kp_create_topics_request_default;
    struct kp_create_topics_request_topics topic = kp_create_topics_request_topics_default;
    struct kp_create_topics_response response;
    uint8_t *bytes;
    topic.name = kp_string_of(load->topic);
    topic.num_partitions = 1;
    topic.replication_factor = 1;
    request.topics = &topic;
    request.topics_count = 1;
    request.timeout_ms = ANSWER_MS;
    struct frame frame = frame_of(19, CREATE_VERSION, &kp_create_topics_request_schema, &request);
    send_frame(load, &frame);
    receive(load, 19, CREATE_VERSION, &kp_create_topics_response_schema, &response, &bytes);
    check_error("create", response.topics[0].error_code);
    free(bytes);
    free(frame.bytes);
}

static void delete_topic(struct load *load)
{
    struct kp_delete_topics_request request = kp_delete_topics_request_default;
    struct kp_string name = kp_string_of(load->topic);
    struct kp_delete_topics_response response;
    uint8_t *bytes;
    request.topic_names = &name;
    request.topic_names_count = 1;
    request.timeout_ms = ANSWER_MS;
    struct frame frame = frame_of(20, DELETE_VERSION, &kp_delete_topics_request_schema, &request);
    send_frame(load, &frame);
    receive(load, 20, DELETE_VERSION, &kp_delete_topics_response_schema, &response, &bytes);
    check_error("delete", response.responses[0].error_code);
    free(bytes);
    free(frame.bytes);
}

static void ask_metadata(struct load *load, int64_t count)
{
    struct kp_metadata_request request = kp_metadata_request_default;
    struct kp_metadata_request_topics topic = kp_metadata_request_topics_default;
    struct kp_metadata_response response;
    uint8_t *bytes;
    topic.name = kp_string_of(load->topic);
    request.topics = &topic;
    request.topics_count = 1;
    struct frame frame = frame_of(3, METADATA_VERSION, &kp_metadata_request_schema, &request);
    for (int64_t i = 0; i < count; i++) {
        send_frame(load, &frame);
        receive(load, 3, METADATA_VERSION, &kp_metadata_response_schema, &response, &bytes);
        check_error("metadata", response.topics[0].error_code);
        load->bytes += (int64_t)frame.size;
        free(bytes);
    }
    free(frame.bytes);
}

static void alter_topic(struct load *load, const char *name, const char *value)
{
    struct kp_incremental_alter_configs_request request = kp_incremental_alter_configs_request_default;
    struct kp_incremental_alter_configs_request_resources resource =
        kp_incremental_alter_configs_request_resources_default;
    struct kp_incremental_alter_configs_request_resources_configs config =
        kp_incremental_alter_configs_request_resources_configs_default;
    struct kp_incremental_alter_configs_response response;
    uint8_t *bytes;
    config.name = kp_string_of(name);
    config.value = kp_string_of(value);
    resource.resource_type = RESOURCE_TOPIC;
    resource.resource_name = kp_string_of(load->topic);
    resource.configs = &config;
    resource.configs_count = 1;
    request.resources = &resource;
    request.resources_count = 1;
    struct frame frame = frame_of(44, ALTER_VERSION, &kp_incremental_alter_configs_request_schema, &request);
    send_frame(load, &frame);
    receive(load, 44, ALTER_VERSION, &kp_incremental_alter_configs_response_schema, &response, &bytes);
    check_error("alter", response.responses[0].error_code);
    free(bytes);
    free(frame.bytes);
}

/* ---- produce --------------------------------------------------------------------------------------------------- */

/* Keys for records: the numbers below `count` in turn. */
struct keys {
    int64_t next, count; /* count 0: none */
    uint8_t text[24];
};

static struct kp_bytes next_key(struct keys *keys)
{
    if (keys->count == 0)
        return (struct kp_bytes){NULL, -1};
    int size = snprintf((char *)keys->text, sizeof keys->text, "key-%012" PRId64, keys->next++ % keys->count);
    return (struct kp_bytes){keys->text, size};
}

/* A request with one batch: records with this value, as many as fit, one at least. */
static struct frame produce_frame(struct load *load, struct keys *keys, struct kp_bytes value, size_t batch_bytes)
{
    struct batch_builder builder;
    struct batch_header header = BATCH_HEADER_PLAIN;
    int64_t now_ms = client_wall_ms();
    const struct kp_bytes none = {NULL, -1};
    batch_builder_init(&builder, now_ms);
    do {
        batch_builder_add(&builder, now_ms, next_key(keys), value, none, 0);
    } while (builder.size_bytes + (size_t)value.size <= batch_bytes);
    if (!batch_builder_finish(&builder, &header))
        die("produce", "the batch cannot be built");

    struct kp_produce_request request = kp_produce_request_default;
    struct kp_produce_request_topic_data topic = kp_produce_request_topic_data_default;
    struct kp_produce_request_topic_data_partition_data partition =
        kp_produce_request_topic_data_partition_data_default;
    partition.records = (struct kp_records){.data = builder.bytes, .size = (int32_t)builder.size_bytes};
    topic.name = kp_string_of(load->topic);
    topic.partition_data = &partition;
    topic.partition_data_count = 1;
    request.acks = -1;
    request.timeout_ms = ANSWER_MS;
    request.topic_data = &topic;
    request.topic_data_count = 1;
    struct frame frame = frame_of(0, PRODUCE_VERSION, &kp_produce_request_schema, &request);
    batch_builder_release(&builder);
    return frame;
}

/* A value that is text of a kind; the caller frees its bytes. */
static struct kp_bytes value_of(int32_t size)
{
    uint8_t *bytes = xmalloc((size_t)size);
    for (int32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(' ' + i * 7 % 90);
    return (struct kp_bytes){bytes, size};
}

static struct frame text_frame(struct load *load, int32_t record_bytes, size_t batch_bytes)
{
    struct kp_bytes value = value_of(record_bytes);
    struct frame frame = produce_frame(load, &(struct keys){0}, value, batch_bytes);
    free((void *)(uintptr_t)value.data);
    return frame;
}

static void receive_produced(struct load *load)
{
    struct kp_produce_response response;
    uint8_t *bytes;
    receive(load, 0, PRODUCE_VERSION, &kp_produce_response_schema, &response, &bytes);
    check_error("produce", response.responses[0].partition_responses[0].error_code);
    free(bytes);
}

static void produce(struct load *load, int64_t bytes, int32_t record_bytes, size_t batch_bytes, int in_flight)
{
    struct frame frame = text_frame(load, record_bytes, batch_bytes);
    int waiting = 0;
    for (; load->bytes < bytes; load->bytes += (int64_t)frame.size) {
        if (waiting == in_flight) {
            receive_produced(load);
            waiting--;
        }
        send_frame(load, &frame);
        waiting++;
    }
    for (; waiting > 0; waiting--)
        receive_produced(load);
    free(frame.bytes);
}

static void produce_keyed(struct load *load, int64_t bytes, int32_t record_bytes, size_t batch_bytes,
                          int64_t keys_count)
{
    struct kp_bytes value = value_of(record_bytes);
    struct keys keys = {.count = keys_count};
    while (load->bytes < bytes) {
        struct frame frame = produce_frame(load, &keys, value, batch_bytes);
        send_frame(load, &frame);
        receive_produced(load);
        load->bytes += (int64_t)frame.size;
        free(frame.bytes);
    }
    free((void *)(uintptr_t)value.data);
}

static void produce_tiny(struct load *load, int64_t count)
{
    struct frame frame = text_frame(load, TINY_BYTES, 0);
    for (int64_t i = 0; i < count; i++) {
        send_frame(load, &frame);
        receive_produced(load);
        load->bytes += (int64_t)frame.size;
    }
    free(frame.bytes);
}

/* ---- fetch ----------------------------------------------------------------------------------------------------- */

/* The offset behind the last whole batch. */
static int64_t next_offset(const struct kp_records *records, int64_t offset)
{
    const uint8_t *at = records->data, *end = at + (records->size > 0 ? records->size : 0);
    struct record_batch batch;
    while (at < end && record_batch_view(&batch, at, (size_t)(end - at)) == BATCH_OK) {
        offset = record_batch_last_offset(&batch) + 1;
        at += batch.size_bytes;
    }
    return offset;
}

/* Ask for what follows `offset`, and wait that long for a byte of it. What the answer points to is valid until *bytes
 * is freed and the arena reset. */
static const struct kp_fetch_response_responses_partitions *fetch_from(struct load *load, int64_t offset,
                                                                       int32_t wait_ms, uint8_t **bytes)
{
    struct kp_fetch_request request = kp_fetch_request_default;
    struct kp_fetch_request_topics topic = kp_fetch_request_topics_default;
    struct kp_fetch_request_topics_partitions partition = kp_fetch_request_topics_partitions_default;
    struct kp_fetch_response response;
    topic.topic = kp_string_of(load->topic);
    topic.partitions = &partition;
    topic.partitions_count = 1;
    partition.partition_max_bytes = FETCH_BYTES_MAX;
    partition.fetch_offset = offset;
    request.max_wait_ms = wait_ms;
    request.min_bytes = 1;
    request.topics = &topic;
    request.topics_count = 1;
    struct frame frame = frame_of(1, FETCH_VERSION, &kp_fetch_request_schema, &request);
    send_frame(load, &frame);
    free(frame.bytes);
    receive(load, 1, FETCH_VERSION, &kp_fetch_response_schema, &response, bytes);
    check_error("fetch", response.error_code);
    return &response.responses[0].partitions[0];
}

/* The same, waiting, and *offset moves on. */
static struct kp_records fetch_next(struct load *load, int64_t *offset, uint8_t **bytes)
{
    const struct kp_fetch_response_responses_partitions *answer = fetch_from(load, *offset, ANSWER_MS, bytes);
    check_error("fetch", answer->error_code);
    int64_t next = next_offset(&answer->records, *offset);
    if (next == *offset)
        die("fetch", "the topic holds less than was asked for");
    *offset = next;
    load->bytes += answer->records.size;
    return answer->records;
}

/* Apache Kafka answers the creation before the partition takes records: ask until it does. */
static void create_topic(struct load *load)
{
    ask_for_topic(load);
    int64_t began_ms = client_mono_ms();
    for (int16_t error = -1; error != KAFKA_NONE;) {
        uint8_t *bytes;
        error = fetch_from(load, 0, 0, &bytes)->error_code;
        free(bytes);
        if (client_mono_ms() - began_ms > ANSWER_MS)
            die("create", "the topic gets no leader");
    }
}

static void fetch(struct load *load, int64_t bytes_wanted)
{
    for (int64_t offset = 0; load->bytes < bytes_wanted;) {
        uint8_t *bytes;
        fetch_next(load, &offset, &bytes);
        free(bytes);
    }
}

/* ---- latency --------------------------------------------------------------------------------------------------- */

#define NS_PER_SECOND INT64_C(1000000000)

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static int by_size(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

/* The consumer: a connection and a thread of its own. */
struct arrivals {
    struct load load;
    int64_t *latency_ns; /* of each record */
    int64_t count;
};

static void *consume(void *context)
{
    struct arrivals *arrivals = context;
    for (int64_t offset = 0, seen = 0; seen < arrivals->count;) {
        uint8_t *bytes;
        struct kp_records records = fetch_next(&arrivals->load, &offset, &bytes);
        int64_t arrived_ns = now_ns();
        struct record_batch batch;
        for (const uint8_t *at = records.data, *end = at + records.size;
             at < end && record_batch_view(&batch, at, (size_t)(end - at)) == BATCH_OK; at += batch.size_bytes) {
            struct record_iterator iterator;
            struct record record;
            record_iterator_init(&iterator, &batch, INT32_MAX, NULL);
            while (seen < arrivals->count && record_iterator_next(&iterator, &record))
                arrivals->latency_ns[seen++] = arrived_ns - (int64_t)load_be64(record.value.data);
            record_iterator_release(&iterator);
        }
        free(bytes);
    }
    return NULL;
}

static void measure_latency(struct load *load, const char *host, int32_t port, int64_t count, int64_t rate)
{
    struct arrivals arrivals = {.load.topic = load->topic, .count = count};
    pthread_t consumer;
    uint8_t value[TINY_BYTES] = {0};
    arrivals.latency_ns = xcalloc((size_t)count, sizeof arrivals.latency_ns[0]);
    arena_init(&arrivals.load.arena, (size_t)16 * 1024 * 1024);
    if (count < 1 || rate < 1 || !kafka_client_open(&arrivals.load.client, host, port) ||
        pthread_create(&consumer, NULL, consume, &arrivals) != 0)
        die("latency", "the consumer cannot be started");
    int64_t began_ns = now_ns();
    for (int64_t i = 0; i < count; i++) {
        int64_t due_ns = began_ns + i * NS_PER_SECOND / rate;
        struct timespec due = {due_ns / NS_PER_SECOND, due_ns % NS_PER_SECOND};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        store_be64(value, (uint64_t)due_ns);
        struct frame frame = produce_frame(load, &(struct keys){0}, (struct kp_bytes){value, sizeof value}, 0);
        send_frame(load, &frame);
        free(frame.bytes);
        receive_produced(load);
    }
    pthread_join(consumer, NULL);
    kafka_client_close(&arrivals.load.client);
    arena_release(&arrivals.load.arena);
    qsort(arrivals.latency_ns, (size_t)count, sizeof arrivals.latency_ns[0], by_size);
    printf("p50_us %.1f p99_us %.1f max_us %.1f ", (double)arrivals.latency_ns[count / 2] / 1000,
           (double)arrivals.latency_ns[count * 99 / 100] / 1000, (double)arrivals.latency_ns[count - 1] / 1000);
    free(arrivals.latency_ns);
}

/* ---- command line ---------------------------------------------------------------------------------------------- */

static bool is(const char *word, const char *command, int arguments, int expected)
{
    return strcmp(word, command) == 0 && arguments == expected;
}

int main(int count, char **arguments)
{
    char *colon = count < 4 ? NULL : strrchr(arguments[1], ':');
    if (colon == NULL)
        die("usage", "HOST:PORT create|alter|produce|keyed|fetch|metadata|tiny|latency|delete TOPIC ...; see the head "
                     "of bench_load.c");
    *colon = '\0';
    struct load load = {.topic = arguments[3]};
    arena_init(&load.arena, (size_t)16 * 1024 * 1024);
    if (!kafka_client_open(&load.client, arguments[1], atoi(colon + 1)))
        die("connect", arguments[1]);
    int64_t began_ms = client_mono_ms();
    const char *command = arguments[2];
    int extra = count - 4;
    if (is("create", command, extra, 0))
        create_topic(&load);
    else if (is("delete", command, extra, 0))
        delete_topic(&load);
    else if (is("metadata", command, extra, 1))
        ask_metadata(&load, atoll(arguments[4]));
    else if (is("tiny", command, extra, 1))
        produce_tiny(&load, atoll(arguments[4]));
    else if (is("latency", command, extra, 2))
        measure_latency(&load, arguments[1], atoi(colon + 1), atoll(arguments[4]), atoll(arguments[5]));
    else if (is("fetch", command, extra, 1))
        fetch(&load, atoll(arguments[4]));
    else if (is("alter", command, extra, 2))
        alter_topic(&load, arguments[4], arguments[5]);
    else if (is("keyed", command, extra, 4))
        produce_keyed(&load, atoll(arguments[4]), atoi(arguments[5]), (size_t)atoll(arguments[6]), atoll(arguments[7]));
    else if (is("produce", command, extra, 4))
        produce(&load, atoll(arguments[4]), atoi(arguments[5]), (size_t)atoll(arguments[6]), atoi(arguments[7]));
    else
        die("usage", "no such command, or not its arguments");
    printf("bytes %" PRId64 " requests %" PRId64 " seconds %.3f\n", load.bytes, load.requests,
           (double)(client_mono_ms() - began_ms) / 1000);
    kafka_client_close(&load.client);
    arena_release(&load.arena);
    return 0;
}
