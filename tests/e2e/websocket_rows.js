// websocket_rows: what a client may say on a WebSocket whose server gives each message back, and what it must
// hear. In the spirit of the strictest conformance suites, by theme.
//
// [name, bytes said, frames heard, end]: frames as [opcode, payload]; end: 'alive' answers a ping afterwards,
// a number is the code of the server's close frame (1005: none).
'use strict';
const { frame, text, close } = require('./raw_peer');

const T = (s) => [1, Buffer.from(s)];
const B = (b) => [2, Buffer.from(b)];
const PONG = (b) => [10, Buffer.from(b)];
const binary = (b, options) => frame(2, Buffer.from(b), options);
const ping = (b, options) => frame(9, Buffer.from(b), options);
const pong = (b) => frame(10, Buffer.from(b));
const some = (n, seed = 7) => Buffer.from(Array.from({ length: n }, (_, i) => (i * seed + (i >> 8)) & 255));
const letters = (n) => '4'.padEnd(n, 'abcdefghijklmnopqrstuvwxyz0123456789 ');
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const hex = (b) => Buffer.from(b).toString('hex');

// A message cut into fragments of n bytes; between: what stands after each but the last.
function fragments(opcode, payload, n, between = []) {
  const body = Buffer.from(payload);
  const pieces = [];
  for (let at = 0; at === 0 || at < body.length; at += n) {
    if (at > 0) pieces.push(...between);
    pieces.push(frame(at === 0 ? opcode : 0, body.subarray(at, at + n), { fin: at + n >= body.length }));
  }
  return pieces;
}

/* ---- framing ---------------------------------------------------------------------------- */

const LENGTHS = [1, 2, 3, 124, 125, 126, 127, 128, 129, 253, 254, 255, 256, 1000, 4095, 4096, 4097, 16383, 16384, 65534, 65535, 65536, 65537, 70000, 131072, 1 << 20];
const framing = [
  ...LENGTHS.map((n) => [`a text of ${n} bytes`, [text(letters(n))], [T(letters(n))], 'alive']),
  ...[0, ...LENGTHS].map((n) => [`a binary of ${n} bytes`, [binary(some(n))], [B(some(n))], 'alive']),
  ['an empty text is no packet', [text('')], [], 1005],
  ['a hundred messages', range(1, 100).map((i) => text(letters(i))), range(1, 100).map((i) => T(letters(i))), 'alive'],
  ['text and binary in turns', range(1, 20).map((i) => (i % 2 ? text(letters(i)) : binary(some(i)))), range(1, 20).map((i) => (i % 2 ? T(letters(i)) : B(some(i)))), 'alive'],
  ['a mask of zeros', [text('4abc', { mask: 0 })], [T('4abc')], 'alive'],
  ['a mask of ones', [text('4abc', { mask: 0xffffffff })], [T('4abc')], 'alive'],
  ['another mask for each frame', range(1, 9).map((i) => text('4abcdefgh', { mask: i * 0x1234567 })), range(1, 9).map(() => T('4abcdefgh')), 'alive'],
  ['no mask', [text('4a'), text('4b', { mask: null })], [T('4a')], 1002],
  ['no mask on an empty binary', [binary('', { mask: null })], [], 1002],
  ['no mask on a close', [frame(8, '', { mask: null })], [], 1002],
  ...[0, 1, 125].map((n) => [`${n} bytes said in two bytes`, [binary(some(n), { form: 2 })], [], 1002]),
  ...[0, 125, 126, 65535].map((n) => [`${n} bytes said in eight`, [binary(some(n), { form: 8 })], [], 1002]),
  ['a length of 2^63', [binary('x', { form: 8, length: 2n ** 63n })], [], 1002],
  ['a length of 2^64 - 1', [binary('x', { form: 8, length: 2n ** 64n - 1n })], [], 1002],
  ['a length of 2^63 - 1', [binary('x', { form: 8, length: 2n ** 63n - 1n })], [], 1009],
];

/* ---- pings and pongs -------------------------------------------------------------------- */

