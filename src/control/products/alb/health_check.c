/* Health checks of server groups, and the templates that groups copy theirs from. */
#include "control/products/alb/group_check.h"
#include "control/products/common/common.h"

#define TEMPLATES_MAX   50u
#define GRPC_RANGES_MAX 20u
#define NOT_FOUND       "ResourceNotFound.HealthCheckTemplate"

const char *const alb_check_members[] = {"HealthCheckProtocol", "HealthCheckConnectPort",
    "HealthCheckTimeout", "HealthCheckInterval", "HealthyThreshold", "UnhealthyThreshold",
    "HealthCheckMethod", "HealthCheckHttpVersion", "HealthCheckPath", "HealthCheckHost",
    "HealthCheckCodes", NULL};

/* --- settings ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int64_t value;
} check_numbers[] = {{"HealthCheckConnectPort", 0}, {"HealthCheckTimeout", 5},
    {"HealthCheckInterval", 2}, {"HealthyThreshold", 3}, {"UnhealthyThreshold", 3}};

static void put_absent(json_t *to, const char *name, const char *value)
{
    if (!json_has(to, name))
        json_put_text(to, name, value);
}

/* Defaults depend on the protocol: gRPC asks by POST and has its own codes. */
static void fill_check(json_t *to)
{
    bool is_grpc;

    for (size_t i = 0; i < ARRAY_LEN(check_numbers); i++) {
        if (!json_has(to, check_numbers[i].name))
            json_put_int(to, check_numbers[i].name, check_numbers[i].value);
    }
    put_absent(to, "HealthCheckProtocol", "HTTP");
    put_absent(to, "HealthCheckHttpVersion", "HTTP1.1");
    put_absent(to, "HealthCheckPath", "/");
    put_absent(to, "HealthCheckHost", "$SERVER_IP");
    is_grpc = json_text_is(to, "HealthCheckProtocol", "gRPC");
    put_absent(to, "HealthCheckMethod", is_grpc ? "POST" : "HEAD");
    if (json_len(to, "HealthCheckCodes") == 0) {
        json_t *codes = json_array();

        (void)json_array_append_new(codes, json_string(is_grpc ? "0" : "http_2xx"));
        json_put(to, "HealthCheckCodes", codes);
    }
}

static bool is_http_code(const char *code)
{
    return strlen(code) == 8 && strncmp(code, "http_", 5) == 0 && strchr("2345", code[5]) &&
           strcmp(code + 6, "xx") == 0;
}

/* "0", "0-12"; from 0 to 99. */
static bool is_grpc_code(struct span code)
{
    size_t dash = span_find(code, '-');
    uint64_t low, high;

    if (span_parse_u64((struct span){code.ptr, dash}, &low) < 0)
        return false;
    high = low;
    if (dash < code.len && span_parse_u64(span_from(code, dash + 1), &high) < 0)
        return false;
    return low <= high && high <= 99;
}

static int check_codes(struct call *call, const json_t *to)
{
    bool is_grpc = json_text_is(to, "HealthCheckProtocol", "gRPC");
    size_t n_ranges = 0;
    const json_t *element;
    size_t i;

    json_array_foreach (json_object_get(to, "HealthCheckCodes"), i, element) {
        const char *code = json_string_value(element);
        struct span list = span_of(code);
        struct span one;

        while (is_grpc && span_next(&list, ',', &one)) {
            if (!is_grpc_code(one) || ++n_ranges > GRPC_RANGES_MAX)
                return call_fail(call, "InvalidParameter",
                    "HealthCheckCodes %.60s: checks by gRPC have at most %u codes or ranges from 0 to 99.",
                    code, GRPC_RANGES_MAX);
        }
        if (!is_grpc && !is_http_code(code))
            return call_fail(call, "InvalidParameter",
                "HealthCheckCodes %.60s must be http_2xx, http_3xx, http_4xx or http_5xx.", code);
    }
    return 0;
}

static int check_method(struct call *call, const json_t *to)
{
    const char *method = json_text(to, "HealthCheckMethod");
    bool is_grpc = json_text_is(to, "HealthCheckProtocol", "gRPC");

    if (strcmp(method, is_grpc ? "HEAD" : "POST") != 0)
        return 0;
    return call_fail(call, "InvalidParameter", "HealthCheckMethod %s is not for checks by %s.",
        method, json_text(to, "HealthCheckProtocol"));
}

/* A change of protocol between HTTP and gRPC leaves behind what only the other has. */
static void drop_stale(const json_t *given, json_t *to)
{
    static const char *const members[] = {"HealthCheckMethod", "HealthCheckCodes"};
    const char *old = json_text(to, "HealthCheckProtocol");
    const char *protocol = json_text(given, "HealthCheckProtocol");

    if (!old || !protocol || (strcmp(old, "gRPC") == 0) == (strcmp(protocol, "gRPC") == 0))
        return;
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        (void)json_object_del(to, members[i]);
}

