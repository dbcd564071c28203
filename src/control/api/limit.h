/* Calls per second of each AccessKey: a bucket of tokens that holds one second's worth. */
#pragma once

#include "base/clock.h"
#include "base/map.h"

struct limits {
    struct map buckets; /* id -> struct bucket, owned */
    unsigned per_second;
};

/* Takes one; false: there is none left. Only for ids of AccessKeys: their number is bounded. */
bool limits_take(struct limits *limits, struct span id, nsec now);
/* Forgets buckets that are full again: no bucket and a full one are the same. Now and then. */
void limits_trim(struct limits *limits, nsec now);
void limits_done(struct limits *limits);