const pings = [
  ...[0, 1, 2, 7, 8, 124, 125].map((n) => [`a ping of ${n} bytes`, [ping(some(n))], [PONG(some(n))], 'alive']),
  ['a ping that is no UTF-8', [ping([0x00, 0xff, 0xfe, 0xc0, 0x80])], [PONG([0x00, 0xff, 0xfe, 0xc0, 0x80])], 'alive'],
  ['a ping of 126 bytes', [ping(some(126))], [], 1002],
  ['a ping of 65,536 bytes', [ping(some(65536))], [], 1002],
  ['a pong of 126 bytes', [pong(some(126))], [], 1002],
  ['ten pings', range(0, 9).map((i) => ping(`ping ${i}`)), range(0, 9).map((i) => PONG(`ping ${i}`)), 'alive'],
  ['a ping without a payload, then one with', [ping(''), ping('x')], [PONG(''), PONG('x')], 'alive'],
  ['a pong that nobody asked for', [pong('')], [], 'alive'],
  ['one with words', [pong('unsolicited')], [], 'alive'],
  ['ten of them, then a ping', [...range(0, 9).map((i) => pong(`p${i}`)), ping('x')], [PONG('x')], 'alive'],
  ['pings between messages', [ping('a'), text('4b'), ping('c'), binary('d')], [PONG('a'), T('4b'), PONG('c'), B('d')], 'alive'],
];

/* ---- reserved bits and opcodes ---------------------------------------------------------- */

const reserved = [
  ...range(1, 7).map((rsv) => [`reserved bits ${rsv}`, [text('4a'), text('4b', { rsv }), ping('x')], [T('4a')], 1002]),
  ...range(1, 7).map((rsv) => [`reserved bits ${rsv} on an empty binary`, [binary('', { rsv })], [], 1002]),
  ...range(1, 7).map((rsv) => [`reserved bits ${rsv} on a ping`, [ping('x', { rsv })], [], 1002]),
  ...range(1, 7).map((rsv) => [`reserved bits ${rsv} on a close`, [frame(8, Buffer.from([3, 232]), { rsv })], [], 1002]),
  ...range(1, 7).map((rsv) => [`reserved bits ${rsv} on a continuation`, [text('4a', { fin: false }), frame(0, 'b', { rsv })], [], 1002]),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode) => [
    [`opcode ${opcode}`, [frame(opcode, '')], [], 1002],
    [`opcode ${opcode} with a payload`, [text('4a'), frame(opcode, 'payload'), ping('x')], [T('4a')], 1002],
    [`opcode ${opcode} inside a message`, [text('4a', { fin: false }), frame(opcode, '')], [], 1002],
  ]),
];

/* ---- fragments -------------------------------------------------------------------------- */

