/* Records of __consumer_offsets as values: what is told of a group, and that nothing of a record is left out. */
#include "lib/batch_value.h"
#include "lib/group_log_value.h"
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

/* What a segment with one batch of these records, a list, tells of the group "g". */
static const char *shown(struct fixture *f, const char *records)
{
    struct kp_string segment;
    const char *error;
    const char *batches = value_printf(&f->arena, "[{timestamp: 7, records: %s}]", records);
    assert_true(batches_from_value(parse(f, batches), 7, &f->arena, &segment, &error));
    struct value *list = value_new(&f->arena, VALUE_LIST);
    group_log_append(list, segment, kp_string_of("g"), &f->arena);
    const struct value *told = value_at(list, "[0].records");
    return told ? value_print(&f->arena, told, 0, 0) : "nothing";
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
        cmocka_unit_test_setup_teardown(member_bytes_are_told_by_their_fields_where_they_are_of_their_form, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
