/* Where is the client? Stories of what comes from its own address and from others. */
#include "tests/unit/harness.h"

#include <stdio.h>

#include "udp_server/udp_path.h"

enum { RTT_MS = 40 }; /* asked again after 30 ms, or at another address after 50; given up after 3,000 */

/* The session is at `h`. Each step has three words: when (ms); from which address, with which pktno, and with
 * a RESPONSE that bears
 *
 *     !  the number of this address      ~  a number that nobody chose
 *     ?  the number of the other one     -  the one that was this address's before
 *
 * and what is made of it: `.` nothing, `over` no doubt any more, or of one from elsewhere the verdict; `moved`:
 * proven, and the session follows. */
static const struct row {
        const char *name, *story;
} rows[] = {
        { "nothing from elsewhere", "0 h1 . 10 h2 . 20 h3! ." },
        { "the client moves", "0 h1 . 10 a2 ask 50 a3! moved 60 a4 ." },
        { "and answers together with the first words from there", "0 h1 . 10 a2 ask 20 a3 wait 40 a5! moved" },
        { "the spoofer has something newer, and no answer", "0 h1 . 10 a2 ask 11 h2 . 20 h3 . 30 a3 old 9000 h4 ." },
        { "something older is sent again from elsewhere", "0 h5 . 10 a5 old 20 a4 old 30 a5! old" },
        { "the answer comes from a third address", "0 a2 ask 40 b3? wait 60 b4? ask" },
        { "the new address's number comes from the old one", "0 a2 ask 40 h3? ." },
        { "the old address's number comes from the new one", "0 a2 ask 40 a3? ask" },
        { "a number that nobody chose", "0 a2 ask 20 a3~ wait 40 a4~ ask" },
        { "an answer to no question", "0 a2~ ask 20 h3~ ." },
        { "the right answer, but the old address has said something newer", "0 a3 ask 10 h9 . 40 a4! old" },
        { "the old address answers first: the doubt is over", "0 a2 ask 40 h3! over 41 a4- ask" },
        { "the old address's answer is older than the new one's news", "0 a9 ask 40 h8! . 41 a10! moved" },
        { "both numbers in one datagram, from the new address", "0 a2 ask 40 a3!? moved" },
        { "both numbers in one datagram, from the old address", "0 a2 ask 40 h3?! over" },
        { "there and back", "0 a2 ask 40 a3! moved 50 h4 ask 90 h5! moved" },
        { "what was overtaken on the way comes from where it was", "0 a3 ask 40 a4! moved 41 h2 old" },
        { "not asked faster than it can answer", "0 a2 ask 10 a3 wait 29 a4 wait 30 a5 ask 59 a6 wait 60 a7! moved" },
        { "three PTO: it stays, and the number is worth nothing",
          "0 a2 ask 2999 a3 ask 3000 a4! ask 3040 a5- ask 3041 a6! moved" },
        { "it moves on before it has answered", "0 a2 ask 49 b3 wait 50 b4 ask 90 b5! moved" },
        { "the address before it answers late", "0 a2 ask 50 b4 ask 60 a5- wait 90 b6! moved" },
        { "four moves at once, then one each half second",
          "0 a2 ask 1 a3! moved 2 b4 ask 3 b5! moved 4 a6 ask 5 a7! moved 6 b8 ask 7 b9! moved 8 c10 often "
          "500 c11 often 501 c12 ask 502 c13! moved 900 d14 often 1001 d15 ask" },
};

struct stage {
        struct udp_path path;
        struct resend rtt;
        uint32_t known;
        uint64_t numbers_before[2]; /* random_there: now, and before */
};

static struct udp_addr address(char name)
{
        return (struct udp_addr){ .ip = { [15] = 1 }, .port = { (uint8_t)name, 0 } };
}

static void set_stage(struct stage *s)
{
        struct udp_addr here = address('h');
        *s = (struct stage){ .rtt = { .srtt_ns = RTT_MS * NS_PER_MS, .samples = 10 } };
        udp_path_init(&s->path, &here);
}

static uint64_t number(const struct stage *s, bool home, char which)
{
        const struct udp_path *p = &s->path;
        switch (which) {
        case '!':
                return home ? p->random_here : p->random_there;
        case '?':
                return home ? p->random_there : p->random_here;
        case '-':
                return s->numbers_before[1];
        default:
                return 12345;
        }
}

static struct bytes make(uint8_t out[DGRAM_BYTES_MAX], const struct stage *s, bool home, uint32_t pktno,
                         const char *answers)
{
        struct writer w = writer_of(out, DGRAM_BYTES_MAX);
        struct dgram_msg news = { .type = DGRAM_LEAVE, .pktno = pktno, .leave = { 3 } };
        assert_true(dgram_put(&w, &news));
        for (; *answers; answers++) {
                struct dgram_msg m = { .type = DGRAM_RESPONSE, .pktno = pktno };
                m.response.random = number(s, home, *answers);
                assert_true(dgram_put(&w, &m));
        }
        return bytes_of(out, writer_used(&w));
}

static const char *happens(struct stage *s, struct mono now, char from, uint32_t pktno, const char *response)
{
        static const char *const words[] = { "old", "often", "wait", "ask", "moved" };
        uint8_t out[DGRAM_BYTES_MAX];
        struct udp_path *p = &s->path;
        struct udp_addr at = address(from);
        bool home = udp_addr_equal(&at, &p->addr);
        struct bytes datagram = make(out, s, home, pktno, response);
        if (home) {
                s->known = pktno > s->known ? pktno : s->known;
                return udp_path_home(p, datagram, pktno) ? "over" : ".";
        }
        enum udp_path_verdict v = udp_path_elsewhere(p, now, &at, datagram, pktno, s->known, &s->rtt);
        if (p->random_there != s->numbers_before[0]) {
                s->numbers_before[1] = s->numbers_before[0];
                s->numbers_before[0] = p->random_there;
        }
        if (v == UDP_PATH_PROVEN) {
                s->known = pktno;
                udp_path_move(p, now);
                assert_true(udp_addr_equal(&p->addr, &at));
        }
        return words[v];
}

static void run_row(void **state)
{
        const struct row *row = *state;
        const char *rest = row->story;
        struct stage s;
        int ms, taken;
        unsigned pktno;
        char from, response[8], verdict[8];
        set_stage(&s);
        for (; *rest; rest += taken) {
                int n = sscanf(rest, "%d %c%u%7[^ ] %7s %n", &ms, &from, &pktno, response, verdict, &taken);
                if (n == 3) {
                        *response = '\0';
                        n = 1 + sscanf(rest, "%d %c%u %7s %n", &ms, &from, &pktno, verdict, &taken);
                }
                assert_int_equal(n, 5);
                struct mono now = { 1000 * NS_PER_S + ms * NS_PER_MS };
                struct udp_addr was = s.path.addr;
                const char *made = happens(&s, now, from, pktno, response);
                if (strcmp(made, verdict) != 0)
                        fail_msg("%s, not %s, at: %s", made, verdict, rest);
                if (strcmp(made, "moved") != 0)
                        assert_true(udp_addr_equal(&s.path.addr, &was));
        }
}

int main(void)
{
        return RUN_ROWS("udp_path", rows, run_row);
}
