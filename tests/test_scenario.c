/* Scenario files: what the parser of the conformance suite takes, and what it says of what it does not. */
#include "lib/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    const char *error;
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

static const struct scenario *parse(struct fixture *f, const char *text)
{
    return scenario_parse(text, strlen(text), &f->arena, &f->error);
}

/* The first step of a scenario with these lines. */
static const struct step *parse_steps(struct fixture *f, const char *lines)
{
    const struct scenario *scenario = parse(f, value_printf(&f->arena, "scenario s\n%s\n", lines));
    assert_null(f->error);
    return scenario->steps;
}

static void scenario_file_holds_scenarios_with_their_versions(void **state)
{
    struct fixture *f = *state;
    const struct scenario *first =
        parse(f, "# head\nscenario a for Fetch 4-18\n Fetch {}\n\nscenario b for ListOffsets 3\nscenario c");
    assert_null(f->error);
    assert_string_equal(first->name, "a");
    assert_string_equal(first->api, "Fetch");
    assert_int_equal(first->version_min, 4);
    assert_int_equal(first->version_max, 18);
    assert_int_equal(first->next->version_min, 3);
    assert_int_equal(first->next->version_max, 3);
    assert_null(first->next->next->api);
    assert_null(first->next->next->next);
}

static void scenario_step_asks_on_a_named_connection(void **state)
{
    struct fixture *f = *state;
    const struct step *step =
        parse_steps(f, "Metadata {topics: []}\nA: Fetch v4 {}\nB: send Fetch {}\nA: receive\nB: receive\nB: waiting");
    assert_int_equal(step->kind, STEP_REQUEST);
    assert_string_equal(step->connection, "main");
    assert_int_equal(step->version, -1);
    assert_int_equal(step->line, 2);
    step = step->next;
    assert_string_equal(step->connection, "A");
    assert_int_equal(step->version, 4);
    step = step->next;
    assert_int_equal(step->kind, STEP_SEND);
    step = step->next;
    assert_int_equal(step->kind, STEP_RECEIVE);
    assert_null(step->api);
    step = step->next;
    assert_string_equal(step->connection, "B");
    assert_int_equal(step->next->kind, STEP_WAITING);
    assert_null(step->next->next);
}

static void scenario_bytes_are_answered_as_the_api_that_is_named(void **state)
{
    struct fixture *f = *state;
    const struct step *step = parse_steps(f, "frame x\"0012 0000\"\nreceive ApiVersions v0\n closes");
    assert_int_equal(step->kind, STEP_FRAME);
    assert_int_equal(step->value->text.size, 4);
    assert_string_equal(step->next->api, "ApiVersions");
    assert_int_equal(step->next->version, 0);
    assert_true(step->next->expect_closed);
}

static void scenario_notes_belong_to_the_step_before(void **state)
{
    struct fixture *f = *state;
    const struct step *step =
        parse_steps(f, "Fetch {}\n expect a[0].b = 1\n bind x = c\n pick d where e in [1]\n"
                       " differs f = null because \"so\"\n lacks g because \"so\"\n takes 5 ms\nclose");
    static const int kinds[] = {NOTE_EXPECT, NOTE_BIND, NOTE_PICK, NOTE_DIFFERS, NOTE_DIFFERS};
    const struct step_note *note = step->notes;
    for (size_t i = 0; i < COUNT_OF(kinds); i++, note = note->next) {
        assert_non_null(note);
        assert_int_equal(note->kind, kinds[i]);
    }
    assert_null(note);
    assert_string_equal(step->notes->path, "a[0].b");
    assert_int_equal(step->at_least_ms, 5);
    assert_int_equal(step->next->kind, STEP_CLOSE);
    assert_null(step->next->notes);
}

static void scenario_topic_has_partitions_and_configs(void **state)
{
    struct fixture *f = *state;
    const struct step *step = parse_steps(f, "topic t\ntopic u partitions 3 configs {retention.ms: 5}");
    assert_int_equal(step->number, 1);
    assert_null(step->value);
    assert_int_equal(step->next->number, 3);
    assert_int_equal(value_get(step->next->value, "retention.ms")->number, 5);
}

