#include "control/secrets.h"

#include <jansson.h>
#include <malloc.h>
#include <openssl/crypto.h>

#include "base/wipe.h"
#include "observe/log.h"

static _Thread_local unsigned secrets_depth;

static void secrets_free(void *ptr)
{
    if (secrets_depth > 0)
        wipe_free(ptr);
    else
        free(ptr);
}

static void *openssl_malloc(size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(bytes);
}

/* The old size is not told; growing within such a call copies as much as there can be of it. */
static void *openssl_realloc(void *ptr, size_t bytes, const char *file, int line)
{
    void *moved;

    (void)file;
    (void)line;
    if (secrets_depth == 0 || !ptr)
        return realloc(ptr, bytes);
    moved = malloc(bytes);
    if (!moved)
        return NULL;
    memcpy(moved, ptr, MIN(malloc_usable_size(ptr), bytes));
    wipe_free(ptr);
    return moved;
}

static void openssl_free(void *ptr, const char *file, int line)
{
    (void)file;
    (void)line;
    secrets_free(ptr);
}

void secrets_init(void)
{
    json_set_alloc_funcs(malloc, secrets_free);
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1)
        log_line(LOG_WARNING, "memory of OpenSSL is not wiped");
}

void secrets_begin(void)
{
    secrets_depth++;
}

void secrets_end(void)
{
    assert(secrets_depth > 0);
    secrets_depth--;
}
