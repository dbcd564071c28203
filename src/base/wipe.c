#include "base/wipe.h"

#include <malloc.h>

void wipe_free(void *ptr)
{
    if (ptr)
        explicit_bzero(ptr, malloc_usable_size(ptr));
    free(ptr);
}

void *wipe_realloc(void *ptr, size_t old_bytes, size_t bytes)
{
    void *moved = base_alloc(bytes);

    if (old_bytes > 0)
        memcpy(moved, ptr, MIN(old_bytes, bytes));
    wipe_free(ptr);
    return moved;
}
