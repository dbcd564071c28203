/* Descriptors from one process to the next over a Unix socket (SCM_RIGHTS).
 *
 * A message is a line of text that says what the descriptors are, and up to HANDOVER_FDS_MAX of them. Blocking with
 * a time limit: used by the main thread while workers go on.
 */
#pragma once

#include "base/clock.h"
#include "base/span.h"

#define HANDOVER_FDS_MAX  64u
#define HANDOVER_TEXT_MAX 32768u

/* SOCK_SEQPACKET. path: at most 100 bytes. An old socket file is replaced atomically. 0 or -errno. */
int handover_listen(const char *path, int *ret_fd) MUST_CHECK;
/* -ECONNREFUSED or -ENOENT: nobody is there. */
int handover_connect(const char *path, int *ret_fd) MUST_CHECK;

/* 0 or -errno (-ETIMEDOUT). Descriptors stay the sender's. */
int handover_send(
    int sock, struct span text, const int *fds, unsigned n_fds, nsec timeout) MUST_CHECK;
/* Descriptors become the caller's, close-on-exec. *ret_len bytes of text. 0, -EPIPE at the peer's end, -EMSGSIZE when
 * either limit would be passed (all received descriptors are closed), -ETIMEDOUT, other -errno. */
int handover_recv(int sock, char text[static HANDOVER_TEXT_MAX], size_t *ret_len,
    int fds[static HANDOVER_FDS_MAX], unsigned *ret_n_fds, nsec timeout) MUST_CHECK;
