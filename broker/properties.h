/* Java's .properties files: server.properties, meta.properties. */
#ifndef DOHLE_BROKER_PROPERTIES_H
#define DOHLE_BROKER_PROPERTIES_H

#include "../protocol/base.h"

#include <stdbool.h>

#define PROPERTIES_ERROR_SIZE 128

/* Called for each property in order; both texts are valid for the call. `line` is where it begins, from 1. False ends.
 */
typedef bool (*properties_cb)(void *context, const char *key, const char *value, int line);

/* Read `size` bytes of text. A key may come more than once: the last one counts, as in Java. On failure false: `each`
 * returned false (then *error is empty), or the text is no properties file (then `error` is a sentence about line
 * *line). */
bool properties_parse(const char *text, size_t size, properties_cb each, void *context, int *line,
                      char error[PROPERTIES_ERROR_SIZE]) WARN_UNUSED;

#endif
