/* urgent: real-time priority for what must not be late. EDGE.
 *
 * A host that runs something else for 5 ms would be measured as a network that is 5 ms slower. So
 * the link's process, the servers and the subscribers ask to go before all ordinary work, the link
 * before the other two. Without the right they go on as they are, and the lateness that the
 * results tell shows what it cost.
 */
#ifndef LAB_URGENT_H
#define LAB_URGENT_H
#include <stdbool.h>

enum urgency { URGENT_NOT, URGENT_ENDS /* servers, subscribers */, URGENT_LINK };

/* For the calling process and what it starts from now on. Returns false when the machine refused. */
bool urgent_become(enum urgency urgency);

#endif
