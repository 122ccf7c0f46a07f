/* Each setting that is a number and has an effect is in tests/conformance/limits.shown, once: with a scenario or a test
 * that is there, and shows what it does at its limit, or with the reason why none can. */
#include "broker/config.h"
#include "broker/topic_config.h"
#include "tests/lib/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define LIST "../conformance/limits.shown" /* beside tests/golden */

static bool is_number(enum config_type type)
{
    return type == CONFIG_SHORT || type == CONFIG_INT || type == CONFIG_LONG || type == CONFIG_DOUBLE;
}

/* Has one of the two tables such a number, with an effect? Many have the same name in both. */
static bool is_to_be_shown(const char *setting)
{
    int row = config_find(kp_string_of(setting));
    int of_topics = topic_config_find(kp_string_of(setting));
    return (row >= 0 && is_number(config_definitions[row].type) && config_definitions[row].effect == CONFIG_SERVED) ||
           (of_topics >= 0 && is_number(topic_config_definitions[of_topics].type) &&
            topic_config_definitions[of_topics].effect == CONFIG_SERVED);
}

/* Does a file below tests/ have a scenario, or a function of a test, with that name? */
static bool has(const char *file, const char *name)
{
    char path[256], scenario[256], function[256], line[4096];
    bool found = false;
    snprintf(path, sizeof path, "tests/%s", file);
    snprintf(scenario, sizeof scenario, "scenario %s", name);
    snprintf(function, sizeof function, "static void %s(", name);
    FILE *text = fopen(path, "r");
    while (text != NULL && !found && fgets(line, sizeof line, text) != NULL) {
        size_t size = strlen(scenario);
        found = (strncmp(line, scenario, size) == 0 && (line[size] == ' ' || line[size] == '\n')) ||
                strncmp(line, function, strlen(function)) == 0;
    }
    if (text != NULL)
        fclose(text);
    return found;
}

/* Notes the settings of a line; returns how many of them, or of what the line names, are wrong. */
static int read_line(const struct golden *golden, int *seen, int *seen_of_topics)
{
    char text[1024];
    int wrong = 0;
    snprintf(text, sizeof text, "%s", golden->rest);
    char *rest = text;
    bool shown = strcmp(golden->word, "shown") == 0;
    if (shown) {
        const char *file = strsep(&rest, " "), *name = strsep(&rest, " ");
        if (rest == NULL || !has(file, name)) {
            print_error("%s has no %s\n", file, name);
            wrong++;
        }
    }
    for (const char *setting; (setting = strsep(&rest, " ")) != NULL;) {
        if (!is_to_be_shown(setting)) {
            print_error("%s is no number with an effect\n", setting);
            return wrong + 1;
        }
        int row = config_find(kp_string_of(setting)), of_topics = topic_config_find(kp_string_of(setting));
        if (row >= 0)
            seen[row]++;
        if (of_topics >= 0)
            seen_of_topics[of_topics]++;
        if (!shown)
            break; /* the reason follows */
    }
    return wrong;
}

static int check_seen(const char *setting, int times)
{
    if (times == (is_to_be_shown(setting) ? 1 : 0))
        return 0;
    print_error("%s is there %d times\n", setting, times);
    return 1;
}

static void the_limit_of_each_number_is_shown(void **state)
{
    (void)state;
    struct golden golden;
    int *seen = xcalloc((size_t)config_definitions_count, sizeof *seen);
    int *seen_of_topics = xcalloc((size_t)topic_config_definitions_count, sizeof *seen_of_topics);
    int wrong = 0;
    golden_open(&golden, LIST);
    while (golden_next(&golden))
        if (*golden.word != '\0')
            wrong += read_line(&golden, seen, seen_of_topics);
    golden_close(&golden);
    for (int i = 0; i < config_definitions_count; i++)
        wrong += check_seen(config_definitions[i].name, seen[i]);
    for (int i = 0; i < topic_config_definitions_count; i++)
        wrong += check_seen(topic_config_definitions[i].name, seen_of_topics[i]);
    free(seen);
    free(seen_of_topics);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_of_each_number_is_shown),
    };
    return cmocka_run_group_tests_name("limits_shown", tests, NULL, NULL);
}
