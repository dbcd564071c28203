/* TLS over socketpairs: a conn of ours on one side, OpenSSL over memory on the other, which sends as many bytes at a time
 * as a test likes. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cert_make.h"
#include "engine/sys.h"
#include "tls/transport.h"

#define TURNS_MAX 20000
#define ALL       ((size_t)1 << 30)
#define BIG_BYTES ((size_t)3 << 20)
#define MEMORY    ((size_t)64 << 20)

static struct tls_context *context;
static struct made leaf;

/* --- both ends ------------------------------------------------------------------------------- */

static struct {
    struct engine *engine;
    struct conn_env env;
    struct conn conn;
    bool is_deaf;        /* does not read */
    struct text got;     /* what was read */
    ssize_t end;         /* last result of a read that was no bytes and not -EAGAIN; 1: none */
    unsigned n_readings; /* of the socket's owner */
} server;

static struct {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out; /* the ssl's */
    int fd;
    bool ended; /* the server's FIN or RST */
    int reset;  /* errno of that */
} client;

static void on_ready(struct engine *engine, struct engine_io *io)
{
    ssize_t n = 1;

    (void)engine;
    (void)io;
    if (server.conn.error != 0 || conn_flush(&server.env, &server.conn) < 0)
        return;
    while (!server.is_deaf && n > 0) {
        n = conn_read(&server.env, &server.conn, server.env.scratch, CONN_SCRATCH_BYTES);
        server.n_readings++;
        if (n > 0)
            text_add(&server.got, (struct span){server.env.scratch, (size_t)n});
        else if (n != -EAGAIN)
            server.end = n;
    }
}

