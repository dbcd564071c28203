/* clang-format off */
#include "openapi_make.h"
/* clang-format on */

static int read_form(struct params *params, const char *form)
{
    *params = (struct params){0};
    return params_decode_form(params, span_of(form));
}

/* --- forms --------------------------------------------------------------------------------- */

static const struct {
    struct span form;
    int result;
    const char *pairs; /* name=value, each followed by | */
} form_cases[] = {
    {SPAN_LIT(""), 0, ""},
    {SPAN_LIT("a=1&b=2"), 0, "a=1|b=2|"},
    {SPAN_LIT("&&a=1&"), 0, "a=1|"},
    {SPAN_LIT("a&b="), 0, "a=|b=|"},
    {SPAN_LIT("a=b=c"), 0, "a=b=c|"},
    {SPAN_LIT("a+b=c+d%2B"), 0, "a b=c d+|"},
    {SPAN_LIT("%61=%7e*~"), 0, "a=~*~|"},
    {SPAN_LIT("t=%E5%90%8D"), 0, "t=\xe5\x90\x8d|"},
    {SPAN_LIT("a=1&a=2"), 0, "a=1|a=2|"},
    {SPAN_LIT("a=%4"), -EINVAL, NULL},
    {SPAN_LIT("a=%"), -EINVAL, NULL},
    {SPAN_LIT("a=%g1"), -EINVAL, NULL},
    {SPAN_LIT("a=%00"), -EINVAL, NULL},
    {SPAN_LIT("a%00=1"), -EINVAL, NULL},
    {SPAN_LIT("a=\0"), -EINVAL, NULL},
    {SPAN_LIT("a=%ff"), -EINVAL, NULL},
    {SPAN_LIT("a=\xc3"), -EINVAL, NULL},
    {SPAN_LIT("%ed%a0%80=1"), -EINVAL, NULL},
};

static void forms_are_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(form_cases); i++) {
        struct params params = {0};
        struct text text;

        assert_int_equal(params_decode_form(&params, form_cases[i].form), form_cases[i].result);
        text_init(&text, SIZE_MAX);
        for (uint32_t k = 0; k < params.n && form_cases[i].pairs; k++) {
            assert_int_equal(strlen(params.items[k].name), params.items[k].name_len);
            assert_int_equal(strlen(params.items[k].value), params.items[k].value_len);
            text_addf(&text, "%s=%s|", params.items[k].name, params.items[k].value);
        }
        if (form_cases[i].pairs)
            assert_span_is(text_span(&text), form_cases[i].pairs);
        text_done(&text);
        params_done(&params);
    }
}

static void the_number_of_pairs_is_limited(void **state)
{
    struct params params = {0};
    struct text form;

    (void)state;
    text_init(&form, SIZE_MAX);
    for (unsigned i = 0; i < 5000; i++)
        text_addf(&form, "a%u=1&", i);
    assert_int_equal(params_decode_form(&params, text_span(&form)), -E2BIG);
    assert_int_equal(params.n, PARAMS_MAX);
    assert_int_equal(params_add(&params, SPAN_LIT("x"), SPAN_LIT("y")), -E2BIG);
    params_done(&params);
    text_done(&form);
}

static void the_first_of_a_name_is_found(void **state)
{
    struct params params;

    (void)state;
    assert_int_equal(read_form(&params, "Ab=1&A=2&A=3&e="), 0);
    assert_span_is(params_find(&params, "A"), "2");
    assert_span_is(params_find(&params, "Ab"), "1");
    assert_non_null(params_find(&params, "e").ptr);
    assert_null(params_find(&params, "a").ptr);
    params_done(&params);
}

/* --- decoding ------------------------------------------------------------------------------ */

