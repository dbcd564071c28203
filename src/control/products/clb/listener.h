/* What the files about listeners share: one row per protocol tells them apart. */
#pragma once

#include "control/products/clb/clb.h"

/* A parameter that has another name in the document. */
struct listener_alias {
    const char *param, *member;
};

/* What a new listener has when nothing else was said. */
struct listener_default {
    const char *member;
    const char *text; /* NULL: value is meant */
    int64_t value;
};

struct listener_protocol {
    const char *name;            /* "tcp" */
    const char *config;          /* member of DescribeLoadBalancerListeners: "TCPListenerConfig" */
    bool is_http;                /* http, https: layer 7 */
    const char *no_group;        /* code for a VServerGroupId that does not exist */
    const char *const *settings; /* copied as they are; NULL-terminated */
    const struct listener_alias *aliases;       /* ended by param NULL */
    const struct listener_default *defaults[3]; /* tables, each ended by member NULL */
};

extern const struct listener_protocol listener_tcp, listener_udp, listener_http, listener_https;

/* NULL if there is none of that name. */
const struct listener_protocol *listener_protocol_find(const char *name);

/* Brings what the call says into a listener's body; is_new: with defaults. */
int listener_apply(struct call *call, const struct listener_protocol *protocol, json_t *body,
    bool is_new) MUST_CHECK;
/* Whether a body, as it would be stored, holds together. */
int listener_verify(struct call *call, const struct listener_protocol *protocol, json_t *body,
    bool is_new) MUST_CHECK;
