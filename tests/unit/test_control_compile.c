#include "compile_make.h"

/* --- documents -------------------------------------------------------------------------------- */

#define SERVER(uid, ip, port)                                    \
    "{'ServerUid':'" uid "','ServerId':'" ip "','ServerIp':'" ip \
    "','ServerType':'Ip','Port':" port ",'Weight':100}"
#define ZONES                                                                                       \
    "'ZoneMappings':[{'ZoneId':'h','VSwitchId':'vsw-h','Status':'Active','LoadBalancerAddresses':[" \
    "{'Address':'127.1.0.1','IntranetAddress':'127.16.0.1','Ipv4LocalAddresses':['127.16.0.2']}]}," \
    "{'ZoneId':'i','VSwitchId':'vsw-i','Status':'Active','LoadBalancerAddresses':["                 \
    "{'Address':'127.1.0.2','IntranetAddress':'127.16.16.1'}]}]"
#define TUPLE(group) "{'ServerGroupId':'" group "'}"
#define TO(group)                                                                         \
    "{'Type':'ForwardGroup','Order':9,'ForwardGroupConfig':{'ServerGroupTuples':[" TUPLE( \
        group) "]}}"

#define ALB "{'LoadBalancerName':'shop','AddressType':'Internet'," ZONES "}"
#define ALB_CHECK(protocol, more)                                                                 \
    "{'HealthCheckEnabled':true,'HealthCheckProtocol':'" protocol "','HealthCheckConnectPort':0," \
    "'HealthCheckInterval':2,'HealthCheckTimeout':5,'HealthyThreshold':3,'UnhealthyThreshold':3," \
    "'HealthCheckMethod':'HEAD','HealthCheckHttpVersion':'HTTP1.1','HealthCheckPath':'/ok',"      \
    "'HealthCheckHost':'$SERVER_IP','HealthCheckCodes':['http_2xx','http_3xx']" more "}"
#define ALB_GROUP(more)                                                                        \
    "{'ServerGroupName':'g','Protocol':'HTTP','Scheduler':'Wrr','CrossZoneEnabled':true,"      \
    "'UpstreamKeepaliveEnabled':true,'ConnectionDrainConfig':{'ConnectionDrainEnabled':false," \
    "'ConnectionDrainTimeout':300},'SlowStartConfig':{'SlowStartEnabled':false,"               \
    "'SlowStartDuration':30},'StickySessionConfig':{'StickySessionEnabled':false}" more "}"
#define ALB_LISTENER(protocol, port, more)                                                        \
    "{'LoadBalancerId':'alb-1','ListenerProtocol':'" protocol "','ListenerPort':" port            \
    ",'Enabled':true,'IdleTimeout':15,'RequestTimeout':60,'GzipEnabled':false,"                   \
    "'DefaultActions':[{'Type':'ForwardGroup','ForwardGroupConfig':{'ServerGroupTuples':[" TUPLE( \
        "sgp-1") "]}}],'XForwardedForConfig':{'XForwardedForEnabled':true,"                       \
                 "'XForwardedForProcessingMode':'append','XForwardedForProtoEnabled':true}" more  \
                 "}"
#define ALB_RULE(priority, conditions, actions)                           \
    "{'LoadBalancerId':'alb-1','ListenerId':'lsn-1','Priority':" priority \
    ",'Direction':'Request','RuleConditions':[" conditions "],'RuleActions':[" actions "]}"
#define ALB_HOME                                                   \
    "{'Type':'Host','HostConfig':{'Values':['www.example.net']}}," \
    "{'Type':'Path','PathConfig':{'Values':['/home*']}}"

#define CLB                                                                                 \
    "{'LoadBalancerName':'old','Address':'127.16.0.9','Enabled':true,'InternetChargeType':" \
    "'paybytraffic','BackendServers':[" SERVER("srv-1", "127.0.0.11", "0") "]}"
#define CLB_HTTP_SETTINGS                                                                        \
    "'Scheduler':'wrr','StickySession':'off','HealthCheck':'on','HealthCheckInterval':2,"        \
    "'HealthCheckTimeout':5,'HealthyThreshold':3,'UnhealthyThreshold':3,'HealthCheckURI':'/ok'," \
    "'HealthCheckHttpCode':'http_2xx,http_3xx','HealthCheckMethod':'head'"
#define CLB_HTTP(port, more)                                                                                  \
    "{'LoadBalancerId':'lb-1','ListenerProtocol':'http','ListenerPort':" port                                 \
    ",'Enabled':true,'Bandwidth':-1,'AclStatus':'off','IdleTimeout':15,'RequestTimeout':60,"                  \
    "'Gzip':'off','XForwardedFor':'on','XForwardedFor_SLBID':'on','ListenerForward':'off'," CLB_HTTP_SETTINGS \
        more "}"
#define CLB_TCP(more)                                                                     \
    "{'LoadBalancerId':'lb-1','ListenerProtocol':'tcp','ListenerPort':90,'Enabled':true," \
    "'Bandwidth':-1,'AclStatus':'off','Scheduler':'wrr','BackendServerPort':8090,"        \
    "'EstablishedTimeout':600,'PersistenceTimeout':0,'ConnectionDrain':'on',"             \
    "'ConnectionDrainTimeout':20,'HealthCheck':'on','HealthCheckType':'tcp',"             \
    "'HealthCheckConnectTimeout':1,'HealthCheckInterval':3,'HealthyThreshold':3,"         \
    "'UnhealthyThreshold':2" more "}"
#define CLB_UDP(more)                                                                     \
    "{'LoadBalancerId':'lb-1','ListenerProtocol':'udp','ListenerPort':53,'Enabled':true," \
    "'Bandwidth':-1,'AclStatus':'off','Scheduler':'qch','BackendServerPort':53,"          \
    "'HealthCheck':'off'" more "}"
#define CLB_GROUP(servers) "{'LoadBalancerId':'lb-1','Servers':[" servers "]}"
#define CLB_RULE(more)                                                                  \
    "{'LoadBalancerId':'lb-1','ListenerKey':'lb-1:http:80','Domain':'www.example.net'," \
    "'Url':'/home','VServerGroupId':'rsp-1'" more "}"

#define NLB                                                                            \
    "{'LoadBalancerName':'net','CrossZoneEnabled':true,'Cps':0,'SecurityGroupIds':[]," \
    "'ZoneMappings':[{'LoadBalancerAddresses':[{'PrivateIPv4Address':'127.16.0.5',"    \
    "'PublicIPv4Address':'127.1.0.5'}]}]}"
#define NLB_GROUP(protocol, more)                                                                    \
    "{'Protocol':'" protocol "','Scheduler':'Wrr','AnyPortEnabled':false,"                           \
    "'PreserveClientIpEnabled':false,'ConnectionDrainEnabled':true,'ConnectionDrainTimeout':10" more \
    "}"
