/* The conformance suite's runner: plays scenarios against a broker and compares its answers with those of Apache Kafka.
 *
 *     conformance [OPTIONS] FILE.scenario...
 *
 *     --bootstrap HOST:PORT   the broker to ask
 *     --start COMMAND         start the broker: a command that prints "... ready on HOST:PORT"; stopped at the end. It
 *                             serves on $PORT, may keep its data in $FOLDER/data, and takes settings by $OVERRIDES
 *     --clock LIBRARY         with --start: tests/crash/clock.c as a library, so that the broker's clocks are the
 * runner's and what waits takes no time
 *     --launcher COMMAND      how the broker at --bootstrap is stopped and started: COMMAND start, stop or kill;
 *                             settings stand behind start
 *     --data FOLDER           and where its data is
 *     --kafka                 the broker is Apache Kafka: no differences on purpose, and changes may take a moment
 *     --other                 the broker is neither dohle nor Apache Kafka: as --kafka, and only versions are asked
 * that it advertises
 *     --report FILE           write there how each version of each API did, as Markdown
 *     --record                write the answers beside the scenarios, as FILE.answers, instead of comparing
 *     --only NAME             only scenarios whose name contains NAME; versions are not counted then
 *     --part                  the scenarios are not meant to ask all versions
 *     --besides FILE          scenarios of another run, with other settings: what they are for counts as asked
 *     --errors FILE           which errors each API has to show in its recorded answers; see error_coverage.h
 *     --versions              print how often each version was asked
 *
 * Exit 0: all as recorded, every version that the broker advertises was asked at least once, and every error was shown.
 * 1: a difference. 2: the suite could not be played. tests/conformance/README.md tells the language. */
#include "../lib/answer_rules.h"
#include "../lib/broker_process.h"
#include "../lib/differences.h"
#include "../lib/error_coverage.h"
#include "../lib/kafka_client.h"
#include "../lib/player.h"
#include "../lib/recording.h"
#include "../lib/scores.h"
#include "../lib/value_text.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#define DIFFERENCES_SHOWN 12 /* of one play: enough to see the pattern */
#define VALUE_SHOWN       200
#define BESIDES_MAX       64

struct options {
    const char *bootstrap, *start, *launcher, *data, *only, *report, *errors, *clock;
    const char *besides[BESIDES_MAX];
    int32_t besides_count;
    bool kafka, other, record, part, versions;
};

struct totals {
    int32_t scenarios, passed, failed;
    struct scores scores;
    struct error_coverage errors; /* of no API unless --errors is given */
};

static void fail(const char *format, ...) PRINTF_LIKE(1, 2) __attribute__((noreturn));
static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("conformance: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

/* The whole file, terminated; NULL when it cannot be read, errno says why. */
static char *read_file(const char *path, struct arena *arena)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    char *text = NULL;
    if (size >= 0) {
        rewind(file);
        text = value_alloc(arena, (size_t)size + 1);
        if (fread(text, 1, (size_t)size, file) != (size_t)size)
            text = NULL;
    }
    fclose(file);
    return text;
}

