/* Runs a fuzz target over the files of a directory without a fuzzer: the kept corpus is a unit test. */
#include <dirent.h>

#include "base/base.h"

#define INPUT_BYTES_MAX ((size_t)1 << 20)

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether the file could be read. */
static bool replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *data;
    size_t size;

    if (!file) {
        perror(path);
        return false;
    }
    data = base_alloc(INPUT_BYTES_MAX);
    size = fread(data, 1, INPUT_BYTES_MAX, file);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)data, size);
    free(data);
    return true;
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    int n_entries = argc == 2 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
    int n = 0;

    if (n_entries < 0) {
        (void)fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    for (int i = 0; i < n_entries; i++) {
        char path[4096];

        (void)snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            n += replay_file(path);
        free(entries[i]);
    }
    free(entries);
    printf("%d inputs\n", n);
    return n > 0 ? 0 : 1;
}
