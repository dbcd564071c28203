/* Reading and printing follow one table: a row per setting is all there is. */
#include "control/node.h"

#include <ini.h>
#include <pwd.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/worker.h"

#define VPC_PREFIX_MIN      8u
#define VSWITCH_PREFIX_MIN  16u
#define VSWITCH_PREFIX_MAX  28u /* an instance needs eight free addresses in each vSwitch */
#define VPC6_PREFIX_MIN     8u
#define VPC6_PREFIX_MAX     120u
#define VSWITCH6_PREFIX_MIN 16u
#define VSWITCH6_PREFIX_MAX 124u
#define RUN_DIR_MAX         90u /* the path of a Unix socket in it has 107 bytes at most */
#define HOME_MAX            256u
#define QUOTA_MAX           10000000u
#define NODE_FILE_MAX       65536u

enum setting_type {
    SETTING_NAME,
    SETTING_PATH,
    SETTING_RANGE,
    SETTING_RANGE6, /* may be empty */
    SETTING_ADDR,   /* may be empty */
    SETTING_LISTEN,
    SETTING_NUMBER,
};

struct setting {
    const char *section, *name;
    enum setting_type type;
    size_t offset;
    uint64_t min, max;             /* NUMBER: value; NAME, PATH: length; RANGE: prefix */
    const char *as_root, *as_user; /* defaults; as_user NULL: the same. "~" is the user's home */
    const char *doc;
};

#define SETTING(section, name, type, member, ...)                            \
    {                                                                        \
        section, name, type, offsetof(struct node_conf, member), __VA_ARGS__ \
    }

