/* How long the HTTP/1 codec takes for one message: ns, best of several rounds, on one core. */
#include <time.h>

#include "http/h1/h1.h"

/* short rounds, so that some of them run undisturbed on a busy machine */
#define ROUNDS   200u
#define MESSAGES 10000u

static const char browser_request[] =
    "GET /static/js/app.4f3c2a.js?v=20240611 HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0\r\n"
    "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://www.example.com/\r\n"
    "Cookie: session=8c1f0a7be2d94f3d; theme=dark\r\n"
    "Cache-Control: no-cache\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

static const char server_response[] = "HTTP/1.1 200 OK\r\n"
                                      "Server: nginx/1.24.0\r\n"
                                      "Date: Tue, 11 Jun 2024 10:00:00 GMT\r\n"
                                      "Content-Type: application/javascript\r\n"
                                      "Content-Length: 0\r\n"
                                      "Last-Modified: Mon, 10 Jun 2024 09:00:00 GMT\r\n"
                                      "ETag: \"6666c1f0-1a2b\"\r\n"
                                      "Cache-Control: public, max-age=3600\r\n"
                                      "Accept-Ranges: bytes\r\n"
                                      "\r\n";

static const struct h1_limits limits = {
    .line_bytes = 32768,
    .header_bytes = 32768,
    .head_bytes = 65536,
    .n_headers = 100,
    .body_bytes = UINT64_MAX,
};

static struct http_header headers[100];

static double now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* Head and end of one message. */
static void read_message(struct h1_reader *reader, struct span in, struct http_msg *msg)
{
    struct h1_step step;

    h1_read(reader, in, msg, &step);
    assert(step.event == H1_HEAD && step.used == in.len);
    h1_read(reader, (struct span){0}, msg, &step);
    assert(step.event == H1_END);
}

static void run_request(struct http_msg *msg)
{
    struct h1_reader reader;

    h1_reader_init_request(&reader, &limits);
    read_message(&reader, SPAN_LIT(browser_request), msg);
}

static void run_response(struct http_msg *msg)
{
    struct h1_reader reader;

    h1_reader_init_response(&reader, &limits, HTTP_METHOD_GET);
    read_message(&reader, SPAN_LIT(server_response), msg);
}

static void run_write(struct http_msg *msg)
{
    char buf[1024];
    size_t n = h1_write_request(msg, HTTP_VERSION_1_1, H1_CONNECTION_DEFAULT, buf, sizeof(buf));

    assert(n > 0);
    __asm__ volatile("" : : "r"(buf) : "memory");
}

static void run_copy(struct http_msg *msg)
{
    char block[4096];
    struct arena arena;
    struct http_msg copy;
    int r;

    arena_init(&arena, block, sizeof(block), SIZE_MAX);
    r = http_msg_copy(msg, SPAN_LIT(browser_request), &arena, &copy);
    assert(r == 0);
    http_drop_hop_by_hop(&copy.fields);
    arena_done(&arena);
}

static void measure(const char *name, size_t bytes, void (*run)(struct http_msg *msg))
{
    struct http_msg msg = {.fields = {.at = headers, .cap = ARRAY_LEN(headers)}};
    double best = 1e18;

    /* what writing and copying work on */
    if (run == run_write || run == run_copy) {
        struct h1_reader reader;
        struct h1_step step;

        h1_reader_init_request(&reader, &limits);
        h1_read(&reader, SPAN_LIT(browser_request), &msg, &step);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        double took;

        for (unsigned i = 0; i < MESSAGES; i++)
            run(&msg);
        took = (now_ns() - start) / MESSAGES;
        best = MIN(best, took);
    }
    printf("%-28s %4zu bytes %7.1f ns\n", name, bytes, best);
}

int main(void)
{
    measure("read request", sizeof(browser_request) - 1, run_request);
    measure("read response", sizeof(server_response) - 1, run_response);
    measure("write request", sizeof(browser_request) - 1, run_write);
    measure("copy, drop hop-by-hop", sizeof(browser_request) - 1, run_copy);
    return 0;
}
