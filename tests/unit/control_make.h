/* What the tests of the control plane share: a directory of their own, and a store in it. */
#pragma once

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "control/store/store.h"
#include "unit.h"

static char make_dir[64];

/* A new, empty directory in make_dir. */
static int make_dir_setup(void **state)
{
    (void)state;
    hash_init();
    /* In memory where there is such a place: tests need not wait for a disk. */
    (void)snprintf(make_dir, sizeof(make_dir), "%s/openslb-test-XXXXXX",
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    return mkdtemp(make_dir) ? 0 : -1;
}

static inline const char *make_path(const char *name)
{
    static char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", make_dir, name);
    return path;
}

static int make_dir_teardown(void **state)
{
    DIR *dir = opendir(make_dir);
    struct dirent *file;

    (void)state;
    if (!dir)
        return -1;
    while ((file = readdir(dir)))
        if (file->d_name[0] != '.')
            (void)unlink(make_path(file->d_name));
    (void)closedir(dir);
    return rmdir(make_dir);
}

static inline struct store *make_store(void)
{
    const char *why = "";
    struct store *store = store_open(make_dir, true, &why);

    if (!store)
        fail_msg("%s", why);
    return store;
}