static void begin(void)
{
    int fds[2];

    memset(&server, 0, sizeof(server));
    memset(&client, 0, sizeof(client));
    server.end = 1;
    text_init(&server.got, BIG_BYTES * 2);
    server.engine = engine_new(NULL);
    conn_env_init(&server.env, server.engine, MEMORY, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(tls_accept(&server.env, &server.conn, fds[0], context, on_ready), 0);
    on_ready(server.engine, &server.conn.io); /* as owners do: what is not ready says so */
    client.fd = fds[1];
    client.ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(client.ctx, 0);
}

static void client_start(void)
{
    client.ssl = SSL_new(client.ctx);
    client.in = BIO_new(BIO_s_mem());
    client.out = BIO_new(BIO_s_mem());
    SSL_set_bio(client.ssl, client.in, client.out);
    SSL_set_connect_state(client.ssl);
    (void)SSL_do_handshake(client.ssl);
}

static void end(void)
{
    conn_close(&server.env, &server.conn);
    conn_close(&server.env, &server.conn); /* as owners may */
    assert_int_equal(server.env.pool.used_bytes, 0);
    server.engine = engine_free(server.engine);
    conn_env_done(&server.env);
    text_done(&server.got);
    SSL_free(client.ssl);
    SSL_CTX_free(client.ctx);
    if (client.fd >= 0)
        (void)close(client.fd);
    ERR_clear_error();
}

/* Bytes of the server's to the client's SSL, or to nobody. */
static void client_receive(void)
{
    static char buf[65536];
    ssize_t n = recv(client.fd, buf, sizeof(buf), MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        client.ended = true;
        client.reset = n < 0 ? errno : 0;
    }
    if (n > 0 && client.in)
        assert_int_equal(BIO_write(client.in, buf, (int)n), n);
}

/* At most step bytes of what the client's SSL wants to send. */
static void client_transmit(size_t step)
{
    static char drop[65536];
    char *bytes;
    long n = client.out ? BIO_get_mem_data(client.out, &bytes) : 0;

    n = MIN(n, (long)step);
    if (n <= 0)
        return;
    n = send(client.fd, bytes, (size_t)n, MSG_NOSIGNAL);
    while (n > 0)
        n -= BIO_read(client.out, drop, (int)MIN(n, (long)sizeof(drop)));
}

/* One turn of both: at most step bytes of the client's, all of the server's. */
static void turn(size_t step)
{
    client_transmit(step);
    assert_int_equal(engine_turn(server.engine, 0), 0);
    client_receive();
}

static void client_handshake(size_t step)
{
    client_start();
    for (unsigned i = 0; i < TURNS_MAX && SSL_do_handshake(client.ssl) != 1; i++)
        turn(step);
    assert_int_equal(SSL_is_init_finished(client.ssl), 1);
}

static void client_send(struct span bytes)
{
    size_t n = 0;

    assert_int_equal(SSL_write_ex(client.ssl, bytes.ptr, bytes.len, &n), 1);
    assert_int_equal(n, bytes.len);
}

/* Until all that the client wants to say is said and the server has gone quiet. */
static void settle(size_t step)
{
    for (unsigned i = 0; i < TURNS_MAX && BIO_pending(client.out) > 0 && !client.ended; i++)
        turn(step);
    for (unsigned i = 0; i < 10; i++)
        turn(step);
}

/* Appends what the client can decrypt; returns how it ended. */
static int client_read(struct text *text)
{
    static char buf[65536];
    size_t n;

    while (SSL_read_ex(client.ssl, buf, sizeof(buf), &n) == 1)
        text_add(text, (struct span){buf, n});
    return SSL_get_error(client.ssl, 0);
}

static void client_expect(const char *expected)
{
    struct text text;

    text_init(&text, 65536);
    (void)client_read(&text);
    assert_span_is(text_span(&text), expected);
    text_done(&text);
}

static void server_send(struct span bytes)
{
    conn_gather(&server.env, &server.conn, bytes);
    assert_true(conn_flush(&server.env, &server.conn) >= 0);
}

static void server_expect(const char *expected)
{
    assert_span_is(text_span(&server.got), expected);
    text_reset(&server.got);
}

/* --- handshakes ------------------------------------------------------------------------------ */

static const struct {
    int version;
    size_t step;
} ways[] = {
    {TLS1_2_VERSION, 1},
    {TLS1_2_VERSION, 7},
    {TLS1_2_VERSION, ALL},
    {TLS1_3_VERSION, 1},
    {TLS1_3_VERSION, 7},
    {TLS1_3_VERSION, ALL},
};

static void begin_version(int version)
{
    begin();
    SSL_CTX_set_min_proto_version(client.ctx, version);
    SSL_CTX_set_max_proto_version(client.ctx, version);
}

static void pieces_make_no_difference(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(ways); i++) {
        begin_version(ways[i].version);
        client_handshake(ways[i].step);
        client_send(SPAN_LIT("one"));
        client_send(SPAN_LIT("two"));
        settle(ways[i].step);
        server_expect("onetwo");
        server_send(SPAN_LIT("three"));
        settle(ways[i].step);
        client_expect("three");
        assert_int_equal(SSL_version(client.ssl), ways[i].version);
        end();
    }
}

static void who_speaks_first_waits_for_the_handshake(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(ways); i++) {
        begin_version(ways[i].version);
        server.is_deaf = true; /* all is done by writes */
        conn_gather(&server.env, &server.conn, SPAN_LIT("220 "));
        assert_int_equal(conn_flush(&server.env, &server.conn), CONN_QUEUED);
        server_send(SPAN_LIT("hello"));
        client_handshake(ways[i].step);
        settle(ways[i].step);
        client_expect("220 hello");
        assert_int_equal(server.conn.out_bytes, 0);
        end();
    }
}

static void handshakes_may_end_early(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40; n += 3) {
        begin();
        client_start();
        for (size_t i = 0; i < n; i++)
            turn(n * 11);
        end();
    }
}

static void one_ticket_is_given_and_taken(void **state)
{
    SSL_SESSION *session;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(ways); i += 3) {
        begin_version(ways[i].version);
        client_handshake(ALL);
        server_send(SPAN_LIT("x"));
        settle(ALL);
        client_expect("x"); /* and the ticket of TLS 1.3 before it */
        assert_int_equal(SSL_session_reused(client.ssl), 0);
        session = SSL_get1_session(client.ssl);
        assert_int_equal(SSL_SESSION_is_resumable(session), 1);
        (void)SSL_shutdown(client.ssl); /* else the session counts as broken */
        end();
        begin_version(ways[i].version);
        client.ssl = SSL_new(client.ctx);
        client.in = BIO_new(BIO_s_mem());
        client.out = BIO_new(BIO_s_mem());
        SSL_set_bio(client.ssl, client.in, client.out);
        SSL_set_connect_state(client.ssl);
        assert_int_equal(SSL_set_session(client.ssl, session), 1);
        for (unsigned n = 0; n < 50 && SSL_do_handshake(client.ssl) != 1; n++)
            turn(ALL);
        assert_int_equal(SSL_session_reused(client.ssl), 1);
        SSL_SESSION_free(session);
        end();
    }
}

