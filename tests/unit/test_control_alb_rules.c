/* What rules of ALB may say: conditions, actions, and both together. */
#include "openapi/sign.h"
#include "product_make.h"

/* --- calls -------------------------------------------------------------------------------------- */

/* Ids of what all tests use, by the word that stands for them in texts. */
static struct {
    const char *word;
    char id[64];
} made[] = {
    {"STANDARD", ""}, {"BASIC", ""}, {"GROUP", ""}, {"OTHER", ""}, {"STICKY", ""}, {"GRPC", ""}};

enum { STANDARD, BASIC, GROUP, OTHER, STICKY, GRPC };

/* text with ' for " and the words of made replaced. */
static json_t *read_json(const char *text)
{
    char buf[8192];
    size_t len = 0;
    json_error_t error;
    json_t *json;

    while (*text) {
        size_t i = 0;

        while (i < ARRAY_LEN(made) && !span_starts_with(span_of(text), span_of(made[i].word)))
            i++;
        if (i == ARRAY_LEN(made)) {
            buf[len++] = *text == '\'' ? '"' : *text;
            text++;
            continue;
        }
        text += strlen(made[i].word);
        len += (size_t)snprintf(buf + len, sizeof(buf) - len, "%s", made[i].id);
    }
    json = json_loadb(buf, len, 0, &error);
    if (!json)
        fail_msg("%s in %.*s", error.text, (int)len, buf);
    return json;
}

/* One call of Alb with parameters as JSON of the table's shape; it must end with that code. The answer is a new reference. */
static json_t *call_json(const char *code, const char *operation, json_t *in)
{
    const struct openapi_operation *op =
        openapi_operation_find(openapi_product_by_name(SPAN_LIT("Alb")), span_of(operation));
    struct params params = {0};
    struct params_error error = {0};
    struct text form;
    char name[128];
    json_t *answer;

    if (params_encode(op, in, &params, &error) < 0)
        fail_msg("%s: %s", error.field, error.message);
    text_init(&form, 1 << 20);
    for (uint32_t i = 0; i < params.n; i++) {
        sign_encode(&form, span_of(params.items[i].name));
        text_add_char(&form, '=');
        sign_encode(&form, span_of(params.items[i].value));
        text_add_char(&form, '&');
    }
    form.len -= form.len > 0;
    text_add_char(&form, '\0');
    (void)snprintf(name, sizeof(name), "Alb %s", operation);
    answer = product_call(code, name, form.ptr);
    text_done(&form);
    params_done(&params);
    json_decref(in);
    return answer;
}

/* CreateRule with what given says over a rule that would do. */
static void create_rule(const char *code, const char *given)
{
    static int priority;
    json_t *in =
        read_json("{'ListenerId': 'STANDARD', 'RuleName': 'rule',"
                  " 'RuleConditions': [{'Type': 'Path', 'PathConfig': {'Values': ['/x']}}],"
                  " 'RuleActions': [{'Type': 'FixedResponse', 'Order': 9,"
                  "  'FixedResponseConfig': {'HttpCode': '200'}}]}");
    json_t *over = read_json(given);

    json_put_int(in, "Priority", ++priority);
    assert_int_equal(json_object_update(in, over), 0);
    json_decref(over);
    json_decref(call_json(code, "CreateRule", in));
}

static const char *make_group(const char *more)
{
    return product_do("Alb CreateServerGroup", "ServerGroupId",
        "VpcId=%s&ServerGroupName=group&HealthCheckConfig.HealthCheckEnabled=false%s",
        product_control.node.vpc_id, more);
}

static const char *make_listener(const char *edition, const char *group)
{
    const struct node_zone *zones = product_control.node.zones;
    const char *instance = product_do("Alb CreateLoadBalancer", "LoadBalancerId",
        "VpcId=%s&AddressType=Intranet&LoadBalancerEdition=%s&LoadBalancerBillingConfig.PayType=PostPay"
        "&ZoneMappings.1.ZoneId=%s&ZoneMappings.1.VSwitchId=%s&ZoneMappings.2.ZoneId=%s&ZoneMappings.2.VSwitchId=%s",
        product_control.node.vpc_id, edition, zones[0].id, zones[0].vswitch_id, zones[1].id,
        zones[1].vswitch_id);

    return product_do("Alb CreateListener", "ListenerId",
        "LoadBalancerId=%s&ListenerProtocol=HTTP&ListenerPort=80&DefaultActions.1.Type=ForwardGroup"
        "&DefaultActions.1.ForwardGroupConfig.ServerGroupTuples.1.ServerGroupId=%s",
        instance, group);
}