static const struct {
    const char *form;                /* behind Name=ab */
    const char *expected;            /* before MAKE_REST without the brace; NULL: an error */
    const char *code, *field, *said; /* said: part of the message */
} decode_cases[] = {
    {.form = "", .expected = ""},
    {.form = "Action=X&RegionId=cn&Foo.1.Bar=2", .expected = ""},
    /* lists, in any order and with gaps */
    {.form = "AclIds.1=a&AclIds.2=b", .expected = "\"AclIds\":[\"a\",\"b\"],"},
    {.form = "AclIds.10=b&AclIds.9=a&AclIds.10000=c",
        .expected = "\"AclIds\":[\"a\",\"b\",\"c\"],"},
    {.form = "AclIds.0=a", .code = "InvalidParameter", .field = "AclIds", .said = "index"},
    {.form = "AclIds.10001=a", .code = "InvalidParameter", .field = "AclIds", .said = "10000"},
    {.form = "AclIds.1000000000=a", .code = "InvalidParameter", .field = "AclIds"},
    {.form = "AclIds.99999999999999999999999=a", .code = "InvalidParameter", .field = "AclIds"},
    {.form = "AclIds.x=a", .code = "InvalidParameter", .field = "AclIds"},
    {.form = "AclIds.=a", .code = "InvalidParameter", .field = "AclIds"},
    {.form = "AclIds=a", .code = "InvalidParameter", .field = "AclIds", .said = "AclIds.1"},
    {.form = "AclIds=", .expected = ""},
    {.form = "AclIds.1=", .expected = "\"AclIds\":[\"\"],"},
    {.form = "Config.Weights.1=", .expected = ""},
    {.form = "Servers.1.Port=", .expected = ""},
    {.form = "AclIds.1.x=a", .code = "InvalidParameter", .field = "AclIds", .said = "no members"},
    {.form = "AclIds.1=a&AclIds.2=b&AclIds.3=c&AclIds.4=d",
        .code = "InvalidParameter",
        .field = "AclIds",
        .said = "1 to 3"},
    {.form = "Config=x", .code = "InvalidParameter", .field = "Config", .said = "structure"},
    {.form = "Config=", .expected = ""},
    {.form = "Config.Key=x", .expected = "\"Config\":{\"Key\":\"x\"},"},
    {.form = "Config.Other=x", .expected = ""},
    /* letter case: the first one only */
    {.form = "HealthCheckInterval=5", .expected = "", .said = "healthCheckInterval"},
    {.form = "aclIds.1=a", .expected = "\"AclIds\":[\"a\"],"},
    {.form = "AClIds.1=a", .expected = ""},
    /* twice */
    {.form = "AclIds.1=a&AclIds.1=a&aclIds.1=a", .expected = "\"AclIds\":[\"a\"],"},
    {.form = "AclIds.1=a&AclIds.1=b",
        .code = "InvalidParameter",
        .field = "AclIds.1",
        .said = "twice"},
    {.form = "AclIds.1=a&AclIds.01=b",
        .code = "InvalidParameter",
        .field = "AclIds.01",
        .said = "twice"},
    {.form = "Color=red&color=green", .code = "InvalidParameter", .field = "color"},
    /* types */
    {.form = "Bandwidth=5120", .expected = "!\"Bandwidth\":5120,\"Gzip\":\"off\",\"Name\":\"ab\""},
    {.form = "Bandwidth=-1", .expected = ""},
    {.form = "Bandwidth=", .expected = ""},
    {.form = "Bandwidth=0",
        .code = "InvalidParameter",
        .field = "Bandwidth",
        .said = "\"0\"; it must be from 1 to 5120"},
    {.form = "Bandwidth=+5", .expected = "", .code = "InvalidParameter", .field = "Bandwidth"},
    {.form = "Bandwidth=%2B5", .code = "InvalidParameter", .field = "Bandwidth"},
    {.form = "Bandwidth=5.0",
        .code = "InvalidParameter",
        .field = "Bandwidth",
        .said = "whole number"},
    {.form = "Bandwidth=5x", .code = "InvalidParameter", .field = "Bandwidth"},
    {.form = "Bandwidth=4294967297", .code = "InvalidParameter", .field = "Bandwidth"},
    {.form = "Flag=True",
        .expected = "!\"Bandwidth\":-1,\"Flag\":true,\"Gzip\":\"off\",\"Name\":\"ab\""},
    {.form = "Flag=false",
        .expected = "!\"Bandwidth\":-1,\"Flag\":false,\"Gzip\":\"off\",\"Name\":\"ab\""},
    {.form = "Flag=1", .code = "InvalidParameter", .field = "Flag", .said = "true or false"},
    {.form = "Long=-9223372036854775808",
        .expected =
            "!\"Bandwidth\":-1,\"Gzip\":\"off\",\"Long\":-9223372036854775808,\"Name\":\"ab\""},
    {.form = "Long=9223372036854775807",
        .expected =
            "!\"Bandwidth\":-1,\"Gzip\":\"off\",\"Long\":9223372036854775807,\"Name\":\"ab\""},
    {.form = "Long=9223372036854775808", .code = "InvalidParameter", .field = "Long"},
    {.form = "Long=--1", .code = "InvalidParameter", .field = "Long"},
    {.form = "Ratio=0.5", .expected = "!" MAKE_REST ",\"Ratio\":0.5"},
    {.form = "Ratio=1e999", .code = "InvalidParameter", .field = "Ratio"},
    {.form = "Ratio=nan", .code = "InvalidParameter", .field = "Ratio"},
    {.form = "Ratio=0x1", .code = "InvalidParameter", .field = "Ratio"},
    {.form = "OwnerId=5", .expected = "!" MAKE_REST ",\"OwnerId\":5"},
    {.form = "OwnerId=me", .code = "InvalidParameter", .field = "OwnerId"},
    {.form = "Color=RED",
        .expected = "!\"Bandwidth\":-1,\"Color\":\"Red\",\"Gzip\":\"off\",\"Name\":\"ab\""},
    {.form = "Color=blue",
        .code = "InvalidParameter",
        .field = "Color",
        .said = "one of Red, green, http_2xx"},
    {.form = "Color=", .expected = ""},
    {.form = "Codes=Green,HTTP_2XX",
        .expected =
            "!\"Bandwidth\":-1,\"Codes\":\"green,http_2xx\",\"Gzip\":\"off\",\"Name\":\"ab\""},
    {.form = "Codes=green,",
        .code = "InvalidParameter",
        .field = "Codes",
        .said = "joined by commas"},
    {.form = "Password=1234", .code = "InvalidParameter", .field = "Password", .said = "not shown"},
    {.form = "Config.Key=%E5%90%8D%E5%90%8D%E5%90%8D%E5%90%8D%E5%90%8D",
        .expected =
            "\"Config\":{\"Key\":\"\xe5\x90\x8d\xe5\x90\x8d\xe5\x90\x8d\xe5\x90\x8d\xe5\x90\x8d\"},"},
    {.form = "Config.Key=abcdef",
        .code = "InvalidParameter",
        .field = "Config.Key",
        .said = "0 to 5 characters, and has 6"},
    /* not built */
    {.form = "Gzip=OFF", .expected = ""},
    {.form = "Gzip=on",
        .code = "UnsupportedParameter",
        .field = "Gzip",
        .said = "\"on\" is not supported: Compression is not built."},
    {.form = "Sticky=off", .expected = "!" MAKE_REST ",\"Sticky\":\"off\""},
    {.form = "Sticky=on", .code = "UnsupportedParameter", .field = "Sticky"},
    {.form = "Quic.Key=a", .code = "UnsupportedParameter", .field = "Quic"},
    /* required, and built in part: it must be there */
    {.form = "Target.Mode=off", .expected = "!" MAKE_REST ",\"Target\":{\"Mode\":\"off\"}"},
    {.form = "Target.Mode=on", .code = "UnsupportedParameter", .field = "Target.Mode"},
    {.form = "Target.Id=a", .code = "MissingParameter", .field = "Target.Mode"},
    /* deep */
    {.form =
            "Servers.2.Port=81&Servers.1.Port=80&Servers.1.Weight=0&Servers.2.Deep.3.Weights.1=7&Servers.2.Deep.3.Key=k",
        .expected =
            "!" MAKE_REST
            ",\"Servers\":[{\"Port\":80,\"Weight\":0},{\"Deep\":[{\"Key\":\"k\",\"Weights\":[7]}],\"Port\":81,\"Weight\":100}]"},
    {.form = "Servers.3.ServerId=i",
        .code = "MissingParameter",
        .field = "Servers.3.Port",
        .said = "mandatory for CreateThing"},
    {.form = "Servers.1.Port=0",
        .code = "InvalidParameter",
        .field = "Servers.1.Port",
        .said = "Servers.1.Port is \"0\""},
    {.form = "Servers.1.Port=1&Servers.1.Weight=101",
        .code = "InvalidParameter",
        .field = "Servers.1.Weight",
        .said = "at most 100"},
    {.form = "Servers.1.Port=1&Servers.1.Port.2=1",
        .code = "InvalidParameter",
        .field = "Servers.Port"},
    {.form = "Servers.1=1", .code = "InvalidParameter", .field = "Servers"},
    {.form = "Servers.1.Deep.1.Weights.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1=1",
        .code = "InvalidParameter",
        .field = "Servers.Deep.Weights"},
    /* JSON texts */
    {.form =
            "Entries=[{\"ENTRY\":\"1.2.3.4\",\"port\":\"80\",\"x\":1},{\"entry\":\"b\",\"Port\":81}]",
        .expected =
            "\"Entries\":[{\"Port\":80,\"entry\":\"1.2.3.4\"},{\"Port\":81,\"entry\":\"b\"}],"},
    {.form = "Entries=[]", .expected = "\"Entries\":[],"},
    {.form = "Entries=", .expected = ""},
    {.form = "Entries.1.entry=a", .expected = "\"Entries\":[{\"entry\":\"a\"}],"},
    {.form = "Entries=[{\"port\":1}]", .code = "MissingParameter", .field = "Entries.1.entry"},
    {.form = "Entries=[{\"entry\":\"\"}]", .code = "MissingParameter", .field = "Entries.1.entry"},
    {.form = "Entries=[{\"entry\":\"a\"},{\"entry\":\"b\",\"Port\":\"66000\"}]",
        .code = "InvalidParameter",
        .field = "Entries.2.Port"},
    {.form = "Entries=[{\"entry\":\"a\",\"Entry\":\"b\"}]",
        .code = "InvalidParameter",
        .field = "Entries.1.Entry"},
    {.form = "Entries=[{\"entry\":[]}]",
        .code = "InvalidParameter",
        .field = "Entries.1.entry",
        .said = "single value"},
    {.form = "Entries=[1]", .code = "InvalidParameter", .field = "Entries.1"},
    {.form = "Entries={\"entry\":\"a\"}",
        .code = "InvalidParameter",
        .field = "Entries",
        .said = "must be a list"},
    {.form = "Entries={\"1\":{\"entry\":\"a\"}}", .code = "InvalidParameter", .field = "Entries"},
    {.form = "Entries=[{'entry': 'a'}]",
        .code = "InvalidParameter",
        .field = "Entries",
        .said = "double quotes"},
    {.form = "Entries=[{\"entry\":",
        .code = "InvalidParameter",
        .field = "Entries",
        .said = "must be a JSON list"},
    {.form = "Entries=a", .code = "InvalidParameter", .field = "Entries"},
    {.form = "Entries=[{\"entry\":\"\\u0000\"}]", .code = "InvalidParameter", .field = "Entries"},
    {.form = "Entries=[]&Entries.1.entry=a",
        .code = "InvalidParameter",
        .field = "Entries.1.entry",
        .said = "twice"},
    {.form = "Ids=[\"a\",5]",
        .expected = "!\"Bandwidth\":-1,\"Gzip\":\"off\",\"Ids\":[\"a\",\"5\"],\"Name\":\"ab\""},
    {.form = "Proxy={\"PORT\":5}", .expected = "!" MAKE_REST ",\"Proxy\":{\"Port\":5}"},
    {.form = "Proxy.Port=5", .expected = "!" MAKE_REST ",\"Proxy\":{\"Port\":5}"},
    {.form = "Proxy=[5]",
        .code = "InvalidParameter",
        .field = "Proxy",
        .said = "must be a structure"},
};

