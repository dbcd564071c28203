/* Conditions and actions of ALB rules and listeners. */
#include "base/text.h"
#include "control/compile/compile_inner.h"

/* --- conditions ------------------------------------------------------------------------------- */

/* A value that begins with ~ is a regular expression, in hosts and paths only. */
static bool has_regex(const json_t *values)
{
    size_t i;
    json_t *value;

    json_array_foreach (values, i, value) {
        if (json_is_string(value) && json_string_value(value)[0] == '~')
            return true;
    }
    return false;
}

/* {Key, Value} as "key=value"; the key has no = in it. */
static json_t *pairs_of(const json_t *values)
{
    json_t *pairs = json_array(), *value;
    size_t i;

    json_array_foreach (values, i, value) {
        const char *key = json_text(value, "Key");
        const char *text = json_text(value, "Value");

        (void)json_array_append_new(pairs, json_sprintf("%s=%s", key ? key : "", text ? text : ""));
    }
    return pairs;
}

static const struct condition_row {
    const char *type, *config, *name;
    bool has_key, has_pairs, may_be_regex;
} condition_rows[] = {
    {.type = "Host", .config = "HostConfig", .name = "host", .may_be_regex = true},
    {.type = "Path", .config = "PathConfig", .name = "path", .may_be_regex = true},
    {.type = "Method", .config = "MethodConfig", .name = "method"},
    {.type = "Header", .config = "HeaderConfig", .name = "header", .has_key = true},
    {.type = "QueryString",
        .config = "QueryStringConfig",
        .name = "query_string",
        .has_pairs = true},
    {.type = "Cookie", .config = "CookieConfig", .name = "cookie", .has_pairs = true},
    {.type = "SourceIp", .config = "SourceIpConfig", .name = "source_ip"},
    {.type = "ResponseHeader",
        .config = "ResponseHeaderConfig",
        .name = "response_header",
        .has_key = true},
    {.type = "ResponseStatusCode", .config = "ResponseStatusCodeConfig", .name = "response_status"},
};

static json_t *make_condition(const struct condition_row *row, const json_t *condition)
{
    const json_t *config = json_object_get(condition, row->config);
    const json_t *values = json_object_get(config, "Values");
    json_t *json = json_object();

    json_put_text(json, "type", row->name);
    if (row->may_be_regex && has_regex(values))
        json_put_text(json, "match", "regex");
    if (row->has_key)
        part_text(json, "key", json_text(config, "Key"));
    json_put(json, "values", row->has_pairs ? pairs_of(values) : json_deep_copy(values));
    return json;
}

json_t *part_conditions(const json_t *list)
{
    json_t *conditions = json_array(), *condition;
    size_t i;

    json_array_foreach (list, i, condition) {
        for (size_t j = 0; j < ARRAY_LEN(condition_rows); j++) {
            if (json_text_is(condition, "Type", condition_rows[j].type))
                (void)json_array_append_new(
                    conditions, make_condition(&condition_rows[j], condition));
        }
    }
    return conditions;
}

/* --- actions ---------------------------------------------------------------------------------- */

static json_t *groups_of(const json_t *config)
{
    json_t *groups = json_array(), *tuple;
    size_t i;

    json_array_foreach (json_object_get(config, "ServerGroupTuples"), i, tuple) {
        json_t *one = json_object();

        json_put_text(one, "group", json_text(tuple, "ServerGroupId"));
        if (json_has(tuple, "Weight"))
            json_put_int(one, "weight", json_int(tuple, "Weight", 100));
        (void)json_array_append_new(groups, one);
    }
    return groups;
}

static void put_forward(json_t *action, const json_t *config)
{
    const json_t *sticky = json_object_get(config, "ServerGroupStickySession");
    json_t *persistence;

    json_put(action, "groups", groups_of(config));
    if (!json_flag(sticky, "Enabled", false))
        return;
    persistence = json_object();
    part_seconds(persistence, "timeout_ms", json_int(sticky, "Timeout", 1000));
    json_put(action, "persistence", persistence);
}

