/* Plays random scenarios against dohle and Apache Kafka side by side and compares their answers.
 *
 *     random_play --dohle COMMAND --kafka HOST:PORT --launcher COMMAND --data FOLDER [--seed N] [--count N] [--steps N]
 *     random_play --show [--seed N] [--count N] [--steps N]        prints the scenarios and plays none
 *
 * dohle is started by COMMAND; Kafka runs, and is stopped and started by the launcher: both as conformance.c has them.
 *
 * Seeds N, N+1... make scenarios of so many requests each (tests/lib/random_scenario.h). One that is answered
 * differently, and differently again when it is played once more, is made shorter as long as it still differs: steps
 * go, then members and items of what is asked. What differed at first is told, then the short one is printed in the
 * language of tests/conformance, with what differs; what was a find belongs there.
 *
 * Exit 0: no difference. 1: some. 2: it could not be played. tests/conformance/random starts both brokers. */
#include "../lib/answer_rules.h"
#include "../lib/broker_process.h"
#include "../lib/player.h"
#include "../lib/random_scenario.h"
#include "../lib/value_text.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#define STEPS_DEFAULT      12
#define COUNT_DEFAULT      50
#define TEXT_WIDTH         120
#define ANSWER_TIMEOUT_MS  4000 /* nothing that is asked waits as long */
#define PROGRESS_COUNT     100
#define TOLD_MAX           12 /* differences of one scenario: enough to see the pattern */
#define MARKER_VALUE_BYTES 6  /* version, epoch of the coordinator */

struct side {
    struct broker_process broker;
    char *host;
    struct player player;
};

struct sides {
    struct side dohle, kafka;
};

static void fail(const char *what) __attribute__((noreturn));
static void fail(const char *what)
{
    fprintf(stderr, "random_play: %s\n", what);
    exit(2);
}

/* side->broker runs at the address. */
static void side_open(struct side *side, const char *address, bool kafka)
{
    side->host = xstrdup(address);
    char *colon = strrchr(side->host, ':');
    const char *error = NULL;
    if (!colon)
        fail("an address is HOST:PORT");
    *colon = '\0';
    if (!player_init(&side->player, side->host, (int32_t)strtol(colon + 1, NULL, 10), kafka, &error))
        fail(error);
    side->player.process = &side->broker.process;
    side->player.answer_timeout_ms = ANSWER_TIMEOUT_MS;
}

