/* Bodies of documents out of the store. Pure. */
#pragma once

#include <jansson.h>

#include "base/span.h"

/* The same as json_loadb with no flags, some ten times faster for what json_dumps(JSON_COMPACT)
 * writes: a node with ten thousand certificates reads all of them when it starts. A new
 * reference; NULL: not JSON. */
json_t *body_read(struct span json);
