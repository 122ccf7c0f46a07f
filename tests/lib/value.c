/* Trees of values; value_text.c reads and prints them.
 *
 * Items hang in a singly linked list under their parent, in the order of the text; objects of messages have few
 * members, so lookup by walking is enough. Comparison is strict: same members, same order of items, same types; only a
 * uuid equals its text, because text is all that a recorded file keeps of it. */
#include "value.h"

#include <stdarg.h>
#include <string.h>

void *value_alloc(struct arena *arena, size_t size)
{
    void *memory = arena_calloc(arena, 1, size);
    if (!memory) {
        fprintf(stderr, "value: the arena's %zu bytes are used up\n", arena->limit_bytes);
        exit(2);
    }
    return memory;
}

char *value_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = value_alloc(arena, (size_t)size + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return text;
}

struct value *value_new(struct arena *arena, enum value_type type)
{
    struct value *value = value_alloc(arena, sizeof *value);
    value->type = type;
    return value;
}

struct value *value_int(struct arena *arena, int64_t number)
{
    struct value *value = value_new(arena, VALUE_INT);
    value->number = number;
    return value;
}

struct value *value_string(struct arena *arena, struct kp_string text)
{
    if (text.size < 0)
        return value_new(arena, VALUE_NULL);
    struct value *value = value_new(arena, VALUE_STRING);
    value->text = text;
    return value;
}

struct value *value_text(struct arena *arena, const char *text)
{
    return value_string(arena, kp_string_of(text));
}

struct value *value_name(struct arena *arena, const char *name, int64_t delta)
{
    struct value *value = value_new(arena, VALUE_NAME);
    value->text = kp_string_of(name);
    value->number = delta;
    return value;
}

void value_append(struct value *list, struct value *item)
{
    item->next = NULL;
    if (list->last)
        list->last->next = item;
    else
        list->first = item;
    list->last = item;
}

void value_set(struct value *object, const char *key, struct value *item)
{
    item->key = key;
    value_append(object, item);
}

struct value *value_copy(struct arena *arena, const struct value *value)
{
    struct value *copy = value_new(arena, value->type);
    *copy = *value;
    copy->first = copy->last = copy->next = NULL;
    for (const struct value *item = value->first; item; item = item->next)
        value_append(copy, value_copy(arena, item));
    return copy;
}

struct value *value_get(const struct value *value, const char *key)
{
    if (value->type != VALUE_OBJECT)
        return NULL;
    for (struct value *item = value->first; item; item = item->next)
        if (strcmp(item->key, key) == 0)
            return item;
    return NULL;
}

int32_t value_count(const struct value *value)
{
    int32_t count = 0;
    for (const struct value *item = value->first; item; item = item->next)
        count++;
    return count;
}

struct value *value_at(struct value *value, const char *path)
{
    while (value && *path) {
        if (*path == '[') {
            char *end;
            long index = strtol(path + 1, &end, 10);
            if (*end != ']' || value->type != VALUE_LIST)
                return NULL;
            value = value->first;
            while (value && index-- > 0)
                value = value->next;
            path = end + 1;
        } else {
            path += *path == '.';
            size_t size = strcspn(path, ".[");
            struct value *item = value->type == VALUE_OBJECT ? value->first : NULL;
            while (item && !(strncmp(item->key, path, size) == 0 && item->key[size] == '\0'))
                item = item->next;
            value = item;
            path += size;
        }
    }
    return value;
}

static bool value_is_text(const struct value *value)
{
    return value->type == VALUE_STRING || value->type == VALUE_UUID;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (value_is_text(a) && value_is_text(b))
        return kp_string_equal(a->text, b->text);
    if (a->type != b->type || a->number != b->number)
        return false;
    if (a->type == VALUE_FLOAT)
        return memcmp(&a->real, &b->real, sizeof a->real) == 0;
    if (a->type == VALUE_NAME || a->type == VALUE_WORD || a->type == VALUE_BYTES)
        return kp_string_equal(a->text, b->text);
    const struct value *item = a->first, *other = b->first;
    for (; item && other; item = item->next, other = other->next)
        if (!value_equal(item, other) || (a->type == VALUE_OBJECT && strcmp(item->key, other->key) != 0))
            return false;
    return !item && !other;
}

/* ---- comparison ------------------------------------------------------------------------------------------------- */

struct value_comparison {
    struct arena *arena;
    value_difference_cb *callback;
    void *context;
    int32_t count;
};

static void value_differ(struct value_comparison *comparison, const char *path, const struct value *wanted,
                         const struct value *got)
{
    comparison->count++;
    comparison->callback(comparison->context, path, wanted, got);
}

static void value_compare_at(struct value_comparison *comparison, const char *path, const struct value *wanted,
                             const struct value *got)
{
    if (wanted->type == VALUE_OBJECT && got->type == VALUE_OBJECT) {
        for (const struct value *item = wanted->first; item; item = item->next) {
            const char *below = value_printf(comparison->arena, "%s%s%s", path, *path ? "." : "", item->key);
            const struct value *other = value_get(got, item->key);
            if (other)
                value_compare_at(comparison, below, item, other);
            else
                value_differ(comparison, below, item, NULL);
        }
        for (const struct value *item = got->first; item; item = item->next)
            if (!value_get(wanted, item->key))
                value_differ(comparison, value_printf(comparison->arena, "%s%s%s", path, *path ? "." : "", item->key),
                             NULL, item);
    } else if (wanted->type == VALUE_LIST && got->type == VALUE_LIST) {
        const struct value *item = wanted->first, *other = got->first;
        for (int32_t i = 0; item || other; i++) {
            const char *below = value_printf(comparison->arena, "%s[%d]", path, i);
            if (item && other)
                value_compare_at(comparison, below, item, other);
            else
                value_differ(comparison, below, item, other);
            item = item ? item->next : NULL;
            other = other ? other->next : NULL;
        }
    } else if (!value_equal(wanted, got)) {
        value_differ(comparison, path, wanted, got);
    }
}

int32_t value_compare(struct arena *arena, const struct value *wanted, const struct value *got,
                      value_difference_cb *callback, void *context)
{
    struct value_comparison comparison = {.arena = arena, .callback = callback, .context = context};
    value_compare_at(&comparison, "", wanted, got);
    return comparison.count;
}
