/* web_page: the chat page's files as they were when the program was compiled. */
#ifndef TCP_SERVER_WEB_PAGE_H
#define TCP_SERVER_WEB_PAGE_H
#include "core/base/bytes.h"

/* The file numbered i and its name; empty bytes when there are no more. They live as long as the program. */
struct bytes web_page_file(size_t i, const char **name);

#endif
