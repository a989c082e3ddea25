/* udp_stats: everything the UDP server counts, one list. Each datagram that is not used is in one
 * of the rejections; each counter since the gate was made. */
#ifndef UDP_SERVER_UDP_STATS_H
#define UDP_SERVER_UDP_STATS_H
#include <stdint.h>

/* X(name, words) */
#define UDP_STATS(X)                                                           \
        X(datagrams_in, "datagrams received")                                  \
        X(bytes_in, "bytes received")                                          \
        X(datagrams_out, "datagrams sent")                                     \
        X(bytes_out, "bytes sent")                                             \
        X(accepted, "sessions begun")                                          \
        X(recovered, "of them for an instance that was known")                 \
        X(taken_over, "sessions ended by a newer one of their instance")       \
        X(cookies, "COOKIE answers")                                           \
        X(resets, "RESET answers")                                             \
        X(challenges, "times that a client was asked whether it has moved")    \
        X(responses, "RESPONSE messages")                                      \
        X(moved, "sessions that went on at another address")                   \
        X(stayed, "of clients asked: still at the old address")                \
        X(moves_limited, "not asked: it moves too often")                      \
        X(moves_waiting, "not asked: a CHALLENGE is on its way")               \
        X(moves_refused, "refused: too many sessions at the new address")      \
        X(partings, "clients taken out of a room by the application")          \
        X(published, "PUB taken")                                              \
        X(duplicate_pubs, "PUB answered again")                                \
        X(nacks, "NACK messages")                                              \
        X(repairs, "repaired runs of events")                                  \
        X(repair_bytes, "bytes of repairs")                                    \
        X(copies, "runs of events copied before anyone asked")                 \
        X(parity, "groups of parity sent")                                     \
        X(parity_bytes, "bytes of parity")                                     \
        X(left_out, "copies and groups of parity left out: no rate for them")  \
        X(bared, "times that a session went on with repairs alone, for that")  \
        X(repairs_held, "repairs held off, since one is on its way")           \
        X(gaps, "GAP messages")                                                \
        X(beats, "BEAT messages")                                              \
        X(reports, "REPORT messages")                                          \
        X(held, "turns of sessions that had more than their rate lets go")     \
        X(slow_paths, "clients told that their path loses too much")           \
        X(slow_closed, "sessions closed: the path loses too much")             \
        X(listens, "sessions that began to hear the group")                    \
        X(group_datagrams, "datagrams sent to the group")                      \
        X(group_bytes, "bytes sent to the group")                              \
        X(ncfs, "NCF messages")                                                \
        X(group_repairs, "runs of events repaired for the whole group")        \
        X(by_group, "runs of events that sessions left to the group")          \
        X(no_magic, "rejected: not ours")                                      \
        X(bad_version, "rejected: another version")                            \
        X(bad_length, "rejected: lengths do not add up")                       \
        X(bad_padding, "rejected: padding that is not zeros")                  \
        X(malformed, "rejected: message malformed")                            \
        X(level_2, "passed over: of a later level, or unknown")                \
        X(class_b, "rejected: broadcast message from a client")                \
        X(unexpected, "rejected: not for a server")                            \
        X(unknown_tag, "rejected: no such session")                            \
        X(wrong_address, "rejected: old, and from another address")            \
        X(replayed, "rejected: pktno seen or too old")                         \
        X(short_hello, "rejected: HELLO of less than 1,200 bytes")             \
        X(hello_limited, "rejected: HELLO over the rate")                      \
        X(bad_cookie, "rejected: CONNECT without a valid cookie")              \
        X(short_connect, "rejected: CONNECT of less than 256 bytes")           \
        X(begun_often, "rejected: CONNECT of an address that begins too many") \
        X(full, "refused: too many sessions")                                  \
        X(not_admitted, "refused: by the application, or without its token")   \
        X(reset_limited, "RESET not sent: over the rate")                      \
        X(pub_refused, "PUB refused")                                          \
        X(pub_early, "PUB refused for now: an older one has to come first")    \
        X(pub_held, "PUB kept until an older one is done")                     \
        X(pub_parts, "fragments of PUB")                                       \
        X(pub_parts_refused, "of them refused: no place, or a contradiction")  \
        X(pub_parts_dropped, "PUB given up: not whole, or never its turn")     \
        X(pub_too_old, "PUB below the window of known ones")                   \
        X(nack_full, "NACK ranges refused: 32 are wanted already")             \
        X(no_place, "passed over: no place for more answers")                  \
        X(asked_often, "passed over: NACK, PING and the like over the rate")   \
        X(no_channel, "messages for a channel that the session does not have") \
        X(unbound, "runs of events in a room without a channel")               \
        X(private_full, "sessions closed: too much to be said at once")        \
        X(idle, "sessions lost: the client fell silent")                       \
        X(no_memory, "failures for want of memory")

struct udp_stats {
#define UDP_STATS_FIELD(name, words) uint64_t name;
        UDP_STATS(UDP_STATS_FIELD)
#undef UDP_STATS_FIELD
};

#endif
