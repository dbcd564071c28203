/* Pages of lists: by token (NextToken, MaxResults) or by number (PageNumber, PageSize).
 *
 * A token holds where the next page begins: for documents the order of the last one given, which stays
 * right when others come and go; for arrays the index of the last one and what it and the next one
 * are known by, so that one of them is found again where it has moved to. Its check keeps the token of one operation out of another.
 */
#include "control/call_page.h"

#include "base/hash.h"

#define PAGE_DEFAULT    50 /* of the few operations that take a token and no number */
#define PAGE_MAX        1000
#define PAGE_TOKEN_SEED 0x70616765746f6b65u

/* Which elements of a list of n: the first and how many. */
struct page {
    size_t first, n;
};

/* The last element of a page. */
struct page_mark {
    uint64_t at;       /* order or index */
    uint64_t id, next; /* arrays: hashes of what the element and the one behind it are known by */
};

/* Where a list goes on behind a mark: index of the first element of the page. */
typedef size_t (*page_find_fn)(const void *list, const struct page_mark *mark);
typedef struct page_mark (*page_mark_fn)(const void *list, size_t index);

struct page_list {
    const void *list;
    size_t n;
    page_find_fn find;
    page_mark_fn mark;
    bool has_ids; /* a token is three: one for each member of the mark */
};

#define PAGE_TOKENS_LEN (3 * PAGE_TOKEN_LEN)

void page_token_make(
    const struct call *call, uint64_t position, char buf[static PAGE_TOKEN_LEN + 1])
{
    uint64_t check = hash_place(span_of(call->op->name), PAGE_TOKEN_SEED ^ position);

    (void)snprintf(buf, PAGE_TOKEN_LEN + 1, "%016llx%016llx", (unsigned long long)position,
        (unsigned long long)check);
}

int page_token_read(struct call *call, const char *token, uint64_t *ret_position)
{
    char digits[17], expected[PAGE_TOKEN_LEN + 1];
    uint64_t position = 0;

    if (strlen(token) == PAGE_TOKEN_LEN) {
        memcpy(digits, token, 16);
        digits[16] = '\0';
        position = strtoull(digits, NULL, 16);
        page_token_make(call, position, expected);
        if (strcmp(token, expected) == 0) {
            *ret_position = position;
            return 0;
        }
    }
    return call_fail(
        call, "InvalidParameter", "NextToken is not one that %s has given.", call->op->name);
}

static int read_mark(struct call *call, const struct page_list *list, struct page_mark *ret_mark)
{
    uint64_t *const members[] = {&ret_mark->at, &ret_mark->id, &ret_mark->next};
    const char *token = call_text(call, "NextToken");
    size_t n = list->has_ids ? ARRAY_LEN(members) : 1;
    char part[PAGE_TOKEN_LEN + 1];
    int r = 0;

    if (strlen(token) != n * PAGE_TOKEN_LEN)
        token = "";
    for (size_t i = 0; i < n && r == 0; i++) {
        (void)snprintf(part, sizeof(part), "%s", token);
        r = page_token_read(call, part, members[i]);
        token += strlen(part);
    }
    return r;
}

static void put_mark(struct call *call, const struct page_list *list, struct page_mark mark)
{
    char token[PAGE_TOKENS_LEN + 1];

    page_token_make(call, mark.at, token);
    if (list->has_ids) {
        page_token_make(call, mark.id, token + PAGE_TOKEN_LEN);
        page_token_make(call, mark.next, token + (size_t)2 * PAGE_TOKEN_LEN);
    }
    json_put_text(call->out, "NextToken", token);
}

static int page_by_token(struct call *call, const struct page_list *list, struct page *ret_page)
{
    const char *token = call_text(call, "NextToken");
    int64_t max = json_int(call->in, "MaxResults", json_int(call->in, "MaxItems", PAGE_DEFAULT));
    struct page_mark mark = {0};
    size_t first = 0, n;
    int r;

    if (max < 1 || max > PAGE_MAX)
        return call_fail(
            call, "InvalidParameter", "MaxResults is %lld, not 1 to %d.", (long long)max, PAGE_MAX);
    if (token && token[0] != '\0') {
        r = read_mark(call, list, &mark);
        if (r < 0)
            return r;
        first = list->find(list->list, &mark);
    }
    n = MIN((size_t)max, list->n - first);
    if (n > 0 && first + n < list->n)
        put_mark(call, list, list->mark(list->list, first + n - 1));
    json_put_int(call->out, "MaxResults", max);
    *ret_page = (struct page){first, n};
    return 0;
}

