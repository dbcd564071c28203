/* The API as tables: every operation with what it takes and answers.
 *
 * Both ends use them: the control plane decodes, checks and answers by them, `slb` makes its commands and
 * help from them. tables/<product>.txt is the source; tools/gen-openapi turns it into the arrays declared
 * here. Knows names, types and limits; what an operation does is in control/products. Constant: any thread.
 */
#pragma once

#include "base/base.h"
#include "base/span.h"

enum openapi_type {
    OPENAPI_STRING,
    OPENAPI_INTEGER, /* 32 bits, signed */
    OPENAPI_LONG,
    OPENAPI_DOUBLE,
    OPENAPI_BOOLEAN,
    OPENAPI_STRUCT,
};

enum openapi_tier {
    OPENAPI_P0, /* walkthroughs */
    OPENAPI_P1, /* daily use */
    OPENAPI_P2, /* the rest */
    OPENAPI_NA, /* means nothing outside the cloud */
};

/* One parameter, or one member of an answer. A list is a field with is_list: type is that of an element. */
struct openapi_field {
    const char *name; /* "ServerGroupTuples": the last part of the dotted name */
    enum openapi_type type;
    bool is_list : 1;
    bool is_json : 1;  /* request: the value is one JSON text; its keys are matched without case */
    bool is_comma : 1; /* request: several values of the enum, joined by commas */
    bool required : 1; /* in its parent, where the parent is given */
    bool cloud : 1;    /* accepted, and without meaning outside the cloud (billing, accounts) */
    bool secret : 1;   /* never logged, never in the operation log */
    bool has_min : 1, has_max : 1;
    int64_t min, max;              /* numbers */
    uint32_t len_min, len_max;     /* text, in characters; len_max 0: no limit */
    uint32_t items_min, items_max; /* lists; items_max 0: no limit */
    const char *const *names;      /* enum: NULL-terminated; NULL: anything */
    const char *default_text;      /* NULL: none */
    const char *refused;      /* not built: why, one sentence; NULL: built. The default passes */
    const char *const *built; /* refused: values that are built all the same; NULL: none */
    const struct openapi_field *fields; /* STRUCT: its members, sorted by name */
    uint32_t n_fields;
};

struct openapi_error {
    const char *code;
    uint16_t status; /* 0: not known */
};

struct openapi_operation {
    const char *name; /* "CreateListener" */
    const struct openapi_product *product;
    enum openapi_tier tier;
    bool post_only;
    bool is_read;                 /* Describe..., List..., Get..., Lookup...: changes nothing */
    struct openapi_field in, out; /* STRUCTs without a name */
    const struct openapi_error *errors; /* documented codes, sorted by code */
    uint32_t n_errors;
};

struct openapi_product {
    const char *name;                           /* "Alb" */
    const char *version;                        /* "2020-06-16": names the product on the wire */
    const struct openapi_operation *operations; /* sorted by name */
    uint32_t n_operations;
    uint32_t number; /* index in openapi_products */
};

extern const struct openapi_product *const openapi_products[];
extern const uint32_t openapi_n_products;

/* NULL if there is none. By name: letter case does not matter ("alb"). */
const struct openapi_product *openapi_product_by_version(struct span version);
const struct openapi_product *openapi_product_by_name(struct span name);
/* Exact name. NULL if there is none. */
const struct openapi_operation *openapi_operation_find(
    const struct openapi_product *product, struct span name);
/* A member of a STRUCT. Exact but for the case of the first letter (one client upper-cases it). NULL if none. */
const struct openapi_field *openapi_field_find(
    const struct openapi_field *parent, struct span name);
/* Whether any parameter or member of the answer is a secret. O(fields). */
bool openapi_has_secrets(const struct openapi_operation *op);
/* HTTP status of an error code of op: as documented there; else by the code's form: ...NotFound is 404,
 * Forbidden... is 403, InternalError 500, ServiceUnavailable 503, others 400. op may be NULL. */
unsigned openapi_error_status(const struct openapi_operation *op, const char *code);
