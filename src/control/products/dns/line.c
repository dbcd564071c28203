/* Lines: from where a query comes. There is one, for all. */
#include "control/products/dns/dns.h"

#define DEFAULT_LINE "default"

bool dns_is_line(const char *line)
{
    return strcmp(line, DEFAULT_LINE) == 0;
}

json_t *dns_lines(const char *lang)
{
    const char *name = lang && strcmp(lang, "en") == 0 ? "Default" : "\xe9\xbb\x98\xe8\xae\xa4";

    return json_pack(
        "[{s:s, s:s, s:s}]", "LineCode", DEFAULT_LINE, "LineName", name, "LineDisplayName", name);
}

int dns_describe_support_lines(struct call *call)
{
    const char *domain = call_text(call, "DomainName");

    if (domain && !dns_domain_find(call, domain))
        return -EINVAL;
    json_put(call->out, "RecordLines", dns_lines(call_text(call, "Lang")));
    return 0;
}
