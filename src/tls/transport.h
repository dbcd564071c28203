/* TLS as the transport of a struct conn: whoever embeds one speaks TLS by opening it with tls_accept, and changes nothing else.
 *
 * The SSL object hangs on the conn (transport_state) and goes with conn_close or conn_reset. It is not embedded by owners:
 * a plain connection pays eight bytes for it, no owner knows OpenSSL's types, and listeners of both kinds share one
 * struct of theirs. OpenSSL reads and writes the socket through a BIO of our own, straight from and to the kernel,
 * without copies or buffers in between; between two records a connection holds no buffer (SSL_MODE_RELEASE_BUFFERS).
 * Nothing here blocks or opens files. What one connection costs beside is not charged to the worker's memory limit:
 * some 10 KB, 40 KB while its handshake lasts. The owner bounds the number of connections.
 *
 * What owners see beyond the contract of conn.h:
 * - The handshake runs inside of the first reads and writes. Its end is not told; until then they say -EAGAIN. The
 *   owner's own timer bounds it.
 * - Readiness. io.readable stays set as long as a read may give bytes, and that includes decrypted and undecrypted
 *   bytes of records that were taken from the socket already: no edge follows for those. An owner that stops reading with
 *   io.readable set comes back by itself (engine_again), as it has to with plain sockets.
 * - Crossed wants. A read may need the socket to take bytes (handshake, key update): it says -EAGAIN, io.readable
 *   stays set and io.writable is clear; on_ready comes when there is room, and the owner's read goes on. A
 *   write may need the peer's bytes: -EAGAIN with io.writable set and io.readable clear; the owner's flush after
 *   the next on_ready goes on. So: on every on_ready, flush what is queued and read if reading is wanted.
 * - Ends. A read gives 0 for close_notify only. A FIN without it is -ECONNRESET: anybody on the way can make one, and
 *   must not make half a message look whole.
 * - What breaks TLS is -EPROTO, and tls_why says what. The alert is on its way then: conn_close, not conn_reset.
 * - conn_shut sends close_notify, then FIN. conn_close without it sends close_notify if all that was queued is out and the
 *   socket takes it at once.
 */
#pragma once

#include "engine/conn.h"
#include "tls/context.h"

extern const struct transport transport_tls;

/* conn_open for a socket that was accepted: takes over fd. The context gets a ref. 0 or -errno (fd is closed then). */
int tls_accept(struct conn_env *env, struct conn *conn, int fd, struct tls_context *context,
    engine_io_fn on_ready) MUST_CHECK;

/* Of a conn of tls_accept: OpenSSL's words for why a read or write gave -EPROTO; "" before. */
const char *tls_why(const struct conn *conn);
/* The protocol that ALPN chose; empty: none, or the handshake has not come so far. Lives as long as the conn. */
struct span tls_alpn(const struct conn *conn);
