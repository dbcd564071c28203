/* Jansson, where it is stricter than it needs to be. */
#pragma once

#include <jansson.h>

/* Iterators and reference counts want a json_t * also where nothing of the value changes. */
static inline json_t *json_loose(const json_t *json)
{
    union {
        const json_t *in;
        json_t *out;
    } pointer = {.in = json};

    return pointer.out;
}