#define QUOTA_SETTING(member, number, doc) \
    SETTING("quotas", #member, SETTING_NUMBER, quotas.member, 0, QUOTA_MAX, number, NULL, doc)

static const struct setting settings[] = {
    SETTING("node", "region", SETTING_NAME, region, 1, 63, "cn-hangzhou", NULL,
        "RegionId of everything made here; requests that name another one are refused"),
    SETTING("node", "dns_suffix", SETTING_NAME, dns_suffix, 1, 127, "openslb.test", NULL,
        "instances are called NAME.REGION.PRODUCT.SUFFIX"),
    SETTING("node", "state_dir", SETTING_PATH, state_dir, 1, 255, "/var/lib/openslb",
        "~/.local/state/openslb", "resources, keys and the set that is in force"),
    SETTING("node", "run_dir", SETTING_PATH, run_dir, 1, RUN_DIR_MAX, "/run/openslb",
        "~/.local/state/openslb/run", "sockets between the processes"),
    SETTING("api", "listen", SETTING_LISTEN, api, 0, 0, "127.0.0.1:9080", NULL,
        "where the API answers; one that other machines reach needs TLS"),
    SETTING("api", "tls_certificate", SETTING_PATH, tls_certificate, 0, 255, "", NULL,
        "PEM file: the API's certificate, then those up to its CA; read anew on SIGHUP; empty: no TLS"),
    SETTING("api", "tls_key", SETTING_PATH, tls_key, 0, 255, "", NULL,
        "PEM file: its private key, which nobody but its owner may be able to read"),
    SETTING("api", "rate_limit", SETTING_NUMBER, rate_limit, 1, 10000, "100", NULL,
        "calls per second and AccessKey; more are answered with Throttling.User"),
    SETTING("api", "event_days", SETTING_NUMBER, event_days, 1, 3650, "90", NULL,
        "how long the operation log is kept"),
    SETTING("data", "admin", SETTING_ADDR, admin, 0, 0, "127.0.0.1:9090", NULL,
        "serves /metrics and /status of the data plane; empty: nowhere"),
    SETTING("data", "access_log", SETTING_PATH, access_log, 0, 255, "", NULL,
        "file for the access log of all listeners; empty: none"),
    SETTING("data", "workers", SETTING_NUMBER, workers, 0, WORKERS_MAX, "0", NULL,
        "threads that carry traffic; 0: one per CPU"),
    SETTING("network", "vpc_id", SETTING_NAME, vpc_id, 1, 63, "vpc-local", NULL,
        "id of the VPC that is made with the node"),
    SETTING("network", "vpc_range", SETTING_RANGE, vpc_range, VPC_PREFIX_MIN, VSWITCH_PREFIX_MAX,
        "127.16.0.0/12", NULL, "its IPv4 range; vSwitches lie inside"),
    SETTING("network", "vpc_range6", SETTING_RANGE6, vpc_range6, VPC6_PREFIX_MIN, VPC6_PREFIX_MAX,
        "", NULL, "its IPv6 range, with those of the vSwitches and the servers; empty: no IPv6"),
    SETTING("network", "eip_range", SETTING_RANGE, eip_range, VSWITCH_PREFIX_MIN, 30,
        "127.32.0.0/16", NULL, "IPv4 addresses that elastic IPs are taken from"),
    SETTING("network", "eip_range6", SETTING_RANGE6, eip_range6, VSWITCH6_PREFIX_MIN, 126, "", NULL,
        "IPv6 addresses that internet-facing CLB instances are taken from; empty: none"),
    QUOTA_SETTING(instances, "1000", "load balancers of each product"),
    QUOTA_SETTING(server_groups, "3000", "server groups of each product, and of each kind of CLB"),
    QUOTA_SETTING(access_lists, "1000", "access lists of each product"),
    QUOTA_SETTING(tls_policies, "50", "TLS policies of each product"),
    QUOTA_SETTING(certificates, "100000", "certificates of servers and of CAs"),
    QUOTA_SETTING(domains, "10000", "domains, and as many groups of them"),
    QUOTA_SETTING(records, "1000000", "DNS records"),
    QUOTA_SETTING(servers, "20000", "servers of the inventory, and as many network interfaces"),
    QUOTA_SETTING(vswitches, "1000", "vSwitches"),
    QUOTA_SETTING(security_groups, "1000", "security groups"),
};

#define ZONE_SETTING(name, type, member, ...)                               \
    {                                                                       \
        "zone", name, type, offsetof(struct node_zone, member), __VA_ARGS__ \
    }

/* Of one section [zone ID]. If the file has such sections, they replace the zones that are there by default. */
static const struct setting zone_settings[] = {
    ZONE_SETTING("vswitch_id", SETTING_NAME, vswitch_id, 1, 63, NULL, NULL,
        "id of the vSwitch that is made with the node"),
    ZONE_SETTING("range", SETTING_RANGE, range, VSWITCH_PREFIX_MIN, VSWITCH_PREFIX_MAX, NULL, NULL,
        "its IPv4 range, for addresses of instances"),
    ZONE_SETTING("range6", SETTING_RANGE6, range6, VSWITCH6_PREFIX_MIN, VSWITCH6_PREFIX_MAX, "",
        NULL, "its IPv6 range, a part of vpc_range6; empty: instances get no IPv6 address"),
};

static const struct {
    const char *id, *vswitch_id, *range;
} default_zones[] = {
    {"cn-hangzhou-h", "vsw-h", "127.16.0.0/20"},
    {"cn-hangzhou-i", "vsw-i", "127.16.16.0/20"},
    {"cn-hangzhou-j", "vsw-j", "127.16.32.0/20"},
};

struct reading {
    struct span rest; /* of the file */
    unsigned line;
    const char *path;
    struct node_conf *node;
    struct errors *errors;
    bool seen[ARRAY_LEN(settings)];
    bool zone_seen[NODE_ZONES_MAX][ARRAY_LEN(zone_settings)];
    bool has_zones; /* the file's, not the default's */
    bool too_many;  /* zones: told once */
};

/* --- one value ----------------------------------------------------------------------------- */

static bool is_name(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = ascii_lower(s.ptr[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
            return false;
    }
    return true;
}

/* Texts of settings have a final zero; members are as long as their longest value and one more. */
static const char *set_text(const struct setting *row, char *at, struct span value)
{
    if (value.len < row->min || value.len > row->max)
        return row->min == 0 ? "is too long" : "is empty or too long";
    if (row->type == SETTING_NAME && !is_name(value))
        return "must have letters, digits, '-', '.' and '_' only";
    if (row->type == SETTING_PATH && value.len > 0 && value.ptr[0] != '/')
        return "must be an absolute path";
    memcpy(at, value.ptr, value.len);
    at[value.len] = '\0';
    return NULL;
}

static const char *set_range(const struct setting *row, struct cidr *at, struct span value)
{
    struct cidr cidr;

    if (cidr_parse(value, &cidr) < 0 || cidr.addr.family != 4)
        return "must be an IPv4 range whose host bits are 0, as 127.16.0.0/20";
    if (cidr.prefix < row->min || cidr.prefix > row->max)
        return "";
    *at = cidr;
    return NULL;
}

/* Link-local addresses mean nothing without their interface; multicast ones are nobody's. */
static bool is_unicast6(const struct addr *addr)
{
    bool is_link_local = addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80;

    return addr->family == 6 && addr->ip[0] != 0xff && !is_link_local;
}

static const char *set_range6(const struct setting *row, struct cidr *at, struct span value)
{
    struct cidr cidr = {0};

    if (value.len > 0) {
        if (cidr_parse(value, &cidr) < 0 || !is_unicast6(&cidr.addr))
            return "must be an IPv6 range of global or unique local addresses whose host bits are 0, as fd00:1::/64";
        if (cidr.prefix < row->min || cidr.prefix > row->max)
            return "";
    }
    *at = cidr;
    return NULL;
}

static const char *set_addr(const struct setting *row, struct addr *at, struct span value)
{
    struct addr addr;

    if (value.len == 0 && row->type == SETTING_ADDR) {
        *at = (struct addr){0};
        return NULL;
    }
    if (addr_parse(value, &addr) < 0 || addr.port == 0)
        return "must be an address and a port, as 127.0.0.1:9080";
    *at = addr;
    return NULL;
}

static const char *set_number(const struct setting *row, unsigned *at, struct span value)
{
    uint64_t number;

    if (span_parse_u64(value, &number) < 0 || number < row->min || number > row->max)
        return "";
    *at = (unsigned)number;
    return NULL;
}

/* Returns NULL, or the rule that value breaks; "" is that of the row's limits. */
static const char *setting_set(const struct setting *row, void *base, struct span value)
{
    void *at = (char *)base + row->offset;

    switch (row->type) {
    case SETTING_RANGE:
        return set_range(row, at, value);
    case SETTING_RANGE6:
        return set_range6(row, at, value);
    case SETTING_ADDR:
    case SETTING_LISTEN:
        return set_addr(row, at, value);
    case SETTING_NUMBER:
        return set_number(row, at, value);
    default:
        return set_text(row, at, value);
    }
}

/* --- defaults ------------------------------------------------------------------------------ */

static const char *home(void)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): read once, before there are threads */
    const char *dir = getenv("HOME");
    const struct passwd *user;

    if (dir && dir[0] == '/' && strlen(dir) < HOME_MAX)
        return dir;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the same */
    user = getpwuid(getuid());
    return user ? user->pw_dir : "/tmp";
}

