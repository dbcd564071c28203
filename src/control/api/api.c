/* The API's ends: HTTP requests on one side, dispatch on the other. */
#include "control/api/api.h"

#include "control/api/dispatch.h"
#include "control/api/token.h"
#include "control/api/uuid.h"
#include "control/api/wire.h"
#include "control/control.h"
#include "control/products/system/keys.h"
#include "observe/log.h"

#define ANSWER_MAX    (16u << 20)
#define FLUSH_EVERY   NSEC_PER_SEC
#define TRIM_EVERY    (60 * NSEC_PER_SEC)
#define JOBS_KEPT_MS  (7ull * 24 * 3600 * 1000)
#define JOBS_KEPT_MAX 10000u
#define DAY_MS        (24ull * 3600 * 1000)
#define REFUSAL_EVERY NSEC_PER_SEC
/* Twice the window: a timestamp may lie that far ahead. */
#define NONCE_KEPT_MS (2 * WIRE_WINDOW_MS)

const struct serve_limits api_limits = {
    .line_bytes = 128u << 10,
    .head_bytes = 192u << 10,
    .body_bytes = 4u << 20,
};

/* --- time ---------------------------------------------------------------------------------------- */

static uint64_t api_now_ms(const struct api *api)
{
    nsec wall = api->control->engine ? engine_wall(api->control->engine) : clock_wall();

    return (uint64_t)(wall / NSEC_PER_MSEC);
}

static nsec api_mono(const struct api *api)
{
    return api->control->engine ? engine_now(api->control->engine) : clock_mono();
}

static void on_flush(struct engine *engine, struct timer *timer)
{
    struct api *api = container_of(timer, struct api, flush_timer);

    (void)engine;
    events_flush(&api->events);
}

/* Removes documents of a kind that were made before, and the oldest beyond max. Their CreateTime grows with their
 * order. Returns how many. */
static uint32_t trim_kind(struct txn *txn, const char *kind, uint32_t max, uint64_t before_ms)
{
    struct doc_list docs;
    uint32_t i;

    txn_list(txn, kind, &docs);
    for (i = 0; i < docs.n; i++) {
        if (docs.n - i <= max &&
            (uint64_t)json_int(docs.docs[i]->body, "CreateTime", 0) >= before_ms)
            break;
        (void)txn_remove(txn, kind, docs.docs[i]->id);
    }
    doc_list_done(&docs);
    return i;
}

static void api_trim(struct api *api, uint64_t now_ms)
{
    struct txn *txn = txn_begin(api->control->catalog);
    uint64_t events_ms = api->control->node.event_days * DAY_MS;
    uint32_t n;
    int r = 0;

    n = trim_kind(txn, "system.token", TOKENS_MAX, now_ms - TOKEN_KEPT_MS);
    n += trim_kind(txn, "system.job", JOBS_KEPT_MAX, now_ms - JOBS_KEPT_MS);
    if (n > 0)
        r = txn_commit(txn, NULL, 0, NULL);
    else
        (void)txn_abort(txn);
    if (r == 0)
        r = store_events_trim(
            catalog_store(api->control->catalog), now_ms - MIN(events_ms, now_ms));
    if (r < 0)
        log_line(LOG_WARNING, "api: what is old could not be removed: %s", strerrordesc_np(-r));
}

static void on_trim(struct engine *engine, struct timer *timer)
{
    struct api *api = container_of(timer, struct api, trim_timer);

    api_trim(api, api_now_ms(api));
    limits_trim(&api->limits, engine_now(engine));
    timer_set(engine, timer, engine_now(engine) + TRIM_EVERY, on_trim);
}

/* --- life ---------------------------------------------------------------------------------------- */

static bool product_is_known(const struct product *product)
{
    const struct openapi_product *table = openapi_product_by_name(span_of(product->name));

    for (uint32_t i = 0; i < product->n_operations; i++) {
        const char *name = product->operations[i].name;

        if (!table || !openapi_operation_find(table, span_of(name))) {
            log_line(LOG_ERROR, "api: %s.%s has a function and is not in the product's table",
                product->name, name);
            return false;
        }
        if (i > 0 && strcmp(product->operations[i - 1].name, name) >= 0) {
            log_line(LOG_ERROR, "api: %s.%s is not in its place: functions are sorted by name",
                product->name, name);
            return false;
        }
    }
    return true;
}

struct api *api_make(struct control *control, const struct product *const *set, uint32_t n)
{
    struct api *api = base_zalloc(sizeof(*api));

    api->control = control;
    api->products = set;
    api->n_products = n;
    api->events.store = catalog_store(control->catalog);
    api->limits.per_second = control->node.rate_limit;
    api->started_at = api_mono(api);
    nonces_init(&api->nonces);
    if (control->engine)
        timer_set(
            control->engine, &api->trim_timer, engine_now(control->engine) + TRIM_EVERY, on_trim);
    return api;
}

