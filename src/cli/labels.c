#include "cli/labels.h"

#include "cli/output.h"

static void add_named(const struct client *client, const char *product, const char *operation,
    const char *const members[3], json_t *labels)
{
    const json_t *row;
    json_t *list;
    size_t i;

    if (client_list(client, product, operation, members[0], NULL, &list) != CLI_OK)
        return;
    json_array_foreach (list, i, row) {
        const char *id = json_string_value(json_object_get(row, members[1]));
        const char *name = json_string_value(json_object_get(row, members[2]));

        if (id && name && name[0] != '\0')
            (void)json_object_set_new(labels, id, json_string(name));
    }
    json_decref(list);
}

static const char *name_or_id(const json_t *labels, const char *id)
{
    const char *name = json_string_value(json_object_get(labels, id));

    return name ? name : id;
}

static void add_listeners(const struct client *client, const char *product, json_t *labels)
{
    const json_t *row;
    json_t *list;
    size_t i;

    if (client_list(client, product, "ListListeners", "Listeners", NULL, &list) != CLI_OK)
        return;
    json_array_foreach (list, i, row) {
        const char *id = json_string_value(json_object_get(row, "ListenerId"));
        const char *instance = json_string_value(json_object_get(row, "LoadBalancerId"));
        char protocol[CELL_MAX], port[CELL_MAX], label[LABEL_MAX];

        (void)snprintf(label, sizeof(label), "%s %s %s",
            name_or_id(labels, instance ? instance : ""),
            cell_text(row, "ListenerProtocol", protocol), cell_text(row, "ListenerPort", port));
        if (id)
            (void)json_object_set_new(labels, id, json_string(label));
    }
    json_decref(list);
}

json_t *labels_ask(const struct client *client)
{
    static const char *const instances[] = {"LoadBalancers", "LoadBalancerId", "LoadBalancerName"};
    static const char *const groups[] = {"ServerGroups", "ServerGroupId", "ServerGroupName"};
    static const char *const zoned[] = {"Alb", "Nlb"};
    json_t *labels = json_object();

    add_named(client, "Slb", "DescribeLoadBalancers", instances, labels);
    for (size_t i = 0; i < ARRAY_LEN(zoned); i++) {
        add_named(client, zoned[i], "ListLoadBalancers", instances, labels);
        add_named(client, zoned[i], "ListServerGroups", groups, labels);
        add_listeners(client, zoned[i], labels);
    }
    return labels;
}

const char *label_of(const json_t *labels, const char *id, char buf[LABEL_MAX])
{
    const char *label = json_string_value(json_object_get(labels, id));
    const char *at = strrchr(id, '@');
    char instance[201], protocol[8], port[6];

    if (label)
        return label;
    /* of clb: "lb-1:http:80", "default@lb-1:http:80" */
    if (sscanf(at ? at + 1 : id, "%200[^:]:%7[a-z]:%5[0-9]", instance, protocol, port) != 3)
        return "";
    (void)snprintf(buf, LABEL_MAX, "%.200s %s %s", name_or_id(labels, instance), protocol, port);
    return buf;
}

void labels_name_rows(const struct client *client, const json_t *rows, const char *id)
{
    json_t *labels, *row;
    size_t i;

    if (json_array_size(rows) == 0)
        return;
    labels = labels_ask(client);
    json_array_foreach (rows, i, row) {
        const char *value = json_string_value(json_object_get(row, id));
        char label[LABEL_MAX];

        (void)json_object_set_new(
            row, "Name", json_string(label_of(labels, value ? value : "", label)));
    }
    json_decref(labels);
}
