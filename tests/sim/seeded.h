/* seeded: identities come from the OS but in simulations: here they come from a seed, so that a run can be had again.
 * randombytes_set_implementation(&seeded) once; `identities` is begun anew with each world. */
#ifndef TESTS_SIM_SEEDED_H
#define TESTS_SIM_SEEDED_H
#include <sodium.h>

#include "core/base/rng.h"

static struct rng identities;

static uint32_t seeded_u32(void)
{
        return (uint32_t)rng_u64(&identities);
}

static void seeded_bytes(void *const out, const size_t n)
{
        for (size_t i = 0; i < n; i++)
                ((uint8_t *)out)[i] = (uint8_t)rng_u64(&identities);
}

static const char *seeded_name(void)
{
        return "seeded";
}

static struct randombytes_implementation seeded = { .implementation_name = seeded_name,
                                                    .random = seeded_u32,
                                                    .buf = seeded_bytes };

#endif
