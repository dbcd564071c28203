/* What people can ask for, from the tables. */
#pragma once

#include "base/text.h"
#include "openapi/openapi.h"

void help_products(struct text *out);
void help_product(struct text *out, const struct openapi_product *product);
void help_operation(struct text *out, const struct openapi_operation *op);
