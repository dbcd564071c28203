/* Reads what is on a node of the kinds that a manifest has. */
#pragma once

#include "cli/client.h"
#include "cli/manifest.h"

/* What manifest_plan takes. CLI_OK and new references, or what went wrong, which has been told. */
int manifest_state(const struct client *client, const json_t *desired, json_t **ret_actual,
    json_t **ret_ids) MUST_CHECK;
