#include "snapshot/unbuilt.h"
#include "snapshot_make.h"

#define L(more)   LISTENER("n", "http", "91", FORWARD("web"), more)
#define C(cond)   RULE("n", "l", "30", cond, FORWARD("api"))
#define A(action) RULE("n", "l", "30", HOST("c.example"), action)

/* On top of BASE, each change is refused with exactly these lines; NULL: it is taken. */
static const struct {
    const char *upsert, *errors;
} cases[] = {
    /* what asks for nothing is as good as absent */
    {L(",'gzip':false,'port_end':0,'certificates':[],'access':{'type':'','lists':[]},'trace':null"),
        NULL},
    {GROUP("web", "http", ",'persistence':{},'any_port':false"), NULL},
    /* fields */
    {L(",'gzip':true"), "listener/n: gzip: \"true\": compression of responses is not built yet"},
    {L(",'certificates':[{'certificate':'c'}],'port_end':99"),
        "listener/n: certificates: \"[...]\": TLS termination is not built yet\n"
        "listener/n: port_end: \"99\": listening on a range of ports is not built yet"},
    {L(",'access':{'type':'allow','lists':['acl-1']}"),
        "listener/n: access: \"{...}\": access lists are not built yet"},
    {"{'kind':'server_group','id':'n','protocol':'tcp','servers':[{'id':'a','ip':'127.0.0.1',"
     "'port':1},{'id':'b','ip':'127.0.0.2','port':1,'role':'secondary'}]}",
        "server_group/n: servers[1].role: \"secondary\": primary and secondary servers are not "
        "built yet"},
    {"{'kind':'instance','id':'n','product':'clb','limits':{'qps':1000}}",
        "instance/n: limits: \"{...}\": limits of instances are not built yet"},
    /* names, which take with them what belongs to them */
    {"{'kind':'health_check','id':'n','protocol':'grpc','method':'post','grpc_codes':['0']}",
        "health_check/n: protocol: \"grpc\": health checks by gRPC are not built yet"},
    {"{'kind':'server_group','id':'n','protocol':'grpc'}",
        "server_group/n: protocol: \"grpc\": gRPC towards servers is not built yet"},
    {C("{'type':'query_string','values':['a=b']}"),
        "rule/n: conditions[0].type: \"query_string\": conditions on the query string are not "
        "built yet"},
    {C("{'type':'source_ip','values':['10.0.0.0/8']}"),
        "rule/n: conditions[0].type: \"source_ip\": conditions on the client's address are not "
        "built yet"},
    {C("{'type':'path','match':'regex','values':['~ ^/a']}"),
        "rule/n: conditions[0].match: \"regex\": conditions with regular expressions are not built "
        "yet"},
    {A("{'type':'insert_header','header':'a','value':'b'}," FORWARD("api")),
        "rule/n: actions[0].type: \"insert_header\": editing of headers by rules is not built yet"},
    {A("{'type':'redirect','status':301,'path':'/x/${1}'}"),
        "rule/n: actions[0].path: \"/x/${1}\": parts of a matched path are not built yet"},
    {"{'kind':'access_list','id':'n','entries':['10.0.0.0/8']}",
        "upsert[0]: kind: \"access_list\": access lists are not built yet"},
    /* what belongs to one place is unknown in another */
    {L(",'persistence':{'type':'source_ip'}"),
        "listener/n: \"persistence\": is not the name of a field"},
    {GROUP("web", "http", ",'servers.role':''"),
        "server_group/web: \"servers.role\": is not the name of a field"},
    {C("{'type':'weekday','values':['monday']}"),
        "rule/n: conditions[0].type: \"weekday\": must be one of host, path, method, header"},
};

static void unbuilt_is_refused_by_name(void **state)
{
    struct builder *builder = builder_new();

    (void)state;
    make_change(builder, CHANGE("1", BASE, ""), true);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct candidate *candidate = NULL;
        struct errors errors;
        struct text given, text;
        int r;

        text_init(&given, 1u << 16);
        text_addf(&given, CHANGE("2", "%s", ""), cases[i].upsert);
        text_add_char(&given, '\0');
        r = make_candidate(builder, given.ptr, false, &errors, &candidate);
        text = make_error_text(&errors);
        text_add_char(&text, '\0');
        assert_string_equal(text.ptr, cases[i].errors ? cases[i].errors : "");
        assert_int_equal(r, cases[i].errors ? -EINVAL : 0);
        if (r == 0)
            builder_abandon(builder, candidate);
        errors_done(&errors);
        text_done(&given);
        text_done(&text);
    }
    builder_free(builder);
}

/* Each kind is either served or has its sentence. */
static void kinds_have_sentences(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        assert_int_equal(model_kind(kind)->served, unbuilt_kind(kind) == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unbuilt_is_refused_by_name),
        cmocka_unit_test(kinds_have_sentences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
