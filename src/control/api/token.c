#include "control/api/token.h"

#define TOKEN_KIND    "system.token"
#define TOKEN_LEN_MAX 128u

static bool token_is_valid(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    return len <= TOKEN_LEN_MAX;
}

static void token_hash_params(struct token *token, const struct call *call)
{
    json_t *rest = json_deep_copy(call->in);
    char *dump;

    (void)json_object_del(rest, "ClientToken");
    dump = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
    assert(dump);
    sign_sha256(span_of(dump), token->hash);
    free(dump);
    json_decref(rest);
}

static void token_make_id(struct token *token, const struct call *call, const char *text)
{
    char key[512], hash[SIGN_SHA256_LEN + 1];

    (void)snprintf(key, sizeof(key), "%s %s %s %s", call->who->access_key_id,
        call->op->product->name, call->op->name, text);
    sign_sha256(span_of(key), hash);
    (void)snprintf(token->id, sizeof(token->id), "token-%.40s", hash);
}

int token_find(struct token *token, struct call *call, json_t **ret_out)
{
    const char *text = call_text(call, "ClientToken");
    const json_t *body;

    if (call->op->is_read || !text || text[0] == '\0')
        return 0;
    if (!token_is_valid(text))
        return call_fail(call, "InvalidParameter",
            "ClientToken must have at most %u characters, all of them printable ASCII.",
            TOKEN_LEN_MAX);
    token->used = true;
    token_make_id(token, call, text);
    token_hash_params(token, call);
    body = txn_body(call->txn, TOKEN_KIND, token->id);
    if (!body || (uint64_t)json_int(body, "CreateTime", 0) + TOKEN_KEPT_MS <= call->now_ms)
        return 0;
    if (!json_text_is(body, "Hash", token->hash))
        return call_fail(call,
            strcmp(call->op->product->name, "Nlb") == 0 ? "IdempotenceSignatureMismatch"
                                                        : "IdempotentParameterMismatch",
            "ClientToken %s came with other parameters before.", text);
    *ret_out = json_deep_copy(json_object_get(body, "Answer"));
    return TOKEN_ANSWERED;
}

void token_keep(const struct token *token, struct call *call)
{
    json_t *body;
    int r;

    if (!token->used)
        return;
    body = txn_edit(call->txn, TOKEN_KIND, token->id);
    if (!body) {
        body = json_object();
        r = txn_add(call->txn, TOKEN_KIND, token->id, body);
        assert(r == 0); /* no other kind has such ids */
    }
    json_put_text(body, "Hash", token->hash);
    json_put_int(body, "CreateTime", (json_int_t)call->now_ms);
    json_put(body, "Answer", json_deep_copy(call->out));
}