static void keep(unsigned i, const char *id)
{
    (void)snprintf(made[i].id, sizeof(made[i].id), "%s", id);
}

static int setup(void **state)
{
    if (product_setup(state) < 0)
        return -1;
    keep(GROUP, make_group(""));
    keep(OTHER, make_group(""));
    keep(STICKY, make_group("&StickySessionConfig.StickySessionEnabled=true"));
    keep(GRPC, make_group("&Protocol=gRPC"));
    keep(STANDARD, make_listener("Standard", made[GROUP].id));
    keep(BASIC, make_listener("Basic", made[GROUP].id));
    return 0;
}

/* --- conditions --------------------------------------------------------------------------------- */

#define OK  ""
#define BAD "InvalidParameter"

static const struct {
    const char *type, *key, *value, *code;
} values[] = {
    {"Host", NULL, "www.example.com", OK},
    {"Host", NULL, "*.example.com", OK},
    {"Host", NULL, "www.example.*", OK},
    {"Host", NULL, "~^www\\.(a|b)$", OK},
    {"Host", NULL, "localhost", BAD},
    {"Host", NULL, ".example.com", BAD},
    {"Host", NULL, "example.com.", BAD},
    {"Host", NULL, "example.c0m", BAD},
    {"Host", NULL, "exa mple.com", BAD},
    {"Host", NULL, "a.", BAD},
    {"Path", NULL, "/", OK},
    {"Path", NULL, "/*", OK},
    {"Path", NULL, "/a/b-c_d.e+f/&~@:$?*", OK},
    {"Path", NULL, "~*^/a/(.*)$", OK},
    {"Path", NULL, "a", BAD},
    {"Path", NULL, "/a b", BAD},
    {"Path", NULL, "/a%20", BAD},
    {"Path", NULL, "/a;b", BAD},
    {"Path", NULL, "/a(b)", BAD},
    {"Header", "X-Stage", "can*ry", OK},
    {"Header", "X_Stage", "a b", OK},
    {"Header", "Cookie", "a", BAD},
    {"Header", "host", "a", BAD},
    {"Header", "X:Y", "a", BAD},
    {"Header", "X", " a", BAD},
    {"Header", "X", "a ", BAD},
    {"QueryString", "a", "b*", OK},
    {"QueryString", "a", "B", BAD},
    {"QueryString", "a", "b c", BAD},
    {"QueryString", "a", "b&c", BAD},
    {"QueryString", "a{", "b", BAD},
    {"Cookie", "sid", "A*", OK},
    {"Cookie", "sid", "a;b", BAD},
    {"Method", NULL, "DELETE", OK},
    {"Method", NULL, "TRACE", BAD},
    {"Method", NULL, "get", BAD},
    {"SourceIp", NULL, "10.0.0.0/8", OK},
    {"SourceIp", NULL, "10.1.2.3", OK},
    {"SourceIp", NULL, "10.0.0.1/8", BAD},
    {"SourceIp", NULL, "0.0.0.0/0", BAD},
    {"SourceIp", NULL, "0.0.0.0/8", BAD},
    {"SourceIp", NULL, "office", BAD},
    {"ResponseStatusCode", NULL, "200", BAD}, /* of response rules only */
    {"ResponseHeader", "X", "a", BAD},
};

static void condition_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        bool has_pairs =
            strcmp(values[i].type, "QueryString") == 0 || strcmp(values[i].type, "Cookie") == 0;
        json_t *pair = has_pairs
                           ? json_pack("{s:s, s:s}", "Key", values[i].key, "Value", values[i].value)
                           : json_string(values[i].value);
        json_t *config = json_pack("{s:[o]}", "Values", pair);
        char member[64], *text;
        json_t *given;

        if (!has_pairs)
            json_put_text(config, "Key", values[i].key);
        (void)snprintf(member, sizeof(member), "%sConfig", values[i].type);
        given =
            json_pack("{s:[{s:s, s:o}]}", "RuleConditions", "Type", values[i].type, member, config);
        text = json_dumps(given, 0);
        create_rule(values[i].code, text);
        free(text);
        json_decref(given);
    }
}

