#include "control/products/common/common.h"

#define NAME_MIN            2u
#define NAME_MAX            128u
#define SECURITY_GROUPS_MAX 4u

/* --- names -------------------------------------------------------------------------------------- */

static bool is_letter(char c)
{
    return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (unsigned char)c >= 0x80;
}

static bool is_name(const char *value)
{
    size_t n_chars = 0;

    if (!is_letter(value[0]))
        return false;
    for (const char *c = value; *c; c++) {
        if (!is_letter(*c) && !(*c >= '0' && *c <= '9') && !strchr("._-", *c))
            return false;
        n_chars += (*c & 0xc0) != 0x80; /* not the continuation of a UTF-8 character */
    }
    return n_chars >= NAME_MIN && n_chars <= NAME_MAX;
}

int common_check_name(struct call *call, const char *field, const char *value, const char *code)
{
    if (is_name(value))
        return 0;
    return call_fail(call, code,
        "%s \"%.140s\" must have 2 to 128 characters, begin with a letter and have letters, digits, "
        "'.', '_' and '-' only.",
        field, value);
}

/* --- protection --------------------------------------------------------------------------------- */

int common_set_modification_protection(
    struct call *call, json_t *body, const char *status, const char *reason)
{
    static const char member[] = "ModificationProtectionConfig";
    const json_t *old = json_object_get(body, member);
    json_t *config;
    bool is_on;
    char time[32];

    if (!status)
        status = json_text(old, "Status") ?: "NonProtection";
    is_on = strcmp(status, "ConsoleProtection") == 0;
    if (reason && !is_on)
        return call_fail(call, "InvalidParameter.ModificationProtectionConfig.Reason",
            "A reason of modification protection can only be given with ConsoleProtection.");
    if (reason && !is_name(reason))
        return call_fail(call, "InvalidParameter.ModificationProtectionConfig.Reason",
            "The reason \"%.140s\" must have 2 to 128 characters, begin with a letter and have letters, "
            "digits, '.', '_' and '-' only.",
            reason);
    config = json_object();
    json_put_text(config, "Status", status);
    if (is_on) {
        json_put_text(config, "Reason", reason ?: json_text(old, "Reason"));
        json_put_text(
            config, "EnabledTime", json_text(old, "EnabledTime") ?: call_time(call, time));
    }
    json_put(body, member, config);
    return 0;
}

void common_set_deletion_protection(
    const struct call *call, json_t *body, bool enabled, const char *reason)
{
    json_t *config = json_object();
    char time[32];

    json_put_flag(config, "Enabled", enabled);
    if (enabled) {
        json_put_text(config, "Reason", reason);
        json_put_text(config, "EnabledTime", call_time(call, time));
    }
    json_put(body, "DeletionProtectionConfig", config);
}

bool common_is_deletion_protected(const json_t *body)
{
    return json_flag(json_object_get(body, "DeletionProtectionConfig"), "Enabled", false);
}

/* --- security groups ---------------------------------------------------------------------------- */

static int array_index(const json_t *array, const char *text)
{
    const json_t *element;
    size_t i;

    json_array_foreach (array, i, element) {
        if (strcmp(json_string_value(element), text) == 0)
            return (int)i;
    }
    return -1;
}

static json_t *security_groups(json_t *body)
{
    json_t *groups = json_object_get(body, "SecurityGroupIds");

    if (!groups) {
        groups = json_array();
        json_put(body, "SecurityGroupIds", groups);
    }
    return groups;
}

static int check_security_group(
    struct call *call, const json_t *body, const char *id, const struct security_group_codes *codes)
{
    const json_t *group = txn_body(call->txn, "ecs.security_group", id);
    const char *vpc = json_text(group, "VpcId");

    if (!group)
        return call_fail(call, codes->missing, "The security group %s does not exist.", id);
    if (vpc && !json_text_is(body, "VpcId", vpc))
        return call_fail(call, codes->vpc_mismatch,
            "The security group %s belongs to the VPC %s, not to that of the instance.", id, vpc);
    return 0;
}

int common_join_security_group(
    struct call *call, json_t *body, const char *id, const struct security_group_codes *codes)
{
    json_t *groups = security_groups(body);
    int r = check_security_group(call, body, id, codes);

    if (r < 0)
        return r;
    if (array_index(groups, id) >= 0)
        return call_fail(
            call, codes->joined_already, "The instance is in the security group %s already.", id);
    if (json_array_size(groups) == SECURITY_GROUPS_MAX)
        return call_fail(call, codes->quota, "An instance is in at most %u security groups.",
            SECURITY_GROUPS_MAX);
    (void)json_array_append_new(groups, json_string(id));
    return 0;
}

int common_join_security_groups(
    struct call *call, json_t *body, const struct security_group_codes *codes)
{
    const json_t *element;
    size_t i;
    int r = 0;

    json_array_foreach (json_object_get(call->in, "SecurityGroupIds"), i, element) {
        r = common_join_security_group(call, body, json_string_value(element), codes);
        if (r < 0)
            return r;
    }
    return 0;
}

int common_leave_security_groups(
    struct call *call, json_t *body, const struct security_group_codes *codes)
{
    json_t *groups = security_groups(body);
    const json_t *element;
    size_t i;

    json_array_foreach (json_object_get(call->in, "SecurityGroupIds"), i, element) {
        const char *id = json_string_value(element);
        int at = array_index(groups, id);

        if (at < 0)
            return call_fail(
                call, codes->not_joined, "The instance is not in the security group %s.", id);
        (void)json_array_remove(groups, (size_t)at);
    }
    return 0;
}

/* --- regions ------------------------------------------------------------------------------------ */

int common_describe_regions(struct call *call)
{
    json_t *regions = json_array();
    json_t *region = json_object();
    char endpoint[64];

    endpoint[addr_format(&call->node->api, endpoint)] = '\0';
    json_put_text(region, "RegionId", call->node->region);
    json_put_text(region, "LocalName", call->node->region);
    json_put_text(region, "RegionEndpoint", endpoint);
    (void)json_array_append_new(regions, region);
    json_put(call->out, "Regions", regions);
    return 0;
}

int common_describe_zones(struct call *call)
{
    json_t *zones = json_array();

    for (unsigned i = 0; i < call->node->n_zones; i++) {
        json_t *zone = json_object();

        json_put_text(zone, "ZoneId", call->node->zones[i].id);
        json_put_text(zone, "LocalName", call->node->zones[i].id);
        (void)json_array_append_new(zones, zone);
    }
    json_put(call->out, "Zones", zones);
    return 0;
}
