#include "cli/client.h"

#include <inttypes.h>
#include <pwd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/fetch.h"
#include "openapi/sign.h"

#define KEY_FILE_MAX (64u << 10)
#define ANSWER_MAX   (256u << 20)
#define TIMEOUT_MS   30000u
#define PAGES_MAX    10000u
#define BUSY_TRIES   100u
#define BUSY_PAUSE   (100 * 1000000L) /* ns */

/* --- endpoint and key ---------------------------------------------------------------------- */

/* Where a node keeps it unless its node file says otherwise. */
static void default_key_file(char *path, size_t size)
{
    const char *home = getenv("HOME"); /* NOLINT(concurrency-mt-unsafe): there is one thread */
    const struct passwd *user;

    if (geteuid() == 0) {
        (void)snprintf(path, size, "/var/lib/openslb/root-key.json");
        return;
    }
    if (!home || home[0] != '/') {
        user = getpwuid(getuid()); /* NOLINT(concurrency-mt-unsafe): there is one thread */
        home = user ? user->pw_dir : "/";
    }
    (void)snprintf(path, size, "%s/.local/state/openslb/root-key.json", home);
}

static const char *setting(const char *option, const char *variable)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    const char *value = option ? option : getenv(variable);

    return value && value[0] != '\0' ? value : NULL;
}

static int set_text(const json_t *key, const char *name, char *buf, size_t size, const char *path)
{
    const char *value = json_string_value(json_object_get(key, name));

    if (!value || value[0] == '\0' || strlen(value) >= size)
        return cli_fail(CLI_REFUSED,
            "%s must be {\"AccessKeyId\": \"...\", \"AccessKeySecret\": \"...\"}", path);
    (void)snprintf(buf, size, "%s", value);
    return CLI_OK;
}

static int read_key(const char *path, struct client *client)
{
    struct text text;
    json_t *key;
    int status;
    int r;

    text_init(&text, KEY_FILE_MAX);
    r = file_read(path, &text);
    if (r < 0) {
        text_done(&text);
        return cli_fail(CLI_REFUSED,
            "cannot read the AccessKey pair in %s: %s\n"
            "     A node writes it to root-key.json in its state directory when it first starts. Name the\n"
            "     file with --key-file or OPENSLB_KEY_FILE, or run slb as the user that slbd runs as.",
            path, strerrordesc_np(-r));
    }
    key = json_loadb(text.ptr ? text.ptr : "", text.len, 0, NULL);
    text_done(&text);
    status =
        set_text(key, "AccessKeyId", client->access_key_id, sizeof(client->access_key_id), path);
    if (status == CLI_OK)
        status = set_text(key, "AccessKeySecret", client->access_key_secret,
            sizeof(client->access_key_secret), path);
    json_decref(key);
    return status;
}

static int set_endpoint(const struct common *common, struct client *client)
{
    const char *endpoint = setting(common->endpoint, "OPENSLB_ENDPOINT");
    bool is_https;
    size_t len;

    if (!endpoint)
        endpoint = CLIENT_ENDPOINT_DEFAULT;
    len = strlen(endpoint);
    while (len > 0 && endpoint[len - 1] == '/')
        len--;
    is_https = strncmp(endpoint, "https://", 8) == 0;
    if ((strncmp(endpoint, "http://", 7) != 0 && !is_https) || len >= sizeof(client->endpoint))
        return cli_fail(CLI_USAGE,
            "the endpoint must be like http://127.0.0.1:9080 or https://node.example:9080, not %s",
            endpoint);
    if (common->ca && !is_https)
        return cli_fail(
            CLI_USAGE, "--ca is for endpoints that begin with https://, not %s", endpoint);
    (void)snprintf(client->endpoint, sizeof(client->endpoint), "%.*s", (int)len, endpoint);
    client->ca = setting(common->ca, "OPENSLB_CA");
    return CLI_OK;
}