static const struct {
    const char *code, *given;
} rules[] = {
    /* conditions together */
    {OK,
        "{'RuleConditions': [{'Type': 'Path', 'PathConfig': {'Values': ['/1', '/2', '/3', '/4', '/5', '/6', '/7', '/8', '/9']}},"
        " {'Type': 'Method', 'MethodConfig': {'Values': ['GET']}}]}"},
    {"QuotaExceeded.RuleMatchEvaluationsNum",
        "{'RuleConditions': [{'Type': 'Path', 'PathConfig': {'Values': ['/1', '/2', '/3', '/4', '/5', '/6', '/7', '/8', '/9', '/10']}},"
        " {'Type': 'Method', 'MethodConfig': {'Values': ['GET']}}]}"},
    {"QuotaExceeded.RuleMatchEvaluationsNum",
        "{'ListenerId': 'BASIC', 'RuleConditions': [{'Type': 'Path', 'PathConfig':"
        " {'Values': ['/1', '/2', '/3', '/4', '/5', '/6']}}]}"},
    {BAD,
        "{'RuleConditions': [{'Type': 'SourceIp', 'SourceIpConfig':"
        " {'Values': ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']}}]}"},
    {BAD,
        "{'RuleConditions': [{'Type': 'Path', 'PathConfig': {'Values': ['/x']}, 'HostConfig': {'Values': ['a.b']}}]}"},
    {"MissingParameter", "{'RuleConditions': [{'Type': 'Path'}]}"},
    {"MissingParameter",
        "{'RuleConditions': [{'Type': 'Header', 'HeaderConfig': {'Values': ['x']}}]}"},
    {"MissingParameter",
        "{'RuleConditions': [{'Type': 'Cookie', 'CookieConfig': {'Values': [{'Key': 'x'}]}}]}"},
    {"UnsupportedFeature.SourceIp",
        "{'ListenerId': 'BASIC', 'RuleConditions': [{'Type': 'SourceIp', 'SourceIpConfig': {'Values': ['10.0.0.1']}}]}"},
    {"UnsupportedFeature.Cookie",
        "{'ListenerId': 'BASIC', 'RuleConditions': [{'Type': 'Cookie', 'CookieConfig': {'Values': [{'Key': 'a', 'Value': 'b'}]}}]}"},
    /* order */
    {OK,
        "{'RuleActions': [{'Type': 'FixedResponse', 'Order': 50000, 'FixedResponseConfig': {'HttpCode': '404'}},"
        " {'Type': 'InsertHeader', 'Order': 1, 'InsertHeaderConfig': {'Key': 'X-A', 'Value': 'b', 'ValueType': 'UserDefined'}}]}"},
    {"IllegalParam.Order",
        "{'RuleActions': [{'Type': 'FixedResponse', 'Order': 1, 'FixedResponseConfig': {'HttpCode': '404'}},"
        " {'Type': 'RemoveHeader', 'Order': 2, 'RemoveHeaderConfig': {'Key': 'X-A'}}]}"},
    {"IllegalParam.Order",
        "{'RuleActions': [{'Type': 'FixedResponse', 'Order': 2, 'FixedResponseConfig': {'HttpCode': '404'}},"
        " {'Type': 'RemoveHeader', 'Order': 2, 'RemoveHeaderConfig': {'Key': 'X-A'}}]}"},
    {"IllegalParam.Order",
        "{'RuleActions': [{'Type': 'RemoveHeader', 'Order': 2, 'RemoveHeaderConfig': {'Key': 'X-A'}}]}"},
    {"IllegalParam.Order",
        "{'RuleActions': [{'Type': 'FixedResponse', 'Order': 2, 'FixedResponseConfig': {'HttpCode': '404'}},"
        " {'Type': 'Redirect', 'Order': 3, 'RedirectConfig': {'Path': '/'}}]}"},
    {"QuotaExceeded.RuleActionsNum",
        "{'RuleActions': [{'Type': 'RemoveHeader', 'Order': 1, 'RemoveHeaderConfig': {'Key': 'X-A'}},"
        " {'Type': 'RemoveHeader', 'Order': 2, 'RemoveHeaderConfig': {'Key': 'X-B'}},"
        " {'Type': 'RemoveHeader', 'Order': 3, 'RemoveHeaderConfig': {'Key': 'X-C'}},"
        " {'Type': 'RemoveHeader', 'Order': 4, 'RemoveHeaderConfig': {'Key': 'X-D'}},"
        " {'Type': 'RemoveHeader', 'Order': 5, 'RemoveHeaderConfig': {'Key': 'X-E'}},"
        " {'Type': 'FixedResponse', 'Order': 6, 'FixedResponseConfig': {'HttpCode': '404'}}]}"},
    /* response rules */
    {OK,
        "{'Direction': 'Response', 'RuleConditions': [{'Type': 'ResponseStatusCode', 'ResponseStatusCodeConfig': {'Values': ['200-233,301', '599']}}],"
        " 'RuleActions': [{'Type': 'RemoveHeader', 'Order': 1, 'RemoveHeaderConfig': {'Key': 'Server'}}]}"},
    {BAD,
        "{'Direction': 'Response', 'RuleConditions': [{'Type': 'ResponseStatusCode', 'ResponseStatusCodeConfig': {'Values': ['99']}}],"
        " 'RuleActions': [{'Type': 'RemoveHeader', 'Order': 1, 'RemoveHeaderConfig': {'Key': 'Server'}}]}"},
    {BAD,
        "{'Direction': 'Response', 'RuleConditions': [{'Type': 'ResponseStatusCode', 'ResponseStatusCodeConfig': {'Values': ['300-200']}}],"
        " 'RuleActions': [{'Type': 'RemoveHeader', 'Order': 1, 'RemoveHeaderConfig': {'Key': 'Server'}}]}"},
    {BAD,
        "{'Direction': 'Response', 'RuleActions': [{'Type': 'Redirect', 'Order': 1, 'RedirectConfig': {'Path': '/'}}]}"},
    {BAD,
        "{'Direction': 'Response', 'RuleActions': [{'Type': 'RemoveHeader', 'Order': 1, 'RemoveHeaderConfig': {'Key': 'Content-Length'}}]}"},
    {OK,
        "{'Direction': 'Response', 'RuleActions': [{'Type': 'RemoveHeader', 'Order': 1, 'RemoveHeaderConfig': {'Key': 'Set-Cookie'}}]}"},
    {"UnsupportedFeature.ResponseRule", "{'ListenerId': 'BASIC', 'Direction': 'Response'}"},
};

