/* Runs a fuzz target over files without a fuzzer: the kept corpus is a unit test. */
#include <dirent.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t cap = (size_t)1 << 20, size;
    char *data;

    if (!file) {
        perror(path);
        exit(1);
    }
    data = base_alloc(cap);
    size = fread(data, 1, cap, file);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)data, size);
    free(data);
}

int main(int argc, char **argv)
{
    unsigned n = 0;

    for (int i = 1; i < argc; i++) {
        struct dirent **entries;
        int n_entries = scandir(argv[i], &entries, NULL, alphasort);

        for (int k = 0; k < n_entries; k++) {
            char path[4096];

            if (entries[k]->d_name[0] != '.') {
                (void)snprintf(path, sizeof(path), "%s/%s", argv[i], entries[k]->d_name);
                replay_file(path);
                n++;
            }
            free(entries[k]);
        }
        if (n_entries >= 0)
            free(entries);
    }
    printf("%u inputs\n", n);
    return n > 0 ? 0 : 1;
}
