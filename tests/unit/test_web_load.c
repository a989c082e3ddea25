#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "tcp_server/web.h"
#include "tcp_server/web_load.h"

/* A folder for one test, with the files it makes in it. */
struct folder {
        char path[40];
        const char *names[4];
        int names_n;
};

static struct folder folder_make(void)
{
        struct folder f = { "/tmp/test_web_load_XXXXXX", { NULL }, 0 };
        assert_non_null(mkdtemp(f.path));
        return f;
}

static void folder_put(struct folder *f, const char *name, const char *text)
{
        char path[128];
        snprintf(path, sizeof path, "%s/%s", f->path, name);
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        fputs(text, out);
        fclose(out);
        f->names[f->names_n++] = name;
}

static void folder_end(struct folder *f)
{
        char path[128];
        for (int i = 0; i < f->names_n; i++) {
                snprintf(path, sizeof path, "%s/%s", f->path, f->names[i]);
                unlink(path);
        }
        rmdir(f->path);
}

/* What GET says; the head is a string that the caller frees. */
static char *get(const struct web *w, const char *url, struct bytes *body)
{
        struct buf head = { 0 };
        assert_true(web_has(w, bytes_text(url)));
        int err = web_answer(w, &(struct web_request){ .method = "GET", .url = bytes_text(url) }, &head, body);
        assert_int_equal(err ? err : buf_put(&head, "", 1), 0);
        return (char *)head.at;
}

static bool says(struct bytes body, const char *words)
{
        return memmem(body.at, body.n, words, strlen(words)) != NULL;
}

static bool gets(const struct web *w, const char *url, const char *status, const char *words)
{
        struct bytes body;
        char *head = get(w, url, &body);
        bool right = strncmp(head + strlen("HTTP/1.1 "), status, strlen(status)) == 0 && says(body, words);
        free(head);
        return right;
}

static void the_page_is_in_the_program(void **state)
{
        (void)state;
        struct folder empty = folder_make();
        folder_put(&empty, "socket.io.js", "/*!\n * Socket.IO v9.8.7\n */\n");
        struct web *w = NULL;
        assert_int_equal(web_load(&(struct web_sources){ .path = "/socket.io/", .bundle = empty.path }, &w), 0);
        struct bytes page, same;
        char *head = get(w, "/", &page);
        assert_non_null(strstr(head, "\r\nContent-Type: text/html; charset=utf-8\r\n"));
        assert_non_null(strstr(head, "\r\nContent-Security-Policy: default-src 'none';"));
        assert_null(strstr(head, "unsafe"));
        assert_true(says(page, "<script src=\"/socket.io/socket.io.js\""));
        free(head);
        free(get(w, "/index.html", &same));
        assert_true(bytes_equal(page, same));
        assert_true(gets(w, "/chat.js", "200", "'use strict'"));
        assert_true(gets(w, "/chat.css", "200", "color-scheme"));
        assert_true(gets(w, "/icon.svg", "200", "<svg"));
        web_destroy(w);
        folder_end(&empty);
}

static void the_page_follows_the_path(void **state)
{
        (void)state;
        struct folder bundle = folder_make();
        folder_put(&bundle, "socket.io.js", "// Socket.IO v9.8.7\n");
        struct web *w = NULL;
        assert_int_equal(web_load(&(struct web_sources){ .path = "/a/much/longer/path/", .bundle = bundle.path }, &w),
                         0);
        struct bytes page;
        free(get(w, "/", &page));
        assert_true(says(page, "<script src=\"/a/much/longer/path/socket.io.js\""));
        assert_true(says(page, "data-path=\"/a/much/longer/path/\""));
        assert_true(says(page, "</html>"));
        assert_false(says(page, "\"/socket.io/"));
        assert_true(gets(w, "/a/much/longer/path/socket.io.js", "200", "v9.8.7"));
        assert_false(web_has(w, bytes_text("/socket.io/socket.io.js")));
        web_destroy(w);
        folder_end(&bundle);
}

