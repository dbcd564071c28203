#include "proxy/input.h"

#define ROOM_MIN 1024u

char *input_room(struct conn_env *env, struct chunk **held, size_t *ret_n)
{
    struct chunk *in = *held;

    if (!in) {
        *ret_n = CONN_SCRATCH_BYTES;
        return env->scratch;
    }
    if (chunk_room(in) < ROOM_MIN) {
        struct span bytes = chunk_span(in);
        struct chunk *bigger = chunk_get(&env->pool, (uint32_t)bytes.len * 2 + ROOM_MIN);

        if (!bigger)
            return NULL;
        memcpy(bigger->data, bytes.ptr, bytes.len);
        bigger->end = (uint32_t)bytes.len;
        chunk_unref(&env->pool, in);
        *held = in = bigger;
    }
    *ret_n = chunk_room(in);
    return in->data + in->end;
}

bool input_keep(struct conn_env *env, struct chunk **held, struct span rest, bool in_held)
{
    if (in_held) {
        (*held)->start = (*held)->end - (uint32_t)rest.len;
        if (rest.len == 0)
            *held = chunk_unref(&env->pool, *held);
        return true;
    }
    if (rest.len == 0)
        return true;
    *held = chunk_get(&env->pool, (uint32_t)rest.len);
    if (!*held)
        return false;
    memcpy((*held)->data, rest.ptr, rest.len);
    (*held)->end = (uint32_t)rest.len;
    return true;
}