static void set_default(const struct setting *row, bool as_root, struct node_conf *node)
{
    const char *text = as_root || !row->as_user ? row->as_root : row->as_user;
    char buf[2 * HOME_MAX];
    char *at = (char *)node + row->offset;

    if (text[0] == '~') {
        (void)snprintf(buf, sizeof(buf), "%s%s", home(), text + 1);
        text = buf;
    }
    /* A home so long that nothing fits below it must be told of by what then fails: the empty path. */
    if (setting_set(row, node, span_of(text)))
        at[0] = '\0';
}

static void set_defaults(bool as_root, struct node_conf *node)
{
    for (unsigned i = 0; i < ARRAY_LEN(settings); i++)
        set_default(&settings[i], as_root, node);
    for (unsigned i = 0; i < ARRAY_LEN(default_zones); i++) {
        struct node_zone *zone = &node->zones[i];

        (void)snprintf(zone->id, sizeof(zone->id), "%s", default_zones[i].id);
        (void)snprintf(
            zone->vswitch_id, sizeof(zone->vswitch_id), "%s", default_zones[i].vswitch_id);
        (void)!cidr_parse(span_of(default_zones[i].range), &zone->range);
    }
    node->n_zones = ARRAY_LEN(default_zones);
}

/* --- the file ------------------------------------------------------------------------------ */

