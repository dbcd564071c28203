/* The certificate that the API shows: made from the two files that the node file names. */
#pragma once

#include "control/node.h"
#include "tls/context.h"

#define API_CERTIFICATE_WHY_MAX 640u

/* Reads both files, which takes what files take. now: wall clock.
 * 0 and a context of the caller's (NULL: the node file names none), or a negative with why: one sentence that names the
 * file. Refused: a key that others may read, a key of another certificate, a certificate that is not valid now. */
int api_certificate_read(const struct node_conf *node, nsec now, struct tls_context **ret_tls,
    char why[static API_CERTIFICATE_WHY_MAX]) MUST_CHECK;