/* One action, with Order 5, and what comes after it. */
enum end { ALONE, BEFORE_FIXED, BEFORE_FORWARD };
static const struct {
    const char *code, *action;
    enum end end;
} actions[] = {
    {OK,
        "'Type': 'ForwardGroup', 'ForwardGroupConfig': {'ServerGroupTuples': [{'ServerGroupId': 'GROUP'}]}",
        ALONE},
    {OK,
        "'Type': 'ForwardGroup', 'ForwardGroupConfig': {'ServerGroupTuples': [{'ServerGroupId': 'GROUP', 'Weight': 0}, {'ServerGroupId': 'OTHER', 'Weight': 100}]}",
        ALONE},
    {"MissingParameter",
        "'Type': 'ForwardGroup', 'ForwardGroupConfig': {'ServerGroupTuples': [{'ServerGroupId': 'GROUP', 'Weight': 1}, {'ServerGroupId': 'OTHER'}]}",
        ALONE},
    {BAD,
        "'Type': 'ForwardGroup', 'ForwardGroupConfig': {'ServerGroupTuples': [{'ServerGroupId': 'GROUP', 'Weight': 1}, {'ServerGroupId': 'GROUP', 'Weight': 2}]}",
        ALONE},
    {BAD,
        "'Type': 'ForwardGroup', 'ForwardGroupConfig': {'ServerGroupTuples': [{'ServerGroupId': 'GROUP', 'Weight': 101}]}",
        ALONE},
    {"ResourceNotFound.ServerGroup",
        "'Type': 'ForwardGroup', 'ForwardGroupConfig': {'ServerGroupTuples': [{'ServerGroupId': 'sgp-none'}]}",
        ALONE},
    {"Mismatch.Protocol",
        "'Type': 'ForwardGroup', 'ForwardGroupConfig': {'ServerGroupTuples': [{'ServerGroupId': 'GRPC'}]}",
        ALONE},
    {"MissingParameter",
        "'Type': 'ForwardGroup', 'ForwardGroupConfig': {'ServerGroupTuples': [{'Weight': 1}]}",
        ALONE},
    {"MissingParameter", "'Type': 'ForwardGroup'", ALONE},
    {OK,
        "'Type': 'ForwardGroup', 'ForwardGroupConfig': {'ServerGroupTuples': [{'ServerGroupId': 'STICKY'}], 'ServerGroupStickySession': {'Enabled': true}}",
        ALONE},
    {"OperationDenied.ServerGroupStickySessionDisabled",
        "'Type': 'ForwardGroup', 'ForwardGroupConfig': {'ServerGroupTuples': [{'ServerGroupId': 'GROUP'}], 'ServerGroupStickySession': {'Enabled': true}}",
        ALONE},
    {BAD,
        "'Type': 'ForwardGroup', 'ForwardGroupConfig': {'ServerGroupTuples': [{'ServerGroupId': 'GROUP'}]}, 'RewriteConfig': {'Path': '/'}",
        ALONE},
    {OK,
        "'Type': 'Redirect', 'RedirectConfig': {'Protocol': 'HTTPS', 'Port': '443', 'HttpCode': '308'}",
        ALONE},
    {OK, "'Type': 'Redirect', 'RedirectConfig': {'Host': 'www.example.com'}", ALONE},
    {OK,
        "'Type': 'Redirect', 'RedirectConfig': {'Path': '/${host}${path}', 'Query': 'from=${port}&${query}'}",
        ALONE},
    {BAD, "'Type': 'Redirect', 'RedirectConfig': {'HttpCode': '301'}", ALONE}, /* changes nothing */
    {BAD, "'Type': 'Redirect', 'RedirectConfig': {'Host': 'www.${host}'}", ALONE},
    {BAD, "'Type': 'Redirect', 'RedirectConfig': {'Host': 'localhost'}", ALONE},
    {BAD, "'Type': 'Redirect', 'RedirectConfig': {'Port': '70000'}", ALONE},
    {BAD, "'Type': 'Redirect', 'RedirectConfig': {'Port': '8${port}'}", ALONE},
    {BAD, "'Type': 'Redirect', 'RedirectConfig': {'Path': 'x'}", ALONE},
    {BAD, "'Type': 'Redirect', 'RedirectConfig': {'Path': '/${path}${path}'}", ALONE},
    {BAD, "'Type': 'Redirect', 'RedirectConfig': {'Path': '/${name}'}", ALONE},
    {BAD, "'Type': 'Redirect', 'RedirectConfig': {'Path': '/${1}'}", ALONE},
    {BAD, "'Type': 'Redirect', 'RedirectConfig': {'Path': '/a b'}", ALONE},
    {BAD, "'Type': 'Redirect', 'RedirectConfig': {'Query': 'a#b'}", ALONE},
    {BAD, "'Type': 'Redirect', 'RedirectConfig': {'Path': '/', 'HttpCode': '304'}", ALONE},
    {OK,
        "'Type': 'FixedResponse', 'FixedResponseConfig': {'HttpCode': '503', 'Content': 'closed', 'ContentType': 'text/html'}",
        ALONE},
    {BAD, "'Type': 'FixedResponse', 'FixedResponseConfig': {'HttpCode': '301'}", ALONE},
    {BAD, "'Type': 'FixedResponse', 'FixedResponseConfig': {'HttpCode': '2000'}", ALONE},
    {"MissingParameter", "'Type': 'FixedResponse', 'FixedResponseConfig': {'Content': 'x'}", ALONE},
    {BAD, "'Type': 'FixedResponse', 'FixedResponseConfig': {'HttpCode': '200', 'Content': 'grün'}",
        ALONE},
    {BAD,
        "'Type': 'FixedResponse', 'FixedResponseConfig': {'HttpCode': '200', 'ContentType': 'image/png'}",
        ALONE},
    {OK, "'Type': 'Rewrite', 'RewriteConfig': {'Path': '/in${path}'}", BEFORE_FORWARD},
    {BAD, "'Type': 'Rewrite', 'RewriteConfig': {'Path': '${path}'}", BEFORE_FORWARD},
    {"OperationDenied.RewriteMissingForwardGroup",
        "'Type': 'Rewrite', 'RewriteConfig': {'Path': '/in'}", BEFORE_FIXED},
    {OK,
        "'Type': 'InsertHeader', 'InsertHeaderConfig': {'Key': 'X-A', 'Value': 'ClientSrcIp', 'ValueType': 'SystemDefined'}",
        BEFORE_FORWARD},
    {OK,
        "'Type': 'InsertHeader', 'InsertHeaderConfig': {'Key': 'X-A', 'Value': 'User-Agent', 'ValueType': 'ReferenceHeader'}",
        BEFORE_FORWARD},
    {BAD,
        "'Type': 'InsertHeader', 'InsertHeaderConfig': {'Key': 'X-A', 'Value': 'Weather', 'ValueType': 'SystemDefined'}",
        BEFORE_FORWARD},
    {BAD,
        "'Type': 'InsertHeader', 'InsertHeaderConfig': {'Key': 'X-Forwarded-For', 'Value': 'x', 'ValueType': 'UserDefined'}",
        BEFORE_FORWARD},
    {BAD,
        "'Type': 'InsertHeader', 'InsertHeaderConfig': {'Key': 'HOST', 'Value': 'x', 'ValueType': 'UserDefined'}",
        BEFORE_FORWARD},
    {BAD,
        "'Type': 'InsertHeader', 'InsertHeaderConfig': {'Key': 'X A', 'Value': 'x', 'ValueType': 'UserDefined'}",
        BEFORE_FORWARD},
    {BAD,
        "'Type': 'InsertHeader', 'InsertHeaderConfig': {'Key': 'X-A', 'Value': ' x', 'ValueType': 'UserDefined'}",
        BEFORE_FORWARD},
    {"MissingParameter",
        "'Type': 'InsertHeader', 'InsertHeaderConfig': {'Key': 'X-A', 'ValueType': 'UserDefined'}",
        BEFORE_FORWARD},
    {OK, "'Type': 'RemoveHeader', 'RemoveHeaderConfig': {'Key': 'X-A'}", BEFORE_FORWARD},
    {BAD, "'Type': 'RemoveHeader', 'RemoveHeaderConfig': {'Key': 'Cookie'}", BEFORE_FORWARD},
    {OK, "'Type': 'TrafficLimit', 'TrafficLimitConfig': {'QPS': 100, 'PerIpQps': 99}",
        BEFORE_FORWARD},
    {BAD, "'Type': 'TrafficLimit', 'TrafficLimitConfig': {'QPS': 100, 'PerIpQps': 100}",
        BEFORE_FORWARD},
    {BAD, "'Type': 'TrafficLimit', 'TrafficLimitConfig': {'QPS': 0}", BEFORE_FORWARD},
    {"MissingParameter", "'Type': 'TrafficLimit', 'TrafficLimitConfig': {}", BEFORE_FORWARD},
    {"OperationDenied.TrafficLimitMissingForwardGroup",
        "'Type': 'TrafficLimit', 'TrafficLimitConfig': {'QPS': 1}", BEFORE_FIXED},
    {OK,
        "'Type': 'TrafficMirror', 'TrafficMirrorConfig': {'TargetType': 'ForwardGroupMirror', 'MirrorGroupConfig': {'ServerGroupTuples': [{'ServerGroupId': 'OTHER'}]}}",
        BEFORE_FORWARD},
    {"OperationDenied.SameGroupForForwardAndMirrorAction",
        "'Type': 'TrafficMirror', 'TrafficMirrorConfig': {'TargetType': 'ForwardGroupMirror', 'MirrorGroupConfig': {'ServerGroupTuples': [{'ServerGroupId': 'GROUP'}]}}",
        BEFORE_FORWARD},
    {OK,
        "'Type': 'Cors', 'CorsConfig': {'AllowOrigin': ['http://*.a.com', 'https://b.com:8443'], 'AllowMethods': ['GET'], 'MaxAge': -1}",
        BEFORE_FORWARD},
    {OK, "'Type': 'Cors', 'CorsConfig': {'AllowOrigin': ['*']}", BEFORE_FORWARD},
    {BAD, "'Type': 'Cors', 'CorsConfig': {'AllowOrigin': ['*', 'http://a.com']}", BEFORE_FORWARD},
    {BAD, "'Type': 'Cors', 'CorsConfig': {'AllowOrigin': ['a.com']}", BEFORE_FORWARD},
    {BAD, "'Type': 'Cors', 'CorsConfig': {'AllowOrigin': ['http://a.com:99999']}", BEFORE_FORWARD},
    {BAD, "'Type': 'Cors', 'CorsConfig': {'AllowOrigin': ['*'], 'AllowMethods': ['TRACE']}",
        BEFORE_FORWARD},
    {"MissingParameter", "'Type': 'Cors', 'CorsConfig': {'AllowMethods': ['GET']}", BEFORE_FORWARD},
};

