#include "control/control.h"

#include <sys/stat.h>

#include "base/file.h"
#include "control/products/inventory/inventory.h"
#include "observe/log.h"

/* A store that is gone must not be taken for a new node: all that is served would be taken away. */
static bool store_is_lost(const char *dir)
{
    static const char *const marks[] = {"root-key.json", "node-key"};
    char path[512];
    struct stat found;

    (void)snprintf(path, sizeof(path), "%s/openslb.db", dir);
    if (stat(path, &found) == 0 && found.st_size > 0)
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(marks); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, marks[i]);
        if (stat(path, &found) == 0)
            return true;
    }
    return false;
}

static int open_store(struct control *control)
{
    const char *dir = control->node.state_dir;
    const char *why;
    int r = file_make_dirs(dir, 0700);

    if (r < 0) {
        log_line(LOG_ERROR, "%s cannot be made: %s", dir, strerrordesc_np(-r));
        return r;
    }
    if (store_is_lost(dir)) {
        log_line(LOG_ERROR,
            "%s/openslb.db is missing or empty, but the directory has been used: put the store back, "
            "or remove root-key.json and node-key to begin with an empty node",
            dir);
        return -ENOENT;
    }
    control->store = store_open(dir, &why);
    if (control->store)
        control->catalog = catalog_open(control->store, &why);
    if (control->catalog)
        return 0;
    log_line(LOG_ERROR, "%s: %s", dir, why);
    return -EIO;
}

/* What a new node needs, and what the node file says of the networks. */
static int first_start(struct control *control)
{
    struct txn *txn = txn_begin(control->catalog);
    int r = inventory_start(txn, &control->node);

    if (r < 0) {
        (void)txn_abort(txn);
        return r;
    }
    r = txn_commit(txn, NULL, 0, NULL);
    if (r < 0) {
        log_line(LOG_ERROR, "the networks cannot be stored: %s", strerrordesc_np(-r));
        return r;
    }
    return api_root_key(control->catalog, &control->node);
}

static void start_delivery(struct control *control)
{
    control->compile = compile_new(control->catalog, &control->node);
    /* Before the delivery, which compiles what is dirty when it is told. */
    catalog_subscribe(control->catalog, compile_changed, control->compile);
    compile_all_dirty(control->compile);
    control->deliver =
        deliver_new(control->engine, control->catalog, control->compile, control->node.run_dir);
}

static int start_api(struct control *control)
{
    struct serve_opts opts = {
        .addr = control->node.api,
        .routes = control->routes,
        .n_routes = ARRAY_LEN(control->routes),
        .limits = api_limits,
    };
    char text[ADDR_TEXT_MAX];
    int n = (int)addr_format(&opts.addr, text);

    control->api = api_new(control);
    if (!control->api)
        return -EINVAL;
    control->routes[0] = (struct serve_route){
        .path = "/",
        .methods = SERVE_METHOD(GET) | SERVE_METHOD(POST),
        .fn = api_serve,
        .arg = control->api,
    };
    control->serve = serve_new(control->engine, &opts);
    if (!control->serve) {
        int r = -errno;

        log_line(LOG_ERROR, "the API cannot be served on %.*s: %s", n, text, strerrordesc_np(-r));
        return r;
    }
    log_line(LOG_NOTICE, "control: the API is at http://%.*s/", n, text);
    return 0;
}

struct control *control_new(const struct node_conf *node)
{
    struct control *control = base_zalloc(sizeof(*control));
    int r;

    control->node = *node;
    control->engine = engine_new(control);
    if (!control->engine) {
        log_line(LOG_ERROR, "control: %s", strerrordesc_np(errno));
        return control_free(control);
    }
    r = open_store(control);
    if (r == 0)
        r = first_start(control);
    if (r == 0) {
        start_delivery(control);
        r = start_api(control);
    }
    return r == 0 ? control : control_free(control);
}

struct control *control_free(struct control *control)
{
    if (!control)
        return NULL;
    control->serve = serve_free(control->serve);
    control->api = api_free(control->api);
    control->deliver = deliver_free(control->deliver);
    control->compile = compile_free(control->compile);
    control->catalog = catalog_free(control->catalog);
    control->store = store_close(control->store);
    control->engine = engine_free(control->engine);
    free(control);
    return NULL;
}

int control_run(struct control *control)
{
    return engine_run(control->engine);
}

void control_stop(struct control *control)
{
    engine_stop(control->engine);
}
