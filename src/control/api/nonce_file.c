/* The nonces in a file, so that a restart opens no gap: records one after the other, rewritten when most of them are old. */
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "control/api/nonce.h"
#include "observe/log.h"

#define FILE_BYTES_MAX ((size_t)256 << 20)
/* The file has at most so many records for each one that is remembered, and so many more. */
#define OLD_FACTOR 4u
#define OLD_SPARE  65536u

/* Of this machine: in its order of bytes. */
struct record {
    uint64_t forget_at_ms;
    char key[NONCE_KEY_LEN];
};

static void close_file(struct nonces *nonces)
{
    if (nonces->fd >= 0)
        (void)close(nonces->fd);
    nonces->fd = -1;
}

static struct record record_of(const struct nonce *nonce)
{
    struct record record = {.forget_at_ms = nonce->forget_at_ms};

    memcpy(record.key, nonce->key, NONCE_KEY_LEN);
    return record;
}

/* A file with what is remembered now, open for more. */
static int write_file(struct nonces *nonces)
{
    struct text text;
    int r;

    close_file(nonces);
    text_init(&text, FILE_BYTES_MAX);
    list_foreach (it, &nonces->list) {
        struct record record = record_of(container_of(it, struct nonce, link));

        text_add(&text, (struct span){(const char *)&record, sizeof(record)});
    }
    r = text_failed(&text) ? -EFBIG : file_write(nonces->path, text_span(&text), 0600);
    text_done(&text);
    if (r < 0)
        return r;
    nonces->n_in_file = nonces->map.n;
    nonces->fd = open(nonces->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    return nonces->fd < 0 ? -errno : 0;
}

/* Whole records; what a write that was cut left behind them is not one. */
static int read_file(struct nonces *nonces, uint64_t now_ms, uint64_t kept_ms)
{
    struct text text;
    int r;

    text_init(&text, FILE_BYTES_MAX);
    r = file_read(nonces->path, &text);
    for (size_t at = 0; r == 0 && at + sizeof(struct record) <= text.len;
         at += sizeof(struct record)) {
        struct record record;

        memcpy(&record, text.ptr + at, sizeof(record));
        if (record.forget_at_ms > now_ms && nonces->map.n < nonces->most)
            (void)nonces_put(nonces, record.key, MIN(record.forget_at_ms, now_ms + kept_ms));
    }
    text_done(&text);
    return r == -ENOENT ? 0 : r;
}

void nonces_open(struct nonces *nonces, const char *state_dir, uint64_t now_ms, uint64_t kept_ms)
{
    int n = snprintf(nonces->path, sizeof(nonces->path), "%s/nonces", state_dir);
    int r = n < (int)sizeof(nonces->path) ? read_file(nonces, now_ms, kept_ms) : -ENAMETOOLONG;

    if (r == 0)
        r = write_file(nonces);
    if (r < 0)
        log_line(LOG_ERROR, "%s: %s; requests of before a restart could be repeated after it",
            nonces->path, strerrordesc_np(-r));
}

static int append(struct nonces *nonces, const struct nonce *nonce)
{
    struct record record = record_of(nonce);
    ssize_t n = write(nonces->fd, &record, sizeof(record));

    if (n == (ssize_t)sizeof(record)) {
        nonces->n_in_file++;
        return 0;
    }
    /* Half a record would spoil those behind it. */
    if (n > 0 && ftruncate(nonces->fd, (off_t)(nonces->n_in_file * sizeof(record))) < 0)
        close_file(nonces);
    return n < 0 ? -errno : -ENOSPC;
}

void nonces_note(struct nonces *nonces, const struct nonce *nonce)
{
    int r;

    if (nonces->fd < 0)
        return;
    r = nonces->n_in_file > (uint64_t)OLD_FACTOR * nonces->map.n + OLD_SPARE
            ? write_file(nonces)
            : append(nonces, nonce);
    if (r < 0 && !nonces->write_failed)
        log_line(LOG_ERROR, "%s: %s; requests of now could be repeated after a restart",
            nonces->path, strerrordesc_np(-r));
    nonces->write_failed = r < 0;
}
