/* See topic_name.h. */
#include "topic_name.h"

#include <string.h>

static bool is_allowed(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

const char *topic_name_check(struct kp_string name)
{
    if (name.size <= 0)
        return "A topic's name must not be empty.";
    if (kp_string_is(name, ".") || kp_string_is(name, ".."))
        return "A topic must not be named \".\" or \"..\".";
    if (name.size > TOPIC_NAME_MAX)
        return "A topic's name must not be longer than 249 characters.";
    for (int32_t i = 0; i < name.size; i++) {
        if (!is_allowed(name.data[i]))
            return "A topic's name must consist of ASCII letters, digits, '.', '_' and '-'.";
    }
    return NULL;
}

bool topic_name_is_internal(struct kp_string name)
{
    return kp_string_is(name, "__consumer_offsets") || kp_string_is(name, "__transaction_state") ||
           kp_string_is(name, "__share_group_state");
}

bool topic_name_is_metadata(struct kp_string name)
{
    return kp_string_is(name, "__cluster_metadata");
}

bool topic_names_collide(struct kp_string name, struct kp_string other)
{
    if (name.size != other.size)
        return false;
    for (int32_t i = 0; i < name.size; i++) {
        char a = name.data[i] == '.' ? '_' : name.data[i];
        char b = other.data[i] == '.' ? '_' : other.data[i];
        if (a != b)
            return false;
    }
    return true;
}

int topic_names_compare(struct kp_string name, struct kp_string other)
{
    int32_t size = name.size < other.size ? name.size : other.size;
    int order = size > 0 ? memcmp(name.data, other.data, (size_t)size) : 0;
    return order != 0 ? order : (name.size > other.size) - (name.size < other.size);
}

int topic_names_compare_items(const void *name, const void *other)
{
    return topic_names_compare(*(const struct kp_string *)name, *(const struct kp_string *)other);
}
