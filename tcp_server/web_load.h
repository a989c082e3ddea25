/* web_load: the table of files for browsers, as a server has it at its start. EDGE: reads files.
 *
 * The chat page is part of the program (tcp_server/web/ is put in when it is compiled), so a copy
 * of the binary alone serves it. Socket.IO's client is not ours: its eight files are looked for in
 * the npm package that the tests install.
 */
#ifndef TCP_SERVER_WEB_LOAD_H
#define TCP_SERVER_WEB_LOAD_H
#include "tcp_server/web.h"

struct web_sources {
        const char *path;   /* where Socket.IO is served, with both slashes */
        const char *pages;  /* a folder whose index.html and other files are served instead of the chat page; NULL */
        const char *bundle; /* the folder of socket.io.js; NULL: where `make deps` puts it beside this program */
};

/* Files in a folder given by name keep their own rules: no Content-Security-Policy is added, since
 * a page written elsewhere may have inline scripts. Without a bundle its paths answer 404 with a
 * sentence, and all else goes on.
 * returns 0 and *out; ERR_SYSTEM (errno: the folder given cannot be read); ERR_FULL; ERR_NO_MEMORY */
int web_load(const struct web_sources *from, struct web **out);

#endif
