/* What the data plane cannot do, of all products: some have no place for it in their own answers. */
#include <time.h>

#include "control/products/common/common.h"
#include "control/products/system/system.h"

static json_t *show_refusal(struct call *call, const struct doc *doc)
{
    time_t seconds = (time_t)(json_int(doc->body, "TimeMs", 0) / 1000);
    json_t *out = json_object();
    char text[32];
    struct tm tm;

    (void)call;
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_put_text(out, "ResourceId", json_text(doc->body, "DocId"));
    json_put_text(out, "Reason", json_text(doc->body, "Reason"));
    json_put_text(out, "Time", text);
    return out;
}

int system_list_refusals(struct call *call)
{
    static const struct filter filters[] = {{"ResourceIds", "DocId"}, {NULL, NULL}};
    static const struct listing listing = {
        .kind = "system.refusal",
        .out = "Refusals",
        .filters = filters,
        .show = show_refusal,
    };

    return common_list(call, &listing);
}
