/* The codec over schemas (protocol/codec.h): what golden messages cannot show, above all what is refused. */
#include "messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define ARENA_BYTES_MAX (1u << 20)

struct codec_fixture {
    struct arena arena;
    uint8_t bytes[512];
    struct kp_reader reader; /* of the last decode */
};

static int setup(void **state)
{
    struct codec_fixture *fixture = xcalloc(1, sizeof *fixture);
    arena_init(&fixture->arena, ARENA_BYTES_MAX);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct codec_fixture *fixture = *state;
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

/* Encode into fixture->bytes; returns the size. */
static size_t encode(struct codec_fixture *fixture, const struct kp_schema *schema, const void *message,
                     int16_t version)
{
    struct kp_writer writer;
    size_t size = kp_encoded_size(schema, message, version);
    assert_true(size <= sizeof fixture->bytes);
    kp_writer_init(&writer, fixture->bytes, size);
    kp_encode(schema, message, &writer, version);
    assert_ptr_equal(writer.at, writer.end);
    return size;
}

static bool decode(struct codec_fixture *fixture, const struct kp_schema *schema, void *message, const void *bytes,
                   size_t size, int16_t version)
{
    kp_reader_init(&fixture->reader, bytes, size);
    return kp_decode(schema, message, &fixture->reader, version, &fixture->arena);
}

static void assert_refused(struct codec_fixture *fixture, enum kp_read_error error, const char *field)
{
    assert_int_equal(fixture->reader.error, error);
    assert_string_equal(fixture->reader.field, field);
}

/* ---- tables --------------------------------------------------------------------------------------------------------- */

/* Counted from the ApiVersions answer of Apache Kafka 4.4.0: Produce from 3, and the two telemetry APIs. */
static void apis_are_those_of_the_client_listener_of_kafka_4_4(void **state)
{
    int pairs = 0;
    (void)state;
    for (int i = 0; i < KP_APIS_COUNT; i++) {
        pairs += kp_apis[i].versions.last - kp_apis[i].versions.first + 1;
        assert_true(i == 0 || kp_apis[i - 1].key < kp_apis[i].key);
        assert_ptr_equal(kp_api_find(kp_apis[i].key), &kp_apis[i]);
    }
    assert_int_equal(KP_APIS_COUNT, 79);
    assert_int_equal(pairs, 284);
}

static void apis_are_found_by_key_and_only_those_of_brokers(void **state)
{
    (void)state;
    assert_string_equal(kp_api_find(KP_API_FETCH)->name, "Fetch");
    assert_string_equal(kp_api_find(KP_API_DESCRIBE_USER_SCRAM_CREDENTIALS)->name, "DescribeUserScramCredentials");
    assert_null(kp_api_find(-1));
    assert_null(kp_api_find(4));  /* LeaderAndIsr: retired */
    assert_null(kp_api_find(52)); /* Vote: of controllers */
    assert_null(kp_api_find(95));
    assert_null(kp_api_find(INT16_MAX));
}

/* KIP-939 is not finished in 4.4: version 6 is described, not advertised. */
static void unstable_versions_are_described_but_not_among_the_versions_of_an_api(void **state)
{
    (void)state;
    assert_int_equal(kp_api_find(KP_API_INIT_PRODUCER_ID)->versions.last, 5);
    assert_int_equal(kp_init_producer_id_request_schema.versions.last, 6);
}

static void record_types_are_found_by_kind_and_number(void **state)
{
    (void)state;
    assert_ptr_equal(kp_record_type_find(KP_RECORD_METADATA, KP_TYPE_TOPIC_RECORD)->schema, &kp_topic_record_schema);
    assert_ptr_equal(kp_record_type_find(KP_RECORD_GROUP_KEY, 1)->schema, &kp_offset_commit_key_schema);
    assert_ptr_equal(kp_record_type_find(KP_RECORD_GROUP_VALUE, 1)->schema, &kp_offset_commit_value_schema);
    assert_int_equal(kp_record_type_number(KP_RECORD_GROUP_KEY, &kp_offset_commit_key_schema), 1);
    assert_int_equal(kp_record_type_number(KP_RECORD_GROUP_KEY, &kp_topic_record_schema), -1);
    assert_null(kp_record_type_find(KP_RECORD_METADATA, 6));
    assert_null(kp_record_type_find(KP_RECORD_CONTROL, 1));
}

static void schemas_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(kp_schema_find(kp_string_of("fetch_response")), &kp_fetch_response_schema);
    assert_null(kp_schema_find(kp_string_of("fetch")));
    assert_null(kp_schema_find(KP_NULL_STRING));
    assert_non_null(kp_schema_field(&kp_fetch_request_schema, kp_string_of("max_bytes")));
    assert_null(kp_schema_field(&kp_fetch_request_schema, kp_string_of("maxBytes")));
}

