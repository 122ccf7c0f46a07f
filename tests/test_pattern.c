/* Regular expressions for whole texts. */
#include "broker/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool matches(enum pattern_syntax syntax, const char *expression, const char *text)
{
    struct pattern *pattern = pattern_new(syntax, expression, strlen(expression));
    assert_non_null(pattern);
    bool found = pattern_matches(pattern, text, strlen(text));
    pattern_free(pattern);
    return found;
}

static bool is_one(enum pattern_syntax syntax, const char *expression)
{
    struct pattern *pattern = pattern_new(syntax, expression, strlen(expression));
    pattern_free(pattern);
    return pattern != NULL;
}

static void the_whole_text_is_meant(void **state)
{
    (void)state;
    assert_true(matches(PATTERN_RE2, "a|ab", "ab"));
    assert_true(matches(PATTERN_RE2, "ab+?", "abbb"));
    assert_false(matches(PATTERN_RE2, "a", "ab"));
    assert_false(matches(PATTERN_RE2, "b", "ab"));
    assert_false(matches(PATTERN_RE2, "ab$", "ab\n"));
    assert_true(matches(PATTERN_RE2, "", ""));
}

static void text_is_utf8(void **state)
{
    (void)state;
    assert_true(matches(PATTERN_RE2, "d.hle", "d\xc3\xb6hle"));
    assert_false(matches(PATTERN_RE2, "d.hle", "d\xffhle"));
    assert_false(is_one(PATTERN_RE2, "d\xffhle"));
}

static void each_syntax_has_its_own(void **state)
{
    (void)state;
    static const char *const javas[] = {"a(?=b)b", "(?<!a)b", "a*+", "a{2}+b", "(?>a|b)", "\\Ra", "\\h", "(?x) a"};
    static const char *const none[] = {"(a)\\1", "a**",   "(?R)", "(?(1)a|b)", "(*ACCEPT)", "(?C1)a",
                                       "(",      "[z-a]", "\\",   "\\K",       "(?|a|b)",   "*"};
    static const char *const boths[] = {"[]a]",       "[^]a]", "[[:alpha:]()*+]", "\\Q(*\\E", "\\Q(*",   "a{",
                                        "(?i:a)(?s)", "a{,3}", "(?<name>a)",      "\\(\\?",   "[\\]*+]", "a{1,3}?"};
    for (size_t i = 0; i < COUNT_OF(javas); i++) {
        assert_true(is_one(PATTERN_JAVA, javas[i]));
        assert_false(is_one(PATTERN_RE2, javas[i]));
    }
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        assert_false(is_one(PATTERN_JAVA, none[i]));
        assert_false(is_one(PATTERN_RE2, none[i]));
    }
    for (size_t i = 0; i < COUNT_OF(boths); i++) {
        assert_true(is_one(PATTERN_JAVA, boths[i]));
        assert_true(is_one(PATTERN_RE2, boths[i]));
    }
    assert_true(is_one(PATTERN_RE2, "a{1000}"));
    assert_false(is_one(PATTERN_RE2, "a{1001}"));
    assert_false(is_one(PATTERN_RE2, "a{1,1001}"));
}

static void no_expression_takes_for_ever(void **state)
{
    (void)state;
    char text[20001];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_false(matches(PATTERN_RE2, "(a+)+b", text));
    assert_true(matches(PATTERN_RE2, "(a|aa)+", text));
    assert_false(matches(PATTERN_RE2, "(a?){1000}a{1000}", text));
    assert_false(matches(PATTERN_JAVA, "(?=(a+)+b)a", text));
}

static void a_large_one_is_refused(void **state)
{
    (void)state;
    char text[PATTERN_BYTES_MAX + 2];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_false(is_one(PATTERN_RE2, text));
    assert_true(is_one(PATTERN_RE2, text + 1));
    assert_false(is_one(PATTERN_RE2, "((a{1000}){1000}){1000}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_text_is_meant), cmocka_unit_test(text_is_utf8),
        cmocka_unit_test(each_syntax_has_its_own), cmocka_unit_test(no_expression_takes_for_ever),
        cmocka_unit_test(a_large_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