/* An expected text that begins with ! is the whole; others stand before MAKE_REST. */
static void check_decoded(json_t *in, const char *expected)
{
    char text[512];

    if (expected[0] == '!')
        (void)snprintf(text, sizeof(text), "{%s}", expected + 1);
    else
        (void)snprintf(text, sizeof(text), "{%s}", MAKE_REST);
    if (expected[0] == '\"') {
        /* members in the order of their names */
        const char *rest = MAKE_REST;
        bool is_first = expected[1] == 'A';

        if (is_first)
            (void)snprintf(text, sizeof(text), "{%s%s}", expected, rest);
        else
            (void)snprintf(text, sizeof(text), "{\"Bandwidth\":-1,%s%s}", expected,
                rest + strlen("\"Bandwidth\":-1,"));
    }
    make_assert_json(in, text);
}

static void parameters_are_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(decode_cases); i++) {
        struct params_error error = {0};
        struct params params;
        char form[512];
        json_t *in = NULL;
        int r;

        (void)snprintf(form, sizeof(form), "Name=ab&%s", decode_cases[i].form);
        assert_int_equal(read_form(&params, form), 0);
        r = params_decode(&make_operation, &params, &in, &error);
        params_done(&params);
        if (decode_cases[i].code && r == 0)
            print_error("%s: accepted\n", form);
        if (!decode_cases[i].code && r < 0)
            print_error("%s: %s\n", form, error.message);
        assert_int_equal(r, decode_cases[i].code ? -EINVAL : 0);
        if (r < 0) {
            assert_string_equal(error.code, decode_cases[i].code);
            assert_string_equal(error.field, decode_cases[i].field);
            assert_non_null(strstr(error.message, decode_cases[i].field));
            if (decode_cases[i].said && !strstr(error.message, decode_cases[i].said))
                print_error("%s: %s\n", form, error.message);
            assert_true(!decode_cases[i].said || strstr(error.message, decode_cases[i].said));
            assert_int_equal(error.message[strlen(error.message) - 1], '.');
        } else if (decode_cases[i].said) {
            assert_non_null(json_object_get(in, decode_cases[i].said));
            json_decref(in);
        } else {
            check_decoded(in, decode_cases[i].expected);
        }
    }
}

