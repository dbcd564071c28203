/* Settings as rows: one row per field is all there is. The decoder, the encoder, defaults, range checks,
 * `slb explain` and the reference pages read these tables.
 *
 * Knows JSON types, not what fields mean. FIELD_AT does not compile if the member has another type.
 */
#pragma once

#include "base/addr.h"
#include "base/base.h"

enum field_type {
    FIELD_END,
    FIELD_BOOL,      /* bool */
    FIELD_UINT,      /* uint32_t */
    FIELD_UINT64,    /* uint64_t */
    FIELD_ENUM,      /* uint32_t: index into names */
    FIELD_FLAGS,     /* uint32_t: bit per name; JSON array of names, each at most once */
    FIELD_TEXT,      /* const char *: UTF-8 without control characters; never NULL */
    FIELD_IP,        /* struct addr: "127.0.0.1", "::1"; family 0 when absent */
    FIELD_REF,       /* struct ref: id of another resource */
    FIELD_LIST,      /* struct field_list of a struct with its own rows */
    FIELD_TEXT_LIST, /* struct field_list of const char * */
    FIELD_IP_LIST,   /* struct field_list of struct addr */
};

enum {
    FIELD_REQUIRED = 1 << 0, /* no default */
    FIELD_FIXED = 1 << 1,    /* cannot change after creation */
    FIELD_SECRET = 1 << 2,   /* never returned, never logged */
    FIELD_LINES = 1 << 3,    /* TEXT: may have line ends and tabs */
};

#define FIELD_ITEM_TEXT_MAX 256u /* bytes of one text in a TEXT_LIST; at least 1 */

struct field_list {
    void *at; /* n items, in the resource's arena */
    uint32_t n;
};

#define REF_NONE UINT32_MAX
struct ref {
    uint32_t slot; /* in the snapshot's table of that kind, or REF_NONE */
};

struct field {
    const char *name; /* JSON key */
    enum field_type type;
    unsigned flags;
    size_t offset;
    /* UINT: value. TEXT: length in bytes. ENUM, FLAGS: dflt is the index or the mask. LIST: number of items. */
    uint64_t min, max, dflt;
    const char *dflt_text;      /* TEXT: default; NULL is "" */
    const char *const *names;   /* ENUM, FLAGS: NULL-terminated */
    const struct field *fields; /* LIST: rows of an item */
    size_t item_bytes;          /* LIST */
    unsigned ref_kind;          /* REF: enum resource_kind */
    const char *doc;            /* one line, shown to users */
};

#define FIELD_AT(st, member, type)                                                          \
    (offsetof(struct st, member) + 0 * sizeof(struct {                                      \
        _Static_assert(_Generic(((struct st *)0)->member, type : 1, default : 0), #member); \
        char c;                                                                             \
    }))

#define BOOL_FIELD(st, member, def, text)                                                         \
    {                                                                                             \
        .name = #member, .type = FIELD_BOOL, .offset = FIELD_AT(st, member, bool), .dflt = (def), \
        .doc = (text)                                                                             \
    }
#define UINT_FIELD(st, member, lo, hi, def, rules, text)                               \
    {                                                                                  \
        .name = #member, .type = FIELD_UINT, .offset = FIELD_AT(st, member, uint32_t), \
        .min = (lo), .max = (hi), .dflt = (def), .flags = (rules), .doc = (text)       \
    }
#define UINT64_FIELD(st, member, lo, hi, def, text)                                      \
    {                                                                                    \
        .name = #member, .type = FIELD_UINT64, .offset = FIELD_AT(st, member, uint64_t), \
        .min = (lo), .max = (hi), .dflt = (def), .doc = (text)                           \
    }
#define ENUM_FIELD(st, member, values, def, rules, text)                               \
    {                                                                                  \
        .name = #member, .type = FIELD_ENUM, .offset = FIELD_AT(st, member, uint32_t), \
        .names = (values), .dflt = (def), .flags = (rules), .doc = (text)              \
    }
#define FLAGS_FIELD(st, member, values, def, text)                                      \
    {                                                                                   \
        .name = #member, .type = FIELD_FLAGS, .offset = FIELD_AT(st, member, uint32_t), \
        .names = (values), .dflt = (def), .doc = (text)                                 \
    }
#define TEXT_FIELD(st, member, lo, hi, def, rules, text)                                   \
    {                                                                                      \
        .name = #member, .type = FIELD_TEXT, .offset = FIELD_AT(st, member, const char *), \
        .min = (lo), .max = (hi), .dflt_text = (def), .flags = (rules), .doc = (text)      \
    }
#define IP_FIELD(st, member, rules, text)                                               \
    {                                                                                   \
        .name = #member, .type = FIELD_IP, .offset = FIELD_AT(st, member, struct addr), \
        .flags = (rules), .doc = (text)                                                 \
    }
#define REF_FIELD(st, member, kind, rules, text)                                        \
    {                                                                                   \
        .name = #member, .type = FIELD_REF, .offset = FIELD_AT(st, member, struct ref), \
        .ref_kind = (kind), .flags = (rules), .doc = (text)                             \
    }
#define LIST_FIELD(st, member, item, rows, lo, hi, text)                                        \
    {                                                                                           \
        .name = #member, .type = FIELD_LIST, .offset = FIELD_AT(st, member, struct field_list), \
        .fields = (rows), .item_bytes = sizeof(struct item), .min = (lo), .max = (hi),          \
        .doc = (text)                                                                           \
    }
#define TEXT_LIST_FIELD(st, member, lo, hi, text)                                                  \
    {                                                                                              \
        .name = #member, .type = FIELD_TEXT_LIST,                                                  \
        .offset = FIELD_AT(st, member, struct field_list), .min = (lo), .max = (hi), .doc = (text) \
    }
#define IP_LIST_FIELD(st, member, lo, hi, text)                                                    \
    {                                                                                              \
        .name = #member, .type = FIELD_IP_LIST, .offset = FIELD_AT(st, member, struct field_list), \
        .min = (lo), .max = (hi), .doc = (text)                                                    \
    }
