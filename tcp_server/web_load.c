#include "tcp_server/web_load.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/base/err.h"
#include "tcp_server/web_page.h"

enum { VERSION_MAX = 32, BANNER_BYTES = 200 };

/* From build/V/bin/tcp_server. */
static const char bundle_beside[] = "../../../tests/e2e/node_modules/socket.io-client/dist";

/* Nothing from elsewhere, nothing inline, no frame around it; 'self' of connect-src is also this
 * server's WebSocket. */
static const char page_headers[] =
        "Cache-Control: no-cache\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n";

static const char missing_words[] =
        "Socket.IO's client for browsers is not on this machine. `make deps` fetches it from npm; or name the\n"
        "folder that has socket.io.js: --bundle DIR. Restart the server then. All else works without it.\n";

static const char *type_of(const char *name)
{
        static const char *const types[][2] = {
                { ".html", "text/html; charset=utf-8" },
                { ".js", "application/javascript; charset=utf-8" },
                { ".css", "text/css; charset=utf-8" },
                { ".map", "application/json; charset=utf-8" },
                { ".svg", "image/svg+xml" },
                { ".json", "application/json; charset=utf-8" },
                { ".txt", "text/plain; charset=utf-8" },
                { ".png", "image/png" },
                { ".ico", "image/vnd.microsoft.icon" },
        };
        const char *dot = strrchr(name, '.');
        for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++)
                if (strcmp(dot, types[i][0]) == 0)
                        return types[i][1];
        return NULL;
}

/* ---- reading files --------------------------------------------------------------------------- */

/* Only regular files: a pipe would never end. */
static int read_file(const char *folder, const char *name, struct buf *out)
{
        char path[PATH_MAX];
        struct stat about;
        if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
                errno = ENAMETOOLONG;
                return ERR_SYSTEM;
        }
        if (stat(path, &about) != 0)
                return ERR_SYSTEM;
        if (!S_ISREG(about.st_mode)) {
                errno = EINVAL;
                return ERR_SYSTEM;
        }
        if (about.st_size > WEB_BYTES_MAX)
                return ERR_FULL;
        FILE *f = fopen(path, "re");
        if (!f)
                return ERR_SYSTEM;
        uint8_t *at = buf_room(out, (size_t)about.st_size + 1);
        if (at)
                out->n += fread(at, 1, (size_t)about.st_size, f);
        int err = !at ? ERR_NO_MEMORY : ferror(f) ? ERR_SYSTEM : 0;
        fclose(f);
        return err;
}

/* ---- the page -------------------------------------------------------------------------------- */

static int add_page(struct web *w, const char *name, const char *headers, struct bytes body)
{
        char path[NAME_MAX + 2];
        snprintf(path, sizeof path, "/%s", name);
        struct web_file f = { .path = path, .type = type_of(name), .headers = headers, .body = body };
        int err = web_add(w, &f);
        if (!err && strcmp(name, "index.html") == 0) {
                f.path = "/";
                err = web_add(w, &f);
        }
        return err;
}

/* The page was written for /socket.io/; another path is put in where it stands. */
static int put_moved(struct buf *out, struct bytes page, const char *path)
{
        static const char written[] = "/socket.io/";
        const uint8_t *end = page.at + page.n, *found;
        int err = 0;
        while (!err && (found = memmem(page.at, (size_t)(end - page.at), written, sizeof written - 1))) {
                err = buf_put(out, page.at, (size_t)(found - page.at));
                err = err ? err : buf_text(out, path);
                page.at = found + sizeof written - 1;
        }
        return err ? err : buf_put(out, page.at, (size_t)(end - page.at));
}

static int load_own_page(struct web *w, const char *path)
{
        const char *name;
        struct bytes body;
        int err = 0;
        for (size_t i = 0; !err && (body = web_page_file(i, &name)).n > 0; i++) {
                struct buf moved = { 0 };
                bool index = strcmp(name, "index.html") == 0;
                if (index)
                        err = put_moved(&moved, body, path);
                err = err ? err : add_page(w, name, page_headers, index ? buf_bytes(&moved) : body);
                buf_free(&moved);
        }
        return err;
}

