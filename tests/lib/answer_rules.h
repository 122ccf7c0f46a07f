/* What makes two brokers' answers comparable: which fields are random, of the clock, of the address, or free text. */
#ifndef DOHLE_TESTS_LIB_ANSWER_RULES_H
#define DOHLE_TESTS_LIB_ANSWER_RULES_H

#include "names.h"

/* Change an answer of `api` to the form in which it is recorded and compared: random ids, times and addresses become
 * names (new ones are added to `names`), error texts $text, lists in no order are sorted. `until_ms`: the wall clock
 * now. */
void answer_normalize(struct value *answer, const char *api, struct names *names, int64_t until_ms);

/* Keep only the items of the list at `path` whose `field` begins with `wanted`, a text, or is one of `wanted`, a list.
 * "[]" in the path means each item of a list. What is null, or missing in this version, stays so. False: it is no list.
 */
bool answer_pick(struct value *answer, const char *path, const char *field, const struct value *wanted);

/* A difference on purpose that is everywhere: dohle says in words why it refuses a batch, where Kafka leaves the text
 * of most reasons null. Clients show the text and do nothing else with it. */
bool answer_tells_more(const char *api, const char *path, const struct value *wanted, const struct value *got);

#endif
