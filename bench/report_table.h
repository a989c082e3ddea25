/* report_table: the middle of the printed report: paths as columns, figures as rows. */
#ifndef BENCH_REPORT_TABLE_H
#define BENCH_REPORT_TABLE_H
#include "bench/report.h"

enum { REPORT_WIDTH = 80, REPORT_LABEL = 32, REPORT_CELL = 12 }; /* characters: a terminal as it opens */

/* Four paths beside each other, more below. */
void report_table_print(const struct report *r, FILE *out);

#endif
