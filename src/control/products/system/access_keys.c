/* AccessKeys: who may call, and what. */
#include "control/products/system/keys.h"
#include "control/products/system/system.h"

static const char *const shown[] = {
    "AccessKeyId", "CreateDate", "Description", "Permission", "Products", "Root", "Status", NULL};

/* Only who may do everything may give rights, else a key could make one that may more than itself. */
static int check_caller(struct call *call)
{
    const char *id = call->who->access_key_id;

    if (call->who->is_root || keys_is_unlimited(txn_body(call->txn, KEYS_KIND, id)))
        return 0;
    return call_fail(call, "Forbidden.NoPermission",
        "AccessKey %s has limits and may not manage AccessKeys.", id);
}

/* Names in the products' own spelling. *ret_names is a new reference. */
static int read_products(struct call *call, json_t **ret_names)
{
    json_t *names = json_array();
    const json_t *given;
    size_t i;

    json_array_foreach (json_object_get(call->in, "Products"), i, given) {
        const struct openapi_product *product =
            openapi_product_by_name(span_of(json_string_value(given)));

        if (!product) {
            json_decref(names);
            return call_fail(call, "InvalidParameter",
                "Products.%zu is %.64s; there is no such product.", i + 1,
                json_string_value(given));
        }
        (void)json_array_append_new(names, json_string(product->name));
    }
    *ret_names = names;
    return 0;
}

int system_create_access_key(struct call *call)
{
    char time[32], id[64];
    json_t *members, *names, *answer;
    char *secret;
    int r;

    r = check_caller(call);
    if (r < 0)
        return r;
    if (txn_count(call->txn, KEYS_KIND) >= KEYS_MAX)
        return call_fail(call, "QuotaExceeded.AccessKey",
            "There are %u AccessKeys already, the most a node has.", KEYS_MAX);
    r = read_products(call, &names);
    if (r < 0)
        return r;
    members = json_object();
    json_put(members, "Products", names);
    json_put_text(members, "Permission", call_text(call, "Permission"));
    json_put_text(members, "Description", call_text(call, "Description"));
    json_put_text(members, "CreateDate", call_time(call, time));
    r = keys_add(call->txn, call->node->state_dir, members, id, &secret);
    if (r < 0)
        return call_fail(
            call, "InternalError", "The secret cannot be sealed: %s.", strerrordesc_np(-r));
    call_resource(call, id);
    answer = json_object();
    json_copy_members(answer, txn_body(call->txn, KEYS_KIND, id), shown);
    json_put_text(answer, "AccessKeySecret", secret);
    json_put(call->out, "AccessKey", answer);
    keys_free_secret(secret);
    return 0;
}

int system_list_access_keys(struct call *call)
{
    json_t *rows = json_array();
    struct doc_list keys;
    int r;

    json_put(call->out, "AccessKeys", rows);
    txn_list(call->txn, KEYS_KIND, &keys);
    r = call_page(call, &keys);
    for (uint32_t i = 0; i < keys.n && r == 0; i++) {
        json_t *row = json_object();

        json_copy_members(row, keys.docs[i]->body, shown);
        (void)json_array_append_new(rows, row);
    }
    doc_list_done(&keys);
    return r;
}

/* The key that is to be changed, for callers that may, and not the caller's own if that would lock them out. */
static int find_other(struct call *call, bool is_limiting, const struct doc **ret_doc)
{
    int r;

    r = check_caller(call);
    if (r < 0)
        return r;
    *ret_doc =
        call_find(call, KEYS_KIND, "UserAccessKeyId", "EntityNotExist.AccessKey", "AccessKey");
    if (!*ret_doc)
        return -ENOENT;
    if (is_limiting && strcmp((*ret_doc)->id, call->who->access_key_id) == 0)
        return call_fail(call, "OperationDenied.OwnAccessKey",
            "AccessKey %s signed this call; it can neither limit, disable nor delete itself.",
            (*ret_doc)->id);
    call_resource(call, (*ret_doc)->id);
    return 0;
}

int system_update_access_key(struct call *call)
{
    static const char *const changed[] = {"Description", "Permission", "Status", NULL};
    bool has_products = json_len(call->in, "Products") > 0;
    bool is_limiting = has_products || json_text_is(call->in, "Permission", "read-only");
    const struct doc *key;
    json_t *body, *names;
    int r;

    r = find_other(call,
        has_products || json_has(call->in, "Status") || json_has(call->in, "Permission"), &key);
    if (r < 0)
        return r;
    if (is_limiting && json_flag(key->body, "Root", false))
        return call_fail(call, "OperationDenied.RootAccessKey",
            "AccessKey %s was made with the node and has no limits; disable or delete it instead.",
            key->id);
    if (has_products && json_flag(call->in, "AllProducts", false))
        return call_fail(call, "InvalidParameter", "Products and AllProducts exclude each other.");
    r = read_products(call, &names);
    if (r < 0)
        return r;
    body = txn_edit(call->txn, KEYS_KIND, key->id);
    json_copy_members(body, call->in, changed);
    if (has_products || json_flag(call->in, "AllProducts", false))
        json_put(body, "Products", names);
    else
        json_decref(names);
    return 0;
}

int system_delete_access_key(struct call *call)
{
    const struct doc *key;
    int r;

    r = find_other(call, true, &key);
    if (r < 0)
        return r;
    (void)txn_remove(call->txn, KEYS_KIND, call->resource);
    return 0;
}
