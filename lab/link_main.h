/* link_main: `lab link`, any two programs with the emulated path between them. EDGE.
 *
 *     lab link --delay 25ms --loss 2% --near 'python3 -m http.server 8000' -- curl -s http://10.77.0.1:8000/
 *
 * The near program, if any, is started first and waited for until it prints a line; then the far one
 * runs with the terminal, and its end is the end of all. The measuring starts with it.
 */
#ifndef LAB_LINK_MAIN_H
#define LAB_LINK_MAIN_H

/* argv[0] is the command's name. Returns the far program's exit code (128 + the signal that ended
 * it), 2 on wrong usage, 3 when the machine lacks something. */
int link_main(int argc, char **argv);

#endif
