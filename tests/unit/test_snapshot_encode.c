#include "json_check.h"
#include "snapshot/describe.h"
#include "snapshot_make.h"

/* Every field away from its default, and texts that need escapes. */
#define EVERYTHING                                                                             \
    "{'kind':'instance','id':'i','version':3,'product':'nlb','name':'a \\'\\\\/ \\u00e9'},"    \
    "{'kind':'health_check','id':'hc','protocol':'http','port':81,'interval_ms':50,"           \
    "'timeout_ms':60,'rise':1,'fall':2,'method':'get','http_minor':'1.0','path':'/ok?a=b',"    \
    "'host':'h','user_agent':'','codes':['http_2xx','http_3xx'],'source':'127.0.0.9'},"        \
    "{'kind':'health_check','id':'hu','protocol':'udp','request':'a','response':'b'},"         \
    "{'kind':'server_group','id':'g','protocol':'http','scheduler':'uch','hash_query':'q',"    \
    "'servers':[{'id':'a','ip':'127.0.0.1','port':1,'weight':0},"                              \
    "{'id':'b','ip':'::1','port':2}],"                                                         \
    "'health_check':'hc','check_weight_zero':false,'fail_open':true,'drain':true,"             \
    "'drain_timeout_ms':0,'connect_timeout_ms':10,'tries':16,'source':['127.0.0.8','::1'],"    \
    "'keepalive':false,'keepalive_idle_ms':10,'keepalive_conns':0,'keepalive_requests':0,"     \
    "'version_by_client':true,'response_head_bytes':1024},"                                    \
    "{'kind':'server_group','id':'g2','protocol':'http','slow_start_ms':100},"                 \
    "{'kind':'listener','id':'l','instance':'i','bind':['127.0.0.1','::'],'port':80,"          \
    "'ipv6_clients':'fd00::','ipv6_clients_bits':8,"                                           \
    "'protocol':'http','default_actions':[{'type':'fixed_response','status':503,"              \
    "'content':'a\\n\\tb','content_type':'text/html; charset=utf-8'}],'access_log':false,"     \
    "'idle_timeout_ms':11,'request_timeout_ms':12,'header_timeout_ms':13,"                     \
    "'body_timeout_ms':14,'send_timeout_ms':15,'tunnel_timeout_ms':16,'keepalive_requests':0," \
    "'line_bytes':256,'header_bytes':257,'head_bytes':1024,'n_headers':10,"                    \
    "'body_bytes':1099511627776,'xff':'off','x_forwarded_proto':true,'x_forwarded_port':true," \
    "'x_forwarded_host':true,'x_forwarded_client_srcport':true,'slb_id':true,'slb_ip':true,"   \
    "'convert_504':true},"                                                                     \
    "{'kind':'listener','id':'k','instance':'i','bind':['127.0.0.1'],'port':81,"               \
    "'protocol':'http','default_actions':[{'type':'forward','groups':[{'group':'g'}]}],"       \
    "'rule_order':'specificity'},"                                                             \
    "{'kind':'rule','id':'r','listener':'l','priority':1,'conditions':["                       \
    "{'type':'host','values':['a','*.b']},{'type':'path','match':'prefix','values':['/x']},"   \
    "{'type':'method','values':['GET']},{'type':'header','key':'X-A','values':['?*']}],"       \
    "'actions':[{'type':'rewrite','host':'h','path':'/${path}','query':'${query}&a'},"         \
    "{'type':'forward','groups':[{'group':'g','weight':1},{'group':'g2','weight':0}]}]},"      \
    "{'kind':'rule','id':'q','listener':'k','conditions':[{'type':'host','values':['a']}],"    \
    "'actions':[{'type':'redirect','protocol':'https','host':'x','port':'8443','path':'/',"    \
    "'query':'a','status':308}]}"

static struct text encode(const struct builder *builder)
{
    struct text text;

    text_init(&text, 1u << 20);
    builder_encode(builder, &text);
    assert_false(text_failed(&text));
    return text;
}

/* Line ends, which are never inside of a text, are for people. */
static bool is_json(struct span json)
{
    struct text text;
    bool ok;

    text_init(&text, 1u << 20);
    for (size_t i = 0; i < json.len; i++) {
        if (json.ptr[i] != '\n')
            text_add_char(&text, json.ptr[i]);
    }
    ok = json_check(text_span(&text));
    text_done(&text);
    return ok;
}