static void alpn_chooses_what_the_server_likes_best(void **state)
{
    static const struct {
        const char *offer;
        unsigned n;
        const char *chosen; /* NULL: refused */
    } cases[] = {
        {"\3foo\10http/1.1", 13, "http/1.1"},
        {"\10http/1.1\2h2", 12, "h2"},
        {"", 0, ""},
        {"\3foo", 4, NULL},
    };
    static const char *const alpn[] = {"h2", "http/1.1"};
    struct tls_context *plain = context;
    struct text certificate, key;
    char why[TLS_WHY_MAX];

    (void)state;
    text_init(&certificate, TLS_PEM_MAX);
    text_init(&key, TLS_PEM_MAX);
    make_cert_pem(&certificate, &leaf);
    make_key_pem(&key, &leaf, NULL, false);
    assert_int_equal(tls_context_new(NULL,
                         &(struct tls_context_opts){.certificate = text_span(&certificate),
                             .key = text_span(&key),
                             .alpn = alpn,
                             .n_alpn = 2},
                         &context, why),
        0);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        begin();
        if (cases[i].n > 0)
            SSL_CTX_set_alpn_protos(client.ctx, (const unsigned char *)cases[i].offer, cases[i].n);
        if (cases[i].chosen) {
            client_handshake(ALL);
            settle(ALL);
            assert_span_is(tls_alpn(&server.conn), cases[i].chosen);
        } else {
            client_start();
            settle(ALL);
            assert_int_equal(server.end, -EPROTO);
        }
        end();
    }
    (void)tls_context_unref(context);
    context = plain;
    text_done(&certificate);
    text_done(&key);
}

/* --- bytes ----------------------------------------------------------------------------------- */

static void fill(char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)('a' + i % 23 + i / 4096 % 3);
}

/* Pieces of all sizes, gathered and sent in turns. */
static void server_send_pieces(const char *bytes, size_t n, struct text *got)
{
    size_t sent = 0;

    for (size_t piece = 1; sent<n; piece = piece> 100000 ? 1 : piece * 7 + 1) {
        struct span part = {bytes + sent, piece < n - sent ? piece : n - sent};

        conn_gather(&server.env, &server.conn, part);
        sent += part.len;
        if (piece % 5 == 0)
            continue;
        assert_true(conn_flush(&server.env, &server.conn) >= 0);
        turn(ALL);
        (void)client_read(got);
    }
    assert_true(conn_flush(&server.env, &server.conn) >= 0);
}

