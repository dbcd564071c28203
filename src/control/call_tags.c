/* Tags of documents.
 *
 * A document keeps each tag under both spellings, Key/Value and TagKey/TagValue, as answers differ in theirs.
 * Requests spell them Tag.N.Key or, in JSON texts, TagKey or tagKey.
 */
#include <strings.h>

#include "control/call.h"

#define TAGS_MAX 20u /* in one request, and of one document */

/* Codes by what is wrong; the first that the operation documents is taken, else the last. */
static const char *const tags_bad_key[] = {
    "InvalidParam.TagKey", "IllegalParam.TagKey", "InvalidParameter"};
static const char *const tags_bad_value[] = {
    "InvalidParam.TagValue", "IllegalParam.TagValue", "InvalidParameter"};
static const char *const tags_twice[] = {
    "Duplicate.TagKey", "InvalidParam.TagKey", "InvalidParameter"};
static const char *const tags_too_many[] = {
    "SizeLimitExceeded.Tag", "QuotaLimitExceeds", "QuotaExceeded.TagsNum"};

static const char *tags_code(const struct call *call, const char *const codes[3])
{
    for (unsigned i = 0; i < 2; i++) {
        for (uint32_t j = 0; j < call->op->n_errors; j++) {
            if (strcmp(call->op->errors[j].code, codes[i]) == 0)
                return codes[i];
        }
    }
    return codes[2];
}

static const char *tag_member(const json_t *tag, const char *const spellings[3])
{
    const char *text = NULL;

    for (unsigned i = 0; i < 3 && !text; i++)
        text = json_text(tag, spellings[i]);
    return text;
}

static const char *tag_key(const json_t *tag)
{
    return tag_member(tag, (const char *const[]){"Key", "TagKey", "tagKey"});
}

/* NULL: none was given. */
static const char *tag_value(const json_t *tag)
{
    return tag_member(tag, (const char *const[]){"Value", "TagValue", "tagValue"});
}

/* The list of a request: Tag.N or the JSON text Tags. NULL: none. */
static const json_t *tags_given(const struct call *call)
{
    const json_t *tags = json_object_get(call->in, "Tag");

    if (!tags)
        tags = json_object_get(call->in, "Tags");
    return json_is_array(tags) ? tags : NULL;
}

/* Characters that no tag may begin with or have (references, section of each product on tags). */
static bool tag_is_reserved(const char *text)
{
    return strncasecmp(text, "aliyun", 6) == 0 || strncasecmp(text, "acs:", 4) == 0;
}

static bool tag_is_link(const char *text)
{
    return strcasestr(text, "http://") != NULL || strcasestr(text, "https://") != NULL;
}

static int tag_check(struct call *call, const json_t *tag)
{
    const char *key = tag_key(tag);
    const char *value = tag_value(tag);

    if (!key || key[0] == '\0')
        return call_fail(call, tags_code(call, tags_bad_key), "A tag has no key.");
    if (tag_is_reserved(key) || tag_is_link(key))
        return call_fail(call, tags_code(call, tags_bad_key),
            "Tag key %.128s begins with aliyun or acs:, or has http:// or https:// in it.", key);
    if (value && tag_is_link(value))
        return call_fail(call, tags_code(call, tags_bad_value),
            "The value of tag %.128s has http:// or https:// in it.", key);
    return 0;
}

static json_t *tag_make(const char *key, const char *value)
{
    json_t *tag = json_object();

    json_put_text(tag, "Key", key);
    json_put_text(tag, "TagKey", key);
    json_put_text(tag, "Value", value ? value : "");
    json_put_text(tag, "TagValue", value ? value : "");
    return tag;
}

static size_t tags_index(const json_t *tags, const char *key)
{
    size_t n = json_array_size(tags);
    size_t i = 0;

    while (i < n && strcmp(tag_key(json_array_get(tags, i)), key) != 0)
        i++;
    return i;
}

/* Adds the tags of the request to those of a document, where the same key is replaced. */
static int tags_merge(struct call *call, json_t *body)
{
    const json_t *given = tags_given(call);
    json_t *tags = json_object_get(body, "Tags");
    json_t *tag;
    size_t i;

    if (!tags) {
        tags = json_array();
        json_put(body, "Tags", tags);
    }
    json_array_foreach (given, i, tag) {
        const char *key = tag_key(tag);
        size_t at = tags_index(tags, key);
        int r;

        if (at < json_array_size(tags))
            r = json_array_set_new(tags, at, tag_make(key, tag_value(tag)));
        else
            r = json_array_append_new(tags, tag_make(key, tag_value(tag)));
        assert(r == 0);
    }
    if (json_array_size(tags) > TAGS_MAX)
        return call_fail(call, tags_code(call, tags_too_many),
            "A resource may have %u tags; this one would have %zu.", TAGS_MAX,
            json_array_size(tags));
    return 0;
}

static int tags_check(struct call *call)
{
    const json_t *given = tags_given(call);
    const json_t *tag;
    size_t i;
    int r;

    if (json_array_size(given) > TAGS_MAX)
        return call_fail(call, tags_code(call, tags_too_many),
            "%zu tags are given; %u are the most.", json_array_size(given), TAGS_MAX);
    json_array_foreach (given, i, tag) {
        r = tag_check(call, tag);
        if (r < 0)
            return r;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(tag_key(json_array_get(given, j)), tag_key(tag)) == 0)
                return call_fail(call, tags_code(call, tags_twice),
                    "Tag key %.128s is given twice.", tag_key(tag));
        }
    }
    return 0;
}

