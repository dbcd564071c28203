/* Random ids of requests, jobs and events (RFC 9562 version 4). Any thread. */
#pragma once

#include "base/base.h"

#define UUID_LEN 36u

/* 8-4-4-4-12 hexadecimal digits and a final zero. */
void uuid_make(char buf[static UUID_LEN + 1], bool upper_case);
