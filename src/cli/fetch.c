#include "cli/fetch.h"

#include <curl/curl.h>

#define CONNECT_TIMEOUT_MS 5000L

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t on_body(char *ptr, size_t size, size_t n, void *answer)
{
    text_add(answer, (struct span){ptr, size * n});
    return text_failed(answer) ? 0 : size * n;
}

static struct curl_slist *make_headers(const char *const *headers)
{
    struct curl_slist *list = NULL;

    for (; *headers; headers++) {
        struct curl_slist *longer = curl_slist_append(list, *headers);

        if (!longer) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

static void set_options(
    CURL *curl, const struct fetch_post *post, struct curl_slist *headers, struct text *answer)
{
    (void)curl_easy_setopt(curl, CURLOPT_URL, post->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (post->ca) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, post->ca);
        (void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body.len);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post->body.len > 0 ? post->body.ptr : "");
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)post->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
}

static int failure(CURLcode code)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return -EKEYREJECTED;
    case CURLE_SSL_CACERT_BADFILE:
        return -ENOKEY;
    case CURLE_GOT_NOTHING:
    case CURLE_SSL_CONNECT_ERROR:
        return -EPROTO;
    default:
        return -EIO;
    }
}

int fetch(const struct fetch_post *post, struct text *answer, unsigned *ret_status,
    char error[FETCH_ERROR_MAX])
{
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = make_headers(post->headers);
    char why[CURL_ERROR_SIZE] = "";
    CURLcode code = CURLE_OUT_OF_MEMORY;
    long status = 0;

    if (curl && headers) {
        set_options(curl, post, headers, answer);
        (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
        code = curl_easy_perform(curl);
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK) {
        (void)snprintf(
            error, FETCH_ERROR_MAX, "%s", why[0] != '\0' ? why : curl_easy_strerror(code));
        return failure(code);
    }
    *ret_status = (unsigned)status;
    return 0;
}
