#include "tcp_server/web.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/wire/crc32c.h"
#include "tcp_server/gzip.h"

enum { TAG_MAX = 64 };

/* One block of memory; the texts stand behind the struct, the bodies last. */
struct entry {
        char *path, *type, *tag, *headers;
        struct bytes body, packed; /* packed: gzip's, empty when that is no use */
        bool missing;
        char memory[];
};

struct web {
        struct entry *entries[WEB_FILES_MAX];
        size_t entries_n, bytes;
};

/* ---- the table ------------------------------------------------------------------------------ */

static struct bytes path_of(struct bytes url)
{
        const uint8_t *query = url.n ? memchr(url.at, '?', url.n) : NULL;
        return query ? bytes_of(url.at, (size_t)(query - url.at)) : url;
}

/* Its index; entries_n when it is not there. */
static size_t find(const struct web *w, struct bytes url)
{
        struct bytes path = path_of(url);
        size_t i = 0;
        while (i < w->entries_n && !bytes_equal(path, bytes_text(w->entries[i]->path)))
                i++;
        return i;
}

static char *put_text(char **at, const char *text)
{
        char *start = *at;
        *at = stpcpy(start, text) + 1;
        return start;
}

static struct bytes put_bytes(char **at, struct bytes b)
{
        char *start = *at;
        if (b.n > 0)
                memcpy(start, b.at, b.n);
        *at += b.n;
        return bytes_of(start, b.n);
}

static struct entry *entry_create(const struct web_file *f, struct bytes packed)
{
        char made[32];
        const char *tag = f->tag ? f->tag : made, *headers = f->headers ? f->headers : "";
        snprintf(made, sizeof made, "%zx-%08x", f->body.n, crc32c(f->body));
        size_t texts_n = strlen(f->path) + strlen(f->type) + strlen(tag) + strlen(headers) + 4;
        struct entry *e = malloc(sizeof *e + texts_n + f->body.n + packed.n);
        if (!e)
                return NULL;
        char *at = e->memory;
        e->path = put_text(&at, f->path);
        e->type = put_text(&at, f->type);
        e->tag = put_text(&at, tag);
        e->headers = put_text(&at, headers);
        e->body = put_bytes(&at, f->body);
        e->packed = put_bytes(&at, packed);
        e->missing = f->missing;
        return e;
}

/* Appends nothing when little is gained. */
static int pack(const struct web_file *f, struct buf *out)
{
        if (f->body.n < GZIP_BYTES_MIN || f->missing)
                return 0;
        struct gzip *g = gzip_create(GZIP_SMALL);
        int err = g ? gzip_put(g, f->body, out) : ERR_NO_MEMORY;
        gzip_destroy(g);
        if (out->n > f->body.n - f->body.n / 8)
                out->n = 0;
        return err;
}

/* ---- If-None-Match --------------------------------------------------------------------------- */

/* One member of the list, cut at a comma: is it this tag? Weak comparison: W/ makes no difference. */
static bool member_is(struct bytes member, const char *tag)
{
        while (member.n > 0 && (member.at[0] == ' ' || member.at[0] == '\t'))
                member = bytes_of(member.at + 1, member.n - 1);
        while (member.n > 0 && (member.at[member.n - 1] == ' ' || member.at[member.n - 1] == '\t'))
                member.n--;
        if (bytes_equal(member, bytes_text("*")))
                return true;
        if (member.n >= 2 && memcmp(member.at, "W/", 2) == 0)
                member = bytes_of(member.at + 2, member.n - 2);
        return member.n >= 2 && member.at[0] == '"' && member.at[member.n - 1] == '"' &&
               bytes_equal(bytes_of(member.at + 1, member.n - 2), bytes_text(tag));
}