#define NLB_CHECK                                                                       \
    ",'HealthCheck':{'HealthCheckEnabled':true,'HealthCheckType':'TCP',"                \
    "'HealthCheckConnectPort':0,'HealthCheckConnectTimeout':5,'HealthCheckInterval':5," \
    "'HealthyThreshold':2,'UnhealthyThreshold':2}"
#define NLB_LISTENER(protocol, port, more)                                             \
    "{'LoadBalancerId':'nlb-1','ListenerProtocol':'" protocol "','ListenerPort':" port \
    ",'ServerGroupId':'sgp-9','IdleTimeout':900,'Cps':0,'Mss':0,"                      \
    "'ProxyProtocolEnabled':false,'ProxyProtocolV2Config':{},'Enabled':true" more "}"

struct document {
    const char *kind, *id, *body;
};

static void put_all(struct world *world, const struct document *documents)
{
    for (; documents->kind; documents++)
        world_put(world, documents->kind, documents->id, documents->body);
}

/* --- walkthroughs ----------------------------------------------------------------------------- */

#define R_SERVER(id, ip, port) "{'id':'" id "','ip':'" ip "','port':" port ",'weight':100}"

static const struct walk {
    const char *name;
    const struct document documents[8];
    const char *upserts;
} walks[] = {
    {"alb",
        {
            {"alb.load_balancer", "alb-1", ALB},
            {"alb.server_group", "sgp-1",
                ALB_GROUP(",'HealthCheckConfig':" ALB_CHECK("HTTP", "") ",'Servers':[" SERVER(
                    "srv-1", "127.0.0.11", "80") "," SERVER("srv-2", "127.0.0.12", "80") "]")},
            {"alb.server_group", "sgp-2",
                ALB_GROUP(",'HealthCheckConfig':{'HealthCheckEnabled':false},'Servers':[" SERVER(
                    "srv-3", "127.0.0.13", "8080") "]")},
            {"alb.listener", "lsn-1", ALB_LISTENER("HTTP", "80", "")},
            {"alb.rule", "rule-1",
                ALB_RULE("1", "{'Type':'Path','PathConfig':{'Values':['/*']}}",
                    "{'Type':'Redirect','Order':1,'RedirectConfig':{'Protocol':'HTTPS','Host':"
                    "'${host}','Port':'443','Path':'${path}','Query':'${query}','HttpCode':'301'}}")},
            {"alb.rule", "rule-2", ALB_RULE("2", ALB_HOME, TO("sgp-2"))},
        },
        "[{'kind':'health_check','id':'sgp-1:check','protocol':'http','interval_ms':2000,"
        "'timeout_ms':5000,'rise':3,'fall':3,'method':'head','path':'/ok','http_minor':'1.1',"
        "'codes':['http_2xx','http_3xx']},"
        "{'kind':'server_group','id':'sgp-1','protocol':'http','scheduler':'wrr','servers':[" R_SERVER(
            "srv-1", "127.0.0.11", "80") "," R_SERVER("srv-2", "127.0.0.12",
            "80") "],"
                  "'check_weight_zero':false,'fail_open':true,'keepalive':true,"
                  "'health_check':'sgp-1:check'},"
                  "{'kind':'server_group','id':'sgp-2','protocol':'http','scheduler':'wrr','servers':[" R_SERVER(
                      "srv-3", "127.0.0.13",
                      "8080") "],"
                              "'check_weight_zero':false,'fail_open':true,'keepalive':true},"
                              "{'kind':'instance','id':'alb-1','product':'alb','name':'shop'},"
                              "{'kind':'listener','id':'lsn-1','instance':'alb-1','bind':['127.16.0.1','127.1.0.1',"
                              "'127.16.16.1','127.1.0.2'],'port':80,'protocol':'http','default_actions':["
                              "{'type':'forward','groups':[{'group':'sgp-1'}]}],'idle_timeout_ms':15000,"
                              "'request_timeout_ms':60000,'header_timeout_ms':60000,'body_timeout_ms':60000,"
                              "'keepalive_requests':100,'convert_504':true,'xff':'append','x_forwarded_proto':true,"
                              "'access_log':false},"
                              "{'kind':'rule','id':'rule-1','listener':'lsn-1','priority':1,'conditions':["
                              "{'type':'path','values':['/*']}],'actions':[{'type':'redirect','protocol':'https',"
                              "'host':'${host}','port':'443','path':'${path}','query':'${query}','status':301}]},"
                              "{'kind':'rule','id':'rule-2','listener':'lsn-1','priority':2,'conditions':["
                              "{'type':'host','values':['www.example.net']},{'type':'path','values':['/home*']}],"
                              "'actions':[{'type':'forward','groups':[{'group':'sgp-2'}]}]}]"},
    {"clb",
        {
            {"clb.load_balancer", "lb-1", CLB},
            {"clb.vserver_group", "rsp-1",
                CLB_GROUP(
                    SERVER("srv-2", "127.0.0.12", "80") "," SERVER("srv-3", "127.0.0.13", "80"))},
            {"clb.listener", "lb-1:http:80", CLB_HTTP("80", ",'BackendServerPort':8080")},
            {"clb.listener", "lb-1:tcp:90", CLB_TCP("")},
            {"clb.listener", "lb-1:udp:53", CLB_UDP("")},
            {"clb.rule", "rule-1", CLB_RULE(",'ListenerSync':'on'")},
        },
        "[{'kind':'health_check','id':'default@lb-1:http:80:check','protocol':'http',"
        "'interval_ms':2000,'timeout_ms':5000,'rise':3,'fall':3,'method':'head',"
        "'http_minor':'1.0','path':'/ok','codes':['http_2xx','http_3xx']},"
        "{'kind':'health_check','id':'rsp-1@lb-1:http:80:check','protocol':'http',"
        "'interval_ms':2000,'timeout_ms':5000,'rise':3,'fall':3,'method':'head',"
        "'http_minor':'1.0','path':'/ok','codes':['http_2xx','http_3xx']},"
        "{'kind':'health_check','id':'default@lb-1:tcp:90:check','protocol':'tcp',"
        "'interval_ms':3000,'timeout_ms':3000,'rise':3,'fall':2},"
        "{'kind':'server_group','id':'default@lb-1:http:80','protocol':'http','scheduler':'wrr',"
        "'servers':[" R_SERVER("srv-1", "127.0.0.11",
            "8080") "],'check_weight_zero':true,"
                    "'fail_open':false,'keepalive':false,'version_by_client':true,"
                    "'health_check':'default@lb-1:http:80:check'},"
                    "{'kind':'server_group','id':'rsp-1@lb-1:http:80','protocol':'http','scheduler':'wrr',"
                    "'servers':[" R_SERVER("srv-2", "127.0.0.12", "80") "," R_SERVER("srv-3",
                        "127.0.0.13",
                        "80") "],'check_weight_zero':true,'fail_open':false,"
                              "'keepalive':false,'version_by_client':true,'health_check':'rsp-1@lb-1:http:80:check'},"
                              "{'kind':'server_group','id':'default@lb-1:tcp:90','protocol':'tcp','scheduler':'wrr',"
                              "'servers':[" R_SERVER("srv-1", "127.0.0.11",
                                  "8090") "],'check_weight_zero':true,"
                                          "'fail_open':false,'drain':true,'drain_timeout_ms':20000,"
                                          "'health_check':'default@lb-1:tcp:90:check'},"
                                          "{'kind':'server_group','id':'default@lb-1:udp:53','protocol':'udp','scheduler':'qch',"
                                          "'servers':[" R_SERVER("srv-1", "127.0.0.11",
                                              "53") "],'check_weight_zero':true,"
                                                    "'fail_open':false},"
                                                    "{'kind':'instance','id':'lb-1','product':'clb','name':'old'},"
                                                    "{'kind':'listener','id':'lb-1:http:80','instance':'lb-1','bind':['127.16.0.9'],'port':80,"
                                                    "'protocol':'http','default_actions':[{'type':'forward','groups':["
                                                    "{'group':'default@lb-1:http:80'}]}],'access_log':false,'rule_order':'specificity',"
                                                    "'idle_timeout_ms':15000,'request_timeout_ms':60000,'header_timeout_ms':60000,"
                                                    "'body_timeout_ms':60000,'keepalive_requests':100,'convert_504':true,'xff':'append',"
                                                    "'slb_id':true},"
                                                    "{'kind':'listener','id':'lb-1:tcp:90','instance':'lb-1','bind':['127.16.0.9'],'port':90,"
                                                    "'protocol':'tcp','default_actions':[{'type':'forward','groups':["
                                                    "{'group':'default@lb-1:tcp:90'}]}],'access_log':false,'idle_timeout_ms':600000},"
                                                    "{'kind':'listener','id':'lb-1:udp:53','instance':'lb-1','bind':['127.16.0.9'],'port':53,"
                                                    "'protocol':'udp','default_actions':[{'type':'forward','groups':["
                                                    "{'group':'default@lb-1:udp:53'}]}],'access_log':false,'idle_timeout_ms':90000},"
                                                    "{'kind':'rule','id':'rule-1','listener':'lb-1:http:80','conditions':["
                                                    "{'type':'host','values':['www.example.net']},"
                                                    "{'type':'path','match':'prefix','values':['/home']}],"
                                                    "'actions':[{'type':'forward','groups':[{'group':'rsp-1@lb-1:http:80'}]}]}]"},
    {"nlb",
        {
            {"nlb.load_balancer", "nlb-1", NLB},
            {"nlb.server_group", "sgp-9",
                NLB_GROUP(
                    "TCP_UDP", NLB_CHECK ",'Servers':[" SERVER("srv-1", "127.0.0.11", "80") "]")},
            {"nlb.listener", "lsn-1", NLB_LISTENER("TCP", "80", "")},
            {"nlb.listener", "lsn-2", NLB_LISTENER("UDP", "80", "")},
        },
        "[{'kind':'health_check','id':'sgp-9:check','protocol':'tcp','interval_ms':5000,"
        "'timeout_ms':5000,'rise':2,'fall':2},"
        "{'kind':'health_check','id':'sgp-9:udp:check','protocol':'tcp','interval_ms':5000,"
        "'timeout_ms':5000,'rise':2,'fall':2},"
        "{'kind':'server_group','id':'sgp-9','protocol':'tcp','scheduler':'wrr','servers':[" R_SERVER(
            "srv-1", "127.0.0.11",
            "80") "],'check_weight_zero':true,'fail_open':true,"
                  "'drain':true,'drain_timeout_ms':10000,'health_check':'sgp-9:check'},"
                  "{'kind':'server_group','id':'sgp-9:udp','protocol':'udp','scheduler':'wrr','servers':[" R_SERVER(
                      "srv-1", "127.0.0.11",
                      "80") "],'check_weight_zero':true,'fail_open':true,"
                            "'drain':true,'drain_timeout_ms':10000,'health_check':'sgp-9:udp:check'},"
                            "{'kind':'instance','id':'nlb-1','product':'nlb','name':'net'},"
                            "{'kind':'listener','id':'lsn-1','instance':'nlb-1','bind':['127.16.0.5','127.1.0.5'],"
                            "'port':80,'protocol':'tcp','default_actions':[{'type':'forward','groups':["
                            "{'group':'sgp-9'}]}],'access_log':false,'idle_timeout_ms':900000},"
                            "{'kind':'listener','id':'lsn-2','instance':'nlb-1','bind':['127.16.0.5','127.1.0.5'],"
                            "'port':80,'protocol':'udp','default_actions':[{'type':'forward','groups':["
                            "{'group':'sgp-9:udp'}]}],'access_log':false,'idle_timeout_ms':900000}]"},
};

