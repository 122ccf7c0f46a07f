/* Where dohle differs from Apache Kafka on purpose: the notes `differs` and `lacks` of a step. */
#ifndef DOHLE_TESTS_LIB_DIFFERENCES_H
#define DOHLE_TESTS_LIB_DIFFERENCES_H

#include "scenario.h"

/* Change what was recorded of a step, a copy, to what dohle answers. A field that this version lacks stays away. */
void differences_apply(const struct step *step, struct value *recorded, struct arena *arena);

#endif
