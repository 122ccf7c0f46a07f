/* What the names of a scenario stand for. One table serves both ways: $names in requests are replaced by what they
 * stand for, and what is random or of the clock in an answer is replaced by its name, so that two runs can be compared.
 *
 * Names that always exist: $version, the version that the scenario is played for; $unique, a text that no other
 * scenario and version has; $t0, a minute before the scenario began. In answers also $clock, any time since the
 * scenario began. */
#ifndef DOHLE_TESTS_LIB_NAMES_H
#define DOHLE_TESTS_LIB_NAMES_H

#include "value.h"

struct name {
    const char *name;
    struct value *value;
    bool drawn;        /* the broker chose the value and no other has it: in answers it is replaced by the name */
    struct name *next; /* in the order of definition */
};

struct names {
    struct arena *arena;
    const struct names *outer; /* of the broker: found when there is no such name here; may be NULL */
    struct name *first, *last;
    int64_t began_ms; /* wall clock */
};

void names_init(struct names *names, struct arena *arena, const struct names *outer, int64_t wall_ms);
/* Define, or define anew. */
void names_set(struct names *names, const char *name, struct value *value);
void names_set_drawn(struct names *names, const char *name, struct value *value);
/* NULL when there is none. */
struct value *names_get(const struct names *names, const char *name);
/* The name of a value that the broker drew; NULL when it has none. */
const char *names_of(const struct names *names, const struct value *value);
/* As above, but a value without a name gets one: PREFIX_1, PREFIX_2... in order of appearance. */
const char *names_assign(struct names *names, const char *prefix, struct value *value);

/* A copy of `value` in which all names are replaced. NULL when one is unknown, which *error then names. */
struct value *names_expand(const struct names *names, const struct value *value, const char **error);

/* $t0 is so much before the scenario: times of records stay apart from $clock as long as they add less. */
#define NAMES_T0_BEFORE_MS 60000

#endif
