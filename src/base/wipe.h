/* Memory that had secrets is overwritten before it goes back to the heap. */
#pragma once

#include "base/base.h"

/* free() of the whole block, overwritten. NULL is accepted. */
void wipe_free(void *ptr);
/* realloc() that leaves no copy behind; aborts when there is no memory. old_bytes are kept. */
void *wipe_realloc(void *ptr, size_t old_bytes, size_t bytes);
