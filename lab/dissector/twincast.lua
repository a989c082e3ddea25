-- twincast: Wireshark's eyes for the UDP path, version 1.
--
--     wireshark -X lua_script:lab/dissector/twincast.lua FILE
--     tshark -2 -X lua_script:lab/dissector/twincast.lua -r FILE -Y twincast.nack -V
--
-- Every message of a datagram is a tree of named fields (twincast.data.seq, ...), found on any UDP
-- port by its magic, version and lengths, or by `Decode As`. A NACK is linked to the DATA it misses
-- and to its repairs, a repeated DATA to its first frame and to the NACK that asked for it, answers
-- to what they answer. Links ahead (a NACK's repairs) want a second pass: tshark's -2; Wireshark
-- does it when a frame is clicked.
--
-- Bytes here are hostile: each is read behind a look at the length, loops are bounded, and what
-- contradicts the spec is marked with an expert info, never answered with an error of Lua.
--
-- Source: the wire spec in udp_server/README.md; the types are core/wire/dgram.h's.

local twincast = Proto("twincast", "Twincast datagrams")

local MAGIC, VERSION, HEADER, SESSION_HEADER = 0x0E4C, 1, 16, 24
local RANGES_MAX, ACKS_MAX, FRAGMENT_BYTES, FRAGMENTS_MAX, DEPTH_MAX, ITEMS_MAX, PARITY_MAX = 32, 16, 1100, 64, 16, 4096, 8
local LINKS_MAX = 64 -- frames one message is linked to; NACKs of a room that are looked through

-- ---- words ------------------------------------------------------------------------------------

local TYPES = {
    [0x01] = "HELLO", [0x02] = "COOKIE", [0x03] = "CONNECT", [0x04] = "ACCEPT", [0x05] = "CLOSE", [0x06] = "ERROR",
    [0x07] = "CHALLENGE", [0x08] = "RESPONSE", [0x09] = "PING", [0x0A] = "PONG", [0x0B] = "PROBE", [0x0C] = "PROBE_ACK",
    [0x0D] = "RESET", [0x10] = "JOIN", [0x11] = "JOIN_OK", [0x12] = "LEAVE", [0x13] = "LEAVE_OK", [0x14] = "REKEY",
    [0x15] = "GROUP", [0x16] = "LISTEN",
    [0x20] = "PUB", [0x21] = "PUB_ACK", [0x30] = "DATA", [0x31] = "FEC", [0x32] = "BEAT", [0x33] = "NCF", [0x34] = "GAP",
    [0x40] = "NACK", [0x41] = "REPORT",
}
local function set(...)
    local s = {}
    for _, name in ipairs({ ... }) do s[name] = true end
    return s
end
local BROADCAST = set("DATA", "FEC", "BEAT", "NCF")
local SESSIONLESS = set("HELLO", "COOKIE", "CONNECT", "RESET")
local FROM_CLIENT = set("HELLO", "CONNECT", "JOIN", "LEAVE", "PUB", "NACK", "REPORT")
local FROM_SERVER = set("COOKIE", "ACCEPT", "JOIN_OK", "LEAVE_OK", "GROUP", "PUB_ACK", "GAP", "DATA", "FEC", "BEAT", "NCF")

local CODES = {
    [0] = "ok", "duplicate", "bad cookie", "bad version", "not authorised", "no channel", "not a member", "too big", "malformed",
    "rate limited", "full", "publish too old", "new epoch", "evicted", "limit reached", "shutting down", "bad path",
    "receiver too slow", "log unreachable", "fragments missing", "an older one first", "kept until its turn",
}
local REASONS = { "evicted", "excluded", "yours", "expired", "epoch", "too big" }
local MODES = { [0] = "raw", "nack-ordered", "nack-unordered", "fec-ordered", "fec-unordered" }
local FLAGS = { { 1, "sealed", "Sealed" }, { 2, "multi", "Of several rooms" }, { 4, "own", "Origin delivers it too" },
    { 8, "version_unknown", "Version not spoken here" }, { 16, "recovered", "Rooms and place were kept" }, { 32, "paced", "Congestion controlled" } }

-- ---- layouts: what follows the header of each type --------------------------------------------

-- A row is { kind, name, words, texts of its values }. Kinds: uN and xN (shown in hex) with N bits, i64,
-- b16 (16 bytes), skip (bytes), and for the rest of the message fill, event, id, connect, join, join_ok.
-- each = name: the rows after it come that many times, at most `max`.
local function channel(name, words)
    return { "x64", name .. ".tag", words .. ": tag" }, { "u64", name .. ".tail", words .. ": tail" },
        { "u64", name .. ".head", words .. ": head" }, { "u64", name .. ".start", words .. ": start" }
end
local own_tag, own_tail, own_head, own_start = channel("own", "Own room")
local all_tag, all_tail, all_head, all_start = channel("all", "Everyone")
local PROOF = { { "x64", "nonce", "Nonce" }, { "u8", "key_id", "Cookie key" }, { "u8", "minute", "Minute" }, { "skip", 6 },
    { "b16", "cookie", "Cookie" } }
local REF = { "u32", "ref", "Channel ref" }
local RANGE = { { "u64", "from", "From" }, { "u64", "to", "To" } }

local LAYOUTS = {
    HELLO = { { "x64", "nonce", "Nonce" }, { "u8", "version_max", "Highest version" }, { "fill" } },
    COOKIE = PROOF,
    CONNECT = { PROOF[1], PROOF[2], PROOF[3], PROOF[4], PROOF[5], { "b16", "instance", "Instance id" }, { "connect" } },
    ACCEPT = { { "x64", "session_tag", "Session tag" }, { "u32", "origin", "Origin" },
        { "u16", "datagram_bytes_max", "Largest datagram" }, { "u16", "beat_ms", "BEAT every, ms" },
        { "u16", "idle_s", "Idle limit, s" }, { "u32", "repair_rate", "Repair rate, B/s" }, { "u8", "key_id", "Key" },
        { "b16", "reset_token", "Reset token" }, { "u64", "server_us", "Server's clock, us" },
        { "i64", "unix_offset_us", "Offset to the time of day, us" }, own_tag, own_tail, own_head, own_start, all_tag,
        all_tail, all_head, all_start, { "x64", "nonce", "Nonce of CONNECT" }, { "id", "id", "Public id" } },
    CLOSE = { { "u16", "code", "Code", CODES }, { "skip", 2 } },
    ERROR = { { "u16", "code", "Code", CODES }, { "u8", "in_reply_to", "In reply to", TYPES }, { "skip", 1 },
        { "u32", "pktno", "In reply to number" } },
    CHALLENGE = { { "x64", "random", "Random number" } },
    RESPONSE = { { "x64", "random", "Random number" } },
    PING = { { "u64", "t1", "Asker's clock, us" }, { "fill" } },
    PONG = { { "u64", "t1", "Asker's clock, us" }, { "u64", "t2", "Arrival, us" }, { "u64", "t3", "Departure, us" } },
    RESET = { { "b16", "token", "Reset token" } },
    JOIN = { { "join" } },
    JOIN_OK = { { "join_ok" } },
    LEAVE = { REF },
    LEAVE_OK = { REF, { "skip", 4 }, { "u64", "first_not", "First seq not its own, if nobody asked" } },
    GROUP = { { "b16", "address", "Address" }, { "u16", "port", "Port" }, { "skip", 2 } },
    LISTEN = { { "u8", "on", "Hears the group" }, { "skip", 3 } },
    PUB = { { "u64", "pub_id", "Publish id" }, REF, { "u8", "fragment", "Fragment" }, { "u8", "fragments", "of" },
        { "u16", "event_bytes", "Event bytes" }, { "u16", "back", "Behind the publish so many before" }, { "x16", "flags", "Publish flags" },
        { "event" } },
    PUB_ACK = { { "u8", "n", "Answers" }, { "skip", 7 }, { each = "n", max = ACKS_MAX, { "u64", "pub_id", "Publish id" },
        { "u16", "status", "Status", CODES }, { "skip", 2 }, REF, { "u64", "seq", "Seq" }, { "u64", "eid", "Eid" } } },
    DATA = { { "u32", "epoch", "Epoch" }, { "u32", "origin", "Origin" }, { "u64", "seq", "Seq" }, { "u64", "eid", "Eid" },
        { "u64", "t_us", "Published at, us" }, { "x32", "crc32c", "CRC32C of the event" },
        { "u16", "event_bytes", "Event bytes" }, { "u8", "fragment", "Fragment" }, { "u8", "fragments", "of" }, { "event" } },
    FEC = { { "u32", "epoch", "Epoch" }, { "u8", "k", "Events of the code" }, { "u8", "m", "Symbols of parity" },
        { "u8", "number", "Number of this one" }, { "u8", "header", "Bytes before the event" }, { "u64", "base", "First seq" },
        { "x64", "mask", "Seqs from there, as bits" }, { "u16", "symbol_bytes", "Symbol bytes" }, { "skip", 6 }, { "symbol" } },
    BEAT = { { "u32", "epoch", "Epoch" }, { "u32", "number", "Number" }, { "u64", "head", "Head" }, { "u64", "tail", "Tail" },
        { "u64", "now_us", "Server's clock, us" }, { "u16", "group", "Group size" }, { "u16", "grtt_ms", "Group RTT, ms" },
        { "u8", "k", "Back-off K" }, { "skip", 3 } },
    GAP = { REF, { "u16", "n", "Ranges" }, { "u16", "reason", "Reason", REASONS }, { each = "n", max = RANGES_MAX,
        RANGE[1], RANGE[2] } },
    NCF = { { "u32", "epoch", "Epoch" }, { "u16", "n", "Ranges" }, { "skip", 2 }, { each = "n", max = RANGES_MAX,
        RANGE[1], RANGE[2] } },
    NACK = { REF, { "u16", "n", "Ranges" }, { "u8", "try", "Try" }, { "skip", 1 }, { "u64", "contig", "Has all up to" },
        { each = "n", max = RANGES_MAX, RANGE[1], RANGE[2] } },
    REPORT = { REF, { "u32", "loss_rate", "Loss event rate, of 2^32" }, { "u64", "contig", "Has all up to" }, { "u64", "highest", "Highest seen" },
        { "u32", "received", "Received" }, { "u32", "lost_first_try", "Lost at first" }, { "u32", "duplicates", "Doubles" },
        { "u32", "kernel_drops", "Dropped by the kernel" }, { "u32", "rate", "Rate, B/s" },
        { "u32", "delay_us", "Since the BEAT, us" }, { "u32", "beat_number", "Number of the BEAT" } },
}

-- ---- fields -----------------------------------------------------------------------------------

local f = {} -- by the name behind "twincast."
local function field(name, make, words, ...)
    f[name] = f[name] or make("twincast." .. name, words, ...)
end

local KINDS = { -- bytes, kind of field, base
    u8 = { 1, ProtoField.uint8, base.DEC }, u16 = { 2, ProtoField.uint16, base.DEC }, u32 = { 4, ProtoField.uint32, base.DEC },
    x16 = { 2, ProtoField.uint16, base.HEX }, x32 = { 4, ProtoField.uint32, base.HEX }, u64 = { 8, ProtoField.uint64, base.DEC },
    x64 = { 8, ProtoField.uint64, base.HEX }, i64 = { 8, ProtoField.int64, base.DEC }, b16 = { 16, ProtoField.bytes, base.NONE },
    id = { 0, ProtoField.string },
}
local function fields_of(prefix, rows)
    for _, row in ipairs(rows) do
        local kind = KINDS[row[1]]
        if row.each then
            fields_of(prefix, row)
        elseif kind then
            field(prefix .. "." .. row[2], kind[2], row[3], kind[3], row[4])
        end
    end
end
for _, name in pairs(TYPES) do
    field(name:lower(), ProtoField.none, name)
    fields_of(name:lower(), LAYOUTS[name] or {})
end

field("unknown", ProtoField.none, "Unknown type")
field("magic", ProtoField.uint16, "Magic", base.HEX)
field("version", ProtoField.uint8, "Version", base.DEC)
field("type", ProtoField.uint8, "Type", base.HEX, TYPES)
field("flags", ProtoField.uint16, "Flags", base.HEX)
for _, flag in ipairs(FLAGS) do field("flags." .. flag[2], ProtoField.bool, flag[3], 16, nil, flag[1]) end
field("length", ProtoField.uint16, "Length", base.DEC)
field("tag", ProtoField.uint64, "Tag", base.HEX)
field("epoch", ProtoField.uint32, "Epoch", base.DEC)
field("pktno", ProtoField.uint32, "Number", base.DEC)
field("body", ProtoField.bytes, "Body")
field("padding", ProtoField.bytes, "Padding")
field("room", ProtoField.string, "Room")
field("session", ProtoField.string, "Session")
field("pub.flags.own", ProtoField.bool, "To the sender too", 16, nil, 1)
field("pub.flags.volatile", ProtoField.bool, "Volatile", 16, nil, 2)
field("pub.flags.in_order", ProtoField.bool, "In the sender's order", 16, nil, 4)
field("event", ProtoField.bytes, "Event")
field("fec.symbol", ProtoField.bytes, "Symbol")
field("event.name", ProtoField.string, "Name")
field("event.text", ProtoField.string, "Event")
field("event.crc_good", ProtoField.bool, "CRC32C good")
field("event.fragment", ProtoField.framenum, "Fragment in frame", base.NONE)
field("nack.fragments", ProtoField.uint64, "Missing fragments, as bits", base.HEX)
field("ncf.fragments", ProtoField.uint64, "Fragments that come again, as bits", base.HEX)

field("connect.namespace", ProtoField.string, "Namespace")
field("connect.auth", ProtoField.string, "Auth")
field("connect.limits", ProtoField.string, "Limits")
for _, name in ipairs({ "join", "join_ok" }) do
    field(name .. ".req", ProtoField.uint64, "Request", base.DEC)
    field(name .. ".room", ProtoField.string, "Room")
    field(name .. ".epoch", ProtoField.uint64, "Epoch", base.DEC)
end
field("join.mode", ProtoField.uint64, "Mode", base.DEC, MODES)
field("join.contig", ProtoField.uint64, "Has all up to", base.DEC)
field("join.resumes", ProtoField.uint64, "Rooms to resume in all", base.DEC)
field("join_ok.status", ProtoField.uint64, "Status", base.DEC, CODES)
field("join_ok.ref", ProtoField.uint64, "Channel ref", base.DEC)
field("join_ok.tag", ProtoField.uint64, "Channel tag", base.HEX)
field("join_ok.tail", ProtoField.uint64, "Tail", base.DEC)
field("join_ok.head", ProtoField.uint64, "Head", base.DEC)
field("join_ok.start", ProtoField.uint64, "Start", base.DEC)

for _, kind in ipairs({ "string", "int", "uint", "float", "bool", "nil", "bin", "array", "map", "ext" }) do
    field("msgpack." .. kind, ProtoField.string, kind)
end

-- Links. A repair is DATA that a NACK asked for before it came.
field("data.first", ProtoField.framenum, "Sent before in frame", base.NONE, frametype.DUP_ACK)
field("data.nack", ProtoField.framenum, "Repair, asked for by the NACK in frame", base.NONE, frametype.REQUEST)
field("data.repair_time", ProtoField.relative_time, "Time since that NACK")
field("nack.missed", ProtoField.framenum, "Misses the DATA of frame", base.NONE)
field("nack.repair", ProtoField.framenum, "Repaired in frame", base.NONE, frametype.RESPONSE)
field("nack.gap", ProtoField.framenum, "Answered by the GAP in frame", base.NONE, frametype.RESPONSE)
field("gap.nack", ProtoField.framenum, "Answers the NACK in frame", base.NONE, frametype.REQUEST)
field("report.beat", ProtoField.framenum, "BEAT in frame", base.NONE)
field("response_to", ProtoField.framenum, "Answers frame", base.NONE, frametype.REQUEST)
field("response_in", ProtoField.framenum, "Answered in frame", base.NONE, frametype.RESPONSE)
field("response_time", ProtoField.relative_time, "Time since the question")

local all_fields = {}
for _, p in pairs(f) do table.insert(all_fields, p) end
twincast.fields = all_fields

local experts = {
    malformed = ProtoExpert.new("twincast.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR),
    unknown = ProtoExpert.new("twincast.unknown_type", "Type of a later version", expert.group.UNDECODED, expert.severity.WARN),
    cut = ProtoExpert.new("twincast.cut", "Cut short by the capture", expert.group.UNDECODED, expert.severity.NOTE),
    crc = ProtoExpert.new("twincast.bad_crc", "CRC32C does not match the event", expert.group.CHECKSUM, expert.severity.ERROR),
    missing = ProtoExpert.new("twincast.missing", "Events are missing", expert.group.SEQUENCE, expert.severity.NOTE),
    lost = ProtoExpert.new("twincast.lost", "Events are lost", expert.group.SEQUENCE, expert.severity.WARN),
    repair = ProtoExpert.new("twincast.repair", "Repair", expert.group.SEQUENCE, expert.severity.CHAT),
    again = ProtoExpert.new("twincast.again", "Sent again, not asked for", expert.group.SEQUENCE, expert.severity.NOTE),
}
local all_experts = {}
for _, e in pairs(experts) do table.insert(all_experts, e) end
twincast.experts = all_experts

-- ---- msgpack ----------------------------------------------------------------------------------

-- One item as { at, n, kind, value | items }, or nil and what is wrong. `room` bounds all items together.
local unpack_item

local function unpack_items(node, buf, at, stop, count, depth, room)
    if depth >= DEPTH_MAX then return nil, "nested too deep" end
    if count > stop - at then return nil, "more items than bytes" end
    node.items = {}
    for i = 1, count do
        local item, wrong = unpack_item(buf, at, stop, depth + 1, room)
        if not item then return nil, wrong end
        node.items[i] = item
        at = at + item.n
    end
    node.n = at - node.at
    return node
end

local SIZED = { -- first byte: kind, bytes of its number
    [0xC4] = { "bin", 1 }, [0xC5] = { "bin", 2 }, [0xC6] = { "bin", 4 }, [0xC7] = { "ext", 1, 1 }, [0xC8] = { "ext", 2, 1 },
    [0xC9] = { "ext", 4, 1 }, [0xCA] = { "float", 4 }, [0xCB] = { "float", 8 }, [0xCC] = { "uint", 1 }, [0xCD] = { "uint", 2 },
    [0xCE] = { "uint", 4 }, [0xCF] = { "uint", 8 }, [0xD0] = { "int", 1 }, [0xD1] = { "int", 2 }, [0xD2] = { "int", 4 },
    [0xD3] = { "int", 8 }, [0xD9] = { "string", 1 }, [0xDA] = { "string", 2 }, [0xDB] = { "string", 4 }, [0xDC] = { "array", 2 },
    [0xDD] = { "array", 4 }, [0xDE] = { "map", 2 }, [0xDF] = { "map", 4 },
}
local FIXED = { [0xC0] = { "nil", "null" }, [0xC2] = { "bool", "false" }, [0xC3] = { "bool", "true" } }

local function number_of(range, kind, n)
    if kind == "float" then return range:float() end
    if kind == "int" then return n == 8 and range:int64() or Int64.new(range:int()) end
    return n == 8 and range:uint64() or UInt64.new(range:uint())
end

-- What the first byte(s) say: kind, value or count of bytes or items behind, bytes of the head.
local function unpack_head(buf, at, stop)
    local b = buf(at, 1):uint()
    if b < 0x80 then return "uint", UInt64.new(b), 1 end
    if b >= 0xE0 then return "int", Int64.new(b - 256), 1 end
    if b < 0x90 then return "map", b - 0x80, 1 end
    if b < 0xA0 then return "array", b - 0x90, 1 end
    if b < 0xC0 then return "string", b - 0xA0, 1 end
    if FIXED[b] then return FIXED[b][1], FIXED[b][2], 1 end
    if b >= 0xD4 and b <= 0xD8 then return "ext", 2 ^ (b - 0xD4) + 1, 1 end
    local sized = SIZED[b]
    if not sized then return nil, "a byte that begins nothing" end
    if at + 1 + sized[2] > stop then return nil, "cut short" end
    local v = number_of(buf(at + 1, sized[2]), sized[1], sized[2])
    if sized[1] == "float" or sized[1] == "uint" or sized[1] == "int" then return sized[1], v, 1 + sized[2] end
    return sized[1], v:tonumber() + (sized[3] or 0), 1 + sized[2]
end

unpack_item = function(buf, at, stop, depth, room)
    if at >= stop then return nil, "cut short" end
    room.items = room.items - 1
    if room.items < 0 then return nil, "too many items" end
    local kind, v, n = unpack_head(buf, at, stop)
    if not kind then return nil, v end
    local node = { at = at, n = n, kind = kind, value = v }
    if kind == "array" then return unpack_items(node, buf, at + n, stop, v, depth, room) end
    if kind == "map" then return unpack_items(node, buf, at + n, stop, 2 * v, depth, room) end
    if kind == "string" or kind == "bin" or kind == "ext" then
        if at + n + v > stop then return nil, "cut short" end
        node.n = n + v
        local body = v > 0 and buf(at + n, v)
        node.value = kind == "string" and (body and body:string(ENC_UTF_8) or "") or (body and body:bytes():tohex() or "")
    end
    return node
end

-- The one item that a run of bytes must be.
local function unpack_all(buf, at, stop)
    local node, wrong = unpack_item(buf, at, stop, 0, { items = ITEMS_MAX })
    if node and at + node.n < stop then return nil, "bytes behind its end" end
    return node, wrong
end

local function quoted(s)
    return '"' .. s:gsub('[%c"\\]', function(c) return string.format("\\x%02x", c:byte()) end) .. '"'
end

-- As JSON, near enough to read.
local function text_of(node)
    if node.kind == "string" then return quoted(node.value) end
    if node.kind == "bin" or node.kind == "ext" then return "<" .. node.kind .. " " .. node.value .. ">" end
    if not node.items then return tostring(node.value) end
    local words = {}
    for i, item in ipairs(node.items) do words[i] = text_of(item) end
    if node.kind == "array" then return "[" .. table.concat(words, ", ") .. "]" end
    for i = 1, #words, 2 do words[(i + 1) / 2] = words[i] .. ": " .. words[i + 1] end
    return "{" .. table.concat(words, ", ", 1, #words / 2) .. "}"
end

local function show_item(tree, buf, node, label)
    local item = tree:add(f["msgpack." .. node.kind], buf(node.at, node.n), node.items and tostring(#node.items) or tostring(node.value))
    item:set_text((label or "") .. (node.items and node.kind .. " of " .. node.value or text_of(node)))
    for i, child in ipairs(node.items or {}) do
        local key = node.kind == "map" and i % 2 == 0 and text_of(node.items[i - 1]) .. ": "
        if node.kind == "array" or key then show_item(item, buf, child, key or nil) end
    end
end

-- ---- one message being read -------------------------------------------------------------------

local function complain(m, words)
    if not m.bad then m.tree:add_proto_expert_info(experts.malformed, "Malformed: " .. words) end
    m.bad = true
end

-- The next n bytes; nil when they are not there.
local function take(m, n, words)
    if m.bad or n == 0 then return nil end
    if m.at + n <= m.stop then
        m.at = m.at + n
        return m.buf(m.at - n, n)
    end
    if m.cut then
        m.tree:add_proto_expert_info(experts.cut)
        m.bad = true
    else
        complain(m, "the message ends inside " .. words)
    end
end

local function value_of(range, kind)
    if kind == "u64" or kind == "x64" then return range:uint64() end
    if kind == "i64" or kind == "b16" then return true end
    return range:uint()
end

local read_rows

local function read_each(m, prefix, rows)
    local n = m.v[rows.each]
    if m.bad or not n then return end
    if n < 1 or n > rows.max then return complain(m, n .. " of 1 to " .. rows.max) end
    m.list = {}
    for i = 1, n do
        if m.bad then return end
        m.list[i] = {}
        read_rows(m, prefix, rows, m.list[i])
    end
end

local tails -- readers of what lasts to the message's end

read_rows = function(m, prefix, rows, v)
    for _, row in ipairs(rows) do
        local kind = KINDS[row[1]]
        if row.each then
            read_each(m, prefix, row)
        elseif row[1] == "skip" then
            take(m, row[2], "reserved bytes")
        elseif tails[row[1]] then
            local n = m.stop - m.at
            if m.cut then take(m, n + 1, "") else tails[row[1]](m, take(m, n, "")) end
        else
            local range = take(m, kind[1], row[3])
            if not range then return end
            m.tree:add(f[prefix .. "." .. row[2]], range)
            v[row[2]] = value_of(range, row[1])
        end
    end
end

-- A named field of a msgpack tail; its value.
local function named(m, tree, name, node, kind)
    if not node or node.kind ~= kind then return complain(m, name .. " is no " .. kind) end
    tree:add(f[name], m.buf(node.at, node.n), node.value)
    return node.value
end

-- The values of a map with small numbers as keys.
local function tail_map(m, range)
    local node, wrong = nil, "cut short"
    if range then node, wrong = unpack_all(m.buf, range:offset(), m.stop) end
    if not node then return complain(m, "msgpack: " .. wrong) end
    if node.kind ~= "map" then return complain(m, "msgpack: no map") end
    show_item(m.tree, m.buf, node, "msgpack: ")
    local map = {}
    for i = 1, #node.items, 2 do
        if node.items[i].kind == "uint" then map[node.items[i].value:tonumber()] = node.items[i + 1] end
    end
    return map
end

-- The rows of JOIN and JOIN_OK, each with these columns.
local function tail_rows(m, range, prefix, columns)
    local map = tail_map(m, range)
    if not map then return end
    m.v.req = named(m, m.tree, prefix .. ".req", map[1], "uint")
    if not map[2] or map[2].kind ~= "array" then return complain(m, "no rows") end
    m.list = {}
    for i, row in ipairs(map[2].items) do
        if row.kind ~= "array" then return complain(m, "a row that is none") end
        local tree, v = m.tree:add(m.buf(row.at, row.n), "Row " .. i), {}
        for k, column in ipairs(columns) do
            v[column] = named(m, tree, prefix .. "." .. column, row.items[k], column == "room" and "string" or "uint")
        end
        m.list[i] = v
    end
    return map
end

tails = {
    fill = function() end,
    id = function(m, range)
        if range then m.tree:add(f["accept.id"], range, range:string(ENC_UTF_8)) end
        m.v.id = range and range:string(ENC_UTF_8) or ""
        if range and range:len() > 64 then complain(m, "an id of " .. range:len() .. " bytes") end
    end,
    symbol = function(m, range)
        m.symbol = range
        if range then m.tree:add(f["fec.symbol"], range) else complain(m, "no symbol") end
    end,
    event = function(m, range)
        m.event = range
        if range then m.tree:add(f.event, range) else complain(m, "no event") end
    end,
    connect = function(m, range)
        local map = tail_map(m, range)
        if not map then return end
        for key, name in ipairs({ "namespace", "auth", "limits" }) do
            local node = map[key]
            if node then m.tree:add(f["connect." .. name], m.buf(node.at, node.n), key == 1 and tostring(node.value) or text_of(node)) end
        end
    end,
    join = function(m, range)
        local map = tail_rows(m, range, "join", { "room", "mode", "epoch", "contig" })
        if map and map[3] then named(m, m.tree, "join.resumes", map[3], "uint") end
    end,
    join_ok = function(m, range)
        tail_rows(m, range, "join_ok", { "room", "status", "ref", "tag", "epoch", "tail", "head", "start" })
    end,
}

-- ---- what one message has to do with another --------------------------------------------------

-- Learned on the first pass, frame by frame; notes[frame][offset] is what was found out for one message and
-- may grow when later frames speak of it.
local state
function twincast.init()
    state = { rooms = {}, channels = {}, owners = {}, streams = {}, asked = {}, beats = {}, pieces = {}, notes = {} }
end

local LINKS = { "data.first", "data.nack", "nack.missed", "nack.repair", "nack.gap", "gap.nack", "report.beat", "response_to",
    "response_in", "event.fragment" }

local function link(note, name, frame)
    local frames = note[name] or {}
    note[name] = frames
    if #frames < LINKS_MAX and frames[#frames] ~= frame then frames[#frames + 1] = frame end
end

local function ask(m, key)
    state.asked[key] = { frame = m.pinfo.number, at = m.pinfo.rel_ts, note = m.note }
end

local function answer(m, key)
    local question = state.asked[key]
    if not question then return end
    link(m.note, "response_to", question.frame)
    link(question.note, "response_in", m.pinfo.number)
    m.note.response_time = m.pinfo.rel_ts - question.at
end

-- Who receives a broadcast message: the session last heard of at its address, or the address.
local function receiver(m)
    local address = tostring(m.pinfo.dst) .. " " .. m.pinfo.dst_port
    return state.owners[address] or address
end

-- One receiver's view of one room's log.
local function stream_of(who, tag, epoch)
    local key = who .. "/" .. tag .. "/" .. epoch
    state.streams[key] = state.streams[key] or { seen = {}, nacks = {} }
    return state.streams[key]
end

local function add_channel(session, ref, tag, room)
    state.channels[session .. "/" .. ref] = tag
    state.rooms[tag] = room
end

-- The stream that a message of the session speaks of by its channel ref; nil when the capture began too late to know.
local function stream_by_ref(m)
    local tag = state.channels[m.tag .. "/" .. m.v.ref]
    m.note.room = tag and state.rooms[tag]
    return tag and stream_of(m.tag, tag, m.epoch)
end

local function is_bitmap(range)
    return range.to:tohex():byte() >= 0x38 -- bit 63: the first hex digit is 8 or more
end

-- Does it ask for this fragment of the event?
local function bitmap_has(range, fragment)
    return range.to:rshift(fragment):band(1) == UInt64.new(1)
end

local function covers(ranges, seq, fragment)
    for _, r in ipairs(ranges) do
        if r.to and is_bitmap(r) then
            if seq == r.from and bitmap_has(r, fragment) then return true end
        elseif r.to and seq >= r.from and seq <= r.to then
            return true
        end
    end
end

-- The newest NACK of the stream, of the last few, that asked for it.
local function nack_for(stream, asks)
    for i = #stream.nacks, math.max(1, #stream.nacks - LINKS_MAX), -1 do
        if asks(stream.nacks[i].ranges) then return stream.nacks[i] end
    end
end

local function link_missed(m, stream)
    local left = LINKS_MAX
    for _, r in ipairs(m.list) do
        local seq, last = r.from, r.to and not is_bitmap(r) and r.to or r.from
        while seq <= last do -- as UInt64: Lua's own numbers stand still at 2^53
            for _, frame in ipairs(stream.seen[tostring(seq)] or {}) do
                if covers(m.list, r.from, frame.fragment) or seq ~= r.from then link(m.note, "nack.missed", frame.number) end
            end
            left, seq = left - 1, seq + UInt64.new(1)
            if left <= 0 then return end
        end
    end
end

-- Pieces of one event, until all are there. The frames they came in, and the whole, are noted where the last one came.
local function collect(m, key)
    local v, raw = m.v, m.event:raw()
    if v.fragments > FRAGMENTS_MAX or v.fragment >= v.fragments then return end
    local p = state.pieces[key] or { have = 0, frames = {} }
    state.pieces[key] = p
    if p[v.fragment] or p.done then return end
    p[v.fragment], p.have = raw, p.have + 1
    p.frames[p.have] = m.pinfo.number
    if p.have < v.fragments then return end
    local all = {}
    for i = 0, v.fragments - 1 do all[i + 1] = p[i] or "" end
    state.pieces[key] = { done = true }
    m.note.whole = table.concat(all)
    for _, frame in ipairs(p.frames) do link(m.note, "event.fragment", frame) end
end

local learn = {
    HELLO = function(m) ask(m, "hello" .. m.v.nonce:tohex()) end,
    COOKIE = function(m) answer(m, "hello" .. m.v.nonce:tohex()) end,
    CONNECT = function(m) ask(m, "connect" .. m.v.nonce:tohex()) end,
    ACCEPT = function(m)
        answer(m, "connect" .. m.v.nonce:tohex())
        local session = m.v.session_tag:tohex()
        add_channel(session, 1, m.v["own.tag"]:tohex(), m.v.id)
        add_channel(session, 2, m.v["all.tag"]:tohex(), "everyone")
        state.owners[tostring(m.pinfo.dst) .. " " .. m.pinfo.dst_port] = session
    end,
    CLOSE = function(m)
        local from = tostring(m.pinfo.src) .. " " .. m.pinfo.src_port
        local to = tostring(m.pinfo.dst) .. " " .. m.pinfo.dst_port
        if state.asked["close" .. m.tag .. to] then answer(m, "close" .. m.tag .. to) else ask(m, "close" .. m.tag .. from) end
    end,
    ERROR = function(m)
        answer(m, m.v.in_reply_to == 0x03 and "connect" .. m.tag or "pktno" .. m.tag .. "/" .. m.v.pktno)
    end,
    CHALLENGE = function(m) ask(m, "challenge" .. m.tag .. m.v.random:tohex()) end,
    RESPONSE = function(m) answer(m, "challenge" .. m.tag .. m.v.random:tohex()) end,
    PING = function(m) ask(m, "ping" .. m.tag .. m.v.t1:tohex()) end,
    PONG = function(m) answer(m, "ping" .. m.tag .. m.v.t1:tohex()) end,
    JOIN = function(m) ask(m, "join" .. m.tag .. tostring(m.v.req)) end,
    JOIN_OK = function(m)
        answer(m, "join" .. m.tag .. tostring(m.v.req))
        for _, v in ipairs(m.list) do add_channel(m.tag, tostring(v.ref), v.tag:tohex(), v.room) end
    end,
    LEAVE = function(m) ask(m, "leave" .. m.tag .. m.v.ref) end,
    LEAVE_OK = function(m) answer(m, "leave" .. m.tag .. m.v.ref) end,
    PUB = function(m)
        ask(m, "pub" .. m.tag .. m.v.pub_id:tohex())
        if m.v.fragments > 1 then collect(m, "pub" .. m.tag .. m.v.pub_id:tohex()) end
    end,
    PUB_ACK = function(m)
        for _, v in ipairs(m.list) do answer(m, "pub" .. m.tag .. v.pub_id:tohex()) end
    end,
    DATA = function(m)
        local v, frame, note = m.v, m.pinfo.number, m.note
        local stream = stream_of(receiver(m), m.tag, v.epoch)
        local seq = tostring(v.seq)
        local before = stream.seen[seq] or {}
        stream.seen[seq] = before
        for _, b in ipairs(before) do
            if b.fragment == v.fragment then link(note, "data.first", b.number) break end
        end
        if not note["data.first"] and #before < LINKS_MAX then
            before[#before + 1] = { number = frame, fragment = v.fragment }
        end
        local nack = nack_for(stream, function(ranges) return covers(ranges, v.seq, v.fragment) end)
        if nack then
            link(note, "data.nack", nack.frame)
            link(nack.note, "nack.repair", frame)
            note["data.repair_time"] = m.pinfo.rel_ts - nack.at
        end
        note.room = state.rooms[m.tag]
        if v.fragments > 1 then collect(m, receiver(m) .. m.tag .. v.epoch .. "/" .. seq) end
    end,
    BEAT = function(m)
        m.note.room = state.rooms[m.tag]
        state.beats[receiver(m) .. m.tag .. "/" .. m.v.number] = m.pinfo.number
    end,
    NACK = function(m)
        local stream = stream_by_ref(m)
        if not stream then return end
        stream.nacks[#stream.nacks + 1] = { frame = m.pinfo.number, at = m.pinfo.rel_ts, note = m.note, ranges = m.list }
        link_missed(m, stream)
    end,
    GAP = function(m)
        local stream = stream_by_ref(m)
        local nack = stream and nack_for(stream, function(ranges)
            for _, r in ipairs(m.list) do
                for _, asked in ipairs(ranges) do
                    if asked.from <= r.to and (asked.to >= r.from or is_bitmap(asked)) then return true end
                end
            end
        end)
        if nack then
            link(m.note, "gap.nack", nack.frame)
            link(nack.note, "nack.gap", m.pinfo.number)
        end
    end,
    REPORT = function(m)
        stream_by_ref(m)
        local tag = state.channels[m.tag .. "/" .. m.v.ref]
        local beat = tag and state.beats[m.tag .. tag .. "/" .. m.v.beat_number]
        if beat then link(m.note, "report.beat", beat) end
    end,
}

-- ---- what people read in the list of packets --------------------------------------------------

local function ranges_text(list)
    local words = {}
    for i, r in ipairs(list) do
        words[i] = is_bitmap(r) and tostring(r.from) .. " in part" or r.from == r.to and tostring(r.from) or r.from .. "-" .. r.to
    end
    return table.concat(words, " ")
end

local function mask_size(mask)
    local n, text = 0, mask:tohex()
    for i = 1, #text do n = n + ({ [0] = 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4 })[tonumber(text:sub(i, i), 16)] end
    return n
end

local function rooms_text(m)
    local words = {}
    for i, v in ipairs(m.list or {}) do words[i] = tostring(v.room or "?") end
    return table.concat(words, " ")
end

local brief = {
    CLOSE = function(m) return CODES[m.v.code] or "code " .. m.v.code end,
    ERROR = function(m) return CODES[m.v.code] or "code " .. m.v.code end,
    JOIN = rooms_text,
    JOIN_OK = rooms_text,
    PUB = function(m) return "#" .. tostring(m.v.pub_id) end,
    PUB_ACK = function(m)
        local words = {}
        for i, v in ipairs(m.list) do words[i] = "#" .. tostring(v.pub_id) .. " " .. (CODES[v.status] or v.status) end
        return table.concat(words, " ")
    end,
    DATA = function(m)
        local v = m.v
        local part = v.fragments > 1 and "." .. v.fragment .. "/" .. v.fragments or ""
        if v.fragment >= v.fragments then part = " parity " .. v.fragment - v.fragments .. " of " .. v.fragments .. " fragments" end
        return tostring(v.seq) .. part .. (m.note["data.nack"] and " repair" or m.note["data.first"] and " again" or "")
    end,
    FEC = function(m)
        return "for " .. (mask_size(m.v.mask) or "?") .. " from " .. tostring(m.v.base) .. ", " .. m.v.number + 1 .. " of " .. m.v.m
    end,
    BEAT = function(m) return "head " .. tostring(m.v.head) end,
    GAP = function(m) return (REASONS[m.v.reason] or "reason " .. m.v.reason) .. " " .. ranges_text(m.list) end,
    NCF = function(m) return ranges_text(m.list) end,
    LISTEN = function(m) return m.v.on == 1 and "on" or "off" end,
    NACK = function(m) return ranges_text(m.list) end,
    REPORT = function(m) return "up to " .. tostring(m.v.contig) end,
}

-- ---- one message ------------------------------------------------------------------------------

-- What a message may not say although its lengths are right.
local function parts_fit(m)
    local v, n = m.v, m.event:len()
    local count = math.max(1, math.ceil(v.event_bytes / FRAGMENT_BYTES))
    local whole = v.fragment < count - 1 and FRAGMENT_BYTES or v.event_bytes - (count - 1) * FRAGMENT_BYTES
    if v.fragments ~= count or v.fragment >= count then
        return "fragment " .. v.fragment .. " of " .. v.fragments .. " of an event of " .. v.event_bytes .. " bytes"
    end
    if n ~= whole then return n .. " bytes of event, not " .. whole end
end
-- DATA's numbers behind the fragments are their parity.
local function is_parity(v) return v.fragments > 1 and v.fragment >= v.fragments end
local function parity_fits(m)
    local v, n = m.v, m.event:len()
    if v.fragments ~= math.ceil(v.event_bytes / FRAGMENT_BYTES) or v.fragment - v.fragments >= PARITY_MAX then
        return "parity " .. v.fragment - v.fragments .. " of " .. v.fragments .. " fragments"
    end
    if n ~= FRAGMENT_BYTES then return n .. " bytes of parity, not " .. FRAGMENT_BYTES end
end
local rules = {
    FEC = function(m)
        local v, n = m.v, m.symbol and m.symbol:len() or 0
        if v.k < 1 or v.k > 64 or v.m > PARITY_MAX or v.number >= v.m then return "no code of ours" end
        if v.base == UInt64.new(0) or v.mask:band(1) ~= UInt64.new(1) then return "a group without its first event" end
        if mask_size(v.mask) > v.k then return mask_size(v.mask) .. " events in a code of " .. v.k end
        if v.header ~= 28 or n ~= v.symbol_bytes or n <= 28 or n > 28 + FRAGMENT_BYTES then return "a symbol of " .. n .. " bytes" end
    end,
    PUB = parts_fit,
    DATA = function(m)
        if m.v.seq == UInt64.new(0) or m.v.eid == UInt64.new(0) then return "seq or eid 0" end
        return is_parity(m.v) and parity_fits(m) or not is_parity(m.v) and parts_fit(m) or nil
    end,
}
local function upright(m)
    for _, r in ipairs(m.list) do
        local parts = m.name ~= "GAP" and is_bitmap(r)
        if r.from == UInt64.new(0) or (not parts and r.from > r.to) then return "a range upside down" end
    end
end
rules.NACK, rules.NCF, rules.GAP = upright, upright, upright

local crc_table = {}
for i = 0, 255 do
    local c = i
    for _ = 1, 8 do c = bit32.bxor(bit32.rshift(c, 1), bit32.band(c, 1) == 1 and 0x82F63B78 or 0) end
    crc_table[i] = c
end
local function crc32c(s)
    local c = 0xFFFFFFFF
    for i = 1, #s do c = bit32.bxor(crc_table[bit32.band(bit32.bxor(c, s:byte(i)), 0xFF)], bit32.rshift(c, 8)) end
    return bit32.bxor(c, 0xFFFFFFFF)
end

local function show_event(m)
    local whole = m.note.whole
    if m.v.fragments > 1 and not whole then return end
    local buf, at, n = m.buf, m.event:offset(), m.event:len()
    if whole then buf, at, n = ByteArray.new(whole, true):tvb("Event of " .. m.v.fragments .. " fragments"), 0, #whole end
    if m.name == "DATA" then
        local good = crc32c(buf(at, n):raw()) == m.v.crc32c
        m.tree:add(f["event.crc_good"], good):set_generated()
        if not good then m.tree:add_proto_expert_info(experts.crc) end
    end
    local node, wrong = unpack_all(buf, at, at + n)
    if not node then return complain(m, "msgpack: " .. wrong) end
    show_item(m.tree, buf, node, "msgpack: ")
    m.tree:add(f["event.text"], buf(at, n), text_of(node)):set_generated()
    local first = node.items and node.items[1]
    if node.kind ~= "array" or not first or first.kind ~= "string" then return complain(m, "an event without a name") end
    m.tree:add(f["event.name"], buf(first.at, first.n), first.value)
end

local function show_note(m)
    local note = m.note
    if note.room then m.tree:add(f.room, note.room):set_generated() end
    for _, name in ipairs(LINKS) do
        for _, frame in ipairs(note[name] or {}) do m.tree:add(f[name], frame):set_generated() end
    end
    for _, name in ipairs({ "response_time", "data.repair_time" }) do
        if note[name] then
            local s = math.floor(note[name])
            m.tree:add(f[name], NSTime.new(s, math.floor((note[name] - s) * 1e9 + 0.5))):set_generated()
        end
    end
    if m.name == "NACK" then m.tree:add_proto_expert_info(experts.missing) end
    if m.name == "GAP" and m.v.reason ~= 2 and m.v.reason ~= 3 then m.tree:add_proto_expert_info(experts.lost) end
    if m.name == "NACK" or m.name == "NCF" then
        for _, r in ipairs(m.list) do
            if is_bitmap(r) then m.tree:add(f[m.name:lower() .. ".fragments"], r.to):set_generated() end
        end
    end
    if note["data.nack"] then
        m.tree:add_proto_expert_info(experts.repair)
    elseif note["data.first"] then
        m.tree:add_proto_expert_info(experts.again)
    end
end

local function read_header(m, buf, at)
    m.tree:add(f.magic, buf(at, 2))
    m.tree:add(f.version, buf(at + 2, 1))
    m.tree:add(f.type, buf(at + 3, 1))
    local flags = m.tree:add(f.flags, buf(at + 4, 2))
    for _, flag in ipairs(FLAGS) do flags:add(f["flags." .. flag[2]], buf(at + 4, 2)) end
    m.tree:add(f.length, buf(at + 6, 2))
    m.tree:add(f.tag, buf(at + 8, 8))
    m.tag, m.epoch, m.at = buf(at + 8, 8):uint64():tohex(), 0, at + HEADER
    if not m.name or BROADCAST[m.name] or SESSIONLESS[m.name] then return end
    local epoch, pktno = take(m, 4, "the epoch"), take(m, 4, "the number")
    if not pktno then return end
    m.tree:add(f.epoch, epoch)
    m.tree:add(f.pktno, pktno)
    m.epoch, m.pktno = epoch:uint(), pktno:uint()
end

-- Learns who sits where, and which frame bore which number, before what the message itself says.
local function learn_session(m)
    if not m.pktno or m.name == "ERROR" then return end
    local p = m.pinfo
    if FROM_CLIENT[m.name] then
        state.owners[tostring(p.src) .. " " .. p.src_port] = m.tag
        ask(m, "pktno" .. m.tag .. "/" .. m.pktno)
    elseif FROM_SERVER[m.name] and m.name ~= "ACCEPT" then
        state.owners[tostring(p.dst) .. " " .. p.dst_port] = m.tag
    end
end

local function read_body(m)
    local rest = m.stop - m.at
    local sealed = bit32.band(m.buf(m.base + 4, 2):uint(), 1) == 1
    if sealed or not LAYOUTS[m.name] then
        if rest > 0 then m.tree:add(f.body, m.buf(m.at, rest)) end
        if not m.name then m.tree:add_proto_expert_info(experts.unknown) end
        return
    end
    read_rows(m, m.name:lower(), LAYOUTS[m.name], m.v)
    if m.name == "PUB" and m.v.flags then
        local at = m.base + SESSION_HEADER + 18
        m.tree:add(f["pub.flags.own"], m.buf(at, 2))
        m.tree:add(f["pub.flags.volatile"], m.buf(at, 2))
        m.tree:add(f["pub.flags.in_order"], m.buf(at, 2))
    end
    if not m.bad and m.at < m.stop and not set("HELLO", "PING")[m.name] then complain(m, m.stop - m.at .. " bytes too many") end
    local wrong = not m.bad and rules[m.name] and rules[m.name](m)
    if wrong then complain(m, wrong) end
    if m.bad then return end
    if not m.pinfo.visited then
        learn_session(m)
        if learn[m.name] then learn[m.name](m) end
    end
    show_note(m)
    if m.event then show_event(m) end
    return true
end

-- Returns its name and, when it is sound, a few words on it.
local function dissect_message(buf, pinfo, tree, at, length)
    local name = TYPES[buf(at + 3, 1):uint()]
    local seen = math.min(length, buf:len() - at)
    local branch = tree:add(f[(name or "unknown"):lower()], buf(at, seen))
    branch:set_text(name or "Unknown type " .. buf(at + 3, 1):uint())
    local notes = state.notes[pinfo.number] or {}
    state.notes[pinfo.number] = notes
    notes[at] = notes[at] or {}
    local m = { buf = buf, pinfo = pinfo, tree = branch, name = name, base = at, stop = at + seen, cut = seen < length, v = {},
        note = notes[at] }
    read_header(m, buf, at)
    local sound = not m.bad and read_body(m)
    local words = sound and brief[name] and brief[name](m) or m.bad and "malformed" or ""
    if m.note.room then words = m.note.room .. " " .. words end
    branch:append_text(words ~= "" and ": " .. words or "")
    return name or "?", words
end

-- ---- a datagram -------------------------------------------------------------------------------

-- Its messages as { offset, length }, where they end, and what is wrong there.
local function walk(buf)
    local messages, at, seen, whole = {}, 0, buf:len(), buf:reported_len()
    repeat
        if seen - at < HEADER then
            if whole > seen and (at > 0 or seen >= 8) then return messages, at end
            return messages, at, "no message"
        end
        if buf(at, 2):uint() ~= MAGIC then return messages, at, "no magic" end
        if buf(at + 2, 1):uint() ~= VERSION then return messages, at, "version " .. buf(at + 2, 1):uint() end
        local name, length = TYPES[buf(at + 3, 1):uint()], buf(at + 6, 2):uint()
        local least = (not name or BROADCAST[name] or SESSIONLESS[name]) and HEADER or SESSION_HEADER
        if length < least or at + length > whole then return messages, at, "a length of " .. length end
        messages[#messages + 1] = { at, length }
        at = at + length
    until at >= seen or buf(at, 1):uint() == 0
    for i = at, seen - 1 do
        if buf(i, 1):uint() ~= 0 then return messages, at, "something in the padding" end
    end
    return messages, at
end

local function info_text(parts)
    local words, n, last = {}, 0, nil
    for i, part in ipairs(parts) do
        if part[1] == last and part[2] ~= "" then
            words[#words] = words[#words] .. ", " .. part[2]
        else
            words[#words + 1] = part[1] .. (part[2] ~= "" and " " .. part[2] or "")
        end
        last, n = part[1], i
        if i == 8 then break end
    end
    return table.concat(words, "; ") .. (n < #parts and "; and " .. #parts - n .. " more" or "")
end

local function dissect(buf, pinfo, tree, messages, stop, wrong)
    pinfo.cols.protocol = "Twincast"
    local top = tree:add(twincast, buf())
    local parts = {}
    for i, message in ipairs(messages) do
        parts[i] = { dissect_message(buf, pinfo, top, message[1], message[2]) }
    end
    if wrong then
        top:add_proto_expert_info(experts.malformed, "Malformed datagram: " .. wrong)
        parts[#parts + 1] = { "malformed", wrong }
        if stop < buf:len() then top:add(f.body, buf(stop, buf:len() - stop)) end
    elseif stop < buf:len() then
        top:add(f.padding, buf(stop, buf:len() - stop)):set_text("Padding: " .. buf:len() - stop .. " zeros")
    end
    top:append_text(", " .. #messages .. (#messages == 1 and " message" or " messages"))
    pinfo.cols.info:set(info_text(parts))
    return buf:len()
end

function twincast.dissector(buf, pinfo, tree)
    if buf:len() == 0 then return 0 end
    return dissect(buf, pinfo, tree, walk(buf))
end

local function heuristic(buf, pinfo, tree)
    local messages, stop, wrong = walk(buf)
    if wrong or #messages == 0 then return false end
    dissect(buf, pinfo, tree, messages, stop, wrong)
    return true
end

twincast:register_heuristic("udp", heuristic)
DissectorTable.get("udp.port"):add_for_decode_as(twincast)
