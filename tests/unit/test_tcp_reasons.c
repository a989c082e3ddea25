/* Why a socket goes, in Socket.IO's words, as the application is told: first with its rooms, then
 * without them, unless it may come back. */
#include "tests/unit/tcp_session_rig.h"

#define IN_TEA        "a open", "a > 40", "a < open|" SAME "|" HELLO "\"7-0\"]", "a > 420[\"join\",\"tea\"]", "a drain"
#define GONE_FROM_TEA "told going(tea) server namespace disconnect|gone() server namespace disconnect"
#define NEW_B         "40{\"sid\":\"$b\",\"pid\":\"%b\"}|42[\"hello\",{\"id\":\"$b\"},"

/* clang-format off */
static const struct script scripts[] = {
        { "it leaves the namespace: gone for good, the connection stays",
          "witness", { IN_TEA, "a > 41", "told going(tea) client namespace disconnect|gone() client namespace disconnect", "a alive" } },
        { "it closes the connection: it may come back",
          "witness", { IN_TEA, "a > 1", "told going(tea) transport close|gone(tea) transport close" } },
        { "a WebSocket close is the same",
          "witness", { IN_TEA, "a raw 88820102030402ea", "told going(tea) transport close|gone(tea) transport close" } },
        { "the connection breaks",
          "witness", { IN_TEA, "a lost", "told going(tea) transport error|gone(tea) transport error" } },
        { "a bad frame",
          "witness", { IN_TEA, "a raw 8100", "told going(tea) transport error|gone(tea) transport error" } },
        { "a ping, which is the server's to send",
          "witness", { IN_TEA, "a > 2", "told going(tea) transport error|gone(tea) transport error" } },
        { "no pong in time",
          "witness", { IN_TEA, "+ 45s", "told going(tea) ping timeout|gone(tea) ping timeout" } },
        { "a bad packet: not to be recovered, so its rooms are left",
          "witness", { IN_TEA, "a > 4abc", "told going(tea) parse error|gone() parse error" } },
        { "a packet out of turn",
          "witness", { IN_TEA, "a > 40", "told going(tea) parse error|gone() parse error" } },
        { "overtaken by the end of the log",
          "witness small", { IN_TEA, "a <N 0", "say [\"1\"]", "say [\"2\"]", "say [\"3\"]", "say [\"4\"]", "say [\"5\"]", "a drain",
            "told going(tea) forced server close|gone(tea) forced server close" } },
        { "the server stops",
          "witness", { IN_TEA, "stop", "told going(tea) server shutting down|gone(tea) server shutting down" } },
        { "taken over by its own next connection: no word, it has not gone",
          "witness", { "a open", "a > 40", "a < open|" SAME "|" HELLO "\"7-0\"]", BACK("7-0"), "a ended taken over by a reconnect",
            "told " } },
        { "lost, and the time to come back goes by: nothing more is said",
          "witness", { IN_TEA, "a lost", "told going(tea) transport error|gone(tea) transport error", "+ 121s", "told " } },
        { "lost, back, lost",
          "witness", { "a open", "a > 40", "a < open|" SAME "|" HELLO "\"7-0\"]", "a lost", "told going() transport error|gone() transport error",
            BACK("7-0"), "told ", "b > 41", "told going() client namespace disconnect|gone() client namespace disconnect" } },
        { "sent away by the application: told behind its last words, and the connection stays for another CONNECT",
          "witness", { IN_TEA, "a > 421[\"go\"]", "told ", "a > 42[\"unheard\"]", "a < 42[\"bye\",\"7-2\"]|431[]|41", GONE_FROM_TEA,
            "a > 42[\"unheard\"]", "a > 41", "a <", "a alive", "a > 40", "a < " SAME "|" HELLO "\"7-2\"]" } },
        { "one that reads slowly is told when it was",
          "witness", { IN_TEA, "a > 42[\"go\"]", "a <N 10", "told ", "a <N 10", "told ", "a < 42[\"bye\",\"7-2\"]|41", GONE_FROM_TEA } },
        { "one that breaks off before that does not come back",
          "witness", { IN_TEA, "a > 42[\"go\"]", "a lost", GONE_FROM_TEA, "b open", "b drain", "b > 40{\"pid\":\"%a\",\"offset\":\"7-0\"}",
            "b < " NEW_B "\"7-2\"]" } },
        { "nor does one that takes over from itself",
          "witness", { IN_TEA, "a > 42[\"go\"]", "b open", "b drain", "b > 40{\"pid\":\"%a\",\"offset\":\"7-0\"}", GONE_FROM_TEA,
            "a ended taken over by a reconnect", "b < " NEW_B "\"7-2\"]" } },
        { "sent away with its connection",
          "witness", { IN_TEA, "a > 42[\"go far\"]", "a < 42[\"bye\",\"7-2\"]|41|close(1005)", GONE_FROM_TEA, "a ended sent away by the application" } },
        { "no CONNECT in time: there was no socket, so nothing is told",
          "witness", { "a open", "a drain", "+ 25s", "a drain", "a > 3", "+ 20s", "a ended no CONNECT in time", "told " } },
        { "refused: nor was there",
          "token", { "a open", "a > 40", "a drain", "a lost", "told " } },
};
/* clang-format on */

int main(void)
{
        return RUN_ROWS("tcp_reasons", scripts, run_script);
}