/* Where the answers of a scenario file are; NULL after saying that it is none. */
static const char *answers_path(const char *path, struct arena *arena)
{
    const char *dot = strrchr(path, '.');
    if (dot && strcmp(dot, ".scenario") == 0)
        return value_printf(arena, "%.*s.answers", (int)(dot - path), path);
    printf("FAIL %s: not named *.scenario\n", path);
    return NULL;
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */

/* What differs is gathered as text, so that a scenario that fails alike in many versions says it once. */
struct report {
    struct arena *arena;
    const char *file;
    bool kafka; /* no differences on purpose */
    char text[16384];
    size_t size;
    int32_t differences;
    const struct outcome *outcome;
};

static void report_line(struct report *report, const char *format, ...) PRINTF_LIKE(2, 3);
static void report_line(struct report *report, const char *format, ...)
{
    size_t left = sizeof report->text - report->size;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(report->text + report->size, left, format, arguments);
    va_end(arguments);
    report->size += (size_t)size < left ? (size_t)size : left - 1;
}

static const char *shown(struct report *report, const struct value *value)
{
    if (!value)
        return "none";
    char *text = value_print(report->arena, value, 0, 0);
    if (strlen(text) > VALUE_SHOWN)
        memcpy(text + VALUE_SHOWN - 4, " ...", 5);
    return text;
}

static void report_difference(void *context, const char *path, const struct value *wanted, const struct value *got)
{
    struct report *report = context;
    if (!report->kafka && answer_tells_more(report->outcome->api, path, wanted, got))
        return;
    if (report->differences++ < DIFFERENCES_SHOWN)
        report_line(report, "    %s:%d: %s (step %d): %s: Kafka %s, got %s\n", report->file,
                    report->outcome->step->line, report->outcome->api, report->outcome->number,
                    *path ? path : "the answer", shown(report, wanted), shown(report, got));
}

static void compare_play(struct report *report, const struct player *player, const struct scenario *scenario,
                         int32_t version, const struct play *play, const struct recorded *recording)
{
    int32_t outcomes = 0;
    for (const struct outcome *outcome = play->outcomes; outcome; outcome = outcome->next, outcomes++) {
        const struct recorded *recorded = recording_find(recording, scenario->name, outcome->number, version);
        report->outcome = outcome;
        if (!recorded) {
            report_line(report, "    %s:%d: nothing is recorded for this step: make conformance-record\n", report->file,
                        outcome->step->line);
            report->differences++;
        } else if (recorded->answer && outcome->answer) {
            struct value *wanted = value_copy(report->arena, recorded->answer);
            if (!player->kafka)
                differences_apply(outcome->step, wanted, report->arena);
            recorded_narrow(recorded, wanted, outcome->version);
            value_compare(report->arena, wanted, outcome->answer, report_difference, report);
        } else if (recorded->answer || outcome->answer) {
            report_difference(report, "", recorded->answer, outcome->answer);
        }
    }
    if (play->error) {
        report_line(report, "    %s:%d: %s\n", report->file, play->error_line, play->error);
        report->differences++;
    } else if (outcomes < recording_count(recording, scenario->name, version)) {
        report_line(report, "    %s:%d: more steps are recorded than played: make conformance-record\n", report->file,
                    scenario->line);
        report->differences++;
    }
}

/* ---- playing ---------------------------------------------------------------------------------------------------- */

static void scenario_versions(const struct scenario *scenario, int32_t *version_min, int32_t *count)
{
    *version_min = scenario->api ? scenario->version_min : -1;
    *count = scenario->api ? scenario->version_max - scenario->version_min + 1 : 1;
}

/* Does a recorded answer to the step, in any version, have something at `path`? */
static bool is_recorded_at(const struct recorded *recording, const struct scenario *scenario, int32_t step_number,
                           const char *path)
{
    for (; recording; recording = recording->next)
        if (recording->step_number == step_number && strcmp(recording->scenario, scenario->name) == 0 &&
            recording->answer && value_at(recording->answer, path))
            return true;
    return false;
}

/* A difference on purpose in a place that no answer has is a mistake in the scenario. */
static void check_differences(const char *path, const struct scenario *scenario, const struct recorded *recording,
                              struct totals *totals)
{
    int32_t number = 1;
    for (const struct step *step = scenario->steps; step; step = step->next, number++) {
        for (const struct step_note *note = step->notes; note; note = note->next) {
            if (note->kind != NOTE_DIFFERS || is_recorded_at(recording, scenario, number, note->path))
                continue;
            printf("FAIL %s\n    %s:%d: no answer has %s\n", scenario->name, path, step->line, note->path);
            totals->failed++;
        }
    }
}

/* Is the scenario to be asked in this version? Of other brokers only what they say they serve. */
static bool is_wanted(const struct player *player, const struct options *options, const struct scenario *scenario,
                      int32_t version)
{
    const struct kp_api *api = options->other && scenario->api ? player_api(scenario->api) : NULL;
    return !api || kp_versions_has(player->advertised[api - kp_apis], (int16_t)version);
}

/* Play a scenario in its versions and compare. Of versions that fail with the same words as the one before only the
 * number is said. */
static void check_scenario(struct player *player, const struct options *options, const char *path,
                           const struct scenario *scenario, const struct recorded *recording, struct totals *totals)
{
    int32_t version_min, count;
    scenario_versions(scenario, &version_min, &count);
    struct report *report = xcalloc(1, sizeof *report);
    char *previous = xstrdup("");
    for (int32_t i = 0; i < count && !player->gone; i++) {
        if (!is_wanted(player, options, scenario, version_min + i))
            continue;
        struct arena arena;
        struct play play;
        arena_init(&arena, PLAYER_ARENA_BYTES);
        *report = (struct report){.arena = &arena, .file = path, .kafka = player->kafka};
        player_play(player, scenario, version_min < 0 ? -1 : version_min + i, &arena, &play);
        compare_play(report, player, scenario, version_min < 0 ? -1 : version_min + i, &play, recording);
        scores_note(&totals->scores, path, scenario, version_min + i, !report->differences);
        if (!report->differences) {
            totals->passed++;
        } else {
            totals->failed++;
            printf("FAIL %s", scenario->name);
            if (version_min >= 0)
                printf(" with %s v%d", scenario->api, version_min + i);
            bool same = strcmp(previous, report->text) == 0;
            printf(same ? ": the same\n" : "\n%s", report->text);
            if (!same && report->differences > DIFFERENCES_SHOWN)
                printf("    and %d differences more\n", report->differences - DIFFERENCES_SHOWN);
            free(previous);
            previous = xstrdup(report->text);
        }
        arena_release(&arena);
    }
    check_differences(path, scenario, recording, totals);
    free(previous);
    free(report);
}

/* Play a scenario in its versions and write what was answered. */
static bool record_scenario(struct player *player, const char *path, const struct scenario *scenario, FILE *file,
                            struct totals *totals)
{
    int32_t version_min, count;
    scenario_versions(scenario, &version_min, &count);
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct play *plays = value_alloc(&arena, (size_t)count * sizeof *plays);
    bool ok = true;
    for (int32_t i = 0; i < count && ok; i++) {
        player_play(player, scenario, version_min < 0 ? -1 : version_min + i, &arena, &plays[i]);
        ok = !plays[i].error;
        totals->passed += ok;
        if (!ok)
            printf("FAIL %s, version %d\n    %s:%d: %s\n", scenario->name, version_min + i, path, plays[i].error_line,
                   plays[i].error);
    }
    if (ok)
        recording_write(file, scenario, plays, version_min, count, &arena);
    totals->failed += !ok;
    arena_release(&arena);
    return ok;
}

/* Read and parse a scenario file; NULL after saying why not. */
static const struct scenario *open_scenarios(const char *path, struct arena *arena)
{
    const char *text = read_file(path, arena), *error = NULL;
    if (!text) {
        printf("FAIL %s: %s\n", path, strerror(errno));
        return NULL;
    }
    const struct scenario *scenarios = scenario_parse(text, strlen(text), arena, &error);
    if (!scenarios)
        printf("FAIL %s: %s\n", path, error ? error : "no scenario is in it");
    return scenarios;
}

/* Read what is recorded of a scenario file; nothing is when there is no such file. False after saying what is wrong. */
static bool open_recording(const char *path, struct arena *arena, struct recorded **recording)
{
    const char *answers = answers_path(path, arena), *error = NULL;
    if (!answers)
        return false;
    *recording = NULL;
    const char *text = read_file(answers, arena);
    if (!text || recording_parse(text, strlen(text), arena, recording, &error))
        return true;
    printf("FAIL %s: %s\n", answers, error);
    return false;
}

static bool check_file(struct player *player, const struct options *options, const char *path, struct arena *arena,
                       struct totals *totals)
{
    struct recorded *recording;
    if (!open_recording(path, arena, &recording))
        return false;
    error_coverage_note(&totals->errors, recording);
    const struct scenario *scenario = open_scenarios(path, arena);
    bool opened = scenario != NULL;
    for (; scenario && !player->gone; scenario = scenario->next) {
        if (options->only && !strstr(scenario->name, options->only))
            continue;
        totals->scenarios++;
        check_scenario(player, options, path, scenario, recording, totals);
    }
    return opened;
}

/* The old answers stay until all new ones are there. */
static bool record_file(struct player *player, const char *path, struct arena *arena, struct totals *totals)
{
    const struct scenario *scenario = open_scenarios(path, arena);
    const char *answers = answers_path(path, arena);
    if (!scenario || !answers)
        return false;
    const char *written = value_printf(arena, "%s.new", answers);
    FILE *file = fopen(written, "we");
    if (!file) {
        printf("FAIL %s: %s\n", written, strerror(errno));
        return false;
    }
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    fprintf(file, "# Apache Kafka's answers to %s, written by `make conformance-record`.\n", name);
    bool ok = true;
    for (; scenario && !player->gone; scenario = scenario->next) {
        totals->scenarios++;
        ok = record_scenario(player, path, scenario, file, totals) && ok;
    }
    bool whole = fclose(file) == 0;
    if (!ok)
        remove(written);
    else if (!whole || rename(written, answers) != 0)
        printf("FAIL %s: %s\n", answers, strerror(errno));
    return whole;
}

static void play_file(struct player *player, const struct options *options, const char *path, struct totals *totals)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    if (!(options->record ? record_file(player, path, &arena, totals)
                          : check_file(player, options, path, &arena, totals)))
        totals->failed++;
    arena_release(&arena);
}