static void a_required_one_must_be_there(void **state)
{
    static const char *const forms[] = {"", "Name=", "Flag=true"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct params_error error;
        struct params params;
        json_t *in;

        assert_int_equal(read_form(&params, forms[i]), 0);
        assert_int_equal(params_decode(&make_operation, &params, &in, &error), -EINVAL);
        assert_string_equal(error.code, "MissingParameter");
        assert_string_equal(error.field, "Name");
        params_done(&params);
    }
}

static void a_long_value_is_cut_in_messages(void **state)
{
    struct params_error error;
    struct params params = {0};
    struct text value;
    json_t *in;

    (void)state;
    text_init(&value, SIZE_MAX);
    text_add(&value, SPAN_LIT("a"));
    for (unsigned i = 0; i < 500; i++)
        text_add(&value, SPAN_LIT("\xc3\xa9"));
    assert_int_equal(params_add(&params, SPAN_LIT("Name"), text_span(&value)), 0);
    assert_int_equal(params_decode(&make_operation, &params, &in, &error), -EINVAL);
    assert_non_null(
        strstr(error.message, "\xc3\xa9\"...; it must have 2 to 6 characters, and has 501."));
    assert_true(strlen(error.message) < 200);
    assert_true(text_is_utf8(span_of(error.message)));
    params_done(&params);
    text_done(&value);
}

