/* The outer shape of a change: {"version": V, "upsert": [...], "remove": [...]}.
 *
 * Finds where each resource begins and ends, so that a JSON tree is only ever made of one resource and
 * memory does not grow with the file. Checks what is outside of resources, and nesting; what is inside
 * is the JSON library's to judge. Inside of the snapshot folder. Linear; recursion-free.
 */
#pragma once

#include "base/error.h"

#define DOCUMENT_DEPTH_MAX 16u /* of one resource or any other value */
#define DOCUMENT_NAME      "change"

struct document {
    struct span json; /* borrowed: the whole of it */
    uint64_t version;
    struct span upsert, remove; /* "[...]", or empty when absent */
    /* where document_where was last asked for: what is asked next lies mostly behind it */
    size_t known_at;
    uint32_t known_line, known_column;
};

/* Returns 0, or -EINVAL with one error that tells line and column. */
int document_read(
    struct span json, struct document *ret_document, struct errors *errors) MUST_CHECK;

/* Walks an array of the document. *pos starts at 0. Returns 1 with the next element, 0 at the end, or
 * -EINVAL with an error when there is something other than a value or a comma. */
int document_next(struct document *document, struct span array, size_t *pos, struct span *ret_item,
    struct errors *errors) MUST_CHECK;

/* Lines and columns start at 1; columns count bytes. at: inside of the document or its end. Asked from front to back, all
 * answers together cost O(document). */
void document_where(
    struct document *document, const char *at, uint32_t *ret_line, uint32_t *ret_column);