static void the_client_bears_its_version(void **state)
{
        (void)state;
        struct folder bundle = folder_make();
        folder_put(&bundle, "socket.io.js", "/*!\n * Socket.IO v9.8.7\n */\n");
        folder_put(&bundle, "socket.io.min.js.map", "{}");
        struct web *w = NULL;
        assert_int_equal(web_load(&(struct web_sources){ .path = "/socket.io/", .bundle = bundle.path }, &w), 0);
        struct bytes body;
        char *head = get(w, "/socket.io/socket.io.js", &body);
        assert_non_null(strstr(head, "\r\nETag: \"9.8.7\"\r\n"));
        assert_non_null(strstr(head, "\r\nCache-Control: public, max-age=0\r\n"));
        assert_non_null(strstr(head, "\r\nContent-Type: application/javascript; charset=utf-8\r\n"));
        free(head);
        head = get(w, "/socket.io/socket.io.min.js.map", &body);
        assert_non_null(strstr(head, "\r\nETag: \"9.8.7\"\r\n"));
        assert_non_null(strstr(head, "\r\nContent-Type: application/json; charset=utf-8\r\n"));
        free(head);
        static const char *const others[] = { "js.map",         "min.js",         "esm.min.js",
                                              "esm.min.js.map", "msgpack.min.js", "msgpack.min.js.map" };
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
                char url[64];
                snprintf(url, sizeof url, "/socket.io/socket.io.%s", others[i]);
                assert_true(gets(w, url, "404", "make deps"));
        }
        assert_false(web_has(w, bytes_text("/socket.io/")));
        assert_false(web_has(w, bytes_text("/socket.io/?EIO=4&transport=polling")));
        web_destroy(w);
        folder_end(&bundle);
}

static void a_stranger_in_the_clients_place_is_not_served(void **state)
{
        (void)state;
        struct folder bundle = folder_make();
        folder_put(&bundle, "socket.io.js", "alert('Socket.IO without its number')");
        struct web *w = NULL;
        assert_int_equal(web_load(&(struct web_sources){ .path = "/socket.io/", .bundle = bundle.path }, &w), 0);
        assert_true(gets(w, "/socket.io/socket.io.js", "404", "make deps"));
        assert_true(gets(w, "/", "200", "<html"));
        web_destroy(w);
        folder_end(&bundle);
}

static void a_folder_of_pages_takes_the_chat_pages_place(void **state)
{
        (void)state;
        struct folder pages = folder_make();
        folder_put(&pages, "index.html", "<h1>mine</h1>");
        folder_put(&pages, "mine.js", "1");
        folder_put(&pages, ".secret.txt", "no");
        folder_put(&pages, "core", "no");
        struct web *w = NULL;
        assert_int_equal(web_load(&(struct web_sources){ .path = "/socket.io/", .pages = pages.path }, &w), 0);
        struct bytes body;
        char *head = get(w, "/", &body);
        assert_true(says(body, "mine"));
        assert_null(strstr(head, "Content-Security-Policy"));
        free(head);
        assert_true(gets(w, "/mine.js", "200", "1"));
        assert_false(web_has(w, bytes_text("/.secret.txt")));
        assert_false(web_has(w, bytes_text("/core")));
        assert_false(web_has(w, bytes_text("/chat.js")));
        web_destroy(w);
        folder_end(&pages);
}

static void a_folder_that_is_not_there_is_said(void **state)
{
        (void)state;
        struct folder empty = folder_make();
        struct web *w = NULL;
        assert_int_equal(web_load(&(struct web_sources){ .path = "/s/", .bundle = "/nowhere/at/all" }, &w), ERR_SYSTEM);
        assert_int_equal(web_load(&(struct web_sources){ .path = "/s/", .pages = "/nowhere/at/all" }, &w), ERR_SYSTEM);
        assert_int_equal(web_load(&(struct web_sources){ .path = "/s/", .bundle = empty.path }, &w), ERR_SYSTEM);
        assert_null(w);
        folder_end(&empty);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_page_is_in_the_program),
                cmocka_unit_test(the_page_follows_the_path),
                cmocka_unit_test(the_client_bears_its_version),
                cmocka_unit_test(a_stranger_in_the_clients_place_is_not_served),
                cmocka_unit_test(a_folder_of_pages_takes_the_chat_pages_place),
                cmocka_unit_test(a_folder_that_is_not_there_is_said),
        };
        return cmocka_run_group_tests_name("web load", tests, NULL, NULL);
}
