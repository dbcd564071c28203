/* ClientToken: the same request again gets the first one's answer, and does nothing.
 *
 * Kept for a day as documents of kind system.token, one per AccessKey, operation and token, in the transaction of the
 * change they stand for.
 */
#pragma once

#include "control/call.h"
#include "openapi/sign.h"

#define TOKEN_KEPT_MS (24ull * 3600 * 1000)
#define TOKENS_MAX    50000u

struct token {
    bool used; /* the request has one, and its answer is to be kept */
    char id[80];
    char hash[SIGN_SHA256_LEN + 1]; /* of the parameters without the token */
};

/* 0: the call is new. TOKEN_ANSWERED: *ret_out is the first one's (a new reference). Negative: call_fail's, for a
 * malformed token or other parameters. */
enum { TOKEN_ANSWERED = 1 };
int token_find(struct token *token, struct call *call, json_t **ret_out) MUST_CHECK;
/* After the function, before the commit. Does nothing without a token. */
void token_keep(const struct token *token, struct call *call);