int client_open(const struct common *common, struct client *ret_client)
{
    const char *key_file = setting(common->key_file, "OPENSLB_KEY_FILE");
    struct client client = {0};
    char path[512];
    int status = set_endpoint(common, &client);

    if (status != CLI_OK)
        return status;
    if (!key_file) {
        default_key_file(path, sizeof(path));
        key_file = path;
    }
    status = read_key(key_file, &client);
    if (status == CLI_OK)
        *ret_client = client;
    return status;
}

/* --- one call ------------------------------------------------------------------------------ */

#define N_SIGNED 7u

/* The headers that are signed, in the order of their names. */
struct signed_headers {
    struct sign_header rows[N_SIGNED];
    char date[32], nonce[33], sha256[SIGN_SHA256_LEN + 1];
};

static void make_signed(struct signed_headers *headers, const struct client *client,
    const struct openapi_operation *op, struct span body)
{
    time_t now = time(NULL);
    uint64_t random[2] = {0};
    struct tm utc;

    (void)gmtime_r(&now, &utc);
    (void)strftime(headers->date, sizeof(headers->date), "%Y-%m-%dT%H:%M:%SZ", &utc);
    (void)!getrandom(random, sizeof(random), 0); /* never short or interrupted below 256 bytes */
    (void)snprintf(
        headers->nonce, sizeof(headers->nonce), "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
    sign_sha256(body, headers->sha256);
    headers->rows[0] = (struct sign_header){
        SPAN_LIT("content-type"), SPAN_LIT("application/x-www-form-urlencoded")};
    headers->rows[1] =
        (struct sign_header){SPAN_LIT("host"), span_of(strstr(client->endpoint, "://") + 3)};
    headers->rows[2] = (struct sign_header){SPAN_LIT("x-acs-action"), span_of(op->name)};
    headers->rows[3] =
        (struct sign_header){SPAN_LIT("x-acs-content-sha256"), span_of(headers->sha256)};
    headers->rows[4] = (struct sign_header){SPAN_LIT("x-acs-date"), span_of(headers->date)};
    headers->rows[5] =
        (struct sign_header){SPAN_LIT("x-acs-signature-nonce"), span_of(headers->nonce)};
    headers->rows[6] =
        (struct sign_header){SPAN_LIT("x-acs-version"), span_of(op->product->version)};
}

static void add_authorization(
    struct text *out, const struct client *client, const struct signed_headers *headers)
{
    const struct params no_query = {0};
    char signature[SIGN_SHA256_LEN + 1];
    struct text canonical;

    text_init(&canonical, SIZE_MAX);
    sign_v3_canonical(
        &canonical, SPAN_LIT("POST"), &no_query, headers->rows, N_SIGNED, span_of(headers->sha256));
    sign_v3(span_of(client->access_key_secret), text_span(&canonical), signature);
    text_done(&canonical);
    text_addf(
        out, "authorization: ACS3-HMAC-SHA256 Credential=%s,SignedHeaders=", client->access_key_id);
    for (size_t i = 0; i < N_SIGNED; i++)
        text_addf(out, "%s%.*s", i > 0 ? ";" : "", SPAN_ARG(headers->rows[i].name));
    text_addf(out, ",Signature=%s", signature);
}

static int fail_unreached(const struct client *client, int r, const char *why)
{
    bool is_https = strncmp(client->endpoint, "https://", 8) == 0;

    if (r == -EKEYREJECTED)
        return cli_fail(CLI_UNREACHABLE,
            "the certificate of %s cannot be verified: %s\n"
            "     Nothing was sent. Name the CA that signed it with --ca FILE or OPENSLB_CA, and the node as its\n"
            "     certificate does.",
            client->endpoint, why);
    if (r == -ENOKEY)
        return cli_fail(CLI_USAGE, "the CA file %s cannot be used: %s", client->ca, why);
    if (r == -EPROTO)
        return cli_fail(CLI_UNREACHABLE, "no answer from %s: %s; does slbd speak %s there?",
            client->endpoint, why, is_https ? "http" : "https");
    return cli_fail(
        CLI_UNREACHABLE, "no answer from %s: %s; does slbd run there?", client->endpoint, why);
}

static int post(const struct client *client, const struct openapi_operation *op, struct span body,
    struct text *answer, unsigned *ret_status)
{
    const char *lines[N_SIGNED + 4] = {"accept: application/json", "expect:"};
    struct text headers[N_SIGNED + 1];
    struct signed_headers to_sign;
    char error[FETCH_ERROR_MAX];
    char url[sizeof(client->endpoint) + 1];
    int r;

    make_signed(&to_sign, client, op, body);
    for (size_t i = 0; i <= N_SIGNED; i++) {
        text_init(&headers[i], SIZE_MAX);
        if (i < N_SIGNED)
            text_addf(&headers[i], "%.*s: %.*s", SPAN_ARG(to_sign.rows[i].name),
                SPAN_ARG(to_sign.rows[i].value));
        else
            add_authorization(&headers[i], client, &to_sign);
        text_add_char(&headers[i], '\0');
        lines[i + 2] = headers[i].ptr;
    }
    (void)snprintf(url, sizeof(url), "%s/", client->endpoint);
    r = fetch(
        &(struct fetch_post){url, lines, body, TIMEOUT_MS, client->ca}, answer, ret_status, error);
    for (size_t i = 0; i <= N_SIGNED; i++)
        text_done(&headers[i]);
    return r < 0 ? fail_unreached(client, r, error) : CLI_OK;
}

static void copy_member(const json_t *answer, const char *name, char *buf, size_t size)
{
    const char *value = json_string_value(json_object_get(answer, name));

    (void)snprintf(buf, size, "%s", value ? value : "");
}

static int call_once(const struct client *client, const struct openapi_operation *op,
    const struct params *params, json_t **ret_answer, struct client_error *ret_error)
{
    struct text body, text;
    json_t *answer = NULL;
    unsigned http = 0;
    int status;

    text_init(&body, SIZE_MAX);
    text_init(&text, ANSWER_MAX);
    for (uint32_t i = 0; i < params->n; i++) {
        text_add(&body, i > 0 ? SPAN_LIT("&") : SPAN_LIT(""));
        sign_encode(&body, (struct span){params->items[i].name, params->items[i].name_len});
        text_add_char(&body, '=');
        sign_encode(&body, (struct span){params->items[i].value, params->items[i].value_len});
    }
    status = post(client, op, text_span(&body), &text, &http);
    if (status == CLI_OK) {
        answer = json_loadb(text.ptr ? text.ptr : "", text.len, 0, NULL);
        if (!json_is_object(answer))
            status = cli_fail(CLI_UNREACHABLE,
                "%s answers %u without JSON: is it the API of a node?", client->endpoint, http);
        else if (http >= 300)
            status = CLI_REFUSED;
    }
    if (status == CLI_REFUSED) {
        ret_error->status = http;
        copy_member(answer, "Code", ret_error->code, sizeof(ret_error->code));
        copy_member(answer, "Message", ret_error->message, sizeof(ret_error->message));
        copy_member(answer, "RequestId", ret_error->request_id, sizeof(ret_error->request_id));
    }
    if (status == CLI_OK && ret_answer)
        *ret_answer = json_incref(answer);
    json_decref(answer);
    text_done(&body);
    text_done(&text);
    return status;
}

/* A key has so many calls per second; a call too many was not made, so it may be made again. */
int client_call(const struct client *client, const struct openapi_operation *op,
    const struct params *params, json_t **ret_answer, struct client_error *ret_error)
{
    const struct timespec pause = {.tv_nsec = BUSY_PAUSE};
    int status = call_once(client, op, params, ret_answer, ret_error);

    for (unsigned i = 1; i < BUSY_TRIES && status == CLI_REFUSED; i++) {
        if (strncmp(ret_error->code, "Throttling", 10) != 0)
            break;
        (void)nanosleep(&pause, NULL);
        status = call_once(client, op, params, ret_answer, ret_error);
    }
    return status;
}

void client_show_error(const struct openapi_operation *op, const struct client_error *error)
{
    (void)cli_fail(
        CLI_REFUSED, "%s.%s: %s: %s", op->product->name, op->name, error->code, error->message);
}

/* --- by name ------------------------------------------------------------------------------- */

static const struct openapi_operation *get_operation(const char *product, const char *operation)
{
    const struct openapi_product *found = openapi_product_by_name(span_of(product));
    const struct openapi_operation *op =
        found ? openapi_operation_find(found, span_of(operation)) : NULL;

    if (!op)
        (void)cli_fail(CLI_REFUSED, "this slb does not know %s.%s", product, operation);
    return op;
}

int client_ask(const struct client *client, const char *product, const char *operation,
    const json_t *in, json_t **ret_answer)
{
    const struct openapi_operation *op = get_operation(product, operation);
    struct params_error wrong;
    struct client_error error;
    struct params params = {0};
    int status;

    if (!op)
        return CLI_REFUSED;
    if (in && params_encode(op, in, &params, &wrong) < 0) {
        status = cli_fail(CLI_REFUSED, "%s.%s: %s", product, operation, wrong.message);
    } else {
        status = client_call(client, op, &params, ret_answer, &error);
        if (status == CLI_REFUSED)
            client_show_error(op, &error);
    }
    params_done(&params);
    return status;
}

/* The elements of a list, whose wrapper (a structure with one list) is passed over. */
static const json_t *list_of(const json_t *answer, const char *list)
{
    json_t *value = json_object_get(answer, list);

    if (json_is_object(value))
        return json_object_iter_value(json_object_iter(value));
    return value;
}

/* Makes in ask for the next page. False: there is none. */
static bool next_page(
    const struct openapi_operation *op, const json_t *answer, size_t n_got, json_t *in)
{
    const char *token = json_string_value(json_object_get(answer, "NextToken"));
    json_int_t total = json_integer_value(json_object_get(answer, "TotalCount"));
    json_int_t page = json_integer_value(json_object_get(in, "PageNumber"));

    if (openapi_field_find(&op->in, SPAN_LIT("NextToken"))) {
        if (token && token[0] != '\0')
            (void)json_object_set_new(in, "NextToken", json_string(token));
        return token && token[0] != '\0';
    }
    if (page == 0 || (json_int_t)n_got >= total)
        return false;
    (void)json_object_set_new(in, "PageNumber", json_integer(page + 1));
    return true;
}

static void ask_for_large_pages(const struct openapi_operation *op, json_t *in)
{
    static const char *const sizes[] = {"MaxResults", "PageSize"};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        const struct openapi_field *field = openapi_field_find(&op->in, span_of(sizes[i]));

        if (field && field->has_max)
            (void)json_object_set_new(in, field->name, json_integer(MIN(field->max, 100)));
    }
    if (openapi_field_find(&op->in, SPAN_LIT("PageNumber")))
        (void)json_object_set_new(in, "PageNumber", json_integer(1));
}

int client_list(const struct client *client, const char *product, const char *operation,
    const char *list, const json_t *in, json_t **ret_list)
{
    const struct openapi_operation *op = get_operation(product, operation);
    json_t *ask = in ? json_deep_copy(in) : json_object();
    json_t *all = json_array();
    int status = op ? CLI_OK : CLI_REFUSED;
    bool more = op != NULL;

    if (op)
        ask_for_large_pages(op, ask);
    for (unsigned page = 0; status == CLI_OK && more && page < PAGES_MAX; page++) {
        json_t *answer = NULL;
        const json_t *elements;
        size_t n = json_array_size(all);

        status = client_ask(client, product, operation, ask, &answer);
        if (status != CLI_OK)
            break;
        elements = list_of(answer, list);
        if (json_is_array(elements))
            (void)json_array_extend(all, json_loose(elements));
        /* an empty page ends it, whatever it says */
        more = json_array_size(all) > n && next_page(op, answer, json_array_size(all), ask);
        json_decref(answer);
    }
    json_decref(ask);
    if (status != CLI_OK) {
        json_decref(all);
        return status;
    }
    *ret_list = all;
    return CLI_OK;
}