struct api *api_new(struct control *control)
{
    struct api *api;

    for (uint32_t i = 0; i < n_products; i++) {
        if (!product_is_known(products[i]))
            return NULL;
    }
    api = api_make(control, products, n_products);
    nonces_open(&api->nonces, control->node.state_dir, api_now_ms(api), NONCE_KEPT_MS);
    return api;
}

struct api *api_free(struct api *api)
{
    if (!api)
        return NULL;
    timer_stop(&api->flush_timer);
    timer_stop(&api->trim_timer);
    events_done(&api->events);
    nonces_done(&api->nonces);
    limits_done(&api->limits);
    free(api);
    return NULL;
}

uint64_t api_uptime_ms(const struct api *api)
{
    return (uint64_t)((api_mono(api) - api->started_at) / NSEC_PER_MSEC);
}

bool api_is_built(const struct openapi_operation *op)
{
    return dispatch_find(products, n_products, op) != NULL;
}

void api_flush_events(struct api *api)
{
    events_flush(&api->events);
}

/* --- calls --------------------------------------------------------------------------------------- */

static unsigned api_dispatch(
    struct api *api, const struct dispatch_request *request, struct text *ret_json)
{
    struct engine *engine = api->control->engine;
    unsigned status = dispatch(api, request, ret_json);

    if (engine && api->events.n > 0 && !list_linked(&api->flush_timer.link))
        timer_set(engine, &api->flush_timer, engine_now(engine) + FLUSH_EVERY, on_flush);
    return status;
}

unsigned api_call(struct api *api, const struct openapi_operation *op, const struct params *params,
    const struct principal *who, const char *source_ip, struct text *ret_json)
{
    char request_id[UUID_LEN + 1];
    const struct dispatch_request request = {
        .op = op,
        .params = params,
        .who = who,
        .request_id = request_id,
        .host = "",
        .source_ip = source_ip,
        .user_agent = "",
        .now_ms = api_now_ms(api),
    };

    uuid_make(request_id, true);
    return api_dispatch(api, &request, ret_json);
}

/* --- HTTP ---------------------------------------------------------------------------------------- */

/* One HTTP request on its way. */
struct api_exchange {
    struct api *api;
    struct serve_request *request;
    struct wire_request wire_request;
    struct wire wire;
    struct wire_error error;
    struct key key;
    const struct openapi_operation *op;
    uint64_t now_ms;
    char request_id[UUID_LEN + 1];
    char host[256], source_ip[64], user_agent[256];
};

static void copy_text(char *at, size_t cap, struct span s)
{
    (void)snprintf(at, cap, "%.*s", (int)MIN(s.len, cap - 1), s.len > 0 ? s.ptr : "");
}

/* Browsers name the page that sends a request. Our own console comes from the same host; other pages must not even have
 * their requests looked at. */
static bool is_foreign(const struct serve_request *request)
{
    uint32_t pos = 0;
    const struct http_header *origin =
        http_find_name_from(request->fields, SPAN_LIT("origin"), &pos);
    struct span value = http_header_value(origin);

    if (!origin)
        return false;
    if (http_find_name_from(request->fields, SPAN_LIT("origin"), &pos))
        return true;
    if (span_starts_with(value, SPAN_LIT("http://")))
        value = span_from(value, 7);
    else if (span_starts_with(value, SPAN_LIT("https://")))
        value = span_from(value, 8);
    return !span_eq_nocase(value, request->authority);
}

/* The AccessKey: there, signed with, active, not too often, not with a nonce seen before. */
static int authenticate(struct api_exchange *x)
{
    struct api *api = x->api;
    const struct control *control = api->control;
    struct wire_error *error = &x->error;
    int r;

    r = keys_find(control->catalog, control->node.state_dir, x->wire.key_id, &x->key);
    if (r == -ENOENT)
        return wire_fail(
            error, 404, "InvalidAccessKeyId.NotFound", "There is no such AccessKeyId.");
    if (r < 0) {
        log_line(LOG_ERROR, "api: AccessKey %.*s cannot be opened: %s", SPAN_ARG(x->wire.key_id),
            strerrordesc_np(-r));
        return wire_fail(error, 500, "InternalError", "The AccessKey cannot be read on this node.");
    }
    r = wire_verify(&x->wire_request, &x->wire, span_of(x->key.secret), x->now_ms, error);
    if (r < 0)
        return r;
    if (!x->key.is_active)
        return wire_fail(error, 403, "InvalidAccessKeyId.Inactive", "The AccessKey is disabled.");
    if (!limits_take(&api->limits, x->wire.key_id, engine_now(x->request->engine)))
        return wire_fail(error, 400, "Throttling.User",
            "More than %u calls in a second came with this AccessKey.", api->limits.per_second);
    r = nonces_add(&api->nonces, x->wire.key_id, x->wire.nonce, x->now_ms, NONCE_KEPT_MS);
    if (r == NONCE_FULL)
        return wire_fail(error, 400, "Throttling",
            "More requests came with this AccessKey in the last half hour than can be kept from being repeated.");
    if (r != 0)
        return wire_fail(error, 400, "SignatureNonceUsed",
            "The nonce was used before: each request needs a new one.");
    return 0;
}

