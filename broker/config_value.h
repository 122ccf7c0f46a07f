/* One value of a Kafka setting: its type, what is allowed, and its text.
 *
 * Settings arrive as text from files, the environment, the command line and requests, and leave as text in answers.
 * What a setting allows is text as well, read by the check and printed in errors and documentation, so the two cannot
 * differ:
 *
 *     NULL                     whatever the type can hold
 *     ">= 1", "1 to 17"        numbers
 *     "-1 or 1 to 9"
 *     "[compact, delete]"      a string that is one of these; a list of some of these
 *     "[...] in any case"
 *     "[...], not empty"       at least one of these
 *     "not empty"              a string or list with something in it
 *     "* or PARTITION:BROKER,..."  throttled replicas
 *     "HOST:COUNT,..."         connections of addresses */
#ifndef DOHLE_BROKER_CONFIG_VALUE_H
#define DOHLE_BROKER_CONFIG_VALUE_H

#include "../protocol/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* Numbers of the protocol (DescribeConfigs, config_type). */
enum config_type {
    CONFIG_BOOLEAN = 1,
    CONFIG_STRING = 2,
    CONFIG_INT = 3,
    CONFIG_SHORT = 4,
    CONFIG_LONG = 5,
    CONFIG_DOUBLE = 6,
    CONFIG_LIST = 7,
    CONFIG_CLASS = 8,
    CONFIG_PASSWORD = 9,
};

#define CONFIG_ERROR_SIZE 512 /* a sentence and a name; longer ones are cut */

struct config_value {
    int64_t integer; /* BOOLEAN (0, 1), SHORT, INT, LONG */
    double real;     /* DOUBLE */
    char *text; /* canonical: no space around it or its list items, each of these once, numbers and booleans as Java
                 * prints them */
};

/* "boolean", "int", ... Static text. */
const char *config_type_name(enum config_type type);

/* Read `text` as a value of `type` that `allowed` allows. On success value->text is malloc'ed and the caller's to free.
 * On failure false, and `error` (CONFIG_ERROR_SIZE) says what it must be, such as "must be an int, >= 1". */
bool config_value_parse(enum config_type type, const char *allowed, const char *text, struct config_value *value,
                        char *error) WARN_UNUSED;

/* The double as Java's Double.toString() writes it: "0.5", "1.0", "1.0E10". */
#define CONFIG_DOUBLE_SIZE 64
void config_double_text(double number, char text[CONFIG_DOUBLE_SIZE]);

/* Is `item` (of `size` characters) an item of the canonical list `list`? */
bool config_list_has(const char *list, const char *item, size_t size);
/* Step through a canonical list: *item becomes the next one, *size its length, *rest what follows. False at the end.
 * Start with *rest = list. */
bool config_list_next(const char **rest, const char **item, size_t *size);
/* One of the items of a list "HOST:COUNT,...": the host without spaces around it, which may have colons itself; the
 * count as it stands there. host.size is -1 when there is no colon. Both point into the list. */
struct config_host_count {
    struct kp_string host, count;
};
/* The same steps as config_list_next(). */
bool config_host_count_next(const char **rest, struct config_host_count *item);
/* Does `text`, a list as it was written, name an item twice? False when it is no list. */
bool config_list_repeats(const char *text);
/* The canonical list `list` with the items of `change` appended that it lacks, or without them. From malloc. */
char *config_list_change(const char *list, const char *change, bool append);

#endif
