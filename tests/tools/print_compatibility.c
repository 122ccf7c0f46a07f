/* Prints docs/compatibility.md from the scenarios of the conformance suite: every difference on purpose is a note
 * there, with its reason, and the suite fails when dohle does not answer so. Run it in the root of the repository. */
#include "../lib/scenario.h"
#include "../lib/value_text.h"

#include <glob.h>
#include <string.h>

#define SCENARIOS     "tests/conformance/*.scenario"
#define OF_GROUPS     "tests/conformance/groups/*.scenario"
#define ANSWER_SHOWN  60 /* characters of a value that fit into the table; longer ones are in the scenario */
#define ANSWER_IS_NOT "nothing"

struct totals {
    int32_t scenarios, versions;
};

static char *read_file(const char *path, struct arena *arena, size_t *size)
{
    FILE *file = fopen(path, "re");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "print_compatibility: %s cannot be read\n", path);
        exit(2);
    }
    long end = ftell(file);
    rewind(file);
    char *text = value_alloc(arena, (size_t)end + 1);
    *size = fread(text, 1, (size_t)end, file);
    fclose(file);
    return text;
}

static void print_versions(const struct scenario *scenario, const struct step *step)
{
    if (!scenario->api || strcmp(scenario->api, step->api) != 0)
        return;
    if (scenario->version_min == scenario->version_max)
        printf(" %d", scenario->version_min);
    else
        printf(" %d-%d", scenario->version_min, scenario->version_max);
}

/* The API of a step; that of a `receive` is the scenario's. */
static const char *api_of(const struct scenario *scenario, const struct step *step)
{
    return step->api ? step->api : scenario->api;
}

static void print_differences(const char *path, const struct scenario *scenario, struct arena *arena)
{
    const char *why = "";
    for (const struct step *step = scenario->steps; step; step = step->next) {
        for (const struct step_note *note = step->notes; note; note = note->next) {
            if (note->kind != NOTE_DIFFERS)
                continue;
            const char *answer = note->value ? value_print(arena, note->value, 0, 0) : ANSWER_IS_NOT;
            if (strcmp(note->why, "as above") != 0)
                why = note->why;
            printf("| %s", api_of(scenario, step));
            if (step->api)
                print_versions(scenario, step);
            printf(" | [%s](../%s) | `%s` | ", scenario->name, path, note->path);
            printf(strlen(answer) <= ANSWER_SHOWN ? "`%s`" : "see there", answer);
            printf(" | %s |\n", why);
        }
    }
}

static void print_file(const char *path, struct totals *totals)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    size_t size;
    const char *text = read_file(path, &arena, &size), *error = NULL;
    const struct scenario *scenario = scenario_parse(text, size, &arena, &error);
    if (error) {
        fprintf(stderr, "print_compatibility: %s: %s\n", path, error);
        exit(2);
    }
    for (; scenario; scenario = scenario->next) {
        totals->scenarios++;
        totals->versions += scenario->api ? scenario->version_max - scenario->version_min + 1 : 1;
        print_differences(path, scenario, &arena);
    }
    arena_release(&arena);
}

int main(void)
{
    glob_t files;
    if (glob(SCENARIOS, 0, NULL, &files) != 0 || glob(OF_GROUPS, GLOB_APPEND, NULL, &files) != 0) {
        fprintf(stderr, "print_compatibility: no %s here\n", SCENARIOS);
        return 2;
    }
    struct totals totals = {0};
    printf(
        "# Compatibility with Apache Kafka\n\n"
        "Printed from `tests/conformance` by `make docs`; do not edit.\n\n"
        "dohle's answers are compared field by field with those that Apache Kafka 4.4.0 gave to the same questions.\n"
        "They are equal but for what stands here. `make test` fails when one is equal after all, or different\n"
        "elsewhere; [how it works](../tests/conformance/README.md).\n\n"
        "| asked | scenario | where | dohle answers | why |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| Produce 8-13 | every refused batch | `error_message` | a text | it says what is wrong with the batch, where "
        "Kafka says nothing |\n"
        "| all | every `until` | the place behind it | the value, at once | a change is visible when it is answered; "
        "Kafka's broker hears of it later |\n");
    for (size_t i = 0; i < files.gl_pathc; i++)
        print_file(files.gl_pathv[i], &totals);
    printf("\n%d scenarios, played in %d versions, stand behind it.\n", totals.scenarios, totals.versions);
    globfree(&files);
    return 0;
}
