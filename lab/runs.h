/* runs: the experiments that have a name: `lab run NAME` and `lab list`. */
#ifndef LAB_RUNS_H
#define LAB_RUNS_H

/* argv[0] is the command's name, argv[1] the run's. Returns the exit code. */
int runs_main(int argc, char **argv);

int runs_list_main(int argc, char **argv);

#endif
