/* The lookup behind http_name_find, for where it is done for every header. Internal to src/http. */
#pragma once

#include "http/msg.h"

/* Longer than any name in HTTP_NAME_LIST, so that names can be compared in words. */
#define NAME_BYTES 32u
#define NAME_SLOTS 256u /* a power of two, several times HTTP_NAME_COUNT */

struct http_name_known {
    char text[NAME_BYTES];
};
extern const struct http_name_known http_names_known[HTTP_NAME_COUNT];

/* Open addressing, by http_name_slot(): id and, above it, length; 0 where free. */
extern uint16_t http_name_slots[NAME_SLOTS];

static inline uint32_t http_name_slot(const char *name, size_t len)
{
    uint32_t first = (uint8_t)name[0] | 0x20u;
    uint32_t last = (uint8_t)name[len - 1] | 0x20u;

    return ((uint32_t)len * 37 + first * 11 + last * 3) % NAME_SLOTS;
}

/* Whether 8 bytes equal those of a lower-case name but for the case of letters. Of the bytes in
 * names only letters have bit 6 set, and only there bit 5 may differ. */
static inline bool http_word_eq8(const char *bytes, const char *known)
{
    uint64_t a, b;

    memcpy(&a, bytes, sizeof(a));
    memcpy(&b, known, sizeof(b));
    return (a | (b & 0x4040404040404040u) >> 1) == b;
}

static inline bool http_word_eq4(const char *bytes, const char *known)
{
    uint32_t a, b;

    memcpy(&a, bytes, sizeof(a));
    memcpy(&b, known, sizeof(b));
    return (a | (b & 0x40404040u) >> 1) == b;
}

static inline bool http_name_eq(const char *name, const char *known, size_t len)
{
    if (len >= 8) {
        for (size_t at = 0; at + 8 < len; at += 8) {
            if (!http_word_eq8(name + at, known + at))
                return false;
        }
        return http_word_eq8(name + len - 8, known + len - 8);
    }
    if (len >= 4)
        return http_word_eq4(name, known) && http_word_eq4(name + len - 4, known + len - 4);
    for (size_t at = 0; at < len; at++) {
        if (ascii_lower(name[at]) != known[at])
            return false;
    }
    return true;
}

static inline enum http_name http_name_look_up(struct span name)
{
    if (name.len == 0 || name.len >= NAME_BYTES)
        return HTTP_NAME_OTHER;
    for (uint32_t at = http_name_slot(name.ptr, name.len);; at = (at + 1) % NAME_SLOTS) {
        uint32_t slot = http_name_slots[at];
        uint32_t id = slot & 0xff;

        if (id == HTTP_NAME_OTHER)
            return HTTP_NAME_OTHER;
        if (slot >> 8 == name.len && http_name_eq(name.ptr, http_names_known[id].text, name.len))
            return (enum http_name)id;
    }
}
