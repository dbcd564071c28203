/* The input is a path, and as an authority it is a host. */
#include "rules/rules.h"

#define CHECK(condition)  \
    do {                  \
        if (!(condition)) \
            abort();      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No "." or ".." between '/' (or what a server may take for it) and the next, and no byte that would end the path
 * or the line it is written in. */
static void check_path(struct span path)
{
    CHECK(path.len > 0 && path.ptr[0] == '/');
    for (size_t i = 0; i < path.len; i++) {
        size_t segment = 0;

        CHECK((uint8_t)path.ptr[i] > ' ' && (uint8_t)path.ptr[i] < 0x7f);
        CHECK(path.ptr[i] != '?' && path.ptr[i] != '#');
        if (path.ptr[i] != '/')
            continue;
        while (i + 1 + segment < path.len && path.ptr[i + 1 + segment] != '/')
            segment++;
        CHECK(!span_eq((struct span){path.ptr + i + 1, segment}, SPAN_LIT(".")));
        CHECK(!span_eq((struct span){path.ptr + i + 1, segment}, SPAN_LIT("..")));
    }
}

/* What a server gets that decodes escapes and then takes '\' for '/'. */
static void check_decoded(struct span path, struct arena *arena)
{
    char *decoded = arena_alloc(arena, path.len + 3);
    size_t n = 0;

    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];

        if (c == '%') {
            const char digits[] = {path.ptr[i + 1], path.ptr[i + 2], '\0'};

            c = (char)strtol(digits, NULL, 16);
            CHECK((uint8_t)c >= ' ' && c != 0x7f);
            i += 2;
        }
        decoded[n++] = c == '\\' ? '/' : c;
    }
    decoded[n++] = '/';
    decoded[n] = '\0';
    CHECK(strlen(decoded) == n);
    CHECK(!strstr(decoded, "/../"));
    CHECK(!strstr(decoded, "/..;"));
}

static void check_host(struct span input, struct arena *arena)
{
    struct span host, again;

    if (host_normalise(input, arena, &host) < 0)
        return;
    for (size_t i = 0; i < host.len; i++)
        CHECK(host.ptr[i] == ascii_lower(host.ptr[i]) && host.ptr[i] > ' ' && host.ptr[i] != '/');
    /* one final dot is removed each time */
    if (host.len == 0 || host.ptr[host.len - 1] == '.')
        return;
    CHECK(host_normalise(host, arena, &again) == 0);
    CHECK(span_eq(host, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = {(const char *)data, size};
    struct span path, again;
    struct arena arena;

    arena_init(&arena, NULL, 0, SIZE_MAX);
    if (path_normalise(input, &arena, &path) == 0) {
        check_path(path);
        check_decoded(path, &arena);
        CHECK(path_normalise(path, &arena, &again) == 0);
        CHECK(again.ptr == path.ptr && again.len == path.len);
    }
    check_host(input, &arena);
    arena_done(&arena);
    return 0;
}
