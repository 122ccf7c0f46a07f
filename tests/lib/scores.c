/* See scores.h. The report is for people who write or choose a broker: a table of all versions that the suite knows,
 * those that the broker does not advertise among them, and the scenarios that differ, whose differences the runner
 * printed. */
#include "scores.h"

#include <string.h>

void scores_init(struct scores *scores)
{
    *scores = (struct scores){0};
    arena_init(&scores->arena, SIZE_MAX);
    scores->differences_end = &scores->differences;
}

void scores_release(struct scores *scores)
{
    arena_release(&scores->arena);
}

/* The last difference, when the version before it is of the same scenario. */
static struct score_difference *difference_to_extend(struct scores *scores, const struct scenario *scenario,
                                                     int32_t version)
{
    struct score_difference *last = scores->differences;
    while (last && last->next)
        last = last->next;
    bool extends = last && last->api && strcmp(last->scenario, scenario->name) == 0 && last->version_max + 1 == version;
    return extends ? last : NULL;
}

void scores_note(struct scores *scores, const char *path, const struct scenario *scenario, int32_t version, bool equal)
{
    const struct kp_api *api = scenario->api ? player_api(scenario->api) : NULL;
    struct score *score = api ? &scores->by_version[api - kp_apis][version] : &scores->of_no_api;
    score->equal += equal;
    score->different += !equal;
    if (equal)
        return;
    struct score_difference *before = difference_to_extend(scores, scenario, version);
    if (before) {
        before->version_max = version;
        return;
    }
    struct score_difference *difference = value_alloc(&scores->arena, sizeof *difference);
    *difference = (struct score_difference){
        .path = value_printf(&scores->arena, "%s", path),
        .scenario = value_printf(&scores->arena, "%s", scenario->name),
        .api = api ? api->name : NULL,
        .version_min = version,
        .version_max = version,
    };
    *scores->differences_end = difference;
    scores->differences_end = &difference->next;
}

static void print_version(FILE *file, const struct scores *scores, const struct player *player, size_t i,
                          int16_t version)
{
    const struct score *score = &scores->by_version[i][version];
    fprintf(file, "| %s | %d | ", kp_apis[i].name, version);
    if (!kp_versions_has(player->advertised[i], version))
        fprintf(file, "not served | |\n");
    else
        fprintf(file, "%d | %d |\n", score->equal, score->different);
}

static void print_difference(FILE *file, const struct score_difference *difference)
{
    fprintf(file, "- %s (%s)", difference->scenario, difference->path);
    if (difference->api && difference->version_min == difference->version_max)
        fprintf(file, ": %s %d", difference->api, difference->version_min);
    else if (difference->api)
        fprintf(file, ": %s %d-%d", difference->api, difference->version_min, difference->version_max);
    fputc('\n', file);
}

void scores_print(FILE *file, const struct scores *scores, const struct player *player)
{
    struct score sum = scores->of_no_api;
    int32_t served = 0, versions = 0;
    for (size_t i = 0; i < KP_APIS_COUNT; i++) {
        for (int16_t version = kp_apis[i].versions.first; version <= kp_apis[i].versions.last; version++) {
            sum.equal += scores->by_version[i][version].equal;
            sum.different += scores->by_version[i][version].different;
            served += kp_versions_has(player->advertised[i], version);
            versions++;
        }
    }
    fprintf(
        file,
        "# The broker at %s port %d beside Apache Kafka 4.4.0\n\n"
        "It serves %d of the %d versions that the suite knows. In %d plays it answered as Apache Kafka does, in %d it\n"
        "differed. A play is a scenario in one version of the API that it is for.\n\n"
        "| API | version | as Apache Kafka | different |\n"
        "| --- | --- | --- | --- |\n",
        player->host, player->port, served, versions, sum.equal, sum.different);
    for (size_t i = 0; i < KP_APIS_COUNT; i++)
        for (int16_t version = kp_apis[i].versions.first; version <= kp_apis[i].versions.last; version++)
            print_version(file, scores, player, i, version);
    fprintf(file, "| several | | %d | %d |\n", scores->of_no_api.equal, scores->of_no_api.different);
    if (scores->differences)
        fprintf(file, "\n## Scenarios that differ\n\n");
    for (const struct score_difference *difference = scores->differences; difference; difference = difference->next)
        print_difference(file, difference);
}
