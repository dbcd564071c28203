/* The node as its operators see it: what the control plane knows, and what the data plane says. */
#include "control/compile/deliver.h"
#include "control/control.h"
#include "control/products/system/system.h"
#include "engine/supervised.h"

/* "bytes_in" as "BytesIn": the data plane's names as the API spells them. buf: 64 bytes. */
static const char *api_name(const char *name, char *buf)
{
    bool is_start = true;
    size_t n = 0;

    for (; *name && n < 63; name++) {
        if (*name == '_') {
            is_start = true;
            continue;
        }
        buf[n++] = is_start && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
        is_start = false;
    }
    buf[n] = '\0';
    return buf;
}

/* A copy of an object with the API's names. */
static json_t *renamed(const json_t *object)
{
    json_t *given = json_deep_copy(object);
    json_t *copy = json_object();
    const char *name;
    json_t *value;
    char buf[64];

    json_object_foreach (given, name, value)
        json_put(copy, api_name(name, buf), json_incref(value));
    json_decref(given);
    return copy;
}

static json_t *all_renamed(const json_t *array)
{
    json_t *rows = json_array();
    const json_t *row;
    size_t i;

    json_array_foreach (array, i, row)
        (void)json_array_append_new(rows, renamed(row));
    return rows;
}

/* How often the supervisor started a process anew. Nobody counts for a control process that runs alone. */
static json_t *processes(void)
{
    const struct supervised_page *page = supervised_page();
    json_t *rows = json_array();

    for (unsigned i = 0; page && i < SUPERVISED_ROLES; i++) {
        const struct supervised *process = &page->roles[i];
        char why[SUPERVISED_WHY_MAX], when[CLOCK_TEXT_MAX + 1];
        json_t *row = json_object();

        json_put_text(row, "Name", supervised_role_name(i));
        json_put_int(row, "Restarts", (json_int_t)supervised_restarts(process));
        json_put_int(
            row, "HungRestarts", (json_int_t)atomic_load(&process->restarts[RESTART_HUNG]));
        supervised_why(process, why);
        if (why[0] != '\0') {
            when[clock_format(atomic_load(&process->last_at_ms) * NSEC_PER_MSEC, when)] = '\0';
            json_put_text(row, "LastRestartReason", why);
            json_put_text(row, "LastRestartTime", when);
        }
        (void)json_array_append_new(rows, row);
    }
    return rows;
}

int system_get_node_status(struct call *call)
{
    struct deliver *deliver = call->control->deliver;
    const json_t *status = deliver_status(deliver);
    json_t *plane = status ? renamed(status) : json_object();

    json_put_flag(plane, "Connected", deliver_connected(deliver));
    json_put(call->out, "DataPlane", plane);
    json_put(call->out, "Processes", processes());
    json_put_text(call->out, "Version", SLB_VERSION);
    json_put_text(call->out, "RegionId", call->node->region);
    json_put_int(
        call->out, "UptimeSeconds", (json_int_t)(api_uptime_ms(call->control->api) / 1000));
    json_put_int(call->out, "Revision", (json_int_t)store_revision(call->control->store));
    json_put_int(call->out, "AcknowledgedRevision", (json_int_t)deliver_acknowledged(deliver));
    return 0;
}

int system_get_counters(struct call *call)
{
    const json_t *counters = deliver_counters(call->control->deliver);

    if (!counters)
        return call_fail(call, "ServiceUnavailable",
            "The data plane has not told its counters yet; ask again in a second.");
    json_put(call->out, "Listeners", all_renamed(json_object_get(counters, "listeners")));
    json_put(call->out, "Servers", all_renamed(json_object_get(counters, "servers")));
    return 0;
}
