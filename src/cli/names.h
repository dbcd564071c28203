/* Names as people type them: alb create-listener --load-balancer-id for Alb, CreateListener, LoadBalancerId. */
#pragma once

#include "base/text.h"
#include "openapi/openapi.h"

/* "CreateLoadBalancerHTTPListener" as "create-load-balancer-http-listener". */
void add_kebab(struct text *out, const char *name);
/* Whether both are the same but for letter case and dashes. */
bool same_name(struct span a, struct span b);

/* Other words for a product: "clb" is Slb, "dns" is Alidns. */
struct product_alias {
    const char *alias, *name;
};
#define N_PRODUCT_ALIASES 2u
extern const struct product_alias product_aliases[N_PRODUCT_ALIASES];

/* By name or alias, whatever the letter case. NULL: none. */
const struct openapi_product *find_product(struct span name);
const struct openapi_operation *find_operation(
    const struct openapi_product *product, struct span name);
/* A member, exact or as people type it. */
const struct openapi_field *find_field(const struct openapi_field *parent, struct span name);

/* How many letters to change, add, leave out or swap to get from a to b; both without case and dashes. */
unsigned name_distance(struct span a, struct span b);
/* The closest of the names, or NULL if none is close. name(i) gives NULL at the end. */
const char *nearest_name(
    struct span name, const char *(*get)(const void *names, size_t i), const void *names);
const char *nearest_operation(const struct openapi_product *product, struct span name);
const char *nearest_field(const struct openapi_field *parent, struct span name);
