/* admission: may one more come in? So many connections (or sessions) in all, and so many of one address.
 *
 * It counts, by address, those that there are; an address costs nothing once its last one is gone, so
 * strangers can make the table no larger than what they hold. An IPv6 host has as many addresses as it
 * likes: its /64 is taken for one. No sockets, no clock.
 */
#ifndef CORE_BASE_ADMISSION_H
#define CORE_BASE_ADMISSION_H
#include <stdbool.h>
#include <stdint.h>

struct admission;
struct admission_source; /* an address that has connections */

struct admission_config {
        uint32_t all_max;
        uint32_t per_address_max;
        bool loopback; /* the machine's own addresses are counted like others; else they may have any number */
};

enum admission_verdict {
        ADMISSION_GRANTED, /* and counted: to be ended with admission_end */
        ADMISSION_FULL,    /* too many in all, or no memory */
        ADMISSION_ADDRESS, /* too many of this address */
};

/* Copies the config. NULL when memory is out. */
struct admission *admission_create(const struct admission_config *config);
void admission_destroy(struct admission *a); /* accepts NULL; all connections have ended */

/* ip        16 bytes, IPv4 as ::ffff:a.b.c.d
 * replaces  it takes the place of one that ends now, and so goes beyond no limit
 * out       when granted: what admission_end wants back; NULL for an address that is not counted */
enum admission_verdict admission_ask(struct admission *a, const uint8_t ip[16], bool replaces,
                                     struct admission_source **out);

/* One that was granted is at another address now. Refused (ADMISSION_ADDRESS, or FULL for want of memory):
 * it counts where it did; all_max is not asked about. */
enum admission_verdict admission_move(struct admission *a, const uint8_t ip[16], struct admission_source **source);
void admission_end(struct admission *a, struct admission_source *source);

bool admission_counts(const struct admission *a, const uint8_t ip[16]); /* this address: else it may have any number */
uint32_t admission_present(const struct admission *a);                  /* granted and not ended */
uint32_t admission_addresses(const struct admission *a);                /* that the table holds */

#endif