const WORDS = '4fragmented message, in as many pieces as it likes';
const fragmented = [
  ['a text in two', fragments(1, WORDS, 20), [T(WORDS)], 'alive'],
  ['a text byte by byte', fragments(1, WORDS, 1), [T(WORDS)], 'alive'],
  ['a binary byte by byte', fragments(2, some(300), 1), [B(some(300))], 'alive'],
  ['a binary of 65,536 bytes in 1,000', fragments(2, some(65536), 1000), [B(some(65536))], 'alive'],
  ['empty fragments first', [text('', { fin: false }), frame(0, '', { fin: false }), frame(0, WORDS)], [T(WORDS)], 'alive'],
  ['empty fragments last', [text(WORDS, { fin: false }), frame(0, '', { fin: false }), frame(0, '')], [T(WORDS)], 'alive'],
  ['empty fragments between', [text('4a', { fin: false }), frame(0, '', { fin: false }), frame(0, 'b')], [T('4ab')], 'alive'],
  ['nothing but empty fragments', [binary('', { fin: false }), frame(0, '', { fin: false }), frame(0, '')], [B('')], 'alive'],
  ['two messages, one behind the other', [...fragments(1, WORDS, 9), ...fragments(2, some(50), 9)], [T(WORDS), B(some(50))], 'alive'],
  ['a ping between', fragments(1, WORDS, 30, [ping('between')]), [PONG('between'), T(WORDS)], 'alive'],
  ['a ping between each two bytes', fragments(1, '4abcdef', 1, [ping('b')]), [...range(1, 6).map(() => PONG('b')), T('4abcdef')], 'alive'],
  ['ten pings between', fragments(1, WORDS, 30, range(0, 9).map((i) => ping(`${i}`))), [...range(0, 9).map((i) => PONG(`${i}`)), T(WORDS)], 'alive'],
  ['a ping of 125 bytes between', fragments(2, some(10), 5, [ping(some(125))]), [PONG(some(125)), B(some(10))], 'alive'],
  ['a pong between', fragments(1, WORDS, 30, [pong('between')]), [T(WORDS)], 'alive'],
  ['a close between', fragments(1, WORDS, 30, [close(1000)]), [], 1000],
  ['a ping in fragments', [ping('a', { fin: false }), frame(0, 'b')], [], 1002],
  ['a pong in fragments', [frame(10, 'a', { fin: false }), frame(0, 'b')], [], 1002],
  ['a close in fragments', [frame(8, Buffer.from([3, 232]), { fin: false }), frame(0, 'b')], [], 1002],
  ['a ping in fragments inside a message', [text('4a', { fin: false }), ping('a', { fin: false })], [], 1002],
  ['a continuation of nothing', [frame(0, 'a')], [], 1002],
  ['an unfinished continuation of nothing', [frame(0, 'a', { fin: false })], [], 1002],
  ['a continuation of what is finished', [...fragments(1, WORDS, 20), frame(0, 'more')], [T(WORDS)], 1002],
  ['a continuation of a whole message', [text('4a'), frame(0, 'more')], [T('4a')], 1002],
  ['a text inside a text', [text('4a', { fin: false }), text('4b')], [], 1002],
  ['a binary inside a text', [text('4a', { fin: false }), binary('b', { fin: false })], [], 1002],
  ['a text inside a binary', [binary('a', { fin: false }), text('4b', { fin: false })], [], 1002],
];

/* ---- UTF-8 ------------------------------------------------------------------------------ */

// Characters at every border of the four lengths, noncharacters (allowed), and a few words.
const valid = ['', 'Hello', 'κόσμε', 'Hello-µ@ßöäüàá-UTF-8!!', '日本語テキスト', '😀😁', 'a\u0300\u0301', '\u0000', '\u007f', '\u0080', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\ufffd',
  '\ufffe', '\uffff', '\ufdd0', '\u{10000}', '\u{1fffe}', '\u{3ffff}', '\u{fffff}', '\u{100000}', '\u{10ffff}', '\ufeffmark'];

// [name, bytes, up to the first that no valid text can have there]: hex, good bytes before a | that ends them
const invalid = [
  ['a continuation alone', '|80'], ['the last continuation alone', '|bf'], ['a continuation behind a letter', '61|80'], ['one too many', 'c3a4|a4'],
  ['a continuation behind three bytes', 'e282ac|80'], ['behind four', 'f09f9880|80'],
  ['two bytes, the second a letter', 'c3|28'], ['two bytes, the second a first', 'c3|c3'], ['three, the second a letter', 'e2|28'], ['three, the third a letter', 'e282|28'],
  ['four, the second a letter', 'f0|28'], ['four, the third a letter', 'f09f|28'], ['four, the fourth a letter', 'f09f98|28'], ['four, the fourth a first', 'f09f98|f0'],
  ['fe', '|fe'], ['ff', '|ff'], ['fe behind a letter', '61|fe'], ['ff inside a character', 'e282|ff'],
  ['overlong zero in two', '|c080'], ['overlong slash in two', '|c0af'], ['the longest overlong in two', '|c1bf'], ['overlong zero in three', 'e0|80'],
  ['overlong slash in three', 'e0|80af'], ['the longest overlong in three', 'e0|9fbf'], ['overlong zero in four', 'f0|80'], ['overlong slash in four', 'f0|8080af'],
  ['the longest overlong in four', 'f0|8fbfbf'], ['overlong in five', '|f8808080af'], ['overlong in six', '|fc80808080af'],
  ['the first surrogate', 'ed|a080'], ['the last high surrogate', 'ed|afbf'], ['the first low surrogate', 'ed|b080'], ['the last surrogate', 'ed|bfbf'], ['a pair of surrogates', 'ed|a080edb080'],
  ['the first beyond the last character', 'f4|908080'], ['the beginning of plane 17', 'f4|90'], ['far beyond', '|f5808080'], ['f7', '|f7bfbfbf'], ['five bytes', '|f888808080'], ['six bytes', '|fc8480808080'],
  ['good words, then bad', `${hex('κόσμε')}|80`], ['a surrogate behind good words', `${hex('κόσμε')}ed|a080`],
];