static void big_answers_pass_a_full_socket(void **state)
{
    static char big[BIG_BYTES];
    struct text got;
    int small = 4096;

    (void)state;
    fill(big, sizeof(big));
    for (unsigned i = 0; i < ARRAY_LEN(ways); i += 3) {
        int reason = 0;

        begin_version(ways[i].version);
        assert_int_equal(
            setsockopt(server.conn.io.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
        client_handshake(ALL);
        text_init(&got, BIG_BYTES + 1);
        server_send_pieces(big, sizeof(big), &got);
        assert_true(conn_shut(&server.env, &server.conn) >= 0);
        for (unsigned n = 0; n < TURNS_MAX && reason != SSL_ERROR_ZERO_RETURN; n++) {
            turn(ALL);
            reason = client_read(&got);
        }
        assert_int_equal(reason, SSL_ERROR_ZERO_RETURN); /* close_notify behind all of it */
        assert_int_equal(got.len, BIG_BYTES);
        assert_memory_equal(got.ptr, big, BIG_BYTES);
        text_done(&got);
        end();
    }
}

static void big_requests_arrive_whole(void **state)
{
    static char big[BIG_BYTES];

    (void)state;
    fill(big, sizeof(big));
    for (unsigned i = 0; i < ARRAY_LEN(ways); i += 3) {
        begin_version(ways[i].version);
        client_handshake(ALL);
        client_send((struct span){big, sizeof(big)});
        settle(50000);
        assert_int_equal(server.got.len, BIG_BYTES);
        assert_memory_equal(server.got.ptr, big, BIG_BYTES);
        end();
    }
}

/* No event tells of what was taken from the socket already. */
static void rest_of_records_keeps_readable_set(void **state)
{
    static char big[40000];
    char buf[700];
    size_t n_got = 0;
    ssize_t n;

    (void)state;
    fill(big, sizeof(big));
    for (unsigned i = 0; i < ARRAY_LEN(ways); i += 3) {
        begin_version(ways[i].version);
        client_handshake(ALL);
        settle(ALL);
        server.is_deaf = true;
        client_send((struct span){big, sizeof(big)});
        assert_int_equal(SSL_shutdown(client.ssl), 0);
        settle(ALL);
        /* All of it is in the socket; from here on there is no turn. */
        for (n_got = 0; n_got < sizeof(big); n_got += (size_t)n) {
            assert_true(server.conn.io.readable);
            n = conn_read(&server.env, &server.conn, buf, sizeof(buf));
            assert_true(n > 0);
            assert_memory_equal(buf, big + n_got, n);
        }
        assert_true(server.conn.io.readable);
        assert_int_equal(conn_read(&server.env, &server.conn, buf, sizeof(buf)), 0);
        assert_true(server.conn.read_eof);
        end();
    }
}

/* The socket is full when the handshake has something to say: a read that waits for room. */
static void reads_may_wait_for_room(void **state)
{
    static char junk[4096];
    ssize_t left = 0, n = 0;

    (void)state;
    begin();
    while ((n = send(server.conn.io.fd, junk, sizeof(junk), MSG_DONTWAIT)) > 0)
        left += n;
    client_start();
    client_transmit(ALL);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(engine_turn(server.engine, 0), 0);
    assert_true(server.conn.io.readable && !server.conn.io.writable);
    assert_int_equal(server.end, 1);
    while (left > 0) {
        n = recv(client.fd, junk, MIN((size_t)left, sizeof(junk)), 0);
        assert_true(n > 0);
        left -= n;
    }
    for (unsigned i = 0; i < 50 && SSL_do_handshake(client.ssl) != 1; i++)
        turn(ALL);
    client_send(SPAN_LIT("question"));
    settle(ALL);
    server_expect("question");
    end();
}

#ifdef SLB_FAULTS
/* A whole request costs one call of the kernel. */
static void emptied_sockets_are_not_asked_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(ways); i += 3) {
        begin_version(ways[i].version);
        client_handshake(ALL);
        settle(ALL);
        client_send(SPAN_LIT("question"));
        assert_int_equal(sys_fault_plan("recv:2:EIO"), 0);
        settle(ALL);
        server_expect("question");
        assert_int_equal(server.end, 1);
        assert_false(server.conn.io.readable);
        assert_int_equal(sys_fault_plan(""), 0);
        end();
    }
}

static void ends_may_wait_for_room(void **state)
{
    struct text text;

    (void)state;
    begin();
    client_handshake(ALL);
    settle(ALL);
    assert_int_equal(sys_fault_plan("send:1:EAGAIN"), 0);
    assert_int_equal(conn_shut(&server.env, &server.conn), CONN_QUEUED);
    assert_false(server.conn.shut_done);
    turn(ALL);
    assert_true(server.conn.shut_done);
    client_receive();
    text_init(&text, 10);
    assert_int_equal(client_read(&text), SSL_ERROR_ZERO_RETURN);
    text_done(&text);
    assert_int_equal(sys_fault_plan(""), 0);
    end();
}

static void faults_change_nothing(void **state)
{
    static const char *const plans[] = {
        "recv:%2:EAGAIN", "send:%2:EAGAIN", "recv:%3:short,send:%2:short", "send:%1:short"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(plans); i++) {
        begin();
        assert_int_equal(sys_fault_plan(plans[i]), 0);
        client_handshake(ALL);
        client_send(SPAN_LIT("question"));
        settle(ALL);
        server_expect("question");
        server_send(SPAN_LIT("answer"));
        for (unsigned n = 0; n < 200; n++)
            turn(ALL);
        client_expect("answer");
        assert_int_equal(sys_fault_plan(""), 0);
        end();
    }
}
#endif

