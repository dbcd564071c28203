/* What the files about listeners share. */
#pragma once

#include "control/products/alb/alb.h"

/* Sets body's members to what the call's parameters say and checks the whole. body: with LoadBalancerId and
 * ListenerProtocol; of an HTTPS or QUIC listener all members of alb.h that it must have but Certificates. id: NULL for a
 * new listener. */
int listener_set(struct call *call, const char *id, json_t *body) MUST_CHECK;

/* The certificates that given ([{CertificateId}]) names, by the ids of their documents, as a new array of the same form. */
int listener_take_certificates(
    struct call *call, const json_t *given, bool is_ca, json_t **ret_list) MUST_CHECK;

/* The listener that ListenerId names; NULL after call_fail. edit: to be changed, and what the call is about. */
const struct doc *listener_find(struct call *call);
json_t *listener_edit(struct call *call);
