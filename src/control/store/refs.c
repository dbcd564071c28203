#include "control/store/refs.h"

#define REFS_MEMBER_MAX 64u

struct refs_visit {
    refs_fn fn;
    void *arg;
};

static bool refs_follow(const json_t *value, struct span path, const struct refs_visit *visit);

/* The end of a path: an id. */
static bool refs_leaf(const json_t *value, const struct refs_visit *visit)
{
    const char *target = json_string_value(value);

    return target && *target && visit->fn(visit->arg, target);
}

static bool refs_each(const json_t *array, struct span path, const struct refs_visit *visit)
{
    const json_t *element;
    size_t i;

    json_array_foreach (array, i, element)
        if (refs_follow(element, path, visit))
            return true;
    return false;
}

/* path: what is left of it, behind value; empty at its end. */
static bool refs_follow(const json_t *value, struct span path, const struct refs_visit *visit)
{
    char name[REFS_MEMBER_MAX];
    struct span member;
    size_t n_name;

    if (path.len == 0)
        return refs_leaf(value, visit);
    member = (struct span){path.ptr, span_find(path, '.')};
    path = span_from(path, MIN(member.len + 1, path.len));
    n_name = span_find(member, '[');
    assert(n_name < sizeof(name));
    memcpy(name, member.ptr, n_name);
    name[n_name] = '\0';
    value = json_object_get(value, name);
    if (n_name < member.len)
        return refs_each(value, path, visit);
    return refs_follow(value, path, visit);
}

bool refs_walk(const struct kind *kind, const json_t *body, refs_fn fn, void *arg)
{
    const struct refs_visit visit = {fn, arg};

    for (const char *const *ref = kind->refs; *ref; ref++)
        if (refs_follow(body, span_of(*ref), &visit))
            return true;
    return false;
}

static bool refs_is(void *arg, const char *target)
{
    return strcmp(target, arg) == 0;
}

bool refs_name(const struct kind *kind, const json_t *body, const char *target)
{
    union {
        const char *given;
        void *arg; /* fn only reads it */
    } wanted = {target};

    return refs_walk(kind, body, refs_is, wanted.arg);
}