static void walkthroughs_compile_and_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(walks); i++) {
        struct world *world = world_new();
        struct compile_diff diff;

        put_all(world, walks[i].documents);
        compile_run(world->compile, &diff);
        world_expect_upserts(&diff, walks[i].upserts);
        assert_int_equal(diff.n_removes, 0);
        compile_diff_done(&diff);
        world_expect_verdict(world, "");
        world_free(world);
    }
}

/* Both addresses are bound; the IPv6 one is for the VPC until its type is Internet. */
static void dual_stack_listeners_are_for_the_vpc_or_for_all(void **state)
{
    static const struct document documents[8] = {
        {"nlb.load_balancer", "nlb-1",
            "{'LoadBalancerName':'net','CrossZoneEnabled':true,'Cps':0,'SecurityGroupIds':[],"
            "'Ipv6AddressType':'Intranet','ZoneMappings':[{'LoadBalancerAddresses':[{"
            "'PrivateIPv4Address':'127.16.0.5','Ipv6Address':'fd00:6::5'}]}]}"},
        {"nlb.server_group", "sgp-9", NLB_GROUP("TCP", "")},
        {"nlb.listener", "lsn-1", NLB_LISTENER("TCP", "80", "")},
    };
    struct world *world = world_new();
    struct compile_diff diff;

    (void)state;
    assert_int_equal(cidr_parse(SPAN_LIT("fd00:6::/48"), &world->node.vpc_range6), 0);
    put_all(world, documents);
    compile_run(world->compile, &diff);
    world_expect_members(&diff, "listener", "lsn-1",
        "{'bind':['127.16.0.5','fd00:6::5'],'ipv6_clients':'fd00:6::','ipv6_clients_bits':48}");
    compile_diff_done(&diff);
    world_expect_verdict(world, "");
    world_set(world, "nlb.load_balancer", "nlb-1", "Ipv6AddressType", "'Internet'");
    compile_run(world->compile, &diff);
    assert_int_equal(diff.n_upserts, 1);
    world_expect_members(&diff, "listener", "lsn-1", "{'bind':['127.16.0.5','fd00:6::5']}");
    assert_null(json_object_get(diff.upserts[0]->json, "ipv6_clients"));
    compile_diff_done(&diff);
    world_free(world);
}

