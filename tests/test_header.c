/* Request and response headers (protocol/header.h). */
#include "protocol/header.h"

#include "messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static bool decode(struct kp_request_header *header, const char *bytes, size_t size, size_t *left)
{
    struct kp_reader reader;
    kp_reader_init(&reader, bytes, size);
    bool ok = kp_request_header_decode(header, &reader);
    *left = kp_reader_left(&reader);
    return ok;
}

/* Metadata 8 is the last version that is not flexible: header 1. */
static void request_header_of_a_classic_version_ends_behind_the_client_id(void **state)
{
    struct kp_request_header header;
    size_t left;
    (void)state;
    assert_true(decode(&header, "\0\3\0\10\0\0\0\7\0\2ab\0", 13, &left));
    assert_int_equal(header.api_key, KP_API_METADATA);
    assert_int_equal(header.api_version, 8);
    assert_int_equal(header.correlation_id, 7);
    assert_true(kp_string_is(header.client_id, "ab"));
    assert_int_equal(left, 1);
}

/* Header 2: the client id keeps its int16 length. Tag 1 with 2 bytes is unknown. */
static void request_header_of_a_flexible_version_skips_tagged_fields(void **state)
{
    struct kp_request_header header;
    size_t left;
    (void)state;
    assert_true(decode(&header, "\0\3\0\11\0\0\0\7\0\2ab\1\1\2xy\5", 18, &left));
    assert_true(kp_string_is(header.client_id, "ab"));
    assert_int_equal(left, 1);
}

static void request_header_takes_a_null_client_id_for_empty(void **state)
{
    struct kp_request_header header;
    size_t left;
    (void)state;
    assert_true(decode(&header, "\0\3\0\0\0\0\0\7\377\377", 10, &left));
    assert_int_equal(header.client_id.size, 0);
}

/* KIP-511: the broker must be able to answer a version that it does not know. */
static void request_header_of_an_api_versions_from_the_future_is_flexible(void **state)
{
    struct kp_request_header header;
    size_t left;
    (void)state;
    assert_true(decode(&header, "\0\22\0\143\0\0\0\7\0\0\0", 11, &left));
    assert_int_equal(header.api_version, 99);
    assert_int_equal(left, 0);
}

static void request_header_of_an_unknown_key_still_has_key_version_and_correlation_id(void **state)
{
    struct kp_request_header header;
    size_t left;
    (void)state;
    assert_true(decode(&header, "\3\350\0\1\1\2\3\4\0\0", 10, &left));
    assert_int_equal(header.api_key, 1000);
    assert_int_equal(header.api_version, 1);
    assert_int_equal(header.correlation_id, 0x01020304);
}

static void request_header_cut_anywhere_is_an_error(void **state)
{
    static const char bytes[] = "\0\3\0\11\0\0\0\7\0\2ab\1\1\2xy";
    struct kp_request_header header;
    size_t left;
    (void)state;
    for (size_t size = 0; size < sizeof bytes - 1; size++)
        assert_false(decode(&header, bytes, size, &left));
}

static void request_header_reads_as_it_was_written(void **state)
{
    static const struct {
        int16_t key, version;
    } rows[] = {
        {KP_API_METADATA,       8 },
        {KP_API_METADATA,       9 },
        {KP_API_SASL_HANDSHAKE, 1 },
        {KP_API_FETCH,          18}
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct kp_request_header header = {rows[i].key, rows[i].version, -5, kp_string_of("client")};
        struct kp_request_header again;
        uint8_t bytes[64];
        struct kp_writer writer;
        size_t left;
        kp_writer_init(&writer, bytes, kp_request_header_size(&header));
        kp_request_header_encode(&writer, &header);
        assert_ptr_equal(writer.at, writer.end);
        assert_true(decode(&again, (char *)bytes, (size_t)(writer.at - bytes), &left));
        assert_int_equal(left, 0);
        assert_int_equal(again.correlation_id, -5);
        assert_true(kp_string_is(again.client_id, "client"));
    }
}

/* Response header 0 is 4 bytes, header 1 has a fifth: no tagged fields. */
static void response_header_has_tagged_fields_in_flexible_versions_but_never_for_api_versions(void **state)
{
    static const struct {
        int16_t key, version;
        size_t size;
    } rows[] = {
        {KP_API_METADATA,       8, 4},
        {KP_API_METADATA,       9, 5},
        {KP_API_API_VERSIONS,   2, 4},
        {KP_API_API_VERSIONS,   3, 4},
        {KP_API_API_VERSIONS,   5, 4},
        {KP_API_SASL_HANDSHAKE, 1, 4},
        {KP_API_OFFSET_DELETE,  0, 4},
        {1000,                  0, 4},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t bytes[8] = {9, 9, 9, 9, 9, 9, 9, 9};
        struct kp_writer writer;
        struct kp_reader reader;
        int32_t correlation_id;
        assert_int_equal(kp_response_header_size(rows[i].key, rows[i].version), rows[i].size);
        kp_writer_init(&writer, bytes, rows[i].size);
        kp_response_header_encode(&writer, rows[i].key, rows[i].version, 0x01020304);
        assert_ptr_equal(writer.at, writer.end);
        assert_memory_equal(bytes, "\1\2\3\4\0", rows[i].size);
        kp_reader_init(&reader, bytes, rows[i].size);
        assert_true(kp_response_header_decode(&correlation_id, &reader, rows[i].key, rows[i].version));
        assert_int_equal(correlation_id, 0x01020304);
        assert_int_equal(kp_reader_left(&reader), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_header_of_a_classic_version_ends_behind_the_client_id),
        cmocka_unit_test(request_header_of_a_flexible_version_skips_tagged_fields),
        cmocka_unit_test(request_header_takes_a_null_client_id_for_empty),
        cmocka_unit_test(request_header_of_an_api_versions_from_the_future_is_flexible),
        cmocka_unit_test(request_header_of_an_unknown_key_still_has_key_version_and_correlation_id),
        cmocka_unit_test(request_header_cut_anywhere_is_an_error),
        cmocka_unit_test(request_header_reads_as_it_was_written),
        cmocka_unit_test(response_header_has_tagged_fields_in_flexible_versions_but_never_for_api_versions),
    };
    return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
