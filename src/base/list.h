/* Doubly linked list whose links live in its members: no allocation, O(1) removal. */
#pragma once

#include "base/base.h"

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *head)
{
    head->prev = head;
    head->next = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

/* Whether a link that was list_init'ed or zeroed is in a list. */
static inline bool list_linked(const struct list *link)
{
    return link->next && link->next != link;
}

static inline void list_add_front(struct list *head, struct list *link)
{
    link->prev = head;
    link->next = head->next;
    head->next->prev = link;
    head->next = link;
}

static inline void list_add_back(struct list *head, struct list *link)
{
    link->next = head;
    link->prev = head->prev;
    head->prev->next = link;
    head->prev = link;
}

/* The link is left as list_init leaves it, so that removing twice does nothing. */
static inline void list_remove(struct list *link)
{
    if (!link->next)
        return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* Moves all of src to the end of dst. */
static inline void list_move_all(struct list *dst, struct list *src)
{
    if (list_empty(src))
        return;
    src->next->prev = dst->prev;
    src->prev->next = dst;
    dst->prev->next = src->next;
    dst->prev = src->prev;
    list_init(src);
}

#define list_entry(link, type, member) container_of(link, type, member)

/* it is a struct list *; the safe form allows removing it inside the body. */
#define list_foreach(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)
#define list_foreach_safe(it, head)                                            \
    for (struct list *it = (head)->next, *it##_next_ = it->next; it != (head); \
         it = it##_next_, it##_next_ = it->next)