/* --- what the data plane lacks ---------------------------------------------------------------- */

#define WITH_ALB                                   \
    {"alb.load_balancer", "alb-1", ALB},           \
    {                                              \
        "alb.server_group", "sgp-1", ALB_GROUP("") \
    }
#define WITH_CLB                         \
    {                                    \
        "clb.load_balancer", "lb-1", CLB \
    }
#define WITH_NLB                                          \
    {"nlb.load_balancer", "nlb-1", NLB},                  \
    {                                                     \
        "nlb.server_group", "sgp-9", NLB_GROUP("TCP", "") \
    }
#define ALB_LISTENER_80                                         \
    {                                                           \
        "alb.listener", "lsn-1", ALB_LISTENER("HTTP", "80", "") \
    }

static const struct unbuilt_case {
    const struct document documents[6];
    const char *errors;
} unbuilt_cases[] = {
    /* ALB */
    {{WITH_ALB,
         {"alb.listener", "lsn-1",
             ALB_LISTENER("HTTPS", "443",
                 ",'Http2Enabled':true,'SecurityPolicyId':'tls_cipher_policy_1_0','Certificates':["
                 "{'CertificateId':'cert-1'}],'CaEnabled':false,'QuicConfig':{"
                 "'QuicUpgradeEnabled':false}")}},
        "listener/lsn-1: certificates: \"[...]\": TLS termination is not built yet\n"
        "listener/lsn-1: tls_policy: \"tls_cipher_policy_1_0\": TLS termination is not built yet\n"
        "listener/lsn-1: http2: \"true\": HTTP/2 is not built yet"},
    {{WITH_ALB,
         {"alb.listener", "lsn-1",
             ALB_LISTENER("HTTP", "80",
                 ",'AclConfig':{'AclType':'White','AclRelations':[{'AclId':'acl-1'}]}")},
         {"alb.acl", "acl-1", "{'AclEntries':[{'Entry':'10.0.0.0/8'}]}"}},
        "upsert[0]: kind: \"access_list\": access lists are not built yet\n"
        "listener/lsn-1: access: \"{...}\": access lists are not built yet"},
    {{WITH_ALB, ALB_LISTENER_80,
         {"alb.rule", "rule-1",
             ALB_RULE("1",
                 "{'Type':'QueryString','QueryStringConfig':{'Values':[{'Key':'a','Value':'b'}]}}",
                 TO("sgp-1"))}},
        "rule/rule-1: conditions[0].type: \"query_string\": conditions on the query string are not "
        "built yet"},
    {{WITH_ALB, ALB_LISTENER_80,
         {"alb.rule", "rule-1",
             ALB_RULE(
                 "1", "{'Type':'Path','PathConfig':{'Values':['~* ^/a/(.*)$']}}", TO("sgp-1"))}},
        "rule/rule-1: conditions[0].match: \"regex\": conditions with regular expressions are not "
        "built yet"},
    {{WITH_ALB, ALB_LISTENER_80,
         {"alb.rule", "rule-1",
             ALB_RULE("1", "{'Type':'Cookie','CookieConfig':{'Values':[{'Key':'a','Value':'b'}]}}",
                 "{'Type':'InsertHeader','Order':1,'InsertHeaderConfig':{'Key':'x','Value':'y',"
                 "'ValueType':'UserDefined'}},{'Type':'TrafficLimit','Order':2,"
                 "'TrafficLimitConfig':{'QPS':10}}," TO("sgp-1"))}},
        "rule/rule-1: conditions[0].type: \"cookie\": conditions on cookies are not built yet\n"
        "rule/rule-1: actions[0].type: \"insert_header\": editing of headers by rules is not built "
        "yet\n"
        "rule/rule-1: actions[1].type: \"traffic_limit\": limiting of requests by rules is not "
        "built yet"},
    {{WITH_ALB, ALB_LISTENER_80,
         {"alb.rule", "rule-1",
             ALB_RULE("1", ALB_HOME,
                 "{'Type':'Cors','Order':1,'CorsConfig':{'AllowOrigin':['*'],'AllowMethods':[],"
                 "'AllowHeaders':[],'ExposeHeaders':[],'AllowCredentials':'on','MaxAge':60}},"
                 "{'Type':'TrafficMirror','Order':2,'TrafficMirrorConfig':{'MirrorGroupConfig':{"
                 "'ServerGroupTuples':[" TUPLE("sgp-1") "]}}}," TO("sgp-1"))}},
        "rule/rule-1: actions[0].type: \"cors\": cross-origin headers are not built yet\n"
        "rule/rule-1: actions[1].type: \"traffic_mirror\": mirroring of requests is not built yet"},
    {{{"alb.server_group", "sgp-1",
         "{'Protocol':'gRPC','Scheduler':'Wrr','CrossZoneEnabled':false,'StickySessionConfig':{"
         "'StickySessionEnabled':true,'StickySessionType':'Insert','CookieTimeout':60},"
         "'HealthCheckConfig':" ALB_CHECK("gRPC", "") "}"}},
        "health_check/sgp-1:check: protocol: \"grpc\": health checks by gRPC are not built yet\n"
        "server_group/sgp-1: protocol: \"grpc\": gRPC towards servers is not built yet"},
    {{{"alb.server_group", "sgp-1",
         "{'Protocol':'HTTP','Scheduler':'Wrr','CrossZoneEnabled':false,'StickySessionConfig':{"
         "'StickySessionEnabled':true,'StickySessionType':'Insert','CookieTimeout':60}}"}},
        "server_group/sgp-1: zone_local: \"true\": balancing inside of one zone is not built yet\n"
        "server_group/sgp-1: persistence: \"{...}\": persistence of clients is not built yet"},
    /* CLB */
    {{WITH_CLB,
         {"clb.listener", "lb-1:http:80", CLB_HTTP("80", ",'BackendServerPort':80,'Gzip':'on'")}},
        "listener/lb-1:http:80: gzip: \"true\": compression of responses is not built yet"},
    {{WITH_CLB, {"clb.listener", "lb-1:tcp:90", CLB_TCP(",'PersistenceTimeout':60")}},
        "server_group/default@lb-1:tcp:90: persistence: \"{...}\": persistence of clients is not "
        "built yet"},
    {{WITH_CLB,
         {"clb.master_slave_group", "rsp-2",
             CLB_GROUP("{'ServerUid':'srv-2','ServerId':'127.0.0.12','Port':80,'Weight':100,"
                       "'ServerType':'Slave'}")},
         {"clb.listener", "lb-1:tcp:90", CLB_TCP(",'MasterSlaveServerGroupId':'rsp-2'")}},
        "server_group/rsp-2@lb-1:tcp:90: servers[0].role: \"secondary\": primary and secondary "
        "servers are not built yet"},
    {{{"clb.load_balancer", "lb-1",
         "{'Address':'127.16.0.9','Enabled':true,'LoadBalancerSpec':'slb.s1.small'}"}},
        "instance/lb-1: limits: \"{...}\": limits of instances are not built yet"},
    /* NLB */
    {{WITH_NLB, {"nlb.listener", "lsn-1",
                    NLB_LISTENER("TCP", "0", ",'StartPort':100,'EndPort':200,'Cps':5,'Mss':1400")}},
        "listener/lsn-1: port_end: \"200\": listening on a range of ports is not built yet\n"
        "listener/lsn-1: cps: \"5\": limiting of new connections is not built yet\n"
        "listener/lsn-1: mss: \"1400\": clamping of the TCP segment size is not built yet"},
    {{WITH_NLB,
         {"nlb.listener", "lsn-1", NLB_LISTENER("TCPSSL", "443", ",'CertificateIds':['cert-1']")}},
        "listener/lsn-1: certificates: \"[...]\": TLS termination is not built yet"},
    {{{"nlb.server_group", "sgp-9",
         NLB_GROUP(
             "TCP", ",'AnyPortEnabled':true,'PreserveClientIpEnabled':true,'Servers':[" SERVER(
                        "srv-1", "127.0.0.11", "0") "]")}},
        "server_group/sgp-9: any_port: \"true\": connecting to the port that the client used is not "
        "built yet\n"
        "server_group/sgp-9: preserve_client_ip: \"true\": connecting to servers from the client's "
        "address is not built yet"},
    /* what all have */
    {{{"cas.certificate", "cert-1", "{'CertificateType':'server','Certificate':'PEM'}"},
         {"cas.certificate", "cert-2", "{'CertificateType':'server','Certificate':'unused'}"},
         {"clb.domain_extension", "de-1", "{'ServerCertificateId':'cert-1'}"},
         {"clb.tls_policy", "tls-1", "{'TLSVersions':['TLSv1.2'],'Ciphers':['A']}"},
         {"clb.listener", "lb-9:https:443", "{'TLSCipherPolicy':'tls-1'}"}},
        "upsert[0]: kind: \"certificate\": certificates are not built yet\n"
        "upsert[1]: kind: \"tls_policy\": TLS policies are not built yet"},
    {{{"nlb.load_balancer", "nlb-1", "{'SecurityGroupIds':['sg-1']}"},
         {"ecs.security_group", "sg-1", "{'VpcId':'vpc-1'}"}},
        "upsert[0]: kind: \"security_group\": security groups are not built yet\n"
        "instance/nlb-1: security_groups: \"[...]\": security groups are not built yet"},
};

