#include "cli/view.h"

#include <time.h>

const char incomplete_text[] = "Nothing, in what could be asked.";

void show_rows(const struct common *common, const json_t *rows, const struct column *columns,
    unsigned n_columns, const char *empty)
{
    const char *headings[TABLE_COLUMNS_MAX];
    struct grid grid;
    const json_t *row;
    struct text out;
    size_t i;

    text_init(&out, SIZE_MAX);
    if (wants_table(common)) {
        for (unsigned k = 0; k < n_columns; k++)
            headings[k] = columns[k].heading;
        grid_begin(&grid, headings, n_columns);
        json_array_foreach (rows, i, row) {
            char buf[CELL_MAX];

            for (unsigned k = 0; k < n_columns; k++)
                grid_add(&grid, cell_text(row, columns[k].member, buf));
        }
        grid_end(&grid, &out, empty);
    } else {
        answer_as_json(&out, rows);
    }
    print_text(&out);
    text_done(&out);
}

bool view_since(const char *text, int64_t now_s, char buf[32])
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    size_t len = strlen(text);
    struct tm utc = {0};
    const char *end;
    uint64_t n;

    if (len > 1 && span_parse_u64((struct span){text, len - 1}, &n) == 0 && n < 1000000) {
        for (size_t i = 0; i < ARRAY_LEN(units); i++) {
            time_t at = (time_t)(now_s - (int64_t)n * units[i].seconds);

            if (text[len - 1] != units[i].letter)
                continue;
            (void)gmtime_r(&at, &utc);
            (void)strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
            return true;
        }
    }
    end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    if (!end || *end != '\0' || len >= 32)
        return false;
    (void)snprintf(buf, 32, "%s", text);
    return true;
}

json_t *ask_for(const char *member, const char *value)
{
    json_t *in = json_object();

    (void)json_object_set_new(in, member, json_string(value));
    return in;
}

/* --- instances ----------------------------------------------------------------------------- */

static void add_row(
    json_t *rows, const char *product, const json_t *instance, const char *addresses)
{
    static const char *const from[] = {"LoadBalancerId", "LoadBalancerName", "LoadBalancerStatus"};
    static const char *const to[] = {"Id", "Name", "Status"};
    json_t *row = json_object();

    (void)json_object_set_new(row, "Product", json_string(product));
    for (size_t i = 0; i < ARRAY_LEN(from); i++) {
        json_t *value = json_object_get(instance, from[i]);

        (void)json_object_set_new(
            row, to[i], json_is_string(value) ? json_incref(value) : json_string(""));
    }
    (void)json_object_set_new(row, "Addresses", json_string(addresses));
    (void)json_array_append_new(rows, row);
}

static void add_address(struct text *out, const json_t *address)
{
    static const char *const names[] = {
        "PublicIPv4Address", "Address", "IntranetAddress", "PrivateIPv4Address"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *text = json_string_value(json_object_get(address, names[i]));

        if (!text || text[0] == '\0')
            continue;
        text_addf(out, "%s%s", out->len > 0 ? "," : "", text);
        return;
    }
}

static void add_zone_addresses(struct text *out, const json_t *instance)
{
    const json_t *zone, *address;
    size_t i, k;

    json_array_foreach (json_object_get(instance, "ZoneMappings"), i, zone) {
        json_array_foreach (json_object_get(zone, "LoadBalancerAddresses"), k, address)
            add_address(out, address);
    }
}

static int collect_clb(const struct client *client, json_t *rows)
{
    const json_t *instance;
    json_t *list;
    size_t i;
    int status;

    status = client_list(client, "Slb", "DescribeLoadBalancers", "LoadBalancers", NULL, &list);
    if (status != CLI_OK)
        return status;
    json_array_foreach (list, i, instance) {
        const char *address = json_string_value(json_object_get(instance, "Address"));

        add_row(rows, "clb", instance, address ? address : "");
    }
    json_decref(list);
    return CLI_OK;
}

/* alb or nlb, whose lists may lack the addresses. */
static int collect_zoned(const struct client *client, const char *product, json_t *rows)
{
    const json_t *instance;
    json_t *list;
    size_t i;
    int status;

    status = client_list(client, product, "ListLoadBalancers", "LoadBalancers", NULL, &list);
    if (status != CLI_OK)
        return status;
    json_array_foreach (list, i, instance) {
        json_t *in = ask_for(
            "LoadBalancerId", json_string_value(json_object_get(instance, "LoadBalancerId")));
        json_t *whole = NULL;
        struct text addresses;

        text_init(&addresses, SIZE_MAX);
        status = client_ask(client, product, "GetLoadBalancerAttribute", in, &whole);
        add_zone_addresses(&addresses, whole);
        text_add_char(&addresses, '\0');
        add_row(rows, product, instance, addresses.ptr);
        text_done(&addresses);
        json_decref(whole);
        json_decref(in);
        if (status == CLI_UNREACHABLE)
            break;
    }
    json_decref(list);
    return status;
}

int collect_instances(const struct client *client, json_t *rows)
{
    static const char *const zoned[] = {"alb", "nlb"};
    int worst = collect_clb(client, rows);

    for (size_t i = 0; i < ARRAY_LEN(zoned) && worst != CLI_UNREACHABLE; i++)
        worst = MAX(worst, collect_zoned(client, zoned[i], rows));
    return worst;
}
