/* The table of names. Few names, so it is a list. */
#include "names.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

void names_init(struct names *names, struct arena *arena, const struct names *outer, int64_t wall_ms)
{
    *names = (struct names){.arena = arena, .outer = outer, .began_ms = wall_ms};
    names_set(names, "t0", value_int(arena, wall_ms - NAMES_T0_BEFORE_MS));
}

static struct name *names_define(struct names *names, const char *name, struct value *value)
{
    struct name *known = names->first;
    while (known && strcmp(known->name, name) != 0)
        known = known->next;
    if (!known) {
        known = value_alloc(names->arena, sizeof *known);
        known->name = name;
        if (names->last)
            names->last->next = known;
        else
            names->first = known;
        names->last = known;
    }
    known->value = value;
    known->drawn = false;
    return known;
}

void names_set(struct names *names, const char *name, struct value *value)
{
    names_define(names, name, value);
}

void names_set_drawn(struct names *names, const char *name, struct value *value)
{
    names_define(names, name, value)->drawn = true;
}

struct value *names_get(const struct names *names, const char *name)
{
    for (; names; names = names->outer)
        for (const struct name *known = names->first; known; known = known->next)
            if (strcmp(known->name, name) == 0)
                return known->value;
    return NULL;
}

const char *names_of(const struct names *names, const struct value *value)
{
    for (; names; names = names->outer)
        for (const struct name *known = names->first; known; known = known->next)
            if (known->drawn && value_equal(known->value, value))
                return known->name;
    return NULL;
}

const char *names_assign(struct names *names, const char *prefix, struct value *value)
{
    const char *name = names_of(names, value);
    for (int32_t i = 1; !name; i++) {
        const char *candidate = value_printf(names->arena, "%s_%d", prefix, i);
        if (names_get(names, candidate))
            continue;
        names_set_drawn(names, candidate, value);
        name = candidate;
    }
    return name;
}

static struct value *names_expand_name(const struct names *names, const struct value *value, const char **error)
{
    const char *name = value_printf(names->arena, "%.*s", (int)value->text.size, value->text.data);
    const struct value *meant = names_get(names, name);
    if (!meant) {
        *error = value_printf(names->arena, "nothing is named $%s", name);
        return NULL;
    }
    struct value *copy = value_copy(names->arena, meant);
    if (value->number && copy->type != VALUE_INT) {
        *error = value_printf(names->arena, "$%s is no number to add to", name);
        return NULL;
    }
    copy->number += value->number;
    return copy;
}

/* Names inside a text: "$unique-b". */
static struct value *names_expand_text(const struct names *names, const struct value *value, const char **error)
{
    const char *at = value->text.data, *end = at + value->text.size;
    const char *dollar = memchr(at, '$', (size_t)value->text.size);
    if (!dollar)
        return value_copy(names->arena, value);
    size_t name_size = 0;
    while (dollar + 1 + name_size < end &&
           (isalnum((unsigned char)dollar[1 + name_size]) || dollar[1 + name_size] == '_'))
        name_size++;
    struct value *reference =
        value_name(names->arena, value_printf(names->arena, "%.*s", (int)name_size, dollar + 1), 0);
    const struct value *meant = names_expand_name(names, reference, error);
    if (!meant)
        return NULL;
    const char *tail = dollar + 1 + name_size;
    struct value *joined;
    if (meant->type == VALUE_INT)
        joined = value_text(names->arena, value_printf(names->arena, "%.*s%" PRId64 "%.*s", (int)(dollar - at), at,
                                                       meant->number, (int)(end - tail), tail));
    else
        joined =
            value_text(names->arena, value_printf(names->arena, "%.*s%.*s%.*s", (int)(dollar - at), at,
                                                  (int)meant->text.size, meant->text.data, (int)(end - tail), tail));
    return names_expand_text(names, joined, error);
}

struct value *names_expand(const struct names *names, const struct value *value, const char **error)
{
    struct value *expanded;
    if (value->type == VALUE_NAME) {
        expanded = names_expand_name(names, value, error);
    } else if (value->type == VALUE_STRING) {
        expanded = names_expand_text(names, value, error);
    } else {
        expanded = value_copy(names->arena, value);
        expanded->first = expanded->last = NULL;
        for (const struct value *item = value->first; item; item = item->next) {
            struct value *below = names_expand(names, item, error);
            if (!below)
                return NULL;
            value_append(expanded, below);
        }
    }
    if (expanded)
        expanded->key = value->key;
    return expanded;
}
