/* How a broker did, by API and version: what the conformance suite's --report prints. */
#ifndef DOHLE_TESTS_LIB_SCORES_H
#define DOHLE_TESTS_LIB_SCORES_H

#include "player.h"

struct score {
    int32_t equal, different; /* plays: a scenario in one version */
};

/* Plays of one scenario that differed. */
struct score_difference {
    const char *path, *scenario, *api; /* api: NULL when it is for none */
    int32_t version_min, version_max;  /* in a row */
    struct score_difference *next;
};

struct scores {
    struct arena arena;
    struct score by_version[KP_APIS_COUNT][PLAYER_VERSIONS_MAX];
    struct score of_no_api; /* scenarios that are for no API alone */
    struct score_difference *differences, **differences_end;
};

void scores_init(struct scores *scores);
void scores_release(struct scores *scores);
/* Note a play of `scenario`, of the file `path`, in `version` (of no meaning when it is for no API). Texts are copied.
 */
void scores_note(struct scores *scores, const char *path, const struct scenario *scenario, int32_t version, bool equal);
/* Write the report of the broker of `player` as Markdown. */
void scores_print(FILE *file, const struct scores *scores, const struct player *player);

#endif