static void what_is_not_text_is_refused(void **state)
{
    static const struct span values[] = {SPAN_LIT("a\xff"), SPAN_LIT("ab\0cd")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct params_error error;
        struct params params = {0};
        json_t *in;

        assert_int_equal(params_add(&params, SPAN_LIT("Name"), values[i]), 0);
        assert_int_equal(params_decode(&make_operation, &params, &in, &error), -EINVAL);
        assert_string_equal(error.code, "InvalidParameter");
        params_done(&params);
    }
}

/* --- JSON that people write ---------------------------------------------------------------- */

static const struct {
    const char *given, *expected, *field;
} check_cases[] = {
    {"{\"Name\":\"ab\"}", "{" MAKE_REST "}", NULL},
    {"{\"Name\":\"ab\",\"Flag\":null}", "{" MAKE_REST "}", NULL},
    {"{\"Name\":\"ab\",\"Servers\":[{\"Port\":80}]}",
        "{" MAKE_REST ",\"Servers\":[{\"Port\":80,\"Weight\":100}]}", NULL},
    {"{\"Name\":\"ab\",\"Servers\":[{\"Port\":80,\"Prot\":1}]}", NULL, "Servers.1.Prot"},
    {"{\"Name\":\"ab\",\"Servers\":{\"1\":{\"Port\":80}}}", NULL, "Servers"},
    {"{\"Name\":\"ab\",\"Nam\":1}", NULL, "Nam"},
    {"{\"Name\":\"ab\",\"name\":\"ab\"}", NULL, "name"},
    {"{\"Name\":[\"ab\"]}", NULL, "Name"},
    {"{\"Name\":\"ab\",\"Bandwidth\":5.5}", NULL, "Bandwidth"},
    {"[]", NULL, ""},
};

