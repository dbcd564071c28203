/* What the parts of the API share. */
#pragma once

#include "control/api/api.h"
#include "control/api/events.h"
#include "control/api/limit.h"
#include "control/api/nonce.h"

struct api {
    struct control *control; /* borrowed */
    const struct product *const *products;
    uint32_t n_products;
    struct events events;
    struct nonces nonces;
    struct limits limits;
    struct timer flush_timer, trim_timer;
    nsec started_at, refusal_logged_at; /* of the clock that never steps; 0: no refusal so far */
};

/* api_new for other products than the program's: tests have their own. Without control->engine there are no timers. */
struct api *api_make(struct control *control, const struct product *const *set, uint32_t n);
