#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "control/api/limit.h"
#include "control/api/nonce.h"
#include "control/api/wire.h"
#include "unit.h"

#define THEN_MS 1767323045000ull /* 2026-01-02T03:04:05Z */

/* The vectors of the protocol's description, for AccessKey testid with secret testsecret. */
#define V1_QUERY                                                                                               \
    "Action=AddVServerGroupBackendServers&Version=2014-05-15&Format=JSON&RegionId=cn-local&AccessKeyId=testid" \
    "&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&SignatureNonce=3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"      \
    "&Timestamp=2026-01-02T03%3A04%3A05Z&VServerGroupId=rsp-1&Tag.1.Key=%E5%90%8D"                             \
    "&BackendServers=%5B%7B%22ServerId%22%3A%22i-1%22%2C%22Port%22%3A%2280%22%2C%22Description%22%3A%22a+b*~'()%22%7D%5D"
#define V1_GET  V1_QUERY "&Signature=TooO5G6w2WZEz3kld2RH1mIVr3U%3D"
#define V1_POST V1_QUERY "&Signature=N8dVogz3mP2bWkwKm2tLj%2BxxA8c%3D"
#define V3_BODY                                                                                             \
    "LoadBalancerId=nlb-1&ListenerPort=443&ListenerProtocol=TCPSSL&ServerGroupId=sgp-1&CertificateIds.1=c1" \
    "&Tag.1.Key=k%201%2A~&Tag.1.Value=%E4%B8%AD"
#define V3_SHA "d283d75efe4b49c4af373b3e0c04d25daa441ffdb6d24a184dc419491b1cb072"
#define V3_NAMES \
    "content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
#define V3_AUTH "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=" V3_NAMES ",Signature="
#define V3_GOOD "a4859a7449edcab7431b430536c5053c3d8d26d902e25c589d8b9c5bebbc248c"

struct header {
    const char *name, *value;
};

/* What is the same in all V3 requests; a case replaces headers of the same name, and adds others. */
static const struct header v3_headers[] = {
    {"Host", "127.0.0.1:8080"},
    {"Content-Type", "application/x-www-form-urlencoded"},
    {"x-acs-action", "CreateListener"},
    {"x-acs-version", "2022-04-30"},
    {"x-acs-date", "2026-01-02T03:04:05Z"},
    {"x-acs-signature-nonce", "3ee8c1b883d344afa94f4e0ad82fd6cf"},
    {"x-acs-content-sha256", V3_SHA},
    {"Authorization", V3_AUTH V3_GOOD},
};

static void add_header(struct http_fields *fields, const struct header *header)
{
    struct http_header *at = NULL;

    for (uint32_t i = 0; i < fields->n; i++) {
        if (strcmp(fields->at[i].name, header->name) == 0)
            at = &fields->at[i];
    }
    if (!at)
        at = &fields->at[fields->n++];
    *at = (struct http_header){.name = header->name,
        .value = header->value,
        .name_len = (uint32_t)strlen(header->name),
        .value_len = (uint32_t)strlen(header->value),
        .id = (uint16_t)http_name_find(span_of(header->name))};
}

/* Reads and verifies; the code of the error, or "" - and then *ret_action is filled. */
static const char *verify(
    const struct wire_request *request, uint64_t now_ms, const char *secret, char *ret_action)
{
    static char code[128];
    struct wire_error error;
    struct wire wire;
    int r;

    wire_error_init(&error);
    r = wire_read(request, &wire, &error);
    if (r == 0)
        r = wire_verify(request, &wire, span_of(secret), now_ms, &error);
    (void)snprintf(code, sizeof(code), "%s", r == 0 ? "" : error.code);
    if (r == 0 && ret_action)
        (void)snprintf(ret_action, 64, "%.*s", SPAN_ARG(wire.action));
    wire_done(&wire);
    wire_error_done(&error);
    return code;
}