static void json_is_checked_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(check_cases); i++) {
        json_t *given = json_loads(check_cases[i].given, 0, NULL);
        struct params_error error;
        json_t *in;
        int r = params_check(&make_operation, given, &in, &error);

        assert_int_equal(r, check_cases[i].expected ? 0 : -EINVAL);
        if (r == 0)
            make_assert_json(in, check_cases[i].expected);
        else
            assert_string_equal(error.field, check_cases[i].field);
        json_decref(given);
    }
}

/* --- encoding ------------------------------------------------------------------------------ */

static void what_is_encoded_is_decoded_again(void **state)
{
    static const char *const texts[] = {
        "{" MAKE_REST "}",
        ("{\"AclIds\":[\"a\",\"b\"]," MAKE_REST ",\"Servers\":[{\"Deep\":[{\"Key\":\"k\","
         "\"Weights\":[1,2]},{\"Key\":\"l\"}],\"Port\":80,\"Weight\":1},{\"Port\":81,\"Weight\":2}]}"),
        "{\"Bandwidth\":7,\"Entries\":[{\"Port\":1,\"entry\":\"\\\"'&=%+\"}],\"Flag\":true,"
        "\"Gzip\":\"off\",\"Ids\":[\"x\"],\"Name\":\"ab\",\"Proxy\":{\"Port\":9},\"Ratio\":0.25}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_t *in = json_loads(texts[i], 0, NULL);
        struct params params = {0};
        struct params_error error;
        json_t *again;

        assert_int_equal(params_encode(&make_operation, in, &params, &error), 0);
        assert_int_equal(params_decode(&make_operation, &params, &again, &error), 0);
        make_assert_json(again, texts[i]);
        json_decref(in);
        params_done(&params);
    }
}

static void pairs_have_the_names_of_the_wire(void **state)
{
    json_t *in =
        json_loads("{\"Servers\":[{\"Port\":80,\"Deep\":[{\"Weights\":[5]}]}],\"Flag\":false,"
                   "\"Entries\":[{\"entry\":\"a\"}],\"Color\":null}",
            0, NULL);
    static const char *const pairs[][2] = {
        {"Servers.1.Port", "80"},
        {"Servers.1.Deep.1.Weights.1", "5"},
        {"Flag", "false"},
        {"Entries", "[{\"entry\":\"a\"}]"},
    };
    struct params params = {0};
    struct params_error error;

    (void)state;
    assert_int_equal(params_encode(&make_operation, in, &params, &error), 0);
    assert_int_equal(params.n, ARRAY_LEN(pairs));
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        assert_span_is(params_find(&params, pairs[i][0]), pairs[i][1]);
    params_done(&params);
    json_decref(in);
}