static int page_by_number(struct call *call, const struct page_list *list, struct page *ret_page)
{
    int64_t number = json_int(call->in, "PageNumber", 1);
    int64_t size = json_int(call->in, "PageSize", PAGE_DEFAULT);
    size_t first;

    if (size < 1 || size > PAGE_MAX)
        return call_fail(
            call, "InvalidParameter", "PageSize is %lld, not 1 to %d.", (long long)size, PAGE_MAX);
    if (number < 1 || number > INT32_MAX)
        return call_fail(call, "InvalidParameter", "PageNumber is %lld; pages are counted from 1.",
            (long long)number);
    first = MIN((size_t)(number - 1) * (size_t)size, list->n);
    json_put_int(call->out, "PageNumber", number);
    json_put_int(call->out, "PageSize", size);
    *ret_page = (struct page){first, MIN((size_t)size, list->n - first)};
    return 0;
}

static int page_choose(struct call *call, const struct page_list *list, struct page *ret_page)
{
    const struct openapi_field *token = openapi_field_find(&call->op->in, SPAN_LIT("NextToken"));

    json_put_int(call->out, "TotalCount", (json_int_t)list->n);
    if (token && !token->refused)
        return page_by_token(call, list, ret_page);
    if (openapi_field_find(&call->op->in, SPAN_LIT("PageNumber")))
        return page_by_number(call, list, ret_page);
    *ret_page = (struct page){0, list->n};
    return 0;
}

static size_t page_find_doc(const void *list, const struct page_mark *mark)
{
    const struct doc_list *docs = list;
    uint32_t i = 0;

    while (i < docs->n && docs->docs[i]->order <= mark->at)
        i++;
    return i;
}

static struct page_mark page_mark_doc(const void *list, size_t index)
{
    const struct doc_list *docs = list;

    return (struct page_mark){.at = docs->docs[index]->order};
}

int call_page(struct call *call, struct doc_list *list)
{
    const struct page_list pages = {list, list->n, page_find_doc, page_mark_doc, false};
    struct page page = {0};
    int r;

    r = page_choose(call, &pages, &page);
    if (r < 0)
        return r;
    if (page.n > 0)
        memmove(list->docs, list->docs + page.first, page.n * sizeof(struct doc *));
    list->n = (uint32_t)page.n;
    return 0;
}

/* Elements that have none of these are told apart by their index alone. */
static uint64_t element_id(const json_t *element)
{
    static const char *const names[] = {"ServerGroupId", "ServerUid", "CertificateId", "Entry",
        "ResourceId", "TagKey", "Key", "SubDomain", "RequestId"};
    uint64_t hash = PAGE_TOKEN_SEED;

    if (json_is_string(element))
        return hash_place(span_of(json_string_value(element)), hash);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *text = json_text(element, names[i]);

        if (text)
            hash = hash_place(span_of(text), hash + i);
    }
    return hash;
}

/* The first element of that id; n if there is none. */
static size_t find_id(const json_t *array, uint64_t id)
{
    size_t n = json_array_size(array);
    size_t i = 0;

    while (i < n && element_id(json_array_get(array, i)) != id)
        i++;
    return i;
}

static size_t page_find_element(const void *list, const struct page_mark *mark)
{
    size_t n = json_array_size(list);
    size_t at;

    if (mark->at < n && element_id(json_array_get(list, mark->at)) == mark->id)
        return mark->at + 1;
    at = find_id(list, mark->id);
    if (at < n)
        return at + 1;
    at = find_id(list, mark->next);
    return at < n ? at : MIN(mark->at, n); /* both are gone: what is behind them has their place */
}

static struct page_mark page_mark_element(const void *list, size_t index)
{
    return (struct page_mark){
        .at = index,
        .id = element_id(json_array_get(list, index)),
        .next = element_id(json_array_get(list, index + 1)),
    };
}

int call_page_array(struct call *call, json_t *array)
{
    const struct page_list pages = {
        array, json_array_size(array), page_find_element, page_mark_element, true};
    struct page page = {0};
    int r;

    r = page_choose(call, &pages, &page);
    if (r < 0)
        return r;
    for (size_t i = json_array_size(array); i > page.first + page.n; i--)
        (void)json_array_remove(array, i - 1);
    for (size_t i = 0; i < page.first; i++)
        (void)json_array_remove(array, 0);
    return 0;
}