static void side_close(struct side *side)
{
    player_release(&side->player);
    free(side->host);
    broker_process_end(&side->broker);
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

struct comparison {
    struct arena *arena;
    const struct outcome *outcome;
    bool tell;
    int32_t differences;
};

static const char *shown(const struct comparison *comparison, const struct value *value)
{
    return value ? value_print(comparison->arena, value, 0, 0) : "none";
}

/* Kafka fills up the limit with the beginning of a batch, which clients drop; dohle does not, on purpose. */
static bool is_cut_batch(const struct value *wanted, const struct value *got)
{
    return !got && wanted && wanted->type == VALUE_STRING && kp_string_is(wanted->text, "a batch without its end");
}

/* A marker's value holds the epoch of the coordinator, which Kafka raises at each start and dohle after a crash alone,
 * on purpose. */
static bool is_marker_value(const struct value *value)
{
    return value && value->type == VALUE_STRING && value->text.size == MARKER_VALUE_BYTES &&
           memcmp(value->text.data, "\0\0", 2) == 0; /* its version */
}

/* The metadata log of Kafka grows by itself, a record in half a second, and with it what counts the changes of
 * features. */
static bool grows_by_itself(const char *path)
{
    return strcmp(path, "finalized_features_epoch") == 0;
}

static void note_difference(void *context, const char *path, const struct value *wanted, const struct value *got)
{
    struct comparison *comparison = context;
    if (answer_tells_more(comparison->outcome->api, path, wanted, got) || is_cut_batch(wanted, got) ||
        (is_marker_value(wanted) && is_marker_value(got)) || grows_by_itself(path))
        return;
    comparison->differences++;
    if (comparison->tell && comparison->differences <= TOLD_MAX)
        printf("# %s (step %d): %s: Kafka %s, dohle %s\n", comparison->outcome->api, comparison->outcome->number, path,
               shown(comparison, wanted), shown(comparison, got));
}

/* How two plays differ. */
struct verdict {
    int32_t differences; /* places; 0: they do not */
    bool ends_differ;    /* as when only one answers */
};

static struct verdict compare_plays(const struct play *dohle, const struct play *kafka, struct arena *arena, bool tell)
{
    struct comparison comparison = {.arena = arena, .tell = tell};
    const struct outcome *got = dohle->outcomes, *wanted = kafka->outcomes;
    for (; got && wanted; got = got->next, wanted = wanted->next) {
        comparison.outcome = wanted;
        if (wanted->answer && got->answer)
            value_compare(arena, wanted->answer, got->answer, note_difference, &comparison);
        else if (wanted->answer || got->answer)
            note_difference(&comparison, "", wanted->answer, got->answer);
    }
    const char *ours = dohle->error ? dohle->error : "", *theirs = kafka->error ? kafka->error : "";
    bool ends_differ = strcmp(ours, theirs) != 0;
    if (ends_differ && tell)
        printf("# the end: Kafka \"%s\", dohle \"%s\"\n", theirs, ours);
    return (struct verdict){comparison.differences + ends_differ, ends_differ};
}

/* Play it against both, with names of its own. */
static struct verdict play_both(struct sides *sides, const struct scenario *scenario, bool tell)
{
    struct arena arena;
    struct play dohle, kafka;
    arena_init(&arena, SIZE_MAX);
    sides->dohle.player.run++;
    sides->kafka.player.run++;
    player_play(&sides->kafka.player, scenario, -1, &arena, &kafka);
    player_play(&sides->dohle.player, scenario, -1, &arena, &dohle);
    if (sides->dohle.player.gone || sides->kafka.player.gone)
        fail(sides->dohle.player.gone ? "dohle is gone" : "Kafka is gone");
    struct verdict verdict = compare_plays(&dohle, &kafka, &arena, tell);
    arena_release(&arena);
    return verdict;
}

/* ---- making it shorter ------------------------------------------------------------------------------------------- */

/* One that is made shorter, and how it differed at first: what is no answer to one of the brokers would be another
 * find. */
struct shortening {
    struct sides *sides;
    struct scenario *scenario;
    struct verdict verdict;
};

static bool still_differs(const struct shortening *shortening)
{
    struct verdict verdict = play_both(shortening->sides, shortening->scenario, false);
    return verdict.differences > 0 && verdict.ends_differ == shortening->verdict.ends_differ;
}

static bool is_of_process(const struct step *step)
{
    return step->kind == STEP_RESTART || step->kind == STEP_KILL || step->kind == STEP_START;
}

/* Without each step in turn, the last first, or only without those that end the broker; one that is killed is started
 * too. What is waited for stays: else steps of two connections would race. */
static void drop_steps(const struct shortening *shortening, bool only_of_process)
{
    struct scenario *scenario = shortening->scenario;
    int32_t count = 0;
    for (const struct step *step = scenario->steps; step; step = step->next)
        count++;
    for (int32_t at = count - 1; at >= 0; at--) {
        struct step **link = &scenario->steps;
        for (int32_t i = 0; i < at; i++)
            link = &(*link)->next;
        struct step *without = *link;
        if (without->kind == STEP_START || without->kind == STEP_WAITING ||
            (only_of_process && !is_of_process(without)))
            continue;
        *link = without->kind == STEP_KILL ? without->next->next : without->next;
        if (!still_differs(shortening))
            *link = without;
    }
}

/* Does the member say what is asked about? Without it items would be about the same, and dohle answers each of two that
 * are. Others stay because without them no answer comes, or time decides which. */
static bool is_place(const char *key)
{
    static const char *const places[] = {"name",
                                         "topic",
                                         "partition",
                                         "index",
                                         "group",
                                         "resource_name",
                                         "acks",
                                         "rebalance_timeout_ms",
                                         "session_timeout_ms"};
    for (size_t i = 0; key && i < COUNT_OF(places); i++)
        if (strncmp(key, places[i], strlen(places[i])) == 0 || strstr(key, "_index"))
            return true;
    return false;
}

/* Without each member and item inside of `value` in turn. */
static void drop_items(const struct shortening *shortening, struct value *value)
{
    if (value->type != VALUE_OBJECT && value->type != VALUE_LIST)
        return;
    for (struct value **link = &value->first; *link;) {
        struct value *without = *link, *last = value->last;
        if (is_place(without->key)) {
            drop_items(shortening, without);
            link = &without->next;
            continue;
        }
        *link = without->next;
        if (last == without) {
            value->last = value->first;
            while (value->last && value->last->next)
                value->last = value->last->next;
        }
        if (still_differs(shortening))
            continue;
        *link = without;
        value->last = last;
        drop_items(shortening, without);
        link = &without->next;
    }
}

static void make_shorter(const struct shortening *shortening)
{
    drop_steps(shortening, true); /* they take the longest */
    drop_steps(shortening, false);
    for (struct step *step = shortening->scenario->steps; step; step = step->next)
        if (step->kind == STEP_REQUEST || step->kind == STEP_SEND)
            drop_items(shortening, step->value);
    drop_steps(shortening, false);
}

static void print_setup(const struct step *step, struct arena *arena)
{
    printf("  topic %s", step->name);
    if (step->number > 1)
        printf(" partitions %" PRId64, step->number);
    if (step->value)
        printf(" configs %s", value_print(arena, step->value, 0, 0));
    printf("\n");
}

static void print_request(const struct step *step, int column, struct arena *arena)
{
    column += printf("%s%s ", step->kind == STEP_SEND ? "send " : "", step->api);
    if (step->version >= 0)
        column += printf("v%d ", step->version);
    printf("%s%s\n", value_print(arena, step->value, column, TEXT_WIDTH), step->unanswered ? " unanswered" : "");
}

/* In the language of scenario.h, as far as random scenarios have it. */
static void print_step(const struct step *step, struct arena *arena)
{
    bool on_connection = step->connection && strcmp(step->connection, "main") != 0;
    int column = 0;
    if (step->kind != STEP_TOPIC)
        column = printf(on_connection ? "  %s: " : "  ", step->connection);
    switch (step->kind) {
    case STEP_TOPIC:
        print_setup(step, arena);
        break;
    case STEP_GROUP:
        printf("group %s\n", step->name);
        break;
    case STEP_TRANSACTION:
        printf("transaction %s\n", step->name);
        break;
    case STEP_LET:
        printf("let %s = %s\n", step->name, value_print(arena, step->value, 0, 0));
        break;
    case STEP_PASS:
        printf("pass %" PRId64 " ms\n", step->number);
        break;
    case STEP_WAITING:
        printf("waiting\n");
        break;
    case STEP_RECEIVE:
        printf("receive\n");
        break;
    case STEP_RESTART:
        printf("restart\n");
        break;
    case STEP_KILL:
        printf("kill\n");
        break;
    case STEP_START:
        printf("start\n");
        break;
    default:
        print_request(step, column, arena);
    }
    for (const struct step_note *note = step->notes; note; note = note->next) {
        if (note->kind == NOTE_UNTIL)
            printf("    until %s = %s\n", note->path, value_print(arena, note->value, 0, 0));
        if (note->kind == NOTE_BIND)
            printf("    bind %s = %s\n", note->name, note->path);
        if (note->kind == NOTE_PICK)
            printf("    pick %s where %s %s %s\n", note->path, note->name,
                   note->value->type == VALUE_LIST ? "in" : "begins", value_print(arena, note->value, 0, 0));
    }
}

/* One seed. True: both answered alike. */
static bool play_seed(struct sides *sides, uint64_t seed, int32_t steps)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    char *text = random_scenario(seed, steps, sides->dohle.player.advertised);
    const char *error = NULL;
    struct scenario *scenario = scenario_parse(text, strlen(text), &arena, &error);
    if (!scenario)
        fail(error);
    struct verdict verdict = play_both(sides, scenario, false);
    if (verdict.differences > 0) /* once may be by chance */
        verdict = play_both(sides, scenario, true);
    if (verdict.differences > 0) {
        fprintf(stderr, "random_play: seed %" PRIu64 " differs\n", seed);
        fflush(stdout);
        make_shorter(&(struct shortening){sides, scenario, verdict});
        printf("\nscenario %s\n", scenario->name);
        for (const struct step *step = scenario->steps; step; step = step->next)
            print_step(step, &arena);
        play_both(sides, scenario, true);
        fflush(stdout);
    }
    arena_release(&arena);
    free(text);
    return verdict.differences == 0;
}

