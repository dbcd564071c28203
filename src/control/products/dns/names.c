/* Names of domains and hosts (RFC 1035 section 2.3, RFC 1123 section 2.1). */
#include "control/products/dns/dns.h"

#define LABEL_MAX 63u

/* Elements of lists come trimmed: spaces around a dot would go unseen. */
static bool has_space(const char *name)
{
    return strpbrk(name, " \t") != NULL;
}

static bool is_label(struct span label, bool is_loose)
{
    if (label.len == 0 || label.len > LABEL_MAX || label.ptr[0] == '-' ||
        label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = ascii_lower(label.ptr[i]);
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';

        if (!is_plain && !(is_loose && c == '_'))
            return false;
    }
    return true;
}

static void copy_name(struct span name, bool lower, char *ret_name)
{
    for (size_t i = 0; i < name.len; i++)
        ret_name[i] = lower ? ascii_lower(name.ptr[i]) : name.ptr[i];
    ret_name[name.len] = '\0';
}

int dns_name_check(
    const char *name, bool is_loose, unsigned n_labels_min, char ret_name[DNS_NAME_MAX + 1])
{
    char ascii[DNS_NAME_MAX + 2]; /* with a final dot */
    struct span rest, whole, label;
    unsigned n_labels = 0;

    if (dns_to_ascii(name, ascii) < 0 || has_space(ascii))
        return -EINVAL;
    rest = span_of(ascii);
    if (rest.len > 0 && rest.ptr[rest.len - 1] == '.')
        rest.len--;
    if (rest.len == 0 || rest.len > DNS_NAME_MAX)
        return -EINVAL;
    whole = rest;
    while (span_next(&rest, '.', &label)) {
        if (!is_label(label, is_loose))
            return -EINVAL;
        n_labels++;
    }
    if (n_labels < n_labels_min)
        return -EINVAL;
    copy_name(whole, !is_loose, ret_name);
    return 0;
}

int dns_domain_check(const char *name, char ret_name[DNS_NAME_MAX + 1])
{
    int r = dns_name_check(name, false, 2, ret_name);
    uint64_t number;

    if (r < 0)
        return r;
    /* A last label of digits alone would make a name that looks like an address. */
    return span_parse_u64(span_of(strrchr(ret_name, '.') + 1), &number) == -EINVAL ? 0 : -EINVAL;
}

int dns_rr_check(const char *rr, const char *domain, char ret_rr[DNS_NAME_MAX + 1])
{
    char ascii[DNS_NAME_MAX + 2];
    struct span rest, label;
    bool is_first = true;

    if (dns_to_ascii(rr, ascii) < 0 || has_space(ascii))
        return -EINVAL;
    rest = span_of(ascii);
    if (rest.len == 0 || rest.len + 1 + strlen(domain) > DNS_NAME_MAX)
        return -EINVAL;
    copy_name(rest, true, ret_rr);
    if (strcmp(rr, "@") == 0)
        return 0;
    while (span_next(&rest, '.', &label)) {
        /* A star stands for whole labels and only in front (RFC 4592 section 2.1.1). */
        if (!is_label(label, true) && !(is_first && span_eq(label, SPAN_LIT("*"))))
            return -EINVAL;
        is_first = false;
    }
    return 0;
}