/* ---- versions and defaults ------------------------------------------------------------------------------------------ */

static void fields_that_a_version_lacks_decode_to_their_defaults(void **state)
{
    struct kp_list_offsets_request message;
    memset(&message, 0x55, sizeof message);
    assert_true(decode(*state, &kp_list_offsets_request_schema, &message, "\0\0\0\7\0\0\0\0", 8, 1));
    assert_int_equal(message.replica_id, 7);
    assert_int_equal(message.isolation_level, 0);
    assert_int_equal(message.timeout_ms, 0);

    struct kp_fetch_request fetch;
    static const uint8_t bytes[4 + 4 + 4 + 4 + 1 + 4];
    assert_true(decode(*state, &kp_fetch_request_schema, &fetch, bytes, sizeof bytes, 4));
    assert_int_equal(fetch.session_epoch, -1);
    assert_int_equal(fetch.cluster_id.size, -1);
    assert_int_equal(fetch.rack_id.size, 0);
    assert_int_equal(fetch.replica_state.replica_epoch, -1);
}

/* Kafka's generated classes do the same: a handler fills both name and id, the version decides. */
static void ignorable_fields_are_dropped_where_the_version_lacks_them(void **state)
{
    struct kp_fetch_response_responses topic = kp_fetch_response_responses_default;
    struct kp_fetch_response message = kp_fetch_response_default, again;
    topic.topic = kp_string_of("t");
    topic.topic_id.bytes[15] = 1;
    message.responses = &topic;
    message.responses_count = 1;
    size_t size = encode(*state, &kp_fetch_response_schema, &message, 12);
    assert_true(decode(*state, &kp_fetch_response_schema, &again, ((struct codec_fixture *)*state)->bytes, size, 12));
    assert_true(kp_string_is(again.responses[0].topic, "t"));
    assert_true(kp_uuid_is_zero(again.responses[0].topic_id));
}

static void other_fields_cannot_be_encoded_where_the_version_lacks_them(void **state)
{
    struct kp_fetch_response message = kp_fetch_response_default;
    struct kp_size size;
    (void)state;
    assert_true(kp_measure(&kp_fetch_response_schema, &message, 6, &size));
    message.session_id = 9; /* from 7 on, not ignorable */
    assert_false(kp_measure(&kp_fetch_response_schema, &message, 6, &size));
    assert_string_equal(size.field, "session_id");
    assert_true(kp_fetch_response_size(&message, 6) == KP_UNENCODABLE);
    assert_true(kp_measure(&kp_fetch_response_schema, &message, 7, &size));
}

static void versions_that_a_message_does_not_have_are_refused(void **state)
{
    struct codec_fixture *fixture = *state;
    struct kp_fetch_request message = kp_fetch_request_default;
    struct kp_size size;
    static const int16_t versions[] = {-1, 3, 19, INT16_MAX, INT16_MIN};
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        assert_false(kp_measure(&kp_fetch_request_schema, &message, versions[i], &size));
        assert_false(decode(fixture, &kp_fetch_request_schema, &message, "", 0, versions[i]));
        assert_int_equal(fixture->reader.error, KP_READ_VERSION);
    }
}

/* ---- encoding ------------------------------------------------------------------------------------------------------- */

