#include "snapshot/table.h"

void table_share(struct table *dst, const struct table *src)
{
    *dst = (struct table){.n_pages = src->n_pages};
    if (src->n_pages == 0)
        return;
    dst->pages = base_alloc(src->n_pages * sizeof(struct table_page *));
    for (uint32_t i = 0; i < src->n_pages; i++) {
        dst->pages[i] = src->pages[i];
        if (dst->pages[i])
            dst->pages[i]->refs++;
    }
}

static void page_unref(struct table_page *page, const struct table_owner *owner)
{
    if (!page || --page->refs > 0)
        return;
    for (uint32_t i = 0; owner->unref && i < TABLE_PAGE; i++) {
        if (page->at[i])
            owner->unref(owner->arg, page->at[i]);
    }
    free(page);
}

static struct table_page *page_copy(const struct table_page *page, const struct table_owner *owner)
{
    struct table_page *copy = base_alloc(sizeof(*copy));

    *copy = *page;
    copy->refs = 1;
    for (uint32_t i = 0; owner->ref && i < TABLE_PAGE; i++) {
        if (copy->at[i])
            owner->ref(copy->at[i]);
    }
    return copy;
}

static void table_grow(struct table *table, uint32_t n_pages)
{
    if (n_pages <= table->n_pages)
        return;
    table->pages = base_realloc(table->pages, n_pages * sizeof(struct table_page *));
    for (uint32_t i = table->n_pages; i < n_pages; i++)
        table->pages[i] = NULL;
    table->n_pages = n_pages;
}

void table_set(struct table *table, uint32_t slot, void *object, const struct table_owner *owner)
{
    uint32_t n = slot / TABLE_PAGE;
    struct table_page *page;
    void *before;

    if (!object && !table_get(table, slot))
        return;
    table_grow(table, n + 1);
    page = table->pages[n];
    if (!page) {
        page = base_zalloc(sizeof(*page));
        page->refs = 1;
    } else if (page->refs > 1) {
        struct table_page *copy = page_copy(page, owner);

        page_unref(page, owner);
        page = copy;
    }
    table->pages[n] = page;
    before = page->at[slot % TABLE_PAGE];
    page->at[slot % TABLE_PAGE] = object;
    if (before && owner->unref)
        owner->unref(owner->arg, before);
}

void table_done(struct table *table, const struct table_owner *owner)
{
    for (uint32_t i = 0; i < table->n_pages; i++)
        page_unref(table->pages[i], owner);
    free(table->pages);
    *table = (struct table){0};
}

void *table_next(const struct table *table, uint32_t *slot)
{
    uint32_t n_slots = table->n_pages * TABLE_PAGE;

    for (; *slot < n_slots; ++*slot) {
        void *object;

        if (!table->pages[*slot / TABLE_PAGE]) {
            *slot |= TABLE_PAGE - 1;
            continue;
        }
        object = table->pages[*slot / TABLE_PAGE]->at[*slot % TABLE_PAGE];
        if (object)
            return object;
    }
    return NULL;
}
