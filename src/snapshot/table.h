/* Two-level tables of objects by slot, whose pages snapshots share.
 *
 * An object is counted once per page that has it. Building thread only. Inside of the snapshot folder.
 */
#pragma once

#include "snapshot/snapshot.h"

/* How a table counts what it holds. Both may be NULL: then it only points. */
struct table_owner {
    void (*ref)(void *object);
    void (*unref)(void *arg, void *object);
    void *arg;
};

/* dst becomes a second table with the pages of src. O(pages). */
void table_share(struct table *dst, const struct table *src);

/* Sets or, with NULL, clears a slot; takes over one reference to object. Copies the page if another
 * table has it too: O(TABLE_PAGE). */
void table_set(struct table *table, uint32_t slot, void *object, const struct table_owner *owner);

/* Gives all pages back. */
void table_done(struct table *table, const struct table_owner *owner);

/* Next object at or behind *slot, which moves to its slot; NULL at the end. */
void *table_next(const struct table *table, uint32_t *slot);