/* All that is asked for is there, also what no data plane does yet: these members of one resource. */
static const struct full_case {
    const struct document documents[6];
    const char *kind, *id, *members;
} full_cases[] = {
    {{WITH_ALB,
         {"alb.listener", "lsn-1",
             ALB_LISTENER("HTTPS", "443",
                 ",'Http2Enabled':true,'SecurityPolicyId':'sp-1','Certificates':[{'CertificateId':"
                 "'cert-1'}],'AdditionalCertificates':[{'CertificateId':'cert-2'}],"
                 "'CaEnabled':true,'CaCertificates':[{'CertificateId':'ca-1'}],'QuicConfig':{"
                 "'QuicUpgradeEnabled':true,'QuicListenerId':'lsn-9'},'LogConfig':{"
                 "'AccessLogRecordCustomizedHeadersEnabled':true,'AccessLogTracingConfig':{"
                 "'TracingEnabled':true,'TracingSample':100,'TracingType':'Zipkin'}},'AclConfig':{"
                 "'AclType':'White','AclRelations':[{'AclId':'acl-1'},{'AclId':'acl-2'}]},"
                 "'XForwardedForConfig':{'XForwardedForEnabled':true,'XForwardedForProcessingMode':"
                 "'remove','XForwardedForSLBIdEnabled':true,'XForwardedForSLBPortEnabled':true,"
                 "'XForwardedForHostEnabled':true,'XForwardedForClientSrcPortEnabled':true,"
                 "'XForwardedForClientSourceIpsEnabled':true,'XForwardedForClientSourceIpsTrusted':"
                 "'10.0.0.1;10.1.0.0/16','XForwardedForClientCertSubjectDNEnabled':true,"
                 "'XForwardedForClientCertIssuerDNEnabled':true,"
                 "'XForwardedForClientCertIssuerDNAlias':'x-issuer'}")}},
        "listener", "lsn-1",
        "{'protocol':'https','certificates':[{'certificate':'cert-1'},{'certificate':'cert-2'}],"
        "'client_ca':'ca-1','tls_policy':'sp-1','http2':true,'quic_listener':'lsn-9',"
        "'log_headers':true,'trace':{'type':'zipkin','sample':100},'access':{'type':'allow',"
        "'lists':['acl-1','acl-2']},'xff':'remove','slb_id':true,'x_forwarded_port':true,"
        "'x_forwarded_host':true,'x_forwarded_client_srcport':true,'trusted_proxies':["
        "'10.0.0.1','10.1.0.0/16'],'client_cert_headers':{'subject_dn':"
        "'X-Forwarded-Clientcert-subjectdn','issuer_dn':'x-issuer'},'keepalive_requests':1000}"},
    {{WITH_ALB, ALB_LISTENER_80,
         {"alb.rule", "rule-1",
             ALB_RULE("1",
                 "{'Type':'Host','HostConfig':{'Values':['~* ^a','b.example']}},"
                 "{'Type':'Method','MethodConfig':{'Values':['GET']}},"
                 "{'Type':'Header','HeaderConfig':{'Key':'x-a','Values':['~b']}},"
                 "{'Type':'QueryString','QueryStringConfig':{'Values':[{'Key':'k','Value':'v'},"
                 "{'Value':'w'}]}},"
                 "{'Type':'Cookie','CookieConfig':{'Values':[{'Key':'c','Value':'d=e'}]}},"
                 "{'Type':'SourceIp','SourceIpConfig':{'Values':['10.0.0.0/8']}}",
                 TO("sgp-1"))}},
        "rule", "rule-1",
        "{'conditions':[{'type':'host','match':'regex','values':['~* ^a','b.example']},"
        "{'type':'method','values':['GET']},{'type':'header','key':'x-a','values':['~b']},"
        "{'type':'query_string','values':['k=v','=w']},{'type':'cookie','values':['c=d=e']},"
        "{'type':'source_ip','values':['10.0.0.0/8']}]}"},
    {{WITH_ALB, ALB_LISTENER_80,
         {"alb.rule", "rule-1",
             ALB_RULE("1", ALB_HOME,
                 "{'Type':'Rewrite','RewriteConfig':{'Host':'${host}','Path':'/x','Query':"
                 "'${query}'}},{'Type':'InsertHeader','InsertHeaderConfig':{'Key':'a','Value':"
                 "'SLBId','ValueType':'SystemDefined'}},{'Type':'RemoveHeader',"
                 "'RemoveHeaderConfig':{'Key':'b'}},{'Type':'TrafficLimit','TrafficLimitConfig':{"
                 "'QPS':10,'PerIpQps':2}},{'Type':'Cors','CorsConfig':{'AllowOrigin':['*'],"
                 "'AllowMethods':['GET'],'AllowHeaders':[],'ExposeHeaders':['e'],"
                 "'AllowCredentials':'on','MaxAge':-1}},{'Type':'ForwardGroup',"
                 "'ForwardGroupConfig':{'ServerGroupTuples':[{'ServerGroupId':'sgp-1','Weight':70},"
                 "{'ServerGroupId':'sgp-2','Weight':0}],'ServerGroupStickySession':{'Enabled':true,"
                 "'Timeout':30}}}")}},
        "rule", "rule-1",
        "{'actions':[{'type':'rewrite','host':'${host}','path':'/x','query':'${query}'},"
        "{'type':'insert_header','header':'a','value':'SLBId','value_type':'variable'},"
        "{'type':'remove_header','header':'b'},{'type':'traffic_limit','qps':10,"
        "'qps_per_client':2},{'type':'cors','cors':{'origins':['*'],'methods':['GET'],"
        "'expose_headers':['e'],'credentials':true,'max_age_s':-1}},{'type':'forward','groups':["
        "{'group':'sgp-1','weight':70},{'group':'sgp-2','weight':0}],'persistence':{"
        "'timeout_ms':30000}}]}"},
    {{WITH_ALB, ALB_LISTENER_80,
         {"alb.rule", "rule-1",
             "{'LoadBalancerId':'alb-1','ListenerId':'lsn-1','Priority':1,'Direction':'Response',"
             "'RuleConditions':[{'Type':'ResponseStatusCode','ResponseStatusCodeConfig':{'Values':["
             "'200-299']}},{'Type':'ResponseHeader','ResponseHeaderConfig':{'Key':'a','Values':["
             "'b']}}],'RuleActions':[{'Type':'FixedResponse','FixedResponseConfig':{'HttpCode':"
             "'503','Content':'no','ContentType':'text/html'}}]}"}},
        "rule", "rule-1",
        "{'direction':'response','conditions':[{'type':'response_status','values':['200-299']},"
        "{'type':'response_header','key':'a','values':['b']}],'actions':[{'type':"
        "'fixed_response','status':503,'content':'no','content_type':'text/html'}]}"},
    {{{"alb.server_group", "sgp-1",
         ALB_GROUP(",'Scheduler':'Uch','UchConfig':{'Type':'QueryString','Value':'user'},"
                   "'StickySessionConfig':{'StickySessionEnabled':true,'StickySessionType':"
                   "'Insert','CookieTimeout':60},'ConnectionDrainConfig':{"
                   "'ConnectionDrainEnabled':true,'ConnectionDrainTimeout':0},'SlowStartConfig':{"
                   "'SlowStartEnabled':true,'SlowStartDuration':40},'UpstreamKeepaliveEnabled':"
                   "false")}},
        "server_group", "sgp-1",
        "{'scheduler':'uch','hash_query':'user','drain':true,'drain_timeout_ms':0,"
        "'slow_start_ms':40000,'keepalive':false,'persistence':{'type':'cookie_insert','cookie':"
        "'SERVERID','cross_site_cookie':'SERVERCORSID','timeout_ms':60000}}"},
    {{{"clb.load_balancer", "lb-1",
          "{'Address':'127.16.0.9','Enabled':true,'LoadBalancerSpec':'slb.s1.small',"
          "'InternetChargeType':'paybybandwidth','Bandwidth':10}"},
         {"clb.listener", "lb-1:https:443",
             CLB_HTTP("443",
                 ",'ListenerProtocol':'https','Bandwidth':5,'VServerGroupId':'rsp-1',"
                 "'ServerCertificateId':'cert-1','CACertificateId':'ca-1','TLSCipherPolicy':"
                 "'tls_cipher_policy_1_2','EnableHttp2':'on','AclStatus':'on','AclType':'black',"
                 "'AclIds':['acl-1'],'StickySession':'on','StickySessionType':'server','Cookie':"
                 "'sid'")},
         {"clb.domain_extension", "de-1",
             "{'LoadBalancerId':'lb-1','ListenerKey':'lb-1:https:443','Domain':'*.example.com',"
             "'ServerCertificateId':'cert-2'}"}},
        "listener", "lb-1:https:443",
        "{'protocol':'https','bandwidth_mbps':5,'certificates':[{'certificate':'cert-1'},"
        "{'certificate':'cert-2','domains':['*.example.com']}],'client_ca':'ca-1','tls_policy':"
        "'tls_cipher_policy_1_2','http2':true,'access':{'type':'deny','lists':['acl-1']}}"},
    {{{"clb.load_balancer", "lb-1",
         "{'Address':'127.16.0.9','Enabled':true,'LoadBalancerSpec':'slb.s1.small',"
         "'InternetChargeType':'paybybandwidth','Bandwidth':10}"}},
        "instance", "lb-1",
        "{'limits':{'connections':5000,'cps':3000,'qps':1000,'bandwidth_mbps':10,'l4_nodes':4,"
        "'l7_nodes':8}}"},
    {{WITH_CLB, {"clb.listener", "lb-1:http:80",
                    CLB_HTTP("80", ",'ListenerForward':'on','ForwardPort':8443")}},
        "listener", "lb-1:http:80",
        "{'default_actions':[{'type':'redirect','protocol':'https','port':'8443','status':302}]}"},
    {{WITH_NLB,
         {"nlb.listener", "lsn-1",
             NLB_LISTENER("TCPSSL", "443",
                 ",'CertificateIds':['cert-1'],'AdditionalCertificates':[{'CertificateId':"
                 "'cert-2'}],'CaEnabled':true,'CaCertificateIds':['ca-1'],'SecurityPolicyId':"
                 "'sp-1','AlpnEnabled':true,'AlpnPolicy':'HTTP2Preferred','ProxyProtocolEnabled':"
                 "true,'ProxyProtocolV2Config':{'Ppv2VpcIdEnabled':true}")}},
        "listener", "lsn-1",
        "{'protocol':'tcpssl','certificates':[{'certificate':'cert-1'},{'certificate':'cert-2'}],"
        "'client_ca':'ca-1','tls_policy':'sp-1','alpn':['h2','http/1.1','http/1.0'],"
        "'proxy_protocol':true,'proxy_protocol_tlvs':['vpc_id']}"},
};

