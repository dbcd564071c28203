#include "control/api/certificate.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static int PRINTF_LIKE(3, 4) fail(char *why, const char *path, const char *fmt, ...)
{
    va_list args;
    int n = snprintf(why, API_CERTIFICATE_WHY_MAX, "%s: ", path);

    va_start(args, fmt);
    (void)vsnprintf(why + n, API_CERTIFICATE_WHY_MAX - (size_t)n, fmt, args);
    va_end(args);
    return -EINVAL;
}

/* Appends what is in a plain file. is_secret: nobody but the owner may have access to it. */
static int read_file(const char *path, bool is_secret, struct text *text, char *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat found;
    int r;

    if (fd < 0)
        return fail(why, path, "cannot be read: %s", strerrordesc_np(errno));
    if (fstat(fd, &found) < 0 || !S_ISREG(found.st_mode)) {
        r = fail(why, path, "is not a file");
    } else if (is_secret && (found.st_mode & 077) != 0) {
        r = fail(why, path,
            "has mode %04o: nobody but its owner may read or write the key; chmod 600",
            (unsigned)found.st_mode & 07777);
    } else {
        r = file_read_fd(fd, text);
        if (r < 0)
            r = fail(why, path, "cannot be read: %s", strerrordesc_np(-r));
    }
    (void)close(fd);
    return r;
}

static int make_context(const struct node_conf *node, const struct tls_context_opts *opts,
    struct tls_context **ret_tls, char *why)
{
    char reason[TLS_WHY_MAX];
    int r = tls_context_new(NULL, opts, ret_tls, reason);

    return r < 0 ? fail(why, node->tls_certificate, "with the key %s: %s", node->tls_key, reason)
                 : 0;
}

int api_certificate_read(const struct node_conf *node, nsec now, struct tls_context **ret_tls,
    char why[static API_CERTIFICATE_WHY_MAX])
{
    static const char *const alpn[] = {"http/1.1"};
    struct tls_context_opts opts = {.now = now, .alpn = alpn, .n_alpn = ARRAY_LEN(alpn)};
    struct text certificate, key;
    int r;

    *ret_tls = NULL;
    if (node->tls_certificate[0] == '\0')
        return 0;
    text_init(&certificate, TLS_PEM_MAX);
    text_init_secret(&key, TLS_PEM_MAX);
    r = read_file(node->tls_certificate, false, &certificate, why);
    if (r == 0)
        r = read_file(node->tls_key, true, &key, why);
    if (r == 0) {
        opts.certificate = text_span(&certificate);
        opts.key = text_span(&key);
        r = make_context(node, &opts, ret_tls, why);
    }
    text_done(&key);
    text_done(&certificate);
    return r;
}
