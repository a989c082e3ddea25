/* harness: table-driven cmocka tests. A row is a story with a name; a new bug is a new row.
 *
 * Include this first in a test: it brings what <cmocka.h> wants before it.
 */
#ifndef TESTS_UNIT_HARNESS_H
#define TESTS_UNIT_HARNESS_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Runs `test` once for every row of the array `rows`, whose first member is `const char *name`.
 * The test finds its row in *state. Evaluates to the number of failed tests. */
#define RUN_ROWS(group, rows, test) harness_run_rows(group, rows, sizeof(rows)[0], sizeof(rows) / sizeof(rows)[0], test)

int harness_run_rows(const char *group, const void *rows, size_t row_bytes, size_t rows_n, CMUnitTestFunction test);

/* How many seeds a simulation tries: the environment's SEEDS, else n. */
unsigned long harness_seeds(unsigned long n);

#endif