/* --- ends ------------------------------------------------------------------------------------ */

static void ends_are_told_apart(void **state)
{
    enum { CLOSE_NOTIFY, FIN, BOTH };
    static const struct {
        int how;
        ssize_t end;
    } cases[] = {{CLOSE_NOTIFY, 0}, {FIN, -ECONNRESET}, {BOTH, 0}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        begin();
        client_handshake(ALL);
        client_send(SPAN_LIT("last words"));
        if (cases[i].how != FIN)
            assert_int_equal(SSL_shutdown(client.ssl), 0);
        settle(ALL);
        if (cases[i].how != CLOSE_NOTIFY)
            assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
        settle(ALL);
        server_expect("last words");
        assert_int_equal(server.end, cases[i].end);
        if (cases[i].end == 0) { /* the other direction lives on */
            server_send(SPAN_LIT("answer"));
            settle(ALL);
            client_expect("answer");
        }
        end();
    }
}

static void closing_says_so(void **state)
{
    enum { SHUT, CLOSE, RESET };
    struct text text;

    (void)state;
    for (int how = SHUT; how <= RESET; how++) {
        begin();
        client_handshake(ALL);
        settle(ALL);
        server_send(SPAN_LIT("bye"));
        if (how == SHUT)
            assert_int_equal(conn_shut(&server.env, &server.conn), 0);
        else if (how == CLOSE)
            conn_close(&server.env, &server.conn);
        else
            conn_reset(&server.env, &server.conn);
        client_receive();
        client_receive();
        text_init(&text, 100);
        assert_int_equal(
            client_read(&text), how == RESET ? SSL_ERROR_WANT_READ : SSL_ERROR_ZERO_RETURN);
        assert_span_is(text_span(&text), "bye");
        text_done(&text);
        assert_true(client.ended);
        end();
    }
}

/* What was queued and never sent must not look like all there was. */
static void cut_answers_do_not_end_cleanly(void **state)
{
    static char big[BIG_BYTES];
    int reason = 0;
    struct text text;

    (void)state;
    begin();
    client_handshake(ALL);
    conn_gather(&server.env, &server.conn, (struct span){big, sizeof(big)});
    assert_int_equal(conn_flush(&server.env, &server.conn), CONN_QUEUED);
    conn_close(&server.env, &server.conn);
    text_init(&text, BIG_BYTES);
    while (!client.ended) {
        client_receive();
        reason = client_read(&text);
    }
    assert_int_equal(reason, SSL_ERROR_WANT_READ);
    assert_true(text.len < BIG_BYTES);
    text_done(&text);
    end();
}

static void shut_before_the_handshake_is_a_plain_end(void **state)
{
    (void)state;
    begin();
    assert_int_equal(conn_shut(&server.env, &server.conn), 0);
    client_receive();
    assert_true(client.ended);
    end();
}

/* --- hostile --------------------------------------------------------------------------------- */

static void what_is_no_tls_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *why; /* NULL: as OpenSSL's version says it */
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 25, "http request"},
        {"POST / HTTP/1.1\r\nHost: h\r\n\r\n", 26, "http request"},
        {"hello, is anybody there?", 24, NULL},
        {"\x16\x03\x01\xff\xff\x01", 6, NULL},
        {"\x17\x03\x03\x00\x05hello", 10, NULL},
        {"\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9, NULL},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        char buf[256];
        ssize_t n;

        begin();
        assert_int_equal(send(client.fd, cases[i].bytes, cases[i].n, 0), (ssize_t)cases[i].n);
        for (unsigned t = 0; t < 5; t++)
            assert_int_equal(engine_turn(server.engine, 0), 0);
        assert_int_equal(server.end, -EPROTO);
        if (cases[i].why)
            assert_string_equal(tls_why(&server.conn), cases[i].why);
        else
            assert_true(tls_why(&server.conn)[0] != '\0');
        assert_int_equal(ERR_peek_error(), 0);
        conn_gather(&server.env, &server.conn, SPAN_LIT("x"));
        assert_int_equal(conn_flush(&server.env, &server.conn), -EPROTO);
        conn_close(&server.env, &server.conn);
        /* An alert or none, then the end. */
        n = recv(client.fd, buf, sizeof(buf), 0);
        if (n != 0) {
            assert_true(n == 7 && buf[0] == 21);
            n = recv(client.fd, buf, sizeof(buf), 0);
        }
        assert_int_equal(n, 0);
        end();
    }
}

