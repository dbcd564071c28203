#include "snapshot_make.h"

/* On top of BASE, each change is refused with exactly these lines. */
static const struct {
    const char *change, *errors;
} cases[] = {
    /* single fields */
    {CHANGE("2", GROUP("web", "http", ",'tries':17"), ""),
        "server_group/web: tries: \"17\": must be a whole number from 1 to 16"},
    {CHANGE("2", GROUP("web", "http", ",'tries':-1"), ""),
        "server_group/web: tries: \"-1\": must be a whole number from 1 to 16"},
    {CHANGE("2", GROUP("web", "http", ",'tries':3.0"), ""),
        "server_group/web: tries: \"3\": must be a whole number from 1 to 16"},
    {CHANGE("2", GROUP("web", "http", ",'tries':'3'"), ""),
        "server_group/web: tries: \"3\": must be a whole number from 1 to 16"},
    {CHANGE("2", GROUP("web", "http", ",'tries':null"), ""),
        "server_group/web: tries: \"null\": must be a whole number from 1 to 16"},
    {CHANGE("2", GROUP("web", "http", ",'drain':1"), ""),
        "server_group/web: drain: \"1\": must be true or false"},
    {CHANGE("2", GROUP("web", "http", ",'scheduler':'WRR'"), ""),
        "server_group/web: scheduler: \"WRR\": must be one of rr, wrr, wlc, sch, tch, qch, uch"},
    {CHANGE("2", GROUP("web", "http", ",'weight':1,'w\\u0007':2"), ""),
        "server_group/web: \"weight\": is not the name of a field\n"
        "server_group/web: \"w\\u0007\": is not the name of a field"},
    {CHANGE("2", GROUP("web", "http", ",'source':['127.0.0.256']"), ""),
        "server_group/web: source[0]: \"127.0.0.256\": must be an IPv4 or IPv6 address"},
    {CHANGE("2", GROUP("web", "http", ",'health_check':''"), ""),
        "server_group/web: health_check: must be 1 to 128 visible ASCII characters other than "
        "quote and backslash"},
    {CHANGE("2", "{'kind':'instance','id':'i','product':'alb','name':'a\\u0001'}", ""),
        "instance/i: name: \"a\\u0001\": must not have control characters"},
    {CHANGE("2", "{'kind':'instance','id':'i','product':'alb','name':'a\\u0085'}", ""),
        "instance/i: name: \"a\xc2\x85\": must not have control characters"},
    {CHANGE("2",
         "{'kind':'health_check','id':'h','protocol':'http','codes':['http_2xx',7,"
         "'http_2xx']}",
         ""),
        "health_check/h: codes[1]: \"7\": must be one of http_2xx, http_3xx, http_4xx, http_5xx\n"
        "health_check/h: codes[2]: \"http_2xx\": is named twice"},
    {CHANGE("2",
         "{'kind':'health_check','id':'h','protocol':'http','interval_ms':49,"
         "'timeout_ms':300001,'rise':0,'fall':11}",
         ""),
        "health_check/h: interval_ms: \"49\": must be a whole number from 50 to 300000\n"
        "health_check/h: timeout_ms: \"300001\": must be a whole number from 50 to 300000\n"
        "health_check/h: rise: \"0\": must be a whole number from 1 to 10\n"
        "health_check/h: fall: \"11\": must be a whole number from 1 to 10"},
    /* exact paths, and all problems of all resources at once */
    {CHANGE("2",
         "{'kind':'server_group','id':'n','protocol':'http','servers':["
         "{'id':'a','ip':'127.0.0.1','port':1},7,{'id':'','ip':4,'port':0,'weight':101}]},"
         "{'kind':'listener','id':'n'}",
         ""),
        "server_group/n: servers[1]: \"7\": must be an object\n"
        "server_group/n: servers[2].id: must have 1 to 128 bytes\n"
        "server_group/n: servers[2].ip: \"4\": must be an IPv4 or IPv6 address\n"
        "server_group/n: servers[2].port: \"0\": must be a whole number from 1 to 65535\n"
        "server_group/n: servers[2].weight: \"101\": must be a whole number from 0 to 100\n"
        "listener/n: instance: is required\n"
        "listener/n: bind: is required\n"
        "listener/n: port: is required\n"
        "listener/n: protocol: is required\n"
        "listener/n: default_actions: is required"},
    {CHANGE("2", LISTENER("n", "http", "82", "{'type':'forward','groups':[{}]}", ""), ""),
        "listener/n: default_actions[0].groups[0].group: is required"},
    {CHANGE("2",
         "{'kind':'listener','id':'l','instance':'i','bind':[],'port':80,"
         "'protocol':'http','default_actions':{}}",
         ""),
        "listener/l: bind: \"[...]\": must have 1 to 64 elements\n"
        "listener/l: default_actions: \"{...}\": must be an array"},
    /* resources */
    {CHANGE("2",
         "7,{},{'kind':'server','id':'x'},{'kind':7,'id':7},{'kind':'certificate',"
         "'id':'c'},{'kind':'instance','id':'a b'},{'kind':'instance','id':'n',"
         "'product':'alb','version':-1}",
         ""),
        "upsert[0]: \"7\": must be an object\n"
        "upsert[1]: kind: is required\n"
        "upsert[1]: id: is required\n"
        "upsert[2]: kind: \"server\": is not a kind of resource\n"
        "upsert[3]: kind: \"7\": is not a kind of resource\n"
        "upsert[3]: id: \"7\": must be 1 to 128 visible ASCII characters other than quote and "
        "backslash\n"
        "upsert[4]: kind: \"certificate\": certificates are not built yet\n"
        "upsert[5]: id: \"a b\": must be 1 to 128 visible ASCII characters other than quote and "
        "backslash\n"
        "instance/n: version: \"-1\": must be a whole number from 0 to 9223372036854775807"},
    {CHANGE("2", INSTANCE ",{'kind':'instance','id':'n','product':'nlb'}," INSTANCE, ""),
        "instance/i: appears twice: as upsert[0] and upsert[2]"},
    {CHANGE("2", RULE("r1", "l", "11", HOST("a.example"), FORWARD("api")),
         REMOVE("rule", "r1") "," REMOVE("rule", "r1") "," REMOVE(
             "rule", "r9") ","
                           "{'kind':'rule','id':'r2','priority':20}"),
        "rule/r1: is removed twice\n"
        "rule/r9: cannot be removed: it does not exist\n"
        "rule/r2: must have kind and id only to be removed\n"
        "rule/r1: is both given and removed"},
    {CHANGE("2",
         "{'kind':'instance','id':'i','product':'nlb'},"
         "{'kind':'instance','id':'j','product':'nlb'},"
         "{'kind':'listener','id':'l','instance':'j','bind':['127.0.0.1'],'port':80,"
         "'protocol':'tcp','default_actions':[" FORWARD("tcp") "]}," RULE(
             "r1", "s", "0", HOST("c.example"), FORWARD("web")) "," GROUP("api", "tcp", ""),
         REMOVE("rule", "r2")),
        "instance/i: product: cannot be changed after creation\n"
        "listener/l: instance: cannot be changed after creation\n"
        "listener/l: protocol: cannot be changed after creation\n"
        "rule/r1: listener: cannot be changed after creation\n"
        "server_group/api: protocol: cannot be changed after creation"},
    /* references */
    {CHANGE("2", LISTENER("n", "http", "82", FORWARD("nowhere"), ""), ""),
        "listener/n: default_actions[0].groups[0].group: \"nowhere\": is not the id of a "
        "server_group"},
    {CHANGE("2", LISTENER("n", "http", "82", FORWARD("l"), ""), ""),
        "listener/n: default_actions[0].groups[0].group: \"l\": is not the id of a server_group"},
    {CHANGE("2", GROUP("n", "http", ",'health_check':'hc'"), REMOVE("health_check", "hc")),
        "server_group/n: health_check: \"hc\": is a health_check that this change removes\n"
        "health_check/hc: cannot be removed: it is used by server_group/web (health_check)"},
    {CHANGE("2", "", REMOVE("server_group", "api") "," REMOVE("instance", "i")),
        "instance/i: cannot be removed: it is used by listener/l (instance)\n"
        "server_group/api: cannot be removed: it is used by rule/r1 (actions[0].groups[0].group)"},
    {CHANGE("2", "", REMOVE("listener", "l")),
        "listener/l: cannot be removed: it is used by rule/r1 (listener)"},
    /* what has errors of its own is not also missing */
    {CHANGE("2", GROUP("n", "http", ",'tries':0") "," LISTENER("n", "http", "82", FORWARD("n"), ""),
         ""),
        "server_group/n: tries: \"0\": must be a whole number from 1 to 16"},
    /* protocols */
    {CHANGE("2",
         LISTENER("n", "tcp", "82", FORWARD("web"), "") "," LISTENER(
             "m", "http", "83", FORWARD("udp"), ""),
         ""),
        "listener/n: default_actions[0].groups[0].group: \"web\": is of protocol http; a listener "
        "of protocol tcp needs a group of protocol tcp\n"
        "listener/m: default_actions[0].groups[0].group: \"udp\": is of protocol udp; a listener "
        "of protocol http needs a group of protocol http"},
    {CHANGE("2",
         LISTENER("n", "https", "82", FORWARD("web"), "") "," LISTENER("m", "quic", "83",
             FORWARD("web"),
             "") "," LISTENER("o", "tcpssl", "84", FORWARD("tcp"), "") "," GROUP("g", "https", ""),
         ""),
        "listener/n: protocol: \"https\": TLS termination is not built yet\n"
        "listener/m: protocol: \"quic\": QUIC is not built yet\n"
        "listener/o: protocol: \"tcpssl\": TLS termination is not built yet\n"
        "server_group/g: protocol: \"https\": TLS towards servers is not built yet"},
    {CHANGE("2",
         LISTENER("t", "tcp", "90", FORWARD("tcp"), ",'xff':'off'") "," LISTENER(
             "u", "udp", "90", FORWARD("udp"), ",'line_bytes':1000"),
         ""),
        "listener/t: xff: is for listeners of protocol http only\n"
        "listener/u: line_bytes: is for listeners of protocol http only"},
    {CHANGE("2", LISTENER("l", "http", "80", FORWARD("web"), ",'idle_timeout_ms':9"), ""),
        "listener/l: idle_timeout_ms: must be 0, for the protocol's default, or at least 10"},
    {CHANGE("2", LISTENER("l", "http", "80", FORWARD("web"), ",'ipv6_clients':'fd00::'"), ""),
        "listener/l: ipv6_clients_bits: must be given with ipv6_clients, and only with it"},
    {CHANGE("2", LISTENER("l", "http", "80", FORWARD("web"), ",'ipv6_clients_bits':8"), ""),
        "listener/l: ipv6_clients_bits: must be given with ipv6_clients, and only with it"},
    {CHANGE("2",
         LISTENER(
             "l", "http", "80", FORWARD("web"), ",'ipv6_clients':'10.0.0.0','ipv6_clients_bits':8"),
         ""),
        "listener/l: ipv6_clients: must be an IPv6 address"},
    {CHANGE("2",
         LISTENER("t", "tcp", "90",
             "{'type':'forward','groups':[{'group':'tcp'},{'group':'tcp','weight':0}]}",
             "") "," LISTENER("u", "udp", "90", "{'type':'fixed_response','status':503}", ""),
         ""),
        "listener/t: default_actions: a listener of protocol tcp must have one action of type "
        "forward with one group\n"
        "listener/t: default_actions[0].groups[1].group: \"tcp\": is already named by groups[0]\n"
        "listener/t: default_actions[0].groups[1].weight: \"0\": must not be 0 in a listener of "
        "protocol tcp, which has one group\n"
        "listener/u: default_actions: a listener of protocol udp must have one action of type "
        "forward with one group"},
    {CHANGE("2", RULE("n", "t", "1", HOST("a.example"), FORWARD("tcp")), ""),
        "rule/n: listener: \"t\": a listener of protocol tcp has no rules"},
    /* groups */
    {CHANGE("2",
         GROUP("web", "http", ",'scheduler':'qch'") "," GROUP(
             "tcp", "tcp", ",'scheduler':'uch','hash_query':'q'") "," GROUP("api", "http",
             ",'scheduler':'uch'") "," GROUP("udp", "udp", ",'hash_query':'q'"),
         ""),
        "server_group/web: scheduler: qch needs protocol udp\n"
        "server_group/tcp: scheduler: uch needs protocol http\n"
        "server_group/api: hash_query: is required by scheduler uch\n"
        "server_group/udp: hash_query: is for scheduler uch only"},
    {CHANGE("2",
         GROUP("web", "http", ",'slow_start_ms':99") "," GROUP(
             "api", "http", ",'slow_start_ms':100,'scheduler':'rr'") "," GROUP("tcp", "tcp",
             ",'keepalive':false") "," GROUP("udp", "udp", ",'tries':1"),
         ""),
        "server_group/web: slow_start_ms: must be 0 or at least 100\n"
        "server_group/api: slow_start_ms: is for scheduler wrr only\n"
        "server_group/tcp: keepalive: is for groups of protocol http only\n"
        "server_group/udp: tries: means nothing to groups of protocol udp"},
    {CHANGE("2",
         "{'kind':'server_group','id':'n','protocol':'tcp','servers':["
         "{'id':'a','ip':'127.0.0.1','port':1},{'id':'b','ip':'127.0.0.1','port':2},"
         "{'id':'a','ip':'127.0.0.3','port':1},{'id':'c','ip':'127.0.0.1','port':2},"
         "{'id':'d','ip':'::ffff:127.0.0.1','port':2}]}",
         ""),
        "server_group/n: servers[2].id: \"a\": is also the id of servers[0]\n"
        "server_group/n: servers[3]: \"c\": has the address and port of servers[1]\n"
        "server_group/n: servers[4]: \"d\": has the address and port of servers[1]"},
    {CHANGE("2",
         "{'kind':'server_group','id':'n','protocol':'tcp','source':['127.0.0.9'],"
         "'servers':[{'id':'a','ip':'127.0.0.1','port':1},{'id':'b','ip':'::1','port':1}]}",
         ""),
        "server_group/n: servers[1]: \"b\": has no address of its family (IPv6) in source"},
    /* health checks */
    {CHANGE("2",
         "{'kind':'health_check','id':'a','protocol':'tcp','path':'/x'},"
         "{'kind':'health_check','id':'b','protocol':'http','path':'x'},"
         "{'kind':'health_check','id':'c','protocol':'http','path':'/a b'},"
         "{'kind':'health_check','id':'d','protocol':'http','host':'a/b'},"
         "{'kind':'health_check','id':'e','protocol':'http','user_agent':' x'},"
         "{'kind':'health_check','id':'f','protocol':'http','codes':[]}",
         ""),
        "health_check/a: path: is for checks of protocol http only\n"
        "health_check/b: path: must begin with / and have visible ASCII characters other than #\n"
        "health_check/c: path: must begin with / and have visible ASCII characters other than #\n"
        "health_check/d: host: must be a host name or address\n"
        "health_check/e: user_agent: must be ASCII text without a space at its ends\n"
        "health_check/f: codes: must have at least one name"},
    /* addresses of listeners */
    {CHANGE("2", LISTENER("n", "http", "90", FORWARD("web"), ""), ""),
        "listener/n: bind[0]: \"127.0.0.1:90\": is also the tcp address of listener/t"},
    {CHANGE("2", LISTENER("n", "udp", "90", FORWARD("udp"), ""), ""),
        "listener/n: bind[0]: \"127.0.0.1:90\": is also the udp address of listener/u"},
    {CHANGE("2",
         LISTENER("n", "tcp", "99", FORWARD("tcp"), "") "," LISTENER(
             "m", "tcp", "99", FORWARD("tcp"), ""),
         ""),
        "listener/m: bind[0]: \"127.0.0.1:99\": is also the tcp address of listener/n"},
    {CHANGE("2",
         "{'kind':'listener','id':'n','instance':'i','bind':['127.0.0.2','127.0.0.2'],"
         "'port':80,'protocol':'tcp','default_actions':[" FORWARD("tcp") "]}",
         ""),
        "listener/n: bind[1]: \"127.0.0.2:80\": is named twice"},
    /* order of actions */
    {CHANGE("2", LISTENER("n", "http", "82", FORWARD("web") "," FORWARD("api"), ""), ""),
        "listener/n: default_actions[0].type: \"forward\": must be last, and there must be one "
        "such action only"},
    {CHANGE("2", LISTENER("n", "http", "82", "{'type':'rewrite','path':'/x'}", ""), ""),
        "listener/n: default_actions[0].type: \"rewrite\": must not be last: forward, redirect or "
        "fixed_response comes last"},
    {CHANGE("2",
         LISTENER("n", "http", "82",
             "{'type':'rewrite','path':'/x'},{'type':'fixed_response','status':404}", ""),
         ""),
        "listener/n: default_actions[0].type: \"rewrite\": is for forwarded requests only"},
    /* fields of actions */
    {CHANGE("2",
         LISTENER(
             "n", "http", "82", "{'type':'forward','status':302,'host':'x','content':'x'}", ""),
         ""),
        "listener/n: default_actions[0].host: \"x\": must be absent from an action of type "
        "forward\n"
        "listener/n: default_actions[0].content: \"x\": must be absent from an action of type "
        "forward\n"
        "listener/n: default_actions[0].status: must be absent from an action of type forward\n"
        "listener/n: default_actions[0].groups: is required by an action of type forward"},
    {CHANGE("2",
         LISTENER("n", "http", "82",
             "{'type':'redirect','status':300,'protocol':'ftp','port':'0','host':'a b',"
             "'path':'x','query':'${uri}','groups':[{'group':'web'}]}",
             ""),
         ""),
        "listener/n: default_actions[0].groups: must be absent from an action of type redirect\n"
        "listener/n: default_actions[0].status: must be 301, 302, 303, 307 or 308\n"
        "listener/n: default_actions[0].protocol: \"ftp\": must be http, https or ${protocol}\n"
        "listener/n: default_actions[0].port: \"0\": must be ${port} or a number from 1 to 65535\n"
        "listener/n: default_actions[0].host: \"a b\": has a character that cannot stand there\n"
        "listener/n: default_actions[0].query: \"${uri}\": the variables are ${host}, "
        "${protocol}, ${port}, ${path} and ${query}\n"
        "listener/n: default_actions[0].path: \"x\": must begin with / or ${path}"},
    {CHANGE("2", LISTENER("n", "http", "82", "{'type':'redirect','status':301}", ""), ""),
        "listener/n: default_actions[0]: changes nothing: the client would be sent to where it is "
        "already"},
    {CHANGE("2",
         LISTENER("n", "http", "82",
             "{'type':'redirect','status':301,'protocol':'http','host':'${host}',"
             "'port':'82','path':'${path}','query':'${query}'}",
             ""),
         ""),
        "listener/n: default_actions[0]: changes nothing: the client would be sent to where it is "
        "already"},
    {CHANGE("2",
         LISTENER("n", "http", "82",
             "{'type':'rewrite','port':'1'},{'type':'rewrite','path':'/a?b'}," FORWARD("web"), ""),
         ""),
        "listener/n: default_actions[0].port: \"1\": must be absent from an action of type "
        "rewrite\n"
        "listener/n: default_actions[1].path: \"/a?b\": has a character that cannot stand there"},
    {CHANGE("2", LISTENER("n", "http", "82", "{'type':'rewrite'}," FORWARD("web"), ""), ""),
        "listener/n: default_actions[0]: changes nothing: give host, path or query"},
    {CHANGE("2",
         LISTENER("n", "http", "82",
             "{'type':'fixed_response','content':'x','content_type':'text'}", ""),
         ""),
        "listener/n: default_actions[0].status: must be from 200 to 599\n"
        "listener/n: default_actions[0].content_type: \"text\": must be a media type"},
    {CHANGE("2",
         LISTENER("n", "http", "82", "{'type':'fixed_response','status':204,'content':'x'}", ""),
         ""),
        "listener/n: default_actions[0].content: must be absent: statuses 204 and 304 have no "
        "body"},
    /* conditions */
    {CHANGE("2",
         RULE("n", "l", "1",
             "{'type':'host','values':['a_b','','a b','.a','a.','a/b']},"
             "{'type':'host','match':'prefix','key':'k','values':['x']}",
             FORWARD("web")),
         ""),
        "rule/n: conditions[0].values[1]: must have 1 to 256 bytes"},
    {CHANGE("2",
         RULE("n", "l", "1",
             "{'type':'host','values':['a_b','a b','.a','a.','a/b']},"
             "{'type':'host','match':'prefix','key':'k','values':['x']}",
             FORWARD("web")),
         ""),
        "rule/n: conditions[0].values[1]: \"a b\": must have letters, digits, and - . _ * ? only\n"
        "rule/n: conditions[0].values[2]: \".a\": must not begin or end with a dot\n"
        "rule/n: conditions[0].values[3]: \"a.\": must not begin or end with a dot\n"
        "rule/n: conditions[0].values[4]: \"a/b\": must have letters, digits, and - . _ * ? only\n"
        "rule/n: conditions[1].match: \"prefix\": is for conditions of type path only\n"
        "rule/n: conditions[1].key: \"k\": is for conditions of type header only"},
    {CHANGE("2",
         RULE("n", "l", "1",
             "{'type':'path','values':['/','/*','/a?','x','/a/../b','/.','/a b','/a#',"
             "'/.a/..b']},"
             "{'type':'path','match':'prefix','values':['/a','/a*','/a?b']}",
             FORWARD("web")),
         ""),
        "rule/n: conditions[0].values[3]: \"x\": must begin with /\n"
        "rule/n: conditions[0].values[4]: \"/a/../b\": must not have the segments . and ..\n"
        "rule/n: conditions[0].values[5]: \"/.\": must not have the segments . and ..\n"
        "rule/n: conditions[0].values[6]: \"/a b\": must have visible ASCII characters other than "
        "\" # \\ only\n"
        "rule/n: conditions[0].values[7]: \"/a#\": must have visible ASCII characters other than "
        "\" # \\ only\n"
        "rule/n: conditions[1].values[1]: \"/a*\": must not have * or ?: the match is prefix\n"
        "rule/n: conditions[1].values[2]: \"/a?b\": must not have * or ?: the match is prefix"},
    {CHANGE("2",
         RULE("n", "l", "1",
             "{'type':'method','values':['GET','get','PROPFIND']},"
             "{'type':'header','values':['x']},"
             "{'type':'header','key':'Host','values':['x']},"
             "{'type':'header','key':'cookie','values':['x']},"
             "{'type':'header','key':'a:b','values':['x',' y','z\xc3\xa9']},"
             "{'type':'header','key':'X-A','values':['a b*']}",
             FORWARD("web")),
         ""),
        "rule/n: conditions[0].values[1]: \"get\": must be a method in capital letters\n"
        "rule/n: conditions[1].key: must be the name of a header\n"
        "rule/n: conditions[2].key: \"Host\": must not be Host or Cookie\n"
        "rule/n: conditions[3].key: \"cookie\": must not be Host or Cookie\n"
        "rule/n: conditions[4].key: \"a:b\": must be the name of a header\n"
        "rule/n: conditions[4].values[1]: \" y\": must not begin or end with a space\n"
        "rule/n: conditions[4].values[2]: \"z\xc3\xa9\": must have printable ASCII characters "
        "only"},
    {CHANGE("2",
         "{'kind':'rule','id':'n','listener':'l','priority':1,'actions':[" FORWARD("web") "]}", ""),
        "rule/n: conditions: is required"},
    /* rules together */
    {CHANGE("2",
         RULE("n", "l", "20", HOST("c.example"), FORWARD("web")) "," RULE(
             "m", "l", "0", HOST("d.example"), FORWARD("web")),
         ""),
        "rule/m: priority: is required in a listener of order priority\n"
        "rule/r2: priority: \"20\": is also the priority of rule/n"},
    {CHANGE("2", RULE("n", "s", "0", PREFIX("/x") "," HOST("A.example"), FORWARD("web")), ""),
        "rule/n: conditions: have the host and the path of rule/s1"},
    {CHANGE("2",
         RULE("n", "s", "5",
             "{'type':'host','values':['a','b']}," HOST("c") "," PATH(
                 "/x") ","
                       "{'type':'method','values':['GET']}",
             FORWARD("web")),
         ""),
        "rule/n: priority: means nothing in a listener of order specificity\n"
        "rule/n: conditions[0].values: must be a single one in a listener of order specificity\n"
        "rule/n: conditions[1].type: \"host\": must appear once in a listener of order "
        "specificity\n"
        "rule/n: conditions[2].match: \"pattern\": must be prefix for a path in a listener of "
        "order specificity\n"
        "rule/n: conditions[3].type: \"method\": must be host or path in a listener of order "
        "specificity"},
    /* a listener that changes its order has rules of the other kind */
    {CHANGE("2", LISTENER("l", "http", "80", FORWARD("web"), ",'rule_order':'specificity'"), ""),
        "rule/r1: priority: means nothing in a listener of order specificity\n"
        "rule/r2: priority: means nothing in a listener of order specificity"},
};

