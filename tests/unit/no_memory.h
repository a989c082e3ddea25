/* no_memory: malloc and calloc fail while a test says so. For tests; their programs are linked with --wrap (Makefile).
 * realloc and reallocarray, and what the libraries call, have memory all the same. */
#ifndef TESTS_UNIT_NO_MEMORY_H
#define TESTS_UNIT_NO_MEMORY_H
#include <stdbool.h>
#include <stddef.h>

static bool no_memory;
static int spare; /* so many are granted all the same */

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool granted(void)
{
        return !no_memory || (spare > 0 && spare-- > 0);
}

void *__wrap_malloc(size_t n)
{
        return granted() ? __real_malloc(n) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
        return granted() ? __real_calloc(n, size) : NULL;
}

#endif
