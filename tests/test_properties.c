/* Java's .properties syntax, in broker/properties.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/properties.h"

/* What was read, as "LINE|KEY|VALUE\n" each. */
struct reading {
    char text[1024];
    size_t used;
    int left; /* properties until the reader has had enough */
};

static bool note(void *context, const char *key, const char *value, int line)
{
    struct reading *reading = context;
    reading->used += (size_t)snprintf(reading->text + reading->used, sizeof reading->text - reading->used, "%d|%s|%s\n",
                                      line, key, value);
    return --reading->left != 0;
}

static void assert_reads(const char *text, const char *expected)
{
    struct reading reading = {.left = -1};
    int line;
    char error[PROPERTIES_ERROR_SIZE];
    assert_true(properties_parse(text, strlen(text), note, &reading, &line, error));
    assert_string_equal(reading.text, expected);
}

/* The expected texts were compared with what java.util.Properties (Java 17) reads. */
static void keys_and_values_are_split_as_java_does(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"a=b",                "1|a|b\n"         },
        {"a = b ",             "1|a|b \n"        },
        {"a:b\n",              "1|a|b\n"         },
        {"a b=c",              "1|a|b=c\n"       },
        {"a\tb",               "1|a|b\n"         },
        {"a =: b",             "1|a|: b\n"       },
        {"a",                  "1|a|\n"          },
        {"a=",                 "1|a|\n"          },
        {"=b",                 "1||b\n"          },
        {"  \t\fa=b",          "1|a|b\n"         },
        {"a==b",               "1|a|=b\n"        },
        {"a\\=b\\:c\\ d=e",    "1|a=b:c d|e\n"   },
        {"a=\\tx\\ny\\\\z\\q", "1|a|\tx\ny\\zq\n"},
        {"",                   ""                },
        {"\n\r\n  \n",         ""                },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_reads(cases[i].text, cases[i].expected);
    }
}

static void comments_and_blank_lines_are_counted_but_not_read(void **state)
{
    (void)state;
    assert_reads("# one\n  ! two \\\n\na=1\r\nb=2\rc=3", "4|a|1\n5|b|2\n6|c|3\n");
}

static void a_backslash_at_the_line_end_goes_on_without_the_next_lines_space(void **state)
{
    (void)state;
    assert_reads("a=1,\\\n   2,\\\r\n#3\nb\\\n  = c\nd=e\\", "1|a|1,2,#3\n4|b|c\n6|d|e\n");
    assert_reads("a=b\\\\\nc=d", "1|a|b\\\n2|c|d\n"); /* an escaped backslash is no continuation */
    assert_reads("a=b\\\n\nc=d", "1|a|b\n3|c|d\n");
}

static void unicode_escapes_become_utf8(void **state)
{
    (void)state;
    assert_reads("a=\\u0041\\u00e9\\u20AC\\ud83d\\ude00", "1|a|A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n");
    assert_reads("caf\xc3\xa9=\xc3\xa9", "1|caf\xc3\xa9|\xc3\xa9\n");
}

static void a_broken_escape_is_an_error_with_its_line(void **state)
{
    (void)state;
    static const char *const broken[] = {"\n\na=\\u12", "\n\na=\\u12g4", "\n\n\\u=1", "\n\na=\\u0000",
                                         "\n\na=\\ud83dx"};
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct reading reading = {.left = -1};
        int line;
        char error[PROPERTIES_ERROR_SIZE];
        assert_false(properties_parse(broken[i], strlen(broken[i]), note, &reading, &line, error));
        assert_int_equal(line, 3);
        assert_non_null(strstr(error, "hexadecimal"));
    }
}

static void a_zero_byte_is_an_error(void **state)
{
    (void)state;
    struct reading reading = {.left = -1};
    int line;
    char error[PROPERTIES_ERROR_SIZE];
    assert_false(properties_parse("a=b\0c", 5, note, &reading, &line, error));
    assert_string_not_equal(error, "");
}

static void a_reader_that_has_enough_ends_the_parse_without_an_error_text(void **state)
{
    (void)state;
    struct reading reading = {.left = 1};
    int line;
    char error[PROPERTIES_ERROR_SIZE];
    assert_false(properties_parse("a=1\nb=2", 7, note, &reading, &line, error));
    assert_string_equal(error, "");
    assert_string_equal(reading.text, "1|a|1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_values_are_split_as_java_does),
        cmocka_unit_test(comments_and_blank_lines_are_counted_but_not_read),
        cmocka_unit_test(a_backslash_at_the_line_end_goes_on_without_the_next_lines_space),
        cmocka_unit_test(unicode_escapes_become_utf8),
        cmocka_unit_test(a_broken_escape_is_an_error_with_its_line),
        cmocka_unit_test(a_zero_byte_is_an_error),
        cmocka_unit_test(a_reader_that_has_enough_ends_the_parse_without_an_error_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