/* Our tags hold no comma, so one inside a stranger's tag does no harm. */
static bool list_has(struct bytes list, const char *tag)
{
        while (list.n > 0) {
                const uint8_t *comma = memchr(list.at, ',', list.n);
                size_t n = comma ? (size_t)(comma - list.at) : list.n;
                if (member_is(bytes_of(list.at, n), tag))
                        return true;
                n += comma != NULL;
                list = bytes_of(list.at + n, list.n - n);
        }
        return false;
}

/* ---- answers --------------------------------------------------------------------------------- */

static int put_head(struct buf *head, const char *status, const struct web_request *r, const char *lines)
{
        return buf_printf(head, "HTTP/1.1 %s\r\nX-Content-Type-Options: nosniff\r\n%s%.*s", status, lines,
                          (int)r->headers.n, (const char *)r->headers.at);
}

static int put_refused(struct buf *head, const struct web_request *r)
{
        int err = put_head(head, "405 Method Not Allowed", r, "Allow: GET, HEAD\r\n");
        return err ? err : buf_text(head, "Content-Length: 0\r\n\r\n");
}

/* What is said of a file with and without its body. */
static int put_about(struct buf *head, const struct entry *e, const char *tag)
{
        return buf_printf(head, "%sETag: \"%s\"\r\n", e->packed.n > 0 ? "Vary: Accept-Encoding\r\n" : "", tag);
}

static int put_known(struct buf *head, const struct web_request *r, const struct entry *e, const char *tag)
{
        int err = put_head(head, "304 Not Modified", r, e->headers);
        err = err ? err : put_about(head, e, tag);
        return err ? err : buf_text(head, "\r\n");
}

static int put_found(struct buf *head, const struct web_request *r, const struct entry *e, const char *tag, bool packed)
{
        int err = put_head(head, e->missing ? "404 Not Found" : "200 OK", r, e->headers);
        if (!err && !e->missing)
                err = put_about(head, e, tag);
        if (!err && packed)
                err = buf_text(head, "Content-Encoding: gzip\r\n");
        return err ? err
                   : buf_printf(head, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", e->type,
                                packed ? e->packed.n : e->body.n);
}

/* ---- public ---------------------------------------------------------------------------------- */

struct web *web_create(void)
{
        return calloc(1, sizeof(struct web));
}

void web_destroy(struct web *w)
{
        if (!w)
                return;
        for (size_t i = 0; i < w->entries_n; i++)
                free(w->entries[i]);
        free(w);
}

int web_add(struct web *w, const struct web_file *f)
{
        size_t at = find(w, bytes_text(f->path));
        size_t replaced = at < w->entries_n ? w->entries[at]->body.n : 0;
        if (at == WEB_FILES_MAX || f->body.n > WEB_BYTES_MAX - (w->bytes - replaced))
                return ERR_FULL;
        struct buf packed = { 0 };
        int err = pack(f, &packed);
        struct entry *e = err ? NULL : entry_create(f, buf_bytes(&packed));
        buf_free(&packed);
        if (!e)
                return ERR_NO_MEMORY;
        if (at < w->entries_n)
                free(w->entries[at]);
        else
                w->entries_n++;
        w->entries[at] = e;
        w->bytes += f->body.n - replaced;
        return 0;
}

bool web_has(const struct web *w, struct bytes url)
{
        return find(w, url) < w->entries_n;
}

int web_answer(const struct web *w, const struct web_request *r, struct buf *head, struct bytes *body)
{
        const struct entry *e = w->entries[find(w, r->url)];
        bool get = strcmp(r->method, "GET") == 0;
        *body = bytes_of(NULL, 0);
        if (!get && strcmp(r->method, "HEAD") != 0)
                return put_refused(head, r);
        bool packed = e->packed.n > 0 && gzip_accepted(r->accept_encoding);
        char tag[TAG_MAX];
        snprintf(tag, sizeof tag, "%s%s", e->tag, packed ? "-gzip" : "");
        if (!e->missing && list_has(r->if_none_match, tag))
                return put_known(head, r, e, tag);
        int err = put_found(head, r, e, tag, packed);
        if (!err && get)
                *body = packed ? e->packed : e->body;
        return err;
}