static void an_empty_set_is_written(void **state)
{
    struct builder *builder = builder_new();
    struct text text = encode(builder);

    (void)state;
    assert_span_is(text_span(&text), "{\"version\":0,\"upsert\":[\n]}\n");
    text_done(&text);
    builder_free(builder);
}

static void defaults_are_left_out(void **state)
{
    static const char quoted[] =
        "{'version':4,'upsert':[\n"
        "{'kind':'instance','id':'i','product':'alb'},\n"
        "{'kind':'listener','id':'l','instance':'i','bind':['127.0.0.1'],'port':80,"
        "'protocol':'http','default_actions':[{'type':'forward','groups':[{'group':'g'}]}],"
        "'idle_timeout_ms':15000},\n"
        "{'kind':'server_group','id':'f','protocol':'tcp'},\n"
        "{'kind':'server_group','id':'g','protocol':'http','servers':[{'id':'a',"
        "'ip':'127.0.0.1','port':8001}],'health_check':'hc'},\n"
        "{'kind':'health_check','id':'hc','protocol':'tcp'}\n]}\n";
    struct builder *builder = builder_new();
    char *json = make_json(quoted);
    struct text text;

    (void)state;
    make_change(builder,
        "{'version':4,'upsert':["
        "{'id':'g','protocol':'http','tries':3,'kind':'server_group','servers':[{'weight':100,"
        "'id':'a','ip':'127.0.0.1','port':8001}],'health_check':'hc'},"
        "{'kind':'server_group','id':'f','protocol':'tcp','servers':[]}," LISTENER(
            "l", "http", "80", FORWARD("g"), "") "," INSTANCE "," CHECK "]}",
        false);
    text = encode(builder);
    assert_span_is(text_span(&text), json);
    text_done(&text);
    free(json);
    builder_free(builder);
}

static void what_is_written_reads_back_to_the_same(void **state)
{
    static const char *const sets[] = {BASE, EVERYTHING};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        struct builder *builder = builder_new(), *other = builder_new();
        struct candidate *candidate;
        struct errors errors;
        struct text first, second, change;

        text_init(&change, 1u << 20);
        text_addf(&change, "{'version':77,'upsert':[%s]}", sets[i]);
        text_add_char(&change, '\0');
        make_change(builder, change.ptr, false);
        first = encode(builder);
        assert_true(is_json(text_span(&first)));

        /* into itself: nothing is touched */
        errors_init(&errors, 10);
        assert_int_equal(builder_prepare(builder, text_span(&first), true, &errors, &candidate), 0);
        assert_int_equal(candidate->n_items, 0);
        builder_abandon(builder, candidate);

        /* into an empty one: the same text comes out */
        assert_int_equal(builder_prepare(other, text_span(&first), true, &errors, &candidate), 0);
        builder_commit(other, candidate);
        second = encode(other);
        assert_int_equal(second.len, first.len);
        assert_memory_equal(second.ptr, first.ptr, first.len);

        errors_done(&errors);
        text_done(&first);
        text_done(&second);
        text_done(&change);
        builder_free(builder);
        builder_free(other);
    }
}

struct parts {
    struct text all;
    unsigned n;
    unsigned fail_at; /* the part that is refused; 0: none */
};

static int take_part(void *arg, struct span part)
{
    struct parts *parts = arg;

    if (++parts->n == parts->fail_at)
        return -ENOSPC;
    text_add(&parts->all, part);
    return 0;
}

/* Far more than one part of 64 KiB. */
static struct builder *make_many(void)
{
    struct builder *builder = builder_new();
    struct text change;

    text_init(&change, 8u << 20);
    text_add(&change, SPAN_LIT("{'version':9,'upsert':["));
    for (unsigned i = 0; i < 3000; i++)
        text_addf(&change,
            "%s{'kind':'server_group','id':'g-%u','protocol':'http','servers':"
            "[{'id':'a','ip':'127.0.0.1','port':8001}]}",
            i > 0 ? "," : "", i);
    text_add(&change, SPAN_LIT("]}"));
    text_add_char(&change, '\0');
    make_change(builder, change.ptr, false);
    text_done(&change);
    return builder;
}

