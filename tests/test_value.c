/* Values as text: what the scenarios and recorded answers of the conformance suite are made of. */
#include "lib/value.h"
#include "lib/value_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct value_reader reader;
    char differences[1024]; /* paths, one a line */
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
    value_reader_init(&f->reader, text, strlen(text));
    return value_read(&f->reader, &f->arena);
}

static void note_difference(void *context, const char *path, const struct value *wanted, const struct value *got)
{
    struct fixture *f = context;
    size_t size = strlen(f->differences);
    snprintf(f->differences + size, sizeof f->differences - size, "%s%s%s\n", path, wanted ? "" : " unwanted",
             got ? "" : " missing");
}

static const char *compare(struct fixture *f, const char *wanted, const char *got)
{
    f->differences[0] = '\0';
    value_compare(&f->arena, parse(f, wanted), parse(f, got), note_difference, f);
    return f->differences;
}

static void value_text_reads_back_as_it_was_printed(void **state)
{
    static const char *const texts[] = {
        "null",
        "true",
        "-9223372036854775808",
        "1.5",
        "\"\"",
        "\"a \\\"b\\\" \\\\ \\x00\\xff\"",
        "x\"\"",
        "x\"00ff\"",
        "OFFSET_OUT_OF_RANGE",
        "$t0",
        "$t0-5",
        "[]",
        "{}",
        "{a: 1, b.c: [1, [2], {d: null}]}",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const struct value *value = parse(f, texts[i]);
        assert_non_null(value);
        assert_string_equal(value_print(&f->arena, value, 0, 0), texts[i]);
    }
}

static void value_text_may_hold_blanks_lines_and_comments(void **state)
{
    struct fixture *f = *state;
    const struct value *value = parse(f, " { # a comment\n  a :\n 1 ,b: x\"0a 0b\" } ");
    assert_string_equal(value_print(&f->arena, value, 0, 0), "{a: 1, b: x\"0a0b\"}");
    assert_int_equal(f->reader.line, 3);
}

static void value_text_that_is_wrong_is_an_error_in_words(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"",             "a value was expected"                                         },
        {"{a 1}",        "':' was expected behind 'a'"                                  },
        {"{a: 1 b: 2}",  "',' or '}' was expected"                                      },
        {"[1",           "',' or ']' was expected"                                      },
        {"{a: 1, a: 2}", "'a' stands twice"                                             },
        {"\"a",          "a string has no end on its line"                              },
        {"\"\\q\"",      "a string knows \\\", \\\\ and \\x with two hexadecimal digits"},
        {"x\"0\"",       "pairs of hexadecimal digits were expected"                    },
        {"1z",           "'1z' is no number"                                            },
        {"$",            "a name was expected after '$'"                                },
        {"none",         "a value was expected, not 'n'"                                },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_null(parse(f, rows[i].text));
        assert_string_equal(f->reader.error, rows[i].error);
    }
}

static void value_text_nested_without_end_is_an_error(void **state)
{
    struct fixture *f = *state;
    char text[1000];
    memset(text, '[', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_null(parse(f, text));
    assert_string_equal(f->reader.error, "nested deeper than 64");
}

static void value_print_fills_lines_up_to_the_width(void **state)
{
    struct fixture *f = *state;
    const struct value *value =
        parse(f, "{numbers: [100, 200, 300], inner: {a: \"aaaaaaaaaa\", b: \"bbbbbbbbbb\"}, last: 1}");
    assert_string_equal(value_print(&f->arena, value, 0, 30), "{numbers: [100, 200, 300],\n"
                                                              " inner: {a: \"aaaaaaaaaa\",\n"
                                                              "   b: \"bbbbbbbbbb\"}, last: 1}");
}

static void value_at_follows_a_path(void **state)
{
    struct fixture *f = *state;
    struct value *value = parse(f, "{a: [{b: 1}, {b: 2}]}");
    assert_int_equal(value_at(value, "a[1].b")->number, 2);
    assert_ptr_equal(value_at(value, ""), value);
    assert_null(value_at(value, "a[2].b"));
    assert_null(value_at(value, "a.b"));
    assert_null(value_at(value, "c"));
}

static void value_compare_names_each_place_that_differs(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(compare(f, "{a: [1, {b: \"x\"}]}", "{a: [1, {b: \"x\"}]}"), "");
    assert_string_equal(compare(f, "{a: [1, {b: \"x\"}]}", "{a: [2, {b: \"y\"}]}"), "a[0]\na[1].b\n");
    assert_string_equal(compare(f, "{a: 1, b: 2}", "{b: 2, c: 3}"), "a missing\nc unwanted\n");
    assert_string_equal(compare(f, "[1]", "[1, 2]"), "[1] unwanted\n");
    assert_string_equal(compare(f, "{a: null, b: \"\"}", "{a: [], b: null}"), "a\nb\n");
}

static void value_compare_does_not_mind_the_order_of_members(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(compare(f, "{a: 1, b: 2}", "{b: 2, a: 1}"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(value_text_reads_back_as_it_was_printed, setup, teardown),
        cmocka_unit_test_setup_teardown(value_text_may_hold_blanks_lines_and_comments, setup, teardown),
        cmocka_unit_test_setup_teardown(value_text_that_is_wrong_is_an_error_in_words, setup, teardown),
        cmocka_unit_test_setup_teardown(value_text_nested_without_end_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(value_print_fills_lines_up_to_the_width, setup, teardown),
        cmocka_unit_test_setup_teardown(value_at_follows_a_path, setup, teardown),
        cmocka_unit_test_setup_teardown(value_compare_names_each_place_that_differs, setup, teardown),
        cmocka_unit_test_setup_teardown(value_compare_does_not_mind_the_order_of_members, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