static void complain(
    struct reading *reading, const char *field, struct span value, const char *rule)
{
    char where[160];

    (void)snprintf(where, sizeof(where), "%s:%u", reading->path, reading->line);
    errors_add(reading->errors, where, field, value, "%s", rule);
}

static void read_setting(
    struct reading *reading, const struct setting *row, void *base, bool *seen, const char *value)
{
    const char *rule = setting_set(row, base, span_of(value));
    char limits[96];

    if (*seen)
        rule = "is given twice";
    *seen = true;
    if (!rule)
        return;
    if (rule[0] == '\0') {
        (void)snprintf(limits, sizeof(limits), "must be %llu..%llu%s", (unsigned long long)row->min,
            (unsigned long long)row->max,
            row->type == SETTING_RANGE || row->type == SETTING_RANGE6 ? " bits long" : "");
        rule = limits;
    }
    complain(reading, row->name, span_of(value), rule);
}

/* The number of the zone of [zone ID], which begins with its first setting; -1 after complaining. */
static int zone_number(struct reading *reading, const char *section)
{
    struct node_conf *node = reading->node;
    struct span id = span_trim(span_of(section + strlen("zone ")));

    if (!reading->has_zones)
        node->n_zones = 0;
    reading->has_zones = true;
    for (unsigned i = 0; i < node->n_zones; i++) {
        if (span_eq(id, span_of(node->zones[i].id)))
            return (int)i;
    }
    if (id.len == 0 || id.len >= sizeof(node->zones[0].id) || !is_name(id)) {
        complain(reading, section, (struct span){0},
            "a zone's id has 1..63 letters, digits, '-', '.' and '_'");
        return -1;
    }
    if (node->n_zones == NODE_ZONES_MAX) {
        if (!reading->too_many)
            complain(reading, section, (struct span){0}, "there may be 8 zones");
        reading->too_many = true;
        return -1;
    }
    node->zones[node->n_zones] = (struct node_zone){0};
    memcpy(node->zones[node->n_zones].id, id.ptr, id.len);
    return (int)node->n_zones++;
}

static void read_zone(
    struct reading *reading, const char *section, const char *name, const char *value)
{
    int zone = zone_number(reading, section);

    for (unsigned i = 0; zone >= 0 && i < ARRAY_LEN(zone_settings); i++) {
        if (strcmp(name, zone_settings[i].name) == 0) {
            read_setting(reading, &zone_settings[i], &reading->node->zones[zone],
                &reading->zone_seen[zone][i], value);
            return;
        }
    }
    if (zone >= 0)
        complain(reading, name, span_of(value), "there is no such setting of a zone");
}

static int on_setting(void *user, const char *section, const char *name, const char *value)
{
    struct reading *reading = user;
    bool has_section = false;

    if (span_starts_with(span_of(section), SPAN_LIT("zone "))) {
        read_zone(reading, section, name, value);
        return 1;
    }
    for (unsigned i = 0; i < ARRAY_LEN(settings); i++) {
        bool same = strcmp(section, settings[i].section) == 0;

        has_section = has_section || same;
        if (!same || strcmp(name, settings[i].name) != 0)
            continue;
        read_setting(reading, &settings[i], reading->node, &reading->seen[i], value);
        return 1;
    }
    if (has_section)
        complain(reading, name, span_of(value), "there is no such setting in this section");
    else
        complain(reading, name, span_of(value),
            "must stand in a section: [node], [api], [data], [network], [quotas] or [zone ID]");
    return 1;
}

/* Like fgets, and counts: that is how errors know their line. A line that does not fit is told of and left out. */
static char *next_line(char *buf, int size, void *stream)
{
    struct reading *reading = stream;
    size_t n = MIN(span_find(reading->rest, '\n') + 1, reading->rest.len);

    if (n == 0)
        return NULL;
    reading->line++;
    if (n >= (size_t)size || memchr(reading->rest.ptr, '\0', n)) {
        complain(reading, "", (struct span){0}, "the line is too long, or has a NUL");
        buf[0] = '\n';
        buf[1] = '\0';
    } else {
        memcpy(buf, reading->rest.ptr, n);
        buf[n] = '\0';
    }
    reading->rest = span_from(reading->rest, n);
    return buf;
}