static void what_is_asked_for_is_compiled_in_full(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(full_cases); i++) {
        struct world *world = world_new();
        struct compile_diff diff;

        put_all(world, full_cases[i].documents);
        compile_run(world->compile, &diff);
        world_expect_members(&diff, full_cases[i].kind, full_cases[i].id, full_cases[i].members);
        compile_diff_done(&diff);
        world_free(world);
    }
}

static void what_is_not_built_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unbuilt_cases); i++) {
        struct world *world = world_new();
        struct compile_diff diff;

        put_all(world, unbuilt_cases[i].documents);
        compile_run(world->compile, &diff);
        compile_diff_done(&diff);
        world_expect_verdict(world, unbuilt_cases[i].errors);
        world_free(world);
    }
}

/* --- differences ------------------------------------------------------------------------------ */

static const struct step {
    const char *kind, *id, *member,
        *value; /* member NULL: value is the body, or NULL to remove it */
    const char *diff;
} clb_steps[] = {
    {"clb.load_balancer", "lb-1", NULL, CLB, "+instance/lb-1"},
    {"clb.listener", "lb-1:tcp:90", NULL, CLB_TCP(""),
        "+health_check/default@lb-1:tcp:90:check +server_group/default@lb-1:tcp:90 "
        "+listener/lb-1:tcp:90"},
    {"clb.listener", "lb-1:http:80", NULL,
        CLB_HTTP("80", ",'BackendServerPort':80,'HealthCheck':'off'"),
        "+server_group/default@lb-1:http:80 +listener/lb-1:http:80"},
    /* the default group is compiled for both listeners */
    {"clb.load_balancer", "lb-1", "BackendServers", "[" SERVER("srv-2", "127.0.0.12", "0") "]",
        "+server_group/default@lb-1:tcp:90 +server_group/default@lb-1:http:80"},
    {"clb.vserver_group", "rsp-1", NULL, CLB_GROUP(SERVER("srv-2", "127.0.0.12", "80")), ""},
    {"clb.rule", "rule-1", NULL, CLB_RULE(",'ListenerSync':'on'"),
        "+server_group/rsp-1@lb-1:http:80 +rule/rule-1"},
    /* a second user of the same group */
    {"clb.rule", "rule-2", NULL, CLB_RULE(",'Url':'/two'"), "+rule/rule-2"},
    {"clb.rule", "rule-2", "ListenerSync", "'off'", "+server_group/rsp-1@rule-2 +rule/rule-2"},
    {"clb.rule", "rule-2", "Scheduler", "'rr'", "+server_group/rsp-1@rule-2"},
    {"clb.vserver_group", "rsp-1", "VServerGroupName", "'name'", ""},
    {"clb.vserver_group", "rsp-1", "Servers", "[]",
        "+server_group/rsp-1@lb-1:http:80 +server_group/rsp-1@rule-2"},
    {"clb.access_log", "alog-lb-1", NULL, "{'LoadBalancerId':'lb-1'}", "+listener/lb-1:http:80"},
    {"clb.listener", "lb-1:tcp:90", "Enabled", "false",
        "-listener/lb-1:tcp:90 -server_group/default@lb-1:tcp:90 "
        "-health_check/default@lb-1:tcp:90:check"},
    {"clb.listener", "lb-1:http:80", "ListenerForward", "'on'",
        "+listener/lb-1:http:80 -rule/rule-2 -rule/rule-1 -server_group/rsp-1@rule-2 "
        "-server_group/rsp-1@lb-1:http:80 -server_group/default@lb-1:http:80"},
    {"clb.load_balancer", "lb-1", "Enabled", "false", "-listener/lb-1:http:80 -instance/lb-1"},
    {"clb.load_balancer", "lb-1", "Enabled", "true", "+instance/lb-1 +listener/lb-1:http:80"},
    {"clb.load_balancer", "lb-1", NULL, NULL, "-listener/lb-1:http:80 -instance/lb-1"},
};

