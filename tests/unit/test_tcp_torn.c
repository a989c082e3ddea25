/* As test_udp_torn: what memory cannot be had for is not told, and the client ends. By scripts, with two more
 * steps: poor, there is no memory; rich, there is again. */
#include "tests/unit/no_memory.h"
#include "tests/unit/tcp_client_rig.h"

#define END "! down out of memory, for good"

static const struct script scripts[] = {
        { "an answer",
          { UP, "call [\"x\"]", "poor", "> 431[]", "rich", END, "wish close", "closed", "+ 60s", "wish hold" } },
        { "a second answer",
          { UP, "call [\"x\"]", "call [\"x\"]", "> 431[]", "poor", "> 432[]", "rich",
            "! 1 ok|down out of memory, for good" } },
        { "that a room is joined",
          { UP, "join tea", "call [\"x\"]", "poor", "> 431[{}]", "rich", END, "> 432[]", "!" } },
        { "that no answer comes", { UP, "call [\"x\"]", "call [\"y\"]", "poor", "+ 60s", "rich", END, "wish close" } },
        { "what became of a call of a lost session",
          { UP, "call [\"x\"]", "poor", "closed", "rich", END, "+ 60s", "wish hold" } },
        { "that a session is lost", { UP, "poor", "closed", "rich", END, "+ 60s", "wish hold" } },
        { "a gap, before an event that has it seen",
          { UP, "closed", "! down connection reset", "+ 1s", "open", "101", OPEN,
            "< 40{\"gaps\":true,\"pid\":\"P\",\"offset\":\"7-5\"}", "> 40{\"sid\":\"B\",\"pid\":\"Q\"}", "! up B",
            "poor", "> 42[\"x\",\"7-9\"]", "rich", END } },
        { "what is lost by leaving", { UP, "call [\"x\"]", "poor", "bye", "rich", END, "wish close" } },
};

static void run_poor(void **state)
{
        const struct script *script = *state;
        struct rig r;
        no_memory = false;
        rig_begin(&r, 100000);
        for (int i = 0; i < STEPS && script->steps[i]; i++) {
                if (strcmp(script->steps[i], "poor") == 0)
                        no_memory = true;
                else if (strcmp(script->steps[i], "rich") == 0)
                        no_memory = false;
                else
                        run_step(&r, script->steps[i]);
        }
        t->destroy(r.client);
        ws_free(&r.ws);
}

int main(void)
{
        return RUN_ROWS("cannot be told", scripts, run_poor);
}