/* Count what the scenarios of another run ask and were answered. */
static bool count_file(struct player *player, const char *path, struct totals *totals)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    const struct scenario *scenario = open_scenarios(path, &arena);
    struct recorded *recording;
    bool opened = scenario && open_recording(path, &arena, &recording);
    if (opened)
        error_coverage_note(&totals->errors, recording);
    for (; scenario; scenario = scenario->next) {
        int32_t version_min, count;
        scenario_versions(scenario, &version_min, &count);
        const struct kp_api *api = version_min < 0 ? NULL : player_api(scenario->api);
        for (int32_t i = 0; api && i < count; i++)
            player->played[api - kp_apis][version_min + i]++;
    }
    arena_release(&arena);
    return opened;
}

/* Every version that the broker advertises must have been asked; of Apache Kafka, which has more APIs than the suite
 * yet, of APIs that were asked at all. */
static int32_t check_versions(const struct player *player, const struct options *options)
{
    int32_t missing = 0, asked = 0, apis = 0;
    for (size_t i = 0; i < KP_APIS_COUNT; i++) {
        struct kp_versions versions = player->advertised[i];
        if (versions.first < kp_apis[i].versions.first)
            versions.first = kp_apis[i].versions.first; /* Produce 0-2 is advertised, and not served */
        int32_t sum = 0;
        for (int16_t version = 0; version < PLAYER_VERSIONS_MAX; version++)
            sum += player->played[i][version];
        if (options->kafka && !sum)
            continue;
        apis += versions.first <= versions.last;
        for (int16_t version = versions.first; version <= versions.last; version++) {
            asked += player->played[i][version] > 0;
            if (options->versions)
                printf("%6d %s v%d\n", player->played[i][version], kp_apis[i].name, version);
            if (!player->played[i][version]) {
                printf("FAIL no scenario asks %s v%d\n", kp_apis[i].name, version);
                missing++;
            }
        }
    }
    printf("conformance: %d versions of %d APIs asked, %d missing\n", asked, apis, missing);
    return missing;
}

