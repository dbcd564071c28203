/* Values of records, by type. */
#include "base/addr.h"
#include "control/products/dns/dns.h"

#define TXT_MAX 512u

typedef const char *(*value_fn)(const char *value, struct text *ret_value);

static const char *check_ip(const char *value, unsigned family, struct text *ret_value)
{
    char buf[ADDR_TEXT_MAX];
    struct addr addr;

    if (addr_parse_ip(span_of(value), &addr) < 0 || addr.family != family)
        return family == 4 ? "An A record needs an IPv4 address."
                           : "An AAAA record needs an IPv6 address.";
    text_add(ret_value, (struct span){buf, addr_format_ip(&addr, buf)});
    return NULL;
}

static const char *check_a(const char *value, struct text *ret_value)
{
    return check_ip(value, 4, ret_value);
}

static const char *check_aaaa(const char *value, struct text *ret_value)
{
    return check_ip(value, 6, ret_value);
}

static const char *check_host(const char *value, struct text *ret_value)
{
    char name[DNS_NAME_MAX + 1];
    struct addr addr;

    if (addr_parse_ip(span_of(value), &addr) == 0)
        return "The value must be a host name, not an address.";
    if (dns_name_check(value, true, 2, name) < 0)
        return "The value must be a host name of two labels or more.";
    text_add(ret_value, span_of(name));
    return NULL;
}

static const char *check_txt(const char *value, struct text *ret_value)
{
    struct span s = span_of(value);

    if (s.len == 0 || s.len > TXT_MAX)
        return "The text must have 1 to 512 bytes.";
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
            return "The text must not have control characters.";
    }
    text_add(ret_value, s);
    return NULL;
}

/* The next word of a value, words being separated by spaces. */
static struct span next_word(struct span *rest)
{
    struct span word;

    *rest = span_trim(*rest);
    word = (struct span){rest->ptr, span_find(*rest, ' ')};
    *rest = span_from(*rest, word.len);
    return word;
}

/* RFC 2782: priority, weight, port, target. */
static const char *check_srv(const char *value, struct text *ret_value)
{
    static const char wrong[] =
        "An SRV record needs priority, weight, port (numbers up to 65535) and a host name.";
    struct span rest = span_of(value);
    char target[DNS_NAME_MAX + 2], kept[DNS_NAME_MAX + 1];

    for (unsigned i = 0; i < 3; i++) {
        uint64_t number;

        if (span_parse_u64(next_word(&rest), &number) < 0 || number > UINT16_MAX)
            return wrong;
        text_add_u64(ret_value, number);
        text_add_char(ret_value, ' ');
    }
    rest = span_trim(rest);
    if (rest.len >= sizeof(target))
        return wrong;
    (void)snprintf(target, sizeof(target), "%.*s", SPAN_ARG(rest));
    if (dns_name_check(target, true, 2, kept) < 0)
        return wrong;
    text_add(ret_value, span_of(kept));
    return NULL;
}

/* RFC 8659 section 4: flags, tag, value in quotes. */
static const char *check_caa(const char *value, struct text *ret_value)
{
    static const struct span tags[] = {SPAN_LIT("issue"), SPAN_LIT("issuewild"), SPAN_LIT("iodef")};
    static const char wrong[] =
        "A CAA record needs flags (0 to 255), issue, issuewild or iodef, and a value in quotes.";
    struct span rest = span_of(value), tag;
    uint64_t flags;
    bool is_known = false;

    if (span_parse_u64(next_word(&rest), &flags) < 0 || flags > UINT8_MAX)
        return wrong;
    tag = next_word(&rest);
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        is_known |= span_eq_nocase(tag, tags[i]);
    rest = span_trim(rest);
    if (!is_known || rest.len < 3 || rest.ptr[0] != '"' || rest.ptr[rest.len - 1] != '"')
        return wrong;
    if (span_find((struct span){rest.ptr + 1, rest.len - 2}, '"') != rest.len - 2)
        return wrong;
    text_addf(ret_value, "%u %.*s %.*s", (unsigned)flags, SPAN_ARG(tag), SPAN_ARG(rest));
    return NULL;
}

static const struct {
    const char *type;
    value_fn check;
    bool is_nocase; /* host names compare without case */
} types[] = {
    {"A", check_a, false},
    {"AAAA", check_aaaa, false},
    {"CNAME", check_host, true},
    {"NS", check_host, true},
    {"MX", check_host, true},
    {"TXT", check_txt, false},
    {"SRV", check_srv, true},
    {"CAA", check_caa, false},
};

const char *dns_value_check(const char *type, const char *value, struct text *ret_value)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strcmp(types[i].type, type) == 0)
            return types[i].check(value, ret_value);
    }
    return "Records of this type are not built.";
}

bool dns_value_eq(const char *type, const char *a, const char *b)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strcmp(types[i].type, type) == 0 && types[i].is_nocase)
            return span_eq_nocase(span_of(a), span_of(b));
    }
    return strcmp(a, b) == 0;
}
