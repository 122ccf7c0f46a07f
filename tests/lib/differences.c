/* See differences.h. */
#include "differences.h"

#include <string.h>

/* Take the value at `path` out of the list or object that holds it. */
static void remove_at(struct value *value, const char *path, const struct value *place, struct arena *arena)
{
    const char *dot = strrchr(path, '.'), *bracket = strrchr(path, '[');
    const char *last = bracket > dot ? bracket : dot;
    struct value *holder = value_at(value, value_printf(arena, "%.*s", last ? (int)(last - path) : 0, path));
    struct value *left = holder->first;
    holder->first = holder->last = NULL;
    while (left) {
        struct value *item = left;
        left = left->next;
        if (item != place)
            value_append(holder, item);
    }
}

void differences_apply(const struct step *step, struct value *recorded, struct arena *arena)
{
    for (const struct step_note *note = step->notes; note; note = note->next) {
        struct value *place = note->kind == NOTE_DIFFERS ? value_at(recorded, note->path) : NULL;
        if (!place)
            continue; /* a field that this version lacks */
        if (!note->value) {
            remove_at(recorded, note->path, place, arena);
            continue;
        }
        struct value *value = value_copy(arena, note->value);
        value->key = place->key;
        value->next = place->next;
        *place = *value;
    }
}