static void rules_as_a_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        create_rule(rules[i].code, rules[i].given);
}

static void single_actions(void **state)
{
    static const char *const ends[] = {
        [ALONE] = "",
        [BEFORE_FIXED] =
            ", {'Type': 'FixedResponse', 'Order': 9, 'FixedResponseConfig': {'HttpCode': '200'}}",
        [BEFORE_FORWARD] = (", {'Type': 'ForwardGroup', 'Order': 9, 'ForwardGroupConfig':"
                            " {'ServerGroupTuples': [{'ServerGroupId': 'GROUP'}]}}"),
    };
    char given[1024];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        (void)snprintf(given, sizeof(given), "{'RuleActions': [{%s, 'Order': 5}%s]}",
            actions[i].action, ends[actions[i].end]);
        create_rule(actions[i].code, given);
    }
}

/* Parts of a path: as many as the regular expression catches. */
static void captures(void **state)
{
    static const char with[] =
        "{'RuleConditions': [{'Type': 'Path', 'PathConfig': {'Values': ['%s']}}], 'RuleActions': ["
        "{'Type': 'Redirect', 'Order': 1, 'RedirectConfig': {'Path': '/${1}/${2}'}}]}";
    static const struct {
        const char *path, *code;
    } cases[] = {
        {"~^/(a)/(b)$", OK}, {"~^/(a)/(?:b)$", BAD}, {"~^/(a)/\\\\(b$", BAD}, {"/a/b", BAD}};
    char given[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *at = strstr(with, "%s");

        (void)snprintf(
            given, sizeof(given), "%.*s%s%s", (int)(at - with), with, cases[i].path, at + 2);
        create_rule(cases[i].code, given);
    }
}

