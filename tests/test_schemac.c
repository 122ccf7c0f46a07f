/* The generator (protocol/schemac.c): each mistake in a schema is told with its file and line.
 *
 * Runs the program that lies beside this test, over schema files in a temporary folder. */
#include "protocol/base.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <cmocka.h>

#define PATH_BYTES_MAX   4096
#define OUTPUT_BYTES_MAX 1024
#define HEAD_LINES       "api 1 fetch 4-18 flexible 12+\n\nrequest\n"

static char program[PATH_BYTES_MAX];
static char folder[] = "/tmp/dohle-schemac-XXXXXX";

static char *path_of(const char *name)
{
    static char path[sizeof folder + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path_of("x.msg"));
    unlink(path_of("messages.h"));
    unlink(path_of("messages.c"));
    return rmdir(folder);
}

static void write_schema(const char *text)
{
    FILE *file = fopen(path_of("x.msg"), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Run schemac over the text; what it says on standard error, and its exit status. */
static int compile(const char *text, char output[OUTPUT_BYTES_MAX])
{
    int ends[2], status;
    size_t size = 0;
    write_schema(text);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl(program, "schemac", folder, path_of("x.msg"), (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    for (ssize_t got;
         size + 1 < OUTPUT_BYTES_MAX && (got = read(ends[0], output + size, OUTPUT_BYTES_MAX - 1 - size)) > 0;)
        size += (size_t)got;
    output[size] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void schemas_without_a_mistake_become_structs_and_tables(void **state)
{
    char output[OUTPUT_BYTES_MAX], line[256];
    bool found = false;
    (void)state;
    assert_int_equal(compile(HEAD_LINES
                             "  type pair\n    a int8 0+\n  pairs []pair? 4+ = null # note\n  rest struct? 5+ = null\n"
                             "    b string 5+ = \"\"\nresponse\nrecord txn_key 7 some_key 0\n  id uuid 0\n"
                             "message other 0-3\n",
                             output),
                     0);
    assert_string_equal(output, "");
    FILE *file = fopen(path_of("messages.h"), "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        found = found || strstr(line, "struct kp_fetch_request_pair *pairs;") != NULL;
    fclose(file);
    assert_true(found);
}

static void mistakes_are_told_with_file_and_line(void **state)
{
    static const struct {
        const char *text, *message;
        int line;
    } rows[] = {
        {"api\n",                                                                "write api KEY NAME VERSIONS",                                               1},
        {"apis 1 fetch 4\n",                                                     "\"apis\" begins no api, record or message",                                 1},
        {"api x fetch 4\n",                                                      "\"x\" is no number from 0 to 127",                                          1},
        {"api 1 Fetch 4\n",                                                      "\"Fetch\" is no name in snake_case",                                        1},
        {"api 1 fetch 4-\n",                                                     "\"4-\" are no versions; write 3, 3-7 or 3+",                                1},
        {"api 1 fetch 4+\n",                                                     "versions \"4+\" of a message need an end",                                  1},
        {"api 1 fetch 5-4\n",                                                    "versions \"5-4\" are empty or out of range",                                1},
        {"api 1 fetch 4 flexibel 5+\n",                                          "\"flexibel\" is not known here",                                            1},
        {"api 1 fetch 4\n",                                                      "\"request\" is expected here",                                              1},
        {"api 1 fetch 4\nrequest\nrequest\n",                                    "\"response\" is expected here",                                             3},
        {"api 1 fetch 4\nrequest\nresponse\napi 1 other 4\nrequest\nresponse\n", "a second api with key 1",                                                   4},
        {HEAD_LINES "  a int32\n",                                               "a field is NAME TYPE VERSIONS",                                             4},
        {HEAD_LINES "  a int33 0+\n",                                            "unknown type \"int33\"; shared types come before the fields that use them", 4},
        {HEAD_LINES "  a int32? 0+\n",                                           "a int32 cannot be null",                                                    4},
        {HEAD_LINES "  a int32 0+\n  a int32 0+\n",                              "a second field a",                                                          5},
        {HEAD_LINES "  a int32 12+ tag 1\n  b int32 12+ tag 1\n",                "a second field with tag 1",                                                 5},
        {HEAD_LINES "  a int32 0+ tag 1\n",                                      "a tagged field in a version that is not flexible",                          4},
        {HEAD_LINES "  a records 12+ tag 1\n",                                   "records cannot be tagged",                                                  4},
        {HEAD_LINES "  a int8 0+ = 128\n",                                       "\"128\" is no number from -128 to 127",                                     4},
        {HEAD_LINES "  a string 0+ = null\n",                                    "default null of a field that is never null",                                4},
        {HEAD_LINES "  a string 0+ = \"x\"\n",                                   "default of a string is \"\" or null",                                       4},
        {HEAD_LINES "  a bool 0+ = 1\n",                                         "default of a bool is true or false",                                        4},
        {HEAD_LINES "  a int8 0+ optional\n",                                    "\"optional\" is no attribute; known are tag N, ignorable, = DEFAULT",       4},
        {HEAD_LINES "  a [] 0+\n  b int8 0+\n",                                  "the fields of a are missing; indent them below it",                         4},
        {HEAD_LINES "  a int8 0+\n    b int8 0+\n",                              "indented, but the line above has no fields of its own",                     5},
        {HEAD_LINES "   a int8 0+\n",                                            "indent of 3 spaces; nest by two",                                           4},
        {HEAD_LINES "\ta int8 0+\n",                                             "a tab; indent and separate with spaces",                                    4},
        {HEAD_LINES "  type t\n    a int8 0+\n  type t\n    a int8 0+\n",        "a second type t",                                                           6},
        {HEAD_LINES "  a [] 0+\n    b int8 9+\n",                                "an item of version 4 would take no byte",                                   4},
        {"  a int8 0+\n",                                                        "indented below nothing",                                                    1},
        {"record nothing 1 x 0\n",                                               "\"nothing\" is no kind of record",                                          1},
        {"record control 1 x 0\nrecord control 1 y 0\n",                         "a second control record of type 1",                                         2},
        {"message x 0",                                                          "line without end, or longer than 510 characters",                           1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char output[OUTPUT_BYTES_MAX], expected[OUTPUT_BYTES_MAX];
        assert_int_equal(compile(rows[i].text, output), 1);
        snprintf(expected, sizeof expected, "%s:%d: %s\n", path_of("x.msg"), rows[i].line, rows[i].message);
        assert_string_equal(output, expected);
    }
}

static void structs_nested_deeper_than_the_codec_follows_are_refused(void **state)
{
    char text[2048] = HEAD_LINES, output[OUTPUT_BYTES_MAX];
    (void)state;
    for (int depth = 1; depth <= 9; depth++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%*sa struct 0+\n", 2 * depth, "");
    snprintf(text + strlen(text), sizeof text - strlen(text), "%*sa int8 0+\n", 2 * 10, "");
    assert_int_equal(compile(text, output), 1);
    assert_non_null(strstr(output, "nested deeper than 8"));
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
    int status;
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(126);
        execl(program, "schemac", folder, path_of("absent.msg"), (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_without_a_mistake_become_structs_and_tables),
        cmocka_unit_test(mistakes_are_told_with_file_and_line),
        cmocka_unit_test(structs_nested_deeper_than_the_codec_follows_are_refused),
        cmocka_unit_test(a_file_that_is_not_there_is_an_error),
    };
    char *self = xstrdup(argv[0]);
    ASSERT(argc > 0);
    snprintf(program, sizeof program, "%s/schemac", dirname(self));
    free(self);
    return cmocka_run_group_tests_name("schemac", tests, setup, teardown);
}
