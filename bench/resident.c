#include "bench/resident.h"

#include <inttypes.h>
#include <stdio.h>

int64_t resident_bytes(pid_t pid)
{
        char path[64], line[256];
        int64_t kib = -1;
        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
        FILE *f = fopen(path, "r");
        if (!f)
                return -1;
        while (kib < 0 && fgets(line, sizeof line, f))
                (void)sscanf(line, "Rss: %" SCNd64 " kB", &kib);
        fclose(f);
        return kib < 0 ? -1 : kib * 1024;
}
