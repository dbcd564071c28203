#include "base/base.h"

__attribute__((noreturn)) static void base_out_of_memory(size_t size)
{
    (void)fprintf(stderr, "out of memory: cannot allocate %zu bytes\n", size);
    abort();
}

/* malloc(0) may return NULL, which would look like failure. */
static void *base_check(void *ptr, size_t size)
{
    if (UNLIKELY(!ptr))
        base_out_of_memory(size);
    return ptr;
}

void *base_alloc(size_t size)
{
    return base_check(malloc(size > 0 ? size : 1), size);
}

void *base_zalloc(size_t size)
{
    return base_calloc(1, size);
}

void *base_calloc(size_t n, size_t size)
{
    if (n == 0 || size == 0)
        return base_check(calloc(1, 1), 0);
    return base_check(calloc(n, size), size);
}

void *base_realloc(void *ptr, size_t size)
{
    return base_check(realloc(ptr, size > 0 ? size : 1), size);
}

char *base_strdup(const char *text)
{
    return base_strndup(text, SIZE_MAX);
}

char *base_strndup(const char *text, size_t n)
{
    size_t len = n == SIZE_MAX ? strlen(text) : strnlen(text, n);
    char *copy = base_alloc(len + 1);

    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}
