/* Answers of two brokers are compared by names for what is random: what gets a name, and what must not. */
#include "lib/answer_rules.h"
#include "lib/value_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BEGAN_MS INT64_C(1700000060000) /* so $t0 is 1700000000000 */
#define NOW_MS   (BEGAN_MS + 500)

struct fixture {
    struct arena arena;
    struct names names;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    arena_init(&f->arena, 1 << 20);
    names_init(&f->names, &f->arena, NULL, BEGAN_MS);
    names_set(&f->names, "unique", value_text(&f->arena, "some-v3-1a"));
    names_set(&f->names, "host", value_text(&f->arena, "127.0.0.1"));
    names_set(&f->names, "port", value_int(&f->arena, 4711));
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

static const char *normalized(struct fixture *f, const char *api, const char *text)
{
    struct value *value = parse(f, text);
    answer_normalize(value, api, &f->names, NOW_MS);
    return value_print(&f->arena, value, 0, 0);
}

static void answer_texts_are_compared_by_presence(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(
        normalized(f, "CreateTopics", "[{error_message: \"why\"}, {error_message: null}, {error_message: \"\"}]"),
        "[{error_message: $text}, {error_message: null}, {error_message: \"\"}]");
}

static void answer_ids_get_names_in_order_of_appearance(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(
        normalized(f, "InitProducerId", "[{producer_id: 0}, {producer_id: 9}, {producer_id: 0}, {producer_id: -1}]"),
        "[{producer_id: $producer_id_1}, {producer_id: $producer_id_2}, {producer_id: $producer_id_1}, "
        "{producer_id: -1}]");
}

static void answer_session_0_is_no_id(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(normalized(f, "Fetch", "[{session_id: 0}, {session_id: 5}]"),
                        "[{session_id: 0}, {session_id: $session_id_1}]");
}

static void answer_uuid_has_the_name_of_its_topic(void **state)
{
    struct fixture *f = *state;
    struct value *id = value_text(&f->arena, "AAAAAAAAAAAAAAAAAAAABw"),
                 *zero = value_text(&f->arena, "AAAAAAAAAAAAAAAAAAAAAA");
    id->type = zero->type = VALUE_UUID;
    names_set_drawn(&f->names, "t_id", value_copy(&f->arena, id));
    struct value *list = value_new(&f->arena, VALUE_LIST);
    value_append(list, id);
    value_append(list, zero);
    answer_normalize(list, "Metadata", &f->names, NOW_MS);
    assert_string_equal(value_print(&f->arena, list, 0, 0), "[$t_id, \"AAAAAAAAAAAAAAAAAAAAAA\"]");
}

static void answer_times_must_lie_in_the_scenario(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(normalized(f, "Produce",
                                   "[{log_append_time_ms: 1700000060100}, {log_append_time_ms: 1700000000007}, "
                                   "{log_append_time_ms: -1}, {log_append_time_ms: 5}]"),
                        "[{log_append_time_ms: $clock}, {log_append_time_ms: $t0+7}, {log_append_time_ms: -1}, "
                        "{log_append_time_ms: 5}]");
}

static void answer_address_must_be_the_one_that_was_asked(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(
        normalized(f, "Metadata", "[{host: \"127.0.0.1\", port: 4711}, {host: \"localhost\", port: 9092}]"),
        "[{host: $host, port: $port}, {host: \"localhost\", port: 9092}]");
}

static void answer_names_made_of_unique_are_recognized(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(normalized(f, "Metadata", "{name: \"some-v3-1a-b\"}"), "{name: \"$unique-b\"}");
}

/* Only the UUID behind the client's own text is random; an id that the client made up is none. */
static void answer_member_ids_keep_what_the_client_said(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(
        normalized(f, "Heartbeat",
                   "{leader: \"a-0f14d0ab-9605-4a62-a9e4-5ed26688389b\", list: ["
                   "{member_id: \"some-v3-1a-i-16fd2706-8baf-433b-82eb-8c7fada847da\"}, "
                   "{member_id: \"a-0f14d0ab-9605-4a62-a9e4-5ed26688389b\"}, {member_id: \"nobody\"}, "
                   "{member_id: \"0f14d0ab-9605-4a62-a9e4-5ed26688389b\"}]}"),
        "{leader: \"a-$member_1\", list: [{member_id: \"$unique-i-$member_2\"}, {member_id: \"a-$member_1\"}, "
        "{member_id: \"nobody\"}, {member_id: \"0f14d0ab-9605-4a62-a9e4-5ed26688389b\"}]}");
}

static void answer_lists_of_hash_maps_are_sorted(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(normalized(f, "Produce", "{partition_responses: [{index: 2}, {index: 0}, {index: 1}]}"),
                        "{partition_responses: [{index: 0}, {index: 1}, {index: 2}]}");
    assert_string_equal(normalized(f, "Fetch", "{partitions: [{partition_index: 2}, {partition_index: 0}]}"),
                        "{partitions: [{partition_index: 2}, {partition_index: 0}]}");
    assert_string_equal(normalized(f, "ListTransactions", "{unknown_state_filters: [\"b\", \"\", \"a\"]}"),
                        "{unknown_state_filters: [\"\", \"a\", \"b\"]}");
    assert_string_equal(normalized(f, "AlterClientQuotas",
                                   "{entries: [{entity: [{entity_name: \"b\"}]}, "
                                   "{entity: [{entity_name: \"a\"}, {entity_name: \"d\"}]}, "
                                   "{entity: [{entity_name: \"a\"}, {entity_name: \"c\"}]}]}"),
                        "{entries: [{entity: [{entity_name: \"a\"}, {entity_name: \"c\"}]}, "
                        "{entity: [{entity_name: \"a\"}, {entity_name: \"d\"}]}, {entity: [{entity_name: \"b\"}]}]}");
}

static void answer_pick_keeps_items_by_prefix_or_list(void **state)
{
    struct fixture *f = *state;
    struct value *answer =
        parse(f, "{topics: [{name: \"ab\", configs: [{key: 1}, {key: 2}]}, {name: \"cd\", configs: null}]}");
    assert_true(answer_pick(answer, "topics[].configs", "key", parse(f, "[2, 3]")));
    assert_true(answer_pick(answer, "topics[].none", "key", parse(f, "[2]")));
    assert_false(answer_pick(answer, "topics[0].name", "key", parse(f, "[2]")));
    assert_string_equal(value_print(&f->arena, answer, 0, 0),
                        "{topics: [{name: \"ab\", configs: [{key: 2}]}, {name: \"cd\", configs: null}]}");
    assert_true(answer_pick(answer, "topics", "name", parse(f, "\"c\"")));
    assert_string_equal(value_print(&f->arena, answer, 0, 0), "{topics: [{name: \"cd\", configs: null}]}");
}

static void names_stand_for_values_also_inside_texts(void **state)
{
    struct fixture *f = *state;
    const char *error = NULL;
    const struct value *value =
        names_expand(&f->names, parse(f, "{a: $port, b: \"x-$unique-$port\", c: $t0+5, d: [$host]}"), &error);
    assert_non_null(value);
    assert_string_equal(value_print(&f->arena, value, 0, 0),
                        "{a: 4711, b: \"x-some-v3-1a-4711\", c: 1700000000005, d: [\"127.0.0.1\"]}");
    assert_null(names_expand(&f->names, parse(f, "{a: $nobody}"), &error));
    assert_string_equal(error, "nothing is named $nobody");
    assert_null(names_expand(&f->names, parse(f, "$host+1"), &error));
    assert_string_equal(error, "$host is no number to add to");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answer_texts_are_compared_by_presence, setup, teardown),
        cmocka_unit_test_setup_teardown(answer_ids_get_names_in_order_of_appearance, setup, teardown),
        cmocka_unit_test_setup_teardown(answer_session_0_is_no_id, setup, teardown),
        cmocka_unit_test_setup_teardown(answer_uuid_has_the_name_of_its_topic, setup, teardown),
        cmocka_unit_test_setup_teardown(answer_times_must_lie_in_the_scenario, setup, teardown),
        cmocka_unit_test_setup_teardown(answer_address_must_be_the_one_that_was_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(answer_names_made_of_unique_are_recognized, setup, teardown),
        cmocka_unit_test_setup_teardown(answer_member_ids_keep_what_the_client_said, setup, teardown),
        cmocka_unit_test_setup_teardown(answer_lists_of_hash_maps_are_sorted, setup, teardown),
        cmocka_unit_test_setup_teardown(answer_pick_keeps_items_by_prefix_or_list, setup, teardown),
        cmocka_unit_test_setup_teardown(names_stand_for_values_also_inside_texts, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
