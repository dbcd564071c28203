/* Brings compiled resources to the data plane and keeps account of what it said.
 *
 * Holds a connection to RUN_DIR/control.sock for changes and one that watches health. A new connection is reconciled by
 * version: if the data plane has the version last acknowledged, only what changed since is sent, else everything
 * (`replace`). A change that is refused because of some resources is sent again without them (their last good
 * version goes on serving); they are tried again when they or what they name change, when the data plane starts
 * anew, and every 30 s. What was refused is a document (kind "refusal"), so that it outlives this process.
 * Jobs end here. The control process's main thread.
 */
#pragma once

#include "control/call.h"
#include "control/compile/compile.h"
#include "engine/engine.h"

struct deliver;

struct deliver *deliver_new(
    struct engine *engine, struct catalog *catalog, struct compile *compile, const char *run_dir);
struct deliver *deliver_free(struct deliver *deliver);

/* Revision of the catalog that the data plane is known to serve (but for refusals). */
uint64_t deliver_acknowledged(const struct deliver *deliver);
bool deliver_connected(const struct deliver *deliver);

/* For call_state and call_health. */
enum delivery deliver_state(
    struct deliver *deliver, struct txn *txn, const struct doc *doc, const char **ret_reason);
enum server_health deliver_health(
    struct deliver *deliver, const char *group_id, const char *server_id, const char **ret_reason);
/* The data plane's last `get counters` and `get status` (asked for at most once a second while somebody asks); NULL: none yet.
 * Borrowed until the next turn. */
const json_t *deliver_counters(struct deliver *deliver);
const json_t *deliver_status(struct deliver *deliver);
