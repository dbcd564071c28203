/* Keeps the applied set on disk. Written beside its place, synced, renamed: a crash at any moment leaves the
 * old file or the new one. Only the newest text is of interest; older ones that wait are skipped. */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "engine/sys.h"
#include "plane/plane.h"

struct saver {
    char *path, *temp; /* owned */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct text next; /* under lock; len 0: nothing to do */
    bool stopping;    /* under lock */
};

static int write_all(int fd, struct span s)
{
    while (s.len > 0) {
        ssize_t n = sys_write(fd, s.ptr, s.len);

        if (n < 0)
            return (int)n;
        s = span_from(s, (size_t)n);
    }
    return 0;
}

static int save_file(const struct saver *saver, struct span s)
{
    int fd = sys_open(saver->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return fd;
    r = write_all(fd, s);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    close(fd);
    if (r == 0 && rename(saver->temp, saver->path) < 0)
        r = -errno;
    return r;
}

static void *saver_main(void *arg)
{
    struct saver *saver = arg;

    pthread_mutex_lock(&saver->lock);
    for (;;) {
        struct text text;
        int r;

        while (saver->next.len == 0 && !saver->stopping)
            pthread_cond_wait(&saver->wake, &saver->lock);
        if (saver->next.len == 0)
            break;
        text = saver->next;
        text_init(&saver->next, SIZE_MAX);
        pthread_mutex_unlock(&saver->lock);
        r = save_file(saver, text_span(&text));
        if (r < 0)
            log_line(
                LOG_ERROR, "state file %s cannot be written: %s", saver->path, strerrordesc_np(-r));
        text_done(&text);
        pthread_mutex_lock(&saver->lock);
    }
    pthread_mutex_unlock(&saver->lock);
    return NULL;
}

struct saver *saver_new(const char *path)
{
    struct saver *saver = base_zalloc(sizeof(*saver));
    size_t n = strlen(path);

    saver->path = base_strdup(path);
    saver->temp = base_alloc(n + 5);
    (void)snprintf(saver->temp, n + 5, "%s.new", path);
    text_init(&saver->next, SIZE_MAX);
    pthread_mutex_init(&saver->lock, NULL);
    pthread_cond_init(&saver->wake, NULL);
    if (pthread_create(&saver->thread, NULL, saver_main, saver) != 0) {
        free(saver->path);
        free(saver->temp);
        free(saver);
        return NULL;
    }
    return saver;
}

struct saver *saver_free(struct saver *saver)
{
    if (!saver)
        return NULL;
    pthread_mutex_lock(&saver->lock);
    saver->stopping = true;
    pthread_cond_signal(&saver->wake);
    pthread_mutex_unlock(&saver->lock);
    pthread_join(saver->thread, NULL);
    pthread_mutex_destroy(&saver->lock);
    pthread_cond_destroy(&saver->wake);
    text_done(&saver->next);
    free(saver->path);
    free(saver->temp);
    free(saver);
    return NULL;
}

void saver_put(struct saver *saver, struct text *text)
{
    pthread_mutex_lock(&saver->lock);
    text_done(&saver->next);
    saver->next = *text;
    text_init(text, SIZE_MAX);
    pthread_cond_signal(&saver->wake);
    pthread_mutex_unlock(&saver->lock);
}
