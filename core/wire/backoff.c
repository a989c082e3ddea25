#include "core/wire/backoff.h"

#include <math.h>

int64_t backoff_ns(int64_t max_ns, uint32_t group, double unit)
{
        if (max_ns <= 0)
                return 0;
        double lambda = log(group > 1 ? group : 1) + 1;
        /* The RFC's x, times max / lambda * (exp(lambda) - 1): the maximum cancels out. */
        double x = unit * (exp(lambda) - 1) + 1;
        int64_t span = (int64_t)((double)max_ns / lambda * log(x));
        return span < max_ns ? span : max_ns;
}
