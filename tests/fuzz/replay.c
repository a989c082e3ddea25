/* replay: runs a fuzz target over its corpus under the plain compiler, so that `make check` keeps
 * what fuzzing found. Each file is given whole, cut after every byte, and with every single bit
 * flipped, in memory of exactly its size.
 *
 * fuzz_NAME reads tests/fuzz/corpus/NAME below the current directory, or the folder it is given.
 */
#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t in_bytes);

enum { FILE_BYTES_MAX = 1 << 16 };

static unsigned long inputs;

static void give(const uint8_t *in, size_t n, size_t bit)
{
        uint8_t *exact = malloc(n ? n : 1);
        if (!exact)
                abort();
        memcpy(exact, in, n);
        if (bit < n * 8)
                exact[bit / 8] ^= (uint8_t)(1 << bit % 8);
        LLVMFuzzerTestOneInput(exact, n);
        free(exact);
        inputs++;
}

static int replay_file(const char *path)
{
        static uint8_t whole[FILE_BYTES_MAX];
        FILE *f = fopen(path, "rb");
        if (!f) {
                fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
                return -1;
        }
        size_t n = fread(whole, 1, sizeof whole, f);
        fclose(f);
        for (size_t cut = 0; cut <= n; cut++)
                give(whole, cut, SIZE_MAX);
        for (size_t bit = 0; bit < n * 8; bit++)
                give(whole, n, bit);
        return 0;
}

int main(int argc, char **argv)
{
        const char *name = basename(argv[0]), *target = strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name;
        char folder[512], path[1024];
        snprintf(folder, sizeof folder, argc > 1 ? "%s" : "tests/fuzz/corpus/%s", argc > 1 ? argv[1] : target);
        DIR *dir = opendir(folder);
        if (!dir) {
                fprintf(stderr, "replay: %s: %s\n", folder, strerror(errno));
                return 1;
        }
        int failed = 0;
        for (struct dirent *entry; (entry = readdir(dir));) {
                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
                failed |= replay_file(path);
        }
        closedir(dir);
        if (failed || inputs == 0) {
                printf("[  FAILED  ] %s: %lu inputs\n", name, inputs);
                return 1;
        }
        printf("[       OK ] %s: %lu inputs\n", name, inputs);
        return 0;
}
