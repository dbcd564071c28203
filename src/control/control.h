/* The control process: API, store, compiler, delivery, put together on one engine. */
#pragma once

#include "control/api/api.h"
#include "control/compile/deliver.h"
#include "engine/engine.h"
#include "serve/serve.h"

struct control {
    struct node_conf node;
    struct engine *engine;
    struct store *store;
    struct catalog *catalog;
    struct compile *compile;
    struct deliver *deliver;
    struct api *api;
    struct serve *serve;
    struct serve_route routes[1];
};

/* Opens the store, makes what a new node needs (VPC, vSwitches, first AccessKey pair in state_dir/root-key.json, 0600), listens.
 * NULL after logging why. node is copied. */
struct control *control_new(const struct node_conf *node);
struct control *control_free(struct control *control);
/* Until control_stop. 0 or -errno. */
int control_run(struct control *control) MUST_CHECK;
void control_stop(struct control *control);
/* Reads the API's certificate anew, for connections that come from now on. A bad one is logged, and the one in use stays. */
void control_reload(struct control *control);
