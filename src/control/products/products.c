/* The products of this program: one line each. */
#include "control/call.h"

extern const struct product product_cas;
extern const struct product product_actiontrail;
extern const struct product product_alb;
extern const struct product product_clb;
extern const struct product product_alidns;
extern const struct product product_nlb;
extern const struct product product_openslb;
extern const struct product product_ecs, product_vpc;

const struct product *const products[] = {
    &product_actiontrail,
    &product_alb,
    &product_clb,
    &product_alidns,
    &product_nlb,
    &product_openslb,
    &product_cas,
    &product_ecs,
    &product_vpc,
    NULL,
};

const uint32_t n_products = ARRAY_LEN(products) - 1;