int call_tags(struct call *call, json_t *body)
{
    int r;

    r = tags_check(call);
    if (r < 0)
        return r;
    return tags_merge(call, body);
}

bool call_tags_match(const struct call *call, const json_t *body)
{
    const json_t *wanted = tags_given(call);
    const json_t *tags = json_object_get(body, "Tags");
    const json_t *tag;
    size_t i;

    json_array_foreach (wanted, i, tag) {
        const char *key = tag_key(tag);
        const char *value = tag_value(tag);
        size_t at = key ? tags_index(tags, key) : json_array_size(tags);

        if (at == json_array_size(tags))
            return false;
        if (value && value[0] != '\0' && strcmp(value, tag_value(json_array_get(tags, at))) != 0)
            return false;
    }
    return true;
}

/* --- TagResources and its like ------------------------------------------------------------------- */

/* Always fails or gives the kind of ResourceType. */
static int tags_kind(struct call *call, const struct tag_kind *taggable, const char **ret_kind)
{
    const char *type = call_text(call, "ResourceType");

    for (; taggable->type; taggable++) {
        if (type && strcasecmp(taggable->type, type) == 0) {
            *ret_kind = taggable->kind;
            return 0;
        }
    }
    return call_fail(
        call, "UnsupportedParameter", "ResourceType %.64s has no tags here.", type ? type : "");
}

/* Does one thing to the body of each document that ResourceId.N names. */
static int tags_each(struct call *call, const struct tag_kind *taggable, const char *not_found,
    int (*change)(struct call *call, json_t *body))
{
    const json_t *id;
    const char *kind = NULL;
    size_t i;
    int r;

    r = tags_kind(call, taggable, &kind);
    if (r < 0)
        return r;
    json_array_foreach (json_object_get(call->in, "ResourceId"), i, id) {
        json_t *body = txn_edit(call->txn, kind, json_string_value(id));

        if (!body)
            return call_fail(call, not_found, "The %s %.100s does not exist.",
                call_text(call, "ResourceType"), json_string_value(id));
        call_resource(call, json_string_value(id));
        r = change(call, body);
        if (r < 0)
            return r;
    }
    return 0;
}

int call_tag_resources(struct call *call, const struct tag_kind *taggable, const char *not_found)
{
    int r;

    r = tags_check(call);
    if (r < 0)
        return r;
    return tags_each(call, taggable, not_found, tags_merge);
}

/* Removes what All, TagKey.N or Tag.N ask for. A Tag with a value goes only where it has that value. */
static int tags_remove(struct call *call, json_t *body)
{
    json_t *tags = json_object_get(body, "Tags");
    const json_t *tag;
    size_t i;

    if (json_flag(call->in, "All", false)) {
        (void)json_object_del(body, "Tags");
        return 0;
    }
    for (i = json_array_size(tags); i-- > 0;) {
        if (json_array_has(call->in, "TagKey", tag_key(json_array_get(tags, i)), false))
            (void)json_array_remove(tags, i);
    }
    json_array_foreach (tags_given(call), i, tag) {
        size_t at = tag_key(tag) ? tags_index(tags, tag_key(tag)) : json_array_size(tags);
        const char *value = tag_value(tag);

        if (at < json_array_size(tags) &&
            (!value || strcmp(value, tag_value(json_array_get(tags, at))) == 0))
            (void)json_array_remove(tags, at);
    }
    return 0;
}

int call_untag_resources(struct call *call, const struct tag_kind *taggable, const char *not_found)
{
    if (!json_flag(call->in, "All", false) && json_len(call->in, "TagKey") == 0 &&
        json_array_size(tags_given(call)) == 0)
        return call_fail(call, "MissingParameter",
            "TagKey is missing: which tags to remove, unless All is true.");
    return tags_each(call, taggable, not_found, tags_remove);
}

static void tags_list_doc(const struct call *call, const struct doc *doc, json_t *rows)
{
    const json_t *tag;
    size_t i;

    json_array_foreach (json_object_get(doc->body, "Tags"), i, tag) {
        json_t *row = json_object();

        json_put_text(row, "ResourceId", doc->id);
        json_put_text(row, "ResourceType", call_text(call, "ResourceType"));
        json_put_text(row, "TagKey", tag_key(tag));
        json_put_text(row, "TagValue", tag_value(tag));
        (void)json_array_append_new(rows, row);
    }
}

int call_list_tag_resources(struct call *call, const struct tag_kind *taggable)
{
    struct doc_list docs;
    const char *kind = NULL;
    json_t *rows;
    int r;

    r = tags_kind(call, taggable, &kind);
    if (r < 0)
        return r;
    rows = json_array();
    json_put(call->out, "TagResources", rows);
    txn_list(call->txn, kind, &docs);
    for (uint32_t i = 0; i < docs.n; i++) {
        if (json_array_has(call->in, "ResourceId", docs.docs[i]->id, true) &&
            call_tags_match(call, docs.docs[i]->body))
            tags_list_doc(call, docs.docs[i], rows);
    }
    doc_list_done(&docs);
    return call_page_array(call, rows);
}
