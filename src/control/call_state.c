/* What became of documents: the delivery knows. */
#include "control/call.h"
#include "control/compile/deliver.h"
#include "control/control.h"

enum delivery call_state(struct call *call, const struct doc *doc, const char **ret_reason)
{
    return deliver_state(call->control->deliver, call->txn, doc, ret_reason);
}

enum server_health call_health(
    struct call *call, const char *group_id, const char *server_id, const char **ret_reason)
{
    return deliver_health(call->control->deliver, group_id, server_id, ret_reason);
}