static int load_folder(struct web *w, const char *folder)
{
        DIR *d = opendir(folder);
        if (!d)
                return ERR_SYSTEM;
        int err = 0;
        struct dirent *one;
        while (!err && (one = readdir(d))) {
                struct buf body = { 0 };
                if (one->d_name[0] != '.' && type_of(one->d_name)) {
                        err = read_file(folder, one->d_name, &body);
                        err = err ? err : add_page(w, one->d_name, "Cache-Control: no-cache\r\n", buf_bytes(&body));
                }
                buf_free(&body);
        }
        int kept = errno;
        closedir(d);
        errno = kept;
        return err;
}

/* ---- Socket.IO's client ----------------------------------------------------------------------- */

/* Its first lines say "Socket.IO v4.8.4"; that number is the entity tag, as in the reference. */
static bool read_version(struct bytes script, char version[VERSION_MAX])
{
        static const char words[] = "Socket.IO v";
        size_t n = script.n < BANNER_BYTES ? script.n : BANNER_BYTES, v = 0;
        const uint8_t *end = script.at + n, *at = n ? memmem(script.at, n, words, sizeof words - 1) : NULL;
        if (!at)
                return false;
        for (at += sizeof words - 1; at < end && v < VERSION_MAX - 1 && *at > ' ' && *at < 0x7f && *at != '"'; at++)
                version[v++] = (char)*at;
        version[v] = '\0';
        return v > 0;
}

/* One of the eight. version: NULL, or the tag. */
static int load_client_file(struct web *w, const struct web_sources *from, const char *folder, const char *name,
                            const char *version)
{
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s%s", from->path, name);
        struct buf body = { 0 };
        int err = version ? read_file(folder, name, &body) : ERR_SYSTEM;
        struct web_file f = { path, type_of(name), version, "Cache-Control: public, max-age=0\r\n", buf_bytes(&body),
                              false };
        if (err == ERR_SYSTEM) {
                f = (struct web_file){ path,
                                       "text/plain; charset=utf-8",
                                       NULL,
                                       "Cache-Control: no-store\r\n",
                                       bytes_text(missing_words),
                                       true };
                err = 0;
        }
        err = err ? err : web_add(w, &f);
        buf_free(&body);
        return err;
}

static int load_client(struct web *w, const struct web_sources *from, const char *folder)
{
        static const char *const names[] = { "socket.io.js", "socket.io.min.js", "socket.io.esm.min.js",
                                             "socket.io.msgpack.min.js" };
        char version[VERSION_MAX], map[64];
        struct buf first = { 0 };
        int err = folder ? read_file(folder, names[0], &first) : ERR_SYSTEM;
        if (from->bundle && err) {
                buf_free(&first);
                return err;
        }
        bool found = !err && read_version(buf_bytes(&first), version);
        buf_free(&first);
        err = 0;
        for (size_t i = 0; !err && i < sizeof names / sizeof names[0]; i++) {
                snprintf(map, sizeof map, "%s.map", names[i]);
                err = load_client_file(w, from, folder, names[i], found ? version : NULL);
                err = err ? err : load_client_file(w, from, folder, map, found ? version : NULL);
        }
        return err;
}

/* The folder that `make deps` fills, seen from the running program; false when its own place is not known. */
static bool find_beside(char folder[PATH_MAX])
{
        char program[PATH_MAX];
        char *slash = realpath("/proc/self/exe", program) ? strrchr(program, '/') : NULL;
        if (!slash)
                return false;
        *slash = '\0';
        return snprintf(folder, PATH_MAX, "%s/%s", program, bundle_beside) < PATH_MAX;
}

/* ---- public ---------------------------------------------------------------------------------- */

int web_load(const struct web_sources *from, struct web **out)
{
        char beside[PATH_MAX];
        const char *folder = from->bundle ? from->bundle : find_beside(beside) ? beside : NULL;
        struct web *w = web_create();
        if (!w)
                return ERR_NO_MEMORY;
        int err = from->pages ? load_folder(w, from->pages) : load_own_page(w, from->path);
        err = err ? err : load_client(w, from, folder);
        if (err) {
                int kept = errno;
                web_destroy(w);
                errno = kept;
                return err;
        }
        *out = w;
        return 0;
}
