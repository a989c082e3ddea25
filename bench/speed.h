/* speed: `bench speed`, what a delivery costs the servers beside a bare batch send. EDGE.
 *
 * For each setting a real server and a bare one (bare.h) run beside each other, each with its
 * audience (audience.h), and are measured in turn, round by round: processor time of the server process
 * per event delivered. Trust the ratios: both had the same batches of the same bytes on the same
 * core within the same second. The rest moves with the machine.
 *
 * It is no test of speed: nothing fails because something is slow. It fails when an event is not
 * delivered, or a server ends.
 */
#ifndef BENCH_SPEED_H
#define BENCH_SPEED_H

/* Exit codes: 0; 1 an event was not delivered as it should; 2 usage; 3 the machine lacks
 * something. */
int speed_main(int argc, char **argv);

#endif
