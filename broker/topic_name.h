/* What a topic may be called. */
#ifndef DOHLE_BROKER_TOPIC_NAME_H
#define DOHLE_BROKER_TOPIC_NAME_H

#include "../protocol/wire.h"

/* Folder names have to hold it, with a partition and what a deletion appends. */
#define TOPIC_NAME_MAX 249

/* NULL when it is allowed, else a sentence that says why not. Static text. */
const char *topic_name_check(struct kp_string name);
/* Is it one of the topics that brokers make for themselves? */
bool topic_name_is_internal(struct kp_string name);
/* Is it the metadata log, which is no topic that clients see? */
bool topic_name_is_metadata(struct kp_string name);
/* Do they differ at most in '.' against '_'? Names of metrics cannot tell such topics apart. */
bool topic_names_collide(struct kp_string name, struct kp_string other);
/* By bytes, as Java sorts ASCII: below, at or above 0. */
int topic_names_compare(struct kp_string name, struct kp_string other);
/* The same for qsort(), of struct kp_string. */
int topic_names_compare_items(const void *name, const void *other);

#endif
