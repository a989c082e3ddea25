/* speed_table: what `bench speed` prints, and the statistics in it.
 *
 * Costs are nanoseconds of the server's processor per delivery, which is the same number as
 * processor-milliseconds per million; the table shows seconds per million.
 */
#ifndef BENCH_SPEED_TABLE_H
#define BENCH_SPEED_TABLE_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The value below which the share q of n values lies, between neighbours in proportion. Sorts
 * them. 0 for n = 0. */
double speed_quantile(double *values, uint32_t n, double q);

/* One setting, measured; the arrays hold one figure a round and are sorted in place. */
struct speed_row {
        uint32_t subscribers, event_bytes, burst_events, rounds;
        double *server_ns, *bare_ns; /* per delivery */
        double *ratio;               /* of the same round's two */
        double *pace_ratio;          /* of the server to itself with --pace off; NULL: not measured */
        double server_packet_events, bare_packet_events;
};

enum speed_path { SPEED_TCP, SPEED_UDP, SPEED_MULTICAST };

/* paced: udp_server is by default, and on SPEED_UDP measured beside --pace off. */
void speed_table_head(FILE *out, enum speed_path path, bool paced);
void speed_table_row(FILE *out, const struct speed_row *row);

/* What a delivery to one of `many` costs over one to one of `few`: a ratio each round, n; sorted in place. */
void speed_table_growth_head(FILE *out, uint32_t few, uint32_t many);
void speed_table_growth(FILE *out, uint32_t event_bytes, uint32_t burst_events, double *server, double *bare,
                        uint32_t n);

#endif
