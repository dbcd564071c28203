/* slb health: servers that are not healthy, of all three products. */
#include "cli/labels.h"
#include "cli/view.h"

static const char usage[] = "usage: slb health [OPTION]...\n\n"
                            "  --all               also servers that are not checked\n\n"
                            "Exit status 1 if a server is not healthy.\n\n";

struct place {
    const char *product, *instance;
    const char *listener; /* "HTTP 80" */
    const char *group;
};

/* The products' words for a server that nobody checks. */
static bool is_unchecked(const json_t *row)
{
    const char *state = json_string_value(json_object_get(row, "State"));

    return state && (strcasecmp(state, "unavailable") == 0 || strcasecmp(state, "unused") == 0);
}

static void add_row(
    json_t *rows, const struct place *place, const json_t *server, const char *state)
{
    char port[CELL_MAX], id[CELL_MAX], ip[CELL_MAX], reason[CELL_MAX];

    (void)json_array_append_new(rows,
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "Product", place->product,
            "Instance", place->instance, "Listener", place->listener, "Group", place->group,
            "Server", cell_text(server, "ServerId", id), "Ip", cell_text(server, "ServerIp", ip),
            "Port", cell_text(server, "Port", port), "State", state, "Reason",
            cell_text(json_object_get(server, "Reason"), "ReasonCode", reason)));
}

static int check_clb(const struct client *client, const char *instance, json_t *rows)
{
    json_t *in = ask_for("LoadBalancerId", instance);
    const json_t *server;
    json_t *answer;
    size_t i;
    int status;

    status = client_ask(client, "Slb", "DescribeHealthStatus", in, &answer);
    json_decref(in);
    if (status != CLI_OK)
        return status;
    json_array_foreach (
        json_object_get(json_object_get(answer, "BackendServers"), "BackendServer"), i, server) {
        const char *state = json_string_value(json_object_get(server, "ServerHealthStatus"));
        char listener[64], protocol[CELL_MAX], port[CELL_MAX];

        (void)snprintf(listener, sizeof(listener), "%s %s", cell_text(server, "Protocol", protocol),
            cell_text(server, "ListenerPort", port));
        if (state && strcmp(state, "normal") != 0)
            add_row(rows, &(struct place){"clb", instance, listener, ""}, server, state);
    }
    json_decref(answer);
    return CLI_OK;
}

static void add_groups(json_t *rows, struct place place, const json_t *groups)
{
    const json_t *group, *server;
    size_t i, k;

    json_array_foreach (groups, i, group) {
        const char *id = json_string_value(json_object_get(group, "ServerGroupId"));

        place.group = id ? id : "";
        json_array_foreach (json_object_get(group, "NonNormalServers"), k, server) {
            const char *state = json_string_value(json_object_get(server, "Status"));

            add_row(rows, &place, server, state ? state : "");
        }
    }
}

static int check_listener(
    const struct client *client, const char *product, const json_t *listener, json_t *rows)
{
    const char *id = json_string_value(json_object_get(listener, "ListenerId"));
    const char *instance = json_string_value(json_object_get(listener, "LoadBalancerId"));
    char name[64], protocol[CELL_MAX], port[CELL_MAX];
    struct place place = {product, instance ? instance : "", name, ""};
    json_t *in = ask_for("ListenerId", id ? id : "");
    const json_t *part;
    json_t *answer;
    size_t i;
    int status;

    (void)snprintf(name, sizeof(name), "%s %s", cell_text(listener, "ListenerProtocol", protocol),
        cell_text(listener, "ListenerPort", port));
    status = client_ask(client, product, "GetListenerHealthStatus", in, &answer);
    json_decref(in);
    if (status != CLI_OK)
        return status;
    json_array_foreach (json_object_get(answer, "ListenerHealthStatus"), i, part)
        add_groups(rows, place, json_object_get(part, "ServerGroupInfos"));
    json_array_foreach (json_object_get(answer, "RuleHealthStatus"), i, part)
        add_groups(rows, place, json_object_get(part, "ServerGroupInfos"));
    json_decref(answer);
    return CLI_OK;
}

static int check_zoned(const struct client *client, const char *product, json_t *rows)
{
    const json_t *listener;
    json_t *list;
    size_t i;
    int worst;

    worst = client_list(client, product, "ListListeners", "Listeners", NULL, &list);
    if (worst != CLI_OK)
        return worst;
    json_array_foreach (list, i, listener) {
        if (worst == CLI_UNREACHABLE)
            break;
        worst = MAX(worst, check_listener(client, product, listener, rows));
    }
    json_decref(list);
    return worst;
}

static int check_all_clb(const struct client *client, json_t *rows)
{
    const json_t *instance;
    json_t *list;
    size_t i;
    int worst;

    worst = client_list(client, "Slb", "DescribeLoadBalancers", "LoadBalancers", NULL, &list);
    if (worst != CLI_OK)
        return worst;
    json_array_foreach (list, i, instance) {
        const char *id = json_string_value(json_object_get(instance, "LoadBalancerId"));

        if (id && worst != CLI_UNREACHABLE)
            worst = MAX(worst, check_clb(client, id, rows));
    }
    json_decref(list);
    return worst;
}

int collect_health(const struct client *client, bool all, json_t *rows)
{
    static const char *const zoned[] = {"alb", "nlb"};
    int worst = check_all_clb(client, rows);

    for (size_t i = 0; i < ARRAY_LEN(zoned) && worst != CLI_UNREACHABLE; i++)
        worst = MAX(worst, check_zoned(client, zoned[i], rows));
    for (size_t i = json_array_size(rows); i > 0 && !all; i--) {
        if (is_unchecked(json_array_get(rows, i - 1)))
            (void)json_array_remove(rows, i - 1);
    }
    return worst;
}

static int show_health(const struct client *client, const struct common *common, bool all)
{
    static const struct column columns[] = {
        {"PRODUCT", "Product"},
        {"NAME", "Name"},
        {"INSTANCE", "Instance"},
        {"LISTENER", "Listener"},
        {"GROUP", "Group"},
        {"SERVER", "Server"},
        {"IP", "Ip"},
        {"PORT", "Port"},
        {"STATE", "State"},
        {"REASON", "Reason"},
    };
    json_t *rows = json_array();
    int status = collect_health(client, all, rows);
    const json_t *row;
    size_t i;

    if (status != CLI_UNREACHABLE) {
        labels_name_rows(client, rows, "Instance");
        show_rows(common, rows, columns, ARRAY_LEN(columns),
            status == CLI_OK ? "All servers that are checked are healthy." : incomplete_text);
    }
    json_array_foreach (rows, i, row) {
        if (status == CLI_OK && !is_unchecked(row))
            status = CLI_REFUSED;
    }
    json_decref(rows);
    return status;
}

int cli_health(int argc, char **argv)
{
    bool all = false;
    const struct option_row options[] = {{"--all", NULL, &all}, {NULL, NULL, NULL}};
    struct arguments arguments;
    struct client client;
    int status;

    status = read_arguments(argc, argv, options, 0, &arguments);
    if (arguments.common.help) {
        (void)printf("%s%s", usage, common_help);
        free_arguments(&arguments);
        return CLI_OK;
    }
    if (status == CLI_OK)
        status = client_open(&arguments.common, &client);
    if (status == CLI_OK)
        status = show_health(&client, &arguments.common, all);
    free_arguments(&arguments);
    return status;
}