const utf8 = [
  ...valid.map((s, i) => [`text ${i}: ${hex(s)}`, [text(`4${s}`)], [T(`4${s}`)], 'alive']),
  ...valid.map((s, i) => [`text ${i} in fragments of a byte`, fragments(1, `4${s}`, 1, [ping('x')]), [...fragments(1, `4${s}`, 1).slice(1).map(() => PONG('x')), T(`4${s}`)], 'alive']),
  ...['c3', 'e2', 'e282', 'f0', 'f09f', 'f09f98'].flatMap((cut) => [
    [`a text that ends inside ${cut}`, [frame(1, Buffer.from(`34${cut}`, 'hex'))], [], 1007],
    [`a fragment that ends so, and an empty last one`, [frame(1, Buffer.from(`34${cut}`, 'hex'), { fin: false }), frame(0, '')], [], 1007],
  ]),
  ...invalid.map(([name, bytes]) => [name, [frame(1, Buffer.from(`34${bytes.replace('|', '')}`, 'hex'))], [], 1007]),
  ['binary need not be text', [binary([0xff, 0xfe, 0x80])], [B([0xff, 0xfe, 0x80])], 'alive'],
  ['a ping need not be text, even inside one', fragments(1, '4κ', 2, [ping([0xff])]), [PONG([0xff]), T('4κ')], 'alive'],
];

/* ---- closing ---------------------------------------------------------------------------- */

const GOOD_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3001, 3999, 4000, 4001, 4999];
const BAD_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32768, 65535];
const closing = [
  ...GOOD_CODES.map((code) => [`close ${code} is given back`, [close(code)], [], code]),
  ...GOOD_CODES.map((code) => [`close ${code} with a reason`, [close(code, 'the reason')], [], code]),
  ...BAD_CODES.map((code) => [`close ${code}`, [close(code)], [], 1002]),
  ...BAD_CODES.map((code) => [`close ${code} with a reason`, [close(code, 'the reason')], [], 1002]),
  ['a close without a code', [frame(8, '')], [], 1005],
  ['a close of one byte', [frame(8, '\x03')], [], 1002],
  ['a close of 125 bytes', [close(1000, 'r'.repeat(123))], [], 1000],
  ['a close of 126 bytes', [close(1000, 'r'.repeat(124))], [], 1002],
  ['a reason in every length of character', [close(1000, 'aµ€😀')], [], 1000],
  ...['ff', 'c3', 'c0af', 'eda080', 'f4908080', '6162c3'].map((bytes) => [`a reason of ${bytes}`, [frame(8, Buffer.from(`03e8${bytes}`, 'hex'))], [], 1007]),
  ['a message before', [text('4a'), close(1000)], [T('4a')], 1000],
  ['a message behind', [close(1000), text('4a')], [], 1000],
  ['a ping behind', [close(1000), ping('x')], [], 1000],
  ['two closes', [close(1000), close(1001)], [], 1000],
  ['nonsense behind', [close(1000), Buffer.alloc(200, 0xff)], [], 1000],
  ['a close inside a message, and its rest behind', [text('4a', { fin: false }), close(1001), frame(0, 'b')], [], 1001],
  ['256 KiB behind', [close(1000), binary(some(262144))], [], 1000],
];

module.exports = { themes: { framing, pings, reserved, fragmented, utf8, closing }, invalid, fragments, letters, some, T, B, PONG, binary, ping };
