/* Calls that carry secrets: what libraries allocate for them does not stay behind in the heap.
 *
 * JSON trees and OpenSSL's objects are made and freed in many places. The libraries free by functions of this file, which overwrite
 * while such a call is under way. Texts, parameters and the request have flags of their own (text_init_secret, wipe_free).
 */
#pragma once

#include "base/base.h"

/* Once, before the libraries allocate anything. The control process only. */
void secrets_init(void);

/* Begins and ends a call that has secrets; one thread. */
void secrets_begin(void);
void secrets_end(void);
