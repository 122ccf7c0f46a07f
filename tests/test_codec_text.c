/* Messages as text, and back (protocol/codec_text.h). That every message survives both is in test_golden_messages. */
#include "messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define ARENA_BYTES_MAX (1u << 20)

static int setup(void **state)
{
    struct arena *arena = xmalloc(sizeof *arena);
    arena_init(arena, ARENA_BYTES_MAX);
    *state = arena;
    return 0;
}

static int teardown(void **state)
{
    arena_release(*state);
    free(*state);
    return 0;
}

/* ---- print ---------------------------------------------------------------------------------------------------------- */

static void messages_print_the_fields_of_the_version_in_order(void **state)
{
    struct kp_find_coordinator_request message = kp_find_coordinator_request_default;
    char data[200];
    struct kp_text text;
    (void)state;
    message.key = kp_string_of("g");
    kp_text_init(&text, data, sizeof data, SIZE_MAX);
    kp_find_coordinator_request_print(&message, 0, &text);
    assert_string_equal(data, "{key: \"g\"}");
    kp_text_init(&text, data, sizeof data, SIZE_MAX);
    kp_find_coordinator_request_print(&message, 4, &text);
    assert_string_equal(data, "{key_type: 0, coordinator_keys: []}");
    kp_text_init(&text, data, sizeof data, SIZE_MAX);
    kp_find_coordinator_request_print(&message, KP_ALL_VERSIONS, &text);
    assert_string_equal(data, "{key: \"g\", key_type: 0, coordinator_keys: []}");
}

static void strings_print_as_one_line_of_valid_utf_8(void **state)
{
    static const struct {
        const char *value, *text;
    } rows[] = {
        {"a\"b\\c\n\r\t",                        "{key: \"a\\\"b\\\\c\\n\\r\\t\"}"                },
        {"\x01\x7f",                             "{key: \"\\x01\\x7f\"}"                          },
        {"\xc3\xa9\xe6\x97\xa5\xf0\x9f\x90\xa6", "{key: \"\xc3\xa9\xe6\x97\xa5\xf0\x9f\x90\xa6\"}"},
        {"\xff",                                 "{key: \"\\xff\"}"                               },
        {"\xc3",                                 "{key: \"\\xc3\"}"                               }, /* cut */
        {"\xc0\xaf",                             "{key: \"\\xc0\\xaf\"}"                          }, /* too long a form */
        {"\xed\xa0\x80",                         "{key: \"\\xed\\xa0\\x80\"}"                     }, /* a surrogate */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kp_find_coordinator_request message = kp_find_coordinator_request_default;
        char data[200];
        struct kp_text text;
        message.key = kp_string_of(rows[i].value);
        kp_text_init(&text, data, sizeof data, SIZE_MAX);
        kp_find_coordinator_request_print(&message, 0, &text);
        assert_string_equal(data, rows[i].text);
    }
}

/* Record contents and secrets never reach a log. */
static void bytes_longer_than_bytes_max_print_as_their_size(void **state)
{
    struct kp_sasl_authenticate_request message = kp_sasl_authenticate_request_default;
    char data[200];
    struct kp_text text;
    (void)state;
    message.auth_bytes = (struct kp_bytes){(const uint8_t *)"secret", 6};
    kp_text_init(&text, data, sizeof data, 0);
    kp_sasl_authenticate_request_print(&message, 0, &text);
    assert_string_equal(data, "{auth_bytes: <6 bytes>}");
    kp_text_init(&text, data, sizeof data, 6);
    kp_sasl_authenticate_request_print(&message, 0, &text);
    assert_string_equal(data, "{auth_bytes: x\"736563726574\"}");
}

static void text_that_does_not_fit_is_cut_and_counted(void **state)
{
    struct kp_find_coordinator_request message = kp_find_coordinator_request_default;
    char data[6];
    struct kp_text text;
    (void)state;
    message.key = kp_string_of("group");
    kp_text_init(&text, data, sizeof data, SIZE_MAX);
    kp_find_coordinator_request_print(&message, 0, &text);
    assert_string_equal(data, "{key:");
    assert_int_equal(text.size, strlen("{key: \"group\"}"));
}

/* ---- parse ---------------------------------------------------------------------------------------------------------- */

static void fields_that_are_not_named_get_their_default(void **state)
{
    struct kp_fetch_request message;
    struct kp_parse_error error;
    static const char text[] = "{max_wait_ms: 500}";
    memset(&message, 0x55, sizeof message);
    assert_true(kp_parse(&kp_fetch_request_schema, &message, text, strlen(text), *state, &error));
    assert_int_equal(message.max_wait_ms, 500);
    assert_int_equal(message.replica_id, -1);
    assert_int_equal(message.session_epoch, -1);
    assert_int_equal(message.topics_count, 0);
}

