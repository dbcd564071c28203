/* The connection id of a QUIC datagram, as far as a balancer without the connection's secrets can see it. Pure. */
#pragma once

#include "base/span.h"

#define QUIC_KEY_BYTES 8u

/* Finds what all packets with one destination connection id have in common (RFC 8999 section 5): its first QUIC_KEY_BYTES
 * bytes. A long header tells the id's length, and a shorter id counts whole; a short header does not, and ids
 * are taken to be at least that long. Returns false for what a client never sends or cannot be read: no id, version
 * negotiation, too few bytes. *ret_id points into datagram. */
bool quic_key(struct span datagram, struct span *ret_id);
