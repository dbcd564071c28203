/* A peer of a TLS server that sends what it likes: the transport says "not yet", an end or an error, and leaves nothing behind.
 *
 * Input: the length of the first piece (one byte), then all that the peer sends, in two pieces. */
#include <sys/socket.h>
#include <unistd.h>

#include "tls/transport.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define READS_MAX 64u

/* Made for this program, and used nowhere else. */
static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBcjCCARmgAwIBAgIUXKPqajL3Lzv5ituPxApB54S65b0wCgYIKoZIzj0EAwIw\n"
    "DzENMAsGA1UEAwwEZnV6ejAeFw0yNjExMjExMTIyNTBaFw0zNjExMTgxMTIyNTBa\n"
    "MA8xDTALBgNVBAMMBGZ1enowWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASplwLH\n"
    "2jbDm9zsp7kImkckakWpW41lXFEoMM+tSH8jlsYWq0ZDzaAqqFsYox/sep1whYYe\n"
    "ql/D3roXYJdHCMOIo1MwUTAdBgNVHQ4EFgQUe4h8S1RSJfOAlS11f1fd89bFABcw\n"
    "HwYDVR0jBBgwFoAUe4h8S1RSJfOAlS11f1fd89bFABcwDwYDVR0TAQH/BAUwAwEB\n"
    "/zAKBggqhkjOPQQDAgNHADBEAiBv49loGpJ+GGWT+FFw0ubjNUW2pyWHaAZEWRmJ\n"
    "WtHiIAIgMh6DeayI009ju94cZ/YkeOtt7BB9WTG34u/PK9iUTeE=\n"
    "-----END CERTIFICATE-----\n";
static const char key[] = "-----BEGIN PRIVATE KEY-----\n"
                          "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgH2fMI+S7K630b55t\n"
                          "7Zoqls21UM6P3IWXmkSsEt0z9qmhRANCAASplwLH2jbDm9zsp7kImkckakWpW41l\n"
                          "XFEoMM+tSH8jlsYWq0ZDzaAqqFsYox/sep1whYYeql/D3roXYJdHCMOI\n"
                          "-----END PRIVATE KEY-----\n";

static struct engine *engine;
static struct conn_env env;
static struct tls_context *context;

static void begin(void)
{
    struct tls_context_opts opts = {.certificate = span_of(certificate), .key = span_of(key)};
    char why[TLS_WHY_MAX];
    int r = tls_context_new(NULL, &opts, &context, why);

    assert(r == 0);
    (void)r;
    engine = engine_new(NULL);
    assert(engine);
    conn_env_init(&env, engine, (size_t)1 << 20, 0);
}

/* A static program-long state would be a leak to nobody but the leak checker. */
__attribute__((destructor)) static void end(void)
{
    if (!engine)
        return;
    engine = engine_free(engine);
    conn_env_done(&env);
    context = tls_context_unref(context);
}

static void on_ready(struct engine *unused, struct engine_io *io)
{
    (void)unused;
    (void)io;
}

/* Reads until there is nothing more for now. Returns false at the end of it all. */
static bool read_all(struct conn *conn)
{
    for (unsigned i = 0; i < READS_MAX; i++) {
        ssize_t n = conn_read(&env, conn, env.scratch, CONN_SCRATCH_BYTES);

        if (n <= 0)
            return n == -EAGAIN;
    }
    return false;
}

static void send_piece(int fd, struct span piece)
{
    if (piece.len > 0)
        (void)!send(fd, piece.ptr, piece.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)!engine_turn(engine, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = {(const char *)data, size}, first, rest;
    struct conn conn;
    int fds[2];
    int r;

    if (size == 0)
        return 0;
    if (!engine)
        begin();
    all = span_from(all, 1);
    first = (struct span){all.ptr, MIN((size_t)data[0], all.len)};
    rest = span_from(all, first.len);
    r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
    assert(r == 0);
    r = tls_accept(&env, &conn, fds[0], context, on_ready);
    assert(r == 0);
    (void)r;
    send_piece(fds[1], first);
    if (read_all(&conn)) {
        send_piece(fds[1], rest);
        if (read_all(&conn))
            (void)!conn_shut(&env, &conn);
    }
    conn_close(&env, &conn);
    (void)close(fds[1]);
    return 0;
}
