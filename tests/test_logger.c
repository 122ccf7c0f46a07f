/* Log lines, in broker/logger.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/logger.h"

#define WALL_MS INT64_C(1700000000007)

static size_t format_line(char line[LOG_LINE_MAX], const char *sentence, const char *format, ...) PRINTF_LIKE(3, 4);
static size_t format_line(char line[LOG_LINE_MAX], const char *sentence, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t size = log_format(line, WALL_MS, LOG_LEVEL_WARN, sentence, format, arguments);
    va_end(arguments);
    assert_int_equal(size, strlen(line));
    return size;
}

static void a_line_has_time_level_sentence_and_pairs(void **state)
{
    (void)state;
    char line[LOG_LINE_MAX];
    format_line(line, "Rolled segment", "topic=%s partition=%d", "orders", 3);
    assert_string_equal(line, "2023-11-14T22:13:20.007Z WARN  Rolled segment topic=orders partition=3\n");
}

static void a_line_may_be_the_sentence_alone(void **state)
{
    (void)state;
    char line[LOG_LINE_MAX];
    format_line(line, "Stopped", NULL);
    assert_string_equal(line, "2023-11-14T22:13:20.007Z WARN  Stopped\n");
}

/* What a peer sent cannot begin a line of its own, nor reach the terminal. */
static void control_characters_and_broken_utf8_are_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *text, *escaped;
    } cases[] = {
        {"a\nb\rc",          "a\\x0ab\\x0dc"       },
        {"\x1b[31m",         "\\x1b[31m"           },
        {"\x7f",             "\\x7f"               },
        {"caf\xc3\xa9",      "caf\xc3\xa9"         },
        {"\xe2\x82\xac",     "\xe2\x82\xac"        },
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"    },
        {"\xc2\x9b",         "\\xc2\\x9b"          },
        {"\xc3",             "\\xc3"               },
        {"\xc0\xaf",         "\\xc0\\xaf"          },
        {"\xe0\x80\xaf",     "\\xe0\\x80\\xaf"     },
        {"\xed\xa0\x80",     "\\xed\\xa0\\x80"     },
        {"\xff",             "\\xff"               },
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char line[LOG_LINE_MAX];
        char expected[256];
        format_line(line, "S", "%s", cases[i].text);
        snprintf(expected, sizeof expected, "2023-11-14T22:13:20.007Z WARN  S %s\n", cases[i].escaped);
        assert_string_equal(line, expected);
    }
}

static void a_long_line_is_cut_and_says_so(void **state)
{
    (void)state;
    char text[2 * LOG_LINE_MAX];
    static const char fill[] = {'x', '\n'}; /* plain, and escaped to four */
    for (size_t i = 0; i < sizeof fill; i++) {
        memset(text, fill[i], sizeof text - 1);
        text[sizeof text - 1] = '\0';
        char line[LOG_LINE_MAX];
        size_t size = format_line(line, "S", "%s", text);
        assert_in_range(size, LOG_LINE_MAX - 10, LOG_LINE_MAX - 1);
        assert_string_equal(line + size - 4, "...\n");
    }
}

static void a_line_is_written_to_standard_error_and_keeps_errno(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    errno = 42;
    LOG_INFO("Started", "port=%d", 9092);
    LOG_DEBUG("Below the threshold", "port=%d", 9092);
    assert_int_equal(errno, 42);
    dup2(before, STDERR_FILENO);
    close(before);
    close(ends[1]);
    char line[LOG_LINE_MAX] = "";
    ssize_t size = read(ends[0], line, sizeof line - 1);
    close(ends[0]);
    assert_int_equal(size, strlen("2023-11-14T22:13:20.007Z INFO  Started port=9092\n"));
    assert_string_equal(line + strlen("2023-11-14T22:13:20.007"), "Z INFO  Started port=9092\n");
}

/* What one line leaves on standard error. */
static ssize_t written_size(enum log_level level)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    log_line(level, "Started", NULL);
    dup2(before, STDERR_FILENO);
    close(before);
    close(ends[1]);
    char line[LOG_LINE_MAX];
    ssize_t size = read(ends[0], line, sizeof line);
    close(ends[0]);
    return size;
}

static void what_is_below_the_threshold_is_not_written(void **state)
{
    static const struct {
        const char *name;
        int levels; /* that pass */
    } rows[] = {
        {"FATAL", 0},
        {"ERROR", 1},
        {"WARN",  2},
        {"INFO",  3},
        {"DEBUG", 4},
        {"TRACE", 4}
    };
    (void)state;
    assert_string_equal(log_threshold(), "INFO");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        log_set_threshold(rows[i].name, strlen(rows[i].name));
        assert_string_equal(log_threshold(), rows[i].name);
        for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++)
            assert_int_equal(written_size((enum log_level)level) > 0, level < rows[i].levels);
    }
    log_set_threshold("INFO", 4);
    assert_false(log_threshold_known("info", 4) || log_threshold_known("OFF", 3) || log_threshold_known("INF", 3));
}

static void a_limit_passes_so_many_lines_a_second_and_counts_the_others(void **state)
{
    (void)state;
    struct log_limit limit = {0};
    int64_t suppressed = -1;
    for (int i = 0; i < LOG_PEER_LINES_PER_SECOND; i++) {
        assert_true(log_limit_pass(&limit, 5000 + i, &suppressed));
        assert_int_equal(suppressed, 0);
    }
    for (int i = 0; i < 3; i++) {
        assert_false(log_limit_pass(&limit, 5500, &suppressed));
    }
    assert_true(log_limit_pass(&limit, 6000, &suppressed));
    assert_int_equal(suppressed, 3);
    assert_true(log_limit_pass(&limit, 6001, &suppressed));
    assert_int_equal(suppressed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_sentence_and_pairs),
        cmocka_unit_test(a_line_may_be_the_sentence_alone),
        cmocka_unit_test(control_characters_and_broken_utf8_are_escaped),
        cmocka_unit_test(a_long_line_is_cut_and_says_so),
        cmocka_unit_test(a_line_is_written_to_standard_error_and_keeps_errno),
        cmocka_unit_test(what_is_below_the_threshold_is_not_written),
        cmocka_unit_test(a_limit_passes_so_many_lines_a_second_and_counts_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