/* Have both coordinators in both brokers: to the first who asks Kafka has none for a moment. */
static void make_ready(struct sides *sides)
{
    static const char text[] = "scenario random-begins\n  group g\n  transaction x\n";
    struct arena arena;
    const char *error = NULL;
    arena_init(&arena, SIZE_MAX);
    struct scenario *scenario = scenario_parse(text, strlen(text), &arena, &error);
    if (!scenario)
        fail(error);
    if (play_both(sides, scenario, true).differences > 0)
        fail("a coordinator is not ready");
    arena_release(&arena);
}

/* In the versions that dohle would advertise, were it all APIs. */
static void show_seeds(uint64_t seed, int32_t count, int32_t steps)
{
    struct kp_versions versions[KP_APIS_COUNT];
    for (size_t i = 0; i < KP_APIS_COUNT; i++)
        versions[i] = kp_apis[i].versions;
    for (int32_t i = 0; i < count; i++) {
        char *text = random_scenario(seed + (uint64_t)i, steps, versions);
        puts(text);
        free(text);
    }
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"dohle",    required_argument, NULL, 'd'},
        {"kafka",    required_argument, NULL, 'k'},
        {"launcher", required_argument, NULL, 'l'},
        {"data",     required_argument, NULL, 'f'},
        {"seed",     required_argument, NULL, 's'},
        {"count",    required_argument, NULL, 'c'},
        {"steps",    required_argument, NULL, 'n'},
        {"show",     no_argument,       NULL, 'w'},
        {NULL,       0,                 NULL, 0  },
    };
    const char *dohle = NULL, *kafka = NULL, *launcher = NULL, *data = NULL, *error = NULL;
    uint64_t seed = 1;
    bool show = false;
    int32_t count = COUNT_DEFAULT, steps = STEPS_DEFAULT, differ = 0;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == 'd')
            dohle = optarg;
        else if (option == 'k')
            kafka = optarg;
        else if (option == 'l')
            launcher = optarg;
        else if (option == 'f')
            data = optarg;
        else if (option == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (option == 'c')
            count = (int32_t)strtol(optarg, NULL, 10);
        else if (option == 'n')
            steps = (int32_t)strtol(optarg, NULL, 10);
        else if (option == 'w')
            show = true;
        else
            return 2;
    }
    if (show) {
        show_seeds(seed, count, steps);
        return 0;
    }
    if (!dohle || !kafka || !launcher || !data || optind < argc)
        fail("usage: random_play --dohle COMMAND --kafka HOST:PORT --launcher COMMAND --data FOLDER [--seed N] "
             "[--count N] [--steps N]");
    struct sides *sides = xcalloc(1, sizeof *sides);
    if (!broker_process_start_child(&sides->dohle.broker, dohle, NULL, &error))
        fail(error);
    broker_process_use_launcher(&sides->kafka.broker, launcher, data);
    side_open(&sides->dohle, sides->dohle.broker.address, false);
    side_open(&sides->kafka, kafka, true);
    sides->kafka.player.run = sides->dohle.player.run; /* the same names, for topics that stay */
    make_ready(sides);
    for (int32_t i = 0; i < count; i++) {
        differ += !play_seed(sides, seed + (uint64_t)i, steps);
        if ((i + 1) % PROGRESS_COUNT == 0)
            fprintf(stderr, "random_play: %d of %d, %d differ\n", i + 1, count, differ);
    }
    printf("random: %d passed, %d failed, of %d steps each from seed %" PRIu64 " on\n", count - differ, differ, steps,
           seed);
    side_close(&sides->dohle);
    side_close(&sides->kafka);
    free(sides);
    return differ > 0;
}