int alb_set_health_check(struct call *call, const json_t *given, json_t *to)
{
    const char *why;
    int r;

    drop_stale(given, to);
    json_copy_members(to, given, alb_check_members);
    fill_check(to);
    why = common_check_path(json_text(to, "HealthCheckPath"));
    if (why)
        return call_fail(call, "InvalidParameter", "HealthCheckPath %.100s %s.",
            json_text(to, "HealthCheckPath"), why);
    why = common_check_host(json_text(to, "HealthCheckHost"));
    if (why)
        return call_fail(call, "InvalidParameter", "HealthCheckHost %.100s %s.",
            json_text(to, "HealthCheckHost"), why);
    if (!json_text_is(to, "HealthCheckHttpVersion", "HTTP1.0") &&
        !json_text_is(to, "HealthCheckHttpVersion", "HTTP1.1"))
        return call_fail(call, "InvalidParameter",
            "HealthCheckHttpVersion %.20s must be HTTP1.0 or HTTP1.1.",
            json_text(to, "HealthCheckHttpVersion"));
    r = check_method(call, to);
    return r < 0 ? r : check_codes(call, to);
}

/* --- templates ---------------------------------------------------------------------------------- */

static int set_template(struct call *call, json_t *body)
{
    const char *name = call_text(call, "HealthCheckTemplateName");
    int r = name ? common_check_name(call, "HealthCheckTemplateName", name,
                       "InvalidParameter.HealthCheckTemplateName")
                 : 0;

    json_put_text(body, "HealthCheckTemplateName", name);
    return r < 0 ? r : alb_set_health_check(call, call->in, body);
}

int alb_create_health_check_template(struct call *call)
{
    static const struct creation creation = {
        ALB_HEALTH_CHECK_TEMPLATE, "hct-", "HealthCheckTemplateId"};
    static const char *const copied[] = {"ResourceGroupId", NULL};
    json_t *body = json_object();
    int r = 0;

    if (txn_count(call->txn, ALB_HEALTH_CHECK_TEMPLATE) >= TEMPLATES_MAX)
        r = call_fail(call, "QuotaExceeded.HealthCheckTemplatesNum",
            "There are %u health-check templates, the most there may be.", TEMPLATES_MAX);
    json_copy_members(body, call->in, copied);
    if (r == 0)
        r = set_template(call, body);
    if (r == 0)
        r = call_tags(call, body);
    return common_create(call, &creation, body, r);
}

static const struct doc *find_template(struct call *call)
{
    return call_find(call, ALB_HEALTH_CHECK_TEMPLATE, "HealthCheckTemplateId", NOT_FOUND,
        "health-check template");
}

static json_t *show_template(struct call *call, const struct doc *doc)
{
    (void)call;
    return common_show(doc, "HealthCheckTemplateId");
}

int alb_get_health_check_template_attribute(struct call *call)
{
    const struct doc *doc = find_template(call);

    return doc ? common_answer(call, show_template(call, doc)) : -ENOENT;
}

int alb_list_health_check_templates(struct call *call)
{
    static const struct filter filters[] = {
        {"HealthCheckTemplateIds", NULL},
        {"HealthCheckTemplateNames", "HealthCheckTemplateName"},
        {"ResourceGroupId", "ResourceGroupId"},
        {NULL, NULL},
    };
    static const struct listing listing = {.kind = ALB_HEALTH_CHECK_TEMPLATE,
        .out = "HealthCheckTemplates",
        .filters = filters,
        .has_tags = true,
        .show = show_template};

    return common_list(call, &listing);
}

int alb_update_health_check_template_attribute(struct call *call)
{
    const struct doc *doc = find_template(call);

    if (!doc)
        return -ENOENT;
    call_resource(call, doc->id);
    return set_template(call, txn_edit(call->txn, ALB_HEALTH_CHECK_TEMPLATE, call->resource));
}

int alb_apply_health_check_template_to_server_group(struct call *call)
{
    const struct doc *template = find_template(call);
    const struct doc *group;
    json_t *body, *check;
    int r;

    if (!template)
        return -ENOENT;
    group = call_find(
        call, ALB_SERVER_GROUP, "ServerGroupId", "ResourceNotFound.ServerGroup", "server group");
    if (!group)
        return -ENOENT;
    call_resource(call, group->id);
    body = txn_edit(call->txn, ALB_SERVER_GROUP, call->resource);
    check = json_object();
    json_copy_members(check, template->body, alb_check_members);
    json_put_flag(check, "HealthCheckEnabled", true);
    json_put(body, "HealthCheckConfig", check);
    r = alb_check_group_editions(call, call->resource, body);
    if (r < 0)
        return r;
    call_job(call, "servergroup");
    return 0;
}

int alb_delete_health_check_templates(struct call *call)
{
    const json_t *element;
    size_t i;

    json_array_foreach (json_object_get(call->in, "HealthCheckTemplateIds"), i, element) {
        const char *id = json_string_value(element);

        if (!txn_remove(call->txn, ALB_HEALTH_CHECK_TEMPLATE, id))
            return call_fail(call, NOT_FOUND, "The health-check template %s does not exist.", id);
        call_resource(call, id);
    }
    return 0;
}
