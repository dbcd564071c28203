#include "tls/transport.h"

#include <openssl/err.h>

#include "engine/sys.h"
#include "tls/inner.h"

#define TLS_RECORD_BYTES 16384u
/* What is read of bytes that nobody wants any more. */
#define TLS_DISCARD_BYTES_MAX ((size_t)256 * 1024)

struct tls {
    SSL *ssl;                    /* owned */
    struct tls_context *context; /* a ref */
    struct conn_env *env;        /* borrowed: the worker's */
    struct conn *conn;           /* borrowed: we hang on it */
    const char *why;
    int error;        /* first -errno; OpenSSL must not be asked any more. 0 */
    int socket_error; /* of the call in progress: what the kernel said; 0 */
    uint32_t
        offered; /* bytes that OpenSSL has made a record of and not sent yet; it wants to be given them again */
};

/* --- the socket, as OpenSSL sees it ---------------------------------------------------------- */

/* A short read emptied the socket, and what comes later is an edge of its own; unless the peer's FIN was seen before, or
 * the read stopped before a byte out of band. */
static int on_bio_read(BIO *bio, char *buf, size_t n, size_t *ret_n)
{
    struct tls *tls = BIO_get_data(bio);
    struct conn *conn = tls->conn;
    ssize_t got;

    BIO_clear_retry_flags(bio);
    *ret_n = 0;
    if (!conn->io.readable) {
        BIO_set_retry_read(bio);
        return 0;
    }
    got = sys_recv(conn->io.fd, buf, n, 0);
    if (got == -EAGAIN || (got > 0 && (size_t)got < n && !conn->io.hung_up && !conn->io.urgent))
        conn_not_readable(tls->env, conn);
    if (got == -EAGAIN)
        BIO_set_retry_read(bio);
    else if (got < 0)
        tls->socket_error = (int)got;
    if (got <= 0)
        return 0;
    *ret_n = (size_t)got;
    return 1;
}

static int on_bio_write(BIO *bio, const char *buf, size_t n, size_t *ret_n)
{
    struct tls *tls = BIO_get_data(bio);
    struct conn *conn = tls->conn;
    struct iovec iov = sys_iovec(buf, n);
    ssize_t sent;

    BIO_clear_retry_flags(bio);
    *ret_n = 0;
    if (!conn->io.writable) {
        BIO_set_retry_write(bio);
        return 0;
    }
    sent = sys_sendv(conn->io.fd, &iov, 1, 0);
    if (sent == -EAGAIN || (sent >= 0 && (size_t)sent < n))
        conn_not_writable(tls->env, conn);
    if (sent == -EAGAIN || sent == 0)
        BIO_set_retry_write(bio);
    else if (sent < 0)
        tls->socket_error = (int)sent;
    if (sent <= 0)
        return 0;
    *ret_n = (size_t)sent;
    return 1;
}

