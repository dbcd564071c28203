/* Settings of server groups and of health-check templates. */
#pragma once

#include "control/products/alb/alb.h"

/* Members of a health check but HealthCheckEnabled, NULL-terminated. */
extern const char *const alb_check_members[];
/* Puts what given says over to, fills in what is absent and checks the whole. */
int alb_set_health_check(struct call *call, const json_t *given, json_t *to) MUST_CHECK;
