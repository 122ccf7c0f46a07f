/* Recorded answers: one text for the versions whose fields have the same values. */
#include "lib/recording.h"
#include "lib/value_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct scenario scenario;
    struct step step;
    struct play plays[4];
    char *text;
    size_t text_size;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    arena_init(&f->arena, 1 << 20);
    f->scenario = (struct scenario){.name = "some", .api = "ListOffsets", .steps = &f->step};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->text);
    arena_release(&f->arena);
    free(f);
    return 0;
}

/* What is written of answers in version 1, 2... NULL: closed. */
static const char *record(struct fixture *f, const char *const answers[], int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        struct outcome *outcome = value_alloc(&f->arena, sizeof *outcome);
        *outcome = (struct outcome){.step = &f->step, .number = 3, .api = "ListOffsets", .version = (int16_t)(i + 1)};
        outcome->answer = answers[i] ? value_parse(answers[i], &f->arena) : NULL;
        f->plays[i] = (struct play){.outcomes = outcome};
    }
    FILE *file = open_memstream(&f->text, &f->text_size);
    assert_non_null(file);
    recording_write(file, &f->scenario, f->plays, 1, count, &f->arena);
    fclose(file);
    return f->text;
}

static void recording_joins_versions_that_have_more_fields(void **state)
{
    static const char *const answers[] = {
        "{topics: []}",
        "{throttle_time_ms: 0, topics: []}",
        "{throttle_time_ms: 0, topics: []}",
    };
    assert_string_equal(record(*state, answers, 3),
                        "\nscenario some\n3 ListOffsets 1-3 {throttle_time_ms: 0, topics: []}\n");
}

static void recording_splits_versions_that_answer_otherwise(void **state)
{
    static const char *const answers[] = {
        "{topics: [{name: \"a\"}]}",
        "{topics: [{name: \"b\"}]}",
        NULL,
        NULL,
    };
    assert_string_equal(record(*state, answers, 4),
                        "\nscenario some\n3 ListOffsets 1 {topics: [{name: \"a\"}]}\n"
                        "3 ListOffsets 2 {topics: [{name: \"b\"}]}\n3 ListOffsets 3-4 closed\n");
}

static void recording_splits_versions_with_other_counts(void **state)
{
    static const char *const answers[] = {"{topics: [{name: \"a\"}]}", "{topics: [{name: \"a\"}, {name: \"b\"}]}"};
    assert_string_equal(record(*state, answers, 2), "\nscenario some\n3 ListOffsets 1 {topics: [{name: \"a\"}]}\n"
                                                    "3 ListOffsets 2 {topics: [{name: \"a\"}, {name: \"b\"}]}\n");
}

static void recording_is_found_and_narrowed_to_a_version(void **state)
{
    static const char text[] = "# head\nscenario other\n3 ListOffsets 1-9 closed\n"
                               "scenario some\n3 ListOffsets 1-3 {throttle_time_ms: 0, topics: []}\n4 Metadata {}\n";
    struct fixture *f = *state;
    struct recorded *recording;
    const char *error;
    assert_true(recording_parse(text, strlen(text), &f->arena, &recording, &error));
    const struct recorded *recorded = recording_find(recording, "some", 3, 1);
    assert_non_null(recorded);
    struct value *answer = value_copy(&f->arena, recorded->answer);
    recorded_narrow(recorded, answer, 1);
    assert_string_equal(value_print(&f->arena, answer, 0, 0), "{topics: []}");
    assert_null(recording_find(recording, "some", 3, 4));
    assert_null(recording_find(recording, "other", 3, 9)->answer);
    assert_non_null(recording_find(recording, "some", 4, -1));
    assert_int_equal(recording_count(recording, "some", 2), 1);
}

static void recording_errors_name_the_line(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"scenario a\n3 Fetsch {}",    "line 2: a step's number and its API were expected"},
        {"scenario a\n3 Fetch 4-x {}", "line 2: '4-x' is no range of versions"            },
        {"scenario a\n3 Fetch 4 {",    "line 2: a word was expected"                      },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct recorded *recording;
        const char *error;
        assert_false(recording_parse(rows[i].text, strlen(rows[i].text), &f->arena, &recording, &error));
        assert_string_equal(error, rows[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(recording_joins_versions_that_have_more_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(recording_splits_versions_that_answer_otherwise, setup, teardown),
        cmocka_unit_test_setup_teardown(recording_splits_versions_with_other_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(recording_is_found_and_narrowed_to_a_version, setup, teardown),
        cmocka_unit_test_setup_teardown(recording_errors_name_the_line, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
