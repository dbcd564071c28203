#include "control/control.h"

#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "control/api/certificate.h"
#include "control/products/inventory/inventory.h"
#include "observe/log.h"

/* A store that is gone must not be taken for a new node: all that is served would be taken away. What a node leaves beside its
 * store when it has one tells. */
static bool is_used(const char *dir)
{
    static const char *const marks[] = {"root-key.json", "node-key"};
    char path[512];

    for (unsigned i = 0; i < ARRAY_LEN(marks); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, marks[i]);
        if (access(path, F_OK) == 0)
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
    control->store = store_open(dir, !is_used(dir), &why);
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

static void log_certificate(const struct tls_context *tls)
{
    time_t ends_at = tls_context_ends_at(tls);
    char date[32];
    struct tm tm;

    (void)gmtime_r(&ends_at, &tm);
    (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
    log_line(LOG_NOTICE, "control: the API's certificate is valid until %s", date);
}

/* NULL where the node file names no certificate. 0, or negative after logging. */
static int read_certificate(const struct control *control, struct tls_context **ret_tls)
{
    char why[API_CERTIFICATE_WHY_MAX];
    int r = api_certificate_read(&control->node, clock_wall(), ret_tls, why);

    if (r < 0)
        log_line(LOG_ERROR, "control: the API's certificate cannot be used: %s", why);
    return r;
}

static int open_api(struct control *control, struct tls_context *tls)
{
    struct serve_opts opts = {
        .addr = control->node.api,
        .tls = tls,
        .refusal = api_refusal,
        .routes = control->routes,
        .n_routes = ARRAY_LEN(control->routes),
        .limits = api_limits,
    };
    char text[ADDR_TEXT_MAX];
    int n = (int)addr_format(&opts.addr, text);

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
    log_line(LOG_NOTICE, "control: the API is at %s://%.*s/", tls ? "https" : "http", n, text);
    if (tls)
        log_certificate(tls);
    return 0;
}

static int start_api(struct control *control)
{
    CLEANUP(tls_context_unref) struct tls_context *tls = NULL;
    int r = read_certificate(control, &tls);

    if (r < 0)
        return r;
    control->api = api_new(control);
    return control->api ? open_api(control, tls) : -EINVAL;
}

void control_reload(struct control *control)
{
    CLEANUP(tls_context_unref) struct tls_context *tls = NULL;

    if (read_certificate(control, &tls) < 0) {
        log_line(LOG_ERROR, "control: the certificate that the API has stays in use");
        return;
    }
    if (!tls) {
        log_line(LOG_NOTICE, "control: the API has no certificate; there is nothing to read anew");
        return;
    }
    serve_set_tls(control->serve, tls);
    log_certificate(tls);
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
    node_check_ranges(&control->node);
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
