#include "client/client.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/units.h"

static const struct transport *const transports[] = { &tcp_transport, &udp_transport };

static const struct transport *transport_of(const char *scheme, size_t scheme_n)
{
        for (size_t i = 0; i < sizeof transports / sizeof *transports; i++) {
                const char *known = transports[i]->scheme;
                if (strlen(known) == scheme_n && memcmp(known, scheme, scheme_n) == 0)
                        return transports[i];
        }
        return NULL;
}

static bool copy_part(char *to, size_t to_bytes, const char *from, size_t n)
{
        if (n == 0 || n >= to_bytes)
                return false;
        memcpy(to, from, n);
        to[n] = '\0';
        return true;
}

/* Where in HOST:PORT or [HOST]:PORT the host is; returns the text behind it, or NULL. */
static const char *find_host(const char *text, const char **host, size_t *host_n)
{
        const char *end = *text == '[' ? strchr(text, ']') : strrchr(text, ':');
        if (!end)
                return *text == '[' ? NULL : text + strlen(text);
        *host = *text == '[' ? text + 1 : text;
        *host_n = (size_t)(end - *host);
        return *text == '[' ? end + 1 : end;
}

static const char *parse_authority(const char *text, size_t n, struct client_url *url)
{
        const char *host, *port;
        size_t host_n = 0;
        if (!copy_part(url->authority, sizeof url->authority, text, n))
                return "no host, or one that is too long";
        port = find_host(url->authority, &host, &host_n);
        if (!port)
                return "the closing bracket is missing";
        if (port[0] != ':' || port[1] == '\0')
                return "the port is missing";
        uint64_t number;
        if (strlen(++port) > 5 || units_count(port, &number) || number < 1 || number > 65535)
                return "the port is not a number from 1 to 65535";
        if (!copy_part(url->host, sizeof url->host, host, host_n))
                return "no host, or one that is too long";
        if (*url->authority != '[' && strchr(url->host, ':'))
                return "an IPv6 address is written in brackets";
        memcpy(url->port, port, strlen(port) + 1);
        return NULL;
}

static const char *parse_path(const char *text, struct client_url *url)
{
        if (*text == '\0' || strcmp(text, "/") == 0)
                text = "/socket.io/";
        else if (url->transport->datagrams)
                return "udp:// takes no path";
        if (strpbrk(text, "?# \r\n\t"))
                return "the path may not hold ?, # or blanks";
        if (text[strlen(text) - 1] != '/')
                return "the path must end with a slash";
        return copy_part(url->path, sizeof url->path, text, strlen(text)) ? NULL : "the path is too long";
}

static const char *parse(const char *text, struct client_url *url)
{
        const char *colon = strstr(text, "://");
        url->transport = colon ? transport_of(text, (size_t)(colon - text)) : NULL;
        if (!url->transport)
                return "a URL begins with ws:// or udp://";
        const char *authority = colon + 3;
        size_t n = strcspn(authority, "/?#");
        const char *wrong = parse_authority(authority, n, url);
        return wrong ? wrong : parse_path(authority + n, url);
}

int client_url_parse(const char *text, struct client_url *url, const char **why)
{
        *why = parse(text, url);
        return *why ? ERR_MALFORMED : 0;
}

int client_url_resolve(const struct client_url *url, struct client_io_config *config, const char **why)
{
        struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                  .ai_socktype = url->transport->datagrams ? SOCK_DGRAM : SOCK_STREAM };
        struct addrinfo *found = NULL;
        int err = getaddrinfo(url->host, url->port, &hints, &found);
        if (err) {
                *why = gai_strerror(err);
                return ERR_NOT_FOUND;
        }
        config->to_n = 0;
        for (const struct addrinfo *a = found; a && config->to_n < CLIENT_IO_ADDRESSES_MAX; a = a->ai_next) {
                struct sock_addr *to = &config->to[config->to_n++];
                memcpy(&to->at, a->ai_addr, a->ai_addrlen);
                to->n = a->ai_addrlen;
        }
        freeaddrinfo(found);
        config->transport = url->transport;
        config->engine.host = url->authority;
        config->engine.path = url->path;
        return 0;
}
