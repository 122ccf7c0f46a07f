/* A doubly linked list through a member of the listed struct; the head is a node too, and an empty list points to
 * itself.
 *
 *     head <-> first <-> ... <-> last <-> head
 *
 * A node that is in no list points to itself as well (list_init), so that list_remove() may be called twice. */
#ifndef DOHLE_PROTOCOL_LIST_H
#define DOHLE_PROTOCOL_LIST_H

#include <stdbool.h>

struct list {
    struct list *next, *previous;
};

static inline void list_init(struct list *node)
{
    node->next = node->previous = node;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_remove(struct list *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    list_init(node);
}

/* Put `node`, which is in no list, last. */
static inline void list_append(struct list *head, struct list *node)
{
    node->previous = head->previous;
    node->next = head;
    head->previous->next = node;
    head->previous = node;
}

/* Put `node`, which is in no list, first. */
static inline void list_prepend(struct list *head, struct list *node)
{
    list_append(head->next, node);
}

/* Walk a list; the node at hand may be removed, no other. */
#define list_for_each(head, node)                                                                                      \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head);                                  \
         node = node##_next, node##_next = node->next)

#endif
