/* clang-format off */
#include "unit.h"
/* clang-format on */

#include "openapi/sign.h"

static const char *const v1_pairs[][2] = {
    {"Version", "2014-05-15"},
    {"Action", "AddVServerGroupBackendServers"},
    {"Format", "JSON"},
    {"RegionId", "cn-local"},
    {"AccessKeyId", "testid"},
    {"SignatureMethod", "HMAC-SHA1"},
    {"SignatureVersion", "1.0"},
    {"SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"},
    {"Timestamp", "2026-01-02T03:04:05Z"},
    {"VServerGroupId", "rsp-1"},
    {"Signature", "is not part of what it signs"},
    {"Tag.1.Key", "\xe5\x90\x8d"},
    {"BackendServers", "[{\"ServerId\":\"i-1\",\"Port\":\"80\",\"Description\":\"a b*~'()\"}]"},
};

#define V1_QUERY                                                                                    \
    "AccessKeyId%3Dtestid%26Action%3DAddVServerGroupBackendServers%26BackendServers%3D%255B%257B%"  \
    "2522ServerId%2522%253A%2522i-1%2522%252C%2522Port%2522%253A%252280%2522%252C%2522Description%" \
    "2522%253A%2522a%2520b%252A~%2527%2528%2529%2522%257D%255D%26Format%3DJSON%26RegionId%3Dcn-"    \
    "local%26SignatureMethod%3DHMAC-SHA1%26SignatureNonce%3D3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf%"  \
    "26SignatureVersion%3D1.0%26Tag.1.Key%3D%25E5%2590%258D%26Timestamp%3D2026-01-02T03%253A04%"    \
    "253A05Z%26VServerGroupId%3Drsp-1%26Version%3D2014-05-15"

static void version_1_signs_all_parameters(void **state)
{
    static const struct {
        struct span method;
        const char *string, *signature;
    } cases[] = {
        {SPAN_LIT("GET"), "GET&%2F&" V1_QUERY, "TooO5G6w2WZEz3kld2RH1mIVr3U="},
        {SPAN_LIT("POST"), "POST&%2F&" V1_QUERY, "N8dVogz3mP2bWkwKm2tLj+xxA8c="},
    };
    struct params params = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(v1_pairs); i++)
        assert_int_equal(params_add(&params, span_of(v1_pairs[i][0]), span_of(v1_pairs[i][1])), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char signature[SIGN_V1_LEN + 1];
        struct text string;

        text_init(&string, SIZE_MAX);
        sign_v1_string(&string, cases[i].method, &params);
        assert_span_is(text_span(&string), cases[i].string);
        sign_v1(SPAN_LIT("testsecret"), text_span(&string), signature);
        assert_string_equal(signature, cases[i].signature);
        text_done(&string);
    }
    params_done(&params);
}

static const struct sign_header v3_form_headers[] = {
    {SPAN_LIT("content-type"), SPAN_LIT("application/x-www-form-urlencoded")},
    {SPAN_LIT("host"), SPAN_LIT("127.0.0.1:8080")},
    {SPAN_LIT("x-acs-action"), SPAN_LIT("CreateListener")},
    {SPAN_LIT("x-acs-content-sha256"),
        SPAN_LIT("d283d75efe4b49c4af373b3e0c04d25daa441ffdb6d24a184dc419491b1cb072")},
    {SPAN_LIT("x-acs-date"), SPAN_LIT("2026-01-02T03:04:05Z")},
    {SPAN_LIT("x-acs-signature-nonce"), SPAN_LIT("3ee8c1b883d344afa94f4e0ad82fd6cf")},
    {SPAN_LIT("x-acs-version"), SPAN_LIT("2022-04-30")},
};
static const struct sign_header v3_query_headers[] = {
    {SPAN_LIT("host"), SPAN_LIT("127.0.0.1:8080")},
    {SPAN_LIT("x-acs-action"), SPAN_LIT("ListLoadBalancers")},
    {SPAN_LIT("x-acs-content-sha256"),
        SPAN_LIT("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")},
    {SPAN_LIT("x-acs-date"), SPAN_LIT("2026-01-02T03:04:05Z")},
    {SPAN_LIT("x-acs-signature-nonce"), SPAN_LIT("3ee8c1b883d344afa94f4e0ad82fd6cf")},
    {SPAN_LIT("x-acs-version"), SPAN_LIT("2020-06-16")},
};

