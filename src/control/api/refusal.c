/* What the HTTP server refuses before the API sees it: in the API's envelope all the same. */
#include "control/api/dispatch.h"
#include "control/api/uuid.h"

static const struct {
    unsigned status;
    const char *code, *message;
} refusals[] = {
    {400, "InvalidRequest",
        "The request is not valid HTTP/1.1, or its headers are too large or too many."},
    {404, "InvalidPath.NotFound", "The API has one path, which is /."},
    {405, "UnsupportedHTTPMethod", "Calls are made with GET or POST."},
    {408, "RequestTimeout", "The request did not arrive in time."},
    {413, "RequestTooLarge", "The body of the request is too large."},
    {414, "RequestTooLarge", "The request line is too long; send parameters in the body."},
    {417, "InvalidRequest", "The request expects what the API does not do."},
    {501, "InvalidRequest", "The transfer coding of the request is not known."},
    {503, "ServiceUnavailable", "The node has too many requests in hand; try again."},
    {504, "ServiceUnavailable",
        "The call takes too long; look whether it was done before trying again."},
    {505, "InvalidRequest", "The API speaks HTTP/1.1."},
};

const char *api_refusal(
    void *arg, const struct serve_request *request, unsigned status, struct text *body)
{
    const char *code = "InternalError", *message = "The node failed to answer.";
    char request_id[UUID_LEN + 1], host[256];
    struct span authority = request->authority;

    (void)arg;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (refusals[i].status == status) {
            code = refusals[i].code;
            message = refusals[i].message;
        }
    }
    uuid_make(request_id, true);
    (void)snprintf(host, sizeof(host), "%.*s", (int)MIN(authority.len, sizeof(host) - 1),
        authority.len > 0 ? authority.ptr : "");
    dispatch_error(body, request_id, host, code, span_of(message));
    return API_CONTENT_TYPE;
}
