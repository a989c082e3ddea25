/* no_memory: malloc fails while a test says so. For tests; their programs are linked with --wrap=malloc (Makefile).
 * calloc and realloc, and what the libraries call, have memory all the same. */
#ifndef TESTS_UNIT_NO_MEMORY_H
#define TESTS_UNIT_NO_MEMORY_H
#include <stdbool.h>
#include <stddef.h>

static bool no_memory;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

void *__wrap_malloc(size_t n)
{
        return no_memory ? NULL : __real_malloc(n);
}

#endif
