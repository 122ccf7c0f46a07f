/* Records of coordinators as values: what is told of a key, and that nothing of a record is left out. */
#include "lib/batch_value.h"
#include "lib/coordinator_log_value.h"
#include "lib/message_value.h"
#include "lib/value_text.h"
#include "messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    arena_init(&f->arena, 1 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_release(&f->arena);
    free(f);
    return 0;
}

static struct value *parse(struct fixture *f, const char *text)
{
    struct value *value = value_parse(text, &f->arena);
    assert_non_null(value);
    return value;
}

/* What a segment of these batches, a list, tells of the key "g". */
static struct value *told_of(struct fixture *f, const struct coordinator_log *log, const char *batches)
{
    struct kp_string segment;
    const char *error;
    assert_true(batches_from_value(parse(f, batches), 7, &f->arena, &segment, &error));
    struct value *list = value_new(&f->arena, VALUE_LIST);
    coordinator_log_append(log, list, segment, kp_string_of("g"), &f->arena);
    return list;
}

static const char *printed(struct fixture *f, const struct value *told)
{
    return told ? value_print(&f->arena, told, 0, 0) : "nothing";
}

/* What a segment with one batch of these records, a list, tells of the group "g". */
static const char *shown(struct fixture *f, const char *records)
{
    const char *batches = value_printf(&f->arena, "[{timestamp: 7, records: %s}]", records);
    return printed(f, value_at(told_of(f, &coordinator_log_groups, batches), "[0].records"));
}

#define COMMIT_KEY "x\"0001 0001 67 0001 74 00000003\"" /* group g, topic t, partition 3 */

static void group_log_tells_keys_and_values_by_their_fields(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(
        shown(f, "[{key: " COMMIT_KEY ", value: x\"0003 0000000000000005 ffffffff 0001 6d 0000000000000009\"}]"),
        "[{key: {type: 1, group: \"g\", topic: \"t\", partition: 3}, value: {version: 3, offset: 5, leader_epoch: -1, "
        "metadata: \"m\", commit_timestamp: 9}}]");
    assert_string_equal(shown(f, "[{key: x\"0002 0001 67\", value: null}]"),
                        "[{key: {type: 2, group: \"g\"}, value: null}]");
}

static void group_log_tells_when_an_offset_expires(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(
        shown(f, "[{key: " COMMIT_KEY ", value: x\"0001 0000000000000005 0000 0000000000000009 0000000000000fa9\"}]"),
        "[{key: {type: 1, group: \"g\", topic: \"t\", partition: 3}, value: {version: 1, offset: 5, metadata: \"\", "
        "commit_timestamp: 9, expires_after_ms: 4000}}]");
}

static void group_log_leaves_other_groups_out(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(shown(f, "[{key: x\"0002 0001 68\", value: null}]"), "nothing");
    assert_string_equal(shown(f, "[{key: x\"0002 0001 68\", value: null}, {key: x\"0002 0001 67\", value: null}]"),
                        "[{key: {type: 2, group: \"g\"}, value: null}]");
}

/* Bytes behind the message, an unknown version: equal values must mean equal bytes. */
static void group_log_tells_what_is_not_of_its_form_as_bytes(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(
        shown(f, "[{key: " COMMIT_KEY ", value: x\"0003 0000000000000005 ffffffff 0000 0000000000000009 00\"}]"),
        "[{key: {type: 1, group: \"g\", topic: \"t\", partition: 3}, value: "
        "x\"00030000000000000005ffffffff0000000000000000000900\"}]");
    assert_string_equal(shown(f, "[{key: " COMMIT_KEY ", value: x\"0009 01\"}]"),
                        "[{key: {type: 1, group: \"g\", topic: \"t\", partition: 3}, value: x\"000901\"}]");
}