static void what_the_table_lacks_is_not_encoded(void **state)
{
    json_t *in = json_loads("{\"Servers\":[{\"Part\":80}]}", 0, NULL);
    struct params params = {0};
    struct params_error error;

    (void)state;
    assert_int_equal(params_encode(&make_operation, in, &params, &error), -EINVAL);
    assert_string_equal(error.field, "Servers.1.Part");
    params_done(&params);
    json_decref(in);
}

/* --- answers and logs ---------------------------------------------------------------------- */

static const struct {
    const char *given, *answer;
} answer_cases[] = {
    {"{}", "{}"},
    {"{\"Internal\":1,\"Count\":2}", "{\"Count\":2}"},
    {"{\"Count\":\"12\",\"Enabled\":\"true\",\"Switch\":true}",
        "{\"Count\":12,\"Enabled\":true,\"Switch\":\"true\"}"},
    {"{\"Switch\":80}", "{\"Switch\":\"80\"}"},
    {"{\"Count\":\"many\",\"Enabled\":3}", "{}"},
    {"{\"Ratio\":1}", "{\"Ratio\":1.0}"},
    {"{\"Count\":null}", "{}"},
    {"{\"Ports\":[80,\"81\"]}", "{\"Ports\":{\"Port\":[80,81]}}"},
    {"{\"Ports\":[]}", "{\"Ports\":{\"Port\":[]}}"},
    {"{\"Tags\":[{\"Key\":\"a\",\"Value\":\"b\"}]}", "{\"Tags\":{\"Tag\":[{\"Key\":\"a\"}]}}"},
    {"{\"Tags\":{\"Tag\":[{\"Key\":\"a\"}]}}", "{\"Tags\":{\"Tag\":[{\"Key\":\"a\"}]}}"},
    {"{\"Items\":[{\"Port\":\"80\",\"ServerUid\":\"u\",\"Deep\":[]}]}",
        "{\"Items\":[{\"Deep\":[],\"Port\":80}]}"},
    {"{\"Items\":{}}", "{}"},
};

static void answers_have_the_form_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answer_cases); i++) {
        json_t *given = json_loads(answer_cases[i].given, 0, NULL);

        make_assert_json(params_answer(&make_operation, given), answer_cases[i].answer);
        json_decref(given);
    }
}

static void secrets_are_hidden(void **state)
{
    json_t *in =
        json_loads("{\"Name\":\"a\",\"Password\":\"b\",\"Servers\":[{\"Port\":1}]}", 0, NULL);

    (void)state;
    make_assert_json(params_without_secrets(&make_operation, in),
        "{\"Name\":\"a\",\"Password\":\"***\",\"Servers\":[{\"Port\":1}]}");
    assert_string_equal(json_string_value(json_object_get(in, "Password")), "b");
    json_decref(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_decoded),
        cmocka_unit_test(the_number_of_pairs_is_limited),
        cmocka_unit_test(the_first_of_a_name_is_found),
        cmocka_unit_test(parameters_are_decoded),
        cmocka_unit_test(a_required_one_must_be_there),
        cmocka_unit_test(a_long_value_is_cut_in_messages),
        cmocka_unit_test(what_is_not_text_is_refused),
        cmocka_unit_test(json_is_checked_strictly),
        cmocka_unit_test(what_is_encoded_is_decoded_again),
        cmocka_unit_test(pairs_have_the_names_of_the_wire),
        cmocka_unit_test(what_the_table_lacks_is_not_encoded),
        cmocka_unit_test(answers_have_the_form_of_the_table),
        cmocka_unit_test(secrets_are_hidden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
