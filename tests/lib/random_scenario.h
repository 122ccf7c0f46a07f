/* Scenarios that a seed makes: valid and nearly valid requests in random versions, in the language of scenario.h. */
#ifndef DOHLE_TESTS_LIB_RANDOM_SCENARIO_H
#define DOHLE_TESTS_LIB_RANDOM_SCENARIO_H

#include "player.h"

/* The text of one scenario of `steps` requests in versions that `advertised` has, from malloc. The same arguments give
 * the same text. */
char *random_scenario(uint64_t seed, int32_t steps, const struct kp_versions advertised[KP_APIS_COUNT]);

#endif