static void null_cannot_be_encoded_where_the_version_does_not_allow_it(void **state)
{
    struct kp_metadata_request message = kp_metadata_request_default;
    struct kp_size size;
    (void)state;
    message.topics_count = -1; /* all topics: nullable from 1 on */
    assert_true(kp_measure(&kp_metadata_request_schema, &message, 1, &size));
    assert_false(kp_measure(&kp_metadata_request_schema, &message, 0, &size));
    assert_string_equal(size.field, "topics");

    struct kp_find_coordinator_request find = kp_find_coordinator_request_default;
    find.key = KP_NULL_STRING;
    assert_false(kp_measure(&kp_find_coordinator_request_schema, &find, 3, &size));
    assert_string_equal(size.field, "key");
}

static void strings_that_are_too_long_cannot_be_encoded(void **state)
{
    struct kp_find_coordinator_request message = kp_find_coordinator_request_default;
    struct kp_size size;
    char *key = xcalloc(1, KP_STRING_BYTES_MAX + 1);
    (void)state;
    message.key = (struct kp_string){key, KP_STRING_BYTES_MAX};
    assert_true(kp_measure(&kp_find_coordinator_request_schema, &message, 3, &size));
    message.key.size++;
    assert_false(kp_measure(&kp_find_coordinator_request_schema, &message, 3, &size));
    assert_string_equal(size.field, "key");
    free(key);
}

static void messages_above_2_gib_cannot_be_encoded(void **state)
{
    struct kp_produce_request_topic_data_partition_data partitions[2];
    struct kp_produce_request_topic_data topic = kp_produce_request_topic_data_default;
    struct kp_produce_request message = kp_produce_request_default;
    struct kp_size size;
    int slice;
    (void)state;
    for (int i = 0; i < 2; i++) {
        partitions[i] = kp_produce_request_topic_data_partition_data_default;
        partitions[i].records = (struct kp_records){NULL, 0x40000000, &slice};
    }
    topic.partition_data = partitions;
    topic.partition_data_count = 1;
    message.topic_data = &topic;
    message.topic_data_count = 1;
    assert_true(kp_measure(&kp_produce_request_schema, &message, 9, &size));
    topic.partition_data_count = 2;
    assert_false(kp_measure(&kp_produce_request_schema, &message, 9, &size));
}

static void a_slice_counts_on_the_wire_but_not_in_memory(void **state)
{
    struct codec_fixture *fixture = *state;
    struct kp_fetch_response_responses_partitions partition = kp_fetch_response_responses_partitions_default;
    struct kp_fetch_response_responses topic = kp_fetch_response_responses_default;
    struct kp_fetch_response message = kp_fetch_response_default;
    struct kp_gap gap;
    struct kp_writer writer;
    struct kp_size empty, size;
    int slice;

    topic.partitions = &partition;
    topic.partitions_count = 1;
    message.responses = &topic;
    message.responses_count = 1;
    assert_true(kp_measure(&kp_fetch_response_schema, &message, 11, &empty));
    partition.records = (struct kp_records){NULL, 5000, &slice};
    assert_true(kp_measure(&kp_fetch_response_schema, &message, 11, &size));
    assert_int_equal(size.wire_bytes, empty.wire_bytes + 5000);
    assert_int_equal(size.memory_bytes, empty.memory_bytes);
    assert_int_equal(size.gaps_count, 1);
    assert_true(kp_fetch_response_size(&message, 11) == KP_UNENCODABLE); /* asks for memory alone */

    kp_writer_init(&writer, fixture->bytes, size.memory_bytes);
    writer.gaps = &gap;
    writer.gaps_max = 1;
    kp_encode(&kp_fetch_response_schema, &message, &writer, 11);
    assert_ptr_equal(writer.at, writer.end);
    assert_int_equal(gap.position, size.memory_bytes); /* records are the last field of this version */
    assert_int_equal(gap.size, 5000);
    assert_ptr_equal(gap.slice, &slice);
}

static void tagged_fields_at_their_default_are_not_written(void **state)
{
    struct codec_fixture *fixture = *state;
    struct kp_api_versions_response message = kp_api_versions_response_default;
    size_t size = encode(fixture, &kp_api_versions_response_schema, &message, 3);
    assert_memory_equal(fixture->bytes, "\0\0\1\0\0\0\0\0", size);
    message.finalized_features_epoch = 5;
    size = encode(fixture, &kp_api_versions_response_schema, &message, 3);
    assert_memory_equal(fixture->bytes, "\0\0\1\0\0\0\0\1\1\10\0\0\0\0\0\0\0\5", size);
}