/* On top of BASE, each change is taken. */
static const char *const good[] = {
    CHANGE("2", "", ""),
    "{'version':2}",
    " { \t'version' : 0 , 'remove' : [ ] }\r\n",
    /* both transports, wildcards beside an address of their own, families */
    CHANGE("2",
        "{'kind':'listener','id':'n','instance':'i','bind':['0.0.0.0','::','::1'],"
        "'port':80,'protocol':'tcp','default_actions':[" FORWARD("tcp") "]}",
        ""),
    /* an address that is given up in the same change */
    CHANGE("2", LISTENER("n", "tcp", "90", FORWARD("tcp"), ""), REMOVE("listener", "t")),
    CHANGE("2",
        LISTENER("l", "http", "81", FORWARD("web"), "") "," LISTENER(
            "s", "http", "80", FORWARD("web"), ",'rule_order':'specificity'"),
        ""),
    /* priorities that change places */
    CHANGE("2",
        RULE("r1", "l", "20", HOST("a.example"), FORWARD("api")) "," RULE(
            "r2", "l", "10", HOST("b.example"), FORWARD("api")),
        ""),
    /* a listener and all that belongs to it, in any order */
    CHANGE("2", "", REMOVE("listener", "l") "," REMOVE("rule", "r2") "," REMOVE("rule", "r1")),
    /* references to what comes later */
    CHANGE("2",
        RULE("n", "m", "1", HOST("x"), FORWARD("g")) "," LISTENER(
            "m", "http", "1000", FORWARD("g"), "") "," GROUP("g", "http", ""),
        ""),
    CHANGE("2",
        LISTENER("n", "http", "82",
            "{'type':'rewrite','host':'${host}.internal','path':'/v1${path}',"
            "'query':'from=${host}&${query}'}," FORWARD("web"),
            ""),
        ""),
    CHANGE("2",
        LISTENER("n", "http", "82",
            "{'type':'redirect','status':308,'protocol':'https','port':'443'}", ""),
        ""),
    CHANGE("2",
        LISTENER(
            "n", "http", "82", "{'type':'fixed_response','status':200,'content':'a\\n\\tb'}", ""),
        ""),
    CHANGE("2",
        LISTENER("n", "http", "82",
            "{'type':'forward','groups':[{'group':'web','weight':0},{'group':'api'}]}", ""),
        ""),
    CHANGE("2", GROUP("g", "http", ",'scheduler':'uch','hash_query':'user'"), ""),
    CHANGE("2", GROUP("g", "udp", ",'scheduler':'qch'"), ""),
    CHANGE("2", GROUP("g", "tcp", ",'scheduler':'sch','source':['127.0.0.7','::1']"), ""),
    CHANGE("2", "{'kind':'server_group','id':'g','protocol':'http'}", ""),
    CHANGE("2",
        RULE("n", "s", "0", HOST("*.example") "," PREFIX("/x"), FORWARD("web")) "," RULE("m", "s",
            "0", PREFIX("/x"),
            FORWARD("web")) "," RULE("o", "s", "0", HOST("a.example"), FORWARD("web")),
        ""),
};

