#include "snapshot/document.h"

#include "snapshot/snapshot.h"

/* What is read and how far. The first problem is kept; what follows from it is not told. */
struct scan {
    struct span json;
    size_t at;
    const char *problem;
};

static bool scan_fail(struct scan *scan, const char *problem)
{
    if (!scan->problem)
        scan->problem = problem;
    return false;
}

static const char scan_ended[] = "the text ends too soon";

/* Next byte that is not white space (RFC 8259 section 2), or -1 at the end. */
static int scan_peek(struct scan *scan)
{
    while (scan->at < scan->json.len) {
        char c = scan->json.ptr[scan->at];

        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return (uint8_t)c;
        scan->at++;
    }
    return -1;
}

static bool scan_take(struct scan *scan, char wanted, const char *problem)
{
    int c = scan_peek(scan);

    if (c < 0)
        return scan_fail(scan, scan_ended);
    if (c != wanted)
        return scan_fail(scan, problem);
    scan->at++;
    return true;
}

/* From an opening quote to behind the closing one. */
static bool scan_skip_string(struct scan *scan)
{
    for (size_t i = scan->at + 1; i < scan->json.len; i++) {
        char c = scan->json.ptr[i];

        if (c == '"') {
            scan->at = i + 1;
            return true;
        }
        if (c == '\\')
            i++;
    }
    scan->at = scan->json.len;
    return scan_fail(scan, scan_ended);
}

/* Whether brackets are of the same kind is left to who reads the value. */
static bool scan_skip_nested(struct scan *scan)
{
    uint32_t depth = 0;

    while (scan->at < scan->json.len) {
        char c = scan->json.ptr[scan->at];

        if (c == '"') {
            if (!scan_skip_string(scan))
                return false;
            continue;
        }
        if ((c == '{' || c == '[') && ++depth > DOCUMENT_DEPTH_MAX)
            return scan_fail(scan, "nested too deeply");
        scan->at++;
        if ((c == '}' || c == ']') && --depth == 0)
            return true;
    }
    return scan_fail(scan, scan_ended);
}

static bool scan_skip_scalar(struct scan *scan)
{
    static const char ends[] = " \t\r\n,:[]{}\"";
    size_t start = scan->at;

    while (scan->at < scan->json.len && scan->json.ptr[scan->at] != '\0' &&
           !strchr(ends, scan->json.ptr[scan->at]))
        scan->at++;
    return scan->at > start || scan_fail(scan, "a value is expected here");
}

static bool scan_skip_value(struct scan *scan, struct span *ret_value)
{
    int c = scan_peek(scan);
    size_t start = scan->at;
    bool ok;

    if (c < 0)
        return scan_fail(scan, scan_ended);
    if (c == '"')
        ok = scan_skip_string(scan);
    else if (c == '{' || c == '[')
        ok = scan_skip_nested(scan);
    else
        ok = scan_skip_scalar(scan);
    if (ok)
        *ret_value = (struct span){scan->json.ptr + start, scan->at - start};
    return ok;
}

void document_where(
    struct document *document, const char *at, uint32_t *ret_line, uint32_t *ret_column)
{
    size_t end = (size_t)(at - document->json.ptr);

    if (end < document->known_at || document->known_line == 0) {
        document->known_at = 0;
        document->known_line = 1;
        document->known_column = 1;
    }
    for (; document->known_at < end; document->known_at++) {
        bool is_end = document->json.ptr[document->known_at] == '\n';

        document->known_line += is_end;
        document->known_column = is_end ? 1 : document->known_column + 1;
    }
    *ret_line = document->known_line;
    *ret_column = document->known_column;
}

static int scan_report(const struct scan *scan, struct document *document, struct errors *errors)
{
    uint32_t line, column;

    document_where(document, document->json.ptr + scan->at, &line, &column);
    errors_add(errors, DOCUMENT_NAME, NULL, (struct span){0},
        "is not a change in JSON: line %u, column %u: %s", line, column, scan->problem);
    return -EINVAL;
}

static bool document_set_list(
    struct scan *scan, struct span value, struct span *list, const char *problem)
{
    if (list->ptr)
        return scan_fail(scan, "the same key appears twice");
    if (value.ptr[0] != '[' || value.ptr[value.len - 1] != ']') {
        scan->at -= value.len;
        return scan_fail(scan, problem);
    }
    *list = value;
    return true;
}

static bool document_set_version(struct scan *scan, struct span value, struct span *version)
{
    if (version->ptr)
        return scan_fail(scan, "the same key appears twice");
    *version = value;
    return true;
}