static void v1_verifies(void **state)
{
    static const struct {
        const char *name, *method, *query, *body;
        int64_t late_ms;
        const char *secret, *code;
    } cases[] = {
        {"query", "GET", V1_GET, "", 0, "testsecret", ""},
        {"query of a POST", "POST", V1_POST, "", 0, "testsecret", ""},
        {"form", "POST", "", V1_POST, 0, "testsecret", ""},
        {"15 minutes late", "GET", V1_GET, "", 900000, "testsecret", ""},
        {"15 minutes early", "GET", V1_GET, "", -900000, "testsecret", ""},
        {"too late", "GET", V1_GET, "", 900001, "testsecret", "InvalidTimeStamp.Expired"},
        {"too early", "GET", V1_GET, "", -900001, "testsecret", "InvalidTimeStamp.Expired"},
        {"other secret", "GET", V1_GET, "", 0, "testsecreT", "SignatureDoesNotMatch"},
        {"other method", "POST", V1_GET, "", 0, "testsecret", "SignatureDoesNotMatch"},
        {"one more parameter", "GET", V1_GET "&A=", "", 0, "testsecret", "SignatureDoesNotMatch"},
        {"one more in the form", "POST", V1_POST, "A=1", 0, "testsecret", "SignatureDoesNotMatch"},
        {"no signature", "GET", V1_QUERY, "", 0, "testsecret", "MissingParameter"},
        {"empty signature", "GET", V1_QUERY "&Signature=", "", 0, "testsecret", "MissingParameter"},
        {"nothing", "GET", "", "", 0, "testsecret", "MissingParameter"},
        {"security token", "GET", V1_GET "&SecurityToken=x", "", 0, "testsecret",
            "InvalidSecurityToken.NotSupported"},
        {"signature type", "GET", V1_GET "&SignatureType=BEARERTOKEN", "", 0, "testsecret",
            "IncompleteSignature"},
        {"bad escape", "GET", "A=%4", "", 0, "testsecret", "InvalidParameter"},
        {"not UTF-8", "GET", "A=%ff", "", 0, "testsecret", "InvalidParameter"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_header none[1];
        const struct http_fields fields = {.at = none, .n = 0, .cap = 1};
        const struct wire_request request = {
            span_of(cases[i].method), span_of(cases[i].query), span_of(cases[i].body), &fields};
        char action[64] = "";
        const char *code = verify(
            &request, (uint64_t)((int64_t)THEN_MS + cases[i].late_ms), cases[i].secret, action);

        if (strcmp(code, cases[i].code) != 0)
            fail_msg("%s: %s", cases[i].name, code);
        if (code[0] == '\0')
            assert_string_equal(action, "AddVServerGroupBackendServers");
    }
}

static void v1_shows_the_string_to_sign(void **state)
{
    struct http_header none[1];
    const struct http_fields fields = {.at = none, .n = 0, .cap = 1};
    const struct wire_request request = {SPAN_LIT("GET"),
        SPAN_LIT(
            "Action=A&Version=V&AccessKeyId=k&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&SignatureNonce=n"
            "&Timestamp=2026-01-02T03:04:05Z&Signature=x"),
        {0}, &fields};
    struct wire_error error;
    struct wire wire;

    (void)state;
    wire_error_init(&error);
    assert_int_equal(wire_read(&request, &wire, &error), 0);
    assert_true(wire_verify(&request, &wire, SPAN_LIT("s"), THEN_MS, &error) < 0);
    assert_int_equal(error.status, 400);
    assert_span_is(text_span(&error.message),
        "Specified signature is not matched with our calculation. server string to sign is:"
        "GET&%2F&AccessKeyId%3Dk%26Action%3DA%26SignatureMethod%3DHMAC-SHA1%26SignatureNonce%3Dn"
        "%26SignatureVersion%3D1.0%26Timestamp%3D2026-01-02T03%253A04%253A05Z%26Version%3DV");
    wire_done(&wire);
    wire_error_done(&error);
}

static void v3_verifies(void **state)
{
    static const struct {
        const char *name, *query, *body;
        struct header header;
        const char *code;
    } cases[] = {
        {"vector A", "", V3_BODY, {0}, ""},
        {"an unsigned header more", "", V3_BODY, {"Accept", "*/*"}, ""},
        {"other body", "", V3_BODY "&A=1", {0}, "SignatureDoesNotMatch"},
        {"other hash", "", V3_BODY, {"x-acs-content-sha256", "00"}, "SignatureDoesNotMatch"},
        {"a query more", "A=1", V3_BODY, {0}, "SignatureDoesNotMatch"},
        {"other action", "", V3_BODY, {"x-acs-action", "DeleteListener"}, "SignatureDoesNotMatch"},
        {"other host", "", V3_BODY, {"Host", "127.0.0.1:80"}, "SignatureDoesNotMatch"},
        {"no nonce", "", V3_BODY, {"x-acs-signature-nonce", ""}, "MissingParameter"},
        {"bad date", "", V3_BODY, {"x-acs-date", "2026-01-02 03:04:05"}, "InvalidTimeStamp.Format"},
        {"old date", "", V3_BODY, {"x-acs-date", "2026-01-02T02:04:05Z"},
            "InvalidTimeStamp.Expired"},
        {"JSON", "", "{}", {"Content-Type", "application/json"}, "UnsupportedContentType"},
        {"security token", "", V3_BODY, {"x-acs-security-token", "x"},
            "InvalidSecurityToken.NotSupported"},
        {"SM3", "", V3_BODY,
            {"Authorization", "ACS3-HMAC-SM3 Credential=testid,SignedHeaders=a,Signature=b"},
            "IncompleteSignature"},
        {"host not signed", "", V3_BODY,
            {"Authorization",
                "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=content-type;x-acs-action;x-acs-content-sha256;"
                "x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=" V3_GOOD},
            "IncompleteSignature"},
        {"signed header that is not there", "", V3_BODY,
            {"Authorization", "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=" V3_NAMES
                              ";x-other,Signature=" V3_GOOD},
            "IncompleteSignature"},
        {"one digit off", "", V3_BODY,
            {"Authorization",
                V3_AUTH "b4859a7449edcab7431b430536c5053c3d8d26d902e25c589d8b9c5bebbc248c"},
            "SignatureDoesNotMatch"},
        {"a V1 signature wins", "Signature=x", V3_BODY, {0}, "MissingParameter"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_header room[16];
        struct http_fields fields = {.at = room, .n = 0, .cap = 16};
        const struct wire_request request = {
            SPAN_LIT("POST"), span_of(cases[i].query), span_of(cases[i].body), &fields};
        char action[64] = "";
        const char *code;

        for (size_t j = 0; j < ARRAY_LEN(v3_headers); j++)
            add_header(&fields, &v3_headers[j]);
        if (cases[i].header.name)
            add_header(&fields, &cases[i].header);
        code = verify(&request, THEN_MS, "testsecret", action);
        if (strcmp(code, cases[i].code) != 0)
            fail_msg("%s: %s", cases[i].name, code);
        if (code[0] == '\0')
            assert_string_equal(action, "CreateListener");
    }
}

static void v3_vector_b(void **state)
{
    static const struct header headers[] = {
        {"host", "127.0.0.1:8080"},
        {"x-acs-action", "ListLoadBalancers"},
        {"x-acs-version", "2020-06-16"},
        {"x-acs-date", "2026-01-02T03:04:05Z"},
        {"x-acs-signature-nonce", "3ee8c1b883d344afa94f4e0ad82fd6cf"},
        {"x-acs-content-sha256",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"authorization",
            "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;"
            "x-acs-signature-nonce;x-acs-version,"
            "Signature=0c82fa1dfc3693232751101546c7544ab2e3b5f7d1d357e395870a32a2d23547"},
    };
    struct http_header room[8];
    struct http_fields fields = {.at = room, .n = 0, .cap = 8};
    const struct wire_request request = {SPAN_LIT("POST"),
        SPAN_LIT(
            "LoadBalancerIds.1=alb-1&LoadBalancerIds.2=alb-2&MaxResults=20&Tag.1.Key=k%201*~&Tag.1.Value=%E4%B8%AD"),
        {0}, &fields};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        add_header(&fields, &headers[i]);
    assert_string_equal(verify(&request, THEN_MS, "testsecret", NULL), "");
}

static void repeated_headers_are_refused(void **state)
{
    static const char *const names[] = {"Authorization", "x-acs-action", "Host", "Content-Type"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct http_header room[16];
        struct http_fields fields = {.at = room, .n = 0, .cap = 16};
        const struct wire_request request = {SPAN_LIT("POST"), {0}, SPAN_LIT(V3_BODY), &fields};

        for (size_t j = 0; j < ARRAY_LEN(v3_headers); j++)
            add_header(&fields, &v3_headers[j]);
        for (uint32_t j = 0; j < ARRAY_LEN(v3_headers); j++) {
            if (strcmp(room[j].name, names[i]) == 0)
                room[fields.n++] = room[j];
        }
        assert_true(verify(&request, THEN_MS, "testsecret", NULL)[0] != '\0');
    }
}

#define SIG "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void authorization_is_strict(void **state)
{
    static const struct {
        const char *value;
        int r;
    } cases[] = {
        {"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=a;b,Signature=" SIG, 0},
        {"ACS3-HMAC-SHA256 Credential=id, SignedHeaders=a;b, Signature=" SIG, 0},
        {"ACS3-HMAC-SHA256 SignedHeaders=a,Signature=" SIG ",Credential=i.d-_1", 0},
        {"ACS3-HMAC-SHA256  Credential=id,SignedHeaders=a;b,Signature=" SIG,
            AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=id,  SignedHeaders=a;b,Signature=" SIG,
            AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=a;b,Signature=" SIG ",",
            AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=a;b,Signature=" SIG ",X=1",
            AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=id,Credential=id,Signature=" SIG, AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=,SignedHeaders=a,Signature=" SIG, AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=i d,SignedHeaders=a,Signature=" SIG, AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=,Signature=" SIG, AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=a;,Signature=" SIG, AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=a;;b,Signature=" SIG,
            AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=a;a,Signature=" SIG,
            AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=A,Signature=" SIG, AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=a b,Signature=" SIG,
            AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=a,Signature=" SIG "0",
            AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=a,Signature=0123", AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=a", AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256 ", AUTHORIZATION_MALFORMED},
        {"ACS3-HMAC-SHA256", AUTHORIZATION_ALGORITHM},
        {"acs3-hmac-sha256 Credential=id,SignedHeaders=a,Signature=" SIG, AUTHORIZATION_ALGORITHM},
        {"ACS3-RSA-SHA256 Credential=id,SignedHeaders=a,Signature=" SIG, AUTHORIZATION_ALGORITHM},
        {"Bearer x", AUTHORIZATION_ALGORITHM},
        {"", AUTHORIZATION_ALGORITHM},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct authorization authorization;

        if (authorization_parse(span_of(cases[i].value), &authorization) != cases[i].r)
            fail_msg("%s", cases[i].value);
    }
}

static void times_are_strict(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms; /* 0: refused */
    } cases[] = {
        {"2026-01-02T03:04:05Z", THEN_MS},
        {"1970-01-01T00:00:01Z", 1000},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"2026-02-29T00:00:00Z", 0},
        {"2026-13-01T00:00:00Z", 0},
        {"2026-01-02T24:00:00Z", 0},
        {"2026-01-02T03:04:05", 0},
        {"2026-01-02 03:04:05Z", 0},
        {"2026-01-02T03:04:05+0", 0},
        {"2026-1-2T3:4:5Z", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t ms = 0;
        int r = wire_parse_time(span_of(cases[i].text), &ms);

        if ((r < 0) != (cases[i].ms == 0) || ms != cases[i].ms)
            fail_msg("%s: %llu", cases[i].text, (unsigned long long)ms);
    }
}

static void nonces_work_once(void **state)
{
    struct nonces nonces;

    (void)state;
    nonces_init(&nonces);
    assert_int_equal(nonces_add(&nonces, SPAN_LIT("k"), SPAN_LIT("n"), 1000, 500), 0);
    assert_int_equal(nonces_add(&nonces, SPAN_LIT("k"), SPAN_LIT("n"), 1001, 500), NONCE_USED);
    assert_int_equal(nonces_add(&nonces, SPAN_LIT("l"), SPAN_LIT("n"), 1001, 500), 0);
    assert_int_equal(nonces_add(&nonces, SPAN_LIT("k"), SPAN_LIT("N"), 1001, 500), 0);
    assert_int_equal(nonces_add(&nonces, SPAN_LIT("k"), SPAN_LIT("n"), 1499, 500), NONCE_USED);
    assert_int_equal(nonces_add(&nonces, SPAN_LIT("k"), SPAN_LIT("n"), 1500, 500), 0);
    assert_int_equal(nonces.map.n, 3);
    nonces_done(&nonces);
}

static unsigned add_nonces(struct nonces *nonces, const char *key, unsigned n, uint64_t now_ms)
{
    unsigned n_added = 0;

    for (unsigned i = 0; i < n; i++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "%llu-%u", (unsigned long long)now_ms, i);
        n_added += nonces_add(nonces, span_of(key), span_of(text), now_ms, 500) == 0;
    }
    return n_added;
}

/* A greedy key leaves room for others, each of them for one more, and gets its share back when its nonces are forgotten. */
static void nonces_are_shared_between_keys(void **state)
{
    struct nonces nonces;

    (void)state;
    nonces_init(&nonces);
    nonces.most = 100;
    assert_int_equal(add_nonces(&nonces, "a", 1000, 0), 50);
    assert_int_equal(nonces_add(&nonces, SPAN_LIT("a"), SPAN_LIT("x"), 0, 500), NONCE_FULL);
    assert_int_equal(nonces_add(&nonces, SPAN_LIT("a"), SPAN_LIT("0-0"), 0, 500), NONCE_USED);
    assert_int_equal(add_nonces(&nonces, "b", 1000, 100), 25);
    assert_int_equal(add_nonces(&nonces, "c", 1000, 100), 13);
    assert_int_equal(nonces.owners.n, 3);
    assert_int_equal(add_nonces(&nonces, "a", 1000, 500), 31); /* 38 are of b and c */
    assert_int_equal(add_nonces(&nonces, "d", 1000, 1000), 50);
    assert_int_equal(nonces.owners.n, 1);
    nonces_done(&nonces);
}

/* What a process leaves to the next one: not what is due, not half a record, and nothing for longer than it would keep it. */
static void nonces_outlive_the_process(void **state)
{
    char dir[] = "/tmp/slb-nonces-XXXXXX", path[64];
    struct nonces nonces;
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/nonces", dir);
    nonces_init(&nonces);
    nonces_open(&nonces, dir, 1000, 500);
    assert_int_equal(nonces_add(&nonces, SPAN_LIT("k"), SPAN_LIT("old"), 1000, 500), 0);
    assert_int_equal(nonces_add(&nonces, SPAN_LIT("k"), SPAN_LIT("new"), 1200, 500), 0);
    nonces_done(&nonces);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 80);
    assert_int_equal(st.st_mode & 0777, 0600);

    assert_int_equal(truncate(path, 95), 0);
    nonces_init(&nonces);
    nonces_open(&nonces, dir, 1500, 500);
    assert_int_equal(nonces.map.n, 1);
    assert_int_equal(nonces_add(&nonces, SPAN_LIT("k"), SPAN_LIT("new"), 1500, 500), NONCE_USED);
    assert_int_equal(nonces_add(&nonces, SPAN_LIT("k"), SPAN_LIT("old"), 1500, 500), 0);
    nonces_done(&nonces);

    nonces_init(&nonces);
    nonces_open(&nonces, dir, 500, 100); /* the clock was set back */
    assert_int_equal(nonces.map.n, 2);
    assert_int_equal(nonces_add(&nonces, SPAN_LIT("k"), SPAN_LIT("new"), 599, 100), NONCE_USED);
    assert_int_equal(nonces_add(&nonces, SPAN_LIT("k"), SPAN_LIT("new"), 600, 100), 0);
    nonces_done(&nonces);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void limits_refill(void **state)
{
    struct limits limits = {.per_second = 2};
    nsec at = NSEC_PER_SEC;

    (void)state;
    assert_true(limits_take(&limits, SPAN_LIT("a"), at));
    assert_true(limits_take(&limits, SPAN_LIT("a"), at));
    assert_false(limits_take(&limits, SPAN_LIT("a"), at));
    assert_true(limits_take(&limits, SPAN_LIT("b"), at));
    assert_false(limits_take(&limits, SPAN_LIT("a"), at + NSEC_PER_SEC / 2 - 1));
    assert_true(limits_take(&limits, SPAN_LIT("a"), at + NSEC_PER_SEC / 2));
    assert_false(limits_take(&limits, SPAN_LIT("a"), at + NSEC_PER_SEC / 2));
    at += 100 * NSEC_PER_SEC;
    assert_true(limits_take(&limits, SPAN_LIT("a"), at));
    assert_true(limits_take(&limits, SPAN_LIT("a"), at));
    assert_false(limits_take(&limits, SPAN_LIT("a"), at));
    limits_trim(&limits, at + NSEC_PER_SEC - 1);
    assert_int_equal(limits.buckets.n, 1);
    assert_false(limits_take(&limits, SPAN_LIT("a"), at));
    limits_trim(&limits, at + NSEC_PER_SEC);
    assert_int_equal(limits.buckets.n, 0);
    limits_done(&limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v1_verifies),
        cmocka_unit_test(v1_shows_the_string_to_sign),
        cmocka_unit_test(v3_verifies),
        cmocka_unit_test(v3_vector_b),
        cmocka_unit_test(repeated_headers_are_refused),
        cmocka_unit_test(authorization_is_strict),
        cmocka_unit_test(times_are_strict),
        cmocka_unit_test(nonces_work_once),
        cmocka_unit_test(nonces_are_shared_between_keys),
        cmocka_unit_test(nonces_outlive_the_process),
        cmocka_unit_test(limits_refill),
    };

    hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