/* ---- decoding ------------------------------------------------------------------------------------------------------- */

static void counts_beyond_the_bytes_left_are_refused_before_memory_is_taken(void **state)
{
    struct codec_fixture *fixture = *state;
    struct kp_metadata_request message;
    assert_false(decode(fixture, &kp_metadata_request_schema, &message, "\0\0\0\5\0\1a\0\1b\0\1c", 13, 1));
    assert_refused(fixture, KP_READ_COUNT, "topics");
    assert_false(decode(fixture, &kp_metadata_request_schema, &message, "\177\377\377\377\0\1a", 7, 1));
    assert_refused(fixture, KP_READ_COUNT, "topics");
    assert_int_equal(fixture->arena.used_bytes, 0);
}

/* Kafka 4.4 reads no array of more items, whatever the message holds. */
static void arrays_above_a_million_items_are_refused(void **state)
{
    struct codec_fixture *fixture = *state;
    struct kp_list_config_resources_request message;
    size_t size = 1000001 + 8;
    uint8_t *bytes = xcalloc(1, size);
    kp_reader_init(&fixture->reader, bytes, size);
    bytes[0] = 0xc2, bytes[1] = 0x84, bytes[2] = 0x3d; /* 1000002: one above, and one */
    assert_false(decode(fixture, &kp_list_config_resources_request_schema, &message, bytes, size, 1));
    assert_refused(fixture, KP_READ_COUNT, "resource_types");
    free(bytes);
}

static void messages_that_need_more_than_the_arena_gives_are_refused(void **state)
{
    struct codec_fixture *fixture = *state;
    struct kp_metadata_request message;
    size_t size = 4 + 100000;
    uint8_t *bytes = xcalloc(1, size);
    store_be32(bytes, 50000); /* empty names: 2 bytes each on the wire, much more as structs */
    assert_false(decode(fixture, &kp_metadata_request_schema, &message, bytes, size, 1));
    assert_refused(fixture, KP_READ_MEMORY, "topics");
    free(bytes);
}

static void null_is_refused_where_the_version_does_not_allow_it(void **state)
{
    struct codec_fixture *fixture = *state;
    struct kp_metadata_request message;
    struct kp_find_coordinator_request find;
    assert_true(decode(fixture, &kp_metadata_request_schema, &message, "\377\377\377\377", 4, 1));
    assert_int_equal(message.topics_count, -1);
    assert_null(message.topics);
    assert_false(decode(fixture, &kp_metadata_request_schema, &message, "\377\377\377\377", 4, 0));
    assert_refused(fixture, KP_READ_NULL, "topics");
    assert_false(decode(fixture, &kp_find_coordinator_request_schema, &find, "\377\377", 2, 0));
    assert_refused(fixture, KP_READ_NULL, "key");
}

static void errors_name_the_innermost_field(void **state)
{
    struct codec_fixture *fixture = *state;
    struct kp_metadata_request message;
    assert_false(decode(fixture, &kp_metadata_request_schema, &message, "\0\0\0\2\0\1a\0\5b", 10, 1));
    assert_refused(fixture, KP_READ_SHORT, "name");
}

static void empty_arrays_are_not_null(void **state)
{
    struct kp_metadata_request message;
    assert_true(decode(*state, &kp_metadata_request_schema, &message, "\0\0\0\0", 4, 1));
    assert_int_equal(message.topics_count, 0);
}

/* Kafka takes any byte but zero for true; we keep C's bool in order. */
static void bools_are_true_when_not_zero(void **state)
{
    struct codec_fixture *fixture = *state;
    struct kp_metadata_request message;
    assert_true(decode(fixture, &kp_metadata_request_schema, &message, "\377\377\377\377\160", 5, 4));
    assert_true(message.allow_auto_topic_creation == true);
    size_t size = encode(fixture, &kp_metadata_request_schema, &message, 4);
    assert_memory_equal(fixture->bytes, "\377\377\377\377\1", size);
}

