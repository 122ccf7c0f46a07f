/* The names of a request, of which each is looked at once: in a request of half a million a comparison of each with
 * each, or a sort, would take long. */
#ifndef DOHLE_BROKER_ASKED_NAMES_H
#define DOHLE_BROKER_ASKED_NAMES_H

#include "../protocol/hash_map.h"
#include "../protocol/wire.h"

struct request;

struct asked_name {
    struct hash_node node;
    struct kp_string name;
    int32_t number;
};

struct asked_names {
    struct hash_map map;
    struct asked_name *items; /* in the arena of the request */
    int32_t count;
};

/* Room for `count` names. False: the request's arena has none, and nothing is to be released. */
bool asked_names_init(struct asked_names *names, struct request *request, size_t count) WARN_UNUSED;
void asked_names_release(struct asked_names *names);
/* Note the name, which is borrowed. False: it was there before. */
bool asked_names_note(struct asked_names *names, struct kp_string name);
/* How many names were noted before this one was; it was. */
int32_t asked_names_place(const struct asked_names *names, struct kp_string name);
/* As asked_names_note(), for what a name and a number name together: a partition. */
bool asked_names_note_number(struct asked_names *names, struct kp_string name, int32_t number);

#endif