static long on_bio_ctrl(BIO *bio, int what, long number, void *ptr)
{
    (void)bio;
    (void)number;
    (void)ptr;
    return what == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_bio_method(void)
{
    /* Without a type of its own, of which a process has but few: nobody looks for it in a chain. */
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "connection");

    if (method && BIO_meth_set_read_ex(method, on_bio_read) == 1 &&
        BIO_meth_set_write_ex(method, on_bio_write) == 1 &&
        BIO_meth_set_ctrl(method, on_bio_ctrl) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

/* --- the transport --------------------------------------------------------------------------- */

/* Before each call: what others left in the queue is not ours. */
static void tls_begin(struct tls *tls)
{
    ERR_clear_error();
    tls->socket_error = 0;
}

/* What a call that did not succeed means: 0 the peer's end, -EAGAIN, or an error that stays. */
static int tls_outcome(struct tls *tls)
{
    int error = SSL_get_error(tls->ssl, 0);
    const char *why;

    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return -EAGAIN;
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (error == SSL_ERROR_SSL) {
        why = ERR_reason_error_string(ERR_peek_error());
        tls->why = why ? why : "no reason is given";
        tls->error = -EPROTO;
    } else {
        tls->error = tls->socket_error != 0 ? tls->socket_error : -ECONNRESET;
    }
    ERR_clear_error();
    return tls->error;
}

static ssize_t tls_read(struct conn_env *env, struct conn *conn, char *buf, size_t n)
{
    struct tls *tls = conn->transport_state;
    size_t total = 0, got;
    ssize_t r = 0;

    (void)env;
    if (!tls)
        return -EBADF;
    if (tls->error != 0)
        return tls->error;
    while (total < n) {
        tls_begin(tls);
        if (SSL_read_ex(tls->ssl, buf + total, n - total, &got) != 1) {
            r = tls_outcome(tls);
            break;
        }
        total += got;
    }
    /* No edge tells of what OpenSSL still holds, of an end behind these bytes, and of a turn that waits for room. */
    if (total == n ? SSL_has_pending(tls->ssl) == 1 : r != -EAGAIN || SSL_want_write(tls->ssl))
        conn->io.readable = true;
    return total > 0 ? (ssize_t)total : r;
}

/* The first bytes of what is to be sent, in one piece: iov's own, or copied together. At most a record's, and as many as
 * were offered before. */
static struct span tls_piece(
    const struct tls *tls, const struct iovec *iov, int n, char buf[static TLS_RECORD_BYTES])
{
    size_t want = tls->offered > 0 ? tls->offered : TLS_RECORD_BYTES;
    size_t len = 0;

    if (n == 1 || iov->iov_len >= want)
        return (struct span){iov->iov_base, MIN(iov->iov_len, want)};
    for (int i = 0; i < n && len < want; i++) {
        size_t part = MIN(iov[i].iov_len, want - len);

        memcpy(buf + len, iov[i].iov_base, part);
        len += part;
    }
    return (struct span){buf, len};
}

/* iov without its first bytes. */
static void tls_skip(struct iovec **iov, int *n, size_t bytes)
{
    while (*n > 0 && bytes >= (*iov)->iov_len) {
        bytes -= (*iov)->iov_len;
        (*iov)++;
        (*n)--;
    }
    if (bytes > 0) {
        (*iov)->iov_base = (char *)(*iov)->iov_base + bytes;
        (*iov)->iov_len -= bytes;
    }
}

static ssize_t tls_write(struct conn_env *env, struct conn *conn, const struct iovec *iov, int n)
{
    struct tls *tls = conn->transport_state;
    struct iovec own[2 * CONN_IOV_MAX], *rest = own;
    char buf[TLS_RECORD_BYTES];
    size_t total = 0, sent;
    ssize_t r = 0;

    (void)env;
    if (!tls)
        return -EBADF;
    if (tls->error != 0)
        return tls->error;
    assert(n <= (int)ARRAY_LEN(own));
    memcpy(own, iov, (size_t)n * sizeof(*iov));
    while (n > 0) {
        struct span piece = tls_piece(tls, rest, n, buf);

        assert(piece.len >= tls->offered); /* a conn gives again what was not taken */
        tls_begin(tls);
        if (piece.len > 0 && SSL_write_ex(tls->ssl, piece.ptr, piece.len, &sent) != 1) {
            r = tls_outcome(tls);
            tls->offered = r == -EAGAIN ? (uint32_t)piece.len : 0;
            break;
        }
        tls->offered = 0;
        sent = piece.len > 0 ? sent : 0;
        total += sent;
        tls_skip(&rest, &n, sent);
    }
    return total > 0 ? (ssize_t)total : r;
}

/* Whether a close_notify would be understood. */
static bool tls_is_up(const struct tls *tls)
{
    return tls->error == 0 && SSL_is_init_finished(tls->ssl) == 1;
}

static int tls_shut(struct conn_env *env, struct conn *conn)
{
    struct tls *tls = conn->transport_state;

    (void)env;
    if (!tls)
        return -EBADF;
    if (tls_is_up(tls)) {
        tls_begin(tls);
        /* -1 with nothing to wait for: a TLS that has just broken has no end to tell of. */
        if (SSL_shutdown(tls->ssl) < 0 && SSL_want_write(tls->ssl))
            return -EAGAIN;
        ERR_clear_error();
    }
    return shutdown(conn->io.fd, SHUT_WR) < 0 ? -errno : 0;
}

/* Which of a broken input OpenSSL leaves in the socket depends on its version. Closed over, it makes a RST, which overtakes
 * the alert. */
static void tls_discard(struct conn_env *env, const struct conn *conn)
{
    size_t total = 0;
    ssize_t n;

    do {
        n = sys_recv(conn->io.fd, env->scratch, CONN_SCRATCH_BYTES, 0);
        total += n > 0 ? (size_t)n : 0;
    } while (n > 0 && total < TLS_DISCARD_BYTES_MAX);
}

static void tls_close(struct conn_env *env, struct conn *conn, bool is_clean)
{
    struct tls *tls = TAKE(conn->transport_state);

    if (!tls)
        return;
    if (conn->io.fd >= 0 && tls->error == -EPROTO)
        tls_discard(env, conn);
    if (is_clean && conn->io.fd >= 0 && tls_is_up(tls) && tls->offered == 0) {
        tls_begin(tls);
        (void)SSL_shutdown(tls->ssl);
    }
    SSL_free(tls->ssl);
    ERR_clear_error();
    tls->context = tls_context_unref(tls->context);
    free(tls);
}

const struct transport transport_tls = {
    .read = tls_read,
    .write = tls_write,
    .shut = tls_shut,
    .close = tls_close,
    .can_splice = false,
};

int tls_accept(struct conn_env *env, struct conn *conn, int fd, struct tls_context *context,
    engine_io_fn on_ready)
{
    struct tls *tls;
    SSL *ssl;
    BIO *bio;
    int r = conn_open(env, conn, fd, &transport_tls, on_ready);

    if (r < 0)
        return r;
    ssl = tls_context_open(context);
    bio = ssl ? BIO_new(context->method) : NULL;
    if (!bio) {
        SSL_free(ssl);
        ERR_clear_error();
        conn_close(env, conn);
        return -ENOMEM;
    }
    tls = base_zalloc(sizeof(*tls));
    *tls = (struct tls){
        .ssl = ssl,
        .context = tls_context_ref(context),
        .env = env,
        .conn = conn,
        .why = "",
    };
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    conn->transport_state = tls;
    return 0;
}

const char *tls_why(const struct conn *conn)
{
    const struct tls *tls = conn->transport_state;

    return tls ? tls->why : "";
}

struct span tls_alpn(const struct conn *conn)
{
    const struct tls *tls = conn->transport_state;
    const unsigned char *name = NULL;
    unsigned len = 0;

    if (tls)
        SSL_get0_alpn_selected(tls->ssl, &name, &len);
    return (struct span){(const char *)name, len};
}
