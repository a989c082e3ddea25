/* udp_options: what the command lines of all who run a UDP server have in common.
 */
#ifndef UDP_SERVER_UDP_OPTIONS_H
#define UDP_SERVER_UDP_OPTIONS_H
#include <argp.h>

#include "udp_server/udp_server.h"

struct udp_options {
        struct udp_server_config server;
        const char *key_file;
        uint8_t key[UDP_KEY_BYTES];
};

/* argp child for everything but the address to listen on, and how many may come from one. Its input is a struct
 * udp_options, which begins with the defaults. */
extern const struct argp udp_argp;

/* Behind the parsing, with server.listen set: is the group one that can be heard there, and is there a key? Ends the
 * process with one line when not. */
void udp_options_ready(struct udp_options *o);

#endif
