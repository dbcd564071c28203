/* Parameters as they travel, and as JSON.
 *
 * On the wire a parameter is a pair of texts ("Servers.1.Port", "80"); inside it is typed JSON shaped like the
 * operation's table. Decoding checks everything a table says: type, range, length, enum, required, number
 * of items; what is not in the table is ignored (clients send RegionId to everything), what is in the
 * table and not built is refused by name. Limits: PARAMS_MAX pairs; list indices up to 10,000, gaps closed.
 */
#pragma once

#include "base/text.h"
#include "openapi/json.h"
#include "openapi/openapi.h"

#define PARAMS_MAX 4096u

struct param {
    char *name, *value; /* owned, decoded, NUL-terminated; lengths follow */
    size_t name_len, value_len;
};

struct params {
    struct param *items; /* owned */
    uint32_t n;
};

/* Zeroed params are empty. */
void params_done(struct params *params);
/* Copies. -E2BIG beyond PARAMS_MAX. */
int params_add(struct params *params, struct span name, struct span value) MUST_CHECK;
/* Reads a query string or a form body (application/x-www-form-urlencoded: percent-decoding, + is a space).
 * -EINVAL for a % that two hex digits do not follow, a NUL, or bytes that are not UTF-8; -E2BIG. */
int params_decode_form(struct params *params, struct span form) MUST_CHECK;
/* The value of the first of that name; ptr NULL if there is none. */
struct span params_find(const struct params *params, const char *name);

/* What is wrong with a parameter, in the API's words. */
struct params_error {
    char code[128]; /* "MissingParameter", "InvalidParameter", "UnsupportedParameter" (not built) */
    char field[160];   /* "Servers.1.Port" */
    char message[512]; /* one sentence naming field, value and rule */
};

/* An empty text is no value: for all but free strings it is as if the parameter were absent, and a required
 * string needs one that is not empty. A parameter may be there twice with the same value only.
 *
 * Typed JSON of what op takes: numbers as integers, booleans as booleans (also from True/False), enum values in
 * the table's spelling (matched without case), JSON texts parsed with their keys in the table's spelling,
 * absent fields with a default set to it where their parent is given (cloud ones stay absent). Booleans given as text stay text where the table says string.
 * Returns 0 and a new reference, or -EINVAL with *ret_error filled. */
int params_decode(const struct openapi_operation *op, const struct params *params, json_t **ret_in,
    struct params_error *ret_error) MUST_CHECK;
/* The same, from JSON that has the shape of the table already (manifests, slb --json). What the table lacks is
 * refused, as a person wrote it. */
int params_check(const struct openapi_operation *op, const json_t *given, json_t **ret_in,
    struct params_error *ret_error) MUST_CHECK;
/* Typed JSON of the table's shape as pairs, the opposite of params_decode; what is_json becomes one JSON text.
 * -E2BIG. Members that the table lacks give -EINVAL with *ret_error. */
int params_encode(const struct openapi_operation *op, const json_t *in, struct params *params,
    struct params_error *ret_error) MUST_CHECK;

/* The answer as clients expect it: of given, what the table of op names, in the table's types (numbers to
 * text and back where they differ), lists wrapped in their singular where the table says so ("Tags": [..]
 * becomes {"Tag": [..]}; absent ones become empty wrappers only if given has an empty array). Members
 * that the table lacks are left out. A new reference. */
json_t *params_answer(const struct openapi_operation *op, const json_t *given);

/* A copy of in with every secret field as "***", for logs. A new reference. */
json_t *params_without_secrets(const struct openapi_operation *op, const json_t *in);