static void text_may_be_spread_over_lines_with_comments_and_quoted_names(void **state)
{
    struct kp_fetch_request message;
    struct kp_parse_error error;
    static const char text[] = "# a fetch\n"
                               "{ \"max_bytes\" : 0x7fffffff,   # all of it\n"
                               "  cluster_id: null,\n"
                               "  topics: [\n"
                               "    {topic: \"a\\x41\\\"\", partitions: [{partition: -1}, {partition: 2,},],},\n"
                               "  ],\n"
                               "}\n# end";
    if (!kp_parse(&kp_fetch_request_schema, &message, text, strlen(text), *state, &error))
        fail_msg("%s at %zu", error.message, error.position);
    assert_int_equal(message.max_bytes, INT32_MAX);
    assert_int_equal(message.topics_count, 1);
    assert_true(kp_string_is(message.topics[0].topic, "aA\""));
    assert_int_equal(message.topics[0].partitions_count, 2);
    assert_int_equal(message.topics[0].partitions[0].partition, -1);
    assert_int_equal(message.topics[0].partitions[1].partition, 2);
    assert_int_equal(message.topics[0].partitions[1].current_leader_epoch, -1);
}

static void structs_that_can_be_null_parse_as_null_or_value(void **state)
{
    struct kp_describe_topic_partitions_request message;
    struct kp_parse_error error;
    static const char null[] = "{cursor: null}", value[] = "{cursor: {topic_name: \"t\", partition_index: 3}}";
    assert_true(kp_parse(&kp_describe_topic_partitions_request_schema, &message, null, strlen(null), *state, &error));
    assert_null(message.cursor);
    assert_true(kp_parse(&kp_describe_topic_partitions_request_schema, &message, value, strlen(value), *state, &error));
    assert_int_equal(message.cursor->partition_index, 3);
}

static void mistakes_are_told_with_their_position(void **state)
{
    static const struct {
        const char *text, *message;
        size_t position;
    } rows[] = {
        {"",                                  "a struct begins with {",                               0 },
        {"{",                                 "fetch_request has no field ",                          1 },
        {"{nonsense: 1}",                     "fetch_request has no field nonsense",                  1 },
        {"{max_bytes 1}",                     ": is expected behind max_bytes",                       11},
        {"{max_bytes: x}",                    "max_bytes is a number from -2147483648 to 2147483647", 12},
        {"{max_bytes: 2147483648}",           "max_bytes is a number from -2147483648 to 2147483647", 12},
        {"{max_bytes: 1 min_bytes: 2}",       "a comma or } is expected behind max_bytes",            14},
        {"{max_bytes: 1, max_bytes: 2}",      "max_bytes a second time",                              15},
        {"{max_bytes: null}",                 "max_bytes is never null",                              12},
        {"{rack_id: 1}",                      "rack_id is a string in quotes",                        10},
        {"{rack_id: \"a}",                    "the closing quote is missing",                         13},
        {"{rack_id: \"\\q\"}",                "no such escape",                                       13},
        {"{topics: {}}",                      "topics is an array",                                   9 },
        {"{topics: [{topic_id: \"short\"}]}", "topic_id is a uuid: 22 characters of base64",          28},
        {"{topics: [{} {}]}",                 "a comma or ] is expected",                             13},
        {"{max_bytes: 1} x",                  "something follows the struct",                         15},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kp_fetch_request message;
        struct kp_parse_error error;
        if (kp_parse(&kp_fetch_request_schema, &message, rows[i].text, strlen(rows[i].text), *state, &error))
            fail_msg("%s was taken", rows[i].text);
        assert_string_equal(error.message, rows[i].message);
        assert_int_equal(error.position, rows[i].position);
    }
}

static void every_cut_of_a_text_is_a_mistake(void **state)
{
    static const char text[] = "{auth_bytes: x\"0aFF\"}";
    struct kp_sasl_authenticate_request message;
    struct kp_parse_error error;
    for (size_t size = 0; size < sizeof text - 1; size++)
        assert_false(kp_parse(&kp_sasl_authenticate_request_schema, &message, text, size, *state, &error));
    assert_true(kp_parse(&kp_sasl_authenticate_request_schema, &message, text, sizeof text - 1, *state, &error));
    assert_int_equal(message.auth_bytes.size, 2);
    assert_memory_equal(message.auth_bytes.data, "\x0a\xff", 2);
}

static void text_that_needs_more_than_the_arena_gives_is_refused(void **state)
{
    struct kp_sasl_authenticate_request message;
    struct kp_parse_error error;
    size_t size = 4u * ARENA_BYTES_MAX;
    char *text = xmalloc(size);
    memset(text, '0', size);
    memcpy(text, "{auth_bytes: x\"", 15);
    text[size - 2] = '"';
    text[size - 1] = '}';
    assert_false(kp_parse(&kp_sasl_authenticate_request_schema, &message, text, size, *state, &error));
    assert_string_equal(error.message, "out of memory");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_print_the_fields_of_the_version_in_order),
        cmocka_unit_test(strings_print_as_one_line_of_valid_utf_8),
        cmocka_unit_test(bytes_longer_than_bytes_max_print_as_their_size),
        cmocka_unit_test(text_that_does_not_fit_is_cut_and_counted),
        cmocka_unit_test_setup_teardown(fields_that_are_not_named_get_their_default, setup, teardown),
        cmocka_unit_test_setup_teardown(text_may_be_spread_over_lines_with_comments_and_quoted_names, setup, teardown),
        cmocka_unit_test_setup_teardown(structs_that_can_be_null_parse_as_null_or_value, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_are_told_with_their_position, setup, teardown),
        cmocka_unit_test_setup_teardown(every_cut_of_a_text_is_a_mistake, setup, teardown),
        cmocka_unit_test_setup_teardown(text_that_needs_more_than_the_arena_gives_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests_name("codec text", tests, NULL, NULL);
}
