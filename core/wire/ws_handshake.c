#include "core/wire/ws_handshake.h"

#include <openssl/sha.h>
#include <sodium.h>

#include "core/base/base64.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static const int base64 = sodium_base64_VARIANT_ORIGINAL;

void ws_key(const uint8_t raw[WS_KEY_RAW], char text[WS_KEY_TEXT + 1])
{
        sodium_bin2base64(text, WS_KEY_TEXT + 1, raw, WS_KEY_RAW, base64);
}

bool ws_key_valid(struct bytes key)
{
        uint8_t raw[WS_KEY_RAW];
        size_t raw_n = 0;
        return key.n == WS_KEY_TEXT && base64_read(key, raw, sizeof raw, &raw_n) == 0 && raw_n == sizeof raw;
}

void ws_accept(struct bytes key, char text[WS_ACCEPT_TEXT + 1])
{
        uint8_t joined[WS_KEY_TEXT + sizeof GUID - 1], hash[SHA_DIGEST_LENGTH];
        memcpy(joined, key.at, WS_KEY_TEXT);
        memcpy(joined + WS_KEY_TEXT, GUID, sizeof GUID - 1);
        SHA1(joined, sizeof joined, hash);
        sodium_bin2base64(text, WS_ACCEPT_TEXT + 1, hash, sizeof hash, base64);
}
