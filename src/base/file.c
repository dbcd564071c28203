#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#define FILE_READ_BYTES 65536u

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