static void old_versions_are_refused(void **state)
{
    static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(versions); i++) {
        begin_version(versions[i]);
        client_start();
        settle(ALL);
        assert_int_equal(server.end, -EPROTO);
        assert_int_equal(SSL_do_handshake(client.ssl), -1);
        assert_int_equal(SSL_get_error(client.ssl, -1), SSL_ERROR_SSL); /* it got the alert */
        end();
    }
}

static void nothing_is_negotiated_twice(void **state)
{
    int error = SSL_ERROR_WANT_READ;

    (void)state;
    begin_version(TLS1_2_VERSION);
    client_handshake(ALL);
    assert_int_equal(SSL_renegotiate(client.ssl), 1);
    for (unsigned i = 0; i < 20 && error == SSL_ERROR_WANT_READ; i++) {
        turn(ALL);
        error = SSL_get_error(client.ssl, SSL_do_handshake(client.ssl));
    }
    assert_int_equal(error, SSL_ERROR_SSL);
    assert_int_equal(server.got.len, 0);
    end();
}

/* A record that was changed on its way. */
static void forged_records_end_it(void **state)
{
    char *bytes;
    long n;

    (void)state;
    begin();
    client_handshake(ALL);
    settle(ALL);
    client_send(SPAN_LIT("pay 10"));
    n = BIO_get_mem_data(client.out, &bytes);
    bytes[n - 1] ^= 1;
    settle(ALL);
    assert_int_equal(server.end, -EPROTO);
    assert_int_equal(server.got.len, 0);
    end();
}

/* --- all ------------------------------------------------------------------------------------- */

static int setup(void **state)
{
    struct tls_context_opts opts = {.now = MAKE_NOW_S * NSEC_PER_SEC};
    struct text certificate, key;
    char why[TLS_WHY_MAX];
    int r;

    (void)state;
    leaf = make_cert(&(struct wish){.name = "www.example", .key = "P-256"});
    text_init(&certificate, TLS_PEM_MAX);
    text_init(&key, TLS_PEM_MAX);
    make_cert_pem(&certificate, &leaf);
    make_key_pem(&key, &leaf, NULL, false);
    opts.certificate = text_span(&certificate);
    opts.key = text_span(&key);
    r = tls_context_new(NULL, &opts, &context, why);
    text_done(&certificate);
    text_done(&key);
    return r;
}

static int teardown(void **state)
{
    (void)state;
    context = tls_context_unref(context);
    made_done(&leaf);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(who_speaks_first_waits_for_the_handshake),
        cmocka_unit_test(handshakes_may_end_early),
        cmocka_unit_test(one_ticket_is_given_and_taken),
        cmocka_unit_test(alpn_chooses_what_the_server_likes_best),
        cmocka_unit_test(big_answers_pass_a_full_socket),
        cmocka_unit_test(big_requests_arrive_whole),
        cmocka_unit_test(rest_of_records_keeps_readable_set),
        cmocka_unit_test(reads_may_wait_for_room),
#ifdef SLB_FAULTS
        cmocka_unit_test(emptied_sockets_are_not_asked_again),
        cmocka_unit_test(ends_may_wait_for_room),
        cmocka_unit_test(faults_change_nothing),
#endif
        cmocka_unit_test(ends_are_told_apart),
        cmocka_unit_test(closing_says_so),
        cmocka_unit_test(cut_answers_do_not_end_cleanly),
        cmocka_unit_test(shut_before_the_handshake_is_a_plain_end),
        cmocka_unit_test(what_is_no_tls_is_refused),
        cmocka_unit_test(old_versions_are_refused),
        cmocka_unit_test(nothing_is_negotiated_twice),
        cmocka_unit_test(forged_records_end_it),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
