/* figure: numbers as people read them in a table: 20,000 and 2,130.42. */
#ifndef BENCH_FIGURE_H
#define BENCH_FIGURE_H
#include <stdint.h>

enum { FIGURE_MAX = 48 };

/* Both write into text and return it. */
const char *figure_count(uint64_t v, char text[FIGURE_MAX]);
const char *figure_decimal(double v, int decimals, char text[FIGURE_MAX]); /* 0..3 decimals; rounds half away from 0 */

#endif
