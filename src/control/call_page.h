/* The tokens of pages, for lists that are not documents in memory. */
#pragma once

#include "control/call.h"

#define PAGE_TOKEN_LEN 32u

/* A token of this operation for a position; buf gets a final zero too. */
void page_token_make(
    const struct call *call, uint64_t position, char buf[static PAGE_TOKEN_LEN + 1]);
/* 0, or call_fail's: not one that this operation has made. */
int page_token_read(struct call *call, const char *token, uint64_t *ret_position) MUST_CHECK;