static void tagged_fields_come_in_any_order_and_the_last_one_counts(void **state)
{
    static const char bytes[] = "\0\0\1\0\0\0\0\3"      /* error, no keys, throttle time, three tags */
                                "\3\1\1"                /* zk_migration_ready */
                                "\1\10\0\0\0\0\0\0\0\7" /* finalized_features_epoch */
                                "\1\10\0\0\0\0\0\0\0\10";
    struct kp_api_versions_response message;
    assert_true(decode(*state, &kp_api_versions_response_schema, &message, bytes, sizeof bytes - 1, 3));
    assert_true(message.zk_migration_ready);
    assert_int_equal(message.finalized_features_epoch, 8);
}

static void a_tagged_field_of_another_size_than_it_says_is_refused(void **state)
{
    struct codec_fixture *fixture = *state;
    struct kp_api_versions_response message;
    assert_false(decode(fixture, &kp_api_versions_response_schema, &message, "\0\0\1\0\0\0\0\1\3\2\1\1", 12, 3));
    assert_refused(fixture, KP_READ_TAG, "zk_migration_ready");
    assert_false(
        decode(fixture, &kp_api_versions_response_schema, &message, "\0\0\1\0\0\0\0\1\1\4\0\0\0\0\0\0\0\0", 18, 3));
    assert_refused(fixture, KP_READ_SHORT, "finalized_features_epoch");
}

/* ---- equality ------------------------------------------------------------------------------------------------------- */

static void messages_are_equal_by_the_fields_of_the_version(void **state)
{
    struct kp_metadata_request_topics names[2] = {kp_metadata_request_topics_default,
                                                  kp_metadata_request_topics_default};
    struct kp_metadata_request a = kp_metadata_request_default, b;
    (void)state;
    names[0].name = kp_string_of("a");
    names[1].name = kp_string_of("b");
    a.topics = &names[0];
    a.topics_count = 1;
    b = a;
    assert_true(kp_equal(&kp_metadata_request_schema, &a, &b, 12));
    b.topics = &names[1];
    assert_false(kp_equal(&kp_metadata_request_schema, &a, &b, 12));
    b = a;
    b.topics_count = 0;
    assert_false(kp_equal(&kp_metadata_request_schema, &a, &b, 12));
    b = a;
    b.include_topic_authorized_operations = true; /* from 8 on */
    assert_true(kp_equal(&kp_metadata_request_schema, &a, &b, 7));
    assert_false(kp_equal(&kp_metadata_request_schema, &a, &b, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(apis_are_those_of_the_client_listener_of_kafka_4_4),
        cmocka_unit_test(apis_are_found_by_key_and_only_those_of_brokers),
        cmocka_unit_test(unstable_versions_are_described_but_not_among_the_versions_of_an_api),
        cmocka_unit_test(record_types_are_found_by_kind_and_number),
        cmocka_unit_test(schemas_are_found_by_name),
        cmocka_unit_test_setup_teardown(fields_that_a_version_lacks_decode_to_their_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(ignorable_fields_are_dropped_where_the_version_lacks_them, setup, teardown),
        cmocka_unit_test_setup_teardown(other_fields_cannot_be_encoded_where_the_version_lacks_them, setup, teardown),
        cmocka_unit_test_setup_teardown(versions_that_a_message_does_not_have_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(null_cannot_be_encoded_where_the_version_does_not_allow_it, setup, teardown),
        cmocka_unit_test_setup_teardown(strings_that_are_too_long_cannot_be_encoded, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_above_2_gib_cannot_be_encoded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slice_counts_on_the_wire_but_not_in_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(tagged_fields_at_their_default_are_not_written, setup, teardown),
        cmocka_unit_test_setup_teardown(counts_beyond_the_bytes_left_are_refused_before_memory_is_taken, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(arrays_above_a_million_items_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_that_need_more_than_the_arena_gives_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(null_is_refused_where_the_version_does_not_allow_it, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_name_the_innermost_field, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_arrays_are_not_null, setup, teardown),
        cmocka_unit_test_setup_teardown(bools_are_true_when_not_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(tagged_fields_come_in_any_order_and_the_last_one_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tagged_field_of_another_size_than_it_says_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_are_equal_by_the_fields_of_the_version, setup, teardown),
    };
    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
