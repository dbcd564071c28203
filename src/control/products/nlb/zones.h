/* How zone mappings of NLB spell their members and errors. */
#pragma once

#include "control/products/common/common.h"
#include "control/products/nlb/nlb.h"

extern const struct zone_shape nlb_zone_shape;
