/* See asked_names.h. */
#include "asked_names.h"

#include "broker.h"
#include "request.h"

bool asked_names_init(struct asked_names *names, struct request *request, size_t count)
{
    struct env *env = request->broker->env;
    uint64_t seed;
    env->random(env, &seed, sizeof seed);
    hash_map_init(&names->map, seed);
    names->count = 0;
    names->items = arena_alloc(&request->arena, count * sizeof *names->items);
    if (names->items != NULL)
        hash_map_reserve(&names->map, count);
    return names->items != NULL;
}

void asked_names_release(struct asked_names *names)
{
    hash_map_release(&names->map);
}

static uint64_t hash_of(const struct asked_names *names, struct kp_string name, int32_t number)
{
    struct {
        uint64_t name;
        int64_t number;
    } both = {hash_bytes(&names->map, name.data, name.size > 0 ? (size_t)name.size : 0), number};
    return hash_bytes(&names->map, &both, sizeof both);
}

static struct asked_name *find(const struct asked_names *names, struct kp_string name, int32_t number, uint64_t hash)
{
    for (struct hash_node *node = hash_map_first(&names->map, hash); node; node = hash_node_next(node)) {
        struct asked_name *item = CONTAINER_OF(node, struct asked_name, node);
        if (item->number == number && kp_string_equal(item->name, name))
            return item;
    }
    return NULL;
}

bool asked_names_note_number(struct asked_names *names, struct kp_string name, int32_t number)
{
    uint64_t hash = hash_of(names, name, number);
    if (find(names, name, number, hash) != NULL)
        return false;
    struct asked_name *item = &names->items[names->count++];
    *item = (struct asked_name){.name = name, .number = number};
    hash_map_insert(&names->map, &item->node, hash);
    return true;
}

bool asked_names_note(struct asked_names *names, struct kp_string name)
{
    return asked_names_note_number(names, name, 0);
}

int32_t asked_names_place(const struct asked_names *names, struct kp_string name)
{
    return (int32_t)(find(names, name, 0, hash_of(names, name, 0)) - names->items);
}
