#include "observe/access_file.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "engine/sys.h"
#include "observe/log.h"

#define FILE_RETRY_NS    NSEC_PER_SEC
#define FILE_PIECE_BYTES ((size_t)256 * 1024)
#define FILE_MODE        0640
#define FILE_WAIT_MS     1000

/* What a pipe that polls writable takes without blocking (POSIX). */
#define FILE_PIPE_BYTES ((size_t)PIPE_BUF)

static bool file_is_stdout(const struct access_file *file)
{
    return strcmp(file->path, "-") == 0;
}

static void file_tell(struct access_file *file, const char *what, int error)
{
    if (!file->told)
        log_line(LOG_ERROR, "access log %s: %s: %s; lines are lost until it works", file->path,
            what, strerrordesc_np(-error));
    file->told = true;
}

/* A crash may have left half a line, which must cost no more than itself. */
static bool file_ends_torn(const struct access_file *file)
{
    int fd = sys_open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    char last = '\n';
    ssize_t n;

    if (fd < 0)
        return false;
    n = pread(fd, &last, 1, (off_t)file->bytes - 1);
    (void)close(fd);
    return n == 1 && last != '\n';
}

static int file_open(struct access_file *file)
{
    bool is_stdout = file_is_stdout(file);
    struct stat st;
    /* O_NONBLOCK: a FIFO that nobody reads is an error, not a wait. */
    int fd = is_stdout ? STDOUT_FILENO
                       : sys_open(file->path,
                             O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                             FILE_MODE);

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0) {
        int r = -errno;

        if (!is_stdout)
            (void)close(fd);
        return r;
    }
    file->fd = fd;
    file->waits = !S_ISREG(st.st_mode);
    file->piece_bytes = file->waits ? FILE_PIPE_BYTES : FILE_PIECE_BYTES;
    file->bytes = file->waits ? 0 : (uint64_t)st.st_size;
    if (!is_stdout)
        file->torn = file->bytes > 0 && file_ends_torn(file);
    return 0;
}

static void file_shut(struct access_file *file)
{
    if (file->fd >= 0 && !file_is_stdout(file))
        (void)close(file->fd);
    file->fd = -1;
}

static void file_try_open(struct access_file *file, nsec now)
{
    int r = file_open(file);

    if (r == 0)
        return;
    file_tell(file, "open", r);
    file->retry_at = now + FILE_RETRY_NS;
}

int access_file_open(
    struct access_file *file, const char *path, uint64_t rotate_bytes, unsigned keep_files)
{
    *file = (struct access_file){
        .path = base_strdup(path),
        .rotate_bytes = rotate_bytes,
        .keep_files = keep_files,
        .wait_ms = FILE_WAIT_MS,
        .fd = -1,
    };
    return file_open(file);
}

void access_file_close(struct access_file *file)
{
    file_shut(file);
    free(file->path);
    file->path = NULL;
}

void access_file_reopen(struct access_file *file, nsec now)
{
    file_shut(file);
    file_try_open(file, now);
}

/* Whether the path still leads to the open file: another process (logrotate, or the one that replaces
 * this one) may have moved it. */
static bool file_is_current(const struct access_file *file)
{
    struct stat open_file, at_path;

    return fstat(file->fd, &open_file) == 0 && stat(file->path, &at_path) == 0 &&
           open_file.st_dev == at_path.st_dev && open_file.st_ino == at_path.st_ino;
}

static char *file_old_path(const struct access_file *file, unsigned number)
{
    char *path = NULL;
    int len = asprintf(&path, "%s.%u", file->path, number);

    if (len < 0)
        abort();
    return path;
}

/* path.1 to path.2 and so on, the oldest one overwritten; then path to path.1. */
static int file_shift(const struct access_file *file)
{
    if (file->keep_files == 0)
        return unlink(file->path) < 0 ? -errno : 0;
    for (unsigned i = file->keep_files; i > 0; i--) {
        char *from = i > 1 ? file_old_path(file, i - 1) : base_strdup(file->path);
        char *to = file_old_path(file, i);

        int r = rename(from, to) < 0 && errno != ENOENT ? -errno : 0;

        free(from);
        free(to);
        if (r < 0)
            return r;
    }
    return 0;
}

