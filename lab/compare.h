/* compare: the main job: the same events to TCP and UDP subscribers through one bad network. EDGE.
 *
 *      near                                   far: this process
 *        lab serve  --- link process ---        subscribers of all paths
 *                   ------ clean -------        publisher
 *
 * The link begins to do harm at the run's t0 and is stopped before anybody says goodbye. All that is
 * started here ends with this process, however that happens. Where the machine allows no
 * namespaces the same run is made on loopback, and its table says so first.
 */
#ifndef LAB_COMPARE_H
#define LAB_COMPARE_H

/* `lab run compare`. Returns the exit code: the report's verdict, 3 when the machine lacks
 * something, 128 + SIGINT when stopped. */
int compare_main(int argc, char **argv);

#endif