/* --- what must hold between settings ------------------------------------------------------- */

static bool ranges_meet(const struct cidr *a, const struct cidr *b)
{
    return cidr_has(a, &b->addr) || cidr_has(b, &a->addr);
}

static void zone_complain(
    struct reading *reading, const struct node_zone *zone, const char *field, const char *rule)
{
    char section[80];

    (void)snprintf(section, sizeof(section), "[zone %s]", zone->id);
    errors_add(reading->errors, section, field, (struct span){0}, "%s", rule);
}

/* An IPv6 range is asked for where it is set only. */
static void verify_zone6(struct reading *reading, unsigned number)
{
    const struct node_conf *node = reading->node;
    const struct node_zone *zone = &node->zones[number];

    if (zone->range6.addr.family == 0)
        return;
    if (zone->range6.prefix < node->vpc_range6.prefix ||
        !cidr_has(&node->vpc_range6, &zone->range6.addr))
        zone_complain(
            reading, zone, "range6", "must lie inside the vpc_range6 of the section [network]");
    for (unsigned i = 0; i < number; i++) {
        if (node->zones[i].range6.addr.family != 0 &&
            ranges_meet(&node->zones[i].range6, &zone->range6))
            zone_complain(reading, zone, "range6", "overlaps another zone's");
    }
}

static void verify_zone(struct reading *reading, unsigned number)
{
    const struct node_conf *node = reading->node;
    const struct node_zone *zone = &node->zones[number];

    if (zone->vswitch_id[0] == '\0' || zone->range.addr.family == 0) {
        zone_complain(reading, zone, zone->vswitch_id[0] == '\0' ? "vswitch_id" : "range",
            "is required and must be valid");
        return;
    }
    if (zone->range.prefix < node->vpc_range.prefix ||
        !cidr_has(&node->vpc_range, &zone->range.addr))
        zone_complain(reading, zone, "range", "must lie inside the vpc_range");
    for (unsigned i = 0; i < number; i++) {
        if (strcmp(node->zones[i].vswitch_id, zone->vswitch_id) == 0)
            zone_complain(reading, zone, "vswitch_id", "is another zone's too");
        if (node->zones[i].range.addr.family != 0 &&
            ranges_meet(&node->zones[i].range, &zone->range))
            zone_complain(reading, zone, "range", "overlaps another zone's");
    }
    verify_zone6(reading, number);
}

static void verify_api(struct reading *reading)
{
    const struct node_conf *node = reading->node;
    bool has_certificate = node->tls_certificate[0] != '\0', has_key = node->tls_key[0] != '\0';
    char buf[ADDR_TEXT_MAX];

    if (has_certificate != has_key)
        errors_add(reading->errors, "[api]", has_key ? "tls_certificate" : "tls_key",
            (struct span){0}, "is required with %s", has_key ? "tls_key" : "tls_certificate");
    else if (!has_certificate && !addr_is_loopback(&node->api))
        errors_add(reading->errors, "[api]", "listen",
            (struct span){buf, addr_format(&node->api, buf)},
            "must be a loopback address, or tls_certificate and tls_key must be given: other machines "
            "reach the API by TLS only");
}

static void verify(struct reading *reading)
{
    const struct node_conf *node = reading->node;

    for (unsigned i = 0; i < node->n_zones; i++)
        verify_zone(reading, i);
    verify_api(reading);
    if (ranges_meet(&node->vpc_range, &node->eip_range))
        errors_add(reading->errors, "[network]", "eip_range", (struct span){0},
            "must not overlap the vpc_range");
    if (node->eip_range6.addr.family != 0 && ranges_meet(&node->vpc_range6, &node->eip_range6))
        errors_add(reading->errors, "[network]", "eip_range6", (struct span){0},
            "must not overlap the vpc_range6");
    if (node->state_dir[0] == '\0' || node->run_dir[0] == '\0')
        errors_add(reading->errors, "[node]", node->state_dir[0] == '\0' ? "state_dir" : "run_dir",
            (struct span){0}, "must be given: the one by default is too long");
}