static const struct step alb_steps[] = {
    {"alb.load_balancer", "alb-1", NULL, ALB, "+instance/alb-1"},
    {"alb.server_group", "sgp-1", NULL,
        ALB_GROUP(",'HealthCheckConfig':" ALB_CHECK("HTTP", "") ",'Servers':[" SERVER(
            "srv-1", "127.0.0.11", "80") "]"),
        "+health_check/sgp-1:check +server_group/sgp-1"},
    {"alb.listener", "lsn-1", NULL, ALB_LISTENER("HTTP", "80", ""), "+listener/lsn-1"},
    {"alb.rule", "rule-1", NULL, ALB_RULE("5", ALB_HOME, TO("sgp-1")), "+rule/rule-1"},
    {"alb.rule", "rule-1", "Priority", "6", "+rule/rule-1"},
    {"alb.rule", "rule-1", "RuleName", "'home'", ""},
    {"alb.server_group", "sgp-1", "Servers",
        "[{'ServerUid':'srv-1','ServerId':'127.0.0.11','Port':80,'Weight':7}]",
        "+server_group/sgp-1"},
    {"alb.server_group", "sgp-1", "HealthCheckConfig", ALB_CHECK("TCP", ""),
        "+health_check/sgp-1:check"},
    {"alb.server_group", "sgp-1", "HealthCheckConfig", "{'HealthCheckEnabled':false}",
        "+server_group/sgp-1 -health_check/sgp-1:check"},
    {"alb.acl", "acl-1", NULL, "{'AclEntries':[]}", ""},
    {"alb.listener", "lsn-1", "AclConfig", "{'AclType':'Black','AclRelations':[{'AclId':'acl-1'}]}",
        "+access_list/acl-1 +listener/lsn-1"},
    {"alb.acl", "acl-1", "AclEntries", "[{'Entry':'10.0.0.0/8'}]", "+access_list/acl-1"},
    {"alb.load_balancer", "alb-1", "AccessLogConfig", "{'LogProject':'p','LogStore':'s'}",
        "+listener/lsn-1"},
    {"alb.listener", "lsn-1", "Enabled", "false", "-rule/rule-1 -listener/lsn-1"},
    {"alb.listener", "lsn-1", "Enabled", "true", "+listener/lsn-1 +rule/rule-1"},
    {"alb.rule", "rule-1", NULL, NULL, "-rule/rule-1"},
    {"alb.listener", "lsn-1", NULL, NULL, "-listener/lsn-1 -access_list/acl-1"},
    {"alb.server_group", "sgp-1", NULL, NULL, "-server_group/sgp-1"},
};

