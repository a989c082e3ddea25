/* err: the failures that functions return, as negative ints; 0 is success.
 *
 * Expected outcomes (a duplicate, a dropped packet) are verdict enums of their module, not
 * failures. Our own mistakes are asserts; bytes from the network never reach one.
 */
#ifndef CORE_BASE_ERR_H
#define CORE_BASE_ERR_H

/* X(name, number, words): the one list; the enum and err_text() come from it. */
#define ERR_LIST(X)                                                        \
        X(ERR_MALFORMED, -1, "malformed bytes")                            \
        X(ERR_TRUNCATED, -2, "more bytes are needed")                      \
        X(ERR_TOO_BIG, -3, "larger than the limit")                        \
        X(ERR_NO_MEMORY, -4, "out of memory")                              \
        X(ERR_FULL, -5, "no place left")                                   \
        X(ERR_NOT_FOUND, -6, "not found")                                  \
        X(ERR_EXISTS, -7, "exists already")                                \
        X(ERR_NOT_MEMBER, -8, "not a member of the room")                  \
        X(ERR_RANGE, -9, "out of range")                                   \
        X(ERR_UNIT, -10, "unit missing or unknown")                        \
        X(ERR_CLOSED, -11, "closed")                                       \
        X(ERR_SYSTEM, -12, "the operating system refused; errno says why") \
        X(ERR_UNSUPPORTED, -13, "not supported")

enum err {
#define ERR_ENUM(name, number, words) name = number,
        ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
};

/* The words for a failure, without a final stop; "ok" for 0, "unknown error" for a stranger. */
const char *err_text(int err);

#endif
