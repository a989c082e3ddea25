#!/usr/bin/env node
// WebSocket to the letter: rows over raw sockets (websocket_rows.js), each in one write, in writes of a byte
// and of 997; limits as large as they go; permessage-deflate, by hand, with npm's ws and with real Socket.IO clients.
'use strict';
process.env.ASAN_OPTIONS = `${process.env.ASAN_OPTIONS || ''}:quarantine_size_mb=4`;
const assert = require('node:assert');
const fs = require('node:fs');
const zlib = require('node:zlib');
const { io } = require('socket.io-client');
const msgpack = require('socket.io-msgpack-parser');
const WebSocket = require('ws');
const { serve, story, tell, within, until } = require('./harness');
const { open, frame, text } = require('./raw_peer');
const { themes, invalid, fragments, letters, some, T, B, PONG, binary, ping } = require('./websocket_rows');

const URL = '/engine.io/?EIO=4&transport=websocket';
const OFFER = 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n';
const LIMIT = 16 << 20;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const servers = {};
const start = async (name, args) => { servers[name] = await serve('tcp_server', ['--listen', '127.0.0.1:0', ...args], ['tcp']); };
const BOTH = ['serve', '--tcp', '127.0.0.1:0', '--udp', '127.0.0.1:0']; // \`lab serve\` has this twin's options
const startBoth = async (name, args) => { servers[name] = await serve('lab', [...BOTH, ...args], ['tcp', 'udp']); };
const resident = (server) => Number(fs.readFileSync(`/proc/${server.child.pid}/statm`, 'utf8').split(' ')[1]) * 4096;

story('the servers stand', async () => {
  await Promise.all([
    start('echo', ['--app', 'echo', '--max-payload', '16mib']),
    start('deflate', ['--app', 'echo', '--max-payload', '16mib', '--deflate', 'on']),
    start('context', ['--app', 'echo', '--deflate', 'on', '--deflate-context', 'client']),
    startBoth('small', ['--app', 'echo', '--deflate', 'on', '--deflate-context', 'client', '--deflate-window', '10']),
    start('chat', ['--deflate', 'on', '--deflate-threshold', '200b', '--ping-interval', '300ms']),
    start('large', ['--deflate', 'on', '--max-payload', '16mib', '--log-age', '500ms']),
  ]);
  for (const server of Object.values(servers)) server.resident = resident(server);
});

// Less is kept than the largest message takes.
async function gone(server) {
  await sleep(50);
  const grown = resident(server) - server.resident;
  assert.ok(grown < LIMIT - (1 << 20), `${grown >> 10} KiB more resident`);
}

/* ---- saying and hearing ----------------------------------------------------------------- */

const reach = (server, headers = '') => open(servers[server].tcp, { url: URL, headers });

// The whole in writes of so many bytes; 0: in one.
function say(peer, frames, cut) {
  const whole = Buffer.concat(frames);
  for (let at = 0; at < whole.length; at += cut || whole.length) peer.say(whole.subarray(at, cut ? at + cut : undefined));
}

const shown = (f) => `${f[0]}:${f[1].length > 60 ? `${f[1].subarray(0, 20).toString('hex')}.. (${f[1].length})` : f[1].toString('hex')}`;

// What comes until the end: frames, and 'alive' or the close code.
async function hear(peer) {
  const last = Buffer.from('are you there');
  peer.say(frame(9, last));
  const end = await peer.until(() => peer.frames.find((f) => f.opcode === 8 || (f.opcode === 10 && f.payload.equals(last))), 'close frame or pong');
  if (end.opcode === 8) await peer.until(() => peer.closed, 'end of the connection behind the close frame');
  const frames = peer.frames.map((f) => [f.opcode, f.payload]);
  const before = frames.slice(0, peer.frames.indexOf(end));
  assert.strictEqual(before.length, frames.length - 1, 'nothing comes behind the end');
  if (end.opcode === 10) return { before, end: 'alive' };
  return { before, end: end.payload.length ? end.payload.readUInt16BE(0) : 1005 };
}

