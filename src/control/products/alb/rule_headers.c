/* InsertHeader, RemoveHeader, Cors: headers of requests and responses. */
#include "control/products/alb/rule_actions.h"

#define HEADER_MAX 128u
#define PORT_MAX   65535u

static bool is_header_name(const char *name)
{
    size_t len = strlen(name);

    return len >= 1 && len <= 40 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == len;
}

/* Headers that are the balancer's own or decide how a message is read. */
static bool is_reserved(const char *name, bool is_response)
{
    static const char *const requests[] = {"slb-id", "slb-ip", "x-forwarded-for",
        "x-forwarded-proto", "x-forwarded-eip", "x-forwarded-port", "x-forwarded-client-srcport",
        "x-forwarded-host", "connection", "upgrade", "content-length", "transfer-encoding",
        "keep-alive", "te", "host", "cookie", "remoteip", "authority"};
    static const char *const responses[] = {
        "connection", "upgrade", "content-length", "transfer-encoding"};
    const char *const *names = is_response ? responses : requests;
    size_t n = is_response ? ARRAY_LEN(responses) : ARRAY_LEN(requests);

    for (size_t i = 0; i < n; i++) {
        if (span_eq_nocase(span_of(names[i]), span_of(name)))
            return true;
    }
    return false;
}

static int check_header_name(struct rule_check *check, const json_t *config, size_t n)
{
    const char *key = json_text(config, "Key");

    if (!key)
        return rule_missing(check, n, "Key");
    if (!is_header_name(key))
        return rule_refuse(check, n, "Key", key, "must have 1 to 40 letters, digits, '-' and '_'");
    if (is_reserved(key, check->is_response))
        return rule_refuse(check, n, "Key", key, "is a header that rules cannot change");
    return 0;
}

static const char *check_header_value(const char *value)
{
    size_t len = strlen(value);

    if (len < 1 || len > HEADER_MAX)
        return "must have 1 to 128 characters";
    for (size_t i = 0; i < len; i++) {
        if (value[i] < ' ' || value[i] > '~' || value[i] == '"')
            return "must have printable ASCII characters without '\"'";
    }
    if (value[0] == ' ' || value[len - 1] == ' ' || value[len - 1] == '\\')
        return "must not begin or end with a space or end with '\\'";
    return NULL;
}

static bool is_system_value(const char *value)
{
    static const char *const values[] = {
        "ClientSrcPort", "ClientSrcIp", "Protocol", "SLBId", "SLBPort"};

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        if (strcmp(value, values[i]) == 0)
            return true;
    }
    return false;
}

int rule_insert_header(struct rule_check *check, json_t *config, size_t n)
{
    const char *value = json_text(config, "Value");
    const char *type = json_text(config, "ValueType") ?: "UserDefined";
    const char *why = NULL;
    int r = check_header_name(check, config, n);

    if (r < 0)
        return r;
    if (!value)
        return rule_missing(check, n, "InsertHeaderConfig.Value");
    if (strcmp(type, "UserDefined") == 0)
        why = check_header_value(value);
    else if (strcmp(type, "ReferenceHeader") == 0)
        why = is_header_name(value) ? NULL : "must be the name of a header";
    else if (strcmp(type, "SystemDefined") == 0)
        why = is_system_value(value)
                  ? NULL
                  : "must be ClientSrcPort, ClientSrcIp, Protocol, SLBId or SLBPort";
    else
        return rule_refuse(
            check, n, "ValueType", type, "must be UserDefined, ReferenceHeader or SystemDefined");
    if (why)
        return rule_refuse(check, n, "Value", value, why);
    json_put_text(config, "ValueType", type);
    (void)json_object_del(config, "CoverEnabled");
    return 0;
}

int rule_remove_header(struct rule_check *check, json_t *config, size_t n)
{
    return check_header_name(check, config, n);
}

/* --- Cors --------------------------------------------------------------------------------------- */

/* http(s)://host[:port]; the first label may be '*'. */
static bool is_origin(const char *text)
{
    struct span rest = span_of(text);
    uint64_t port = 1;
    size_t colon;

    if (span_starts_with(rest, SPAN_LIT("https://")))
        rest = span_from(rest, 8);
    else if (span_starts_with(rest, SPAN_LIT("http://")))
        rest = span_from(rest, 7);
    else
        return false;
    if (span_starts_with(rest, SPAN_LIT("*.")))
        rest = span_from(rest, 2);
    colon = span_find(rest, ':');
    if (colon < rest.len && span_parse_u64(span_from(rest, colon + 1), &port) < 0)
        return false;
    for (size_t i = 0; i < colon; i++) {
        if (!rule_is_host_byte(rest.ptr[i]))
            return false;
    }
    return colon > 0 && port >= 1 && port <= PORT_MAX;
}

static bool is_cors_method(const char *text)
{
    static const char *const methods[] = {
        "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "*"};

    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (strcmp(text, methods[i]) == 0)
            return true;
    }
    return false;
}

static bool is_cors_header(const char *text)
{
    return is_header_name(text) || strcmp(text, "*") == 0;
}

static bool is_cors_origin(const char *text)
{
    return is_origin(text) || strcmp(text, "*") == 0;
}

int rule_cors(struct rule_check *check, json_t *config, size_t n)
{
    static const struct {
        const char *name;
        bool (*is_valid)(const char *text);
    } lists[] = {{"AllowOrigin", is_cors_origin}, {"AllowMethods", is_cors_method},
        {"AllowHeaders", is_cors_header}, {"ExposeHeaders", is_cors_header}};
    const char *credentials = json_text(config, "AllowCredentials") ?: "on";
    int64_t age = json_int(config, "MaxAge", 172800);
    const json_t *element;
    size_t at;

    if (json_len(config, "AllowOrigin") == 0)
        return rule_missing(check, n, "CorsConfig.AllowOrigin");
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const json_t *list = json_object_get(config, lists[i].name);

        json_array_foreach (list, at, element) {
            const char *text = json_string_value(element);

            if (!lists[i].is_valid(text))
                return rule_refuse(
                    check, n, lists[i].name, text, "is not of the form it must have");
            if (strcmp(text, "*") == 0 && json_array_size(list) > 1)
                return rule_refuse(check, n, lists[i].name, text, "must stand alone");
        }
        if (!list)
            json_put(config, lists[i].name, json_array());
    }
    if (strcmp(credentials, "on") != 0 && strcmp(credentials, "off") != 0)
        return rule_refuse(
            check, n, "CorsConfig.AllowCredentials", credentials, "must be on or off");
    if (age < -1 || age > 172800)
        return rule_refuse(check, n, "CorsConfig", "MaxAge", "must be from -1 to 172800");
    json_put_text(config, "AllowCredentials", credentials);
    json_put_int(config, "MaxAge", age);
    return 0;
}