/* All memory of *errors is from *arena, which is begun here. */
static void open_errors(const struct options *options, struct arena *arena, struct error_coverage *errors)
{
    arena_init(arena, SIZE_MAX);
    *errors = (struct error_coverage){.arena = arena};
    if (!options->errors)
        return;
    const char *text = read_file(options->errors, arena), *error = NULL;
    if (!text)
        fail("%s: %s", options->errors, strerror(errno));
    if (!error_coverage_parse(errors, text, strlen(text), arena, &error))
        fail("%s: %s", options->errors, error);
}

static void write_report(const char *path, const struct scores *scores, const struct player *player)
{
    FILE *file = fopen(path, "we");
    if (!file)
        fail("%s: %s", path, strerror(errno));
    scores_print(file, scores, player);
    if (fclose(file) != 0)
        fail("%s: %s", path, strerror(errno));
}

static void parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"bootstrap", required_argument, NULL, 'b'},
        {"start",     required_argument, NULL, 's'},
        {"launcher",  required_argument, NULL, 'l'},
        {"data",      required_argument, NULL, 'd'},
        {"kafka",     no_argument,       NULL, 'k'},
        {"other",     no_argument,       NULL, 't'},
        {"report",    required_argument, NULL, 'w'},
        {"record",    no_argument,       NULL, 'r'},
        {"only",      required_argument, NULL, 'o'},
        {"part",      no_argument,       NULL, 'p'},
        {"besides",   required_argument, NULL, 'e'},
        {"errors",    required_argument, NULL, 'm'},
        {"clock",     required_argument, NULL, 'c'},
        {"versions",  no_argument,       NULL, 'v'},
        {NULL,        0,                 NULL, 0  },
    };
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case 'b':
            options->bootstrap = optarg;
            break;
        case 's':
            options->start = optarg;
            break;
        case 'l':
            options->launcher = optarg;
            break;
        case 'd':
            options->data = optarg;
            break;
        case 'k':
            options->kafka = true;
            break;
        case 't':
            options->kafka = options->other = true;
            break;
        case 'w':
            options->report = optarg;
            break;
        case 'r':
            options->record = true;
            break;
        case 'o':
            options->only = optarg;
            break;
        case 'p':
            options->part = true;
            break;
        case 'e':
            if (options->besides_count == BESIDES_MAX)
                fail("more than %d files --besides", BESIDES_MAX);
            options->besides[options->besides_count++] = optarg;
            break;
        case 'm':
            options->errors = optarg;
            break;
        case 'c':
            options->clock = optarg;
            break;
        case 'v':
            options->versions = true;
            break;
        default:
            exit(2);
        }
    }
    if (!options->bootstrap == !options->start || optind == argc)
        fail("usage: conformance (--bootstrap HOST:PORT | --start COMMAND) [--kafka] [--record] [--only NAME] FILE...");
    if (!options->launcher != !options->data || (options->launcher && options->start))
        fail("--launcher and --data go with --bootstrap, and with each other");
    if (options->record && (options->only || !options->kafka))
        fail("--record records whole files, of Apache Kafka (--kafka)");
}

