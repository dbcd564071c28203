#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_READ_BYTES 65536u
#define FILE_PATH_MAX   4096u

int file_read_fd(int fd, struct text *text)
{
    char buf[FILE_READ_BYTES];
    ssize_t n;

    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        text_add(text, (struct span){buf, (size_t)n});
        if (text_failed(text))
            return -EFBIG;
    }
    return n < 0 ? -errno : 0;
}

int file_read(const char *path, struct text *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = file_read_fd(fd, text);
    (void)close(fd);
    return r;
}

int file_make_dirs(const char *path, unsigned mode)
{
    char part[FILE_PATH_MAX];
    size_t n = strlen(path);

    if (n >= sizeof(part))
        return -ENAMETOOLONG;
    for (size_t at = 1; at <= n; at++) {
        if (at < n && path[at] != '/')
            continue;
        memcpy(part, path, at);
        part[at] = '\0';
        if (mkdir(part, (mode_t)mode) < 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

static int write_synced(int fd, struct span content)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.ptr, content.len);

        if (n < 0)
            return -errno;
        content = span_from(content, (size_t)n);
    }
    return fsync(fd) < 0 ? -errno : 0;
}

int file_write(const char *path, struct span content, unsigned mode)
{
    char beside[FILE_PATH_MAX];
    int n = snprintf(beside, sizeof(beside), "%s.new", path);
    int fd, r;

    if (n < 0 || (size_t)n >= sizeof(beside))
        return -ENAMETOOLONG;
    /* What a crash left may have another mode. */
    (void)unlink(beside);
    fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return -errno;
    r = write_synced(fd, content);
    (void)close(fd);
    if (r == 0 && rename(beside, path) < 0)
        r = -errno;
    return r;
}
