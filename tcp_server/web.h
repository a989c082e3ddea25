/* web: the files that browsers get: the chat page, and Socket.IO's client for browsers.
 *
 * Sans-I/O. A table from paths to bytes, filled at the server's start (web_load.h) and then only
 * read; a request's method, URL and If-None-Match go in, the head of a whole answer and the bytes
 * to send behind it come out. Bodies are lent, so that many slow readers of one file cost no copy.
 * A file that gzip makes smaller is kept so, too, for those that take it; its tag ends in -gzip, as
 * two bodies must not have one tag.
 *
 * Source: RFC 9110 (8.8.3 entity tags, 12.5.5 Vary, 13.1.2 If-None-Match, 15.4.5 304).
 */
#ifndef TCP_SERVER_WEB_H
#define TCP_SERVER_WEB_H
#include "core/base/bytes.h"

struct web;

enum { WEB_FILES_MAX = 64, WEB_BYTES_MAX = 8 << 20 };

struct web_file {
        const char *path;    /* "/chat.js" */
        const char *type;    /* its Content-Type; text ones name their charset */
        const char *tag;     /* entity tag without quotes, up to 48 bytes; NULL: one is made from the bytes */
        const char *headers; /* further lines, each with its CR LF; NULL: none */
        struct bytes body;
        bool missing; /* answered with 404, the body being a sentence that says why */
};

struct web *web_create(void);    /* NULL when memory is out */
void web_destroy(struct web *w); /* accepts NULL */

/* Copies all of it. The later one wins a path. Returns 0; ERR_FULL beyond either limit; ERR_NO_MEMORY. */
int web_add(struct web *w, const struct web_file *f);

struct web_request {
        const char *method;           /* "GET" */
        struct bytes url;             /* with its query, which is ignored */
        struct bytes if_none_match;   /* empty: not sent */
        struct bytes headers;         /* further lines for the answer, each with its CR LF */
        struct bytes accept_encoding; /* empty: not sent */
};

/* Is there an answer for this URL here? */
bool web_has(const struct web *w, struct bytes url);

/* Answers a request for which web_has: 200, 304, 404 (missing), or 405 to all but GET and HEAD.
 * Appends the head to *head; *body, lent until web_destroy, is what to send behind it.
 * returns 0 or ERR_NO_MEMORY (*body empty; of the head there may be a part) */
int web_answer(const struct web *w, const struct web_request *r, struct buf *head, struct bytes *body);

#endif
