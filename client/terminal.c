#include "client/terminal.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "core/loop/loop.h"

enum { READ_BYTES = 16 << 10 };

struct terminal {
        struct terminal_config config;
        struct watch watch;
        struct alarm again; /* terminal_resume takes effect in a turn of its own */
        struct buf pending; /* read, not taken */
        bool screen;
        bool skipping;  /* the rest of a line that was too long */
        bool in_line;   /* readline has put its prompt away, and brings it back by itself */
        bool input_end; /* nothing more can be read */
        bool told_end;
        bool broken;
};

/* readline's callbacks bear no pointer. */
static struct terminal *the_terminal;

/* ---- lines that came -------------------------------------------------------------------------- */

static void end_once(struct terminal *t)
{
        if (t->told_end)
                return;
        t->told_end = true;
        t->config.end(t->config.owner);
}

/* On a screen the line as typed is wiped when it will be heard back; if it took more than a row of
 * the screen it stays: where it began is the terminal's secret. */
static void wipe_typed(struct terminal *t, struct bytes line)
{
        int rows, columns;
        if (!t->screen || !t->in_line)
                return;
        rl_get_screen_size(&rows, &columns);
        if (line.n + strlen(rl_prompt ? rl_prompt : "") < (size_t)columns)
                fputs("\033[A\r\033[K", rl_outstream);
}

/* Hands out whole lines until one is not taken. */
static void give_lines(struct terminal *t)
{
        size_t done = 0;
        enum terminal_verdict verdict = TERMINAL_TAKEN;
        while (done < t->pending.n && !t->told_end) {
                const uint8_t *at = t->pending.at + done, *end = memchr(at, '\n', t->pending.n - done);
                size_t n = end ? (size_t)(end - at) : t->pending.n - done;
                if (!end && !t->input_end && n < TERMINAL_LINE_MAX)
                        break;
                struct bytes line = { at, n > 0 && at[n - 1] == '\r' ? n - 1 : n };
                verdict = t->skipping ? TERMINAL_TAKEN : t->config.line(t->config.owner, line);
                if (verdict == TERMINAL_LATER)
                        break;
                if (verdict == TERMINAL_HEARD)
                        wipe_typed(t, line);
                t->skipping = !end;
                done += n + (end != NULL);
        }
        buf_drop(&t->pending, done);
        watch_want(&t->watch, verdict == TERMINAL_LATER || t->input_end ? 0 : WATCH_READ);
        if (t->input_end && t->pending.n == 0)
                end_once(t);
}

static void read_pipe(struct terminal *t)
{
        uint8_t *room = buf_room(&t->pending, READ_BYTES);
        ssize_t n = room ? read(STDIN_FILENO, room, READ_BYTES) : -1;
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return;
        if (n > 0)
                t->pending.n += (size_t)n;
        else
                t->input_end = true;
        give_lines(t);
}

static void on_ready(void *ctx, unsigned what)
{
        struct terminal *t = ctx;
        (void)what;
        if (t->screen)
                rl_callback_read_char();
        else
                read_pipe(t);
}

static void on_again(void *ctx)
{
        give_lines(ctx);
}

static void on_readline(char *line)
{
        struct terminal *t = the_terminal;
        if (!line) {
                fputc('\n', rl_outstream);
                t->input_end = true;
                give_lines(t);
                return;
        }
        t->in_line = true;
        if (*line)
                add_history(line);
        if (buf_text(&t->pending, line) == 0 && buf_put(&t->pending, "\n", 1) == 0)
                give_lines(t);
        fflush(rl_outstream);
        t->in_line = false;
        free(line);
}

/* ---- lines that go ---------------------------------------------------------------------------- */

static void write_line(struct terminal *t, FILE *to, struct bytes line)
{
        bool typing = t->screen && !t->in_line;
        if (typing)
                rl_clear_visible_line();
        bool bad = fwrite(line.at, 1, line.n, to) != line.n || fputc('\n', to) == EOF || fflush(to) != 0;
        t->broken = t->broken || (bad && to == stdout);
        if (typing) {
                rl_on_new_line();
                rl_redisplay();
        }
}

void terminal_put(struct terminal *t, struct bytes line)
{
        write_line(t, stdout, line);
}

void terminal_note(struct terminal *t, struct bytes line)
{
        write_line(t, t->screen ? stdout : stderr, line);
}

bool terminal_is_broken(const struct terminal *t)
{
        return t->broken;
}

void terminal_prompt(struct terminal *t, struct bytes prompt)
{
        char *text = t->screen ? strndup((const char *)prompt.at, prompt.n) : NULL;
        if (!text)
                return;
        if (!t->in_line)
                rl_clear_visible_line();
        rl_set_prompt(text);
        if (!t->in_line) {
                rl_on_new_line();
                rl_redisplay();
        }
        free(text);
}

void terminal_resume(struct terminal *t)
{
        alarm_set(&t->again, loop_clock());
}

/* ---- life ------------------------------------------------------------------------------------- */

bool terminal_is_there(void)
{
        return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

struct terminal *terminal_open(struct loop *loop, const struct terminal_config *config)
{
        struct terminal *t = calloc(1, sizeof *t);
        if (!t)
                return NULL;
        t->config = *config;
        t->screen = !config->plain && terminal_is_there();
        watch_init(&t->watch, loop, STDIN_FILENO, on_ready, t);
        alarm_init(&t->again, loop, on_again, t);
        watch_want(&t->watch, WATCH_READ);
        if (t->screen) {
                the_terminal = t;
                setlocale(LC_ALL, "");
                rl_catch_signals = 0; /* the loop catches them */
                rl_bind_key('\t', rl_insert);
                rl_callback_handler_install("", on_readline);
        }
        return t;
}

void terminal_close(struct terminal *t)
{
        if (!t)
                return;
        watch_end(&t->watch);
        alarm_end(&t->again);
        if (t->screen) {
                rl_clear_visible_line();
                rl_callback_handler_remove();
                rl_clear_history();
                the_terminal = NULL;
        }
        buf_free(&t->pending);
        free(t);
}