static const struct {
    const char *query, *body;
    const struct sign_header *headers;
    uint32_t n_headers;
    const char *canonical_query, *content_sha256, *canonical_sha256, *signature;
} v3_cases[] = {
    {"",
        "LoadBalancerId=nlb-1&ListenerPort=443&ListenerProtocol=TCPSSL&ServerGroupId=sgp-1&"
        "CertificateIds.1=c1&Tag.1.Key=k%201%2A~&Tag.1.Value=%E4%B8%AD",
        v3_form_headers, ARRAY_LEN(v3_form_headers), "",
        "d283d75efe4b49c4af373b3e0c04d25daa441ffdb6d24a184dc419491b1cb072",
        "1c1a528fb3b29430af5012737b60bb69447b183ea0586d4d9dac25441719dea3",
        "a4859a7449edcab7431b430536c5053c3d8d26d902e25c589d8b9c5bebbc248c"},
    {"Tag.1.Value=%E4%B8%AD&LoadBalancerIds.2=alb-2&MaxResults=20&Tag.1.Key=k%201*~&"
     "LoadBalancerIds.1=alb-1",
        "", v3_query_headers, ARRAY_LEN(v3_query_headers),
        "LoadBalancerIds.1=alb-1&LoadBalancerIds.2=alb-2&MaxResults=20&Tag.1.Key=k%201%2A~&"
        "Tag.1.Value=%E4%B8%AD",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "a5b07a1c1fbd6a63820a0d2e61a1100955fd745de61bb1d5bdd9186007280499",
        "0c82fa1dfc3693232751101546c7544ab2e3b5f7d1d357e395870a32a2d23547"},
};

static void version_3_signs_the_request(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(v3_cases); i++) {
        char content_sha256[SIGN_SHA256_LEN + 1];
        char buf[SIGN_SHA256_LEN + 1];
        struct params query = {0};
        struct text canonical;
        struct span line, rest;

        assert_int_equal(params_decode_form(&query, span_of(v3_cases[i].query)), 0);
        sign_sha256(span_of(v3_cases[i].body), content_sha256);
        assert_string_equal(content_sha256, v3_cases[i].content_sha256);
        text_init(&canonical, SIZE_MAX);
        sign_v3_canonical(&canonical, SPAN_LIT("POST"), &query, v3_cases[i].headers,
            v3_cases[i].n_headers, span_of(content_sha256));
        rest = text_span(&canonical);
        for (unsigned k = 0; k < 3; k++)
            assert_true(span_next(&rest, '\n', &line));
        assert_span_is(line, v3_cases[i].canonical_query);
        sign_sha256(text_span(&canonical), buf);
        assert_string_equal(buf, v3_cases[i].canonical_sha256);
        sign_v3(SPAN_LIT("testsecret"), text_span(&canonical), buf);
        assert_string_equal(buf, v3_cases[i].signature);
        text_done(&canonical);
        params_done(&query);
    }
}

static void all_but_unreserved_bytes_are_encoded(void **state)
{
    struct text text;

    (void)state;
    text_init(&text, SIZE_MAX);
    sign_encode(&text, SPAN_LIT("azAZ09-_.~ *'()!/+%\xff\0"));
    assert_span_is(text_span(&text), "azAZ09-_.~%20%2A%27%28%29%21%2F%2B%25%FF%00");
    text_done(&text);
}

static void names_sort_by_bytes(void **state)
{
    struct params params = {0};
    struct text text;

    (void)state;
    assert_int_equal(params_decode_form(&params, SPAN_LIT("a=1&B=2&a.1=3&A=&a=0")), 0);
    text_init(&text, SIZE_MAX);
    sign_v1_string(&text, SPAN_LIT("GET"), &params);
    assert_span_is(text_span(&text), "GET&%2F&A%3D%26B%3D2%26a%3D0%26a%3D1%26a.1%3D3");
    text_done(&text);
    params_done(&params);
}

static void equal_means_same_bytes(void **state)
{
    (void)state;
    assert_true(sign_equal(SPAN_LIT("abc"), SPAN_LIT("abc")));
    assert_true(sign_equal(SPAN_LIT(""), (struct span){NULL, 0}));
    assert_false(sign_equal(SPAN_LIT("abc"), SPAN_LIT("abd")));
    assert_false(sign_equal(SPAN_LIT("abc"), SPAN_LIT("ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_signs_all_parameters),
        cmocka_unit_test(version_3_signs_the_request),
        cmocka_unit_test(all_but_unreserved_bytes_are_encoded),
        cmocka_unit_test(names_sort_by_bytes),
        cmocka_unit_test(equal_means_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
