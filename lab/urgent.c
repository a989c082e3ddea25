#include "lab/urgent.h"

#include <sched.h>
#include <sys/prctl.h>

bool urgent_become(enum urgency urgency)
{
        static const int priority[] = { [URGENT_NOT] = 0, [URGENT_ENDS] = 5, [URGENT_LINK] = 10 };
        const struct sched_param param = { .sched_priority = priority[urgency] };
        if (urgency != URGENT_NOT)
                prctl(PR_SET_TIMERSLACK, 1); /* the default lets timers be 50 us late */
        return sched_setscheduler(0, urgency == URGENT_NOT ? SCHED_OTHER : SCHED_FIFO, &param) == 0;
}
