/* Changes for tests of snapshots, written with single quotes so that they can be read. */
#pragma once

#include "snapshot/snapshot.h"
#include "unit.h"

#define FORWARD(group) "{'type':'forward','groups':[{'group':'" group "'}]}"
#define INSTANCE       "{'kind':'instance','id':'i','product':'alb'}"
#define CHECK          "{'kind':'health_check','id':'hc','protocol':'tcp'}"
#define GROUP(id, protocol, more)                                \
    "{'kind':'server_group','id':'" id "','protocol':'" protocol \
    "','servers':[{'id':'a','ip':'127.0.0.1','port':8001},"      \
    "{'id':'b','ip':'127.0.0.2','port':8001}]" more "}"
#define LISTENER(id, protocol, port, action, more)                          \
    "{'kind':'listener','id':'" id "','instance':'i','bind':['127.0.0.1']," \
    "'protocol':'" protocol "','port':" port ",'default_actions':[" action "]" more "}"
#define RULE(id, listener, priority, conditions, actions)                         \
    "{'kind':'rule','id':'" id "','listener':'" listener "','priority':" priority \
    ",'conditions':[" conditions "],'actions':[" actions "]}"
#define HOST(value)   "{'type':'host','values':['" value "']}"
#define PATH(value)   "{'type':'path','values':['" value "']}"
#define PREFIX(value) "{'type':'path','match':'prefix','values':['" value "']}"
#define CHANGE(version, upserts, removes) \
    "{'version':" version ",'upsert':[" upserts "],'remove':[" removes "]}"
#define REMOVE(kind, id) "{'kind':'" kind "','id':'" id "'}"

/* Two http listeners, by priority (l) and by specificity (s), a tcp (t) and a udp one (u). */
#define BASE                                                                                       \
    INSTANCE "," CHECK "," GROUP("web", "http", ",'health_check':'hc'") "," GROUP(                 \
        "api", "http", "") "," GROUP("tcp", "tcp", "") "," GROUP("udp", "udp",                     \
        "") "," LISTENER("l", "http", "80", FORWARD("web"), "") "," LISTENER("s", "http", "81",    \
        FORWARD("web"), ",'rule_order':'specificity'") "," LISTENER("t", "tcp", "90",              \
        FORWARD("tcp"), "") "," LISTENER("u", "udp", "90", FORWARD("udp"), "") "," RULE("r1", "l", \
        "10", HOST("a.example"), FORWARD("api")) "," RULE("r2", "l", "20", HOST("b.example"),      \
        FORWARD("api")) "," RULE("s1", "s", "0", HOST("a.example") "," PREFIX("/x"),               \
        FORWARD("api"))

/* The caller frees. */
static inline char *make_json(const char *quoted)
{
    char *json = base_strdup(quoted);

    for (char *c = json; *c; c++) {
        if (*c == '\'')
            *c = '"';
    }
    return json;
}

/* Prepares a change. errors is initialised here and the caller's to free. */
static inline int make_candidate(struct builder *builder, const char *quoted, bool whole,
    struct errors *errors, struct candidate **ret_candidate)
{
    char *json = make_json(quoted);
    int r;

    errors_init(errors, 100);
    r = builder_prepare(builder, span_of(json), whole, errors, ret_candidate);
    free(json);
    return r;
}

/* All problems, one per line. The caller frees. */
static inline struct text make_error_text(const struct errors *errors)
{
    struct text text;

    text_init(&text, 1u << 20);
    for (uint32_t i = 0; i < errors->n; i++) {
        if (i > 0)
            text_add_char(&text, '\n');
        error_format(&errors->items[i], &text);
    }
    return text;
}

/* Prepares and commits what must be right. */
static inline void make_change(struct builder *builder, const char *quoted, bool whole)
{
    struct candidate *candidate;
    struct errors errors;

    if (make_candidate(builder, quoted, whole, &errors, &candidate) < 0) {
        struct text text = make_error_text(&errors);

        print_error("%s\nis refused:\n%.*s\n", quoted, SPAN_ARG(text_span(&text)));
        fail();
    }
    errors_done(&errors);
    builder_commit(builder, candidate);
}

static inline uint32_t make_slot(
    const struct builder *builder, enum resource_kind kind, const char *id)
{
    const struct resource *resource = builder_find(builder, kind, id);

    assert_non_null(resource);
    return resource->slot;
}
