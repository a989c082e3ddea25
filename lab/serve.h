/* serve: `lab serve`: both servers on one hub and one loop. EDGE.
 *
 * An event said on one path is heard on both, in the same order, with the same eid. That is what
 * makes the two paths of a comparison comparable.
 */
#ifndef LAB_SERVE_H
#define LAB_SERVE_H

/* The subcommand; argv[0] is "lab serve". Returns the exit code. */
int serve_main(int argc, char **argv);

#endif
