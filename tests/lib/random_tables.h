/* What random scenarios are made of, as tables: themes, each with what it asks, what its fields hold, and how it begins
 * and ends. random_scenario.c is the code. */
#ifndef DOHLE_TESTS_LIB_RANDOM_TABLES_H
#define DOHLE_TESTS_LIB_RANDOM_TABLES_H

#include "messages.h"

#define RANDOM_CHOICES_MAX 24

/* What fields of a name hold, as texts of the scenario language; the first `usual` of them much more often than the
 * others. A name with a dot is no field but a part of a batch, or of the scenario itself. */
struct field_choices {
    const char *api; /* NULL: any */
    const char *field;
    size_t usual;
    const char *choices[RANDOM_CHOICES_MAX]; /* behind the last: NULL */
};

/* An API of a theme. */
struct asked_api {
    const char *name;
    size_t weight;   /* how often it is asked, beside the others */
    bool goes_on;    /* Kafka goes on with it behind its answer: its broker hears of a topic, a transaction ends */
    bool unanswered; /* it is to say so: Produce with acks 0 */
};

/* What goes for an API in all themes; of those that have no row nothing does. */
struct api_rule {
    const char *name;
    int16_t first_version; /* older ones are not asked */
    bool repeats;          /* a topic, partition or other place may be named twice in a request */
    const char *picks;     /* notes behind each request; NULL: none */
};

struct theme {
    const char *name;
    size_t weight; /* how often it comes, beside the others */
    const struct asked_api *apis;
    size_t apis_count;
    const struct field_choices *fields; /* go before those of all themes */
    size_t fields_count;
    bool in_session;     /* its Fetch requests are mostly those of one session */
    bool restarts;       /* the broker may be stopped or killed in the middle, and starts again */
    const char *closing; /* steps at the end; NULL: none */
};

extern const struct theme random_themes[];
extern const size_t random_themes_count;

/* The rows of all themes. */
extern const struct field_choices random_fields[];
extern const size_t random_fields_count;

/* The row for a field of an API: the theme's before that of all themes, the API's before that of any. NULL: none. */
const struct field_choices *random_choices(const struct theme *theme, const char *api, const char *field);

const struct api_rule *random_api_rule(const char *api);

#endif