static void each_problem_is_told_with_its_place(void **state)
{
    struct builder *builder = builder_new();
    unsigned n_wrong = 0;

    (void)state;
    make_change(builder, CHANGE("1", BASE, ""), false);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct candidate *candidate = NULL;
        struct errors errors;
        struct text text;

        if (make_candidate(builder, cases[i].change, false, &errors, &candidate) == 0)
            builder_abandon(builder, candidate);
        text = make_error_text(&errors);
        if (!span_eq(text_span(&text), span_of(cases[i].errors))) {
            print_error("%s\nsays:\n%.*s\nnot:\n%s\n", cases[i].change, SPAN_ARG(text_span(&text)),
                cases[i].errors);
            n_wrong++;
        }
        text_done(&text);
        errors_done(&errors);
        assert_int_equal(builder_current(builder)->version, 1);
    }
    builder_free(builder);
    assert_int_equal(n_wrong, 0);
}

static void what_is_right_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct builder *builder = builder_new();

        make_change(builder, CHANGE("1", BASE, ""), false);
        make_change(builder, good[i], false);
        builder_free(builder);
    }
}

static void further_errors_are_counted(void **state)
{
    struct builder *builder = builder_new();
    struct candidate *candidate;
    struct errors errors;

    (void)state;
    errors_init(&errors, 2);
    assert_int_equal(builder_prepare(builder, SPAN_LIT("{\"version\":1,\"upsert\":[1,2,3,4,5]}"),
                         false, &errors, &candidate),
        -EINVAL);
    assert_int_equal(errors.n, 2);
    assert_int_equal(errors.n_dropped, 3);
    errors_done(&errors);
    builder_free(builder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_problem_is_told_with_its_place),
        cmocka_unit_test(what_is_right_is_taken),
        cmocka_unit_test(further_errors_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
