/* bench_codec: CPU time of the codec for the two APIs that carry the data. Prints nanoseconds per message.
 *
 * Each figure is the least of several rounds, so that what else the machine does shows as little as possible. */
#include "messages.h"

#include <inttypes.h>
#include <time.h>

#define ROUNDS          9
#define MESSAGES        20000 /* in a round */
#define PARTITIONS_MAX  10
#define MESSAGE_BYTES   4096
#define ARENA_BYTES_MAX (1u << 20)

static int64_t cpu_now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* One message, ready to be encoded and decoded again and again. */
struct subject {
    const struct kp_schema *schema;
    const void *message;
    int16_t version;
    uint8_t bytes[MESSAGE_BYTES];
    size_t size;
};

static void subject_encode(struct subject *subject)
{
    struct kp_writer writer;
    subject->size = kp_encoded_size(subject->schema, subject->message, subject->version);
    ASSERT(subject->size <= sizeof subject->bytes);
    kp_writer_init(&writer, subject->bytes, subject->size);
    kp_encode(subject->schema, subject->message, &writer, subject->version);
}

static void subject_decode(const struct subject *subject, struct arena *arena)
{
    union {
        struct kp_fetch_request fetch_request;
        struct kp_fetch_response fetch_response;
        struct kp_produce_request produce_request;
        struct kp_produce_response produce_response;
    } message;
    struct kp_reader reader;
    arena_reset(arena);
    kp_reader_init(&reader, subject->bytes, subject->size);
    bool ok = kp_decode(subject->schema, &message, &reader, subject->version, arena);
    ASSERT(ok);
}

static void measure(const char *name, int32_t partitions, const struct kp_schema *schema, const void *message,
                    int16_t version, struct arena *arena)
{
    struct subject subject = {.schema = schema, .message = message, .version = version};
    int64_t decode_ns = INT64_MAX, encode_ns = INT64_MAX;
    subject_encode(&subject);
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = cpu_now_ns();
        for (int i = 0; i < MESSAGES; i++)
            subject_decode(&subject, arena);
        int64_t middle = cpu_now_ns();
        for (int i = 0; i < MESSAGES; i++)
            subject_encode(&subject);
        int64_t end = cpu_now_ns();
        if (middle - start < decode_ns)
            decode_ns = middle - start;
        if (end - middle < encode_ns)
            encode_ns = end - middle;
    }
    printf("%-17s %3d %10" PRId32 " %7zu %10" PRId64 " %10" PRId64 "\n", name, version, partitions, subject.size,
           decode_ns / MESSAGES, encode_ns / MESSAGES);
}

static void measure_fetch(int32_t partitions, struct arena *arena)
{
    struct kp_fetch_request request = kp_fetch_request_default;
    struct kp_fetch_request_topics topic = kp_fetch_request_topics_default;
    struct kp_fetch_request_topics_partitions asked[PARTITIONS_MAX];
    struct kp_fetch_response response = kp_fetch_response_default;
    struct kp_fetch_response_responses answer = kp_fetch_response_responses_default;
    struct kp_fetch_response_responses_partitions given[PARTITIONS_MAX];
    for (int32_t i = 0; i < partitions; i++) {
        asked[i] = kp_fetch_request_topics_partitions_default;
        given[i] = kp_fetch_response_responses_partitions_default;
    }
    topic.partitions = asked;
    topic.partitions_count = partitions;
    request.topics = &topic;
    request.topics_count = 1;
    answer.partitions = given;
    answer.partitions_count = partitions;
    response.responses = &answer;
    response.responses_count = 1;
    measure("fetch request", partitions, &kp_fetch_request_schema, &request, 17, arena);
    measure("fetch response", partitions, &kp_fetch_response_schema, &response, 17, arena);
}

static void measure_produce(int32_t partitions, struct arena *arena)
{
    struct kp_produce_request request = kp_produce_request_default;
    struct kp_produce_request_topic_data topic = kp_produce_request_topic_data_default;
    struct kp_produce_request_topic_data_partition_data sent[PARTITIONS_MAX];
    struct kp_produce_response response = kp_produce_response_default;
    struct kp_produce_response_responses answer = kp_produce_response_responses_default;
    struct kp_produce_response_responses_partition_responses given[PARTITIONS_MAX];
    for (int32_t i = 0; i < partitions; i++) {
        sent[i] = kp_produce_request_topic_data_partition_data_default;
        given[i] = kp_produce_response_responses_partition_responses_default;
    }
    topic.name = kp_string_of("topic");
    topic.partition_data = sent;
    topic.partition_data_count = partitions;
    request.topic_data = &topic;
    request.topic_data_count = 1;
    answer.name = topic.name;
    answer.partition_responses = given;
    answer.partition_responses_count = partitions;
    response.responses = &answer;
    response.responses_count = 1;
    measure("produce request", partitions, &kp_produce_request_schema, &request, 9, arena);
    measure("produce response", partitions, &kp_produce_response_schema, &response, 9, arena);
}

int main(void)
{
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    printf("message           ver partitions   bytes  decode ns  encode ns\n");
    for (int32_t partitions = 1; partitions <= PARTITIONS_MAX; partitions += PARTITIONS_MAX - 1) {
        measure_fetch(partitions, &arena);
        measure_produce(partitions, &arena);
    }
    arena_release(&arena);
    return 0;
}
