/* Health checks: what a user may ask for, and what came out. */
#include "control/products/common/common.h"

#define PATH_MAX_CHARS 80u
#define HOST_MAX_CHARS 80u

static bool is_alnum(char c)
{
    return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9');
}

const char *common_check_path(const char *path)
{
    size_t len = strlen(path);

    if (len == 0 || len > PATH_MAX_CHARS)
        return "must have 1 to 80 characters";
    if (path[0] != '/')
        return "must begin with '/'";
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(path[i]) && !strchr("-/.%?#&=_;~!()*[]@$^:',+", path[i]))
            return "must have letters, digits and -/.%?#&=_;~!()*[]@$^:',+ only";
    }
    return NULL;
}

const char *common_check_host(const char *host)
{
    size_t len = strlen(host);
    const char *last = strrchr(host, '.');

    if (strcmp(host, "$SERVER_IP") == 0)
        return NULL;
    if (len == 0 || len > HOST_MAX_CHARS)
        return "must have 1 to 80 characters";
    for (size_t i = 0; i < len; i++) {
        if ((!is_alnum(host[i]) && host[i] != '-' && host[i] != '.') ||
            ascii_lower(host[i]) != host[i])
            return "must have lower-case letters, digits, '-' and '.' only";
    }
    if (!last || last == host || host[0] == '.' || host[0] == '-')
        return "must be a domain name with a dot in it, or $SERVER_IP";
    for (last++; *last; last++) {
        if (*last < 'a' || *last > 'z')
            return "must end in a label of letters";
    }
    return host[len - 1] == '.' ? "must not end in a dot" : NULL;
}

/* why: the data plane's words for failures are the API's. */
static json_t *unhealthy_reason(const char *why)
{
    json_t *reason = json_object();

    json_put_text(reason, "ReasonCode", why[0] ? why : "CONNECT_FAILED");
    return reason;
}

json_t *common_server_health(struct call *call, const char *group_id, bool is_checked,
    const json_t *server, const char *unused_word)
{
    static const char *const copied[] = {"ServerId", "ServerIp", "Port", NULL};
    const char *why = "";
    enum server_health health = SERVER_HEALTH_UNCHECKED;
    const char *status = NULL;
    json_t *shown;

    if (is_checked)
        health = call_health(call, group_id, json_text(server, "ServerUid"), &why);
    if (unused_word && is_checked && json_int(server, "Weight", 0) == 0)
        status = unused_word;
    else if (health == SERVER_HEALTH_UNCHECKED)
        status = "Unavailable";
    else if (health == SERVER_HEALTH_INITIAL)
        status = "Initial";
    else if (health == SERVER_HEALTH_UNHEALTHY)
        status = "Unhealthy";
    if (!status)
        return NULL;
    shown = json_object();
    json_copy_members(shown, server, copied);
    json_put_text(shown, "Status", status);
    if (health == SERVER_HEALTH_UNHEALTHY)
        json_put(shown, "Reason", unhealthy_reason(why));
    return shown;
}