async function expect(peer, frames, end) {
  const heard = await hear(peer);
  peer.end();
  assert.deepStrictEqual([...heard.before.map(shown), heard.end], [...frames.map(shown), end]);
  frames.forEach((f, i) => assert.ok(heard.before[i][1].equals(f[1]), `frame ${i} differs`));
}

for (const [theme, rows] of Object.entries(themes)) {
  for (const [name, said, frames, end] of rows) {
    story(`${theme}: ${name}`, async () => {
      const bytes = said.reduce((sum, f) => sum + f.length, 0);
      for (const cut of [0, ...(bytes <= 300 ? [1] : []), ...(bytes > 997 && bytes < 200000 ? [997] : [])]) {
        const peer = await reach('echo');
        say(peer, said, cut);
        await expect(peer, frames, end);
      }
    });
  }
}

/* ---- the first bad byte ----------------------------------------------------------------- */

for (const [name, bytes] of invalid) {
  story(`utf8 at once: ${name}`, async () => {
    const [good, bad] = bytes.split('|').map((s) => Buffer.from(s, 'hex'));
    const before = Buffer.concat([Buffer.from('4'), good]);
    // in the middle of a frame whose rest never comes
    const inside = await reach('echo');
    inside.say(frame(1, Buffer.concat([before, bad.subarray(0, 1)]), { length: 1000 }));
    await expect(inside, [], 1007);
    // byte by byte, each a fragment: all is well until that byte
    const slow = await reach('echo');
    say(slow, [frame(1, '', { fin: false }), ...[...before].map((b) => frame(0, Buffer.from([b]), { fin: false }))]);
    assert.deepStrictEqual(await hear(slow), { before: [], end: 'alive' });
    slow.frames.length = 0;
    slow.say(frame(0, bad.subarray(0, 1), { fin: false }));
    await expect(slow, [], 1007);
  });
}

story('utf8: every pair and many longer sequences are judged as TextDecoder does', async () => {
  const good = (b) => { try { new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(b); return true; } catch { return false; } };
  const tries = [];
  for (const first of [0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff]) {
    for (const second of [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0]) {
      for (const rest of [[], [0x80], [0xbf], [0x80, 0x80], [0xbf, 0xbf], [0x80, 0x41]]) tries.push(Buffer.from([0x34, first, second, ...rest]));
    }
  }
  const bad = tries.filter((b) => !good(b));
  const peer = await reach('echo'); // all the good ones on one connection
  const fine = tries.filter(good);
  say(peer, fine.map((b) => frame(1, b)));
  await expect(peer, fine.map((b) => [1, b]), 'alive');
  assert.ok(fine.length > 50 && bad.length > 500, `${fine.length} good, ${bad.length} bad`);
  for (let i = 0; i < bad.length; i += 50) {
    await Promise.all(bad.slice(i, i + 50).map(async (b) => {
      const one = await reach('echo');
      one.say(frame(1, b));
      await expect(one, [], 1007);
    }));
  }
});

/* ---- limits ----------------------------------------------------------------------------- */

const large = (n) => Buffer.alloc(n, letters(997));
const largeRows = [
  ['a text of 16 MiB', () => [frame(1, large(LIMIT))], 1],
  ['a binary of 16 MiB', () => [frame(2, large(LIMIT))], 2],
  ['16 MiB in frames of 64 KiB', () => fragments(2, large(LIMIT), 65536), 2],
  ['a text of 16 MiB in 65,536 frames', () => fragments(1, large(LIMIT), 256), 1],
];
for (const [name, said, opcode] of largeRows) {
  story(`limits: ${name}`, async () => {
    const peer = await reach('echo');
    say(peer, said(), 0);
    await expect(peer, [[opcode, large(LIMIT)]], 'alive');
  });
}

