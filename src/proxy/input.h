/* What was read from a connection and not understood yet. Both sides of an exchange keep it alike: nothing while the codec
 * takes all that comes, else the rest of a message in one chunk that is charged to the worker's pool.
 */
#pragma once

#include "engine/conn.h"

/* Where the next read goes: behind what *held has, else into the worker's scratch area. *held may become a larger one.
 * NULL when memory is out. */
char *input_room(struct conn_env *env, struct chunk **held, size_t *ret_n);

/* Keeps the rest of what was read, which lies in *held (in_held) or elsewhere; an empty rest holds nothing.
 * False when memory is out. */
bool input_keep(struct conn_env *env, struct chunk **held, struct span rest, bool in_held);
