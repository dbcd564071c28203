/* The reference page of all resources, made from the rows. */
#pragma once

#include "base/text.h"

/* Markdown: a section per kind that is served, a table of its fields, and of what its lists hold. */
void model_describe(struct text *out);