const tooMuch = [
  ['16 MiB and a byte', () => [frame(2, 'x', { form: 8, length: LIMIT + 1 })]],
  ['16 MiB and a byte in two frames', () => [frame(2, large(LIMIT), { fin: false }), frame(0, 'x')]],
  ['65,537 frames', () => fragments(2, large(65537), 1)],
  ['65,537 empty frames', () => [binary('', { fin: false }), Buffer.concat(Array(65536).fill(frame(0, '', { fin: false })))]],
];
for (const [name, said] of tooMuch) {
  story(`limits: ${name}`, async () => {
    const peer = await reach('echo');
    say(peer, said(), 0);
    await expect(peer, [], 1009);
  });
}

story('limits: 65,536 frames, all but two empty', async () => {
  const peer = await reach('echo');
  say(peer, [binary('a', { fin: false }), Buffer.concat(Array(65534).fill(frame(0, '', { fin: false }))), frame(0, 'b')], 0);
  await expect(peer, [B('ab')], 'alive');
});

story('limits: four of 16 MiB in a row, read slowly; the memory goes back', async () => {
  const peer = await reach('echo');
  const message = large(LIMIT);
  peer.socket.pause();
  say(peer, Array(4).fill(frame(2, message)), 0);
  await sleep(200);
  peer.socket.resume();
  await expect(peer, Array(4).fill([2, message]), 'alive');
  await gone(servers.echo);
});

/* ---- permessage-deflate ----------------------------------------------------------------- */

// A client's compressor: payloads of messages, with or without context between them.
class Packer {
  constructor(windowBits, context) {
    this.options = { windowBits, level: 9 };
    this.stream = context ? zlib.createDeflateRaw(this.options) : null;
  }