static void parts_are_the_whole(void **state)
{
    struct builder *builder = make_many();
    struct text whole = encode(builder);
    struct parts parts = {0};

    (void)state;
    text_init(&parts.all, SIZE_MAX);
    assert_int_equal(snapshot_encode(builder_current(builder), take_part, &parts), 0);
    assert_in_range(parts.n, 4, 10); /* 3000 of about 105 bytes, 64 KiB at a time */
    assert_int_equal(parts.all.len, whole.len);
    assert_memory_equal(parts.all.ptr, whole.ptr, whole.len);
    text_done(&parts.all);
    text_done(&whole);
    builder_free(builder);
}

static void a_part_that_is_refused_is_the_last(void **state)
{
    struct builder *builder = make_many();
    struct parts parts = {.fail_at = 2};

    (void)state;
    text_init(&parts.all, SIZE_MAX);
    assert_int_equal(snapshot_encode(builder_current(builder), take_part, &parts), -ENOSPC);
    assert_int_equal(parts.n, 2);
    text_done(&parts.all);
    builder_free(builder);
}

/* What the thread that saves relies on: a set that it holds stays as it was. */
static void a_set_that_is_held_stays_what_it_was(void **state)
{
    struct builder *builder = make_many();
    struct snapshot *held = snapshot_ref(builder_current(builder));
    struct text before = encode(builder);
    struct parts parts = {0};

    (void)state;
    make_change(builder,
        "{'version':10,'upsert':[{'kind':'server_group','id':'g-7','protocol':'http','tries':3}],"
        "'remove':[{'kind':'server_group','id':'g-8'}]}",
        false);
    text_init(&parts.all, SIZE_MAX);
    assert_int_equal(snapshot_encode(held, take_part, &parts), 0);
    assert_int_equal(parts.all.len, before.len);
    assert_memory_equal(parts.all.ptr, before.ptr, before.len);
    builder_unref(builder, held);
    text_done(&parts.all);
    text_done(&before);
    builder_free(builder);
}

static bool everything_has(const struct field *row)
{
    char key[64];

    (void)snprintf(key, sizeof(key), "'%s':", row->name);
    if (strstr(EVERYTHING, key))
        return true;
    print_error("%s is not tried\n", row->name);
    return false;
}

/* A field that is new must be added to EVERYTHING too. */
static void everything_has_every_field(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        const struct field *row = model_kind((enum resource_kind)kind)->fields;

        for (; row->type != FIELD_END; row++)
            assert_true(everything_has(row));
    }
}

static void the_reference_page_has_every_field(void **state)
{
    struct text text;

    (void)state;
    text_init(&text, 1u << 20);
    model_describe(&text);
    text_add_char(&text, '\0');
    assert_false(text_failed(&text));
    assert_non_null(strstr(text.ptr, "\n## `health_check`\n"));
    assert_null(strstr(text.ptr, "## `certificate`"));
    assert_non_null(strstr(text.ptr, "\n### Elements of `rule.actions.groups`\n"));
    assert_non_null(strstr(text.ptr,
        "| `tries` | number | 1 to 16 | 3 | http, tcp: servers tried for one request or "
        "connection |\n"));
    assert_non_null(strstr(text.ptr,
        "| `instance` | id of a `instance` |  | required | instance it belongs to; cannot be "
        "changed after creation |\n"));
    assert_non_null(strstr(text.ptr, "| `path` | text | 1 to 256 bytes | `/` |"));
    for (const struct field *row = model_kind(KIND_LISTENER)->fields; row->type != FIELD_END;
         row++) {
        char cell[64];

        (void)snprintf(cell, sizeof(cell), "\n| `%s` | ", row->name);
        assert_non_null(strstr(text.ptr, cell));
    }
    text_done(&text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_set_is_written),
        cmocka_unit_test(defaults_are_left_out),
        cmocka_unit_test(what_is_written_reads_back_to_the_same),
        cmocka_unit_test(parts_are_the_whole),
        cmocka_unit_test(a_part_that_is_refused_is_the_last),
        cmocka_unit_test(a_set_that_is_held_stays_what_it_was),
        cmocka_unit_test(everything_has_every_field),
        cmocka_unit_test(the_reference_page_has_every_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
