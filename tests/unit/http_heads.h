/* http_heads: the lines of a request, as macros of text. For tests. */
#ifndef TESTS_UNIT_HTTP_HEADS_H
#define TESTS_UNIT_HTTP_HEADS_H

#define URL    "/socket.io/?EIO=4&transport=websocket"
#define HOST   "Host: a\r\n"
#define UP     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13    "Sec-WebSocket-Version: 13\r\n"
#define GET(u) "GET " u " HTTP/1.1\r\n"
#define REST   HOST UP KEY V13 "\r\n"

#endif