  async pack(message) {
    const body = Buffer.from(message);
    if (!this.stream) return zlib.deflateRawSync(body, { ...this.options, finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);
    const pieces = [];
    this.stream.on('data', (piece) => pieces.push(piece));
    if (body.length) this.stream.write(body);
    await new Promise((resolve) => this.stream.flush(zlib.constants.Z_SYNC_FLUSH, resolve));
    this.stream.removeAllListeners('data');
    return Buffer.concat(pieces).subarray(0, -4);
  }
}

// Compressed frames: RSV1 on the first alone.
const packed = (opcode, payload, n = Infinity, between = []) => fragments(opcode, payload, n, between)
  .map((f, i) => (i === 0 ? Buffer.concat([Buffer.from([f[0] | 0x40]), f.subarray(1)]) : f));
const pack = (message) => zlib.deflateRawSync(Buffer.from(message), { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);

const NONE = '; client_no_context_takeover';
const ANSWER = 'permessage-deflate; server_no_context_takeover';
const offers = [
  ['deflate', 'permessage-deflate', ANSWER + NONE],
  ['deflate', 'permessage-deflate; client_max_window_bits', ANSWER + NONE],
  ['deflate', 'permessage-deflate; server_max_window_bits=9', `${ANSWER}${NONE}; server_max_window_bits=9`],
  ['deflate', 'permessage-deflate; client_max_window_bits=9', `${ANSWER}${NONE}; client_max_window_bits=9`],
  ['context', 'permessage-deflate', ANSWER],
  ['context', 'permessage-deflate; client_no_context_takeover', ANSWER + NONE],
  ['context', 'permessage-deflate; server_no_context_takeover; server_max_window_bits=15; client_max_window_bits="15"', `${ANSWER}; server_max_window_bits=15; client_max_window_bits=15`],
  ['small', 'permessage-deflate; client_max_window_bits', `${ANSWER}; server_max_window_bits=10; client_max_window_bits=10`],
  ['small', 'permessage-deflate', `${ANSWER}${NONE}; server_max_window_bits=10`],
  ['deflate', 'permessage-deflate; server_max_window_bits=7, x-other; a="b c", permessage-deflate', undefined],
  ['deflate', 'permessage-deflate; server_max_window_bits=7, x-other; a=b, permessage-deflate', ANSWER + NONE],
  ['deflate', 'x-webkit-deflate-frame', undefined],
  ['deflate', 'permessage-deflate; unknown', undefined],
  ['deflate', 'permessage-deflate; server_no_context_takeover; server_no_context_takeover', undefined],
  ['deflate', 'permessage-deflate; server_max_window_bits', undefined],
  ['deflate', 'permessage-deflate; client_max_window_bits=16', undefined],
  ['deflate', 'permessage-deflate; client_max_window_bits=08', undefined],
  ['deflate', 'permessage-deflate; client_no_context_takeover=1', undefined],
  ['deflate', 'permessage-deflate;', undefined],
  ['echo', 'permessage-deflate', undefined],
];
for (const [server, offer, answer] of offers) {
  story(`deflate: ${server} is offered ${offer}`, async () => {
    const peer = await reach(server, `Sec-WebSocket-Extensions: ${offer}\r\n`);
    assert.strictEqual(peer.extensions, answer);
    peer.say(text('4a'));
    await expect(peer, [T('4a')], 'alive');
    const refused = await reach(server, `Sec-WebSocket-Extensions: ${offer}\r\n`);
    say(refused, packed(1, pack('4a')));
    await expect(refused, answer ? [T('4a')] : [], answer ? 'alive' : 1002);
  });
}

const HELLO = pack('4Hello, hello, hello');
const AGAIN = Buffer.from('f200110000', 'hex'); // RFC 7692, 7.2.3.2: "Hello" again, five bytes back
const hexed = (s) => Buffer.from(s.replace(/ /g, ''), 'hex');
const deflated = [
  ['a text', packed(1, HELLO), [T('4Hello, hello, hello')], 'alive'],
  ['a binary', packed(2, pack(some(5000))), [B(some(5000))], 'alive'],
  ['every byte a fragment', packed(1, HELLO, 1), [T('4Hello, hello, hello')], 'alive'],
  ['pings between the fragments', packed(1, HELLO, 8, [ping('b')]), [...fragments(1, HELLO, 8).slice(1).map(() => PONG('b')), T('4Hello, hello, hello')], 'alive'],
  ['empty fragments', [...packed(2, '', 1).map((f) => Buffer.concat([Buffer.from([f[0] & 0x7f]), f.subarray(1)])), frame(0, pack('abc'), { fin: false }), frame(0, '')], [B('abc')], 'alive'],
  ['compressed and plain in turns', [...packed(1, HELLO), text('4a'), ...packed(2, pack('b')), binary('c')], [T('4Hello, hello, hello'), T('4a'), B('b'), B('c')], 'alive'],
  ['a plain message in fragments', fragments(1, '4abc', 1), [T('4abc')], 'alive'],
  ['an empty message of one byte', packed(2, [0]), [B('')], 'alive'],
  ['an empty message of two', packed(2, [2, 0]), [B('')], 'alive'],
  ['an empty message of none', packed(2, []), [B('')], 'alive'],
  ['a hundred messages', Array.from({ length: 100 }, (_, i) => packed(1, pack(letters(i + 1)))).flat(), Array.from({ length: 100 }, (_, i) => T(letters(i + 1))), 'alive'],
  ['stored blocks', packed(2, hexed('00 03 00 fc ff 61 62 63 00 02 00 fd ff 64 65 00')), [B('abcde')], 'alive'],
  ['a final block', packed(2, hexed('f3 48 cd c9 c9 07 00 00')), [B('Hello')], 'alive'],
  ['two blocks', packed(2, hexed('f2 48 05 00 00 00 ff ff ca c9 c9 07 00')), [B('Hello')], 'alive'],
  ['what does not get shorter', packed(2, pack(zlib.gzipSync(some(3000)))), [B(zlib.gzipSync(some(3000)))], 'alive'],
  ['16 MiB', packed(2, pack(large(LIMIT)), 4096), [[2, large(LIMIT)]], 'alive'],
  ['text that is not UTF-8', packed(1, pack([0x34, 0xc3, 0x28])), [], 1007],
  ['text that ends inside a character', packed(1, pack([0x34, 0xe2, 0x82])), [], 1007],
  ['a character in two fragments', packed(1, hexed('00 03 00 fc ff 34 c3 a4 00'), 7), [T('4ä')], 'alive'],
  ['a reference before the beginning', packed(2, AGAIN), [], 1007],
  ['a reference to what is not kept', [...packed(2, pack('Hello')), ...packed(2, AGAIN)], [B('Hello')], 1007],
  ['no compressed data', packed(2, hexed('ff ff ff ff')), [], 1007],
  ['a stored block with two lengths', packed(2, hexed('00 03 00 00 00 61 62 63')), [], 1007],
  ['data cut short', packed(2, pack(some(1000)).subarray(0, -20)), [], 1007],
  ['a reserved kind of block', packed(2, hexed('07 00')), [], 1007],
  ['16 MiB and a byte', packed(2, pack(Buffer.alloc(LIMIT + 1))), [], 1009],
  ['a gigabyte in a megabyte', packed(2, Buffer.concat(Array(1024).fill(Buffer.concat([pack(Buffer.alloc(1 << 20)), hexed('00 00 ff ff')])))), [], 1009],
  ['the same in fragments', packed(2, Buffer.concat(Array(1024).fill(Buffer.concat([pack(Buffer.alloc(1 << 20)), hexed('00 00 ff ff')]))), 1000), [], 1009],
  ['more on the wire than any message of the limit', [frame(2, 'x', { rsv: 4, form: 8, length: LIMIT + LIMIT / 8 + 65 })], [], 1009],
  ['reserved bit 1 on a ping', [ping('', { rsv: 4 })], [], 1002],
  ['reserved bit 1 on a close', [frame(8, '', { rsv: 4 })], [], 1002],
  ['reserved bit 1 on a continuation', [...packed(1, HELLO, 8).slice(0, 1), frame(0, 'x', { rsv: 4 })], [], 1002],
  ['reserved bit 1 on a plain message\'s continuation', [text('4a', { fin: false }), frame(0, 'b', { rsv: 4 })], [], 1002],
  ...[1, 2, 3, 5, 6, 7].map((rsv) => [`reserved bits ${rsv}`, [text('4a', { rsv })], [], 1002]),
  ['reserved bit 1 on opcode 3', [frame(3, 'a', { rsv: 4 })], [], 1002],
];
for (const [name, said, frames, end] of deflated) {
  story(`deflate: ${name}`, async () => {
    const bytes = said.reduce((sum, f) => sum + f.length, 0);
    for (const cut of [0, ...(bytes <= 300 ? [1] : []), ...(bytes > 997 && bytes < 200000 ? [997] : [])]) {
      const peer = await reach('deflate', OFFER);
      say(peer, said, cut);
      await expect(peer, frames, end);
    }
  });
}

for (const [server, bits] of [...[9, 10, 11, 12, 13, 14, 15].map((n) => ['context', n]), ['small', 10]]) {
  for (const context of [false, true]) {
    story(`deflate: ${server}, windows of ${bits} bits, ${context ? 'with' : 'without'} context`, async () => {
      const packer = new Packer(bits, context);
      const peer = await reach(server, `Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=${bits}${context ? '' : NONE}\r\n`);
      assert.ok(peer.extensions.endsWith(`client_max_window_bits=${bits}`) && peer.extensions.includes(NONE) === !context);
      const messages = [1, 5, 500, 5, 3000, 40000, 70000, 5, 1, 500].map((n) => letters(n));
      for (const message of messages) say(peer, packed(1, await packer.pack(message), message.length > 1000 ? 100 : Infinity));
      await expect(peer, messages.map(T), 'alive');
    });
  }
}

story('deflate: what the bombs took is back', () => gone(servers.deflate));

/* ---- another implementation -------------------------------------------------------------- */

const matrix = [
  {}, { serverNoContextTakeover: true }, { clientNoContextTakeover: true }, { clientMaxWindowBits: 10 }, { serverMaxWindowBits: 10 }, { serverMaxWindowBits: 15, clientMaxWindowBits: 15 },
  { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 12, clientMaxWindowBits: 9 },
];
for (const server of ['deflate', 'context', 'small']) {
  story(`npm's ws with every combination: ${server}`, async () => {
    for (const options of matrix) {
      const ws = new WebSocket(`ws://${servers[server].tcp}${URL}`, { perMessageDeflate: { threshold: 0, ...options } });
      const got = [];
      const said = [1, 10, 1000, 30000, 200000, 10].flatMap((n) => [Buffer.from(letters(n)), some(n)]);
      await within(`echoes with ${JSON.stringify(options)}`, (resolve, reject) => {
        ws.on('error', reject);
        ws.on('open', () => said.forEach((m, i) => ws.send(m, { binary: i % 2 === 1, compress: i % 3 !== 2 })));
        ws.on('message', (m) => { if (got.push(m) > said.length) resolve(); });
      });
      assert.ok(ws.extensions.includes('permessage-deflate'));
      assert.deepStrictEqual(got.slice(1).map((m) => m.toString('hex')), said.map((m) => m.toString('hex')));
      ws.terminate();
    }
  });
}

/* ---- Socket.IO --------------------------------------------------------------------------- */

const DATA = JSON.stringify(Array(300).fill({ room: 'tea', text: 'the same words again and again' }));
const PICTURE = Buffer.alloc(30000, 'pixels ');
const client = (options, server = 'chat') => io(`http://${servers[server].tcp}`, { forceNew: true, perMessageDeflate: { threshold: 0 }, ...options });
const connected = (socket) => within('connect', (resolve, reject) => { socket.once('hello', resolve); socket.once('connect_error', reject); });
const asked = (socket, ...args) => within(`answer to ${args[0]}`, (resolve) => socket.emit(...args, resolve));
const upgraded = (socket) => within('upgrade', (resolve) => (socket.io.engine.transport.name === 'websocket' ? resolve() : socket.io.engine.once('upgrade', resolve)));
const received = (socket) => socket.io.engine.transport.ws._socket.bytesRead;

const clients = {
  'an upgrade from polling': [{}, true],
  'websocket only': [{ transports: ['websocket'] }, true],
  'the msgpack parser': [{ transports: ['websocket'], parser: msgpack }, true],
  'an upgrade with the msgpack parser': [{ parser: msgpack }, true],
  'no compression': [{ transports: ['websocket'], perMessageDeflate: false }, false],
  'a window smaller than ours': [{ transports: ['websocket'], perMessageDeflate: { threshold: 0, serverMaxWindowBits: 9 } }, false],
};

story('socket.io-client: what is said to all comes compressed to who agreed, attachments too', async () => {
  const sockets = Object.values(clients).map(([options]) => client(options));
  const polled = client({ transports: ['polling'] });
  await Promise.all([...sockets, polled].map(connected));
  await Promise.all(sockets.map(upgraded));
  const before = sockets.map(received);
  for (let n = 0; n < 3; n++) {
    const heard = Promise.all([...sockets, polled].map((s) => within('event', (resolve) => s.once('data', (...args) => resolve(args)))));
    sockets[n].emit('data', DATA, n, PICTURE, { more: PICTURE });
    for (const args of await heard) {
      assert.strictEqual(args[0], DATA);
      assert.strictEqual(args[1], n);
      assert.ok(Buffer.from(args[2]).equals(PICTURE) && Buffer.from(args[3].more).equals(PICTURE));
    }
  }
  Object.entries(clients).forEach(([name, [, compressed]], i) => {
    const bytes = received(sockets[i]) - before[i];
    assert.ok(compressed ? bytes < 6000 : bytes > 200000, `${name}: ${bytes} bytes`);
  });
  [...sockets, polled].forEach((s) => s.disconnect());
});

story('socket.io-client: calls, rooms and answers with small and large words', async () => {
  const [a, b] = [client({}), client({ transports: ['websocket'] })];
  await Promise.all([a, b].map(connected));
  for (const s of [a, b]) await asked(s, 'join', 'tea');
  for (const words of ['hi', DATA]) {
    const heard = within('message', (resolve) => b.once('chat message', resolve));
    assert.ok((await asked(a, 'chat message', { room: 'tea', text: words })).eid > 0);
    assert.strictEqual((await heard).text, words);
  }
  await sleep(700); // heartbeats
  assert.ok(a.connected && b.connected);
  [a, b].forEach((s) => s.disconnect());
});

story('socket.io-client: what was missed comes back compressed', async () => {
  const [a, b] = [client({ transports: ['websocket'] }), client({ transports: ['websocket'], reconnectionDelay: 300, reconnectionDelayMax: 300 })];
  await Promise.all([a, b].map(connected));
  const got = [];
  b.on('data', (text, n) => got.push(n));
  const first = within('the first', (resolve) => b.once('data', resolve));
  a.emit('data', DATA, 0);
  await first;
  const back = within('the way back', (resolve) => b.once('connect', resolve));
  b.io.engine.transport.ws._socket.destroy();
  await sleep(50);
  for (let n = 1; n <= 20; n++) a.emit('data', DATA, n);
  await back;
  await until('all of them', () => got.length === 21);
  assert.ok(b.recovered);
  assert.deepStrictEqual(got, Array.from({ length: 21 }, (_, n) => n));
  assert.ok(received(b) < 20000, `${received(b)} bytes`);
  [a, b].forEach((s) => s.disconnect());
});

story('socket.io-client: an event of 16 MiB, and one with as many bytes attached, to all; then they are gone', async () => {
  const sockets = [{ transports: ['websocket'] }, { transports: ['websocket'], perMessageDeflate: false }].map((options) => client(options, 'large'));
  await Promise.all(sockets.map(connected));
  const words = large(LIMIT - 1000).toString();
  const bytes = large(LIMIT - 1000);
  for (const data of [words, bytes]) {
    const heard = Promise.all(sockets.map((s) => within('event', (resolve) => s.once('data', resolve))));
    assert.ok((await asked(sockets[0], 'data', data)).eid > 0);
    for (const back of await heard) assert.ok(data === words ? back === words : Buffer.from(back).equals(bytes));
  }
  sockets.forEach((s) => s.disconnect());
  await sleep(600);
  await gone(servers.large);
});

story('one compressed frame for all, and each whole by itself', async () => {
  const peers = await Promise.all(['', OFFER, OFFER].map((headers) => open(servers.chat.tcp, { headers })));
  const events = (peer) => peer.frames.filter((f) => f.opcode === 1 && (f.packed || f.payload.includes('"data"')));
  for (const peer of peers) {
    peer.say(text('40'));
    await peer.until(() => peer.frames.some((f) => f.payload.includes('"hello"')), 'hello');
  }
  for (let n = 0; n < 2; n++) peers[0].say(text(`42["data",${n},"${'x'.repeat(1000)}"]`));
  peers[0].say(text('42["data","short"]'));
  for (const peer of peers) await peer.until(() => events(peer).length === 3, 'the events');
  const [plain, one, other] = peers.map(events);
  assert.deepStrictEqual([plain, one, other].map((list) => list.map((f) => f.packed)), [[false, false, false], [true, true, false], [true, true, false]]);
  one.forEach((f, i) => {
    assert.ok(f.payload.equals(other[i].payload));
    const whole = f.packed ? zlib.inflateRawSync(Buffer.concat([f.payload, hexed('00 00 ff ff')]), { finishFlush: zlib.constants.Z_SYNC_FLUSH }) : f.payload;
    assert.ok(whole.equals(plain[i].payload));
  });
  peers.forEach((peer) => peer.end());
});

story('the servers stop', async () => {
  for (const { child } of Object.values(servers)) {
    child.kill('SIGTERM');
    assert.strictEqual(await child.ended, 0);
  }
});

tell();