static void transaction_log_tells_what_a_transactional_id_was(void **state)
{
    struct fixture *f = *state;
    const char *batches = "[{timestamp: 7, records: [{key: x\"0000 0001 67\", value: x\"0000 0000000000000005 0002 "
                          "00000064 01 00000001 0001 74 00000001 00000003 0000000000000008 0000000000000007\"}, "
                          "{key: x\"0000 0001 68\", value: null}]}]";
    assert_string_equal(
        printed(f, value_at(told_of(f, &coordinator_log_transactions, batches), "[0].records")),
        "[{key: {type: 0, transactional_id: \"g\"}, value: {version: 0, producer_id: 5, producer_epoch: 2, "
        "transaction_timeout_ms: 100, transaction_status: 1, transaction_partitions: [{topic: \"t\", partition_ids: "
        "[3]}], transaction_last_update_timestamp_ms: 8, transaction_start_timestamp_ms: 7}}]");
}

#define MARKER(KEY, VALUE)                                                                                             \
    "[{producer_id: 9, attributes: 16, records: [{key: x\"0002 0001 67\", value: null}]}, {producer_id: 8, "           \
    "attributes: 48, records: [{key: x\"0000 0001\", value: x\"0000 00000002\"}]}, {producer_id: 9, attributes: 48, "  \
    "records: [{key: " KEY ", value: " VALUE "}]}]"

/* Of the producer that wrote of the group, not of another one. */
static void group_log_tells_the_markers_of_its_producers(void **state)
{
    struct fixture *f = *state;
    struct value *told = told_of(f, &coordinator_log_groups, MARKER("x\"0000 0001\"", "x\"0000 00000002\""));
    assert_string_equal(printed(f, value_at(told, "[1].records")), "[{marker: \"commit\", coordinator_epoch: 2}]");
    assert_null(value_at(told, "[2]"));
    told = told_of(f, &coordinator_log_groups, MARKER("x\"0000 0000\"", "x\"0000 00000000\""));
    assert_string_equal(printed(f, value_at(told, "[1].records")), "[{marker: \"abort\", coordinator_epoch: 0}]");
    told = told_of(f, &coordinator_log_groups, MARKER("x\"0001 0000\"", "x\"0000 00000000\""));
    assert_string_equal(printed(f, value_at(told, "[1].records")), "[{key: x\"00010000\", value: x\"000000000000\"}]");
}

/* A member's bytes, of a JoinGroup request and back from an answer. */
static void member_bytes_are_told_by_their_fields_where_they_are_of_their_form(void **state)
{
    static const char *const rows[] = {
        "{version: 1, topics: [\"t\"], user_data: null, owned_partitions: [{topic: \"t\", partitions: [0, 2]}]}",
        "{version: 0, topics: [], user_data: x\"ff\"}",
        "x\"0a\"",
        "x\"\"",
        "x\"000000000000ffffffff00\"",
        "x\"000900000000ffffffff\"",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *error = NULL,
                   *text = value_printf(&f->arena, "{members: [{member_id: \"m\", metadata: %s}]}", rows[i]);
        struct kp_string bytes;
        const struct kp_schema *schema = &kp_join_group_response_schema;
        assert_true(message_from_value(schema, 3, parse(f, text), 0, &f->arena, &bytes, &error));
        struct value *back = message_to_value(schema, 3, bytes.data, (size_t)bytes.size, &f->arena, &error);
        assert_non_null(back);
        assert_string_equal(value_print(&f->arena, value_at(back, "members[0].metadata"), 0, 0), rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(group_log_tells_keys_and_values_by_their_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(group_log_tells_when_an_offset_expires, setup, teardown),
        cmocka_unit_test_setup_teardown(group_log_leaves_other_groups_out, setup, teardown),
        cmocka_unit_test_setup_teardown(group_log_tells_what_is_not_of_its_form_as_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(transaction_log_tells_what_a_transactional_id_was, setup, teardown),
        cmocka_unit_test_setup_teardown(group_log_tells_the_markers_of_its_producers, setup, teardown),
        cmocka_unit_test_setup_teardown(member_bytes_are_told_by_their_fields_where_they_are_of_their_form, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
