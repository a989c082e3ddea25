/* doctor: what this machine allows, why it matters, and what would cure it. EDGE.
 *
 * `lab doctor` prints a line for each thing the lab can use: yes or no, what was found, what it is
 * for, and the cure where it is a no.
 */
#ifndef LAB_DOCTOR_H
#define LAB_DOCTOR_H

/* argv[0] is the command's name. Returns 0 when the emulated path can be had here, 3 when not, 2 on
 * wrong usage. */
int doctor_main(int argc, char **argv);

#endif
