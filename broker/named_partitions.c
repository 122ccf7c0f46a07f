/* Sorting finds the mentions of a partition side by side, however many a request has. */
#include "named_partitions.h"

#include "topic_name.h"

#include <stdlib.h>

static int compare_places(const struct named_partition *a, const struct named_partition *b)
{
    int order = topic_names_compare(a->topic, b->topic);
    return order != 0 ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

static int compare_mentions(const void *a, const void *b)
{
    const struct named_partition *left = a, *right = b;
    int order = compare_places(left, right);
    return order != 0 ? order : (left->position > right->position) - (left->position < right->position);
}

int32_t named_partitions_settle(struct named_partition *named, int32_t count)
{
    int32_t left = 0;
    if (count == 0)
        return 0;
    qsort(named, (size_t)count, sizeof *named, compare_mentions);
    for (int32_t i = 0; i < count; i++) {
        bool again = i + 1 < count && compare_places(&named[i], &named[i + 1]) == 0;
        if (again)
            named[i + 1].again = true;
        else
            named[left++] = named[i];
    }
    return left;
}

int32_t named_partitions_topic_end(const struct named_partition *named, int32_t count, int32_t first)
{
    int32_t end = first + 1;
    while (end < count && kp_string_equal(named[end].topic, named[first].topic))
        end++;
    return end;
}
