/* Keeps the applied set on disk. Written beside its place, synced, renamed, and the directory synced: a crash at any
 * moment leaves the old file or the new one. Only the newest set is of interest; older ones that wait are skipped.
 *
 * The thread encodes too, from a snapshot that it holds a reference to: that costs the main thread nothing, however large the
 * set is, and no more memory than one part of the file. What it held goes back to the main thread, which counts.
 */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "engine/sys.h"
#include "plane/plane.h"

/* A set on its way to the disk and back. */
struct saving {
    struct engine_msg msg;
    struct plane *plane;
    struct snapshot *snapshot; /* a counted reference */
};

struct saver {
    struct plane *plane;
    char *path, *temp, *dir; /* owned */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct saving *next; /* under lock; NULL: nothing to do */
    bool stopping;       /* under lock */
};

/* The main thread's. */
static void saving_free(struct saving *saving)
{
    if (!saving)
        return;
    builder_unref(saving->plane->builder, saving->snapshot);
    free(saving);
}

static void saving_on_main(struct engine *engine, struct engine_msg *msg)
{
    (void)engine;
    saving_free(container_of(msg, struct saving, msg));
}

static int write_part(void *arg, struct span part)
{
    const int *fd = arg;

    while (part.len > 0) {
        ssize_t n = sys_write(*fd, part.ptr, part.len);

        if (n < 0)
            return (int)n;
        part = span_from(part, (size_t)n);
    }
    return 0;
}

/* So that the new name outlives a power cut too. */
static int sync_dir(const char *dir)
{
    int fd = sys_open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    int r = 0;

    if (fd < 0)
        return fd;
    if (fsync(fd) < 0)
        r = -errno;
    close(fd);
    return r;
}

static int save_file(const struct saver *saver, const struct snapshot *snapshot)
{
    int fd = sys_open(saver->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return fd;
    r = snapshot_encode(snapshot, write_part, &fd);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    close(fd);
    if (r == 0 && rename(saver->temp, saver->path) < 0)
        r = -errno;
    return r < 0 ? r : sync_dir(saver->dir);
}

static void *saver_main(void *arg)
{
    struct saver *saver = arg;

    pthread_mutex_lock(&saver->lock);
    for (;;) {
        struct saving *saving;
        int r;

        while (!saver->next && !saver->stopping)
            pthread_cond_wait(&saver->wake, &saver->lock);
        if (!saver->next)
            break;
        saving = TAKE(saver->next);
        pthread_mutex_unlock(&saver->lock);
        r = save_file(saver, saving->snapshot);
        if (r < 0)
            log_line(
                LOG_ERROR, "state file %s cannot be written: %s", saver->path, strerrordesc_np(-r));
        saving->msg.fn = saving_on_main;
        engine_post(saving->plane->engine, &saving->msg);
        pthread_mutex_lock(&saver->lock);
    }
    pthread_mutex_unlock(&saver->lock);
    return NULL;
}

static char *dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return base_strdup(".");
    return base_strndup(path, MAX((size_t)(slash - path), (size_t)1));
}

static struct saver *saver_destroy(struct saver *saver)
{
    pthread_mutex_destroy(&saver->lock);
    pthread_cond_destroy(&saver->wake);
    free(saver->path);
    free(saver->temp);
    free(saver->dir);
    free(saver);
    return NULL;
}

struct saver *saver_new(struct plane *plane, const char *path)
{
    struct saver *saver = base_zalloc(sizeof(*saver));
    size_t n = strlen(path);

    saver->plane = plane;
    saver->path = base_strdup(path);
    saver->temp = base_alloc(n + 5);
    (void)snprintf(saver->temp, n + 5, "%s.new", path);
    saver->dir = dir_of(path);
    pthread_mutex_init(&saver->lock, NULL);
    pthread_cond_init(&saver->wake, NULL);
    if (pthread_create(&saver->thread, NULL, saver_main, saver) != 0)
        return saver_destroy(saver);
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
    return saver_destroy(saver);
}

void saver_put(struct saver *saver, struct snapshot *snapshot)
{
    struct saving *saving = base_zalloc(sizeof(*saving));
    struct saving *skipped;

    saving->plane = saver->plane;
    saving->snapshot = snapshot_ref(snapshot);
    pthread_mutex_lock(&saver->lock);
    skipped = saver->next;
    saver->next = saving;
    pthread_cond_signal(&saver->wake);
    pthread_mutex_unlock(&saver->lock);
    saving_free(skipped);
}
