/* Regular expressions that peers and settings bring, for whole texts. See pattern.c. */
#ifndef DOHLE_BROKER_PATTERN_H
#define DOHLE_BROKER_PATTERN_H

#include "../protocol/base.h"

#include <stdbool.h>
#include <stddef.h>

#define PATTERN_BYTES_MAX 1024

struct pattern;

enum pattern_syntax {
    PATTERN_RE2,  /* of RE2/J, which Kafka takes from clients */
    PATTERN_JAVA, /* of java.util.regex.Pattern, in settings */
};

/* NULL: it is not one of this syntax, or larger than PATTERN_BYTES_MAX. To be freed by the caller. */
struct pattern *pattern_new(enum pattern_syntax syntax, const char *text, size_t size) WARN_UNUSED;
void pattern_free(struct pattern *pattern); /* may be NULL */

/* Does it match the whole text, and not only a part? */
bool pattern_matches(const struct pattern *pattern, const char *text, size_t size);

#endif
