/* A tree of values as readable text: what a scenario sends, what a broker answered, what was recorded.
 *
 * The text is close to JSON, with names instead of quoted keys, comments, and references to names:
 *
 *     {topic: "$unique-b", topic_id: $t_id, timestamp: $t0+5, partitions: [0, 1], error_code: NONE} # why
 *
 * A tree knows no message: message_value.c makes one of a decoded struct and back. All memory comes from the arena that
 * the tree was made in; a failed test ends the program when the arena is full, so nothing here can fail for want of
 * memory. */
#ifndef DOHLE_TESTS_LIB_VALUE_H
#define DOHLE_TESTS_LIB_VALUE_H

#include "../../protocol/arena.h"
#include "../../protocol/wire.h"

enum value_type {
    VALUE_NULL,
    VALUE_BOOL,   /* number is 0 or 1 */
    VALUE_INT,    /* number */
    VALUE_FLOAT,  /* real */
    VALUE_STRING, /* text; in a scenario it may hold $names */
    VALUE_BYTES,  /* text: x"0a0b" */
    VALUE_UUID,   /* text: Kafka's base64 form. Read back from text it is a VALUE_STRING, and equal */
    VALUE_WORD,   /* text: the name of an error code, such as OFFSET_OUT_OF_RANGE */
    VALUE_NAME,   /* $text, or $text+number */
    VALUE_LIST,   /* items */
    VALUE_OBJECT, /* items, each with its key */
};

struct value {
    enum value_type type;
    int64_t number;
    double real;
    struct kp_string text;
    const char *key;            /* as a member of an object; else NULL */
    struct value *first, *last; /* items */
    struct value *next;         /* the next item of the same list or object */
};

/* Memory that cannot fail: ends the program when the arena's limit is reached. */
void *value_alloc(struct arena *arena, size_t size);
char *value_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

struct value *value_new(struct arena *arena, enum value_type type);
struct value *value_int(struct arena *arena, int64_t number);
struct value *value_string(struct arena *arena, struct kp_string text);
struct value *value_text(struct arena *arena, const char *text);
/* $name, or $name+delta. */
struct value *value_name(struct arena *arena, const char *name, int64_t delta);
/* Put `item` last into a list, or with its key into an object. */
void value_append(struct value *list, struct value *item);
void value_set(struct value *object, const char *key, struct value *item);
/* A copy of the tree that shares nothing but texts. Items and key are copied, `next` is not. */
struct value *value_copy(struct arena *arena, const struct value *value);

/* The member of an object; NULL when there is none or `value` is no object. */
struct value *value_get(const struct value *value, const char *key);
int32_t value_count(const struct value *value);
/* The value at a path such as "topics[0].partitions[2].error_code"; NULL when it leads nowhere. The empty path is
 * `value`. */
struct value *value_at(struct value *value, const char *path);
bool value_equal(const struct value *a, const struct value *b);

/* ---- comparison ------------------------------------------------------------------------------------------------- */

/* Called for each leaf that differs. `wanted` or `got` is NULL when one side has no such member or item. */
typedef void value_difference_cb(void *context, const char *path, const struct value *wanted, const struct value *got);
/* Returns the number of differences. */
int32_t value_compare(struct arena *arena, const struct value *wanted, const struct value *got,
                      value_difference_cb *callback, void *context);

#endif
