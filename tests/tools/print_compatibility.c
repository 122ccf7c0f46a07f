/* Prints docs/compatibility.md from the scenarios of the conformance suite: which of them ask each version of each API,
 * and every difference on purpose, which is a note there, with its reason; the suite fails when dohle does not answer
 * so. Run it in the root of the repository. */
#include "../lib/error_coverage.h"
#include "../lib/player.h"
#include "../lib/scenario.h"
#include "../lib/value_text.h"

#include <glob.h>
#include <string.h>

#define SCENARIOS     "tests/conformance/*.scenario"
#define OF_GROUPS     "tests/conformance/*/*.scenario"
#define OF_FILES      "tests/disk/*.scenario"
#define ERRORS        "tests/conformance/errors.reachable"
#define ANSWER_SHOWN  60 /* characters of a value that fit into the table; longer ones are in the scenario */
#define ANSWER_IS_NOT "nothing"

#define FILES_MAX 256

/* All scenario files, parsed. */
struct suite {
    struct arena arena;
    const char *paths[FILES_MAX];
    const struct scenario *scenarios[FILES_MAX]; /* the first of each file */
    size_t count;
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
    if (!scenario->api || !step->api || strcmp(scenario->api, step->api) != 0)
        return;
    if (scenario->version_min == scenario->version_max)
        printf(" %d", scenario->version_min);
    else
        printf(" %d-%d", scenario->version_min, scenario->version_max);
}

/* What a step asks: an API, that of a `receive` is the scenario's; or files. */
static const char *asked_of(const struct scenario *scenario, const struct step *step)
{
    if (step->kind == STEP_FILES)
        return "files";
    if (step->kind == STEP_GROUP_LOG)
        return "`__consumer_offsets`";
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
            printf("| %s", asked_of(scenario, step));
            print_versions(scenario, step);
            printf(" | [%s](../%s) | `%s` | ", scenario->name, path, note->path);
            printf(strlen(answer) <= ANSWER_SHOWN ? "`%s`" : "see there", answer);
            printf(" | %s |\n", why);
        }
    }
}

/* ---- scenarios by API and version -------------------------------------------------------------------------------- */

static bool is_for(const struct scenario *scenario, const char *api, int32_t version_min, int32_t version_max)
{
    return scenario->api && strcmp(scenario->api, api) == 0 && scenario->version_min == version_min &&
           scenario->version_max == version_max;
}

/* One row: what is asked in exactly these versions; nothing when there is no such scenario. */
static void print_row(const struct suite *suite, const char *api, int32_t version_min, int32_t version_max)
{
    bool any = false;
    for (size_t i = 0; i < suite->count; i++) {
        bool linked = false;
        for (const struct scenario *scenario = suite->scenarios[i]; scenario; scenario = scenario->next) {
            if (!is_for(scenario, api, version_min, version_max))
                continue;
            if (!any && version_min == version_max)
                printf("| %s %d | ", api, version_min);
            else if (!any)
                printf("| %s %d-%d | ", api, version_min, version_max);
            else
                printf(linked ? ", " : "; ");
            if (!linked)
                printf("[%s](../%s): ", strrchr(suite->paths[i], '/') + 1, suite->paths[i]);
            printf("%s", scenario->name);
            linked = any = true;
        }
    }
    if (any)
        printf(" |\n");
}

static void print_scenarios(const struct suite *suite)
{
    for (size_t i = 0; i < KP_APIS_COUNT; i++)
        for (int32_t version_min = 0; version_min < PLAYER_VERSIONS_MAX; version_min++)
            for (int32_t version_max = version_min; version_max < PLAYER_VERSIONS_MAX; version_max++)
                print_row(suite, kp_apis[i].name, version_min, version_max);
}

/* ---- errors ------------------------------------------------------------------------------------------------------- */

static void print_shown(const struct error_named *errors)
{
    const char *between = "";
    for (const struct error_named *named = errors; named; named = named->next) {
        if (named->beyond)
            continue;
        printf("%s%s", between, named->error);
        between = ", ";
    }
}

static void print_beyond(const struct error_named *errors)
{
    const struct error_reason *reason = NULL;
    for (const struct error_named *named = errors; named; named = named->next) {
        if (!named->beyond)
            continue;
        if (named->beyond != reason)
            printf(reason ? "; *%s*: " : "*%s*: ", named->beyond->name);
        else
            printf(", ");
        printf("%s", named->error);
        reason = named->beyond;
    }
}

