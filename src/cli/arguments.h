/* Parameters of an operation as arguments: --Servers.1.Port 80, --Servers '[{"Port": 80}]', --json FILE. */
#pragma once

#include "cli/names.h"
#include "openapi/params.h"

#define ARGUMENT_ERROR_MAX 512u

/* Adds the pairs that --name value stands for. Names need not have the table's letter case, and may be
 * written with dashes. 0, or -EINVAL with one sentence in error. */
int argument_add(const struct openapi_operation *op, struct params *params, struct span name,
    struct span value, char error[ARGUMENT_ERROR_MAX]) MUST_CHECK;

/* Adds what is in a JSON object whose members are parameters. Like argument_add. */
int argument_add_json(const struct openapi_operation *op, struct params *params,
    const json_t *object, char error[ARGUMENT_ERROR_MAX]) MUST_CHECK;

/* Whether the parameter of that name is a boolean, which needs no value behind it. */
bool argument_is_flag(const struct openapi_operation *op, struct span name);