/* What is stored: sorted by Order, with all that the compiler reads. */
static void a_rule_is_stored_in_full(void **state)
{
    json_t *answer = call_json("", "CreateRule",
        read_json(
            "{'ListenerId': 'STANDARD', 'RuleName': 'full', 'Priority': 5000,"
            " 'RuleConditions': [{'Type': 'Header', 'HeaderConfig': {'Key': 'X', 'Values': ['a', 'b']}}],"
            " 'RuleActions': [{'Type': 'ForwardGroup', 'Order': 2, 'ForwardGroupConfig': {'ServerGroupTuples':"
            " [{'ServerGroupId': 'GROUP'}]}}, {'Type': 'Rewrite', 'Order': 1, 'RewriteConfig': {'Path': '/y'}}]}"));

    (void)state;
    product_assert_body("alb.rule", json_text(answer, "RuleId"),
        "{\"ListenerId\": \"*\", \"LoadBalancerId\": \"*\", \"RuleName\": \"full\", \"Priority\": 5000,"
        " \"Direction\": \"Request\", \"Tags\": [], \"RuleConditions\": [{\"Type\": \"Header\", \"HeaderConfig\":"
        " {\"Key\": \"X\", \"Values\": [\"a\", \"b\"]}}], \"RuleActions\": [{\"Type\": \"Rewrite\", \"Order\": 1,"
        " \"RewriteConfig\": {\"Host\": \"${host}\", \"Path\": \"/y\", \"Query\": \"${query}\"}},"
        " {\"Type\": \"ForwardGroup\", \"Order\": 2, \"ForwardGroupConfig\": {\"ServerGroupTuples\":"
        " [{\"ServerGroupId\": \"*\", \"Weight\": 100}]}}]}");
    json_decref(answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, product_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(condition_values),
        TEST(rules_as_a_whole),
        TEST(single_actions),
        TEST(captures),
        TEST(a_rule_is_stored_in_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