static void scenario_group_has_a_name_and_a_log(void **state)
{
    struct fixture *f = *state;
    const struct step *step = parse_steps(f, "group g\ngroup_log g\n eventually batches = []");
    assert_int_equal(step->kind, STEP_GROUP);
    assert_string_equal(step->name, "g");
    assert_int_equal(step->next->kind, STEP_GROUP_LOG);
    assert_string_equal(step->next->name, "g");
    assert_int_equal(step->next->notes->kind, NOTE_EVENTUALLY);
}

static void scenario_transaction_has_a_name_and_a_log(void **state)
{
    struct fixture *f = *state;
    const struct step *step = parse_steps(f, "transaction x\ntransaction_log x");
    assert_int_equal(step->kind, STEP_TRANSACTION);
    assert_string_equal(step->name, "x");
    assert_int_equal(step->next->kind, STEP_TRANSACTION_LOG);
    assert_string_equal(step->next->name, "x");
}

static void scenario_start_may_have_settings(void **state)
{
    struct fixture *f = *state;
    const struct step *step = parse_steps(f, "restart with {group.max.size: 1}\nstop\nstart with {a.b: \"c\"}\nstart");
    assert_int_equal(value_get(step->value, "group.max.size")->number, 1);
    assert_null(step->next->value);
    assert_true(kp_string_is(value_get(step->next->next->value, "a.b")->text, "c"));
    assert_null(step->next->next->next->value);
}

static void scenario_step_may_end_the_broker_and_look_at_its_files(void **state)
{
    struct fixture *f = *state;
    const struct step *step = parse_steps(f, "stop\nfiles t\n eventually files = []\nstart\nkill\nrestart\n"
                                             "files t partition 3");
    static const int kinds[] = {STEP_STOP, STEP_FILES, STEP_START, STEP_KILL, STEP_RESTART, STEP_FILES};
    for (size_t i = 0; i < COUNT_OF(kinds); i++, step = step->next) {
        assert_non_null(step);
        assert_int_equal(step->kind, kinds[i]);
        if (i == 1)
            assert_int_equal(step->notes->kind, NOTE_EVENTUALLY);
        if (step->kind == STEP_FILES)
            assert_int_equal(step->number, i == 1 ? 0 : 3);
    }
    assert_null(step);
}

static void scenario_errors_name_the_line(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"Fetch {}",                                "line 1: 'scenario' was expected"                              },
        {"scenario a for Fetch",                    "line 1: a word was expected"                                  },
        {"scenario a for Fetch 9-4",                "line 1: versions such as 4-18 were expected"                  },
        {"scenario a\nscenario a",                  "line 2: scenario 'a' stands twice"                            },
        {"scenario a\nFetch 5",                     "line 2: the request's fields was expected"                    },
        {"scenario a\nFetch {\n}\nreceive Fetch\n", "line 5: a version was expected: the request was sent as bytes"},
        {"scenario a\npass 5 s",                    "line 2: 'ms' was expected"                                    },
        {"scenario a\nrestart with 5",              "line 2: an object with settings was expected"                 },
        {"scenario a\nFetch {} differs a = 1",      "line 2: 'because' was expected"                               },
        {"scenario a\nraw \"00\"",                  "line 2: x\"...\" with hexadecimal digits was expected"        },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_null(parse(f, rows[i].text));
        assert_non_null(f->error);
        assert_string_equal(f->error, rows[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scenario_file_holds_scenarios_with_their_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(scenario_step_asks_on_a_named_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(scenario_bytes_are_answered_as_the_api_that_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(scenario_notes_belong_to_the_step_before, setup, teardown),
        cmocka_unit_test_setup_teardown(scenario_topic_has_partitions_and_configs, setup, teardown),
        cmocka_unit_test_setup_teardown(scenario_group_has_a_name_and_a_log, setup, teardown),
        cmocka_unit_test_setup_teardown(scenario_transaction_has_a_name_and_a_log, setup, teardown),
        cmocka_unit_test_setup_teardown(scenario_start_may_have_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(scenario_step_may_end_the_broker_and_look_at_its_files, setup, teardown),
        cmocka_unit_test_setup_teardown(scenario_errors_name_the_line, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
