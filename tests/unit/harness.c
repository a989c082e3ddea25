#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

int harness_run_rows(const char *group, const void *rows, size_t row_bytes, size_t rows_n, CMUnitTestFunction test)
{
        struct CMUnitTest *tests = calloc(rows_n, sizeof *tests);
        assert_non_null(tests);
        for (size_t i = 0; i < rows_n; i++) {
                const char *row = (const char *)rows + i * row_bytes;
                memcpy(&tests[i].name, row, sizeof tests[i].name);
                tests[i].test_func = test;
                tests[i].initial_state = (void *)(uintptr_t)row;
        }
        int failed = _cmocka_run_group_tests(group, tests, rows_n, NULL, NULL);
        free(tests);
        return failed;
}

unsigned long harness_seeds(unsigned long n)
{
        const char *text = getenv("SEEDS");
        unsigned long wanted = text ? strtoul(text, NULL, 10) : 0;
        return wanted ? wanted : n;
}
