/* What people call the things that answers name by id. */
#pragma once

#include "cli/client.h"

/* Id to text, of all instances ("www"), listeners ("www HTTP 80") and server groups ("web"): a new reference. What could
 * not be asked is missing. */
json_t *labels_ask(const struct client *client);
/* Gives each row a Name: the label of what its member `id` names. Asks nothing where there are no rows. */
void labels_name_rows(const struct client *client, const json_t *rows, const char *id);
/* "" if nobody has a word for it. Understands the ids of listeners and of default groups of CLB. buf: for those. */
#define LABEL_MAX 256u
const char *label_of(const json_t *labels, const char *id, char buf[LABEL_MAX]);