/* One "key": value. Keys are compared as written: nobody needs to write "upsert" with escapes. */
static bool document_read_member(struct scan *scan, struct document *document, struct span *version)
{
    struct span key, value;

    if (scan_peek(scan) != '"')
        return scan_fail(scan, scan->at < scan->json.len ? "a key is expected here" : scan_ended);
    if (!scan_skip_value(scan, &key))
        return false;
    if (!span_eq(key, SPAN_LIT("\"version\"")) && !span_eq(key, SPAN_LIT("\"upsert\"")) &&
        !span_eq(key, SPAN_LIT("\"remove\""))) {
        scan->at -= key.len;
        return scan_fail(scan, "the keys are \"version\", \"upsert\" and \"remove\"");
    }
    if (!scan_take(scan, ':', "a colon is expected here") || !scan_skip_value(scan, &value))
        return false;
    if (key.ptr[1] == 'v')
        return document_set_version(scan, value, version);
    if (key.ptr[1] == 'u')
        return document_set_list(scan, value, &document->upsert, "\"upsert\" must be an array");
    return document_set_list(scan, value, &document->remove, "\"remove\" must be an array");
}

static bool document_read_members(
    struct scan *scan, struct document *document, struct span *version)
{
    if (!scan_take(scan, '{', "an object is expected: {\"version\": ..., \"upsert\": [...]}"))
        return false;
    if (scan_peek(scan) == '}') {
        scan->at++;
        return true;
    }
    for (;;) {
        if (!document_read_member(scan, document, version))
            return false;
        if (scan_peek(scan) == '}') {
            scan->at++;
            return true;
        }
        if (!scan_take(scan, ',', "a comma or the end of the object is expected here"))
            return false;
    }
}

/* JSON forbids leading zeros; the limit is that of the numbers in resources. */
static bool document_parse_version(struct span text, uint64_t *ret_version)
{
    uint64_t version;

    if ((text.len > 1 && text.ptr[0] == '0') || span_parse_u64(text, &version) < 0 ||
        version > INT64_MAX)
        return false;
    *ret_version = version;
    return true;
}

uint64_t snapshot_read_version(struct span json)
{
    struct document document = {.json = json.ptr ? json : SPAN_LIT("")};
    struct scan scan = {.json = document.json};
    struct span text = {0};
    uint64_t version = 0;

    (void)document_read_members(&scan, &document, &text);
    (void)document_parse_version(text, &version);
    return version;
}

int document_read(struct span json, struct document *ret_document, struct errors *errors)
{
    struct document document = {.json = json.ptr ? json : SPAN_LIT("")};
    struct scan scan = {.json = document.json};
    struct span version = {0};

    if (json.len > SNAPSHOT_JSON_MAX) {
        errors_add(errors, DOCUMENT_NAME, NULL, (struct span){0},
            "must be at most %u bytes of JSON", SNAPSHOT_JSON_MAX);
        return -EINVAL;
    }
    if (!document_read_members(&scan, &document, &version))
        return scan_report(&scan, &document, errors);
    if (scan_peek(&scan) >= 0) {
        (void)scan_fail(&scan, "nothing may follow the object");
        return scan_report(&scan, &document, errors);
    }
    if (!version.ptr) {
        errors_add(errors, DOCUMENT_NAME, "version", version, "is required");
        return -EINVAL;
    }
    if (!document_parse_version(version, &document.version)) {
        errors_add(errors, DOCUMENT_NAME, "version", version,
            "must be a whole number from 0 to %lld", (long long)INT64_MAX);
        return -EINVAL;
    }
    *ret_document = document;
    return 0;
}

int document_next(struct document *document, struct span array, size_t *pos, struct span *ret_item,
    struct errors *errors)
{
    /* Up to the closing bracket, but told as a place in the document. */
    size_t start = array.ptr ? (size_t)(array.ptr - document->json.ptr) : 0;
    struct scan scan = {.json = {document->json.ptr, start + array.len}, .at = start + *pos};

    if (array.len == 0)
        return 0;
    if (*pos == 0)
        scan.at++;
    if (scan_peek(&scan) == ']' && scan.at == scan.json.len - 1 && scan.json.ptr[scan.at] == ']') {
        /* "[]" and "[1]" end here, "[1,]" does not. */
        if (*pos == 0 || scan.json.ptr[start + *pos - 1] != ',')
            return 0;
    }
    if (!scan_skip_value(&scan, ret_item))
        return scan_report(&scan, document, errors);
    if (scan_peek(&scan) == ',')
        scan.at++;
    else if (scan.at != scan.json.len - 1) {
        (void)scan_fail(&scan, "a comma or the end of the array is expected here");
        return scan_report(&scan, document, errors);
    }
    *pos = scan.at - start;
    return 1;
}
