/* Calls of the API as a program makes them: signed (version 3), one at a time. */
#pragma once

#include "cli/options.h"
#include "openapi/params.h"

#define CLIENT_ENDPOINT_DEFAULT "http://127.0.0.1:9080"

struct client {
    char endpoint[256];
    const char *ca; /* borrowed: the arguments' or the environment's; NULL: the system's CAs */
    char access_key_id[128];
    char access_key_secret[256];
};

/* Reads the key. CLI_OK, or CLI_REFUSED after saying what to do. */
int client_open(const struct common *common, struct client *ret_client) MUST_CHECK;

struct client_error {
    unsigned status; /* of HTTP */
    char code[128], message[512], request_id[64];
};

/* CLI_OK and the answer, a new reference; CLI_REFUSED and *ret_error, not shown yet; or CLI_UNREACHABLE after saying
 * why. Waits where the key has had its calls of this second. ret_answer may be NULL. */
int client_call(const struct client *client, const struct openapi_operation *op,
    const struct params *params, json_t **ret_answer, struct client_error *ret_error) MUST_CHECK;

/* The same by name, from JSON of the table's shape (NULL: no parameters), and errors are shown. in is not stolen. */
int client_ask(const struct client *client, const char *product, const char *operation,
    const json_t *in, json_t **ret_answer) MUST_CHECK;
/* All pages of a list: the elements of member `list` (or of its wrapper) of all answers; a new reference. */
int client_list(const struct client *client, const char *product, const char *operation,
    const char *list, const json_t *in, json_t **ret_list) MUST_CHECK;

void client_show_error(const struct openapi_operation *op, const struct client_error *error);
