#include "bench/speed_table.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;
        return (x > y) - (x < y);
}

double speed_quantile(double *values, uint32_t n, double q)
{
        if (n == 0)
                return 0;
        qsort(values, n, sizeof *values, by_value);
        double place = q * (n - 1);
        uint32_t below = (uint32_t)place;
        if (below + 1 >= n)
                return values[n - 1];
        return values[below] + (place - below) * (values[below + 1] - values[below]);
}

void speed_table_head(FILE *out, enum speed_path path, bool paced)
{
        static const char *const names[] = { "tcp_server, Socket.IO's JSON form on WebSocket", "udp_server, nack mode",
                                             "udp_server --multicast, one datagram for all; bare: one for each" };
        bool both = paced && path == SPEED_UDP;
        fprintf(out, "\n%s%s\n", names[path], path == SPEED_TCP ? "" : paced ? ", --pace auto" : ", --pace off");
        fprintf(out, "                    CPU s per million deliveries       server / bare        events a %s%s\n",
                path == SPEED_TCP ? "segment" : "datagram", both ? "  paced" : "");
        fprintf(out, "      N   event    W    server      bare        median   middle half      server    bare%s\n",
                both ? "     / not" : "");
}

void speed_table_row(FILE *out, const struct speed_row *row)
{
        uint32_t n = row->rounds;
        fprintf(out, "  %5u  %4u B  %3u  %8.3f  %8.3f  %12.2f   %.2f .. %.2f  %10.1f  %6.1f", row->subscribers,
                row->event_bytes, row->burst_events, speed_quantile(row->server_ns, n, 0.5) / 1e3,
                speed_quantile(row->bare_ns, n, 0.5) / 1e3, speed_quantile(row->ratio, n, 0.5),
                speed_quantile(row->ratio, n, 0.25), speed_quantile(row->ratio, n, 0.75), row->server_packet_events,
                row->bare_packet_events);
        if (row->pace_ratio)
                fprintf(out, "  %8.2f", speed_quantile(row->pace_ratio, n, 0.5));
        fputc('\n', out);
        fflush(out);
}

void speed_table_growth_head(FILE *out, uint32_t few, uint32_t many)
{
        fprintf(out, "\n  a delivery, N=%u over N=%u:   server   middle half        bare   middle half\n", many, few);
}

void speed_table_growth(FILE *out, uint32_t event_bytes, uint32_t burst_events, double *server, double *bare,
                        uint32_t n)
{
        fprintf(out, "         %4u B  %3u              %6.2f   %.2f .. %.2f  %10.2f   %.2f .. %.2f\n", event_bytes,
                burst_events, speed_quantile(server, n, 0.5), speed_quantile(server, n, 0.25),
                speed_quantile(server, n, 0.75), speed_quantile(bare, n, 0.5), speed_quantile(bare, n, 0.25),
                speed_quantile(bare, n, 0.75));
        fflush(out);
}