static int find_operation(struct api_exchange *x)
{
    struct wire *wire = &x->wire;
    const struct openapi_product *product = openapi_product_by_version(wire->version);

    if (!product)
        return wire_fail(&x->error, 400, "InvalidVersion", "No product has the version %.*s.",
            (int)MIN(wire->version.len, 64u), wire->version.ptr);
    x->op = openapi_operation_find(product, wire->action);
    if (!x->op)
        return wire_fail(&x->error, 404, "InvalidAction.NotFound", "%s %s has no operation %.*s.",
            product->name, product->version, (int)MIN(wire->action.len, 64u), wire->action.ptr);
    if (x->op->post_only && x->request->method != HTTP_METHOD_POST)
        return wire_fail(
            &x->error, 403, "UnsupportedHTTPMethod", "%s takes POST only.", x->op->name);
    return 0;
}

static int admit(struct api_exchange *x)
{
    int r;

    if (x->request->is_head)
        return wire_fail(
            &x->error, 403, "UnsupportedHTTPMethod", "Calls are made with GET or POST.");
    if (is_foreign(x->request))
        return wire_fail(
            &x->error, 403, "Forbidden.Origin", "Web pages of other hosts may not call the API.");
    r = wire_read(&x->wire_request, &x->wire, &x->error);
    if (r < 0)
        return r;
    r = authenticate(x);
    if (r < 0)
        return r;
    return find_operation(x);
}

/* Code and key only: parameters and signatures may hold secrets. */
static void log_refusal(struct api_exchange *x)
{
    struct api *api = x->api;
    nsec now = api_mono(api);

    if (api->refusal_logged_at != 0 && now < api->refusal_logged_at + REFUSAL_EVERY)
        return;
    api->refusal_logged_at = now;
    log_line(LOG_WARNING, "api: refused a request of %s with AccessKey \"%.*s\": %s", x->source_ip,
        (int)MIN(x->wire.key_id.len, 64u), x->wire.key_id.len > 0 ? x->wire.key_id.ptr : "",
        x->error.code);
}

static unsigned answer_call(struct api_exchange *x, struct text *body)
{
    const struct principal who = {x->key.id, x->key.is_root};
    const struct dispatch_request request = {
        .op = x->op,
        .params = &x->wire.params,
        .who = &who,
        .request_id = x->request_id,
        .host = x->host,
        .source_ip = x->source_ip,
        .user_agent = x->user_agent,
        .now_ms = x->now_ms,
    };

    return api_dispatch(x->api, &request, body);
}

static void describe(struct api_exchange *x)
{
    const struct serve_request *request = x->request;
    char peer[ADDR_TEXT_MAX];
    size_t len = addr_format_ip(&request->peer, peer);

    uuid_make(x->request_id, true);
    copy_text(x->source_ip, sizeof(x->source_ip), (struct span){peer, len});
    copy_text(x->host, sizeof(x->host), request->authority);
    copy_text(x->user_agent, sizeof(x->user_agent),
        http_header_value(http_find(request->fields, HTTP_NAME_USER_AGENT)));
    x->wire_request = (struct wire_request){
        .method = http_method_text(request->method),
        .query = request->query,
        .body = request->body,
        .fields = request->fields,
    };
}

void api_serve(void *arg, struct serve_request *request)
{
    struct api *api = arg;
    struct api_exchange x = {.api = api, .request = request, .now_ms = api_now_ms(api)};
    struct serve_answer answer = {.content_type = API_CONTENT_TYPE};
    struct text body;

    describe(&x);
    wire_error_init(&x.error);
    text_init_secret(&body, ANSWER_MAX);
    if (admit(&x) == 0) {
        answer.status = (uint16_t)answer_call(&x, &body);
    } else {
        log_refusal(&x);
        answer.status = (uint16_t)x.error.status;
        dispatch_error(&body, x.request_id, x.host, x.error.code, text_span(&x.error.message));
    }
    answer.body = &body;
    wire_error_done(&x.error);
    wire_done(&x.wire);
    key_done(&x.key);
    serve_answer(request, &answer);
    text_done(&body);
}