/* HOST:PORT or [HOST]:PORT, which is changed: *host is a part of it. Returns the port. */
static int32_t split_address(char *address, char **host)
{
    char *colon = strrchr(address, ':'), *end;
    long port = colon ? strtol(colon + 1, &end, 10) : 0;
    if (!colon || *end || port < 1 || port > UINT16_MAX)
        fail("'%s' is not HOST:PORT", address);
    *colon = '\0';
    *host = address;
    if (address[0] == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        *host = address + 1;
    }
    return (int32_t)port;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    parse_options(argc, argv, &options);
    struct broker_process broker = {0};
    const char *error = NULL;
    if (options.start && !broker_process_start_child(&broker, options.start, options.clock, &error))
        fail("'%s' did not start: %s", options.start, error);
    if (options.launcher)
        broker_process_use_launcher(&broker, options.launcher, options.data);
    char *address = xstrdup(options.start ? broker.address : options.bootstrap), *host;
    int32_t port = split_address(address, &host);

    struct player player;
    struct totals totals = {0};
    scores_init(&totals.scores);
    struct arena errors;
    open_errors(&options, &errors, &totals.errors);
    int64_t began_ms = client_mono_ms();
    bool ok = player_init(&player, host, port, options.kafka, &error);
    if (!ok)
        printf("conformance: %s port %d: %s\n", host, port, error);
    player.process = broker.command ? &broker.process : NULL;
    for (int i = optind; i < argc && ok && !player.gone; i++)
        play_file(&player, &options, argv[i], &totals);
    for (int32_t i = 0; i < options.besides_count && ok; i++)
        totals.failed += !count_file(&player, options.besides[i], &totals);
    if (player.gone)
        printf("FAIL the broker is gone: the rest was not played\n");
    else if (ok && !options.only && !options.part)
        totals.failed += check_versions(&player, &options);
    if (ok && options.errors)
        totals.failed += error_coverage_check(&totals.errors, player.advertised);
    if (ok && options.report)
        write_report(options.report, &totals.scores, &player);
    scores_release(&totals.scores);
    arena_release(&errors);
    player_release(&player);
    if (!broker_process_end(&broker)) {
        printf("FAIL the broker did not end with 0\n");
        totals.failed++;
    }
    free(address);
    printf("conformance: %d passed, %d failed in %d scenarios, %.1f s\n", totals.passed, totals.failed,
           totals.scenarios, (double)(client_mono_ms() - began_ms) / 1000);
    return !ok ? 2 : totals.failed ? 1 : 0;
}