static void print_errors(struct arena *arena)
{
    struct error_coverage *coverage = xcalloc(1, sizeof *coverage);
    size_t size;
    const char *text = read_file(ERRORS, arena, &size), *error;
    if (!error_coverage_parse(coverage, text, size, arena, &error)) {
        fprintf(stderr, "print_compatibility: " ERRORS ": %s\n", error);
        exit(2);
    }
    printf("\n## Errors by API\n\n"
           "What is shown is in recorded answers. What is not cannot be brought about with one node and scenarios "
           "alone:\n\n");
    for (const struct error_reason *reason = coverage->reasons; reason; reason = reason->next)
        printf("- *%s*: %s\n", reason->name, reason->text);
    printf("\n| API | shown | not shown |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < KP_APIS_COUNT; i++) {
        if (!coverage->apis[i].errors)
            continue;
        printf("| %s | ", kp_apis[i].name);
        print_shown(coverage->apis[i].errors);
        printf(" | ");
        print_beyond(coverage->apis[i].errors);
        printf(" |\n");
    }
    free(coverage);
}

/* ---- the document ------------------------------------------------------------------------------------------------ */

static void suite_read(struct suite *suite, const char *path)
{
    size_t size;
    const char *text = read_file(path, &suite->arena, &size), *error = NULL;
    const struct scenario *scenario = scenario_parse(text, size, &suite->arena, &error);
    if (error || suite->count == FILES_MAX) {
        fprintf(stderr, "print_compatibility: %s: %s\n", path, error ? error : "too many files");
        exit(2);
    }
    suite->paths[suite->count] = path;
    suite->scenarios[suite->count++] = scenario;
}

static void print_totals(const struct suite *suite)
{
    int32_t scenarios = 0, plays = 0;
    for (size_t i = 0; i < suite->count; i++) {
        for (const struct scenario *scenario = suite->scenarios[i]; scenario; scenario = scenario->next) {
            scenarios++;
            plays += scenario->api ? scenario->version_max - scenario->version_min + 1 : 1;
        }
    }
    printf("\n%d scenarios, played in %d versions, stand behind it.\n", scenarios, plays);
}

int main(void)
{
    glob_t files;
    if (glob(SCENARIOS, 0, NULL, &files) != 0 || glob(OF_GROUPS, GLOB_APPEND, NULL, &files) != 0 ||
        glob(OF_FILES, GLOB_APPEND, NULL, &files) != 0) {
        fprintf(stderr, "print_compatibility: no %s here\n", SCENARIOS);
        return 2;
    }
    struct suite *suite = xcalloc(1, sizeof *suite);
    arena_init(&suite->arena, SIZE_MAX);
    for (size_t i = 0; i < files.gl_pathc; i++)
        suite_read(suite, files.gl_pathv[i]);
    printf(
        "# Compatibility with Apache Kafka\n\n"
        "Printed from `tests/conformance` and `tests/disk` by `make docs`; do not edit.\n\n"
        "dohle's answers are compared field by field with those that Apache Kafka 4.4.0 gave to the same questions, "
        "and\n"
        "its files byte for byte. They are equal but for what stands under \"Differences on purpose\". `make test` "
        "fails\n"
        "when one is equal after all, or different elsewhere; [how it works](../tests/conformance/README.md), also "
        "with\n"
        "other brokers.\n\n"
        "## Differences on purpose\n\n"
        "| asked | scenario | where | dohle answers | why |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| Produce 8-13 | every refused batch | `error_message` | a text | it says what is wrong with the batch, where "
        "Kafka says nothing |\n"
        "| all | every `until` | the place behind it | the value, at once | a change is visible when it is answered; "
        "Kafka's broker hears of it later |\n");
    for (size_t i = 0; i < suite->count; i++)
        for (const struct scenario *scenario = suite->scenarios[i]; scenario; scenario = scenario->next)
            print_differences(suite->paths[i], scenario, &suite->arena);
    printf("\n## Scenarios by API and version\n\n"
           "Each is played once in each of the versions.\n\n"
           "| asked | scenarios |\n"
           "| --- | --- |\n");
    print_scenarios(suite);
    print_totals(suite);
    print_errors(&suite->arena);
    arena_release(&suite->arena);
    free(suite);
    globfree(&files);
    return 0;
}