/* Statuses are texts in the API. */
static int64_t status_of(const json_t *config)
{
    const char *text = json_text(config, "HttpCode");
    uint64_t status;

    return text && span_parse_u64(span_of(text), &status) == 0 && status < 1000 ? (int64_t)status
                                                                                : 0;
}

static void put_rewrite(json_t *action, const json_t *config)
{
    part_text(action, "host", json_text(config, "Host"));
    part_text(action, "path", json_text(config, "Path"));
    part_text(action, "query", json_text(config, "Query"));
}

static void put_redirect(json_t *action, const json_t *config)
{
    char protocol[PART_NAME_LEN];

    part_text(action, "protocol", part_lower(json_text(config, "Protocol"), protocol));
    part_text(action, "port", json_text(config, "Port"));
    put_rewrite(action, config);
    json_put_int(action, "status", status_of(config));
}

static void put_fixed_response(json_t *action, const json_t *config)
{
    json_put_int(action, "status", status_of(config));
    part_text(action, "content_type", json_text(config, "ContentType"));
    part_text(action, "content", json_text(config, "Content"));
}

static void put_insert_header(json_t *action, const json_t *config)
{
    const char *type = "text";

    if (json_text_is(config, "ValueType", "ReferenceHeader"))
        type = "header";
    else if (json_text_is(config, "ValueType", "SystemDefined"))
        type = "variable";
    part_text(action, "header", json_text(config, "Key"));
    part_text(action, "value", json_text(config, "Value"));
    json_put_text(action, "value_type", type);
}

static void put_remove_header(json_t *action, const json_t *config)
{
    part_text(action, "header", json_text(config, "Key"));
}

static void put_traffic_limit(json_t *action, const json_t *config)
{
    part_int(action, "qps", json_int(config, "QPS", 0));
    part_int(action, "qps_per_client", json_int(config, "PerIpQps", 0));
}

static void put_traffic_mirror(json_t *action, const json_t *config)
{
    json_put(action, "groups", groups_of(json_object_get(config, "MirrorGroupConfig")));
}

static void put_cors(json_t *action, const json_t *config)
{
    json_t *cors = json_object();

    part_ids(cors, "origins", json_object_get(config, "AllowOrigin"));
    part_ids(cors, "methods", json_object_get(config, "AllowMethods"));
    part_ids(cors, "headers", json_object_get(config, "AllowHeaders"));
    part_ids(cors, "expose_headers", json_object_get(config, "ExposeHeaders"));
    json_put_flag(cors, "credentials", json_text_is(config, "AllowCredentials", "on"));
    if (json_has(config, "MaxAge"))
        json_put_int(cors, "max_age_s", json_int(config, "MaxAge", 0));
    json_put(action, "cors", cors);
}

static const struct action_row {
    const char *type, *config, *name;
    void (*put)(json_t *action, const json_t *config);
} action_rows[] = {
    {"ForwardGroup", "ForwardGroupConfig", "forward", put_forward},
    {"Redirect", "RedirectConfig", "redirect", put_redirect},
    {"FixedResponse", "FixedResponseConfig", "fixed_response", put_fixed_response},
    {"Rewrite", "RewriteConfig", "rewrite", put_rewrite},
    {"InsertHeader", "InsertHeaderConfig", "insert_header", put_insert_header},
    {"RemoveHeader", "RemoveHeaderConfig", "remove_header", put_remove_header},
    {"TrafficLimit", "TrafficLimitConfig", "traffic_limit", put_traffic_limit},
    {"TrafficMirror", "TrafficMirrorConfig", "traffic_mirror", put_traffic_mirror},
    {"Cors", "CorsConfig", "cors", put_cors},
};

json_t *part_actions(const json_t *list)
{
    json_t *actions = json_array(), *given;
    size_t i;

    json_array_foreach (list, i, given) {
        for (size_t j = 0; j < ARRAY_LEN(action_rows); j++) {
            const struct action_row *row = &action_rows[j];
            json_t *action;

            if (!json_text_is(given, "Type", row->type))
                continue;
            action = json_object();
            json_put_text(action, "type", row->name);
            row->put(action, json_object_get(given, row->config));
            (void)json_array_append_new(actions, action);
        }
    }
    return actions;
}