static const struct step nlb_steps[] = {
    {"nlb.load_balancer", "nlb-1", NULL, NLB, "+instance/nlb-1"},
    {"nlb.server_group", "sgp-9", NULL, NLB_GROUP("UDP", ""), "+server_group/sgp-9"},
    {"nlb.listener", "lsn-1", NULL, NLB_LISTENER("UDP", "80", ""), "+listener/lsn-1"},
    {"nlb.listener", "lsn-1", "IdleTimeout", "20", "+listener/lsn-1"},
    {"nlb.server_group", "sgp-9", "Scheduler", "'sch'", "+server_group/sgp-9"},
    {"nlb.load_balancer", "nlb-1", "LoadBalancerName", "'other'", "+instance/nlb-1"},
    {"nlb.listener", "lsn-1", "Enabled", "false", "-listener/lsn-1"},
};

static void take_steps(const struct step *steps, size_t n)
{
    struct world *world = world_new();

    for (size_t i = 0; i < n; i++) {
        if (steps[i].member)
            world_set(world, steps[i].kind, steps[i].id, steps[i].member, steps[i].value);
        else
            world_put(world, steps[i].kind, steps[i].id, steps[i].value);
        assert_true(compile_is_dirty(world->compile));
        world_expect_diff(world, steps[i].diff);
        assert_false(compile_is_dirty(world->compile));
    }
    /* What is compiled anew as a whole is as it was. */
    compile_all_dirty(world->compile);
    world_expect_diff(world, "");
    world_free(world);
}

static void clb_changes_are_minimal(void **state)
{
    (void)state;
    take_steps(clb_steps, ARRAY_LEN(clb_steps));
}

static void alb_changes_are_minimal(void **state)
{
    (void)state;
    take_steps(alb_steps, ARRAY_LEN(alb_steps));
}

static void nlb_changes_are_minimal(void **state)
{
    (void)state;
    take_steps(nlb_steps, ARRAY_LEN(nlb_steps));
}

/* --- the rest --------------------------------------------------------------------------------- */

/* A process that starts finds all documents without being told of them. */
static void start_compiles_everything(void **state)
{
    static const struct document documents[] = {WITH_CLB,
        {"clb.listener", "lb-1:tcp:90", CLB_TCP("")}, WITH_NLB,
        {"nlb.listener", "lsn-1", NLB_LISTENER("TCP", "80", "")}, {NULL, NULL, NULL}};
    struct world *world = world_new();
    struct compile *second;
    struct compile_diff diff;
    char *text;

    (void)state;
    put_all(world, documents);
    second = compile_new(world->catalog, &world->node);
    assert_false(compile_is_dirty(second));
    compile_all_dirty(second);
    compile_run(second, &diff);
    text = world_diff_text(&diff);
    assert_string_equal(text,
        "+health_check/default@lb-1:tcp:90:check +server_group/default@lb-1:tcp:90 "
        "+server_group/sgp-9 +instance/lb-1 +instance/nlb-1 +listener/lb-1:tcp:90 "
        "+listener/lsn-1");
    free(text);
    compile_diff_done(&diff);
    compile_free(second);
    world_free(world);
}

/* Refusals of a group belong to the listener whose settings it has. */
static void resources_name_their_documents(void **state)
{
    static const struct document documents[] = {
        WITH_CLB, {"clb.listener", "lb-1:tcp:90", CLB_TCP("")}, {NULL, NULL, NULL}};
    struct world *world = world_new();
    struct compile_diff diff;

    (void)state;
    put_all(world, documents);
    compile_run(world->compile, &diff);
    assert_int_equal(diff.n_upserts, 4);
    assert_string_equal(diff.upserts[0]->doc_id, "lb-1:tcp:90");
    assert_string_equal(diff.upserts[1]->doc_id, "lb-1:tcp:90");
    assert_string_equal(diff.upserts[2]->doc_id, "lb-1");
    assert_string_equal(diff.upserts[3]->doc_id, "lb-1:tcp:90");
    compile_diff_done(&diff);
    world_free(world);
}

/* A server that is not registered is left out until it is. */
static void servers_are_followed(void **state)
{
    struct world *world = world_new();

    (void)state;
    world_put(world, "alb.server_group", "sgp-1",
        ALB_GROUP(",'Servers':[{'ServerUid':'srv-1','ServerId':'i-1','ServerType':'Ecs','Port':80,"
                  "'Weight':100}," SERVER("srv-2", "127.0.0.12", "80") "]"));
    world_expect_diff(world, "+server_group/sgp-1");
    assert_string_equal(compile_problem(world->compile, "sgp-1"),
        "The server i-1 has no address: it is not registered.");
    world_expect_verdict(world, "");
    world_put(world, "ecs.server", "i-1", "{'PrivateIpAddresses':['127.0.0.11']}");
    world_expect_diff(world, "+server_group/sgp-1");
    assert_null(compile_problem(world->compile, "sgp-1"));
    world_expect_verdict(world, "");
    world_set(world, "ecs.server", "i-1", "ServerName", "'one'");
    world_expect_diff(world, "");
    world_put(world, "ecs.server", "i-1", NULL);
    world_expect_diff(world, "+server_group/sgp-1");
    world_put(world, "alb.server_group", "sgp-1", NULL);
    world_expect_diff(world, "-server_group/sgp-1");
    assert_null(compile_problem(world->compile, "sgp-1"));
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walkthroughs_compile_and_are_taken),
        cmocka_unit_test(dual_stack_listeners_are_for_the_vpc_or_for_all),
        cmocka_unit_test(what_is_asked_for_is_compiled_in_full),
        cmocka_unit_test(what_is_not_built_is_refused_by_name),
        cmocka_unit_test(clb_changes_are_minimal),
        cmocka_unit_test(alb_changes_are_minimal),
        cmocka_unit_test(nlb_changes_are_minimal),
        cmocka_unit_test(start_compiles_everything),
        cmocka_unit_test(resources_name_their_documents),
        cmocka_unit_test(servers_are_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