static int read_file(struct reading *reading)
{
    struct text text;
    int line;
    int r;

    text_init(&text, NODE_FILE_MAX);
    r = file_read(reading->path, &text);
    if (r < 0) {
        errors_add(reading->errors, reading->path, "", (struct span){0}, "cannot be read: %s",
            strerrordesc_np(-r));
        text_done(&text);
        return -EINVAL;
    }
    reading->rest = text_span(&text);
    line = ini_parse_stream(next_line, reading, on_setting, reading);
    if (line != 0) {
        reading->line = (unsigned)line;
        complain(reading, "", (struct span){0},
            "a line is a [section], name = value, or a comment behind # or ;");
    }
    text_done(&text);
    return 0;
}

int node_read(const char *path, bool as_root, struct node_conf *ret_node, struct errors *errors)
{
    struct node_conf node = {0};
    struct reading reading = {.path = path, .node = &node, .errors = errors};
    uint32_t n_errors = errors->n + errors->n_dropped;

    set_defaults(as_root, &node);
    if (path && read_file(&reading) < 0)
        return -EINVAL;
    if (errors->n + errors->n_dropped == n_errors)
        verify(&reading);
    if (errors->n + errors->n_dropped != n_errors)
        return -EINVAL;
    *ret_node = node;
    return 0;
}

/* --- printing ------------------------------------------------------------------------------ */

static void print_value(const struct setting *row, const void *base, struct text *out)
{
    const char *at = (const char *)base + row->offset;
    const struct cidr *range = (const void *)at;
    char buf[ADDR_TEXT_MAX];

    switch (row->type) {
    case SETTING_RANGE:
    case SETTING_RANGE6:
        if (range->addr.family == 0)
            break;
        text_add(out, (struct span){buf, addr_format_ip(&range->addr, buf)});
        text_addf(out, "/%u", range->prefix);
        break;
    case SETTING_ADDR:
    case SETTING_LISTEN:
        if (((const struct addr *)(const void *)at)->family != 0)
            text_add(out, (struct span){buf, addr_format((const void *)at, buf)});
        break;
    case SETTING_NUMBER:
        text_add_u64(out, *(const unsigned *)(const void *)at);
        break;
    default:
        text_add(out, span_of(at));
        break;
    }
}

static void print_limits(const struct setting *row, struct text *out)
{
    static const char *const words[] = {
        [SETTING_NAME] = "characters",
        [SETTING_PATH] = "bytes",
        [SETTING_RANGE] = "bits",
        [SETTING_RANGE6] = "bits",
        [SETTING_NUMBER] = "",
    };

    if (row->type == SETTING_ADDR || row->type == SETTING_LISTEN)
        text_add(out, SPAN_LIT("IP:PORT"));
    else
        text_addf(out, "%llu..%llu%s%s", (unsigned long long)row->min, (unsigned long long)row->max,
            words[row->type][0] != '\0' ? " " : "", words[row->type]);
}

/* The value by default is told where it is not the one that is printed. */
static void print_setting(const struct setting *row, const void *base, struct text *out)
{
    text_addf(out, "# %s (", row->doc);
    print_limits(row, out);
    if (row->as_root)
        text_addf(out, "; default: %s", row->as_root[0] != '\0' ? row->as_root : "empty");
    if (row->as_user)
        text_addf(out, ", without root %s", row->as_user);
    text_addf(out, ")\n%s =", row->name);
    text_add_char(out, ' ');
    print_value(row, base, out);
    text_add_char(out, '\n');
}

void node_print(const struct node_conf *node, struct text *out)
{
    const char *section = "";

    for (unsigned i = 0; i < ARRAY_LEN(settings); i++) {
        const struct setting *row = &settings[i];

        if (strcmp(section, row->section) != 0)
            text_addf(out, "%s[%s]\n", i > 0 ? "\n" : "", row->section);
        section = row->section;
        print_setting(row, node, out);
    }
    for (unsigned i = 0; i < node->n_zones; i++) {
        text_addf(out, "\n[zone %s]\n", node->zones[i].id);
        for (unsigned s = 0; s < ARRAY_LEN(zone_settings); s++)
            print_setting(&zone_settings[s], &node->zones[i], out);
    }
}