static void file_rotate(struct access_file *file, nsec now)
{
    int r;

    if (file_is_current(file)) {
        r = file_shift(file);
        if (r < 0) {
            log_line(LOG_ERROR, "access log %s: rename: %s; the file grows on", file->path,
                strerrordesc_np(-r));
            file->bytes = 0; /* the next try after as many bytes again */
            return;
        }
        file->n_rotations++;
    }
    access_file_reopen(file, now);
}

/* Returns the bytes written: all, or fewer with the reason in *ret_error. */
static size_t file_write_all(struct access_file *file, struct span s, int *ret_error)
{
    size_t done = 0;

    while (done < s.len) {
        struct pollfd pfd = {.fd = file->fd, .events = POLLOUT};
        ssize_t n;

        if (file->waits && poll(&pfd, 1, file->wait_ms) <= 0) {
            *ret_error = -ETIMEDOUT;
            return done;
        }
        n = sys_write(file->fd, s.ptr + done, MIN(s.len - done, file->piece_bytes));
        if (n == -EAGAIN && file->waits)
            continue;
        if (n <= 0) {
            *ret_error = n < 0 ? (int)n : -EIO;
            return done;
        }
        done += (size_t)n;
    }
    return done;
}

static uint64_t file_count_lines(struct span s)
{
    uint64_t n = 0;
    struct span line;

    for (; s.len > 0; s = span_from(s, line.len + 1)) {
        line = (struct span){s.ptr, span_find(s, '\n')};
        if (line.len == s.len)
            break;
        n++;
    }
    return n;
}

/* Returns false when the file cannot be written; *ret_lines are in it all the same. */
static bool file_append(struct access_file *file, struct span lines, nsec now, uint64_t *ret_lines)
{
    size_t done;
    int error = 0;

    *ret_lines = 0;
    if (file->torn && file_write_all(file, SPAN_LIT("\n"), &error) == 1)
        file->torn = false;
    done = file->torn ? 0 : file_write_all(file, lines, &error);
    file->bytes += done;
    if (done == lines.len) {
        if (file->told)
            log_line(LOG_NOTICE, "access log %s: works again", file->path);
        file->told = false;
        *ret_lines = file_count_lines(lines);
        return true;
    }

    file_tell(file, "write", error);
    *ret_lines = file_count_lines((struct span){lines.ptr, done});
    if (done > 0)
        file->torn = lines.ptr[done - 1] != '\n';
    file_shut(file);
    file->retry_at = now + FILE_RETRY_NS;
    return false;
}

/* The lines that go into the file before it is rotated: at least one if it is empty, else maybe none. */
static struct span file_fitting(const struct access_file *file, struct span lines)
{
    const char *end;
    uint64_t room;

    if (file->rotate_bytes == 0 || file->waits)
        return lines;
    room = file->rotate_bytes > file->bytes ? file->rotate_bytes - file->bytes : 0;
    if (lines.len <= room)
        return lines;
    end = memrchr(lines.ptr, '\n', room);
    if (!end && file->bytes == 0)
        end = memchr(lines.ptr, '\n', lines.len);
    return (struct span){lines.ptr, end ? (size_t)(end + 1 - lines.ptr) : 0};
}

uint64_t access_file_write(struct access_file *file, struct span lines, nsec now)
{
    uint64_t n_written = 0;

    if (file->fd < 0 && now >= file->retry_at)
        file_try_open(file, now);
    while (lines.len > 0 && file->fd >= 0) {
        struct span fitting = file_fitting(file, lines);
        uint64_t n;

        if (fitting.len == 0) {
            file_rotate(file, now);
            continue;
        }
        if (!file_append(file, fitting, now, &n)) {
            n_written += n;
            break;
        }
        n_written += n;
        lines = span_from(lines, fitting.len);
    }
    return n_written;
}
