/* What status, instances, health and events have in common. */
#pragma once

#include "cli/client.h"
#include "cli/output.h"

struct column {
    const char *heading, *member;
};

/* Rows, JSON structures, as a table or as JSON. */
void show_rows(const struct common *common, const json_t *rows, const struct column *columns,
    unsigned n_columns, const char *empty);

/* Instead of a table without rows, where not everything could be asked. */
extern const char incomplete_text[];

/* "now" less SPAN ("90s", "15m", "2h", "7d"), or a time as it is, as 2026-01-02T03:04:05Z. False: neither. */
bool view_since(const char *text, int64_t now_s, char buf[32]);

/* The load balancers of all three products as rows: Product, Id, Name, Status, Addresses. CLI_OK, or the worst
 * of what happened; a product that failed has been told of. */
int collect_instances(const struct client *client, json_t *rows) MUST_CHECK;

/* Servers that are not healthy, of all three products, as rows: Product, Instance, Listener, Group, Server, Ip, Port,
 * State, Reason; one for each listener and rule that uses the server. all: also those that nobody checks. CLI_OK, or the worst of
 * what happened, which has been told. */
int collect_health(const struct client *client, bool all, json_t *rows) MUST_CHECK;

/* "%s" arguments of one call: an object with that member. A new reference. */
json_t *ask_for(const char *member, const char *value);

/* Until the job of "alb" or "nlb" is done. CLI_OK, or what went wrong, which has been told. */
int wait_for_job(const struct client *client, const char *product, const char *job,
    uint64_t timeout_s) MUST_CHECK;
