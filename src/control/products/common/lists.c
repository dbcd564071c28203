/* What ALB and NLB list, show and create alike. */
#include "control/products/common/common.h"

static bool filter_passes(
    const struct call *call, const struct filter *filter, const struct doc *doc)
{
    const json_t *wanted = json_object_get(call->in, filter->param);
    const json_t *member = filter->member ? json_object_get(doc->body, filter->member) : NULL;
    const char *text = filter->member ? json_string_value(member) : doc->id;

    if (!wanted || (json_is_array(wanted) && json_array_size(wanted) == 0))
        return true;
    if (json_is_array(wanted))
        return text && json_array_has(call->in, filter->param, text, true);
    if (json_is_string(wanted))
        return text && strcmp(json_string_value(wanted), text) == 0;
    return json_equal(wanted, member);
}

static bool listing_passes(struct call *call, const struct listing *listing, const struct doc *doc)
{
    for (const struct filter *filter = listing->filters; filter && filter->param; filter++) {
        if (!filter_passes(call, filter, doc))
            return false;
    }
    if (listing->has_tags && !call_tags_match(call, doc->body))
        return false;
    return !listing->match || listing->match(call, doc);
}

int common_list(struct call *call, const struct listing *listing)
{
    struct doc_list list;
    json_t *out;
    uint32_t n = 0;
    int r;

    txn_list(call->txn, listing->kind, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        if (listing_passes(call, listing, list.docs[i]))
            list.docs[n++] = list.docs[i];
    }
    list.n = n;
    r = call_page(call, &list);
    if (r == 0) {
        out = json_array();
        for (uint32_t i = 0; i < list.n; i++)
            (void)json_array_append_new(out, listing->show(call, list.docs[i]));
        json_put(call->out, listing->out, out);
    }
    doc_list_done(&list);
    return r;
}

json_t *common_show(const struct doc *doc, const char *id_member)
{
    json_t *copy = json_copy(doc->body);

    assert(copy);
    json_put_text(copy, id_member, doc->id);
    return copy;
}

int common_answer(struct call *call, json_t *shown)
{
    (void)json_object_update(call->out, shown);
    json_decref(shown);
    return 0;
}

size_t common_index(const json_t *list, const char *member, const char *text)
{
    size_t n = json_array_size(list);
    size_t i = 0;

    while (i < n && !json_text_is(json_array_get(list, i), member, text))
        i++;
    return i;
}

int common_create(struct call *call, const struct creation *creation, json_t *body, int r)
{
    char id[64];

    if (r < 0) {
        json_decref(body);
        return r;
    }
    txn_new_id(call->txn, creation->prefix, id);
    r = txn_add(call->txn, creation->kind, id, body);
    if (r < 0)
        return call_fail(call, "InternalError", "The id %s is in use.", id);
    call_resource(call, id);
    json_put_text(call->out, creation->out, id);
    return 0;
}
