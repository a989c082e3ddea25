/* idle: `bench idle`, what connections cost that only stand, and what is left of those that went. EDGE. */
#ifndef BENCH_IDLE_H
#define BENCH_IDLE_H

/* Exit codes: 0; 1 a connection was refused or lost, or the server holds more memory than it may; 2
 * usage; 3 the machine lacks something. */
int idle_main(int argc, char **argv);

#endif
